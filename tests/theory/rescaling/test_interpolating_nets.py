"""Networks that fit one sample: other errors at equal flatness, other flatness at equal functions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from theory.rescaling.interpolating_nets import (
    interpolating_pair,
    outgoing_weight_for_error,
    same_function_other_flatness,
)


def _net(weights: np.ndarray, x: np.ndarray) -> np.ndarray:
    w1, w2, v1, v2 = weights
    return np.asarray(v1 * np.maximum(w1 * x, 0) + v2 * np.maximum(w2 * x, 0))


def _training_hessian(weights: np.ndarray, step: float = 1e-4) -> np.ndarray:
    """By second differences."""

    def loss(moved: np.ndarray) -> float:
        return float((_net(moved, np.array(1.0)) - 1) ** 2 / 2)

    unit = step * np.eye(4)
    return np.array(
        [
            [
                sum(s * t * loss(weights + s * unit[i] + t * unit[j]) for s in (1, -1) for t in (1, -1)) / (4 * step**2)
                for j in range(4)
            ]
            for i in range(4)
        ]
    )


@pytest.mark.parametrize("derive", [interpolating_pair, same_function_other_flatness])
def test_they_are_proved_exactly(derive: object) -> None:
    result = derive()  # type: ignore[operator]
    assert result.passed
    assert result.evidence == "exact"


@given(error=st.floats(1e-3, 1e3))
def test_every_error_is_reached_at_training_loss_zero_and_equal_flatness(error: float) -> None:
    weights = np.array([1.0, -1.0, 1.0, outgoing_weight_for_error(error)])
    assert _net(weights, np.array(1.0)) == 1.0
    x = (np.arange(200000) + 0.5) / 100000 - 1
    assert ((_net(weights, x) - np.maximum(x, 0)) ** 2).mean() == pytest.approx(error, rel=1e-6)
    largest = np.linalg.eigvalsh(_training_hessian(weights))[-1]
    assert largest == pytest.approx(float(interpolating_pair().parts["flatness"].rhs), rel=1e-5)


@given(wanted=st.floats(2.0, 1e3))
def test_every_curvature_from_two_on_is_reached_by_one_function(wanted: float) -> None:
    scale = same_function_other_flatness().parts["wanted"].rhs
    (symbol,) = scale.free_symbols
    alpha = float(scale.subs(symbol, wanted))
    before, after = np.array([1.0, -1.0, 1.0, 3.0]), np.array([1 / alpha, -1.0, alpha, 3.0])
    x = np.linspace(-1, 1, 101)
    np.testing.assert_allclose(_net(after, x), _net(before, x), rtol=1e-12, atol=1e-15)
    assert np.linalg.eigvalsh(_training_hessian(after))[-1] == pytest.approx(wanted, rel=1e-4)


def test_bad_input_is_refused() -> None:
    with pytest.raises(ValueError, match=r"error must be > 0, got 0"):
        outgoing_weight_for_error(0.0)
