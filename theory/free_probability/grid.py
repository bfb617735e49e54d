"""A law at an array of parameter values: the same questions as a bound law's, answered for all of them at once.

Arrays hold binary numbers and count as such; scalars bound beside them keep the decimals that were typed. Inside, all
parameters are carried in double-double, so that an index just above a critical energy keeps its digits.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
import sympy as sp

from theory.exact_numbers import exact_number
from theory.free_probability.arguments import complex_places, plain, real_places
from theory.free_probability.coefficients import check_assumptions
from theory.free_probability.double_double import DoubleDouble, evaluate_expression
from theory.free_probability.engine import FloatLaw

if TYPE_CHECKING:
    from theory.free_probability.law import SpectralLaw  # which makes grids, and of which each place of a grid is one

__all__ = ["LawGrid"]

_SIGN_RULES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "positive": lambda array: array > 0,
    "nonnegative": lambda array: array >= 0,
    "negative": lambda array: array < 0,
    "nonpositive": lambda array: array <= 0,
    "nonzero": lambda array: array != 0,
    "integer": lambda array: array == np.floor(array),
}


@dataclass(frozen=True, eq=False)
class LawGrid:
    """A law at an array of parameter values; made by ``law.at`` with arrays.

    Places broadcast against the grid as arrays do: a grid of shape (20, 1) and 2000 places give (20, 2000) values.

    Args:
        law: The law with its parameters.
        values: For each parameter an exact number or an array of the grid's shape.
        shape: Shape of the grid.

    Examples:
        >>> import numpy as np
        >>> from theory.free_probability.laws import wishart_wigner_hessian
        >>> grid = wishart_wigner_hessian().at(phi=np.array([0.25, 0.5]), epsilon=0.1)
        >>> grid.index().round(4)
        array([0.054 , 0.1136])
        >>> grid[1].atoms()
        ()
    """

    law: "SpectralLaw"
    values: Mapping[str, Any] = field(repr=False)
    shape: tuple[int, ...] = ()

    @classmethod
    def bind(cls, law: "SpectralLaw", values: Mapping[str, Any]) -> "LawGrid":
        """Bind every parameter of a law, at least one to an array."""
        missing = [str(symbol.name) for symbol in law.parameters if symbol.name not in values]
        if missing:
            raise ValueError(f"with an array every parameter must be bound; missing: {', '.join(missing)}.")
        read = {name: _read_values(name, value) for name, value in values.items()}
        try:
            shape = np.broadcast_shapes(*(value.shape for value in read.values() if isinstance(value, np.ndarray)))
        except ValueError as error:
            shapes = {name: value.shape for name, value in read.items() if isinstance(value, np.ndarray)}
            raise ValueError(f"the arrays of parameters must broadcast, got shapes {shapes}.") from error
        full = {
            name: np.broadcast_to(value, shape) if isinstance(value, np.ndarray) else value
            for name, value in read.items()
        }
        for symbol in law.parameters:
            _check_symbol(symbol, full[str(symbol.name)])
        grid = cls(law, full, shape)
        grid._check_triple()
        return grid

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("a grid of shape () has no length; take grid[()].")
        return self.shape[0]

    def __getitem__(self, place: Any) -> "SpectralLaw | LawGrid":
        """Return the law at one place of the grid, or a smaller grid."""
        chosen = {name: value[place] if isinstance(value, np.ndarray) else value for name, value in self.values.items()}
        shape = np.empty(self.shape, dtype=bool)[place].shape
        if shape == ():
            bound: SpectralLaw = self.law.at(
                **{n: v.item() if isinstance(v, np.ndarray) and v.dtype == object else v for n, v in chosen.items()}
            )
            return bound
        return LawGrid(self.law, chosen, shape)

    @cached_property
    def _floats(self) -> FloatLaw:
        numbers = {name: _double_double(value) for name, value in self.values.items()}

        def evaluate(expression: sp.Expr) -> DoubleDouble:
            number = evaluate_expression(expression, numbers)
            high, low = (np.ascontiguousarray(np.broadcast_to(p, self.shape)) for p in (number.high, number.low))
            return DoubleDouble(high, low)

        return FloatLaw(
            evaluate(self.law.drift),
            evaluate(self.law.variance),
            tuple(evaluate(rate) for rate, _ in self.law.jumps),
            tuple(evaluate(size) for _, size in self.law.jumps),
        )

    def _check_triple(self) -> None:
        floats = self._floats
        named = [("drift", floats.drift), ("variance", floats.variance)]
        named += [("rate", rate) for rate in floats.rates] + [("size", size) for size in floats.sizes]
        for name, number in named:
            bad = ~np.isfinite(number.high)
            rule = "real and finite"
            if name in ("variance", "rate"):
                bad |= number.high < 0
                rule = "real, finite and not negative"
            if bad.any():
                place = tuple(int(i) for i in np.argwhere(bad)[0])
                raise ValueError(f"{name} must be {rule}, got {number.high[place]} at grid[{place}].")

    def density(self, x: Any, *, digits: None = None) -> Any:
        """Return the density of the continuous part, broadcast over grid and places."""
        self._floats_only(digits)
        return plain(self._floats.density(real_places("x", x)))

    def cdf(self, x: Any, *, digits: None = None) -> Any:
        """Return P(X <= x), broadcast over grid and places."""
        self._floats_only(digits)
        return plain(self._floats.cdf(real_places("x", x)))

    def mass_below(self, x: Any, *, digits: None = None) -> Any:
        """Return P(X < x), broadcast over grid and places."""
        self._floats_only(digits)
        return plain(self._floats.mass_below(real_places("x", x)))

    def index(self, *, digits: None = None) -> Any:
        """Return the mass below 0 of each law."""
        return self.mass_below(0.0, digits=digits)

    def stieltjes(self, z: Any, *, digits: None = None) -> Any:
        """Return G(z), broadcast over grid and places; on the support the boundary value from above."""
        self._floats_only(digits)
        return plain(self._floats.stieltjes(complex_places(z)))

    def _floats_only(self, digits: object) -> None:
        if digits is not None:
            self._scalars_only("digits=")

    def _scalars_only(self, what: str) -> NoReturn:
        raise TypeError(f"{what} of a grid is not defined: bind scalars, or take grid[i].")

    def support(self, **_: Any) -> NoReturn:
        """Refuse: supports of different laws have different numbers of intervals."""
        self._scalars_only("support()")

    def atoms(self, **_: Any) -> NoReturn:
        """Refuse: laws of one grid may or may not have an atom."""
        self._scalars_only("atoms()")

    def plot(self, **_: Any) -> NoReturn:
        """Refuse: a grid has no one picture."""
        self._scalars_only("plot()")


def _read_values(name: str, value: Any) -> Any:
    if not isinstance(value, np.ndarray | list | tuple):
        return exact_number(name, value)
    array = np.asarray(value)
    if array.dtype.kind in "iu":
        array = np.vectorize(lambda number: exact_number(name, number), otypes=[object])(array)
    if array.dtype.kind == "f" and array.dtype.itemsize <= 8:
        array = array.astype(np.float64)
        if not np.isfinite(array).all():
            raise ValueError(f"{name} must be finite everywhere, got {array[~np.isfinite(array)][0]}.")
        return array
    if array.dtype.kind not in "OUf":
        raise TypeError(f"{name} must be an array of real numbers, got one of type {array.dtype}.")
    exact = np.empty(array.shape, dtype=object)
    for place in np.ndindex(array.shape):
        entry = array[place]
        exact[place] = exact_number(name, str(entry) if isinstance(entry, np.str_) else entry)
    return exact


def _check_symbol(symbol: sp.Symbol, value: Any) -> None:
    if not isinstance(value, np.ndarray):
        check_assumptions(symbol, value)
    elif value.dtype == object:
        for number in value.ravel():
            check_assumptions(symbol, number)
    else:
        for rule, holds in _SIGN_RULES.items():
            broken = ~holds(value)
            if symbol.assumptions0.get(rule) and broken.any():
                raise ValueError(f"{symbol.name} must be {rule} everywhere, got {symbol.name} = {value[broken][0]}.")


def _double_double(value: Any) -> DoubleDouble:
    if not isinstance(value, np.ndarray):
        return DoubleDouble.of(value)
    if value.dtype != object:
        return DoubleDouble.of(value)
    high, low = np.empty(value.shape), np.empty(value.shape)
    for place in np.ndindex(value.shape):
        number = DoubleDouble.of(value[place])
        high[place], low[place] = number.high, number.low
    return DoubleDouble(high, low)
