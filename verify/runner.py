"""Running claims: which ones, on what, where the results go, and how an interrupted run goes on.

Claims run one after another; only the items of `Workbench.map` go to the pool, of which there is one a run. A claim
that fails is a finding like any other: its traceback is stored and the run goes on.
"""

import contextlib
import difflib
import fnmatch
import json
import os
import shlex
import signal
import threading
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol, cast, get_args

from verify import provenance
from verify.comparison import Finding, skipped
from verify.ledger import Claim, ClaimFileError, Outcome, claims_from_file, discover
from verify.pool import Pool, open_pool
from verify.refusal import BadInputError, MissingRequirementError
from verify.statements import notes_on
from verify.store import SCHEMA_VERSION, Record, RunFolder, latest_run
from verify.workbench import Profile, Workbench

RUNS = Path("runs")


@dataclass(frozen=True, kw_only=True)
class Request:
    """What to run. None means: as the resumed run has it, or the usual value (quick, auto, seed 0, a new folder).

    Args:
        patterns: Ids or globs of ids; none means all claims, or those of the claim files if there are any.
        profile: ``"quick"``, ``"standard"`` or ``"full"``.
        device: ``"auto"``, ``"cpu"`` or ``"cuda"``.
        jobs: Number of processes for the items of a claim; 1 computes them in this one.
        scheduler: Address of a dask scheduler, instead of ``jobs``.
        seed: Root seed.
        out: Folder of the run.
        resume: Go on with the run in ``out``, or with the newest one.
        claim_files: Files of further claims.
    """

    patterns: tuple[str, ...] = ()
    profile: str | None = None
    device: str | None = None
    jobs: int = 1
    scheduler: str | None = None
    seed: int | None = None
    out: Path | None = None
    resume: bool = False
    claim_files: tuple[Path, ...] = ()


class Listener(Protocol):
    """Hears how a run goes."""

    def run_started(self, folder: RunFolder, claims: Sequence[str], finished: Sequence[str]) -> None:
        """The run has a folder; ``claims`` will be computed, ``finished`` are there already."""

    def claim_started(self, claim: str) -> None:
        """A claim's check begins."""

    def items_done(self, purpose: str, done: int, total: int) -> None:
        """So many items of a purpose of the present claim are there."""

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

    def items_done(self, purpose: str, done: int, total: int) -> None:
        """Do nothing."""

    def claim_finished(self, record: Record) -> None:
        """Do nothing."""

    def run_ended(self) -> None:
        """Do nothing."""


def known_claims(claim_files: Sequence[Path] = ()) -> tuple[Claim, ...]:
    """Return the claims that ship, then those of the files.

    Raises:
        BadInputError: If a file is malformed, or an id is used twice.
    """
    try:
        claims = [*discover(), *(claim for path in claim_files for claim in claims_from_file(path))]
    except ClaimFileError as error:
        raise BadInputError(str(error)) from error
    seen: set[str] = set()
    for claim in claims:
        if claim.id in seen:
            raise BadInputError(f"ids must be unique in the ledger, got {claim.id!r} twice.")
        seen.add(claim.id)
    return tuple(claims)


def selected(claims: Sequence[Claim], patterns: Sequence[str]) -> tuple[Claim, ...]:
    """Return the claims whose id matches one of the patterns, in the order of the ledger.

    Raises:
        BadInputError: If a pattern matches none, naming the nearest id.
    """
    ids = [claim.id for claim in claims]
    for pattern in patterns:
        if not fnmatch.filter(ids, pattern):
            raise BadInputError(f"id must match a claim of the ledger, got {pattern!r}{_hint(claims, pattern)}.")
    return tuple(c for c in claims if any(fnmatch.fnmatchcase(c.id, pattern) for pattern in patterns))


def _hint(claims: Sequence[Claim], pattern: str) -> str:
    """Say what a pattern that matches nothing was probably meant to be; empty where nothing is near."""
    if pattern.endswith(".py"):
        return " (a file of claims goes after --claims)"
    if pattern in {claim.theme for claim in claims}:
        return f" (did you mean {pattern + '.*'!r}?)"
    near = difflib.get_close_matches(pattern, [claim.id for claim in claims], n=1, cutoff=0.6)
    return f" (did you mean {near[0]!r}?)" if near else ""


