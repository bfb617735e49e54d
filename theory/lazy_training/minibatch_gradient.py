r"""The gradient of a minibatch is on average the full gradient.

Conventions: the risk is the mean over m samples, and that of a batch of B different samples the mean over them; all
batches of B samples are equally likely. g_i is the gradient of the loss of sample i, whatever loss that is.
"""

from functools import cache

import sympy as sp

from theory.derivation import Derivation, Step
from theory.domain import Domain
from theory.proof import Relation

__all__ = ["unbiased_minibatch_gradient"]


@cache
def unbiased_minibatch_gradient() -> Derivation:
    r"""Derive that the mean of the gradients of all batches of one size is the full gradient.

    .. math:: \binom{m}{B}^{-1} \sum_{|S| = B} \frac{1}{B} \sum_{i \in S} g_i
              = \frac{1}{B} \binom{m}{B}^{-1} \binom{m - 1}{B - 1} \sum_i g_i = \frac{1}{m} \sum_i g_i

    Returns:
        A derivation; the value is the weight with which the gradient of one sample enters the mean over all batches,
        the part "share" the share of the batches in which a sample is.

    Examples:
        >>> unbiased_minibatch_gradient().value
        1/m

    References:
        Robbins and Monro (1951), doi:10.1214/aoms/1177729586, on steps that are right on average.
    """
    m, B = sp.symbols("m B", integer=True, positive=True)
    share = B / m
    first = sp.gammasimp(sp.binomial(m - 1, B - 1).rewrite(sp.gamma) / sp.binomial(m, B).rewrite(sp.gamma))
    return Derivation(
        "The gradient of a minibatch is on average the full gradient",
        sp.Eq(sp.Symbol("weight"), 1 / m),
        (
            Step(
                "A sample is in as many batches of B as there are choices of the other B - 1: of all batches the share",
                Relation(first, "=", share),
                "exact",
                witness=lambda: (
                    1 - sp.gammasimp(sp.binomial(m - 1, B).rewrite(sp.gamma) / sp.binomial(m, B).rewrite(sp.gamma))
                ),
                shown=r"\frac{\binom{m - 1}{B - 1}}{\binom{m}{B}} = \frac{B}{m}",
            ),
            Step(
                "In each of them it has the weight 1/B, and so in the mean over all batches the weight",
                Relation(share / B, "=", 1 / m),
                "exact",
                shown=r"\frac{1}{B} \cdot \frac{B}{m} = \frac{1}{m}",
            ),
        ),
        Domain(m=(0, sp.oo), B=(0, sp.oo)).with_integers("m", "B").where(m >= B),
        parts={"share": sp.Eq(sp.Symbol("share"), share)},
        titles={
            "share": "chance that a sample is in the batch",
        },
        assumptions=("all batches of B different samples are equally likely",),
        source="Robbins and Monro (1951), A stochastic approximation method",
    )
