import re
import subprocess
import sys

import pytest

from verify.report.formulas import Formulas, refuse_bad_formula
from verify.report.prose import Prose


def width_of(latex: str) -> float:
    """Return the width of a drawn formula, in em."""
    return float(re.findall(r"width:([\d.]+)em", str(Formulas().draw(latex)))[0])


@pytest.mark.parametrize(
    ("latex", "rule"),
    [
        (r"\tfrac{1}{16", r"must have balanced braces, got '.*tfrac"),
        (r"x}{", r"must have balanced braces, got 'x}{'"),
        (r"\badmacro{x}", r"must use commands that can be drawn, got \\badmacro in"),
        (r"\left( x", r"must be LaTeX that can be read, got '.*left\( x' \(ExtraLeftOrMissingRightError\)"),
        (r"x^", r"must be LaTeX that can be read, got 'x\^'"),
        (r"\frac{a}", r"must be one that ziamath can draw, got '.*frac{a}'"),
        (r"\begin{foo}a\end{foo}", r"must use environments that can be drawn, got 'foo'"),
        (r"\text{中}", r"must use characters that have a glyph, got one without"),
        ("  ", r"must not be empty, got '  '"),
    ],
)
def test_a_formula_that_would_be_drawn_wrongly_is_refused(latex: str, rule: str) -> None:
    with pytest.raises(ValueError, match=rule):
        refuse_bad_formula(latex)


@pytest.mark.parametrize(
    "latex",
    [
        r"\{x\} \in \mathbb{R}",
        r"\operatorname{tr}(H_0 H_1)",
        r"\begin{pmatrix}0 & M \\ M^\top & 0\end{pmatrix}",
        r"\begin{cases}a & x < 0 \\ b & x \ge 0\end{cases}",
        r"\left.\frac{\partial z}{\partial g}\right|_{g < 0}",
        r"\lVert x \rVert \le \sqrt[3]{\hat{y}}, \quad \text{if } \mathrm{d}x \ne 0",
    ],
)
def test_what_papers_write_is_drawn(latex: str) -> None:
    refuse_bad_formula(latex)


def test_the_baseline_of_a_letter_is_the_baseline_of_the_text() -> None:
    """What the view box has below y = 0 is what the picture is lowered by, in em of 12 units."""
    svg = Formulas().draw("g")
    _, y, _, height = (float(number) for number in re.search(r'viewBox="([^"]*)"', svg)[1].split())
    lowered = float(re.search(r"vertical-align:([-.\d]+)em", svg)[1])
    assert lowered < 0
    assert lowered == pytest.approx(-(y + height) / 12, abs=1e-3)


def test_a_formula_takes_the_colour_and_the_size_of_the_text() -> None:
    svg = Formulas().draw(r"\frac{a}{\sqrt{b}} + \boxed{c}")
    assert 'fill="currentColor"' in svg
    assert 'stroke="currentColor"' in svg
    assert "black" not in svg
    assert re.search(r"width:[.\d]+em;height:[.\d]+em", svg)


def test_every_glyph_that_a_formula_places_is_defined_once() -> None:
    formulas = Formulas()
    drawn = [formulas.draw(latex) for latex in ("x", r"x + \Big| y \Big|", r"\left(\frac{x}{y}\right)^2")]
    used = set(re.findall(r'href="#(\w+)"', "".join(drawn)))
    defined = re.findall(r'id="(\w+)"', formulas.glyphs())
    assert used == set(defined)
    assert len(defined) == len(set(defined))


def test_a_tall_bar_put_together_from_pieces_is_drawn_and_always_named_alike() -> None:
    first, second = Formulas(), Formulas()
    assert first.draw(r"\Bigg|") == second.draw(r"\Bigg|")
    assert re.search(r'id="h[0-9a-f]{12}" d="M', first.glyphs())


def test_phi_is_italic_as_other_variables_are() -> None:
    assert Formulas().draw(r"\phi") == Formulas().draw("\N{MATHEMATICAL ITALIC PHI SYMBOL}").replace(
        "\N{MATHEMATICAL ITALIC PHI SYMBOL}", r"\phi"
    )


