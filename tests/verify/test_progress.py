import functools
import io

import pytest

from verify import progress
from verify.pace import FEWEST_CLAIMS, Pace
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


class Deaf(Terminal):
    """A terminal, or a pipe, that nobody holds the other end of any more."""

    def write(self, text: str) -> int:
        raise BrokenPipeError(32, "Broken pipe")

    def flush(self) -> None:
        raise BrokenPipeError(32, "Broken pipe")


def test_a_run_outlives_its_listeners(finished: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "QUIET_SECONDS", 0.0)
    monkeypatch.setenv("TERM", "xterm")
    closed = io.StringIO()
    closed.close()
    for listener in (Bars(Deaf()), Lines(Deaf()), Lines(closed)):
        play(listener, finished)
    monkeypatch.setattr("sys.stderr", None)
    assert isinstance(listener_for(), Lines)
    play(listener_for(), finished)


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


class Clock:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_what_is_left_takes_as_long_an_item_as_what_was_done_since_it_was_first_heard_of() -> None:
    clock = Clock()
    pace = Pace(1, clock=clock)
    assert pace.items_left("a", "draws") is None  # never heard of
    pace.items_done("a", "draws", 90, 100)
    assert pace.items_left("a", "draws") is None  # 90 were there before: no pace
    clock.now = 8.0
    pace.items_done("a", "draws", 94, 100)
    pace.items_done("b", "draws", 0, 100)
    assert pace.items_left("a", "draws") == 6 * 2.0
    clock.now = 16.0  # nothing came: the pace is less, and the estimate more
    assert pace.items_left("a", "draws") == 6 * 4.0
    assert pace.items_left("b", "draws") is None
    pace.claim_finished("a")
    assert pace.items_left("a", "draws") is None


def test_a_run_takes_as_long_a_claim_as_those_that_are_finished_and_no_less_than_items_in_flight() -> None:
    clock = Clock()
    pace = Pace(20, clock=clock)
    for finished in range(1, FEWEST_CLAIMS + 1):
        assert pace.run_left() is None
        clock.now = 3.0 * finished
        pace.claim_finished(f"claim {finished}")
    assert pace.run_left() == 3.0 * (20 - FEWEST_CLAIMS)
    pace.items_done("long", "draws", 0, 1000)
    assert pace.run_left() == 3.0 * (20 - FEWEST_CLAIMS)
    clock.now += 1.0
    pace.items_done("long", "draws", 1, 1000)
    assert pace.run_left() == 999.0
    pace.claim_finished("long")
    assert pace.run_left() == pytest.approx(16 / 6 * 14)


def test_in_a_pipe_an_estimate_is_rare_and_in_a_short_run_there_is_none(
    finished: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr(progress.time, "monotonic", clock)
    monkeypatch.setattr(progress, "Pace", functools.partial(Pace, clock=clock))

    def told(seconds: float) -> list[str]:
        """The lines without outcomes of a run of 20 claims that take so long each."""
        stream = io.StringIO()
        lines = Lines(stream)
        lines.run_started(finished, ["kinds.supported"] * 20, [])
        for _ in range(20):
            lines.claim_started("kinds.supported")
            lines.items_done("kinds.supported", "draws", 0, 4)
            clock.now += seconds / 2
            lines.items_done("kinds.supported", "draws", 2, 4)
            clock.now += seconds / 2
            lines.claim_finished(finished.claim("kinds.supported"))
        return [line.strip() for line in stream.getvalue().splitlines()[1:] if not line.startswith("[")]

    assert told(1.0) == []
    assert told(10.0) == [
        "14 of 20 claims: about 2 min left",
        "8 of 20 claims: about 1 min left",
        "2 of 20 claims: under a minute left",
    ]
    items, estimates = told(150.0)[:2], [line for line in told(150.0) if "claims" in line]
    assert items[0] == "kinds.supported: draws 2/4, about 1 min left"
    assert estimates[0] == "15 of 20 claims: about 38 min left"
    assert len(estimates) == 15


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
