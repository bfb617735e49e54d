"""Sharpness found by ascent, at minima whose Hessian is known: what the workers run."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

import numerics
from verify.claims.flatness.minima import half_square, problem

Array = NDArray[np.float64]

RESTARTS: Final = 12


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
        "line" and "plane", over eps^2 tr H/(2n): one number per network; "largest" and "trace" of its Hessian.
    """
    import torch

    network, minima, x, y = problem("networks", seed, members, device)
    hessian = numerics.dense_hessian(network, minima, x, y, half_square()).total
    trace = hessian.diagonal(dim1=1, dim2=2).sum(dim=1)
    weights = minima.shape[1]
    means: dict[str, list[float]] = {"line": [], "plane": []}
    for member in range(members):
        copies = minima[member].expand(lines, -1)
        seeds = [seed + members + member * lines + line for line in range(lines)]
        for name, dimension in (("line", 1), ("plane", 2)):
            found = numerics.epsilon_sharpness(
                network,
                copies,
                x[member],
                y[member],
                half_square(),
                epsilon=radius,
                seeds=seeds,
                basis=numerics.random_basis(weights, dimension, seeds=seeds, device=device),
                restarts=1,
                steps=30,
            )
            unit = radius**2 * float(trace[member]) / (2 * weights)
            means[name].append(float(found.value.mean()) / unit)
    return {
        "line": np.array(means["line"]),
        "plane": np.array(means["plane"]),
        "largest": torch.linalg.eigvalsh(hessian)[:, -1].cpu().numpy(),
        "trace": trace.cpu().numpy(),
    }
