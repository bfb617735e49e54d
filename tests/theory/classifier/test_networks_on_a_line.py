"""Threshold layers against every union of cells; regions and sign changes of ReLU units on a line, counted exactly."""

from collections.abc import Callable
from fractions import Fraction
from itertools import combinations, pairwise, product

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from theory.classifier.cell_networks import cell_network, threshold_answer
from theory.classifier.half_spaces import (
    arrangement_cells,
    cell_count,
    in_general_position,
    most_cells,
    most_labelings,
    sliced_hyperplanes,
    unit_labelings,
)
from theory.classifier.line_regions import folding_network, line_region_bound, line_regions, most_line_regions
from theory.classifier.sign_changes import most_sign_changes, sign_changes_on_line, zigzag_units

SEEDS = st.integers(0, 2**32)


def _drawn(seed: int, *shape: int) -> list[tuple[int, ...]]:
    rows = np.random.default_rng(seed).integers(-9, 10, size=shape)
    return [tuple(int(entry) for entry in row) for row in rows]


@given(seed=SEEDS)
@settings(max_examples=10)
def test_every_cell_has_one_point_on_the_sides_that_name_it(seed: int) -> None:
    rows = [(1, 0, 0), (0, 1, 0), *(row for row in _drawn(seed, 3, 3) if any(row[:2]))]
    cells = arrangement_cells(rows)
    assert len(cells) == cell_count(rows)
    for sides, point in cells.items():
        values = [sum(a * x for a, x in zip(row, (*point, 1), strict=True)) for row in rows]
        assert tuple(1 if value > 0 else -1 for value in values) == sides
        assert 0 not in values


@given(seed=SEEDS)
@settings(max_examples=5)
def test_three_layers_of_threshold_units_answer_in_any_union_of_cells_and_nowhere_else(seed: int) -> None:
    rows = [(1, 0, 0), (0, 1, 0), *(row for row in _drawn(seed, 1, 3) if any(row[:2]))]
    cells = arrangement_cells(rows)
    for size in range(len(cells) + 1):
        for chosen in combinations(cells, size):
            layers = cell_network(rows, chosen)
            assert all(threshold_answer(layers, point) == (cell in chosen) for cell, point in cells.items())


def test_the_exclusive_or_takes_two_cells_and_no_single_unit_has_it() -> None:
    layers = cell_network([(2, 0, -1), (0, 2, -1)], [(1, -1), (-1, 1)])
    corners = list(product((0, 1), repeat=2))
    answers = [threshold_answer(layers, corner) for corner in corners]
    assert answers == [first ^ second for first, second in corners]
    assert tuple(2 * answer - 1 for answer in answers) not in unit_labelings([(*corner, 1) for corner in corners])


@given(seed=SEEDS, units=st.integers(2, 6), low=st.integers(1, 2))
@settings(max_examples=15)
def test_a_slice_has_as_many_cells_as_its_dimension_allows_whatever_the_space(seed: int, units: int, low: int) -> None:
    rows, directions = _drawn(seed, units, 5), _drawn(seed + 1, low, 4)
    sliced = sliced_hyperplanes(rows, _drawn(seed + 2, 1, 4)[0], directions)
    if in_general_position([*sliced, (0,) * low + (1,)]):
        assert cell_count(sliced) == most_cells(units, low)
        assert all(
            sum(a * x for a, x in zip(row, directions[0], strict=False)) == cut[0]
            for row, cut in zip(rows, sliced, strict=True)
        )


@given(seed=SEEDS, widths=st.lists(st.integers(1, 4), min_size=1, max_size=3))
@settings(max_examples=20)
def test_regions_on_a_line_are_at_most_the_product_and_the_network_is_affine_in_each(
    seed: int, widths: list[int]
) -> None:
    sizes = [1, *widths, 1]
    layers = [tuple(_drawn(seed + k, rows, columns + 1)) for k, (columns, rows) in enumerate(pairwise(sizes))]
    places, outputs = line_regions(layers)
    assert len(places) - 1 <= most_line_regions(widths)
    assert list(places) == sorted(set(places))

    def network(x: Fraction) -> Fraction:
        values = [x]
        for depth, layer in enumerate(layers):
            values = [sum((a * h for a, h in zip(row, (*values, 1), strict=True)), Fraction(0)) for row in layer]
            values = [max(z, Fraction(0)) for z in values] if depth < len(layers) - 1 else values
        return values[0]

    for k in range(len(places) - 1):
        assert network((places[k] + places[k + 1]) / 2) == (outputs[k] + outputs[k + 1]) / 2
        assert network(places[k]) == outputs[k]


@pytest.mark.parametrize(("folds", "depth"), [(1, 4), (2, 6), (5, 2)])
def test_folding_multiplies_the_regions_layer_by_layer(folds: int, depth: int) -> None:
    places, outputs = line_regions(folding_network(folds, depth))
    count = folds**depth
    assert places == tuple(Fraction(k, count) for k in range(count + 1))
    assert outputs == tuple(Fraction(k % 2) for k in range(count + 1))
    bound = line_region_bound()
    assert bound.at(part="folded", n=folds, L=depth) == count < bound.at(n=folds, L=depth)
    assert bound.at(n=folds, L=depth) == most_line_regions([folds] * depth)


