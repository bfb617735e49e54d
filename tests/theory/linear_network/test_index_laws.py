"""Index against energy of wide linear networks: the derived laws against critical sets of random data."""

import numpy as np
import pytest
import sympy as sp
from numpy.typing import NDArray

from theory import linear_index_curve, marchenko_pastur
from theory.linear_network import CriticalTable, critical_table, greedy_index_law, uniform_index_law

Array = NDArray[np.float64]
SHARES = np.array([0.2, 0.4, 0.7])


def _greedy(width: int, phi: float, shares: Array, source: np.random.Generator) -> CriticalTable:
    samples = round(2 * width / phi)
    x, y = source.standard_normal((samples, width)), source.standard_normal((samples, width))
    kept = np.round((1 - np.r_[0.0, shares]) * width).astype(int)
    return critical_table(x, y, width, np.arange(width) < kept[:, None])


def test_everything_is_exact() -> None:
    for law in (greedy_index_law(), uniform_index_law()):
        assert law.passed
        assert law.evidence == "exact"
    assert greedy_index_law().parts["exponent"].rhs == sp.Rational(2, 3)
    assert uniform_index_law().parts["exponent"].rhs == 1


@pytest.mark.parametrize("phi", [0.5, 1.25])
def test_greedy_sets_of_random_data_lie_on_the_curve(phi: float) -> None:
    """Mean excess at n = 60 and 120, extrapolated by 1/n, within 4 standard errors; the index without error."""
    expected, alpha = linear_index_curve(phi, SHARES)
    source, found = np.random.default_rng(0), []
    for width in (60, 120):
        tables = [_greedy(width, phi, SHARES, source) for _ in range(160)]
        for table in tables:
            np.testing.assert_allclose(table.alpha[1:], alpha, rtol=1e-14)
        excess = np.array([table.energy[1:] - table.energy[0] for table in tables])
        found.append((excess.mean(0), excess.std(0, ddof=1) / len(tables) ** 0.5))
    (coarse, coarse_error), (fine, fine_error) = found
    error = np.hypot(2 * fine_error, coarse_error)
    assert (abs(2 * fine - coarse - expected) < 4 * error).all()
    assert (error < 0.03 * expected).all()


def test_at_width_800_the_exponent_of_greedy_sets_is_two_thirds() -> None:
    """The slope over q from .02 to .1 is within .02 of 2/3, far from 1 and from 3/2."""
    shares = np.geomspace(0.02, 0.1, 9)
    table = _greedy(800, 0.5, shares, np.random.default_rng(1))
    slope, _ = np.polyfit(np.log(table.energy[1:] - table.energy[0]), np.log(table.alpha[1:]), 1)
    assert abs(slope - 2 / 3) < 0.02


def test_uniform_sets_of_random_data_have_the_derived_mean_and_spread() -> None:
    width, phi, sets = 100, 0.5, 400
    source = np.random.default_rng(2)
    samples = round(2 * width / phi)
    x, y = source.standard_normal((samples, width)), source.standard_normal((samples, width))
    law = uniform_index_law()
    for share in (0.2, 0.6):
        chosen = np.argsort(source.random((sets, width)), axis=1) >= round(share * width)
        table = critical_table(x, y, width, np.vstack([np.ones(width, bool), chosen]))
        _, alpha = linear_index_curve(phi, share, "uniform")
        symbols = {symbol.name: symbol for symbol in law.parts["variance"].rhs.free_symbols}
        variance = float(law.parts["variance"].rhs.subs({symbols["q"]: share, symbols["n"]: width}))
        assert abs(table.alpha[1:].mean() - alpha) < 4 * (variance / sets) ** 0.5
        assert table.alpha[1:].var() == pytest.approx(variance, rel=5 * (2 / sets) ** 0.5)
        # over the sets of one draw the mean excess is the share of what all directions cost, exactly
        whole = (table.singular_values**2).sum() / (2 * width)
        excess = table.energy[1:] - table.energy[0]
        assert abs(excess.mean() - share * whole) < 4 * excess.std() / sets**0.5


def test_the_leading_term_and_its_correction_are_those_of_the_curve() -> None:
    law, shares = greedy_index_law(), np.array([0.02, 0.04])
    excess, alpha = linear_index_curve(1, shares)
    leading = np.array([float(law.at(phi=1, d=value, digits=20)) for value in excess])
    departure = 1 - alpha / leading
    np.testing.assert_allclose(departure / shares**2, np.pi**2 / 120, rtol=1e-3)
    q = sp.Symbol("q", positive=True)
    correction = sp.lambdify(q, law.parts["correction"].rhs)(shares)
    np.testing.assert_allclose(alpha / leading, correction, rtol=1e-6)


def test_the_curve_is_the_one_of_the_parameter_form() -> None:
    law = greedy_index_law()
    x, phi = sp.Symbol("x", positive=True), sp.Symbol("phi", positive=True)
    places = np.linspace(0.1, 1.9, 7)
    shares = sp.lambdify(x, law.parts["share"].rhs)(places)
    excess = sp.lambdify(x, law.parts["excess"].rhs.subs(phi, sp.Rational(3, 4)))(places)
    np.testing.assert_allclose(linear_index_curve("3/4", shares)[0], excess, rtol=1e-10)


def test_the_share_is_the_mass_of_the_marchenko_pastur_law() -> None:
    """The second route: free probability's distribution function of the squares."""
    share = greedy_index_law().parts["share"].rhs
    x = sp.Symbol("x", positive=True)
    places = np.linspace(0.05, 1.95, 9)
    np.testing.assert_allclose(marchenko_pastur(1).cdf(places**2), sp.lambdify(x, share)(places), rtol=1e-12)


def test_energies_beyond_the_zero_network_are_refused() -> None:
    """Nothing fitted costs phi/4, so that no point lies higher."""
    assert uniform_index_law().at(phi=1, d="1/4") == sp.Rational(1, 2)
    for law in (uniform_index_law(), greedy_index_law()):
        for energy in ("1/2", 5):
            with pytest.raises(ValueError, match=r"must lie in the domain .* d <= phi/4.*, got phi = 1, d = "):
                law.at(phi=1, d=energy)


def test_curves_run_from_the_minima_to_the_zero_network() -> None:
    for order in ("greedy", "uniform"):
        excess, alpha = linear_index_curve(0.8, [0, 1], order)  # type: ignore[arg-type]
        np.testing.assert_allclose(excess, [0, 0.2], rtol=1e-14)
        np.testing.assert_allclose(alpha, [0, 0.5], rtol=1e-14)


def test_greedy_sets_have_the_least_index_at_a_given_share() -> None:
    shares = np.linspace(0.05, 0.95, 7)
    assert (linear_index_curve(1, shares)[1] < linear_index_curve(1, shares, "uniform")[1]).all()


def test_bad_input_is_refused() -> None:
    with pytest.raises(ValueError, match=r"phi must lie in \(0, 2\), got 2"):
        linear_index_curve(2, [0.5])
    with pytest.raises(ValueError, match=r"left_out must hold shares in \[0, 1\], got \[1\.5\]"):
        linear_index_curve(1, [1.5])
    with pytest.raises(ValueError, match=r"order must be 'greedy' or 'uniform', got 'random'"):
        linear_index_curve(1, [0.5], "random")  # type: ignore[arg-type]
