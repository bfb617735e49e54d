r"""What smoothing makes of a quadratic loss in many weights: its negative local entropy and the Hessian of that.

Conventions: those of ``theory.flatness.local_entropy``, where the formulas are derived for one eigenvector of H;
eigenvectors add up.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from theory.real_arrays import finite_result, positive_number, real_vector, symmetric_matrix

__all__ = ["negative_local_entropy", "smoothed_hessian"]


def smoothed_hessian(hessian: Any, scope: float) -> NDArray[np.float64]:
    """Return gamma H (H + gamma)^-1, the Hessian of the negative local entropy of a quadratic loss.

    Args:
        hessian: Symmetric, n x n, all eigenvalues above -gamma.
        scope: gamma > 0.

    Returns:
        A symmetric matrix, n x n.

    Raises:
        TypeError: If the scope is no number.
        ValueError: If the matrix is not symmetric or finite, or an eigenvalue is too negative.

    Examples:
        >>> print(smoothed_hessian([[3.0, 0.0], [0.0, 1.0]], scope=1.0))
        [[0.75 0.  ]
         [0.   0.5 ]]
    """
    values, vectors, scope = _spectrum(hessian, scope)
    return np.asarray((vectors * (scope * (values / (values + scope)))) @ vectors.T)


def negative_local_entropy(hessian: Any, displacement: Any, scope: float) -> float:
    """Return F at a displacement from the minimum of a quadratic loss of value 0 there.

    Args:
        hessian: Symmetric, n x n, all eigenvalues above -gamma.
        displacement: n numbers.
        scope: gamma > 0.

    Raises:
        TypeError: If the scope is no number.
        ValueError: If shapes do not fit, something is not finite, or an eigenvalue is too negative.

    Examples:
        >>> round(negative_local_entropy([[3.0]], [0.0], scope=1.0), 12) == round(math.log(2 / math.pi) / 2, 12)
        True
    """
    values, vectors, scope = _spectrum(hessian, scope)
    place = real_vector("displacement", displacement)
    if len(place) != len(values):
        raise ValueError(f"displacement must have one number per row of hessian, {len(values)}, got {len(place)}.")
    coordinates = vectors.T @ place
    with np.errstate(over="ignore", invalid="ignore"):
        form = float((scope * (values / (values + scope)) * coordinates * coordinates).sum())
    finite_result("the local entropy", form, scope=scope)
    return form / 2 + float(np.log((values + scope) / (2 * math.pi)).sum()) / 2


def _spectrum(hessian: Any, scope: float) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    scope = positive_number("scope", scope)
    values, vectors = np.linalg.eigh(symmetric_matrix("hessian", hessian))
    if values[0] <= -scope:
        raise ValueError(f"hessian must have eigenvalues > -scope = {-scope:g}, got {values[0]:g}.")
    return values, vectors, scope
