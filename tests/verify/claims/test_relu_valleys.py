"""Valleys of ReLU networks: the risk on two sides, walls on a grid, and what is said where gudhi is missing."""

import importlib.util
from collections.abc import Callable

import numpy as np
import pytest

import theory
from verify import Finding, Workbench, discover
from verify.claims.level_sets import grid, two_sided
from verify.claims.level_sets.relu import LINE
from verify.refusal import MissingRequirementError

Trial = Callable[[str], tuple[list[Finding], Workbench]]

needs_gudhi = pytest.mark.skipif(importlib.util.find_spec("gudhi") is None, reason="needs the extra topology")


def test_a_wall_at_every_width_comes_out_as_expected_at_another_seed(tried: Trial) -> None:
    tried("level-sets.two-sided-barrier")


def test_search_stays_above_the_wall_at_another_seed(tried: Trial) -> None:
    tried("level-sets.two-sided-search")


@needs_gudhi
def test_a_grid_sees_the_exact_walls_at_another_seed(tried: Trial) -> None:
    tried("level-sets.grid-persistence")


@needs_gudhi
def test_a_grid_sees_other_walls_on_other_targets() -> None:
    found = grid.Sampled(LINE, (1, 1)).grid(41)
    np.testing.assert_allclose(found, [1, 1, 2], atol=0.04)


def test_without_gudhi_the_claim_asks_for_it_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch, make_bench: Callable[[str], Workbench]
) -> None:
    """The runner makes a skipped finding of it and goes on."""
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "gudhi" else found(name))
    (claim,) = (one for one in discover() if one.id == "level-sets.grid-persistence")
    with pytest.raises(MissingRequirementError, match=r"gudhi is not installed \(.*\[topology\]'\)"):
        list(claim.judge(make_bench(claim.id), "quick"))


@pytest.mark.parametrize("units", [2, 3])
def test_the_slope_of_the_risk_is_its_difference_quotient(units: int) -> None:
    size = units * (units + 2)
    theta = np.random.default_rng(units).normal(size=(4, size))
    steps = 1e-6 * np.eye(size)
    quotients = [(two_sided.risk(theta + step, units) - two_sided.risk(theta - step, units)) / 2e-6 for step in steps]
    np.testing.assert_allclose(np.stack(quotients, axis=-1), two_sided.slope(theta, units), atol=1e-7)


def test_the_risk_is_the_mean_over_drawn_inputs() -> None:
    units, source = 2, np.random.default_rng(1)
    theta = source.normal(size=units * (units + 2))
    first, outer = theta[:-units].reshape(units, -1), theta[-units:]
    a, b = two_sided.FACTORS
    x = source.normal(size=(40_000, units + 1))
    sides = np.concatenate([x[:, :-1], 0 * x[:, -1:]], axis=1), np.concatenate([0 * x[:, :-1], x[:, -1:]], axis=1)
    hidden = [np.maximum(side, 0) for side in sides]
    targets = [a * side[:, :-1].sum(1) - b * side[:, -1] for side in hidden]
    errors = [
        (np.maximum(side @ first.T, 0) @ outer - target) ** 2 for side, target in zip(sides, targets, strict=True)
    ]
    squares = np.concatenate(errors).reshape(2, -1).mean(0)
    error = squares.std() / len(squares) ** 0.5
    assert abs(squares.mean() - two_sided.risk(theta, units)) < 5 * error


def test_the_valley_and_the_floor_below_it_have_their_risks() -> None:
    a, b = two_sided.FACTORS
    path = theory.certify_two_sided_barrier(2).path(a, b)
    good = np.array([1.0, 0, 0, 0, 0, 1, a, -b])
    assert two_sided.risk(path.start, 2) == pytest.approx(b**2 / 4, rel=1e-15)
    assert two_sided.risk(good, 2) == pytest.approx(a**2 / 4, rel=1e-15)


def test_beads_are_put_at_equal_distances_and_keep_their_ends() -> None:
    string = two_sided._evenly(np.array([[0.0, 0.0], [0.1, 0.0], [0.2, 0.0], [0.2, 2.8]]))
    np.testing.assert_allclose(string, [[0.0, 0.0], [0.2, 0.8], [0.2, 1.8], [0.2, 2.8]], atol=1e-12)
