"""What can be said of a claim, and the one function that says it.

A comparison measures *regions* and holds them against a *claimed set* and a *rival set*. A region is inside a set,
disjoint from it, or straddles its edge; the verdict follows from these two positions and from the kind of evidence
alone (:func:`decide`).
"""

import enum
import functools
from collections.abc import Iterable
from typing import Final


@functools.total_ordering
class Verdict(enum.Enum):
    """The outcome of a decided comparison, from the worst to the strongest.

    Examples:
        >>> Verdict.UNDECIDED < Verdict.SUPPORTED < Verdict.PROVED
        True
        >>> min(Verdict.PROVED, Verdict.REFUTED)
        <Verdict.REFUTED: 1>
    """

    ERROR = 0
    REFUTED = 1
    UNDECIDED = 2
    SUPPORTED = 3
    CERTIFIED = 4
    PROVED = 5

    def __lt__(self, other: object) -> bool:
        """Order by strength."""
        if not isinstance(other, Verdict):
            return NotImplemented
        return bool(self.value < other.value)

    def __str__(self) -> str:
        return self.name


OPEN: Final[frozenset[Verdict]] = frozenset({Verdict.SUPPORTED, Verdict.REFUTED, Verdict.UNDECIDED})
"""What an open question may come out as: any honest outcome, but not an error."""


class Status(enum.Enum):
    """Whether a finding has a verdict. Deferred and skipped findings never enter a claim's verdict."""

    DECIDED = "DECIDED"
    DEFERRED = "DEFERRED"
    SKIPPED = "SKIPPED"

    def __str__(self) -> str:
        return self.name


class Position(enum.Enum):
    """Where a region lies with respect to a set."""

    INSIDE = "inside"
    DISJOINT = "disjoint"
    STRADDLING = "straddling"

    def __str__(self) -> str:
        return self.value


class Evidence(enum.Enum):
    """What kind of region a cell holds, from the strongest evidence to the weakest."""

    EXACT = "exact"
    BALL = "ball"
    INTERVAL = "interval"
    FLOAT = "float"

    @property
    def verdict(self) -> Verdict:
        """The strongest verdict that this kind of evidence can carry."""
        return {Evidence.EXACT: Verdict.PROVED, Evidence.BALL: Verdict.CERTIFIED}.get(self, Verdict.SUPPORTED)

    def __str__(self) -> str:
        return self.value


PROFILES: Final = ("quick", "standard", "full")
"""The profiles of a run, from the smallest to the largest."""


def joint_position(positions: Iterable[Position]) -> Position | None:
    """Return the position of a comparison from those of its cells: inside if every one is, disjoint if one is.

    Returns:
        The joint position, or None where no cell has a set of this kind.

    Examples:
        >>> joint_position([Position.INSIDE, Position.STRADDLING]) is Position.STRADDLING
        True
        >>> joint_position([Position.STRADDLING, Position.DISJOINT]) is Position.DISJOINT
        True
        >>> joint_position([]) is None
        True
    """
    seen = set(positions)
    if not seen:
        return None
    if Position.DISJOINT in seen:
        return Position.DISJOINT
    return Position.INSIDE if seen == {Position.INSIDE} else Position.STRADDLING


def decide(claim: Position, rival: Position | None, evidence: Iterable[Evidence]) -> Verdict:
    """Decide a comparison.

    ========== ============ =====================================================
    claim      rival        verdict
    ========== ============ =====================================================
    inside     disjoint     the weakest evidence: PROVED, CERTIFIED or SUPPORTED
    inside     not disjoint UNDECIDED: no power against this rival
    disjoint   any          REFUTED
    straddling any          UNDECIDED
    ========== ============ =====================================================

    Args:
        claim: The joint position of the regions with respect to the claimed sets.
        rival: The same for the rival sets; None where no cell has one.
        evidence: The kinds of the cells that carry a claimed set.

    Examples:
        >>> decide(Position.INSIDE, Position.DISJOINT, [Evidence.EXACT, Evidence.BALL])
        <Verdict.CERTIFIED: 4>
        >>> decide(Position.INSIDE, Position.STRADDLING, [Evidence.EXACT])
        <Verdict.UNDECIDED: 2>
        >>> decide(Position.DISJOINT, Position.DISJOINT, [Evidence.FLOAT])
        <Verdict.REFUTED: 1>
    """
    if claim is Position.DISJOINT:
        return Verdict.REFUTED
    if claim is Position.INSIDE and rival is Position.DISJOINT:
        return min(kind.verdict for kind in evidence)
    return Verdict.UNDECIDED
