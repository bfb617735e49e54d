"""Batch norms with statistics of the data at hand, so that a module's loss on a path is that of refreshed statistics.

The running statistics that training left behind belong to the ends of a path and to no point between them, so they
have to be computed anew wherever the loss is looked at (Izmailov et al. 2018, arXiv:1803.05407, section 3.2, and
Garipov et al. 2018, arXiv:1802.10026, appendix A.2). Here a batch norm takes mean and variance over *all* examples it
is given, as in training mode, whatever the mode: the module then is a pure function of parameters and data. The
variance is the biased one, with which torch normalises in training; running statistics hold the unbiased one, larger by
n/(n - 1) for n numbers a channel.
"""

import copy

from torch import Tensor, nn

from numerics.functional_module import FunctionalModule

_BatchNorm = nn.modules.batchnorm._BatchNorm


class RefreshedNorm(nn.Module):
    """A batch norm that normalises by the statistics of its own batch and keeps none.

    Args:
        norm: The layer whose scale, shift and epsilon it takes over.

    Examples:
        >>> import torch
        >>> RefreshedNorm(nn.BatchNorm1d(1))(torch.tensor([[1.0], [3.0]])).detach().round().flatten()
        tensor([-1.,  1.])
    """

    def __init__(self, norm: _BatchNorm) -> None:
        super().__init__()
        self.eps = norm.eps
        self.weight, self.bias = norm.weight, norm.bias

    def forward(self, x: Tensor) -> Tensor:
        """Normalise every channel over examples and places."""
        axes = [axis for axis in range(x.ndim) if axis != 1]
        mean = x.mean(dim=axes, keepdim=True)
        centred = x - mean
        scaled: Tensor = centred * (centred.square().mean(dim=axes, keepdim=True) + self.eps).rsqrt()
        shape = [-1 if axis == 1 else 1 for axis in range(x.ndim)]
        if self.weight is not None:
            scaled = scaled * self.weight.reshape(shape)
        return scaled if self.bias is None else scaled + self.bias.reshape(shape)


def refreshed(network: nn.Module | FunctionalModule) -> FunctionalModule:
    """A view of a module in which batch norms take the statistics of the data; the module itself is left alone.

    The flat layout is that of ``FunctionalModule(network)``. Nothing changes where there is no batch norm.

    Args:
        network: A module, with batch norms in whichever mode, or a view of one.

    Raises:
        TypeError: If it is neither.
        ValueError: If there can be no view of the module.

    Examples:
        >>> refreshed(nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Linear(3, 1)))
        FunctionalModule(Sequential, 19 parameters)
    """
    if isinstance(network, FunctionalModule):
        if not any(isinstance(layer, _BatchNorm) for layer in network.module.modules()):
            return network
        module = copy.deepcopy(network.module)
        for name, parameter in module.named_parameters():
            parameter.requires_grad_(name in network.layers)
        return FunctionalModule(_replaced(module))
    if not isinstance(network, nn.Module):
        raise TypeError(
            f"network must be an Mlp, a FunctionalModule or a torch.nn.Module, got {type(network).__name__}."
        )
    if not any(isinstance(layer, _BatchNorm) for layer in network.modules()):
        return FunctionalModule(network)
    try:
        module = copy.deepcopy(network)
    except Exception as error:
        raise ValueError(f"network must be a module that copy.deepcopy can copy, but it says: {error}") from error
    return FunctionalModule(_replaced(module))


def _replaced(module: nn.Module) -> nn.Module:
    if isinstance(module, _BatchNorm):
        return RefreshedNorm(module)
    for own, child in module._modules.items():
        if child is not None:
            module._modules[own] = _replaced(child)
    return module
