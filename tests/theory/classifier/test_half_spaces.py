"""Cells of hyperplanes and labelings of points: laws of counting, and linear programmes as the oracle."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from theory.classifier.half_spaces import (
    cell_count,
    cells_in_space,
    in_general_position,
    most_cells,
    most_labelings,
    unit_labelings,
)

SEEDS = st.integers(0, 2**32)


def _drawn(seed: int, count: int, size: int) -> list[tuple[int, ...]]:
    rows = np.random.default_rng(seed).integers(-9, 10, size=(count, size))
    return [tuple(int(entry) for entry in row) for row in rows]


def _separable(points: list[tuple[int, ...]], labels: tuple[int, ...]) -> bool:
    signed = np.array(labels)[:, None] * np.array(points, dtype=float)
    size = signed.shape[1]
    return bool(linprog(np.zeros(size), A_ub=-signed, b_ub=-np.ones(len(signed)), bounds=[(None, None)] * size).success)


@pytest.mark.parametrize("size", [2, 3])
def test_a_labeling_is_listed_if_and_only_if_a_linear_programme_separates_it(size: int) -> None:
    points = _drawn(5, 5, size)
    found = unit_labelings(points)
    assert in_general_position(points)
    assert len(found) == most_labelings(5, size)
    for labels in product((1, -1), repeat=5):
        assert (labels in found) is _separable(points, labels)


@given(seed=SEEDS, size=st.integers(1, 3), more=st.integers(1, 4))
@settings(max_examples=30)
def test_no_points_have_more_labelings_than_those_in_general_position(seed: int, size: int, more: int) -> None:
    points = [*np.eye(size, dtype=int).tolist(), *(row for row in _drawn(seed, more, size) if any(row))]
    found = unit_labelings(points)
    assert len(found) <= most_labelings(len(points), size)
    assert {tuple(-label for label in labels) for labels in found} == found
    if in_general_position(points):
        assert len(found) == most_labelings(len(points), size)


@given(seed=SEEDS, size=st.integers(1, 3), more=st.integers(1, 4))
@settings(max_examples=30)
def test_one_hyperplane_more_splits_as_many_cells_as_it_is_cut_into(seed: int, size: int, more: int) -> None:
    rows = [(*row, 0) for row in np.eye(size, dtype=int).tolist()]
    rows += [row for row in _drawn(seed, more, size + 1) if any(row[:-1])]
    infinity = (0,) * size + (1,)
    count = cell_count(rows)
    assert count <= most_cells(len(rows), size)
    if in_general_position([*rows, infinity]):
        assert count == most_cells(len(rows), size)
        assert most_cells(len(rows), size) == most_cells(len(rows) - 1, size) + most_cells(len(rows) - 1, size - 1)


def test_parallel_lines_and_lines_through_one_point_make_fewer_cells() -> None:
    assert cell_count([(1, 0, 0), (1, 0, 1), (0, 1, 0)]) == 6
    assert cell_count([(1, 0, 0), (0, 1, 0), (1, 1, 0)]) == 6
    assert cell_count([(1, 0, 0), (0, 1, 0), (1, 1, 1)]) == 7


@pytest.mark.parametrize("count", range(1, 8))
def test_the_derived_numbers_are_sums_of_binomials(count: int) -> None:
    derivation = cells_in_space()
    assert derivation.evidence == "exact"
    assert derivation.at(N=count) == most_cells(count, 3)
    assert derivation.at(part="plane", N=count) == most_cells(count, 2)


def test_up_to_as_many_points_as_weights_have_all_labelings_and_twice_as_many_half() -> None:
    for size in range(1, 30):
        assert most_labelings(size, size) == 2**size
        assert 2 * most_labelings(2 * size, size) == 4**size


def test_what_does_not_span_or_count_is_refused() -> None:
    with pytest.raises(ValueError, match="hyperplanes must span the 2 dimensions, got the rank 1"):
        cell_count([(1, 0, 0), (2, 0, 1)])
    with pytest.raises(ValueError, match="points must be at least one, got none"):
        unit_labelings([])
    with pytest.raises(ValueError, match="hyperplanes must be >= 0, got -1"):
        most_cells(-1, 2)
    with pytest.raises(ValueError, match="points must be >= 1, got 0"):
        most_labelings(0, 2)
