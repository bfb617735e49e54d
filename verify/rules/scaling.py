"""Power laws and limits: the rules ``Exponent`` and ``Limit``.

Both fit each replicate on its own, by a linear map of its values that was fixed beforehand, and take the exact
order-statistic interval of the median over replicates.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from verify.comparison import LEVEL, Cell, Comparison, Rival
from verify.intervals import Array, Interval, in_words, median_error, median_interval
from verify.rules.samples import (
    ERRORS_IN_MARGIN,
    LEAST_REPLICATES,
    as_array,
    as_floats,
    as_numbers,
    bands,
    margin_around,
    margin_in_words,
    more_data,
    refuse_bare_rival,
    why_blocked,
    why_dropped,
    why_not_finite,
)
from verify.verdict import Evidence, Position


@dataclass(frozen=True)
class Control:
    """Data whose exponent is known, to try the fit itself on.

    Args:
        predicted: The known exponent.
        y: One value per size, or (replicates, sizes).
    """

    predicted: float
    y: Any


class Exponent(Comparison):
    """The median of one log-log slope per replicate, inside the prediction +- a margin.

    The window is the given sizes. The comparison is blocked if the control's slope misses its known exponent by more
    than the margin, or if the curvature in log-log coordinates is not known to be smaller than margin / (log length
    of the window): no power law there.

    Args:
        title: What is compared.
        predicted: The exponent.
        x: At least three different positive sizes: the window.
        y: Values (replicates, sizes).
        rival: The neighbouring exponent, judged by the same margin.
        relative: The margin as a fraction of the exponent.
        absolute: The margin itself; exactly one of the two.
        control: The same fit on data whose exponent is known.
        dropped: How many members were left out as not converged.
        decided_from: The smallest profile that decides.

    Raises:
        ValueError: If a margin is missing, doubled, not positive or reaches the rival, or sizes or shapes do not fit.

    Examples:
        >>> y = [[(1 + k / 400) * n**1.5 * (1 + 0.001 * k * math.sin(n)) for n in (1, 2, 4, 8)] for k in range(20)]
        >>> rival = Rival("one", 1)
        >>> Exponent("growth", predicted=1.5, x=(1, 2, 4, 8), y=y, absolute=0.1, rival=rival).decide().verdict
        <Verdict.SUPPORTED: 3>
    """

    def __init__(
        self,
        title: str,
        *,
        predicted: float,
        x: Sequence[float],
        y: Any,
        rival: Rival[float],
        relative: float | None = None,
        absolute: float | None = None,
        control: Control | None = None,
        dropped: int = 0,
        decided_from: str | None = None,
    ) -> None:
        refuse_bare_rival(rival)
        (target,), (other,) = as_numbers(predicted, "predicted"), as_numbers(rival.value, "the rival's value")
        margin = margin_around(target, relative, absolute)
        claimed, rival_set = bands(target, other, margin)
        window = _sizes(x, "x")
        values = _rows(y, "y", len(window))
        slope_of, curve_of = log_log_weights(window)
        cells: tuple[Cell, ...] = ()
        measured = advice = visible = ""
        blocked = why_dropped(len(values), dropped) or why_not_finite(values) or _why_not_positive(values)
        if blocked is None:
            slopes = np.log(values) @ slope_of
            blocked = (
                why_blocked(slopes)
                or _why_curved(np.log(values) @ curve_of, margin / math.log(window.max() / window.min()))
                or _why_uncontrolled(control, slope_of, margin)
            )
        if blocked is None:
            lower, upper = (float(end) for end in median_interval(slopes, LEVEL))
            centre, error = float(np.median(slopes)), float(median_error(slopes))
            region = Interval(lower, upper)
            powered = margin >= ERRORS_IN_MARGIN * error
            cells = (Cell("exponent", Evidence.INTERVAL, region, claimed, rival_set, powered=powered),)
            reach = f"{in_words(window.min())} to {in_words(window.max())}"
            measured = f"median slope {in_words(centre)} in {region}, window {reach}"
            reached = max(upper - centre, centre - lower)
            visible = f"an error of {in_words(margin + reached)} (margin {in_words(margin)})"
            if cells[0].claim_position is Position.STRADDLING:
                advice = more_data(cells[0], centre, error, len(values), margin)
        super().__init__(
            title=title,
            rule="Exponent",
            cells=cells,
            blocked=blocked,
            decided_from=decided_from,
            predicted=in_words(target),
            measured=measured,
            rival=(rival.name, in_words(other)),
            sample_size=len(values),
            level=LEVEL,
            margin=margin_in_words(relative, absolute),
            smallest_visible=visible or None,
            advice=advice,
        )


class Limit(Comparison):
    """The hull of the median intercepts of two extrapolations in 1/size^p, inside the prediction +- a margin.

    Per replicate and power p, ``values = limit + coefficient * size**(-p)`` is fitted by least squares; each of the two
    intercepts gets half of the level. Where the two powers disagree the hull is wide: it shows what the extrapolation
    takes for granted.

    Args:
        title: What is compared.
        predicted: The limit.
        sizes: At least three different positive sizes.
        values: Values (replicates, sizes).
        powers: Two different positive powers, fixed beforehand.
        rival: Another limit, judged by the same margin.
        relative: The margin as a fraction of the limit.
        absolute: The margin itself; exactly one of the two.
        dropped: How many members were left out as not converged.
        decided_from: The smallest profile that decides.

    Raises:
        ValueError: If a margin is missing, doubled, not positive or reaches the rival, or sizes, powers or shapes do
        not fit.

    Examples:
        >>> sizes = (50, 100, 200)
        >>> values = [[2 + 3 / n + 0.001 * (k % 17) for n in sizes] for k in range(20)]
        >>> fixed = {"powers": (1, 1.5), "absolute": 0.1, "rival": Rival("three", 3)}
        >>> Limit("a limit", predicted=2, sizes=sizes, values=values, **fixed).decide().verdict
        <Verdict.SUPPORTED: 3>
    """

    def __init__(
        self,
        title: str,
        *,
        predicted: float,
        sizes: Sequence[float],
        values: Any,
        powers: Sequence[float],
        rival: Rival[float],
        relative: float | None = None,
        absolute: float | None = None,
        dropped: int = 0,
        decided_from: str | None = None,
    ) -> None:
        refuse_bare_rival(rival)
        (target,), (other,) = as_numbers(predicted, "predicted"), as_numbers(rival.value, "the rival's value")
        margin = margin_around(target, relative, absolute)
        claimed, rival_set = bands(target, other, margin)
        window = _sizes(sizes, "sizes")
        exponents = as_numbers(powers, "powers")
        if len(exponents) != 2 or exponents[0] == exponents[1] or min(exponents) <= 0:
            raise ValueError(f"powers must be two different positive numbers, got {tuple(powers)}.")
        table = _rows(values, "values", len(window))
        intercepts = np.stack([table @ intercept_weights(window, power) for power in exponents])
        blocked = why_dropped(len(table), dropped) or why_not_finite(table) or why_blocked(intercepts)
        cells: tuple[Cell, ...] = ()
        measured = advice = visible = ""
        if blocked is None:
            lower, upper = median_interval(intercepts, LEVEL / 2)
            region = Interval(float(lower.min()), float(upper.max()))
            first, second = (float(centre) for centre in np.median(intercepts, axis=-1))
            error = float(median_error(intercepts).max())
            powered = margin >= ERRORS_IN_MARGIN * error
            cells = (Cell("limit", Evidence.INTERVAL, region, claimed, rival_set, powered=powered),)
            fits = zip((first, second), exponents, strict=True)
            measured = " and ".join(f"{in_words(fit)} (power {power:g})" for fit, power in fits) + f", hull {region}"
            middle = (first + second) / 2
            reached = max(float(region.upper) - middle, middle - float(region.lower))
            visible = f"an error of {in_words(margin + reached)} (margin {in_words(margin)})"
            if cells[0].claim_position is Position.STRADDLING:
                advice = more_data(cells[0], middle, error, len(table), margin)
                if abs(first - second) > float((upper - lower).max()):
                    advice = (
                        f"the two extrapolations differ by {in_words(abs(first - second))}; larger sizes are needed."
                    )
        super().__init__(
            title=title,
            rule="Limit",
            cells=cells,
            blocked=blocked,
            decided_from=decided_from,
            predicted=in_words(target),
            measured=measured,
            rival=(rival.name, in_words(other)),
            sample_size=len(table),
            level=LEVEL,
            margin=margin_in_words(relative, absolute),
            smallest_visible=visible or None,
            advice=advice,
        )


def log_log_weights(sizes: Array) -> tuple[Array, Array]:
    """Return the weights that turn log values into a least-squares slope, and into the quadratic coefficient of a
    parabola.

    Examples:
        >>> x = np.array([1.0, 2.0, 4.0, 8.0])
        >>> slope, curvature = log_log_weights(x)
        >>> round(float(np.log(3 * x**1.5) @ slope), 12), abs(round(float(np.log(3 * x**1.5) @ curvature), 12))
        (1.5, 0.0)
    """
    logs = np.log(sizes)
    centred = logs - logs.mean()
    parabola = np.linalg.pinv(np.stack([np.ones_like(centred), centred, centred**2], axis=1))
    return centred / (centred @ centred), parabola[2]


def intercept_weights(sizes: Array, power: float) -> Array:
    """Return the weights that turn values into the intercept of a least-squares line in ``size**(-power)``.

    Examples:
        >>> sizes = np.array([10.0, 20.0, 40.0])
        >>> round(float((2 + 3 / sizes) @ intercept_weights(sizes, 1)), 12)
        2.0
    """
    scaled = (sizes / sizes.min()) ** (-power)
    weights: Array = np.linalg.pinv(np.stack([np.ones_like(scaled), scaled], axis=1))[0]
    return weights


def _sizes(sizes: Sequence[float], name: str) -> Array:
    """Read a window of sizes.

    Raises:
        ValueError: If there are fewer than three, one is not positive, or two are equal.
    """
    numbers = as_numbers(sizes, name)
    if len(set(numbers)) < max(3, len(numbers)) or min(numbers) <= 0:
        raise ValueError(f"{name} must be at least 3 different positive numbers, got {tuple(numbers)}.")
    return np.array(numbers)


def _rows(values: Any, name: str, sizes: int) -> Array:
    """Read values (replicates, sizes).

    Raises:
        ValueError: If there is not one column per size.
    """
    table = as_floats(values, name, dimensions=2)
    if table.shape[1] != sizes:
        raise ValueError(f"{name} must have one column per size, got shape {table.shape} for {sizes} sizes.")
    return table


def _why_not_positive(values: Array) -> str | None:
    bad = int(np.count_nonzero(values <= 0))
    return f"{bad} of {values.size} values are not positive, and have no logarithm." if bad else None


def _why_curved(curvatures: Array, most: float) -> str | None:
    """Say that the curvature is not known to be small, if it is not."""
    lower, upper = (float(end) for end in median_interval(curvatures, LEVEL))
    if -most <= lower and upper <= most:
        return None
    region = Interval(lower, upper)
    return f"no power law in this window: the log-log curvature lies in {region}, not within +-{in_words(most)}."


def _why_uncontrolled(control: Control | None, slope_of: Array, margin: float) -> str | None:
    """Say that the fit misses the exponent of the control, if it does.

    Raises:
        ValueError: If the control has another number of sizes.
    """
    if control is None:
        return None
    table = np.atleast_2d(np.asarray(as_array(control.y), dtype=np.float64))
    if table.ndim != 2 or table.shape[1] != len(slope_of):
        raise ValueError(f"control.y must have one column per size, got shape {table.shape} for {len(slope_of)} sizes.")
    if not np.isfinite(table).all() or (table <= 0).any():
        return "the control has values that are not positive and finite."
    slopes = np.log(table) @ slope_of
    lower, upper = float(slopes.min()), float(slopes.max())
    if len(slopes) >= LEAST_REPLICATES:
        lower, upper = (float(end) for end in median_interval(slopes, LEVEL))
    region = Interval(lower, upper)
    if region.is_inside(Interval.around(control.predicted, margin)):
        return None
    known = in_words(control.predicted)
    return f"the same fit puts the control's exponent in {region}, not within {in_words(margin)} of {known}."
