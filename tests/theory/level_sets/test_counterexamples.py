"""The counterexamples, each against a second, numerical route."""

import itertools
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import sympy as sp
from scipy.optimize import minimize

import theory
from theory.level_sets import merge_tree, output_matrix, quadratic_descent
from theory.level_sets.equal_networks import _along

_NAMES = (
    "equal_networks_midpoint",
    "linear_equality_case",
    "one_quadratic_unit",
    "plateau_counterexample",
    "quadratic_minima_at_equal_width",
    "quadratic_valley",
    "ridge_with_three_layers",
    "simplex_valleys",
    "smallest_relu_valley",
    "two_sided_valley",
)


@pytest.mark.parametrize("name", _NAMES)
def test_each_is_proved_exactly_and_would_notice_an_error(name: str) -> None:
    derivation = getattr(theory, name)()
    assert derivation.passed
    assert derivation.evidence == "exact"
    for step in derivation.checked_steps():
        assert not any(wrong.check(derivation.domain).passed for wrong in step.planted_errors()), step.title


def test_the_plateau_function_has_half_lines_and_a_plateau() -> None:
    x = np.linspace(-3, 5, 8001)
    values = np.where(x <= 0, -x, np.where(x <= 1, 0.0, np.maximum(1 - x, -1.0)))
    for level in (-1.0, -0.5, 0.0, 0.5, 2.0):
        below = values <= level + 1e-12
        assert (np.diff(below.astype(int)) != 0).sum() == 1
    assert theory.plateau_counterexample().value > theory.plateau_counterexample().parts["least"].rhs


def _wishart_loss(matrix: np.ndarray, target: np.ndarray) -> float:
    gap = matrix - target
    return float(2 * (gap**2).sum() + np.trace(gap) ** 2)


def _least(signs: list[float], inputs: int) -> float:
    """The least loss with units of given signs, by descent from several starts."""
    target = np.diag([2.0] * (inputs - 1) + [-1.0])

    def loss(weights: np.ndarray) -> float:
        columns = weights.reshape(inputs, len(signs))
        return _wishart_loss((columns * signs) @ columns.T, target)

    source = np.random.default_rng(inputs)
    starts = source.normal(size=(6, inputs * len(signs)))
    return min(float(minimize(loss, start, method="BFGS", tol=1e-10).fun) for start in starts)


@pytest.mark.parametrize("inputs", [2, 3, 4])
def test_the_levels_of_the_quadratic_valley_are_found_by_descent(inputs: int) -> None:
    valley = theory.quadratic_valley()
    at = {sp.Symbol("n", positive=True): inputs}
    least, floor = (float(valley.parts[name].rhs.subs(at)) for name in ("global", "valley"))
    np.testing.assert_allclose(_least([1.0] * (inputs - 1), inputs), least, rtol=1e-7)
    np.testing.assert_allclose(_least([1.0] * (inputs - 2) + [-1.0], inputs), floor, rtol=1e-7)
    if inputs > 2:  # at n = 2 no unit is left on the wall: A = 0
        np.testing.assert_allclose(_least([1.0] * (inputs - 2), inputs), float(valley.at(n=inputs)), rtol=1e-7)
    assert float(valley.at(n=2)) == _wishart_loss(np.zeros((2, 2)), np.diag([2.0, -1.0]))
    barrier = float(theory.quadratic_minima_at_equal_width().at(n=inputs))
    np.testing.assert_allclose(_least([1.0] * (inputs - 1), inputs), barrier, rtol=1e-7)


def test_one_more_unit_leads_out_of_the_quadratic_valley() -> None:
    """From the bottom of the valley of two units on three inputs, with an idle third unit."""
    target = np.diag([2.0, 2.0, -1.0])
    start = np.array([1, 0, 0, 0, 0, 1, 0, 0, 0, 2.5, -0.5, 0])
    losses = [_wishart_loss(output_matrix(theta, 3), target) for theta in quadratic_descent(start, target, 3).sample(8)]
    assert losses[0] == 10  # 8 + 8/(n + 1)
    assert np.diff(losses).max() <= 1e-13 * losses[0]
    assert losses[-1] < 1e-25


