r"""The risk of least squares with as many parameters as one likes, by the Stieltjes transform of its spectrum.

Conventions: n examples y = x . beta + noise with p inputs x ~ N(0, 1_p), noise of mean 0 and standard deviation sigma,
|beta| = r, gamma = p/n. Ridge minimises |y - X b|^2/n + lambda |b|^2; ridgeless is its limit as lambda tends to 0, the
least-norm minimiser of the squares. The risk is the mean of |b - beta|^2, what the error on a new example exceeds
sigma^2 by, in the limit of many examples and inputs. The parameter is h = E 1/(x + lambda) over the spectrum of X'X/n.
"""

from collections.abc import Callable
from fractions import Fraction
from functools import cache
from typing import Any

import mpmath
import sympy as sp

from theory.derivation import Derivation, Step
from theory.domain import Domain
from theory.generalisation.ridge_spectrum import (
    ASSUMPTIONS,
    DIGITS,
    SOURCE,
    bias_and_variance,
    mean_under_law,
    mp_number,
    penalty_of_transform,
)
from theory.proof import Relation

__all__ = ["overparameterised_risk", "ridge_risk", "underparameterised_risk"]

_gamma, _h, _r, _sigma = sp.symbols("gamma h r sigma", positive=True)
_inverse = sp.Symbol("t", positive=True)


@cache
def ridge_risk() -> Derivation:
    r"""Derive the risk of ridge regression, bias and variance, in terms of h = E 1/(x + lambda).

    .. math:: R = \frac{r^2 (1 - (1 - \gamma) h)^2 + \sigma^2 \gamma h^2}{(1 + \gamma h)^2 - \gamma h^2}, \qquad
              \lambda = \frac1h - \frac1{1 + \gamma h}

    Returns:
        A derivation with the parts "penalty", "bias" and "variance".

    Examples:
        >>> ridge_risk().at(gamma=1, h=1, r=1, sigma=1)
        2/3
        >>> ridge_risk().at(part="penalty", gamma=1, h=1)
        1/2

    References:
        Hastie, Montanari, Rosset and Tibshirani (2022), arXiv:1903.08560, section 6 on ridge regression.
    """
    below = (1 + _gamma * _h) ** 2 - _gamma * _h**2
    bias, variance = bias_and_variance()
    short_bias = _r**2 * (1 - (1 - _gamma) * _h) ** 2 / below
    short_variance = _sigma**2 * _gamma * _h**2 / below
    penalty = 1 / _h - 1 / (1 + _gamma * _h)
    return Derivation(
        "The risk of ridge regression",
        sp.Eq(sp.Symbol("R"), short_bias + short_variance),
        (
            Step(
                "With -h for the Stieltjes transform and -lambda for its argument, R(g) + 1/g = z says",
                Relation(penalty_of_transform(), "=", penalty),
                "exact",
                lambda gamma, h: _quadrature(gamma, h, 1 / h, lambda x, t: t / (x + t)),
                shown=r"\lambda = \frac{1}{h} - \frac{1}{1 + \gamma h}",
            ),
            Step(
                "b - beta has the mean -lambda (S + lambda)^-1 beta: a bias of r^2 E lambda^2/(x + lambda)^2 = "
                "-r^2 lambda^2 h', with h' = 1/lambda'(h)",
                Relation(bias, "=", short_bias),
                "exact",
                lambda gamma, h, r: _quadrature(gamma, h, r**2, lambda x, t: t**2 / (x + t) ** 2),
                shown=rf"B = {sp.latex(short_bias)}",
            ),
            Step(
                "and the covariance sigma^2 S (S + lambda)^-2/n: a variance of sigma^2 gamma E x/(x + lambda)^2 = "
                "sigma^2 gamma (h + lambda h')",
                Relation(variance, "=", short_variance),
                "exact",
                lambda gamma, h, sigma: _quadrature(gamma, h, sigma**2 * gamma, lambda x, t: x / (x + t) ** 2),
                shown=rf"V = {sp.latex(short_variance)}",
            ),
            Step(
                "Their sum is the risk",
                Relation(bias + variance, "=", short_bias + short_variance),
                "exact",
                shown=r"R = B + V",
            ),
        ),
        _box(),
        parts={
            "penalty": sp.Eq(sp.Symbol("lambda"), penalty),
            "bias": sp.Eq(sp.Symbol("B"), short_bias),
            "variance": sp.Eq(sp.Symbol("V"), short_variance),
        },
        titles={
            "penalty": "penalty at which it is",
            "bias": "part from the bias",
            "variance": "part from the variance",
        },
        assumptions=ASSUMPTIONS,
        source=f"{SOURCE}, on ridge regression",
    )


