"""The cost of noise and of rounding at a minimum, by quadrature, by sampling, on grids."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from theory.flatness.noise_robustness import mean_rise_under_noise, noise_rise
from theory.flatness.weight_precision import bits_per_weight, mean_rise_under_rounding, weight_bits

HESSIAN = np.array([[3.0, 1.0, 0.5], [1.0, 2.0, -0.3], [0.5, -0.3, 4.0]])


@pytest.mark.parametrize("derive", [noise_rise, weight_bits])
def test_they_are_proved_exactly(derive: object) -> None:
    result = derive()  # type: ignore[operator]
    assert result.passed
    assert result.evidence == "exact"


@pytest.mark.parametrize("law", ["gaussian", "uniform", "signs"])
def test_noise_of_any_law_costs_half_its_variance_times_the_trace(law: str) -> None:
    source, count, deviation = np.random.default_rng(3), 40000, 0.2
    noise = {
        "gaussian": source.normal(size=(count, 3)),
        "uniform": source.uniform(-np.sqrt(3), np.sqrt(3), size=(count, 3)),
        "signs": source.choice([-1.0, 1.0], size=(count, 3)),
    }[law]
    rises = deviation**2 * np.einsum("ni,ij,nj->n", noise, HESSIAN, noise) / 2
    error = rises.std(ddof=1) / np.sqrt(count)
    assert abs(rises.mean() - mean_rise_under_noise(HESSIAN, deviation)) < 5 * error
    assert abs(rises.mean() - deviation**2 * np.linalg.eigvalsh(HESSIAN)[-1] / 2) > 20 * error  # not by the largest


def test_the_next_term_is_that_of_a_quartic_by_quadrature() -> None:
    """L = x^2 + 3 x^2 y^2 + y^4/2: D = L_xxxx + 2 L_xxyy + L_yyyy = 0 + 24 + 12; nothing is left beyond it."""
    deviation = 0.3
    nodes, weights = np.polynomial.hermite_e.hermegauss(8)
    x, y = deviation * nodes[:, None], deviation * nodes[None, :]
    loss = x**2 + 3 * x**2 * y**2 + y**4 / 2
    mean = (weights[:, None] * weights * loss).sum() / weights.sum() ** 2
    first = mean_rise_under_noise([[2.0, 0.0], [0.0, 0.0]], deviation)
    quartic = noise_rise().parts["quartic"].rhs
    numbers = {"s": deviation, "D": 36}
    second = float(quartic.subs({symbol: numbers[symbol.name] for symbol in quartic.free_symbols}))
    assert first + second == pytest.approx(mean, rel=1e-12)


def test_rounding_on_every_grid_costs_a_twenty_fourth_of_the_trace() -> None:
    """One weight at a fixed place, the origin of the grid moved in small steps through one cell."""
    spacing, place = 0.25, 0.7312
    origins = (np.arange(4000) + 0.5) / 4000 * spacing
    rounded = np.round((place - origins) / spacing) * spacing + origins
    rise = 5.0 * (rounded - place) ** 2 / 2
    assert rise.mean() == pytest.approx(mean_rise_under_rounding([[5.0]], spacing), rel=1e-6)


def test_stochastic_rounding_costs_twice_as_much() -> None:
    stochastic, nearest = (weight_bits().parts[name].rhs for name in ("stochastic", "rounding"))
    assert stochastic / nearest == 2
    u = (np.arange(10000) + 0.5) / 10000
    assert (u * (1 - u)).mean() == pytest.approx(1 / 6, rel=1e-6)


@given(tolerance=st.floats(1e-6, 1.0), span=st.floats(0.1, 100.0))
def test_the_bits_keep_the_rise_at_the_tolerance(tolerance: float, span: float) -> None:
    spacing = span / 2 ** bits_per_weight(HESSIAN, tolerance, span=span)
    assert mean_rise_under_rounding(HESSIAN, spacing) == pytest.approx(tolerance, rel=1e-12)


def test_a_rescaling_costs_bits_unless_the_grid_is_rescaled() -> None:
    scale = np.diag([1 / 16.0, 16.0, 16.0])
    before, after = bits_per_weight(HESSIAN, 1e-3), bits_per_weight(scale @ HESSIAN @ scale, 1e-3)
    assert after > before + 3
    spacings = 0.1 / np.diag(scale)  # each weight has its own, larger where the weight is
    rise = (spacings**2 * np.diag(scale @ HESSIAN @ scale)).sum() / 24
    assert rise == pytest.approx(mean_rise_under_rounding(HESSIAN, 0.1), rel=1e-12)


def test_the_formula_and_the_derivation_agree() -> None:
    assert bits_per_weight([[24.0]], 2.0**-10) == pytest.approx(float(weight_bits().at(R=1, t=24, delta="1/1024")))


def test_bad_input_is_refused() -> None:
    with pytest.raises(ValueError, match=r"hessian must have a positive trace, got -1"):
        bits_per_weight([[-1.0]], 1.0)
    with pytest.raises(ValueError, match=r"tolerance must be > 0, got 0"):
        bits_per_weight([[1.0]], 0)
    with pytest.raises(ValueError, match=r"span must be > 0, got -2"):
        bits_per_weight([[1.0]], 1.0, span=-2)
    with pytest.raises(ValueError, match=r"deviation must be >= 0, got -1"):
        mean_rise_under_noise([[1.0]], -1)
    with pytest.raises(ValueError, match=r"spacing must be >= 0, got -1"):
        mean_rise_under_rounding([[1.0]], -1)
