r"""The risk of least squares when a model grows on given data: it sees p of very many inputs that the target needs.

Conventions: n examples, a target linear in independent standard normal inputs of which the first p are used, gamma =
p/n, the least-norm fit. The share m(gamma) of the signal r^2 that the others carry is missed, q = sigma^2/r^2 is the
noise over the signal, and risks are beyond sigma^2 and in units of r^2, the null risk: that of predicting 0 always.
"""

from fractions import Fraction
from functools import cache
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import ArrayLike, NDArray

from theory.derivation import Derivation, Step, Theorem
from theory.domain import Domain
from theory.free_probability.laws import marchenko_pastur
from theory.generalisation.projected_risk import projected_risk, wide_projected_risk
from theory.proof import Relation

__all__ = ["decaying_signal_risk", "misspecified_risk", "second_descent", "wide_misspecified_risk"]

_SOURCE = "Hastie, Montanari, Rosset and Tibshirani (2022), arXiv:1903.08560, section 5 on misspecified models"
_ASSUMPTIONS = ("independent standard normal inputs; many examples and inputs, with a fixed ratio gamma = p/n",)
_gamma, _m, _q, _t, _u = sp.symbols("gamma m q t u", positive=True)


def decaying_signal_risk(ratio: ArrayLike, *, decay: float, noise: float, signal: float = 1.0) -> NDArray[np.float64]:
    r"""Compute the limit of the risk if a share (1 + gamma)^-decay of the signal is missed by gamma n inputs.

    Args:
        ratio: gamma, inputs that are used over examples, of any shape; positive and not 1.
        decay: The exponent a, positive.
        noise: sigma, not negative.
        signal: r, the norm of the whole parameter, positive.

    Returns:
        The risk beyond sigma^2, of the shape of ratio.

    Raises:
        ValueError: If a number is out of range.

    Examples:
        >>> decaying_signal_risk([0.5, 1.5], decay=3, noise=0.0).round(3)
        array([0.593, 0.504])

    References:
        Hastie, Montanari, Rosset and Tibshirani (2022), arXiv:1903.08560, section 5 on misspecified models.
    """
    gamma = np.asarray(ratio, dtype=np.float64)
    if not ((gamma > 0) & (gamma < np.inf) & (gamma != 1)).all():
        raise ValueError(f"ratio must be positive, finite and not 1, got {ratio!r}.")
    if not (0 < decay < np.inf and 0 <= noise < np.inf and 0 < signal < np.inf):
        raise ValueError(
            f"decay and signal must be positive, noise not negative, all finite, got {decay}, {signal}, {noise}."
        )
    missed = signal**2 * (1 + gamma) ** -decay
    unexplained = missed + noise**2
    below = unexplained / (1 - gamma) - noise**2
    beyond = signal**2 - (signal**2 - missed) / gamma + unexplained / (gamma - 1)
    return np.where(gamma < 1, below, beyond)


@cache
def misspecified_risk() -> Derivation:
    r"""Derive the risk with fewer parameters than examples, and when it is nowhere below the null risk.

    .. math:: R = \frac{m + q}{1 - \gamma} - q \quad (\gamma < 1)

    It is less than 1 only where the inputs see a share 1 - m of the signal beyond (1 + q) gamma. With m = (1 +
    gamma)^-a they nowhere do for a <= 1 + q: then it is best to use none.

    Returns:
        A derivation; the part "excess" is R - 1.

    Examples:
        >>> misspecified_risk().at(gamma="1/2", m="1/4", q="1/4")
        3/4

    References:
        Hastie, Montanari, Rosset and Tibshirani (2022), arXiv:1903.08560, section 5 on misspecified models.
    """
    risk = (_m + _q) / (1 - _gamma) - _q
    excess = ((1 + _q) * _gamma - (1 - _m)) / (1 - _gamma)
    # m = 1 - a gamma + t, a = 1 + q - u
    slow = excess.subs(_m, 1 - (1 + _q - _u) * _gamma + _t)
    return Derivation(
        "The risk of least squares that sees a part of the signal, with few parameters",
        sp.Eq(sp.Symbol("R"), risk),
        (
            Step(
                "The inputs that are not used are independent of the others, so that what they carry is noise:",
                Relation(_in_units(projected_risk()), "=", risk),
                "exact",
                _is_below,
                shown=r"R = m + (m + q) \frac{\gamma}{1 - \gamma} = \frac{m + q}{1 - \gamma} - q",
            ),
            Step(
                "Beyond the null risk that is",
                Relation(risk - 1, "=", excess),
                "exact",
                shown=r"R - 1 = \frac{(1 + q) \gamma - (1 - m)}{1 - \gamma}",
            ),
            Step(
                "For m = (1 + gamma)^-a > 1 - a gamma and a <= 1 + q this is positive.",
                Relation(0, "<", slow),
                "exact",
                shown=r"m = 1 - a \gamma + t, \ a = 1 + q - u: \quad R - 1 = \frac{u \gamma + t}{1 - \gamma} > 0",
                domain=Domain(gamma=(0, 1), q=(0, sp.oo), t=(0, sp.oo), u=(0, sp.oo)),
            ),
        ),
        Domain(gamma=(0, 1), m=(0, 1), q=(0, sp.oo)),
        parts={"excess": sp.Eq(sp.Symbol("E"), excess)},
        titles={
            "excess": "risk less one",
        },
        assumptions=_ASSUMPTIONS,
        theorems=(
            Theorem(
                "Bernoulli's inequality",
                r"$(1 + \gamma)^{-a} > 1 - a \gamma$ for $\gamma > 0$ and $a > 0$.",
                "Mitrinović (1970), Analytic inequalities, Springer",
            ),
        ),
        source=_SOURCE,
    )


