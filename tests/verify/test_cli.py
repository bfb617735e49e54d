import json
import os
import subprocess
import sys
import webbrowser
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
import typer

from verify.cli import _end_interrupted
from verify.notebook import Run
from verify.report.junit import write_junit
from verify.shell import BANNER
from verify.store import RunFolder

Command = Callable[..., "subprocess.CompletedProcess[str]"]

EXAMPLE = Path(__file__).parents[2] / "examples" / "my_claims.py"


def test_list_has_a_line_a_claim(lossproof: Command, kinds: Path) -> None:
    ended = lossproof("list", "--claims", kinds)
    assert ended.returncode == 0
    lines = [line.split() for line in ended.stdout.splitlines()]
    assert ["kinds.open", "open", "Undecided"] in lines


def test_list_takes_ids_and_globs_as_run_does(lossproof: Command, kinds: Path) -> None:
    shown = lossproof("list", "kinds.s*", "kinds.open", "--claims", kinds).stdout.splitlines()
    wanted = ["kinds.open", "kinds.skipped", "kinds.supported", "kinds.surprise"]
    assert sorted(line.split()[0] for line in shown) == wanted
    assert [entry["id"] for entry in json.loads(lossproof("list", "index.three-halves", "--json").stdout)] == [
        "index.three-halves"
    ]
    listed, run = (lossproof(command, "hesian.*", "--claims", kinds) for command in ("list", "run"))
    assert (listed.returncode, listed.stdout) == (run.returncode, "") == (2, "")
    assert listed.stderr == run.stderr
    assert listed.stderr.startswith("lossproof: id must match a claim of the ledger, got 'hesian.*'")


def test_list_is_json_too(lossproof: Command, kinds: Path) -> None:
    claims = {entry["id"]: entry for entry in json.loads(lossproof("list", "--json", "--claims", kinds).stdout)}
    assert claims["kinds.certified"]["corrects"] == "kinds.erratum"
    assert claims["kinds.erratum"]["erratum"] is True
    assert claims["kinds.erratum"]["right"] == "The mean is $1$."
    assert claims["kinds.open"]["right"] is None
    assert claims["kinds.supported"]["expects"] == ["SUPPORTED"]
    assert claims["kinds.deferred"]["decided_from"] == "standard"


def test_show_tells_what_the_ledger_knows(lossproof: Command) -> None:
    shown = lossproof("show", "valley.balance", "--claims", EXAMPLE).stdout
    for words in ("Descent keeps the balance", "proportional to its step", "eq. 5", "step sizes below", "SUPPORTED"):
        assert words in shown
    assert shown.endswith(f"run it       lossproof run valley.balance --claims {EXAMPLE}\n")


def test_show_tells_what_is_right_in_the_place_of_an_erratum(lossproof: Command, kinds: Path) -> None:
    assert "\nright        The mean is $1$.\n" in lossproof("show", "kinds.erratum", "--claims", kinds).stdout


def test_the_example_file_comes_out_as_expected(lossproof: Command, tmp_path: Path) -> None:
    ended = lossproof("run", "--claims", EXAMPLE, "--out", tmp_path / "run", "--strict")
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.startswith("5 claims: 1 proved, 1 certified, 2 supported, 1 refuted. 4 as expected; ")
    assert "; the one open question was answered.\n" in ended.stdout
    assert f"report: {tmp_path / 'run' / 'report.html'}" in ended.stdout
    assert "[5/5] valley.large-steps" in ended.stderr  # plain lines, for this is no terminal


def test_exit_codes_tell_what_came_out(lossproof: Command, tmp_path: Path, kinds: Path) -> None:
    words = ("run", "--claims", kinds, "--out", tmp_path / "run")
    assert lossproof(*words, "kinds.skipped", "kinds.deferred").returncode == 0
    assert lossproof(*words, "--resume", "--strict").returncode == 1
    ended = lossproof(*words, "--resume", "kinds.surprise", "kinds.error")
    assert ended.returncode == 1
    assert "2 not as expected" in ended.stdout
    assert "Expected CERTIFIED, got SUPPORTED" in ended.stdout
    assert "ZeroDivisionError: the experiment fell off the table" in ended.stdout


