r"""One family that holds the three models: a Wishart matrix plus a residual part of a fraction 1/c of active samples.

Conventions: with ratio phi < 1, Wishart scale 1 and residual second moment kappa,

.. math:: R(g) = \frac{1}{1 - \phi g} + \frac{2 \kappa g}{2 - c \phi \kappa g^2},

c = 2 for ReLU units, c = 1 for linear units, c = 0 for the Wigner model; v^2 = 1 + 8 phi + 4 c phi (1 - phi). A point
of the negative axis is g = -y/phi, and y = y_* (1 + x) around the edge point y_*.
"""

from fractions import Fraction
from functools import cache
from typing import Any

import sympy as sp

from theory.balls_of_expressions import real_ball
from theory.closed_threshold import SOURCE, edge_theorem, left_edge_witness
from theory.derivation import Derivation, Step
from theory.domain import Domain
from theory.free_probability.laws import (
    compound_poisson,
    linear_hessian,
    marchenko_pastur,
    relu_hessian,
    wishart_wigner_hessian,
)
from theory.proof import Relation, Witness
from theory.symbols import epsilon, g, phi, v
from theory.typesetting import latex

__all__ = ["cubic", "edge_ordinate", "family_transform", "threshold_family"]

_c = sp.Symbol("c", positive=True)
_kappa = sp.Symbol("kappa", positive=True)
_x = sp.Symbol("x")


def family_transform(at: sp.Expr, kappa: sp.Expr, sparsity: sp.Expr, ratio: sp.Expr = phi) -> sp.Expr:
    """Return the R-transform of the family at a point."""
    return 1 / (1 - ratio * at) + 2 * kappa * at / (2 - sparsity * ratio * kappa * at**2)


def edge_ordinate(ratio: sp.Expr = phi, radical: sp.Expr = v) -> sp.Expr:
    """Return y_*, which is -phi times the Stieltjes transform at the edge point."""
    return ratio * (3 + radical) / ((1 - ratio) * (1 + radical))


def cubic(x: sp.Expr = _x, radical: sp.Expr = v) -> sp.Expr:
    """Return the level at y_* (1 + x) over its maximum, one rational function for the whole family.

    Examples:
        >>> x = sp.Symbol("x")
        >>> sp.factor(1 - cubic(x))
        x**2*(v*x + 2*v - x)/((x + 1)**2*(v*x - x + 2))
    """
    return (1 + (3 + radical) * x / 2) / ((1 + x) ** 2 * (1 + (radical - 1) * x / 2))


