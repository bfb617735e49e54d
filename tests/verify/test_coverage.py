"""Every statement of the lectures is accounted for, and the page that shows it is not stale."""

from pathlib import Path

import pytest

from verify import STATEMENTS, Claim, discover
from verify.coverage import coverage_page, statements_by_slide
from verify.lectures.decks import SLIDES
from verify.report.prose import Prose
from verify.sources import EDINBURGH_MLT, LECTURES, Slide, Slip, Statement, Untried

PAGE = Path(__file__).parents[2] / "docs" / "coverage.md"
SIGMOID = Slide(EDINBURGH_MLT, "Sigmoid")


@pytest.fixture(scope="module")
def claims() -> tuple[Claim, ...]:
    return tuple(discover())


def test_the_page_is_the_one_that_the_statements_give(claims: tuple[Claim, ...]) -> None:
    stale = "docs/coverage.md is stale: run python -m verify.coverage > docs/coverage.md"
    assert PAGE.read_text(encoding="utf-8") == coverage_page(STATEMENTS, claims), stale


def test_every_slide_of_the_decks_has_a_statement_and_every_statement_a_slide_of_its_deck() -> None:
    for lecture in LECTURES:
        assert tuple(statements_by_slide(STATEMENTS, lecture)) == SLIDES[lecture.key]
        assert len(set(SLIDES[lecture.key])) == len(SLIDES[lecture.key])
    assert SLIDES.keys() == {lecture.key for lecture in LECTURES}


def test_no_statement_is_listed_twice() -> None:
    texts = [(statement.slide, statement.text) for statement in STATEMENTS]
    assert len(set(texts)) == len(texts)


def test_a_claim_that_a_slide_printed_is_named_by_a_statement_of_that_slide(claims: tuple[Claim, ...]) -> None:
    named = {
        (statement.slide, name)
        for statement in STATEMENTS
        if isinstance(statement.covered, tuple)
        for name in statement.covered
    }
    printed = {(claim.source.printed, claim.id) for claim in claims if claim.source.printed is not None}
    assert printed - named == set()


def test_notes_end_without_a_full_stop_and_can_be_drawn() -> None:
    prose = Prose()
    for statement in STATEMENTS:
        notes = {Slip: ("said", "meant"), Untried: ("why",)}.get(type(statement.covered), ())
        for note in (getattr(statement.covered, name) for name in notes):
            assert not note.endswith(".")
            assert "$" not in prose.block(note)
        assert "$" not in prose.block(statement.found)


def test_a_page_tells_a_claim_from_an_open_question_a_slip_and_what_is_not_tried(claims: tuple[Claim, ...]) -> None:
    statements = [
        Statement(SIGMOID, "One.", ("classifier.sigmoid-as-printed", "flatness.predicts-generalisation")),
        Statement(SIGMOID, "Two.", Slip("a minus is lost", "it is there")),
        Statement(SIGMOID, "Two and a half.", ("classifier.softmax",), found="Not so."),
        Statement(Slide(EDINBURGH_MLT, "Another slide"), "Three.", Untried("a custom")),
    ]
    page = coverage_page(statements, claims)
    assert "| Machine Learning Theory, Edinburgh (R. Sarkar) | 2 | 4 | 2 | 1 | 1 |" in page
    assert page.endswith("\n")
    lines = page[page.index("### Sigmoid") : page.index("## Sharp minima can")].splitlines()
    assert lines[2] == "- One."
    assert lines[3] == "  - `classifier.sigmoid-as-printed`: **REFUTED**. The sigmoid, as printed"
    assert lines[4].startswith("  - `flatness.predicts-generalisation`: **open question**. ")
    assert lines[5:7] == ["- Two.", "  - *Slip*: a minus is lost; *right*: it is there."]
    assert lines[7:9] == ["- Two and a half.", "  - *Found*: Not so."]
    assert lines[9].startswith("  - `classifier.softmax`: **PROVED**. ")
    assert lines[10:14] == ["", "### Another slide", "", "- Three."]
    assert lines[14] == "  - *Not tried*: a custom."


def test_a_statement_without_claim_or_note_is_refused(claims: tuple[Claim, ...]) -> None:
    with pytest.raises(ValueError, match=r"a statement must have a claim or a note, got neither for 'One\.'"):
        coverage_page([Statement(SIGMOID, "One.", ())], claims)


def test_a_statement_that_names_a_claim_that_does_not_exist_is_refused(claims: tuple[Claim, ...]) -> None:
    with pytest.raises(ValueError, match=r"a statement must name claims of the ledger, got 'no\.claim' for 'One\.'"):
        coverage_page([Statement(SIGMOID, "One.", ("no.claim",))], claims)


@pytest.mark.parametrize(
    ("covered", "found", "message"),
    [
        (
            Untried("a custom"),
            "It is so.",
            r"found must be empty for a statement that no claim tries, got 'It is so\.'",
        ),
        (("no.claim",), "It is so", "found must be a sentence with a full stop at its end, got 'It is so'"),
    ],
)
def test_what_is_found_is_a_sentence_on_claims(covered: tuple[str, ...] | Untried, found: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Statement(SIGMOID, "One.", covered, found)
