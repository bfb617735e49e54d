r"""Random linear maps from a few coordinates into parameter space: dense, sparse, or Fastfood.

Conventions. A projection P takes z, (members, dimension), to P z, (members, parameters), each member by a map of its
own; its transpose takes gradients back. Every kind has columns of unit length, the dense one exactly and orthonormal,
the others on average, so that coordinates have the units of parameters.

The dense one is uniform over all orthonormal frames and takes parameters x dimension numbers a member. A sparse one
holds about the root of the number of parameters numbers a column. Fastfood stacks blocks H G S H B of the size n of
the next power of two, H a Walsh-Hadamard matrix, B signs, S a permutation, G Gaussian: 3 numbers a parameter and
parameters x log n operations, whatever the dimension.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from numerics.arguments import checked_device, checked_dtype, checked_finite, checked_sizes, checked_tensors
from numerics.seeded import generators
from numerics.subspaces import random_basis

_BLOCK = 32  # size of the largest matrix that is multiplied with


@runtime_checkable
class Projection(Protocol):
    """A linear map into parameter space, one per member."""

    def push(self, z: Float[Tensor, "members dimension"]) -> Float[Tensor, "members parameters"]:
        """P z."""

    def pull(self, gradient: Float[Tensor, "members parameters"]) -> Float[Tensor, "members dimension"]:
        """P' g."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """Members, parameters, dimension."""


@dataclass(frozen=True)
class DenseProjection:
    """A matrix per member."""

    matrix: Float[Tensor, "members parameters dimension"]

    def push(self, z: Float[Tensor, "members dimension"]) -> Float[Tensor, "members parameters"]:
        """P z."""
        return (self.matrix @ z[:, :, None]).squeeze(-1)

    def pull(self, gradient: Float[Tensor, "members parameters"]) -> Float[Tensor, "members dimension"]:
        """P' g."""
        return (self.matrix.mT @ gradient[:, :, None]).squeeze(-1)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Members, parameters, dimension."""
        members, parameters, dimension = self.matrix.shape
        return members, parameters, dimension


@dataclass(frozen=True)
class SparseProjection:
    """The same number of entries of one size, with random signs, in each column, at rows drawn with replacement."""

    rows: Int[Tensor, "members dimension entries"]
    values: Float[Tensor, "members dimension entries"]
    parameters: int

    def push(self, z: Float[Tensor, "members dimension"]) -> Float[Tensor, "members parameters"]:
        """P z."""
        moved = z.new_zeros(len(z), self.parameters)
        return moved.scatter_add(1, self.rows.flatten(1), (self.values * z[:, :, None]).flatten(1))

    def pull(self, gradient: Float[Tensor, "members parameters"]) -> Float[Tensor, "members dimension"]:
        """P' g."""
        seen = gradient.gather(1, self.rows.flatten(1)).reshape(self.rows.shape)
        return (seen * self.values).sum(dim=2)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Members, parameters, dimension."""
        return self.rows.shape[0], self.parameters, self.rows.shape[1]


@dataclass(frozen=True)
class FastfoodProjection:
    """Blocks of H G S H B, cut to the number of parameters and coordinates."""

    signs: Float[Tensor, "members blocks size"]
    order: Int[Tensor, "members blocks size"]
    gains: Float[Tensor, "members blocks size"]
    parameters: int
    dimension: int

    def push(self, z: Float[Tensor, "members dimension"]) -> Float[Tensor, "members parameters"]:
        """P z."""
        padded = torch.nn.functional.pad(z, (0, self.signs.shape[2] - self.dimension))
        mixed = _transformed(padded[:, None, :] * self.signs).gather(2, self.order)
        return _transformed(mixed * self.gains).flatten(1)[:, : self.parameters]

    def pull(self, gradient: Float[Tensor, "members parameters"]) -> Float[Tensor, "members dimension"]:
        """P' g."""
        padded = torch.nn.functional.pad(gradient, (0, self.signs[0].numel() - self.parameters))
        mixed = _transformed(padded.reshape(self.signs.shape)) * self.gains
        back = torch.zeros_like(mixed).scatter(2, self.order, mixed)
        return (_transformed(back) * self.signs).sum(dim=1)[:, : self.dimension]

    @property
    def shape(self) -> tuple[int, int, int]:
        """Members, parameters, dimension."""
        return self.signs.shape[0], self.parameters, self.dimension


def walsh_hadamard(x: Float[Tensor, "*batch size"]) -> Float[Tensor, "*batch size"]:
    """Multiply by the Walsh-Hadamard matrix, entries +-1, in parts of size 32: 64 operations a number for each of them.

    Args:
        x: The last axis is transformed; its size is a power of two.

    Raises:
        TypeError: If it is no tensor.
        ValueError: If it is of another dtype than float32 and float64 or not finite, or its last size is no power of
            two.

    Examples:
        >>> walsh_hadamard(torch.tensor([1.0, 2.0, 3.0, 4.0]))
        tensor([10., -2., -4.,  0.])

    References:
        Le, Sarlos and Smola (2013), Fastfood, arXiv:1408.3060, section 3.
    """
    checked_tensors(x=x)
    checked_finite(x=x)
    size = x.shape[-1] if x.ndim else 0
    if size < 1 or size & (size - 1):
        raise ValueError(f"x must have a last axis whose size is a power of two, got {size}.")
    return x.clone() if size == 1 else _transformed(x)


