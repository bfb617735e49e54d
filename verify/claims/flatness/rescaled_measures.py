"""Small classifiers: their flatness after random rescalings, and what their errors cost. What the workers run.

Networks are small for the sake of many rescalings: digits are averaged to 4 by 4 pixels, and ten hidden units see them.
Hessians are assembled, and each largest eigenvalue is that of the rescaled matrix D H D.
"""

from itertools import pairwise
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

import numerics
from verify.claims.flatness.training import images, recipe

if TYPE_CHECKING:
    from torch import Tensor

Array = NDArray[np.float64]

WIDTHS: Final = (16, 10, 10)
SAMPLES: Final = 300
STEPS: Final = 20_000  # of training, at most
RADIUS: Final = 0.5  # of the ball for the sharpness
ASCENT: Final = 12  # gradients of an ascent

SMALL: Final = (
    f"digits, averaged to 4 by 4 pixels, {SAMPLES} for training and the others for testing; networks of 16 inputs, "
    f"{WIDTHS[1]} hidden ReLU units and 10 outputs, no biases, trained by SGD, learning rate 0.2, batches of 32, to a "
    "mean cross-entropy of 0.2 in the quick profile and 0.05 in the others; they differ in their start and the order "
    "of their images alone"
)


def pooled(x: "Tensor") -> "Tensor":
    """Images of 4 by 4 pixels, each the mean of four of an image of 8 by 8.

    Examples:
        >>> import torch
        >>> pooled(torch.arange(64.0)[None])[0, :3]
        tensor([4.5000, 6.5000, 8.5000])
    """
    return x.reshape(-1, 4, 2, 4, 2).mean(dim=(2, 4)).flatten(1)


def small_networks(
    seed: int, networks: int, target: float, device: str
) -> "tuple[numerics.Mlp, numerics.TrainingResult, tuple[Tensor, Tensor], tuple[Tensor, Tensor]]":
    """Train small networks to a loss; with the images and labels that they saw, and those left over."""
    (x, labels), (others, their_labels) = images(SAMPLES, device)
    x, others = pooled(x), pooled(others)
    network, seeds = numerics.Mlp(WIDTHS, "relu"), list(range(seed, seed + networks))
    start = network.init(seeds, sigma_w=2**0.5, device=device)
    end = numerics.sgd(
        network, start, x, labels, numerics.CrossEntropy(), seeds=seeds, steps=STEPS, stop_at=target, **recipe("SGD")
    )
    return network, end, (x, labels), (others, their_labels)


def losses_of_errors(seed: int, networks: int, target: float, device: str) -> dict[str, Array]:
    """Train networks and compare test images that they classify wrongly with all of them.

    Returns:
        One number per network: "images" and "loss", the share of the images that are classified wrongly, and of the
        sum of the losses that is theirs; "pull", the largest size of a derivative of an image's loss by the
        output of its label; "arrived".
    """
    import torch

    network, end, _, (x, labels) = small_networks(seed, networks, target, device)
    outputs = network.forward(end.theta, x)
    wrong = outputs.argmax(-1) != labels
    chosen = labels.expand(networks, -1)[..., None]
    losses = -outputs.log_softmax(-1).gather(-1, chosen)[..., 0]
    return {
        "images": wrong.double().mean(1).cpu().numpy(),
        "loss": ((losses * wrong).sum(1) / losses.sum(1)).cpu().numpy(),
        "pull": (1 - outputs.softmax(-1).gather(-1, chosen)[..., 0]).amax(1).cpu().numpy(),
        "arrived": (end.reached if end.reached is not None else torch.ones(networks)).double().cpu().numpy(),
    }


def measures_on_orbits(
    seed: int, networks: int, draws: int, spread: float, target: float, device: str
) -> dict[str, Array]:
    """Train networks, rescale each at random a number of times, and measure it before and after.

    The factor of the first layer lies between 1/spread and spread, uniform in the logarithm.

    Returns:
        "largest", "trace" and "sharpness", one row as trained and one per draw, one column per network; "gap" and
        "arrived", one number per network; "change" of the outputs at a hundred test images by the rescalings, and
        "distance" to those of the next network, over the largest output.
    """
    import torch
    from scipy.sparse.linalg import eigsh

    network, end, (x, labels), (others, their_labels) = small_networks(seed, networks, target, device)
    theta, loss, seeds = end.theta, numerics.CrossEntropy(), list(range(seed, seed + networks))
    generator = np.random.default_rng(seed)
    alphas = np.vstack([np.ones(networks), spread ** generator.uniform(-1.0, 1.0, (draws, networks))])
    sizes = [before * after for before, after in pairwise(WIDTHS)]
    scale = np.concatenate(
        [np.repeat(alphas[..., None] ** sign, size, axis=2) for sign, size in zip((1, -1), sizes, strict=True)], axis=2
    )
    moved = (torch.as_tensor(scale).to(theta) * theta).flatten(0, 1)
    hessian = numerics.dense_hessian(network, theta, x, labels, loss).total.cpu().numpy()
    largest = [
        eigsh(hessian[member] / np.outer(own, own), k=1, which="LA", tol=1e-6, v0=1 / own, return_eigenvectors=False)[0]
        for row in scale
        for member, own in enumerate(row)
    ]
    sharpness = numerics.epsilon_sharpness(
        network, moved, x, labels, loss, epsilon=RADIUS, seeds=seeds * (draws + 1), restarts=1, steps=ASCENT
    )
    outputs = network.forward(theta, others)
    there = torch.unflatten(network.forward(moved, others[:100]), 0, (draws + 1, networks))
    here, size = outputs[:, :100], outputs.abs().amax((1, 2))
    return {
        "largest": np.reshape(largest, alphas.shape),
        "trace": (np.diagonal(hessian, axis1=1, axis2=2) / scale**2).sum(axis=2),
        "sharpness": sharpness.value.cpu().numpy().reshape(alphas.shape),
        "gap": (loss.value(outputs, their_labels) - end.loss).cpu().numpy(),
        "arrived": (end.reached if end.reached is not None else torch.ones(networks)).double().cpu().numpy(),
        "change": ((there - here).abs().amax((0, 2, 3)) / size).cpu().numpy(),
        "distance": ((here.roll(1, 0) - here).abs().amax((1, 2)) / size).cpu().numpy(),
    }
