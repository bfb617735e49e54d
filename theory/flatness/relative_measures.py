r"""Measures of flatness relative to the weights: which of them a rescaling leaves alone.

Conventions: a rescaling T multiplies weight i by t_i > 0 and changes no output: per layer, (alpha theta_1,
theta_2/alpha), or per unit, each hidden unit with a factor of its own. At a minimum the Hessian becomes
H' = D H D with D = diag(1/t_i). theta_k are the weights of layer k, H_kk its block of the Hessian.
"""

from functools import cache
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from theory.curvature_directions import plane_curvatures
from theory.derivation import Derivation, Step
from theory.domain import Domain
from theory.proof import Relation
from theory.real_arrays import finite_result, real_vector, symmetric_matrix
from theory.rescaling.rectifier_example import POINT, SYMBOLS, loss_hessian, minimum_hessian, outputs, unit_factors

__all__ = ["layer_relative_trace", "relative_hessian", "relative_trace"]

_SOURCE = "Dinh et al. (2017), arXiv:1703.04933, for the rescalings; derived here"
_ADAPTIVE = "Kwon, Kim, Park and Choi (2021), ASAM, arXiv:2102.11600"


@cache
def relative_trace() -> Derivation:
    r"""Derive that measures relative to each weight are the same after every rescaling, per layer and per unit.

    .. math:: \theta_i' \theta_j' H_{ij}' = \theta_i \theta_j H_{ij}

    So are the trace, the eigenvalues and every norm of this matrix, the form theta'H theta, and the maximum of the loss
    over an ellipsoid |diag(1/|theta|) z| <= rho (elementwise ASAM) or over the box |z_i| <= epsilon |theta_i|, for
    every loss and not only for its quadratic part. A stabiliser, |theta_i| + c in place of |theta_i|, breaks it, and so
    does the 1 in the box of Keskar et al.

    Returns:
        A derivation in two weights; the value is the relative trace. The parts are "form", theta'H theta, and "box",
        the rise at the corner (1, 1) of the relative box of epsilon = 1.

    Examples:
        >>> relative_trace().evidence
        'exact'
    """
    x, y, t, s, shift = sp.symbols("theta_1 theta_2 t s c", positive=True)
    a, b, d, z1, z2 = sp.symbols("H_11 H_12 H_22 z_1 z_2", real=True)
    weights, scale, matrix = sp.diag(x, y), sp.diag(t, s), sp.Matrix([[a, b], [b, d]])
    inverse = sp.diag(1 / t, 1 / s)
    moved = scale * weights * inverse * matrix * inverse * scale * weights
    relative = weights * matrix * weights
    trace, form = a * x**2 + d * y**2, a * x**2 + 2 * b * x * y + d * y**2
    c1, c2 = sp.symbols("c_1 c_2", positive=True)
    factors = unit_factors(c1, c2)
    there = [factor * weight for factor, weight in zip(factors, SYMBOLS, strict=True)]
    steps = sp.symbols("z_11 z_12 z_21 z_22 z_31 z_32", real=True)
    uphill = [weight + step for weight, step in zip(SYMBOLS, steps, strict=True)]
    hessian = loss_hessian()
    hessian_there = hessian.subs(dict(zip(SYMBOLS, there, strict=True)), simultaneous=True)
    divided = sp.diag(*(1 / factor for factor in factors))
    return Derivation(
        "Measures relative to each weight are the same after every rescaling",
        sp.Eq(sp.Symbol("tau"), trace),
        (
            Step(
                "A ReLU network, two units, each with a factor of its own: its outputs do not change,",
                Relation(outputs(there), "=", outputs(SYMBOLS)),
                "exact",
                shown=r"\frac{v_j}{c_j} \mathrm{relu}(c_j w_j \cdot x) = v_j \mathrm{relu}(w_j \cdot x)",
            ),
            Step(
                "nor does the output at a displacement that is rescaled like the weights, small or large:",
                Relation(outputs([f * u for f, u in zip(factors, uphill, strict=True)]), "=", outputs(uphill)),
                "exact",
                shown=r"L(T \theta + T z) = L(\theta + z)",
            ),
            Step(
                "its length relative to the weights is the same: the ellipsoid, or the box, at T theta is the image of "
                "that at theta, with the same losses in it.",
                Relation(((t * z1) / (t * x)) ** 2 + ((s * z2) / (s * y)) ** 2, "=", (z1 / x) ** 2 + (z2 / y) ** 2),
                "exact",
                shown=r"\sum_i \left(\frac{t_i z_i}{t_i \theta_i}\right)^2"
                r" = \sum_i \left(\frac{z_i}{\theta_i}\right)^2",
            ),
            Step(
                "The Hessian of the loss of that network, differentiated there: D H D.",
                Relation(hessian_there, "=", divided * hessian * divided),
                "exact",
                shown=r"H(T \theta) = D H(\theta) D, \quad D = \mathrm{diag}\left(\frac{1}{t_i}\right)",
            ),
            Step(
                "Times the weights from both sides it is what it was,",
                Relation(
                    sp.diag(*there) * hessian_there * sp.diag(*there),
                    "=",
                    sp.diag(*SYMBOLS) * hessian * sp.diag(*SYMBOLS),
                ),
                "exact",
                shown=r"\mathrm{diag}(\theta') H' \mathrm{diag}(\theta')"
                r" = \mathrm{diag}(\theta) H \mathrm{diag}(\theta)",
            ),
            Step(
                "entry by entry.",
                Relation(moved, "=", relative),
                "exact",
                shown=r"\theta_i' \theta_j' H_{ij}' = t_i \theta_i \, t_j \theta_j \frac{H_{ij}}{t_i t_j}"
                r" = \theta_i \theta_j H_{ij}",
            ),
            Step(
                "Its trace,",
                Relation(moved.trace(), "=", trace),
                "exact",
                shown=r"\sum_i \theta_i'^2 H_{ii}' = \sum_i \theta_i^2 H_{ii}",
            ),
            Step(
                "the form of the weights themselves,",
                Relation((sp.ones(1, 2) * moved * sp.ones(2, 1))[0], "=", form),
                "exact",
                lambda: (sp.Matrix([x, y]).T * matrix * sp.Matrix([x, y]))[0],
                shown=r"\theta'^{T} H' \theta' = \theta^{T} H \theta",
            ),
            Step(
                "and the rise at a corner of the relative box.",
                Relation((sp.ones(1, 2) * moved * sp.ones(2, 1))[0] / 2, "=", form / 2),
                "exact",
                shown=r"\frac{1}{2} \sum_{i, j} |\theta_i'| |\theta_j'| H_{ij}'"
                r" = \frac{1}{2} \sum_{i, j} |\theta_i| |\theta_j| H_{ij}",
            ),
            Step(
                "With a stabiliser c > 0 it is not: after t > 1 the measure of one weight has fallen.",
                Relation((t * x + shift) ** 2 / t**2, "<", (x + shift) ** 2),
                "exact",
                shown=r"(t \theta + c)^2 \frac{H}{t^2} < (\theta + c)^2 H \quad (t > 1, \ H > 0)",
                domain=Domain(t=(1, sp.oo), c=(0, sp.oo), theta_1=(0, sp.oo)),
            ),
        ),
        Domain(theta_1=(0, sp.oo), theta_2=(0, sp.oo), t=(0, sp.oo), s=(0, sp.oo), c_1=(0, sp.oo), c_2=(0, sp.oo)),
        parts={"form": sp.Eq(sp.Symbol("F"), form), "box": sp.Eq(sp.Symbol("Delta L"), form / 2)},
        titles={
            "form": "quadratic form at the weights",
            "box": "rise at a corner of the relative box",
        },
        assumptions=("no weight is 0, or it stays 0", "the rescaling changes no output and keeps the active units"),
        source=f"{_SOURCE}; {_ADAPTIVE}",
        shown={
            "result": r"\tau = \sum_i \theta_i^2 H_{ii}",
            "form": r"\theta^{T} H \theta",
            "box": r"\frac{1}{2} \sum_{i, j} |\theta_i| |\theta_j| H_{ij}",
        },
    )


