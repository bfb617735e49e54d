"""Trained networks without biases, and their Hessians before and after a rescaling: what the workers run."""

from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

import numerics

if TYPE_CHECKING:
    from torch import Tensor

Array = NDArray[np.float64]

NETWORK: Final = "layers have no biases, their units are ReLU, or leaky ReLU where that is said, the last layer linear"
SMOOTH: Final = "no unit is on its kink at a sample, so that the loss is twice differentiable there"
CUT: Final = 1e-11
"""What counts as zero, over the largest eigenvalue: rounding leaves the zeros near 1e-15."""

UNCLEAR: Final = 1e-9
"""No eigenvalue of a network that counts lies between ``CUT`` and this, over the largest."""

FITTED: Final = 1e-15  # largest loss of a network that counts as one that fits its data


def widths_of(text: str) -> tuple[int, ...]:
    """Read the widths of a network from words, as items of a worker carry them.

    Examples:
        >>> widths_of("5 4 3")
        (5, 4, 3)
    """
    return tuple(int(width) for width in text.split())


def block_sizes(text: str) -> tuple[int, ...]:
    """The numbers of weights of the layers, without biases.

    Examples:
        >>> block_sizes("5 4 3")
        (20, 12)
    """
    return tuple(before * after for before, after in pairwise(widths_of(text)))


def halfway(
    seed: int, networks: int, widths: str, activation: str, bias: bool, samples: int, device: str
) -> tuple["numerics.Mlp", "Tensor", "Tensor", "Tensor"]:
    """Networks after some steps of gradient descent on targets that have nothing to do with the inputs: not minima."""
    shape, seeds = widths_of(widths), range(seed, seed + networks)
    x, y = numerics.gaussian_memorisation(
        inputs=shape[0], outputs=shape[-1], samples=samples, seeds=seeds, device=device
    )
    network = numerics.Mlp(shape, activation, bias=bias)
    start = network.init([each + networks for each in seeds], sigma_w=2**0.5, sigma_b=0.1, device=device)
    end = numerics.gradient_descent(network, start, x, y, loss(), learning_rate=0.02, steps=60)
    return network, end.theta, x, y


def taught(
    seed: int, networks: int, widths: str, activation: str, samples: int, device: str
) -> tuple["numerics.Mlp", "Tensor", "Tensor", "Tensor", "Tensor"]:
    """Train networks to zero loss on the outputs of teachers of the same shape, on more samples than weights.

    They start 5 % of a random network away from the teacher. Returns network, weights, inputs, targets, losses.
    """
    shape, seeds = widths_of(widths), range(seed, seed + networks)
    x, _ = numerics.gaussian_memorisation(inputs=shape[0], outputs=1, samples=samples, seeds=seeds, device=device)
    network = numerics.Mlp(shape, activation)
    teacher = network.init([each + networks for each in seeds], sigma_w=2**0.5, device=device)
    away = network.init([each + 2 * networks for each in seeds], device=device)
    y = network.forward(teacher, x)
    end = numerics.levenberg_marquardt(network, teacher + 0.05 * away, x, y, loss(), tolerance=1e-13, max_steps=300)
    return network, end.theta, x, y, end.loss


def loss() -> "numerics.SquaredError":
    """Half the squared residual, summed over outputs, in the mean over samples."""
    return numerics.SquaredError(prefactor=0.5)


