r"""What the construction of sharp equivalent minima shows, and what it does not: bounds and counterexamples.

Conventions: theta = (theta_1, theta_2) are the weights of a two-layer ReLU network, T_alpha theta = (alpha theta_1,
theta_2/alpha). The sharpness S(theta) is the maximum over the closed ball |theta' - theta| <= epsilon of
(L(theta') - L(theta))/(1 + L(theta)); L(0) is the loss of the network whose output is 0. The counterexamples have one
weight in each layer, one sample x = 1 with the target 1, and y = theta_2 relu(theta_1); minima are (A, 1/A), A > 0,
and T_alpha moves along them.
"""

import math
from functools import cache
from typing import Any

import numpy as np
import sympy as sp

from theory.derivation import Derivation, Step
from theory.domain import Domain
from theory.proof import Relation
from theory.real_arrays import finite_result, positive_number, real_array, real_vector
from theory.rescaling.rectifier_example import SYMBOLS, layer_factors, outputs

__all__ = ["reaching_scale", "sharper_equivalent", "sharpest_minimum"]

_radius, _alpha = sp.symbols("epsilon alpha", positive=True)
_zero, _loss = sp.symbols("L_0 L", nonnegative=True)
_SLIDE = "KTH, Sharp minima can generalize, slides epsilon-sharpness; Dinh et al. (2017), arXiv:1703.04933, theorem 3"


