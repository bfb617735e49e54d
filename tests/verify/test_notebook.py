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
