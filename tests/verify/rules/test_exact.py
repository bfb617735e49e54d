"""Identities and enclosures: exact statements are proved or certified, planted errors refuted, doubts undecided."""

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import pytest
import sympy as sp

from theory import Ball, Derivation, Domain, Relation, Step
from verify.comparison import Comparison, Rival
from verify.rules import Enclosure, Identity
from verify.verdict import Position, Verdict

x = sp.Symbol("x", positive=True)
y = sp.Symbol("y")


def derivation(value: Any = x * (x + 2), *steps: Step) -> Derivation:
    first = Step("Complete the square.", Relation((x + 1) ** 2 - 1, "=", value), "exact")
    return Derivation("A square", sp.Eq(y, value), (first, *steps), Domain(x=(0, 1)))


def identity(claimed: Any = x * (x + 2), rival: Any = x**2 + x, **changes: Any) -> Comparison:
    given = {"derivation": derivation(), "claimed": claimed, "rival": Rival("a slip", rival)}
    return Identity("the square", **given | changes)


def test_an_identity_with_exact_steps_is_proved_and_carries_its_derivation() -> None:
    finding = identity(x**2 + 2 * x).decide()
    assert finding.verdict is Verdict.PROVED
    assert finding.to_record()["derivation"]["title"] == "A square"
    assert finding.level is None


def test_a_formula_is_stated_apart_from_its_derivation() -> None:
    with pytest.raises(TypeError, match="claimed"):
        Identity("the square", derivation=derivation(), rival=Rival("a slip", x))  # type: ignore[call-arg]


@pytest.mark.parametrize("planted", [x**2 + sp.Rational(2002, 1000) * x, x**2 + 2 * x + sp.Rational(1, 10**30), x**3])
def test_a_planted_error_is_refuted_at_one_exact_point(planted: sp.Expr) -> None:
    finding = identity(planted).decide()
    assert finding.verdict is Verdict.REFUTED
    assert "they differ by" in finding.measured


def test_a_difference_says_at_which_point_it_was_evaluated() -> None:
    (same, other) = identity(x**2 + 2 * x).decide().cells
    assert same.coordinate == "claimed - derived"
    assert other.coordinate.startswith("rival - derived at x = 0.")
    assert other.coordinate.endswith(", one exact point of the domain")


def test_formulas_are_kept_in_latex_beside_their_text_and_numbers_as_they_are() -> None:
    x_k = sp.Symbol("x_k", positive=True)
    step = Step("Add.", Relation(x_k + x_k, "=", 2 * x_k), "exact")
    double = Derivation("A double", sp.Eq(y, 2 * x_k), (step,), Domain(x_k=(0, 1)))
    record = identity(sp.sqrt(x_k), sp.Rational(1, 2), derivation=double).decide().to_record()
    assert (record["predicted"], record["rival"]["value"]) == ("sqrt(x_k)", "1/2")
    assert record["shown"]["predicted"] == r"$\sqrt{x_{k}}$"
    assert record["shown"]["rival"] == "1/2"
    assert record["shown"]["measured"].startswith("$2 x_{k}$; they differ by ")
    claimed, rival = record["cells"]
    assert claimed["coordinate"].startswith("claimed - derived at x_k = 0.")
    assert claimed["shown"] == claimed["coordinate"].replace("x_k", "$x_{k}$")
    assert rival["shown"] == claimed["shown"].replace("claimed", "rival")


def test_a_formula_as_printed_is_refuted_and_its_correction_stands() -> None:
    finding = identity(x**2 + x, rival=x**2 + 2 * x).decide()
    assert finding.verdict is Verdict.REFUTED
    assert finding.rival_position is Position.INSIDE


def test_an_identity_whose_rival_is_true_as_well_has_no_power() -> None:
    assert identity(x**2 + 2 * x, rival=(x + 1) ** 2 - 1).decide().verdict is Verdict.UNDECIDED


def test_a_rival_that_is_the_claim_is_refused() -> None:
    with pytest.raises(ValueError, match=r"the rival must be another formula than the claimed one"):
        identity(x**2 + x, rival=x**2 + x)


@pytest.mark.parametrize(("how", "verdict"), [("certified", Verdict.CERTIFIED), ("numeric", Verdict.SUPPORTED)])
def test_a_weaker_step_weakens_the_verdict(how: Any, verdict: Verdict) -> None:
    step = Step("By other means.", Relation(sp.pi, "<", sp.Integer(4)), how)
    assert identity(derivation=derivation(x * (x + 2), step)).decide().verdict is verdict


def test_a_step_argued_in_prose_caps_the_verdict_at_supported() -> None:
    step = Step("It is well known.", None, "argued")
    assert identity(derivation=derivation(x * (x + 2), step)).decide().verdict is Verdict.SUPPORTED


def test_a_failed_step_blocks() -> None:
    finding = identity(derivation=derivation(x * (x + 3)), claimed=x * (x + 3)).decide()
    assert finding.verdict is Verdict.UNDECIDED
    assert finding.blocked == "1 of 1 steps of the derivation failed, first: Complete the square."


