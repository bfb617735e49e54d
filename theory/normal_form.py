r"""Deciding equality and sign of expressions with radicals, exactly.

Conventions: an expression is a rational function of *generators*. The parameters of a domain become rational
functions of generators that run through the positive numbers. A radical f^(1/q) becomes a generator r with minimal
polynomial r^q = f; the factors of f whose sign on the domain is known are split off first, so that roots of different
expressions are independent and the remainder is canonical: zero if and only if the expression is. Nested radicals,
and radicals of things of unknown sign, stay whole: there a remainder 0 still proves a zero, while another remainder
decides nothing. Functions other than powers are generators, one per normalised argument; finite sums over the same
range are merged.

A polynomial without zeros on the box, by coefficients of one sign (after multiplication by powers of one plus the sum
of the generators, as in Polya's theorem), by Sturm's count, or by its norm over the radicals, has there the sign that
it has at one point. `simplify` decides nothing in this module.
"""

from dataclasses import dataclass, field
from functools import reduce
from operator import add, mul
from typing import Any

import flint
import sympy as sp

from theory.balls_of_expressions import NoBallError, complex_ball
from theory.domain import Domain
from theory.polynomials import Polynomial, PolynomialRing, Ratio, TooLongError

_POLYA_STEPS = 6
_PRECISION = 256


class UndecidedError(Exception):
    """The exact engine cannot decide; the message says why."""


