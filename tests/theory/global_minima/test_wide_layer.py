"""The gradient's lower bound from one wide layer, and critical points where a condition fails."""

import itertools

import numpy as np
import pytest

import theory


def _gradient_and_bound(seed: int) -> tuple[float, float]:
    """The squared gradient in W_2 of a tanh network 3-8-6-4-2 on 7 data, and the stated lower bound."""
    source = np.random.default_rng(seed)
    sizes, samples = (3, 8, 6, 4, 2), 7
    weights = [source.normal(size=(b, a)) / a**0.5 for a, b in itertools.pairwise(sizes)]
    h, entering, slopes = source.normal(size=(3, samples)), [], []
    for place, weight in enumerate(weights):
        entering.append(h)
        h = weight @ h
        if place < 3:
            h = np.tanh(h)
            slopes.append(1 - h**2)
    delta = h - source.normal(size=(2, samples))
    loss = (delta**2).sum() / (2 * samples)
    for place in (3, 2):
        delta = slopes[place - 1] * (weights[place].T @ delta)
    squared = ((delta @ entering[1].T / samples) ** 2).sum()
    s = np.linalg.svd(entering[1])[1].min()
    factors = [(slopes[place - 1].min() * np.linalg.svd(weights[place])[1].min()) ** 2 for place in (2, 3)]
    values = {"L": float(loss), "s": float(s), "a": float(min(factors)), "K": 2, "N": samples}
    return float(squared), float(theory.wide_layer_gradient().at(**values))


@pytest.mark.parametrize("seed", range(6))
def test_no_tanh_network_has_a_smaller_gradient_than_the_bound(seed: int) -> None:
    squared, bound = _gradient_and_bound(seed)
    assert 0 < bound <= squared


def test_without_layers_between_and_with_equal_singular_values_the_bound_is_met() -> None:
    source = np.random.default_rng(3)
    features, residual = 2 * np.linalg.qr(source.normal(size=(5, 4)))[0], source.normal(size=(3, 4))
    squared, loss = ((residual @ features.T / 4) ** 2).sum(), (residual**2).sum() / 8
    assert squared == pytest.approx(float(theory.wide_layer_gradient().at(L=float(loss), s=2, a=1, K=0, N=4)))


def test_a_bound_on_no_data_is_refused() -> None:
    with pytest.raises(ValueError, match=r"N must lie in the domain .*, got N = 0"):
        theory.wide_layer_gradient().at(N=0)


def test_the_point_without_independent_features_is_critical_for_tanh() -> None:
    x, y = np.array([[1.0, 2.0]]), np.array([[2.0, -1.0]])
    first, second = np.zeros((2, 1)), np.array([[1.0, 2.0]])
    residual = second @ np.tanh(first @ x) - y
    assert not (residual @ np.tanh(first @ x).T).any()
    assert not ((second.T @ residual) @ x.T).any()
    assert (residual**2).sum() / 4 == float(theory.gradient_without_rank().at(c=1))


def test_square_units_at_rest_have_the_loss_of_the_zero_network() -> None:
    assert float(theory.square_units_at_rest().at(y_1=1, y_2=3)) == (1 + 9) / 4
    assert theory.square_units_at_rest().parts["least"].rhs == 0
