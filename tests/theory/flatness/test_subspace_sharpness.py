"""What random subspaces see of the curvature, against sampled subspaces."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from theory.flatness.subspace_sharpness import subspace_curvature, subspace_curvature_range


def _minimum(seed: int, size: int) -> np.ndarray:
    root = np.random.default_rng(seed).normal(size=(size, size))
    return np.asarray(root @ root.T)


def _sampled(hessian: np.ndarray, dimension: int, draws: int, seed: int) -> np.ndarray:
    frames = np.linalg.qr(np.random.default_rng(seed).normal(size=(draws, len(hessian), dimension)))[0]
    return np.asarray(np.linalg.eigvalsh(np.swapaxes(frames, 1, 2) @ hessian @ frames)[:, -1])


def test_it_is_proved_exactly() -> None:
    assert subspace_curvature().passed
    assert subspace_curvature().evidence == "exact"


@settings(max_examples=30)
@given(seed=st.integers(0, 2**32), size=st.integers(1, 6))
def test_the_bounds_meet_at_both_ends_and_never_cross(seed: int, size: int) -> None:
    hessian = _minimum(seed, size)
    lower, upper = subspace_curvature_range(hessian, 1)
    assert lower == pytest.approx(np.trace(hessian) / size)
    assert upper == pytest.approx(lower)
    lower, upper = subspace_curvature_range(hessian, size)
    assert lower == pytest.approx(np.linalg.eigvalsh(hessian)[-1])
    assert upper == pytest.approx(lower)
    ranges = [subspace_curvature_range(hessian, k) for k in range(1, size + 1)]
    assert all(low <= high for low, high in ranges)


@pytest.mark.parametrize("dimension", [1, 2, 3, 4, 5])
def test_sampled_subspaces_lie_between_the_bounds(dimension: int) -> None:
    hessian = _minimum(3, 5)
    values = _sampled(hessian, dimension, 2000, dimension)
    error = values.std(ddof=1) / np.sqrt(len(values))
    lower, upper = subspace_curvature_range(hessian, dimension)
    assert lower - 5 * error - 1e-9 <= values.mean() <= upper + 5 * error + 1e-9


def test_with_rank_one_the_mean_is_the_share_of_the_dimension() -> None:
    vector = np.array([1.0, -2.0, 0.5, 3.0])
    hessian = np.outer(vector, vector)
    lower, upper = subspace_curvature_range(hessian, 3)
    assert lower == pytest.approx(upper) == pytest.approx(0.75 * vector @ vector)
    values = _sampled(hessian, 3, 2000, 1)
    assert abs(values.mean() - lower) < 5 * values.std(ddof=1) / np.sqrt(len(values))


def test_subspaces_that_grow_see_more_draw_by_draw() -> None:
    hessian = _minimum(8, 6)
    for seed in range(20):
        frame = np.linalg.qr(np.random.default_rng(seed).normal(size=(6, 6)))[0]
        seen = [np.linalg.eigvalsh(frame[:, :k].T @ hessian @ frame[:, :k])[-1] for k in range(1, 7)]
        assert (np.diff(seen) >= -1e-12).all()


def test_a_rescaling_raises_it_beyond_any_bound() -> None:
    hessian = _minimum(1, 4)
    scale = np.diag([100.0, 100.0, 0.01, 0.01])
    for dimension in (1, 2, 3):
        _, upper = subspace_curvature_range(hessian, dimension)
        assert subspace_curvature_range(scale @ hessian @ scale, dimension)[0] > 100 * upper


def test_bad_input_is_refused() -> None:
    with pytest.raises(ValueError, match=r"hessian must be positive semidefinite, got the eigenvalue -1"):
        subspace_curvature_range([[-1.0]], 1)
    with pytest.raises(ValueError, match=r"dimension must be <= the number of weights, 1, got 2"):
        subspace_curvature_range([[1.0]], 2)
    with pytest.raises(TypeError, match=r"dimension must be an integer, got 1.0"):
        subspace_curvature_range([[1.0]], 1.0)  # type: ignore[arg-type]
