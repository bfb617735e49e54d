"""Merging units and random features: what the workers measure, and what is said of walls that are given."""

import math
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

import theory
from verify import Claim, Finding, Status, Workbench, discover
from verify.claims.level_sets import gaps, merging
from verify.report.formulas import refuse_bad_formula

Tried = Callable[[str], tuple[list[Finding], Workbench]]

CLAIMS = {
    claim.id: claim
    for claim in discover()
    if claim.check.__module__ in {f"verify.claims.level_sets.{name}" for name in ("merging", "gaps")}
}


@pytest.mark.parametrize("claim", CLAIMS.values(), ids=str)
def test_statements_are_complete_and_their_formulas_can_be_drawn(claim: Claim) -> None:
    for text in (claim.statement, *claim.assumptions, claim.right):
        pieces = text.replace("$$", "$").split("$")
        assert len(pieces) % 2 == 1
        for formula in filter(None, pieces[1::2]):
            refuse_bad_formula(formula)


def test_valleys_are_low_at_another_seed(tried: Tried) -> None:
    findings, bench = tried("level-sets.valleys-are-low")
    assert {str(finding.rival_position) for finding in findings} == {"disjoint"}
    assert bench.figures


def test_the_gap_falls_at_another_seed_and_trained_ends_are_decided_later(tmp_path: Path) -> None:
    claim = CLAIMS["level-sets.freeman-bruna-gap"]
    bench = Workbench(claim.id, folder=tmp_path, seed=11)
    findings = list(claim.judge(bench, "quick"))
    assert claim.conclude(findings).as_expected
    assert [finding.status for finding in findings] == [Status.DECIDED, Status.DECIDED, Status.DEFERRED]
    assert list(bench.figures) == ["fitted"]


def test_losses_along_a_path_are_those_of_each_network_alone() -> None:
    source = np.random.default_rng(1)
    x, y = source.normal(size=(20, 2)), source.normal(size=20)
    path = theory.merging_path(source.normal(size=12), source.normal(size=12), 2).sample(2)
    alone = [((np.maximum(x @ theta[:8].reshape(4, 2).T, 0) @ theta[8:] - y) ** 2).mean() for theta in path]
    np.testing.assert_allclose(gaps._losses(path, x, y), alone, rtol=1e-13)


def test_trained_networks_fit_better_than_their_start() -> None:
    start, trained = (
        gaps.gaps(3, inputs=2, widths="8", samples=32, pairs=1, steps=steps)["level"] for steps in (1, 60)
    )
    assert (trained < start / 2).all()


def test_fitted_outer_weights_do_no_worse_than_the_mean_of_random_features() -> None:
    """In closed form, against sums over a sample of inputs."""
    inputs, width = 4, 30
    kappa, square, constant = gaps.target_moments(inputs)
    x = np.random.default_rng(0).normal(size=(40_000, inputs))
    target = kappa * np.linalg.norm(x, axis=1) + gaps.SLOPE * x[:, 0] / (2 * inputs)
    assert square == pytest.approx((target**2).mean(), rel=0.05)
    excess = np.array([gaps.feature_excess(seed, inputs, str(width))["excess"][0] for seed in range(20)])
    assert (excess < constant / width).all()
    weight = gaps._directions(np.random.default_rng(7), width, inputs)
    features = np.maximum(x @ weight.T, 0)
    left = target - features @ np.linalg.lstsq(features, target, rcond=None)[0]
    assert gaps.feature_excess(7, inputs, str(width))["excess"][0] == pytest.approx((left**2).mean(), rel=0.1)


def test_the_mean_of_random_features_is_the_target() -> None:
    inputs, source = 3, np.random.default_rng(0)
    kappa, _, constant = gaps.target_moments(inputs)
    weight = gaps._directions(source, 50_000, inputs)
    x = np.array([0.3, -1.0, 2.0])
    summands = (1 + gaps.SLOPE * weight[:, 0]) * np.maximum(weight @ x, 0)
    target = kappa * np.linalg.norm(x) + gaps.SLOPE * x[0] / (2 * inputs)
    assert summands.mean() == pytest.approx(target, abs=5 * summands.std() / math.sqrt(len(summands)))
    assert constant > 0


def test_walls_scale_with_the_square_of_the_targets_and_the_printed_bound_does_not() -> None:
    small, large = (list(merging._walls(scale)) for scale in (1, 10))
    for (floor, wall, root, square), (floor10, wall10, root10, square10) in zip(small, large, strict=True):
        assert floor10 == 100 * floor
        assert (wall10 - 100 * wall).contains(0)
        assert (square10 - 100 * square).contains(0)
        assert root == root10
        assert wall.lower > floor


def test_roots_are_enclosed() -> None:
    assert merging._root(1, 3) == theory.Ball.exact(1)
    for units, inputs in ((2, 1), (2, 3), (7, 2)):
        ball = merging._root(units, inputs)
        assert ball.lower**inputs <= Fraction(1, units) <= ball.upper**inputs
        assert ball.radius < Fraction(1, 10**11)
