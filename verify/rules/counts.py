"""Counts: the rules ``Proportion`` and ``Ordering``, by the exact interval of a proportion."""

import math
from bisect import bisect_left
from typing import Any

import numpy as np

from verify.comparison import LEVEL, Cell, Comparison, Rival
from verify.intervals import Interval, clopper_pearson, in_words
from verify.rules.samples import LEAST_REPLICATES, as_floats, as_numbers, refuse_bare_rival, why_dropped, why_not_finite
from verify.verdict import Evidence, Position


class Proportion(Comparison):
    """The Clopper-Pearson interval of a proportion, inside an interval.

    Args:
        title: What is compared.
        successes: How many trials succeeded.
        trials: How many independent trials there were.
        within: The claimed interval, in [0, 1].
        rival: A proportion outside it, or an interval that does not meet it.
        dropped: How many members were left out as not converged.
        decided_from: The smallest profile that decides.

    Raises:
        ValueError: If the counts are none, an interval is not in [0, 1], or the rival meets the claimed one.

    Examples:
        >>> rival = Rival("biased", 0.75)
        >>> finding = Proportion("heads", successes=497, trials=1000, within=(0.4, 0.6), rival=rival).decide()
        >>> print(finding.verdict, "|", finding.measured)
        SUPPORTED | 497 of 1000, 0.497 in [0.435269, 0.558794]
    """

    def __init__(
        self,
        title: str,
        *,
        successes: int,
        trials: int,
        within: tuple[float, float],
        rival: Rival[Any],
        dropped: int = 0,
        decided_from: str | None = None,
    ) -> None:
        refuse_bare_rival(rival)
        if not 0 <= int(successes) <= int(trials):
            raise ValueError(f"successes must lie between 0 and trials, got {successes} of {trials}.")
        claimed = _proportions(within, "within")
        other = _proportions(rival.value, "the rival's value")
        if not claimed.is_disjoint(other):
            raise ValueError(f"within must not meet the rival, got {claimed} and {other}.")
        blocked = why_dropped(int(trials), dropped)
        if blocked is None and trials < LEAST_REPLICATES:
            blocked = f"{LEAST_REPLICATES} trials are needed, there are {trials}."
        cells: tuple[Cell, ...] = ()
        measured = advice = visible = ""
        if blocked is None:
            region = _region(int(successes), int(trials))
            cells = (Cell("proportion", Evidence.INTERVAL, region, claimed, other),)
            measured = f"{int(successes)} of {int(trials)}, {in_words(successes / trials)} in {region}"
            visible = _seen(int(trials), claimed)
            if cells[0].claim_position is Position.STRADDLING:
                edges = [abs(successes / trials - float(edge)) for edge in (claimed.lower, claimed.upper)]
                advice = _more_trials(float(region.upper - region.lower) / 2, min(edges), int(trials))
        super().__init__(
            title=title,
            rule="Proportion",
            cells=cells,
            blocked=blocked,
            decided_from=decided_from,
            predicted=str(claimed),
            measured=measured,
            rival=(rival.name, in_words(other.lower) if other.lower == other.upper else str(other)),
            sample_size=int(trials),
            level=LEVEL,
            smallest_visible=visible or None,
            advice=advice,
        )


