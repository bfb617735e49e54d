"""Merging close units: the excess is that of the mergings, and falls with the width."""

import numpy as np
import pytest

from theory.level_sets import merging_path


def _losses(theta: np.ndarray, x: np.ndarray, y: np.ndarray, units: int, bias: bool) -> float:
    inputs = x.shape[1]
    places = np.cumsum([units * inputs, units * bias, units])
    weight, first, outer, offset = np.split(theta, places)
    before = x @ weight.reshape(units, inputs).T + (first if bias else 0)
    return float(((np.maximum(before, 0) @ outer + (offset[0] if bias else 0) - y) ** 2).mean())


def _fitted(units: int, x: np.ndarray, y: np.ndarray, seed: int) -> np.ndarray:
    """Random unit rows and outer weights by ridge regression."""
    weight = np.random.default_rng(seed).normal(size=(units, x.shape[1]))
    weight /= np.linalg.norm(weight, axis=1, keepdims=True)
    features = np.maximum(x @ weight.T, 0)
    outer = np.linalg.solve(features.T @ features / len(x) + 1e-3 * np.eye(units), features.T @ y / len(x))
    return np.concatenate([weight.ravel(), outer])


def _data(inputs: int) -> tuple[np.ndarray, np.ndarray]:
    x = np.random.default_rng(0).normal(size=(200, inputs))
    return x, np.maximum(x[:, 0], 0) - abs(x[:, 1])


def _excess(inputs: int, units: int, refit: bool) -> float:
    x, y = _data(inputs)
    ends = [_fitted(units, x, y, seed) for seed in (1, 2)]
    sample = merging_path(ends[0], ends[1], inputs, refit=(x, y) if refit else None).sample(3)
    assert np.array_equal(sample[0], ends[0])
    assert np.array_equal(sample[-1], ends[1])
    losses = [_losses(theta, x, y, units, False) for theta in sample]
    return max(losses) - max(losses[0], losses[-1])


@pytest.mark.parametrize("inputs", [2, 3])
def test_the_excess_falls_with_the_width(inputs: int) -> None:
    excess = [_excess(inputs, units, refit=False) for units in (8, 32, 128)]
    assert excess[0] > 4 * excess[1] > 16 * excess[2]


def test_refitting_lowers_the_excess() -> None:
    assert _excess(3, 32, refit=True) < _excess(3, 32, refit=False)


def test_units_on_one_ray_merge_without_any_excess() -> None:
    """Four copies of two units, split differently at the two ends."""
    rows = np.array([[1.0, 2.0], [-1.0, 1.0]])
    start = np.concatenate([np.vstack([rows, 2 * rows]).ravel(), [1.0, -1.0, 0.5, -0.5]])
    end = np.concatenate([np.vstack([3 * rows, rows]).ravel(), [0.5, -0.25, 0.5, -1.25]])
    x = np.random.default_rng(3).normal(size=(50, 2))
    sample = merging_path(start, end, 2).sample(4)
    losses = [_losses(theta, x, np.zeros(50), 4, False) for theta in sample]
    np.testing.assert_allclose(losses, losses[0], rtol=1e-13)


def test_biases_and_a_single_unit_of_each_sign_are_no_obstacle() -> None:
    source = np.random.default_rng(5)
    start, end = source.normal(size=(2, 2 * 4 + 1))
    start[6:8], end[6:8] = (1.0, -1.0), (-1.0, 1.0)
    x, y = _data(2)
    for refit in (None, (x, y)):
        sample = merging_path(start, end, 2, bias=True, refit=refit).sample(3)
        assert np.array_equal(sample[-1], end)
        assert np.isfinite([_losses(theta, x, y, 2, True) for theta in sample]).all()


def test_bad_input_is_refused() -> None:
    with pytest.raises(ValueError, match="inputs must be >= 1, got 0"):
        merging_path([1, 1], [1, 1], 0)
    with pytest.raises(ValueError, match="start must have 3 parameters per unit, got 4"):
        merging_path([1, 1, 1, 1], [1, 1, 1, 1], 2)
    with pytest.raises(ValueError, match="refit must be finite data of shapes"):
        merging_path([1, 1], [1, 1], 1, refit=([[1.0], [2.0]], [1.0]))
    with pytest.raises(ValueError, match=r"refit must be a pair \(x, y\), got tuple"):
        merging_path([1, 1], [1, 1], 1, refit=([[1.0]], [1.0], [1.0]))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"refit\[1\] must hold real numbers in equal rows, got 'b'"):
        merging_path([1, 1], [1, 1], 1, refit=([[1.0]], ["b"]))
    with pytest.raises(TypeError, match="inputs must be an integer, got '1'"):
        merging_path([1, 1], [1, 1], "1")  # type: ignore[arg-type]
