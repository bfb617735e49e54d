r"""How the index leaves zero: alpha = alpha_0 d^(3/2) (1 + A1 d + A2 d^2 + ...) in the relative excess d of energy.

Conventions as in `theory.family`. On z = 0, with Phi the primitive of R, the index is 1 + Im(log g + Phi(g))/pi. As
log g + Phi is stationary in g, d alpha/d kappa = Im(dPhi/dkappa)/pi = Im(y/(1 + y))/(2 pi phi kappa). Around the edge
point y = y_*(1 + x), and kappa/kappa_c = `cubic`(x) = 1 + d is solved by x = sum_k b_k w^k with w = i (d/v)^(1/2);
then (y/(1 + y))/(1 + d) = sum_k p_k w^k, whose odd terms are imaginary.
"""

from dataclasses import dataclass
from fractions import Fraction
from functools import cache, lru_cache
from typing import Any

import sympy as sp

from theory.balls_of_expressions import real_ball
from theory.closed_threshold import SOURCE
from theory.derivation import Derivation, Step
from theory.domain import Domain
from theory.family import cubic, edge_ordinate, family_transform
from theory.free_probability.law import SpectralLaw
from theory.model import Model
from theory.polynomials import PolynomialRing
from theory.proof import Relation, Witness
from theory.symbols import alpha, delta, g, phi, v
from theory.truncated_series import composition, inverse, product, reversion, square_root
from theory.typesetting import latex

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
    functions = PolynomialRing((phi, v), {})
    ratio, root = (functions.ratio(functions.generators[symbol]) for symbol in (phi, v))
    zero, one = functions.ratio(0), functions.ratio(1)

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
        tuple(x.factored() for x in point[: len(w)]),
        tuple(x.factored() for x in p),
        (p[1] / (3 * ratio)).factored() / (sp.pi * sp.sqrt(v)),
        (-3 * p[3] / (5 * p[1] * root)).factored(),
        (3 * p[5] / (7 * p[1] * root**2)).factored(),
    )


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
    p = expansion.slope[1:]
    amplitude, first, second = (
        part.xreplace(here) for part in (expansion.amplitude, expansion.first, expansion.second)
    )
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
    strength = model.strength * energy / model.scale**2
    c = model.sparsity
    shown = {
        "result": r"\alpha = \alpha_0 \delta^{3/2} \left(1 + A_1 \delta + A_2 \delta^2\right) + O(\delta^{9/2}),"
        r" \quad \delta = \frac{\epsilon}{\epsilon_c} - 1",
        "amplitude": rf"\alpha_0 = {latex(expansion.amplitude)}",
        "A1": _in_powers_of_phi("A_1", "a", expansion.first),
        "A2": _in_powers_of_phi("A_2", "b", expansion.second),
    }

    def witness(name: str) -> Witness:
        return _fit(law, energy, model, name)

    steps = (
        Step(
            "The law is a dilated member of the family",
            Relation(
                law.r_transform(g / model.scale) / model.scale, "=", family_transform(g, strength, c, model.ratio)
            ),
            "exact",
            shown=f"{latex(law)},\\quad c = {latex(c)}",
        ),
        Step(
            "$v$ exceeds 1",
            Relation(1, "<", model.radical),
            "exact",
            shown=f"v = {latex(model.radical)} > 1",
        ),
        *_series_steps(),
        Step(
            "The amplitude",
            Relation((p[0] / (3 * sp.pi * phi * sp.sqrt(v))).xreplace(here), "=", amplitude),
            "exact",
            witness("amplitude"),
            shown=r"\alpha_0 = \frac{p_1}{3 \pi \phi \sqrt{v}}",
        ),
        Step(
            "The first correction",
            Relation((-sp.Rational(3, 5) * p[2] / (p[0] * v)).xreplace(here), "=", first),
            "exact",
            witness("first"),
            shown=r"A_1 = - \frac{3 p_3}{5 p_1 v}",
        ),
        Step(
            "The second correction",
            Relation((sp.Rational(3, 7) * p[4] / (p[0] * v**2)).xreplace(here), "=", second),
            "exact",
            witness("second"),
            shown=r"A_2 = \frac{3 p_5}{7 p_1 v^2}",
        ),
        Step(
            "The exponent",
            Relation(delta * sp.diff(leading, delta) / leading, "=", exponent),
            "exact",
            witness("exponent"),
            shown=r"\frac{d \log \alpha}{d \log \delta} \to \frac{3}{2}",
        ),
        Step(
            "The index, integrated term by term",
            Relation(integral.xreplace(here), "=", result),
            "exact",
            shown=r"\alpha = \frac{1}{2 \pi \phi \sqrt{v}} \int_0^{\delta} \left(p_1 t^{1/2}"
            r" - \frac{p_3}{v} t^{3/2} + \frac{p_5}{v^2} t^{5/2}\right) dt",
        ),
    )
    return Derivation(
        title=f"The power law of the index of ${latex(law)}$",
        result=sp.Eq(alpha, result),
        steps=steps,
        domain=Domain(**{name: (lower, upper) for name, lower, upper in domain.bounds}, delta=(0, sp.oo)),
        parts={
            "exponent": sp.Eq(sp.Symbol("exponent"), exponent),
            "amplitude": sp.Eq(sp.Symbol("alpha_0"), amplitude),
            "A1": sp.Eq(sp.Symbol("A1"), first),
            "A2": sp.Eq(sp.Symbol("A2"), second),
            "v": sp.Eq(v, model.radical),
        },
        titles={
            "exponent": "exponent of the law",
            "amplitude": "amplitude of the law",
            "A1": "first correction",
            "A2": "second correction",
            "v": "abbreviation in these",
        },
        shown=shown,
        source=SOURCE,
    )


