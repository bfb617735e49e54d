"""Coefficients of a free Levy triple: read exactly, brought to one form, checked for their signs, merged and sorted."""

import math
from collections.abc import Iterable

import numpy as np
import sympy as sp

from theory.exact_numbers import exact_number

__all__ = ["canonical", "check_assumptions", "is_number", "is_positive", "merge_jumps", "read_coefficient"]

Jump = tuple[sp.Expr, sp.Expr]

_BITS = 256
_POWER = 3


def canonical(expression: sp.Expr) -> sp.Expr:
    """Bring an expression to the form in which equal coefficients of laws are usually the same tree."""
    if value_of_product(expression) is not None:
        return expression
    expanded = sp.expand(expression)
    if any(power.exp.is_negative and power.base.is_Add for power in expanded.atoms(sp.Pow)):
        return sp.radsimp(sp.cancel(expanded)) if expanded.is_number else sp.cancel(expanded)
    return expanded


def is_positive(number: sp.Expr) -> bool:
    """Decide the sign of a real sympy number, proving a zero where digits cannot."""
    if number.is_Rational:
        return bool(number > 0)
    if number.is_zero or (abs(sp.N(number, 60)) < sp.Rational(1, 10**40) and number.equals(0)):
        return False
    return bool(number.is_positive)


def check_assumptions(symbol: sp.Symbol, number: sp.Expr) -> None:
    """Refuse a number that breaks what is assumed about a parameter."""
    for rule in ("positive", "nonnegative", "negative", "nonpositive", "integer", "nonzero"):
        if symbol.assumptions0.get(rule) and getattr(number, f"is_{rule}") is False:
            raise ValueError(f"{symbol.name} must be {rule}, got {symbol.name} = {number}.")


def read_coefficient(name: str, value: object) -> sp.Expr:
    """Read a coefficient of a law: a sympy expression with its symbols, or a number exactly."""
    if isinstance(value, sp.Expr) and value_of_product(value) is not None:
        return value
    if isinstance(value, sp.Expr) and value.free_symbols:
        if value.is_real is False or value.has(sp.zoo, sp.nan, sp.oo, sp.Float):
            raise ValueError(f"{name} must be real, finite and exact, got {value}.")
        return value
    return exact_number(name, value)


def is_number(value: object) -> bool:
    """Say whether a value may scale a law."""
    return isinstance(value, int | float | np.number | sp.Expr) or hasattr(value, "numerator")


def merge_jumps(jumps: Iterable[tuple[object, object]]) -> tuple[Jump, ...]:
    """Add the rates of equal sizes, drop what is zero, and sort."""
    try:
        pairs = [(rate, size) for rate, size in jumps]
    except (TypeError, ValueError) as error:
        raise TypeError(f"jumps must be pairs (rate, size), got {jumps!r}.") from error
    rates: dict[sp.Expr, sp.Expr] = {}
    for raw_rate, raw_size in pairs:
        rate, size = canonical(read_coefficient("rate", raw_rate)), canonical(read_coefficient("size", raw_size))
        if _sign(rate) == -1:
            raise ValueError(f"rate must not be negative, got {rate} at size {size}: not a free Levy triple.")
        if _sign(rate) == 0 or _sign(size) == 0:
            continue
        twin = next((known for known in rates if _same(known, size)), size)
        rates[twin] = canonical(rates.get(twin, sp.Integer(0)) + rate)
    merged = [(rate, size) for size, rate in rates.items()]
    if all(size.is_number for _, size in merged):
        return tuple(sorted(merged, key=lambda jump: _NumericOrder(jump[1])))
    return tuple(sorted(merged, key=lambda jump: sp.default_sort_key(jump[1])))


class _NumericOrder:
    """Sort exact numbers by value."""

    def __init__(self, number: sp.Expr) -> None:
        self.number = number
        self.value = value_of_product(number)

    def __lt__(self, other: "_NumericOrder") -> bool:
        if _apart(self.value, other.value):
            return bool(self.value < other.value)  # type: ignore[operator]
        return bool((self.number - other.number).is_negative)


def _apart(first: float | None, second: float | None) -> bool:
    """Whether two floats are known and differ by more than their errors."""
    return first is not None and second is not None and not math.isclose(first, second, rel_tol=1e-9)


def _sign(expression: sp.Expr) -> int | None:
    """The sign of an expression, None if it is not known."""
    value = value_of_product(expression)
    if value is not None:
        return (value > 0) - (value < 0)
    if expression.is_zero:
        return 0
    return -1 if expression.is_negative else 1 if expression.is_positive else None


def value_of_product(number: sp.Expr) -> float | None:
    """Return a float near a rational number or a product of rational powers of such, to about 1e-14; else None.

    Nothing cancels in a product, so its float has the sign of the number, which is real and finite. It is much quicker
    than sympy's assumptions.
    """
    if number.is_Rational:
        top, bottom = abs(int(number.p)), int(number.q)
        if max(top, bottom).bit_length() > _BITS:
            return None
        value = int(number.p) / bottom
    elif number.is_Mul:
        factors = [value_of_product(part) for part in number.args]
        if None in factors:
            return None
        value = math.prod(factor for factor in factors if factor is not None)
    elif number.is_Pow and number.base.is_Rational and number.exp.is_Rational and abs(number.exp) <= _POWER:
        base = value_of_product(number.base)
        if base is None or base <= 0:
            return None
        value = float(base ** (int(number.exp.p) / int(number.exp.q)))
    else:
        return None
    return value if number.is_Rational or 1e-250 < abs(value) < 1e250 else None


def _same(left: sp.Expr, right: sp.Expr) -> bool:
    if left == right:
        return True
    if left.free_symbols or right.free_symbols or (left.is_Rational and right.is_Rational):
        return False
    if _apart(value_of_product(left), value_of_product(right)):
        return False
    if not math.isclose(float(left), float(right), rel_tol=1e-12):
        return False
    return bool((left - right).equals(0))
