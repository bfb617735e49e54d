r"""What convexity says of minima, and what the sign of the Hessian alone does not.

Conventions: f is a function on R^n; a *minimiser* is a point at which f takes its least value. Existence is where the
sign of second derivatives is silent: it takes, for instance, growth at infinity.
"""

from functools import cache

import sympy as sp

from theory.derivation import Derivation, Step
from theory.domain import Domain
from theory.proof import Relation

__all__ = ["convex_local_minimum", "flat_minimiser", "indefinite_chord", "positive_curvature_without_minimiser"]

_x = sp.Symbol("x", real=True)
_SOURCE = "Berner, Grohs, Kutyniok and Petersen (2021), arXiv:2105.04026, section 1.2, on convex problems"


@cache
def convex_local_minimum() -> Derivation:
    r"""Derive that a local minimum of a convex function is global, and that of strictly convex ones there is one.

    .. math:: f((1 - t) x + t y) \le f(x) - t d, \qquad d = f(x) - f(y)

    A lower point y (d > 0) makes points as near to x as one likes lower than x: x is no local minimum.

    Returns:
        A derivation; the value bounds f between x and y, in f(x) = F, d and t.

    Examples:
        >>> convex_local_minimum().at(F=3, d=2, t="1/4")
        5/2
    """
    value, drop, t = sp.symbols("F d t", positive=True)
    x, y = sp.symbols("x y", positive=True)
    bound = value - t * drop
    return Derivation(
        "Local minima of convex functions",
        sp.Eq(sp.Symbol("f_t"), bound),
        (
            Step(
                "Let f(y) = F - d lie below f(x) = F. By convexity f at (1 - t) x + t y is at most",
                Relation((1 - t) * value + t * (value - drop), "=", bound),
                "exact",
                shown=r"(1 - t) F + t (F - d) = F - t d",
            ),
            Step("less than f(x) for every t > 0,", Relation(bound, "<", value), "exact", shown=r"F - t d < F"),
            Step(
                "at points as near to x as one likes: x is no local minimum.",
                Relation((1 - t) * x + t * y - x, "=", t * (y - x)),
                "exact",
                shown=r"(1 - t) x + t y - x = t (y - x)",
            ),
        ),
        Domain(F=(0, sp.oo), d=(0, sp.oo), t=(0, 1)),
        source=_SOURCE,
        shown={"result": r"f((1 - t) x + t y) \le F - t d"},
    )


@cache
def indefinite_chord() -> Derivation:
    r"""Derive that a function with one direction of negative curvature at one point is not convex.

    Along v with v'Hv = -c < 0 the mean of f at two points t away on both sides is less than f in the middle, to second
    order by t^2 c/2; a convex function would have it the other way round.

    Returns:
        A derivation; the value is the excess of the mean over the middle, to second order, in c and t.

    Examples:
        >>> indefinite_chord().at(c=2, t="1/10")
        -1/100
    """
    curvature, t = sp.symbols("c t", positive=True)
    value, slope, third = sp.symbols("F g k", real=True)
    along = value + slope * _x - curvature * _x**2 / 2 + third * _x**3
    excess = -curvature * t**2 / 2
    return Derivation(
        "A direction of negative curvature",
        sp.Eq(sp.Symbol("gap"), excess),
        (
            Step(
                "Along the direction f has the second derivative -c at the point;",
                Relation(along.diff(_x, 2).subs(_x, 0), "=", -curvature),
                "exact",
                shown=r"f(x + s v) = F + g s - \frac{c s^2}{2} + k s^3 + o(s^3)",
            ),
            Step(
                "odd orders cancel in the mean at s = t and s = -t, which exceeds the middle by",
                Relation((along.subs(_x, t) + along.subs(_x, -t)) / 2 - value, "=", excess),
                "exact",
                shown=r"\frac{f(x + t v) + f(x - t v)}{2} - f(x) = -\frac{c t^2}{2} + o(t^2)",
            ),
            Step("less than 0: not convex.", Relation(excess, "<", 0), "exact", shown=r"-\frac{c t^2}{2} < 0"),
        ),
        Domain(c=(0, sp.oo), t=(0, 1)),
        source=_SOURCE,
        shown={"result": r"\frac{f(x + t v) + f(x - t v)}{2} - f(x) = -\frac{c t^2}{2} + o(t^2)"},
    )


