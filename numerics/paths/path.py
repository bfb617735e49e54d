r"""Paths between two parameter vectors, the loss along them and the barrier that it meets.

Conventions. A path is a map theta: [0, 1] -> R^P with theta(0) and theta(1) the two ends, bit by bit. It is a polygon
with vertices p_0, ..., p_n at the parameters 0 = k_0 <= ... <= k_n = 1 (its knots), or a Bezier curve
sum_k binom(n, k) t^k (1 - t)^(n-k) p_k. Many pairs of ends are one batched computation; polygons with fewer vertices
than others are padded with copies of their last one at the knot 1.

**Barrier.** max_t L(theta(t)) - max(L(theta(0)), L(theta(1))), never negative. The maximum is sought on a grid with the
knots among its points, and then between grid points by golden section around the highest local maxima of the grid. What
is found is a loss of the path, so a sampled maximum is a *lower* bound on the true one. How much can hide between
grid points: if |dL/dt| <= K on an interval of length h, then L <= (L_left + L_right + K h)/2 on it. ``slack`` is what
that adds to the peak with K the steepest slope that the grid shows, an estimate and not a bound.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from numerics.arguments import checked_finite, checked_sizes, integer
from numerics.loss_of_rows import LossOfRows
from numerics.paths.matching import UnitMatching
from numerics.progress import progress

if TYPE_CHECKING:
    import matplotlib.axes

Places = float | int | Sequence[float] | Float[Tensor, " points"] | Float[Tensor, "pairs points"]

_POINTS = 2**22  # numbers of parameters that are laid out at a time
_GRID = 101  # equal steps on which a maximum is sought
_BRACKETS = 3  # local maxima of the grid that are refined
_SECTIONS = 18  # golden sections of each, which narrow two grid intervals by a factor 6000


@dataclass(frozen=True)
class Peak:
    """The largest loss that was found on each path.

    Attributes:
        loss: That loss.
        place: Where it is met, in [0, 1].
        grid: The points at which it was sought first, ascending, the knots among them.
        losses: The losses there.
    """

    loss: Float[Tensor, " pairs"]
    place: Float[Tensor, " pairs"]
    grid: Float[Tensor, "pairs points"]
    losses: Float[Tensor, "pairs points"]


@dataclass(frozen=True, eq=False, repr=False)
class Path:
    """A path for every pair of ends, with the loss along it.

    Attributes:
        problem: The training problem whose loss is meant.
        points: Vertices of polygons or control points of Bezier curves.
        knots: Where the vertices are; None for Bezier curves.
        method: How the path was found.
        reached: Whether the method arrived at what it aimed at: the level of a string; None where there is no aim.
        matching: How the second ends' units were put in order beforehand; None if they were not.
    """

    problem: LossOfRows
    points: Float[Tensor, "pairs vertices parameters"]
    knots: Float[Tensor, "pairs vertices"] | None
    method: str
    reached: Bool[Tensor, " pairs"] | None = None
    matching: UnitMatching | None = None

    def at(self, t: Places) -> Float[Tensor, "pairs parameters"] | Float[Tensor, "pairs points parameters"]:
        """The parameters at t; at 0 and 1 the ends themselves.

        Args:
            t: A number in [0, 1], or some of them, the same for all pairs or one row for each.

        Raises:
            ValueError: If a number is not in [0, 1], or their shape is none of these.
        """
        places, single = self._places(t)
        found = self._points_at(places)
        return found[:, 0] if single else found

    def losses(self, grid: Places | int) -> Float[Tensor, " pairs"] | Float[Tensor, "pairs points"]:
        """The loss at each point of a grid, infinite where it overflows.

        Lays out some 32 MiB of parameters at a time, beside what losses of one chunk need.

        Args:
            grid: As for ``at``; an integer above 1 stands for so many equal steps' ends.

        Raises:
            ValueError: If a number is not in [0, 1], or their shape is none that ``at`` takes.
        """
        count = integer(grid)
        if count is not None and count > 1:
            checked_sizes(grid=count)
            grid = torch.linspace(0, 1, count, dtype=self.points.dtype, device=self.points.device)
        places, single = self._places(grid)
        found = self._losses(places)
        return found[:, 0] if single else found

    @cached_property
    def ends(self) -> Float[Tensor, "pairs 2"]:
        """The losses of the two ends."""
        return self._losses(self._places([0.0, 1.0])[0])

    @cached_property
    def peak(self) -> Peak:
        """The largest loss on each path, on a grid of 101 points and the knots, refined by golden section."""
        grid = self._grid()
        losses = self._losses(grid)
        loss, place = self._refined(grid, losses)
        return Peak(loss, place, grid, losses)

    @cached_property
    def barrier(self) -> Float[Tensor, " pairs"]:
        """The largest loss that was found minus that of the larger end: a lower bound on the path's barrier."""
        larger = self.ends.amax(dim=1)
        rise = self.peak.loss - larger
        return torch.where(self.peak.loss == larger, torch.zeros_like(rise), rise)  # of two infinite losses, 0

    @cached_property
    def slack(self) -> Float[Tensor, " pairs"]:
        """By how much the loss could exceed the peak between grid points, if nowhere steeper than at them.

        Nothing exceeds an infinite one. One gradient for each point of the peak's grid.
        """
        grid, losses = self.peak.grid, self.peak.losses
        slopes = self.slopes(grid).abs().nan_to_num(torch.inf)
        # at a knot the slope is that of the segment on the right
        steepest = slopes.amax(dim=1, keepdim=True)
        gaps = grid.diff(dim=1)
        rises = torch.where(gaps > 0, steepest * gaps, 0.0)
        highest = ((losses[:, 1:] + losses[:, :-1] + rises) / 2).amax(dim=1)
        return torch.where(self.peak.loss.isinf(), 0.0, (highest - self.peak.loss).clamp(min=0.0))

    def slopes(self, grid: Places) -> Float[Tensor, " pairs"] | Float[Tensor, "pairs points"]:
        """The derivative of the loss by t at each point of a grid, on a vertex that from the right.

        Args:
            grid: As for ``at``.

        Raises:
            ValueError: If a number is not in [0, 1], or their shape is none that ``at`` takes.
        """
        places, single = self._places(grid)
        pieces = []
        for some in torch.split(places, self._room(), dim=1):
            rows, members = self._points_at(some).flatten(0, 1), self._members(some)
            _, gradient = self.problem.slopes(rows, members)
            pieces.append((torch.unflatten(gradient, 0, some.shape) * self._tangents(some)).sum(dim=2))
        found: Tensor = torch.cat(pieces, dim=1)
        return found[:, 0] if single else found

    @cached_property
    def distance(self) -> Float[Tensor, " pairs"]:
        """The Euclidean distance between the ends, infinite where its square overflows."""
        norms: Tensor = (self.points[:, -1] - self.points[:, 0]).norm(dim=1)
        return norms

    @cached_property
    def length(self) -> Float[Tensor, " pairs"]:
        """The Euclidean length: of a polygon exact, of a curve by 64 Gauss nodes on each of 8 parts.

        Infinite where the square of a part's overflows.
        """
        if self.knots is not None:
            pieces: Tensor = self.points.diff(dim=1).norm(dim=2)
            return pieces.sum(dim=1)
        nodes, weights = np.polynomial.legendre.leggauss(64)
        places = torch.as_tensor((np.arange(8)[:, None] + (nodes + 1) / 2).ravel() / 8).to(self.points)
        shares = torch.as_tensor(np.tile(weights / 16, 8)).to(self.points)
        parts = zip(torch.split(places, 64), torch.split(shares, 64), strict=True)
        total = sum(self._tangents(some.expand(len(self.points), -1)).norm(dim=2) @ share for some, share in parts)
        return torch.as_tensor(total)

    @property
    def bends(self) -> Int[Tensor, " pairs"]:
        """Inner points of every path: beads of a string, pivots of a band, control points of a curve; no padding."""
        if self.knots is None:
            return torch.full((len(self.points),), self.points.shape[1] - 2, device=self.points.device)
        return (self.knots < 1).sum(dim=1) - 1

    def record(self) -> dict[str, Tensor]:
        """What a store keeps of the path, as flat arrays: its points, where they are, losses, barrier and length."""
        found = {
            "points": self.points,
            "bends": self.bends,
            "ends": self.ends,
            "largest_loss": self.peak.loss,
            "place": self.peak.place,
            "barrier": self.barrier,
            "length": self.length,
            "distance": self.distance,
        }
        if self.knots is not None:
            found["knots"] = self.knots
        if self.reached is not None:
            found["reached"] = self.reached
        return found

    def plot(self, *, axes: "matplotlib.axes.Axes | None" = None, points: int = 101) -> "matplotlib.axes.Axes":
        """Draw the loss along every path, one curve for each pair of ends.

        Args:
            axes: Where to draw; a new figure if None.
            points: Equal steps' ends at which the loss is computed, >= 2.

        Raises:
            ValueError: If ``points`` is no integer or < 2.

        Examples:
            >>> from numerics.networks import Mlp
            >>> from numerics.losses import SquaredError
            >>> from numerics.paths.connection import connect
            >>> network, x = Mlp((1, 1, 1), "linear"), torch.ones(1, 1, dtype=torch.float64)
            >>> ends = torch.tensor([[1.0, 1.0], [-1.0, -1.0]], dtype=torch.float64)
            >>> axes = connect(network, ends[:1], ends[1:], x, x, SquaredError()).plot()
            >>> axes.get_ylabel()
            'loss'
        """
        if (count := integer(points)) is None or count < 2:
            raise ValueError(f"points must be an integer >= 2, got {points!r}.")
        places = torch.linspace(0, 1, count, dtype=self.points.dtype)
        losses = self.losses(places)
        if axes is None:
            import matplotlib.pyplot as plt

            axes = plt.figure().add_subplot()
        axes.plot(places.numpy(), losses.cpu().numpy().T)
        axes.set_xlabel("place on the path")
        axes.set_ylabel("loss")
        return axes

    def __repr__(self) -> str:
        pairs, vertices, parameters = self.points.shape
        kind = "control points" if self.knots is None else "vertices"
        said = f"Path({self.method}, {pairs} pair{'s' * (pairs != 1)}, {vertices} {kind}, {parameters} parameters"
        if "barrier" in self.__dict__:  # never computed for a look
            said += f", barrier median {float(self.barrier.median()):.3g}, largest {float(self.barrier.max()):.3g}"
        if self.reached is not None:
            said += f", {int(self.reached.sum())} of {pairs} reached"
        return said + ")"

    def _places(self, t: Places) -> tuple[Float[Tensor, "pairs points"], bool]:
        """One row of checked places for every pair, and whether one number was given."""
        try:
            places = t.to(self.points) if isinstance(t, Tensor) else self.points.new_tensor(t)
        except (TypeError, ValueError, RuntimeError) as error:
            raise ValueError(f"t must be a number in [0, 1] or some of them, got {t!r}.") from error
        single, pairs = places.ndim == 0, len(self.points)
        places = places[None] if single else places
        if places.ndim > 2 or 0 in places.shape or (places.ndim == 2 and len(places) != pairs):
            raise ValueError(f"t must have shape (points,) or ({pairs}, points), got {tuple(places.shape)}.")
        checked_finite(t=places)
        least, largest = float(places.min()), float(places.max())
        if least < 0 or largest > 1:
            raise ValueError(f"t must lie in [0, 1], got {least if least < 0 else largest:g}.")
        return places.expand(pairs, -1), single

    def _points_at(self, places: Float[Tensor, "pairs points"]) -> Float[Tensor, "pairs points parameters"]:
        if self.knots is None:
            found = bernstein(places, self.points.shape[1] - 1) @ self.points
        else:
            left, share = segments(self.knots, places)
            found = torch.lerp(self._vertices(left), self._vertices(left + 1), share[..., None])
        found = torch.where((places == 0)[..., None], self.points[:, :1], found)
        return torch.where((places == 1)[..., None], self.points[:, -1:], found)

    def _tangents(self, places: Float[Tensor, "pairs points"]) -> Float[Tensor, "pairs points parameters"]:
        """The derivative of the path by t; 0 on a segment without length."""
        steps = self.points.diff(dim=1)
        if self.knots is None:
            degree = self.points.shape[1] - 1
            return degree * (bernstein(places, degree - 1) @ steps)
        left, _ = segments(self.knots, places)
        widths = self.knots.diff(dim=1).gather(1, left)[..., None]
        chord = self._vertices(left + 1) - self._vertices(left)
        return torch.where(widths > 0, chord / widths, torch.zeros_like(chord))

    def _vertices(self, numbers: Tensor) -> Tensor:
        pairs = torch.arange(len(self.points), device=self.points.device)[:, None]
        return self.points[pairs, numbers]

    def _room(self) -> int:
        """Points of a grid that are laid out at a time."""
        return max(1, _POINTS // (len(self.points) * self.points.shape[2]))

    def _members(self, places: Tensor) -> Tensor:
        return torch.arange(len(places), device=places.device).repeat_interleave(places.shape[1])

    def _losses(self, places: Float[Tensor, "pairs points"]) -> Float[Tensor, "pairs points"]:
        pieces = []
        with progress(places.numel(), f"losses on a path ({self.method})") as bar:
            for some in torch.split(places, self._room(), dim=1):
                values = self.problem.values(self._points_at(some).flatten(0, 1), self._members(some))
                pieces.append(torch.unflatten(values, 0, some.shape))
                bar.advance(some.numel())
        return torch.cat(pieces, dim=1)

    def _grid(self) -> Float[Tensor, "pairs points"]:
        even = torch.linspace(0, 1, _GRID, dtype=self.points.dtype, device=self.points.device)
        grid = even.expand(len(self.points), -1)
        return grid if self.knots is None else torch.cat([grid, self.knots], dim=1).sort(dim=1).values

    def _refined(self, grid: Tensor, losses: Tensor) -> tuple[Tensor, Tensor]:
        """The largest loss and its place, by golden sections around the highest local maxima of the grid."""
        best, number = losses.max(dim=1)
        place = grid.gather(1, number[:, None])[:, 0]
        outside = losses.new_full((len(losses), 1), -torch.inf)
        before, after = torch.cat([outside, losses[:, :-1]], dim=1), torch.cat([losses[:, 1:], outside], dim=1)
        summits = torch.where((losses >= before) & (losses >= after), losses, outside)
        middle = summits.topk(min(_BRACKETS, grid.shape[1]), dim=1).indices
        low = grid.gather(1, (middle - 1).clamp(min=0))
        high = grid.gather(1, (middle + 1).clamp(max=grid.shape[1] - 1))
        ratio = (math.sqrt(5) - 1) / 2
        inner, outer = high - ratio * (high - low), low + ratio * (high - low)
        left, right = self._losses(inner), self._losses(outer)
        for _ in range(_SECTIONS):
            for found, where in ((left, inner), (right, outer)):
                top, which = found.max(dim=1)
                place = torch.where(top > best, where.gather(1, which[:, None])[:, 0], place)
                best = torch.maximum(best, top)
            up = left < right
            low, high = torch.where(up, inner, low), torch.where(up, high, outer)
            fresh = torch.where(up, low + ratio * (high - low), high - ratio * (high - low)).clamp(0.0, 1.0)
            value = self._losses(fresh)
            inner, outer = torch.where(up, outer, fresh), torch.where(up, fresh, inner)
            left, right = torch.where(up, right, value), torch.where(up, value, left)
        return best, place


def bernstein(places: Float[Tensor, "pairs points"], degree: int) -> Float[Tensor, "pairs points weights"]:
    """The Bernstein polynomials binom(n, k) t^k (1 - t)^(n-k), k = 0..n."""
    powers = [math.comb(degree, k) * places**k * (1 - places) ** (degree - k) for k in range(degree + 1)]
    return torch.stack(powers, dim=-1)


def segments(
    knots: Float[Tensor, "pairs vertices"], places: Float[Tensor, "pairs points"]
) -> tuple[Tensor, Float[Tensor, "pairs points"]]:
    """The segment on which each place lies, by the number of its left vertex, and the place's share of it."""
    found = torch.searchsorted(knots.contiguous(), places.contiguous(), right=True) - 1
    left = found.clamp(0, knots.shape[1] - 2)
    begin, end = knots.gather(1, left), knots.gather(1, left + 1)
    share = torch.where(end > begin, (places - begin) / (end - begin), torch.ones_like(places))
    return left, share.clamp(0.0, 1.0)


def arc_knots(points: Float[Tensor, "pairs vertices parameters"]) -> Float[Tensor, "pairs vertices"]:
    """Knots of polygons in proportion to their arc length; even ones where a polygon has no length."""
    lengths = points.diff(dim=1).norm(dim=2)
    total = lengths.sum(dim=1, keepdim=True)
    even = torch.full_like(lengths, 1 / lengths.shape[1])
    share = torch.where(total > 0, lengths / total, even)
    knots = torch.cat([torch.zeros_like(total), share.cumsum(dim=1)], dim=1).clamp(max=1.0)
    last = (points == points[:, -1:]).all(dim=2) & (knots > 0)  # padding, too, lies at 1
    return torch.where(last.flip(1).long().cumprod(dim=1).flip(1) > 0, torch.ones_like(knots), knots)
