r"""Bias and variance of ridge regression by the Stieltjes transform of the spectrum, and means under its law.

Conventions: those of ``theory.generalisation.least_squares_risk``. The spectrum F of S = X'X/n is Marchenko and
Pastur's of ratio gamma, and h = E 1/(x + lambda) = -G(-lambda) is used as the parameter, because lambda is a rational
function of it.
"""

from collections.abc import Callable
from fractions import Fraction
from typing import Any, Final

import mpmath
import sympy as sp

from theory.free_probability.laws import marchenko_pastur

__all__ = ["bias_and_variance", "mean_under_law", "mp_number", "penalty_of_transform"]

DIGITS: Final = 40
SOURCE: Final = "Hastie, Montanari, Rosset and Tibshirani (2022), arXiv:1903.08560"
ASSUMPTIONS: Final = ("inputs are standard normal; many examples and inputs, with a fixed ratio gamma = p/n",)
_gamma, _h, _r, _sigma = sp.symbols("gamma h r sigma", positive=True)


def penalty_of_transform() -> sp.Expr:
    """Return the lambda at which the transform is h: minus R(-h) - 1/h, from the R-transform of the law.

    Examples:
        >>> penalty_of_transform().subs({_gamma: 1, _h: 1})
        1/2
    """
    return sp.cancel(-(marchenko_pastur(_gamma).r_transform(-_h) - 1 / _h))


def bias_and_variance() -> tuple[sp.Expr, sp.Expr]:
    """Return the two parts of the risk as functions of gamma, h, r and sigma: with h' = 1/lambda'(h).

    Examples:
        >>> [part.subs({_gamma: 1, _h: 1, _r: 1, _sigma: 1}) for part in bias_and_variance()]
        [1/3, 1/3]
    """
    penalty = penalty_of_transform()
    slope = 1 / penalty.diff(_h)
    bias = -(_r**2) * penalty**2 * slope
    variance = _sigma**2 * _gamma * (_h + penalty * slope)
    return bias, variance


def mean_under_law(ratio: Fraction, value: Callable[[Any], Any]) -> Any:
    """Return the mean of a function under the law of this ratio, without what an atom at 0 adds.

    The integral is over the angle in x = 1 + ratio + 2 sqrt(ratio) cos(angle), with sin^2/x times 2/pi for the density,
    in the precision of mpmath at the time.

    Examples:
        >>> mpmath.nstr(mean_under_law(Fraction(1, 2), lambda x: 1 / x), 12)
        '2.0'
    """
    centre, half = 1 + mp_number(ratio), 2 * mpmath.sqrt(mp_number(ratio))

    def inside(angle: Any) -> Any:
        cosine = mpmath.cos(angle)
        x = centre + half * cosine
        return value(x) * (1 - cosine * cosine) / x

    return 2 * mpmath.quad(inside, mpmath.linspace(0, mpmath.pi, 3)) / mpmath.pi


def mp_number(value: Fraction) -> Any:
    """Return a fraction as a number of mpmath, rounded once to its precision at the time."""
    return mpmath.mpf(value.numerator) / value.denominator