def transformed(
    seed: int,
    networks: int,
    widths: str,
    activation: str,
    bias: bool,
    samples: int,
    least: float,
    largest: float,
    count: int,
    device: str,
) -> dict[str, Array]:
    """Hessians and gradients at rescaled points, assembled there, and what the transformation makes of those before.

    The first layer is multiplied by alpha, the last one divided by it. Numbers are those of D^-1 H D^-1 and of D^-1 g,
    over the largest entry, so that every layer counts alike.
    """
    import torch

    network, theta, x, y = halfway(seed, networks, widths, activation, bias, samples, device)
    before = numerics.dense_hessian(network, theta, x, y, loss()).total
    _, slope = numerics.loss_and_gradient(network, theta, x, y, loss())
    size, steep = before.abs().amax((1, 2))[:, None, None], slope.abs().amax(1)[:, None]
    alphas = torch.logspace(float(np.log10(least)), float(np.log10(largest)), count, dtype=torch.float64)
    layers = len(widths_of(widths)) - 1
    hessians, gradients, rivals = [], [], []
    for alpha in alphas:
        ones = [torch.ones((), dtype=torch.float64)] * (layers - 2)
        scale = numerics.rescaling_factors(network, torch.stack([alpha, *ones, 1 / alpha])).to(theta)
        moved = scale * theta
        there = numerics.dense_hessian(network, moved, x, y, loss()).total
        _, steeper = numerics.loss_and_gradient(network, moved, x, y, loss())
        outer = scale[:, None] * scale
        hessians.append(there * outer / size)
        gradients.append(steeper * scale / steep)
        rivals.append(before * outer**2 / size)  # D^-1 (D^-1 H D^-1) D^-1
    return {
        "before": (before / size).cpu().numpy(),
        "slope": (slope / steep).cpu().numpy(),
        "hessian": torch.stack(hessians, 1).cpu().numpy(),
        "gradient": torch.stack(gradients, 1).cpu().numpy(),
        "rival": torch.stack(rivals, 1).cpu().numpy(),
    }


def along_the_orbit(
    seed: int, networks: int, widths: str, activation: str, samples: int, exponents: str, device: str
) -> dict[str, Array]:
    """Spectra and traces at minima (alpha theta_1, theta_2 / alpha), alpha ten to each exponent."""
    import torch

    network, theta, x, y, losses = taught(seed, networks, widths, activation, samples, device)
    alphas = [10.0 ** float(exponent) for exponent in exponents.split()]
    spectra, traces = [], []
    for alpha in alphas:
        scale = numerics.rescaling_factors(network, (alpha, 1 / alpha)).to(theta)
        hessian = numerics.dense_hessian(network, scale * theta, x, y, loss()).total
        spectra.append(torch.linalg.eigvalsh(hessian))
        traces.append(hessian.diagonal(dim1=1, dim2=2).sum(1))
    return {
        "alphas": np.array(alphas),
        "spectra": torch.stack(spectra, 1).cpu().numpy(),
        "largest": torch.stack(spectra, 1)[:, :, -1].cpu().numpy(),
        "trace": torch.stack(traces, 1).cpu().numpy(),
        "fitted": (losses <= FITTED).cpu().numpy(),
    }


def flat_first_layer(seed: int, samples: int, exponents: str, device: str) -> dict[str, Array]:
    """Minima at which no weight of layer 1 matters, though no layer is zero: largest eigenvalues along their orbits.

    Inputs are positive. Two units with positive weights are on and have outgoing weights zero; two with negative ones
    are off and have others. The output is zero, and so are the targets. Numbers are powers of ten over the largest
    eigenvalue at alpha = 1.
    """
    import torch

    network = numerics.Mlp((3, 4, 2), "relu")
    draw = torch.Generator().manual_seed(seed)
    incoming, outgoing, x = (
        torch.rand(shape, generator=draw, dtype=torch.float64) + 0.1 for shape in ((4, 3), (2, 4), (samples, 3))
    )
    incoming[2:], outgoing[:, :2] = -incoming[2:], 0
    theta, x = torch.cat([incoming.ravel(), outgoing.ravel()])[None].to(device), x.to(device)
    y = torch.zeros(samples, 2, dtype=torch.float64, device=device)
    alphas = [10.0 ** float(exponent) for exponent in exponents.split()]
    scales = torch.stack([numerics.rescaling_factors(network, (alpha, 1 / alpha)) for alpha in alphas]).to(theta)
    hessians = numerics.dense_hessian(network, scales * theta, x, y, loss()).total
    largest = torch.linalg.eigvalsh(hessians)[:, -1]
    return {"largest": (largest / largest[-1]).log10()[None].cpu().numpy()}


def gathered(results: list[dict[str, Any]]) -> dict[str, Array]:
    """Join what several workers found about different networks, one below the other."""
    return {name: np.concatenate([result[name] for result in results]) for name in results[0]}
