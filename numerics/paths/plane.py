"""The loss on the plane through the two ends of a path and the point at which it bends.

Conventions. A pair's plane has Cartesian coordinates in units of the distance of its ends: the first end at (0, 0), the
second at (1, 0), the bend at (u, v) with v >= 0. A quadratic Bezier curve lies in the plane of its three control points
(Garipov et al. 2018, arXiv:1802.10026, figure 1), a polygon of two pieces in that of its vertices.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from numerics.arguments import checked_number, checked_sizes
from numerics.paths.path import Path
from numerics.progress import progress


@dataclass(frozen=True)
class PathPlane:
    """The losses of every pair on a grid in its plane.

    Attributes:
        along: Coordinates of the grid in the direction from the first end to the second, one row per pair.
        across: Those at right angles to it, towards the bend.
        losses: The loss at each point, infinite where it overflows.
        bend: Where the path's inner point lies.
    """

    along: Float[Tensor, "pairs points"]
    across: Float[Tensor, "pairs points"]
    losses: Float[Tensor, "pairs points points"]
    bend: Float[Tensor, "pairs 2"]

    def __repr__(self) -> str:
        pairs, points = self.along.shape
        return f"PathPlane({pairs} pair{'s' * (pairs != 1)}, {points} x {points} points)"


def path_plane(path: Path, *, points: int = 25, margin: float = 0.25) -> PathPlane:
    """Evaluate the loss on the plane through each path's ends and its inner point.

    Lays out points x parameters numbers at a time, one row of one pair's grid, beside what their losses need.

    Args:
        path: Curves or polygons with one inner point.
        points: Of the grid in either direction, at least 2.
        margin: How far the grid goes beyond the ends and the bend, as a share of its extent between them; at least 0.

    Returns:
        Grids, rows across and columns along the chord.

    Raises:
        TypeError: If it is no path.
        ValueError: If the paths have no inner point or several, two ends are one point or a bend lies on their line, or
            a number is out of range.

    Examples:
        >>> from numerics import BezierCurve, Mlp, SquaredError, connect
        >>> x, y = torch.ones(1, 1), torch.ones(1, 1)
        >>> one, other = torch.tensor([[2.0, 0.5]]), torch.tensor([[0.5, 2.0]])
        >>> method = BezierCurve(steps=100, learning_rate=0.05)
        >>> path = connect(Mlp((1, 1, 1), "linear"), one, other, x, y, SquaredError(), method=method, seeds=[0])
        >>> path_plane(path, points=5)
        PathPlane(1 pair, 5 x 5 points)

    References:
        Garipov et al. (2018), arXiv:1802.10026, figure 1.
    """
    if not isinstance(path, Path):
        raise TypeError(f"path must be a Path, got {type(path).__name__}.")
    checked_sizes(points=points)
    if points < 2:
        raise ValueError(f"points must be at least 2, got {points}.")
    checked_number("margin", margin, least=0.0)
    if path.points.shape[1] != 3 or bool((path.bends != 1).any()):
        raise ValueError(f"path must have one inner point, got {path.bends.tolist()[:6]} of them.")
    first, inner, second = path.points.unbind(dim=1)
    chord = second - first
    length = chord.norm(dim=1, keepdim=True)
    forward = chord / length
    u = ((inner - first) * forward).sum(dim=1, keepdim=True)
    rest = inner - first - u * forward
    rest -= (rest * forward).sum(dim=1, keepdim=True) * forward  # once more, against rounding
    v = rest.norm(dim=1, keepdim=True)
    if not bool((v > 1e-9 * length).all()):
        raise ValueError(f"path must bend away from the line through its ends, got {path!r}.")
    upward = rest / v
    bend = torch.cat([u, v], dim=1) / length
    steps = torch.linspace(-margin, 1 + margin, points, dtype=first.dtype, device=first.device)
    left, right = bend[:, :1].clamp(max=0), bend[:, :1].clamp(min=1)
    along, across = left + (right - left) * steps, bend[:, 1:] * steps
    losses = first.new_empty(len(first), points, points)
    with progress(len(first) * points, "rows of a plane") as bar:
        for pair in range(len(first)):
            member = torch.full((points,), pair, device=first.device)
            origin, scale = first[pair], length[pair]
            for row, height in enumerate(across[pair]):
                places = origin + scale * (along[pair, :, None] * forward[pair] + height * upward[pair])
                losses[pair, row] = path.problem.values(places, member)
                bar.advance()
    return PathPlane(along, across, losses, bend)
