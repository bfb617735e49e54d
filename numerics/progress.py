"""How long work is heard: a bar on a terminal, plain lines at long intervals elsewhere, nothing before two seconds.

Everything goes to stderr, so that what a program prints can be piped. Bars never mix: one is shown at a time, and a
process that another one has started is silent, since several would write over each other on the terminal that they
share. The environment variable ``LOSSPROOF_PROGRESS=0`` silences all of it.
"""

import multiprocessing
import os
import sys
from collections.abc import Iterable, Iterator, Sized
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING, TypeVar, overload

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

SILENT_SECONDS = 2.0
"""Nothing is shown of work that takes no longer."""
LINE_SECONDS = 30.0
"""Off a terminal a plain line is printed at most this often."""

Item = TypeVar("Item")


class Bar:
    """The progress of one piece of work, shown while it is entered as a context.

    Args:
        total: Steps in all, or None if nobody knows.
        what: What is being done, in a few words.

    Examples:
        >>> with Bar(3, "products") as bar:
        ...     bar.advance(2)
        >>> bar.done
        2
    """

    _shown: "Bar | None" = None  # whose turn it is on the terminal

    def __init__(self, total: int | None, what: str) -> None:
        self.total = total
        self.what = what
        self.done = 0
        self._started = self._spoke = monotonic()
        self._bars: RichProgress | None = None
        self._task: TaskID | None = None

    def advance(self, steps: int = 1) -> None:
        """Take note of steps that are done, and show them if it is time to."""
        self.done += steps
        if self._bars is not None and self._task is not None:
            self._bars.update(self._task, completed=self.done)
        elif monotonic() - self._spoke >= SILENT_SECONDS and _allowed():
            if sys.stderr.isatty():
                self._show()
            elif monotonic() - self._spoke >= LINE_SECONDS:
                self._spoke = monotonic()
                of = "" if self.total is None else f"/{self.total}"
                print(f"{self.what}: {self.done}{of}, {self._spoke - self._started:.0f} s", file=sys.stderr, flush=True)

    def __enter__(self) -> "Bar":
        """Start the clock."""
        self._started = self._spoke = monotonic()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take the bar away."""
        if self._bars is not None:
            self._bars.stop()
            self._bars = None
            Bar._shown = None

    def _show(self) -> None:
        if Bar._shown is not None:
            return
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        Bar._shown = self
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        )
        self._bars = Progress(*columns, console=Console(file=sys.stderr), transient=True, refresh_per_second=4)
        self._bars.start()
        self._task = self._bars.add_task(self.what, total=self.total, completed=self.done)
        task = self._bars.tasks[0]
        if task.start_time is not None:
            task.start_time -= monotonic() - self._started  # the clock runs since the work began


@overload
def progress(work: int | None, what: str) -> Bar: ...
@overload
def progress(work: Iterable[Item], what: str) -> Iterator[Item]: ...
def progress(work: Iterable[Item] | int | None, what: str) -> Iterator[Item] | Bar:
    """Show how far work has come.

    Args:
        work: What is iterated over; or the number of steps (None: unknown), for a context whose ``advance`` is called.
        what: What is being done, in a few words.

    Returns:
        An iterator over the same items, or the context.

    Examples:
        >>> sum(progress(range(4), "adding"))
        6
        >>> with progress(4, "adding") as bar:
        ...     bar.advance()
    """
    return Bar(work, what) if work is None or isinstance(work, int) else _items(work, what)


def _items(work: Iterable[Item], what: str) -> Iterator[Item]:
    with Bar(len(work) if isinstance(work, Sized) else None, what) as bar:
        for item in work:
            yield item
            bar.advance()


def _allowed() -> bool:
    return os.environ.get("LOSSPROOF_PROGRESS") != "0" and multiprocessing.parent_process() is None
