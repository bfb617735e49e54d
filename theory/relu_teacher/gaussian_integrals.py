r"""The mean product of two ReLU units of Gaussian inputs, with its first two derivatives.

Conventions: x ~ N(0, I); w and v are the lengths of two weight vectors, t the angle between them, 0 < t < pi. In the
plane of the two, "along" is the direction of the first and "across" the orthogonal one on the side of the second. A
ReLU has the derivative 1 on the right of its kink; the value at the kink has probability 0.
"""

from collections.abc import Callable
from fractions import Fraction
from functools import cache

import mpmath
import sympy as sp

from theory.derivation import Derivation, Step
from theory.domain import Domain
from theory.proof import Relation

__all__ = ["arc_cosine_kernel"]

_w, _v, _t = sp.symbols("w v t", positive=True)
_a, _r = sp.Symbol("a", real=True), sp.Symbol("r", positive=True)
_DOMAIN = Domain(w=(0, sp.oo), v=(0, sp.oo), t=(0, sp.pi))
_DIGITS = 45


@cache
def arc_cosine_kernel() -> Derivation:
    r"""Derive the mean product of two ReLU units, its gradient and its Hessian.

    .. math:: f = E \, \mathrm{relu}(w \cdot x) \, \mathrm{relu}(v \cdot x)
                = \frac{|w| |v|}{2 \pi} \bigl(\sin t + (\pi - t) \cos t\bigr)

    In vectors, with unit vectors u of w and e of v, and n the unit vector of e - (u.e) u,

    .. math:: 2 \pi \nabla_w f &= |v| (\sin t \, u + (\pi - t) e) \\
              2 \pi \nabla_w \nabla_v f &= (\pi - t) 1
                  + \sin t \bigl(\sin t (u n^T + n u^T) + \cos t (u u^T - n n^T)\bigr) \\
              2 \pi \nabla_w \nabla_w f &= \frac{|v|}{|w|} \sin t \, (1 - u u^T + n n^T)

    All of these have a limit at t = 0 and at t = pi, where n is no longer defined: f is twice continuously
    differentiable wherever w and v are not 0.

    Returns:
        A derivation; the value is f. The parts are the components of the gradient, "gradient along" and "gradient
        across", those of the mixed Hessian, "mixed along", "mixed across", "mixed between" and "mixed outside" (the
        plane), and of the Hessian in w, "own across" and "own outside" (along w it is 0).

    Examples:
        >>> print(arc_cosine_kernel().at(w=2, v=3, t="1/2", digits=9))
        2.67155054

    References:
        Cho and Saul (2009), Kernel methods for deep learning, the kernel of degree 1; Safran and Shamir (2018),
        arXiv:1712.08968.
    """
    sine, cosine, rest = sp.sin(_t), sp.cos(_t), sp.pi - _t
    value = _w * _v * (sine + rest * cosine) / (2 * sp.pi)
    along = _v * (sine + rest * cosine) / (2 * sp.pi)
    across = _v * rest * sine / (2 * sp.pi)
    mixed = (
        (rest + sp.sin(2 * _t) / 2) / (2 * sp.pi),
        (rest - sp.sin(2 * _t) / 2) / (2 * sp.pi),
        (1 - sp.cos(2 * _t)) / (4 * sp.pi),
        rest / (2 * sp.pi),
    )
    own_outside, own_across = _v * sine / (2 * sp.pi * _w), _v * sine / (sp.pi * _w)
    gauss = sp.exp(-(_r**2) / 2)
    radial = sp.integrate(_r**3 * gauss, (_r, 0, sp.oo))
    scale = radial / (2 * sp.pi)
    half_mean = sp.integrate(_r * gauss / sp.sqrt(2 * sp.pi), (_r, 0, sp.oo))
    half_cube = sp.integrate(_r**3 * gauss / sp.sqrt(2 * sp.pi), (_r, 0, sp.oo))
    density = 1 / (sp.sqrt(2 * sp.pi) * _w)
    return Derivation(
        "The mean product of two ReLU units of Gaussian inputs",
        sp.Eq(sp.Symbol("f"), value),
        (
            Step(
                "Only the plane of the two vectors matters. In it x = r (cos a, sin a), the first vector at a = 0 and "
                "the second at a = t; both units are on for t - pi/2 < a < pi/2. The radius gives",
                Relation(radial, "=", 2),
                "exact",
                witness=lambda: 2 * sp.gamma(2),
                shown=r"\int_0^\infty r^3 e^{-r^2/2} \, dr = 2",
            ),
            _angle_step("The product of two cosines", sp.cos(_a) * sp.cos(_a - _t), _PRODUCT),
            Step(
                "has, between those angles, the integral that makes the mean product.",
                Relation(_w * _v * scale * _over_both(_PRODUCT), "=", value),
                "exact",
                witness=_by_quadrature(lambda a, t: mpmath.cos(a) * mpmath.cos(a - t), lambda w, v: w * v),
                shown=r"\frac{|w| |v|}{\pi} \int_{t - \pi/2}^{\pi/2} \cos a \cos(a - t) \, da"
                r" = \frac{|w| |v|}{2 \pi} (\sin t + (\pi - t) \cos t)",
            ),
            Step(
                "Its gradient in w is the mean of x relu(v.x) where the first unit is on. Along w:",
                Relation(_v * scale * _over_both(_PRODUCT), "=", along),
                "exact",
                witness=lambda: value.diff(_w),
                shown=r"\frac{|v|}{\pi} \int \cos a \cos(a - t) \, da = \frac{\partial f}{\partial |w|}",
            ),
            _angle_step("The product of a sine and a cosine", sp.sin(_a) * sp.cos(_a - _t), _TURNED),
            Step(
                "gives the component across w, toward v, in which direction t falls.",
                Relation(_v * scale * _over_both(_TURNED), "=", across),
                "exact",
                witness=lambda: -value.diff(_t) / _w,
                shown=r"\frac{|v|}{\pi} \int \sin a \cos(a - t) \, da = - \frac{1}{|w|} \frac{\partial f}{\partial t}"
                r" = \frac{|v|}{2 \pi} (\pi - t) \sin t",
            ),
            *(
                Step(
                    title,
                    Relation(scale * _over_both(primitive), "=", entry),
                    "exact",
                    witness=_by_quadrature(integrand, lambda w, v: mpmath.mpf(1)),
                    shown=shown,
                )
                for title, primitive, entry, integrand, shown in (
                    (
                        "The mixed Hessian is the mean of x x' where both units are on. Along w, twice:",
                        _a / 2 + sp.sin(2 * _a) / 4,
                        mixed[0],
                        lambda a, t: mpmath.cos(a) ** 2,
                        r"\frac{1}{\pi} \int \cos^2 a \, da = \frac{1}{2 \pi} (\pi - t + \sin t \cos t)",
                    ),
                    (
                        "Across w, twice:",
                        _a / 2 - sp.sin(2 * _a) / 4,
                        mixed[1],
                        lambda a, t: mpmath.sin(a) ** 2,
                        r"\frac{1}{\pi} \int \sin^2 a \, da = \frac{1}{2 \pi} (\pi - t - \sin t \cos t)",
                    ),
                    (
                        "Along and across:",
                        -sp.cos(2 * _a) / 4,
                        mixed[2],
                        lambda a, t: mpmath.sin(a) * mpmath.cos(a),
                        r"\frac{1}{\pi} \int \sin a \cos a \, da = \frac{1}{2 \pi} \sin^2 t",
                    ),
                    (
                        "Outside the plane x has variance 1, whatever it is within: the probability that both are on.",
                        _a / 2,
                        mixed[3],
                        lambda a, t: mpmath.mpf(1) / 2,
                        r"\frac{1}{2 \pi} \int da = \frac{\pi - t}{2 \pi}",
                    ),
                )
            ),
            Step(
                "The Hessian in w is the mean of x x' relu(v.x) on the kink of the first unit, w.x = 0, which has the "
                "density 1/(sqrt(2 pi) |w|); there v.x = |v| sin t z with z a Gaussian across w. Outside the plane:",
                Relation(density * _v * sine * half_mean, "=", own_outside),
                "exact",
                witness=lambda: (along - across * cosine / sine) / _w,
                shown=r"\frac{|v| \sin t}{\sqrt{2 \pi} \, |w|} E \, \mathrm{relu}(z) = \frac{|v| \sin t}{2 \pi |w|}",
            ),
            Step(
                "Across w the mean of z^2 relu(z) is twice as large. The same comes from the gradient, whose component "
                "across w changes as w turns toward v, by the turn of its frame and by the fall of t.",
                Relation(density * _v * sine * half_cube, "=", own_across),
                "exact",
                witness=lambda: (along - across.diff(_t)) / _w,
                shown=r"\frac{|v| \sin t}{\sqrt{2 \pi} \, |w|} E \, z^2 \mathrm{relu}(z)"
                r" = \frac{|v| \sin t}{\pi |w|}",
            ),
        ),
        _DOMAIN,
        parts={
            "gradient along": sp.Eq(sp.Symbol("g_along"), along),
            "gradient across": sp.Eq(sp.Symbol("g_across"), across),
            "mixed along": sp.Eq(sp.Symbol("h_along"), mixed[0]),
            "mixed across": sp.Eq(sp.Symbol("h_across"), mixed[1]),
            "mixed between": sp.Eq(sp.Symbol("h_between"), mixed[2]),
            "mixed outside": sp.Eq(sp.Symbol("h_outside"), mixed[3]),
            "own across": sp.Eq(sp.Symbol("k_across"), own_across),
            "own outside": sp.Eq(sp.Symbol("k_outside"), own_outside),
        },
        titles={
            "gradient along": "gradient along the vector",
            "gradient across": "gradient across the vector",
            "mixed along": "mixed derivatives along both vectors",
            "mixed across": "mixed derivatives across both vectors",
            "mixed between": "mixed derivatives along one, across the other",
            "mixed outside": "mixed derivatives outside their plane",
            "own across": "second derivative across the vector",
            "own outside": "second derivative outside the plane",
        },
        assumptions=("the two vectors are not 0 and not parallel; at t = 0 and t = pi the formulas have limits",),
        source="Cho and Saul (2009); Safran and Shamir (2018), arXiv:1712.08968; the Hessian is derived here",
    )