@cache
def layer_relative_trace() -> Derivation:
    r"""Derive that measures relative to whole layers know rescalings per layer, and not per unit.

    .. math:: \tau_k = |\theta_k|^2 \, \mathrm{tr} H_{kk}

    The same holds of |theta_k|^2 times the largest eigenvalue of H_kk. Along a rescaling of one unit they have no upper
    bound.

    Returns:
        A derivation; the value is tau for a layer of two weights. The parts are "unit", tau of the second layer after
        one unit is rescaled by c, and "largest", |theta_k|^2 lambda_1(H_kk).

    Examples:
        >>> layer_relative_trace().at(theta_1=3, theta_2=4, H_11=1, H_22=2)
        75
    """
    x, y, alpha, c, bound = sp.symbols("theta_1 theta_2 alpha c M", positive=True)
    h1, h2 = sp.symbols("H_11 H_22", positive=True)
    off = sp.Symbol("H_12", real=True)
    first = plane_curvatures().value[0]
    entries = sp.symbols("a b c", real=True)
    largest = first.subs(dict(zip(entries, (h1, off, h2), strict=True)))
    divided = first.subs(dict(zip(entries, (h1 / alpha**2, off / alpha**2, h2 / alpha**2), strict=True)))
    trace = (x**2 + y**2) * (h1 + h2)
    unit = ((x / c) ** 2 + y**2) * (c**2 * h1 + h2)
    factors = unit_factors(sp.Rational(9, 5), sp.Integer(1))
    there = [factor * weight for factor, weight in zip(factors, POINT, strict=True)]
    before, after = (_second_layer(weights) for weights in (POINT, there))
    everything = unit_factors(alpha, alpha)
    scaled = [factor * weight for factor, weight in zip(everything, SYMBOLS, strict=True)]
    return Derivation(
        "Measures relative to whole layers know rescalings of layers, not of units",
        sp.Eq(sp.Symbol("tau"), trace),
        (
            Step(
                "Per layer: the squared length is multiplied by alpha^2, the block of the Hessian divided by it.",
                Relation(((alpha * x) ** 2 + (alpha * y) ** 2) * (h1 / alpha**2 + h2 / alpha**2), "=", trace),
                "exact",
                shown=r"|\alpha \theta_k|^2 \frac{1}{\alpha^2} \mathrm{tr} H_{kk} = |\theta_k|^2 \mathrm{tr} H_{kk}",
            ),
            Step(
                "The two layers of a ReLU network of six weights, at any weights.",
                Relation(_both_layers(scaled), "=", _both_layers(SYMBOLS)),
                "exact",
                shown=r"|\theta_k'|^2 \mathrm{tr} H_{kk}' = |\theta_k|^2 \mathrm{tr} H_{kk} \quad (k = 1, 2)",
            ),
            Step(
                "With the largest eigenvalue of the block in place of its trace, too.",
                Relation((x**2 + y**2) * alpha**2 * divided, "=", (x**2 + y**2) * largest),
                "exact",
                shown=r"|\alpha \theta_k|^2 \lambda_1 \left(\frac{1}{\alpha^2} H_{kk}\right)"
                r" = |\theta_k|^2 \lambda_1(H_{kk})",
            ),
            Step(
                "Per unit, c for the first one: in the second layer",
                Relation(((x / c) ** 2 + y**2) * (h1 * c**2 + h2), "=", unit),
                "exact",
                lambda: (c**2 * h1 + h2) * (x**2 + c**2 * y**2) / c**2,
                shown=r"\tau_2' = \left(\frac{\theta_1^2}{c^2} + \theta_2^2\right) \left(c^2 H_{11} + H_{22}\right)",
            ),
            Step(
                "which exceeds every M at a small c.",
                Relation(bound, "<", unit.subs(c, x * sp.sqrt(h2) / sp.sqrt(2 * bound))),
                "exact",
                shown=r"M < \tau_2' \quad \left(c^2 = \frac{\theta_1^2 H_{22}}{2 M}\right)",
            ),
            Step(
                "For instance w_1 = (2, -1), w_2 = (-1, 2), v = (3, 4), and c = 9/5: the same outputs,",
                Relation(outputs(there), "=", outputs(POINT)),
                "exact",
                shown=r"y = (6, 8, 7)",
            ),
            Step(
                "and another measure.",
                Relation(after, "!=", before),
                "exact",
                shown=rf"{_fraction(after)} \neq {_fraction(before)}",
            ),
        ),
        Domain(
            theta_1=(0, sp.oo),
            theta_2=(0, sp.oo),
            H_11=(0, sp.oo),
            H_22=(0, sp.oo),
            alpha=(0, sp.oo),
            c=(0, sp.oo),
            M=(0, sp.oo),
        ),
        parts={
            "unit": sp.Eq(sp.Symbol("tau"), unit),
            "largest": sp.Eq(sp.Symbol("mu"), (x**2 + y**2) * largest),
        },
        titles={
            "unit": "the measure after a unit is rescaled",
            "largest": "the same with the largest eigenvalue",
        },
        assumptions=("a layer of two weights; the rescalings change no output and keep the active units",),
        source=_SOURCE,
        shown={
            "result": r"\tau_k = |\theta_k|^2 \, \mathrm{tr} H_{kk}",
            "unit": r"\tau_2' = \left(\frac{\theta_1^2}{c^2} + \theta_2^2\right) \left(c^2 H_{11} + H_{22}\right)",
            "largest": r"|\theta_k|^2 \lambda_1(H_{kk})",
        },
    )


