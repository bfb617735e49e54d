r"""Small classifiers of handwritten digits, trained with and without a penalty on the size of their weights.

Conventions. 64 inputs, two hidden layers of 32 ReLU units, 10 outputs, no biases; weights start as N(0, 2/fan_in). What
is minimised, with all training images at once, is the mean cross-entropy plus decay/2 |theta|^2 plus lasso |theta|_1.
Each network has a split of its own of the images into those for training and the others, for testing.
"""

from typing import TYPE_CHECKING, Final

import numerics

if TYPE_CHECKING:
    from torch import Tensor

TRAINING: Final = 400
WIDTHS: Final = (64, 32, 32, 10)
LEARNING_RATE: Final = 0.1
MOMENTUM: Final = 0.9
TOGETHER: Final = 10
"""Networks that a worker trains in one batch."""

SETTING: Final = (
    "64 inputs, two hidden layers of 32 ReLU units, 10 outputs, no biases; weights start as $N(0, 2/\\text{fan-in})$",
    f"handwritten digits of 8 by 8 pixels, {TRAINING} drawn for each network for training, with all of them in every "
    "step, the other 1397 for testing; networks are replicates of starts and splits, the 1797 images are one sample",
)


def images(seed: int, networks: int, device: str) -> "tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]":
    """Images and labels for training, and those for testing: a split for each network, the same for the same seed."""
    import torch

    x, labels = numerics.digits(device=device)
    splits = [torch.randperm(len(x), generator=torch.Generator().manual_seed(seed + k)) for k in range(networks)]
    order = torch.stack(splits).to(x.device)
    x, labels = x[order], labels[order]
    return (x[:, :TRAINING], labels[:, :TRAINING]), (x[:, TRAINING:], labels[:, TRAINING:])


def trained(
    seed: int, networks: int, decay: float, lasso: float, steps: int, device: str
) -> "tuple[numerics.Mlp, Tensor, Tensor]":
    """A network, its parameters at the start, one row a member, and at the end, each trained on images of its own."""
    (x, labels), _ = images(seed, networks, device)
    network = numerics.Mlp(WIDTHS, "relu")
    start = network.init(range(seed, seed + networks), sigma_w=2**0.5, device=device)
    end = numerics.proximal_descent(
        network,
        start,
        x,
        labels,
        numerics.CrossEntropy(),
        learning_rate=LEARNING_RATE,
        steps=steps,
        decay=decay,
        lasso=lasso,
        momentum=MOMENTUM,
    )
    return network, start, end


def accuracy(network: "numerics.Mlp", theta: "Tensor", x: "Tensor", labels: "Tensor") -> "Tensor":
    """The share of its images that every member classifies rightly."""
    return (network.forward(theta, x).argmax(-1) == labels).to(theta).mean(1)
