"""Paths made of pieces."""

import matplotlib
import numpy as np
import pytest

from theory.level_sets.parameter_path import polygon

matplotlib.use("Agg")


def test_a_polygon_passes_through_its_corners() -> None:
    path = polygon([[0, 0], [1, 0], [1, 0], [1, 2]])
    assert len(path.pieces) == 2
    np.testing.assert_array_equal(path.sample(1), [[0, 0], [1, 0], [1, 2]])
    np.testing.assert_array_equal(path.sample(2), [[0, 0], [0.5, 0], [1, 0], [1, 1], [1, 2]])
    assert path.length() == 3.0


def test_times_run_from_the_start_to_the_end() -> None:
    path = polygon([[0.1], [0.3], [0.7]])
    assert path.at(0) == [0.1]
    assert path.at(1) == [0.7]
    assert path.at(0.5) == [0.3]
    np.testing.assert_array_equal(path.reversed().sample(3), path.sample(3)[::-1])


def test_a_path_that_stays_is_its_start() -> None:
    path = polygon([[1, 2]])
    np.testing.assert_array_equal(path.at(0.5), [1, 2])
    np.testing.assert_array_equal(path.sample(4), [[1, 2], [1, 2]])


def test_paths_are_put_together_where_they_meet() -> None:
    path = polygon([[0.0], [1.0]]).then(polygon([[1.0], [3.0]]))
    np.testing.assert_array_equal(path.sample(1), [[0], [1], [3]])
    with pytest.raises(ValueError, match="the other path must start where this one ends, got a gap of 1"):
        path.then(polygon([[2.0], [3.0]]))


def test_a_picture_of_a_path_shows_its_loss_and_the_larger_end() -> None:
    axes = polygon([[0.0], [1.0], [3.0]]).plot(lambda theta: theta[0] ** 2, per_piece=2)
    curve, level = axes.lines
    np.testing.assert_array_equal(curve.get_xydata(), [[0, 0], [0.25, 0.25], [0.5, 1], [0.75, 4], [1, 9]])
    assert list(level.get_ydata()) == [9, 9]
    assert polygon([[0.0], [1.0]]).plot(len, axes=axes) is axes


def test_bad_arguments_are_refused() -> None:
    path = polygon([[0.0], [1.0]])
    with pytest.raises(ValueError, match=r"time must be in \[0, 1\], got 2"):
        path.at(2)
    with pytest.raises(TypeError, match="time must be a real number, got 'a'"):
        path.at("a")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="per_piece must be >= 1, got 0"):
        path.sample(0)
    with pytest.raises(TypeError, match="per_piece must be an integer, got True"):
        path.sample(True)
    with pytest.raises(ValueError, match="per_piece must leave at most 100000000 numbers to sample, got 1000000001"):
        path.sample(10**9)
    with pytest.raises(TypeError, match="loss must be a function of a parameter, got 3"):
        path.plot(3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="corners must be at least one parameter"):
        polygon([])
