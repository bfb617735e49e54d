"""Spectra against a law: the rule ``SameLaw``."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from verify.comparison import LEVEL, Cell, Comparison, Rival
from verify.intervals import Array, Interval, in_words, median_interval
from verify.rules.samples import as_floats, more_draws, refuse_bare_rival, why_blocked, why_dropped, why_not_finite
from verify.rules.scaling import log_log_weights
from verify.rules.transport import distance_between, distances_to_law, standard_deviation
from verify.verdict import Evidence, Position

SLOPE: Final = -0.5


class SameLaw(Comparison):
    """Spectra of growing size approach a law, in W1 over the law's standard deviation; medians over draws.

    Three cells: the distance at the largest size is at most ``within``; the log-log slope of the distance in the size
    is at most -1/2; the distance of the same spectra to the rival law is more than ``within``.

    Args:
        title: What is compared.
        law: The law, a ``theory.SpectralLaw`` with nothing free.
        spectra: Eigenvalues (draws, eigenvalues) by size, at least two sizes, as many draws of each.
        within: The largest distance allowed at the largest size, in standard deviations of the law.
        rival: Another law, more than twice ``within`` away.
        dropped: How many draws were left out.
        decided_from: The smallest profile that decides.

    The three cells share the level, so that 20 draws give the whole range of the slopes as their interval: one draw
    above -1/2, which at sizes of 50 to 400 is one in thirty to a hundred, leaves a true law undecided. Take 40.

    Raises:
        ValueError: If ``within`` is not positive, sizes or shapes do not fit, or the rival is too near.
    """

    def __init__(
        self,
        title: str,
        *,
        law: Any,
        spectra: Mapping[int, Any],
        within: float,
        rival: Rival[Any],
        dropped: int = 0,
        decided_from: str | None = None,
    ) -> None:
        refuse_bare_rival(rival)
        if not 0 < within < np.inf:
            raise ValueError(f"within must be positive and finite, got {within}.")
        sizes = sorted(spectra)
        if len(sizes) < 2 or sizes[0] <= 0:
            raise ValueError(f"spectra must have at least two positive sizes, got {sizes}.")
        tables = [as_floats(spectra[size], f"the spectra of size {size}", dimensions=2) for size in sizes]
        if len({len(table) for table in tables}) > 1:
            raise ValueError(f"spectra must have as many draws of each size, got {[len(table) for table in tables]}.")
        unit = standard_deviation(law)
        apart = distance_between(law, rival.value) / unit
        if not apart > 2 * within:
            raise ValueError(
                f"within {within:g} reaches the rival: the laws are {in_words(apart)} apart, not more than twice."
            )
        draws = len(tables[0])
        blocked = why_dropped(draws, dropped)
        for table in tables:
            blocked = blocked or why_not_finite(table)
        cells: tuple[Cell, ...] = ()
        measured = advice = visible = ""
        if blocked is None:
            distances = np.stack([distances_to_law(table, law) / unit for table in tables], axis=1)
            slopes = np.log(distances) @ log_log_weights(np.array(sizes, dtype=np.float64))[0]
            away = distances_to_law(tables[-1], rival.value) / unit
            columns: Array = np.stack([distances[:, -1], slopes, away])
            blocked = why_blocked(columns, level=LEVEL / 3)
        if blocked is None:
            lower, upper = median_interval(columns, LEVEL / 3)
            regions = [Interval(float(low), float(high)) for low, high in zip(lower, upper, strict=True)]
            near, falling = Interval(0, within), Interval(-np.inf, SLOPE)
            names = (
                f"median distance at size {sizes[-1]}",
                "median log-log slope in size",
                f"median distance to the rival at size {sizes[-1]}",
            )
            cells = (
                Cell(names[0], Evidence.INTERVAL, regions[0], claimed=near),
                Cell(names[1], Evidence.INTERVAL, regions[1], claimed=falling),
                Cell(names[2], Evidence.INTERVAL, regions[2], rival=near),
            )
            medians = np.median(columns, axis=1)
            measured = (
                f"W1/sd {in_words(medians[0])} in {regions[0]}, slope {in_words(medians[1])} in {regions[1]}; "
                f"to the rival {in_words(medians[2])}"
            )
            visible = f"a law {in_words(within + float(upper[0]))} standard deviations away"
            advice = _advice(cells, columns)
        super().__init__(
            title=title,
            rule="SameLaw",
            cells=cells,
            blocked=blocked,
            decided_from=decided_from,
            predicted=f"W1/sd at most {in_words(within)} to {law}, slope at most -1/2",
            measured=measured,
            rival=(rival.name, f"{rival.value}, {in_words(apart)} away"),
            sample_size=draws,
            level=LEVEL,
            margin=in_words(within),
            smallest_visible=visible or None,
            advice=advice,
        )


def _advice(cells: tuple[Cell, ...], columns: Array) -> str:
    """Say which of the claim's two cells straddles, and about how many draws would decide it."""
    whats = ("the distance lies across the margin", "the slope lies across -1/2")
    for place, (what, instead) in enumerate(zip(whats, ("larger sizes", "a wider range of sizes"), strict=True)):
        cell = cells[place]
        if cell.claim_position is Position.STRADDLING and cell.claimed is not None:
            above = int(np.count_nonzero(columns[place] > float(cell.claimed.upper)))
            draws = columns.shape[1]
            need = more_draws(min(above, draws - above), draws, LEVEL / 3)
            if need is None:
                return f"{what}, in {cell.region}, and so does its median: {instead} are needed."
            found = f"{what}, in {cell.region}, with {above} of {draws} draws above it"
            return f"{found}; about {need} draws or {instead} are needed."
    return ""
