"""Solving H(w) = z for the root w above the axis, for many laws and places at once."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

__all__ = ["Triple", "solve"]

_EPS = np.finfo(np.float64).eps
_MAX_FAST, _MAX_SAFE = 40, 400


@dataclass(frozen=True, eq=False)
class Triple:
    """Drift, variance, rates and sizes of a row of laws; jumps along axis 0."""

    drift: np.ndarray
    variance: np.ndarray
    rates: np.ndarray
    sizes: np.ndarray

    def take(self, law: np.ndarray) -> "Triple":
        """Return the laws at an index."""
        if len(self.drift) == 1 and len(law) == 1 and law.dtype != bool:
            return self
        return Triple(self.drift[law], self.variance[law], self.rates[:, law], self.sizes[:, law])

    @cached_property
    def poles_and_weights(self) -> tuple[np.ndarray, np.ndarray]:
        """Poles of H, ascending, with their weights; a pole without weight is moved onto a real one."""
        poles, weights = self.sizes, self.rates * self.sizes**2
        if np.any(self.variance > 0) or not len(poles):
            poles = np.concatenate([np.zeros((1, len(self.drift))), poles])
            weights = np.concatenate([self.variance[None], weights])
        heaviest = np.take_along_axis(poles, weights.argmax(axis=0)[None], axis=0)
        poles = np.where(weights > 0, poles, heaviest)
        order = np.argsort(poles, axis=0, kind="stable")
        return np.take_along_axis(poles, order, axis=0), np.take_along_axis(weights, order, axis=0)

    @property
    def poles(self) -> np.ndarray:
        """Poles of H, ascending along axis 0."""
        return self.poles_and_weights[0]

    @property
    def weights(self) -> np.ndarray:
        """Weights of the poles."""
        return self.poles_and_weights[1]


Bracket = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def solve(triple: Triple, x: np.ndarray, y: np.ndarray | None, bracket: Bracket | None = None) -> np.ndarray:
    """Return the root w of H(w) = x + i y with Im w >= y.

    Args:
        triple: One law, or one a place.
        x: Real parts.
        y: Imaginary parts >= 0, or None if all are 0 and every place lies inside the bulk.
        bracket: Ends of an interval of a = Re w, and their places H, if known.
    """
    if not len(x):
        return np.empty(0, dtype=np.complex128)
    inside = y is None
    if y is None:
        y = np.zeros_like(x)
    if bracket is None:
        bracket = _wide_bracket(triple, x)
    w = _start(triple, x, y, bracket)
    w, good = _newton(triple, x, y, w, strictly=inside)
    bad = np.flatnonzero(~good)
    if len(bad):
        part = triple if len(triple.drift) == 1 else triple.take(bad)
        w[bad] = _safe(part, x[bad], y[bad], (bracket[0][bad], bracket[1][bad]))
    return w


def _wide_bracket(triple: Triple, x: np.ndarray) -> Bracket:
    """Bound Re w by |w - X| <= sqrt(sum c), X = x - m - sum r s, which is Cauchy and Schwarz with f <= 1."""
    centre = x - triple.drift - (triple.rates * triple.sizes).sum(axis=0)
    reach = np.sqrt(triple.weights.sum(axis=0)) * (1 + 8 * _EPS) + 8 * _EPS * np.abs(centre)
    return centre - reach, centre + reach, x - reach, x + reach


def _evaluate(triple: Triple, w: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return H(w), H'(w) and the size of the largest term of H."""
    value = w + triple.drift
    slope = np.ones_like(w)
    size = _norm(value)
    if np.any(triple.variance):
        inverse = 1 / w
        term = triple.variance * inverse
        value += term
        slope -= term * inverse
        size += _norm(term)
    for rate, place in zip(triple.rates, triple.sizes, strict=True):
        inverse = 1 / (w - place)
        scaled = (rate * place) * inverse
        term = scaled * w
        value += term
        slope -= scaled * (place * inverse)
        size += _norm(term)
    return value, slope, size


def _norm(w: np.ndarray) -> np.ndarray:
    """Return |Re w| + |Im w|, several times faster than the modulus."""
    return np.asarray(np.abs(w.real) + np.abs(w.imag))


