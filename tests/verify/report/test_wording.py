from decimal import Decimal

import pytest

from verify.report import wording


@pytest.mark.parametrize(
    ("lower", "upper", "kind", "text"),
    [
        (0.00713324, 0.00921781, "interval", "[0.00713, 0.00922]"),
        (0.36375, 0.38625, "set", "[0.36375, 0.38625]"),
        (None, -0.5, "interval", "≤ −0.5"),
        (0.25, None, "interval", "≥ 0.25"),
        (None, None, "interval", "any number"),
        (0, 0, "exact", "0, exactly"),
        (0.00036830567100757, 0.00036830567100759, "exact", "≈ 0.00036830567"),
        (-0.02, 0.02, "interval", "0 ± 0.02"),
        (0.1 + 0.2, 0.5, "set", "[0.3, 0.5]"),
        ("-1e-20", "1e-20", "ball", "0 ± 10<sup>−20</sup>"),
        ("-2.18e-31", "3.09e-31", "ball", "0 ± 3.1 × 10<sup>−31</sup>"),
        ("0.24999999", "0.25000003", "ball", "0.25000001 ± 2 × 10<sup>−8</sup>"),
        (1.0e-9, 3.0e-9, "interval", "[10<sup>−9</sup>, 3 × 10<sup>−9</sup>]"),
    ],
)
def test_a_region_is_written_with_the_digits_that_it_has(lower: object, upper: object, kind: str, text: str) -> None:
    assert wording.interval({"lower": lower, "upper": upper}, kind) == text


def test_an_end_that_is_left_out_has_a_round_bracket() -> None:
    ends = {"lower": 0.5, "upper": 1, "lower_open": True}
    assert wording.interval(ends, "set") == "(0.5, 1]"
    assert wording.interval({"lower": -1, "upper": 1, "upper_open": True}, "set") == "[−1, 1)"
    assert wording.interval({**ends, "upper": None}, "set") == "&gt; 0.5"
    assert wording.interval({"lower": None, "upper": 2, "upper_open": True}) == "&lt; 2"


def test_a_set_that_is_not_there_is_a_dash() -> None:
    assert wording.interval(None) == "&ndash;"


def test_a_rounded_number_is_no_negative_zero() -> None:
    assert wording.number(Decimal("-0.00004"), 1, Decimal(1)) == "0"


def claim(verdict: str | None = "PROVED", **changes: object) -> dict[str, object]:
    return {"verdict": verdict, "status": "DECIDED", "as_expected": True, "erratum": False, "open": False} | changes


@pytest.mark.parametrize(
    ("claims", "asked", "sentence"),
    [
        ([], 2, "No claim has been finished yet."),
        ([claim()], 1, "The one claim came out as expected."),
        ([claim()] * 14, 14, "All 14 claims came out as expected."),
        ([claim(), claim(as_expected=False)], 2, "One of two claims came out as expected, one did not."),
        (
            [claim(), claim(None, status="SKIPPED")],
            4,
            "The one decided claim came out as expected, one is skipped; two more were not reached.",
        ),
        (
            [claim()] * 98 + [claim(None, status="DEFERRED")] * 2,
            100,
            "All 98 decided claims came out as expected, two are left to a larger profile.",
        ),
        (
            [claim(None, status="DEFERRED"), claim(None, status="SKIPPED")],
            2,
            "No claim was decided, one is left to a larger profile, one is skipped.",
        ),
        (
            [claim(), claim("REFUTED", open=True), claim("UNDECIDED", open=True)],
            3,
            "The one claim came out as expected; one of two open questions was answered.",
        ),
        ([claim("SUPPORTED", open=True)], 1, "The one open question was answered."),
        (
            [claim(None, open=True), claim(None, open=True)],
            3,
            "None of two open questions was answered; one more was not reached.",
        ),
        (
            [claim(), claim("ERROR", open=True, as_expected=False)],
            2,
            "One of two claims came out as expected, one did not; the one open question was not answered.",
        ),
    ],
)
def test_the_headline_says_how_the_run_came_out(claims: list, asked: int, sentence: str) -> None:
    assert wording.headline({"claims": [str(k) for k in range(asked)]}, claims) == sentence


def test_the_remarks_count_errata_and_open_questions() -> None:
    claims = [claim("REFUTED", erratum=True), claim("REFUTED", erratum=True), claim("UNDECIDED", open=True)]
    assert wording.remarks(claims) == (
        "Two are statements tried as printed and expected to be refuted, as all were. "
        "One is an open question, where any honest outcome will do."
    )
    assert wording.remarks([claim()]) == ""


def test_the_error_budget_is_the_number_of_statistical_comparisons_times_the_level() -> None:
    claims = [{"findings": [{"level": 1e-4}, {"level": None}]}, {"findings": [{"level": 1e-4}]}]
    assert "2 x 0.0001 = 0.0002" in wording.error_budget(claims)
    assert "none of its verdicts depends on chance" in wording.error_budget([{"findings": [{"level": None}]}])
