r"""All critical sets of a linear network with one hidden layer at once, in double precision, with a point on each.

Conventions: as in `critical_sets`: samples are rows, outputs of a sample x are W2 W1 x, the loss is the sum of squared
residuals over 2m, the energy is L/n2, and s_1 > ... > s_p > 0, p = min(n0, n2), are the singular values of
(1/m) Y X' Sxx^(-1/2). With X = QR (m x n0) they are those of Q'Y/sqrt(m), which is how they are computed: the condition
of X enters once and not squared. Weights are flat, layer by layer, each row by row (output x input).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from theory.real_arrays import positive_integer, real_array

__all__ = ["CriticalTable", "critical_table"]

_MAX_DIRECTIONS = 16
_CRITICAL = 1e-6  # a gradient that is smaller than this part of what it could be is zero
_LEAST = 1e-280  # of the mean square of the targets: beyond it and its inverse double precision loses digits
_MAX_HIDDEN = 10**6
_RESOLVED = 1e-10  # of |Y|/sqrt(m): below it double precision tells singular values neither apart nor from 0


@dataclass(frozen=True, eq=False, repr=False)
class PrincipalFactors:
    """Weights that fit single directions, of which points of all critical sets are made.

    Args:
        readers: W1 with one unit for each of p directions, p x n0.
        writers: W2 for these units, n2 x p.
        hidden: The width n1 of the network.
        scale: Of the inputs, R/sqrt(m) for X = QR, n0 x n0.
        target: Of the map in whitened inputs, D = Y'Q/sqrt(m), n2 x n0.
    """

    readers: NDArray[np.float64]
    writers: NDArray[np.float64]
    hidden: int
    scale: NDArray[np.float64]
    target: NDArray[np.float64]

    def weights(self, kept: Sequence[int] | NDArray[np.intp]) -> NDArray[np.float64]:
        """Return flat weights that fit some directions, one hidden unit each, the others zero; read-only."""
        chosen = list(kept)
        first = np.zeros((self.hidden, self.readers.shape[1]))
        second = np.zeros((len(self.writers), self.hidden))
        first[: len(chosen)] = self.readers[chosen]
        second[:, : len(chosen)] = self.writers[:, chosen]
        point = np.concatenate([first.ravel(), second.ravel()])
        point.setflags(write=False)
        return point

    def relative_gradient(self, first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
        """Return how large the gradient is at W1 and W2, of what it could be: the larger of its two parts.

        With A = W1 R'/sqrt(m), B = W2 and E = B A - D these are E A' over |D| |A| and B' E over |B| |D|.
        """
        a, b = first @ self.scale.T, second
        rest = b @ a - self.target
        size = float(np.linalg.norm(self.target))
        sizes = [max(float(np.linalg.norm(part)), _CRITICAL * size**0.5) for part in (a, b)]  # at 0 all is rounding
        parts = (rest @ a.T, b.T @ rest)
        return max(float(np.linalg.norm(part) / (size * length)) for part, length in zip(parts, sizes, strict=True))


@dataclass(frozen=True, eq=False, repr=False)
class CriticalTable:
    """Sets of critical points of one linear network, one row per set.

    Args:
        chosen: Whether a set fits a direction, sets x p, directions in the order of decreasing singular value.
        singular_values: The p singular values, decreasing.
        energy: L/n2 of each set.
        index: The number of negative eigenvalues of the Hessian on each set.
        zero_modes: The number of zero eigenvalues on each set.
        sizes: (n0, n1, n2).
        target_power: Mean square of the targets, by which energies are divided in `relative_energy`.
        factors: From which points are made.
    """

    chosen: NDArray[np.bool_]
    singular_values: NDArray[np.float64]
    energy: NDArray[np.float64]
    index: NDArray[np.int64]
    zero_modes: NDArray[np.int64]
    sizes: tuple[int, int, int]
    target_power: float
    factors: PrincipalFactors

    @property
    def relative_energy(self) -> NDArray[np.float64]:
        """Energies over the mean square of the targets: 1/2 for the zero network."""
        return self.energy / self.target_power

    @property
    def alpha(self) -> NDArray[np.float64]:
        """The index as a fraction of all n1 (n0 + n2) eigenvalues."""
        inputs, hidden, outputs = self.sizes
        return self.index / (hidden * (inputs + outputs))

    def weights(self, row: int) -> NDArray[np.float64]:
        """Return a point of one critical set, n1 (n0 + n2) numbers; units beyond the chosen directions are zero.

        Raises:
            TypeError: If the row is no integer.
            ValueError: If there is no such row; they count from 0.
        """
        if isinstance(row, bool | np.bool_) or not isinstance(row, int | np.integer):
            raise TypeError(f"row must be an integer, got {row!r}.")
        if not 0 <= row < len(self):
            raise ValueError(f"row must be from 0 to {len(self) - 1}, got {row}.")
        return self.factors.weights(np.flatnonzero(self.chosen[row]))

    def fitted(self, weights: Any) -> NDArray[np.float64]:
        """Return how much of each direction some weights fit: 1 or 0 at a critical point, up to rounding.

        Args:
            weights: Flat weights, an array of shape (..., n1 (n0 + n2)).

        Returns:
            An array of shape (..., p).

        Raises:
            ValueError: If the last axis has another length.
        """
        first, second = self._layers(weights)
        inner = np.linalg.pinv(self.factors.writers) @ second @ first @ np.linalg.pinv(self.factors.readers)
        return np.diagonal(inner, axis1=-2, axis2=-1).copy()

    def row_of(self, weights: Any) -> int:
        """Return the row of the set that a critical point belongs to, from which directions it fits.

        Args:
            weights: Flat weights of one critical point, found to about six digits or better.

        Raises:
            ValueError: If the weights have another shape, the gradient is not zero there, or they fit a set that is
                not in the table.
        """
        first, second = self._layers(np.ravel(weights))
        gradient, shares = self.factors.relative_gradient(first, second), self.fitted(np.ravel(weights))
        wanted = shares > 0.5
        if not (gradient <= _CRITICAL and (abs(shares - wanted) < 0.1).all()):
            raise ValueError(
                f"weights must be a critical point of the linear network, got a gradient of {gradient:.3g} of what it "
                f"could be, and directions that are fitted by {np.round(shares, 3).tolist()}, not by 0 or 1."
            )
        found = np.flatnonzero((self.chosen == wanted).all(axis=1))
        if not len(found):
            raise ValueError(
                f"weights must be on a set of the table, got directions {np.flatnonzero(wanted).tolist()}."
            )
        return int(found[0])

    def _layers(self, weights: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Both weight matrices, each with the leading axes of the flat weights."""
        inputs, hidden, outputs = self.sizes
        flat = np.asarray(weights, dtype=np.float64)
        size = hidden * (inputs + outputs)
        if flat.ndim == 0 or flat.shape[-1] != size:
            raise ValueError(f"weights must have {size} numbers on the last axis, got the shape {flat.shape}.")
        first = flat[..., : hidden * inputs].reshape(*flat.shape[:-1], hidden, inputs)
        return first, flat[..., hidden * inputs :].reshape(*flat.shape[:-1], outputs, hidden)

    def __len__(self) -> int:
        return len(self.chosen)

    def __repr__(self) -> str:
        inputs, hidden, outputs = self.sizes
        return f"<CriticalTable of {len(self)} sets, {inputs}-{hidden}-{outputs}>"


