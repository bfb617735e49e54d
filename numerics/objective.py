"""A training problem: network, parameters, data and loss that fit together; its gradient, and how small a gradient is.

**Relative gradient norm.** By Cauchy-Schwarz |grad L| = |J' dL/do| <= |J|_F |dL/do|, where J is the Jacobian of all
outputs o with respect to the parameters. The relative gradient norm of a point is

    |grad L| / (|J|_F max(|dL/do|, |dL/do at o = 0|)),

0 if the gradient is 0. It lies in [0, 1], does not depend on where training started, on the prefactor, or on the unit
of the targets (squared error: the second norm is that of the targets), and falls to 0 both where the residuals vanish
and where they become orthogonal to the columns of J. Rounding alone leaves it at about the machine precision.

**Networks** are perceptrons, whose passes are written out here, or views of torch modules, whose passes torch derives.
The examples of a module may have any shape; it has one set of inputs per member, (members, batch, ...), exactly if its
targets have a members axis.
"""

from collections.abc import Callable
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor
from torch.func import jacrev, vjp, vmap

from numerics.arguments import checked_finite, checked_tensors
from numerics.functional_module import FunctionalModule, Network, checked_network
from numerics.losses import Loss, Targets
from numerics.networks import Mlp, Trace

Inputs = Float[Tensor, "..."]  # (batch, features) or (members, batch, features) of a perceptron; a module says itself

_WORK = 2**23  # numbers in one chunk of Jacobians: 64 MiB in float64


def check_problem(
    network: Network, theta: Float[Tensor, "members parameters"], x: Inputs, y: Targets, loss: Loss
) -> None:
    """Refuse a problem whose pieces do not fit or hold NaN or infinity.

    Costs a look at every number, and the forward pass of one example through a module.

    Raises:
        TypeError: If the network is neither an Mlp nor a FunctionalModule, the loss no loss, or an array no tensor.
        ValueError: If a shape, dtype or device does not fit, an array is empty or not finite, a label is out of
            range, or a module does not give one row of outputs per example.
    """
    checked_network(network)
    if isinstance(loss, type) or not isinstance(loss, Loss):
        raise TypeError(f"loss must be a loss such as SquaredError(), got {loss!r}.")
    network.unflatten(theta)
    for name, data in (("x", x), ("y", y)):
        if not isinstance(data, Tensor):
            raise TypeError(f"{name} must be a torch tensor, got {type(data).__name__}.")
    if 0 in theta.shape or 0 in x.shape:
        raise ValueError(f"theta and x must not be empty, got shapes {tuple(theta.shape)} and {tuple(x.shape)}.")
    members, outputs = len(theta), 0
    if isinstance(network, Mlp):
        batch, outputs = network.spread(theta, x).shape[1], network.widths[-1]
    if y.device != theta.device or (y.is_floating_point() and y.dtype != theta.dtype):
        raise ValueError(
            f"y must have theta's dtype and device, {theta.dtype} on {theta.device}, got {y.dtype} on {y.device}."
        )
    if isinstance(network, FunctionalModule):
        batch, outputs = _module_shape(network, theta, x, y)
    loss.check(theta.new_empty(1).expand(members, batch, outputs), y)
    checked_finite(theta=theta, x=x, y=y)


def has_own_targets(y: Targets) -> bool:
    """Whether every member has targets of its own: rows of numbers with three axes, or labels with two."""
    return y.ndim == (3 if y.is_floating_point() else 2)


