r"""LaTeX as inline SVG: the same picture in every browser, without a network and without a font.

A formula is drawn by ziamath and then made small. Its glyphs become paths that the page defines once, each
formula only places them; sizes are in em and the colour is the text's, so that a formula behaves like a word.
ziamath accepts wrong LaTeX silently, so what it would draw wrongly is refused here.

Conventions: in a drawing the baseline is y = 0, so ``vertical-align`` is minus what the view box has below it.
"""

import hashlib
import re
import warnings
import xml.etree.ElementTree as ET
from functools import lru_cache
from html import escape
from itertools import pairwise
from types import ModuleType
from typing import NamedTuple

from markupsafe import Markup

from verify.report.rows import measure_rows_once

_SIZE = 24.0  # pixels per em in a drawing
_GLYPH_SIZE = 12.0  # pixels per em in which ziafont draws a glyph's symbol
_UNIT = _SIZE / _GLYPH_SIZE  # pixels in which a drawing is measured: those of a full-size glyph's own outline
_OF_A_BAR = {"x", "y", "width", "height"}
_ITALIC = {
    "\N{GREEK PHI SYMBOL}": "\N{MATHEMATICAL ITALIC PHI SYMBOL}",
    "\N{GREEK LUNATE EPSILON SYMBOL}": "\N{MATHEMATICAL ITALIC EPSILON SYMBOL}",
    "\N{GREEK THETA SYMBOL}": "\N{MATHEMATICAL ITALIC THETA SYMBOL}",
    "\N{GREEK RHO SYMBOL}": "\N{MATHEMATICAL ITALIC RHO SYMBOL}",
    "\N{GREEK PI SYMBOL}": "\N{MATHEMATICAL ITALIC PI SYMBOL}",
    "\N{GREEK KAPPA SYMBOL}": "\N{MATHEMATICAL ITALIC KAPPA SYMBOL}",
}
"""Variants of Greek letters that ziamath sets upright where LaTeX sets them italic."""
_ENVIRONMENTS = (
    *("matrix", "pmatrix", "bmatrix", "Bmatrix", "vmatrix", "Vmatrix", "smallmatrix", "array"),
    *("cases", "split", "align", "align*", "aligned"),
)
_SIGNS = frozenset("-+\N{MINUS SIGN}\N{PLUS-MINUS SIGN}")
_BEFORE_A_SIGN = frozenset("([{⟨,;:=<>~≠≤≥≪≫≈∼≡∝∈·×→↦⇒")
"""Operators after which a minus belongs to what follows: it makes a number negative and subtracts nothing."""
_UNDRAWN = re.compile(r"\\(?:[A-Za-z]+\*?|.|$)", re.DOTALL)


class _Drawing(NamedTuple):
    svg: str
    glyphs: tuple[tuple[str, str], ...]


def refuse_bad_formula(latex: str) -> None:
    r"""Raise unless a formula can be drawn as it is meant.

    Args:
        latex: A formula without dollars.

    Raises:
        ValueError: If the formula is empty, its braces do not balance, it is not LaTeX to the parser, a command
            in it is unknown (its MathML keeps a backslash), or a character has no glyph.

    Examples:
        >>> refuse_bad_formula(r"\varepsilon_c = \tfrac{1}{16}")
        >>> refuse_bad_formula(r"\tfrac{1}{16")
        Traceback (most recent call last):
            ...
        ValueError: a formula must have balanced braces, got '\\tfrac{1}{16'.
    """
    _drawing(latex, True)


