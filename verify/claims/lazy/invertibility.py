"""When the kernels of a wide network are invertible: on average, and with the units that there are."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

import numerics
import theory
from verify import Agrees, Comparison, Identity, Proportion, Rival, Source, Verdict, Workbench, claim
from verify.bibliography import DANIELY_2016, HUANG_2006
from verify.lectures.lazy_training import KERNEL

if TYPE_CHECKING:
    import torch

Array = NDArray[np.float64]

INPUTS, SAMPLES = 3, 6
WIDTHS = (2, 4, 6, 8, 12, 18)
ANGLE = 1.0
FEW_UNITS = (1, 2, 3, 4, 6, 8)
PAIR_UNITS = 4
"""The number of units at which the share of singular kernels on two samples is compared."""

RANK = 1e-12
"""Singular values below this share of the largest one count as zero."""


def feature_ranks(seed: int, activation: str, units: int, networks: int) -> dict[str, Array]:
    """The ranks of the features of hidden units on normal inputs.

    Args:
        seed: Of weights and inputs.
        activation: Of the hidden units.
        units: How many.
        networks: How many, each with inputs of its own.

    Returns:
        "rank", one per network.
    """
    import torch

    source = torch.Generator().manual_seed(seed)
    x = torch.ones(networks, SAMPLES, INPUTS + 1, dtype=torch.float64)
    x[:, :, :INPUTS] = torch.randn(networks, SAMPLES, INPUTS, generator=source, dtype=x.dtype)
    return {"rank": _ranks(activation, units, x, source)}


def pair_ranks(seed: int, units: int, networks: int) -> dict[str, Array]:
    """The ranks of the features of ReLU units on two inputs of length one at the angle 1.

    Args:
        seed: Of the weights.
        units: How many.
        networks: How many.

    Returns:
        "rank", one per network.
    """
    import torch

    x = torch.tensor([[1.0, 0.0], [np.cos(ANGLE), np.sin(ANGLE)]], dtype=torch.float64)
    source = torch.Generator().manual_seed(seed)
    return {"rank": _ranks("relu", units, x.expand(networks, 2, 2), source)}


def _ranks(activation: str, units: int, x: "torch.Tensor", source: "torch.Generator") -> Array:
    """The numbers of singular values of the features that are not zero."""
    import torch

    network = numerics.Mlp((x.shape[2], units, 1), activation, bias=False)
    theta = torch.randn(len(x), network.parameters, generator=source, dtype=x.dtype)
    values = torch.linalg.svdvals(network.trace(theta, x).inputs[1])
    ranks: Array = (values > RANK * values[:, :1]).sum(dim=1).numpy().astype(np.float64)
    return ranks


@claim(
    "lazy.strictly-positive-kernels",
    title="The mean kernels of a wide ReLU network have no eigenvalue zero, opposite inputs aside",
    source=Source(DANIELY_2016, "on dual activations", KERNEL),
    assumptions=(
        "the kernels $\\kappa_1 = \\frac{1}{\\pi} (\\sin t + (\\pi - t) \\cos t)$ and $\\kappa_0 = "
        "\\frac{1}{\\pi} (\\pi - t)$ are those of inputs of length one at the angle $t$, with $\\rho = \\cos t$",
    ),
    expects={Verdict.PROVED},
)
def strictly_positive_kernels(bench: Workbench) -> Iterator[Comparison]:
    r"""The kernels are power series in the cosine with weights that are not negative,

    $$\kappa_1 = \frac{1}{\pi} + \frac{\rho}{2} + \sum_{j=0}^\infty a_j \rho^{2j + 2}, \qquad
      \kappa_0 = \frac{1}{2} + \sum_{j=0}^\infty (2j + 2) a_j \rho^{2j + 1},$$

    $$a_j = \frac{\Gamma(j + 1/2)}{2 \pi^{3/2} (2j + 1) \Gamma(j + 2)}.$$

    Let $m$ inputs be pairwise not parallel, and $r < 1$ the largest $|\rho|$ of two of them. The power $k = 2j + 2$
    alone bounds the least eigenvalue of the matrix of $\kappa_1$ from below by $a_j (1 - (m - 1) r^k)$, by Gershgorin's
    theorem, which is positive for large $k$; odd powers do the same for $\kappa_0$ (Du, Zhai, Póczos and Singh 2019,
    theorem 3.1, for the kernel of the hidden weights). Different inputs with a 1 at the end are never parallel:
    $|(x, 1)|^2 |(y, 1)|^2 \sin^2 t \ge |x - y|^2$, in one dimension with equality.

    Opposite inputs are parallel, and there only even or odd powers are left. Two pairs $\pm u$, $\pm v$ at the angle
    $t$ give the forms $2 |a u + b v|^2 = 2 (a^2 + b^2 + 2 a b \cos t)$ of $\kappa_1$ on opposite weights, which is zero
    for dependent inputs only, and $2 (a + b)^2$ of $\kappa_0$ on equal weights, which is zero for $b = -a$.
    """
    import sympy as sp

    j = sp.Symbol("j", integer=True, nonnegative=True)
    m, s, t = sp.symbols("m s t", positive=True)
    a, b, x, y = sp.symbols("a b x y", real=True)
    half, odd = sp.gamma(j + sp.Rational(1, 2)), sp.pi ** sp.Rational(3, 2) * (2 * j + 1)
    one, zero = half / (2 * odd * sp.gamma(j + 2)), half / (odd * sp.gamma(j + 1))
    series, opposite = theory.arc_cosine_series(), theory.opposite_inputs()
    yield Identity(
        "weight of the power 2j + 2 in the kernel of order one",
        derivation=series,
        claimed=one,
        rival=Rival("that of the kernel of order zero", zero),
    )
    yield Identity(
        "weight of the power 2j + 1 in the kernel of order zero",
        derivation=series,
        part="order zero",
        claimed=zero,
        rival=Rival("that of the kernel of order one", one),
    )
    yield Identity(
        "bound on the least eigenvalue, with s for the power of r",
        derivation=series,
        part="least eigenvalue",
        claimed=one * (1 - (m - 1) * s),
        rival=Rival("the same for every number of inputs", one * (1 - s)),
    )
    yield Identity(
        "squared sine of the angle of (x, 1) and (y, 1), times their squared lengths",
        derivation=series,
        part="sine",
        claimed=(x - y) ** 2,
        rival=Rival("zero, as without the 1", sp.Integer(0)),
    )
    yield Identity(
        "form of order one on opposite weights at two pairs of opposite inputs",
        derivation=opposite,
        claimed=2 * (a**2 + b**2 + 2 * a * b * sp.cos(t)),
        rival=Rival("as for pairs at right angles", 2 * (a**2 + b**2)),
    )
    yield Identity(
        "form of order zero on equal weights at two pairs of opposite inputs",
        derivation=opposite,
        part="order zero",
        claimed=2 * (a + b) ** 2,
        rival=Rival("zero for zero weights alone", 2 * (a**2 + b**2)),
    )


@claim(
    "lazy.kernel-invertible",
    title="The kernel of the features is singular below as many units as samples; above, smooth units make it regular",
    source=Source(HUANG_2006, "theorem 2.1", KERNEL),
    assumptions=(
        "$K = F F^T$ is the kernel of the features $\\varrho(\\langle w_k, (x_i, 1) \\rangle)$ of $n$ units on $m$ "
        "different samples; units are independent, and their weights have a density",
        "smooth activations are analytic and no polynomials; measured with softplus and tanh. (The theorem as stated "
        "asks for derivatives of all orders alone; linear units have them, and tell $d + 1$ samples apart.)",
        "measured on normal inputs of 3 coordinates and weights of variance one; the two samples of the closed form "
        "have the length 1, at the angle 1; singular values below $10^{-12}$ of the largest one count as zero",
    ),
    expects={Verdict.SUPPORTED},
)
def kernel_invertible(bench: Workbench) -> Iterator[Comparison]:
    r"""$\det K = \sum_{|S| = m} (\det F_S)^2$ over all choices of $m$ units. Below $m$ units there is none, and $K$ is
    singular. From $m$ units on one choice with $\det F_S \ne 0$ makes it regular. For analytic units that are no
    polynomials almost all weights do: the determinant is analytic in them and not zero somewhere. For logistic units of
    one direction it is Cauchy's, whose pivots

    $$\frac{(a_k - a_1)(b_i - b_1)}{(a_k + b_i)(a_k + b_1)(a_1 + b_i)}$$

    are not zero, and with them softplus units have such a place.

    ReLU units fail more often, because some are off; but less and less. On two samples, with the probability $p$ that
    a unit is on at both, the kernel of $n$ units is singular with the probability

    $$2^{1 - n} + (n - 1) p^n, \qquad p = \frac{\pi - t}{2 \pi}.$$

    For $m$ samples thresholds between them make triangular features, so that $m$ units do not always fail, and $n$ of
    them at most as often as $m$ units fail $\lfloor n/m \rfloor$ times.
    """
    import sympy as sp

    features = sp.symbols("f_1:7", real=True)
    minors = [features[i] * features[3 + k] - features[k] * features[3 + i] for i, k in ((0, 1), (0, 2), (1, 2))]
    a, b = sp.symbols("a_1:4", positive=True), sp.symbols("b_1:4", positive=True)
    n, gaps = sp.Symbol("n", integer=True, positive=True), sp.symbols("g_1:4", positive=True)
    p, t = sp.symbols("p t", positive=True)
    regular, failure = theory.invertible_kernel(), theory.relu_kernel_failure()
    yield Identity(
        "determinant of K, three units on two samples",
        derivation=regular,
        claimed=sum(minor**2 for minor in minors),
        rival=Rival("two of the three choices alone", sum(minor**2 for minor in minors[:2])),
    )
    yield Identity(
        "determinant of K, one unit on two samples",
        derivation=regular,
        part="fewer units",
        claimed=sp.Integer(0),
        rival=Rival("the product of the diagonal", features[0] ** 2 * features[3] ** 2),
    )
    yield Identity(
        "pivot of logistic units of one direction",
        derivation=regular,
        part="pivot",
        claimed=(a[1] - a[0]) * (b[1] - b[0]) / ((a[1] + b[1]) * (a[1] + b[0]) * (a[0] + b[1])),
        rival=Rival("zero, as for dependent features", sp.Integer(0)),
    )
    yield Identity(
        "probability of a singular kernel, ReLU units on two samples",
        derivation=failure,
        claimed=sp.expand(2 ** (1 - n) + (n - 1) * p**n),
        rival=Rival("without units that are on at both samples", 2 ** (1 - n)),
    )
    yield Identity(
        "probability that a unit is on at both samples",
        derivation=failure,
        part="both on",
        claimed=(sp.pi - t) / (2 * sp.pi),
        rival=Rival("that of independent samples", sp.Rational(1, 4)),
    )
    yield Identity(
        "determinant of three ReLU units with thresholds between the samples",
        derivation=failure,
        part="triangular",
        claimed=gaps[0] * gaps[1] * gaps[2],
        rival=Rival("zero, as for dependent features", sp.Integer(0)),
    )
    networks = bench.size(quick=400, standard=4000, full=40_000)
    counts = np.repeat(np.array(WIDTHS), networks)
    for activation in ("softplus", "tanh"):
        ranks = np.concatenate([each["rank"] for each in _ensembles(bench, activation, networks)])
        yield Agrees(
            f"rank of the features of 2 to 18 units on {SAMPLES} samples ({activation})",
            measured=ranks,
            predicted=np.minimum(counts, SAMPLES),
            tolerance=0,
            reason="ranks are whole numbers",
            rival=Rival("that of linear units, which tell d + 1 samples apart", np.minimum(counts, INPUTS + 1)),
        )
    networks *= 5
    relu = [int((each["rank"] < SAMPLES).sum()) for each in _ensembles(bench, "relu", networks)]
    shares = dict(zip(WIDTHS, relu, strict=True))
    yield Proportion(
        f"singular kernels of {SAMPLES} ReLU units on {SAMPLES} samples",
        successes=shares[SAMPLES],
        trials=networks,
        within=(0.3, 0.8),
        rival=Rival("none, as for smooth units", 0),
    )
    yield Proportion(
        f"singular kernels of {3 * SAMPLES} ReLU units on {SAMPLES} samples",
        successes=shares[3 * SAMPLES],
        trials=networks,
        within=(0, 0.02),
        rival=Rival(f"as for {SAMPLES} units", (0.3, 0.8)),
    )
    pairs = 10 * networks
    items = [
        {"seed": seed, "units": units, "networks": pairs}
        for seed, units in zip(bench.seeds("pairs", len(FEW_UNITS)), FEW_UNITS, strict=True)
    ]
    singular = [int((each["rank"] < 2).sum()) for each in bench.map("pairs", pair_ranks, items)]
    on = (np.pi - ANGLE) / (2 * np.pi)
    law = [2.0 ** (1 - units) + (units - 1) * on**units for units in FEW_UNITS]
    place = FEW_UNITS.index(PAIR_UNITS)
    yield Proportion(
        f"singular kernels of {PAIR_UNITS} ReLU units on two samples",
        successes=singular[place],
        trials=pairs,
        within=(law[place] - 0.018, law[place] + 0.018),
        rival=Rival("without units that are on at both samples", 2.0 ** (1 - PAIR_UNITS)),
    )
    figure = bench.figure(
        "singular",
        title="How often the kernel of ReLU units is singular",
        x="units n",
        y="share of singular kernels",
        caption=f"On two samples at the angle 1, with the closed form, and on {SAMPLES} random samples. Bars: two "
        "standard errors. Smooth units: 1 below as many units as samples, 0 from there on.",
    )
    figure.line(FEW_UNITS, law, "two samples, formula")
    for name, units, found, trials in (
        ("two samples", FEW_UNITS, singular, pairs),
        (f"{SAMPLES} samples", WIDTHS, relu, networks),
    ):
        share = np.array(found) / trials
        error = 2 * np.sqrt(share * (1 - share) / trials)
        figure.points(units, share, name, [error, error])


def _ensembles(bench: Workbench, activation: str, networks: int) -> list[dict[str, Array]]:
    """The ranks of so many networks at every width."""
    items = [
        {"seed": seed, "activation": activation, "units": units, "networks": networks}
        for seed, units in zip(bench.seeds(activation, len(WIDTHS)), WIDTHS, strict=True)
    ]
    return bench.map(activation, feature_ranks, items)
