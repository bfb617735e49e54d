r"""A two-layer network with any smooth activation in rational numbers, placed exactly at a critical point.

Conventions: outputs W2 f(W1 x), samples in columns, the loss is the sum of squared residuals over 2m, parameters are W1
row by row, then W2 row by row. The activation is known by its values and first two derivatives at the pre-activations.
A critical point is made backwards: weights and inputs are drawn, and the residuals are taken from the null space of the
gradient, which is linear in them; the targets follow.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sympy as sp

__all__ = ["Activation", "ExactNonlinearNet"]

Activation = Callable[[sp.Rational], tuple[sp.Expr, sp.Expr, sp.Expr]]


@dataclass(frozen=True)
class ExactNonlinearNet:
    """A two-layer network at one point, with the residuals that its targets leave there.

    Args:
        first: W1, hidden x inputs.
        second: W2, outputs x hidden.
        inputs: Inputs x samples.
        residuals: Outputs minus targets, outputs x samples.
        activation: Value, slope and second derivative of f at a number.
    """

    first: sp.ImmutableMatrix
    second: sp.ImmutableMatrix
    inputs: sp.ImmutableMatrix
    residuals: sp.ImmutableMatrix
    activation: Activation

    @classmethod
    def critical(
        cls,
        inputs: int,
        hidden: int,
        outputs: int,
        *,
        samples: int,
        activation: Activation,
        seed: int,
        deficiency: int = 0,
    ) -> "ExactNonlinearNet":
        """Draw a network at a critical point; the residuals times the inputs lose so many ranks.

        Raises:
            ValueError: If there are too few samples for residuals that are not 0.
        """
        source = random.Random(seed)

        def draw(rows: int, columns: int) -> sp.Matrix:
            return sp.Matrix(rows, columns, lambda i, j: sp.Rational(source.choice((-3, -2, -1, 1, 2, 3)), 2))

        first, second, x = draw(hidden, inputs), draw(outputs, hidden), draw(inputs, samples)
        unknown = cls(
            first.as_immutable(), second.as_immutable(), x.as_immutable(), _zeros(outputs, samples), activation
        )
        rows = [list(row) for row in unknown.jacobian().T.tolist()]  # the gradient is J' e/m
        rows += [
            [x[i, s] if k == j else sp.Integer(0) for s in range(samples) for k in range(outputs)]
            for j in range(deficiency)
            for i in range(inputs)
        ]
        kernel = sp.Matrix(rows).nullspace()
        if not kernel:
            raise ValueError(f"samples must leave the residuals free, got {samples} for {len(rows)} conditions.")
        flat = sum((source.choice((-2, -1, 1, 2)) * vector for vector in kernel), sp.zeros(outputs * samples, 1))
        residuals = sp.ImmutableMatrix(outputs, samples, lambda j, s: flat[s * outputs + j])
        return cls(unknown.first, unknown.second, unknown.inputs, residuals, activation)

    def with_dead_units(self, count: int) -> "ExactNonlinearNet":
        """Return the network with hidden units appended whose weights are all zero: the same outputs and residuals."""
        first = sp.Matrix.vstack(sp.Matrix(self.first), sp.zeros(count, self.first.cols))
        second = sp.Matrix.hstack(sp.Matrix(self.second), sp.zeros(self.second.rows, count))
        return ExactNonlinearNet(
            first.as_immutable(), second.as_immutable(), self.inputs, self.residuals, self.activation
        )

    @property
    def samples(self) -> int:
        """The number m of samples."""
        return int(self.inputs.cols)

    def jacobian(self) -> sp.ImmutableMatrix:
        """Return the derivatives of the outputs, sample by sample (rows), by the weights (columns)."""
        return sp.ImmutableMatrix([self._derivatives(j, s)[0] for s in range(self.samples) for j in self._outputs])

    def gradient(self) -> sp.ImmutableMatrix:
        """Return the gradient of the loss."""
        return sp.ImmutableMatrix(self.jacobian().T * self.residuals.T.reshape(len(self.residuals), 1) / self.samples)

    def hessian(self) -> sp.ImmutableMatrix:
        """Return the Hessian of the loss: J'J/m, and residuals times the second derivatives of outputs over m."""
        jacobian = self.jacobian()
        total = sp.Matrix(jacobian.T * jacobian)
        for s in range(self.samples):
            for j in self._outputs:
                total += self.residuals[j, s] * self._derivatives(j, s)[1]
        return sp.ImmutableMatrix(total / self.samples)

    @property
    def _outputs(self) -> range:
        return range(self.second.rows)

    def _derivatives(self, output: int, sample: int) -> tuple[list[Any], sp.Matrix]:
        """First and second derivatives of one output at one sample by all weights."""
        hidden, inputs = self.first.shape
        size, x = len(self.first) + len(self.second), self.inputs.col(sample)
        slopes, bends = [sp.Integer(0)] * size, sp.zeros(size, size)
        for unit in range(hidden):
            value, slope, bend = self.activation((self.first.row(unit) * x)[0])
            weight, own = self.second[output, unit], len(self.first) + output * hidden + unit
            slopes[own] = value
            for i in range(inputs):
                place = unit * inputs + i
                slopes[place] = weight * slope * x[i]
                bends[place, own] = bends[own, place] = slope * x[i]
                for k in range(inputs):
                    bends[place, unit * inputs + k] = weight * bend * x[i] * x[k]
        return slopes, bends


def _zeros(rows: int, columns: int) -> sp.ImmutableMatrix:
    return sp.ImmutableMatrix(sp.zeros(rows, columns))
