"""Progress: silent at first, a bar on a terminal, few lines elsewhere, and nothing where it would disturb."""

import contextlib
import io
import multiprocessing
import types

import pytest

from numerics import progress as module
from numerics.progress import Bar, progress


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class _Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> _Clock:
    clock = _Clock()
    monkeypatch.setattr(module, "monotonic", clock)
    monkeypatch.delenv("LOSSPROOF_PROGRESS", raising=False)
    monkeypatch.setattr(module.multiprocessing, "parent_process", lambda: None)
    return clock


@pytest.fixture
def pipe(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    stream = io.StringIO()
    monkeypatch.setattr(module, "sys", types.SimpleNamespace(stderr=stream))  # pytest swaps the true one
    return stream


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> _Terminal:
    stream = _Terminal()
    monkeypatch.setattr(module, "sys", types.SimpleNamespace(stderr=stream))  # pytest swaps the true one
    monkeypatch.setenv("TERM", "xterm")
    return stream


def _work(clock: _Clock, steps: int, seconds: float) -> None:
    with progress(steps, "products") as bar:
        for _ in range(steps):
            clock.now += seconds
            bar.advance()


def test_an_iterable_is_handed_on_item_by_item_whether_its_length_is_known_or_not() -> None:
    assert list(progress([3, 1, 2], "sorting")) == [3, 1, 2]
    assert list(progress((item for item in "abc"), "spelling")) == ["a", "b", "c"]


def test_work_of_two_seconds_is_silent_everywhere(clock: _Clock, terminal: _Terminal) -> None:
    _work(clock, 19, 0.1)
    assert terminal.getvalue() == ""


def test_a_terminal_gets_a_bar_that_goes_away(clock: _Clock, terminal: _Terminal) -> None:
    _work(clock, 5, 1.0)
    assert "products" in terminal.getvalue()
    assert "5/5" in terminal.getvalue()
    assert Bar._shown is None


def test_a_pipe_gets_a_line_every_half_minute(clock: _Clock, pipe: io.StringIO) -> None:
    _work(clock, 100, 1.0)
    assert pipe.getvalue().splitlines() == [
        "products: 30/100, 30 s",
        "products: 60/100, 60 s",
        "products: 90/100, 90 s",
    ]


def test_steps_that_nobody_can_count_in_advance_are_counted(clock: _Clock, pipe: io.StringIO) -> None:
    with progress(None, "restarts") as bar:
        clock.now = 31.0
        bar.advance(7)
    assert pipe.getvalue() == "restarts: 7, 31 s\n"


def test_a_bar_inside_another_leaves_the_terminal_to_it(clock: _Clock, terminal: _Terminal) -> None:
    with progress(2, "outer") as outer:
        clock.now = 3.0
        outer.advance()
        _work(clock, 9, 1.0)
        assert Bar._shown is outer
    assert "products" not in terminal.getvalue()


def test_an_error_and_a_break_take_the_bar_away(clock: _Clock, terminal: _Terminal) -> None:
    with contextlib.suppress(ZeroDivisionError), progress(9, "dividing") as bar:
        clock.now = 3.0
        bar.advance()
        assert Bar._shown is bar
        raise ZeroDivisionError
    assert Bar._shown is None
    for item in progress(range(9), "leaving"):
        clock.now += 3.0
        if item == 3:
            break
    assert Bar._shown is None
    assert "leaving" in terminal.getvalue()


def test_the_environment_silences_it(clock: _Clock, terminal: _Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOSSPROOF_PROGRESS", "0")
    _work(clock, 100, 1.0)
    assert terminal.getvalue() == ""


def test_a_worker_is_silent(clock: _Clock, terminal: _Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.multiprocessing, "parent_process", multiprocessing.current_process)
    _work(clock, 100, 1.0)
    assert terminal.getvalue() == ""
