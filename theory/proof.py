"""Checking one relation between two expressions: exactly, in balls, or at points to fifty digits.

Conventions: a relation is between scalars, matrices, tuples (entry by entry) or expressions in non-commuting symbols,
and is our own frozen record because `sympy.Eq` collapses to a truth value. A check never raises: what cannot be
decided is not passed, and the detail says why.
"""

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from typing import Any, Literal

import mpmath
import sympy as sp
from sympy.core.function import AppliedUndef

from theory.ball import Ball
from theory.balls_of_expressions import NoBallError, complex_ball, real_ball
from theory.componentwise import scalar_parts, subtract
from theory.domain import Domain
from theory.normal_form import ExactForm, UndecidedError
from theory.typesetting import latex

Kind = Literal["=", "<", "!="]
How = Literal["exact", "certified", "numeric", "argued"]
Witness = Callable[..., Any]

_LATEX = {"=": "=", "<": "<", "!=": r"\neq"}
_POINTS = 3
_DIGITS = 50
_AGREEMENT = Fraction(1, 10**12)
_PRECISIONS = (128, 1024)


@dataclass(frozen=True)
class Relation:
    """A statement that two expressions are equal, ordered or different everywhere on a domain.

    Args:
        left: A sympy expression, matrix or tuple.
        kind: One of "=", "<", "!=".
        right: The same kind of object.

    Raises:
        ValueError: If the kind is another one, or the shapes of the two sides differ.

    Examples:
        >>> x = sp.Symbol("x")
        >>> print(Relation((x + 1) ** 2, "=", x**2 + 2 * x + 1))
        (x + 1)**2 = x**2 + 2*x + 1
    """

    left: Any
    kind: Kind
    right: Any

    def __post_init__(self) -> None:
        if self.kind not in _LATEX:
            raise ValueError(f"kind must be one of =, <, !=, got {self.kind!r}.")
        for side in ("left", "right"):
            value = getattr(self, side)
            frozen = sp.ImmutableMatrix(value) if isinstance(value, sp.MatrixBase) else sp.sympify(value)
            object.__setattr__(self, side, frozen)
        subtract(self.left, self.right)

    @property
    def free_symbols(self) -> frozenset[sp.Symbol]:
        """The symbols of both sides."""
        return frozenset(self.left.free_symbols | self.right.free_symbols)

    def is_longer_than(self, size: int) -> bool:
        """Whether both sides together have more than so many symbols, numbers and operations."""
        nodes = (node for side in (self.left, self.right) for node in sp.preorder_traversal(side))
        return next(islice(nodes, size, None), None) is not None

    def planted_error(self) -> "Relation":
        """Return a wrong neighbour: a part in a thousand off, sides exchanged, or both sides equal."""
        if self.kind == "<":
            return Relation(self.right, "<", self.left)
        if self.kind == "!=":
            return Relation(self.right, "!=", self.right)
        return Relation(self.left, "=", off_by_a_thousandth(self.right))

    def latex(self) -> str:
        """Return LaTeX without dollars; where the two sides came out as one expression it is written once."""
        if self.kind == "=" and self.left == self.right:
            return rf"\ldots = {latex(self.right)}"
        return f"{latex(self.left)} {_LATEX[self.kind]} {latex(self.right)}"

    def __str__(self) -> str:
        return f"{self.left} {self.kind} {self.right}"


@dataclass(frozen=True)
class Difference:
    """Whether two expressions are equal on a domain, and where not.

    Args:
        status: "zero" by an exact normal form, "nonzero" by one exact point, else "undecided".
        point: The exact point at which the difference is not zero.
        ball: A ball around the difference there (of its absolute value, if it is complex), which excludes 0.
    """

    status: Literal["zero", "nonzero", "undecided"]
    point: dict[str, Fraction] | None = None
    ball: Ball | None = None


def off_by_a_thousandth(value: Any) -> Any:
    """Multiply by 1001/1000, entry by entry; replace a zero by 1/1000."""
    factor = sp.Rational(1001, 1000)
    if isinstance(value, sp.Tuple):
        return sp.Tuple(*(off_by_a_thousandth(entry) for entry in value))
    if isinstance(value, sp.MatrixBase):
        return value * factor if any(entry != 0 for entry in value) else value + sp.ones(*value.shape) / 1000
    return value * factor if value != 0 else sp.Rational(1, 1000)