def critical_table(x: Any, y: Any, hidden: int, chosen: Any = None) -> CriticalTable:
    r"""Return sets of critical points of a linear network in double precision: all of them, or those asked for.

    The formulas are those of `critical_points`, which certifies them for the numbers as given. Here 2^8 sets take
    less than a millisecond, and the sets of a network of width 800 can be asked for one by one.

    Args:
        x: Inputs, samples x n0, finite.
        y: Targets, samples x n2, finite.
        hidden: The width n1 of the hidden layer, from 1 to 10^6.
        chosen: Truth values, sets x p: which directions each set fits, at most n1 of them; in the order of decreasing
            singular value. None for all sets, least energy first, which allocates 2^p rows.

    Returns:
        One row per set.

    Raises:
        TypeError: If hidden is no integer.
        ValueError: If shapes do not fit, something is no finite real number, the inputs have not full column rank, all
            sets are asked for and p exceeds 16, the mean square of the targets is below 1e-280 or above 1e280, or two
            singular values differ by at most 10^-10 |Y|/sqrt(m) or one is as small as that (then the critical sets are
            larger families).

    Examples:
        >>> table = critical_table([[1, 0], [0, 1], [1, 1]], [[2, 0], [0, 1], [2, 1]], hidden=2)
        >>> table.index, table.zero_modes
        (array([0, 1, 2, 4]), array([4, 3, 3, 0]))
        >>> table.weights(3)
        array([0., 0., 0., 0., 0., 0., 0., 0.])
    """
    inputs, targets, hidden = _table("x", x), _table("y", y), positive_integer("hidden", hidden)
    if hidden > _MAX_HIDDEN:
        raise ValueError(f"hidden must be at most {_MAX_HIDDEN}, got {hidden}.")
    if len(inputs) != len(targets):
        raise ValueError(f"x and y must have one row per sample, got {len(inputs)} and {len(targets)} rows.")
    (samples, n0), n2 = inputs.shape, targets.shape[1]
    directions = min(n0, n2)
    values, factors, outside = principal_directions(inputs, targets, hidden)
    if chosen is None:
        if directions > _MAX_DIRECTIONS:
            raise ValueError(
                f"chosen must be given for min(inputs, outputs) > {_MAX_DIRECTIONS}, got {directions}: 2^p sets."
            )
        bits = np.arange(2**directions)[:, None] >> np.arange(directions) & 1
        masks = bits[bits.sum(1) <= hidden].astype(bool)
    else:
        masks = np.asarray(chosen)
        if masks.ndim != 2 or masks.dtype != np.bool_ or masks.shape[1] != directions:
            raise ValueError(
                f"chosen must hold truth values, sets x {directions}, got {masks.dtype} of shape {masks.shape}."
            )
        if len(masks) and (most := int(masks.sum(1).max())) > hidden:
            raise ValueError(f"chosen must hold at most hidden = {hidden} directions a set, got {most}.")
    energy = (outside / samples + (~masks) @ values**2) / (2 * n2)
    if chosen is None:
        order = np.argsort(energy, kind="stable")
        masks, energy = masks[order], energy[order]
    rank = masks.sum(1)
    left_before = np.cumsum(~masks, axis=1)  # of the larger singular values, how many are not fitted
    return CriticalTable(
        masks,
        values,
        energy,
        (hidden - rank) * (directions - rank) + (left_before * masks).sum(1),
        hidden**2 - (hidden - rank) ** 2 + (hidden - rank) * abs(n0 - n2),
        (n0, hidden, n2),
        float((targets**2).mean()),
        factors,
    )


