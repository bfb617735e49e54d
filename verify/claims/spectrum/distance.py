"""The largest difference of two distribution functions, enclosed everywhere on the line and not only at some places.

Both functions increase. So between two places F - G is at most F at the right one less G at the left one, and the
reverse. Cells that may hold more than was found, beyond a tolerance, are halved until none is left.
"""

import itertools
from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from theory import Ball

DIGITS = 15


def largest_difference(
    law: Any, other: Any, *, ends: tuple[Fraction, Fraction], tolerance: Fraction, places: int = 40
) -> "Ball":
    """Enclose the supremum over the line of the difference of two distribution functions.

    Args:
        law: A law with ``cdf(places, digits=)`` that returns balls.
        other: Another.
        ends: Two places between which both laws have all their mass.
        tolerance: The relative width at which cells are left alone, positive.
        places: The number of cells at the beginning.

    Raises:
        ValueError: If a law has mass beyond the ends, or none of the differences at places is above zero.
    """
    from theory import Ball

    def pairs(at: Sequence[Fraction]) -> "list[tuple[Ball, Ball]]":
        return list(zip(law.cdf(at, digits=DIGITS), other.cdf(at, digits=DIGITS), strict=True)) if at else []

    left, right = ends
    grid = [left + (right - left) * k / places for k in range(places + 1)]
    known = pairs(grid)
    tiny = Fraction(1, 10 ** (DIGITS - 2))
    if any(ball.upper > tiny for ball in known[0]) or any(ball.lower < 1 - tiny for ball in known[-1]):
        raise ValueError(f"ends must hold all the mass of both laws, got {float(left):g} and {float(right):g}.")
    found = max(_at_least(*pair) for pair in known)
    if found <= 0:
        raise ValueError("law and other must differ at one of the places, got none where they do.")
    upper = found + 2 * tiny  # what may lie beyond the ends
    cells = list(itertools.pairwise(zip(grid, known, strict=True)))
    while cells:
        wide = []
        for (start, low), (stop, high) in cells:
            bound = max(high[0].upper - low[1].lower, high[1].upper - low[0].lower)
            if bound > found * (1 + tolerance):
                wide.append(((start, low), (stop, high)))
            else:
                upper = max(upper, bound)
        middles = [(start + stop) / 2 for (start, _), (stop, _) in wide]
        at_middles = pairs(middles)
        found = max([found, *(_at_least(*pair) for pair in at_middles)])
        cells = []
        for (before, after), middle in zip(wide, zip(middles, at_middles, strict=True), strict=True):
            cells += [(before, middle), (middle, after)]
    upper = max(upper, found)
    return Ball((found + upper) / 2, (upper - found) / 2, DIGITS)


def _at_least(first: "Ball", second: "Ball") -> Fraction:
    """The least absolute difference of two balls."""
    return max(first.lower - second.upper, second.lower - first.upper, Fraction(0))
