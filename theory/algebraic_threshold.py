r"""Critical energies as algebraic numbers, for a law in which nothing but the energy is free.

Conventions as in `theory.energy_curve`. At a rational energy the left edge is positive if and only if R(-h) - 1/h has
a zero where every margin is positive (Sturm's count), because that function of h has one maximum there. The critical
energy is the one root of the discriminant between an energy with such a zero and an energy without.
"""

from fractions import Fraction

import sympy as sp

from theory.closed_threshold import SOURCE, edge_theorem, falling_edge, left_edge_witness
from theory.derivation import Derivation, Step
from theory.domain import Domain
from theory.energy_curve import EnergyCurve
from theory.proof import Relation
from theory.typesetting import latex

__all__ = ["algebraic_energy"]

_OCTAVES = 64
_FINE = sp.Rational(1, 2**40)


def algebraic_energy(curve: EnergyCurve) -> Derivation:
    """Derive a critical energy as a root of a polynomial with whole coefficients.

    Raises:
        ValueError: If the edge cannot be proved to fall with the energy, or does not cross zero at a positive one.
    """
    falling = falling_edge(curve, Domain())
    factors = curve.discriminant_factors
    lower, upper = _bracket(curve)
    while True:
        counts = [factor.count_roots(lower, upper) for factor in factors]
        if sum(counts) == 1:
            factor = factors[counts.index(1)]
            if factor.degree() == 1 or factor.diff().count_roots(lower, upper) == 0:
                break
        middle = _off_the_root(curve, (lower + upper) / 2, (3 * lower + 4 * upper) / 7)
        if _edge_sign(curve, middle) > 0:
            lower = middle
        else:
            upper = middle
    below = factor.count_roots(None, lower)
    root = sp.CRootOf(factor, below, radicals=factor.degree() <= 2)
    value = sp.expand(root**2) if curve.power == 2 else root
    name = sp.Symbol(f"{curve.energy.name}_c", positive=True)

    p = sp.Symbol("p", positive=True)
    between = (lower + upper * p) / (1 + p)
    steps = [
        Step(
            "The R-transform on the negative axis, with opposite jumps joined",
            Relation(curve.in_root(curve.law.r_transform(-curve.h)), "=", curve.transform),
            "exact",
            shown=f"R(-h) = {latex(curve.transform)}",
        ),
        *_below(curve, lower),
        *_above(curve, upper),
        Step(
            "Between the two it is the only root of a factor of the discriminant, whose slope has no zero",
            Relation(factor.diff().as_expr().subs(curve.root, between), "!=", 0)
            if factor.degree() > 1
            else Relation(1, "!=", 0),
            "exact",
            shown=f"{latex(factor.as_expr())} = 0",
        ),
        *(
            Step(
                "another factor has no root there",
                Relation(other.as_expr().subs(curve.root, between), "!=", 0),
                "exact",
                shown=rf"{latex(other.as_expr())} \neq 0",
            )
            for other in factors
            if other != factor
        ),
        Step("The root lies above the lower energy", Relation(lower, "<", root), "exact"),
        Step("and below the upper energy", Relation(root, "<", upper), "exact"),
        Step(
            "The critical energy, held against the index just below and just above",
            Relation(root**curve.power, "=", value),
            "exact",
            left_edge_witness(curve.law, curve.energy),
            shown=f"{latex(name)} = {latex(value)}",
        ),
    ]
    if factor.degree() <= 2:
        steps.append(Step("It solves the equation", Relation(factor.as_expr().subs(curve.root, root), "=", 0), "exact"))
    return Derivation(
        title=f"The critical ${latex(curve.energy)}$ of ${latex(curve.law)}$",
        result=sp.Eq(name, value),
        steps=tuple(steps),
        domain=Domain(),
        theorems=(edge_theorem(falling),),
        source=SOURCE,
    )


def _bracket(curve: EnergyCurve) -> tuple[sp.Rational, sp.Rational]:
    """Find two values of the variable of the curve between which the edge crosses zero."""
    start = _off_the_root(curve, sp.Integer(1), sp.Rational(8, 7))
    lower = upper = start
    for _ in range(_OCTAVES):
        if _edge_sign(curve, lower) > 0:
            break
        lower = _off_the_root(curve, lower / 2, lower * sp.Rational(4, 7))
    else:
        raise ValueError(f"law must have a positive left edge at small {curve.energy.name}, got {curve.law}.")
    for _ in range(_OCTAVES):
        if _edge_sign(curve, upper) < 0:
            return lower, upper
        upper = _off_the_root(curve, 2 * upper, upper * sp.Rational(16, 7))
    raise ValueError(f"law must have a negative left edge at large {curve.energy.name}, got {curve.law}.")


