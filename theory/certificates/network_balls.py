r"""Loss, gradient and Hessian of a small network at every point of a box of weights, in balls.

Conventions: parameters are flat, layer by layer, each weight matrix (outputs x inputs, row by row) and then its bias;
samples are columns here; the loss is prefactor x mean over samples x sum over outputs of squared residuals, plus
(weight decay)/2 x |theta|^2. The gradient comes from one backward pass, a column of the Hessian from the derivative of
that pass in one direction. Both are sums and products of matrices of balls, so that what they return holds the values
at all points of the box.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import flint

__all__ = ["ACTIVATIONS", "NetworkBalls"]


def _tanh(z: Any) -> tuple[Any, Any, Any]:
    value = z.tanh()
    slope = 1 - value * value  # ** would take a logarithm, and fail on balls around 0
    return value, slope, -2 * value * slope


def _linear(z: Any) -> tuple[Any, Any, Any]:
    return z, flint.arb(1), flint.arb(0)


ACTIVATIONS: dict[str, Callable[[Any], tuple[Any, Any, Any]]] = {"tanh": _tanh, "linear": _linear}
"""Value, first and second derivative, by name: those that are twice differentiable everywhere."""


@dataclass(frozen=True)
class _Passes:
    """What a forward and a backward pass leave behind, by layer; matrices of width x samples."""

    weights: list[Any]
    inputs: list[Any]  # what enters a layer
    outputs: Any
    slopes: list[Any]  # f' and f'' at the pre-activations of the hidden layers
    bends: list[Any]
    deltas: list[Any]  # derivative of the loss in a layer's pre-activations
    pulled: list[Any]  # derivative of the loss in the outputs of the hidden layers


@dataclass(frozen=True)
class NetworkBalls:
    """A network on its data, to be evaluated in balls at the working precision.

    Args:
        widths: Inputs, hidden widths, outputs.
        activation: A key of ``ACTIVATIONS``, applied in all layers but the last.
        bias: Whether layers have biases.
        inputs: Inputs x samples, a matrix of balls.
        targets: Outputs x samples.
        prefactor: Of the mean squared error.
        weight_decay: Of half the squared norm of all parameters.
    """

    widths: Sequence[int]
    activation: str
    bias: bool
    inputs: Any
    targets: Any
    prefactor: Any
    weight_decay: Any

    @cached_property
    def spans(self) -> list[tuple[int, int, int]]:
        """Where each layer lies in the flat order: start of its weight, start of its bias, end."""
        spans, start = [], 0
        for before, after in pairwise(self.widths):
            middle = start + before * after
            spans.append((start, middle, middle + after * self.bias))
            start = spans[-1][-1]
        return spans

    @property
    def parameters(self) -> int:
        """Number of parameters."""
        return self.spans[-1][-1]

    def data_loss(self, theta: Any) -> Any:
        """Prefactor x mean squared error, without the weight decay."""
        residual = self._passes(theta).outputs - self.targets
        return self.prefactor * sum((entry * entry for entry in residual.entries()), flint.arb(0)) / self.inputs.ncols()

    def gradient(self, theta: Any) -> Any:
        """The gradient of the regularised loss, a column."""
        passes = self._passes(theta)
        parts = [
            self._flat(delta * before.transpose(), delta)
            for delta, before in zip(passes.deltas, passes.inputs, strict=True)
        ]
        return _column(parts) + self.weight_decay * theta

    def hessian(self, theta: Any) -> Any:
        """The Hessian of the regularised loss, parameters x parameters."""
        size, passes = self.parameters, self._passes(theta)
        columns = []
        for place in range(size):
            unit = flint.arb_mat(size, 1, [int(place == other) for other in range(size)])
            columns.append((self._gradient_along(passes, unit) + self.weight_decay * unit).entries())
        return flint.arb_mat([[columns[j][i] for j in range(size)] for i in range(size)])

    def _passes(self, theta: Any) -> _Passes:
        layers = self._layers(theta)
        last = len(layers) - 1
        inputs, slopes, bends, entering = [], [], [], self.inputs
        for place, (weight, bias) in enumerate(layers):
            inputs.append(entering)
            z = weight * entering + bias
            if place < last:
                values = [ACTIVATIONS[self.activation](entry) for entry in z.entries()]
                entering, slope, bend = (
                    flint.arb_mat(z.nrows(), z.ncols(), list(part)) for part in zip(*values, strict=True)
                )
                slopes.append(slope)
                bends.append(bend)
        deltas = [2 * self.prefactor / self.inputs.ncols() * (z - self.targets)]
        pulled: list[Any] = []
        for place in range(last, 0, -1):
            pulled.insert(0, layers[place][0].transpose() * deltas[0])
            deltas.insert(0, _times(pulled[0], slopes[place - 1]))
        return _Passes([weight for weight, _ in layers], inputs, z, slopes, bends, deltas, pulled)

    def _gradient_along(self, passes: _Passes, direction: Any) -> Any:
        """The derivative of the gradient of the data loss in one direction."""
        layers, last = self._layers(direction), len(passes.weights) - 1
        moved = flint.arb_mat(self.inputs.nrows(), self.inputs.ncols())  # the derivative of a layer's inputs
        moves, shifts = [], []
        for place, (weight, bias) in enumerate(layers):
            moves.append(moved)
            shifts.append(weight * passes.inputs[place] + passes.weights[place] * moved + bias)
            if place < last:
                moved = _times(passes.slopes[place], shifts[place])
        delta = 2 * self.prefactor / self.inputs.ncols() * shifts[last]
        parts: list[list[Any]] = []
        for place in range(last, -1, -1):
            turn = delta * passes.inputs[place].transpose() + passes.deltas[place] * moves[place].transpose()
            parts.insert(0, self._flat(turn, delta))
            if place:
                back = layers[place][0].transpose() * passes.deltas[place] + passes.weights[place].transpose() * delta
                curved = _times(_times(passes.pulled[place - 1], passes.bends[place - 1]), shifts[place - 1])
                delta = _times(back, passes.slopes[place - 1]) + curved
        return _column(parts)

    def _layers(self, theta: Any) -> list[tuple[Any, Any]]:
        """Weights, and biases spread over all samples, of flat parameters."""
        flat, samples, layers = theta.entries(), self.inputs.ncols(), []
        for (start, middle, end), (before, after) in zip(self.spans, pairwise(self.widths), strict=True):
            bias = [entry for entry in flat[middle:end] for _ in range(samples)] or [0] * (after * samples)
            layers.append((flint.arb_mat(after, before, flat[start:middle]), flint.arb_mat(after, samples, bias)))
        return layers

    def _flat(self, weight: Any, delta: Any) -> list[Any]:
        """A layer's part of a gradient in the flat order; that of its bias sums over samples."""
        if not self.bias:
            return list(weight.entries())
        return [*weight.entries(), *(delta * flint.arb_mat(delta.ncols(), 1, [1] * delta.ncols())).entries()]


def _times(left: Any, right: Any) -> Any:
    """Entry by entry."""
    products = [one * other for one, other in zip(left.entries(), right.entries(), strict=True)]
    return flint.arb_mat(left.nrows(), left.ncols(), products)


def _column(parts: list[list[Any]]) -> Any:
    flat = [entry for part in parts for entry in part]
    return flint.arb_mat(len(flat), 1, flat)
