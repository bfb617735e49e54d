"""Running claims from Python: `verify.run("index.*")` is `lossproof run "index.*"`, and shows itself in a notebook."""

import multiprocessing
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from verify.progress import listener_for
from verify.refusal import BadInputError
from verify.report.console import summary_lines
from verify.report.wording import outcome, so_far
from verify.request import Request
from verify.runner import execute, exit_code
from verify.store import Record, RunFolder


@dataclass(frozen=True)
class StoredFinding:
    """One finding of a stored claim; ``record`` is what the store keeps."""

    record: Record

    @property
    def title(self) -> str:
        """What was compared."""
        return str(self.record["title"])

    @property
    def verdict(self) -> str:
        """The verdict, or the status where there is none."""
        return str(self.record["verdict"] or self.record["status"])

    @property
    def message(self) -> str:
        """What came out, in a sentence."""
        return str(self.record["message"])

    def __str__(self) -> str:
        return f"{self.verdict}  {self.title}: {self.message}"

    def _repr_html_(self) -> str:
        from verify.report.html import finding_html

        return finding_html(self.record)


@dataclass(frozen=True)
class StoredClaim:
    """One claim of a run; ``record`` is what the store keeps in ``folder``."""

    record: Record
    folder: RunFolder

    @property
    def id(self) -> str:
        """The id of the claim."""
        return str(self.record["id"])

    @property
    def verdict(self) -> str:
        """The verdict, or the status where there is none."""
        return str(self.record["verdict"] or self.record["status"])

    @property
    def as_expected(self) -> bool:
        """Whether it came out as expected."""
        return bool(self.record["as_expected"])

    @property
    def findings(self) -> tuple[StoredFinding, ...]:
        """Its findings, in order."""
        return tuple(StoredFinding(record) for record in self.record["findings"])

    def __str__(self) -> str:
        verdict = f"{outcome(self.record)} {so_far(self.record)}".rstrip()
        return "\n".join([f"{self.id}  {verdict}: {self.record['title']}", *(f"  {f}" for f in self.findings)])

    def _repr_html_(self) -> str:
        from verify.report.html import claim_html

        return claim_html(self.record, self.folder.arrays(self.id))


class Run:
    """A finished run: a mapping from claim ids to their outcomes, with the report beside it."""

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder.path
        self.manifest = folder.manifest
        self.claims = {record["id"]: StoredClaim(record, folder) for record in folder.records()}

    @property
    def report(self) -> Path:
        """The run's report."""
        return self.folder / "report.html"

    @property
    def as_expected(self) -> bool:
        """Whether every claim is finished and came out as expected."""
        return exit_code(self._records(), unfinished=self._unfinished) == 0

    def __getitem__(self, claim: str) -> StoredClaim:
        return self.claims[claim]

    def __iter__(self) -> Iterator[str]:
        return iter(self.claims)

    def __len__(self) -> int:
        return len(self.claims)

    def __repr__(self) -> str:
        lines = summary_lines(self._records(), unfinished=self._unfinished, folder=self.folder)
        return "\n".join([*lines, f"report: {self.report}"])

    def _repr_html_(self) -> str:
        from verify.report.html import run_html

        return run_html(self.manifest, self._records(), self.report.resolve().as_uri())

    @property
    def _unfinished(self) -> int:
        return len(self.manifest["claims"]) - len(self.claims)

    def _records(self) -> list[Record]:
        return [claim.record for claim in self.claims.values()]


def run(
    *patterns: str,
    profile: str | None = None,
    device: str | None = None,
    jobs: int = 1,
    scheduler: str | None = None,
    seed: int | None = None,
    out: str | Path | None = None,
    resume: bool = False,
    claims: str | Path | tuple[str | Path, ...] = (),
) -> Run:
    """Run claims and return what came out; the same as ``lossproof run``, with the same options.

    With ``jobs`` above 1, a script calls this below ``if __name__ == "__main__":``, for every worker imports it anew.

    Args:
        patterns: Ids or globs; none means all claims, or those of ``claims`` if files are given.
        profile: ``"quick"`` (the usual one), ``"standard"`` or ``"full"``.
        device: ``"auto"`` (the usual one), ``"cpu"`` or ``"cuda"``.
        jobs: Number of processes that check claims or compute their items.
        scheduler: Address of a dask scheduler, instead of ``jobs``.
        seed: Root seed, 0 if not given.
        out: Folder of the run; by default a new one below ``runs``.
        resume: Go on with the run in ``out``, or with the newest one.
        claims: A file of further claims, or several.

    Raises:
        ValueError: If the request cannot be met, in one sentence, or a worker comes here while it imports the script.
        KeyboardInterrupt: If interrupted; the run stays on disk and can be resumed.
        SystemExit: If the process is asked to end (SIGTERM) and the script has no answer of its own; as above.
    """
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        raise BadInputError(
            "run must not be called while a worker imports the script: guard it by if __name__ == '__main__':, "
            f"got it unguarded in {multiprocessing.current_process().name}."
        )
    files = (claims,) if isinstance(claims, str | Path) else tuple(claims)
    request = Request(
        patterns=patterns,
        profile=profile,
        device=device,
        jobs=jobs,
        scheduler=scheduler,
        seed=seed,
        out=None if out is None else Path(out),
        resume=resume,
        claim_files=tuple(Path(path) for path in files),
    )
    return Run(execute(request, listener_for()))
