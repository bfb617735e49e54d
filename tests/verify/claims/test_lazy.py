"""Lazy training: the claims at another seed, and what their workers measure."""

from collections.abc import Callable

import numpy as np
import pytest

from verify import Finding, Verdict, Workbench
from verify.claims.lazy import descent, gradient, second_derivatives

Trial = Callable[[str], tuple[list[Finding], Workbench]]

CLAIMS = (
    "lazy.gradient-bound",
    "lazy.mean-kernels",
    "lazy.minibatch-gradient-is-unbiased",
    "lazy.polyak-lojasiewicz",
    "lazy.second-derivatives",
    "lazy.shifted-gradient-bound",
)


@pytest.mark.parametrize("name", CLAIMS)
def test_every_claim_comes_out_as_expected_at_another_seed(name: str, tried: Trial) -> None:
    findings, _ = tried(name)
    assert {finding.verdict for finding in findings} == {Verdict.PROVED, Verdict.SUPPORTED}


def test_errors_along_the_slowest_direction_nearly_reach_the_bound_and_normal_ones_do_not() -> None:
    found = gradient.gradients(3, "relu", 6)
    start = found["bound"][:, 0]
    assert start[1::2].min() > 0.5
    assert start[::2].max() < start[1::2].min()
    assert (np.diff(found["risk"], axis=1) < 0).all()


def test_shrinking_every_feature_costs_twice_the_distance() -> None:
    found = gradient.moved_features(5, 1024, 4)
    share = 1 / np.sqrt(1024 * (gradient.INPUTS + 1))
    np.testing.assert_allclose(found["left"][1::2], (1 - share) ** 2, rtol=2e-3)


def test_only_weights_of_one_unit_have_second_derivatives() -> None:
    found = second_derivatives.second_derivatives(2, 3)
    count = second_derivatives.INPUTS + 1
    outer = second_derivatives.SMALL * count
    assert (found["hessian"][:, outer:, outer:] == 0).all()
    assert (found["hessian"][:, :count, count : 2 * count] == 0).all()
    assert abs(found["hessian"][:, :count, :count]).min() > 0


def test_descent_gets_lower_at_every_step_and_ends_far_below_the_start() -> None:
    found = descent.descents(4, 3, 200)
    assert (np.diff(found["risk"], axis=1) < 0).all()
    assert found["risk"][:, -1].max() < 0.5
    assert ((found["length"] > 0.5) & (found["length"] < 1)).all()


def test_there_is_one_mean_for_each_batch_size_and_the_whole_batch_is_the_full_gradient() -> None:
    found = descent.batch_means(6, 2)
    assert len(found["mean"]) == descent.SAMPLES
    np.testing.assert_allclose(found["mean"][-1], found["full"][-1], rtol=1e-12)
