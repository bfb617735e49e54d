r"""The square loss of a logistic neuron with one input, and all of its critical points, isolated in balls.

Conventions: L(w) = sum_j (y_j - s(w x_j))^2, a sum over examples without a factor, s(z) = 1/(1 + e^-z), no bias, labels
0 < y_j < 1, inputs x_j != 0. Half its derivative is

.. math:: g(w) = \sum_j x_j \, s'(w x_j) \, (s(w x_j) - y_j)

Its j-th term has the sign of w - r_j, where r_j = log(y_j/(1 - y_j))/x_j is the weight that fits example j. So g < 0
below all of the r_j and g > 0 above, and every zero lies between the least and the largest. That window is cut until on
each piece either g has no zero, or its derivative has none and the signs at the two ends tell whether there is exactly
one. s is monotone and s' falls with |z|, so that their ranges over a piece are those at its ends.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, NamedTuple

import flint

from theory.ball import Ball
from theory.certificates.krawczyk import NoCertificateError
from theory.certified_precision import ball_from_arb

__all__ = ["AxisMinima", "isolated_minima"]

_CUTS = (Fraction(1, 2), Fraction(3, 7), Fraction(5, 9), Fraction(4, 11))
_THINNEST = Fraction(1, 10**12)  # of the larger end
_NEWTON_STEPS = 200


@dataclass(frozen=True)
class AxisMinima:
    """All critical points of the loss in one weight, in order.

    Args:
        minima: Places of the local minima, all strict.
        losses: The sum of squares at each of them.
        curvatures: The second derivative at each of them, positive.
        maxima: Places of the local maxima, one between any two neighbouring minima.
    """

    minima: tuple[Ball, ...]
    losses: tuple[Ball, ...]
    curvatures: tuple[Ball, ...]
    maxima: tuple[Ball, ...]


def isolated_minima(inputs: Sequence[Fraction], labels: Sequence[Fraction], *, digits: int) -> AxisMinima:
    """Isolate all critical points of the loss in one weight.

    Args:
        inputs: At least one, none 0.
        labels: As many, each between 0 and 1.
        digits: Significant digits.

    Raises:
        NoCertificateError: If two critical points lie so close together that they may be one, degenerate.
    """
    with flint.ctx.workprec(96 + 4 * digits):
        loss = _AxisLoss(inputs, labels)
        minima, losses, curvatures, maxima = [], [], [], []
        for piece in loss.isolating_pieces():
            place = loss.zero_in(piece, digits)
            curvature = 2 * loss.slope(place)
            if curvature > 0:
                minima.append(ball_from_arb(place.ball, digits))
                losses.append(ball_from_arb(loss.value(place), digits))
                curvatures.append(ball_from_arb(curvature, digits))
            else:
                maxima.append(ball_from_arb(place.ball, digits))
        return AxisMinima(tuple(minima), tuple(losses), tuple(curvatures), tuple(maxima))


class _Piece(NamedTuple):
    """An interval between two exact numbers, the first not above the second."""

    low: Any
    high: Any

    @property
    def ball(self) -> Any:
        return self.low.union(self.high)


class _AxisLoss:
    """The loss and its derivatives over pieces of the axis, at the working precision."""

    def __init__(self, inputs: Sequence[Fraction], labels: Sequence[Fraction]) -> None:
        self.examples = [(_exactly(x), _exactly(y)) for x, y in zip(inputs, labels, strict=True)]

    def value(self, piece: _Piece) -> Any:
        errors = (y - _logistic(_product(piece, x)) for x, y in self.examples)
        return sum((error * error for error in errors), flint.arb(0))

    def half_gradient(self, piece: _Piece) -> Any:
        total = flint.arb(0)
        for x, y in self.examples:
            at = _product(piece, x)
            total += x * _bell(at) * (_logistic(at) - y)
        return total

    def slope(self, piece: _Piece) -> Any:
        """The derivative of half the gradient."""
        total = flint.arb(0)
        for x, y in self.examples:
            at = _product(piece, x)
            output, bell = _logistic(at), _bell(at)
            total += x * x * bell * (bell + (output - y) * (1 - 2 * output))
        return total

    def isolating_pieces(self) -> list[_Piece]:
        """Pieces that hold one critical point each, in order; there is none outside of them."""
        pieces, found = [self._window()], []
        while pieces:
            piece = pieces.pop()
            if not self.half_gradient(piece).contains(0):
                continue
            signs = self._sign(piece.low) * self._sign(piece.high)
            if signs and not self.slope(piece).contains(0):
                if signs < 0:
                    found.append(piece)
                continue
            middle = self._cut(piece)
            pieces += [_Piece(middle, piece.high), _Piece(piece.low, middle)]
        return found

    def zero_in(self, piece: _Piece, digits: int) -> _Piece:
        """Narrow a piece on which the gradient is monotone down to so many digits, by the interval Newton method."""
        small = flint.arb(10) ** -(digits + 4)
        for _ in range(_NEWTON_STEPS):
            if piece.high - piece.low < small * abs(piece.ball).max(small):
                break
            middle = (piece.low / 2 + piece.high / 2).mid()
            here = self.half_gradient(_Piece(middle, middle))
            newton = middle - here / self.slope(piece)
            low, high = piece.low.max(newton.lower()).mid(), piece.high.min(newton.upper()).mid()
            if not high - low < (piece.high - piece.low) * 0.9:
                break
            piece = _Piece(low, high)
        return piece

    def _window(self) -> _Piece:
        fits = [(y / (1 - y)).log() / x for x, y in self.examples]
        low, high = fits[0], fits[0]
        for fit in fits[1:]:
            low, high = low.min(fit), high.max(fit)
        room = (abs(low) + abs(high)) / 1000 + min(1 / abs(x) for x, _ in self.examples) / 1000
        return _Piece((low - room).lower(), (high + room).upper())

    def _cut(self, piece: _Piece) -> Any:
        """A place inside the piece where the gradient has a sign; in the geometric middle of ends far apart."""
        low, high = piece
        shares = map(_exactly, _CUTS) if high - low > _exactly(_THINNEST) * abs(low).max(abs(high)) else ()
        for share in shares:
            if low > 0 and high > 4 * low:
                middle = low * (high / low) ** share
            elif high < 0 and low < 4 * high:
                middle = high * (low / high) ** share
            else:
                middle = low + (high - low) * share
            if self._sign(middle.mid()):
                return middle.mid()
        raise NoCertificateError(
            "inputs and labels must give critical points that can be told apart, got two that may be one near "
            f"w = {float(low):.12g}."
        )

    def _sign(self, place: Any) -> int:
        value = self.half_gradient(_Piece(place, place))
        return 1 if value > 0 else -1 if value < 0 else 0


def _product(piece: _Piece, factor: Any) -> tuple[Any, Any]:
    low, high = piece.low * factor, piece.high * factor
    return (low, high) if factor > 0 else (high, low)


def _logistic(at: tuple[Any, Any]) -> Any:
    """The range of s between two places, the first not above the second."""
    low, high = (1 / (1 + (-place).exp()) if place > 0 else place.exp() / (1 + place.exp()) for place in at)
    return low.union(high)


def _bell(at: tuple[Any, Any]) -> Any:
    """The range of s' = e^-|z|/(1 + e^-|z|)^2."""
    low, high = at
    far = abs(low).max(abs(high))
    near = low if low > 0 else -high if high < 0 else flint.arb(0)
    least, most = (decay / (1 + decay) ** 2 for decay in ((-far).exp(), (-near).exp()))
    return least.union(most)


def _exactly(value: Fraction) -> Any:
    return flint.arb(flint.fmpq(value.numerator, value.denominator))
