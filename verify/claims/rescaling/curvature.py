"""What a rescaling of the layers makes of gradient and Hessian, and of the largest eigenvalue."""

from collections.abc import Iterator

import numpy as np

import theory
from verify import Agrees, Comparison, Exponent, Identity, Rival, Source, Verdict, Workbench, claim
from verify.bibliography import DINH_2017
from verify.claims.rescaling.networks import (
    NETWORK,
    SMOOTH,
    along_the_orbit,
    flat_first_layer,
    gathered,
    transformed,
)
from verify.lectures.rescaling import SECOND_ORDER, SPECTRAL_NORM, SPECTRAL_NORM_GOAL

ROUNDING = 1e-10
"""Over the largest entry; sums over 12 samples of products of at most four factors round to about 1e-14."""

SHAPES = {
    "two layers": {"widths": "5 6 2", "activation": "relu", "bias": False},
    "three layers with biases": {"widths": "4 5 4 2", "activation": "relu", "bias": True},
    "four layers of leaky ReLU": {"widths": "3 4 4 3 2", "activation": "leaky_relu", "bias": False},
}
EXPONENTS = np.unique(np.concatenate([np.linspace(-3, 3, 25), np.linspace(-1, 1, 33)]))  # fine where curves are bent
END = 9  # places at either end of the orbit at which slopes are fitted: two decades


