r"""The set on which a network fits its data: walks on it, and its dimension as its own points show it.

Conventions: r(theta) = outputs - targets, all of a member's in one vector, J = dr/dtheta. Right singular vectors of J
count as moving the outputs if their singular value exceeds ``RANK_CUT`` times the largest one; the others span the
kernel. A *correction* is the shortest step that would remove the residuals if they were linear, -J^+ r. The loss is the
mean over examples of the sum of squared residuals.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import torch
from jaxtyping import Float, Int
from torch import Tensor

from numerics.arguments import checked_number, checked_sizes
from numerics.curvature.assembly import output_jacobian
from numerics.functional_module import FunctionalModule, Network
from numerics.losses import SquaredError, Targets
from numerics.objective import Inputs, check_problem, has_own_targets
from numerics.seeded import checked_seeds, seeded_normal

RANK_CUT: Final = 1e-10
"""Singular values of J below this part of the largest one count as zero."""

FLAT_CUT: Final = 0.03
"""Directions in which a cloud of points is thinner than this part of its widest one count as none of its own."""

_CORRECTIONS = 30
_NOWHERE = 1e-6
_ABOVE_ROUNDING = 100  # FLAT_CUT would take anything nearer for a direction of the set


@dataclass(frozen=True)
class ZeroSetWalk:
    """Points of zero loss, one after another, for every member.

    Args:
        points: The points; a member that has gone far enough stays at its last one.
        losses: The loss at each of them.
        distances: How far each is from the first one, in a straight line.
    """

    points: Float[Tensor, "members points parameters"]
    losses: Float[Tensor, "members points"]
    distances: Float[Tensor, "members points"]


@torch.no_grad()
def walk_on_zero_set(
    network: Network,
    theta: Float[Tensor, "members parameters"],
    x: Inputs,
    y: Float[Tensor, "*members batch outputs"],
    *,
    distance: float,
    step: float,
    seeds: Sequence[int],
    max_steps: int = 1000,
) -> ZeroSetWalk:
    """Walk on the zero set of every member until a distance from the start is reached, straight on as far as it bends.

    Each step goes along the part of the last direction that lies in the kernel of J, and is then corrected back onto
    the set. The first direction is random. Allocates some Jacobians of all members, members x residuals x parameters
    numbers each, and the points.

    Args:
        network: A perceptron or a view of a module.
        theta: Points near the set, one per member; they are corrected first.
        x: Inputs, shared or one set per member.
        y: Targets, shared or one set per member.
        distance: How far to go, in a straight line from the start, > 0.
        step: Length of one step before its correction, > 0.
        seeds: One per member, for the first direction.
        max_steps: Members stop after so many steps even if they are not there.

    Returns:
        The walk. Whether the points are on the set is for its losses to say, and whether a member arrived for its
        distances: a set that bends back, or a kernel of dimension 0, leads nowhere.

    Raises:
        ValueError: If the problem's pieces do not fit or are not finite, there is not one seed per member, or a number
            is out of range.

    Examples:
        >>> from numerics import Mlp
        >>> x = torch.ones(1, 1, dtype=torch.float64)
        >>> start = torch.tensor([[1.0, 2.0]], dtype=torch.float64)  # two linear units of product 2
        >>> walk = walk_on_zero_set(Mlp((1, 1, 1), "linear"), start, x, 2 * x, distance=1.0, step=0.1, seeds=[0])
        >>> bool(walk.losses.max() < 1e-25), bool(walk.distances[0, -1] >= 1)
        (True, True)
    """
    check_problem(network, theta, x, y, SquaredError())
    far, length = checked_number("distance", distance, above=0.0), checked_number("step", step, above=0.0)
    checked_sizes(max_steps=max_steps)
    checked_seeds(seeds, len(theta))
    heading = seeded_normal("walk", (theta.shape[1],), seeds=seeds, dtype=theta.dtype, device=theta.device)
    fits = _Fits(network, x, y)
    here = _corrected(fits, theta)
    points = [here]
    for _ in range(max_steps):
        going = (here - points[0]).norm(dim=1, keepdim=True) < far
        if not bool(going.any()):
            break
        rows = _moving_directions(fits.jacobian(here))
        along = heading - _within(rows, heading)
        size = along.norm(dim=1, keepdim=True)
        going &= size > _NOWHERE * heading.norm(dim=1, keepdim=True)  # else the kernel has no such direction
        if not bool(going.any()):
            break
        along = along / size
        there = _corrected(fits, here + length * along)
        here = torch.where(going, there, here)
        heading = along
        points.append(here)
    path = torch.stack(points, dim=1)
    losses = torch.stack([fits.losses(point) for point in points], dim=1)
    return ZeroSetWalk(path, losses, (path - path[:, :1]).norm(dim=2))


@torch.no_grad()
def zero_set_dimension(
    network: Network,
    theta: Float[Tensor, "members parameters"],
    x: Inputs,
    y: Float[Tensor, "*members batch outputs"],
    *,
    radius: float,
    seeds: Sequence[int],
) -> tuple[Int[Tensor, " members"], Float[Tensor, "members parameters"], Float[Tensor, " members"]]:
    """Count the directions in which the zero set extends around a point of it, by points of the set alone.

    Twice as many points as parameters are drawn at random around each member, in all directions alike, and moved onto
    the set by the shortest ways; the principal components of where they end are compared. Along the set they spread as
    far as they were drawn; across it only as much as the set bends, by the radius less. No rank enters the count.

    Allocates members x (2 parameters) x (widest layer) x batch numbers for the outputs.

    Args:
        network: A perceptron or a view of a module.
        theta: Points near the set, one per member; they are corrected first.
        x: Inputs, shared or one set per member.
        y: Targets, shared or one set per member.
        radius: Standard deviation of the points drawn, in every coordinate, > 0; small, but far above rounding: that
            of the parameters, and that of the outputs over the largest singular value of J.
        seeds: One per member.

    Returns:
        The number of principal components above ``FLAT_CUT`` times the largest; all of them, over the largest, from the
        largest down; and the largest loss of the points.

    Raises:
        ValueError: If the problem's pieces do not fit or are not finite, there is not one seed per member, or the
            radius is not positive, lost in rounding, or so large that a point drawn runs away.

    Examples:
        >>> from numerics import Mlp
        >>> x = torch.ones(1, 1, dtype=torch.float64)
        >>> start = torch.tensor([[1.0, 2.0]], dtype=torch.float64)  # two linear units of product 2
        >>> zero_set_dimension(Mlp((1, 1, 1), "linear"), start, x, 2 * x, radius=1e-4, seeds=[0])[0]
        tensor([1])
    """
    check_problem(network, theta, x, y, SquaredError())
    size = checked_number("radius", radius, above=0.0)
    checked_seeds(seeds, len(theta))
    members, parameters = theta.shape
    count = 2 * parameters
    fits = _Fits(network, x, y)
    base = _corrected(fits, theta)
    jacobian = fits.jacobian(base)
    _check_radius(size, base, jacobian, fits.rounding(base))
    inverse: Tensor = torch.linalg.pinv(jacobian, rtol=RANK_CUT)
    draws = seeded_normal("cloud", (count, parameters), seeds=seeds, dtype=theta.dtype, device=theta.device)
    cloud, each = base[:, None] + size * draws, fits.repeated(members, count)
    going = torch.ones(members, dtype=torch.bool, device=theta.device)
    for _ in range(_CORRECTIONS):  # the inverse at the base serves the whole cloud, which is small
        residual = each.residuals(cloud.flatten(0, 1)).reshape(members, count, -1)
        cloud = torch.where(going[:, None, None], cloud - residual @ inverse.mT, cloud)
        going &= residual.abs().amax(dim=(1, 2)) > fits.rounding(base)
        if not bool(going.any()):
            break
    if not bool(cloud.isfinite().all()):
        raise ValueError(f"radius must be so small that points drawn within it find back to the set, got {size:g}.")
    worst = each.losses(cloud.flatten(0, 1)).reshape(members, count).amax(dim=1)
    spread = torch.linalg.svdvals(cloud - cloud.mean(dim=1, keepdim=True))
    relative = spread / spread[:, :1]
    return (relative > FLAT_CUT).sum(dim=1), relative, worst


@dataclass(frozen=True)
class _Fits:
    """What has to vanish on the set."""

    network: Network
    x: Inputs
    y: Targets

    def outputs(self, theta: Tensor) -> Tensor:
        """Outputs of every member."""
        if isinstance(self.network, FunctionalModule):
            return self.network.forward(theta, self.x, shared=not has_own_targets(self.y))
        return self.network.forward(theta, self.x)

    def residuals(self, theta: Tensor) -> Tensor:
        """The residuals of every member in one vector."""
        return (self.outputs(theta) - self.y).flatten(1)

    def losses(self, theta: Tensor) -> Tensor:
        """The loss of every member, infinite where it overflows."""
        return SquaredError().value(self.outputs(theta), self.y).nan_to_num(torch.inf, torch.inf)

    def jacobian(self, theta: Tensor) -> Tensor:
        """J of every member; what overflows is 0 there and infinite in the losses."""
        found = output_jacobian(self.network, theta, self.x, shared=not has_own_targets(self.y))
        return found.flatten(1, 2).nan_to_num(0.0, 0.0, 0.0)

    def rounding(self, theta: Tensor) -> Tensor:
        """What rounding may leave of a residual, member by member, or once where all have the same targets."""
        return 8 * torch.finfo(theta.dtype).eps * self.y.abs().amax(dim=(-2, -1)).clamp(min=1.0)

    def repeated(self, members: int, count: int) -> "_Fits":
        """The same for so many points of each member, one member after the other."""
        own_y = has_own_targets(self.y)
        own_x = own_y if isinstance(self.network, FunctionalModule) else self.x.ndim == 3
        x, y = (
            (data if own else data.expand(members, *data.shape)).repeat_interleave(count, dim=0)
            for data, own in ((self.x, own_x), (self.y, own_y))
        )
        return _Fits(self.network, x, y)


def _corrected(fits: _Fits, theta: Tensor) -> Tensor:
    """Each member moved onto the set, as near as it comes; none stops or goes on because of the others."""
    best, least = theta, fits.losses(theta)
    going = torch.ones(len(theta), dtype=torch.bool, device=theta.device)
    for _ in range(_CORRECTIONS):
        residual = fits.residuals(theta)
        going &= residual.abs().amax(dim=1) > fits.rounding(theta)
        if not bool(going.any()):
            break
        inverse: Tensor = torch.linalg.pinv(fits.jacobian(theta), rtol=RANK_CUT)
        theta = theta - (inverse @ residual[..., None]).squeeze(-1)
        losses = fits.losses(theta)
        going &= losses < least
        best, least = torch.where(going[:, None], theta, best), torch.where(going, losses, least)
    return best


def _moving_directions(jacobian: Tensor) -> Tensor:
    """The right singular vectors of J that move outputs, others zeroed; members x residuals x parameters."""
    _, values, rows = torch.linalg.svd(jacobian, full_matrices=False)
    moved: Tensor = rows * (values > RANK_CUT * values[:, :1])[..., None]
    return moved


def _within(rows: Tensor, vectors: Tensor) -> Tensor:
    """The part of vectors in the span of orthonormal rows."""
    return (rows.mT @ (rows @ vectors[..., None])).squeeze(-1)


def _check_radius(radius: float, base: Tensor, jacobian: Tensor, rounding: Tensor) -> None:
    """Refuse a cloud that is as small as the rounding of its parameters, or moves outputs by no more than theirs.

    Raises:
        ValueError: If it is.
    """
    largest = torch.linalg.matrix_norm(jacobian, 2)
    outputs = torch.where(largest > 0, rounding / largest, 0.0)  # where nothing moves, nothing is corrected
    parameters = torch.finfo(base.dtype).eps * base.abs().amax(dim=1)
    least = _ABOVE_ROUNDING * float(torch.maximum(outputs, parameters).max())
    if not radius >= least:
        raise ValueError(f"radius must be far above rounding, at least {least:.2g}, got {radius:g}.")
