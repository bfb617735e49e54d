"""A finished page made light: what its pictures and formulas have in common is written once.

matplotlib gives every picture its own outlines of the digits, an id to every group, a style to every mark and six
decimals to every coordinate; and a formula that a page shows twenty times is twenty drawings, each with its colour.
Nothing that a reader sees is changed: coordinates are rounded to a hundredth of a point, of 420 across a picture.

Conventions. Ids are unique in the page. In a picture only the ids that something refers to are kept, under short
names in the order of the page, so that the same page comes out the same to the byte. In the end what is drawn most
often has the shortest name.
"""

import itertools
import re
from collections import Counter
from collections.abc import Iterator
from string import ascii_letters, digits

_CANVAS = re.compile(r'<svg class="canvas".*?</svg>', re.DOTALL)
_FORMULA = re.compile(r'(<svg class="tex"[^>]*>)(.*?)</svg>', re.DOTALL)
_LETTER = re.compile(r'<path id="[^"]*?-(STIX[^"]*)" d="([^"]*)"(?: transform="scale\(0.015625\)")?/>')
_REFERENCE, _DEFINITION = len('<use href="#t999"/>'), len('<g id="t999"></g>')
_COLOUR = ' fill="currentColor"'  # of a formula, which the style of the page has for all of them
_LINE = re.compile(r'<path id="([^"]*)" d="M0 0L[-.0-9]+ [-.0-9]+" (style="stroke:currentColor;[^"]*")/>')  # a tick
_TICK = re.compile(r'(<use href="#([^"]*)" [^>]*?) style="fill:currentColor;(stroke:currentColor;[^"]*")/>')
_MARK = r'<use href="[^"]*" x="[^"]*" y="[^"]*" style="[^"]*"/>'
_MARKS = re.compile(rf"(?:{_MARK}\s*){{2,}}")
_USED = re.compile(r'<use href="#([^"]*)"')
_NAMED = re.compile(r'( id="|href="#|url\(#)([^")]*)')


def lean(page: str) -> str:
    """Return a page, all of whose pictures and formulas look as before, with ``<!--glyphs-->`` still in its place.

    What they share is defined behind that place, once.

    Args:
        page: HTML with pictures of `figure_svg` and formulas of `Formulas.draw`.

    Examples:
        >>> formula = '<svg class="tex" style="width:1em">' + '<use href="#g1" x="1" y="2"/>' * 9 + "</svg>"
        >>> len(lean(f"<!--glyphs-->{formula * 9}")) < 3 * len(formula)
        True
    """
    shared: dict[str, str] = {}
    names: dict[str, str] = {}
    page = _CANVAS.sub(lambda canvas: _picture(canvas[0], shared, names), page)
    page = _formulas(page, shared)
    if not shared:
        return page
    definitions = "".join(shared.values())
    hidden = '<svg aria-hidden="true" width="0" height="0" style="position:absolute">'
    return page.replace("<!--glyphs-->", f"<!--glyphs-->{hidden}<defs>{definitions}</defs></svg>", 1)


def with_short_names(page: str) -> str:
    """Return a whole page in which all that is drawn by reference has a short name, the shortest what is drawn most.

    Examples:
        >>> with_short_names('<path id="STIXGeneral-Regular-13"/><use href="#STIXGeneral-Regular-13" x="1"/>')
        '<path id="a"/><use href="#a" x="1"/>'
    """
    used = Counter(_USED.findall(page))
    kept = {name for _, name in _NAMED.findall(page)} - used.keys()
    free = (name for name in _short() if name not in kept)
    names = {name: next(free) for name, _ in used.most_common()}
    return _NAMED.sub(lambda found: found[1] + names.get(found[2], found[2]), page)


def _short() -> Iterator[str]:
    for length in itertools.count(1):
        for letters in itertools.product(ascii_letters, *[ascii_letters + digits] * (length - 1)):
            yield "".join(letters)


