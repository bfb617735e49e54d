r"""Enclosing the root of H(w) = z and the edges of the support in balls.

A Krawczyk step K = m - Y F(m) + (1 - Y F'(W)) (W - m) that lands strictly inside the box W proves that W holds exactly
one root, which lies in K. Only existence is needed: a box with Im w > 0 holds *the* root for its place, since there is
just one above the axis; a real box with H' > 0 lies in a gap and holds the real root for its place (Biane 1997).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import flint
import sympy as sp

from theory.balls_of_expressions import complex_ball

__all__ = ["Coefficients", "curve_is_below", "enclose_real_root", "enclose_root"]

Number = Any  # flint.arb or flint.acb: the same formulas serve real and complex balls


@dataclass(frozen=True, eq=False)
class Coefficients:
    """Drift, variance (None for zero) and jumps of one law, as balls at the current precision."""

    drift: flint.arb
    variance: flint.arb | None
    jumps: list[tuple[flint.arb, flint.arb]]
    terms: list[tuple[flint.arb, flint.arb]] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "terms", [(rate * size, size) for rate, size in self.jumps])

    @classmethod
    def of(
        cls, drift: sp.Expr, variance: sp.Expr, jumps: Sequence[tuple[sp.Expr, sp.Expr]], precision: int
    ) -> "Coefficients":
        """Enclose exact numbers."""
        return cls(
            ball_of_number(drift, precision),
            None if variance == 0 else ball_of_number(variance, precision),
            [(ball_of_number(rate, precision), ball_of_number(size, precision)) for rate, size in jumps],
        )

    def poles(self) -> list[tuple[flint.arb, flint.arb]]:
        """Return (place, weight) of the poles of H."""
        poles = [(size, rate * size * size) for rate, size in self.jumps]
        return poles if self.variance is None else [*poles, (flint.arb(0), self.variance)]

    def evaluate(self, w: Number) -> tuple[Number, Number]:
        """Return H(w) and H'(w)."""
        value, slope = w + self.drift, w * 0 + 1
        if self.variance is not None:
            inverse = 1 / w
            term = self.variance * inverse
            value, slope = value + term, slope - term * inverse
        for weight, size in self.terms:
            inverse = 1 / (w - size)
            term = weight * inverse
            value, slope = value + term * w, slope - term * size * inverse
        return value, slope

    def slope(self, w: Number) -> Number:
        """Return H'(w) alone."""
        slope = w * 0 + 1
        if self.variance is not None:
            slope -= self.variance / (w * w)
        for weight, size in self.terms:
            distance = w - size
            slope -= weight * size / (distance * distance)
        return slope


def ball_of_number(number: sp.Expr, precision: int) -> flint.arb:
    """Enclose an exact real sympy number at the current precision."""
    if number.is_Rational:
        return flint.arb(flint.fmpq(int(number.p), int(number.q)))
    return complex_ball(number, {}, precision).real


def _box(middle: Number, radius: flint.arb) -> Number:
    if isinstance(middle, flint.arb):
        return flint.arb(middle, radius)
    return flint.acb(flint.arb(middle.real, radius), flint.arb(middle.imag, radius))


def _krawczyk(
    evaluate: Callable[[Number], tuple[Number, Number]], slope_on: Callable[[Number], Number], start: Number
) -> Number | None:
    """Improve a guess by Newton's method, then enclose the root that it approaches, or return None."""
    precision = flint.ctx.prec
    w = start
    goal = flint.arb(2) ** -(precision * 9 // 20)
    for _ in range(12 + precision.bit_length()):
        value, slope = evaluate(w)
        step = value / slope
        if not step.is_finite():
            return None
        w = (w - step).mid()
        if step.abs_upper() <= goal * w.abs_upper():
            break
    value, slope = evaluate(w)
    preconditioner = (1 / slope).mid()
    shift = preconditioner * value
    if not shift.is_finite():
        return None
    radius = 2 * shift.abs_upper() + w.abs_upper() * flint.arb(2) ** (8 - precision)
    for _ in range(2):
        box = _box(w, radius)
        image = w - shift + (1 - preconditioner * slope_on(box)) * (box - w)
        if box.contains_interior(image):
            return image
        radius = 8 * radius
    return None


def enclose_root(coefficients: Coefficients, z: Number, guess: flint.acb) -> flint.acb | None:
    """Enclose the root of H(w) = z above the axis near a guess, or return None."""

    def evaluate(w: Number) -> tuple[Number, Number]:
        value, slope = coefficients.evaluate(w)
        return value - z, slope

    root = _krawczyk(evaluate, coefficients.slope, guess)
    return root if root is not None and root.imag > 0 else None


def enclose_real_root(coefficients: Coefficients, x: flint.arb, guess: flint.arb) -> flint.arb | None:
    """Enclose the real root of H(w) = x with H' > 0 near a guess, or return None."""

    def evaluate(w: Number) -> tuple[Number, Number]:
        value, slope = coefficients.evaluate(w)
        return value - x, slope

    root = _krawczyk(evaluate, coefficients.slope, guess)
    return root if root is not None and coefficients.slope(root) > 0 else None


def enclose_edge(poles: Sequence[tuple[flint.arb, flint.arb]], guess: flint.arb, side: int) -> flint.arb | None:
    """Enclose a root of f = 1 near a guess at which f falls (side = 1) or grows (side = -1), or return None."""

    def slope(a: Number) -> Number:
        total = a * 0
        for place, weight in poles:
            total -= 2 * weight / (a - place) ** 3
        return total

    def evaluate(a: Number) -> tuple[Number, Number]:
        total = a * 0 - 1
        for place, weight in poles:
            total += weight / (a - place) ** 2
        return total, slope(a)

    root = _krawczyk(evaluate, slope, guess)
    return root if root is not None and slope(root) * -side > 0 else None


def curve_is_below(
    poles: Sequence[tuple[flint.arb, flint.arb]], lower: flint.arb, upper: flint.arb, height: flint.arb
) -> bool:
    """Say whether f(a, height) < 1 is certain for lower <= a <= upper: then the curve stays below that height."""
    a = lower.union(upper)

    def value_and_slope(place: flint.arb) -> tuple[flint.arb, flint.arb]:
        value, slope = flint.arb(0), flint.arb(0)
        for pole, weight in poles:
            inverse = 1 / ((place - pole) ** 2 + height * height)
            value += weight * inverse
            slope -= 2 * weight * (place - pole) * inverse * inverse
        return value, slope

    slope = value_and_slope(a)[1]
    if slope > 0:
        bound = value_and_slope(upper)[0]
    elif slope < 0:
        bound = value_and_slope(lower)[0]
    else:
        bound = value_and_slope(a.mid())[0] + slope * (a - a.mid())
    return bool(bound < 1)
