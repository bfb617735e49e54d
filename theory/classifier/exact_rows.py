"""Reading the rows of exact networks and hyperplanes: integers or fractions, as many in every row.

Conventions: sequences are read once, so that generators do. A count is an integer by its type: truth values, floats and
text are none.
"""

from fractions import Fraction
from typing import Any

import numpy as np
import sympy as sp

from theory.exact_numbers import as_fraction, exact_number, listed, listed_rows

__all__ = ["counted", "fraction", "fraction_rows", "integer_rows", "listed_layers"]


def counted(name: str, value: Any, *, least: int, most: int | None = None) -> int:
    """Read an integer in a range.

    Raises:
        TypeError: If it is no integer.
        ValueError: If it is out of range.

    Examples:
        >>> counted("units", 3, least=0)
        3
    """
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | np.integer | sp.Integer):
        raise TypeError(f"{name} must be an integer, got {value!r}.")
    if value < least:
        raise ValueError(f"{name} must be >= {least}, got {value}.")
    if most is not None and value > most:
        raise ValueError(f"{name} must be at most {most}, got {value}.")
    return int(value)


def fraction(name: str, value: Any) -> Fraction:
    """Read a rational number.

    Raises:
        TypeError: If it is no number.
        ValueError: If it is not finite or not rational.

    Examples:
        >>> fraction("x", "1/2"), fraction("x", 0.1)
        (Fraction(1, 2), Fraction(1, 10))
    """
    if type(value) in (int, Fraction):
        return Fraction(value)
    number = exact_number(name, value)
    if not number.is_Rational:
        raise ValueError(f"{name} must be rational, got {value}.")
    return as_fraction(number)


def integer_rows(name: str, rows: Any) -> list[tuple[int, ...]]:
    """Read rows of integers, at least one row, as many entries in each.

    Raises:
        TypeError: If it is no sequence of sequences of integers.
        ValueError: If there is no row, or rows differ in length.

    Examples:
        >>> integer_rows("points", [(1, 2), (3, 4)])
        [(1, 2), (3, 4)]
    """
    read = [tuple(row) for row in listed_rows(name, rows)]
    if not read:
        raise ValueError(f"{name} must be at least one, got none.")
    for row in read:
        if len(row) != len(read[0]) or not row:
            raise ValueError(f"{name} must have as many entries each, at least one, got {row} beside {read[0]}.")
        for entry in row:
            if isinstance(entry, bool | np.bool_) or not isinstance(entry, int | np.integer | sp.Integer):
                raise TypeError(f"{name} must hold integers, got {entry!r}.")
    return [tuple(int(entry) for entry in row) for row in read]


def fraction_rows(name: str, layer: Any, inputs: int, last: str) -> list[list[Fraction]]:
    """Read the rows of a layer: so many weights, and a threshold or bias, all rational.

    Raises:
        TypeError: If it is no sequence of sequences of numbers.
        ValueError: If there is no row, a row has another length, or a number is not finite or not rational.
    """
    read = listed_rows(name, layer)
    if not read:
        raise ValueError(f"{name} must have at least one row, got none.")
    for row in read:
        if len(row) != inputs + 1:
            raise ValueError(f"a row must have {inputs} weights and a {last}, got {tuple(row)!r}.")
    return [[fraction(f"a number of {name}", number) for number in row] for row in read]


def listed_layers(layers: Any) -> list[Any]:
    """Read the layers of a network.

    Raises:
        TypeError: If they are no sequence.
        ValueError: If there is none.
    """
    read = listed("layers", layers)
    if not read:
        raise ValueError("layers must end with an output, got none.")
    return read
