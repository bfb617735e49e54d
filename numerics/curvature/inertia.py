"""Inertia of symmetric matrices and operators: how many eigenvalues are negative, positive, or too small to tell.

An index without a tolerance means nothing: in a trained network thousands of eigenvalues lie within rounding, or
within the accuracy of the training, of zero. The cut is relative to the spectral radius and is handed back with the
counts.
"""

import math
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from numerics.arguments import checked_finite, checked_generator, checked_number, checked_sizes, checked_tensors
from numerics.curvature.cost import MEMORY, SMALL, choose
from numerics.curvature.eigenvalue_count import eigenvalues_beyond
from numerics.curvature.linear_operator import SymmetricOperator, as_operator, product

SEARCH = 2000
"""Products that the search from both ends takes at most, unless told."""

ROUNDING = 16.0
"""Rounding of a matrix, in machine precisions of its Frobenius norm: some 7 times what assembled Hessians show."""

_COLUMNS = 64  # of the unit vectors that make an operator dense


@dataclass(frozen=True)
class Inertia:
    """Counts of eigenvalues, one entry per member. With the zero modes they add up to the size.

    Attributes:
        negative: Eigenvalues below -tolerance.
        unresolved: Eigenvalues in [-tolerance, tolerance], and those that nobody could tell from one.
        positive: Eigenvalues above tolerance.
        tolerance: The absolute cut that was used.
        zero_modes: Eigenvalues that were known to be zero, and counted nowhere else.
        method: "exact", from all eigenvalues, or "estimated", by a search from both ends: then negative and positive
            are lower bounds.
        finished: Whether nothing is left beyond the tolerance, of an estimate with a probability of at least 0.999;
            else the unresolved hold what was not found.
        products: Products of an operator that were taken, those that the cost was measured by included.
        reason: Why this method, and how it ended, in a sentence.
    """

    negative: Int[Tensor, " members"]
    unresolved: Int[Tensor, " members"]
    positive: Int[Tensor, " members"]
    tolerance: Float[Tensor, " members"]
    zero_modes: Int[Tensor, " members"]
    method: Literal["exact", "estimated"]
    finished: bool
    products: int
    reason: str

    @classmethod
    def of_eigenvalues(
        cls, eigenvalues: Float[Tensor, "members size"], tolerance: Float[Tensor, " members"]
    ) -> "Inertia":
        """Count eigenvalues that are all at hand.

        Args:
            eigenvalues: Those of each member, in any order.
            tolerance: Absolute cuts.

        Examples:
            >>> Inertia.of_eigenvalues(torch.tensor([[-2.0, 1e-9, 3.0]]), torch.tensor([1e-6])).negative
            tensor([1])
        """
        negative, positive = ((sign * eigenvalues > tolerance[:, None]).sum(1) for sign in (-1, 1))
        unresolved, none = eigenvalues.shape[1] - negative - positive, torch.zeros_like(negative)
        reason = "exact: all eigenvalues are at hand"
        return cls(negative, unresolved, positive, tolerance, none, "exact", True, 0, reason)


