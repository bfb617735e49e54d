"""A number is what the caller typed, and nothing is evaluated."""

from fractions import Fraction

import numpy as np
import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

from theory.exact_numbers import as_fraction, exact_number


@given(st.fractions())
def test_fractions_and_their_strings_are_themselves(value: Fraction) -> None:
    assert as_fraction(exact_number("x", value)) == value
    assert as_fraction(exact_number("x", f"{value.numerator}/{value.denominator}")) == value


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_python_float_is_its_shortest_decimal_and_a_numpy_one_its_bits(value: float) -> None:
    assert as_fraction(exact_number("x", value)) == Fraction(repr(value))
    assert as_fraction(exact_number("x", np.float64(value))) == Fraction(value)


def test_algebraic_numbers_stay_exact() -> None:
    assert exact_number("x", sp.sqrt(2)) == sp.sqrt(2)
    assert exact_number("x", np.int64(3)) == 3


@pytest.mark.parametrize("value", [float("nan"), float("inf"), np.float64("nan"), sp.oo, sp.I, sp.Symbol("x"), sp.nan])
def test_what_is_not_a_finite_real_number_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r"phi must be a finite real number, got"):
        exact_number("phi", value)


@pytest.mark.parametrize("text", ["", "1/0", "__import__('os')", "sqrt(2)", "1e99999", "nan", "0x10", "1/2/3", "²"])
def test_strings_are_never_evaluated(text: str) -> None:
    with pytest.raises(ValueError, match=r"phi must be an integer, a decimal or p/q, got the string"):
        exact_number("phi", text)


def test_what_is_no_number_is_refused() -> None:
    with pytest.raises(TypeError, match=r"phi must be a real number, got the truth value True"):
        exact_number("phi", True)
    with pytest.raises(TypeError, match=r"phi must be a real number, got None of type NoneType"):
        exact_number("phi", None)


def test_an_irrational_number_is_no_fraction() -> None:
    with pytest.raises(ValueError, match=r"number must be rational, got sqrt\(2\)"):
        as_fraction(sp.sqrt(2))