@cache
def sharper_equivalent() -> Derivation:
    r"""Derive what the rescaling by alpha = epsilon/|theta_1| shows: a bound, and not that the minimum is sharper.

    .. math:: S(T_\alpha \theta) \ge \frac{L(0) - L(\theta)}{1 + L(\theta)}, \qquad
              |T_\alpha \theta - (0, \theta_2/\alpha)| = \alpha |\theta_1| = \epsilon

    The point (0, theta_2/alpha) lies on the sphere: the closed ball is needed, or alpha = c epsilon/|theta_1| with
    c < 1. With squared error and epsilon = 1 the minimum (2, 1/2) is sharper than what that alpha makes of it, (1, 1).

    Returns:
        A derivation; the value is the bound. The parts are "scale", alpha for c, "before", a lower bound of the
        sharpness of (A, 1/A) under squared error, "after", the sharpness of (1, 1) at epsilon = 1, and "orbit", a lower
        bound along the orbit, which is not bounded.

    Examples:
        >>> sharper_equivalent().at(L_0=3, L=1)
        1
    """
    w = sp.symbols("w_1:4", real=True)
    share, size, x, y, bound = sp.symbols("c A x y M", positive=True)
    u, v = sp.symbols("u v", real=True)
    length = sp.sqrt(w[0] ** 2 + w[1] ** 2 + w[2] ** 2)
    scale = share * _radius / length
    norm = sp.Symbol("N", positive=True)
    value = (_zero - _loss) / (1 + _loss)
    carried = [factor * weight for factor, weight in zip(layer_factors(_alpha), SYMBOLS, strict=True)]
    after = (sp.sqrt(2) + sp.Rational(1, 2)) ** 2
    error = u + v + u * v
    half = 1 / sp.sqrt(2)
    rise = (size * (1 / size + _radius) - 1) ** 2
    moved = ((_alpha * x + _radius) * (y / _alpha) - 1) ** 2
    orbit = (_radius * y / _alpha) ** 2
    return Derivation(
        "The rescaling that brings the zero network into the ball bounds the sharpness, and need not raise it",
        sp.Eq(sp.Symbol("S"), value),
        (
            Step(
                "The distance between T_alpha theta and (0, theta_2/alpha) is alpha |theta_1| (three weights in the "
                "first layer): with alpha = c epsilon/|theta_1| it is",
                Relation(sum(((scale * weight) ** 2 for weight in w), sp.Integer(0)), "=", share**2 * _radius**2),
                "exact",
                shown=r"|\alpha \theta_1|^2 = c^2 \epsilon^2 \quad \left(\alpha = c \frac{\epsilon}{|\theta_1|}\right)",
            ),
            Step(
                "exactly epsilon for c = 1: on the sphere, inside the closed ball alone.",
                Relation(sum(((scale.subs(share, 1) * weight) ** 2 for weight in w), sp.Integer(0)), "=", _radius**2),
                "exact",
                shown=r"|\alpha \theta_1| = \epsilon \quad (c = 1)",
            ),
            Step(
                "The scale.",
                Relation(sp.solve(_alpha * norm - share * _radius, _alpha)[0], "=", share * _radius / norm),
                "exact",
                shown=r"\alpha |\theta_1| = c \epsilon \quad \Leftrightarrow \quad"
                r" \alpha = c \frac{\epsilon}{|\theta_1|}",
            ),
            Step(
                "With theta_1 = 0 every hidden unit is 0, whatever the second layer is (a ReLU network of six weights, "
                "three samples): the loss there is L(0).",
                Relation(outputs((0, 0, 0, 0, SYMBOLS[4] / _alpha, SYMBOLS[5] / _alpha)), "=", sp.zeros(3, 1)),
                "exact",
                shown=r"f_{(0, \theta_2/\alpha)} = 0",
            ),
            Step(
                "T_alpha leaves the outputs as they are, and with them L(theta):",
                Relation(outputs(carried), "=", outputs(SYMBOLS)),
                "exact",
                shown=r"f_{T_{\alpha} \theta} = f_{\theta}",
            ),
            Step(
                "so that the ball around T_alpha theta holds a rise by",
                Relation((_zero - _loss) / (1 + _loss), "=", value),
                "exact",
                lambda: (1 + _zero) / (1 + _loss) - 1,
                shown=r"S(T_{\alpha} \theta) \ge \frac{L(0) - L(\theta)}{1 + L(\theta)}",
            ),
            Step(
                "The counterexample, squared error: around (A, 1/A) the place (A, 1/A + epsilon) has the loss",
                Relation(rise, "=", size**2 * _radius**2),
                "exact",
                shown=r"\left(A \left(A^{-1} + \epsilon\right) - 1\right)^2 = A^2 \epsilon^2 \le S(A, A^{-1})",
            ),
            Step(
                "With epsilon = 1, alpha = 1/A makes (1, 1) of it. Around (1, 1) the error is u + v + uv,",
                Relation((1 + u) * (1 + v) - 1, "=", error),
                "exact",
                shown=r"(1 + u)(1 + v) - 1 = u + v + u v",
            ),
            Step(
                "in which |u + v| <= 2^(1/2) and |u v| <= 1/2 on the ball u^2 + v^2 <= 1, by squares:",
                Relation(
                    sp.Tuple(2 * (u**2 + v**2) - (u + v) ** 2, (u**2 + v**2) / 2 - u * v, (u**2 + v**2) / 2 + u * v),
                    "=",
                    sp.Tuple((u - v) ** 2, (u - v) ** 2 / 2, (u + v) ** 2 / 2),
                ),
                "exact",
                shown=r"2 (u^2 + v^2) - (u + v)^2 = (u - v)^2, \quad"
                r" \frac{1}{2} (u^2 + v^2) \mp u v = \frac{1}{2} (u \mp v)^2",
            ),
            Step(
                "with equality at u = v = 2^(-1/2): the sharpness of (1, 1).",
                Relation((error**2).subs({u: half, v: half}), "=", after),
                "exact",
                lambda: sp.Rational(9, 4) + sp.sqrt(2),
                shown=r"S(1, 1) = \left(\sqrt{2} + \frac{1}{2}\right)^2 = \frac{9}{4} + \sqrt{2}",
            ),
            Step(
                "That is less than the sharpness of (2, 1/2): the construction has made this minimum flatter.",
                Relation(after, "<", rise.subs({size: 2, _radius: 1})),
                "exact",
                shown=r"S(1, 1) = \frac{9}{4} + \sqrt{2} < 4 \le S\left(2, \frac{1}{2}\right)",
            ),
            Step(
                "The bound holds for both, and says 1: L(0) = 1 and L = 0.",
                Relation(value.subs({_zero: 1, _loss: 0}), "=", 1),
                "exact",
                shown=r"\frac{1 - 0}{1 + 0} = 1 < S(1, 1)",
            ),
            Step(
                "It is another alpha that sharpens where the loss is unbounded: moving the first layer by epsilon "
                "after T_alpha is moving it by epsilon/alpha before,",
                Relation((_alpha * x + _radius) * (y / _alpha), "=", (x + _radius / _alpha) * y),
                "exact",
                shown=r"L(\alpha \theta_1 + \epsilon, \theta_2/\alpha) = L(\theta_1 + \epsilon/\alpha, \theta_2)",
            ),
            Step(
                "and squared error there, at a minimum,",
                Relation(moved.subs(x, 1 / y), "=", orbit),
                "exact",
                shown=r"S(T_{\alpha} \theta) \ge \left(\frac{\epsilon \theta_2}{\alpha}\right)^2",
            ),
            Step(
                "exceeds every M at a small alpha.",
                Relation(bound, "<", orbit.subs(_alpha, _radius * y / sp.sqrt(2 * bound))),
                "exact",
                shown=r"M < S(T_{\alpha} \theta) \quad \left(\alpha^2 = \frac{\epsilon^2 \theta_2^2}{2 M}\right)",
            ),
        ),
        Domain(
            epsilon=(0, sp.oo),
            c=(0, sp.oo),
            A=(0, sp.oo),
            M=(0, sp.oo),
            alpha=(0, sp.oo),
            L_0=(-1, sp.oo),
            L=(-1, sp.oo),
            N=(0, sp.oo),
            y=(0, sp.oo),
        ),
        parts={
            "scale": sp.Eq(sp.Symbol("alpha"), share * _radius / norm),
            "before": sp.Eq(sp.Symbol("S"), size**2 * _radius**2),
            "after": sp.Eq(sp.Symbol("S"), after),
            "orbit": sp.Eq(sp.Symbol("S"), orbit),
        },
        titles={
            "scale": "rescaling that is needed",
            "before": "bound on the sharpness before",
            "after": "sharpness of the balanced minimum",
            "orbit": "bound along the orbit",
        },
        assumptions=(
            "the first layer is not 0 at the minimum",
            "the counterexample: every place in the balls has a positive first weight or one of 0, where the ReLU is "
            "the identity",
        ),
        source=_SLIDE,
        shown={
            "result": r"S(T_{\alpha} \theta) \ge \frac{L(0) - L(\theta)}{1 + L(\theta)}",
            "scale": r"\alpha = c \frac{\epsilon}{|\theta_1|}",
            "before": r"S(A, A^{-1}) \ge A^2 \epsilon^2",
            "after": r"S(1, 1) = \left(\sqrt{2} + \frac{1}{2}\right)^2",
            "orbit": r"S(T_{\alpha} \theta) \ge \left(\frac{\epsilon \theta_2}{\alpha}\right)^2",
        },
    )


