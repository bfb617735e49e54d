"""Claims: what a claim must say, how its findings add up, and where claims are found."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from verify.bibliography import PENNINGTON_BAHRI_2017
from verify.comparison import Cell, Comparison, Finding, skipped
from verify.intervals import Interval
from verify.ledger import Claim, ClaimFileError, claim, claims_from_file, discover, load_claim_file, loaded_claim_file
from verify.sources import Source
from verify.verdict import OPEN, Evidence, Position, Status, Verdict

SOURCE = Source(PENNINGTON_BAHRI_2017, "section 4")
REGIONS = {
    Verdict.REFUTED: Interval(2, 2),
    Verdict.UNDECIDED: Interval(0, 1.5),
}


def comparison(verdict: Verdict, title: str = "a title", rival: Interval | None = None) -> Comparison:
    kind = {Verdict.PROVED: Evidence.EXACT, Verdict.CERTIFIED: Evidence.BALL}.get(verdict, Evidence.INTERVAL)
    region = REGIONS.get(verdict, Interval(0, 0))
    cell = Cell("x", kind, region, claimed=Interval(0, 1), rival=rival or Interval(2, 3))
    return Comparison(title=title, rule="Equals", cells=(cell,))


def finding(verdict: Verdict, **changes: Any) -> Finding:
    return comparison(verdict, **changes).decide()


def make(expects: Any = OPEN, check: Any = None, **changes: Any) -> Claim:
    def nothing_happens(bench: object) -> Iterator[Comparison]:
        """Nothing happens."""
        yield from ()

    return claim("index.demo", source=SOURCE, expects=expects, **changes)(check or nothing_happens)


DEFERRED = comparison(Verdict.SUPPORTED).decide("quick", "full")
SKIPPED = skipped("no gudhi")


def test_a_claim_takes_its_statement_from_the_docstring_and_its_title_from_the_name() -> None:
    demo = make({Verdict.PROVED})
    assert demo.statement == "Nothing happens."
    assert demo.title == "Nothing happens"
    assert demo.theme == "index"
    assert str(demo) == "index.demo (expected PROVED): Nothing happens"
    assert make(title="A title").title == "A title"


def test_a_claims_verdict_is_the_weakest_of_its_findings() -> None:
    outcome = make({Verdict.SUPPORTED}).conclude([finding(Verdict.PROVED), finding(Verdict.SUPPORTED, title="b")])
    assert (outcome.verdict, outcome.as_expected, outcome.why_not) == (Verdict.SUPPORTED, True, "")


@pytest.mark.parametrize("verdict", [Verdict.PROVED, Verdict.CERTIFIED, Verdict.UNDECIDED, Verdict.REFUTED])
def test_any_other_verdict_than_the_expected_one_is_not_as_expected(verdict: Verdict) -> None:
    outcome = make({Verdict.SUPPORTED}).conclude([finding(verdict)])
    assert not outcome.as_expected
    assert outcome.why_not.startswith(f"Expected SUPPORTED, got {verdict}: 'a title': ")


@pytest.mark.parametrize("waiting", [DEFERRED, SKIPPED])
def test_while_findings_wait_the_rest_may_be_stronger_than_expected_but_not_weaker(waiting: Finding) -> None:
    expecting = make({Verdict.SUPPORTED})
    assert expecting.conclude([finding(Verdict.PROVED), waiting]).as_expected
    assert expecting.conclude([finding(Verdict.SUPPORTED), waiting]).as_expected
    assert not expecting.conclude([finding(Verdict.UNDECIDED), waiting]).as_expected


@pytest.mark.parametrize(
    ("waiting", "status"),
    [([DEFERRED], "DEFERRED"), ([SKIPPED], "SKIPPED"), ([DEFERRED, SKIPPED], "SKIPPED")],
)
def test_with_no_verdict_left_a_claim_is_deferred_or_skipped_and_does_not_fail(
    waiting: list[Finding], status: str
) -> None:
    outcome = make({Verdict.PROVED}).conclude(waiting)
    assert outcome.verdict is None
    assert str(outcome.status) == status
    assert outcome.as_expected


def test_a_claim_that_yields_nothing_is_an_error() -> None:
    outcome = make().conclude([])
    assert outcome.verdict is Verdict.ERROR
    assert outcome.why_not == "The check yielded no comparison."


@pytest.mark.parametrize("verdict", list(Verdict)[1:])
def test_an_open_question_fails_only_by_an_error(verdict: Verdict) -> None:
    assert make(OPEN).conclude([finding(verdict)]).as_expected
    assert make(OPEN).open


def test_an_open_question_with_an_error_is_not_as_expected() -> None:
    outcome = make(OPEN).conclude([finding(Verdict.PROVED)], error="ZeroDivisionError: division by zero")
    assert (outcome.verdict, outcome.as_expected) == (Verdict.ERROR, False)
    assert outcome.why_not == "The check failed: ZeroDivisionError: division by zero"


def test_a_finding_in_error_is_not_as_expected_even_for_an_open_question() -> None:
    broken = Finding(title="a title", rule="", verdict=Verdict.ERROR, status=Status.DECIDED, message="broken")
    assert make(OPEN).conclude([broken]).why_not == "A comparison ended in an error."


def test_an_erratum_is_as_expected_if_every_finding_is_refuted_and_its_correction_stands() -> None:
    erratum = make({Verdict.REFUTED})
    assert erratum.erratum
    standing = finding(Verdict.REFUTED)
    assert standing.rival_position is Position.INSIDE
    assert erratum.conclude([standing, finding(Verdict.REFUTED, title="b"), DEFERRED]).as_expected


def test_an_erratum_whose_correction_does_not_stand_is_not_as_expected() -> None:
    fallen = finding(Verdict.REFUTED, rival=Interval(5, 6))
    outcome = make({Verdict.REFUTED}).conclude([finding(Verdict.REFUTED), fallen])
    assert outcome.verdict is Verdict.REFUTED
    assert outcome.why_not == "'a title' is refuted, but its correction does not stand (the rival is disjoint)."


def test_an_erratum_with_one_finding_upheld_is_not_as_expected_although_its_weakest_is_refuted() -> None:
    outcome = make({Verdict.REFUTED}).conclude([finding(Verdict.REFUTED), finding(Verdict.SUPPORTED, title="b")])
    assert outcome.verdict is Verdict.REFUTED
    assert outcome.why_not.startswith("Expected REFUTED, but 'b' is SUPPORTED")


def test_a_check_is_judged_comparison_by_comparison_in_its_own_profile() -> None:
    def the_index_vanishes(bench: str) -> Iterator[Comparison]:
        """The index vanishes."""
        yield comparison(Verdict.PROVED, title=bench)
        yield comparison(Verdict.SUPPORTED)

    demo = make(check=the_index_vanishes, decided_from="standard")
    quick, standard = list(demo.judge("b", "quick")), list(demo.judge("b", "standard"))
    assert [item.status for item in quick] == [Status.DEFERRED] * 2
    assert [item.verdict for item in standard] == [Verdict.PROVED, Verdict.SUPPORTED]
    assert standard[0].title == "b"


def test_equal_titles_are_refused() -> None:
    def twice(bench: object) -> Iterator[Comparison]:
        """Twice."""
        yield comparison(Verdict.PROVED)
        yield comparison(Verdict.PROVED)

    with pytest.raises(ValueError, match=r"titles must be unique in index.demo, got 'a title' twice"):
        list(make(check=twice).judge(None))


@pytest.mark.parametrize(("returned", "got"), [(None, "None"), (comparison(Verdict.PROVED), "a returned Comparison")])
def test_a_check_that_returns_instead_of_yielding_is_refused(returned: Any, got: str) -> None:
    def wrong(bench: object) -> Any:
        """Wrong."""
        return returned

    with pytest.raises(TypeError, match=rf"the check of index.demo must yield its comparisons, got {got}\."):
        list(make(check=wrong).judge(None))


def test_a_check_that_yields_something_else_is_refused() -> None:
    def wrong(bench: object) -> Iterator[Any]:
        """Wrong."""
        yield True

    with pytest.raises(TypeError, match=r"the check of index.demo must yield comparisons, got bool"):
        list(make(check=wrong).judge(None))


@pytest.mark.parametrize("name", ["demo", "Index.demo", "index.", "index.a b", "index.a.b", "index.a--b"])
def test_a_malformed_id_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"id must be of the form theme.name-in-lower-case"):
        Claim(id=name, title="t", statement="s", source=SOURCE, check=lambda bench: ())


def test_a_check_without_a_docstring_is_refused() -> None:
    def silent(bench: object) -> Iterator[Comparison]:
        yield from ()

    with pytest.raises(ValueError, match=r"the check of index.demo must have a docstring that states the claim"):
        make(check=silent)


@pytest.mark.parametrize("expects", [{Verdict.ERROR}, {Verdict.PROVED, Verdict.SUPPORTED}, set()])
def test_expectations_are_one_verdict_or_open(expects: set[Verdict]) -> None:
    with pytest.raises(ValueError, match=r"expects of index.demo must be one verdict other than ERROR, or OPEN, got"):
        make(expects)


def test_a_bare_verdict_is_refused() -> None:
    with pytest.raises(TypeError, match=r"expects must be a set of verdicts, got the verdict PROVED"):
        make(Verdict.PROVED)


def test_a_bare_assumption_is_refused() -> None:
    with pytest.raises(TypeError, match=r"assumptions must be a sequence of sentences, got the string 'no bias'"):
        make(assumptions="no bias")


@pytest.mark.parametrize("corrects", ["nonsense", "index.demo"])
def test_a_claim_corrects_another(corrects: str) -> None:
    assert make(corrects="index.as-printed").corrects == "index.as-printed"
    with pytest.raises(ValueError, match=r"corrects of index.demo must be the id of another claim"):
        make(corrects=corrects)


def test_an_erratum_says_what_is_right_and_no_other_claim_does() -> None:
    assert make({Verdict.REFUTED}, right="$2r$, not $r$.").right == "$2r$, not $r$."
    with pytest.raises(
        ValueError, match=r"right of index.demo must be empty unless the claim expects REFUTED, got 'x'"
    ):
        make({Verdict.PROVED}, right="x")
    with pytest.raises(TypeError, match=r"right of index.demo must be a sentence, got 2"):
        make({Verdict.REFUTED}, right=2)


def test_an_unknown_profile_is_refused() -> None:
    with pytest.raises(
        ValueError, match=r"decided_from of index.demo must be one of quick, standard, full, got 'soon'"
    ):
        make(decided_from="soon")


CLAIM_FILE = '''
from verify.ledger import claim
from verify.bibliography import PENNINGTON_BAHRI_2017
from verify.sources import Source
from verify.verdict import OPEN

@claim("{id}", source=Source(PENNINGTON_BAHRI_2017, "section 4"), expects=OPEN)
def {name}(bench):
    """A statement."""
    yield from ()
'''


def claim_text(*names: str, theme: str = "mine") -> str:
    return "".join(CLAIM_FILE.format(id=f"{theme}.{name}", name=name) for name in names)


def test_claims_of_a_file_come_in_the_order_of_their_definition(tmp_path: Path) -> None:
    file = tmp_path / "my claims.py"
    file.write_text(claim_text("b", "a"))
    found = claims_from_file(file)
    assert [item.id for item in found] == ["mine.b", "mine.a"]
    assert str(tmp_path) not in sys.path
    module = found[0].check.__module__
    assert sys.modules[module] is load_claim_file(file)
    assert loaded_claim_file(module) == file
    assert loaded_claim_file("verify.ledger") is None


def test_a_claim_file_that_fails_names_its_line(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("import json\n\ndef read():\n    return json.loads('{')\n\nread()\n")
    with pytest.raises(ClaimFileError, match=r"JSONDecodeError: .* \(line 4\)$"):
        claims_from_file(tmp_path / "mine.py")


@pytest.mark.parametrize(
    ("name", "text", "match"),
    [
        ("none.py", None, "claims must name an existing Python file, got .*none.py"),
        ("claims.txt", "", "claims must name an existing Python file, got .*claims.txt"),
        ("broken.py", "1 / 0", "claims must name a file that imports, got .*broken.py': ZeroDivisionError"),
        ("empty.py", "x = 1", "claims must name a file that defines at least one claim, got .*empty.py' without any"),
        ("twice.py", claim_text("a") + claim_text("a").replace("def a", "def b"), "ids must be unique in .*'mine.a'"),
    ],
)
def test_a_claim_file_that_cannot_be_used_says_why(tmp_path: Path, name: str, text: str | None, match: str) -> None:
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(ClaimFileError, match=match):
        claims_from_file(tmp_path / name)


def make_package(root: Path, name: str, files: dict[str, str]) -> None:
    for path, text in ({"__init__.py": ""} | files).items():
        file = root / name / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


def test_discovery_walks_modules_and_subpackages_and_ignores_imported_claims(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {
        "zeta.py": claim_text("last", theme="zeta"),
        "two_words/__init__.py": "from ledger_demo.two_words.part import first\n",
        "two_words/part.py": claim_text("first", theme="two-words"),
    }
    make_package(tmp_path, "ledger_demo", files)
    monkeypatch.syspath_prepend(str(tmp_path))
    assert [item.id for item in discover("ledger_demo")] == ["two-words.first", "zeta.last"]


def test_a_theme_may_say_in_which_order_its_modules_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {"index/__init__.py": 'READING_ORDER = ("c", "nowhere", "b")'}
    files |= {f"index/{name}.py": claim_text(name, theme="index") for name in ("a", "b", "c", "d")}
    make_package(tmp_path, "ledger_order", files)
    monkeypatch.syspath_prepend(str(tmp_path))
    assert [item.id for item in discover("ledger_order")] == ["index.c", "index.b", "index.a", "index.d"]


def test_an_id_that_does_not_start_with_its_theme_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_package(tmp_path, "ledger_stray", {"index.py": claim_text("a", theme="spectrum")})
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ClaimFileError, match=r"must have ids that start with 'index.', got 'spectrum.a'"):
        discover("ledger_stray")


def test_equal_ids_in_a_package_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {"index/__init__.py": "", "index/a.py": claim_text("a", theme="index")}
    make_package(tmp_path, "ledger_twins", files | {"index/b.py": claim_text("a", theme="index")})
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ClaimFileError, match=r"ids must be unique in ledger_twins, got 'index.a' twice"):
        discover("ledger_twins")


def test_a_file_that_python_has_no_loader_for_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "odd.py"
    file.write_text(claim_text("a"))
    monkeypatch.setattr("importlib.util.spec_from_file_location", lambda *_: None)
    with pytest.raises(ClaimFileError, match=r"claims must name a file that Python can import, got .*odd.py"):
        load_claim_file(file)


def test_a_claim_file_that_exits_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "exits.py"
    file.write_text("raise SystemExit('bye')")
    with pytest.raises(ClaimFileError, match=r"claims must name a file that imports, got .*exits.py': SystemExit: bye"):
        load_claim_file(file)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"expects": "PROVED"}, "expects must be a set of verdicts, got PROVED"),
        ({"expects": 5}, "expects must be a set of verdicts, got 5"),
        ({"expects": {"PROVED"}}, r"expects of index.typed must be a set of verdicts, got \{'PROVED'\}"),
        ({"assumptions": (1,)}, r"assumptions of index.typed must be sentences, got \(1,\)"),
        ({"title": 7}, "title of a claim must be a str, got 7"),
        ({"source": "a paper"}, "source of a claim must be a Source, got 'a paper'"),
    ],
)
def test_what_is_of_the_wrong_type_is_refused_where_it_is_written(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(TypeError, match=message):

        @claim("index.typed", **({"source": SOURCE} | changes))
        def typed(bench: Any) -> Iterator[Comparison]:
            """It is typed."""
            yield from ()


def test_a_flaw_is_of_a_known_kind() -> None:
    with pytest.raises(
        ValueError, match=r"flaw of index.demo must be one of misprint, overstatement, assumption, got 'typo'"
    ):

        @claim("index.demo", source=Source(PENNINGTON_BAHRI_2017), flaw="typo")  # type: ignore[arg-type]
        def demo(bench: object) -> Iterator[Comparison]:
            """A statement."""
            yield from ()


def test_a_correction_that_is_left_open_makes_no_erratum() -> None:
    """The claim is refuted, but the rival's set cuts the interval: neither stands."""
    item = make({Verdict.REFUTED})
    cell = Cell("x", Evidence.INTERVAL, Interval(2, 4), claimed=Interval(0, 1), rival=Interval(3, 5))
    comparison = Comparison(title="t", rule="R", cells=(cell,))
    outcome = item.conclude([comparison.decide()])
    assert outcome.verdict is Verdict.REFUTED
    assert not outcome.as_expected
    assert "its correction does not stand (the rival is straddling)" in outcome.why_not


def test_an_open_question_is_no_erratum_though_it_may_be_refuted() -> None:
    item = make(OPEN)
    assert item.open
    assert not item.erratum
