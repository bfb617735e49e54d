"""What double precision can hold is right at any scale, and what it cannot is refused by name."""

import math
from typing import Any

import numpy as np
import pytest

import theory

HUGE = 1e200
EYE = np.eye(2)


def test_thresholds_scale_with_the_curvatures_at_any_size() -> None:
    for size in (1e-300, 1e-200, 1.0, 1e300):
        assert theory.almost_sure_threshold([size, 2 * size], 1) * size == pytest.approx(1.5, rel=1e-12)
    assert theory.almost_sure_threshold((h for h in (1, 2)), 1) == pytest.approx(1.5, rel=1e-12)


def test_averaging_gains_nothing_where_iterates_do_not_move() -> None:
    assert theory.averaging_ratio(HUGE**-1, HUGE**-1, 3) == pytest.approx(1, abs=1e-12)


def test_a_symmetric_matrix_may_be_as_large_as_doubles_are() -> None:
    assert theory.smoothed_hessian([[1e308]], 1.0)[0, 0] == 1.0
    assert theory.sharpness_in_ball([[1.2e308, 0.0], [0.0, 1.0]], 1.0) == 0.6e308
    assert theory.sharpness_in_ball([[5e-324]], 1.0, loss=0.0) in (0.0, 5e-324)


def test_means_of_large_curvatures_do_not_overflow() -> None:
    assert theory.subspace_curvature_range(1e308 * EYE, 1) == (1e308, 1e308)
    assert theory.outgoing_weight_for_error(1.5e308) == pytest.approx(3e154)


def test_a_scale_is_right_where_the_square_of_a_weight_is_not() -> None:
    assert theory.reaching_scale([[HUGE, HUGE]], 1.0) == pytest.approx(math.sqrt(0.5) / HUGE, rel=1e-14)
    assert theory.reaching_scale([[3e-200, 4e-200]], 1.0) == pytest.approx(0.2 * HUGE, rel=1e-14)


def test_equal_wells_share_alike_and_unequal_ones_do_not_at_any_scale() -> None:
    assert theory.flat_well_share(1.0, 1.0, height=1e300, strength=1e-300) == 0.5
    assert theory.flat_well_share(1.0, 2.0, height=1e300, strength=1e-300) == 1.0
    assert theory.flat_well_share(2.0, 1.0, height=1e300, strength=1e-300) == 0.0
    assert theory.flat_well_share(1e-300, 1e300, height=0.0, strength=1.0) == 1.0
    assert theory.escape_ratio(1e-300, 1e300) == pytest.approx(1e-300)


