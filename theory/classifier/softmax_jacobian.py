r"""The Jacobian of softmax for any number of outputs, as steps that several derivations share.

Conventions: k outputs o_j, p_j = e^(b o_j)/sum_k e^(b o_k), b = 1/T the inverse temperature; e_j = e^(b o_j), by which
d/do_j is b e_j d/de_j. Sums over all outputs stay sums; where two outputs are looked at, the exponentials of all others
are one number R, whatever their number.
"""

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import sympy as sp
from sympy.core.function import AppliedUndef

from theory.derivation import Step
from theory.domain import Domain
from theory.proof import Relation

__all__ = ["OUTPUTS", "everywhere", "exponential", "is_spelled_out", "softmax_form", "softmax_jacobian_steps"]

OUTPUTS = sp.Symbol("k", integer=True, positive=True)
"""Their number."""

exponential = sp.Function("e", positive=True)
_direction = sp.Function("v", real=True)
_i, _j = sp.symbols("i j", integer=True, positive=True)
_first, _second, _rest, _gap = sp.symbols("e_1 e_2 R g", positive=True)
_PAIR = Domain(e_1=(0, sp.oo), e_2=(0, sp.oo), R=(0, sp.oo), g=(0, sp.oo))
_PAIR_AT_TEMPERATURE = Domain(b=(0, sp.oo), **dict.fromkeys(_PAIR.names, (0, sp.oo)))
_NUMBERS: dict[str, Callable[[int], sp.Rational]] = {
    "e": lambda place: sp.Rational(place**2 + 1, 3),
    "v": lambda place: sp.Rational((-2) ** place, place),
    "d": lambda place: sp.Rational(place + 2, 7),
    "t": lambda place: sp.Rational(2 * place + 1, 40),
    "q": lambda place: sp.Rational(place, 50),
}


def everywhere(summand: sp.Expr, index: sp.Symbol = _j) -> sp.Sum:
    """Sum over all outputs."""
    return sp.Sum(summand, (index, 1, OUTPUTS))


def is_spelled_out(claimed: Any, expected: Callable[[dict[str, list[Any]]], Any], count: Fraction) -> bool:
    """Whether a formula is what its definition gives for some numbers, with every sum written out.

    Args:
        claimed: An expression in functions of the place, e(j), v(j), d(j), t(j) or q(j), with sums over a definite
            number of places.
        expected: What the definition gives, from the lists of these numbers.
        count: How many places.
    """
    lists = {name: [number(place) for place in range(1, int(count) + 1)] for name, number in _NUMBERS.items()}
    difference = _written_out(sp.sympify(claimed), {}) - expected(lists)
    return bool(abs(sp.N(difference, 40, maxn=400)) < sp.Rational(1, 10**30))


def _written_out(expression: sp.Expr, places: dict[sp.Symbol, int]) -> sp.Expr:
    """Put numbers for functions of the place, and add up every sum term by term."""
    if isinstance(expression, AppliedUndef):
        return _NUMBERS[str(expression.func)](places.get(expression.args[0], expression.args[0]))
    if isinstance(expression, sp.Sum):
        (index, first, last), *outer = expression.limits
        inner = expression.function
        if outer:
            (index, first, last), inner = outer[-1], sp.Sum(inner, *expression.limits[:-1])
        return sp.Add(*(_written_out(inner, places | {index: place}) for place in range(first, last + 1)))
    if expression.args:
        return expression.func(*(_written_out(part, places) for part in expression.args))
    return expression


def softmax_form(b: sp.Expr) -> sp.Expr:
    """Return the quadratic form of the Jacobian, a sum of squares of differences, in e(j) and the direction v(j)."""
    square = exponential(_i) * exponential(_j) * (_direction(_i) - _direction(_j)) ** 2
    return b * everywhere(everywhere(square, _i)) / (2 * everywhere(exponential(_j)) ** 2)


