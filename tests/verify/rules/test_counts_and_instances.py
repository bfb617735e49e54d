"""Counts, orders and instances: planted errors are caught, levels are kept, bad data block, bad arguments raise."""

import inspect
import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from verify.comparison import Comparison, Rival
from verify.intervals import clopper_pearson
from verify.rules import (
    Agrees,
    AtLeast,
    AtMost,
    Bounds,
    Enclosure,
    Equals,
    Exponent,
    Identity,
    Limit,
    Ordering,
    Proportion,
    SameLaw,
)
from verify.rules.counts import kendall_signs
from verify.verdict import Position, Verdict


def proportion(successes: int, trials: int = 1000, **changes: Any) -> Comparison:
    fixed = {"within": (0.4, 0.6), "rival": Rival("biased", 0.8)}
    return Proportion("heads", successes=successes, trials=trials, **fixed | changes)


@pytest.mark.parametrize(
    ("successes", "verdict"), [(500, Verdict.SUPPORTED), (590, Verdict.UNDECIDED), (800, Verdict.REFUTED)]
)
def test_a_proportion_is_judged_by_its_exact_interval(successes: int, verdict: Verdict) -> None:
    assert proportion(successes).decide().verdict is verdict


def test_a_proportion_and_its_rival_swapped_are_refuted_with_the_rival_standing() -> None:
    finding = proportion(500, within=(0.7, 0.9), rival=Rival("fair", (0.4, 0.6))).decide()
    assert finding.verdict is Verdict.REFUTED
    assert finding.rival_position is Position.INSIDE


def test_a_proportion_that_cannot_tell_its_rival_apart_is_undecided_and_asks_for_trials() -> None:
    finding = proportion(15, 30).decide()
    assert finding.verdict is Verdict.UNDECIDED
    assert "times the trials are needed" in finding.message
    assert "more than 1000 times the trials" in proportion(600).decide().message


def test_few_trials_and_dropped_members_block_a_proportion() -> None:
    assert proportion(10, 19).decide().blocked == "20 trials are needed, there are 19."
    assert proportion(50, 94, dropped=6).decide().blocked == "6 of 100 members were dropped, more than 5 %."


def test_the_counts_that_are_called_visible_are_those_that_refute() -> None:
    wide = {"within": (0.3, 0.7), "rival": Rival("never", 0.0)}
    found = {k: proportion(k, 60, **wide).decide() for k in range(61)}
    refuted = [k for k, finding in found.items() if finding.verdict is Verdict.REFUTED]
    few, many = max(k for k in refuted if k < 30), min(k for k in refuted if k > 30)
    assert {finding.smallest_visible for finding in found.values()} == {f"{few} of 60 or fewer, {many} of 60 or more"}
    narrow = {"within": (0.05, 0.95), "rival": Rival("never", 0.0)}
    assert proportion(10, 20, **narrow).decide().smallest_visible == "none: there are too few trials"


def test_the_visible_error_of_an_order_is_the_number_of_pairs_that_refutes_it() -> None:
    assert pairs(21, 2).decide().smallest_visible == "2 of 23 or fewer"
    assert pairs(2, 21).decide().verdict is Verdict.REFUTED
    assert pairs(3, 20).decide().verdict is Verdict.UNDECIDED


def test_the_claimed_set_of_an_order_leaves_out_one_half() -> None:
    (cell,) = pairs(20, 0).decide().to_record()["cells"]
    assert cell["claimed"] == {"lower": 0.5, "upper": 1, "lower_open": True}
    assert cell["rival"] == {"lower": 0, "upper": 0.5}


def test_malformed_proportions_are_refused() -> None:
    with pytest.raises(ValueError, match=r"successes must lie between 0 and trials, got 3 of 2"):
        proportion(3, 2)
    with pytest.raises(ValueError, match=r"within must be a proportion or an interval in \[0, 1\], got \(0.4, 1.6\)"):
        proportion(3, within=(0.4, 1.6))
    with pytest.raises(ValueError, match=r"within must not meet the rival, got \[0.4, 0.6\] and \[0.6, 0.6\]"):
        proportion(3, rival=Rival("edge", 0.6))


