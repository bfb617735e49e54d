r"""Valleys of one ReLU unit: the smallest example, and n of them on n + 1 points.

Conventions: outputs a relu(v . x) without biases; the loss is the SUM of squares, without a half, so that the levels
are those of `theory.level_sets.merge_tree`.
"""

import math
from collections.abc import Sequence
from fractions import Fraction
from functools import cache

import sympy as sp

from theory.derivation import Derivation, Step
from theory.domain import Domain
from theory.level_sets.sublevel_tree import merge_tree
from theory.proof import Relation

__all__ = ["simplex_valleys", "smallest_relu_valley"]


@cache
def smallest_relu_valley() -> Derivation:
    r"""Derive the strict spurious valley of one ReLU unit on two points, (x, y) = (1, 1) and (-1, 2).

    Only one of the two points sees the unit: the loss is (u - 1)^2 + 4 for v > 0 and 1 + (u - 2)^2 for v < 0, with
    u = a |v|. Between them it is 5, where the unit is off.

    Returns:
        A derivation; the value is the wall, the parts are the floors of the "valley" and of the "global" minimum.

    Examples:
        >>> smallest_relu_valley().value, smallest_relu_valley().parts["valley"].rhs
        (5, 4)
    """
    u = sp.Symbol("u", real=True)
    sides = ((u - 1) ** 2 + 4, 1 + (u - 2) ** 2)
    tree = merge_tree([1, -1], [1, 2], 1, bias=False)
    return Derivation(
        "The smallest spurious valley of a ReLU unit",
        sp.Eq(sp.Symbol("wall"), sp.Integer(5)),
        (
            Step(
                "For v > 0 the unit is off at x = -1: the loss is least at u = 1, and its value is",
                Relation(sides[0].subs(u, sp.solve(sides[0].diff(u), u)[0]), "=", 4),
                "exact",
                shown=r"\min_u \, (u - 1)^2 + 4 = 4",
            ),
            Step(
                "For v < 0 it is off at x = 1:",
                Relation(sides[1].subs(u, sp.solve(sides[1].diff(u), u)[0]), "=", 1),
                "exact",
                shown=r"\min_u \, 1 + (u - 2)^2 = 1",
            ),
            Step(
                "A path from one sign of v to the other passes v = 0, where the outputs are 0 and the loss is",
                Relation(sp.Tuple(*(side.subs(u, 0) for side in sides)), "=", sp.Tuple(5, 5)),
                "exact",
                shown=r"1^2 + 2^2 = 5",
            ),
            Step(
                "which is the top of the straight way there: the loss falls from u = 0 to u = 1.",
                Relation(sides[0].subs(u, sp.Symbol("t", positive=True)), "<", sides[0].subs(u, 0)),
                "exact",
                shown=r"(t - 1)^2 + 4 < 5",
                domain=Domain(t=(0, 1)),
            ),
            Step(
                "The merge tree by activation cells has the same bars: births and the one death,",
                Relation(sp.Tuple(*_levels(tree.bars)), "=", sp.Tuple(1, 4, 5)),
                "exact",
                shown=r"(1, \infty), \ (4, 5)",
            ),
            Step(
                "of which the last is the wall.",
                Relation(_levels(tree.bars)[-1], "=", 5),
                "exact",
                shown=r"\mathrm{wall} = 5",
            ),
        ),
        Domain(),
        parts={
            "valley": sp.Eq(sp.Symbol("valley"), sp.Integer(4)),
            "global": sp.Eq(sp.Symbol("L_least"), sp.Integer(1)),
        },
        titles={
            "valley": "loss of the valley",
            "global": "loss of the global minimum",
        },
        source="Venturi, Bandeira and Bruna (2019), arXiv:1802.06384, on spurious valleys",
        shown={"result": r"\mathrm{wall} = 5", "valley": r"\mathrm{valley} = 4", "global": r"\min L = 1"},
    )


