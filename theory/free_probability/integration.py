r"""Certified integration of the density: a second route to masses, which knows neither logarithms nor primitives.

Arb's adaptive Gauss-Legendre quadrature needs the density continued to complex boxes around the real line, where the
root w(x) is enclosed by a Krawczyk step over the whole box. Next to an edge, x = x_e + side t^2, the root is continued
in t: eta = w - a_e solves eta sqrt(-side S(a_e + eta)) = i t, S(w) = sum_k c_k/((a_e - p_k)^2 (w - p_k)), which is
analytic at t = 0.
"""

from collections.abc import Callable, Iterator

import flint
import sympy as sp

from theory.ball import Ball
from theory.certified_precision import refine
from theory.free_probability.certified_edges import Edge
from theory.free_probability.certified_roots import CertifiedRoots
from theory.free_probability.krawczyk import Coefficients, Number, ball_of_number

__all__ = ["integrate_density"]

_CLOSE = 0.2  # pieces next to an edge reach to this fraction of the distance to the nearest pole in the w-plane


def integrate_density(law: CertifiedRoots, lower: sp.Expr, upper: sp.Expr, digits: int) -> Ball:
    """Return the integral of the density over [lower, upper]."""

    def attempt(precision: int, _: int) -> tuple[flint.arb]:
        if law.is_point:
            return (flint.arb(0),)
        edges = law.edges(precision)
        ends = ball_of_number(lower, precision), ball_of_number(upper, precision)
        total = flint.arb(0)
        for left, right in zip(edges[::2], edges[1::2], strict=True):
            for piece in _pieces(law, precision, left, right, ends):
                total += piece
        return (total,)

    ball: Ball = refine(attempt, digits, f"the integral from {lower} to {upper}")[0]
    return ball


def _pieces(
    law: CertifiedRoots, precision: int, left: Edge, right: Edge, ends: tuple[flint.arb, flint.arb]
) -> Iterator[flint.arb]:
    """Integrate over the part of one band between two places: next to each edge in t, in between in x."""
    start, stop = ends[0].max(left.place), ends[1].min(right.place)
    if not start < stop:
        if start > stop or start.overlaps(stop):
            # Nothing, or a piece shorter than the enclosures of its ends, which the precision makes as small as needed.
            width = (stop - start).nonnegative_part()
            if not width.is_zero() and not width.upper() < flint.arb(2) ** (-precision // 2):
                yield flint.arb.nan()
        return
    coefficients = law.coefficients(precision)
    poles = coefficients.poles()
    band = (right.place - left.place).mid()
    near_left = (left.place + _reach(poles, left).min(band / 3)).mid()
    near_right = (right.place - _reach(poles, right).min(band / 3)).mid()
    if start < near_left:
        yield _edge_piece(poles, left, start, stop.min(near_left))
    if stop > near_right:
        yield _edge_piece(poles, right, start.max(near_right), stop)
    first, last = start.max(near_left), stop.min(near_right)
    if first < last:

        def integrand(x: flint.acb, _: bool) -> flint.acb:
            guess = law.float_guess(float(x.real.mid()), coefficients)
            w = None if guess is None else _continued(coefficients, x, flint.acb(guess))
            return flint.acb(flint.arb.nan()) if w is None else 1 / w

        yield -flint.acb.integral(integrand, first, last).imag / flint.arb.pi()


def _reach(poles: list[tuple[flint.arb, flint.arb]], edge: Edge) -> flint.arb:
    """Return how far from an edge x may go while w stays close to it."""
    nearest = min(abs(float(edge.a - place)) for place, _ in poles)
    curvature = abs(sum(float(weight / (edge.a - place) ** 3) for place, weight in poles))
    return flint.arb((_CLOSE * nearest) ** 2 * curvature)


def _edge_piece(poles: list[tuple[flint.arb, flint.arb]], edge: Edge, start: flint.arb, stop: flint.arb) -> flint.arb:
    """Integrate the density between two places next to an edge, in t with x = x_e + side t^2."""
    ends = [((x - edge.place) * edge.side).nonnegative_part().sqrt() for x in (start, stop)]
    near, far = ends if edge.side > 0 else ends[::-1]
    strengths = [(edge.a - place, weight / (edge.a - place) ** 2) for place, weight in poles]

    def equation(eta: flint.acb) -> tuple[flint.acb, flint.acb]:
        """Return eta q(eta) and its derivative, q^2 = -side S."""
        total, slope = flint.acb(0), flint.acb(0)
        for distance, strength in strengths:
            inverse = 1 / (distance + eta)
            total -= edge.side * strength * inverse
            slope += edge.side * strength * inverse * inverse
        root = total.sqrt(analytic=True) if not total.real > 0 else total.sqrt()
        return eta * root, root + eta * slope / (2 * root)

    def integrand(t: flint.acb, _: bool) -> flint.acb:
        eta = _solve_box(equation, flint.acb(0, 1) * _with_axis(t), flint.acb(0, 1) * t.mid())
        holds_start = eta is not None and t.contains(0)
        if eta is None or not (holds_start or eta.imag > 0):
            return flint.acb(flint.arb.nan())
        return 2 * t / (edge.a + eta)

    return -flint.acb.integral(integrand, near, far).imag / flint.arb.pi()


def _with_axis(x: flint.acb) -> flint.acb:
    """Widen a box until it meets the real line, where the right root is known."""
    return flint.acb(x.real, x.imag.union(flint.arb(0)))


def _continued(coefficients: Coefficients, x: flint.acb, guess: flint.acb) -> flint.acb | None:
    root = _solve_box(coefficients.evaluate, _with_axis(x), guess)
    return root if root is not None and root.imag > 0 else None


def _solve_box(
    evaluate: Callable[[flint.acb], tuple[Number, Number]], target: flint.acb, guess: flint.acb
) -> flint.acb | None:
    """Enclose the root of F(w) = target for every target in a box, or return None."""
    centre, w = target.mid(), guess
    goal = flint.arb(2) ** (10 - flint.ctx.prec)
    for _ in range(60):
        value, slope = evaluate(w)
        step = (value - centre) / slope
        if not step.is_finite():
            return None
        w = (w - step).mid()
        if step.abs_upper() <= goal * (w.abs_upper() + target.rad().abs_upper()):
            break
    value, slope = evaluate(w)
    preconditioner = (1 / slope).mid()
    shift = preconditioner * (value - target)
    if not shift.is_finite():
        return None
    radius = 2 * shift.abs_upper() + w.abs_upper() * flint.arb(2) ** (8 - flint.ctx.prec)
    box = flint.acb(flint.arb(w.real, radius), flint.arb(w.imag, radius))
    image = w - shift + (1 - preconditioner * evaluate(box)[1]) * (box - w)
    return image if image.is_finite() and box.contains_interior(image) else None
