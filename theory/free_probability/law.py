r"""Freely infinitely divisible laws of compact support, given by their free Levy triple.

Conventions: G(z) = E 1/(z - X) for Im z > 0, which has Im G < 0; R(G(z)) + 1/G(z) = z; and

.. math:: R(g) = m + v g + \sum_j \frac{r_j s_j}{1 - s_j g}

with drift m, semicircle variance v >= 0, and jumps of real size s_j at rate r_j >= 0. The drift is not the mean: the
mean is m + sum_j r_j s_j. Adding two laws is adding free random variables: the triples concatenate.
"""

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy as sp

from theory.ball import Ball
from theory.exact_numbers import exact_number
from theory.free_probability.arguments import check_digits, check_order, complex_places, plain, real_places
from theory.free_probability.coefficients import (
    Jump,
    canonical,
    check_assumptions,
    is_number,
    is_positive,
    merge_jumps,
    read_coefficient,
)
from theory.free_probability.moments import moment_from_cumulants
from theory.free_probability.printing import law_latex, law_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from theory.free_probability.certified import CertifiedLaw
    from theory.free_probability.engine import FloatLaw

__all__ = ["SpectralLaw"]


@dataclass(frozen=True)
class SpectralLaw:
    """A law of eigenvalues with a free Levy triple; all of it may contain parameters.

    Args:
        drift: m, the place of the law if nothing else is there.
        variance: v >= 0, the variance of the semicircular part.
        jumps: Pairs (rate, size); rates are not negative, sizes are real. Equal sizes are merged, zero jumps dropped.
        least: Pairs (parameter, number): below the number the law means nothing, though its formula may. It is no part
            of the law itself: sums and multiples forget it.

    Raises:
        TypeError: If an argument is neither a real number nor a sympy expression.
        ValueError: If a sign is known to be wrong, or a value is not real and finite.

    Examples:
        >>> from theory.free_probability.laws import marchenko_pastur, semicircle
        >>> from theory.symbols import epsilon, g, phi, z
        >>> toy = marchenko_pastur(phi) + semicircle(2 * epsilon)
        >>> toy
        SpectralLaw(drift=0, variance=2*epsilon, jumps=((1/phi, phi),))
        >>> toy.curve(g, z)
        Eq(2*epsilon*g + 1/(-g*phi + 1) + 1/g, z)
        >>> toy.moment(3)
        6*epsilon + phi**2 + 3*phi + 1
        >>> round(toy.at(phi=0.5, epsilon=0.1).index(), 10)
        0.1135620321

    References:
        Voiculescu (1986); Bercovici and Voiculescu (1993) for the triple; Biane (1997) for the density.
    """

    drift: sp.Expr = sp.S.Zero
    variance: sp.Expr = sp.S.Zero
    jumps: tuple[Jump, ...] = field(default=())
    least: tuple[tuple[sp.Symbol, int], ...] = field(default=(), compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "drift", canonical(read_coefficient("drift", self.drift)))
        variance = canonical(read_coefficient("variance", self.variance))
        if variance.is_negative:
            raise ValueError(f"variance must not be negative, got {variance}.")
        object.__setattr__(self, "variance", variance)
        object.__setattr__(self, "jumps", merge_jumps(self.jumps))

    # Algebra

    def __add__(self, other: "SpectralLaw") -> "SpectralLaw":
        if not isinstance(other, SpectralLaw):
            if is_number(other):
                raise TypeError(f"a law plus the number {other} is ambiguous: add point_mass({other}) to shift it.")
            return NotImplemented
        return SpectralLaw(self.drift + other.drift, self.variance + other.variance, self.jumps + other.jumps)

    def __radd__(self, other: object) -> "SpectralLaw":
        if isinstance(other, int) and other == 0:
            return self  # sum() starts from 0
        if is_number(other):
            raise TypeError(f"the number {other} plus a law is ambiguous: add point_mass({other}) to shift it.")
        return NotImplemented

    def __neg__(self) -> "SpectralLaw":
        return -1 * self

    def __sub__(self, other: "SpectralLaw") -> "SpectralLaw":
        if not isinstance(other, SpectralLaw):
            if is_number(other):
                raise TypeError(f"a law minus the number {other} is ambiguous: subtract point_mass({other}).")
            return NotImplemented
        return self + (-other)

    def __mul__(self, factor: object) -> "SpectralLaw":
        if not is_number(factor):
            return NotImplemented
        scale = read_coefficient("factor", factor)
        return SpectralLaw(
            scale * self.drift, scale**2 * self.variance, tuple((rate, scale * size) for rate, size in self.jumps)
        )

    __rmul__ = __mul__

    # Symbols

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

    def at(self, **values: Any) -> "Any":
        """Bind parameters by name.

        Args:
            **values: Numbers: int, Fraction, a real sympy number, a string ("1/3", "0.1", never evaluated), a float
                (read as its shortest decimal, so that .1 is 1/10), a numpy scalar (the binary number that it holds); or
                arrays, which then must bind every parameter together.

        Returns:
            A ``SpectralLaw``, or a ``LawGrid`` if any value is an array.

        Raises:
            ValueError: If a name is no parameter, a value breaks the parameter's or the law's sign rules, or is less
                than the law allows.
            TypeError: If a value is no number.
        """
        names = {str(symbol.name) for symbol in self.parameters}
        for name in values:
            if name not in names:
                listed = ", ".join(sorted(names)) or "none"
                raise ValueError(f"{name} is no parameter of this law; its parameters are: {listed}.")
        self._check_least(values)
        if any(isinstance(value, np.ndarray | list | tuple) for value in values.values()):
            from theory.free_probability.grid import LawGrid

            return LawGrid.bind(self, values)
        replacements = {}
        for symbol in self.parameters:
            if symbol.name in values:
                number = exact_number(str(symbol.name), values[symbol.name])
                check_assumptions(symbol, number)
                replacements[symbol] = number
        return SpectralLaw(
            self.drift.xreplace(replacements).doit(),
            self.variance.xreplace(replacements).doit(),
            tuple((rate.xreplace(replacements), size.xreplace(replacements)) for rate, size in self.jumps),
            tuple((symbol, bound) for symbol, bound in self.least if symbol not in replacements),
        )

    def _check_least(self, values: "dict[str, Any]") -> None:
        for symbol, bound in self.least:
            given = values.get(symbol.name, bound)
            several = given if isinstance(given, np.ndarray | list | tuple) else [given]
            for value in np.asarray(several, dtype=object).ravel():
                if (exact_number(symbol.name, value) - bound).is_negative:
                    raise ValueError(f"{symbol.name} must be >= {bound}, got {symbol.name} = {value}.")

    # Numbers

    def _need_bound(self) -> None:
        if self.parameters:
            listed = ", ".join(f"{symbol.name}=..." for symbol in self.parameters)
            raise ValueError(f"bind the parameters of the law first: law.at({listed}).")

    @cached_property
    def _floats(self) -> "FloatLaw":
        from theory.free_probability.engine import FloatLaw

        self._need_bound()
        return FloatLaw.from_expressions(self.drift, self.variance, self.jumps)

    @cached_property
    def _balls(self) -> "CertifiedLaw":
        from theory.free_probability.certified import CertifiedLaw

        self._need_bound()
        return CertifiedLaw(self)

    def density(self, x: Any, *, digits: int | None = None) -> Any:
        """Return the density of the continuous part at real places; atoms are listed by ``atoms``.

        Args:
            x: A place or an array of places.
            digits: None for float64, or the number of certified digits.

        Returns:
            A float or an array; with digits a ``Ball`` for a scalar, else a tuple of them.
        """
        return self._evaluate("density", x, digits)

    def cdf(self, x: Any, *, digits: int | None = None) -> Any:
        """Return P(X <= x); arguments and result as in ``density``."""
        return self._evaluate("cdf", x, digits)

    def mass_below(self, x: Any, *, digits: int | None = None) -> Any:
        """Return P(X < x), which differs from the cdf at atoms; arguments and result as in ``density``.

        Above the law's left edge the relative error in float64 is about 1e-14 however small the mass is.
        """
        return self._evaluate("mass_below", x, digits)

    def index(self, *, digits: int | None = None) -> Any:
        """Return the mass below 0, the fraction of negative eigenvalues; a float, or a ``Ball`` with digits."""
        return self.mass_below(0, digits=digits)

    def stieltjes(self, z: Any, *, digits: int | None = None) -> Any:
        """Return G(z) = E 1/(z - X); on the support the boundary value from above, G(z + i0).

        Returns:
            A complex number or an array; with digits a ``ComplexBall`` for a scalar, else a tuple of them.
        """
        self._need_bound()
        if digits is not None:
            return self._certify("stieltjes", z, check_digits(digits))
        return plain(self._floats.stieltjes(complex_places(z)))

    def support(self, *, digits: int | None = None) -> tuple[tuple[Any, Any], ...]:
        """Return the closed intervals of the support in order; an isolated atom at x is the interval (x, x)."""
        self._need_bound()
        if digits is not None:
            return self._balls.support(check_digits(digits))
        return self._floats.support()

    def atoms(self, *, digits: int | None = None) -> tuple[tuple[Any, Any], ...]:
        """Return (place, weight) of each atom: exact sympy numbers, or balls with digits.

        A law of this class has at most one atom: at the drift, with weight 1 - sum of the rates, if that is positive
        and there is no semicircular part.
        """
        self._need_bound()
        if self.variance != 0:
            return ()
        weight = canonical(1 - sp.Add(*(rate for rate, _ in self.jumps)))
        if not is_positive(weight):
            return ()
        if digits is None:
            return ((self.drift, weight),)
        place, certified = self._balls.exact_balls((self.drift, weight), check_digits(digits))
        return ((place, certified),)

    def integrated_density(self, lower: Any, upper: Any, *, digits: int) -> Ball:
        """Integrate the density over [lower, upper] rigorously, by adaptive Gauss quadrature in balls.

        This is a second route to differences of the cdf: it uses neither logarithms nor the primitive of R.

        Args:
            lower: A real number.
            upper: A real number, not below lower.
            digits: Certified digits of the integral; atoms are not counted.
        """
        self._need_bound()
        ends = exact_number("lower", lower), exact_number("upper", upper)
        if (ends[1] - ends[0]).is_negative:
            raise ValueError(f"lower must not exceed upper, got lower = {lower}, upper = {upper}.")
        from theory.free_probability.integration import integrate_density

        return integrate_density(self._balls, *ends, check_digits(digits))

    def plot(self, *, axes: "Axes | None" = None, points: int = 800) -> "Axes":
        """Draw the density with its atoms as arrows of height proportional to their weight."""
        self._need_bound()
        from theory.free_probability.picture import plot_law

        return plot_law(self, axes=axes, points=points)

    def _evaluate(self, name: str, x: Any, digits: int | None) -> Any:
        self._need_bound()
        if digits is not None:
            return self._certify(name, x, check_digits(digits))
        return plain(getattr(self._floats, name)(real_places("x", x)))

    def _certify(self, name: str, places: Any, digits: int) -> Any:
        if isinstance(places, np.ndarray | list | tuple):
            row = places.ravel() if isinstance(places, np.ndarray) else places
            return self._balls.many(name, list(row), digits)
        return getattr(self._balls, name)(places, digits)

    # Printing and pickling

    def __str__(self) -> str:
        """Return R(g) on one line, as in R(g) = 2*epsilon*g + 1/(1 - phi*g)."""
        return law_text(self)

    def __repr__(self) -> str:
        jumps = ", ".join(f"({rate}, {size})" for rate, size in self.jumps)
        comma = "," if len(self.jumps) == 1 else ""
        return f"SpectralLaw(drift={self.drift}, variance={self.variance}, jumps=({jumps}{comma}))"

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {law_latex(self)}$"

    def _latex(self, printer: object) -> str:  # what sympy.latex asks for
        return law_latex(self)

    def __reduce__(self) -> tuple[type["SpectralLaw"], tuple[Any, ...]]:
        return SpectralLaw, (self.drift, self.variance, self.jumps)
