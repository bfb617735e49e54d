"""Data as the rules take them: arrays of any kind, what blocks them, margins, and what more data would decide.

Replicates stand on the first axis: independent draws or seeds, never the eigenvalues of one matrix or the epochs of
one run.
"""

import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from verify.comparison import Cell, Rival
from verify.intervals import Array, Interval, in_words, least_size, median_ranks

LEAST_REPLICATES: Final = 20
LEAST_VALUES: Final = 8
MOST_DROPPED: Final = 0.05
ERRORS_IN_MARGIN: Final = 10
MOST_LISTED: Final = 6


def refuse_bare_rival(rival: object) -> None:
    """Refuse a rival that is a value without a name.

    Raises:
        TypeError: If it is no `Rival`.
    """
    if not isinstance(rival, Rival):
        raise TypeError(f"rival must be a Rival(name, value), got {rival!r}.")


def as_array(values: Any) -> npt.NDArray[Any]:
    """Return numpy arrays, nested lists and torch tensors on any device as a numpy array of integers, floats or
    complex numbers.

    Examples:
        >>> as_array([1, 2]).dtype.kind, as_array([True]).dtype.kind, as_array([0.5, 1]).dtype.name
        ('i', 'i', 'float64')
    """
    if hasattr(values, "detach"):
        values = values.detach().cpu()
        values = (values.double() if values.is_floating_point() else values).numpy()
    array = np.asarray(values)
    if array.dtype.kind in "biu":
        return array.astype(np.int64)
    return array.astype(np.complex128 if array.dtype.kind == "c" else np.float64)


def as_floats(values: Any, name: str, *, dimensions: int) -> Array:
    """Return real data of a given number of axes.

    Raises:
        ValueError: If the array has another number of axes, or an axis behind the first is empty.
    """
    array = np.asarray(as_array(values), dtype=np.float64)
    if array.ndim != dimensions or 0 in array.shape[1:]:
        axes = ("replicates", "replicates and points")[dimensions - 1]
        raise ValueError(f"{name} must have {dimensions} non-empty axes, {axes}, got shape {array.shape}.")
    return array


def as_columns(values: Any, cells: int) -> Array:
    """Return replicates (n,) or (n, cells) as (cells, n).

    Raises:
        ValueError: If the number of columns is not that of the predictions.
    """
    array = np.asarray(as_array(values), dtype=np.float64)
    if array.ndim == 1:
        array = array[:, None]
    if array.ndim != 2 or array.shape[1] != cells:
        raise ValueError(
            f"replicates must have shape (n,) or (n, {cells}), one column a prediction, got {array.shape}."
        )
    return np.ascontiguousarray(array.T)


def as_numbers(values: Any, name: str) -> list[float]:
    """Return a finite number, or a sequence of them, as a list.

    Raises:
        ValueError: If there is none, or one is not finite.
    """
    numbers = [float(value) for value in (values if np.iterable(values) else [values])]
    if not numbers or not all(map(math.isfinite, numbers)):
        raise ValueError(f"{name} must be one or more finite numbers, got {numbers}.")
    return numbers


def why_dropped(kept: int, dropped: int) -> str | None:
    """Say that too many members were dropped, if they were.

    Raises:
        ValueError: If the number of dropped members is negative.

    Examples:
        >>> why_dropped(95, 5), why_dropped(94, 6)
        (None, '6 of 100 members were dropped, more than 5 %.')
    """
    if dropped < 0:
        raise ValueError(f"dropped must be a number of members, got {dropped}.")
    if dropped > MOST_DROPPED * (kept + dropped):
        return f"{dropped} of {kept + dropped} members were dropped, more than 5 %."
    return None


def why_not_finite(values: npt.NDArray[Any]) -> str | None:
    """Say how many values are not finite, if some are not."""
    bad = int(np.count_nonzero(~np.isfinite(values)))
    return f"{bad} of {values.size} values are not finite." if bad else None


def why_blocked(columns: Array, dropped: int = 0, level: float | None = None) -> str | None:
    """Say what is wrong with replicates on the last axis, if anything is.

    Args:
        columns: Replicates, one row a cell.
        dropped: How many members were left out.
        level: Each cell's share of the level, where its interval is made of order statistics: many cells need more
            than 20 replicates for a finite one.

    Examples:
        >>> why_blocked(np.arange(20.0)), why_blocked(np.arange(12.0))
        (None, '20 replicates are needed, there are 12.')
        >>> why_blocked(np.arange(20.0) % 3)
        'only 3 of the values are distinct; counts: use Proportion or Agrees.'
    """
    count = columns.shape[-1]
    if (reason := why_dropped(count, dropped)) is not None:
        return reason
    least = max(LEAST_REPLICATES, least_size(level) if level else 0)
    if count < least:
        shared = f" for {len(columns)} cells that share one level" if least > LEAST_REPLICATES else ""
        return f"{least} replicates are needed{shared}, there are {count}."
    if (reason := why_not_finite(columns)) is not None:
        return reason
    distinct = min(len(np.unique(column)) for column in columns.reshape(-1, count))
    if distinct == 1:
        return "the replicates do not vary."
    if distinct < LEAST_VALUES:
        return f"only {distinct} of the values are distinct; counts: use Proportion or Agrees."
    return None


def margin_around(predicted: float, relative: float | None, absolute: float | None) -> float:
    """Return the margin on either side of a prediction.

    Raises:
        ValueError: If not exactly one margin is given, it is not positive, or it is relative to zero.
    """
    given = [margin for margin in (relative, absolute) if margin is not None]
    if len(given) != 1:
        raise ValueError(f"exactly one of relative and absolute must be given, got {relative} and {absolute}.")
    if not 0 < given[0] < math.inf:
        raise ValueError(f"a margin must be positive and finite, got {given[0]}.")
    if relative is not None and predicted == 0:
        raise ValueError(f"a relative margin needs a prediction other than 0, got relative = {relative}.")
    return given[0] if relative is None else given[0] * abs(predicted)


