r"""The squared distance from a point to a finitely generated cone, in rational numbers.

Conventions: the cone is the set of sums c_1 g_1 + ... + c_k g_k with all c_i >= 0. Distances are between vectors with
the usual inner product. A set of generators is a bit mask: bit i stands for generator i.
"""

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import flint

__all__ = ["ConeDistance"]


class ConeDistance:
    r"""Distances from one point to the cones of subsets of some generators, each solved once.

    Lawson and Hanson's active-set method with exact arithmetic. A set P of independent generators carries the weights;
    while one g outside has (y - G c).g > 0 the one with the largest such product enters, and the weights move towards
    the least-squares solution on P, dropping those that reach 0. The distance falls at every turn, so no P comes twice
    and the method ends, at the conditions c >= 0, G'(y - G c) <= 0, c.G'(y - G c) = 0, which characterise the nearest
    point of a cone. There |y - G c|^2 = |y|^2 - c.G'y.

    Args:
        target: The point y, integers.
        generators: Vectors g_i of the same length, integers, none of them 0.

    Raises:
        ValueError: If a generator is 0 or has another length.

    Examples:
        >>> plane = ConeDistance((3, -4), [(1, 0), (1, 1), (0, -1)])
        >>> plane.squared(0b011), plane.weights(0b011)
        (Fraction(16, 1), {0: Fraction(3, 1)})
        >>> plane.squared(0b000), plane.squared(0b111)
        (Fraction(25, 1), Fraction(0, 1))
    """

    def __init__(self, target: Sequence[int], generators: Sequence[Sequence[int]]) -> None:
        for generator in generators:
            if len(generator) != len(target) or not any(generator):
                raise ValueError(f"generators must be vectors of length {len(target)} other than 0, got {generator}.")
        self._square = flint.fmpq(_dot(target, target))
        self._gram = [_Products(generator, generators) for generator in generators]
        self._products = [flint.fmpq(_dot(generator, target)) for generator in generators]
        self._solved: dict[int, tuple[Any, dict[int, Any]]] = {}

    def squared(self, mask: int) -> Fraction:
        """Return the squared distance to the cone of the generators in a mask."""
        return _fraction(self._solve(mask)[0])

    def weights(self, mask: int) -> dict[int, Fraction]:
        """Return the positive weights of the nearest point, by generator."""
        return {place: _fraction(weight) for place, weight in self._solve(mask)[1].items()}

    def _solve(self, mask: int) -> tuple[Any, dict[int, Any]]:
        if mask not in self._solved:
            weights = self._nearest([place for place in range(mask.bit_length()) if mask >> place & 1])
            square = self._square
            for place, weight in weights.items():
                square -= weight * self._products[place]
            self._solved[mask] = square, weights
        return self._solved[mask]

    def _nearest(self, places: list[int]) -> dict[int, Any]:
        gram, products = self._gram, self._products
        weights: dict[int, Any] = {}
        while True:
            best: Any = 0
            entering: int | None = None
            for place in places:
                if place in weights:
                    continue
                slope = products[place]
                if slope <= 0 and not weights:
                    continue
                row = gram[place]
                for other, weight in weights.items():
                    slope -= row[other] * weight
                # the steepest by angle: slope^2/|g|^2, slope > 0
                if slope > 0 and (angle := slope * slope / row[place]) > best:
                    best, entering = angle, place
            if entering is None:
                return weights
            weights[entering] = flint.fmpq(0)
            while True:
                active = list(weights)
                wanted = self._least_squares(active)
                if min(wanted) > 0:
                    weights = dict(zip(active, wanted, strict=True))
                    break
                step = min(
                    weights[place] / (weights[place] - goal)
                    for place, goal in zip(active, wanted, strict=True)
                    if goal <= 0
                )
                moved = {
                    place: weights[place] + step * (goal - weights[place])
                    for place, goal in zip(active, wanted, strict=True)
                }
                weights = {place: weight for place, weight in moved.items() if weight > 0}

    def _least_squares(self, active: list[int]) -> list[Any]:
        if len(active) == 1:
            return [self._products[active[0]] / self._gram[active[0]][active[0]]]
        matrix = flint.fmpq_mat([[self._gram[row][column] for column in active] for row in active])
        right = flint.fmpq_mat([[self._products[row]] for row in active])
        return list(matrix.solve(right).entries())


class _Products(dict[int, Any]):
    """The inner products of one generator with those by whose places they are asked for, each taken once."""

    def __init__(self, generator: Sequence[int], generators: Sequence[Sequence[int]]) -> None:
        super().__init__()
        self._generator, self._generators = generator, generators

    def __missing__(self, place: int) -> Any:
        self[place] = found = flint.fmpq(_dot(self._generator, self._generators[place]))
        return found


def _dot(first: Sequence[int], second: Sequence[int]) -> int:
    return sum(a * b for a, b in zip(first, second, strict=True))


def _fraction(value: Any) -> Fraction:
    return Fraction(int(value.p), int(value.q))
