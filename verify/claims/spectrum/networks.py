"""Real two-layer networks on which the model is tried: random ones with prescribed residuals, and trained ones.

Conventions. All widths are n, no biases, the loss is (1/2m) times the sum of squared residuals, inputs and targets are
standard normal ("memorisation"), and the energy is L/n.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

import numerics
from verify import Workbench
from verify.claims.spectrum.spectra import Array

if TYPE_CHECKING:
    import torch

NETWORKS = 40
CHUNK = 20  # networks per item of work
WEIGHT_DECAY = 1e-3  # without it the units of a tanh network saturate, and there is no critical point at a finite place


@dataclass(frozen=True)
class Ensemble:
    """Networks at a point of their parameter space, with data, members first."""

    network: "numerics.Mlp"
    theta: "torch.Tensor"
    x: "torch.Tensor"
    y: "torch.Tensor"

    @property
    def loss(self) -> "numerics.SquaredError":
        """Half the mean over samples of the squared residuals, summed over outputs."""
        return numerics.SquaredError(prefactor=0.5)

    @property
    def residuals(self) -> "torch.Tensor":
        """Outputs minus targets, (members, samples, outputs)."""
        return self.network.forward(self.theta, self.x) - self.y

    @property
    def energy(self) -> "torch.Tensor":
        """Loss over outputs, one number per member."""
        return self.loss.value(self.network.forward(self.theta, self.x), self.y) / self.network.widths[-1]

    def hessian(self) -> "numerics.HessianParts":
        """The Hessian in its two parts."""
        return numerics.dense_hessian(self.network, self.theta, self.x, self.y, self.loss)

    def active_samples(self) -> "torch.Tensor":
        """The slope of each hidden unit at each sample, (members, samples, units): 1 or 0 for ReLU."""
        (first, _), _ = self.network.unflatten(self.theta)
        return self.network.nonlinearity.slope(self.x @ first.mT)

    def at(self, theta: "torch.Tensor") -> "Ensemble":
        """The same networks and data at another point."""
        return Ensemble(self.network, theta, self.x, self.y)

    def towards(self, y: "torch.Tensor") -> "Ensemble":
        """The same networks with other targets."""
        return Ensemble(self.network, self.theta, self.x, y)

    def with_inputs(self, x: "torch.Tensor") -> "Ensemble":
        """The same networks and targets with other inputs."""
        return Ensemble(self.network, self.theta, x, self.y)

    def members(self, chosen: "torch.Tensor") -> "Ensemble":
        """Some of the members."""
        return Ensemble(self.network, self.theta[chosen], self.x[chosen], self.y[chosen])


def random_networks(
    width: int, samples: int, activation: str, *, seeds: Sequence[int], device: str = "cpu"
) -> Ensemble:
    """Draw networks with weights N(0, 1/n) and memorisation data."""
    network = numerics.Mlp((width, width, width), activation, bias=False)
    theta = network.init(seeds, device=device)
    x, y = numerics.gaussian_memorisation(inputs=width, outputs=width, samples=samples, seeds=seeds, device=device)
    return Ensemble(network, theta, x, y)


def networks_with_residuals(
    width: int, samples: int, activation: str, *, epsilon: float, seeds: Sequence[int], device: str = "cpu"
) -> Ensemble:
    """Draw networks whose targets are moved so that the residuals are N(0, 2 epsilon), independent of all else."""
    drawn = random_networks(width, samples, activation, seeds=seeds, device=device)
    residuals = (2 * epsilon) ** 0.5 * drawn.y
    return Ensemble(drawn.network, drawn.theta, drawn.x, drawn.network.forward(drawn.theta, drawn.x) - residuals)


@dataclass(frozen=True)
class Trained:
    """Networks at the end of training, and which of them have arrived at a critical point."""

    end: Ensemble
    converged: "torch.Tensor"


def trained_networks(
    width: int, samples: int, activation: str, *, seeds: Sequence[int], device: str = "cpu"
) -> Trained:
    """Train networks from random weights on memorisation data.

    Linear and smooth units by Levenberg-Marquardt to a critical point, smooth ones with weight decay. ReLU networks,
    most of whose minima lie on kinks where no gradient vanishes, by 3000 steps of gradient descent, which few of them
    end at a critical point.
    """
    start = random_networks(width, samples, activation, seeds=seeds, device=device)
    problem = (start.network, start.theta, start.x, start.y, start.loss)
    if activation == "relu":
        result = numerics.gradient_descent(*problem, learning_rate=0.1, steps=3000)
    else:
        decay = 0.0 if activation == "linear" else WEIGHT_DECAY
        result = numerics.levenberg_marquardt(*problem, weight_decay=decay, max_steps=1000)
    return Trained(start.at(result.theta), result.converged)


def over_networks(
    bench: Workbench, purpose: str, function: Any, count: int = NETWORKS, **fixed: Any
) -> dict[str, Array]:
    """Compute something for many networks, twenty at a time, and stack the results."""
    items = [
        {"seed": seed, "networks": CHUNK, "device": bench.device, **fixed}
        for seed in bench.seeds(purpose, count // CHUNK)
    ]
    results = bench.map(purpose, function, items)
    return {name: np.concatenate([result[name] for result in results]) for name in results[0]}
