"""Level sets: what the workers measure, and what the claims on exact levels make of data other than theirs."""

from collections.abc import Callable

import numpy as np
import pytest

import theory
from verify import Claim, Verdict, Workbench, discover
from verify.claims.level_sets import linear, quadratic, relu, unbroken
from verify.report.formulas import refuse_bad_formula

MakeBench = Callable[[str], Workbench]

MODULES = ("principle", "linear", "quadratic", "relu")
CLAIMS = {
    claim.id: claim
    for claim in discover()
    if claim.check.__module__ in {f"verify.claims.level_sets.{name}" for name in MODULES}
}


@pytest.mark.parametrize("claim", CLAIMS.values(), ids=str)
def test_statements_are_complete_and_their_formulas_can_be_drawn(claim: Claim) -> None:
    for text in (claim.statement, *claim.assumptions):
        pieces = text.split("$")
        assert len(pieces) % 2 == 1
        for formula in filter(None, pieces[1::2]):
            refuse_bad_formula(formula)


def test_what_is_printed_wrongly_is_expected_to_be_refuted() -> None:
    printed = {id_ for id_ in CLAIMS if id_.endswith("as-printed")}
    assert {id_ for id_, claim in CLAIMS.items() if claim.expects == frozenset({Verdict.REFUTED})} == printed
    everywhere = {claim.id for claim in discover() if claim.id.endswith("as-printed")}
    assert {claim.corrects for claim in CLAIMS.values() if claim.corrects} <= everywhere


@pytest.mark.parametrize("claim", CLAIMS.values(), ids=str)
def test_every_claim_comes_out_as_expected_at_another_seed(claim: Claim, make_bench: MakeBench) -> None:
    outcome = claim.conclude(list(claim.judge(make_bench(claim.id), "quick")))
    assert (outcome.verdict, outcome.why_not) == (min(claim.expects), "")


@pytest.mark.parametrize("data", relu.DATA.values(), ids=list(relu.DATA))
def test_a_component_is_born_at_the_parameter_that_is_named(data: relu.Data) -> None:
    tree = theory.merge_tree(data.x, data.y, data.width, data.bias)
    inputs, x = len(data.x[0]), np.array(data.x, dtype=float)
    for (birth, _), place in zip(tree.bars, tree.minima, strict=True):
        theta = np.array(place, dtype=float)
        first, rest = np.split(theta, [inputs * data.width])
        offsets = rest[: data.width] if data.bias else np.zeros(data.width)
        outer = rest[data.width :][: data.width] if data.bias else rest
        outputs = np.maximum(x @ first.reshape(data.width, inputs).T + offsets, 0) @ outer
        np.testing.assert_allclose(((outputs - np.array(data.y)) ** 2).sum(), float(birth), atol=1e-12)


def test_other_targets_have_other_walls() -> None:
    tree = theory.merge_tree(relu.TRIANGLE, (1, 2, 3), 1, bias=False)
    assert tree.bars[1:] == ((4, 5), (9, 10))
    assert tree.bars[1:] != ((4, 5), (4, 5))


def test_half_of_the_pairs_have_an_end_of_less_than_full_rank_and_the_straight_line_is_no_path() -> None:
    found = linear.pairs(5, 8, "3 4 5")
    assert found["path"].shape == (8,)
    assert found["path"].max() < 1e-12
    assert found["line"].max() > 0.1
    weights = [np.eye(3)[:2], np.ones((2, 2))]
    ranks = [[int(np.linalg.matrix_rank(w, tol=1e-6)) for w in linear._deficient(weights, k)] for k in linear.DEFICIENT]
    assert ranks == [[0, 1], [1, 1], [0, 0], [1, 1]]


def test_turned_weights_compute_nearly_the_same() -> None:
    source = np.random.default_rng(2)
    weights = [source.normal(size=(4, 3)), source.normal(size=(5, 4))]
    turned = linear._turned(source, weights)
    before, after = (w[1] @ w[0] for w in (weights, turned))
    assert 0 < abs(before - after).max() < 2
    assert abs(weights[0] - turned[0]).max() > 1


def test_every_kind_of_start_descends_and_the_straight_line_to_the_same_end_rises() -> None:
    found = quadratic.rises(4, 2)
    assert found["descent"].shape == (len(theory.QUADRATIC_KINDS),) == (14,)
    assert max(found["descent"].max(), found["path"].max()) <= quadratic.ROUNDING
    assert found["descent line"].max() > 0.01
    assert found["path line"].max() > 0.01


def test_a_path_that_jumps_or_stays_or_leads_elsewhere_is_told_from_one_that_arrives() -> None:
    start, end = np.zeros(3), np.ones(3)
    whole = theory.ParameterPath(start, end, (lambda t: start + t * (end - start),))
    jumps = theory.ParameterPath(start, end, (lambda t: start if t < 0.4 else end,))
    joint = theory.ParameterPath(start, end, (lambda t: start * t, lambda t: end))
    stays = theory.ParameterPath(start, start, (lambda t: start,))
    seen = [unbroken.unbroken(path, path.sample(4), start, end) for path in (whole, jumps, joint, stays)]
    assert [each["part"] for each in seen] == pytest.approx([1 / 8, 1, 1, 0])
    assert [each["missed"] for each in seen] == [0, 0, 0, 1]
    verdicts = []
    for each in seen:
        values = {key: np.array([value]) for key, value in each.items()}
        verdicts.append([rule.decide().verdict for rule in unbroken.whole_paths([values])])
    good, bad = Verdict.SUPPORTED, Verdict.REFUTED
    assert verdicts[:3] == [[good, good], [good, bad], [good, bad]]
    assert verdicts[3][0] is bad
