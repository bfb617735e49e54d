r"""The loss under which a logistic neuron has no local minima but the global ones: relative entropy.

Conventions: z = w.x, s = s(z) = 1/(1 + e^-z) the output, y the label, 0 < y < 1; no bias. The loss of one example is
the relative entropy of label and output, up to a term without w.
"""

from collections.abc import Callable
from fractions import Fraction
from functools import cache

import mpmath
import sympy as sp

from theory.derivation import Derivation, Step
from theory.domain import Domain
from theory.proof import Relation

__all__ = ["entropic_convexity"]

_s, _y, _decay = sp.symbols("s y E", positive=True)
_DIGITS = 60

Function = Callable[[mpmath.mpf], mpmath.mpf]


@cache
def entropic_convexity() -> Derivation:
    r"""Derive that the entropic loss of a logistic neuron is convex in the weights, and that the square loss is not.

    .. math:: \ell = - y \log s - (1 - y) \log(1 - s), \qquad \frac{d\ell}{dz} = s - y, \qquad
              \frac{d^2\ell}{dz^2} = s (1 - s) > 0, \qquad
              v^T \nabla^2 L \, v = \sum_j s_j (1 - s_j) (x_j \cdot v)^2

    Returns:
        A derivation; the value is the curvature in z. The parts are "slope", and "square loss", the curvature of
        (s - y)^2 in z.

    Examples:
        >>> entropic_convexity().at(s="1/4")
        3/16

    References:
        Auer, Herbster and Warmuth (1995), Exponentially many local minima for single neurons.
    """
    bell = _s * (1 - _s)
    output = 1 / (1 + _decay)
    loss = -_y * sp.log(_s) - (1 - _y) * sp.log(1 - _s)
    square = 2 * bell * (bell + (_s - _y) * (1 - 2 * _s))
    curves = sp.symbols("c_1 c_2", positive=True)
    places = [sp.Matrix(sp.symbols(f"x_{j}1 x_{j}2", real=True)) for j in (1, 2)]
    direction = sp.Matrix(sp.symbols("v_1 v_2", real=True))
    hessian = sum((c * x * x.T for c, x in zip(curves, places, strict=True)), sp.zeros(2, 2))
    squares = sum((c * (x.dot(direction)) ** 2 for c, x in zip(curves, places, strict=True)), sp.Integer(0))
    return Derivation(
        "The entropic loss of a logistic neuron is convex",
        sp.Eq(sp.Symbol("curvature"), bell),
        (
            Step(
                "The output moves with z by s(1 - s): with E = e^-z, of which z takes the derivative -E,",
                Relation(-_decay * output.diff(_decay), "=", output * (1 - output)),
                "exact",
                witness=lambda E: _derivative(lambda z: 1 / (1 + mpmath.exp(-z)), 1 / E, 1),
                shown=r"\frac{ds}{dz} = \frac{E}{(1 + E)^2} = s (1 - s)",
                domain=Domain(E=(0, sp.oo)),
            ),
            Step(
                "So the slope of the loss is the error,",
                Relation(bell * loss.diff(_s), "=", _s - _y),
                "exact",
                witness=lambda s, y: _derivative(_entropy(y), s / (1 - s), 1),
                shown=r"\frac{d\ell}{dz} = s (1 - s) \left(- \frac{y}{s} + \frac{1 - y}{1 - s}\right) = s - y",
            ),
            Step(
                "and its curvature does not depend on the label.",
                Relation(bell * (_s - _y).diff(_s), "=", bell),
                "exact",
                witness=lambda s, y: _derivative(_entropy(y), s / (1 - s), 2),
                shown=r"\frac{d^2\ell}{dz^2} = s (1 - s)",
            ),
            Step(
                "It is positive:",
                Relation(sp.Integer(0), "<", bell),
                "exact",
                shown=r"0 < s (1 - s)",
            ),
            Step(
                "so that the Hessian in the weights is a sum of squares with positive factors (two examples, two "
                "inputs): convex, and strictly so if the inputs span the space.",
                Relation(sp.expand((direction.T * hessian * direction)[0]), "=", squares),
                "exact",
                shown=r"v^{T} \left(\sum_j c_j x_j x_j^{T}\right) v = \sum_j c_j (x_j \cdot v)^2, \quad"
                r" c_j = s_j (1 - s_j)",
            ),
            Step(
                "The curvature of the square loss has another term, which follows the error:",
                Relation(bell * (bell * ((_s - _y) ** 2).diff(_s)).diff(_s), "=", square),
                "exact",
                witness=lambda s, y: _derivative(_square(y), s / (1 - s), 2),
                shown=r"\frac{d^2 (s - y)^2}{dz^2} = 2 s (1 - s) \left(s (1 - s) + (s - y)(1 - 2 s)\right)",
            ),
            Step(
                "it is negative where a neuron is sure and wrong, as at s = 99/100 for the label 3/4.",
                Relation(square.subs({_s: sp.Rational(99, 100), _y: sp.Rational(3, 4)}), "<", sp.Integer(0)),
                "exact",
                shown=r"2 \cdot \frac{99}{10^4} \left(\frac{99}{10^4} - \frac{24}{100} \cdot \frac{98}{100}\right) < 0",
            ),
        ),
        Domain(s=(0, 1), y=(0, 1)),
        parts={
            "slope": sp.Eq(sp.Symbol("slope"), _s - _y),
            "square loss": sp.Eq(sp.Symbol("curvature_square"), square),
        },
        titles={
            "slope": "slope of the loss",
            "square loss": "curvature with the square loss",
        },
        source="Auer, Herbster and Warmuth (1995)",
    )


def _entropy(label: Fraction) -> Function:
    return lambda z: mpmath.log(1 + mpmath.exp(z)) - _number(label) * z


def _square(label: Fraction) -> Function:
    return lambda z: (1 / (1 + mpmath.exp(-z)) - _number(label)) ** 2


def _derivative(function: Function, odds: Fraction, order: int) -> mpmath.mpf:
    """A derivative in z, by differences, where e^z has a given value."""
    with mpmath.workdps(_DIGITS):
        return mpmath.diff(function, mpmath.log(_number(odds)), order)


def _number(value: Fraction) -> mpmath.mpf:
    return mpmath.mpf(value.numerator) / value.denominator
