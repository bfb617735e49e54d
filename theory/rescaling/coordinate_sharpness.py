r"""In other coordinates a minimum has any sharpness: the Hessian at a critical point is a form, not a number.

Conventions: theta = g(eta) for a smooth g with g(eta*) = theta*, G its Jacobian there; the loss in the new coordinates
is L(g(eta)). H is the Hessian of L at theta*, lambda one of its eigenvalues. t = eta - eta* and b > 0.
"""

from functools import cache
from typing import Any

import sympy as sp

from theory.derivation import Derivation, Step, Theorem
from theory.domain import Domain
from theory.proof import Relation
from theory.rescaling.coordinate_maps import coordinates_of_spectrum, hessian_in_coordinates
from theory.rescaling.determinants import SIZES, rank_one_determinant

__all__ = ["any_sharpness"]

_b, _t, _lam, _target = sp.symbols("b t lambda S", positive=True)
_x, _y = sp.symbols("x y", real=True)
_rest = sp.Symbol("r", nonnegative=True)  # the squares of all other coordinates
_size = sp.Symbol("n", integer=True, positive=True)


@cache
def any_sharpness() -> Derivation:
    r"""Derive the Hessian in other coordinates, and bijections that give a minimum any positive sharpness.

    .. math:: \nabla^2 (L \circ g) = G^T H G + \sum_k (\partial_k L) \nabla^2 g_k, \qquad
              g(\eta) = \eta^* + t (|t|^2 + b): \quad G^T H G = b^2 H

    Returns:
        A derivation; the value is the eigenvalue b^2 lambda in the coordinates of that g, on the line or in n
        dimensions. The parts are "b", for which it is S, "chain rule", on the line, and "power", the logarithmic slope
        of g = t (t^2 + b)^a, the family of the paper, which is a bijection for a > -1/2.

    Examples:
        >>> any_sharpness().evidence
        'exact'
    """
    slope, curvature, g1, g2 = sp.symbols("l_1 l_2 g_1 g_2", real=True)
    line = _t * (_t**2 + _b)
    power = sp.Symbol("a", real=True)
    chain = curvature * g1**2 + slope * g2
    jacobian, hessian, gradient, inner, whole = _plane()
    radial, at_zero = _radial()
    spread = ((2 * power + 1) * _t**2 + _b) / (_t**2 + _b)
    d1, d2, low, s1, s2 = sp.symbols("d_1 d_2 c s_1 s_2", positive=True)
    form = sp.Matrix([[d1, low * d1], [low * d1, d2 + low**2 * d1]])
    linear = sp.Matrix([[1, -low], [0, 1]]) * sp.diag(sp.sqrt(s1 / d1), sp.sqrt(s2 / d2))
    real = (-sp.oo, sp.oo)
    square = _x**2 + _y**2 + _rest
    entries = [(_x * (square + _b)).diff(place) for place in (_x, _y)]
    level = _t**2 + _b  # |t|^2 + b
    form_of_any_size, target_root, pivots = sp.symbols("H Q d", commutative=False)
    return Derivation(
        "A minimum has any positive sharpness in some coordinates",
        sp.Eq(sp.Symbol("lambda'"), _b**2 * _lam),
        (
            Step(
                "The chain rule on the line, L and g known to third order.",
                Relation(_line_jet(slope, curvature, g1, g2), "=", chain),
                "exact",
                lambda: _line_quotient(slope, curvature, g1, g2),
                shown=r"(L \circ g)'' = L'' g'^2 + L' g''",
            ),
            Step(
                "In n dimensions: a form in the Jacobian G, plus the gradient times second derivatives of g. Every "
                "entry concerns two coordinates, and up to second order L is a sum of terms with one or two of the "
                "g_k, so that the plane holds every case;",
                Relation(whole, "=", sp.ImmutableMatrix(jacobian.T * hessian * jacobian + inner)),
                "exact",
                shown=r"\nabla^2 (L \circ g) = G^{T} H G + \sum_k (\partial_k L) \nabla^2 g_k",
            ),
            Step(
                "an instance in three dimensions, all derivatives free.",
                Relation(*_three_dimensions()),
                "exact",
                shown=r"\nabla^2 (L \circ g) = G^{T} H G + \sum_k (\partial_k L) \nabla^2 g_k \quad (n = 3)",
            ),
            Step(
                "At a critical point only the form is left.",
                Relation(
                    sp.ImmutableMatrix(whole.subs(dict.fromkeys(gradient, 0))),
                    "=",
                    sp.ImmutableMatrix(jacobian.T * hessian * jacobian),
                ),
                "exact",
                shown=r"\nabla L = 0: \quad \nabla^2 (L \circ g) = G^{T} H G",
            ),
            Step(
                "The line: g = t (t^2 + b) has a positive slope for t > 0,",
                Relation(0, "<", line.diff(_t)),
                "exact",
                shown=r"g'(t) = 3 t^2 + b > 0",
            ),
            Step(
                "is odd,",
                Relation(line.subs(_t, -_t), "=", -line),
                "exact",
                lambda: -_t * _b - _t**3,
                shown=r"g(-t) = - g(t)",
            ),
            Step(
                "and has no bound: a bijection of the line.",
                Relation(_b * _t, "<", line),
                "exact",
                shown=r"b t < g(t) \quad (t > 0)",
            ),
            Step(
                "At the minimum its slope is b: the curvature lambda becomes",
                Relation(_pulled_back(), "=", _b**2 * _lam),
                "exact",
                lambda: chain.subs({curvature: _lam, g1: line.diff(_t).subs(_t, 0), slope: 0}),
                shown=r"\frac{d^2}{dt^2} \frac{\lambda}{2} g(t)^2 = b^2 \lambda \quad (t = 0)",
            ),
            Step(
                "so that it is S for",
                Relation(sp.solve(_b**2 * _lam - _target, _b)[0], "=", sp.sqrt(_target / _lam)),
                "exact",
                lambda: sp.sqrt(_target * _lam) / _lam,
                shown=r"b = \sqrt{\frac{S}{\lambda}}",
            ),
            Step(
                "n dimensions: g = t (|t|^2 + b) has the Jacobian (|t|^2 + b) 1 + 2 t t'. An entry on the diagonal and "
                "one off it, where r is the part of |t|^2 from all other coordinates, however many,",
                Relation(sp.Tuple(*entries), "=", sp.Tuple(square + _b + 2 * _x**2, 2 * _x * _y)),
                "exact",
                shown=r"D g = (|t|^2 + b) 1 + 2 t t^{T}",
            ),
            Step(
                "for instance in the plane.",
                Relation(radial[0], "=", radial[1]),
                "exact",
                shown=r"D g = (|t|^2 + b) 1 + 2 t t^{T} \quad (n = 2)",
            ),
            Step(
                "It stretches t by 3 |t|^2 + b: an entry of Dg times t, r summing the squares of the others,",
                Relation(
                    sp.expand(entries[0] * _x + entries[1] * _y + 2 * _x * _rest),
                    "=",
                    sp.expand(_x * (3 * square + _b)),
                ),
                "exact",
                shown=r"D g \, t = (3 |t|^2 + b) \, t",
            ),
            Step(
                "and all that is orthogonal to t by |t|^2 + b: the determinant is positive, see the theorem.",
                Relation(0, "<", level ** (_size - 1) * (3 * _t**2 + _b)),
                "exact",
                shown=r"\det D g = (|t|^2 + b)^{n - 1} (3 |t|^2 + b) > 0",
            ),
            Step(
                "g moves points along rays, on each like the g of the line: a bijection. At the minimum Dg is b times "
                "the identity, in any number of dimensions,",
                Relation(sp.Tuple(*(entry.subs({_x: 0, _y: 0, _rest: 0}) for entry in entries)), "=", sp.Tuple(_b, 0)),
                "exact",
                shown=r"t = 0: \quad D g = b 1",
            ),
            Step(
                "and every eigenvalue of H is multiplied by b^2: for H of any size,",
                Relation(_b * form_of_any_size * _b, "=", _b**2 * form_of_any_size),
                "exact",
                shown=r"G^{T} H G = b H b = b^2 H",
            ),
            Step(
                "for instance in the plane, differentiated as a whole.",
                Relation(at_zero, "=", sp.ImmutableMatrix(_b**2 * hessian)),
                "exact",
                _of_radial_loss,
                shown=r"\nabla^2 (L \circ g) = b^2 H \quad (n = 2)",
            ),
            Step(
                "The family of the paper, g = t (t^2 + b)^a: the slope of log g by log t.",
                Relation(_t * sp.expand_log(sp.log(_t * (_t**2 + _b) ** power)).diff(_t), "=", spread),
                "exact",
                lambda: 1 + 2 * power * _t**2 / (_t**2 + _b),
                shown=r"\frac{t g'}{g} = \frac{(2 a + 1) t^2 + b}{t^2 + b}",
                domain=Domain(t=(0, sp.oo), b=(0, sp.oo), a=real),
            ),
            Step(
                "It is positive, and g a bijection, for a > -1/2.",
                Relation(0, "<", spread),
                "exact",
                shown=r"0 < \frac{(2 a + 1) t^2 + b}{t^2 + b} \quad \left(a > -\frac{1}{2}\right)",
                domain=Domain(t=(0, sp.oo), b=(0, sp.oo), a=(sp.Rational(-1, 2), sp.oo)),
            ),
            Step(
                "Even all eigenvalues at once: a positive definite H of any size, H = C' diag(d) C with d > 0, becomes "
                "diag(s) in linear coordinates, in which C and its inverse cancel,",
                Relation(_linear_in_general(), "=", target_root * pivots * target_root),
                "exact",
                shown=r"G^{T} H G = \mathrm{diag}\left(\sqrt{s_k / d_k}\right) \mathrm{diag}(d)"
                r" \mathrm{diag}\left(\sqrt{s_k / d_k}\right), \quad"
                r" G = C^{-1} \mathrm{diag}\left(\sqrt{s_k / d_k}\right)",
            ),
            Step(
                "entry by entry,",
                Relation(sp.sqrt(s1 / d1) * d1 * sp.sqrt(s1 / d1), "=", s1),
                "exact",
                shown=r"\sqrt{s_k / d_k} \, d_k \sqrt{s_k / d_k} = s_k",
            ),
            Step(
                "exact instances of 2, 3 and 4 weights,",
                Relation(
                    sp.Tuple(*(_given_spectrum(n) for n in SIZES)),
                    "=",
                    sp.Tuple(*(sp.diag(*range(1, n + 1)) for n in SIZES)),
                ),
                "exact",
                shown=r"G^{T} H G = \mathrm{diag}(1, \ldots, n) \quad (n = 2, 3, 4)",
            ),
            Step(
                "and in the plane with free numbers.",
                Relation(sp.ImmutableMatrix(linear.T * form * linear), "=", sp.diag(s1, s2)),
                "exact",
                lambda: sp.ImmutableMatrix(sp.diag(s1, s2)),
                shown=r"G^{T} H G = \mathrm{diag}(s_1, s_2), \quad"
                r" G = C^{-1} \mathrm{diag}\left(\sqrt{s_k / d_k}\right)",
            ),
            Step(
                "A bijection that is no diffeomorphism, b = 0, even makes it 0.",
                Relation((_lam * line**2 / 2).subs(_b, 0).diff(_t, 2).subs(_t, 0), "=", 0),
                "exact",
                lambda: (_b**2 * _lam).subs(_b, 0),
                shown=r"\frac{d^2}{dt^2} \frac{\lambda}{2} t^6 = 0 \quad (t = 0)",
            ),
        ),
        Domain(b=(0, sp.oo), t=(0, sp.oo), S=(0, sp.oo), d_1=(0, sp.oo), d_2=(0, sp.oo), n=(0, sp.oo)),
        parts={
            "b": sp.Eq(_b, sp.sqrt(_target / _lam)),
            "chain rule": sp.Eq(sp.Symbol("L''"), chain),
            "power": sp.Eq(sp.Symbol("slope"), spread),
        },
        titles={
            "b": "coordinates that bring the sharpness S",
            "chain rule": "second derivative by the chain rule",
            "power": "logarithmic slope of the coordinates",
        },
        assumptions=("L is twice differentiable at a critical point and g is smooth",),
        theorems=(rank_one_determinant(_b), _inertia()),
        source="Dinh, Pascanu, Bengio and Bengio (2017), arXiv:1703.04933, on reparametrisations of the model",
        shown={
            "result": r"\lambda' = b^2 \lambda",
            "b": r"b = \sqrt{\frac{S}{\lambda}}",
            "chain rule": r"(L \circ g)'' = L'' g'^2 + L' g''",
            "power": r"\frac{t g'}{g} = \frac{(2 a + 1) t^2 + b}{t^2 + b}",
        },
    )


