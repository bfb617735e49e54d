r"""Index against energy on critical points that are drawn uniformly among those of one size: proportional.

Conventions: n-n-n networks, m = 2n/phi samples, 0 < phi < 2, inputs and targets independent N(0, 1); alpha =
index/(2n^2), energies epsilon = L/n, epsilon_c = (1 - phi/2)/2 the mean energy of the minima, d = epsilon - epsilon_c;
a critical set is a set of r directions, q = 1 - r/n the share of those that are not fitted.
"""

from functools import cache
from itertools import combinations

import sympy as sp

from theory.derivation import Derivation, Step
from theory.linear_network.gaussian_data import ASSUMPTIONS, DOMAIN, singular_value_steps, square_index
from theory.proof import Relation
from theory.symbols import alpha, m, n, phi

__all__ = ["uniform_index_law"]

_d, _q, _r = sp.symbols("d q r", positive=True)


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
            *singular_value_steps(),
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
                Relation(square_index(inversions).subs(_r, (1 - _q) * n) / (2 * n**2), "=", (_q + _q**2) / 4),
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
        DOMAIN,
        parts={
            "exponent": sp.Eq(sp.Symbol("exponent"), sp.Integer(1)),
            "index": sp.Eq(alpha, (_q + _q**2) / 4),
            "energy": sp.Eq(_d, energy),
            "variance": sp.Eq(sp.Symbol("Var(alpha)"), variance),
        },
        titles={
            "exponent": "exponent of the law",
            "index": "index by the share",
            "energy": "energy by the share",
            "variance": "variance of the index",
        },
        assumptions=ASSUMPTIONS,
        source="Mann and Whitney (1947), whose statistic has the same means and variances over sets; derived here",
    )


def _inversion_counts(total: int, chosen: int) -> list[int]:
    """The number of inversions of every set of ``chosen`` out of ``total`` directions."""
    return [sum(1 for i in kept for j in range(i) if j not in kept) for kept in combinations(range(total), chosen)]


def _variance(counts: list[int]) -> sp.Rational:
    mean = sp.Rational(sum(counts), len(counts))
    return sum(((count - mean) ** 2 for count in counts), sp.Integer(0)) / len(counts)
