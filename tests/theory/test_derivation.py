"""A derivation is believed step by step, and a wrong step is caught."""

import json
from fractions import Fraction
from typing import Any

import mpmath
import pytest
import sympy as sp

from theory.ball import Ball
from theory.balls_of_expressions import real_ball
from theory.derivation import Derivation, Step, Theorem
from theory.domain import Domain
from theory.proof import How, Relation, check_relation, check_witness, exact_difference

x = sp.Symbol("x", positive=True)
y = sp.Symbol("y")
BOX = Domain(x=(0, 1))
ROOT = sp.sqrt(1 + 8 * x)
COMPACT = (3 - ROOT) ** 3 * (1 + ROOT) / 128
LONG = (1 - 20 * x - 8 * x**2 + ROOT**3) / 16


def derivation(**changes: Any) -> Derivation:
    given: dict[str, Any] = {
        "title": "A critical energy",
        "result": sp.Eq(y, COMPACT),
        "steps": (Step("The compact form.", Relation(LONG, "=", COMPACT), "exact"),),
        "domain": BOX,
    }
    return Derivation(**(given | changes))


@pytest.mark.parametrize("how", ["exact", "certified", "numeric"])
def test_each_way_of_checking_passes_the_truth_and_fails_an_error_of_a_thousandth(how: How) -> None:
    long, compact = (side.subs(x, sp.Rational(1, 3)) if how == "certified" else side for side in (LONG, COMPACT))
    for relation in (Relation(long, "=", compact), Relation(0, "<", compact), Relation(long, "!=", compact + 1)):
        step = Step("a step", relation, how)
        assert step.check(BOX).passed, step.check(BOX).detail
        for wrong in step.planted_errors():
            assert not wrong.check(BOX).passed


def test_evidence_is_the_weakest_way_among_the_steps_that_passed() -> None:
    relation, number = Relation(LONG, "=", COMPACT), Relation(sp.sqrt(2), "<", sp.Rational(3, 2))
    ways: tuple[How, ...] = ("exact", "certified", "numeric", "argued")
    for count in range(1, 5):
        steps = (Step("the result", relation, "exact"), *(Step(f"step {how}", number, how) for how in ways[:count]))
        assert derivation(steps=steps).evidence == ways[count - 1]
    failed = Step("wrong", relation.planted_error(), "numeric")
    assert derivation(steps=(Step("right", relation, "exact"), failed)).evidence == "exact"
    assert not derivation(steps=(Step("right", relation, "exact"), failed)).passed


def test_a_failing_step_is_a_record_and_never_an_exception() -> None:
    def broken(**values: Fraction) -> Ball:
        raise ZeroDivisionError("a bad witness")

    steps = (
        Step("the result", Relation(LONG, "=", COMPACT), "exact", broken),
        Step("an unknown function", Relation(sp.Function("f")(x), "<", 1), "exact"),
        Step("a pole", Relation(sp.Pow(0, -1, evaluate=False) * x, "=", 1), "exact"),
        Step("a number without a ball", Relation(sp.zeta(3), "=", 1), "certified"),
        Step("not a number", Relation(sp.nan, "=", 1), "exact"),
        Step("a float", Relation(sp.Float(0.5) * x, "=", x / 2), "exact"),
        Step("no numbers", Relation(y, "=", 1), "numeric"),
    )
    records = derivation(steps=steps).check()
    assert [record.passed for record in records] == [False] * len(steps)
    assert all(record.detail for record in records)
    assert "a bad witness" in records[0].detail


def value_at(point: Fraction, digits: int = 40) -> sp.Float:
    return LONG.subs(x, sp.Rational(point.numerator, point.denominator)).evalf(digits)


def expression() -> sp.Expr:
    return LONG


def ball(x: Fraction) -> Ball:
    return real_ball(LONG, {"x": x}, 30)


def balls_by_keyword(**values: Fraction) -> Ball:
    return real_ball(LONG, values, 30)


def digits(x: Fraction) -> mpmath.mpf:
    with mpmath.workdps(45):
        return mpmath.mpf(str(value_at(x)))


def judgement(x: Fraction, claimed: sp.Expr) -> bool:
    return bool(abs(claimed.evalf(40) - value_at(x)) < sp.Float("1e-30"))


@pytest.mark.parametrize("witness", [expression, ball, balls_by_keyword, digits, judgement])
def test_a_witness_alone_catches_an_error_on_both_sides(witness: Any) -> None:
    step = Step("compact", Relation(LONG, "=", COMPACT), "exact", witness)
    assert step.check(BOX).passed, step.check(BOX).detail
    first, second = step.planted_errors()
    assert not first.check(BOX).passed
    assert not second.check(BOX).passed
    assert "second route" in second.check(BOX).detail


