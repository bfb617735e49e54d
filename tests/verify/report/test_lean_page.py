import re
from pathlib import Path

import numpy as np
import pytest

import verify.report
from verify.report.figures import figure_svg
from verify.report.formulas import Formulas
from verify.report.lean_page import lean, with_short_names

X = np.linspace(1.0, 4.0, 40)
LONG = r"\left(\frac{a + \sqrt{b}}{1 + x^2}\right)^3 = \sum_{j=1}^n c_j x^j + \int_0^1 f(t)\,\mathrm{d}t"


def picture(key: str, *kinds: str) -> str:
    columns = {
        "line": {"x": X, "y": np.sin(X)},
        "points": {"x": X, "y": X, "errors": np.full(40, 0.2)},
        "band": {"x": X, "lower": X - 1, "upper": X + 1},
    }
    arrays = {f"{kind}/{name}": values for kind in kinds for name, values in columns[kind].items()}
    layers = [
        {"kind": kind, "label": "", "arrays": {name: f"{kind}/{name}" for name in columns[kind]}} for kind in kinds
    ]
    axis = {"label": "", "scale": "linear"}
    return figure_svg({"title": "A: b; c", "x": axis, "y": axis, "layers": layers}, arrays, key=key)


@pytest.fixture(scope="module")
def page() -> str:
    formulas = Formulas()
    drawn = [formulas.draw(latex) for latex in (LONG, "x", LONG, "x", LONG)]
    pictures = [picture("a.b/c", "line", "points"), picture("a.b/d", "points", "band"), picture("a.b/e", "line")]
    return "<p>First: a; b</p><!--glyphs-->" + "<p> 0.123456 </p>".join([*pictures, *drawn])


def numbers(page: str, attribute: str) -> list[list[float]]:
    """All numbers of an attribute's values within the pictures."""
    pictures = "".join(re.findall(r'<svg class="canvas".*?</svg>', page, re.DOTALL))
    values = re.findall(rf' {attribute}="([^"]*)"', pictures)
    return [[float(number) for number in re.findall(r"-?\d*\.?\d+", value)] for value in values]


def test_ids_are_unique_and_everything_that_is_referred_to_is_there(page: str) -> None:
    light = lean(page)
    ids = re.findall(r' id="([^"]*)"', light)
    assert len(ids) == len(set(ids))
    referred = set(re.findall(r'(?:href="|url\()#([^")]*)', light))
    assert {name for name in referred - set(ids) if not re.fullmatch(r"[gh][0-9a-f]+", name)} == set()  # glyphs: later


def test_every_mark_stands_where_it_stood(page: str) -> None:
    light = lean(page)
    for attribute in ("x", "y"):
        before, after = numbers(page, attribute), numbers(light, attribute)
        np.testing.assert_allclose(np.concatenate(after), np.concatenate(before), rtol=0, atol=0.00501)
    lines = [max(numbers(text, "d"), key=len) for text in (page, light)]
    np.testing.assert_allclose(lines[1], lines[0], rtol=0, atol=0.00501)


def test_every_picture_keeps_its_styles_and_its_label(page: str) -> None:
    light = lean(page)
    assert light.count('aria-label="A: b; c"') == page.count('aria-label="A: b; c"') == 3
    for series in range(2):
        assert (f"var(--series-{series})" in light) == (f"var(--series-{series})" in page)
    styles = [{re.sub(r"\s", "", style) for style in re.findall(r'style="([^"]*)"', text)} for text in (page, light)]
    assert styles[0] - styles[1] <= {"fill:currentColor;stroke:currentColor;stroke-width:0.8"}
    assert "stroke:currentColor;stroke-width:0.8" in styles[1]  # of a tick, which is a line: it has nothing to fill


def test_a_formula_has_its_colour_from_the_style_of_the_page(page: str) -> None:
    assert all('fill="currentColor"' in head for head in re.findall(r'<svg class="tex"[^>]*>', page))
    assert not any("fill" in head for head in re.findall(r'<svg class="tex"[^>]*>', lean(page)))
    style = (Path(verify.report.__file__).parent / "templates" / "style.css").read_text()
    assert re.search(r"\.tex \{[^}]*fill: currentColor", style)


def test_what_is_drawn_again_is_written_once(page: str) -> None:
    light = lean(page)
    assert len(light) < 0.6 * len(page)
    assert light.count('<svg class="tex"') == page.count('<svg class="tex"') == 5
    assert light.count('<use href="#t0"/>') == 3
    letters = re.findall(r'<path id="(STIX[^"]*)"', light)
    assert len(letters) == len(set(letters)) > 3


def test_words_stay_as_they_are_and_the_same_page_gives_the_same_bytes(page: str) -> None:
    light = lean(page)
    words = [re.sub(r"<svg.*?</svg>", "", text, flags=re.DOTALL) for text in (page, light)]
    assert words[0] == words[1]
    assert light == lean(page)


def test_short_names_are_new_and_the_page_draws_what_it_drew(page: str) -> None:
    whole = '<a id="a" href="#b">b</a><i id="b"></i>' + lean(page).replace("<!--glyphs-->", "", 1)
    light = with_short_names(whole)
    before, after = (re.findall(r'<use href="#([^"]*)"', text) for text in (whole, light))
    names = dict(zip(before, after, strict=True))
    assert len(set(names.values())) == len(names)
    assert not {"a", "b"} & set(names.values())
    for old, new in names.items():
        assert whole.count(f'id="{old}"') == light.count(f'id="{new}"') <= 1
    assert re.sub(r'( id="|href="#|url\(#)[^")]*', "", light) == re.sub(r'( id="|href="#|url\(#)[^")]*', "", whole)
    assert '<a id="a" href="#b">b</a><i id="b"></i>' in light
    most = max(before, key=before.count)
    assert len(names[most]) == 1
    assert with_short_names(whole) == light


def test_a_page_without_pictures_stays_as_it_is() -> None:
    assert lean("<p>Nothing drawn.</p><!--glyphs-->") == "<p>Nothing drawn.</p><!--glyphs-->"
