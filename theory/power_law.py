r"""How the index leaves zero: alpha = alpha_0 d^(3/2) (1 + A1 d + A2 d^2 + ...) in the relative excess d of energy.

Conventions as in `theory.family`. On z = 0, with Phi the primitive of R, the index is 1 + Im(log g + Phi(g))/pi. As
log g + Phi is stationary in g, d alpha/d kappa = Im(dPhi/dkappa)/pi = Im(y/(1 + y))/(2 pi phi kappa). Around the edge
point y = y_*(1 + x), and kappa/kappa_c = `cubic`(x) = 1 + d is solved by x = sum_k b_k w^k with w = i (d/v)^(1/2);
then (y/(1 + y))/(1 + d) = sum_k p_k w^k, whose odd terms are imaginary.
"""

from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import Any

import sympy as sp

from theory.balls_of_expressions import real_ball
from theory.closed_threshold import SOURCE
from theory.derivation import Derivation, Step
from theory.domain import Domain
from theory.family import cubic, edge_ordinate, family_transform
from theory.free_probability.law import SpectralLaw
from theory.model import Model
from theory.proof import Relation, Witness
from theory.symbols import alpha, delta, g, phi, v
from theory.truncated_series import composition, inverse, product, reversion, square_root

__all__ = ["FamilySeries", "family_power_law", "family_series"]

_TERMS = 7
_EXCESS = Fraction(1, 10**10)
_DIGITS = 80


@dataclass(frozen=True)
class FamilySeries:
    """The expansion for the whole family, in phi and v.

    Args:
        point: b_0, ..., b_5, of x in powers of w.
        slope: p_0, ..., p_5, of y/((1 + y)(1 + d)) in powers of w.
        amplitude: alpha_0.
        first: A1.
        second: A2.
    """

    point: tuple[sp.Expr, ...]
    slope: tuple[sp.Expr, ...]
    amplitude: sp.Expr
    first: sp.Expr
    second: sp.Expr


@cache
def family_series() -> FamilySeries:
    """Expand the index of the family in truncated power series over the rational functions of phi and v.

    Examples:
        >>> family_series().amplitude
        -(phi - 1)*(v + 1)*(v + 3)/(3*pi*sqrt(v)*(2*phi + v + 1)**2)
    """
    _, ratio, root = sp.field("phi,v", sp.QQ)
    zero, one = ratio * 0, ratio**0

    def series(*coefficients: Any) -> tuple[Any, ...]:
        return tuple(one * x for x in coefficients) + (zero,) * (_TERMS - len(coefficients))

    double = product(series(1, 1), series(1, 1))
    share_of_peak = product(series(1, (3 + root) / 2), inverse(product(double, series(1, (root - 1) / 2))))
    deficit = tuple(-x / root for x in share_of_peak[2:])  # (1 - cubic)/(v x^2), known to two terms fewer
    w = (zero, *square_root(deficit))
    point = (*reversion(w), *(zero,) * (_TERMS - len(w)))
    start = ratio * (3 + root) / ((1 - ratio) * (1 + root))
    share = product(series(start, start), inverse(series(1 + start, start)))
    p = composition(product(share, inverse(share_of_peak)), point)[: len(w)]
    return FamilySeries(
        tuple(_tidy(x) for x in point[: len(w)]),
        tuple(_tidy(x) for x in p),
        _tidy(p[1] / (3 * ratio)) / (sp.pi * sp.sqrt(v)),
        _tidy(-sp.QQ(3, 5) * p[3] / (p[1] * root)),
        _tidy(sp.QQ(3, 7) * p[5] / (p[1] * root**2)),
    )


def _tidy(element: Any) -> sp.Expr:
    """Turn an element of the field into a factored expression in the shared symbols."""
    return sp.factor(element.as_expr().subs({sp.Symbol("phi"): phi, sp.Symbol("v"): v}))


