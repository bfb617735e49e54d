"""The bounds of lazy training, against finite differences, other instances and descent itself."""

import math
from collections.abc import Callable
from itertools import combinations

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

import theory


@pytest.mark.parametrize(
    "name",
    [
        "lazy_convergence",
        "lazy_descent_steps",
        "lazy_flow",
        "lazy_gradient",
        "lazy_second_derivatives",
        "shifted_gradient_bound",
        "unbiased_minibatch_gradient",
    ],
)
def test_each_derivation_is_exact(name: str) -> None:
    derivation = getattr(theory, name)()
    assert derivation.passed
    assert derivation.evidence == "exact"


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**31))
def test_the_squared_gradient_is_four_over_m_squared_times_the_form_of_both_kernels(seed: int) -> None:
    source = np.random.default_rng(seed)
    m, n, d = source.integers(1, 5, size=3)
    outer, weights = source.normal(size=n), source.normal(size=(n, d))
    x, y = source.normal(size=(m, d)), source.normal(size=m)
    errors = np.tanh(x @ weights.T) @ outer - y

    def risk(parameters: np.ndarray) -> float:
        a, w = parameters[:n], parameters[n:].reshape(n, d)
        return float(np.mean((np.tanh(x @ w.T) @ a - y) ** 2))

    start, step = np.concatenate([outer, weights.ravel()]), 1e-5
    units = np.eye(len(start)) * step
    gradient = np.array([(risk(start + unit) - risk(start - unit)) / (2 * step) for unit in units])
    hidden = np.tanh(x @ weights.T)
    dropped = np.einsum("k,ik,jk,ij->ij", outer**2, 1 - hidden**2, 1 - hidden**2, x @ x.T)
    kernel = hidden @ hidden.T
    np.testing.assert_allclose(gradient[:n] @ gradient[:n], 4 / m**2 * errors @ kernel @ errors, rtol=1e-5, atol=1e-9)
    np.testing.assert_allclose(
        gradient @ gradient, 4 / m**2 * errors @ (kernel + dropped) @ errors, rtol=1e-5, atol=1e-9
    )
    least = float(np.linalg.eigvalsh(kernel)[0])
    bound = 4 / m * max(least, 0) * float(np.mean(errors**2))
    assert gradient @ gradient >= bound * (1 - 1e-5) - 1e-9


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**31), scale=st.floats(0.01, 2))
def test_half_of_the_bound_less_the_change_survives_every_change(seed: int, scale: float) -> None:
    source = np.random.default_rng(seed)
    features, change = source.normal(size=(3, 6)), scale * source.normal(size=(3, 6))
    errors = source.normal(size=3)
    least, size = np.linalg.eigvalsh(features @ features.T)[0], np.linalg.norm(change, 2)
    value = theory.shifted_gradient_bound().value
    bound = float(value.subs({symbol: {"lambda": least, "s": size}[symbol.name] for symbol in value.free_symbols}))
    assert np.sum(((features + change).T @ errors) ** 2) >= bound * errors @ errors - 1e-9


def test_a_change_that_halves_the_features_leaves_exactly_the_bound() -> None:
    """At E = -F/2 and one sample the first inequality is an equality."""
    features = np.array([[3.0, 4.0]])
    left = np.sum((features / 2) ** 2)
    np.testing.assert_allclose(left, np.sum(features**2) / 2 - np.sum((features / 2) ** 2), rtol=1e-15)


@pytest.mark.parametrize("rate", [0.1, 0.5, 1.0, 1.7])
def test_descent_on_a_quadratic_stays_below_both_bounds(rate: float) -> None:
    """r = sum of h_i x_i^2 / 2 has mu = 2 min h and L = max h."""
    curvatures = np.array([1.0, 0.3, 0.1])
    place, mu, smooth = np.array([1.0, -2.0, 1.5]), 0.2, 1.0
    derivation = theory.lazy_descent_steps()
    factor = float(derivation.at(eta=str(rate), L=1, mu="1/5"))
    start = risk = float(curvatures @ place**2 / 2)
    length = 0.0
    for _ in range(300):
        step = rate / smooth * curvatures * place
        place = place - step
        length += float(np.linalg.norm(step))
        after = float(curvatures @ place**2 / 2)
        assert after <= factor * risk * (1 + 1e-12)
        risk = after
    bound = 2 / (1 - rate * smooth / 2) * math.sqrt(start / mu)
    np.testing.assert_allclose(
        float(derivation.at(part="length", eta=str(rate), L=1, mu="1/5", r_0=str(start), digits=15).midpoint), bound
    )
    assert length <= bound


