r"""The wall around the valley of p ReLU units on data on two sides, enclosed, and a path that climbs no higher.

Conventions: data and risk are those of `theory.level_sets.two_sided_valley`, with p units and p targets relu(x_1),
..., relu(x_p); n = p + 1 inputs, or more. F is the loss on the first side for a = 1, as in `theory.relu_teacher`, and
its root is a distance: F = |f - f*|^2/2 with |f|^2 = E f(x)^2.

**Why few points prove a whole path.** |relu(w.x) - relu(w'.x)| <= |(w - w').x|, so that the distance to the target
changes by at most |w - w'| when one unit moves from w to w'. Between two points of a path it is at most the larger of
their distances plus half of what all units move, added up.
"""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import flint
import numpy as np
from numpy.typing import NDArray

from theory.ball import Ball
from theory.certificates.krawczyk import NoCertificateError
from theory.certified_precision import ball_from_arb
from theory.level_sets.parameter_path import ParameterPath, polygon
from theory.relu_teacher.local_minimum import TeacherMinimum, certify_teacher_minimum

__all__ = ["TwoSidedBarrier", "certify_two_sided_barrier"]

_PRECISION = 128
_DIGITS = 15
_MOST_UNITS = 12
_PIECES = 128
Array = NDArray[np.float64]


@dataclass(frozen=True)
class TwoSidedBarrier:
    """What is proved about leaving the valley of p units, and the path that does it.

    Args:
        units: p.
        minimum: Of F over p - 1 units: a strict local one, in any number of inputs. That it is global is the known
            closed form for p = 2 and found by search for p > 2.
        overlap: The mean of the residual there times relu(x_p), positive: how fast F falls as a unit e_p grows.
        growth: The length up to which it grows on the path.
        rest: An upper bound of F on the rest of the path, down to the first network; below the minimum's F.
    """

    units: int
    minimum: TeacherMinimum
    overlap: Ball
    growth: Fraction
    rest: Fraction

    @property
    def loss(self) -> Ball:
        """F at the minimum over p - 1 units, and the largest F on the path."""
        return self.minimum.loss

    def path(self, a: float, b: float) -> ParameterPath:
        """Return the path from the valley to a lower risk, in the layout of an ``Mlp`` of widths (p + 1, p, 1).

        From the units e_1, ..., e_p it goes straight to those of the minimum and a short one on e_p, which then
        shrinks to 0. There its outer weight goes from a to -b without any effect; then the unit grows on x_n. The risk
        is b^2/4 + a^2 F until then, and falls to a^2 F at the end.

        Args:
            a: The targets' factor on the first side.
            b: The one on the second, larger than a.

        Raises:
            ValueError: If it is not so that b > a > 0.
        """
        if not b > a > 0:
            raise ValueError(f"a and b must satisfy b > a > 0, got a = {a} and b = {b}.")
        p = self.units
        learnt, fitted = np.eye(p, p + 1), np.zeros((p, p + 1))
        fitted[:-1, :-1] = self.minimum.weights
        short, turned = fitted.copy(), fitted.copy()
        short[-1, p - 1] = float(self.growth)
        turned[-1, p] = 1.0
        before, after = np.full(p, float(a)), np.full(p, float(a))
        after[-1] = -b
        corners = ((learnt, before), (short, before), (fitted, before), (fitted, after), (turned, after))
        return polygon(np.concatenate([first.ravel(), outer]) for first, outer in corners)


