"""Sharpness-aware, entropy-seeking and averaged descent on quadratics: what the workers run."""

import numpy as np
from numpy.typing import NDArray

import numerics
from verify.claims.flatness.minima import half_square, problem

Array = NDArray[np.float64]


def sharpness_aware_steps(seed: int, members: int, radius: float, device: str) -> dict[str, Array]:
    """Gradients that a step of SAM on the whole set goes along, away from minima of quadratics, by its step.

    Returns:
        "gradient", "hessians", and "displacement" from the minimum.
    """
    network, minima, x, y = problem("quadratics", seed, members, device)
    seeds = [seed + 2 * members + member for member in range(members)]
    away = network.init(seeds, device=device)
    end = numerics.sgd(
        network,
        minima + away,
        x,
        y,
        half_square(),
        learning_rate=1.0,
        batch_size=x.shape[1],
        seeds=seeds,
        steps=1,
        rule=numerics.SharpnessAware(rho=radius),
    )
    return {
        "gradient": (minima + away - end.theta).cpu().numpy(),
        "hessians": numerics.dense_hessian(network, minima, x, y, half_square()).total.cpu().numpy(),
        "displacement": away.cpu().numpy(),
    }


def sharpness_aware_ends(curvature: float, rates: str, radius: float, steps: int, device: str) -> dict[str, Array]:
    """Places where SAM on a x^2/2, from x = 1, is at the last steps, for some learning rates."""
    import torch

    network = numerics.Mlp((1, 1), "linear")
    x = torch.full((1, 1), curvature**0.5, dtype=torch.float64, device=device)
    ends = []
    for rate in rates.split():
        end = numerics.sgd(
            network,
            torch.ones_like(x),
            x,
            torch.zeros_like(x),
            half_square(),
            learning_rate=float(rate),
            batch_size=1,
            seeds=[0],
            steps=steps,
            rule=numerics.SharpnessAware(rho=radius),
            record_at=range(steps + 1),
        )
        ends.append(end.trajectory[:, 0, 0].cpu().numpy())
    return {"path": np.array(ends)}


def uphill_losses(seed: int, members: int, radii: str, device: str) -> dict[str, Array]:
    """Losses one step uphill from networks that are not at a minimum, with what the expansion is made of.

    Returns:
        "loss", "slope" = |g| and "curvature" = g'Hg/|g|^2, one per network; "uphill", one row per network, by radius.
    """
    import torch

    network, minima, x, y = problem("networks", seed, members, device)
    shift = network.init([seed + 2 * members + member for member in range(members)], device=device)
    theta = minima + 0.1 * shift
    loss, gradient = numerics.loss_and_gradient(network, theta, x, y, half_square())
    length = gradient.norm(dim=1, keepdim=True)
    unit = gradient / length
    hessian = numerics.dense_hessian(network, theta, x, y, half_square()).total
    uphill = [half_square().value(network.forward(theta + float(radius) * unit, x), y) for radius in radii.split()]
    return {
        "loss": loss.cpu().numpy(),
        "slope": length[:, 0].cpu().numpy(),
        "curvature": torch.einsum("mi,mij,mj->m", unit, hessian, unit).cpu().numpy(),
        "uphill": torch.stack(uphill, dim=1).cpu().numpy(),
    }


def local_entropy_matrices(seed: int, members: int, scope: float, device: str) -> dict[str, Array]:
    """Hessians of the local entropy of quadratics, column by column from the gradient that Entropy-SGD estimates.

    Each column is a gradient one unit away from the minimum along one axis: a walk without noise, long enough to
    settle, on the whole set.
    """
    import torch

    network, minima, x, y = problem("quadratics", seed, members, device)
    hessian = numerics.dense_hessian(network, minima, x, y, half_square()).total
    weights = minima.shape[1]
    steepest = float(torch.linalg.eigvalsh(hessian)[:, -1].max())
    rule = numerics.LocalEntropy(
        gamma=scope, langevin_steps=600, langevin_rate=1 / (steepest + scope), noise=0.0, weight=0.5
    )
    found = []
    for member in range(members):
        start = minima[member] + torch.eye(weights, dtype=minima.dtype, device=minima.device)
        end = numerics.sgd(
            network,
            start,
            x[member],
            y[member],
            half_square(),
            learning_rate=scope,  # of the way to the mean, so that the step is the gradient
            batch_size=x.shape[1],
            seeds=[seed] * weights,
            steps=1,
            rule=rule,
        )
        found.append((start - end.theta).cpu().numpy())
    return {"found": np.array(found), "hessians": hessian.cpu().numpy()}


def sampled_entropies(seed: int, members: int, scope: float, pairs: int, device: str) -> dict[str, Array]:
    """The local entropy at minima of quadratics, estimated from independent draws, with its standard error."""
    network, minima, x, y = problem("quadratics", seed, members, device)
    found = numerics.sampled_local_entropy(
        network, minima, x, y, half_square(), gamma=scope, seeds=range(seed, seed + members), pairs=pairs
    )
    return {"value": found.value.cpu().numpy(), "error": found.error.cpu().numpy()}


def averaged_losses(seed: int, product: float, steps: int, runs: int, groups: int) -> dict[str, Array]:
    """Mean losses of the average of the last iterates over those of the last one, for SGD on x^2/2 with constant noise.

    Args:
        seed: Of the noise.
        product: Learning rate times curvature.
        steps: Iterates in the average; the run begins in its stationary state.
        runs: Runs in a group.
        groups: Groups, one ratio each.
    """
    import torch

    generator = torch.Generator().manual_seed(seed)
    shape = (groups * runs, 1)
    place = torch.randn(shape, generator=generator, dtype=torch.float64) * (product / (2 - product)) ** 0.5
    average, mean = numerics.WeightAverage(start=1), place
    for step in range(1, steps + 1):
        noise = torch.randn(shape, generator=generator, dtype=torch.float64)
        place = (1 - product) * place + product * noise
        mean = average.updated(mean, place, step)
    ends = [tensor.square().reshape(groups, runs).mean(dim=1) for tensor in (mean, place)]
    return {"ratio": (ends[0] / ends[1]).numpy()}
