"""Exact instances of positive semidefinite Hessians in layers, and counts of their eigenvalues after rescaling.

Conventions: those of `theory.rescaling.eigenvalue_control`. The matrices are integer ones of a fixed sequence; every
count is exact, by congruence or by signs of coefficients.
"""

import random
from functools import cache

import sympy as sp

from theory.exact_two_layer import exact_rank
from theory.rescaling.block_matrix import blocks, eigenvalue_count_by_signs, exact_eigenvalue_count, principal
from theory.rescaling.diagonal_maps import layer_rescaling
from theory.rescaling.eigenvalue_control import below_least_positive_eigenvalue, controlling_rescaling

BOUND = 10**4

# block sizes, place of the special layer, rank of H, rank of H_cc
CASES = (
    ((3, 2), 1, 5, 3),
    ((2, 3, 2), 0, 7, 5),
    ((3, 2, 2), 2, 4, 4),
    ((2, 2, 2, 1), 3, 5, 4),
    ((1, 3), 0, 2, 1),
    ((3, 3), 1, 4, 2),
)


def _split(sizes: tuple[int, ...], place: int) -> tuple[list[int], list[int]]:
    """The indices c of all layers but one, and those of that one."""
    parts = blocks(sizes)
    return [i for k, block in enumerate(parts) if k != place for i in block], list(parts[place])


@cache
def instances() -> list[sp.ImmutableMatrix]:
    """Return the matrix of each case."""
    return [_instance(*case) for case in CASES]


def _instance(sizes: tuple[int, ...], place: int, rank: int, inner: int) -> sp.ImmutableMatrix:
    """The first positive semidefinite integer matrix of a fixed sequence with a given rank of H and of H_cc."""
    source, (others, _) = random.Random(rank), _split(sizes, place)
    while True:
        rows = [[source.randint(-3, 3) for _ in range(rank)] for _ in range(sum(sizes))]
        for i in others:
            rows[i][inner:] = [0] * (rank - inner)
        matrix = sp.ImmutableMatrix(sp.Matrix(rows) * sp.Matrix(rows).T)
        if exact_rank(matrix) == rank and exact_rank(principal(matrix, others)) == inner:
            return matrix


def _scaled(matrix: sp.ImmutableMatrix, sizes: tuple[int, ...], place: int, beta: int) -> sp.ImmutableMatrix:
    alphas = [sp.Integer(beta) ** (len(sizes) - 1) if k == place else sp.Rational(1, beta) for k in range(len(sizes))]
    return layer_rescaling(alphas, sizes).hessian(matrix)


@cache
def surpluses() -> list[sp.Integer]:
    """Return the least surplus over a few thresholds t, counted after rescaling with beta = 3."""
    found = []
    for matrix, (sizes, place, *_) in zip(instances(), CASES, strict=True):
        moved = _scaled(matrix, sizes, place, 3)
        surplus = [
            exact_eigenvalue_count(moved, 9 * level).above - exact_eigenvalue_count(matrix, level).above + sizes[place]
            for level in (matrix.trace() / part for part in (2, 8, 64))
        ]
        found.append(sp.Integer(min(surplus)))
    return found


@cache
def counts_beyond() -> list[sp.Integer]:
    """Count how many eigenvalues exceed the bound after the rescaling that is constructed for it."""
    found = []
    for matrix, (sizes, place, *_) in zip(instances(), CASES, strict=True):
        moved = layer_rescaling(controlling_rescaling(matrix, BOUND, sizes, place), sizes).hessian(matrix)
        found.append(sp.Integer(exact_eigenvalue_count(moved, BOUND).above))
    return found


@cache
def counts_of_fates(*, by_signs: bool = False) -> list[tuple[int, int, int]]:
    """Count eigenvalues above 1, positive ones up to 1, and zeros at beta = 1000, by congruence or by signs."""
    count = eigenvalue_count_by_signs if by_signs else exact_eigenvalue_count
    found = []
    for matrix, (sizes, place, *_) in zip(instances(), CASES, strict=True):
        moved = _scaled(matrix, sizes, place, 1000)
        positive, large = count(moved, 0), count(moved, 1).above
        found.append((large, positive.above - large, positive.at))
    return found


def complement_of(matrix: sp.ImmutableMatrix, case: tuple[tuple[int, ...], int, int, int]) -> sp.ImmutableMatrix:
    """Return the Schur complement of a largest invertible principal part of H_cc."""
    others, special = _split(case[0], case[1])
    basis: list[int] = []
    for i in others:
        if exact_rank(principal(matrix, [*basis, i])) > len(basis):
            basis.append(i)
    across = sp.Matrix(len(basis), len(special), lambda i, j: matrix[basis[i], special[j]])
    inverse = sp.Matrix(principal(matrix, basis)).inv()
    return sp.ImmutableMatrix(sp.Matrix(principal(matrix, special)) - across.T * inverse * across)


@cache
def counts_in_windows(beta: int, *, by_signs: bool = False) -> list[sp.Tuple]:
    """Count eigenvalues of D H D between l/2 and 2u times beta^2, l and u of H_cc, and the same for the complement."""
    count = eigenvalue_count_by_signs if by_signs else exact_eigenvalue_count
    found = []
    for matrix, case in zip(instances(), CASES, strict=True):
        sizes, place, *_ = case
        moved = _scaled(matrix, sizes, place, beta)
        inside = []
        for part, factor in (
            (principal(matrix, _split(sizes, place)[0]), sp.Integer(beta) ** 2),
            (complement_of(matrix, case), sp.Integer(beta) ** (2 - 2 * len(sizes))),
        ):
            if part.is_zero_matrix:
                inside.append(0)
                continue
            low, high = below_least_positive_eigenvalue(part) / 2 * factor, 2 * part.trace() * factor
            inside.append(count(moved, low).above - count(moved, high).above)
        found.append(sp.Tuple(*inside))
    return found
