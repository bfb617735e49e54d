"""The statements of the lectures that the ledger covers, theme by theme, and the notes on their wording."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from verify.lectures import (
    basics,
    connectivity,
    curvature,
    flat_minima,
    flatness,
    generalisation,
    lazy_training,
    level_sets,
    local_minima,
    random_matrix_model,
    rescaling,
    sharp_minima,
    spin_glass,
)
from verify.sources import Slip, Statement

if TYPE_CHECKING:
    from verify.ledger import Claim

STATEMENTS: Final[tuple[Statement, ...]] = (
    *random_matrix_model.STATEMENTS,
    *basics.STATEMENTS,
    *connectivity.STATEMENTS,
    *curvature.STATEMENTS,
    *flatness.STATEMENTS,
    *generalisation.STATEMENTS,
    *lazy_training.STATEMENTS,
    *level_sets.STATEMENTS,
    *local_minima.STATEMENTS,
    *flat_minima.STATEMENTS,
    *rescaling.STATEMENTS,
    *sharp_minima.STATEMENTS,
    *spin_glass.STATEMENTS,
)


def notes_on(claims: "Sequence[Claim]") -> list[dict[str, str]]:
    """Return the notes on wording of the lectures that printed these claims, as plain JSON data.

    Examples:
        >>> notes_on([])
        []
    """
    lectures = {claim.source.printed.lecture for claim in claims if claim.source.printed is not None}
    return [
        {
            "lecture": str(statement.slide.lecture),
            "slide": statement.slide.title,
            "statement": statement.text,
            "said": statement.covered.said,
            "meant": statement.covered.meant,
        }
        for statement in STATEMENTS
        if isinstance(statement.covered, Slip) and statement.slide.lecture in lectures
    ]
