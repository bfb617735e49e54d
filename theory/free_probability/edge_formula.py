r"""What a law is next to the edge of a band, without cancellation.

With a_e the edge in the w-plane, eta = w - a_e and delta = x - H(a_e), exactly delta = eta^2 S(w),

.. math:: S(w) = \sum_k \frac{c_k}{(a_e - p_k)^2 (w - p_k)}, \qquad
          P(X < x) = \frac1\pi \Bigl|\operatorname{Im} \eta^3 \int_0^1
          \frac{t^2 S(a_e + t \eta) - S(w)}{(a_e + t \eta)^2} dt\Bigr|,

the second for the leftmost edge, less an atom. Nothing cancels but delta, which the caller forms in double-double.
"""

from dataclasses import dataclass

import numpy as np

__all__ = ["NearEdge"]

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(14)
_NODES, _WEIGHTS = (_NODES + 1) / 2, _WEIGHTS / 2
_MAX_STEPS = 50


@dataclass(frozen=True, eq=False)
class NearEdge:
    """Edges in the w-plane, one a place, with the poles and weights of their laws along axis 0."""

    start: np.ndarray
    distances: np.ndarray
    strengths: np.ndarray

    @classmethod
    def at(cls, start: np.ndarray, poles: np.ndarray, weights: np.ndarray) -> "NearEdge":
        """Collect what the formulas need about edges ``start``."""
        distances = start - poles
        return cls(start, distances, weights / distances**2)

    def curvature(self, eta: np.ndarray) -> np.ndarray:
        """Return S at w = a_e + eta."""
        total = np.zeros_like(eta)
        for distance, strength in zip(self.distances, self.strengths, strict=True):
            total += strength / (distance + eta)
        return total

    def offset(self, delta: np.ndarray, eta: np.ndarray) -> np.ndarray:
        """Solve eta^2 S = delta by Newton's method from a near guess, until every point stands still."""
        guess = 1j * np.sqrt(np.abs(delta) / np.abs(self.curvature(np.zeros_like(eta))))
        eta = np.where(np.abs(eta) < 1e-3 * np.abs(self.distances).min(axis=0), guess, eta)
        for _ in range(_MAX_STEPS):
            value, slope = np.zeros_like(eta), np.zeros_like(eta)
            for distance, strength in zip(self.distances, self.strengths, strict=True):
                inverse = 1 / (distance + eta)
                part = strength * inverse
                value += part
                slope -= part * inverse
            step = (eta * eta * value - delta) / (eta * (2 * value + eta * slope))
            eta = eta - step
            if np.all(np.abs(step) <= 1e-15 * np.abs(eta)):
                break
        return eta

    def mass(self, eta: np.ndarray) -> np.ndarray:
        """Return the mass between the edge and w = a_e + eta."""
        curvature = self.curvature(eta)
        integral = np.zeros_like(eta)
        for node, weight in zip(_NODES, _WEIGHTS, strict=True):
            inner = self.curvature(node * eta)
            integral += weight * (node**2 * inner - curvature) / (self.start + node * eta) ** 2
        result: np.ndarray = np.abs((eta**3 * integral).imag) / np.pi
        return result
