"""Polynomials with rational coefficients in named generators, some of which are roots of earlier ones.

Conventions: elements are python-flint's ``fmpq_mpoly``, in lexicographic order of the generators; a root r of order q
satisfies r^q = base, and a *reduced* element has degree below q in it. Generators that are roots come last, each base
in those before it. python-flint divides and factors hundreds of times faster than sympy, which appears at the two ends
only.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import mul
from typing import Any

import flint
import sympy as sp

_MAX_TERMS = 20_000

Polynomial = Any  # flint.fmpq_mpoly, whose stubs are partial


class TooLongError(Exception):
    """A normal form outgrows the engine."""


class PolynomialRing:
    """The polynomials in a list of generators, modulo the equations of those that are roots.

    Args:
        symbols: The generators, roots after the generators of their bases.
        roots: Pairs (order, base) of the generators that are roots; the bases are polynomials.

    Examples:
        >>> x, r = sp.symbols("x r")
        >>> numbers = PolynomialRing((x, r), {r: (2, 1 + x)})
        >>> element = numbers.reduced(numbers.element(r) * numbers.element(r))
        >>> numbers.expression(element)
        x + 1
        >>> [numbers.expression(factor) for factor, power in numbers.factors(element * element)[1]]
        [x + 1]
    """

    def __init__(self, symbols: Sequence[sp.Symbol], roots: dict[sp.Symbol, tuple[int, sp.Expr]]) -> None:
        self.symbols = tuple(symbols)
        self.context = flint.fmpq_mpoly_ctx.get(tuple(f"x{k}" for k in range(len(self.symbols))), "lex")
        self.generators = dict(zip(self.symbols, self.context.gens(), strict=True))
        self.zero, self.one = self.context.constant(0), self.context.constant(1)
        self.roots = {
            self.symbols.index(symbol): (order, self.element(base))
            for symbol, (order, base) in roots.items()
            if symbol in self.generators
        }
        self._last_first = sorted(self.roots.items(), reverse=True)

    def element(self, expression: sp.Expr) -> Polynomial:
        """Turn a polynomial expression into an element."""
        if expression.is_Rational:
            return self.constant(expression)
        if expression.is_Symbol:
            return self.generators[expression]
        if expression.is_Add:
            return sum((self.element(part) for part in expression.args), self.zero)
        if expression.is_Mul:
            return reduce(mul, (self.element(part) for part in expression.args), self.one)
        return self.element(expression.base) ** int(expression.exp)

    def constant(self, number: sp.Rational) -> Polynomial:
        """Turn a rational number into an element."""
        return self.context.constant(flint.fmpq(int(number.p), int(number.q)))

    def expression(self, element: Polynomial) -> sp.Expr:
        """Turn an element into an expanded expression."""
        return sp.Add(
            *(
                sp.Mul(
                    _rational(coefficient),
                    *(x**power for x, power in zip(self.symbols, powers, strict=True) if power),
                )
                for powers, coefficient in element.terms()
            )
        )

    def reduced(self, element: Polynomial) -> Polynomial:
        """Return the remainder modulo the equations of the roots.

        Raises:
            TooLongError: If it has too many terms.
        """
        for position, (order, base) in self._last_first:
            while element.degrees()[position] >= order:
                low: dict[tuple[int, ...], Any] = {}
                high: dict[tuple[int, ...], Any] = {}
                for powers, coefficient in element.terms():
                    if powers[position] >= order:
                        high[(*powers[:position], powers[position] - order, *powers[position + 1 :])] = coefficient
                    else:
                        low[powers] = coefficient
                element = self.context.from_dict(low) + self.context.from_dict(high) * base
        if len(element) > _MAX_TERMS:
            raise TooLongError(f"the normal form has more than {_MAX_TERMS} terms")
        return element

    def ratio(self, top: Polynomial | int, bottom: Polynomial | int = 1) -> "Ratio":
        """Divide two elements, in lowest terms; the first coefficient of the denominator is 1.

        Raises:
            ZeroDivisionError: If the denominator is zero.
        """
        top, bottom = self.reduced(self.zero + top), self.reduced(self.zero + bottom)
        if not bottom:
            raise ZeroDivisionError("a denominator is identically zero")
        if not top:
            return Ratio(self, top, self.one)
        if not bottom.is_constant():
            common = top.gcd(bottom)
            if not common.is_constant():
                top, bottom = top / common, bottom / common
        leading = bottom.leading_coefficient()
        return Ratio(self, top, bottom) if leading == 1 else Ratio(self, top / leading, bottom / leading)

    def factors(self, element: Polynomial) -> tuple[sp.Rational, list[tuple[Polynomial, int]]]:
        """Factor an element into a rational number and primitive polynomials with positive first coefficient."""
        content, factors = element.factor()
        return _rational(content), [(factor, int(power)) for factor, power in factors]

    def used(self, element: Polynomial) -> list[sp.Symbol]:
        """List the generators that an element contains."""
        return [symbol for symbol, degree in zip(self.symbols, element.degrees(), strict=True) if degree > 0]

    def coefficients(self, element: Polynomial, symbol: sp.Symbol) -> list[Polynomial]:
        """List the coefficients of an element as a polynomial in one generator, lowest power first."""
        position = self.symbols.index(symbol)
        parts: list[dict[tuple[int, ...], Any]] = [{} for _ in range(max(0, element.degrees()[position]) + 1)]
        for powers, coefficient in element.terms():
            parts[powers[position]][(*powers[:position], 0, *powers[position + 1 :])] = coefficient
        return [self.context.from_dict(part) for part in parts]

    def common_sign(self, element: Polynomial) -> int | None:
        """Return the sign of all coefficients, or None if they differ."""
        signs = {coefficient > 0 for coefficient in element.coeffs()}
        return None if len(signs) > 1 else (1 if signs.pop() else -1)

    def ball(self, element: Polynomial, *, first: int, step: int) -> flint.acb:
        """Enclose an element where the generators that are no roots are first, first + step, ... over first."""
        places: list[flint.acb] = []
        free = 0
        for position in range(len(self.symbols)):
            if position in self.roots:
                order, base = self.roots[position]
                value = _at(base, places)
                places.append(value.sqrt() if order == 2 else value.root(order))
            else:
                places.append(flint.acb(flint.fmpq(first + step * free, first)))
                free += 1
        return _at(element, places)


@dataclass(frozen=True, eq=False)
class Ratio:
    """A quotient of two polynomials of one ring, in lowest terms as polynomials.

    Args:
        ring: Where the two come from.
        top: The numerator.
        bottom: The denominator, not zero; its first coefficient is 1.

    Examples:
        >>> x = sp.Symbol("x")
        >>> numbers = PolynomialRing((x,), {})
        >>> element = numbers.ratio(numbers.element(x))
        >>> (1 / (element + 1) - 1 / (1 - element**2)).expression()
        x/(x**2 - 1)
    """

    ring: PolynomialRing
    top: Polynomial
    bottom: Polynomial

    def __add__(self, other: "Ratio | int") -> "Ratio":
        if not isinstance(other, Ratio):
            return Ratio(self.ring, self.top + other * self.bottom, self.bottom)
        if self.bottom == other.bottom:
            return self.ring.ratio(self.top + other.top, self.bottom)
        common = self.bottom.gcd(other.bottom)
        first, second = self.bottom / common, other.bottom / common
        return self.ring.ratio(self.top * second + other.top * first, self.bottom * second)

    def __mul__(self, other: "Ratio | int") -> "Ratio":
        if not isinstance(other, Ratio):
            return self.ring.ratio(self.top * other, self.bottom)
        return self.ring.ratio(self.top * other.top, self.bottom * other.bottom)

    __radd__, __rmul__ = __add__, __mul__

    def __neg__(self) -> "Ratio":
        return Ratio(self.ring, -self.top, self.bottom)

    def __sub__(self, other: "Ratio | int") -> "Ratio":
        return self + (-other)

    def __rsub__(self, other: int) -> "Ratio":
        return other + (-self)

    def __truediv__(self, other: "Ratio | int") -> "Ratio":
        return self * (other.inverse() if isinstance(other, Ratio) else self.ring.ratio(1, other))

    def __rtruediv__(self, other: int) -> "Ratio":
        return other * self.inverse()

    def __pow__(self, exponent: int) -> "Ratio":
        """Raise to a power >= 0."""
        if not self.ring.roots:
            return Ratio(self.ring, self.top**exponent, self.bottom**exponent)
        return reduce(mul, [self] * exponent, self.ring.ratio(1))

    def __eq__(self, other: object) -> bool:
        return not self - other if isinstance(other, Ratio | int) else NotImplemented

    def __bool__(self) -> bool:
        return bool(self.top)

    def inverse(self) -> "Ratio":
        """Return one over it.

        Raises:
            ZeroDivisionError: If it is zero.
        """
        return self.ring.ratio(self.bottom, self.top)

    def expression(self) -> sp.Expr:
        """Return the quotient of the expanded numerator and denominator."""
        return self.ring.expression(self.top) / self.ring.expression(self.bottom)

    def factored(self) -> sp.Expr:
        """Return the quotient in factors."""
        content, parts = sp.Integer(1), []
        for element, side in ((self.top, 1), (self.bottom, -1)):
            number, factors = self.ring.factors(element)
            content *= number**side
            parts += [self.ring.expression(factor) ** (side * power) for factor, power in factors]
        return sp.Mul(content, *parts)


def _at(element: Polynomial, places: Sequence[flint.acb]) -> flint.acb:
    """The value of a polynomial in the first few generators."""
    return sum(_terms(element, places), flint.acb(0))


def _terms(element: Polynomial, places: Sequence[flint.acb]) -> Iterator[flint.acb]:
    for powers, coefficient in element.terms():
        value = flint.acb(coefficient)
        for power, place in zip(powers, places, strict=False):
            if power:
                value *= place ** int(power)
        yield value


def _rational(number: flint.fmpq) -> sp.Rational:
    return sp.Rational(int(number.p), int(number.q))