@pytest.mark.parametrize("probability", [0.4, 0.5, 0.6, 0.02])
def test_a_proportion_on_the_edge_keeps_its_level(probability: float) -> None:
    cases = 100_000
    counts = np.random.default_rng(1).binomial(40, probability, size=cases)
    lower, upper = clopper_pearson(counts, 40, 0.01)
    wrong = np.mean((lower > probability) | (upper < probability))
    assert wrong <= 0.01 + 4 * math.sqrt(0.01 / cases)


def pairs(agreeing: int, against: int, ties: int = 0) -> Comparison:
    higher = np.array([1.0] * agreeing + [-1.0] * against + [0.0] * ties)
    return Ordering("larger", lower=np.zeros(len(higher)), higher=higher)


@pytest.mark.parametrize(("agreeing", "against"), [(15, 0), (18, 1), (21, 2)])
def test_an_order_takes_fifteen_pairs_nineteen_with_one_exception_twentythree_with_two(
    agreeing: int, against: int
) -> None:
    assert pairs(agreeing, against).decide().verdict is Verdict.SUPPORTED
    assert pairs(agreeing - 1, against).decide().verdict is Verdict.UNDECIDED


def test_ties_count_against_an_order() -> None:
    assert pairs(15, 0, ties=1).decide().verdict is Verdict.UNDECIDED
    assert pairs(18, 0, ties=1).decide().verdict is Verdict.SUPPORTED


def test_an_order_the_other_way_round_is_refuted_and_no_order_stands() -> None:
    finding = pairs(0, 15).decide()
    assert finding.verdict is Verdict.REFUTED
    assert finding.rival_position is Position.INSIDE
    assert finding.rival == ("no order", "P in [0, 1/2]")


def test_an_undecided_order_says_how_many_pairs_it_needs() -> None:
    assert "times the trials are needed, some 15" in pairs(14, 0).decide().message
    assert "more than 1000 times" in pairs(10, 10).decide().message


def test_a_trend_is_judged_by_the_sign_of_kendalls_tau() -> None:
    rows = np.cumsum(np.ones((16, 5)), axis=1) + np.random.default_rng(1).normal(0, 0.1, size=(16, 5))
    assert Ordering("grows", trend=rows, direction="increasing").decide().verdict is Verdict.SUPPORTED
    assert Ordering("falls", trend=-rows, direction="decreasing").decide().verdict is Verdict.SUPPORTED
    assert Ordering("falls", trend=rows, direction="decreasing").decide().verdict is Verdict.REFUTED


@given(st.lists(st.integers(-5, 5), min_size=2, max_size=8))
def test_kendalls_sign_agrees_with_counting_pairs_and_flips_with_the_values(row: list[int]) -> None:
    count = sum((b > a) - (b < a) for i, a in enumerate(row) for b in row[i + 1 :])
    assert kendall_signs([row])[0] == np.sign(count)
    assert kendall_signs([[-value for value in row]])[0] == -np.sign(count)


def test_bad_data_block_an_order() -> None:
    assert Ordering("larger", lower=[0.0, np.nan], higher=[1, 1]).decide().blocked == "1 of 4 values are not finite."
    assert Ordering("larger", lower=[], higher=[]).decide().blocked == "there is no pair."


def test_malformed_orders_are_refused() -> None:
    with pytest.raises(ValueError, match=r"an ordering 'o' needs either lower and higher, or a trend"):
        Ordering("o", lower=[1])
    with pytest.raises(ValueError, match=r"direction belongs to a trend, got 'increasing' with pairs"):
        Ordering("o", lower=[1], higher=[2], direction="increasing")
    with pytest.raises(ValueError, match=r"lower and higher must have one value per pair, got 1 and 2"):
        Ordering("o", lower=[1], higher=[2, 3])
    with pytest.raises(ValueError, match=r"direction must be increasing or decreasing, got None"):
        Ordering("o", trend=[[1, 2]])
    with pytest.raises(ValueError, match=r"trend must have at least 2 points, got shape \(1, 1\)"):
        Ordering("o", trend=[[1]], direction="increasing")


TRUTH = np.linspace(1, 2, 7)