@pytest.mark.parametrize(
    "latex", ["(%s1, 2)", "(2, %s1)", "x = %s1", r"x \le %s1", r"\left[%s1, 2\right]", r"a \cdot %sb"]
)
def test_a_sign_stands_close_to_its_number_and_a_minus_that_subtracts_does_not(latex: str) -> None:
    sign = width_of(r"{-1}") - width_of("1")
    assert width_of(latex % "-") - width_of(latex % "") == pytest.approx(sign, abs=0.05)
    assert width_of("(x - 1)") - width_of("(x1)") > sign + 0.2


def test_dollars_make_formulas_and_prices_stay_prices() -> None:
    prose = Prose()
    text = prose.line(r"between $5 and $6, \$x\$, but $a_1*b*c$ and $$\sum_j x_j$$")
    assert text.count("<svg") == 2
    assert "between $5 and $6, $x$, but" in text
    assert "<em>" not in text
    assert text.count('class="display"') == 1


def test_statements_are_markdown_without_raw_html_and_without_pictures() -> None:
    html = Prose().block("A *b* <script>x</script> ![c](http://d/e.png)\n\n| a | b |\n| - | - |\n| 1 | $x$ |")
    assert "<em>b</em>" in html
    assert "&lt;script&gt;" in html
    assert "<img" not in html
    assert "<td><svg" in html


def test_plain_text_is_escaped_and_its_formulas_are_drawn() -> None:
    text = Prose().plain("2*x*3 < 4 & $y$")
    assert text.startswith("2*x*3 &lt; 4 &amp; <svg")
    assert Prose().plain("margin 10**-15 < 1e-3") == "margin 10<sup>−15</sup> &lt; 0.001"


def test_a_bad_formula_in_a_statement_is_refused() -> None:
    with pytest.raises(ValueError, match=r"commands that can be drawn, got \\nosuch"):
        Prose().block(r"Let $\nosuch$ be.")


def test_measuring_rows_once_draws_the_same_formulas() -> None:
    """In a fresh process, formulas drawn by ziamath alone and with the heights kept are equal to the byte."""
    code = """
import warnings
warnings.simplefilter("ignore")
import xml.etree.ElementTree as ET
from ziamath.zmath import Math, tex2mml, unescape
from verify.report.rows import measure_rows_once
formulas = [
    r"\\left(\\frac{\\left(a+\\sqrt{\\frac{b}{c}}\\right)}{\\left(1+\\frac{x}{\\frac{y}{z}}\\right)^{2}}\\right)^{3}",
    r"\\left.\\frac{\\partial z}{\\partial g}\\right|_{g<0} + \\Big|_{x=\\frac12}^{y}",
    r"\\begin{cases}\\frac{a}{b} & x<0 \\\\ \\left|\\frac{b}{2}\\right| & x\\ge 0\\end{cases}",
    r"\\underbrace{\\left(\\frac{x}{y}\\right)}_{y} \\overline{\\left[\\frac12\\right]} \\sum_{j=1}^n x_j",
]
draw = lambda latex: Math(ET.fromstring(unescape(tex2mml(latex))), size=24).svg()
before = [draw(latex) for latex in formulas]
measure_rows_once()
assert before == [draw(latex) for latex in formulas]
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


@pytest.mark.parametrize(
    "latex", [r"\left(\sum_i b_i\right)^2", r"\left[a + \sum_{i, j} b_i\right]", r"\left|\prod_i b\right|"]
)
def test_brackets_around_a_sum_are_as_tall_as_the_sum(latex: str) -> None:
    picture = str(Formulas().draw(latex, display=True))
    height = re.search(r"height:([0-9.]+)em", picture)
    assert height is not None
    assert 1.5 < float(height[1]) < 4.5


@pytest.mark.parametrize(
    ("behind", "stays", "rest"),
    [
        (": a", ":", " a"),
        ("), b", "),", " b"),
        ("-th row", "-", "th row"),
        (" (b)", "", " (b)"),
        (".*c*", ".", None),
        ("", "", ""),
    ],
)
def test_no_line_begins_with_the_punctuation_behind_a_formula(behind: str, stays: str, rest: str | None) -> None:
    prose = Prose()
    drawn = str(prose.formulas.draw("x"))
    glued = f'a <span class="glued">{drawn}{stays}</span>' if stays else f"a {drawn}"
    for text in (prose.line(f"a $x${behind}"), prose.plain(f"a $x${behind}")):
        assert text == glued + rest if rest is not None else text.startswith(glued)


def test_nothing_is_glued_to_a_formula_on_a_line_of_its_own() -> None:
    assert "glued" not in Prose().line("so $$x$$, and $y$ too")
