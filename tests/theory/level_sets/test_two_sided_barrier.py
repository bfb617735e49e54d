"""A unit too few costs a loss that no width makes small, and the wall that it makes is enclosed and met by a path."""

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from theory.certificates.krawczyk import NoCertificateError
from theory.level_sets import (
    certify_two_sided_barrier,
    missing_unit_bound,
    two_sided_barrier,
    two_sided_valley,
)
from theory.relu_teacher import relu_teacher_loss

BOUND = float(missing_unit_bound().value)
SEEDS = st.integers(0, 2**32 - 1)


def distance(weights: np.ndarray) -> float:
    """From p ReLU units, or fewer, to the sum of as many as there are inputs."""
    return float(np.sqrt(2 * np.maximum(relu_teacher_loss(weights), 0)))


@settings(max_examples=30)
@given(seed=SEEDS, units=st.integers(2, 8), further=st.integers(0, 2))
def test_no_network_with_a_unit_too_few_is_below_the_bound(seed: int, units: int, further: int) -> None:
    source = np.random.default_rng(seed)
    weights = np.eye(units, units + further)[:-1] + source.normal(scale=0.3, size=(units - 1, units + further))
    assert relu_teacher_loss(weights, np.eye(units, units + further)) > BOUND


@settings(max_examples=30)
@given(seed=SEEDS, size=st.floats(1e-3, 2))
def test_the_distance_to_the_target_changes_by_at_most_what_all_units_move(seed: int, size: float) -> None:
    source = np.random.default_rng(seed)
    weights, steps = source.normal(size=(3, 4)), size * source.normal(size=(3, 4))
    moved = np.linalg.norm(steps, axis=1).sum()
    assert abs(distance(weights + steps) - distance(weights)) <= moved + 1e-9


@pytest.mark.parametrize("units", [2, 3, 4, 5])
def test_the_loss_is_that_of_the_closed_form_at_weights_where_it_is_least_nearby(units: int) -> None:
    barrier = certify_two_sided_barrier(units)
    weights = np.array(barrier.minimum.weights)
    assert float(relu_teacher_loss(weights)) == pytest.approx(float(barrier.loss), rel=1e-12)
    around = weights + 1e-3 * np.random.default_rng(units).normal(size=(50, *weights.shape))
    assert relu_teacher_loss(around).min() > float(barrier.loss) > BOUND


def test_the_loss_falls_with_the_width_from_its_closed_form_at_two() -> None:
    losses = [certify_two_sided_barrier(units).loss for units in (2, 3, 4, 5)]
    assert abs(losses[0].midpoint - two_sided_valley().at(part="c_2", digits=20).midpoint) < Fraction(1, 10**15)
    assert all(after.upper < before.lower for before, after in pairwise(losses))


@pytest.mark.parametrize("units", [2, 3, 4])
def test_the_loss_rises_along_the_path_to_the_minimum_and_no_further(units: int) -> None:
    barrier = certify_two_sided_barrier(units)
    path = barrier.path(1, 2).sample(50)[:101]
    weights = path[:, : units * (units + 1)].reshape(-1, units, units + 1)
    assert not weights[:, :, -1].any()
    losses = relu_teacher_loss(weights[:, :, :-1])
    assert losses[0] == pytest.approx(0, abs=1e-15)
    assert (np.diff(losses) > 0).all()
    assert losses[-1] == pytest.approx(float(barrier.loss), rel=1e-12)
    assert losses[:51].max() < float(barrier.rest) < float(barrier.loss)


def test_the_path_starts_in_the_valley_and_ends_with_a_unit_on_the_other_side() -> None:
    path = certify_two_sided_barrier(3).path(2, 3)
    assert path.start.tolist() == [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 2, 2, 2]
    assert path.end[8:12].tolist() == [0, 0, 0, 1]
    assert path.end[-3:].tolist() == [2, 2, -3]


@pytest.mark.parametrize("units", [1, 13])
def test_widths_outside_the_range_are_refused(units: int) -> None:
    with pytest.raises(ValueError, match=f"units must be from 2 to 12, got {units}"):
        certify_two_sided_barrier(units)


def test_a_width_that_is_no_integer_is_refused() -> None:
    with pytest.raises(TypeError, match=r"units must be an integer, got 2\.0"):
        certify_two_sided_barrier(2.0)  # type: ignore[arg-type]


def test_a_path_needs_the_larger_target_on_the_second_side() -> None:
    with pytest.raises(ValueError, match="b > a > 0, got a = 2 and b = 1"):
        certify_two_sided_barrier(2).path(2, 1)


def test_nothing_is_proved_of_a_path_that_is_looked_at_in_too_few_places(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(two_sided_barrier, "_PIECES", 2)
    with pytest.raises(NoCertificateError, match=r"the path must stay below 0\.0885119"):
        certify_two_sided_barrier(2)


def test_nothing_is_proved_where_the_missing_unit_is_not_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    learnt = replace(certify_two_sided_barrier(2).minimum, weights=((0.0, 2.0),))
    monkeypatch.setattr(two_sided_barrier, "certify_teacher_minimum", lambda *_: learnt)
    with pytest.raises(NoCertificateError, match="a unit on e_p must make F fall, got an overlap of -"):
        certify_two_sided_barrier(2)
