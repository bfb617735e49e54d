"""SAM and ASAM on quadratics: objectives, gradients, the cycle, and what a rescaling changes."""

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from theory.flatness.adaptive_step import asam_objective
from theory.flatness.sharpness_aware import sam_cycle, sam_gradient, sam_gradient_of_a_quadratic, sam_objective


@pytest.mark.parametrize("derive", [sam_objective, sam_gradient, asam_objective])
def test_they_are_proved_exactly(derive: object) -> None:
    result = derive()  # type: ignore[operator]
    assert result.passed
    assert result.evidence == "exact"


@settings(max_examples=25)
@given(seed=st.integers(0, 2**32), size=st.integers(1, 5), radius=st.floats(1e-3, 1.0))
def test_the_gradient_is_that_of_the_loss_one_step_uphill(seed: int, size: int, radius: float) -> None:
    source = np.random.default_rng(seed)
    root, place = source.normal(size=(size, size)), source.normal(size=size)
    hessian = root @ root.T + np.eye(size)
    gradient = hessian @ place
    uphill = place + radius * gradient / np.linalg.norm(gradient)
    expected = hessian @ uphill
    np.testing.assert_allclose(sam_gradient_of_a_quadratic(hessian, place, radius), expected, rtol=1e-9)


def test_in_one_weight_it_pushes_away_from_the_minimum_on_both_sides() -> None:
    for place in (3.0, -3.0):
        (value,) = sam_gradient_of_a_quadratic([[2.0]], [place], radius=0.5)
        assert value == 2 * (place + 0.5 * np.sign(place))
    assert sam_gradient().at(a=2, x=3, rho="1/2") == 7


def test_what_sam_leaves_out_is_of_second_order_and_has_the_derived_size() -> None:
    hessian, place = np.diag([1.0, 4.0]), np.array([0.7, 0.3])

    def objective(theta: np.ndarray, radius: float) -> float:
        gradient = hessian @ theta
        uphill = theta + radius * gradient / np.linalg.norm(gradient)
        return float(uphill @ hessian @ uphill / 2)

    dropped = sam_gradient().parts["dropped"].rhs
    for radius in (0.1, 0.2):
        step = np.array([1e-5, 0.0])
        slope = (objective(place + step, radius) - objective(place - step, radius)) / 2e-5
        left_out = slope - sam_gradient_of_a_quadratic(hessian, place, radius)[0]
        numbers = {"rho": radius, "a": 1.0, "b": 4.0, "x": 0.7, "y": 0.3}
        predicted = float(dropped.subs({symbol: numbers[symbol.name] for symbol in dropped.free_symbols}))
        assert left_out == pytest.approx(predicted, rel=1e-6)


@given(curvature=st.floats(0.1, 5.0), share=st.floats(0.05, 0.95), radius=st.floats(0.01, 1.0))
def test_descent_ends_in_the_cycle(curvature: float, share: float, radius: float) -> None:
    rate = 2 * share / curvature
    x = 0.9 * radius
    for _ in range(1000):
        x -= rate * curvature * (x + radius * np.sign(x))
    assert abs(x) == pytest.approx(sam_cycle(curvature, rate, radius), rel=1e-6)


def test_the_printed_objective_is_blind_at_zero_loss_where_the_right_one_is_not() -> None:
    printed, floor = (sam_objective().parts[name].rhs for name in ("printed", "floor"))
    values = {"L_0": sp.Integer(0), "L_1": sp.Symbol("L", positive=True)}
    assert printed.subs({symbol: values[symbol.name] for symbol in printed.free_symbols}) == 0
    sharp, flat = ({"a": a, "rho": sp.Rational(1, 20)} for a in (100, 1))
    assert floor.subs({x: sharp[x.name] for x in floor.free_symbols}) == 100 * floor.subs(
        {x: flat[x.name] for x in floor.free_symbols}
    )


@settings(max_examples=25)
@given(scale=st.floats(0.1, 10.0), seed=st.integers(0, 2**32))
def test_asam_rises_by_the_same_after_a_rescaling_and_sam_does_not(scale: float, seed: int) -> None:
    """The loss (u v - c)^2 with u, v > 0 away from its minima."""
    u, v = np.random.default_rng(seed).uniform(0.5, 2.0, size=2)
    target = 5.0

    def loss(theta: np.ndarray) -> float:
        return float((theta[0] * theta[1] - target) ** 2)

    def risen(theta: np.ndarray, adaptive: bool, radius: float = 0.1) -> float:
        slope = 2 * (theta[0] * theta[1] - target) * theta[::-1]
        weight = abs(theta) if adaptive else np.ones(2)
        return loss(theta + radius * weight**2 * slope / np.linalg.norm(weight * slope))

    here, there = np.array([u, v]), np.array([scale * u, v / scale])
    assert risen(there, True) == pytest.approx(risen(here, True), rel=1e-9)
    product = asam_objective().value
    numbers = {"theta_1": u, "theta_2": v, "g_1": 2 * (target - u * v) * v, "g_2": 2 * (target - u * v) * u}
    first_order = float(product.subs({symbol: numbers[symbol.name] for symbol in product.free_symbols}))
    assert (risen(here, True, 1e-7) - loss(here)) / 1e-7 == pytest.approx(first_order, rel=1e-5)
    lopsided = np.array([10 * u, v / 10])
    assert abs(risen(lopsided, False) - risen(here, False)) > 0.1


def test_bad_input_is_refused() -> None:
    with pytest.raises(ValueError, match=r"weights must have a gradient that is not 0"):
        sam_gradient_of_a_quadratic([[1.0]], [0.0], 0.1)
    with pytest.raises(ValueError, match=r"weights must have one number per row of hessian, 1, got 2"):
        sam_gradient_of_a_quadratic([[1.0]], [1.0, 2.0], 0.1)
    with pytest.raises(ValueError, match=r"radius must be > 0, got 0"):
        sam_gradient_of_a_quadratic([[1.0]], [1.0], 0)
    with pytest.raises(ValueError, match=r"learning_rate \* curvature must be < 2, or the iterates grow, got 2"):
        sam_cycle(2.0, 1.0, 0.1)
