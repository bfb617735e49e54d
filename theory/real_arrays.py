"""Reading real numbers, vectors and symmetric matrices that a caller hands over, in double precision.

Conventions: a number may be any real scalar, but no truth value, text or complex number, alone or in an array;
everything must be finite, what is computed from it as well. A matrix counts as
symmetric if it differs from its transpose by at most 1e-8 of its largest entry, and is then symmetrised.
"""

import math
from fractions import Fraction
from numbers import Real
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

__all__ = [
    "binary_array",
    "finite_result",
    "hessian_and_point",
    "integer",
    "nonnegative_number",
    "positive_integer",
    "positive_number",
    "real_array",
    "real_vector",
    "symmetric_matrix",
    "truth_value",
]

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
    number = integer(name, value)
    if number < 1:
        raise ValueError(f"{name} must be >= 1, got {value}.")
    return number


def integer(name: str, value: Any) -> int:
    """Read an integer, of Python or of numpy.

    Raises:
        TypeError: If it is none.
    """
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | np.integer):
        raise TypeError(f"{name} must be an integer, got {value!r}.")
    return int(value)


def truth_value(name: str, value: Any) -> bool:
    """Read True or False.

    Raises:
        TypeError: If it is anything else, 0 and 1 included.
    """
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{name} must be True or False, got {value!r}.")
    return bool(value)


def real_vector(name: str, value: Any) -> NDArray[np.float64]:
    """Read a vector of at least one finite number.

    Raises:
        ValueError: If it has another shape or a number is not finite.
    """
    vector = real_array(name, value)
    if vector.ndim != 1 or not len(vector):
        raise ValueError(f"{name} must be a vector of at least one number, got the shape {vector.shape}.")
    return vector


def symmetric_matrix(name: str, value: Any) -> NDArray[np.float64]:
    """Read a symmetric matrix of at least one row.

    Raises:
        ValueError: If it is not square, not finite or not symmetric.
    """
    matrix = real_array(name, value)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or not len(matrix):
        raise ValueError(f"{name} must be a square matrix, got the shape {matrix.shape}.")
    size = float(abs(matrix).max())
    scale = 2.0 if size > 1 else 1.0  # large entries are halved before they are added, small ones keep their last bit
    part = matrix / scale
    gap = scale * float(abs(part - part.T).max())
    if gap > _ASYMMETRY * size:
        raise ValueError(f"{name} must be symmetric, got entries that differ from their mirror images by {gap:.3g}.")
    return np.asarray((part + part.T) * (scale / 2))


def hessian_and_point(hessian: Any, weights: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Read the Hessian of a quadratic loss and weights at which it is looked at.

    Raises:
        ValueError: If the matrix is not symmetric, a number is not finite, or there is not one weight per row.
    """
    matrix, place = symmetric_matrix("hessian", hessian), real_vector("weights", weights)
    if len(place) != len(matrix):
        raise ValueError(f"weights must have one number per row of hessian, {len(matrix)}, got {len(place)}.")
    return matrix, place


def finite_result(name: str, value: float, **given: float) -> float:
    """Hand a result on that double precision can hold.

    Raises:
        ValueError: If it is not finite.
    """
    if math.isfinite(value):
        return float(value)
    numbers = "".join(f" for {key} = {number:g}" for key, number in given.items())
    raise ValueError(f"{name} must be finite in double precision, got {value}{numbers}.")


def real_array(name: str, value: Any) -> NDArray[np.float64]:
    """Read an array of finite real numbers of any shape.

    Raises:
        ValueError: If rows differ in length, something is no real number, or not finite.
    """
    try:
        raw = np.asarray(value) if hasattr(value, "__array__") else np.array(value, dtype=object)
    except (ValueError, RuntimeError) as error:  # ragged rows, or a tensor that is part of a graph
        raise ValueError(f"{name} must hold real numbers in equal rows, got {type(value).__name__}.") from error
    if isinstance(value, np.ma.MaskedArray):
        raise ValueError(f"{name} must hold real numbers in equal rows, got an array with a mask.")
    if raw.dtype.kind == "O":
        for entry in raw.flat:
            if not _is_real(entry):
                got = type(value).__name__ if isinstance(entry, list | tuple) else repr(entry)
                raise ValueError(f"{name} must hold real numbers in equal rows, got {got}.")
        raw = np.array([_as_float(entry) for entry in raw.flat], dtype=np.float64).reshape(raw.shape)
    elif raw.dtype.kind not in "iuf":
        raise ValueError(f"{name} must hold real numbers in equal rows, got the type {raw.dtype}.")
    array = raw.astype(np.float64)
    if not np.isfinite(array).all():
        raise ValueError(f"{name} must be finite, got a number that is not.")
    return array


def binary_array(name: str, value: Any) -> NDArray[np.float64]:
    """Read an array of real numbers of any shape, each of which double precision holds to the last bit.

    Raises:
        ValueError: If rows differ in length, something is no real number, not finite, or would have to be rounded.
    """
    array = real_array(name, value)
    raw = np.asarray(value) if hasattr(value, "__array__") else np.array(value, dtype=object)
    if raw.dtype.kind == "f":
        exact = bool((raw == array).all())
    elif raw.dtype.kind != "O" and raw.dtype.itemsize < 8:
        exact = True
    else:
        exact = all(_exactly(entry) == Fraction(held) for entry, held in zip(raw.flat, array.flat, strict=True))
    if not exact:
        raise ValueError(f"{name} must hold numbers that are exact in double precision, got one that is not.")
    return array


def _exactly(value: Any) -> Fraction | None:
    if isinstance(value, np.integer):
        return Fraction(int(value))
    if isinstance(value, np.floating):
        return Fraction(*value.as_integer_ratio())
    if isinstance(value, sp.Expr):
        return Fraction(int(value.p), int(value.q)) if value.is_Rational else None
    return Fraction(value)


def _number(name: str, value: Any) -> float:
    if not _is_real(value):
        raise TypeError(f"{name} must be a real number, got {value!r}.")
    number = _as_float(value)
    if not math.isfinite(number):
        raise ValueError(f"{name} must be finite, got {value}.")
    return number


def _is_real(value: Any) -> bool:
    if isinstance(value, sp.Expr):
        return bool(value.is_number and value.is_real)
    return isinstance(value, Real) and not isinstance(value, bool | np.bool_)


def _as_float(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf
