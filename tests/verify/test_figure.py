from typing import Any

import numpy as np
import pytest

from verify.figure import Figure


def figure(**changes: Any) -> Figure:
    return Figure(**{"name": "a-figure", "title": "A figure", "x": "x", "y": "y", **changes})


def test_every_array_is_stored_under_the_name_that_the_record_gives() -> None:
    drawn = (
        figure()
        .line([0, 1], [1, 2], "theory")
        .points([0, 1], [1, 2], "measured", errors=[[0.1, 0.1], [0.2, 0.3]])
        .band([0, 1], [0, 1], [2, 3], "interval")
        .histogram([0.0, 1.0, 1.0], "spectrum", bins=4)
        .segments([0], [0], [1], [1], "tree")
        .heat([0, 1, 2], [0, 1], [[1, 2, 3], [4, 5, 6]], "loss")
    )
    layers = drawn.record()["layers"]
    assert [layer["kind"] for layer in layers] == ["line", "points", "band", "histogram", "segments", "heat"]
    assert {name for layer in layers for name in layer["arrays"].values()} == set(drawn.arrays())
    assert layers[1]["arrays"]["errors"] == "figure/a-figure/1/errors"


def test_a_histogram_has_area_one() -> None:
    arrays = figure().histogram([0.0, 0.5, 1.0, np.nan, 3.0], "spectrum", bins=7).arrays()
    edges, density = arrays["figure/a-figure/0/edges"], arrays["figure/a-figure/0/density"]
    assert np.sum(np.diff(edges) * density) == pytest.approx(1, rel=1e-14)


def test_what_is_not_finite_is_a_gap() -> None:
    arrays = figure().line([0, 1, 2], [1, np.inf, 3], "theory").arrays()
    np.testing.assert_array_equal(arrays["figure/a-figure/0/y"], [1, np.nan, 3])


def test_tensors_are_taken() -> None:
    import torch

    arrays = figure().line(torch.arange(3), torch.ones(3, requires_grad=True), "theory").arrays()
    assert arrays["figure/a-figure/0/y"].dtype == np.float64


def test_words_on_the_horizontal_axis_stand_at_their_rank() -> None:
    drawn = figure(x_categories=("weights", "layers", "inputs"))
    drawn.points(["inputs", "weights"], [1, 2], "measured")
    drawn.segments(["layers"], [0], [1.5], [1], "an interval")
    arrays = drawn.arrays()
    assert arrays["figure/a-figure/0/x"].tolist() == [2, 0]
    assert arrays["figure/a-figure/1/x0"].tolist() == [1]
    assert drawn.record()["x"] == {"label": "x", "scale": "linear", "categories": ["weights", "layers", "inputs"]}
    assert figure().record()["x"] == {"label": "x", "scale": "linear"}


def test_limits_and_a_square_are_kept_where_they_are_given() -> None:
    assert figure(x_scale="log", x_limits=(2, 0.01)).record()["x"]["limits"] == [2.0, 0.01]
    assert figure(square=True).record()["square"] is True
    assert not figure().record().keys() & {"square", "limits"}


def test_a_word_that_is_no_category_is_refused() -> None:
    with pytest.raises(ValueError, match=r"one of x_categories \('weights'\), got 'biases'"):
        figure(x_categories=("weights",)).points(["biases"], [1], "measured")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "A figure"}, "name must be lower-case words"),
        ({"y_scale": "cubic"}, "y_scale must be 'linear' or 'log'"),
        ({"x_categories": ("a", "a")}, "x_categories must be different words"),
        ({"x_categories": ("a", " ")}, "x_categories must be different words"),
        ({"x_categories": ("a",), "x_scale": "log"}, "x_scale must be 'linear' on an axis of categories"),
        ({"x_limits": (1, 1)}, r"x_limits must be two different numbers, got \(1, 1\)"),
        ({"y_limits": (0, float("inf"))}, r"y_limits must be two different numbers, got \(0, inf\)"),
        ({"y_limits": (0, 1), "y_scale": "log"}, r"y_limits must be two different positive numbers, got \(0, 1\)"),
        ({"x_categories": ("a",), "x_limits": (0, 1)}, "x_limits must be None on an axis of categories"),
        ({"square": True, "y_scale": "log"}, "square must be False unless both axes are linear"),
        ({"square": True, "x_limits": (0, 1)}, "square must be False unless both axes are linear, without limits"),
    ],
)
def test_a_malformed_figure_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        figure(**changes)


def test_layers_whose_arrays_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match=r"a line layer must be vectors of one length, got x \(2,\), y \(3,\)"):
        figure().line([0, 1], [0, 1, 2], "theory")
    with pytest.raises(ValueError, match=r"errors must have the shape of y, \(2,\)"):
        figure().points([0, 1], [0, 1], "measured", errors=[1, 2, 3])
    with pytest.raises(ValueError, match=r"z must have shape .* = \(1, 2\), got \(2, 1\)"):
        figure().heat([0, 1], [0], [[1], [2]], "loss")
    with pytest.raises(ValueError, match="edges must be one more than densities, got 2 edges and 2"):
        figure().histogram(edges=[0, 1], density=[1, 1], label="spectrum")
    with pytest.raises(ValueError, match="either values, or edges together with density"):
        figure().histogram([1.0], "spectrum", edges=[0, 1])