@cache
def _series_steps() -> tuple[Step, ...]:
    """Check the expansion for the whole family at once, in phi and v."""
    expansion = family_series()
    b = sp.symbols(f"b1:{len(expansion.point)}")
    p = sp.symbols(f"p1:{len(expansion.slope)}")
    values = dict(zip(b, expansion.point[1:], strict=True)) | dict(zip(p, expansion.slope[1:], strict=True))
    w, c = sp.symbols("w c")
    kappa, y = sp.symbols("kappa y", positive=True)
    order = len(b)
    x = sum((coefficient * w**k for k, coefficient in enumerate(b, 1)), sp.Integer(0))
    share = expansion.slope[0] + sum((coefficient * w**k for k, coefficient in enumerate(p, 1)), sp.Integer(0))
    solved = (1 + (3 + v) * x / 2) - (1 - v * w**2) * (1 + x) ** 2 * (1 + (v - 1) * x / 2)
    start = edge_ordinate()
    scaled = sp.denom(start) + sp.numer(start) * (1 + x)  # 1 + y and y, times the denominator of y_*
    shared = sp.numer(start) * (1 + x) - scaled * (1 - v * w**2) * share
    tail = 2 * kappa * g / (2 - c * phi * kappa * g**2)
    primitive = g**2 / (2 - c * phi * kappa * g**2)
    excess = y / (phi * (1 + y)) - 1
    level = 2 * excess * phi**2 / (y**2 * (2 + c * phi * excess))
    with_v = Domain(phi=(0, 1), v=(1, sp.oo))
    zeros = sp.Tuple(*[0] * (order + 1))
    return (
        Step(
            "The slope of the primitive of $R$ in $\\kappa$",
            Relation(sp.diff(primitive, g), "=", sp.diff(tail, kappa)),
            "exact",
            domain=Domain(phi=(0, 1)),
            shown=rf"\frac{{\partial \Phi}}{{\partial \kappa}} = {latex(primitive)}",
        ),
        Step(
            "on the level, where $R(g) + 1/g = 0$ at $g = -y/\\phi$",
            Relation((kappa * primitive).subs(g, -y / phi).subs(kappa, level), "=", excess / 2),
            "exact",
            domain=Domain(phi=(0, 1)),
            shown=r"\kappa \frac{\partial \Phi}{\partial \kappa} ="
            r" \frac{1}{2}\left(\frac{y}{\phi (1 + y)} - 1\right)",
        ),
        Step(
            "The point $y = y_*(1 + x)$ on the level, order by order in $w$, where $\\delta = -v w^2$",
            Relation(_coefficients(solved, w, (v, *b), order, values), "=", zeros),
            "exact",
            domain=with_v,
            shown=rf"{latex(cubic(sp.Symbol('x')))} = 1 - v w^2, \quad x = \sum_{{k=1}}^{{{order}}} b_k w^k",
        ),
        Step(
            "The slope of the index, order by order in $w$",
            Relation(_coefficients(shared, w, (phi, v, *b, *p), order, values), "=", zeros),
            "exact",
            domain=with_v,
            shown=rf"\frac{{y}}{{(1 + y)(1 + \delta)}} = \sum_{{k=0}}^{{{order}}} p_k w^k + O(w^{{{order + 1}}})",
        ),
    )


