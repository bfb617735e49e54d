"""Balls: exact arithmetic, rigorous radii, honest digits."""

import pickle
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from theory.ball import Ball, ComplexBall

NUMBERS = st.fractions(-100, 100, max_denominator=1000)
RADII = st.fractions(0, 1, max_denominator=1000)
BALLS = st.builds(Ball, NUMBERS, RADII, st.integers(1, 30))
few = settings(max_examples=50, deadline=None, derandomize=True)


@few
@given(BALLS, BALLS, st.fractions(-1, 1), st.fractions(-1, 1))
def test_arithmetic_holds_every_result_of_points_inside(a: Ball, b: Ball, s: Fraction, t: Fraction) -> None:
    x, y = a.midpoint + s * a.radius, b.midpoint + t * b.radius
    assert (a + b).contains(x + y)
    assert (a - b).contains(x - y)
    assert (a * b).contains(x * y)
    assert (-a).contains(-x)
    assert abs(a).contains(abs(x))
    assert (3 - a).contains(3 - x)
    assert (2 * a + Fraction(1, 3)).contains(2 * x + Fraction(1, 3))


@few
@given(BALLS)
def test_a_record_holds_the_ball(ball: Ball) -> None:
    back = Ball.from_record(ball.to_record(), ball.digits)
    assert back.contains(ball)
    assert pickle.loads(pickle.dumps(ball)) == ball
    assert hash(ball) == hash(Ball(ball.midpoint, ball.radius, ball.digits))


@few
@given(NUMBERS.filter(bool), st.integers(1, 25))
def test_as_many_digits_are_printed_as_are_asked_and_right(number: Fraction, digits: int) -> None:
    shown = Fraction(str(Ball.exact(number, digits)))
    assert abs(shown - number) <= abs(number) / Fraction(10) ** (digits - 1)


def test_printing_and_comparing() -> None:
    third = Ball(Fraction(1, 3), Fraction(1, 10**9), 20)
    assert str(third) == "0.33333333"
    assert str(Ball(Fraction(0), Fraction(1, 1000))) == "0 ± 1.0E-3"
    assert str(Ball(Fraction(1), Fraction(2))) == "1 ± 2"
    assert str(Ball.exact(0)) == "0"
    assert str(Ball.exact(Fraction(1, 10**20), 3)) == "1.00E-20"
    assert repr(Ball.exact(2)).startswith("<Ball 2.0000")
    assert float(third) == pytest.approx(1 / 3)
    assert third.within(0, 1)
    assert third.within(None, 0.5)
    assert not third.within(0.5, None)
    assert third.overlaps(Ball(Fraction(1, 2), Fraction(1, 4)))
    pair = ComplexBall(third, Ball.exact(1, 2))
    assert complex(pair) == pytest.approx(1 / 3 + 1j)
    assert str(pair) == "(0.33333333) + (1.0) i"


@pytest.mark.parametrize(
    ("make", "error", "sentence"),
    [
        (lambda: Ball(Fraction(0), Fraction(-1)), ValueError, "radius must not be negative, got -1"),
        (lambda: Ball(0.5), TypeError, "midpoint must be an int or a Fraction, got 0.5"),
        (lambda: Ball(Fraction(0), Fraction(0), 0), ValueError, "digits must be an integer >= 1, got 0"),
        (lambda: Ball.exact(1) < Ball.exact(2), TypeError, "balls are not ordered: compare .lower and .upper"),
        (lambda: Ball.exact(1) >= 2, TypeError, "balls are not ordered"),
        (lambda: Ball.exact(1) + 0.5, TypeError, "unsupported operand"),
        (lambda: Ball.exact(1) - 0.5, TypeError, "unsupported operand"),
        (lambda: Ball.exact(1) * "x", TypeError, "unsupported operand|can't multiply"),
    ],
)
def test_what_balls_refuse(make, error: type[Exception], sentence: str) -> None:
    with pytest.raises(error, match=sentence):
        make()