def test_a_witness_without_precision_confirms_nothing() -> None:
    vague = Step("vague", Relation(LONG, "=", COMPACT), "exact", lambda x: Ball(Fraction(0), Fraction(1), 10))
    assert not vague.check(BOX).passed


def test_matrices_tuples_and_words_are_compared_entry_by_entry() -> None:
    a, b = sp.symbols("A B", commutative=False)
    for left, right in (
        (sp.Matrix([[LONG, 1], [0, 2]]), sp.Matrix([[COMPACT, 1], [0, 2]])),
        (sp.Tuple(LONG, 0), sp.Tuple(COMPACT, 0)),
        ((a + b) ** 2, a**2 + a * b + b * a + b**2),
    ):
        step = Step("entries", Relation(left, "=", right), "exact")
        assert step.check(BOX).passed
        assert not any(wrong.check(BOX).passed for wrong in step.planted_errors())


def test_a_difference_is_zero_nonzero_at_a_point_or_undecided() -> None:
    assert exact_difference(LONG, COMPACT, BOX).status == "zero"
    found = exact_difference(LONG, COMPACT * sp.Rational(1001, 1000), BOX)
    assert found.status == "nonzero"
    assert found.point is not None
    assert found.ball is not None
    assert BOX.contains(**found.point)
    assert not found.ball.contains(0)
    assert exact_difference(sp.Function("f")(x), x, BOX).status == "undecided"
    assert exact_difference(sp.sqrt(y**2), y, BOX).status == "undecided"
    assert exact_difference(sp.I * x, x, BOX).status == "nonzero"


def test_an_inequality_holds_on_the_whole_box_or_not_at_all() -> None:
    assert check_relation(Relation(x, "<", 1), "exact", BOX)[0]
    assert not check_relation(Relation(x, "<", sp.Rational(999, 1000)), "exact", BOX)[0]
    assert not check_relation(Relation(x, "!=", sp.Rational(1, 2)), "exact", BOX)[0]
    assert check_relation(Relation(sp.sqrt(2), "!=", sp.Rational(99, 70)), "exact", BOX)[0]


def test_argued_steps_pass_unchecked_and_cap_the_evidence() -> None:
    prose = Step("It is well known.", None, "argued")
    result = derivation(steps=(*derivation().steps, prose))
    assert result.evidence == "argued"
    assert list(prose.planted_errors()) == []


def test_hypotheses_of_theorems_are_checked_with_the_steps() -> None:
    theorem = Theorem("Sturm", "a count", "a book", (Step("positive", Relation(0, "<", sp.pi), "certified"),))
    result = derivation(theorems=(theorem,))
    assert len(result.check()) == 2
    assert result.evidence == "certified"
    assert result.record()["theorems"][0]["passed"]
    wrong = Theorem("Sturm", "a count", "a book", (Step("positive", Relation(COMPACT, "<", 0), "exact"),))
    assert not derivation(theorems=(wrong,)).record()["theorems"][0]["passed"]


def test_values_are_exact_and_balls_have_the_digits_asked_for() -> None:
    result = derivation()
    assert result.at(x=0.5) == result.at(x="1/2") == COMPACT.subs(x, sp.Rational(1, 2))
    assert str(result.at(x=0.5, digits=30)) == "0.0112712429686842801278667714785"
    assert result.at() == COMPACT


def test_bad_values_are_refused() -> None:
    with pytest.raises(ValueError, match=r"x must lie in the domain 0 < x < 1, got x = 1"):
        derivation().at(x=1)
    with pytest.raises(ValueError, match=r"tau must be a parameter of the result, which has x"):
        derivation().at(tau=1)
    with pytest.raises(ValueError, match=r"x must be a finite real number, got nan"):
        derivation().at(x=float("nan"))
    with pytest.raises(TypeError, match=r"x must be a real number, got None"):
        derivation().at(x=None)
    with pytest.raises(ValueError, match=r"digits needs every parameter bound, missing x"):
        derivation().at(digits=10)
    with pytest.raises(ValueError, match=r"digits must be >= 1, got 0"):
        derivation().at(x="1/2", digits=0)


