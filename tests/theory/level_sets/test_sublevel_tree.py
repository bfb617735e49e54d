"""The exact merge tree, against hand calculations, grids and its own symmetries."""

import math
import time
from fractions import Fraction
from typing import Any

import matplotlib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import label

from theory.level_sets import merge_tree

matplotlib.use("Agg")

_TRIANGLE = [(1, 0), (0, 1), (-1, -1)]


@pytest.mark.parametrize(
    ("x", "y", "width", "bars"),
    [
        ([-1, 1], [1, 2], 1, "(1, inf), (4, 5)"),
        ([-1, 1], [1, 2], 2, "(0, inf), (0, 1)"),
        ([-1, 1], [1, 2], 3, "(0, inf)"),
        (_TRIANGLE, [1, 2, 2], 1, "(1, inf), (4, 5), (4, 5)"),
        (_TRIANGLE, [1, 2, 2], 2, "(0, inf)"),
        ([0, 0], [1, 2], 2, "(5, inf)"),
        ([1], [0], 1, "(0, inf)"),
    ],
)
def test_small_trees_are_those_found_by_hand(x: Any, y: Any, width: int, bars: str) -> None:
    assert str(merge_tree(x, y, width, bias=False)) == bars


def test_the_bars_are_exact_and_count_components() -> None:
    tree = merge_tree([-1, 1], [1, 2], 1, bias=False)
    assert tree.bars == ((Fraction(1), math.inf), (Fraction(4), Fraction(5)))
    assert tree.valleys == ((Fraction(4), Fraction(5)),)
    assert tree.least_loss == 1
    assert [tree.components(level) for level in ("0.99", 1, 4, 4.99, 5)] == [0, 1, 2, 2, 1]


@pytest.mark.parametrize(
    ("x", "y", "steps", "levels"),
    [([(-1.0,), (1.0,)], [1.0, 2.0], 301, (2.0, 4.6, 6.0)), (_TRIANGLE, [1.0, 2.0, 2.0], 61, (3.0, 4.7, 6.0))],
)
def test_a_labelled_grid_has_as_many_components(x: Any, y: Any, steps: int, levels: tuple[float, ...]) -> None:
    """One unit, whose parameters are put on a grid: a second route that knows nothing of cells."""
    inputs = np.array(x, dtype=float)
    axes = [np.linspace(-3, 3, steps)] * (1 + inputs.shape[1])
    outer, *v = np.meshgrid(*axes, indexing="ij")
    loss = np.zeros_like(outer)
    for row, target in zip(inputs, y, strict=True):
        loss += (outer * np.maximum(sum(a * b for a, b in zip(v, row, strict=True)), 0) - target) ** 2
    tree = merge_tree(x, y, 1, bias=False)
    for level in levels:
        assert label(loss <= level)[1] == tree.components(level)


_rows = st.lists(st.tuples(st.integers(-3, 3), st.integers(-3, 3)), min_size=1, max_size=4)


@settings(max_examples=25)
@given(rows=_rows, seed=st.integers(0, 99), width=st.integers(1, 2), bias=st.booleans())
def test_every_bar_is_born_at_a_parameter_of_that_loss(
    rows: list[tuple[int, int]], seed: int, width: int, bias: bool
) -> None:
    targets = [Fraction((7 * seed + 11 * place) % 19 - 9, 2) for place in range(len(rows))]
    for output_bias in (False, bias):
        tree = merge_tree(rows, targets, width, bias, output_bias=output_bias)
        assert len(tree.minima) == len(tree.bars)
        for (birth, death), theta in zip(tree.bars, tree.minima, strict=True):
            assert _loss(theta, rows, targets, width, bias) == birth < death


@settings(max_examples=15)
@given(rows=_rows, seed=st.integers(0, 99), bias=st.booleans())
def test_the_tree_has_the_symmetries_of_the_problem(rows: list[tuple[int, int]], seed: int, bias: bool) -> None:
    targets = [(5 * seed + 3 * place) % 13 - 6 for place in range(len(rows))]
    tree = merge_tree(rows, targets, 1, bias)
    turned = merge_tree([(a + 2 * b, 3 * b) for a, b in reversed(rows)], targets[::-1], 1, bias)
    assert turned.bars == tree.bars
    padded = merge_tree([(a, b, a - b) for a, b in rows], targets, 1, bias)
    assert padded.bars == tree.bars  # a direction that no input sees
    scaled = merge_tree(rows, [Fraction(2 * target, 3) for target in targets], 1, bias)
    assert scaled.bars == tuple((4 * birth / 9, 4 * death / 9) for birth, death in tree.bars)
    mirrored = merge_tree(rows, [-target for target in targets], 1, bias)
    assert mirrored.bars == tree.bars
    assert merge_tree(rows, targets, 2, bias).least_loss <= tree.least_loss