@cache
def threshold_family() -> Derivation:
    r"""Derive one closed form for the threshold of all three models.

    The result is the critical second moment kappa_c of the residual part; the parts are the critical energies that
    follow for the Wigner model (kappa = 2 epsilon), linear units (kappa = epsilon phi) and ReLU units
    (kappa = epsilon phi/2), the edge point and v.

    Examples:
        >>> family = threshold_family()
        >>> print(family.at(phi="1/2", c=1, digits=6) * 2)
        0.0426302
    """
    radical = sp.sqrt(sp.expand(1 + 8 * phi + 4 * _c * phi * (1 - phi)))
    sparsity = (v**2 - 1 - 8 * phi) / (4 * phi * (1 - phi))  # c, given v
    y, h, margin, p = (sp.Symbol(name, positive=True) for name in ("y", "h", "margin", "p"))

    def level(at: sp.Expr, c: sp.Expr) -> sp.Expr:
        excess = ((1 - phi) * at - phi) / (phi * (1 + at))
        return 2 * excess * phi**2 / (at**2 * (2 + c * phi * excess))

    peak = 8 * (1 - phi) ** 3 * (1 + v) / (3 + v) ** 3
    result = peak.subs(v, radical)
    around = edge_ordinate() * (1 + _x)
    feasible = -2 / (3 + v) + p
    with_v = Domain(phi=(0, 1), v=(1, sp.oo))
    residual = [(2 * epsilon, sp.Integer(0)), (epsilon * phi, sp.Integer(1)), (epsilon * phi / 2, sp.Integer(2))]
    models = [wishart_wigner_hessian(), linear_hessian(), relu_hessian()]
    names = ["Wigner model", "linear units", "ReLU units"]
    energies = [(result * epsilon / kappa).subs(_c, c) for kappa, c in residual]
    name = sp.Symbol("kappa_c", positive=True)
    steps = [
        Step(
            "The three models are members of one family",
            Relation(
                sp.Tuple(*(model.r_transform(g) for model in models)),
                "=",
                sp.Tuple(*(family_transform(g, kappa, c) for kappa, c in residual)),
            ),
            "exact",
            shown=f"R(g) = {latex(family_transform(g, _kappa, _c))}",
        ),
        Step(
            "The level: the second moment at which $R(g) + 1/g = 0$ at $g = -y/\\phi$",
            Relation(family_transform(-y / phi, level(y, _c), _c) - phi / y, "=", 0),
            "exact",
            shown=rf"\kappa(y) = {latex(sp.factor(level(y, _c)))}",
        ),
        Step(
            "Around $y_*$ it is a multiple of one cubic fraction",
            Relation(level(around, sparsity), "=", peak * cubic()),
            "exact",
            shown=rf"\frac{{\kappa(y_* (1 + x))}}{{\kappa_c}} = {latex(cubic())},"
            rf"\quad y_* = {latex(edge_ordinate())}",
        ),
        Step(
            "which falls short of 1 by a square times a quotient",
            Relation(1 - cubic(), "=", _x**2 * (v + (v - 1) * _x / 2) / ((1 + _x) ** 2 * (1 + (v - 1) * _x / 2))),
            "exact",
        ),
        Step(
            "The feasible points, $R(g) + 1/g > 0$ at $\\kappa = 0$, are $x > -2/(3 + v)$",
            Relation(
                ((1 - phi) * around - phi) / (phi * (1 + around)),
                "=",
                2 * (1 + (3 + v) * _x / 2) / ((1 + v) * (1 + around)),
            ),
            "exact",
        ),
        Step(
            "There the numerator of the quotient is positive",
            Relation(0, "<", (v + (v - 1) * feasible / 2)),
            "exact",
            domain=with_v,
        ),
        Step("and so is its denominator", Relation(0, "<", 1 + (v - 1) * feasible / 2), "exact", domain=with_v),
        Step(
            "So the level has its maximum at $x = 0$",
            Relation(peak * cubic(sp.Integer(0)), "=", peak),
            "exact",
            shown=r"\frac{\kappa(x)}{\kappa(0)} = 1 \quad \text{at} \quad x = 0",
        ),
        Step("$v$ exceeds 1 for $c > 0$", Relation(1, "<", radical), "exact"),
        Step("and for $c = 0$", Relation(1, "<", radical.subs(_c, 0)), "exact"),
        Step(
            "The edge point, as a value of the Stieltjes transform",
            Relation(-edge_ordinate(phi, radical) / phi, "=", -(3 + radical) / ((1 - phi) * (1 + radical))),
            "exact",
        ),
        Step("with", Relation(radical**2 - 4 * _c * phi * (1 - phi), "=", 1 + 8 * phi), "exact"),
        Step("$v$ is positive", Relation(0, "<", radical), "exact"),
        Step(
            "The critical second moment, held against the index just below and just above",
            Relation(level(edge_ordinate(phi, radical), _c), "=", result),
            "exact",
            _index_jumps,
            shown=rf"\kappa_c = {latex(peak)}",
        ),
        *(
            Step(
                f"The critical energy of the {label}",
                Relation(level(edge_ordinate(phi, radical), _c).subs(_c, c) * epsilon / kappa, "=", energy),
                "exact",
                _at_ratio(left_edge_witness(model, epsilon)),
                shown=rf"\epsilon_c = \frac{{\epsilon}}{{\kappa}} \kappa_c = {latex(energy)},"
                rf" \quad \kappa = {latex(kappa)}, \quad c = {latex(c)}",
            )
            for label, model, energy, (kappa, c) in zip(names, models, energies, residual, strict=True)
        ),
    ]
    falling = (
        Step(
            "The slope of $R$ in $\\kappa$",
            Relation(
                sp.diff(family_transform(-h, _kappa, _c), _kappa), "=", -h / (1 - _c * phi * _kappa * h**2 / 2) ** 2
            ),
            "exact",
        ),
        Step(
            "$R$ falls as $\\kappa$ grows, wherever the margin is positive", Relation(-h / margin**2, "<", 0), "exact"
        ),
    )
    edge = -(3 + radical) / ((1 - phi) * (1 + radical))
    parts = {"edge point": sp.Eq(sp.Symbol("g_star"), edge), "v": sp.Eq(v, radical)}
    parts |= {label: sp.Eq(sp.Symbol("epsilon_c"), energy) for label, energy in zip(names, energies, strict=True)}
    return Derivation(
        title="The threshold of the Wigner, linear and ReLU models at once",
        result=sp.Eq(name, result),
        steps=tuple(steps),
        domain=Domain(phi=(0, 1), c=(0, sp.oo)),
        parts=parts,
        titles={
            "edge point": "point of the left edge",
            "v": "abbreviation in these",
            "Wigner model": "threshold of the Wigner model",
            "linear units": "threshold of linear units",
            "ReLU units": "threshold of ReLU units",
        },
        theorems=(edge_theorem(falling),),
        source=SOURCE,
    )


def _at_ratio(witness: Witness) -> Witness:
    """Leave the sparsity, which the law of one model does not contain, out of a witness."""
    return lambda claimed, phi: witness(claimed, phi=phi)


def _index_jumps(phi: Fraction, c: Fraction, claimed: Any) -> bool:
    """Tell whether the index is 0 just below a second moment and positive just above it, in balls."""
    middle = real_ball(claimed, {}, 25).midpoint
    ratio, sparsity = sp.Rational(phi), sp.Rational(c)

    def index(kappa: Fraction) -> Any:
        size = sp.sqrt(sparsity * ratio * sp.Rational(kappa) / 2)
        jumps = [(1 / (sparsity * ratio), size), (1 / (sparsity * ratio), -size)]
        return (marchenko_pastur(ratio) + compound_poisson(jumps)).index(digits=25)

    below, above = index(middle * (1 - Fraction(1, 10**6))), index(middle * (1 + Fraction(1, 10**6)))
    return bool(below.contains(0) and above.lower > below.upper)
