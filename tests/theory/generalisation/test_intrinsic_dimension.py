"""The intrinsic dimension of the toy, against least squares in random subspaces."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import theory


def test_it_is_the_number_of_equations_and_not_of_parameters_or_solutions() -> None:
    found = theory.intrinsic_dimension()
    assert found.at(m=10) == 10
    assert found.at(part="manifold", D=1000, m=10) == 990
    assert found.evidence == "exact"


@settings(max_examples=15)
@given(m=st.integers(1, 5), d=st.integers(1, 7), seed=st.integers(0, 1000))
def test_a_search_meets_the_solutions_exactly_from_so_many_directions_on(m: int, d: int, seed: int) -> None:
    source = np.random.default_rng(seed)
    constraints, gap = source.integers(-99, 100, (m, 12)).tolist(), source.integers(1, 100, m).tolist()
    directions = source.integers(-99, 100, (12, d)).tolist()
    assert theory.meets_solutions(constraints, gap, directions) is (d >= m)


@pytest.mark.parametrize(("m", "d"), [(10, 9), (4, 1), (6, 3)])
def test_the_mean_share_that_is_left_is_that_of_least_squares_and_of_the_beta_law(m: int, d: int) -> None:
    source = np.random.default_rng(1)
    predicted = float(theory.intrinsic_dimension().at(part="left", m=m, d=d))
    gap = source.normal(size=m)
    shares = []
    for _ in range(600):
        frame = np.linalg.qr(source.normal(size=(m, d)))[0]
        shares.append(1 - np.sum((gap @ frame) ** 2) / np.sum(gap**2))
    assert abs(np.mean(shares) - predicted) < 4 * np.std(shares) / np.sqrt(600)
    assert stats.beta((m - d) / 2, d / 2).mean() == pytest.approx(predicted)


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match=r"must fit together, got 1 equations, 2 gaps and 2 x 1 directions"):
        theory.meets_solutions([[1, 1]], [1, 2], [[1], [0]])
    with pytest.raises(ValueError, match=r"must lie in the domain"):
        theory.intrinsic_dimension().at(part="left", m=10, d=11)


def test_two_equations_that_are_one_are_met_with_one_direction() -> None:
    rows = [[1, 2, 3], [2, 4, 6]]
    assert theory.meets_solutions(rows, [1, 2], [[1], [0], [0]])
    assert not theory.meets_solutions(rows, [1, 3], [[1, 0, 0], [0, 1, 0], [0, 0, 1]])
