r"""The Jacobian of softmax, as steps that several derivations share.

Conventions: three outputs o_j, p_j = e^(b o_j)/sum_k e^(b o_k), b = 1/T the inverse temperature; e_j = e^(b o_j), by
which d/do_j is b e_j d/de_j.
"""

import sympy as sp

from theory.derivation import Step
from theory.proof import Relation

__all__ = ["DIRECTION", "EXPONENTIALS", "softmax_form", "softmax_jacobian_steps"]

EXPONENTIALS = sp.symbols("e_1:4", positive=True)
DIRECTION = sp.symbols("v_1:4", real=True)
_TOTAL = sp.Add(*EXPONENTIALS)


def softmax_form(b: sp.Expr) -> sp.Expr:
    """Return the quadratic form of the Jacobian, a sum of squares of differences, in e_j and the direction v."""
    pairs = ((0, 1), (0, 2), (1, 2))
    squares = (EXPONENTIALS[i] * EXPONENTIALS[j] * (DIRECTION[i] - DIRECTION[j]) ** 2 for i, j in pairs)
    return b * sp.Add(*squares) / _TOTAL**2


def softmax_jacobian_steps(b: sp.Expr, lead: str) -> tuple[Step, Step, Step]:
    """Return the steps that derive the Jacobian of softmax, its quadratic form and its kernel.

    Args:
        b: The inverse temperature, positive.
        lead: The sentence before the Jacobian.

    Returns:
        Steps on the domain e_j > 0.
    """
    p = sp.Matrix([unit / _TOTAL for unit in EXPONENTIALS])
    jacobian = sp.Matrix(3, 3, lambda i, j: b * EXPONENTIALS[j] * p[i].diff(EXPONENTIALS[j]))
    direction = sp.Matrix(DIRECTION)
    factor, entry = ("", r"p_i \delta_{ij} - p_i p_j")
    if b != 1:
        factor = sp.latex(b) + " "
        entry = rf"{factor}\left({entry}\right)"
    return (
        Step(
            lead,
            Relation(jacobian, "=", b * (sp.diag(*p) - p * p.T)),
            "exact",
            shown=rf"\frac{{\partial p_i}}{{\partial o_j}} = {entry}",
        ),
        Step(
            "whose quadratic form is a sum of squares, zero for equal shifts alone:",
            Relation((direction.T * jacobian * direction)[0], "=", softmax_form(b)),
            "exact",
            shown=rf"v^{{T}} J v = {factor}\sum_{{i < j}} p_i p_j (v_i - v_j)^2",
        ),
        Step(
            "these it takes to zero.",
            Relation(jacobian * sp.ones(3, 1), "=", sp.zeros(3, 1)),
            "exact",
            shown=r"J (1, 1, 1) = 0",
        ),
    )
