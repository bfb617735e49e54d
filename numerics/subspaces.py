"""Subspaces of parameter space: random ones, and parameters seen from within them.

Conventions. A basis A has its vectors as columns, (parameters, dimension), shared by all members or one per member.
Coordinates z stand for the vector A z; a gradient g is seen from within as A' g.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from numerics.arguments import checked_device, checked_dtype, checked_finite, checked_sizes, checked_tensors
from numerics.seeded import seeded_normal

Basis = Float[Tensor, "parameters dimension"] | Float[Tensor, "members parameters dimension"]


def random_basis(
    parameters: int,
    dimension: int,
    *,
    seeds: Sequence[int],
    dtype: torch.dtype = torch.float64,
    device: torch.device | str = "cpu",
) -> Float[Tensor, "members parameters dimension"]:
    """Orthonormal bases of random subspaces, uniform over all subspaces of that dimension.

    Args:
        parameters: Dimension of the whole space.
        dimension: Of the subspace, at most as many.
        seeds: One per member.
        dtype: float32 or float64; draws are made in float64 and rounded.
        device: Where the bases shall be.

    Raises:
        ValueError: If a size is not positive, the subspace is larger than the space, there is no seed, the dtype is
            neither float32 nor float64, or there is no such device.

    Examples:
        >>> basis = random_basis(5, 2, seeds=[0, 1])
        >>> basis.shape, bool(torch.allclose(basis.mT @ basis, torch.eye(2, dtype=torch.float64)))
        (torch.Size([2, 5, 2]), True)
    """
    checked_sizes(parameters=parameters, dimension=dimension)
    checked_dtype(dtype)
    place = checked_device(device)
    if dimension > parameters:
        raise ValueError(f"dimension must be at most {parameters}, the number of parameters, got {dimension}.")
    draws = seeded_normal("subspace", (parameters, dimension), seeds=seeds, dtype=torch.float64, device="cpu")
    basis, triangle = torch.linalg.qr(draws)
    signs = torch.where(triangle.diagonal(dim1=-2, dim2=-1) < 0, -1.0, 1.0)
    uniform: Tensor = basis * signs[:, None]
    return uniform.to(dtype=dtype).to(device=place)


class Subspace:
    """The subspace of each member, or the whole space.

    Args:
        theta: Parameters of the members, whose shape, dtype and device the basis fits.
        basis: Linearly independent columns, shared or one set per member; None for the whole space.

    Raises:
        TypeError: If the basis is no tensor.
        ValueError: If it does not fit theta, is not finite, or its columns are dependent.

    Examples:
        >>> plane = Subspace(torch.ones(1, 3), torch.tensor([[1.0, 0.0], [0.0, 2.0], [0.0, 0.0]]))
        >>> plane.pushed(torch.ones(1, 2), torch.tensor([0])), plane.coordinates(torch.ones(1, 3))
        (tensor([[1., 2., 0.]]), tensor([[1.0000, 0.5000]]))
    """

    def __init__(self, theta: Float[Tensor, "members parameters"], basis: Basis | None) -> None:
        self.basis = None if basis is None else _checked_basis(basis, theta)

    def coordinates(self, theta: Float[Tensor, "members parameters"]) -> Float[Tensor, "members dimension"]:
        """A+ theta, the coordinates of what is nearest to each member in its subspace."""
        if self.basis is None:
            return theta
        inverse: Tensor = torch.linalg.pinv(self.basis)
        return (inverse @ theta[:, :, None]).squeeze(-1)

    def pushed(
        self, z: Float[Tensor, "rows dimension"], members: Int[Tensor, " rows"]
    ) -> Float[Tensor, "rows parameters"]:
        """A z of rows that stand for members."""
        if self.basis is None:
            return z
        return z @ self.basis[0].mT if len(self.basis) == 1 else _by_member(z, members, self.basis.mT)

    def pulled(
        self, gradient: Float[Tensor, "rows parameters"], members: Int[Tensor, " rows"]
    ) -> Float[Tensor, "rows dimension"]:
        """A' g of rows that stand for members."""
        if self.basis is None:
            return gradient
        return gradient @ self.basis[0] if len(self.basis) == 1 else _by_member(gradient, members, self.basis)


def _by_member(rows: Tensor, members: Tensor, matrices: Tensor) -> Tensor:
    """Each row times its member's matrix, without a copy of the matrix per row."""
    product = rows.new_empty(len(rows), matrices.shape[2])
    for member in set(members.tolist()):
        own = members == member
        product[own] = rows[own] @ matrices[member]
    return product


def _checked_basis(basis: Tensor, theta: Tensor) -> Float[Tensor, "some parameters dimension"]:
    """The basis with a members axis, of one entry if it is shared."""
    checked_tensors(basis=basis)
    members, parameters = theta.shape
    shaped = basis[None] if basis.ndim == 2 else basis
    fits = shaped.ndim == 3 and shaped.shape[1] == parameters and 1 <= shaped.shape[2] <= parameters
    if not fits or (basis.ndim == 3 and len(basis) != members):
        raise ValueError(
            f"basis must have shape ({parameters}, k) or ({members}, {parameters}, k), 1 <= k <= {parameters}, got "
            f"{tuple(basis.shape)}."
        )
    if basis.dtype != theta.dtype or basis.device != theta.device:
        raise ValueError(
            f"basis must have theta's dtype and device, {theta.dtype} on {theta.device}, got {basis.dtype} on "
            f"{basis.device}."
        )
    checked_finite(basis=basis)
    if bool((torch.linalg.matrix_rank(shaped) < shaped.shape[2]).any()):
        raise ValueError("basis must have linearly independent columns.")
    return shaped.detach()
