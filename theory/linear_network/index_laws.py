r"""Index against energy on the critical points of wide linear networks: the law depends on how points are chosen.

Conventions: n-n-n networks, m = 2n/phi samples, 0 < phi < 2, inputs and targets independent N(0, 1), n -> oo at fixed
phi; alpha = index/(2n^2), energies epsilon = L/n, epsilon_c = (1 - phi/2)/2 the energy of the minima, d = epsilon -
epsilon_c; q is the share of directions that are not fitted, x^2 the largest eigenvalue left out, of GG'/n for a
Gaussian n x n matrix G. A critical set is a set of directions. "Greedy" are the sets of the largest singular values,
the order in which gradient descent from small weights visits them; "uniform" are sets drawn uniformly among those of
one size.
"""

from functools import cache
from itertools import combinations
from typing import Any, Literal

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from theory.derivation import Derivation, Step, Theorem
from theory.domain import Domain
from theory.exact_numbers import exact_number
from theory.free_probability.laws import marchenko_pastur
from theory.linear_network.second_variation import critical_set_index
from theory.proof import Relation
from theory.symbols import alpha, m, n, phi

__all__ = ["greedy_index_law", "linear_index_curve", "uniform_index_law"]

_d, _q, _x, _r = sp.symbols("d q x r", positive=True)
_DOMAIN = Domain(phi=(0, 2), d=(0, sp.oo), q=(0, 1), x=(0, 2))
_SHARE = (_x * sp.sqrt(4 - _x**2) + 4 * sp.asin(_x / 2)) / (2 * sp.pi)
_COST = (4 * sp.asin(_x / 2) - _x * sp.sqrt(4 - _x**2) * (1 - _x**2 / 2)) / (2 * sp.pi)
_SOURCE = "derived here; Marchenko and Pastur (1967) for the singular values"
_ASSUMPTIONS = (
    "inputs and targets are independent N(0, 1); n -> oo at fixed phi = 2n/m",
    "energies are not rescaled by the draw; the draw's own mean square of the targets tends to 1",
)


