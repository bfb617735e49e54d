r"""How many bits a weight needs at a minimum, and what a rescaling does to them.

Conventions: L(theta) is a minimum with the Hessian H. *Rounding* to a grid of spacing h, with the origin of the grid
drawn uniformly for every weight (dithering), makes an error that is uniform on (-h/2, h/2); *stochastic rounding* goes
to one of the two neighbours, the nearer one more often, so that its mean is the weight. Bits count the places of the
grid in an interval of length R.
"""

import math
from functools import cache
from typing import Any

import mpmath
import numpy as np
import sympy as sp

from theory.derivation import Derivation, Step
from theory.domain import Domain
from theory.proof import Relation
from theory.real_arrays import finite_result, nonnegative_number, positive_number, symmetric_matrix

__all__ = ["bits_per_weight", "mean_rise_under_rounding", "weight_bits"]

_grid, _trace = sp.symbols("h t", positive=True)
_u = sp.Symbol("u", real=True)
_TRACE = r"\mathrm{tr} H"
_SOURCE = "KTH, Sharp minima can generalize, slide Flat minima; Hochreiter and Schmidhuber (1997), Flat minima"


@cache
def weight_bits() -> Derivation:
    r"""Derive how many bits a weight needs, and that a rescaling changes it unless the grid is rescaled too.

    .. math:: E \Delta L = \frac{h^2}{24}\, \mathrm{tr} H \le \delta \quad \Leftrightarrow \quad
              \log_2 \frac{R}{h} \ge \frac12 \log_2 \frac{R^2\, \mathrm{tr} H}{24\, \delta}

    Returns:
        A derivation; the value is the number of bits per weight, in t = tr H. The parts are "rounding", the mean rise
        at the spacing h, "stochastic", that under stochastic rounding at a place u of the cell (u = 1/2 is midway),
        averaged over places, and "orbit", the bits along a rescaling by alpha of one layer of two, with traces t_1
        and t_2.

    Examples:
        >>> print(weight_bits().at(R=1, t=24, delta="1/256", digits=3))
        4.00
    """
    span, tolerance, alpha = sp.symbols("R delta alpha", positive=True)
    first, second = sp.symbols("t_1 t_2", positive=True)
    rounding = _grid**2 * _trace / 24
    stochastic = _grid**2 * _trace / 12
    coarsest = sp.sqrt(24 * tolerance / _trace)
    bits = sp.log(span**2 * _trace / (24 * tolerance)) / (2 * sp.log(2))
    orbit = bits.subs(_trace, first / alpha**2 + second * alpha**2)
    cell = sp.Symbol("u", positive=True)
    variance = cell * (1 - cell) ** 2 * _grid**2 + (1 - cell) * cell**2 * _grid**2
    a, b, c = sp.symbols("H_11 H_12 H_22", real=True)
    return Derivation(
        "The bits that a weight needs follow the trace of the Hessian, and change under rescaling",
        sp.Eq(sp.Symbol("bits"), bits),
        (
            Step(
                "The mean square of an error that is uniform in (-h/2, h/2).",
                Relation(sp.integrate(_u**2 / _grid, (_u, -_grid / 2, _grid / 2)) * _trace / 2, "=", rounding),
                "exact",
                shown=rf"E \Delta L = \frac{{1}}{{2}} \cdot \frac{{h^2}}{{12}} {_TRACE} = \frac{{h^2}}{{24}} {_TRACE}",
            ),
            Step(
                "Two weights, over every position of the grid: a double integral.",
                Relation(_over_positions(a, b, c), "=", _grid**2 * (a + c) / 24),
                "exact",
                shown=r"\frac{1}{h^2} \int_{-h/2}^{h/2} \int_{-h/2}^{h/2} \frac{1}{2} \left(H_{11} u^2 + 2 H_{12} u v"
                r" + H_{22} v^2\right) du \, dv = \frac{h^2}{24} (H_{11} + H_{22})",
            ),
            Step(
                "The largest spacing within the tolerance.",
                Relation(rounding.subs(_grid, coarsest), "=", tolerance),
                "exact",
                shown=rf"\frac{{h^2}}{{24}} {_TRACE} = \delta \quad \Leftrightarrow \quad"
                rf" h = \sqrt{{\frac{{24 \delta}}{{{_TRACE}}}}}",
            ),
            Step(
                "The number of places of the grid in an interval of length R, squared.",
                Relation((span / coarsest) ** 2, "=", span**2 * _trace / (24 * tolerance)),
                "exact",
                shown=rf"\left(\frac{{R}}{{h}}\right)^2 = \frac{{R^2 \, {_TRACE}}}{{24 \, \delta}}",
            ),
            Step(
                "Its logarithm.",
                Relation(sp.log((span / coarsest) ** 2) / (2 * sp.log(2)), "=", bits),
                "exact",
                lambda R, t, delta: _places(R, t, delta),
                shown=rf"\log_2 \frac{{R}}{{h}} = \frac{{1}}{{2}} \log_2 \frac{{R^2 \, {_TRACE}}}{{24 \, \delta}}",
            ),
            Step(
                "One bit more divides the rise by four.",
                Relation(rounding.subs(_grid, _grid / 2), "=", rounding / 4),
                "exact",
                shown=r"h \to \frac{h}{2}: \quad E \Delta L \to \frac{1}{4} E \Delta L",
            ),
            Step(
                "Stochastic rounding at the place u of a cell: up with the probability u, by 1 - u, or down; its mean "
                "is the weight.",
                Relation(cell * (1 - cell) + (1 - cell) * (-cell), "=", 0),
                "exact",
                shown=r"u (1 - u) - (1 - u) u = 0",
            ),
            Step(
                "Its variance, averaged over places, is twice that of rounding to the nearest.",
                Relation(sp.integrate(sp.expand(variance), (cell, 0, 1)) * _trace / 2, "=", stochastic),
                "exact",
                shown=rf"\frac{{1}}{{2}} {_TRACE} \int_0^1 u (1 - u) h^2 \, du = \frac{{h^2}}{{12}} {_TRACE}",
            ),
            Step(
                "A rescaling of two layers divides one trace by alpha^2 and multiplies the other: with the same grid "
                "for all weights the bits change,",
                Relation(bits.subs(_trace, _moved_trace(first, second, alpha)), "=", orbit),
                "exact",
                lambda R, delta, alpha, t_1, t_2: _places(R, t_1 / alpha**2 + t_2 * alpha**2, delta),
                shown=r"\frac{1}{2} \log_2 \frac{R^2 (t_1 \alpha^{-2} + t_2 \alpha^2)}{24 \, \delta}",
            ),
            Step(
                "for instance t_1 = t_2 = 1 and alpha = 2, at one function and one loss.",
                Relation(2, "<", _moved_trace(sp.Integer(1), sp.Integer(1), sp.Integer(2))),
                "exact",
                shown=r"1 + 1 < \frac{1}{4} + 4",
            ),
            Step(
                "With a grid that is rescaled like its layer, alpha h and h/alpha, the rise stays what it was,",
                Relation(
                    (alpha * _grid) ** 2 * (first / alpha**2) / 24 + (_grid / alpha) ** 2 * (second * alpha**2) / 24,
                    "=",
                    rounding.subs(_trace, first + second),
                ),
                "exact",
                shown=r"\frac{(\alpha h)^2}{24} \frac{t_1}{\alpha^2} + \frac{(h/\alpha)^2}{24} t_2 \alpha^2"
                r" = \frac{h^2}{24} (t_1 + t_2)",
            ),
            Step(
                "and with an interval that is rescaled as well, so does the number of places.",
                Relation(
                    sp.Tuple(alpha * span / (alpha * _grid), span / alpha / (_grid / alpha)),
                    "=",
                    sp.Tuple(span / _grid, span / _grid),
                ),
                "exact",
                shown=r"\frac{\alpha R}{\alpha h} = \frac{R/\alpha}{h/\alpha} = \frac{R}{h}",
            ),
        ),
        Domain(
            h=(0, sp.oo),
            t=(0, sp.oo),
            R=(0, sp.oo),
            delta=(0, sp.oo),
            alpha=(0, sp.oo),
            t_1=(0, sp.oo),
            t_2=(0, sp.oo),
        ),
        parts={
            "rounding": sp.Eq(sp.Symbol("Delta L"), rounding),
            "stochastic": sp.Eq(sp.Symbol("Delta L"), stochastic),
            "orbit": sp.Eq(sp.Symbol("bits"), orbit),
        },
        titles={
            "rounding": "mean rise by rounding",
            "stochastic": "mean rise by stochastic rounding",
            "orbit": "bits along the orbit",
        },
        assumptions=(
            "the loss is quadratic within the cells of the grid, and theta is its minimum",
            "the origin of the grid is uniform and independent for every weight",
            "every weight has the same interval R and the same spacing h",
        ),
        source=_SOURCE,
        shown={
            "result": rf"\mathrm{{bits}} = \frac{{1}}{{2}} \log_2 \frac{{R^2 \, {_TRACE}}}{{24 \, \delta}}",
            "rounding": rf"E \Delta L = \frac{{h^2}}{{24}} {_TRACE}",
            "stochastic": rf"E \Delta L = \frac{{h^2}}{{12}} {_TRACE}",
            "orbit": r"\mathrm{bits} = \frac{1}{2} \log_2 \frac{R^2 (t_1 \alpha^{-2} + t_2 \alpha^2)}{24 \, \delta}",
        },
    )


