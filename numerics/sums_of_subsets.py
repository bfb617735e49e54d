r"""Sums over subsets of random numbers: how near they come to a number, and to every number of an interval.

Conventions. Each member has n numbers and 2^n subset sums, the empty one 0 included. A target's distance is that to
the nearest subset sum; the covering radius of an interval is the largest distance of a number in it. All are exact up
to rounding: every sum counts, and single targets are met in the middle of two halves.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from numerics.arguments import checked_finite, checked_number, checked_tensors

_MOST = 24  # numbers, of which all sums are listed at a time


def subset_sums(numbers: Float[Tensor, "members n"]) -> Float[Tensor, "members sums"]:
    """All sums over subsets; sum k is over the numbers whose bits in k are 1, the first number for the lowest bit.

    Allocates members x 2^n numbers, twice.

    Args:
        numbers: One row per member, at most 24 in a row.

    Returns:
        2^n sums a member, in the order of k.

    Raises:
        TypeError: If the numbers are no tensor.
        ValueError: If they are not finite, not (members, n), or more than 24.

    Examples:
        >>> subset_sums(torch.tensor([[1.0, 10.0, 100.0]])).tolist()
        [[0.0, 1.0, 10.0, 11.0, 100.0, 101.0, 110.0, 111.0]]
    """
    _check("numbers", numbers)
    if numbers.shape[1] > _MOST:
        raise ValueError(f"numbers must be at most {_MOST} a member, of which all sums fit, got {numbers.shape[1]}.")
    sums = numbers.new_zeros(len(numbers), 1)
    for column in numbers.unbind(1):
        sums = torch.cat([sums, sums + column[:, None]], dim=1)
    return sums


def covering_radius(
    points: Float[Tensor, "members points"], *, lower: float, upper: float
) -> Float[Tensor, " members"]:
    """The largest distance of a number in [lower, upper] to the nearest point of a member.

    Allocates a handful of copies of the points.

    Args:
        points: One row per member, in any order; at least one.
        lower: The lower end.
        upper: The upper end, above it.

    Returns:
        One distance a member.

    Raises:
        TypeError: If the points are no tensor.
        ValueError: If they are not finite or not (members, points), or the interval is empty.

    Examples:
        >>> covering_radius(torch.tensor([[0.0, 0.25], [-1.0, 5.0]]), lower=0.0, upper=1.0)
        tensor([0.7500, 2.0000])
    """
    _check("points", points)
    if points.shape[1] == 0:
        raise ValueError("points must be at least one a member, got none.")
    lower, upper = checked_number("lower", lower), checked_number("upper", upper)
    if upper <= lower:
        raise ValueError(f"upper must lie above lower, {lower:g}, got {upper:g}.")
    ordered = points.sort(dim=1).values
    left, right = ordered[:, :-1], ordered[:, 1:]
    farthest = ((left + right) / 2).clamp(lower, upper)  # of a gap that meets the interval, the place to look at
    between = torch.minimum(farthest - left, right - farthest).clamp(min=0)
    ends = torch.stack([ordered[:, 0] - lower, upper - ordered[:, -1]], dim=1).clamp(min=0)
    return torch.cat([between, ends], dim=1).amax(1)


def nearest_subset_sum(
    numbers: Float[Tensor, "members n"], targets: Float[Tensor, " members"]
) -> Float[Tensor, " members"]:
    """Distance of every member's target to its nearest subset sum, by meeting in the middle.

    Sums of the first half of the numbers are sorted, and for each sum of the second half the nearest partner is looked
    up: members x 2^(n/2) numbers, a handful of times, in the place of 2^n.

    Args:
        numbers: One row per member, at most 48 in a row.
        targets: One per member.

    Returns:
        One distance a member.

    Raises:
        TypeError: If one of the two is no tensor.
        ValueError: If they are not finite, do not fit each other, or there are more than 48 numbers.

    Examples:
        >>> nearest_subset_sum(torch.tensor([[1.0, 10.0, 100.0]]), torch.tensor([108.0]))
        tensor([2.])
    """
    _check("numbers", numbers)
    checked_tensors(targets=targets)
    checked_finite(targets=targets)
    if targets.shape != numbers.shape[:1] or targets.dtype != numbers.dtype or targets.device != numbers.device:
        raise ValueError(
            f"targets must be one per member, {len(numbers)}, of the numbers' dtype and device, "
            f"got shape {tuple(targets.shape)}, {targets.dtype} on {targets.device}."
        )
    if numbers.shape[1] > 2 * _MOST:
        raise ValueError(f"numbers must be at most {2 * _MOST} a member, got {numbers.shape[1]}.")
    half = numbers.shape[1] // 2
    first = subset_sums(numbers[:, :half]).sort(dim=1).values
    wanted = targets[:, None] - subset_sums(numbers[:, half:])
    above = torch.searchsorted(first, wanted.contiguous()).clamp(max=first.shape[1] - 1)
    below = (above - 1).clamp(min=0)
    return torch.minimum((first.gather(1, above) - wanted).abs(), (first.gather(1, below) - wanted).abs()).amin(1)


def _check(name: str, rows: Tensor) -> None:
    """Refuse what is not (members, some) and finite."""
    checked_tensors(**{name: rows})
    if rows.ndim != 2 or len(rows) == 0:
        raise ValueError(f"{name} must have one row per member, at least one, got shape {tuple(rows.shape)}.")
    checked_finite(**{name: rows})
