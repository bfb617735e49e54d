r"""Proofs that the population loss of ReLU units that learn from as many orthonormal ones has spurious minima.

Conventions: those of `theory.relu_teacher.population_loss`, k units on both sides, W in the coordinates of the
teacher. The minimum sought is the one that random starts find most: k - 1 units have nearly learnt one of the
teacher's each, and one is "swapped", on the wrong side of what is left. With more swapped units there are further
minima, of higher loss; with all of them swapped there is one whose loss grows with k. Loss and eigenvalues do not
depend on which units and which of the teacher's these are.

The proof. Within the matrices that the permutations of the two groups leave alone the loss has at most six variables.
Krawczyk's operator there encloses one critical point. It is one of the whole loss: the gradient at a point that a
group of isometries leaves alone is itself left alone, so that it vanishes with its components in the family. The
Hessian splits into blocks of at most 6 x 6 (see `theory.relu_teacher.symmetric_family`); their least eigenvalue is
enclosed.
On a box around the point in all k^2 coordinates every entry of the Hessian is enclosed again; its norm changes by no
more than the largest row sum of absolute differences, and while that is below the least eigenvalue the loss is
strictly convex on the box: no second critical point is in it. Further input dimensions add one block each, equal for
all, to the Hessian and nothing to the gradient.
"""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import flint
import numpy as np
from numpy.typing import NDArray

from theory.ball import Ball
from theory.certificates.krawczyk import NoCertificateError, contraction, entries_of, polished, rough_inverse
from theory.certified_precision import ball_from_arb, check_digits
from theory.real_arrays import positive_integer
from theory.relu_teacher.least_eigenvalue import least_eigenvalue
from theory.relu_teacher.loss_balls import TeacherBalls
from theory.relu_teacher.newton_descent import newton_descent
from theory.relu_teacher.population_loss import relu_teacher_gradient, relu_teacher_hessian, relu_teacher_loss
from theory.relu_teacher.symmetric_family import Block, TwoGroups

__all__ = ["SpuriousMinimum", "certify_spurious_minimum"]

_START = (0.98, -0.05, 0.25, -0.6, -0.1, 0.22)  # own, others of the group, other group: settled units, then swapped
_MOST_UNITS = 40
_STEPS = 200
_WIDEST = 4  # boxes have half-widths 2^-4, 2^-5, ...
_NARROWEST = 60
_GLOBAL = 1e-9
_ALIKE = 1e-6


@dataclass(frozen=True)
class SpuriousMinimum:
    """What is proved about one local minimum that is not global.

    Args:
        k: Units, and teacher units.
        swapped: How many units are swapped.
        entries: Of a settled unit its own entry, that at another settled place and that at a swapped place; then the
            same of a swapped unit (its own, another swapped one if there is one, a settled one).
        loss: F there.
        least_eigenvalue: Of the Hessian, for k inputs.
        least_outside: Of the Hessian in directions orthogonal to the teacher, for more than k inputs.
        unique_within: No second critical point differs from this one by at most this in every coordinate (k inputs).
    """

    k: int
    swapped: int
    entries: tuple[Ball, ...]
    loss: Ball
    least_eigenvalue: Ball
    least_outside: Ball
    unique_within: Fraction

    @property
    def weights(self) -> NDArray[np.float64]:
        """The weights, k x k, rounded to float64."""
        patterns = TwoGroups(self.k - self.swapped, self.swapped).blocks[0].patterns
        return np.asarray(np.tensordot([float(entry) for entry in self.entries], patterns, 1))


