"""The domain of a formula: an open box of named real parameters.

Conventions: bounds are exact and exclusive, oo means none. To prove something on a box, each parameter is written as a
rational function of a generator that runs through all positive numbers: x = (a + b p)/(1 + p) on (a, b), x = a + p on
(a, oo), x = b - p on (-oo, b). A parameter without bounds stays as it is.
"""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction

import sympy as sp

from theory.exact_numbers import as_fraction, exact_number

_GRID = 9973  # a prime, so that the points of a box share no special denominators


@dataclass(frozen=True, init=False)
class Domain:
    """An open box of named parameters.

    Args:
        bounds: One pair (lower, upper) per parameter name; either may be infinite.

    Raises:
        ValueError: If a bound is no exact real number or oo, or an interval is empty.

    Examples:
        >>> box = Domain(phi=(0, 1), epsilon=(0, sp.oo))
        >>> print(box)
        0 < phi < 1, 0 < epsilon
        >>> box.contains(phi="1/2", epsilon=3), box.contains(phi=1, epsilon=3)
        (True, False)
    """

    bounds: tuple[tuple[str, sp.Expr, sp.Expr], ...]

    def __init__(self, **bounds: tuple[object, object]) -> None:
        rows = []
        for name, pair in bounds.items():
            if not isinstance(pair, tuple) or len(pair) != 2:
                raise ValueError(f"{name} must have two bounds (lower, upper), got {pair!r}.")
            lower, upper = (_bound(name, value) for value in pair)
            if not (lower < upper):
                raise ValueError(f"{name} must have lower < upper, got ({lower}, {upper}).")
            rows.append((name, lower, upper))
        object.__setattr__(self, "bounds", tuple(rows))

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the parameters, in order."""
        return tuple(name for name, _, _ in self.bounds)

    def contains(self, **values: object) -> bool:
        """Tell whether the given parameters lie strictly within their bounds.

        Raises:
            ValueError: If a parameter is unknown, or a value is not a finite real number.
        """
        table = {name: (lower, upper) for name, lower, upper in self.bounds}
        for name in values:
            if name not in table:
                raise ValueError(f"the domain has no parameter {name!r}; it has {', '.join(self.names) or 'none'}.")
        read = {name: exact_number(name, value) for name, value in values.items()}
        return all(bool(table[name][0] < value) and bool(value < table[name][1]) for name, value in read.items())

    def points(self, count: int) -> Iterator[dict[str, Fraction]]:
        """Yield exact rational points of the box, always the same ones.

        Raises:
            ValueError: If the count is negative.
        """
        if count < 0:
            raise ValueError(f"count must be >= 0, got {count}.")
        source = random.Random(20170711)
        for _ in range(count):
            point = {}
            for name, lower, upper in self.bounds:
                share = Fraction(source.randrange(1, _GRID), _GRID)
                if lower.is_finite and upper.is_finite:
                    low, high = _near(lower), _near(upper)
                    point[name] = low + (high - low) * share
                elif lower.is_finite:
                    point[name] = _near(lower) + share / (1 - share)
                elif upper.is_finite:
                    point[name] = _near(upper) - share / (1 - share)
                else:
                    point[name] = 4 * (2 * share - 1)
            yield point

    def generators(self, symbols: set[sp.Symbol]) -> tuple[Mapping[sp.Symbol, sp.Expr], frozenset[sp.Symbol]]:
        """Write symbols as rational functions of positive generators.

        Args:
            symbols: The symbols to be mapped; those that the box does not name count as positive if they are assumed
                so.

        Returns:
            The image of each mapped symbol, and the set of generators that are positive.
        """
        table = {name: (lower, upper) for name, lower, upper in self.bounds}
        images: dict[sp.Symbol, sp.Expr] = {}
        positive = set()
        for symbol in sorted(symbols, key=str):
            lower, upper = table.get(symbol.name, (sp.Integer(0) if symbol.is_positive else -sp.oo, sp.oo))
            if not (lower.is_finite or upper.is_finite):
                continue
            generator = sp.Dummy(f"p_{symbol.name}", positive=True)
            positive.add(generator)
            if lower.is_finite and upper.is_finite:
                images[symbol] = (lower + upper * generator) / (1 + generator)
            elif lower.is_finite:
                images[symbol] = lower + generator
            else:
                images[symbol] = upper - generator
        return images, frozenset(positive)

    def __str__(self) -> str:
        """Spell the box out, as in 0 < phi < 1, 0 < epsilon."""
        parts = []
        for name, lower, upper in self.bounds:
            left = f"{lower} < " if lower.is_finite else ""
            right = f" < {upper}" if upper.is_finite else ""
            parts.append(f"{left}{name}{right}" if left or right else f"{name} real")
        return ", ".join(parts)


def _near(bound: sp.Expr) -> Fraction:
    """The bound itself, or a rational number within 1e-40 of it."""
    return as_fraction(bound if bound.is_Rational else sp.Rational(str(bound.evalf(60))).limit_denominator(10**40))


def _bound(name: str, value: object) -> sp.Expr:
    for infinity in (sp.oo, -sp.oo):
        if value == infinity or (isinstance(value, float) and value == float(infinity)):
            return infinity
    return exact_number(f"a bound of {name}", value)
