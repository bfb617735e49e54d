"""What the tests of the top floor share: claims of every kind, run once."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from verify.request import Request
from verify.runner import execute
from verify.store import RunFolder

KINDS = Path(__file__).with_name("claims_of_every_kind.py")
ROOT = Path(__file__).parents[2]

Command = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def kinds() -> Path:
    return KINDS


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """An undisturbed serial run of the claims of every kind. Not to be changed."""
    out = tmp_path_factory.mktemp("finished") / "run"
    return execute(Request(claim_files=(KINDS,), out=out, device="cpu"))


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """The address of a dask cluster of two worker processes."""
    from distributed import LocalCluster

    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0") as local:
        yield local.scheduler_address


@pytest.fixture
def small(tmp_path: Path, kinds: Path) -> RunFolder:
    """A finished run of one cheap claim."""
    return execute(Request(patterns=("kinds.certified",), claim_files=(kinds,), out=tmp_path / "run", seed=5))


@pytest.fixture(scope="session")
def one_claim() -> str:
    """The text of a file with one claim, which is supported."""
    return KINDS.with_name("one_claim.py").read_text()


@pytest.fixture
def lossproof(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    """The command, in this process: returns exit code, output and error text."""

    def run(*words: str | Path) -> "subprocess.CompletedProcess[str]":
        from verify.cli import main

        monkeypatch.setattr(sys, "argv", ["lossproof", *map(str, words)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        code = ended.value.code
        captured = capsys.readouterr()
        return subprocess.CompletedProcess(words, 0 if code is None else int(code), captured.out, captured.err)

    return run


@pytest.fixture
def start(tmp_path: Path) -> Callable[..., "subprocess.Popen[str]"]:
    """Start the command as a process group of its own, in an empty folder, as from a terminal.

    Tests that run in the background or under nohup ignore signals, and what they start would inherit that.
    """

    def heed_signals() -> None:
        for number in (signal.SIGHUP, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)

    def popen(*words: str | Path, **environment: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-m", "verify", *map(str, words)],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            preexec_fn=heed_signals,
        )

    return popen
