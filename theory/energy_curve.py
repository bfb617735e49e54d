r"""The curve on which the left edge of a law can touch zero, as its energy grows.

Conventions: h = -g > 0, where g is the Stieltjes transform at zero from the left of the spectrum; every margin
1 - size_j g = 1 + size_j h is positive there. The curve is F(h, energy) = R(-h) - 1/h = 0. Jumps of one
rate and opposite sizes are joined, so that their roots disappear; an unpaired root of the energy disappears by
``energy = root^2``.
"""

from dataclasses import dataclass
from functools import cached_property

import sympy as sp

from theory.free_probability.law import SpectralLaw

__all__ = ["EnergyCurve"]

Pair = tuple[sp.Expr, sp.Expr]


@dataclass(frozen=True)
class EnergyCurve:
    """R(-h) - 1/h of a law, as a rational function of h, a root of the energy and the other parameters.

    Args:
        law: The law.
        energy: The parameter of it that grows.

    Raises:
        ValueError: If the law does not depend on the energy.
    """

    law: SpectralLaw
    energy: sp.Symbol

    h = sp.Symbol("h", positive=True)

    def __post_init__(self) -> None:
        if not isinstance(self.energy, sp.Symbol):
            raise TypeError(f"energy must be a symbol, got {self.energy!r}.")
        coefficients = (self.law.drift, self.law.variance, *(part for jump in self.law.jumps for part in jump))
        if not any(part.has(self.energy) for part in coefficients):
            raise ValueError(f"energy must be a parameter of the law, got {self.energy} for {self.law}.")

    @cached_property
    def parameters(self) -> tuple[sp.Symbol, ...]:
        """The free parameters other than the energy, by name."""
        parts = (self.law.drift, self.law.variance, *(part for jump in self.law.jumps for part in jump))
        free = set().union(*(part.free_symbols for part in parts)) - {self.energy}
        return tuple(sorted(free, key=lambda symbol: symbol.name))

    @cached_property
    def joined(self) -> tuple[tuple[Pair, ...], tuple[Pair, ...]]:
        """The jumps (rate, size^2) that come in pairs of opposite sizes, and the other jumps (rate, size)."""
        left = list(self.law.jumps)
        pairs, single = [], []
        while left:
            rate, size = left.pop(0)
            twin = next(
                (k for k, (r, s) in enumerate(left) if sp.expand(s + size) == 0 and sp.expand(r - rate) == 0), None
            )
            if twin is None:
                single.append((rate, size))
            else:
                left.pop(twin)
                pairs.append((rate, sp.expand(size**2)))
        return tuple(pairs), tuple(single)

    @cached_property
    def power(self) -> int:
        """2 if a root of the energy is left over, so that energy = root^2; else 1."""
        pairs, single = self.joined
        parts = (self.law.drift, self.law.variance, *(part for jump in (*pairs, *single) for part in jump))
        powers = {power for part in parts for power in part.atoms(sp.Pow) if power.base.has(self.energy)}
        return 2 if any(power.exp.is_Rational and power.exp.q == 2 for power in powers) else 1

    @cached_property
    def root(self) -> sp.Symbol:
        """The variable of the curve: the energy, or its positive root where the law contains one."""
        return self.energy if self.power == 1 else sp.Symbol(f"{self.energy.name}_root", positive=True)

    def in_root(self, expression: sp.Expr) -> sp.Expr:
        """Write an expression in the energy by the variable of the curve."""
        if self.power == 1:
            return expression
        return sp.powdenest(expression.subs(self.energy, self.root**2), force=True)

    @cached_property
    def transform(self) -> sp.Expr:
        """R(-h), with joined jumps."""
        pairs, single = self.joined
        h = self.h
        total = self.law.drift - self.law.variance * h
        total -= sum((2 * rate * square * h / (1 - square * h**2) for rate, square in pairs), sp.Integer(0))
        total += sum((rate * size / (1 + size * h) for rate, size in single), sp.Integer(0))
        return self.in_root(total)

    @cached_property
    def slope(self) -> tuple[sp.Expr, dict[sp.Symbol, sp.Expr]]:
        """The slope of R(-h) in the variable of the curve, with symbols for margins, and what these stand for."""
        pairs, single = self.joined
        h, root = self.h, self.root
        drift, variance = self.in_root(self.law.drift), self.in_root(self.law.variance)
        total = sp.diff(drift, root) - sp.diff(variance, root) * h
        margins: dict[sp.Symbol, sp.Expr] = {}

        def margin(value: sp.Expr) -> sp.Symbol:
            symbol = sp.Symbol(f"margin_{len(margins) + 1}", positive=True)
            margins[symbol] = value
            return symbol

        for rate, square in pairs:
            rate, square = self.in_root(rate), self.in_root(square)
            if rate.has(root) or square.has(root):
                d = margin(1 - square * h**2)
                total -= 2 * h * (sp.diff(rate, root) * square / d + rate * sp.diff(square, root) / d**2)
        for rate, size in single:
            rate, size = self.in_root(rate), self.in_root(size)
            if rate.has(root) or size.has(root):
                d = margin(1 + size * h)
                total += sp.diff(rate, root) * size / d + rate * sp.diff(size, root) / d**2
        return sp.expand(total), margins

    @cached_property
    def numerator(self) -> sp.Poly:
        """The numerator of F in h and the variable of the curve, with coefficients in the other parameters.

        Raises:
            ValueError: If F is not a rational function with rational coefficients.
        """
        top, _ = sp.fraction(sp.cancel(sp.together(self.transform - 1 / self.h)))
        try:
            polynomial = sp.Poly(top, self.h, self.root, *self.parameters, domain=sp.QQ)
        except (sp.CoercionFailed, sp.PolynomialError) as error:
            raise ValueError(
                f"law must have a rational R-transform once opposite jumps are joined, got {self.law}."
            ) from error
        return sp.Poly(polynomial.as_expr(), self.h, self.root)

    @cached_property
    def level(self) -> sp.Expr | None:
        """The variable of the curve as a function of h, if the curve is of degree one in it; else None."""
        if self.numerator.degree(self.root) != 1:
            return None
        slope, constant = sp.Poly(self.numerator.as_expr(), self.root).all_coeffs()
        return sp.factor(sp.cancel(-constant / slope))

    @cached_property
    def discriminant_factors(self) -> tuple[sp.Poly, ...]:
        """The irreducible factors of the resultant of the numerator and its slope in h."""
        numerator = self.numerator.as_expr()
        resultant = sp.resultant(numerator, sp.diff(numerator, self.h), self.h)
        _, factors = sp.factor_list(resultant)
        return tuple(sp.Poly(factor, self.root) for factor, _ in factors if factor.has(self.root))
