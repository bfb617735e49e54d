"""Arguments of the questions that a law answers: places and orders, refused in one sentence."""

from typing import Any

import numpy as np
import sympy as sp

from theory.exact_numbers import exact_number

__all__ = ["check_order", "complex_places", "plain", "real_places"]


def real_places(name: str, x: Any) -> np.ndarray:
    """Return places as a float64 array, or refuse them."""
    try:
        array = np.asarray(float(exact_number(name, x)) if isinstance(x, sp.Expr | str) else x)
        if array.dtype.kind in "cb" or isinstance(x, np.ma.MaskedArray):
            raise TypeError
        if array.dtype.kind == "O" and any(entry is None or isinstance(entry, bool | complex) for entry in array.flat):
            raise TypeError
        places = np.asarray(array, dtype=np.float64)
    except OverflowError as error:
        raise ValueError(f"{name} must be a number that double precision holds, got a larger one.") from error
    except (TypeError, ValueError, RuntimeError) as error:
        if isinstance(x, sp.Expr | str):
            raise
        raise TypeError(f"{name} must be a real number or an array of them, got {x!r}.") from error
    if np.isnan(places).any():
        raise ValueError(f"{name} must not be NaN, got {x!r}.")
    return places


def complex_places(z: Any) -> np.ndarray:
    """Return complex places as an array, or refuse them."""
    try:
        places = np.asarray(complex(z) if isinstance(z, sp.Expr) else z, dtype=np.complex128)
    except (TypeError, ValueError) as error:
        raise TypeError(f"z must be a complex number or an array of them, got {z!r}.") from error
    if not np.isfinite(places).all():
        raise ValueError(f"z must be finite, got {z!r}.")
    return places


def plain(values: np.ndarray) -> Any:
    """Turn an array of shape () into a Python number."""
    return values.item() if values.ndim == 0 else values


def check_order(order: object, least: int) -> None:
    """Refuse an order that is no integer, or too small."""
    if isinstance(order, bool) or not isinstance(order, int | np.integer) or order < least:
        raise ValueError(f"order must be an integer >= {least}, got {order!r}.")