def certify_two_sided_barrier(units: int) -> TwoSidedBarrier:
    """Enclose the least loss of p - 1 ReLU units against p orthonormal ones, and prove a path below it to all p.

    Then the wall around the valley of p units on data on two sides is at most b^2/4 + a^2 F, and exactly that if F is
    the global minimum over p - 1 units. Whatever that is, `missing_unit_bound` bounds it from below.

    Args:
        units: p, from 2 to 12.

    Raises:
        TypeError: If ``units`` is no integer.
        ValueError: If it is not from 2 to 12.
        NoCertificateError: If nothing is proved.

    Examples:
        >>> print(certify_two_sided_barrier(2).loss, certify_two_sided_barrier(3).loss)
        0.0885119366328834 0.0768338587655860
    """
    if isinstance(units, bool) or not isinstance(units, int):
        raise TypeError(f"units must be an integer, got {units!r}.")
    if not 2 <= units <= _MOST_UNITS:
        raise ValueError(f"units must be from 2 to {_MOST_UNITS}, got {units}.")
    minimum = certify_teacher_minimum(_start(units), np.eye(units))
    with flint.ctx.workprec(_PRECISION):
        place = flint.arb_mat([list(row) for row in minimum.weights])
        teacher = flint.arb_mat(np.eye(units).tolist())
        apart = _arb(minimum.distance) * flint.arb(units).sqrt()  # all units together, from the true minimum
        # |relu(x_p)|^2 = 1/2
        overlap = _overlap(place, teacher) + flint.arb(0, (apart / flint.arb(2).sqrt()).abs_upper())
        growth = flint.arb(round(2 * float(overlap), 3))
        # along it F falls by growth * overlap - growth^2/4, at every shorter length too
        if not 4 * overlap > growth:
            raise NoCertificateError(f"a unit on e_p must make F fall, got an overlap of {float(overlap):.3g}.")
        start = flint.arb_mat([*place.tolist(), [0] * (units - 1) + [growth]])
        rest = _largest_on_line(start, teacher, apart)
        if not rest < _arb(minimum.loss.lower):
            raise NoCertificateError(f"the path must stay below {minimum.loss}, got up to {float(rest):.6g}.")
        return TwoSidedBarrier(
            units,
            minimum,
            ball_from_arb(overlap, _DIGITS),
            ball_from_arb(growth, _DIGITS).midpoint,
            ball_from_arb(rest, _DIGITS).upper,
        )


def _start(units: int) -> Array:
    """From where a descent leads to the least loss that random starts find; for three units it is less symmetric."""
    if units == 3:
        return np.array([[1.3, 0.1, 0.1], [-0.2, 0.9, 0.9]])
    start = np.full((units - 1, units), -0.05)
    start[:, :-1] += 1.25 * np.eye(units - 1)
    start[:, -1] = 1 / (units - 1)
    return start


def _largest_on_line(start: Any, teacher: Any, apart: Any) -> Any:
    """An upper bound of F on the straight line from a network to the teacher, and on all lines within ``apart``."""
    steps = teacher - start
    moved = sum((_length(steps, unit) for unit in range(steps.nrows())), flint.arb(0))
    farthest = flint.arb(0)
    for piece in range(_PIECES):
        middle = flint.arb(2 * piece + 1) / (2 * _PIECES)
        farthest = farthest.max((2 * _loss(start + steps * middle, teacher)).abs_upper().sqrt())
    farthest += moved / (2 * _PIECES) + apart
    return (farthest**2 / 2).abs_upper()


def _loss(weights: Any, teacher: Any) -> Any:
    """F, also where units are parallel: `theory.relu_teacher` has it with derivatives, but not there."""
    total = flint.arb(0)
    for first, second, factor in ((weights, weights, 1), (weights, teacher, -2), (teacher, teacher, 1)):
        for i in range(first.nrows()):
            for j in range(second.nrows()):
                total += factor * _kernel(first, i, second, j)
    return total / 2


def _overlap(weights: Any, teacher: Any) -> Any:
    """The mean of the residual times the teacher's last unit."""
    last = teacher.nrows() - 1
    total = sum((_kernel(teacher, j, teacher, last) for j in range(teacher.nrows())), flint.arb(0))
    return total - sum((_kernel(weights, i, teacher, last) for i in range(weights.nrows())), flint.arb(0))


def _kernel(first: Any, i: int, second: Any, j: int) -> Any:
    """The mean product of two units that are not 0: between its values at the ends of the cosine, in which it grows."""
    size = _length(first, i) * _length(second, j)
    product = sum((first[i, k] * second[j, k] for k in range(first.ncols())), flint.arb(0))
    cosine = product / size
    ends = (cosine.lower().max(flint.arb(-1)), cosine.upper().min(flint.arb(1)))
    low, high = ((1 - c * c).max(flint.arb(0)).sqrt() + (flint.arb.pi() - c.acos()) * c for c in ends)
    return size * low.union(high) / (2 * flint.arb.pi())


def _length(matrix: Any, row: int) -> Any:
    return sum((matrix[row, k] ** 2 for k in range(matrix.ncols())), flint.arb(0)).sqrt()


def _arb(value: Fraction) -> Any:
    return flint.arb(flint.fmpq(value.numerator, value.denominator))
