"""Counts and certificates of local minima: what the claims say of them, and what a descent that is no proof does."""

from collections.abc import Callable

import numpy as np
import pytest

import theory
from verify import Claim, Status, Verdict, Workbench, discover
from verify.claims.minima import logistic_neuron, relu_teacher
from verify.claims.minima.random_teacher import continued_minima
from verify.claims.minima.relu_teacher import ends_of_descents
from verify.report.formulas import refuse_bad_formula

MakeBench = Callable[[str], Workbench]

CLAIMS = {claim.id: claim for claim in discover() if claim.theme == "minima"}


@pytest.mark.parametrize("claim", CLAIMS.values(), ids=str)
def test_statements_are_complete_and_their_formulas_can_be_drawn(claim: Claim) -> None:
    for text in (claim.statement, *claim.assumptions):
        pieces = text.split("$")
        assert len(pieces) % 2 == 1
        for formula in filter(None, pieces[1::2]):
            refuse_bad_formula(formula)


@pytest.mark.parametrize("name", ["logistic-count", "relu-teacher"])
def test_every_finding_about_single_minima_is_certified(name: str, make_bench: MakeBench) -> None:
    claim = CLAIMS[f"minima.{name}"]
    findings = list(claim.judge(make_bench(claim.id), "quick"))
    assert {finding.verdict for finding in findings} == {Verdict.CERTIFIED}
    assert claim.conclude(findings).as_expected


@pytest.mark.parametrize("name", ["hits", "random-targets"])
def test_shares_are_counted_from_the_standard_profile_on(name: str, make_bench: MakeBench) -> None:
    claim = CLAIMS[f"minima.relu-teacher-{name}"]
    findings = list(claim.judge(make_bench(claim.id), "quick"))
    assert {finding.status for finding in findings} == {Status.DEFERRED}


def test_a_descent_that_starts_at_a_spurious_minimum_is_counted_and_one_to_the_teacher_is_not() -> None:
    found = ends_of_descents(3, 12, 8, 8)
    level = float(theory.certify_spurious_minimum(8).loss)
    assert set(found["kind"].tolist()) == {0.0, 1.0}
    np.testing.assert_allclose(found["loss"][found["kind"] == 1], level, rtol=1e-9)
    assert found["loss"][found["kind"] == 0].max() < relu_teacher.GLOBAL


def test_with_two_further_units_the_same_starts_end_at_global_minima() -> None:
    assert ends_of_descents(3, 12, 10, 8)["kind"].tolist() == [0.0] * 12


def test_only_targets_to_which_the_minimum_continues_are_counted() -> None:
    """Six units in as few dimensions are too far from orthonormal, eight in very many are nearly so."""
    few, many = continued_minima(1, 2, 6, 8), continued_minima(1, 2, 8, 100_000)
    assert few["continued"].tolist() == [0, 0]
    assert np.isnan(few["loss"]).all()
    orthonormal = theory.certify_spurious_minimum(8)
    assert many["continued"].tolist() == [1, 1]
    np.testing.assert_allclose(many["loss"], float(orthonormal.loss), rtol=0.02)
    np.testing.assert_allclose(many["least"], float(orthonormal.least_eigenvalue), rtol=0.2)


def test_at_a_small_ratio_most_minima_have_merged() -> None:
    counts = [
        theory.logistic_minima(*theory.axis_examples(n, d, ratio=logistic_neuron.SMALL)).count
        for n, d in logistic_neuron.SIZES
    ]
    assert counts == [3, 1, 1, 1, 1]
