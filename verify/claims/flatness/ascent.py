"""Sharpness found by ascent, at minima whose Hessian is known: what the workers run."""

from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

import numerics
from verify.claims.flatness.minima import half_square, problem
from verify.claims.rescaling.networks import FITTED, block_sizes, taught

if TYPE_CHECKING:
    from torch import Tensor

Array = NDArray[np.float64]

RESTARTS: Final = 12
DIMENSION: Final = 10  # of the subspaces in which curvatures are looked at
ORBIT_WIDTHS: Final = "5 4 3"
ORBIT_SAMPLES: Final = 60


def sharpness_in_balls(kind: str, seed: int, members: int, radius: float, device: str) -> dict[str, Array]:
    """Sharpness over balls, by ascent, with the eigenvalues and the diagonal of the Hessian."""
    import torch

    network, minima, x, y = problem(kind, seed, members, device)
    hessian = numerics.dense_hessian(network, minima, x, y, half_square()).total
    seeds = [seed + member for member in range(members)]
    found = numerics.epsilon_sharpness(
        network, minima, x, y, half_square(), epsilon=radius, seeds=seeds, restarts=RESTARTS, tolerance=1e-6
    )
    return {
        "value": found.value.cpu().numpy(),
        "loss": found.loss.cpu().numpy(),
        "eigenvalues": torch.linalg.eigvalsh(hessian).cpu().numpy(),
        "diagonal": hessian.diagonal(dim1=1, dim2=2).cpu().numpy(),
    }


def sharpness_in_boxes(seed: int, members: int, size: float, device: str) -> dict[str, Array]:
    """Sharpness of quadratics over boxes, by ascent, with the minima and their Hessians."""
    network, minima, x, y = problem("quadratics", seed, members, device)
    hessian = numerics.dense_hessian(network, minima, x, y, half_square()).total
    found = numerics.box_sharpness(
        network,
        minima,
        x,
        y,
        half_square(),
        epsilon=size,
        seeds=[seed + member for member in range(members)],
        restarts=4 * RESTARTS,
    )
    return {
        "value": found.value.cpu().numpy(),
        "minima": minima.cpu().numpy(),
        "hessians": hessian.cpu().numpy(),
    }


def sharpness_along_lines(seed: int, members: int, lines: int, radius: float, device: str) -> dict[str, Array]:
    """Mean sharpness of trained networks along random lines, and in random planes.

    Returns:
        "line" and "plane", over eps^2 tr H/(2n): one number per network; "subspace", the mean over as many random
        subspaces of ``DIMENSION`` dimensions of the largest eigenvalue of H in it; "largest" and "trace" of H itself.
    """
    import torch

    network, minima, x, y = problem("networks", seed, members, device)
    hessian = numerics.dense_hessian(network, minima, x, y, half_square()).total
    trace = hessian.diagonal(dim1=1, dim2=2).sum(dim=1)
    weights = minima.shape[1]
    means: dict[str, list[float]] = {"line": [], "plane": [], "subspace": []}
    for member in range(members):
        seeds = [seed + members + member * lines + line for line in range(lines)]
        unit = radius**2 * float(trace[member]) / (2 * weights)
        one = (network, minima[member], x[member], y[member])
        for name, dimension in (("line", 1), ("plane", 2)):
            means[name].append(_mean_sharpness(*one, half_square(), dimension, radius, seeds) / unit)
        basis = numerics.random_basis(weights, DIMENSION, seeds=seeds, device=device)
        means["subspace"].append(float(torch.linalg.eigvalsh(basis.mT @ hessian[member] @ basis)[:, -1].mean()))
    return {
        **{name: np.array(values) for name, values in means.items()},
        "largest": torch.linalg.eigvalsh(hessian)[:, -1].cpu().numpy(),
        "trace": trace.cpu().numpy(),
    }


def lines_on_orbits(seed: int, members: int, lines: int, radius: float, alpha: float, device: str) -> dict[str, Array]:
    """Mean sharpness along random lines of networks with two layers of ReLU, before and after a rescaling by alpha.

    Returns:
        "before" and "after", over eps^2/(2n), that is, in units of the trace; "first" and "last", the traces of the
        blocks of the two layers, before; "fitted", whether the network fits its data.
    """
    network, theta, x, y, losses = taught(seed, members, ORBIT_WIDTHS, "relu", ORBIT_SAMPLES, device)
    hessian = numerics.dense_hessian(network, theta, x, y, half_square()).total
    diagonal = hessian.diagonal(dim1=1, dim2=2)
    size, weights = block_sizes(ORBIT_WIDTHS)[0], theta.shape[1]
    factors = numerics.rescaling_factors(network, (alpha, 1 / alpha)).to(theta)
    found: dict[str, list[float]] = {"before": [], "after": []}
    for member, own in enumerate(theta):
        seeds = [seed + members + member * lines + line for line in range(lines)]
        for name, place in (("before", own), ("after", factors * own)):
            mean = _mean_sharpness(network, place, x[member], y[member], half_square(), 1, radius, seeds)
            found[name].append(mean / (radius**2 / (2 * weights)))
    return {
        **{name: np.array(values) for name, values in found.items()},
        "first": diagonal[:, :size].sum(1).cpu().numpy(),
        "last": diagonal[:, size:].sum(1).cpu().numpy(),
        "fitted": (losses <= FITTED).cpu().numpy(),
    }


def _mean_sharpness(
    network: "numerics.Mlp",
    place: "Tensor",
    x: "Tensor",
    y: "Tensor",
    loss: "numerics.SquaredError",
    dimension: int,
    radius: float,
    seeds: list[int],
) -> float:
    """The mean of the sharpness of one network over random subspaces, one for each seed."""
    found = numerics.epsilon_sharpness(
        network,
        place.expand(len(seeds), -1),
        x,
        y,
        loss,
        epsilon=radius,
        seeds=seeds,
        basis=numerics.random_basis(len(place), dimension, seeds=seeds, device=place.device),
        restarts=1,
        steps=30,
    )
    return float(found.value.mean())
