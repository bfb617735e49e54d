r"""Lanczos tridiagonalisation of a symmetric operator that is known by its products.

.. math:: H V = V T + \beta_m v_{m+1} e_m'

with orthonormal columns V, first the normalised start, and a tridiagonal T. Rounding destroys the orthogonality of the
plain recurrence as soon as a Ritz value converges, which then appears again and again ("ghosts"). Here every product is
orthogonalised against the whole basis, once more if that takes off much; twice is enough (Giraud, Langou, Rozloznik and
van den Eshof 2005), V is orthonormal to a few units of rounding and a Ritz value appears as often as its eigenvectors
are in the space.

Basis and recurrence are in float64 whatever the operator's dtype: a vector is rounded for the product, and the product
widened. Norms are safe from overflow and underflow, so that H may be scaled by any power of ten that its products bear.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from numerics.arguments import checked_finite, checked_generator, checked_sizes, checked_tensors
from numerics.curvature.linear_operator import SymmetricOperator, as_operator, power_of_two, product, refuse_skew

FALL = 0.7
"""A vector that orthogonalisation shortens to less than this part of its length is orthogonalised once more."""
BREAKDOWN = 16.0
"""A remainder below this many units of the products' rounding, relative to the operator's scale, is nothing."""


@dataclass(frozen=True)
class Tridiagonal:
    """A Lanczos tridiagonalisation. Where the start's Krylov space was exhausted T splits: an off-diagonal entry is 0.

    Attributes:
        diagonal: Of T.
        off_diagonal: Of T, not negative.
        basis: The Lanczos vectors, orthonormal columns.
        residual_norm: Norm of what the last product has outside the basis, 0 if nothing.
        products: How many products were taken: as many as there are columns.
    """

    diagonal: Float[Tensor, " steps"]
    off_diagonal: Float[Tensor, " couplings"]
    basis: Float[Tensor, "size steps"]
    residual_norm: float
    products: int

    def ritz(self) -> tuple[Float[Tensor, " steps"], Float[Tensor, "steps steps"], Float[Tensor, " steps"]]:
        """Eigenvalues of T in ascending order, its eigenvectors in columns, and each Ritz pair's residual norm.

        The residual norm of the pair (theta, V s) is ``residual_norm`` times the last entry of s, up to the rounding of
        the products; some eigenvalue of the operator (projected, if vectors were locked) lies that close to theta. The
        squared first entries of the eigenvectors are the weights of the start's spectral measure.
        """
        matrix = torch.diag(self.diagonal)
        if len(self.off_diagonal):
            matrix = matrix + torch.diag(self.off_diagonal, 1) + torch.diag(self.off_diagonal, -1)
        values, vectors = torch.linalg.eigh(matrix)
        return values, vectors, self.residual_norm * vectors[-1].abs()


def lanczos(
    operator: SymmetricOperator | Float[Tensor, "size size"],
    start: Float[Tensor, " size"],
    steps: int,
    *,
    generator: torch.Generator,
    locked: Float[Tensor, "size columns"] | None = None,
    go_on: bool = True,
    radius: float | None = None,
) -> Tridiagonal:
    """Tridiagonalise an operator on the Krylov space of a start vector.

    Allocates ``steps`` vectors of the operator's size in float64, and a copy of the locked ones.

    Args:
        operator: A symmetric operator or matrix.
        start: The first vector, of any length but zero.
        steps: How many products are taken; fewer if the space, less what is locked, is exhausted.
        generator: On the CPU; draws a new start if the Krylov space of the last one is exhausted.
        locked: Orthonormal columns, such as known eigenvectors. The operator is projected to their complement.
        go_on: Whether an exhausted Krylov space is followed by that of a new random start, orthogonal to all before. If
            not, the result ends there, and has every piece of the start's spectral measure.
        radius: A lower bound on the operator's norm where vectors are locked, which may hide it. What products along
            older vectors must be for symmetry can only be told from rounding, and is only checked, if none are locked
            or this is given.

    Returns:
        The tridiagonal matrix, the basis, and what is left of the last product.

    Raises:
        TypeError: If it is no operator, or the generator none.
        ValueError: If start or locked do not fit the operator, the start is zero or in the span of what is locked, the
            locked columns are not orthonormal, or products are not finite or contradict symmetry.

    Examples:
        >>> matrix = torch.diag(torch.tensor([1.0, 2.0, 4.0], dtype=torch.float64))
        >>> start = torch.ones(3, dtype=torch.float64)
        >>> run = lanczos(matrix, start, 3, generator=torch.Generator().manual_seed(0))
        >>> values, vectors, residuals = run.ritz()
        >>> values
        tensor([1.0000, 2.0000, 4.0000], dtype=torch.float64)

    References:
        Paige, J. Inst. Maths Applics 18 (1976) 341, on what rounding does to the plain recurrence; Giraud et al.,
        Numer. Math. 101 (2005) 87, on why two passes are enough.
    """
    operator = as_operator(operator)
    size = operator.size
    checked_sizes(steps=steps)
    checked_generator(generator)
    checked_tensors(start=start)
    if tuple(start.shape) != (size,):
        raise ValueError(f"start must have shape ({size},), got {tuple(start.shape)}.")
    checked_finite(start=start)
    frozen = 0 if locked is None else _checked_locked(locked, size)
    steps = min(steps, size - frozen)
    rows = torch.zeros(frozen + max(steps, 0), size, dtype=torch.float64, device=operator.device)
    if locked is not None:
        rows[:frozen] = locked.mT.to(rows)

    first = start.to(rows)
    length = norm(first)
    if length == 0.0:
        raise ValueError("start must not be zero.")
    vector, kept = normalised(first / length, rows[:frozen])
    if steps < 1 or kept < 1e-10:
        raise ValueError("start must not lie in the span of the locked vectors.")
    diagonal: list[float] = []
    off_diagonal: list[float] = []
    scale, remainder = 0.0, 0.0
    for step in range(frozen, frozen + steps):
        rows[step] = vector
        image, coefficients, clean = orthogonalised(product(operator, vector), rows[: step + 1])
        remainder = norm(image)
        diagonal.append(float(coefficients[-1]))
        scale = max(scale, abs(diagonal[-1]) + remainder)
        skew = coefficients[frozen:-1].clone()  # T is tridiagonal and symmetric if the operator is symmetric
        if len(skew) and (frozen == 0 or radius is not None):
            skew[-1] -= off_diagonal[-1]
            largest = max(scale, radius or 0.0)
            unit = power_of_two(largest)
            refuse_skew(skew / unit, skew.new_tensor(largest / unit), operator.dtype, unit)
        if remainder <= BREAKDOWN * torch.finfo(operator.dtype).eps * scale:
            remainder = 0.0
        if step + 1 == frozen + steps or (remainder == 0.0 and not go_on):
            break
        off_diagonal.append(remainder)
        if clean and remainder > 0.0:
            vector, kept = image / remainder, 1.0
        elif remainder > 0.0:
            vector, kept = normalised(image / remainder, rows[: step + 1])
        if remainder == 0.0 or kept < 0.5:
            off_diagonal[-1] = 0.0
            vector = random_direction(rows[: step + 1], generator)
    return Tridiagonal(
        torch.tensor(diagonal, dtype=torch.float64, device=rows.device),
        torch.tensor(off_diagonal, dtype=torch.float64, device=rows.device),
        rows[frozen : frozen + len(diagonal)].mT,
        remainder,
        len(diagonal),
    )


def probability_of_missing(remainders: float, gaps: Float[Tensor, " steps"], *, free: int, rounding: float) -> float:
    r"""Bound the probability that a random start has hidden an eigenvalue beyond a level.

    After s steps from a unit vector q, with off-diagonal entries beta (the last is the norm of what is left) and Ritz
    values theta below the level, a unit eigenvector u of an eigenvalue above it has

    .. math:: |\langle q, u\rangle| \le \prod_{j \le s} \beta_j \Big/ \prod_{j \le s} (level - \theta_j) = \gamma_s,

    and u does not depend on q: for q uniform on the sphere in d dimensions
    :math:`P(|\langle q, u\rangle| \le t) \le t \sqrt{2 d/\pi}`. Rounding errors are taken not to be directed at u.

    Args:
        remainders: The sum of log beta_j.
        gaps: level - theta_j.
        free: The number of dimensions d.
        rounding: Machine precision of the products times the radius; adds rounding / min(gaps) / sqrt(d) to gamma.

    Returns:
        The bound; 1 if a Ritz value lies beyond the level.
    """
    if not bool((gaps > 0.0).all()):
        return 1.0
    gamma = math.exp(min(remainders - float(gaps.log().sum()), 0.0))
    return min(1.0, math.sqrt(2 * free / math.pi) * (gamma + rounding / float(gaps.min()) / math.sqrt(free)))


def norm(vector: Float[Tensor, " size"]) -> float:
    """Euclidean norm of a vector whose squares may overflow or underflow; NaN or infinite only if an entry is."""
    length = float(torch.linalg.vector_norm(vector))
    if 1e-140 < length < 1e140:
        return length
    largest = float(vector.abs().max()) if len(vector) else 0.0
    if largest == 0.0 or not math.isfinite(largest):
        return largest
    unit = 2.0 ** max(math.frexp(largest)[1] - 1, -1000)  # a power of two: the division is exact
    return unit * float(torch.linalg.vector_norm(vector / unit))


def orthogonalised(
    vector: Float[Tensor, " size"], rows: Float[Tensor, "steps size"]
) -> tuple[Float[Tensor, " size"], Float[Tensor, " steps"], bool]:
    """A vector less its components along orthonormal rows, and these components.

    First the last two rows are taken off, which is nearly all there is of a Lanczos step, and then all rows, once more
    if that shortens what is left to less than ``FALL`` of its length: what is left is then orthogonal to rounding
    (Daniel, Gragg, Kaufman and Stewart, Math. Comp. 30 (1976) 772).

    Returns:
        What is left, the components, and whether what is left is orthogonal to rounding of its own length, too; if not
        it is little but rounding.
    """
    near = rows[-2:]
    along = near @ vector
    rest = torch.addmv(vector, near.mT, along, alpha=-1)
    left, coefficients = norm(rest), rest.new_zeros(len(rows))
    coefficients[len(rows) - len(near) :] = along
    for _ in range(2):
        before, correction = left, rows @ rest
        rest = torch.addmv(rest, rows.mT, correction, alpha=-1)
        coefficients += correction
        left = norm(rest)
        if left >= FALL * before:
            return rest, coefficients, left > 0.0
    return rest, coefficients, False


def normalised(
    vector: Float[Tensor, " size"], rows: Float[Tensor, "steps size"]
) -> tuple[Float[Tensor, " size"], float]:
    """A unit vector made orthogonal to orthonormal rows and to unit length, and what was left of its length."""
    rest, _, _ = orthogonalised(vector, rows)
    left = norm(rest)
    if left == 0.0:
        return rest, 0.0
    rest = rest / left
    if left < 0.7:  # what is left may be rounding: once more, now on a unit vector
        rest, _, _ = orthogonalised(rest, rows)
        rest = rest / norm(rest)
    return rest, left


def random_direction(rows: Float[Tensor, "steps size"], generator: torch.Generator) -> Float[Tensor, " size"]:
    """A unit vector, uniformly random in the complement of orthonormal rows that do not fill the space."""
    while True:
        draw = torch.randn(rows.shape[1], generator=generator, dtype=torch.float64).to(rows.device)
        length = norm(draw)
        if length > 0.0:
            vector, left = normalised(draw / length, rows)
            if left > 1e-10:
                return vector


def _checked_locked(locked: Tensor, size: int) -> int:
    """Refuse locked vectors that are not orthonormal columns of the operator's size; their number."""
    checked_tensors(locked=locked)
    if locked.ndim != 2 or locked.shape[0] != size:
        raise ValueError(f"locked must have shape ({size}, columns), got {tuple(locked.shape)}.")
    checked_finite(locked=locked)
    identity = torch.eye(locked.shape[1], dtype=torch.float64, device=locked.device)
    wide = locked.to(torch.float64)
    if locked.shape[1] and float((wide.mT @ wide - identity).abs().max()) > 1e-6:
        raise ValueError("locked must have orthonormal columns.")
    return int(locked.shape[1])
