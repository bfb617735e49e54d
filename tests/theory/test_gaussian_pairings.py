"""Means of Gaussian words: literature's moments of Wishart matrices, and the binomial law."""

import pytest
import sympy as sp

from theory.gaussian_pairings import binomial_moments, gaussian_moment, paired_mean, pairings, wishart_mean
from theory.symbols import m, n


def test_there_are_as_many_pairings_as_the_double_factorial() -> None:
    assert [len(list(pairings(tuple(range(2 * k))))) for k in range(5)] == [1, 1, 3, 15, 105]
    assert list(pairings((0, 1, 2))) == []


def test_moments_of_real_wishart_matrices_are_those_of_the_literature() -> None:
    """As in Letac and Massam (2004), at every size."""
    assert sp.expand(wishart_mean([1], n, m) - n * m) == 0
    assert sp.expand(wishart_mean([2], n, m) - n * m * (n + m + 1)) == 0
    assert sp.expand(wishart_mean([3], n, m) - n * m * (n**2 + m**2 + 3 * n * m + 3 * n + 3 * m + 4)) == 0
    assert sp.expand(wishart_mean([1, 2], n, m) - n * m * (n * m + 4) * (n + m + 1)) == 0


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_one_row_and_column_give_the_moments_of_a_square(order: int) -> None:
    assert wishart_mean([order], sp.Integer(1), sp.Integer(1)) == gaussian_moment(2 * order, sp.Integer(1))
    assert gaussian_moment(2 * order - 1, sp.Integer(1)) == 0


def test_letters_of_two_families_are_independent() -> None:
    """E tr A A' B B' = E tr A A' E tr B B' / n."""
    word = [("a", "i", "s"), ("a", "j", "s"), ("b", "j", "t"), ("b", "i", "t")]
    assert paired_mean(word, {"i": n, "j": n, "s": m, "t": m}) == n * m**2
    assert paired_mean(word[:3], {"i": n, "j": n, "s": m, "t": m}) == 0


@pytest.mark.parametrize("trials", [1, 2, 5])
def test_binomial_moments_are_sums_over_outcomes(trials: int) -> None:
    q = sp.Rational(1, 3)
    for order, moment in enumerate(binomial_moments(sp.Integer(trials), q, 3), 1):
        outcomes = (k**order * sp.binomial(trials, k) * q**k * (1 - q) ** (trials - k) for k in range(trials + 1))
        assert moment == sum(outcomes)
