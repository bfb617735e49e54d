"""Networks of close ReLU units: what merging them costs, and where exchanging two of them has to."""

from collections.abc import Iterator
from fractions import Fraction

import numpy as np

import theory
from verify import Comparison, Enclosure, Identity, Rival, Source, Verdict, Workbench, claim
from verify.bibliography import FREEMAN_BRUNA_2017
from verify.lectures.level_sets import MAIN_RESULT, OVER_PARAMETERISED, PATHS

PLANE = ((1, 0), (0, 1), (-1, -1), (1, -2), (-1, 2))
"""Inputs at which two units that fit the two coordinates can be exchanged only by way of a loss."""

INVERSE_PI = theory.Ball(Fraction("0.318309886184"), Fraction(1, 10**12))
"""In the mean squared target a^2 (1 + 1/pi)/2 + b^2/4 of the data on two subspaces."""


@claim(
    "level-sets.bisector-bound",
    title="Two ReLU units are correlated at most as their bisector says, and nearly as much",
    source=Source(FREEMAN_BRUNA_2017, "proposition 2.3", MAIN_RESULT),
    assumptions=(
        "$w_1, w_2$ are unit vectors at the angle $\\alpha$ and $w_m$ is the unit vector in the middle; in the bounds "
        "in balls the inputs are standard normal, the second moments have norm 1",
    ),
    expects={Verdict.CERTIFIED},
)
def bisector_bound(bench: Workbench) -> Iterator[Comparison]:
    r"""Let $[v, w] = E \, \max(0, v \cdot X) \, \max(0, w \cdot X)$ and $\Sigma = E X X^T$. Then

    $$[w_1, w_2] \le \frac{1 + \cos \alpha}{2} [w_m, w_m],$$

    $$[w_1, w_2] \ge \frac{1 + \cos \alpha}{2} [w_m, w_m] -
    2 \|\Sigma\| \left(\frac{1 - \cos \alpha}{2} + \sin^2 \alpha\right).$$

    That is why two units at a small angle can be merged into one: for normal inputs the output changes on average by
    $\sqrt{2/\pi} \, (1 - \cos(\alpha/2))$, of second order in the angle. For them

    $$[w_1, w_2] = f(\alpha) = \frac{\sin \alpha + (\pi - \alpha) \cos \alpha}{2 \pi};$$

    both gaps are enclosed on all of $(0, \pi)$, without the zeros that they have at its ends. More is true:
    $\|\Sigma\| (1 - \cos \alpha)/2$ is enough in the lower bound, for every law, since both bounds hold input by input.
    So for normal inputs $\cos(\alpha)/2 \le f \le (1 + \cos \alpha)/4$, and the upper bound $\cos(\alpha) [w_m, w_m]$
    that the paper goes on with is a lower one.
    """
    import sympy as sp

    derivation = theory.bisector_correlation()
    (angle,) = derivation.value.free_symbols
    yield Identity(
        "the correlation of two units for normal inputs",
        derivation=derivation,
        claimed=(sp.sin(angle) + (sp.pi - angle) * sp.cos(angle)) / (2 * sp.pi),
        rival=Rival("that of linear units on half of the inputs, cos(a)/2", sp.cos(angle) / 2),
    )
    change = theory.merging_change()
    (angle,) = change.value.free_symbols
    yield Identity(
        "mean change of the output when two units are replaced by their sum",
        derivation=change,
        claimed=sp.sqrt(2 / sp.pi) * (1 - sp.cos(angle / 2)),
        rival=Rival("of first order in the angle", sp.sqrt(2 / sp.pi) * sp.sin(angle / 2)),
    )
    pieces = bench.size(quick=32, standard=256, full=1024)
    gaps = theory.bisector_gaps(pieces)
    for title, found, rival in (
        (
            "upper bound less f, over a²(π - a)²",
            gaps.upper,
            Rival("cos(a)/2 as an upper bound, less f, over a³", [-ball for ball in gaps.sharp]),
        ),
        (
            "f less the published lower bound, over a²",
            gaps.lower,
            Rival("f less the upper bound, as if nothing were lost, over a²(π - a)²", [-ball for ball in gaps.upper]),
        ),
        (
            "f less the lower bound cos(a)/2, over a³",
            gaps.sharp,
            Rival("f less the upper bound, as if nothing were lost, over a²(π - a)²", [-ball for ball in gaps.upper]),
        ),
    ):
        yield Enclosure(
            f"{title}: {pieces} intervals of angles that cover [0, π]", values=found, within=(0, None), rival=rival
        )
    figure = bench.figure(
        "bounds",
        title="Correlation of two ReLU units, and the bounds by their bisector",
        x="angle α",
        y="[w₁, w₂] for normal inputs",
        caption="Between (1 + cos α)/4 and cos(α)/2. The published lower bound is negative from α = 0.45 on.",
    )
    angles = np.linspace(0, np.pi, 61)
    cosine = np.cos(angles)
    figure.line(angles, (np.sin(angles) + (np.pi - angles) * cosine) / (2 * np.pi), "f(α)")
    figure.line(angles, (1 + cosine) / 4, "upper bound")
    figure.line(angles, cosine / 2, "lower bound, as proved here")
    low = (1 + cosine) / 4 - (1 - cosine) - 2 * np.sin(angles) ** 2
    figure.line(angles[low > -0.5], low[low > -0.5], "lower bound, as published")


