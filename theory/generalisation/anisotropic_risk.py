r"""The risk of ridge regression when the inputs vary more in some directions than in others.

Conventions: as for standard normal inputs, n examples y = x . beta + noise of standard deviation sigma, gamma = p/n,
|y - X b|^2/n + lambda |b|^2 is minimised, ridgeless is the limit lambda -> 0; but x ~ N(0, Sigma), where Sigma has few
different eigenvalues, each for a share of the p directions. The risk is the mean of (b - beta)' Sigma (b - beta), what
the error on a new example exceeds sigma^2 by. The parameter is v = tr (X X'/n + lambda)^-1/n, minus the Stieltjes
transform at -lambda of the spectrum of X X'/n, a sum of p free terms: a free compound Poisson law.
"""

from collections.abc import Sequence
from fractions import Fraction
from functools import cache
from typing import Any

import mpmath
import numpy as np
import sympy as sp

from theory.derivation import Derivation, Step, Theorem
from theory.domain import Domain
from theory.free_probability.laws import compound_poisson
from theory.generalisation.least_squares_risk import ridge_risk
from theory.proof import Relation
from theory.real_arrays import nonnegative_number, positive_number, real_vector

__all__ = ["anisotropic_ridge_risk", "anisotropic_risk"]

_DIGITS = 40
_RANGE = 1e12  # of sizes whose risk double precision holds
_SOURCE = "Hastie, Montanari, Rosset and Tibshirani (2022), arXiv:1903.08560, section 4; Dobriban and Wager (2018), "
_SOURCE += "arXiv:1507.03003"
_gamma, _v, _sigma, _w, _a, _b, _alpha, _beta = sp.symbols("gamma v sigma w a b alpha beta", positive=True)
_rho = sp.Symbol("rho", real=True)


def anisotropic_risk(
    ratio: float,
    *,
    variances: Sequence[float],
    shares: Sequence[float],
    signals: Sequence[float],
    noise: float,
    penalty: float = 0.0,
) -> tuple[float, float]:
    r"""Compute the limit of the risk of ridge regression for any number of different variances, in floats.

    Args:
        ratio: gamma, inputs over examples, positive; not 1 without a penalty.
        variances: The eigenvalues of Sigma, positive.
        shares: Of the directions that have each of them, positive, with the sum 1.
        signals: The squared norm of beta in the directions of each, not negative.
        noise: sigma, not negative.
        penalty: lambda, not negative.

    Returns:
        Bias and variance, whose sum is the risk.

    Raises:
        TypeError: If a number is none.
        ValueError: If lengths differ, a number is out of range or not finite, or some are neither 0 nor between 1e-12
            and 1e12.

    Examples:
        >>> bias, variance = anisotropic_risk(2, variances=[1, 1], shares=[0.5, 0.5], signals=[0.3, 0.7], noise=0.5)
        >>> round(bias, 12), round(variance, 12)
        (0.5, 0.25)

    References:
        Hastie, Montanari, Rosset and Tibshirani (2022), arXiv:1903.08560, section 4.
    """
    t, w, s = (
        real_vector(name, column)
        for name, column in (("variances", variances), ("shares", shares), ("signals", signals))
    )
    if not t.shape == w.shape == s.shape:
        raise ValueError(f"variances, shares and signals must be as many, got {len(t)}, {len(w)} and {len(s)}.")
    for name, column in (("variances", t), ("shares", w)):
        if not (column > 0).all():
            raise ValueError(f"{name} must be > 0, got {column.min():g}.")
    if not (s >= 0).all():
        raise ValueError(f"signals must be >= 0, got {s.min():g}.")
    if not abs(w.sum() - 1) < 1e-9:
        raise ValueError(f"shares must sum to 1, got the sum {w.sum():g}.")
    ratio, noise = positive_number("ratio", ratio), nonnegative_number("noise", noise)
    penalty = nonnegative_number("penalty", penalty)
    if penalty == 0 and ratio == 1:
        raise ValueError("ratio must not be 1 without a penalty, where the risk is infinite, got 1.")
    scale = np.array([*t, s.max() if s.max() else 1.0, noise or 1.0, ratio, penalty or 1.0])
    if not ((scale > 1 / _RANGE) & (scale < _RANGE)).all():
        raise ValueError(
            f"all numbers must be 0 or lie between {1 / _RANGE:g} and {_RANGE:g}, "
            f"got {scale.min():g} to {scale.max():g}."
        )
    if penalty == 0 and ratio < 1:
        return 0.0, noise**2 * ratio / (1 - ratio)
    from scipy.optimize import brentq

    def excess(log_v: float) -> float:
        """The penalty less the one that belongs to v, times v: increasing in v."""
        v = np.exp(log_v)
        return float(penalty * v - 1 + ratio * (w * t * v / (1 + t * v)).sum())

    v = np.exp(brentq(excess, -200, 200, xtol=1e-14))
    overlap = ratio * (w * (t * v / (1 + t * v)) ** 2).sum()
    return float((s * t / (1 + t * v) ** 2).sum() / (1 - overlap)), float(noise**2 * overlap / (1 - overlap))


