"""Items that change hands: a worker that checks a whole claim offers those of its `map`, and idle workers take some.

Claims are of very unequal length. When none is left to begin, the workers without one help those that still check. An
exchange is a folder outside the run, and is closed by removing it. An offer is a folder in it, with ``offer.json`` (the
function, the items by key, where results are kept) and an empty file for every item that somebody has taken, which only
one process can make. The owner takes items from the front, helpers take them from the back; either keeps results where
the claim looks for them, so that a killed run loses what was in flight and nothing else. Help is never needed: without
an exchange, or where one is lost on the way, an owner computes all by itself.
"""

import contextlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path

from verify.functions import FunctionName, Item
from verify.partial import PartialResults
from verify.pool import computed
from verify.store import write_json

_OFFER = "offer.json"
_PAUSE = 0.1  # seconds between two looks at what others do
_NEWS = 1.0  # seconds between two notes of how far a claim is
_PREFIX = "lossproof-exchange-"
_STALE = 86400.0  # seconds after which an exchange that nobody has touched was left by a run that was killed
_NOWHERE = Path(os.devnull) / _PREFIX

News = Callable[[str, str, int, int], None]


class Exchange:
    """The folder, as the process that hands out claims sees it; there is none where no temporary one can be made."""

    def __init__(self) -> None:
        self.folder = _NOWHERE
        with contextlib.suppress(OSError):
            self.folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
            _sweep(self.folder.parent)

    def close(self) -> None:
        """Remove the folder, at which helpers go home."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def clear(self) -> None:
        """Take back every offer, since workers have died and nobody knows over which item."""
        for offer in self.folder.glob(f"*/{_OFFER}"):
            shutil.rmtree(offer.parent, ignore_errors=True)

    def tell(self, news: News) -> None:
        """Call ``news(claim, purpose, done, total)`` for every claim of which workers have left a new note."""
        for note in self.folder.glob("*.note"):
            with contextlib.suppress(FileNotFoundError):  # somebody has cleared the temporary folders
                record = json.loads(note.read_text(encoding="utf-8"))
                note.unlink()
                news(record["claim"], record["purpose"], record["done"], record["total"])


class SharingPool:
    """One item after another, in this process, with as much help as there is.

    Args:
        exchange: The folder.
        claim: The claim whose items these are.
    """

    def __init__(self, exchange: Path, claim: str) -> None:
        self._exchange = exchange
        self._claim = claim
        self._noted = time.monotonic()

    def compute(
        self, function: FunctionName, items: Mapping[str, Item], results: PartialResults, completed: Callable[[], None]
    ) -> None:
        """Compute all items, or have them computed."""
        with _offered(self._exchange, self._claim, function, items, results) as offer:
            waiting = dict(items)
            while waiting:
                before = len(waiting)
                for key, item in items.items():
                    if key not in waiting or not (results.has(key) or _kept(offer, key)):
                        continue
                    if not results.has(key):
                        results.save(key, function, item, computed(function, item))
                    del waiting[key]
                    completed()
                if len(waiting) == before:
                    time.sleep(_PAUSE)

    def note(self, purpose: str, done: int, total: int) -> None:
        """Leave a note of how far the claim is, now and then."""
        if time.monotonic() - self._noted >= _NEWS:
            self._noted = time.monotonic()
            record = {"claim": self._claim, "purpose": purpose, "done": done, "total": total}
            with contextlib.suppress(OSError):
                write_json(self._exchange / f"{self._claim}.note", record)

    def close(self, *, abandon: bool = False) -> None:
        """Do nothing."""


def assist(exchange: Path) -> None:
    """Compute items that others offer, in a worker, until the exchange is closed."""
    failed: set[str] = set()
    while exchange.is_dir():
        if not _helped(exchange, failed):
            time.sleep(_PAUSE)


def _helped(exchange: Path, failed: set[str]) -> bool:
    """Compute one item of any offer; tell whether there was one."""
    for path in sorted(exchange.glob(f"*/{_OFFER}")):
        with contextlib.suppress(FileNotFoundError):  # the owner is through
            record = json.loads(path.read_text(encoding="utf-8"))
            function, results = FunctionName(**record["function"]), PartialResults(Path(record["results"]))
            for key, item in reversed(record["items"].items()):
                if key in failed or results.has(key) or not _taken(path.parent, key):
                    continue
                try:
                    results.save(key, function, item, computed(function, item))
                except BaseException:  # SystemExit too: the owner tries it again, and says what is wrong with it
                    failed.add(key)
                    (path.parent / key).unlink()
                return True
    return False


@contextlib.contextmanager
def _offered(
    exchange: Path, claim: str, function: FunctionName, items: Mapping[str, Item], results: PartialResults
) -> Iterator[Path]:
    """Offer items for as long as they are worked on."""
    offer = _NOWHERE
    with contextlib.suppress(OSError):
        offer = Path(tempfile.mkdtemp(prefix=f"{claim}-", dir=exchange))
        if len(items) > 1:
            record = {"function": asdict(function), "items": dict(items), "results": str(results.folder)}
            write_json(offer / _OFFER, record)
    try:
        yield offer
    finally:
        shutil.rmtree(offer, ignore_errors=True)


def _kept(offer: Path, key: str) -> bool:
    """Take an item for its owner, to whom all are left where nothing can be offered."""
    try:
        return _taken(offer, key)
    except OSError:
        return True


def _taken(offer: Path, key: str) -> bool:
    """Take an item for this process, unless another has it."""
    try:
        (offer / key).touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


def _sweep(place: Path) -> None:
    """Remove what killed runs have left behind."""
    for left in place.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):
            if time.time() - left.stat().st_mtime > _STALE:
                shutil.rmtree(left, ignore_errors=True)
