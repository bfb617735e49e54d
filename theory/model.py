"""Recognising a law as a member of the family that holds the three models.

Conventions as in `theory.family`.
"""

from dataclasses import dataclass

import sympy as sp

from theory.free_probability.law import SpectralLaw

__all__ = ["Model", "recognise"]


@dataclass(frozen=True)
class Model:
    """A law of the family, with its place in it.

    Args:
        ratio: phi, the inverse rate of the Wishart jump.
        scale: Mean of the Wishart part.
        sparsity: c, the inverse of the fraction of active samples; 0 for a semicircle.
        strength: Second moment of the residual part per unit of energy.
    """

    ratio: sp.Expr
    scale: sp.Expr
    sparsity: sp.Expr
    strength: sp.Expr

    @property
    def radical(self) -> sp.Expr:
        """The square root v that every closed form contains."""
        return sp.sqrt(sp.expand(1 + 8 * self.ratio + 4 * self.sparsity * self.ratio * (1 - self.ratio)))

    def critical_energy(self) -> sp.Expr:
        """The critical energy in factors, to be held against a derived one."""
        v = self.radical
        kappa = 8 * (1 - self.ratio) ** 3 * (1 + v) / (3 + v) ** 3
        return kappa * self.scale**2 / self.strength


def recognise(law: SpectralLaw, energy: sp.Symbol) -> Model | None:
    """Return the place of a law in the family, or None if it is not of it.

    Examples:
        >>> from theory.free_probability.laws import relu_hessian
        >>> from theory.symbols import epsilon
        >>> recognise(relu_hessian(), epsilon)
        Model(ratio=phi, scale=1, sparsity=2, strength=phi/2)
    """
    plain = [(rate, size) for rate, size in law.jumps if not (rate.has(energy) or size.has(energy))]
    moving = [(rate, size) for rate, size in law.jumps if (rate, size) not in plain]
    if law.drift != 0 or len(plain) != 1 or plain[0][1].is_negative:
        return None
    rate, size = plain[0]
    if not moving:
        second, sparsity = law.variance, sp.Integer(0)
    elif len(moving) == 2 and law.variance == 0 and sp.expand(moving[0][1] + moving[1][1]) == 0:
        if moving[0][0] != moving[1][0] or moving[0][0].has(energy):
            return None
        second, sparsity = sp.expand(2 * moving[0][0] * moving[0][1] ** 2), sp.cancel(rate / moving[0][0])
    else:
        return None
    strength = sp.cancel(second / energy)
    if strength.has(energy):
        return None
    return Model(sp.cancel(1 / rate), sp.cancel(rate * size), sparsity, strength)
