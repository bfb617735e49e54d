r"""The separator of largest margin of labelled examples, in rational numbers, with the conditions that make it one.

Conventions: examples z_i are inputs multiplied by their labels, -1 or 1; there is no bias, which a constant input may
stand for. The hard-margin separator v is the shortest vector with z_i . v >= 1 for all i. The largest margin, the
largest least z_i . w over all |w| = 1, is 1/|v|.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import lcm
from typing import Any

from theory.classifier.exact_rows import fraction
from theory.exact_numbers import listed_rows
from theory.level_sets.nearest_in_cone import ConeDistance

__all__ = ["HardMargin", "hard_margin_separator"]


@dataclass(frozen=True)
class HardMargin:
    """The shortest vector v with z_i . v >= 1 for all examples, and why it is that.

    Args:
        separator: v, the sum of the multipliers times the examples.
        multipliers: One per example, not negative, and 0 where z_i . v > 1.
        products: z_i . v, at least 1.
    """

    separator: tuple[Fraction, ...]
    multipliers: tuple[Fraction, ...]
    products: tuple[Fraction, ...]

    @property
    def support(self) -> tuple[int, ...]:
        """The places of the examples with a positive multiplier."""
        return tuple(place for place, weight in enumerate(self.multipliers) if weight)

    @property
    def squared_margin(self) -> Fraction:
        """The square of the largest margin, 1/|v|^2."""
        return 1 / sum((entry**2 for entry in self.separator), Fraction(0))


def hard_margin_separator(examples: Sequence[Sequence[Any]]) -> HardMargin:
    r"""Find the hard-margin separator of labelled examples, exactly.

    The nearest point to (0, 1) in the cone of the vectors (z_i, 1) has weights c_i such that, with d = 1 - sum_i c_i,
    z_j . sum_i c_i z_i >= d, and equality where c_j > 0. Divided by d these are the conditions of Karush, Kuhn and
    Tucker,

    .. math:: v = \sum_i a_i z_i, \quad a_i \ge 0, \quad z_i \cdot v \ge 1, \quad a_i (z_i \cdot v - 1) = 0,

    which make v the shortest, since then |w|^2 >= 2 v . w - |v|^2 >= 2 sum_i a_i - |v|^2 = |v|^2 for every other w with
    z_i . w >= 1.

    Args:
        examples: Inputs multiplied by their labels, rational numbers, as many in each.

    Returns:
        The separator, its multipliers and its products with the examples, as fractions.

    Raises:
        TypeError: If the examples are no sequence of sequences of numbers.
        ValueError: If there is none, they differ in length, a number is not finite or not rational, an example is 0, or
            no vector has positive products with all of them.

    Examples:
        >>> found = hard_margin_separator([(2, 0), (0, 1), (3, 3)])
        >>> found.separator, found.support, found.squared_margin
        ((Fraction(1, 2), Fraction(1, 1)), (0, 1), Fraction(4, 5))
        >>> found.multipliers
        (Fraction(1, 4), Fraction(1, 1), Fraction(0, 1))

    References:
        Vapnik, Statistical learning theory (1998), chapter 10; Lawson and Hanson, Solving least squares problems
        (1974), chapter 23, on nearest points of cones.
    """
    rows = [
        tuple(fraction("a number of an example", number) for number in row) for row in listed_rows("examples", examples)
    ]
    if not rows:
        raise ValueError("examples must be at least one, got none.")
    for row in rows:
        if len(row) != len(rows[0]) or not any(row):
            raise ValueError(
                f"examples must be vectors of length {len(rows[0])} other than 0, got {tuple(map(str, row))}."
            )
    scale = lcm(*(number.denominator for row in rows for number in row))
    whole = [tuple(int(number * scale) for number in row) for row in rows]
    cone = ConeDistance((*(0 for _ in rows[0]), 1), [(*row, 1) for row in whole])
    weights = cone.weights((1 << len(rows)) - 1)
    room = 1 - sum(weights.values(), Fraction(0))
    if room == 0:
        raise ValueError("examples must have a vector with positive products with all of them, got none.")
    multipliers = tuple(weights.get(place, Fraction(0)) / room * scale**2 for place in range(len(rows)))
    separator = tuple(
        sum((a * row[column] for a, row in zip(multipliers, rows, strict=True)), Fraction(0))
        for column in range(len(rows[0]))
    )
    products = tuple(sum((a * b for a, b in zip(row, separator, strict=True)), Fraction(0)) for row in rows)
    return HardMargin(separator, multipliers, products)