@cache
def sharpest_minimum() -> Derivation:
    r"""Derive that nothing need be sharper than a given minimum: a smooth bounded loss whose bound lies in the ball.

    With the loss l = 2 e^2/(1 + e^4) of the error e = y - 1, which is at most 1, the minimum (epsilon, 1/epsilon) has a
    network of output 0 and loss 1 at the distance epsilon. Its sharpness is 1, and no sharpness can be larger.

    Returns:
        A derivation; the value is the sharpness of that minimum, for every epsilon. The parts are "curvature", the
        largest eigenvalue of its Hessian, which is not 0, and "sharper", the sign of what the largest sharpness of all
        exceeds the value by: 0, as no place is sharper.

    Examples:
        >>> sharpest_minimum().value
        1
    """
    e, x, y = sp.symbols("e x y", real=True)
    loss = 2 * e**2 / (1 + e**4)
    minimum = {x: _radius, y: 1 / _radius}
    hessian = sp.hessian(loss.subs(e, x * y - 1), (x, y)).subs(minimum).applyfunc(sp.cancel)
    curvature = 4 * (_radius**2 + 1 / _radius**2)
    sharpness = (loss.subs(e, -1) - loss.subs(e, 0)) / (1 + loss.subs(e, 0))
    most = sp.maximum((1 - _loss) / (1 + _loss), _loss, sp.Interval(0, sp.oo))
    return Derivation(
        "A minimum than which no place is sharper",
        sp.Eq(sp.Symbol("S"), sp.Integer(1)),
        (
            Step(
                "The loss is at most 1, and 1 where e^2 = 1.",
                Relation(1 - loss, "=", (1 - e**2) ** 2 / (1 + e**4)),
                "exact",
                shown=r"1 - \frac{2 e^2}{1 + e^4} = \frac{(1 - e^2)^2}{1 + e^4} \ge 0",
            ),
            Step(
                "It is 0 at e = 0 alone, with a positive curvature.",
                Relation(loss.diff(e, 2).subs(e, 0), "=", 4),
                "exact",
                shown=r"l(0) = 0, \quad l''(0) = 4",
            ),
            Step(
                "The minimum (epsilon, 1/epsilon) has the output 1;",
                Relation((x * y).subs(minimum), "=", 1),
                "exact",
                shown=r"\epsilon \cdot \epsilon^{-1} = 1",
            ),
            Step(
                "its Hessian is not 0:",
                Relation(hessian.trace(), "=", curvature),
                "exact",
                lambda: (hessian * sp.Matrix([1 / _radius, _radius]))[0] * _radius,
                shown=r"\lambda_1 = 4 \left(\epsilon^2 + \epsilon^{-2}\right)",
            ),
            Step(
                "the other eigenvalue is that of the orbit.",
                Relation(hessian.det(), "=", 0),
                "exact",
                shown=r"\lambda_2 = 0",
            ),
            Step(
                "At the distance epsilon lies (0, 1/epsilon), with the output 0, the error -1 and the loss",
                Relation(loss.subs(e, x * y - 1).subs({x: 0, y: 1 / _radius}), "=", 1),
                "exact",
                shown=r"l(-1) = 1",
            ),
            Step(
                "so that the sharpness is 1. None can be larger, at no place: (1 - L)/(1 + L) is at most 1.",
                Relation(sharpness, "=", 1),
                "exact",
                shown=r"S(\epsilon, \epsilon^{-1}) = 1 \ge S(\theta')",
            ),
            Step(
                "No place is sharper than this minimum, and none is by however little.",
                Relation(sp.sign(most - sharpness), "=", 0),
                "exact",
                shown=r"\mathrm{sgn}\left(\max_{L \ge 0} \frac{1 - L}{1 + L} - S(\epsilon, \epsilon^{-1})\right) = 0",
            ),
        ),
        Domain(epsilon=(0, sp.oo)),
        parts={
            "curvature": sp.Eq(sp.Symbol("lambda_1"), curvature),
            "sharper": sp.Eq(sp.Symbol("sign"), sp.sign(most - sharpness)),
        },
        titles={
            "curvature": "largest eigenvalue there",
            "sharper": "whether another place is sharper",
        },
        assumptions=("the balls are closed",),
        source=_SLIDE,
        shown={
            "result": r"S(\epsilon, \epsilon^{-1}) = 1 \ge S(\theta')",
            "curvature": r"\lambda_1 = 4 \left(\epsilon^2 + \epsilon^{-2}\right)",
            "sharper": r"\mathrm{sgn}\left(\max_{\theta'} S(\theta') - S(\epsilon, \epsilon^{-1})\right) = 0",
        },
    )