def _coefficients(
    expression: sp.Expr, w: sp.Symbol, others: tuple[sp.Symbol, ...], order: int, values: dict[sp.Symbol, sp.Expr]
) -> sp.Tuple:
    """The coefficients of w^0, ..., w^order of a polynomial, with the numbers b_k and p_k put in."""
    parts: list[dict[tuple[int, ...], Any]] = [{} for _ in range(order + 1)]
    numerator, denominator = sp.fraction(sp.together(expression))
    for (power, *rest), coefficient in sp.Poly(numerator, w, *others, domain=sp.QQ).terms():
        if power <= order:
            parts[power][tuple(rest)] = coefficient
    polynomials = (sp.Poly(part, *others, domain=sp.QQ).as_expr() if part else sp.Integer(0) for part in parts)
    return sp.Tuple(*(polynomial.xreplace(values) / denominator for polynomial in polynomials))


def _in_powers_of_phi(name: str, letter: str, quotient: sp.Expr) -> str:
    """Write a quotient of polynomials in phi and v as LaTeX, its numerator in powers of phi, one a line."""
    top, bottom = sp.fraction(quotient)
    content, factors = sp.factor_list(top, phi, v)
    (long, _), *others = sorted(factors, key=lambda pair: -len(sp.Add.make_args(pair[0])))
    coefficients = sp.Poly(long, phi).all_coeffs()[::-1]
    outside = sp.Mul(content, *(factor**power for factor, power in others)) / bottom
    total = " + ".join([f"{letter}_0", *(rf"{letter}_{k} \phi^{{{k}}}" for k in range(1, len(coefficients)))])
    total = total.replace("^{1}", "")
    rows = [rf"{name} &= {latex(outside)} \left({total}\right)"]
    rows += [f"{letter}_{k} &= {latex(coefficient)}" for k, coefficient in enumerate(coefficients)]
    return r"\begin{aligned} " + r" \\ ".join(rows) + r" \end{aligned}"


def _fit(law: SpectralLaw, energy: sp.Symbol, model: Model, name: str) -> Witness:
    """Return a second route: the index in balls at three tiny excesses, solved for one constant of the power law."""

    def witness(claimed: Any, **values: Fraction) -> bool:
        point = tuple(sorted((key, value) for key, value in values.items() if key != delta.name))
        found = _fitted(law, energy, model, point)[name]
        return bool(abs(found - sp.N(claimed, _DIGITS)) <= sp.Rational(1, 10**5) * abs(found))

    return witness


@lru_cache(maxsize=128)
def _fitted(
    law: SpectralLaw, energy: sp.Symbol, model: Model, point: tuple[tuple[str, Fraction], ...]
) -> dict[str, sp.Expr]:
    """Fit the constants of the power law to the index in balls at three tiny excesses, at one exact point."""
    numbers: dict[str, Any] = dict(point)
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
    return {
        "amplitude": constant,
        "first": linear / constant,
        "second": square / constant,
        "exponent": sp.Rational(3, 2) + sp.log(two / one, 2),
    }
