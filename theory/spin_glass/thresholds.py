r"""Energies below which critical points of a given index are exponentially rare: the layers of the spherical p-spin.

Conventions: those of `theory.spin_glass.arguments`. E_k > 0 is the zero of Theta_(k,p)(-E) above E_inf. With
E = E_inf cosh a it is the one zero a > 0 of

.. math:: F(a) = c - \tfrac{p-2}{p} \sinh^2 a - (k+1) \bigl(\tfrac12 \sinh 2a - a\bigr), \qquad
          c = \tfrac12 \log(p-1) - \tfrac{p-2}{p} > 0,

which is decreasing and concave, so that Newton's method started at (3c/(2(k+1)))^(1/3), which lies above the zero,
falls to it, and a change of sign certifies it. At p = 2 there are no layers: c = 0 and every E_k would be E_inf.
"""

import math
from typing import Any

import flint
import numpy as np

from theory.ball import Ball
from theory.certified_precision import check_digits, refine
from theory.free_probability.arguments import plain, real_places
from theory.spin_glass.arguments import order_of_spins, whole_numbers
from theory.spin_glass.complexity_functions import float_rate

__all__ = ["indices_at_energy", "minima_band", "threshold_energy"]

_NO_LAYERS = ", because for p = 2 all critical points are eigenvectors and no energy is exponentially rare"
_STEPS = 60


def threshold_energy(p: Any, k: Any, *, digits: int | None = None) -> Any:
    r"""Return E_k(p): with overwhelming probability no critical point of index k or more lies below the energy -E_k N.

    Args:
        p: How many spins meet in a coupling, an integer >= 3.
        k: The index, an integer >= 0, infinity for E_inf, or an array of these.
        digits: None for float64 (a relative error of about 1e-15), else the number of certified digits.

    Returns:
        E_k > 0: a float or an array; with digits a ``Ball``, or a tuple of them if k is a sequence.

    Raises:
        TypeError: If p or k is no integer.
        ValueError: If p < 3 or k < 0.

    Examples:
        >>> [round(threshold_energy(3, k), 6) for k in (0, 1, 2, math.inf)]
        [1.656998, 1.652873, 1.650253, 1.632993]
        >>> print(threshold_energy(3, 0, digits=40))
        1.656998363527473251222891405780690516513

    Derived in `threshold_spacing`, which also says how fast they fall.

    References:
        Auffinger, Ben Arous and Cerny (2013), arXiv:1003.1129, section 2.
    """
    order = order_of_spins(p, least=3, why=_NO_LAYERS)
    indices = whole_numbers("k", k)
    if digits is None:
        edge = 2 * math.sqrt((order - 1) / order)
        return plain(edge * np.cosh(_float_angle(order, indices)))
    if indices.ndim:
        return tuple(_ball(order, float(index), check_digits(digits)) for index in indices.ravel())
    return _ball(order, float(indices), check_digits(digits))


def minima_band(p: Any, *, digits: int | None = None) -> tuple[Any, Any]:
    """Return the energies per spin (-E_0, -E_inf) between which the local minima lie in the limit of large systems.

    For every eta > 0 none lie below -E_0 - eta or above -E_inf + eta once the system is large enough. At finite N most
    lie just above the band, by about E_inf sqrt(2(p-2)/(pN)): see `mean_critical_points`. The least energy per spin of
    a large system tends to -E_0: there the mean number is typical.

    Args:
        p: An integer >= 3.
        digits: None for float64, else the number of certified digits.

    Raises:
        TypeError: If p is no integer.
        ValueError: If p < 3.

    Examples:
        >>> low, high = minima_band(3)
        >>> round(low, 6), round(high, 6), round(high - low, 6)
        (-1.656998, -1.632993, 0.024005)

    References:
        Auffinger, Ben Arous and Cerny (2013), arXiv:1003.1129; Subag (2017), arXiv:1504.02251, for the least energy.
    """
    return -threshold_energy(p, 0, digits=digits), -threshold_energy(p, math.inf, digits=digits)


def indices_at_energy(p: Any, u: Any) -> Any:
    r"""Return how many indices have a complexity that is not negative: k = 0, 1, ... up to that many less one.

    0 below -E_0, j between -E_(j-1) and -E_j, infinity from -E_inf on: the integer part of
    ((1/2) log(p-1) - (p-2) u^2/(4(p-1)))/I_1(u).

    Args:
        p: An integer >= 3.
        u: Energy per spin, or an array of energies.

    Returns:
        A float or an array of floats, whole numbers or infinity.

    Raises:
        TypeError: If p is no integer or u no real number.
        ValueError: If p < 3.

    Examples:
        >>> [indices_at_energy(3, u) for u in (-1.66, -1.655, -1.652, -1.6)]
        [0.0, 1.0, 2.0, inf]
    """
    order = order_of_spins(p, least=3, why=_NO_LAYERS)
    places = real_places("u", u)
    edge = 2 * math.sqrt((order - 1) / order)
    excess = np.clip((-places - edge) / edge, 0, 1e100)  # E_0 is far above, whatever p is
    angle = np.log1p(excess + np.sqrt(excess * (excess + 2)))
    weight = _depth(order) - (order - 2) / order * np.sinh(angle) ** 2
    rate = float_rate(angle)
    count = np.floor(np.maximum(weight, 0) / np.where(rate > 0, rate, 1))
    return plain(np.where(rate > 0, count, np.inf))


def _depth(order: int) -> float:
    """Return c, the complexity of every fixed index at -E_inf."""
    return math.log(order - 1) / 2 - (order - 2) / order


def _float_angle(order: int, indices: np.ndarray) -> np.ndarray:
    depth, curvature, count = _depth(order), (order - 2) / order, np.where(np.isinf(indices), 0, indices) + 1
    angle: np.ndarray = np.cbrt(1.5 * depth / count)
    for _ in range(_STEPS):
        excess = depth - curvature * np.sinh(angle) ** 2 - count * float_rate(angle)
        slope = curvature * np.sinh(2 * angle) + 2 * count * np.sinh(angle) ** 2
        step = excess / slope
        angle = angle + step
        if (abs(step) <= 1e-16 * angle).all():
            break
    return np.where(np.isinf(indices), 0.0, angle)


def _ball(order: int, index: float, digits: int) -> Ball:
    start = float(_float_angle(order, np.asarray(index)))

    def attempt(precision: int, _: int) -> tuple[flint.arb] | None:
        limit = 2 * flint.arb(flint.fmpq(order - 1, order)).sqrt()
        if math.isinf(index):
            return (limit,)
        curvature = flint.arb(flint.fmpq(order - 2, order))
        depth = flint.arb(order - 1).log() / 2 - curvature
        count = int(index) + 1

        def excess(angle: flint.arb) -> flint.arb:
            return depth - curvature * angle.sinh() ** 2 - count * ((2 * angle).sinh() / 2 - angle)

        angle = flint.arb(start)
        for _step in range(precision.bit_length()):
            slope = curvature * (2 * angle).sinh() + 2 * count * angle.sinh() ** 2
            angle = (angle + excess(angle) / slope).mid()
        radius = abs(angle) * flint.arb(2) ** (60 - precision)
        if not (excess(angle - radius) > 0 and excess(angle + radius) < 0):
            return None
        return (limit * flint.arb(angle, radius).cosh(),)

    ball: Ball = refine(attempt, digits, f"E_{index} for p = {order}")[0]
    return ball
