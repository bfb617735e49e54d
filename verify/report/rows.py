r"""ziamath's rows, measured once.

Before it draws a row of a formula, ziamath measures each part of it, to know how far brackets must stretch, and does
so again at every level of nesting: a formula of depth d costs 2^d. A part of one text, style and size always has one
height, so a formula keeps the heights it has measured. The drawing is the same to the byte, and several times as fast
on the fractions within fractions that a derivation is made of.

One thing differs. While it measures, ziamath leaves out operators that stretch, and takes the sum in \sum_i for one: a
part of such an operator with an index has no height, which comes out as one of a thousand, and brackets around it
would be that tall. Such a part is measured as it will be drawn.
"""

import xml.etree.ElementTree as ET
from functools import lru_cache
from typing import Any

_NO_HEIGHT = 900.0  # ziamath begins a box at 999 and shrinks it to what it finds


@lru_cache(maxsize=1)
def measure_rows_once() -> None:
    """Teach ziamath to keep the heights of the parts of a formula, from now on in this process.

    A class that names a tag takes over that tag: this is how ziamath itself finds its nodes.
    """
    from ziamath.nodes.mnode import Mnode
    from ziamath.nodes.mrow import Mrow

    class MeasuredRow(Mrow, tag="mrow"):
        def _get_height_nostretch(self, line: list[ET.Element], **kwargs: Any) -> tuple[float, float]:
            kwargs["nostretch"] = True
            given = sorted((name, value) for name, value in kwargs.items() if name not in ("rowymin", "rowymax"))
            context = repr((self.style, self.size, given))
            top: Any = self
            while isinstance(getattr(top, "parent", None), Mnode):
                top = top.parent
            heights: dict[tuple[bytes, str], tuple[float, float]] = top.__dict__.setdefault("heights", {})
            bottom, summit = 9999.0, -9999.0
            for part in line:
                if part.tag == "mo" and not len(part) and not (part.text or "").strip():
                    continue
                text = ET.tostring(part)
                if (text, context) not in heights:
                    box = Mnode.fromelement(ET.fromstring(text), parent=self, **kwargs).bbox
                    if part.tag != "mo" and max(box.ymin, box.ymax) > _NO_HEIGHT:
                        drawn = {name: value for name, value in kwargs.items() if name != "nostretch"}
                        box = Mnode.fromelement(ET.fromstring(text), parent=self, **drawn).bbox
                    heights[text, context] = (box.ymin, box.ymax)
                low, high = heights[text, context]
                bottom, summit = min(bottom, low), max(summit, high)
            return bottom, summit