def family_power_law(law: SpectralLaw, energy: sp.Symbol, model: Model, domain: Domain) -> Derivation:
    """Derive the power law of the index of a member of the family.

    Args:
        law: The law.
        energy: Its energy.
        model: Its place in the family.
        domain: The box of the other parameters.
    """
    expansion = family_series()
    here = {phi: model.ratio, v: model.radical}
    b = sp.symbols(f"b1:{len(expansion.point)}")
    p = sp.symbols(f"p1:{len(expansion.slope)}")
    values = dict(zip(b, expansion.point[1:], strict=True)) | dict(zip(p, expansion.slope[1:], strict=True))
    amplitude, first, second = (
        part.subs(here, simultaneous=True) for part in (expansion.amplitude, expansion.first, expansion.second)
    )
    w, kappa, y = sp.Symbol("w"), sp.Symbol("kappa", positive=True), sp.Symbol("y", positive=True)
    x = sum((coefficient * w**k for k, coefficient in enumerate(b, 1)), sp.Integer(0))
    share = expansion.slope[0] + sum((coefficient * w**k for k, coefficient in enumerate(p, 1)), sp.Integer(0))
    start = edge_ordinate()
    place = start * (1 + x)
    solved = (1 + (3 + v) * x / 2) - (1 - v * w**2) * (1 + x) ** 2 * (1 + (v - 1) * x / 2)
    shared = place - (1 + place) * (1 - v * w**2) * share
    order = len(b)
    strength = model.strength * energy / model.scale**2
    c = model.sparsity
    with_v = Domain(phi=(0, 1), v=(1, sp.oo))
    rates = [p[0], -p[2] / v, p[4] / v**2]  # of d^(1/2), d^(3/2), d^(5/2) in pi phi v^(1/2) d alpha/dd, doubled
    integral = sum(
        (
            rate * delta ** sp.Rational(2 * k + 3, 2) * sp.Rational(2, 2 * k + 3) / (2 * sp.pi * phi * sp.sqrt(v))
            for k, rate in enumerate(rates)
        ),
        sp.Integer(0),
    )
    result = amplitude * delta ** sp.Rational(3, 2) * (1 + first * delta + second * delta**2)
    exponent = sp.Rational(3, 2)
    leading = amplitude * delta**exponent

    def at_law(expression: sp.Expr) -> sp.Expr:
        return expression.subs(values).subs(here, simultaneous=True)

    def witness(name: str) -> Witness:
        return _fit(law, energy, model, name)

    tail = 2 * kappa * g / (2 - c * model.ratio * kappa * g**2)
    excess = y / (model.ratio * (1 + y)) - 1
    level = 2 * excess * model.ratio**2 / (y**2 * (2 + c * model.ratio * excess))
    steps = (
        Step(
            "The law is a dilated member of the family",
            Relation(
                law.r_transform(g / model.scale) / model.scale, "=", family_transform(g, strength, c, model.ratio)
            ),
            "exact",
            shown=f"c = {sp.latex(c)},\\quad v = {sp.latex(model.radical)}",
        ),
        Step(
            "The slope of the primitive of R in kappa, on the level",
            Relation(
                (kappa * sp.integrate(sp.cancel(sp.diff(tail, kappa)), (g, 0, -y / model.ratio))).subs(kappa, level),
                "=",
                excess / 2,
            ),
            "exact",
            shown=r"\kappa \frac{\partial \Phi}{\partial \kappa} ="
            r" \frac{1}{2}\left(\frac{y}{\varphi (1 + y)} - 1\right)",
        ),
        Step(
            "x = sum b_k w^k solves cubic(x) = 1 - v w^2, order by order",
            Relation(_coefficients(solved, w, order, values), "=", sp.Tuple(*[0] * (order + 1))),
            "exact",
            domain=with_v,
            shown=f"{sp.latex(cubic(sp.Symbol('x')))} = 1 - v w^2",
        ),
        Step(
            "y/((1 + y)(1 + d)) = sum p_k w^k, order by order",
            Relation(_coefficients(shared, w, order, values), "=", sp.Tuple(*[0] * (order + 1))),
            "exact",
            domain=with_v,
            shown=rf"\frac{{y}}{{(1 + y)(1 + d)}} = \sum_{{k=0}}^{{{order}}} p_k w^k + O(w^{{{order + 1}}})",
        ),
        Step(
            "The amplitude",
            Relation(at_law(p[0] / (3 * sp.pi * phi * sp.sqrt(v))), "=", amplitude),
            "exact",
            witness("amplitude"),
            shown=rf"\alpha_0 = {sp.latex(expansion.amplitude)}",
        ),
        Step(
            "The first correction",
            Relation(at_law(-sp.Rational(3, 5) * p[2] / (p[0] * v)), "=", first),
            "exact",
            witness("first"),
            shown=f"A_1 = {sp.latex(expansion.first)}",
        ),
        Step(
            "The second correction",
            Relation(at_law(sp.Rational(3, 7) * p[4] / (p[0] * v**2)), "=", second),
            "exact",
            witness("second"),
            shown=f"A_2 = {sp.latex(expansion.second)}",
        ),
        Step(
            "The exponent",
            Relation(delta * sp.diff(leading, delta) / leading, "=", exponent),
            "exact",
            witness("exponent"),
            shown=r"\frac{d \log \alpha}{d \log d} \to \frac{3}{2}",
        ),
        Step(
            "The index, integrated term by term",
            Relation(at_law(integral), "=", result),
            "exact",
            shown=r"\alpha = \alpha_0 d^{3/2} (1 + A_1 d + A_2 d^2)",
        ),
    )
    return Derivation(
        title=f"The power law of the index of {law}",
        result=sp.Eq(alpha, result),
        steps=steps,
        domain=Domain(**{name: (lower, upper) for name, lower, upper in domain.bounds}, delta=(0, sp.oo)),
        parts={
            "exponent": sp.Eq(sp.Symbol("exponent"), exponent),
            "amplitude": sp.Eq(sp.Symbol("alpha_0"), amplitude),
            "A1": sp.Eq(sp.Symbol("A1"), first),
            "A2": sp.Eq(sp.Symbol("A2"), second),
        },
        source=SOURCE,
    )


