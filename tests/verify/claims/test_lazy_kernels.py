"""The kernels of wide networks: the claims at another seed, and what their workers measure."""

from collections.abc import Callable

import numpy as np
import pytest

from verify import Finding, Verdict, Workbench
from verify.claims.lazy import invertibility, least_eigenvalue

Trial = Callable[[str], tuple[list[Finding], Workbench]]


@pytest.mark.parametrize(
    ("name", "verdicts"),
    [
        ("lazy.strictly-positive-kernels", {Verdict.PROVED}),
        ("lazy.kernel-invertible", {Verdict.PROVED, Verdict.SUPPORTED}),
        ("lazy.lambda-min-as-printed", {Verdict.REFUTED}),
    ],
)
def test_every_claim_comes_out_as_expected_at_another_seed(name: str, verdicts: set[Verdict], tried: Trial) -> None:
    findings, _ = tried(name)
    assert {finding.verdict for finding in findings} == verdicts


def test_quick_leaves_to_standard_the_power_of_the_fourth_order_alone(deferred_in_quick: Callable[[str], int]) -> None:
    assert deferred_in_quick("lazy.lambda-min-grows") == 1


def test_the_variance_divides_the_kernel_of_relu_units_by_their_number() -> None:
    """The same draws at both variances: the least eigenvalue scales exactly."""
    one, printed = (
        least_eigenvalue.least_eigenvalues(3, "relu", 6, 5, printed, 200, 1, 3)["least"] for printed in (False, True)
    )
    np.testing.assert_allclose(printed[:, 0], one[:, 0] / 200, rtol=1e-9)
    np.testing.assert_allclose(printed[:, 1], one[:, 1] / 400, rtol=1e-9)


def test_odd_units_fall_twice_as_fast_at_the_printed_variance() -> None:
    """With one sample more than d + 1, from 200 units to 1600."""
    drops = {}
    for activation in ("softplus", "tanh"):
        least = least_eigenvalue.least_eigenvalues(4, activation, 7, 5, True, 200, 3, 40)["least"][:, :, -1]
        drops[activation] = np.median(np.log2(least[:, 0] / least[:, -1])) / 3
    assert 0.8 < drops["softplus"] < 1.2
    assert 1.7 < drops["tanh"] < 2.3


def test_the_mean_kernel_is_what_many_units_come_to() -> None:
    found = least_eigenvalue.least_eigenvalues(5, "relu", 3, 5, False, 6400, 0, 2)
    np.testing.assert_allclose(found["least"][:, 0, -1] / 6400, found["mean"], rtol=0.15)


def test_the_least_eigenvalue_of_a_tanh_kernel_falls_with_every_sample_and_is_a_square_of_one_alone() -> None:
    """One input of two weights: the kernel of the first sample is the squared length of its features."""
    least = least_eigenvalue.least_eigenvalues(6, "tanh", 4, 1, False, 50, 0, 5)["least"]
    assert least.shape == (5, 1, 4)
    assert (np.diff(least, axis=2) < 0).all()
    assert (least[:, 0, 0] < 50).all()


def test_smooth_features_have_the_largest_rank_there_is_and_those_of_relu_units_often_not() -> None:
    units = invertibility.SAMPLES
    ranks = {name: invertibility.feature_ranks(6, name, units, 50)["rank"] for name in ("tanh", "relu", "linear")}
    assert (ranks["tanh"] == units).all()
    assert (ranks["linear"] == invertibility.INPUTS + 1).all()
    assert 0 < (ranks["relu"] < units).mean() < 1


def test_one_unit_never_tells_two_samples_apart() -> None:
    assert invertibility.pair_ranks(7, 1, 100)["rank"].max() == 1
