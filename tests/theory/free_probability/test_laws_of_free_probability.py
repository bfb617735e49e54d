"""Laws that hold for every free Levy triple, tried on random ones."""

import math
import pickle
from fractions import Fraction

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from theory.free_probability.law import SpectralLaw
from theory.free_probability.laws import (
    compound_poisson,
    linear_hessian,
    marchenko_pastur,
    point_mass,
    relu_hessian,
    residual_hessian,
    semicircle,
    wishart_wigner_hessian,
)
from theory.symbols import epsilon, g, phi, z

RATIONALS = st.fractions(Fraction(-3), Fraction(3), max_denominator=8)
POSITIVE = st.fractions(Fraction(1, 8), Fraction(3), max_denominator=8)
JUMPS = st.lists(st.tuples(POSITIVE, RATIONALS.filter(bool)), max_size=3)
LAWS = st.builds(
    lambda drift, variance, jumps: SpectralLaw(drift, variance, tuple(jumps)),
    RATIONALS,
    st.one_of(st.just(Fraction(0)), POSITIVE),
    JUMPS,
)
SPREAD_LAWS = LAWS.filter(lambda law: law.variance != 0 or law.jumps)

few = settings(max_examples=25, deadline=None, derandomize=True)


@few
@given(LAWS, LAWS, LAWS)
def test_the_free_sum_commutes_and_associates(a: SpectralLaw, b: SpectralLaw, c: SpectralLaw) -> None:
    assert a + b == b + a
    assert (a + b) + c == a + (b + c) == sum([a, b, c])
    assert hash(a + b) == hash(b + a)


@few
@given(LAWS, LAWS, RATIONALS)
def test_dilation_distributes_over_the_free_sum(a: SpectralLaw, b: SpectralLaw, c: Fraction) -> None:
    assert c * (a + b) == c * a + c * b
    negative = -a
    assert -negative == a
    assert a - b == a + (-1) * b
    assert (c * a).moment(4) == sp.Rational(c.numerator, c.denominator) ** 4 * a.moment(4)


def moments_by_non_crossing_partitions(cumulants: list[sp.Expr], order: int) -> list[sp.Expr]:
    """Speicher's recursion: m_n = sum over the block of the first element and what fits between."""
    moments = [sp.Integer(1)]

    def tuples(total: int, parts: int):
        if parts == 1:
            yield (total,)
            return
        for first in range(total + 1):
            for rest in tuples(total - first, parts - 1):
                yield (first, *rest)

    for n in range(1, order + 1):
        moments.append(
            sum(
                cumulants[k - 1] * sp.Mul(*(moments[i] for i in gaps))
                for k in range(1, n + 1)
                for gaps in tuples(n - k, k)
            )
        )
    return moments


@few
@given(LAWS, LAWS)
def test_moments_of_a_sum_follow_from_the_sums_of_free_cumulants(a: SpectralLaw, b: SpectralLaw) -> None:
    cumulants = [a.free_cumulant(k) + b.free_cumulant(k) for k in range(1, 7)]
    expected = moments_by_non_crossing_partitions(cumulants, 6)
    assert [(a + b).moment(n) for n in range(7)] == expected


def test_symbolic_moments_are_the_numeric_ones_and_reach_order_thirty() -> None:
    law = relu_hessian()
    bound = law.at(phi="1/2", epsilon="1/10")
    for order in (1, 5, 8, 30):
        assert sp.nsimplify(law.moment(order).subs({phi: sp.Rational(1, 2), epsilon: sp.Rational(1, 10)})) == (
            bound.moment(order)
        )
    assert semicircle(1).moment(30) == math.comb(30, 15) // 16  # a Catalan number
    assert marchenko_pastur(1).moment(15) == math.comb(30, 15) // 16


def test_moments_of_a_law_with_radicals_and_compound_denominators_are_exact() -> None:
    law = compound_poisson([(1 / (1 + phi), sp.sqrt(2) + phi), (sp.Rational(1, 3), -sp.sqrt(3))])
    value = sp.simplify(law.moment(3).subs(phi, 2) - law.at(phi=2).moment(3))
    assert value == 0


