r"""Into how many cells hyperplanes cut space, and how many labelings of points one threshold unit can give.

Conventions: a unit answers 1 where a.x + b > 0. N hyperplanes {a.x + b = 0} in R^d are in general position if every d
of the normals are independent and no d + 1 of the hyperplanes share a point; N points are, for units without a
threshold (b = 0), if every d of them are independent. Rows are integers, so that everything is exact.

The cells of hyperplanes in R^d are the chambers, on one side of x_0 = 0, of the hyperplanes {a.x + b x_0 = 0} in
R^(d + 1). The labelings of points x_k by a unit w are the chambers of the hyperplanes {w.x_k = 0} of weights.
"""

from collections.abc import Sequence
from fractions import Fraction
from functools import cache
from itertools import combinations
from math import comb

import flint
import sympy as sp

from theory.classifier.exact_rows import counted, integer_rows
from theory.derivation import Derivation, Step
from theory.domain import Domain
from theory.exact_numbers import listed, listed_rows
from theory.level_sets.chambers import chambers, most_chambers
from theory.proof import Relation

__all__ = [
    "arrangement_cells",
    "cell_count",
    "cells_in_space",
    "in_general_position",
    "most_cells",
    "most_labelings",
    "sliced_hyperplanes",
    "unit_labelings",
]

Row = Sequence[int]


def most_cells(hyperplanes: int, dimension: int) -> int:
    r"""Return the number of cells of N hyperplanes in general position in R^d, \sum_{i \le d} C(N, i).

    Raises:
        TypeError: If one is no integer.
        ValueError: If there are fewer than 0 hyperplanes or dimensions.

    Examples:
        >>> [most_cells(n, 2) for n in range(5)]
        [1, 2, 4, 7, 11]

    References:
        Schläfli (1901, written by 1852), Theorie der vielfachen Kontinuität; Buck (1943), Partition of space.
    """
    hyperplanes = counted("hyperplanes", hyperplanes, least=0)
    dimension = counted("dimension", dimension, least=0)
    return sum(comb(hyperplanes, i) for i in range(min(hyperplanes, dimension) + 1))


def most_labelings(points: int, dimension: int) -> int:
    r"""Return how many labelings of N points in general position in R^d a unit without a threshold gives.

    .. math:: 2 \sum_{i < d} \binom{N - 1}{i}

    Raises:
        TypeError: If one is no integer.
        ValueError: If there is less than one point or dimension.

    Examples:
        >>> most_labelings(4, 3), most_labelings(6, 3)
        (14, 32)
    """
    points, dimension = counted("points", points, least=1), counted("dimension", dimension, least=1)
    return most_chambers(points, min(points, dimension))


def cell_count(hyperplanes: Sequence[Row]) -> int:
    """Count the cells of hyperplanes given by rows (a_1, ..., a_d, b), one by one and with none missing.

    Raises:
        TypeError: If a number is no integer, or something no sequence.
        ValueError: If there is no row, rows differ in length, or the normals do not span the space.

    Examples:
        >>> cell_count([(1, 0, 0), (0, 1, 0), (1, 1, -1)]), cell_count([(1, 0, 0), (0, 1, 0), (1, 1, 0)])
        (7, 6)
    """
    rows = _spanning_hyperplanes(hyperplanes)
    infinity = (0,) * (len(rows[0]) - 1) + (1,)
    return len(chambers([*rows, infinity])) // 2


def arrangement_cells(hyperplanes: Sequence[Row]) -> dict[tuple[int, ...], tuple[Fraction, ...]]:
    """Return one point inside each cell of hyperplanes, by the side, +1 or -1, of each of them that the cell is on.

    Raises:
        TypeError: If a number is no integer, or something no sequence.
        ValueError: If there is no row, rows differ in length, or the normals do not span the space.

    Examples:
        >>> cells = arrangement_cells([(1, 0), (1, -2)])
        >>> sorted(cells), [float(cells[sides][0]) for sides in sorted(cells)]
        ([(-1, -1), (1, -1), (1, 1)], [-1.0, 1.0, 3.0])
    """
    rows = _spanning_hyperplanes(hyperplanes)
    infinity = (0,) * (len(rows[0]) - 1) + (1,)
    found = {}
    for chamber in chambers([*rows, infinity]):
        if chamber.signs[-1] > 0:
            *point, scale = (sum(column) for column in zip(*chamber.rays, strict=True))
            found[chamber.signs[:-1]] = tuple(Fraction(entry, scale) for entry in point)
    return found


def sliced_hyperplanes(
    hyperplanes: Sequence[Row], origin: Sequence[int], directions: Sequence[Sequence[int]]
) -> list[tuple[int, ...]]:
    """Return the hyperplanes of a slice: rows in the coordinates t of the points origin + sum_k t_k directions[k].

    Raises:
        TypeError: If a number is no integer, or something no sequence.
        ValueError: If there is no row, or the origin or a direction has not as many entries as the hyperplanes have
            weights.

    Examples:
        >>> sliced_hyperplanes([(1, 2, 3)], (1, 1), [(0, 1)])
        [(2, 6)]
    """
    rows = integer_rows("hyperplanes", hyperplanes)
    vectors = listed_rows("origin and directions", [origin, *listed("directions", directions)])
    for vector in vectors:
        if len(vector) != len(rows[0]) - 1:
            raise ValueError(
                f"origin and directions must have one entry per weight of the hyperplanes, got {tuple(vector)}."
            )
    start, *steps = integer_rows("origin and directions", vectors)

    def along(row: Row, vector: Sequence[int]) -> int:
        return sum(a * x for a, x in zip(row, vector, strict=False))

    return [(*(along(row, vector) for vector in steps), along(row, start) + row[-1]) for row in rows]


