r"""Critical points of linear networks in rational numbers, whose Hessian is differentiated and counted exactly.

Conventions: as in `theory.exact_two_layer`: samples in columns, L the sum of squared residuals over 2m. Data with
rational singular directions are made from their parts: X = T Q with T invertible and Q of orthonormal rows, Y = U D V'
Q and rows orthogonal to those of Q, with U, V, Q from Cayley transforms of integer matrices. The singular values of
(1/m) Y X' Sxx^(-1/2) are then those of D over sqrt(m), whatever T is.
"""

import random
from dataclasses import dataclass
from functools import cache
from itertools import combinations
from typing import ClassVar

import sympy as sp

from theory.exact_two_layer import ExactTwoLayer
from theory.rescaling.block_matrix import EigenvalueCount, exact_eigenvalue_count

__all__ = ["ExactCriticalPoint"]


@dataclass(frozen=True)
class ExactCriticalPoint:
    """A critical point made from a set of directions, with a random gauge and random entries wherever the set is free.

    Args:
        network: The weights and the data.
        values: The singular values of Y X' (X X')^(-1/2), which are those of the convention times sqrt(m), decreasing.
        chosen: The directions that are fitted.
    """

    SHAPES: ClassVar[tuple[tuple[int, int, int], ...]] = (
        (2, 2, 2),
        (2, 1, 3),
        (3, 2, 2),
        (1, 3, 2),
        (3, 3, 1),
        (3, 2, 3),
    )

    network: ExactTwoLayer
    values: tuple[int, ...]
    chosen: tuple[int, ...]

    @classmethod
    @cache
    def collection(cls) -> tuple["ExactCriticalPoint", ...]:
        """Return one point for every set of directions of every shape."""
        return tuple(
            cls.sample(*shape, chosen=chosen, seed=seed)
            for seed, shape in enumerate(cls.SHAPES)
            for rank in range(min(shape) + 1)
            for chosen in combinations(range(min(shape[0], shape[2])), rank)
        )

    @classmethod
    def sample(
        cls, inputs: int, hidden: int, outputs: int, *, chosen: tuple[int, ...], seed: int
    ) -> "ExactCriticalPoint":
        """Draw data with rational singular directions (they depend on seed alone), and a point on one critical set."""
        source = random.Random(seed)
        directions = min(inputs, outputs)
        samples = inputs + 1
        values = sorted(source.sample(range(1, 2 * directions + 3), directions), reverse=True)
        u, v, q = (_orthogonal(source, size) for size in (outputs, inputs, samples))
        rows, rest = q[:inputs, :], q[inputs:, :]
        t = _invertible(source, inputs)
        core = sp.Matrix(outputs, inputs, lambda i, j: values[i] if i == j else 0)
        noise = sp.Matrix(outputs, samples - inputs, lambda i, j: source.randint(-2, 2))
        x, y = t * rows, u * core * v.T * rows + noise * rest
        source = random.Random(str((seed, chosen)))
        gauge, rank = _invertible(source, hidden), len(chosen)
        first, second = sp.zeros(hidden, inputs), sp.zeros(outputs, hidden)
        for unit, direction in enumerate(chosen):
            first[unit, direction], second[direction, unit] = values[direction], 1
        for unit in range(rank, hidden):  # what is free: further rows of W2, or columns of W1
            for output in range(directions, outputs):
                second[output, unit] = source.randint(-2, 2)
            for column in range(directions, inputs):
                first[unit, column] = source.randint(-2, 2)
        return cls(
            ExactTwoLayer(
                sp.ImmutableMatrix(gauge * first * v.T * t.inv()),
                sp.ImmutableMatrix(u * second * gauge.inv()),
                sp.ImmutableMatrix(x),
                sp.ImmutableMatrix(y),
            ),
            tuple(values),
            chosen,
        )

    @property
    def sizes(self) -> tuple[int, int, int]:
        """The widths (n0, n1, n2)."""
        return self.network.first.cols, self.network.first.rows, self.network.second.rows

    def gradient(self) -> sp.ImmutableMatrix:
        """Return J' e/m, from the exact Jacobian and the residuals e, sample by sample."""
        residuals = self.network.residuals().T.reshape(self.network.samples * self.sizes[2], 1)
        return sp.ImmutableMatrix(self.network.jacobian().T * residuals / self.network.samples)

    def loss(self) -> sp.Expr:
        """Return the sum of squared residuals over 2m."""
        return sum(e**2 for e in self.network.residuals()) / (2 * self.network.samples)

    def predicted_loss(self) -> sp.Expr:
        """Return half of the mean square of the targets less the squares of the singular values that are fitted."""
        targets = self.network.targets
        return ((targets * targets.T).trace() - sum(self.values[i] ** 2 for i in self.chosen)) / (
            2 * self.network.samples
        )

    def inertia(self) -> EigenvalueCount:
        """Count the eigenvalues of the exact Hessian below, at and above 0, by a rational congruence."""
        return exact_eigenvalue_count(self.network.hessian())

    @property
    def inversions(self) -> int:
        """Pairs of a direction that is fitted and one that is not but has the larger singular value."""
        return sum(1 for i in self.chosen for j in range(i) if j not in self.chosen)


def _orthogonal(source: random.Random, size: int) -> sp.Matrix:
    """A rational orthogonal matrix, (1 - K)(1 + K)^-1 for K skew."""
    upper = [[source.randint(-2, 2) if j > i else 0 for j in range(size)] for i in range(size)]
    skew = sp.Matrix(upper) - sp.Matrix(upper).T
    return (sp.eye(size) - skew) * (sp.eye(size) + skew).inv()


def _invertible(source: random.Random, size: int) -> sp.Matrix:
    while True:
        matrix = sp.Matrix(size, size, lambda i, j: source.randint(-2, 2))
        if matrix.det() != 0:
            return matrix
