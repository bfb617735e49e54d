"""The claims on noise, stability and robustness of minima: measurements, outcomes."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

import numerics
from verify import Finding, Workbench
from verify.claims.flatness import minima, perturbations, thresholds

Tried = Callable[[str], tuple[list[Finding], Workbench]]


@pytest.mark.parametrize("kind", ["quadratics", "networks"])
def test_the_minima_are_minima_of_loss_zero(kind: str) -> None:
    network, theta, x, y = minima.problem(kind, 3, 2, "cpu")
    value, gradient = numerics.loss_and_gradient(network, theta, x, y, minima.half_square())
    assert float(value.max()) <= minima.FITTED
    assert float(gradient.norm(dim=1).max()) < 1e-8


def test_training_that_ends_above_zero_loss_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(minima, "FITTED", -1.0)
    with pytest.raises(ArithmeticError, match="training must end at a loss of at most -1, got"):
        minima.fitted(3, 1, "cpu")


def test_the_measured_threshold_of_one_weight_is_twice_the_inverse_curvature() -> None:
    network = numerics.Mlp((1, 1), "linear")
    x = torch.full((1, 1), 2.0, dtype=torch.float64)  # L = 2 theta^2, of curvature 4
    zero = torch.zeros(1, dtype=torch.float64)
    found = thresholds.largest_stable_rate(network, zero, x, torch.zeros_like(x), zero + 1e-6)
    assert found == pytest.approx(0.5, rel=0.015)


def test_the_second_moment_of_two_samples_neither_grows_nor_shrinks_at_the_threshold() -> None:
    found = thresholds.mean_square_thresholds(5, 3, 4, 2)
    for rate, table in zip(found["threshold"], found["curvatures"], strict=True):
        factor = np.mean((1 - rate * thresholds.batch_means(table, 2)) ** 2)
        assert factor == pytest.approx(1, abs=1e-12)


def test_in_one_weight_the_mean_square_grows_by_its_factor_at_every_step() -> None:
    found = thresholds.mean_square_growths(5, 2, 4, 1, 2, 3)
    for growth, rate, hessians in zip(found["growth"], found["rate"], found["hessians"], strict=True):
        factor = np.mean((1 - rate * thresholds.batch_means(hessians[:, 0, 0], 2)) ** 2)
        assert growth == pytest.approx(factor)


def test_trajectories_of_equal_samples_are_those_of_gradient_descent() -> None:
    found = thresholds.surviving_trajectories(1, "2.0 2.0", 1, 0.25, 10, 3)
    np.testing.assert_allclose(found["end"], 10 * np.log(0.5))


def test_rounding_goes_to_the_nearest_place_of_the_grid() -> None:
    weights = torch.tensor([0.24, 0.26, -0.9])
    moved = perturbations.rounded(weights, torch.tensor([0.0, 0.0, 0.1]), 0.5)
    torch.testing.assert_close(moved, torch.tensor([0.0, 0.5, -0.9]))


@pytest.mark.parametrize("name", ["noise-covariance", "noise-robust", "bits"])
def test_a_claim_comes_out_as_expected_at_another_root_seed(name: str, tried: Tried) -> None:
    _, bench = tried(f"flatness.{name}")
    assert bench.figures