def test_the_bounds_of_the_flow_are_reached_by_a_parabola() -> None:
    """r = h x^2/2 has mu = 2 h, falls exactly as exp(-mu t), and the path from x is as long as x."""
    h, x = 3, 2
    flow = theory.lazy_flow()
    assert flow.at(mu=2 * h, r_0=h * x**2 / 2) == x
    assert flow.at(part="absolute", m=5, n=400, c="1/10", r_0=1) == 2 * flow.at(
        part="absolute", m=5, n=1600, c="1/10", r_0=1
    )


def test_a_network_with_the_least_eigenvalue_that_is_asked_for_keeps_to_the_bounds_that_are_known_beforehand() -> None:
    """Two samples, 400 tanh units; steps of a hundredth of the largest stable one for the flow."""
    source = np.random.default_rng(0)
    m, n = 2, 400
    x = np.array([[1.0, -0.5, 1.0], [-1.0, 0.5, 1.0]])
    w, a, y = source.normal(size=(n, 3)), source.normal(size=n) / math.sqrt(n), np.array([1.0, -1.0])
    first = (w.copy(), a.copy())
    features = np.tanh(x @ w.T)
    values = np.linalg.eigvalsh(features @ features.T)
    start = float(np.mean((features @ a - y) ** 2))
    theorem = theory.lazy_convergence()
    given = {"X": str(np.linalg.norm(x)), "m": m, "r_0": str(start), "digits": 15}
    assert values[0] >= float(theorem.at(part="enough", **given).midpoint)
    rate = 0.01 * m / values[-1]
    for step in range(1, 800):
        features = np.tanh(x @ w.T)
        errors = 2 / m * (features @ a - y)
        w, a = w - rate * a[:, None] * ((1 - features**2).T * errors @ x), a - rate * features.T @ errors
        risk = float(np.mean((np.tanh(x @ w.T) @ a - y) ** 2))
        assert risk <= start * math.exp(-values[0] * rate * step / m)
    moved = math.sqrt(np.sum((w - first[0]) ** 2) + np.sum((a - first[1]) ** 2))
    length, radius = (
        theorem.at(part=part, lambda_=str(values[0]), **{k: v for k, v in given.items() if k not in left}).midpoint
        for part, left in (("length", ("X",)), ("radius", ("m", "r_0")))
    )
    assert moved < float(length) <= float(radius)


def test_descent_refuses_rates_at_which_it_may_climb() -> None:
    with pytest.raises(ValueError, match="must lie in the domain"):
        theory.lazy_descent_steps().at(eta=2, L=1, mu="1/2")


@pytest.mark.parametrize("variance", [0.1, 1.0, 3.0])
def test_the_mean_squares_are_those_of_a_quadrature(variance: float) -> None:
    def mean(function: Callable[[float], float]) -> float:
        scale = math.sqrt(2 * math.pi * variance)
        return float(quad(lambda z: function(z) * math.exp(-(z**2) / (2 * variance)) / scale, -12, 12, epsabs=1e-13)[0])

    def slope(z: float) -> float:
        return 2 / math.sqrt(math.pi) * math.exp(-(z**2))

    derivation = theory.lazy_second_derivatives()
    mixed, own = derivation.parts["output and hidden"].rhs, derivation.value
    values = {"n": 10, "s": variance, "x_c": 2, "x_b": 3}

    def number(formula: sp.Expr) -> float:
        return float(formula.subs({symbol: values[symbol.name] for symbol in formula.free_symbols}))

    np.testing.assert_allclose(number(mixed), 4 * mean(lambda z: slope(z) ** 2), rtol=1e-9)
    np.testing.assert_allclose(number(own), 3.6 * mean(lambda z: (2 * z * slope(z)) ** 2), rtol=1e-9)


@settings(max_examples=20, deadline=None)
@given(m=st.integers(1, 7), data=st.data())
def test_the_mean_over_all_batches_is_the_mean_over_all_samples(m: int, data: st.DataObject) -> None:
    size = data.draw(st.integers(1, m))
    numbers = np.arange(m) ** 2.0
    means = [np.mean(numbers[list(batch)]) for batch in combinations(range(m), size)]
    np.testing.assert_allclose(np.mean(means), numbers.sum() * float(theory.unbiased_minibatch_gradient().at(m=m)))
