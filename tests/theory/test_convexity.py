"""Convexity and minima, against random functions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import theory

NAMES = ("convex_local_minimum", "flat_minimiser", "indefinite_chord", "positive_curvature_without_minimiser")
slopes = st.lists(st.tuples(st.floats(-3, 3), st.floats(-3, 3)), min_size=1, max_size=6)


@pytest.mark.parametrize("name", NAMES)
def test_each_is_proved_exactly(name: str) -> None:
    assert getattr(theory, name)().passed
    assert getattr(theory, name)().evidence == "exact"


@settings(max_examples=30)
@given(pieces=slopes, x=st.floats(-5, 5), y=st.floats(-5, 5), t=st.floats(0.01, 0.99))
def test_a_convex_function_falls_on_the_way_to_a_lower_point(
    pieces: list[tuple[float, float]], x: float, y: float, t: float
) -> None:
    def f(place: float) -> float:
        return max(slope * place + height for slope, height in pieces)

    if f(y) > f(x):
        x, y = y, x
    assert f((1 - t) * x + t * y) <= f(x) - t * (f(x) - f(y)) + 1e-9


def test_the_bound_and_the_chord_take_numbers() -> None:
    assert theory.convex_local_minimum().at(F=5, d=4, t="1/2") == 3
    chord = float(theory.indefinite_chord().at(c=2, t="1/100"))
    middle = 0.3
    second = -2 * np.sin(np.pi / 2)  # of 2 sin at pi/2
    mean = (2 * np.sin(np.pi / 2 + 0.01) + 2 * np.sin(np.pi / 2 - 0.01)) / 2 + middle
    np.testing.assert_allclose(mean - (2 + middle), chord, rtol=1e-4)
    assert second == -2


def test_the_exponential_falls_everywhere_and_the_quartic_has_one_minimiser() -> None:
    x = np.linspace(-20, 20, 401)
    assert (np.diff(np.exp(x)) > 0).all()
    assert theory.positive_curvature_without_minimiser().value == 0
    place = np.random.default_rng(1).normal(size=(500, 2))
    assert ((place[:, 0] ** 4 + place[:, 1] ** 2) > 0).all()
    assert theory.flat_minimiser().value == 0 < theory.flat_minimiser().parts["nullity"].rhs
