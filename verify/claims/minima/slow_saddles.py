"""Saddles of high order: how flat the origin of a deep product is, and how long gradient flow takes to leave it."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

import numerics
import theory
from verify import Agrees, Comparison, Exponent, Identity, Rival, Source, Verdict, Workbench, claim
from verify.bibliography import SAXE_2014
from verify.lectures.local_minima import MORE_PROBLEMS

Array = NDArray[np.float64]

SIZES = (1e-3, 10**-3.5, 1e-4, 10**-4.5, 1e-5)
"""Sizes of the weights at the start."""

LAYERS = (2, 3, 4)
STEPS = 80
"""Runge-Kutta steps, of equal length in the logarithm of the product."""


def escape_times(seed: int, layers: int, starts: int) -> dict[str, Array]:
    """Time until the product of the weights reaches half the target, start by start and size by size.

    Gradient flow on half the squared error of a linear network of width one, with the gradient of the package, followed
    in the logarithm of the product p: d log p = |grad L|^2 dt / (p (y - p)).

    Args:
        seed: Of the starts.
        layers: Weights in the product.
        starts: How many directions and targets.

    Returns:
        "alike", from equal weights, and "spread", from weights between 1/2 and 3/2 times the size: one row per start
        and one column per size; "targets", one per start.
    """
    import torch

    source = np.random.default_rng([seed, layers])
    directions = np.concatenate([np.ones((starts, layers)), source.uniform(0.5, 1.5, size=(starts, layers))])
    targets = source.uniform(0.5, 2, size=starts)
    theta = torch.from_numpy((np.array(SIZES)[:, None] * directions[:, None]).reshape(-1, layers))
    target = torch.from_numpy(np.repeat(np.tile(targets, 2), len(SIZES)))
    network = numerics.Mlp((1,) * (layers + 1), "linear", bias=False)
    x, y = torch.ones(1, 1, dtype=theta.dtype), target[:, None, None]
    loss = numerics.SquaredError(prefactor=0.5)

    def rates(weights: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        _, gradient = numerics.loss_and_gradient(network, weights, x, y, loss)
        product = weights.prod(dim=1)
        clock = product * (target - product) / gradient.square().sum(dim=1)
        return -clock[:, None] * gradient, clock

    time = torch.zeros_like(target)
    step = (target / 2).log().sub(theta.log().sum(dim=1)) / STEPS
    for _ in range(STEPS):
        first, one = rates(theta)
        second, two = rates(theta + step[:, None] / 2 * first)
        third, three = rates(theta + step[:, None] / 2 * second)
        fourth, four = rates(theta + step[:, None] * third)
        theta = theta + step[:, None] / 6 * (first + 2 * second + 2 * third + fourth)
        time = time + step / 6 * (one + 2 * two + 2 * three + four)
    alike, spread = time.reshape(2, starts, -1).numpy()
    return {"alike": alike, "spread": spread, "targets": targets}


@claim(
    "minima.slow-saddles",
    title="Saddles at which the Hessian vanishes, and how long gradient flow takes to leave them",
    source=Source(SAXE_2014, "on the time of learning from small weights", MORE_PROBLEMS),
    assumptions=(
        "the network is a product of $K$ weights, the loss is half the square of its error, "
        "$\\frac{1}{2}(w_1 \\cdots w_K - y)^2$ with $y > 0$ (without the half all times are half as long)",
        "the times are those of gradient flow until the product reaches $y/2$; the formulas are for weights that are "
        "all $\\delta$ at the start, and the powers are measured from weights between $\\delta/2$ and $3\\delta/2$ too",
    ),
    expects={Verdict.SUPPORTED},
)
def slow_saddles(bench: Workbench) -> Iterator[Comparison]:
    r"""At the origin of a product of $K$ weights all derivatives of the loss below order $K$ vanish: on a ray
    $w = s v$, with $V = v_1 \cdots v_K$,

    $$L(s v) - L(0) = -y V s^K + \frac{1}{2} V^2 s^{2K}.$$

    So for $K \ge 3$ the Hessian is zero, and yet the origin is no minimum. Gradient flow that starts near it, with all
    weights equal to $\delta$, takes for two layers the time

    $$T = \frac{1}{y} \log\frac{1}{\delta} + O(1), \qquad \text{and for } K \ge 3 \qquad
    T = \frac{\delta^{2 - K}}{(K - 2)\, y} + O(1).$$
    """
    import sympy as sp

    y, delta, s, volume = sp.symbols("y delta s V", positive=True)
    K = sp.Symbol("K", integer=True, positive=True)
    yield Identity(
        "loss on a ray from the origin, less that at the origin",
        derivation=theory.product_saddle(),
        claimed=-y * volume * s**K + volume**2 * s ** (2 * K) / 2,
        rival=Rival("a saddle with a Hessian, whatever K", -y * volume * s**2 + volume**2 * s**4 / 2),
    )
    yield Identity(
        "time from two equal weights",
        derivation=theory.two_layer_escape_time(),
        claimed=(sp.log(y - delta**2) / 2 - sp.log(delta)) / y,
        rival=Rival("the law of three layers", 1 / (delta * y)),
    )
    yield Identity(
        "time from three or more equal weights, but for a bounded term",
        derivation=theory.deep_escape_time(),
        claimed=delta ** (2 - K) / ((K - 2) * y),
        rival=Rival("the law of two layers", -sp.log(delta) / y),
    )
    starts = bench.size(quick=20, standard=100, full=400)
    sizes = np.array(SIZES)
    found = {}
    for layers in LAYERS:
        (seed,) = bench.seeds(f"{layers} layers", 1)
        case = {"seed": seed, "layers": layers, "starts": starts}
        (found[layers],) = bench.map(f"{layers} layers", escape_times, [case])
    two = found[2]
    targets = two["targets"][:, None]
    three_layers = 1 / (targets * sizes)
    yield Agrees(
        "measured time from two equal weights",
        measured=two["alike"],
        predicted=(np.log(targets - sizes**2) / 2 - np.log(sizes)) / targets,
        tolerance=1e-4,
        reason="the flow is followed in steps, to some 1e-5",
        rival=Rival("the law of three layers", three_layers),
    )
    yield Agrees(
        "growth of the time from two different weights with log(1/delta), times y",
        measured=(two["spread"][:, -1] - two["spread"][:, 0]) * two["targets"] / np.log(sizes[0] / sizes[-1]),
        predicted=1,
        tolerance=1e-3,
        reason="terms of the order of the squared size",
        rival=Rival("the law of three layers", (1 / sizes[-1] - 1 / sizes[0]) / np.log(sizes[0] / sizes[-1])),
    )
    for layers in LAYERS[1:]:
        leading = sizes[-1] ** (2 - layers) / ((layers - 2) * found[layers]["targets"])
        yield Agrees(
            f"measured time from {layers} equal weights of {sizes[-1]:.0e}, over its leading term",
            measured=found[layers]["alike"][:, -1] / leading,
            predicted=1,
            tolerance=1e-3,
            reason="the bounded term is at most a few units, the leading one at least 5e4",
            rival=Rival("with K - 1 in the place of K - 2", (layers - 2) / (layers - 1)),
        )
        yield Exponent(
            f"power of the size of {layers} different weights in the time",
            predicted=2 - layers,
            x=SIZES,
            y=found[layers]["spread"],
            absolute=0.02,
            rival=Rival("that of one layer less, or a logarithm for two", 3 - layers),
        )
    figure = bench.figure(
        "times",
        title="Time that gradient flow takes from near the origin to half the target",
        x="size δ of the weights",
        y="time times y",
        x_scale="log",
        y_scale="log",
        caption="Lines: the formulas for equal weights. Points: medians over different weights, with the range of "
        "all; they start on average a little elsewhere.",
    )
    fine = np.geomspace(sizes[0], sizes[-1], 40)
    for layers in LAYERS:
        law = np.log(1 / fine) if layers == 2 else fine ** (2 - layers) / (layers - 2)
        figure.line(fine, law, f"{layers} layers, formula")
        times = found[layers]["spread"] * found[layers]["targets"][:, None]
        middle = np.median(times, axis=0)
        figure.points(
            sizes, middle, f"{layers} layers, measured", [middle - times.min(axis=0), times.max(axis=0) - middle]
        )
