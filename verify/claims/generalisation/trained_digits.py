r"""Small classifiers of handwritten digits, trained with and without a penalty on the size of their weights.

Conventions. 64 inputs, two hidden layers of 32 ReLU units, 10 outputs, no biases; weights start as N(0, 2/fan_in). What
is minimised, with all training images at once, is the mean cross-entropy plus decay/2 |theta|^2 plus lasso |theta|_1.
The training images are the first of the set, the others are for testing.
"""

from typing import TYPE_CHECKING, Final

import numerics

if TYPE_CHECKING:
    from torch import Tensor

TRAINING: Final = 400
WIDTHS: Final = (64, 32, 32, 10)
LEARNING_RATE: Final = 0.1
MOMENTUM: Final = 0.9
TOGETHER: Final = 5
"""Networks that a worker trains in one batch."""

SETTING: Final = (
    "64 inputs, two hidden layers of 32 ReLU units, 10 outputs, no biases; weights start as $N(0, 2/\\text{fan-in})$",
    f"handwritten digits of 8 by 8 pixels, {TRAINING} for training with all of them in every step, 1397 for testing",
)


def images(device: str) -> "tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]":
    """Images and labels for training, and those for testing."""
    x, labels = numerics.digits(device=device)
    return (x[:TRAINING], labels[:TRAINING]), (x[TRAINING:], labels[TRAINING:])


def trained(
    seed: int, networks: int, decay: float, lasso: float, steps: int, device: str
) -> "tuple[numerics.Mlp, Tensor, Tensor]":
    """A network, its parameters at the start, one row a member, and at the end."""
    (x, labels), _ = images(device)
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
    """The share of images that every member classifies rightly."""
    return (network.forward(theta, x).argmax(-1) == labels).to(theta).mean(1)
