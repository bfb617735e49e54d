"""Every instance: the rules ``Agrees`` and ``Bounds``, in floating point against exact values.

A float is right to within a tolerance, with its reason; it is wrong beyond ten. Between the two nothing is said.
"""

import math
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from verify.comparison import Cell, Comparison, Rival
from verify.intervals import Interval, in_words
from verify.rules.samples import as_array, refuse_bare_rival, why_dropped, why_not_finite
from verify.verdict import Evidence, Position

WRONG_BEYOND: Final = 10


class Agrees(Comparison):
    """Measured floats against exact values on every instance: an error of at most the tolerance, never more than ten.

    Args:
        title: What is compared.
        measured: The measured numbers, of any shape; complex numbers are compared by the modulus of the difference.
        predicted: The exact values, of the same shape or one for all.
        tolerance: The largest error allowed; 0 means exact counts.
        reason: Why that tolerance.
        rival: A second prediction, which must differ by more than 20 tolerances somewhere.
        dropped: How many members were left out as not converged.
        decided_from: The smallest profile that decides.

    Raises:
        ValueError: If shapes do not fit, the tolerance is negative or has no reason, or the rival is too near.

    Examples:
        >>> finding = Agrees(
        ...     "zero modes", measured=[4, 4, 4], predicted=4, tolerance=0, reason="a count", rival=Rival("none", 0)
        ... ).decide()
        >>> print(finding.verdict, finding.measured)
        SUPPORTED largest error 0 on 3 instances
    """

    def __init__(
        self,
        title: str,
        *,
        measured: Any,
        predicted: Any,
        tolerance: float,
        reason: str,
        rival: Rival[Any],
        dropped: int = 0,
        decided_from: str | None = None,
    ) -> None:
        refuse_bare_rival(rival)
        _check_tolerance(tolerance, reason)
        values = as_array(measured)
        truth = _like(predicted, "predicted", values)
        other = _like(rival.value, "the rival's value", values)
        if values.size and not (np.abs(truth - other) > 2 * WRONG_BEYOND * tolerance).any():
            raise ValueError(
                f"the rival must differ from the prediction by more than 20 tolerances somewhere, "
                f"got at most {in_words(_largest(np.abs(truth - other)))} for the tolerance {tolerance:g}."
            )
        blocked = _why_blocked(values, dropped)
        cells: tuple[Cell, ...] = ()
        measured_text = advice = ""
        if blocked is None:
            error, rival_error = _largest(np.abs(values - truth)), _largest(np.abs(values - other))
            allowed = Interval(0, tolerance)
            cells = _tolerance_cells("largest error", error, rival_error, allowed, values.size)
            measured_text = f"largest error {in_words(error)} on {values.size} instances"
            if cells[0].claim_position is Position.STRADDLING:
                advice = f"the largest error, {in_words(error)}, lies between 1 and 10 tolerances."
        super().__init__(
            title=title,
            rule="Agrees",
            cells=cells,
            blocked=blocked,
            decided_from=decided_from,
            predicted=_summary(truth),
            measured=measured_text,
            rival=(rival.name, _summary(other)),
            sample_size=values.size,
            margin=f"{tolerance:g} ({reason})",
            smallest_visible="any miss" if tolerance == 0 else f"an error of {in_words(WRONG_BEYOND * tolerance)}",
            advice=advice,
        )