def inertia(
    matrix: Float[Tensor, "*members size size"] | SymmetricOperator,
    *,
    tolerance: float,
    zero_modes: Float[Tensor, "size count"] | None = None,
    generator: torch.Generator | None = None,
    method: Literal["auto", "exact", "estimated"] = "auto",
    max_products: int | None = None,
    memory: int = MEMORY,
) -> Inertia:
    """Count the negative, unresolved and positive eigenvalues of symmetric matrices, or of an operator.

    Of a batch of matrices the eigenvalues of the symmetric part are computed one member at a time; beside the input one
    matrix is allocated. Of one operator or matrix they are computed too ("exact"), in float64 and in three matrices of
    its size, or the two ends of the spectrum are searched ("estimated").

    An eigenvalue of an operator counts as negative or positive only if it lies beyond the cut by more than the error of
    the method: rounding (``rounding_level`` of all eigenvalues; in a search size times the machine precision of the
    radius), twice |H Z| for zero modes Z, and twice the residuals of the search. What lies nearer to the cut is
    unresolved, so that a count is never too large.

    Args:
        matrix: Symmetric matrices (members, size, size), or one operator or matrix, which is one member.
        tolerance: What counts as unresolved, relative to each matrix's spectral radius. At least size times the machine
            precision, the error of the eigenvalues themselves, and below 1.
        zero_modes: Directions in which the operator is known to vanish, such as the generators of a symmetry at a
            critical point: linearly independent columns. They are projected out and counted apart.
        generator: On the CPU; draws the starts of a search. Needed for an operator above 512 parameters unless the
            method is "exact".
        method: "auto" computes all eigenvalues of a matrix, and of an operator where that is cheap, see ``choose``, or
            where a search has ended before the cut and ``memory`` holds three matrices.
        max_products: Products that a search may take, ``SEARCH`` if None.
        memory: Bytes that the exact way, or a search, may allocate.

    Returns:
        The counts and the absolute cuts.

    Raises:
        TypeError: If the matrix is neither a tensor nor an operator.
        ValueError: If the matrices are not square, finite and symmetric to the tolerance, the tolerance is out of
            range, a zero mode is none to the tolerance, or the method, its generator or a number does not fit.

    Examples:
        >>> counts = inertia(torch.diag(torch.tensor([-2.0, 1e-9, 1.0, 3.0]))[None], tolerance=1e-6)
        >>> counts.negative, counts.unresolved, counts.positive
        (tensor([1]), tensor([1]), tensor([2]))
        >>> rotation = torch.tensor([[1.0], [-1.0]])
        >>> counts = inertia(torch.ones(2, 2), tolerance=1e-3, zero_modes=rotation)
        >>> counts.zero_modes, counts.unresolved, counts.positive
        (tensor([1]), tensor([0]), tensor([1]))
    """
    if method not in ("auto", "exact", "estimated"):
        raise ValueError(f"method must be 'auto', 'exact' or 'estimated', got {method!r}.")
    if isinstance(matrix, Tensor) and matrix.ndim != 2:
        if zero_modes is not None or method == "estimated":
            raise ValueError("zero_modes and method='estimated' are for one matrix or operator, but matrix is a batch.")
        return _of_batch(matrix, tolerance)
    operator = as_operator(matrix)
    limit = SEARCH if max_products is None else max_products
    checked_sizes(max_products=limit, memory=memory)
    _checked_cut(tolerance, operator.size, operator.dtype)
    given = isinstance(matrix, Tensor)
    if generator is None and (method == "estimated" or (method == "auto" and not given and operator.size > SMALL)):
        raise ValueError("generator must be a torch.Generator on the CPU where the inertia may be estimated, got None.")
    if generator is not None:
        checked_generator(generator)
    modes, coupling = _checked_modes(operator, zero_modes)
    spent = 0 if modes is None else modes.shape[1]
    way, reason = method, f"{method}: as asked for"
    if method == "auto" and given:
        way, reason = "exact", "exact: a matrix is at hand"
    elif method == "auto":
        choice = choose(operator, products_if_estimated=min(limit, operator.size), memory=memory)
        way, reason, spent = choice.method, choice.reason, spent + choice.products
    if way == "exact":
        return _exact(operator, tolerance, modes, coupling, reason, spent)
    found = _estimated(operator, tolerance, modes, coupling, reason, spent, generator, limit, memory)
    if method == "auto" and not found.finished and 24 * operator.size**2 <= memory:
        reason = f"exact: a search from both ends did not reach the cut in {found.products - spent} products"
        return _exact(operator, tolerance, modes, coupling, reason, found.products)
    return found


def rounding_level(eigenvalues: Float[Tensor, " size"], dtype: torch.dtype) -> float:
    """How far rounding may have moved each eigenvalue of a matrix that was made in ``dtype``.

    Machine precision times the smaller of size times the radius, which bounds any rounding of the entries, and
    ``ROUNDING`` times the Frobenius norm: errors of the entries are hardly correlated and add up as their squares do.

    Args:
        eigenvalues: All of the matrix.
        dtype: In which its entries were computed.

    Examples:
        >>> rounding_level(torch.tensor([0.0, 2.0]), torch.float32) == 2 * 2 * torch.finfo(torch.float32).eps
        True
    """
    values = eigenvalues.to(torch.float64)
    bound = min(len(values) * float(values.abs().max()), ROUNDING * float(torch.linalg.vector_norm(values)))
    return float(torch.finfo(dtype).eps) * bound


def _of_batch(matrix: Tensor, tolerance: float) -> Inertia:
    checked_tensors(matrix=matrix)
    if matrix.ndim != 3 or matrix.shape[1] != matrix.shape[2] or 0 in matrix.shape:
        raise ValueError(f"matrix must have shape (members, size, size), got {tuple(matrix.shape)}.")
    checked_finite(matrix=matrix)
    _checked_cut(tolerance, matrix.shape[1], matrix.dtype)
    counts, cuts = [], []
    for member, one in enumerate(matrix):
        unit = _unit(one)
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
    none = torch.zeros_like(negative)
    reason = "exact: matrices are at hand"
    return Inertia(negative, unresolved, positive, torch.stack(cuts), none, "exact", True, 0, reason)


