r"""The laws that the random-matrix model of a loss landscape is made of.

Conventions: ``phi`` is parameters per residual, ``epsilon`` the energy. A Wigner matrix with entries of variance
sigma^2/N has the semicircle of variance sigma^2, edges +-2 sigma. A Wishart matrix J J' with J of shape N x p and
entries of variance s/p has the Marchenko-Pastur law of ratio N/p and scale s (its mean), edges s (1 +- sqrt(ratio))^2.
"""

from collections.abc import Iterable

import sympy as sp

from theory.free_probability.coefficients import read_coefficient
from theory.free_probability.law import SpectralLaw
from theory.symbols import epsilon, phi

__all__ = [
    "compound_poisson",
    "linear_hessian",
    "marchenko_pastur",
    "point_mass",
    "relu_hessian",
    "residual_hessian",
    "semicircle",
    "wishart_wigner_hessian",
]


def point_mass(place: object) -> SpectralLaw:
    """Return the law that sits at one place: R = place. Adding it shifts a law.

    Examples:
        >>> (semicircle(1) + point_mass(3)).support()
        ((1.0, 5.0),)
    """
    return SpectralLaw(drift=read_coefficient("place", place))


def semicircle(variance: object) -> SpectralLaw:
    """Return Wigner's semicircle: R = variance g, edges -+2 sqrt(variance).

    Raises:
        ValueError: If the variance is known to be negative.

    Examples:
        >>> semicircle("1/4").support()
        ((-1.0, 1.0),)
        >>> semicircle(1).moment(6)
        5
    """
    return SpectralLaw(variance=read_coefficient("variance", variance))


def marchenko_pastur(ratio: object, scale: object = 1) -> SpectralLaw:
    """Return the Marchenko-Pastur law: R = scale/(1 - scale ratio g), edges scale (1 -+ sqrt(ratio))^2.

    For a ratio above 1 there is an atom of weight 1 - 1/ratio at 0.

    Args:
        ratio: Rows over columns of the Gaussian matrix, positive.
        scale: Mean of the law, positive; a variance, not a standard deviation.

    Raises:
        ValueError: If ratio or scale is known not to be positive.

    Examples:
        >>> marchenko_pastur(2).atoms()
        ((0, 1/2),)
        >>> marchenko_pastur("1/4", scale=4).support()
        ((1.0, 9.0),)
    """
    aspect, mean = read_coefficient("ratio", ratio), read_coefficient("scale", scale)
    for name, value in (("ratio", aspect), ("scale", mean)):
        if value.is_positive is False:
            raise ValueError(f"{name} must be positive, got {value}.")
    return SpectralLaw(jumps=((1 / aspect, aspect * mean),))


def compound_poisson(jumps: Iterable[tuple[object, object]]) -> SpectralLaw:
    """Return the free compound Poisson law of jumps (rate, size): R = sum rate size/(1 - size g).

    It is the limit of sum_i size_i x_i x_i' over independent Gaussian vectors of unit expected length, with
    rate x N vectors of each size in dimension N. Sizes may have either sign.

    Raises:
        ValueError: If a rate is known to be negative.

    Examples:
        >>> compound_poisson([(2, 1), ("1/2", -3)]).free_cumulant(2)
        13/2
    """
    return SpectralLaw(jumps=tuple(jumps))


def residual_hessian(active: object) -> SpectralLaw:
    r"""Return the law of the residual part of the Hessian of a one-hidden-layer net.

    A sample on which a hidden unit is active adds a term of rank two with eigenvalues -+ phi sqrt(epsilon/2), and
    there are active/phi of them per dimension, so that R = 2 q epsilon phi g/(2 - epsilon phi^2 g^2), q = active.

    Args:
        active: Fraction q of the samples on which a unit is active, 0 < q <= 1: 1 for linear units, 1/2 for ReLU.

    Raises:
        ValueError: If the fraction is known to lie outside (0, 1].

    Examples:
        >>> from theory.symbols import g
        >>> residual_hessian("1/2").free_cumulant(2)
        epsilon*phi/2
    """
    fraction = read_coefficient("active", active)
    if fraction.is_positive is False or (1 - fraction).is_negative:
        raise ValueError(f"active must be a fraction in (0, 1], got {fraction}.")
    size = phi * sp.sqrt(epsilon / 2)
    return SpectralLaw(jumps=((fraction / phi, -size), (fraction / phi, size)))


def wishart_wigner_hessian(scale: object = 1) -> SpectralLaw:
    """Return the toy model: Marchenko-Pastur(phi, scale) plus a free semicircle of variance 2 epsilon.

    References:
        Pennington and Bahri (2017).
    """
    return marchenko_pastur(phi, scale) + semicircle(2 * epsilon)


def linear_hessian(scale: object = 1) -> SpectralLaw:
    """Return Marchenko-Pastur(phi, scale) plus the true residual law of linear units."""
    return marchenko_pastur(phi, scale) + residual_hessian(1)


def relu_hessian(scale: object = 1) -> SpectralLaw:
    """Return Marchenko-Pastur(phi, scale) plus the residual law of ReLU units, active on half the samples.

    References:
        Pennington and Bahri (2017).
    """
    return marchenko_pastur(phi, scale) + residual_hessian(sp.Rational(1, 2))
