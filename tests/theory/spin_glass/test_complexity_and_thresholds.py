"""Complexity functions and thresholds of the spherical p-spin: closed forms, quadrature, certificates, literature."""

import math
from fractions import Fraction
from typing import Any

import mpmath as mp
import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from theory.ball import Ball
from theory.spin_glass import (
    complexity,
    complexity_by_index,
    complexity_of_all_indices,
    index_rate,
    index_rate_integral,
    indices_at_energy,
    minima_band,
    threshold_energy,
    threshold_limit,
    threshold_spacing,
)

orders = st.integers(3, 50)
indices = st.integers(0, 1000)


def _by_quadrature(p: int, u: mp.mpf, k: int) -> mp.mpf:
    edge = 2 * mp.sqrt(mp.mpf(p - 1) / p)
    rate = mp.quad(lambda z: mp.sqrt(z * z - edge * edge), [edge, (edge - u) / 2, -u]) * 2 / edge**2
    return mp.log(p - 1) / 2 - (p - 2) * u**2 / (4 * mp.mpf(p - 1)) - (k + 1) * rate


@pytest.mark.parametrize(("p", "u", "k"), [(2, -1.5, 0), (3, -1.65, 0), (3, -1.65, 7), (4, -3, 2), (50, -2.1, 1)])
def test_the_complexity_is_that_of_the_integral(p: int, u: float, k: int) -> None:
    with mp.workdps(30):
        expected = _by_quadrature(p, mp.mpf(str(u)), k)
        ball = complexity(p, u, k, digits=20)
        assert abs(mp.mpf(ball.midpoint.numerator) / ball.midpoint.denominator - expected) < mp.mpf(10) ** -19
    assert complexity(p, u, k) == pytest.approx(float(expected), rel=1e-12, abs=1e-15)


@given(p=st.integers(2, 60), excess=st.fractions(Fraction(1, 10**9), 3))
def test_the_cost_of_an_eigenvalue_is_its_certified_integral(p: int, excess: Fraction) -> None:
    u = -Fraction(2) - excess
    closed, integral = index_rate(p, u, digits=40), index_rate_integral(p, u, digits=40)
    assert closed.overlaps(integral)
    assert max(closed.radius, integral.radius) <= closed.midpoint / 10**39
    assert index_rate(p, float(u)) == pytest.approx(float(closed), rel=1e-11)


@pytest.mark.parametrize("p", [2, 3, 10])
def test_just_below_the_limit_the_cost_keeps_its_digits(p: int) -> None:
    """Against the leading terms of (4 sqrt(2)/3) d^(3/2) at an excess that a float resolves exactly enough."""
    edge = 2 * math.sqrt((p - 1) / p)
    for excess in (1e-3, 1e-2, 0.1, 0.5):
        exact = float(index_rate(p, np.float64(-edge * (1 + excess)), digits=20))
        assert index_rate(p, -edge * (1 + excess)) == pytest.approx(exact, rel=1e-12)


@pytest.mark.parametrize("p", [3, 4, 17])
def test_all_complexities_are_continuous_at_the_limit_of_the_thresholds(p: int) -> None:
    place = -threshold_limit(p)
    constant = sp.log(p - 1) / 2 - sp.Rational(p - 2, p)
    with mp.workdps(40):
        expected = Fraction(str(sp.N(constant, 35)))
    for k in (None, 0, 5):
        ball = complexity(p, place, k, digits=30)
        assert abs(ball.midpoint - expected) < Fraction(1, 10**29)
        assert complexity(p, float(place), k) == pytest.approx(float(expected), rel=1e-12)
    assert complexity(p, -1, 3) == complexity(p, 2, 3) == pytest.approx(float(expected), rel=1e-14)


@given(p=orders, k=st.integers(0, 20), u=st.floats(-6, 2), step=st.floats(1e-6, 1))
def test_complexities_rise_with_the_energy_and_fall_with_the_index(p: int, k: int, u: float, step: float) -> None:
    for index in (None, k):
        assert complexity(p, u, index) <= complexity(p, u + step, index)
    assert complexity(p, u, k + 1) <= complexity(p, u, k) <= complexity(p, u)
    if u < -2:
        assert complexity(p, u, 0) == complexity(p, u)


