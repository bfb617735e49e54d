r"""How many critical points the spherical p-spin has at an energy: exponential rates per spin.

Conventions: those of `theory.spin_glass.arguments`. With t = |u|/E_inf = cosh a below -E_inf,

.. math:: \Theta_{k,p}(u) = \tfrac12 \log(p-1) - \tfrac{(p-2) u^2}{4(p-1)} - (k+1) I_1(u) \quad (u \le -E_\infty),
          \qquad I_1 = \tfrac12 \sinh 2a - a,

and (1/2) log(p-1) - (p-2)/p for u >= -E_inf; (1/N) log of the mean number of critical points of index k with energy at
most N u tends to it. For the critical points of any index Theta_p has k = 0 below -E_inf, no I_1 up to 0 and no u^2
above. In float64 I_1 is summed as a series for small a, where the closed form cancels.
"""

from typing import Any

import flint
import numpy as np
import sympy as sp

from theory.certified_precision import check_digits, refine
from theory.exact_numbers import exact_number
from theory.free_probability.arguments import plain, real_places
from theory.free_probability.krawczyk import ball_of_number
from theory.spin_glass.arguments import order_of_spins, whole_numbers

__all__ = ["ball_rate", "ball_ratio", "complexity", "float_rate", "index_rate"]

_SMALL = 0.5  # below it the series is at least as good as the closed form
_TERMS = 12  # (2a)^(2j+3)/(2j+3)! is less than 1e-17 of the first term there


def complexity(p: Any, u: Any, k: Any = None, *, digits: int | None = None) -> Any:
    r"""Return Theta_p(u), or Theta_(k,p)(u) for critical points of index k: the growth rate of their mean number.

    The mean number of critical points of H with energy per spin at most u is exp(N Theta + o(N)).

    Args:
        p: How many spins meet in a coupling, an integer >= 2. At p = 2 the critical points are 2N eigenvectors.
        u: Energy per spin, or an array of energies.
        k: The index, an integer >= 0 (an array broadcasts with u); None counts critical points of every index.
        digits: None for float64, else the number of certified digits.

    Returns:
        A float or an array; with digits a ``Ball``, or a tuple of them if u is a sequence.

    Raises:
        TypeError: If p or k is no integer or u no real number.
        ValueError: If p < 2 or k < 0, u or k is not finite, or k is an array although digits are asked for.

    Examples:
        >>> round(complexity(3, -1.65, k=0), 9), round(complexity(3, -1.65, k=1), 9), round(complexity(3, 1), 9)
        (0.004253894, 0.002246698, 0.34657359)
        >>> print(complexity(3, "-1.65", k=0, digits=30))
        0.00425389401465918721877347035026

    Derived in `complexity_of_all_indices` and, for one index, in `complexity_by_index`.

    References:
        Auffinger, Ben Arous and Cerny (2013), arXiv:1003.1129, section 2.
    """
    order = order_of_spins(p)
    indices = None if k is None else whole_numbers("k", k)
    if indices is not None and np.isinf(indices).any():
        raise ValueError(f"k must be finite, got {k}.")
    if digits is None:
        places = _finite(real_places("u", u))
        if indices is not None:
            places, indices = _broadcast(places, indices)
        return plain(_floats(order, places, indices))
    if indices is not None and indices.ndim:
        raise ValueError(f"k must be one index where digits are asked for, got {k}.")
    number = None if indices is None else int(indices)
    if isinstance(u, np.ndarray | list | tuple):
        row = u.ravel() if isinstance(u, np.ndarray) else u
        return tuple(_ball(order, place, number, digits) for place in row)
    return _ball(order, u, number, digits)


