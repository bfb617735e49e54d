r"""Following a segment of symmetric matrices by the units of a quadratic network.

Conventions: those of `quadratic_frames`: A = M D M' with D of +1 and -1, n inputs, p >= n units. M_+ and M_- are the
columns of the two signs, A_+ and A_- the positive and negative parts of A, so that A = A_+ - A_-, and *factors* of A
have M_+ M_+' = A_+ and M_- M_-' = A_-. The segment is A(t) = (1 - t) A + t B.
"""

import itertools
from collections.abc import Callable

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from theory.level_sets.quadratic_frames import QuadraticUnits, Walk

__all__ = ["assign", "follow_segment", "turn_towards"]

Matrix = NDArray[np.float64]
_ZERO = 1e-15  # eigenvalues below this share of the largest on the segment are forced to be 0
_GRID = 17
_ALIGNED = 0.3  # least cosine between eigenspaces within one piece
_SHORTEST = 1e-6
_HALVINGS = 60


def follow_segment(walk: Walk, target: Matrix) -> None:
    r"""Extend a walk from factors of A by one whose matrix runs straight from A to B.

    **Proof** that it exists for p >= n, which is the algorithm. det A(t) is a polynomial in t, so but for finitely many
    t the numbers of positive and negative eigenvalues are constant (their sum is less than n throughout, if it is the
    zero polynomial). Between two such t the spaces of positive and of negative eigenvectors are analytic in t, up to
    the ends. Let F(t) be any eigenvectors with positive eigenvalues, scaled by their roots. Then
    M_+(t) = F(t) K(t), K the orthogonal polar factor of F(t)'N, N = M_+ at a time within the piece, has
    M_+ M_+' = A_+, does not depend on which eigenvectors were taken, and is continuous as long as no positive
    eigenvector is orthogonal to N's columns; shorter pieces see to that. The same for M_-. No eigenvector is tracked.

    At a time where an eigenvalue is 0, a rotation of M_+, or M_-, makes a column 0, and its unit may change its sign:
    as the eigenvalues other than 0 are at most n <= p, enough units are free for those that follow. Two factors of one
    A_+ differ by an orthogonal matrix; it is a rotation if they are close or if a column is 0.

    Args:
        walk: Its ``now`` has factors of A.
        target: B, symmetric.
    """
    origin = walk.now.matrix

    def matrix(time: float) -> Matrix:
        return np.asarray((1 - time) * origin + time * target)

    zero = _ZERO * max(float(abs(origin).max()), float(abs(target).max()))

    def counts(time: float) -> tuple[int, int]:
        values = np.linalg.eigvalsh(matrix(time))
        return int((values > zero).sum()), int((values < -zero).sum())

    joints = _joints(origin, target, counts)
    for first, second in itertools.pairwise(joints):
        middle = counts((first + second) / 2)
        assign(walk, *middle)
        _follow(walk, matrix, middle, first, second)


def assign(walk: Walk, plus: int, minus: int) -> None:
    """Give units of vanishing columns the other sign until there are as many of each sign as are wanted.

    Columns of 0 are taken, if there are enough of them; else the columns are turned until the last ones vanish.

    Raises:
        ValueError: If more are wanted than there are.
    """
    if plus + minus > len(walk.now.outer):
        raise ValueError(f"width must be at least {plus} + {minus}, got {len(walk.now.outer)}.")
    for sign, wanted in ((1.0, plus), (-1.0, minus)):
        missing = wanted - int((walk.now.outer == sign).sum())
        if missing <= 0:
            continue
        places = np.flatnonzero(walk.now.outer == -sign)
        freed = places[(walk.now.columns[:, places] == 0).all(axis=0)][-missing:]
        if len(freed) < missing:
            rotation = scipy.linalg.svd(walk.now.columns[:, places], full_matrices=True)[2].T
            if np.linalg.det(rotation) < 0:
                rotation[:, -1] *= -1
            walk.turn(places, rotation)
            freed = places[-missing:]
        columns, outer = walk.now.columns.copy(), walk.now.outer.copy()
        columns[:, freed], outer[freed] = 0.0, sign
        walk.straight(columns=columns)
        walk.straight(outer=outer)


