"""Open boxes of named parameters, and their positive generators."""

import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

from theory.domain import Domain

_BOXES = [
    Domain(x=(0, 1)),
    Domain(x=(-2, "1/2")),
    Domain(x=(3, sp.oo)),
    Domain(x=(-sp.oo, -1)),
    Domain(x=(0, sp.sqrt(2))),
]


@pytest.mark.parametrize("box", _BOXES, ids=str)
def test_points_lie_inside_and_are_the_same_every_time(box: Domain) -> None:
    points = list(box.points(20))
    assert all(box.contains(**point) for point in points)
    assert points == list(box.points(20))
    assert len({point["x"] for point in points}) == 20


@pytest.mark.parametrize("box", _BOXES, ids=str)
@given(p=st.fractions(min_value="1/1000", max_value=1000))
def test_generators_run_through_the_box(box: Domain, p: object) -> None:
    x = sp.Symbol("x")
    images, positive = box.generators({x})
    (generator,) = positive
    assert box.contains(x=images[x].subs(generator, sp.Rational(str(p))))


def test_bounds_are_exclusive() -> None:
    box = Domain(x=(0, 1))
    assert not box.contains(x=0)
    assert not box.contains(x=1)
    assert box.contains(x="1/3")


def test_a_parameter_without_bounds_is_no_generator() -> None:
    x = sp.Symbol("x", real=True)
    assert Domain(x=(-sp.oo, sp.oo)).generators({x}) == ({}, frozenset())
    assert str(Domain(x=(-sp.oo, sp.oo))) == "x real"


def test_boxes_are_values() -> None:
    assert Domain(x=(0, 1)) == Domain(x=(0, 1.0))
    assert hash(Domain(x=(0, 1))) == hash(Domain(x=("0", 1)))


n, B = sp.symbols("n B", positive=True)
BATCHES = Domain(n=(1, sp.oo), B=(0, sp.oo)).with_integers("n", "B").where(sp.Le(B, n))


def test_points_of_a_narrowed_box_obey_its_conditions_and_are_integers() -> None:
    points = list(BATCHES.points(40))
    assert all(BATCHES.contains(**point) for point in points)
    assert all(point["B"] <= point["n"] and point["n"].denominator == 1 for point in points)
    assert len({(point["n"], point["B"]) for point in points}) > 10


@pytest.mark.parametrize("ends", [(0, 2), ("1/2", "7/2"), (-sp.oo, 0), (-sp.oo, sp.oo), (3, sp.oo)])
def test_integers_lie_between_their_bounds(ends: tuple[object, object]) -> None:
    box = Domain(k=ends).with_integers("k")
    assert all(box.contains(**point) for point in box.points(30))


def test_a_condition_counts_once_all_its_parameters_are_given() -> None:
    assert BATCHES.contains(B=5)
    assert not BATCHES.contains(B=5, n=3)
    assert BATCHES.contains(B=5, n=5)
    assert not BATCHES.contains(n="7/2")


def test_a_narrowed_box_is_proved_as_a_whole_and_printed_with_its_conditions() -> None:
    assert str(BATCHES) == "1 < n, 0 < B, B <= n, n and B integers"
    images, positive = BATCHES.generators({n, B})
    assert len(images) == len(positive) == 2
    assert Domain(n=(1, sp.oo), B=(0, sp.oo)) != BATCHES
    assert hash(BATCHES) == hash(Domain(n=(1, sp.oo), B=(0, sp.oo)).with_integers("n", "B").where(sp.Le(B, n)))


def test_bad_conditions_are_refused() -> None:
    with pytest.raises(ValueError, match=r"the domain has no parameter 'k'; it has n, B"):
        BATCHES.where(sp.Symbol("k") < n)
    with pytest.raises(ValueError, match=r"a condition must be a relation between parameters, got True"):
        BATCHES.where(n > 0)  # known from its assumptions, so no condition
    with pytest.raises(ValueError, match=r"the conditions must leave points of the box, got none in 1000 draws"):
        BATCHES.where(n + 1 < B)
    with pytest.raises(ValueError, match=r"x must have an integer between its bounds, got \(0, 1\)"):
        Domain(x=(0, 1)).with_integers("x")
    with pytest.raises(ValueError, match=r"the domain has no parameter 'y'; it has x"):
        Domain(x=(0, 1)).with_integers("y")


def test_bad_boxes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"x must have lower < upper, got \(1, 1\)"):
        Domain(x=(1, 1))
    with pytest.raises(ValueError, match=r"x must have two bounds \(lower, upper\), got 3"):
        Domain(x=3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"a bound of x must be a finite real number, got nan"):
        Domain(x=(float("nan"), 1))


def test_bad_questions_are_refused() -> None:
    with pytest.raises(ValueError, match=r"the domain has no parameter 'tau'; it has phi"):
        Domain(phi=(0, 1)).contains(tau=1)
    with pytest.raises(ValueError, match=r"count must be >= 0, got -1"):
        list(Domain(phi=(0, 1)).points(-1))