def _composed(slope: sp.Symbol, curvature: sp.Symbol, g1: sp.Symbol, g2: sp.Symbol) -> sp.Expr:
    """L(g(x)) less its value at 0, with free third derivatives."""
    third_l, third_g = sp.symbols("l_3 g_3", real=True)
    g = g1 * _x + g2 * _x**2 / 2 + third_g * _x**3 / 6
    return sp.expand(slope * g + curvature * g**2 / 2 + third_l * g**3 / 6)


def _line_jet(slope: sp.Symbol, curvature: sp.Symbol, g1: sp.Symbol, g2: sp.Symbol) -> sp.Expr:
    return _composed(slope, curvature, g1, g2).diff(_x, 2).subs(_x, 0)


def _line_quotient(slope: sp.Symbol, curvature: sp.Symbol, g1: sp.Symbol, g2: sp.Symbol) -> sp.Expr:
    """The second derivative as the limit of second differences."""
    composed, step = _composed(slope, curvature, g1, g2), sp.Symbol("step", positive=True)
    return sp.expand((composed.subs(_x, step) + composed.subs(_x, -step)) / step**2).subs(step, 0)


@cache
def _plane() -> tuple[sp.Matrix, sp.Matrix, tuple[sp.Symbol, ...], sp.Matrix, sp.ImmutableMatrix]:
    """In two dimensions: G, H, the gradient of L, the sum of its entries times Hessians of g, the Hessian of L(g)."""
    jacobian = sp.Matrix(2, 2, sp.symbols("G_1:3_1:3", real=True))
    p, q, r = sp.symbols("h_11 h_12 h_22", real=True)
    hessian = sp.Matrix([[p, q], [q, r]])
    gradient = sp.symbols("l_1 l_2", real=True)
    bends = [sp.Matrix([[a, b], [b, c]]) for a, b, c in (sp.symbols(f"k_{k}_1:4", real=True) for k in (1, 2))]
    x = sp.Matrix([_x, _y])
    g = sp.Matrix([(jacobian.row(k) * x)[0] + (x.T * bends[k] * x)[0] / 2 + _x**2 * _y for k in (0, 1)])
    cubic = sp.Symbol("l_3", real=True) * g[0] ** 2 * g[1]
    loss = (sp.Matrix([gradient]) * g)[0] + (g.T * hessian * g)[0] / 2 + cubic
    whole = sp.ImmutableMatrix(sp.hessian(loss, (_x, _y)).subs({_x: 0, _y: 0}).applyfunc(sp.expand))
    return jacobian, hessian, gradient, gradient[0] * bends[0] + gradient[1] * bends[1], whole