def exact_difference(left: Any, right: Any, domain: Domain) -> Difference:
    """Decide whether two expressions are equal on a domain.

    Args:
        left: An expression, matrix or tuple.
        right: The same kind of object.
        domain: The box of the parameters; other symbols are free.

    Returns:
        "zero" if the normal form is 0, "nonzero" if a ball of the difference at one exact point excludes 0, else
        "undecided".

    Examples:
        >>> x = sp.Symbol("x", positive=True)
        >>> exact_difference(sp.sqrt((x - 1) ** 2), 1 - x, Domain(x=(0, 1))).status
        'zero'
        >>> exact_difference(sp.sqrt(x), x, Domain(x=(0, 1))).status
        'nonzero'
    """
    form = ExactForm(domain)
    undecided = _has_float(left) or _has_float(right)
    for part in scalar_parts(subtract(left, right)):
        try:
            if not undecided and form.is_zero(part) and not _excludes_zero(part, domain):
                continue
        except (UndecidedError, NotImplementedError):
            pass
        undecided = True
        found = _excludes_zero(part, domain)
        if found is not None:
            return found
    return Difference("undecided" if undecided else "zero")


def check_relation(relation: Relation, how: How, domain: Domain) -> tuple[bool, str]:
    """Check a relation on a domain; never raises.

    Returns:
        Whether it passed, and a sentence that says how or why not.
    """
    try:
        if how == "argued":
            return True, "argued in prose, not checked"
        if how == "exact":
            return _check_exactly(relation, domain)
        if how == "certified":
            return _check_at_points(relation, domain, _ball_side(relation.left), "balls")
        return _check_numerically(relation, domain)
    except Exception as error:  # whatever fails is a record, not a traceback
        return False, f"not decided: {error}"


def check_witness(witness: Witness, relation: Relation, how: How, domain: Domain) -> tuple[bool, str]:
    """Check what a witness says against the right-hand side; never raises.

    A witness without parameters returns an expression. One with parameters is called at exact points with a Fraction
    for each parameter of the domain it names (all of them for ``**values``), and with the exact right-hand side as
    ``claimed`` if it names that; it returns a ball, a number, a tuple of these, or whether the claimed value is
    right.
    """
    try:
        parameters = inspect.signature(witness).parameters
        if not parameters:
            return check_relation(Relation(witness(), relation.kind, relation.right), how, domain)
        takes_all = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values())
        names = [name for name in domain.names if takes_all or name in parameters]

        def value(point: Mapping[str, Fraction]) -> Any:
            given: dict[str, Any] = {name: point[name] for name in names}
            if "claimed" in parameters:
                given["claimed"] = _at(relation.right, point)
            return witness(**given)

        return _check_at_points(relation, domain, value, "witness")
    except Exception as error:
        return False, f"the witness failed: {error}"


def _check_exactly(relation: Relation, domain: Domain) -> tuple[bool, str]:
    if _has_float(relation.left) or _has_float(relation.right):
        return False, "not decided: a float is not exact"
    if relation.kind == "=":
        difference = exact_difference(relation.left, relation.right, domain)
        if difference.status == "zero":
            return True, "the normal form of the difference is 0"
        if difference.status == "nonzero":
            place = ", ".join(f"{name} = {value}" for name, value in (difference.point or {}).items())
            return False, f"the difference is {difference.ball}{' at ' + place if place else ''}"
        return False, "not decided: the normal form of the difference is not 0"
    form = ExactForm(domain)
    for part in scalar_parts(subtract(relation.right, relation.left)):
        if relation.kind == "!=" and part.is_number:
            if _excludes_zero(part, domain) is None:
                return False, f"not decided: no ball of {part} excludes 0"
        elif form.sign(part) < 0 and relation.kind == "<":
            return False, f"{part} is negative on the whole domain"
    return True, "one sign on the whole domain" if relation.kind == "<" else "no zero on the domain"


def _check_at_points(
    relation: Relation, domain: Domain, side: Callable[[Mapping[str, Fraction]], Any], name: str
) -> tuple[bool, str]:
    """Compare values of one side with balls of the right-hand side at exact points."""
    count = _POINTS if domain.names else 1
    right_side = _ball_side(relation.right)
    for point in _whole_where_assumed(domain, relation.free_symbols).points(count):
        found = side(point)
        place = ", ".join(f"{key} = {value}" for key, value in point.items())
        if isinstance(found, bool):
            if not found:
                return False, f"{name}: not so at {place}"
            continue
        left, right = _flat(found), _flat(right_side(point))
        if len(left) != len(right) or not left:
            return False, f"{name}: {len(left)} values against {len(right)}"
        for first, second in zip(left, right, strict=True):
            if not _holds(_as_ball(first), relation.kind, _as_ball(second)):
                return False, f"{name}: {first} {relation.kind} {second} fails or is not resolved at {place}"
    return True, f"{name}: agrees at {count} exact point{'s' if count > 1 else ''}"


