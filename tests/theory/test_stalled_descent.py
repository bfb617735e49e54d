"""Quadratic units that cannot arrive, against the flow itself."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

import theory


def _end(u: float, w: float) -> tuple[float, float]:
    def flow(_: float, place: np.ndarray) -> list[float]:
        error = place[0] * place[1] ** 2 + 1
        return [-2 * error * place[1] ** 2, -4 * error * place[0] * place[1]]

    way = solve_ivp(flow, (0, 60), [u, w], rtol=1e-9, atol=1e-12)
    kept = 2 * way.y[0] ** 2 - way.y[1] ** 2
    np.testing.assert_allclose(kept, 2 * u**2 - w**2, atol=1e-5)
    return float(way.y[0, -1]), float(way.y[1, -1])


def test_it_is_proved_exactly_and_the_share_is_a_third_or_so() -> None:
    derivation = theory.positive_units_floor()
    assert derivation.passed
    assert derivation.evidence == "exact"
    np.testing.assert_allclose(float(derivation.parts["share"].rhs), math.atan(math.sqrt(2)) / math.pi, rtol=1e-15)
    assert derivation.at(y=3) == 9


@pytest.mark.parametrize(("u", "w"), [(1.0, 1.2), (0.8, -1.0), (2.0, 0.5)])
def test_a_positive_unit_vanishes_and_the_loss_stays(u: float, w: float) -> None:
    outer, inner = _end(u, w)
    assert abs(inner) < 1e-3
    np.testing.assert_allclose(outer, math.sqrt(u**2 - w**2 / 2), rtol=1e-4)
    np.testing.assert_allclose((outer * inner**2 + 1) ** 2, 1, atol=1e-4)


@pytest.mark.parametrize(("u", "w"), [(1.0, 1.6), (0.5, -1.0), (-1.0, 0.3), (-2.0, 2.0)])
def test_every_other_unit_arrives(u: float, w: float) -> None:
    outer, inner = _end(u, w)
    assert abs(outer * inner**2 + 1) < 1e-4


@settings(max_examples=30)
@given(u=st.floats(0.1, 3), angle=st.floats(0.05, 0.9), t=st.floats(0, 5), y=st.floats(0.1, 3))
def test_outputs_that_are_not_negative_cost_at_least_the_floor(u: float, angle: float, t: float, y: float) -> None:
    w = math.sqrt(2) * u * angle
    assert 2 * u**2 - w**2 > 0
    assert (t + y) ** 2 >= float(theory.positive_units_floor().at(y=y)) * (1 - 1e-12)
