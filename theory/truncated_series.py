"""Power series in one variable, cut after a fixed order, over any field.

Conventions: a series is a tuple of coefficients, lowest order first; its length is the number of terms kept, and both
operands of an operation have the same length. The field is whatever the coefficients are: rationals, rational functions
(``sympy.field``), balls. Nothing is simplified, so exact coefficients stay exact.
"""

from collections.abc import Sequence
from typing import Any

__all__ = ["composition", "inverse", "product", "reversion", "square_root"]

Series = tuple[Any, ...]


def product(left: Sequence[Any], right: Sequence[Any]) -> Series:
    """Multiply two series.

    Raises:
        ValueError: If they keep different numbers of terms.

    Examples:
        >>> product((1, 1, 0), (1, 1, 0))
        (1, 2, 1)
    """
    if len(left) != len(right):
        raise ValueError(f"left and right must keep equally many terms, got {len(left)} and {len(right)}.")
    total = [left[0] * 0] * len(left)
    for i, x in enumerate(left):
        if x:
            for j, y in enumerate(right[: len(right) - i]):
                total[i + j] = total[i + j] + x * y
    return tuple(total)


def inverse(series: Sequence[Any]) -> Series:
    """Invert a series whose constant term is not zero.

    Raises:
        ZeroDivisionError: If the constant term is zero.

    Examples:
        >>> from fractions import Fraction
        >>> [int(c) for c in inverse((Fraction(1), Fraction(-2), Fraction(0)))]
        [1, 2, 4]
    """
    if not series[0]:
        raise ZeroDivisionError("series must have a constant term that is not zero to be inverted.")
    first = 1 / series[0]
    result = [first]
    for k in range(1, len(series)):
        result.append(-sum((series[j] * result[k - j] for j in range(1, k + 1)), first * 0) * first)
    return tuple(result)


def square_root(series: Sequence[Any]) -> Series:
    """Take the root 1 + ... of a series with constant term 1.

    Raises:
        ValueError: If the constant term is not 1.

    Examples:
        >>> from fractions import Fraction
        >>> [str(c) for c in square_root((Fraction(1), Fraction(1), Fraction(0)))]
        ['1', '1/2', '-1/8']
    """
    if series[0] != 1:
        raise ValueError(f"series must have constant term 1, got {series[0]}.")
    result = [series[0]]
    for k in range(1, len(series)):
        crossed = sum((result[j] * result[k - j] for j in range(1, k)), series[0] * 0)
        result.append((series[k] - crossed) / 2)
    return tuple(result)


def composition(outer: Sequence[Any], inner: Sequence[Any]) -> Series:
    """Substitute a series without constant term into another.

    Raises:
        ValueError: If the inner series has a constant term.

    Examples:
        >>> composition((0, 1, 1, 0), (0, 1, 1, 0))
        (0, 1, 2, 2)
    """
    if inner[0]:
        raise ValueError(f"inner must have no constant term, got {inner[0]}.")
    zero = inner[0] * 0
    result: Series = (zero,) * len(inner)
    for coefficient in reversed(outer):  # Horner's scheme
        result = product(result, inner)
        result = (result[0] + coefficient, *result[1:])
    return result


def reversion(series: Sequence[Any]) -> Series:
    """Find the series that undoes x + ..., so that composing the two gives x.

    Raises:
        ValueError: If the series does not begin with x.

    Examples:
        >>> [int(c) for c in reversion((0, 1, 1, 0, 0))]
        [0, 1, -1, 2, -5]
    """
    if len(series) < 2 or series[0] or series[1] != 1:
        raise ValueError(f"series must begin with x, got the coefficients {tuple(series[:2])}.")
    power = tuple(series)
    rest = [series[0]] * len(series)
    rest[1] = series[1]
    result = [series[0]]
    for k in range(1, len(series)):
        result.append(rest[k])
        rest = [a - rest[k] * b for a, b in zip(rest, power, strict=True)] if rest[k] else rest
        power = product(power, series)
    return tuple(result)