def softmax_jacobian_steps(b: sp.Expr, lead: str) -> tuple[Step, Step, Step, Step]:
    """Return the steps that derive the Jacobian of softmax, its quadratic form and its kernel.

    Args:
        b: The inverse temperature: 1, or a positive symbol of that name.
        lead: The sentence before the Jacobian.

    Returns:
        Steps for any number k of outputs, on a domain with b > 0 and integers k > 1.
    """
    pair, total = (_first, _second), _first + _second + _rest
    p = sp.Matrix([unit / total for unit in pair])
    jacobian = sp.Matrix(2, 2, lambda i, j: b * pair[j] * p[i].diff(pair[j]))
    share = exponential(_i) / everywhere(exponential(_j))
    moved = everywhere(exponential(_j) * _direction(_j)) / everywhere(exponential(_j))
    factor, entry, domain = "", r"p_i \delta_{ij} - p_i p_j", _PAIR
    if b != 1:
        domain, factor = _PAIR_AT_TEMPERATURE, sp.latex(b) + " "
        entry = rf"{factor}\left({entry}\right)"
    return (
        Step(
            lead,
            Relation(jacobian, "=", b * (sp.diag(*p) - p * p.T)),
            "exact",
            lambda **point: _slopes_of_four(**point),
            shown=rf"\frac{{\partial p_i}}{{\partial o_j}} = {entry}",
            domain=domain,
        ),
        Step(
            "whose quadratic form is a sum of squares over pairs:",
            Relation(everywhere(_direction(_i) * b * share * (_direction(_i) - moved), _i), "=", softmax_form(b)),
            "exact",
            lambda claimed, k, **point: is_spelled_out(claimed, lambda numbers: _form(point.get("b", 1), numbers), k),
            shown=rf"\sum_i v_i {factor}p_i \left(v_i - \sum_j p_j v_j\right) = "
            rf"{factor}\sum_{{i < j}} p_i p_j (v_i - v_j)^2",
        ),
        Step(
            "two entries of v that differ make it positive;",
            Relation(0, "<", b * p[0] * p[1] * _gap**2),
            "exact",
            shown=rf"0 < {factor}p_i p_j (v_i - v_j)^2 \quad (v_i \neq v_j)",
            domain=domain,
        ),
        Step(
            "equal shifts of all outputs it takes to zero.",
            Relation(b * share - everywhere(b * share * exponential(_j) / everywhere(exponential(_j))), "=", 0),
            "exact",
            lambda claimed, k: is_spelled_out(claimed, lambda numbers: sum(_jacobian(numbers)[0]), k),
            shown=r"J (1, \ldots, 1)^{T} = 0",
        ),
    )


def _slopes_of_four(e_1: Fraction, e_2: Fraction, R: Fraction, b: Fraction = Fraction(1), **_: Fraction) -> sp.Tuple:
    """Differentiate the exponentials of four outputs, of which the last two make up the rest."""
    outputs, rate = sp.symbols("o_1:5", real=True), sp.Rational(b)
    raised = [sp.exp(rate * output) for output in outputs]
    there = dict(zip(outputs, (sp.log(sp.Rational(e)) / rate for e in (e_1, e_2, R / 3, 2 * R / 3)), strict=True))
    slopes = ((raised[i] / sp.Add(*raised)).diff(outputs[j]) for i in (0, 1) for j in (0, 1))
    return sp.Tuple(*(slope.subs(there) for slope in slopes))


def _jacobian(numbers: dict[str, list[Any]]) -> list[list[Any]]:
    """The Jacobian at temperature 1, entry by entry."""
    total = sum(numbers["e"])
    p = [unit / total for unit in numbers["e"]]
    return [[p_i * (int(i == j) - p_j) for j, p_j in enumerate(p)] for i, p_i in enumerate(p)]


def _form(b: Any, numbers: dict[str, list[Any]]) -> Any:
    v = numbers["v"]
    rows = zip(v, _jacobian(numbers), strict=True)
    return b * sum(v_i * entry * v_j for v_i, row in rows for entry, v_j in zip(row, v, strict=True))
