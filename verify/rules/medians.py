"""Medians against a bound: the rules ``AtMost`` and ``AtLeast``."""

import math
from typing import Any, ClassVar

import numpy as np

from verify.comparison import LEVEL, Cell, Comparison, Rival
from verify.intervals import Interval, in_words, median_error, median_interval
from verify.rules.samples import (
    as_columns,
    as_numbers,
    cell_names,
    list_in_words,
    more_data,
    once_in_words,
    refuse_bare_rival,
    rival_numbers,
    why_blocked,
    worst_cell,
)
from verify.verdict import Evidence, Position


def half_line(edge: float, side: int) -> Interval:
    """Return the closed half-line below (side -1) or above (side +1) an edge."""
    return Interval(-math.inf, edge) if side < 0 else Interval(edge, math.inf)


def _seen(cell: Cell, side: int, edge: float, rival: float, median: float) -> float:
    """Return from where on a median beyond the edge would have been seen.

    The edge, and beyond it as far as the interval reaches from the median to its end nearer to the edge; not beyond a
    rival that these data exclude.
    """
    nearer = min((float(cell.region.lower), float(cell.region.upper)), key=lambda end: abs(end - edge))
    seen = edge - side * abs(median - nearer)
    if cell.rival_position is Position.DISJOINT:
        seen = min(seen, rival) if side < 0 else max(seen, rival)
    return seen


class _HalfLine(Comparison):
    """The order-statistic interval of the median inside a half-line, below (side -1) or above (side +1) a bound."""

    _side: ClassVar[int]

    def __init__(
        self,
        title: str,
        *,
        bound: Any,
        replicates: Any,
        rival: Rival[Any],
        dropped: int = 0,
        decided_from: str | None = None,
    ) -> None:
        side = self._side
        refuse_bare_rival(rival)
        edges = as_numbers(bound, "bound")
        others = rival_numbers(rival.value, len(edges))
        for edge, other in zip(edges, others, strict=True):
            if (other - edge) * side >= 0:
                word = "above" if side < 0 else "below"
                raise ValueError(f"the rival must lie {word} the bound, got {in_words(other)} for {in_words(edge)}.")
        columns = as_columns(replicates, len(edges))
        level = LEVEL / len(edges)
        blocked = why_blocked(columns, dropped, level)
        cells: list[Cell] = []
        measured = advice = visible = ""
        sign = "<=" if side < 0 else ">="
        if blocked is None:
            medians, errors = np.median(columns, axis=-1), median_error(columns)
            lower, upper = median_interval(columns, level)
            names = cell_names("median", len(edges))
            for cell, (edge, other) in enumerate(zip(edges, others, strict=True)):
                region = Interval(float(lower[cell]), float(upper[cell]))
                sets = half_line(edge, side), half_line(other, -side)
                cells.append(Cell(names[cell], Evidence.INTERVAL, region, *sets))
            measured = f"median {in_words(medians[0])} in {cells[0].region}"
            if len(cells) > 1:
                measured = f"medians {list_in_words(medians.tolist())}"
            seen = [
                _seen(cell, side, edge, other, float(centre))
                for cell, edge, other, centre in zip(cells, edges, others, medians, strict=True)
            ]
            visible = f"a median {'above' if side < 0 else 'below'} {once_in_words(seen)}"
            worst = worst_cell(cells)
            if cells[worst].claim_position is Position.STRADDLING:
                known = float(medians[worst]), float(errors[worst])
                where = f"{names[worst]}: " if len(cells) > 1 else ""
                advice = where + more_data(cells[worst], *known, columns.shape[-1])
        super().__init__(
            title=title,
            rule="AtMost" if side < 0 else "AtLeast",
            cells=tuple(cells),
            blocked=blocked,
            decided_from=decided_from,
            predicted=f"{sign} {list_in_words(edges)}",
            measured=measured,
            rival=(rival.name, f"{'>=' if side < 0 else '<='} {list_in_words(others)}"),
            sample_size=columns.shape[-1],
            level=level * len(edges),
            smallest_visible=visible or None,
            advice=advice,
        )


class AtMost(_HalfLine):
    """The exact order-statistic interval of the median, inside the half-line below a bound.

    Args:
        title: What is compared.
        bound: The bound, or one per column of the replicates.
        replicates: Independent draws, (n,) or (n, cells).
        rival: A value above the bound, or one per cell; the rival set is the half-line beyond it.
        dropped: How many members were left out as not converged.
        decided_from: The smallest profile that decides.

    Raises:
        ValueError: If the rival does not lie above the bound, or shapes do not fit.

    Examples:
        >>> draws = [k / 40 for k in range(40)]
        >>> finding = AtMost("a median", bound=1, replicates=draws, rival=Rival("two or more", 2)).decide()
        >>> print(finding.verdict, "|", finding.measured)
        SUPPORTED | median 0.4875 in [0.175, 0.8]
    """

    _side = -1


class AtLeast(_HalfLine):
    """The exact order-statistic interval of the median, inside the half-line above a bound.

    Args:
        title: What is compared.
        bound: The bound, or one per column of the replicates.
        replicates: Independent draws, (n,) or (n, cells).
        rival: A value below the bound, or one per cell; the rival set is the half-line beyond it.
        dropped: How many members were left out as not converged.
        decided_from: The smallest profile that decides.

    Raises:
        ValueError: If the rival does not lie below the bound, or shapes do not fit.

    Examples:
        >>> draws = [k / 40 for k in range(40)]
        >>> AtLeast("a median", bound=0.7, replicates=draws, rival=Rival("nothing", 0)).decide().verdict
        <Verdict.UNDECIDED: 2>
    """

    _side = +1
