"""A real number known to lie in an interval: exact midpoint, rigorous radius.

``Ball(m, r)`` stands for the closed interval [m - r, m + r]. Midpoint and radius are exact rationals, so sums and
products are exact too and no rounding has to be argued about. Balls are not ordered: two overlapping balls are
neither smaller nor larger than each other; compare ``lower`` and ``upper`` instead.
"""

from dataclasses import dataclass
from decimal import ROUND_CEILING, Context, Decimal, localcontext
from fractions import Fraction
from typing import NamedTuple, NoReturn

__all__ = ["Ball", "ComplexBall"]


def _fraction(name: str, value: object) -> Fraction:
    if isinstance(value, bool) or not isinstance(value, int | Fraction):
        raise TypeError(f"{name} must be an int or a Fraction, got {value!r}.")
    return Fraction(value)


def _decimal(value: Fraction, digits: int, rounding: str | None = None) -> Decimal:
    context = Context(prec=max(digits, 1), Emin=-(10**9), Emax=10**9)
    if rounding is not None:
        context.rounding = rounding
    with localcontext(context) as local:
        # A ratio of exact integers is rounded once; the integers may be longer than the precision.
        return local.divide(Decimal(value.numerator), Decimal(value.denominator))


def _exponent(value: Fraction) -> int:
    """Return the decimal exponent e with 10^e <= value < 10^(e + 1), for value > 0."""
    return _decimal(value, 30, "ROUND_DOWN").adjusted()


