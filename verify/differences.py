"""What differs between two runs: their settings, their claims, their verdicts, and regions that do not meet."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from verify.report.wording import outcome
from verify.store import Record, RunFolder

SETTINGS = ("profile", "seed", "device", "source_hash")


@dataclass(frozen=True, kw_only=True)
class Differences:
    """Sentences about two runs, A and B, from what explains a difference to the differences themselves.

    Args:
        settings: What differs in profile, seed, device, source and versions.
        only_in_one: Claims that only one run has finished.
        verdicts: Verdicts that moved.
        regions: Cells whose regions are disjoint.
    """

    settings: tuple[str, ...]
    only_in_one: tuple[str, ...]
    verdicts: tuple[str, ...]
    regions: tuple[str, ...]

    @property
    def agree(self) -> bool:
        """Whether no verdict moved and no regions are disjoint."""
        return not self.verdicts and not self.regions

    def __str__(self) -> str:
        parts = (
            ("Settings that differ", self.settings),
            ("Claims in one run only", self.only_in_one),
            ("Verdicts that moved", self.verdicts),
            ("Regions that do not meet", self.regions),
        )
        lines = []
        for heading, sentences in parts:
            lines.append(f"{heading}: {'none' if not sentences else ''}".rstrip())
            lines += [f"  {sentence}" for sentence in sentences]
        return "\n".join(lines)


def differences(a: RunFolder, b: RunFolder) -> Differences:
    """Compare two runs."""
    ours = {record["id"]: record for record in a.records()}
    theirs = {record["id"]: record for record in b.records()}
    shared = [claim for claim in ours if claim in theirs]
    return Differences(
        settings=tuple(_settings(a.manifest, b.manifest)),
        only_in_one=(
            *(f"{claim}: only in A" for claim in ours if claim not in theirs),
            *(f"{claim}: only in B" for claim in theirs if claim not in ours),
        ),
        verdicts=tuple(line for claim in shared for line in _moved(ours[claim], theirs[claim])),
        regions=tuple(line for claim in shared for line in _disjoint(ours[claim], theirs[claim])),
    )


def _settings(a: Record, b: Record) -> Iterator[str]:
    for name in SETTINGS:
        if a[name] != b[name]:
            yield f"{name.replace('_', ' ')}: {a[name]} in A, {b[name]} in B"
    for name in sorted({*a["versions"], *b["versions"]}):
        versions = [run["versions"].get(name, "not installed") for run in (a, b)]
        if versions[0] != versions[1]:
            yield f"{name}: {versions[0]} in A, {versions[1]} in B"


def _moved(a: Record, b: Record) -> Iterator[str]:
    if outcome(a) != outcome(b):
        yield f"{a['id']}: {outcome(a)} in A, {outcome(b)} in B"
    for title, ours, theirs in _shared_findings(a, b):
        if outcome(ours) != outcome(theirs):
            yield f"{a['id']}, {title}: {outcome(ours)} in A, {outcome(theirs)} in B"


def _disjoint(a: Record, b: Record) -> Iterator[str]:
    for title, ours, theirs in _shared_findings(a, b):
        others = {_cell_name(cell): cell for cell in theirs["cells"]}
        for cell in ours["cells"]:
            other = others.get(_cell_name(cell))
            if other is not None and not _meet(cell["region"], other["region"]):
                places = f"{_interval(cell['region'])} in A, {_interval(other['region'])} in B"
                yield f"{a['id']}, {title}, {cell['coordinate']}: {places}"


def _shared_findings(a: Record, b: Record) -> Iterator[tuple[str, Record, Record]]:
    theirs = {finding["title"]: finding for finding in b["findings"]}
    for finding in a["findings"]:
        if finding["title"] in theirs:
            yield finding["title"], finding, theirs[finding["title"]]


def _cell_name(cell: Record) -> tuple[Any, ...]:
    """Return what tells a cell from the others of its finding: equal ones were summed up by their worst."""
    return cell["coordinate"], cell["kind"], cell["claimed"] is None, cell["rival"] is None


def _meet(a: Record, b: Record) -> bool:
    return _before(a["lower"], b["upper"]) and _before(b["lower"], a["upper"])


def _before(lower: float | str | None, upper: float | str | None) -> bool:
    """Tell whether a lower end is not above an upper one; None is infinitely far out."""
    return lower is None or upper is None or Fraction(lower) <= Fraction(upper)


def _interval(region: Record) -> str:
    lower, upper = (region[end] for end in ("lower", "upper"))
    return f"[{'-inf' if lower is None else lower}, {'inf' if upper is None else upper}]"
