r"""Critical energies in closed form: the largest energy on the zero level of the left edge.

Conventions as in `theory.energy_curve`. The *level* is the energy at which the point -h satisfies R(-h) = 1/h; an h
is *feasible* if R(-h) > 1/h at energy zero. As R(-h) falls while the energy grows, the left edge is positive if
and only if the energy lies below the level at some feasible h: the critical energy is the maximum of the level.
"""

from fractions import Fraction
from itertools import pairwise
from typing import Any

import sympy as sp

from theory.balls_of_expressions import real_ball
from theory.derivation import Derivation, Step, Theorem
from theory.domain import Domain
from theory.energy_curve import EnergyCurve
from theory.free_probability.law import SpectralLaw
from theory.model import recognise
from theory.normal_form import ExactForm, UndecidedError
from theory.proof import Relation, Witness
from theory.typesetting import latex

__all__ = [
    "SOURCE",
    "NoClosedFormError",
    "closed_form",
    "edge_point_witness",
    "edge_theorem",
    "falling_edge",
    "feasible_box",
    "left_edge_witness",
]

SOURCE = "Pennington and Bahri (2017), Geometry of neural network loss surfaces via random matrix theory"

_NUDGE = Fraction(1, 10**6)
_DIGITS = 25


class NoClosedFormError(Exception):
    """The equations of a law do not end in one square root; the message says why."""


def closed_form(curve: EnergyCurve) -> Derivation:
    """Derive a critical energy in closed form.

    Raises:
        NoClosedFormError: If the level is not explicit, or is not stationary at a root of one quadratic.
        ValueError: If the edge cannot be proved to fall with the energy.
    """
    h, level = curve.h, curve.level
    if level is None:
        raise NoClosedFormError(f"R(-h) = 1/h is of degree {curve.numerator.degree(curve.root)} in {curve.root}.")
    domain, start = feasible_box(curve)
    form = ExactForm(domain)
    falling = falling_edge(curve, domain)
    _check_unbounded(curve, form)
    quadratic, rest = _stationary_quadratic(level, h, form)
    a, b, c = sp.Poly(quadratic, h).all_coeffs()

    square, radicand = _square_and_rest(sp.expand(b**2 - 4 * a * c), form)
    edge = (b + square * sp.sqrt(radicand)) / sp.factor(-2 * a)
    value = _at_edge(level, (a, b), square, radicand, h, form)
    result = value**curve.power
    name = sp.Symbol(f"{curve.energy.name}_c", positive=True)
    variable = latex(curve.root)
    slope = rf"\frac{{d {variable}(h)}}{{d h}} = {latex(rest * quadratic)}"
    energy_zero = rf"\left.R(-h)\right|_{{{latex(curve.energy)}=0}} > \frac{{1}}{{h}} \text{{ at large }} h"
    steps = [
        Step(
            "The R-transform on the negative axis, with opposite jumps joined",
            Relation(curve.in_root(curve.law.r_transform(-h)), "=", curve.transform),
            "exact",
            shown=f"R(-h) = {latex(curve.transform)}",
        ),
        Step(
            "The level: the energy at which $R(-h) = 1/h$",
            Relation(curve.transform.subs(curve.root, level) - 1 / h, "=", 0),
            "exact",
            shown=f"{latex(curve.root)}(h) = {latex(level)}",
        ),
        Step("Its slope is a positive factor", Relation(0, "<", rest), "exact"),
        Step("times a quadratic", Relation(sp.diff(level, h), "=", rest * quadratic), "exact", shown=slope),
        Step("that is positive at small $h$", Relation(0, "<", c), "exact"),
        Step("and negative at large $h$, so that the level has one maximum", Relation(a, "<", 0), "exact"),
        Step(
            "at this zero of the quadratic",
            Relation(quadratic.subs(h, edge), "=", 0),
            "exact",
            shown=f"{latex(quadratic)} = 0 \\quad \\text{{at}} \\quad h_* = {latex(edge)}",
        ),
        Step("which is positive", Relation(0, "<", edge), "exact", shown="h_* > 0"),
        Step(
            "There the Stieltjes transform is, held against its value at 0 just below the critical energy",
            Relation(-edge, "=", -edge),
            "exact",
            edge_point_witness(curve.law, curve.energy, result),
            shown=f"g_* = {latex(-edge)}",
        ),
        Step(
            "The level at its maximum",
            Relation(level.subs(h, edge), "=", value),
            "exact",
            shown=f"{latex(curve.root)}(h_*) = {latex(value)}",
        ),
        Step("is positive", Relation(0, "<", value), "exact", shown=f"0 < {latex(curve.root)}(h_*)"),
        Step(
            "Second route: the discriminant of the edge equation vanishes there",
            Relation(_discriminant(curve, value), "=", 0),
            "exact",
            shown=r"\mathrm{disc}_h\left(R(-h) - \frac{1}{h}\right) = 0",
        ),
        Step(
            "The critical energy, held against the index just below and just above",
            Relation(level.subs(h, edge) ** curve.power, "=", result),
            "exact",
            left_edge_witness(curve.law, curve.energy),
            shown=f"{latex(name)} = {latex(result)}",
        ),
    ]
    parts = {"edge point": sp.Eq(sp.Symbol("g_star"), -edge)}
    model = recognise(curve.law, curve.energy)
    if model is not None:
        compact = model.critical_energy()
        if form.is_zero(compact - result):
            steps.append(Step("The same in factors, without cancellation", Relation(result, "=", compact), "exact"))
            parts["in factors"] = sp.Eq(name, compact)
    first = Step("At energy zero some $h$ are feasible", Relation(0, "<", start), "exact", shown=energy_zero)
    return Derivation(
        title=f"The critical ${latex(curve.energy)}$ of ${latex(curve.law)}$",
        result=sp.Eq(name, result),
        steps=tuple(steps),
        domain=domain,
        parts=parts,
        theorems=(edge_theorem((first, *falling)),),
        source=SOURCE,
    )


