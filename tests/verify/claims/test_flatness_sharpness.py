"""The claim on the sharpness of minima: registry, measurements, outcome."""

from pathlib import Path

import numpy as np
import pytest

import theory
from verify import STATEMENTS, Claim, Status, Verdict, Workbench, discover
from verify.claims.flatness import ascent
from verify.report.formulas import refuse_bad_formula

NAME = "flatness.epsilon-sharpness"


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


def test_the_sharpness_of_a_quadratic_in_a_ball_is_that_of_its_largest_eigenvalue() -> None:
    found = ascent.sharpness_in_balls("quadratics", 4, 3, 0.5, "cpu")
    np.testing.assert_allclose(found["value"], found["eigenvalues"][:, -1] / 8, rtol=1e-6)


def test_the_sharpness_in_a_box_is_within_its_bounds() -> None:
    found = ascent.sharpness_in_boxes(5, 2, 0.1, "cpu")
    for value, hessian, place in zip(found["value"], found["hessians"], found["minima"], strict=True):
        lower, upper = theory.box_sharpness_bounds(hessian, place, 0.1)
        assert lower * (1 - 1e-9) <= value <= upper * (1 + 1e-9)


def test_planes_are_sharper_than_lines_and_no_more_than_twice() -> None:
    found = ascent.sharpness_along_lines(6, 2, 40, 1e-3, "cpu")
    assert (found["plane"] > found["line"]).all()
    assert (found["plane"] < 2 * found["line"]).all()


def test_it_comes_out_as_expected_at_another_root_seed(claim: Claim, tmp_path: Path) -> None:
    bench = Workbench(claim.id, folder=tmp_path, seed=11)
    findings = list(claim.judge(bench, "quick"))
    outcome = claim.conclude(findings)
    assert outcome.as_expected, outcome.why_not
    assert {finding.status for finding in findings} == {Status.DECIDED}
    (figure,) = bench.figures.values()
    assert figure.caption.endswith(".")
    assert len(figure.layers) == 3