def _formulas(page: str, shared: dict[str, str]) -> str:
    """Define the formulas that are drawn more than once."""
    drawn = Counter(body for _, body in _FORMULA.findall(page))
    worth = (body for body, times in drawn.items() if (times - 1) * len(body) > times * _REFERENCE + _DEFINITION)
    repeated = {body: f"t{place}" for place, body in enumerate(worth)}
    shared.update({name: f'<g id="{name}">{body}</g>' for body, name in repeated.items()})

    def referred(formula: "re.Match[str]") -> str:
        name = repeated.get(formula[2])
        head = formula[1].replace(_COLOUR, "")
        return f'{head}<use href="#{name}"/></svg>' if name else f"{head}{formula[2]}</svg>"

    return _FORMULA.sub(referred, page)


def _picture(svg: str, shared: dict[str, str], names: dict[str, str]) -> str:
    """Return one picture made light; its letters go to ``shared``."""
    for whole, letter, outline in [(found[0], found[1], found[2]) for found in _LETTER.finditer(svg)]:
        own = re.search(r'id="([^"]*)"', whole)
        path = f'<path id="{letter}" d="{_path(outline)}" transform="scale(.015625)"/>'
        if own is not None and "transform" in whole and shared.setdefault(letter, path) == path:
            svg = svg.replace(whole, "").replace(f'href="#{own[1]}"', f'href="#{letter}"')
    svg = re.sub(r"<defs>\s*</defs>", "", svg)
    svg = re.sub(r' d="([^"]*)"', lambda found: f' d="{_path(found[1])}"', svg)
    svg = re.sub(r' (x|y)="([^"]*)"', lambda found: f' {found[1]}="{_rounded(found[2])}"', svg)
    svg = re.sub(r"translate\(([^)]*)\)", lambda found: f"translate({_rounded(found[1])})", svg)
    svg = _MARKS.sub(_marks, svg)
    svg = re.sub(r'style="[^"]*"', lambda style: style[0].replace(": ", ":").replace("; ", ";"), svg)
    wanted = set(re.findall(r'(?:href="|url\()#([^")]*)', svg))

    def renamed(found: "re.Match[str]") -> str:
        if found[1] not in wanted:
            return ""
        return f' id="{names.setdefault(found[1], f"p{len(names)}")}"'

    head, _, body = svg.partition(">")
    body = re.sub(r' id="([^"]*)"', renamed, body)
    body = re.sub(r'(href="|url\()#([^")]*)', lambda found: f"{found[1]}#{names.get(found[2], found[2])}", body)
    body = re.sub(r"\s*\n\s*", "", body)
    styles = dict(_LINE.findall(body))
    body = _TICK.sub(lambda tick: f"{tick[1]}/>" if styles.get(tick[2]) == f'style="{tick[3]}' else tick[0], body)
    plain = ""
    while plain != body:
        plain, body = body, re.sub(r"<g>((?:(?!</?g[ >]).)*)</g>", r"\1", body)
    return f"{head}>{body}"


def _marks(run: "re.Match[str]") -> str:
    """Write the style of marks that stand in a row once for all of them."""
    styles = set(re.findall(r'style="([^"]*)"', run[0]))
    if len(styles) > 1:
        return run[0]
    return f'<g style="{styles.pop()}">' + re.sub(r' style="[^"]*"', "", run[0]) + "</g>"


def _path(outline: str) -> str:
    """Write a path without blanks around its commands, to a hundredth."""
    return re.sub(r"\s*([A-Za-z])\s*", r"\1", _rounded(outline.strip()))


def _rounded(numbers: str) -> str:
    """Round all numbers of a text to a hundredth.

    Examples:
        >>> _rounded("M 60.454507 0.999 -0.001")
        'M 60.45 1 0'
    """
    return re.sub(r"-?\d*\.\d+", lambda found: _hundredth(float(found[0])), numbers)


def _hundredth(number: float) -> str:
    text = f"{number:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text.replace("0.", ".", 1) if text.lstrip("-").startswith("0.") else text