def edge_theorem(hypotheses: tuple[Step, ...]) -> Theorem:
    r"""State that the left edge is a supremum on the negative axis and falls with the energy, and check the lemma.

    Left of the support -G is positive and grows, from 0, and k(h) = R(-h) - 1/h is its inverse as long as the margins
    1 + s_j h are positive; that they stay, because k falls to minus infinity where the first of them vanishes, while
    the inverse of -G grows. So k grows on (0, h_0) with h_0 the limit of -G at the edge, and tends to the edge there.
    The lemma: h^2 k'(h) falls from 1 on, so that k grows up to some h_* (it may be the end of the interval) and falls
    after it; h_0 <= h_*. Were h_0 < h_*, then k'(h_0) > 0 and G would go on analytically and real across the edge,
    where by Stieltjes' inversion there would be no mass. Hence h_0 = h_*, and the edge is the supremum of k. It need
    not be attained: with an atom at the edge G has a pole there, and h_0 is infinite.
    """
    h, a, rate, margin = sp.symbols("h a_j r_j k_j", positive=True)
    size, drift, variance = sp.symbols("s_j m_0 v_0", real=True)
    inverse = drift - variance * h + rate * size / (1 + size * h) - 1 / h
    share = size * h / (1 + size * h)
    everywhere = Domain()
    lemma = (
        Step(
            "The lemma, with one jump for all: $h^2$ times the slope of $k(h) = R(-h) - 1/h$",
            Relation(h**2 * inverse.diff(h), "=", 1 - variance * h**2 - rate * share**2),
            "exact",
            shown=r"h^2 k'(h) = 1 - v h^2 - \sum_j r_j \left(\frac{s_j h}{1 + s_j h}\right)^2",
            domain=everywhere,
        ),
        Step(
            "The slope of each square",
            Relation((share**2).diff(h), "=", 2 * size**2 * h / (1 + size * h) ** 3),
            "exact",
            domain=everywhere,
        ),
        Step(
            "is positive where the margin $k_j = 1 + s_j h$ is, $a_j = |s_j|$: $h^2 k'(h)$ falls from 1 on",
            Relation(0, "<", 2 * a**2 * h / margin**3),
            "exact",
            domain=everywhere,
        ),
    )
    return Theorem(
        "the edge as a supremum",
        "the left edge of a law with a free Levy triple is the supremum of $k(h) = R(-h) - 1/h$ over the $h > 0$ at "
        "which every margin $1 + s_j h$ is positive, attained or not (an atom at the edge): $k$ inverts $-G$ left of "
        "the support, grows to its one maximum and falls after it, and the edge is that maximum, because $G$ cannot "
        "go on analytically across it. If $R(-h)$ falls as the energy grows, the edge is positive exactly below the "
        "supremum of the energies at which $R(-h) = 1/h$ has a solution",
        "derived here, from R(G(z)) + 1/G(z) = z (Voiculescu 1986) and Stieltjes' inversion",
        (*lemma, *hypotheses),
    )


