"""Weight normalisation: the curvature by the direction scales with the length of v, that by the scale does not."""

from fractions import Fraction

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from theory.rescaling.weight_normalisation import weight_normalised_curvature, weight_normalised_hessian

ALPHAS = st.fractions(Fraction(1, 20), 20, max_denominator=20)
ENTRIES = st.integers(-4, 4)
TRIPLES = ((1, 2, 2), (2, 3, 6), (-2, 6, 3))  # of integer length
HESSIAN = [[2, 1, 0], [1, 3, -1], [0, -1, 1]]


def test_it_is_proved_exactly() -> None:
    assert weight_normalised_hessian().passed
    assert weight_normalised_hessian().evidence == "exact"


@settings(max_examples=20)
@given(alpha=ALPHAS, v=st.sampled_from(TRIPLES), g=st.lists(ENTRIES, min_size=3, max_size=3))
def test_the_blocks_scale_and_eulers_identities_hold(alpha: Fraction, v: tuple[int, ...], g: list[int]) -> None:
    a = sp.Rational(alpha.numerator, alpha.denominator)
    gradient, hessian = weight_normalised_curvature(v, 2, g, HESSIAN)
    moved_gradient, moved = weight_normalised_curvature([a * x for x in v], 2, g, HESSIAN)
    scale = sp.diag(1 / a, 1 / a, 1 / a, 1)
    assert moved == scale * hessian * scale
    assert moved_gradient == tuple(scale * sp.Matrix(gradient))
    assert sum(x * y for x, y in zip(v, gradient, strict=False)) == 0
    assert hessian[:3, :3] * sp.Matrix(v) == -sp.Matrix(gradient[:3])


def test_gradient_and_hessian_are_those_of_finite_differences() -> None:
    g, h = np.array([1.0, -2.0, 0.5]), np.array(HESSIAN, dtype=float)
    v, s = np.array([2.0, 3.0, 6.0]), 1.5
    base = s * v / np.linalg.norm(v)

    def loss(point: np.ndarray) -> float:
        moved = point[3] * point[:3] / np.linalg.norm(point[:3]) - base
        return float(g @ moved + moved @ h @ moved / 2)

    point, step = np.array([*v, s]), 1e-4
    axes = np.eye(4) * step
    first = [(loss(point + a) - loss(point - a)) / (2 * step) for a in axes]
    second = [
        [
            (loss(point + a + b) - loss(point + a - b) - loss(point - a + b) + loss(point - a - b)) / (4 * step**2)
            for b in axes
        ]
        for a in axes
    ]
    gradient, hessian = weight_normalised_curvature([2, 3, 6], "1.5", [1, -2, "0.5"], HESSIAN)
    np.testing.assert_allclose(first, np.array(gradient, dtype=float), rtol=0, atol=1e-7)
    np.testing.assert_allclose(second, np.array(hessian.tolist(), dtype=float), rtol=0, atol=1e-6)


def test_no_length_of_v_brings_the_largest_eigenvalue_below_that_of_the_scale() -> None:
    floor = None
    for alpha in (sp.Rational(1, 100), 1, 100, 10_000):
        _, hessian = weight_normalised_curvature([alpha, 2 * alpha, 2 * alpha], 2, [0, 0, 0], HESSIAN)
        largest = np.linalg.eigvalsh(np.array(hessian.tolist(), dtype=float))[-1]
        floor = float(hessian[3, 3]) if floor is None else floor
        assert float(hessian[3, 3]) == floor
        assert largest >= floor
    assert largest == pytest.approx(floor)


def test_a_negative_factor_turns_the_weights_round() -> None:
    gradient, _ = weight_normalised_curvature([1, 2, 2], 2, [1, 0, 0], HESSIAN)
    turned, _ = weight_normalised_curvature([-1, -2, -2], 2, [1, 0, 0], HESSIAN)
    assert turned[3] == -gradient[3] != 0


def test_bad_directions_are_refused() -> None:
    with pytest.raises(ValueError, match=r"direction must not be 0"):
        weight_normalised_curvature([0], 1, [1], [[1]])
    with pytest.raises(ValueError, match=r"direction, gradient and hessian must have one size, got 1, 2 and 1"):
        weight_normalised_curvature([1], 1, [1, 2], [[1]])
