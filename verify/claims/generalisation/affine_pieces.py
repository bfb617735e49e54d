"""All regions on which a ReLU network with two hidden layers is affine, and the rank of its derivatives on all of them.

On a region the network is affine in the inputs and so is its derivative by every parameter: inputs + 1 points tell all
of it, wherever they lie. Regions are found at their corners, where as many units switch as there are inputs: beside a
corner each of these units is on or off, in every combination. Every region has a corner if the first layer has at least
as many units as there are inputs.
"""

from itertools import combinations, product
from typing import Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]
Layers = tuple[tuple[Array, Array], tuple[Array, Array], tuple[Array, Array]]
"""Weights (units, fan-in) and biases of the two hidden layers and the output."""

PARALLEL: Final = 1e-9
"""Hyperplanes whose unit normals span less volume than this have no corner: behind a layer that is nearly switched off
normals depend on each other, and their determinant is rounding, 1e-16."""


def activation_patterns(layers: Layers) -> tuple[Flags, Flags]:
    """Which units are on, region by region.

    Args:
        layers: In general position, with at least as many units in the first layer as inputs.

    Returns:
        One row a region for each hidden layer, all pairs of rows different.
    """
    (first, shift), (second, bias), _ = layers
    inputs, units = first.shape[1], len(first)
    either = np.array(list(product((False, True), repeat=inputs)))
    chosen, crossed, corners = _corners(first, shift)
    on = np.repeat((corners @ first.T + shift > 0)[:, None], len(either), axis=1)
    np.put_along_axis(on, np.broadcast_to(chosen[:, None], (len(chosen), *either.shape)), either[None], axis=2)
    cells = _different(on[crossed].reshape(-1, units))

    within, moved = (cells[:, None] * second) @ first, (cells[:, None] * second) @ shift + bias
    planes = np.concatenate([np.broadcast_to(first, (len(cells), *first.shape)), within], axis=1)
    shifts = np.concatenate([np.broadcast_to(shift, (len(cells), units)), moved], axis=1)
    chosen, crossed, corners = _corners(planes, shifts)
    side = corners @ planes.mT + shifts[:, None] > 0
    switching = np.zeros((len(chosen), planes.shape[1]), dtype=bool)
    np.put_along_axis(switching, chosen, True, axis=1)
    crossed = crossed & ((side[..., :units] == cells[:, None]) | switching[:, :units]).all(axis=-1)
    cell, corner = np.nonzero(crossed)
    both = []
    for values in product((False, True), repeat=len(second)):
        free = switching[corner, units:]
        both.append(np.hstack([cells[cell], np.where(free, np.array(values), side[cell, corner, units:])]))
    found = _different(np.concatenate(both))
    return found[:, :units], found[:, units:]


def rank_everywhere(layers: Layers, patterns: tuple[Flags, Flags], *, tolerance: float) -> tuple[int, float, float]:
    """The number of linearly independent derivatives of the one output by the parameters, over the whole input space.

    Args:
        layers: As for ``activation_patterns``, with a single output.
        patterns: The regions, from there.
        tolerance: Below this share of the largest a singular value counts as 0.

    Returns:
        The rank, the least singular value that counts and the largest that does not, both over the largest.
    """
    rows = _derivatives(layers, *patterns)
    lengths = np.linalg.norm(rows, axis=0)
    triangle = np.linalg.qr(rows / np.where(lengths > 0, lengths, 1), mode="r")
    values = np.linalg.svd(triangle, compute_uv=False)
    values = values / values[0]
    rank = int((values > tolerance).sum())
    return rank, float(values[rank - 1]), float(values[rank]) if rank < len(values) else 0.0


def _different(rows: Flags) -> Flags:
    """The rows without repetitions, read as binary numbers."""
    _, places = np.unique(rows @ 2 ** np.arange(rows.shape[1]), return_index=True)
    return rows[places]


def _corners(planes: Array, shifts: Array) -> tuple[NDArray[np.intp], Flags, Array]:
    """Where as many hyperplanes meet as there are inputs: which, whether they do, and the point."""
    inputs = planes.shape[-1]
    chosen = np.array(list(combinations(range(planes.shape[-2]), inputs)))
    normals, right = planes[..., chosen, :], -shifts[..., chosen]
    crossed = np.abs(np.linalg.det(normals)) > PARALLEL * np.linalg.norm(normals, axis=-1).prod(axis=-1)
    normals = np.where(crossed[..., None, None], normals, np.eye(inputs))
    corners: Array = np.linalg.solve(normals, right[..., None])[..., 0].astype(np.float64)
    return chosen, np.asarray(crossed, dtype=np.bool_), corners


def _derivatives(layers: Layers, first_on: Flags, second_on: Flags) -> Array:
    """Derivatives of the output by all parameters, at inputs + 1 points for every region as if they lay in it."""
    (first, shift), (second, bias), (last, _) = layers
    inputs = first.shape[1]
    x = np.vstack([np.zeros(inputs), np.eye(inputs)])
    hidden = first_on[:, None] * (x @ first.T + shift)
    deeper = second_on[:, None] * (hidden @ second.T + bias)
    to_second = np.repeat((second_on * last[0])[:, None], len(x), axis=1)
    to_first = first_on[:, None] * (to_second @ second)
    by_first = to_first[..., None] * x[:, None]
    by_second = to_second[..., None] * hidden[..., None, :]
    pieces = (by_first, to_first, by_second, to_second, deeper, np.ones((*deeper.shape[:2], 1)))
    rows = len(first_on) * len(x)
    return np.concatenate([piece.reshape(rows, -1) for piece in pieces], axis=1)
