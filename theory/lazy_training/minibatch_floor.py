r"""Where descent by minibatches stalls if equal inputs have labels that differ.

Conventions: G different inputs, each in two of the m = 2 G samples, once with the label f + s and once with f - s; the
risk is the mean of squared errors, without a half, and least, s^2, where the output is f. Outputs follow the gradient
through a kernel that stays as it is; k is one of its eigenvalues, as a G x G matrix, and delta the excess of the output
over f along its eigenvector. Steps of the constant size eta take B different samples, all batches equally likely. The
noise is that at the least risk: what is left out is of higher order in eta.
"""

from functools import cache

import sympy as sp

from theory.derivation import Derivation, Step
from theory.domain import Domain
from theory.proof import Relation

__all__ = ["minibatch_floor"]


@cache
def minibatch_floor() -> Derivation:
    r"""Derive the excess risk at which minibatches stall, to first order in the step.

    .. math:: \frac{E r - s^2}{s^2} = \eta \, \frac{\bar k}{B} \, \frac{m - B}{m - 1} + O(\eta^2)

    The mean of the kernel's eigenvalues, and of its diagonal, is written k-bar.

    Returns:
        A derivation; the value is the excess over s^2, to first order. Parts: "noise", the variance of the gradient by
        one output; "mode", the mean of delta^2 of one eigenvector, for steps of every size.

    Examples:
        >>> minibatch_floor().value
        eta*k*(-B + m)/(B*(m - 1))

    References:
        Bottou, Curtis and Nocedal (2018), arXiv:1606.04838, section 4, on steps of constant size.
    """
    m, B, G = sp.symbols("m B G", integer=True, positive=True)
    eta, k, s, v = sp.symbols("eta k s v", positive=True)
    variance, before = sp.Symbol("V", positive=True), sp.Symbol("delta", real=True)
    own = B / m * (1 - B / m)
    pair = B * (B - 1) / (m * (m - 1)) - (B / m) ** 2
    noise = 8 * s**2 * (m - B) / (B * m * (m - 1))
    pull = 2 * k / G
    mode = eta * k * v * G / (4 * (1 - eta * k / G))
    excess = eta * k * (m - B) / (B * (m - 1))
    return Derivation(
        "The floor of descent by minibatches",
        sp.Eq(sp.Symbol("excess"), excess),
        (
            Step(
                "A sample is in a batch with the probability B/m; two of them are with B(B - 1)/(m(m - 1)). What the "
                "presence of two samples has in common is",
                Relation(pair, "=", -B * (m - B) / (m**2 * (m - 1))),
                "exact",
                shown=r"\frac{B (B - 1)}{m (m - 1)} - \frac{B^2}{m^2} = - \frac{B (m - B)}{m^2 (m - 1)}",
            ),
            Step(
                "At the least risk the two samples of an input have the errors -s and s. The derivative of the batch's "
                "risk by that output is 2 s/B times the difference of two presences, with the variance",
                Relation((2 * s / B) ** 2 * 2 * (own - pair), "=", noise),
                "exact",
                witness=lambda: (2 * s) ** 2 * sp.Rational(2) / m * (m - B) / (B * (m - 1)),
                shown=r"v = \frac{4 s^2}{B^2} \cdot 2 \Bigl( \frac{B}{m} - \frac{B^2}{m^2} +"
                r" \frac{B (m - B)}{m^2 (m - 1)} \Bigr) = \frac{8 s^2 (m - B)}{B m (m - 1)}",
            ),
            Step(
                "Of two inputs the differences have nothing in common, since all pairs of samples have the same:",
                Relation(pair - pair - pair + pair, "=", 0),
                "exact",
                shown=r"\mathrm{Cov}(I_1 - I_2, I_3 - I_4) = 0",
            ),
            Step(
                "The full risk exceeds s^2 by the mean of delta^2 over the inputs, so that one step of the full "
                "gradient changes delta by -eta k times",
                Relation(sp.diff(before**2 / G, before) * k / before, "=", pull),
                "exact",
                shown=r"k \frac{d}{d \delta} \frac{\delta^2}{G} = \frac{2 k}{G} \delta",
            ),
            Step(
                "With noise a step takes delta to (1 - 2 eta k/G) delta - eta k xi. What keeps the mean of delta^2 is",
                Relation(
                    sp.solve(sp.Eq((1 - eta * pull) ** 2 * variance + (eta * k) ** 2 * v, variance), variance)[0],
                    "=",
                    mode,
                ),
                "exact",
                shown=r"V = \Bigl( 1 - \frac{2 \eta k}{G} \Bigr)^2 V + \eta^2 k^2 v \quad \Rightarrow \quad"
                r" V = \frac{\eta k v G}{4 (1 - \eta k/G)}",
            ),
            Step(
                "to first order",
                Relation(sp.limit(mode / eta, eta, 0), "=", k * v * G / 4),
                "exact",
                witness=lambda: sp.series(mode, eta, 0, 2).removeO().coeff(eta, 1),
                shown=r"V = \eta \frac{k v G}{4} + O(\eta^2)",
            ),
            Step(
                "The mean over the G eigenvectors puts the mean eigenvalue in the place of k. Over s^2, with m = 2 G,",
                Relation((eta * k * noise * (m / 2) / 4) / s**2, "=", excess),
                "exact",
                shown=r"\frac{1}{s^2} \, \eta \bar k \, \frac{v}{4} \cdot \frac{m}{2}"
                r" = \eta \, \frac{\bar k}{B} \, \frac{m - B}{m - 1}",
            ),
        ),
        Domain(m=(1, sp.oo), B=(0, sp.oo), G=(0, sp.oo), eta=(0, sp.oo), k=(0, sp.oo), s=(0, sp.oo), v=(0, sp.oo))
        .with_integers("m", "B", "G")
        .where(m >= B, eta * k < G),
        parts={
            "noise": sp.Eq(sp.Symbol("v"), noise),
            "mode": sp.Eq(sp.Symbol("V"), mode),
        },
        titles={
            "noise": "variance of the gradient by an output",
            "mode": "mean square of one mode",
        },
        assumptions=(
            "the kernel stays as it is, and the noise is that at the least risk",
            "all batches of B different samples are equally likely",
        ),
        source="Bottou, Curtis and Nocedal (2018), arXiv:1606.04838, section 4",
        shown={
            "result": r"\frac{E r - s^2}{s^2} = \eta \, \frac{\bar k}{B} \, \frac{m - B}{m - 1} + O(\eta^2)",
            "noise": r"v = \frac{8 s^2 (m - B)}{B m (m - 1)}",
            "mode": r"V = \frac{\eta k v G}{4 (1 - \eta k/G)}",
        },
    )
