"""How many critical points the spherical p-spin has at an energy, exponentially, and below which there are none."""

import math
from collections.abc import Iterator
from fractions import Fraction

import numpy as np

import theory
from verify import Comparison, Enclosure, Identity, Rival, Source, Verdict, Workbench, claim
from verify.bibliography import AUFFINGER_BEN_AROUS_CERNY_2013
from verify.lectures.spin_glass import SKETCH, SPIN_GLASS

MODEL = (
    "$H(s) = N^{-(p-1)/2} \\sum J_{i_1 \\dots i_p} s_{i_1} \\cdots s_{i_p}$ on the sphere $|s|^2 = N$, with "
    "independent standard normal couplings $J$; the energy is per spin, $u = H/N$"
)
ORDERS = (3, 4, 10)
DIGITS = 40
MORE = DIGITS + 5
SEPARATION = Fraction(1, 10**90)
DEPTH = 0.02  # how far below zero curves are drawn
LAST = 12  # thresholds that are compared one by one


@claim(
    "spin-glass.complexity",
    title="How many critical points there are at an energy",
    source=Source(AUFFINGER_BEN_AROUS_CERNY_2013, "section 2", printed=SKETCH),
    assumptions=(MODEL, "$N \\to \\infty$ at fixed $p$ and $u$", "large deviations of eigenvalues, as cited"),
    expects={Verdict.CERTIFIED},
)
def complexity(bench: Workbench) -> Iterator[Comparison]:
    r"""The mean number of critical points of index $k$ with energy at most $u$ per spin is $e^{N \Theta_k(u) + o(N)}$.
    With $E_\infty = 2\sqrt{(p-1)/p}$ and $t = -u/E_\infty \ge 1$,

    $$\Theta_k = \tfrac12 \log(p - 1) - \frac{p-2}{p} t^2 - (k+1) I_1,$$

    $$I_1 = t\sqrt{t^2 - 1} - \log\left(t + \sqrt{t^2 - 1}\right),$$

    and from $u = -E_\infty$ on it stays at $\frac12 \log(p-1) - \frac{p-2}{p}$, the same for every fixed $k$. For
    critical points of any index it goes on as $\frac12 \log(p-1) - \frac{p-2}{4(p-1)} u^2$ up to
    $\frac12 \log(p - 1)$ at $u = 0$. So minima are exponentially rare among critical points. And as the complexity of
    a fixed index rises strictly up to $-E_\infty$, the points of that index below $-E_\infty - \eta$ are in mean
    number, for every $\eta > 0$, an exponentially small part of those up to $-E_\infty$.

    The complexity does not say on which side of $-E_\infty$ they lie: the finite numbers of spin-glass.mean-number put
    most of them above it, at a distance that vanishes as $N$ grows.
    """
    import sympy as sp

    p, t = sp.symbols("p t", positive=True)
    k, u = sp.Symbol("k", nonnegative=True), sp.Symbol("u", real=True)
    root = sp.sqrt(t**2 - 1)
    rate = t * root - sp.log(t + root)
    bulk = sp.log(p - 1) / 2 - (p - 2) * t**2 / p
    flat = sp.log(p - 1) / 2 - (p - 2) / p
    fixed, any_index = theory.complexity_by_index(), theory.complexity_of_all_indices()
    yield Identity(
        "index k, below the threshold",
        derivation=fixed,
        claimed=bulk - (k + 1) * rate,
        rival=Rival("one eigenvalue less drawn out", bulk - k * rate),
    )
    yield Identity(
        "index k, above the threshold",
        derivation=fixed,
        part="above",
        claimed=flat,
        rival=Rival("as for any index, at energy zero", sp.log(p - 1) / 2),
    )
    yield Identity(
        "any index, above the threshold",
        derivation=any_index,
        part="in energies",
        claimed=sp.log(p - 1) / 2 - (p - 2) * u**2 / (4 * (p - 1)),
        rival=Rival("a fixed index", flat),
    )
    yield Identity(
        "any index, below the threshold",
        derivation=any_index,
        part="below",
        claimed=bulk - rate,
        rival=Rival("no eigenvalue drawn out", bulk),
    )
    pairs = [(order, place) for order in ORDERS for place in (Fraction(-17, 10), Fraction(-2), Fraction(-5))]
    rates = [theory.index_rate(order, place, digits=MORE) for order, place in pairs]
    beyond = [value for value in zip(pairs, rates, strict=True) if value[1].lower > 0]
    yield Enclosure(
        f"the closed form of $I_1$ against its integral, to {DIGITS} digits, $p$ = 3, 4, 10",
        values=[value for _, value in beyond],
        predicted=[theory.index_rate_integral(order, place, digits=MORE) for (order, place), _ in beyond],
        digits=DIGITS,
        rival=Rival("two eigenvalues drawn out", [2 * value for _, value in beyond]),
    )
    yield Enclosure(
        f"continuous at $-E_\\infty$: $\\Theta_0$ just below it against just above, to {DIGITS} digits",
        values=[theory.complexity(order, _next_to(order, -1), 0, digits=MORE) for order in ORDERS],
        predicted=[theory.complexity(order, _next_to(order, +1), 0, digits=MORE) for order in ORDERS],
        digits=DIGITS,
        rival=Rival("the rate of all points", [theory.complexity(order, 0, digits=MORE) for order in ORDERS]),
    )
    _draw(bench)


