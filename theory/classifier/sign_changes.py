r"""How often a network of one layer of ReLU units on one input can change its sign.

Conventions: f(x) = c + sum_j a_j relu(w_j x + b_j) on the whole line; a unit is a triple (a, w, b). A sign change is a
pair of neighbouring places where f is not 0 and has opposite signs: the largest number of them in any row of places.
"""

from collections.abc import Sequence
from fractions import Fraction
from functools import cache
from itertools import pairwise

import sympy as sp

from theory.classifier.exact_rows import counted, fraction
from theory.derivation import Derivation, Step
from theory.domain import Domain
from theory.exact_numbers import listed
from theory.function_set import relu_kinks
from theory.proof import Relation

__all__ = ["most_sign_changes", "sign_change_bound", "sign_changes_on_line", "zigzag_units"]

_MOST = 1_000_000  # units

Unit = tuple[Fraction | int, Fraction | int, Fraction | int]


def most_sign_changes(units: int) -> int:
    """Return the largest number of sign changes of p ReLU units with a bias at the output: p + 1, but 0, 1, 2 up to 2.

    Raises:
        TypeError: If their number is no integer.
        ValueError: If there are fewer than 0 units.

    Examples:
        >>> [most_sign_changes(units) for units in range(6)]
        [0, 1, 2, 4, 5, 6]
    """
    units = counted("units", units, least=0)
    return units + 1 if units > 2 else units


def sign_changes_on_line(units: Sequence[Unit], shift: Fraction | int) -> int:
    """Count the sign changes of c + sum_j a_j relu(w_j x + b_j), for c = ``shift``, in rational numbers.

    Between kinks the function is affine, so that its signs at the kinks and far out on both sides tell.

    Raises:
        TypeError: If something is no number, or the units are no sequence.
        ValueError: If a unit is no triple, or a number is not finite or not rational.

    Examples:
        >>> sign_changes_on_line([(1, 1, 0), (1, -1, 0)], -1)  # |x| - 1
        2
    """
    rows, offset = listed("units", units), fraction("shift", shift)
    places = [place for place, _ in relu_kinks(rows)] or [Fraction(0)]
    read = [tuple(fraction("a number of a unit", number) for number in row) for row in rows]

    def value(x: Fraction) -> Fraction:
        return sum((a * max(w * x + b, Fraction(0)) for a, w, b in read), offset)

    far = []
    for end, step in ((places[0], -1), (places[-1], 1)):
        slope = value(end + step) - value(end)
        far.append(slope or value(end))
    signs = [(z > 0) - (z < 0) for z in (far[0], *map(value, places), far[1])]
    strict = [sign for sign in signs if sign]
    return sum(first != second for first, second in pairwise(strict))


def zigzag_units(count: int) -> tuple[tuple[Unit, ...], Fraction]:
    """Return units and an output bias of a function with as many sign changes as so many units can have.

    From three units on the slopes are 2, -1, 1, -1, ... and the values at the kinks 1, -1, 1, ...: all units face to
    the right but the third one, whose jump of -2 gives the first slope.

    Raises:
        TypeError: If the count is no integer.
        ValueError: If there is less than one unit, or more than 1000000.

    Examples:
        >>> [sign_changes_on_line(*zigzag_units(count)) for count in range(1, 6)]
        [1, 2, 4, 5, 6]
    """
    count = counted("count", count, least=1, most=_MOST)
    if count < 3:
        return ((1, 1, 0), (1, -1, 0))[:count], Fraction(-1)
    slopes = [Fraction(2), *(Fraction((-1) ** unit) for unit in range(1, count + 1))]
    units: list[Unit] = []
    for unit, (before, after) in enumerate(pairwise(slopes)):
        side = -1 if unit == 2 else 1
        units.append((after - before, side, -side * 2 * unit))
    return tuple(units), 1 - units[2][0] * Fraction(4)


