r"""Second routes to the complexity of the spherical p-spin: integrals instead of closed forms.

Conventions: those of `theory.spin_glass.arguments`; the semicircle has variance 1 here, its edges are -2 and 2.
"""

from fractions import Fraction
from typing import Any

import flint
import mpmath

from theory.ball import Ball
from theory.certified_precision import check_digits, refine
from theory.exact_numbers import exact_number
from theory.spin_glass.arguments import order_of_spins
from theory.spin_glass.complexity_functions import ball_ratio

__all__ = ["index_rate_integral", "mean_log_distance", "rate_by_quadrature"]

_DIGITS = 40
_FARTHEST = 10**6


def index_rate_integral(p: Any, u: Any, *, digits: int) -> Ball:
    r"""Return I_1(u) as a certified integral, without its closed form.

    .. math:: I_1(u) = \frac{2}{E_\infty^2} \int_{E_\infty}^{|u|} \sqrt{z^2 - E_\infty^2}\, dz

    Args:
        p: An integer >= 2.
        u: Energy per spin; at and above -E_inf the integral is 0.
        digits: The number of certified digits.

    Raises:
        TypeError: If p is no integer or u no real number.
        ValueError: If p < 2, or u is beyond 10^6, where the integral takes long.

    Examples:
        >>> print(index_rate_integral(3, -2, digits=20))
        0.20754645532203029245
    """
    order, exact = order_of_spins(p), exact_number("u", u)
    if abs(exact) > _FARTHEST:
        raise ValueError(f"u must lie between -10^6 and 10^6, got {u}.")
    ball: Ball = refine(
        lambda precision, _: (_integral(ball_ratio(order, exact, precision)),), check_digits(digits), f"I_1({u})"
    )[0]
    return ball


def rate_by_quadrature(ratio: Fraction, digits: int = _DIGITS) -> Ball:
    """Integrate 2 sqrt(s^2 - 1) from 1 to t in balls, t >= 1."""
    ball: Ball = refine(
        lambda _, __: (_integral(flint.arb(flint.fmpq(ratio.numerator, ratio.denominator))),), digits, f"at {ratio}"
    )[0]
    return ball


def mean_log_distance(place: Fraction) -> mpmath.mpf:
    """Integrate log|y - x| against the semicircle of variance 1, to forty digits; x = 2 cos b."""
    with mpmath.workdps(_DIGITS + 10):
        y = mpmath.mpf(place.numerator) / place.denominator
        cuts = [mpmath.mpf(0), mpmath.pi]
        if abs(y) < 2:
            cuts.insert(1, mpmath.acos(y / 2))
        weight = 2 / mpmath.pi
        return mpmath.quad(lambda b: weight * mpmath.sin(b) ** 2 * mpmath.log(abs(y - 2 * mpmath.cos(b))), cuts)


def _integral(ratio: flint.arb) -> flint.arb:
    """Integrate with s = 1 + w^2, which takes the root of the integrand away from the end."""

    def integrand(w: flint.acb, analytic: bool) -> flint.acb:
        return 4 * w * w * (w * w + 2).sqrt(analytic=analytic)

    return flint.acb.integral(integrand, flint.arb(0), (ratio - 1).nonnegative_part().sqrt()).real
