r"""What Gaussian data of a linear n-n-n network are like: their singular values, and what a critical set costs.

Conventions: n-n-n networks, m = 2n/phi samples, 0 < phi < 2, inputs and targets independent N(0, 1); alpha =
index/(2n^2), energies epsilon = L/n, epsilon_c = (1 - phi/2)/2 the mean energy of the minima, d = epsilon - epsilon_c;
a critical set is a set of r directions, q = 1 - r/n the share of those that are not fitted.
"""

import sympy as sp

from theory.derivation import Step, Theorem
from theory.domain import Domain
from theory.free_probability.laws import marchenko_pastur
from theory.linear_network.second_variation import critical_set_index
from theory.proof import Relation
from theory.symbols import m, n, phi

_d, _r, _x = sp.symbols("d r x", positive=True)

DOMAIN = (
    Domain(phi=(0, 2), d=(0, sp.oo), q=(0, 1), x=(0, 2), n=(1, sp.oo), r=(0, sp.oo))
    .with_integers("n", "r")
    .where(_d <= phi / 4, _r <= n)
)
"""Where the laws of index and energy hold: d is phi/4 if nothing is fitted, x^2 an eigenvalue of GG'/n, G Gaussian."""

ASSUMPTIONS = (
    "inputs and targets are independent N(0, 1); n -> oo at fixed phi = 2n/m",
    "energies are not rescaled by the draw; the draw's own mean square of the targets tends to 1",
)


def singular_value_steps() -> tuple[Step, ...]:
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


def marchenko_pastur_theorem() -> Theorem:
    """Return the theorem for the eigenvalues of GG'/n, with its hypotheses and the quarter circle of their roots."""
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
                domain=DOMAIN,
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


def square_index(inversions: sp.Expr) -> sp.Expr:
    """The index of a critical set of an n-n-n network with r directions fitted."""
    names = {"n1": n, "p": n, "r": _r, "inversions": inversions}
    return critical_set_index().value.subs(
        {symbol: names[symbol.name] for symbol in critical_set_index().value.free_symbols}
    )
