r"""Softmax as an arg max that can be differentiated, and the sigmoid as its case of two outputs.

Conventions: outputs o_j, temperature T > 0, b = 1/T, and p_j = e^(b o_j)/sum_k e^(b o_k). The softmax of a classifier
has b = 1. The derivations are for three outputs, the first of which exceeds the others by d_2 > 0 and d_3 > 0, unless
said.
"""

from functools import cache

import sympy as sp

from theory.classifier.softmax_jacobian import softmax_form, softmax_jacobian_steps
from theory.derivation import Derivation, Step
from theory.domain import Domain
from theory.proof import Relation

__all__ = ["logistic_unit", "softmax_at_temperature"]

_b, _second, _third = sp.symbols("b d_2 d_3", positive=True)
_u, _v = sp.symbols("u v", positive=True)  # e^(-b d_2) and e^(-b d_3)


@cache
def softmax_at_temperature() -> Derivation:
    r"""Derive how softmax tends to the arg max as the temperature falls, and its Jacobian.

    .. math:: p_1 = \frac{1}{1 + e^{-b d_2} + e^{-b d_3}}, \qquad
        \frac{\partial p_i}{\partial o_j} = b (p_i \delta_{ij} - p_i p_j)

    The quadratic form of the Jacobian is a sum of squares of differences: it is positive semidefinite, and its kernel
    are the equal shifts of all outputs.

    Returns:
        A derivation; the value is the probability of the largest output. Parts: "cold" and "hot" are its limits at the
        temperatures 0 and infinity, "tie" is its cold limit if the second output is as large, "form" the quadratic
        form of the Jacobian in e_j = e^(b o_j) and the direction v.

    Examples:
        >>> print(softmax_at_temperature().at(b=1, d_2=1, d_3=2, digits=6))
        0.665241
    """
    largest = sp.Symbol("o_1", real=True)
    shift = sp.Symbol("s", real=True)
    outputs = (largest, largest - _second, largest - _third)
    raised = [sp.expand(sp.exp(sp.expand(_b * o)), power_exp=True) for o in outputs]
    shifted = [sp.expand(sp.exp(sp.expand(_b * (o + shift))), power_exp=True) for o in outputs]
    value = 1 / (1 + sp.exp(-_b * _second) + sp.exp(-_b * _third))
    tied = 1 / (2 + sp.exp(-_b * _third))
    return Derivation(
        "Softmax at a temperature",
        sp.Eq(sp.Symbol("p_1"), value),
        (
            Step(
                "Adding one number to all outputs changes no probability;",
                Relation(shifted[0] / sp.Add(*shifted), "=", raised[0] / sp.Add(*raised)),
                "exact",
                shown=r"\frac{e^{b (o_j + s)}}{\sum_k e^{b (o_k + s)}} = \frac{e^{b o_j}}{\sum_k e^{b o_k}}",
            ),
            Step(
                "so that the probability of the largest output depends on its leads alone,",
                Relation(raised[0] / sp.Add(*raised), "=", value),
                "exact",
                shown=r"\frac{e^{b o_1}}{\sum_k e^{b o_k}} = \frac{1}{1 + e^{-b d_2} + e^{-b d_3}}",
            ),
            Step(
                "and that of the others together is less than the sum of their e^(-b d_j).",
                Relation(1 - 1 / (1 + _u + _v), "<", _u + _v),
                "exact",
                shown=r"1 - p_1 < e^{-b d_2} + e^{-b d_3}",
            ),
            Step(
                "At falling temperature p tends to the indicator of the largest output,",
                Relation(1 - sp.limit(sp.exp(-_b * _second) + sp.exp(-_b * _third), _b, sp.oo), "=", sp.Integer(1)),
                "exact",
                lambda: sp.limit(value.subs({_second: 1, _third: 2}), _b, sp.oo),
                shown=r"\lim_{b \to \infty} p_1 = 1",
            ),
            Step(
                "at rising temperature to equal shares.",
                Relation(sp.limit(value, _b, 0), "=", sp.Rational(1, 3)),
                "exact",
                lambda: value.subs(_b, 0),
                shown=r"\lim_{b \to 0} p_1 = \frac{1}{3}",
            ),
            Step(
                "Two equal largest outputs share.",
                Relation(sp.limit(tied.subs(_third, 1), _b, sp.oo), "=", sp.Rational(1, 2)),
                "exact",
                lambda: 1 / (1 + 1 + sp.limit(_u, _u, 0)),
                shown=r"\lim_{b \to \infty} \frac{1}{1 + 1 + e^{-b d_3}} = \frac{1}{2}",
            ),
            *softmax_jacobian_steps(_b, "The probabilities are differentiable, with the Jacobian"),
        ),
        Domain(
            b=(0, sp.oo),
            d_2=(0, sp.oo),
            d_3=(0, sp.oo),
            u=(0, sp.oo),
            v=(0, sp.oo),
            e_1=(0, sp.oo),
            e_2=(0, sp.oo),
            e_3=(0, sp.oo),
        ),
        parts={
            "cold": sp.Eq(sp.Symbol("p_cold"), sp.Integer(1)),
            "hot": sp.Eq(sp.Symbol("p_hot"), sp.Rational(1, 3)),
            "tie": sp.Eq(sp.Symbol("p_tie"), sp.Rational(1, 2)),
            "form": sp.Eq(sp.Symbol("Q"), softmax_form(_b)),
        },
        assumptions=("three outputs",),
        source="Edinburgh, Machine Learning Theory, slide on softmax",
        shown={
            "cold": r"\lim_{b \to \infty} p_1 = 1",
            "hot": r"\lim_{b \to 0} p_1 = \frac{1}{3}",
            "tie": r"\lim_{b \to \infty} p_1 = \frac{1}{2} \quad (d_2 = 0)",
            "form": r"v^{T} J v = b \sum_{i < j} p_i p_j (v_i - v_j)^2",
        },
    )