class Formulas:
    r"""The formulas of one page: draws each once and remembers the glyphs the page has to define.

    Examples:
        >>> formulas = Formulas()
        >>> str(formulas.draw("x"))[:33]
        '<svg class="tex" role="img" aria-'
        >>> str(formulas.glyphs()).count("<path")
        1
    """

    def __init__(self) -> None:
        self._glyphs: dict[str, str] = {}
        self.count = 0

    def draw(self, latex: str, *, display: bool = False) -> Markup:
        """Draw a formula as an inline SVG.

        Args:
            latex: The formula without dollars.
            display: Whether it stands on a line of its own (large sums and fractions).

        Returns:
            The SVG; it refers to the paths of :meth:`glyphs`.

        Raises:
            ValueError: As :func:`refuse_bad_formula` does.
        """
        drawing = _drawing(latex.strip(), display)
        self._glyphs.update(drawing.glyphs)
        self.count += 1
        return Markup(drawing.svg)

    def glyphs(self) -> Markup:
        """Return the definitions of every glyph drawn so far, to be put before the first formula."""
        paths = "".join(f'<path id="{name}" d="{path}"/>' for name, path in sorted(self._glyphs.items()))
        return Markup(
            '<svg class="glyphs" aria-hidden="true" width="0" height="0" style="position:absolute">'
            f"<defs>{paths}</defs></svg>"
        )


@lru_cache(maxsize=8192)
def _drawing(latex: str, display: bool) -> _Drawing:
    if not latex.strip():
        raise ValueError(f"a formula must not be empty, got {latex!r}.")
    if not _balanced(latex):
        raise ValueError(f"a formula must have balanced braces, got {latex!r}.")
    for environment in re.findall(r"\\begin\{([^}]*)\}", latex):
        if environment not in _ENVIRONMENTS:
            raise ValueError(f"a formula must use environments that can be drawn, got {environment!r} in {latex!r}.")
    mathml = _mathml(latex, display)
    unknown = next(filter(None, map(_UNDRAWN.search, mathml.itertext())), None)
    if unknown:
        raise ValueError(f"a formula must use commands that can be drawn, got {unknown.group()} in {latex!r}.")
    for letter in mathml.iter():
        if letter.tag.endswith("mi") and "mathvariant" not in letter.attrib:
            letter.text = _ITALIC.get(letter.text or "", letter.text)
    for row in mathml.iter():
        for before, sign in pairwise(row):  # ziamath sets every minus inside a row as one that subtracts
            if sign.text in _SIGNS and before.tag.endswith("mo") and before.text in _BEFORE_A_SIGN:
                sign.set("form", "prefix")
    try:
        picture = _ziamath().Math(mathml, size=_SIZE).svgxml()
    except Exception as error:  # ziamath raises whatever its parser stumbles over
        raise ValueError(
            f"a formula must be one that ziamath can draw, got {latex!r} ({type(error).__name__})."
        ) from error
    return _compact(picture, latex)


