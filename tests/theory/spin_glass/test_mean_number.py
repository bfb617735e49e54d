"""The mean number of critical points at finite N: exact cases, sampled couplings, and the limit."""

import math

import numpy as np
import pytest
import sympy as sp

from theory.spin_glass import complexity, index_rate, mean_critical_points, mean_number_by_index


@pytest.mark.parametrize("size", [2, 3, 10, 57])
def test_a_quadratic_form_has_two_points_for_each_eigenvector(size: int) -> None:
    assert mean_critical_points(2, size) == pytest.approx(2 * size, rel=1e-9)


@pytest.mark.parametrize("p", [2, 3, 4, 10])
def test_on_a_circle_it_is_the_count_of_rice(p: int) -> None:
    assert mean_critical_points(p, 2) == pytest.approx(2 * math.sqrt(3 * p - 2), rel=1e-9)


def test_the_circle_of_sampled_couplings_has_so_many_points() -> None:
    """Turning points along the circle, 3000 draws; standard errors."""
    angles = np.linspace(0, 2 * np.pi, 721)
    s = math.sqrt(2) * np.array([np.cos(angles), np.sin(angles)])
    couplings = np.random.default_rng(3).standard_normal((3000, 2, 2, 2)) / 2
    energy = np.einsum("dijk,ia,ja,ka->da", couplings, s, s, s, optimize=True)
    slopes = np.sign(np.diff(energy, axis=1))
    turns = (slopes[:, 1:] != slopes[:, :-1]).sum(axis=1) + (slopes[:, 0] != slopes[:, -1])
    error = turns.std(ddof=1) / math.sqrt(len(turns))
    assert abs(turns.mean() - mean_critical_points(3, 2)) < 4 * error


@pytest.mark.parametrize(("p", "size"), [(3, 3), (4, 5)])
def test_it_is_the_kac_rice_integral_over_sampled_hessians(p: int, size: int) -> None:
    """Volume x density of the gradient at 0 x mean |det| of the Hessian over its own law; standard errors."""
    source = np.random.default_rng(11)
    draws, dimension = 200_000, size - 1
    normal = source.standard_normal((draws, dimension, dimension)) * math.sqrt(p * (p - 1) / 2)
    energies = source.standard_normal(draws)
    hessians = normal + normal.transpose(0, 2, 1) - p * energies[:, None, None] * np.eye(dimension)
    eigenvalues = np.linalg.eigvalsh(hessians)
    weights, found = abs(eigenvalues.prod(axis=1)), (eigenvalues < 0).sum(axis=1)
    volume = 2 * math.pi ** (size / 2) / math.gamma(size / 2)
    factor = volume * (2 * math.pi * p) ** (-dimension / 2)
    for u, k in ((math.inf, None), (-0.4, None), (-0.8, 0), (-0.3, 1), (0.5, 2)):
        counted = factor * weights * (energies <= u * math.sqrt(size))
        if k is not None:
            counted *= found == k
        error = counted.std(ddof=1) / math.sqrt(draws)
        assert abs(counted.mean() - mean_critical_points(p, size, u, k)) < 4 * error


def test_half_of_them_have_negative_energy() -> None:
    for p, size in ((3, 9), (4, 6)):
        below, every = mean_critical_points(p, size, [0, math.inf])
        assert below == pytest.approx(every / 2, rel=1e-9)
    assert mean_critical_points(3, 9, -100) == 0
    assert mean_critical_points(50, 400, log=True) == pytest.approx(400 * complexity(50, 0), rel=1e-2)
    assert mean_critical_points(50, 400) == math.inf


@pytest.mark.parametrize("size", [3, 4, 11, 20])
def test_each_index_of_a_quadratic_form_has_two_points(size: int) -> None:
    for k in range(3):
        assert mean_critical_points(2, size, k=k) == pytest.approx(2, rel=1e-10)


def test_the_indices_add_up_to_all() -> None:
    for u in (-0.7, 0.2, math.inf):
        total = sum(mean_critical_points(3, 3, u, k) for k in range(3))
        assert total == pytest.approx(mean_critical_points(3, 3, u), rel=1e-8)


