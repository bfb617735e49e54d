"""The bibliography is well formed, and every listed statement leads somewhere."""

import json
import re

import pytest

from verify import bibliography, sources
from verify.bibliography import PENNINGTON_BAHRI_2017
from verify.ledger import discover
from verify.report.prose import Prose
from verify.sources import LECTURES, OXFORD_C65, Reference, Slide, Slip, Source, Untried
from verify.statements import STATEMENTS, notes_on

REFERENCES = [value for value in vars(bibliography).values() if isinstance(value, Reference)]


def test_reference_keys_are_in_order_each_once_and_name_the_year() -> None:
    keys = [reference.key for reference in REFERENCES]
    assert keys == sorted(set(keys))
    assert all(key.endswith(str(reference.year)) for key, reference in zip(keys, REFERENCES, strict=True))


def test_a_source_is_plain_json_and_reads_as_a_citation() -> None:
    source = Source(PENNINGTON_BAHRI_2017, "section 4", Slide(OXFORD_C65, "Local shape of loss landscape"))
    record = json.loads(json.dumps(source.to_record()))
    assert record["reference"]["year"] == 2017
    assert record["printed"]["slide"] == "Local shape of loss landscape"
    assert str(source).startswith("Pennington and Bahri (2017), section 4, Theories of Deep Learning, Oxford C6.5")
    assert Source(PENNINGTON_BAHRI_2017, "section 4").to_record()["printed"] is None


def test_there_are_four_lectures() -> None:
    assert len({lecture.key for lecture in LECTURES}) == 4


@pytest.mark.parametrize("statement", STATEMENTS, ids=lambda statement: statement.text[:40])
def test_every_statement_has_a_claim_or_a_note(statement: sources.Statement) -> None:
    assert statement.text.endswith((".", "?"))
    assert statement.text.count("$") % 2 == 0
    if isinstance(statement.covered, Slip):
        assert str(statement.covered) == f"{statement.covered.said}: {statement.covered.meant}"
    elif isinstance(statement.covered, Untried):
        assert str(statement.covered) == statement.covered.why
    else:
        assert statement.covered
        themes = "spectrum|index|hessian|rescaling|flatness|spin-glass|minima|level-sets|connectivity|generalisation"
        themes += "|classifier|lazy"
        assert all(re.fullmatch(rf"({themes})\.[a-z-]+", name) for name in statement.covered)


def test_claims_call_the_slides_as_the_list_of_statements_does() -> None:
    titles = {(statement.slide.lecture.key, statement.slide.title) for statement in STATEMENTS}
    printed = {(claim.id, claim.source.printed) for claim in discover() if claim.source.printed is not None}
    assert {name: slide.title for name, slide in printed if (slide.lecture.key, slide.title) not in titles} == {}


def test_notes_belong_to_the_lectures_that_printed_the_claims_of_a_run() -> None:
    claims = discover()
    notes = notes_on(claims)
    assert len(notes) == sum(isinstance(statement.covered, Slip) for statement in STATEMENTS) >= 3
    assert {note["lecture"] for note in notes} == {str(lecture) for lecture in LECTURES}
    oxford = [claim for claim in claims if claim.theme == "index"]
    assert {note["lecture"] for note in notes_on(oxford)} == {str(OXFORD_C65)}
    assert notes_on([claim for claim in claims if claim.source.printed is None]) == []


def test_every_note_can_be_drawn() -> None:
    prose = Prose()
    for note in notes_on(discover()):
        for text in note.values():
            prose.block(text)


def test_a_malformed_identifier_is_refused() -> None:
    with pytest.raises(ValueError, match=r"arxiv must be an identifier such as 1804.10200, got 'v1'"):
        Reference("key", "A", 2000, "T", arxiv="v1")
    with pytest.raises(ValueError, match=r"doi must look like 10.1137/19M1308943, got 'https://doi.org/10.1/x'"):
        Reference("key", "A", 2000, "T", doi="https://doi.org/10.1/x")


def test_a_source_needs_a_reference_or_a_slide() -> None:
    with pytest.raises(ValueError, match=r"a source must name a reference or a slide, got neither"):
        Source()
    with pytest.raises(TypeError, match=r"reference of a source must be a Reference or None, got 'a paper'"):
        Source("a paper", "section 1")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"locator of a source must be a text, got None"):
        Source(PENNINGTON_BAHRI_2017, None)  # type: ignore[arg-type]
