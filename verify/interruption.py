"""How a run hears that it should end: Ctrl-C, and requests of the system; and how it is left in order then."""

import contextlib
import math
import signal
import threading
import time
from collections.abc import Iterator
from types import FrameType

_REQUESTS_TO_END = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))

PATIENCE = 5.0
"""Seconds in which requests to end count as one: a second exception would cut short what the first puts in order."""


class Terminated(SystemExit):
    """The system asked this process to end, as ``timeout`` and services that cancel a job do, and a terminal that goes
    away.
    """

    def __init__(self, number: int) -> None:
        self.exit_code = 128 + number
        super().__init__(self.exit_code)


@contextlib.contextmanager
def terminable(*, last: bool = False) -> Iterator[None]:
    """Make an exception of SIGTERM and SIGHUP in here, unless somebody else answers them, or they are ignored.

    Args:
        last: Whether the process ends after an exception of these, so that further ones have nothing to ask for.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    latest = -math.inf

    def end(number: int, frame: FrameType | None) -> None:
        nonlocal latest
        before, latest = latest, time.monotonic()
        if latest - before > PATIENCE:
            raise Terminated(number)

    unanswered = [number for number in _REQUESTS_TO_END if signal.getsignal(number) == signal.SIG_DFL]
    afterwards = signal.SIG_DFL
    try:
        for number in unanswered:
            signal.signal(number, end)
        yield
    except Terminated:
        afterwards = signal.SIG_IGN if last else signal.SIG_DFL
        raise
    finally:
        for number in unanswered:
            signal.signal(number, afterwards)


@contextlib.contextmanager
def deaf_to_interrupts() -> Iterator[None]:
    """Let the run be put in order even if Ctrl-C is pressed again, or the system asks again."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    answered = (number for number in (signal.SIGINT, *_REQUESTS_TO_END) if signal.getsignal(number) is not None)
    before = {number: signal.signal(number, signal.SIG_IGN) for number in answered}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def interrupts_held_back() -> Iterator[None]:
    """Hold Ctrl-C, SIGTERM and SIGHUP back for a moment, where the system can: no process is started by half."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
