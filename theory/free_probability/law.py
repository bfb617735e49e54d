r"""Freely infinitely divisible laws of compact support, given by their free Levy triple.

Conventions: G(z) = E 1/(z - X) for Im z > 0, which has Im G < 0; R(G(z)) + 1/G(z) = z; and

.. math:: R(g) = m + v g + \sum_j \frac{r_j s_j}{1 - s_j g}

with drift m, semicircle variance v >= 0, and jumps of real size s_j at rate r_j >= 0. The drift is not the mean: the
mean is m + sum_j r_j s_j. Adding two laws is adding free random variables: the triples concatenate.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy as sp

from theory.ball import Ball
from theory.exact_numbers import exact_number
from theory.free_probability.moments import moment_from_cumulants

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from theory.free_probability.certified import CertifiedLaw
    from theory.free_probability.engine import FloatLaw

__all__ = ["SpectralLaw"]

Jump = tuple[sp.Expr, sp.Expr]


@dataclass(frozen=True)
class SpectralLaw:
    """A law of eigenvalues with a free Levy triple; all of it may contain parameters.

    Args:
        drift: m, the place of the law if nothing else is there.
        variance: v >= 0, the variance of the semicircular part.
        jumps: Pairs (rate, size); rates are not negative, sizes are real. Equal sizes are merged, zero jumps dropped.

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
        phi**2 + 3*phi + 6*epsilon + 1
        >>> toy.at(phi=0.5, epsilon=0.1).index()
        0.1136...

    References:
        Voiculescu (1986); Bercovici and Voiculescu (1993) for the triple; Biane (1997) for the density.
    """

    drift: sp.Expr = sp.S.Zero
    variance: sp.Expr = sp.S.Zero
    jumps: tuple[Jump, ...] = field(default=())

    def __post_init__(self) -> None:
        object.__setattr__(self, "drift", canonical(read_coefficient("drift", self.drift)))
        variance = canonical(read_coefficient("variance", self.variance))
        if variance.is_negative:
            raise ValueError(f"variance must not be negative, got {variance}.")
        object.__setattr__(self, "variance", variance)
        object.__setattr__(self, "jumps", _merge(self.jumps))

    # Algebra

    def __add__(self, other: "SpectralLaw") -> "SpectralLaw":
        if not isinstance(other, SpectralLaw):
            if _is_number(other):
                raise TypeError(f"a law plus the number {other} is ambiguous: add point_mass({other}) to shift it.")
            return NotImplemented
        return SpectralLaw(self.drift + other.drift, self.variance + other.variance, self.jumps + other.jumps)

    def __radd__(self, other: object) -> "SpectralLaw":
        if isinstance(other, int) and other == 0:
            return self  # sum() starts from 0
        if _is_number(other):
            raise TypeError(f"the number {other} plus a law is ambiguous: add point_mass({other}) to shift it.")
        return NotImplemented

    def __neg__(self) -> "SpectralLaw":
        return -1 * self

    def __sub__(self, other: "SpectralLaw") -> "SpectralLaw":
        if not isinstance(other, SpectralLaw):
            if _is_number(other):
                raise TypeError(f"a law minus the number {other} is ambiguous: subtract point_mass({other}).")
            return NotImplemented
        return self + (-other)

    def __mul__(self, factor: object) -> "SpectralLaw":
        if not _is_number(factor):
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

        At g = G(z) the potential E log(z - X) is this plus 1, wherever both logarithms are principal.
        """
        argument = sp.sympify(g)
        primitive = self.drift * argument + self.variance * argument**2 / 2
        primitive -= sp.Add(*(rate * sp.log(1 - size * argument) for rate, size in self.jumps))
        return argument * self.r_transform(argument) - sp.log(argument) - primitive

    def free_cumulant(self, order: int) -> sp.Expr:
        """Return the free cumulant of an order >= 1: m + sum r s, then v + sum r s^2, then sum r s^order."""
        _check_order(order, 1)
        first = {1: self.drift, 2: self.variance}.get(order, sp.Integer(0))
        return canonical(first + sp.Add(*(rate * size**order for rate, size in self.jumps)))

    def moment(self, order: int) -> sp.Expr:
        """Return E X^order exactly, order >= 0, expanded in the parameters."""
        _check_order(order, 0)
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
            ValueError: If a name is no parameter, or a value breaks the parameter's or the law's sign rules.
            TypeError: If a value is no number.
        """
        names = {str(symbol.name) for symbol in self.parameters}
        for name in values:
            if name not in names:
                listed = ", ".join(sorted(names)) or "none"
                raise ValueError(f"{name} is no parameter of this law; its parameters are: {listed}.")
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
        )

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
        return _plain(self._floats.stieltjes(_complex_places(z)))

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
        return (self._balls.exact_balls((self.drift, weight), check_digits(digits)),)

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
        return _plain(getattr(self._floats, name)(real_places("x", x)))

    def _certify(self, name: str, places: Any, digits: int) -> Any:
        if isinstance(places, np.ndarray | list | tuple):
            row = places.ravel() if isinstance(places, np.ndarray) else places
            return self._balls.many(name, list(row), digits)
        return getattr(self._balls, name)(places, digits)

    # Printing and pickling

    def __str__(self) -> str:
        return repr(self)

    def __repr__(self) -> str:
        jumps = ", ".join(f"({rate}, {size})" for rate, size in self.jumps)
        comma = "," if len(self.jumps) == 1 else ""
        return f"SpectralLaw(drift={self.drift}, variance={self.variance}, jumps=({jumps}{comma}))"

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle R(g) = {sp.latex(self.r_transform(sp.Symbol('g')))}$"

    def __reduce__(self) -> tuple[type["SpectralLaw"], tuple[Any, ...]]:
        return SpectralLaw, (self.drift, self.variance, self.jumps)


def canonical(expression: sp.Expr) -> sp.Expr:
    """Bring an expression to the form in which equal coefficients of laws are usually the same tree."""
    expanded = sp.expand(expression)
    if any(power.exp.is_negative and power.base.is_Add for power in expanded.atoms(sp.Pow)):
        return sp.radsimp(sp.cancel(expanded)) if expanded.is_number else sp.cancel(expanded)
    return expanded


def is_positive(number: sp.Expr) -> bool:
    """Decide the sign of a real sympy number, proving a zero where digits cannot."""
    if number.is_Rational:
        return bool(number > 0)
    if number.is_zero or (abs(sp.N(number, 60)) < sp.Rational(1, 10**40) and number.equals(0)):
        return False
    return bool(number.is_positive)


def check_assumptions(symbol: sp.Symbol, number: sp.Expr) -> None:
    """Refuse a number that breaks what is assumed about a parameter."""
    for rule in ("positive", "nonnegative", "negative", "nonpositive", "integer", "nonzero"):
        if symbol.assumptions0.get(rule) and getattr(number, f"is_{rule}") is False:
            raise ValueError(f"{symbol.name} must be {rule}, got {symbol.name} = {number}.")


def check_digits(digits: int) -> int:
    """Return a number of digits, or refuse it."""
    if isinstance(digits, bool) or not isinstance(digits, int | np.integer) or not 1 <= digits <= 10_000:
        raise ValueError(f"digits must be an integer from 1 to 10000, got {digits!r}.")
    return int(digits)


def real_places(name: str, x: Any) -> np.ndarray:
    """Return places as a float64 array, or refuse them."""
    if isinstance(x, sp.Expr | str):
        x = float(exact_number(name, x))
    try:
        array = np.asarray(x)
        if array.dtype.kind == "c" or array.dtype.kind == "b":
            raise TypeError
        places = np.asarray(array, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise TypeError(f"{name} must be a real number or an array of them, got {x!r}.") from error
    if np.isnan(places).any():
        raise ValueError(f"{name} must not be NaN, got {x!r}.")
    return places


def _complex_places(z: Any) -> np.ndarray:
    try:
        places = np.asarray(complex(z) if isinstance(z, sp.Expr) else z, dtype=np.complex128)
    except (TypeError, ValueError) as error:
        raise TypeError(f"z must be a complex number or an array of them, got {z!r}.") from error
    if not np.isfinite(places).all():
        raise ValueError(f"z must be finite, got {z!r}.")
    return places


def _plain(values: np.ndarray) -> Any:
    return values.item() if values.ndim == 0 else values


def _is_number(value: object) -> bool:
    return isinstance(value, int | float | np.number | sp.Expr) or hasattr(value, "numerator")


def read_coefficient(name: str, value: object) -> sp.Expr:
    """Read a coefficient of a law: a sympy expression with its symbols, or a number exactly."""
    if isinstance(value, sp.Expr) and value.free_symbols:
        if value.is_real is False or value.has(sp.zoo, sp.nan, sp.oo, sp.Float):
            raise ValueError(f"{name} must be real, finite and exact, got {value}.")
        return value
    return exact_number(name, value)


def _check_order(order: object, least: int) -> None:
    if isinstance(order, bool) or not isinstance(order, int | np.integer) or order < least:
        raise ValueError(f"order must be an integer >= {least}, got {order!r}.")


def _merge(jumps: Iterable[tuple[object, object]]) -> tuple[Jump, ...]:
    """Add the rates of equal sizes, drop what is zero, and sort."""
    try:
        pairs = [(rate, size) for rate, size in jumps]
    except (TypeError, ValueError) as error:
        raise TypeError(f"jumps must be pairs (rate, size), got {jumps!r}.") from error
    rates: dict[sp.Expr, sp.Expr] = {}
    for raw_rate, raw_size in pairs:
        rate, size = canonical(read_coefficient("rate", raw_rate)), canonical(read_coefficient("size", raw_size))
        if rate.is_negative:
            raise ValueError(f"rate must not be negative, got {rate} at size {size}: not a free Levy triple.")
        if rate.is_zero or size.is_zero:
            continue
        twin = next((known for known in rates if _same(known, size)), size)
        rates[twin] = canonical(rates.get(twin, sp.Integer(0)) + rate)
    merged = [(rate, size) for size, rate in rates.items()]
    if all(size.is_number for _, size in merged):
        return tuple(sorted(merged, key=lambda jump: _NumericOrder(jump[1])))
    return tuple(sorted(merged, key=lambda jump: sp.default_sort_key(jump[1])))


class _NumericOrder:
    """Sort exact numbers by value."""

    def __init__(self, number: sp.Expr) -> None:
        self.number = number

    def __lt__(self, other: "_NumericOrder") -> bool:
        return bool((self.number - other.number).is_negative)


def _same(left: sp.Expr, right: sp.Expr) -> bool:
    if left == right:
        return True
    if left.free_symbols or right.free_symbols or (left.is_Rational and right.is_Rational):
        return False
    if not math.isclose(float(left), float(right), rel_tol=1e-12):
        return False
    return bool((left - right).equals(0))
