"""Symmetric linear operators: all that the matrix-free methods ask of a Hessian.

Whatever multiplies a vector and knows its size, dtype and device will do; a symmetric matrix is one of them. Nothing
else is taken on trust: all methods take their products by :func:`product`, which looks at what comes back, and matrices
made of products by :func:`symmetric_part`.
"""

import math
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from numerics.arguments import checked_finite, checked_sizes, checked_tensors
from numerics.progress import progress

BLOCK = 64
"""Columns that are multiplied at once where a matrix is made of products."""


@runtime_checkable
class SymmetricOperator(Protocol):
    """A symmetric matrix known by its products."""

    @property
    def size(self) -> int:
        """Number of rows, and of columns."""

    @property
    def dtype(self) -> torch.dtype:
        """The dtype in which products are computed."""

    @property
    def device(self) -> torch.device:
        """Where products are computed."""

    def __matmul__(self, vectors: Float[Tensor, "size ..."]) -> Float[Tensor, "size ..."]:
        """The product with one vector, or with the columns of a matrix."""


class MatrixOperator:
    """A symmetric matrix as an operator. Holds the matrix itself, not a copy, and knows nothing of its gradient.

    Args:
        matrix: Symmetric to 100 size times the machine precision of its largest entry.

    Raises:
        TypeError: If it is no tensor.
        ValueError: If it is not square, finite and symmetric.

    Examples:
        >>> operator = MatrixOperator(torch.tensor([[0.0, 1.0], [1.0, 0.0]]))
        >>> operator @ torch.tensor([1.0, 2.0])
        tensor([2., 1.])
    """

    def __init__(self, matrix: Float[Tensor, "size size"]) -> None:
        checked_tensors(matrix=matrix)
        if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or 0 in matrix.shape:
            raise ValueError(f"matrix must have shape (size, size), got {tuple(matrix.shape)}.")
        checked_finite(matrix=matrix)
        skew = (matrix - matrix.mT).abs().max()
        if bool(skew > 100 * len(matrix) * torch.finfo(matrix.dtype).eps * matrix.abs().max()):
            raise ValueError(f"matrix must be symmetric, but differs from its transpose by {float(skew):.1e}.")
        self.matrix = matrix.detach()

    @property
    def size(self) -> int:
        """Number of rows, and of columns."""
        return len(self.matrix)

    @property
    def dtype(self) -> torch.dtype:
        """The dtype of the matrix."""
        return self.matrix.dtype

    @property
    def device(self) -> torch.device:
        """Where the matrix is."""
        return self.matrix.device

    def __matmul__(self, vectors: Float[Tensor, "size ..."]) -> Float[Tensor, "size ..."]:
        """The product with one vector, or with the columns of a matrix."""
        return self.matrix @ vectors

    def dense(self) -> Float[Tensor, "size size"]:
        """The matrix itself."""
        return self.matrix


def as_operator(operator: SymmetricOperator | Float[Tensor, "size size"]) -> SymmetricOperator:
    """Take an operator as it is, and a symmetric matrix as one.

    Raises:
        TypeError: If it is neither.
        ValueError: If it is a matrix that is not square, finite and symmetric, or an operator whose size is no positive
            integer, whose dtype is neither float32 nor float64, or whose device holds no numbers.

    Examples:
        >>> as_operator(torch.eye(3)).size
        3
    """
    if isinstance(operator, Tensor):
        return MatrixOperator(operator)
    if isinstance(operator, type) or not isinstance(operator, SymmetricOperator):
        raise TypeError(f"operator must be a symmetric operator or matrix, got {type(operator).__name__}.")
    checked_sizes(**{"operator.size": operator.size})
    if operator.dtype not in (torch.float32, torch.float64):
        raise ValueError(f"operator.dtype must be torch.float32 or torch.float64, got {operator.dtype!r}.")
    if not isinstance(operator.device, torch.device) or operator.device.type == "meta":
        raise ValueError(f"operator.device must be a torch.device that holds numbers, got {operator.device!r}.")
    return operator


def product(operator: SymmetricOperator, vectors: Float[Tensor, "size ..."]) -> Float[Tensor, "size ..."]:
    """The operator's product with a vector or with columns, rounded to its dtype before and in float64 after.

    The operator gets a copy and so is what comes back: neither may change, or be changed by, what is kept here.

    Raises:
        TypeError: If what comes back is no tensor.
        ValueError: If it has another shape, dtype or device than the operator's, or is not finite.

    Examples:
        >>> product(as_operator(torch.eye(2)), torch.ones(2, dtype=torch.float64))
        tensor([1., 1.], dtype=torch.float64)
    """
    given = vectors.detach().to(operator.dtype, copy=True)
    shape, dtype, device = given.shape, given.dtype, given.device
    image = operator @ given
    if not isinstance(image, Tensor):
        raise TypeError(f"operator must have tensors as products, got {type(image).__name__}.")
    if image.shape != shape or image.dtype != dtype or image.device != device or image.layout != torch.strided:
        raise ValueError(
            f"operator must have dense products of shape {tuple(shape)} in {dtype} on {device}, "
            f"got shape {tuple(image.shape)} in {image.dtype} on {image.device}."
        )
    image = image.detach().to(torch.float64, copy=True)
    if not bool(image.isfinite().all()):
        raise ValueError("operator must have finite products, got NaN or infinity.")
    return image


