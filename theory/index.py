r"""The energy at which saddles turn into minima, in a random-matrix model of the Hessian.

Conventions: the *index* of a law is its mass below zero. Below the critical energy the left edge of the law is positive
and the index is zero. The left edge is the supremum over -h in (1/s_min, 0) of R(-h) - 1/h, where s_min is the least
negative jump size (over all h > 0 if there is none). A model is given as a law with the energy among its parameters.
"""

from functools import lru_cache

import sympy as sp

from theory.algebraic_threshold import algebraic_energy
from theory.closed_threshold import NoClosedFormError, closed_form, feasible_box
from theory.derivation import Derivation
from theory.energy_curve import EnergyCurve
from theory.family import threshold_family
from theory.free_probability.law import SpectralLaw
from theory.model import recognise
from theory.power_law import family_power_law
from theory.symbols import epsilon

__all__ = ["critical_energy", "index_power_law", "threshold_family"]


def critical_energy(law: SpectralLaw, energy: sp.Symbol = epsilon) -> Derivation:
    r"""Derive the energy at which the left edge of a law reaches zero.

    First the edge is proved to fall as the energy grows. Where R(-h) = 1/h is of degree one in the energy (or its root)
    and the energy is stationary at a root of a quadratic in h, the result is a closed form in the other parameters; if
    nothing but the energy is free it is an algebraic number for every law.

    Args:
        law: A law with the energy among its parameters, such as `wishart_wigner_hessian()`.
        energy: Which parameter is the energy.

    Returns:
        A derivation whose result is critical energy = expression; among its parts the edge point g = -h_*.

    Raises:
        TypeError: If the law is no SpectralLaw or the energy is no symbol.
        ValueError: If the law does not contain the energy, its edge cannot be proved to fall with it, the edge is not
            positive at small energies, or there is no closed form while other parameters are free.

    Examples:
        >>> from theory.free_probability.laws import wishart_wigner_hessian
        >>> toy = critical_energy(wishart_wigner_hessian())
        >>> toy.result
        Eq(epsilon_c, -phi**2/2 - 5*phi/4 + (8*phi + 1)**(3/2)/16 + 1/16)
        >>> print(toy.at(phi="1/2", digits=10), toy.evidence)
        0.01127124297 exact
        >>> critical_energy(wishart_wigner_hessian().at(phi="1/2")).value
        -11/16 + 5*sqrt(5)/16

    References:
        Pennington and Bahri (2017), "Geometry of neural network loss surfaces via random matrix theory".
    """
    if not isinstance(law, SpectralLaw):
        raise TypeError(f"law must be a SpectralLaw, got {law!r}.")
    return _critical_energy(law, energy)


@lru_cache(maxsize=128)
def _critical_energy(law: SpectralLaw, energy: sp.Symbol) -> Derivation:
    """Derive a critical energy once for each law."""
    curve = EnergyCurve(law, energy)
    if not curve.parameters:
        return algebraic_energy(curve)
    try:
        return closed_form(curve)
    except NoClosedFormError as error:
        degree = max((factor.degree() for factor in curve.discriminant_factors), default=0)
        names = ", ".join(f"{symbol.name}=..." for symbol in curve.parameters)
        raise ValueError(
            f"the critical {energy.name} must have a closed form while parameters are free: {error} It is algebraic of "
            f"degree {degree} over the other parameters; bind them by law.at({names})."
        ) from error


def index_power_law(law: SpectralLaw, energy: sp.Symbol = epsilon) -> Derivation:
    r"""Derive how the index leaves zero above the critical energy.

    .. math:: \alpha = \alpha_0 d^{3/2} (1 + A_1 d + A_2 d^2 + O(d^3)), \qquad d = \epsilon/\epsilon_c - 1,

    for the family of `threshold_family`, which holds the three models at every Wishart scale.

    Args:
        law: A member of the family, such as `relu_hessian()`.
        energy: Which parameter is the energy.

    Returns:
        A derivation whose result is alpha in the relative excess ``delta``; its parts are exponent, amplitude, A1, A2.

    Raises:
        TypeError: If the law is no SpectralLaw or the energy is no symbol.
        ValueError: If the law is no Wishart part plus a residual part of one pair of jumps, or a semicircle, of second
            moment proportional to the energy.

    Examples:
        >>> from theory.free_probability.laws import wishart_wigner_hessian
        >>> toy = index_power_law(wishart_wigner_hessian())
        >>> print(toy.parts["exponent"], toy.evidence)
        Eq(exponent, 3/2) exact
    """
    if not isinstance(law, SpectralLaw):
        raise TypeError(f"law must be a SpectralLaw, got {law!r}.")
    return _power_law(law, energy)


@lru_cache(maxsize=128)
def _power_law(law: SpectralLaw, energy: sp.Symbol) -> Derivation:
    """Derive a power law once for each law."""
    curve = EnergyCurve(law, energy)
    model = recognise(law, energy)
    if model is None:
        raise ValueError(
            "law must be a Wishart part plus a residual part (a semicircle or one pair of jumps) whose second moment "
            f"is proportional to {energy.name}, got {law}."
        )
    try:
        domain, _ = feasible_box(curve)
    except NoClosedFormError as error:
        raise ValueError(f"law must have a positive left edge at small {energy.name}: {error}") from error
    return family_power_law(law, energy, model, domain)