@dataclass
class ExactForm:
    """The generators and radicals that a computation on one domain has met so far.

    Args:
        domain: The box on which signs are decided.
    """

    domain: Domain
    images: dict[sp.Symbol, sp.Expr] = field(default_factory=dict)
    positive: set[sp.Symbol] = field(default_factory=set)
    radicals: dict[sp.Symbol, tuple[int, sp.Expr]] = field(default_factory=dict)
    _known: dict[Any, sp.Expr] = field(default_factory=dict)
    _mapped: dict[sp.Expr, sp.Expr] = field(default_factory=dict)
    _rings: dict[tuple[sp.Symbol, ...], PolynomialRing] = field(default_factory=dict)

    def quotient(self, expression: sp.Expr) -> Ratio:
        """Write an expression as a reduced quotient of polynomials in the generators.

        Raises:
            UndecidedError: If a denominator vanishes identically or the expression outgrows the engine.
        """
        fresh = {symbol for symbol in expression.free_symbols if symbol.is_Symbol} - self.images.keys()
        images, positive = self.domain.generators(fresh)
        self.positive.update(positive)
        self.images.update({symbol: self._rational(image) for symbol, image in images.items()})
        return self._quotient(self._rational(expression))

    def is_zero(self, expression: sp.Expr) -> bool:
        """Tell whether the normal form of an expression is 0; False may also mean that it is not decided."""
        if not self.quotient(expression).top:
            return True
        if not (expression.is_number and expression.is_algebraic):
            return False
        unknown = sp.Dummy("x")  # a number with nested radicals or roots of polynomials
        return bool(sp.minimal_polynomial(expression, unknown) == unknown)

    def sign(self, expression: sp.Expr) -> int:
        """Return the one sign, +1 or -1, that a real expression has on the whole domain.

        Raises:
            UndecidedError: If no such sign could be proved.
        """
        if expression.is_number and (sign := _sign_of_number(expression)):
            return sign
        quotient = self.quotient(expression)
        return self._sign(quotient.ring, quotient.top) * self._sign(quotient.ring, quotient.bottom)

    # ---------------------------------------------------------------- expressions to rational functions of generators

    def _rational(self, expression: sp.Expr) -> sp.Expr:
        """Replace parameters, radicals and functions by generators, once for each expression."""
        if expression not in self._mapped:
            self._mapped[expression] = self._replaced(expression)
        return self._mapped[expression]

    def _replaced(self, expression: sp.Expr) -> sp.Expr:
        if expression.is_Rational:
            return expression
        if expression.is_Float:
            raise UndecidedError(f"the float {expression} is not exact")
        if expression.is_Symbol:
            return self.images.get(expression, expression)
        if expression is sp.I:
            return self._radical(2, sp.Integer(-1))
        if expression.is_Add or expression.is_Mul:
            return expression.func(*(self._rational(part) for part in expression.args))
        if expression.is_Pow and expression.exp.is_Integer:
            return self._rational(expression.base) ** expression.exp
        if expression.is_Pow and expression.exp.is_Rational:
            return self._power(self._rational(expression.base), expression.exp)
        if isinstance(expression, sp.Abs):
            try:
                return self.sign(expression.args[0]) * self._rational(expression.args[0])
            except UndecidedError:
                return self._opaque(expression)
        return self._opaque(expression)

    def _opaque(self, expression: sp.Expr) -> sp.Expr:
        """A function, constant or indexed object of which only equality of arguments is known."""
        key: Any = expression
        if isinstance(expression, sp.Function) and not isinstance(expression, sp.core.function.AppliedUndef):
            quotients = (self._quotient(self._rational(argument)) for argument in expression.args)
            key = (expression.func, tuple(quotient.expression() for quotient in quotients))
        if key not in self._known:
            generator = sp.Dummy("f")
            self._known[key] = generator
            if expression.is_positive:
                self.positive.add(generator)
        return self._known[key]

    def _power(self, base: sp.Expr, exponent: sp.Rational) -> sp.Expr:
        """Split a radical over the factors of its base that have a known sign."""
        p, q = int(exponent.p), int(exponent.q)
        quotient = self._quotient(base)
        ring = quotient.ring
        if not quotient:
            raise UndecidedError(f"the radical of {base} is a power of zero")
        whole, result, sign = sp.Integer(1), sp.Integer(1), 1
        for polynomial, side in ((quotient.top, 1), (quotient.bottom, -1)):
            content, factors = ring.factors(polynomial)
            sign *= -1 if content < 0 else 1
            for prime, power in sp.factorrat(abs(content)).items():
                result *= self._radical(q, sp.Integer(prime)) ** (p * side * power)
            for factor, power in factors:
                try:
                    value = self._sign_of_factor(ring, factor)
                except UndecidedError:
                    whole *= ring.expression(factor) ** (side * power)
                    continue
                sign *= value**power
                result *= self._radical(q, ring.expression(value * factor)) ** (p * side * power)
        if whole != 1:  # the rest of unknown sign stays under one root, over a common denominator
            top, bottom = sp.fraction(sp.together(sign * whole))
            return result * (self._radical(q, sp.expand(top * bottom ** (q - 1))) / bottom) ** p
        return result if sign > 0 else result * self._radical(q, sp.Integer(-1)) ** p

    def _radical(self, order: int, base: sp.Expr) -> sp.Expr:
        if base == 1:
            return sp.Integer(1)
        if order > 2 and order % 2 == 0:  # b^(1/4) is the root of b^(1/2), so that the two know each other
            return self._radical(order // 2, self._radical(2, base))
        quotient = self._quotient(base)
        base = quotient.expression()
        key = (order, base)
        if key not in self._known:
            generator = sp.Dummy("r")
            self._known[key] = generator
            self.radicals[generator] = (order, base)
            try:
                if self._sign(quotient.ring, quotient.top) > 0:
                    self.positive.add(generator)
            except UndecidedError:
                pass
        return self._known[key]

    # --------------------------------------------------------------------------------- quotients of polynomials

    def _ring(self, symbols: set[sp.Symbol]) -> PolynomialRing:
        """The ring of some generators and of those that the bases of their radicals bring along."""
        while True:
            grown = symbols.union(*(self.radicals[x][1].free_symbols for x in symbols if x in self.radicals))
            if grown == symbols:
                break
            symbols = grown
        order = {radical: index + 1 for index, radical in enumerate(self.radicals)}
        ordered = tuple(sorted(symbols, key=lambda x: (order.get(x, 0), x.name, getattr(x, "dummy_index", 0))))
        if ordered not in self._rings:
            self._rings[ordered] = PolynomialRing(ordered, self.radicals)
        return self._rings[ordered]

    def _quotient(self, expression: sp.Expr) -> Ratio:
        """Bring a rational function of generators to lowest terms."""
        ring = self._ring(expression.free_symbols)
        done: dict[sp.Expr, Ratio] = {}

        def build(part: sp.Expr) -> Ratio:
            if part not in done:
                done[part] = fresh(part)
            return done[part]

        def fresh(part: sp.Expr) -> Ratio:
            if part.is_Rational:
                return ring.ratio(ring.constant(part))
            if part.is_Symbol:
                return ring.ratio(ring.generators[part])
            if part.is_Add:
                return reduce(add, (build(term) for term in part.args))
            if part.is_Mul:
                return reduce(mul, (build(term) for term in part.args))
            if part.is_Pow and part.exp.is_Integer:
                base = build(part.base)
                if part.exp > 0:
                    return base ** int(part.exp)
                if not base or (ring.roots and self._vanishes(ring, base.top)):
                    raise UndecidedError(f"the denominator {part.base} vanishes identically or is not resolved")
                return base.inverse() ** -int(part.exp)
            raise UndecidedError(f"{part} is not a rational function of the generators")

        try:
            return build(expression)
        except (TooLongError, ZeroDivisionError) as error:
            raise UndecidedError(str(error)) from error

    # ------------------------------------------------------------------------------------------------------ signs

    def _sign(self, ring: PolynomialRing, polynomial: Polynomial) -> int:
        """The sign of a polynomial in the generators on the whole orthant."""
        if not polynomial:
            raise UndecidedError("zero has no sign")
        content, factors = ring.factors(polynomial)
        result = -1 if content < 0 else 1
        for factor, power in factors:
            result *= self._sign_of_factor(ring, factor) ** power
        return result

    def _sign_of_factor(self, ring: PolynomialRing, factor: Polynomial) -> int:
        symbols = ring.used(factor)
        unknown = [symbol for symbol in symbols if symbol not in self.positive]
        if unknown:
            raise UndecidedError(f"{ring.expression(factor)} contains {unknown[0]}, whose sign is not known")
        if (sign := ring.common_sign(factor)) is not None:
            return sign
        radicals = [symbol for symbol in self.radicals if symbol in symbols]
        if radicals:
            return self._sign_with_radical(ring, factor, radicals[-1])
        if len(symbols) == 1:
            polynomial = sp.Poly(ring.expression(factor), *symbols)
            if polynomial.count_roots(0, None) == 0:
                return 1 if polynomial.eval(1) > 0 else -1
            raise UndecidedError(f"{ring.expression(factor)} changes sign, by Sturm's count")
        if (sign := self._sign_of_quadratic(ring, factor, symbols)) is not None:
            return sign
        multiplier = sum((ring.generators[symbol] for symbol in symbols), ring.one)
        grown = factor
        for _ in range(_POLYA_STEPS):
            grown = grown * multiplier
            if (sign := ring.common_sign(grown)) is not None:
                return sign
        raise UndecidedError(f"the sign of {ring.expression(factor)} could not be decided")

    def _sign_of_quadratic(self, ring: PolynomialRing, factor: Polynomial, symbols: list[sp.Symbol]) -> int | None:
        """The sign of a polynomial that is quadratic in one generator and whose discriminant is negative."""
        for symbol in symbols:
            coefficients = ring.coefficients(factor, symbol)
            if len(coefficients) == 3:
                c, b, a = coefficients
                discriminant = b * b - 4 * a * c
                try:
                    if discriminant and self._sign(ring, discriminant) < 0:
                        return self._sign(ring, a)
                except UndecidedError:
                    continue
        return None

    def _sign_with_radical(self, ring: PolynomialRing, factor: Polynomial, radical: sp.Symbol) -> int:
        """Decide a + b r by the signs of a, b and a^2 - b^2 f; a non-zero norm fixes the sign at one point."""
        order, base = ring.roots[ring.symbols.index(radical)]
        if order != 2:
            name = ring.expression(factor)
            raise UndecidedError(f"the sign of {name} with a root of order {order} could not be decided")
        even, odd = ring.coefficients(factor, radical)
        if not even:
            return self._sign(ring, odd)
        norm = ring.reduced(even * even - odd * odd * base)
        if not norm:
            raise UndecidedError("a norm is identically zero")
        try:
            first, second = self._sign(ring, even), self._sign(ring, odd)
        except UndecidedError:
            self._sign(ring, norm)
            return self._sign_at_one(ring, factor)
        return first if first == second else first * self._sign(ring, norm)

    def _sign_at_one(self, ring: PolynomialRing, polynomial: Polynomial) -> int:
        """The sign at the point where every positive generator is 1."""
        with flint.ctx.workprec(_PRECISION):
            value = ring.ball(polynomial, first=1, step=0)
        if not value.is_finite() or value.real.contains(0):
            raise UndecidedError(f"the sign of {ring.expression(polynomial)} at one point is not resolved")
        return 1 if value.real > 0 else -1

    def _vanishes(self, ring: PolynomialRing, polynomial: Polynomial) -> bool:
        """Whether no ball at one generic point shows that a polynomial with radicals is not zero."""
        with flint.ctx.workprec(_PRECISION):
            return bool(ring.ball(polynomial, first=2, step=3).contains(0))


def _sign_of_number(number: sp.Expr) -> int:
    """The sign of a real number by one ball that excludes zero; 0 if the ball does not decide."""
    try:
        value = complex_ball(number, {}, 512)
    except NoBallError:
        return 0
    if not value.imag.contains(0) or value.real.contains(0):
        return 0
    return 1 if value.real > 0 else -1
