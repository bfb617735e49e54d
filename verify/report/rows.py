r"""ziamath's rows, measured once.

Before it draws a row of a formula, ziamath measures each part of it, to know how far brackets must stretch, and does
so again at every level of nesting: a formula of depth d costs 2^d. A part of one text, style and size always has one
height, so a formula keeps the heights it has measured. The drawing is the same to the byte, and several times as fast
on the fractions within fractions that a derivation is made of.

Three more things are done once that ziamath does for every letter: it copies the style of the letter's parent, which it
only reads; it spells out its table of lengths; and it writes the outline of a glyph.

One thing differs. While it measures, ziamath leaves out operators that stretch, and takes the sum in \sum_i for one: a
part of such an operator with an index has no height, which comes out as one of a thousand, and brackets around it
would be that tall. Such a part is measured as it will be drawn.
"""

import importlib
import xml.etree.ElementTree as ET
from copy import deepcopy
from functools import lru_cache
from typing import Any

_NO_HEIGHT = 900.0  # ziamath begins a box at 999 and shrinks it to what it finds


@lru_cache(maxsize=1)
def measure_rows_once() -> None:
    """Teach ziamath to keep the heights of the parts of a formula, from now on in this process.

    A class that names a tag takes over that tag: this is how ziamath itself finds its nodes.
    """
    from ziafont.glyph import SimpleGlyph
    from ziamath.nodes.mnode import Mnode
    from ziamath.nodes.mrow import Mrow

    styles: Any = importlib.import_module("ziamath.styles")
    styles.asdict = vars  # a style is only read; its copy is a quarter of all the work
    styles.ChainMap = lambda own, inherited: {**inherited, **own}
    _keep_lengths(Mnode)
    _keep_outlines(SimpleGlyph)

    class MeasuredRow(Mrow, tag="mrow"):
        def _get_height_nostretch(self, line: list[ET.Element], **kwargs: Any) -> tuple[float, float]:
            kwargs["nostretch"] = True
            given = sorted((name, value) for name, value in kwargs.items() if name not in ("rowymin", "rowymax"))
            style = tuple(map(str, vars(self.style).values()))
            context = (style, self.size, *given)
            top: Any = self
            while isinstance(getattr(top, "parent", None), Mnode):
                top = top.parent
            heights: dict[tuple[Any, Any], tuple[float, float]] = top.__dict__.setdefault("heights", {})
            bottom, summit = 9999.0, -9999.0
            for part in line:
                if part.tag == "mo" and not len(part) and not (part.text or "").strip():
                    continue
                written = _written(part)
                if (written, context) not in heights:
                    box = Mnode.fromelement(deepcopy(part), parent=self, **kwargs).bbox
                    if part.tag != "mo" and max(box.ymin, box.ymax) > _NO_HEIGHT:
                        drawn = {name: value for name, value in kwargs.items() if name != "nostretch"}
                        box = Mnode.fromelement(deepcopy(part), parent=self, **drawn).bbox
                    heights[written, context] = (box.ymin, box.ymax)
                low, high = heights[written, context]
                bottom, summit = min(bottom, low), max(summit, high)
            return bottom, summit


def _written(element: ET.Element) -> tuple[Any, ...]:
    """Return all that is written in an element, comparable."""
    return (element.tag, element.text, element.tail, *element.items(), *map(_written, element))


def _keep_lengths(node: Any) -> None:
    """Keep what a length such as ``thinmathspace`` is in pixels, at each size of the letters."""
    measure = node.size_px

    @lru_cache(maxsize=4096)
    def kept(size: str, fontsize: float) -> float:
        return float(measure(None, size, fontsize))

    def size_px(self: Any, size: str, fontsize: float | None = None) -> float:
        return kept(size, self.glyphsize if fontsize is None else fontsize)

    node.size_px = size_px


def _keep_outlines(glyph: Any) -> None:
    """Keep the symbol of each glyph of a font; those put together from pieces share indices, and are drawn anew."""
    draw = glyph.svgsymbol

    def svgsymbol(self: Any) -> ET.Element:
        if self.index < 0:
            drawn: ET.Element = draw(self)
            return drawn
        kept: dict[int, ET.Element] = self.font.__dict__.setdefault("symbols", {})
        if self.index not in kept:
            kept[self.index] = draw(self)
        symbol: ET.Element = deepcopy(kept[self.index])
        return symbol

    glyph.svgsymbol = svgsymbol