def mean_rise_under_rounding(hessian: Any, spacing: float) -> float:
    """Return the mean rise h^2 tr H/24 of a quadratic loss when its weights are rounded to a grid.

    Args:
        hessian: Symmetric.
        spacing: h >= 0, in the units of the weights; the origin of the grid is uniform.

    Raises:
        TypeError: If the spacing is no number.
        ValueError: If the matrix is not symmetric and finite, the spacing is negative, or the rise is not finite.

    Examples:
        >>> mean_rise_under_rounding([[3.0, 1.0], [1.0, 5.0]], spacing=0.5)
        0.08333333333333333
    """
    spacing, diagonal = nonnegative_number("spacing", spacing), np.diag(symmetric_matrix("hessian", hessian))
    with np.errstate(over="ignore", invalid="ignore"):
        rise = float((spacing * diagonal * spacing).sum()) / 24
    return finite_result("the mean rise", rise, spacing=spacing)


def bits_per_weight(hessian: Any, tolerance: float, *, span: float = 1.0) -> float:
    """Return the bits per weight that keep the mean rise of a quadratic loss within a tolerance.

    Args:
        hessian: Symmetric, of positive trace.
        tolerance: delta > 0, in the units of the loss.
        span: Length R > 0 of the interval that the grid covers, in the units of the weights.

    Returns:
        A real number; one is negative where less than one place of the grid in an interval of that length would do.

    Raises:
        TypeError: If something is no number.
        ValueError: If the matrix is not symmetric and finite or has no positive trace, or a number is not positive.

    Examples:
        >>> bits_per_weight([[24.0]], tolerance=1 / 256)
        4.0
    """
    diagonal = np.diag(symmetric_matrix("hessian", hessian))
    with np.errstate(over="ignore", invalid="ignore"):
        trace = finite_result("the trace of hessian", float(diagonal.sum()))
    if trace <= 0:
        raise ValueError(f"hessian must have a positive trace, got {trace:g}.")
    tolerance, span = positive_number("tolerance", tolerance), positive_number("span", span)
    return math.log2(span) + (math.log2(trace) - math.log2(24) - math.log2(tolerance)) / 2


def _over_positions(a: sp.Expr, b: sp.Expr, c: sp.Expr) -> sp.Expr:
    other = sp.Symbol("v", real=True)
    form = sp.expand(a * _u**2 + 2 * b * _u * other + c * other**2) / (2 * _grid**2)
    half = _grid / 2
    return sp.integrate(sp.integrate(form, (_u, -half, half)), (other, -half, half))


def _moved_trace(first: sp.Expr, second: sp.Expr, alpha: sp.Expr) -> sp.Expr:
    """The trace of D H D for one weight a layer, D = diag(1/alpha, alpha)."""
    off = sp.Symbol("H_12", real=True)
    scale = sp.diag(1 / alpha, alpha)
    return (scale * sp.Matrix([[first, off], [off, second]]) * scale).trace()


def _places(span: Any, trace: Any, tolerance: Any) -> Any:
    """log2 of the number of places: of the span over the spacing at which the rise is the tolerance."""
    with mpmath.workdps(50):
        span, trace, tolerance = (mpmath.mpf(x.numerator) / x.denominator for x in (span, trace, tolerance))
        spacing = mpmath.sqrt(24 * tolerance / trace)
        return mpmath.log(span / spacing, 2)
