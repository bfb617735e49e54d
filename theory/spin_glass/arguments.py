r"""What the functions of the spherical p-spin share: its symbols, and numbers that a caller hands over.

Conventions: H(s) = N^(-(p-1)/2) sum J_{i1..ip} s_i1 .. s_ip on the sphere \|s\|^2 = N with independent standard normal
couplings, so that Cov(H(s), H(t)) = N (s.t/N)^p; energies are per spin, u = H/N. Everything changes at the energy
-E_inf, E_inf = 2 sqrt((p-1)/p).
"""

from typing import Any

import numpy as np
import sympy as sp

__all__ = ["index", "order_of_spins", "p", "threshold_limit", "u", "whole_numbers"]

_LARGEST = 2**53  # from here on float64 skips integers

p = sp.Symbol("p", positive=True)
"""How many spins meet in one coupling, an integer of at least 2."""

u = sp.Symbol("u", real=True)
"""Energy per spin."""

index = sp.Symbol("k", nonnegative=True)
"""The number of negative eigenvalues of the Hessian on the sphere."""


def threshold_limit(order: object = p) -> sp.Expr:
    r"""Return E_inf = 2 sqrt((p-1)/p), exactly: the energy -E_inf is the limit of all the thresholds -E_k.

    Args:
        order: How many spins meet in a coupling, p >= 2; the symbol p if left out.

    Raises:
        TypeError: If it is neither an integer nor a symbol.
        ValueError: If it is less than 2.

    Examples:
        >>> threshold_limit(), threshold_limit(3)
        (2*sqrt(p - 1)/sqrt(p), 2*sqrt(6)/3)
    """
    number = order if isinstance(order, sp.Symbol) else sp.Integer(order_of_spins(order))
    return 2 * sp.sqrt((number - 1) / number)


def order_of_spins(order: Any, *, least: int = 2, why: str = "") -> int:
    """Read p.

    Raises:
        TypeError: If it is no integer.
        ValueError: If it is less than what is asked for, or at least 2^53.
    """
    if isinstance(order, bool | np.bool_) or not isinstance(order, int | np.integer | sp.Integer):
        raise TypeError(f"p must be an integer, got {order!r}.")
    if order < least:
        raise ValueError(f"p must be >= {least}{why}, got {order}.")
    if order >= _LARGEST:
        raise ValueError(f"p must be less than 2^53, got {order}.")
    return int(order)


def whole_numbers(name: str, value: Any) -> np.ndarray:
    """Read integers >= 0, one or an array, as float64; infinity counts as one of them.

    Raises:
        TypeError: If something is no integer and not infinity.
        ValueError: If something is negative, or a finite number of at least 2^53, where float64 has not all integers.
    """
    large = isinstance(value, int | sp.Integer) and value >= _LARGEST
    array = np.asarray(float(value) if (isinstance(value, sp.Integer) and not large) or value is sp.oo else value)
    if array.dtype.kind in "iuO":
        large = large or any(isinstance(entry, int) and entry >= _LARGEST for entry in array.ravel().tolist())
    if large:
        raise ValueError(f"{name} must be less than 2^53 or infinity, got {value}.")
    if array.dtype.kind not in "iuf" or isinstance(value, np.ma.MaskedArray):
        raise TypeError(f"{name} must be an integer, infinity or an array of these, got {value!r}.")
    numbers = array.astype(np.float64)
    if not (np.isinf(numbers) | (numbers == np.floor(numbers))).all():
        raise TypeError(f"{name} must be an integer, infinity or an array of these, got {value!r}.")
    if (numbers < 0).any():
        raise ValueError(f"{name} must be >= 0, got {value}.")
    if (np.isfinite(numbers) & (numbers >= _LARGEST)).any():
        raise ValueError(f"{name} must be less than 2^53 or infinity, got {value}.")
    return numbers
