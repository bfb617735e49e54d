r"""Index against energy on the critical points that fit the largest singular values: the power 2/3.

Conventions: n-n-n networks, m = 2n/phi samples, 0 < phi < 2, inputs and targets independent N(0, 1); alpha =
index/(2n^2), energies epsilon = L/n, epsilon_c = (1 - phi/2)/2 the mean energy of the minima, d = epsilon - epsilon_c;
a critical set is a set of r directions, q = 1 - r/n the share of those that are not fitted. x^2 is the largest
eigenvalue left out, of GG'/n for a Gaussian n x n matrix G; n -> oo at fixed phi. Sets of the largest singular values
are called greedy: in this order gradient descent from small weights visits them (Saxe, McClelland and Ganguli 2014,
arXiv:1312.6120).
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

__all__ = ["greedy_index_law"]

_d, _q, _x, _r = sp.symbols("d q x r", positive=True)
_SHARE = (_x * sp.sqrt(4 - _x**2) + 4 * sp.asin(_x / 2)) / (2 * sp.pi)
_COST = (4 * sp.asin(_x / 2) - _x * sp.sqrt(4 - _x**2) * (1 - _x**2 / 2)) / (2 * sp.pi)


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
            *singular_value_steps(),
            Step(
                "The index has no inversions if the largest singular values are fitted; r = (1 - q) n.",
                Relation(square_index(sp.Integer(0)).subs(_r, (1 - _q) * n) / (2 * n**2), "=", _q**2 / 2),
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
        DOMAIN,
        parts={
            "exponent": sp.Eq(sp.Symbol("exponent"), sp.Rational(2, 3)),
            "energy": sp.Eq(_d, energy),
            "correction": sp.Eq(sp.Symbol("correction"), bracket),
            "index": sp.Eq(alpha, _q**2 / 2),
            "share": sp.Eq(_q, _SHARE),
            "excess": sp.Eq(_d, excess),
        },
        titles={
            "exponent": "exponent of the law",
            "energy": "energy by the share, near zero",
            "correction": "next term of the energy",
            "index": "index by the share",
            "share": "the share along the curve",
            "excess": "the energy along the curve",
        },
        assumptions=ASSUMPTIONS,
        theorems=(marchenko_pastur_theorem(),),
        source="Marchenko and Pastur (1967) for the singular values; derived here",
    )


def _by_angle(power: int) -> sp.Expr:
    """The integral of x^power over the quarter circle up to x, x = 2 sin(angle)."""
    angle = sp.Symbol("theta", positive=True)
    integrand = (2 * sp.sin(angle)) ** power * (2 * sp.cos(angle)) ** 2 / sp.pi
    return sp.expand_trig(sp.integrate(integrand, (angle, 0, angle))).subs(angle, sp.asin(_x / 2))


def _taylor(term: sp.Expr, order: int) -> sp.Expr:
    """A Taylor polynomial at 0, below the given order in x plus one."""
    return sum((term.diff(_x, k).subs(_x, 0) / sp.factorial(k) * _x**k for k in range(order)), sp.Integer(0))
