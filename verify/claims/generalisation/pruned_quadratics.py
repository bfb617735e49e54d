"""What second-order theory says of removing weights, and the share that a round of pruning must remove."""

import math
from collections.abc import Callable, Iterator
from statistics import NormalDist
from typing import Final

import numpy as np
from numpy.typing import NDArray

import theory
from verify import Agrees, Comparison, Identity, Rival, Source, Verdict, Workbench, claim
from verify.bibliography import FRANKLE_CARBIN_2019, HASSIBI_STORK_1993
from verify.lectures.generalisation import PRUNING

Array = NDArray[np.float64]

RIDGE: Final = 0.01
TOLERANCE: Final = 1e-9
"""Of an increase over the largest one, and of shares."""

QUARTILE: Final = NormalDist().inv_cdf(3 / 4)
"""The median size of a normal weight."""


def cost_of_half(density: Callable[[float], float], median: float, largest: float) -> float:
    """The share of the mean square of the sizes that their smaller half has, by quadratures.

    Args:
        density: Of the sizes, or a multiple of it.
        median: Of the sizes.
        largest: Where the density ends.
    """
    from scipy.integrate import quad

    below, above = (
        quad(lambda size: size**2 * density(size), *ends, epsabs=1e-13)[0] for ends in ((0, median), (median, largest))
    )
    return float(below / (below + above))


def removals() -> dict[str, Array]:
    """Remove single pixels from a ridge regression that tells odd from even digits, and fit the others anew.

    Returns:
        One number a pixel, over the largest "refitted": "refitted", the measured increase of the penalised loss,
        "weights" and "inverse", the pixel's weight and its entry in the inverse of the Hessian, and "curvature", its
        entry in the Hessian.
    """
    import numerics

    pixels, labels = (each.numpy() for each in numerics.digits())
    x = np.concatenate([pixels, np.ones((len(pixels), 1))], axis=1)
    y = 2.0 * (labels % 2) - 1
    hessian = x.T @ x / len(x) + RIDGE * np.eye(x.shape[1])
    slope = x.T @ y / len(x)

    def least(places: NDArray[np.intp]) -> float:
        """The least penalised loss of a fit to some of the columns."""
        fit = np.linalg.solve(hessian[np.ix_(places, places)], slope[places])
        return float(((y - x[:, places] @ fit) ** 2).mean() + RIDGE * fit @ fit) / 2

    every = np.arange(x.shape[1])
    whole = least(every)
    return {
        "refitted": np.array([least(np.delete(every, pixel)) - whole for pixel in every[:-1]]),
        "weights": np.linalg.solve(hessian, slope)[:-1],
        "inverse": np.diag(np.linalg.inv(hessian))[:-1],
        "curvature": np.diag(hessian)[:-1],
    }


