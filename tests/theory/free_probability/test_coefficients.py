"""Coefficients of a law: quick floats decide only what they can."""

from fractions import Fraction
from itertools import pairwise

import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

from theory.free_probability.coefficients import merge_jumps, value_of_product
from theory.free_probability.law import SpectralLaw

RATIONALS = st.fractions(-9, 9, max_denominator=40).filter(bool)


@given(RATIONALS, st.fractions(0, 9, max_denominator=40).filter(bool))
def test_the_float_of_a_product_is_near_it(factor: Fraction, radicand: Fraction) -> None:
    number = sp.Rational(factor) * sp.sqrt(sp.Rational(radicand))
    assert value_of_product(number) == pytest.approx(float(number), rel=1e-13)


@pytest.mark.parametrize(
    "number", [1 + sp.sqrt(2), sp.sqrt(-2), sp.I, sp.pi, sp.Integer(10) ** 400, sp.Symbol("x", positive=True)], ids=str
)
def test_what_is_no_product_of_moderate_numbers_has_no_quick_float(number: sp.Expr) -> None:
    assert value_of_product(number) is None


def test_zero_is_a_product() -> None:
    assert value_of_product(sp.Integer(0)) == 0


@given(st.lists(st.tuples(RATIONALS.map(abs), RATIONALS, st.sampled_from([1, 2, 3, 8])), min_size=1, max_size=4))
def test_jumps_are_sorted_by_size_and_merged(rows: list[tuple[Fraction, Fraction, int]]) -> None:
    jumps = merge_jumps([(rate, sp.Rational(size) * sp.sqrt(root)) for rate, size, root in rows])
    sizes = [size for _, size in jumps]
    assert all((right - left).is_positive for left, right in pairwise(sizes))
    assert sum(rate for rate, _ in jumps) == sum(sp.Rational(rate) for rate, _, _ in rows)


def test_sizes_that_no_float_tells_apart_are_told_apart() -> None:
    near = sp.sqrt(2) * (1 + sp.Rational(1, 10**20))
    assert merge_jumps([(1, near), (1, sp.sqrt(2))]) == ((1, sp.sqrt(2)), (1, sp.expand(near)))
    assert SpectralLaw(0, 0, ((1, sp.sqrt(8)), (2, 2 * sp.sqrt(2)))).jumps == ((3, 2 * sp.sqrt(2)),)
