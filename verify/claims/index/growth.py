"""How the index grows beyond the critical energy: the power 3/2, where it holds, and what samples do."""

import math
from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any

import numpy as np

import numerics
import theory
from verify import Comparison, Enclosure, Equals, Identity, Rival, Slide, Source, Verdict, Workbench, claim
from verify.bibliography import BIANE_1997, PENNINGTON_BAHRI_2017
from verify.claims.index.critical_energy import models
from verify.sources import OXFORD_C65

FRACTION_SLIDE = Slide(OXFORD_C65, "Fraction of negative eigenvalues (Pennington et al. 17')")
EXCESSES = (Fraction(1, 2), Fraction(1), Fraction(2))  # of the energy over the critical one, relative
SAMPLED_RATIO = Fraction(1, 4)


def beyond(name: str, ratio: Fraction, excess: Fraction) -> Any:
    """Return a model's law at a relative excess over its critical energy (below it, if negative)."""
    model = models()[name]
    return model.at(phi=ratio, epsilon=theory.critical_energy(model).at(phi=ratio) * (1 + excess))


def sampled_thresholds(size: int, ratio: float, seed: int, device: str) -> Mapping[str, Any]:
    """Sample a Wishart and a Wigner matrix and return the energies at which H0 + H1 gains its negative eigenvalues.

    H0 + sqrt(2 epsilon) W has as many as -H0^(-1/2) W H0^(-1/2) has eigenvalues beyond 1/sqrt(2 epsilon), so one
    eigenproblem gives the index at every energy.
    """
    wishart = numerics.sample_wishart(size, ratio=ratio, seeds=[seed], device=device)
    wigner = numerics.sample_wigner(size, seeds=[seed], device=device)
    inverse_roots = numerics.threshold_spectrum(wishart, wigner)[0]
    return {"energies": (1 / (2 * inverse_roots[inverse_roots > 0] ** 2)).sort().values}


def index_between_thresholds(energies: np.ndarray, size: int, energy: float) -> float:
    """Read the index off its steps: k - 1/2 eigenvalues at the k-th threshold, linear in between."""
    return float(np.interp(energy, energies, np.arange(len(energies)) + 0.5)) / size


def power_law_to_first_order(law: Any, ratio: Fraction, excess: Fraction) -> Any:
    """Evaluate the power law without its second order, from the amplitude and slope at two tiny excesses."""
    near, nearer = Fraction(1, 10**20), Fraction(1, 10**30)
    first, zeroth = (
        law.at(phi=ratio, delta=tiny, digits=80) * (1 / Fraction(root) ** 3)
        for tiny, root in ((near, Fraction(1, 10**10)), (nearer, Fraction(1, 10**15)))
    )
    root = Fraction(math.isqrt(excess.numerator), math.isqrt(excess.denominator))
    slope = (first - zeroth) * (1 / (near - nearer))
    return (zeroth + slope * excess) * root**3


