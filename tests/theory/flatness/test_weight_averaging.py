"""Averages of iterates of SGD on a quadratic: exact sums, covariance matrices, simulation."""

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from theory.flatness.weight_averaging import averaged_variance, averaging_ratio, stationary_loss, stationary_variance


@pytest.mark.parametrize("derive", [stationary_variance, averaged_variance])
def test_they_are_proved_exactly(derive: object) -> None:
    result = derive()  # type: ignore[operator]
    assert result.passed
    assert result.evidence == "exact"


@settings(max_examples=40)
@given(product=st.floats(1e-9, 1.999), steps=st.integers(1, 40), every=st.integers(1, 5))
def test_the_ratio_is_the_mean_entry_of_the_matrix_of_correlations(product: float, steps: int, every: int) -> None:
    places = np.arange(steps)
    correlations = (1 - product) ** (every * abs(places[:, None] - places))
    assert averaging_ratio(product, 1.0, steps, every=every) == pytest.approx(correlations.mean(), rel=1e-9, abs=1e-13)


def test_the_ratio_tends_to_its_leading_term_from_below_for_small_steps_and_from_above_for_long_ones() -> None:
    limit = averaged_variance().parts["limit"].rhs
    for product, side in ((0.1, -1), (1.5, 1)):
        for steps in (100, 1000, 10000):
            numbers = {"p": product, "T": steps}
            leading = float(limit.subs({symbol: numbers[symbol.name] for symbol in limit.free_symbols}))
            ratio = averaging_ratio(product, 1.0, steps)
            assert 0 < side * (ratio / leading - 1) < 20 / steps
            assert float(averaged_variance().at(p=product, T=steps)) == pytest.approx(ratio, rel=1e-9)


def test_averaging_iterates_that_lie_apart_needs_fewer_of_them() -> None:
    """At the same number of steps, 100, little is lost by taking every fifth."""
    all_of_them, every_fifth = averaging_ratio(0.1, 1.0, 100), averaging_ratio(0.1, 1.0, 20, every=5)
    assert all_of_them < every_fifth < 1.1 * all_of_them
    cycles = averaged_variance().parts["cycles"].rhs
    numbers = {"p": sp.Rational(1, 10), "T": 20, "c": 5}
    exact = cycles.subs({symbol: numbers[symbol.name] for symbol in cycles.free_symbols})
    assert float(exact) == pytest.approx(every_fifth, rel=1e-12)


def test_a_simulation_has_the_derived_losses() -> None:
    rate, curvature, noise, steps, members = 0.4, 1.5, 0.7, 12, 20000
    source = np.random.default_rng(11)
    variance = float(stationary_variance().at(p="3/5", a="3/2", sigma="7/10"))
    x = source.normal(size=members) * np.sqrt(variance)
    total = x.copy()
    for _ in range(steps - 1):
        x = (1 - rate * curvature) * x + rate * noise * source.normal(size=members)
        total += x
    last, mean = curvature * x**2 / 2, curvature * (total / steps) ** 2 / 2
    expected = stationary_loss(rate, [curvature], noise)
    assert abs(last.mean() - expected) < 5 * last.std() / np.sqrt(members)
    ratio = averaging_ratio(rate, curvature, steps)
    assert abs(mean.mean() - ratio * expected) < 5 * mean.std() / np.sqrt(members)


def test_losses_of_eigenvectors_add_up() -> None:
    assert stationary_loss(0.5, [1.0, 2.0], 1.0) == stationary_loss(0.5, [1.0], 1.0) + stationary_loss(0.5, [2.0], 1.0)


def test_the_derivations_hold_below_the_threshold_of_stability_alone() -> None:
    with pytest.raises(ValueError, match=r"p must lie in the domain"):
        averaged_variance().at(p=2, T=3)


def test_bad_input_is_refused() -> None:
    with pytest.raises(ValueError, match=r"learning_rate \* curvature must be < 2, or the iterates grow, got 2"):
        averaging_ratio(1.0, 2.0, 3)
    with pytest.raises(ValueError, match=r"learning_rate \* curvature must be < 2"):
        stationary_loss(1.0, [1.0, 3.0], 1.0)
    with pytest.raises(ValueError, match=r"curvature must be > 0, got 0"):
        stationary_loss(1.0, [0.0], 1.0)
    with pytest.raises(ValueError, match=r"steps must be >= 1, got 0"):
        averaging_ratio(0.1, 1.0, 0)
    with pytest.raises(ValueError, match=r"noise must be >= 0, got -1"):
        stationary_loss(0.1, [1.0], -1)
    with pytest.raises(TypeError, match=r"every must be an integer, got 1.5"):
        averaging_ratio(0.1, 1.0, 2, every=1.5)  # type: ignore[arg-type]
