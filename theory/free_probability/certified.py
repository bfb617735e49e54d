"""The ball tier: every answer about one bound law as a certified ball, to any number of digits.

The float tier supplies guesses only; what is returned is enclosed as in ``krawczyk``. Precision is doubled until a ball
is as small as was asked. At an exact edge no root can be isolated (it is double); there w lies between the roots at two
neighbouring places because Re w increases, and below a height at which f < 1.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING, Any

import flint
import numpy as np
import sympy as sp

from theory.ball import Ball, ComplexBall
from theory.exact_numbers import exact_number
from theory.free_probability.certified_edges import Edge, NotCertifiedError, edges_of
from theory.free_probability.coefficients import is_positive
from theory.free_probability.krawczyk import (
    Coefficients,
    ball_of_number,
    curve_is_below,
    enclose_real_root,
    enclose_root,
)

if TYPE_CHECKING:
    from theory.free_probability.law import SpectralLaw

__all__ = ["CertifiedLaw", "Located", "refine"]

_ATTEMPTS = 8


@dataclass(frozen=True, eq=False)
class Located:
    """Where w is: in the bulk (a box above the axis), in a gap (a real box), or at an edge (a box on the axis)."""

    kind: str
    w: Any
    x: flint.arb


class CertifiedLaw:
    """One bound law, with its coefficients and edges kept by precision."""

    def __init__(self, law: "SpectralLaw") -> None:
        self.law = law
        self._coefficients: dict[int, Coefficients] = {}
        self._edges: dict[int, tuple[Edge, ...]] = {}
        self._rate_sum = sp.Add(*(rate for rate, _ in law.jumps))
        self._float_poles: tuple[float, list[tuple[float, float]]] | None = None
        self.is_point = law.variance == 0 and not law.jumps

    # Queries

    def many(self, name: str, places: Sequence[Any], digits: int) -> tuple[Any, ...]:
        """Answer one query at many places, guessing all roots at once."""
        query = getattr(self, name)
        if name == "stieltjes" or self.is_point:
            return tuple(query(place, digits) for place in places)
        exact = [_exact_place(place) for place in places]
        with np.errstate(all="ignore"):
            guesses = 1 / self.law._floats.stieltjes(np.array([float(place) for place in exact], dtype=np.complex128))
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
        at_drift = imag.is_zero and self.law.variance == 0 and _equal(real, self.law.drift)
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
                guess = 1 / complex(self.law._floats.stieltjes(np.asarray(complex(float(real), float(height)))))
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
            place = self.exact_balls((self.law.drift,), digits)[0]
            return ((place, place),)
        ends: tuple[Ball, ...] = refine(
            lambda precision, _: tuple(edge.place for edge in self.edges(precision)), digits, "the support"
        )
        intervals = list(zip(ends[::2], ends[1::2], strict=True))
        if any(True for _ in self.law.atoms()):
            place = self.exact_balls((self.law.drift,), digits)[0]
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

    # Coefficients, edges, roots

    def coefficients(self, precision: int) -> Coefficients:
        """Return the coefficients enclosed at a precision in bits."""
        if precision not in self._coefficients:
            self._coefficients[precision] = Coefficients.of(
                self.law.drift, self.law.variance, self.law.jumps, precision
            )
        return self._coefficients[precision]

    def edges(self, precision: int) -> tuple[Edge, ...]:
        """Return the edges of the support, left and right alternating, certified at a precision in bits."""
        if precision not in self._edges:
            roots = self.law._floats._roots
            gaps = [
                (float(left[0]), float(right[0])) for left, right in zip(roots.gap_left, roots.gap_right, strict=True)
            ]
            outer = (float(roots.leftmost[0]), float(roots.rightmost[0]))
            self._edges[precision] = edges_of(self.law, self.coefficients(precision), outer, gaps)
        return self._edges[precision]

    def locate(
        self, x: flint.arb, digits: int, number: int, precision: int, guess: complex | None = None
    ) -> Located | None:
        """Enclose w at a real place, or return None if the precision does not suffice."""
        coefficients = self.coefficients(precision)
        if self.is_point:
            return Located("gap", x - coefficients.drift, x)
        if guess is None:
            guess = self.float_guess(float(x), coefficients)
        located = self._enclose(x, coefficients, guess) or self._enclose(x, coefficients, self._float_root(float(x)))
        if located is not None:
            return located
        located = self._locate_by_edge(x, coefficients, precision)
        if located is None and number > 0:
            located = self._straddle(x, digits, number)
        return located

    def _enclose(self, x: flint.arb, coefficients: Coefficients, guess: complex | None) -> Located | None:
        if guess is None or not np.isfinite(guess):
            return None
        if guess.imag == 0:
            real = enclose_real_root(coefficients, x, flint.arb(guess.real))
            return None if real is None else Located("gap", real, x)
        root = enclose_root(coefficients, x, flint.acb(guess))
        return None if root is None else Located("bulk", root, x)

    def float_guess(self, x: float, coefficients: Coefficients) -> complex | None:
        """Run Newton's method in Python floats; the mirror image of a root is a root."""
        if self._float_poles is None:
            shift = float(coefficients.drift) + sum(float(weight) for weight, _ in coefficients.terms)
            poles = [(float(place), float(weight)) for place, weight in coefficients.poles()]
            self._float_poles = (shift, poles)
        shift, poles = self._float_poles
        centre = x - shift
        w = complex(centre, sum(weight for _, weight in poles) ** 0.5)
        try:
            for _ in range(40):
                value, slope = w - centre, 1 + 0j
                for place, weight in poles:
                    inverse = 1 / (w - place)
                    term = weight * inverse
                    value += term
                    slope -= term * inverse
                step = value / slope
                w -= step
                if abs(step) <= 1e-9 * abs(w):
                    break
            else:
                return None
        except (ZeroDivisionError, OverflowError):
            return None
        height = abs(w.imag)
        return complex(w.real, height) if height > 1e-7 * abs(w) else None

    def _float_root(self, x: float) -> complex:
        with np.errstate(all="ignore"):
            g = complex(self.law._floats.stieltjes(np.asarray(complex(x))))
        return 1 / g if g != 0 and np.isfinite(g) else complex("nan")

    def _locate_by_edge(self, x: flint.arb, coefficients: Coefficients, precision: int) -> Located | None:
        """Guess w from the nearest edge: (w - a_e)^2 = (x - x_e)/S."""
        edge = min(self.edges(precision), key=lambda candidate: abs(float(candidate.place - x)))
        curvature = sum((weight / (edge.a - place) ** 3 for place, weight in coefficients.poles()), flint.arb(0))
        square = ((x - edge.place) / curvature).mid()
        if square < 0:
            root = enclose_root(coefficients, x, flint.acb(edge.a.mid(), (-square).sqrt().mid()))
            return None if root is None else Located("bulk", root, x)
        real = enclose_real_root(coefficients, x, (edge.a - edge.side * square.sqrt()).mid())
        return None if real is None else Located("gap", real, x)

    def _straddle(self, x: flint.arb, digits: int, number: int) -> Located | None:
        """Enclose w at or next to an edge, between the roots at two neighbouring places."""
        bits = int(13.4 * digits) + 64 * number
        inner = 3 * bits + 128
        with flint.ctx.workprec(inner):
            coefficients = self.coefficients(inner)
            centre = flint.arb(x.mid())
            spread = x.rad() + flint.arb(2) ** -bits
            ends = [self._neighbour(centre + sign * spread, coefficients, inner) for sign in (-1, 1)]
            found = [flint.acb(end.w) for end in ends if end is not None]
            if len(found) < 2:
                return None
            left, right = found
            if not left.real < right.real:
                return None
            lower, upper = left.real.lower(), right.real.upper()
            height = 2 * (left.imag.abs_upper() + right.imag.abs_upper())
            for _ in range(bits):
                if curve_is_below(coefficients.poles(), lower, upper, height):
                    return Located("edge", flint.acb(lower.union(upper), flint.arb(0).union(height)), x)
                height = 2 * height
        return None

    def _neighbour(self, x: flint.arb, coefficients: Coefficients, precision: int) -> Located | None:
        guess = self._float_root(float(x))
        located = self._enclose(x, coefficients, guess) if guess.imag > 1e-3 * abs(guess) else None
        return located or self._locate_by_edge(x, coefficients, precision)

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
        if self.law.variance == 0 and (isinstance(exact, Fraction) is False or self.law.drift.is_Rational):
            place = exact if not isinstance(exact, Fraction) else sp.Rational(exact.numerator, exact.denominator)
            if _equal(place, self.law.drift):
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
        if located.kind == "edge" and w.contains(0) and self.law.variance == 0:
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
            raise ValueError(f"x must not be a place of infinite density, got the drift {self.law.drift}.")
        return None

    def _mass_at_drift(self, *, closed: bool) -> sp.Expr | None:
        weight = 1 - self._rate_sum
        if weight.is_negative:
            return None
        below = sp.Add(*(rate for rate, size in self.law.jumps if size.is_negative))
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
