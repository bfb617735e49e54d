"""Freely infinitely divisible laws of compact support: adding them, binding their parameters, and asking for numbers.

Adding two laws is adding free random variables: the triples concatenate. ``levy_triple`` has the conventions and all
that follows from a triple in symbols, ``engine`` the numbers in float64, ``certified`` those in balls.
"""

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy as sp

from theory.ball import Ball
from theory.certified_precision import check_digits
from theory.exact_numbers import exact_number
from theory.free_probability.arguments import complex_places, plain, real_places
from theory.free_probability.certified import CertifiedLaw
from theory.free_probability.coefficients import check_assumptions, is_number, read_coefficient
from theory.free_probability.engine import FloatLaw
from theory.free_probability.grid import LawGrid
from theory.free_probability.integration import integrate_density
from theory.free_probability.levy_triple import LevyTriple
from theory.free_probability.printing import law_latex, law_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["SpectralLaw"]


@dataclass(frozen=True)
class SpectralLaw(LevyTriple):
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

    least: tuple[tuple[sp.Symbol, int], ...] = field(default=(), compare=False, repr=False)

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

    # Numbers for parameters

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
    def _floats(self) -> FloatLaw:
        self._need_bound()
        return FloatLaw.from_expressions(self.drift, self.variance, self.jumps)

    @cached_property
    def _balls(self) -> CertifiedLaw:
        self._need_bound()
        return CertifiedLaw(self, self._floats)

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
        weight = self.atom_weight()
        if weight == 0:
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
        return integrate_density(self._balls, *ends, check_digits(digits))

    def plot(self, *, axes: "Axes | None" = None, points: int = 800) -> "Axes":
        """Draw the density as a line, with its atoms as stems of height proportional to their weight.

        Args:
            axes: Where to draw; a new figure if None.
            points: Places per interval of the support, at least 2, denser towards the edges.

        Raises:
            ValueError: If ``points`` < 2.
        """
        self._need_bound()
        if isinstance(points, bool) or not isinstance(points, int) or points < 2:
            raise ValueError(f"points must be an integer >= 2, got {points!r}.")
        if axes is None:
            import matplotlib.pyplot as plt

            axes = plt.figure().add_subplot()
        share = (1 - np.cos(np.linspace(0, np.pi, points))) / 2
        for left, right in self.support():
            if left < right:
                x = left + (right - left) * share
                density = self.density(x)
                axes.plot(x, np.where(np.isfinite(density), density, np.nan), color="C0")
        for place, weight in self.atoms():
            axes.vlines(float(place), 0, float(weight), color="C3")
            axes.plot([float(place)], [float(weight)], "o", color="C3", label=f"atom of weight {weight}")
            axes.legend()
        axes.set_xlabel("eigenvalue")
        axes.set_ylabel("density")
        axes.set_ylim(bottom=0, auto=True)  # what is drawn on top later may be taller
        return axes

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
