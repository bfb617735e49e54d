"""Cross-entropy of a softmax: derivatives by differences, Gibbs' inequality, the confident error."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from theory.softmax_cross_entropy import confident_error, cross_entropy_in_nats, softmax_cross_entropy_parts

OUTPUTS = st.lists(st.floats(-5, 5), min_size=2, max_size=6)


def _softmax(outputs: np.ndarray) -> np.ndarray:
    raised = np.exp(outputs - outputs.max())
    return np.asarray(raised / raised.sum())


@pytest.mark.parametrize("derive", [softmax_cross_entropy_parts, confident_error])
def test_they_are_proved_exactly(derive: object) -> None:
    result = derive()  # type: ignore[operator]
    assert result.passed
    assert result.evidence == "exact"


@given(outputs=OUTPUTS, shift=st.floats(-10, 10))
def test_a_common_shift_changes_no_probability(outputs: list[float], shift: float) -> None:
    values = np.array(outputs)
    np.testing.assert_allclose(_softmax(values + shift), _softmax(values), rtol=1e-12)


@given(outputs=OUTPUTS, seed=st.integers(0, 2**32))
def test_the_loss_is_least_at_the_targets_where_it_is_their_entropy(outputs: list[float], seed: int) -> None:
    p = _softmax(np.array(outputs))
    t = np.random.default_rng(seed).dirichlet(np.ones(len(p)))
    entropy = cross_entropy_in_nats(t, t)
    divergence = float((t * np.log(t / p)).sum())
    assert cross_entropy_in_nats(p, t) == pytest.approx(entropy + divergence, rel=1e-9, abs=1e-12)
    assert divergence >= -1e-12


@given(outputs=OUTPUTS)
def test_the_derivatives_are_those_of_differences(outputs: list[float]) -> None:
    values, step = np.array(outputs), 1e-4
    t = np.eye(len(values))[0]
    p = _softmax(values)
    gradients = []
    for j in range(len(values)):
        unit = step * np.eye(len(values))[j]
        rise = cross_entropy_in_nats(_softmax(values + unit), t) - cross_entropy_in_nats(_softmax(values - unit), t)
        gradients.append(rise / (2 * step))
    np.testing.assert_allclose(gradients, p - t, rtol=0, atol=1e-7)
    hessian = np.diag(p) - np.outer(p, p)
    differences = [
        (_softmax(values + step * unit) - _softmax(values - step * unit)) / (2 * step) for unit in np.eye(len(values))
    ]
    np.testing.assert_allclose(differences, hessian, rtol=0, atol=1e-7)
    assert np.linalg.eigvalsh(hessian)[0] >= -1e-12


def test_the_slide_has_log_two() -> None:
    assert cross_entropy_in_nats([0.1, 0.5, 0.2, 0.2], [0, 1, 0, 0]) == math.log(2)
    assert float(softmax_cross_entropy_parts().at(p="1/2")) == math.log(2)


def test_one_confident_error_outweighs_all_others() -> None:
    """Of 100 samples 99 have the probability .9 of their label, one has .9^99."""
    others = 99 * cross_entropy_in_nats([0.9, 0.1], [1, 0])
    one = cross_entropy_in_nats([0.9**99, 1 - 0.9**99], [1, 0])
    assert one == pytest.approx(others, rel=1e-12)
    assert float(confident_error().at(M=one)) == pytest.approx(one)


def test_a_target_on_a_class_of_probability_zero_costs_infinitely_much() -> None:
    assert cross_entropy_in_nats([0.0, 1.0], [0.5, 0.5]) == math.inf
    assert cross_entropy_in_nats([0.0, 1.0], [0, 1]) == 0.0


def test_bad_input_is_refused() -> None:
    with pytest.raises(ValueError, match=r"probabilities must be non-negative with the sum 1, got the sum 0.9"):
        cross_entropy_in_nats([0.4, 0.5], [0, 1])
    with pytest.raises(ValueError, match=r"targets must be non-negative with the sum 1, got the sum 1"):
        cross_entropy_in_nats([0.5, 0.5], [-1, 2])
    with pytest.raises(ValueError, match=r"targets must be as many as probabilities, 2, got 1"):
        cross_entropy_in_nats([0.5, 0.5], [1])