def unit_labelings(points: Sequence[Row]) -> frozenset[tuple[int, ...]]:
    """List the labelings of points, in +1 and -1, that a unit without a threshold gives.

    For a unit with a threshold append 1 to every point.

    Raises:
        TypeError: If a number is no integer, or something no sequence.
        ValueError: If there is no point, points differ in length, or the points do not span the space.

    Examples:
        >>> corners = [(0, 0, 1), (0, 1, 1), (1, 0, 1), (1, 1, 1)]
        >>> found = unit_labelings(corners)
        >>> len(found), (-1, 1, 1, 1) in found, (-1, 1, 1, -1) in found  # the last is the exclusive or
        (14, True, False)
    """
    rows = integer_rows("points", points)
    _refuse_unless_spanning("points", rows)
    return frozenset(chamber.signs for chamber in chambers(rows))


def in_general_position(rows: Sequence[Row]) -> bool:
    """Return whether every so many rows as they have entries are independent.

    For hyperplanes (a, b) append the row (0, ..., 0, 1), the hyperplane at infinity.

    Raises:
        TypeError: If a number is no integer, or something no sequence.
        ValueError: If there is no row, or rows differ in length.

    Examples:
        >>> in_general_position([(1, 0), (0, 1), (1, 1)]), in_general_position([(1, 0), (0, 1), (2, 0)])
        (True, False)
    """
    read = integer_rows("rows", rows)
    return all(
        flint.fmpz_mat([list(row) for row in chosen]).rank() == len(chosen)
        for chosen in combinations(read, min(len(read[0]), len(read)))
    )


@cache
def cells_in_space() -> Derivation:
    r"""Derive the number of cells of N planes in general position in space, by adding one at a time.

    .. math:: 1 + N + \binom{N}{2} + \binom{N}{3}

    Returns:
        A derivation; the value is the number, in N. The part "plane" is that of N lines in the plane.

    Examples:
        >>> cells_in_space().at(N=4), cells_in_space().at(part="plane", N=4)
        (15, 11)
    """
    count = sp.Symbol("N", positive=True, integer=True)
    earlier = sp.Symbol("k", nonnegative=True, integer=True)
    plane = 1 + count + count * (count - 1) / 2
    space = plane + count * (count - 1) * (count - 2) / 6
    line_parts = 1 + earlier
    plane_parts = plane.subs(count, earlier)
    return Derivation(
        "The cells of planes in general position",
        sp.Eq(sp.Symbol("r"), space),
        (
            Step(
                "On a line k points make k + 1 parts. So the line after k lines splits k + 1 cells of the plane;",
                Relation(1 + sp.summation(line_parts, (earlier, 0, count - 1)), "=", plane),
                "exact",
                shown=r"1 + \sum_{k = 0}^{N - 1} (1 + k) = 1 + N + \frac{N (N - 1)}{2}",
            ),
            Step(
                "and the plane after k planes splits as many cells of space as k lines make in it.",
                Relation(1 + sp.summation(plane_parts, (earlier, 0, count - 1)), "=", space),
                "exact",
                shown=r"1 + \sum_{k = 0}^{N - 1} \left(1 + k + \binom{k}{2}\right) = "
                r"1 + N + \binom{N}{2} + \binom{N}{3}",
            ),
        ),
        Domain(N=(0, sp.oo)).with_integers("N"),
        parts={"plane": sp.Eq(sp.Symbol("r_2"), plane)},
        titles={
            "plane": "cells of lines in the plane",
        },
        assumptions=(
            "general position, so that an added hyperplane is cut by the earlier ones in general position too, and "
            "each of its parts splits one cell in two",
        ),
        source="Buck (1943), Partition of space; Zaslavsky (1975), Facing up to arrangements, for all arrangements",
        shown={
            "result": r"r = 1 + N + \binom{N}{2} + \binom{N}{3}",
            "plane": r"r_2 = 1 + N + \binom{N}{2}",
        },
    )


def _refuse_unless_spanning(name: str, rows: Sequence[Row]) -> None:
    rank, size = flint.fmpz_mat([list(row) for row in rows]).rank(), len(rows[0])
    if rank != size:
        raise ValueError(f"{name} must span the {size} dimensions, got the rank {rank}.")


def _spanning_hyperplanes(hyperplanes: Sequence[Row]) -> list[tuple[int, ...]]:
    rows = integer_rows("hyperplanes", hyperplanes)
    _refuse_unless_spanning("hyperplanes", [row[:-1] for row in rows])
    return rows
