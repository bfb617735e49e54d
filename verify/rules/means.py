"""Means: the rule ``Equals``, for claims that are about a mean."""

from typing import Any

from verify.comparison import LEVEL, Cell, Comparison, Rival
from verify.intervals import Interval, in_words, mean_error, student_interval
from verify.rules.samples import (
    ERRORS_IN_MARGIN,
    as_columns,
    as_numbers,
    bands,
    cell_names,
    list_in_words,
    margin_around,
    margin_in_words,
    more_data,
    once_in_words,
    refuse_bare_rival,
    rival_numbers,
    why_blocked,
    worst_cell,
)
from verify.verdict import Evidence, Position


class Equals(Comparison):
    """Student's interval of the mean, inside the prediction +- a margin.

    Only where the claim is about a mean, and the replicates are near normal: for skewed data the level is nominal.

    Args:
        title: What is compared.
        predicted: The predicted mean, or one per column of the replicates.
        replicates: Independent draws, (n,) or (n, cells).
        rival: Another mean, or one per cell, judged by the same margin.
        relative: The margin as a fraction of the prediction.
        absolute: The margin itself; exactly one of the two.
        dropped: How many members were left out as not converged.
        decided_from: The smallest profile that decides.

    Raises:
        ValueError: If a margin is missing, doubled, not positive or reaches the rival, or shapes do not fit.

    Examples:
        >>> draws = [1 + 0.01 * (-1) ** k * (k % 13) / 6 for k in range(40)]
        >>> print(Equals("a mean", predicted=1, replicates=draws, absolute=0.1, rival=Rival("zero", 0)).decide())
        SUPPORTED  a mean: The measurement agrees with the claim and refutes the rival (zero).
    """

    def __init__(
        self,
        title: str,
        *,
        predicted: Any,
        replicates: Any,
        rival: Rival[Any],
        relative: float | None = None,
        absolute: float | None = None,
        dropped: int = 0,
        decided_from: str | None = None,
    ) -> None:
        refuse_bare_rival(rival)
        targets = as_numbers(predicted, "predicted")
        others = rival_numbers(rival.value, len(targets))
        margins = [margin_around(target, relative, absolute) for target in targets]
        sets = [bands(*three) for three in zip(targets, others, margins, strict=True)]
        columns = as_columns(replicates, len(targets))
        blocked = why_blocked(columns, dropped)
        level = LEVEL / len(targets)
        cells: list[Cell] = []
        measured = advice = visible = ""
        if blocked is None:
            means, errors = columns.mean(axis=-1), mean_error(columns)
            lower, upper = student_interval(columns, level)
            names = cell_names("mean", len(sets))
            for cell, (claimed, other) in enumerate(sets):
                powered = margins[cell] >= ERRORS_IN_MARGIN * float(errors[cell])
                region = Interval(float(lower[cell]), float(upper[cell]))
                cells.append(Cell(names[cell], Evidence.INTERVAL, region, claimed, other, powered=powered))
            found = f"mean {in_words(means[0])} in {cells[0].region}"
            if len(cells) > 1:
                found = f"means {list_in_words(means.tolist())}"
            measured = f"{found} (level nominal: exact for normal data only)"
            halves = ((upper - lower) / 2).tolist()
            seen = [margin + half for margin, half in zip(margins, halves, strict=True)]
            visible = f"an error of {once_in_words(seen)} (margin {once_in_words(margins)})"
            worst = worst_cell(cells)
            if cells[worst].claim_position is Position.STRADDLING:
                known = float(means[worst]), float(errors[worst])
                where = f"{names[worst]}: " if len(cells) > 1 else ""
                advice = where + more_data(cells[worst], *known, columns.shape[-1], margins[worst])
        super().__init__(
            title=title,
            rule="Equals",
            cells=tuple(cells),
            blocked=blocked,
            decided_from=decided_from,
            predicted=list_in_words(targets),
            measured=measured,
            rival=(rival.name, list_in_words(others)),
            sample_size=columns.shape[-1],
            level=level * len(targets),
            margin=margin_in_words(relative, absolute),
            smallest_visible=visible or None,
            advice=advice,
        )
