r"""What gradient flow of quadratic units conserves, as steps that several derivations share.

Conventions: outputs sum_j u_j (w_j . x)^2; gradient flow moves every weight with minus its derivative of the loss.
"""

import sympy as sp

from theory.derivation import Step
from theory.proof import Relation

__all__ = ["conserved_difference_steps"]


def conserved_difference_steps() -> tuple[Step, Step]:
    """Return the steps that derive that 2 u^2 - |w|^2 stays constant for every unit, whatever the loss.

    They hold for every loss that is a function of the outputs; two inputs are written out.

    References:
        Du, Hu and Lee (2018), arXiv:1806.00900.
    """
    u, x_1, x_2, w_1, w_2 = sp.symbols("u x_1 x_2 w_1 w_2", real=True)
    output = u * (w_1 * x_1 + w_2 * x_2) ** 2
    inner = w_1 * output.diff(w_1) + w_2 * output.diff(w_2)
    return (
        Step(
            "A unit is homogeneous: of degree one in u and of degree two in w. So for every loss that is a function of "
            "the outputs",
            Relation(2 * u * output.diff(u), "=", sp.expand(inner)),
            "exact",
            shown=r"2 u \, \frac{\partial L}{\partial u} = w \cdot \frac{\partial L}{\partial w}",
        ),
        Step(
            "and the flow conserves 2 u^2 - |w|^2:",
            Relation(4 * u * output.diff(u) - 2 * inner, "=", 0),
            "exact",
            shown=r"\frac{d}{dt} (2 u^2 - |w|^2) = 0",
        ),
    )
