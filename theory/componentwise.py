"""Splitting a difference of two objects into scalar expressions that must all vanish.

Conventions: tuples and matrices are compared entry by entry. An expression in non-commuting symbols is a sum of words
with commuting coefficients, and words are independent: there are no relations but A A^-1 = 1. Finite sums over one
range are merged, so that linearity of the sum needs no mention; a sum of sums is multiplied out into products of sums
as far as its terms are products.
"""

from functools import reduce
from operator import mul
from typing import Any

import sympy as sp

from theory.domain import Domain
from theory.normal_form import ExactForm


def scalar_parts(difference: Any) -> list[sp.Expr]:
    """Split a matrix, a tuple or an expression in non-commuting symbols into commutative parts that must all vanish.

    Examples:
        >>> A, B = sp.symbols("A B", commutative=False)
        >>> scalar_parts((A + B) ** 2 - A**2 - B**2 - 2 * A * B)
        [-1, 1]
        >>> scalar_parts(A * A**-1 - 1)
        [0]
    """
    if isinstance(difference, sp.MatrixBase | tuple | sp.Tuple):
        return [part for entry in difference for part in scalar_parts(entry)]
    difference = sp.sympify(difference)
    if difference.is_commutative is not False:
        return [_merged_sums(difference)]
    words: dict[tuple[sp.Expr, ...], sp.Expr] = {}
    for term in sp.Add.make_args(sp.expand(difference)):
        commuting, word = term.args_cnc()
        words[tuple(word)] = words.get(tuple(word), sp.Integer(0)) + reduce(mul, commuting, sp.Integer(1))
    return [_merged_sums(coefficient) for _, coefficient in sorted(words.items(), key=str)] or [sp.Integer(0)]


def subtract(left: Any, right: Any) -> Any:
    """Subtract expressions, matrices or tuples entry by entry.

    Raises:
        ValueError: If the two sides have different shapes.
    """
    if isinstance(left, sp.Tuple | tuple) or isinstance(right, sp.Tuple | tuple):
        if not (isinstance(left, sp.Tuple | tuple) and isinstance(right, sp.Tuple | tuple) and len(left) == len(right)):
            raise ValueError(f"both sides must be tuples of one length, got {left} and {right}.")
        return sp.Tuple(*(subtract(x, y) for x, y in zip(left, right, strict=True)))
    if isinstance(left, sp.MatrixBase) != isinstance(right, sp.MatrixBase) or (
        isinstance(left, sp.MatrixBase) and left.shape != right.shape
    ):
        raise ValueError(f"both sides must be matrices of one shape, got {left} and {right}.")
    return left - right


def _merged_sums(expression: sp.Expr) -> sp.Expr:
    """Bring finite sums over the same range under one sign: linearity of the sum."""
    if not expression.has(sp.Sum):
        return expression
    expression = _multiplied_out(expression)
    ranges: dict[tuple[Any, ...], sp.Expr] = {}
    rest = sp.Integer(0)
    for term in sp.Add.make_args(sp.expand(expression)):
        factors = sp.Mul.make_args(term)
        sums = [factor for factor in factors if isinstance(factor, sp.Sum)]
        if len(sums) != 1:
            rest += term
            continue
        coefficient = reduce(mul, (factor for factor in factors if factor is not sums[0]), sp.Integer(1))
        if coefficient.free_symbols & set(sums[0].bound_symbols):  # a free symbol called like the summation index
            rest += term
            continue
        summand = coefficient * sums[0].function
        ranges[sums[0].limits] = ranges.get(sums[0].limits, sp.Integer(0)) + summand
    for limits, summand in ranges.items():
        numerator = ExactForm(Domain()).quotient(_merged_sums(summand)).top
        rest += sp.Sum(summand, *limits) if numerator else 0
    return rest


def _multiplied_out(expression: sp.Expr) -> sp.Expr:
    """Take out of every sum the factors of its terms that do not depend on its index, the innermost sums first.

    What cannot be taken out stays: a sum that depends on the index of the sum around it counts as a function of that.
    Indices get names of their own, so that sums that differ in these alone are one.
    """
    if not expression.has(sp.Sum):
        return expression
    if not isinstance(expression, sp.Sum):
        return expression.func(*(_multiplied_out(part) for part in expression.args))
    total = _multiplied_out(expression.function)
    for limits in expression.limits:
        terms = [term.as_independent(limits[0], as_Add=False) for term in sp.Add.make_args(sp.expand(total))]
        total = sp.Add(*(outside * sp.Sum(inside, limits).as_dummy() for outside, inside in terms))
    return total