def test_with_as_many_units_as_data_the_least_loss_is_zero() -> None:
    tree = merge_tree([1, 2, 3], [1, -1, 2], 3, bias=True)
    assert tree.least_loss == 0


def test_five_points_of_the_plane_and_two_units_take_at_most_three_seconds() -> None:
    points = [(0, 1), (2, 3), (-1, 5), (-3, -4), (1, -7)]
    start = time.perf_counter()
    tree = merge_tree(points, [1, -2, 3, 1, 2], 2, bias=True)
    assert time.perf_counter() - start < 3
    assert tree.cells == 1936


def test_an_output_bias_frees_the_mean() -> None:
    """A constant is fitted by the output's bias alone, and by no unit without biases of its own at x = 0."""
    assert str(merge_tree([0, 0], [1, 1], 1, bias=True, output_bias=True)) == "(0, inf)"
    assert (
        merge_tree([-1, 0, 1], [0, 1, 0], 1, True, output_bias=True).least_loss
        < merge_tree([-1, 0, 1], [0, 1, 0], 1, True).least_loss
    )


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"x": []}, ValueError, "x must be at least one input, in rows of one length"),
        ({"x": [(1, 2), (1,)]}, ValueError, "x must be at least one input, in rows of one length"),
        ({"x": 3}, TypeError, "x and y must be sequences"),
        ({"y": [1]}, ValueError, "y must have one target per input, got 1 for 2 inputs"),
        ({"y": [1, "two"]}, ValueError, "an entry of y must be an integer, a decimal or p/q"),
        ({"y": [1, math.inf]}, ValueError, "an entry of y must be a finite real number"),
        ({"width": 0}, ValueError, "width must be >= 1, got 0"),
        ({"width": 1.0}, TypeError, "width must be an integer, got 1.0"),
        ({"width": 12}, ValueError, "width must leave at most 1000000 cells, got at least 4\\^12"),
        ({"width": 10**9}, ValueError, "width must leave at most 1000000 cells, got at least 4\\^1000000000"),
        ({"x": range(30), "y": range(30), "width": 4, "bias": True}, ValueError, "at most 1000000 cells, got 120\\^4"),
        (
            {"x": np.eye(16, dtype=int), "y": [1] * 16},
            ValueError,
            "at most 10000 chambers, got up to 65536, as 16 hyper",
        ),
        ({"x": "12"}, TypeError, "x and y must be sequences, got str and list"),
        ({"bias": 1}, TypeError, "bias must be True or False, got 1"),
        ({"output_bias": True}, ValueError, "output_bias must be False where bias is False"),
    ],
)
def test_bad_input_is_refused(change: dict[str, Any], error: type[Exception], message: str) -> None:
    arguments: dict[str, Any] = {"x": [-1, 1], "y": [1, 2], "width": 1, "bias": False} | change
    with pytest.raises(error, match=message):
        merge_tree(**arguments)


def test_a_level_must_be_rational() -> None:
    import sympy as sp

    tree = merge_tree([1], [1], 1, bias=False)
    with pytest.raises(ValueError, match="number must be rational"):
        tree.components(sp.sqrt(2))
    with pytest.raises(TypeError, match="level must be a real number"):
        tree.components(None)


def test_a_picture_has_one_bar_for_each_component_and_an_arrow_for_the_one_that_stays() -> None:
    tree = merge_tree([-1, 1], [1, 2], 1, bias=False)
    axes = tree.plot()
    first, arrow, second = axes.lines
    assert list(second.get_xdata()) == [4, 5]
    assert first.get_xdata()[0] == 1
    assert first.get_xdata()[1] == arrow.get_xdata()[0] > 5
    assert merge_tree([1], [1], 1, bias=False).plot(axes=axes) is axes


def _loss(theta: tuple[Fraction, ...], rows: Any, targets: Any, width: int, bias: bool) -> Fraction:
    """The sum of squares, in the flat layout of an Mlp."""
    inputs, place = len(rows[0]), width * len(rows[0])
    biases = theta[place : place + width] if bias else (Fraction(0),) * width
    place += width * bias
    outer, offset = theta[place : place + width], theta[place + width] if bias else Fraction(0)
    total = Fraction(0)
    for row, target in zip(rows, targets, strict=True):
        output = offset
        for unit in range(width):
            v = theta[unit * inputs : (unit + 1) * inputs]
            output += outer[unit] * max(sum(a * b for a, b in zip(v, row, strict=True)) + biases[unit], Fraction(0))
        total += (output - target) ** 2
    return total