@cache
def greedy_index_law() -> Derivation:
    r"""Derive alpha against energy for the critical points that fit the largest singular values: exponent 2/3.

    .. math:: \alpha = \frac12 \Bigl(\frac{48\,d}{\pi^2 \phi}\Bigr)^{2/3} \Bigl(1 - \frac{\pi^2 q^2}{120} + \dots\Bigr),
              \qquad \alpha = \frac{q^2}{2}, \quad d = \frac{\phi\, \pi^2 q^3}{48} \Bigl(1 + O(q^2)\Bigr)

    Returns:
        A derivation on 0 < phi < 2; the value is the leading term for small d. The parts are "exponent", "energy" (d in
        q, leading), "correction" (the bracket), "index" (alpha in q, exact) and the whole curve by its parameter x:
        "share" (q) and "excess" (d).

    Examples:
        >>> greedy_index_law().parts["exponent"].rhs
        2/3
        >>> print(greedy_index_law().at(phi="1/2", d="1/1000", digits=6))
        0.0227834
    """
    leading = (48 * _d / (sp.pi**2 * phi)) ** sp.Rational(2, 3) / 2
    energy = phi * sp.pi**2 * _q**3 / 48
    excess = phi / 4 * _COST
    start = 2 * _x / sp.pi  # the beginning of q
    ratio = (_taylor(_SHARE, 5) ** 6 / 8) / ((12 * _taylor(_COST, 7) / sp.pi**2) ** 2 / 8)
    bracket = 1 - sp.pi**2 * _q**2 / 120
    return Derivation(
        "The index of greedy critical points grows with the power 2/3 of the energy",
        sp.Eq(alpha, leading),
        (
            *_singular_value_steps(),
            Step(
                "The index has no inversions if the largest singular values are fitted; r = (1 - q) n.",
                Relation(_square_index(sp.Integer(0)).subs(_r, (1 - _q) * n) / (2 * n**2), "=", _q**2 / 2),
                "exact",
                shown=r"\alpha = \frac{(n - r)^2}{2 n^2} = \frac{q^2}{2}",
            ),
            Step(
                "The share q of singular values below x: the quarter circle, by the angle theta with x = 2 sin theta.",
                Relation(_by_angle(0), "=", _SHARE),
                "exact",
                shown=r"q = \int_0^x \frac{\sqrt{4 - t^2}}{\pi} dt = \frac{2 \theta + \sin 2 \theta}{\pi}"
                r" = \frac{x \sqrt{4 - x^2} + 4 \arcsin (x/2)}{2 \pi}",
            ),
            Step(
                "What they cost: phi/4 times the integral of the squares.",
                Relation(phi / 4 * _by_angle(2), "=", excess),
                "exact",
                shown=r"d = \frac{\phi}{4} \int_0^x t^2 \frac{\sqrt{4 - t^2}}{\pi} dt"
                r" = \frac{\phi}{4} c(x), \quad c = \frac{4 \theta - \sin 4 \theta}{2 \pi}",
            ),
            Step(
                "Differentiated, both are what was integrated.",
                Relation(
                    sp.Tuple(_SHARE.diff(_x), _COST.diff(_x)),
                    "=",
                    sp.Tuple(sp.sqrt(4 - _x**2) / sp.pi, _x**2 * sp.sqrt(4 - _x**2) / sp.pi),
                ),
                "exact",
                shown=r"q' = \frac{\sqrt{4 - x^2}}{\pi}, \quad c' = \frac{x^2 \sqrt{4 - x^2}}{\pi}",
            ),
            Step(
                "Both run from 0 to 1.",
                Relation(
                    sp.Tuple(*(term.subs(_x, end) for term in (_SHARE, _COST) for end in (0, 2))),
                    "=",
                    sp.Tuple(0, 1, 0, 1),
                ),
                "exact",
                shown=r"q(0) = c(0) = 0, \quad q(2) = c(2) = 1",
            ),
            Step(
                "For small x:",
                Relation(
                    sp.Tuple(_taylor(_SHARE, 5), _taylor(_COST, 7)),
                    "=",
                    sp.Tuple(start * (1 - _x**2 / 24), 2 * _x**3 / (3 * sp.pi) * (1 - 3 * _x**2 / 40)),
                ),
                "exact",
                shown=r"q = \frac{2 x}{\pi} \left(1 - \frac{x^2}{24} + \ldots\right),"
                r" \quad c = \frac{2 x^3}{3 \pi} \left(1 - \frac{3 x^2}{40} + \ldots\right)",
            ),
            Step(
                "The leading term of d, with x = pi q/2.",
                Relation((phi / 4 * 2 * _x**3 / (3 * sp.pi)).subs(_x, sp.pi * _q / 2), "=", energy),
                "exact",
                shown=r"d = \frac{\phi}{4} \, \frac{2}{3 \pi} \left(\frac{\pi q}{2}\right)^3"
                r" = \frac{\pi^2 \phi q^3}{48}",
            ),
            Step(
                "Solved for q, alpha = q^2/2 in terms of d;",
                Relation(sp.cbrt(48 * _d / (sp.pi**2 * phi)) ** 2 / 2, "=", leading),
                "exact",
                shown=r"\alpha = \frac{1}{2} \left(\frac{48 d}{\pi^2 \phi}\right)^{2/3}",
            ),
            Step(
                "put back, it gives d again.",
                Relation(energy.subs(_q, sp.sqrt(2 * leading)), "=", _d),
                "exact",
                shown=r"\frac{\pi^2 \phi}{48} (2 \alpha)^{3/2} = d",
            ),
            Step(
                "Its exponent: the logarithmic derivative.",
                Relation(_d * leading.diff(_d) / leading, "=", sp.Rational(2, 3)),
                "exact",
                shown=r"\frac{d \log \alpha}{d \log d} = \frac{2}{3}",
            ),
            Step(
                "The next order: the cube of alpha over its leading term, in x.",
                Relation(sp.series(sp.cancel(ratio), _x, 0, 4).removeO(), "=", 1 - _x**2 / 10),
                "exact",
                shown=r"\left(\frac{\alpha(x)}{\alpha_{\mathrm{lead}}(d(x))}\right)^3 = 1 - \frac{x^2}{10} + \ldots",
            ),
            Step(
                "So alpha over its leading term is, with x = pi q/2,",
                Relation((1 - _x**2 / 30).subs(_x, sp.pi * _q / 2), "=", bracket),
                "exact",
                shown=r"1 - \frac{x^2}{30} = 1 - \frac{\pi^2 q^2}{120}",
            ),
        ),
        _DOMAIN,
        parts={
            "exponent": sp.Eq(sp.Symbol("exponent"), sp.Rational(2, 3)),
            "energy": sp.Eq(_d, energy),
            "correction": sp.Eq(sp.Symbol("correction"), bracket),
            "index": sp.Eq(alpha, _q**2 / 2),
            "share": sp.Eq(_q, _SHARE),
            "excess": sp.Eq(_d, excess),
        },
        assumptions=_ASSUMPTIONS,
        theorems=(_marchenko_pastur_theorem(),),
        source=_SOURCE,
    )


