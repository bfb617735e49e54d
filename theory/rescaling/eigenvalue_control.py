r"""How many eigenvalues of a Hessian rescalings can make large: all but those that one layer holds back.

Conventions: K layers with n_k weights, H positive semidefinite of rank r, eigenvalues descending. One layer s, the
special one, is multiplied by beta^(K-1), the others, together c, by 1/beta, so that the product is one. D is beta on c
and beta^-(K-1) on s; H_cc and H_ss are the diagonal blocks, H/H_cc = H_ss - H_sc H_cc^-1 H_cs is the Schur complement.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isqrt
from typing import Any

import sympy as sp

from theory.exact_numbers import as_fraction, exact_number
from theory.exact_two_layer import exact_rank
from theory.rescaling.block_matrix import block_matrix, blocks, exact_eigenvalue_count, principal
from theory.rescaling.diagonal_maps import controllable_eigenvalues, special_layer

__all__ = ["EigenvalueFates", "controlling_rescaling", "eigenvalue_fates"]


@dataclass(frozen=True)
class EigenvalueFates:
    r"""What becomes of the eigenvalues of D H D as beta grows.

    Args:
        growing: How many grow like beta^2: the rank of H_cc.
        decaying: How many fall like beta^(-2(K-1)): the rank of H/H_cc.
        zero: How many stay 0.
        guaranteed: How many are sure to grow, r - n_s, or 0 if that is negative.
    """

    growing: int
    decaying: int
    zero: int
    guaranteed: int

    @property
    def is_tight(self) -> bool:
        """Whether no more grow than are sure to."""
        return self.growing == self.guaranteed


def controlling_rescaling(
    hessian: Any, M: object, block_sizes: Sequence[int], special: int | None = None
) -> tuple[sp.Rational, ...]:
    r"""Return factors of the layers after which at least r - n_s eigenvalues of the Hessian provably exceed M.

    They are 1/beta for all layers but s and beta^(K-1) for s, with an integer beta > sqrt(M/l), where l is a rational
    number below the least positive eigenvalue lambda_r, found by halving and certified by exact counts.

    Args:
        hessian: A positive semidefinite matrix of exact rational numbers, n x n, or a sequence of rows.
        M: The bound, a positive rational number.
        block_sizes: The numbers of weights of two or more layers, with the sum n.
        special: The place of the special layer, from 0; the smallest one if None.

    Returns:
        One factor for each layer, as `layer_rescaling` takes them.

    Raises:
        ValueError: If the matrix is malformed, not positive semidefinite or 0, or another argument is out of range.
        TypeError: If a number is none, or a size or the place no integer.

    Examples:
        >>> controlling_rescaling([[2, 1], [1, 1]], 100, (1, 1))
        (17, 1/17)
    """
    matrix, sizes = _semidefinite(hessian, block_sizes)
    place = special_layer(sizes, special)
    bound = exact_number("M", M)
    if not (bound.is_Rational and bound > 0):
        raise ValueError(f"M must be a positive rational number, got {bound}.")
    quotient = as_fraction(bound / below_least_positive_eigenvalue(matrix))
    beta = sp.Integer(isqrt(quotient.numerator // quotient.denominator) + 1)
    return tuple(beta ** (len(sizes) - 1) if k == place else 1 / beta for k in range(len(sizes)))


def eigenvalue_fates(hessian: Any, block_sizes: Sequence[int], special: int | None = None) -> EigenvalueFates:
    r"""Return how many eigenvalues grow, fall and stay 0 as all layers but one are made small, exactly.

    Args:
        hessian: A positive semidefinite matrix of exact rational numbers, n x n, or a sequence of rows.
        block_sizes: The numbers of weights of two or more layers, with the sum n.
        special: The place of the layer that is made large, from 0; the smallest one if None, for which most are
            guaranteed. With another layer more of them may grow.

    Raises:
        ValueError: If the matrix is malformed or not positive semidefinite, or the sizes or the place do not fit.
        TypeError: If a number is none, or a size or the place no integer.

    Examples:
        >>> fates = eigenvalue_fates([[2, 1, 1], [1, 1, 0], [1, 0, 1]], (2, 1))
        >>> fates, fates.is_tight
        (EigenvalueFates(growing=2, decaying=0, zero=1, guaranteed=1), False)
    """
    matrix, sizes = _semidefinite(hessian, block_sizes)
    place = special_layer(sizes, special)
    others = [i for k, block in enumerate(blocks(sizes)) if k != place for i in block]
    rank, growing = exact_rank(matrix), exact_rank(principal(matrix, others))
    guaranteed = controllable_eigenvalues(sizes, rank, place)
    return EigenvalueFates(growing, rank - growing, matrix.rows - rank, guaranteed)


def below_least_positive_eigenvalue(matrix: sp.ImmutableMatrix) -> sp.Rational:
    """Return a rational number below the least positive eigenvalue of a positive semidefinite matrix.

    Raises:
        ValueError: If the matrix is 0.
    """
    level, rank = matrix.trace(), exact_rank(matrix)
    if rank == 0:
        raise ValueError("hessian must not be 0.")
    while exact_eigenvalue_count(matrix, level).above < rank:
        level /= 2
    return level


def _semidefinite(hessian: Any, block_sizes: Sequence[int]) -> tuple[sp.ImmutableMatrix, list[int]]:
    matrix, sizes = block_matrix(hessian, block_sizes)
    negative = exact_eigenvalue_count(matrix).below
    if negative:
        raise ValueError(f"hessian must be positive semidefinite, got {negative} negative eigenvalues.")
    return matrix, sizes
