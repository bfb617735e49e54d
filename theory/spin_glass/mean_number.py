r"""The mean number of critical points of the spherical p-spin, exactly, at every N.

Conventions: those of `theory.spin_glass.arguments`. mu_0 <= ... <= mu_(N-1) are the eigenvalues of an N x N matrix of
the Gaussian orthogonal ensemble with variance 1/2 off the diagonal, whose joint density is
\|Delta(mu)\| exp(-sum mu^2/2)/Z_N, unordered; Z_N is Mehta's integral.
"""

import math
from functools import cache
from typing import Any

import numpy as np
import sympy as sp

from theory.derivation import Derivation, Step, Theorem
from theory.domain import Domain
from theory.free_probability.arguments import plain, real_places
from theory.proof import Relation
from theory.real_arrays import positive_integer
from theory.spin_glass.arguments import order_of_spins, p
from theory.spin_glass.hessian_law import covariances_given_energy
from theory.spin_glass.ordered_eigenvalues import log_density_of_eigenvalue

__all__ = ["kac_rice", "mean_critical_points", "mean_number_by_index"]

_SOURCE = "Auffinger, Ben Arous and Cerny (2013), arXiv:1003.1129, section 2; derived here"
_size = sp.Symbol("N", positive=True)
_BEYOND = 12  # how far beyond the edge of the spectrum integrals reach
_STEPS, _LARGE = 8, 1e60  # how often, and from what size on, functions are brought back to order 1
_FARTHEST = 1e6  # eigenvalues below -10^6 count as impossible, with probabilities below exp(-10^11)


