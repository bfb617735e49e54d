r"""Statements as HTML: Markdown (CommonMark and tables, no raw HTML, no pictures) with ``$...$`` and ``$$...$$``.

A dollar opens a formula as in pandoc: no blank after the opening one, none before the closing one, no digit behind
it; so that prices stay prices. ``\$`` is always a dollar.

A punctuation mark, or a hyphen, behind a formula stays on its line: a browser would break the line before it.

A formula that cannot be drawn is refused before a run, where its author can mend it; in a report of what is stored, a
lenient page shows its source instead and says so, since a finished run must not be lost to a formula.
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

    from verify.ledger import Claim

_FORMULA = re.compile(
    r"\$\$(?P<block>(?:\\.|[^$\\])+)\$\$|\$(?=\S)(?P<line>(?:\\.|[^$\\])+?)(?<!\s)\$(?!\d)", re.DOTALL
)

_ITS_OWN = re.compile(r"(?:[,.;:!?)%…'\"\u2019\u201d]|-(?=[A-Za-z]))+")
"""What follows a formula and begins no line."""


class Prose:
    r"""Turns the texts of one page into HTML; its formulas are drawn by, and their glyphs kept in, ``formulas``.

    Args:
        formulas: What draws the formulas; by default a new one.
        lenient: Whether a formula that cannot be drawn is shown as its source, and kept in ``undrawn``.

    Examples:
        >>> prose = Prose()
        >>> str(prose.line("a *true* <claim>"))
        'a <em>true</em> &lt;claim&gt;'
        >>> str(Prose(lenient=True).line(r"$\nosuch$")).partition(" title=")[0]
        '<code class="undrawn"'
    """

    def __init__(self, formulas: Formulas | None = None, *, lenient: bool = False) -> None:
        self.formulas = formulas or Formulas()
        self.lenient = lenient
        self.undrawn: list[str] = []

    def block(self, text: str) -> Markup:
        """Render Markdown as paragraphs, lists and tables."""
        return Markup(_parser().render(str(text), {"prose": self}))

    def line(self, text: str) -> Markup:
        """Render Markdown inside a line: emphasis, code and formulas, no paragraphs."""
        return Markup(_parser().renderInline(str(text), {"prose": self}))

    def plain(self, text: str, *, large: bool = False) -> Markup:
        """Escape a text that is not Markdown; write its powers of ten, and draw the formulas between its dollars.

        Args:
            text: The text.
            large: Whether fractions are drawn as large as on a line of their own.
        """
        text = str(text)  # a missing one says so here
        pieces: list[str] = []
        end = 0
        for match in _FORMULA.finditer(text):
            drawn, behind = self.drawn(match, large=large), _behind(match)
            pieces += [powers(escape(text[end : match.start()])), _glued(drawn, behind)]
            end = match.end() + len(behind)
        return Markup("".join([*pieces, powers(escape(text[end:]))]))

    def formula(self, latex: str) -> Markup:
        """Draw a formula on a line of its own, which scrolls where it is too wide."""
        return Markup('<div class="display">{}</div>').format(self._draw(latex, display=True))

    def drawn(self, match: re.Match[str], *, large: bool = False) -> Markup:
        """Draw the formula between dollars that was found in a text."""
        if match["block"] is not None:
            return Markup('<span class="display">{}</span>').format(self._draw(match["block"], display=True))
        return self._draw(match["line"], display=large)

    def _draw(self, latex: str, *, display: bool = False) -> Markup:
        try:
            return self.formulas.draw(latex, display=display)
        except ValueError as error:
            if not self.lenient:
                raise
            self.undrawn.append(latex)
            return Markup('<code class="undrawn" title="{}">{}</code>').format(error, latex)


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
    state.pos = match.end() + len(_behind(match))
    return True


def _render_formula(
    self: "RendererProtocol", tokens: "list[Token]", index: int, options: "OptionsDict", env: "EnvType"
) -> str:
    prose: Prose = env["prose"]
    match = tokens[index].meta["match"]
    return _glued(prose.drawn(match), _behind(match))


def _behind(match: re.Match[str]) -> str:
    """What stays with a formula; one on a line of its own has nothing."""
    found = _ITS_OWN.match(match.string, match.end(), match.endpos) if match["block"] is None else None
    return found.group() if found else ""


def _glued(drawn: Markup, behind: str) -> str:
    return Markup('<span class="glued">{}{}</span>').format(drawn, behind) if behind else drawn


def refuse_bad_texts(claim: "Claim") -> None:
    """Raise unless every formula of a claim's statement, title, assumptions and source can be drawn, and is.

    Markdown takes a line that begins with a minus for a list, in the middle of a formula too.

    Raises:
        ValueError: If one cannot, naming the claim and the text.
    """
    prose = Prose()
    texts = {"statement": [claim.statement], "title": [claim.title], "assumptions": list(claim.assumptions)}
    texts["locator"] = [claim.source.locator]
    texts["right"] = [claim.right]
    for name, each in texts.items():
        for text in each:
            before = prose.formulas.count
            try:
                prose.block(text)
                if prose.formulas.count - before != len(_FORMULA.findall(text)):
                    raise ValueError(f"a formula must have no line that begins like a list, got {text!r}.")
            except ValueError as error:
                raise ValueError(f"{name} of {claim.id}: {error}") from error
