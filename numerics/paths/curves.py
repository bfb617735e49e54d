r"""Learnt curves between two networks: Bezier curves and polygonal chains that lower the mean loss along them.

Model (Garipov, Izmailov, Podoprikhin, Vetrov and Wilson 2018, arXiv:1802.10026, sections 3.1-3.3). A curve
phi_theta(t) = sum_k w_k(t) theta_k has fixed ends theta_0, theta_n and learns its inner points: the quadratic Bezier
curve has one, w_1 = 2 t (1 - t); a chain of straight pieces has one at each bend, w_k a hat. What falls is the mean of
the loss at uniform t (their equation 2, the tractable stand-in for the mean by arc length), one t drawn for each step;
d/d theta_k L(phi(t)) = w_k(t) grad L. Started at the chord, trained by Adam, and independent pair by pair: what a pair
draws depends on its seed alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from numerics.arguments import checked_number, checked_sizes
from numerics.loss_of_rows import LossOfRows
from numerics.paths.adaptive_steps import AdaptiveSteps, row_slopes, scheduled
from numerics.paths.path import Path, bernstein, segments
from numerics.progress import progress
from numerics.seeded import generators

_MOST_BENDS = 100  # beyond, the binomials of a Bezier curve soon overflow in float32, and cancel before


@dataclass(frozen=True, kw_only=True)
class BezierCurve:
    """A Bezier curve of degree ``bends`` + 1, learnt as the module's heading says.

    Args:
        bends: Inner control points, at most 100.
        steps: Steps of Adam.
        learning_rate: Positive; constant for half of the steps, then falling to 1 %.
        draws: Places on the curve at each step.
        examples: Drawn at each step, with replacement; all of them if None.

    Raises:
        ValueError: If a number is out of range.

    Examples:
        >>> BezierCurve(steps=200).bends
        1
    """

    bends: int = 1
    steps: int = 1000
    learning_rate: float = 0.02
    draws: int = 1
    examples: int | None = None
    name: ClassVar[str] = "bezier"

    def __post_init__(self) -> None:
        checked_sizes(bends=self.bends, steps=self.steps, draws=self.draws)
        if self.bends > _MOST_BENDS:
            raise ValueError(f"bends must be at most {_MOST_BENDS}, got {self.bends!r}.")
        if self.examples is not None:
            checked_sizes(examples=self.examples)
        checked_number("learning_rate", self.learning_rate, above=0.0)

    def connect(self, problem: LossOfRows, begin: Tensor, end: Tensor, seeds: Sequence[int] | None) -> Path:
        """Learn a curve for every pair.

        Allocates a handful of copies of its points, and what gradients at pairs x draws points need.
        """
        return Path(problem, self._learnt(problem, begin, end, seeds), None, self.name)

    def weights(self, places: Tensor) -> Tensor:
        """How much each point counts at each place, (pairs, points, bends + 2)."""
        return bernstein(places, self.bends + 1)

    def _learnt(self, problem: LossOfRows, begin: Tensor, end: Tensor, seeds: Sequence[int] | None) -> Tensor:
        if seeds is None:
            raise ValueError(f"seeds must hold one integer per pair, as {self.name} draws places, got None.")
        draws = list(generators(f"path {self.name}", seeds))
        shares = torch.linspace(0, 1, self.bends + 2, dtype=begin.dtype, device=begin.device)[None, :, None]
        points = torch.lerp(begin[:, None], end[:, None], shares)
        points[:, 0], points[:, -1] = begin, end
        moves = AdaptiveSteps(points[:, 1:-1])
        members = torch.arange(len(begin), device=begin.device).repeat_interleave(self.draws)
        with progress(self.steps, f"steps of a learnt path ({self.name})") as bar:
            for step in range(self.steps):
                drawn = [torch.rand(self.draws, generator=one, dtype=torch.float64, device="cpu") for one in draws]
                weights = self.weights(torch.stack(drawn).to(begin))
                rows = (weights @ points).flatten(0, 1)
                _, gradient = row_slopes(problem, rows, members, draws, self.examples)
                inner = weights[..., 1:-1].mT @ torch.unflatten(gradient, 0, (-1, self.draws)) / self.draws
                points[:, 1:-1] += moves.move(inner, scheduled(self.learning_rate, step, self.steps))
                bar.advance()
        return points


@dataclass(frozen=True, kw_only=True)
class PolygonalChain(BezierCurve):
    """A chain of ``bends`` + 1 straight pieces, learnt as the module's heading says.

    Args:
        bends: Inner vertices, at most 100.
        steps: Steps of Adam.
        learning_rate: Positive; constant for half of the steps, then falling to 1 %.
        draws: Places on the chain at each step.
        examples: Drawn at each step, with replacement; all of them if None.

    Raises:
        ValueError: If a number is out of range.

    Examples:
        >>> PolygonalChain(bends=2).weights(torch.tensor([[0.0, 0.5]]))
        tensor([[[1.0000, 0.0000, 0.0000, 0.0000],
                 [0.0000, 0.5000, 0.5000, 0.0000]]])
    """

    name: ClassVar[str] = "polygon"

    def connect(self, problem: LossOfRows, begin: Tensor, end: Tensor, seeds: Sequence[int] | None) -> Path:
        """Learn a chain for every pair; allocates as a Bezier curve does."""
        points = self._learnt(problem, begin, end, seeds)
        knots = torch.linspace(0, 1, self.bends + 2, dtype=begin.dtype, device=begin.device)
        return Path(problem, points, knots.expand(len(points), -1), self.name)

    def weights(self, places: Tensor) -> Tensor:
        """How much each vertex counts at each place, (pairs, points, bends + 2)."""
        knots = torch.linspace(0, 1, self.bends + 2, dtype=places.dtype, device=places.device)
        left, share = segments(knots.expand(len(places), -1), places)
        whole = places.new_zeros(*places.shape, self.bends + 2)
        return whole.scatter(2, left[..., None], 1 - share[..., None]).scatter(2, left[..., None] + 1, share[..., None])