def _pulled_back() -> sp.Expr:
    """The second derivative at 0 of lambda g^2 / 2."""
    return (_lam * (_t * (_t**2 + _b)) ** 2 / 2).diff(_t, 2).subs(_t, 0)


def _radial() -> tuple[tuple[sp.ImmutableMatrix, sp.ImmutableMatrix, sp.Expr], sp.ImmutableMatrix]:
    """The Jacobian of t (|t|^2 + b) in the plane, by differentiating and by its form, its determinant; G'HG at 0."""
    x = sp.Matrix([_x, _y])
    square = _x**2 + _y**2
    jacobian = sp.ImmutableMatrix((x * (square + _b)).jacobian([_x, _y]))
    formula = sp.ImmutableMatrix((square + _b) * sp.eye(2) + 2 * x * x.T)
    _, hessian, *_ = _plane()
    start = jacobian.subs({_x: 0, _y: 0})
    return (jacobian, formula, (square + _b) * (3 * square + _b)), sp.ImmutableMatrix(start.T * hessian * start)


def _of_radial_loss() -> sp.ImmutableMatrix:
    """The Hessian at 0 of a quadratic loss in those coordinates, by differentiating the whole."""
    _, hessian, *_ = _plane()
    moved = sp.Matrix([_x, _y]) * (_x**2 + _y**2 + _b)
    loss = (moved.T * hessian * moved)[0] / 2
    return sp.ImmutableMatrix(sp.hessian(loss, (_x, _y)).subs({_x: 0, _y: 0}))


