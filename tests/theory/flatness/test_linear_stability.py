"""Thresholds of the learning rate, against recursions, enumeration and trajectories."""

from itertools import combinations

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from theory.flatness.linear_stability import (
    descent_stability,
    mean_square_stability,
    mean_square_threshold,
    second_moment_factor,
)
from theory.flatness.trajectory_stability import almost_sure_stability, almost_sure_threshold

CURVATURES = st.lists(st.integers(1, 20), min_size=2, max_size=5)


@pytest.mark.parametrize("derive", [descent_stability, mean_square_stability, almost_sure_stability])
def test_they_are_proved_exactly(derive: object) -> None:
    result = derive()  # type: ignore[operator]
    assert result.passed
    assert result.evidence == "exact"


@settings(max_examples=30)
@given(curvatures=CURVATURES, data=st.data())
def test_the_second_moment_grows_by_the_mean_over_all_batches(curvatures: list[int], data: st.DataObject) -> None:
    batch = data.draw(st.integers(1, len(curvatures)))
    rate = data.draw(st.fractions("1/100", 2))
    factors = [(1 - rate * sum(chosen) / batch) ** 2 for chosen in combinations(map(sp.Integer, curvatures), batch)]
    assert second_moment_factor(curvatures, batch, rate) == sp.Add(*factors) / len(factors)


@settings(max_examples=30)
@given(curvatures=CURVATURES, data=st.data())
def test_the_second_moment_stands_still_at_its_threshold(curvatures: list[int], data: st.DataObject) -> None:
    batch = data.draw(st.integers(1, len(curvatures)))
    threshold = mean_square_threshold(curvatures, batch)
    assert second_moment_factor(curvatures, batch, threshold) == 1
    assert second_moment_factor(curvatures, batch, threshold * sp.Rational(99, 100)) < 1
    assert second_moment_factor(curvatures, batch, threshold * sp.Rational(101, 100)) > 1


@settings(max_examples=40)
@given(curvatures=CURVATURES, data=st.data())
def test_trajectories_outlive_it_up_to_the_first_zero_of_the_mean_logarithm(
    curvatures: list[int], data: st.DataObject
) -> None:
    batch = data.draw(st.integers(1, len(curvatures)))
    first, later = float(mean_square_threshold(curvatures, batch)), almost_sure_threshold(curvatures, batch)
    assert later >= first * (1 - 1e-12)
    means = np.array([sum(chosen) / batch for chosen in combinations(curvatures, batch)])

    def growth(rates: np.ndarray) -> np.ndarray:
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(abs(1 - np.outer(rates, means))).mean(axis=1))

    assert (growth(np.linspace(1e-6, 1, 5000) * later * (1 - 1e-6)) < 0).all()
    assert abs(growth(np.array([later]))[0]) < 1e-6
    assert growth(np.array([later * (1 + 1e-7)]))[0] > 0


def test_two_samples_have_the_derived_thresholds() -> None:
    """Curvatures 3/2 and 1/2: a = 1, s = 1/2."""
    assert almost_sure_threshold(["3/2", "1/2"], 1) == pytest.approx(float(almost_sure_stability().at(a=1, t="1/4")))
    assert mean_square_threshold(["3/2", "1/2"], 1) == mean_square_stability().at(a=1, s="1/2", n=2, B=1)


def test_two_very_different_samples_part_where_the_product_is_minus_one() -> None:
    """s^2 > a^2/2: the first zero is the smaller root of the other sign, and beyond it trajectories shrink again."""
    a, s = 1.0, 0.8
    first = (a - np.sqrt(2 * s**2 - a**2)) / (a**2 - s**2)
    assert almost_sure_threshold([a - s, a + s], 1) == pytest.approx(first, rel=1e-12)
    beyond = (a + np.sqrt(2 * s**2 - a**2)) / (a**2 - s**2) * 1.001
    assert abs((1 - beyond * (a - s)) * (1 - beyond * (a + s))) < 1
    assert beyond < 2 * a / (a**2 - s**2)
    with pytest.raises(ValueError, match=r"t must lie in the domain"):
        almost_sure_stability().at(a=1, t="0.64")


def test_equal_samples_and_whole_batches_have_the_threshold_of_gradient_descent() -> None:
    assert mean_square_threshold([4, 4, 4], 2) == descent_stability().value.subs(sp.Symbol("eta", positive=True), 4)
    assert almost_sure_threshold([4, 4, 4], 2) == pytest.approx(0.5, rel=1e-12)
    assert mean_square_threshold([1, 2, 6], 3) == sp.Rational(2, 3)
    assert almost_sure_threshold([1, 2, 6], 3) == pytest.approx(2 / 3, rel=1e-12)


def test_trajectories_shrink_between_the_two_thresholds_and_their_mean_square_grows() -> None:
    curvatures, batch = [0.2, 1.0, 3.0], 1
    rate = (float(mean_square_threshold(curvatures, batch)) + almost_sure_threshold(curvatures, batch)) / 2
    assert second_moment_factor(curvatures, batch, rate) > 1
    drawn = np.random.default_rng(5).choice(curvatures, size=(400, 1000))
    logarithms = np.log(abs(1 - rate * drawn)).sum(axis=1)
    error = logarithms.std(ddof=1) / np.sqrt(400)
    assert logarithms.mean() < -6 * error


def test_a_sample_may_have_a_maximum_if_the_mean_curvature_is_positive() -> None:
    assert almost_sure_threshold([-1, 4, 2], 1) > float(mean_square_threshold([-1, 4, 2], 1))


def test_bad_input_is_refused() -> None:
    with pytest.raises(ValueError, match=r"curvatures must hold at least two samples, got 1"):
        mean_square_threshold([1], 1)
    with pytest.raises(ValueError, match=r"curvatures must have a positive mean, got -1"):
        mean_square_threshold([-3, 1], 1)
    with pytest.raises(ValueError, match=r"curvatures must have a positive mean, got 0"):
        almost_sure_threshold([-1, 1], 1)
    with pytest.raises(ValueError, match=r"learning_rate must be > 0, got 0"):
        second_moment_factor([1, 2], 1, 0)
    with pytest.raises(ValueError, match=r"curvatures must have at most 200000 batches, got 155117520"):
        almost_sure_threshold([1] * 30, 15)