def symmetric_part(operator: SymmetricOperator) -> tuple[Float[Tensor, "size size"], float, int]:
    """The operator's matrix in float64, by its method ``dense()`` if it has one or by products with unit vectors.

    Allocates three matrices.

    Returns:
        The symmetric part in units of a power of two, so that no entry exceeds 1; the unit; the number of products.

    Raises:
        TypeError: If what comes back is no tensor.
        ValueError: If it does not fit the operator, is not finite, or not symmetric (see :func:`refuse_skew`).

    Examples:
        >>> symmetric_part(as_operator(torch.diag(torch.tensor([3.0, 4.0]))))
        (tensor([[0.3750, 0.0000],
                [0.0000, 0.5000]], dtype=torch.float64), 8.0, 0)
    """
    size, products = operator.size, 0
    matrix = torch.empty(size, size, dtype=torch.float64, device=operator.device)
    assemble = getattr(operator, "dense", None)
    if assemble is not None:
        dense = assemble()
        checked_tensors(**{"operator.dense()": dense})
        if dense.shape != matrix.shape:
            raise ValueError(f"operator.dense() must have shape ({size}, {size}), got {tuple(dense.shape)}.")
        matrix.copy_(dense.detach())
        del dense
    else:
        products = size
        for first in progress(range(0, size, BLOCK), "columns of the matrix"):
            columns = torch.zeros(size, min(BLOCK, size - first), dtype=operator.dtype, device=operator.device)
            columns[first : first + BLOCK].fill_diagonal_(1.0)
            matrix[:, first : first + BLOCK] = product(operator, columns)
    largest = float(matrix.abs().max())
    if not math.isfinite(largest):
        raise ValueError("operator must have finite products, got NaN or infinity.")
    unit = power_of_two(largest)
    matrix /= unit
    skew = matrix - matrix.mT
    refuse_skew(skew, matrix, operator.dtype, unit)
    return skew.copy_(matrix).add_(matrix.mT).div_(2), unit, products


def power_of_two(number: float) -> float:
    """A power of two near a number, by which division is exact, and for which it neither over- nor underflows.

    Examples:
        >>> power_of_two(3.0), power_of_two(0.0)
        (4.0, 1.0)
    """
    return math.ldexp(1.0, min(max(math.frexp(number)[1], -1000), 1000))


def tolerated_skew(dtype: torch.dtype) -> float:
    """How large a part of itself an operator may differ from its transpose by, the fourth root of machine precision.

    Products in float32 differ by 1e-7 or so, those with the 10 bits of some accelerators by 1e-3, and those of a
    network's Hessian whose training loss is 1e-7 in float32, where probabilities cancel, by 1e-2.
    """
    return math.pow(torch.finfo(dtype).eps, 1 / 4)


def refuse_skew(
    skew: Float[Tensor, "..."], matrix: Float[Tensor, "..."], dtype: torch.dtype, unit: float = 1.0
) -> None:
    """Refuse what differs from its transpose by more than rounding: by Frobenius norms, see :func:`tolerated_skew`.

    Args:
        skew: The matrix, or a part or a picture of it, less its transpose.
        matrix: The same of the matrix itself.
        dtype: Of the products.
        unit: Of both; the squares of their entries must not overflow.

    Raises:
        ValueError: If it does.
    """
    if bool(torch.linalg.vector_norm(skew) > tolerated_skew(dtype) * torch.linalg.vector_norm(matrix)):
        differs = unit * float(skew.abs().max())
        raise ValueError(f"operator must be symmetric, but differs from its transpose by {differs:.1e}.")


class Counted:
    """An operator that counts its products; a block counts once a column.

    Examples:
        >>> operator = Counted(torch.eye(3))
        >>> _ = operator @ torch.ones(3, 2)
        >>> operator.products
        2
    """

    def __init__(self, operator: SymmetricOperator | Float[Tensor, "size size"]) -> None:
        self.operator = as_operator(operator)
        self.products = 0

    @property
    def size(self) -> int:
        """Number of rows, and of columns."""
        return self.operator.size

    @property
    def dtype(self) -> torch.dtype:
        """The dtype of the products."""
        return self.operator.dtype

    @property
    def device(self) -> torch.device:
        """Where products are computed."""
        return self.operator.device

    def __matmul__(self, vectors: Float[Tensor, "size ..."]) -> Float[Tensor, "size ..."]:
        """The product with one vector, or with the columns of a matrix."""
        self.products += 1 if vectors.ndim == 1 else vectors.shape[1]
        return self.operator @ vectors
