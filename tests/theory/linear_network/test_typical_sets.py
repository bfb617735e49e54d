"""Index against energy when every critical set counts the same: quadrature, sampling, and all sets of one network."""

import mpmath
import numpy as np
import pytest
import sympy as sp

from theory.linear_network import critical_table, greedy_index_law, typical_index_law, uniform_index_law
from theory.symbols import phi

D = sp.Symbol("d", positive=True)


def _law(excess: float, ratio: float) -> float:
    return float(typical_index_law().value.subs({phi: sp.Rational(str(ratio)), D: excess}))


def _canonical(beta: float, ratio: float) -> tuple[float, float]:
    """Energy and index of weighted sets at n = oo and finite beta, by the trapezoid rule over the quarter circle."""
    x = 2 * np.linspace(0, 1, 100001) ** 2
    density, left = np.sqrt(4 - x**2) / np.pi, 1 / (1 + np.exp(np.minimum(beta * x**2, 700)))

    def cumulative(values: np.ndarray) -> np.ndarray:
        return np.concatenate([[0], np.cumsum((values[1:] + values[:-1]) / 2 * np.diff(x))])

    share = cumulative(density * left)[-1]
    inversions = cumulative(density * left * cumulative(density * (1 - left)))[-1]
    return ratio / 4 * cumulative(density * left * x**2)[-1], (share**2 + inversions) / 2


def test_everything_is_exact() -> None:
    assert typical_index_law().passed
    assert typical_index_law().evidence == "exact"


def test_the_integrals_behind_it_hold_to_thirty_digits() -> None:
    """J0, J1, J2 and the double integral of the inversions, by quadrature."""
    with mpmath.workdps(40):
        whole = [mpmath.quad(lambda y, k=k: y**k / (1 + mpmath.exp(y**2)), [0, 1, 2, 4, 8, 16]) for k in range(3)]
        eta = [mpmath.altzeta(mpmath.mpf(k) / 2) for k in (1, 2, 3)]
        expected = [mpmath.sqrt(mpmath.pi) * eta[0] / 2, eta[1] / 2, mpmath.sqrt(mpmath.pi) * eta[2] / 4]
        assert all(abs(found - wanted) < mpmath.mpf(10) ** -30 for found, wanted in zip(whole, expected, strict=True))
    double = mpmath.quad(
        lambda y: mpmath.quad(lambda z: 1 / (1 + mpmath.exp(-(z**2))), [0, y]) / (1 + mpmath.exp(y**2)), [0, 1, 3, 7]
    )
    assert float(double) == pytest.approx(float(whole[1] - whole[0] ** 2 / 2), rel=1e-10)


@pytest.mark.parametrize("ratio", [0.5, 1.25])
def test_it_is_the_limit_of_small_energy(ratio: float) -> None:
    departures = [_canonical(beta, ratio) for beta in (10.0, 100.0, 1000.0)]
    errors = [abs(alpha / _law(excess, ratio) - 1) for excess, alpha in departures]
    assert errors[0] < 5e-3
    assert errors[1] < 0.2 * errors[0]
    assert errors[2] < 0.2 * errors[1]


def test_sampled_sets_at_width_200_lie_on_the_curve() -> None:
    """Independent directions with the weights of the derivation, 200 sets of each of 16 draws."""
    width, ratio, beta = 200, 0.5, 2.0
    source, samples = np.random.default_rng(3), 800
    found = []
    for _ in range(16):
        x, y = source.standard_normal((samples, width)), source.standard_normal((samples, width))
        plain = critical_table(x, y, width, np.ones((1, width), bool))
        odds = np.exp(-beta * plain.singular_values**2 * samples / width)
        chosen = source.random((200, width)) >= odds / (1 + odds)
        table = critical_table(x, y, width, np.vstack([np.ones(width, bool), chosen]))
        found.append(((table.energy[1:] - table.energy[0]).mean(), table.alpha[1:].mean()))
    excess, alpha = _canonical(beta, ratio)
    means, errors = np.mean(found, axis=0), np.std(found, axis=0, ddof=1) / len(found) ** 0.5
    assert (abs(means - [excess, alpha]) < 5 * errors + 1 / width * np.array([excess, alpha])).all()
    assert (errors < 0.02 * means).all()


def test_all_sets_near_one_energy_have_the_index_of_weighted_ones() -> None:
    """n = 16: all 65536 sets; those within a twentieth of the mean energy of weighted ones, up to 1/n."""
    source, departures = np.random.default_rng(4), []
    for _ in range(10):
        table = critical_table(source.standard_normal((64, 16)), source.standard_normal((64, 16)), 16)
        excess = table.energy - table.energy[0]
        weights = np.exp(-0.5 * 2 * 64 * excess)  # beta = 1/2: leaving out lambda costs lambda/(2m)
        energy, alpha = np.average(excess, weights=weights), np.average(table.alpha, weights=weights)
        near = abs(excess / energy - 1) < 0.05
        assert near.sum() > 200
        departures.append(table.alpha[near].mean() / alpha - 1)
    assert abs(np.mean(departures)) < 1 / 16


def test_greedy_typical_and_uniform_sets_differ_in_amplitude_or_exponent() -> None:
    greedy, typical, uniform = (
        float(law.value.subs({phi: sp.Rational(1, 2), D: sp.Rational(1, 1000)}))
        for law in (greedy_index_law(), typical_index_law(), uniform_index_law())
    )
    assert greedy / typical == pytest.approx(2.063, abs=1e-3)
    assert uniform < typical
    exponents = [law.parts["exponent"].rhs for law in (greedy_index_law(), typical_index_law(), uniform_index_law())]
    assert exponents == [sp.Rational(2, 3), sp.Rational(2, 3), 1]
