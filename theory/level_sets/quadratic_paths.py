r"""Descending and connecting paths of networks of quadratic units, at the least widths at which they exist.

Conventions: outputs sum_j u_j (w_j . x)^2 = x'A x, n inputs, p units, parameters in the flat layout of an ``Mlp`` of
widths (n, p, 1) without biases. The loss may be any convex function of the symmetric matrix A.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from theory.level_sets.parameter_path import ParameterPath
from theory.level_sets.quadratic_frames import QuadraticUnits, Walk, binary_exponent, to_frame
from theory.level_sets.quadratic_tracking import assign, follow_segment, turn_towards
from theory.real_arrays import positive_integer, real_array, symmetric_matrix

__all__ = ["output_matrix", "quadratic_descent", "quadratic_path"]

Matrix = NDArray[np.float64]
_ROUNDING = 1e-15  # eigenvalues below this share of the sum of |u| |w|^2 are not told from 0
_LARGEST = 500  # binary exponent of |u|^(1/2) |w|, the square of which A has


def output_matrix(parameter: Any, inputs: int) -> Matrix:
    """Return A, for which the outputs are x'A x.

    Raises:
        TypeError: If ``inputs`` is no integer.
        ValueError: If no number of units has a parameter of that length, or A reaches 2^1000.

    Examples:
        >>> output_matrix([1.0, 1.0, 2.0], 2)  # one unit, w = (1, 1), u = 2
        array([[2., 2.],
               [2., 2.]])
    """
    return _read("parameter", parameter, inputs).matrix


def quadratic_descent(start: Any, target: Any, inputs: int) -> ParameterPath:
    r"""Lead a quadratic network of p >= n units to a global minimiser, never uphill.

    **Proof**, which is the algorithm. First to a frame, with A constant
    (`theory.level_sets.quadratic_frames.to_frame`); then along factors of A(t) = (1 - t) A + t A*
    (`theory.level_sets.quadratic_tracking.follow_segment`). A loss that is convex in A and least at A* does not rise on
    the segment: from any point of it on, it is at most the mean of its value there and the least one, weighted by the
    way that is left. So at p >= n there is no spurious valley, whatever the data. At p = n - 1 there is
    (`theory.quadratic_valley`).

    Args:
        start: A flat parameter; the width is read off its length.
        target: A*, symmetric, n x n; for example a minimiser of the loss.
        inputs: n.

    Returns:
        A path from the start to a parameter with A = A*, up to a few eps times the larger of |A*| and the sum of
        |u_j| |w_j|^2 at the start, whatever their scale.

    Raises:
        TypeError: If ``inputs`` is no integer.
        ValueError: If shapes do not fit, there are fewer units than inputs, or a matrix reaches 2^1000.

    Examples:
        >>> path = quadratic_descent([1, 0, 0, 1, 1, 1], [[0, 1], [1, 0]], 2)  # from A = 1
        >>> bool(abs(output_matrix(path.end, 2) - [[0, 1], [1, 0]]).max() < 1e-14)
        True
    """
    units = _read("start", start, inputs)
    goal = symmetric_matrix("target", target)
    if goal.shape != (inputs, inputs):
        raise ValueError(f"target must be a matrix of shape {(inputs, inputs)}, got {goal.shape}.")
    if len(units.outer) < inputs:
        raise ValueError(f"width must be at least the number {inputs} of inputs, got {len(units.outer)}.")
    height = binary_exponent(goal)
    if height > 2 * _LARGEST:
        raise ValueError(f"target must be below 2^{2 * _LARGEST}, got an entry of 2^{height - 1}.")
    power = max(units.exponent, (height + 1) // 2)
    walk = to_frame(units)
    inside = Walk(walk.now.rescaled(-power))
    follow_segment(inside, np.ldexp(goal, -2 * power))
    walk.append(inside.rescaled(power))
    return walk.path()


def quadratic_path(start: Any, end: Any, inputs: int) -> ParameterPath:
    r"""Connect two quadratic networks of p >= n + 1 units; no convex loss exceeds the larger end.

    **Proof**, which is the algorithm. Lead both ends to frames, with A constant. Follow the segment from A to B, the
    matrix of the other end: a convex loss stays below the larger end. Now there are two sets of factors of B.

    - At most n of the p units have a column other than 0, so one at least is free, and may have either sign.
    - M_+ and the M_+ of the end differ by an orthogonal matrix, which together with the free column can be taken to be
      a rotation. The same for M_-, with the same free unit.
    - A free unit j can take over from any other one, i: give it the sign of i, then turn (w_i, 0) by a quarter circle
      to (0, w_i). Then i is free. With one free place all permutations can be had.

    At p = n the last two steps may fail: the global minima may have several components
    (`theory.quadratic_minima_at_equal_width`).

    Args:
        start: A flat parameter; the width is read off its length.
        end: Another one.
        inputs: n.

    Returns:
        The path. Rounding adds to A a few eps times the larger sum of |u_j| |w_j|^2 of both ends, whatever its scale.

    Raises:
        TypeError: If ``inputs`` is no integer.
        ValueError: If shapes do not fit, there are not more units than inputs, or a matrix A reaches 2^1000.

    Examples:
        >>> path = quadratic_path([1, 0, 2, 0], [-1, 0, 2, 0], 1)  # two units of one input: w = 1 and w = -1
        >>> matrices = [output_matrix(theta, 1) for theta in path.sample(8)]
        >>> bool(abs(np.array(matrices) - 2).max() < 1e-14)
        True
    """
    first = _read("start", start, inputs)
    units = len(first.outer)
    last = QuadraticUnits.read("end", end, inputs, units)
    _representable("end", last)
    if units <= inputs:
        raise ValueError(f"width must exceed the number {inputs} of inputs, got {units}.")
    power = max(first.exponent, last.exponent)
    there, back = to_frame(first), to_frame(last)
    walk, other = (Walk(end.now.rescaled(-power)) for end in (there, back))
    _exact_frame(other, float((np.ldexp(last.parts, -power) ** 2).sum()))
    follow_segment(walk, other.now.matrix)
    _match(walk, other.now)
    there.append(walk.rescaled(power))
    back.append(other.rescaled(power))
    return there.path().then(back.path().reversed())


def _exact_frame(walk: Walk, size: float) -> None:
    """Walk from a frame to the eigenvectors themselves, at most n columns, without what is rounding."""
    values, vectors = np.linalg.eigh(walk.now.matrix)
    scaled = vectors * np.sqrt(abs(values))
    kept = [scaled[:, sign * values > _ROUNDING * size] for sign in (1.0, -1.0)]
    assign(walk, kept[0].shape[1], kept[1].shape[1])
    for sign, group in zip((1.0, -1.0), kept, strict=True):
        places = np.flatnonzero(walk.now.outer == sign)
        goal = np.zeros((len(values), len(places)))
        goal[:, : group.shape[1]] = group
        if group.size and len(places) == group.shape[1]:  # no column of 0: the eigenvectors' signs make it a rotation
            left, _, right = np.linalg.svd(walk.now.columns[:, places].T @ goal)
            goal[:, -1] *= np.sign(np.linalg.det(left @ right))
        turn_towards(walk, places, goal)


def _match(walk: Walk, goal: QuadraticUnits) -> None:
    """Walk from factors of a matrix to others of it, given as a frame."""
    active = (goal.columns != 0).any(axis=0)
    wanted = [np.flatnonzero(active & (goal.outer == sign)) for sign in (1.0, -1.0)]
    spare = len(goal.outer) - int(active.sum())
    holds = np.full(len(goal.outer), -1)  # which unit of the goal each unit stands for
    for place, sign in enumerate((1.0, -1.0)):
        sizes = [len(group) for group in wanted]
        sizes[place] += min(spare, 1)
        assign(walk, *sizes)
        places = np.flatnonzero(walk.now.outer == sign)
        columns = np.zeros((len(goal.columns), len(places)))
        columns[:, : len(wanted[place])] = goal.columns[:, wanted[place]]
        turn_towards(walk, places, columns)
        # who was where is read off afterwards, as the second sign may take a free unit from the first
        holds[places] = -1
        holds[places[: len(wanted[place])]] = wanted[place]
    _permute(walk, holds)
    walk.straight(outer=goal.outer)


def _permute(walk: Walk, holds: NDArray[np.intp]) -> None:
    """Bring every unit to its place, through free places."""
    while misplaced := [place for place, unit in enumerate(holds) if unit >= 0 and unit != place]:
        free = [place for place, unit in enumerate(holds) if unit < 0]
        homes = [(place, holds[place]) for place in misplaced if holds[place] in free]
        source, hole = homes[0] if homes else (misplaced[0], free[0])
        outer = walk.now.outer.copy()
        outer[hole] = outer[source]
        walk.straight(outer=outer)
        columns = walk.now.columns.copy()
        columns[:, hole], columns[:, source] = columns[:, source], 0.0
        walk.turn(np.array([source, hole]), np.array([[0.0, 1.0], [-1.0, 0.0]]))
        walk.straight(columns=columns)
        holds[hole], holds[source] = holds[source], -1


def _read(name: str, parameter: Any, inputs: int) -> QuadraticUnits:
    inputs = positive_integer("inputs", inputs)
    flat = real_array(name, parameter)
    units, rest = divmod(flat.size, inputs + 1)
    if rest or units < 1:
        raise ValueError(f"{name} must have {inputs + 1} parameters per unit, got {flat.size} parameters.")
    read = QuadraticUnits.read(name, flat, inputs, units)
    _representable(name, read)
    return read


def _representable(name: str, units: QuadraticUnits) -> None:
    if units.exponent > _LARGEST:
        raise ValueError(f"{name} must have an output matrix below 2^{2 * _LARGEST}, got a larger one.")
