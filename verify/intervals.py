"""Intervals with exact inclusion, and the confidence intervals that the rules use.

Bounds are ints, floats or Fractions; Python compares these three exactly, so no comparison here rounds. Confidence
intervals are two-sided: an interval of level ``a`` misses the truth with probability at most ``a``, at most half of
it on either side. Every function of a sample takes it on the *last* axis and broadcasts over the others.
"""

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

Number = int | float | Fraction
Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Interval:
    """An interval of the extended real line, closed unless said.

    Args:
        lower: Lower end, ``-inf`` for a half-line.
        upper: Upper end, at least ``lower``.
        lower_open: Whether the lower end is left out.
        upper_open: Whether the upper end is left out.

    Raises:
        ValueError: If an end is not a number, or the ends are in the wrong order.

    Examples:
        >>> Interval(Fraction(1, 10), 1).contains(0.1)  # the double .1 is a little more than 1/10
        True
        >>> Interval(0, 0.5).is_inside(Interval(0, 1)), Interval(0, 0.5).is_disjoint(Interval(0.5, 1, lower_open=True))
        (True, True)
        >>> print(Interval(0.5, 1, lower_open=True), Interval(-math.inf, 2))
        (0.5, 1] (-inf, 2]
    """

    lower: Number
    upper: Number
    lower_open: bool = False
    upper_open: bool = False

    def __post_init__(self) -> None:
        if self.lower != self.lower or self.upper != self.upper:
            raise ValueError(f"the ends of an interval must be numbers, got {self.lower} and {self.upper}.")
        if self.lower > self.upper or (self.lower == self.upper and (self.lower_open or self.upper_open)):
            raise ValueError(f"lower must not lie above upper, got lower = {self.lower}, upper = {self.upper}.")

    @classmethod
    def around(cls, centre: Number, margin: Number) -> "Interval":
        """Return the closed interval ``centre`` +- ``margin``, its ends exact."""
        if infinite(centre) or infinite(margin):
            return cls(centre - margin, centre + margin)
        middle, half = Fraction(centre), Fraction(margin)
        return cls(middle - half, middle + half)

    def contains(self, value: Number) -> bool:
        """Say whether a number lies in the interval."""
        return self._above(value) and self._below(value)

    def is_inside(self, other: "Interval") -> bool:
        """Say whether every point of this interval lies in the other."""
        low = self.lower > other.lower or (self.lower == other.lower and (self.lower_open or not other.lower_open))
        high = self.upper < other.upper or (self.upper == other.upper and (self.upper_open or not other.upper_open))
        return low and high

    def is_disjoint(self, other: "Interval") -> bool:
        """Say whether the two intervals have no point in common."""
        left = self.upper < other.lower or (self.upper == other.lower and (self.upper_open or other.lower_open))
        right = other.upper < self.lower or (other.upper == self.lower and (other.upper_open or self.lower_open))
        return left or right

    def stretched(self, factor: int) -> "Interval":
        """Return the interval with both ends multiplied by a positive factor, exactly."""
        lower, upper = (end if infinite(end) else Fraction(end) * factor for end in (self.lower, self.upper))
        return Interval(lower, upper, self.lower_open, self.upper_open)

    def _above(self, value: Number) -> bool:
        return value > self.lower or (value == self.lower and not self.lower_open)

    def _below(self, value: Number) -> bool:
        return value < self.upper or (value == self.upper and not self.upper_open)

    def __str__(self) -> str:
        left = "(" if self.lower_open or infinite(self.lower) else "["
        right = ")" if self.upper_open or infinite(self.upper) else "]"
        return f"{left}{in_words(self.lower)}, {in_words(self.upper)}{right}"


def infinite(value: Number) -> bool:
    """Say whether a number is infinite; a fraction never is, even where no float can hold it."""
    return isinstance(value, float) and math.isinf(value)


def in_words(value: Number) -> str:
    """Return a number in at most six significant digits.

    Examples:
        >>> in_words(Fraction(1, 3)), in_words(1600), in_words(1e-7)
        ('0.333333', '1600', '1e-07')
        >>> in_words(Fraction(10) ** 400 / 3)
        '3.33333e+399'
    """
    if isinstance(value, int) and abs(value) < 10**15:
        return str(value)
    try:
        return f"{float(value):.6g}"
    except OverflowError:
        exact = Fraction(value)
        return f"{Decimal(exact.numerator) / Decimal(exact.denominator):.6g}"


