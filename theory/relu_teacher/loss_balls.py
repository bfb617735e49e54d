r"""The population loss of ReLU units that learn from ReLU units, with its gradient and Hessian, in balls.

Conventions: those of `theory.relu_teacher.population_loss`. Weights and teacher are Arb matrices, units x inputs; every
result holds the value at each point of the balls, at the working precision. Where two units may be parallel the angle
is not enclosed and nothing is claimed.
"""

from functools import cached_property
from typing import Any

import flint

from theory.certificates.krawczyk import NoCertificateError

__all__ = ["TeacherBalls"]


class _Pair:
    """Two units: what the kernel and its derivatives need of them."""

    def __init__(self, first: Any, second: Any, lengths: tuple[Any, Any]) -> None:
        length, other = lengths
        u, e = first * (1 / length), second * (1 / other)
        cosine = (u * e.transpose())[0, 0]
        square = 1 - cosine * cosine
        if not square > 0:
            raise NoCertificateError("weights and teacher must have no two parallel units, got two that may be.")
        self.lengths = lengths
        self.u, self.cosine, self.sine = u, cosine, square.sqrt()
        self.rest = flint.arb.pi() - cosine.acos()
        self.normal = (e - u * cosine) * (1 / self.sine)
        self.e = e

    def kernel(self) -> Any:
        return self.lengths[0] * self.lengths[1] * (self.sine + self.rest * self.cosine)

    def pull(self) -> Any:
        """2 pi times the gradient in the first unit, a row."""
        return (self.u * self.sine + self.e * self.rest) * self.lengths[1]

    def stiffness(self) -> Any:
        """2 pi times the Hessian in the first unit is this number times 1 - u u^T + n n^T."""
        return self.lengths[1] / self.lengths[0] * self.sine

    def mixed(self) -> Any:
        """2 pi times the mixed Hessian, without its multiple of the identity, which is ``rest``."""
        u, n, s, c = self.u, self.normal, self.sine, self.cosine
        left = (u * c + n * s).transpose() * u + (u * s - n * c).transpose() * n
        return left * s


class TeacherBalls:
    """The loss of some weights against a teacher, each entry a ball.

    Args:
        weights: Units x inputs.
        teacher: Units x inputs, exact numbers or balls.

    Raises:
        NoCertificateError: On the first use of an angle, if a unit may be 0 or two units may be parallel.
    """

    def __init__(self, weights: Any, teacher: Any) -> None:
        self.units, self.inputs = weights.nrows(), weights.ncols()
        self._learner, self._target = _rows(weights), _rows(teacher)
        self._lengths, self._others = _lengths(self._learner), _lengths(self._target)

    @cached_property
    def _between(self) -> list[list[_Pair]]:
        """Each unit with each of the teacher's."""
        return [
            [_Pair(u, e, (a, b)) for e, b in zip(self._target, self._others, strict=True)]
            for u, a in zip(self._learner, self._lengths, strict=True)
        ]

    @cached_property
    def _within(self) -> list[dict[int, _Pair]]:
        """Each unit with each other one."""
        return [
            {
                other: _Pair(self._learner[place], self._learner[other], (self._lengths[place], self._lengths[other]))
                for other in range(self.units)
                if other != place
            }
            for place in range(self.units)
        ]

    def loss(self) -> Any:
        """F, a ball; allocates nothing to speak of. Orthogonal teacher units need no angle."""
        total = flint.arb(0)
        for place in range(self.units):
            total += self._lengths[place] ** 2 * flint.arb.pi() / 2
            total += sum((pair.kernel() for other, pair in self._within[place].items() if other > place), flint.arb(0))
            total -= sum((pair.kernel() for pair in self._between[place]), flint.arb(0))
        for place, (unit, length) in enumerate(zip(self._target, self._others, strict=True)):
            total += length**2 * flint.arb.pi() / 2
            for other in range(place):
                total += _Pair(unit, self._target[other], (length, self._others[other])).kernel()
        return total / (2 * flint.arb.pi())

    def gradient(self) -> Any:
        """The gradient, a column of units * inputs balls."""
        entries: list[Any] = []
        for place in range(self.units):
            row = self._learner[place] * flint.arb.pi()
            for pair in self._within[place].values():
                row = row + pair.pull()
            for pair in self._between[place]:
                row = row - pair.pull()
            entries += (row * (1 / (2 * flint.arb.pi()))).entries()
        return flint.arb_mat(len(entries), 1, entries)

    def hessian_rows(self, place: int) -> list[list[Any]]:
        """The rows of the Hessian that belong to one unit, inputs x (units * inputs)."""
        scale = 1 / (2 * flint.arb.pi())
        rows: list[list[Any]] = [[] for _ in range(self.inputs)]
        for other in range(self.units):
            if other == place:
                block, multiple = self._own(place)
            else:
                pair = self._within[place][other]
                block, multiple = pair.mixed(), pair.rest
            table = (block * scale).tolist()
            for column, row in enumerate(table):
                row[column] += multiple * scale
                rows[column] += row
        return rows

    def hessian(self) -> Any:
        """The Hessian, (units * inputs) square."""
        return flint.arb_mat([row for place in range(self.units) for row in self.hessian_rows(place)])

    def quadratic_form(self, directions: Any) -> Any:
        """D H D^T for directions as rows (count x (units * inputs)), without holding more of H than one unit's rows."""
        columns = directions.transpose()
        products: list[list[Any]] = []
        for place in range(self.units):
            products += (flint.arb_mat(self.hessian_rows(place)) * columns).tolist()
        return directions * flint.arb_mat(products)

    def hessian_outside(self) -> Any:
        """The Hessian in directions orthogonal to all units of both networks, units x units, the same for each one.

        With more inputs than these span, the Hessian is block-diagonal: what `hessian` says of the span, and this
        block for every further input.
        """
        scale = 1 / (2 * flint.arb.pi())
        block = [
            [
                (self._own_outside(place) if place == other else self._within[place][other].rest) * scale
                for other in range(self.units)
            ]
            for place in range(self.units)
        ]
        return flint.arb_mat(block)

    def _stiffness(self, place: int) -> tuple[list[_Pair], list[Any]]:
        """The pairs of one unit with all others, and the factors of their shares in its own block, signed."""
        within, between = list(self._within[place].values()), self._between[place]
        return within + between, [pair.stiffness() for pair in within] + [-pair.stiffness() for pair in between]

    def _own_outside(self, place: int) -> Any:
        return flint.arb.pi() + sum(self._stiffness(place)[1], flint.arb(0))

    def _own(self, place: int) -> tuple[Any, Any]:
        """2 pi times the Hessian in one unit, without a multiple of the identity; and that multiple."""
        pairs, factors = self._stiffness(place)
        total = sum(factors, flint.arb(0))
        u = pairs[0].u
        normals = flint.arb_mat([pair.normal.entries() for pair in pairs])
        weighted = flint.arb_mat([(pair.normal * by).entries() for pair, by in zip(pairs, factors, strict=True)])
        return weighted.transpose() * normals - u.transpose() * u * total, flint.arb.pi() + total


def _rows(matrix: Any) -> list[Any]:
    return [flint.arb_mat([row]) for row in matrix.tolist()]


def _lengths(rows: list[Any]) -> list[Any]:
    lengths = []
    for row in rows:
        square = (row * row.transpose())[0, 0]
        if not square > 0:
            raise NoCertificateError("weights must have no unit that may be 0, where the loss has a kink.")
        lengths.append(square.sqrt())
    return lengths
