"""A comparison of regions with a claimed and a rival set, and the finding that it becomes when it is decided.

A :class:`Comparison` is built from the data by one of the rules (``verify.rules``). It holds :class:`Cell` s: each
has one region, measured or computed, and a claimed set, a rival set or both, all in the cell's own coordinate. Where
both share a cell they must be disjoint, so that a comparison that comes out in favour of its claim has always refuted
its rival.
"""

import decimal
import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any, Final, Generic, TypeVar

from verify.intervals import Interval, Number, infinite
from verify.verdict import PROFILES, Evidence, Position, Status, Verdict, decide, joint_position

T = TypeVar("T")

LEVEL: Final = 1e-4
"""The error probability of one comparison, whatever else is run; K statistical cells use LEVEL / K each."""


@dataclass(frozen=True)
class Rival(Generic[T]):
    """A wrong prediction that matters: the misprint, the competing theory, the neighbouring exponent.

    Args:
        name: What the rival says, in words.
        value: Its prediction, of the kind that the rule asks for.
    """

    name: str
    value: T


@dataclass(frozen=True)
class Cell:
    """One region, held against a claimed set, a rival set or both.

    Args:
        coordinate: What the region is a region of, in words.
        kind: The kind of evidence.
        region: Where the data say that the coordinate lies.
        claimed: Where the claim says that it lies.
        rival: Where the rival says that it lies.
        count: How many instances the region sums up.
        grey: The region is disjoint from a set only if it avoids the set stretched by this factor.
        powered: False where the margin is too narrow for the data: then nothing is inside.
        shown: The coordinate as the report writes it, formulas in LaTeX between dollars; empty if as it is.

    Raises:
        ValueError: If the claimed and the rival set meet, or both are missing.
    """

    coordinate: str
    kind: Evidence
    region: Interval
    claimed: Interval | None = None
    rival: Interval | None = None
    count: int = 1
    grey: int = 1
    powered: bool = True
    shown: str = ""

    def __post_init__(self) -> None:
        if self.claimed is None and self.rival is None:
            raise ValueError(f"the cell {self.coordinate!r} must have a claimed set or a rival set, got neither.")
        if self.claimed is not None and self.rival is not None and not self.claimed.is_disjoint(self.rival):
            raise ValueError(
                f"the claimed set of {self.coordinate!r} must not meet the rival set, got {self.claimed}, {self.rival}."
            )

    def position(self, target: Interval) -> Position:
        """Say where the region lies with respect to a set."""
        if self.powered and self.region.is_inside(target):
            return Position.INSIDE
        return Position.DISJOINT if self.region.is_disjoint(target.stretched(self.grey)) else Position.STRADDLING

    @property
    def claim_position(self) -> Position | None:
        """Where the region lies with respect to the claimed set."""
        return None if self.claimed is None else self.position(self.claimed)

    @property
    def rival_position(self) -> Position | None:
        """Where the region lies with respect to the rival set."""
        return None if self.rival is None else self.position(self.rival)

    def to_record(self) -> dict[str, Any]:
        """Return the cell as plain JSON data; bounds of balls are decimal strings, all bounds are rounded outward."""
        as_text = self.kind is Evidence.BALL
        return {
            "coordinate": self.coordinate,
            "kind": self.kind.value,
            "region": _bounds_record(self.region, as_text=as_text),
            "claimed": _bounds_record(self.claimed, as_text=as_text),
            "rival": _bounds_record(self.rival, as_text=as_text),
            "claim_position": _text(self.claim_position),
            "rival_position": _text(self.rival_position),
            "count": self.count,
            **({"shown": self.shown} if self.shown else {}),
        }


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """A titled tuple of cells, built by a rule and fixed from then on.

    Args:
        title: What is compared; unique in its claim.
        rule: The name of the rule.
        cells: The regions with their sets.
        blocked: A sentence that says why the data cannot be judged, which makes the finding UNDECIDED.
        decided_from: The smallest profile in which the comparison is decided; None leaves it to the claim.
        predicted: The prediction in words.
        measured: The measurement in words.
        rival: The rival's name and its prediction in words.
        sample_size: The number of independent replicates.
        level: The error probability, None where nothing is random.
        margin: The margin in words.
        smallest_visible: The smallest visible error, as docs/verdicts.md defines it, in words.
        advice: What would decide it, where it straddles.
        derivation: The record of the derivation that the comparison rests on.
        shown: What the report writes in the place of "predicted", "measured" and the "rival"'s prediction where these
            are formulas: the same with LaTeX between dollars.

    Raises:
        ValueError: If the title is empty, the profile unknown, or no cell has a claimed or none a rival set.
    """

    title: str
    rule: str
    cells: tuple[Cell, ...]
    blocked: str | None = None
    decided_from: str | None = None
    predicted: str = ""
    measured: str = ""
    rival: tuple[str, str] | None = None
    sample_size: int | None = None
    level: float | None = None
    margin: str | None = None
    smallest_visible: str | None = None
    advice: str = ""
    derivation: Mapping[str, Any] | None = None
    shown: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.title.strip():
            raise ValueError(f"title must say what is compared, got {self.title!r}.")
        if self.decided_from is not None and self.decided_from not in PROFILES:
            raise ValueError(f"decided_from must be one of {', '.join(PROFILES)}, got {self.decided_from!r}.")
        if self.blocked is None:
            for name in ("claimed", "rival"):
                if all(getattr(cell, name) is None for cell in self.cells):
                    raise ValueError(f"some cell of {self.title!r} must have a {name} set, got none.")

    @property
    def claim_position(self) -> Position | None:
        """Where the regions lie with respect to the claimed sets."""
        return joint_position(cell.position(cell.claimed) for cell in self.cells if cell.claimed is not None)

    @property
    def rival_position(self) -> Position | None:
        """Where the regions lie with respect to the rival sets."""
        return joint_position(cell.position(cell.rival) for cell in self.cells if cell.rival is not None)

    @property
    def verdict(self) -> Verdict:
        """What the data say, whatever the profile."""
        claim = self.claim_position
        if self.blocked is not None or claim is None:
            return Verdict.UNDECIDED
        return decide(claim, self.rival_position, (cell.kind for cell in self.cells if cell.claimed is not None))

    def decide(self, profile: str | None = None, decided_from: str = "quick") -> "Finding":
        """Decide the comparison.

        Args:
            profile: The profile of the run; None decides whatever the size.
            decided_from: The claim's own smallest deciding profile, used where the comparison names none.

        Returns:
            A finding, DEFERRED with the verdict it would have had where the profile is too small to decide.

        Raises:
            ValueError: If the profile is unknown.
        """
        if profile is not None and profile not in PROFILES:
            raise ValueError(f"profile must be one of {', '.join(PROFILES)}, got {profile!r}.")
        first = self.decided_from or decided_from
        deferred = profile is not None and PROFILES.index(profile) < PROFILES.index(first)
        verdict = self.verdict
        message = self._message()
        if deferred:
            message = f"Decided from the {first} profile on; at this size it would be {verdict}: {message}"
        return Finding(
            title=self.title,
            rule=self.rule,
            verdict=None if deferred else verdict,
            status=Status.DEFERRED if deferred else Status.DECIDED,
            would_be=verdict if deferred else None,
            decided_from=first if deferred else None,
            blocked=self.blocked,
            message=message,
            predicted=self.predicted,
            measured=self.measured,
            rival=self.rival,
            rival_position=None if self.blocked else self.rival_position,
            sample_size=self.sample_size,
            level=self.level,
            margin=self.margin,
            smallest_visible=self.smallest_visible,
            cells=collapse(self.cells),
            derivation=self.derivation,
            shown=self.shown,
        )

    def _message(self) -> str:
        """Say in one sentence what came out."""
        if self.blocked is not None:
            return f"Blocked: {self.blocked}"
        measured = any(cell.kind in (Evidence.INTERVAL, Evidence.FLOAT) for cell in self.cells)
        subject = "The measurement" if measured else "The calculation"
        name = self.rival[0] if self.rival else "the rival"
        position = self.claim_position
        if position is Position.DISJOINT:
            stands = {Position.INSIDE: "stands", Position.DISJOINT: "is contradicted too"}
            outcome = stands.get(self.rival_position or Position.STRADDLING, "is left open")
            return f"{subject} contradicts the claim; the rival ({name}) {outcome}."
        if position is Position.INSIDE and self.rival_position is Position.DISJOINT:
            return f"{subject} agrees with the claim and refutes the rival ({name})."
        if position is Position.INSIDE:
            return f"{subject} agrees with the claim but has no power against the rival ({name})."
        return f"{subject} leaves the claim undecided{': ' + self.advice.rstrip('.') if self.advice else ''}."


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A decided comparison, in plain data: what the store keeps and the report shows.

    Examples:
        >>> finding = skipped("needs the package gudhi: pip install 'lossproof[topology]'")
        >>> finding.status, finding.verdict
        (<Status.SKIPPED: 'SKIPPED'>, None)
    """

    title: str
    rule: str
    verdict: Verdict | None
    status: Status
    message: str
    would_be: Verdict | None = None
    decided_from: str | None = None
    blocked: str | None = None
    predicted: str = ""
    measured: str = ""
    rival: tuple[str, str] | None = None
    rival_position: Position | None = None
    sample_size: int | None = None
    level: float | None = None
    margin: str | None = None
    smallest_visible: str | None = None
    cells: tuple[Cell, ...] = ()
    derivation: Mapping[str, Any] | None = field(default=None, compare=False)
    shown: Mapping[str, str] = field(default_factory=dict)

    def to_record(self) -> dict[str, Any]:
        """Return the finding as plain JSON data."""
        return {
            "title": self.title,
            "rule": self.rule,
            "verdict": _text(self.verdict),
            "status": str(self.status),
            "would_be": _text(self.would_be),
            "blocked": self.blocked,
            "message": self.message,
            "predicted": self.predicted,
            "measured": self.measured,
            "rival": None if self.rival is None else {"name": self.rival[0], "value": self.rival[1]},
            "rival_position": _text(self.rival_position),
            "sample_size": self.sample_size,
            "level": self.level,
            "margin": self.margin,
            "smallest_visible": self.smallest_visible,
            "cells": [cell.to_record() for cell in self.cells],
            "derivation": None if self.derivation is None else dict(self.derivation),
            **({"decided_from": self.decided_from} if self.decided_from else {}),
            **({"shown": dict(self.shown)} if self.shown else {}),
        }

    def __str__(self) -> str:
        return f"{self.verdict or self.status}  {self.title}: {self.message}"

    def _repr_html_(self) -> str:
        """Show the finding in a notebook as the report does."""
        from verify.report.html import finding_html

        return finding_html(self.to_record())


def skipped(reason: str, title: str = "the whole check") -> Finding:
    """Return the finding of a check that could not run here, with the reason."""
    return Finding(title=title, rule="", verdict=None, status=Status.SKIPPED, message=f"Skipped: {reason}")


def collapse(cells: Sequence[Cell]) -> tuple[Cell, ...]:
    """Sum up equal cells, those with one coordinate, kind and choice of sets, by the worst of them and their count.

    The worst is the one that decides: a disjoint cell before a straddling one before one inside, and among these the
    one whose region reaches farthest out of (or nearest to the edge of) the set.

    Examples:
        >>> band = Interval(-1, 1)
        >>> cells = [Cell("error", Evidence.BALL, Interval(0, upper), claimed=band) for upper in (0.1, 3, 0.2)]
        >>> [(cell.region.upper, cell.count) for cell in collapse(cells)]
        [(3, 3)]
    """
    groups: dict[tuple[object, ...], list[Cell]] = {}
    for cell in cells:
        groups.setdefault((cell.coordinate, cell.kind, cell.claimed is None, cell.rival is None), []).append(cell)
    return tuple(_worst(group) for group in groups.values())


def _worst(cells: list[Cell]) -> Cell:
    order = {Position.DISJOINT: 2, Position.STRADDLING: 1, Position.INSIDE: 0}

    def badness(cell: Cell) -> tuple[int, Number]:
        target = cell.claimed if cell.claimed is not None else cell.rival
        if target is None:
            return 0, 0.0
        over = [end - edge for end, edge in _pairs(cell.region, target) if not infinite(edge)]
        return order[cell.position(target)], max(over, default=0)

    return replace(max(cells, key=badness), count=sum(cell.count for cell in cells))


def _pairs(region: Interval, target: Interval) -> tuple[tuple[Number, Number], tuple[Number, Number]]:
    """Pair each end with its edge so that a positive difference sticks out of the set."""
    return (region.upper, target.upper), (-region.lower, -target.lower)


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _bounds_record(interval: Interval | None, *, as_text: bool) -> dict[str, Any] | None:
    if interval is None:
        return None
    opened = {name: True for name in ("lower_open", "upper_open") if getattr(interval, name)}
    if not as_text:
        return {"lower": _float_bound(interval.lower, -1), "upper": _float_bound(interval.upper, +1), **opened}
    width = interval.upper - interval.lower
    digits = 20
    if 0 < width < math.inf:
        largest = max(abs(Fraction(interval.lower)), abs(Fraction(interval.upper)))
        digits += max(0, _magnitude(largest) - _magnitude(Fraction(width)))
    ends = {"lower": decimal_bound(interval.lower, -1, digits), "upper": decimal_bound(interval.upper, +1, digits)}
    return {**ends, **opened}


def _float_bound(value: Number, side: int) -> float | int | None:
    """Return a bound as a JSON number, rounded outward; None where it is infinite."""
    if isinstance(value, int) and abs(value) < 2**53:
        return int(value)
    try:
        number = float(value)
    except OverflowError:  # a fraction beyond every float
        number = math.inf if value > 0 else -math.inf
    if math.isinf(number):
        return None if number * side > 0 else math.copysign(sys.float_info.max, number)
    wrong_side = number > value if side < 0 else number < value
    return math.nextafter(number, side * math.inf) if wrong_side else number


def _magnitude(value: Fraction) -> int:
    """Return an integer within one of the decimal exponent of a positive fraction."""
    return math.floor((value.numerator.bit_length() - value.denominator.bit_length()) * math.log10(2))


def decimal_bound(value: Number, side: int, digits: int) -> str | None:
    """Return a bound as a decimal string of at most so many digits, rounded down (side -1) or up (side +1); None
    where it is infinite.

    Examples:
        >>> decimal_bound(Fraction(1, 3), -1, 5), decimal_bound(Fraction(1, 3), +1, 5), decimal_bound(math.inf, +1, 5)
        ('0.33333', '0.33334', None)
        >>> decimal_bound(Fraction(-2, 3) / 10**9, -1, 3)
        '-6.67E-10'
    """
    if infinite(value):
        return None
    exact = Fraction(value)
    rounding = decimal.ROUND_FLOOR if side < 0 else decimal.ROUND_CEILING
    with decimal.localcontext(prec=digits, rounding=rounding, Emin=decimal.MIN_EMIN, Emax=decimal.MAX_EMAX):
        # one directed rounding: numerator and denominator are exact Decimals, whatever their length
        return str(decimal.Decimal(exact.numerator) / decimal.Decimal(exact.denominator))
