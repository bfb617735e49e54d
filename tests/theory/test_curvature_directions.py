"""Curvature along directions: the extremes are eigenvalues, the sum over any orthonormal basis is the trace."""

import math

import numpy as np
import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

from theory.curvature_directions import plane_curvatures, principal_curvatures

ENTRIES = st.integers(-9, 9)


@pytest.mark.parametrize("derive", [plane_curvatures, principal_curvatures])
def test_they_are_proved_exactly(derive: object) -> None:
    result = derive()  # type: ignore[operator]
    assert result.passed
    assert result.evidence == "exact"


@given(a=ENTRIES, b=ENTRIES, c=ENTRIES)
def test_the_pair_is_that_of_an_eigenvalue_routine(a: int, b: int, c: int) -> None:
    largest, least = (float(value) for value in plane_curvatures().at(a=a, b=b, c=c))
    np.testing.assert_allclose([least, largest], np.linalg.eigvalsh([[a, b], [b, c]]), rtol=0, atol=1e-13 * 20)


@given(a=ENTRIES, b=ENTRIES, c=ENTRIES)
def test_no_direction_of_a_fine_grid_leaves_the_interval_between_them_and_both_ends_are_reached(
    a: int, b: int, c: int
) -> None:
    largest, least = (float(value) for value in plane_curvatures().at(a=a, b=b, c=c))
    angle = np.linspace(0, math.pi, 2001)
    curvature = a * np.cos(angle) ** 2 + 2 * b * np.cos(angle) * np.sin(angle) + c * np.sin(angle) ** 2
    assert least - 1e-12 <= curvature.min() <= least + 1e-4  # the grid misses an extreme by (angle step)^2 times 18
    assert largest - 1e-4 <= curvature.max() <= largest + 1e-12


def test_equal_axes_lie_below_the_largest_curvature() -> None:
    assert plane_curvatures().at(a=2, b=2, c=2) == sp.Tuple(4, 0)
    formula = plane_curvatures().parts["equal axes"].rhs
    assert formula.subs(dict.fromkeys(formula.free_symbols, 2)) == 4 > 2


@pytest.mark.parametrize("weights", [1, 2, 5])
def test_one_neuron_with_equal_inputs_has_one_curvature_and_its_axes_do_not_show_it(weights: int) -> None:
    eigenvalues = np.linalg.eigvalsh(np.ones((weights, weights)))
    (symbol,) = principal_curvatures().parts["one neuron"].rhs.free_symbols
    assert eigenvalues[-1] == pytest.approx(float(principal_curvatures().parts["one neuron"].rhs.subs(symbol, weights)))
    assert np.count_nonzero(abs(eigenvalues) > 1e-12) == 1


def test_random_signs_have_the_variance_that_is_derived() -> None:
    formula = principal_curvatures().parts["variance"].rhs
    values = dict(zip(("H_aa", "H_ab", "H_ac", "H_bb", "H_bc", "H_cc"), (3, 1, -2, 5, 4, -1), strict=True))
    matrix = np.array([[3, 1, -2], [1, 5, 4], [-2, 4, -1]])
    signs = np.array(np.meshgrid(*[[-1, 1]] * 3)).reshape(3, -1).T
    forms = np.einsum("si,ij,sj->s", signs, matrix, signs)
    assert forms.mean() == np.trace(matrix)
    assert int(formula.subs({symbol: values[symbol.name] for symbol in formula.free_symbols})) == forms.var()
