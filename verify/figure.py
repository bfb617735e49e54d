"""A figure as data: named layers on one pair of axes, stored with a run and drawn later.

Conventions. A figure holds numbers and words, never an image, so that the report can draw it in light and dark and a
reader can take the numbers out again. Arrays are float64; a value that is not finite is a gap (NaN). Scales are
``"linear"`` or ``"log"``. On a horizontal axis of categories the k-th stands at k, from 0; whole numbers or the
categories' own words may be given.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Self, get_args

import numpy as np
from numpy.typing import NDArray

Scale = Literal["linear", "log"]
LayerKind = Literal["line", "points", "band", "histogram", "segments", "heat"]

Array = NDArray[np.float64]

_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


@dataclass(frozen=True, kw_only=True)
class Layer:
    """One thing drawn: what it is, what the legend calls it, and its arrays by name."""

    kind: LayerKind
    label: str
    arrays: Mapping[str, Array]


@dataclass(kw_only=True)
class Figure:
    """Layers on one pair of axes; every method that adds a layer returns the figure.

    Args:
        name: Unique in its claim; lower-case words joined by hyphens.
        title: What the figure shows, in a few words (Markdown with ``$...$``).
        x: Label of the horizontal axis.
        y: Label of the vertical axis.
        caption: A sentence or two below the figure.
        x_scale: Scale of the horizontal axis.
        y_scale: Scale of the vertical axis.
        x_categories: Words below the horizontal axis in place of numbers, from left to right. Points at one category
            are drawn side by side, layer by layer.
        x_limits: Numbers at the left and at the right end, in either order; None fits the axis to the layers.
        y_limits: Numbers at the lower and at the upper end; None as for ``x_limits``.
        square: Whether both axes show the same numbers at the same length, as a line of equality wants it.

    Raises:
        ValueError: If the name is not lower-case words joined by hyphens, a scale is unknown, categories repeat,
            are empty or meet a logarithmic axis, limits do not fit their axis, or a square figure has them, other
            scales than linear ones, or categories.

    Examples:
        >>> figure = Figure(name="density", title="A parabola", x="x", y="y")
        >>> figure.line([0, 1, 2], [0, 1, 4], "theory").points([1], [1.1], "measured", errors=[0.2])
        Figure 'density': a line 'theory', points 'measured'
        >>> figure.record()["layers"][1]["arrays"]["errors"]
        'figure/density/1/errors'
        >>> shares = Figure(name="shares", title="Shares", x="", y="share", x_categories=("weights", "inputs"))
        >>> shares.points(["inputs", "weights"], [0.2, 0.8], "measured").layers[0].arrays["x"]
        array([1., 0.])
    """

    name: str
    title: str
    x: str
    y: str
    caption: str = ""
    x_scale: Scale = "linear"
    y_scale: Scale = "linear"
    x_categories: Sequence[str] = ()
    x_limits: tuple[float, float] | None = None
    y_limits: tuple[float, float] | None = None
    square: bool = False
    layers: list[Layer] = field(default_factory=list)

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"name must be lower-case words joined by hyphens, got {self.name!r}.")
        for axis, scale in (("x_scale", self.x_scale), ("y_scale", self.y_scale)):
            if scale not in get_args(Scale):
                raise ValueError(f"{axis} must be 'linear' or 'log', got {scale!r}.")
        self.x_categories = names = tuple(self.x_categories)
        if len(set(names)) < len(names) or not all(isinstance(name, str) and name.strip() for name in names):
            raise ValueError(f"x_categories must be different words, got {names!r}.")
        if names and self.x_scale != "linear":
            raise ValueError(f"x_scale must be 'linear' on an axis of categories, got {self.x_scale!r}.")
        self.x_limits = _as_limits("x_limits", self.x_limits, self.x_scale)
        self.y_limits = _as_limits("y_limits", self.y_limits, self.y_scale)
        if names and self.x_limits:
            raise ValueError(f"x_limits must be None on an axis of categories, got {self.x_limits!r}.")
        if self.square and (names or self.x_limits or self.y_limits or {self.x_scale, self.y_scale} != {"linear"}):
            raise ValueError(
                "square must be False unless both axes are linear, without limits or categories, got True."
            )

    def line(self, x: Any, y: Any, label: str) -> Self:
        """Add a curve through ``(x, y)``: what theory says."""
        return self._add("line", label, x=x, y=y)

    def points(self, x: Any, y: Any, label: str, errors: Any = None) -> Self:
        """Add measured points, with error bars if ``errors`` are given: half-lengths, or two rows (below, above)."""
        if errors is None:
            return self._add("points", label, x=x, y=y)
        bars, heights = as_array(errors), as_array(y)
        if bars.shape not in {heights.shape, (2, *heights.shape)}:
            raise ValueError(f"errors must have the shape of y, {heights.shape}, or two such rows, got {bars.shape}.")
        return self._add("points", label, x=x, y=heights, errors=bars)

    def band(self, x: Any, lower: Any, upper: Any, label: str) -> Self:
        """Add the region between two curves."""
        return self._add("band", label, x=x, lower=lower, upper=upper)

    def histogram(
        self, values: Any = None, label: str = "", bins: int = 60, *, edges: Any = None, density: Any = None
    ) -> Self:
        """Add a histogram of total area one: of ``values``, or ready-made from ``edges`` and ``density``.

        Args:
            values: Numbers to be binned; those that are not finite are left out.
            label: What the legend calls it.
            bins: Number of bins for ``values``.
            edges: Bin edges, one more than densities.
            density: Height of each bin.

        Raises:
            ValueError: Unless exactly one of ``values`` and ``edges`` with ``density`` is given, or sizes disagree.
        """
        if (values is None) == (edges is None) or (edges is None) != (density is None):
            raise ValueError("histogram takes either values, or edges together with density.")
        if values is not None:
            numbers = as_array(values).ravel()
            numbers = numbers[np.isfinite(numbers)]
            heights, places = np.histogram(numbers, bins=bins, density=numbers.size > 0)
        else:
            places, heights = as_array(edges), as_array(density)
        if places.shape != (heights.size + 1,):
            raise ValueError(f"edges must be one more than densities, got {places.size} edges and {heights.size}.")
        return self._add("histogram", label, edges=places, density=heights)

    def segments(self, x0: Any, y0: Any, x1: Any, y1: Any, label: str) -> Self:
        """Add straight segments from ``(x0, y0)`` to ``(x1, y1)``: trees, bars, steps."""
        return self._add("segments", label, x0=x0, y0=y0, x1=x1, y1=y1)

    def heat(self, x: Any, y: Any, z: Any, label: str) -> Self:
        """Add a heat map of ``z``, whose rows belong to ``y`` and columns to ``x`` (centres of the cells)."""
        columns, rows, cells = as_array(x), as_array(y), as_array(z)
        if cells.shape != (rows.size, columns.size):
            raise ValueError(f"z must have shape (len(y), len(x)) = {(rows.size, columns.size)}, got {cells.shape}.")
        self.layers.append(Layer(kind="heat", label=label, arrays={"x": columns, "y": rows, "z": cells}))
        return self

    def record(self) -> dict[str, Any]:
        """Return what the store keeps as JSON; arrays are named here and kept beside it."""
        return {
            "name": self.name,
            "title": self.title,
            "caption": self.caption,
            "x": {"label": self.x, "scale": self.x_scale, **self._categories(), **_ends(self.x_limits)},
            "y": {"label": self.y, "scale": self.y_scale, **_ends(self.y_limits)},
            **({"square": True} if self.square else {}),
            "layers": [
                {
                    "kind": layer.kind,
                    "label": layer.label,
                    "arrays": {name: self._key(place, name) for name in layer.arrays},
                }
                for place, layer in enumerate(self.layers)
            ],
        }

    def arrays(self) -> dict[str, Array]:
        """Return every array under the name that `record` gives it."""
        return {
            self._key(place, name): array
            for place, layer in enumerate(self.layers)
            for name, array in layer.arrays.items()
        }

    def __repr__(self) -> str:
        kinds = {"line": "a line", "band": "a band", "histogram": "a histogram", "heat": "a heat map"}
        layers = ", ".join(f"{kinds.get(layer.kind, layer.kind)} {layer.label!r}" for layer in self.layers)
        return f"Figure {self.name!r}: {layers or 'no layers yet'}"

    def _categories(self) -> dict[str, Any]:
        return {"categories": list(self.x_categories)} if self.x_categories else {}

    def _key(self, place: int, name: str) -> str:
        return f"figure/{self.name}/{place}/{name}"

    def _add(self, kind: LayerKind, label: str, **columns: Any) -> Self:
        across = {name: self._places(columns[name]) for name in ("x", "x0", "x1") if name in columns}
        arrays = {name: as_array(column) for name, column in (columns | across).items()}
        free = {"errors", "edges", "density"}
        lengths = {name: array.shape for name, array in arrays.items() if name not in free}
        if len(set(lengths.values())) > 1 or any(len(shape) != 1 for shape in lengths.values()):
            shapes = ", ".join(f"{name} {shape}" for name, shape in lengths.items())
            raise ValueError(f"the arrays of a {kind} layer must be vectors of one length, got {shapes}.")
        self.layers.append(Layer(kind=kind, label=label, arrays=arrays))
        return self

    def _places(self, column: Any) -> Any:
        """Return numbers for words of the horizontal axis; numbers as they are."""
        if not isinstance(column, list | tuple) or not any(isinstance(value, str) for value in column):
            return column
        places = {name: place for place, name in enumerate(self.x_categories)}
        unknown = [value for value in column if isinstance(value, str) and value not in places]
        if unknown:
            known = ", ".join(map(repr, self.x_categories)) or "no categories"
            raise ValueError(
                f"a word on the horizontal axis must be one of x_categories ({known}), got {unknown[0]!r}."
            )
        return [places.get(value, value) for value in column]


def _as_limits(name: str, ends: tuple[float, float] | None, scale: Scale) -> tuple[float, float] | None:
    """Return the ends of an axis as floats, or None."""
    if ends is None:
        return None
    limits = tuple(float(end) for end in ends)
    positive = scale == "linear" or all(end > 0 for end in limits)
    if len(limits) != 2 or limits[0] == limits[1] or not all(map(math.isfinite, limits)) or not positive:
        rule = "two different numbers" if scale == "linear" else "two different positive numbers"
        raise ValueError(f"{name} must be {rule}, got {ends!r}.")
    return limits


def _ends(limits: tuple[float, float] | None) -> dict[str, Any]:
    return {"limits": list(limits)} if limits else {}


def as_array(values: Any) -> Array:
    """Return numbers (a list, an array, a tensor on any device) as float64, with NaN where they are not finite."""
    if hasattr(values, "detach"):
        values = values.detach().cpu().numpy()
    array = np.array(values, dtype=np.float64)
    array[~np.isfinite(array)] = np.nan
    return array
