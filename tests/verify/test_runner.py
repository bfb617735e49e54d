import threading
from pathlib import Path
from typing import Any

import pytest

from verify import provenance
from verify.pool import ProcessPool, open_pool
from verify.refusal import BadInputError
from verify.report.console import summary_lines
from verify.request import Request
from verify.runner import Silence, execute, exit_code
from verify.store import Record, RunFolder


class Ear(Silence):
    """Notes which claims are computed."""

    def __init__(self) -> None:
        self.computed: list[str] = []
        self.finished: list[str] = []

    def run_started(self, folder: RunFolder, claims: Any, finished: Any) -> None:
        self.finished = list(finished)

    def claim_finished(self, record: Record) -> None:
        self.computed.append(record["id"])


def numbers(folder: RunFolder, claim: str) -> Any:
    """Return everything a claim found, and none of what a clock says."""
    record = folder.claim(claim)
    return record["verdict"], record["findings"], record["figures"]


@pytest.mark.parametrize(
    ("claim", "outcome", "as_expected"),
    [
        ("kinds.supported", "SUPPORTED", True),
        ("kinds.erratum", "REFUTED", True),
        ("kinds.certified", "CERTIFIED", True),
        ("kinds.open", "UNDECIDED", True),
        ("kinds.surprise", "SUPPORTED", False),
        ("kinds.deferred", "DEFERRED", True),
        ("kinds.skipped", "SKIPPED", True),
        ("kinds.error", "ERROR", False),
        ("kinds.empty", "ERROR", False),
        ("kinds.exit", "ERROR", False),
    ],
)
def test_a_claim_of_every_kind_comes_out_as_it_should(
    finished: RunFolder, claim: str, outcome: str, as_expected: bool
) -> None:
    record = finished.claim(claim)
    assert (record["verdict"] or record["status"], record["as_expected"]) == (outcome, as_expected)
    assert bool(record["why_not"]) is not as_expected


def test_a_failing_check_keeps_its_findings_and_its_traceback(finished: RunFolder) -> None:
    record = finished.claim("kinds.error")
    assert [finding["verdict"] for finding in record["findings"]] == ["SUPPORTED"]
    assert record["error"]["type"] == "ZeroDivisionError"
    assert "fell off the table" in record["error"]["traceback"]
    assert (finished.path / "partial" / "kinds.error" / "draws").is_dir()


def test_a_finished_run_is_complete_and_keeps_no_single_items(finished: RunFolder) -> None:
    assert finished.manifest["state"] == "complete"
    assert (finished.path / "report.html").exists()
    assert [path.name for path in (finished.path / "partial").iterdir()] == ["kinds.error"]  # to be tried again


def test_a_deferred_finding_keeps_what_it_would_have_said(finished: RunFolder) -> None:
    (finding,) = finished.claim("kinds.deferred")["findings"]
    assert (finding["status"], finding["verdict"], finding["would_be"]) == ("DEFERRED", None, "SUPPORTED")
    assert finding["decided_from"] == "standard"


def test_the_stored_command_makes_the_claim_again(finished: RunFolder, kinds: Path) -> None:
    command = finished.claim("kinds.open")["command"]
    assert command == f"lossproof run kinds.open --profile quick --seed 0 --claims {kinds}"


def test_spawned_processes_find_the_same_numbers(finished: RunFolder, tmp_path: Path, kinds: Path) -> None:
    request = Request(patterns=("kinds.supported", "kinds.erratum"), claim_files=(kinds,), out=tmp_path / "a", jobs=2)
    folder = execute(request)
    for claim in request.patterns:
        assert numbers(folder, claim) == numbers(finished, claim)


def test_workers_that_check_whole_claims_find_the_same_numbers(
    finished: RunFolder, tmp_path: Path, kinds: Path
) -> None:
    ear = Ear()
    folder = execute(Request(claim_files=(kinds,), out=tmp_path / "a", jobs=2, device="cpu"), ear)
    assert sorted(ear.computed) == sorted(folder.claim_ids) == sorted(finished.claim_ids)
    for claim in folder.claim_ids:
        assert numbers(folder, claim) == numbers(finished, claim)
        assert folder.claim(claim)["why_not"] == finished.claim(claim)["why_not"]
        assert folder.arrays(claim).keys() == finished.arrays(claim).keys()
    assert folder.manifest["state"] == "complete"
    assert [path.name for path in (folder.path / "partial").iterdir()] == ["kinds.error"]


