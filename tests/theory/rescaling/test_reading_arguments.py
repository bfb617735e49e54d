"""Sizes, rows and weights are read once and exactly, and what is no sequence is refused by name."""

from typing import Any

import numpy as np
import pytest
import sympy as sp

import theory


def test_an_array_holds_binary_numbers_as_its_scalars_do() -> None:
    threshold = sp.Rational(*np.float64(0.1).as_integer_ratio())
    for rows in (np.array([[0.1]]), [[np.float64(0.1)]], [np.array([0.1])]):
        assert theory.exact_eigenvalue_count(rows, threshold) == theory.EigenvalueCount(0, 1, 0)
    assert theory.exact_eigenvalue_count([[0.1]], "1/10") == theory.EigenvalueCount(
        0, 1, 0
    )  # a float is what one types
    assert theory.exact_eigenvalue_count(sp.Matrix([[1]]), 1) == theory.EigenvalueCount(0, 1, 0)


def test_more_eigenvalues_may_grow_with_another_special_layer_than_the_smallest() -> None:
    hessian, sizes = [[1, 0, 0], [0, 0, 0], [0, 0, 0]], (1, 2)
    smallest, other = (theory.eigenvalue_fates(hessian, sizes, special) for special in (None, 1))
    assert smallest == theory.eigenvalue_fates(hessian, sizes, 0)
    assert (smallest.growing, other.growing) == (0, 1)
    assert smallest.guaranteed >= other.guaranteed == theory.controllable_eigenvalues(sizes, 1, 1)


@pytest.mark.parametrize("value", [None, 5, "12", np.array(3.0)])
@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("matrix", lambda value: theory.exact_eigenvalue_count(value)),
        ("hessian", lambda value: theory.eigenvalue_fates(value, (1, 1))),
        ("block_sizes", lambda value: theory.controllable_eigenvalues(value, 2)),
        ("block_sizes", lambda value: theory.layer_rescaling((1, 1), value)),
        ("alphas", lambda value: theory.layer_rescaling(value, (1, 1))),
        ("factors", lambda value: theory.unit_rescaling(value, (1, 2, 1))),
        ("widths", lambda value: theory.unit_rescaling([[1, 1]], value)),
        ("scales", lambda value: theory.Rescaling(value)),
        ("theta", lambda value: theory.Rescaling((1, 1)).moved(value)),
        ("hessian", lambda value: theory.Rescaling((1, 1)).hessian(value)),
        ("jacobian", lambda value: theory.hessian_in_coordinates([[1]], value)),
        ("eigenvalues", lambda value: theory.coordinates_of_spectrum([[1]], value)),
        ("minimum", lambda value: theory.laplace_evidence([[1]], value, [[1]])),
        ("theta_1", lambda value: theory.disjoint_factor(value, "1/2")),
        ("incoming", lambda value: theory.symmetry_orbit_size(value, [[1]])),
        ("direction", lambda value: theory.weight_normalised_curvature(value, 1, [1], [[1]])),
        ("gradient", lambda value: theory.weight_normalised_curvature([1], 1, value, [[1]])),
        ("theta", lambda value: theory.orbit_tangents(value, (1, 1, 1))),
    ],
)
def test_what_is_no_sequence_is_refused(name: str, read: Any, value: object) -> None:
    with pytest.raises(TypeError, match=rf"{name} must be a sequence, got "):
        read(value)


def test_rows_must_be_sequences() -> None:
    with pytest.raises(TypeError, match=r"a row of matrix must be a sequence, got 1"):
        theory.exact_eigenvalue_count([1, 2])
