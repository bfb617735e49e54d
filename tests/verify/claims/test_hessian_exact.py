"""The claims on principal curvatures, the rank at zero loss and a wider layer: measurements, outcomes."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

import numerics
from verify import Finding, Verdict, Workbench
from verify.claims.hessian import principal_curvatures, zero_loss

Tried = Callable[[str], tuple[list[Finding], Workbench]]


def test_training_reaches_zero_loss_and_a_member_depends_on_its_own_seed_alone() -> None:
    first = zero_loss.fitted_networks(5, 2, "4 12 2", "tanh", 12, "cpu")
    network, theta, x, y, losses = first
    assert (losses <= zero_loss.FITTED).all()
    torch.testing.assert_close(network.forward(theta, x), y, rtol=0, atol=1e-8)
    assert torch.equal(first[2], zero_loss.fitted_networks(5, 2, "4 30 2", "tanh", 12, "cpu")[2])


def test_the_counts_add_up_to_the_number_of_weights() -> None:
    found = zero_loss.counts_at_zero_loss(7, 3, "4 10 8 2", "tanh", 12, "cpu")
    total = found["negative"] + found["zero"] + found["positive"]
    assert (total == zero_loss.weights_of((4, 10, 8, 2))).all()
    assert (found["positive"] == 24).all()


def test_the_largest_eigenvalue_at_zero_loss_is_that_of_the_whole_hessian() -> None:
    network, theta, x, y, _ = zero_loss.fitted_networks(3, 2, "4 12 2", "tanh", 12, "cpu")
    whole = numerics.dense_hessian(network, theta, x, y, numerics.SquaredError(prefactor=0.5)).total
    found = zero_loss.largest_at_zero_loss(3, 2, "4 12 2", "tanh", 12, "cpu")["largest"]
    np.testing.assert_allclose(found, torch.linalg.eigvalsh(whole)[:, -1].numpy(), rtol=1e-8)


def test_second_derivatives_along_axes_are_the_diagonal_of_the_hessian() -> None:
    found = principal_curvatures.curvatures(2, 1, "cpu")
    strongest = np.sort(found["diagonal"], axis=1)[:, ::-1][:, :4]
    np.testing.assert_allclose(found["axes"], strongest, rtol=0, atol=1e-13)
    assert found["pushed"].max() > strongest.max()


@pytest.mark.parametrize("name", ["rank-at-interpolation", "one-wider-layer"])
def test_a_claim_comes_out_as_expected_at_another_root_seed(name: str, tried: Tried) -> None:
    findings, _ = tried(f"hessian.{name}")
    assert Verdict.PROVED in {finding.verdict for finding in findings}
