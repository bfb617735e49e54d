"""Rescalings make the spectral norm, and all but n_s eigenvalues, as large as you like; all counts are exact."""

from fractions import Fraction

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from theory.exact_two_layer import ExactTwoLayer, exact_rank
from theory.rescaling.block_matrix import exact_eigenvalue_count
from theory.rescaling.counts_along_orbit import orbit_counts
from theory.rescaling.diagonal_maps import controllable_eigenvalues, layer_rescaling
from theory.rescaling.eigenvalue_control import (
    EigenvalueFates,
    controlling_rescaling,
    eigenvalue_fates,
)
from theory.rescaling.eigenvalue_limits import controllable_spectrum
from theory.rescaling.eigenvalues_of_products import horn_inequality, horn_surplus
from theory.rescaling.sharpest_entry import rescaling_for_spectral_norm, spectral_norm_growth

ENTRIES = st.integers(-3, 3)
BOUNDS = st.fractions(Fraction(1, 100), 10**6)


@st.composite
def layered(draw: st.DrawFn) -> tuple[sp.Matrix, list[int], int]:
    """A positive semidefinite matrix other than 0, sizes of two or three layers and a special one."""
    sizes = draw(st.lists(st.integers(1, 2), min_size=2, max_size=3))
    rank = draw(st.integers(1, sum(sizes)))
    rows = [[draw(ENTRIES) for _ in range(rank)] for _ in range(sum(sizes))]
    rows[draw(st.integers(0, sum(sizes) - 1))][0] = 1
    return sp.Matrix(rows) * sp.Matrix(rows).T, sizes, draw(st.integers(0, len(sizes) - 1))


@pytest.mark.parametrize("derive", [spectral_norm_growth, controllable_spectrum, horn_inequality, orbit_counts])
def test_they_are_proved_exactly(derive: object) -> None:
    result = derive()  # type: ignore[operator]
    assert result.passed
    assert result.evidence == "exact"


@settings(max_examples=40)
@given(drawn=layered(), bound=BOUNDS)
def test_after_the_rescaling_the_largest_eigenvalue_and_the_trace_exceed_the_bound(
    drawn: tuple[sp.Matrix, list[int], int], bound: Fraction
) -> None:
    matrix, sizes, _ = drawn
    moved = layer_rescaling(rescaling_for_spectral_norm(matrix, bound, sizes), sizes).hessian(matrix)
    assert exact_eigenvalue_count(moved, bound).above >= 1
    assert moved.trace() > bound


@settings(max_examples=40)
@given(drawn=layered(), bound=BOUNDS)
def test_at_least_rank_minus_the_special_size_exceed_the_bound(
    drawn: tuple[sp.Matrix, list[int], int], bound: Fraction
) -> None:
    matrix, sizes, special = drawn
    moved = layer_rescaling(controlling_rescaling(matrix, bound, sizes, special), sizes).hessian(matrix)
    above = exact_eigenvalue_count(moved, bound).above
    assert above >= controllable_eigenvalues(sizes, exact_rank(matrix), special)
    assert exact_rank(moved) == exact_rank(matrix)


@settings(max_examples=40)
@given(drawn=layered())
def test_in_the_limit_as_many_grow_fall_and_stay_as_the_ranks_say(drawn: tuple[sp.Matrix, list[int], int]) -> None:
    matrix, sizes, special = drawn
    fates = eigenvalue_fates(matrix, sizes, special)
    beta = sp.Integer(10) ** 6
    alphas = [beta ** (len(sizes) - 1) if k == special else 1 / beta for k in range(len(sizes))]
    moved = layer_rescaling(alphas, sizes).hessian(matrix)
    large, positive = exact_eigenvalue_count(moved, 1).above, exact_eigenvalue_count(moved)
    assert (fates.growing, fates.decaying, fates.zero) == (large, positive.above - large, positive.at)
    rank = fates.growing + fates.decaying
    assert rank - sizes[special] <= fates.guaranteed <= fates.growing
    assert fates.growing <= min(rank, sum(sizes) - sizes[special])


@settings(max_examples=40)
@given(drawn=layered())
def test_the_bound_is_tight_for_invertible_hessians(drawn: tuple[sp.Matrix, list[int], int]) -> None:
    matrix, sizes, special = drawn
    assert eigenvalue_fates(matrix + sp.eye(matrix.rows), sizes, special).is_tight


def test_eigenvalues_that_fall_do_so_like_the_schur_complement() -> None:
    """Three layers: times beta^4 the least eigenvalue tends to the complement, 3 - 1/2."""
    matrix, beta = np.array([[2.0, 0.0, 1.0], [0.0, 1.0, 0.0], [1.0, 0.0, 3.0]]), 30.0
    scale = np.diag([beta, beta, beta**-2])
    values = np.linalg.eigvalsh(scale @ matrix @ scale)
    assert values[0] * beta**4 == pytest.approx(2.5, rel=1e-2)
    assert values[-1] / beta**2 == pytest.approx(2, rel=1e-2)


