"""What flatness is good for, without a word on generalisation: noise in the weights, and bits to store them."""

from collections.abc import Iterator

import numpy as np

import theory
from verify import Agrees, Comparison, Equals, Identity, Rival, Source, Verdict, Workbench, claim
from verify.bibliography import HOCHREITER_SCHMIDHUBER_1997
from verify.claims.flatness.minima import TRAINED
from verify.claims.flatness.perturbations import mean_rises, rises_by_size, rises_on_grids
from verify.lectures.flatness import STABLE

SIZE = 1e-3  # of noise and grid: the quartic term is a millionth of the quadratic one
SIZES = np.geomspace(1e-3, 1, 13)
ALPHA = 4.0
SPACING = 1e-4


@claim(
    "flatness.noise-robust",
    title="A flat minimum bears noise in the weights: it is the trace that counts",
    source=Source(HOCHREITER_SCHMIDHUBER_1997, "for flatness as robustness", STABLE),
    assumptions=(
        "$\\theta$ is a minimum; the changes of different weights are independent and symmetric, with mean 0, variance "
        "$s^2$ and fourth moments of order $s^4$",
        "a grid has its origin at random, uniformly and independently for each weight",
        f"for the measurements, {TRAINED}; noise and grid have the size {SIZE:g}",
    ),
    expects={Verdict.SUPPORTED},
)
def noise_robust(bench: Workbench) -> Iterator[Comparison]:
    r"""Shake all weights at a minimum by independent noise of variance $s^2$. On average the loss rises by

    $$E L(\theta + \xi) - L(\theta) = \frac{s^2}{2} \operatorname{tr} H + O(s^4),$$

    and on a quadratic there is no more to it, whatever the law of the noise. For Gaussian noise the next term is
    $\frac{s^4}{8} \sum_{ij} L_{iijj}$. Rounding the weights to a grid of spacing $h$ is such noise, of variance
    $h^2/12$: the loss rises by $\frac{h^2}{24} \operatorname{tr} H$ on average. So what makes a minimum robust on
    average is a small trace. The largest eigenvalue bounds the worst case and says little about the mean: here it is
    a fifth of the trace.
    """
    import sympy as sp

    s, t, h = sp.symbols("s t h", positive=True)
    quartic = sp.Symbol("D", real=True)
    derivation = theory.noise_rise()
    yield Identity(
        "mean rise of a quadratic under noise, $t$ the trace",
        derivation=derivation,
        claimed=s**2 * t / 2,
        rival=Rival("without the half", s**2 * t),
    )
    yield Identity(
        "the next term for Gaussian noise, $D$ the sum of the fourth derivatives",
        derivation=derivation,
        part="quartic",
        claimed=s**4 * quartic / 8,
        rival=Rival("one part in 24, as in the Taylor series", s**4 * quartic / 24),
    )
    yield Identity(
        "mean rise of a quadratic under rounding",
        derivation=theory.weight_bits(),
        part="rounding",
        claimed=h**2 * t / 24,
        rival=Rival("that of the worst rounding, h/2 in each weight", h**2 * t / 8),
    )
    networks = bench.size(quick=24, standard=60, full=200)
    draws = bench.size(quick=2000, standard=4000, full=8000)
    item = {"seed": bench.seeds("networks", 1)[0], "members": networks, "draws": draws, "size": SIZE}
    (found,) = bench.map("rises", mean_rises, [item | {"device": bench.device}])
    share = float(found["share"].max())
    for name, words in (
        ("noise", "under noise, over $s^2 \\operatorname{tr} H/2$"),
        ("rounding", "under rounding, over $h^2 \\operatorname{tr} H/24$"),
    ):
        yield Equals(
            f"mean rise of the loss of trained networks {words}",
            predicted=1,
            replicates=found[name],
            absolute=0.05,
            rival=Rival("the largest eigenvalue in the place of the trace, where its share is largest", share),
        )
    sizes = " ".join(str(float(size)) for size in SIZES)
    (curve,) = bench.map(
        "sizes", rises_by_size, [{"seed": item["seed"], "draws": 2000, "sizes": sizes, "device": bench.device}]
    )
    half = float(curve["half_trace"])
    figure = bench.figure(
        "noise",
        title="Mean rise of the loss under noise in the weights, a trained network",
        x="standard deviation $s$ of the noise",
        y="mean rise of the loss, over $s^2$",
        x_scale="log",
        caption="Up to noise of a tenth the trace is all that counts; beyond, the loss is no longer quadratic. The "
        "largest eigenvalue in the place of the trace falls short.",
    )
    ends = SIZES[[0, -1]]
    figure.line(ends, [half, half], "$\\operatorname{tr} H/2$")
    figure.line(ends, np.full(2, half * found["share"][0]), "$\\lambda_{\\max}/2$")
    figure.points(SIZES, curve["rises"] / SIZES**2, "measured")