def execute(request: Request, listener: Listener | None = None) -> RunFolder:
    """Run claims, store them, and write the report.

    Returns:
        The run on disk, complete.

    Raises:
        BadInputError: If the request cannot be met; nothing that existed is touched.
        KeyboardInterrupt: If interrupted; the run is on disk, marked so, and can be resumed.
    """
    listener = listener or Silence()
    provenance.check_floors()
    pool = open_pool(jobs=request.jobs, scheduler=request.scheduler)
    try:
        folder, claims = _resumed(request) if request.resume else _fresh(request)
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

                write_report(folder.path)
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
        for claim in claims:
            listener.claim_started(claim.id)
            record = _check(folder, claim, pool, listener)
            listener.claim_finished(record)
        whole = True
    finally:
        with _deaf_to_interrupts():
            pool.close(abandon=not whole)
            finished = whole and all(folder.has_claim(claim) for claim in folder.claim_ids)
            folder.manifest["state"] = "complete" if finished else "interrupted"
            folder.manifest["seconds"] = round(before + time.monotonic() - begun, 3)
            folder.save_manifest()
            listener.run_ended()


def _check(folder: RunFolder, claim: Claim, pool: Pool, listener: Listener) -> Record:
    """Check one claim and store what came out."""
    manifest = folder.manifest
    bench = Workbench(
        claim.id,
        folder=folder.path.absolute() / "partial" / claim.id,
        profile=manifest["profile"],
        seed=manifest["seed"],
        device=manifest["device"],
        pool=pool,
        progress=listener.items_done,
    )
    begun = time.monotonic()
    process, place = os.getpid(), Path.cwd()
    findings: list[Finding] = []
    error: Record | None = None
    try:
        for finding in claim.judge(bench, manifest["profile"]):
            json.dumps(finding.to_record(), allow_nan=False)
            findings.append(finding)
    except KeyboardInterrupt:
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
    folder.save_claim(record, arrays)
    if error is None:
        folder.forget_partial(claim.id)
    return record


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
        "id": claim.id,
        "theme": claim.theme,
        "title": claim.title,
        "statement": claim.statement,
        "source": claim.source.to_record(),
        "assumptions": list(claim.assumptions),
        "expects": [str(verdict) for verdict in sorted(claim.expects)],
        "open": claim.open,
        "erratum": claim.erratum,
        "flaw": claim.flaw if claim.erratum else None,
        "corrects": claim.corrects,
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


def _fresh(request: Request) -> tuple[RunFolder, tuple[Claim, ...]]:
    """Return a new run and its claims."""
    claims = _selection(request.claim_files, request.patterns)
    _refuse_bad_texts(claims)
    profile = _checked_profile("quick" if request.profile is None else request.profile)
    device = provenance.resolve_device("auto" if request.device is None else request.device)
    started = datetime.now(UTC)
    seed = request.seed if request.seed is not None else 0
    if seed < 0:
        raise BadInputError(f"seed must be at least 0, got {seed}.")
    ids = [claim.id for claim in claims]
    manifest: Record = {
        "schema": SCHEMA_VERSION,
        "state": "running",
        "profile": profile,
        "seed": seed,
        "device": device,
        "jobs": request.jobs,
        "scheduler": request.scheduler,
        "versions": provenance.versions(),
        "source_hash": provenance.source_hash(),
        "platform": provenance.machine(),
        "threads": provenance.thread_count(),
        "started": started.isoformat(timespec="seconds"),
        "seconds": 0.0,
        "claims": ids,
        "notes": notes_on(claims),
        "claim_files": _file_records(request.claim_files),
        "command": _command(request, profile, device, seed),
    }
    return RunFolder.create(request.out or _new_folder(started), manifest), claims


