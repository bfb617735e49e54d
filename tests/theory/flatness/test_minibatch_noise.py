"""The covariance of a minibatch gradient, against enumeration."""

from itertools import combinations

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from theory.flatness.minibatch_noise import batch_covariance, batch_noise_factor, minibatch_covariance


def test_it_is_proved_exactly() -> None:
    assert batch_covariance().passed
    assert batch_covariance().evidence == "exact"


@settings(max_examples=25)
@given(samples=st.integers(2, 7), data=st.data())
def test_the_covariance_is_that_of_all_batches(samples: int, data: st.DataObject) -> None:
    batch = data.draw(st.integers(1, samples))
    gradients = np.random.default_rng(samples).normal(size=(samples, 3))
    means = np.array([gradients[list(chosen)].mean(axis=0) for chosen in combinations(range(samples), batch)])
    centred = means - means.mean(axis=0)
    expected = centred.T @ centred / len(means)
    np.testing.assert_allclose(minibatch_covariance(gradients, batch), expected, rtol=1e-12, atol=1e-15)


def test_the_factor_is_the_derived_one_and_vanishes_for_the_whole_set() -> None:
    assert batch_noise_factor(100, 10) == batch_covariance().at(n=100, B=10) == sp.Rational(1, 11)
    assert batch_noise_factor(7, 7) == 0
    assert batch_noise_factor(7, 1) == 1


def test_the_noise_of_an_epoch_cancels() -> None:
    """The batches of an epoch together hold every sample once."""
    between = batch_covariance().parts["epoch"].rhs.subs(sp.Symbol("n", positive=True), 12)
    for batch in (1, 2, 3, 4, 6):
        count = 12 // batch
        assert count * batch_noise_factor(12, batch) + count * (count - 1) * between == 0


def test_bad_sizes_and_tables_are_refused() -> None:
    with pytest.raises(ValueError, match=r"samples must be >= 2, got 1"):
        batch_noise_factor(1, 1)
    with pytest.raises(ValueError, match=r"batch must be <= the number of samples, 3, got 4"):
        batch_noise_factor(3, 4)
    with pytest.raises(TypeError, match=r"batch must be an integer, got 1.5"):
        batch_noise_factor(3, 1.5)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"gradients must be a table of samples x weights, got the shape \(2,\)"):
        minibatch_covariance([1.0, 2.0], 1)
    with pytest.raises(ValueError, match=r"gradients must be finite"):
        minibatch_covariance([[1.0], [np.inf]], 1)
