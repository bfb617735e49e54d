r"""The least eigenvalue of symmetric matrices of balls, enclosed from both sides.

Above it lies the Rayleigh quotient of any vector; below it any number m for which all pivots of A - m, eliminated in
balls, are positive. A few steps of inverse iteration at the midpoints make the two meet.
"""

from typing import Any

import flint
import numpy as np

from theory.certificates.krawczyk import NoCertificateError

__all__ = ["least_eigenvalue"]

_STEPS = 3


def least_eigenvalue(matrices: list[Any], small: Any) -> Any:
    """Enclose the least eigenvalue of the direct sum of symmetric matrices of balls.

    Args:
        matrices: At least one; each ball matrix stands for the symmetric ones in it, that all must share the result.
        small: How far below the Rayleigh quotient the lower bound is tried, a positive number.

    Returns:
        A ball that holds it for all matrices in the balls.

    Raises:
        NoCertificateError: If the balls are too wide for the lower bound.

    Examples:
        >>> with flint.ctx.workprec(128):
        ...     least = least_eigenvalue([flint.arb_mat([[2, 1], [1, 2]]), flint.arb_mat([[3]])], flint.arb(10) ** -30)
        >>> least.contains(1), float(least.rad()) < 1e-29
        (True, True)
    """
    quotients = [_rayleigh_quotient(matrix) for matrix in matrices]
    upper = min((quotient.upper() for quotient in quotients), key=float)
    lower = min((quotient.lower() for quotient in quotients), key=float) - small
    if not all(_is_positive_definite(_shifted(matrix, lower)) for matrix in matrices):
        raise NoCertificateError(
            f"the least eigenvalue must be enclosed, got balls too wide to keep it above {float(lower):.3g}."
        )
    return lower.union(upper)


def _rayleigh_quotient(matrix: Any) -> Any:
    """The quotient of an approximate eigenvector of the least eigenvalue: an upper bound of it for every matrix."""
    size = matrix.nrows()
    middle = matrix.mid()
    inner = np.array([float(entry) for entry in middle.entries()]).reshape(size, size)
    vector = flint.arb_mat(np.linalg.eigh((inner + inner.T) / 2)[1][:, :1].tolist())
    for _ in range(_STEPS):
        try:
            found = _shifted(middle, _quotient(middle, vector).mid()).solve(vector)
        except ZeroDivisionError:  # the shift is an eigenvalue to the last bit
            break
        entries = found.mid().entries()
        largest = max((abs(entry) for entry in entries), key=float)
        if not (largest.is_finite() and largest > 0):
            break
        vector = (found.mid() * (1 / largest)).mid()
    return _quotient(matrix, vector)


def _quotient(matrix: Any, vector: Any) -> Any:
    return (vector.transpose() * matrix * vector)[0, 0] / (vector.transpose() * vector)[0, 0]


def _shifted(matrix: Any, shift: Any) -> Any:
    size = matrix.nrows()
    return flint.arb_mat([[matrix[i, j] - (shift if i == j else 0) for j in range(size)] for i in range(size)])


def _is_positive_definite(matrix: Any) -> bool:
    """Whether all pivots of Gaussian elimination are positive, for every matrix in the balls."""
    rows = matrix.tolist()
    for place in range(len(rows)):
        pivot = rows[place][place]
        if not pivot > 0:
            return False
        for below in range(place + 1, len(rows)):
            factor = rows[below][place] / pivot
            rows[below] = [a - factor * b for a, b in zip(rows[below], rows[place], strict=True)]
    return True
