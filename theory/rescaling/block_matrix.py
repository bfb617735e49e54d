"""Symmetric rational matrices in blocks, and how many eigenvalues they have beyond a number, exactly.

Conventions: eigenvalues descend. The block of layer k is the k-th run of n_k rows and columns. Counts are by
Sylvester's law of inertia: a congruence keeps the numbers of negative, zero and positive eigenvalues.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Any

import flint
import sympy as sp

from theory.exact_numbers import as_fraction, exact_number, listed_rows
from theory.rescaling.diagonal_maps import checked_sizes

__all__ = ["EigenvalueCount", "exact_eigenvalue_count"]


@dataclass(frozen=True)
class EigenvalueCount:
    """How many eigenvalues lie below, at and above a number.

    Args:
        below: Eigenvalues below the number, with multiplicity.
        at: Eigenvalues equal to it.
        above: Eigenvalues above it.
    """

    below: int
    at: int
    above: int


def exact_eigenvalue_count(matrix: Any, threshold: object = 0) -> EigenvalueCount:
    r"""Count eigenvalues of a symmetric rational matrix below, at and above a rational number, without computing them.

    The matrix minus the threshold is brought to diagonal form by a congruence in exact numbers, n^3/3 operations; the
    signs are those of its eigenvalues.

    Args:
        matrix: A symmetric matrix of exact rational numbers, or a sequence of rows.
        threshold: A rational number.

    Raises:
        ValueError: If the matrix is not square, symmetric and rational, or the threshold is not rational.
        TypeError: If the matrix is no sequence of rows, or an entry or the threshold is not a number.

    Examples:
        >>> exact_eigenvalue_count([[2, 1], [1, 2]], 1)
        EigenvalueCount(below=0, at=1, above=1)
    """
    read = symmetric_matrix(matrix)
    level = exact_number("threshold", threshold)
    if not level.is_Rational:
        raise ValueError(f"threshold must be rational, got {level}.")
    pivots = _congruence(read, as_fraction(level))
    signs = [(pivot > 0) - (pivot < 0) for pivot in pivots]
    return EigenvalueCount(signs.count(-1), signs.count(0), signs.count(1))


def eigenvalue_count_by_signs(matrix: Any, threshold: object = 0) -> EigenvalueCount:
    """Count the same by Descartes' rule: all roots of the characteristic polynomial are real, so sign changes count.

    The second route of `exact_eigenvalue_count`, with the same arguments.
    """
    return characteristic_counts(symmetric_matrix(matrix), exact_number("threshold", threshold))


def characteristic_counts(matrix: sp.ImmutableMatrix, threshold: sp.Rational) -> EigenvalueCount:
    """Count eigenvalues of any rational matrix that has real ones only, such as a product of two semidefinite ones."""
    size, level = matrix.rows, _fmpq(as_fraction(threshold))
    entries = [[_fmpq(as_fraction(matrix[i, j])) for j in range(size)] for i in range(size)]
    shifted = flint.fmpq_mat([[x - level if i == j else x for j, x in enumerate(row)] for i, row in enumerate(entries)])
    coefficients = [Fraction(int(c.p), int(c.q)) for c in shifted.charpoly().coeffs()]
    at = next(place for place, c in enumerate(coefficients) if c)
    above = _sign_changes(coefficients)
    return EigenvalueCount(size - at - above, at, above)


def symmetric_matrix(matrix: Any, name: str = "matrix") -> sp.ImmutableMatrix:
    """Read a symmetric matrix of rational numbers.

    Raises:
        ValueError: If it is empty, not square, not symmetric, or an entry is not rational.
        TypeError: If it is no sequence of rows, or an entry is not a number.
    """
    rows = listed_rows(name, matrix)
    if not rows or any(len(row) != len(rows) for row in rows):
        raise ValueError(f"{name} must be square, got {len(rows)} rows.")
    read = sp.ImmutableMatrix([[exact_number(f"an entry of {name}", value) for value in row] for row in rows])
    for i in range(read.rows):
        for j in range(i + 1):
            if not read[i, j].is_Rational:
                raise ValueError(f"{name} must have rational entries, got {read[i, j]}.")
            if read[i, j] != read[j, i]:
                raise ValueError(
                    f"{name} must be symmetric, got {read[i, j]} and {read[j, i]} at ({i}, {j}) and ({j}, {i})."
                )
    return read


def block_matrix(
    matrix: Any, block_sizes: Sequence[int], name: str = "hessian"
) -> tuple[sp.ImmutableMatrix, list[int]]:
    """Read a symmetric rational matrix and the sizes of its diagonal blocks.

    Raises:
        ValueError: If either is malformed or they do not fit.
        TypeError: If an entry is not a number or a size no integer.
    """
    read, sizes = symmetric_matrix(matrix, name), checked_sizes(block_sizes)
    if sum(sizes) != read.rows:
        raise ValueError(f"block_sizes must have the sum {read.rows}, the size of {name}, got {sizes}.")
    return read, sizes


def blocks(sizes: Sequence[int]) -> list[range]:
    """Return the indices of each block."""
    starts = [sum(sizes[:k]) for k in range(len(sizes))]
    return [range(start, start + size) for start, size in zip(starts, sizes, strict=True)]


def principal(matrix: sp.ImmutableMatrix, indices: Iterable[int]) -> sp.ImmutableMatrix:
    """Return the rows and columns of some indices."""
    chosen = list(indices)
    return sp.ImmutableMatrix(len(chosen), len(chosen), lambda i, j: matrix[chosen[i], chosen[j]])


def _congruence(matrix: sp.ImmutableMatrix, level: Fraction) -> list[Fraction]:
    """The diagonal of S' (A - t) S for an invertible S, by symmetric elimination."""
    size = matrix.rows
    rows = [[as_fraction(matrix[i, j]) - (level if i == j else 0) for j in range(size)] for i in range(size)]
    pivots: list[Fraction] = []
    while rows:
        size = len(rows)
        place = next((i for i in range(size) if rows[i][i]), None)
        if place is None:
            pair = next(((i, j) for i in range(size) for j in range(i) if rows[i][j]), None)
            if pair is None:
                return pivots + [Fraction(0)] * size
            place, other = pair  # a zero diagonal: add one row and column to another
            for column in range(size):
                rows[place][column] += rows[other][column]
            for row in rows:
                row[place] += row[other]
        pivot = rows[place][place]
        pivots.append(pivot)
        rest = [i for i in range(size) if i != place]
        rows = [[rows[i][j] - rows[i][place] * rows[place][j] / pivot for j in rest] for i in rest]
    return pivots


def _sign_changes(coefficients: Sequence[Fraction]) -> int:
    signs = [c > 0 for c in coefficients if c]
    return sum(first != second for first, second in pairwise(signs))


def _fmpq(value: Fraction) -> Any:
    return flint.fmpq(value.numerator, value.denominator)