def certify_spurious_minimum(k: int, *, swapped: int = 1, digits: int = 15) -> SpuriousMinimum:
    """Prove that k ReLU units that learn from k orthonormal ones have a strict local minimum that is not global.

    It is one for every number of inputs from k on.

    Args:
        k: Units, from 2 to 40. One swapped unit needs k >= 6, two need k >= 8, three k >= 10, all of them k >= 6. The
            time grows with k^4: 0.1 s at k = 6, a few seconds at k = 20.
        swapped: How many units are swapped, from 1 to k.
        digits: Significant digits of loss and eigenvalues, 1 to 100.

    Raises:
        TypeError: If k or swapped is no integer.
        ValueError: If k, swapped or digits is out of range.
        NoCertificateError: If the family has no such minimum, or none that can be proved.

    Examples:
        >>> found = certify_spurious_minimum(6)
        >>> print(found.loss, found.least_eigenvalue)
        0.0250805810024630 0.00470035470358747

    References:
        Safran and Shamir (2018), arXiv:1712.08968, theorem 1; Arjevani and Field (2020), arXiv:2003.10576, on families
        whose loss falls to 0 with k and on others, as with all units swapped, whose loss does not.
    """
    size, moved = positive_integer("k", k), positive_integer("swapped", swapped)
    if not 2 <= size <= _MOST_UNITS:
        raise ValueError(f"k must be from 2 to {_MOST_UNITS}, got {k}.")
    if moved > size:
        raise ValueError(f"swapped must be at most k, got {swapped} of {k}.")
    digits = check_digits(digits, most=100)
    groups = TwoGroups(size - moved, moved)
    start = _family_minimum(groups)
    if not _loss_at(groups, start) > _GLOBAL:
        raise NoCertificateError(f"{_subject(groups)}: the descent within the symmetric family ends at a global one.")
    if groups.settled and abs(start @ _own_entries(groups)) < _ALIKE:
        raise NoCertificateError(f"{_subject(groups)}: the descent ends where all units are alike, as for swapped = k.")
    with flint.ctx.workprec(96 + 7 * digits):
        entries, width = _critical_point(groups, start, digits)
        box = _balls(groups, entries, width)
        loss, small = box.loss(), flint.arb(10) ** -(digits + 4)
        least = least_eigenvalue(_reduced(box.quadratic_form, groups.blocks), small)
        outside = box.hessian_outside()
        least_outside = least_eigenvalue(
            _reduced(lambda rows: rows * outside * rows.transpose(), groups.row_blocks), small
        )
        if not (loss > 0 and least > 0 and least_outside > 0):
            raise NoCertificateError(_no_minimum(groups, loss, least, least_outside))
        unique = _widest_convex_box(groups, entries, width, least)
        values = [ball_from_arb(value, digits) for value in (loss, least, least_outside)]
        found = tuple(ball_from_arb(flint.arb(entry, width), digits) for entry in entries.entries())
        return SpuriousMinimum(size, moved, found, values[0], values[1], values[2], unique)


