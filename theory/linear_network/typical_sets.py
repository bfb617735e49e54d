r"""Index against energy on the critical points of wide linear networks when every critical set counts the same.

Conventions: n-n-n networks, m = 2n/phi samples, 0 < phi < 2, inputs and targets independent N(0, 1); alpha =
index/(2n^2), energies epsilon = L/n, epsilon_c = (1 - phi/2)/2 the mean energy of the minima, d = epsilon - epsilon_c;
n -> oo at fixed phi, then d small. There are 2^n critical sets; x^2 = lambda is the eigenvalue of GG'/n that belongs to
a direction, G Gaussian, and leaving it out raises the energy by phi lambda/(4n).
"""

from functools import cache

import sympy as sp

from theory.derivation import Derivation, Step
from theory.linear_network.gaussian_data import (
    ASSUMPTIONS,
    DOMAIN,
    marchenko_pastur_theorem,
    singular_value_steps,
    square_index,
)
from theory.proof import Relation
from theory.symbols import alpha, n, phi

__all__ = ["typical_index_law"]

_d, _q, _x, _b, _k = sp.symbols("d q x beta k", positive=True)
_h1, _h3 = sp.symbols("eta_1 eta_3", positive=True)
_ETA_1 = (1 - sp.sqrt(2)) * sp.zeta(sp.Rational(1, 2))
_ETA_3 = (1 - 1 / sp.sqrt(2)) * sp.zeta(sp.Rational(3, 2))