def relative_hessian(hessian: Any, weights: Any) -> NDArray[np.float64]:
    """Return diag(|theta|) H diag(|theta|), which no rescaling per layer or per unit changes at a minimum.

    Its trace is the relative trace, its largest eigenvalue times rho^2/2 the rise in ASAM's ellipsoid of radius rho.

    Args:
        hessian: Symmetric, n x n.
        weights: n numbers.

    Raises:
        ValueError: If shapes do not fit or something, the result included, is not finite.

    Examples:
        >>> print(relative_hessian([[2.0, 1.0], [1.0, 4.0]], [1.0, -0.5]))
        [[2.  0.5]
         [0.5 1. ]]
    """
    matrix, sizes = symmetric_matrix("hessian", hessian), abs(real_vector("weights", weights))
    if len(sizes) != len(matrix):
        raise ValueError(f"weights must have one number per row of hessian, {len(matrix)}, got {len(sizes)}.")
    with np.errstate(over="ignore", invalid="ignore"):
        product = sizes[:, None] * matrix * sizes
    finite_result("|weights|^2 times hessian", float(abs(product).max()))
    return np.asarray(product)


def _both_layers(weights: Any) -> sp.Tuple:
    """|theta_k|^2 tr H_kk for both layers, at any weights."""
    hessian = loss_hessian().subs(dict(zip(SYMBOLS, weights, strict=True)), simultaneous=True)
    sizes = [sum((weight**2 for weight in layer), sp.Integer(0)) for layer in (weights[:4], weights[4:])]
    return sp.Tuple(sizes[0] * hessian[:4, :4].trace(), sizes[1] * hessian[4:, 4:].trace())


def _second_layer(weights: Any) -> sp.Expr:
    """|v|^2 tr H_vv at weights that fit their targets."""
    block = minimum_hessian(weights)[4:, 4:]
    return (weights[4] ** 2 + weights[5] ** 2) * block.trace()


def _fraction(value: sp.Rational) -> str:
    return str(value.p) if value.q == 1 else rf"\frac{{{value.p}}}{{{value.q}}}"
