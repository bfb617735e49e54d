"""Sharpness over balls and boxes: against ascent, dense grids and brute force over corners."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from theory.flatness.keskar_box import box_sharpness, box_sharpness_bounds, sharpness_in_box
from theory.flatness.sharpness_of_quadratics import ball_sharpness, sharpness_in_ball


def _minimum(seed: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    source = np.random.default_rng(seed)
    root = source.normal(size=(size, size))
    return root @ root.T, source.normal(size=size)


@pytest.mark.parametrize("derive", [ball_sharpness, box_sharpness])
def test_they_are_proved_exactly(derive: object) -> None:
    result = derive()  # type: ignore[operator]
    assert result.passed
    assert result.evidence == "exact"


@settings(max_examples=20)
@given(seed=st.integers(0, 2**32), size=st.integers(1, 6), radius=st.floats(0.01, 3.0), loss=st.floats(0.0, 5.0))
def test_no_point_of_the_ball_is_higher_and_the_first_eigenvector_reaches_it(
    seed: int, size: int, radius: float, loss: float
) -> None:
    hessian, _ = _minimum(seed, size)
    value = sharpness_in_ball(hessian, radius, loss=loss)
    points = np.random.default_rng(seed).normal(size=(200, size))
    points *= radius / np.linalg.norm(points, axis=1, keepdims=True)
    rises = np.einsum("ni,ij,nj->n", points, hessian, points) / 2 / (1 + loss)
    assert (rises <= value * (1 + 1e-12)).all()
    top = radius * np.linalg.eigh(hessian)[1][:, -1]
    assert top @ hessian @ top / 2 / (1 + loss) == pytest.approx(value, rel=1e-9)


def test_without_a_positive_eigenvalue_nothing_rises() -> None:
    assert sharpness_in_ball([[-1.0]], 1.0) == 0.0


def test_the_cubic_correction_is_that_of_a_fine_grid() -> None:
    z = np.linspace(-0.3, 0.3, 200001)
    grid = (2.0 * z**2 / 2 + 0.5 * z**3).max() / (1 + 1.0)
    cubic = ball_sharpness().parts["cubic"].rhs
    numbers = {"a": 2, "c": 0.5, "epsilon": 0.3, "L": 1}
    value = float(cubic.subs({symbol: numbers[symbol.name] for symbol in cubic.free_symbols}))
    assert value == pytest.approx(grid, rel=1e-9)


@settings(max_examples=20)
@given(seed=st.integers(0, 2**32), size=st.integers(1, 7))
def test_the_box_is_the_best_of_all_corners_and_no_inner_point_beats_it(seed: int, size: int) -> None:
    hessian, weights = _minimum(seed, size)
    value, widths = sharpness_in_box(hessian, weights, 0.1, loss=0.5), 0.1 * (abs(weights) + 1)
    corners = np.array(list(product((-1.0, 1.0), repeat=size))) * widths
    best = (np.einsum("ni,ij,nj->n", corners, hessian, corners) / 2).max()
    assert value == pytest.approx(100 * best / 1.5, rel=1e-12)
    inner = np.random.default_rng(seed).uniform(-1, 1, size=(300, size)) * widths
    assert (np.einsum("ni,ij,nj->n", inner, hessian, inner) / 2).max() <= best * (1 + 1e-12)
    lower, upper = box_sharpness_bounds(hessian, weights, 0.1, loss=0.5)
    assert lower <= value * (1 + 1e-12)
    assert value <= upper * (1 + 1e-12)


def test_many_weights_are_tried_in_pieces() -> None:
    hessian, weights = _minimum(4, 14)
    lower, upper = box_sharpness_bounds(hessian, weights, 0.1)
    assert lower <= sharpness_in_box(hessian, weights, 0.1) * (1 + 1e-12) <= upper * (1 + 1e-11)
    vector = np.arange(1.0, 15.0)
    rank_one = sharpness_in_box(np.outer(vector, vector), weights, 0.1)
    assert rank_one == pytest.approx(50 * (0.1 * (abs(weights) + 1) @ vector) ** 2, rel=1e-12)


def test_two_weights_have_the_written_out_maximum() -> None:
    exact = box_sharpness().at(epsilon="1/10", L="1/2", theta_1=-1, theta_2=4, H_11=2, H_12="-1/2", H_22=3)
    assert sharpness_in_box([[2, -0.5], [-0.5, 3]], [-1, 4], 0.1, loss=0.5) == pytest.approx(float(exact), rel=1e-14)


def test_the_box_is_between_the_balls_that_it_contains_and_that_contain_it() -> None:
    hessian, weights = _minimum(9, 5)
    widths = 0.1 * (abs(weights) + 1)
    value = sharpness_in_box(hessian, weights, 0.1)
    assert 100 * sharpness_in_ball(hessian, widths.min()) <= value
    assert value <= 100 * sharpness_in_ball(hessian, float(np.linalg.norm(widths)))


def test_bad_input_is_refused() -> None:
    with pytest.raises(ValueError, match=r"radius must be > 0, got -1"):
        sharpness_in_ball([[1.0]], -1)
    with pytest.raises(ValueError, match=r"loss must be >= 0, got -1"):
        sharpness_in_ball([[1.0]], 1, loss=-1)
    with pytest.raises(ValueError, match=r"weights must have one number per row of hessian, 1, got 2"):
        sharpness_in_box([[1.0]], [1.0, 2.0], 0.1)
    with pytest.raises(ValueError, match=r"hessian must have no negative entry on its diagonal, .* got -1"):
        box_sharpness_bounds([[-1.0]], [1.0], 0.1)
    with pytest.raises(ValueError, match=r"weights must be at most 22, because every corner is tried, got 23"):
        sharpness_in_box(np.eye(23), np.zeros(23), 0.1)
