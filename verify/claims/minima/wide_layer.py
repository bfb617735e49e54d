"""One hidden layer as wide as there are data: where no critical point but a fit is left, and what that rests on."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

import numerics
import theory
from verify import Agrees, Bounds, Comparison, Identity, Rival, Source, Verdict, Workbench, claim
from verify.bibliography import NGUYEN_HEIN_2017
from verify.claims.hessian.zero_loss import widths_of
from verify.lectures.flat_minima import NOT_COVERED

if TYPE_CHECKING:
    from torch import Tensor

Array = NDArray[np.float64]

NETWORKS: Final = ("8 32 2", "8 32 8 2", "8 32 8 4 2")
"""With 0, 1 and 2 layers between the wide layer's weights and the output's."""

DATA = 8
AFTER: Final = 0.6
"""What every unit after the wide layer sees, up to its sign, in the networks that meet the bound."""

SLACK: Final = 1e-9
"""Of the ratio of bound and squared gradient, for rounding."""


def gradients_and_bounds(seed: int, networks: int, widths: str, device: str) -> dict[str, Array]:
    """The squared gradient in the weights after the wide layer of random tanh networks, and what bounds it."""
    shape = widths_of(widths)
    seeds = range(seed, seed + networks)
    x, y = numerics.gaussian_memorisation(inputs=shape[0], outputs=shape[-1], samples=DATA, seeds=seeds, device=device)
    network = numerics.Mlp(shape, "tanh", bias=False)
    return _of_batch(network, network.init([each + networks for each in seeds], device=device), x, y)


def equal_singular_values(seed: int, between: int, device: str) -> dict[str, Array]:
    """The same for one network with features, weights and slopes of equal size, and so many layers between.

    The features are half an orthogonal matrix. All later units see plus or minus one number on each datum, by a
    Hadamard matrix, and the weights that lead on from them are orthogonal, up to one factor.
    """
    import torch
    from scipy.linalg import hadamard

    source = np.random.default_rng(seed)
    features = np.linalg.qr(source.normal(size=(DATA, DATA)))[0] / 2
    seen = AFTER * hadamard(DATA).astype(np.float64)
    before = [features, np.tanh(seen)][:between]
    weights = [np.arctanh(features), *(seen @ np.linalg.inv(outputs) for outputs in before)]
    weights.append(np.linalg.qr(source.normal(size=(DATA, 2)))[0].T * AFTER / np.tanh(AFTER))
    flat = np.concatenate([weight.ravel() for weight in weights])
    theta = torch.tensor(flat, dtype=torch.float64, device=device)[None]
    x = torch.eye(DATA, dtype=torch.float64, device=device)
    y = torch.tensor(source.normal(size=(DATA, 2)), dtype=torch.float64, device=device)
    return _of_batch(numerics.Mlp((DATA,) * (between + 2) + (2,), "tanh", bias=False), theta, x, y)


def _of_batch(network: "numerics.Mlp", theta: "Tensor", x: "Tensor", y: "Tensor") -> dict[str, Array]:
    """The least singular values from the first hidden layer on, the loss, the squared gradient in the next weights."""
    import torch

    loss, gradient = numerics.loss_and_gradient(network, theta, x, y, numerics.SquaredError(prefactor=0.5))
    trace = network.trace(theta, x)
    layers = torch.ones_like(loss)
    between = range(2, len(trace.weights))
    if between:
        slopes = [network.nonlinearity.slope(trace.pre[layer - 1]).abs().amin(dim=(1, 2)) for layer in between]
        weights = [torch.linalg.svdvals(trace.weights[layer])[:, -1] for layer in between]
        layers = (torch.stack(slopes) * torch.stack(weights)).amin(dim=0) ** 2
    results = {
        "features": torch.linalg.svdvals(trace.inputs[1])[:, -1],
        "layers": layers,
        "between": torch.full_like(loss, float(len(between))),
        "loss": loss,
        "squared": gradient[:, network.layers["1.weight"]].square().sum(dim=1),
    }
    return {name: values.cpu().numpy() for name, values in results.items()}


@claim(
    "minima.wide-layer",
    title="Critical points are fits where a wide layer's features, and pyramidal weights after it, have full rank",
    source=Source(NGUYEN_HEIN_2017, "on layers wider than the number of data", NOT_COVERED),
    assumptions=(
        "no biases; the loss is half the mean squared error, $L = |E|^2/(2N)$ with the residuals $E$ of $N$ data",
        "at the point in question the features $F$ of one hidden layer, its outputs on the data, have rank $N$, which "
        "needs $N$ units at least; each later layer is at most as wide as the one before it, and its weights have full "
        "rank, but for the weights right after $F$, which may be any; the slope of the activation is nowhere zero, as "
        "that of tanh",
    ),
    expects={Verdict.PROVED},
)
def wide_layer(bench: Workbench) -> Iterator[Comparison]:
    r"""Let $F$ be the features of a hidden layer on $N$ data, of rank $N$, and $s$ their least singular value. Let $K$
    hidden layers follow, none wider than the one before. For each of them take the product of its least slope and the
    least singular value of the weights that lead on from it; let $a$ be the least square of such a product. Then

    $$|\nabla L|^2 \ge \frac{2 s^2 a^K}{N} \, L.$$

    If those weights have full rank and no slope is zero, $a$ is positive, and where the gradient is zero the loss is
    zero: such a point is a global minimum. Everything hangs on the rank of the features. Without it there are critical
    points that are not global though there are enough units: two tanh units at zero, with output weights $(1, 2)$, on
    inputs 1 and 2 with labels $2c$ and $-c$, have zero gradient at the loss $5c^2/4$, and other weights fit. That a
    critical point has the rank is an assumption.
    """
    derivation = theory.wide_layer_gradient()
    symbols = derivation.symbols
    loss, least, layers, between, samples = (symbols[name] for name in ("L", "s", "a", "K", "N"))
    yield Identity(
        "lower bound of the squared gradient",
        derivation=derivation,
        claimed=layers**between * least**2 * loss / (samples / 2),
        rival=Rival("zero: some residuals leave no gradient", 0 * loss),
    )
    without = theory.gradient_without_rank()
    (scale,) = without.value.free_symbols
    yield Identity(
        "loss at a critical point of enough tanh units without independent features",
        derivation=without,
        claimed=scale**2 + scale**2 / 4,
        rival=Rival("zero: global as well", 0 * scale),
    )


@claim(
    "minima.wide-layer-on-networks",
    title="The gradient of networks with a wide layer, against its lower bound",
    source=Source(NGUYEN_HEIN_2017, "on layers wider than the number of data", NOT_COVERED),
    assumptions=(
        "tanh networks 8-32-2, 8-32-8-2 and 8-32-8-4-2 on 8 data, without biases; inputs and targets are independent "
        "standard normal numbers, weights $N(0, 1/\\text{fan-in})$",
        "where the bound is met: networks 8-8-2, 8-8-8-2 and 8-8-8-8-2, one each, whose features have equal singular "
        "values, as have the weights that lead on from the layers after them, in which all slopes are equal",
    ),
    expects={Verdict.SUPPORTED},
)
def wide_layer_on_networks(bench: Workbench) -> Iterator[Comparison]:
    r"""At random weights the squared gradient in the weights that follow the wide layer is nowhere below

    $$\frac{2 s^2 a^K}{N} \, L,$$

    with the least singular value $s$ of the features, and $a$ from slopes and weights of the $K$ layers between,
    here none, one or two. Neither the constant nor the power can be improved: for each of these $K$ there is a network
    where both sides are equal.
    """
    import sympy as sp

    networks = bench.size(quick=40, standard=400, full=4000)
    items = [
        {"seed": seed, "networks": networks, "widths": widths, "device": bench.device}
        for seed, widths in zip(bench.seeds("networks", len(NETWORKS)), NETWORKS, strict=True)
    ]
    results = bench.map("gradients", gradients_and_bounds, items)
    seeds = bench.seeds("equal", len(NETWORKS))
    items = [{"seed": seed, "between": between, "device": bench.device} for between, seed in enumerate(seeds)]
    results += bench.map("equal", equal_singular_values, items)
    bound = sp.lambdify(sp.symbols("s a K L N"), str(theory.wide_layer_gradient().value), "numpy")
    bounds = [bound(each["features"], each["layers"], each["between"], each["loss"], float(DATA)) for each in results]
    squared = [each["squared"] for each in results]
    yield Bounds(
        "lower bound over squared gradient",
        smaller=np.concatenate(bounds) / np.concatenate(squared),
        larger=1.0,
        tolerance=SLACK,
        reason="rounding in singular values",
        rival=Rival("a constant twice as large", 0.5),
    )
    made = slice(len(NETWORKS), None)
    factors = np.concatenate([each["layers"] for each in results[made]])
    yield Agrees(
        "lower bound over squared gradient where the bound is met, with none, one or two layers between",
        measured=np.concatenate(bounds[made]) / np.concatenate(squared[made]),
        predicted=1,
        tolerance=SLACK,
        reason="rounding in singular values",
        rival=Rival("one factor of $a$ more, as if the outputs counted", factors),
    )
    figure = bench.figure(
        "bound",
        title="Squared gradient after the wide layer, and its lower bound",
        x="lower bound",
        y="squared gradient",
        x_scale="log",
        y_scale="log",
        caption="Each point is a random network; the last three are made to meet the bound.",
    )
    for widths, below, above in zip(NETWORKS, bounds, squared, strict=False):
        figure.points(below[:40], above[:40], f"tanh {widths.replace(' ', '-')}")
    figure.points(np.concatenate(bounds[made]), np.concatenate(squared[made]), "made to meet it")
    ends = np.array([min(map(np.min, bounds)), max(map(np.max, bounds))])
    figure.line(ends, ends, "equal")


@claim(
    "minima.square-activation-as-printed",
    title="Square activations and weights of maximal rank make every critical point global, as printed",
    source=Source(NGUYEN_HEIN_2017, "the conditions of its theorems", NOT_COVERED),
    assumptions=("two data, three units $z^2$ on five inputs, one output; $L = |E|^2/4$",),
    expects={Verdict.REFUTED},
    right="Analytic, strictly increasing activations, one layer as wide as there are data, with features of that rank, "
    "and pyramidal from there on, with weights of full rank.",
    flaw="misprint",
)
def square_activation_as_printed(bench: Workbench) -> Iterator[Comparison]:
    r"""As printed: with square activation, square loss and weight matrices of maximal rank at each critical point,
    every critical point is a global minimum.

    (The activations of the paper increase strictly. The slope of a square is zero at 0: units at right angles to all
    inputs see nothing and learn nothing. Three of them on two data have weights of full rank and are more than the
    data, with zero gradient at the loss of the zero network, $(y_1^2 + y_2^2)/4$; other weights fit. Square activations
    are the subject of Soltanolkotabi, Javanmard and Lee, of whom the same slide tells.)
    """
    derivation = theory.square_units_at_rest()
    first, second = sorted(derivation.value.free_symbols, key=str)
    yield Identity(
        "loss at a critical point with weights of maximal rank",
        derivation=derivation,
        claimed=0 * first,
        rival=Rival("that of the zero network", (first**2 + second**2) / 4),
    )
