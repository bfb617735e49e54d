r"""What noise in the weights costs at a minimum.

Conventions: L(theta) is a minimum with the Hessian H. Noise is an independent change of every weight, of mean 0 and
variance s^2. L_ij... are derivatives by the weights i, j, ...
"""

from functools import cache
from itertools import product
from typing import Any

import numpy as np
import sympy as sp

from theory.derivation import Derivation, Step
from theory.domain import Domain
from theory.gaussian_pairings import gaussian_moment
from theory.proof import Relation
from theory.real_arrays import finite_result, nonnegative_number, symmetric_matrix

__all__ = ["mean_rise_under_noise", "noise_rise"]

_noise, _grid, _trace = sp.symbols("s h t", positive=True)
_u = sp.Symbol("u", real=True)
_TRACE = r"\mathrm{tr} H"
_SOURCE = "KTH, Sharp minima can generalize, slide Flat minima; Hochreiter and Schmidhuber (1997), Flat minima"


@cache
def noise_rise() -> Derivation:
    r"""Derive the mean rise of a loss under noise in the weights.

    .. math:: E L(\theta + \xi) - L(\theta) = \frac{s^2}{2}\, \mathrm{tr} H + \frac{s^4}{8}\, \Delta^2 L + O(s^6)

    The first term is all there is on a quadratic, for any law of the noise; the second is for Gaussian noise, with
    the sum over i, j of the fourth derivatives by i, i, j, j.

    Returns:
        A derivation; the value is the rise on a quadratic, in t = tr H. The parts are "quartic", the next term in
        D = sum_ij L_iijj for Gaussian noise, and "uniform", that in one weight for uniform noise in (-h/2, h/2), in
        f = L''''.

    Examples:
        >>> noise_rise().at(s="1/10", t=8)
        1/25
    """
    quartic = sp.Symbol("D", real=True)
    fourth = sp.Symbol("f", real=True)
    weights = _symmetric()
    plane, tau = weights[:2, :2], sp.Symbol("tau", real=True)  # the tangent of half the angle
    turn = sp.Matrix([[1 - tau**2, -2 * tau], [2 * tau, 1 - tau**2]]) / (1 + tau**2)
    signs = [sp.Matrix(choice) for choice in product((1, -1), repeat=3)]
    rises = [sp.expand(_noise**2 * (z.T * weights * z)[0] / 2) for z in signs]
    moment = sp.Symbol("f_4", positive=True)
    loss, moved = _quintic([gaussian_moment(power, _noise**2) for power in range(6)])
    _, any_law = _quintic([sp.Integer(1), sp.Integer(0), _noise**2, sp.Integer(0), moment, sp.Integer(0)])
    double, pure = _bilaplacian(loss), _fourth_derivatives(loss)
    uniform = [sp.integrate(_u**k / _grid, (_u, -_grid / 2, _grid / 2)) for k in (1, 2, 3, 4)]
    line = sum((sp.Symbol(f"l_{k}", real=True) * _u**k for k in (2, 3)), fourth * _u**4 / 24)
    one = sp.integrate(sp.expand(line) / _grid, (_u, -_grid / 2, _grid / 2))
    return Derivation(
        "The mean rise of a loss under noise in its weights is half the variance times the trace",
        sp.Eq(sp.Symbol("Delta L"), _noise**2 * _trace / 2),
        (
            Step(
                "Noise s or -s in every weight (three weights, all eight choices): products of two different weights "
                "cancel.",
                Relation(sum(rises, sp.Integer(0)) / len(rises), "=", _noise**2 * weights.trace() / 2),
                "exact",
                shown=r"E \frac{1}{2} \xi^{T} H \xi = \frac{1}{2} \sum_{i, j} H_{ij} E \xi_i \xi_j"
                rf" = \frac{{s^2}}{{2}} {_TRACE}",
            ),
            Step(
                "Gaussian noise, its second moment by integration.",
                Relation(
                    sp.integrate(_u**2 * sp.exp(-(_u**2) / 2) / sp.sqrt(2 * sp.pi), (_u, -sp.oo, sp.oo))
                    * _noise**2
                    * _trace
                    / 2,
                    "=",
                    _noise**2 * _trace / 2,
                ),
                "exact",
                shown=rf"\Delta L = \frac{{s^2}}{{2}} {_TRACE}",
            ),
            Step(
                "Along any rotated axes of the plane the rise is the same: it is that of the eigenvectors, added up.",
                Relation((turn.T * plane * turn).trace() * _noise**2 / 2, "=", _noise**2 * plane.trace() / 2),
                "exact",
                shown=rf"\frac{{s^2}}{{2}} \mathrm{{tr}} \, U^{{T}} H U = \frac{{s^2}}{{2}} {_TRACE}"
                r" = \frac{s^2}{2} \sum_i \lambda_i",
            ),
            Step(
                "Beyond a quadratic: two weights, a loss known to fifth order, Gaussian noise, moment by moment.",
                Relation(
                    moved,
                    "=",
                    sp.expand(_noise**2 * _laplacian(loss) / 2 + _noise**4 * double / 8),
                ),
                "exact",
                shown=rf"E L(\theta + \xi) - L(\theta) = \frac{{s^2}}{{2}} {_TRACE}"
                r" + \frac{s^4}{8} \sum_{i, j} L_{iijj} + O(s^6)",
            ),
            Step(
                "The same for any law that is symmetric, with the fourth moment f: two different weights have s^4.",
                Relation(
                    any_law,
                    "=",
                    sp.expand(_noise**2 * _laplacian(loss) / 2 + moment * pure / 24 + _noise**4 * (double - pure) / 8),
                ),
                "exact",
                shown=rf"\frac{{s^2}}{{2}} {_TRACE} + \frac{{f}}{{24}} \sum_i L_{{iiii}}"
                r" + \frac{s^4}{8} \sum_{i \neq j} L_{iijj}",
            ),
            Step(
                "The operator: a Gaussian of variance s^2 solves the heat equation for the time s^2, so that the mean "
                "is exp(s^2 Delta/2) L, whose second term is",
                Relation((_noise**2 / 2) ** 2 / sp.factorial(2) * quartic, "=", _noise**4 * quartic / 8),
                "exact",
                shown=r"\frac{1}{2} \left(\frac{s^2}{2}\right)^2 \Delta^2 L = \frac{s^4}{8} \Delta^2 L",
            ),
            Step(
                "Uniform noise in (-h/2, h/2): its moments, of order 1 to 4.",
                Relation(sp.Tuple(*uniform), "=", sp.Tuple(0, _grid**2 / 12, 0, _grid**4 / 80)),
                "exact",
                shown=r"E u^k = 0, \ \frac{h^2}{12}, \ 0, \ \frac{h^4}{80} \quad (k = 1, 2, 3, 4)",
            ),
            Step(
                "One weight under uniform noise, to fourth order.",
                Relation(one - sp.Symbol("l_2", real=True) * _grid**2 / 12, "=", _grid**4 * fourth / 1920),
                "exact",
                shown=r"E L(\theta + u) - L(\theta) = \frac{h^2}{24} L'' + \frac{h^4}{1920} L''''",
            ),
        ),
        Domain(s=(0, sp.oo), t=(0, sp.oo), h=(0, sp.oo)),
        parts={
            "quartic": sp.Eq(sp.Symbol("Delta L"), _noise**4 * quartic / 8),
            "uniform": sp.Eq(sp.Symbol("Delta L"), _grid**4 * fourth / 1920),
        },
        titles={
            "quartic": "next term of Gaussian noise",
            "uniform": "next term of uniform noise",
        },
        assumptions=(
            "theta is a critical point",
            "the changes of different weights are independent, with mean 0 and variance s^2",
        ),
        source=_SOURCE,
        shown={
            "result": rf"\Delta L = \frac{{s^2}}{{2}} {_TRACE}",
            "quartic": r"\frac{s^4}{8} \sum_{i, j} L_{iijj}",
            "uniform": r"\frac{h^4}{1920} L''''",
        },
    )