@few
@given(SPREAD_LAWS)
def test_the_cdf_is_monotone_with_total_mass_one(law: SpectralLaw) -> None:
    support = law.support()
    low, high = support[0][0], support[-1][1]
    assert low <= high
    x = np.linspace(low - 0.1 * (high - low) - 0.1, high + 0.1 * (high - low) + 0.1, 301)
    mass = law.cdf(x)
    assert mass[0] == 0
    assert abs(mass[-1] - 1) < 1e-12
    assert np.diff(mass).min() >= -1e-13
    assert (law.density(x) >= 0).all()
    assert (law.mass_below(x) <= mass).all()


@few
@given(SPREAD_LAWS, st.floats(-6, 6), st.floats(0.01, 5))
def test_the_stieltjes_transform_inverts_the_curve(law: SpectralLaw, real: float, imag: float) -> None:
    place = complex(real, imag)
    transform = law.stieltjes(place)
    assert transform.imag < 0
    symbol = sp.Symbol("g")
    curve = sp.lambdify(symbol, law.r_transform(symbol) + 1 / symbol, "numpy")
    assert abs(curve(transform) - place) <= 1e-11 * (1 + abs(place)) * (1 + 1 / imag)
    assert law.stieltjes(place.conjugate()) == transform.conjugate()


@few
@given(SPREAD_LAWS, POSITIVE, RATIONALS)
def test_dilation_and_shift_move_the_distribution(law: SpectralLaw, scale: Fraction, shift: Fraction) -> None:
    support = law.support()
    x = np.linspace(support[0][0], support[-1][1], 17)[1:-1] + 1e-3
    moved = scale * law + point_mass(shift)
    np.testing.assert_allclose(moved.cdf(float(scale) * x + float(shift)), law.cdf(x), atol=2e-9, rtol=0)


@few
@given(SPREAD_LAWS, st.integers(0, 6))
def test_balls_hold_the_floats_and_shrink_with_the_digits(law: SpectralLaw, step: int) -> None:
    support = law.support()
    x = Fraction(round(64 * (support[0][0] + (support[-1][1] - support[0][0]) * step / 6)), 64)
    if any(sp.Rational(x.numerator, x.denominator) == place for place, _ in law.atoms()):
        x += Fraction(1, 128)
    for digits in (15, 40):
        ball = law.mass_below(x, digits=digits)
        size = max(abs(ball.midpoint), Fraction(1, 10**digits))
        assert ball.radius <= size / 10**digits
        assert abs(float(ball) - law.mass_below(float(x))) < 2e-8  # 1e-8 where a float misses an edge
    assert law.mass_below(x, digits=15).overlaps(law.mass_below(x, digits=40))


@few
@given(SPREAD_LAWS)
def test_certified_edges_agree_with_floats(law: SpectralLaw) -> None:
    certified = law.support(digits=20)
    floats = law.support()
    assert len(certified) == len(floats)
    scale = max(abs(end) for interval in floats for end in interval)
    for ball, value in zip(sum(certified, ()), sum(floats, ()), strict=True):
        assert abs(float(ball) - value) <= 1e-13 * scale


def test_integrating_the_density_gives_the_closed_form_of_the_mass() -> None:
    law = compound_poisson([("1/2", 1), ("1/3", -2)]) + semicircle("1/2")
    certified = law.integrated_density(-20, "1/7", digits=25)
    assert certified.overlaps(law.cdf("1/7", digits=25))
    nearly_apart = compound_poisson([("1/2", 1), ("1/3", -2)]) + semicircle("1/10")
    assert nearly_apart.integrated_density(-20, 20, digits=9).contains(1)
    assert law.integrated_density(30, 40, digits=15).contains(0)
    assert point_mass(1).integrated_density(0, 2, digits=5).contains(0)
    with_atom = marchenko_pastur(2).integrated_density(-1, 10, digits=12)
    assert with_atom.contains(Fraction(1, 2))


