r"""Volume of a union of boxes, and how much of it lies below a level of the loss.

Conventions. A box is the product of intervals [lower_i, upper_i]; boxes are closed, but touching ones count as
disjoint, for what they share has volume 0. A rescaling theta -> F theta takes the box of radius r around theta to that
with lower corner F (theta - r) and upper corner F (theta + r).

The volume of a union is estimated by the union's own boxes (Karp and Luby 1983; Karp, Luby and Madras 1989): draw a box
with probability proportional to its volume and a point uniformly in it, and let N be the number of boxes that hold the
point. With S the sum of all volumes

.. math:: \mathrm{vol}\Bigl(\bigcup_j B_j\Bigr) = S\, \mathbb{E}\bigl[1/N\bigr],
          \qquad \operatorname{sd}[1/N] \le \tfrac12 ,

since every point x of the union is drawn with density N(x)/S. No box around all of them is needed, of which the union
may fill a vanishing part: images of one box under ever larger rescalings do. Where no two boxes overlap N is 1 and the
estimate is exact.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from numerics.arguments import checked_finite, checked_generator, checked_number, checked_sizes, checked_tensors
from numerics.curvature.training_problem import LossFunction
from numerics.functional_module import Network
from numerics.loss_of_rows import LossOfRows

_WORK = 2**23  # comparisons at a time: 8 MiB of truth values

Corners = Float[Tensor, "boxes axes"]


@dataclass(frozen=True)
class UnionVolume:
    """An estimated volume.

    Attributes:
        value: The volume of the union.
        error: Standard error of the value; 0 if no point was seen in two boxes, where the value is the total.
        total: Sum of the volumes of all boxes, never less than the volume of the union.
        overlapping: Share of the points that were drawn in more than one box.
        samples: Points that were drawn.
    """

    value: float
    error: float
    total: float
    overlapping: float
    samples: int


@dataclass(frozen=True)
class LevelShare:
    """How much of a union of boxes lies below a level of the loss.

    Attributes:
        share: Estimated share of the union's volume on which the loss is below the level.
        error: Standard error of the share; 0 if all points were on one side.
        below: Points at which the loss is below the level.
        samples: Points that were drawn.
        highest: The largest loss among them.
        by_box: Points that were drawn from each box and lie below the level, and points that were drawn from it.
    """

    share: float
    error: float
    below: int
    samples: int
    highest: float
    by_box: Int[Tensor, "boxes 2"]


def disjoint_volume(lower: Corners, upper: Corners) -> float:
    """The exact volume of a union of boxes that do not overlap, the sum of their volumes.

    Takes boxes^2 x axes comparisons.

    Args:
        lower: Lower corners.
        upper: Upper corners, above the lower ones along every axis.

    Raises:
        TypeError: If a corner is no tensor.
        ValueError: If two boxes overlap, the corners do not fit or are not finite, a box is empty, or the volume is
            beyond float64.

    Examples:
        >>> disjoint_volume(torch.tensor([[0.0, 0.0], [2.0, 2.0]]), torch.tensor([[1.0, 1.0], [4.0, 3.0]]))
        3.0
    """
    volumes = _volumes(lower, upper)
    for box in range(len(lower) - 1):
        meets = ((lower[box] < upper[box + 1 :]) & (lower[box + 1 :] < upper[box])).all(dim=1)
        if bool(meets.any()):
            other = box + 1 + int(meets.int().argmax())
            raise ValueError(f"lower and upper must be corners of disjoint boxes, but boxes {box} and {other} overlap.")
    return math.fsum(volumes.tolist())


def union_volume(lower: Corners, upper: Corners, *, samples: int, generator: torch.Generator) -> UnionVolume:
    """Estimate the volume of a union of boxes, as the module's heading says.

    Allocates samples x axes numbers and 8 MiB.

    Args:
        lower: Lower corners.
        upper: Upper corners, above the lower ones along every axis.
        samples: Points to draw, at least 2.
        generator: Of the points, on the CPU.

    Raises:
        TypeError: If a corner is no tensor, or there is no generator.
        ValueError: If the corners do not fit or are not finite, a box is empty, the volume is beyond float64, or there
            are fewer than 2 samples.

    Examples:
        >>> lower = torch.tensor([[0.0, 0.0], [0.5, 0.0]])  # two unit squares that share a half: 1.5
        >>> estimate = union_volume(lower, lower + 1, samples=4000, generator=torch.Generator().manual_seed(0))
        >>> abs(estimate.value - 1.5) < 4 * estimate.error < 0.1
        True

    References:
        Karp, Luby and Madras, Monte-Carlo approximation algorithms for enumeration problems, J. Algorithms 10 (1989)
        429.
    """
    volumes = _volumes(lower, upper)
    points, _ = _drawn(lower, upper, volumes, samples, generator)
    count = _covering(lower, upper, points)
    weights = 1 / count.double()
    total = math.fsum(volumes.tolist())
    error = float(weights.std()) / math.sqrt(samples)
    overlapping = float((count > 1).double().mean())
    return UnionVolume(total * float(weights.mean()), total * error, total, overlapping, int(samples))


def share_below(
    network: nn.Module | Network,
    lower: Float[Tensor, "boxes parameters"],
    upper: Float[Tensor, "boxes parameters"],
    x: Tensor,
    y: Tensor,
    loss: LossFunction,
    *,
    level: float,
    samples: int,
    generator: torch.Generator,
    chunk: int | None = None,
) -> LevelShare:
    """Draw points of a union of boxes in parameter space and see at how many of them the loss is below a level.

    Points are drawn as for ``union_volume`` and weighted by 1/N, so that the share is that of the union's volume.
    Allocates samples x parameters numbers beside what losses of one chunk of points need.

    Args:
        network: A perceptron, a module or a view of one.
        lower: Lower corners. Fix dtype and device.
        upper: Upper corners.
        x: Inputs, shared by all points.
        y: Targets of the loss, shared by all points.
        loss: One of this floor's losses, or any function (outputs, targets) -> scalar that is a mean over examples.
        level: Positive; points with a loss strictly below it count.
        samples: Points to draw, at least 2.
        generator: Of the points, on the CPU.
        chunk: Points at a time; chosen if None.

    Raises:
        TypeError: If a piece of the problem is of the wrong kind.
        ValueError: If the corners or the problem's pieces do not fit or are not finite, or a number is out of range.

    Examples:
        >>> from numerics.losses import SquaredError
        >>> from numerics.networks import Mlp
        >>> x, y = torch.ones(1, 1), torch.zeros(1, 1)
        >>> found = share_below(  # theta^2 < 1/4 on a half of [-1, 1]
        ...     Mlp((1, 1), "linear"), torch.tensor([[-1.0]]), torch.tensor([[1.0]]), x, y, SquaredError(),
        ...     level=0.25, samples=2000, generator=torch.Generator().manual_seed(0),
        ... )
        >>> abs(found.share - 0.5) < 4 * found.error
        True
    """
    volumes = _volumes(lower, upper)
    level = checked_number("level", level, above=0.0)
    problem = LossOfRows(network, lower, x, y, loss, chunk=chunk)
    if problem.own_x or problem.own_y:
        raise ValueError("x and y must be shared by all points, but have a members axis.")
    points, boxes = _drawn(lower, upper, volumes, samples, generator)
    losses = problem.values(points)
    below = losses < level
    weights = 1 / _covering(lower, upper, points).double()
    share = float((weights * below).sum() / weights.sum())
    # a ratio of two means: its error is that of the weighted residuals
    error = float((weights * (below.double() - share)).norm() / weights.sum())
    by_box = torch.stack(
        [torch.bincount(boxes[below], minlength=len(lower)), torch.bincount(boxes, minlength=len(lower))], dim=1
    )
    return LevelShare(share, error, int(below.sum()), int(samples), float(losses.max()), by_box)


def _volumes(lower: Tensor, upper: Tensor) -> Float[Tensor, " boxes"]:
    """The volume of each box, in float64; the corners are checked."""
    checked_tensors(lower=lower, upper=upper)
    if lower.ndim != 2 or 0 in lower.shape or lower.shape != upper.shape:
        raise ValueError(
            f"lower and upper must have one shape (boxes, axes), got {tuple(lower.shape)} and {tuple(upper.shape)}."
        )
    if lower.dtype != upper.dtype or lower.device != upper.device:
        raise ValueError(
            f"lower and upper must have one dtype and device, got {lower.dtype} on {lower.device} and {upper.dtype} on "
            f"{upper.device}."
        )
    checked_finite(lower=lower, upper=upper)
    sides = upper.double() - lower.double()
    if not bool((sides > 0).all()):
        box = int((sides <= 0).any(dim=1).int().argmax())
        raise ValueError(f"upper must lie above lower along every axis, but box {box} is empty.")
    largest = float(sides.log().sum(dim=1).max())
    if not -700.0 < largest < 700.0 - math.log(len(lower)):
        raise ValueError(
            f"lower and upper must be corners of boxes whose volume float64 can hold, got one of e^{largest:.0f}."
        )
    return _products(sides)


def _products(sides: Float[Tensor, "boxes axes"]) -> Float[Tensor, " boxes"]:
    """The product of each row, as exact in whatever order the axes are: no product on the way over- or underflows."""
    fractions, powers = torch.frexp(sides)  # fractions in [1/2, 1), of which 512 have a product of at least 2^-512
    exponents = powers.long().sum(dim=1)
    while fractions.shape[1] > 1:
        rows = [some.prod(dim=1) for some in torch.split(fractions, 512, dim=1)]
        fractions, powers = torch.frexp(torch.stack(rows, dim=1))
        exponents += powers.long().sum(dim=1)
    volumes = [math.ldexp(*each) for each in zip(fractions[:, 0].tolist(), exponents.tolist(), strict=True)]
    return torch.tensor(volumes, dtype=torch.float64, device=sides.device)


def _drawn(
    lower: Tensor, upper: Tensor, volumes: Tensor, samples: int, generator: torch.Generator
) -> tuple[Float[Tensor, "samples axes"], Int[Tensor, " samples"]]:
    """Points with density (number of boxes that hold them) / (sum of volumes), and the boxes that they are from."""
    checked_sizes(samples=samples)
    if samples < 2:
        raise ValueError(f"samples must be at least 2, for a standard error, got {samples}.")
    checked_generator(generator)
    places = torch.rand(samples, dtype=torch.float64, generator=generator).to(volumes.device) * volumes.sum()
    boxes = torch.searchsorted(volumes.cumsum(0), places, right=True).clamp(max=len(volumes) - 1)
    inside = torch.rand(samples, lower.shape[1], dtype=torch.float64, generator=generator).to(lower.device)
    corner, opposite = lower[boxes], upper[boxes]
    points = corner + inside.to(lower.dtype) * (opposite - corner)
    return points.clamp(corner, opposite), boxes  # rounding must not lift a point out of its own box


def _covering(lower: Tensor, upper: Tensor, points: Tensor) -> Int[Tensor, " samples"]:
    """In how many boxes each point lies."""
    count = torch.zeros(len(points), dtype=torch.int64, device=points.device)
    for some, into in zip(*(torch.split(t, max(1, _WORK // lower.numel())) for t in (points, count)), strict=True):
        held: Bool[Tensor, "some boxes"] = ((some[:, None] >= lower) & (some[:, None] <= upper)).all(dim=-1)
        into.copy_(held.sum(dim=1))
    return count
