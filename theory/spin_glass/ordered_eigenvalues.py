r"""The density of the k-th least eigenvalue of the Gaussian orthogonal ensemble, at finite N, by Pfaffians.

Conventions: those of `theory.spin_glass.mean_number`: variance 1/2 off the diagonal, joint density
\|Delta(mu)\| exp(-sum mu^2/2)/Z_N. With one eigenvalue at y and k of the others below it,

.. math:: \rho_k(y) = \frac{N!\, e^{-y^2/2}}{Z_N \prod_{j<N-1} \kappa_j}\, [s^k]\, \mathrm{Pf} A(s), \qquad
          A_{ij} = \iint_{x < x'} (f_i(x) f_j(x') - f_j(x) f_i(x'))\, dx\, dx',

by de Bruijn's formula, f_i = phi_i(x) \|x - y\| (1 above y, s below y), phi_i the Hermite functions and kappa_j the
leading coefficients of their polynomials; for N - 1 odd A is bordered by the integrals of f_i. A is quadratic in s, and
the coefficients of Pf A = (det A)^(1/2) follow from traces of the series of its inverse.
"""

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

__all__ = ["log_density_of_eigenvalue"]

Array = NDArray[np.float64]

_BEYOND = 8


def log_density_of_eigenvalue(size: int, k: int, y: float) -> float:
    """Return log rho_k(y), k counted from 0; minus infinity where rounding leaves nothing.

    Allocates about (3 N + 80) (4 N + 80) numbers.

    Args:
        size: N, at least 2.
        k: Which eigenvalue, 0, 1 or 2: beyond, rounding leaves no digits where more than k lie below y.
        y: A place.
    """
    reach = np.sqrt(2 * size) + _BEYOND
    nodes, weights, integrals = _legendre(80 + 3 * size)
    start, end = max(y, -reach), min(y, reach)  # of what lies above and below y, but for where nothing is
    halves = np.array([max(reach - start, 1.0), max(end + reach, 1.0)]) / 2
    right, left = start + halves[0] * (nodes + 1), end + halves[1] * (nodes - 1)
    above, below = (_hermite_functions(size - 1, grid) * abs(grid - y) for grid in (right, left))
    mass_above, mass_below = halves[0] * above @ weights, halves[1] * below @ weights
    constant = halves[0] ** 2 * _ordered(above, weights, integrals)
    linear = np.outer(mass_below, mass_above)
    linear = linear - linear.T
    square = halves[1] ** 2 * _ordered(below, weights, integrals)
    if size % 2 == 0:
        constant, linear, square = (
            _bordered(matrix, border)
            for matrix, border in ((constant, mass_above), (linear, mass_below), (square, 0 * mass_below))
        )
    sign, half = np.linalg.slogdet(constant)
    if sign <= 0:
        return -math.inf
    coefficient = _pfaffian_coefficients(constant, linear, square, k)[k]
    if coefficient <= 0:
        return -math.inf
    return float(_log_constant(size) - y * y / 2 + half / 2 + math.log(coefficient))


def _log_constant(size: int) -> float:
    """Return log(N!/(Z_N prod kappa_j))."""
    steps = np.arange(1, size + 1)
    mehta = size * math.log(2 * math.pi) / 2 + sum(math.lgamma(1 + step / 2) - math.lgamma(1.5) for step in steps)
    leading = sum(
        (degree * math.log(2) - math.lgamma(degree + 1) - math.log(math.pi) / 2) / 2 for degree in range(size - 1)
    )
    return math.lgamma(size + 1) - mehta - leading


def _pfaffian_coefficients(constant: Array, linear: Array, square: Array, order: int) -> Array:
    """The series of Pf(A_0 + s A_1 + s^2 A_2)/Pf(A_0), from d log Pf/ds = tr((1 + s B + s^2 C)^-1 (B + 2 s C))/2."""
    first, second = np.linalg.solve(constant, linear), np.linalg.solve(constant, square)
    inverse = [np.eye(len(constant))]
    slopes: list[float] = []
    for power in range(order):
        previous = inverse[power - 1] if power else 0 * inverse[0]
        slopes.append(float(np.trace(inverse[power] @ first) + 2 * np.trace(previous @ second)) / 2)
        inverse.append(-(first @ inverse[power] + second @ previous))
    series = np.zeros(order + 1)
    series[0] = 1
    for power in range(1, order + 1):
        series[power] = sum(slopes[j] * series[power - 1 - j] for j in range(power)) / power
    return series


def _ordered(functions: Array, weights: Array, integrals: Array) -> Array:
    """The double integrals over x < x' of f_i(x) f_j(x') - f_j(x) f_i(x')."""
    product = functions @ integrals.T @ (functions * weights).T
    return np.asarray(product - product.T)


@lru_cache(maxsize=4)
def _legendre(count: int) -> tuple[Array, Array, Array]:
    """Gauss nodes and weights, and the matrix that turns values at the nodes into integrals from -1 to the nodes."""
    nodes, weights = np.polynomial.legendre.leggauss(count)
    values = np.polynomial.legendre.legvander(nodes, count)
    following, preceding = values[:, 1:], np.column_stack([-np.ones(count), values[:, : count - 1]])
    return nodes, weights, (following - preceding) / 2 @ (values[:, :count] * weights[:, None]).T


def _bordered(matrix: Array, border: Array) -> Array:
    return np.block([[matrix, border[:, None]], [-border[None], np.zeros((1, 1))]])


def _hermite_functions(count: int, grid: Array) -> Array:
    """The first orthonormal Hermite functions, by their recursion."""
    rows = np.empty((max(count, 2), len(grid)))
    rows[0] = np.exp(-(grid**2) / 2) / np.pi**0.25
    rows[1] = np.sqrt(2) * grid * rows[0]
    for k in range(1, count - 1):
        rows[k + 1] = np.sqrt(2 / (k + 1)) * grid * rows[k] - np.sqrt(k / (k + 1)) * rows[k - 1]
    return rows[:count]
