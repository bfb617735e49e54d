"""Pictures of a stored figure: matplotlib draws the axes and marks as inline SVG, the page supplies words and colours.

Conventions. The SVG holds no colour of its own: text and axes are ``currentColor``, the k-th line, band, histogram or
points of a figure is ``var(--series-k)``, so one picture serves light, dark and print. Titles, axis labels and the
legend are HTML around it, at the size of the text, so that they stay legible on a phone. Theory is a line, dashed
from the second on; measurement is points with error bars or a histogram. Ids carry the figure's key as a prefix.
"""

import io
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from markupsafe import Markup, escape
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = NDArray[np.float64]

SERIES = 6
_WIDTH, _HEIGHT, _SQUARE = 420.0, 262.0, 330.0  # points; a phone shows it at about five sixths of that
_FONT = 14.5
_INK = "#010101"
_COLOURS = tuple(f"#0{k}0{k}0a" for k in range(SERIES))  # stand-ins, replaced by the page's variables
_DASHES: tuple[str | tuple[int, tuple[float, ...]], ...] = (
    "-",
    (0, (6, 2.5)),
    (0, (1.2, 1.8)),
    (0, (7, 2, 1.2, 2)),
    (0, (3, 2)),
    (0, (10, 3)),
)
_MARKERS = ("o", "s", "^", "D", "v", "P")
_MANY_POINTS = 3000
_SETTINGS: dict[Any, Any] = {
    "svg.fonttype": "path",
    "font.family": "STIXGeneral",
    "mathtext.fontset": "stix",
    "font.size": _FONT,
    "axes.edgecolor": _INK,
    "axes.labelcolor": _INK,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.unicode_minus": True,
    "axes.formatter.limits": (-3, 4),
    "axes.formatter.use_mathtext": True,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "text.color": _INK,
    "lines.linewidth": 1.8,
    "lines.markersize": 5.5,
    "path.simplify": True,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
}


def figure_svg(record: Mapping[str, Any], arrays: Mapping[str, Array], *, key: str) -> Markup:
    """Draw the axes and marks of a stored figure.

    Args:
        record: The figure as stored: name, axes and layers with the names of their arrays.
        arrays: The arrays of its claim by those names.
        key: Claim id and figure name; salt and prefix of every id in the SVG, unique in a page.

    Returns:
        An inline SVG that fills the width it is given; its height grows with long names of categories, and makes the
        axes of a square figure equal. The same bytes for the same arguments.

    Raises:
        ValueError: If a layer's kind or an axis's scale is unknown, or an array is missing.
    """
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context({**_SETTINGS, "svg.hashsalt": key}):
        figure = Figure(figsize=(_WIDTH / 72, _HEIGHT / 72), dpi=144)
        axes = figure.add_axes((0.1, 0.1, 0.88, 0.86))
        for scale, change in ((record["x"]["scale"], axes.set_xscale), (record["y"]["scale"], axes.set_yscale)):
            if scale not in ("linear", "log"):
                raise ValueError(f"an axis's scale must be linear or log, got {scale!r} in figure {key!r}.")
            change(scale)
        categories = record["x"].get("categories", [])
        columns = [_columns(layer, arrays, key) for layer in record["layers"]]
        if categories:
            _side_by_side(
                [data for data, layer in zip(columns, record["layers"], strict=True) if layer["kind"] == "points"]
            )
        for layer, data, series in zip(record["layers"], columns, series_of(record), strict=True):
            _draw(axes, layer["kind"], data, series)
        for axis, place in ((record["x"], axes.set_xlim), (record["y"], axes.set_ylim)):
            if "limits" in axis:
                place(*axis["limits"])
        if record.get("square"):
            both = sorted([*axes.get_xlim(), *axes.get_ylim()])
            axes.set_xlim(both[0], both[-1])
            axes.set_ylim(both[0], both[-1])
        _frame(figure, axes, categories, square=bool(record.get("square")))
        buffer = io.BytesIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return Markup(_inline(buffer.getvalue().decode(), key, str(record["title"])))


def series_of(record: Mapping[str, Any]) -> list[int]:
    """Return the series (colour, dash, marker) of each layer: its rank among the layers drawn the same way.

    A theory's line and the measurement it is laid against so share a colour: both are first of their kind.
    """
    seen: dict[str, int] = {}
    families = {"line": "line", "segments": "line", "points": "data", "histogram": "data"}
    ranks = []
    for layer in record["layers"]:
        family = families.get(layer["kind"], layer["kind"])
        ranks.append(seen.get(family, 0) % SERIES)
        seen[family] = seen.get(family, 0) + 1
    return ranks