def _three_dimensions() -> tuple[sp.ImmutableMatrix, Any, sp.ImmutableMatrix]:
    """The Hessian of L(g) in three dimensions, and the form plus the gradient times second derivatives."""
    places = sp.symbols("x_1:4", real=True)
    x = sp.Matrix(places)
    gradient = sp.symbols("l_1:4", real=True)
    hessian, *bends = (
        sp.Matrix(3, 3, lambda i, j, name=name: sp.Symbol(f"{name}_{min(i, j) + 1}{max(i, j) + 1}", real=True))
        for name in ("h", "k", "u", "v")
    )
    jacobian = sp.Matrix(3, 3, sp.symbols("G_1:4_1:4", real=True))
    g = sp.Matrix([(jacobian.row(k) * x)[0] + (x.T * bends[k] * x)[0] / 2 for k in range(3)])
    loss = (sp.Matrix([gradient]) * g)[0] + (g.T * hessian * g)[0] / 2
    whole = sp.hessian(loss, places).subs(dict.fromkeys(places, 0)).applyfunc(sp.expand)
    inner = sum((gradient[k] * bends[k] for k in range(3)), sp.zeros(3, 3))
    return sp.ImmutableMatrix(whole), "=", sp.ImmutableMatrix(jacobian.T * hessian * jacobian + inner)


