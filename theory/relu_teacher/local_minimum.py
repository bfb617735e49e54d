r"""A proof that the population loss has a strict local minimum at the end of a descent, for any teacher.

Conventions: those of `theory.relu_teacher.population_loss`. The weights and the teacher count as the binary numbers
they are. Let g be the gradient at the weights W, and let the Hessian be at least mu > 0 on the box of all weights that
differ from W by at most r in every entry. If |g| < mu r/2, the loss at the border of the box is higher than at W,

.. math:: F(W + D) \ge F(W) - |g| |D| + \tfrac{\mu}{2} |D|^2 > F(W) \qquad (|D| \ge r),

so that it has a minimum inside, which is strict, and by convexity the only critical point of the box. It lies within
|g|/mu of W, at a loss between F(W) - |g|^2/(2 mu) and F(W). The Hessian is held on the box as in
`theory.relu_teacher.spurious_minimum`: by its least eigenvalue at W, less the largest row sum of absolute changes.
"""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import flint
import numpy as np

from theory.ball import Ball
from theory.certificates.inertia import signs_of_balls
from theory.certificates.krawczyk import NoCertificateError
from theory.certified_precision import ball_from_arb
from theory.relu_teacher.loss_balls import TeacherBalls
from theory.relu_teacher.newton_descent import newton_descent
from theory.relu_teacher.population_loss import (
    Array,
    read_units,
    relu_teacher_gradient,
    relu_teacher_hessian,
    relu_teacher_loss,
)

__all__ = ["TeacherMinimum", "certify_teacher_minimum"]

_PRECISION = 128
_DIGITS = 15
_STEPS = 60
_MOST_WEIGHTS = 600
_ORDINARY = 10  # binary exponents of teachers that are taken as they are
_GLOBAL = 1e-12  # of the loss without units
_POWERS = range(4, 45, 2)  # boxes have half-widths 2^-4, 2^-6, ...


@dataclass(frozen=True)
class TeacherMinimum:
    """What is proved about the local minimum to which a descent leads.

    Args:
        weights: Where the descent ends, units x inputs, the binary numbers of which the rest is proved.
        distance: Upper bound of the distance of the minimum from these weights.
        unique_within: It is the only critical point whose entries all differ by at most this from these weights.
        loss: F at the minimum.
        least_eigenvalue: A lower bound of the least eigenvalue of the Hessian there, positive.
        least_outside: The same in directions orthogonal to all units of both networks, for more inputs.
    """

    weights: tuple[tuple[float, ...], ...]
    distance: Fraction
    unique_within: Fraction
    loss: Ball
    least_eigenvalue: Fraction
    least_outside: Fraction


