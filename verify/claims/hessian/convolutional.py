"""Small convolutional networks trained on images of digits with batches of a given size.

Conventions. Two convolutions with ReLU and max-pooling, two dense layers; weights start N(0, 2/fan_in), biases at 0;
the loss is the mean cross-entropy over the images, in single precision. A member's seed draws its weights and the
order of its images, so that members of one seed that are trained with different batches start at one point. Training
ends where the loss over all images has come down to a target: networks are compared at equal loss, not after equal
time. How often the loss is looked at decides how equal that is, because it jumps where the largest eigenvalue is near
the edge of stability.

Batches are drawn without replacement: the gradient of B of N examples has (N - B)/(B (N - 1)) times the variance of one
example's, none if B is N. And where an eigenvalue exceeds 2/(learning rate), gradient descent with full batches leaves
along its eigenvector (on a quadratic function exactly so).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

import numerics

if TYPE_CHECKING:
    import torch

Array = NDArray[np.float64]

DATA = {
    "digits": "scikit-learn's digits, 8 x 8 pixels",
    "mnist-12": "MNIST, the central 24 x 24 pixels averaged to 12 x 12",
    "mnist": "MNIST, 28 x 28 pixels",
}
"""What the data are called, and in words."""

NETWORK = "ReLU network with two convolutions (4 and 8 channels), max-pooling and two dense layers (16 hidden units)"
ACCURACY = 1e-3
"""Of eigenvalues, over the spectral radius."""


@dataclass(frozen=True)
class Convolutional:
    """Convolutional networks at a point of their parameter space, with their training data.

    Attributes:
        network: What they have in common.
        theta: Parameters, one row per member.
        x: Images, a row of pixels each, shared.
        labels: Shared.
    """

    network: "numerics.FunctionalModule"
    theta: "torch.Tensor"
    x: "torch.Tensor"
    labels: "torch.Tensor"

    def hessian(self, member: int) -> "numerics.HessianOperator":
        """The Hessian of one member."""
        data, theta = (self.x, self.labels), self.theta[member]
        return numerics.HessianOperator(self.network, numerics.CrossEntropy(), data, theta=theta)

    def at(self, theta: "torch.Tensor") -> "Convolutional":
        """The same networks and data at another point."""
        return Convolutional(self.network, theta, self.x, self.labels)

    def trained(
        self,
        *,
        seeds: Sequence[int],
        batch_size: int,
        learning_rate: float,
        target: float,
        steps: int,
        check_every: int,
    ) -> "numerics.TrainingResult":
        """Train until the loss over all images, looked at now and then, is at most the target, or to the last step."""
        return numerics.sgd(
            self.network,
            self.theta,
            self.x,
            self.labels,
            numerics.CrossEntropy(),
            learning_rate=learning_rate,
            batch_size=batch_size,
            seeds=seeds,
            steps=steps,
            stop_at=target,
            check_every=check_every,
        )


def untrained(data: str, *, samples: int, seeds: Sequence[int], device: str) -> Convolutional:
    """Draw networks for the first images of a data set, one network per seed."""
    import torch

    x, labels = images(data, samples=samples, device=device)
    side = round(x.shape[1] ** 0.5)
    # the module gives the architecture only: each member's weights are drawn from its own seed
    module = numerics.convolutional_net(side=side, seed=0, dtype=torch.float32, device=device)
    network = numerics.FunctionalModule(module)
    return Convolutional(network, network.init(seeds, sigma_w=2**0.5), x, labels)


def images(data: str, *, samples: int, device: str) -> "tuple[torch.Tensor, torch.Tensor]":
    """Return images, a row of pixels each, and their labels."""
    import torch

    load = numerics.digits if data == "digits" else numerics.mnist_subset
    x, labels = load(samples=samples, dtype=torch.float32, device=device)
    if data == "mnist-12":
        centre = x.reshape(-1, 1, 28, 28)[:, :, 2:-2, 2:-2]
        x = torch.nn.functional.avg_pool2d(centre, 2).flatten(1)
    return x, labels
