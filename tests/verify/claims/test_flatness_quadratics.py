"""The claims on noise, stability and robustness of minima: registry, measurements, outcomes."""

import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest
import torch

import numerics
from verify import STATEMENTS, Claim, Status, Verdict, Workbench, discover
from verify.claims.flatness import minima, perturbations, thresholds
from verify.report.formulas import refuse_bad_formula

EXPECTED = {
    "noise-covariance": Verdict.PROVED,
    "noise-robust": Verdict.SUPPORTED,
    "bits": Verdict.SUPPORTED,
    "stability-edge": Verdict.SUPPORTED,
}
CLAIMS = {claim.id: claim for claim in discover() if claim.id.removeprefix("flatness.") in EXPECTED}

MakeBench = Callable[[str], Workbench]


def test_they_are_registered_with_their_expectations() -> None:
    assert {id_: claim.expects for id_, claim in CLAIMS.items()} == {
        f"flatness.{name}": frozenset({verdict}) for name, verdict in EXPECTED.items()
    }


def test_a_statement_of_the_lecture_leads_to_each() -> None:
    named = {name for statement in STATEMENTS if isinstance(statement.covered, tuple) for name in statement.covered}
    assert CLAIMS.keys() <= named


@pytest.mark.parametrize("claim", CLAIMS.values(), ids=str)
def test_statements_are_complete_and_their_formulas_can_be_drawn(claim: Claim) -> None:
    assert claim.statement.endswith(".")
    assert claim.assumptions
    for text in (claim.statement, *claim.assumptions):
        pieces = text.split("$")
        assert len(pieces) % 2 == 1
        for formula in pieces[1::2]:
            if formula:
                refuse_bad_formula(formula)


def test_importing_them_loads_neither_torch_nor_sympy() -> None:
    program = (
        "import sys, verify.claims.flatness.noise, verify.claims.flatness.robustness;"
        "import verify.claims.flatness.stability;"
        "print([name for name in ('torch', 'sympy', 'scipy.stats') if name in sys.modules])"
    )
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() == "[]"


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


@pytest.mark.parametrize("name", EXPECTED)
def test_a_claim_comes_out_as_expected_at_another_root_seed(name: str, make_bench: MakeBench) -> None:
    claim = CLAIMS[f"flatness.{name}"]
    bench = make_bench(claim.id)
    findings = list(claim.judge(bench, "quick"))
    outcome = claim.conclude(findings)
    assert outcome.as_expected, outcome.why_not
    assert {finding.status for finding in findings} == {Status.DECIDED}
    assert bench.figures
    for figure in bench.figures.values():
        assert all((figure.x, figure.y, figure.title))
        assert figure.caption.endswith(".")
        assert len(figure.layers) >= 2
        assert all(layer.label for layer in figure.layers)