@cache
def sign_change_bound() -> Derivation:
    r"""Derive that p ReLU units on a line have at most p + 1 sign changes, and from p = 3 on just that many.

    Returns:
        A derivation; the value is p + 1. The part "first" is the left of the two outer slopes of one unit, multiplied
        by the right one; the part "pair" is (c + d)^2, for the slopes c, c + d and d of two units that face each
        other: what c (c + d) + d (c + d) is, so that they do not alternate.

    Examples:
        >>> bound = sign_change_bound()
        >>> bound.at(p=7), bound.at(part="first"), bound.at(part="pair", c=1, d=2)
        (8, 0, 9)
    """
    p = sp.Symbol("p", positive=True, integer=True)
    u, v, t = sp.symbols("u v t", positive=True)
    x = sp.Symbol("x", real=True)
    a, b, c, d, w = sp.symbols("a b c d w", real=True)
    line = u * (1 - x) - v * x
    outer = [(a * (w * x + b)).diff(x), sp.Integer(0).diff(x)]
    counted = [sign_changes_on_line(*zigzag_units(count)) for count in range(1, 13)]
    mirrored = [
        sign_changes_on_line([(-a, -w, b) for a, w, b in units], -shift)
        for units, shift in (zigzag_units(count) for count in range(1, 13))
    ]
    middle = c + d
    return Derivation(
        "Sign changes of ReLU units on a line",
        sp.Le(sp.Symbol("n"), p + 1),
        (
            Step(
                "The units' p kinks leave p + 1 pieces,",
                Relation(1 + sp.Sum(1, (sp.Symbol("j"), 1, p)).doit(), "=", p + 1),
                "exact",
                shown=r"1 + \sum_{j = 1}^{p} 1 = p + 1",
            ),
            Step(
                "on each of which the function is affine: once it has gone from u > 0 through 0 to -v < 0 it does not "
                "come back. So there is at most one sign change a piece.",
                Relation(line.subs(x, u / (u + v) + t), "<", 0),
                "exact",
                shown=r"u (1 - x) - v x < 0 \quad \left(x > \frac{u}{u + v}\right)",
            ),
            Step(
                "One unit is constant on one of its two sides: that piece has none, and 1 is the most.",
                Relation(outer[0] * outer[1], "=", sp.Integer(0)),
                "exact",
                shown=r"a w \cdot 0 = 0",
            ),
            Step(
                "Two units that face the same way leave a constant piece on the other side, two that face away from "
                "each other one between them. Two that face each other have outer slopes c and d, and c + d between. "
                "For three changes c and d would both have another sign than c + d, but",
                Relation(c * middle + d * middle, "=", (c + d) ** 2),
                "exact",
                shown=r"c (c + d) + d (c + d) = (c + d)^2",
            ),
            Step(
                "is not negative: 2 is the most. One to twelve units of a zigzag reach, counted in rational numbers,",
                Relation(sp.Tuple(*counted), "=", sp.Tuple(1, 2, *range(4, 14))),
                "exact",
                lambda: sp.Tuple(*mirrored),
                shown=r"1, \ 2, \ 4, \ 5, \ \dots, \ 13",
            ),
            Step(
                "In general, from three units on, slopes 2, -1, 1, -1, ... need the jump that the first slope cancels: "
                "the third one, of the unit that faces left.",
                Relation(2 + ((-1) - 1), "=", sp.Integer(0)),
                "exact",
                shown=r"2 + (-1 - 1) = 0",
            ),
        ),
        Domain(p=(0, sp.oo), u=(0, sp.oo), v=(0, sp.oo), t=(0, sp.oo)).with_integers("p"),
        parts={"first": sp.Eq(sp.Symbol("q"), sp.Integer(0)), "pair": sp.Eq(sp.Symbol("Q"), (c + d) ** 2)},
        titles={
            "first": "product of the outer slopes of one unit",
            "pair": "slopes of two units that face each other",
        },
        assumptions=("a bias at the output, and no input that goes to the output directly",),
        source="Telgarsky (2016), arXiv:1602.04485, on crossings of piecewise affine functions",
        shown={
            "result": r"n \le p + 1",
            "first": r"a w \cdot 0 = 0",
            "pair": r"c (c + d) + d (c + d) = (c + d)^2",
        },
    )
