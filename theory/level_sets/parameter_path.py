r"""Continuous paths through parameter space, made of pieces.

Conventions: a parameter is a flat float64 vector in the layout of an ``Mlp``: layer by layer, the weight (outputs x
inputs, row-major), then the bias. A piece is a continuous map from [0, 1] to parameters; each piece starts where the
one before it ends, up to rounding.
"""

import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from theory.level_sets.picture import plot_losses
from theory.real_arrays import positive_integer, real_array

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Parameter", "ParameterPath", "Piece", "flat_parameter", "layers_of", "polygon"]

_MOST_NUMBERS = 10**8  # in one sample
Parameter = NDArray[np.float64]
Piece = Callable[[float], Parameter]


@dataclass(frozen=True, repr=False)
class ParameterPath:
    """A path from one parameter to another.

    Args:
        start: The first parameter; ``at(0)`` is it, bit for bit.
        end: The last one; ``at(1)`` is it, bit for bit.
        pieces: Maps from [0, 1] to parameters, in order; none if the path stays where it is.

    Examples:
        >>> path = polygon([[0, 0], [1, 0], [1, 2]])
        >>> path
        ParameterPath(pieces=2, parameters=2)
        >>> path.at(0.75), path.sample(2).shape
        (array([1., 1.]), (5, 2))
        >>> float(path.length(1))
        3.0
    """

    start: Parameter
    end: Parameter
    pieces: tuple[Piece, ...]

    def at(self, time: float) -> Parameter:
        """Return the parameter at a time in [0, 1]; every piece takes equally long.

        Raises:
            TypeError: If the time is no real number.
            ValueError: If it is not in [0, 1].
        """
        if isinstance(time, bool) or not isinstance(time, Real):
            raise TypeError(f"time must be a real number, got {time!r}.")
        if not 0 <= time <= 1:
            raise ValueError(f"time must be in [0, 1], got {time}.")
        if time == 0 or not self.pieces:
            return self.start.copy()
        if time == 1:
            return self.end.copy()
        place = min(int(time * len(self.pieces)), len(self.pieces) - 1)
        return self.pieces[place](time * len(self.pieces) - place)

    def sample(self, per_piece: int) -> Parameter:
        """Return parameters along the path: all joints, and equal steps within each piece.

        Args:
            per_piece: Steps in each piece, >= 1.

        Returns:
            An array of shape (pieces x per_piece + 1, parameters), the start first and the end last.

        Raises:
            TypeError: If ``per_piece`` is no integer.
            ValueError: If it is < 1, or the array would have more than 10^8 entries.
        """
        per_piece = positive_integer("per_piece", per_piece)
        if (numbers := (len(self.pieces) * per_piece + 1) * len(self.start)) > _MOST_NUMBERS:
            raise ValueError(f"per_piece must leave at most {_MOST_NUMBERS} numbers to sample, got {numbers}.")
        steps = [step / per_piece for step in range(per_piece)]
        inner = [piece(step) for piece in self.pieces for step in steps]
        return np.array([self.start, *inner[1:], self.end])

    def length(self, per_piece: int = 8) -> float:
        """Return the Euclidean length of the polygon through ``sample(per_piece)``: from below, as for any curve."""
        return float(np.linalg.norm(np.diff(self.sample(per_piece), axis=0), axis=1).sum())

    def reversed(self) -> "ParameterPath":
        """Return the same path, walked backwards."""
        return ParameterPath(self.end, self.start, tuple(_backwards(piece) for piece in reversed(self.pieces)))

    def then(self, other: "ParameterPath") -> "ParameterPath":
        """Return this path followed by another one, which must start where this one ends, up to rounding.

        Raises:
            ValueError: If it starts elsewhere: by more than 1e-6 of the larger of the two parameters and 1.
        """
        gap = float(abs(self.end - other.start).max(initial=0.0))
        if not gap <= 1e-6 * max(1.0, float(abs(self.end).max(initial=0.0))):
            raise ValueError(f"the other path must start where this one ends, got a gap of {gap:.3g}.")
        return ParameterPath(self.start, other.end, (*self.pieces, *other.pieces))

    def plot(self, loss: Callable[[Parameter], float], *, axes: "Axes | None" = None, per_piece: int = 32) -> "Axes":
        """Draw a loss along the path, every piece equally long, and the larger of its values at the ends.

        Args:
            loss: The loss of one flat parameter, a number.
            axes: Where to draw; a new figure if None.
            per_piece: Steps in each piece, >= 1.

        Raises:
            TypeError: If the loss cannot be called, or ``per_piece`` is no integer.
            ValueError: If ``per_piece`` is < 1.

        Examples:
            >>> axes = polygon([[1, 1], [0, 2], [-1, -1]]).plot(lambda theta: (theta[0] * theta[1] - 1) ** 2)
            >>> axes.get_ylabel()
            'loss'
        """
        if not callable(loss):
            raise TypeError(f"loss must be a function of a parameter, got {loss!r}.")
        return plot_losses([float(loss(parameter)) for parameter in self.sample(per_piece)], axes=axes)

    def __repr__(self) -> str:
        return f"ParameterPath(pieces={len(self.pieces)}, parameters={len(self.start)})"


def polygon(corners: Iterable[Any]) -> ParameterPath:
    """Return the path along straight lines through some corners; corners that repeat the one before are skipped.

    Raises:
        ValueError: If there is no corner.
    """
    kept: list[Parameter] = []
    for corner in corners:
        point = np.asarray(corner, dtype=np.float64)
        if not kept or not np.array_equal(kept[-1], point):
            kept.append(point)
    if not kept:
        raise ValueError("corners must be at least one parameter, got none.")
    pieces = tuple(_segment(first, second) for first, second in itertools.pairwise(kept))
    return ParameterPath(kept[0].copy(), kept[-1].copy(), pieces)


def flat_parameter(name: str, value: Any, length: int) -> Parameter:
    """Read a flat parameter of a given length.

    Raises:
        ValueError: If it has another shape, or an entry is no finite number.
    """
    vector = real_array(name, value)
    if vector.shape != (length,):
        raise ValueError(f"{name} must be a vector of {length} parameters, got the shape {vector.shape}.")
    return vector


def layers_of(parameter: Parameter, widths: Sequence[int]) -> list[Parameter]:
    """Return copies of the weights of a network without biases, W_1 first."""
    weights, start = [], 0
    for fan_in, fan_out in itertools.pairwise(widths):
        weights.append(parameter[start : start + fan_in * fan_out].reshape(fan_out, fan_in).copy())
        start += fan_in * fan_out
    return weights


def _segment(first: Parameter, second: Parameter) -> Piece:
    def piece(time: float) -> Parameter:
        return np.asarray((1 - time) * first + time * second)

    return piece


def _backwards(piece: Piece) -> Piece:
    def turned(time: float) -> Parameter:
        return piece(1 - time)

    return turned
