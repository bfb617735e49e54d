r"""Cross-entropy of a softmax: its derivatives, and what one confident error costs.

Conventions: outputs o_j, probabilities p_j = e^(o_j)/sum_k e^(o_k), targets t_j >= 0 of sum 1, natural logarithms, and
the loss of one sample

.. math:: \ell = - \sum_j t_j \log p_j

A hard label c is t = e_c. The derivations are for any number of outputs: where one is looked at, the exponentials of
all others are one number R.
"""

from fractions import Fraction
from functools import cache
from typing import Any

import mpmath
import numpy as np
import sympy as sp

from theory.classifier.label_loss import ONE_OUTPUT, slope_of_four
from theory.classifier.softmax_jacobian import OUTPUTS, everywhere, exponential, softmax_jacobian_steps
from theory.derivation import Derivation, Step
from theory.domain import Domain
from theory.proof import Relation
from theory.real_arrays import real_vector

__all__ = ["confident_error", "cross_entropy_in_nats", "softmax_cross_entropy_parts"]

_j = sp.Symbol("j", integer=True, positive=True)
_p, _chosen, _rest, _target, _factor = sp.symbols("p e R t c", positive=True)
_constant = sp.Symbol("C", real=True)
_SLIDE = "Edinburgh, Machine Learning Theory, slides Cross entropy loss"


@cache
def softmax_cross_entropy_parts() -> Derivation:
    r"""Derive the derivatives of the cross-entropy of a softmax, p - t and diag(p) - pp'.

    .. math:: \nabla_o \ell = p - t, \qquad \nabla_o^2 \ell = \mathrm{diag}(p) - p p^T

    The quadratic form of the Hessian is sum_(i<j) p_i p_j (v_i - v_j)^2, a variance: it is positive semidefinite, with
    the kernel (1, ..., 1), along which the softmax does not change.

    Returns:
        A derivation; the value is the loss for a hard label, in the probability p of it.

    Examples:
        >>> print(softmax_cross_entropy_parts().at(p="1/2", digits=10))
        0.6931471806
    """
    share = exponential(_j) / everywhere(exponential(_j))
    loss = sp.log(_chosen + _rest) - _target * sp.log(_chosen) - _constant
    gradient = _chosen / (_chosen + _rest) - _target
    others = sp.Sum(0 * sp.log(sp.Function("q")(_j)), (_j, 2, OUTPUTS))
    return Derivation(
        "The cross-entropy of a softmax",
        sp.Eq(sp.Symbol("l"), -sp.log(_p)),
        (
            Step(
                "Adding one number to all outputs multiplies all exponentials and changes no probability.",
                Relation(_factor * exponential(_j) / everywhere(_factor * exponential(_j)), "=", share),
                "exact",
                shown=r"\frac{e^{o_j + s}}{\sum_k e^{o_k + s}} = \frac{e^{o_j}}{\sum_k e^{o_k}}",
            ),
            Step(
                "In terms of the outputs, for targets of sum 1, its gradient is p - t;",
                Relation(_chosen * loss.diff(_chosen), "=", gradient),
                "exact",
                lambda e, R, t: slope_of_four(e, R, t),
                shown=r"\frac{\partial}{\partial o_j} \left(\log \sum_k e^{o_k} - \sum_k t_k o_k\right) = p_j - t_j",
                domain=ONE_OUTPUT,
            ),
            *softmax_jacobian_steps(
                sp.Integer(1), "its Hessian does not know the targets: it is the Jacobian of the probabilities,"
            ),
            Step(
                "With a hard label the loss is the negative logarithm of its probability,",
                Relation(-(1 * sp.log(_p) + others.doit()), "=", -sp.log(_p)),
                "exact",
                lambda p: _negative_logarithm(p),
                shown=r"\ell = - \log p_c",
            ),
        ),
        Domain(p=(0, 1), k=(1, sp.oo)).with_integers("k"),
        assumptions=("targets sum to 1, and 0 log 0 is 0",),
        source=_SLIDE,
        shown={"result": r"\ell = - \log p_c"},
    )


