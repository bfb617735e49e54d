r"""The set of functions that ReLU networks of one size compute: neither closed nor convex, and with no inverse map.

Conventions: one hidden layer on one input, Phi(x) = sum_j a_j relu(w_j x + b_j), inputs in [-1, 1]; the L^p distance is
that of Lebesgue measure there. A *kink* is a place where the slope jumps.

**The map from parameters to functions is no quotient map.** Let f_k, k >= 2, be the hat of height 1/k whose sides have
slopes k and -k, on [0, 2/k^2]; three units compute it. F = {f_k} is not closed among the functions of networks, in the
supremum norm: f_k tends to 0, which is not in F. Its preimage in the parameters is closed. For let theta_n converge and
compute f_{k(n)}: the theta_n are bounded, and by `hats` sum |theta_n|^2 >= 8 k(n), so only finitely many k occur; one
occurs infinitely often, and the limit computes that f_k. A quotient map takes closed sets that are whole preimages to
closed sets: this one does not, and no inverse is continuous, whatever one identifies.
"""

from collections.abc import Iterable, Sequence
from fractions import Fraction
from functools import cache

import sympy as sp

from theory.derivation import Derivation, Step, Theorem
from theory.domain import Domain
from theory.exact_numbers import as_fraction, exact_number
from theory.proof import Relation

__all__ = ["hats", "least_step_distance", "midpoint_kinks", "relu_kinks", "step_as_limit"]

_SOURCE = "Petersen, Raslan and Voigtlaender (2021), arXiv:1806.08459, on the set of functions of networks"
_k, _p, _slope = sp.symbols("k p M", positive=True)
_x = sp.Symbol("x", real=True)


def relu_kinks(units: Sequence[tuple[Fraction | int, ...]]) -> tuple[tuple[Fraction, Fraction], ...]:
    """Return where the slope of a network of ReLU units on one input jumps, and by how much.

    Args:
        units: Triples (outer weight, inner weight, bias), rational.

    Returns:
        Pairs (place, jump) from left to right; jumps that cancel are left out.

    Raises:
        TypeError: If ``units`` is no sequence or an entry is no number.
        ValueError: If a unit is no triple, or a number is not rational.

    Examples:
        >>> [(str(place), str(jump)) for place, jump in relu_kinks([(1, 2, -1), (3, 1, 0), (-1, 2, -1)])]
        [('0', '3')]
    """
    if isinstance(units, str) or not isinstance(units, Iterable):
        raise TypeError(f"units must be a sequence of triples, got {type(units).__name__}.")
    jumps: dict[Fraction, Fraction] = {}
    for unit in units:
        if isinstance(unit, str) or not isinstance(unit, Sequence) or len(unit) != 3:
            raise ValueError(f"a unit must be (outer weight, inner weight, bias), got {unit!r}.")
        outer, inner, bias = (as_fraction(exact_number("a number of a unit", number)) for number in unit)
        if inner:  # a unit without one is a constant
            place = -bias / inner
            jumps[place] = jumps.get(place, Fraction(0)) + outer * abs(inner)
    return tuple((place, jumps[place]) for place in sorted(jumps) if jumps[place])


