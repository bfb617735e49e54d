"""The page that shows, slide by slide, what tries each statement of the lectures, or why nothing does.

``python -m verify.coverage > docs/coverage.md`` writes it anew. Verdicts are those registered with the claims: what a
run found is in its report.
"""

import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from verify.lectures.decks import SLIDES
from verify.sources import LECTURES, Lecture, Slip, Statement, Untried

if TYPE_CHECKING:
    from verify.ledger import Claim

__all__ = ["coverage_page", "statements_by_slide"]

_HEAD = """# What the lectures say, and what tries it

Every statement of the slides, in this project's words, slide by slide. Below it stand the claims that try it, with the
verdict that is registered for each (`lossproof show ID` shows a claim; what a run found is in its report), or a note:

- **PROVED**, **CERTIFIED**, **SUPPORTED**: it is expected to hold by an exact derivation, by enclosures, by
  measurements.
- **REFUTED**: it is expected to fail. An id that ends in `-as-printed` tries the words of the slide and states what is
  right; other claims below the same statement try the corrected one.
- **open question**: no verdict is registered; whatever the data say is as expected.
- *Found*: the verdict below is that of the claim, whose title says what it shows; where that contradicts or qualifies
  the sentence of the slide, this line says how.
- *Slip*: the wording or an attribution is off, which no computation could try.
- *Not tried*: there is nothing to try, such as a definition, a custom, a figure that is lost.

Slides that show only a title, an outline or course matters are left out. This page is written by
`python -m verify.coverage > docs/coverage.md`.
"""


def statements_by_slide(statements: Iterable[Statement], lecture: Lecture) -> dict[str, list[Statement]]:
    """Return the statements of a lecture by the titles of its slides, in the order of the deck.

    Slides that the deck's list lacks come last, in the order of the statements; slides without a statement are left
    out.

    Examples:
        >>> from verify.sources import OXFORD_C65
        >>> from verify.statements import STATEMENTS
        >>> list(statements_by_slide(STATEMENTS, OXFORD_C65))[-1]
        'Structure of the loss landscape dimensionality dependence'
    """
    found: dict[str, list[Statement]] = {title: [] for title in SLIDES[lecture.key]}
    for statement in statements:
        if statement.slide.lecture == lecture:
            found.setdefault(statement.slide.title, []).append(statement)
    return {title: group for title, group in found.items() if group}


def coverage_page(statements: Sequence[Statement], claims: Iterable["Claim"]) -> str:
    """Return the page as Markdown, with formulas between dollars.

    Args:
        statements: What the lectures say.
        claims: The ledger, for the verdicts.

    Returns:
        The text of the page, ending with a line break.

    Raises:
        ValueError: If a statement has neither a claim nor a note, or names a claim that is not in the ledger.

    Examples:
        >>> from verify import STATEMENTS, discover
        >>> coverage_page(STATEMENTS, discover()).splitlines()[0]
        '# What the lectures say, and what tries it'
    """
    ledger = {claim.id: claim for claim in claims}
    lines = [_HEAD, *_counts(statements)]
    for lecture in LECTURES:
        lines += ["", f"## {lecture.title}", "", f"{lecture.where}. {lecture.about}"]
        for title, group in statements_by_slide(statements, lecture).items():
            lines += ["", f"### {title}", ""]
            for statement in group:
                lines.append(f"- {statement.text}")
                lines += [f"  - {line}" for line in _answers(statement, ledger)]
    return "\n".join(lines) + "\n"


def _answers(statement: Statement, ledger: dict[str, "Claim"]) -> Iterator[str]:
    """Yield a line for each claim that tries the statement, or the note on it."""
    if isinstance(statement.covered, Slip):
        yield f"*Slip*: {statement.covered.said}; *right*: {statement.covered.meant}."
        return
    if isinstance(statement.covered, Untried):
        yield f"*Not tried*: {statement.covered.why}."
        return
    if not statement.covered:
        raise ValueError(f"a statement must have a claim or a note, got neither for {statement.text!r}.")
    if statement.found:
        yield f"*Found*: {statement.found}"
    for name in statement.covered:
        if name not in ledger:
            raise ValueError(f"a statement must name claims of the ledger, got {name!r} for {statement.text!r}.")
        claim = ledger[name]
        verdict = "open question" if claim.open else min(claim.expects).name
        yield f"`{name}`: **{verdict}**. {claim.title}"


def _counts(statements: Sequence[Statement]) -> Iterator[str]:
    """Yield a table of how many statements of each lecture are tried, and how many have a note."""
    yield "| lecture | slides | statements | with claims | slips of wording | not tried |"
    yield "| --- | ---: | ---: | ---: | ---: | ---: |"
    for lecture in LECTURES:
        groups = statements_by_slide(statements, lecture)
        kinds = Counter(type(statement.covered) for group in groups.values() for statement in group)
        numbers = (len(groups), kinds.total(), kinds[tuple], kinds[Slip], kinds[Untried])
        yield " | ".join((f"| {lecture.where}", *map(str, numbers))) + " |"


if __name__ == "__main__":
    from verify import STATEMENTS, discover

    sys.stdout.write(coverage_page(STATEMENTS, discover()))