@pytest.mark.parametrize("inputs", [1, 2, 3, 4])
def test_simplices_of_every_dimension_have_the_bars_in_closed_form(inputs: int) -> None:
    targets = [Fraction(7 * k % 5 + 1, k + 2) for k in range(inputs + 1)]
    corners: list[Any] = [tuple(int(i == j) for j in range(inputs)) for i in range(inputs)]
    corners.append((-1,) * inputs)
    low = min(targets)
    others = sorted(targets)[1:]
    family = theory.simplex_valleys()
    predicted = {(y**2, Fraction(str(family.at(y_k=y, m=low)))) for y in others}
    assert set(merge_tree(corners, targets, 1, bias=False).bars[1:]) == predicted
    assert merge_tree(corners, targets, 1, bias=False).least_loss == low**2


def test_the_toy_of_the_valley_is_half_of_its_sum_of_squares() -> None:
    tree = merge_tree([1, -1], [1, 2], 1, bias=False)
    assert [bar[0] / 2 for bar in tree.bars] == [Fraction(1, 2), 2]
    assert theory.smallest_relu_valley().value == tree.bars[1][1]


def test_ridge_with_three_layers_has_its_global_minimum_elsewhere() -> None:
    def loss(w: np.ndarray) -> float:
        return float((w.prod() - 1) ** 2 + 0.01 * (w**2).sum())

    lowest = minimize(loss, np.ones(3), tol=1e-12)
    assert 0.0298 < lowest.fun < 0.0300
    assert loss(np.zeros(3)) == float(theory.ridge_with_three_layers().at(y=1)) == 1
    assert min(loss(1e-2 * direction) for direction in np.random.default_rng(0).normal(size=(50, 3))) > 1


def test_the_polyline_joins_the_two_parameters_at_risk_zero() -> None:
    corners = np.array(theory.zero_loss_polyline(), dtype=float)
    np.testing.assert_array_equal(corners[[0, -1]], [(1, -1, 1, 1, 1, 0), (-1, 1, 1, 1, 0, 1)])
    for first, second in itertools.pairwise(corners):
        for time in np.linspace(0, 1, 9):
            a, b, c, d, e, f = (1 - time) * first + time * second
            outputs = [a * max(c * x + e, 0) + b * max(d * x + f, 0) for x in (-1, 1)]
            np.testing.assert_allclose(outputs, [0, 1], atol=1e-15)


def test_a_segment_on_which_a_unit_switches_is_refused() -> None:
    zero, one = Fraction(0), Fraction(1)
    first = (one, one, one, one, -2 * one, zero)
    with pytest.raises(ValueError, match="a unit must not change its sign on a segment"):
        _along(first, (one, one, one, one, zero, zero), sp.Symbol("t"))


def test_the_two_sided_valley_is_left_over_its_wall() -> None:
    """Turn both units to the bisector, then hand over: the top is the wall of a = 2, b = 3, by the kernel in floats."""

    def overlap(v: np.ndarray, w: np.ndarray) -> float:
        sizes = np.linalg.norm(v) * np.linalg.norm(w)
        angle = np.arccos(np.clip(v @ w / sizes, -1, 1))
        return float(sizes * (np.sin(angle) + (np.pi - angle) * np.cos(angle)) / (2 * np.pi))

    def risk(units: list[np.ndarray]) -> float:
        signs = [1.0] * len(units) + [-1.0] * 2
        targets = [*units, *(2.0 * axis for axis in np.eye(2))]
        square = sum(
            first * second * overlap(v, w)
            for first, v in zip(signs, targets, strict=True)
            for second, w in zip(signs, targets, strict=True)
        )
        return square / 2 + 9 / 4

    valley = theory.two_sided_valley()
    wall = float(valley.at(a=2, b=3, digits=15).midpoint)
    levels = []
    for angle in np.linspace(np.pi / 4, 0, 200):
        units = [np.array([np.cos(np.pi / 4 + s * angle), np.sin(np.pi / 4 + s * angle)]) for s in (-1, 1)]
        inner = sum(overlap(v, w) for v in units for w in units)
        outer = sum(overlap(v, w) for v in units for w in 2 * np.eye(2))
        levels.append(risk([outer / inner * v for v in units]))
    np.testing.assert_allclose([levels[0], levels[-1]], [9 / 4, wall], rtol=1e-12)
    assert max(levels) <= wall * (1 + 1e-12)
    source = np.random.default_rng(0)
    assert min(risk([w]) for w in source.normal(size=(500, 2)) * 2) >= wall
    assert float(valley.parts["below"].rhs.subs(sp.Symbol("a", positive=True), 2)) < levels[0]