@pytest.mark.parametrize("k", [0, 1, 2])
def test_the_mean_number_of_an_index_grows_at_its_own_rate(k: int) -> None:
    """A power of the size drops out of two doublings; one eigenvalue more or less would show eight times as large."""
    logs = [mean_critical_points(3, size, -2.2, k, log=True) for size in (10, 20, 40)]
    rate = (logs[2] - 2 * logs[1] + logs[0]) / 10
    assert abs(rate - complexity(3, -2.2, k)) < index_rate(3, -2.2) / 8


@pytest.mark.parametrize("u", [-1.75, -1.64, -1.3, 0, 1])
def test_it_grows_as_the_complexity_says_but_for_a_power_of_the_size(u: float) -> None:
    sizes = (50, 100, 200, 400)
    gaps = [mean_critical_points(3, size, u, log=True) - size * complexity(3, u) for size in sizes]
    assert all(abs(gap) < math.log(size) for gap, size in zip(gaps, sizes, strict=True))
    steps = abs(np.diff(gaps))
    assert steps.max() < 0.4  # for each doubling; a rate off by .004 would add .8 to the last


def test_the_derived_constant_is_the_growth_of_them_all() -> None:
    """For energies of mean zero the weight is 1 at p = 2, and log C/N tends to the complexity of all points."""
    derived = mean_number_by_index().value
    symbols = {symbol.name: symbol for symbol in derived.free_symbols}
    assert float(derived.subs({symbols["p"]: 2, symbols["N"]: 7})) == pytest.approx(math.log(2), rel=1e-12)
    slope = derived.coeff(symbols["N"])
    assert float(slope.subs(symbols["p"], 5)) == pytest.approx(complexity(5, 0), rel=1e-14)


def test_what_the_derivation_evaluates_is_called_a_logarithm() -> None:
    """At p = 2, where the weight is 1, C is the mean number itself: two points for each index."""
    assert mean_number_by_index().at(p=2, N=5) == sp.log(2)
    assert mean_critical_points(2, 5, k=0) == pytest.approx(2, rel=1e-9)
    assert "log C = log(2 √(2/p)" in str(mean_number_by_index())
    with pytest.raises(ValueError, match=r"N must lie in the domain"):
        mean_number_by_index().at(p=3, N="5/2")


@pytest.mark.parametrize(
    ("size", "u", "expected"), [(10, -6, -157.507354185), (20, -5, -202.86789968), (10, -50, -12460.5010029271)]
)
def test_far_below_the_minima_logarithms_still_count(size: int, u: float, expected: float) -> None:
    """Three integrals of the exact density in sixty digits; there all points are minima, by another density."""
    assert mean_critical_points(3, size, u, log=True) == pytest.approx(expected, abs=1e-8)
    assert mean_critical_points(3, size, u, k=0, log=True) == pytest.approx(expected, abs=1e-8)


def test_far_below_all_densities_agree() -> None:
    for size, u in ((50, -6), (11, -6), (5, -1000)):
        every, minima = (mean_critical_points(3, size, u, k=k, log=True) for k in (None, 0))
        assert every == pytest.approx(minima, rel=1e-13)
    assert mean_critical_points(3, 10, -math.inf, log=True) == -math.inf
    assert mean_critical_points(3, 10, -math.inf, k=0) == 0


def test_arguments_of_another_kind_are_refused() -> None:
    with pytest.raises(ValueError, match=r"k must be an integer from 0 to 2, got True"):
        mean_critical_points(3, 5, k=True)
    with pytest.raises(TypeError, match=r"log must be True or False, got 'no'"):
        mean_critical_points(3, 5, log="no")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"p must be less than 2\^53, got 1000"):
        mean_critical_points(10**20, 5)


def test_wrong_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match=r"size must be from 2 to 400, got 401"):
        mean_critical_points(3, 401)
    with pytest.raises(ValueError, match=r"size must be from 2 to 100, got 101"):
        mean_critical_points(3, 101, k=0)
    for wrong in (3, -1, 0.5):
        with pytest.raises(ValueError, match=rf"k must be an integer from 0 to 2, got {wrong}"):
            mean_critical_points(3, 10, k=wrong)
    with pytest.raises(TypeError, match=r"size must be an integer"):
        mean_critical_points(3, 2.0)
