"""The claim on escapes from a sharp well: the landscape, the descent, the outcome."""

from pathlib import Path

import numpy as np
import pytest

import theory
from verify import STATEMENTS, Claim, Status, Verdict, Workbench, discover
from verify.claims.flatness.landscapes import TwoWells, ends_of_descent
from verify.report.formulas import refuse_bad_formula

NAME = "flatness.escapes-sharp"
WELLS = {"flat": 1.0, "sharp": 9.0, "top": 4.0, "height": 1.0}


@pytest.fixture(scope="module")
def claim() -> Claim:
    return next(item for item in discover() if item.id == NAME)


def test_it_is_registered_and_a_statement_of_the_lecture_leads_to_it(claim: Claim) -> None:
    assert claim.expects == {Verdict.SUPPORTED}
    assert any(NAME in statement.covered for statement in STATEMENTS if isinstance(statement.covered, tuple))
    for text in (claim.statement, *claim.assumptions):
        for formula in text.split("$")[1::2]:
            if formula:
                refuse_bad_formula(formula)


def test_the_landscape_is_smooth_and_its_slope_is_its_derivative() -> None:
    wells = TwoWells(**WELLS)
    places = np.linspace(-3, 2, 5001)
    step = 1e-6
    slope = (wells.loss(places + step) - wells.loss(places - step)) / (2 * step)
    np.testing.assert_allclose(wells.slope(places), slope, atol=1e-5)


def test_both_wells_are_equally_deep_below_a_barrier_of_the_height_given() -> None:
    wells = TwoWells(**WELLS)
    np.testing.assert_allclose(wells.loss(np.array([*wells.minima, 0.0])), [0, 0, 1], atol=1e-12)
    np.testing.assert_allclose(wells.slope(np.array([*wells.minima, 0.0])), 0, atol=1e-12)


def test_the_share_of_the_flat_well_tends_to_that_of_little_noise() -> None:
    wells = TwoWells(**WELLS)
    limit = theory.flat_well_share(1.0, 9.0)
    errors = [abs(wells.share(temperature) - limit) for temperature in (0.3, 0.2, 0.1, 0.05)]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 1e-5


def test_without_noise_no_run_leaves_the_sharp_well() -> None:
    found = ends_of_descent(1, **WELLS, rate=0.03, batch=2, spread=0.0, proportional=False, steps=100, runs=20)
    assert not found["flat"].any()
    assert found["share"].shape == (50,)


def test_runs_of_one_seed_are_the_same() -> None:
    options = {"rate": 0.03, "batch": 1, "spread": 2.0, "proportional": True, "steps": 100, "runs": 50}
    first, second = (ends_of_descent(5, **WELLS, **options) for _ in range(2))  # type: ignore[arg-type]
    np.testing.assert_array_equal(first["flat"], second["flat"])
    assert 0 < first["flat"].sum() < 50


def test_it_comes_out_as_expected_at_another_root_seed(claim: Claim, tmp_path: Path) -> None:
    bench = Workbench(claim.id, folder=tmp_path, seed=11)
    findings = list(claim.judge(bench, "quick"))
    outcome = claim.conclude(findings)
    assert outcome.as_expected, outcome.why_not
    assert {finding.status for finding in findings} == {Status.DECIDED}
    assert {figure.name for figure in bench.figures.values()} == {"wells", "shares"}
    assert all(figure.caption.endswith(".") for figure in bench.figures.values())
