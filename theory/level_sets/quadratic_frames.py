r"""Paths through quadratic networks of constant output, to units with orthogonal weights.

Conventions: outputs sum_j u_j (w_j . x)^2 = x'A x with A = sum_j u_j w_j w_j', n inputs and p units. M is the n x p
matrix with columns w_j, D the diagonal matrix of the u_j: A = M D M'. A *frame* has all u_j in {+1, -1} and columns
that are orthogonal or 0: then its columns are eigenvectors of A, and u_j |w_j|^2 the eigenvalues.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from theory.level_sets.parameter_path import Parameter, ParameterPath, Piece, flat_parameter
from theory.level_sets.rotations import rotation_path

__all__ = ["QuadraticUnits", "Walk", "binary_exponent", "to_frame"]

Matrix = NDArray[np.float64]
_NEGLIGIBLE = 1e-8  # a column below this share of the largest at the start adds a part in 1e16 to A
_CLOSE = 0.7  # cosine of the angle between two signs' columns above which a pair is boosted alone
_DONE = 1e-16
_SHARE = 0.5  # of the largest loss; at 0.1 a column nearly on the line of a longer one loses 8 % a turn, for ever
_TURNS = 300


@dataclass(frozen=True)
class QuadraticUnits:
    """The parameters of a network of quadratic units.

    Args:
        outer: u, shape (units,).
        columns: M, shape (inputs, units).
    """

    outer: Matrix
    columns: Matrix

    @classmethod
    def read(cls, name: str, parameter: Any, inputs: int, units: int) -> "QuadraticUnits":
        """Read a flat parameter of an ``Mlp`` of widths (inputs, units, 1) without biases."""
        flat = flat_parameter(name, parameter, units * (inputs + 1))
        return cls(flat[units * inputs :].copy(), flat[: units * inputs].reshape(units, inputs).T.copy())

    def flat(self) -> Parameter:
        """Return the flat parameter."""
        return np.concatenate([self.columns.T.ravel(), self.outer])

    @property
    def parts(self) -> Matrix:
        """The columns of M |D|^(1/2), which the scale of A is the square of."""
        with np.errstate(over="ignore"):
            return np.asarray(self.columns * np.sqrt(abs(self.outer)))

    @property
    def exponent(self) -> int:
        """The power of two just above the largest entry of ``parts``."""
        return binary_exponent(self.parts)

    def rescaled(self, power: int) -> "QuadraticUnits":
        """Multiply all columns by a power of two, and so A by its square."""
        return QuadraticUnits(self.outer, np.ldexp(self.columns, power))

    @property
    def matrix(self) -> Matrix:
        """A, symmetric."""
        return np.asarray((self.columns * self.outer) @ self.columns.T)


def binary_exponent(matrix: Matrix) -> int:
    """Return the power of two just above the largest entry; -1074 if all are 0, 1025 if one is infinite."""
    largest = float(abs(matrix).max(initial=0.0))
    if not np.isfinite(largest):
        return 1025
    return int(np.frexp(largest)[1]) if largest else -1074


class Walk:
    """A path under construction: where it is, and the pieces so far.

    Args:
        units: Where it starts.
    """

    def __init__(self, units: QuadraticUnits) -> None:
        self.start, self.now = units, units
        self.pieces: list[Piece] = []

    def follow(self, move: Callable[[float], QuadraticUnits]) -> None:
        """Append a piece; the walk is then at its end."""
        self.pieces.append(lambda time: move(time).flat())
        self.now = move(1.0)

    def straight(self, *, outer: Matrix | None = None, columns: Matrix | None = None) -> None:
        """Append a straight piece to other outer weights or columns, unless it goes nowhere."""
        units = self.now
        end = QuadraticUnits(units.outer if outer is None else outer, units.columns if columns is None else columns)
        if np.array_equal(end.outer, units.outer) and np.array_equal(end.columns, units.columns):
            return

        def move(time: float) -> QuadraticUnits:
            return QuadraticUnits(
                (1 - time) * units.outer + time * end.outer, (1 - time) * units.columns + time * end.columns
            )

        self.follow(move)
        self.now = end

    def turn(self, places: NDArray[np.intp], rotation: Matrix) -> None:
        """Append M -> M R(t) on the columns at some places, all with one u, for a path R(t) to a rotation."""
        units, path = self.now, rotation_path(rotation)

        def move(time: float) -> QuadraticUnits:
            columns = units.columns.copy()
            columns[:, places] = units.columns[:, places] @ path(time)
            return QuadraticUnits(units.outer, columns)

        self.follow(move)

    def rescaled(self, power: int) -> "Walk":
        """Return the walk with all columns multiplied by a power of two."""
        columns = self.start.columns.size

        def scaled(piece: Piece) -> Piece:
            def moved(time: float) -> Parameter:
                flat = piece(time)
                return np.concatenate([np.ldexp(flat[:columns], power), flat[columns:]])

            return moved

        walk = Walk(self.start.rescaled(power))
        walk.now = self.now.rescaled(power)
        walk.pieces = [scaled(piece) for piece in self.pieces]
        return walk

    def append(self, walk: "Walk") -> None:
        """Go on along another walk, which starts where this one is."""
        self.pieces += walk.pieces
        self.now = walk.now

    def path(self) -> ParameterPath:
        """Return the path so far."""
        return ParameterPath(self.start.flat(), self.now.flat(), tuple(self.pieces))


def to_frame(units: QuadraticUnits) -> Walk:
    r"""Walk to a frame with A constant.

    **Proof** that every parameter can be joined to a frame, which is the algorithm; each move keeps A.

    1. *Normalise.* (u_j, w_j) -> (c u_j, w_j c^(-1/2)), 1 <= c <= 1/|u_j|, makes u_j = +-1; where u_j = 0, w_j shrinks
       to 0 and then u_j is free.
    2. *Turn.* M_+ -> M_+ R for rotations R of the units with u = +1, and likewise for u = -1, keep M_+ M_+' and
       M_- M_-'. By the singular value decomposition the columns of M_+ become orthogonal or 0, and those of M_- too.
    3. *Boost a pair.* Let m and k be columns of M_+ and M_-, turned so that their angle is the smallest between the
       two column spaces. With p = m + k, q = m - k one has m m' - k k' = (p q' + q p')/2, so that p -> p g, q -> q/g
       keeps A; g from 1 to (|q|/|p|)^(1/2) makes |p| = |q|, so m orthogonal to k (where q = 0, or p = 0, shrink the
       other one to 0). If the two spaces meet, m and k lie on one line and the shorter of the two becomes 0: the
       number of columns other than 0 falls. So this ends with columns that are all independent.
    4. *Boost.* Then M = F O, where F has the eigenvectors of A as columns, scaled by the roots of the |eigenvalues|,
       and O is in the pseudo-orthogonal group, O D O' = D; O = K exp(Y) with K in O(p_+) x O(p_-) and Y in the
       boosts' part of its Lie algebra, so that M exp(-t Y) leads to the frame F K. The boost is found by Newton's
       method on the couplings M_+' M_-: Y_ij = -(m_i . k_j)/(|m_i|^2 + |k_j|^2), exp of which is exactly
       pseudo-orthogonal however far the iteration has come, with step 2 in between.

    Steps 2 to 4 are taken with M divided by a power of two, so that they do not depend on its scale. Along exact pieces
    A is constant; rounding adds a few eps |M|^2. No rank is decided: where step 3 meets columns that
    are dependent but for rounding, they shrink to the root of the rounding, and columns below 1e-8 of the
    largest at the start, whose part in A is 1e-16 of its scale, are moved to 0.

    Args:
        units: Where to start.

    Returns:
        The walk, whose ``now`` is the frame.

    Raises:
        ArithmeticError: If the iteration has not come to an end, which no finite input is known to bring about.
    """
    outside = Walk(units)
    _normalise(outside)
    power = outside.now.exponent
    walk = Walk(outside.now.rescaled(-power))
    _orthogonal(walk)
    outside.append(walk.rescaled(power))
    return outside


def _orthogonal(walk: Walk) -> None:
    """Steps 2 to 4, for columns whose largest entry is about 1."""
    scale = float(np.linalg.norm(walk.now.columns, axis=0).max(initial=0.0))
    room = _DONE * len(walk.now.columns) * scale**2
    for _ in range(_TURNS):
        _clear(walk, scale)
        for sign in (1.0, -1.0):
            _orthogonalise(walk, sign, room)
        _clear(walk, scale)
        columns, lengths = walk.now.columns, np.linalg.norm(walk.now.columns, axis=0)
        above, below = (np.flatnonzero((walk.now.outer == sign) & (lengths > 0)) for sign in (1.0, -1.0))
        if not len(above) or not len(below):
            return
        if abs(columns[:, above].T @ columns[:, below]).max() <= room:
            return
        cosines = (columns[:, above] / lengths[above]).T @ (columns[:, below] / lengths[below])
        left, values, right = np.linalg.svd(cosines)
        if values[0] > _CLOSE:
            _boost_pair(walk, *_pair(walk.now, above, below, left[:, 0] / lengths[above], right[0] / lengths[below]))
        else:
            _boost(walk, above, below)
    raise ArithmeticError(f"no frame was found in {_TURNS} turns.")


def _normalise(walk: Walk) -> None:
    units = walk.now
    zero = units.outer == 0
    if zero.any():
        walk.straight(columns=np.where(zero, 0.0, units.columns))
        walk.straight(outer=np.where(zero, 1.0, units.outer))
    units = walk.now
    sizes = abs(units.outer)
    if (sizes == 1).all():
        return

    def move(time: float) -> QuadraticUnits:
        root = sizes ** (time / 2)
        return QuadraticUnits(units.outer / root / root, units.columns * root)

    walk.follow(move)
    walk.now = QuadraticUnits(np.sign(units.outer), walk.now.columns)


def _clear(walk: Walk, scale: float) -> None:
    """Move negligible columns to 0."""
    columns = walk.now.columns
    walk.straight(columns=np.where(np.linalg.norm(columns, axis=0) <= _NEGLIGIBLE * scale, 0.0, columns))


def _orthogonalise(walk: Walk, sign: float, room: float) -> None:
    places = np.flatnonzero(walk.now.outer == sign)
    group = walk.now.columns[:, places]
    lengths = np.linalg.norm(group, axis=0)
    products = group.T @ group
    if len(places) < 2 or abs(products - np.diag(np.diag(products))).max() <= room:
        return
    # the rotation alone is used, so that M_+ M_+' is kept to rounding whatever the singular values are
    order = np.argsort(-lengths, kind="stable")
    right = scipy.linalg.svd(group[:, order], lapack_driver="gesvd")[2]
    rotation = np.empty_like(right)
    rotation[order] = right.T
    if np.linalg.det(rotation) < 0:
        rotation[:, -1] *= -1
    walk.turn(places, rotation)


def _pair(
    units: QuadraticUnits, above: NDArray[np.intp], below: NDArray[np.intp], left: Matrix, right: Matrix
) -> tuple[tuple[NDArray[np.intp], Matrix], tuple[NDArray[np.intp], Matrix]]:
    """Which directions of the two groups to boost: the closest ones, or two columns as they are, by what |M|^2 loses.

    A boosted pair has |m|^2 + |k|^2 = |m + k| |m - k|. Columns of very different lengths lose more as they are.
    """
    left, right = left / np.linalg.norm(left), right / np.linalg.norm(right)
    plus, minus = units.columns[:, above], units.columns[:, below]
    ones = np.hstack([plus @ left[:, None], plus])
    others = np.hstack([minus @ right[:, None], minus])
    squares = (ones**2).sum(axis=0)[:, None] + (others**2).sum(axis=0)
    total, gap = ones[:, :, None] + others[:, None, :], ones[:, :, None] - others[:, None, :]
    loss = squares - np.sqrt((total**2).sum(axis=0) * (gap**2).sum(axis=0))
    loss[0, 1:] = loss[1:, 0] = -np.inf
    one, other = np.unravel_index(int(np.argmax(loss)), loss.shape)
    if loss[0, 0] >= _SHARE * loss[one, other]:
        return (above, left), (below, right)
    return (above[[one - 1]], np.ones(1)), (below[[other - 1]], np.ones(1))


def _boost_pair(walk: Walk, plus: tuple[NDArray[np.intp], Matrix], minus: tuple[NDArray[np.intp], Matrix]) -> None:
    """Step 3: turn both groups so that their first columns are the closest pair, then make those orthogonal."""
    for places, direction in (plus, minus):
        frame = scipy.linalg.qr(direction[:, None])[0]
        if frame[:, 0] @ direction < 0:
            frame[:, 0] *= -1
        if np.linalg.det(frame) < 0:
            if len(places) == 1:  # a single column the other way round: the pair is close with the sum small
                continue
            frame[:, -1] *= -1
        walk.turn(places, frame)
    units, one, other = walk.now, plus[0][0], minus[0][0]
    total = units.columns[:, one] + units.columns[:, other]
    gap = units.columns[:, one] - units.columns[:, other]
    sizes = float(np.linalg.norm(total)), float(np.linalg.norm(gap))
    if min(sizes) <= 1e-16 * max(sizes):
        small, large = (gap, total) if sizes[1] < sizes[0] else (total, gap)
        flip = 1.0 if sizes[1] < sizes[0] else -1.0

        def shrink(time: float) -> QuadraticUnits:
            columns = units.columns.copy()
            columns[:, one] = (1 - time) * (large + small) / 2
            columns[:, other] = flip * (1 - time) * (large - small) / 2
            return QuadraticUnits(units.outer, columns)

        walk.follow(shrink)
        return
    goal = np.sqrt(sizes[1] / sizes[0])

    def move(time: float) -> QuadraticUnits:
        factor = goal**time
        columns = units.columns.copy()
        columns[:, one] = (total * factor + gap / factor) / 2
        columns[:, other] = (total * factor - gap / factor) / 2
        return QuadraticUnits(units.outer, columns)

    walk.follow(move)


def _boost(walk: Walk, above: NDArray[np.intp], below: NDArray[np.intp]) -> None:
    """Step 4: one Newton step for all couplings at once."""
    units = walk.now
    plus, minus = units.columns[:, above], units.columns[:, below]
    coupling = -(plus.T @ minus) / ((plus**2).sum(axis=0)[:, None] + (minus**2).sum(axis=0))
    left, rapidities, right = np.linalg.svd(coupling, full_matrices=False)

    def move(time: float) -> QuadraticUnits:
        stretch, shear = np.cosh(time * rapidities) - 1, np.sinh(time * rapidities)
        columns = units.columns.copy()
        columns[:, above] = plus + (plus @ left * stretch) @ left.T + (minus @ right.T * shear) @ left.T
        columns[:, below] = minus + (minus @ right.T * stretch) @ right + (plus @ left * shear) @ right
        return QuadraticUnits(units.outer, columns)

    walk.follow(move)
