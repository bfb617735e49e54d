r"""Distances on the line between a discrete measure and another one, or a law that is known by its cdf.

.. math:: W_1(\mu, \nu) = \int |F_\mu - F_\nu| \, dx, \qquad K(\mu, \nu) = \sup_x |F_\mu - F_\nu|.

Between discrete measures both are finite sums. Against a cdf the supremum is attained beside a node, since the one cdf
is constant between nodes and the other rises; the integral is refined where both its step and its rise are large.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

Law = Callable[[Any], Any]
"""A cdf: a function of a numpy array, of a tensor or of a number."""

Discrete = tuple[Float[Tensor, " others"], Float[Tensor, " others"]]
Array = np.ndarray[Any, np.dtype[np.float64]]

ACCURACY = 1e-4
"""Proven error of the distance to a cdf, relative to the width of both supports."""
_TAIL = 1e-9  # mass of a law that is left out at each end
_ROUNDING = 1e-9  # by which a cdf may leave [0, 1] or fall


def wasserstein_distance(
    nodes: Float[Tensor, " nodes"], weights: Float[Tensor, " nodes"], other: Discrete | Law
) -> float:
    """The area between the cdf of ascending nodes and that of another discrete measure, or a law's.

    Raises:
        ValueError: If a law is not a cdf that rises from 0 to 1.

    Examples:
        >>> half = torch.tensor([0.5, 0.5])
        >>> round(wasserstein_distance(torch.tensor([0.25, 0.75]), half, lambda x: np.clip(x, 0, 1)), 6)
        0.125
    """
    if isinstance(other, tuple):
        places, difference = _difference(nodes, weights, other)
        return float((difference[:-1].abs() * places.diff()).sum())
    mine, mass = _arrays(nodes, weights)
    return _area(mine, mass, _vectorised(other, mine))


def kolmogorov_distance(
    nodes: Float[Tensor, " nodes"],
    weights: Float[Tensor, " nodes"],
    other: Discrete | Law,
    left: Law | None = None,
) -> float:
    """The largest difference between the cdf of ascending nodes and another one.

    Args:
        nodes: Ascending.
        weights: Whose sum is one.
        other: Nodes and weights, or a cdf.
        left: The law's mass strictly below x, if it has atoms.

    Raises:
        ValueError: If a law is no cdf, or ``left`` comes with a discrete measure.

    Examples:
        >>> half = torch.tensor([0.5, 0.5])
        >>> kolmogorov_distance(torch.tensor([0.25, 0.75]), half, lambda x: np.clip(x, 0, 1))
        0.25
    """
    if isinstance(other, tuple):
        if left is not None:
            raise ValueError("left must come with the cdf of a law, got it with a discrete measure.")
        _, difference = _difference(nodes, weights, other)
        return float(difference.abs().max())
    mine, mass = _arrays(nodes, weights)
    law = _vectorised(other, mine)
    _support(law, float(mine[0]), float(mine[-1]), _width(mine))  # refuses what does not rise from 0 to 1
    below = law if left is None else _vectorised(left, mine)
    last = np.append(np.diff(mine) > 0, True)  # the last of equal nodes
    places, upto = mine[last], mass[last]
    before = np.concatenate([[0.0], upto[:-1]])
    return float(max(np.abs(law(places) - upto).max(), np.abs(below(places) - before).max()))


def _difference(nodes: Tensor, weights: Tensor, other: Discrete) -> tuple[Tensor, Tensor]:
    """All places in order, each once, and the first cdf less the second there."""
    theirs, mass = (part.to(dtype=torch.float64, device=nodes.device) for part in other)
    places, where = torch.unique(torch.cat([nodes.to(torch.float64), theirs]), return_inverse=True)
    jumps = torch.zeros_like(places).index_add_(0, where, torch.cat([weights.to(torch.float64), -mass]))
    return places, jumps.cumsum(0)


def _arrays(nodes: Tensor, weights: Tensor) -> tuple[Array, Array]:
    """Nodes and the cdf at them."""
    mine = nodes.detach().to(dtype=torch.float64, device="cpu").numpy()
    mass = np.cumsum(weights.detach().to(dtype=torch.float64, device="cpu").numpy())
    mass[-1] = 1.0
    return mine, mass


def _vectorised(law: Law, sample: Array) -> Callable[[Array], Array]:
    """A cdf as a function of arrays, tried as it is, then on tensors, then number by number."""

    def by_arrays(x: Array) -> Any:
        return law(x)

    def by_tensors(x: Array) -> Any:
        return law(torch.from_numpy(x.copy()))

    def by_numbers(x: Array) -> Any:
        return [float(law(float(one))) for one in x]

    def read(way: Callable[[Array], Any], x: Array) -> Array:
        values = way(x)
        if isinstance(values, Tensor):
            values = values.detach().cpu()
        return np.asarray(values, dtype=np.float64)

    trial = np.array([sample[0], sample[len(sample) // 2], sample[-1]])
    chosen = by_numbers
    for way in (by_arrays, by_tensors):
        try:
            if read(way, trial).shape == trial.shape:
                chosen = way
                break
        except Exception:  # whatever a law may raise: the last way says it
            continue

    def checked(x: Array) -> Array:
        try:
            values = read(chosen, x)
        except Exception as error:  # whatever a law may raise
            raise ValueError(
                "other must be a cdf of an array, a tensor or a number, but calling it raises "
                f"{type(error).__name__}: {error}."
            ) from error
        if values.shape != x.shape or not np.all(np.isfinite(values)):
            raise ValueError("other must be a cdf with one finite value for each x.")
        order = np.argsort(x, kind="stable")
        falls = float(-np.diff(values[order]).min()) if len(x) > 1 else 0.0
        beyond = max(-float(values.min()), float(values.max()) - 1.0)
        if max(falls, beyond) > _ROUNDING:
            raise ValueError(f"other must be a cdf that rises from 0 to 1, got one off by {max(falls, beyond):.1e}.")
        return values.clip(0.0, 1.0)

    return checked


def _area(nodes: Array, mass: Array, law: Callable[[Array], Array]) -> float:
    """The integral of |F - G| for the cdf of nodes and a law's."""
    low, high = _support(law, float(nodes[0]), float(nodes[-1]), _width(nodes))
    places = np.unique(np.concatenate([[low], nodes, [high], np.linspace(low, high, 257)]))
    values = law(places)
    while True:
        gaps, rises = np.diff(places), np.clip(np.diff(values), 0.0, None)
        if float((gaps * rises).sum()) <= 2 * ACCURACY * (high - low) or len(places) > 2**20:
            break
        worth = gaps * rises
        split = np.flatnonzero(worth > 0.25 * worth.max())
        middle = (places[split] + places[split + 1]) / 2
        places = np.insert(places, split + 1, middle)
        values = np.insert(values, split + 1, law(middle))
    constant = np.concatenate([[0.0], mass])[np.searchsorted(nodes, places[:-1], side="right")]
    ends = values[:-1] - constant, values[1:] - constant
    same = ends[0] * ends[1] >= 0
    span = np.where(np.abs(rises) > 0, rises, 1.0)
    straight = np.where(same, np.abs(ends[0] + ends[1]) / 2, (ends[0] ** 2 + ends[1] ** 2) / (2 * span))
    return float((gaps * straight).sum())


def _width(nodes: Array) -> float:
    """By what an interval that does not hold a law is made longer at first."""
    return max(float(nodes[-1] - nodes[0]), 1e-3 * float(np.abs(nodes).max()), 1e-300)


def _support(law: Callable[[Array], Array], low: float, high: float, width: float) -> tuple[float, float]:
    """An interval that holds the nodes and all but the tails of the law."""
    for _ in range(60):
        below, above = law(np.array([low, high]))
        if below <= _TAIL and above >= 1.0 - _TAIL:
            return low, high
        low, high = low - width * (below > _TAIL), high + width * (above < 1.0 - _TAIL)
        width *= 2
    raise ValueError("other must be a cdf that rises from 0 to 1, got one that does not reach them.")
