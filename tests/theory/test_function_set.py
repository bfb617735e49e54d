"""The set of network functions, each statement against sums over a fine grid."""

import itertools
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import theory

NAMES = ("step_as_limit", "least_step_distance", "midpoint_kinks", "hats")
Network = list[tuple[Fraction, ...]]

numbers = st.fractions(min_value=-3, max_value=3, max_denominator=7)
units = st.lists(st.tuples(numbers, numbers, numbers), max_size=5)


def _values(network: Network, x: np.ndarray) -> np.ndarray:
    total = np.zeros_like(x)
    for outer, inner, bias in network:
        total += float(outer) * np.maximum(float(inner) * x + float(bias), 0)
    return total


def _distance(values: np.ndarray, x: np.ndarray, power: int) -> float:
    return float(np.trapezoid(np.abs(values - (x > 0)) ** power, x))


@pytest.mark.parametrize("name", NAMES)
def test_each_is_proved_exactly(name: str) -> None:
    assert getattr(theory, name)().passed
    assert getattr(theory, name)().evidence == "exact"


@settings(max_examples=20)
@given(first=units, second=units)
def test_jumps_of_a_sum_are_sums_of_jumps(first: Network, second: Network) -> None:
    both = dict(theory.relu_kinks(first + second))
    for place in {place for place, _ in (*theory.relu_kinks(first), *theory.relu_kinks(second))}:
        parts = [dict(theory.relu_kinks(network)).get(place, 0) for network in (first, second)]
        assert both.get(place, 0) == sum(parts)


@settings(max_examples=20)
@given(network=units)
def test_between_its_kinks_a_network_is_linear_and_at_them_it_bends(network: Network) -> None:
    kinks = theory.relu_kinks(network)
    assert len(kinks) <= len(network)
    ends = [-40.0, *(float(place) for place, _ in kinks), 40.0]
    slopes = [
        np.diff(_values(network, np.array([low, high])))[0] / (high - low) for low, high in itertools.pairwise(ends)
    ]
    np.testing.assert_allclose(np.diff(slopes), [float(jump) for _, jump in kinks], atol=1e-6)


def test_a_unit_must_be_a_triple() -> None:
    with pytest.raises(ValueError, match=r"a unit must be \(outer weight, inner weight, bias\), got \(1, 2\)"):
        theory.relu_kinks([(1, 2)])
    with pytest.raises(ValueError, match="a number of a unit must be an integer, a decimal or p/q"):
        theory.relu_kinks([(1, 2, "a")])  # type: ignore[list-item]
    with pytest.raises(TypeError, match="units must be a sequence of triples, got int"):
        theory.relu_kinks(5)  # type: ignore[arg-type]


@pytest.mark.parametrize("power", [1, 2, 3])
def test_ramps_come_as_near_to_the_step_as_is_derived_and_none_nearer(power: int) -> None:
    x = np.linspace(-1, 1, 400_001)
    for k in (3, 10):
        ramp = np.clip(k * x + 1, 0, 1)
        best = np.clip(k * x + 0.5, 0, 1)
        exact = float(theory.step_as_limit().at(k=k, p=power))
        np.testing.assert_allclose(_distance(ramp, x, power), exact, rtol=1e-3)
        if power > 1:
            least = float(theory.least_step_distance().at(M=k, p=power))
            np.testing.assert_allclose(_distance(best, x, power), least, rtol=1e-3)
            assert least < exact


def test_slopes_below_a_half_have_no_room_for_the_ramp_that_comes_nearest() -> None:
    x = np.linspace(-1, 1, 400_001)
    assert _distance(np.full_like(x, 0.5), x, 2) < 2**-2 / (0.01 * 3)  # what the formula would be at M = 1/100
    with pytest.raises(ValueError, match=r"1/2 < M"):
        theory.least_step_distance().at(M="1/100", p=2)


def test_the_midpoint_of_two_networks_needs_both_widths() -> None:
    first, second = [(1, 1, 0), (-2, 1, -1)], [(1, 3, -1), (1, -1, -1)]
    half = [(Fraction(outer, 2), *rest) for outer, *rest in first + second]
    assert len(theory.relu_kinks(half)) == theory.midpoint_kinks().at(k=2) == 4
    shared = [(Fraction(outer, 2), *rest) for outer, *rest in first + first]
    assert len(theory.relu_kinks(shared)) == 2  # kinks at the same places do not add up


@pytest.mark.parametrize("k", [2, 5, 30])
def test_hats_are_low_and_steep(k: int) -> None:
    root = Fraction(1, k * k)
    hat = [(k, 1, 0), (-2 * k, 1, -root), (k, 1, -2 * root)]
    assert theory.relu_kinks(hat) == ((0, k), (root, -2 * k), (2 * root, k))
    x = np.linspace(-1, 1, 20 * k * k + 1)
    values = _values(hat, x)
    np.testing.assert_allclose([values.max(), values.min()], [1 / k, 0], atol=1e-12)
    assert theory.hats().at(k=k) == 2 * sum(abs(jump) for _, jump in theory.relu_kinks(hat))