def falling_edge(curve: EnergyCurve, domain: Domain) -> tuple[Step, ...]:
    """Prove that R(-h) falls as the energy grows, at every h where every jump has a positive margin.

    Raises:
        ValueError: If it cannot be proved.
    """
    slope, margins = curve.slope
    whole = slope.subs(margins)
    try:
        proved = ExactForm(domain).sign(slope) < 0
    except UndecidedError:
        proved = False
    if not proved:
        raise ValueError(
            f"law must have a left edge that falls as {curve.energy.name} grows: the slope {whole} of R(-h) could not "
            "be proved negative."
        )
    variable = latex(curve.root)
    where = r"\quad\text{where}\quad " + r",\ ".join(f"{latex(k)} = {latex(x)} > 0" for k, x in margins.items())
    shown = rf"\frac{{\partial R(-h)}}{{\partial {variable}}} = {latex(slope)} < 0"
    return (
        Step(
            "The slope of $R(-h)$ in the energy",
            Relation(sp.diff(curve.transform, curve.root), "=", whole),
            "exact",
            shown=rf"\frac{{\partial R(-h)}}{{\partial {variable}}} = {latex(whole)}",
        ),
        Step(
            "$R$ falls as the energy grows, wherever the margins of the jumps are positive",
            Relation(slope, "<", 0),
            "exact",
            shown=shown + (where if margins else ""),
        ),
    )


def left_edge_witness(law: SpectralLaw, energy: sp.Symbol) -> Witness:
    """Return a second route to a critical energy: index 0 just below it and positive just above, in balls."""

    def witness(claimed: Any, **values: Fraction) -> bool:
        middle = real_ball(claimed, {}, _DIGITS).midpoint
        bound = law.at(**{name: value for name, value in values.items() if name != energy.name}) if values else law
        below = bound.at(**{energy.name: middle * (1 - _NUDGE)})
        above = bound.at(**{energy.name: middle * (1 + _NUDGE)})
        left = below.support(digits=_DIGITS)[0][0]
        right = above.support(digits=_DIGITS)[0][0]
        below_zero, above_zero = below.index(digits=_DIGITS), above.index(digits=_DIGITS)
        return bool(left.lower > 0 > right.upper and below_zero.contains(0) and above_zero.lower > below_zero.upper)

    return witness


