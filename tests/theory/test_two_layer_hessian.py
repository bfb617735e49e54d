"""The Hessian of a two-layer network, exactly: laws of the split, block structure, scaling, variances."""

from fractions import Fraction

import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from theory.degenerate_minimum import minimum_neighbourhood
from theory.exact_two_layer import ExactTwoLayer, exact_rank
from theory.gradient_variance import residual_variance
from theory.symbols import epsilon, m, phi
from theory.two_layer_hessian import (
    hessian_split,
    residual_block_structure,
    residual_scaling,
)

shapes = st.tuples(st.integers(1, 2), st.integers(1, 2), st.integers(1, 2))


@pytest.mark.parametrize(
    "derive", [hessian_split, residual_block_structure, residual_scaling, residual_variance, minimum_neighbourhood]
)
def test_every_statement_is_proved_exactly(derive: object) -> None:
    result = derive()  # type: ignore[operator]
    assert result.passed
    assert result.evidence == "exact"


@settings(max_examples=15)
@given(shape=shapes, samples=st.integers(2, 4), seed=st.integers(0, 99), relu=st.booleans())
def test_the_hessian_splits_for_every_shape(shape: tuple[int, int, int], samples: int, seed: int, relu: bool) -> None:
    net = ExactTwoLayer.sample(*shape, samples=samples, seed=seed, relu=relu)
    assert net.hessian() == net.gauss_newton() + net.residual_part()


@settings(max_examples=15)
@given(shape=shapes, samples=st.integers(2, 4), seed=st.integers(0, 99), relu=st.booleans())
def test_the_gauss_newton_part_is_positive_semidefinite(
    shape: tuple[int, int, int], samples: int, seed: int, relu: bool
) -> None:
    """The coefficients of its characteristic polynomial alternate in sign."""
    coefficients = (
        ExactTwoLayer.sample(*shape, samples=samples, seed=seed, relu=relu).gauss_newton().charpoly().all_coeffs()
    )
    assert all((-1) ** degree * value >= 0 for degree, value in enumerate(coefficients))


@settings(max_examples=15)
@given(shape=shapes, samples=st.integers(2, 4), seed=st.integers(0, 99), relu=st.booleans())
def test_the_residual_part_has_zero_diagonal_blocks_and_an_even_polynomial(
    shape: tuple[int, int, int], samples: int, seed: int, relu: bool
) -> None:
    net = ExactTwoLayer.sample(*shape, samples=samples, seed=seed, relu=relu)
    part, size = net.residual_part(), len(net.first)
    assert part[:size, :size].is_zero_matrix
    assert part[size:, size:].is_zero_matrix
    assert all(value == 0 for value in part.charpoly().all_coeffs()[1::2])


@settings(max_examples=15)
@given(seed=st.integers(0, 99), factor=st.fractions(-3, 3, max_denominator=5), relu=st.booleans())
def test_scaling_the_residuals_scales_the_residual_part_alone(seed: int, factor: Fraction, relu: bool) -> None:
    net = ExactTwoLayer.sample(2, 2, 1, samples=3, seed=seed, relu=relu)
    c = sp.Rational(factor.numerator, factor.denominator)
    moved = net.with_residuals_times(c)
    assert moved.residuals() == c * net.residuals()
    assert moved.hessian() == net.gauss_newton() + c * net.residual_part()


def test_the_residual_variance_is_twice_the_energy_and_not_once() -> None:
    result = residual_variance()
    assert result.value == 2 * epsilon
    assert result.at(epsilon="0.3") == sp.Rational(3, 5)
    assert result.parts["gradient variance"].rhs == 2 * epsilon / m
    assert result.parts["gradient norm"].rhs == 2 * phi
    with pytest.raises(ValueError, match=r"epsilon must lie in the domain .* got epsilon = 0"):
        result.at(epsilon=0)


def test_the_least_eigenvalue_near_a_minimum_is_negative_however_near() -> None:
    result = minimum_neighbourhood()
    for t in ("1", "1/10", "1e-9"):
        value = sp.Rational(t)
        hessian = sp.Matrix([[2, 4], [4, 2]]) * (1 + value) ** 2 - 2 * sp.Matrix([[0, 1], [1, 0]])
        assert min(hessian.eigenvals()) == result.at(t=t) < 0
    with pytest.raises(ValueError, match=r"t must lie in the domain 0 < t, got t = -1"):
        result.at(t=-1)


def test_a_network_whose_shapes_do_not_fit_is_refused() -> None:
    one, two = sp.ImmutableMatrix(sp.ones(1, 1)), sp.ImmutableMatrix(sp.ones(2, 2))
    with pytest.raises(ValueError, match=r"first, second, inputs, targets must fit together"):
        ExactTwoLayer(two, one, two, two)
    with pytest.raises(ValueError, match=r"first must put no ReLU unit on its kink, got a pre-activation 0"):
        ExactTwoLayer(one * 0, one, one, one, relu=True)
    assert exact_rank(sp.zeros(0, 3)) == 0
