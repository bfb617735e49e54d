"""Answers against polynomial roots in many digits, and the regimes in which formulas go wrong."""

import warnings
from fractions import Fraction

import mpmath as mp
import numpy as np
import pytest
import sympy as sp

from theory.free_probability.laws import (
    compound_poisson,
    linear_hessian,
    marchenko_pastur,
    relu_hessian,
    residual_hessian,
    semicircle,
    wishart_wigner_hessian,
)


def root_below_the_axis(law, x):
    """The root of R(g) + 1/g = x with Im g < 0, from the roots of a polynomial in mpmath; None outside the bulk."""
    g = sp.Symbol("g")
    numerator = sp.Poly(sp.numer(sp.together(law.r_transform(g) + 1 / g - x)), g)
    coefficients = [mp.mpf(str(sp.N(c, mp.mp.dps + 20))) for c in numerator.all_coeffs()]
    roots = [root for root in mp.polyroots(coefficients, maxsteps=1000, extraprec=1000) if abs(root.imag) > 1e-25]
    below = [root for root in roots if root.imag < 0]
    assert len(below) <= 1
    return below[0] if below else None


LAWS = {
    "toy": wishart_wigner_hessian().at(phi="1/2", epsilon="1/10"),
    "relu": relu_hessian().at(phi="1/2", epsilon="1/10"),
    "linear": linear_hessian().at(phi="3/2", epsilon="1/5"),
    "own": compound_poisson([(2, 1), ("1/2", -1), ("1/3", 3)]) + semicircle("1/4"),
}


@pytest.mark.parametrize("name", LAWS)
@pytest.mark.parametrize("digits", [15, 30, 50, 100])
def test_certified_density_and_mass_match_polynomial_roots(name: str, digits: int) -> None:
    law = LAWS[name]
    with mp.workdps(digits + 20):
        for x in (Fraction(0), Fraction(1, 3), Fraction(2)):
            g = root_below_the_axis(law, sp.Rational(x.numerator, x.denominator))
            density = mp.mpf(0) if g is None else -g.imag / mp.pi
            ball = law.density(x, digits=digits)
            error = abs(mp.mpf(ball.midpoint.numerator) / ball.midpoint.denominator - density)
            assert error <= mp.mpf(10) ** -digits * max(density, mp.mpf(10) ** -digits)
            assert ball.radius * 10**digits <= max(abs(ball.midpoint), Fraction(1, 10**digits))
            assert abs(law.density(float(x)) - float(density)) <= 1e-13 or x == Fraction(1, 3)


@pytest.mark.parametrize("excess", ["3", "1e-2", "1e-4", "1e-6", "1e-8"])
def test_the_index_just_above_the_critical_energy_keeps_its_digits(excess: str) -> None:
    """Toy at phi = 1/2: eps_c = (3 - u)^3 (1 + u)/128, u^2 = 5; the reference works in 80 digits."""
    with mp.workdps(80):
        u = mp.sqrt(5)
        energy = mp.nstr((3 - u) ** 3 * (1 + u) / 128 * (1 + mp.mpf(excess)), 60)
        law = wishart_wigner_hessian().at(phi="1/2", epsilon=energy)
        g = root_below_the_axis(law, sp.Integer(0))
        exact = 1 + (mp.log(g) - 2 * mp.log(1 - g / 2) + mp.mpf(energy) * g**2).imag / mp.pi
        assert abs(law.index() / exact - 1) < 1e-13
        ball = law.index(digits=30)
        assert abs(mp.mpf(ball.midpoint.numerator) / ball.midpoint.denominator / exact - 1) < mp.mpf(10) ** -30
    grid = wishart_wigner_hessian().at(phi="1/2", epsilon=[energy, "1"])
    assert abs(grid.index()[0] / law.index() - 1) < 1e-13


@pytest.mark.parametrize("model", [wishart_wigner_hessian, linear_hessian, relu_hessian])
@pytest.mark.parametrize("ratio", ["1/16", "1/2", "1", "5/2", "10"])
def test_floats_agree_with_balls_in_hard_regimes(model, ratio: str) -> None:
    """Phi from 1/16 to 10, epsilon from 1e-10 to 40: no wrong branch, no negative value, 1e-8 of the peak at edges."""
    for energy in ("1e-10", "1e-3", "2", "40"):
        law = model().at(phi=ratio, epsilon=energy)
        support = law.support()
        low, high = support[0][0], support[-1][1]
        inner = np.concatenate([np.linspace(a, b, 9)[1:-1] for a, b in support if a < b])
        near = np.concatenate([[a, a + 1e-9 * (b - a), b - 1e-9 * (b - a), b] for a, b in support if a < b])
        x = np.concatenate([inner, near, [low - 1, high + 1]])
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            density, mass = law.density(x), law.cdf(x)
        exact = np.array([float(ball) for ball in law.density(x, digits=15)])
        peak = exact.max()
        assert (density >= 0).all()
        assert np.abs(density - exact)[: len(inner)].max() <= 1e-12 * peak
        assert np.abs(density - exact).max() <= 1e-8 * peak
        exact_mass = np.array([float(ball) for ball in law.cdf(x, digits=15)])
        assert np.abs(mass - exact_mass).max() <= 1e-12
        assert abs(mass[-1] - 1) <= 1e-12


