r"""Level sets and local minima: what connected sublevel sets exclude, and what they do not.

Conventions: N_lambda is the number of connected components of {f <= lambda}. A local minimum x is *strict* if f > f(x)
at all other points of a neighbourhood. A *spurious valley* is a component of some {f <= lambda} that does not contain
points of f as low as others of {f <= lambda} do: f on it stays away from its infimum on the whole space.

**The proposition, put right.** Let f be continuous and all {f <= lambda} connected. Then every *strict* local minimum
is global, and there is no spurious valley. Proof: let x be a strict local minimum and f(y) < f(x). On a small sphere
around x one has f > f(x), so {f <= f(x)} is the union of the part inside, which contains x, and the part outside, which
contains y; both are closed and open in it: a contradiction. A valley would be one component beside another one.
For minima that are not strict it is false: `plateau_counterexample`. Nor is a converse true: x^2 (x - 1)^2 has global
minima only and two components of {f <= 0}. Continuity is needed on the whole space, not only near the minimum.
"""

from functools import cache

import sympy as sp

from theory.derivation import Derivation, Step
from theory.domain import Domain
from theory.proof import Relation

__all__ = ["plateau_counterexample"]

_x = sp.Symbol("x", real=True)
_PIECES = (-_x, sp.Integer(0), 1 - _x, sp.Integer(-1))  # on x <= 0, 0 <= x <= 1, 1 <= x <= 2, 2 <= x


@cache
def plateau_counterexample() -> Derivation:
    r"""Derive that connected sublevel sets do not make every local minimum global: a function with a plateau.

    .. math:: f(x) = -x \ (x \le 0), \quad 0 \ (0 \le x \le 1), \quad 1 - x \ (1 \le x \le 2), \quad -1 \ (x \ge 2)

    Every sublevel set is a half-line or empty, and yet all points with 0 < x < 1 are local minima, of value 0 > -1.
    The path x -> x + t from any point is non-increasing and ends at a global minimum: that does not exclude non-global
    minima either.

    Returns:
        A derivation; the value is that of the local minima, the part "least" the global minimum, and the part "end"
        the left end of {f <= lambda} for lambda > 0.

    Examples:
        >>> plateau_counterexample().value, plateau_counterexample().parts["least"].rhs
        (0, -1)
    """
    level = sp.Symbol("lambda", real=True)
    left, middle, right, last = _PIECES
    t = sp.Symbol("t", positive=True)
    return Derivation(
        "Connected sublevel sets with local minima that are not global",
        sp.Eq(sp.Symbol("f_plateau"), sp.Integer(0)),
        (
            Step(
                "The pieces meet at 0, 1 and 2: f is continuous.",
                Relation(
                    sp.Tuple(left.subs(_x, 0) - middle, right.subs(_x, 1) - middle, right.subs(_x, 2) - last),
                    "=",
                    sp.Tuple(0, 0, 0),
                ),
                "exact",
                shown=r"f(0) = 0, \quad f(1) = 0, \quad f(2) = -1",
            ),
            Step(
                "No piece rises, so that {f <= lambda} contains with x everything on its right: it is a half-line.",
                Relation(sp.Tuple(*(piece.diff(_x) for piece in _PIECES)), "=", sp.Tuple(-1, 0, -1, 0)),
                "exact",
                shown=r"f' = -1, \ 0, \ -1, \ 0",
            ),
            Step(
                "For lambda > 0 it begins at -lambda,",
                Relation(sp.solve(sp.Eq(left, level), _x)[0], "=", -level),
                "exact",
                lambda: -left.subs(_x, level) - 2 * level,
                shown=r"f(-\lambda) = \lambda",
                domain=Domain(**{"lambda": (0, sp.oo)}),
            ),
            Step(
                "for -1 < lambda < 0 at 1 - lambda.",
                Relation(right.subs(_x, 1 - level), "=", level),
                "exact",
                shown=r"f(1 - \lambda) = \lambda",
                domain=Domain(**{"lambda": (-1, 0)}),
            ),
            Step(
                "Around a point of (0, 1) f is constant: a local minimum (and maximum) of value",
                Relation(middle.subs(_x, t / (1 + t)), "=", 0),
                "exact",
                shown=r"f\left(\frac{t}{1 + t}\right) = 0, \quad t > 0",
            ),
            Step("But f has the value -1, at 2:", Relation(right.subs(_x, 2), "=", -1), "exact", shown=r"f(2) = -1"),
            Step("which is less.", Relation(right.subs(_x, 2), "<", 0), "exact"),
        ),
        Domain(t=(0, sp.oo)),
        parts={"least": sp.Eq(sp.Symbol("f_least"), sp.Integer(-1)), "end": sp.Eq(sp.Symbol("x_lambda"), -level)},
        titles={
            "least": "the global minimum",
            "end": "sublevel sets of positive level",
        },
        source="Freeman and Bruna (2017), arXiv:1611.01540, section 2, which says minima without strict",
        shown={"result": r"f = 0", "least": r"\min f = -1", "end": r"\{f \le \lambda\} = [-\lambda, \infty)"},
    )
