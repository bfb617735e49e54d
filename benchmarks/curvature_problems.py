"""The networks on which curvature is timed, as a network of this package and as a torch module of the same weights."""

import itertools
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from numerics import CrossEntropy, HessianOperator, Mlp, adam, digits


@dataclass(frozen=True)
class Problem:
    """A tanh network on the first 1000 digits, mean cross-entropy, after 60 full-batch steps of Adam."""

    network: Mlp
    theta: Tensor
    x: Tensor
    labels: Tensor
    module: nn.Module

    @property
    def data(self) -> tuple[Tensor, Tensor]:
        return self.x, self.labels

    def operator(self) -> HessianOperator:
        """Our operator of the torch module, which is what the peers are given too."""
        return HessianOperator(self.module, nn.CrossEntropyLoss(), self.data)

    def exact_operator(self) -> HessianOperator:
        """Our operator of our own network."""
        return HessianOperator(self.network, CrossEntropy(), self.data, theta=self.theta)


def digits_problem(widths: tuple[int, ...], *, dtype: torch.dtype = torch.float64, device: str = "cpu") -> Problem:
    """Train in float64 on the CPU, so that every dtype and device has the same network, then round and move."""
    network, loss = Mlp(widths, "tanh", bias=True), CrossEntropy()
    x, labels = digits(samples=1000)
    theta = adam(network, network.init([0]), x, labels, loss, learning_rate=1e-2, steps=60).theta
    theta, x, labels = theta.to(device, dtype), x.to(device, dtype), labels.to(device)
    module = nn.Sequential()
    for layer, (fan_in, fan_out) in enumerate(itertools.pairwise(widths)):
        if layer:
            module.append(nn.Tanh())
        module.append(nn.Linear(fan_in, fan_out, dtype=dtype, device=device))
    nn.utils.vector_to_parameters(theta[0], module.parameters())
    return Problem(network, theta, x, labels, module)