def _exact(
    operator: SymmetricOperator, tolerance: float, modes: Tensor | None, coupling: float, reason: str, products: int
) -> Inertia:
    size = operator.size
    if hasattr(operator, "dense"):
        dense = operator.dense().to(torch.float64)
    else:
        dense = torch.empty(size, size, dtype=torch.float64, device=operator.device)
        for first in range(0, size, _COLUMNS):
            units = torch.zeros(size, min(_COLUMNS, size - first), dtype=operator.dtype, device=operator.device)
            units[range(first, first + units.shape[1]), range(units.shape[1])] = 1
            dense[:, first : first + units.shape[1]] = product(operator, units)
        products += size
    checked_finite(operator=dense)
    unit = _unit(dense)
    symmetric = (dense + dense.mT) / (2 * unit)
    skew = float((dense - dense.mT).abs().max()) / unit
    del dense
    if modes is not None:
        image = symmetric @ modes
        symmetric = symmetric - image @ modes.mT - modes @ image.mT + modes @ (modes.mT @ image) @ modes.mT
        symmetric = (symmetric + symmetric.mT) / 2
    eigenvalues = torch.linalg.eigvalsh(symmetric)
    radius = float(eigenvalues.abs().max())
    cut = tolerance * radius
    if skew > cut:
        raise ValueError(f"operator must be symmetric, but differs from its transpose by {skew * unit:.1e}.")
    error = rounding_level(eigenvalues, operator.dtype) + 2 * coupling / unit
    negative, positive = (int((sign * eigenvalues > cut + error).sum()) for sign in (-1, 1))
    return _one(operator, negative, positive, cut * unit, modes, coupling, "exact", True, products, reason)


def _estimated(
    operator: SymmetricOperator,
    tolerance: float,
    modes: Tensor | None,
    coupling: float,
    reason: str,
    products: int,
    generator: torch.Generator | None,
    limit: int,
    memory: int,
) -> Inertia:
    count = eigenvalues_beyond(
        operator,
        tolerance=tolerance,
        generator=generator or torch.Generator(),
        max_products=limit,
        memory=memory,
        zero_modes=modes,
        coupling=coupling,
    )
    finished = count.ended == "inside"
    if finished:
        reason += f"; both ends were followed to the cut in {count.products} products"
    elif count.ended == "memory":
        reason += f"; {memory / 1e9:.3g} GB of vectors were full before the cut, the rest is unresolved"
    else:
        reason += f"; {count.products} products were used up before the cut, the rest is unresolved"
    return _one(
        operator,
        count.negative,
        count.positive,
        count.cut,
        modes,
        coupling,
        "estimated",
        finished,
        products + count.products,
        reason,
    )


def _one(
    operator: SymmetricOperator,
    negative: int,
    positive: int,
    cut: float,
    modes: Tensor | None,
    coupling: float,
    method: Literal["exact", "estimated"],
    finished: bool,
    products: int,
    reason: str,
) -> Inertia:
    """One member's counts, once its zero modes have turned out to be zero to the tolerance."""
    if coupling > cut:
        raise ValueError(
            f"zero_modes must vanish under the operator to the tolerance, {cut:.1e}, but |H z| is {coupling:.1e}."
        )
    zeros = 0 if modes is None else modes.shape[1]
    counts = (negative, operator.size - zeros - negative - positive, positive)
    below, unresolved, above, known = torch.tensor([*counts, zeros], device=operator.device)[:, None]
    tolerance = torch.tensor([cut], dtype=torch.float64, device=operator.device)
    return Inertia(below, unresolved, above, tolerance, known, method, finished, products, reason)


def _checked_modes(operator: SymmetricOperator, modes: Tensor | None) -> tuple[Tensor | None, float]:
    """Orthonormal columns that span the zero modes, and the norm of their images."""
    if modes is None:
        return None, 0.0
    checked_tensors(zero_modes=modes)
    if modes.ndim != 2 or len(modes) != operator.size or not 0 < modes.shape[1] < operator.size:
        raise ValueError(
            f"zero_modes must have shape ({operator.size}, count) with 0 < count < {operator.size}, "
            f"got {tuple(modes.shape)}."
        )
    if modes.dtype != operator.dtype or modes.device != operator.device:
        raise ValueError(
            f"zero_modes must have the operator's dtype and device, {operator.dtype} on {operator.device}, "
            f"got {modes.dtype} on {modes.device}."
        )
    checked_finite(zero_modes=modes)
    lengths = modes.abs().amax(dim=0)
    scaled = modes.to(torch.float64) / torch.where(lengths > 0, lengths, 1)
    q, r = torch.linalg.qr(scaled)
    sizes = torch.linalg.svdvals(r)
    if bool(sizes[-1] <= operator.size * torch.finfo(modes.dtype).eps * sizes[0]):
        raise ValueError("zero_modes must be linearly independent columns, but one is a combination of the others.")
    images = product(operator, q)
    return q, float(torch.linalg.matrix_norm(images))


def _checked_cut(tolerance: object, size: int, dtype: torch.dtype) -> None:
    floor = size * torch.finfo(dtype).eps
    try:
        fits = floor <= checked_number("tolerance", tolerance) < 1
    except ValueError:
        fits = False
    if not fits:
        raise ValueError(f"tolerance must lie in [size * machine precision, 1) = [{floor:.1e}, 1), got {tolerance!r}.")


def _unit(matrix: Tensor) -> float:
    """A power of two by which a matrix is divided exactly, so that no entry overflows or underflows."""
    return 2.0 ** (math.frexp(float(matrix.abs().max()))[1] - 1)