def _next_to(order: int, side: int) -> object:
    """Return -E_inf moved by 1e-90, down or up."""
    import sympy as sp

    return -theory.threshold_limit(order) + side * sp.Rational(SEPARATION.numerator, SEPARATION.denominator)


def _draw(bench: Workbench) -> None:
    """Draw the complexity functions of p = 3 with their thresholds."""
    low, high = theory.minima_band(3)
    places = np.linspace(-1.67, -1.61, 241)
    figure = bench.figure(
        "complexity",
        title="Complexity of the 3-spin by index",
        x="energy per spin u",
        y="complexity, log of the mean number per spin",
        caption="Where a curve is below zero there are no critical points of that index or a higher one in a large "
        "system. The marks are the thresholds of the indices drawn; they pile up at the right end of the band.",
    )
    figure.band([low, high], [-DEPTH, -DEPTH], [0.025, 0.025], "band of the minima")
    for index in (0, 1, 2, 10):
        curve = theory.complexity(3, places, index)
        figure.line(places, np.where(curve > -DEPTH, curve, np.nan), f"index {index}")
    figure.line(places, theory.complexity(3, places), "any index")
    figure.line(places, np.zeros_like(places), "zero")
    marks = [-float(theory.threshold_energy(3, index)) for index in (0, 1, 2, 10)]
    figure.points(marks, np.zeros(4), "thresholds of the indices")


@claim(
    "spin-glass.thresholds",
    title="Thresholds fall to the limit of the band",
    source=Source(AUFFINGER_BEN_AROUS_CERNY_2013, "section 2, the layered structure", printed=SPIN_GLASS),
    assumptions=(MODEL, "$p \\ge 3$", "the complexity of a fixed index is as in spin-glass.complexity"),
    expects={Verdict.CERTIFIED},
)
def thresholds(bench: Workbench) -> Iterator[Comparison]:
    r"""There is an energy $-E_k$ below which a large system has no critical point of index $k$ or more, but with a
    probability exponentially small in $N$: the zero of $\Theta_k$. The thresholds close up, $E_0 > E_1 > \dots >
    E_\infty$,

    $$\frac{E_k}{E_\infty} - 1 < \frac12 \left(\frac{3c}{2(k+1)}\right)^{2/3},$$

    $$c = \tfrac12 \log(p-1) - \frac{p-2}{p},$$

    and the bound is the leading term for large $k$. So critical points are layered: the lower the energy, the fewer
    negative directions. For $p = 3$ the band of the minima reaches from $-E_0 = -1.656998\dots$ to
    $-E_\infty = -1.632993\dots$: below it a large system has none, and above $-E_\infty + \eta$ none either as
    $N \to \infty$, for every $\eta > 0$. At finite $N$ most lie a little above the band (spin-glass.mean-number).
    """
    import sympy as sp

    p, k = sp.Symbol("p", positive=True), sp.Symbol("k", nonnegative=True)
    depth = sp.log(p - 1) / 2 - (p - 2) / p
    inner = 3 * depth / (2 * (k + 1))
    spacing = theory.threshold_spacing()
    yield Identity(
        "how fast the thresholds fall to the limit",
        derivation=spacing,
        claimed=inner ** sp.Rational(2, 3) / 2,
        rival=Rival("the power 1", inner / 2),
    )
    yield Identity(
        "the complexity of every fixed index at the limit",
        derivation=spacing,
        part="depth",
        claimed=depth,
        rival=Rival("that of all points", sp.log(p - 1) / 2),
    )
    found = {order: theory.threshold_energy(order, list(range(LAST)), digits=DIGITS) for order in ORDERS}
    limits = {order: theory.threshold_energy(order, math.inf, digits=DIGITS) for order in ORDERS}
    inside = [
        sign * theory.complexity(order, -end, index, digits=2 * DIGITS)
        for order in ORDERS
        for index, ball in enumerate(found[order][:4])
        for sign, end in ((1, ball.lower), (-1, ball.upper))
    ]
    next_one = [
        theory.complexity(order, -ball.lower, index + 1, digits=2 * DIGITS)
        for order in ORDERS
        for index, ball in enumerate(found[order][:4])
    ]
    yield Enclosure(
        f"complexity at the ends of balls of {DIGITS} digits around $-E_k$: positive above, negative below (sign "
        "turned)",
        values=inside,
        within=(0, None),
        rival=Rival("the complexity of the next index, at the upper ends", next_one),
    )
    gaps = [upper - lower for order in ORDERS for upper, lower in zip(found[order], found[order][1:], strict=False)]
    gaps += [found[order][-1] - limits[order] for order in ORDERS]
    yield Enclosure(
        f"$E_k - E_{{k+1}}$ for $k$ = 0 to {LAST - 2}, and $E_{{{LAST - 1}}} - E_\\infty$: all positive",
        values=gaps,
        within=(0, None),
        rival=Rival("the other order", [-gap for gap in gaps]),
    )
    yield Enclosure(
        "$E_0$ and $E_\\infty$ for $p = 3$, to 6 digits as stated",
        values=[found[3][0], limits[3]],
        predicted=[Fraction(1656998, 10**6), Fraction(1632993, 10**6)],
        digits=6,
        rival=Rival("the next threshold in place of each", [found[3][1], found[3][-1]]),
    )
