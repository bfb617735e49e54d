"""The mean energy of the minima of linear networks, and when they interpolate."""

import numpy as np
import pytest
import sympy as sp

from theory.linear_network import interpolation_threshold, linear_minimum_energy
from theory.symbols import m, n, phi


def test_the_mean_minimum_is_half_of_one_minus_half_phi() -> None:
    result = linear_minimum_energy()
    assert result.evidence == "exact"
    assert [result.at(phi=value) for value in ("1/4", "1/2", "1")] == [sp.Rational(p, 16) for p in (7, 6, 4)]
    assert result.parts["samples"].rhs.subs({n: 10, m: 40}) == result.at(phi="1/2")
    assert result.value.subs(phi, 1) != 0  # as (1 - phi)/2 would be
    with pytest.raises(ValueError, match=r"phi must lie in the domain 0 < phi < 2.*, got phi = 2"):
        result.at(phi=2)


def test_the_beta_law_holds_for_least_squares_on_gaussian_data() -> None:
    """Mean and variance over 4000 draws at n = 2, m = 5, in standard errors."""
    source = np.random.default_rng(5)
    x, y = source.standard_normal((4000, 5, 2)), source.standard_normal((4000, 5, 2))
    fitted = x @ np.linalg.pinv(x) @ y
    shares = ((y - fitted) ** 2).sum((1, 2)) / (y**2).sum((1, 2))
    sizes = {n: 2, m: 5}
    mean, variance = (
        float(linear_minimum_energy().parts[name].rhs.subs(sizes)) for name in ("Beta mean", "Beta variance")
    )
    assert abs(shares.mean() - mean) < 4 * (variance / 4000) ** 0.5
    assert abs(shares.var() / variance - 1) < 4 * (2 / 4000) ** 0.5


def test_linear_networks_interpolate_from_phi_two_on_and_not_from_one() -> None:
    result = interpolation_threshold()
    assert result.value == 2
    assert result.evidence == "exact"
    for samples in (3, 4):
        source = np.random.default_rng(samples)
        x, y = source.standard_normal((samples, 3)), source.standard_normal((samples, 3))
        left = abs(x @ np.linalg.lstsq(x, y, rcond=None)[0] - y).max()
        assert (left < 1e-12) == (2 * 3 / samples >= result.value)
