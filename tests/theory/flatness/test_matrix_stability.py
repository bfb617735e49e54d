"""The mean square of SGD in several weights: enumeration, simulation of second moments, thresholds."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from theory.flatness.linear_stability import second_moment_factor
from theory.flatness.matrix_stability import mean_square_growth, mean_square_matrix, worst_step_growth

UNEQUAL = [[[1.1, 1.1], [1.1, 1.1]], [[1.0, 0.0], [0.0, 0.0]]]


def _hessians(seed: int, samples: int, size: int) -> np.ndarray:
    roots = np.random.default_rng(seed).normal(size=(samples, size, size))
    return np.asarray(roots @ np.swapaxes(roots, 1, 2))


def test_it_is_proved_exactly() -> None:
    assert mean_square_matrix().passed
    assert mean_square_matrix().evidence == "exact"


@settings(max_examples=20)
@given(seed=st.integers(0, 2**32), samples=st.integers(2, 5), size=st.integers(1, 4), rate=st.floats(0.01, 1.0))
def test_both_factors_are_those_of_all_batches(seed: int, samples: int, size: int, rate: float) -> None:
    hessians = _hessians(seed, samples, size)
    for batch in range(1, samples + 1):
        steps = [np.eye(size) - rate * hessians[list(c)].mean(axis=0) for c in combinations(range(samples), batch)]
        whole = np.mean([step @ step for step in steps], axis=0)
        assert worst_step_growth(hessians, batch, rate) == pytest.approx(np.linalg.eigvalsh(whole)[-1], rel=1e-9)
        moments = np.eye(size)
        for _ in range(600):
            moved = np.mean([step @ moments @ step for step in steps], axis=0)
            growth = np.trace(moved) / np.trace(moments)
            moments = moved / np.trace(moved)
        found = mean_square_growth(hessians, batch, rate)
        assert found == pytest.approx(growth, rel=2e-2)
        assert found <= worst_step_growth(hessians, batch, rate) * (1 + 1e-9)


def test_one_weight_is_the_formula_of_one_weight() -> None:
    curvatures = [1.0, 3.0, 7.0]
    hessians = [[[h]] for h in curvatures]
    for batch in (1, 2, 3):
        expected = float(second_moment_factor(curvatures, batch, 0.3))
        assert mean_square_growth(hessians, batch, 0.3) == pytest.approx(expected)
        assert worst_step_growth(hessians, batch, 0.3) == pytest.approx(expected)


def test_a_step_may_grow_where_no_trajectory_does_in_the_mean() -> None:
    assert worst_step_growth(UNEQUAL, 1, 1.0) > 1.1
    assert mean_square_growth(UNEQUAL, 1, 1.0) < 0.95


def test_bad_input_is_refused() -> None:
    with pytest.raises(ValueError, match=r"hessians must be samples x n x n, .* got the shape \(1, 2\)"):
        mean_square_growth([[1.0, 2.0]], 1, 0.1)
    with pytest.raises(ValueError, match=r"hessians must be samples x n x n, of at least two samples"):
        worst_step_growth([[[1.0]]], 1, 0.1)
    with pytest.raises(ValueError, match=r"hessians must be of at most 32 weights, got 33"):
        mean_square_growth(np.zeros((2, 33, 33)), 1, 0.1)
    with pytest.raises(ValueError, match=r"batch must be <= the number of samples, 2, got 3"):
        worst_step_growth(UNEQUAL, 3, 0.1)
    with pytest.raises(ValueError, match=r"learning_rate must be > 0, got 0"):
        worst_step_growth(UNEQUAL, 1, 0)
