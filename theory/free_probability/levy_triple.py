r"""The free Levy triple of a freely infinitely divisible law of compact support, and what follows from it in symbols.

Conventions: G(z) = E 1/(z - X) for Im z > 0, which has Im G < 0; R(G(z)) + 1/G(z) = z; and

.. math:: R(g) = m + v g + \sum_j \frac{r_j s_j}{1 - s_j g}

with drift m, semicircle variance v >= 0, and jumps of real size s_j at rate r_j >= 0. The drift is not the mean: the
mean is m + sum_j r_j s_j.
"""

from dataclasses import dataclass
from functools import cached_property

import sympy as sp

from theory.free_probability.arguments import check_order
from theory.free_probability.coefficients import Jump, canonical, is_positive, merge_jumps, read_coefficient
from theory.free_probability.moments import moment_from_cumulants

__all__ = ["LevyTriple"]


@dataclass(frozen=True)
class LevyTriple:
    """Drift, variance and jumps of a law; all of it may contain parameters.

    Args:
        drift: m.
        variance: v >= 0.
        jumps: Pairs (rate, size). Equal sizes are merged, zero jumps dropped.

    Raises:
        TypeError: If an argument is neither a real number nor a sympy expression.
        ValueError: If a sign is known to be wrong, or a value is not real and finite.

    Examples:
        >>> LevyTriple(jumps=((1, 2), (3, 2))).jumps
        ((4, 2),)
    """

    drift: sp.Expr = sp.S.Zero
    variance: sp.Expr = sp.S.Zero
    jumps: tuple[Jump, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "drift", canonical(read_coefficient("drift", self.drift)))
        variance = canonical(read_coefficient("variance", self.variance))
        if variance.is_negative:
            raise ValueError(f"variance must not be negative, got {variance}.")
        object.__setattr__(self, "variance", variance)
        object.__setattr__(self, "jumps", merge_jumps(self.jumps))

    @cached_property
    def parameters(self) -> tuple[sp.Symbol, ...]:
        """The free symbols, sorted by name; empty when all is bound."""
        expressions = [self.drift, self.variance, *(part for jump in self.jumps for part in jump)]
        symbols = set().union(*(expression.free_symbols for expression in expressions))
        return tuple(sorted(symbols, key=lambda symbol: str(symbol.name)))

    def r_transform(self, g: object) -> sp.Expr:
        """Return R(g); jumps of opposite sizes at one rate are written as one fraction."""
        argument = sp.sympify(g)
        terms, done = [self.drift, self.variance * argument], set()
        rates = {size: rate for rate, size in self.jumps}
        for rate, size in self.jumps:
            if size in done:
                continue
            opposite = canonical(-size)
            if rates.get(opposite) == rate:
                done.add(opposite)
                square = canonical(size**2)
                terms.append(2 * rate * square * argument / (1 - square * argument**2))
            else:
                terms.append(sp.cancel(rate * size) / (1 - size * argument))
        return sp.Add(*terms)

    def curve(self, g: object, z: object) -> sp.Eq:
        """Return the equation R(g) + 1/g = z between the Stieltjes transform and its argument."""
        return sp.Eq(self.r_transform(g) + 1 / sp.sympify(g), sp.sympify(z), evaluate=False)

    def log_potential(self, g: object) -> sp.Expr:
        r"""Return g R(g) - log g - Phi(g), Phi the primitive of R that vanishes at 0.

        At g = G(z) this is the logarithmic potential E log(z - X), wherever the logarithms are principal.
        """
        argument = sp.sympify(g)
        primitive = self.drift * argument + self.variance * argument**2 / 2
        primitive -= sp.Add(*(rate * sp.log(1 - size * argument) for rate, size in self.jumps))
        return argument * self.r_transform(argument) - sp.log(argument) - primitive

    def free_cumulant(self, order: int) -> sp.Expr:
        """Return the free cumulant of an order >= 1: m + sum r s, then v + sum r s^2, then sum r s^order."""
        check_order(order, 1)
        first = {1: self.drift, 2: self.variance}.get(order, sp.Integer(0))
        return canonical(first + sp.Add(*(rate * size**order for rate, size in self.jumps)))

    def moment(self, order: int) -> sp.Expr:
        """Return E X^order exactly, order >= 0, expanded in the parameters."""
        check_order(order, 0)
        return moment_from_cumulants(order, [self.free_cumulant(k) for k in range(1, order + 1)])

    def atom_weight(self) -> sp.Expr:
        """Return the weight of the atom at the drift, 0 if there is none; the parameters must be bound."""
        weight = canonical(1 - sp.Add(*(rate for rate, _ in self.jumps)))
        return weight if self.variance == 0 and is_positive(weight) else sp.Integer(0)
