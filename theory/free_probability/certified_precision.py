"""As many digits as were asked: a computation is repeated at twice the precision until its balls are small enough."""

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import flint

from theory.ball import Ball
from theory.free_probability.certified_edges import NotCertifiedError

__all__ = ["dyadic", "refine"]

_ATTEMPTS = 8


def refine(attempt: Callable[[int, int], Any], digits: int, what: str) -> Any:
    """Double the precision until every enclosure of the attempt is small, and return them as balls."""
    precision = int(3.33 * digits) + 30
    for number in range(_ATTEMPTS):
        with flint.ctx.workprec(precision):
            try:
                values = attempt(precision, number)
            except NotCertifiedError:
                values = None
            if values is not None:
                balls = [_ball(value, digits) for value in values]
                if all(ball is not None for ball in balls):
                    return tuple(balls)
        precision *= 2
    raise ArithmeticError(f"{what} is not certified to {digits} digits at {precision // 2} bits.")


def _ball(value: flint.arb, digits: int) -> Ball | None:
    """Turn an enclosure into a ball, or return None if its radius exceeds 10^-digits max(|value|, 10^-digits)."""
    if not value.is_finite():
        return None
    midpoint, radius = dyadic(value.mid()), dyadic(value.rad())
    power = 10**digits
    if radius * power <= abs(midpoint) - radius or radius * power * power <= 1:
        return Ball(midpoint, radius, digits)
    return None


def dyadic(value: flint.arb) -> Fraction:
    """Return the rational number that an exact arb holds."""
    mantissa, exponent = (int(part) for part in value.man_exp())
    return Fraction(mantissa << exponent) if exponent >= 0 else Fraction(mantissa, 1 << -exponent)