def test_at_p_two_no_energy_of_the_spectrum_is_rare() -> None:
    """2 N eigenvectors: the rate is 0 above the spectrum's edge, and that of the least eigenvalue below."""
    assert complexity(2, -1.4, 3) == complexity(2, -1.0) == complexity(2, 5) == 0
    assert complexity(2, -2, 0) == pytest.approx(-(math.sqrt(2) - math.log(1 + math.sqrt(2))), rel=1e-14)


def test_energies_and_indices_broadcast() -> None:
    grid = complexity(3, np.linspace(-1.7, 0, 5)[:, None], np.arange(4))
    assert grid.shape == (5, 4)
    assert grid[0, 2] == complexity(3, -1.7, 2)
    balls = complexity(3, [-1.7, "-1.6"], 0, digits=12)
    assert [float(ball) for ball in balls] == pytest.approx([complexity(3, -1.7, 0), complexity(3, -1.6, 0)], rel=1e-12)
    assert len(complexity(3, np.array([-1.7, -1.6]), digits=5)) == 2


def test_the_thresholds_are_those_of_the_literature() -> None:
    """The ground state of the 3-spin, -1.657; E_inf = 2 sqrt(2/3)."""
    assert threshold_energy(3, 0) == pytest.approx(1.656998, abs=1e-6)
    assert threshold_energy(3, 1) == pytest.approx(1.652873, abs=1e-6)
    assert threshold_energy(3, math.inf) == pytest.approx(1.632993, abs=1e-6)
    low, high = minima_band(3, digits=20)
    assert float(high - low) == pytest.approx(0.0240, abs=1e-4)
    assert threshold_limit(2) == sp.sqrt(2)


@pytest.mark.parametrize("p", [3, 4, 11, 50])
@pytest.mark.parametrize("k", [0, 1, 30, 1000])
def test_forty_digits_of_a_threshold_are_certified_by_a_change_of_sign(p: int, k: int) -> None:
    ball = threshold_energy(p, k, digits=40)
    assert ball.radius <= ball.midpoint / 10**40
    wide = Fraction(1, 10**38)
    assert complexity(p, -(ball.midpoint - wide), k, digits=30).lower > 0
    assert complexity(p, -(ball.midpoint + wide), k, digits=30).upper < 0
    assert threshold_energy(p, k) == pytest.approx(float(ball), rel=4e-16)


@given(p=orders, k=indices)
def test_thresholds_fall_to_their_limit_within_the_bound(p: int, k: int) -> None:
    limit, here, following = threshold_energy(p, np.array([math.inf, k, k + 1]))
    bound = float(threshold_spacing().at(p=p, k=k, digits=10))
    assert limit < following < here < limit * (1 + bound)


@pytest.mark.parametrize("k", [2**53 + 1, 10**20, [1, 10**20], [1.0, 2.0**60], np.uint64(2**53 + 1)], ids=str)
def test_an_index_that_float64_does_not_hold_is_refused(k: Any) -> None:
    with pytest.raises(ValueError, match=r"k must be less than 2\^53 or infinity, got"):
        threshold_energy(3, k, digits=20)
    with pytest.raises(ValueError, match=r"k must be less than 2\^53 or infinity, got"):
        complexity(3, "-1.65", k)


def test_the_largest_index_has_its_certified_value() -> None:
    k = 2**53 - 1
    ball, rate = complexity(3, "-1.65", k, digits=30), index_rate(3, "-1.65", digits=60)
    assert ball.contains(complexity(3, "-1.65", 0, digits=60).midpoint - k * rate.midpoint)


@pytest.mark.parametrize("p", [3, 300_000, 10**12])
def test_deep_down_there_is_no_index(p: int) -> None:
    assert indices_at_energy(p, [-100, -math.inf, -1e200]).tolist() == [0, 0, 0]
    assert indices_at_energy(p, -threshold_energy(p, 0) * (1 - 1e-9)) >= 1


def test_numbers_beyond_float64_are_refused_in_a_sentence() -> None:
    for function in (complexity, index_rate, indices_at_energy):
        for u in (10**400, -(10**400)):
            with pytest.raises(ValueError, match=r"u must be a number that double precision holds"):
                function(3, u)
        for wrong in (None, [None], np.ma.masked_array([1.0, 2.0], mask=[True, False])):
            with pytest.raises(TypeError, match=r"u must be a real number or an array of them, got"):
                function(3, wrong)
    with pytest.raises(ValueError, match=r"u and k must broadcast, got the shapes \(2,\) and \(3,\)"):
        complexity(3, [-1, -2], [1, 2, 3])
    with pytest.raises(ValueError, match=r"u must lie between -10\^6 and 10\^6, got -1e3000"):
        index_rate_integral(3, "-1e3000", digits=20)


