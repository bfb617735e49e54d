"""Cells and findings: what must be disjoint is, what is stored is plain, and rounding goes outward."""

import json
import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verify.comparison import Cell, Comparison, collapse, decimal_bound, skipped
from verify.intervals import Interval
from verify.verdict import Evidence, Position, Status, Verdict

UNIT, FAR, WITHIN = Interval(0, 1), Interval(2, 3), Interval(0.2, 0.3)


def comparison(region: Interval = WITHIN, **changes: object) -> Comparison:
    cell = Cell("x", Evidence.INTERVAL, region, claimed=UNIT, rival=FAR)
    return Comparison(**{"title": "a title", "rule": "Equals", "cells": (cell,), "rival": ("far", "2 to 3")} | changes)


def test_a_region_inside_the_claim_and_off_the_rival_is_supported() -> None:
    assert comparison().decide().verdict is Verdict.SUPPORTED


def test_claim_and_rival_swapped_is_refuted_with_the_rival_standing() -> None:
    cell = Cell("x", Evidence.INTERVAL, Interval(0.2, 0.3), claimed=FAR, rival=UNIT)
    finding = comparison(cells=(cell,)).decide()
    assert finding.verdict is Verdict.REFUTED
    assert finding.rival_position is Position.INSIDE
    assert "the rival (far) stands" in finding.message


def test_a_region_on_the_edge_is_undecided_and_says_what_it_needs() -> None:
    finding = comparison(Interval(0.9, 1.1), advice="about twice the data.").decide()
    assert finding.verdict is Verdict.UNDECIDED
    assert finding.message == "The measurement leaves the claim undecided: about twice the data."


def test_a_rival_that_is_not_refuted_leaves_the_claim_without_power() -> None:
    cells = (
        Cell("x", Evidence.EXACT, Interval(0, 0), claimed=UNIT),
        Cell("y", Evidence.EXACT, Interval(1, 4), rival=FAR),
    )
    finding = comparison(cells=cells).decide()
    assert finding.verdict is Verdict.UNDECIDED
    assert "no power against the rival (far)" in finding.message


@pytest.mark.parametrize("region", [Interval(0.2, 0.3), Interval(5, 6), Interval(0.9, 1.1)])
def test_a_blocked_comparison_is_undecided_whatever_its_region(region: Interval) -> None:
    finding = comparison(region, blocked="12 replicates are too few.").decide()
    assert finding.verdict is Verdict.UNDECIDED
    assert finding.message == "Blocked: 12 replicates are too few."
    assert finding.rival_position is None


def test_a_margin_without_power_upholds_nothing_but_still_refutes() -> None:
    inside = Cell("x", Evidence.INTERVAL, Interval(0.2, 0.3), claimed=UNIT, rival=FAR, powered=False)
    outside = Cell("x", Evidence.INTERVAL, Interval(2.2, 2.3), claimed=UNIT, rival=FAR, powered=False)
    assert comparison(cells=(inside,)).decide().verdict is Verdict.UNDECIDED
    finding = comparison(cells=(outside,)).decide()
    assert finding.verdict is Verdict.REFUTED
    assert finding.rival_position is Position.STRADDLING


def test_one_disjoint_cell_refutes_all() -> None:
    cells = (*comparison().cells, Cell("y", Evidence.INTERVAL, Interval(7, 8), claimed=UNIT))
    assert comparison(cells=cells).decide().verdict is Verdict.REFUTED


@pytest.mark.parametrize(("profile", "status"), [("quick", "DEFERRED"), ("standard", "DECIDED"), ("full", "DECIDED")])
def test_below_its_profile_a_comparison_is_deferred_and_keeps_what_it_would_say(profile: str, status: str) -> None:
    finding = comparison(decided_from="standard").decide(profile)
    assert str(finding.status) == status
    assert (finding.verdict or finding.would_be) is Verdict.SUPPORTED
    assert (finding.verdict is None) == (finding.would_be is not None)


def test_a_comparison_inherits_the_profile_of_its_claim() -> None:
    assert comparison().decide("standard", decided_from="full").status is Status.DEFERRED
    assert comparison(decided_from="quick").decide("quick", decided_from="full").status is Status.DECIDED


def test_a_skipped_check_has_no_verdict() -> None:
    finding = skipped("gudhi is missing.")
    assert finding.verdict is None
    assert finding.status is Status.SKIPPED
    assert finding.message == "Skipped: gudhi is missing."


def test_a_claimed_set_that_meets_the_rival_is_refused() -> None:
    with pytest.raises(ValueError, match=r"the claimed set of 'x' must not meet the rival set, got \[0, 1\], \[1, 2\]"):
        Cell("x", Evidence.FLOAT, UNIT, claimed=UNIT, rival=Interval(1, 2))


