"""Certified values of expressions."""

from fractions import Fraction

import mpmath
import pytest
import sympy as sp

from theory.balls_of_expressions import NoBallError, complex_ball, real_ball

x = sp.Symbol("x")


@pytest.mark.parametrize("digits", [15, 30, 100])
@pytest.mark.parametrize(
    "expression",
    [
        sp.sqrt(x) + sp.pi,
        sp.exp(x) * sp.log(x),
        sp.cbrt(x) - sp.atan(x),
        sp.Abs(sp.log(-x)),
        sp.re(x) + sp.conjugate(x) - sp.im(x),
        sp.sin(x) ** 2 + sp.cosh(x) ** -3,
        sp.gamma(x) * sp.erf(x),
        sp.zeta(x) + sp.zeta(x - 1),
        sp.E**x + sp.tanh(x),
    ],
    ids=str,
)
def test_the_ball_holds_the_value_of_a_second_library(expression: sp.Expr, digits: int) -> None:
    ball = real_ball(expression, {"x": Fraction(7, 5)}, digits)
    with mpmath.workdps(digits + 10):
        value = mpmath.mpf(sp.re(expression.subs(x, sp.Rational(7, 5)).evalf(digits + 10)))
        assert abs(value - mpmath.mpf(ball.midpoint.numerator) / ball.midpoint.denominator) < mpmath.mpf(10) ** (
            2 - digits
        )
    assert ball.radius <= Fraction(1, 10**digits) * max(abs(ball.upper), 1)


def test_a_root_of_a_polynomial_has_a_ball() -> None:
    root = sp.CRootOf(x**5 - x - 1, 0)
    ball = real_ball(root, {}, 40)
    assert ball.lower**5 - ball.lower - 1 < 0 < ball.upper**5 - ball.upper - 1


def test_cancellation_is_met_with_more_bits() -> None:
    tiny = sp.sqrt(10**60 + 1) - 10**30
    assert real_ball(tiny, {}, 20).within(Fraction(4, 10**31), Fraction(6, 10**31))


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        (x, "x has no value"),
        (sp.Function("f")(1), "no ball for the function f"),
        (sp.sqrt(-2), "is not real"),
        (1 / (sp.sqrt(2) * sp.sqrt(3) - sp.sqrt(6) + sp.sin(sp.pi, evaluate=False)), "not finite"),
    ],
    ids=str,
)
def test_what_has_no_ball_says_why(expression: sp.Expr, reason: str) -> None:
    with pytest.raises(NoBallError, match=reason):
        real_ball(expression, {}, 10)


def test_zero_is_resolved_to_the_digits_asked_for() -> None:
    assert real_ball(sp.sqrt(2) ** 2 - 2, {}, 10).contains(0)
    assert complex_ball(sp.I**2, {}, 64).real.contains(-1)


def test_what_no_precision_resolves_is_refused() -> None:
    with pytest.raises(NoBallError, match="is not resolved to 20000 digits"):
        real_ball(sp.exp(x), {"x": Fraction(1)}, 20000)