def _resumed(request: Request) -> tuple[RunFolder, tuple[Claim, ...]]:
    """Return a run that exists, with the claims that are wanted of it, or the reason why it cannot go on.

    Raises:
        BadInputError: If source, versions, seed, profile, device or claim files are not those of the run.
    """
    folder = RunFolder.open(request.out or latest_run(RUNS))
    manifest = folder.manifest
    rule = f"a run is resumed only under what it was started with, and {folder.path}"
    if manifest["source_hash"] != provenance.source_hash():
        raise BadInputError(f"{rule} has source {manifest['source_hash']}, got {provenance.source_hash()}.")
    here, there = provenance.versions(), manifest["versions"]
    for name in sorted({*here, *there}):
        installed, before = here.get(name, "not installed"), there.get(name, "not installed")
        if installed != before:
            raise BadInputError(f"{rule} has {name} {before}, got {installed}.")
    for name, given in (("profile", request.profile), ("seed", request.seed)):
        if given is not None and given != manifest[name]:
            raise BadInputError(f"{rule} has {name} {manifest[name]}, got {given}.")
    device = provenance.resolve_device(manifest["device"] if request.device is None else request.device)
    if device != manifest["device"]:
        raise BadInputError(f"{rule} has device {manifest['device']}, got {device}.")
    files = request.claim_files or tuple(Path(entry["path"]) for entry in manifest["claim_files"])
    was, now = ({entry["path"]: entry["hash"] for entry in e} for e in (manifest["claim_files"], _file_records(files)))
    if sorted(was.values()) != sorted(now.values()):
        names = [", ".join(f"{path} ({content})" for path, content in side.items()) or "none" for side in (was, now)]
        raise BadInputError(f"{rule} has claim files {names[0]}, got {names[1]}.")
    known = known_claims(files)
    wanted = selected(known, request.patterns or manifest["claims"])
    _refuse_bad_texts(wanted)
    present = {*manifest["claims"], *(claim.id for claim in wanted)}
    manifest["claims"] = [claim.id for claim in known if claim.id in present]
    manifest["notes"] = notes_on([claim for claim in known if claim.id in present])
    return folder, wanted


def _selection(claim_files: Sequence[Path], patterns: Sequence[str]) -> tuple[Claim, ...]:
    """Return the claims that are wanted; without patterns, those of the files, or all that ship."""
    known = known_claims(claim_files)
    if patterns:
        return selected(known, patterns)
    return known[len(discover()) :] if claim_files else known


def _refuse_bad_texts(claims: Sequence[Claim]) -> None:
    """Refuse claims whose statement the report could not draw, while nothing has been computed yet."""
    from verify.report.prose import refuse_bad_texts

    try:
        for claim in claims:
            refuse_bad_texts(claim)
    except ValueError as error:
        raise BadInputError(str(error)) from error


def _checked_profile(profile: str) -> Profile:
    if profile not in get_args(Profile):
        raise BadInputError(f"profile must be one of {', '.join(get_args(Profile))}, got {profile!r}.")
    return cast("Profile", profile)


def _file_records(paths: Sequence[Path]) -> list[dict[str, str]]:
    records = []
    for path in paths:
        try:
            records.append({"path": str(path.resolve()), "hash": provenance.file_hash(path)})
        except OSError:
            raise BadInputError(f"claims must name an existing Python file, got {str(path)!r}.") from None
    return records


def _new_folder(started: datetime) -> Path:
    """Return a folder that does not exist, named after the time."""
    stamp = started.astimezone().strftime("%Y-%m-%d-%H%M%S")
    folder, again = RUNS / stamp, 2
    while folder.exists():
        folder, again = RUNS / f"{stamp}-{again}", again + 1
    return folder


def _command(request: Request, profile: str, device: str, seed: int) -> str:
    """Return the command line that makes this run again."""
    words = ["lossproof", "run", *request.patterns, "--profile", profile, "--seed", str(seed), "--device", device]
    for path in request.claim_files:
        words += ["--claims", str(path.resolve())]
    return shlex.join(words)


@contextlib.contextmanager
def _deaf_to_interrupts() -> Iterator[None]:
    """Let the run be put in order even if Ctrl-C is pressed again."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


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