@claim(
    "index.three-halves",
    title="The index grows with the power 3/2",
    corrects="index.absolute-value-as-printed",
    source=Source(PENNINGTON_BAHRI_2017, "index near the critical energy", FRACTION_SLIDE),
    assumptions=("the Gauss-Newton part is Marchenko-Pastur and free from the residual part", "$0 < \\phi < 1$"),
    expects={Verdict.CERTIFIED},
)
def three_halves(bench: Workbench) -> Iterator[Comparison]:
    r"""Just above the critical energy the index grows as

    $$\alpha = \alpha_0\, d^{3/2} \left(1 + A_1 d + A_2 d^2 + \dots\right),
    \qquad d = (\epsilon - \epsilon_c)/\epsilon_c > 0,$$

    $$\alpha_0 = \frac{(1 - \phi)(1 + v)(3 + v)}{3\pi\sqrt v\,(1 + v + 2\phi)^2},
    \qquad v^2 = 1 + 8\phi + 4c\phi(1 - \phi),$$

    with $c = 0, 1, 2$ for the Wigner matrix, the linear and the ReLU network.
    """
    from sympy import pi

    phi = theory.phi
    ratios = (Fraction(1, 4), Fraction(1, 2), Fraction(3, 4))
    laws = {name: theory.index_power_law(model) for name, model in models().items()}
    for sparsity, (name, law) in enumerate(laws.items()):
        v = (1 + 8 * phi + 4 * sparsity * phi * (1 - phi)) ** Fraction(1, 2)
        unit = (1 - phi) * (1 + v) * (3 + v) / (3 * pi * (1 + v + 2 * phi) ** 2)
        yield Identity(
            f"the amplitude, {name}",
            derivation=law,
            part="amplitude",
            claimed=unit / v ** Fraction(1, 2),
            rival=Rival("the same without the square root of v", unit),
        )
    for name, law in laws.items():
        tiny, moderate = Fraction(1, 10**10), Fraction(1, 10**4)
        low, high, exact, series, shorter = [], [], [], [], []
        for ratio in ratios:
            once = beyond(name, ratio, tiny).index(digits=30)
            low.append(once * (1 / once.midpoint))
            high.append(beyond(name, ratio, 64 * tiny).index(digits=30) * (1 / once.midpoint) * Fraction(1, 512))
            curve = beyond(name, ratio, moderate).index(digits=30)
            exact.append(curve * (1 / curve.midpoint))
            series.append(law.at(phi=ratio, delta=moderate, digits=30) * (1 / curve.midpoint))
            shorter.append(power_law_to_first_order(law, ratio, moderate) * (1 / curve.midpoint))
        for power, factor in (("4/3", Fraction(1, 2)), ("5/3", Fraction(2))):
            yield Enclosure(
                f"index at 64 times the excess 1e-10, over 512 times the index there: {name}, not the power {power}",
                values=high,
                predicted=low,
                digits=6,
                rival=Rival(f"the power {power}", [factor * value for value in low]),
            )
        yield Enclosure(
            f"exact index over the series with A1 and A2, at the excess 1e-4, {name}",
            values=exact,
            predicted=series,
            digits=9,
            rival=Rival("the series without A2", shorter),
        )


@claim(
    "index.absolute-value-as-printed",
    title="The power law on both sides of the threshold",
    flaw="overstatement",
    assumptions=("the Gauss-Newton part is Marchenko-Pastur and free from the residual part", "$0 < \\phi < 1$"),
    source=Source(PENNINGTON_BAHRI_2017, "index near the critical energy", FRACTION_SLIDE),
    expects={Verdict.REFUTED},
    right=(
        r"$\alpha = \alpha_0 \left((\epsilon - \epsilon_c)/\epsilon_c\right)^{3/2}$ above the critical energy, $\alpha "
        "= 0$ below it."
    ),
)
def absolute_value_as_printed(bench: Workbench) -> Iterator[Comparison]:
    r"""Near the critical energy, on both sides of it, the index is about

    $$\alpha = \alpha_0 \left|(\epsilon - \epsilon_c)/\epsilon_c\right|^{3/2}.$$

    (Above it that is right, and the bars are redundant. Below it there are no negative eigenvalues: $\alpha = 0$.)
    """
    excess = Fraction(1, 100)
    for name, model in models().items():
        law = theory.index_power_law(model)
        ratios = (Fraction(1, 4), Fraction(1, 2), Fraction(3, 4))
        yield Enclosure(
            f"index one percent below the critical energy, {name}",
            values=[beyond(name, ratio, -excess).index(digits=20) for ratio in ratios],
            predicted=[law.at(phi=ratio, delta=excess, digits=20) for ratio in ratios],
            digits=6,
            rival=Rival("no negative eigenvalues", [0, 0, 0]),
        )


def semicircle_like(law: Any) -> Any:
    """Return the semicircle of a law's mean and variance."""
    return theory.point_mass(law.free_cumulant(1)) + theory.semicircle(law.free_cumulant(2))


