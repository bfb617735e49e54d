import multiprocessing
import os
import subprocess
import sys
from pathlib import Path

import pytest

import verify


def test_a_run_from_python_shows_itself(tmp_path: Path, kinds: Path) -> None:
    run = verify.run("kinds.certified", "kinds.surprise", claims=kinds, out=tmp_path / "run", seed=2)
    assert run.report.exists()
    assert (len(run), list(run)) == (2, ["kinds.certified", "kinds.surprise"])
    assert run["kinds.certified"].verdict == "CERTIFIED"
    assert not run.as_expected
    assert run.manifest["seed"] == 2

    page = run._repr_html_()
    assert '<span class="ident">kinds.surprise</span>' in page
    assert "not as expected" in page
    assert repr(run).startswith("2 claims: 1 certified, 1 supported.")
    (finding,) = run["kinds.surprise"].findings
    assert '<span class="outcome SUPPORTED">SUPPORTED</span>' in finding._repr_html_()
    shown = run["kinds.surprise"]._repr_html_()
    assert "not as expected" in shown
    assert run["kinds.surprise"].record["why_not"].partition(":")[0] in shown
    assert str(finding) in str(run["kinds.surprise"])
    assert finding.message in str(finding)


def test_bad_requests_from_python_are_value_errors(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"id must match a claim of the ledger, got 'no\.claim'"):
        verify.run("no.claim", out=tmp_path / "run")


def test_a_claim_file_that_was_edited_is_loaded_anew(tmp_path: Path, kinds: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(kinds.read_text())
    assert verify.run("kinds.certified", claims=file, out=tmp_path / "a")["kinds.certified"].verdict == "CERTIFIED"
    file.write_text(kinds.read_text().replace("Fraction(1, 10**30)", "Fraction(1, 10)"))
    assert verify.run("kinds.certified", claims=file, out=tmp_path / "b")["kinds.certified"].verdict == "UNDECIDED"


def test_a_script_without_a_guard_is_told_and_runs_once(tmp_path: Path, kinds: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(f"import verify\nprint(verify.run('kinds.supported', jobs=2, claims={str(kinds)!r}))\n")
    ended = subprocess.run(
        [sys.executable, script],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "guard it by if __name__ == '__main__':" in ended.stderr
    assert ended.stdout.startswith("1 claim: 1 error. 1 not as expected:")
    assert "guard the script that starts it by if __name__ == '__main__':" in ended.stdout
    assert len(list((tmp_path / "runs").iterdir())) == 1


def test_a_worker_that_imports_the_script_runs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(multiprocessing.current_process(), "_inheriting", True, raising=False)
    with pytest.raises(ValueError, match=r"run must not be called while a worker imports the script: guard it by"):
        verify.run("kinds.certified", out=tmp_path / "run")
    assert not (tmp_path / "run").exists()
