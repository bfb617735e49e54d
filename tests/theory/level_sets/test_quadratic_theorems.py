"""Quadratic units: plateaus, the least width, what layers span, fixed output signs; each against plain arithmetic."""

import itertools
import math

import numpy as np
import pytest
import sympy as sp

from theory.level_sets import (
    connected_quadratic_width,
    fixed_output_signs,
    plateau_of_quadratic_units,
    quadratic_layers_dimension,
    quadratic_path,
)


def _loss(matrix: np.ndarray) -> float:
    """E (x'(A - T) x)^2 for standard normal inputs and T = diag(2, ..., 2, -1)."""
    gap = matrix - np.diag([2.0] * (len(matrix) - 1) + [-1.0])
    return float(2 * (gap**2).sum() + np.trace(gap) ** 2)


@pytest.mark.parametrize("inputs", [2, 3, 5])
def test_no_positive_semidefinite_matrix_is_below_the_plateau(inputs: int) -> None:
    level = float(plateau_of_quadratic_units().at(n=inputs))
    best = np.diag([2 - 1 / (inputs + 1)] * (inputs - 1) + [0.0])
    assert _loss(best) == pytest.approx(level, rel=1e-13)
    source = np.random.default_rng(inputs)
    for scale in (1e-3, 0.1, 1.0):
        for _ in range(30):
            root = np.sqrt(best) + scale * source.normal(size=(inputs, inputs))
            assert _loss(root @ root.T) >= level
    below = best.copy()
    below[-1, -1] = -1e-3
    assert _loss(below) < level


def test_gradient_flow_keeps_the_difference_of_squares() -> None:
    """Runge and Kutta's method on two units, far from any minimum."""
    source = np.random.default_rng(3)
    state = 0.5 * np.concatenate([source.normal(size=4), source.normal(size=2)])

    def velocity(z: np.ndarray) -> np.ndarray:
        w, u = z[:4].reshape(2, 2), z[4:]
        gap = (w.T * u) @ w - np.diag([2.0, -1.0])
        by_matrix = 4 * gap + 2 * np.trace(gap) * np.eye(2)
        return -np.concatenate([(2 * u[:, None] * (w @ by_matrix)).ravel(), ((w @ by_matrix) * w).sum(axis=1)])

    def kept(z: np.ndarray) -> np.ndarray:
        return (z[:4].reshape(2, 2) ** 2).sum(axis=1) - 2 * z[4:] ** 2

    before, start = kept(state), state
    for _ in range(200):
        k = 1e-3
        one = velocity(state)
        two = velocity(state + k / 2 * one)
        three = velocity(state + k / 2 * two)
        state = state + k / 6 * (one + 2 * two + 2 * three + velocity(state + k * three))
    assert abs(state - start).max() > 0.1
    np.testing.assert_allclose(kept(state), before, atol=1e-7)


@pytest.mark.parametrize("inputs", [1, 2, 3])
def test_paths_are_offered_from_the_least_width_on(inputs: int) -> None:
    least = int(connected_quadratic_width().value.subs("n", inputs).subs(sp.Symbol("n", positive=True), inputs))
    assert least == inputs + 1
    ends = [np.random.default_rng(seed).normal(size=least * (inputs + 1)) for seed in (0, 1)]
    assert np.array_equal(quadratic_path(*ends, inputs).end, ends[1])
    with pytest.raises(ValueError, match="width must exceed"):
        quadratic_path(*(end[: (least - 1) * (inputs + 1)] for end in ends), inputs)


def test_so_many_examples_as_claimed_determine_the_matrix() -> None:
    for inputs in (2, 3, 4):
        x = np.random.default_rng(inputs).normal(size=(30, inputs))
        pairs = np.array([np.outer(row, row).ravel() for row in x])
        assert np.linalg.matrix_rank(pairs) == connected_quadratic_width().at(part="data", n=inputs)


@pytest.mark.parametrize(
    ("inputs", "layers", "part"),
    [(2, 1, "one layer"), (4, 1, "one layer"), (2, 2, None), (3, 2, None), (2, 3, "three layers")],
)
def test_units_span_as_many_dimensions_as_there_are_monomials(inputs: int, layers: int, part: str | None) -> None:
    """The rank of a layer's outputs on more inputs than that, in float64, and a count of the monomials."""
    derivation, degree = quadratic_layers_dimension(), 2**layers
    dimension = int(derivation.at(N=inputs, part=part))
    assert dimension == math.comb(inputs + degree - 1, degree)
    assert dimension == len(list(itertools.combinations_with_replacement(range(inputs), degree)))
    source = np.random.default_rng(1)
    h = source.normal(size=(inputs, 3 * dimension))
    h /= np.linalg.norm(h, axis=0)
    for _ in range(layers):
        h = (source.normal(size=(3 * dimension, len(h))) @ h) ** 2
        h /= np.linalg.norm(h)
    assert np.linalg.matrix_rank(h, tol=1e-9 * np.linalg.norm(h, 2)) == dimension
    assert dimension <= inputs**degree


def test_one_positive_unit_is_stuck_where_a_second_one_is_not() -> None:
    """The loss near the point, in every direction of four units, from the definition."""
    derivation = fixed_output_signs()
    x, y = np.array([[1, 0], [0, 1], [0.5, 0.5]]), np.array([1.0, 1.0, 0.0])

    def loss(weights: np.ndarray, outer: np.ndarray) -> float:
        return float((((weights @ x.T) ** 2 * outer[:, None]).sum(axis=0) - y) @ (outer @ (weights @ x.T) ** 2 - y))

    stuck = np.zeros((4, 2))
    stuck[0] = math.sqrt(2 / 3)
    source, step = np.random.default_rng(0), 1e-4
    level = float(derivation.value)
    assert loss(stuck, np.array([1.0, -1, -1, -1])) == pytest.approx(level, rel=1e-14)
    for _ in range(200):
        direction = source.normal(size=(4, 2))
        assert loss(stuck + step * direction, np.array([1.0, -1, -1, -1])) >= level - 1e-11
    escape = np.zeros((4, 2))
    escape[1] = 1, -1
    fall = loss(stuck + step * escape, np.array([1.0, 1, -1, -1])) - level
    assert 2 * fall / step**2 == pytest.approx(float(derivation.parts["escape"].rhs), rel=1e-5)