_PRODUCT = (_a * sp.cos(_t) + sp.sin(2 * _a - _t) / 2) / 2
_TURNED = (_a * sp.sin(_t) - sp.cos(2 * _a - _t) / 2) / 2


def _angle_step(title: str, integrand: sp.Expr, primitive: sp.Expr) -> Step:
    """The primitive of a product of two harmonics, with sines and cosines written in exponentials."""
    return Step(
        f"{title} has a primitive in a,",
        Relation(_harmonics(integrand), "=", _harmonics(primitive.diff(_a))),
        "exact",
        shown=rf"{sp.latex(integrand)} = \frac{{d}}{{da}} \left({sp.latex(primitive)}\right)",
    )


def _harmonics(expression: sp.Expr) -> sp.Expr:
    return sp.expand(expression.rewrite(sp.exp))


def _over_both(primitive: sp.Expr) -> sp.Expr:
    """A primitive between the angles where both units are on."""
    return primitive.subs(_a, sp.pi / 2) - primitive.subs(_a, _t - sp.pi / 2)


def _by_quadrature(
    integrand: Callable[[mpmath.mpf, mpmath.mpf], mpmath.mpf],
    factor: Callable[[mpmath.mpf, mpmath.mpf], mpmath.mpf],
) -> Callable[[Fraction, Fraction, Fraction], mpmath.mpf]:
    """The mean over the plane of r^2 times a function of the angle, both integrals done numerically."""

    def mean(w: Fraction, v: Fraction, t: Fraction) -> mpmath.mpf:
        with mpmath.workdps(_DIGITS):
            lengths = [mpmath.mpf(x.numerator) / x.denominator for x in (w, v, t)]
            radial = mpmath.quad(lambda r: r**3 * mpmath.exp(-r * r / 2), [0, 1, 3, 6, 10, 16, 24])
            angular = mpmath.quad(
                lambda a: integrand(a, lengths[2]), mpmath.linspace(lengths[2] - mpmath.pi / 2, mpmath.pi / 2, 4)
            )
            return factor(*lengths[:2]) * radial * angular / (2 * mpmath.pi)

    return mean
