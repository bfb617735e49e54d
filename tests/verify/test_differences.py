import copy
from pathlib import Path

from verify.differences import differences
from verify.store import Record, RunFolder


def altered(finished: RunFolder, path: Path, claim: str, change: "Change") -> RunFolder:
    """Return a copy of a run in which one claim's record is another."""
    folder = RunFolder.create(path, copy.deepcopy(finished.manifest))
    for record in finished.records():
        if record["id"] == claim:
            change(record)
        folder.save_claim(record, {})
    return folder


def move(record: Record) -> None:
    record["verdict"] = record["findings"][0]["verdict"] = "UNDECIDED"
    cell = record["findings"][0]["cells"][0]
    cell["region"] = {"lower": cell["region"]["upper"] + 1, "upper": None}


def lift(record: Record) -> None:
    region = record["findings"][0]["cells"][0]["region"]
    region["lower"] = region["upper"] = "1E+3"


class Change:
    """A change of a record in place."""

    def __call__(self, record: Record) -> None: ...


def test_a_verdict_that_moved_and_regions_that_do_not_meet_are_told(finished: RunFolder, tmp_path: Path) -> None:
    found = differences(finished, altered(finished, tmp_path / "b", "kinds.supported", move))
    assert found.verdicts == (
        "kinds.supported: SUPPORTED in A, UNDECIDED in B",
        "kinds.supported, the mean: SUPPORTED in A, UNDECIDED in B",
    )
    (region,) = found.regions
    assert region.startswith("kinds.supported, the mean, ")
    assert region.endswith(", inf] in B")
    assert not found.agree


def test_balls_are_compared_by_their_digits(finished: RunFolder, tmp_path: Path) -> None:
    found = differences(finished, altered(finished, tmp_path / "b", "kinds.certified", lift))
    assert found.verdicts == ()
    assert "[1E+3, 1E+3] in B" in found.regions[0]


def test_settings_and_claims_that_differ_are_told(finished: RunFolder, tmp_path: Path) -> None:
    other = RunFolder.create(tmp_path / "b", copy.deepcopy(finished.manifest))
    other.manifest.update(seed=7, source_hash="abc", claims=["kinds.open"])
    other.manifest["versions"]["torch"] = "1.0"
    other.save_claim(finished.claim("kinds.open"), finished.arrays("kinds.open"))
    found = differences(finished, other)
    assert found.settings[0] == "seed: 0 in A, 7 in B"
    assert found.settings[1].startswith("source hash: ")
    assert found.settings[2].endswith(", 1.0 in B")
    assert found.only_in_one[0] == "kinds.supported: only in A"
    assert len(found.only_in_one) == 9
    assert found.agree