def _off_the_root(curve: EnergyCurve, value: sp.Rational, other: sp.Rational) -> sp.Rational:
    """Return a value, or another one if the edge is exactly zero there."""
    return value if _edge_sign(curve, value) else other


def _edge_sign(curve: EnergyCurve, value: sp.Rational) -> int:
    """The sign of the left edge at a value of the variable of the curve, by Sturm's count."""
    zeros = _zeros(curve, value)
    if not zeros:
        return -1
    return 0 if len(zeros) == 1 and zeros[0][1] % 2 == 0 else 1


def _zeros(curve: EnergyCurve, value: sp.Rational) -> list[tuple[sp.Rational, int]]:
    """Find the zeros of R(-h) - 1/h where every margin is positive, nearly, and their multiplicities."""
    polynomial = sp.Poly(curve.numerator.as_expr().subs(curve.root, value), curve.h)
    square = _steepest(curve, value)
    zeros = []
    for (left, right), multiplicity in polynomial.intervals(eps=_FINE):
        middle = (left + right) / 2
        if right > 0 and (square is None or square * middle**2 < 1):
            zeros.append((middle, multiplicity))
    return zeros


def _steepest(curve: EnergyCurve, value: sp.Rational) -> sp.Rational | None:
    """The square of the least negative size, or None if no size is negative."""
    pairs, single = curve.joined
    squares = [curve.in_root(square).subs(curve.root, value) for _, square in pairs]
    sizes = [curve.in_root(size).subs(curve.root, value) for _, size in single]
    return max([*squares, *(size**2 for size in sizes if size < 0)], default=None)


def _below(curve: EnergyCurve, lower: sp.Rational) -> list[Step]:
    """Show one place at which R(-h) > 1/h at the lower energy."""
    zeros = [place for place, _ in _zeros(curve, lower)]
    place = (zeros[0] + zeros[-1]) / 2 if len(zeros) > 1 else 2 * zeros[0]
    square = _steepest(curve, lower)
    at_lower = curve.transform.subs(curve.root, lower)
    steps = [
        Step(
            f"At {curve.root} = {lower} the left edge is positive, because R(-h) > 1/h at one h",
            Relation(1 / place, "<", at_lower.subs(curve.h, place)),
            "exact",
        )
    ]
    if square is not None:
        steps.append(Step("where every margin is positive", Relation(square * place**2, "<", 1), "exact"))
    return steps


def _above(curve: EnergyCurve, upper: sp.Rational) -> list[Step]:
    """Show that R(-h) < 1/h wherever every margin is positive at the upper energy."""
    square = _steepest(curve, upper)
    p = sp.Symbol("p", positive=True)
    at_upper = curve.transform.subs(curve.root, upper)
    title = f"At {curve.root} = {upper} it is negative: R(-h) < 1/h at every h with positive margins"
    if square is None:
        return [Step(title, Relation(at_upper, "<", 1 / curve.h), "exact")]
    size = sp.sqrt(square)
    if size.is_Rational:
        place = p / (size * (1 + p))
        return [Step(title, Relation(at_upper.subs(curve.h, place), "<", 1 / place), "exact")]
    near = sp.Rational(Fraction(float(size)).limit_denominator(2**20))
    while near**2 >= square:
        near -= sp.Rational(1, 2**20)
    flatter = sum(
        (
            2 * rate * curve.h * (sq / (1 - sq * curve.h**2) - near**2 / (1 - near**2 * curve.h**2))
            for rate, sq in (tuple(curve.in_root(x).subs(curve.root, upper) for x in pair) for pair in curve.joined[0])
            if sq > near**2
        ),
        sp.Integer(0),
    )
    place = p / (near * (1 + p))
    bound = sp.cancel(sp.together(at_upper + flatter))
    return [
        Step("A pair of smaller jumps raises R(-h)", Relation(near**2, "<", square), "exact"),
        Step(title, Relation(bound.subs(curve.h, place), "<", 1 / place), "exact"),
    ]
