"""How long a run still takes, from how long what is done of it took.

Conventions. An estimate supposes that what is left goes as what was done since it was first heard of; what was there
before, as in a run that is resumed, tells nothing of the pace. Claims are of very unequal length, so that nothing is
said of a run before some of them are finished, and nothing of what is not begun to be counted.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

FEWEST_CLAIMS = 5
"""So many claims are finished before their pace says something."""


@dataclass
class _Count:
    """Things of one kind: how many there are, how many are done, and how many of them when first heard of."""

    since: float
    first: int
    done: int
    total: int

    def left(self, now: float) -> float | None:
        """Seconds that the rest takes, at the pace so far; None where nothing was seen to be done."""
        seen = self.done - self.first
        return None if seen < 1 else (now - self.since) / seen * (self.total - self.done)


class Pace:
    """Counts what is done of a run, and estimates the seconds that are left.

    Args:
        claims: How many are to be checked.
        clock: Seconds since some moment.

    Examples:
        >>> moments = iter([0.0, 10.0, 14.0, 14.0])
        >>> pace = Pace(2, clock=lambda: next(moments))
        >>> pace.items_done("a.b", "networks", 3, 8)  # three were there before, at 10 s
        >>> pace.items_done("a.b", "networks", 5, 8)
        >>> pace.items_left("a.b", "networks")
        6.0
    """

    def __init__(self, claims: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._claims = _Count(clock(), 0, 0, claims)
        self._items: dict[str, dict[str, _Count]] = {}

    def items_done(self, claim: str, purpose: str, done: int, total: int) -> None:
        """Take note of how many items of a purpose are done."""
        count = self._items.setdefault(claim, {}).setdefault(purpose, _Count(self._clock(), done, done, total))
        count.done, count.total = done, total

    def claim_finished(self, claim: str) -> None:
        """Take note that a claim is finished."""
        self._items.pop(claim, None)
        self._claims.done += 1

    def items_left(self, claim: str, purpose: str) -> float | None:
        """Seconds that the items of a purpose still take; None where nothing can be said."""
        count = self._items.get(claim, {}).get(purpose)
        return None if count is None else count.left(self._clock())

    def run_left(self) -> float | None:
        """Seconds that the run still takes, no less than any items that are counted; None where nothing can be said."""
        now = self._clock()
        if self._claims.done < FEWEST_CLAIMS:
            return None
        counted = [self._claims]
        for counts in list(self._items.values()):  # lists, since bars are drawn by a thread of their own
            counted += list(counts.values())
        return max(left for left in (count.left(now) for count in counted) if left is not None)


def in_words(seconds: float | None) -> str:
    """Return an estimate in words, no more precise than it is; nothing where there is none or it is over.

    Examples:
        >>> [in_words(seconds) for seconds in (None, 0.0, 40.0, 130.0, 3000.0, 20000.0)]
        ['', '', 'under a minute left', 'about 2 min left', 'about 50 min left', 'about 6 h left']
    """
    if not seconds:
        return ""
    if seconds < 60:
        return "under a minute left"
    minutes = seconds / 60
    return f"about {minutes:.0f} min left" if minutes < 90 else f"about {minutes / 60:.0f} h left"
