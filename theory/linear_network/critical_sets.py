r"""Every set of critical points of a linear network with one hidden layer, certified for the data as given.

Conventions: samples are rows, as data come; outputs of a sample x are W2 W1 x, the loss is the sum of squared residuals
over 2m for m samples, the energy is epsilon = L/n2. Directions are the singular directions of (1/m) Y X' Sxx^(-1/2),
Sxx = XX'/m with the samples in the columns of X; data are generic if its p = min(n0, n2) singular values are distinct
and not 0. The counts are derived in `critical_set_index`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import flint
import numpy as np
from numpy.typing import NDArray

from theory.ball import Ball
from theory.certified_precision import ball_from_arb, check_digits, dyadic
from theory.exact_numbers import exact_number
from theory.linear_network.critical_table import PrincipalFactors, principal_directions

__all__ = ["CriticalSet", "critical_points"]

_MAX_DIRECTIONS = 16


@dataclass(frozen=True)
class CriticalSet:
    """All critical points of a linear two-layer network that fit the same principal directions of the data.

    Args:
        directions: Which, counted from 0 in the order of decreasing singular value.
        energy: L/n2 there, as a certified ball.
        index: The number of negative eigenvalues of the Hessian.
        zero_modes: The number of zero eigenvalues, which is the dimension of the set.
        minimum: Whether these are the global minima; all others are saddles.
        factors: From which points are made, shared by all sets of one network.
    """

    directions: tuple[int, ...]
    energy: Ball
    index: int
    zero_modes: int
    minimum: bool
    factors: PrincipalFactors = field(repr=False, compare=False)

    @property
    def weights(self) -> NDArray[np.float64]:
        """A point of the set in double precision, flat: W1 row by row, then W2 row by row; read-only."""
        return self.factors.weights(self.directions)


def critical_points(x: Any, y: Any, hidden: int, *, digits: int = 20) -> tuple[CriticalSet, ...]:
    r"""Return every set of critical points of a linear network with one hidden layer, least energy first.

    With s_i the singular values of (1/m) Y X' Sxx^(-1/2), Sxx = XX'/m, and p = min(n0, n2), the critical sets are the
    sets I of at most min(n1, p) directions, and

    .. math:: \epsilon_I = \frac{\operatorname{tr} YY'/m - \sum_{i \in I} s_i^2}{2 n_2}, \quad
              \mathrm{index}_I = (n_1 - r)(p - r) + \#\{i \in I, j \notin I: s_j > s_i\}, \quad
              \mathrm{nullity}_I = n_1^2 - (n_1 - r)^2 + (n_1 - r) |n_0 - n_2|, \quad r = |I|.

    Args:
        x: Inputs, samples x n0; numbers as `exact_number` reads them, an array as the binary numbers it holds.
        y: Targets, samples x n2.
        hidden: The width n1 of the hidden layer, at least 1.
        digits: Digits of the energies.

    Returns:
        One record per set of directions: 2^p of them if the hidden layer is as wide as p.

    Raises:
        ValueError: If shapes do not fit, a number is not finite, the inputs have not full column rank, p exceeds 16, or
            two singular values are equal or one is zero (then the critical sets are larger families), or so close to
            it that double precision finds no point of the set.

    Examples:
        >>> sets = critical_points([[1, 0], [0, 1], [1, 1]], [[2, 0], [0, 1], [2, 1]], hidden=2)
        >>> [(critical.directions, critical.index, critical.zero_modes) for critical in sets]
        [((0, 1), 0, 4), ((0,), 1, 3), ((1,), 2, 3), ((), 4, 0)]

    References:
        Baldi and Hornik (1989), Neural networks and principal component analysis, for the sets and that all but the
        first are saddles; `critical_set_index` for the counts.
    """
    if isinstance(hidden, bool) or not isinstance(hidden, int) or hidden < 1:
        raise ValueError(f"hidden must be an integer >= 1, got {hidden!r}.")
    digits = check_digits(digits)
    inputs, targets = _rational_rows("x", x), _rational_rows("y", y)
    if len(inputs) != len(targets):
        raise ValueError(f"x and y must have one row per sample, got {len(inputs)} and {len(targets)} rows.")
    samples, n0, n2 = len(inputs), len(inputs[0]), len(targets[0])
    directions = min(n0, n2)
    if directions > _MAX_DIRECTIONS:
        raise ValueError(f"min(inputs, outputs) must be <= {_MAX_DIRECTIONS}, got {directions}: there are 2^p sets.")
    columns, wanted = flint.fmpq_mat(inputs), flint.fmpq_mat(targets)
    gram = columns.transpose() * columns
    if gram.rank() < n0:
        raise ValueError(f"x must have full column rank {n0}, got rank {gram.rank()}.")
    cross = columns.transpose() * wanted
    explained = cross.transpose() * gram.inv() * cross / samples
    total = sum((wanted[row, column] ** 2 for row in range(samples) for column in range(n2)), flint.fmpq(0)) / samples
    outer = flint.ctx.prec
    try:
        flint.ctx.prec = int(3.33 * digits) + 64
        squares = _leading_eigenvalues(explained, directions)
        _, factors, _ = principal_directions(_floats(inputs), _floats(targets), hidden)
        sets = []
        for rank in range(min(hidden, directions) + 1):
            for chosen in combinations(range(directions), rank):
                left = [j for j in range(directions) if j not in chosen]
                energy = (flint.arb(total) - sum((squares[i] for i in chosen), flint.arb(0))) / (2 * n2)
                order = sum(1 for i in chosen for j in left if j < i)
                sets.append(
                    CriticalSet(
                        chosen,
                        ball_from_arb(energy, digits),
                        (hidden - rank) * (directions - rank) + order,
                        hidden**2 - (hidden - rank) ** 2 + (hidden - rank) * abs(n0 - n2),
                        chosen == tuple(range(min(hidden, directions))),
                        factors,
                    )
                )
    finally:
        flint.ctx.prec = outer
    return tuple(sorted(sets, key=lambda critical: critical.energy.midpoint))


def _leading_eigenvalues(matrix: flint.fmpq_mat, count: int) -> list[flint.arb]:
    """The largest eigenvalues of a rational symmetric matrix: the isolated roots of its characteristic polynomial."""
    roots: Any = matrix.charpoly().complex_roots()  # all real, the matrix being symmetric
    # by exact midpoints: as floats they might be zero or infinite, and isolated roots in no order
    values = sorted(
        ((root.real, multiplicity) for root, multiplicity in roots),
        key=lambda pair: dyadic(pair[0].mid()),
        reverse=True,
    )
    leading = values[:count]
    if any(multiplicity > 1 for _, multiplicity in leading) or len(leading) < count:
        raise ValueError("x and y must have distinct singular values, got two that are equal.")
    if any(not (value > 0) for value, _ in leading):
        raise ValueError("x and y must have non-zero singular values, got one that is zero.")
    return [value for value, _ in leading]


def _floats(rows: list[list[flint.fmpq]]) -> NDArray[np.float64]:
    return np.array([[int(entry.p) / int(entry.q) for entry in row] for row in rows])


def _rational_rows(name: str, rows: Any) -> list[list[flint.fmpq]]:
    try:
        array = np.asarray(rows) if hasattr(rows, "__array__") else np.array(rows, dtype=object)
    except (ValueError, RuntimeError) as error:  # ragged rows, or a tensor that is part of a graph
        raise ValueError(f"{name} must hold real numbers in equal rows, got {type(rows).__name__}.") from error
    if isinstance(rows, np.ma.MaskedArray):
        raise ValueError(f"{name} must hold real numbers in equal rows, got an array with a mask.")
    table: Sequence[Sequence[object]] = [list(row) for row in array] if array.ndim == 2 else []
    if not table or not table[0]:
        raise ValueError(f"{name} must be a table of samples x features, got the shape {array.shape}.")
    binary = array.dtype.kind == "f"
    result = []
    for row in table:
        exact = [exact_number(name, np.float64(entry) if binary else entry) for entry in row]  # type: ignore[arg-type]
        if not all(entry.is_Rational for entry in exact):
            raise ValueError(f"{name} must hold rational numbers, got {row}.")
        result.append([flint.fmpq(int(entry.p), int(entry.q)) for entry in exact])
    return result
