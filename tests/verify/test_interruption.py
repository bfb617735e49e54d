"""A run that is killed or interrupted while items are in flight goes on to the numbers of an undisturbed one."""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from verify.request import Request
from verify.runner import execute
from verify.store import RunFolder

CLAIM = "kinds.supported"
Start = Callable[..., "subprocess.Popen[str]"]


def wait_until(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds} s in vain.")
        time.sleep(0.02)


def is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    status = Path(f"/proc/{pid}/status")
    return status.exists() and "zombie" in status.read_text()


def stored(out: Path, claim: str = CLAIM) -> int:
    return len(list((out / "partial").glob(f"{claim}/draws/*.json")))


def start_slowly(start: Start, tmp_path: Path, kinds: Path, *, jobs: int) -> "subprocess.Popen[str]":
    """Start a run of 24 slow items and return it while some are stored and some in flight."""
    (tmp_path / "marks").mkdir()
    process = start(
        *("run", CLAIM, "--claims", kinds, "--out", tmp_path / "run", "--jobs", str(jobs)),
        LOSSPROOF_TEST_PACE="0.15",
        LOSSPROOF_TEST_MARKS=str(tmp_path / "marks"),
    )
    wait_until(lambda: stored(tmp_path / "run") >= 3 or process.poll() is not None)
    assert process.poll() is None, process.communicate()
    return process


def resumed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, claims: int = 1) -> RunFolder:
    """Go on, computing only what was not stored."""
    before = stored(tmp_path / "run", CLAIM if claims == 1 else "*")
    assert 3 <= before < 24 * claims
    (tmp_path / "later").mkdir()
    monkeypatch.setenv("LOSSPROOF_TEST_MARKS", str(tmp_path / "later"))
    folder = execute(Request(out=tmp_path / "run", resume=True))
    assert len(list((tmp_path / "later").iterdir())) == 24 * claims - before
    return folder


def test_a_killed_run_loses_the_items_in_flight_and_nothing_else(
    start: Start, tmp_path: Path, kinds: Path, finished: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = start_slowly(start, tmp_path, kinds, jobs=2)
    process.kill()
    process.communicate()
    workers = {int(mark.name.rpartition("-")[2]) for mark in (tmp_path / "marks").iterdir()}
    assert len(workers) == 2
    wait_until(lambda: all(is_gone(worker) for worker in workers), seconds=30)
    assert RunFolder.open(tmp_path / "run").manifest["state"] == "running"

    folder = resumed(tmp_path, monkeypatch)
    assert folder.manifest["state"] == "complete"
    assert folder.claim(CLAIM)["findings"] == finished.claim(CLAIM)["findings"]


@pytest.mark.parametrize(("jobs", "number", "code"), [(1, signal.SIGHUP, 129), (2, signal.SIGINT, 130)])
def test_ctrl_c_or_a_terminal_that_goes_away_ends_a_run_quietly_and_intact(
    start: Start,
    tmp_path: Path,
    kinds: Path,
    finished: RunFolder,
    monkeypatch: pytest.MonkeyPatch,
    jobs: int,
    number: int,
    code: int,
) -> None:
    process = start_slowly(start, tmp_path, kinds, jobs=jobs)
    os.killpg(process.pid, number)
    output, errors = process.communicate(timeout=30)
    assert process.returncode == code
    assert "Traceback" not in output + errors
    assert f"the run is intact, go on with: lossproof run --resume --out {tmp_path / 'run'}" in errors
    assert RunFolder.open(tmp_path / "run").manifest["state"] == "interrupted"

    folder = resumed(tmp_path, monkeypatch)
    assert folder.claim(CLAIM)["findings"] == finished.claim(CLAIM)["findings"]


def test_requests_to_end_end_workers_that_check_whole_claims_and_nothing_is_left_but_the_items_that_are_kept(
    start: Start, tmp_path: Path, kinds: Path, finished: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder_name in ("marks", "temporary"):
        (tmp_path / folder_name).mkdir()
    claims = (CLAIM, "kinds.erratum", "kinds.surprise", "kinds.deferred")
    process = start(
        *("run", *claims, "--claims", kinds, "--out", tmp_path / "run", "--jobs", "2"),
        LOSSPROOF_TEST_PACE="0.15",
        LOSSPROOF_TEST_MARKS=str(tmp_path / "marks"),
        TMPDIR=str(tmp_path / "temporary"),
    )
    wait_until(lambda: stored(tmp_path / "run") >= 3 or process.poll() is not None)
    assert any((tmp_path / "temporary").glob("lossproof-exchange-*"))
    for _ in range(3):  # as if in haste, and to the runner alone: it has to end its workers
        process.terminate()
        time.sleep(0.05)
    output, errors = process.communicate(timeout=30)
    assert process.returncode == 143, output + errors
    assert "Traceback" not in output + errors
    workers = {int(mark.name.rpartition("-")[2]) for mark in (tmp_path / "marks").iterdir()}
    assert process.pid not in workers
    wait_until(lambda: all(is_gone(worker) for worker in workers), seconds=30)
    assert not any((tmp_path / "temporary").glob("lossproof-exchange-*"))
    assert RunFolder.open(tmp_path / "run").manifest["state"] == "interrupted"

    folder = resumed(tmp_path, monkeypatch, claims=len(claims))
    for claim in claims:
        assert folder.claim(claim)["findings"] == finished.claim(claim)["findings"]


def test_from_python_ctrl_c_is_an_exception_and_the_run_is_marked(
    tmp_path: Path, kinds: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import verify

    (tmp_path / "marks").mkdir()
    monkeypatch.setenv("LOSSPROOF_TEST_MARKS", str(tmp_path / "marks"))
    monkeypatch.setenv("LOSSPROOF_TEST_CTRL_C", "5")
    with pytest.raises(KeyboardInterrupt):
        verify.run(CLAIM, claims=kinds, out=tmp_path / "run")
    assert RunFolder.open(tmp_path / "run").manifest["state"] == "interrupted"
    assert stored(tmp_path / "run") == 4

    monkeypatch.delenv("LOSSPROOF_TEST_CTRL_C")
    assert verify.run(out=tmp_path / "run", resume=True)[CLAIM].verdict == "SUPPORTED"
