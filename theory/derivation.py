r"""Results with the evidence for them: what was derived, from what, and how each step was checked.

Conventions: a result is an equation, symbol = expression, or a bound, symbol <= expression, on an open box of
parameters. Evidence has four strengths:
*exact* (a remainder 0 or a proved sign), *certified* (balls of numbers, nothing free), *numeric* (points of the domain,
to fifty digits) and *argued* (prose). A step's witness is a second route to its right-hand side that starts from the
definition.
"""

import keyword
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any, TypeAlias

import sympy as sp

from theory.balls_of_expressions import real_ball
from theory.domain import Domain
from theory.exact_numbers import exact_number
from theory.plain_text import plain_text
from theory.printed_derivation import printed_derivation
from theory.proof import How, Relation, Witness, check_relation, check_witness, off_by_a_thousandth
from theory.typesetting import latex

Equation: TypeAlias = sp.Eq | sp.Le

_LONG = 400  # symbols, numbers and operations
_INFINITE = (sp.zoo, sp.oo, -sp.oo, sp.nan)
_STRENGTHS: tuple[How, ...] = ("argued", "numeric", "certified", "exact")


@dataclass(frozen=True, repr=False)
class Step:
    """One step of a derivation: a relation, and how it is to be checked.

    Args:
        title: A sentence.
        relation: What is checked; None only for a step argued in prose.
        how: "exact", "certified", "numeric" or "argued".
        witness: A second route to the right-hand side, from the definition (see `theory.proof.check_witness`); None
            where the left-hand side is itself the definition.
        shown: LaTeX to show in place of what is checked.
        domain: Where the step holds, if that is not the derivation's domain.

    Raises:
        ValueError: If ``how`` is another word, a step that is not argued has no relation, or a certified one has free
            parameters: balls at some points of a box certify nothing on the box.
    """

    title: str
    relation: Relation | None
    how: How
    witness: Witness | None = field(default=None, compare=False)
    shown: str | None = None
    domain: Domain | None = None
    _outcomes: dict[Domain, "StepRecord"] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.how not in _STRENGTHS:
            raise ValueError(f"how must be one of {', '.join(_STRENGTHS)}, got {self.how!r}.")
        if self.relation is None and self.how != "argued":
            raise ValueError(f"the step {self.title!r} must have a relation, because it is to be {self.how}.")
        if self.how == "certified" and self.relation is not None and (free := self.relation.free_symbols):
            raise ValueError(
                f"the step {self.title!r} must be exact or numeric, because balls do not certify a relation with free "
                f"parameters, got {_names(str(symbol) for symbol in free)}."
            )

    def check(self, domain: Domain) -> "StepRecord":
        """Check the step, by its relation and by its witness, once for each domain; never raises."""
        box = self.domain or domain
        if box not in self._outcomes:
            self._outcomes[box] = self._check(box)
        return self._outcomes[box]

    def _check(self, box: Domain) -> "StepRecord":
        if self.relation is None:
            return StepRecord(self.title, self.how, True, "argued in prose, not checked")
        passed, detail = check_relation(self.relation, self.how, box)
        if passed and self.witness is not None:
            passed, second = check_witness(self.witness, self.relation, self.how, box)
            detail = f"{detail}; second route: {second}"
        return StepRecord(self.title, self.how, passed, detail)

    def planted_errors(self) -> Iterator["Step"]:
        """Yield copies with a wrong right-hand side, each of which must fail its check.

        The first is off by a part in a thousand (or has its sides exchanged). If there is a witness, a second one is
        true in itself but off by a part in a thousand on both sides: only the witness can tell. Argued steps have
        none.
        """
        if self.relation is None or self.how == "argued":
            return
        yield replace(self, relation=self.relation.planted_error())
        if self.witness is not None and self.relation.kind == "=":
            wrong = off_by_a_thousandth(self.relation.right)
            yield replace(self, relation=Relation(wrong, "=", wrong))

    def __repr__(self) -> str:
        return f"Step({self.title!r}, {self.how!r})"

    @property
    def text(self) -> str:
        """The relation on one line; what is shown, if that is given and the relation is too long to be read."""
        if self.relation is None:
            return ""
        if self.shown is not None and self.relation.is_longer_than(_LONG):
            return plain_text(self.shown)
        return str(self.relation)

    @property
    def latex(self) -> str:
        """What is shown: LaTeX without dollars."""
        if self.shown is not None:
            return self.shown
        return self.relation.latex() if self.relation is not None else ""


@dataclass(frozen=True)
class StepRecord:
    """The outcome of one check."""

    title: str
    how: How
    passed: bool
    detail: str


