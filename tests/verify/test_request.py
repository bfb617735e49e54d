"""What is asked of a run: what is refused before anything is made, and what a run may be gone on with."""

from pathlib import Path
from typing import Any

import pytest

from verify import provenance
from verify.pool import DaskPool
from verify.refusal import BadInputError
from verify.request import Request, known_claims, selected
from verify.runner import execute
from verify.store import RunFolder

VERSIONS = provenance.versions()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seed": 6}, "has seed 5, got 6"),
        ({"profile": "full"}, "has profile quick, got full"),
        ({"claim_files": (Path(__file__),)}, r"has claim files .*claims_of_every_kind.py \(.*, got .*test_request.py"),
        ({"patterns": ("kinds.none",)}, r"id must match a claim of the ledger, got 'kinds.none' \(did you mean"),
    ],
)
def test_a_run_is_resumed_only_as_it_was_started(small: RunFolder, changes: dict[str, Any], message: str) -> None:
    before = (small.path / "run.json").read_bytes()
    with pytest.raises(BadInputError, match=message):
        execute(Request(out=small.path, resume=True, **changes))
    assert (small.path / "run.json").read_bytes() == before


@pytest.mark.parametrize(
    ("name", "here", "message"),
    [
        (
            "source_hash",
            lambda: "fedcba",
            r"has source .*, got fedcba: the files of this package have changed since; start it anew, in another"
            r" folder, by lossproof run kinds\.certified --profile quick --seed 5 .*, or go on with the package as",
        ),
        (
            "versions",
            lambda: {**VERSIONS, "torch": "1.0"},
            r"has torch .*, got 1\.0: start it anew, .*, or go on",
        ),
        ("versions", lambda: {**VERSIONS, "nobody_has": "3"}, r"has nobody_has not installed, got 3"),
        ("resolve_device", lambda device: "cuda", r"has device cpu, got cuda"),
    ],
)
def test_a_run_is_resumed_only_where_it_was_started(
    small: RunFolder, monkeypatch: pytest.MonkeyPatch, name: str, here: Any, message: str
) -> None:
    monkeypatch.setattr(provenance, name, here)
    with pytest.raises(BadInputError, match=message):
        execute(Request(out=small.path, resume=True))


def test_a_changed_claim_file_is_another_one(tmp_path: Path, one_claim: str) -> None:
    file = tmp_path / "mine.py"
    file.write_text(one_claim)
    folder = execute(Request(claim_files=(file,), out=tmp_path / "run"))
    assert folder.claim("mine.one")["verdict"] == "SUPPORTED"
    file.write_text(one_claim.replace("1.0]", "1.5]"))
    with pytest.raises(BadInputError, match="has claim files"):
        execute(Request(out=folder.path, resume=True))
    file.unlink()
    with pytest.raises(BadInputError, match=r"claims must name an existing Python file, got .*mine.py"):
        execute(Request(out=folder.path, resume=True))


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("One is one.", r"One is $\nosuch$.", r"statement of mine.one: a formula must use commands .* \\nosuch"),
        ("One is one.", "$$1\n    - x$$ is one.", r"statement of mine.one: a formula must have no line"),
        ("One is one.", r"One is $\frac{1$.", r"statement of mine.one: a formula must have balanced braces"),
        ("expects=", r"title=r'$\nosuch$', expects=", r"title of mine.one: a formula must use commands"),
        ("expects=", r"assumptions=(r'$\nosuch$',), expects=", r"assumptions of mine.one: a formula must use"),
        ("eq. 1", r"$\\nosuch$", r"locator of mine.one: a formula must use commands"),
    ],
)
def test_a_formula_that_cannot_be_drawn_is_refused_before_the_run(
    tmp_path: Path, one_claim: str, before: str, after: str, message: str
) -> None:
    file = tmp_path / "mine.py"
    file.write_text(one_claim.replace(before, after))
    with pytest.raises(BadInputError, match=message):
        execute(Request(claim_files=(file,), out=tmp_path / "run"))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (Request(profile="huge"), "profile must be one of quick, standard, full, got 'huge'"),
        (Request(device="abacus"), "device must be 'auto', 'cpu' or 'cuda', got 'abacus'"),
        (Request(seed=-1), "seed must be at least 0, got -1"),
        (Request(jobs=0), "jobs must be at least 1, got 0"),
        (Request(patterns=("kinds.suported",)), r"got 'kinds.suported' \(did you mean 'kinds.supported'\?\)"),
        (Request(patterns=("kinds",)), r"got 'kinds' \(did you mean 'kinds\.\*'\?\)"),
        (Request(patterns=("mine.py",)), r"got 'mine.py' \(a file of claims goes after --claims\)"),
        (Request(patterns=("qqqq.zzzz",)), r"got 'qqqq.zzzz'\.$"),
        (Request(device=""), "device must be 'auto', 'cpu' or 'cuda', got ''"),
        (Request(profile=""), "profile must be one of quick, standard, full, got ''"),
        (Request(scheduler=""), "scheduler must be the address of a running dask scheduler, such as .*, got ''"),
        (Request(scheduler="nonsense://"), "scheduler must be the address .*, got 'nonsense://'"),
        (Request(scheduler="tcp://127.0.0.1:1"), r"scheduler must be the address of a running dask scheduler"),
        (Request(claim_files=(Path("nowhere.py"),)), "claims must name an existing Python file, got 'nowhere.py'"),
    ],
)
def test_bad_requests_are_refused_before_anything_is_made(
    tmp_path: Path, kinds: Path, request_: Request, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DaskPool, "TIMEOUT", 0.5)
    changes = {"out": tmp_path / "run", "claim_files": request_.claim_files or (kinds,)}
    with pytest.raises(BadInputError, match=message):
        execute(Request(**{**vars(request_), **changes}))
    assert not (tmp_path / "run").exists()


def test_cuda_is_refused_where_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provenance, "_cuda_is_available", lambda: False)
    assert provenance.resolve_device("auto") == "cpu"
    with pytest.raises(BadInputError, match="torch finds no CUDA device"):
        provenance.resolve_device("cuda")


def test_ids_are_unique_across_files(kinds: Path) -> None:
    with pytest.raises(BadInputError, match=r"ids must be unique in the ledger, got 'kinds.supported' twice"):
        known_claims((kinds, kinds))


def test_globs_select_in_the_order_of_the_ledger(kinds: Path) -> None:
    found = selected(known_claims((kinds,)), ("kinds.e*", "kinds.open"))
    assert [claim.id for claim in found] == ["kinds.erratum", "kinds.open", "kinds.error", "kinds.empty", "kinds.exit"]