def test_what_cannot_be_simplified_is_undecided(monkeypatch: pytest.MonkeyPatch) -> None:
    import theory

    outcomes: Iterator[Any] = iter(
        [theory.Difference("undecided"), theory.exact_difference(x, x + 1, Domain(x=(0, 1)))]
    )
    monkeypatch.setattr(theory, "exact_difference", lambda *_: next(outcomes))
    finding = identity(x**2).decide()
    assert finding.verdict is Verdict.UNDECIDED
    assert "neither does the difference reduce to 0, nor does it exclude 0" in finding.message


THIRD = Ball(Fraction(1, 3), Fraction(1, 10**30), digits=20)
HALF = Ball(Fraction(1, 2), Fraction(1, 10**30), digits=20)


def enclosure(values: Any = (THIRD, HALF), **changes: Any) -> Comparison:
    given = {"predicted": [Fraction(1, 3), HALF], "digits": 20, "rival": Rival("a slip", [HALF, THIRD])}
    return Enclosure("places", values=values, **given | changes)


def test_balls_that_equal_the_prediction_are_certified_in_one_row_per_side() -> None:
    finding = enclosure().decide()
    assert finding.verdict is Verdict.CERTIFIED
    assert [(cell.coordinate, cell.count) for cell in finding.cells] == [("difference", 2), ("difference, rival", 2)]


def test_one_ball_off_by_twice_the_margin_is_refuted() -> None:
    off = HALF + Fraction(2, 10**20)
    assert enclosure([THIRD, off]).decide().verdict is Verdict.REFUTED


def test_balls_swapped_with_their_rival_are_refuted_with_the_rival_standing() -> None:
    finding = enclosure([HALF, THIRD]).decide()
    assert finding.verdict is Verdict.REFUTED
    assert finding.rival_position is Position.INSIDE


def test_a_ball_wider_than_the_digits_is_undecided_and_asks_for_more() -> None:
    wide = Ball(Fraction(1, 2), Fraction(1, 10**10), digits=5)
    finding = enclosure([THIRD, wide]).decide()
    assert finding.verdict is Verdict.UNDECIDED
    assert "compute more digits" in finding.message


def test_balls_are_never_compared_as_floats() -> None:
    """The difference is far below what a double could see."""
    tiny = Fraction(1, 10**60)
    near = Ball(Fraction(1, 3) + tiny, Fraction(0), digits=80)
    finding = enclosure([near], predicted=Fraction(1, 3), digits=70, rival=Rival("half", Fraction(1, 2))).decide()
    assert finding.verdict is Verdict.REFUTED
    with pytest.raises(TypeError, match=r"values must be balls, integers or fractions, never floats, got float"):
        enclosure([0.5, 0.5])
    with pytest.raises(TypeError, match=r"predicted must be balls, integers or fractions, never floats, got float"):
        enclosure(predicted=[0.5, 0.5])


@pytest.mark.parametrize(
    ("within", "verdict"),
    [
        ((0, None), Verdict.CERTIFIED),
        ((Fraction(1, 3) - Fraction(1, 10**20), 1), Verdict.CERTIFIED),
        ((THIRD, None), Verdict.UNDECIDED),
        ((1, None), Verdict.REFUTED),
    ],
)
def test_balls_are_enclosed_by_an_interval(within: tuple[Any, Any], verdict: Verdict) -> None:
    rival = Rival("negative", [-THIRD, -HALF])
    finding = Enclosure("positive", values=[THIRD, HALF], within=within, rival=rival).decide()
    assert finding.verdict is verdict


def test_an_interval_and_its_rival_swapped_are_refuted_with_the_rival_standing() -> None:
    finding = Enclosure("sign", values=[-THIRD], within=(0, None), rival=Rival("positive", [THIRD])).decide()
    assert finding.verdict is Verdict.REFUTED
    assert finding.rival_position is Position.INSIDE


def test_an_enclosure_has_exactly_one_form() -> None:
    with pytest.raises(ValueError, match=r"an enclosure 'places' needs either predicted and digits, or within"):
        enclosure(within=(0, 1))
    with pytest.raises(ValueError, match=r"an enclosure 'places' needs either predicted and digits, or within"):
        enclosure(digits=None)


def test_malformed_enclosures_are_refused() -> None:
    with pytest.raises(ValueError, match=r"values must hold at least one ball, got none"):
        enclosure([])
    with pytest.raises(ValueError, match=r"digits must be an integer >= 0, got -1"):
        enclosure(digits=-1)
    with pytest.raises(ValueError, match=r"predicted must have one entry per value, got 3 for 2"):
        enclosure(predicted=[1, 2, 3])
    with pytest.raises(ValueError, match=r"the rival must predict another value, got all within 2 \* 10\*\*-20"):
        enclosure(rival=Rival("the same", [Fraction(1, 3), HALF]))
    with pytest.raises(ValueError, match=r"the rival must hold at least one ball, got none"):
        Enclosure("positive", values=[THIRD], within=(0, None), rival=Rival("negative", []))


def test_the_difference_of_two_balls_is_as_wide_as_both() -> None:
    wide = Ball(Fraction(1, 3), Fraction(1, 10**10))
    given = {"predicted": [wide], "digits": 5, "rival": Rival("half", Fraction(1, 2))}
    (row, _) = Enclosure("a third", values=[wide], **given).decide().cells
    assert (row.region.lower, row.region.upper) == (-Fraction(2, 10**10), Fraction(2, 10**10))