def _check_numerically(relation: Relation, domain: Domain) -> tuple[bool, str]:
    count = _POINTS if domain.names else 1
    with mpmath.workdps(_DIGITS + 20):
        for point in _whole_where_assumed(domain, relation.free_symbols).points(count):
            for part in scalar_parts(subtract(_at(relation.right, point), _at(relation.left, point))):
                value = mpmath.mpmathify(part.evalf(_DIGITS + 20))
                scale = 1 + max(abs(mpmath.mpmathify(x.evalf(20))) for x in scalar_parts(_at(relation.right, point)))
                small = abs(value) <= scale * mpmath.mpf(10) ** -_DIGITS
                if {"=": not small, "!=": small, "<": small or mpmath.re(value) <= 0}[relation.kind]:
                    return False, f"the difference is {mpmath.nstr(value, 8)} at {point}"
    return True, f"agrees to {_DIGITS} digits at {count} point{'s' if count > 1 else ''}"


def _has_float(side: Any) -> bool:
    return any(isinstance(part, sp.Basic) and part.has(sp.Float) for part in _flat(side))


def _holds(left: Ball, kind: Kind, right: Ball) -> bool:
    difference = right - left
    if kind == "<":
        return difference.lower > 0
    if kind == "!=":
        return not difference.contains(0)
    room = _AGREEMENT * max(abs(right.midpoint), _AGREEMENT)
    return difference.contains(0) and difference.upper <= room and difference.lower >= -room


def _whole_where_assumed(domain: Domain, symbols: Iterable[sp.Symbol]) -> Domain:
    """The domain with integers where a symbol is assumed to be one, so that no point leaves what the formula is for."""
    return domain.with_integers(
        *(symbol.name for symbol in symbols if symbol.is_integer and symbol.name in domain.names)
    )


def _excludes_zero(part: sp.Expr, domain: Domain) -> Difference | None:
    """Look for one exact point at which a ball of an expression excludes 0."""
    part = _instance(part)
    free = sorted((symbol for symbol in part.free_symbols if symbol.name not in domain.names), key=str)
    for index, point in enumerate(_whole_where_assumed(domain, part.free_symbols).points(_POINTS)):
        for position, symbol in enumerate(free):
            whole = Fraction(2 + 3 * index + 5 * position)
            point[symbol.name] = whole if symbol.is_integer else whole / 7
        for precision in _PRECISIONS:
            try:
                value = complex_ball(part, point, precision)
            except NoBallError:
                break
            if not value.contains(0):
                size = part if value.imag.contains(0) else sp.Abs(part)
                try:
                    return Difference("nonzero", point, real_ball(size, point, 10))
                except NoBallError:
                    break
    return None


def _instance(part: sp.Expr) -> sp.Expr:
    """In sums of undefined functions put polynomials in their place and 2 in that of symbolic numbers of summands.

    What holds for all functions and all numbers holds for these. Elsewhere a function is one that is not known.
    """
    functions = sorted({applied.func for applied in part.atoms(AppliedUndef)}, key=str)
    if not functions or not part.has(sp.Sum):
        return part
    for position, function in enumerate(functions):

        def polynomial(*arguments: sp.Expr, shift: int = 2 + position) -> sp.Expr:
            weighted = [(shift + place) * argument for place, argument in enumerate(arguments)]
            return sp.Add(shift, *weighted) + sp.Mul(*arguments)

        part = part.replace(function, polynomial)
    numbers = {upper: 2 for total in part.atoms(sp.Sum) for _, _, upper in total.limits if upper.is_Symbol}
    return part.subs(numbers).doit()


def _ball_side(expression: Any) -> Callable[[Mapping[str, Fraction]], Any]:
    def value(point: Mapping[str, Fraction]) -> Any:
        return [real_ball(part, point, _DIGITS) for part in _flat(expression)]

    return value


def _at(expression: Any, point: Mapping[str, Fraction]) -> Any:
    rational = {name: sp.Rational(value.numerator, value.denominator) for name, value in point.items()}
    return expression.subs({x: rational[x.name] for x in expression.free_symbols if x.name in rational})


def _flat(value: Any) -> list[Any]:
    if isinstance(value, sp.MatrixBase | sp.Tuple | tuple | list):
        return [part for entry in value for part in _flat(entry)]
    return [value]


def _as_ball(value: Any) -> Ball:
    if isinstance(value, Ball):
        return value
    if isinstance(value, int | Fraction):
        return Ball.exact(value)
    if isinstance(value, sp.Expr):
        return real_ball(value, {}, _DIGITS)
    if isinstance(value, mpmath.mpf):  # a float of high precision, credited with thirty digits
        midpoint = Fraction(str(mpmath.nstr(value, 40)))
        return Ball(midpoint, abs(midpoint) / 10**30 + Fraction(1, 10**30), 30)
    raise TypeError(f"a witness must return balls or exact numbers, got {type(value).__name__}.")
