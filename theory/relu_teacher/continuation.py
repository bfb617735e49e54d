r"""The spurious minimum of an orthonormal teacher, followed to a teacher that is not orthonormal, and proved there.

Conventions: those of `theory.relu_teacher.population_loss`. The loss depends on inner products alone, so that a teacher
V of k independent units in d >= k dimensions is, up to a rotation, the symmetric root of its Gram matrix G = V V^T: the
frame of the teacher's span in which it is nearest to the identity. The way to it is the segment

.. math:: G(s) = (1 - s) 1 + s G, \qquad 0 \le s \le 1,

all of whose matrices are positive definite; units of length 1 keep it. The minimum is followed from s = 0, where it is
that of `theory.certify_spurious_minimum` with the last of the teacher's units left unlearnt. After each step of s the
weights are carried along with the teacher and mended by Newton's method. A step counts only if the first correction is
short, each one after it at most a quarter of the one before, and the Hessian positive definite where they end; else a
shorter one is tried. Where even the shortest fails, the minimum has come to a fold and is gone, or is too near to one.

The way there is followed in float64 and proves nothing. What is proved is the end: `theory.certify_teacher_minimum`
starts there, must stay there, and must enclose a loss above 0.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from theory.certificates.krawczyk import NoCertificateError
from theory.real_arrays import real_array
from theory.relu_teacher.local_minimum import TeacherMinimum, certify_teacher_minimum
from theory.relu_teacher.population_loss import Array, relu_teacher_gradient, relu_teacher_hessian
from theory.relu_teacher.spurious_minimum import certify_spurious_minimum

__all__ = ["ContinuedMinimum", "continue_spurious_minimum"]

_FEWEST, _MOST = 6, 24  # fewer have no such minimum, and of more weights no proof is tried
_SHORTEST, _LONGEST = 0.5, 2.0
_FIRST_STEP = 1 / 4
_SHORTEST_STEP = 2.0**-12
_LONGEST_CORRECTION = 0.05
_CONTRACTION = 1 / 4
_EASY = 1 / 32  # a contraction so strong that the next step may be twice as long
_ROUNDING = 1e-11
_CORRECTIONS = 12
_SAME = 1e-8
_DEPENDENT = 1e-10


@dataclass(frozen=True)
class ContinuedMinimum:
    """A spurious minimum that is proved, and the way by which it was reached from that of an orthonormal teacher.

    Args:
        minimum: What is proved, for the teacher in its frame and any number of further inputs.
        frame: The teacher in its frame, k x k, the binary numbers of which this is proved: the symmetric root of its
            Gram matrix, rounded.
        steps: How many steps the way took.
        least_on_the_way: The least eigenvalue of the Hessian, within the span, at the ends of the steps; not proved.
    """

    minimum: TeacherMinimum
    frame: tuple[tuple[float, ...], ...]
    steps: int
    least_on_the_way: float


def continue_spurious_minimum(teacher: Any) -> ContinuedMinimum:
    """Follow the spurious minimum of an orthonormal teacher to this one, and prove it there.

    The unit that is left unlearnt is the teacher's last; to leave another one, permute the teacher's units. In the
    teacher's own coordinates the weights are ``minimum.weights @ inverse(frame) @ teacher``.

    Args:
        teacher: Units x inputs, 6 to 24 linearly independent units of lengths from 1/2 to 2, in any number of inputs.
            The time is that of `theory.certify_teacher_minimum` and of about fifty Hessians: 0.1 s for 8 units.

    Raises:
        ValueError: If the teacher is no such matrix.
        NoCertificateError: If the minimum does not continue to this teacher, or nothing is proved there.

    Examples:
        >>> import numpy as np
        >>> teacher = np.random.default_rng(0).normal(size=(8, 2000)) / 2000**0.5
        >>> found = continue_spurious_minimum(teacher)
        >>> bool(found.minimum.loss.lower > 0 and found.minimum.least_eigenvalue > 0)
        True

    References:
        Safran and Shamir (2018), arXiv:1712.08968, on targets in high dimension, by concentration of measure.
    """
    gram = _gram(teacher)
    weights, steps, least = _followed(gram)
    frame = _root(gram)
    minimum = certify_teacher_minimum(weights, frame)
    moved = float(np.abs(np.array(minimum.weights) - weights).max())
    if not (moved < _SAME and minimum.loss.lower > 0):
        raise NoCertificateError(
            f"teacher must be near enough to an orthonormal one that the minimum can be proved, got a descent that "
            f"moved by {moved:.3g} to the loss {float(minimum.loss):.3g}."
        )
    return ContinuedMinimum(minimum, tuple(tuple(row) for row in frame.tolist()), steps, least)


def _gram(teacher: Any) -> Array:
    """Read a teacher and return its inner products.

    Raises:
        ValueError: If it is no matrix, has too few or too many units, or units that are too short, long or dependent.
    """
    units = real_array("teacher", teacher)
    if units.ndim != 2:
        raise ValueError(f"teacher must have the shape units x inputs, got {units.shape}.")
    if not _FEWEST <= len(units) <= _MOST:
        raise ValueError(f"teacher must have from {_FEWEST} to {_MOST} units, got {len(units)}.")
    scale = float(abs(units).max(initial=1))  # squares of huge entries would overflow
    for part in np.linalg.norm(units / scale, axis=1).tolist():
        if not _SHORTEST <= scale * part <= _LONGEST:
            raise ValueError(
                f"teacher must have units of lengths from {_SHORTEST} to {_LONGEST}, got one of {scale * part:.3g}."
            )
    gram = np.asarray(units @ units.T)
    if np.linalg.eigvalsh(gram)[0] <= _DEPENDENT:
        raise ValueError("teacher must have linearly independent units, got some that are not, to rounding.")
    return gram


def _followed(gram: Array) -> tuple[Array, int, float]:
    """The weights at the end of the way, its number of steps and the least eigenvalue on it.

    Raises:
        NoCertificateError: If the way ends before the teacher.
    """
    count = len(gram)
    place, step, steps = 0.0, _FIRST_STEP, 0
    weights, target = _orthonormal(count), np.eye(count)
    least = here = float(np.linalg.eigvalsh(relu_teacher_hessian(weights, target))[0])
    while place < 1:
        further = min(1.0, place + step)
        aim = _root((1 - further) * np.eye(count) + further * gram)
        found = _mended(weights @ np.linalg.solve(target, aim), aim)
        if found is None:
            step = (further - place) / 2
            if step < _SHORTEST_STEP:
                raise NoCertificateError(
                    f"teacher must be near enough to an orthonormal one that the minimum continues, got one to which "
                    f"it goes {place:.3g} of the way, where the least eigenvalue of the Hessian is {here:.3g}."
                )
            continue
        weights, here, easy = found
        place, target, steps, least = further, aim, steps + 1, min(least, here)
        step *= 2 if easy else 1
    return weights, steps, least


def _mended(weights: Array, teacher: Array) -> tuple[Array, float, bool] | None:
    """The minimum near these weights, its least eigenvalue and whether it was easy; None if Newton's method is not."""
    sizes: list[float] = []
    for _ in range(_CORRECTIONS):
        slope = relu_teacher_gradient(weights, teacher).ravel()
        correction = np.linalg.solve(relu_teacher_hessian(weights, teacher), slope).reshape(weights.shape)
        sizes.append(float(np.linalg.norm(correction)))
        if sizes[0] > _LONGEST_CORRECTION or (len(sizes) > 1 and sizes[-1] > max(_CONTRACTION * sizes[-2], _ROUNDING)):
            return None
        weights = weights - correction
        if sizes[-1] <= _ROUNDING:
            break
    least = float(np.linalg.eigvalsh(relu_teacher_hessian(weights, teacher))[0])
    if least <= 0 or sizes[-1] > _ROUNDING:
        return None
    return weights, least, len(sizes) == 1 or sizes[1] <= _EASY * sizes[0]


@cache
def _orthonormal(count: int) -> Array:
    weights = certify_spurious_minimum(count).weights
    weights.setflags(write=False)
    return weights


def _root(gram: Array) -> Array:
    values, vectors = np.linalg.eigh(gram)
    return np.asarray((vectors * np.sqrt(values)) @ vectors.T)