def edge_point_witness(law: SpectralLaw, energy: sp.Symbol, critical: sp.Expr) -> Witness:
    """Return a second route to an edge point: G(0) where the spectrum keeps just clear of 0, in balls.

    At a relative distance t below the critical energy G(0) differs from it by a multiple of the root of t.
    """

    def witness(claimed: Any, **values: Fraction) -> bool:
        point = {name: value for name, value in values.items() if name != energy.name}
        middle = real_ball(critical, point, 2 * _DIGITS).midpoint * (1 - Fraction(1, 10**_DIGITS))
        found = law.at(**point, **{energy.name: middle}).stieltjes(0, digits=_DIGITS).real
        expected = real_ball(claimed, {}, _DIGITS)
        return bool(abs(found.midpoint / expected.midpoint - 1) < _NUDGE)

    return witness


def feasible_box(curve: EnergyCurve) -> tuple[Domain, sp.Expr]:
    """Find the box on which R(-h) > 1/h at energy zero and large h, and the leading coefficient that shows it."""
    h = curve.h
    start = sp.cancel(sp.together((curve.transform - 1 / h).subs(curve.root, 0)))
    if start.has(sp.zoo, sp.nan):
        raise NoClosedFormError(f"the law has no limit as {curve.energy.name} goes to 0.")
    top, bottom = sp.fraction(start)
    leading = sp.factor(sp.Poly(top, h).LC() / sp.Poly(bottom, h).LC())
    if sp.degree(top, h) > sp.degree(bottom, h):
        raise NoClosedFormError("at energy zero the law keeps a semicircle.")
    bounds = {x.name: (sp.Integer(0) if x.is_positive else -sp.oo, sp.oo) for x in curve.parameters}
    for box in [bounds, *_cut(bounds, leading)]:
        try:
            if ExactForm(Domain(**box)).sign(leading) > 0:
                return Domain(**box), leading
        except UndecidedError:
            continue
    raise NoClosedFormError(f"the left edge at {curve.energy.name} = 0 is not positive or its sign is not decided.")


def _cut(bounds: dict[str, tuple[sp.Expr, sp.Expr]], expression: sp.Expr) -> list[dict[str, tuple[sp.Expr, sp.Expr]]]:
    """Cut one interval of a box at the rational roots of the factors in that parameter alone."""
    boxes = []
    for symbol in sorted(expression.free_symbols, key=str):
        lower, upper = bounds[symbol.name]
        _, factors = sp.factor_list(sp.numer(expression))
        alone = [factor for factor, _ in factors if factor.free_symbols == {symbol}]
        roots = {root for factor in alone for root in sp.Poly(factor, symbol).ground_roots()}
        places = [lower, *sorted(root for root in roots if lower < root < upper), upper]
        boxes += [{**bounds, symbol.name: pair} for pair in pairwise(places)]
    return boxes


def _check_unbounded(curve: EnergyCurve, form: ExactForm) -> None:
    """Refuse a law whose edge need not reach zero however large the energy."""
    pairs, single = curve.joined
    growing = [-curve.law.drift, curve.law.variance, *(square for _, square in pairs), *(-size for _, size in single)]
    for part in growing:
        expression = curve.in_root(part)
        if expression.has(curve.root) and expression.is_polynomial(curve.root):
            try:
                if form.sign(sp.Poly(expression, curve.root).LC()) > 0:
                    return
            except UndecidedError:
                continue
    raise NoClosedFormError(f"nothing shows that the left edge reaches zero as {curve.energy.name} grows.")


def _stationary_quadratic(level: sp.Expr, h: sp.Symbol, form: ExactForm) -> tuple[sp.Expr, sp.Expr]:
    """Split the slope of the level into a quadratic with one positive root and a positive rest."""
    top, bottom = sp.fraction(sp.factor(sp.diff(level, h)))
    changing = []
    for factor, power in sp.factor_list(top)[1]:
        try:
            form.sign(factor)
        except UndecidedError:
            changing.append((factor, power))
    if len(changing) != 1 or changing[0][1] != 1 or sp.degree(changing[0][0], h) != 2:
        degree = sum(power * sp.degree(factor, h) for factor, power in changing)
        raise NoClosedFormError(f"the stationary points of the energy solve an equation of degree {degree} in h.")
    quadratic = changing[0][0]
    rest = sp.factor(sp.cancel(top / quadratic) / bottom)
    try:
        if form.sign(rest) < 0:
            quadratic, rest = sp.expand(-quadratic), sp.factor(-rest)
        a, _, c = sp.Poly(quadratic, h).all_coeffs()
        if form.sign(a) < 0 < form.sign(c):
            return quadratic, rest
    except UndecidedError as error:
        raise NoClosedFormError(f"the stationary points of the energy are not separated: {error}.") from error
    raise NoClosedFormError("the energy has no single maximum in h.")