def test_a_run_with_unfinished_claims_is_not_all_as_expected(lossproof: Command, tmp_path: Path, kinds: Path) -> None:
    out = tmp_path / "run"
    assert lossproof("run", "kinds.certified", "kinds.deferred", "--claims", kinds, "--out", out).returncode == 0
    (out / "claims" / "kinds.deferred.json").unlink()
    ended = lossproof("run", "kinds.certified", "--resume", "--out", out)
    assert ended.returncode == 1
    lines = ended.stdout.splitlines()
    assert lines[0] == "1 claim: 1 certified. 1 not finished. The others as expected."
    assert lines[1] == f"  finish it by: lossproof run --resume --out {out}"
    assert not Run(RunFolder.open(out)).as_expected
    assert lines[1] in repr(Run(RunFolder.open(out)))
    assert "All as expected." in lossproof("run", "--resume", "--out", out).stdout


@pytest.mark.parametrize(
    ("failure", "code", "told"),
    [
        (BrokenPipeError(32, "Broken pipe"), 0, ""),
        (
            OSError(28, "No space left"),
            2,
            "lossproof: the output stream must be one that can be written: No space left.\n",
        ),
    ],
)
def test_a_run_keeps_its_code_where_its_output_goes_nowhere(
    lossproof: Command,
    tmp_path: Path,
    kinds: Path,
    monkeypatch: pytest.MonkeyPatch,
    failure: OSError,
    code: int,
    told: str,
) -> None:
    echo = typer.echo

    def into_nowhere(text: str, err: bool = False) -> None:
        if not err:
            raise failure
        echo(text, err=True)

    monkeypatch.setattr(typer, "echo", into_nowhere)
    ran = lossproof("run", "kinds.certified", "--claims", kinds, "--out", tmp_path / "run")
    assert ran.returncode == 0
    assert ran.stderr.endswith(told)
    listed = lossproof("list", "index.three-halves")
    assert (listed.returncode, listed.stderr) == (code, told)


def test_the_line_to_go_on_by_can_be_copied(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit):
        _end_interrupted(Path("a folder"), 130)
    assert capsys.readouterr().err.endswith("go on with: lossproof run --resume --out 'a folder'\n")


def test_junit_has_a_case_a_claim(lossproof: Command, tmp_path: Path, kinds: Path, finished: RunFolder) -> None:
    target = tmp_path / "out.xml"
    words = ("run", "kinds.empty", "kinds.certified", "--claims", kinds, "--out", tmp_path / "run")
    assert lossproof(*words, "--junit", target).returncode == 1
    suites = ET.parse(target).getroot()
    assert (suites.get("tests"), suites.get("failures"), suites.get("errors")) == ("2", "1", "0")

    write_junit(finished.records(), target)
    suites = ET.parse(target).getroot()
    found = {
        case.get("name"): [part.tag for part in case if part.tag != "system-out"] for case in suites.iter("testcase")
    }
    assert found["kinds.error"] == ["error"]
    assert found["kinds.surprise"] == found["kinds.empty"] == ["failure"]
    assert found["kinds.skipped"] == found["kinds.deferred"] == ["skipped"]
    assert found["kinds.open"] == found["kinds.erratum"] == []

    write_junit([finished.claim("kinds.skipped")], target, strict=True)
    assert ET.parse(target).getroot().get("failures") == "1"


def test_junit_survives_what_xml_cannot_hold(finished: RunFolder, tmp_path: Path) -> None:
    record = {**finished.claim("kinds.surprise"), "why_not": "a \x1b[31mred\x00 word"}
    write_junit([record], tmp_path / "out.xml")
    (failure,) = ET.parse(tmp_path / "out.xml").getroot().iter("failure")
    assert failure.get("message") == "a \N{REPLACEMENT CHARACTER}[31mred\N{REPLACEMENT CHARACTER} word"