def agrees(measured: Any, predicted: Any = TRUTH, tolerance: float = 1e-10, **changes: Any) -> Comparison:
    fixed = {"reason": "rounding", "rival": Rival("other", TRUTH + 1)}
    return Agrees("values", measured=measured, predicted=predicted, tolerance=tolerance, **fixed | changes)


@pytest.mark.parametrize(
    ("error", "verdict"),
    [(0.5e-10, Verdict.SUPPORTED), (5e-10, Verdict.UNDECIDED), (2e-9, Verdict.REFUTED)],
)
def test_an_error_within_one_tolerance_agrees_and_beyond_ten_refutes(error: float, verdict: Verdict) -> None:
    measured = TRUTH.copy()
    measured[3] += error
    assert agrees(measured).decide().verdict is verdict


def test_the_worst_instance_decides_and_the_count_is_kept() -> None:
    finding = agrees(TRUTH).decide()
    assert [cell.count for cell in finding.cells] == [7, 7]
    assert "lies between 1 and 10 tolerances" in agrees(TRUTH + 5e-10).decide().message


def test_measured_values_swapped_with_the_rival_are_refuted_with_the_rival_standing() -> None:
    finding = agrees(TRUTH + 1).decide()
    assert finding.verdict is Verdict.REFUTED
    assert finding.rival_position is Position.INSIDE


def test_at_tolerance_zero_any_miss_is_refuted() -> None:
    counts = np.array([4, 4, 4])
    assert agrees(counts, 4, 0, rival=Rival("none", 0)).decide().verdict is Verdict.SUPPORTED
    assert agrees([4, 4, 5], 4, 0, rival=Rival("none", 0)).decide().verdict is Verdict.REFUTED


def test_large_counts_are_compared_as_integers() -> None:
    big = 2**60
    assert agrees([big + 1], [big], 0, rival=Rival("none", 0)).decide().verdict is Verdict.REFUTED
    assert agrees(np.array([3], dtype=np.uint8), 4, 0, rival=Rival("none", 0)).decide().verdict is Verdict.REFUTED


def test_complex_numbers_are_compared_by_modulus() -> None:
    finding = agrees(TRUTH + 5e-10j).decide()
    assert finding.verdict is Verdict.UNDECIDED
    assert agrees(torch.tensor(TRUTH), predicted=TRUTH + 0j).decide().predicted == "7 complex values"


def test_bad_data_block_agreement() -> None:
    assert agrees(np.where(TRUTH > 1.5, np.nan, TRUTH)).decide().blocked == "3 of 7 values are not finite."
    assert agrees(np.empty(0), 1.0, rival=Rival("other", 2.0)).decide().blocked == "there is no instance."
    assert "members were dropped" in str(agrees(TRUTH, dropped=1).decide().blocked)


def test_malformed_agreements_are_refused() -> None:
    with pytest.raises(ValueError, match=r"tolerance must be a finite number >= 0, got -1"):
        agrees(TRUTH, tolerance=-1)
    with pytest.raises(ValueError, match=r"reason must say why the tolerance is 1e-10, got ''"):
        agrees(TRUTH, reason="")
    with pytest.raises(ValueError, match=r"predicted must be one number or have the shape \(7,\), got \(2,\)"):
        agrees(TRUTH, predicted=[1, 2])
    with pytest.raises(ValueError, match=r"predicted must be finite, got 7 values that are not"):
        agrees(TRUTH, predicted=TRUTH * np.inf)
    with pytest.raises(ValueError, match=r"the rival must differ from the prediction by more than 20 tolerances"):
        agrees(TRUTH, rival=Rival("near", TRUTH + 19e-10))


def bounds(smaller: Any, tolerance: float = 1e-10, **changes: Any) -> Comparison:
    fixed = {"larger": TRUTH, "reason": "rounding", "rival": Rival("half", TRUTH / 2)}
    return Bounds("below", smaller=smaller, tolerance=tolerance, **fixed | changes)