@cache
def step_as_limit() -> Derivation:
    r"""Derive how far k (relu(x + 1/k) - relu(x)) is from the step function 1 (x > 0), in L^p([-1, 1]).

    .. math:: \|f_k - H\|_p^p = \frac{1}{k (p + 1)}

    Two units compute f_k, with products of weights of the size k; the step, which is not continuous, is the limit.

    Returns:
        A derivation; the value is the distance to the power p.

    Examples:
        >>> step_as_limit().at(k=10, p=2)
        1/30
    """
    ramp = _k * (_x + 1 / _k)  # on -1/k < x < 0, where only the first unit is on
    antiderivative = (_k * _x + 1) ** (_p + 1) / (_k * (_p + 1))
    distance = 1 / (_k * (_p + 1))
    return Derivation(
        "A step function as a limit of networks with two units",
        sp.Eq(sp.Symbol("d"), distance),
        (
            Step(
                "Left of -1/k both units are off; right of 0 both are on and the value is that of the step,",
                Relation(ramp - _k * _x, "=", 1),
                "exact",
                shown=r"k \left(x + \frac{1}{k}\right) - k x = 1",
            ),
            Step(
                "so that only -1/k < x < 0 counts, where f = k x + 1 rises from 0",
                Relation(ramp.subs(_x, -1 / _k), "=", 0),
                "exact",
                shown=r"f_k\left(-\frac{1}{k}\right) = 0",
            ),
            Step("to", Relation(ramp.subs(_x, 0), "=", 1), "exact", shown=r"f_k(0) = 1"),
            Step(
                "while the step is 0. The integral of f^p has the antiderivative",
                Relation(sp.powsimp(antiderivative.diff(_x)), "=", (_k * _x + 1) ** _p),
                "exact",
                shown=r"\frac{d}{dx} \frac{(k x + 1)^{p + 1}}{k (p + 1)} = (k x + 1)^p",
            ),
            Step(
                "and the value",
                Relation(antiderivative.subs(_x, 0) - antiderivative.subs(_x, -1 / _k), "=", distance),
                "exact",
                shown=r"\int_{-1/k}^0 (k x + 1)^p \, dx = \frac{1}{k (p + 1)}",
            ),
            Step(
                "which falls as k grows, towards 0.",
                Relation(distance.diff(_k), "<", 0),
                "exact",
                shown=r"\frac{1}{k (p + 1)} \to 0",
            ),
        ),
        Domain(k=(1, sp.oo), p=(0, sp.oo)),
        source=_SOURCE,
        shown={"result": r"\|f_k - H\|_p^p = \frac{1}{k (p + 1)}"},
    )


@cache
def least_step_distance() -> Derivation:
    r"""Derive how near a function whose slopes are at most M > 1/2 can come to the step function, in L^p, p > 1.

    .. math:: \|f - H\|_p^p \ge \frac{2^{-p}}{M (p + 1)}

    with equality for the ramp from 0 to 1 of slope M around 0, which has room in [-1, 1] for M > 1/2 only. The slopes
    of a network are at most sum |a_j w_j|, so that weights have to grow without bounds for networks of any width to
    tend to the step.

    Returns:
        A derivation; the value is the bound.

    Examples:
        >>> least_step_distance().at(M=10, p=2)
        1/120
    """
    t, gap = sp.symbols("t u", positive=True)
    a, b = sp.symbols("a b", positive=True)
    antiderivative = -2 * (sp.Rational(1, 2) - _slope * t) ** (_p + 1) / (_slope * (_p + 1))
    bound = sp.Rational(1, 2) ** _p / (_slope * (_p + 1))
    return Derivation(
        "How near networks of bounded slope come to a step",
        sp.Eq(sp.Symbol("d_least"), bound),
        (
            Step(
                "With a = 1 - f(t) and b = f(-t), what f misses the step by at t > 0 and at -t: f rises by",
                Relation((1 - a) - b, "=", 1 - (a + b)),
                "exact",
                shown=r"f(t) - f(-t) = 1 - (a + b) \le 2 M t",
            ),
            Step(
                "so that the mean of the two is at least, if all of that rise is used,",
                Relation(((a + b) / 2).subs(a, 1 - 2 * _slope * t - b), "=", sp.Rational(1, 2) - _slope * t),
                "exact",
                shown=r"\frac{a + b}{2} \ge \frac{1}{2} - M t",
            ),
            Step(
                "which is positive for t up to 1/(2 M), within the inputs as M > 1/2.",
                Relation(1 / (2 * _slope), "<", 1),
                "exact",
                shown=r"t < \frac{1}{2 M} < 1",
            ),
            Step(
                "The sum of p-th powers is at least twice the p-th power of that. Over 0 < t < 1/(2 M)",
                Relation(
                    sp.powsimp(antiderivative.diff(t)),
                    "=",
                    2 * (sp.Rational(1, 2) - _slope * t) ** _p,
                ),
                "exact",
                shown=r"a^p + b^p \ge 2 \left(\frac{1}{2} - M t\right)^p",
            ),
            Step(
                "the integral is",
                Relation(antiderivative.subs(t, 1 / (2 * _slope)) - sp.powsimp(antiderivative.subs(t, 0)), "=", bound),
                "exact",
                shown=r"\int_0^{1/(2M)} 2 \left(\frac{1}{2} - M t\right)^p dt = \frac{2^{-p}}{M (p + 1)}",
            ),
            Step(
                "It is positive for every M: with bounded weights networks stay away from the step.",
                Relation(0, "<", bound),
                "exact",
                shown=r"0 < \frac{2^{-p}}{M (p + 1)}",
            ),
        ),
        Domain(M=(sp.Rational(1, 2), sp.oo), p=(1, sp.oo)),
        theorems=(
            Theorem(
                "Jensen's inequality",
                r"For a convex function $c$ the mean of $c(a)$ and $c(b)$ is at least $c((a + b)/2)$.",
                "Jensen (1906), Acta Mathematica 30, 175-193",
                (
                    Step(
                        "The p-th power is convex on the positive numbers for p > 1.",
                        Relation(0, "<", _p * (_p - 1) * gap ** (_p - 2)),
                        "exact",
                        shown=r"\frac{d^2}{du^2} u^p = p (p - 1) u^{p - 2} > 0",
                    ),
                    Step(
                        "that is its second derivative:",
                        Relation(sp.powsimp((gap**_p).diff(gap, 2)), "=", sp.powsimp(_p * (_p - 1) * gap ** (_p - 2))),
                        "exact",
                        shown=r"\frac{d^2}{du^2} u^p = p (p - 1) u^{p - 2}",
                    ),
                ),
            ),
        ),
        source=_SOURCE,
        shown={"result": r"\|f - H\|_p^p \ge \frac{2^{-p}}{M (p + 1)}"},
    )