def principal_directions(
    inputs: NDArray[np.float64], targets: NDArray[np.float64], hidden: int
) -> tuple[NDArray[np.float64], PrincipalFactors, float]:
    """Factor the least-squares map into its principal directions.

    Returns:
        The p singular values, balanced weights that fit all directions, and the sum of squares of the targets
        outside the column space of the inputs.

    Raises:
        ValueError: If the inputs have not full column rank or singular values are degenerate.
    """
    samples, n0 = inputs.shape
    with np.errstate(over="ignore", under="ignore"):
        power = float((targets**2).mean())
    if power and not _LEAST <= power <= 1 / _LEAST:
        raise ValueError(f"y must have a mean square from {_LEAST:.0e} to {1 / _LEAST:.0e}, got {power:.3g}.")
    if not power and targets.any():
        raise ValueError(f"y must have a mean square from {_LEAST:.0e} to {1 / _LEAST:.0e}, got less.")
    rank = int(np.linalg.matrix_rank(inputs))
    if rank < n0:
        raise ValueError(f"x must have full column rank {n0}, got rank {rank}.")
    basis, triangle = np.linalg.qr(inputs)
    inside = basis.T @ targets
    outside = float(((targets - basis @ inside) ** 2).sum())
    left, values, right = np.linalg.svd(inside / samples**0.5, full_matrices=False)
    scale = float(np.linalg.norm(targets)) / samples**0.5
    if values[-1] <= _RESOLVED * scale:
        raise ValueError(
            f"x and y must have non-zero singular values, got {values[-1]:.3g} for |Y|/sqrt(m) = {scale:.3g}."
        )
    if len(values) > 1 and (gap := float((values[:-1] - values[1:]).min())) <= _RESOLVED * scale:
        raise ValueError(f"x and y must have distinct singular values, got two that differ by {gap:.3g}.")
    balance = (values * samples**0.5) ** 0.5
    readers = np.linalg.solve(triangle, left * balance).T
    root = samples**0.5
    return values, PrincipalFactors(readers, right.T * balance, hidden, triangle / root, inside.T / root), outside


def _table(name: str, value: Any) -> NDArray[np.float64]:
    table = real_array(name, value)
    if table.ndim != 2 or not table.size:
        raise ValueError(f"{name} must be a table of samples x features, got the shape {table.shape}.")
    return table
