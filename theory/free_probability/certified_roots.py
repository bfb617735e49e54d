"""Where w is for one bound law: its coefficients, edges and roots as certified balls at a precision in bits.

The float tier supplies guesses only; what is returned is enclosed as in ``krawczyk``. At an exact edge no root can be
isolated (it is double); there w lies between the roots at two neighbouring places because Re w increases, and below a
height at which f < 1.
"""

from dataclasses import dataclass
from typing import Any

import flint
import numpy as np

from theory.free_probability.certified_edges import Edge, edges_of
from theory.free_probability.engine import FloatLaw
from theory.free_probability.krawczyk import Coefficients, curve_is_below, enclose_real_root, enclose_root
from theory.free_probability.levy_triple import LevyTriple

__all__ = ["CertifiedRoots", "Located"]


@dataclass(frozen=True, eq=False)
class Located:
    """Where w is: in the bulk (a box above the axis), in a gap (a real box), or at an edge (a box on the axis)."""

    kind: str
    w: Any
    x: flint.arb


class CertifiedRoots:
    """One bound law, with its coefficients and edges kept by precision."""

    def __init__(self, triple: LevyTriple, floats: FloatLaw) -> None:
        self.triple = triple
        self.floats = floats
        self._coefficients: dict[int, Coefficients] = {}
        self._edges: dict[int, tuple[Edge, ...]] = {}
        self._float_poles: tuple[float, list[tuple[float, float]]] | None = None
        self.is_point = triple.variance == 0 and not triple.jumps

    def coefficients(self, precision: int) -> Coefficients:
        """Return the coefficients enclosed at a precision in bits."""
        if precision not in self._coefficients:
            self._coefficients[precision] = Coefficients.of(
                self.triple.drift, self.triple.variance, self.triple.jumps, precision
            )
        return self._coefficients[precision]

    def edges(self, precision: int) -> tuple[Edge, ...]:
        """Return the edges of the support, left and right alternating, certified at a precision in bits."""
        if precision not in self._edges:
            roots = self.floats._roots
            gaps = [
                (float(left[0]), float(right[0])) for left, right in zip(roots.gap_left, roots.gap_right, strict=True)
            ]
            outer = (float(roots.leftmost[0]), float(roots.rightmost[0]))
            self._edges[precision] = edges_of(self.triple, self.coefficients(precision), outer, gaps)
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
            g = complex(self.floats.stieltjes(np.asarray(complex(x))))
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
