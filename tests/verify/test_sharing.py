"""Idle workers take items off a claim that takes long, and the run is the same as without them."""

import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

import pytest

from verify.functions import FunctionName, Item, item_key
from verify.partial import PartialResults
from verify.pool import ProcessPool
from verify.request import Request
from verify.runner import Silence, execute
from verify.sharing import Exchange, SharingPool, assist
from verify.store import write_json

T = TypeVar("T")

CLAIMS = '''
import os
import time
from verify import *

def slow(*, k):
    time.sleep(0.1)
    return {"square": float(k * k), "process": os.getpid()}

def number(*, k):
    return {"square": 1.0}

source = Source(Reference("me", "Me", 2026, "Mine"), "eq. 1")

def check(runs, k):
    found = [run["square"] for run in runs]
    squares = [float(n * n) for n in k]
    rival = Rival("negative", [-9.0] * len(k))
    yield Agrees("squares", measured=found, predicted=squares, tolerance=0.1, reason="r", rival=rival)

@claim("mine.long", source=source, expects={Verdict.SUPPORTED})
def long(bench):
    """Squares take long."""
    runs = bench.map("squares", slow, [{"k": k} for k in range(20)])
    workers = [run["process"] for run in runs]
    bench.figure("who", title="Who computed", x="k", y="process").line(range(20), workers, "id")
    yield from check(runs, range(20))

'''
SHORT = '''
@claim("mine.shortNUMBER", source=source, expects={Verdict.SUPPORTED})
def shortNUMBER(bench):
    """One is one."""
    yield from check(bench.map("ones", number, [{"k": 1}]), [1])
'''
FUNCTIONS = """
import threading

def square(*, k):
    return {"square": float(k * k), "thread": threading.get_ident()}

def broken(*, k):
    raise ArithmeticError("no such number")

def leaving(*, k):
    raise SystemExit(0)
"""


