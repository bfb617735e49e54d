"""Random laws whose rates, sizes and variances range over many powers of ten, floats against balls."""

import warnings
from fractions import Fraction

import numpy as np
import pytest

from theory.free_probability.law import SpectralLaw
from theory.free_probability.laws import compound_poisson, point_mass, relu_hessian, residual_hessian, semicircle

EPS = np.finfo(np.float64).eps


def random_law(generator: np.random.Generator, reach: float) -> SpectralLaw:
    """One to six jumps of either sign, half of the laws with a semicircle, half with a drift."""

    def magnitude() -> Fraction:
        return Fraction(f"{10 ** generator.uniform(-reach, reach):.3e}")

    def sign() -> int:
        return int(generator.choice([-1, 1]))

    jumps = tuple((magnitude(), sign() * magnitude()) for _ in range(generator.integers(1, 7)))
    variance = magnitude() if generator.random() < 0.5 else 0
    drift = sign() * magnitude() if generator.random() < 0.5 else 0
    return SpectralLaw(drift, variance, jumps)


def random_places(law: SpectralLaw, generator: np.random.Generator) -> np.ndarray:
    """Places inside each band, very near its ends, at them, outside, and the origin."""
    bands = [(a, b) for a, b in law.support() if a < b]
    near = 10.0 ** generator.uniform(-14, -1, 2)
    shares = np.concatenate([[0, 1], generator.uniform(0, 1, 2), near, 1 - near])
    low, high = bands[0][0], bands[-1][1]
    outside = [low - (high - low), high + 1e-3 * (high - low), high + (high - low), 0.0]
    return np.unique(np.concatenate([*(a + (b - a) * shares for a, b in bands), outside]))


def rounding(law: SpectralLaw, x: float) -> Fraction:
    """How far float64 may move a place: rounding the largest term of H moves it that much."""
    g = law.stieltjes(x)
    size = abs(x) + abs(float(law.drift))
    if 0 < abs(g) < np.inf:
        size += 1 / abs(g) + float(law.variance) * abs(g)
        size += sum(abs(float(rate * jump) / (1 - g * float(jump))) for rate, jump in law.jumps)
    return Fraction(float(32 * EPS * size))


@pytest.mark.parametrize("reach", [1, 3, 6])
def test_wild_laws_have_one_branch_and_total_mass_one(reach: int) -> None:
    """No NaN, no negative density, a monotone cdf; every value is a ball's at a place moved by a rounding error."""
    for seed in range(40):
        generator = np.random.default_rng([reach, seed])
        law = random_law(generator, reach)
        x = random_places(law, generator)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            density, mass, below, transform = law.density(x), law.cdf(x), law.mass_below(x), law.stieltjes(x)
        assert not np.isnan(np.concatenate([density, mass, below, transform.real, transform.imag])).any()
        assert (density >= 0).all()
        assert np.diff(mass).min() >= -1e-13
        assert (below <= mass).all()
        assert abs(mass[-1] - 1) <= 1e-12
        assert len(law.support()) == len(law.support(digits=20))
        for place, value, cumulative in zip(x, density, mass, strict=True):
            exact = Fraction(float(place))
            if abs(cumulative - float(law.cdf(place, digits=15))) > 1e-12:
                move = rounding(law, float(place))
                assert float(law.mass_below(exact - move, digits=15)) - 1e-12 <= cumulative
                assert cumulative <= float(law.cdf(exact + move, digits=15)) + 1e-12
            if np.isfinite(value) and exact != law.drift:
                ball = float(law.density(place, digits=15))
                if abs(ball - value) > 1e-11 * ball:
                    move = rounding(law, float(place))
                    balls = [ball, *(float(law.density(exact + step, digits=15)) for step in (-move, move))]
                    slack = 1e-11 * max(balls) + 2 * (max(balls) - min(balls))
                    assert min(balls) - slack <= value <= max(balls) + slack


def test_a_huge_rate_of_tiny_jumps_costs_no_digits_of_the_mass() -> None:
    """Rate 1e7, size 1e-4 is nearly a semicircle; rate times a rounded angle would be off by 1e-9."""
    law = compound_poisson([(10**7, "1/10000")]) + point_mass(-1000)
    x = np.array([-0.6, -0.1, 0.0, 0.3])
    exact = np.array([float(ball) for ball in law.cdf(x, digits=20)])
    np.testing.assert_allclose(law.cdf(x), exact, atol=1e-12, rtol=0)


def test_an_edge_at_an_infinite_density_is_exactly_there() -> None:
    """ReLU at phi = 2: the rates sum to one and the upper band starts at 0 like an inverse square root."""
    law = relu_hessian().at(phi=2, epsilon="1/10")
    assert law.support()[1][0] == 0.0
    assert law.density(0) == np.inf
    assert law.stieltjes(0) == complex(0, -np.inf)
    assert law.density([-1e-12, 1e-12])[0] == 0
    assert law.mass_below(0) == law.cdf(0) == pytest.approx(0.25, abs=1e-15)
    grid = relu_hessian().at(phi=np.array([1.5, 2.0]), epsilon=0.1)
    assert np.isinf(grid.density(0.0)).tolist() == [False, True]
    third = (compound_poisson([("1/3", 1), ("2/3", 3)]) + point_mass("1/3")).support()
    assert third[0][0] == 1 / 3


def test_the_origin_of_two_bands_that_touch_has_infinite_density() -> None:
    law = residual_hessian("1/2").at(phi=1, epsilon="1/10")
    assert len(law.support()) == 1
    assert law.density(0) == np.inf
    assert law.density(1e-9) == pytest.approx(float(law.density("1e-9", digits=15)), rel=1e-10)


def test_the_transform_goes_to_infinity_at_an_atom() -> None:
    assert compound_poisson([("1/7", "-3/20")]).stieltjes([0.0, 1.0])[0] == complex(0, -np.inf)
    assert point_mass(1).stieltjes(1.0) == complex(0, -np.inf)
    assert point_mass(1).stieltjes(1 - 1j) == pytest.approx(1j)
    assert semicircle(1).stieltjes(0.0) == pytest.approx(-1j)
