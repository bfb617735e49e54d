r"""Statements as HTML: Markdown (CommonMark and tables, no raw HTML, no pictures) with ``$...$`` and ``$$...$$``.

A dollar opens a formula as in pandoc: no blank after the opening one, none before the closing one, no digit behind
it; so that prices stay prices. ``\$`` is always a dollar.
"""

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from markupsafe import Markup, escape

from verify.report.formulas import Formulas
from verify.report.wording import powers

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.renderer import RendererProtocol
    from markdown_it.rules_inline import StateInline
    from markdown_it.token import Token
    from markdown_it.utils import EnvType, OptionsDict

_FORMULA = re.compile(
    r"\$\$(?P<block>(?:\\.|[^$\\])+)\$\$|\$(?=\S)(?P<line>(?:\\.|[^$\\])+?)(?<!\s)\$(?!\d)", re.DOTALL
)


class Prose:
    """Turns the texts of one page into HTML; its formulas are drawn by, and their glyphs kept in, ``formulas``.

    Examples:
        >>> prose = Prose()
        >>> str(prose.line("a *true* <claim>"))
        'a <em>true</em> &lt;claim&gt;'
    """

    def __init__(self, formulas: Formulas | None = None) -> None:
        self.formulas = formulas or Formulas()

    def block(self, text: str) -> Markup:
        """Render Markdown as paragraphs, lists and tables."""
        return Markup(_parser().render(str(text), {"formulas": self.formulas}))

    def line(self, text: str) -> Markup:
        """Render Markdown inside a line: emphasis, code and formulas, no paragraphs."""
        return Markup(_parser().renderInline(str(text), {"formulas": self.formulas}))

    def plain(self, text: str) -> Markup:
        """Escape a text that is not Markdown; write its powers of ten, and draw the formulas between its dollars."""
        text = str(text)  # a missing one says so here
        pieces: list[str] = []
        end = 0
        for match in _FORMULA.finditer(text):
            pieces += [powers(escape(text[end : match.start()])), _drawn(match, self.formulas)]
            end = match.end()
        return Markup("".join([*pieces, powers(escape(text[end:]))]))

    def formula(self, latex: str) -> Markup:
        """Draw a formula on a line of its own, which scrolls where it is too wide."""
        return Markup('<div class="display">{}</div>').format(self.formulas.draw(latex, display=True))


def _drawn(match: re.Match[str], formulas: Formulas) -> str:
    if match["block"] is not None:
        return f'<span class="display">{formulas.draw(match["block"], display=True)}</span>'
    return str(formulas.draw(match["line"]))


@lru_cache(maxsize=1)
def _parser() -> "MarkdownIt":
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    parser.disable(["heading", "lheading", "code", "image"])
    parser.inline.ruler.before("escape", "formula", _formula_rule)
    parser.add_render_rule("formula", _render_formula)
    return parser


def _formula_rule(state: "StateInline", silent: bool) -> bool:
    if state.src[state.pos] != "$":
        return False
    match = _FORMULA.match(state.src, state.pos, state.posMax)
    if match is None:
        return False
    if not silent:
        token = state.push("formula", "span", 0)
        token.meta = {"match": match}
    state.pos = match.end()
    return True


def _render_formula(
    self: "RendererProtocol", tokens: "list[Token]", index: int, options: "OptionsDict", env: "EnvType"
) -> str:
    return _drawn(tokens[index].meta["match"], env["formulas"])
