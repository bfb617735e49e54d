"""Full-batch gradient descent and Adam for ensembles, with the parameters recorded on the way.

Both take a fixed number of steps; how near to a critical point they end is reported, not assumed. A member that
diverges stops at its last finite point and says so by its number of steps. With a mask, parameters outside it are 0
from the start on: their gradients are left out, so that no moment of the past moves them.
"""

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from numerics.arguments import checked_integers, checked_mask, checked_number, checked_steps, checked_tolerance
from numerics.functional_module import Network
from numerics.losses import Loss, Targets
from numerics.objective import Inputs, check_problem, gradient_and_scale, quotient, slope
from numerics.training.result import TrainingResult

Update = Callable[[Tensor, int], Tensor]


def gradient_descent(
    network: Network,
    theta: Float[Tensor, "members parameters"],
    x: Inputs,
    y: Targets,
    loss: Loss,
    *,
    learning_rate: float,
    steps: int,
    record_at: Sequence[int] = (),
    tolerance: float = 1e-9,
    mask: Bool[Tensor, "members parameters"] | None = None,
) -> TrainingResult:
    """Take ``steps`` steps theta <- theta - learning_rate * grad L in every member.

    Allocates a handful of copies of the parameters, members x batch x (all units, three times) numbers, and the
    records.

    Args:
        network: A perceptron or a view of a module.
        theta: Starting parameters, one row per member. Fixes dtype and device.
        x: Inputs, shared or one set per member.
        y: Targets of the loss, shared or one set per member.
        loss: The loss.
        learning_rate: Step size, positive.
        steps: Number of steps, at least 0.
        record_at: Steps, in 0..steps, at which the parameters are kept: 0 is the start, k the point after k steps.
        tolerance: Relative gradient norm at which the end counts as converged, in (0, 1).
        mask: Parameters that take part; the others are set to 0 and stay there. None for all. The relative gradient
            then counts those in the mask.

    Returns:
        The end of every member, and the trajectory at the recorded steps, ascending. A member that overflowed stands
        still from its last finite point on; its ``steps`` are those that it took.

    Raises:
        ValueError: If the problem's pieces do not fit or are not finite, or a number is out of range.

    Examples:
        >>> from numerics import Mlp, SquaredError
        >>> x, y = torch.ones(1, 1), torch.zeros(1, 1)
        >>> end = gradient_descent(
        ...     Mlp((1, 1), "linear"), torch.tensor([[8.0]]), x, y, SquaredError(prefactor=0.5),
        ...     learning_rate=0.5, steps=3, record_at=(0, 1, 2),
        ... )
        >>> end.trajectory.flatten(), end.theta
        (tensor([8., 4., 2.]), tensor([[1.]]))
    """
    learning_rate = checked_number("learning_rate", learning_rate, above=0.0)

    def update(gradient: Tensor, step: int) -> Tensor:
        return gradient * -learning_rate

    return _descend(network, theta, x, y, loss, update, steps, record_at, tolerance, mask)


