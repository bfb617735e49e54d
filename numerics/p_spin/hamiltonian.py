r"""The spherical p-spin Hamiltonian: energy, Riemannian gradient and Hessian.

.. math:: H(s) = N^{-(p-1)/2} \sum_{i_1 \dots i_p} J_{i_1 \dots i_p} s_{i_1} \cdots s_{i_p}, \qquad |s|^2 = N,

with independent J ~ N(0, 1), so that E H(s) H(t) = N (s.t/N)^p. Energies are per spin, u = H/N; gradient and Hessian
are those of H in the metric of R^N restricted to the sphere of radius sqrt(N): at a fixed point the gradient is of
length about sqrt(p N) and the Hessian a GOE matrix with edges -+2 sqrt(p (p-1)), shifted by -p u.

**Couplings.** H sees only the symmetric part of J, the means T over the p! orders of the indices. An entry of T with D
distinct orders is N(0, 1/D), independent of the others: drawn directly, one number per multiset of indices, H has
exactly the law of the unsymmetrised sum. What is kept is the matrix of T with one row per monomial of degree p-2 and
one column per pair, C(N+p-3, p-2) x N (N+1)/2 numbers (p = 3, N = 200: 32 MB; p = 4, N = 64: 35 MB). One product with
the monomials of s gives M = N^(-(p-1)/2) T(s, ..., s, ., .), and with it everything: H = s'Ms, grad H = p (M s - u s),
Hess H = p (p-1) M - p u on the tangent space.

References:
    Auffinger, Ben Arous and Cerny, arXiv:1003.1129, sections 1 (Hamiltonian) and 3 (law of the Hessian).

"""

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from numerics.arguments import (
    checked_device,
    checked_dtype,
    checked_finite,
    checked_sizes,
    checked_tensors,
    integer,
)
from numerics.seeded import generators, seeded_normal

MEMORY = 2**31
"""Bytes that the couplings of one Hamiltonian may take, unless told."""

_WORK = 2**23  # numbers in one temporary array: 64 MiB in float64


