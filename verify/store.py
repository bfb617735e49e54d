"""A run on disk: a folder of JSON and safetensors that anyone can read without this package.

Layout::

    run.json                      what was run, on what, with which source; its state
    claims/<id>.json              one finished claim: statement, findings, cells, figures
    claims/<id>.safetensors       the arrays of its figures
    partial/<claim>/<purpose>/    results of single items while a claim is running
    report.html                   written when the run ends

Conventions. Every file appears at once, under its name, when it is whole: a killed run leaves no half file. JSON holds
no NaN and no infinity (an unbounded end is null), nothing is pickled, and files get the permissions of the user's
umask. ``verify/store.schema.json`` describes both kinds of JSON files.
"""

import contextlib
import functools
import importlib.resources
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from verify.refusal import BadInputError

SCHEMA_VERSION = 2
"""Of ``verify/store.schema.json``; it grows whenever that asks for something else."""

Record = dict[str, Any]


def schema() -> Record:
    """Return the JSON schema of ``run.json`` and ``claims/<id>.json`` (under ``$defs``: ``run`` and ``claim``).

    Examples:
        >>> schema()["$defs"]["run"]["properties"]["state"]
        {'enum': ['running', 'interrupted', 'complete']}
    """
    text = importlib.resources.files("verify").joinpath("store.schema.json").read_text(encoding="utf-8")
    loaded: Record = json.loads(text)
    return loaded


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file so that it is there whole or not at all."""
    write_together({path: content})


def write_together(contents: Mapping[Path, bytes]) -> None:
    """Write files so that all of them are there whole, or none is touched."""
    drafts = {path: path.with_name(f".{path.name}.{os.getpid()}.draft") for path in contents}
    try:
        for path, draft in drafts.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            draft.write_bytes(contents[path])
        for path, draft in drafts.items():
            draft.replace(path)
    finally:
        for draft in drafts.values():
            draft.unlink(missing_ok=True)


def json_bytes(record: Mapping[str, Any]) -> bytes:
    """A record as the text of a JSON file; half a surrogate pair, which no file can hold, becomes a question mark.

    Raises:
        ValueError: If a number in it is not finite.
    """
    return json.dumps(record, allow_nan=False, ensure_ascii=False, indent=1).encode(errors="replace") + b"\n"


def write_json(path: Path, record: Mapping[str, Any]) -> None:
    """Write JSON atomically, as ``json_bytes`` gives it."""
    write_bytes(path, json_bytes(record))


def write_arrays(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write arrays as safetensors, atomically."""
    from safetensors.numpy import save

    native = {
        name: np.array(array, dtype=array.dtype.newbyteorder("="), order="C", copy=True)
        for name, array in arrays.items()
    }
    write_bytes(path, save(native))


def read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """Read arrays from safetensors."""
    from safetensors.numpy import load

    return dict(load(path.read_bytes()))


