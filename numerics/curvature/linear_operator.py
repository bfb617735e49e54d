"""Symmetric linear operators: all that the matrix-free methods ask of a Hessian.

Whatever multiplies a vector and knows its size, dtype and device will do; a symmetric matrix is one of them.
"""

from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from numerics.arguments import checked_finite, checked_tensors


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
    """A symmetric matrix as an operator. Holds the matrix itself, not a copy.

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
        self.matrix = matrix

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
        ValueError: If it is a matrix that is not square, finite and symmetric.

    Examples:
        >>> as_operator(torch.eye(3)).size
        3
    """
    if isinstance(operator, Tensor):
        return MatrixOperator(operator)
    if isinstance(operator, type) or not isinstance(operator, SymmetricOperator):
        raise TypeError(f"operator must be a symmetric operator or matrix, got {type(operator).__name__}.")
    return operator


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