@cache
def wide_misspecified_risk() -> Derivation:
    r"""Derive the risk with more parameters than examples, and when it gets below the null risk.

    .. math:: R = 1 - \frac{1 - m}{\gamma} + \frac{m + q}{\gamma - 1} \quad (\gamma > 1)

    For q >= 1, a signal no stronger than the noise, it never does. For q < 1 it does at every gamma > 2/(1 - q) at
    which m < (1 - q)/4: sooner or later, whatever the decay of m to 0. It tends to 1 as gamma grows.

    Returns:
        A derivation; the part "excess" is R - 1.

    Examples:
        >>> wide_misspecified_risk().at(gamma=2, m="1/4", q="1/4")
        9/8

    References:
        Hastie, Montanari, Rosset and Tibshirani (2022), arXiv:1903.08560, section 5 on misspecified models.
    """
    risk = 1 - (1 - _m) / _gamma + (_m + _q) / (_gamma - 1)
    excess = (1 + (2 * _gamma - 1) * _m - (1 - _q) * _gamma) / (_gamma * (_gamma - 1))
    d = sp.Symbol("d", positive=True)  # 1 - q
    far = excess.subs({_m: d / (4 * (1 + _t)), _q: 1 - d, _gamma: 2 / d + _u}, simultaneous=True)
    return Derivation(
        "The risk of least squares that sees a part of the signal, with many parameters",
        sp.Eq(sp.Symbol("R"), risk),
        (
            Step(
                "The inputs that are not used are independent of the others, so that what they carry is noise:",
                Relation(_in_units(wide_projected_risk()), "=", risk),
                "exact",
                _is_beyond,
                shown=r"R = m + (1 - m) \left(1 - \frac{1}{\gamma}\right) + \frac{m + q}{\gamma - 1}",
            ),
            Step(
                "Beyond the null risk that is",
                Relation(risk - 1, "=", excess),
                "exact",
                shown=r"R - 1 = \frac{1 + (2 \gamma - 1) m - (1 - q) \gamma}{\gamma (\gamma - 1)}",
            ),
            Step(
                "which is positive for q >= 1",
                Relation(0, "<", excess.subs(_q, 1 + _t)),
                "exact",
                shown=r"R > 1, \quad q \geq 1",
                domain=Domain(gamma=(1, sp.oo), m=(0, 1), t=(0, sp.oo)),
            ),
            Step(
                "and negative for q = 1 - d < 1 where gamma exceeds 2/d and m is less than d/4.",
                Relation(far, "<", 0),
                "exact",
                shown=r"R < 1, \quad \gamma > \frac{2}{1 - q}, \ m < \frac{1 - q}{4}",
                domain=Domain(d=(0, 1), t=(0, sp.oo), u=(0, sp.oo)),
            ),
        ),
        Domain(gamma=(1, sp.oo), m=(0, 1), q=(0, sp.oo)),
        parts={"excess": sp.Eq(sp.Symbol("E"), excess)},
        titles={
            "excess": "risk less one",
        },
        assumptions=_ASSUMPTIONS,
        source=_SOURCE,
    )


