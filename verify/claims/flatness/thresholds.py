"""Learning rates beyond which descent leaves a minimum, measured: what the workers run."""

from itertools import combinations
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

import numerics
from verify.claims.flatness.minima import half_square, problem

if TYPE_CHECKING:
    from torch import Tensor

Array = NDArray[np.float64]

AWAY: Final = 1e-6  # distance from the minimum, over its norm, at which descent starts
STEPS: Final = 600  # at most, until descent has left
RATES: Final = 24  # tried at a time
ROUNDS: Final = 2  # the second between two neighbours of the first: to 0.8 percent
SETTLED: Final = 1e-13  # relative change of the growth of a mean square from step to step
LEAST: Final = 1e-2
LARGEST: Final = 1e2


def largest_stable_rate(network: "numerics.Mlp", theta: "Tensor", x: "Tensor", y: "Tensor", away: "Tensor") -> float:
    """Return the learning rate from which gradient descent no longer comes back to one minimum.

    Descent starts close by at many learning rates at once. It has left the minimum where the loss has ever been twice
    that of the start: nothing is known of curvatures here. What comes later says nothing, because descent that leaves
    one minimum may settle at a flatter one.
    """
    import torch

    low, high = LEAST, LARGEST
    for _ in range(ROUNDS):
        rates = torch.from_numpy(np.geomspace(low, high, RATES)).to(theta)
        point = (theta + away).expand(RATES, -1).clone()
        start = highest = numerics.loss_and_gradient(network, point, x, y, half_square())[0]
        left = highest > 2 * start
        for _ in range(STEPS):
            value, gradient = numerics.loss_and_gradient(network, point, x, y, half_square())
            highest = torch.maximum(highest, value.nan_to_num(nan=torch.inf))
            left = highest > 2 * start  # those that have left stay where they are
            point = torch.where(left[:, None], point, point - rates[:, None] * gradient.nan_to_num())
        first = int(left.to(torch.int64).argmax()) if bool(left.any()) else RATES - 1
        low, high = float(rates[max(first - 1, 0)]), float(rates[first])
    return float(np.sqrt(low * high))


def descent_thresholds(kind: str, seed: int, members: int, device: str) -> dict[str, Array]:
    """Largest stable learning rates of gradient descent at some minima, and the eigenvalues of the Hessian there."""
    import torch

    network, minima, x, y = problem(kind, seed, members, device)
    random = network.init([seed + 2 * members + member for member in range(members)], device=device)
    away = AWAY * minima.norm(dim=1, keepdim=True) * random / random.norm(dim=1, keepdim=True)
    eigenvalues = torch.linalg.eigvalsh(numerics.dense_hessian(network, minima, x, y, half_square()).total)
    found = [
        largest_stable_rate(network, minima[member], x[member], y[member], away[member]) for member in range(members)
    ]
    return {"threshold": np.array(found), "eigenvalues": eigenvalues.cpu().numpy()}


def curvatures_of_samples(seed: int, samples: int) -> Array:
    """Second derivatives of the losses of single samples, one weight: exponential, rounded to hundredths."""
    generator = np.random.default_rng(seed)
    return np.maximum(np.round(generator.exponential(1.0, samples), 2), 0.05)


def batch_means(curvatures: Array, batch: int) -> Array:
    """The mean curvature of every batch."""
    return np.array([np.mean(chosen) for chosen in combinations(curvatures, batch)])


def mean_square_thresholds(seed: int, cases: int, samples: int, batch: int) -> dict[str, Array]:
    """Learning rates at which the second moment, followed over every batch, neither grows nor shrinks."""
    tables = np.array([curvatures_of_samples(seed + case, samples) for case in range(cases)])
    found = []
    for table in tables:
        means = batch_means(table, batch)
        low, high = 1e-6, 4 / float(np.mean(means))
        for _ in range(100):
            rate = (low + high) / 2
            moment = 1.0
            for _ in range(3):
                moment *= float(np.mean((1 - rate * means) ** 2))
            low, high = (rate, high) if moment < 1 else (low, rate)
        found.append((low + high) / 2)
    return {"threshold": np.array(found), "curvatures": tables}


def mean_square_growths(seed: int, cases: int, samples: int, weights: int, batch: int, steps: int) -> dict[str, Array]:
    """Growth of the mean square of SGD in several weights at each step in the end, by following the second moment.

    Every sample has a loss of rank one, (g'x)^2/2 with a normal g, as a network with one output has at zero loss. The
    second moment E xx' goes over to its mean over all batches, again and again, from the unit matrix, until its growth
    has settled or so many steps have been taken.

    Returns:
        "growth" and "rate", the learning rate, of every case; "hessians", of every sample.
    """
    generator = np.random.default_rng(seed)
    slopes = generator.normal(size=(cases, samples, weights))
    hessians = slopes[..., :, None] * slopes[..., None, :]
    rates = generator.uniform(0.5, 1.5, cases) / np.linalg.eigvalsh(hessians.mean(axis=1))[:, -1]
    chosen = np.array(list(combinations(range(samples), batch)))
    growths = []
    for case, rate in zip(hessians, rates, strict=True):
        moves = np.eye(weights) - rate * case[chosen].mean(axis=1)
        moment, growth = np.eye(weights) / weights, 1.0
        for _ in range(steps):
            moment = (moves @ moment @ moves).mean(axis=0)  # each move is symmetric
            before, growth = growth, float(np.trace(moment))
            moment /= growth
            if abs(growth - before) <= SETTLED * growth:
                break
        growths.append(growth)
    return {"growth": np.array(growths), "rate": rates, "hessians": hessians}


def surviving_trajectories(
    seed: int, curvatures: str, batch: int, rate: float, steps: int, trajectories: int
) -> dict[str, Array]:
    """Logarithms of the distance from the minimum, for trajectories of SGD that draw a new batch at every step."""
    factors = np.log(np.abs(1 - rate * batch_means(np.array([float(h) for h in curvatures.split()]), batch)) + 1e-300)
    drawn = np.random.default_rng(seed).integers(len(factors), size=(trajectories, steps))
    paths = np.cumsum(factors[drawn], axis=1)
    return {"end": paths[:, -1], "paths": paths[:6, :200]}