class Notes(Silence):
    """Keeps what is heard of items."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, str, int, int]] = []

    def items_done(self, claim: str, purpose: str, done: int, total: int) -> None:
        self.heard.append((claim, purpose, done, total))


def test_a_worker_without_a_claim_helps_with_the_items_of_another(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(CLAIMS + "".join(SHORT.replace("NUMBER", str(number)) for number in range(3)))
    notes = Notes()
    folder = execute(Request(claim_files=(file,), out=tmp_path / "run", jobs=2, profile="standard"), notes)
    assert [folder.claim(claim)["verdict"] for claim in folder.claim_ids] == ["SUPPORTED"] * 4
    layer = folder.claim("mine.long")["figures"][0]["layers"][0]
    processes = folder.arrays("mine.long")[layer["arrays"]["y"]].tolist()
    assert len(set(processes)) == 2
    assert processes[0] != processes[-1]  # the helper comes from the back
    assert not (folder.path / "partial").exists()
    assert {(claim, purpose, total) for claim, purpose, _, total in notes.heard} == {("mine.long", "squares", 20)}


@pytest.fixture
def exchange() -> Iterator[Exchange]:
    opened = Exchange()
    yield opened
    opened.close()


@pytest.fixture
def functions(tmp_path: Path) -> Path:
    path = tmp_path / "functions.py"
    path.write_text(FUNCTIONS)
    return path


def some_items(path: Path, name: str, count: int) -> tuple[FunctionName, dict[str, Item]]:
    function = FunctionName(module=None, path=str(path), name=name)
    wanted: list[Item] = [{"k": k} for k in range(count)]
    return function, {item_key(function, item): item for item in wanted}


def test_every_item_is_computed_once_by_the_owner_or_a_helper(
    tmp_path: Path, exchange: Exchange, functions: Path
) -> None:
    function, items = some_items(functions, "square", 300)
    results, completed = PartialResults(tmp_path / "kept"), []
    helper = threading.Thread(target=assist, args=(exchange.folder,))
    helper.start()
    SharingPool(exchange.folder, "mine.claim").compute(function, items, results, lambda: completed.append(1))
    exchange.close()
    helper.join(timeout=10)
    assert not helper.is_alive()
    found: list[dict[str, Any]] = [results.load(key) for key in items]
    assert [result["square"] for result in found] == [float(k * k) for k in range(300)]
    assert len(completed) == 300


@pytest.mark.parametrize(("name", "kind"), [("broken", ArithmeticError), ("leaving", SystemExit)])
def test_what_a_helper_cannot_compute_fails_with_its_owner(
    tmp_path: Path, exchange: Exchange, functions: Path, name: str, kind: type[BaseException]
) -> None:
    function, items = some_items(functions, name, 2)
    helper = threading.Thread(target=assist, args=(exchange.folder,))
    helper.start()
    pool = SharingPool(exchange.folder, "mine.claim")
    with pytest.raises(kind) as caught:
        pool.compute(function, items, PartialResults(tmp_path / "kept"), lambda: None)
    assert kind is SystemExit or "while computing" in caught.value.__notes__[0]
    assert helper.is_alive()
    assert not list(exchange.folder.iterdir())  # nothing is offered any more
    exchange.close()
    helper.join(timeout=10)
    assert not helper.is_alive()


class Threads(ProcessPool):
    """A pool whose workers are threads, which start at once."""

    def __init__(self) -> None:
        super().__init__(2)
        self.threads = ThreadPoolExecutor(2)

    def _submit(self, work: Callable[..., T], *arguments: Any) -> "Future[T]":
        return self.threads.submit(work, *arguments)


def test_a_helper_that_leaves_takes_nobody_with_it() -> None:
    left = threading.Event()

    def leave() -> None:
        left.set()
        raise SystemExit(0)

    def work(task: int) -> bool:
        return task < 2 or left.wait(timeout=10)

    pool = Threads()
    found = dict(pool.compute_tasks(work, [(0,), (1,), (2,)], lambda _: None, assist=leave))
    pool.threads.shutdown()
    assert found == {0: True, 1: True, 2: True}


def test_an_owner_goes_on_alone_where_there_is_no_exchange(
    tmp_path: Path, functions: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    exchange = Exchange()
    assist(exchange.folder)
    function, items = some_items(functions, "square", 3)
    results, pool = PartialResults(tmp_path / "kept"), SharingPool(exchange.folder, "mine.claim")
    pool.compute(function, items, results, lambda: pool.note("squares", 1, 3))
    exchange.close()
    assert all(results.has(key) for key in items)


def test_an_owner_goes_on_alone_when_its_exchange_is_lost(tmp_path: Path, exchange: Exchange, functions: Path) -> None:
    function, items = some_items(functions, "square", 3)
    results, pool = PartialResults(tmp_path / "kept"), SharingPool(exchange.folder, "mine.claim")
    pool.compute(function, items, results, lambda: shutil.rmtree(exchange.folder, ignore_errors=True))
    assert all(results.has(key) for key in items)


def test_the_exchange_of_a_run_that_was_killed_long_ago_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    left, used = Exchange(), Exchange()
    long_ago = time.time() - 2 * 86400
    os.utime(left.folder, (long_ago, long_ago))
    Exchange().close()
    assert (left.folder.exists(), used.folder.exists()) == (False, True)


def test_items_of_a_dead_owner_are_taken_back(tmp_path: Path, exchange: Exchange, functions: Path) -> None:
    function, items = some_items(functions, "square", 3)
    offer = exchange.folder / "mine.claim-of-a-dead-owner"
    offer.mkdir()
    results = PartialResults(tmp_path / "kept")
    record = {"function": asdict(function), "items": items, "results": str(results.folder)}
    write_json(offer / "offer.json", record)
    exchange.clear()
    helper = threading.Thread(target=assist, args=(exchange.folder,))
    helper.start()
    time.sleep(0.3)
    exchange.close()
    helper.join(timeout=10)
    assert not any(results.has(key) for key in items)
