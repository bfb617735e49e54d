"""Running claims, with what came out stored as it comes, whatever interrupts it.

There is one pool a run. Many claims go to its processes whole, since much of what a claim does is no item of
`Workbench.map`, and the workers would wait for this process; a worker that finds none left helps with the items of the
others. Fewer claims, and those that lost their worker, are checked one after another in this process, and their items
go to the pool. A claim that fails is a finding like any other: its traceback is stored and the run goes on.
"""

import functools
import importlib
import json
import os
import shlex
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from numpy.typing import NDArray

from verify import provenance
from verify.comparison import Finding, skipped
from verify.interruption import Terminated, deaf_to_interrupts, terminable
from verify.ledger import Claim, Outcome, load_claim_file, loaded_claim_file
from verify.pool import Pool, ProcessPool, open_pool
from verify.refusal import BadInputError, MissingRequirementError
from verify.request import Request, fresh_run, resumed_run
from verify.sharing import Exchange, SharingPool, assist
from verify.store import SCHEMA_VERSION, Record, RunFolder
from verify.workbench import Progress, Workbench


class Listener(Protocol):
    """Hears how a run goes."""

    def run_started(self, folder: RunFolder, claims: Sequence[str], finished: Sequence[str]) -> None:
        """The run has a folder; ``claims`` will be computed, ``finished`` are there already."""

    def claim_started(self, claim: str) -> None:
        """A claim's check begins."""

    def items_done(self, claim: str, purpose: str, done: int, total: int) -> None:
        """So many items of a purpose of a claim are there."""

    def claim_finished(self, record: Record) -> None:
        """A claim is finished and stored."""

    def run_ended(self) -> None:
        """Nothing more will be heard."""


class Silence:
    """A listener that keeps quiet."""

    def run_started(self, folder: RunFolder, claims: Sequence[str], finished: Sequence[str]) -> None:
        """Do nothing."""

    def claim_started(self, claim: str) -> None:
        """Do nothing."""

    def items_done(self, claim: str, purpose: str, done: int, total: int) -> None:
        """Do nothing."""

    def claim_finished(self, record: Record) -> None:
        """Do nothing."""

    def run_ended(self) -> None:
        """Do nothing."""


def execute(request: Request, listener: Listener | None = None) -> RunFolder:
    """Run claims, store them, and write the report.

    Returns:
        The run on disk, complete.

    Raises:
        BadInputError: If the request cannot be met; nothing that existed is touched.
        KeyboardInterrupt: If interrupted; the run is on disk, marked so, and can be resumed.
        Terminated: If the system asked this process to end (SIGTERM, SIGHUP) and nobody else answers that; as above.
    """
    with terminable():
        return _execute(request, listener or Silence())


def _execute(request: Request, listener: Listener) -> RunFolder:
    """Run claims, store them, and write the report."""
    provenance.check_floors()
    pool = open_pool(jobs=request.jobs, scheduler=request.scheduler)
    try:
        folder, claims = resumed_run(request) if request.resume else fresh_run(request)
        with folder.locked():
            missing = [claim for claim in claims if not _is_settled(folder, claim.id)]
            if missing or folder.manifest["state"] != "complete" or not (folder.path / "report.html").exists():
                try:
                    _run(folder, missing, pool, listener)
                except OSError as error:  # of the store: what happens in a check is a finding
                    raise BadInputError(
                        f"out must be a folder that can be written, got {folder.path}: {error.strerror or error};"
                        " what is finished is kept, and --resume goes on with it."
                    ) from error
                from verify.report.html import write_report

                write_report(folder.path, pool=pool if isinstance(pool, ProcessPool) else None)
            else:
                listener.run_started(folder, [], folder.claim_ids)
                listener.run_ended()
    finally:
        pool.close()
    return folder


def _run(folder: RunFolder, claims: Sequence[Claim], pool: Pool, listener: Listener) -> None:
    """Compute claims and store them; whatever happens, the manifest says how it ended."""
    begun, before = time.monotonic(), float(folder.manifest["seconds"])
    whole = False
    try:
        folder.manifest["state"] = "running"
        folder.save_manifest()
        computing = [claim.id for claim in claims]
        listener.run_started(folder, computing, [i for i in folder.claim_ids if i not in computing])
        for record in _checked(folder, claims, pool, listener):
            listener.claim_finished(record)
        whole = True
    finally:
        with deaf_to_interrupts():
            if not whole:
                pool.close(abandon=True)
            folder.forget_empty_partial()
            finished = whole and all(folder.has_claim(claim) for claim in folder.claim_ids)
            folder.manifest["state"] = "complete" if finished else "interrupted"
            folder.manifest["seconds"] = round(before + time.monotonic() - begun, 3)
            folder.save_manifest()
            listener.run_ended()


def _checked(folder: RunFolder, claims: Sequence[Claim], pool: Pool, listener: Listener) -> Iterator[Record]:
    """Check claims, on the workers where there are many, and yield each record when it is stored."""
    unchecked = list(claims)
    if isinstance(pool, ProcessPool) and len(claims) >= 2 * pool.jobs:
        for claim, checked in _checked_by_workers(folder, claims, pool, listener):
            unchecked.remove(claim)
            yield _stored(folder, *checked)
    for claim in unchecked:
        listener.claim_started(claim.id)
        progress = functools.partial(listener.items_done, claim.id)
        yield _stored(folder, *_check(folder, claim, pool, progress))