def test_a_part_is_evaluated_by_its_name_and_a_keyword_with_an_underscore() -> None:
    rate, size = sp.Symbol("lambda", positive=True), sp.Symbol("k", integer=True, positive=True)
    step = Step("a product", Relation(rate * size, "=", size * rate), "exact")
    half = Step("a half", Relation(rate / 2, "=", rate * sp.Rational(1, 2)), "exact")
    result = derivation(
        result=sp.Eq(y, rate * size), steps=(step, half), parts={"half": sp.Eq(y, rate / 2)}, domain=Domain()
    )
    assert result.at(lambda_=3, k=2) == 6
    assert result.at(part="half", lambda_=3) == sp.Rational(3, 2)
    assert str(result.at(part="half", lambda_=3, digits=3)) == "1.50"
    with pytest.raises(ValueError, match=r"part must be one of half, got 'third'"):
        result.at(part="third")
    with pytest.raises(ValueError, match=r"lambda must be positive, got lambda = -1"):
        result.at(lambda_=-1)
    with pytest.raises(ValueError, match=r"k must be integer, got k = 0.5"):
        result.at(k=0.5)
    with pytest.raises(ValueError, match=r"x_ must be a parameter of the result"):
        result.at(x_=1)


def test_values_together_must_lie_in_the_domain_and_leave_the_value_finite() -> None:
    n, b = sp.symbols("n B", positive=True)
    kappa = (n - b) / (b * (n - 1))
    step = Step("kappa", Relation(1 / kappa, "=", b * (n - 1) / (n - b)), "exact")
    box = Domain(n=(1, sp.oo), B=(0, sp.oo)).with_integers("n", "B").where(b <= n)
    result = derivation(result=sp.Eq(y, 1 / kappa), steps=(step,), domain=box)
    assert result.at(n=5, B=2) == sp.Rational(8, 3)
    with pytest.raises(ValueError, match=r"the parameters must lie in the domain .*B <= n.*, got n = 3, B = 5"):
        result.at(n=3, B=5)
    with pytest.raises(ValueError, match=r"B must lie in the domain .* integers, got B = 1/2"):
        result.at(B="1/2")
    with pytest.raises(ValueError, match=r"the value must be finite, got zoo at n = 3, B = 3"):
        result.at(n=3, B=3)


def test_what_is_refuted_is_refuted_at_a_point_that_the_formula_is_for() -> None:
    n, b = sp.symbols("n B", positive=True)
    box = Domain(n=(1, sp.oo), B=(0, sp.oo)).with_integers("n", "B").where(b <= n)
    found = exact_difference((n - b) / (b * n), (n - b) / (b * (n - 1)), box)
    assert found.point is not None
    assert box.contains(**found.point)
    k = sp.Symbol("k", integer=True, positive=True)
    whole = exact_difference(k, k**2, Domain(k=(0, sp.oo)))  # an integer by its assumption
    assert whole.point is not None
    assert whole.point["k"].denominator == 1


def test_a_result_must_end_a_step() -> None:
    with pytest.raises(ValueError, match=r"result must end a step"):
        derivation(result=sp.Eq(y, 2 * COMPACT))
    with pytest.raises(ValueError, match=r"limit must end a step"):
        derivation(parts={"limit": sp.Eq(y, sp.Rational(1, 8))})
    with pytest.raises(ValueError, match=r"result must be an equation, symbol = expression"):
        derivation(result=COMPACT)


def test_a_bound_is_no_equation() -> None:
    bound = derivation(result=sp.Le(y, COMPACT))
    assert bound.value == derivation().value
    assert bound.record()["text"] == f"y <= {COMPACT}"
    assert "y ≤ " in str(bound)
    many = sp.Add(*(sp.Symbol(f"x_{k}") ** k for k in range(60)))
    step = Step("A sum.", Relation(many, "=", many), "exact")
    assert "y ≤ (" in str(Derivation("A long sum", sp.Le(y, many), (step,), Domain()))


def test_bad_steps_are_refused() -> None:
    with pytest.raises(ValueError, match=r"how must be one of argued, numeric, certified, exact, got 'sure'"):
        Step("a step", Relation(1, "=", 1), "sure")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"must have a relation, because it is to be exact"):
        Step("a step", None, "exact")
    with pytest.raises(ValueError, match=r"kind must be one of =, <, !=, got '<='"):
        Relation(1, "<=", 1)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"the hypothesis 'prose' of a theorem must be checked, got an argued step"):
        Theorem("a theorem", "", "", (Step("prose", None, "argued"),))