def test_each_part_of_the_complexity_is_evaluated_where_it_holds() -> None:
    result = complexity_of_all_indices()
    assert float(result.at(part="in energies", p=3, u=-1)) == pytest.approx(complexity(3, -1), rel=1e-14)
    for values in (
        {"part": "in energies", "u": "-17/10"},
        {"part": "in energies", "u": 1},
        {"part": "below", "t": "1/2"},
    ):
        with pytest.raises(ValueError, match=r"must lie in the domain"):
            result.at(p=3, **values)  # type: ignore[arg-type]


def test_the_bound_is_called_a_bound_and_has_whole_indices() -> None:
    assert "\n  bound = " in str(threshold_spacing())
    for values in ({"p": 3, "k": "1/2"}, {"p": "5/2", "k": 1}, {"p": 3, "k": -1}):
        with pytest.raises(ValueError, match=r"must lie in the domain"):
            threshold_spacing().at(**values)


def test_the_bound_is_the_leading_term() -> None:
    for p in (3, 7):
        limit, here = threshold_energy(p, [math.inf, 10**9], digits=20)
        ratio = float(here - limit) / float(limit) / float(threshold_spacing().at(p=p, k=10**9, digits=10))
        assert ratio == pytest.approx(1, abs=1e-5)


@given(p=orders, k=st.integers(0, 40))
def test_so_many_indices_lie_between_two_thresholds(p: int, k: int) -> None:
    here, following = threshold_energy(p, np.array([k, k + 1]))
    assert indices_at_energy(p, -(here + following) / 2) == k + 1
    assert indices_at_energy(p, -here - 1e-9) == k
    assert indices_at_energy(p, -1.2) == math.inf
    assert indices_at_energy(p, np.array([-100.0, -threshold_energy(p, 0) - 1e-9])).tolist() == [0, 0]


@settings(max_examples=6)
@given(p=orders, ratio=st.fractions(Fraction(1, 100), Fraction(99, 100)), k=st.integers(0, 9))
def test_the_derived_formulas_are_the_functions(p: int, ratio: Fraction, k: int) -> None:
    edge = float(threshold_limit(p))
    inner = complexity_of_all_indices().at(p=p, x=ratio)
    assert complexity(p, -float(ratio) * edge) == pytest.approx(float(inner), rel=1e-11, abs=1e-14)
    outer = complexity_by_index().at(p=p, t=1 / ratio, k=k)
    assert complexity(p, -edge / float(ratio), k) == pytest.approx(float(outer), rel=1e-11, abs=1e-13)


def test_wrong_arguments_are_refused() -> None:
    with pytest.raises(TypeError, match=r"p must be an integer, got 2\.5"):
        complexity(2.5, -1)
    with pytest.raises(TypeError, match=r"p must be an integer, got True"):
        threshold_limit(True)
    with pytest.raises(ValueError, match=r"p must be >= 2, got 1"):
        complexity(1, -1)
    with pytest.raises(ValueError, match=r"p must be >= 3, because for p = 2 .* got 2"):
        threshold_energy(2, 0)
    with pytest.raises(ValueError, match=r"k must be >= 0, got -1"):
        threshold_energy(3, -1)
    with pytest.raises(TypeError, match=r"k must be an integer, infinity or an array of these, got 0\.5"):
        complexity(3, -1, 0.5)
    with pytest.raises(TypeError, match=r"k must be an integer, infinity or an array of these, got 'a'"):
        threshold_energy(3, "a")
    with pytest.raises(ValueError, match=r"k must be finite, got inf"):
        complexity(3, -1, math.inf)
    with pytest.raises(ValueError, match=r"k must be one index where digits are asked for"):
        complexity(3, -1, [0, 1], digits=5)
    with pytest.raises(ValueError, match=r"u must be finite, got -inf"):
        complexity(3, -math.inf)
    with pytest.raises(ValueError, match=r"digits must be an integer from 1"):
        threshold_energy(3, 0, digits=0)
    assert isinstance(threshold_energy(3, sp.oo, digits=5), Ball)
