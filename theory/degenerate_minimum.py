r"""Near a degenerate minimum the Hessian may have negative eigenvalues.

Conventions: L = (u v - 1)^2, a two-layer network of two weights on one sample, without a factor 1/2.
"""

from functools import cache

import sympy as sp

from theory.derivation import Derivation, Step
from theory.domain import Domain
from theory.proof import Relation

__all__ = ["minimum_neighbourhood"]


@cache
def minimum_neighbourhood() -> Derivation:
    r"""Derive a counterexample: arbitrarily near a global minimum the Hessian has a negative eigenvalue.

    For L = (u v - 1)^2, a two-layer net with one unit and one sample, at (1 + t, 1 + t):

    .. math:: \lambda_{\min} = -4 t - 2 t^2 < 0 \quad (t > 0)

    Returns:
        A derivation on 0 < t.

    Examples:
        >>> minimum_neighbourhood().at(t="1/100")
        -201/5000
    """
    u, w = sp.symbols("u v", real=True)
    t = sp.Symbol("t", positive=True)
    loss = (u * w - 1) ** 2
    hessian = sp.ImmutableMatrix(sp.hessian(loss, (u, w)).subs({u: 1 + t, w: 1 + t}))
    vector, other = sp.ImmutableMatrix([1, -1]), sp.ImmutableMatrix([1, 1])
    least = sp.expand((vector.T * hessian * vector)[0] / 2)
    largest = sp.expand((other.T * hessian * other)[0] / 2)

    return Derivation(
        "Near a minimum the Hessian may have a negative eigenvalue",
        sp.Eq(sp.Symbol("lambda_min"), -4 * t - 2 * t**2),
        (
            Step(
                "At t = 0 the loss and its gradient vanish: a global minimum.",
                Relation(sp.Tuple(loss, loss.diff(u), loss.diff(w)).subs({u: 1, w: 1}), "=", sp.Tuple(0, 0, 0)),
                "exact",
                shown=r"L = 0, \quad \nabla L = 0 \quad \text{at} \quad u = v = 1",
            ),
            Step("(1, -1) is an eigenvector.", Relation(hessian * vector, "=", least * vector), "exact"),
            Step("(1, 1) is the other.", Relation(hessian * other, "=", largest * other), "exact"),
            Step(
                "The eigenvalue of the first.",
                Relation(least, "=", -4 * t - 2 * t**2),
                "exact",
                lambda: hessian.det() / largest,
                shown=r"\lambda = \frac{1}{2} (1, -1) H (1, -1)^T = -4 t - 2 t^2",
            ),
            Step("It is the lesser one.", Relation(least, "<", largest), "exact"),
            Step("It is negative for every t > 0.", Relation(least, "<", 0), "exact"),
            Step(
                "It tends to 0 with t, as do the point and the loss.",
                Relation(sp.Tuple(sp.limit(least / t, t, 0), sp.limit(largest, t, 0)), "=", sp.Tuple(-4, 4)),
                "exact",
                shown=r"\frac{\lambda}{t} \to -4, \quad \lambda' \to 4 \quad (t \to 0)",
            ),
        ),
        Domain(t=(0, sp.oo)),
        source="Oxford C6.5, lecture 9, last slide, corrected",
    )
