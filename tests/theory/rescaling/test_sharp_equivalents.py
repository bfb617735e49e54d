"""What a rescaling does to sharpness, on networks with one weight in each layer, by dense grids of the ball."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from theory.rescaling.sharp_equivalents import reaching_scale, sharper_equivalent, sharpest_minimum


def _sharpness(first: float, second: float, radius: float, *, bounded: bool) -> float:
    """The largest loss on a polar grid of the closed ball, over 1 + 0."""
    angle, share = np.meshgrid(np.linspace(0, 2 * math.pi, 1441), np.linspace(0, 1, 101))
    u, v = radius * share * np.cos(angle), radius * share * np.sin(angle)
    error = (second + v) * np.maximum(first + u, 0) - 1
    return float((2 * error**2 / (1 + error**4) if bounded else error**2).max())


@pytest.mark.parametrize("derive", [sharper_equivalent, sharpest_minimum])
def test_they_are_proved_exactly(derive: object) -> None:
    result = derive()  # type: ignore[operator]
    assert result.passed
    assert result.evidence == "exact"


def test_the_construction_makes_a_sharp_minimum_flatter() -> None:
    before, after = _sharpness(2.0, 0.5, 1.0, bounded=False), _sharpness(1.0, 1.0, 1.0, bounded=False)
    assert after == pytest.approx(float(sharper_equivalent().parts["after"].rhs), rel=1e-4)
    assert before >= 4.0 > after > 1.0


@given(size=st.floats(0.05, 20.0), radius=st.floats(0.1, 3.0))
def test_the_bound_holds_after_the_rescaling(size: float, radius: float) -> None:
    """The loss of output 0 is 1, that of the minimum 0."""
    alpha = reaching_scale([size], radius)
    assert alpha * size == pytest.approx(radius)
    assert _sharpness(alpha * size, 1 / (alpha * size), radius, bounded=False) >= 1 - 1e-9


@pytest.mark.parametrize("radius", [0.3, 1.0, 2.0])
def test_with_a_bounded_loss_no_equivalent_is_sharper(radius: float) -> None:
    best = _sharpness(radius, 1 / radius, radius, bounded=True)
    assert best == pytest.approx(float(sharpest_minimum().value), rel=1e-9)
    assert sharpest_minimum().parts["sharper"].rhs == 0
    for alpha in (0.01, 0.3, 3.0, 100.0):
        assert _sharpness(alpha * radius, 1 / (alpha * radius), radius, bounded=True) <= best + 1e-12


def test_an_open_ball_needs_a_smaller_scale() -> None:
    first = np.array([[3.0, 4.0], [0.0, 12.0]])
    assert reaching_scale(first, 0.1, fraction=0.5) * np.linalg.norm(first) == pytest.approx(0.05)


def test_bad_input_is_refused() -> None:
    with pytest.raises(ValueError, match=r"first_layer must not be 0"):
        reaching_scale([0.0, 0.0], 1.0)
    with pytest.raises(ValueError, match=r"first_layer must be a vector of at least one number"):
        reaching_scale([], 1.0)
    with pytest.raises(ValueError, match=r"radius must be > 0, got 0"):
        reaching_scale([1.0], 0)
    with pytest.raises(ValueError, match=r"fraction must be > 0, got -1"):
        reaching_scale([1.0], 1.0, fraction=-1)
