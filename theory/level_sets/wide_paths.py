r"""Connecting paths for two-layer networks of any activation with twice as many units as data.

Conventions: outputs V f(W x + b) + c on N inputs, p hidden units, any continuous activation f; the loss is any convex
function of the N outputs. Parameters are in the flat layout of an ``Mlp`` of widths (inputs, p, outputs).
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from theory.level_sets.disjoint_units import HiddenUnits, crossing
from theory.level_sets.parameter_path import ParameterPath, polygon
from theory.real_arrays import positive_integer, real_array, truth_value

__all__ = ["inputs_matrix", "network_sizes", "wide_path"]

Matrix = NDArray[np.float64]


def wide_path(
    x: Any, start: Any, end: Any, *, activation: Callable[[Matrix], Matrix], outputs: int = 1, bias: bool = False
) -> ParameterPath:
    r"""Connect two networks by a path on which no convex loss of the outputs exceeds the larger end.

    It exists at every width p >= 2 N, whatever the activation. **Proof**, which is the algorithm. Let F be the N x p
    matrix of features f(W x_k + b).

    1. *Thin out.* F has rank r <= N: choose r independent columns, S, and write the others as F_rest = F_S C. Move
       the outer weights straight to V_S + V_rest C' on S and 0 elsewhere: the outputs V F' are constant. So at most N
       units have outer weights other than 0.
    2. Do the same at the other end, and cross over disjoint sets of units as in
       `theory.level_sets.disjoint_units.crossing`: there is room, since N + N <= p.

    Less width does if the ranks of the two feature matrices have a sum of at most p. Below that this path does not
    exist, which says nothing about others. The columns are chosen by a pivoted QR decomposition, whose triangular
    solve leaves residuals of a few eps of the largest feature however small the smallest pivot is.

    Args:
        x: Inputs, shape (N, inputs).
        start: A flat parameter; the width is read off its length.
        end: Another one.
        activation: Elementwise, from an array to an array of the same shape.
        outputs: The number of outputs.
        bias: Whether both layers have biases.

    Returns:
        A polygon of at most 7 segments.

    Raises:
        TypeError: If the activation is no function of numpy arrays, or ``outputs`` or ``bias`` are of another type.
        ValueError: If shapes do not fit, the activation does not give finite numbers of the same shape, or the width
            is less than the sum of the two ranks.

    Examples:
        >>> path = wide_path([[1.0]], [1, 2, 1, 0], [3, -1, 0, 2], activation=np.tanh)
        >>> outputs = [theta[2:] @ np.tanh(theta[:2]) for theta in path.sample(4)]
        >>> float(min(outputs)), float(max(outputs))  # from tanh 1 to -2 tanh 1, without a detour
        (-1.5231883119115297, 0.7615941559557649)

    References:
        Venturi, Bandeira and Bruna (2019), arXiv:1802.06384, for width >= N and no spurious valleys.
    """
    rows = inputs_matrix(x)
    sizes = network_sizes(start, rows.shape[1], outputs, bias)
    ends = [HiddenUnits.read(name, value, sizes, bias) for name, value in (("start", start), ("end", end))]
    thin = [_thinned(units, _features(rows, units, activation)) for units in ends]
    corners = [ends[0], thin[0], *crossing(*thin), ends[1]]
    return polygon(units.flat() for units in corners)


def inputs_matrix(x: Any) -> Matrix:
    """Read the inputs, shape (N, inputs).

    Raises:
        ValueError: If they have another shape or are not finite.
    """
    rows = real_array("x", x)
    if rows.ndim != 2 or not rows.size:
        raise ValueError(f"x must be finite numbers of shape (batch, inputs), got the shape {rows.shape}.")
    return rows


def network_sizes(parameter: Any, inputs: int, outputs: int, bias: bool) -> tuple[int, int, int]:
    """Return (inputs, units, outputs), the units from the length of a parameter.

    Raises:
        TypeError: If ``outputs`` is no integer or ``bias`` is not True or False.
        ValueError: If ``outputs`` is < 1 or no number of units has that length.
    """
    outputs, bias = positive_integer("outputs", outputs), truth_value("bias", bias)
    size = real_array("start", parameter).size
    length = size - outputs * bias
    units, rest = divmod(length, inputs + outputs + bias)
    if rest or units < 1:
        raise ValueError(
            f"start must have {inputs + outputs + bias} parameters per unit"
            f"{f' and {outputs} biases of the outputs' if bias else ''}, got {size} parameters."
        )
    return inputs, units, outputs


def _features(rows: Matrix, units: HiddenUnits, activation: Callable[[Matrix], Matrix]) -> Matrix:
    inputs = rows if units.offset is None else np.hstack([rows, np.ones((len(rows), 1))])
    before = inputs @ units.first.T
    try:
        after = np.asarray(activation(before), dtype=np.float64)
    except TypeError as error:
        raise TypeError(f"activation must be a function of numpy arrays, got {activation!r}.") from error
    if after.shape != before.shape or not np.isfinite(after).all():
        raise ValueError(
            f"activation must return finite numbers of the shape {before.shape}, got {after.shape}"
            f"{'' if np.isfinite(after).all() else ' with numbers that are not finite'}."
        )
    return after


def _thinned(units: HiddenUnits, features: Matrix) -> HiddenUnits:
    """Step 1: the same outputs from independent columns of the features."""
    _, triangle, order = scipy.linalg.qr(features, mode="economic", pivoting=True)
    pivots = abs(np.diag(triangle))
    rank = int((pivots > max(features.shape) * np.finfo(float).eps * pivots[0]).sum())
    kept, rest = order[:rank], order[rank:]
    mixture = scipy.linalg.solve_triangular(triangle[:rank, :rank], triangle[:rank, rank:])
    outer = np.zeros_like(units.outer)
    outer[:, kept] = units.outer[:, kept] + units.outer[:, rest] @ mixture.T
    return HiddenUnits(units.first, outer, units.offset)