@cache
def midpoint_kinks() -> Derivation:
    r"""Derive that the midpoint of two networks of k ReLU units with kinks at 2k different places has 2k kinks.

    Kinks count inside (-1, 1), where inputs lie. A network of k units has at most k, so that the midpoint is none of
    them: the set of functions is not convex.

    Returns:
        A derivation; the value is the number of kinks of the midpoint, the part "one" that of each network.

    Examples:
        >>> midpoint_kinks().at(k=5)
        10
    """
    k = sp.Symbol("k", integer=True, positive=True)
    a, w, b = sp.symbols("a w b", positive=True)
    c = sp.Symbol("c", real=True)
    alone, counts = [], []
    for units in range(1, 7):
        first = [(j + 1, 2 * j + 1, -j) for j in range(units)]
        second = [(-1, -3 * j - 4, j + 1) for j in range(units)]
        alone += [len(relu_kinks(first)), len(relu_kinks(second))]
        counts.append(len(relu_kinks([(Fraction(outer, 2), *rest) for outer, *rest in first + second])))
    return Derivation(
        "Kinks of the midpoint of two networks",
        sp.Eq(sp.Symbol("N"), 2 * k),
        (
            Step(
                "At its kink the slope of a relu(w x + b), w > 0, goes from 0 to a w: it jumps by",
                Relation((a * (w * _x + b)).diff(_x) - sp.Integer(0), "=", a * w),
                "exact",
                shown=r"a |w|",
            ),
            Step(
                "for w < 0 from -a |w| to 0: by the same.",
                Relation(0 - (a * (-w * _x + b)).diff(_x), "=", a * w),
                "exact",
                shown=r"0 - (-a |w|) = a |w|",
            ),
            Step(
                "What is smooth there adds nothing, so that the midpoint has half the jump at each of the places:",
                Relation(((a * w + c) / 2) - c / 2, "=", a * w / 2),
                "exact",
                shown=r"\frac{a |w| + c}{2} - \frac{c}{2} = \frac{a |w|}{2} \neq 0",
            ),
            Step(
                "Networks of 1 to 6 units, two of each width, have as many kinks as units,",
                Relation(sp.Tuple(*alone), "=", sp.Tuple(*(n for n in range(1, 7) for _ in "ab"))),
                "exact",
                shown=r"1, \ 1, \ 2, \ 2, \ \dots, \ 6, \ 6",
            ),
            Step(
                "and the midpoints of each two, in rational numbers,",
                Relation(sp.Tuple(*counts), "=", sp.Tuple(*range(2, 13, 2))),
                "exact",
                shown=r"2, \ 4, \ \dots, \ 12",
            ),
            Step(
                "In general, with all places different and among the inputs: the kinks of the one and of the other.",
                Relation(k + k, "=", 2 * k),
                "exact",
                shown=r"k + k = 2 k",
            ),
            Step(
                "That is more than a network of k units can have.",
                Relation(k, "<", 2 * k),
                "exact",
                shown=r"k < 2 k",
            ),
        ),
        Domain(k=(0, sp.oo)).with_integers("k"),
        parts={"one": sp.Eq(sp.Symbol("N_1"), k)},
        titles={
            "one": "kinks of each network",
        },
        source=_SOURCE,
        shown={"result": r"N = 2 k", "one": r"N_1 = k"},
    )


