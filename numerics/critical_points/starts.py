"""Where searches for critical points start: trajectories of gradient descent, stopped at random energies.

Descent passes close to saddles on its way down, high ones early and low ones late, so its trajectories offer starts at
all heights; which critical points a search finds, and how often, depends on them. The sampling measure of what is
found from here is: descent from random weights, then the search.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from numerics.arguments import checked_number, checked_sizes
from numerics.losses import SquaredError
from numerics.networks import Mlp
from numerics.objective import check_problem, slope
from numerics.seeded import checked_seeds, generators


def descent_starts(
    network: Mlp,
    theta: Float[Tensor, "members parameters"],
    x: Float[Tensor, "*members batch inputs"],
    y: Float[Tensor, "*members batch outputs"],
    loss: SquaredError,
    *,
    seeds: Sequence[int],
    learning_rate: float = 0.2,
    steps: int = 400,
) -> Float[Tensor, "members parameters"]:
    """Follow gradient descent in every member and stop it at a loss drawn uniformly from those it passes through.

    The loss at which a member stops is drawn between those of its first and its last point by a seed of its own, and
    the first point at or below it is handed back. A step that would raise the loss is not taken and halves that
    member's step size. Allocates members x steps numbers and a few copies of the parameters.

    Args:
        network: The network.
        theta: Where descent starts, one row per member.
        x: Inputs, shared or one set per member.
        y: Targets, shared or one set per member.
        loss: The squared error with its prefactor.
        seeds: One per member; they draw where it stops.
        learning_rate: First step size, positive.
        steps: Steps of the whole trajectory.

    Returns:
        One point per member.

    Raises:
        ValueError: If the pieces do not fit or are not finite, there is not one seed per member, or a number is out of
            range.

    Examples:
        >>> x = y = torch.ones(1, 1, dtype=torch.float64)
        >>> network = Mlp((1, 1), "linear")
        >>> theta = torch.zeros(2, 1, dtype=torch.float64)
        >>> starts = descent_starts(network, theta, x, y, SquaredError(), seeds=[0, 1])
        >>> bool(((starts > 0) & (starts < 1)).all())
        True
    """
    check_problem(network, theta, x, y, loss)
    checked_sizes(steps=steps)
    learning_rate = checked_number("learning_rate", learning_rate, above=0.0)
    checked_seeds(seeds, len(theta))
    draws = [
        torch.rand((), generator=one, dtype=torch.float64, device="cpu") for one in generators("stop of descent", seeds)
    ]
    share = torch.stack(draws).to(theta)
    with torch.no_grad():
        first, last, _ = _descend(network, theta, x, y, loss, learning_rate, steps, None)
        return _descend(network, theta, x, y, loss, learning_rate, steps, last + share * (first - last))[2]


def _descend(
    network: Mlp,
    theta: Tensor,
    x: Tensor,
    y: Tensor,
    loss: SquaredError,
    learning_rate: float,
    steps: int,
    level: Tensor | None,
) -> tuple[Tensor, Tensor, Tensor]:
    """First loss, last loss and last point; members stand still from where they are at or below their level on."""
    value, gradient = slope(network, theta, x, y, loss)
    first = value
    rate = torch.full_like(value, learning_rate)
    for _ in range(steps):
        moving = torch.ones_like(value, dtype=torch.bool) if level is None else value > level
        if not bool(moving.any()):
            break
        trial = theta - rate[:, None] * gradient
        new_value, new_gradient = slope(network, trial, x, y, loss)
        lower = new_value <= value  # never true of NaN
        taken = moving & lower
        rate = torch.where(lower, rate, rate / 2)
        theta = torch.where(taken[:, None], trial, theta)
        gradient = torch.where(taken[:, None], new_gradient, gradient)
        value = torch.where(taken, new_value, value)
    return first, value, theta