class Bounds(Comparison):
    """An inequality ``smaller <= larger`` on every instance, violated by at most the tolerance, never by more than ten.

    Args:
        title: What is compared.
        smaller: The numbers that are claimed to be smaller.
        larger: The numbers that bound them, of the same shape or one for all.
        tolerance: The largest violation allowed.
        reason: Why that tolerance.
        rival: A tighter bound in the place of ``larger``, refuted by one violation of more than 10 tolerances.
        dropped: How many members were left out as not converged.
        decided_from: The smallest profile that decides.

    Raises:
        ValueError: If shapes do not fit, the tolerance is negative or has no reason, or the rival is not tighter.

    Examples:
        >>> x = np.array([0, 0.5, 1])
        >>> rival = Rival("x**2 <= x/2", x / 2)
        >>> finding = Bounds("x**2 <= x", smaller=x**2, larger=x, tolerance=0, reason="exact", rival=rival).decide()
        >>> print(finding.verdict, "|", finding.predicted, "|", finding.measured, "|", finding.rival[1])
        SUPPORTED | 0 to 1 <= 0 to 1 | holds on all 3 instances, with at least 0 to spare | 0 to 1 <= 0 to 0.5
    """

    def __init__(
        self,
        title: str,
        *,
        smaller: Any,
        larger: Any,
        tolerance: float,
        reason: str,
        rival: Rival[Any],
        dropped: int = 0,
        decided_from: str | None = None,
    ) -> None:
        refuse_bare_rival(rival)
        _check_tolerance(tolerance, reason)
        values = as_array(smaller)
        bound = _like(larger, "larger", values, finite=False)
        tighter = _like(rival.value, "the rival's value", values)
        for array, name in ((values, "smaller"), (bound, "larger"), (tighter, "the rival's value")):
            if array.dtype.kind == "c":
                raise ValueError(f"{name} must be real numbers, got complex ones.")
        if values.size and not ((tighter <= bound).all() and (tighter < bound).any()):
            raise ValueError("the rival must be tighter: nowhere above larger, and below it somewhere.")
        blocked = _why_blocked(values, dropped) or why_not_finite(bound)
        cells: tuple[Cell, ...] = ()
        measured_text = advice = ""
        if blocked is None:
            excess, rival_excess = float((values - bound).max()), float((values - tighter).max())
            allowed = Interval(-math.inf, tolerance)
            cells = _tolerance_cells("largest violation", excess, rival_excess, allowed, values.size)
            measured_text = _outcome(values - bound, tolerance)
            if cells[0].claim_position is Position.STRADDLING:
                advice = f"the largest violation, {in_words(excess)}, lies between 1 and 10 tolerances."
        super().__init__(
            title=title,
            rule="Bounds",
            cells=cells,
            blocked=blocked,
            decided_from=decided_from,
            predicted=f"{_summary(values)} <= {_summary(bound)}",
            measured=measured_text,
            rival=(rival.name, f"{_summary(values)} <= {_summary(tighter)}"),
            sample_size=values.size,
            margin=f"{tolerance:g} ({reason})",
            smallest_visible="any violation"
            if tolerance == 0
            else f"a violation of {in_words(WRONG_BEYOND * tolerance)}",
            advice=advice,
        )


def _tolerance_cells(name: str, error: float, rival_error: float, allowed: Interval, count: int) -> tuple[Cell, ...]:
    """Put the worst instance into a cell for the claim and one for the rival."""
    return (
        Cell(name, Evidence.FLOAT, Interval(error, error), claimed=allowed, count=count, grey=WRONG_BEYOND),
        Cell(
            f"{name}, rival",
            Evidence.FLOAT,
            Interval(rival_error, rival_error),
            rival=allowed,
            count=count,
            grey=WRONG_BEYOND,
        ),
    )


def _check_tolerance(tolerance: float, reason: str) -> None:
    if not 0 <= tolerance < math.inf:
        raise ValueError(f"tolerance must be a finite number >= 0, got {tolerance}.")
    if not reason.strip():
        raise ValueError(f"reason must say why the tolerance is {tolerance:g}, got {reason!r}.")


def _like(values: Any, name: str, other: npt.NDArray[Any], *, finite: bool = True) -> npt.NDArray[Any]:
    """Return predictions in the shape of the measured numbers.

    Raises:
        ValueError: If they have another shape, or are not finite though they must be.
    """
    array = as_array(values)
    if array.shape not in ((), other.shape):
        raise ValueError(f"{name} must be one number or have the shape {other.shape}, got {array.shape}.")
    if finite and not np.isfinite(array).all():
        raise ValueError(
            f"{name} must be finite, got {int(np.count_nonzero(~np.isfinite(array)))} values that are not."
        )
    return np.broadcast_to(array, other.shape)


def _why_blocked(values: npt.NDArray[Any], dropped: int) -> str | None:
    if values.size == 0:
        return "there is no instance."
    return why_dropped(len(values) if values.ndim else 1, dropped) or why_not_finite(values)


def _largest(errors: npt.NDArray[Any]) -> float:
    return float(errors.max()) if errors.size else 0.0


def _outcome(excess: npt.NDArray[Any], tolerance: float) -> str:
    """Say by how much an inequality holds or fails, where it does worst."""
    worst, violated = excess.max().item(), int((excess > tolerance).sum())
    if violated:
        return f"fails on {violated} of {excess.size} instances, by up to {in_words(worst)}"
    close = f"to within {in_words(worst)}" if worst > 0 else f"with at least {in_words(abs(worst))} to spare"
    return f"holds on all {excess.size} instances, {close}"


def _summary(values: npt.NDArray[Any]) -> str:
    """Put predictions into words: one number, or the range of many."""
    if values.size == 0:
        return "nothing"
    if values.dtype.kind == "c":
        return f"{values.size} complex values"
    low, high = values.min().item(), values.max().item()
    return in_words(low) if low == high else f"{in_words(low)} to {in_words(high)}"