@cache
def uniform_index_law() -> Derivation:
    r"""Derive alpha against energy for critical points drawn uniformly among those of one size: exponent 1.

    .. math:: \alpha = \frac{q + q^2}{4}, \quad d = \frac{\phi q}{4}, \qquad
              \alpha = \frac d\phi + \frac{4 d^2}{\phi^2}

    Means over sets and data are exact at every n; single sets concentrate, the standard deviation of alpha is of the
    order n^(-1/2).

    Returns:
        A derivation on 0 < phi < 2; the value is alpha in d. The parts are "exponent", "index" and "energy" in q, and
        "variance" of alpha over the sets of one draw.

    Examples:
        >>> uniform_index_law().at(phi=1, d="1/4")
        1/2
        >>> uniform_index_law().parts["exponent"].rhs
        1
    """
    law = _d / phi + 4 * _d**2 / phi**2
    energy = phi * _q / 4
    inversions = _r * (n - _r) / 2
    spread = _r * (n - _r) * (n + 1) / 12
    variance = _q * (1 - _q) * (1 + 1 / n) / (48 * n)
    sizes = [(total, chosen) for total in (3, 4, 5, 6) for chosen in range(1, total)]
    counts = [_inversion_counts(*size) for size in sizes]
    exact = [{n: total, _r: chosen} for total, chosen in sizes]
    return Derivation(
        "The index of uniformly drawn critical points grows in proportion to the energy",
        sp.Eq(alpha, law),
        (
            *_singular_value_steps(),
            Step(
                "A pair of directions is an inversion if the one with the smaller singular value is fitted and the "
                "other is not: with probability r (n - r)/(n (n - 1)), for each of n (n - 1)/2 pairs.",
                Relation(n * (n - 1) / 2 * _r / n * (n - _r) / (n - 1), "=", inversions),
                "exact",
                shown=r"E \, \mathrm{inversions} = \frac{n (n - 1)}{2} \, \frac{r (n - r)}{n (n - 1)}"
                r" = \frac{r (n - r)}{2}",
            ),
            Step(
                "Exact instances: all sets of each size for n = 3, 4, 5, 6.",
                Relation(
                    sp.Tuple(*(sp.Rational(sum(found), len(found)) for found in counts)),
                    "=",
                    sp.Tuple(*(inversions.subs(size) for size in exact)),
                ),
                "exact",
                shown=r"E \, \mathrm{inversions} = \frac{r (n - r)}{2}",
            ),
            Step(
                "The mean index over 2n^2, with r = (1 - q) n.",
                Relation(_square_index(inversions).subs(_r, (1 - _q) * n) / (2 * n**2), "=", (_q + _q**2) / 4),
                "exact",
                shown=r"\alpha = \frac{(n - r)^2 + r (n - r)/2}{2 n^2} = \frac{q + q^2}{4}",
            ),
            Step(
                "The variance of the number of inversions (Mann and Whitney), for the same instances",
                Relation(
                    sp.Tuple(*(_variance(found) for found in counts)),
                    "=",
                    sp.Tuple(*(spread.subs(size) for size in exact)),
                ),
                "exact",
                shown=r"\mathrm{Var} \, \mathrm{inversions} = \frac{r (n - r) (n + 1)}{12}",
            ),
            Step(
                "and that of alpha: it concentrates.",
                Relation(spread.subs(_r, (1 - _q) * n) / (4 * n**4), "=", variance),
                "exact",
                shown=r"\mathrm{Var} \, \alpha = \frac{q (1 - q)}{48 n} \left(1 + \frac{1}{n}\right)",
            ),
            Step(
                "A direction left out costs the mean of s^2/(2n): q n of them, E s^2 = n/m.",
                Relation((_q * n * (n / m) / (2 * n)).subs(m, 2 * n / phi), "=", energy),
                "exact",
                shown=r"d = q n \, \frac{E s^2}{2 n} = \frac{\phi q}{4}",
            ),
            Step(
                "Eliminate q = 4d/phi.",
                Relation(((_q + _q**2) / 4).subs(_q, 4 * _d / phi), "=", law),
                "exact",
                shown=r"\alpha = \frac{1}{4} \left(\frac{4 d}{\phi} + \frac{16 d^2}{\phi^2}\right)",
            ),
            Step(
                "Its exponent at small d: the logarithmic derivative.",
                Relation(sp.cancel(_d * law.diff(_d) / law).subs(_d, 0), "=", 1),
                "exact",
                shown=r"\left[\frac{d \log \alpha}{d \log d}\right]_{d = 0}"
                r" = \left[\frac{\phi + 8 d}{\phi + 4 d}\right]_{d = 0} = 1",
            ),
            Step(
                "Nothing fitted, d = phi/4: half of all eigenvalues are negative.",
                Relation(law.subs(_d, phi / 4), "=", sp.Rational(1, 2)),
                "exact",
                shown=r"\alpha(\phi/4) = \frac{1}{2}",
            ),
        ),
        _DOMAIN,
        parts={
            "exponent": sp.Eq(sp.Symbol("exponent"), sp.Integer(1)),
            "index": sp.Eq(alpha, (_q + _q**2) / 4),
            "energy": sp.Eq(_d, energy),
            "variance": sp.Eq(sp.Symbol("Var(alpha)"), variance),
        },
        assumptions=_ASSUMPTIONS,
        source="derived here; means and variances over sets are those of the statistic of Mann and Whitney (1947)",
    )


