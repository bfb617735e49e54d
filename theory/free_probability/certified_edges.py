"""The edges of the support in balls, and the proof that there are no others.

Between two neighbouring poles f is convex: if f < 1 somewhere there are exactly two roots of f = 1, if a tangent proves
f > 1 there is none. Two bands that touch in one point (f = 1 at its minimum) are recognised by an exact discriminant.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import flint
import sympy as sp

from theory.certified_precision import NotCertifiedError
from theory.free_probability.krawczyk import Coefficients, enclose_edge
from theory.free_probability.levy_triple import LevyTriple

__all__ = ["Edge", "edges_of"]

Poles = Sequence[tuple[flint.arb, flint.arb]]


@dataclass(frozen=True, eq=False)
class Edge:
    """An edge: a in the w-plane, its place x = H(a), and its side: 1 for a left end of an interval, -1 for a right."""

    a: flint.arb
    place: flint.arb
    side: int


def edges_of(
    triple: LevyTriple,
    coefficients: Coefficients,
    outer: tuple[float, float],
    gaps: Sequence[tuple[float, float]],
) -> tuple[Edge, ...]:
    """Return all edges from left to right.

    Args:
        triple: The triple of the bound law.
        coefficients: The same, in balls at the current precision.
        outer: Guesses of the outermost roots of f = 1.
        gaps: For each interval between neighbouring poles a guess of its two roots, NaN where there seem to be none.

    Raises:
        NotCertifiedError: If the precision does not suffice.
    """
    poles = sorted(coefficients.poles(), key=lambda pole: float(pole[0]))
    edges = [_edge(coefficients, poles, outer[0], 1)]
    for (left, right), guess in zip(itertools.pairwise(poles), gaps, strict=True):
        pair = _gap(triple, poles, left[0], right[0], guess)
        if pair is not None:
            edges += [_edge(coefficients, poles, pair[0], -1), _edge(coefficients, poles, pair[1], 1)]
    edges.append(_edge(coefficients, poles, outer[1], -1))
    return tuple(edges)


def _edge(coefficients: Coefficients, poles: Poles, guess: "float | flint.arb", side: int) -> Edge:
    # f falls to the right of a band's right end in a, and grows towards a band's left end.
    a = enclose_edge(poles, flint.arb(guess).mid(), -side)
    if a is None:
        raise NotCertifiedError(f"an edge near w = {float(guess)} is not certified at {flint.ctx.prec} bits.")
    middle = a.mid()
    value, _ = coefficients.evaluate(middle)
    return Edge(a, value + coefficients.slope(a) * (a - middle), side)


def _gap(
    triple: LevyTriple, poles: Poles, left: flint.arb, right: flint.arb, guess: tuple[float, float]
) -> "tuple[float | flint.arb, float | flint.arb] | None":
    if guess[1] - guess[0] > 1e-5 * float(right - left):
        return guess
    a, value, slope, bend = _lowest(poles, left, right)
    if value > 1 + slope.abs_upper() * (right - left):
        return None
    if value < 1:
        reach = (2 * (1 - value) / bend).sqrt().mid()
        return a - reach, a + reach
    if _touches(triple, float(a)):
        return None
    raise NotCertifiedError(f"a gap near w = {float(a)} is neither proved nor excluded at {flint.ctx.prec} bits.")


def _lowest(poles: Poles, left: flint.arb, right: flint.arb) -> tuple[flint.arb, flint.arb, flint.arb, flint.arb]:
    """Return where f is nearly least between two poles, with f, f' and f'' there."""
    low, high = left.mid(), right.mid()
    a = ((low + high) / 2).mid()
    for _ in range(60 + 4 * flint.ctx.prec.bit_length()):
        _, slope, bend = _convex(poles, a)
        if slope > 0:
            high = a
        else:
            low = a
        step = (slope / bend).mid()
        trial = (a - step).mid()
        if not (trial > low and trial < high):
            trial = ((low + high) / 2).mid()
        if abs(trial - a) <= flint.arb(2) ** -(flint.ctx.prec * 3 // 5) * (right - left).mid():
            a = trial
            break
        a = trial
    return (a, *_convex(poles, a))


def _convex(poles: Poles, a: flint.arb) -> tuple[flint.arb, flint.arb, flint.arb]:
    value, slope, bend = flint.arb(0), flint.arb(0), flint.arb(0)
    for place, weight in poles:
        inverse = 1 / (a - place)
        term = weight * inverse * inverse
        value += term
        slope -= 2 * term * inverse
        bend += 6 * term * inverse * inverse
    return value, slope, bend


def _touches(triple: LevyTriple, near: float) -> bool:
    """Say whether f - 1 has an exact double root near a place, by a discriminant over the field of the coefficients."""
    a = sp.Dummy("a")
    f = triple.variance / a**2 + sp.Add(*(rate * size**2 / (a - size) ** 2 for rate, size in triple.jumps)) - 1
    numerator = sp.Poly(sp.numer(sp.together(f)), a, extension=True)
    common = sp.gcd(numerator, numerator.diff(a))
    if common.degree() < 1:
        return False
    return any(abs(complex(root) - near) < 1e-6 * (1 + abs(near)) for root in common.nroots(n=30))
