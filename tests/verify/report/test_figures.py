import re
from typing import Any

import numpy as np
import pytest

from verify.report.figures import SERIES, figure_svg, series_of, swatch

X = np.linspace(1.0, 4.0, 7)
LAYERS: dict[str, dict[str, Any]] = {
    "line": {"x": X, "y": X**2},
    "points": {"x": X, "y": X, "errors": np.full(7, 0.2)},
    "band": {"x": X, "lower": X - 1, "upper": X + 1},
    "histogram": {"edges": np.arange(8.0), "density": X},
    "segments": {"x0": X, "y0": X, "x1": X + 1, "y1": X},
    "heat": {"x": X, "y": X, "z": np.outer(X, X)},
}


def draw(
    *layers: tuple[str, dict[str, Any]],
    key: str = "a.b/c",
    names: Any = (),
    limits: tuple[float, float] | None = None,
    square: bool = False,
    **scales: str,
) -> str:
    arrays = {f"{k}/{name}": value for k, (_, columns) in enumerate(layers) for name, value in columns.items()}
    record = {
        "title": "A <title>",
        "x": {"label": "x", "scale": scales.get("x", "linear"), **({"categories": names} if names else {})}
        | ({"limits": limits} if limits else {}),
        "y": {"label": "y", "scale": scales.get("y", "linear")},
        "square": square,
        "layers": [
            {"kind": kind, "label": "", "arrays": {name: f"{k}/{name}" for name in columns}}
            for k, (kind, columns) in enumerate(layers)
        ],
    }
    return figure_svg(record, arrays, key=key)


@pytest.mark.parametrize("kind", LAYERS)
def test_a_layer_has_no_colour_of_its_own_and_its_ids_carry_the_key(kind: str) -> None:
    svg = draw((kind, LAYERS[kind]))
    assert "currentColor" in svg
    assert "#0" not in re.sub(r'(href="#|url\(#)', "", svg)
    ids = re.findall(r' id="([^"]*)"', svg)
    assert len(ids) == len(set(ids))
    assert all(name.startswith("a.b/c-") for name in ids)
    assert set(re.findall(r'(?:href="|url\()#([^")]*)', svg)) <= set(ids)
    assert 'aria-label="A &lt;title&gt;"' in svg


def test_the_same_figure_is_the_same_bytes_and_another_key_shares_no_id() -> None:
    layers = [(kind, columns) for kind, columns in LAYERS.items() if kind != "heat"]
    assert draw(*layers) == draw(*layers)
    ids, others = (set(re.findall(r' id="([^"]*)"', draw(*layers, key=key))) for key in ("a.b/c", "a.b/d"))
    assert not ids & others


def test_ranks_pair_theory_and_measurement_by_colour() -> None:
    kinds = ["line", "line", "histogram", "points", "band"]
    assert series_of({"layers": [{"kind": kind} for kind in kinds]}) == [0, 1, 0, 1, 0]
    assert max(series_of({"layers": [{"kind": "line"}] * 20})) == SERIES - 1


def test_every_kind_has_a_sample_in_the_legend() -> None:
    assert all("<path" in swatch(kind, series) for kind in LAYERS for series in range(SERIES))


def _places(svg: str) -> np.ndarray:
    """Where the points of the only layer are drawn, one row each."""
    return np.array(re.findall(r'<use href="[^"]*" x="([\d.]+)" y="([\d.]+)" style="fill: var', svg), dtype=float)


def test_a_square_figure_draws_equal_numbers_on_its_diagonal_and_equal_lengths_for_both() -> None:
    corners = {"x": np.array([0.0, 3.0, 3.0]), "y": np.array([1.0, 1.0, 2.0])}
    first, second, third = _places(draw(("points", corners), square=True))
    across, up = second[0] - first[0], second[1] - third[1]
    np.testing.assert_allclose(across, 3 * up, rtol=1e-6)
    first, second, third = _places(draw(("points", corners)))
    assert abs((second[0] - first[0]) / (second[1] - third[1]) - 3) > 1