@given(
    units=st.lists(st.tuples(*[st.integers(-5, 5)] * 3), min_size=1, max_size=6),
    shift=st.integers(-5, 5),
)
@settings(max_examples=40)
def test_units_on_a_line_change_sign_no_more_often_than_said(units: list[tuple[int, int, int]], shift: int) -> None:
    changes = sign_changes_on_line(units, shift)
    assert changes <= most_sign_changes(len(units))
    grid = [Fraction(k, 5) for k in range(-100, 101)]
    values = [shift + sum(a * max(w * x + b, Fraction(0)) for a, w, b in units) for x in grid]
    signs = [value > 0 for value in values if value]
    assert sum(first != second for first, second in pairwise(signs)) <= changes


def test_zigzags_have_as_many_sign_changes_as_there_can_be() -> None:
    for count in range(1, 20):
        units, shift = zigzag_units(count)
        assert len(units) == count
        assert sign_changes_on_line(units, shift) == most_sign_changes(count)
    assert sign_changes_on_line([(1, 0, 3)], -2) == 0


def test_generators_are_read_once_and_answer_as_their_lists_do() -> None:
    lines = [(1, 0, 0), (0, 1, 0), (1, 1, -1)]
    assert sliced_hyperplanes(iter(lines), iter((1, 2)), iter([(0, 1)])) == sliced_hyperplanes(lines, (1, 2), [(0, 1)])
    assert cell_count(iter(lines)) == 7
    assert in_general_position(iter(lines))
    assert most_line_regions(width for width in (2, 3)) == 12
    assert sign_changes_on_line(iter([(1, 1, 0), (1, -1, 0)]), -1) == 2
    assert threshold_answer(iter(cell_network(iter(lines), iter([(1, 1, 1)]))), iter((1, 1))) == 1


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: cell_network([], []), ValueError, "hyperplanes must be at least one, got none"),
        (
            lambda: cell_network([(1, 0), (1, 1)], [(1, 0)]),
            ValueError,
            r"a cell must name a side, \+1 or -1, of 2 hyperplanes, got \(1, 0\)",
        ),
        (lambda: cell_network(["a", "a"], [(1, 1)]), TypeError, "a row of hyperplanes must be a sequence, got 'a'"),
        (lambda: cell_network([(1, 0.5)], []), TypeError, "hyperplanes must hold integers, got 0.5"),
        (
            lambda: cell_network([(1, 0), (1,)], []),
            ValueError,
            r"hyperplanes must have as many entries each, .* got \(1,\)",
        ),
        (lambda: threshold_answer([((1, 2, 3),)], (1,)), ValueError, "a row must have 1 weights and a threshold"),
        (lambda: threshold_answer([((1, 2), (3, 4))], (1,)), ValueError, "the last layer must have one unit, got 2"),
        (lambda: threshold_answer([], (1,)), ValueError, "layers must end with an output, got none"),
        (lambda: threshold_answer([((1, 1),)], [float("nan")]), ValueError, "a coordinate of point must be a finite"),
        (lambda: arrangement_cells([(0, 1)]), ValueError, "hyperplanes must span the 1 dimensions, got the rank 0"),
        (
            lambda: sliced_hyperplanes([(1, 2, 3)], (1,), []),
            ValueError,
            r"origin and directions must have one entry per weight .* got \(1,\)",
        ),
        (lambda: in_general_position([]), ValueError, "rows must be at least one, got none"),
        (lambda: most_cells(True, 2), TypeError, "hyperplanes must be an integer, got True"),
        (lambda: most_line_regions([3, 0]), ValueError, "a width must be >= 1, got 0"),
        (lambda: most_line_regions([2.5]), TypeError, "a width must be an integer, got 2.5"),
        (lambda: line_regions([((1, 2, 3),)]), ValueError, "a row must have 1 weights and a bias"),
        (lambda: line_regions([((1, 2), (3, 4))]), ValueError, "the last layer must have one unit, got 2"),
        (lambda: line_regions([]), ValueError, "layers must end with an output, got none"),
        (lambda: line_regions([(), ((1,),)]), ValueError, "a layer must have at least one row, got none"),
        (
            lambda: line_regions([((sp.sqrt(2), 0),)]),
            ValueError,
            r"a number of a layer must be rational, got sqrt\(2\)",
        ),
        (lambda: folding_network(2, 0), ValueError, "depth must be >= 1, got 0"),
        (lambda: folding_network(10**9, 3), ValueError, "folds must be at most 1000, got 1000000000"),
        (lambda: most_sign_changes(-1), ValueError, "units must be >= 0, got -1"),
        (lambda: most_sign_changes(1.5), TypeError, "units must be an integer, got 1.5"),
        (lambda: sign_changes_on_line([(1, 1, 0)], None), TypeError, "shift must be a real number, got None"),
        (lambda: zigzag_units(0), ValueError, "count must be >= 1, got 0"),
        (lambda: zigzag_units(10**9), ValueError, "count must be at most 1000000, got 1000000000"),
    ],
)
def test_what_does_not_fit_is_refused(call: Callable[[], object], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()


def test_more_dimensions_than_hyperplanes_add_nothing() -> None:
    assert most_cells(3, 10**9) == 8
    assert most_labelings(3, 10**9) == 8
