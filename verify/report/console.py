"""The ledger and a run's outcome as plain text, for a terminal or a pipe."""

import re
import shlex
import textwrap
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from verify.ledger import Claim
from verify.report.wording import answers, outcome, so_far
from verify.store import Record

_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
ORDER = ("PROVED", "CERTIFIED", "SUPPORTED", "UNDECIDED", "REFUTED", "ERROR", "DEFERRED", "SKIPPED")


def expectation(claim: Claim) -> str:
    """Return what a claim is expected to come out as, in a word."""
    return "open" if claim.open else ", ".join(str(verdict) for verdict in sorted(claim.expects, reverse=True))


def ledger_lines(claims: Sequence[Claim]) -> list[str]:
    """Return one line a claim: id, expectation, title."""
    rows = [(claim.id, expectation(claim), claim.title) for claim in claims]
    widths = [max((len(row[column]) for row in rows), default=0) for column in (0, 1)]
    return [f"{name:{widths[0]}}  {expected:{widths[1]}}  {title}" for name, expected, title in rows]


def claim_lines(claim: Claim, claim_files: Sequence[Path] = ()) -> list[str]:
    """Return everything the ledger knows of one claim, which may come from one of the files."""
    lines = [claim.id, claim.title, ""]
    for paragraph in claim.statement.split("\n\n"):
        lines += [*textwrap.wrap(" ".join(paragraph.split()), 100, break_long_words=False), ""]
    lines.append(f"source       {claim.source}")
    lines += [f"{'assuming' if place == 0 else '':12} {text}" for place, text in enumerate(claim.assumptions)]
    lines.append(f"expected     {'an open question' if claim.open else expectation(claim)}")
    if claim.right:
        lines += textwrap.wrap(f"right        {' '.join(claim.right.split())}", 113, subsequent_indent=" " * 13)
    if claim.corrects:
        lines.append(f"corrects     {claim.corrects}")
    if claim.decided_from != "quick":
        lines.append(f"decided      from the {claim.decided_from} profile on")
    words = ["lossproof", "run", claim.id, *(word for path in claim_files for word in ("--claims", str(path)))]
    lines.append(f"run it       {shlex.join(words)}")
    return lines


def counts(records: Sequence[Record]) -> str:
    """Return how many claims came out as what.

    Examples:
        >>> counts([{"verdict": "PROVED", "status": "DECIDED"}, {"verdict": None, "status": "SKIPPED"}])
        '1 proved, 1 skipped'
    """
    found = Counter(outcome(record) for record in records)
    return ", ".join(f"{found[word]} {word.lower()}" for word in ORDER if found[word])


def summary_lines(records: Sequence[Record], *, unfinished: int = 0, folder: Path | None = None) -> list[str]:
    """Return a run's outcome: a sentence, and every claim that came out otherwise than expected, with the reason.

    Args:
        records: The claims that are finished.
        unfinished: How many claims of the run are not.
        folder: The folder of the run, to say how it is finished.
    """
    surprising = [record for record in records if not record["as_expected"]]
    number = len(records)
    opening = f"{number} claim{'' if number == 1 else 's'}: {counts(records) or 'none finished'}"
    partly = sum(bool(so_far(record)) for record in records)
    opening += f"; {partly} of them on part of the findings." if partly else "."
    answer = answers(records)
    rest = sum(not record["open"] and bool(record["verdict"]) for record in records)
    verdict = f"{len(surprising)} not as expected:" if surprising else "All as expected."
    if answer and not surprising:
        verdict = f"{answer[0].upper()}{answer[1:]}." if not rest else f"{rest} as expected; {answer}."
    elif answer:
        verdict = f"{answer[0].upper()}{answer[1:]}; {verdict}"
    if unfinished:
        opening += f" {unfinished} not finished."
        verdict = verdict if surprising or answer else "The others as expected." if records else ""
    lines = [f"{opening} {verdict}".rstrip()]
    if unfinished and folder is not None:
        lines.append(f"  finish it by: lossproof run --resume --out {shlex.quote(str(folder))}")
    for record in surprising:
        lines.append(f"  {record['id']}  {outcome(record)} {so_far(record)}".rstrip())
        lines.append(textwrap.fill(record["why_not"], 100, initial_indent="    ", subsequent_indent="    "))
        if record["error"]:
            lines.append(textwrap.indent(record["error"]["traceback"].rstrip(), "    | "))
    skipped = [record for record in records if any(f["status"] == "SKIPPED" for f in record["findings"])]
    for record in skipped:
        reason = next(f["message"] for f in record["findings"] if f["status"] == "SKIPPED")
        lines.append(f"  {record['id']}  {reason}")
    return [_UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", line) for line in lines]