@claim(
    "flatness.bits",
    title="Flat minima need fewer bits, until the layers are rescaled",
    source=Source(HOCHREITER_SCHMIDHUBER_1997, "for flatness as description length", STABLE),
    assumptions=(
        "the loss is quadratic within the cells of the grid, whose origin is random for each weight",
        "all weights have the same spacing $h$ and the same interval of length $R$",
        "for the measurements, two-layer ReLU networks without biases that label their own inputs, $\\alpha = 4$",
    ),
    expects={Verdict.SUPPORTED},
)
def bits(bench: Workbench) -> Iterator[Comparison]:
    r"""A flat minimum is short to write down: to keep the mean rise of the loss within $\delta$ the weights, from an
    interval of length $R$, need

    $$\frac12 \log_2 \frac{R^2 \operatorname{tr} H}{24\, \delta}$$

    bits each; a hundred times the trace costs 3.3 bits more. But this is no property of the function. Rescale two
    layers to $(\alpha\theta_1, \theta_2/\alpha)$: the traces $t_1$, $t_2$ of the two blocks become $t_1/\alpha^2$ and
    $\alpha^2 t_2$, and the number of bits follows

    $$\frac12 \log_2 \frac{R^2 (t_1 \alpha^{-2} + t_2 \alpha^2)}{24\, \delta}.$$

    Only if grid and interval are rescaled as well, $h$ to $\alpha h$ in the first layer and to $h/\alpha$ in the
    second, do loss and bits stay what they were.
    """
    import sympy as sp

    span, t, delta, alpha, t_1, t_2 = sp.symbols("R t delta alpha t_1 t_2", positive=True)
    derivation = theory.weight_bits()
    yield Identity(
        "bits per weight, $t$ the trace",
        derivation=derivation,
        claimed=sp.log(span**2 * t / (24 * delta)) / (2 * sp.log(2)),
        rival=Rival("without the half, as if the rise went with h", sp.log(span**2 * t / (24 * delta)) / sp.log(2)),
    )
    yield Identity(
        "bits per weight after a rescaling of two layers",
        derivation=derivation,
        part="orbit",
        claimed=sp.log(span**2 * (t_1 / alpha**2 + t_2 * alpha**2) / (24 * delta)) / (2 * sp.log(2)),
        rival=Rival("those before it", sp.log(span**2 * (t_1 + t_2) / (24 * delta)) / (2 * sp.log(2))),
    )
    networks = bench.size(quick=24, standard=60, full=200)
    (found,) = bench.map(
        "grids",
        rises_on_grids,
        [
            {
                "seed": bench.seeds("networks", 1)[0],
                "members": networks,
                "draws": bench.size(quick=2000, standard=4000, full=8000),
                "spacing": SPACING,
                "alpha": ALPHA,
                "device": bench.device,
            }
        ],
    )
    yield Agrees(
        "rise of the loss on a grid that is rescaled like its layer, over that before the rescaling",
        measured=found["rescaled"] / found["before"],
        predicted=1,
        tolerance=1e-6,
        reason="rounding, in losses of about 1e-9",
        rival=Rival("what the trace after the rescaling says", found["trace_after"] / found["trace"]),
    )
    yield Equals(
        "rise of the loss on the same grid after the rescaling, over $h^2 \\operatorname{tr} H/24$ there",
        predicted=1,
        replicates=found["same"] / (SPACING**2 * found["trace_after"] / 24),
        absolute=0.05,
        rival=Rival("no change", float((found["trace"] / found["trace_after"]).max())),
    )
    first, second = 1.0, 3.0
    alphas = np.geomspace(1 / 16, 16, 61)
    figure = bench.figure(
        "orbit",
        title="Bits per weight along the rescalings of one function",
        x="$\\alpha$",
        y="bits per weight",
        x_scale="log",
        caption="For the traces $t_1 = 1$ and $t_2 = 3$ of the two layers, $R = 1$ and a rise of a thousandth. The "
        "function is the same everywhere; only a grid that is rescaled like the layers sees that.",
    )
    figure.line(
        alphas,
        [theory.bits_per_weight([[first / a**2, 0], [0, second * a**2]], 1e-3) for a in alphas],
        "one grid for all weights",
    )
    level = theory.bits_per_weight([[first, 0], [0, second]], 1e-3)
    figure.line(alphas[[0, -1]], [level, level], "grid rescaled like its layer")