@claim(
    "rescaling.hessian-transform",
    title="Gradient and Hessian after a rescaling of the layers",
    source=Source(DINH_2017, "on Hessian-based measures", SECOND_ORDER),
    assumptions=(
        SMOOTH,
        "all $\\alpha_k > 0$ with the product one; a bias of layer $k$ is multiplied by $\\alpha_1 \\cdots \\alpha_k$",
    ),
    expects={Verdict.SUPPORTED},
)
def hessian_transform(bench: Workbench) -> Iterator[Comparison]:
    r"""Multiply the weights $\theta_k$ of each layer of a ReLU network by $\alpha_k > 0$, with $\alpha_1 \cdots
    \alpha_K = 1$. No output changes, so the loss does not either; but its derivatives do. With $D$ the diagonal matrix
    that has $1/\alpha_k$ for every weight of layer $k$,

    $$\nabla L(T_\alpha \theta) = D\, \nabla L(\theta), \qquad H(T_\alpha \theta) = D\, H(\theta)\, D.$$

    An entry that belongs to layers $k$ and $l$ is divided by $\alpha_k \alpha_l$. This holds everywhere, not only at
    minima. For $K = 2$ and $3$ layers and in general, by blocks, it is derived; here it is also seen on trained
    networks, for 16 values of $\alpha$ from $1/1000$ to $1000$.
    """
    derivation = theory.rescaled_hessian()
    letters = derivation.symbols
    entry, first, second = (letters[name] for name in ("H_kl", "alpha_k", "alpha_l"))
    yield Identity(
        "an entry of the Hessian, for a weight of layer k and one of layer l",
        derivation=derivation,
        claimed=entry / (first * second),
        rival=Rival("multiplied by the Jacobian in the place of its inverse", entry * first * second),
    )
    gradient = derivation.parts["gradient"].rhs
    slope = next(symbol for symbol in gradient.free_symbols if symbol.name == "g_k")
    yield Identity(
        "an entry of the gradient, for a weight of layer k",
        derivation=derivation,
        part="gradient",
        claimed=slope / first,
        rival=Rival("multiplied by alpha_k", slope * first),
    )
    networks = bench.size(quick=2, standard=8, full=24)
    for name, shape in SHAPES.items():
        items = [
            {**shape, "samples": 12, "seed": seed, "networks": 2, "least": 1e-3, "largest": 1e3, "count": 16}
            | {"device": bench.device}
            for seed in bench.seeds(name, networks // 2)
        ]
        found = gathered(bench.map(name, transformed, items))
        before = np.broadcast_to(found["before"][:, None], found["hessian"].shape)
        yield Agrees(
            f"Hessians assembled after the rescaling, taken back by $D^{{-1}} H D^{{-1}}$, against those before: "
            f"{name}",
            measured=found["hessian"],
            predicted=before,
            tolerance=ROUNDING,
            reason="rounding in sums over samples, over the largest entry before",
            rival=Rival("D multiplies and does not divide", found["rival"]),
        )
        yield Agrees(
            f"gradients after the rescaling, taken back, against those before: {name}",
            measured=found["gradient"],
            predicted=np.broadcast_to(found["slope"][:, None], found["gradient"].shape),
            tolerance=ROUNDING,
            reason="rounding in sums over samples, over the largest entry before",
            rival=Rival("reversed", -np.broadcast_to(found["slope"][:, None], found["gradient"].shape)),
        )


@claim(
    "rescaling.spectral-norm",
    title="A minimum of the same function, as sharp as you like",
    source=Source(DINH_2017, "on Hessian-based measures", SPECTRAL_NORM),
    assumptions=(
        NETWORK,
        "the Hessian $H$ at the minimum is positive semidefinite, and its diagonal has a positive entry in each layer",
        "the networks fit the outputs of a teacher of their own shape",
    ),
    expects={Verdict.SUPPORTED},
    corrects="rescaling.curved-first-layer-as-printed",
)
def spectral_norm(bench: Workbench) -> Iterator[Comparison]:
    r"""The largest eigenvalue of the Hessian measures how sharp a minimum is. Take the minimum $(\alpha \theta_1,
    \theta_2/\alpha)$, which computes the same function as $(\theta_1, \theta_2)$. If the diagonal of the Hessian has an
    entry $\gamma > 0$ for a weight of the first layer, the largest eigenvalue is there at least

    $$\lambda_{\max} \ge \frac{\gamma}{\alpha^2},$$

    above every bound $M$ once $\alpha < \sqrt{\gamma/M}$; for an entry of the second layer it is at least $\alpha^2
    \gamma$. So it grows like $\alpha^{-2}$ at one end of the orbit and like $\alpha^2$ at the other: with two powers of
    $\alpha$, unlike the gradient, and in between there is a flattest point.
    """
    derivation = theory.spectral_norm_growth()
    letters = derivation.symbols
    alpha, gamma = letters["alpha"], letters["gamma"]
    yield Identity(
        "lower bound from a weight of the first layer",
        derivation=derivation,
        claimed=gamma / alpha**2,
        rival=Rival("one power of alpha, as for the gradient", gamma / alpha),
    )
    yield Identity(
        "lower bound from a weight of the second layer",
        derivation=derivation,
        part="layer 2",
        claimed=gamma * alpha**2,
        rival=Rival("one power of alpha", gamma * alpha),
    )
    batches = bench.size(quick=2, standard=4, full=8)
    items = [
        {
            "seed": seed,
            "networks": 16,
            "widths": "5 4 3",
            "activation": "relu",
            "samples": 60,
            "exponents": " ".join(map(str, EXPONENTS)),
            "device": bench.device,
        }
        for seed in bench.seeds("networks", batches)
    ]
    results = bench.map("orbit", along_the_orbit, items)
    alphas = results[0]["alphas"]
    found = gathered([{name: result[name] for name in ("largest", "trace", "fitted")} for result in results])
    fitted = found["fitted"].astype(bool)
    largest, dropped = found["largest"][fitted], int((~fitted).sum())
    for name, places, slope in (
        ("small", slice(None, END), -2),
        ("large", slice(-END, None), 2),
    ):
        yield Exponent(
            f"power of alpha in the largest eigenvalue, for {name} alpha",
            predicted=slope,
            x=alphas[places],
            y=largest[:, places],
            absolute=0.02,
            dropped=dropped,
            rival=Rival("one power, as for the gradient", slope / 2),
        )
    figure = bench.figure(
        "orbit",
        title="Largest eigenvalue along the orbit of one function",
        x="$\\alpha$",
        y="largest eigenvalue of the Hessian",
        x_scale="log",
        y_scale="log",
        caption="Each curve belongs to one trained network, rescaled to $(\\alpha\\theta_1, \\theta_2/\\alpha)$: every "
        "point of a curve computes the same function and has the same training and test error. As trained, networks "
        "are at $\\alpha = 1$.",
    )
    for member in range(3):
        figure.line(alphas, largest[member], f"network {member + 1}")
    level = 4 * float(largest[:3].max(axis=0)[0])
    figure.line(alphas[:END], level * (alphas[:END] / alphas[0]) ** -2, "$\\alpha^{-2}$")
    figure.line(alphas[-END:], level * (alphas[-END:] / alphas[-1]) ** 2, "$\\alpha^2$")
    figure.points([1.0] * 3, largest[:3, len(alphas) // 2], "as trained")


@claim(
    "rescaling.curved-first-layer-as-printed",
    title="A positive eigenvalue for the first layer, as printed",
    source=Source(printed=SPECTRAL_NORM_GOAL),
    assumptions=(
        SMOOTH,
        "the networks have 4 units with two outputs, of which the two that are on at the samples lead nowhere and the "
        "two that lead somewhere are off; the targets are zero",
    ),
    expects={Verdict.REFUTED},
    flaw="overstatement",
    right=(
        r"The diagonal has a positive entry $\gamma$. If it belongs to layer 1, the norm is at least "
        r"$\gamma/\alpha^2$; if it belongs to layer 2, at least $\alpha^2 \gamma$. So the norm has no bound, as "
        r"$\alpha$ falls to zero or as it grows."
    ),
)
def curved_first_layer_as_printed(bench: Workbench) -> Iterator[Comparison]:
    r"""As printed: at a minimum with a Hessian other than zero there is a positive eigenvalue $\gamma$, for example for
    $\theta_1$, and so the norm of the Hessian at $(\alpha \theta_1, \theta_2/\alpha)$ is at least $\alpha^{-2}
    \gamma$: it grows without a bound as $\alpha$ falls to zero.

    (What there is, the trace being positive, is a positive entry $\gamma$ of the diagonal. It may belong to layer 2
    alone: then the norm falls like $\alpha^2$, and it is $\alpha$ that must grow. The theorem stands.)
    """
    exponents = np.linspace(-3, 0, 7)
    items = [
        {"seed": seed, "samples": 12, "exponents": " ".join(map(str, exponents)), "device": bench.device}
        for seed in bench.seeds("networks", bench.size(quick=4, standard=16, full=64))
    ]
    found = gathered(bench.map("first layer", flat_first_layer, items))
    growth = np.broadcast_to(-2 * exponents, found["largest"].shape)
    yield Agrees(
        "powers of ten by which the largest eigenvalue changes, $\\alpha$ from 1 down to 1/1000",
        measured=found["largest"],
        predicted=growth,
        tolerance=1e-10,
        reason="rounding in sums over 12 samples",
        rival=Rival("two powers down, with $\\alpha^2$", -growth),
    )
