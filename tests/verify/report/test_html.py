import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, TypeVar

import pytest

from verify.report.formulas import Formulas
from verify.report.html import claim_html, finding_html, write_report
from verify.store import SCHEMA_VERSION

T = TypeVar("T")
Records = list[tuple[dict[str, Any], dict[str, Any]]]
VOID = {"meta", "link", "br", "input", "hr", "img"}


class Page(HTMLParser):
    """Reads a page and checks on the way that every element is closed where it should be."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.resources: list[str] = []
        self.anchors: list[str] = []
        self.text: list[str] = []
        self.counts: dict[str, int] = {}
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_startendtag(tag, attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.counts[tag] = self.counts.get(tag, 0) + 1
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            elif name in ("href", "xlink:href") and tag == "a":
                self.anchors.append(value or "")
            elif name in ("src", "srcset", "href", "xlink:href", "data", "action", "poster", "background"):
                self.resources.append(value or "")

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open[-1] == tag, f"</{tag}> closes <{self.open[-1]}> at {self.getpos()}"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        self.text.append(data)


@pytest.fixture(scope="module")
def html(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_report(sample, tmp_path_factory.mktemp("report") / "r.html").read_text(encoding="utf-8")


class Helpers:
    """Workers of which the first few die over what they are given, and of which none is left after so many more."""

    def __init__(self, dying: int, living: int) -> None:
        self.dying, self.left = dying, dying + living

    def begin(self, work: Callable[..., T], *arguments: Any) -> "Future[T]":
        if not self.left:
            raise BrokenProcessPool("no worker is left")
        self.left -= 1
        begun: Future[T] = Future()
        if self.dying:
            self.dying -= 1
            begun.set_exception(BrokenProcessPool("a worker died"))
        else:
            begun.set_result(work(*arguments))
        return begun


@pytest.mark.parametrize(("dying", "living"), [(0, 100), (1, 100), (1, 0), (0, 0)])
def test_a_page_is_the_same_whoever_draws_its_pictures(
    sample: Path, html: str, tmp_path: Path, dying: int, living: int
) -> None:
    page = write_report(sample, tmp_path / "r.html", pool=Helpers(dying, living))
    assert page.read_text(encoding="utf-8") == html


@pytest.fixture(scope="module")
def page(html: str) -> Page:
    return Page(html)


def test_the_page_is_balanced_and_its_ids_are_unique(page: Page) -> None:
    assert page.open == []
    assert len(page.ids) == len(set(page.ids))


def test_the_page_asks_for_nothing_outside_itself(html: str, page: Page) -> None:
    assert page.resources
    assert all(resource.startswith(("#", "data:")) for resource in page.resources)
    style = "".join(re.findall(r"<style>(.*?)</style>", html, re.DOTALL))
    assert "@import" not in style
    assert "@font-face" not in style
    assert "http" not in style
    assert not re.search(r"url\((?!#)", html)
    assert not re.search(r"fetch\(|XMLHttpRequest|WebSocket|import\(|sendBeacon", html)


def test_every_link_within_the_page_has_a_target(page: Page) -> None:
    targets = set(page.ids)
    inner = [anchor[1:] for anchor in page.anchors + page.resources if anchor.startswith("#")]
    assert len(inner) > 100
    assert set(inner) <= targets


def test_the_first_screen_is_a_sentence_the_counts_and_a_table_of_all_claims(html: str) -> None:
    top = html[: html.index('class="claim"')]
    assert (
        "Three of four decided claims came out as expected, one did not, one is left to a larger profile, one is "
        "skipped; the one open question was not answered."
    ) in top
    assert re.search(r'<span class="n">1</span><span class="outcome CERTIFIED">CERTIFIED</span>', top)
    assert len(re.findall(r"<tr data-theme=", top)) == 7
    assert 'data-verdict="ERROR|not as expected"' in top
    assert 'data-source="pennington-bahri-2017|Oxford C6.5, lecture 9"' in top


def test_the_table_is_a_plain_table_without_the_script(html: str) -> None:
    assert re.search(r'<div class="controls" hidden>', html)
    assert all(" hidden" in button for button in re.findall(r"<button[^>]*>Copy", html))


def test_each_claim_has_its_section_in_the_order_of_a_paper(html: str, records: Records) -> None:
    for record, _ in records:
        start = html.index(f'<section class="claim" id="{record["id"]}">')
        section = html[start : html.index("</section>", start)]
        marks = ['class="statement', "<dt>Source</dt>", 'class="derivation"', 'class="plots"', "What was compared"]
        places = [section.index(mark) for mark in [*marks, record["command"]] if mark in section]
        assert places == sorted(places)
        assert len(places) >= 3
        assert re.search(r"took [\d.]+ s", section)


def test_every_formula_of_the_store_is_drawn(html: str, records: Records) -> None:
    drawn = set(re.findall(r'class="tex" role="img" aria-label="([^"]*)"', html))
    for record, _ in records:
        texts = [record["statement"], record["title"], *record["assumptions"]]
        formulas = [match for text in texts for match in re.findall(r"\$+([^$]+)\$+", text)]
        for finding in record["findings"]:
            formulas += [step["latex"] for step in (finding["derivation"] or {"steps": []})["steps"] if step["latex"]]
        for formula in formulas:
            assert formula.replace("<", "&lt;") in drawn
    assert "$" not in "".join(Page(re.sub(r"<(script|style)>.*?</\1>", "", html, flags=re.DOTALL)).text)


def test_pictures_and_formulas_are_legible_in_the_dark(html: str) -> None:
    """Nothing but the heat map and its legend has a colour of its own; every series is defined light and dark."""
    svgs = "".join(re.findall(r"<svg.*?</svg>", html, re.DOTALL))
    assert set(re.findall(r"#[0-9a-f]{6}\b", re.sub(r'href="#[^"]*"|url\([^)]*\)', "", svgs))) == {"#482878", "#a5db36"}
    for series in set(re.findall(r"var\((--series-\d)\)", svgs)):
        assert html.count(f"{series}:") == 2
    assert svgs.count("currentColor") > 50


def test_a_row_says_what_was_claimed_and_how_it_lies(html: str) -> None:
    assert "[−0.613, −0.381]" in html
    assert "cuts the interval" in html
    assert "left edge, worst of 20" in html
    assert "would be supported" in html
    assert "counts, so use Proportion or Agrees" in html
    assert "20 independent replicates; margin: 0.1" in html


def test_errata_open_questions_and_provenance_follow_the_claims(html: str) -> None:
    errata, questions, provenance = (
        html.index(f'<section id="{name}">') for name in ("errata", "open-questions", "provenance")
    )
    assert html.rindex('class="claim"') < errata < questions < provenance
    assert 'shown by <a href="#index.critical-energy">' in html[errata:questions]
    assert "a prefactor of 1/16" in html[errata:questions]
    assert "3 x 0.0001 = 0.0003" in html[provenance:]
    assert "0f3ac2f1e6a94d3cb6e1b7a45a3c9f10" in html[provenance:]


def test_what_is_right_stands_among_the_errata_with_what_the_data_show_below_it(
    records: Records, save: Callable[..., Path]
) -> None:
    erratum = next(record for record, _ in records if record["erratum"])
    erratum["right"] = "The prefactor is *one sixteenth*."
    page = write_report(save(records)).read_text()
    right = page[page.index("<dt>Right</dt>", page.index('<section id="errata">')) :]
    right = right[: right.index("<dt>Verdict</dt>")]
    assert right.startswith("<dt>Right</dt><dd><p>The prefactor is <em>one sixteenth</em>.</p>")
    assert 'shown by <a href="#index.critical-energy">' in right
    assert "Found on the same data (&ldquo;prefactor&rdquo;): a prefactor of 1/16" in right


def test_what_an_identity_holds_against_the_prediction_is_called_derived(records: Records) -> None:
    identity = next(found for record, _ in records for found in record["findings"] if found["rule"] == "Identity")
    html = finding_html(identity)
    assert '<th scope="col">Derived</th>' in html
    assert "Measured" not in html
    assert '<th scope="col">Measured</th>' in finding_html({**identity, "rule": "Agrees"})


def test_an_open_question_tells_what_its_comparisons_came_out_as(records: Records, save: Callable[..., Path]) -> None:
    question = next(record for record, _ in records if record["open"])
    question["findings"] = [{**question["findings"][0], "verdict": word} for word in ("REFUTED", "SUPPORTED")]
    page = write_report(save(records)).read_text()
    words = "an open question: of its two comparisons one is supported, one is refuted"
    assert page.count(words) == 3  # in the table, in its section and among the open questions
    asked = page[page.index('<section id="open-questions">') : page.index('<section id="provenance">')]
    assert '<p class="text"><span class="outcome REFUTED">REFUTED</span> ' in asked


def test_a_claim_of_which_a_part_is_deferred_says_so_wherever_its_verdict_stands(
    records: Records, save: Callable[..., Path]
) -> None:
    record = next(record for record, _ in records if record["verdict"] == "SUPPORTED" and not record["open"])
    later = {"verdict": None, "status": "DEFERRED", "decided_from": "standard"}
    findings = [record["findings"][0], {**record["findings"][0], **later, "title": "what is later"}]
    partly = {**record, "verdict": "PROVED", "findings": findings, "expects": ["SUPPORTED"], "figures": []}
    page = write_report(save([(partly, {})])).read_text()
    told = 'SUPPORTED">SUPPORTED</span><span class="small">so far, 1 of 2 findings deferred to standard;</span>'
    assert page.count(told) == 2  # in the table and in its header
    assert "the one claim came out as expected, on part of its findings" in page.lower()


def test_an_error_shows_its_traceback_escaped(html: str) -> None:
    assert "A claim whose check &lt;fails&gt;" in html
    assert "File &#34;zoo.py&#34;, line 3" in html


def test_the_same_store_gives_the_same_bytes_within_the_bound(sample: Path, tmp_path: Path, html: str) -> None:
    again = tmp_path / "moved"
    shutil.copytree(sample, again)
    written = write_report(again)
    assert written == again / "report.html"
    assert written.read_text(encoding="utf-8") == html
    assert written.stat().st_size < 1_000_000  # seven claims; a report of the whole ledger may have eight times that


def test_another_process_writes_the_same_bytes_and_loads_neither_torch_nor_sympy(
    sample: Path, tmp_path: Path, html: str
) -> None:
    code = (
        "import sys, pathlib\n"
        "from verify.report.html import write_report\n"
        "write_report(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))\n"
        "found = {'torch', 'sympy', 'theory', 'numerics', 'scipy.stats', 'matplotlib.pyplot'} & set(sys.modules)\n"
        "print(sorted(found))\n"
    )
    target = tmp_path / "deep" / "er" / "report.html"
    done = subprocess.run(
        [sys.executable, "-c", code, sample, target], capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout.strip() == "[]"
    assert target.read_text(encoding="utf-8") == html


def test_an_interrupted_run_says_what_was_not_reached(records: Records, save: Callable[..., Path]) -> None:
    folder = save(records[3:4], state="interrupted", claims=[records[3][0]["id"], "index.later"])
    html = write_report(folder).read_text(encoding="utf-8")
    assert "one more was not reached" in html
    assert "This run was interrupted" in html
    assert "Not reached: index.later" in html


def test_a_run_without_a_finished_claim_still_has_a_report(save: Callable[..., Path]) -> None:
    html = write_report(save([], state="running")).read_text(encoding="utf-8")
    assert "No claim has been finished yet." in html
    assert Page(html).open == []


def test_equal_cells_are_one_row_with_their_count(records: Records) -> None:
    finding = records[4][0]["findings"][0]
    finding["cells"] = [finding["cells"][0]] * 3
    html = finding_html(finding)
    assert html.count("[0.3712, 0.3771]") == 1
    assert "mean loss, worst of 3" in html


def test_long_texts_stand_below_their_row(records: Records) -> None:
    finding = records[3][0]["findings"][0]
    finding["shown"] = {"measured": " and ".join(f"$\\phi^{k}$ ({k} of them)" for k in range(12))}
    html = finding_html(finding)
    assert '<th class="title" scope="rowgroup" rowspan="1" colspan="3">' in html
    assert Page(html).open == []


def test_fragments_stand_alone_in_a_notebook(records: Records) -> None:
    for record, arrays in records:
        page = Page(claim_html(record, arrays))
        assert page.open == []
        used = {resource[1:] for resource in page.resources if resource.startswith("#")}
        assert used <= set(page.ids)
    record, arrays = records[0]
    assert "<figure" in claim_html(record, arrays)
    assert "<figure" not in claim_html(record)


def test_a_fragment_shows_its_derivation(records: Records) -> None:
    html = finding_html(records[2][0]["findings"][0])
    assert "Derivation: Critical energy" in html
    assert "checked in ball arithmetic: holds" in html


def test_a_failed_step_is_shown_as_failed(records: Records) -> None:
    finding = records[2][0]["findings"][0]
    finding["derivation"]["passed"] = finding["derivation"]["steps"][0]["passed"] = False
    html = finding_html(finding)
    assert "Not every step holds" in html
    assert 'checked exactly: <span class="unexpected">fails</span>' in html


def test_a_formula_that_cannot_be_drawn_stands_as_its_source_and_is_told(
    records: Records, save: Callable[..., Path]
) -> None:
    records[0][0]["figures"][0]["caption"] = r"Let $\nosuch{x}$ be."
    page = write_report(save(records[:2])).read_text()
    assert r">\nosuch{x}</code>" in page
    assert 'title="a formula must use commands that can be drawn' in page
    told = page[page.index("Some formulas could not be drawn") :]
    assert '<a href="#spectrum.semicircle">' in told[: told.index("</div>")]


def test_notes_on_wording_stand_on_the_page_of_errata(records: Records, save: Callable[..., Path]) -> None:
    note = {"lecture": "A lecture", "slide": "A slide", "statement": "$x$ is.", "said": "a *slip*", "meant": "no slip"}
    page = write_report(save([records[1]], notes=[note])).read_text()
    assert '<a href="#errata">Errata</a>' in page
    errata = page[page.index('<section id="errata">') :]
    assert "Notes on wording" in errata
    assert "a <em>slip</em>" in errata
    assert "A lecture, slide &ldquo;A slide&rdquo;" in errata


def test_a_report_that_cannot_be_written_is_refused(records: Records, save: Callable[..., Path]) -> None:
    folder = save(records[:1])
    (folder / "report.html").mkdir()
    with pytest.raises(ValueError, match=r"the report must be a file that can be written, got .*report.html: Is a dir"):
        write_report(folder)


def test_a_record_that_lacks_something_is_refused(records: Records, save: Callable[..., Path]) -> None:
    del records[0][0]["findings"][0]["message"]
    with pytest.raises(ValueError, match=r"claim 'spectrum.semicircle' must be as the store's schema says, .*message"):
        write_report(save(records[:1]))


def test_arrays_that_cannot_be_read_are_refused(records: Records, save: Callable[..., Path]) -> None:
    folder = save(records[:1])
    (folder / "claims" / "spectrum.semicircle.safetensors").write_bytes(b"no")
    with pytest.raises(ValueError, match=r"the arrays of claim 'spectrum.semicircle' must be safetensors, got"):
        write_report(folder)


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"run must be the folder of a run, got .*: run.json is missing"):
        write_report(tmp_path)


def test_a_manifest_that_lacks_something_is_refused(save: Callable[..., Path]) -> None:
    folder = save([])
    (folder / "run.json").write_text(json.dumps({"schema": SCHEMA_VERSION, "claims": []}))
    with pytest.raises(ValueError, match=r"run.json must be as the store's schema says, and has no state"):
        write_report(folder)


def test_a_derivation_shared_by_two_claims_is_shown_once_and_named_the_second_time(
    records: Records, save: Callable[..., Path]
) -> None:
    twin = json.loads(json.dumps(records[2][0])) | {"id": "index.twin", "corrects": None}
    html = write_report(save([records[2], (twin, {})])).read_text(encoding="utf-8")
    assert html.count('<ol class="steps">') == 1
    assert 'The same as under <a href="#index.critical-energy">' in html
    assert claim_html(twin).count('<ol class="steps">') == 1


def test_powers_of_ten_are_typeset(html: str) -> None:
    assert "lies within 10<sup>−20</sup> of 0" in html


def test_a_formula_stored_beside_its_text_is_drawn_in_its_place_as_large_as_on_a_line_of_its_own(
    html: str, records: Records
) -> None:
    correction = r"\frac{1 - 20\phi - 8\phi^2 + (1 + 8\phi)^{3/2}}{16}"
    drawn = str(Formulas().draw(correction, display=True))
    size = drawn.partition(" fill=")[0]  # label, size and place; what is drawn more than once is written elsewhere
    assert html.count(size) == 3  # the claim's prediction, the erratum's rival, and that rival among the errata
    assert "**(3/2)" not in html
    head, mark, _ = Formulas().draw(r"\phi").replace(' fill="currentColor"', "").partition("<use")
    assert re.search(rf'difference at {re.escape(head + mark)} href="#\w+"/></svg> = 0.5', html)
    plain = finding_html({**records[3][0]["findings"][0], "shown": {}})
    assert "**(3/2)" in plain


@pytest.mark.parametrize(("formula", "below"), [(r"$\alpha^2 + n_s$", False), ("$" + "+".join("abcdefgh") + "$", True)])
def test_a_formula_too_wide_for_a_column_stands_below_its_row(records: Records, formula: str, below: bool) -> None:
    finding = {**records[3][0]["findings"][0], "shown": {"predicted": formula, "rival": "0"}}
    html = finding_html(finding)
    assert ('colspan="3"' in html) is below
    assert ('<p class="formula"><span class="label">Predicted' in html) is below