def linear_index_curve(
    phi: object, left_out: Any, order: Literal["greedy", "uniform"] = "greedy"
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    r"""Return d = epsilon - epsilon_c and alpha of wide linear networks, for shares q of directions left out.

    The whole curve, not its beginning: for greedy sets q is the mass of Beta(1/2, 3/2) below u and 4d/phi that of
    Beta(3/2, 3/2), which keeps all digits at small q.

    Args:
        phi: Weights per residual, 0 < phi < 2.
        left_out: Shares q in [0, 1], an array of any shape.
        order: Which sets of directions, "greedy" or "uniform".

    Returns:
        d and alpha, arrays of that shape.

    Raises:
        ValueError: If phi or a share is out of range, or the order is another word.

    Examples:
        >>> linear_index_curve(1, [0.0, 1.0])
        (array([0.  , 0.25]), array([0. , 0.5]))
    """
    from scipy.special import betainc, betaincinv

    ratio = float(exact_number("phi", phi))
    if not 0 < ratio < 2:
        raise ValueError(f"phi must lie in (0, 2), got {phi}.")
    shares = np.asarray(left_out, dtype=np.float64)
    if not ((shares >= 0) & (shares <= 1)).all():
        raise ValueError(f"left_out must hold shares in [0, 1], got {left_out}.")
    if order == "greedy":
        return np.asarray(ratio / 4 * betainc(1.5, 1.5, betaincinv(0.5, 1.5, shares))), shares**2 / 2
    if order == "uniform":
        return ratio * shares / 4, (shares + shares**2) / 4
    raise ValueError(f"order must be 'greedy' or 'uniform', got {order!r}.")


def _singular_value_steps() -> tuple[Step, ...]:
    """The singular values of the data are those of a Gaussian matrix, at every size."""
    x, xt, root = sp.symbols("X X^T R", commutative=False)
    return (
        Step(
            "With R^2 = X X' the rows of Q = R^-1 X are orthonormal, so that the entries of Y Q' are independent "
            "N(0, 1), whatever X is.",
            Relation((root**-1 * x * xt * root**-1).subs(x * xt, root**2), "=", 1),
            "exact",
            shown=r"Q Q^{T} = R^{-1} X X^{T} R^{-1} = 1",
        ),
        Step(
            "The singular values s of (1/m) Y X' Sxx^(-1/2), Sxx = R^2/m, are those of Y Q'/sqrt(m), a Gaussian matrix "
            "G over sqrt(m): s^2 = lambda n/m, lambda the eigenvalues of G G'/n.",
            Relation((n / m).subs(m, 2 * n / phi), "=", phi / 2),
            "exact",
            shown=r"s_i^2 = \frac{n}{m} \lambda_i = \frac{\phi}{2} \lambda_i",
        ),
        Step(
            "A direction left out raises the energy by s^2/(2n).",
            Relation(phi / 2 / (2 * n), "=", phi / (4 * n)),
            "exact",
            shown=r"d = \frac{1}{2 n} \sum_{j \notin I} s_j^2 = \frac{\phi}{4} \, \frac{1}{n} \sum_{j \notin I}"
            r" \lambda_j",
        ),
    )


def _marchenko_pastur_theorem() -> Theorem:
    e = sp.Symbol("e", real=True)
    weight = sp.exp(-(e**2) / 2) / sp.sqrt(2 * sp.pi)
    eigenvalue = sp.Symbol("lambda", positive=True)
    density = sp.sqrt(eigenvalue * (4 - eigenvalue)) / (2 * sp.pi * eigenvalue)
    law = marchenko_pastur(1)
    angle = sp.Symbol("t", positive=True)
    return Theorem(
        "The Marchenko-Pastur theorem",
        "If the entries of the $n \\times n$ matrix $G$ are independent with mean 0 and variance 1, the share of "
        "eigenvalues of $G G^{T}/n$ below any number tends to the mass of the Marchenko-Pastur law of ratio 1.",
        "Marchenko and Pastur (1967); Bai and Silverstein, Spectral Analysis of Large Dimensional Random Matrices, "
        "theorem 3.6",
        (
            Step(
                "Entries have mean 0 and variance 1.",
                Relation(
                    sp.Tuple(*(sp.integrate(e**power * weight, (e, -sp.oo, sp.oo)) for power in (1, 2))),
                    "=",
                    sp.Tuple(0, 1),
                ),
                "exact",
                shown=r"E \, e = 0, \quad E \, e^2 = 1",
            ),
            Step(
                "For the square root x of an eigenvalue the density is a quarter circle",
                Relation((density.subs(eigenvalue, _x**2) * 2 * _x), "=", sp.sqrt(4 - _x**2) / sp.pi),
                "exact",
                shown=r"2 x \, \frac{\sqrt{x^2 (4 - x^2)}}{2 \pi x^2} = \frac{\sqrt{4 - x^2}}{\pi}",
                domain=_DOMAIN,
            ),
            Step(
                "with the moments that follow from free cumulants (orders 1 to 4, x = 2 sin t).",
                Relation(
                    sp.Tuple(
                        *(
                            sp.integrate(4 * sp.cos(angle) ** 2 * (2 * sp.sin(angle)) ** (2 * k), (angle, 0, sp.pi / 2))
                            / sp.pi
                            for k in range(1, 5)
                        )
                    ),
                    "=",
                    sp.Tuple(*(law.moment(k) for k in range(1, 5))),
                ),
                "exact",
                shown=r"\int_0^2 x^{2k} \frac{\sqrt{4 - x^2}}{\pi} dx = 1, 2, 5, 14",
            ),
        ),
    )


def _square_index(inversions: sp.Expr) -> sp.Expr:
    """The index of a critical set of an n-n-n network with r directions fitted."""
    names = {"n1": n, "p": n, "r": _r, "inversions": inversions}
    return critical_set_index().value.subs(
        {symbol: names[symbol.name] for symbol in critical_set_index().value.free_symbols}
    )


def _by_angle(power: int) -> sp.Expr:
    """The integral of x^power over the quarter circle up to x, x = 2 sin(angle)."""
    angle = sp.Symbol("theta", positive=True)
    integrand = (2 * sp.sin(angle)) ** power * (2 * sp.cos(angle)) ** 2 / sp.pi
    return sp.expand_trig(sp.integrate(integrand, (angle, 0, angle))).subs(angle, sp.asin(_x / 2))


def _taylor(term: sp.Expr, order: int) -> sp.Expr:
    """A Taylor polynomial at 0, below the given order in x plus one."""
    return sum((term.diff(_x, k).subs(_x, 0) / sp.factorial(k) * _x**k for k in range(order)), sp.Integer(0))


def _inversion_counts(total: int, chosen: int) -> list[int]:
    """The number of inversions of every set of ``chosen`` out of ``total`` directions."""
    return [sum(1 for i in kept for j in range(i) if j not in kept) for kept in combinations(range(total), chosen)]


def _variance(counts: list[int]) -> sp.Rational:
    mean = sp.Rational(sum(counts), len(counts))
    return sum(((count - mean) ** 2 for count in counts), sp.Integer(0)) / len(counts)
