"""What one writes in torch alone: tangent kernels, ensembles in training and ranks, by torch.func and torch.nn.

The kernels are the two recipes of the tutorial "Neural Tangent Kernels" of PyTorch: Jacobians of all examples that are
contracted, and products of the kernel with unit vectors for each pair of examples. Training is a loop over modules
with ``torch.optim.SGD``, and the tutorial "Model ensembling": ``stack_module_state``, ``vmap`` and ``grad``.
"""

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, jacrev, jvp, stack_module_state, vjp, vmap

from numerics import Mlp

NONLINEARITIES: dict[str, type[nn.Module]] = {"tanh": nn.Tanh, "relu": nn.ReLU}


def module(network: Mlp, theta: Tensor) -> nn.Sequential:
    """One member as a module."""
    layers: list[nn.Module] = []
    for layer, (fan_in, fan_out) in enumerate(zip(network.widths[:-1], network.widths[1:], strict=True)):
        layers += [NONLINEARITIES[network.nonlinearity.name]()] if layer else []
        layers.append(nn.Linear(fan_in, fan_out, bias=network.bias, dtype=theta.dtype, device=theta.device))
    made = nn.Sequential(*layers)
    pieces = [piece[0] for layer in network.unflatten(theta[None]) for piece in layer if piece is not None]
    with torch.no_grad():
        for parameter, piece in zip(made.parameters(), pieces, strict=True):
            parameter.copy_(piece)
    return made


def contracted(network: Mlp, theta: Tensor, x: Tensor) -> Tensor:
    """The kernel of one member after another from the Jacobians of all examples: (members, m, outputs, m, outputs)."""

    def kernel(net: nn.Module) -> Tensor:
        parameters = {name: one.detach() for name, one in net.named_parameters()}

        def row(point: dict[str, Tensor], example: Tensor) -> Tensor:
            return functional_call(net, point, (example[None],))[0]

        jacobians = vmap(jacrev(row), in_dims=(None, 0))(parameters, x)
        parts = [torch.einsum("naf,mbf->namb", one, one) for one in (j.flatten(2) for j in jacobians.values())]
        return torch.stack(parts).sum(0)

    return torch.stack([kernel(module(network, point)) for point in theta])


def by_products(network: Mlp, theta: Tensor, x: Tensor) -> Tensor:
    """The same by products of a vector with J(x) J(x')' for each pair of examples."""

    def kernel(net: nn.Module) -> Tensor:
        parameters = {name: one.detach() for name, one in net.named_parameters()}

        def pair(first: Tensor, second: Tensor) -> Tensor:
            def row(example: Tensor, point: dict[str, Tensor]) -> Tensor:
                return functional_call(net, point, (example[None],))[0]

            outputs, pull = vjp(lambda point: row(first, point), parameters)[:2]

            def product(vector: Tensor) -> Tensor:
                return jvp(lambda point: row(second, point), (parameters,), pull(vector))[1]

            return vmap(product)(torch.eye(len(outputs), dtype=x.dtype, device=x.device))

        return vmap(vmap(pair, (None, 0)), (0, None))(x, x).permute(0, 2, 1, 3)

    return torch.stack([kernel(module(network, point)) for point in theta])


def loop_of_modules(network: Mlp, theta: Tensor, x: Tensor, y: Tensor, rates: Tensor, steps: int) -> Tensor:
    """Full-batch descent of one module after another; the losses at the end."""
    losses = []
    for point, rate in zip(theta, rates.tolist(), strict=True):
        net = module(network, point)
        optimiser = torch.optim.SGD(net.parameters(), lr=rate)
        for _ in range(steps):
            optimiser.zero_grad()
            (net(x) - y).square().sum(1).mean().backward()
            optimiser.step()
        with torch.no_grad():
            losses.append((net(x) - y).square().sum(1).mean())
    return torch.stack(losses)


def stacked_modules(network: Mlp, theta: Tensor, x: Tensor, y: Tensor, rates: Tensor, steps: int) -> Tensor:
    """The same of all modules at once."""
    nets = [module(network, point) for point in theta]
    point = {name: one.detach() for name, one in stack_module_state(nets)[0].items()}

    def loss(one: dict[str, Tensor]) -> Tensor:
        return (functional_call(nets[0], one, (x,)) - y).square().sum(1).mean()

    for _ in range(steps):
        slope = vmap(grad(loss))(point)
        point = {name: one - rates.view(-1, *[1] * (one.ndim - 1)) * slope[name] for name, one in point.items()}
    return vmap(loss)(point)


def jacobian_ranks(network: Mlp, theta: Tensor, x: Tensor) -> Tensor:
    """The rank of the Jacobian of all outputs by ``jacrev`` of the module and ``matrix_rank``."""

    def rank(net: nn.Module) -> Tensor:
        parameters = {name: one.detach() for name, one in net.named_parameters()}
        jacobians = jacrev(lambda point: functional_call(net, point, (x,)))(parameters)
        return torch.linalg.matrix_rank(torch.cat([one.flatten(0, 1).flatten(1) for one in jacobians.values()], dim=1))

    return torch.stack([rank(module(network, point)) for point in theta])
