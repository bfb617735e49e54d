"""The separator of largest margin, against its conditions, another solver and its symmetries."""

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.svm import SVC

import theory

seeds = st.integers(0, 2**31)


def labelled(seed: int) -> list[list[Fraction]]:
    """Twelve examples in three dimensions whose first coordinate is positive."""
    draws = np.random.default_rng(seed).integers(-20, 20, size=(12, 3))
    draws[:, 0] = np.abs(draws[:, 0]) + 1
    return [[Fraction(int(number), 8) for number in row] for row in draws]


def product(first: Any, second: Any) -> Fraction:
    return sum((a * b for a, b in zip(first, second, strict=True)), Fraction(0))


@settings(max_examples=8, deadline=None)
@given(seed=seeds)
def test_the_conditions_of_karush_kuhn_and_tucker_hold_exactly(seed: int) -> None:
    rows = labelled(seed)
    found = theory.hard_margin_separator(rows)
    assert found.separator == tuple(product(found.multipliers, column) for column in zip(*rows, strict=True))
    assert found.products == tuple(product(row, found.separator) for row in rows)
    for weight, reached in zip(found.multipliers, found.products, strict=True):
        assert weight >= 0
        assert reached >= 1
        assert weight == 0 or reached == 1
    assert 1 / found.squared_margin == product(found.separator, found.separator) == sum(found.multipliers)


@settings(max_examples=5, deadline=None)
@given(seed=seeds)
def test_a_support_vector_machine_finds_the_same(seed: int) -> None:
    """Mirrored examples of the other class make its bias 0."""
    rows = labelled(seed)
    z = np.array([[float(number) for number in row] for row in rows])
    machine = SVC(kernel="linear", C=1e8, tol=1e-8).fit(np.concatenate([z, -z]), [1] * 12 + [-1] * 12)
    found = [float(number) for number in theory.hard_margin_separator(rows).separator]
    np.testing.assert_allclose(found, machine.coef_[0], rtol=1e-4, atol=1e-4)


@settings(max_examples=5, deadline=None)
@given(seed=seeds, factor=st.fractions("1/9", 9, max_denominator=9))
def test_longer_examples_have_a_shorter_separator(seed: int, factor: Fraction) -> None:
    rows = labelled(seed)
    found = theory.hard_margin_separator(rows)
    longer = theory.hard_margin_separator([[factor * number for number in row] for row in rows])
    assert longer.separator == tuple(number / factor for number in found.separator)
    assert longer.products == found.products
    assert longer.support == found.support


@pytest.mark.parametrize(
    ("examples", "error", "message"),
    [
        ([], ValueError, r"examples must be at least one, got none"),
        ([(1, 2), (3,)], ValueError, r"examples must be vectors of length 2 other than 0, got \('3',\)"),
        ([(1, 2), (0, 0)], ValueError, r"examples must be vectors of length 2 other than 0, got \('0', '0'\)"),
        ([(1, 0), (-2, 0)], ValueError, r"must have a vector with positive products with all of them, got none"),
        ([(1, float("inf"))], ValueError, r"a number of an example must be a finite real number"),
        ([(1, "x/y")], ValueError, r"a number of an example must be"),
        (3, TypeError, r"examples must be"),
    ],
)
def test_what_has_no_separator_is_refused(examples: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        theory.hard_margin_separator(examples)