def _family_minimum(groups: TwoGroups) -> NDArray[np.float64]:
    """The entries at which the loss is least within the family, near the start, in float64; nothing is proved here."""
    patterns = groups.blocks[0].patterns
    norms = np.sqrt((patterns**2).sum((1, 2)))
    basis = patterns / norms[:, None, None]
    flat = basis.reshape(len(basis), -1)
    start = [value for value, table in zip(_START, _all_six(groups), strict=True) if table]

    def at(where: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(np.tensordot(where, basis, 1))

    end = newton_descent(
        lambda where: float(relu_teacher_loss(at(where))),
        lambda where: flat @ relu_teacher_gradient(at(where)).ravel(),
        lambda where: flat @ relu_teacher_hessian(at(where)) @ flat.T,
        np.array(start) * norms,
        steps=_STEPS,
    )
    return np.asarray(end / norms)


def _own_entries(groups: TwoGroups) -> NDArray[np.float64]:
    """The weights by which the entries give that of a settled unit on its own place less that of a swapped one."""
    patterns = groups.blocks[0].patterns
    return np.asarray(patterns[:, 0, 0] - patterns[:, -1, -1], dtype=np.float64)


def _all_six(groups: TwoGroups) -> tuple[bool, ...]:
    """Which of the six entries there are: a group of one place has no other places."""
    p, m = groups.settled, groups.swapped
    return (p > 0, p > 1, p > 0 and m > 0, m > 0, m > 1, p > 0 and m > 0)


def _balls(groups: TwoGroups, entries: Any, width: Any) -> TeacherBalls:
    """The loss on a box of the family: every entry moves by at most the width, equal ones together."""
    weights = flint.arb_mat(np.zeros((groups.size, groups.size)).tolist())
    for entry, table in zip(entries.entries(), groups.blocks[0].patterns, strict=True):
        weights = weights + flint.arb_mat(table.tolist()) * flint.arb(entry, width)
    return TeacherBalls(weights, flint.arb_mat(np.eye(groups.size).tolist()))


def _critical_point(groups: TwoGroups, start: NDArray[np.float64], digits: int) -> tuple[Any, Any]:
    """Enclose the only critical point in a small box of the family: its middle and half its width.

    Raises:
        NoCertificateError: If there is none that can be proved.
    """
    trivial = groups.blocks[0]
    columns = flint.arb_mat(trivial.patterns.reshape(len(trivial.patterns), -1).tolist())

    def on(function: Callable[[TeacherBalls], Any]) -> Callable[[Any], Any]:
        return lambda entries: function(_balls(groups, entries, flint.arb(0)))

    system = on(lambda balls: columns * balls.gradient())
    jacobian = on(lambda balls: balls.quadratic_form(columns))
    point = entries_of(start)
    inverse = rough_inverse(jacobian(point))
    point = polished(system, point, inverse, steps=2 + digits // 10)
    width = contraction(system, jacobian, point, flint.arb(10) ** -(digits + 10), inverse)
    if width is None:
        raise NoCertificateError(
            f"{_subject(groups)}: the descent within the symmetric family ends at no critical point that can be "
            f"proved, at the loss {_loss_at(groups, start):.3g}."
        )
    return point, 2 * width  # its largest bound is found by comparing numbers rounded to double precision


def _reduced(form: Callable[[Any], Any], blocks: tuple[Block, ...]) -> list[Any]:
    """The matrices that a symmetric map has on the copies of each kind, normalised, from its quadratic form on rows."""
    flat = np.concatenate([block.patterns.reshape(len(block.patterns), -1) for block in blocks])
    table = form(flint.arb_mat(flat.tolist()))
    norms = [flint.arb(int(square)).sqrt() for square in (flat**2).sum(1)]
    matrices, start = [], 0
    for block in blocks:
        places = range(start, start + len(block.patterns))
        matrices.append(flint.arb_mat([[table[i, j] / (norms[i] * norms[j]) for j in places] for i in places]))
        start = places.stop
    return matrices


def _widest_convex_box(groups: TwoGroups, entries: Any, error: Any, least: Any) -> Fraction:
    """The half-width of the widest box tried, in all k^2 coordinates, on which the Hessian stays positive definite.

    The critical point, in the middle, is known up to an error by which the box is widened. Box and point are left
    alone by the group, so that one row of the Hessian for each kind of entry is enough.

    Raises:
        NoCertificateError: If none is found.
    """
    places = groups.places()
    point = _rows_at(_balls(groups, entries, error), places)
    for power in range(_WIDEST, _NARROWEST):
        try:
            box = _rows_at(_balls(groups, entries, flint.arb(2) ** -power + error), places)
        except NoCertificateError:  # units may be parallel in a box as wide as that
            continue
        if all(_row_sum(wide, narrow) < least for wide, narrow in zip(box, point, strict=True)):
            return Fraction(1, 2**power)
    raise NoCertificateError("the Hessian must stay positive definite in a box, got none that is wide enough to tell.")


def _rows_at(balls: TeacherBalls, places: tuple[tuple[int, int], ...]) -> list[list[Any]]:
    """Some rows of the Hessian, by unit and entry."""
    blocks = {unit: balls.hessian_rows(unit) for unit in {unit for unit, _ in places}}
    return [blocks[unit][entry] for unit, entry in places]


def _row_sum(box: list[Any], point: list[Any]) -> Any:
    """A bound of the absolute sum of the changes in one row of the Hessian, from the point to anywhere in the box."""
    changes = ((wide - narrow).abs_upper() for wide, narrow in zip(box, point, strict=True))
    return sum(changes, flint.arb(0)).abs_upper()


def _no_minimum(groups: TwoGroups, loss: Any, least: Any, outside: Any) -> str:
    lowest = min(float(least), float(outside))
    return (
        f"{_subject(groups)}: within the symmetric family the loss is least at {float(loss):.3g}, where the least "
        f"eigenvalue of the Hessian is {lowest:.3g}."
    )


def _subject(groups: TwoGroups) -> str:
    return f"k = {groups.size} with swapped = {groups.swapped} has no such minimum"


def _loss_at(groups: TwoGroups, entries: NDArray[np.float64]) -> float:
    return float(relu_teacher_loss(np.tensordot(entries, groups.blocks[0].patterns, 1)))