@pytest.mark.parametrize(
    ("excess", "verdict"),
    [(-0.1, Verdict.SUPPORTED), (0.5e-10, Verdict.SUPPORTED), (5e-10, Verdict.UNDECIDED), (2e-9, Verdict.REFUTED)],
)
def test_a_violation_within_one_tolerance_holds_and_beyond_ten_refutes(excess: float, verdict: Verdict) -> None:
    assert bounds(TRUTH + excess).decide().verdict is verdict


def test_a_bound_whose_tighter_rival_also_holds_has_no_power() -> None:
    assert bounds(TRUTH / 4).decide().verdict is Verdict.UNDECIDED


def test_at_tolerance_zero_any_violation_is_refuted() -> None:
    assert bounds(TRUTH, 0).decide().verdict is Verdict.SUPPORTED
    assert bounds(np.nextafter(TRUTH, 3), 0).decide().verdict is Verdict.REFUTED
    assert "lies between 1 and 10 tolerances" in bounds(TRUTH + 5e-10).decide().message


def test_a_bound_says_which_of_its_sides_is_the_smaller_whichever_was_measured() -> None:
    fixed = {"tolerance": 0.0, "reason": "a count"}
    above = Bounds("at most 12", smaller=[7, 8], larger=12, rival=Rival("none", 0), **fixed).decide()
    assert (above.predicted, above.rival) == ("7 to 8 <= 12", ("none", "7 to 8 <= 0"))
    below = Bounds("at least 3", smaller=[3, 3], larger=[7, 8], rival=Rival("fewer", [2, 2]), **fixed).decide()
    assert (below.predicted, below.rival) == ("3 <= 7 to 8", ("fewer", "3 <= 2"))


@pytest.mark.parametrize(
    ("excess", "measured"),
    [
        ([-2.0, -0.5, -1.0], "holds on all 3 instances, with at least 0.5 to spare"),
        ([-2.0, 1e-11, 0.0], "holds on all 3 instances, to within 1e-11"),
        ([-2.0, 0.25, 1e-11], "fails on 1 of 3 instances, by up to 0.25"),
    ],
)
def test_a_bound_says_how_nearly_it_holds(excess: list[float], measured: str) -> None:
    given = bounds(excess, larger=np.zeros(3), rival=Rival("far below", -np.ones(3)))
    assert given.decide().measured == measured


def test_bad_data_block_a_bound() -> None:
    assert bounds(TRUTH * np.nan).decide().blocked == "7 of 7 values are not finite."
    assert bounds(np.empty(0), larger=1.0, rival=Rival("half", 0.5)).decide().blocked == "there is no instance."


def test_malformed_bounds_are_refused() -> None:
    with pytest.raises(ValueError, match=r"the rival must be tighter: nowhere above larger, and below it somewhere"):
        bounds(TRUTH, rival=Rival("looser", TRUTH + 1))
    with pytest.raises(ValueError, match=r"smaller must be real numbers, got complex ones"):
        bounds(TRUTH + 0j)
    with pytest.raises(ValueError, match=r"larger must be one number or have the shape \(7,\), got \(2,\)"):
        bounds(TRUTH, larger=[1, 2])


def test_one_violation_refutes_a_tighter_bound_and_an_infinite_bound_blocks() -> None:
    x = np.array([0.0, 0.5, 1.0])
    given = {"smaller": x**2, "tolerance": 0, "reason": "exact", "rival": Rival("x/2", x / 2)}
    assert Bounds("x**2 <= x", larger=x, **given).decide().verdict is Verdict.SUPPORTED
    endless = Bounds("x**2 <= x", larger=[0.0, np.inf, 1.0], **given).decide()
    assert endless.blocked == "1 of 3 values are not finite."


@pytest.mark.parametrize(
    "rule",
    [Identity, Enclosure, Agrees, Bounds, Equals, AtMost, AtLeast, Exponent, Limit, Proportion, SameLaw],
)
def test_a_rival_without_a_name_is_refused_by_every_rule(rule: Any) -> None:
    needed = {
        name: None
        for name, parameter in inspect.signature(rule).parameters.items()
        if parameter.default is inspect.Parameter.empty
    }
    with pytest.raises(TypeError, match=r"rival must be a Rival\(name, value\), got 9"):
        rule(**needed | {"title": "bare", "rival": 9})
