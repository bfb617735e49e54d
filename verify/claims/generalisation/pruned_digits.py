"""Classifiers of handwritten digits with weights removed, and how they train: what the workers run.

Conventions. One input a pixel, two hidden layers of ReLU units, the second half as wide as the first, 10 outputs,
biases; weights start as N(0, 2/fan_in), biases at 0. Every network has a split of the images of its own: of the 1797
digits 1200 for training and 597 for testing, of 5000 of MNIST 4000 and 1000. Training is SGD with momentum 0.9 at the
rate 0.1 on batches of 60. Only weights are removed.

Every worker takes the seed of its first network (network k and its images are drawn from seed + k), the number of
networks, the width of the first hidden layer, the steps of SGD of one training, and the device.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

import numerics

if TYPE_CHECKING:
    from torch import Tensor

Array = NDArray[np.float64]

IMAGES: Final = {"digits": 1200, "MNIST": 4000}
"""For training."""

TOGETHER: Final = 12  # networks that a worker trains in one batch
SETTING: Final = (
    "classifiers of handwritten digits of 8 by 8 pixels, each with a split of its own, 1200 images for training and "
    "597 for testing: two hidden layers of 100 and 50 ReLU units, 11 900 weights, which start as "
    "$N(0, 2/\\text{fan-in})$",
    "SGD with momentum on batches of 60 images, for 10 epochs a training; biases are never removed",
    "networks are replicates of starts and splits; the images are one sample",
)


@dataclass(frozen=True)
class Ensemble:
    """Networks with their images, and how they start, train and are judged.

    Args:
        network: The architecture.
        seed: Network k draws from seed + k.
        steps: Of SGD, of one training.
        train: Images and labels for training, one set per network.
        test: Those for testing.
    """

    network: "numerics.Mlp"
    seed: int
    steps: int
    train: "tuple[Tensor, Tensor]"
    test: "tuple[Tensor, Tensor]"

    @property
    def members(self) -> range:
        """One seed per network."""
        return range(self.seed, self.seed + len(self.train[0]))

    def draws(self, draw: int) -> range:
        """Seeds of another draw for each network."""
        return range(self.seed + 1000 * draw, self.seed + 1000 * draw + len(self.train[0]))

    def start(self, draw: int = 0) -> "Tensor":
        """Weights as they start, in one of many independent draws."""
        return self.network.init(self.draws(draw), sigma_w=2**0.5, device=self.train[0].device)

    def trained(self, start: "Tensor", mask: "Tensor | None" = None, *, order: int) -> "Tensor":
        """Where training ends from a start with a mask, the images in one of many independent orders."""
        return numerics.sgd(
            self.network,
            start,
            *self.train,
            numerics.CrossEntropy(),
            learning_rate=0.1,
            momentum=0.9,
            batch_size=60,
            seeds=self.draws(order),
            steps=self.steps,
            mask=mask,
        ).theta

    def accuracy(self, theta: "Tensor") -> Array:
        """Percent of the test images that each network has right."""
        x, labels = self.test
        right = self.network.forward(theta, x).argmax(dim=-1) == labels
        found: Array = 100 * right.double().mean(dim=1).cpu().numpy()
        return found

    def loss(self, theta: "Tensor") -> Array:
        """Cross-entropy on the images for training."""
        x, labels = self.train
        found: Array = numerics.CrossEntropy().value(self.network.forward(theta, x), labels).cpu().numpy()
        return found


def ensemble(
    seed: int, networks: int, width: int, steps: int, device: str, *, noise: float = 0.0, data: str = "digits"
) -> Ensemble:
    """Draw splits of the images and lay out networks for them, from what every worker takes.

    A share ``noise`` of the training labels is drawn at random; ``data`` is one of the keys of ``IMAGES``.
    """
    import torch

    x, labels = (numerics.mnist_subset if data == "MNIST" else numerics.digits)(device=device)
    images = IMAGES[data]
    generators = [torch.Generator().manual_seed(own) for own in range(seed, seed + networks)]
    order = torch.stack([torch.randperm(len(x), generator=one) for one in generators])
    drawn = torch.stack([torch.rand(images, generator=one, dtype=torch.float64) for one in generators])
    other = torch.stack([torch.randint(10, (images,), generator=one) for one in generators])
    fit, kept = order[:, :images].to(x.device), order[:, images:].to(x.device)
    given = torch.where((drawn < noise).to(x.device), other.to(x.device), labels[fit])
    network = numerics.Mlp((x.shape[1], width, width // 2, 10), "relu", bias=True)
    return Ensemble(network, seed, steps, (x[fit], given), (x[kept], labels[kept]))


def batches(seeds: list[int], networks: int) -> list[dict[str, int]]:
    """Items of at most so many networks as a worker trains together, one seed an item.

    Examples:
        >>> batches([5, 6], 20)
        [{'seed': 5, 'networks': 12}, {'seed': 6, 'networks': 8}]
    """
    counts = [min(TOGETHER, networks - first) for first in range(0, networks, TOGETHER)]
    return [{"seed": seed, "networks": count} for seed, count in zip(seeds, counts, strict=True)]