@functools.lru_cache(maxsize=4096)
def median_ranks(size: int, level: float) -> tuple[int, int] | None:
    r"""Return the ranks of the two order statistics that enclose the median of any continuous law.

    The interval :math:`[x_{(k)}, x_{(n+1-k)}]` misses the median with probability exactly :math:`2 P(\mathrm{Bin}(n,
    1/2) < k)`, whatever the continuous law; ``k`` is the largest rank for which this is at most the level.

    Returns:
        The ranks, counted from 1, or None where even the extremes do not reach the level.

    Examples:
        >>> median_ranks(20, 1e-4), median_ranks(14, 1e-4), median_ranks(100, 0.05)
        ((2, 19), None, (40, 61))
    """
    from scipy.special import bdtr

    if size < 1 or 2.0 ** (1 - size) > level:
        return None
    low, high = 1, size // 2 + 1  # the rank `low` is good, the rank `high` is not
    while high - low > 1:
        middle = (low + high) // 2
        if 2 * float(bdtr(middle - 1, size, 0.5)) <= level:
            low = middle
        else:
            high = middle
    return low, size + 1 - low


def least_size(level: float) -> int:
    """Return how many draws it takes before the two extremes enclose the median of any continuous law at a level.

    Examples:
        >>> least_size(1e-4), least_size(1e-4 / 100)
        (15, 21)
    """
    return math.ceil(1 - math.log2(level))


def median_interval(values: npt.ArrayLike, level: float) -> tuple[Array, Array]:
    """Return the exact order-statistic interval of the median, over the last axis.

    Examples:
        >>> lower, upper = median_interval(np.arange(1.0, 21.0), 1e-4)
        >>> float(lower), float(upper)
        (2.0, 19.0)
    """
    array = np.sort(np.asarray(values, dtype=np.float64), axis=-1)
    ranks = median_ranks(array.shape[-1], level)
    if ranks is None:
        edge = np.full(array.shape[:-1], np.inf)
        return -edge, edge
    return array[..., ranks[0] - 1], array[..., ranks[1] - 1]


def median_error(values: npt.ArrayLike) -> Array:
    """Return a standard error of the median: half the distance between the sample's quantiles at 1/2 +- 1/(2 sqrt(n)).

    Examples:
        >>> round(float(median_error(np.arange(101.0))), 3)
        4.975
    """
    array = np.asarray(values, dtype=np.float64)
    step = 0.5 / math.sqrt(array.shape[-1])
    lower, upper = np.quantile(array, [0.5 - step, 0.5 + step], axis=-1)
    return np.asarray((upper - lower) / 2)


def student_interval(values: npt.ArrayLike, level: float) -> tuple[Array, Array]:
    """Return Student's interval of the mean, over the last axis; its level is nominal unless the values are normal.

    Examples:
        >>> lower, upper = student_interval([1.0, 2.0, 3.0], 0.05)
        >>> round(float(lower), 4), round(float(upper), 4)
        (-0.4841, 4.4841)
    """
    from scipy.special import stdtrit

    array = np.asarray(values, dtype=np.float64)
    half = -float(stdtrit(array.shape[-1] - 1, level / 2)) * mean_error(array)
    centre = array.mean(axis=-1)
    return centre - half, centre + half


def mean_error(values: npt.ArrayLike) -> Array:
    """Return the standard error of the mean, over the last axis."""
    array = np.asarray(values, dtype=np.float64)
    return np.asarray(array.std(axis=-1, ddof=1) / math.sqrt(array.shape[-1]))


def clopper_pearson(successes: npt.ArrayLike, trials: int, level: float) -> tuple[Array, Array]:
    """Return the exact (conservative) interval of a proportion from a count.

    Examples:
        >>> lower, upper = clopper_pearson(15, 15, 1e-4)
        >>> round(float(lower), 4), float(upper)
        (0.5167, 1.0)
    """
    from scipy.special import betaincinv

    count = np.asarray(successes, dtype=np.float64)
    lower = np.where(count > 0, betaincinv(np.maximum(count, 1), trials - count + 1, level / 2), 0.0)
    rest = np.maximum(trials - count, 1)
    upper = np.where(count < trials, betaincinv(count + 1, rest, 1 - level / 2), 1.0)
    return lower, upper


def jackknife(draws: npt.ArrayLike, statistic: Callable[[Any], float]) -> tuple[float, float]:
    """Return a statistic of independent draws (first axis), corrected for bias, with its standard error, by leaving
    out one draw at a time.

    Raises:
        ValueError: If there are fewer than two draws.

    Examples:
        >>> estimate, error = jackknife([1.0, 2.0, 3.0, 6.0], np.mean)
        >>> round(estimate, 12), round(error, 6), round(float(mean_error([1.0, 2.0, 3.0, 6.0])), 6)
        (3.0, 1.080123, 1.080123)
    """
    array = np.asarray(draws)
    count = array.shape[0] if array.ndim else 0
    if count < 2:
        raise ValueError(f"draws must hold at least 2 independent draws, got {count}.")
    whole = float(statistic(array))
    parts = np.array([float(statistic(np.delete(array, draw, axis=0))) for draw in range(count)])
    error = math.sqrt((count - 1) / count * float(np.square(parts - parts.mean()).sum()))
    return count * whole - (count - 1) * float(parts.mean()), error
