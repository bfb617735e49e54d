"""The Beta law of the least energy, at rectangular sizes, against simulated data and against other routes."""

from fractions import Fraction

import numpy as np
import pytest
from scipy.stats import kstest

from theory.linear_network import critical_table, least_energy_density, least_energy_law, linear_minimum_energy
from theory.symbols import m, n


@pytest.mark.parametrize("sizes", [(2, 2, 5), (3, 1, 5), (1, 3, 4), (2, 4, 7)], ids=str)
def test_least_squares_on_gaussian_data_follow_the_law(sizes: tuple[int, int, int]) -> None:
    """Kolmogorov-Smirnov over 4000 draws; the law of another size is refused by the same data."""
    inputs, outputs, samples = sizes
    source = np.random.default_rng(7)
    x, y = source.standard_normal((4000, samples, inputs)), source.standard_normal((4000, samples, outputs))
    energies = ((y - x @ np.linalg.pinv(x) @ y) ** 2).sum((1, 2)) / (y**2).sum((1, 2)) / 2
    law = least_energy_law(*sizes)
    assert kstest(energies, law.cdf).pvalue > 1e-4
    assert kstest(energies, least_energy_law(inputs, outputs, samples + 1).cdf).pvalue < 1e-10
    assert abs(energies.mean() - float(law.mean)) < 4 * (float(law.variance) / 4000) ** 0.5


def test_the_least_energy_of_the_table_has_the_law_whatever_the_inputs_are() -> None:
    """Only the direction of the targets matters: inputs far from Gaussian, hidden layer wider than needed."""
    source = np.random.default_rng(1)
    x = source.exponential(size=(6, 2)) ** 3
    tables = (critical_table(x, source.standard_normal((6, 3)), 4) for _ in range(1000))
    energies = [table.relative_energy[0] for table in tables]
    assert kstest(energies, least_energy_law(2, 3, 6).cdf).pvalue > 1e-4


def test_a_bottleneck_does_not_follow_it() -> None:
    source = np.random.default_rng(2)
    tables = (critical_table(*source.standard_normal((2, 12, 4)), 1) for _ in range(400))
    assert kstest([table.relative_energy[0] for table in tables], least_energy_law(4, 4, 12).cdf).pvalue < 1e-10


def test_square_networks_have_the_mean_and_variance_derived_before() -> None:
    for width, samples in ((2, 5), (10, 40), (3, 4)):
        law, parts = least_energy_law(width, width, samples), linear_minimum_energy().parts
        assert 2 * law.mean == Fraction(str(parts["Beta mean"].rhs.subs({n: width, m: samples})))
        assert 4 * law.variance == Fraction(str(parts["Beta variance"].rhs.subs({n: width, m: samples})))


def test_the_density_is_the_derivative_of_the_distribution_function() -> None:
    law, step = least_energy_law(2, 3, 7), 1e-6
    for energy in (0.1, 0.25, 0.4):
        slope = (law.cdf(energy + step) - law.cdf(energy - step)) / (2 * step)
        density = least_energy_density().at(n0=2, n2=3, m=7, u=2 * energy)
        assert float(slope) == pytest.approx(2 * float(density), rel=1e-8)


def test_quantiles_invert_the_distribution_function_and_balls_contain_it() -> None:
    law = least_energy_law(5, 4, 12)
    levels = np.array([0.0, 1e-4, 0.3, 0.9999, 1.0])
    np.testing.assert_allclose(law.cdf(law.quantile(levels)), levels, rtol=1e-10)
    for energy in ("1/4", "0.3"):
        ball = law.certified_cdf(energy, 30)
        assert ball.radius <= Fraction(1, 10**30)
        assert float(law.cdf(float(Fraction(energy)))) == pytest.approx(float(ball), rel=1e-12)
    assert least_energy_law(2, 1, 4).certified_cdf("1/8", 20).contains(Fraction(1, 4))  # u is uniform


def test_energies_out_of_range_have_probability_zero_or_one() -> None:
    assert least_energy_law(2, 2, 4).cdf([-1.0, 0.0, 0.5, 2.0]).tolist() == [0, 0, 1, 1]


def test_bad_input_is_refused() -> None:
    with pytest.raises(ValueError, match=r"samples must be > inputs = 4, or the least energy is 0, got 4"):
        least_energy_law(4, 2, 4)
    with pytest.raises(ValueError, match=r"outputs must be >= 1, got 0"):
        least_energy_law(4, 0, 5)
    with pytest.raises(TypeError, match=r"inputs must be an integer, got 2\.0"):
        least_energy_law(2.0, 1, 5)  # type: ignore[arg-type]
    law = least_energy_law(2, 2, 5)
    with pytest.raises(ValueError, match=r"probability must lie in \[0, 1\], got 1\.5"):
        law.quantile(1.5)
    with pytest.raises(ValueError, match=r"energy must be a rational number in \(0, 1/2\), got 0\.5"):
        law.certified_cdf(0.5, 10)
    with pytest.raises(ValueError, match=r"digits must be >= 1, got 0"):
        law.certified_cdf("1/4", 0)


def test_what_is_no_energy_has_no_probability() -> None:
    law = least_energy_law(2, 2, 4)
    with pytest.raises(ValueError, match=r"energy must not be NaN"):
        law.cdf(float("nan"))
    with pytest.raises(TypeError, match=r"energy must be a real number or an array of them, got True"):
        law.cdf(True)
    with pytest.raises(TypeError, match=r"probability must be a real number or an array of them, got \[None\]"):
        law.quantile([None])


def test_a_density_with_fewer_samples_than_inputs_is_refused() -> None:
    with pytest.raises(ValueError, match=r"must lie in the domain .* n0 < m.*, got n0 = 4"):
        least_energy_density().at(n0=4, n2=2, m=3, u="1/3")
