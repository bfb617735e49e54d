"""Pages and fragments from templates: what every report shares, whatever it reports on."""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, UndefinedError
from markupsafe import Markup

from verify.refusal import BadInputError
from verify.report import wording
from verify.report.figures import series_of, swatch
from verify.report.prose import Prose

_TEMPLATES = Path(__file__).with_name("templates")
_COLUMN = 10.0
"""How wide a formula in a column of a table may be, in em."""


def rendered(template: str, subject: str, **context: Any) -> Markup:
    """Fill in a template.

    Args:
        template: Its name in the folder of templates.
        subject: What it is about, for the message if something is missing.
        **context: What it refers to.

    Raises:
        BadInputError: If the template refers to something that is not there, or a part of it cannot be drawn.
    """
    try:
        return Markup(_environment().get_template(template).render(**context))
    except (UndefinedError, KeyError) as error:
        raise BadInputError(f"{subject} must be as the store's schema says, got a record where {error}.") from error
    except ValueError as error:
        raise BadInputError(f"{subject}: {error}") from error


def fragment(body: str, prose: Prose) -> str:
    """Return a part of a page for a notebook, with its own style and the glyphs of its formulas."""
    style = rendered("style.css", "the style")
    return f'<div class="lossproof"><style>{style}</style>{prose.formulas.glyphs()}{body}</div>'


def merged(cells: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Merge the cells of a finding that would read the same into one, with their joint count.

    Examples:
        >>> [cell["count"] for cell in merged([{"region": 1, "count": 2}, {"region": 1, "count": 3}])]
        [5]
    """
    rows: dict[str, dict[str, Any]] = {}
    for cell in cells:
        reads = repr(sorted((name, value) for name, value in cell.items() if name != "count"))
        if reads in rows:
            rows[reads]["count"] += cell["count"]
        else:
            rows[reads] = dict(cell)
    return list(rows.values())


def too_wide(text: Markup, letters: int) -> bool:
    """Tell whether a text does not fit into a column: it has more letters, or a formula too wide to share a row.

    Examples:
        >>> too_wide(Markup("about 1"), 7), too_wide(Markup('<svg class="tex" style="width:12em">'), 7)
        (False, True)
    """
    widths = re.findall(r'<svg class="tex"[^>]* style="width:([\d.]+)em', text)
    return len(text.striptags()) > letters or any(float(width) > _COLUMN for width in widths)


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(wording=wording, merged=merged, too_wide=too_wide, swatch=swatch, series_of=series_of)
    return environment