def random_projection(
    kind: str,
    parameters: int,
    dimension: int,
    *,
    seeds: Sequence[int],
    dtype: torch.dtype = torch.float64,
    device: torch.device | str = "cpu",
) -> Projection:
    """Draw a random map from ``dimension`` coordinates into parameter space, one per member.

    Args:
        kind: "dense", "sparse" or "fastfood".
        parameters: Dimension of the whole space.
        dimension: Number of coordinates, at most as many.
        seeds: One per member.
        dtype: float32 or float64; draws are made in float64 and rounded.
        device: Where the projection shall be.

    Raises:
        ValueError: If the kind is another one, a size is not positive, there are more coordinates than parameters,
            there is no seed, the dtype is neither float32 nor float64, or there is no such device.

    Examples:
        >>> fast = random_projection("fastfood", 1000, 10, seeds=[0, 1])
        >>> fast.shape, fast.push(torch.ones(2, 10, dtype=torch.float64)).shape
        ((2, 1000, 10), torch.Size([2, 1000]))

    References:
        Li, Farkhoor, Liu and Yosinski (2018), arXiv:1804.08838, section 2; Li, Hastie and Church
        (2006), Very sparse random projections, KDD 2006; Le, Sarlos and Smola (2013), arXiv:1408.3060.
    """
    checked_sizes(parameters=parameters, dimension=dimension)
    checked_dtype(dtype)
    place = checked_device(device)
    if dimension > parameters:
        raise ValueError(f"dimension must be at most {parameters}, the number of parameters, got {dimension}.")
    if kind == "dense":
        return DenseProjection(random_basis(parameters, dimension, seeds=seeds, dtype=dtype, device=place))
    if kind == "sparse":
        return _sparse(parameters, dimension, seeds, dtype, place)
    if kind == "fastfood":
        return _fastfood(parameters, dimension, seeds, dtype, place)
    raise ValueError(f"kind must be dense, sparse or fastfood, got {kind!r}.")


def _sparse(
    parameters: int, dimension: int, seeds: Sequence[int], dtype: torch.dtype, device: torch.device
) -> SparseProjection:
    entries = max(1, round(math.sqrt(parameters)))
    rows, signs = [], []
    for generator in generators("sparse projection", seeds):
        rows.append(torch.randint(parameters, (dimension, entries), generator=generator))
        signs.append(2 * torch.randint(2, (dimension, entries), generator=generator) - 1)
    values = torch.stack(signs).to(dtype) / math.sqrt(entries)
    return SparseProjection(torch.stack(rows).to(device), values.to(device), parameters)


def _fastfood(
    parameters: int, dimension: int, seeds: Sequence[int], dtype: torch.dtype, device: torch.device
) -> FastfoodProjection:
    size = 1 << (int(dimension) - 1).bit_length()
    blocks = -(-parameters // size)
    signs, order, gains = [], [], []
    for generator in generators("Fastfood", seeds):
        signs.append(2 * torch.randint(2, (blocks, size), generator=generator) - 1)
        order.append(torch.rand(blocks, size, generator=generator, dtype=torch.float64).argsort(dim=1))
        normal = torch.randn(blocks, size, generator=generator, dtype=torch.float64)
        # a row of H G S H B has the length |G| sqrt(size); that of P shall be sqrt(size/parameters) before the cut
        gains.append(normal / (normal.norm(dim=1, keepdim=True) * math.sqrt(parameters)))
    return FastfoodProjection(
        torch.stack(signs).to(dtype).to(device),
        torch.stack(order).to(device),
        torch.stack(gains).to(dtype).to(device),
        parameters,
        dimension,
    )


def _transformed(x: Tensor) -> Tensor:
    """The Walsh-Hadamard transform of rows whose size is a power of two.

    The matrix of size a b is the Kronecker product of those of sizes a and b: a small one at a time is multiplied with,
    which reads the numbers once for all of its additions.
    """
    size = x.shape[-1]
    table, step = x, 1
    while step < size:
        block = min(_BLOCK, size // step)
        matrix = x.new_ones(1, 1)
        while len(matrix) < block:
            matrix = torch.cat([torch.cat([matrix, matrix], dim=1), torch.cat([matrix, -matrix], dim=1)])
        table = table.reshape(-1, block) @ matrix if step == 1 else matrix @ table.reshape(-1, block, step)
        step *= block
    return table.reshape(x.shape)