@claim(
    "index.closed-form",
    title="The index without integration",
    source=Source(BIANE_1997, "the density along the curve; the primitive is this project's derivation"),
    assumptions=("the law is freely infinitely divisible",),
    expects={Verdict.CERTIFIED},
)
def closed_form(bench: Workbench) -> Iterator[Comparison]:
    r"""The mass below zero needs no integral of the density. Let $0$ be no atom, $\Phi(g) = \int_0^g R$, and $G$ the
    value at $0$ of the Stieltjes transform from above: the root of $R(G) + 1/G = 0$ in the lower half-plane where $0$
    lies inside a band, the limit of such roots where it lies in a gap. With principal logarithms, continued to it,

    $$\alpha = 1 + \frac1\pi\,\mathrm{Im}\left[\log G + \Phi(G)\right].$$
    """
    from sympy import pi

    formula = theory.index_formula()
    (imaginary,) = formula.value.free_symbols
    yield Identity(
        "the index, from the imaginary part of log G + Phi(G)",
        derivation=formula,
        claimed=1 + imaginary / pi,
        rival=Rival("the mass above zero in its place", -imaginary / pi),
    )
    few, many = (Fraction(1, 4), Fraction(3)), (*(Fraction(k, 4) for k in range(1, 8)), Fraction(3), Fraction(6))
    ratios, digits = bench.size(quick=(few, 12), standard=(many, 20), full=(many, 40))
    energy = Fraction(1, 2)
    for name, model in models().items():
        laws = [model.at(phi=ratio, epsilon=energy) for ratio in ratios]
        yield Enclosure(
            f"the closed form against certified integration of the density, {name}",
            values=[law.index(digits=digits) for law in laws],
            predicted=[law.integrated_density(-20, 0, digits=digits) for law in laws],
            digits=digits - 2,
            rival=Rival(
                "a semicircle of the same mean and variance",
                [semicircle_like(law).index(digits=digits) for law in laws],
            ),
        )


@claim(
    "index.sampled-curve",
    title="Sampled matrices follow the exact index, not the bare power law",
    source=Source(PENNINGTON_BAHRI_2017, "index of the simplified model", FRACTION_SLIDE),
    assumptions=("the simplified model: a Wishart plus an independent Wigner matrix, $\\phi = 1/4$",),
    expects={Verdict.SUPPORTED},
)
def sampled_curve(bench: Workbench) -> Iterator[Comparison]:
    r"""At $1.5$, $2$ and $3$ times the critical energy, the fraction of negative eigenvalues of sampled matrices
    $H_0 + H_1$ is the exact index of the model's law, and not the leading power law $\alpha_0 d^{3/2}$.
    """
    size, draws = bench.size(quick=(500, 64), standard=(2000, 40), full=(4000, 60))
    name = "Wishart + Wigner"
    model = models()[name]
    critical = theory.critical_energy(model).at(phi=SAMPLED_RATIO)
    amplitude = float(theory.index_power_law(model).parts["amplitude"].rhs.subs({theory.phi: SAMPLED_RATIO}))
    items = [
        {"size": size, "ratio": float(SAMPLED_RATIO), "seed": seed, "device": bench.device}
        for seed in bench.seeds("draws", draws)
    ]
    thresholds = [np.asarray(result["energies"]) for result in bench.map("draws", sampled_thresholds, items)]

    def measured(excess: float) -> np.ndarray:
        energy = float(critical) * (1 + excess)
        return np.array([index_between_thresholds(energies, size, energy) for energies in thresholds])

    grid = np.linspace(0.0, 2.5, 51)[1:]
    samples = [measured(excess) for excess in grid]
    law = model.at(phi=SAMPLED_RATIO)
    figure = bench.figure(
        "index-curve",
        title=f"Index beyond the critical energy, φ = {SAMPLED_RATIO}",
        x="relative excess (ε - ε_c)/ε_c",
        y="index α, fraction of negative eigenvalues",
        caption=f"Points: mean over {draws} sampled matrices of size {size}; bars: one standard deviation of a draw.",
    )
    figure.line(grid, law.at(epsilon=float(critical) * (1 + grid)).index(), "exact index")
    figure.line(grid, amplitude * grid**1.5, "leading power law")
    every = slice(9, None, 10)
    figure.points(
        grid[every],
        [sample.mean() for sample in samples[every]],
        "sampled",
        errors=[sample.std() for sample in samples[every]],
    )
    yield Equals(
        "index at the excesses 1/2, 1 and 2, interpolated between the steps of each draw",
        predicted=[float(beyond(name, SAMPLED_RATIO, excess).index()) for excess in EXCESSES],
        replicates=np.stack([measured(float(excess)) for excess in EXCESSES], axis=1),
        absolute=0.003,
        rival=Rival("the leading power law", [amplitude * float(excess) ** 1.5 for excess in EXCESSES]),
    )
