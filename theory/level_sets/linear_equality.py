r"""The equality case of the condition on linear networks: a hidden layer exactly as wide as min(n_0, n_L).

Conventions: scalar networks, w_2 w_1 with one hidden unit, loss (w_2 w_1 - y)^2 without a half, y > 0.
"""

from functools import cache

import sympy as sp

from theory.derivation import Derivation, Step
from theory.domain import Domain
from theory.linear_network.barrier import minimiser_barrier
from theory.proof import Relation

__all__ = ["linear_equality_case"]


@cache
def linear_equality_case() -> Derivation:
    r"""Derive that n_1 = min(n_0, n_2) leaves sublevel sets disconnected, and the exact barrier, for scalar networks.

    .. math:: \min_{\text{paths}} \max_{\text{path}} (w_2 w_1 - y)^2 = y^2

    between w_1 > 0 and w_1 < 0; one more unit removes it. For larger networks see
    `theory.linear_network.minimiser_barrier`, of which this is an instance.

    Returns:
        A derivation; the value is the barrier.

    Examples:
        >>> linear_equality_case().at(y=3)
        9

    References:
        Freeman and Bruna (2017), arXiv:1611.01540, proposition 2.2, prints n_l >= min(n_0, n_L).
    """
    y, tau = sp.symbols("y tau", positive=True)
    first, second = sp.symbols("w_1 w_2", real=True)
    loss = (second * first - y) ** 2
    root = sp.sqrt(y)
    along = loss.subs({first: tau * root, second: tau * root})
    cosine, sine = (1 - tau**2) / (1 + tau**2), 2 * tau / (1 + tau**2)
    general = minimiser_barrier().parts["no further direction"].rhs
    singular = next(iter(general.free_symbols))
    return Derivation(
        "A linear network whose hidden layer is as wide as min(n_0, n_2), and no wider",
        sp.Eq(sp.Symbol("barrier"), y**2),
        (
            Step(
                "The loss is 0 at both signs of the weights.",
                Relation(
                    sp.Tuple(*(loss.subs({first: s * root, second: s * root}) for s in (1, -1))), "=", sp.Tuple(0, 0)
                ),
                "exact",
                shown=r"(\pm \sqrt y \cdot \pm \sqrt y - y)^2 = 0",
            ),
            Step(
                "A path that changes the sign of w_1 passes w_1 = 0, where the loss does not depend on w_2:",
                Relation(loss.subs(first, 0), "=", y**2),
                "exact",
                shown=r"(w_2 \cdot 0 - y)^2 = y^2",
            ),
            Step(
                "A path attains it: on w_1 = w_2 = tau sqrt y, 0 < tau < 1, the loss is lower.",
                Relation(along, "<", y**2),
                "exact",
                shown=r"y^2 (1 - \tau^2)^2 < y^2",
                domain=Domain(y=(0, sp.oo), tau=(0, 1)),
            ),
            Step(
                "The general barrier, with a half in the loss and the one singular value y, says the same.",
                Relation(2 * general.subs(singular, y), "=", y**2),
                "exact",
                shown=r"2 \cdot \frac{y^2}{2} = y^2",
            ),
            Step(
                "With a second hidden unit the weights turn at loss 0 from one sign to the other: w_1 = w_2 = sqrt y "
                "(cos, sin).",
                Relation((root * cosine) ** 2 + (root * sine) ** 2, "=", y),
                "exact",
                shown=r"y \cos^2 + y \sin^2 = y",
            ),
        ),
        Domain(y=(0, sp.oo), tau=(0, sp.oo)),
        assumptions=("no biases; without weight decay",),
        source="Freeman and Bruna (2017), arXiv:1611.01540, proposition 2.2",
        shown={"result": r"\mathrm{barrier} = y^2"},
    )
