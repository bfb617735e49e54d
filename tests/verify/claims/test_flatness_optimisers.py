"""The claims on optimisers that look for flat minima, on quadratics: measurements, outcomes."""

from collections.abc import Callable

import numpy as np
import pytest

import theory
from verify import Finding, Verdict, Workbench, discover
from verify.claims.flatness import descents

Tried = Callable[[str], tuple[list[Finding], Workbench]]


def test_the_right_objective_corrects_the_printed_one() -> None:
    (claim,) = (claim for claim in discover() if claim.id == "flatness.sam-objective")
    assert claim.corrects == "flatness.sam-as-printed"


def test_a_sharpness_aware_step_is_the_gradient_uphill() -> None:
    found = descents.sharpness_aware_steps(3, 2, 0.5, "cpu")
    for gradient, hessian, place in zip(found["gradient"], found["hessians"], found["displacement"], strict=True):
        uphill = place + 0.5 * hessian @ place / np.linalg.norm(hessian @ place)
        np.testing.assert_allclose(gradient, hessian @ uphill, atol=1e-13)


def test_sharpness_aware_descent_does_not_come_to_rest() -> None:
    (path,) = descents.sharpness_aware_ends(2.0, "0.25", 0.3, 200, "cpu")["path"]
    assert path[0] == 1
    assert path[-1] == pytest.approx(-path[-2])
    assert abs(path[-1]) == pytest.approx(theory.sam_cycle(2.0, 0.25, 0.3))


def test_the_loss_uphill_is_to_first_order_higher_by_the_length_of_the_gradient() -> None:
    found = descents.uphill_losses(4, 3, "1e-5 1e-6", "cpu")
    rise = found["uphill"] - found["loss"][:, None]
    np.testing.assert_allclose(rise, found["slope"][:, None] * np.array([1e-5, 1e-6]), rtol=1e-3)


def test_the_local_entropy_of_a_stiff_spring_is_the_loss() -> None:
    found = descents.local_entropy_matrices(5, 1, 1e4, "cpu")
    np.testing.assert_allclose(found["found"], found["hessians"], atol=2e-3)


def test_the_sampled_local_entropy_is_that_of_the_formula_and_its_errors_are_small() -> None:
    found, walked = (
        descents.sampled_entropies(7, 3, 1.0, 4000, "cpu"),
        descents.local_entropy_matrices(7, 3, 1.0, "cpu"),
    )
    _, logarithms = np.linalg.slogdet(np.eye(8) + walked["hessians"])
    assert (np.abs(found["value"] - logarithms / 2) < 4.5 * found["error"]).all()
    assert found["error"].max() < 0.04


@pytest.mark.parametrize(
    ("name", "proved"), [("sam-objective", 4), ("local-entropy", 3), ("weight-averaging", 4), ("stability-edge", 4)]
)
def test_what_the_theory_derives_is_proved_and_its_rivals_are_not(name: str, proved: int, tried: Tried) -> None:
    findings, bench = tried(f"flatness.{name}")
    assert bench.figures
    assert [finding.verdict for finding in findings].count(Verdict.PROVED) == proved
    assert {str(finding.rival_position) for finding in findings} == {"disjoint"}


def test_the_average_of_one_iterate_is_the_iterate() -> None:
    ratio = descents.averaged_losses(6, 0.5, 1, 10, 3)["ratio"]
    np.testing.assert_array_equal(ratio, np.ones(3))


@pytest.mark.parametrize("name", ["sam-as-printed", "sam-objective", "local-entropy", "weight-averaging"])
def test_a_claim_comes_out_as_expected_at_another_root_seed(name: str, tried: Tried) -> None:
    _, bench = tried(f"flatness.{name}")
    (figure,) = bench.figures.values()
    assert len(figure.layers) >= 3
