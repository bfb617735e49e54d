"""Noisy descent between two wells of equal depth: the derived share, against a simulation of SGD."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from theory.flatness.well_occupation import escape_ratio, flat_well_share, stationary_share

CURVATURES = st.floats(0.01, 100.0)


def test_it_is_proved_exactly() -> None:
    assert stationary_share().passed
    assert stationary_share().evidence == "exact"


def test_sgd_sits_in_the_flat_well_for_the_derived_share_of_its_time() -> None:
    """Parabolas that meet at x = 0 at the height .5: both have the same share of their Gaussian below it."""
    flat, sharp, height, noise, rate, members = 0.5, 4.5, 0.5, 0.35, 0.01, 3000
    source = np.random.default_rng(17)
    left, right = math.sqrt(2 * height / flat), math.sqrt(2 * height / sharp)
    x = np.where(source.random(members) < 0.5, -left, right)
    for _ in range(4000):
        slope = np.where(x < 0, flat * (x + left), sharp * (x - right))
        x += -rate * slope + math.sqrt(2 * noise * rate) * source.standard_normal(members)
    expected = flat_well_share(flat, sharp)
    assert expected == 0.75
    error = math.sqrt(expected * (1 - expected) / members)
    assert abs((x < 0).mean() - expected) < 5 * error
    assert abs((x < 0).mean() - 0.5) > 20 * error


@given(flat=CURVATURES, sharp=CURVATURES)
def test_shares_add_up_to_one_and_are_kept_by_the_rates_of_escape(flat: float, sharp: float) -> None:
    share = flat_well_share(flat, sharp)
    assert share + flat_well_share(sharp, flat) == pytest.approx(1)
    assert share * escape_ratio(flat, sharp) == pytest.approx(1 - share)
    assert (share > 0.5) == (math.sqrt(sharp) > math.sqrt(flat))


@given(strength=st.floats(0.05, 50.0))
def test_noise_in_proportion_to_the_curvature_favours_the_flat_well_more(strength: float) -> None:
    share = flat_well_share(1.0, 4.0, height=2.0, strength=strength)
    assert share > flat_well_share(1.0, 4.0)
    formula = stationary_share().parts["proportional"].rhs
    numbers = {"a": 1.0, "b": 4.0, "h": 2.0, "k": strength}
    ratio = float(formula.subs({symbol: numbers[symbol.name] for symbol in formula.free_symbols}))
    assert share == pytest.approx(ratio / (1 + ratio), rel=1e-9)
    assert flat_well_share(4.0, 1.0, height=2.0, strength=strength) == pytest.approx(1 - share, abs=1e-12)


def test_extreme_advantages_do_not_overflow() -> None:
    assert flat_well_share(1e-3, 1e3, height=10.0, strength=1e-3) == 1.0
    assert flat_well_share(1e3, 1e-3, height=10.0, strength=1e-3) == 0.0


def test_the_temperature_is_that_of_the_batch() -> None:
    temperature = stationary_share().parts["temperature"].rhs
    numbers = {"eta": 0.1, "n": 5, "B": 2, "C": 8}
    value = float(temperature.subs({symbol: numbers[symbol.name] for symbol in temperature.free_symbols}))
    assert value == pytest.approx(0.1 * 3 / 8 * 8 / 2)


def test_bad_input_is_refused() -> None:
    with pytest.raises(ValueError, match=r"flat must be > 0, got 0"):
        flat_well_share(0.0, 1.0)
    with pytest.raises(ValueError, match=r"sharp must be > 0, got -1"):
        escape_ratio(1.0, -1.0)
    with pytest.raises(ValueError, match=r"height must be >= 0, got -1"):
        flat_well_share(1.0, 1.0, height=-1.0)
    with pytest.raises(ValueError, match=r"strength must be > 0, got 0"):
        flat_well_share(1.0, 1.0, strength=0.0)