def test_a_flat_form_has_no_sharpness_in_any_box() -> None:
    assert theory.sharpness_in_box(0 * EYE, [1.0, 1.0], HUGE) == 0
    assert theory.box_sharpness_bounds(0 * EYE, [1.0, 1.0], HUGE) == (0, 0)
    assert theory.sharpness_in_ball(-EYE, HUGE) == 0
    assert theory.sharpness_in_ball([[HUGE**-1]], HUGE) == pytest.approx(HUGE / 2)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: theory.box_sharpness_bounds([[1.0]], [HUGE], 1.0),
            r"times hessian must be finite .* weights = 1e\+200",
        ),
        (lambda: theory.sharpness_in_box([[1.0]], [HUGE], 1.0), r"times hessian must be finite .* weights = 1e\+200"),
        (lambda: theory.sharpness_in_box(EYE, [1.0, 1.0], HUGE), r"the sharpness must be finite .* epsilon = 1e\+200"),
        (lambda: theory.box_sharpness_bounds(EYE, [1.0, 1.0], HUGE), r"bound must be finite .* epsilon = 1e\+200"),
        (lambda: theory.sharpness_in_ball(EYE, HUGE), r"the sharpness must be finite .* radius = 1e\+200"),
        (lambda: theory.mean_rise_under_noise(EYE, HUGE), r"the mean rise must be finite .* deviation = 1e\+200"),
        (lambda: theory.mean_rise_under_rounding(EYE, HUGE), r"the mean rise must be finite .* spacing = 1e\+200"),
        (lambda: theory.stationary_loss(0.5, [1.0], HUGE), r"the loss must be finite .* noise = 1e\+200"),
        (lambda: theory.worst_step_growth([[[HUGE]], [[1.0]]], 1, 1.0), r"learning_rate times hessians must be finite"),
        (
            lambda: theory.mean_square_growth([[[HUGE]], [[1.0]]], 1, 1.0),
            r"learning_rate times hessians must be finite",
        ),
        (lambda: theory.negative_local_entropy([[1.0]], [HUGE], 1.0), r"the local entropy must be finite"),
        (lambda: theory.almost_sure_threshold(["1e-400"] * 2, 1), r"the threshold must be finite in double precision"),
        (lambda: theory.almost_sure_threshold([1e-310] * 2, 1), r"the threshold must be finite in double precision"),
        (lambda: theory.almost_sure_threshold(["1e400"] * 2, 1), r"curvatures must leave a threshold > 0"),
        (lambda: theory.reaching_scale([[1e300]], 1e-300), r"the scale must be > 0 in double precision"),
        (lambda: theory.reaching_scale([[1e-300]], 1e300), r"the scale must be finite in double precision"),
        (lambda: theory.relative_hessian([[1e300]], [HUGE]), r"\|weights\|\^2 times hessian must be finite"),
        (
            lambda: theory.sam_gradient_of_a_quadratic([[HUGE]], [HUGE], 1.0),
            r"the gradient must be finite",
        ),
        (lambda: theory.sam_gradient_of_a_quadratic([[1e300]], [1.0], 1e300), r"SAM's gradient must be .* 1e\+300"),
        (lambda: theory.bits_per_weight(1e308 * EYE, 0.1), r"the trace of hessian must be finite"),
        (lambda: theory.stationary_loss(0.5, 2.0, 1.0), r"curvatures must be a vector of at least one number"),
        (lambda: theory.stationary_loss(0.5, [], 1.0), r"curvatures must be a vector of at least one number"),
    ],
)
def test_what_doubles_do_not_hold_is_refused(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("table", [[[1.0], [1.0, 2.0]], [["a"]], "text", None, [[1j]], [[True]]])
@pytest.mark.parametrize(
    "read",
    [
        lambda table: theory.minibatch_covariance(table, 1),
        lambda table: theory.mean_square_growth(table, 1, 0.1),
        lambda table: theory.stationary_loss(0.1, table, 1.0),
        lambda table: theory.sharpness_in_ball(table, 1.0),
    ],
)
def test_what_is_no_table_of_numbers_is_refused(read: Any, table: object) -> None:
    with pytest.raises(
        ValueError, match=r"(gradients|hessians|curvatures|hessian) must hold real numbers in equal rows"
    ):
        read(table)


def test_a_curvature_alone_is_no_list_of_samples() -> None:
    for value in (1.0, None, "12"):
        with pytest.raises(TypeError, match=r"curvatures must be a sequence, got"):
            theory.almost_sure_threshold(value, 1)
        with pytest.raises(TypeError, match=r"curvatures must be a sequence, got"):
            theory.mean_square_threshold(value, 1)


def test_filters_are_lists_of_places() -> None:
    assert theory.mean_slice_curvature(EYE, [1, 2], ((0,), np.array([1]))) == 5
    for filters in ([[0.5]], [[True]]):
        with pytest.raises(TypeError, match=r"filters must hold integers, the places of weights, got"):
            theory.mean_slice_curvature(EYE, [1, 2], filters)
    for filters in (0, [0]):
        with pytest.raises(TypeError, match=r"(filters|a filter) must be a sequence, got 0"):
            theory.mean_slice_curvature(EYE, [1, 2], filters)