def swatch(kind: str, series: int) -> Markup:
    """Draw the legend's sample of a layer."""
    colour = f"var(--series-{series})"
    dash = _DASHES[series]
    dashes = "" if isinstance(dash, str) else f' stroke-dasharray="{" ".join(f"{1.4 * part:g}" for part in dash[1])}"'
    line = f'<path d="M1 7H29" fill="none" stroke="{colour}" stroke-width="2.2"{dashes}/>'
    box = f'<path d="M3 2H27V12H3Z" fill="{colour}" fill-opacity=".28"/>'
    shapes = {
        "line": line,
        "segments": line,
        "band": box,
        "histogram": box + f'<path d="M3 12V2H27V12" fill="none" stroke="{colour}" stroke-width="1"/>',
        "points": f'<path d="{_MARKER_PATHS[series]}" fill="{colour}"/>',
        "heat": '<path d="M3 2H15V12H3Z" fill="#482878"/><path d="M15 2H27V12H15Z" fill="#a5db36"/>',
    }
    return Markup(f'<svg class="swatch" viewBox="0 0 30 14" aria-hidden="true">{shapes.get(kind, "")}</svg>')


_MARKER_PATHS = (
    "M15 2.5a4.5 4.5 0 1 0 .01 0Z",
    "M11 3H19V11H11Z",
    "M15 2L20 12H10Z",
    "M15 1.5L20.5 7L15 12.5L9.5 7Z",
    "M10 2H20L15 12Z",
    "M13 2h4v3h3v4h-3v3h-4v-3h-3v-4h3Z",
)


def _columns(layer: Mapping[str, Any], arrays: Mapping[str, Array], key: str) -> dict[str, Array]:
    missing = sorted(name for name in layer["arrays"].values() if name not in arrays)
    if missing:
        raise ValueError(f"every array of figure {key!r} must be in the store, got none named {missing[0]!r}.")
    return {name: np.asarray(arrays[place], dtype=np.float64) for name, place in layer["arrays"].items()}


def _side_by_side(points: "Sequence[dict[str, Array]]") -> None:
    """Move points that stand at a category a little left or right, so that layers do not hide one another."""
    step = min(0.16, 0.7 / max(1, len(points)))
    for rank, data in enumerate(points):
        aside = (rank - (len(points) - 1) / 2) * step
        data["x"] = np.where(data["x"] == np.round(data["x"]), data["x"] + aside, data["x"])


def _draw(axes: "Axes", kind: str, data: dict[str, Array], series: int) -> None:
    colour = _COLOURS[series]
    if kind == "line":
        axes.plot(data["x"], data["y"], color=colour, linestyle=_DASHES[series], zorder=3)
    elif kind == "segments":
        ends = np.stack([np.stack([data["x0"], data["y0"]], -1), np.stack([data["x1"], data["y1"]], -1)], 1)
        from matplotlib.collections import LineCollection

        lines = LineCollection(list(ends), colors=colour, linestyles=[_DASHES[series]], linewidths=1.8)
        lines.set_rasterized(len(ends) > _MANY_POINTS)
        axes.add_collection(lines)
        axes.autoscale_view()
    elif kind == "points":
        crowd = data["x"].size > _MANY_POINTS
        if "errors" in data:
            drawn = axes.errorbar(data["x"], data["y"], yerr=data["errors"], fmt="none", ecolor=colour, zorder=4)
            drawn.lines[2][0].set_linewidth(1.2)
            drawn.lines[2][0].set_capstyle("butt")
        axes.plot(
            *(data["x"], data["y"]),
            linestyle="none",
            marker="," if crowd else _MARKERS[series],
            color=colour,
            markeredgewidth=0,
            rasterized=crowd,
            zorder=5,
        )
    elif kind == "band":
        region = axes.fill_between(
            data["x"], data["lower"], data["upper"], color=colour, alpha=0.2, linewidth=0, zorder=1
        )
        region.set_rasterized(data["x"].size > _MANY_POINTS)
    elif kind == "histogram":
        steps = [
            axes.stairs(data["density"], data["edges"], fill=True, color=colour, alpha=0.28, linewidth=0, zorder=2),
            axes.stairs(data["density"], data["edges"], color=colour, linewidth=0.7, zorder=2),
        ]
        for patch in steps:
            patch.set_rasterized(data["density"].size > _MANY_POINTS)
    elif kind == "heat":
        mesh = axes.pcolormesh(data["x"], data["y"], data["z"], shading="nearest", cmap="viridis", rasterized=True)
        bar = axes.figure.colorbar(mesh, cax=axes.figure.add_axes((0.82, 0.1, 0.03, 0.86)))
        bar.outline.set_visible(False)
    else:
        raise ValueError(f"a layer must be a line, points, band, histogram, segments or heat, got {kind!r}.")