@claim(
    "level-sets.two-gaussians",
    title="Exchanging two hidden units takes a risk of 1/2, however tight two clusters are",
    source=Source(FREEMAN_BRUNA_2017, "section 2.3.1, with other targets", PATHS),
    assumptions=(
        "$X$ is drawn from $N(e_1, \\sigma^2 I)$ or $N(e_2, \\sigma^2 I)$ with probability 1/2 each, the target is "
        "$e_1$ or $e_2$ accordingly; networks $W_2 \\max(0, W_1 X)$ with two hidden units; the risk is the mean of the "
        "squared error, without a half",
        "where units are exchanged at loss zero: targets of a network of the same size, inputs with a positive "
        "density; in the example the sum of squares on five inputs",
    ),
    expects={Verdict.CERTIFIED},
    corrects="level-sets.two-gaussians-as-printed",
)
def two_gaussians(bench: Workbench) -> Iterator[Comparison]:
    r"""The two networks with $W_1 = W_2 = I$, and the same with the hidden units exchanged, have a risk of at most
    $3 \sigma^2 / 2$. On every path between them the risk is somewhere at least

    $$\frac{1}{2},$$

    whatever $\sigma$ is, and in the limit of small $\sigma$ a path gets by with it. The wall is where the *mean
    features* of the two clusters are on one line. That $W_1$ has rank 1 does not matter: with the rows $e_1 - e_2$ and
    $e_2 - e_1$ the risk falls to 0 with $\sigma$ as well.

    The same happens to every network whose units lie on different lines, if its own outputs are the targets: a function
    shows its units by its kinks, $f(x + t w) + f(x - t w) - 2 f(x) = t a |w|^2$ on the hyperplane of a unit. So no two
    units can be exchanged at risk zero. With five inputs in the plane and the targets $\max(0, x_1) + \max(0, x_2)$ the
    two orders are exactly two components of zero loss, and they meet at $7/6$.
    """
    import sympy as sp

    derivation = theory.two_gaussians()
    (sigma,) = derivation.parts["ends"].rhs.free_symbols
    half = sp.Rational(1, 2)
    yield Identity(
        "least risk that a path between the two networks passes, in the tight limit",
        derivation=derivation,
        claimed=half,
        rival=Rival("zero: no wall", sp.Integer(0)),
    )
    yield Identity(
        "bound on the risk of both networks",
        derivation=derivation,
        part="ends",
        claimed=3 * sigma**2 / 2,
        rival=Rival("that of the network that is 0", sp.Integer(1)),
    )
    yield Identity(
        "risk of a network whose first layer has rank 1, in the tight limit",
        derivation=derivation,
        part="rank one",
        claimed=sp.Integer(0),
        rival=Rival("at least 1/2, as printed", half),
    )
    kinks = theory.permuted_units()
    outer, length = (next(x for x in kinks.value.free_symbols if x.name == name) for name in ("a_1", "w"))
    yield Identity(
        "what a unit contributes to the second difference on its hyperplane, over t",
        derivation=kinks,
        claimed=outer * length**2,
        rival=Rival("nothing: the function does not show its units", 0 * outer),
    )
    tree = theory.merge_tree(PLANE, _coordinates_summed(1), 2, bias=False)
    yield Enclosure(
        "components of zero loss on five inputs in the plane, with two units",
        values=[sum(birth == 0 for birth, _ in tree.bars)],
        predicted=[2],
        digits=1,
        rival=Rival("one", [1]),
    )
    yield Enclosure(
        "level at which the two meet",
        values=[Fraction(tree.bars[1][1])],
        predicted=[Fraction(7, 6)],
        digits=30,
        rival=Rival("zero: no wall", [0]),
    )