@cache
def typical_index_law() -> Derivation:
    r"""Derive alpha at an energy, averaged over all critical sets near it: exponent 2/3, as for greedy sets.

    .. math:: \alpha = \frac{\log 2 + \frac{\pi}{4} \eta(\frac12)^2}{\pi^2}
              \Bigl(\frac{8 \sqrt{\pi}\, d}{\phi\, \eta(\frac32)}\Bigr)^{2/3} (1 + o(1)) \qquad (d \to 0),
              \qquad \eta(s) = (1 - 2^{1-s}) \zeta(s)

    Critical sets at a given energy are equally likely if each is weighted by a function of its energy alone. With the
    weights exp(-beta sum of lambda over the directions left out) directions are independent, and both energy and index
    concentrate; beta is large where d is small. So it is not the exponent but the amplitude that tells greedy from
    typical sets, while sets drawn by their size alone have exponent 1.

    Returns:
        A derivation on 0 < phi < 2; the value is the leading term for small d. The parts are "exponent", and in beta
        "share" (q), "energy" (d) and "index" (alpha), with eta_1 = eta(1/2), eta_3 = eta(3/2).

    Examples:
        >>> typical_index_law().parts["exponent"].rhs
        2/3
        >>> print(typical_index_law().at(phi=1, d="1/1000", digits=10))
        0.006957280123
    """
    half = sp.Rational(1, 2)
    t, w, y = sp.symbols("t w y", positive=True)
    first, middle, third = sp.sqrt(sp.pi) * _h1 / 2, sp.log(2) / 2, sp.sqrt(sp.pi) * _h3 / 4
    share = 2 / sp.pi * first / sp.sqrt(_b)
    energy = phi / 4 * 2 / sp.pi * third / _b ** sp.Rational(3, 2)
    pairs = (2 / sp.pi) ** 2 / _b * (middle - first**2 / 2)
    index = (sp.log(2) + sp.pi * _h1**2 / 4) / (sp.pi**2 * _b)
    in_d = (8 * sp.sqrt(sp.pi) * _d / (phi * _h3)) ** sp.Rational(2, 3)
    law = (sp.log(2) + sp.pi * _h1**2 / 4) / sp.pi**2 * in_d
    values = {_h1: _ETA_1, _h3: _ETA_3}
    weight = sp.Function("f")
    exponents = (half, sp.Integer(1), sp.Rational(3, 2))
    return Derivation(
        "The index of typical critical points grows with the power 2/3 of the energy",
        sp.Eq(alpha, law.subs(values)),
        (
            *singular_value_steps(),
            Step(
                "With these weights each direction is left out independently of the others, with odds w = "
                "exp(-beta lambda) to 1.",
                Relation(w / (1 + w), "=", 1 / (1 + 1 / w)),
                "exact",
                shown=r"f(\lambda) = \frac{e^{-\beta \lambda}}{1 + e^{-\beta \lambda}}"
                r" = \frac{1}{1 + e^{\beta \lambda}}",
            ),
            Step(
                "For large beta only small x are left out, where the density of the quarter circle is 2/pi: put x = "
                "y/sqrt(beta).",
                Relation((sp.sqrt(4 - _x**2) / sp.pi).subs(_x, 0), "=", 2 / sp.pi),
                "exact",
                shown=r"\left[\frac{\sqrt{4 - x^2}}{\pi}\right]_{x = 0} = \frac{2}{\pi}",
            ),
            Step(
                "Integrals of f = 1/(1 + exp(y^2)), a geometric series in exp(-t), t = y^2: term by term, for s = 1/2, "
                "1 and 3/2,",
                Relation(
                    sp.Tuple(*(sp.integrate(t ** (s - 1) * sp.exp(-_k * t), (t, 0, sp.oo)) for s in exponents)),
                    "=",
                    sp.Tuple(*(sp.gamma(s) * _k**-s for s in exponents)),
                ),
                "exact",
                shown=r"\int_0^{\infty} t^{s - 1} e^{-k t} dt = \Gamma(s) k^{-s}",
            ),
            Step(
                "with alternating signs: eta(s) is the zeta sum less twice its even terms.",
                Relation(
                    sp.Tuple(*(sp.zeta(s) - 2 * sp.zeta(s) / 2**s for s in (half, sp.Rational(3, 2)))),
                    "=",
                    sp.Tuple(_ETA_1, _ETA_3),
                ),
                "exact",
                shown=r"\sum_k (-1)^{k - 1} k^{-s} = \zeta(s) - 2 \cdot 2^{-s} \zeta(s) = \eta(s),"
                r" \quad \eta(1) = \log 2",
            ),
            Step(
                "So, dy being t^(-1/2) dt/2, the integrals of f, y f and y^2 f are",
                Relation(
                    sp.Tuple(*(sp.gamma(s) * h / 2 for s, h in zip(exponents, (_h1, sp.log(2), _h3), strict=True))),
                    "=",
                    sp.Tuple(first, middle, third),
                ),
                "exact",
                shown=r"J_0 = \frac{\sqrt{\pi}}{2} \eta_1, \quad J_1 = \frac{\log 2}{2}, \quad"
                r" J_2 = \frac{\sqrt{\pi}}{4} \eta_3",
            ),
            Step(
                "The share left out",
                Relation(2 / sp.pi * sp.sqrt(sp.pi) * _h1 / 2 / sp.sqrt(_b), "=", share),
                "exact",
                shown=r"q = \frac{2}{\pi} \beta^{-1/2} J_0",
            ),
            Step(
                "and its energy.",
                Relation(phi * _h3 / (8 * sp.sqrt(sp.pi) * _b ** sp.Rational(3, 2)), "=", energy),
                "exact",
                shown=r"d = \frac{\phi}{4} \, \frac{2}{\pi} \beta^{-3/2} J_2"
                r" = \frac{\phi \eta_3}{8 \sqrt{\pi}} \beta^{-3/2}",
            ),
            Step(
                "Inversions: y is left out and a smaller z is fitted. With F the integral of f from 0, f F is the "
                "derivative of F^2/2.",
                Relation((_integral(weight, y) ** 2 / 2).diff(y), "=", weight(y) * _integral(weight, y)),
                "exact",
                shown=r"\int_0^{\infty} f(y) \int_0^y (1 - f(z)) dz dy = \int_0^{\infty} f (y - F) dy"
                r" = J_1 - \frac{J_0^2}{2}",
            ),
            Step(
                "The index is (q n)^2 and the inversions: over 2n^2,",
                Relation(
                    square_index(n**2 * pairs).subs(sp.Symbol("r", positive=True), (1 - share) * n) / (2 * n**2),
                    "=",
                    index,
                ),
                "exact",
                shown=r"\alpha = \frac{q^2}{2} + \frac{2}{\pi^2 \beta} \left(J_1 - \frac{J_0^2}{2}\right)"
                r" = \frac{\log 2 + \pi \eta_1^2/4}{\pi^2 \beta}",
            ),
            Step(
                "Eliminate beta.",
                Relation(index.subs(_b, 1 / in_d), "=", law),
                "exact",
                shown=r"\alpha = \frac{\log 2 + \pi \eta_1^2/4}{\pi^2}"
                r" \left(\frac{8 \sqrt{\pi} \, d}{\phi \, \eta_3}\right)^{2/3}",
            ),
            Step(
                "That beta has the energy d.",
                Relation(energy.subs(_b, 1 / in_d), "=", _d),
                "exact",
                shown=r"\frac{\phi \eta_3}{8 \sqrt{\pi}} \beta^{-3/2} = d",
            ),
            Step(
                "The exponent: the logarithmic derivative.",
                Relation(_d * law.diff(_d) / law, "=", sp.Rational(2, 3)),
                "exact",
                shown=r"\frac{d \log \alpha}{d \log d} = \frac{2}{3}",
            ),
            Step(
                "With the values of eta, by zeta.",
                Relation(law.subs({_h1: _ETA_1}).subs({_h3: _ETA_3}), "=", law.subs(values)),
                "exact",
                shown=r"\eta_1 = (1 - \sqrt{2}) \, \zeta(1/2), \quad \eta_3 = (1 - 1/\sqrt{2}) \, \zeta(3/2)",
            ),
        ),
        DOMAIN,
        parts={
            "exponent": sp.Eq(sp.Symbol("exponent"), sp.Rational(2, 3)),
            "share": sp.Eq(_q, share),
            "energy": sp.Eq(_d, energy),
            "index": sp.Eq(alpha, index),
        },
        titles={
            "exponent": "exponent of the law",
            "share": "the share",
            "energy": "energy by the share",
            "index": "index by the share",
        },
        assumptions=(
            *ASSUMPTIONS,
            "every critical set counts the same, whatever its dimension; the average is over those near one energy",
        ),
        theorems=(marchenko_pastur_theorem(),),
    )


def _integral(weight: sp.Function, place: sp.Symbol) -> sp.Expr:
    inner = sp.Symbol("z", positive=True)
    return sp.Integral(weight(inner), (inner, 0, place))