@cache
def anisotropic_ridge_risk() -> Derivation:
    r"""Derive the risk for two different variances a and b, of the shares w and 1 - w, in terms of v.

    With alpha and beta the squared norms of the parameter in the directions of the two,

    .. math:: R = \frac{1}{1 - D} \left(\frac{\alpha a}{(1 + a v)^2} + \frac{\beta b}{(1 + b v)^2} + \sigma^2 D\right),
              \qquad D = \gamma \left(w \frac{a^2 v^2}{(1 + a v)^2} + (1 - w) \frac{b^2 v^2}{(1 + b v)^2}\right)

    Returns:
        A derivation with the parts "penalty", "bias", "variance", and "below", the risk without a penalty for
        gamma < 1, which is the same for all variances.

    Examples:
        >>> values = {"gamma": 2, "v": 1, "a": 1, "b": 1, "w": "1/2"}
        >>> anisotropic_ridge_risk().at(part="penalty", **values)
        0
        >>> anisotropic_ridge_risk().at(alpha="1/2", beta="1/2", sigma="1/2", **values)
        3/4

    References:
        Hastie, Montanari, Rosset and Tibshirani (2022), arXiv:1903.08560, section 4; Dobriban and Wager (2018),
        arXiv:1507.03003.
    """
    law = compound_poisson([(_gamma * _w, _a), (_gamma * (1 - _w), _b)])
    defined = -(law.r_transform(-_v) - 1 / _v)
    penalty = 1 / _v - _gamma * (_w * _a / (1 + _a * _v) + (1 - _w) * _b / (1 + _b * _v))
    shifted = 1 / _v - _gamma * (_w * _a / (1 + _a * (_rho + _v)) + (1 - _w) * _b / (1 + _b * (_rho + _v)))
    overlap = _gamma * (_w * _a**2 * _v**2 / (1 + _a * _v) ** 2 + (1 - _w) * _b**2 * _v**2 / (1 + _b * _v) ** 2)
    rate = (-shifted.diff(_rho) / shifted.diff(_v)).subs(_rho, 0)
    moving = sp.Function("v")(_rho)
    kept = _alpha / (1 + _a * (_rho + moving)) + _beta / (1 + _b * (_rho + moving))
    slope = (-kept.diff(_rho)).subs(moving.diff(_rho), overlap / (1 - overlap)).subs(moving, _v).subs(_rho, 0)
    bias = (_alpha * _a / (1 + _a * _v) ** 2 + _beta * _b / (1 + _b * _v) ** 2) / (1 - overlap)
    variance = _sigma**2 * overlap / (1 - overlap)
    inverse, norm, h = sp.symbols("t r h", positive=True)
    equal = {_a: 1, _b: 1, _alpha: norm**2 / 2, _beta: norm**2 / 2}
    companion = _gamma * h + (1 - _gamma) / ridge_risk().parts["penalty"].rhs
    earlier = {
        symbol: {"h": h, "gamma": _gamma, "r": norm, "sigma": _sigma}[name]
        for name, symbol in ridge_risk().symbols.items()
    }
    one_variance = ridge_risk().value.subs(earlier)
    below = _sigma**2 * _gamma / (1 - _gamma)
    at_infinity = _gamma * (
        _w * sp.cancel(_a / (_a + inverse)).subs(inverse, 0) ** 2
        + (1 - _w) * sp.cancel(_b / (_b + inverse)).subs(inverse, 0) ** 2
    )
    return Derivation(
        "The risk of ridge regression with two different variances",
        sp.Eq(sp.Symbol("R"), bias + variance),
        (
            Step(
                "X X'/n is a sum over inputs, a share of gamma w per example with the size a, the others b: R(g) + 1/g "
                "= z with g = -v and z = -lambda",
                Relation(defined, "=", penalty),
                "exact",
                _is_companion,
                shown=r"\lambda = \frac{1}{v} - \gamma \left(\frac{w a}{1 + a v} + \frac{(1 - w) b}{1 + b v}\right)",
            ),
            Step(
                "With lambda (1 + rho Sigma) for the penalty the inputs have the variances a/(1 + rho a), and so b, "
                "and lambda (S + lambda)^-1 acts as (1 + v Sigma)^-1:",
                Relation(1 / (1 + _rho * _a) / (1 + _v * _a / (1 + _rho * _a)), "=", 1 / (1 + (_rho + _v) * _a)),
                "exact",
                shown=r"\lambda \, \beta' (S + \lambda (1 + \rho \Sigma))^{-1} \beta \to "
                r"\frac{\alpha}{1 + (\rho + v) a} + \frac{\beta}{1 + (\rho + v) b}",
                domain=Domain(rho=(0, 1), a=(0, sp.oo), v=(0, sp.oo)),
            ),
            Step(
                "where v moves with rho so that lambda stays:",
                Relation(rate, "=", overlap / (1 - overlap)),
                "exact",
                lambda gamma, w, a, b, v: _moved(gamma, w, a, b, v, lambda rho, there: there),
                shown=r"\frac{dv}{d\rho} = \frac{D}{1 - D}, \quad D = \gamma \left(\frac{w a^2 v^2}{(1 + a v)^2} + "
                r"\frac{(1 - w) b^2 v^2}{(1 + b v)^2}\right)",
            ),
            Step(
                "The bias is lambda^2 beta' (S + lambda)^-1 Sigma (S + lambda)^-1 beta, minus the slope in rho",
                Relation(slope, "=", bias),
                "exact",
                lambda gamma, w, a, b, v, alpha, beta: _moved(
                    gamma,
                    w,
                    a,
                    b,
                    v,
                    lambda rho, there: (
                        -_number(alpha) / (1 + _number(a) * (rho + there))
                        - _number(beta) / (1 + _number(b) * (rho + there))
                    ),
                ),
                shown=r"B = \frac{1}{1 - D} \left(\frac{\alpha a}{(1 + a v)^2} + \frac{\beta b}{(1 + b v)^2}\right)",
            ),
            Step(
                "The variance is sigma^2 tr Sigma (S + lambda)^-1 S (S + lambda)^-1/n, the slope in lambda of sigma^2 "
                "lambda tr Sigma (S + lambda)^-1/n = sigma^2 (1/v - lambda)",
                Relation(_sigma**2 * (-1 / _v**2 / penalty.diff(_v) - 1), "=", variance),
                "exact",
                _variance,
                shown=r"V = \sigma^2 \left(- \frac{1}{v^2} \frac{dv}{d\lambda} - 1\right) = \frac{\sigma^2 D}{1 - D}",
            ),
            Step(
                "Their sum is the risk.",
                Relation(slope + _sigma**2 * rate, "=", bias + variance),
                "exact",
                shown=r"R = B + V",
            ),
            Step(
                "With one variance, a = b = 1, it is the one known before.",
                Relation((bias + variance).subs(equal).subs(_v, sp.cancel(companion)), "=", one_variance),
                "exact",
                shown=r"R = \frac{r^2 (1 - (1 - \gamma) h)^2 + \sigma^2 \gamma h^2}{(1 + \gamma h)^2 - \gamma h^2}",
                domain=Domain(gamma=(0, sp.oo), h=(0, sp.oo), r=(0, sp.oo), sigma=(0, sp.oo)).where(
                    1 - (1 - _gamma) * h > 0
                ),
            ),
            Step(
                "Without a penalty v is infinite for gamma < 1, t = 1/v = 0: the bias vanishes and D is gamma, so "
                "that the variances do not matter:",
                Relation(_sigma**2 * at_infinity / (1 - at_infinity), "=", below),
                "exact",
                shown=rf"R = {sp.latex(below)}",
                domain=Domain(
                    gamma=(0, 1),
                    a=(0, sp.oo),
                    b=(0, sp.oo),
                    w=(0, 1),
                    sigma=(0, sp.oo),
                    alpha=(0, sp.oo),
                    beta=(0, sp.oo),
                ),
            ),
        ),
        Domain(
            gamma=(0, sp.oo),
            v=(0, sp.oo),
            a=(0, sp.oo),
            b=(0, sp.oo),
            w=(0, 1),
            alpha=(0, sp.oo),
            beta=(0, sp.oo),
            sigma=(0, sp.oo),
        ).where(penalty >= 0),
        parts={
            "penalty": sp.Eq(sp.Symbol("lambda"), penalty),
            "bias": sp.Eq(sp.Symbol("B"), bias),
            "variance": sp.Eq(sp.Symbol("V"), variance),
            "below": sp.Eq(sp.Symbol("R"), below),
        },
        titles={
            "penalty": "penalty at which it is",
            "bias": "part from the bias",
            "variance": "part from the variance",
            "below": "risk without a penalty below the peak",
        },
        assumptions=("inputs are normal; many examples and inputs, with a fixed ratio gamma = p/n",),
        theorems=(
            Theorem(
                "Deterministic equivalents of sample covariances",
                r"For many examples and inputs $\lambda (S + \lambda)^{-1}$ acts in every fixed direction as "
                r"$(1 + v \Sigma)^{-1}$, and its slopes in parameters do so too.",
                "Bai and Silverstein (2010), Spectral analysis of large dimensional random matrices; Hachem, Loubaton "
                "and Najim (2007), Annals of Applied Probability 17(3)",
            ),
        ),
        source=_SOURCE,
    )