def loss_and_gradient(
    network: Network, theta: Float[Tensor, "members parameters"], x: Inputs, y: Targets, loss: Loss
) -> tuple[Float[Tensor, " members"], Float[Tensor, "members parameters"]]:
    """Loss and gradient of every member by one forward and one backward pass.

    Allocates members x batch x (all units, three times) numbers, for a module what its own passes take. Where a finite
    problem overflows, the loss is infinity and so is what cannot be told of the gradient: there is no NaN.

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
    network: Network, theta: Float[Tensor, "members parameters"], x: Inputs, y: Targets, loss: Loss
) -> tuple[Float[Tensor, " members"], Float[Tensor, "members parameters"]]:
    """Loss and gradient of a problem that has been checked, NaN where they overflow."""
    outputs, pull = outputs_and_pullback(network, theta, x, y)
    return loss.value(outputs, y), pull(loss.gradient(outputs, y))


def outputs_and_pullback(
    network: Network, theta: Float[Tensor, "members parameters"], x: Inputs, y: Targets
) -> tuple[Float[Tensor, "members batch outputs"], Callable[[Tensor], Tensor]]:
    """Outputs of a problem that has been checked, and what makes a gradient of one number per output."""
    if isinstance(network, FunctionalModule):
        shared = not has_own_targets(y)
        outputs, pull = vjp(lambda point: network.forward(point, x, shared=shared), theta)[:2]
        return outputs, lambda cotangent: pull(cotangent)[0]
    trace = network.trace(theta, x)
    return trace.outputs, partial(network.pullback, trace)


def relative_gradient_norm(
    network: Network, theta: Float[Tensor, "members parameters"], x: Inputs, y: Targets, loss: Loss
) -> Float[Tensor, " members"]:
    """How small the gradient is, between 0 and 1, as the module's heading defines it.

    Allocates members x batch x outputs x (widest layer) numbers beside one forward pass. The Jacobian of a module,
    whose examples must not mix, is formed member by member and some examples at a time, 64 MiB or one example's.

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
    gradient, scale = gradient_and_scale(network, theta, x, y, loss)
    return quotient(gradient.norm(dim=1), scale)


def gradient_and_scale(
    network: Network, theta: Float[Tensor, "members parameters"], x: Inputs, y: Targets, loss: Loss
) -> tuple[Float[Tensor, "members parameters"], Float[Tensor, " members"]]:
    """Gradient of a problem that has been checked, and what its norm is divided by."""
    if isinstance(network, FunctionalModule):
        own = has_own_targets(y)
        outputs, pullback = outputs_and_pullback(network, theta, x, y)
        pull = loss.gradient(outputs, y)
        norms = [
            _module_jacobian_norm(network, point, x[member] if own else x, outputs.shape[-1])
            for member, point in enumerate(theta)
        ]
        return pullback(pull), torch.stack(norms) * pull_scale(pull, loss, y)
    trace = network.trace(theta, x)
    pull = loss.gradient(trace.outputs, y)
    return network.pullback(trace, pull), jacobian_norm(network, trace) * pull_scale(pull, loss, y)


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


def _module_shape(network: FunctionalModule, theta: Tensor, x: Tensor, y: Tensor) -> tuple[int, int]:
    """Examples and outputs per example of a module, found by one example; the rest of the problem's shape is checked.

    Raises:
        ValueError: If the inputs do not fit theta, the targets or the module, or the outputs are no row per example.
    """
    checked_tensors(x=x)
    own = has_own_targets(y)
    if x.ndim < 1 + own or (own and len(x) != len(theta)):
        wanted = f"({len(theta)}, batch, ...), as y has a members axis" if own else "(batch, ...), as y has it"
        raise ValueError(f"x must have shape {wanted}, got {tuple(x.shape)}.")
    if x.dtype != theta.dtype or x.device != theta.device:
        raise ValueError(
            f"x must have theta's dtype and device, {theta.dtype} on {theta.device}, got {x.dtype} on {x.device}."
        )
    try:
        outputs = network.forward(theta[:1], x[0, :1] if own else x[:1])
    except RuntimeError as error:
        raise ValueError(f"x must hold examples that the module takes, got {tuple(x.shape)}: {error}") from error
    if outputs.ndim != 3 or outputs.shape[1] != 1:
        raise ValueError(
            f"network must give one row of outputs per example, got {tuple(outputs.shape[1:])} for one example."
        )
    return x.shape[1 if own else 0], outputs.shape[2]


def _module_jacobian_norm(network: FunctionalModule, theta: Tensor, x: Tensor, outputs: int) -> Tensor:
    """Frobenius norm of the Jacobian of all outputs of one member, by the Jacobians of single examples."""
    chunk = max(1, _WORK // (outputs * network.parameters))
    jacobian = vmap(jacrev(lambda point, one: network.forward(point[None], one[None])[0, 0]), in_dims=(None, 0))
    pieces = [jacobian(theta, some).square().sum() for some in torch.split(x, chunk)]
    return torch.stack(pieces).sum().sqrt()
