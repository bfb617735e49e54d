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
from typing import Any

import sympy as sp
from sympy.polys.rings import ring

from theory.balls_of_expressions import NoBallError, complex_ball
from theory.domain import Domain

_POLYA_STEPS = 6
_MAX_TERMS = 20_000

Fraction2 = tuple[Any, Any]  # numerator and denominator, elements of one polynomial ring


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
    generators: list[sp.Symbol] = field(default_factory=list)
    radicals: dict[sp.Symbol, tuple[int, sp.Expr]] = field(default_factory=dict)
    _known: dict[Any, sp.Expr] = field(default_factory=dict)

    def numerator_and_denominator(self, expression: sp.Expr) -> Fraction2:
        """Write an expression as a reduced quotient of polynomials in the generators.

        Raises:
            UndecidedError: If a denominator vanishes identically or the expression outgrows the engine.
        """
        fresh = expression.free_symbols - self.images.keys() - set(self.generators)
        images, positive = self.domain.generators({symbol for symbol in fresh if symbol.is_Symbol})
        self.images.update(images)
        self.positive.update(positive)
        return self._quotient(self._rational(expression))

    def is_zero(self, expression: sp.Expr) -> bool:
        """Tell whether the normal form of an expression is 0; False may also mean that it is not decided."""
        if not self.numerator_and_denominator(expression)[0]:
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
        numerator, denominator = self.numerator_and_denominator(expression)
        return self._sign(numerator) * self._sign(denominator)

    # ---------------------------------------------------------------- expressions to rational functions of generators

    def _rational(self, expression: sp.Expr) -> sp.Expr:
        """Replace parameters, radicals and functions by generators."""
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
            key = (expression.func, tuple(_monic(*quotient) for quotient in quotients))
        if key not in self._known:
            generator = sp.Dummy("f")
            self._known[key] = generator
            if expression.is_positive:
                self.positive.add(generator)
        return self._known[key]

    def _power(self, base: sp.Expr, exponent: sp.Rational) -> sp.Expr:
        """Split a radical over the factors of its base that have a known sign."""
        p, q = int(exponent.p), int(exponent.q)
        numerator, denominator = self._quotient(base)
        if not numerator:
            raise UndecidedError(f"the radical of {base} is a power of zero")
        whole, result, sign = sp.Integer(1), sp.Integer(1), 1
        for polynomial, side in ((numerator, 1), (denominator, -1)):
            content, factors = _factors(polynomial)
            sign *= -1 if content < 0 else 1
            for prime, power in sp.factorrat(abs(content)).items():
                result *= self._radical(q, sp.Integer(prime)) ** (p * side * power)
            for factor, power in factors:
                try:
                    value = self._sign(factor)
                except UndecidedError:
                    whole *= factor.as_expr() ** (side * power)
                    continue
                sign *= value**power
                result *= self._radical(q, (value * factor).as_expr()) ** (p * side * power)
        if whole != 1:  # the rest of unknown sign stays under one root, over a common denominator
            top, bottom = sp.fraction(sp.together(sign * whole))
            return result * (self._radical(q, sp.expand(top * bottom ** (q - 1))) / bottom) ** p
        return result if sign > 0 else result * self._radical(q, sp.Integer(-1)) ** p

    def _radical(self, order: int, base: sp.Expr) -> sp.Expr:
        if base == 1:
            return sp.Integer(1)
        if order > 2 and order % 2 == 0:  # b^(1/4) is the root of b^(1/2), so that the two know each other
            return self._radical(order // 2, self._radical(2, base))
        numerator, _ = self._quotient(base)
        base = numerator.as_expr()
        key = (order, base)
        if key not in self._known:
            generator = sp.Dummy("r")
            self._known[key] = generator
            self.radicals[generator] = (order, base)
            try:
                if self._sign(numerator) > 0:
                    self.positive.add(generator)
            except UndecidedError:
                pass
        return self._known[key]

    # --------------------------------------------------------------------------------- quotients of polynomials

    def _quotient(self, expression: sp.Expr) -> Fraction2:
        symbols = expression.free_symbols
        while True:  # a radical brings the generators of its base along
            grown = symbols.union(*(self.radicals[x][1].free_symbols for x in symbols if x in self.radicals))
            if grown == symbols:
                break
            symbols = grown
        order = {radical: index + 1 for index, radical in enumerate(self.radicals)}
        ordered = sorted(
            symbols, key=lambda symbol: (order.get(symbol, 0), symbol.name, getattr(symbol, "dummy_index", 0))
        )
        polynomials = ring(ordered, sp.QQ)[0] if ordered else ring([sp.Dummy("c")], sp.QQ)[0]
        index = dict(zip(ordered, polynomials.gens, strict=False))
        roots = [
            (x, order_, self._plain(base, polynomials, index))
            for x, (order_, base) in self.radicals.items()
            if x in index
        ]
        reductions = [(polynomials.gens.index(index[x]), q, base) for x, q, base in reversed(roots)]

        def reduced(element: Any) -> Any:
            for position, q, base in reductions:
                element = _reduce(element, position, q, base)
            if len(element) > _MAX_TERMS:
                raise UndecidedError(f"the normal form has more than {_MAX_TERMS} terms")
            return element

        def build(part: sp.Expr) -> Fraction2:
            if part.is_Rational:
                return polynomials.ground_new(sp.QQ.from_sympy(part)), polynomials.one
            if part.is_Symbol:
                return index[part], polynomials.one
            if part.is_Add:
                return reduce(add, (build(term) for term in part.args))
            if part.is_Mul:
                return reduce(times, (build(term) for term in part.args))
            if part.is_Pow and part.exp.is_Integer:
                top, bottom = build(part.base)
                if part.exp < 0:
                    if not top or (reductions and self._vanishes(top.as_expr())):
                        raise UndecidedError(f"the denominator {part.base} vanishes identically or is not resolved")
                    top, bottom = bottom, top
                result = (polynomials.one, polynomials.one)
                for _ in range(abs(int(part.exp))):
                    result = times(result, (top, bottom))
                return result
            raise UndecidedError(f"{part} is not a rational function of the generators")

        def add(left: Fraction2, right: Fraction2) -> Fraction2:
            if left[1] == right[1]:
                return left[0] + right[0], left[1]
            common = left[1].gcd(right[1])
            first, second = left[1].exquo(common), right[1].exquo(common)
            return reduced(left[0] * second + right[0] * first), reduced(left[1] * second)

        def times(left: Fraction2, right: Fraction2) -> Fraction2:
            top, bottom = reduced(left[0] * right[0]), reduced(left[1] * right[1])
            if not bottom:
                raise UndecidedError("a denominator is identically zero")
            return (top, bottom) if bottom == 1 else top.cancel(bottom)

        top, bottom = build(expression)
        top, bottom = reduced(top), reduced(bottom)
        if not bottom:
            raise UndecidedError("a denominator is identically zero")
        return (top, bottom) if not top or bottom == 1 else top.cancel(bottom)

    @staticmethod
    def _plain(base: sp.Expr, polynomials: Any, index: dict[sp.Symbol, Any]) -> Any:
        return polynomials.from_expr(base) if index else polynomials.ground_new(sp.QQ.from_sympy(base))

    # ------------------------------------------------------------------------------------------------------ signs

    def _sign(self, polynomial: Any) -> int:
        """The sign of a polynomial in the generators on the whole orthant."""
        if not polynomial:
            raise UndecidedError("zero has no sign")
        content, factors = _factors(polynomial)
        result = -1 if content < 0 else 1
        for factor, power in factors:
            result *= self._sign_of_factor(factor) ** power
        return result

    def _sign_of_factor(self, factor: Any) -> int:
        symbols = _symbols_of(factor)
        unknown = [symbol for symbol in symbols if symbol not in self.positive]
        if unknown:
            raise UndecidedError(f"{factor.as_expr()} contains {unknown[0]}, whose sign is not known")
        if (sign := _coefficient_sign(factor)) is not None:
            return sign
        radicals = [symbol for symbol in self.radicals if symbol in symbols]
        if radicals:
            return self._sign_with_radical(factor, radicals[-1])
        if len(symbols) == 1:
            polynomial = sp.Poly(factor.as_expr(), *symbols)
            if polynomial.count_roots(0, None) == 0:
                return 1 if polynomial.eval(1) > 0 else -1
            raise UndecidedError(f"{factor.as_expr()} changes sign, by Sturm's count")
        if (sign := self._sign_of_quadratic(factor, symbols)) is not None:
            return sign
        multiplier = reduce(
            lambda total, symbol: total + factor.ring.gens[factor.ring.symbols.index(symbol)], symbols, factor.ring.one
        )
        grown = factor
        for _ in range(_POLYA_STEPS):
            grown = grown * multiplier
            if (sign := _coefficient_sign(grown)) is not None:
                return sign
        raise UndecidedError(f"the sign of {factor.as_expr()} could not be decided")

    def _sign_of_quadratic(self, factor: Any, symbols: list[sp.Symbol]) -> int | None:
        """The sign of a polynomial that is quadratic in one generator and whose discriminant is negative."""
        expression = factor.as_expr()
        for symbol in symbols:
            coefficients = sp.Poly(expression, symbol).all_coeffs()
            if len(coefficients) == 3:
                a, b, c = coefficients
                try:
                    discriminant = self._quotient(b**2 - 4 * a * c)[0]
                    if discriminant and self._sign(discriminant) < 0:
                        return self._sign(self._quotient(a)[0])
                except UndecidedError:
                    continue
        return None

    def _sign_with_radical(self, factor: Any, radical: sp.Symbol) -> int:
        """Decide a + b r by the signs of a, b and a^2 - b^2 f; a non-zero norm fixes the sign at one point."""
        order, base = self.radicals[radical]
        position = factor.ring.symbols.index(radical)
        if order != 2:
            raise UndecidedError(f"the sign of {factor.as_expr()} with a root of order {order} could not be decided")
        even, odd = factor.ring.zero, factor.ring.zero
        for monomial, coefficient in factor.terms():
            rest = (*monomial[:position], 0, *monomial[position + 1 :])
            if monomial[position]:
                odd[rest] = coefficient
            else:
                even[rest] = coefficient
        if not even:
            return self._sign(odd)
        norm, _ = self._quotient((even**2).as_expr() - (odd**2).as_expr() * base)
        if not norm:
            raise UndecidedError("a norm is identically zero")
        try:
            first, second = self._sign(even), self._sign(odd)
        except UndecidedError:
            self._sign(norm)
            return self._sign_at_one(factor.as_expr())
        return first if first == second else first * self._sign(norm)

    def _sign_at_one(self, expression: sp.Expr) -> int:
        """The sign at the point where every positive generator is 1."""
        value = self._ball_at(expression, first=1, step=0)
        if value is None or value.real.contains(0):
            raise UndecidedError(f"the sign of {expression} at one point is not resolved")
        return 1 if value.real > 0 else -1

    def _vanishes(self, expression: sp.Expr) -> bool:
        """Whether no ball at one generic point shows that a polynomial with radicals is not zero."""
        value = self._ball_at(expression, first=2, step=3)
        return value is None or value.contains(0)

    def _ball_at(self, expression: sp.Expr, *, first: int, step: int) -> Any:
        """A ball of a polynomial where the generators other than radicals are first, first + step, ... over first."""
        for radical in reversed(self.radicals):
            q, base = self.radicals[radical]
            expression = expression.subs(radical, base ** sp.Rational(1, q))
        symbols = sorted(expression.free_symbols, key=lambda symbol: (symbol.name, getattr(symbol, "dummy_index", 0)))
        values = {symbol: sp.Rational(first + step * index, first) for index, symbol in enumerate(symbols)}
        try:
            return complex_ball(expression.xreplace(values), {}, 256)
        except NoBallError:
            return None


def _reduce(element: Any, position: int, order: int, base: Any) -> Any:
    """The remainder of an element modulo r^order - base, r the generator at a position."""
    while any(monomial[position] >= order for monomial in element):
        low, high = element.ring.zero, element.ring.zero
        for monomial, coefficient in element.terms():
            if monomial[position] < order:
                low[monomial] = coefficient
            else:
                high[(*monomial[:position], monomial[position] - order, *monomial[position + 1 :])] = coefficient
        element = low + high * base
    return element


def _factors(polynomial: Any) -> tuple[sp.Rational, list[tuple[Any, int]]]:
    if polynomial.is_ground:
        return sp.QQ.to_sympy(polynomial.LC), []
    content, factors = polynomial.factor_list()
    return sp.QQ.to_sympy(content), [(factor, int(power)) for factor, power in factors]


def _coefficient_sign(polynomial: Any) -> int | None:
    signs = {coefficient > 0 for coefficient in polynomial.coeffs()}
    return None if len(signs) > 1 else (1 if signs.pop() else -1)


def _symbols_of(polynomial: Any) -> list[sp.Symbol]:
    used = [max(powers) for powers in zip(*polynomial.monoms(), strict=True)]
    return [symbol for symbol, power in zip(polynomial.ring.symbols, used, strict=True) if power]


def _monic(numerator: Any, denominator: Any) -> tuple[sp.Expr, sp.Expr]:
    leading = sp.QQ.to_sympy(denominator.LC)
    return sp.expand(numerator.as_expr() / leading), sp.expand(denominator.as_expr() / leading)


def _sign_of_number(number: sp.Expr) -> int:
    """The sign of a real number by one ball that excludes zero; 0 if the ball does not decide."""
    try:
        value = complex_ball(number, {}, 512)
    except NoBallError:
        return 0
    if not value.imag.contains(0) or value.real.contains(0):
        return 0
    return 1 if value.real > 0 else -1