@cache
def second_descent() -> Derivation:
    r"""Derive on which side of the peak the least risk is, for three pairs of decay and noise.

    With m = (1 + gamma)^-3 and q < 1/20 the risk at gamma = 3/2 is less than at every gamma < 1: the best lies beyond
    the peak. With the same m and q = 1/2 the risk at gamma = 1/5 is less than at every gamma > 1, and so is, with m =
    (1 + gamma)^-8 and q = 1/100, that at gamma = 1/2.

    Returns:
        A derivation. The value is the risk at a gamma < 1 less that at 3/2; the parts "noisy" and "fast" are what the
        risk at gamma = 1 + t exceeds that at 1/5 and at 1/2 by.

    Examples:
        >>> second_descent().at(gamma="1/2", q="1/100")
        1061/13500
        >>> float(second_descent().at(part="noisy", t=2)) > 0
        True

    References:
        Hastie, Montanari, Rosset and Tibshirani (2022), arXiv:1903.08560, section 5 on misspecified models.
    """
    below, beyond = misspecified_risk().value, wide_misspecified_risk().value

    def at(risk: sp.Expr, place: sp.Expr, decay: int, noise: sp.Expr) -> sp.Expr:
        return risk.subs({_gamma: place, _m: (1 + place) ** -decay, _q: noise}, simultaneous=True)

    gain = (_q + (1 + _gamma) ** -3) / (1 - _gamma) - sp.Rational(63, 125) - 3 * _q
    place, half, hundredth = 1 + _t, sp.Rational(1, 2), sp.Rational(1, 100)
    noisy = at(beyond, place, 3, half) - at(below, sp.Rational(1, 5), 3, half)
    fast = at(beyond, place, 8, hundredth) - at(below, half, 8, hundredth)
    wide = Domain(t=(0, sp.oo))
    return Derivation(
        "On which side of the peak the least risk is",
        sp.Eq(sp.Symbol("D"), gain),
        (
            Step(
                "For m = (1 + gamma)^-3 the risk at gamma < 1 less that at 3/2 is",
                Relation(at(below, _gamma, 3, _q) - at(beyond, sp.Rational(3, 2), 3, _q), "=", gain),
                "exact",
                _is_gain,
                shown=r"R(\gamma) - R(3/2) = \frac{q + (1 + \gamma)^{-3}}{1 - \gamma} - \frac{63}{125} - 3 q",
            ),
            *(
                Step(
                    f"{words} this is positive.",
                    Relation(0, "<", gain),
                    "exact",
                    shown=r"R(3/2) < R(\gamma)",
                    domain=Domain(gamma=ends, q=(0, sp.Rational(1, 20))),
                )
                for words, ends in (
                    ("For gamma < 1/2", (0, sp.Rational(1, 2))),
                    ("For 1/3 < gamma < 1", (sp.Rational(1, 3), 1)),
                )
            ),
            Step(
                "With q = 1/2 the risk beyond the peak, at gamma = 1 + t, is everywhere more than at 1/5",
                Relation(0, "<", noisy),
                "exact",
                shown=r"R(1/5) < R(\gamma), \quad \gamma > 1, \quad q = 1/2",
                domain=wide,
            ),
            Step(
                "and so it is with m = (1 + gamma)^-8 and q = 1/100, against 1/2.",
                Relation(0, "<", fast),
                "exact",
                shown=r"R(1/2) < R(\gamma), \quad \gamma > 1, \quad m = (1 + \gamma)^{-8}, \ q = 1/100",
                domain=wide,
            ),
        ),
        Domain(gamma=(0, 1), q=(0, sp.Rational(1, 20))),
        parts={"noisy": sp.Eq(sp.Symbol("D"), noisy), "fast": sp.Eq(sp.Symbol("D"), fast)},
        titles={
            "noisy": "what it exceeds the risk at 1/5 by",
            "fast": "what it exceeds the risk at 1/2 by",
        },
        assumptions=_ASSUMPTIONS,
        source=_SOURCE,
        shown={"noisy": r"D = R(1 + t) - R(1/5), \quad q = 1/2", "fast": r"D = R(1 + t) - R(1/2), \quad q = 1/100"},
    )


def _in_units(derivation: Derivation) -> sp.Expr:
    """The risk on a random frame of the same share of inputs, for r = 1 and in the letters of this module."""
    values = {"q": _gamma, "s": 1 - _m, "r": sp.Integer(1), "sigma": sp.sqrt(_q)}
    return derivation.value.subs(
        {symbol: values[name] for name, symbol in derivation.symbols.items()}, simultaneous=True
    )


def _below(gamma: Fraction, m: Fraction, q: Fraction) -> float:
    """What is missed, and the noise times the mean of 1/x over the spectrum of X'X/n."""
    return float(m) + float((m + q) * gamma) * float(-marchenko_pastur(gamma).stieltjes(0.0).real)


def _beyond(gamma: Fraction, m: Fraction, q: Fraction) -> float:
    """The same with the directions of the inputs used that no example shows, and the spectrum of XX'/p."""
    left = m + (1 - m) * (1 - 1 / gamma)
    return float(left) + float((m + q) / gamma) * float(-marchenko_pastur(1 / gamma).stieltjes(0.0).real)


def _is_below(claimed: Any, gamma: Fraction, m: Fraction, q: Fraction) -> bool:
    known = _below(gamma, m, q)
    return bool(abs(float(claimed) - known) < 1e-9 * (1 + known))


def _is_beyond(claimed: Any, gamma: Fraction, m: Fraction, q: Fraction) -> bool:
    known = _beyond(gamma, m, q)
    return bool(abs(float(claimed) - known) < 1e-9 * (1 + known))


def _is_gain(claimed: Any, gamma: Fraction, q: Fraction) -> bool:
    known = _below(gamma, (1 + gamma) ** -3, q) - _beyond(Fraction(3, 2), Fraction(8, 125), q)
    return bool(abs(float(claimed) - known) < 1e-9 * (1 + abs(known)))
