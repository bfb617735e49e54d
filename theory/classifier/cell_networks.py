r"""What one threshold unit can tell apart, and how layers of them tell any union of cells from the rest.

Conventions: a unit answers 1 where a.x + b > 0, else 0; a layer is a tuple of rows (a_1, ..., a_d, b), one per unit. A
cell of hyperplanes is named by the side, +1 or -1, of each of them that it is on. Everything is exact.
"""

from collections.abc import Collection, Sequence
from fractions import Fraction
from functools import cache

import sympy as sp

from theory.classifier.exact_rows import fraction, fraction_rows, integer_rows, listed_layers
from theory.classifier.half_spaces import Row
from theory.derivation import Derivation, Step
from theory.domain import Domain
from theory.exact_numbers import listed, listed_rows
from theory.proof import Relation

__all__ = ["cell_network", "cell_picker", "threshold_answer", "unit_on_a_segment"]

Layer = tuple[tuple[int, ...], ...]


def cell_network(hyperplanes: Sequence[Row], cells: Collection[Sequence[int]]) -> tuple[Layer, Layer, Layer]:
    """Return three layers of threshold units that answer 1 in the given cells and 0 in the others.

    The first layer has the hyperplanes, the second one unit per cell, the third is an OR; see `cell_picker`. On a
    hyperplane the answer is that of one of the cells beside it.

    Args:
        hyperplanes: Rows (a_1, ..., a_d, b) of integers.
        cells: The sides of all hyperplanes, +1 or -1, of each cell; none for the answer 0 everywhere.

    Raises:
        TypeError: If a number is no integer, or something no sequence.
        ValueError: If there is no hyperplane, they differ in length, or a cell does not name one side of each.

    Examples:
        >>> lines = [(2, 0, -1), (0, 2, -1)]  # x = 1/2 and y = 1/2
        >>> either = cell_network(lines, [(1, -1), (-1, 1)])
        >>> [threshold_answer(either, corner) for corner in ((0, 0), (0, 1), (1, 0), (1, 1))]
        [0, 1, 1, 0]
    """
    first = tuple(integer_rows("hyperplanes", hyperplanes))
    named = [tuple(cell) for cell in listed_rows("cells", cells)]
    for cell in named:
        if len(cell) != len(first) or not all(type(side) is int and side in (1, -1) for side in cell):
            raise ValueError(f"a cell must name a side, +1 or -1, of {len(first)} hyperplanes, got {cell!r}.")
    second = tuple((*(2 * side for side in cell), 1 - 2 * sum(side > 0 for side in cell)) for cell in named)
    return first, second, (((2,) * len(named) + (-1,)),)


def threshold_answer(layers: Sequence[Layer], point: Sequence[Fraction | int]) -> int:
    """Return the answer, 0 or 1, of the only unit of the last layer at a point.

    Raises:
        TypeError: If something is no number or no sequence.
        ValueError: If there is no layer, a row does not fit what it takes in, a number is not finite, or the last layer
            has more units than one.

    Examples:
        >>> threshold_answer([((1, 1, -1),)], (1, 1)), threshold_answer([((1, 1, -1),)], (1, 0))
        (1, 0)
    """
    values: Sequence[Fraction | int] = tuple(fraction("a coordinate of point", x) for x in listed("point", point))
    for layer in listed_layers(layers):
        if not listed("a layer", layer):  # no cell is picked out: nothing is handed on
            values = ()
            continue
        rows = fraction_rows("a layer", layer, len(values), "threshold")
        values = tuple(int(sum(a * x for a, x in zip(row, (*values, 1), strict=True)) > 0) for row in rows)
    if len(values) != 1:
        raise ValueError(f"the last layer must have one unit, got {len(values)}.")
    return int(values[0])


@cache
def unit_on_a_segment() -> Derivation:
    r"""Derive that a unit has no more than two answers, one after the other, on a segment.

    .. math:: a \cdot ((1 - s) x + s y) + b = (1 - s) u + s v, \qquad u = a \cdot x + b, \quad v = a \cdot y + b

    So where it answers 1 is convex, where it answers 0 too: a half space and its complement.

    Returns:
        A derivation; the value is the pre-activation on the way, in s, u and v. The part "square" is what the sum of
        the pre-activations at two opposite corners of the unit square exceeds that at the other two by.

    Examples:
        >>> unit_on_a_segment().at(s="1/4", u=4, v=8), unit_on_a_segment().at(part="square")
        (5, 0)
    """
    a_1, a_2, b, x_1, x_2, y_1, y_2, u, v = sp.symbols("a_1 a_2 b x_1 x_2 y_1 y_2 u v", real=True)
    p, q, s = sp.symbols("p q s", positive=True)

    def unit(first: sp.Expr, second: sp.Expr) -> sp.Expr:
        return a_1 * first + a_2 * second + b

    on_the_way = unit((1 - s) * x_1 + s * y_1, (1 - s) * x_2 + s * y_2)
    ends = {u: unit(x_1, x_2), v: unit(y_1, y_2)}
    square = unit(0, 0) + unit(1, 1) - unit(0, 1) - unit(1, 0)
    value = (1 - s) * u + s * v
    return Derivation(
        "A threshold unit on a segment",
        sp.Eq(sp.Symbol("z"), value),
        (
            Step(
                "On the way from x to y the pre-activation is the mean of those at the ends, with the same weights:",
                Relation(on_the_way, "=", value.subs(ends, simultaneous=True)),
                "exact",
                shown=r"a \cdot ((1 - s) x + s y) + b = (1 - s) u + s v",
            ),
            Step(
                "in terms of the two",
                Relation(u + s * (v - u), "=", value),
                "exact",
                shown=r"u + s (v - u) = (1 - s) u + s v",
            ),
            Step(
                "between two inputs with the answer 1 the answer is 1,",
                Relation(0, "<", value.subs({u: p, v: q})),
                "exact",
                shown=r"0 < (1 - s) u + s v \quad (u, v > 0)",
            ),
            Step(
                "and between two with the answer 0 it is 0.",
                Relation(value.subs({u: -p, v: -q}), "<", 0),
                "exact",
                shown=r"(1 - s) u + s v < 0 \quad (u, v < 0)",
            ),
            Step(
                "The exclusive or takes less than that: at the corners of a square opposite ones add up to the same, "
                "so that two opposite ones cannot both be above 0 and the others both below.",
                Relation(square, "=", sp.Integer(0)),
                "exact",
                shown=r"z(0, 0) + z(1, 1) - z(0, 1) - z(1, 0) = 0",
            ),
        ),
        Domain(s=(0, 1), p=(0, sp.oo), q=(0, sp.oo)),
        parts={"square": sp.Eq(sp.Symbol("Delta"), sp.Integer(0))},
        titles={
            "square": "difference of the diagonals of a square",
        },
        assumptions=("two inputs; more add terms of the same kind",),
        source="Minsky and Papert (1969), Perceptrons, on what a linear threshold function cannot compute",
        shown={
            "result": r"z = (1 - s) u + s v",
            "square": r"z(0, 0) + z(1, 1) - z(0, 1) - z(1, 0) = 0",
        },
    )


