"""Exact and certified statements: the rules ``Identity`` and ``Enclosure``.

Nothing is random here and nothing is rounded: expressions are compared by normal forms, balls by their exact bounds.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from numbers import Integral
from typing import Any, Final

from verify.comparison import Cell, Comparison, Rival
from verify.intervals import Interval, in_words
from verify.rules.samples import refuse_bare_rival
from verify.verdict import Evidence, Position

_ZERO: Final = Interval(0, 0)
_ANYWHERE: Final = Interval(-math.inf, math.inf)
_EVIDENCE: Final = {"exact": Evidence.EXACT, "certified": Evidence.BALL}


class Identity(Comparison):
    """A formula against the result of a derivation: equal if the difference has normal form 0.

    They differ if a ball of the difference excludes 0 at one exact point of the domain; what cannot be simplified is
    undecided. The steps of the derivation are checked here: a failed one blocks the comparison, the weakest one is
    the strength of the evidence.

    Args:
        title: What is compared.
        derivation: A ``theory.Derivation``.
        claimed: The formula as stated, written down independently of the derivation.
        part: Which of the derivation's further results is meant; by default its main one.
        rival: Another formula, to be refuted at one exact point.
        decided_from: The smallest profile that decides.

    Raises:
        ValueError: If the rival is the claimed formula, or the derivation has no such part.

    Examples:
        >>> import sympy as sp
        >>> from theory import Derivation, Domain, Relation, Step
        >>> x, y = sp.Symbol("x", positive=True), sp.Symbol("y")
        >>> step = Step("Complete the square.", Relation((x + 1) ** 2 - 1, "=", x * (x + 2)), "exact")
        >>> square = Derivation("A square", sp.Eq(y, x * (x + 2)), (step,), Domain(x=(0, 1)))
        >>> rival = Rival("slip", x**2 + x)
        >>> print(Identity("expanded", derivation=square, claimed=x**2 + 2 * x, rival=rival).decide())
        PROVED  expanded: The calculation agrees with the claim and refutes the rival (slip).
    """

    def __init__(
        self,
        title: str,
        *,
        derivation: Any,
        claimed: Any,
        rival: Rival[Any],
        part: str | None = None,
        decided_from: str | None = None,
    ) -> None:
        refuse_bare_rival(rival)
        from theory import exact_difference

        if part is not None and part not in derivation.parts:
            raise ValueError(f"part must be one of {', '.join(derivation.parts) or 'none'}, got {part!r}.")
        derived = derivation.value if part is None else derivation.parts[part].rhs
        if claimed == rival.value:
            raise ValueError(f"the rival must be another formula than the claimed one, got {rival.value} twice.")
        record = derivation.record()
        failed = [step["title"] for step in record["steps"] if not step["passed"]]
        blocked = None
        cells: tuple[Cell, ...] = ()
        measured = advice = ""
        shown = {"predicted": _formula(claimed), "rival": _formula(rival.value)}
        if failed:
            blocked = f"{len(failed)} of {len(record['steps'])} steps of the derivation failed, first: {failed[0]}"
        else:
            difference = exact_difference(claimed, derived, derivation.domain)
            other = exact_difference(rival.value, derived, derivation.domain)
            kind = _EVIDENCE.get(record["evidence"], Evidence.FLOAT)
            here, here_shown = _coordinate("claimed", difference, claimed, derived)
            there, there_shown = _coordinate("rival", other, rival.value, derived)
            cells = (
                Cell(here, kind, _region(difference), claimed=_ZERO, shown=here_shown),
                Cell(there, Evidence.EXACT, _region(other), rival=_ZERO, shown=there_shown),
            )
            measured = f"{derived}{_where(difference)}"
            shown["measured"] = f"{_formula(derived)}{_where(difference, _name)}"
            if cells[0].claim_position is Position.STRADDLING:
                advice = "neither does the difference reduce to 0, nor does it exclude 0 at a point."
        super().__init__(
            title=title,
            rule="Identity",
            cells=cells,
            blocked=blocked,
            decided_from=decided_from,
            predicted=str(claimed),
            measured=measured,
            rival=(rival.name, str(rival.value)),
            smallest_visible="any difference",
            advice=advice,
            derivation=record,
            shown=shown,
        )


class Enclosure(Comparison):
    """Balls inside an interval, or balls equal to a prediction to within 10**-digits.

    Args:
        title: What is compared.
        values: The computed balls.
        predicted: What they are claimed to equal: balls, integers or fractions, one per value or one for all.
        digits: The equality is claimed to 10**-digits.
        within: In the place of ``predicted`` and ``digits``: the ends of an interval, None for infinite.
        rival: Other predictions, whose difference from the values must avoid +-10**-digits; with ``within``, balls
        that must avoid the interval. decided_from: The smallest profile that decides.

    Raises:
        ValueError: If it is not exactly one of the two forms, there is no value, lengths do not fit, or the rival
        predicts the same. TypeError: If something is a float and not a ball.

    Examples:
        >>> from theory import Ball
        >>> third = Ball(Fraction(1, 3), Fraction(1, 10**30))
        >>> rival = Rival(".333", Fraction(333, 1000))
        >>> finding = Enclosure("a third", values=[third], predicted=Fraction(1, 3), digits=20, rival=rival).decide()
        >>> print(finding.verdict, "|", finding.measured)
        CERTIFIED | largest difference 1e-30 in 1 ball
        >>> Enclosure("positive", values=[third], within=(0, None), rival=Rival("negative", [-third])).decide().verdict
        <Verdict.CERTIFIED: 4>
    """

    def __init__(
        self,
        title: str,
        *,
        values: Sequence[Any],
        rival: Rival[Any],
        predicted: Any = None,
        digits: int | None = None,
        within: tuple[Any, Any] | None = None,
        decided_from: str | None = None,
    ) -> None:
        refuse_bare_rival(rival)
        balls = [_bounds(value, "values") for value in values]
        if not balls:
            raise ValueError("values must hold at least one ball, got none.")
        equality = predicted is not None and digits is not None
        if equality == (within is not None) or (predicted is None) != (digits is None):
            raise ValueError(f"an enclosure {title!r} needs either predicted and digits, or within.")
        if within is not None:
            allowed = Interval(*_ends(within))
            regions = balls
            rivals = [_bounds(value, "the rival's value") for value in _listed(rival.value)]
            if not rivals:
                raise ValueError("the rival must hold at least one ball, got none.")
            name, text, margin = "value", str(allowed), None
        else:
            if not isinstance(digits, Integral) or digits < 0:
                raise ValueError(f"digits must be an integer >= 0, got {digits!r}.")
            digits = int(digits)
            tiny = Fraction(1, 10**digits)
            allowed = Interval(-tiny, tiny)
            targets = _matching(predicted, "predicted", len(balls))
            others = _matching(rival.value, "the rival", len(balls))
            apart = (_minus(other, target) for other, target in zip(others, targets, strict=True))
            if all(gap.is_inside(allowed.stretched(2)) for gap in apart):
                raise ValueError(
                    f"the rival must predict another value, got all within 2 * 10**-{digits} of the claim."
                )
            regions = [_minus(ball, target) for ball, target in zip(balls, targets, strict=True)]
            rivals = [_minus(ball, other) for ball, other in zip(balls, others, strict=True)]
            name, text, margin = "difference", _summary(targets), f"10**-{digits}"
        cells = (
            *(Cell(name, Evidence.BALL, region, claimed=allowed) for region in regions),
            *(Cell(f"{name}, rival", Evidence.BALL, region, rival=allowed) for region in rivals),
        )
        plural = "" if len(balls) == 1 else "s"
        if within is not None:
            measured = f"{_summary(balls)} in {len(balls)} ball{plural}"
        else:
            largest = max(abs(Fraction(end)) for region in regions for end in (region.lower, region.upper))
            measured = f"largest difference {in_words(largest)} in {len(balls)} ball{plural}"
        width = max(float(ball.upper - ball.lower) for ball in balls)
        super().__init__(
            title=title,
            rule="Enclosure",
            cells=cells,
            decided_from=decided_from,
            predicted=text,
            measured=measured,
            rival=(rival.name, _summary([_bounds(value, "the rival's value") for value in _listed(rival.value)])),
            sample_size=len(balls),
            margin=margin,
            smallest_visible=f"an error of {in_words((0 if margin is None else 10.0 ** -(digits or 0)) + width)}",
            advice=f"balls of width {in_words(width)} reach across the edge; compute more digits.",
        )


def _region(difference: Any) -> Interval:
    """Turn the outcome of ``theory.exact_difference`` into the region of the difference."""
    if difference.status == "zero":
        return _ZERO
    if difference.status == "nonzero" and difference.ball is not None:
        return Interval(difference.ball.lower, difference.ball.upper)
    return _ANYWHERE


def _coordinate(side: str, difference: Any, *sides: Any) -> tuple[str, str]:
    """Say which difference it is and at which point of the domain, to six digits, and how that is shown if otherwise.

    Parameters that occur on neither side are left out.
    """
    names = {symbol.name for each in sides for symbol in getattr(each, "free_symbols", ())}
    point = [(name, in_words(value)) for name, value in (difference.point or {}).items() if name in names]
    if difference.status != "nonzero" or not point:
        return f"{side} - derived", ""
    place, shown = (", ".join(f"{write(name)} = {value}" for name, value in point) for write in (str, _name))
    text = "{} - derived at {}, one exact point of the domain"
    return text.format(side, place), text.format(side, shown)


def _where(difference: Any, write: Callable[[str], str] = str) -> str:
    if difference.status != "nonzero":
        return ""
    point = ", ".join(f"{write(name)} = {value}" for name, value in (difference.point or {}).items())
    return f"; they differ by {difference.ball}{' at ' + point if point else ''}"


def _formula(value: Any) -> str:
    """Write a formula in LaTeX between dollars, and a rational number as it is."""
    import sympy as sp

    from theory.typesetting import latex

    exact = sp.sympify(value)
    return str(exact) if isinstance(exact, sp.Rational | sp.Float) else f"${latex(exact)}$"


def _name(name: str) -> str:
    """Write the name of a symbol in LaTeX between dollars."""
    from sympy import Symbol

    return _formula(Symbol(name))


def _bounds(value: Any, name: str) -> Interval:
    """Read a ball, an integer or a fraction.

    Raises:
        TypeError: If it is anything else, such as a float.
    """
    if isinstance(value, int | Fraction) and not isinstance(value, bool):
        return Interval(value, value)
    lower, upper = getattr(value, "lower", None), getattr(value, "upper", None)
    if isinstance(lower, int | Fraction) and isinstance(upper, int | Fraction):
        return Interval(lower, upper)
    raise TypeError(f"{name} must be balls, integers or fractions, never floats, got {type(value).__name__}.")


def _ends(within: tuple[Any, Any]) -> tuple[Any, Any]:
    """Read the ends of an interval; a ball stands for its inner end, so that inclusion stays rigorous."""
    lower, upper = within
    low = -math.inf if lower is None else _bounds(lower, "within").upper
    high = math.inf if upper is None else _bounds(upper, "within").lower
    return low, high


def _listed(values: Any) -> list[Any]:
    return list(values) if isinstance(values, Iterable) else [values]


def _matching(values: Any, name: str, count: int) -> list[Interval]:
    """Read one prediction per value, or one for all.

    Raises:
        ValueError: If the lengths differ.
    """
    bounds = [_bounds(value, name) for value in _listed(values)]
    if len(bounds) not in (1, count):
        raise ValueError(f"{name} must have one entry per value, got {len(bounds)} for {count}.")
    return bounds * count if len(bounds) == 1 else bounds


def _minus(left: Interval, right: Interval) -> Interval:
    """Subtract two intervals of exact ends."""
    return Interval(left.lower - right.upper, left.upper - right.lower)


def _summary(bounds: Sequence[Interval]) -> str:
    lowest, highest = min(b.lower for b in bounds), max(b.upper for b in bounds)
    low, high = f"{float(lowest):.12g}", f"{float(highest):.12g}"
    return low if low == high else f"{low} to {high}"