def test_an_axis_whose_first_limit_is_the_larger_runs_the_other_way() -> None:
    pair = {"x": np.array([1.0, 2.0]), "y": np.array([1.0, 1.0])}
    ahead, back = _places(draw(("points", pair))), _places(draw(("points", pair), limits=(3.0, 0.0)))
    assert ahead[0, 0] < ahead[1, 0]
    assert back[0, 0] > back[1, 0]


def test_a_logarithmic_axis_that_spans_little_still_has_labels() -> None:
    svg = draw(("line", {"x": X, "y": X}), x="log", y="log")
    assert len(re.findall(r'id="[^"]*xtick_\d+"', svg)) >= 3


def test_a_logarithmic_axis_of_less_than_three_decades_is_labelled_at_1_2_and_5() -> None:
    widths = np.array([16.0, 32, 64, 128, 256, 512])
    for scale, data in (("x", {"x": widths, "y": widths}), ("y", {"x": widths, "y": widths / 1e5})):
        svg = draw(("line", data), **{scale: "log"})
        labelled = re.findall(rf'id="[^"]*{scale}tick_\d+">(.*?)</g>\s*</g>\s*</g>', svg, flags=re.DOTALL)
        drawn = [tick for tick in labelled if "text_" in tick]
        assert 4 <= len(drawn) <= 7  # 20, 50, 100, 200, 500 and perhaps one beyond the ends


@pytest.mark.parametrize(
    ("names", "taller"),
    [(["weights", "inputs"], False), (["the share in the span of the inputs"] * 4, True), (["x" * 30] * 8, True)],
)
def test_names_of_categories_are_drawn_whole(names: list[str], taller: bool) -> None:
    places = np.arange(float(len(names)))
    svg = draw(("points", {"x": places, "y": places + 1}), ("points", {"x": places, "y": places}), names=names)
    left, top, width, height = (float(end) for end in re.findall(r'viewBox="([^"]*)"', svg)[0].split())
    assert (left, top, width) == (0, 0, 420)
    assert (height > 262) == taller
    assert len(re.findall(r'id="[^"]*xtick_\d+"', svg)) == len(names)


def test_points_at_one_category_stand_side_by_side() -> None:
    places = np.arange(2.0)
    svg = draw(*[("points", {"x": places, "y": places})] * 3, names=["weights", "inputs"])
    across = [float(x) for x in re.findall(r'<use href="#[^"]*" x="([\d.]+)" y="[\d.]+" style="fill: var', svg)]
    assert len(set(across)) == 6
    assert all(b - a == pytest.approx(c - b, abs=1e-5) for a, b, c in [sorted(across)[:3], sorted(across)[3:]])


def test_gaps_and_crowds_are_drawn() -> None:
    many = np.linspace(0, 1, 5000)
    assert "data:image/png" in draw(("points", {"x": many, "y": np.sin(many)}))
    assert "<path" in draw(("line", {"x": X, "y": np.where(X > 2, np.nan, X)}))


def test_an_unknown_layer_is_refused() -> None:
    with pytest.raises(ValueError, match=r"a layer must be a line, .* got 'pie'"):
        draw(("pie", {"x": X}))


def test_an_unknown_scale_is_refused() -> None:
    with pytest.raises(ValueError, match=r"scale must be linear or log, got 'sqrt' in figure 'a.b/c'"):
        draw(("line", LAYERS["line"]), x="sqrt")


def test_an_array_that_the_store_lacks_is_named() -> None:
    record = {
        "title": "t",
        "x": {"label": "", "scale": "linear"},
        "y": {"label": "", "scale": "linear"},
        "layers": [{"kind": "line", "label": "", "arrays": {"x": "figure/a/0/x"}}],
    }
    with pytest.raises(ValueError, match=r"figure 'k' must be in the store, got none named 'figure/a/0/x'"):
        figure_svg(record, {}, key="k")
