from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from theory.truncated_series import composition, inverse, product, reversion, square_root

numbers = st.fractions(min_value=-3, max_value=3, max_denominator=7)
ONE = (Fraction(1), *(Fraction(0),) * 5)
X = (Fraction(0), Fraction(1), *(Fraction(0),) * 4)


@given(tail=st.lists(numbers, min_size=5, max_size=5), first=numbers.filter(bool))
def test_a_series_times_its_inverse_is_one(tail: list[Fraction], first: Fraction) -> None:
    series = (first, *tail)
    assert product(series, inverse(series)) == ONE


@given(tail=st.lists(numbers, min_size=5, max_size=5))
def test_the_square_of_a_square_root_is_the_series(tail: list[Fraction]) -> None:
    root = square_root((Fraction(1), *tail))
    assert product(root, root) == (Fraction(1), *tail)


@given(tail=st.lists(numbers, min_size=4, max_size=4))
def test_a_reversion_undoes_its_series_on_both_sides(tail: list[Fraction]) -> None:
    series = (Fraction(0), Fraction(1), *tail)
    assert composition(series, reversion(series)) == X
    assert composition(reversion(series), series) == X


@given(outer=st.lists(numbers, min_size=6, max_size=6), inner=st.lists(numbers, min_size=5, max_size=5))
def test_composition_is_a_sum_of_powers(outer: list[Fraction], inner: list[Fraction]) -> None:
    series = (Fraction(0), *inner)
    total, power = (Fraction(0),) * 6, ONE
    for coefficient in outer:
        total = tuple(t + coefficient * p for t, p in zip(total, power, strict=True))
        power = product(power, series)
    assert composition(outer, series) == total


def test_what_has_no_answer_is_refused() -> None:
    with pytest.raises(ValueError, match="equally many terms, got 2 and 3"):
        product((1, 2), (1, 2, 3))
    with pytest.raises(ZeroDivisionError, match="constant term that is not zero"):
        inverse((Fraction(0), Fraction(1)))
    with pytest.raises(ValueError, match="constant term 1, got 2"):
        square_root((Fraction(2), Fraction(1)))
    with pytest.raises(ValueError, match="no constant term, got 1"):
        composition((0, 1), (1, 1))
    with pytest.raises(ValueError, match=r"begin with x, got the coefficients \(0, 2\)"):
        reversion((0, 2, 1))
