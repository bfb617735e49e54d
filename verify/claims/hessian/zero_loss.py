"""Networks trained to zero loss, and what is counted of their Hessians there: the functions that the workers run."""

from itertools import pairwise
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

import numerics

if TYPE_CHECKING:
    from torch import Tensor

Array = NDArray[np.float64]

CUT: Final = 1e-8
"""What counts as zero, over the largest eigenvalue: rounding leaves the zeros near 1e-12, the others are above 1e-5."""

TOLERANCE: Final = 1e-13  # relative gradient norm at which training ends
FITTED: Final = 1e-18  # largest loss of a network that counts as one that fits its data
COUNT: Final = f"a count of eigenvalues, with those below {CUT:g} of the largest as zeros"
GENERIC: Final = (
    "inputs and targets are independent standard normal numbers; layers have biases, weights start as "
    "$N(0, 1/\\text{fan-in})$"
)
NO_LOSS: Final = f"training, by Levenberg-Marquardt, ends at a loss below {FITTED:g}"


def widths_of(text: str) -> tuple[int, ...]:
    """Read the widths of a network from words, as items of a worker carry them."""
    return tuple(int(width) for width in text.split())


def weights_of(widths: tuple[int, ...]) -> int:
    """The number of weights and biases of a network."""
    return sum((before + 1) * after for before, after in pairwise(widths))


def fitted_networks(
    seed: int, networks: int, widths: str, activation: str, samples: int, device: str
) -> tuple["numerics.Mlp", "Tensor", "Tensor", "Tensor", "Tensor"]:
    """Train networks on data of their own; return the network, the weights, inputs and targets, and the losses.

    Linear networks get targets from a linear map, which they can fit.
    """
    import torch

    shape = widths_of(widths)
    seeds = range(seed, seed + networks)
    x, y = numerics.gaussian_memorisation(
        inputs=shape[0], outputs=shape[-1], samples=samples, seeds=seeds, device=device
    )
    if activation == "linear":
        y = x @ torch.ones(shape[0], shape[-1], dtype=x.dtype, device=x.device) + x[..., : shape[-1]]
    network = numerics.Mlp(shape, activation, bias=True)
    start = network.init([each + networks for each in seeds], device=device)
    loss = numerics.SquaredError(prefactor=0.5)
    end = numerics.levenberg_marquardt(network, start, x, y, loss, tolerance=TOLERANCE, max_steps=1000)
    return network, end.theta, x, y, end.loss


def counts_at_zero_loss(
    seed: int, networks: int, widths: str, activation: str, samples: int, device: str
) -> dict[str, Array]:
    """Train networks to zero loss and count the negative, zero and positive eigenvalues of their Hessians."""
    import torch

    network, theta, x, y, losses = fitted_networks(seed, networks, widths, activation, samples, device)
    hessian = numerics.dense_hessian(network, theta, x, y, numerics.SquaredError(prefactor=0.5)).total
    counts = numerics.inertia(hessian, tolerance=CUT)
    return {
        "negative": counts.negative.cpu().numpy().astype(np.float64),
        "zero": counts.unresolved.cpu().numpy().astype(np.float64),
        "positive": counts.positive.cpu().numpy().astype(np.float64),
        "fitted": (losses <= FITTED).cpu().numpy(),
        "spectrum": torch.linalg.eigvalsh(hessian[0]).flip(0).cpu().numpy(),
    }


def parts_near_zero_loss(
    seed: int, networks: int, widths: str, activation: str, samples: int, distances: str, device: str
) -> dict[str, Array]:
    """Walk away from zero loss in a random direction; return the loss and the size of both parts at some distances."""
    import torch

    network, theta, x, y, losses = fitted_networks(seed, networks, widths, activation, samples, device)
    away = network.init([seed + 2 * networks + member for member in range(networks)], device=device)
    away = away / away.norm(dim=1, keepdim=True)
    loss = numerics.SquaredError(prefactor=0.5)
    steps = [float(distance) for distance in distances.split()]
    points = [theta + step * away for step in steps]
    parts = [numerics.dense_hessian(network, point, x, y, loss) for point in points]
    values = [loss.value(network.forward(point, x), y) for point in points]
    return {
        "loss": torch.stack(values, dim=1).cpu().numpy(),
        "residual": torch.stack([part.residual.norm(dim=(1, 2)) for part in parts], dim=1).cpu().numpy(),
        "gauss_newton": torch.stack([part.gauss_newton.norm(dim=(1, 2)) for part in parts], dim=1).cpu().numpy(),
        "fitted": (losses <= FITTED).cpu().numpy(),
    }


def cross_entropy_ranks(seed: int, networks: int, widths: str, samples: int, device: str) -> dict[str, Array]:
    """Count the positive eigenvalues of the Gauss-Newton part of random tanh networks under cross-entropy."""
    import torch

    shape = widths_of(widths)
    seeds = range(seed, seed + networks)
    x, _ = numerics.gaussian_memorisation(inputs=shape[0], outputs=1, samples=samples, seeds=seeds, device=device)
    labels = (torch.arange(samples, device=device) % shape[-1]).expand(networks, -1).contiguous()
    network = numerics.Mlp(shape, "tanh", bias=True)
    theta = network.init([each + networks for each in seeds], device=device)
    part = numerics.dense_hessian(network, theta, x, labels, numerics.CrossEntropy()).gauss_newton
    counts = numerics.inertia(part, tolerance=CUT)
    return {
        "positive": counts.positive.cpu().numpy().astype(np.float64),
        "negative": counts.negative.cpu().numpy().astype(np.float64),
        "spectrum": torch.linalg.eigvalsh(part[0]).flip(0).cpu().numpy(),
    }


def largest_at_zero_loss(
    seed: int, networks: int, widths: str, activation: str, samples: int, device: str
) -> dict[str, Array]:
    """Train networks to zero loss and return the largest eigenvalue of the Hessian, there and at the start.

    The data depend on the seed alone and not on the widths. At zero loss the largest eigenvalue is that of JJ'/N.
    """
    import torch

    network, theta, x, _, losses = fitted_networks(seed, networks, widths, activation, samples, device)
    jacobian = numerics.output_jacobian(network, theta, x).flatten(1, 2)
    largest = torch.linalg.eigvalsh(jacobian @ jacobian.mT / samples)[:, -1]
    return {"largest": largest.cpu().numpy(), "fitted": (losses <= FITTED).cpu().numpy()}