@cache
def mean_number_by_index() -> Derivation:
    r"""Derive the mean number of critical points of index k with energy at most N u.

    .. math:: \mathbb E\, \mathrm{Crt}_{N,k}(u) = C\, \mathbb E\bigl[e^{-(p-2) \mu_k^2/(2p)};\,
              \mu_k \le u \sqrt{N p/(2(p-1))}\bigr], \quad C = 2 \sqrt{2/p}\, (p-1)^{N/2}

    Returns:
        A derivation; the value is the logarithm of C in p and N, integers of at least 2. Mean numbers of points, with
        the mean over mu_k taken, are those of `mean_critical_points`.

    Examples:
        >>> mean_number_by_index().value
        N*log(p - 1)/2 - log(p)/2 + 3*log(2)/2
    """
    normal, y = sp.symbols("f y", real=True)
    slope = sp.sqrt(2 * (p - 1) / p)  # the energy is sqrt(N) f, f = slope y
    diagonal, _, other = covariances_given_energy()
    volume = sp.log(2) + _size * sp.log(sp.pi) / 2 - sp.log(sp.gamma(_size / 2)) + (_size - 1) * sp.log(_size) / 2
    gradient = -(_size - 1) * sp.log(2 * sp.pi * p) / 2
    scale = (_size - 1) * sp.log(2 * p * (p - 1) / _size) / 2
    ratio = sp.sqrt(2 * sp.pi) * sp.expand_func(sp.gamma(1 + _size / 2)) / sp.gamma(sp.Rational(3, 2))
    jacobian = (sp.log(2) + sp.log(p - 1) - sp.log(p)) / 2 - sp.log(2 * sp.pi) / 2  # log slope and the normal density
    total = sp.expand_log(volume + gradient + scale + sp.log(ratio / _size) + jacobian, force=True)
    result = sp.Rational(3, 2) * sp.log(2) - sp.log(p) / 2 + _size * sp.log(p - 1) / 2
    weight = (p - 2) / (2 * p)
    spread = 1 / (1 + 2 * weight)
    absolute = _mean_distance(spread + 1)
    pair = 2 * sp.pi * sp.sqrt(spread) * absolute  # of |a - b| exp(-weight a^2 - (a^2 + b^2)/2) over the plane
    angle = sp.Symbol("b", real=True)
    second, fourth = (sp.cos(angle) ** p).diff(angle, 2), (sp.cos(angle) ** p).diff(angle, 4)
    rice = 2 * sp.sqrt(fourth.subs(angle, 0) / -second.subs(angle, 0))
    mehta = 2 * sp.pi * sp.gamma(2) / sp.gamma(sp.Rational(3, 2))
    return Derivation(
        "The mean number of critical points of index k of the spherical p-spin",
        sp.Eq(sp.Symbol("log(C)"), result),
        (
            Step(
                "Given H = sqrt(N) f the Hessian is sqrt(2 p (p-1)/N) (A - y): the variance of A off the diagonal is",
                Relation(other / (2 * p * (p - 1) / _size), "=", sp.Rational(1, 2)),
                "exact",
                lambda: diagonal / (2 * p * (p - 1) / _size) / 2,
                shown=r"\mathrm{Var} A_{12} = \frac{p (p - 1)}{N} \cdot \frac{N}{2 p (p - 1)} = \frac{1}{2}",
            ),
            Step(
                "where sqrt(2 p (p-1)/N) y = p f/sqrt(N).",
                Relation(sp.sqrt(2 * p * (p - 1)) * y, "=", p * slope * y),
                "exact",
                shown=r"f = y \sqrt{\frac{2 (p - 1)}{p}}",
            ),
            Step(
                "Joined to the N - 1 eigenvalues of A, y is an eigenvalue of size N: |det(A - y)| completes Delta.",
                Relation((y - 1) * (y - 2) * (1 - 2), "=", sp.Matrix(3, 3, [1, 1, 1, y, 1, 2, y**2, 1, 4]).det() * -1),
                "exact",
                shown=r"\prod_j |\mu_j - y| \, |\Delta(\mu)| = |\Delta(y, \mu)|, \quad"
                r" \mathbb{E}[|\det(A - y)|; k \text{ below } y] = \frac{Z_N}{N Z_{N-1}}"
                r" \exp(y^2/2) \rho_k(y), \quad \rho_k \text{ the density of } \mu_k",
            ),
            Step(
                "The exponents add up to",
                Relation(y**2 / 2 - normal.subs(normal, slope * y) ** 2 / 2, "=", -weight * y**2),
                "exact",
                shown=r"\frac{y^2}{2} - \frac{f^2}{2} = - \frac{p - 2}{2 p} y^2",
            ),
            Step(
                "The constant: the sphere's volume, the density of the gradient at 0, the scale of the determinant, Z.",
                Relation(total, "=", result),
                "exact",
                shown=r"C = \frac{2 \pi^{N/2} N^{(N-1)/2}}{\Gamma(N/2)} (2 \pi p)^{-\frac{N-1}{2}}"
                r" \left(\frac{2 p (p - 1)}{N}\right)^{\frac{N-1}{2}} \frac{Z_N}{N Z_{N-1}}"
                r" \frac{1}{\sqrt{2 \pi}} \sqrt{\frac{2 (p - 1)}{p}}",
            ),
            Step(
                "At p = 2 it is 2 for each index, at every N: two opposite points for each eigenvector.",
                Relation(result.subs(p, 2), "=", sp.log(2)),
                "exact",
                shown="C = 2 \\quad (p = 2)",
            ),
            Step(
                "At N = 2, a circle, the sum over both indices is Rice's count of the zeros of a stationary process.",
                Relation(2 * sp.sqrt(2 / p) * (p - 1) * 2 * pair / (4 * sp.sqrt(sp.pi)), "=", rice),
                "exact",
                lambda: 2 * sp.sqrt(3 * p - 2),
                shown=r"C \, \mathbb{E} \sum_{k} \exp\left(-\frac{p-2}{2p} \mu_k^2\right) = 2 \sqrt{\frac{r''''(0)}"
                r"{- r''(0)}} = 2 \sqrt{3 p - 2}, \quad r = \cos^p b",
            ),
        ),
        Domain(p=(1, sp.oo), N=(1, sp.oo)).with_integers("p", "N"),
        assumptions=("couplings are independent and standard normal",),
        theorems=(
            kac_rice(),
            Theorem(
                "Mehta's integral",
                r"$\int |\Delta(\mu)| \exp(-\sum \mu^2/2) d\mu = (2 \pi)^{N/2} \prod_{j=1}^{N} "
                r"\Gamma(1 + j/2)/\Gamma(3/2)$",
                "Mehta, Random Matrices, chapter 17; an instance of Selberg's integral",
                (
                    Step(
                        "It is so at N = 2.",
                        Relation(2 * sp.pi * _mean_distance(sp.Integer(2)), "=", mehta),
                        "exact",
                        shown=r"\int |a - b| \exp\left(-\frac{a^2 + b^2}{2}\right) da \, db = 4 \sqrt{\pi}",
                    ),
                ),
            ),
        ),
        source=_SOURCE,
        shown={
            "result": r"\log C = \log\left(2 \sqrt{\frac{2}{p}} (p - 1)^{N/2}\right) \quad \text{in} \quad"
            r" \mathbb{E} \, \mathrm{Crt}_{N,k}(u) = C \, \mathbb{E}\left["
            r"\exp\left(-\frac{p-2}{2p} \mu_k^2\right); \mu_k \leq u \sqrt{\frac{N p}{2 (p - 1)}}\right]"
        },
    )


