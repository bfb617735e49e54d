"""A two-layer network with rational weights and data, differentiated exactly: the slow and obvious second route.

Conventions: outputs W2 f(W1 x) for inputs x in the columns of ``inputs``; the loss is the sum of squared residuals over
2m for m samples; parameters are W1 row by row, then W2 row by row; residuals are sample by sample, then output by
output. With ReLU units the pattern of active units is the one at the given weights, where no unit sits on its kink.
"""

import random
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import flint
import sympy as sp
from sympy.polys.rings import ring


@dataclass(frozen=True)
class ExactTwoLayer:
    """A two-layer network at one point of its parameter space.

    Args:
        first: W1, hidden x inputs, rational.
        second: W2, outputs x hidden, rational.
        inputs: Inputs x samples, rational.
        targets: Outputs x samples, rational.
        relu: Whether the hidden units are ReLU; linear otherwise.

    Raises:
        ValueError: If the shapes do not fit or a ReLU unit is on its kink at a sample.

    Examples:
        >>> net = ExactTwoLayer.sample(2, 2, 2, samples=3, seed=1)
        >>> net.zero_modes()
        4
    """

    first: sp.ImmutableMatrix
    second: sp.ImmutableMatrix
    inputs: sp.ImmutableMatrix
    targets: sp.ImmutableMatrix
    relu: bool = False

    def __post_init__(self) -> None:
        shapes = [matrix.shape for matrix in (self.first, self.second, self.inputs, self.targets)]
        fits = shapes[0][1] == shapes[2][0] and shapes[1][1] == shapes[0][0] and shapes[1][0] == shapes[3][0]
        if not fits or shapes[2][1] != shapes[3][1]:
            raise ValueError(f"first, second, inputs, targets must fit together, got the shapes {shapes}.")
        if self.relu and any(entry == 0 for entry in self.first * self.inputs):
            raise ValueError("first must put no ReLU unit on its kink, got a pre-activation 0.")

    @classmethod
    def sample(
        cls,
        inputs: int,
        hidden: int,
        outputs: int,
        *,
        samples: int,
        seed: int,
        relu: bool = False,
        ranks: tuple[int, int] | None = None,
    ) -> "ExactTwoLayer":
        """Draw small integers for weights of full rank, or of the given ranks, and for inputs and targets."""
        source = random.Random(seed)
        first_rank, second_rank = ranks or (min(hidden, inputs), min(hidden, outputs))
        while True:
            first = _integers(source, hidden, inputs, first_rank)
            second = _integers(source, outputs, hidden, second_rank)
            x = _integers(source, inputs, samples, min(inputs, samples))
            y = _integers(source, outputs, samples, min(outputs, samples))
            if not (relu and any(entry == 0 for entry in first * x)):
                return cls(first, second, x, y, relu)

    @property
    def samples(self) -> int:
        """The number m of samples."""
        return int(self.inputs.shape[1])

    @property
    def parameters(self) -> int:
        """The number of weights."""
        return len(self.first) + len(self.second)

    @property
    def active(self) -> sp.ImmutableMatrix:
        """Hidden x samples: 1 where a unit is active, else 0."""
        before = self.first * self.inputs
        return sp.ImmutableMatrix(*before.shape, lambda i, j: int(bool(before[i, j] > 0) or not self.relu))

    def jacobian(self) -> sp.ImmutableMatrix:
        """Return the derivatives of the residuals (rows) by the weights (columns)."""
        weights, residuals = self._polynomials
        return self._matrix(len(residuals), lambda row, column: residuals[row].diff(weights[column]))

    def gauss_newton(self) -> sp.ImmutableMatrix:
        """Return H0 = J'J/m for J of `jacobian`, whose rows are residuals."""
        jacobian = self.jacobian()
        return sp.ImmutableMatrix(jacobian.T * jacobian / self.samples)

    def residual_part(self) -> sp.ImmutableMatrix:
        """Return H1, the sum of residuals times their Hessians over m."""
        weights, residuals = self._polynomials
        total = sum((e.ring.ground_new(self._value(e)) * e for e in residuals), weights[0].ring.zero)
        return sp.ImmutableMatrix(self._hessian(total) / self.samples)

    def hessian(self) -> sp.ImmutableMatrix:
        """Return the Hessian of the loss, differentiated twice as a polynomial in the weights."""
        weights, residuals = self._polynomials
        return sp.ImmutableMatrix(
            self._hessian(sum((e**2 for e in residuals), weights[0].ring.zero)) / (2 * self.samples)
        )

    def residuals(self) -> sp.ImmutableMatrix:
        """Return the residuals as outputs x samples."""
        return sp.ImmutableMatrix(self._outputs() - self.targets)

    def with_residuals_times(self, factor: sp.Rational) -> "ExactTwoLayer":
        """Return the network with the same weights and targets that multiply every residual by a factor."""
        return ExactTwoLayer(
            self.first,
            self.second,
            self.inputs,
            sp.ImmutableMatrix(self._outputs() - factor * self.residuals()),
            self.relu,
        )

    def zero_modes(self) -> int:
        """Count the zero eigenvalues of H0: parameters minus the rank of the Jacobian."""
        return self.parameters - exact_rank(self.jacobian())

    def _outputs(self) -> Any:
        return self.second * self.active.multiply_elementwise(self.first * self.inputs)

    @cached_property
    def _polynomials(self) -> tuple[list[Any], list[Any]]:
        """The weights as generators of a polynomial ring, and the residuals as its elements."""
        hidden, inputs = self.first.shape
        polynomials = ring([f"w{index}" for index in range(self.parameters)], sp.QQ)[0]
        weights = list(polynomials.gens)
        first = [weights[row * inputs : (row + 1) * inputs] for row in range(hidden)]
        flat = weights[hidden * inputs :]
        active, residuals = self.active, []
        for sample in range(self.samples):
            units = [
                sum((w * _rational(self.inputs[i, sample]) for i, w in enumerate(row)), polynomials.zero)
                * int(active[unit, sample])
                for unit, row in enumerate(first)
            ]
            for output in range(self.second.shape[0]):
                row = flat[output * hidden : (output + 1) * hidden]
                total = sum((v * unit for v, unit in zip(row, units, strict=True)), polynomials.zero)
                residuals.append(total - _rational(self.targets[output, sample]))
        return weights, residuals

    def _value(self, polynomial: Any) -> Any:
        """Evaluate a polynomial at the weights, term by term: few terms of few weights each."""
        total = sp.QQ(0)
        for powers, coefficient in polynomial.terms():
            for weight, power in zip(self._point, powers, strict=True):
                if power:
                    coefficient = coefficient * weight**power
            total += coefficient
        return total

    @cached_property
    def _point(self) -> list[Any]:
        return [_rational(entry) for entry in (*self.first, *self.second)]

    def _matrix(self, rows: int, entry: Any) -> sp.ImmutableMatrix:
        return sp.ImmutableMatrix(
            rows, self.parameters, lambda i, j: sp.QQ.to_sympy(sp.QQ.convert(self._value(entry(i, j))))
        )

    def _hessian(self, polynomial: Any) -> sp.ImmutableMatrix:
        gradient = [polynomial.diff(weight) for weight in self._polynomials[0]]
        return self._matrix(self.parameters, lambda i, j: gradient[i].diff(self._polynomials[0][j]))


def exact_rank(matrix: sp.MatrixBase) -> int:
    """Return the rank of a rational matrix, by elimination in exact numbers."""
    rows = [[flint.fmpq(int(entry.p), int(entry.q)) for entry in matrix.row(row)] for row in range(matrix.rows)]
    return int(flint.fmpq_mat(rows).rank()) if rows and rows[0] else 0


def _rational(entry: sp.Rational) -> Any:
    return sp.QQ(int(entry.p), int(entry.q))


def _integers(source: random.Random, rows: int, columns: int, rank: int) -> sp.ImmutableMatrix:
    """Small integers of a given rank, as a product of two factors unless the rank is full."""
    while True:
        if rank == min(rows, columns):
            matrix = sp.Matrix(rows, columns, lambda i, j: source.randint(-4, 4))
        else:
            left = sp.Matrix(rows, rank, lambda i, j: source.randint(-3, 3))
            matrix = left * sp.Matrix(rank, columns, lambda i, j: source.randint(-3, 3))
        if exact_rank(sp.Matrix(matrix)) == rank:
            return sp.ImmutableMatrix(matrix)