def margin_in_words(relative: float | None, absolute: float | None) -> str:
    """Write the margin that was given.

    Examples:
        >>> margin_in_words(0.05, None), margin_in_words(None, 2)
        ('0.05 relative', '2 absolute')
    """
    return f"{relative:g} relative" if relative is not None else f"{absolute:g} absolute"


def bands(predicted: float, rival: float, margin: float) -> tuple[Interval, Interval]:
    """Return the claimed and the rival set, prediction +- margin and rival +- margin.

    Raises:
        ValueError: If they meet.
    """
    claimed, other = Interval.around(predicted, margin), Interval.around(rival, margin)
    if not claimed.is_disjoint(other):
        raise ValueError(
            f"margin {in_words(margin)} reaches the rival: {in_words(predicted)} and {in_words(rival)} must lie more "
            f"than twice the margin apart."
        )
    return claimed, other


def rival_numbers(rival: Any, cells: int) -> list[float]:
    """Return the rival's value as one number per cell.

    Raises:
        ValueError: If there are not as many as predictions.
    """
    numbers = as_numbers(rival, "the rival's value")
    if len(numbers) != cells:
        raise ValueError(f"the rival must have one value per prediction, got {len(numbers)} for {cells}.")
    return numbers


def more_data(cell: Cell, estimate: float, error: float, replicates: int, margin: float | None = None) -> str:
    """Say about how much more data would bring a region off the edge of its claimed set, and the errors down to a
    tenth of the margin.

    Args:
        cell: The cell whose region straddles.
        estimate: The best guess in the region.
        error: Its standard error.
        replicates: How many replicates there are.
        margin: The margin, where the rule has one.
    """
    if cell.claimed is None or error == 0:
        return ""
    edges = [float(edge) for edge in (cell.claimed.lower, cell.claimed.upper) if math.isfinite(edge)]
    distance = min((abs(estimate - edge) for edge in edges), default=math.inf)
    half = max(float(cell.region.upper) - estimate, estimate - float(cell.region.lower))
    factor = (half / distance) ** 2 if distance > 0 else math.inf
    reason = "the interval reaches across the edge of the margin"
    if margin is not None and margin < ERRORS_IN_MARGIN * error:
        factor = max(factor, (ERRORS_IN_MARGIN * error / margin) ** 2)
        reason = f"the margin is {margin / error:.2g} standard errors and {ERRORS_IN_MARGIN} are needed"
    if not factor < 1000:
        return f"{reason}; more than 1000 times the data would be needed, the estimate lies at the edge."
    need = math.ceil(replicates * max(factor, 1.0))
    return f"{reason}; about {max(factor, 1.1):.2g} times the data is needed, some {need} replicates."


def more_draws(beyond: int, draws: int, level: float) -> int | None:
    """Return how many draws would bring the interval of a median off an edge that some draws lie beyond.

    Of n draws about a share p lies beyond; the interval avoids them once its rank exceeds n p by two standard errors.

    Args:
        beyond: How many of the draws lie on the wrong side.
        draws: How many draws there are.
        level: The level of the interval.

    Returns:
        The number, at least one more than there are; None where it is more than a thousand times as many.

    Examples:
        >>> more_draws(1, 20, 1e-4 / 3), more_draws(10, 20, 1e-4 / 3)
        (38, None)
    """
    share = (beyond + 1) / (draws + 2)
    count = draws + 1
    while count <= 1000 * draws:
        ranks = median_ranks(count, level)
        if ranks is not None and ranks[0] > count * share + 2 * math.sqrt(count * share * (1 - share)):
            return count
        count += max(1, count // 50)
    return None


def worst_cell(cells: list[Cell]) -> int:
    """Return which cell decides: the first disjoint one, else the first straddling one, else the first."""
    names = [str(cell.claim_position) for cell in cells]
    return next((names.index(name) for name in ("disjoint", "straddling") if name in names), 0)


def cell_names(coordinate: str, count: int) -> list[str]:
    """Return what the cells of a comparison are called: each by its place, so that a report shows each with its own
    sets; many by one name, so that it shows the worst.

    Examples:
        >>> cell_names("mean", 1), cell_names("mean", 2), set(cell_names("mean", 7))
        (['mean'], ['mean 1 of 2', 'mean 2 of 2'], {'mean'})
    """
    if not 1 < count <= MOST_LISTED:
        return [coordinate] * count
    return [f"{coordinate} {place} of {count}" for place in range(1, count + 1)]


def list_in_words(numbers: Sequence[float]) -> str:
    """Return numbers as text: all of a few, the range of many.

    Examples:
        >>> list_in_words([1.0, 0.25]), list_in_words([float(k) for k in range(9)])
        ('1, 0.25', '0 to 8 (9 values)')
    """
    if len(numbers) <= MOST_LISTED:
        return ", ".join(map(in_words, numbers))
    return f"{in_words(min(numbers))} to {in_words(max(numbers))} ({len(numbers)} values)"


def once_in_words(numbers: Sequence[float]) -> str:
    """Return numbers as text, a number that all cells share only once.

    Examples:
        >>> once_in_words([0.5, 0.5]), once_in_words([0.5, 0.25])
        ('0.5', '0.5, 0.25')
    """
    return in_words(numbers[0]) if len(set(numbers)) == 1 else list_in_words(numbers)