def _height(triple: Triple, a: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return b >= 0 with b (1 - f(a, b)) = y: the height of the level curve over a; 0 if y = 0 and f(a, 0) <= 1.

    In t = b^2 the mean 1/f is concave and increasing, so Newton's method on it runs up to the root from below; for
    y > 0 the root of b (1 - f) = y is bracketed, and found by Newton's method in b with bisection to fall back on.
    """
    squares = (a - triple.poles) ** 2
    weights = triple.weights
    t = np.maximum((weights - squares).max(axis=0), 0.0)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        for _ in range(_MAX_SAFE):
            inverse = 1 / (squares + t)
            term = weights * inverse
            f = term.sum(axis=0)
            step = f * (f - 1) / (term * inverse).sum(axis=0)
            step = np.where((step > 0) & np.isfinite(step), step, 0.0)
            t = t + step
            if np.all(step <= 4 * _EPS * t):
                break
        b = np.sqrt(t)
        if not np.any(y > 0):
            return np.asarray(b)
        # Above the curve b (1 - f) increases from 0; b f <= sqrt(sum c) by Cauchy and Schwarz bounds the root.
        low, high = np.maximum(b, y), y + np.sqrt(weights.sum(axis=0)) + 4 * _EPS * b
        high = np.maximum(high, low)
        b = high
        for _ in range(_MAX_SAFE):
            inverse = 1 / (squares + b * b)
            term = weights * inverse
            f = term.sum(axis=0)
            excess = b - b * f - y
            slope = 1 - f + 2 * b * b * (term * inverse).sum(axis=0)
            high, low = np.where(excess >= 0, b, high), np.where(excess < 0, b, low)
            trial = b - excess / slope
            new = np.where((trial >= low) & (trial <= high), trial, (low + high) / 2)
            done = np.abs(new - b) <= 4 * _EPS * b
            b = new
            if np.all(done):
                break
    return np.asarray(b)


def _start(triple: Triple, x: np.ndarray, y: np.ndarray, bracket: Bracket) -> np.ndarray:
    """Guess w: Re w depends nearly linearly on x between two edges, and the height follows from it."""
    a_left, a_right, x_left, x_right = bracket
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.clip(np.nan_to_num((x - x_left) / (x_right - x_left), nan=0.5), 0.0, 1.0)
    a = a_left + (a_right - a_left) * share
    weights, squares = triple.weights, (a - triple.poles) ** 2
    t = np.maximum((weights - squares).max(axis=0), 0.0)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        for _ in range(4):
            inverse = 1 / (squares + t)
            term = weights * inverse
            f = term.sum(axis=0)
            step = f * (f - 1) / (term * inverse).sum(axis=0)
            t = t + np.where((step > 0) & np.isfinite(step), step, 0.0)
    b = np.sqrt(t) + y
    width = a_right - a_left
    return np.asarray(a + 1j * np.where(b > 0, b, 1e-3 * width))


def _newton(
    triple: Triple, x: np.ndarray, y: np.ndarray, w: np.ndarray, *, strictly: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Run Newton's method everywhere; say where it ended at a root above the axis."""
    z = x + 1j * y if np.any(y) else x
    good = np.zeros(w.shape, dtype=bool)
    active = np.arange(len(w))
    everything = True
    with np.errstate(all="ignore"):
        for count in range(_MAX_FAST):
            part = triple if everything or len(triple.drift) == 1 else triple.take(active)
            here, target = (w, z) if everything else (w[active], z[active])
            value, slope, size = _evaluate(part, here)
            gap = value - target
            step = gap / slope
            moved = here - step
            small = _norm(gap) <= 4 * _EPS * size
            done = small | (_norm(step) <= 2 * _EPS * _norm(here))
            # A converged point takes its last step only if that keeps it above the axis.
            new = np.where(small & ~(moved.imag > 0), here, moved)
            if everything:
                w = new
            else:
                w[active] = new
            good[active[done]] = True
            lost = ~np.isfinite(new)
            keep = ~(done | lost)
            if not keep.any():
                break
            if count >= 2 and (len(active) > 3 * keep.sum() or not everything):
                active, everything = active[keep], False
            else:
                active = active if everything else active[keep]
        good &= np.isfinite(w) & (w.imag > 0 if strictly else w.imag > np.where(y > 0, 0, np.inf))
    return w, good


def _safe(triple: Triple, x: np.ndarray, y: np.ndarray, bracket: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """Bisect in a = Re w, with Newton steps along the curve where they stay in the bracket."""
    low, high = (np.array(end) for end in bracket)
    a = (low + high) / 2
    w = a + 0j
    with np.errstate(all="ignore"):
        for _ in range(_MAX_SAFE):
            w = a + 1j * _height(triple, a, y)
            value, slope, _ = _evaluate(triple, w)
            excess = np.where(np.isfinite(value.real), value.real - x, 0.0)
            low, high = np.where(excess <= 0, a, low), np.where(excess >= 0, a, high)
            trial = a - excess * (1 / slope).real
            middle = (low + high) / 2
            outside = ~((trial > low) & (trial < high))
            new = np.where(outside, middle, trial)
            if np.all((np.abs(new - a) <= 2 * _EPS * np.abs(a)) | (new == low) | (new == high) | (excess == 0)):
                break
            a = new
    return np.asarray(w)
