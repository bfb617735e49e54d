"""Inertia of symmetric matrices: how many eigenvalues are negative, positive, or too small to tell.

An index without a tolerance means nothing: in a trained network thousands of eigenvalues lie within rounding, or
within the accuracy of the training, of zero. The cut is relative to the spectral radius and is handed back with the
counts.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from numerics.arguments import checked_finite, checked_number, checked_tensors


@dataclass(frozen=True)
class Inertia:
    """Counts of eigenvalues, one entry per member.

    Attributes:
        negative: Eigenvalues below -tolerance.
        unresolved: Eigenvalues in [-tolerance, tolerance].
        positive: Eigenvalues above tolerance.
        tolerance: The absolute cut that was used.
    """

    negative: Int[Tensor, " members"]
    unresolved: Int[Tensor, " members"]
    positive: Int[Tensor, " members"]
    tolerance: Float[Tensor, " members"]


def inertia(matrix: Float[Tensor, "members size size"], *, tolerance: float) -> Inertia:
    """Count the negative, unresolved and positive eigenvalues of symmetric matrices.

    The eigenvalues of the symmetric part are computed one member at a time; beside the input one matrix is allocated.

    Args:
        matrix: Symmetric matrices.
        tolerance: What counts as unresolved, relative to each matrix's spectral radius. At least size times the machine
            precision, the error of the eigenvalues themselves, and below 1.

    Returns:
        The counts and the absolute cuts.

    Raises:
        ValueError: If the matrices are not square, finite and symmetric to the tolerance, or the tolerance is out of
            range.

    Examples:
        >>> counts = inertia(torch.diag(torch.tensor([-2.0, 1e-9, 1.0, 3.0]))[None], tolerance=1e-6)
        >>> counts.negative, counts.unresolved, counts.positive
        (tensor([1]), tensor([1]), tensor([2]))
    """
    checked_tensors(matrix=matrix)
    if matrix.ndim != 3 or matrix.shape[1] != matrix.shape[2] or 0 in matrix.shape:
        raise ValueError(f"matrix must have shape (members, size, size), got {tuple(matrix.shape)}.")
    checked_finite(matrix=matrix)
    floor = matrix.shape[1] * torch.finfo(matrix.dtype).eps
    try:
        fits = floor <= checked_number("tolerance", tolerance) < 1
    except ValueError:
        fits = False
    if not fits:
        raise ValueError(f"tolerance must lie in [size * machine precision, 1) = [{floor:.1e}, 1), got {tolerance!r}.")
    counts, cuts = [], []
    for member, one in enumerate(matrix):
        unit = 2.0 ** (math.frexp(float(one.abs().max()))[1] - 1)  # exact, and no entry overflows or underflows
        one = one / unit
        eigenvalues = torch.linalg.eigvalsh((one + one.mT) / 2)
        cut = tolerance * eigenvalues.abs().max()
        skew = (one - one.mT).abs().max()
        if bool(skew > cut):
            raise ValueError(
                f"matrix must be symmetric, but member {member} differs from its transpose by {float(skew) * unit:.1e}."
            )
        negative, positive = (eigenvalues < -cut).sum(), (eigenvalues > cut).sum()
        counts.append(torch.stack([negative, matrix.shape[1] - negative - positive, positive]))
        cuts.append(cut * unit)
    negative, unresolved, positive = torch.stack(counts).unbind(1)
    return Inertia(negative, unresolved, positive, torch.stack(cuts))
