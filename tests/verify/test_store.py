import hashlib
import json
import os
import stat
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from verify.refusal import BadInputError
from verify.store import (
    SCHEMA_VERSION,
    RunFolder,
    latest_run,
    read_arrays,
    schema,
    write_arrays,
    write_bytes,
    write_json,
)


def manifest(**changes: object) -> dict[str, object]:
    bare = dict.fromkeys(schema()["$defs"]["run"]["required"])
    return bare | {"schema": SCHEMA_VERSION, "claims": [], "started": "2026-01-01T00:00:00+00:00", **changes}


def validate(record: dict[str, object], kind: str) -> None:
    jsonschema.validate(record, {**schema(), "oneOf": [{"$ref": f"#/$defs/{kind}"}]})


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(schema())


def test_another_schema_has_another_version() -> None:
    """Else a run of before is not told from one of now; who changes the schema raises the version and this digest."""
    asked = json.dumps(_without_descriptions(schema()), sort_keys=True).encode()
    assert (SCHEMA_VERSION, hashlib.sha256(asked).hexdigest()[:16]) == (2, "bc807b411ad1af6c")
    assert {schema()["$defs"][kind]["properties"]["schema"]["const"] for kind in ("run", "claim")} == {SCHEMA_VERSION}


def _without_descriptions(part: object) -> object:
    if isinstance(part, dict):
        return {name: _without_descriptions(value) for name, value in part.items() if name != "description"}
    return [_without_descriptions(value) for value in part] if isinstance(part, list) else part


def test_what_a_run_stores_follows_the_schema(finished: RunFolder) -> None:
    validate(finished.manifest, "run")
    assert len(finished.records()) == 10
    for record in finished.records():
        validate(record, "claim")


def test_the_schema_can_say_no(finished: RunFolder) -> None:
    record = finished.claim("kinds.certified")
    record["findings"][0]["cells"][0]["region"]["lower"] = 0.5  # a ball has decimal strings
    with pytest.raises(jsonschema.ValidationError):
        validate(record, "claim")
    with pytest.raises(jsonschema.ValidationError):
        validate({**finished.manifest, "state": "lost"}, "run")


def test_every_array_of_a_figure_is_there(finished: RunFolder) -> None:
    for record in finished.records():
        names = {
            name for figure in record["figures"] for layer in figure["layers"] for name in layer["arrays"].values()
        }
        assert names == set(finished.arrays(record["id"]))
    assert len(finished.arrays("kinds.open")) == 2


def test_files_have_ordinary_permissions_and_no_drafts_are_left(finished: RunFolder) -> None:
    umask = os.umask(0)
    os.umask(umask)
    files = [path for path in finished.path.rglob("*") if path.is_file()]
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o666 & ~umask}
    assert not [path for path in files if path.name.endswith(".draft")]


def test_arrays_come_back_as_they_were(tmp_path: Path) -> None:
    arrays = {
        "scalar": np.array(2.5),
        "empty": np.zeros((0, 3)),
        "columns": np.arange(6.0).reshape(2, 3).T,
        "big-endian": np.arange(3, dtype=">i4"),
        "flags": np.array([True, False]),
        "gaps": np.array([np.nan, np.inf]),
    }
    write_arrays(tmp_path / "a.safetensors", arrays)
    found = read_arrays(tmp_path / "a.safetensors")
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array)
        assert found[name].shape == array.shape


def test_a_claim_that_ends_leaves_the_folder_in_which_others_are_about_to_keep_their_items(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path, {})
    write_json(folder.partial_folder("mine.one") / "draws" / "0.json", {})
    folder.forget_partial("mine.one")
    assert list((tmp_path / "partial").iterdir()) == []
    (folder.partial_folder("mine.two")).mkdir()
    folder.forget_empty_partial()
    assert folder.partial_folder("mine.two").is_dir()
    folder.forget_partial("mine.two")
    folder.forget_empty_partial()
    assert not (tmp_path / "partial").exists()


def test_a_failed_write_leaves_what_was_there(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"x": 1})
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "a.json", {"x": float("nan")})
    assert json.loads((tmp_path / "a.json").read_text()) == {"x": 1}
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match="folder"):
        write_bytes(tmp_path / "folder", b"")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.json", "folder"]


def test_a_run_starts_in_a_new_or_empty_folder(tmp_path: Path) -> None:
    RunFolder.create(tmp_path / "empty", manifest())
    with pytest.raises(BadInputError, match=r"out must be a new folder, got .*empty, which holds a run"):
        RunFolder.create(tmp_path / "empty", manifest())
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").touch()
    with pytest.raises(BadInputError, match="out must be a new or empty folder"):
        RunFolder.create(tmp_path / "full", manifest())
    with pytest.raises(BadInputError, match="out must be a folder that can be written"):
        RunFolder.create(tmp_path / "full" / "thesis.tex" / "run", manifest())


def test_an_unreadable_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match=r"run must be the folder of a run, got .*: run.json is missing"):
        RunFolder.open(tmp_path)
    (tmp_path / "run.json").write_text("{")
    with pytest.raises(BadInputError, match=r"run.json cannot be read \(Expecting"):
        RunFolder.open(tmp_path)
    for other, found in (("[]", "None"), ('{"schema": 1}', "1")):
        (tmp_path / "run.json").write_text(other)
        with pytest.raises(BadInputError, match=rf"must have schema 2, got {found}; what another version of this pack"):
            RunFolder.open(tmp_path)


def test_an_unfinished_claim_is_refused(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path / "run", manifest(claims=["a.b"]))
    assert folder.records() == []
    with pytest.raises(BadInputError, match=r"claim must be a finished one of .*, got a\.b"):
        folder.claim("a.b")


def test_the_newest_run_is_found(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match=r"there must be a run to resume, and .* holds none"):
        latest_run(tmp_path)
    RunFolder.create(tmp_path / "z", manifest())
    RunFolder.create(tmp_path / "a", manifest(started="2026-02-01T00:00:00+00:00"))
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "run.json").write_text("{")
    assert latest_run(tmp_path) == tmp_path / "a"


def test_a_run_belongs_to_one_process_at_a_time(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path / "run", manifest())
    with folder.locked(), pytest.raises(BadInputError, match="run must not be in use"), folder.locked():
        pass
    with folder.locked():
        pass


def test_a_record_that_lacks_a_part_is_refused(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text(json.dumps({"schema": SCHEMA_VERSION}))
    with pytest.raises(BadInputError, match=r"run.json must be as the store's schema says, and has no state"):
        RunFolder.open(tmp_path)
    (tmp_path / "claims").mkdir()
    (tmp_path / "claims" / "a.b.json").write_text(json.dumps({"schema": SCHEMA_VERSION, "id": "a.b"}))
    with pytest.raises(BadInputError, match=r"a.b.json must be as the store's schema says, and has no theme"):
        RunFolder(tmp_path, {}).claim("a.b")
