"""Training within a random subspace: theta = theta_0 + P z, with z trained and P fixed.

The least dimension of z at which training reaches some share of what training all parameters reaches is the intrinsic
dimension of the problem, at that share.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor

from numerics.arguments import checked_finite, checked_number, checked_sizes, checked_tensors, integer
from numerics.functional_module import Network
from numerics.losses import Loss, Targets
from numerics.objective import Inputs, check_problem, slope
from numerics.random_projections import Projection

_FIRST, _SECOND, _EPSILON = 0.9, 0.999, 1e-8  # of Adam


@dataclass(frozen=True)
class SubspaceTraining:
    """Where training within a subspace ended, one row per member.

    Attributes:
        coordinates: z.
        theta: theta_0 + P z.
        loss: The loss there; infinite where it overflowed.
    """

    coordinates: Float[Tensor, "members dimension"]
    theta: Float[Tensor, "members parameters"]
    loss: Float[Tensor, " members"]


@torch.no_grad()
def train_in_subspace(
    network: Network,
    theta: Float[Tensor, "members parameters"],
    x: Inputs,
    y: Targets,
    loss: Loss,
    projection: Projection,
    *,
    learning_rate: float,
    steps: int,
) -> SubspaceTraining:
    """Take full-batch steps of Adam in the coordinates z, from z = 0.

    Allocates what one gradient of the network takes, and the projection's own work.

    Args:
        network: A perceptron or a view of a module.
        theta: theta_0, one row per member. Fixes dtype and device.
        x: Inputs, shared or one set per member.
        y: Targets of the loss, shared or one set per member.
        loss: The loss.
        projection: P, from ``random_projection``, of as many members and parameters.
        learning_rate: Step size in z, positive.
        steps: Number of steps, at least 1.

    Returns:
        The end of every member.

    Raises:
        TypeError: If a piece of the problem, or the projection, is of the wrong kind.
        ValueError: If the problem's pieces do not fit or are not finite, or a number is out of range.

    Examples:
        >>> from numerics import Mlp, SquaredError, random_projection
        >>> x = torch.eye(3, dtype=torch.float64)
        >>> network, start = Mlp((3, 1), "linear"), torch.zeros(1, 3, dtype=torch.float64)
        >>> whole = random_projection("dense", 3, 3, seeds=[0])
        >>> end = train_in_subspace(
        ...     network, start, x, x.sum(0)[:, None], SquaredError(), whole, learning_rate=0.1, steps=300
        ... )
        >>> bool(end.loss < 1e-6)
        True

    References:
        Li, Farkhoor, Liu and Yosinski (2018), arXiv:1804.08838, section 2; Kingma and Ba (2014), arXiv:1412.6980.
    """
    check_problem(network, theta, x, y, loss)
    learning_rate = checked_number("learning_rate", learning_rate, above=0.0)
    checked_sizes(steps=steps)
    if not isinstance(projection, Projection):
        raise TypeError(f"projection must be one of random_projection, got {type(projection).__name__}.")
    members, parameters, dimension = projection.shape
    if (members, parameters) != tuple(theta.shape):
        raise ValueError(f"projection must be of {tuple(theta.shape)} members and parameters, got {projection.shape}.")
    z = theta.new_zeros(members, dimension)
    mean, square = torch.zeros_like(z), torch.zeros_like(z)
    for step in range(1, steps + 1):
        gradient = projection.pull(slope(network, theta + projection.push(z), x, y, loss)[1])
        mean = _FIRST * mean + (1 - _FIRST) * gradient
        square = _SECOND * square + (1 - _SECOND) * gradient.square()
        root = (square / (1 - _SECOND**step)).sqrt() + _EPSILON
        z = z - learning_rate / (1 - _FIRST**step) * mean / root
    end = theta + projection.push(z)
    value = slope(network, end, x, y, loss)[0]
    return SubspaceTraining(z, end, value.nan_to_num(nan=torch.inf, posinf=torch.inf))


def crossing_dimension(
    dimensions: Sequence[int], scores: Float[Tensor, "members dimensions"], level: Float[Tensor, " members"]
) -> Float[Tensor, " members"]:
    """The dimension at which the best score so far crosses a level, by straight lines in the logarithm of dimension.

    Args:
        dimensions: At least two, increasing.
        scores: One row per member, one column per dimension.
        level: One per member.

    Returns:
        One dimension per member: the first of them where that one is above the level, infinity where none is.

    Raises:
        TypeError: If the scores or the level are no tensor, or the dimensions no sequence.
        ValueError: If dimensions are no integers, do not increase or do not fit the scores, or a score or level is not
            finite.

    Examples:
        >>> crossing_dimension([10, 40], torch.tensor([[0.5, 1.0], [0.5, 0.6]]), torch.tensor([0.75, 0.9]))
        tensor([20., inf])
    """
    checked_tensors(scores=scores, level=level)
    if isinstance(dimensions, str | bytes) or not isinstance(dimensions, Iterable):
        raise TypeError(f"dimensions must be a sequence of integers, got {dimensions!r}.")
    given = list(dimensions)
    dimensions = [size for size in map(integer, given) if size is not None]
    rising = all(lower < higher for lower, higher in pairwise(dimensions))
    if len(dimensions) < max(2, len(given)) or not rising or dimensions[0] < 1:
        raise ValueError(f"dimensions must be integers, at least two, positive and increasing, got {given}.")
    if scores.ndim != 2 or scores.shape[1] != len(dimensions) or level.shape != scores.shape[:1]:
        raise ValueError(
            f"scores and level must have shapes (members, {len(dimensions)}) and (members,), got "
            f"{tuple(scores.shape)} and {tuple(level.shape)}."
        )
    checked_finite(scores=scores, level=level)
    best = scores.cummax(dim=1).values
    places = torch.as_tensor(dimensions, dtype=scores.dtype, device=scores.device).log()
    above = best >= level[:, None]
    right = above.to(torch.int64).argmax(dim=1)
    left = (right - 1).clamp(min=0)
    low, high = (best.gather(1, side[:, None]).squeeze(1) for side in (left, right))
    share = ((level - low) / (high - low)).nan_to_num(nan=0.0).clamp(0, 1)
    share = torch.where(right == 0, torch.ones_like(share), share)
    found = (places[left] + share * (places[right] - places[left])).exp().clamp(dimensions[0], dimensions[-1])
    return torch.where(above.any(dim=1), found, torch.full_like(found, torch.inf))
