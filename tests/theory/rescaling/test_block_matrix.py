"""Eigenvalues are counted exactly, by two routes that share nothing."""

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from theory.rescaling.block_matrix import (
    EigenvalueCount,
    block_matrix,
    eigenvalue_count_by_signs,
    exact_eigenvalue_count,
    principal,
)

ENTRIES = st.integers(-3, 3)


@st.composite
def symmetric(draw: st.DrawFn) -> list[list[int]]:
    size = draw(st.integers(1, 5))
    rows = [[draw(ENTRIES) for _ in range(size)] for _ in range(size)]
    return [[rows[max(i, j)][min(i, j)] for j in range(size)] for i in range(size)]


@settings(max_examples=40)
@given(matrix=symmetric(), threshold=st.fractions(-4, 4, max_denominator=3))
def test_congruence_and_sign_changes_count_alike(matrix: list[list[int]], threshold: object) -> None:
    assert exact_eigenvalue_count(matrix, threshold) == eigenvalue_count_by_signs(matrix, threshold)


@settings(max_examples=40)
@given(matrix=symmetric())
def test_counts_are_those_of_an_eigenvalue_routine_away_from_eigenvalues(matrix: list[list[int]]) -> None:
    values = np.linalg.eigvalsh(np.array(matrix, dtype=float))
    level = sp.Rational(1, 7)  # no eigenvalue of an integer matrix: those that are rational are integers
    count = exact_eigenvalue_count(matrix, level)
    if np.abs(values - 1 / 7).min() > 1e-9:
        assert (count.below, count.at, count.above) == (int((values < 1 / 7).sum()), 0, int((values > 1 / 7).sum()))


def test_multiple_eigenvalues_at_the_threshold_are_counted() -> None:
    assert exact_eigenvalue_count(sp.ones(4, 4)) == EigenvalueCount(below=0, at=3, above=1)
    assert exact_eigenvalue_count([[0, 1], [1, 0]]) == EigenvalueCount(below=1, at=0, above=1)
    assert exact_eigenvalue_count(sp.zeros(2, 2)) == EigenvalueCount(below=0, at=2, above=0)


def test_numpy_matrices_are_the_binary_numbers_they_hold() -> None:
    assert exact_eigenvalue_count(np.diag([0.5, 2.0]), "1/2") == EigenvalueCount(below=0, at=1, above=1)


def test_principal_parts_keep_the_order_of_indices() -> None:
    assert principal(sp.ImmutableMatrix([[1, 2, 3], [2, 4, 5], [3, 5, 6]]), (0, 2)) == sp.Matrix([[1, 3], [3, 6]])


def test_bad_matrices_are_refused() -> None:
    with pytest.raises(ValueError, match=r"matrix must be square, got 2 rows"):
        exact_eigenvalue_count([[1], [2]])
    with pytest.raises(ValueError, match=r"matrix must be square, got 0 rows"):
        exact_eigenvalue_count([])
    with pytest.raises(ValueError, match=r"matrix must be symmetric, got 3 and 2 at \(1, 0\) and \(0, 1\)"):
        exact_eigenvalue_count([[1, 2], [3, 4]])
    with pytest.raises(ValueError, match=r"matrix must have rational entries, got sqrt\(2\)"):
        exact_eigenvalue_count([[sp.sqrt(2)]])
    with pytest.raises(ValueError, match=r"threshold must be rational, got sqrt\(2\)"):
        exact_eigenvalue_count([[1]], sp.sqrt(2))
    with pytest.raises(ValueError, match=r"block_sizes must have the sum 2, the size of hessian, got \[1, 2\]"):
        block_matrix([[1, 0], [0, 1]], (1, 2))
