"""Vectorised double-double arithmetic: a number is the unevaluated sum of two float64, about 32 decimal digits.

It is used where one subtraction of nearly equal numbers would cost all digits of float64: for the parameters of a law
and for the places of its edges. Error-free sums and products are Knuth's and Dekker's.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

import mpmath
import numpy as np
import sympy as sp

__all__ = ["DoubleDouble", "evaluate_expression"]

_SPLITTER = 134217729.0  # 2^27 + 1


def _two_sum(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    total = a + b
    virtual = total - a
    return total, (a - (total - virtual)) + (b - virtual)


def _split(a: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    scaled = _SPLITTER * a
    high = scaled - (scaled - a)
    return high, a - high


def _two_product(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    product = a * b
    a_high, a_low = _split(a)
    b_high, b_low = _split(b)
    return product, ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low


@dataclass(frozen=True, eq=False)
class DoubleDouble:
    """Numbers ``high + low`` with |low| at most half a unit in the last place of high.

    Examples:
        >>> third = DoubleDouble.of(Fraction(1, 3))
        >>> float((third * 3 - 1).high)
        0.0
    """

    high: np.ndarray
    low: np.ndarray

    @classmethod
    def of(cls, value: "Fraction | int | float | np.ndarray | sp.Expr") -> "DoubleDouble":
        """Read an exact number, or an array of floats as the binary numbers that they hold."""
        if isinstance(value, Fraction | sp.Rational | int):
            return cls._of_ratio(int(value.numerator), int(value.denominator))
        if isinstance(value, sp.Expr):
            sign, mantissa, exponent, _ = value.evalf(45)._mpf_
            signed, power = -int(mantissa) if sign else int(mantissa), int(exponent)
            return cls._of_ratio(signed << power, 1) if power >= 0 else cls._of_ratio(signed, 1 << -power)
        array = np.asarray(value, dtype=np.float64)
        return cls(array, np.zeros_like(array))

    @classmethod
    def _of_ratio(cls, numerator: int, denominator: int) -> "DoubleDouble":
        high = numerator / denominator
        above, below = high.as_integer_ratio()
        low = (numerator * below - above * denominator) / (denominator * below)
        return cls(np.asarray(high), np.asarray(low))

    def _read(self, other: "DoubleDouble | float | int | np.ndarray") -> "DoubleDouble":
        return other if isinstance(other, DoubleDouble) else DoubleDouble.of(np.asarray(other, dtype=np.float64))

    def __add__(self, other: "DoubleDouble | float | np.ndarray") -> "DoubleDouble":
        term = self._read(other)
        high, error = _two_sum(self.high, term.high)
        low, tail = _two_sum(self.low, term.low)
        high, error = _quick_sum(high, error + low)
        return DoubleDouble(*_quick_sum(high, error + tail))

    __radd__ = __add__

    def __neg__(self) -> "DoubleDouble":
        return DoubleDouble(-self.high, -self.low)

    def __sub__(self, other: "DoubleDouble | float | np.ndarray") -> "DoubleDouble":
        return self + (-self._read(other))

    def __rsub__(self, other: "float | np.ndarray") -> "DoubleDouble":
        return (-self) + other

    def __mul__(self, other: "DoubleDouble | float | np.ndarray") -> "DoubleDouble":
        factor = self._read(other)
        high, error = _two_product(self.high, factor.high)
        return DoubleDouble(*_quick_sum(high, error + (self.high * factor.low + self.low * factor.high)))

    __rmul__ = __mul__

    def __truediv__(self, other: "DoubleDouble | float | np.ndarray") -> "DoubleDouble":
        divisor = self._read(other)
        first = self.high / divisor.high
        rest = self - divisor * first
        second = rest.high / divisor.high
        rest = rest - divisor * second
        correction: np.ndarray = rest.high / divisor.high
        return DoubleDouble(*_quick_sum(first, second)) + correction

    def __rtruediv__(self, other: "float | np.ndarray") -> "DoubleDouble":
        return self._read(other) / self

    def sqrt(self) -> "DoubleDouble":
        """Return the square root, by one Newton step from that of the high part; NaN for negative numbers."""
        root = np.sqrt(self.high)
        safe = np.where(root > 0, root, 1.0)
        rest = self - DoubleDouble.of(root) * root
        return DoubleDouble(*_quick_sum(root, rest.high / (2 * safe)))

    def power(self, exponent: int) -> "DoubleDouble":
        """Return an integer power."""
        if exponent < 0:
            return 1.0 / self.power(-exponent)
        result, square = DoubleDouble.of(np.ones_like(self.high)), self
        while exponent:
            if exponent & 1:
                result = result * square
            square = square * square
            exponent >>= 1
        return result


def _quick_sum(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    total = a + b
    return total, b - (total - a)


def evaluate_expression(expression: sp.Expr, values: Mapping[str, DoubleDouble]) -> DoubleDouble:
    """Evaluate an expression in double-double at arrays of values of its symbols, by name.

    Sums, products, integer powers and square roots keep all digits; any other function is evaluated point by point in
    mpmath to 40 digits.
    """
    if not expression.free_symbols:
        return DoubleDouble.of(expression)
    if expression.is_Symbol:
        return values[str(expression.name)]
    if expression.is_Add or expression.is_Mul:
        parts = [evaluate_expression(part, values) for part in expression.args]
        total = parts[0]
        for part in parts[1:]:
            total = total + part if expression.is_Add else total * part
        return total
    if expression.is_Pow and expression.exp.is_Rational and int(expression.exp.q) in (1, 2):
        base = evaluate_expression(expression.base, values)
        root = base if int(expression.exp.q) == 1 else base.sqrt()
        return root.power(int(expression.exp.p))
    return _point_by_point(expression, values)


def _point_by_point(expression: sp.Expr, values: Mapping[str, DoubleDouble]) -> DoubleDouble:
    symbols = sorted(expression.free_symbols, key=str)
    function = sp.lambdify(symbols, expression, "mpmath")
    arrays = np.broadcast_arrays(*(part for s in symbols for part in (values[s.name].high, values[s.name].low)))
    high, low = np.empty(arrays[0].shape), np.empty(arrays[0].shape)
    with mpmath.workdps(40):
        for place in np.ndindex(arrays[0].shape):
            pairs = [float(array[place]) for array in arrays]
            arguments = [mpmath.mpf(h) + mpmath.mpf(lo) for h, lo in zip(pairs[::2], pairs[1::2], strict=True)]
            result = mpmath.re(function(*arguments))
            high[place] = float(result)
            low[place] = float(result - mpmath.mpf(high[place]))
    return DoubleDouble(high, low)