def _is_companion(claimed: Any, gamma: Fraction, w: Fraction, a: Fraction, b: Fraction, v: Fraction) -> bool:
    """Whether the transform of the law at minus this penalty is minus v, by the law's own solver in floats."""
    penalty = float(claimed)
    law = compound_poisson([(gamma * w, a), (gamma * (1 - w), b)])
    return bool(abs(law.stieltjes(-penalty).real / -float(v) - 1) < 1e-9)


def _solved(gamma: Fraction, w: Fraction, a: Fraction, b: Fraction, penalty: Any, rho: Any, near: Any) -> Any:
    """The v at which the penalty of the shifted problem is the given one, by Newton's method."""
    g, share, first, second = (_number(value) for value in (gamma, w, a, b))
    return mpmath.findroot(
        lambda v: (
            1 / v
            - g * (share * first / (1 + first * (rho + v)) + (1 - share) * second / (1 + second * (rho + v)))
            - penalty
        ),
        near,
    )


def _penalty_at(gamma: Fraction, w: Fraction, a: Fraction, b: Fraction, v: Fraction) -> Any:
    return _number(1 / v - gamma * (w * a / (1 + a * v) + (1 - w) * b / (1 + b * v)))


def _moved(gamma: Fraction, w: Fraction, a: Fraction, b: Fraction, v: Fraction, value: Any) -> Any:
    """The slope in rho at 0 of value(rho, v(rho)), by a central difference of what is solved for."""
    with mpmath.workdps(2 * _DIGITS):
        penalty, step = _penalty_at(gamma, w, a, b, v), mpmath.mpf(10) ** -20
        up, down = (value(rho, _solved(gamma, w, a, b, penalty, rho, _number(v))) for rho in (step, -step))
        return (up - down) / (2 * step)


def _variance(gamma: Fraction, w: Fraction, a: Fraction, b: Fraction, v: Fraction, sigma: Fraction) -> Any:
    """sigma^2 times the slope of 1/v - lambda in lambda, by a central difference."""
    with mpmath.workdps(2 * _DIGITS):
        penalty, step = _penalty_at(gamma, w, a, b, v), mpmath.mpf(10) ** -20
        up, down = (1 / _solved(gamma, w, a, b, penalty + shift, 0, _number(v)) - shift for shift in (step, -step))
        return _number(sigma) ** 2 * (up - down) / (2 * step)


def _number(value: Fraction) -> Any:
    return mpmath.mpf(value.numerator) / value.denominator
