"""The ball tier: every answer about one bound law as a certified ball, to any number of digits.

``certified_roots`` encloses w, ``certified_precision`` doubles the precision until a ball is as small as was asked.
"""

from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import partial
from typing import Any

import flint
import numpy as np
import sympy as sp

from theory.ball import Ball, ComplexBall
from theory.certified_precision import refine
from theory.exact_numbers import exact_number
from theory.free_probability.certified_roots import CertifiedRoots, Located
from theory.free_probability.coefficients import is_positive
from theory.free_probability.engine import FloatLaw
from theory.free_probability.krawczyk import Coefficients, ball_of_number, enclose_root
from theory.free_probability.levy_triple import LevyTriple

__all__ = ["CertifiedLaw"]


class CertifiedLaw(CertifiedRoots):
    """The answers of one bound law."""

    def __init__(self, triple: LevyTriple, floats: FloatLaw) -> None:
        super().__init__(triple, floats)
        self._rate_sum = sp.Add(*(rate for rate, _ in triple.jumps))

    # Queries

    def many(self, name: str, places: Sequence[Any], digits: int) -> tuple[Any, ...]:
        """Answer one query at many places, guessing all roots at once."""
        query = getattr(self, name)
        if name == "stieltjes" or self.is_point:
            return tuple(query(place, digits) for place in places)
        exact = [_exact_place(place) for place in places]
        with np.errstate(all="ignore"):
            guesses = 1 / self.floats.stieltjes(np.array([float(place) for place in exact], dtype=np.complex128))
        return tuple(query(place, digits, guess) for place, guess in zip(exact, guesses.tolist(), strict=True))

    def density(self, x: Any, digits: int, guess: complex | None = None) -> Ball:
        """Return the density at x."""
        return self._value(x, digits, guess, self._density_of, at_drift=self._density_at_drift)

    def mass_below(self, x: Any, digits: int, guess: complex | None = None) -> Ball:
        """Return P(X < x)."""
        return self._value(x, digits, guess, self._mass_of, at_drift=lambda: self._mass_at_drift(closed=False))

    def cdf(self, x: Any, digits: int, guess: complex | None = None) -> Ball:
        """Return P(X <= x)."""
        return self._value(x, digits, guess, self._mass_of, at_drift=lambda: self._mass_at_drift(closed=True))

    def stieltjes(self, z: Any, digits: int) -> ComplexBall:
        """Return G(z), on the real line from above."""
        real, imag = _complex_parts(z)
        sign = -1 if imag.is_negative else 1
        at_drift = imag.is_zero and self.triple.variance == 0 and _equal(real, self.triple.drift)
        if at_drift and not is_positive(self._rate_sum - 1):
            raise ValueError(f"z must not be a pole or a singular point of G, got z = {z}.")
        height = sign * imag

        def attempt(precision: int, number: int) -> tuple[flint.arb, flint.arb] | None:
            coefficients = self.coefficients(precision)
            x = ball_of_number(real, precision)
            if height == 0:
                located = self.locate(x, digits, number, precision)
                if located is None:
                    return None
                g = 1 / flint.acb(located.w)
            elif self.is_point:
                g = 1 / (flint.acb(x, ball_of_number(height, precision)) - coefficients.drift)
            else:
                target = flint.acb(x, ball_of_number(height, precision))
                guess = 1 / complex(self.floats.stieltjes(np.asarray(complex(float(real), float(height)))))
                root = enclose_root(coefficients, target, flint.acb(guess))
                if root is None:
                    return None
                g = 1 / root
            return g.real, sign * g.imag

        parts = refine(attempt, digits, f"G({z})")
        return ComplexBall(*parts)

    def support(self, digits: int) -> tuple[tuple[Ball, Ball], ...]:
        """Return the closed intervals of the support in order; an isolated atom is an interval of one point."""
        if self.is_point:
            place = self.exact_balls((self.triple.drift,), digits)[0]
            return ((place, place),)
        ends: tuple[Ball, ...] = refine(
            lambda precision, _: tuple(edge.place for edge in self.edges(precision)), digits, "the support"
        )
        intervals = list(zip(ends[::2], ends[1::2], strict=True))
        if self.triple.atom_weight() != 0:
            place = self.exact_balls((self.triple.drift,), digits)[0]
            position = sum(float(right) < float(place) for _, right in intervals)
            intervals.insert(position, (place, place))
        return tuple(intervals)

    def exact_balls(self, numbers: tuple[sp.Expr, ...], digits: int) -> tuple[Ball, ...]:
        """Return exact sympy numbers as balls; rational ones with radius 0."""
        balls = []
        for number in numbers:
            if number.is_Rational:
                balls.append(Ball(Fraction(int(number.p), int(number.q)), Fraction(0), digits))
            else:
                balls += refine(partial(_attempt_number, number), digits, str(number))
        return tuple(balls)

    # Values

    def _value(
        self,
        x: Any,
        digits: int,
        guess: complex | None,
        value_of: Callable[[Located, Coefficients], flint.arb | None],
        at_drift: Callable[[], sp.Expr | None],
    ) -> Ball:
        exact = _exact_place(x)
        if self.triple.variance == 0 and (isinstance(exact, Fraction) is False or self.triple.drift.is_Rational):
            place = exact if not isinstance(exact, Fraction) else sp.Rational(exact.numerator, exact.denominator)
            if _equal(place, self.triple.drift):
                known = at_drift()
                if known is not None:
                    return self.exact_balls((known,), digits)[0]

        def attempt(precision: int, number: int) -> tuple[flint.arb] | None:
            place = (
                flint.arb(flint.fmpq(exact.numerator, exact.denominator))
                if isinstance(exact, Fraction)
                else ball_of_number(exact, precision)
            )
            located = self.locate(place, digits, number, precision, guess)
            if located is None:
                return None
            value = value_of(located, self.coefficients(precision))
            return None if value is None else (value,)

        ball: Ball = refine(attempt, digits, f"the value at {x}")[0]
        return ball

    def _density_of(self, located: Located, coefficients: Coefficients) -> flint.arb | None:
        if located.kind == "gap":
            return flint.arb(0)
        w = located.w
        if located.kind == "edge" and w.contains(0) and self.triple.variance == 0:
            return None  # more precision tells x from the place of infinite density
        density: flint.arb = w.imag / (flint.arb.pi() * (w.real**2 + w.imag**2))
        return density

    def _mass_of(self, located: Located, coefficients: Coefficients) -> flint.arb | None:
        w = located.w
        if located.kind == "gap":
            return _count_rates(w, coefficients)
        angle = _upper_argument(w)
        logs = ((located.x - coefficients.drift) / w).imag + angle
        if coefficients.variance is not None:
            logs -= (coefficients.variance / (2 * w * w)).imag
        for rate, size in coefficients.jumps:
            logs += rate * (_upper_argument(w - size) - angle)
        mass: flint.arb = 1 - logs / flint.arb.pi()
        return mass

    def _density_at_drift(self) -> sp.Expr | None:
        weight = 1 - self._rate_sum
        if weight.is_positive:
            return sp.Integer(0)
        if _equal(weight, sp.Integer(0)):
            raise ValueError(f"x must not be a place of infinite density, got the drift {self.triple.drift}.")
        return None

    def _mass_at_drift(self, *, closed: bool) -> sp.Expr | None:
        weight = 1 - self._rate_sum
        if weight.is_negative:
            return None
        below = sp.Add(*(rate for rate, size in self.triple.jumps if size.is_negative))
        return below + weight if closed else below


