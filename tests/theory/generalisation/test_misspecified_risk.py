"""A model that grows on given data: its risk, and on which side of the peak the least of it is."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import theory

BEFORE, BEYOND = np.linspace(0.005, 0.995, 199), 1 + np.geomspace(0.005, 200, 400)


@settings(max_examples=6)
@given(decay=st.floats(0.1, 9), noise=st.floats(0.05, 2), place=st.floats(0.05, 0.95))
def test_the_floats_are_the_values_that_are_derived(decay: float, noise: float, place: float) -> None:
    for ratio, derivation in ((place, theory.misspecified_risk()), (1 / place, theory.wide_misspecified_risk())):
        values = {"gamma": ratio, "m": (1 + ratio) ** -decay, "q": (noise / 2) ** 2}
        derived = float(derivation.value.subs({one: values[one.name] for one in derivation.value.free_symbols}))
        np.testing.assert_allclose(
            theory.decaying_signal_risk(ratio, decay=decay, noise=noise, signal=2), 4 * derived, rtol=1e-9, atol=1e-9
        )


@settings(max_examples=20)
@given(q=st.floats(0.01, 0.9), part=st.floats(0.05, 1))
def test_with_a_slow_decay_only_models_beyond_the_peak_beat_predicting_zero(q: float, part: float) -> None:
    decay = part * (1 + q)
    assert (theory.decaying_signal_risk(BEFORE, decay=decay, noise=q**0.5) > 1).all()
    enough = max(2 / (1 - q), (4 / (1 - q)) ** (1 / decay) - 1) * 1.01
    assert theory.decaying_signal_risk(enough, decay=decay, noise=q**0.5) < 1


@settings(max_examples=10)
@given(decay=st.floats(0.1, 9), q=st.floats(1, 5))
def test_with_more_noise_than_signal_none_beyond_the_peak_does(decay: float, q: float) -> None:
    assert (theory.decaying_signal_risk(BEYOND, decay=decay, noise=q**0.5) > 1).all()


@pytest.mark.parametrize(("decay", "q", "side"), [(3, 0.01, "beyond"), (3, 0.5, "before"), (8, 0.01, "before")])
def test_the_least_risk_lies_on_the_side_that_is_derived(decay: float, q: float, side: str) -> None:
    least = {
        name: theory.decaying_signal_risk(places, decay=decay, noise=q**0.5).min()
        for name, places in (("before", BEFORE), ("beyond", BEYOND))
    }
    assert min(least, key=lambda name: least[name]) == side
    assert max(least.values()) < 1


def test_what_is_derived_of_the_three_examples_is_the_difference_of_two_risks() -> None:
    examples = theory.second_descent()

    def risk(ratio: float, decay: int, q: float) -> float:
        return float(theory.decaying_signal_risk(ratio, decay=decay, noise=q**0.5))

    for part, values, difference in (
        (None, {"gamma": "3/10", "q": "1/50"}, risk(0.3, 3, 0.02) - risk(1.5, 3, 0.02)),
        ("noisy", {"t": 2}, risk(3, 3, 0.5) - risk(0.2, 3, 0.5)),
        ("fast", {"t": "1/4"}, risk(1.25, 8, 0.01) - risk(0.5, 8, 0.01)),
    ):
        np.testing.assert_allclose(float(examples.at(part=part, **values)), difference, rtol=1e-9)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"ratio": 1.0}, r"ratio must be positive, finite and not 1, got 1\.0"),
        ({"ratio": [0.5, np.nan]}, r"ratio must be positive"),
        ({"ratio": np.inf}, r"ratio must be positive"),
        ({"decay": 0}, r"decay and signal must be positive, noise not negative, all finite, got 0, 1\.0, 0\.1"),
        ({"noise": -0.1}, r"noise not negative"),
        ({"signal": np.nan}, r"decay and signal must be positive"),
    ],
)
def test_numbers_out_of_range_are_refused(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        theory.decaying_signal_risk(**{"ratio": 0.5, "decay": 3, "noise": 0.1, **wrong})  # type: ignore[arg-type]
