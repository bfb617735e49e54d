r"""The distance W1 between a spectrum and a law, by the integral of the distance of their distribution functions.

.. math:: W_1(F_n, F) = \int |F_n(x) - F(x)|\, dx

The law's distribution function F is tabulated once, at points :math:`x = c - r \cos\theta` with equal steps of theta on
each interval of the support, where the square-root edges of the density are smooth, and is linear in between;
everything else is exact for that table. With 4096 steps the error of W1 is below 1e-6 of the support's length. Nothing
here knows more of a law than its support, its atoms and its distribution function.
"""

import functools
import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from verify.intervals import Array

STEPS: Final = 4096


@dataclass(frozen=True, eq=False)
class LawTable:
    """A distribution function, linear between knots, with its primitive.

    Args:
        places: The knots in order; an atom is a knot twice.
        values: The distribution function at the knots.
        primitive: The integral of the distribution function from the first knot on.
    """

    places: Array
    values: Array
    primitive: Array

    @classmethod
    def of(cls, law: Any, steps: int = STEPS) -> "LawTable":
        """Tabulate a law.

        Raises:
            ValueError: If the law's distribution function does not reach one.
        """
        places, values = [], []
        reached = 0.0
        for lower, upper in (tuple(map(float, interval)) for interval in law.support()):
            if lower < upper:
                angles = np.linspace(0, math.pi, steps + 1)
                knots = (lower + upper) / 2 - (upper - lower) / 2 * np.cos(angles)
                knots[0], knots[-1] = lower, upper
                heights = np.asarray(law.cdf(knots), dtype=np.float64)
            else:
                knots, heights = np.array([lower]), np.array([float(law.cdf(np.nextafter(lower, math.inf)))])
            places.append(np.concatenate([knots[:1], knots]))
            values.append(np.concatenate([[reached], heights]))
            reached = float(heights[-1])
        if not abs(reached - 1) < 1e-9:
            raise ValueError(f"law must have total mass 1, got {reached} at the end of its support.")
        x, f = np.concatenate(places), np.concatenate(values)
        f = np.clip(np.maximum.accumulate(f), 0.0, 1.0)
        area = np.concatenate([[0.0], np.cumsum(np.diff(x) * (f[1:] + f[:-1]) / 2)])
        return cls(x, f, area)

    def integral(self, x: Array) -> Array:
        """Return the integral of the distribution function up to x, also where x lies outside the support."""
        inside = np.clip(x, self.places[0], self.places[-1])
        knot = np.clip(np.searchsorted(self.places, inside, side="right") - 1, 0, len(self.places) - 2)
        step = self.places[knot + 1] - self.places[knot]
        offset = inside - self.places[knot]
        slope = np.divide(self.values[knot + 1] - self.values[knot], step, out=np.zeros_like(step), where=step > 0)
        return self.primitive[knot] + offset * (self.values[knot] + slope * offset / 2) + np.maximum(x - inside, 0.0)

    def quantile(self, share: Array) -> Array:
        """Return a place at which the distribution function passes a share of the mass."""
        return np.interp(share, self.values, self.places)


@functools.lru_cache(maxsize=64)
def law_table(law: Any) -> LawTable:
    """Return the table of a law, made once."""
    return LawTable.of(law)


def standard_deviation(law: Any) -> float:
    """Return the standard deviation of a law.

    Raises:
        ValueError: If it is 0.
    """
    variance = float(law.free_cumulant(2))
    if not variance > 0:
        raise ValueError(f"law must have a positive variance, got {variance}.")
    return math.sqrt(variance)


def put_on_atoms(spectra: Array, law: Any) -> Array:
    """Move eigenvalues within 1e-10 of the law's radius of an atom onto it."""
    radius = max(abs(float(end)) for interval in law.support() for end in interval)
    for place, _ in law.atoms():
        spectra = np.where(np.abs(spectra - float(place)) <= 1e-10 * radius, float(place), spectra)
    return spectra


def distances_to_law(spectra: Array, law: Any) -> Array:
    """Return W1 between each row's empirical law and a law.

    Between neighbouring eigenvalues F_n is constant and F - F_n changes sign once, at a quantile of the law.

    Args:
        spectra: Eigenvalues, (draws, eigenvalues), in any order.
        law: Anything hashable with ``support()``, ``atoms()`` and ``cdf(x)``.

    Returns:
        One distance per draw.
    """
    table = law_table(law)
    x = np.sort(put_on_atoms(spectra, law), axis=-1)
    count = x.shape[-1]
    shares = np.arange(1, count) / count
    crossings = np.clip(table.quantile(shares), x[:, :-1], x[:, 1:])
    area = table.integral(x)
    between = shares * (2 * crossings - x[:, :-1] - x[:, 1:])
    between += area[:, :-1] + area[:, 1:] - 2 * table.integral(crossings)
    end = np.maximum(table.places[-1], x[:, -1])
    above = (end - x[:, -1]) - (table.integral(end) - area[:, -1])
    result: Array = area[:, 0] + between.sum(axis=-1) + above
    return result


def distance_between(law: Any, other: Any) -> float:
    """Return W1 between two laws."""
    first, second = law_table(law), law_table(other)
    x = np.union1d(first.places, second.places)
    # |F - G| over each piece, from the right and left limits at its ends: exact where the sign does not change
    gaps = [np.abs(_limit(first, x, side) - _limit(second, x, side)) for side in ("right", "left")]
    return float((np.diff(x) * (gaps[0][:-1] + gaps[1][1:]) / 2).sum())


def _limit(table: LawTable, x: Array, side: str) -> Array:
    """Return a one-sided limit of the distribution function at places that include all its knots or lie outside."""
    if side == "right":
        knot = np.searchsorted(table.places, x, side="right") - 1
        exact = (knot >= 0) & (table.places[np.maximum(knot, 0)] == x)
        return np.where(exact, table.values[np.maximum(knot, 0)], _linear(table, x))
    knot = np.minimum(np.searchsorted(table.places, x, side="left"), len(table.places) - 1)
    return np.where(table.places[knot] == x, table.values[knot], _linear(table, x))


def _linear(table: LawTable, x: Array) -> Array:
    return np.interp(x, table.places, table.values, left=0.0, right=1.0)
