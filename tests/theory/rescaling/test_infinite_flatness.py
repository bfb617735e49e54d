"""The box construction: images of one box have any volume, or are disjoint without end."""

from fractions import Fraction
from itertools import combinations

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from theory.rescaling.infinite_flatness import disjoint_boxes, growing_boxes
from theory.rescaling.parameter_box import ParameterBox, disjoint_factor, rescaling_for_volume

POSITIVE = st.fractions(Fraction(1, 50), 50, max_denominator=50)
SIZES = st.tuples(st.integers(1, 3), st.integers(1, 3))


@pytest.mark.parametrize("derive", [growing_boxes, disjoint_boxes])
def test_they_are_proved_exactly(derive: object) -> None:
    result = derive()  # type: ignore[operator]
    assert result.passed
    assert result.evidence == "exact"


@settings(max_examples=40)
@given(sizes=SIZES, radius=POSITIVE, alpha=POSITIVE, data=st.data())
def test_the_volume_of_an_image_is_the_derived_one(
    sizes: tuple[int, int], radius: Fraction, alpha: Fraction, data: st.DataObject
) -> None:
    theta = data.draw(st.lists(st.fractions(-5, 5, max_denominator=9), min_size=sum(sizes), max_size=sum(sizes)))
    box = ParameterBox.around(theta, radius, alpha, sizes)
    assert box.volume == growing_boxes().at(r=radius, alpha=alpha, n_1=sizes[0], n_2=sizes[1])


@settings(max_examples=40)
@given(sizes=SIZES.filter(lambda pair: pair[0] != pair[1]), radius=POSITIVE, volume=POSITIVE)
def test_any_volume_is_exceeded_in_the_right_direction(
    sizes: tuple[int, int], radius: Fraction, volume: Fraction
) -> None:
    alpha = rescaling_for_volume(sizes, radius, volume * 1000)
    assert growing_boxes().at(r=radius, alpha=alpha, n_1=sizes[0], n_2=sizes[1]) > volume * 1000
    assert (alpha >= 1) == (sizes[0] > sizes[1]) or alpha == 1


@settings(max_examples=40)
@given(first=st.lists(st.fractions(-5, 5, max_denominator=9), min_size=1, max_size=2), share=st.fractions(0, 1))
def test_boxes_along_the_orbit_are_disjoint_with_the_corrected_factor(first: list[Fraction], share: Fraction) -> None:
    largest = max(abs(x) for x in first)
    radius = largest * (share * Fraction(98, 100) + Fraction(1, 100))
    if largest == 0:
        return
    theta, sizes = [*first, *([Fraction(1, 3)] * len(first))], (len(first), len(first))
    alpha = disjoint_factor(first, radius)
    boxes = [ParameterBox.around(theta, radius, alpha**k, sizes) for k in range(4)]
    assert not any(a.meets(b) for a, b in combinations(boxes, 2))
    assert len({box.volume for box in boxes}) == 1
    half = [ParameterBox.around(theta, radius, (alpha / 2) ** k, sizes) for k in range(2)]
    assert not half[0].meets(half[1])


def test_the_printed_factor_can_move_nothing() -> None:
    assert disjoint_boxes().at(t=1, r="0.1") == sp.Rational(22, 9)
    printed = sp.Rational(22, 10) / (sp.Rational(23, 10) - sp.Rational(1, 10))
    boxes = [ParameterBox.around([1, "2.3"], "0.1", printed**k, (1, 1)) for k in (0, 1)]
    assert boxes[0] == boxes[1]


def test_sampled_losses_in_the_images_stay_below_the_level() -> None:
    """The explicit radius for L = (w_1 w_2 - 1)^2 at (1, 1)."""
    epsilon = 0.1
    (symbol,) = growing_boxes().parts["radius"].rhs.free_symbols
    radius = float(growing_boxes().parts["radius"].rhs.subs(symbol, epsilon))
    draws = np.random.default_rng(0).uniform(-radius, radius, size=(10_000, 2)) + 1
    for alpha in (1e-3, 1.0, 1e3):
        moved = draws * np.array([alpha, 1 / alpha])
        assert np.all((moved.prod(axis=1) - 1) ** 2 < epsilon)
    assert ((1 + radius) ** 2 - 1) ** 2 == pytest.approx(epsilon)


def test_bad_boxes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"radius must be below the largest \|theta_1\| = 1, got 1"):
        disjoint_factor([1], 1)
    with pytest.raises(ValueError, match=r"radius must be positive, got 0"):
        disjoint_factor([1], 0)
    with pytest.raises(ValueError, match=r"theta_1 must be rational, got sqrt\(2\)"):
        disjoint_factor([sp.sqrt(2)], "0.1")
    with pytest.raises(ValueError, match=r"block_sizes must differ, because equal ones keep the volume, got \[2, 2\]"):
        rescaling_for_volume((2, 2), 1, 1)
    with pytest.raises(ValueError, match=r"block_sizes must hold two layers, got \[1, 2, 3\]"):
        rescaling_for_volume((1, 2, 3), 1, 1)
    with pytest.raises(ValueError, match=r"theta must have 2 entries, got 1"):
        ParameterBox.around([1], 1, 1, (1, 1))
    with pytest.raises(ValueError, match=r"alpha must be positive, got -1"):
        ParameterBox.around([1, 1], 1, -1, (1, 1))