def _square_and_rest(radicand: sp.Expr, form: ExactForm) -> tuple[sp.Expr, sp.Expr]:
    """Write a positive polynomial as square^2 times a polynomial without square factors, the square positive."""
    content, factors = sp.factor_list(radicand)
    square, rest = sp.Integer(1), content
    for factor, power in factors:
        if power > 1:
            square *= (factor if form.sign(factor) > 0 else -factor) ** (power // 2)
        rest *= factor ** (power % 2)
    number = sp.sqrt(abs(rest.as_coeff_Mul()[0]))
    outer = sp.Integer(1) if not number.is_Rational else number
    return outer * square, sp.expand(rest / outer**2)


def _at_edge(
    level: sp.Expr,
    coefficients: tuple[sp.Expr, sp.Expr],
    square: sp.Expr,
    radicand: sp.Expr,
    h: sp.Symbol,
    form: ExactForm,
) -> sp.Expr:
    """Evaluate the level at (b + square r)/(-2 a), r^2 = radicand, as (A + B r)/C with a positive denominator."""
    a, b = coefficients
    mark = sp.Dummy("r")
    top, bottom = sp.fraction(sp.cancel(sp.together(level.subs(h, (b + square * mark) / (-2 * a)))))

    def halves(expression: sp.Expr) -> tuple[sp.Expr, sp.Expr]:
        remainder = sp.Poly(expression, mark).rem(sp.Poly(mark**2 - radicand, mark))
        return remainder.coeff_monomial(1), remainder.coeff_monomial(mark)

    (p, q), (r, t) = halves(top), halves(bottom)
    norm = r**2 - t**2 * radicand
    plain, radical = sp.cancel((p * r - q * t * radicand) / norm), sp.cancel((q * r - p * t) / norm)
    common = sp.lcm(sp.denom(plain), sp.denom(radical))
    first, second = sp.cancel(plain * common), sp.cancel(radical * common)
    shared = sp.gcd(first, second)
    first, second = sp.expand(sp.cancel(first / shared)), sp.cancel(second / shared)
    content, factors = sp.factor_list(common)
    denominator, sign = sp.Integer(1), sp.sign(content)
    for factor, power in factors:
        one = form.sign(factor)
        sign *= one**power
        denominator *= sp.expand(one * factor) ** power
    quotient, remainder = (
        sp.div(second, radicand, *sorted(radicand.free_symbols, key=str)) if radicand.free_symbols else (0, 1)
    )
    root = (
        sp.sqrt(radicand) ** 3 * sp.expand(sign * quotient)
        if remainder == 0
        else sp.expand(sign * second) * sp.sqrt(radicand)
    )
    return shared * (sp.expand(sign * first) + root) / (abs(content) * denominator)


def _discriminant(curve: EnergyCurve, value: sp.Expr) -> sp.Expr:
    """The factor of the discriminant that vanishes at a value, there."""
    point = {symbol: sp.Rational(3 + index, 7 + 2 * index) for index, symbol in enumerate(curve.parameters)}
    factors = curve.discriminant_factors

    def size(factor: sp.Poly) -> sp.Expr:
        return abs(sp.N(factor.as_expr().subs(curve.root, value).subs(point), 30))

    nearest = min(factors, key=size)
    return nearest.as_expr().subs(curve.root, value)
