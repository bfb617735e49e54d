r"""Density, distribution function and Stieltjes transform in float64, vectorised over laws and over places.

Everything happens in the plane of w = 1/g, where H(w) = z (see ``edges``). For Im z >= 0 there is one root w with
Im w > 0, or, for z on the real line outside the bulk, a real one. On the real line w runs along a graph a + i b(a),
with b(a) the zero of a decreasing function, and H increases in a (Biane 1997): so a bracket in a always works, and any
root above the axis that a faster iteration finds is the right one. The density is Im w/(pi |w|^2); and

.. math:: P(X < x) = 1 - \frac1\pi \operatorname{Im}\Bigl[\frac{v}{2 w^2} + \log w
          + \sum_j r_j \bigl(u_j - \log(1 + u_j)\bigr)\Bigr], \qquad u_j = \frac{s_j}{w - s_j},

in which no quadrature occurs and a large rate of small jumps costs no digits. Next to edges see ``edge_formula``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import sympy as sp

from theory.free_probability.double_double import DoubleDouble
from theory.free_probability.edge_formula import NearEdge
from theory.free_probability.edges import RealRoots, real_roots
from theory.free_probability.solver import Triple, solve

__all__ = ["FloatLaw"]

_VERY_NEAR = 1e-3  # of a band: there w is found from the edge
_SMALL = 0.2
_PIECE = 1024  # laws at a time where many temporary arrays are needed: they fit into the cache
_UNIT = 1e-30  # rates carried in double-double sum to one if they do to this accuracy
_NEAR = 0.6  # the edge formula is used up to this fraction of the distance to the nearest singularity


@dataclass(frozen=True, eq=False)
class FloatLaw:
    """An array of laws, with numbers for parameters.

    Args:
        drift: m, of the array's shape.
        variance: v.
        rates: One entry a jump.
        sizes: One entry a jump.
    """

    drift: DoubleDouble
    variance: DoubleDouble
    rates: tuple[DoubleDouble, ...]
    sizes: tuple[DoubleDouble, ...]

    @classmethod
    def from_expressions(
        cls, drift: sp.Expr, variance: sp.Expr, jumps: Sequence[tuple[sp.Expr, sp.Expr]]
    ) -> "FloatLaw":
        """Round exact numbers to double-double."""
        return cls(
            DoubleDouble.of(drift),
            DoubleDouble.of(variance),
            tuple(DoubleDouble.of(rate) for rate, _ in jumps),
            tuple(DoubleDouble.of(size) for _, size in jumps),
        )

    @cached_property
    def shape(self) -> tuple[int, ...]:
        """Shape of the array of laws."""
        parts = (self.drift, self.variance, *self.rates, *self.sizes)
        return np.broadcast_shapes(*(part.high.shape for part in parts))

    @cached_property
    def _triple(self) -> Triple:
        def full(number: DoubleDouble) -> np.ndarray:
            return np.ascontiguousarray(self._flat(number).high)

        empty = np.empty((0, max(int(np.prod(self.shape)), 0)))
        return Triple(
            full(self.drift),
            full(self.variance),
            np.stack([full(rate) for rate in self.rates]) if self.rates else empty,
            np.stack([full(size) for size in self.sizes]) if self.sizes else empty,
        )

    @cached_property
    def _is_point(self) -> bool:
        return not self.rates and bool(np.all(self.variance.high == 0))

    @cached_property
    def _rates_are_one(self) -> np.ndarray:
        """Say of which laws w = 0 is an edge: without semicircle and with rates that sum to one."""
        if not np.any(np.abs(self._triple.rates.sum(axis=0) - 1) < 1e-12):
            return np.zeros(len(self._triple.drift), dtype=bool)
        excess = _sum_of(self.rates) - 1.0
        unit = (np.abs(excess.high) <= _UNIT) & (self.variance.high == 0)
        return np.asarray(np.broadcast_to(unit, self.shape).reshape(-1))

    @cached_property
    def _roots(self) -> RealRoots:
        roots = real_roots(self._triple.poles, self._triple.weights)
        return roots.snapped_to_zero(self._rates_are_one, self._triple.poles) if self._rates_are_one.any() else roots

    def _place(self, a: np.ndarray) -> DoubleDouble:
        """Return H(a) in double-double, corrected by -H'^2/(2 H'') because a is only nearly stationary.

        Axis 0 of ``a`` counts edges, axis 1 laws; the terms of H are stacked in front. An edge at a = 0 is exact.
        """
        pieces = [self._place_of(a[:, k : k + _PIECE], slice(k, k + _PIECE)) for k in range(0, a.shape[1], _PIECE)]
        if len(pieces) == 1:
            return pieces[0]
        return DoubleDouble(
            *(np.concatenate(parts, axis=1) for parts in zip(*((p.high, p.low) for p in pieces), strict=True))
        )

    def _place_of(self, a: np.ndarray, laws: slice) -> DoubleDouble:
        strengths, places = (DoubleDouble(n.high[:, :, laws], n.low[:, :, laws]) for n in self._terms)
        drift = self._flat(self.drift)
        distance = DoubleDouble.of(a) - places
        live = strengths.high != 0
        distance = DoubleDouble(np.where(live, distance.high, 1.0), np.where(live, distance.low, 0.0))
        ratio = strengths / distance
        has_variance = len(strengths.high) > len(self.rates)
        scale = np.broadcast_to(a, (len(strengths.high), *a.shape))
        if has_variance:
            scale = np.concatenate([np.ones_like(scale[:1]), scale[1:]])
        terms = ratio * scale
        total = DoubleDouble.of(a) + DoubleDouble(drift.high[laws], drift.low[laws])
        for high, low in zip(terms.high, terms.low, strict=True):
            total = total + DoubleDouble(high, low)
        # H' - 1 = -sum of weights/(distance^2), and a weight is strength times place (the variance itself at 0)
        weights = strengths.high * places.high
        if has_variance:
            weights = np.concatenate([strengths.high[:1], weights[1:]])
        weighted = weights / distance.high**2
        slope = 1 - weighted.sum(axis=0)
        bend = 2 * (weighted / distance.high).sum(axis=0)
        with np.errstate(divide="ignore", invalid="ignore"):
            correction = np.where((bend != 0) & (a != 0), slope**2 / (2 * bend), 0.0)
        return total - np.where(np.isfinite(correction), correction, 0.0)

    def _flat(self, number: DoubleDouble) -> DoubleDouble:
        if self.shape == ():
            return DoubleDouble(number.high.reshape(1), number.low.reshape(1))
        return DoubleDouble(*(np.broadcast_to(p, self.shape).reshape(-1) for p in (number.high, number.low)))

    @cached_property
    def _terms(self) -> tuple[DoubleDouble, DoubleDouble]:
        """Return v and r_j s_j, and 0 and s_j: H(w) = w + m + v/w + sum r_j s_j w/(w - s_j); v only if it matters."""
        rates, sizes = [self._flat(r) for r in self.rates], [self._flat(s) for s in self.sizes]
        places = list(sizes)
        if np.any(self.variance.high):
            zero = np.zeros_like(self._triple.variance)
            rates.insert(0, self._flat(self.variance))
            sizes.insert(0, DoubleDouble.of(zero + 1))
            places.insert(0, DoubleDouble.of(zero))
        return _stacked(rates) * _stacked(sizes), _stacked(places)

    @cached_property
    def _edges(self) -> "_Edges":
        """Return the outer edges and both ends of each gap, in the w-plane and in place."""
        roots = self._roots
        a = np.concatenate([roots.leftmost[None], roots.gap_right, roots.gap_left, roots.rightmost[None]])
        missing = np.isnan(a).all(axis=1)
        high, low = np.full(a.shape, np.nan), np.zeros(a.shape)
        place = self._place(a[~missing])
        high[~missing], low[~missing] = place.high, place.low
        half = len(a) // 2
        return _Edges(a[:half], high[:half], low[:half], a[half:], high[half:], low[half:])

    # Queries

    def density(self, x: np.ndarray) -> np.ndarray:
        """Return the density of the continuous part."""
        if self._is_point:
            return np.zeros(np.broadcast_shapes(self.shape, x.shape))
        query = self._query(x)
        values = np.zeros(query.x.shape)
        w, bulk = query.w, query.bulk
        with np.errstate(divide="ignore", invalid="ignore"):
            size = w.real**2 + w.imag**2
            values[bulk] = np.where(size > 0, w.imag / (np.pi * size), np.inf)
        values[self._is_peak(query)] = np.inf
        return values.reshape(query.shape)

    def cdf(self, x: np.ndarray) -> np.ndarray:
        """Return P(X <= x)."""
        return self._mass(x, closed=True)

    def mass_below(self, x: np.ndarray) -> np.ndarray:
        """Return P(X < x)."""
        return self._mass(x, closed=False)

    def stieltjes(self, z: np.ndarray) -> np.ndarray:
        """Return G(z), on the real line from above."""
        shape = np.broadcast_shapes(self.shape, z.shape)
        z = np.broadcast_to(z, shape).reshape(-1)
        law = np.broadcast_to(np.arange(int(np.prod(self.shape))).reshape(self.shape), shape).reshape(-1)
        triple = self._triple.take(law)
        real = z.imag == 0
        if self._is_point:
            w = np.where(z.imag < 0, np.conj(z), z) - triple.drift
        else:
            w = np.empty(z.shape, dtype=np.complex128)
            w[~real] = solve(triple.take(~real), z.real[~real], np.abs(z.imag[~real]))
        if real.any() and not self._is_point:
            query = self._query(np.where(real, z.real, 0.0).reshape(shape))
            w_real = np.empty(query.x.shape, dtype=np.complex128)
            w_real[query.bulk] = query.w
            outside = ~query.bulk & real
            w_real[outside] = self._real_roots_at(query, outside)
            w[real] = np.where(self._is_peak(query), 0, w_real)[real]
        # At an atom, or where the density is infinite, G(x + i y) goes to -i times infinity.
        pole = np.abs(w) < np.finfo(np.float64).tiny
        g = np.where(pole, complex(0, -np.inf), 1 / np.where(pole, 1, w))
        return np.where(z.imag < 0, np.conj(g), g).reshape(shape)

    def support(self) -> tuple[tuple[float, float], ...]:
        """Return the closed intervals of the support of one law, in order."""
        if self._is_point:
            return ((float(self.drift.high),) * 2,)
        edges = self._edges
        ends = [float(edges.left_x[0, 0])]
        for left, right in zip(edges.right_x[:-1, 0], edges.left_x[1:, 0], strict=True):
            if right - left > 8 * np.finfo(np.float64).eps * max(abs(left), abs(right)):
                ends += [float(left), float(right)]
        ends.append(float(edges.right_x[-1, 0]))
        intervals = list(zip(ends[::2], ends[1::2], strict=True))
        if self.variance.high == 0 and _sum_of(self.rates).high < 1:
            intervals.append((float(self.drift.high),) * 2)
        return tuple(sorted(intervals))

    # The work

    def _query(self, x: np.ndarray) -> "_Query":
        shape = np.broadcast_shapes(self.shape, x.shape)
        flat = np.broadcast_to(x, shape).reshape(-1)
        if self.shape == ():
            law: np.ndarray = np.zeros(1, dtype=np.intp)
        else:
            law = np.broadcast_to(np.arange(int(np.prod(self.shape))).reshape(self.shape), shape).reshape(-1)
        edges = self._edges
        # The last band that began and the last one that ended before each place: it is inside if the first is later.
        begun, ended = np.full(flat.shape, -1), np.full(flat.shape, -1)
        with np.errstate(invalid="ignore"):
            for band in range(len(edges.left_a)):
                begun[(flat - edges.left_x[band][law]) - edges.left_low[band][law] > 0] = band
                ended[(flat - edges.right_x[band][law]) - edges.right_low[band][law] >= 0] = band
        bulk = begun > ended
        point_law = np.broadcast_to(law, flat.shape)
        chosen = point_law[bulk]
        left_end, right_end = (begun[bulk], chosen), (edges.next_right[begun[bulk], chosen], chosen)
        bracket = (edges.left_a[left_end], edges.right_a[right_end], edges.left_x[left_end], edges.right_x[right_end])
        triple = self._triple.take(law) if self.shape == () else self._triple.take(chosen)
        w = solve(triple, flat[bulk], None, bracket)
        query = _Query(shape, flat, point_law, bulk, ended, w)
        left = flat[bulk] - edges.left_x[left_end] - edges.left_low[left_end]
        right = flat[bulk] - edges.right_x[right_end] - edges.right_low[right_end]
        close = np.abs(left) < np.abs(right)
        start = np.where(close, bracket[0], bracket[1])
        self._refine_at_edge(query, start, np.where(close, left, right), bracket[3] - bracket[2])
        return query

    def _is_peak(self, query: "_Query") -> np.ndarray:
        """Say at which places the density is infinite."""
        peak: np.ndarray = self._rates_are_one[query.law] & (query.x == self._triple.drift[query.law])
        return peak

    def _refine_at_edge(self, query: "_Query", start: np.ndarray, delta: np.ndarray, width: np.ndarray) -> None:
        """Replace w very near an edge by the solution of eta^2 S = delta, which keeps the digits of delta."""
        near = np.flatnonzero(np.abs(delta) <= _VERY_NEAR * width)
        if not len(near):
            return
        law, start, delta = query.law[query.bulk][near], start[near], delta[near]
        edge = NearEdge.at(start, self._triple.poles[:, law], self._triple.weights[:, law])
        eta = edge.offset(delta, query.w[near] - start)
        good = np.isfinite(eta) & (eta.imag > 0) & (np.abs(eta) < _NEAR * np.abs(edge.distances).min(axis=0))
        query.w[near[good]] = (start + eta)[good]

    def _mass(self, x: np.ndarray, *, closed: bool) -> np.ndarray:
        if self._is_point:
            drift = np.broadcast_to(self.drift.high, np.broadcast_shapes(self.shape, x.shape))
            return np.where(x >= drift if closed else x > drift, 1.0, 0.0)
        query = self._query(x)
        mass = self._plateau(query, closed)
        law = query.law[query.bulk] if self.shape else np.zeros(1, dtype=np.intp)
        triple, w = self._triple.take(law), query.w
        logs = np.angle(w)
        if np.any(triple.variance):
            with np.errstate(divide="ignore", invalid="ignore"):
                logs = logs + np.where(triple.variance > 0, (triple.variance / (2 * w * w)).imag, 0.0)
        for rate, size in zip(triple.rates, triple.sizes, strict=True):
            logs = logs + rate * _jump_phase(w, size)
        mass[query.bulk] = np.clip(1 - logs / np.pi, 0.0, 1.0)
        self._refine_near_left_edge(query, mass)
        return mass.reshape(query.shape)

    def _plateau(self, query: "_Query", closed: bool) -> np.ndarray:
        """Return the mass below each place outside the bulk: a sum of rates of the poles on one side, no logarithm."""
        mass = np.zeros(query.x.shape)
        rates, sizes = self._triple.rates, self._triple.sizes
        outside = np.flatnonzero(~query.bulk)
        if not len(outside):
            return mass
        law, x, gap = query.law[outside], query.x[outside], query.gap[outside]
        left_pole, right_pole, w_sign = self._gap_sides(law, x, gap, closed)
        left = (rates[:, law] * (sizes[:, law] <= left_pole)).sum(axis=0)
        right = (rates[:, law] * (sizes[:, law] >= right_pole)).sum(axis=0)
        mass[outside] = np.where(w_sign < 0, left, 1 - right)
        return np.clip(mass, 0.0, 1.0)

    def _gap_sides(
        self, law: np.ndarray, x: np.ndarray, gap: np.ndarray, closed: bool
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the poles on both sides of each gap, and the sign of w at x."""
        poles = self._triple.poles
        bounds = np.concatenate([np.full((1, poles.shape[1]), -np.inf), poles, np.full((1, poles.shape[1]), np.inf)])
        left_pole, right_pole = bounds[gap + 1, law], bounds[gap + 2, law]
        roots = self._roots
        starts = np.concatenate([np.full((1, poles.shape[1]), -np.inf), roots.gap_right * 0 + roots.gap_left])
        starts = np.concatenate([starts, roots.rightmost[None]])[gap + 1, law]
        ends = np.concatenate([roots.leftmost[None], roots.gap_right, np.full((1, poles.shape[1]), np.inf)])
        ends = ends[gap + 1, law]
        drift = self._triple.drift[law]
        sign_by_place = np.where(x > drift, 1.0, np.where((x == drift) & closed, 1.0, -1.0))
        holds_zero = (starts <= 0) & (ends >= 0) & (self._triple.variance[law] == 0)
        middle = np.where(np.isinf(starts), ends - 1, np.where(np.isinf(ends), starts + 1, (starts + ends) / 2))
        return left_pole, right_pole, np.where(holds_zero, sign_by_place, np.sign(middle))

    def _refine_near_left_edge(self, query: "_Query", mass: np.ndarray) -> None:
        """Replace the mass by the edge formula where w is near the left edge."""
        law = query.law[query.bulk]
        start = self._roots.leftmost[law]
        poles = self._triple.poles
        nearest = np.abs(poles - self._roots.leftmost).min(axis=0)
        radius = np.minimum(nearest, np.abs(self._roots.leftmost))[law]
        eta = query.w - start
        near = np.flatnonzero(np.abs(eta) <= _NEAR * radius)
        if not len(near):
            return
        law, start, eta = law[near], start[near], eta[near]
        where = np.flatnonzero(query.bulk)[near]
        edges = self._edges
        delta = (query.x[where] - edges.left_x[0][law]) - edges.left_low[0][law]
        edge = NearEdge.at(start, poles[:, law], self._triple.weights[:, law])
        eta = edge.offset(delta, eta)
        # an atom, at w = 0, lies to the left of every bulk that starts at w > 0
        atom = np.clip(1 - self._triple.rates[:, law].sum(axis=0), 0, 1) * (self._triple.variance[law] == 0)
        mass[where] = np.where(start > 0, atom, 0.0) + edge.mass(eta)

    def _real_roots_at(self, query: "_Query", outside: np.ndarray) -> np.ndarray:
        """Return the real w at places outside the bulk."""
        return solve(self._triple.take(query.law[outside]), query.x[outside], np.zeros(int(outside.sum())))


