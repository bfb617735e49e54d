"""Numbers that were estimated, or were not: a value with its standard error, and what it took.

An estimate without an error is a rumour. Exact results come in the same form, with an error of zero.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Literal

from numerics.arguments import checked_number

Method = Literal["exact", "estimated"]


@dataclass(frozen=True)
class Estimate:
    """A number and its standard error.

    Attributes:
        value: The number.
        error: Standard error, one standard deviation of the value over the random draws; 0 if exact.
        products: Products with the operator that it took.
        method: "exact" or "estimated".

    Examples:
        >>> print(Estimate(12.3456, 0.4321, 200, "estimated"))
        12.3 +- 0.4 (200 products, estimated)
    """

    value: float
    error: float
    products: int
    method: Method

    def __float__(self) -> float:
        """The value alone."""
        return self.value

    def __str__(self) -> str:
        """Value and error to the error's first digit, or to its second if the first is 1."""
        unit = "product" if self.products == 1 else "products"
        return f"{_rounded(self.value, self.error)} ({self.products} {unit}, {self.method})"

    def mapped(self, function: Callable[[float], float], slope: float) -> "Estimate":
        """A smooth function of the number, its error by the delta method.

        Args:
            function: Maps the value.
            slope: The function's derivative at the value.

        Examples:
            >>> print(Estimate(4.0, 0.2, 8, "estimated").mapped(math.sqrt, 1 / 4))
            2.00 +- 0.05 (8 products, estimated)
        """
        slope = checked_number("slope", slope)
        return Estimate(function(self.value), abs(slope) * self.error, self.products, self.method)


@cache
def widening(freedom: int) -> float:
    """How much wider than two normal deviations an interval must be whose deviation comes from few freedoms.

    A spread times this is an error of which two cover as often as two deviations of a normal number, 95.4 %.

    Args:
        freedom: Degrees of freedom of the spread, independent draws less one.

    Examples:
        >>> round(widening(1), 2), round(widening(9), 2), round(widening(1000), 2)
        (6.98, 1.16, 1.0)
    """
    from scipy.special import ndtr, stdtrit

    return float(stdtrit(freedom, ndtr(2.0))) / 2.0


def _rounded(value: float, error: float) -> str:
    """Value and error, rounded to where the error begins."""
    if not error > 0.0 or not math.isfinite(error):
        return f"{value:.6g} +- {error:g}"
    place = math.floor(math.log10(error))
    if f"{error:.0e}".startswith("1"):
        place -= 1
    if -5 <= place <= 5:
        decimals = max(-place, 0)
        return f"{value:.{decimals}f} +- {error:.{decimals}f}"
    digits = max(math.floor(math.log10(max(abs(value), error))) - place, 0)
    return f"{value:.{digits}e} +- {error:.1e}"
