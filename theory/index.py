r"""The energy at which saddles turn into minima, in a random-matrix model of the Hessian.

Conventions: the *index* of a law is its mass below zero. Below the critical energy the left edge of the law is positive
and the index is zero. The left edge is the maximum over -h in (1/s_min, 0) of R(-h) - 1/h, where s_min is the least
negative jump size (over all h > 0 if there is none). A model is given as a law with the energy among its parameters.
"""

import sympy as sp

from theory.algebraic_threshold import algebraic_energy
from theory.closed_threshold import NoClosedFormError, closed_form
from theory.derivation import Derivation
from theory.energy_curve import EnergyCurve
from theory.free_probability.law import SpectralLaw
from theory.symbols import epsilon

__all__ = ["critical_energy"]


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
        Eq(epsilon_c, (-8*phi**2 - 20*phi + (8*phi + 1)**(3/2) + 1)/16)
        >>> print(toy.at(phi="1/2", digits=10), toy.evidence)
        0.01127124297 exact
        >>> critical_energy(wishart_wigner_hessian().at(phi="1/2")).value
        -11/16 + 5*sqrt(5)/16

    References:
        Pennington and Bahri (2017), "Geometry of neural network loss surfaces via random matrix theory", section 4.
    """
    if not isinstance(law, SpectralLaw):
        raise TypeError(f"law must be a SpectralLaw, got {law!r}.")
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
