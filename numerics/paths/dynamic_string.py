r"""Dynamic string sampling: beads between two networks until every straight piece stays below a level.

Freeman and Bruna 2017, arXiv:1611.01540, Algorithm 1. Both ends have a loss of at most the level L_0. If the straight
line between two beads exceeds it, a new bead is trained from the place of its largest loss down to at most a L_0,
a < 1, and both halves are looked at in turn. If no piece exceeds the level any more, the ends are connected in the
sublevel set, as far as samples of the pieces can tell; a search that gives up tells nothing. The number of beads and
the length of the string over the distance of the ends (1 on a convex sublevel set) are what they report.

Pieces of all pairs are looked at together, round by round, where Algorithm 1 recurses.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from numerics.arguments import checked_number, checked_sizes
from numerics.loss_of_rows import LossOfRows
from numerics.paths.adaptive_steps import AdaptiveSteps
from numerics.paths.path import Path, arc_knots
from numerics.progress import progress


@dataclass(frozen=True, kw_only=True)
class DynamicString:
    """Dynamic string sampling, as the module's heading says.

    Args:
        level: L_0, at least the loss of every end; twice the larger end's loss, pair by pair, if None.
        share: a, of the level, to which beads are trained; in (0, 1).
        samples: Equally spaced inner points at which the loss on a piece is looked at.
        rounds: Times that pieces may be halved: at most 2^rounds - 1 beads.
        steps: Most steps of Adam for a bead; one that does not get there in time ends the search of its pair.
        learning_rate: Positive.

    Raises:
        ValueError: If a number is out of range.

    Examples:
        >>> DynamicString(level=0.1).samples
        50
    """

    level: float | None = None
    share: float = 0.8
    samples: int = 50
    rounds: int = 6
    steps: int = 500
    learning_rate: float = 0.01
    name: ClassVar[str] = "string"

    def __post_init__(self) -> None:
        checked_sizes(samples=self.samples, rounds=self.rounds, steps=self.steps)
        if self.level is not None:
            checked_number("level", self.level, above=0.0)
        checked_number("learning_rate", self.learning_rate, above=0.0)
        if not checked_number("share", self.share, above=0.0) < 1:
            raise ValueError(f"share must lie in (0, 1), got {self.share!r}.")

    def connect(self, problem: LossOfRows, begin: Tensor, end: Tensor, seeds: Sequence[int] | None) -> Path:
        """Lay a string for every pair; ``reached`` says which stay below the level at all samples.

        Allocates the samples of all pieces that are looked at, and what their losses need.

        Raises:
            ValueError: If an end lies above the level.
        """
        members = torch.arange(len(begin), device=begin.device)
        larger = torch.maximum(problem.values(begin, members), problem.values(end, members))
        levels = 2 * larger if self.level is None else torch.full_like(larger, self.level)
        if bool((larger > levels).any()):
            raise ValueError(
                f"level must be at least the loss of every end, got {self.level!r} for ends of loss up to "
                f"{float(larger.max()):g}."
            )
        strings = [_String([one, other]) for one, other in zip(begin, end, strict=True)]
        with progress(None, "rounds of string sampling") as bar:
            for turn in range(self.rounds + 1):
                above = self._above(problem, strings, levels)
                if not above:
                    break
                if turn == self.rounds:
                    for pair, _, _ in above:
                        strings[pair].failed = True
                    break
                self._add_beads(problem, strings, above, levels)
                bar.advance()
        longest = max(len(string.beads) for string in strings)
        padded = [torch.stack(string.beads + [string.beads[-1]] * (longest - len(string.beads))) for string in strings]
        reached = torch.tensor([not string.failed for string in strings], device=begin.device)
        points = torch.stack(padded)
        return Path(problem, points, arc_knots(points), self.name, reached=reached)

    def _above(self, problem: LossOfRows, strings: list["_String"], levels: Tensor) -> list[tuple[int, int, Tensor]]:
        """Pieces that exceed their level, by pair and number, with the place of their largest loss."""
        pieces = [
            (pair, number)
            for pair, string in enumerate(strings)
            for number, settled in enumerate(string.settled)
            if not settled and not string.failed
        ]
        if not pieces:
            return []
        shares = torch.linspace(0, 1, self.samples + 2, dtype=levels.dtype, device=levels.device)[1:-1]
        found: list[tuple[int, int, Tensor]] = []
        for pair, number in pieces:
            one, other = strings[pair].beads[number : number + 2]
            rows = torch.lerp(one, other, shares[:, None])
            losses = problem.values(rows, torch.full((len(rows),), pair, device=levels.device))
            top, where = losses.max(dim=0)
            if bool(top <= levels[pair]):
                strings[pair].settled[number] = True
            else:
                found.append((pair, number, rows[where]))
        return found

    def _add_beads(
        self, problem: LossOfRows, strings: list["_String"], above: list[tuple[int, int, Tensor]], levels: Tensor
    ) -> None:
        """Train a bead for every piece and put it in."""
        members = torch.tensor([pair for pair, _, _ in above], device=levels.device)
        beads, arrived = self._trained(problem, torch.stack([start for _, _, start in above]), members, levels[members])
        for (pair, number, _), bead, there in reversed(list(zip(above, beads, arrived.tolist(), strict=True))):
            string = strings[pair]
            string.beads.insert(number + 1, bead)
            string.settled[number : number + 1] = [False, False]
            string.failed = string.failed or not there

    def _trained(self, problem: LossOfRows, rows: Tensor, members: Tensor, levels: Tensor) -> tuple[Tensor, Tensor]:
        """Descend from every row until its loss is at most its share of the level; whether it got there."""
        rows, moves = rows.clone(), AdaptiveSteps(rows)
        for _ in range(self.steps):
            losses, gradient = problem.slopes(rows, members)
            there = losses <= self.share * levels
            if bool(there.all()):
                break
            rows = torch.where(there[:, None], rows, rows + moves.move(gradient, self.learning_rate))
        return rows, problem.values(rows, members) <= self.share * levels


class _String:
    """Beads of one pair, and which pieces between them are known to stay below the level."""

    def __init__(self, beads: list[Tensor]) -> None:
        self.beads, self.settled, self.failed = beads, [False], False
