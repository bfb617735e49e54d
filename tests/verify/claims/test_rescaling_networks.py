"""Claims on rescaling: what the workers measure against planted answers, and what wrong ones do."""

import numpy as np
import pytest
import torch

import numerics
from verify import Agrees, Rival, Verdict
from verify.claims.rescaling import eigenvalues, function, networks


def test_block_sizes_are_those_of_a_network_without_biases() -> None:
    assert sum(networks.block_sizes("6 5 4 4")) == numerics.Mlp((6, 5, 4, 4)).parameters


def test_students_fit_their_teacher_and_have_one_zero_eigenvalue_for_each_hidden_unit() -> None:
    network, theta, x, y, losses = networks.taught(7, 4, "5 4 3", "relu", 80, "cpu")
    assert float(losses.max()) <= networks.FITTED
    hessian = numerics.dense_hessian(network, theta, x, y, networks.loss()).total
    values = torch.linalg.eigvalsh(hessian)
    assert ((values.abs() <= networks.CUT * values[:, -1:]).sum(1) == 4).all()


def test_networks_on_their_way_are_no_minima() -> None:
    network, theta, x, y = networks.halfway(7, 3, "5 6 2", "relu", False, 12, "cpu")
    assert float(numerics.relative_gradient_norm(network, theta, x, y, networks.loss()).min()) > 1e-3


def test_the_transformation_is_seen_entry_by_entry_and_a_wrong_power_is_refuted() -> None:
    found = networks.transformed(3, 2, "4 3 2", "relu", True, 6, 1e-2, 1e2, 3, "cpu")
    before = np.broadcast_to(found["before"][:, None], found["hessian"].shape)
    rival = Rival("multiplied", found["rival"])
    title, reason = "Hessian", "rounding"
    right = Agrees(
        title, measured=found["hessian"], predicted=before, tolerance=1e-10, reason=reason, rival=rival
    ).decide()
    wrong = Agrees(
        title, measured=found["hessian"] * 1.001, predicted=before, tolerance=1e-10, reason=reason, rival=rival
    ).decide()
    assert (right.verdict, wrong.verdict) == (Verdict.SUPPORTED, Verdict.REFUTED)


def test_a_minimum_without_curvature_in_layer_1_flattens_as_alpha_falls() -> None:
    found = networks.flat_first_layer(5, 12, "-2 -1 0", "cpu")
    np.testing.assert_allclose(found["largest"], [[-4, -2, 0]], atol=1e-12)


def test_the_largest_eigenvalue_along_the_orbit_is_that_of_the_transformed_hessian() -> None:
    found = networks.along_the_orbit(3, 2, "4 3 2", "relu", 40, "-1 0 1", "cpu")
    network, theta, x, y, _ = networks.taught(3, 2, "4 3 2", "relu", 40, "cpu")
    hessian = numerics.dense_hessian(network, theta, x, y, networks.loss()).total
    for place, alpha in enumerate((0.1, 1.0, 10.0)):
        d = torch.cat([torch.full((12,), 1 / alpha), torch.full((6,), alpha)]).double()
        expected = torch.linalg.eigvalsh(d[:, None] * hessian * d)
        np.testing.assert_allclose(found["largest"][:, place], expected[:, -1].numpy(), rtol=1e-9)
        np.testing.assert_allclose(found["trace"][:, place], expected.sum(1).numpy(), rtol=1e-9)


def test_counts_of_a_planted_hessian_are_those_of_its_blocks() -> None:
    block = np.diag([4.0, 1.0, 1.0, 0.0, 2.0, 3.0])
    block[0, 5] = block[5, 0] = 2.0  # the 3 of the last layer has a Schur complement of 2: it falls
    factors = eigenvalues.growing_factors(block, (4, 2), bound=1e3)
    assert np.prod(factors) == pytest.approx(1.0)
    d = 1 / np.repeat(factors, (4, 2))
    assert eigenvalues.counted(block, block * np.outer(d, d), (4, 2), 1e3) == {"rank": 5, "others": 3, "beyond": 3}


def test_one_more_eigenvalue_than_the_block_has_would_be_seen() -> None:
    hessian = np.diag([1.0, 1.0, 1.0])
    count = eigenvalues.counted(hessian, np.diag([1e4, 1e4, 1e4]), (2, 1), 1e3)
    finding = Agrees(
        "count",
        measured=[count["beyond"]],
        predicted=[count["others"]],
        tolerance=0,
        reason="a count",
        rival=Rival("none", 0),
    ).decide()
    assert finding.verdict is Verdict.REFUTED


def test_random_matrices_are_invertible_and_meet_the_bound() -> None:
    found = eigenvalues.counts_on_matrices(5, 3, "cpu")
    np.testing.assert_array_equal(found["rank"], np.repeat([18, 11, 11], 3))
    np.testing.assert_array_equal(found["beyond"], found["rank"] - found["smallest"])


def test_digits_before_and_after_share_outputs_but_not_with_a_random_step() -> None:
    found = function.before_and_after(11, 1, "cpu")
    outputs, right = found["outputs"][0], found["right"][0]
    np.testing.assert_allclose(outputs[1:3], outputs[[0, 0]], atol=1e-12)
    assert np.abs(outputs[3] - outputs[0]).max() > 1
    assert right[0] / 1497 > 0.8  # it has learned something
    assert right[3] < right[0]
    middle = len(function.STEPS) // 2
    for kind in ("none", "filter"):
        slices = found[f"slice {kind}"][0]
        np.testing.assert_allclose(slices[:, middle], slices[0, middle], rtol=1e-10)


def test_what_is_left_of_measures_in_units_of_the_weights_is_proved_and_their_rivals_are_not() -> None:
    found = [comparison.decide() for comparison in function._in_units_of_the_weights()]
    assert [finding.verdict for finding in found] == [Verdict.PROVED] * 5
    assert {str(finding.rival_position) for finding in found} == {"disjoint"}