@cache
def positive_curvature_without_minimiser() -> Derivation:
    r"""Derive that e^x, whose second derivative is positive everywhere, has no minimiser.

    At most one there is for every such function: between two minimisers it would lie below its least value.

    Returns:
        A derivation; the value is the number of critical points, the part "infimum" the value that is not taken.

    Examples:
        >>> positive_curvature_without_minimiser().value
        0
    """
    f = sp.exp(_x)
    critical = sp.solveset(f.diff(_x), _x, sp.S.Reals)
    count = sp.Integer(0 if critical is sp.S.EmptySet else 1)
    return Derivation(
        "Positive curvature without a minimiser",
        sp.Eq(sp.Symbol("N"), sp.Integer(0)),
        (
            Step(
                "The second derivative of e^x is positive everywhere.",
                Relation(0, "<", f.diff(_x, 2)),
                "exact",
                shown=r"\frac{d^2}{dx^2} e^x = e^x > 0",
            ),
            Step("So is the first,", Relation(0, "<", f.diff(_x)), "exact", shown=r"\frac{d}{dx} e^x = e^x > 0"),
            Step(
                "so that the number of critical points, and of minimisers, is",
                Relation(count, "=", 0),
                "exact",
                shown=r"N = 0",
            ),
            Step(
                "The infimum is approached as x tends to minus infinity, and never taken:",
                Relation(sp.limit(f, _x, -sp.oo), "=", 0),
                "exact",
                shown=r"\inf e^x = 0",
            ),
        ),
        Domain(),
        parts={"infimum": sp.Eq(sp.Symbol("f_inf"), sp.Integer(0))},
        titles={
            "infimum": "infimum that is not reached",
        },
        source=_SOURCE,
        shown={"result": r"N = 0", "infimum": r"\inf f = 0"},
    )


@cache
def flat_minimiser() -> Derivation:
    r"""Derive that x^4 + y^2, whose Hessian is positive semidefinite everywhere and singular at 0, has one minimiser.

    And x, with a Hessian of zeros, has none: the null space of a semidefinite Hessian tells neither that there are
    several minimisers nor that there is one.

    Returns:
        A derivation; the value is the dimension of the set of minimisers of x^4 + y^2, the part "nullity" that of the
        null space of the Hessian there, and the part "slope" the gradient of the function x.

    Examples:
        >>> flat_minimiser().value, flat_minimiser().parts["nullity"].rhs
        (0, 1)
    """
    y = sp.Symbol("y", real=True)
    f = _x**4 + y**2
    hessian = sp.hessian(f, (_x, y))
    critical = sp.solve([f.diff(_x), f.diff(y)], (_x, y), dict=True)
    nullity = len(hessian.subs({_x: 0, y: 0}).nullspace())
    s, u = sp.symbols("s u", positive=True)
    half = Domain(s=(0, sp.oo), u=(0, sp.oo))
    elsewhere = ((s, 0), (0, u), (s, u))  # f is even in both
    return Derivation(
        "A singular Hessian at the only minimiser",
        sp.Eq(sp.Symbol("dim"), sp.Integer(0)),
        (
            Step(
                "The Hessian of x^4 + y^2 is",
                Relation(hessian, "=", sp.diag(12 * _x**2, 2)),
                "exact",
                shown=r"H = \operatorname{diag}(12 x^2, 2)",
            ),
            Step(
                "positive definite where x is not 0,", Relation(0, "<", hessian[0, 0].subs(_x, s)), "exact", domain=half
            ),
            Step(
                "and semidefinite at 0, with a null space of dimension",
                Relation(sp.Integer(nullity), "=", 1),
                "exact",
                shown=r"\dim \ker H(0, 0) = 1",
            ),
            Step(
                "The origin is the one critical point,",
                Relation(sp.Tuple(len(critical), critical[0][_x], critical[0][y]), "=", sp.Tuple(1, 0, 0)),
                "exact",
                shown=r"\nabla f = 0 \iff x = y = 0",
            ),
            Step(
                "and lower than every other point:",
                Relation(sp.Tuple(0, 0, 0), "<", sp.Tuple(*(f.subs({_x: a, y: b}) for a, b in elsewhere))),
                "exact",
                shown=r"0 < x^4 + y^2, \quad (x, y) \neq (0, 0)",
                domain=half,
            ),
            Step(
                "so that the minimisers, one point, have a hull of dimension",
                Relation(sp.Integer(len(critical) - 1), "=", 0),
                "exact",
                shown=r"\dim \{(0, 0)\} = 0",
            ),
            Step(
                "The function x has the Hessian 0 and the slope",
                Relation(_x.diff(_x), "=", 1),
                "exact",
                shown=r"\frac{d}{dx} x = 1",
            ),
        ),
        Domain(),
        parts={
            "nullity": sp.Eq(sp.Symbol("nullity"), sp.Integer(1)),
            "slope": sp.Eq(sp.Symbol("slope"), sp.Integer(1)),
        },
        titles={
            "nullity": "dimension of the null space",
            "slope": "derivative of the function x",
        },
        source=_SOURCE,
        shown={"result": r"\dim = 0", "nullity": r"\dim \ker H = 1", "slope": r"\frac{d}{dx} x = 1"},
    )
