"""What the benchmarks share: runs that take turns, rows that read alike, and peers in an interpreter of their own.

A peer may need versions of its dependencies that this package does not, so it runs in a process: the interpreter that
runs the benchmark, or the one named by ``--peers PYTHON`` or by the environment variable ``LOSSPROOF_PEERS``.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

_LINE = "{:<58} {:>9} {:>8}   {:<22} {:>9} {:>8} {:>7}   {}"

_TURN = 0.02  # seconds


def by_turns(
    runs: Mapping[str, Callable[[], Any]], rounds: int, prepare: Callable[[], None] | None = None
) -> tuple[dict[str, float], dict[str, Any]]:
    """Return each run's best time in seconds, and its last result.

    A short run is repeated within its turn, since the others leave the caches cold. A run that returns a ``Timed`` was
    timed by itself. ``prepare`` runs, untimed, before every run.
    """
    best: dict[str, float] = {name: float("inf") for name in runs}
    results: dict[str, Any] = {}
    for _ in range(rounds):
        for name, run in runs.items():
            spent = 0.0
            while spent < _TURN:
                if prepare is not None:
                    prepare()
                start = time.perf_counter()
                result = run()
                seconds = time.perf_counter() - start
                if isinstance(result, Timed):
                    result, seconds = result.value, result.seconds
                results[name] = result
                best[name] = min(best[name], seconds)
                spent += seconds
    return best, results


class Timed:
    """A result that knows how long it took."""

    def __init__(self, value: Any, seconds: float) -> None:
        self.value, self.seconds = value, seconds


def duration(seconds: float) -> str:
    """Write a time with three digits."""
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e6:.3g} us"


def heading(title: str) -> None:
    """Print a title and the names of the columns."""
    print(f"\n{title}")
    print(_LINE.format("item", "ours", "error", "peer", "theirs", "error", "ratio", "target"))


def row(
    item: str,
    ours: float | str,
    error: float | None = None,
    *,
    peer: str = "",
    theirs: float | str | None = None,
    their_error: float | None = None,
    target: str = "",
    holds: bool | None = None,
) -> None:
    """Print one row; ``holds`` says whether the target is met, None where there is no telling."""
    mine = ours if isinstance(ours, str) else duration(ours)
    other = "" if theirs is None else theirs if isinstance(theirs, str) else duration(theirs)
    ratio = f"{theirs / ours:.1f}x" if isinstance(ours, float) and isinstance(theirs, float) else ""
    verdict = "" if holds is None else ": holds" if holds else ": MISSED"
    errors = ["" if value is None else f"{value:.1e}" for value in (error, their_error)]
    print(_LINE.format(item, mine, errors[0], peer, other, errors[1], ratio, target + verdict).rstrip(), flush=True)


class Peers:
    """Other packages' functions, those of ``script``, in the peers' interpreter."""

    def __init__(self, script: Path) -> None:
        parser = argparse.ArgumentParser()
        parser.add_argument("--peers", default=os.environ.get("LOSSPROOF_PEERS", sys.executable), metavar="PYTHON")
        python = parser.parse_args().peers
        self._process = subprocess.Popen(
            [python, str(script), "--serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.missing: set[str] = set()

    def __enter__(self) -> "Peers":
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()

    def has(self, name: str) -> bool:
        """Say whether a peer can be imported; say once that it is skipped if not."""
        if name in self.missing:
            return False
        if self.call("installed", name=name).value:
            return True
        print(f"{name} is not installed: skipped (extra 'peers', or --peers PYTHON)")
        self.missing.add(name)
        return False

    def call(self, function: str, **arguments: Any) -> Timed:
        """Call a function of the script."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"function": function, "arguments": arguments}) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        if "error" in answer:
            raise RuntimeError(f"{function} failed: {answer['error']}")
        return Timed(answer["value"], answer["seconds"])


def serve(functions: Mapping[str, Callable[..., Any]]) -> None:
    """Answer calls from standard input until it ends; what the peers print goes to the standard error."""
    out, sys.stdout = sys.stdout, sys.stderr
    for line in sys.stdin:
        request = json.loads(line)
        answer: dict[str, Any]
        start = time.perf_counter()
        try:
            value = functions[request["function"]](**request["arguments"])
            seconds = time.perf_counter() - start
            answer = {"value": value.tolist() if hasattr(value, "tolist") else value, "seconds": seconds}
        except Exception as failure:  # a peer's failure is a result
            answer = {"error": f"{type(failure).__name__}: {failure}"}
        out.write(json.dumps(answer) + "\n")
        out.flush()
