r"""The nudged elastic band between two networks, with pivots inserted where the loss between pivots stands out.

Model (Draxler, Veschgini, Salmhofer and Hamprecht 2018, arXiv:1803.00885, sections 3.1 and 3.2). A band is a chain of
pivots p_1, ..., p_n between fixed ends. Each pivot follows the part of -grad L(p_i) that is perpendicular to the band's
tangent there (Henkelman and Jonsson 2000: towards the neighbour of higher loss, and a mean of both directions at a
maximum or minimum); springs of infinite stiffness keep the distances between pivots in given proportions, which is to
say that before each step the pivots are put back at their shares of the band's arc length.

AutoNEB: after a cycle of steps the loss is evaluated densely between the pivots, and where it exceeds the straight line
between two pivots' losses by more than a share of the range of losses on the band, a new pivot is inserted at the place
of the largest excess; the distances that it divides become the new proportions. Cycles at smaller steps follow.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from numerics.arguments import checked_number, checked_sizes
from numerics.loss_of_rows import LossOfRows
from numerics.paths.adaptive_steps import AdaptiveSteps, row_slopes
from numerics.paths.path import Path, arc_knots, segments
from numerics.progress import progress
from numerics.seeded import generators


@dataclass(frozen=True, kw_only=True)
class ElasticBand:
    """A nudged elastic band that inserts pivots, as the module's heading says.

    Args:
        pivots: Between the ends, at the start.
        cycles: Of steps; before each but the first pivots may be inserted.
        steps: Steps of Adam in a cycle.
        learning_rate: Positive, of the first cycle; each further one has 7/10 of that before.
        insert: Pivots that a pair may get after a cycle.
        between: Places between neighbouring pivots at which the loss is looked at.
        threshold: Excess over the straight line, as a share of the range of losses, that inserts a pivot; in (0, 1).
        examples: Drawn at each step, with replacement; all of them if None.

    Raises:
        ValueError: If a number is out of range.

    Examples:
        >>> ElasticBand(cycles=2, steps=50).pivots
        4
    """

    pivots: int = 4
    cycles: int = 4
    steps: int = 100
    learning_rate: float = 0.02
    insert: int = 2
    between: int = 9
    threshold: float = 0.1
    examples: int | None = None
    name: ClassVar[str] = "band"

    def __post_init__(self) -> None:
        checked_sizes(
            pivots=self.pivots, cycles=self.cycles, steps=self.steps, insert=self.insert, between=self.between
        )
        if self.examples is not None:
            checked_sizes(examples=self.examples)
        checked_number("learning_rate", self.learning_rate, above=0.0)
        if not checked_number("threshold", self.threshold, above=0.0) < 1:
            raise ValueError(f"threshold must lie in (0, 1), got {self.threshold!r}.")

    def connect(self, problem: LossOfRows, begin: Tensor, end: Tensor, seeds: Sequence[int] | None) -> Path:
        """Let a band relax for every pair.

        Allocates a handful of copies of its points, and what gradients at all pivots need.
        """
        draws = None
        if self.examples is not None:
            if seeds is None:
                raise ValueError("seeds must hold one integer per pair, as the band draws examples, got None.")
            draws = list(generators("path band", seeds))
        shares = torch.linspace(0, 1, self.pivots + 2, dtype=begin.dtype, device=begin.device)
        points = torch.lerp(begin[:, None], end[:, None], shares[None, :, None])
        points[:, 0], points[:, -1] = begin, end
        knots = shares.expand(len(begin), -1)
        ends = Path(problem, points, knots, self.name).ends
        with progress(self.cycles * self.steps, "steps of an elastic band") as bar:
            for cycle in range(self.cycles):
                if cycle:
                    points, knots = self._inserted(problem, points, knots)
                moves = AdaptiveSteps(points[:, 1:-1])
                for _ in range(self.steps):
                    points = at_shares(points, knots)
                    force = self._force(problem, points, knots, ends, draws)
                    points[:, 1:-1] += moves.move(force, self.learning_rate * 0.7**cycle)
                    bar.advance()
        # padding stays padding: the pivots behind it have been told not to move
        return Path(problem, points, arc_knots(points), self.name)

    def _force(
        self,
        problem: LossOfRows,
        points: Tensor,
        knots: Tensor,
        ends: Tensor,
        draws: Sequence[torch.Generator] | None,
    ) -> Tensor:
        """The gradient at every inner pivot without its part along the band; 0 at padding."""
        pairs, inner = points.shape[0], points.shape[1] - 2
        members = torch.arange(pairs, device=points.device).repeat_interleave(inner)
        value, slope = row_slopes(problem, points[:, 1:-1].flatten(0, 1), members, draws, self.examples)
        gradient = torch.unflatten(slope, 0, (pairs, inner))
        losses = torch.cat([ends[:, :1], value.reshape(pairs, inner), ends[:, 1:]], dim=1)
        tangent = band_tangents(points, losses)
        across = gradient - (gradient * tangent).sum(dim=2, keepdim=True) * tangent
        return torch.where((knots[:, 1:-1] < 1)[..., None], across, torch.zeros_like(across))

    def _inserted(self, problem: LossOfRows, points: Tensor, knots: Tensor) -> tuple[Tensor, Tensor]:
        """The band with new pivots where the loss between pivots stands out most, and the new shares."""
        vertices = points.shape[1]
        shares = torch.linspace(0, 1, self.between + 2, dtype=points.dtype, device=points.device)
        path = Path(problem, points, knots, self.name)
        begin, width = knots[:, :-1, None], knots.diff(dim=1)[..., None]
        dense = (begin + width * shares).clamp(0.0, 1.0)
        losses = path.losses(dense.flatten(1)).reshape(dense.shape)
        straight = torch.lerp(losses[..., :1], losses[..., -1:], shares)
        spread = (losses.amax(dim=(1, 2)) - losses.amin(dim=(1, 2)))[:, None]
        excess, where = (losses - straight)[..., 1:-1].nan_to_num(-torch.inf).max(dim=2)
        top, segment = excess.topk(min(self.insert, vertices - 1), dim=1)
        wanted = (top > self.threshold * spread) & (width[..., 0].gather(1, segment) > 0)
        fresh = dense.flatten(1).gather(1, segment * len(shares) + where.gather(1, segment) + 1)
        fresh = torch.where(wanted, fresh, torch.ones_like(fresh))  # nothing new is one more padding at 1
        fresh = fresh[:, wanted.any(dim=0)]
        merged, order = torch.cat([knots, fresh], dim=1).sort(dim=1, stable=True)
        found = torch.cat([points, path.at(fresh)] if fresh.shape[1] else [points], dim=1)
        return found.gather(1, order[..., None].expand_as(found)), merged


def at_shares(points: Tensor, shares: Tensor) -> Tensor:
    """The vertices of each polygon moved along it to given shares of its arc length, ascending; the ends stay."""
    lengths = torch.cat([points.new_zeros(len(points), 1), points.diff(dim=1).norm(dim=2).cumsum(dim=1)], dim=1)
    total = lengths[:, -1:]
    reached = torch.where(total > 0, lengths / total, shares)
    left, share = segments(reached, shares)
    pairs = torch.arange(len(points), device=points.device)[:, None]
    moved = torch.lerp(points[pairs, left], points[pairs, left + 1], share[..., None])
    moved = torch.where((shares <= 0)[..., None], points[:, :1], moved)
    return torch.where((shares >= 1)[..., None], points[:, -1:], moved)


def band_tangents(points: Tensor, losses: Tensor) -> Tensor:
    """The unit tangent at every inner pivot (Henkelman and Jonsson 2000, equations 8-11); 0 where pivots coincide."""
    before, after = (points[:, 1:-1] - points[:, :-2]), (points[:, 2:] - points[:, 1:-1])
    before, after = _unit(before), _unit(after)
    low, here, high = losses[:, :-2], losses[:, 1:-1], losses[:, 2:]
    one, two = (high - here).abs(), (low - here).abs()
    largest, least = torch.maximum(one, two), torch.minimum(one, two)
    rising, falling = (high > here) & (here >= low), (high <= here) & (here < low)
    up = torch.where(high > low, largest, least)
    down = torch.where(high > low, least, largest)
    up = torch.where(rising, torch.ones_like(up), torch.where(falling, torch.zeros_like(up), up))
    down = torch.where(rising, torch.zeros_like(down), torch.where(falling, torch.ones_like(down), down))
    flat = (up + down == 0) | ~(up + down).isfinite()
    up, down = (torch.where(flat, torch.ones_like(part), part) for part in (up, down))
    mixed = up[..., None] * after + down[..., None] * before
    return _unit(mixed)


def _unit(directions: Tensor) -> Tensor:
    """Directions of norm 1; 0 stays 0."""
    norms: Tensor = directions.norm(dim=2, keepdim=True)
    unit: Tensor = directions / norms.clamp(min=torch.finfo(directions.dtype).tiny)
    return unit
