"""The kernels of hidden features: strict positivity, rank, and the variance of the start, against linear algebra."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray

import theory

Array = NDArray[np.float64]


def order_one(cosine: Array) -> Array:
    cosine = np.clip(cosine, -1, 1)
    return (np.sqrt(1 - cosine**2) + cosine * (math.pi - np.arccos(cosine))) / math.pi


def order_zero(cosine: Array) -> Array:
    return (math.pi - np.arccos(np.clip(cosine, -1, 1))) / math.pi


def unit_rows(rows: Array) -> Array:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_the_powers_add_up_to_both_kernels() -> None:
    derivation, cosine = theory.arc_cosine_series(), np.linspace(-0.5, 0.5, 11)
    one = 1 / math.pi + cosine / 2
    zero = np.full_like(cosine, 0.5)
    for j in range(20):
        one += float(derivation.at(j=j)) * cosine ** (2 * j + 2)
        zero += float(derivation.at(part="order zero", j=j)) * cosine ** (2 * j + 1)
    np.testing.assert_allclose(one, order_one(cosine), rtol=1e-12)
    np.testing.assert_allclose(zero, order_zero(cosine), rtol=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_no_least_eigenvalue_is_below_the_bound_of_any_power(seed: int) -> None:
    x = np.random.default_rng(seed).normal(size=(6, 3))
    rows = unit_rows(np.hstack([x, np.ones((6, 1))]))
    cosine = rows @ rows.T
    np.fill_diagonal(cosine, 1)
    largest = float(np.abs(cosine - np.eye(6)).max())
    derivation = theory.arc_cosine_series()
    for part, kernel, shift in (("", order_one, 2), (" of order zero", order_zero, 1)):
        least = np.linalg.eigvalsh(kernel(cosine))[0]
        bounds = [
            float(derivation.at(part=f"least eigenvalue{part}", j=j, m=6, s=largest ** (2 * j + shift)))
            for j in range(0, 200, 20)
        ]
        assert max(bounds) > 0
        assert least >= max(bounds)


@pytest.mark.parametrize(("pairs", "dimension", "zeros"), [(2, 2, 0), (3, 2, 1), (3, 3, 0), (4, 2, 2), (5, 3, 2)])
def test_opposite_inputs_make_order_one_singular_exactly_where_they_are_dependent(
    pairs: int, dimension: int, zeros: int
) -> None:
    rows = unit_rows(np.random.default_rng(pairs).normal(size=(pairs, dimension)))
    rows = np.vstack([rows, -rows])
    values = np.linalg.eigvalsh(order_one(rows @ rows.T))
    assert np.count_nonzero(values < 1e-7) == zeros


def test_two_pairs_of_opposite_inputs_make_order_zero_singular_and_one_does_not() -> None:
    rows = unit_rows(np.random.default_rng(0).normal(size=(3, 3)))
    one_pair, two_pairs = np.vstack([rows, -rows[:1]]), np.vstack([rows, -rows[:2]])
    assert np.linalg.eigvalsh(order_zero(one_pair @ one_pair.T))[0] > 1e-3
    assert abs(np.linalg.eigvalsh(order_zero(two_pairs @ two_pairs.T))[0]) < 1e-7


def test_cauchy_s_matrix_of_logistic_units_has_the_determinant_of_the_product() -> None:
    a, b = np.array([0.5, 2.0]), np.array([1.0, 3.0])
    matrix = a[:, None] / (a[:, None] + b)
    found = theory.invertible_kernel().at(part="two units", a_1="1/2", a_2=2, b_1=1, b_2=3)
    np.testing.assert_allclose(float(found), np.linalg.det(matrix), rtol=1e-13)


def test_the_kernel_of_relu_units_fails_as_often_as_the_law_says() -> None:
    """Twelve thousand draws of three units on two samples, within four standard errors."""
    angle, units, draws = 1.0, 3, 12_000
    samples = np.array([[1.0, 0.0], [math.cos(angle), math.sin(angle)]])
    features = np.maximum(np.random.default_rng(1).normal(size=(draws, units, 2)) @ samples.T, 0)
    share = np.mean(np.linalg.matrix_rank(features, tol=1e-12) < 2)
    derivation = theory.relu_kernel_failure()
    both = derivation.at(part="both on", t=1, digits=20).midpoint
    law = float(derivation.at(n=units, p=both))
    assert abs(share - law) < 4 * math.sqrt(law * (1 - law) / draws)


def test_the_order_of_one_in_n_follows_from_more_samples_than_inputs_and_a_bias() -> None:
    """Four samples of two inputs: the bound holds on average for softplus, M = 1/4, and tanh, M_3 = 2."""
    source = np.random.default_rng(2)
    x = np.hstack([source.normal(size=(4, 2)), np.ones((4, 1))])
    lengths = (x**2).sum(axis=1)
    units = 50
    weights = source.normal(size=(200, units, 3)) / math.sqrt(units)
    z = weights @ x.T
    derivation = theory.linearised_features()
    softplus = derivation.at(part="printed variance", M="1/4", Q=float((lengths**2).sum()), n=units)
    tanh = derivation.at(part="odd at the printed variance", M_3=2, S=float((lengths**3).sum()), n=units)
    for features, bound in ((np.logaddexp(0, z), softplus), (np.tanh(z), tanh)):
        least = np.linalg.eigvalsh(features.mT @ features)[:, 0]
        assert 0 < least.mean() <= float(bound)


def test_the_third_power_of_the_width_follows_from_more_samples_than_quadratic_features_tell_apart() -> None:
    """Four samples of one input: the bound with M_4 = 1/8 holds on average, and on three samples it fails."""
    source = np.random.default_rng(3)
    x = np.hstack([source.normal(size=(4, 1)), np.ones((4, 1))])
    units = 100
    features = np.logaddexp(0, source.normal(size=(200, units, 2)) @ x.T / math.sqrt(units))
    total = float(((x**2).sum(axis=1) ** 4).sum())
    part = "many samples at the printed variance"
    bound = float(theory.linearised_features().at(part=part, M_4="1/8", T=total, n=units))
    four, three = ((np.linalg.svd(features[..., :m], compute_uv=False)[:, -1] ** 2).mean() for m in (4, 3))
    assert 0 < four <= bound < three


def test_weights_of_another_variance_scale_the_kernel_of_relu_units() -> None:
    derivation = theory.relu_kernel_at_variance()
    at_one = derivation.at(n=64, X=2, Y=3, t=1, v=1)
    assert derivation.at(n=64, X=2, Y=3, t=1, v="1/64") == at_one / 64
    assert derivation.at(part="printed variance", X=2, Y=3, t=1) == at_one / 64