def _count_rates(w: flint.arb, coefficients: Coefficients) -> flint.arb | None:
    """Return the mass to the left of a gap: a sum of the rates on one side."""
    if not (w > 0 or w < 0):
        return None
    if w < 0:
        return sum((rate for rate, size in coefficients.jumps if size < w), flint.arb(0))
    return 1 - sum((rate for rate, size in coefficients.jumps if size > w), flint.arb(0))


def _upper_argument(w: flint.acb) -> flint.arb:
    """Return arg w in [0, pi] for a box in the closed upper half-plane, without the cut on the negative axis."""
    if w.real < 0:
        return flint.arb.pi() + (-w).arg()
    return w.arg()


def _attempt_number(number: sp.Expr, precision: int, _: int) -> tuple[flint.arb]:
    return (ball_of_number(number, precision),)


def _exact_place(x: Any) -> "Fraction | sp.Expr":
    if isinstance(x, Fraction):
        return x
    if isinstance(x, np.floating) and np.isfinite(x):
        return Fraction(*x.as_integer_ratio())
    number = exact_number("x", x)
    return Fraction(int(number.p), int(number.q)) if number.is_Rational else number


def _equal(left: sp.Expr, right: sp.Expr) -> bool:
    if left == right:
        return True
    if left.is_Rational and right.is_Rational:
        return False
    return abs(float(left) - float(right)) <= 1e-9 * (1 + abs(float(left))) and bool((left - right).equals(0))


def _complex_parts(z: Any) -> tuple[sp.Expr, sp.Expr]:
    if isinstance(z, np.complexfloating):
        return exact_number("z", np.float64(z.real)), exact_number("z", np.float64(z.imag))
    if isinstance(z, complex):
        return exact_number("z", float(z.real)), exact_number("z", float(z.imag))
    if isinstance(z, sp.Expr) and z.is_real is False:
        real, imag = z.as_real_imag()
        return exact_number("z", real), exact_number("z", imag)
    return exact_number("z", z), sp.Integer(0)