@cache
def kac_rice() -> Theorem:
    """Return the Kac-Rice formula for the critical points on the sphere, with what it asks of the field."""
    diagonal, _, other = covariances_given_energy()
    return Theorem(
        "the Kac-Rice formula",
        "The mean number of critical points of a Gaussian field on the sphere, of index $k$ and with values in a set, "
        "is the integral over the sphere of the density of the gradient at 0 times the mean of $|\\det|$ of the "
        "Hessian there on that index and those values.",
        "Adler and Taylor, Random Fields and Geometry, theorem 12.1.1",
        (
            Step(
                "The Hessian given the energy is not degenerate: variances of its entries are positive.",
                Relation(0, "<", diagonal * other),
                "exact",
                shown=r"0 < \frac{2 p (p - 1)}{N} \cdot \frac{p (p - 1)}{N}",
            ),
        ),
    )


def mean_critical_points(p: Any, size: Any, u: Any = np.inf, k: Any = None, *, log: bool = False) -> Any:
    r"""Return the mean number of critical points with energy per spin at most u, at finite N, in float64.

    .. math:: 2 \sqrt{2/p}\, (p-1)^{N/2} \int_{-\infty}^{u \sqrt{N p/(2(p-1))}} e^{-(p-2) y^2/(2p)} \rho(y)\, dy

    with rho the density of the k-th eigenvalue, by Pfaffians, or of all N, by Hermite functions.

    Args:
        p: How many spins meet in a coupling, an integer >= 2.
        size: How many spins there are, an integer from 2 to 400, to 100 if k is given.
        u: Energy per spin, or an array of energies; infinity counts all.
        k: The index, an integer from 0 to min(2, size - 1); None counts critical points of every index.
        log: Whether to return the logarithm, which does not overflow.

    Returns:
        A float or an array; s and -s are two points. All indices: to about 9 digits, a second at 400 spins. One index:
        to about 10 digits, two seconds at 50 spins. Below u = -10^6 sqrt(2(p-1)/(Np)) it is 0, its logarithm -oo.

    Raises:
        TypeError: If p or size is no integer or u no real number.
        ValueError: If p < 2, size is out of its range, or k is no integer in its range.

    Examples:
        >>> round(mean_critical_points(2, 7), 8), round(mean_critical_points(3, 2), 8)  # 2 N and 2 sqrt(3p - 2)
        (14.0, 5.29150262)
        >>> round(mean_critical_points(3, 10, k=0), 3)  # minima
        6.08

    References:
        Mehta, Random Matrices, chapter 7, for the density of all; de Bruijn (1955) for the Pfaffians.
    """
    order, number = order_of_spins(p), positive_integer("size", size)
    largest = 400 if k is None else 100
    if not 2 <= number <= largest:
        raise ValueError(f"size must be from 2 to {largest}, got {size}.")
    if not isinstance(log, bool):
        raise TypeError(f"log must be True or False, got {log!r}.")
    whole = isinstance(k, int | np.integer) and not isinstance(k, bool)
    if k is not None and not (whole and 0 <= k <= min(2, number - 1)):
        raise ValueError(f"k must be an integer from 0 to {min(2, number - 1)}, got {k!r}.")
    places = real_places("u", u)
    scale = np.sqrt(number * order / (2 * (order - 1)))
    weight = (order - 2) / (2 * order)
    uppers = (places * scale).ravel().tolist()
    if k is None:
        results = [_log_integral(weight, number, upper) for upper in uppers]
    else:
        results = [_log_integral_of_one(weight, number, int(k), upper) for upper in uppers]
    logarithm = np.reshape(results, places.shape) + np.log(8 / order) / 2 + number * np.log(order - 1) / 2
    with np.errstate(over="ignore"):
        return plain(logarithm if log else np.exp(logarithm))