def _linear_in_general() -> sp.Expr:
    """G'HG for G = C^-1 Q and H = C' d C of any size, C' and C^-1' as symbols that do not commute."""
    root, pivots, outer, inner = sp.symbols("Q d C_T C", commutative=False)
    return (root * outer**-1) * (outer * pivots * inner) * (inner**-1 * root)


def _given_spectrum(size: int) -> sp.ImmutableMatrix:
    """A positive definite matrix of integers, in the coordinates in which it is diag(1, ..., n)."""
    hessian = sp.Matrix(size, size, lambda i, j: min(i, j) + 1 + (i == j))
    return hessian_in_coordinates(hessian, coordinates_of_spectrum(hessian, range(1, size + 1)))


def _inertia() -> Theorem:
    return Theorem(
        "Sylvester's law of inertia",
        "$G^T H G$ has as many positive, zero and negative eigenvalues as $H$ for an invertible $G$: signs and zeros "
        "are the same in all smooth coordinates, sizes are not.",
        "Horn and Johnson, Matrix Analysis, section 4.5",
        (
            Step(
                "The Jacobian at the minimum is invertible, in any number of dimensions (checked: 2, 3 and 4).",
                Relation(sp.Tuple(*((_b * sp.eye(n)).det() for n in SIZES)), "!=", sp.Tuple(*(0 for _ in SIZES))),
                "exact",
                shown=r"\det (b 1) = b^n \neq 0",
            ),
        ),
    )
