r"""Paths of rotations: from the identity to a given rotation through rotations.

Conventions: a rotation is a real orthogonal matrix of determinant +1. In the real Schur form it is a direct sum of
plane rotations and ones, and t -> the same planes turned by t times their angles leads from 1 to it.
"""

from collections.abc import Callable

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

__all__ = ["completed", "nearest_orthogonal", "rotation_path"]

Matrix = NDArray[np.float64]


def rotation_path(rotation: Matrix) -> Callable[[float], Matrix]:
    """Return a path of rotations that is 1 at time 0 and the given rotation at time 1, up to rounding.

    Raises:
        ValueError: If the matrix is no rotation to 1e-6.

    Examples:
        >>> half = rotation_path(np.array([[0.0, -1.0], [1.0, 0.0]]))(0.5)
        >>> half.round(4).tolist()
        [[0.7071, -0.7071], [0.7071, 0.7071]]
    """
    size = len(rotation)
    if float(abs(rotation @ rotation.T - np.eye(size)).max(initial=0.0)) > 1e-6 or np.linalg.det(rotation) < 0:
        raise ValueError("rotation must be orthogonal with determinant +1, got another matrix.")
    form, frame = scipy.linalg.schur(rotation, output="real") if size else (rotation, rotation)
    planes: list[tuple[int, int, float]] = []
    flipped: list[int] = []
    place = 0
    while place < size:
        if place + 1 < size and form[place + 1, place] != 0:
            angle = np.arctan2(
                form[place + 1, place] - form[place, place + 1], form[place, place] + form[place + 1, place + 1]
            )
            planes.append((place, place + 1, float(angle)))
            place += 2
            continue
        if form[place, place] < 0:
            flipped.append(place)
        place += 1
    planes += [(first, second, np.pi) for first, second in zip(flipped[::2], flipped[1::2], strict=True)]

    def path(time: float) -> Matrix:
        turned = np.eye(size)
        for first, second, angle in planes:
            cosine, sine = np.cos(time * angle), np.sin(time * angle)
            turned[first, first] = turned[second, second] = cosine
            turned[first, second], turned[second, first] = -sine, sine
        return np.asarray(frame @ turned @ frame.T)

    return path


def nearest_orthogonal(matrix: Matrix) -> Matrix:
    """Return the orthogonal polar factor U V' of U S V'; for a wide matrix its rows are orthonormal."""
    left, _, right = np.linalg.svd(matrix, full_matrices=False)
    return np.asarray(left @ right)


def completed(columns: Matrix) -> Matrix:
    """Complete fewer orthonormal columns than rows to a rotation.

    Raises:
        ValueError: If there are as many columns as rows, so that no choice is left.
    """
    rows, count = columns.shape
    if count >= rows:
        raise ValueError(f"columns must be fewer than rows, got {count} of {rows}.")
    left = np.linalg.svd(columns, full_matrices=True)[0]
    whole = np.hstack([columns, left[:, count:]])
    if np.linalg.det(whole) < 0:
        whole[:, -1] *= -1
    return np.asarray(whole)
