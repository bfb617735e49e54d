"""A training problem: network, parameters, data and loss that fit together; its gradient, and how small a gradient is.

**Relative gradient norm.** By Cauchy-Schwarz |grad L| = |J' dL/do| <= |J|_F |dL/do|, where J is the Jacobian of all
outputs o with respect to the parameters. The relative gradient norm of a point is

    |grad L| / (|J|_F max(|dL/do|, |dL/do at o = 0|)),

0 if the gradient is 0. It lies in [0, 1], does not depend on where training started, on the prefactor, or on the unit
of the targets (squared error: the second norm is that of the targets), and falls to 0 both where the residuals vanish
and where they become orthogonal to the columns of J. Rounding alone leaves it at about the machine precision.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from numerics.arguments import checked_finite
from numerics.losses import Loss, Targets
from numerics.networks import Mlp, Trace


def check_problem(
    network: Mlp,
    theta: Float[Tensor, "members parameters"],
    x: Float[Tensor, "*members batch inputs"],
    y: Targets,
    loss: Loss,
) -> None:
    """Refuse a problem whose pieces do not fit or hold NaN or infinity. Costs a look at every number, no forward pass.

    Raises:
        TypeError: If the network is no Mlp, the loss no loss, or an array no tensor.
        ValueError: If a shape, dtype or device does not fit, an array is empty or not finite, or a label is out of
            range.
    """
    if not isinstance(network, Mlp):
        raise TypeError(f"network must be an Mlp, got {type(network).__name__}.")
    if isinstance(loss, type) or not isinstance(loss, Loss):
        raise TypeError(f"loss must be a loss such as SquaredError(), got {loss!r}.")
    network.unflatten(theta)
    for name, data in (("x", x), ("y", y)):
        if not isinstance(data, Tensor):
            raise TypeError(f"{name} must be a torch tensor, got {type(data).__name__}.")
    if 0 in theta.shape or 0 in x.shape:
        raise ValueError(f"theta and x must not be empty, got shapes {tuple(theta.shape)} and {tuple(x.shape)}.")
    spread = network.spread(theta, x)
    if y.device != theta.device or (y.is_floating_point() and y.dtype != theta.dtype):
        raise ValueError(
            f"y must have theta's dtype and device, {theta.dtype} on {theta.device}, got {y.dtype} on {y.device}."
        )
    loss.check(theta.new_empty(1).expand(len(theta), spread.shape[1], network.widths[-1]), y)
    checked_finite(theta=theta, x=x, y=y)


def loss_and_gradient(
    network: Mlp,
    theta: Float[Tensor, "members parameters"],
    x: Float[Tensor, "*members batch inputs"],
    y: Targets,
    loss: Loss,
) -> tuple[Float[Tensor, " members"], Float[Tensor, "members parameters"]]:
    """Loss and gradient of every member by one forward and one backward pass.

    Allocates members x batch x (all units, three times) numbers. Where a finite problem overflows, the loss is
    infinity and so is what cannot be told of the gradient: there is no NaN.

    Args:
        network: The network.
        theta: Parameters, one row per member.
        x: Inputs, shared or one set per member.
        y: Targets of the loss, shared or one set per member.
        loss: The loss.

    Returns:
        The losses and their gradients in the flat layout.

    Raises:
        ValueError: If the problem's pieces do not fit or are not finite.

    Examples:
        >>> from numerics.losses import SquaredError
        >>> x = y = torch.ones(4, 1)
        >>> loss_and_gradient(Mlp((1, 1), "linear"), torch.tensor([[3.0]]), x, y, SquaredError())
        (tensor([4.]), tensor([[4.]]))
    """
    check_problem(network, theta, x, y, loss)
    value, gradient = slope(network, theta, x, y, loss)
    return value.nan_to_num(torch.inf, torch.inf, -torch.inf), gradient.nan_to_num(torch.inf, torch.inf, -torch.inf)


def slope(
    network: Mlp,
    theta: Float[Tensor, "members parameters"],
    x: Float[Tensor, "*members batch inputs"],
    y: Targets,
    loss: Loss,
) -> tuple[Float[Tensor, " members"], Float[Tensor, "members parameters"]]:
    """Loss and gradient of a problem that has been checked, NaN where they overflow."""
    trace = network.trace(theta, x)
    return loss.value(trace.outputs, y), network.pullback(trace, loss.gradient(trace.outputs, y))


def relative_gradient_norm(
    network: Mlp,
    theta: Float[Tensor, "members parameters"],
    x: Float[Tensor, "*members batch inputs"],
    y: Targets,
    loss: Loss,
) -> Float[Tensor, " members"]:
    """How small the gradient is, between 0 and 1, as the module's heading defines it.

    Allocates members x batch x outputs x (widest layer) numbers beside one forward pass.

    Args:
        network: The network.
        theta: Parameters, one row per member.
        x: Inputs, shared or one set per member.
        y: Targets of the loss, shared or one set per member.
        loss: The loss.

    Returns:
        One number per member.

    Raises:
        ValueError: If the problem's pieces do not fit or are not finite.

    Examples:
        >>> from numerics.losses import SquaredError
        >>> x, y = torch.ones(4, 1), torch.zeros(4, 1)
        >>> relative_gradient_norm(Mlp((1, 1), "linear"), torch.tensor([[3.0], [0.0]]), x, y, SquaredError())
        tensor([1., 0.])
    """
    check_problem(network, theta, x, y, loss)
    trace = network.trace(theta, x)
    pull = loss.gradient(trace.outputs, y)
    gradient = network.pullback(trace, pull)
    scale = jacobian_norm(network, trace) * pull_scale(pull, loss, y)
    return quotient(gradient.norm(dim=1), scale)


def pull_scale(pull: Float[Tensor, "members batch outputs"], loss: Loss, y: Targets) -> Float[Tensor, " members"]:
    """max(|dL/do|, |dL/do at o = 0|): how hard the loss pulls on the outputs, or would on those of the zero network."""
    at_zero = loss.gradient(torch.zeros_like(pull), y)
    return torch.maximum(pull.flatten(1).norm(dim=1), at_zero.flatten(1).norm(dim=1))


def quotient(gradient: Float[Tensor, " members"], scale: Float[Tensor, " members"]) -> Float[Tensor, " members"]:
    """Gradient norm over its scale: 0 where the gradient is 0, infinity where it overflowed, never NaN."""
    ratio = torch.where(gradient == 0, torch.zeros_like(gradient), gradient / scale)
    return ratio.nan_to_num(nan=torch.inf, posinf=torch.inf)


def jacobian_norm(network: Mlp, trace: Trace) -> Float[Tensor, " members"]:
    """Frobenius norm of the Jacobian of all outputs, without forming it.

    The gradient of output k with respect to layer l is an outer product, (do_k/dz_l) x (h_(l-1), 1), so its squared
    norm is a product of two.
    """
    members, batch, outputs = trace.outputs.shape
    identity = torch.eye(outputs, dtype=trace.outputs.dtype, device=trace.outputs.device)
    back = identity.expand(members, batch, outputs, outputs)
    total = trace.outputs.new_zeros(members)
    for layer in reversed(range(len(trace.pre))):
        fan = trace.inputs[layer].square().sum(-1) + float(network.bias)
        total = total + (back.square().sum(dim=(-2, -1)) * fan).sum(-1)
        if layer:
            slope = network.nonlinearity.slope(trace.pre[layer - 1])
            back = back.reshape(members, batch * outputs, -1) @ trace.weights[layer]
            back = torch.unflatten(back, 1, (batch, outputs)) * slope[:, :, None, :]
    return total.sqrt()