class Ordering(Comparison):
    """That one quantity is smaller than another in more than half of all pairs, or that a trend has one direction.

    The interval of P(lower < higher) must lie in (1/2, 1]; ties count against. It takes 15 pairs without exception,
    19 with one, 23 with two. A trend is judged by the sign of Kendall's tau, one per replicate. The rival is: no
    order, at most 1/2.

    Args:
        title: What is compared.
        lower: The values that are claimed to be smaller, one per pair.
        higher: The values that are claimed to be larger.
        trend: Values (replicates, points), in the place of pairs.
        direction: Where the trend is claimed to go, ``"increasing"`` or ``"decreasing"``.
        dropped: How many members were left out as not converged.
        decided_from: The smallest profile that decides.

    Raises:
        ValueError: If there is neither a pair nor a trend, or both, or shapes or the direction do not fit.

    Examples:
        >>> print(Ordering("larger", lower=range(15), higher=range(1, 16)).decide().measured)
        15 of 15 pairs in order, P in [0.516731, 1]
    """

    def __init__(
        self,
        title: str,
        *,
        lower: Any = None,
        higher: Any = None,
        trend: Any = None,
        direction: str | None = None,
        dropped: int = 0,
        decided_from: str | None = None,
    ) -> None:
        pairs = lower is not None and higher is not None
        if pairs == (trend is not None) or (lower is None) != (higher is None):
            raise ValueError(f"an ordering {title!r} needs either lower and higher, or a trend with its direction.")
        if pairs:
            if direction is not None:
                raise ValueError(f"direction belongs to a trend, got {direction!r} with pairs.")
            left, right = (as_floats(v, n, dimensions=1) for v, n in ((lower, "lower"), (higher, "higher")))
            if left.shape != right.shape:
                raise ValueError(f"lower and higher must have one value per pair, got {len(left)} and {len(right)}.")
            data, predicted, what = np.stack([left, right], axis=1), "lower < higher", "pairs"
        else:
            if direction not in ("increasing", "decreasing"):
                raise ValueError(f"direction must be increasing or decreasing, got {direction!r}.")
            data, predicted, what = as_floats(trend, "trend", dimensions=2), f"{direction}", "trends"
            if data.shape[1] < 2:
                raise ValueError(f"trend must have at least 2 points, got shape {data.shape}.")
        sign = -1.0 if direction == "decreasing" else 1.0
        trials = len(data)
        blocked = why_dropped(trials, dropped) or why_not_finite(data)
        if blocked is None and trials == 0:
            blocked = "there is no pair."
        cells: tuple[Cell, ...] = ()
        measured = advice = visible = ""
        if blocked is None:
            in_order = int(np.count_nonzero(kendall_signs(data) * sign > 0))
            region = _region(in_order, trials)
            claimed, rival_set = Interval(0.5, 1, lower_open=True), Interval(0, 0.5)
            cells = (Cell("P(in order)", Evidence.INTERVAL, region, claimed, rival_set),)
            measured = f"{in_order} of {trials} {what} in order, P in {region}"
            visible = _seen(trials, claimed)
            if cells[0].claim_position is Position.STRADDLING:
                share = in_order / trials
                advice = _more_trials(share - float(region.lower), abs(share - 0.5), trials)
        super().__init__(
            title=title,
            rule="Ordering",
            cells=cells,
            blocked=blocked,
            decided_from=decided_from,
            predicted=f"{predicted}: P in (1/2, 1]",
            measured=measured,
            rival=("no order", "P in [0, 1/2]"),
            sample_size=trials,
            level=LEVEL,
            smallest_visible=visible or None,
            advice=advice,
        )


def kendall_signs(rows: Any) -> Any:
    """Return the sign of Kendall's tau of each row against its position.

    Examples:
        >>> kendall_signs(np.array([[1, 2, 4, 3], [2, 1, 2, 1], [3, 2, 1, 1]])).tolist()
        [1.0, -1.0, -1.0]
    """
    table = np.asarray(rows, dtype=np.float64)
    total = np.zeros(len(table))
    for step in range(1, table.shape[1]):
        total += np.sign(table[:, step:] - table[:, :-step]).sum(axis=1)
    return np.sign(total)


def _region(successes: int, trials: int) -> Interval:
    lower, upper = clopper_pearson(successes, trials, LEVEL)
    return Interval(float(lower), float(upper))


def _seen(trials: int, claimed: Interval) -> str:
    """Say which counts would have refuted the claim.

    Examples:
        >>> _seen(40, Interval(0.25, 0.75)), _seen(40, Interval(0.5, 1)), _seen(10, Interval(0.5, 1))
        ('0 of 40 or fewer, 40 of 40 or more', '7 of 40 or fewer', 'none: there are too few trials')
    """
    below = Interval(0, claimed.lower, upper_open=not claimed.lower_open) if claimed.lower > 0 else None
    above = Interval(claimed.upper, 1, lower_open=not claimed.upper_open) if claimed.upper < 1 else None
    counts = range(trials + 1)
    words = []
    if below and (most := bisect_left(counts, True, key=lambda k: not _region(k, trials).is_inside(below)) - 1) >= 0:
        words.append(f"{most} of {trials} or fewer")
    if above and (least := bisect_left(counts, True, key=lambda k: _region(k, trials).is_inside(above))) <= trials:
        words.append(f"{least} of {trials} or more")
    return ", ".join(words) or "none: there are too few trials"


def _proportions(value: Any, name: str) -> Interval:
    """Read a proportion or an interval of them.

    Raises:
        ValueError: If it is neither, or reaches out of [0, 1].
    """
    ends = as_numbers(value, name)
    if len(ends) > 2 or not 0 <= ends[0] <= ends[-1] <= 1:
        raise ValueError(f"{name} must be a proportion or an interval in [0, 1], got {value}.")
    return Interval(ends[0], ends[-1])


def _more_trials(half: float, distance: float, trials: int) -> str:
    factor = (half / distance) ** 2 if distance > 0 else math.inf
    if not factor < 1000:
        return "the estimate lies at the edge; more than 1000 times the trials would be needed."
    need = max(math.ceil(trials * factor), trials + 1, 15)
    return f"about {max(need / trials, 1.1):.2g} times the trials are needed, some {need}."