def _frame(canvas: "Figure", axes: "Axes", categories: Sequence[str] = (), *, square: bool = False) -> None:
    """Settle ticks, then give the tick labels the room they need (one pass, no second drawing)."""
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

    for axis, scale, limits, most in (
        (axes.xaxis, axes.get_xscale(), axes.get_xlim(), 5 if square else 6),
        (axes.yaxis, axes.get_yscale(), axes.get_ylim(), 5),
    ):
        if scale == "linear":
            axis.set_major_locator(MaxNLocator(most, steps=[1, 2, 2.5, 5, 10]))
        else:
            low, high = min(limits), max(limits)
            crowded = axis is axes.xaxis and not 1e-3 <= low < high < 1e4  # powers of ten side by side are wide
            narrow = high < (40 if crowded else 1000) * low
            axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if narrow else (1.0,), numticks=most + 2))
            axis.set_major_formatter(FuncFormatter(lambda value, _: _power(value)))
            axis.set_minor_formatter(NullFormatter())
    if axes.patches and axes.get_yscale() == "linear":
        axes.set_ylim(bottom=0)  # a density stands on zero
    low, high = sorted(axes.get_ylim())
    places = [place for place in axes.get_yticks() if low <= place <= high]
    labels = axes.yaxis.get_major_formatter().format_ticks(places)
    widths = [len(re.sub(r"\\[a-z]+|[{}$^ ]", "", label)) for label in labels]
    room = 14 + 0.52 * _FONT * max([2, *widths])
    if square:
        side, foot, rest = 0.96 * _SQUARE - room, 8 + 1.3 * _FONT, 0.07 * _HEIGHT
        height = foot + side + rest
        canvas.set_size_inches(_SQUARE / 72, height / 72)
        axes.set_position((room / _SQUARE, foot / height, side / _SQUARE, side / height))
        return
    left = room / _WIDTH
    scales = canvas.axes[1:]  # the colours of a heat map
    right = 0.80 if scales else 0.975
    more = _name_places(axes, categories, width=(right - left) * _WIDTH / len(categories)) if categories else 0.0
    height = _HEIGHT + more
    canvas.set_size_inches(_WIDTH / 72, height / 72)
    bottom = (8 + 1.3 * _FONT + more) / height
    tall = (0.93 * _HEIGHT + more) / height - bottom
    axes.set_position((left, bottom, right - left, tall))
    for colours in scales:
        colours.set_position((0.825, bottom, 0.03, tall))


def _name_places(axes: "Axes", categories: Sequence[str], *, width: float) -> float:
    """Write words below their places, broken at spaces or upright if they are too wide; return the height they add."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextPath

    font = FontProperties(family=_SETTINGS["font.family"])

    def length(words: str) -> float:
        return float(TextPath((0, 0), words, size=_FONT, prop=font).get_extents().width) if words.strip() else 0.0

    def broken(words: str) -> str:
        lines: list[str] = []
        for word in words.split():
            if lines and length(f"{lines[-1]} {word}") < width - 4:
                lines[-1] += f" {word}"
            else:
                lines.append(word)
        return "\n".join(lines)

    names = [broken(words) for words in categories]
    upright = any(length(line) > width - 4 for name in names for line in name.split("\n"))
    axes.set_xticks(range(len(categories)), categories if upright else names, rotation=90 if upright else 0)
    axes.set_xlim(-0.5, len(categories) - 0.5)
    axes.tick_params(axis="x", length=0)
    if upright:
        return max(map(length, categories)) - 0.9 * _FONT
    return 1.5 * _FONT * max(name.count("\n") for name in names)


def _power(value: float) -> str:
    r"""Label a tick of a logarithmic axis.

    Examples:
        >>> _power(0.02), _power(1e5), _power(2e-4)
        ('0.02', '$10^{5}$', '$2{\\times}10^{-4}$')
    """
    if 1e-3 <= value < 1e4:
        return f"{value:g}"
    mantissa, _, exponent = f"{value:.0e}".partition("e")
    factor = "" if mantissa == "1" else mantissa + r"{\times}"
    return f"${factor}10^{{{int(exponent)}}}$"


def _inline(svg: str, key: str, title: str) -> str:
    """Turn matplotlib's document into a fragment: prefixed ids, the page's colours, its own label."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"\s*<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"\s*<style type=\"text/css\">.*?</style>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<!--.*?-->\s*", "", svg, flags=re.DOTALL)
    prefix = str(escape(key)) + "-"
    svg = svg.replace("xlink:href=", "href=")
    for place in ('id="', "url(#", 'href="#'):
        svg = svg.replace(place, place + prefix)
    for k, colour in enumerate(_COLOURS):
        svg = svg.replace(colour, f"var(--series-{k})")
    svg = svg.replace(_INK, "currentColor")
    box = re.search(r'viewBox="([^"]*)"', svg)
    head = f'<svg class="canvas" role="img" aria-label="{escape(title)}" viewBox="{box[1] if box else ""}"'
    svg = f'{head} stroke-linejoin="round" stroke-linecap="butt">{svg[svg.index(">") + 1 :]}'
    return re.sub(r"\n\s*", "\n", svg).strip()
