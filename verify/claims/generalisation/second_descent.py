"""Where the best fit is when a model grows on given data: before as many parameters as examples, or beyond."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

import theory
from verify import Comparison, Equals, Identity, Ordering, Rival, Source, Verdict, Workbench, claim
from verify.bibliography import HASTIE_2022
from verify.lectures.generalisation import DOUBLE_DESCENT

Array = NDArray[np.float64]

BEFORE: Final = (0.2, 0.35, 0.5, 0.65)
BEYOND: Final = (1.5, 2.0, 3.0)
RATIOS: Final = BEFORE + BEYOND
"""Parameters over examples: all are fitted to the same data."""

CASES: Final = {"faint": (3, 0.1), "loud": (3, 0.5**0.5), "fast": (8, 0.1)}
"""The exponent a of what is missed, (1 + gamma)^-a, and the standard deviation of the noise; the signal is 1."""

TARGETS: Final = 4
"""Parameters and noises for each draw of the inputs; a risk is the mean over them."""

DRAWS: Final = 200
"""With so many a tenth of each mean is some fourteen of its standard errors."""

TOGETHER: Final = 5
"""The least risks of a pair are found on the means of so many draws."""

MEASURED_BEFORE: Final = 0.35
MEASURED_BEYOND: Final = 1.5

MARGIN: Final = 0.1
"""Relative: with 80 examples the mean exceeds its limit by up to 3 % at these ratios."""


def growing_risks(seed: int, examples: int, draws: int) -> dict[str, Array]:
    """The excess risks of least-norm fits of more and more inputs to the same data, all drawn for each replicate.

    The j-th input has a coefficient of squared size (1 + (j - 1)/n)^-a - (1 + j/n)^-a and of random sign, so that all
    beyond the p-th carry (1 + p/n)^-a. Those beyond the largest fit are drawn by what they add to the target.

    Args:
        seed: Of the draws.
        examples: n.
        draws: How many replicates.

    Returns:
        The names of CASES, each one row a replicate and one column a ratio of RATIOS.
    """
    import torch

    generator = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(draws, *shape, generator=generator, dtype=torch.float64)

    sizes = [round(ratio * examples) for ratio in RATIOS]
    left_out = 1 + torch.arange(sizes[-1] + 1, dtype=torch.float64) / examples
    x = normal(examples, sizes[-1])
    coefficients, targets = [], []
    for decay, noise in CASES.values():
        missed = left_out**-decay
        sizes_of = (missed[:-1] - missed[1:]).sqrt().unsqueeze(1)
        coefficients.append(sizes_of * normal(sizes[-1], TARGETS).sign())
        rest = (missed[-1].item() + noise**2) ** 0.5
        targets.append(x @ coefficients[-1] + rest * normal(examples, TARGETS))
    beta, y = torch.cat(coefficients, dim=2), torch.cat(targets, dim=2)
    risks = []
    for inputs in sizes:
        used = x[:, :, :inputs]
        if inputs < examples:
            fitted = torch.linalg.solve(used.mT @ used, used.mT @ y)
        else:
            fitted = used.mT @ torch.linalg.solve(used @ used.mT, y)
        wrong = (fitted - beta[:, :inputs]).square().sum(dim=1).unflatten(1, (len(CASES), TARGETS)).mean(dim=2)
        risks.append(wrong + torch.stack([left_out[inputs] ** -decay for decay, _ in CASES.values()]))
    table = torch.stack(risks, dim=1).numpy()
    return {name: table[:, :, place] for place, name in enumerate(CASES)}


@claim(
    "generalisation.second-descent",
    title="The best model has more parameters than examples where the signal is spread over many inputs and the noise "
    "is weak, and fewer otherwise",
    source=Source(HASTIE_2022, "section 5 on misspecified models", DOUBLE_DESCENT),
    assumptions=(
        "a target that is linear in very many independent standard normal inputs, $|\\beta| = r$, with noise of "
        "standard deviation $\\sigma$; $n$ examples, the same for all models",
        "a model uses the first $p$ inputs, so that it grows with $p$ and misses a share $m$ of $r^2$; its fit is the "
        "one of least norm among those with the least squared error, without a penalty; many examples and inputs, "
        "$\\gamma = p/n$ fixed",
    ),
    expects={Verdict.SUPPORTED},
)
def second_descent(bench: Workbench) -> Iterator[Comparison]:
    r"""With $q = \sigma^2/r^2$ the risk beyond the noise, in units of that of predicting 0, is

    $$\frac{m + q}{1 - \gamma} - q \quad (\gamma < 1), \qquad
    1 - \frac{1 - m}{\gamma} + \frac{m + q}{\gamma - 1} \quad (\gamma > 1).$$

    What is missed acts as noise, and more inputs miss less: there are a reason for a first minimum, before as many
    parameters as examples, and one for a second. Which of the two is lower depends on how the signal is spread.

    Let $m = (1 + \gamma)^{-a}$. For $a \le 1 + q$ no model with fewer parameters than examples beats predicting 0,
    while some with more do, if $q < 1$. For $a = 3$ and $q < 1/20$ there is a first minimum, and $\gamma = 3/2$ is
    better than every $\gamma < 1$. For $a = 3$ with as much noise as $q = 1/2$, and for $a = 8$ and $q = 1/100$, a
    signal in few inputs, it is the other way round: a $\gamma < 1$ is better than every $\gamma > 1$. For $q \ge 1$
    every $\gamma > 1$ is worse than predicting 0.

    In this model the risk tends to that of predicting 0 as $\gamma$ grows: the best model has not the most parameters.

    Measured are four models before the peak and three beyond it, fitted to the same data, for $a = 3$ with $q = 1/100$
    and $q = 1/2$, and for $a = 8$ with $q = 1/100$.
    """
    from sympy import Rational, symbols

    gamma, m, q = symbols("gamma m q", positive=True)
    yield Identity(
        "risk with fewer parameters than examples",
        derivation=theory.misspecified_risk(),
        claimed=(m + q) / (1 - gamma) - q,
        rival=Rival("what is missed is no noise", m + q * gamma / (1 - gamma)),
    )
    yield Identity(
        "risk with more parameters than examples",
        derivation=theory.wide_misspecified_risk(),
        claimed=1 - (1 - m) / gamma + (m + q) / (gamma - 1),
        rival=Rival("what is missed is no noise", 1 - (1 - m) / gamma + q / (gamma - 1)),
    )
    yield Identity(
        "a = 3: risk at gamma < 1 less that at 3/2, which is positive for q < 1/20",
        derivation=theory.second_descent(),
        claimed=(q + (1 + gamma) ** -3) / (1 - gamma) - Rational(63, 125) - 3 * q,
        rival=Rival("as where nothing is missed", q * gamma / (1 - gamma) - Rational(1, 3) - 2 * q),
    )
    examples = bench.size(quick=80, standard=160, full=320)
    items = [
        {"seed": seed, "examples": examples, "draws": DRAWS}
        for seed in bench.seeds("growing", bench.size(quick=1, standard=4, full=8))
    ]
    results = bench.map("growing", growing_risks, items)
    risks = {name: np.concatenate([result[name] for result in results]) for name in CASES}
    for title, place, names in (
        ("before the peak, a = 3 with q = 1/100 and 1/2, a = 8 with q = 1/100", MEASURED_BEFORE, tuple(CASES)),
        ("beyond the peak, a = 3 with q = 1/100", MEASURED_BEYOND, ("faint",)),
    ):
        yield Equals(
            f"risk at gamma = {place:g}, {title}",
            predicted=[float(limits(name, [place])[0]) for name in names],
            replicates=np.stack([risks[name][:, RATIOS.index(place)] for name in names], axis=1),
            relative=MARGIN,
            rival=Rival("what is missed is no noise", [_without_missed_as_noise(name, place) for name in names]),
        )
    for name, title, sign in (
        ("faint", "a = 3, q = 1/100: least risk beyond the peak, against the least before", 1),
        ("loud", "a = 3, q = 1/2: least risk before the peak, against the least beyond", -1),
        ("fast", "a = 8, q = 1/100: least risk before the peak, against the least beyond", -1),
    ):
        means = risks[name].reshape(-1, TOGETHER, len(RATIOS)).mean(axis=1)
        before, beyond = means[:, : len(BEFORE)].min(axis=1), means[:, len(BEFORE) :].min(axis=1)
        lower, higher = (beyond, before)[::sign]
        yield Ordering(title, lower=lower, higher=higher)
    _draw(bench, examples, risks)


def limits(name: str, ratios: Sequence[float] | Array) -> Array:
    """The limits of the risk in one of the cases."""
    decay, noise = CASES[name]
    return theory.decaying_signal_risk(ratios, decay=decay, noise=noise)


def _without_missed_as_noise(name: str, ratio: float) -> float:
    """The limit of the risk if what is missed were lost but did not disturb the fit."""
    decay, noise = CASES[name]
    missed = (1 + ratio) ** -decay
    if ratio < 1:
        return float(missed + noise**2 * ratio / (1 - ratio))
    return float(missed + (1 - missed) * (1 - 1 / ratio) + noise**2 / (ratio - 1))


def _draw(bench: Workbench, examples: int, risks: Mapping[str, Array]) -> None:
    figure = bench.figure(
        "growing",
        title="Risk of a model that grows on the same data",
        x="parameters / examples $\\gamma$",
        y="risk beyond the noise / $r^2$",
        x_scale="log",
        y_scale="log",
        y_limits=(0.05, 8),
        caption=f"Means over draws of {examples} examples, and two standard errors, where they can be seen. Curves: "
        "the limits that are derived, if a share $(1 + \\gamma)^{-a}$ of the signal is missed, $q = \\sigma^2/r^2$. Of "
        "the three only the one with a spread signal and weak noise has its lowest point beyond the peak.",
    )
    ratios = np.concatenate([np.geomspace(0.15, 0.97, 30), np.geomspace(1.03, 8, 30)])
    for name, label in (
        ("faint", "$a = 3$, $q = 1/100$"),
        ("loud", "$a = 3$, $q = 1/2$"),
        ("fast", "$a = 8$, $q = 1/100$"),
    ):
        figure.line(np.insert(ratios, 30, np.nan), np.insert(limits(name, ratios), 30, np.nan), label)
    figure.line([0.15, 8], [1, 1], "predicting 0")
    means = np.concatenate([risks[name].mean(axis=0) for name in CASES])
    errors = np.concatenate([2 * risks[name].std(axis=0, ddof=1) / len(risks[name]) ** 0.5 for name in CASES])
    figure.points(list(RATIOS) * len(CASES), means, "measured", errors=errors)