@cache
def underparameterised_risk() -> Derivation:
    r"""Derive the risk of least squares with fewer parameters than examples, sigma^2 gamma/(1 - gamma).

    Returns:
        A derivation.

    Examples:
        >>> underparameterised_risk().at(gamma="1/2", sigma="1/2")
        1/4

    References:
        Hastie, Montanari, Rosset and Tibshirani (2022), arXiv:1903.08560, theorem 1.
    """
    bias, variance = bias_and_variance()
    total = sp.cancel(bias + variance)
    below = _sigma**2 * _gamma / (1 - _gamma)
    return Derivation(
        "The risk of least squares with fewer parameters than examples",
        sp.Eq(sp.Symbol("R"), below),
        (
            Step(
                "With h = E 1/(x + lambda) over the eigenvalues x of X'X/n: for gamma < 1 none is 0, and lambda = 0 at",
                Relation(penalty_of_transform().subs(_h, 1 / (1 - _gamma)), "=", 0),
                "exact",
                shown=r"\lambda = 0 \text{ at } h = \frac{1}{1 - \gamma}",
            ),
            Step(
                "There the bias vanishes, and the risk is",
                Relation(total.subs(_h, 1 / (1 - _gamma)), "=", below),
                "exact",
                lambda gamma, sigma: _mean_inverse(gamma, sigma**2 * gamma),
                shown=rf"R = {sp.latex(below)}",
            ),
        ),
        Domain(gamma=(0, 1), r=(0, sp.oo), sigma=(0, sp.oo)),
        assumptions=ASSUMPTIONS,
        source=f"{SOURCE}, theorem 1",
    )


