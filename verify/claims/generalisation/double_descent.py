"""The risk of least squares on both sides of as many parameters as examples, and what a penalty makes of the peak."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

import theory
from verify import Comparison, Equals, Identity, Ordering, Rival, Source, Verdict, Workbench, claim
from verify.bibliography import HASTIE_2022
from verify.lectures.generalisation import DOUBLE_DESCENT

Array = NDArray[np.float64]

SIGNAL: Final = 1.0
"""Norm of the true parameter."""

NOISE: Final = 0.5
"""Standard deviation of the noise: a signal-to-noise ratio of 4, so that the second minimum is at p = 2 n."""

BELOW: Final = (1 / 4, 1 / 2, 7 / 10)
ABOVE: Final = (3 / 2, 2.0)
FAR: Final = (5.0,)
PENALISED: Final = (3 / 4, 5 / 4)
AROUND: Final = 2.0
FACTORS: Final = (1 / 2, 1.0, 2.0)
"""At this ratio penalties of so many times the best are compared; a half of it is the best without the ratio."""

TARGETS: Final = 8
"""So many parameters and noises for each draw of the inputs: a replicate is the mean of their risks."""

DRAWS: Final = 320
"""Replicates of an item."""

FEW_DRAWS: Final = 100
FAR_DRAWS: Final = 60
"""The same beyond the peak and with a penalty, and far beyond the peak: they vary less and cost more."""

NO_SIGNAL_MISSED: Final = "sigma^2/(gamma - 1), as if a fit that goes through all examples missed no signal"

UNEQUAL: Final = (4.0, 1 / 4)
"""Variances of the first and of the second half of the inputs, where they are not all 1."""

UNEQUAL_AT: Final = ((1 / 2, 1.0), (2.0, 0.0), (2.0, 0.2))
"""Ratios and penalties at which these are tried; at the first half the penalty would have a risk that is 30 % less."""

UNEQUAL_DRAWS: Final = 100

MARGIN: Final = 0.1
"""Relative: at a hundred examples the mean exceeds its limit by up to 3.5 % at these ratios."""


def excess_risks(
    seed: int, examples: int, ratio: float, penalty: float, draws: int, unequal: bool = False
) -> dict[str, Array]:
    """The excess risk of least squares on fresh data, the mean of ((b - beta) . x)^2, all drawn for each replicate.

    Args:
        seed: Of the draws.
        examples: n.
        ratio: p/n.
        penalty: lambda >= 0 in |y - X b|^2/n + lambda |b|^2; 0 is the least-norm minimiser of the squares.
        draws: How many replicates.
        unequal: Whether the inputs have the variances UNEQUAL; else 1.

    Returns:
        "risk", one per replicate.
    """
    import torch

    generator = torch.Generator().manual_seed(seed)
    inputs = round(ratio * examples)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(draws, *shape, generator=generator, dtype=torch.float64)

    spread = torch.ones(inputs, 1, dtype=torch.float64)
    if unequal:
        spread[: inputs // 2], spread[inputs // 2 :] = (variance**0.5 for variance in UNEQUAL)
    x, beta = normal(examples, inputs) * spread.mT, normal(inputs, TARGETS)
    beta = SIGNAL * beta / torch.linalg.vector_norm(beta, dim=1, keepdim=True)
    y = x @ beta + NOISE * normal(examples, TARGETS)
    if inputs < examples:
        gram = x.mT @ x + examples * penalty * torch.eye(inputs, dtype=torch.float64)
        fitted = torch.linalg.solve(gram, x.mT @ y)
    else:
        gram = x @ x.mT + examples * penalty * torch.eye(examples, dtype=torch.float64)
        fitted = x.mT @ torch.linalg.solve(gram, y)
    return {"risk": ((fitted - beta) * spread).square().sum(dim=1).mean(dim=1).numpy()}


def ridgeless(ratios: Sequence[float] | Array) -> Array:
    """The limits of the risk without a penalty at some ratios, from the derivations."""
    below, above = (
        _function(theory.underparameterised_risk(), "gamma"),
        _function(theory.overparameterised_risk(), "gamma"),
    )
    return np.array([below(ratio) if ratio < 1 else above(ratio) for ratio in ratios])


def best_ridge(ratios: Sequence[float] | Array) -> Array:
    """The limits of the risk at the best penalty: shares e of |beta|^2 at which the derived ratio is the one given."""
    from scipy.optimize import brentq

    ratio_at = _function(theory.optimal_ridge_risk(), "e")
    shares = [brentq(lambda e, ratio=ratio: ratio_at(e) - ratio, 1e-6, 1 - 1e-6, xtol=1e-13) for ratio in ratios]
    return SIGNAL**2 * np.array(shares)


def _function(result: "theory.Derivation", name: str) -> Callable[[float], float]:
    """The value of a derivation as a function of one parameter, at the signal and the noise of this module."""
    from sympy import lambdify

    given = {"r": SIGNAL, "sigma": NOISE, "q": (NOISE / SIGNAL) ** 2}
    symbols = result.symbols
    bound = result.value.subs({symbol: given[key] for key, symbol in symbols.items() if key != name})
    function: Callable[[float], float] = lambdify(symbols[name], bound, "math")
    return function


@claim(
    "generalisation.double-descent",
    title="Least squares beyond as many parameters as examples: the risk falls again",
    source=Source(
        HASTIE_2022, "theorem 1, section 3 on the second minimum, section 4 on unequal variances", DOUBLE_DESCENT
    ),
    assumptions=(
        "linear regression on $p$ independent normal inputs, of variance 1 unless said, targets linear in them with "
        "$|\\beta| = r$ and noise of standard deviation $\\sigma$; many examples $n$ and inputs, $\\gamma = p/n$ fixed",
        "the fit is the one of least norm among those with the least squared error; its risk is that on new data "
        "beyond $\\sigma^2$",
        "models of every size see all inputs that the target depends on, and $r$ is the same: $\\gamma$ compares "
        "problems of different sizes, not one model that grows on given data",
    ),
    expects={Verdict.SUPPORTED},
)
def double_descent(bench: Workbench) -> Iterator[Comparison]:
    r"""The risk of least squares is

    $$\frac{\sigma^2\gamma}{1 - \gamma} \quad (\gamma < 1), \qquad
    r^2\Bigl(1 - \frac1\gamma\Bigr) + \frac{\sigma^2}{\gamma - 1} \quad (\gamma > 1).$$

    It has a peak where there are as many parameters as examples, and falls again beyond it. For
    $\mathrm{SNR} = r^2/\sigma^2 > 1$ it has a second minimum at
    $\gamma = \sqrt{\mathrm{SNR}}/(\sqrt{\mathrm{SNR}} - 1)$, of $2 r \sigma - \sigma^2$, and rises from there to $r^2$.
    Models of every size see the whole signal here, and below the peak the risk is the smaller the fewer inputs there
    are: this second minimum is above the risk of few inputs.

    If $|y - X b|^2/n + \lambda |b|^2$ is minimised in the place of the squares, $\lambda = \sigma^2\gamma/r^2$ has the
    least risk of all penalties, and with it there is no peak: the risk increases with $\gamma$.

    Where a share $w$ of the inputs has the variance $a$ and the others $b$, and the parameter the squared norms
    $\alpha$ and $\beta$ in their directions, the risk, of predictions, is

    $$\frac{1}{1 - D}\Bigl(\frac{\alpha a}{(1 + a v)^2} + \frac{\beta b}{(1 + b v)^2} + \sigma^2 D\Bigr), \quad
    D = \gamma\Bigl(\frac{w a^2 v^2}{(1 + a v)^2} + \frac{(1 - w) b^2 v^2}{(1 + b v)^2}\Bigr),$$

    with $\lambda = 1/v - \gamma(w a/(1 + a v) + (1 - w) b/(1 + b v))$. Without a penalty and for $\gamma < 1$ it is
    the one above: there the variances do not matter.

    Risks are measured at six ratios, at four with the best penalty, at one with half and twice that penalty, and at two
    with unequal variances, $r = 2\sigma$.
    """
    from sympy import symbols

    r, sigma, gamma, e, q = symbols("r sigma gamma e q", positive=True)
    a, b, alpha, beta, v, w = symbols("a b alpha beta v w", positive=True)
    yield Identity(
        "risk below the peak",
        derivation=theory.underparameterised_risk(),
        claimed=sigma**2 * gamma / (1 - gamma),
        rival=Rival("the error at the inputs of the examples themselves", sigma**2 * gamma),
    )
    yield Identity(
        "risk beyond the peak",
        derivation=theory.overparameterised_risk(),
        claimed=r**2 * (1 - 1 / gamma) + sigma**2 / (gamma - 1),
        rival=Rival("the formula below the peak, of either sign", sigma**2 * gamma / (gamma - 1)),
    )
    yield Identity(
        "place of the second minimum",
        derivation=theory.overparameterised_risk(),
        part="place",
        claimed=(r / sigma) / (r / sigma - 1),
        rival=Rival("SNR in place of its root", (r / sigma) ** 2 / ((r / sigma) ** 2 - 1)),
    )
    yield Identity(
        "risk at the second minimum",
        derivation=theory.overparameterised_risk(),
        part="least",
        claimed=2 * r * sigma - sigma**2,
        rival=Rival("the noise", sigma**2),
    )
    yield Identity(
        "best penalty",
        derivation=theory.optimal_ridge_risk(),
        part="penalty",
        claimed=sigma**2 * gamma / r**2,
        rival=Rival("without the ratio", sigma**2 / r**2),
    )
    yield Identity(
        "ratio at which the best ridge regression has the risk r^2 e, with q = 1/SNR",
        derivation=theory.optimal_ridge_risk(),
        claimed=e / ((1 - e) * (e + q)),
        rival=Rival("e/(1 - e), whatever the noise", e / (1 - e)),
    )
    overlap = gamma * (w * (a * v / (1 + a * v)) ** 2 + (1 - w) * (b * v / (1 + b * v)) ** 2)
    left = {power: alpha * a**power / (1 + a * v) ** 2 + beta * b**power / (1 + b * v) ** 2 for power in (0, 1)}
    yield Identity(
        "risk with two different variances",
        derivation=theory.anisotropic_ridge_risk(),
        claimed=(left[1] + sigma**2 * overlap) / (1 - overlap),
        rival=Rival("errors in all directions counted alike", (left[0] + sigma**2 * overlap) / (1 - overlap)),
    )
    examples = bench.size(quick=100, standard=200, full=400)
    batches = bench.size(quick=1, standard=4, full=10)

    def drawn(name: str, places: Sequence[tuple[float, float]], *, draws: int = DRAWS, unequal: bool = False) -> Array:
        """Risks, one row a replicate and one column a pair of ratio and penalty."""
        columns = []
        for ratio, penalty in places:
            purpose = f"{name} {ratio:g}" + (f" {penalty:g}" if unequal else "")
            fixed = {"examples": examples, "ratio": ratio, "penalty": penalty, "draws": draws, "unequal": unequal}
            items = [{"seed": seed, **fixed} for seed in bench.seeds(purpose, batches)]
            columns.append(np.concatenate([result["risk"] for result in bench.map(purpose, excess_risks, items)]))
        return np.stack(columns, axis=1)

    risks = {
        "below": drawn("below", [(ratio, 0) for ratio in BELOW]),
        "above": drawn("above", [(ratio, 0) for ratio in ABOVE], draws=FEW_DRAWS),
        "far": drawn("far", [(ratio, 0) for ratio in FAR], draws=FAR_DRAWS),
    }
    for part, title, ratios, rival in (
        ("below", "below the peak", BELOW, "sigma^2 gamma, as at the inputs of the examples"),
        ("above", "beyond the peak", ABOVE, NO_SIGNAL_MISSED),
        ("far", "far beyond the peak", FAR, NO_SIGNAL_MISSED),
    ):
        yield Equals(
            f"risk {title}, at gamma = {_listed(ratios)}",
            predicted=ridgeless(ratios),
            replicates=risks[part],
            relative=MARGIN,
            rival=Rival(rival, [NOISE**2 * (ratio if ratio < 1 else 1 / (ratio - 1)) for ratio in ratios]),
        )
    least = risks["above"][:, 1]
    for ratio, higher in ((ABOVE[0], risks["above"][:, 0]), (FAR[0], risks["far"][:, 0])):
        yield Ordering(
            f"risk at the second minimum, gamma = {ABOVE[1]:g}, against that at gamma = {ratio:g}",
            lower=least[: len(higher)],
            higher=higher,
        )
    penalised = drawn("penalised", [(ratio, NOISE**2 * ratio / SIGNAL**2) for ratio in PENALISED], draws=FEW_DRAWS)
    yield Equals(
        f"risk with the best penalty, at gamma = {_listed(PENALISED)}",
        predicted=best_ridge(PENALISED),
        replicates=penalised,
        relative=MARGIN,
        rival=Rival("as without a penalty", ridgeless(PENALISED)),
    )
    best = NOISE**2 * AROUND / SIGNAL**2
    around = drawn("around", [(AROUND, factor * best) for factor in FACTORS], draws=FEW_DRAWS // 2)
    few = drawn("few penalised", [(1 / 4, NOISE**2 / SIGNAL**2 / 4)], draws=FEW_DRAWS // 2)
    yield Ordering(
        f"risk with the best penalty, from gamma = 0.25 over {_listed(PENALISED)} to {AROUND:g}: no peak",
        trend=np.column_stack([few, penalised[: len(few)], around[:, 1]]),
        direction="increasing",
    )
    for column, title in ((0, "half of it, which is sigma^2/r^2, without the ratio"), (2, "twice as much")):
        yield Ordering(
            f"risk with the best penalty at gamma = {AROUND:g}, against {title}",
            lower=around[:, 1],
            higher=around[:, column],
        )
    shares, signals = [1 / 2, 1 / 2], [SIGNAL**2 / 2] * 2
    mean = sum(UNEQUAL) / 2
    limits, alike = (
        [
            sum(
                theory.anisotropic_risk(
                    ratio, variances=variances, shares=shares, signals=signals, noise=NOISE, penalty=penalty
                )
            )
            for ratio, penalty in UNEQUAL_AT
        ]
        for variances in (UNEQUAL, (mean, mean))
    )
    yield Equals(
        "risk with the variances 4 and 1/4, at gamma = 0.5 with lambda = 1, and at 2 without a penalty and with 0.2",
        predicted=limits,
        replicates=drawn("unequal", UNEQUAL_AT, draws=UNEQUAL_DRAWS, unequal=True),
        relative=MARGIN,
        rival=Rival("as with their mean for all inputs", alike),
    )
    _draw(bench, examples, {BELOW: risks["below"], ABOVE: risks["above"], FAR: risks["far"]}, penalised)


def _draw(bench: Workbench, examples: int, free: Mapping[tuple[float, ...], Array], penalised: Array) -> None:
    figure = bench.figure(
        "risk",
        title="Risk of least squares that sees the whole signal",
        x="parameters / examples $\\gamma$",
        y="risk beyond the noise",
        x_scale="log",
        y_scale="log",
        y_limits=(0.03, 20),
        caption=f"Means over draws of {examples} examples, $r = 1$, $\\sigma = 1/2$; bars: two standard "
        "errors, where they can be seen. Lines: the limits that are derived. Without a penalty there is a peak at as "
        "many parameters as examples and a second minimum at twice as many, below the risk of predicting 0 and far "
        "above that of few inputs.",
    )
    ratios = np.concatenate([np.geomspace(0.15, 0.98, 30), np.geomspace(1.02, 8, 30)])
    figure.line(np.insert(ratios, 30, np.nan), np.insert(ridgeless(ratios), 30, np.nan), "no penalty")
    whole = np.geomspace(0.15, 8, 40)
    figure.line(whole, best_ridge(whole), "best ridge penalty")
    figure.line([0.15, 8], [NOISE**2 * 0.15, NOISE**2 * 8], "classical $\\sigma^2 \\gamma$")
    figure.line([0.15, 8], [SIGNAL**2] * 2, "predicting 0")
    rows = [
        (ratio, column.mean(), 2 * column.std(ddof=1) / len(column) ** 0.5)
        for ratios_tried, risks in free.items()
        for ratio, column in zip(ratios_tried, risks.T, strict=True)
    ]
    places, means, errors = zip(*rows, strict=True)
    figure.points(places, means, "measured, no penalty", errors=errors)
    errors = 2 * penalised.std(axis=0, ddof=1) / len(penalised) ** 0.5
    figure.points(PENALISED, penalised.mean(axis=0), "measured, best ridge penalty", errors=errors)


def _listed(ratios: Sequence[float]) -> str:
    return ", ".join(f"{ratio:g}" for ratio in ratios)