@cache
def confident_error() -> Derivation:
    r"""Derive that one confident error can dominate the mean loss, while its gradient stays bounded.

    Of n samples n - 1 have the probability q of their label and one has p. The mean cross-entropy is

    .. math:: -\frac{(n - 1) \log q + \log p}{n},

    without bound as p tends to 0. The one sample costs as much as all others together from p = q^(n - 1) down. The
    derivatives by the outputs are at most 1 in size.

    Returns:
        A derivation; the value is the loss of the one sample, in M = -log p. The part "gradient" is the derivative by
        the output of the label.

    Examples:
        >>> confident_error().at(M=7)
        7
    """
    size = sp.Symbol("M", positive=True)
    count = sp.Symbol("n", integer=True, positive=True)
    q = sp.Symbol("q", positive=True)
    share = _chosen / (_chosen + _rest)
    loss = sp.log(_chosen + _rest) - sp.log(_chosen)
    return Derivation(
        "One confident error can dominate the mean cross-entropy",
        sp.Eq(sp.Symbol("l"), size),
        (
            Step(
                "A sample whose label has the probability e^-M costs M: there is no bound.",
                Relation(-sp.log(sp.exp(-size)), "=", size),
                "exact",
                lambda: sp.integrate(1, (sp.Symbol("u"), 0, size)),
                shown=r"- \log e^{-M} = M",
            ),
            Step(
                "It outweighs n - 1 samples of probability q from p = q^(n - 1) down:",
                Relation(sp.expand_log(-sp.log(q ** (count - 1)), force=True), "=", -(count - 1) * sp.log(q)),
                "exact",
                shown=r"- \log q^{n - 1} = - (n - 1) \log q",
            ),
            Step(
                "Its derivative by the output of the label,",
                Relation(_chosen * loss.diff(_chosen), "=", share - 1),
                "exact",
                lambda e, R: slope_of_four(e, R, Fraction(1)),
                shown=r"\frac{\partial \ell}{\partial o_c} = p_c - 1",
                domain=ONE_OUTPUT,
            ),
            Step(
                "however, lies between -1",
                Relation(-1, "<", share - 1),
                "exact",
                shown=r"-1 < p_c - 1",
            ),
            Step("and 0.", Relation(share - 1, "<", 0), "exact", shown=r"p_c - 1 < 0"),
            Step(
                "In terms of p.",
                Relation((-sp.log(_p)).diff(_p) * _p * (1 - _p), "=", _p - 1),
                "exact",
                shown=r"\frac{\partial \ell}{\partial o_c} = - \frac{1}{p} \cdot p (1 - p) = p - 1",
            ),
        ),
        Domain(M=(0, sp.oo), q=(0, 1), p=(0, 1)),
        parts={"gradient": sp.Eq(sp.Symbol("g"), _p - 1)},
        titles={
            "gradient": "derivative by the output of the label",
        },
        assumptions=("hard labels",),
        source="Edinburgh, Machine Learning Theory, slides on overfitting and outliers",
        shown={"result": r"\ell = M \quad (p_c = e^{-M})", "gradient": r"\frac{\partial \ell}{\partial o_c} = p - 1"},
    )


def cross_entropy_in_nats(probabilities: Any, targets: Any) -> float:
    """Return -sum t log p, with 0 log 0 = 0; infinity where a target is on a class of probability 0.

    Args:
        probabilities: Not negative, of sum 1 (to 1e-9).
        targets: Not negative, of sum 1 (to 1e-9), as many.

    Raises:
        ValueError: If one is no such vector, or their lengths differ.

    Examples:
        >>> round(cross_entropy_in_nats([0.1, 0.5, 0.2, 0.2], [0, 1, 0, 0]), 6)
        0.693147
    """
    p, t = _distribution("probabilities", probabilities), _distribution("targets", targets)
    if len(p) != len(t):
        raise ValueError(f"targets must be as many as probabilities, {len(p)}, got {len(t)}.")
    with np.errstate(divide="ignore"):
        return float(-(t[t > 0] * np.log(p[t > 0])).sum()) + 0.0  # no negative zero


def _distribution(name: str, value: Any) -> Any:
    vector = real_vector(name, value)
    if vector.min() < 0 or abs(float(vector.sum()) - 1) > 1e-9:
        raise ValueError(f"{name} must be non-negative with the sum 1, got the sum {vector.sum():.6g}.")
    return vector


def _negative_logarithm(value: Any) -> Any:
    with mpmath.workdps(50):
        return -mpmath.log(mpmath.mpf(value.numerator) / value.denominator)