@dataclass(frozen=True, eq=False)
class _Edges:
    """Left and right ends of bands in the w-plane, and their places with low parts; NaN where there is none."""

    left_a: np.ndarray
    left_x: np.ndarray
    left_low: np.ndarray
    right_a: np.ndarray
    right_x: np.ndarray
    right_low: np.ndarray

    @cached_property
    def next_right(self) -> np.ndarray:
        """For each left end the number of the first right end that exists from there on."""
        number = np.full(self.right_a.shape, len(self.right_a) - 1)
        for band in reversed(range(len(self.right_a) - 1)):
            number[band] = np.where(np.isfinite(self.right_a[band]), band, number[band + 1])
        return number


@dataclass(frozen=True, eq=False)
class _Query:
    """Flattened places, the law of each, whether it is inside the bulk, its gap otherwise, and w inside the bulk."""

    shape: tuple[int, ...]
    x: np.ndarray
    law: np.ndarray
    bulk: np.ndarray
    gap: np.ndarray
    w: np.ndarray


def _jump_phase(w: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Return Im(u - log(1 + u)), u = size/(w - size), with full relative precision for small u."""
    u = size / (w - size)
    small = np.abs(u) < _SMALL
    t = np.where(small, u, 0) / (2 + u)
    square = t * t
    tail = np.zeros_like(t)
    for power in range(17, 1, -2):  # log(1 + u) = 2 artanh t, and u - 2 t = u t
        tail = tail * square + 1 / power
    series: np.ndarray = (u * t - 2 * t * square * tail).imag
    return np.asarray(np.where(small, series, u.imag - (np.angle(w) - np.angle(w - size))))


def _stacked(numbers: Sequence[DoubleDouble]) -> DoubleDouble:
    """Stack rows of numbers, with an axis of length one for edges in between."""
    if not numbers:
        return DoubleDouble.of(np.empty((0, 1, 1)))
    return DoubleDouble(np.stack([n.high for n in numbers])[:, None], np.stack([n.low for n in numbers])[:, None])


def _sum_of(numbers: Sequence[DoubleDouble]) -> DoubleDouble:
    total = DoubleDouble.of(0)
    for number in numbers:
        total = total + number
    return total