def _ziamath() -> ModuleType:
    """Import ziamath, whose own import uses a function that newer Pythons warn of."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        import ziamath.zmath
    measure_rows_once()
    return ziamath.zmath


def _mathml(latex: str, display: bool) -> ET.Element:
    try:
        return ET.fromstring(_ziamath().unescape(_ziamath().tex2mml(latex, inline=not display)))
    except Exception as error:  # latex2mathml has a dozen error classes, one a mistake
        name = type(error).__name__
        raise ValueError(f"a formula must be LaTeX that can be read, got {latex!r} ({name}).") from error


def _balanced(latex: str) -> bool:
    depth = 0
    for brace in re.findall(r"\\.|[{}]", latex, re.DOTALL):
        depth += {"{": 1, "}": -1}.get(brace, 0)
        if depth < 0:
            return False
    return depth == 0


def _compact(picture: ET.Element, latex: str) -> _Drawing:
    """Rewrite ziamath's drawing: glyphs as shared paths, one group a size, em units, the text's colour."""
    names: dict[str, str] = {}
    glyphs: dict[str, str] = {}
    boxes: dict[str, tuple[float, float, float]] = {}
    body: list[str] = []
    open_scale = ""

    def close() -> None:
        nonlocal open_scale
        if open_scale:
            body.append("</g>")
            open_scale = ""

    for element in picture.iter():
        if element.tag == "symbol":
            x0, y0, _, height = (float(number) for number in element.attrib["viewBox"].split())
            outline = "".join(_dense(path.attrib["d"]) for path in element.iter("path"))
            name = names[element.attrib["id"]] = _glyph_name(element.attrib["id"], outline, latex)
            boxes[name] = (x0, y0, height)
            if outline:
                glyphs[name] = outline
        elif element.tag == "use":
            name = names[element.attrib["href"][1:]]
            if name not in glyphs:
                continue  # a space
            x0, y0, height = boxes[name]
            scale = float(element.attrib["height"]) / height
            x, y = float(element.attrib["x"]) - x0 * scale, float(element.attrib["y"]) - y0 * scale
            colour = _colour(element.attrib.get("fill", "black"))
            size = _short(scale / _UNIT, 4)
            head = f'<g transform="scale({size})"{colour}>' if size != "1" else f"<g{colour}>" if colour else ""
            if head != open_scale:
                close()
                body.append(head)
                open_scale = head
            body.append(f'<use href="#{name}"{_at("x", x / scale)}{_at("y", y / scale)}/>')
        elif element.tag not in ("svg", "path", "g"):
            close()
            body.append(_shape(element))
    inside_symbols = {id(path) for symbol in picture.iter("symbol") for path in symbol.iter("path")}
    strokes = [_shape(path) for path in picture.iter("path") if id(path) not in inside_symbols]
    close()
    x, y, width, height = (float(number) for number in picture.attrib["viewBox"].split())
    style = f"width:{_short(width / _SIZE, 3)}em;height:{_short(height / _SIZE, 3)}em"
    style += f";vertical-align:{_short(-(y + height) / _SIZE, 3)}em"
    box = " ".join(_short(number / _UNIT) for number in (x, y, width, height))
    head = f'<svg class="tex" role="img" aria-label="{escape(latex)}" style="{style}" viewBox="{box}"'
    return _Drawing(f'{head} fill="currentColor">{"".join(body + strokes)}</svg>', tuple(sorted(glyphs.items())))


@lru_cache(maxsize=2048)
def _dense(outline: str) -> str:
    """Leave out the blanks around the commands of a path."""
    return re.sub(r"\s*([A-Z])\s*", r"\1", outline)


def _glyph_name(name: str, outline: str, latex: str) -> str:
    """Name a glyph by its place in the font, and one put together from pieces (a tall brace) by its outline."""
    font, _, index = name.rpartition("_")
    if index == "0":
        raise ValueError(f"a formula must use characters that have a glyph, got one without in {latex!r}.")
    if index.startswith("-"):
        return "h" + hashlib.blake2b(outline.encode(), digest_size=6).hexdigest()
    return f"{'g' if font == 'STIXTwoMathRegular' else font}{index}"


def _colour(fill: str) -> str:
    return "" if fill == "black" else f' fill="{escape(fill)}"'


def _at(axis: str, place: float) -> str:
    """Write a coordinate, which is 0 where it is left out.

    Examples:
        >>> _at("x", 9.75), _at("y", 0.001)
        (' x="9.75"', '')
    """
    number = _short(place)
    return f' {axis}="{number}"' if number != "0" else ""


def _shape(element: ET.Element) -> str:
    """Serialise a bar, a frame or a stroke with the colour of the text in place of black."""
    attributes = {name: value for name, value in element.attrib.items() if (name, value) != ("fill", "black")}
    if attributes.get("stroke") == "black":
        attributes["stroke"] = "currentColor"
    if element.tag == "rect" and attributes.keys() <= _OF_A_BAR:
        attributes = {name: _short(float(value) / _UNIT, 3) for name, value in attributes.items()}
        return _written(element.tag, attributes)
    return f'<g transform="scale({_short(1 / _UNIT, 4)})">{_written(element.tag, attributes)}</g>'


def _written(tag: str, attributes: dict[str, str]) -> str:
    return f"<{tag} " + " ".join(f'{name}="{escape(value)}"' for name, value in attributes.items()) + "/>"


def _short(number: float, digits: int = 2) -> str:
    """Write a coordinate in as few characters as it needs.

    Examples:
        >>> _short(-0.5), _short(3.0), _short(-0.001)
        ('-.5', '3', '0')
    """
    text = f"{number:.{digits}f}".rstrip("0").rstrip(".") if digits else f"{number:.0f}"
    if text.startswith("0."):
        text = text[1:]
    elif text.startswith("-0."):
        text = f"-{text[2:]}"
    return "0" if text in ("-0", "-", "") else text
