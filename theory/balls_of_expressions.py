"""Certified values of sympy expressions: every operation in Arb balls, doubled in precision until they are small.

Conventions: principal branches, as in sympy. An expression is evaluated at exact numbers only, so the radius of the
result bounds the rounding of the evaluation and nothing else.
"""

from collections.abc import Callable, Mapping
from fractions import Fraction

import flint
import sympy as sp

from theory.ball import Ball
from theory.certified_precision import small_ball

_FUNCTIONS: dict[type, Callable[[flint.acb], flint.acb]] = {
    sp.log: lambda x: x.log(),
    sp.exp: lambda x: x.exp(),
    sp.sin: lambda x: x.sin(),
    sp.cos: lambda x: x.cos(),
    sp.tan: lambda x: x.tan(),
    sp.atan: lambda x: x.atan(),
    sp.sinh: lambda x: x.sinh(),
    sp.cosh: lambda x: x.cosh(),
    sp.tanh: lambda x: x.tanh(),
    sp.gamma: lambda x: x.gamma(),
    sp.loggamma: lambda x: x.lgamma(),
    sp.factorial: lambda x: (x + 1).gamma(),
    sp.erf: lambda x: x.erf(),
    sp.zeta: lambda x: x.zeta(),
    sp.Abs: lambda x: flint.acb(abs(x)),
    sp.re: lambda x: flint.acb(x.real),
    sp.im: lambda x: flint.acb(x.imag),
    sp.conjugate: lambda x: flint.acb(x.real, -x.imag),
}
_MAX_PRECISION = 1 << 15


class NoBallError(Exception):
    """An expression has no certified value: an unknown function, a free symbol, or a singular point."""


def complex_ball(expression: sp.Expr, values: Mapping[str, Fraction | sp.Expr], precision: int) -> flint.acb:
    """Enclose an expression at exact values, working with the given number of bits.

    Raises:
        NoBallError: If a function or a symbol has no ball, or the enclosure is not finite.
    """
    outer = flint.ctx.prec
    try:
        flint.ctx.prec = precision
        result = _evaluate(expression, values)
    finally:
        flint.ctx.prec = outer
    if not result.is_finite():
        raise NoBallError(f"the value of {expression} is not finite or not resolved at {dict(values)}")
    return result


def real_ball(expression: sp.Expr, values: Mapping[str, Fraction | sp.Expr], digits: int) -> Ball:
    """Enclose a real expression in a ball of radius at most 10^-digits max(|value|, 10^-digits).

    Raises:
        NoBallError: If the expression has no real ball as small as that.

    Examples:
        >>> x = sp.Symbol("x")
        >>> print(real_ball(sp.sqrt(x), {"x": Fraction(2)}, 20))
        1.4142135623730950488
    """
    precision = int(3.33 * digits) + 32
    while precision <= _MAX_PRECISION:
        try:
            value = complex_ball(expression, values, precision)
        except NoBallError:
            if 2 * precision > _MAX_PRECISION:
                raise
            precision *= 2
            continue
        if not value.imag.contains(0):
            raise NoBallError(f"the value of {expression} at {dict(values)} is not real")
        ball = small_ball(value.real, digits)
        if ball is not None:
            return ball
        precision *= 2
    raise NoBallError(f"the value of {expression} is not resolved to {digits} digits")


def _evaluate(expression: sp.Expr, values: Mapping[str, Fraction | sp.Expr]) -> flint.acb:
    if expression.is_Rational:
        return flint.acb(flint.fmpq(int(expression.p), int(expression.q)))
    if expression.is_Symbol:
        if expression.name not in values:
            raise NoBallError(f"{expression.name} has no value")
        value = values[expression.name]
        if isinstance(value, Fraction):
            return flint.acb(flint.fmpq(value.numerator, value.denominator))
        return _evaluate(value, {})
    if expression is sp.I:
        return flint.acb(0, 1)
    if expression is sp.pi:
        return flint.acb.pi()
    if expression is sp.E:
        return flint.acb(1).exp()
    if expression.is_Add or expression.is_Mul:
        total = flint.acb(0) if expression.is_Add else flint.acb(1)
        for part in expression.args:
            value = _evaluate(part, values)
            total = total + value if expression.is_Add else total * value
        return total
    if expression.is_Pow:
        base, exponent = expression.base, expression.exp
        if exponent.is_Integer:
            return _evaluate(base, values) ** int(exponent)
        if base is sp.E:
            return _evaluate(exponent, values).exp()
        if exponent.is_Rational and int(exponent.q) == 2:
            return _evaluate(base, values).sqrt() ** int(exponent.p)
        return _evaluate(base, values) ** _evaluate(exponent, values)
    if isinstance(expression, sp.ComplexRootOf) and expression.is_real:
        width = sp.Rational(1, 2**flint.ctx.prec)
        near = expression.eval_rational(dx=width)
        return flint.acb(flint.arb(flint.fmpq(int(near.p), int(near.q)), flint.arb(2) ** -flint.ctx.prec))
    function = _FUNCTIONS.get(expression.func)
    if function is None or len(expression.args) != 1:
        raise NoBallError(f"no ball for the function {expression.func.__name__}")
    return function(_evaluate(expression.args[0], values))