def test_a_claim_that_kills_its_worker_is_an_error_and_the_others_are_checked(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    fine = DEADLY[DEADLY.index('@claim("mine.fine"') :]
    file.write_text(DEADLY + "".join(fine.replace("fine", f"fine{number}") for number in range(3)))
    folder = execute(Request(claim_files=(file,), out=tmp_path / "run", jobs=2))
    assert folder.claim("mine.deadly")["error"]["type"] == "BrokenProcessPool"
    others = [folder.claim(claim)["verdict"] for claim in folder.claim_ids if claim != "mine.deadly"]
    assert others == ["SUPPORTED"] * 4


def test_a_cluster_finds_the_same_numbers(finished: RunFolder, tmp_path: Path, kinds: Path, cluster: str) -> None:
    request = Request(
        patterns=("kinds.supported", "kinds.error"), claim_files=(kinds,), out=tmp_path / "a", scheduler=cluster
    )
    folder = execute(request)
    for claim in request.patterns:
        assert numbers(folder, claim) == numbers(finished, claim)
    assert folder.manifest["scheduler"] == cluster


def test_another_seed_gives_other_numbers(finished: RunFolder, tmp_path: Path, kinds: Path) -> None:
    folder = execute(Request(patterns=("kinds.supported",), claim_files=(kinds,), out=tmp_path / "a", seed=1))
    assert numbers(folder, "kinds.supported") != numbers(finished, "kinds.supported")


def test_an_unchanged_run_is_not_computed_again(small: RunFolder) -> None:
    before = {path: path.stat().st_mtime_ns for path in small.path.rglob("*.*")}
    ear = Ear()
    execute(Request(out=small.path, resume=True), ear)
    assert (ear.computed, ear.finished) == ([], ["kinds.certified"])
    before.pop(small.path / ".lock")
    assert before == {path: path.stat().st_mtime_ns for path in before}


def test_a_run_grows_by_further_claims(small: RunFolder) -> None:
    ear = Ear()
    folder = execute(Request(out=small.path, resume=True, patterns=("kinds.s*",)), ear)
    assert ear.computed == ["kinds.supported", "kinds.surprise", "kinds.skipped"]
    assert folder.claim_ids == ["kinds.supported", "kinds.certified", "kinds.surprise", "kinds.skipped"]
    again = Ear()
    execute(Request(out=small.path, resume=True), again)
    assert again.computed == ["kinds.skipped"]  # what was missing may be there now


def test_a_report_that_is_missing_is_written(small: RunFolder) -> None:
    (small.path / "report.html").unlink()
    ear = Ear()
    execute(Request(out=small.path, resume=True), ear)
    assert ear.computed == []
    assert (small.path / "report.html").exists()


def test_without_dask_a_scheduler_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "distributed", None)
    with pytest.raises(BadInputError, match=r"python -m pip install -e '\.\[distributed\]'"):
        open_pool(scheduler="tcp://127.0.0.1:1")


def test_skipped_checks_fail_only_if_strict(finished: RunFolder) -> None:
    records = [finished.claim(claim) for claim in ("kinds.skipped", "kinds.deferred", "kinds.open")]
    assert exit_code(records) == 0
    assert exit_code(records, strict=True) == 1
    assert exit_code([finished.claim("kinds.surprise")]) == 1


