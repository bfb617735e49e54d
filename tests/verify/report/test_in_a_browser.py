"""The report as a browser shows it: from disk, without a network, wide and narrow, light and dark.

Needs the extra ``browser`` and a Chromium, on the path or named by the variable CHROMIUM.
"""

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from verify.report.html import write_report

playwright = pytest.importorskip("playwright.sync_api", reason="needs the extra browser")
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
if not CHROMIUM:
    pytest.skip("needs a chromium on the path, or named by CHROMIUM", allow_module_level=True)

SCREENS = {"desk": {"width": 1280, "height": 900}, "phone": {"width": 390, "height": 844}}
NO_CLIPBOARD = "delete Navigator.prototype.clipboard; document.execCommand = () => false;"


@pytest.fixture(scope="module")
def address(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_report(sample, tmp_path_factory.mktemp("browser") / "report.html").as_uri()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as started:
        running = started.chromium.launch(executable_path=CHROMIUM)
        yield running
        running.close()


class Visit:
    """A page opened from disk, with everything that it asked for and complained of."""

    def __init__(self, browser: Any, address: str, screen: str, scheme: str, script: str = "") -> None:
        self.context = browser.new_context(viewport=SCREENS[screen], color_scheme=scheme)
        self.page = self.context.new_page()
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        if script:
            self.page.add_init_script(script)
        self.page.goto(address)

    def close(self) -> None:
        self.context.close()

    def rows(self) -> list[dict[str, Any]]:
        """Return what every row of the ledger says, and whether it is shown."""
        found: list[dict[str, Any]] = self.page.locator(".ledger tbody tr").evaluate_all(
            "rows => rows.map(row => ({shown: row.offsetParent !== null,"
            " ident: row.querySelector('.ident').textContent, from: row.querySelector('.from').textContent,"
            " verdict: row.lastElementChild.textContent}))"
        )
        return found


@pytest.fixture(scope="module", params=["desk light", "desk dark", "phone light", "phone dark"])
def visit(request: pytest.FixtureRequest, browser: Any, address: str) -> Iterator[Visit]:
    opened = Visit(browser, address, *request.param.split())
    yield opened
    opened.close()


@pytest.fixture
def desk(browser: Any, address: str) -> Iterator[Visit]:
    opened = Visit(browser, address, "desk", "light")
    yield opened
    opened.close()


def test_nothing_leaves_the_page_and_nothing_goes_wrong(visit: Visit, address: str) -> None:
    visit.page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
    assert [url for url in visit.requests if url != address and not url.startswith("data:")] == []
    assert visit.complaints == []


def test_the_page_does_not_scroll_sideways(visit: Visit) -> None:
    width, room = visit.page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
    assert width <= room


def test_every_number_of_a_figure_is_legible(visit: Visit) -> None:
    """Glyphs are drawn as paths; digits 8 pixels high are those of a font of 12."""
    heights = visit.page.locator("svg.canvas").evaluate_all(
        "figures => figures.map(figure => Math.max(...[...figure.querySelectorAll('[id*=tick_] [id*=text_]')]"
        ".map(label => label.getBoundingClientRect().height)))"
    )
    assert heights
    assert min(heights) >= 8


def test_text_stands_out_from_its_paper(visit: Visit) -> None:
    colours = visit.page.evaluate(
        "[getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]"
    )
    light = [luminance(*map(int, re.findall(r"\d+", colour)[:3])) for colour in colours]
    assert (max(light) + 0.05) / (min(light) + 0.05) >= 7


def test_every_link_in_the_page_has_a_target(desk: Visit) -> None:
    dangling = desk.page.evaluate(
        "[...document.querySelectorAll('a[href^=\"#\"], use')].map(link => link.getAttribute('href'))"
        ".filter(target => !document.getElementById(target.slice(1)))"
    )
    assert dangling == []
    link = desk.page.locator(".ledger a").last
    link.click()
    heading = desk.page.locator(f'[id="{(link.get_attribute("href") or "")[1:]}"] h3')
    assert heading.bounding_box()["y"] == pytest.approx(0, abs=SCREENS["desk"]["height"] / 3)


@pytest.mark.parametrize(("name", "where"), [("theme", "ident"), ("source", "from"), ("verdict", "verdict")])
def test_a_filter_shows_the_rows_that_fit_and_hides_the_rest(desk: Visit, name: str, where: str) -> None:
    choice = desk.page.locator(f"select[name={name}]")
    labels = [label for label in choice.locator("option").all_text_contents() if label != "all"]
    assert len(labels) >= 2
    for label in labels:
        choice.select_option(label=label)
        rows = desk.rows()
        shown = [row["ident"] for row in rows if row["shown"]]
        assert shown == [row["ident"] for row in rows if label in row[where]]
        assert shown
        assert desk.page.locator(".shown").text_content() == f"{len(shown)} of {len(rows)} claims"
    desk.page.get_by_role("button", name="Show all").click()
    assert all(row["shown"] for row in desk.rows())
    assert choice.input_value() == ""


def test_filters_are_joined_by_and(desk: Visit) -> None:
    desk.page.locator("select[name=theme]").select_option(label="spectrum")
    desk.page.locator("select[name=verdict]").select_option(label="ERROR")
    assert not any(row["shown"] for row in desk.rows())


def test_the_copy_button_copies_the_command(desk: Visit) -> None:
    rerun = desk.page.locator(".rerun").first
    rerun.get_by_role("button").click()
    desk.page.wait_for_function("document.querySelector('.rerun button').textContent !== 'Copy'")
    assert rerun.get_by_role("button").text_content() == "Copied"
    desk.page.evaluate("document.body.append(Object.assign(document.createElement('textarea'), {id: 'pasted'}))")
    desk.page.locator("#pasted").press("Control+V")
    assert desk.page.locator("#pasted").input_value() == rerun.locator("code").text_content()


def test_without_a_clipboard_the_button_says_so(browser: Any, address: str) -> None:
    visit = Visit(browser, address, "desk", "light", NO_CLIPBOARD)
    button = visit.page.locator(".rerun button").first
    button.click()
    visit.page.wait_for_function("document.querySelector('.rerun button').textContent !== 'Copy'")
    assert button.text_content() == "Select and copy by hand"
    assert visit.complaints == []
    visit.close()


def luminance(*channels: int) -> float:
    """Return the relative luminance of a colour, as WCAG 2 has it."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (k / 255 for k in channels)]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