def mean_rise_under_noise(hessian: Any, deviation: float) -> float:
    """Return the mean rise s^2 tr H/2 of a quadratic loss under noise of standard deviation s in every weight.

    Raises:
        TypeError: If the deviation is no number.
        ValueError: If the matrix is not symmetric and finite, the deviation is negative, or the rise is not finite.

    Examples:
        >>> mean_rise_under_noise([[3.0, 1.0], [1.0, 5.0]], deviation=0.5)
        1.0
    """
    deviation, diagonal = nonnegative_number("deviation", deviation), np.diag(symmetric_matrix("hessian", hessian))
    with np.errstate(over="ignore", invalid="ignore"):
        rise = float((deviation * diagonal * deviation).sum()) / 2
    return finite_result("the mean rise", rise, deviation=deviation)


def _symmetric() -> sp.ImmutableMatrix:
    a, b, c, d, e, f = sp.symbols("H_11 H_12 H_13 H_22 H_23 H_33", real=True)
    return sp.ImmutableMatrix([[a, b, c], [b, d, e], [c, e, f]])


def _quintic(moments: list[sp.Expr]) -> tuple[sp.Expr, sp.Expr]:
    """A loss of two weights without value and slope at 0, to fifth order, and its mean under noise of given moments."""
    x, y = sp.symbols("x y", real=True)
    loss, mean = sp.Integer(0), sp.Integer(0)
    for order in range(2, 6):
        for power in range(order + 1):
            coefficient = sp.Symbol(f"L_{order - power}{power}", real=True)
            loss += coefficient * x ** (order - power) * y**power
            mean += coefficient * moments[order - power] * moments[power]
    return loss, sp.expand(mean)


def _laplacian(loss: sp.Expr) -> sp.Expr:
    x, y = sp.symbols("x y", real=True)
    return (loss.diff(x, 2) + loss.diff(y, 2)).subs({x: 0, y: 0})


def _bilaplacian(loss: sp.Expr) -> sp.Expr:
    x, y = sp.symbols("x y", real=True)
    once = loss.diff(x, 2) + loss.diff(y, 2)
    return (once.diff(x, 2) + once.diff(y, 2)).subs({x: 0, y: 0})


def _fourth_derivatives(loss: sp.Expr) -> sp.Expr:
    x, y = sp.symbols("x y", real=True)
    return (loss.diff(x, 4) + loss.diff(y, 4)).subs({x: 0, y: 0})
