import io

import pytest

from verify import progress
from verify.progress import Bars, Lines, listener_for, outcome_line
from verify.report.console import counts
from verify.store import RunFolder


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def play(listener: Bars | Lines, folder: RunFolder) -> None:
    """Tell a listener of a run of two claims."""
    listener.run_started(folder, ["kinds.supported", "kinds.surprise"], ["kinds.open"])
    for claim in ("kinds.supported", "kinds.surprise"):
        listener.claim_started(claim)
        listener.items_done(claim, "draws", 1, 2)
        listener.items_done(claim, "draws", 2, 2)
        listener.claim_finished(folder.claim(claim))
    listener.run_ended()


def test_in_a_pipe_there_are_plain_lines(finished: RunFolder) -> None:
    stream = io.StringIO()
    listener = listener_for(stream)
    assert isinstance(listener, Lines)
    play(listener, finished)
    opening, first, second = stream.getvalue().splitlines()
    assert opening == f"2 claims to check, 1 finished before: profile quick, seed 0, cpu, in {finished.path}"
    assert first.startswith("[1/2] kinds.supported  SUPPORTED  ")
    assert second.startswith("[2/2] kinds.surprise  SUPPORTED  NOT AS EXPECTED  ")
    assert "\x1b" not in stream.getvalue()


def test_long_work_speaks_up_in_a_pipe(finished: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "QUIET_SECONDS", 0.0)
    stream = io.StringIO()
    play(Lines(stream), finished)
    assert "        kinds.supported: draws 1/2" in stream.getvalue().splitlines()


def test_on_a_terminal_there_are_bars(finished: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    listener = listener_for(stream)
    assert isinstance(listener, Bars)
    play(listener, finished)
    text = stream.getvalue()
    assert "kinds.surprise" in text
    assert "2/2" in text
    assert "\x1b[" in text


def test_bars_that_never_started_end_quietly(finished: RunFolder) -> None:
    listener = Bars(Terminal())
    listener.claim_started("kinds.open")
    listener.items_done("kinds.open", "draws", 1, 2)
    listener.claim_finished(finished.claim("kinds.open"))
    listener.run_ended()


def test_a_line_tells_a_surprise(finished: RunFolder) -> None:
    assert "NOT AS EXPECTED" in outcome_line(finished.claim("kinds.error"))
    assert "NOT AS EXPECTED" not in outcome_line(finished.claim("kinds.skipped"))


def test_a_claim_of_which_a_part_was_decided_says_so_and_reads_no_stronger_than_registered() -> None:
    decided = {"status": "DECIDED", "verdict": "PROVED"}
    later = {"status": "DEFERRED", "verdict": None, "decided_from": "standard"}
    record = {"id": "a.b", "verdict": "PROVED", "status": "DECIDED", "expects": ["SUPPORTED"], "open": False}
    partly = {**record, "as_expected": True, "seconds": 0.0, "findings": [decided, later, later]}
    assert outcome_line(partly) == "a.b  SUPPORTED so far, 2 of 3 findings deferred to standard  0.0 s"
    assert outcome_line({**partly, "open": True}).startswith("a.b  PROVED so far, ")
    surprise = {**partly, "verdict": "REFUTED", "as_expected": False}
    assert outcome_line(surprise) == "a.b  REFUTED so far, 2 of 3 findings deferred to standard  NOT AS EXPECTED  0.0 s"
    assert counts([partly, {**partly, "findings": [decided]}]) == "1 proved, 1 supported"
