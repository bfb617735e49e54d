r"""Descent on a loss with weight decay and an l1 penalty, for ensembles: small weights become smaller, or zero.

Conventions. What is minimised is L(theta) + (decay/2) |theta|^2 + lasso |theta|_1, all parameters alike. Steps are
those of the accelerated proximal gradient with a fixed momentum: from the extrapolated point
p = theta + momentum (theta - theta before) it goes to S(p - rate (grad L(p) + decay p)), S the soft threshold
S(u) = sign(u) max(|u| - rate lasso, 0), which makes weights exactly zero.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from numerics.arguments import checked_number, checked_steps
from numerics.functional_module import Network
from numerics.losses import Loss, Targets
from numerics.objective import Inputs, check_problem, slope


@torch.no_grad()
def proximal_descent(
    network: Network,
    theta: Float[Tensor, "members parameters"],
    x: Inputs,
    y: Targets,
    loss: Loss,
    *,
    learning_rate: float,
    steps: int,
    decay: float = 0.0,
    lasso: float = 0.0,
    momentum: float = 0.0,
) -> Float[Tensor, "members parameters"]:
    """Take full-batch steps on the penalised loss in every member.

    Allocates a handful of copies of the parameters and members x batch x (all units, three times) numbers. A member
    that overflows is not finite in the end.

    Args:
        network: A perceptron or a view of a module.
        theta: Starting parameters, one row per member. Fixes dtype and device.
        x: Inputs, shared or one set per member.
        y: Targets of the loss, shared or one set per member.
        loss: The loss.
        learning_rate: Step size, positive.
        steps: Number of steps, at least 0.
        decay: Factor of |theta|^2/2, at least 0.
        lasso: Factor of |theta|_1, at least 0.
        momentum: In [0, 1).

    Returns:
        Where every member ends.

    Raises:
        TypeError: If a piece of the problem is of the wrong kind.
        ValueError: If the problem's pieces do not fit or are not finite, or a number is out of range.

    Examples:
        >>> from numerics import Mlp, SquaredError
        >>> x, y = torch.ones(1, 1), torch.zeros(1, 1)
        >>> start = torch.tensor([[8.0], [1.0]])
        >>> proximal_descent(
        ...     Mlp((1, 1), "linear"), start, x, y, SquaredError(0.5), learning_rate=0.5, steps=1, lasso=1.0
        ... ).flatten().tolist()
        [3.5, 0.0]

    References:
        Beck and Teboulle (2009), A fast iterative shrinkage-thresholding algorithm, SIAM J. Imaging Sciences 2(1).
    """
    check_problem(network, theta, x, y, loss)
    learning_rate = checked_number("learning_rate", learning_rate, above=0.0)
    decay, lasso = checked_number("decay", decay, least=0.0), checked_number("lasso", lasso, least=0.0)
    steps = checked_steps(steps)
    momentum = checked_number("momentum", momentum, least=0.0)
    if momentum >= 1:
        raise ValueError(f"momentum must lie in [0, 1), got {momentum}.")
    before, now = theta, theta
    for _ in range(steps):
        point = now + momentum * (now - before) if momentum else now
        _, gradient = slope(network, point, x, y, loss)
        moved = point - learning_rate * (gradient + decay * point)
        before, now = now, torch.nn.functional.softshrink(moved, learning_rate * lasso) if lasso else moved
    return now.clone()