@cache
def cell_picker() -> Derivation:
    r"""Derive that a unit with the weights +1 and -1 of a cell is on in this cell alone.

    .. math:: \sum_i \sigma_i z_i - \left(P - \frac12\right) = \frac12 - m

    Here sigma_i is the side of hyperplane i on which the cell lies, z_i the answer of unit i, P the number of sides +1,
    and m the number of units that answer otherwise than in the cell.

    Returns:
        A derivation; the value is the pre-activation, in m. The part "or" is that of a unit which takes in k such
        answers of 1.

    Examples:
        >>> cell_picker().at(m=0), cell_picker().at(m=1), cell_picker().at(part="or", k=0)
        (1/2, -1/2, -1/2)
    """
    m, k = (sp.Symbol(name, nonnegative=True, integer=True) for name in "mk")
    more = sp.Symbol("j", positive=True)
    answers, sides = sp.symbols("z_1:5", real=True), sp.symbols("sigma_1:5", real=True)
    half = sp.Rational(1, 2)

    def otherwise(side: sp.Expr, answer: sp.Expr) -> sp.Expr:
        """1 if the answer is not that of the side, else 0."""
        return (1 + side) / 2 - side * answer

    pairs = list(zip(sides, answers, strict=True))
    positive = sp.Add(*((1 + side) / 2 for side in sides))
    misses = sp.Add(*(otherwise(side, answer) for side, answer in pairs))
    table = [otherwise(sp.Integer(side), sp.Integer(answer)) for side in (1, -1) for answer in (1, 0)]
    total = sp.Add(*(side * answer for side, answer in pairs))
    picked = half - m
    return Derivation(
        "A unit that is on in one cell",
        sp.Eq(sp.Symbol("y"), picked),
        (
            Step(
                "Unit i answers otherwise than in the cell by",
                Relation(sp.Tuple(*table), "=", sp.Tuple(0, 1, 1, 0)),
                "exact",
                shown=r"\frac{1 + \sigma_i}{2} - \sigma_i z_i = 0, \ 1, \ 1, \ 0 \quad "
                r"(\sigma_i, z_i) = (1, 1), \ (1, 0), \ (-1, 1), \ (-1, 0)",
            ),
            Step(
                "which over all units, here four, adds up to m:",
                Relation(total - (positive - half), "=", half - misses),
                "exact",
                shown=r"\sum_i \sigma_i z_i - \left(P - \frac{1}{2}\right) = \frac{1}{2} - m",
            ),
            Step(
                "with the threshold P - 1/2 the pre-activation is that of an integer m,",
                Relation(positive - m - (positive - half), "=", picked),
                "exact",
                shown=r"(P - m) - \left(P - \frac{1}{2}\right) = \frac{1}{2} - m",
            ),
            Step(
                "above 0 in the cell",
                Relation(0, "<", picked.subs(m, 0)),
                "exact",
                shown=r"0 < \frac{1}{2} \quad (m = 0)",
            ),
            Step(
                "and below it in every other one.",
                Relation(half - (half + more), "<", 0),
                "exact",
                shown=r"\frac{1}{2} - m < 0 \quad (m \ge 1)",
            ),
            Step(
                "In no cell are two of these units on. A last unit adds their answers: with k of 1 it has",
                Relation(sp.Add(*answers).subs(dict.fromkeys(answers, k / 4)) - half, "=", k - half),
                "exact",
                shown=r"k - \frac{1}{2}",
            ),
            Step(
                "which is above 0 if one of them is on.",
                Relation(0, "<", half + more - half),
                "exact",
                shown=r"0 < k - \frac{1}{2} \quad (k \ge 1)",
            ),
        ),
        Domain(j=(0, sp.oo), m=(-1, sp.oo), k=(-1, sp.oo)).with_integers("m", "k"),
        parts={"or": sp.Eq(sp.Symbol("o"), k - half)},
        titles={
            "or": "unit that takes in k such answers",
        },
        source="Lippmann (1987), An introduction to computing with neural nets, on three-layer perceptrons",
        shown={"result": r"y = \frac{1}{2} - m", "or": r"o = k - \frac{1}{2}"},
    )
