r"""A network of homogeneous units on one activation pattern, in symbols: there its outputs are polynomials.

Conventions: a unit of degree one is z -> p z for z > 0 and z -> q z for z < 0; the slope of unit i of layer k at sample
b is the symbol s_kib, whichever of p and q it is. Weights are ordered layer by layer, each layer row by row, outputs x
inputs; there are no biases and one output. The loss is the sum of (output - y_b)^2 / 2 over the samples. Rescalings
keep the sign of every pre-activation, so that the slopes stay.
"""

from dataclasses import dataclass
from functools import cached_property

import sympy as sp

from theory.rescaling.diagonal_maps import Rescaling

__all__ = ["PatternNetwork"]


@dataclass(frozen=True)
class PatternNetwork:
    """A network with free weights and free slopes, at fixed small inputs.

    Args:
        widths: Numbers of inputs, hidden units of each layer, and 1 for the output.
        samples: The number of samples.

    Raises:
        ValueError: If there are not at least two layers, a width or the number of samples is less than 1, or there is
            not exactly one output.

    Examples:
        >>> PatternNetwork((1, 1, 1), 1).loss
        (s_111*w_111*w_211 - y_1)**2/2
    """

    widths: tuple[int, ...]
    samples: int

    def __post_init__(self) -> None:
        if len(self.widths) < 3 or min(*self.widths, self.samples) < 1 or self.widths[-1] != 1:
            raise ValueError(
                f"widths must be inputs, hidden units and one output, with at least one sample, got {self.widths} and "
                f"{self.samples} samples."
            )

    @cached_property
    def layers(self) -> tuple[tuple[sp.Symbol, ...], ...]:
        """The weights of each layer, row by row."""
        return tuple(
            tuple(
                sp.Symbol(f"w_{layer}{row}{column}", real=True)
                for row in range(1, self.widths[layer] + 1)
                for column in range(1, self.widths[layer - 1] + 1)
            )
            for layer in range(1, len(self.widths))
        )

    @property
    def weights(self) -> tuple[sp.Symbol, ...]:
        """All weights in order."""
        return tuple(weight for layer in self.layers for weight in layer)

    @property
    def block_sizes(self) -> tuple[int, ...]:
        """The number of weights of each layer."""
        return tuple(len(layer) for layer in self.layers)

    @cached_property
    def outputs(self) -> tuple[sp.Expr, ...]:
        """The output at each sample; the inputs are 1, 2, 3, ... in turn, no two samples parallel."""
        found = []
        for sample in range(1, self.samples + 1):
            values = [sp.Integer(1 + (sample - 1) * place * place + place) for place in range(self.widths[0])]
            for layer, weights in enumerate(self.layers, start=1):
                inside = len(values)
                sums = [
                    sum((weights[row * inside + j] * values[j] for j in range(inside)), sp.Integer(0))
                    for row in range(self.widths[layer])
                ]
                last = layer == len(self.layers)
                values = sums if last else [self._slope(layer, i, sample) * z for i, z in enumerate(sums, start=1)]
            found.append(values[0])
        return tuple(found)

    @cached_property
    def loss(self) -> sp.Expr:
        """Half the sum of squared errors."""
        targets = [sp.Symbol(f"y_{sample}", real=True) for sample in range(1, self.samples + 1)]
        return sum(((o - y) ** 2 for o, y in zip(self.outputs, targets, strict=True)), sp.Integer(0)) / 2

    @cached_property
    def gradient(self) -> sp.ImmutableMatrix:
        """The derivatives of the loss, as a column."""
        return sp.ImmutableMatrix([self.loss.diff(weight) for weight in self.weights])

    @cached_property
    def hessian(self) -> sp.ImmutableMatrix:
        """The second derivatives of the loss."""
        return sp.ImmutableMatrix(sp.hessian(self.loss, self.weights))

    def at_rescaled(self, expression: sp.Basic, rescaling: Rescaling) -> sp.Basic:
        """Put the rescaled weights in the place of the weights."""
        moved = rescaling.moved(self.weights)
        return expression.subs(dict(zip(self.weights, moved, strict=True)), simultaneous=True)

    @staticmethod
    def _slope(layer: int, unit: int, sample: int) -> sp.Symbol:
        return sp.Symbol(f"s_{layer}{unit}{sample}", real=True)
