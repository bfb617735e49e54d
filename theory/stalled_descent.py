r"""Gradient flow of quadratic units that cannot reach a global minimum, whatever their number.

Conventions: outputs sum_j u_j (w_j . x)^2, squared errors on examples (x, target), gradient flow on all weights. Units
are *positive* at the start if u_j > 0 and 2 u_j^2 > |w_j|^2.

For every unit 2 u_j^2 - |w_j|^2 stays what it is at the start. Positive units keep u_j > 0: their outputs never become
negative, and an example with the target -y costs at least y^2 for ever, at any width, although from n units on (n
inputs) a path on which the loss never rises leads from every parameter to a global minimum.

One unit on one input, L = (u w^2 + y)^2 with y > 0, arrives from all other starts with w != 0. With e = u w^2 + y,
de/dt = -2 e (w^4 + 4 u^2 w^2), and w^2 stays away from 0: by conservation if 2 u^2 < w^2; if u < 0 and e > 0 because
w^2 grows; if u < 0 and e < 0 because |u| w^2 > y while |u| falls.
"""

from functools import cache

import sympy as sp

from theory.conserved_difference import conserved_difference_steps
from theory.derivation import Derivation, Step
from theory.domain import Domain
from theory.proof import Relation

__all__ = ["positive_units_floor"]


@cache
def positive_units_floor() -> Derivation:
    r"""Derive what positive quadratic units cost for ever on an example with a negative target.

    .. math:: L \ge y^2 \text{ at all times}, \qquad
              P(\text{one unit on one input stalls}) = \frac{1}{\pi} \arctan \sqrt 2

    for weights that start as two independent normal numbers of mean 0 and one variance.

    Returns:
        A derivation; the value is the floor, the part "share" the probability of starts that never arrive.

    Examples:
        >>> print(positive_units_floor().at(part="share", digits=6))
        0.304087

    References:
        Venturi, Bandeira and Bruna (2019), arXiv:1802.06384, on quadratic units; Du, Hu and Lee (2018),
        arXiv:1806.00900, on what gradient flow conserves.
    """
    u, w = sp.symbols("u w", real=True)
    y, t, angle = sp.symbols("y t phi", positive=True)
    error = u * w**2 + y
    one = error**2
    speed = -sum(one.diff(weight) * error.diff(weight) for weight in (u, w))
    share = sp.atan(sp.sqrt(2)) / sp.pi
    return Derivation(
        "What positive quadratic units cost for ever",
        sp.Eq(sp.Symbol("floor"), y**2),
        (
            *conserved_difference_steps(),
            Step(
                "If that is positive, u never passes 0, where it would be",
                Relation((2 * u**2 - w**2).subs(u, 0), "=", -(w**2)),
                "exact",
                shown=r"-|w|^2 \le 0",
            ),
            Step(
                "So u > 0 for ever, outputs t are not negative, and an example with target -y costs more than",
                Relation(y**2, "<", (t + y) ** 2),
                "exact",
                shown=r"(t + y)^2 > y^2",
            ),
            Step(
                "which is approached where w tends to 0:",
                Relation(one.subs(w, 0), "=", y**2),
                "exact",
                shown=r"\lim L = y^2",
            ),
            Step(
                "One unit on one input: the error e = u w^2 + y changes by",
                Relation(speed, "=", -2 * error * (w**4 + 4 * u**2 * w**2)),
                "exact",
                shown=r"\dot e = -2 e (w^4 + 4 u^2 w^2)",
            ),
            Step(
                "so that from all starts from which w^2 stays away from 0 it tends to 0; the others have u > 0 and "
                "w^2 < 2 u^2: directions within an angle of the axis of u with",
                Relation(sp.tan(sp.atan(sp.sqrt(2))) ** 2, "=", 2),
                "exact",
                shown=r"\tan^2 \varphi = 2",
            ),
            Step(
                "The direction of two normal numbers is uniform, and the share of those directions",
                Relation(sp.integrate(1 / (2 * sp.pi), (angle, -sp.atan(sp.sqrt(2)), sp.atan(sp.sqrt(2)))), "=", share),
                "exact",
                shown=r"\frac{2 \arctan \sqrt 2}{2 \pi} = \frac{\arctan \sqrt 2}{\pi}",
            ),
        ),
        Domain(y=(0, sp.oo), t=(0, sp.oo)),
        parts={"share": sp.Eq(sp.Symbol("P"), share)},
        titles={
            "share": "probability of starts that never arrive",
        },
        source="Venturi, Bandeira and Bruna (2019), arXiv:1802.06384, on quadratic units; Du, Hu and Lee (2018), "
        "arXiv:1806.00900, on what gradient flow conserves",
        shown={"result": r"L \ge y^2", "share": r"P = \frac{\arctan \sqrt 2}{\pi}"},
    )