@claim(
    "level-sets.two-gaussians-as-printed",
    title="Two Gaussians with targets that shrink with them keep a wall of 1/2, as printed",
    source=Source(FREEMAN_BRUNA_2017, "section 2.3.1", PATHS),
    assumptions=(
        "$X$ is drawn from a mixture of two Gaussians of covariance $\\sigma^2 I$, $\\sigma < 1/2$, with the component "
        "$Z = \\pm 1$; networks with two hidden ReLU units; the risk is the mean of the squared error",
    ),
    expects={Verdict.REFUTED},
    right="Targets of a fixed length, one for each component; it is the mean features that must not be on one line.",
    flaw="misprint",
)
def two_gaussians_as_printed(bench: Workbench) -> Iterator[Comparison]:
    r"""As printed: let $Y = (X - \mu_Z) Z$. Two networks that differ by an exchange of their hidden units have risks
    that fall to 0 with the covariance, but any path between them passes a $W_1$ of rank 1, where the risk is at least
    $1/2$.

    (Such a path may shrink the outer weights to 0 and let them grow again. It does not pass more than the larger end
    and $E |Y|^2 = 2 \sigma^2$, which falls to 0 with the covariance as well.)
    """
    import sympy as sp

    derivation = theory.two_gaussians_as_published()
    (sigma,) = derivation.value.free_symbols
    yield Identity(
        "risk that a path between two such networks need not exceed, beyond its ends",
        derivation=derivation,
        claimed=sp.Rational(1, 2),
        rival=Rival("the mean square of the targets", 2 * sigma**2),
    )


@claim(
    "level-sets.nearly-connected-as-printed",
    title="Two ReLU networks are joined below max(λ, m^(-1/n)), as printed",
    source=Source(FREEMAN_BRUNA_2017, "theorem 2.4, without its constants", OVER_PARAMETERISED),
    assumptions=(
        "networks with one hidden layer of $m$ ReLU units on $n$ inputs, without biases; the loss is the mean of the "
        "squared error, without a half",
        "five laws of the data, with targets of the order of ten",
    ),
    expects={Verdict.REFUTED},
    right="$\\max(\\lambda, \\epsilon)$, $\\epsilon = O(m^{-1/n})$: the constant depends on the law of the data and on "
    "the regulariser, for the oracle risk with bounded rows of $W^{(1)}$ and a penalty $\\kappa |W^{(2)}|_1$.",
    flaw="overstatement",
)
def nearly_connected_as_printed(bench: Workbench) -> Iterator[Comparison]:
    r"""As printed: any two parameters with a loss of at most $\lambda$ are joined by a path with a loss of at most
    $\max(\lambda, m^{-1/n})$, whatever the data.

    (Multiply the targets by $c$, and all levels of the loss are multiplied by $c^2$: with the walls, which are not 0 at
    small widths, the excess over $\lambda$ exceeds every bound that does not know the data.)
    """
    cases = list(_walls(10))
    yield Enclosure(
        "printed bound less the exact wall, case by case",
        values=[_larger(floor, root, 1) - wall for floor, wall, root, _ in cases],
        within=(0, None),
        rival=Rival(
            "with the mean squared target for a constant in front of m^(-1/n)",
            [_larger(floor, root, square) - wall for floor, wall, root, square in cases],
        ),
    )


def _walls(scale: int) -> Iterator[tuple[Fraction, theory.Ball, theory.Ball, theory.Ball]]:
    """The floor of a valley, the exact wall around it, m^(-1/n) and the mean squared target."""
    exact = theory.Ball.exact
    for x, y, units in (
        (((-1,), (1,)), (scale, 2 * scale), 1),
        (((-1,), (1,)), (scale, 2 * scale), 2),
        (((1, 0, 0), (0, 1, 0), (0, 0, 1), (-1, -1, -1)), (2 * scale, 3 * scale, 5 * scale, 4 * scale), 1),
        (PLANE, _coordinates_summed(scale), 2),
    ):
        floor, wall = theory.merge_tree(x, y, units, bias=False).bars[-1]
        square = Fraction(sum(target**2 for target in y), len(y))
        yield Fraction(floor) / len(y), exact(Fraction(wall) / len(y)), _root(units, len(x[0])), exact(square)
    a, b = 2 * scale, 3 * scale
    square_of_law = Fraction(a**2, 2) * (1 + INVERSE_PI) + Fraction(b**2, 4)
    yield Fraction(b**2, 4), theory.two_sided_valley().at(a=a, b=b, digits=30), _root(2, 3), square_of_law


def _coordinates_summed(scale: int) -> tuple[int, ...]:
    """What two units that fit the two coordinates of PLANE compute."""
    return tuple(scale * (max(0, first) + max(0, second)) for first, second in PLANE)


def _larger(floor: Fraction, root: theory.Ball, factor: theory.Ball | int) -> theory.Ball:
    """The larger of the floor and a multiple of m^(-1/n), in a ball."""
    bound = root * factor
    lower, upper = max(floor, bound.lower), max(floor, bound.upper)
    return theory.Ball((lower + upper) / 2, (upper - lower) / 2)


def _root(units: int, inputs: int) -> theory.Ball:
    """Enclose m^(-1/n), by integers: k = floor(10^12 m^(-1/n)) has k^n m <= 10^(12 n) < (k + 1)^n m."""
    if units == 1:
        return theory.Ball.exact(1)
    low, high = 0, 10**12
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if middle**inputs * units <= 10 ** (12 * inputs) else (low, middle)
    return theory.Ball(Fraction(low + high, 2 * 10**12), Fraction(high - low, 2 * 10**12))
