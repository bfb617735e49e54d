r"""The Hessian of the spherical p-spin at a critical point of given energy: a Wigner matrix, shifted.

Conventions: those of `theory.spin_glass.arguments`. At the point sqrt(N) e_N of the sphere, x_1, ..., x_(N-1) are the
first coordinates of s, so that s(x) = (x, sqrt(N - \|x\|^2)); H_i and H_ij are derivatives in x at 0, which there are
the gradient and the Hessian on the sphere. Covariances are derivatives of N (s(x).s(y)/N)^p at x = y = 0.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import sympy as sp

from theory.derivation import Derivation, Step, Theorem
from theory.domain import Domain
from theory.free_probability.law import SpectralLaw
from theory.free_probability.laws import point_mass, semicircle
from theory.proof import Relation
from theory.spin_glass.arguments import p, u
from theory.symbols import g

__all__ = ["covariances_given_energy", "hessian_given_energy", "spin_glass_hessian"]

_SOURCE = "Auffinger, Ben Arous and Cerny (2013), arXiv:1003.1129, section 3; derived here"
_size = sp.Symbol("N", positive=True)
_x = sp.symbols("x1:5", real=True)
_y = sp.symbols("y1:5", real=True)
_INSTANCES = (3, 4)  # orders at which covariances are summed over the couplings
_SPINS = 5  # four tangent directions, so that H_12 and H_34 are among the pairs

_LOW = (((), ()), ((), (1,)), ((1,), (1,)), ((1,), (2,)))
_MIXED = (((), (1, 1)), ((), (1, 2)), ((1,), (1, 1)), ((1,), (2, 2)), ((1,), (1, 2)), ((1,), (2, 3)))
_HIGH = (
    ((1, 1), (1, 1)),
    ((1, 1), (2, 2)),
    ((1, 2), (1, 2)),
    ((1, 1), (1, 2)),
    ((1, 1), (2, 3)),
    ((1, 2), (1, 3)),
    ((1, 2), (3, 4)),
)


def spin_glass_hessian() -> SpectralLaw:
    r"""Return the limiting law of the Hessian's eigenvalues on the sphere at a critical point of energy N u.

    A semicircle of variance p (p - 1) about -p u, with the parameters p >= 2 and u: `.at(p=3, u=-1.2)`, arrays too.
    Mean and variance are exact at every N for the Hessian at a point of given energy, critical or not; counting
    critical points weights it by its determinant, which changes both by O(1/N).

    Examples:
        >>> law = spin_glass_hessian()
        >>> print(law)
        R(g) = (p**2 - p)*g - p*u
        >>> round(law.at(p=3, u=-1.2).index(), 6)
        0.078609
    """
    return replace(point_mass(-p * u) + semicircle(p * (p - 1)), least=((p, 2),))


@cache
def hessian_given_energy() -> Derivation:
    r"""Derive the law of the Hessian on the sphere, given the energy and that the gradient vanishes.

    Off the diagonal its entries are independent of mean 0 and variance p (p - 1)/N, on it of mean -p u and twice that
    variance: sqrt(2 p (p-1) (N-1)/N) M - p u, M from the Gaussian orthogonal ensemble of size N - 1 with its spectrum
    in [-sqrt 2, sqrt 2].

    Returns:
        A derivation of the R-transform in p > 1 and u; parts "mean" and "variance" of an entry of the Hessian.

    Examples:
        >>> hessian_given_energy().value
        g*p*(p - 1) - p*u
        >>> hessian_given_energy().evidence
        'exact'
    """
    low, mixed, high = (sp.Tuple(*(_covariance(*pair) for pair in pairs)) for pairs in (_LOW, _MIXED, _HIGH))
    pair = p * (p - 1) / _size
    zeros = [0] * 4
    mean = _covariance((), (1, 1)) / _covariance((), ()) * _size * u
    given = covariances_given_energy()
    law = spin_glass_hessian()
    result = -p * u + p * (p - 1) * g
    wigner = Theorem(
        "Wigner's theorem",
        "The spectrum of a symmetric matrix with independent centred normal entries of variance $v/N$ off the diagonal "
        "and $O(1/N)$ on it tends to the semicircle of variance $v$.",
        "Anderson, Guionnet and Zeitouni, An Introduction to Random Matrices, section 2.1",
        (
            Step(
                "Entries on and off the diagonal are uncorrelated, hence independent.",
                Relation(sp.Tuple(given[1], *high[3:]), "=", sp.Tuple(0, *zeros)),
                "exact",
                shown=r"\mathrm{Cov}(H_{ij}, H_{kl} | H) = 0 \quad (\{i, j\} \neq \{k, l\})",
            ),
            Step(
                "The variance on the diagonal is twice that off it, and positive.",
                Relation(given[0] / given[2], "=", 2),
                "exact",
            ),
            Step("Here p > 1.", Relation(0, "<", pair), "exact"),
        ),
    )
    return Derivation(
        "The Hessian of the spherical p-spin, given its energy",
        sp.Eq(sp.Symbol("R"), result),
        (
            Step(
                "Here the metric is stationary at 0, so that second derivatives are the Hessian on the sphere.",
                Relation(_metric_slopes(), "=", sp.Tuple(*[0] * 6)),
                "exact",
                shown=r"\frac{\partial}{\partial x_k} \left(\delta_{ij} + \frac{x_i x_j}{N - |x|^2}\right) = 0"
                r" \quad (x = 0)",
            ),
            Step(
                "Covariances of the energy and the gradient: (H, H), (H, H_1), (H_1, H_1), (H_1, H_2).",
                Relation(low, "=", sp.Tuple(_size, 0, p, 0)),
                "exact",
                shown=r"\mathrm{Var} H = N, \quad \mathrm{Cov}(H, H_i) = 0, \quad"
                r" \mathrm{Cov}(H_i, H_j) = p \delta_{ij}",
            ),
            Step(
                "Of these and the Hessian: (H, H_11), (H, H_12); none with the gradient.",
                Relation(mixed, "=", sp.Tuple(-p, *[0] * 5)),
                "exact",
                shown=r"\mathrm{Cov}(H, H_{ij}) = - p \delta_{ij}, \quad \mathrm{Cov}(H_i, H_{jk}) = 0",
            ),
            Step(
                "Within the Hessian: (H_11, H_11), (H_11, H_22), (H_12, H_12), and all other pairs.",
                Relation(high, "=", sp.Tuple(2 * pair + p**2 / _size, p**2 / _size, pair, *zeros)),
                "exact",
                shown=r"\mathrm{Cov}(H_{ij}, H_{kl}) = \frac{p (p - 1)}{N} (\delta_{ik} \delta_{jl} + \delta_{il}"
                r" \delta_{jk}) + \frac{p^2}{N} \delta_{ij} \delta_{kl}",
            ),
            *(
                Step(
                    f"All of these, summed over the couplings at p = {order}, N = {_SPINS}, the Hessian by projection.",
                    Relation(
                        _summed_over_couplings(order),
                        "=",
                        sp.Tuple(*low, *mixed, *high).subs({p: order, _size: _SPINS}),
                    ),
                    "exact",
                    shown=r"\mathrm{Hess} H = P \nabla^2 H P - \frac{s \cdot \nabla H}{N} P",
                )
                for order in _INSTANCES
            ),
            Step(
                "Given H = N u, a diagonal entry has mean Cov(H, H_11) N u/Var(H).",
                Relation(mean, "=", -p * u),
                "exact",
                shown=r"\mathbb{E}[H_{ii} | H = N u] = - p u",
            ),
            Step(
                "and variances and covariances lose Cov(H, H_ij) Cov(H, H_kl)/Var(H).",
                Relation(sp.Tuple(*given), "=", sp.Tuple(2 * pair, 0, pair)),
                "exact",
                shown=r"\mathrm{Cov}(H_{ij}, H_{kl} | H) = \frac{p (p - 1)}{N} (\delta_{ik} \delta_{jl}"
                r" + \delta_{il} \delta_{jk})",
            ),
            Step(
                "So off the diagonal an entry has the variance",
                Relation(given[2], "=", pair),
                "exact",
                shown=r"\mathrm{Var}(H_{12} | H) = \frac{p (p - 1)}{N}",
            ),
            Step(
                "So the law is the semicircle of variance p (p - 1) about -p u.",
                Relation(mean + sp.limit(_size * given[2], _size, sp.oo) * g, "=", result),
                "exact",
                lambda: law.free_cumulant(1) + law.free_cumulant(2) * g,
                shown=r"R(g) = - p u + p (p - 1) g",
            ),
        ),
        Domain(p=(1, sp.oo), N=(1, sp.oo)).with_integers("p", "N"),
        parts={"mean": sp.Eq(sp.Symbol("mean"), -p * u), "variance": sp.Eq(sp.Symbol("variance"), pair)},
        titles={
            "mean": "mean of an entry",
            "variance": "variance of an entry",
        },
        assumptions=("couplings are independent and standard normal",),
        theorems=(wigner,),
        source=_SOURCE,
    )


@cache
def covariances_given_energy() -> tuple[sp.Expr, sp.Expr, sp.Expr]:
    """Return Var H_11, Cov(H_11, H_22) and Var H_12 given H, in p and N."""
    first, second, third = (
        _covariance(*both) - _covariance((), both[0]) * _covariance((), both[1]) / _covariance((), ())
        for both in _HIGH[:3]
    )
    return first, second, third


@cache
def _covariance(first: Sequence[int], second: Sequence[int]) -> sp.Expr:
    """The covariance of two derivatives of H, by differentiating that of H at two points of the sphere."""
    used = sorted({*first, *second})
    left, right = ([row[place - 1] for place in used] for row in (_x, _y))
    overlap = sum((a * b for a, b in zip(left, right, strict=True)), sp.Integer(0))
    overlap += sp.sqrt(_size - sum(a**2 for a in left)) * sp.sqrt(_size - sum(b**2 for b in right))
    value = _size * (overlap / _size) ** p
    for places, row in ((first, _x), (second, _y)):
        for place in places:
            value = value.diff(row[place - 1])
        value = value.subs(dict.fromkeys(row, 0))
    return sp.factor(value)


def _metric_slopes() -> sp.Tuple:
    """First derivatives at 0 of the metric of the sphere in the coordinates x, over the kinds of triples."""
    place = [*_x[:3], sp.sqrt(_size - sum(a**2 for a in _x[:3]))]
    slopes = []
    for i, j, k in ((0, 0, 0), (0, 0, 1), (0, 1, 0), (0, 1, 2), (1, 1, 0), (2, 2, 2)):
        metric = sum((entry.diff(_x[i]) * entry.diff(_x[j]) for entry in place), sp.Integer(0))
        slopes.append(metric.diff(_x[k]).subs(dict.fromkeys(_x, 0)))
    return sp.Tuple(*slopes)


@cache
def _summed_over_couplings(order: int) -> sp.Tuple:
    """The same covariances as sums over couplings: every monomial counts as often as it occurs."""
    spins = sp.symbols(f"s1:{_SPINS + 1}", positive=True)
    pole = dict.fromkeys(spins[:-1], 0) | {spins[-1]: sp.sqrt(_SPINS)}
    every = {*(part for pair in (*_LOW, *_MIXED, *_HIGH) for part in pair)}
    totals: dict[tuple[Sequence[int], Sequence[int]], sp.Expr] = {}
    for powers in _compositions(order, _SPINS):
        monomial = sp.prod(spin**power for spin, power in zip(spins, powers, strict=True))
        radial = sum((spin * monomial.diff(spin) for spin in spins), sp.Integer(0)) / _SPINS
        parts = {}
        for places in every:
            value = monomial
            for place in places:
                value = value.diff(spins[place - 1])
            if len(places) == 2 and places[0] == places[1]:
                value -= radial
            parts[places] = value.subs(pole)
        count = sp.factorial(order) / sp.prod(sp.factorial(power) for power in powers)
        for pair in (*_LOW, *_MIXED, *_HIGH):
            totals[pair] = totals.get(pair, sp.Integer(0)) + count * parts[pair[0]] * parts[pair[1]]
    scale = sp.Integer(_SPINS) ** (1 - order)
    return sp.Tuple(*(sp.expand(scale * totals[pair]) for pair in (*_LOW, *_MIXED, *_HIGH)))


def _compositions(total: int, parts: int) -> list[tuple[int, ...]]:
    """All ways to write a total as an ordered sum of so many integers >= 0."""
    if parts == 1:
        return [(total,)]
    return [(first, *rest) for first in range(total + 1) for rest in _compositions(total - first, parts - 1)]
