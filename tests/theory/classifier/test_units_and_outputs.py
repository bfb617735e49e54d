"""Softmax, sigmoids, steps and the cross-entropy: what is derived, against numbers from the definitions."""

import math
from fractions import Fraction

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from sympy.core.function import AppliedUndef

from theory.classifier.label_loss import cross_entropy_split
from theory.classifier.soft_maximum import logistic_unit, softmax_at_temperature
from theory.classifier.softmax_jacobian import OUTPUTS, everywhere, exponential, is_spelled_out
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


@given(b=TENTHS, leads=st.lists(TENTHS, min_size=2, max_size=2), shift=st.floats(-5, 5))
def test_the_largest_of_three_outputs_has_its_softmax(b: Fraction, leads: list[Fraction], shift: float) -> None:
    raised = [math.exp(float(b) * (shift - float(lead))) for lead in (0, *leads)]
    found = softmax_at_temperature().at(part="three", b=b, d_2=leads[0], d_3=leads[1])
    assert float(found) == pytest.approx(raised[0] / sum(raised), rel=1e-12)


@settings(max_examples=30)
@given(b=st.floats(0.1, 4), outputs=st.lists(st.floats(-3, 3), min_size=2, max_size=9), seed=st.integers(0, 2**32))
def test_softmax_keeps_its_bounds_with_any_number_of_outputs(b: float, outputs: list[float], seed: int) -> None:
    derivation, o = softmax_at_temperature(), np.sort(outputs)[::-1]
    p = np.exp(b * (o - o[0])) / np.exp(b * (o - o[0])).sum()
    lead, count = o[0] - o[1], len(o)
    if lead > 0:
        bound = float(derivation.at(part="others", b=Fraction(b), d=Fraction(lead), k=count))
        assert 1 - p[0] <= bound * (1 + 1e-12) + 1e-15
    gap = math.log(np.exp(b * (o - o[0])).sum()) / b
    assert 0 <= gap <= float(derivation.at(part="log-sum-exp", b=Fraction(b), k=count)) * (1 + 1e-12)
    v = np.random.default_rng(seed).normal(size=count)
    pairs = sum(p[i] * p[j] * (v[i] - v[j]) ** 2 for i in range(count) for j in range(i))
    assert v @ (np.diag(p) - np.outer(p, p)) @ v == pytest.approx(pairs, rel=1e-9, abs=1e-12)


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


@pytest.mark.parametrize("count", [2, 3, 7])
def test_the_excess_of_the_cross_entropy_is_a_divergence(count: int) -> None:
    t, q = (np.random.default_rng(count + seed).dirichlet(np.ones(count)) for seed in (0, 1))
    (k,) = cross_entropy_split().value.free_symbols
    spelled = cross_entropy_split().value.subs(k, count).doit()
    numbers = {part: {"t": t, "q": q}[str(part.func)][int(part.args[0]) - 1] for part in spelled.atoms(AppliedUndef)}
    assert float(spelled.subs(numbers)) == pytest.approx(float((t * np.log(t / q)).sum()), rel=1e-12)


def test_the_example_of_the_lecture_costs_log_two_and_pulls_on_the_outputs_by_q_less_t() -> None:
    derivation = cross_entropy_split()
    assert float(derivation.at(part="example")) == pytest.approx(0.693147, abs=1e-6)
    assert derivation.at(part="gradient", e=1, R=9, t="1/2") == sp.Rational(-2, 5)


def test_a_formula_that_is_another_for_some_number_of_places_is_not_what_is_spelled_out() -> None:
    total = everywhere(exponential(sp.Symbol("j", integer=True, positive=True))).subs(OUTPUTS, 4)
    assert is_spelled_out(total, lambda numbers: sum(numbers["e"]), Fraction(4))
    assert not is_spelled_out(total, lambda numbers: sum(numbers["e"]) - numbers["e"][3], Fraction(4))
