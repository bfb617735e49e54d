r"""The risk of least squares on random features of the inputs that are linear: fewer numbers than there are inputs.

Conventions: p inputs x ~ N(0, 1_p), targets y = x . beta + noise with |beta| = r and noise of standard deviation sigma;
N features U x, where the rows of U are an orthonormal frame of a random subspace; n examples, the least-norm fit of y
by the features, q = N/n and s = N/p. The risk is what the error on a new example exceeds sigma^2 by, in the limit of
many examples, features and inputs. Several outputs have one read-out each, and the same risk.
"""

from fractions import Fraction
from functools import cache
from typing import Any

import sympy as sp

from theory.derivation import Derivation, Step
from theory.domain import Domain
from theory.free_probability.laws import marchenko_pastur
from theory.generalisation.least_squares_risk import overparameterised_risk, underparameterised_risk
from theory.proof import Relation

__all__ = ["projected_risk", "wide_projected_risk"]

_SOURCE = "Hastie, Montanari, Rosset and Tibshirani (2022), arXiv:1903.08560, section 5; Bach (2023), arXiv:2303.01372"
_ASSUMPTIONS = (
    "normal inputs of variance 1, and a frame of random direction; many examples, features and inputs, with fixed "
    "ratios",
)
_q, _s, _r, _sigma = sp.symbols("q s r sigma", positive=True)


@cache
def projected_risk() -> Derivation:
    r"""Derive the risk with N random linear features, fewer than examples.

    What the features miss of the target acts as noise on what they see, tau^2 = sigma^2 + (1 - s) r^2:

    .. math:: R = \frac{\tau^2}{1 - q} - \sigma^2 \quad (q < 1)

    It is infinite at N = n, whatever the number of outputs.

    Returns:
        A derivation. The part "peak" is the limit of (1 - q) R at q = 1.

    Examples:
        >>> projected_risk().at(q="1/2", s="1/4", r=1, sigma="1/2")
        7/4

    References:
        Hastie, Montanari, Rosset and Tibshirani (2022), arXiv:1903.08560, section 5 on misspecified models; Bach
        (2023), arXiv:2303.01372.
    """
    missed, noise = (1 - _s) * _r**2, _sigma**2 + (1 - _s) * _r**2
    risk = noise / (1 - _q) - _sigma**2
    given = underparameterised_risk()
    seen = given.value.subs({given.symbols["gamma"]: _q, given.symbols["sigma"]: sp.sqrt(noise)}, simultaneous=True)
    return Derivation(
        "The risk of least squares on few random linear features",
        sp.Eq(sp.Symbol("R"), risk),
        (
            _split(),
            Step(
                "With fewer features than examples the error is this noise and what least squares adds to it.",
                Relation(missed + seen, "=", risk),
                "exact",
                _is_below,
                shown=r"R = (1 - s) r^2 + \frac{\tau^2 q}{1 - q} = \frac{\tau^2}{1 - q} - \sigma^2",
            ),
            Step(
                "At q = 1, as many features as examples, it grows without bound, as",
                Relation(_times(1 - _q, risk), "=", noise),
                "exact",
                shown=r"\lim_{q \to 1} (1 - q) R = \tau^2",
            ),
            Step("which is positive.", Relation(0, "<", noise), "exact", shown=r"\tau^2 > 0"),
        ),
        _box(0, 1),
        parts={"peak": sp.Eq(sp.Symbol("T"), noise)},
        titles={
            "peak": "strength of the peak",
        },
        assumptions=_ASSUMPTIONS,
        source=_SOURCE,
        shown={"result": r"R = \frac{\tau^2}{1 - q} - \sigma^2", "peak": r"\tau^2 = \sigma^2 + (1 - s) r^2"},
    )