class RunFolder:
    """One run on disk.

    Use `RunFolder.create` or `RunFolder.open`; ``manifest`` is the content of ``run.json``.
    """

    def __init__(self, path: Path, manifest: Record) -> None:
        self.path = path
        self.manifest = manifest

    @classmethod
    def create(cls, path: Path, manifest: Record) -> "RunFolder":
        """Start a run in a folder that does not exist yet, or is empty.

        Raises:
            BadInputError: If something is there already.
        """
        try:
            if (path / "run.json").exists():
                raise BadInputError(
                    f"out must be a new folder, got {path}, which holds a run: --resume goes on with it."
                )
            if path.exists() and (not path.is_dir() or any(path.iterdir())):
                raise BadInputError(f"out must be a new or empty folder, got {path}, which is neither.")
            (path / "claims").mkdir(parents=True)
            folder = cls(path, manifest)
            folder.save_manifest()
        except OSError as error:
            raise BadInputError(f"out must be a folder that can be written, got {path}: {error.strerror}.") from error
        return folder

    @classmethod
    def open(cls, path: str | Path) -> "RunFolder":
        """Open a run that exists.

        Raises:
            BadInputError: If the folder holds no run, or its ``run.json`` cannot be read or has another schema.
        """
        folder = Path(path)
        manifest = _read_record(folder / "run.json", "run", f"run must be the folder of a run, got {path}")
        return cls(folder, manifest)

    @property
    def claim_ids(self) -> list[str]:
        """The ids of the run's claims, in order, finished or not."""
        return list(self.manifest["claims"])

    def save_manifest(self) -> None:
        """Write ``run.json``."""
        write_json(self.path / "run.json", self.manifest)

    def has_claim(self, claim: str) -> bool:
        """Tell whether a claim is finished."""
        return self._claim_path(claim).exists()

    def save_claim(self, record: Record, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Write a finished claim, its arrays first."""
        path = self._claim_path(record["id"])
        beside = self.path / "claims" / f"{record['id']}.safetensors"
        if arrays:
            write_arrays(beside, arrays)
        else:
            beside.unlink(missing_ok=True)
        write_json(path, record)

    def claim(self, claim: str) -> Record:
        """Return the record of a finished claim.

        Raises:
            BadInputError: If it is not finished, or its file cannot be read.
        """
        return _read_record(
            self._claim_path(claim), "claim", f"claim must be a finished one of {self.path}, got {claim}"
        )

    def records(self) -> list[Record]:
        """Return the records of all finished claims, in the order of the run."""
        return [self.claim(claim) for claim in self.claim_ids if self.has_claim(claim)]

    def arrays(self, claim: str) -> dict[str, NDArray[Any]]:
        """Return the arrays of a claim's figures, by the names its record gives."""
        path = self.path / "claims" / f"{claim}.safetensors"
        return read_arrays(path) if path.exists() else {}

    def partial_folder(self, claim: str) -> Path:
        """Return where the items of a claim are kept while it runs."""
        return self.path / "partial" / claim

    def forget_partial(self, claim: str) -> None:
        """Remove the single items of a claim that is finished.

        The folder of all claims stays, even if empty: a worker may be about to make that of another claim in it.
        """
        shutil.rmtree(self.partial_folder(claim), ignore_errors=True)

    def forget_empty_partial(self) -> None:
        """Remove the folder of single items, once no claim runs any more, unless one has left some to go on with."""
        with contextlib.suppress(OSError):
            (self.path / "partial").rmdir()

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the run for this process; the lock goes away with the process, however it ends.

        Raises:
            BadInputError: If another process holds it.
        """
        try:
            import fcntl
        except ImportError:  # no advisory locks on this system
            yield
            return
        with (self.path / ".lock").open("w") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise BadInputError(f"run must not be in use, got {self.path}, which is running.") from None
            yield

    def _claim_path(self, claim: str) -> Path:
        return self.path / "claims" / f"{claim}.json"


def latest_run(parent: Path) -> Path:
    """Return the newest run below a folder, by the time it was started.

    Raises:
        BadInputError: If there is none.
    """
    started: list[tuple[str, Path]] = []
    for manifest in parent.glob("*/run.json"):
        with contextlib.suppress(BadInputError):
            started.append((str(RunFolder.open(manifest.parent).manifest["started"]), manifest.parent))
    if not started:
        raise BadInputError(f"there must be a run to resume, and {parent} holds none: name one by --out.")
    return max(started)[1]


@functools.cache
def _required(kind: str) -> list[str]:
    return list(schema()["$defs"][kind]["required"])


def _read_record(path: Path, kind: str, rule: str) -> Record:
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BadInputError(f"{rule}: {path.name} is missing.") from None
    except NotADirectoryError:
        raise BadInputError(f"{kind} must be a folder, got the file {path.parent}.") from None
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise BadInputError(f"{rule}: {path.name} cannot be read ({error}).") from error
    if not isinstance(record, dict) or record.get("schema") != SCHEMA_VERSION:
        found = record.get("schema") if isinstance(record, dict) else None
        raise BadInputError(
            f"{rule}: {path.name} must have schema {SCHEMA_VERSION}, got {found}; what another version of this package "
            "stored can be read by that version, and gone on with by it; with this one, start anew in another folder."
        )
    missing = [name for name in _required(kind) if name not in record]
    if missing:
        raise BadInputError(f"{rule}: {path.name} must be as the store's schema says, and has no {missing[0]}.")
    return record
