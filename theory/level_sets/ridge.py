r"""Weight decay and depth: at three layers the origin is a strict local minimum that is not global.

Conventions: scalar linear networks, loss (w_K ... w_1 - y)^2 + kappa (w_1^2 + ... + w_K^2), y > 0, kappa > 0.
"""

from functools import cache

import sympy as sp

from theory.derivation import Derivation, Step
from theory.domain import Domain
from theory.proof import Relation

__all__ = ["ridge_with_three_layers"]


@cache
def ridge_with_three_layers() -> Derivation:
    r"""Derive that a linear network of three layers with weight decay has a strict local minimum at 0 of value y^2.

    It is not global if kappa < y^(4/3)/3. With two layers the origin is a saddle as soon as kappa < y. So "every local
    minimum is global" holds at any depth without weight decay, but with it for two layers only.

    Returns:
        A derivation; the value is the loss at the origin. The parts are the "curvature" there, twice kappa in every
        direction, and the "lowest direction" of two layers.

    Examples:
        >>> ridge_with_three_layers().at(y=2), ridge_with_three_layers().parts["curvature"].rhs
        (4, 2*kappa)

    References:
        Freeman and Bruna (2017), arXiv:1611.01540, section 2, for two layers.
    """
    y, kappa, c, gap = sp.symbols("y kappa c delta", positive=True)
    weights = sp.symbols("w_1 w_2 w_3", real=True)
    origin = dict.fromkeys(weights, 0)
    square = sum((w**2 for w in weights), sp.Integer(0))
    three = (sp.Mul(*weights) - y) ** 2 + kappa * square
    two = (weights[0] * weights[1] - y) ** 2 + kappa * (weights[0] ** 2 + weights[1] ** 2)
    diagonal = three.subs(dict.fromkeys(weights, c))
    low = diagonal.subs({y: c**3, kappa: c**4 / (3 + gap)})
    ones = sp.Matrix([1, 1])
    return Derivation(
        "A strict local minimum of a linear network with weight decay",
        sp.Eq(sp.Symbol("L_0"), y**2),
        (
            Step(
                "At 0 the gradient vanishes,",
                Relation(sp.Matrix([three.diff(w).subs(origin) for w in weights]), "=", sp.zeros(3, 1)),
                "exact",
                shown=r"\nabla L = 0",
            ),
            Step(
                "the product of three weights has no second derivatives, and the Hessian is that of the decay:",
                Relation(sp.hessian(three, weights).subs(origin), "=", 2 * kappa * sp.eye(3)),
                "exact",
                shown=r"H = 2 \kappa \, 1",
            ),
            Step(
                "positive definite, so that the origin is a strict local minimum:",
                Relation(sp.hessian(three, weights).subs(origin)[0, 0], "=", 2 * kappa),
                "exact",
                shown=r"\lambda = 2 \kappa > 0",
            ),
            Step("of value", Relation(three.subs(origin), "=", y**2), "exact", shown=r"L(0) = y^2"),
            Step(
                "It is not global: at w_1 = w_2 = w_3 = c = y^(1/3) the loss is 3 kappa c^2, less than y^2 = c^6 for "
                "kappa < c^4/3.",
                Relation(low, "<", c**6),
                "exact",
                shown=r"3 \kappa y^{2/3} < y^2, \quad \kappa < \frac{y^{4/3}}{3}",
            ),
            Step(
                "The other critical points with equal weights solve c (c^3 - y) + kappa = 0.",
                Relation(diagonal.diff(c), "=", 6 * c * (c * (c**3 - y) + kappa)),
                "exact",
                shown=r"L'(c) = 6 c \left(c (c^3 - y) + \kappa\right)",
            ),
            Step(
                "With two layers the Hessian at 0 has the direction (1, 1) with the eigenvalue",
                Relation(sp.hessian(two, weights[:2]).subs(origin) * ones, "=", (2 * kappa - 2 * y) * ones),
                "exact",
                shown=r"2 \kappa - 2 y",
            ),
            Step(
                "negative for kappa < y (kappa = y - delta):",
                Relation(((ones.T * sp.hessian(two, weights[:2]).subs(origin) * ones)[0]) / 2, "=", 2 * kappa - 2 * y),
                "exact",
                shown=r"\frac{1}{2} (1, 1) H (1, 1)^{T} = 2 \kappa - 2 y",
            ),
            Step(
                "a saddle.",
                Relation((2 * kappa - 2 * y).subs(y, kappa + gap), "<", 0),
                "exact",
                shown=r"2 \kappa - 2 y < 0",
            ),
        ),
        Domain(y=(0, sp.oo), kappa=(0, sp.oo), c=(0, sp.oo), delta=(0, sp.oo)),
        parts={
            "curvature": sp.Eq(sp.Symbol("lambda"), 2 * kappa),
            "lowest direction": sp.Eq(sp.Symbol("lambda_2"), 2 * kappa - 2 * y),
        },
        titles={
            "curvature": "curvature at the origin",
            "lowest direction": "lowest curvature of two layers",
        },
        source="Freeman and Bruna (2017), arXiv:1611.01540",
        shown={
            "result": r"L(0) = y^2",
            "curvature": r"\lambda = 2 \kappa",
            "lowest direction": r"\lambda_{\min} = 2 \kappa - 2 y",
        },
    )
