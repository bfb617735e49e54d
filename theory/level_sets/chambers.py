r"""The chambers of a central arrangement of hyperplanes, their extreme rays and their walls, in integers.

Conventions: hyperplanes are {v : v.h = 0} for the rows h of an integer matrix of full column rank, no two of them
parallel; so every chamber is a pointed cone, the sums of its extreme rays with weights >= 0. A ray is an integer vector
without common factor. N hyperplanes in general position in R^d have 2 (C(N - 1, 0) + ... + C(N - 1, d - 1)) chambers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import comb, gcd

import flint

__all__ = ["Chamber", "chambers", "coordinates", "most_chambers", "primitive", "walls"]

Vector = tuple[int, ...]


@dataclass(frozen=True)
class Chamber:
    """An open cone on which no hyperplane vanishes.

    Args:
        signs: The side of each hyperplane, +1 or -1.
        rays: The extreme rays of its closure.
    """

    signs: tuple[int, ...]
    rays: tuple[Vector, ...]


def most_chambers(hyperplanes: int, dimension: int) -> int:
    """Return how many chambers there are in general position; never more otherwise.

    Examples:
        >>> most_chambers(3, 2), most_chambers(40, 5)
        (6, 184342)
    """
    return 2 * sum(comb(hyperplanes - 1, faces) for faces in range(dimension)) if hyperplanes else 1


def chambers(normals: Sequence[Vector]) -> tuple[Chamber, ...]:
    """List the chambers of an arrangement, by adding one hyperplane at a time.

    The first hyperplanes, a basis, cut the space into orthants. A further one splits a chamber if it has rays strictly
    on both sides; the new rays lie on the two-dimensional faces that it cuts, that is between two rays for which no
    third ray lies on all the hyperplanes that they have in common (the double description method).

    Args:
        normals: The rows h, of full column rank; without rows there is one chamber, a point.

    Raises:
        ValueError: If the rows do not have full column rank.

    Examples:
        >>> len(chambers([(1, 0), (0, 1), (-1, -1)])), chambers([(2,)])[0]
        (6, Chamber(signs=(1,), rays=((1,),)))
    """
    if not normals:
        return (Chamber((), ()),)
    basis = coordinates(normals)
    if len(basis) != len(normals[0]) or not basis:
        raise ValueError(f"normals must have full column rank {len(normals[0])}, got rank {len(basis)}.")
    order = [*basis, *(place for place in range(len(normals)) if place not in basis)]
    cells = [[(ray, zeros) for ray, zeros in cell] for cell in _orthants([normals[place] for place in basis])]
    for step in range(len(basis), len(order)):
        cells = [part for cell in cells for part in _split(cell, normals[order[step]], step)]
    found = []
    for cell in cells:
        rays = tuple(sorted(ray for ray, _ in cell))
        inside = [sum(column) for column in zip(*rays, strict=True)]
        signs = tuple(1 if _dot(normal, inside) > 0 else -1 for normal in normals)
        found.append(Chamber(signs, rays))
    return tuple(sorted(found, key=lambda chamber: chamber.signs, reverse=True))


def walls(cells: Sequence[Chamber]) -> dict[tuple[int, int], tuple[Vector, ...]]:
    """Return the pairs of neighbouring chambers, by their places, with the extreme rays of the wall between them.

    Two chambers that exactly one hyperplane separates share a wall: a segment between generic points of them crosses
    that hyperplane alone.
    """
    places = {cell.signs: place for place, cell in enumerate(cells)}
    found = {}
    for place, cell in enumerate(cells):
        for index, sign in enumerate(cell.signs):
            other = places.get((*cell.signs[:index], -sign, *cell.signs[index + 1 :]))
            if sign > 0 and other is not None:
                found[place, other] = tuple(ray for ray in cell.rays if ray in cells[other].rays)
    return found


def coordinates(rows: Sequence[Vector]) -> tuple[int, ...]:
    """Return the places of the first rows that form a basis of the row space."""
    chosen: list[int] = []
    for place in range(len(rows)):
        trial = [*chosen, place]
        if flint.fmpz_mat([list(rows[index]) for index in trial]).rank() == len(trial):
            chosen = trial
    return tuple(chosen)


def primitive(vector: Sequence[Fraction | int]) -> Vector:
    """Scale a rational vector by a positive number to integers without common factor; 0 stays 0."""
    fractions = [Fraction(entry) for entry in vector]
    scale = 1
    for entry in fractions:
        scale = scale * entry.denominator // gcd(scale, entry.denominator)
    whole = [int(entry * scale) for entry in fractions]
    divisor = gcd(*whole) if whole else 1
    return tuple(entry // divisor for entry in whole) if divisor else tuple(whole)


_Cell = list[tuple[Vector, frozenset[int]]]  # rays, each with the hyperplanes that it lies on


def _orthants(basis: Sequence[Vector]) -> list[_Cell]:
    size = len(basis)
    inverse = flint.fmpq_mat(flint.fmpz_mat([list(row) for row in basis])).inv()
    columns = [
        primitive([Fraction(int(inverse[row, place].p), int(inverse[row, place].q)) for row in range(size)])
        for place in range(size)
    ]
    cells = []
    for pattern in range(2**size):
        cell = []
        for place, column in enumerate(columns):
            sign = -1 if pattern >> place & 1 else 1
            zeros = frozenset(index for index in range(size) if index != place)
            cell.append((tuple(sign * entry for entry in column), zeros))
        cells.append(cell)
    return cells


def _split(cell: _Cell, normal: Vector, name: int) -> list[_Cell]:
    values = [_dot(normal, ray) for ray, _ in cell]
    marked = [(ray, zeros | {name} if value == 0 else zeros) for (ray, zeros), value in zip(cell, values, strict=True)]
    if min(values) >= 0 or max(values) <= 0:
        return [marked]
    new: _Cell = []
    for first, (ray, zeros) in enumerate(marked):
        for second, (other, others) in enumerate(marked):
            if values[first] <= 0 or values[second] >= 0:
                continue
            common = zeros & others
            if any(common <= third for place, (_, third) in enumerate(marked) if place not in (first, second)):
                continue
            mixed = [values[first] * b - values[second] * a for a, b in zip(ray, other, strict=True)]
            new.append((primitive(mixed), common | {name}))
    above = [entry for entry, value in zip(marked, values, strict=True) if value >= 0]
    below = [entry for entry, value in zip(marked, values, strict=True) if value <= 0]
    return [above + new, below + new]


def _dot(first: Sequence[int], second: Sequence[int]) -> int:
    return sum(a * b for a, b in zip(first, second, strict=True))
