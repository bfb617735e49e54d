"""Steps of Adam for rows of parameters, and gradients at rows on all examples or on some drawn anew."""

from collections.abc import Sequence

import torch
from torch import Tensor

from numerics.loss_of_rows import LossOfRows


class AdaptiveSteps:
    """Adam (Kingma and Ba 2014, arXiv:1412.6980, Algorithm 1) with its usual constants, entry by entry.

    Args:
        like: A tensor of the shape of what is moved.

    Examples:
        >>> steps = AdaptiveSteps(torch.zeros(2))
        >>> steps.move(torch.tensor([3.0, -0.1]), 0.5)
        tensor([-0.5000,  0.5000])
    """

    def __init__(self, like: Tensor) -> None:
        self.first, self.second, self.taken = torch.zeros_like(like), torch.zeros_like(like), 0

    def move(self, gradient: Tensor, learning_rate: float) -> Tensor:
        """By how much to move against a gradient; where it is not finite, not at all."""
        gradient = gradient.nan_to_num(0.0, 0.0, 0.0)
        self.taken += 1
        self.first.mul_(0.9).add_(gradient, alpha=0.1)
        self.second.mul_(0.999).addcmul_(gradient, gradient, value=0.001)
        root = (self.second / (1 - 0.999**self.taken)).sqrt_().add_(1e-8)
        return (self.first / root) * (-learning_rate / (1 - 0.9**self.taken))


def scheduled(learning_rate: float, step: int, steps: int) -> float:
    """Constant for the first half, then falling linearly to 1 % at nine tenths, as in arXiv:1802.10026, appendix A.2.

    Examples:
        >>> [round(scheduled(1.0, step, 100), 3) for step in (0, 50, 70, 90, 99)]
        [1.0, 1.0, 0.505, 0.01, 0.01]
    """
    done = step / steps
    return learning_rate * min(1.0, max(0.01, 1.0 - 0.99 * (done - 0.5) / 0.4))


def row_slopes(
    problem: LossOfRows, rows: Tensor, members: Tensor, draws: Sequence[torch.Generator] | None, examples: int | None
) -> tuple[Tensor, Tensor]:
    """Loss and gradient at every row, on all examples, or on some that each member's generator draws, with replacement.

    Args:
        problem: The training problem.
        rows: Parameter vectors, (rows, parameters).
        members: Whose data each row takes; rows of one member get the same examples.
        draws: One generator a member; may be None where all examples are taken.
        examples: Examples that are drawn; all of them, some rows at a time, if None.
    """
    if examples is None or draws is None:
        return problem.slopes(rows, members)
    size = problem.x.shape[1 if problem.own_x else 0]
    drawn = torch.stack([torch.randint(size, (examples,), generator=one, device="cpu") for one in draws]).to(
        rows.device
    )
    values, gradients = rows.new_empty(len(rows)), torch.empty_like(rows)
    with torch.no_grad():
        for some in torch.split(torch.arange(len(rows), device=rows.device), problem.chunk):
            who = members[some]
            x = problem.x[who[:, None], drawn[who]] if problem.own_x else problem.x[drawn[who]]
            y = problem.y[who[:, None], drawn[who]] if problem.own_y else problem.y[drawn[who]]
            values[some], gradients[some] = problem.slopes_on(rows[some], x, y)
    return values.nan_to_num(torch.inf, torch.inf, -torch.inf), gradients