@cache
def wide_projected_risk() -> Derivation:
    r"""Derive the risk with more random linear features than examples.

    .. math:: R = \frac{q \tau^2}{q - 1} + s r^2 \Bigl(1 - \frac1q\Bigr) - \sigma^2 \quad (q > 1), \qquad
              \tau^2 = \sigma^2 + (1 - s) r^2

    Returns:
        A derivation. The part "peak" is the limit of (q - 1) R at q = 1.

    Examples:
        >>> wide_projected_risk().at(q=2, s="1/2", r=1, sigma="1/2")
        3/2

    References:
        Hastie, Montanari, Rosset and Tibshirani (2022), arXiv:1903.08560, section 5 on misspecified models; Bach
        (2023), arXiv:2303.01372.
    """
    missed, noise = (1 - _s) * _r**2, _sigma**2 + (1 - _s) * _r**2
    risk = _q * noise / (_q - 1) + _s * _r**2 * (1 - 1 / _q) - _sigma**2
    given = overparameterised_risk()
    replaced = {"gamma": _q, "sigma": sp.sqrt(noise), "r": sp.sqrt(_s) * _r}
    seen = given.value.subs({given.symbols[name]: value for name, value in replaced.items()}, simultaneous=True)
    share = sp.Symbol("c", positive=True)
    return Derivation(
        "The risk of least squares on many random linear features",
        sp.Eq(sp.Symbol("R"), risk),
        (
            _split(),
            Step(
                "With more features than examples the least-norm fit also misses a part of what they see.",
                Relation(missed + seen, "=", risk),
                "exact",
                _is_above,
                shown=r"R = (1 - s) r^2 + s r^2 \left(1 - \frac{1}{q}\right) + \frac{\tau^2}{q - 1}",
            ),
            Step(
                "At q = 1 it grows without bound, as",
                Relation(_times(_q - 1, risk), "=", noise),
                "exact",
                shown=r"\lim_{q \to 1} (q - 1) R = \tau^2",
            ),
            Step(
                "Beyond it the risk falls. Without noise, and with s = c q, c = n/p, the slope is",
                Relation(risk.subs({_sigma: 0, _s: share * _q}).diff(_q), "=", -(_r**2) * (1 - share) / (_q - 1) ** 2),
                "exact",
                shown=r"R'(q) = - \frac{r^2 (1 - c)}{(q - 1)^2} < 0",
                domain=Domain(q=(1, sp.oo), c=(0, 1), r=(0, sp.oo)),
            ),
        ),
        _box(1, sp.oo),
        parts={"peak": sp.Eq(sp.Symbol("T"), noise)},
        titles={
            "peak": "strength of the peak",
        },
        assumptions=_ASSUMPTIONS,
        source=_SOURCE,
        shown={"peak": r"\tau^2 = \sigma^2 + (1 - s) r^2"},
    )


def _split() -> Step:
    return Step(
        "The features are normal with variance 1, and independent of the part of x that they miss. They see a share s "
        "of |beta|^2; the rest is noise to them, beside the old one:",
        Relation(_sigma**2 + _r**2 - _s * _r**2, "=", _sigma**2 + (1 - _s) * _r**2),
        "exact",
        shown=r"\tau^2 = \sigma^2 + (1 - s) r^2",
    )


def _box(lower: object, upper: object) -> Domain:
    return Domain(q=(lower, upper), s=(0, 1), r=(0, sp.oo), sigma=(0, sp.oo))


def _times(factor: sp.Expr, risk: sp.Expr) -> sp.Expr:
    """A multiple of the risk at q = 1."""
    return sp.factor(sp.cancel(factor * risk).subs(_q, 1))


def _is_below(claimed: Any, q: Fraction, s: Fraction, r: Fraction, sigma: Fraction) -> bool:
    """Whether it is the mean of 1/x of the spectrum of features that adds the variance."""
    noise = float(sigma**2 + (1 - s) * r**2)
    added = noise * float(q) * -marchenko_pastur(q).stieltjes(0.0).real
    return bool(abs(float(claimed) - float((1 - s) * r**2) - added) < 1e-9 * (1 + added))


def _is_above(claimed: Any, q: Fraction, s: Fraction, r: Fraction, sigma: Fraction) -> bool:
    """The same where the spectrum is that of the examples, and the fit sees n of N directions."""
    noise = float(sigma**2 + (1 - s) * r**2)
    added = noise / float(q) * -marchenko_pastur(1 / q).stieltjes(0.0).real
    left = float((1 - s) * r**2 + s * r**2 * (1 - 1 / q))
    return bool(abs(float(claimed) - left - added) < 1e-9 * (1 + added))