def _coefficients(expression: sp.Expr, w: sp.Symbol, order: int, values: dict[sp.Symbol, sp.Expr]) -> sp.Tuple:
    """The coefficients of w^0, ..., w^order, with the numbers b_k and p_k put in."""
    polynomial = sp.Poly(expression, w)
    return sp.Tuple(*(polynomial.coeff_monomial(w**k).subs(values) for k in range(order + 1)))


def _fit(law: SpectralLaw, energy: sp.Symbol, model: Model, name: str) -> Witness:
    """Return a second route: the index in balls at three tiny excesses, solved for one constant of the power law."""

    def witness(claimed: Any, **values: Fraction) -> bool:
        numbers: dict[str, Any] = {key: value for key, value in values.items() if key != delta.name}
        bound = law.at(**numbers) if numbers else law
        threshold = real_ball(model.critical_energy(), numbers, _DIGITS).midpoint
        heights = []
        for multiple in (1, 2, 3):
            ball = bound.at(**{energy.name: threshold * (1 + multiple * _EXCESS)}).index(digits=_DIGITS)
            heights.append(sp.Rational(ball.midpoint) / sp.sqrt(sp.Rational(multiple * _EXCESS)) ** 3)
        one, two, three = (sp.N(height, _DIGITS) for height in heights)
        step = sp.Rational(_EXCESS)
        constant = 3 * one - 3 * two + three
        linear = (-5 * one + 8 * two - 3 * three) / (2 * step)
        square = (one - 2 * two + three) / (2 * step**2)
        found = {
            "amplitude": constant,
            "first": linear / constant,
            "second": square / constant,
            "exponent": sp.Rational(3, 2) + sp.log(two / one, 2),
        }[name]
        return bool(abs(found - sp.N(claimed, _DIGITS)) <= sp.Rational(1, 10**5) * abs(found))

    return witness
