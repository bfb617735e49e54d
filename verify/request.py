"""What a run is asked for: which claims, on what, and the folder that answers, a new one or one to go on with.

Whatever cannot be met is refused here, in one sentence, before anything is computed or made.
"""

import difflib
import fnmatch
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import cast, get_args

from verify import provenance
from verify.ledger import Claim, ClaimFileError, claims_from_file, discover
from verify.refusal import BadInputError
from verify.statements import notes_on
from verify.store import SCHEMA_VERSION, Record, RunFolder, latest_run
from verify.workbench import Profile

RUNS = Path("runs")


@dataclass(frozen=True, kw_only=True)
class Request:
    """What to run. None means: as the resumed run has it, or the usual value (quick, auto, seed 0, a new folder).

    Args:
        patterns: Ids or globs of ids; none means all claims, or those of the claim files if there are any.
        profile: ``"quick"``, ``"standard"`` or ``"full"``.
        device: ``"auto"``, ``"cpu"`` or ``"cuda"``.
        jobs: Number of processes that check claims or compute their items; 1 does all in this one.
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


def fresh_run(request: Request) -> tuple[RunFolder, tuple[Claim, ...]]:
    """Return a new run, with the claims that are wanted.

    Raises:
        BadInputError: If something of the request cannot be met, or the folder holds a run already.
    """
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


def resumed_run(request: Request) -> tuple[RunFolder, tuple[Claim, ...]]:
    """Return a run that exists, with the claims that are wanted of it, or the reason why it cannot go on.

    Raises:
        BadInputError: If source, versions, seed, profile, device or claim files are not those of the run; what to do
            is said where that is not to give another option.
    """
    folder = RunFolder.open(request.out or latest_run(RUNS))
    manifest = folder.manifest
    rule = f"a run is resumed only under what it was started with, and {folder.path}"
    anew = f"start it anew, in another folder, by {manifest['command']}"
    here, there = provenance.versions(), manifest["versions"]
    for name in sorted({*here, *there}):
        installed, before = here.get(name, "not installed"), there.get(name, "not installed")
        if installed != before:
            raise BadInputError(f"{rule} has {name} {before}, got {installed}: {anew}, or go on where {before} is.")
    if manifest["source_hash"] != provenance.source_hash():
        raise BadInputError(
            f"{rule} has source {manifest['source_hash']}, got {provenance.source_hash()}: the files of this package"
            f" have changed since; {anew}, or go on with the package as it was."
        )
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
