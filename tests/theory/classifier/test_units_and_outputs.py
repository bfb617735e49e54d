"""Softmax, sigmoids, steps and the cross-entropy: what is derived, against numbers from the definitions."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from theory.classifier.label_loss import cross_entropy_split
from theory.classifier.soft_maximum import logistic_unit, softmax_at_temperature
from theory.classifier.threshold_slopes import sigmoid_chain_slope, threshold_margin
from theory.derivation import Derivation

TENTHS = st.integers(1, 40).map(lambda tenths: Fraction(tenths, 10))
WEIGHTS = st.lists(st.floats(-3, 3), min_size=3, max_size=3)


@pytest.mark.parametrize(
    "derive", [cross_entropy_split, logistic_unit, sigmoid_chain_slope, softmax_at_temperature, threshold_margin]
)
def test_they_are_proved_exactly(derive: object) -> None:
    derivation = derive()  # type: ignore[operator]
    assert isinstance(derivation, Derivation)
    assert derivation.passed
    assert derivation.evidence == "exact"


@given(b=TENTHS, second=TENTHS, third=TENTHS, shift=st.floats(-5, 5))
def test_the_largest_output_has_its_softmax(b: Fraction, second: Fraction, third: Fraction, shift: float) -> None:
    raised = [math.exp(float(b) * (shift - float(lead))) for lead in (0, second, third)]
    found = softmax_at_temperature().at(b=b, d_2=second, d_3=third)
    assert float(found) == pytest.approx(raised[0] / sum(raised), rel=1e-12)


@given(x=st.integers(-50, 50).map(lambda tenths: Fraction(tenths, 10)))
def test_a_sigmoid_and_its_mirror_image_add_up_to_one_and_it_increases(x: Fraction) -> None:
    unit = logistic_unit()
    value, mirrored = (float(unit.at(x=place)) for place in (x, -x))
    assert value + mirrored == pytest.approx(1, rel=1e-14)
    assert 0 < float(unit.at(part="slope", x=x)) <= 1 / 4
    assert float(unit.at(part="slope", x=x)) == pytest.approx(value * (1 - value), rel=1e-10)


@given(w=WEIGHTS, x=st.floats(-3, 3))
def test_the_slope_of_a_chain_is_that_of_differences_and_below_its_bound(w: list[float], x: float) -> None:
    def chain(at: float) -> list[float]:
        outputs = []
        for weight in w:
            at = 1 / (1 + math.exp(-weight * at))
            outputs.append(at)
        return outputs

    step = 1e-4
    measured = (chain(x + step)[-1] - chain(x - step)[-1]) / (2 * step)
    derived = math.prod(weight * s * (1 - s) for weight, s in zip(w, chain(x), strict=True))
    assert measured == pytest.approx(derived, rel=1e-4, abs=1e-9)
    assert abs(derived) <= math.prod(map(abs, w)) * float(sigmoid_chain_slope().at(K=3)) + 1e-15


@given(seed=st.integers(0, 2**32))
def test_no_change_of_weights_within_the_radius_changes_an_answer_and_one_just_beyond_does(seed: int) -> None:
    source = np.random.default_rng(seed)
    w, x = source.normal(size=(2, 4))
    radius = abs(w @ x) / np.linalg.norm(x)
    changes = source.normal(size=(100, 4))
    changes *= 0.999 * radius / np.linalg.norm(changes, axis=1, keepdims=True)
    assert set((((w + changes) @ x) > 0).tolist()) == {bool(w @ x > 0)}
    beyond = w - 1.001 * radius * np.sign(w @ x) * x / np.linalg.norm(x)
    assert (beyond @ x > 0) != (w @ x > 0)
    assert float(threshold_margin().at(m=3, X=6)) == 0.5


def test_the_excess_of_the_cross_entropy_is_a_divergence() -> None:
    t, q = (Fraction(1, 2), Fraction(1, 3), Fraction(1, 6)), (Fraction(1, 6), Fraction(1, 3), Fraction(1, 2))
    given_values = {f"{name}_{j + 1}": values[j] for name, values in (("t", t), ("q", q)) for j in range(3)}
    expected = sum(a * math.log(a / b) for a, b in zip(t, q, strict=True))
    assert float(cross_entropy_split().at(**given_values)) == pytest.approx(expected, rel=1e-14)
    assert float(cross_entropy_split().at(part="example")) == pytest.approx(0.693147, abs=1e-6)
