r"""Krawczyk's operator: a box that provably holds a zero of a system of equations, and no second one.

For F: R^n -> R^n, a point m, a box X around it with half-width r in every coordinate and any matrix Y,

.. math:: K(X) = m - Y F(m) + (1 - Y F'(X)) (X - m).

If K(X) lies in the interior of X, then Y is invertible, F has exactly one zero in X, and it lies in K(X) (Krawczyk
1969; Neumaier, Interval Methods for Systems of Equations, theorem 5.1.8). All numbers are Arb's balls at the working
precision, so that rounding is part of the proof; Y is only a good guess, the inverse of F'(m) in double precision.
"""

from collections.abc import Callable
from typing import Any

import flint
import numpy as np
from numpy.typing import NDArray

__all__ = ["NoCertificateError", "contraction", "entries_of", "polished", "rough_inverse"]

System = Callable[[Any], Any]


class NoCertificateError(ValueError):
    """What was to be proved could not be: it may be false, or the balls may be too wide."""


def contraction(system: System, jacobian: System, point: Any, radius: Any, inverse: Any) -> Any | None:
    """Enclose the only zero in a box, if Krawczyk's operator maps the box into its interior.

    Args:
        system: F, from a column of balls to a column of balls.
        jacobian: F', from a column of balls to a square matrix of balls that holds F' at all of its points.
        point: The middle of the box, a column of exact numbers.
        radius: Half the width of the box, the same in every coordinate.
        inverse: Y, square.

    Returns:
        The largest distance of the zero from the point in any coordinate, an upper bound; None if nothing is proved.

    Examples:
        >>> square = lambda x: flint.arb_mat([[x[0, 0] * x[0, 0] - 2]])
        >>> slope = lambda x: flint.arb_mat([[2 * x[0, 0]]])
        >>> point, inverse = flint.arb_mat([[1.5]]), flint.arb_mat([[1 / 3]])
        >>> float(contraction(square, slope, point, flint.arb(0.2), inverse)) < 0.2
        True
        >>> contraction(square, slope, point, flint.arb(0.01), inverse) is None
        True
    """
    size = point.nrows()
    box = flint.arb_mat(size, 1, [flint.arb(entry, radius) for entry in point.entries()])
    step = inverse * system(point)
    spread = flint.arb_mat(np.eye(size).tolist()) - inverse * jacobian(box)
    # all coordinates of X - m are the ball 0 +- r: a row of the product has the radius r times its absolute sum
    bounds = [
        abs(step[i, 0]) + radius * sum((abs(spread[i, j]) for j in range(size)), flint.arb(0)) for i in range(size)
    ]
    if not all(bound < radius for bound in bounds):
        return None
    return max((bound.abs_upper() for bound in bounds), key=float)


def rough_inverse(matrix: Any) -> Any:
    """Invert the midpoints of a matrix in double precision.

    Raises:
        NoCertificateError: If it is singular, or no number in double precision.
    """
    inner = np.array([[float(matrix[i, j].mid()) for j in range(matrix.ncols())] for i in range(matrix.nrows())])
    try:
        inverse = np.linalg.inv(inner)
    except np.linalg.LinAlgError:
        inverse = np.full_like(inner, np.nan)
    if not np.isfinite(inverse).all():
        raise NoCertificateError("the Jacobian must be invertible at the point, got a singular one.")
    return flint.arb_mat(inverse.tolist())


def polished(system: System, point: Any, inverse: Any, *, steps: int) -> Any:
    """Move a point toward the zero by Newton steps with a fixed inverse; midpoints only, nothing is proved here."""
    for _ in range(steps):
        point = (point - inverse * system(point)).mid()
    return point


def entries_of(values: NDArray[np.float64]) -> Any:
    """A column of the binary numbers that an array holds, exactly."""
    return flint.arb_mat(len(values), 1, [flint.arb(float(value)) for value in values])