@dataclass(frozen=True)
class Ball:
    """The real numbers at distance at most ``radius`` from ``midpoint``.

    Args:
        midpoint: Exact centre.
        radius: Exact radius, not negative.
        digits: How many significant digits ``str`` prints at most, at least 1.

    Raises:
        ValueError: If the radius is negative or ``digits`` < 1.
        TypeError: If midpoint or radius is not rational.

    Examples:
        >>> third = Ball(Fraction(1, 3), Fraction(1, 10**9), digits=6)
        >>> print(third, third * 3)
        0.333333 1.00000
        >>> third.contains(Fraction(1, 3)), third.overlaps(Ball.exact(1))
        (True, False)
    """

    midpoint: Fraction
    radius: Fraction = Fraction(0)
    digits: int = 15

    def __post_init__(self) -> None:
        object.__setattr__(self, "midpoint", _fraction("midpoint", self.midpoint))
        object.__setattr__(self, "radius", _fraction("radius", self.radius))
        if self.radius < 0:
            raise ValueError(f"radius must not be negative, got {self.radius}.")
        if isinstance(self.digits, bool) or not isinstance(self.digits, int) or self.digits < 1:
            raise ValueError(f"digits must be an integer >= 1, got {self.digits!r}.")

    @classmethod
    def exact(cls, value: "int | Fraction", digits: int = 15) -> "Ball":
        """Return the ball of radius 0 around a rational number."""
        return cls(_fraction("value", value), Fraction(0), digits)

    @property
    def lower(self) -> Fraction:
        """The least number of the ball."""
        return self.midpoint - self.radius

    @property
    def upper(self) -> Fraction:
        """The greatest number of the ball."""
        return self.midpoint + self.radius

    def contains(self, value: "int | float | Fraction | Ball") -> bool:
        """Say whether a number, or a whole ball, lies inside; a float counts as the binary number it holds."""
        if isinstance(value, Ball):
            return self.lower <= value.lower and value.upper <= self.upper
        return self.lower <= Fraction(value) <= self.upper

    def overlaps(self, other: "Ball") -> bool:
        """Say whether two balls have a number in common."""
        return self.lower <= other.upper and other.lower <= self.upper

    def within(self, lower: "int | float | Fraction | None", upper: "int | float | Fraction | None") -> bool:
        """Say whether every number of the ball lies in [lower, upper]; None means infinite."""
        above = lower is None or Fraction(lower) <= self.lower
        return above and (upper is None or self.upper <= Fraction(upper))

    def _other(self, other: object) -> "Ball | None":
        if isinstance(other, Ball):
            return other
        if isinstance(other, int | Fraction) and not isinstance(other, bool):
            return Ball(Fraction(other), Fraction(0), self.digits)
        return None

    def __add__(self, other: "Ball | int | Fraction") -> "Ball":
        ball = self._other(other)
        if ball is None:
            return NotImplemented
        return Ball(self.midpoint + ball.midpoint, self.radius + ball.radius, min(self.digits, ball.digits))

    __radd__ = __add__

    def __neg__(self) -> "Ball":
        return Ball(-self.midpoint, self.radius, self.digits)

    def __sub__(self, other: "Ball | int | Fraction") -> "Ball":
        ball = self._other(other)
        return NotImplemented if ball is None else self + (-ball)

    def __rsub__(self, other: "int | Fraction") -> "Ball":
        return (-self) + other

    def __mul__(self, other: "Ball | int | Fraction") -> "Ball":
        ball = self._other(other)
        if ball is None:
            return NotImplemented
        radius = abs(self.midpoint) * ball.radius + abs(ball.midpoint) * self.radius + self.radius * ball.radius
        return Ball(self.midpoint * ball.midpoint, radius, min(self.digits, ball.digits))

    __rmul__ = __mul__

    def __abs__(self) -> "Ball":
        if self.lower >= 0 or self.upper <= 0:
            return Ball(abs(self.midpoint), self.radius, self.digits)
        largest = max(-self.lower, self.upper)
        return Ball(largest / 2, largest / 2, self.digits)

    def __float__(self) -> float:
        return float(self.midpoint)

    def _unordered(self, other: object) -> NoReturn:
        raise TypeError(f"balls are not ordered: compare .lower and .upper, got {self} against {other}.")

    __lt__ = __le__ = __gt__ = __ge__ = _unordered

    def __str__(self) -> str:
        if self.midpoint == 0:
            return "0" if self.radius == 0 else f"0 ± {_decimal(self.radius, 2, ROUND_CEILING):.1E}"
        place = _exponent(abs(self.midpoint))
        # A digit is printed when the radius is at most one unit of its place.
        correct = self.digits if self.radius == 0 else min(self.digits, place - _exponent(self.radius))
        if correct < 1:
            return f"{_decimal(self.midpoint, 2)} ± {_decimal(self.radius, 2, ROUND_CEILING)}"
        rounded = _decimal(self.midpoint, correct)
        shown = rounded.quantize(Decimal(1).scaleb(rounded.adjusted() - correct + 1), context=Context(prec=correct + 2))
        if -7 <= shown.adjusted() < max(correct, 16) and int(shown.as_tuple().exponent) <= 0:
            return f"{shown:f}"
        return f"{shown:E}"

    def __repr__(self) -> str:
        return f"<Ball {self}, radius {float(self.radius):.2g}>"

    def to_record(self) -> dict[str, str]:
        """Return decimal strings that hold the ball: a rounded midpoint, and a radius rounded up to make up for it."""
        midpoint = _decimal(self.midpoint, self.digits + 10)
        radius = self.radius + abs(Fraction(midpoint) - self.midpoint)
        return {"midpoint": str(midpoint), "radius": str(_decimal(radius, 4, ROUND_CEILING))}

    @classmethod
    def from_record(cls, record: dict[str, str], digits: int) -> "Ball":
        """Read back what ``to_record`` wrote."""
        return cls(Fraction(record["midpoint"]), Fraction(record["radius"]), digits)


class ComplexBall(NamedTuple):
    """A rectangle in the complex plane: a ball for the real part and one for the imaginary part."""

    real: Ball
    imag: Ball

    def __complex__(self) -> complex:
        return complex(float(self.real), float(self.imag))

    def __str__(self) -> str:
        return f"({self.real}) + ({self.imag}) i"
