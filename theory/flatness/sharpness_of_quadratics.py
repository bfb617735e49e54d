r"""Sharpness of a quadratic minimum over a ball: that of the largest eigenvalue.

Conventions: L(theta + z) = L + z'Hz/2 at a critical point theta. Over the closed ball |z| <= epsilon, sharpness is

.. math:: S = \max_z \frac{L(\theta + z) - L(\theta)}{1 + L(\theta)}.

Eigenvalues descend, c_i are the coordinates of z along the eigenvectors.
"""

from functools import cache
from typing import Any

import numpy as np
import sympy as sp

from theory.curvature_directions import plane_curvatures
from theory.derivation import Derivation, Step
from theory.domain import Domain
from theory.proof import Relation
from theory.real_arrays import finite_result, nonnegative_number, positive_number, symmetric_matrix

__all__ = ["ball_sharpness", "sharpness_in_ball"]

_radius = sp.Symbol("epsilon", positive=True)
_loss = sp.Symbol("L", real=True)
_i, _n = sp.symbols("i n", integer=True, positive=True)
_everywhere = (_i, 1, _n)
_eigenvalue, _coordinate = sp.Function("lambda"), sp.Function("c")


@cache
def ball_sharpness() -> Derivation:
    r"""Derive the sharpness of a quadratic minimum over a ball, for any number of weights.

    .. math:: S = \frac{\epsilon^2 \lambda_1}{2 (1 + L)}

    Returns:
        A derivation; the value is S, with lambda_1 > 0 the largest eigenvalue. The part "cubic" is S for one weight and
        the loss L + a z^2/2 + c z^3 with a, c > 0: the error of the quadratic model is of relative order epsilon.

    Examples:
        >>> ball_sharpness().at(epsilon="1/10", L=1, lambda_1=200)
        1/2
    """
    largest = sp.Symbol("lambda_1", positive=True)
    a, c = sp.symbols("a c", positive=True)
    share = sp.Symbol("t", real=True)
    form = sp.Sum(_eigenvalue(_i) * _coordinate(_i) ** 2, _everywhere) / 2
    norm = sp.Sum(_coordinate(_i) ** 2, _everywhere)
    p, q, r = sp.symbols("p q r", real=True)
    matrix = sp.Matrix([[p, q], [q, r]])
    first = plane_curvatures().value[0].subs(dict(zip(_entries(), (p, q, r), strict=True)))
    top = sp.Matrix([q, first - p])
    square = (top.T * top)[0]
    sharpness = _radius**2 * largest / (2 * (1 + _loss))
    cubic = (a * _radius**2 / 2 + c * _radius**3) / (1 + _loss)
    place = share * _radius
    return Derivation(
        "The sharpness of a quadratic minimum over a ball is that of its largest eigenvalue",
        sp.Eq(sp.Symbol("S"), sharpness),
        (
            Step(
                "No place in the ball is higher: what is missing is a sum of terms that are not negative.",
                Relation(
                    _eigenvalue(1) * _radius**2 / 2 - form,
                    "=",
                    _eigenvalue(1) * (_radius**2 - norm) / 2
                    + sp.Sum((_eigenvalue(1) - _eigenvalue(_i)) * _coordinate(_i) ** 2, _everywhere) / 2,
                ),
                "exact",
                shown=r"\frac{\lambda_1 \epsilon^2}{2} - \frac{1}{2} \sum_i \lambda_i c_i^2"
                r" = \frac{\lambda_1}{2} \left(\epsilon^2 - \sum_i c_i^2\right)"
                r" + \frac{1}{2} \sum_i (\lambda_1 - \lambda_i) c_i^2 \ge 0",
            ),
            Step(
                "It is reached at the distance epsilon along the first eigenvector (two weights, every symmetric H).",
                Relation(_radius**2 * (top.T * matrix * top)[0] / (2 * square), "=", _radius**2 * first / 2),
                "exact",
                shown=r"\frac{\epsilon^2}{2} \frac{v_1^{T} H v_1}{|v_1|^2} = \frac{\epsilon^2 \lambda_1}{2}",
            ),
            Step(
                "Divided by 1 + L.",
                Relation(((_loss + largest * _radius**2 / 2) - _loss) / (1 + _loss), "=", sharpness),
                "exact",
                lambda: sp.integrate(largest * sp.Symbol("r"), (sp.Symbol("r"), 0, _radius)) / (1 + _loss),
                shown=r"S = \frac{\epsilon^2 \lambda_1}{2 (1 + L)}",
            ),
            Step(
                "In an open ball the value is not reached, but every smaller one is.",
                Relation(sharpness.subs(_radius, share * _radius), "<", sharpness),
                "exact",
                shown=r"\frac{t^2 \epsilon^2 \lambda_1}{2 (1 + L)}"
                r" < \frac{\epsilon^2 \lambda_1}{2 (1 + L)} \quad (t < 1)",
                domain=Domain(epsilon=(0, sp.oo), L=(-1, sp.oo), lambda_1=(0, sp.oo), t=(0, 1)),
            ),
            Step(
                "Beyond a quadratic: with a cubic term in one weight the farther end is the highest place,",
                Relation(a * place**2 / 2 + c * place**3, "<", a * _radius**2 / 2 + c * _radius**3),
                "exact",
                shown=r"\frac{a}{2} z^2 + c z^3 < \frac{a}{2} \epsilon^2 + c \epsilon^3"
                r" \quad (|z| < \epsilon, \ c > 0)",
                domain=Domain(epsilon=(0, sp.oo), a=(0, sp.oo), c=(0, sp.oo), t=(-1, 1)),
            ),
            Step(
                "and the quadratic formula falls short by a part that is of first order in epsilon.",
                Relation(sharpness.subs(largest, a) * (1 + 2 * c * _radius / a), "=", cubic),
                "exact",
                shown=r"S = \frac{\epsilon^2 a}{2 (1 + L)} \left(1 + \frac{2 c}{a} \epsilon\right)",
            ),
        ),
        Domain(epsilon=(0, sp.oo), L=(-1, sp.oo), lambda_1=(0, sp.oo), a=(0, sp.oo), c=(0, sp.oo)),
        parts={"cubic": sp.Eq(sp.Symbol("S"), cubic)},
        titles={
            "cubic": "sharpness with a cubic term",
        },
        assumptions=("theta is a critical point", "the loss is quadratic in the ball; the part: cubic, in one weight"),
        source="KTH, Sharp minima can generalize, slide epsilon-sharpness; Dinh et al. (2017), arXiv:1703.04933",
        shown={
            "result": r"S = \frac{\epsilon^2 \lambda_1}{2 (1 + L)}",
            "cubic": r"S = \frac{1}{1 + L} \left(\frac{a}{2} \epsilon^2 + c \epsilon^3\right)",
        },
    )


def sharpness_in_ball(hessian: Any, radius: float, *, loss: float = 0.0) -> float:
    """Return the sharpness of a quadratic critical point over a ball: 0 if no eigenvalue is positive.

    Args:
        hessian: Symmetric.
        radius: epsilon > 0.
        loss: The loss at the critical point, >= 0.

    Raises:
        TypeError: If a number is none.
        ValueError: If the matrix is not symmetric and finite, a number does not fit, or the sharpness is not finite.

    Examples:
        >>> sharpness_in_ball([[3.0, 0.0], [0.0, 1.0]], radius=2.0, loss=1.0)
        3.0
    """
    matrix, radius = symmetric_matrix("hessian", hessian), positive_number("radius", radius)
    largest = float(np.linalg.eigvalsh(matrix)[-1])
    sharpness = radius * (max(largest, 0.0) / (2 * (1 + nonnegative_number("loss", loss)))) * radius
    return finite_result("the sharpness", sharpness, radius=radius)


def _entries() -> tuple[sp.Symbol, ...]:
    """The entries of the plane's Hessian as `plane_curvatures` calls them."""
    a, b, c = sp.symbols("a b c", real=True)
    return a, b, c