def _checked_by_workers(
    folder: RunFolder, claims: Sequence[Claim], pool: ProcessPool, listener: Listener
) -> "Iterator[tuple[Claim, _Checked]]":
    """Check claims whole on the workers; those that are missing in the end were in flight when a worker died."""
    exchange, whole = Exchange(), False
    try:
        tasks = [(_Task(folder.path.absolute(), folder.manifest, *_place(claim), exchange.folder),) for claim in claims]
        for place, checked in pool.compute_tasks(
            _check_as_told,
            tasks,
            lambda place: listener.claim_started(claims[place].id),
            assist=functools.partial(assist, exchange.folder),
            tick=lambda: exchange.tell(listener.items_done),
        ):
            if checked is None:  # it is found out later by which claim
                exchange.clear()
            else:
                yield claims[place], checked
        whole = True
    finally:
        with deaf_to_interrupts():
            if not whole:
                pool.close(abandon=True)  # first: a worker that goes on would write into the exchange
            exchange.close()


class _Task(NamedTuple):
    """A claim as it travels to a worker: where it stands, and the run that it belongs to."""

    folder: Path
    manifest: Record
    module: str
    file: Path | None
    claim: str
    exchange: Path


def _place(claim: Claim) -> tuple[str, Path | None, str]:
    """Return the module, the file if it was given by ``--claims``, and the id."""
    module = claim.check.__module__
    return module, loaded_claim_file(module), claim.id


def _check_as_told(task: _Task) -> "_Checked":
    """Check one claim in a worker."""
    module = load_claim_file(task.file) if task.file else importlib.import_module(task.module)
    (claim,) = (found for found in vars(module).values() if isinstance(found, Claim) and found.id == task.claim)
    pool = SharingPool(task.exchange, task.claim)
    return _check(RunFolder(task.folder, task.manifest), claim, pool, pool.note)


class _Checked(NamedTuple):
    """What came out of a check: a record, and the arrays of its figures."""

    record: Record
    arrays: dict[str, NDArray[Any]]


def _stored(folder: RunFolder, record: Record, arrays: dict[str, NDArray[Any]]) -> Record:
    folder.save_claim(record, arrays)
    if record["error"] is None:
        folder.forget_partial(record["id"])
    return record


def _check(folder: RunFolder, claim: Claim, pool: Pool, progress: Progress | None) -> _Checked:
    """Check one claim."""
    manifest = folder.manifest
    bench = Workbench(
        claim.id,
        folder=folder.partial_folder(claim.id).absolute(),
        profile=manifest["profile"],
        seed=manifest["seed"],
        device=manifest["device"],
        pool=pool,
        progress=progress,
    )
    begun = time.monotonic()
    process, place = os.getpid(), Path.cwd()
    findings: list[Finding] = []
    error: Record | None = None
    try:
        for finding in claim.judge(bench, manifest["profile"]):
            json.dumps(finding.to_record(), allow_nan=False)
            findings.append(finding)
    except (KeyboardInterrupt, Terminated):
        raise
    except MissingRequirementError as missing:
        findings.append(skipped(str(missing)))
    except BaseException as failure:
        error = {
            "type": type(failure).__name__,
            "message": str(failure),
            "traceback": "".join(traceback.format_exception(failure)),
        }
    if os.getpid() != process:
        os._exit(1)  # a check forked and its copy came back here: only one may go on with the run
    os.chdir(place)
    outcome = claim.conclude(findings, f"{error['type']}: {error['message']}" if error else None)
    seconds = round(time.monotonic() - begun, 3)
    record = _record(claim, manifest, outcome, findings, bench, error, seconds)
    arrays = {name: array for figure in bench.figures.values() for name, array in figure.arrays().items()}
    return _Checked(record, arrays)


def _record(
    claim: Claim,
    manifest: Mapping[str, Any],
    outcome: Outcome,
    findings: Sequence[Finding],
    bench: Workbench,
    error: Record | None,
    seconds: float,
) -> Record:
    files = "".join(f" --claims {shlex.quote(entry['path'])}" for entry in manifest["claim_files"])
    return {
        "schema": SCHEMA_VERSION,
        **claim.to_record(),
        **({"right": claim.right} if claim.right else {}),
        "verdict": str(outcome.verdict) if outcome.verdict is not None else None,
        "status": str(outcome.status),
        "as_expected": outcome.as_expected,
        "why_not": outcome.why_not,
        "seconds": seconds,
        "command": f"lossproof run {claim.id} --profile {manifest['profile']} --seed {manifest['seed']}{files}",
        "error": error,
        "findings": [finding.to_record() for finding in findings],
        "figures": [figure.record() for figure in bench.figures.values()],
    }


def _is_settled(folder: RunFolder, claim: str) -> bool:
    """Tell whether a claim is finished and would come out the same: errors and skipped checks are tried again."""
    if not folder.has_claim(claim):
        return False
    record = folder.claim(claim)
    return record["error"] is None and all(finding["status"] != "SKIPPED" for finding in record["findings"])


def exit_code(records: Sequence[Record], *, strict: bool = False, unfinished: int = 0) -> int:
    """Return 0 if every claim came out as expected, else 1, as for a run with unfinished claims; ``strict`` counts
    skipped checks as failures.
    """
    if unfinished:
        return 1
    for record in records:
        skips = any(finding["status"] == "SKIPPED" for finding in record["findings"])
        if not record["as_expected"] or (strict and skips):
            return 1
    return 0