def test_the_origin_inside_a_gap_does_not_hide_the_lower_bulk() -> None:
    """ReLU at phi > 2: an atom 1 - 2/phi at 0 in a gap, below which the lower bulk holds exactly 1/(2 phi)."""
    law = relu_hessian().at(phi=3, epsilon="1/10")
    assert law.index() == pytest.approx(1 / 6, abs=1e-15)
    assert law.index(digits=50).contains(law.index(digits=50).midpoint)
    assert abs(law.index(digits=50).midpoint - Fraction(1, 6)) < Fraction(1, 10**50)
    assert law.atoms() == ((0, sp.Rational(1, 3)),)
    assert law.cdf(0) - law.mass_below(0) == pytest.approx(1 / 3, abs=1e-15)
    assert (0.0, 0.0) in law.support()


def test_a_faint_semicircle_splits_the_atom_of_a_wide_wishart() -> None:
    """Wishart + Wigner at phi > 1 and epsilon -> 0: the lower bulk holds 1 - 1/phi, half of it below zero."""
    law = wishart_wigner_hessian().at(phi=2, epsilon="1e-12")
    assert law.cdf(0.01) == pytest.approx(0.5, abs=1e-14)
    assert law.index() == pytest.approx(0.25, abs=1e-6)
    assert len(law.support()) == 2


def test_the_quartic_that_factors_at_epsilon_two_is_no_exception() -> None:
    law, near = (relu_hessian().at(phi="1/2", epsilon=energy) for energy in ("2", "2.000000000001"))
    assert len(law.jumps) == 2
    assert len(near.jumps) == 3
    assert law.index() == pytest.approx(near.index(), abs=1e-12)


def test_exact_edges_are_enclosed() -> None:
    law = marchenko_pastur("1/4")
    for edge, mass in (("1/4", 0), ("9/4", 1)):
        assert law.density(edge, digits=20).contains(0)
        assert law.cdf(edge, digits=20).contains(mass)
        assert law.stieltjes(edge, digits=15).imag.contains(0)
    assert law.support() == ((0.25, 2.25),)
    assert all(
        ball.overlaps(type(ball).exact(end))
        for ball, end in zip(law.support(digits=60)[0], (Fraction(1, 4), Fraction(9, 4)), strict=True)
    )
    assert law.density(0.25) == 0


def test_bands_that_touch_are_one_interval() -> None:
    """The ReLU residual part at phi = 1: f = 1 exactly between its poles, an infinite density at 0."""
    law = residual_hessian("1/2").at(phi=1, epsilon=2)
    assert len(law.support(digits=20)) == len(law.support()) == 1
    assert law.index() == pytest.approx(0.5, abs=1e-15)
    assert law.index(digits=20).contains(Fraction(1, 2))
    with pytest.raises(ValueError, match="x must not be a place of infinite density, got the drift 0"):
        law.density(0, digits=10)
    with pytest.raises(ValueError, match="z must not be a pole or a singular point of G, got z = 0"):
        law.stieltjes(0, digits=10)
    assert law.density("1e-9", digits=15).within(1, None)


def test_marchenko_pastur_and_the_semicircle_have_their_printed_densities() -> None:
    x = np.linspace(0.26, 2.24, 50)
    np.testing.assert_allclose(
        marchenko_pastur("1/4").density(x), 2 * np.sqrt((x - 0.25) * (2.25 - x)) / (np.pi * x), rtol=1e-13
    )
    y = np.linspace(-1.99, 1.99, 50)
    np.testing.assert_allclose(semicircle(1).density(y), np.sqrt(4 - y**2) / (2 * np.pi), rtol=1e-13)


def test_irrational_coefficients_are_carried_to_all_digits() -> None:
    law = semicircle(sp.sqrt(2)) + compound_poisson([(sp.pi / 3, sp.sqrt(3))])
    ball = law.mass_below(sp.sqrt(5) / 3, digits=40)
    assert law.mass_below(sp.sqrt(5) / 3) == pytest.approx(float(ball), abs=1e-14)
    assert ball.overlaps(law.integrated_density(-10, sp.sqrt(5) / 3, digits=20))
    assert law.support(digits=50)[0][0].radius < Fraction(1, 10**50)


def test_a_bigger_sample_of_moments_comes_from_the_density() -> None:
    for law in LAWS.values():
        total = {order: float(law.moment(order)) for order in range(4)}
        for order, expected in total.items():
            value = 0.0
            for low, high in law.support():
                angles = (np.arange(2000) + 0.5) * np.pi / 2000
                x = low + (high - low) * (1 - np.cos(angles)) / 2
                value += (law.density(x) * x**order * np.sin(angles)).sum() * np.pi / 4000 * (high - low)
            value += sum(float(weight) * float(place) ** order for place, weight in law.atoms())
            assert value == pytest.approx(expected, rel=1e-9)
