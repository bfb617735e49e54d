r"""Paths between two ReLU networks by merging close units: their excess falls with the width.

Conventions: outputs sum_j a_j relu(w_j . x + b_j) + c, one or several outputs, m hidden units, parameters in the flat
layout of an ``Mlp`` of widths (inputs, m, outputs). The excess of a path is its largest loss less that of its larger
end. Here u_j = |a_j| (w_j, b_j).
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from theory.level_sets.disjoint_units import HiddenUnits, crossing
from theory.level_sets.parameter_path import ParameterPath, polygon
from theory.level_sets.wide_paths import network_sizes
from theory.real_arrays import positive_integer, real_array

__all__ = ["merging_path"]

Matrix = NDArray[np.float64]
_WELL_DETERMINED = 1e-2  # of the largest singular value of the features


def merging_path(
    start: Any, end: Any, inputs: int, *, bias: bool = False, refit: tuple[Any, Any] | None = None
) -> ParameterPath:
    r"""Connect two scalar ReLU networks by merging each into half of its units and crossing on disjoint halves.

    **Merging.** Two units with outer weights a of one sign and u_1 = |a_1| w_1, u_2 = |a_2| w_2 become one with
    u_1 + u_2 along u_1 + t u_2, (1 - t) u_2, 0 <= t <= 1. Where both are active, or both silent, relu is linear and the
    output is constant; elsewhere it moves by at most t min(|u_1 . x|, |u_2 . x|), which is at most |u_1| |u_2| theta
    |x|/(|u_1| + |u_2|) up to a factor, theta their angle, on inputs x in the wedge between the two hyperplanes. So the
    outputs move, but little for units that are close: for u_1, u_2 of length 1 and standard normal inputs by
    sqrt(2/pi) (1 - cos(theta/2)) on average at the end (`theory.level_sets.bisector.merging_change`).

    **Which.** Greedily, the pair of one sign with the least |u_1| + |u_2| - |u_1 + u_2|, which is
    |u_1| |u_2| theta^2/(2 (|u_1| + |u_2|)) to leading order, until at most half of the units are left. Among m units
    of bounded size in dimension n there are pairs at a distance of order m^(-1/(n-1)) on the sphere, so that the excess
    falls with m.

    **Crossing.** With floor(m/2) units each, the supports are disjoint after the moves of
    `theory.level_sets.disjoint_units.crossing`, and the outputs run straight: a convex loss stays below the larger of
    its values at the two merged networks. So the excess is that of the two mergings.

    **Refitting.** With data, after every merging the outer weights move straight to a least squares fit with the
    features as they are (truncated to the directions that these determine well), along which the sum of squares cannot
    rise.

    Args:
        start: A flat parameter; the width is read off its length.
        end: Another one.
        inputs: The number of inputs of the network.
        bias: Whether both layers have biases.
        refit: Data (x, y) for least squares, x of shape (N, inputs), y of shape (N,); None merges without data.

    Returns:
        A polygon.

    Raises:
        TypeError: If ``inputs`` is no integer or ``bias`` is not True or False.
        ValueError: If shapes do not fit.

    Examples:
        >>> start = [1, 1, 2, 2, 1, 1, 1, 1]  # four units of scalar inputs, relu(w x): all on one side
        >>> path = merging_path(start, [3, 3, 1, 1, 1, 1, 0, 0], 1)
        >>> outputs = [theta[4:] @ np.maximum(theta[:4], 0) for theta in path.sample(4)]
        >>> [float(value) for value in (min(outputs), max(outputs))]
        [6.0, 6.0]

    References:
        Freeman and Bruna (2017), arXiv:1611.01540, theorem 2.4.
    """
    inputs = positive_integer("inputs", inputs)
    sizes = network_sizes(start, inputs, 1, bias)
    data = None if refit is None else _data(refit, inputs, bias)
    ends = [HiddenUnits.read(name, value, sizes, bias) for name, value in (("start", start), ("end", end))]
    there, back = (_merged(units, data) for units in ends)
    corners = [*there, *crossing(there[-1], back[-1]), *back[::-1]]
    return polygon(units.flat() for units in corners)


def _merged(units: HiddenUnits, data: tuple[Matrix, Matrix] | None) -> list[HiddenUnits]:
    """The corners of merging down to half of the units; merged ones get the weights 0."""
    first, outer, offset = units.first.copy(), units.outer.copy(), units.offset
    corners = [units]
    cost = _costs(first, outer)
    while int(np.count_nonzero(outer)) > len(first) // 2:
        kept, dropped = _closest(cost, first, outer)
        if np.sign(outer[0, kept]) == np.sign(outer[0, dropped]):  # else none is left of one sign: shrink the smallest
            first[kept] += abs(outer[0, dropped] / outer[0, kept]) * first[dropped]
        first[dropped] = 0.0
        corners.append(HiddenUnits(first.copy(), outer.copy(), offset))
        outer[0, dropped] = 0.0
        corners.append(HiddenUnits(first.copy(), outer.copy(), offset))
        if data is None:
            row = _costs(first, outer, kept)
            cost[kept, :], cost[:, kept], cost[dropped, :], cost[:, dropped] = row, row, np.inf, np.inf
        else:
            outer, offset = _refitted(first, outer, offset, data)
            corners.append(HiddenUnits(first.copy(), outer.copy(), offset))
            cost = _costs(first, outer)
    return corners


def _costs(first: Matrix, outer: Matrix, unit: int | None = None) -> Matrix:
    """The cost of merging each pair, or each unit with a given one; infinite for pairs that cannot be merged."""
    vectors, signs = abs(outer[0])[:, None] * first, np.sign(outer[0])
    norms = np.linalg.norm(vectors, axis=1)
    rows = np.arange(len(first)) if unit is None else np.array([unit])
    squares = norms[rows, None] ** 2 + norms**2 + 2 * vectors[rows] @ vectors.T
    cost = norms[rows, None] + norms - np.sqrt(np.maximum(squares, 0.0))
    cost[(signs[rows, None] * signs <= 0) | (rows[:, None] == np.arange(len(first)))] = np.inf
    return np.asarray(cost if unit is None else cost[0])


def _closest(cost: Matrix, first: Matrix, outer: Matrix) -> tuple[int, int]:
    """The pair to merge, the longer unit first; the longest and the shortest one, if no two are of one sign."""
    norms = abs(outer[0]) * np.linalg.norm(first, axis=1)
    one, other = (int(place) for place in np.unravel_index(int(np.argmin(cost)), cost.shape))
    if np.isinf(cost[one, other]):
        active = np.flatnonzero(outer[0])
        order = active[np.argsort(norms[active])]
        return int(order[-1]), int(order[0])
    return (one, other) if norms[one] >= norms[other] else (other, one)


def _refitted(
    first: Matrix, outer: Matrix, offset: Matrix | None, data: tuple[Matrix, Matrix]
) -> tuple[Matrix, Matrix | None]:
    """Least squares for the outer weights of the active units, by the well-determined directions alone.

    The others would give large weights of both signs, which the mergings to come would pay for.
    """
    rows, targets = data
    active = np.flatnonzero(outer[0])
    features = np.maximum(rows @ first[active].T, 0.0)
    if offset is not None:
        features = np.hstack([features, np.ones((len(rows), 1))])
    now = outer[0, active] if offset is None else np.append(outer[0, active], offset)
    change = np.linalg.lstsq(features, targets - features @ now, rcond=_WELL_DETERMINED)[0]
    fitted = outer.copy()
    fitted[0, active] += change[: len(active)]
    return fitted, None if offset is None else offset + change[-1:]


def _data(refit: tuple[Any, Any], inputs: int, bias: bool) -> tuple[Matrix, Matrix]:
    if not isinstance(refit, tuple | list) or len(refit) != 2:
        raise ValueError(f"refit must be a pair (x, y), got {type(refit).__name__}.")
    rows, targets = real_array("refit[0]", refit[0]), real_array("refit[1]", refit[1])
    if rows.ndim != 2 or not rows.size or rows.shape[1] != inputs or targets.shape != (len(rows),):
        raise ValueError(
            f"refit must be finite data of shapes (batch, {inputs}) and (batch,), got {rows.shape} and {targets.shape}."
        )
    return (np.hstack([rows, np.ones((len(rows), 1))]) if bias else rows), targets