def _log_integral_of_one(weight: float, number: int, k: int, upper: float) -> float:
    """Integrate panel by panel from where there is next to nothing, until nothing is added any more."""
    if upper < -_FARTHEST:
        return -math.inf
    edge = -np.sqrt(2 * number)
    width = 0.5
    left = min(upper, edge) - 6
    if upper < edge - 6:  # below, the density falls at least as fast as exp(upper x)
        width = min(0.5, 4 / abs(upper))
        left = upper - 12 * width
    nodes, weights = np.polynomial.legendre.leggauss(8)
    total = -math.inf
    while left < upper:
        right = min(left + width, upper)
        places = left + (right - left) * (nodes + 1) / 2
        values = np.array([log_density_of_eigenvalue(number, k, place) - weight * place**2 for place in places])
        top = values.max()
        if top > -math.inf:
            piece = top + math.log(float(weights @ np.exp(values - top)) * (right - left) / 2)
            total = float(np.logaddexp(total, piece))
            if right > edge and piece < total + math.log(1e-10):
                break
        left = right
    return total


def _log_integral(weight: float, number: int, upper: float) -> float:
    from scipy.integrate import simpson

    if upper < -_FARTHEST:
        return -math.inf
    reach = np.sqrt(2 * number) + _BEYOND
    left = -reach if upper > 6 - reach else upper - min(6.0, 40 / abs(upper))
    grid = np.linspace(left, min(upper, reach), 10001 + 200 * number)
    values = _log_eigenvalue_density(number, grid) - weight * grid**2
    top = float(values.max())
    return top + math.log(float(simpson(np.exp(values - top), x=grid)))


def _log_eigenvalue_density(number: int, grid: np.ndarray) -> np.ndarray:
    """The logarithm of the density of the N eigenvalues, variance 1/2 off the diagonal.

    The grid starts where next to none are. Hermite functions, here without their factor exp(-x^2/2) and brought back to
    order 1 where they have grown, and their integrals over the line come by their recursions.
    """
    from scipy.integrate import cumulative_simpson

    logarithm = -(grid**2) / 2  # of what is taken out of the functions
    last = np.full_like(grid, np.pi**-0.25)
    following = np.sqrt(2) * grid * last
    squares = last**2
    integrals = [np.sqrt(2) * np.pi**0.25, 0.0]
    for k in range(1, number):
        last, following = following, np.sqrt(2 / (k + 1)) * grid * following - np.sqrt(k / (k + 1)) * last
        squares = squares + last**2
        integrals.append(np.sqrt(k / (k + 1)) * integrals[k - 1])
        if k % _STEPS == 0 and abs(following).max() > _LARGE:
            size = np.maximum(1, np.maximum(abs(last), abs(following)))
            last, following, squares = last / size, following / size, squares / size**2
            logarithm = logarithm + np.log(size)
    factor = np.exp(logarithm)
    below = cumulative_simpson(following * factor, x=grid, initial=0)
    rest = np.sqrt(number / 2) * last * (below - integrals[number] / 2)  # half the integral of sign(x - t) phi_N
    if number % 2:
        rest = rest + last / integrals[number - 1]
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(factor * squares + rest > 0, logarithm + np.log(factor * squares + rest), -np.inf)


def _mean_distance(variance: sp.Expr) -> sp.Expr:
    """The mean of |z| for a centred normal z."""
    z, v = sp.Symbol("z", positive=True), sp.Symbol("v", positive=True)
    return sp.integrate(2 * z * sp.exp(-(z**2) / (2 * v)) / sp.sqrt(2 * sp.pi * v), (z, 0, sp.oo)).subs(v, variance)
