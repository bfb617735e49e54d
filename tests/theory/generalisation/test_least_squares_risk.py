"""The risk of least squares, against the density of the law, exact finite sizes and each other."""

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

import theory

ABOVE, BELOW = theory.overparameterised_risk, theory.underparameterised_risk


@pytest.mark.parametrize(("gamma", "penalty"), [(0.5, 0.3), (1.0, 0.1), (3.0, 1.2)])
def test_the_parameter_is_the_stieltjes_transform_of_the_law(gamma: float, penalty: float) -> None:
    h = -theory.marchenko_pastur(gamma).stieltjes(-penalty).real
    found = theory.ridge_risk().at(part="penalty", gamma=gamma, h=h)
    np.testing.assert_allclose(float(found), penalty, rtol=1e-12)


def test_a_small_penalty_leaves_the_risk_of_least_squares() -> None:
    for gamma, h, limit in ((0.5, 2 - 1e-9, BELOW().at(gamma=0.5, sigma=0.5)), (4.0, 1e9, None)):
        limit = limit if limit is not None else ABOVE().at(gamma=gamma, sigma=0.5, r=1)
        risk = theory.ridge_risk().at(gamma=gamma, h=h, r=1, sigma=0.5)
        np.testing.assert_allclose(float(risk), float(limit), rtol=1e-7)


def test_the_numbers_of_the_paper_at_a_signal_of_four_times_the_noise() -> None:
    found = [ABOVE().at(gamma=gamma, r=1, sigma="1/2") for gamma in (2, 4)]
    assert found == [sp.Rational(3, 4), sp.Rational(5, 6)]
    assert ABOVE().at(part="place", r=1, sigma="1/2") == 2
    assert ABOVE().at(part="least", r=1, sigma="1/2") == sp.Rational(3, 4)


@settings(max_examples=20)
@given(r=st.floats(0.6, 5), gamma=st.floats(1.01, 20))
def test_no_ratio_beyond_the_peak_has_less_risk_than_the_second_minimum(r: float, gamma: float) -> None:
    least = float(ABOVE().at(part="least", r=r, sigma=0.5))
    assert float(ABOVE().at(gamma=gamma, r=r, sigma=0.5)) >= least - 1e-9
    assert least < r**2


@settings(max_examples=20)
@given(r=st.floats(0.1, 1), gamma=st.floats(1.01, 20))
def test_with_more_noise_than_signal_there_is_no_second_minimum(r: float, gamma: float) -> None:
    assert float(ABOVE().at(gamma=gamma, r=r, sigma=1)) > float(ABOVE().at(gamma=gamma * 1.1, r=r, sigma=1)) > r**2


@settings(max_examples=20)
@given(e=st.floats(0.05, 0.95), q=st.floats(0.05, 5), factor=st.floats(0.3, 3))
def test_no_other_penalty_has_less_risk_than_the_best(e: float, q: float, factor: float) -> None:
    gamma = float(theory.optimal_ridge_risk().at(e=e, q=q))
    penalty = factor * q * gamma
    linear = penalty + 1 - gamma
    h = 2 / (linear + np.sqrt(linear**2 + 4 * penalty * gamma))
    risk = theory.ridge_risk().value
    names = {"gamma": gamma, "h": h, "r": 1.0, "sigma": np.sqrt(q)}
    value = float(risk.subs({symbol: names[symbol.name] for symbol in risk.free_symbols}))
    assert value >= e - 1e-9
    if factor == 1:
        np.testing.assert_allclose(value, e, rtol=1e-6)


def test_the_best_penalty_leaves_the_risk_that_is_derived() -> None:
    gamma, q = theory.optimal_ridge_risk().at(e="1/2", q=1), 1
    assert gamma == sp.Rational(2, 3)
    assert theory.optimal_ridge_risk().at(part="risk", gamma=gamma, r=3, sigma=3) == sp.Rational(9, 2)
    h = sp.Rational(1, 2) / (q * gamma)
    assert theory.ridge_risk().at(part="penalty", gamma=gamma, h=h) == q * gamma
    assert theory.ridge_risk().at(gamma=gamma, h=h, r=1, sigma=1) == sp.Rational(1, 2)


def test_a_transform_of_no_penalty_is_refused() -> None:
    with pytest.raises(ValueError, match=r"must lie in the domain .*, got "):
        theory.ridge_risk().at(gamma="1/2", h=3, r=1, sigma=1)
    with pytest.raises(ValueError, match=r"gamma must lie in the domain 1 < gamma"):
        ABOVE().at(gamma="1/2", r=1, sigma=1)