def turn_towards(walk: Walk, places: NDArray[np.intp], goal: Matrix) -> float:
    """Turn the columns at some places to others that are factors of the same matrix, and end exactly there.

    Returns:
        By how much the turned columns differed from the goal before the last, straight, piece.
    """
    group = walk.now.columns[:, places]
    if len(places):
        left, _, right = np.linalg.svd(group.T @ goal)
        if np.linalg.det(left @ right) < 0:
            left[:, -1] *= -1
        if float(abs(left @ right - np.eye(len(places))).max()) > 1e-15:
            walk.turn(places, left @ right)
    gap = float(abs(walk.now.columns[:, places] - goal).max(initial=0.0))
    columns = walk.now.columns.copy()
    columns[:, places] = goal
    walk.straight(columns=columns)
    return gap


def _joints(origin: Matrix, target: Matrix, counts: Callable[[float], tuple[int, int]]) -> list[float]:
    """Times between which the inertia is constant: 0, 1, and where an eigenvalue passes 0."""
    roots = scipy.linalg.eigvals(origin, origin - target)
    real = roots.real[np.isfinite(roots) & (abs(roots.imag) <= 1e-6 * (1 + abs(roots.real)))]
    inner = np.sort(real[(real > 0) & (real < 1)])
    between = (np.concatenate([[0.0], inner]) + np.concatenate([inner, [1.0]])) / 2
    # the places of roots themselves are left out: there an eigenvalue is 0, on no side
    grid = np.unique(np.concatenate([np.linspace(0, 1, _GRID)[1:-1], between]))
    found = [0.0]
    for low, high in itertools.pairwise(grid):
        while (before := counts(low)) != (after := counts(high)):
            left, right = low, high
            for _ in range(_HALVINGS):
                middle = (left + right) / 2
                left, right = (middle, right) if counts(middle) == before else (left, middle)
            found.append(float(right))
            low = right
            if counts(low) == before or after == before:
                break
    return [time for place, time in enumerate(found) if place == 0 or time > found[place - 1]] + [1.0]


def _follow(
    walk: Walk, matrix: Callable[[float], Matrix], counts: tuple[int, int], first: float, second: float
) -> None:
    """Append pieces on an interval of constant inertia, cut until the eigenspaces turn little on each."""
    if second - first > _SHORTEST and _turning(matrix, counts, first, second) < _ALIGNED:
        middle = (first + second) / 2
        _follow(walk, matrix, counts, first, middle)
        _follow(walk, matrix, counts, middle, second)
        return
    outer = walk.now.outer
    groups = [np.flatnonzero(outer == sign) for sign in (1.0, -1.0)]

    def aligned(time: float, references: list[Matrix]) -> list[Matrix]:
        return [
            factor @ _polar(factor.T @ reference)
            for factor, reference in zip(_factors(matrix(time), counts), references, strict=True)
        ]

    references = aligned((first + second) / 2, [walk.now.columns[:, places] for places in groups])

    def move(time: float) -> QuadraticUnits:
        columns = np.zeros_like(walk.start.columns)
        for places, group in zip(groups, aligned((1 - time) * first + time * second, references), strict=True):
            columns[:, places] = group
        return QuadraticUnits(outer, columns)

    start = move(0.0).columns
    for places in groups:
        turn_towards(walk, places, start[:, places])
    walk.follow(move)


def _factors(matrix: Matrix, counts: tuple[int, int]) -> tuple[Matrix, Matrix]:
    """The roots of the positive and of the negative part, as scaled eigenvectors, so many of each."""
    values, vectors = np.linalg.eigh(matrix)
    plus, minus = counts
    above, below = slice(len(values) - plus, len(values)), slice(0, minus)
    return (
        vectors[:, above] * np.sqrt(np.maximum(values[above], 0.0)),
        vectors[:, below] * np.sqrt(np.maximum(-values[below], 0.0)),
    )


def _polar(matrix: Matrix) -> Matrix:
    left, _, right = np.linalg.svd(matrix, full_matrices=False)
    return np.asarray(left @ right)


def _turning(matrix: Callable[[float], Matrix], counts: tuple[int, int], first: float, second: float) -> float:
    """The least cosine between eigenspaces in the middle and at four more times, ends left out."""
    spaces = []
    for share in (0.5, 0.02, 0.25, 0.75, 0.98):
        vectors = np.linalg.eigh(matrix((1 - share) * first + share * second))[1]
        spaces.append((vectors[:, len(vectors) - counts[0] :], vectors[:, : counts[1]]))
    least = 1.0
    for other in spaces[1:]:
        for here, there in zip(spaces[0], other, strict=True):
            if here.shape[1]:
                least = min(least, float(np.linalg.svd(here.T @ there, compute_uv=False)[-1]))
    return least
