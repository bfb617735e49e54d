"""The domain of a formula: an open box of named real parameters, narrowed to integers and by conditions between them.

Conventions: bounds are exact and exclusive, oo means none. Integers and conditions such as B <= n narrow the box:
points that are tried or accepted obey them, while a proof holds on the whole box and so on what is left of it. To
prove something on a box, each parameter is written as a rational function of a generator that runs through all
positive numbers: x = (a + b p)/(1 + p) on (a, b), x = a + p on (a, oo), x = b - p on (-oo, b). A parameter without
bounds stays as it is.
"""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import sympy as sp

from theory.exact_numbers import as_fraction, exact_number

_GRID = 9973  # a prime, so that the points of a box share no special denominators
_SPAN = 12  # integers without a bound are drawn from so many
_TRIES = 1000


@dataclass(frozen=True, init=False)
class Domain:
    """An open box of named parameters, narrowed to integers and by conditions where that is said.

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
        >>> B, n = sp.symbols("B n")
        >>> batches = Domain(n=(1, sp.oo), B=(0, sp.oo)).with_integers("n", "B").where(B <= n)
        >>> print(batches)
        1 < n, 0 < B, B <= n, n and B integers
        >>> batches.contains(n=3, B=2), batches.contains(n=3, B=5), batches.contains(n="7/2")
        (True, False, False)
    """

    bounds: tuple[tuple[str, sp.Expr, sp.Expr], ...]
    integers: frozenset[str]
    conditions: tuple[sp.Rel, ...]

    def __init__(self, **bounds: tuple[object, object]) -> None:
        rows = []
        for name, pair in bounds.items():
            if not isinstance(pair, tuple) or len(pair) != 2:
                raise ValueError(f"{name} must have two bounds (lower, upper), got {pair!r}.")
            lower, upper = (_bound(name, value) for value in pair)
            if not (lower < upper):
                raise ValueError(f"{name} must have lower < upper, got ({lower}, {upper}).")
            rows.append((name, lower, upper))
        self._set(tuple(rows), frozenset(), ())

    def with_integers(self, *names: str) -> "Domain":
        """Return the points of this domain at which some parameters are integers.

        Raises:
            ValueError: If a parameter is unknown, or there is no integer between its bounds.
        """
        table = {name: (lower, upper) for name, lower, upper in self.bounds}
        for name in names:
            self._refuse_unknown(name)
            lower, upper = table[name]
            if lower.is_finite and upper.is_finite and not _first(lower) < upper:
                raise ValueError(f"{name} must have an integer between its bounds, got ({lower}, {upper}).")
        return self._narrowed(self.integers | set(names), self.conditions)

    def where(self, *conditions: sp.Rel) -> "Domain":
        """Return the points of this domain at which some relations between parameters hold.

        Args:
            conditions: Relations as sympy writes them, B <= n; parameters are known by their names.

        Raises:
            ValueError: If one is no relation, has an unknown parameter, or no point is left.
        """
        for condition in conditions:
            if not isinstance(condition, sp.core.relational.Relational):
                raise ValueError(f"a condition must be a relation between parameters, got {condition}.")
            for symbol in condition.free_symbols:
                self._refuse_unknown(str(symbol))
        narrow = self._narrowed(self.integers, (*self.conditions, *conditions))
        next(narrow.points(1))
        return narrow

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the parameters, in order."""
        return tuple(name for name, _, _ in self.bounds)

    def contains(self, **values: object) -> bool:
        """Tell whether the given parameters lie strictly within their bounds, as integers where they must be.

        A condition counts once all its parameters are given.

        Raises:
            ValueError: If a parameter is unknown, or a value is not a finite real number.
        """
        table = {name: (lower, upper) for name, lower, upper in self.bounds}
        for name in values:
            self._refuse_unknown(name)
        read = {name: exact_number(name, value) for name, value in values.items()}
        within = all(bool(table[name][0] < value) and bool(value < table[name][1]) for name, value in read.items())
        return within and all(read[name].is_integer for name in self.integers & read.keys()) and self._obeys(read)

    def points(self, count: int) -> Iterator[dict[str, Fraction]]:
        """Yield exact rational points of the box, always the same ones.

        Raises:
            ValueError: If the count is negative.
        """
        if count < 0:
            raise ValueError(f"count must be >= 0, got {count}.")
        source = random.Random(20170711)
        for _ in range(count):
            for _ in range(_TRIES):
                point = self._drawn(source)
                if not self.conditions or self._obeys({name: sp.Rational(value) for name, value in point.items()}):
                    break
            else:
                raise ValueError(f"the conditions must leave points of the box, got none in {_TRIES} draws of {self}.")
            yield point

    def _drawn(self, source: random.Random) -> dict[str, Fraction]:
        point = {}
        for name, lower, upper in self.bounds:
            share = Fraction(source.randrange(1, _GRID), _GRID)
            if name in self.integers:
                point[name] = _whole(lower, upper, share)
            elif lower.is_finite and upper.is_finite:
                low, high = _near(lower), _near(upper)
                point[name] = low + (high - low) * share
            elif lower.is_finite:
                point[name] = _near(lower) + share / (1 - share)
            elif upper.is_finite:
                point[name] = _near(upper) - share / (1 - share)
            else:
                point[name] = 4 * (2 * share - 1)
        return point

    def generators(self, symbols: set[sp.Symbol]) -> tuple[Mapping[sp.Symbol, sp.Expr], frozenset[sp.Symbol]]:
        """Write symbols as rational functions of positive generators, which run through the whole box.

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
        """Spell the domain out, as in 0 < phi < 1, 0 < epsilon."""
        parts = []
        for name, lower, upper in self.bounds:
            left = f"{lower} < " if lower.is_finite else ""
            right = f" < {upper}" if upper.is_finite else ""
            parts.append(f"{left}{name}{right}" if left or right else f"{name} real")
        parts += [str(condition) for condition in self.conditions]
        whole = [name for name in self.names if name in self.integers]
        if whole:
            listed = " and ".join(filter(None, (", ".join(whole[:-1]), whole[-1])))
            parts.append(f"{listed} integer{'s' if len(whole) > 1 else ''}")
        return ", ".join(parts)

    def _set(self, bounds: Any, integers: frozenset[str], conditions: tuple[sp.Rel, ...]) -> None:
        for name, value in (("bounds", bounds), ("integers", integers), ("conditions", conditions)):
            object.__setattr__(self, name, value)

    def _narrowed(self, integers: frozenset[str], conditions: tuple[sp.Rel, ...]) -> "Domain":
        narrow = Domain()
        narrow._set(self.bounds, integers, conditions)
        return narrow

    def _refuse_unknown(self, name: str) -> None:
        if name not in self.names:
            raise ValueError(f"the domain has no parameter {name!r}; it has {', '.join(self.names) or 'none'}.")

    def _obeys(self, values: Mapping[str, sp.Expr]) -> bool:
        """Whether every condition holds whose parameters are all given."""
        for condition in self.conditions:
            symbols = {symbol: str(symbol) for symbol in condition.free_symbols}
            given = set(symbols.values()) <= values.keys()
            if given and not condition.subs({symbol: values[name] for symbol, name in symbols.items()}):
                return False
        return True


def _first(lower: sp.Expr) -> int:
    """The least integer above a bound."""
    return int(sp.floor(lower)) + 1


def _whole(lower: sp.Expr, upper: sp.Expr, share: Fraction) -> Fraction:
    """An integer between the bounds, one of a dozen where there is no end."""
    if not lower.is_finite and not upper.is_finite:
        return Fraction(int(2 * _SPAN * share) - _SPAN)
    if not lower.is_finite:
        return Fraction(int(sp.ceiling(upper)) - 1 - int(_SPAN * share))
    first = _first(lower)
    count = int(sp.ceiling(upper)) - first if upper.is_finite else _SPAN
    return Fraction(first + int(count * share))


def _near(bound: sp.Expr) -> Fraction:
    """The bound itself, or a rational number within 1e-40 of it."""
    return as_fraction(bound if bound.is_Rational else sp.Rational(str(bound.evalf(60))).limit_denominator(10**40))


def _bound(name: str, value: object) -> sp.Expr:
    for infinity in (sp.oo, -sp.oo):
        if value == infinity or (isinstance(value, float) and value == float(infinity)):
            return infinity
    return exact_number(f"a bound of {name}", value)
