r"""Why descent cannot learn threshold units: they are flat almost everywhere; and what sigmoids leave of a slope.

Conventions: a threshold unit answers 1 where w.x > 0, else 0; the 0-1 loss counts wrong answers; the sigmoid is
s(z) = 1/(1 + e^(-z)).
"""

from functools import cache

import sympy as sp

from theory.derivation import Derivation, Step
from theory.domain import Domain
from theory.proof import Relation

__all__ = ["sigmoid_chain_slope", "threshold_margin"]

_SLIDE = "Edinburgh, Machine Learning Theory, slide Challenges with perceptron and 0-1 values"


@cache
def threshold_margin() -> Derivation:
    r"""Derive how far weights of a threshold unit can move before its answer on a sample changes.

    .. math:: r = \frac{m}{X}, \qquad m = |w \cdot x|, \quad X = |x|

    On finitely many samples, none on the boundary, the least of these is a radius within which the 0-1 loss is
    constant: its gradient is zero. Weights with a sample on the boundary lie on finitely many hyperplanes.

    Returns:
        A derivation; the value is the radius, in m and X. The part "slope" is the derivative of the answer.

    Examples:
        >>> threshold_margin().at(m=3, X=6)
        1/2
    """
    margin, size, radius, share, pre = sp.symbols("m X r s z", positive=True)
    cosine = sp.Symbol("c", real=True)
    return Derivation(
        "How far a threshold unit is from another answer",
        sp.Eq(sp.Symbol("r"), margin / size),
        (
            Step(
                "Let w.x = m > 0. A change of length r, at the angle of cosine c to x, adds r X c,",
                Relation(margin + radius * size * cosine - (margin - radius * size), "=", radius * size * (1 + cosine)),
                "exact",
                shown=r"(m + r X c) - (m - r X) = r X (1 + c)",
            ),
            Step(
                "so that no change of this length lowers w.x below m - r X.",
                Relation(0, "<", radius * size * (1 + cosine)),
                "exact",
                shown=r"0 < r X (1 + c) \quad (c > -1)",
            ),
            Step(
                "Shorter than m/X it leaves w.x positive,",
                Relation(0, "<", margin - share * (margin / size) * size),
                "exact",
                shown=r"0 < m - s \frac{m}{X} X \quad (s < 1)",
            ),
            Step(
                "and at this length w.x is zero for c = -1.",
                Relation(sp.solve(margin - radius * size, radius)[0], "=", margin / size),
                "exact",
                shown=r"m - r X = 0 \quad \mathrm{at} \quad r = \frac{m}{X}",
            ),
            Step(
                "So the answer is constant around the weights: its derivative is zero.",
                Relation(sp.Heaviside(pre).diff(pre), "=", sp.Integer(0)),
                "exact",
                lambda: sp.Heaviside(pre + radius) - sp.Heaviside(pre),
                shown=r"\frac{\partial}{\partial z} \theta(z) = 0 \quad (z > 0)",
            ),
        ),
        Domain(m=(0, sp.oo), X=(0, sp.oo), r=(0, sp.oo), s=(0, 1), c=(-1, 1), z=(0, sp.oo)),
        parts={"slope": sp.Eq(sp.Symbol("t"), sp.Integer(0))},
        titles={
            "slope": "derivative of the answer",
        },
        assumptions=("the sample is not 0 and not on the boundary",),
        source=_SLIDE,
        shown={"result": r"r = \frac{m}{X}", "slope": r"\frac{\partial}{\partial z} \theta(z) = 0"},
    )


@cache
def sigmoid_chain_slope() -> Derivation:
    r"""Derive the greatest slope of a sigmoid and what a chain of K sigmoids leaves of a derivative.

    .. math:: s' = s (1 - s) \le \frac14, \qquad
        \left|\frac{\partial}{\partial x} s(w_K s(\dots s(w_1 x)))\right| \le 4^{-K} \prod_k |w_k|

    Returns:
        A derivation; the value is the bound for weights of size 1, in K. Parts: "slope" is the greatest slope, "three"
        the derivative of a chain of three, in the outputs s_1, s_2, s_3 and the weights.

    Examples:
        >>> sigmoid_chain_slope().at(K=3)
        1/64
    """
    z = sp.Symbol("z", real=True)
    count = sp.Symbol("K", positive=True, integer=True)
    outputs = sp.symbols("s_1:4", positive=True)
    weights = sp.symbols("w_1:4", real=True)
    s = outputs[0]
    raised = sp.Symbol("e", positive=True)  # e^z, by which d/dz is e d/de
    share = raised / (1 + raised)
    slope = [output * (1 - output) for output in outputs]
    three = sp.Mul(*weights) * sp.Mul(*slope)
    bound = sp.Rational(1, 4) ** count
    inner = sp.Function("f")(z)
    derivative = weights[0] * slope[0]
    for weight, rate in zip(weights[1:], slope[1:], strict=True):
        derivative = rate * (weight * inner).diff(z).subs(inner.diff(z), derivative)
    return Derivation(
        "The slope of a chain of sigmoids",
        sp.Eq(sp.Symbol("B"), bound),
        (
            Step(
                "The slope of a sigmoid in terms of its output s,",
                Relation(raised * share.diff(raised), "=", share * (1 - share)),
                "exact",
                shown=r"s'(z) = s (1 - s)",
            ),
            Step(
                "is 1/4 less a square:",
                Relation(s * (1 - s), "=", sp.Rational(1, 4) - (s - sp.Rational(1, 2)) ** 2),
                "exact",
                shown=r"s (1 - s) = \frac{1}{4} - \left(s - \frac{1}{2}\right)^2",
            ),
            Step(
                "at most 1/4, at s = 1/2.",
                Relation(slope[0].subs(s, sp.solve(slope[0].diff(s), s)[0]), "=", sp.Rational(1, 4)),
                "exact",
                shown=r"\frac{1}{2} \left(1 - \frac{1}{2}\right) = \frac{1}{4}",
            ),
            Step(
                "By the chain rule the derivative of a chain is the product of weights and slopes,",
                Relation(derivative, "=", three),
                "exact",
                shown=r"\frac{\partial}{\partial x} s(w_3 s(w_2 s(w_1 x))) = \prod_{k = 1}^{3} w_k s_k (1 - s_k)",
            ),
            Step(
                "each slope a factor of at most 1/4.",
                Relation(sp.expand(sp.Rational(1, 4) ** (count - 1)) / 4, "=", bound),
                "exact",
                shown=r"4^{-(K - 1)} \cdot \frac{1}{4} = 4^{-K}",
            ),
        ),
        Domain(s_1=(0, 1), s_2=(0, 1), s_3=(0, 1), e=(0, sp.oo), K=(0, sp.oo)).with_integers("K"),
        parts={
            "slope": sp.Eq(sp.Symbol("s_z"), sp.Rational(1, 4)),
            "three": sp.Eq(sp.Symbol("D"), three),
        },
        titles={
            "slope": "steepest slope of a sigmoid",
            "three": "slope of a chain of three",
        },
        assumptions=("weights of size 1 in the value; of any size in the part of three",),
        source=_SLIDE,
        shown={
            "result": r"\prod_{k = 1}^{K} s_k (1 - s_k) \le 4^{-K}",
            "slope": r"\max_z s'(z) = \frac{1}{4}",
            "three": r"\frac{\partial}{\partial x} s(w_3 s(w_2 s(w_1 x))) = \prod_{k = 1}^{3} w_k s_k (1 - s_k)",
        },
    )