def test_the_residual_law_has_the_free_cumulants_of_a_product_of_gaussians() -> None:
    for active in (1, sp.Rational(1, 2)):
        law = residual_hessian(active)
        for order in range(1, 4):
            expected = 2 * active / phi * (epsilon * phi**2 / 2) ** order
            assert sp.simplify(law.free_cumulant(2 * order) - expected) == 0
            assert law.free_cumulant(2 * order - 1) == 0


def test_equal_laws_are_equal_and_print_readably() -> None:
    assert relu_hessian().at(phi="1/2", epsilon=2) == compound_poisson([(3, "1/2"), (1, "-1/2")])
    assert linear_hessian() - residual_hessian(1) != marchenko_pastur(phi)
    assert repr(semicircle(1)) == "SpectralLaw(drift=0, variance=1, jumps=())"
    assert str(semicircle(1) - point_mass(3)) == "R(g) = g - 3"
    assert str(semicircle(epsilon + 1) - marchenko_pastur(phi)) == "R(g) = (epsilon + 1)*g - 1/(1 + phi*g)"
    assert str(relu_hessian()) == "R(g) = epsilon*phi*g/(2 - epsilon*phi**2*g**2) + 1/(1 - phi*g)"
    assert str(0 * semicircle(1)) == "R(g) = 0"
    negative = compound_poisson([(2, -phi)])
    assert sp.latex(negative) == r"R(g) = - \frac{2 \phi}{1 + \phi g}"
    assert negative._repr_latex_() == r"$\displaystyle R(g) = - \frac{2 \phi}{1 + \phi g}$"
    assert compound_poisson([(0, 1), (1, 0)]) == SpectralLaw()
    law = wishart_wigner_hessian()
    assert law.parameters == (epsilon, phi)
    assert law.at(phi="1/2").parameters == (epsilon,)
    assert str(law.curve(g, z)) == "Eq(2*epsilon*g + 1/(-g*phi + 1) + 1/g, z)"
    assert law._repr_latex_().startswith("$\\displaystyle R(g) = ")
    bound = law.at(phi="1/2", epsilon=0.1)
    bound.index(digits=20)
    assert pickle.loads(pickle.dumps(bound)) == bound
    assert bound == law.at(phi=Fraction(1, 2), epsilon="0.1") == law.at(epsilon=sp.Rational(1, 10)).at(phi=0.5)
    assert bound != law.at(phi="1/2", epsilon=np.float64(0.1))


def test_the_log_potential_is_the_logarithmic_energy() -> None:
    law = wishart_wigner_hessian().at(phi="1/2", epsilon="1/10")
    place = 6.0
    transform = law.stieltjes(place).real
    potential = float(law.log_potential(sp.Float(transform, 20)))
    low, high = law.support()[0]
    angles = (np.arange(4000) + 0.5) * np.pi / 4000
    x = low + (high - low) * (1 - np.cos(angles)) / 2
    weights = law.density(x) * np.sin(angles) * np.pi / 8000 * (high - low)
    assert abs((weights * np.log(place - x)).sum() - potential) < 1e-12


@pytest.mark.parametrize("law", [wishart_wigner_hessian(), linear_hessian(), relu_hessian()])
def test_a_grid_answers_as_its_entries_do(law: SpectralLaw) -> None:
    ratios, energies = np.array([[0.25], [1.5], [2.5]]), np.array([1e-3, 0.1, 2.0])
    grid = law.at(phi=ratios, epsilon=energies)
    assert grid.shape == (3, 3)
    x = np.linspace(-1, 4, 7)
    for row in range(3):
        for column in range(3):
            entry = grid[row, column]
            np.testing.assert_allclose(grid.index()[row, column], entry.index(), rtol=1e-13, atol=1e-16)
            np.testing.assert_allclose(grid[row].cdf(x[:, None])[:, column], entry.cdf(x), rtol=1e-12, atol=1e-15)
            np.testing.assert_allclose(
                grid.density(x[:, None, None])[:, row, column], entry.density(x), rtol=1e-11, atol=1e-14
            )
            np.testing.assert_allclose(
                grid.stieltjes(x[:, None, None] + 0.1j)[:, row, column], entry.stieltjes(x + 0.1j), rtol=1e-11
            )