def test_a_report_is_written_again_and_opened(
    lossproof: Command, finished: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    ended = lossproof("report", finished.path, "--open")
    assert ended.returncode == 0
    assert opened == [(finished.path / "report.html").as_uri()]


def test_a_file_is_no_run(lossproof: Command, finished: RunFolder) -> None:
    ended = lossproof("report", finished.path / "report.html")
    assert ended.returncode == 2
    assert ended.stderr == f"lossproof: run must be a folder, got the file {finished.path / 'report.html'}.\n"


def test_a_run_agrees_with_itself(lossproof: Command, finished: RunFolder) -> None:
    ended = lossproof("compare", finished.path, finished.path)
    assert ended.returncode == 0
    assert ended.stdout.splitlines() == [
        "Settings that differ: none",
        "Claims in one run only: none",
        "Verdicts that moved: none",
        "Regions that do not meet: none",
    ]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("show", "kinds.non"), "id must match a claim of the ledger, got 'kinds.non'"),
        (("run", "--out", "no/such", "--claims", "nowhere.py"), "claims must name an existing Python file"),
        (("run", "--junit", "no/such/folder/out.xml"), "junit must be a file in a folder that exists"),
        (("report", "nowhere"), "run must be the folder of a run, got nowhere: run.json is missing"),
        (("compare", "nowhere", "nowhere"), "run must be the folder of a run"),
        (("run", "--resume"), "there must be a run to resume"),
    ],
)
def test_bad_usage_is_one_sentence(
    lossproof: Command, words: tuple[str, ...], sentence: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    ended = lossproof(*words)
    assert ended.returncode == 2
    assert ended.stderr.startswith(f"lossproof: {sentence}")
    assert ended.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("no Python", "SyntaxError: invalid syntax"),
        ("raise SystemExit(0)", "got '"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("import a_module_that_nobody_has", "ModuleNotFoundError: No module named 'a_module_that_nobody_has'"),
        ("x = 1", "defines at least one claim"),
    ],
)
def test_a_malformed_claim_file_is_bad_usage(lossproof: Command, tmp_path: Path, text: str, sentence: str) -> None:
    (tmp_path / "mine.py").write_text(text)
    ended = lossproof("run", "--claims", tmp_path / "mine.py", "--out", tmp_path / "run")
    assert ended.returncode == 2
    assert sentence in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not (tmp_path / "run").exists()


def test_unknown_options_are_bad_usage(lossproof: Command) -> None:
    assert lossproof("run", "--speed", "9").returncode == 2


def test_doctor_names_what_is_missing_for_which_claim(lossproof: Command, kinds: Path) -> None:
    ended = lossproof("doctor", "--claims", kinds)
    assert ended.returncode == 0
    command = f"{sys.executable} -m pip install -e '.[data]'"
    assert f"kinds.skipped: needs a_package_that_nobody_has ({command})" in ended.stdout
    for words in ("torch", "threads", "devices       cpu", "machine", "floors"):
        assert words in ended.stdout


def test_a_shadowed_floor_is_named(tmp_path: Path) -> None:
    """A folder called theory on PYTHONPATH is told of, one in the working directory does no harm."""
    (tmp_path / "theory").mkdir()
    (tmp_path / "theory" / "__init__.py").touch()
    root = str(Path(__file__).parents[2])

    def show(*path: str) -> "subprocess.CompletedProcess[str]":
        words = [sys.executable, "-m", "verify", "show", "valley.balance", "--claims", str(EXAMPLE)]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path)}
        return subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    assert show(root).returncode == 0
    shadowed = show(str(tmp_path), root)
    assert shadowed.returncode == 2
    assert f"the name theory must mean {root}/theory, but {tmp_path}/theory shadows it" in shadowed.stderr


def test_the_repl_has_everything_at_hand(tmp_path: Path) -> None:
    root = str(Path(__file__).parents[2])
    words = "print(verify.run.__name__, numerics.__name__, phi, float(semicircle(1).at().cdf(0)))\n"
    ended = subprocess.run(
        [sys.executable, "-m", "verify", "repl"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": root, "IPYTHONDIR": str(tmp_path / "ipython")},
        input=words,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert "run numerics phi 0.5" in ended.stdout
    assert "numerics.HessianOperator(model, loss, (x, y))" in BANNER


@pytest.mark.parametrize(("option", "value"), [("--seed", "abc"), ("--seed", "1.5"), ("--jobs", "two")])
def test_a_number_that_is_none_is_told(lossproof: Command, option: str, value: str) -> None:
    ended = lossproof("run", option, value)
    assert ended.returncode == 2
    assert f"Invalid value for '{option}': must be a whole number, got '{value}'." in ended.stderr


def test_a_junit_file_that_cannot_be_written_is_told(finished: RunFolder, tmp_path: Path) -> None:
    (tmp_path / "out.xml").mkdir()
    with pytest.raises(ValueError, match=r"junit must be a file that can be written, got .*out.xml"):
        write_junit(finished.records(), tmp_path / "out.xml")