@dataclass(frozen=True)
class Theorem:
    """A named theorem that a derivation rests on, with its hypotheses as checked steps.

    Args:
        name: As in "Sylvester's law of inertia".
        statement: In words, with LaTeX between dollars.
        reference: Where it is proved.
        hypotheses: Steps that are checked; prose does not do.

    Raises:
        ValueError: If a hypothesis is only argued.
    """

    name: str
    statement: str
    reference: str
    hypotheses: tuple[Step, ...] = ()

    def __post_init__(self) -> None:
        for step in self.hypotheses:
            if step.how == "argued":
                raise ValueError(f"the hypothesis {step.title!r} of {self.name} must be checked, got an argued step.")


@dataclass(frozen=True, eq=False, repr=False)
class Derivation:
    r"""A result together with the steps that lead to it.

    Args:
        title: A sentence or a noun.
        result: An equation, symbol = expression, or a bound from above, symbol <= expression.
        steps: In order; the right-hand sides of the result and of each part must be a side of one of them.
        domain: The open box on which everything holds.
        parts: Further named results, by the short names with which they are asked for.
        titles: What a part is, as a phrase, by its name; one that has none goes by its name.
        assumptions: Sentences, for what is taken as given.
        theorems: Named theorems, with their hypotheses.
        source: A reference in words.
        shown: LaTeX to show in place of "result" or of a part, by its name.

    Raises:
        ValueError: If the result or a part is no equation or ends no step, or something unknown is to be shown or has
            a title.
        TypeError: If parts, titles or what is shown are no mappings, or a title or something shown is no string.

    Examples:
        >>> x, y = sp.Symbol("x", positive=True), sp.Symbol("y")
        >>> step = Step("Complete the square.", Relation((x + 1) ** 2 - 1, "=", x * (x + 2)), "exact")
        >>> square = Derivation("A square", sp.Eq(y, x * (x + 2)), (step,), Domain(x=(0, 1)))
        >>> square.evidence, square.at(x="1/2"), square.check()[0].passed
        ('exact', 5/4, True)
        >>> square.symbols["x"] is x
        True
        >>> print(square.at(x=0.5, digits=5))
        1.2500
    """

    title: str
    result: Equation
    steps: tuple[Step, ...]
    domain: Domain
    parts: Mapping[str, Equation] = field(default_factory=dict)
    titles: Mapping[str, str] = field(default_factory=dict)
    assumptions: tuple[str, ...] = ()
    theorems: tuple[Theorem, ...] = ()
    source: str = ""
    shown: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "steps", tuple(self.steps))
        for name in ("parts", "titles", "shown"):
            given = getattr(self, name)
            if not isinstance(given, Mapping):
                raise TypeError(f"{name} must be a mapping by the names of parts, got {given!r}.")
            object.__setattr__(self, name, MappingProxyType(dict(given)))
        for name, texts in (("titles", self.titles), ("shown", self.shown)):
            for part, text in texts.items():
                if not isinstance(text, str):
                    raise TypeError(f"{name} must hold strings, got {text!r} for {part!r}.")
        if unknown := self.titles.keys() - self.parts.keys():
            raise ValueError(f"titles must be of parts, got {_names(unknown)}.")
        if unknown := self.shown.keys() - {"result", *self.parts}:
            raise ValueError(f"shown must name the result or parts, got {_names(unknown)}.")
        sides = [side for step in self.steps if step.relation for side in (step.relation.right, step.relation.left)]
        for name, equation in {"result": self.result, **self.parts}.items():
            if not isinstance(equation, sp.Eq | sp.Le):
                raise ValueError(f"{name} must be an equation, symbol = expression, got {equation!r}.")
            if equation.rhs not in sides:
                raise ValueError(f"{name} must end a step: {equation.rhs} is on no side of any relation.")

    @property
    def value(self) -> Any:
        """The right-hand side of the result."""
        return self.result.rhs

    @property
    def symbols(self) -> dict[str, sp.Symbol]:
        """The free symbols of the value, by their names: a formula to compare with is written in these."""
        return {symbol.name: symbol for symbol in self.value.free_symbols}

    @property
    def passed(self) -> bool:
        """Whether every step and every hypothesis passes."""
        return all(record.passed for record in self._records)

    @property
    def evidence(self) -> How:
        """The weakest way in which a step that passed was checked."""
        ways = [record.how for record in self._records if record.passed]
        return min(ways, key=_STRENGTHS.index, default="argued")

    def checked_steps(self) -> tuple[Step, ...]:
        """Return the steps, then the hypotheses of the theorems."""
        return (*self.steps, *(step for theorem in self.theorems for step in theorem.hypotheses))

    def check(self) -> tuple[StepRecord, ...]:
        """Check every step, then every hypothesis of a theorem; a failure is a record, never an exception."""
        return self._records

    @cached_property
    def _records(self) -> tuple[StepRecord, ...]:
        return tuple(step.check(self.domain) for step in self.checked_steps())

    def at(self, *, part: str | None = None, digits: int | None = None, **values: object) -> Any:
        """Evaluate the result, or one of the parts, at exact values of its parameters.

        Args:
            part: The name of a part; None for the result.
            digits: If given, every parameter must be bound and the value is a ball of that many digits.
            values: One exact number per parameter name; without ``digits`` some may stay free. A parameter with the
                name of a Python keyword is written with an underscore, ``lambda_=2``.

        Returns:
            An exact sympy expression, or a `Ball`.

        Raises:
            ValueError: If the part or a parameter is unknown, a value or values together are outside the domain or
                what the letter stands for, the value there is infinite, or, with ``digits``, a parameter is missing.
            TypeError: If a value is not a number.
        """
        if part is not None and part not in self.parts:
            raise ValueError(f"part must be one of {_names(self.parts)}, got {part!r}.")
        value = self.value if part is None else self.parts[part].rhs
        symbols = {symbol.name: symbol for symbol in value.free_symbols}
        known = symbols.keys() | set(self.domain.names)
        read = {}
        for given, number in values.items():
            name = given[:-1] if given not in known and keyword.iskeyword(given[:-1]) else given
            if name not in known:
                raise ValueError(f"{name} must be a parameter of the result, which has {_names(known)}.")
            read[name] = exact_number(name, number)
            if name in self.domain.names and not self.domain.contains(**{name: read[name]}):
                raise ValueError(f"{name} must lie in the domain {self.domain}, got {name} = {number}.")
            if name in symbols and (rule := _broken_assumptions(symbols[name], read[name])):
                raise ValueError(f"{name} must be {rule}, got {name} = {number}.")
        if not self.domain.contains(**{name: number for name, number in read.items() if name in self.domain.names}):
            place = ", ".join(f"{name} = {number}" for name, number in read.items())
            raise ValueError(f"the parameters must lie in the domain {self.domain}, got {place}.")
        result = value.subs({symbols[name]: number for name, number in read.items() if name in symbols})
        if result.has(*_INFINITE) and not value.has(*_INFINITE):
            place = ", ".join(f"{name} = {number}" for name, number in read.items())
            raise ValueError(f"the value must be finite, got {result} at {place}.")
        if digits is None:
            return result
        if digits < 1:
            raise ValueError(f"digits must be >= 1, got {digits}.")
        if missing := {symbol.name for symbol in result.free_symbols}:
            raise ValueError(f"digits needs every parameter bound, missing {_names(missing)}.")
        return real_ball(result, {}, digits)

    def record(self) -> dict[str, Any]:
        """Return all there is to show, in strings, numbers, lists and dicts."""
        outcomes = dict(zip((id(step) for step in self.checked_steps()), self._records, strict=True))

        def told(step: Step) -> dict[str, Any]:
            outcome = outcomes[id(step)]
            return {"title": step.title, "latex": step.latex, "text": step.text} | {
                "how": outcome.how,
                "passed": outcome.passed,
                "detail": outcome.detail,
            }

        return {
            "title": self.title,
            "latex": self._latex("result", self.result),
            "text": f"{self.result.lhs} {'=' if isinstance(self.result, sp.Eq) else '<='} {self.result.rhs}",
            "domain": str(self.domain),
            "assumptions": list(self.assumptions),
            "theorems": [
                {
                    "name": theorem.name,
                    "statement": theorem.statement,
                    "reference": theorem.reference,
                    "passed": all(outcomes[id(step)].passed for step in theorem.hypotheses),
                }
                for theorem in self.theorems
            ],
            "source": self.source,
            "evidence": self.evidence,
            "passed": self.passed,
            "parts": [
                {"name": name, "title": self.titles.get(name, name), "latex": self._latex(name, equation)}
                for name, equation in self.parts.items()
            ],
            "steps": [told(step) for step in self.checked_steps()],
        }

    def _latex(self, name: str, equation: Equation) -> str:
        return self.shown[name] if name in self.shown else latex(equation)

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {self._latex('result', self.result)}$"

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """Show in IPython what `print` shows."""
        printer.text("..." if cycle else str(self))

    def __str__(self) -> str:
        """Show the title, each step, the result, what it rests on and the source."""
        return printed_derivation(self)

    def __repr__(self) -> str:
        return f"Derivation({self.title!r}, {len(self.steps)} steps)"


def _broken_assumptions(symbol: sp.Symbol, number: sp.Expr) -> str:
    """What a symbol is assumed to be and a number is not, in words; empty if there is nothing."""
    words = ("integer", "positive", "nonnegative", "negative", "nonpositive")
    broken = [word for word in words if getattr(symbol, f"is_{word}") and getattr(number, f"is_{word}") is False]
    implied = {"nonnegative": "positive", "nonpositive": "negative"}
    return " and ".join(word for word in broken if implied.get(word) not in broken)


def _names(names: Any) -> str:
    return ", ".join(sorted(names)) or "none"
