r"""Critical points that are not global where units are many but their features are not independent.

Conventions: two data in the columns of X, outputs W_2 f(W_1 X) with weights w in W_1 and v in W_2, without biases; the
loss is the sum of squared residuals over 2N = 4.
"""

from functools import cache

import sympy as sp

from theory.derivation import Derivation, Step
from theory.domain import Domain
from theory.exact_two_layer import exact_rank
from theory.proof import Relation

__all__ = ["gradient_without_rank", "square_units_at_rest"]

_SOURCE = "Nguyen and Hein (2017), arXiv:1704.08045"


@cache
def gradient_without_rank() -> Derivation:
    r"""Derive that without independent features there is a critical point that is not global, all else being given.

    Two tanh units on two data, x = 1, 2 with labels 2c, -c: wide enough, output weights (1, 2) of full rank, slope 1.
    With first weights zero both features are zero and so is the gradient, at the loss

    .. math:: L = \frac{5 c^2}{4}.

    Returns:
        A derivation; the value is the loss there.

    Examples:
        >>> gradient_without_rank().at(c=2)
        5
    """
    c = sp.Symbol("c", positive=True)
    weights = sp.symbols("w_1 w_2 v_1 v_2", real=True)
    x, y = sp.Matrix([[1, 2]]), sp.Matrix([[2 * c, -c]])
    features = (sp.Matrix(weights[:2]) * x).applyfunc(sp.tanh)
    residual = sp.Matrix([weights[2:]]) * features - y
    loss = (residual * residual.T)[0] / 4
    point = dict(zip(weights, (0, 0, 1, 2), strict=True))
    fit = sp.Rational(1, 2), sp.Integer(1)
    t = sp.Symbol("t", positive=True)  # exp(1), in which tanh 1/2, 1 and 2 are rational
    values = [[_tanh_in(t, 2 * w * each) for each in x] for w in fit]
    return Derivation(
        "Without independent features a critical point need not be global",
        sp.Eq(sp.Symbol("L"), 5 * c**2 / 4),
        (
            Step(
                "The gradient is zero at first weights (0, 0) and output weights (1, 2),",
                Relation(sp.Matrix([loss.diff(weight).subs(point) for weight in weights]), "=", sp.zeros(4, 1)),
                "exact",
                shown=r"\nabla L = 0",
            ),
            Step(
                "because the labels are orthogonal to the inputs",
                Relation((y * x.T)[0], "=", 0),
                "exact",
                shown=r"Y X^{T} = 2 c \cdot 1 - c \cdot 2 = 0",
            ),
            Step(
                "and the features are zero: of rank 0 and not 2, though there are two units.",
                Relation(features.subs(point), "=", sp.zeros(2, 2)),
                "exact",
                shown=r"F = \tanh(W_1 X) = 0",
            ),
            Step(
                "The slopes are not zero.",
                Relation(sp.tanh(weights[0]).diff(weights[0]).subs(point), "=", 1),
                "exact",
                shown=r"\tanh' 0 = 1",
            ),
            Step(
                "The loss there is",
                Relation(loss.subs(point), "=", 5 * c**2 / 4),
                "exact",
                shown=r"L = \frac{5 c^2}{4}",
            ),
            Step(
                "It is not the least one: with first weights (1/2, 1) the features are independent, so that some "
                "output weights fit. Less their determinant, with t = e:",
                Relation(0, "<", sp.factor(-sp.Matrix(values).det())),
                "exact",
                shown=r"\tanh^2 1 - \tanh \frac{1}{2} \tanh 2 > 0",
                domain=Domain(t=(1, sp.oo)),
            ),
        ),
        Domain(c=(0, sp.oo), t=(1, sp.oo)),
        source=f"{_SOURCE}, on the rank of the features",
        shown={"result": r"L = \frac{5 c^2}{4}"},
    )


@cache
def square_units_at_rest() -> Derivation:
    r"""Derive that square units have critical points with weights of full rank that are not global, at any width.

    Inputs e_1, e_2 of five, three square units at e_3, e_4, e_5, output weights (1, 1, 1): W_1 and W_2 have full rank
    and there are more units than data, but all units and their slopes are zero, and with them outputs and gradient.

    .. math:: L = \frac{y_1^2 + y_2^2}{4}

    Returns:
        A derivation; the value is the loss there, the part "least" that of a fit.

    Examples:
        >>> square_units_at_rest().at(y_1=2, y_2=4)
        5
    """
    labels = sp.symbols("y_1 y_2", positive=True)
    first = sp.Matrix(3, 5, sp.symbols("w_1:16", real=True))
    second = sp.Matrix(1, 3, sp.symbols("v_1:4", real=True))
    x = sp.eye(5)[:, :2]
    residual = second * (first * x).applyfunc(lambda z: z**2) - sp.Matrix([labels])
    loss = sp.expand((residual * residual.T)[0] / 4)
    weights = [*first, *second]
    resting = (sp.eye(5)[2:, :], sp.ones(1, 3))
    fitted = (sp.eye(5)[:3, :], sp.Matrix([[*labels, 1]]))
    at_rest, at_fit = (dict(zip(weights, (*one, *other), strict=True)) for one, other in (resting, fitted))
    least = sum(label**2 for label in labels) / 4
    return Derivation(
        "Square units have critical points of full rank that are not global",
        sp.Eq(sp.Symbol("L"), least),
        (
            Step(
                "The weights have full rank, three and one.",
                Relation(sp.Tuple(*(sp.Integer(exact_rank(matrix)) for matrix in resting)), "=", sp.Tuple(3, 1)),
                "exact",
                shown=r"\mathrm{rank}\, W_1 = 3, \quad \mathrm{rank}\, W_2 = 1",
            ),
            Step(
                "All eighteen derivatives of the loss are zero there,",
                Relation(sp.Matrix([loss.diff(weight).subs(at_rest) for weight in weights]), "=", sp.zeros(18, 1)),
                "exact",
                shown=r"\nabla L = 0",
            ),
            Step(
                "where the loss is",
                Relation(loss.subs(at_rest), "=", least),
                "exact",
                shown=r"L = \frac{y_1^2 + y_2^2}{4}",
            ),
            Step(
                "With units e_1, e_2, e_3 and output weights y_1, y_2, 1, of full rank too, it is zero.",
                Relation(loss.subs(at_fit), "=", 0),
                "exact",
                shown=r"L(e_1, e_2, e_3; \, y_1, y_2, 1) = 0",
            ),
        ),
        Domain(y_1=(0, sp.oo), y_2=(0, sp.oo)),
        parts={"least": sp.Eq(sp.Symbol("L_least"), sp.Integer(0))},
        titles={
            "least": "loss of a fit",
        },
        source=f"{_SOURCE}, whose activations increase strictly",
        shown={"result": r"L = \frac{y_1^2 + y_2^2}{4}", "least": r"\min L = 0"},
    )


def _tanh_in(base: sp.Expr, twice: sp.Expr) -> sp.Expr:
    """Tanh of half a number, in powers of the base that stands for e."""
    return (base**twice - 1) / (base**twice + 1)
