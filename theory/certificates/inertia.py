r"""How many eigenvalues of a symmetric matrix are negative, proved for every matrix in a ball.

With eigenvectors Q of the midpoint, computed in double precision and then taken as exact numbers, Q^T A Q is nearly
diagonal. Q is invertible if the largest row sum of |Q^T Q - 1| is below 1, and then A has as many negative eigenvalues
as Q^T A Q (Sylvester's law of inertia). Those are counted by Gershgorin's discs: if none holds zero, as many
eigenvalues are negative as diagonal entries. The least singular value of A is at least that of Q^T A Q over |Q|^2.
"""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import flint
import numpy as np

from theory.certificates.krawczyk import NoCertificateError
from theory.certified_precision import ball_from_arb
from theory.real_arrays import binary_array

__all__ = ["SpectralSigns", "certified_signs", "signs_of_balls"]


@dataclass(frozen=True)
class SpectralSigns:
    """The signs of the eigenvalues of a symmetric matrix, proved.

    Args:
        negative: How many are negative, with multiplicity.
        positive: How many are positive.
        least: A rigorous lower bound of the least absolute value of an eigenvalue, positive.
    """

    negative: int
    positive: int
    least: Fraction


def certified_signs(matrix: Any) -> SpectralSigns:
    """Prove the signs of all eigenvalues of a symmetric matrix of binary numbers.

    Args:
        matrix: Square and symmetric, size x size; a float counts as the binary number it holds. Allocates some
            matrices of that size in 128 bits; the time grows with its cube, 0.2 s at size 100.

    Raises:
        ValueError: If it is not square, not finite or not symmetric to the last bit, or an entry is no real number or
            would have to be rounded.
        NoCertificateError: If an eigenvalue may be zero.

    Examples:
        >>> signs = certified_signs([[1, 2], [2, 1]])
        >>> signs.negative, signs.positive, round(float(signs.least), 12)
        (1, 1, 1.0)
    """
    array = binary_array("matrix", matrix)
    if array.ndim != 2 or array.shape[0] != array.shape[1] or not len(array):
        raise ValueError(f"matrix must be square with at least one row, got the shape {array.shape}.")
    if (array != array.T).any():
        gap = 2 * abs(array / 2 - array.T / 2).max()
        raise ValueError(f"matrix must equal its transpose exactly, got a gap of {gap:.3g}.")
    with flint.ctx.workprec(128):
        return signs_of_balls(flint.arb_mat(array.tolist()))


def signs_of_balls(matrix: Any) -> SpectralSigns:
    """Prove the signs of all eigenvalues of every symmetric matrix in a ball, at the working precision.

    Raises:
        NoCertificateError: If an eigenvalue of one of them may be zero.
    """
    size = matrix.nrows()
    inner = np.array([[float(matrix[i, j].mid()) for j in range(size)] for i in range(size)])
    if not np.isfinite(inner).all():
        raise NoCertificateError("the matrix must be finite, got balls without a midpoint in double precision.")
    basis = flint.arb_mat(np.linalg.eigh(inner / 2 + inner.T / 2)[1].tolist())
    turned = basis.transpose() * matrix * basis
    gram = basis.transpose() * basis
    defect = _largest_row_sum(gram - flint.arb_mat(np.eye(size).tolist()))
    if not defect < 1:
        raise NoCertificateError("the eigenvectors must be nearly orthogonal, got dependent ones.")
    margins = []
    for i in range(size):
        others = sum((abs(turned[i, j]) for j in range(size) if j != i), flint.arb(0))
        margins.append(abs(turned[i, i]) - others)
    if not all(margin > 0 for margin in margins):
        closest = min(abs(np.linalg.eigvalsh(inner / 2 + inner.T / 2)))
        raise NoCertificateError(
            f"no eigenvalue may be zero, got one of absolute value {closest:.3g} that the balls do not keep from it."
        )
    negative = sum(1 for i in range(size) if turned[i, i] < 0)
    squared_norm = (1 + defect).abs_upper()  # |Q|^2 = |Q^T Q| <= 1 + |Q^T Q - 1|
    least = min((margin.abs_lower() / squared_norm for margin in margins), key=float).abs_lower()
    return SpectralSigns(negative, size - negative, ball_from_arb(least, 15).lower)


def _largest_row_sum(matrix: Any) -> Any:
    sums = [sum((abs(matrix[i, j]) for j in range(matrix.ncols())), flint.arb(0)) for i in range(matrix.nrows())]
    return max((each.abs_upper() for each in sums), key=float)
