r"""Edges of the support in the w-plane, vectorised over laws.

With w = 1/g, poles p_k and weights c_k (c = v at p = 0; c_j = r_j s_j^2 at s_j) put

.. math:: H(w) = w + m + \frac v w + \sum_j \frac{r_j s_j w}{w - s_j}, \qquad
          f(a) = \sum_k \frac{c_k}{(a - p_k)^2} = 1 - H'(a).

The bulk is {f > 1} (Biane 1997), so the edges are H at the real roots of f = 1: one beyond each outer pole, none or
two between neighbouring poles. There f^(-1/2) is concave, hence Newton's method on it, started from the bound
f >= c/(a-p)^2, is monotone: it converges to the root, or its slope changes sign and there is none.
"""

import math
from dataclasses import dataclass

import numpy as np

__all__ = ["RealRoots", "real_roots"]

_MAX_STEPS = 2000
_SNAP = 1e-13
_BLUR = 4e-8  # two roots closer than this, against the distance to the poles, are one up to rounding: bands touch


@dataclass(frozen=True, eq=False)
class RealRoots:
    """The roots of f = 1 for each law; axis 0 counts the gaps between neighbouring poles, NaN where there is none."""

    leftmost: np.ndarray
    rightmost: np.ndarray
    gap_left: np.ndarray
    gap_right: np.ndarray

    def snapped_to_zero(self, laws: np.ndarray, poles: np.ndarray) -> "RealRoots":
        """Set to 0 the root that is 0 up to rounding, in laws for which 0 is known to be a root."""
        scale = np.abs(np.where(poles == 0, np.inf, poles)).min(axis=0)

        def snap(roots: np.ndarray) -> np.ndarray:
            with np.errstate(invalid="ignore"):
                return np.where(laws & (np.abs(roots) <= _SNAP * scale), 0.0, roots)

        return RealRoots(*(snap(r) for r in (self.leftmost, self.rightmost, self.gap_left, self.gap_right)))


def real_roots(poles: np.ndarray, weights: np.ndarray) -> RealRoots:
    """Return the real roots of f = 1.

    Args:
        poles: Places, ascending along axis 0; the other axes count laws.
        weights: Weights c >= 0, the last of each group of equal places may be zero but not all.
    """
    reach = np.sqrt(weights)
    from_left = np.maximum.accumulate(poles + reach, axis=0)
    from_right = np.minimum.accumulate((poles - reach)[::-1], axis=0)[::-1]
    start = np.concatenate([from_left, from_right])
    direction = np.concatenate([np.ones_like(poles), -np.ones_like(poles)])
    count = len(poles)
    limit = np.concatenate([poles[1:], np.full_like(poles[:1], np.inf), np.full_like(poles[:1], -np.inf), poles[:-1]])
    solve = _one_by_one if poles.size == count else _monotone_newton
    roots = solve(start, direction, limit, poles, weights)
    left, right = roots[: count - 1], roots[count + 1 :]
    with np.errstate(invalid="ignore"):
        nearest = np.abs((left + right)[:, None] / 2 - poles).min(axis=1, initial=np.inf)
        gap = right - left > _BLUR * nearest
    empty = ~np.any(weights > 0, axis=0)  # a point mass: both ends of its band are w = 0
    return RealRoots(
        leftmost=np.where(empty, 0.0, roots[count]),
        rightmost=np.where(empty, 0.0, roots[count - 1]),
        gap_left=np.where(gap, left, np.nan),
        gap_right=np.where(gap, right, np.nan),
    )


def _monotone_newton(
    start: np.ndarray, direction: np.ndarray, limit: np.ndarray, poles: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    roots = np.array(start)
    flat = roots.reshape(len(roots), -1)
    count, laws = flat.shape
    poles, weights = poles.reshape(-1, 1, laws), weights.reshape(-1, 1, laws)
    heading, limit = direction.reshape(count, laws), limit.reshape(count, laws)
    place, law = np.divmod(np.arange(count * laws), laws)
    for _ in range(_MAX_STEPS):
        if not len(place):
            return roots
        a = flat[place, law]
        # Whole array while most points move, compressed columns later.
        whole = len(place) == count * laws
        with np.errstate(divide="ignore", invalid="ignore"):
            inverse = 1 / (flat[None] - poles if whole else a - poles[:, 0, law])
            term = (weights if whole else weights[:, 0, law]) * inverse * inverse
        value = term.sum(axis=0).ravel()
        slope = (term * inverse).sum(axis=0).ravel() * heading[place, law]
        passed = (a - limit[place, law]) * heading[place, law] >= 0
        lost = passed | ~(slope > 0) | ~np.isfinite(value)
        at_root = value <= 1
        with np.errstate(invalid="ignore", divide="ignore"):
            step = value * (np.sqrt(value) - 1) / slope
        moved = a + heading[place, law] * step
        stuck = moved == a
        lost &= ~at_root | passed
        flat[place, law] = np.where(lost, np.nan, np.where(at_root, a, moved))
        active = ~(lost | at_root | stuck)
        place, law = place[active], law[active]
    return roots


def _one_by_one(
    start: np.ndarray, direction: np.ndarray, limit: np.ndarray, poles: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """Do as ``_monotone_newton`` for a single law, in Python floats, which is ten times faster than arrays of one."""
    pairs = [(pole, weight) for pole, weight in zip(poles.ravel().tolist(), weights.ravel().tolist(), strict=True)]
    roots = [
        _one_root(a, heading, end, pairs)
        for a, heading, end in zip(
            start.ravel().tolist(), direction.ravel().tolist(), limit.ravel().tolist(), strict=True
        )
    ]
    return np.array(roots).reshape(start.shape)


def _one_root(a: float, heading: float, limit: float, pairs: list[tuple[float, float]]) -> float:
    for _ in range(_MAX_STEPS):
        if (a - limit) * heading >= 0:
            return math.nan
        value = slope = 0.0
        for pole, weight in pairs:
            distance = a - pole
            if distance == 0:
                return math.nan
            inverse = 1 / distance
            term = weight * inverse * inverse
            value += term
            slope += term * inverse
        slope *= heading
        if value <= 1:
            return a
        if not slope > 0 or value == math.inf:
            return math.nan
        moved = a + heading * value * (math.sqrt(value) - 1) / slope
        if moved == a:
            return a
        a = moved
    return a
