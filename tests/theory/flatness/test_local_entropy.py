"""Local entropy of a loss: against quadrature, dense algebra and finite differences."""

import math

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import dblquad, quad

from theory.flatness.local_entropy import local_entropy_gradient, local_entropy_of_a_quadratic
from theory.flatness.smoothed_quadratics import negative_local_entropy, smoothed_hessian


def _hessian(seed: int, size: int) -> np.ndarray:
    matrix = np.random.default_rng(seed).normal(size=(size, size))
    return np.asarray(matrix @ matrix.T)


@pytest.mark.parametrize("derive", [local_entropy_of_a_quadratic, local_entropy_gradient])
def test_they_are_proved_exactly(derive: object) -> None:
    result = derive()  # type: ignore[operator]
    assert result.passed
    assert result.evidence == "exact"


@settings(max_examples=25)
@given(seed=st.integers(0, 2**32), size=st.integers(1, 6), scope=st.floats(0.01, 100))
def test_all_curvatures_are_capped_and_keep_their_order(seed: int, size: int, scope: float) -> None:
    hessian = _hessian(seed, size)
    before, after = np.linalg.eigvalsh(hessian), np.linalg.eigvalsh(smoothed_hessian(hessian, scope))
    assert (after <= np.minimum(before, scope) * (1 + 1e-9) + 1e-12).all()
    np.testing.assert_allclose(after, before * scope / (before + scope), rtol=1e-7, atol=1e-10)
    inverse = hessian @ np.linalg.inv(hessian + scope * np.eye(size)) * scope
    np.testing.assert_allclose(smoothed_hessian(hessian, scope), inverse, rtol=1e-7, atol=1e-9)


def test_the_value_is_the_integral_in_two_weights() -> None:
    hessian, place, scope = np.array([[3.0, 1.0], [1.0, 2.0]]), np.array([0.4, -0.7]), 1.5

    def integrand(second: float, first: float) -> float:
        y = np.array([first, second])
        return math.exp(-y @ hessian @ y / 2 - scope / 2 * ((place - y) @ (place - y)))

    integral = dblquad(integrand, -6, 6, -6, 6)[0]
    assert negative_local_entropy(hessian, place, scope) == pytest.approx(-math.log(integral), rel=1e-7)


def test_its_second_difference_is_the_smoothed_hessian() -> None:
    hessian, scope, step = np.array([[3.0, 1.0], [1.0, 2.0]]), 0.7, 1e-3
    smoothed = smoothed_hessian(hessian, scope)
    for direction in np.eye(2):
        values = [negative_local_entropy(hessian, k * step * direction, scope) for k in (-1, 0, 1)]
        assert (values[0] - 2 * values[1] + values[2]) / step**2 == pytest.approx(
            direction @ smoothed @ direction, rel=1e-6
        )


def test_no_curvature_exceeds_the_scope_for_a_loss_that_is_not_quadratic() -> None:
    """f = 8 (y^2 - 1)^2, of curvature 64 in its wells; the second route is the variance of y."""
    scope, step = 5.0, 1e-2

    def moments(x: float) -> tuple[float, float, float]:
        def weight(y: float, power: int) -> float:
            return float(y**power * math.exp(-8 * (y**2 - 1) ** 2 - scope / 2 * (x - y) ** 2))

        zero, one, two = (quad(weight, -4, 4, args=(k,), epsabs=1e-13, limit=200)[0] for k in range(3))
        return -math.log(zero), one / zero, two / zero - (one / zero) ** 2

    gradient, curvature = local_entropy_gradient().value, local_entropy_gradient().parts["curvature"].rhs
    for x in (-1.2, 0.0, 0.5, 1.0):
        (before, _, _), (here, mean, variance), (after, _, _) = (moments(x + k * step) for k in (-1, 0, 1))
        numbers = {"gamma": scope, "x": x, "m": mean, "V": variance}

        def at(formula: sp.Expr, numbers: dict[str, float] = numbers) -> float:
            return float(formula.subs({symbol: numbers[symbol.name] for symbol in formula.free_symbols}))

        assert (after - before) / (2 * step) == pytest.approx(at(gradient), abs=2e-2)
        assert (after - 2 * here + before) / step**2 == pytest.approx(at(curvature), abs=5e-2)
        assert at(curvature) <= scope


def test_a_rescaled_minimum_has_another_local_entropy_at_the_same_loss() -> None:
    """(alpha, 1/alpha) of (u v - 1)^2/2: the flattest is that with alpha = 1."""
    values = [
        negative_local_entropy([[alpha**-2, 1.0], [1.0, alpha**2]], [0.0, 0.0], scope=1.0) for alpha in (0.5, 1.0, 2.0)
    ]
    assert values[0] == pytest.approx(values[2])
    assert values[0] > values[1]


def test_bad_input_is_refused() -> None:
    with pytest.raises(ValueError, match=r"hessian must have eigenvalues > -scope = -1, got -2"):
        smoothed_hessian([[-2.0]], 1.0)
    with pytest.raises(ValueError, match=r"scope must be > 0, got 0"):
        smoothed_hessian([[1.0]], 0.0)
    with pytest.raises(ValueError, match=r"displacement must have one number per row of hessian, 1, got 2"):
        negative_local_entropy([[1.0]], [0.0, 1.0], 1.0)
