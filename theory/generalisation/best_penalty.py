r"""The penalty with which ridge regression has the least risk, and why the error then has no peak.

Conventions: those of ``theory.generalisation.least_squares_risk``.
"""

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

__all__ = ["optimal_ridge_risk"]

_gamma, _h, _r, _sigma = sp.symbols("gamma h r sigma", positive=True)
_inverse, _size = sp.symbols("t e", positive=True)


@cache
def optimal_ridge_risk() -> Derivation:
    r"""Derive the penalty with the least risk, lambda = sigma^2 gamma/r^2, and that the risk it leaves has no peak.

    The penalty is the lambda of |y - X b|^2/n + lambda |b|^2; of |y - X b|^2 + kappa |b|^2 the best kappa is n lambda,
    sigma^2 p/r^2. With e = R/r^2 and q = (sigma/r)^2 the least risk is given by

    .. math:: \gamma = \frac{e}{(1 - e)(e + q)},

    which increases from 0 to infinity with e from 0 to 1: there is no peak at p = n. That it increases does not speak
    against large models: every input that is added carries a part of the signal, whose norm r stays, so that gamma
    counts how many there are to be learned.

    Returns:
        A derivation; the value is gamma as a function of e. Parts: "penalty", the best lambda, and "risk", R at a ratio
        gamma, in r and sigma.

    Examples:
        >>> optimal_ridge_risk().at(part="risk", gamma="2/3", r=1, sigma=1), optimal_ridge_risk().at(e="1/2", q=1)
        (1/2, 2/3)

    References:
        Hastie, Montanari, Rosset and Tibshirani (2022), arXiv:1903.08560, section 6 on ridge regression.
    """
    ratio = sp.Symbol("q", positive=True)  # sigma^2/r^2
    bias, variance = bias_and_variance()
    penalty = _sigma**2 * _gamma / _r**2
    transform = sp.Function("h")(_inverse)
    general = -(_r**2) * _inverse**2 * transform.diff() + _sigma**2 * _gamma * (transform + _inverse * transform.diff())
    factor = 2 * transform.diff() + _inverse * transform.diff(_inverse, 2)
    # at the best penalty r^2 = sigma^2 gamma/lambda(h)
    best = sp.cancel((bias + variance).subs(_r, _sigma * sp.sqrt(_gamma / penalty_of_transform())))
    curve = _size / ((1 - _size) * (_size + ratio))
    solved = sp.solve((penalty_of_transform() - ratio * _gamma).subs(_h, _size / (ratio * _gamma)), _gamma)[0]
    rising = (ratio + _size**2) / ((1 - _size) ** 2 * (_size + ratio) ** 2)
    half = (_r**2 * (1 - _gamma) + _sigma**2 * _gamma) / (2 * _gamma)
    risk = sp.sqrt(half**2 + _r**2 * _sigma**2) - half
    return Derivation(
        "The least risk of ridge regression",
        sp.Eq(_gamma, curve),
        (
            Step(
                "With t for lambda, the risk is -r^2 t^2 h' + sigma^2 gamma (h + t h'), and its slope has a factor",
                Relation(
                    general.diff(_inverse).doit(), "=", sp.expand((_sigma**2 * _gamma - _r**2 * _inverse) * factor)
                ),
                "exact",
                shown=r"R'(t) = (\sigma^2 \gamma - r^2 t) (2 h'(t) + t \, h''(t))",
            ),
            Step(
                "The other one is negative for h = E 1/(x + t): for an eigenvalue x > 0 it is",
                Relation(
                    sp.cancel(
                        2 * (1 / (_h + _inverse)).diff(_inverse) + _inverse * (1 / (_h + _inverse)).diff(_inverse, 2)
                    ),
                    "<",
                    0,
                ),
                "exact",
                shown=r"2 h' + t h'' = -E \frac{2 x}{(x + t)^3} < 0",
            ),
            Step(
                "So the risk falls up to one penalty and rises beyond:",
                Relation(sp.solve(_sigma**2 * _gamma - _r**2 * _inverse, _inverse)[0], "=", penalty),
                "exact",
                shown=r"\lambda = \sigma^2 \gamma / r^2",
            ),
            Step(
                "There the risk is sigma^2 gamma h",
                Relation(best, "=", _sigma**2 * _gamma * _h),
                "exact",
                shown=r"R = \sigma^2 \gamma h(\lambda)",
            ),
            Step(
                "or r^2 e with e = q gamma h, q = (sigma/r)^2. So lambda(h) = q gamma is solved by",
                Relation(solved, "=", curve),
                "exact",
                _is_ratio_of_best,
            ),
            Step(
                "which increases with e for e < 1:",
                Relation(sp.diff(curve, _size), "=", rising),
                "exact",
                shown=r"\frac{d\gamma}{de} = \frac{q + e^2}{(1 - e)^2 (e + q)^2} > 0",
            ),
            Step(
                "At a ratio gamma e is the positive root of a quadratic, so that R = r^2 e is",
                Relation(_positive_root(half, -(_r**2) * _sigma**2), "=", risk),
                "exact",
                _is_least_risk,
                shown=r"R = \sqrt{a^2 + r^2 \sigma^2} - a, \quad "
                r"a = \frac{r^2 (1 - \gamma) + \sigma^2 \gamma}{2 \gamma}",
                domain=Domain(gamma=(0, sp.oo), r=(0, sp.oo), sigma=(0, sp.oo)),
            ),
        ),
        Domain(e=(0, 1), q=(0, sp.oo)),
        parts={"penalty": sp.Eq(sp.Symbol("lambda"), penalty), "risk": sp.Eq(sp.Symbol("R"), risk)},
        titles={
            "penalty": "best penalty",
            "risk": "risk at the best penalty",
        },
        assumptions=ASSUMPTIONS,
        source=f"{SOURCE}, on ridge regression",
    )


def _is_ratio_of_best(claimed: Any, e: Fraction, q: Fraction) -> bool:
    """Whether at this ratio the mean of lambda/(x + lambda), lambda = q gamma, is e."""
    with mpmath.workdps(DIGITS):
        gamma = Fraction(str(claimed))
        penalty = mp_number(q * gamma)
        at_zero = mp_number(max(1 - 1 / gamma, Fraction(0)))
        mean = mean_under_law(gamma, lambda x: penalty / (x + penalty)) + at_zero
        return bool(abs(mean - mp_number(e)) < mpmath.mpf(10) ** -12)


def _positive_root(half: sp.Expr, constant: sp.Expr) -> sp.Expr:
    """The larger root of x^2 + 2 half x + constant."""
    x = sp.Symbol("x")
    linear, rest = sp.symbols("b c", real=True)
    return sp.solve(x**2 + 2 * linear * x + rest, x)[1].subs({linear: half, rest: constant})


def _is_least_risk(claimed: Any, gamma: Fraction, r: Fraction, sigma: Fraction) -> bool:
    """Whether sigma^2 gamma E 1/(x + lambda), at the best penalty lambda, is this risk."""
    with mpmath.workdps(DIGITS):
        penalty = sigma**2 * gamma / r**2
        at_zero = max(1 - 1 / gamma, Fraction(0)) / penalty
        mean = mean_under_law(gamma, lambda x: 1 / (x + mp_number(penalty))) + mp_number(at_zero)
        return bool(abs(float(claimed) / float(mp_number(sigma**2 * gamma) * mean) - 1) < 1e-9)
