r"""The empirical tangent kernel: the Gram matrix of the gradients of a network's outputs, layer by layer.

Conventions. For an example b and an output k let g_(bk) be the gradient of that output in all parameters, at fixed
parameters. The kernel has the entries <g_(bk), g_(b'k')>; it is a sum over layers, is not divided by a width, and is
kept as (members, batch, outputs, batch', outputs').

What it is for: under gradient flow of prefactor x mean over m examples of |e|^2 the outputs move by -(2 prefactor/m)
K e, so that 2 prefactor/m times its largest eigenvalue is the curvature that limits the learning rate, and times its
least one the slowest rate at which errors fall.

A perceptron's Jacobian is never formed. The gradient of an output in W_l is the outer product of d output/dz_l and
h_(l-1), so that the part of the layer is a product of two small Gram matrices,

.. math:: K^{(l)}_{(bk)(b'k')} = \langle \delta^{(l)}_{bk}, \delta^{(l)}_{b'k'} \rangle
          \langle h^{(l-1)}_b, h^{(l-1)}_{b'} \rangle,

of which the bias has the first factor alone. For one hidden layer of n units, Phi(x) = sum_k a_k rho(<w_k, x>), these
are sum_k rho(z_kb) rho(z_kb') for the output weights and <x_b, x_b'> sum_k a_k^2 rho'(z_kb) rho'(z_kb') for the hidden
ones.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from numerics.arguments import checked_finite, checked_tensors
from numerics.curvature.assembly import output_jacobian
from numerics.functional_module import FunctionalModule, Network, checked_network
from numerics.networks import Mlp
from numerics.objective import Inputs
from numerics.one_line import counted

Block = Float[Tensor, "members batch outputs others outputs"]
Factors = dict[str, tuple[Tensor, Tensor | None]]

WORK = 2**23
"""Numbers that one chunk of members and examples may take beside the result: 64 MiB in float64."""


@dataclass(frozen=True)
class TangentKernel:
    """The kernel of an ensemble at its parameters.

    Attributes:
        parts: What each weight and bias contributes, by its name in ``network.layers``.
    """

    parts: Mapping[str, Block]

    @property
    def total(self) -> Block:
        """The kernel of all parameters."""
        return torch.stack(tuple(self.parts.values())).sum(0)

    def matrix(self, *names: str) -> Float[Tensor, "members rows columns"]:
        """The kernel of some parameters, of all if none is named, as one matrix per member: rows (example, output).

        Raises:
            ValueError: If there is no part of that name.
        """
        for name in names:
            if name not in self.parts:
                raise ValueError(f"names must be among {', '.join(self.parts)}, got {name!r}.")
        block = torch.stack([self.parts[name] for name in names]).sum(0) if names else self.total
        return block.flatten(3, 4).flatten(1, 2)

    def __repr__(self) -> str:
        members, batch, outputs, others, _ = next(iter(self.parts.values())).shape
        shape = f"{batch} x {others} examples, {counted(outputs, 'output')}"
        return f"TangentKernel({counted(members, 'member')}, {shape}: {', '.join(self.parts)})"


@torch.no_grad()
def tangent_kernel(
    network: Network,
    theta: Float[Tensor, "members parameters"],
    x: Inputs,
    others: Inputs | None = None,
    *,
    shared: bool = True,
) -> TangentKernel:
    """Compute the tangent kernel of every member between the examples of x, or between these and others.

    Allocates the result, members x (tensors of parameters) x (batch x outputs)^2 numbers, and beside it at most 64 MiB,
    or what two examples of one member take: of a perceptron outputs x (all units), of a module outputs x parameters.
    To that end members, and where one of them is too large its examples, are taken a few at a time.

    Args:
        network: A perceptron, or a view of a module with one row of outputs per example.
        theta: Parameters, one row per member. Fixes dtype and device.
        x: Inputs, shared or one set per member.
        others: Inputs of the columns; those of the rows if None.
        shared: For a module, False if inputs have a members axis in front; those of a perceptron say so themselves.

    Returns:
        The kernel, tensor of parameters by tensor of parameters.

    Raises:
        TypeError: If the network is neither a perceptron nor a view of a module, or an array is no tensor.
        ValueError: If a shape does not fit, or theta or the inputs are empty or not finite.

    Examples:
        >>> kernel = tangent_kernel(Mlp((1, 1, 1), "linear"), torch.tensor([[2.0, 3.0]]), torch.tensor([[1.0], [2.0]]))
        >>> kernel.parts["0.weight"].flatten().tolist(), kernel.matrix().tolist()
        ([9.0, 18.0, 18.0, 36.0], [[[13.0, 26.0], [26.0, 52.0]]])

    References:
        Jacot, Gabriel and Hongler (2018), arXiv:1806.07572, section 4.
    """
    checked_network(network)
    network.unflatten(theta)
    same = others is None
    columns = x if others is None else others
    for name, inputs in (("x", x), ("others", columns)):
        checked_tensors(**{name: inputs})
        if 0 in theta.shape or 0 in inputs.shape:
            raise ValueError(f"theta and {name} must not be empty, got {tuple(theta.shape)} and {tuple(inputs.shape)}.")
        if isinstance(network, Mlp):
            network.spread(theta, inputs)
        elif not shared and (inputs.ndim < 2 or len(inputs) != len(theta)):
            raise ValueError(f"{name} must have shape ({len(theta)}, batch, ...), got {tuple(inputs.shape)}.")
        checked_finite(theta=theta, **{name: inputs})
    own = [inputs.ndim == 3 if isinstance(network, Mlp) else not shared for inputs in (x, columns)]
    sizes = [inputs.shape[int(apart)] for inputs, apart in zip((x, columns), own, strict=True)]

    def taken(side: int, members: slice, examples: slice) -> Factors:
        inputs = (x, columns)[side]
        some = inputs[members, examples] if own[side] else inputs[examples]
        if isinstance(network, Mlp):
            return _perceptron_factors(network, theta[members], some)
        return _module_factors(network, theta[members], some, not own[side])

    outputs = next(iter(taken(0, slice(0, 1), slice(0, 1)).values()))[0].shape[2]
    each = outputs * (sum(network.widths) if isinstance(network, Mlp) else network.parameters)
    together = max(1, WORK // (sum(sizes) * each))
    block = max(1, WORK // (2 * min(together, len(theta)) * each))
    parts = {name: theta.new_empty(len(theta), sizes[0], outputs, sizes[1], outputs) for name in network.layers}
    for members in _ranges(len(theta), together):
        for rows in _ranges(sizes[0], block):
            left = taken(0, members, rows)
            for across in _ranges(sizes[1], block):
                if same and across.start < rows.start:
                    continue
                known = same and across == rows
                right = left if known else taken(1, members, across)
                for name, part in parts.items():
                    product = _products(left[name], right[name])
                    part[members, rows, :, across] = product
                    if same and not known:
                        part[members, across, :, rows] = product.permute(0, 3, 4, 1, 2)
    return TangentKernel(parts)


def _perceptron_factors(network: Mlp, theta: Tensor, x: Tensor) -> Factors:
    """Derivatives of the outputs by z_l, (members, batch, outputs, n_l), and h_(l-1), by the name of the parameters."""
    trace = network.trace(theta, x)
    members, batch, outputs = trace.outputs.shape
    identity = torch.eye(outputs, dtype=theta.dtype, device=theta.device)
    back = identity.expand(members, batch, outputs, outputs)
    factors: Factors = {}
    for layer in reversed(range(len(trace.pre))):
        factors[f"{layer}.weight"] = back, trace.inputs[layer]
        if network.bias:
            factors[f"{layer}.bias"] = back, None
        if layer:
            moved = torch.unflatten(
                back.reshape(members, batch * outputs, -1) @ trace.weights[layer], 1, (batch, outputs)
            )
            back = network.nonlinearity.pull(moved, trace.pre[layer - 1][:, :, None], trace.inputs[layer][:, :, None])
    return factors


def _module_factors(network: FunctionalModule, theta: Tensor, x: Tensor, shared: bool) -> Factors:
    """The Jacobian of the outputs, cut by the name of the parameters."""
    jacobian = output_jacobian(network, theta, x, shared=shared)
    return {name: (jacobian[..., place], None) for name, place in network.layers.items()}


def _products(left: tuple[Tensor, Tensor | None], right: tuple[Tensor, Tensor | None]) -> Tensor:
    """Scalar products of all gradients on the left with all on the right."""
    (back, inputs), (other_back, other_inputs) = left, right
    product = back.flatten(1, 2) @ other_back.flatten(1, 2).mT
    shaped = torch.unflatten(torch.unflatten(product, 2, other_back.shape[1:3]), 1, back.shape[1:3])
    if inputs is None or other_inputs is None:
        return shaped
    return shaped * (inputs @ other_inputs.mT)[:, :, None, :, None]


def _ranges(total: int, step: int) -> Iterator[slice]:
    return (slice(start, min(start + step, total)) for start in range(0, total, step))