def test_a_cell_without_sets_is_refused() -> None:
    with pytest.raises(ValueError, match="the cell 'x' must have a claimed set or a rival set, got neither"):
        Cell("x", Evidence.FLOAT, UNIT)


def test_a_comparison_without_a_rival_is_refused() -> None:
    with pytest.raises(ValueError, match="some cell of 'a title' must have a rival set, got none"):
        comparison(cells=(Cell("x", Evidence.FLOAT, UNIT, claimed=UNIT),))
    with pytest.raises(ValueError, match="some cell of 'a title' must have a claimed set, got none"):
        comparison(cells=(Cell("x", Evidence.FLOAT, UNIT, rival=UNIT),))


def test_a_comparison_without_a_title_is_refused() -> None:
    with pytest.raises(ValueError, match="title must say what is compared, got ' '"):
        comparison(title=" ")


def test_an_unknown_profile_is_refused() -> None:
    with pytest.raises(ValueError, match="decided_from must be one of quick, standard, full, got 'never'"):
        comparison(decided_from="never")
    with pytest.raises(ValueError, match="profile must be one of quick, standard, full, got 'huge'"):
        comparison().decide("huge")


def test_a_finding_is_plain_json_with_infinities_as_null() -> None:
    half_line = Interval(-math.inf, 1)
    cell = Cell("median", Evidence.INTERVAL, UNIT, claimed=half_line, rival=Interval(2, math.inf))
    record = json.loads(json.dumps(comparison(cells=(cell,)).decide().to_record(), allow_nan=False))
    assert record["verdict"] == "SUPPORTED"
    assert record["rival"] == {"name": "far", "value": "2 to 3"}
    assert record["cells"][0]["claimed"] == {"lower": None, "upper": 1}
    assert record["cells"][0]["rival_position"] == "disjoint"


def test_balls_are_stored_as_decimal_strings_that_keep_their_digits() -> None:
    third = Interval(Fraction(1, 3) - Fraction(1, 10**50), Fraction(1, 3))
    claimed = Interval(Fraction(1, 3) - Fraction(1, 10**40), 1)
    cell = Cell("x", Evidence.BALL, third, claimed=claimed)
    region = cell.to_record()["region"]
    assert Fraction(region["lower"]) <= third.lower
    assert Fraction(region["upper"]) >= third.upper
    assert Fraction(region["upper"]) - Fraction(region["lower"]) < Fraction(2, 10**50)


@given(st.fractions(), st.integers(1, 30))
def test_decimal_bounds_are_rounded_outward(value: Fraction, digits: int) -> None:
    lower, upper = decimal_bound(value, -1, digits), decimal_bound(value, +1, digits)
    assert lower is not None
    assert upper is not None
    assert Fraction(lower) <= value <= Fraction(upper)
    assert Fraction(upper) - Fraction(lower) <= abs(value) * Fraction(10, 10**digits)


@given(st.fractions())
def test_bounds_of_intervals_are_rounded_outward(value: Fraction) -> None:
    record = Cell("x", Evidence.INTERVAL, Interval(value, value), claimed=UNIT).to_record()["region"]
    assert record["lower"] <= value <= record["upper"]


def test_equal_cells_collapse_to_the_worst_with_the_count() -> None:
    regions = [Interval(0, 0.5), Interval(0.5, 1.5), Interval(4, 5), Interval(6, 7)]
    cells = [Cell("x", Evidence.FLOAT, region, claimed=UNIT) for region in regions]
    (row,) = collapse(cells)
    assert (row.region, row.count) == (Interval(6, 7), 4)
    assert row.claim_position is Position.DISJOINT


def test_collapsing_keeps_what_the_rival_is_judged_by() -> None:
    cells = [Cell("x", Evidence.BALL, region, rival=UNIT) for region in (UNIT, FAR, Interval(0.5, 2))]
    (row,) = collapse(cells)
    assert row.rival_position is Position.DISJOINT


def test_a_notebook_shows_a_finding_with_its_text_escaped() -> None:
    shown = comparison(title="x < y", predicted="a & b").decide()._repr_html_()
    assert "x &lt; y" in shown
    assert "a &amp; b" in shown
    assert "SUPPORTED" in shown


def test_a_finding_prints_as_one_line() -> None:
    assert str(comparison().decide()).startswith("SUPPORTED  a title: The measurement agrees")


def test_only_cells_with_a_claimed_set_weaken_the_evidence() -> None:
    """A rival that is refuted by a measurement leaves an identity proved."""
    cells = (Cell("x", Evidence.EXACT, UNIT, claimed=UNIT), Cell("y", Evidence.FLOAT, FAR, rival=UNIT))
    assert comparison(cells=cells).decide().verdict is Verdict.PROVED
