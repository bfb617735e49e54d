r"""Softmax as an arg max that can be differentiated, and the sigmoid as its case of two outputs.

Conventions: k outputs o_j, temperature T > 0, b = 1/T, and p_j = e^(b o_j)/sum_i e^(b o_i). The softmax of a classifier
has b = 1. The first output is a largest one and leads the j-th by d_j; their order is of no account.
"""

from fractions import Fraction
from functools import cache
from typing import Any

import sympy as sp

from theory.classifier.softmax_jacobian import (
    OUTPUTS,
    everywhere,
    exponential,
    is_spelled_out,
    softmax_form,
    softmax_jacobian_steps,
)
from theory.derivation import Derivation, Step
from theory.domain import Domain
from theory.proof import Relation

__all__ = ["logistic_unit", "softmax_at_temperature"]

_b, _lead, _units, _factor = sp.symbols("b d E c", positive=True)
_i, _j = sp.symbols("i j", integer=True, positive=True)
_ties, _others, _share = sp.symbols("m r w", positive=True)
_leads = sp.Function("d", positive=True)
_REST = Domain(r=(0, sp.oo), w=(0, 1))  # what the others add, and a factor by which a further lead makes that less


@cache
def softmax_at_temperature() -> Derivation:
    r"""Derive how softmax tends to the arg max as the temperature falls, and its Jacobian.

    .. math:: p_1 = \frac{1}{1 + \sum_{j=2}^k e^{-b d_j}}, \qquad
        \frac{\partial p_i}{\partial o_j} = b (p_i \delta_{ij} - p_i p_j)

    The quadratic form of the Jacobian is a sum of squares of differences: it is positive semidefinite, and its kernel
    are the equal shifts of all outputs. All of it holds for any number k of outputs.

    Returns:
        A derivation; the value is the probability of the largest output, in its leads d(j). Parts: "three" is that of
        three outputs, "others" bounds the probability of all others together if the first leads each by d, "cold" and
        "hot" are the limits at the temperatures 0 and infinity, "tie" is the cold limit of each of m equal largest
        outputs, "log-sum-exp" bounds how far T log sum e^(o_j/T) exceeds the largest output, "form" is the quadratic
        form of the Jacobian in e(j) = e^(b o_j) and the direction v(j).

    Examples:
        >>> print(softmax_at_temperature().at(part="three", b=1, d_2=1, d_3=2, digits=6))
        0.665241
        >>> softmax_at_temperature().parts["hot"].rhs
        1/k
    """
    rest = sp.Sum(sp.exp(-_b * _leads(_j)), (_j, 2, OUTPUTS))
    value = 1 / (1 + rest)
    second, third = sp.symbols("d_2 d_3", positive=True)
    three = 1 / (1 + sp.exp(-_b * second) + sp.exp(-_b * third))
    spelled = value.subs(OUTPUTS, 3).doit().subs({_leads(2): second, _leads(3): third})
    alike = (OUTPUTS - 1) * sp.exp(-_b * _lead)
    temperature = sp.Symbol("T", positive=True)
    gap = sp.log(OUTPUTS) / _b
    return Derivation(
        "Softmax at a temperature",
        sp.Eq(sp.Symbol("p_1"), value),
        (
            Step(
                "Adding one number to all outputs multiplies all exponentials and changes no probability;",
                Relation(
                    _factor * exponential(_i) / everywhere(_factor * exponential(_j)),
                    "=",
                    exponential(_i) / everywhere(exponential(_j)),
                ),
                "exact",
                shown=r"\frac{e^{b (o_i + s)}}{\sum_j e^{b (o_j + s)}} = \frac{e^{b o_i}}{\sum_j e^{b o_j}}",
            ),
            Step(
                "so that the probability of the largest output depends on its leads alone.",
                Relation(_units / (_units + sp.Sum(_units * rest.function, *rest.limits)), "=", value),
                "exact",
                lambda claimed, b, k: is_spelled_out(claimed, lambda numbers: _largest(b, numbers["d"]), k),
                shown=r"\frac{e^{b o_1}}{\sum_j e^{b o_j}} = \frac{1}{1 + \sum_{j=2}^k e^{-b d_j}}",
            ),
            Step(
                "Of three outputs it is",
                Relation(spelled, "=", three),
                "exact",
                lambda: _units / sp.Add(_units, *(_units * sp.exp(-_b * lead) for lead in (second, third))),
                shown=r"p_1 = \frac{1}{1 + e^{-b d_2} + e^{-b d_3}}",
            ),
            Step(
                "The probability of the others together is less than the sum of their e^(-b d_j),",
                Relation(1 - 1 / (1 + _others), "<", _others),
                "exact",
                shown=r"1 - p_1 < \sum_{j=2}^k e^{-b d_j}",
                domain=_REST,
            ),
            Step(
                "of which each falls with the lead,",
                Relation(_others * _share, "<", _others),
                "exact",
                shown=r"e^{-b (d + h)} < e^{-b d} \quad (h > 0)",
                domain=_REST,
            ),
            Step(
                "so that leads of d or more leave them less than",
                Relation(sp.Sum(sp.exp(-_b * _lead), (_j, 2, OUTPUTS)).doit(), "=", alike),
                "exact",
                lambda b, d, k: sum([sp.exp(-sp.Rational(b * d))] * (int(k) - 1)),
                shown=r"\sum_{j=2}^k e^{-b d} = (k - 1) e^{-b d}",
            ),
            Step(
                "At falling temperature p tends to the indicator of the largest output,",
                Relation(1 - sp.limit(alike, _b, sp.oo), "=", sp.Integer(1)),
                "exact",
                lambda: sp.limit(1 / (1 + alike), _b, sp.oo),
                shown=r"\lim_{b \to \infty} p_1 = 1",
            ),
            Step(
                "at rising temperature to equal shares.",
                Relation(value.subs(_b, 0).doit(), "=", 1 / OUTPUTS),
                "exact",
                lambda: sp.limit(1 / (1 + alike), _b, 0),
                shown=r"\lim_{b \to 0} p_1 = \frac{1}{k}",
            ),
            Step(
                "Equal largest outputs share, if there are m of them:",
                Relation(sp.limit(1 / (_ties + (OUTPUTS - _ties) * sp.exp(-_b * _lead)), _b, sp.oo), "=", 1 / _ties),
                "exact",
                lambda: 1 / (_ties + (OUTPUTS - _ties) * sp.limit(_share, _share, 0)),
                shown=r"\lim_{b \to \infty} \frac{1}{m + (k - m) e^{-b d}} = \frac{1}{m}",
            ),
            Step(
                "The logarithm of the sum of the exponentials exceeds that of the largest by log(1 + r),",
                Relation(sp.expand_log(sp.log(_units * (1 + _others))), "=", sp.log(_units) + sp.log(1 + _others)),
                "exact",
                lambda: sp.log(_units) + sp.integrate(1 / (1 + _share), (_share, 0, _others)),
                shown=r"\frac{1}{b} \log \sum_j e^{b o_j} = o_1 + \frac{1}{b} \log(1 + r), "
                r"\quad r = \sum_{j=2}^k e^{-b d_j}",
            ),
            Step(
                "which grows with r,",
                Relation(0, "<", sp.log(1 + _others).diff(_others)),
                "exact",
                shown=r"0 < \frac{1}{1 + r}",
                domain=_REST,
            ),
            Step(
                "and r is at most k - 1, for equal outputs: what is left is",
                Relation(sp.log(1 + sp.Sum(1, (_j, 2, OUTPUTS)).doit()) / _b, "=", gap),
                "exact",
                lambda b, k: sp.log(sum(sp.exp(0) for _ in range(int(k)))) / sp.Rational(b),
                shown=r"\frac{1}{b} \log \sum_j e^{b o_j} - o_1 \leq \frac{1}{b} \log k",
            ),
            Step(
                "which vanishes at temperature 0.",
                Relation(sp.limit(temperature * sp.log(OUTPUTS), temperature, 0), "=", 0),
                "exact",
                lambda: sp.limit(gap, _b, sp.oo),
                shown=r"\lim_{b \to \infty} \frac{1}{b} \log k = 0",
            ),
            *softmax_jacobian_steps(_b, "The probabilities are differentiable, with the Jacobian"),
        ),
        Domain(
            b=(0, sp.oo),
            k=(1, sp.oo),
            d=(0, sp.oo),
            d_2=(0, sp.oo),
            d_3=(0, sp.oo),
            m=(0, sp.oo),
        )
        .with_integers("k", "m")
        .where(_ties <= OUTPUTS),
        parts={
            "three": sp.Eq(sp.Symbol("p_1"), three),
            "others": sp.Le(sp.Symbol("q"), alike),
            "cold": sp.Eq(sp.Symbol("p_cold"), sp.Integer(1)),
            "hot": sp.Eq(sp.Symbol("p_hot"), 1 / OUTPUTS),
            "tie": sp.Eq(sp.Symbol("p_tie"), 1 / _ties),
            "log-sum-exp": sp.Le(sp.Symbol("a"), gap),
            "form": sp.Eq(sp.Symbol("Q"), softmax_form(_b)),
        },
        titles={
            "three": "probability for three outputs",
            "others": "all others together",
            "cold": "limit of low temperature",
            "hot": "limit of high temperature",
            "tie": "low temperature, m largest outputs",
            "log-sum-exp": "the maximum that can be differentiated",
            "form": "quadratic form of the Jacobian",
        },
        source="Edinburgh, Machine Learning Theory, slide on softmax",
        shown={
            "result": r"p_1 = \frac{1}{1 + \sum_{j=2}^k e^{-b d_j}}",
            "three": r"p_1 = \frac{1}{1 + e^{-b d_2} + e^{-b d_3}}",
            "others": r"1 - p_1 < (k - 1) e^{-b d} \quad (d_j \geq d)",
            "cold": r"\lim_{b \to \infty} p_1 = 1",
            "hot": r"\lim_{b \to 0} p_1 = \frac{1}{k}",
            "tie": r"\lim_{b \to \infty} p_1 = \frac{1}{m} \quad (d_2 = \cdots = d_m = 0)",
            "log-sum-exp": r"0 < \frac{1}{b} \log \sum_j e^{b o_j} - o_1 \leq \frac{1}{b} \log k",
            "form": r"v^{T} J v = b \sum_{i < j} p_i p_j (v_i - v_j)^2",
        },
    )


def _largest(b: Fraction, leads: list[Any]) -> Any:
    """The softmax of the outputs 5, 5 - d_2, 5 - d_3 and so on, by its definition."""
    raised = [sp.exp(sp.Rational(b) * output) for output in (5, *(5 - lead for lead in leads[1:]))]
    return raised[0] / sp.Add(*raised)


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
        titles={
            "slope": "slope of the sigmoid",
            "high": "limit at large inputs",
        },
        source="Edinburgh, Machine Learning Theory, slides on activation functions",
        shown={
            "slope": r"\sigma'(x) = \frac{e^{-x}}{(1 + e^{-x})^2}",
            "high": r"\lim_{x \to \infty} \sigma(x) = 1",
        },
    )