@cache
def overparameterised_risk() -> Derivation:
    r"""Derive the risk of the least-norm fit with more parameters than examples, and its minimum.

    .. math:: r^2 \Bigl(1 - \frac1\gamma\Bigr) + \frac{\sigma^2}{\gamma - 1}

    Returns:
        A derivation. For r > sigma the parts "place" and "least" are where the risk is least, and what it is there.

    Examples:
        >>> overparameterised_risk().at(gamma=2, r=1, sigma="1/2")
        3/4
        >>> overparameterised_risk().at(part="place", r=1, sigma="1/2")
        2

    References:
        Hastie, Montanari, Rosset and Tibshirani (2022), arXiv:1903.08560, theorem 1 and section 3.
    """
    bias, variance = bias_and_variance()
    total = sp.cancel(bias + variance)
    positive = {"r": (0, sp.oo), "sigma": (0, sp.oo)}
    many = Domain(gamma=(1, sp.oo), **positive)
    above = _r**2 * (1 - 1 / _gamma) + _sigma**2 / (_gamma - 1)
    place, least = _r / (_r - _sigma), 2 * _r * _sigma - _sigma**2
    strong = Domain(sigma=(0, sp.oo), d=(0, sp.oo))
    extra = sp.Symbol("d", positive=True)  # r = sigma + d, so that a box holds all r > sigma
    inside, outside = (1 + _inverse * place) / (1 + _inverse), place * (1 + _inverse)
    slope = above.diff(_gamma)
    return Derivation(
        "The risk of least squares with more parameters than examples",
        sp.Eq(sp.Symbol("R"), above),
        (
            Step(
                "For gamma > 1 a share of 1 - 1/gamma of the eigenvalues is 0, and with lambda = 0 h is infinite, t = "
                "1/h = 0:",
                Relation(sp.cancel(penalty_of_transform().subs(_h, 1 / _inverse)).subs(_inverse, 0), "=", 0),
                "exact",
                shown=r"\lambda \to 0 \text{ as } h \to \infty",
            ),
            Step(
                "There the risk is",
                Relation(sp.cancel(total.subs(_h, 1 / _inverse)).subs(_inverse, 0), "=", above),
                "exact",
                # the eigenvalues of X'X/n that are not 0 are gamma times those of XX'/p, whose ratio is 1/gamma
                lambda gamma, r, sigma: _mean_inverse(1 / gamma, sigma**2 / gamma, r**2 * (1 - 1 / gamma)),
            ),
            Step(
                "For r > sigma, r = sigma + d, its slope vanishes at gamma = r/(r - sigma)",
                Relation(_with_strong_signal(slope.subs(_gamma, place), extra), "=", 0),
                "exact",
                shown=r"R'\Bigl(\frac{r}{r - \sigma}\Bigr) = 0",
                domain=strong,
            ),
            Step(
                "and this place is",
                Relation(sp.solve(_r * (_gamma - 1) - _sigma * _gamma, _gamma)[0], "=", place),
                "exact",
                shown=r"\gamma = \frac{r}{r - \sigma} = \frac{\sqrt{\mathrm{SNR}}}{\sqrt{\mathrm{SNR}} - 1}, \quad "
                r"\mathrm{SNR} = r^2/\sigma^2",
                domain=strong,
            ),
            Step(
                "The slope is negative below it",
                Relation(_with_strong_signal(slope.subs(_gamma, inside), extra), "<", 0),
                "exact",
                shown=r"R'(\gamma) < 0, \quad 1 < \gamma < \frac{r}{r - \sigma}",
                domain=Domain(sigma=(0, sp.oo), d=(0, sp.oo), t=(0, sp.oo)),
            ),
            Step(
                "and positive above it",
                Relation(0, "<", _with_strong_signal(slope.subs(_gamma, outside), extra)),
                "exact",
                shown=r"R'(\gamma) > 0, \quad \gamma > \frac{r}{r - \sigma}",
                domain=Domain(sigma=(0, sp.oo), d=(0, sp.oo), t=(0, sp.oo)),
            ),
            Step("The least risk there is", Relation(above.subs(_gamma, place), "=", least), "exact"),
            Step(
                "which is less than r^2, the risk of learning nothing",
                Relation(0, "<", sp.expand(_with_strong_signal(_r**2 - least, extra))),
                "exact",
                shown=r"r^2 - (2 r \sigma - \sigma^2) = (r - \sigma)^2 > 0",
                domain=strong,
            ),
        ),
        many,
        parts={
            "place": sp.Eq(_gamma, place),
            "least": sp.Eq(sp.Symbol("R"), least),
        },
        titles={
            "place": "place of the least risk",
            "least": "the least risk",
        },
        assumptions=(
            *ASSUMPTIONS,
            "the fit of least norm, a penalty of 0 before there are many examples, has the risk of a penalty that goes "
            "to 0 after: for gamma other than 1 the eigenvalues that are not 0 stay away from it (Bai and Yin 1993)",
        ),
        source=f"{SOURCE}, theorem 1 and section 3",
    )


def _box() -> Domain:
    """Ratios, and transforms of positive penalties."""
    positive = (0, sp.oo)
    return Domain(gamma=positive, h=positive, r=positive, sigma=positive).where(1 - (1 - _gamma) * _h > 0)


def _with_strong_signal(expression: sp.Expr, extra: sp.Symbol) -> sp.Expr:
    return sp.factor(expression.subs(_r, _sigma + extra))


def _quadrature(gamma: Fraction, h: Fraction, factor: Fraction, value: Callable[[Any, Any], Any]) -> Any:
    """A multiple of the mean of value(x, lambda) under the Marchenko-Pastur law of ratio gamma, with its atom at 0."""
    with mpmath.workdps(DIGITS):
        penalty = mp_number(1 / h - 1 / (1 + gamma * h))
        at_zero = mp_number(max(1 - 1 / gamma, Fraction(0))) * value(mpmath.mpf(0), penalty)
        return mp_number(factor) * (mean_under_law(gamma, lambda x: value(x, penalty)) + at_zero)


def _mean_inverse(gamma: Fraction, factor: Fraction, offset: Fraction = Fraction(0)) -> Any:
    """A multiple of the mean of 1/x under the Marchenko-Pastur law of ratio gamma < 1, and an offset."""
    with mpmath.workdps(DIGITS):
        return mp_number(offset) + mp_number(factor) * mean_under_law(gamma, lambda x: 1 / x)