def certify_teacher_minimum(weights: Any, teacher: Any = None) -> TeacherMinimum:
    """Prove that the population loss has a strict local minimum, and enclose its loss.

    It is that to which a descent by Newton steps leads from the given weights: near them, if they are near one. Nothing
    is proved of the global minima, whose units are parallel to the teacher's; their loss is 0. Very large or small
    teachers are multiplied by a power of two first, and what is found is scaled back, exactly.

    Args:
        weights: Units x inputs, at most 600 numbers. The time grows with the cube of their number: 0.1 s for 36, 10 s
            for 400.
        teacher: Units x inputs, no two parallel; None for the identity. With more inputs than all units together span,
            give both in coordinates of that span: what is proved then holds with any number of further inputs.

    Raises:
        ValueError: If shapes do not fit, a number is not finite, a unit is 0 or there are too many weights, or units
            are longer or shorter than the loss takes.
        NoCertificateError: If nothing is proved: the descent has not ended at a strict minimum, or at a global one.

    Examples:
        >>> from theory.relu_teacher import certify_spurious_minimum
        >>> start = certify_spurious_minimum(6).weights + 1e-3
        >>> print(certify_teacher_minimum(start).loss)
        0.0250805810024630
    """
    learner, target = read_units(weights, teacher, nonzero=True)
    if learner.ndim != 2:
        raise ValueError(f"weights must have the shape units x inputs, without a batch, got {learner.shape}.")
    if learner.size > _MOST_WEIGHTS:
        raise ValueError(f"weights must be at most {_MOST_WEIGHTS} numbers, got {learner.size}.")
    power = int(np.frexp(abs(target).max())[1])
    if abs(power) > _ORDINARY and target.any():
        return _scaled(certify_teacher_minimum(np.ldexp(learner, -power), np.ldexp(target, -power)), power)
    place = _descended(learner, target)
    if (level := float(relu_teacher_loss(place, target))) <= _GLOBAL * float(relu_teacher_loss(0 * place, target)):
        raise NoCertificateError(
            f"weights must lead to a minimum that is not global, got a descent to the loss {max(level, 0.0):.3g}: a "
            "global minimum, of which nothing is proved, as its units are parallel to the teacher's."
        )
    with flint.ctx.workprec(_PRECISION):
        fixed = flint.arb_mat(target.tolist())
        point = TeacherBalls(flint.arb_mat(place.tolist()), fixed)
        slope = sum((entry * entry for entry in point.gradient().entries()), flint.arb(0)).sqrt()
        hessian = point.hessian()
        least = _positive(hessian)
        outside = _positive(point.hessian_outside())
        for width in (flint.arb(2) ** -power for power in _POWERS):
            convexity = least - _change(_box(place, width, fixed), hessian)
            if convexity > 0 and slope < convexity * width / 2:
                break
        else:
            raise NoCertificateError(
                f"weights must be close to a local minimum with a box in which the Hessian stays positive definite, "
                f"got a gradient of the norm {float(slope):.3g} and a least eigenvalue of at least {float(least):.3g} "
                "where the descent ends, and no box that is large enough for both."
            )
        distance = (slope / convexity).abs_upper()
        fall = (slope * slope / (2 * convexity)).abs_upper()
        there = (least - _change(_box(place, distance, fixed), hessian)).abs_lower()
        loss = point.loss()
        return TeacherMinimum(
            tuple(tuple(row) for row in place.tolist()),
            ball_from_arb(distance, _DIGITS).upper,
            ball_from_arb(width, _DIGITS).midpoint,
            ball_from_arb(loss.union(loss - fall), _DIGITS),
            ball_from_arb(there, _DIGITS).lower,
            ball_from_arb(outside, _DIGITS).lower,
        )


def _scaled(found: TeacherMinimum, power: int) -> TeacherMinimum:
    """What is proved where all weights and the teacher's are multiplied by 2^power: the loss is homogeneous."""
    factor = Fraction(2) ** power
    return TeacherMinimum(
        tuple(tuple(row) for row in np.ldexp(np.array(found.weights), power).tolist()),
        found.distance * factor,
        found.unique_within * factor,
        Ball(found.loss.midpoint * factor**2, found.loss.radius * factor**2, found.loss.digits),
        found.least_eigenvalue,
        found.least_outside,
    )


def _descended(learner: Array, target: Array) -> Array:
    """Where a Newton descent ends, in float64; nothing is proved here."""
    shape = learner.shape
    end = newton_descent(
        lambda flat: float(relu_teacher_loss(flat.reshape(shape), target)),
        lambda flat: relu_teacher_gradient(flat.reshape(shape), target).ravel(),
        lambda flat: relu_teacher_hessian(flat.reshape(shape), target),
        learner.ravel(),
        steps=_STEPS,
    )
    return np.asarray(end.reshape(shape))


def _positive(matrix: Any) -> Any:
    """A lower bound of the least eigenvalue.

    Raises:
        NoCertificateError: If it may be zero or is negative.
    """
    signs = signs_of_balls(matrix)
    if signs.negative:
        raise NoCertificateError(
            f"weights must be close to a local minimum, got a Hessian with {signs.negative} negative eigenvalues."
        )
    return flint.arb(flint.fmpq(signs.least.numerator, signs.least.denominator))


def _box(place: Array, width: Any, fixed: Any) -> TeacherBalls | None:
    rows = [[flint.arb(entry, width) for entry in row] for row in place.tolist()]
    try:
        box = TeacherBalls(flint.arb_mat(rows), fixed)
        box.hessian_rows(0)
    except NoCertificateError:  # units may be 0 or parallel in a box as wide as that
        return None
    return box


def _change(box: TeacherBalls | None, hessian: Any) -> Any:
    """A bound of the norm of the change of the Hessian within the box: the largest row sum; infinite without a box."""
    if box is None:
        return flint.arb("inf")
    largest = flint.arb(0)
    rows = hessian.tolist()
    for unit in range(box.units):
        for entry, row in enumerate(box.hessian_rows(unit)):
            fixed = rows[unit * box.inputs + entry]
            total = sum(((a - b).abs_upper() for a, b in zip(row, fixed, strict=True)), flint.arb(0))
            largest = largest.max(total)
    return largest.abs_upper()
