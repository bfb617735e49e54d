r"""Descent by Newton steps that turn round where the loss is concave, in float64; it finds, and proves nothing.

The step along each eigenvector of the Hessian is the slope over the eigenvalue's absolute value, as in saddle-free
Newton methods, shortened until the loss falls.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

__all__ = ["newton_descent"]

Vector = NDArray[np.float64]

_LEAST_CURVATURE = 1e-3
_LONGEST = 0.5
_ENOUGH = 1e-4  # of the fall that the slope promises
_SHORTEST = 1e-6


def newton_descent(
    loss: Callable[[Vector], float],
    gradient: Callable[[Vector], Vector],
    hessian: Callable[[Vector], NDArray[np.float64]],
    start: Vector,
    *,
    steps: int,
) -> Vector:
    """Return where the descent ends: a critical point to rounding, or wherever it is after so many steps.

    Examples:
        >>> def double_well(x): return float((x[0] ** 2 - 1) ** 2 + x[1] ** 2)
        >>> def slope(x): return np.array([4 * x[0] * (x[0] ** 2 - 1), 2 * x[1]])
        >>> def curvature(x): return np.diag([12 * x[0] ** 2 - 4, 2.0])
        >>> newton_descent(double_well, slope, curvature, np.array([0.1, 1.0]), steps=50).round(12).tolist()
        [1.0, 0.0]
    """
    place = start
    for _ in range(steps):
        values, vectors = np.linalg.eigh(hessian(place))
        slope = gradient(place)
        step = -vectors @ ((vectors.T @ slope) / np.maximum(abs(values), _LEAST_CURVATURE))
        size = float(np.linalg.norm(step))
        step *= min(1.0, _LONGEST / max(size, _LONGEST))
        here, length = loss(place), 1.0
        while length > _SHORTEST and loss(place + length * step) > here + _ENOUGH * length * float(slope @ step):
            length /= 2
        # near the end the loss is flat to rounding, and the whole step is right
        place = place + (length if length > _SHORTEST else 1.0) * step
        if size < 1e-13:
            break
    return place