def adam(
    network: Network,
    theta: Float[Tensor, "members parameters"],
    x: Inputs,
    y: Targets,
    loss: Loss,
    *,
    learning_rate: float,
    steps: int,
    record_at: Sequence[int] = (),
    tolerance: float = 1e-9,
    betas: tuple[float, float] = (0.9, 0.999),
    epsilon: float = 1e-8,
    mask: Bool[Tensor, "members parameters"] | None = None,
) -> TrainingResult:
    """Take ``steps`` full-batch steps of Adam in every member.

    Allocates as ``gradient_descent`` does, and the two moments.

    Args:
        network: A perceptron or a view of a module.
        theta: Starting parameters, one row per member. Fixes dtype and device.
        x: Inputs, shared or one set per member.
        y: Targets of the loss, shared or one set per member.
        loss: The loss.
        learning_rate: Step size, positive.
        steps: Number of steps, at least 0.
        record_at: Steps, in 0..steps, at which the parameters are kept.
        tolerance: Relative gradient norm at which the end counts as converged, in (0, 1).
        betas: Decay of the first and the second moment, in [0, 1).
        epsilon: Added to the root of the second moment, positive.
        mask: As in ``gradient_descent``.

    Returns:
        As ``gradient_descent``.

    Raises:
        ValueError: If the problem's pieces do not fit or are not finite, or a number is out of range.

    Examples:
        >>> from numerics import Mlp, SquaredError
        >>> x, y = torch.ones(1, 1), torch.zeros(1, 1)
        >>> adam(
        ...     Mlp((1, 1), "linear"), torch.tensor([[8.0]]), x, y, SquaredError(), learning_rate=0.5, steps=2
        ... ).theta
        tensor([[7.0011]])

    References:
        Kingma and Ba (2014), arXiv:1412.6980, Algorithm 1.
    """
    check_problem(network, theta, x, y, loss)
    if not (isinstance(betas, tuple) and len(betas) == 2 and all(_is_decay(beta) for beta in betas)):
        raise ValueError(f"betas must be two numbers in [0, 1), got {betas!r}.")
    epsilon = checked_number("epsilon", epsilon, above=0.0)
    learning_rate = checked_number("learning_rate", learning_rate, above=0.0)
    first, second = torch.zeros_like(theta), torch.zeros_like(theta)

    def update(gradient: Tensor, step: int) -> Tensor:
        first.mul_(betas[0]).add_(gradient, alpha=1 - betas[0])
        second.mul_(betas[1]).addcmul_(gradient, gradient, value=1 - betas[1])
        root = (second / (1 - betas[1] ** step)).sqrt_().add_(epsilon)
        return (first / root) * (-learning_rate / (1 - betas[0] ** step))

    return _descend(network, theta, x, y, loss, update, steps, record_at, tolerance, mask)


@torch.no_grad()
def _descend(
    network: Network,
    theta: Tensor,
    x: Inputs,
    y: Targets,
    loss: Loss,
    update: Update,
    steps: int,
    record_at: Sequence[int],
    tolerance: float,
    mask: Tensor | None,
) -> TrainingResult:
    """Follow an update rule; ``update(gradient, step)`` is the move of step 1, 2, ..."""
    check_problem(network, theta, x, y, loss)
    steps = checked_steps(steps)
    checked_tolerance(tolerance)
    moments = checked_integers("record_at", record_at, steps)
    if mask is not None:
        checked_mask("mask", mask, theta.shape, theta.device)
    theta = kept(mask, theta.clone())

    def slope_of_kept(point: Tensor) -> tuple[Tensor, Tensor]:
        value, gradient = slope(network, point, x, y, loss)
        return value, kept(mask, gradient)

    value, gradient = slope_of_kept(theta)
    alive = _finite(theta, value, gradient)
    taken = torch.zeros(len(theta), dtype=torch.int64, device=theta.device)
    records = [theta] if 0 in moments else []
    for step in range(1, steps + 1):
        trial = theta + update(gradient, step)
        new_value, new_gradient = slope_of_kept(trial)
        alive = alive & _finite(trial, new_value, new_gradient)
        theta = torch.where(alive[:, None], trial, theta)
        value = torch.where(alive, new_value, value)
        gradient = torch.where(alive[:, None], new_gradient, gradient)
        taken += alive
        if step in moments:
            records.append(theta)
    norms = relative_norm_of_kept(network, theta, x, y, loss, mask)
    trajectory = torch.stack(records) if records else theta.new_empty(0, *theta.shape)
    value = value.nan_to_num(nan=torch.inf, posinf=torch.inf)
    return TrainingResult(theta, value, norms, norms <= tolerance, taken, trajectory, moments, gradients=taken)


def kept(mask: Tensor | None, values: Tensor) -> Tensor:
    """Values with 0 outside a mask, whatever stood there."""
    return values if mask is None else values.masked_fill(~mask, 0)


def relative_norm_of_kept(
    network: Network, theta: Tensor, x: Inputs, y: Targets, loss: Loss, mask: Tensor | None
) -> Tensor:
    """The relative gradient norm, of whose gradient only what is in the mask counts."""
    gradient, scale = gradient_and_scale(network, theta, x, y, loss)
    return quotient(kept(mask, gradient).norm(dim=1), scale)


def _is_decay(beta: float) -> bool:
    return isinstance(beta, int | float) and not isinstance(beta, bool) and 0 <= beta < 1


def _finite(theta: Tensor, value: Tensor, gradient: Tensor) -> Tensor:
    """Members whose point, loss and gradient are all finite."""
    return theta.isfinite().all(1) & value.isfinite() & gradient.isfinite().all(1)