def reaching_scale(first_layer: Any, radius: float, *, fraction: float = 1.0) -> float:
    """Return alpha = c epsilon/|theta_1|, which brings a network of output 0 to the distance c epsilon.

    Args:
        first_layer: The weights of the first layer, in any shape, not all 0.
        radius: epsilon > 0.
        fraction: c > 0; 1 for closed balls, less for open ones.

    Raises:
        TypeError: If a number is none.
        ValueError: If the weights are empty, not finite or all 0, or a number or the scale is not positive and finite.

    Examples:
        >>> reaching_scale([[3.0, 4.0]], radius=0.1)
        0.02
    """
    weights = real_vector("first_layer", real_array("first_layer", first_layer).ravel())
    largest = float(abs(weights).max())
    if largest == 0:
        raise ValueError("first_layer must not be 0, because no rescaling changes it then.")
    unit = 2.0 ** min(math.frexp(largest)[1], 1023)  # of the size of the largest weight, whose square may overflow
    length = float(np.linalg.norm(weights / unit))
    scale = positive_number("fraction", fraction) * positive_number("radius", radius) / length / unit
    finite_result("the scale", scale)
    if scale == 0:
        raise ValueError(f"the scale must be > 0 in double precision, got 0 for the largest weight {largest:g}.")
    return scale