@cache
def hats() -> Derivation:
    r"""Derive that hats of height 1/k and slope k, k >= 2, need weights with squares that add up to at least 8k.

    So at any width. For k >= 2 the hat, on [0, 2/k^2], has all three kinks among the inputs.

    Returns:
        A derivation; the value is the least sum of squares, the part "height" that of the hat.

    Examples:
        >>> hats().at(k=100), hats().at(part="height", k=100)
        (800, 1/100)
    """
    a, w, bound, gap = sp.symbols("a w B t", positive=True)
    middle, end = 1 / _k**2, 2 / _k**2
    rise = _k * _x
    fall = rise - 2 * _k * (_x - middle)
    rest = fall + _k * (_x - end)
    jumps = (rise.diff(_x), (fall - rise).diff(_x), (rest - fall).diff(_x))
    balanced = sum((2 * abs(jump) for jump in jumps), sp.Integer(0))
    return Derivation(
        "Hats that get lower and steeper",
        sp.Eq(sp.Symbol("S"), 8 * _k),
        (
            Step(
                "The hat k relu(x) - 2 k relu(x - 1/k^2) + k relu(x - 2/k^2) rises up to 1/k^2, to the height",
                Relation(rise.subs(_x, middle), "=", 1 / _k),
                "exact",
                lambda: sp.cancel(fall.subs(_x, middle)),
                shown=r"f_k\left(\frac{1}{k^2}\right) = \frac{1}{k}",
            ),
            Step(
                "is back at 0 at 2/k^2",
                Relation(fall.subs(_x, end), "=", 0),
                "exact",
                shown=r"f_k\left(\frac{2}{k^2}\right) = 0",
            ),
            Step("and stays there.", Relation(rest, "=", 0), "exact", shown=r"k x - 2 k x + k x + 2/k - 2/k = 0"),
            Step(
                "Its slope jumps at three places, by",
                Relation(sp.Tuple(*jumps), "=", sp.Tuple(_k, -2 * _k, _k)),
                "exact",
                shown=r"k, \quad -2 k, \quad k",
            ),
            Step(
                "in absolute values by",
                Relation(sum((abs(jump) for jump in jumps), sp.Integer(0)), "=", 4 * _k),
                "exact",
                shown=r"k + 2 k + k = 4 k",
            ),
            Step(
                "A unit jumps by |a w|, and half the sum of its squared weights is at least that:",
                Relation((a**2 + w**2) / 2 - a * w, "=", (a - w) ** 2 / 2),
                "exact",
                shown=r"\frac{a^2 + w^2}{2} - |a w| = \frac{(|a| - |w|)^2}{2} \ge 0",
            ),
            Step(
                "Jumps at one place can only cancel, so that for every network that computes the hat the squares add "
                "up to at least twice 4 k, as for three units with |a| = |w| they do but for the biases.",
                Relation(balanced, "=", 8 * _k),
                "exact",
                shown=r"\sum_j (a_j^2 + w_j^2) \ge 2 \sum_j |a_j w_j| \ge 8 k",
            ),
        ),
        Domain(k=(sp.sqrt(2), sp.oo)),  # all three kinks at inputs
        theorems=(
            Theorem(
                "Closed sets under quotient maps",
                r"A map is a quotient map only if every set whose preimage is closed is closed itself.",
                "Munkres (2000), Topology, second edition, section 22",
                (
                    Step(
                        "The preimage of the hats is closed: for a sequence of parameters that converges the sum of "
                        "squares is at most some B, and that of hats with k > B/8 is more, so that one k occurs "
                        "infinitely often, which the limit computes too;",
                        Relation(bound, "<", 8 * (bound / 8 + gap)),
                        "exact",
                        shown=r"B < 8 k, \quad k > \frac{B}{8}",
                        domain=Domain(B=(0, sp.oo), t=(0, sp.oo)),
                    ),
                    Step(
                        "the set of hats is not closed: their heights tend to 0, and the function 0 is no hat.",
                        Relation(sp.limit(1 / _k, _k, sp.oo), "=", 0),
                        "exact",
                        shown=r"\lim \frac{1}{k} = 0",
                    ),
                ),
            ),
        ),
        parts={"height": sp.Eq(sp.Symbol("h"), 1 / _k)},
        titles={
            "height": "height of the hat",
        },
        source=_SOURCE,
        shown={"result": r"\sum_j (a_j^2 + w_j^2) \ge 8 k", "height": r"\max f_k = \frac{1}{k}"},
    )