@dataclass(frozen=True, eq=False)
class SphericalSpinGlass:
    """One draw of couplings; every method takes points (starts, spins) on the sphere of radius sqrt(spins).

    Points are pulled back to the radius, so that rounding does not add up; their dtype and device are the couplings'.

    Attributes:
        order: p, spins in one product, at least 2.
        spins: N, at least 2.
        couplings: Symmetric couplings T, one row per multiset of p-2 indices and one column per pair; see the module.
        coupling_scale: Root mean square of the standardised couplings, |T|/C(N+p-1, p)^(1/2): 1 up to O(N^(-p/2)) for a
            draw. Unit of energies and gradients.
    """

    order: int
    spins: int
    couplings: Float[Tensor, "monomials pairs"]
    coupling_scale: float

    def __repr__(self) -> str:
        held = f"{self.couplings.dtype} on {self.couplings.device}, coupling_scale={self.coupling_scale:.4g}"
        return f"SphericalSpinGlass(order={self.order}, spins={self.spins}, {held})"

    @classmethod
    def draw(
        cls,
        *,
        order: int,
        spins: int,
        seed: int,
        dtype: torch.dtype = torch.float64,
        device: torch.device | str = "cpu",
        memory: int = MEMORY,
    ) -> "SphericalSpinGlass":
        """Draw couplings J ~ N(0, 1), on the CPU and in float64, then rounded and moved.

        Allocates the couplings, five times C(N+p-1, p) numbers on the CPU (the draw) and some 20 MB of work.

        Args:
            order: p, at least 2.
            spins: N, at least 2.
            seed: Of the couplings, in [0, 2**64). Independent of the starts of the same seed.
            dtype: float32 or float64.
            device: Where the couplings shall be.
            memory: Bytes that the couplings may take in float64, with the indices of their monomials.

        Raises:
            ValueError: If order or spins is below 2, N^p is no number of the dtype, they need more than the memory, the
                seed is out of range, or there is no such dtype or device.

        Examples:
            >>> glass = SphericalSpinGlass.draw(order=3, spins=20, seed=1)
            >>> s = glass.random_points([0, 1])
            >>> glass.energy(s).shape, glass.gradient(s).shape, glass.hessian(s).shape
            (torch.Size([2]), torch.Size([2, 20]), torch.Size([2, 19, 19]))
        """
        checked_dtype(dtype)
        order, spins = _checked_shape(order, spins, memory, dtype)
        device = checked_device(device)
        (generator,) = generators(f"spherical {order}-spin couplings", [seed])
        drawn = torch.randn(math.comb(spins + order - 1, order), generator=generator, dtype=torch.float64, device="cpu")
        scale = float(drawn.square().mean().sqrt())
        drawn /= _distinct_orders(spins, order).sqrt()
        monomials, pairs = _multisets(spins, order - 2), _multisets(spins, 2)
        packed = torch.empty(len(monomials), len(pairs), dtype=dtype, device=device)
        rows = max(1, _WORK // (8 * order * len(pairs)))
        for first in range(0, len(monomials), rows):
            packed[first : first + rows] = drawn[_merged_rank(monomials[first : first + rows], pairs)].to(packed)
        return cls(order, spins, packed, scale)

    @classmethod
    def from_couplings(cls, couplings: Float[Tensor, "..."]) -> "SphericalSpinGlass":
        """The Hamiltonian of given couplings, all N^p of them; only their symmetric part matters.

        Allocates two arrays of their size and looks p(p-1)/2 times at each number.

        Args:
            couplings: J, of shape (N, ..., N) with p axes. Fixes dtype and device.

        Raises:
            TypeError: If they are no tensor.
            ValueError: If the axes are not p >= 2 equal ones of at least 2, a number is not finite, or their symmetric
                part is 0.

        Examples:
            >>> glass = SphericalSpinGlass.from_couplings(torch.diag(torch.tensor([1.0, -2.0])))
            >>> bool((glass.energy(torch.tensor([[0.0, 2.0]])) + 2**0.5).abs() < 1e-6)
            True
        """
        checked_tensors(couplings=couplings)
        order, spins = couplings.ndim, couplings.shape[0] if couplings.ndim else 0
        if order < 2 or spins < 2 or set(couplings.shape) != {spins}:
            raise ValueError(
                f"couplings must have p >= 2 equal axes of at least 2 spins, got shape {tuple(couplings.shape)}."
            )
        checked_finite(couplings=couplings)
        symmetric = couplings
        for last in range(1, order):  # symmetric in the axes before: the mean over who is exchanged with the next
            total = symmetric + symmetric.transpose(0, last)
            for axis in range(1, last):
                total += symmetric.transpose(axis, last)
            symmetric = total.div_(last + 1)
        scale = float(symmetric.norm()) / math.sqrt(math.comb(spins + order - 1, order))
        if not 0 < scale < math.inf:
            raise ValueError(
                f"couplings must have a symmetric part that is finite and not 0, got one of size {scale:g}."
            )
        monomials, pairs = (_multisets(spins, degree).to(couplings.device) for degree in (order - 2, 2))
        flat = symmetric.reshape(-1, spins * spins)
        rows = (monomials * spins ** torch.arange(order - 2, device=flat.device)).sum(1)
        return cls(order, spins, flat[:, pairs[:, 0] * spins + pairs[:, 1]][rows], scale)

    def random_points(self, seeds: Sequence[int]) -> Float[Tensor, "starts spins"]:
        """Points uniform on the sphere, each of its own seed alone.

        Raises:
            ValueError: If there is no seed, or one is not an integer in [0, 2**64).
        """
        draws = seeded_normal(
            "spherical spins", (self.spins,), seeds=seeds, dtype=torch.float64, device=torch.device("cpu")
        )
        return self.on_sphere(draws.to(self.couplings))

    def on_sphere(self, points: Float[Tensor, "starts spins"]) -> Float[Tensor, "starts spins"]:
        """The points, scaled to |s|^2 = N."""
        length: Tensor = points.norm(dim=1, keepdim=True)
        return points * (math.sqrt(self.spins) / length)

    def energy(self, points: Float[Tensor, "starts spins"]) -> Float[Tensor, " starts"]:
        """Energies per spin, u = H/N. Memory as for ``gradient``.

        Raises:
            TypeError: If the points are no tensor.
            ValueError: If they do not fit the couplings, are not finite, or one is 0.
        """
        return self.energy_and_gradient(points)[0]

    def gradient(self, points: Float[Tensor, "starts spins"]) -> Float[Tensor, "starts spins"]:
        """Riemannian gradients of H, orthogonal to the points.

        Works on groups of points: about 200 MB beside the couplings, and not less than three spins x spins matrices.

        Raises:
            TypeError: If the points are no tensor.
            ValueError: If they do not fit the couplings, are not finite, or one is 0.
        """
        return self.energy_and_gradient(points)[1]

    def energy_and_gradient(
        self, points: Float[Tensor, "starts spins"]
    ) -> tuple[Float[Tensor, " starts"], Float[Tensor, "starts spins"]]:
        """Energies per spin and Riemannian gradients, from one contraction.

        Raises:
            TypeError: If the points are no tensor.
            ValueError: If they do not fit the couplings, are not finite, or one is 0.
        """
        points = self.checked_points(points)
        group = max(1, _WORK // self.spins**2)
        pieces = [self.slope(points[first : first + group]) for first in range(0, len(points), group)]
        energies, gradients = zip(*pieces, strict=True)
        return torch.cat(energies), torch.cat(gradients)

    def hessian(self, points: Float[Tensor, "starts spins"]) -> Float[Tensor, "starts spins-1 spins-1"]:
        """Riemannian Hessians of H in the orthonormal ``tangent_basis``, exactly symmetric.

        Their eigenvalues are those of p (p-1) P M P - p u P with P = 1 - ss'/N, without the zero of the radial
        direction. Allocates three spins x spins matrices per point.

        Raises:
            TypeError: If the points are no tensor.
            ValueError: If they do not fit the couplings, are not finite, or one is 0.
        """
        return self.expansion(self.checked_points(points))[2]

    def tangent_basis(self, points: Float[Tensor, "starts spins"]) -> Float[Tensor, "starts spins spins-1"]:
        """Orthonormal bases of the tangent spaces: all but the first column of the reflection that takes e_1 to -+s.

        Raises:
            TypeError: If the points are no tensor.
            ValueError: If they do not fit the couplings, are not finite, or one is 0.
        """
        mirror = _mirror(self.checked_points(points))
        identity = torch.eye(self.spins, dtype=mirror.dtype, device=mirror.device)
        return (identity - 2 * mirror[:, :, None] * mirror[:, None, :])[:, :, 1:]

    def relative_gradient(self, gradients: Float[Tensor, "starts spins"]) -> Float[Tensor, " starts"]:
        """Lengths of gradients of H relative to sqrt(p N) times ``coupling_scale``: to that of a random point.

        The scale is that of the couplings, not of the point, so that it does not vanish at any energy.
        """
        length: Tensor = gradients.norm(dim=1)
        return length / (math.sqrt(self.order * self.spins) * self.coupling_scale)

    def slope(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """``energy_and_gradient`` of points that are known to be on the sphere, all at once."""
        image = (self._contraction(points) @ points[:, :, None]).squeeze(2)
        energy = (image * points).sum(1) / self.spins
        return energy, self.order * (image - energy[:, None] * points)

    def expansion(self, points: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Energies per spin, gradients (starts, spins) and Hessians in the tangent basis of points on the sphere."""
        matrix = self._contraction(points)
        image = (matrix @ points[:, :, None]).squeeze(2)
        energy = (image * points).sum(1) / self.spins
        gradient = self.order * (image - energy[:, None] * points)
        # Q M Q with Q = 1 - 2 vv' is a change of rank two
        mirror = _mirror(points)
        turned = (matrix @ mirror[:, :, None]).squeeze(2)
        turned = 2 * (turned - (turned * mirror).sum(1, keepdim=True) * mirror)
        outer = turned[:, 1:, None] * mirror[:, None, 1:]
        hessian = (matrix[:, 1:, 1:] - (outer + outer.mT)) * (self.order * (self.order - 1))
        hessian.diagonal(dim1=1, dim2=2).sub_(self.order * energy[:, None])
        return energy, gradient, hessian

    def checked_points(self, points: Tensor) -> Tensor:
        """The points on the sphere, unless they do not fit the couplings.

        Raises:
            TypeError: If they are no tensor.
            ValueError: If shape, dtype or device differ, a number is not finite, or a point is 0.
        """
        checked_tensors(points=points)
        if points.ndim != 2 or points.shape[1] != self.spins or len(points) == 0:
            raise ValueError(f"points must have shape (starts, {self.spins}), got {tuple(points.shape)}.")
        if points.dtype != self.couplings.dtype or points.device != self.couplings.device:
            raise ValueError(
                f"points must have the couplings' dtype and device, {self.couplings.dtype} on {self.couplings.device}, "
                f"got {points.dtype} on {points.device}."
            )
        checked_finite(points=points)
        largest = points.abs().amax(dim=1, keepdim=True)
        if not bool((largest > 0).all()):
            raise ValueError("points must differ from 0, which has no direction, but one is 0.")
        return self.on_sphere(points / largest)

    def _contraction(self, points: Tensor) -> Tensor:
        """M = N^(-(p-1)/2) T(s, ..., s, ., .) of every point."""
        index, weights, square = self._layout
        monomials = weights.expand(len(points), -1)
        for column in index.unbind(1):
            monomials = monomials * points[:, column]
        pairs = monomials @ self.couplings
        return pairs.index_select(1, square).reshape(len(points), self.spins, self.spins)

    @functools.cached_property
    def _layout(self) -> tuple[Tensor, Tensor, Tensor]:
        """Indices of the monomials, their weights with the power of N, and the place of (j, k) among the pairs."""
        home, spins = self.couplings.device, self.spins
        index = _multisets(spins, self.order - 2).to(home)
        weights = _distinct_orders(spins, self.order - 2).to(self.couplings) * spins ** (-(self.order - 1) / 2)
        places = torch.arange(spins, device=home)
        large, small = torch.maximum(places[:, None], places), torch.minimum(places[:, None], places)
        return index, weights, (large * (large + 1) // 2 + small).flatten()


def _checked_shape(order: int, spins: int, memory: int, dtype: torch.dtype) -> tuple[int, int]:
    for name, size in (("order", order), ("spins", spins)):
        number = integer(size)
        if number is None or number < 2:
            raise ValueError(f"{name} must be an integer >= 2, got {size!r}.")
    checked_sizes(order=order, spins=spins, memory=memory)
    if int(order) * math.log(int(spins)) >= math.log(torch.finfo(dtype).max):  # orders of the indices of a coupling
        raise ValueError(
            f"order and spins must be such that {dtype} can hold spins**order, got order = {order} and spins = {spins}."
        )
    # what is kept, and what the draw passes through: three tables of the indices of all monomials
    monomials = math.comb(spins + order - 3, order - 2)
    need = 8 * monomials * (spins * (spins + 1) // 2 + 3 * (order - 2))
    if need > memory:
        raise ValueError(
            f"order and spins must leave couplings of at most memory = {memory} bytes, got order = {order} and "
            f"spins = {spins}, which take {float(need):.3g} with their indices."
        )
    return int(order), int(spins)


def _multisets(spins: int, degree: int) -> Int[Tensor, "multisets degree"]:
    """All multisets of indices, each in descending order, sorted: those with indices up to i come first."""
    found = torch.zeros(1, 0, dtype=torch.int64, device="cpu")
    for length in range(degree):
        blocks = [found[: math.comb(index + length, length)] for index in range(spins)]
        found = torch.cat([torch.nn.functional.pad(block, (1, 0), value=i) for i, block in enumerate(blocks)])
    return found


def _distinct_orders(spins: int, degree: int) -> Float[Tensor, " multisets"]:
    """Distinct orders of each multiset, p!/(product of the factorials of its multiplicities).

    A largest index i in front of a multiset, in which it is r times already, multiplies them by degree/(r + 1).
    """
    orders = torch.ones(1, dtype=torch.float64, device="cpu")
    largest = torch.zeros_like(orders)
    for length in range(degree):
        runs, products = [], []
        for index in range(spins):
            end, same = math.comb(index + length, length), math.comb(index + length - 1, length) if index else 0
            run = torch.ones(end, dtype=torch.float64, device="cpu")
            run[same:] += largest[same:end] if length else 0
            runs.append(run)
            products.append(orders[:end] * (length + 1) / run)
        largest, orders = torch.cat(runs), torch.cat(products)
    return orders


def _merged_rank(monomials: Tensor, pairs: Tensor) -> Int[Tensor, "monomials pairs"]:
    """Place of the indices of every monomial and pair together, by a sorting network on whole matrices."""
    shape = (len(monomials), len(pairs))
    columns = [one[:, None].expand(shape) for one in monomials.unbind(1)]
    for new in pairs.unbind(1):
        low = new[None].expand(shape)
        for place, high in enumerate(columns):
            columns[place], low = torch.maximum(high, low), torch.minimum(high, low)
        columns.append(low)
    return _rank(columns)


def _rank(columns: list[Tensor]) -> Tensor:
    """Place of i_1 >= ... >= i_p among all multisets: sum over j of C(i_j + p - j, p - j + 1), by tables."""
    order, size = len(columns), int(columns[0].max()) + 1
    total = torch.zeros_like(columns[0])
    for place, column in enumerate(columns):
        degree = order - place
        total = (
            total + torch.tensor([math.comb(index + degree - 1, degree) for index in range(size)]).to(column)[column]
        )
    return total


def _mirror(points: Tensor) -> Tensor:
    """Unit vectors v of the reflections 1 - 2 vv' that take the first axis to -+ the point."""
    unit = points / points.norm(dim=1, keepdim=True)
    first = torch.zeros_like(unit)
    first[:, 0] = torch.where(unit[:, 0] < 0, -1.0, 1.0)
    mirror: Tensor = unit + first
    length: Tensor = mirror.norm(dim=1, keepdim=True)
    return mirror / length