def test_nothing_is_called_certified_that_was_sampled() -> None:
    for relation in (Relation(0, "<", COMPACT), Relation(LONG, "=", COMPACT), Relation(sp.Tuple(x, 1), "!=", (0, 0))):
        with pytest.raises(ValueError, match=r"must be exact or numeric, because balls do not certify .* got x\."):
            Step("positive", relation, "certified")


def test_one_may_show_another_form_of_the_result_and_of_parts_only() -> None:
    result = derivation(parts={"long form": sp.Eq(y, LONG)}, shown={"result": "y = x_c", "long form": r"y = \dots"})
    assert result.record()["latex"] == "y = x_c"
    assert result.record()["parts"][0]["latex"] == r"y = \dots"
    assert result._repr_latex_() == r"$\displaystyle y = x_c$"
    with pytest.raises(ValueError, match="shown must name the result or parts, got limit"):
        derivation(shown={"limit": "0"})


def test_a_part_goes_by_its_title_in_what_is_shown_and_by_its_name_where_it_is_asked_for() -> None:
    y = sp.Symbol("y")
    result = derivation(
        parts={"long form": sp.Eq(y, LONG), "short": sp.Eq(y, LONG)}, titles={"short": "the same again"}
    )
    rows = [(row["name"], row["title"]) for row in result.record()["parts"]]
    assert rows == [("long form", "long form"), ("short", "the same again")]
    assert "\n\nLong form:\n" in str(result)
    assert '\n\nThe same again, part "short":\n' in str(result)
    with pytest.raises(ValueError, match="titles must be of parts, got limit"):
        derivation(titles={"limit": "the limit"})


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"titles": None}, r"titles must be a mapping by the names of parts, got None\."),
        ({"parts": ()}, r"parts must be a mapping by the names of parts, got \(\)\."),
        ({"parts": {"short": sp.Eq(y, LONG)}, "titles": {"short": 3}}, "titles must hold strings, got 3 for 'short'"),
        ({"shown": {"result": None}}, "shown must hold strings, got None for 'result'"),
    ],
)
def test_names_of_parts_lead_to_strings(wrong: dict[str, Any], sentence: str) -> None:
    with pytest.raises(TypeError, match=sentence):
        derivation(**wrong)


def test_a_long_relation_is_told_by_what_is_shown() -> None:
    long = sp.expand((x + 1) ** 150)
    step = Step("expand", Relation((x + 1) ** 150, "=", long), "exact", shown="(x + 1)^{150}")
    assert step.text == "(x + 1)¹⁵⁰"
    assert Step("expand", step.relation, "exact").text == str(step.relation)
    assert "  (x + 1)¹⁵⁰\n" in str(derivation(steps=(*derivation().steps, step)))


def test_a_step_is_checked_once_for_each_domain() -> None:
    calls = []

    def witness(x: Fraction) -> Ball:
        calls.append(x)
        return ball(x)

    step = Step("compact", Relation(LONG, "=", COMPACT), "exact", witness)
    first, second = step.check(BOX), step.check(Domain(x=(0, 1)))
    assert first is second
    assert len(calls) == len(set(calls))
    assert step.check(Domain(x=(0, "1/2"))) is not first


def test_what_a_witness_returns_must_be_a_number() -> None:
    passed, detail = check_witness(lambda x: "one", Relation(LONG, "=", COMPACT), "exact", BOX)
    assert not passed
    assert "a witness must return balls or exact numbers, got str" in detail


def test_the_record_is_plain_data_and_the_text_readable() -> None:
    result = derivation(
        parts={"long form": sp.Eq(y, LONG)},
        assumptions=("the sizes are large",),
        theorems=(Theorem("Sturm", "a count", "a book"),),
        source="a paper",
    )
    record = json.loads(json.dumps(result.record(), allow_nan=False))
    assert record["passed"]
    assert record["evidence"] == "exact"
    assert record["domain"] == "0 < x < 1"
    assert [part["name"] for part in record["parts"]] == ["long form"]
    assert set(record["steps"][0]) == {"title", "latex", "text", "how", "passed", "detail"}
    text = str(result)
    for expected in ("A critical energy", "The compact form. [exact]", "0 < x < 1", "By Sturm", "[a paper]"):
        assert expected in text
    assert result._repr_latex_().startswith("$")


def test_a_step_and_a_derivation_are_one_line_in_a_list() -> None:
    result = derivation()
    assert repr(result.steps) == "(Step('The compact form.', 'exact'),)"
    assert repr(result) == "Derivation('A critical energy', 1 steps)"


def test_ipython_shows_what_print_shows() -> None:
    from IPython.lib.pretty import pretty

    assert pretty(derivation()) == str(derivation())
