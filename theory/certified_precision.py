"""Arb's balls as ours, and as many digits as were asked: by repeating a computation at twice the precision.

Conventions: a ball holds so many digits if its radius is at most 10^-digits max(|value|, 10^-digits).
"""

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import flint
import numpy as np

from theory.ball import Ball

__all__ = ["NotCertifiedError", "ball_from_arb", "check_digits", "dyadic", "refine", "small_ball"]

_ATTEMPTS = 8


class NotCertifiedError(ArithmeticError):
    """An enclosure needs more precision."""


def check_digits(digits: int, *, most: int = 10_000) -> int:
    """Return a number of digits, or refuse it.

    Raises:
        ValueError: If it is no integer from 1 to the most that are allowed.
    """
    if isinstance(digits, bool) or not isinstance(digits, int | np.integer) or not 1 <= digits <= most:
        raise ValueError(f"digits must be an integer from 1 to {most}, got {digits!r}.")
    return int(digits)


def refine(attempt: Callable[[int, int], Any], digits: int, what: str) -> Any:
    """Double the precision until every enclosure of the attempt is small, and return them as balls.

    Args:
        attempt: Takes bits and the number of the attempt; returns enclosures, or None if it needs more bits.
        digits: That every ball holds.
        what: Is computed, in words.

    Raises:
        ArithmeticError: If so much precision is not enough.
    """
    precision = int(3.33 * digits) + 30
    for number in range(_ATTEMPTS):
        with flint.ctx.workprec(precision):
            try:
                values = attempt(precision, number)
            except NotCertifiedError:
                values = None
            if values is not None:
                balls = [small_ball(value, digits) for value in values]
                if all(ball is not None for ball in balls):
                    return tuple(balls)
        precision *= 2
    raise ArithmeticError(f"{what} is not certified to {digits} digits at {precision // 2} bits.")


def small_ball(value: flint.arb, digits: int) -> Ball | None:
    """Turn an enclosure into a ball, or return None if it does not hold so many digits.

    Examples:
        >>> print(small_ball(flint.arb(2).sqrt(), 10), small_ball(flint.arb(2, 1), 10))
        1.414213562 None
    """
    if not value.is_finite():
        return None
    ball = ball_from_arb(value, digits)
    power = 10**digits
    if ball.radius * power <= abs(ball.midpoint) - ball.radius or ball.radius * power * power <= 1:
        return ball
    return None


def ball_from_arb(value: flint.arb, digits: int) -> Ball:
    """Turn an Arb ball into ours, exactly, however large it is."""
    return Ball(dyadic(value.mid()), dyadic(value.rad()), digits)


def dyadic(value: flint.arb) -> Fraction:
    """Return the rational number that an exact arb holds.

    Examples:
        >>> dyadic(flint.arb(3) / 4)
        Fraction(3, 4)
    """
    mantissa, exponent = (int(part) for part in value.man_exp())
    return Fraction(mantissa << exponent) if exponent >= 0 else Fraction(mantissa, 1 << -exponent)
