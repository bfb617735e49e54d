"""How a run is heard: bars on a terminal, plain lines in a pipe or a log; both say how long it still takes, roughly.

A run outlives whoever listens: what cannot be written, to a closed pipe or a full disk, is dropped.
"""

import contextlib
import functools
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TextIO, cast

from verify.pace import Pace, in_words
from verify.report.wording import outcome, so_far
from verify.store import Record, RunFolder

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

QUIET_SECONDS = 10.0
"""A plain line about items is printed at most this often."""

ESTIMATE_SECONDS = 60.0
"""A plain line says at most this often how long the run still takes, and never in a run that is shorter."""


def listener_for(stream: TextIO | None = None) -> "Bars | Lines":
    """Return bars for a terminal and plain lines for anything else."""
    stream = stream or cast("TextIO | None", sys.stderr)  # None where it was closed from the start
    return Bars(stream) if stream is not None and stream.isatty() else Lines(stream)


def outcome_line(record: Record) -> str:
    """Return one claim's outcome in a line: id, verdict or status, how much of it is left, whether that was expected,
    seconds.

    Examples:
        >>> outcome_line({"id": "a.b", "verdict": None, "status": "SKIPPED", "as_expected": True, "seconds": 0.04})
        'a.b  SKIPPED  0.0 s'
    """
    partly = f" {so_far(record)}" if so_far(record) else ""
    surprise = "" if record["as_expected"] else "  NOT AS EXPECTED"
    return f"{record['id']}  {outcome(record)}{partly}{surprise}  {record['seconds']:.1f} s"


def opening_line(folder: RunFolder, claims: Sequence[str], finished: Sequence[str]) -> str:
    """Return what a run is about, in a line."""
    manifest = folder.manifest
    kept = f", {len(finished)} finished before" if finished else ""
    words = f"{len(claims)} claim{'s' if len(claims) != 1 else ''} to check{kept}"
    return f"{words}: profile {manifest['profile']}, seed {manifest['seed']}, {manifest['device']}, in {folder.path}"


class _Lossy:
    """A stream that drops what it cannot write."""

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with contextlib.suppress(OSError, ValueError):  # the latter of a stream that was closed
            if self._stream is not None:
                self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            if self._stream is not None:
                self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class Lines:
    """Plain lines."""

    def __init__(self, stream: TextIO | None) -> None:
        self.folder: RunFolder | None = None
        self._stream = _Lossy(stream)
        self._total = 0
        self._done = 0
        self._spoke = 0.0
        self._estimated = 0.0
        self._pace = Pace(0)

    def run_started(self, folder: RunFolder, claims: Sequence[str], finished: Sequence[str]) -> None:
        """Print what the run is about."""
        self.folder, self._total = folder, len(claims)
        self._pace, self._estimated = Pace(len(claims)), time.monotonic()
        self._say(opening_line(folder, claims, finished))

    def claim_started(self, claim: str) -> None:
        """Take note of the time."""
        self._spoke = time.monotonic()

    def items_done(self, claim: str, purpose: str, done: int, total: int) -> None:
        """Print a line if none was printed for a while."""
        self._pace.items_done(claim, purpose, done, total)
        if time.monotonic() - self._spoke >= QUIET_SECONDS:
            left = in_words(self._pace.items_left(claim, purpose))
            self._say(f"        {claim}: {purpose} {done}/{total}{left and f', {left}'}")

    def claim_finished(self, record: Record) -> None:
        """Print the outcome, and now and then how long the run still takes."""
        self._done += 1
        self._pace.claim_finished(record["id"])
        width = len(str(self._total))
        self._say(f"[{self._done:{width}}/{self._total}] {outcome_line(record)}")
        left = in_words(self._pace.run_left())
        if left and time.monotonic() - self._estimated >= ESTIMATE_SECONDS:
            self._estimated = time.monotonic()
            self._say(f"        {self._total - self._done} of {self._total} claims: {left}")

    def run_ended(self) -> None:
        """Do nothing."""

    def _say(self, line: str) -> None:
        print(line, file=self._stream, flush=True)
        self._spoke = time.monotonic()


class Bars:
    """A bar for the claims and one for the items of a claim at work, below a line for every outcome."""

    def __init__(self, stream: TextIO) -> None:
        self.folder: RunFolder | None = None
        self._stream = cast("TextIO", _Lossy(stream))
        self._progress: Progress | None = None
        self._claims: TaskID | None = None
        self._items: TaskID | None = None
        self._pace = Pace(0)

    def run_started(self, folder: RunFolder, claims: Sequence[str], finished: Sequence[str]) -> None:
        """Print what the run is about and show the bars."""
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            ProgressColumn,
            Task,
            TextColumn,
            TimeElapsedColumn,
        )
        from rich.text import Text

        class Left(ProgressColumn):
            """How long a bar still takes, reckoned whenever it is drawn."""

            def render(self, task: Task) -> Text:
                return Text(in_words(task.fields["left"]()))

        self.folder, self._pace = folder, Pace(len(claims))
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), Left())
        self._progress = Progress(*columns, console=Console(file=self._stream), transient=True)
        self._progress.console.print(opening_line(folder, claims, finished), highlight=False, markup=False)
        self._progress.start()
        self._claims = self._progress.add_task("claims", total=len(claims), left=self._pace.run_left)
        self._items = self._progress.add_task("", total=None, visible=False, left=lambda: None)

    def claim_started(self, claim: str) -> None:
        """Name the claim that was begun last."""
        if self._progress is not None and self._claims is not None:
            self._progress.update(self._claims, description=claim)

    def items_done(self, claim: str, purpose: str, done: int, total: int) -> None:
        """Move the bar of the items."""
        if self._progress is not None and self._items is not None:
            self._pace.items_done(claim, purpose, done, total)
            self._progress.update(
                self._items,
                description=f"  {claim}: {purpose}",
                completed=done,
                total=total,
                visible=True,
                left=functools.partial(self._pace.items_left, claim, purpose),
            )

    def claim_finished(self, record: Record) -> None:
        """Print the outcome and move the bar of the claims."""
        if self._progress is None or self._claims is None or self._items is None:
            return
        style = None if record["as_expected"] else "bold red"
        self._progress.console.print(outcome_line(record), style=style, highlight=False, markup=False)
        self._pace.claim_finished(record["id"])
        self._progress.update(self._items, visible=False)
        self._progress.advance(self._claims)

    def run_ended(self) -> None:
        """Take the bars away."""
        if self._progress is not None:
            self._progress.stop()