@settings(max_examples=30)
@given(data=st.data(), size=st.integers(1, 4))
def test_horns_inequality_holds_at_all_thresholds(data: st.DataObject, size: int) -> None:
    draws = [sp.Matrix(size, size, [data.draw(ENTRIES) for _ in range(size * size)]) for _ in range(2)]
    first, second = (draw * draw.T for draw in draws)
    a, b = (data.draw(st.fractions(Fraction(1, 10), 30, max_denominator=10)) for _ in range(2))
    assert horn_surplus(first, second, a, b) >= 0


def test_a_trained_net_with_more_weights_than_samples_has_what_is_guaranteed_and_no_more() -> None:
    net = ExactTwoLayer.sample(2, 3, 1, samples=4, seed=6, relu=True).with_residuals_times(sp.Integer(0))
    sizes = (len(net.first), len(net.second))
    fates = eigenvalue_fates(net.hessian(), sizes)
    assert fates.guaranteed == controllable_eigenvalues(sizes, 4) == 1
    assert fates.growing == 4
    assert fates.zero == 5


def test_the_direction_depends_on_the_block_of_the_entry() -> None:
    assert rescaling_for_spectral_norm(sp.diag(4, 1), 100, (1, 1)) == (sp.Rational(1, 6), 6)
    assert rescaling_for_spectral_norm(sp.diag(1, 4), 100, (1, 1)) == (6, sp.Rational(1, 6))
    assert rescaling_for_spectral_norm(sp.diag(1, 4), 3, (1, 1)) == (1, 1)


def test_the_slope_of_the_largest_eigenvalue_is_that_of_an_eigenvalue_routine() -> None:
    formula = spectral_norm_growth().parts["slope"].rhs
    values = {"a": 2.0, "b": 3.0, "alpha": 0.7}

    def largest(alpha: float) -> float:
        vector = np.array([np.sqrt(2) / alpha, np.sqrt(3) * alpha])
        return float(np.linalg.eigvalsh(np.outer(vector, vector))[-1])

    step = 1e-5
    measured = (np.log(largest(0.7 * np.exp(step))) - np.log(largest(0.7 * np.exp(-step)))) / (2 * step)
    assert measured == pytest.approx(float(formula.subs({x: values[x.name] for x in formula.free_symbols})), rel=1e-8)


def test_more_can_grow_than_is_guaranteed() -> None:
    fates = eigenvalue_fates(sp.ones(3, 3), (2, 1))
    assert fates == EigenvalueFates(growing=1, decaying=0, zero=2, guaranteed=0)
    assert not fates.is_tight


def test_bad_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match=r"M must be a positive rational number, got 0"):
        rescaling_for_spectral_norm(sp.eye(2), 0, (1, 1))
    with pytest.raises(ValueError, match=r"block_sizes must hold at least two layers, got \[2\]"):
        rescaling_for_spectral_norm(sp.eye(2), 1, (2,))
    with pytest.raises(ValueError, match=r"hessian must have a positive diagonal entry, got at most 0"):
        rescaling_for_spectral_norm([[0, 1], [1, 0]], 1, (1, 1))
    with pytest.raises(ValueError, match=r"M must be a positive rational number, got -1"):
        controlling_rescaling(sp.eye(2), -1, (1, 1))
    with pytest.raises(ValueError, match=r"hessian must not be 0"):
        controlling_rescaling(sp.zeros(2, 2), 1, (1, 1))
    with pytest.raises(ValueError, match=r"hessian must be positive semidefinite, got 1 negative eigenvalues"):
        eigenvalue_fates([[0, 1], [1, 0]], (1, 1))
    with pytest.raises(ValueError, match=r"block_sizes must hold at least two layers, got \[3\]"):
        controllable_eigenvalues((3,), 2)
    with pytest.raises(ValueError, match=r"rank must lie between 0 and 3, got 4"):
        controllable_eigenvalues((1, 2), 4)
    with pytest.raises(ValueError, match=r"special must lie between 0 and 1, got 2"):
        controllable_eigenvalues((1, 2), 2, special=2)
    with pytest.raises(TypeError, match=r"rank must be an integer, got 1.5"):
        controllable_eigenvalues((1, 2), 1.5)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"both matrices must have one size, got 1 and 2"):
        horn_surplus([[1]], sp.eye(2), 1, 1)
    with pytest.raises(ValueError, match=r"second must be positive semidefinite, got a negative eigenvalue"):
        horn_surplus([[1]], [[-1]], 1, 1)
    with pytest.raises(ValueError, match=r"b must be a positive rational number, got 0"):
        horn_surplus([[1]], [[1]], 1, 0)
