"""Paths of rotations."""

import numpy as np
import pytest
from scipy.stats import ortho_group

from theory.level_sets.rotations import completed, rotation_path


@pytest.mark.parametrize("size", [1, 2, 3, 4, 6])
@pytest.mark.parametrize("seed", range(3))
def test_a_path_leads_from_one_to_the_rotation_through_rotations(size: int, seed: int) -> None:
    rotation = np.atleast_2d(ortho_group.rvs(size, random_state=seed)) if size > 1 else np.ones((1, 1))
    rotation[:, 0] *= np.sign(np.linalg.det(rotation))
    path = rotation_path(rotation)
    np.testing.assert_allclose(path(0.0), np.eye(size), atol=1e-14)
    np.testing.assert_allclose(path(1.0), rotation, atol=1e-14)
    for time in (0.2, 0.5, 0.9):
        turned = path(time)
        np.testing.assert_allclose(turned @ turned.T, np.eye(size), atol=1e-14)
        assert np.linalg.det(turned) > 0


def test_half_turns_are_paired() -> None:
    path = rotation_path(np.diag([-1.0, 1.0, -1.0]))
    np.testing.assert_allclose(path(1.0), np.diag([-1.0, 1.0, -1.0]), atol=1e-15)
    np.testing.assert_allclose(path(0.5) @ path(0.5).T, np.eye(3), atol=1e-15)


@pytest.mark.parametrize("matrix", [np.diag([1.0, -1.0]), np.diag([1.0, 2.0])])
def test_other_matrices_are_refused(matrix: np.ndarray) -> None:
    with pytest.raises(ValueError, match="rotation must be orthogonal with determinant"):
        rotation_path(matrix)


def test_columns_are_completed_to_a_rotation() -> None:
    columns = np.linalg.qr(np.arange(8.0).reshape(4, 2) ** 2)[0]
    whole = completed(columns)
    np.testing.assert_array_equal(whole[:, :2], columns)
    np.testing.assert_allclose(whole.T @ whole, np.eye(4), atol=1e-14)
    assert np.linalg.det(whole) > 0
    with pytest.raises(ValueError, match="columns must be fewer than rows, got 2 of 2"):
        completed(np.eye(2))