def test_a_worker_that_dies_is_an_error_and_the_pool_recovers(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(DEADLY)
    folder = execute(Request(claim_files=(file,), out=tmp_path / "run", jobs=2))
    assert folder.claim("mine.deadly")["error"]["type"] == "BrokenProcessPool"
    assert folder.claim("mine.fine")["verdict"] == "SUPPORTED"
    assert not [thread for thread in threading.enumerate() if "Executor" in type(thread).__name__]


DEADLY = '''
import os
from verify import *

def live(*, k):
    if k == 3:
        os._exit(9)
    return {"k": float(k)}

def check(bench, items):
    found = [run["k"] for run in bench.map("lives", live, [{"k": k} for k in items])]
    yield Agrees("lives", measured=found, predicted=items, tolerance=0.1, reason="by hand", rival=Rival("no", [9.0]*2))

source = Source(Reference("me", "Me", 2026, "Mine"), "eq. 1")

@claim("mine.deadly", source=source, expects={Verdict.SUPPORTED})
def deadly(bench):
    """A worker dies."""
    yield from check(bench, [1, 3])

@claim("mine.fine", source=source, expects={Verdict.SUPPORTED})
def fine(bench):
    """All workers live."""
    yield from check(bench, [1, 2])
'''


@pytest.mark.parametrize("jobs", [1, 2])
def test_items_are_computed_by_one_thread_and_the_process_keeps_its_own(tmp_path: Path, jobs: int) -> None:
    import torch

    file = tmp_path / "mine.py"
    file.write_text(THREADS)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        folder = execute(Request(claim_files=(file,), out=tmp_path / "run", jobs=jobs))
        assert folder.claim("mine.threads")["verdict"] == "SUPPORTED"
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


THREADS = '''
from verify import *

def count(*, k):
    import torch
    return {"threads": torch.get_num_threads()}

@claim("mine.threads", source=Source(Reference("me", "Me", 2026, "Mine"), "eq. 1"), expects={Verdict.SUPPORTED})
def threads(bench):
    """One thread an item."""
    found = [run["threads"] for run in bench.map("threads", count, [{"k": 1}, {"k": 2}])]
    yield Agrees("threads", measured=found, predicted=[1, 1], tolerance=0, reason="counts", rival=Rival("2", [2, 2]))
'''


def test_a_pool_is_closed_twice_without_harm() -> None:
    pool = ProcessPool(2)
    pool.close()
    pool.close(abandon=True)


def test_a_floor_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provenance.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(BadInputError, match=r"the package theory must stand beside verify in .*, and nothing is found"):
        provenance.check_floors()


RUDE = """
@claim("mine.rude", source=Source(Reference("me", "Me", 2026, "Mine"), "eq. 2"), expects={Verdict.SUPPORTED})
def rude(bench):
    'A check that the runner must survive.'
    import os
    DEED
    yield from one.check(bench)
"""


@pytest.mark.parametrize(
    ("deed", "verdict", "told"),
    [
        ("os.chdir('/')", "SUPPORTED", ""),
        ("os.fork()", "SUPPORTED", ""),
        ("raise GeneratorExit('out')", "ERROR", "The check failed: GeneratorExit: out"),
        ("next(iter(()))", "ERROR", "The check failed: RuntimeError: generator raised StopIteration"),
        ("bench.figure('f', title='', x='', y='').histogram([float('nan')], 'nothing')", "SUPPORTED", ""),
        (r"raise ValueError('\ud800\x1b[31m')", "ERROR", "The check failed: ValueError: ?\x1b[31m"),
    ],
)
def test_a_rude_check_harms_neither_the_run_nor_what_comes_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, one_claim: str, deed: str, verdict: str, told: str
) -> None:
    (tmp_path / "mine.py").write_text(one_claim + RUDE.replace("DEED", deed))
    monkeypatch.chdir(tmp_path)
    folder = execute(Request(claim_files=(Path("mine.py"),), out=Path("run")))
    assert Path.cwd() == tmp_path
    assert [folder.claim(name)["verdict"] for name in ("mine.one", "mine.rude")] == ["SUPPORTED", verdict]
    assert folder.claim("mine.rude")["why_not"] == told
    assert folder.manifest["state"] == "complete"
    assert (tmp_path / "run" / "report.html").exists()
    assert "\x1b" not in "".join(summary_lines(folder.records()))


def test_a_full_disk_ends_a_run_in_one_sentence_and_keeps_what_is_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kinds: Path
) -> None:
    save = RunFolder.save_claim

    def full_after_one(folder: RunFolder, record: Any, arrays: Any) -> None:
        if record["id"] == "kinds.certified":
            raise OSError(28, "No space left on device")
        save(folder, record, arrays)

    monkeypatch.setattr(RunFolder, "save_claim", full_after_one)
    request = Request(patterns=("kinds.supported", "kinds.certified"), claim_files=(kinds,), out=tmp_path / "run")
    with pytest.raises(BadInputError, match=r"got .*run: No space left on device; what is finished is kept"):
        execute(request)
    monkeypatch.undo()
    folder = RunFolder.open(tmp_path / "run")
    assert folder.manifest["state"] == "interrupted"
    assert len(folder.records()) == 1
    assert execute(Request(out=folder.path, resume=True)).manifest["state"] == "complete"
