"""The bisector of two units, exchanged units, and where the wall between them is."""

import math
from fractions import Fraction

import mpmath
import numpy as np
import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

import theory
from theory.level_sets import bisector_correlation, bisector_gaps, permuted_units, two_gaussians

ANGLES = st.floats(0.01, 3.13)


def _relu(value: float) -> float:
    return max(value, 0.0)


@given(angle=ANGLES, p=st.floats(-3, 3), q=st.floats(-3, 3))
def test_both_bounds_hold_input_by_input(angle: float, p: float, q: float) -> None:
    """(c p)^2 1{p > 0} less the product of the two units lies between 0 and (s q)^2."""
    c, s = math.cos(angle / 2), math.sin(angle / 2)
    gap = (c * _relu(p)) ** 2 - _relu(c * p + s * q) * _relu(c * p - s * q)
    assert -1e-12 <= gap <= (s * q) ** 2 + 1e-12


def test_the_correlation_is_the_integral_over_the_plane() -> None:
    angle = 1.1
    derivation = bisector_correlation()

    def around(phi: float) -> float:
        return _relu(math.cos(phi - angle / 2)) * _relu(math.cos(phi + angle / 2))

    integral = mpmath.quad(around, [-math.pi / 2, -(math.pi - angle) / 2, (math.pi - angle) / 2, math.pi / 2])
    assert float(derivation.at(a="11/10", digits=12)) == pytest.approx(float(integral) / math.pi, rel=1e-9)


def test_every_interval_of_angles_excludes_zero_from_the_gaps() -> None:
    gaps = bisector_gaps(32)
    assert all(len(balls) == 32 for balls in (gaps.upper, gaps.lower, gaps.sharp))
    assert all(ball.lower > 0 for balls in (gaps.upper, gaps.lower, gaps.sharp) for ball in balls)


@given(share=st.floats(0.001, 0.999))
def test_the_gaps_lie_in_the_balls_of_their_interval(share: float) -> None:
    a, pieces = share * math.pi, 16
    piece = min(int(share * pieces), pieces - 1)
    gaps = bisector_gaps(pieces)
    f = (math.sin(a) + (math.pi - a) * math.cos(a)) / (2 * math.pi)
    upper = (1 + math.cos(a)) / 4
    published = upper - 2 * ((1 - math.cos(a)) / 2 + math.sin(a) ** 2)
    assert _holds(gaps.upper[piece], (upper - f) / (a * (math.pi - a)) ** 2, 1e-15 / (a * (math.pi - a)) ** 2)
    assert _holds(gaps.lower[piece], (f - published) / a**2, 1e-15 / a**2)
    assert _holds(gaps.sharp[piece], (f - math.cos(a) / 2) / a**3, 1e-15 / a**3)


def _holds(ball: theory.Ball, value: float, rounding: float) -> bool:
    return float(ball.lower) - rounding <= value <= float(ball.upper) + rounding


def test_near_both_ends_the_upper_gap_is_an_eighth_of_the_square_of_the_angle() -> None:
    gaps = bisector_gaps(1024)
    for ball in (gaps.upper[0], gaps.upper[-1]):
        assert float(ball) == pytest.approx(1 / (8 * math.pi**2), rel=0.02)


def test_a_number_of_pieces_that_is_odd_or_zero_is_refused() -> None:
    for pieces in (7, 10**9):
        with pytest.raises(ValueError, match=f"pieces must be even and from 2 to 100000, got {pieces}"):
            bisector_gaps(pieces)
    with pytest.raises(ValueError, match="pieces must be >= 1, got 0"):
        bisector_gaps(0)
    with pytest.raises(TypeError, match="pieces must be an integer, got '4'"):
        bisector_gaps("4")  # type: ignore[arg-type]


def _risk(outer: np.ndarray, first: np.ndarray, x: np.ndarray, y: np.ndarray) -> float:
    return float(((np.maximum(x @ first.T, 0) @ outer.T - y) ** 2).sum(1).mean())


def _clusters(sigma: float) -> tuple[np.ndarray, np.ndarray]:
    source = np.random.default_rng(0)
    y = np.repeat(np.eye(2), 4000, axis=0)
    return y + sigma * source.normal(size=y.shape), y


@pytest.mark.parametrize("sigma", [0.05, 0.3])
def test_both_orders_of_two_units_fit_two_clusters_up_to_the_bound(sigma: float) -> None:
    x, y = _clusters(sigma)
    swap = np.eye(2)[::-1]
    bound = float(two_gaussians().at(part="ends", sigma=str(sigma)))
    assert _risk(np.eye(2), np.eye(2), x, y) <= 1.05 * bound
    assert _risk(swap, swap, x, y) <= 1.05 * bound


def test_weights_of_rank_one_fit_two_tight_clusters() -> None:
    first = np.array([[1.0, -1.0], [-1.0, 1.0]])
    assert np.linalg.matrix_rank(first) == 1
    assert _risk(np.eye(2), first, *_clusters(1e-3)) < 1e-5


@given(seed=st.integers(0, 2**32))
def test_where_the_mean_features_are_on_one_line_the_risk_is_a_half_at_least(seed: int) -> None:
    source = np.random.default_rng(seed)
    x, y = _clusters(0.2)
    row = source.normal(size=2)
    first = np.array([row, source.uniform(0, 3) * row])  # features in proportion, on every input
    outer = source.normal(size=(2, 2))
    assert _risk(outer, first, x, y) >= 0.5


def test_small_targets_leave_no_wall() -> None:
    assert theory.two_gaussians_as_published().at(sigma="1/100") == sp.Rational(1, 5000)


def test_a_unit_shows_by_the_second_difference_on_its_hyperplane() -> None:
    first, outer = np.array([[1.0, 2.0], [3.0, -1.0]]), np.array([2.0, -5.0])

    def f(x: np.ndarray) -> float:
        return float(np.maximum(first @ x, 0) @ outer)

    on, t = np.array([2.0, -1.0]), 1e-3
    found = (f(on + t * first[0]) + f(on - t * first[0]) - 2 * f(on)) / t
    outer_weight, length = (
        next(x for x in permuted_units().value.free_symbols if x.name == name) for name in ("a_1", "w")
    )
    assert found == pytest.approx(float(permuted_units().value.subs({outer_weight: 2, length: sp.sqrt(5)})))


def test_two_orders_of_two_units_are_two_components_of_zero_loss() -> None:
    x = ((1, 0), (0, 1), (-1, -1), (1, -2), (-1, 2))
    tree = theory.merge_tree(x, [max(0, a) + max(0, b) for a, b in x], 2, bias=False)
    assert tree.bars == ((Fraction(0), math.inf), (Fraction(0), Fraction(7, 6)))
    one, other = (np.array(place[:4], dtype=float).reshape(2, 2) for place in tree.minima)
    assert not np.array_equal(one, other)
    np.testing.assert_allclose(one / abs(one).max(1, keepdims=True), (other / abs(other).max(1, keepdims=True))[::-1])