@claim(
    "generalisation.pruned-quadratics",
    title="At second order, with equal curvatures and Laplace sizes, the smaller half of the weights costs 3 % of all",
    source=Source(HASSIBI_STORK_1993, "equations 3 to 5", PRUNING),
    assumptions=(
        "the loss is quadratic around a minimum, with a positive definite Hessian $H$",
        "for the smallest weights together: $H$ is a multiple of the identity, and weights have a Laplace law, sizes "
        "the density $e^{-u}$, or the law that is said",
        "measured on a ridge regression from the 64 pixels of handwritten digits, penalty included in the loss",
    ),
    expects={Verdict.SUPPORTED},
)
def pruned_quadratics(bench: Workbench) -> Iterator[Comparison]:
    r"""To set the weight $w_q$ to 0 costs $w_q^2/(2 (H^{-1})_{qq})$ if the other weights adapt, less than the
    $H_{qq} w_q^2/2$ that it costs if they stay. For two weights of curvatures $a$ and $b$, coupled by $c$, that is
    $w^2 (a b - c^2)/(2 b)$.

    If all curvatures are equal, no weights are coupled and their law is that of Laplace, to remove the share
    $p = 1 - e^{-t}$ of smallest weights costs the share $1 - e^{-t}(1 + t + t^2/2)$ of what removing all of them would,
    about $p^3/6$ if they are few: half of the weights cost 3 %, nine tenths 40 %. With another law it is another share:
    half of the weights cost 7 % if they are normal and an eighth if they are uniform around 0.
    """
    from sympy import Rational, exp, symbols

    a, b, w, t = symbols("a b w t", positive=True)
    c = symbols("c", real=True)
    yield Identity(
        "increase as one of two weights is removed and the other adapts",
        derivation=theory.increase_by_removal(),
        claimed=w**2 * (a * b - c**2) / (2 * b),
        rival=Rival("as if it stayed", a * w**2 / 2),
    )
    yield Identity(
        "cost of the smallest weights, over that of all",
        derivation=theory.removable_share(),
        claimed=1 - exp(-t) * (1 + t + t**2 / 2),
        rival=Rival("as many at random", 1 - exp(-t)),
    )
    yield Identity(
        "cost over the third power of the share, for few weights",
        derivation=theory.removable_share(),
        part="small",
        claimed=Rational(1, 6),
        rival=Rival("1/3, as if all below the level were as large as it on average", Rational(1, 3)),
    )
    yield Agrees(
        "cost of the smaller half over that of all, for Laplace, normal and uniform weights",
        measured=[
            cost_of_half(lambda size: math.exp(-size), math.log(2), math.inf),
            cost_of_half(lambda size: math.exp(-(size**2) / 2), QUARTILE, math.inf),
            cost_of_half(lambda size: 1.0, 0.5, 1.0),
        ],
        predicted=[
            1 - (1 + math.log(2) + math.log(2) ** 2 / 2) / 2,
            0.5 - QUARTILE * math.sqrt(2 / math.pi) * math.exp(-(QUARTILE**2) / 2),
            1 / 8,
        ],
        tolerance=TOLERANCE,
        reason="rounding, in quadratures",
        rival=Rival("as for Laplace weights, whatever the law", [1 - (1 + math.log(2) + math.log(2) ** 2 / 2) / 2] * 3),
    )
    found = removals()
    unit = found["refitted"].max()
    yield Agrees(
        "increase as a pixel is removed and the fit made anew, over the largest",
        measured=found["refitted"] / unit,
        predicted=found["weights"] ** 2 / (2 * found["inverse"]) / unit,
        tolerance=TOLERANCE,
        reason="rounding, as the Hessian's condition magnifies it",
        rival=Rival("as if the other weights stayed", found["curvature"] * found["weights"] ** 2 / 2 / unit),
    )
    figure = bench.figure(
        "cost",
        title="What the smallest weights of a quadratic cost",
        x="share of the weights removed",
        y="share of the cost of removing all",
        caption="Weights of equal curvature, sizes of density $e^{-u}$. The third power is the limit for few weights.",
    )
    levels = np.linspace(0, 5, 40)
    shares = 1 - np.exp(-levels)
    figure.line(shares, 1 - np.exp(-levels) * (1 + levels + levels**2 / 2), "the smallest first")
    figure.line(shares, shares**3 / 6, "$p^3/6$")
    figure.line([0, 1], [0, 1], "at random")


@claim(
    "generalisation.pruning-rate-as-printed",
    title="Rounds of pruning each remove the n-th root of the share that n rounds remove, as Frankle and Carbin print",
    source=Source(FRANKLE_CARBIN_2019, "section 1, on iterative pruning"),
    assumptions=("every round removes one share of what the round before left", "two to eleven rounds"),
    expects={Verdict.REFUTED},
    right="Every round must remove $1 - (1 - p)^{1/n}$ of what is left: the root is to be taken of the share that "
    "stays, not of that which goes. At $p = 1/4$ and two rounds half of the weights would go in each.",
    flaw="misprint",
)
def pruning_rate_as_printed(bench: Workbench) -> Iterator[Comparison]:
    r"""To prune the share $p$ of the weights in $n$ rounds, each round removes $p^{1/n}$ of the weights that survived
    the round before: $1 - p$ is left.
    """
    from sympy import Symbol

    p, n = Symbol("p", positive=True), Symbol("n", positive=True, integer=True)
    yield Identity(
        "share left after n rounds that each remove p^(1/n)",
        derivation=theory.pruning_schedule(),
        part="left",
        claimed=1 - p,
        rival=Rival("the power of what a round leaves", (1 - p ** (1 / n)) ** n),
    )