@cache
def simplex_valleys() -> Derivation:
    r"""Derive the bars of one ReLU unit on n + 1 inputs in R^n with sum 0, any n of them independent, targets y > 0.

    .. math:: (y_{\min}^2, \infty), \qquad (y_k^2, \ y_k^2 + y_{\min}^2) \text{ for every other } k

    so one unit in n dimensions has n strict spurious valleys on n + 1 points (those of equal targets are global).

    Returns:
        A derivation; the value is the death of the bar of input k, in y_k and y_min = m; the part "birth" its birth.

    Examples:
        >>> simplex_valleys().at(y_k=2, m=1)
        5
    """
    y_k, _y_l, least, gap = sp.symbols("y_k y_l m delta", positive=True)
    u, v = sp.symbols("u_1:4", real=True), sp.symbols("v_1:3", real=True)
    points = [sp.Matrix([1, 0]), sp.Matrix([0, 1]), sp.Matrix([-1, -1])]
    before = [(sp.Matrix([v]) * point)[0] for point in points]
    targets = sp.symbols("y_1:4", positive=True)
    fitted = dict(zip(u, targets, strict=True))
    death = y_k**2 + least**2

    def loss(off: Sequence[int]) -> sp.Expr:
        """With some of three inputs off."""
        return sum(((0 if k in off else u[k]) - target) ** 2 for k, target in enumerate(targets))

    instances = [((1, 0), (0, 1), (-1, -1)), ((1, 0, 0), (0, 1, 0), (0, 0, 1), (-1, -1, -1)), ((1,), (-1,))]
    values = [(3, 1, 2), (2, 3, 5, 4), (1, 2)]
    trees = [merge_tree(x, y, 1, bias=False) for x, y in zip(instances, values, strict=True)]
    return Derivation(
        "One ReLU unit on the corners of a simplex",
        sp.Eq(sp.Symbol("death"), death),
        (
            Step(
                "The pre-activations sum up to 0 (here n = 2), so that not all are positive; any other pattern of "
                "signs occurs, with any positive values on at most n inputs, which are independent.",
                Relation(sp.expand(sum(before, sp.Integer(0))), "=", 0),
                "exact",
                shown=r"\sum_k v \cdot x_k = 0",
            ),
            Step(
                "With a > 0 and input k off, the others can be fitted: the least loss is",
                Relation(loss((0,)).subs(fitted), "=", targets[0] ** 2),
                "exact",
                shown=r"\min_{u > 0} y_k^2 + \sum_{i \neq k} (u_i - y_i)^2 = y_k^2",
            ),
            Step(
                "which is the birth of a component, as on the walls around that cell another input is off, too:",
                Relation(targets[0] ** 2, "<", loss((0, 1)).subs(fitted)),
                "exact",
                shown=r"y_k^2 < y_k^2 + y_l^2",
            ),
            Step(
                "the wall between the cells of k and l has the least loss",
                Relation(loss((0, 1)).subs(fitted), "=", targets[0] ** 2 + targets[1] ** 2),
                "exact",
                shown=r"y_k^2 + y_l^2",
            ),
            Step(
                "A component is left by its lowest wall, that to the input of the least target m, not to another one, "
                "y_l = m + delta. By the elder rule it dies there.",
                Relation(death, "<", y_k**2 + (least + gap) ** 2),
                "exact",
                shown=r"y_k^2 + m^2 < y_k^2 + y_l^2",
            ),
            Step(
                "With a < 0, or the unit off, the loss is at least that of output 0, which is above all of these (here "
                "three inputs).",
                Relation(targets[0] ** 2 + targets[1] ** 2, "<", loss((0, 1, 2))),
                "exact",
                shown=r"y_k^2 + m^2 < \sum_i y_i^2",
            ),
            Step(
                "The births are the squares of the targets.",
                Relation(loss((0,)).subs(fitted).subs(targets[0], y_k), "=", y_k**2),
                "exact",
                shown=r"y_k^2",
            ),
            Step(
                "The merge trees by activation cells in 2, 3 and 1 dimensions: births, then deaths,",
                Relation(
                    sp.Tuple(*(level for tree in trees for level in _levels(tree.bars))),
                    "=",
                    sp.Tuple(*(level for y in values for level in _predicted(y))),
                ),
                "exact",
                shown=r"(1, \infty), (4, 5), (9, 10); \quad (4, \infty), (9, 13), (16, 20), (25, 29); \quad"
                r" (1, \infty), (4, 5)",
            ),
            Step(
                "as derived: a target y_k above the least one dies at",
                Relation((loss((0, 1)).subs(fitted)).subs({targets[0]: y_k, targets[1]: least}), "=", death),
                "exact",
                shown=r"y_k^2 + m^2",
            ),
        ),
        Domain(y_k=(0, sp.oo), m=(0, sp.oo), delta=(0, sp.oo)),
        parts={"birth": sp.Eq(sp.Symbol("birth"), y_k**2)},
        titles={
            "birth": "loss at which the bar is born",
        },
        assumptions=("n + 1 inputs in n dimensions with sum 0, any n of them independent; no bias; targets y > 0",),
        source="Venturi, Bandeira and Bruna (2019), arXiv:1802.06384, on spurious valleys",
        shown={"result": r"\mathrm{death} = y_k^2 + y_{\min}^2", "birth": r"\mathrm{birth} = y_k^2"},
    )


def _levels(bars: Sequence[tuple[Fraction, Fraction | float]]) -> list[sp.Expr]:
    """All births, then all deaths but the infinite one."""
    births, deaths = [birth for birth, _ in bars], [death for _, death in bars if death != math.inf]
    return [sp.Rational(*Fraction(level).as_integer_ratio()) for level in (*births, *deaths)]


def _predicted(targets: Sequence[int]) -> list[sp.Expr]:
    squares = sorted(sp.Integer(target) ** 2 for target in targets)
    return [*squares, *(square + squares[0] for square in squares[1:])]
