"""The chambers of a central arrangement."""

from math import comb

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from theory.level_sets.chambers import chambers, coordinates, most_chambers, primitive, walls


def _moment_curve(count: int, dimension: int) -> list[tuple[int, ...]]:
    """Vectors in general position."""
    return [tuple(t**power for power in range(dimension)) for t in range(-2, count - 2)]


@pytest.mark.parametrize(("count", "dimension"), [(1, 1), (3, 2), (5, 2), (4, 3), (6, 3), (5, 4), (6, 4)])
def test_hyperplanes_in_general_position_have_as_many_chambers_as_schlaefli_says(count: int, dimension: int) -> None:
    cells = chambers(_moment_curve(count, dimension))
    assert len(cells) == most_chambers(count, dimension) == 2 * sum(comb(count - 1, i) for i in range(dimension))


@settings(max_examples=30)
@given(
    normals=st.lists(st.tuples(*[st.integers(-3, 3)] * 3), min_size=3, max_size=6),
    point=st.tuples(*[st.integers(-50, 50)] * 3),
)
def test_every_generic_point_is_in_one_chamber_and_every_ray_on_its_side(
    normals: list[tuple[int, int, int]], point: tuple[int, int, int]
) -> None:
    rows = sorted({max(primitive(row), primitive([-entry for entry in row])) for row in normals if any(row)})
    if len(coordinates(rows)) < 3:
        return
    cells = chambers(rows)
    assert len(cells) <= most_chambers(len(rows), 3)
    assert len({cell.signs for cell in cells}) == len(cells)
    assert {tuple(-sign for sign in cell.signs) for cell in cells} == {cell.signs for cell in cells}
    values = [sum(a * b for a, b in zip(row, point, strict=True)) for row in rows]
    if all(values):
        assert tuple(1 if value > 0 else -1 for value in values) in {cell.signs for cell in cells}
    for cell in cells:
        for ray in cell.rays:
            values = [sum(a * b for a, b in zip(row, ray, strict=True)) for row in rows]
            sides = [sign * value for sign, value in zip(cell.signs, values, strict=True)]
            assert min(sides) >= 0
            on = [row for row, side in zip(rows, sides, strict=True) if side == 0]
            assert len(coordinates(on)) == 2  # extreme: on two independent hyperplanes


def test_great_circles_meet_in_walls() -> None:
    """Five circles on the sphere, each cut by the other four at eight points: forty arcs."""
    cells = chambers(_moment_curve(5, 3))
    assert len(walls(cells)) == 40
    assert all(len(rays) == 2 for rays in walls(cells).values())


def test_without_hyperplanes_there_is_one_chamber() -> None:
    assert [(cell.signs, cell.rays) for cell in chambers([])] == [((), ())]


def test_hyperplanes_that_do_not_span_are_refused() -> None:
    with pytest.raises(ValueError, match="normals must have full column rank 2, got rank 1"):
        chambers([(1, 0), (2, 0)])
