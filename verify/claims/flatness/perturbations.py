"""What noise in the weights and rounding do to the loss at a minimum: what the workers run."""

from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

import numerics
from verify.claims.flatness.minima import half_square, problem

if TYPE_CHECKING:
    from torch import Tensor

Array = NDArray[np.float64]

CHUNK: Final = 500  # perturbed copies of one network at a time


def mean_rises(seed: int, members: int, draws: int, size: float, device: str) -> dict[str, Array]:
    """Mean rises of the loss at minima of trained networks, over what the trace says.

    Args:
        seed: Of the first network.
        members: Networks.
        draws: Perturbed copies of each.
        size: Standard deviation of the noise, and spacing of the grid.
        device: Where.

    Returns:
        "noise" and "rounding", each over its prediction, and the share of the largest eigenvalue in the trace.
    """
    import torch

    network, minima, x, y = problem("networks", seed, members, device)
    hessian = numerics.dense_hessian(network, minima, x, y, half_square()).total
    trace = hessian.diagonal(dim1=1, dim2=2).sum(dim=1)
    largest = torch.linalg.eigvalsh(hessian)[:, -1]
    noise, rounding = [], []
    for member in range(members):
        generator = torch.Generator().manual_seed(seed + member)
        place = minima[member]
        total = {"noise": 0.0, "rounding": 0.0}
        for _ in range(draws // CHUNK):
            normal = torch.randn(CHUNK, len(place), generator=generator, dtype=place.dtype).to(device)
            origin = torch.rand(CHUNK, len(place), generator=generator, dtype=place.dtype).to(device) * size
            points = {"noise": place + size * normal, "rounding": rounded(place, origin, size)}
            for name, point in points.items():
                total[name] += float(half_square().value(network.forward(point, x[member]), y[member]).sum())
        noise.append(total["noise"] / draws / float(size**2 * trace[member] / 2))
        rounding.append(total["rounding"] / draws / float(size**2 * trace[member] / 24))
    return {
        "noise": np.array(noise),
        "rounding": np.array(rounding),
        "share": (largest / trace).cpu().numpy(),
    }


def rounded(weights: "Tensor", origin: "Tensor", spacing: "Tensor | float") -> "Tensor":
    """Round weights to the nearest place of a grid with a given origin."""
    return ((weights - origin) / spacing).round() * spacing + origin


def rises_by_size(seed: int, draws: int, sizes: str, device: str) -> dict[str, Array]:
    """Mean rises of the loss of one trained network under noise of several sizes, and half the trace."""
    import torch

    network, minima, x, y = problem("networks", seed, 1, device)
    trace = numerics.dense_hessian(network, minima, x, y, half_square()).total[0].trace()
    generator = torch.Generator().manual_seed(seed)
    normal = torch.randn(draws, minima.shape[1], generator=generator, dtype=minima.dtype).to(device)
    rises = [
        float(half_square().value(network.forward(minima + float(size) * normal, x[0]), y[0]).mean())
        for size in sizes.split()
    ]
    return {"rises": np.array(rises), "half_trace": np.array(float(trace) / 2)}


def rises_on_grids(seed: int, members: int, draws: int, spacing: float, alpha: float, device: str) -> dict[str, Array]:
    """Mean rises of the loss of ReLU networks that are rounded, before and after a rescaling of their two layers.

    The networks are random and label their own inputs, so that their loss is 0. The rescaled ones are rounded to the
    grid that the others have, and to one that is rescaled like its layer, with the same draws of the origin.
    """
    import torch

    network = numerics.Mlp((4, 10, 2), "relu")
    seeds = [seed + member for member in range(members)]
    x, _ = numerics.gaussian_memorisation(inputs=4, outputs=2, samples=20, seeds=seeds, device=device)
    theta = network.init([each + members for each in seeds], sigma_w=2**0.5, device=device)
    y = network.forward(theta, x)
    factors = torch.ones_like(theta[0])
    factors[:40], factors[40:] = alpha, 1 / alpha
    found = {"before": [], "same": [], "rescaled": [], "trace": [], "trace_after": []}  # type: dict[str, list[float]]
    for member in range(members):
        generator = torch.Generator().manual_seed(seeds[member])
        origin = torch.rand(draws, theta.shape[1], generator=generator, dtype=theta.dtype).to(device) * spacing
        here, there = theta[member], theta[member] * factors
        points = {
            "before": rounded(here, origin, spacing),
            "same": rounded(there, origin, spacing),
            "rescaled": rounded(there, origin * factors, spacing * factors),
        }
        for name, point in points.items():
            found[name].append(float(half_square().value(network.forward(point, x[member]), y[member]).mean()))
        for name, place in (("trace", here), ("trace_after", there)):
            part = numerics.dense_hessian(network, place[None], x[member], y[member], half_square()).total[0]
            found[name].append(float(part.trace()))
    return {name: np.array(values) for name, values in found.items()}
