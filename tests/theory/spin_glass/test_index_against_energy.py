"""The index of the spherical p-spin against its energy: closed form, engine, quadrature, sampled couplings."""

import math
from fractions import Fraction

import numpy as np
import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

from theory.free_probability.law import SpectralLaw
from theory.spin_glass import (
    hessian_given_energy,
    index_against_energy,
    index_fraction,
    index_near_threshold,
    spin_glass_hessian,
    threshold_limit,
)


@given(p=st.integers(2, 60), u=st.floats(-2.5, 2.5))
def test_the_closed_form_is_the_index_of_the_spectral_law(p: int, u: float) -> None:
    law = spin_glass_hessian().at(p=p, u=np.float64(u))
    assert index_fraction(p, u) == pytest.approx(law.index(), rel=1e-9, abs=1e-14)
    assert index_fraction(p, u) + index_fraction(p, -u) == pytest.approx(1, abs=1e-14)


def test_certified_digits_are_those_of_an_integral_of_the_density() -> None:
    law = spin_glass_hessian().at(p=4, u="-1.5")
    left = law.support(digits=30)[0][0].midpoint - 1
    integral = law.integrated_density(left, 0, digits=25)
    assert index_fraction(4, "-1.5", digits=25).overlaps(integral)
    assert index_fraction(4, -1.5) == pytest.approx(float(integral), rel=1e-13)


@pytest.mark.parametrize("exponent", [-3, -6, -9, -12])
def test_near_the_threshold_the_fraction_keeps_its_digits(exponent: int) -> None:
    """The edge of p = 4 is sqrt(3): the excess of the float is taken from the float itself."""
    u = np.float64(-math.sqrt(3) * (1 - 10.0**exponent))
    exact = index_fraction(4, u, digits=20)
    room = 1e-12 + 4e-16 / 10.0**exponent  # what rounding E_inf does to the excess
    assert index_fraction(4, float(u)) == pytest.approx(float(exact), rel=room)


def test_the_power_law_is_the_index_to_its_order() -> None:
    law = index_near_threshold()
    for excess in (Fraction(1, 10**3), Fraction(1, 10**5)):
        exact = index_fraction(3, -(1 - sp.Rational(excess)) * threshold_limit(3), digits=40)
        error = abs(law.at(delta=excess, digits=40).midpoint - exact.midpoint) / exact.midpoint
        assert error < excess**3 / 50
    leading = float(law.parts["amplitude"].rhs)
    assert leading == pytest.approx(4 * math.sqrt(2) / (3 * math.pi), rel=1e-15)


def test_the_derivation_is_the_function() -> None:
    for x in ("-9/10", "-1/3", "1/2"):
        ball = index_against_energy().at(x=x, digits=20)
        assert ball.overlaps(index_fraction(5, sp.Rational(x) * threshold_limit(5), digits=20))


def test_energies_broadcast_and_saturate() -> None:
    values = index_fraction(3, np.array([[-9.0, -1.64], [0.0, 9.0]]))
    assert values.tolist() == [[0, 0], [0.5, 1]]


@pytest.mark.parametrize("energy", [-1.6, -1.2, -0.5, 0.8])
def test_the_hessian_of_sampled_couplings_has_this_index(energy: float) -> None:
    """At a fixed point a term N c (s.x/N)^3 in H sets the energy; the index of one draw is within 2/N or so."""
    size = 100
    source = np.random.default_rng(7)
    s = source.standard_normal(size)
    s *= math.sqrt(size) / np.linalg.norm(s)
    couplings = source.standard_normal((size, size, size)) / size
    missing = energy - np.einsum("ijk,i,j,k", couplings, s, s, s, optimize=True) / size
    couplings += missing * np.einsum("i,j,k->ijk", s, s, s) / size**2
    twice = couplings @ s + np.einsum("ijk,j->ik", couplings, s) + np.einsum("ijk,i->jk", couplings, s)
    hessian = twice + twice.T
    normal = s / math.sqrt(size)
    tangent = np.linalg.svd(normal[None])[2][1:]
    on_sphere = tangent @ (hessian - 3 * energy * np.eye(size)) @ tangent.T
    found = np.mean(np.linalg.eigvalsh(on_sphere) < 0)
    assert abs(found - index_fraction(3, energy)) < 0.025


def test_an_entry_has_the_derived_mean_and_variance() -> None:
    parts = hessian_given_energy().parts
    p, size, u = sp.Symbol("p", positive=True), sp.Symbol("N", positive=True), sp.Symbol("u", real=True)
    assert parts["mean"].rhs == -p * u
    assert sp.expand(parts["variance"].rhs - p * (p - 1) / size) == 0
    # (N - 1) x (N - 1), twice that on the diagonal: an eigenvalue has variance p (p - 1) at every N
    of_an_eigenvalue = (2 + (size - 2)) * parts["variance"].rhs
    assert sp.expand(of_an_eigenvalue - spin_glass_hessian().variance) == 0


def test_wrong_arguments_are_refused() -> None:
    with pytest.raises(TypeError, match=r"p must be an integer"):
        index_fraction("3", -1)
    with pytest.raises(ValueError, match=r"p must be >= 2, got 0"):
        index_fraction(0, -1)
    with pytest.raises(ValueError, match=r"u must not be NaN"):
        index_fraction(3, math.nan)


@pytest.mark.parametrize("order", [1, "3/2", 0.5, [3, 1], np.array([1.0, 2.0])])
def test_a_law_of_the_hessian_below_two_spins_a_coupling_is_refused(order: object) -> None:
    energies = np.full(2, -1.0) if isinstance(order, list | np.ndarray) else -1
    with pytest.raises(ValueError, match=r"p must be >= 2, got p = (1|3/2|0\.5|1\.0)\.$"):
        spin_glass_hessian().at(p=order, u=energies)
    with pytest.raises(ValueError, match=r"p must be >= 2, got p = 1\.$"):
        spin_glass_hessian().at(u=-1).at(p=1)
    assert spin_glass_hessian().at(p=2) == SpectralLaw(-2 * spin_glass_hessian().at(p=2).parameters[0], 2)
