"""Dimensions and random features: what the workers measure, and the claims at another seed."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

import theory
from verify import Finding, Status, Verdict, Workbench, discover
from verify.claims.generalisation import (
    double_descent_networks,
    functional_dimension,
    intrinsic_dimension,
    noisy_digits,
)

Tried = Callable[[str], tuple[list[Finding], Workbench]]
Make = Callable[[str], Workbench]


def test_functional_dimensions_hold_at_another_seed_and_every_rival_falls(tried: Tried) -> None:
    findings, bench = tried("generalisation.functional-dimension")
    assert {str(finding.rival_position) for finding in findings} == {"disjoint"}
    assert list(bench.figures) == ["values"]


@pytest.mark.parametrize(
    ("name", "later"), [("generalisation.intrinsic-dimension", 3), ("generalisation.double-descent-networks", 10)]
)
def test_what_is_decided_in_quick_holds_at_another_seed_and_every_rival_falls(
    make_bench: Make, name: str, later: int
) -> None:
    (claim,) = (one for one in discover() if one.id == name)
    bench = make_bench(name)
    findings = list(claim.judge(bench, "quick"))
    assert claim.conclude(findings).as_expected
    decided = [finding for finding in findings if finding.status is Status.DECIDED]
    assert len(findings) - len(decided) == later
    assert {str(finding.rival_position) for finding in decided} == {"disjoint"}
    assert min(finding.verdict for finding in decided if finding.verdict) is Verdict.SUPPORTED
    (figure,) = bench.figures.values()
    assert len(figure.layers) >= 2


def test_nested_subspaces_leave_less_and_less_of_the_toys_loss() -> None:
    left = intrinsic_dimension.shares_left(3, draws=50)
    assert (np.diff(left["fewer"], axis=1) < 0).all()
    assert (left["enough"] < left["fewer"][:, -1]).all()


def test_digit_dimensions_lie_among_those_that_were_tried_or_are_not_reached() -> None:
    found = intrinsic_dimension.digit_dimensions(5, networks=2, width=4, steps=30, first=20, last=80)
    assert found["tried"].tolist() == [20, 40, 80]
    assert found["parameters"] == 65 * 4 + 5 * 10
    assert found["accuracy"].shape == (2, 3)
    inside = (found["dimension"] >= 20) & (found["dimension"] <= 80)
    assert (inside | np.isinf(found["dimension"])).all()
    reached = found["accuracy"].max(axis=1) >= 0.9
    assert (np.isfinite(found["dimension"]) == reached).all()


def test_the_error_of_digits_peaks_at_as_many_features_as_examples_whatever_was_drawn_beside() -> None:
    errors = double_descent_networks.feature_errors(4, draws=3, outputs=10, digits=True)["errors"]
    again = double_descent_networks.feature_errors(4, draws=3, outputs=10, digits=True)["errors"]
    np.testing.assert_allclose(errors, again, rtol=1e-9)
    assert errors.shape == (3, len(double_descent_networks.FEATURES))
    assert (errors.argmax(axis=1) == double_descent_networks.AT_SAMPLES).all()


def test_a_fifth_of_the_labels_for_training_is_wrong_and_none_for_testing() -> None:
    x, y, new, truth = noisy_digits.noisy_digits(2, 20)
    assert x.shape == (20, 60, 16)
    assert new.shape == (20, 1000, 16)
    for labels in (y, truth):
        assert torch.equal(labels.sum(dim=2), torch.ones(labels.shape[:2], dtype=torch.float64))
    again = noisy_digits.noisy_digits(2, 20)
    assert torch.equal(again[1], y)


def test_trained_networks_have_about_the_parameters_that_are_wanted() -> None:
    found = noisy_digits.network_errors(1, draws=2, shortest=1, largest=2.0)
    tried = np.array(noisy_digits.RATIOS)[: found["errors"].shape[2]]
    assert tried[-1] == 2.0
    np.testing.assert_allclose(found["parameters"] / 600, tried, atol=0.03)
    assert found["losses"].shape == (2, len(noisy_digits.TIMES), len(tried))
    assert (np.diff(found["losses"], axis=1) < 0).all()


def test_features_with_normal_weights_are_inputs_of_unequal_variances() -> None:
    """The eigenvalues of their second moments have the Marchenko-Pastur law, and beta as much in each direction."""
    ratio, share = 2.0, 0.5
    lower, upper = (1 - share**0.5) ** 2, (1 + share**0.5) ** 2
    angles = (np.arange(100) + 0.5) * np.pi / 100
    places = (lower + upper) / 2 - (upper - lower) / 2 * np.cos(angles)
    weights = np.sin(angles) ** 2 / places
    weights /= weights.sum()
    seen = theory.anisotropic_risk(
        ratio,
        variances=places.tolist(),
        shares=weights.tolist(),
        signals=(share * weights / places).tolist(),
        noise=(double_descent_networks.NOISE**2 + 1 - share) ** 0.5,
    )
    assert abs(double_descent_networks.normal_weights_limit(ratio, share) - (1 - share + sum(seen))) < 1e-9


def test_with_fewer_features_than_examples_the_fit_does_not_depend_on_the_basis(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With as many features as inputs both span all of them."""
    monkeypatch.setattr(double_descent_networks, "MANY_INPUTS", 20)
    frame, sums = (
        double_descent_networks.linear_feature_risks(3, draws=4, features=20, orthonormal=orthonormal)["risk"]
        for orthonormal in (True, False)
    )
    np.testing.assert_allclose(frame, sums, rtol=1e-8)


def test_ranks_are_those_of_networks_with_the_widths_that_are_named() -> None:
    found = functional_dimension.ranks(3, networks=2, widths="2-3-1", activation="relu")
    assert found["rank"].tolist() == [10, 10]
    assert found["values"][0] == 1
    assert (found["values"][10:] < 1e-12).all()
