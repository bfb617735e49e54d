"""Reading real numbers, vectors and symmetric matrices that a caller hands over, in double precision.

Conventions: a number may be any real scalar, but no truth value; everything must be finite. A matrix counts as
symmetric if it differs from its transpose by at most 1e-8 of its largest entry, and is then symmetrised.
"""

import math
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["nonnegative_number", "positive_integer", "positive_number", "real_vector", "symmetric_matrix"]

_ASYMMETRY = 1e-8


def positive_number(name: str, value: Any) -> float:
    """Read a finite number > 0.

    Raises:
        TypeError: If it is no real number.
        ValueError: If it is not finite or not positive.
    """
    number = _number(name, value)
    if number <= 0:
        raise ValueError(f"{name} must be > 0, got {value}.")
    return number


def nonnegative_number(name: str, value: Any) -> float:
    """Read a finite number >= 0.

    Raises:
        TypeError: If it is no real number.
        ValueError: If it is not finite or negative.
    """
    number = _number(name, value)
    if number < 0:
        raise ValueError(f"{name} must be >= 0, got {value}.")
    return number


def positive_integer(name: str, value: Any) -> int:
    """Read an integer >= 1.

    Raises:
        TypeError: If it is no integer.
        ValueError: If it is less than 1.
    """
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | np.integer):
        raise TypeError(f"{name} must be an integer, got {value!r}.")
    if value < 1:
        raise ValueError(f"{name} must be >= 1, got {value}.")
    return int(value)


def real_vector(name: str, value: Any) -> NDArray[np.float64]:
    """Read a vector of at least one finite number.

    Raises:
        ValueError: If it has another shape or a number is not finite.
    """
    vector = _array(name, value)
    if vector.ndim != 1 or not len(vector):
        raise ValueError(f"{name} must be a vector of at least one number, got the shape {vector.shape}.")
    return vector


def symmetric_matrix(name: str, value: Any) -> NDArray[np.float64]:
    """Read a symmetric matrix of at least one row.

    Raises:
        ValueError: If it is not square, not finite or not symmetric.
    """
    matrix = _array(name, value)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or not len(matrix):
        raise ValueError(f"{name} must be a square matrix, got the shape {matrix.shape}.")
    gap = float(abs(matrix - matrix.T).max())
    if gap > _ASYMMETRY * float(abs(matrix).max()):
        raise ValueError(f"{name} must be symmetric, got entries that differ from their mirror images by {gap:.3g}.")
    return np.asarray((matrix + matrix.T) / 2)


def _number(name: str, value: Any) -> float:
    if isinstance(value, bool | np.bool_) or not isinstance(value, Real):
        raise TypeError(f"{name} must be a real number, got {value!r}.")
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"{name} must be finite, got {value}.")
    return number


def _array(name: str, value: Any) -> NDArray[np.float64]:
    try:
        array = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must hold real numbers in equal rows, got {type(value).__name__}.") from error
    if not np.isfinite(array).all():
        raise ValueError(f"{name} must be finite, got a number that is not.")
    return array
