"""Reading a number exactly: what a caller typed, and nothing else, decides the value.

Conventions: an ``int``, a ``Fraction`` and a real sympy number are themselves; a string is an integer, a decimal or p/q
and is never evaluated as code; a Python ``float`` is read as its shortest decimal, so that .1 is 1/10; a numpy scalar
is the binary number it holds.
"""

import math
import re
from collections.abc import Iterable
from fractions import Fraction
from typing import Any

import numpy as np
import sympy as sp

_DECIMAL = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,4})?\Z")
_QUOTIENT = re.compile(r"[+-]?\d+/0*[1-9]\d*\Z")


def exact_number(name: str, value: object) -> sp.Expr:
    """Read one real number exactly.

    Args:
        name: What the number is called in an error message.
        value: An int, Fraction, float, string, numpy scalar or real sympy number.

    Returns:
        A sympy number, rational unless a sympy number was given.

    Raises:
        TypeError: If the value is of a kind that is not a real number.
        ValueError: If it is not finite, or a string that is not an integer, decimal or p/q.

    Examples:
        >>> exact_number("phi", 0.1), exact_number("phi", "3/4"), exact_number("phi", "1e-2")
        (1/10, 3/4, 1/100)
        >>> import numpy as np
        >>> exact_number("phi", np.float64(0.5))
        1/2
    """
    if isinstance(value, bool | np.bool_):
        raise TypeError(f"{name} must be a real number, got the truth value {value}.")
    if isinstance(value, sp.Expr):
        if value.is_number and value.is_real and value.is_finite:
            return sp.Rational(str(value)) if value.is_Float else value
        raise ValueError(f"{name} must be a finite real number, got {value}.")
    if isinstance(value, int | Fraction):
        return _rational(Fraction(value))
    if isinstance(value, np.integer):
        return sp.Integer(int(value))
    if isinstance(value, np.floating | float):
        if not math.isfinite(value):
            raise ValueError(f"{name} must be a finite real number, got {value}.")
        exact = Fraction(*value.as_integer_ratio()) if isinstance(value, np.floating) else Fraction(repr(value))
        return _rational(exact)
    if isinstance(value, str):
        text = value.strip()
        if not (_DECIMAL.match(text) or _QUOTIENT.match(text)):
            raise ValueError(f"{name} must be an integer, a decimal or p/q, got the string {value!r}.")
        return _rational(Fraction(text))
    raise TypeError(f"{name} must be a real number, got {value!r} of type {type(value).__name__}.")


def listed(name: str, value: Any) -> list[Any]:
    """Read a sequence of anything, once, even from a generator.

    Raises:
        TypeError: If it is text or no sequence.
    """
    if isinstance(value, str | bytes) or not isinstance(value, Iterable) or getattr(value, "ndim", 1) == 0:
        raise TypeError(f"{name} must be a sequence, got {value!r}.")
    return list(value)


def listed_rows(name: str, table: Any) -> list[list[Any]]:
    """Read the rows of a matrix or of a sequence of sequences; the entries of an array stay numpy scalars.

    Raises:
        TypeError: If it is no sequence of sequences.
    """
    if isinstance(table, sp.MatrixBase):
        return [list(row) for row in table.tolist()]
    return [listed(f"a row of {name}", row) for row in listed(name, table)]


def as_fraction(number: sp.Expr) -> Fraction:
    """Turn a rational sympy number into a Fraction.

    Raises:
        ValueError: If the number is not rational.
    """
    if not number.is_Rational:
        raise ValueError(f"number must be rational, got {number}.")
    return Fraction(int(number.p), int(number.q))


def _rational(value: Fraction) -> sp.Rational:
    return sp.Rational(value.numerator, value.denominator)
