r"""The step of adaptive sharpness-aware minimisation, measured relative to the weights.

Conventions: g is the gradient of L at theta, in two weights. ASAM measures a step epsilon by |T^-1 epsilon| with
T = diag(|theta_i|) and takes the worst one of length rho to first order. A rescaling (theta_1, theta_2) ->
(t theta_1, s theta_2) that changes no loss divides the gradient by t and s.
"""

from functools import cache

import sympy as sp

from theory.derivation import Derivation, Step
from theory.domain import Domain
from theory.proof import Relation

__all__ = ["asam_objective"]

_radius, _rate = sp.symbols("rho eta", positive=True)


@cache
def asam_objective() -> Derivation:
    r"""Derive ASAM's step and its objective, and that a rescaling of the weights does not change the objective.

    .. math:: \hat\epsilon = \rho \frac{T^2 g}{|T g|}, \qquad L(\theta + \hat\epsilon) = L + \rho |T g| + O(\rho^2),
              \qquad T = \mathrm{diag}(|\theta_i|)

    Returns:
        A derivation in two weights; the value is |T g|, the rise at first order over rho. The part "rescaled" is the
        first component of the step after theta_1 -> t theta_1.

    Examples:
        >>> asam_objective().evidence
        'exact'
    """
    x, y, u, v, scale, other = sp.symbols("theta_1 theta_2 u v t s", positive=True)
    g1, g2 = sp.symbols("g_1 g_2", positive=True)

    def length(w1: sp.Expr, w2: sp.Expr, h1: sp.Expr, h2: sp.Expr) -> sp.Expr:
        return sp.sqrt((w1 * h1) ** 2 + (w2 * h2) ** 2)

    def step(w1: sp.Expr, w2: sp.Expr, h1: sp.Expr, h2: sp.Expr) -> sp.Matrix:
        return _radius * sp.Matrix([w1**2 * h1, w2**2 * h2]) / length(w1, w2, h1, h2)

    plain, moved = step(x, y, g1, g2), step(scale * x, other * y, g1 / scale, g2 / other)
    rise = length(x, y, g1, g2)
    return Derivation(
        "ASAM's objective is the same after a rescaling of the weights",
        sp.Eq(sp.Symbol("N_T"), rise),
        (
            Step(
                "With u = T^-1 epsilon the rise at first order is (T g) u, largest along T g by the identity of "
                "Lagrange:",
                Relation(
                    ((x * g1) ** 2 + (y * g2) ** 2) * (u**2 + v**2) - (g1 * x * u + g2 * y * v) ** 2,
                    "=",
                    (x * g1 * v - y * g2 * u) ** 2,
                ),
                "exact",
                shown=r"|T g|^2 |u|^2 - (g \cdot T u)^2 = (\theta_1 g_1 u_2 - \theta_2 g_2 u_1)^2",
            ),
            Step(
                "the step has the length rho in that measure",
                Relation(plain[0] ** 2 / x**2 + plain[1] ** 2 / y**2, "=", _radius**2),
                "exact",
                shown=r"|T^{-1} \hat{\epsilon}|^2 = \rho^2",
            ),
            Step(
                "and the rise rho |T g|.",
                Relation((g1 * plain[0] + g2 * plain[1]) / _radius, "=", rise),
                "exact",
                shown=r"g \cdot \hat{\epsilon} = \rho |T g|",
            ),
            Step(
                "A rescaling multiplies a weight by t and its derivative by 1/t: the rise is the same,",
                Relation(length(scale * x, other * y, g1 / scale, g2 / other), "=", rise),
                "exact",
                shown=r"|T' g'| = |T g|",
            ),
            Step(
                "and the step is rescaled like the weights, so that the loss uphill is the same to every order.",
                Relation(moved, "=", sp.diag(scale, other) * plain),
                "exact",
                shown=r"\hat{\epsilon}' = \mathrm{diag}(t, s) \, \hat{\epsilon}, \quad"
                r" \theta' + \hat{\epsilon}' = \mathrm{diag}(t, s) (\theta + \hat{\epsilon})",
            ),
            Step(
                "Its first component.",
                Relation(moved[0], "=", scale * plain[0]),
                "exact",
                shown=r"\hat{\epsilon}_1' = t \, \hat{\epsilon}_1",
            ),
            Step(
                "SAM's own rise is not: (g_1, g_2) = (1, 1) and t = 2, s = 1/2.",
                Relation(sp.sqrt(sp.Rational(1, 4) + 4), "!=", sp.sqrt(2)),
                "exact",
                shown=r"\sqrt{2^{-2} + 2^2} \neq \sqrt{1 + 1}",
            ),
            Step(
                "Nor is the way: the gradient of an objective that is the same still is divided by t, so that a step "
                "of descent is not the old one, rescaled: t - eta g/t in place of t (1 - eta g), theta being 1.",
                Relation(scale - _rate * g1 / scale, "!=", scale * (1 - _rate * g1)),
                "exact",
                shown=r"t \theta - \eta \frac{g}{t} \neq t (\theta - \eta g) \quad (t > 1)",
                domain=Domain(t=(1, sp.oo), eta=(0, sp.oo), g_1=(0, sp.oo)),
            ),
        ),
        Domain(
            rho=(0, sp.oo),
            theta_1=(0, sp.oo),
            theta_2=(0, sp.oo),
            g_1=(0, sp.oo),
            g_2=(0, sp.oo),
            t=(0, sp.oo),
            s=(0, sp.oo),
            u=(0, sp.oo),
            v=(0, sp.oo),
        ),
        parts={"rescaled": sp.Eq(sp.Symbol("e_1"), scale * plain[0])},
        titles={
            "rescaled": "ascent step after rescaling",
        },
        assumptions=(
            "the rescaling changes no loss: L(t theta_1, s theta_2) = L(theta_1, theta_2)",
            "no weight is 0 and none is shifted: the stabiliser of practice, |theta_i| + c, breaks the symmetry",
        ),
        source="Kwon, Kim, Park and Choi (2021), ASAM, arXiv:2102.11600",
        shown={
            "result": r"\frac{1}{\rho} \, g \cdot \hat{\epsilon} = |T g|",
            "rescaled": r"\hat{\epsilon}_1' = t \, \hat{\epsilon}_1",
        },
    )