def index_rate(p: Any, u: Any, *, digits: int | None = None) -> Any:
    r"""Return I_1(u), the cost per spin of each eigenvalue of the Hessian that is drawn below zero below -E_inf.

    .. math:: I_1(u) = \frac{2}{E_\infty^2} \int_{E_\infty}^{|u|} \sqrt{z^2 - E_\infty^2}\, dz \quad (u \le -E_\infty)

    and 0 above -E_inf. The relative error in float64 is a few units where that of |u|/E_inf - 1 is.

    Args:
        p: An integer >= 2.
        u: Energy per spin, or an array of energies.
        digits: None for float64, else the number of certified digits.

    Raises:
        TypeError: If p is no integer or u no real number.
        ValueError: If p < 2 or u is not finite.

    Examples:
        >>> round(index_rate(3, -2), 9), index_rate(3, -1)
        (0.207546455, 0.0)
    """
    order = order_of_spins(p)
    if digits is None:
        return plain(float_rate(_float_angle(order, _finite(real_places("u", u)))))
    exact = exact_number("u", u)
    return refine(
        lambda precision, _: (ball_rate(ball_ratio(order, exact, precision)),), check_digits(digits), f"I_1({u})"
    )[0]


def float_rate(angle: Any) -> Any:
    """Return sinh(2a)/2 - a in float64, a >= 0 an array."""
    small = np.minimum(angle, _SMALL)
    square = 4 * small * small
    series = np.zeros_like(small)
    for term in range(_TERMS, 0, -1):
        series = (1 + series) * square / ((2 * term + 2) * (2 * term + 3))
    tiny = (1 + series) * 2 * small**3 / 3
    with np.errstate(over="ignore"):
        return np.where(angle < _SMALL, tiny, np.sinh(2 * angle) / 2 - angle)


def ball_rate(ratio: flint.arb) -> flint.arb:
    """Return t sqrt(t^2 - 1) - log(t + sqrt(t^2 - 1)) in balls, t >= 1."""
    root = (ratio * ratio - 1).nonnegative_part().sqrt()
    return ratio * root - (ratio + root).log()


def _floats(order: int, places: np.ndarray, indices: np.ndarray | None) -> np.ndarray:
    edge = 2 * np.sqrt((order - 1) / order)
    with np.errstate(over="ignore"):
        ratio = np.maximum(-places / edge, 0 if indices is None else 1)
        bulk = np.log(order - 1) / 2 - (order - 2) / order * ratio * ratio
        result: np.ndarray = bulk - (1 if indices is None else indices + 1) * float_rate(_float_angle(order, places))
    return result


def _float_angle(order: int, places: np.ndarray) -> np.ndarray:
    edge = 2 * np.sqrt((order - 1) / order)
    excess = np.maximum((-places - edge) / edge, 0)
    angle: np.ndarray = np.log1p(excess + np.sqrt(excess) * np.sqrt(excess + 2))
    return angle


def _broadcast(places: np.ndarray, indices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    try:
        pair = np.broadcast_arrays(places, indices)
    except ValueError as error:
        raise ValueError(f"u and k must broadcast, got the shapes {places.shape} and {indices.shape}.") from error
    return pair[0], pair[1]


def _finite(places: np.ndarray) -> np.ndarray:
    if not np.isfinite(places).all():
        raise ValueError(f"u must be finite, got {places}.")
    return places


def _ball(order: int, u: Any, index: int | None, digits: int) -> Any:
    exact = exact_number("u", u)

    def attempt(precision: int, _: int) -> tuple[flint.arb]:
        outer = ball_ratio(order, exact, precision)
        quadratic = outer
        if index is None:
            quadratic = (-ball_of_number(exact, precision)).nonnegative_part() / _edge(order)
        bulk = flint.arb(order - 1).log() / 2 - flint.arb(flint.fmpq(order - 2, order)) * quadratic * quadratic
        return (bulk - (1 if index is None else index + 1) * ball_rate(outer),)

    return refine(attempt, check_digits(digits), f"the complexity at {u}")[0]


def ball_ratio(order: int, exact: sp.Expr, precision: int) -> flint.arb:
    """Return |u|/E_inf, or 1 above -E_inf."""
    return (-ball_of_number(exact, precision) / _edge(order)).max(flint.arb(1))


def _edge(order: int) -> flint.arb:
    return 2 * flint.arb(flint.fmpq(order - 1, order)).sqrt()