@cache
def logistic_unit() -> Derivation:
    r"""Derive the sigmoid as the softmax of the two outputs x and 0, and that it increases.

    .. math:: \sigma(x) = \frac{e^x}{e^x + e^0} = \frac{1}{1 + e^{-x}}, \qquad \sigma' = \sigma (1 - \sigma)

    Returns:
        A derivation; the value is the sigmoid at x. Parts: "slope" is its derivative, "high" its limit at infinity.

    Examples:
        >>> logistic_unit().at(x=0), logistic_unit().at(part="slope", x=0)
        (1/2, 1/4)
    """
    x = sp.Symbol("x", real=True)
    raised = sp.Symbol("e", positive=True)  # e^x, by which d/dx is e d/de
    sigmoid = 1 / (1 + sp.exp(-x))
    slope = sp.exp(-x) / (1 + sp.exp(-x)) ** 2
    share = raised / (raised + 1)
    exponential = Domain(e=(0, sp.oo))
    return Derivation(
        "The sigmoid",
        sp.Eq(sp.Symbol("y"), sigmoid),
        (
            Step(
                "Of two outputs, x and 0, softmax gives the first the probability",
                Relation(share, "=", 1 / (1 + 1 / raised)),
                "exact",
                shown=r"\frac{e^x}{e^x + e^0} = \frac{1}{1 + \frac{1}{e^x}}",
                domain=exponential,
            ),
            Step(
                "which is the sigmoid.",
                Relation((1 / (1 + 1 / raised)).subs(raised, sp.exp(x)), "=", sigmoid),
                "exact",
                shown=r"\frac{1}{1 + \frac{1}{e^x}} = \frac{1}{1 + e^{-x}}",
            ),
            Step(
                "Its slope",
                Relation(sigmoid.diff(x), "=", slope),
                "exact",
                lambda: sigmoid * (1 - sigmoid),
                shown=r"\frac{d}{dx} \frac{1}{1 + e^{-x}} = \frac{e^{-x}}{(1 + e^{-x})^2}",
            ),
            Step(
                "is positive,",
                Relation(0, "<", raised * share.diff(raised)),
                "exact",
                shown=r"0 < \frac{e^{-x}}{(1 + e^{-x})^2}",
                domain=exponential,
            ),
            Step(
                "and it tends to 1 as x grows, as a step does.",
                Relation(sp.limit(share, raised, sp.oo), "=", sp.Integer(1)),
                "exact",
                lambda: sp.limit(sigmoid, x, sp.oo),
                shown=r"\lim_{x \to \infty} \frac{1}{1 + e^{-x}} = 1",
            ),
        ),
        Domain(x=(-sp.oo, sp.oo)),
        parts={
            "slope": sp.Eq(sp.Symbol("y_x"), slope),
            "high": sp.Eq(sp.Symbol("y_high"), sp.Integer(1)),
        },
        source="Edinburgh, Machine Learning Theory, slides on activation functions",
        shown={
            "slope": r"\sigma'(x) = \frac{e^{-x}}{(1 + e^{-x})^2}",
            "high": r"\lim_{x \to \infty} \sigma(x) = 1",
        },
    )
