r"""The complexity of all critical points of the spherical p-spin, from the logarithmic potential of the semicircle.

Conventions: those of `theory.spin_glass.arguments`; x = |u|/E_inf < 1 between -E_inf and 0, and t = |u|/E_inf > 1 below
-E_inf, where t = (r + 1/r)/2 with 0 < r < 1. In units of sqrt(p(p-1)) the Hessian's law is the semicircle of variance
1 about y = 2 |u|/E_inf, and G its Stieltjes transform there.
"""

from functools import cache

import sympy as sp

from theory.derivation import Derivation, Step, Theorem
from theory.domain import Domain
from theory.free_probability.laws import semicircle
from theory.proof import Relation
from theory.spin_glass.arguments import p, threshold_limit, u
from theory.spin_glass.hessian_law import covariances_given_energy, spin_glass_hessian
from theory.spin_glass.mean_number import kac_rice
from theory.spin_glass.quadratures import mean_log_distance
from theory.symbols import g

__all__ = ["complexity_of_all_indices"]

_SOURCE = "Auffinger, Ben Arous and Cerny (2013), arXiv:1003.1129, section 2; derived here from the potential"
_size = sp.Symbol("N", positive=True)
_x, _t, _y, _r = sp.symbols("x t y r", positive=True)
_below = Domain(p=(2, sp.oo), r=(0, 1)).with_integers("p")


@cache
def complexity_of_all_indices() -> Derivation:
    r"""Derive Theta_p, the growth rate of the mean number of critical points of energy at most N u, of any index.

    .. math:: \Theta_p = \tfrac12 \log(p-1) - \tfrac{p-2}{4(p-1)} u^2 \quad (-E_\infty \le u \le 0), \qquad
              \Theta_p = \dots - I_1(u) \quad (u \le -E_\infty)

    By the Kac-Rice formula: volume of the sphere, density of the gradient at 0 and of the energy, and exp of N times
    the mean of log\|lambda\| under the Hessian's law.

    Returns:
        A derivation in p > 2 and 0 < x < 1, |u| = x E_inf; parts "in energies" in u, "below" in t, and "total".

    Examples:
        >>> complexity_of_all_indices().value
        log(p - 1)/2 - x**2*(p - 2)/p
        >>> print(complexity_of_all_indices().at(p=3, x="1/2", digits=10))
        0.2632402569
    """
    log = sp.log(p - 1)
    volume = sp.log(2) + _size * sp.log(sp.pi) / 2 - sp.loggamma(_size / 2) + (_size - 1) * sp.log(_size) / 2
    gradient = -(sp.log(2) + sp.log(sp.pi) + sp.log(p)) / 2
    per_spin = sp.expand_log(sp.limit(volume / _size, _size, sp.oo) + gradient)
    scale = sp.sqrt(p * (p - 1))
    law = spin_glass_hessian()
    half = semicircle(1)
    stieltjes = (_y - sp.I * sp.sqrt(4 - _y**2)) / 2
    conjugate = (_y + sp.I * sp.sqrt(4 - _y**2)) / 2
    inside = _y**2 / 4 - sp.Rational(1, 2)
    energy = _x * threshold_limit()
    start = sp.Rational(1, 2) - sp.log(p) / 2 + (sp.log(p) + log) / 2
    result = log / 2 - (p - 2) * _x**2 / p
    outside = _r**2 / 2 - sp.log(_r)
    ratio = (_r + 1 / _r) / 2
    rate = (1 / _r**2 - _r**2) / 4 + sp.log(_r)
    below = log / 2 - (p - 2) * ratio**2 / p - rate
    closed = _t * sp.sqrt(_t**2 - 1) - sp.log(_t + sp.sqrt(_t**2 - 1))
    deep = log / 2 - (p - 2) * _t**2 / p - closed
    diagonal, coupled, other = covariances_given_energy()
    growth = Theorem(
        "growth of random determinants (Ben Arous, Bourgade and McKenna)",
        "For a matrix of the Gaussian orthogonal ensemble shifted by a multiple of the identity, $(1/N) \\log "
        "\\mathbb{E} |\\det|$ tends to the mean of $\\log |\\lambda|$ under its limiting law, uniformly on compact "
        "sets of shifts.",
        "Ben Arous, Bourgade and McKenna (2021), arXiv:2105.05000; for this ensemble Fyodorov (2004)",
        (
            Step(
                "The Hessian given the energy is of that ensemble: variance 2 v/N on the diagonal, v/N off it, v > 0.",
                Relation(sp.Tuple(diagonal, coupled), "=", sp.Tuple(2 * other, 0)),
                "exact",
                shown=r"\frac{2 p (p - 1)}{N} = 2 \cdot \frac{p (p - 1)}{N}",
            ),
            Step("with v positive.", Relation(0, "<", _size * other), "exact"),
        ),
    )
    return Derivation(
        "The complexity of all critical points of the spherical p-spin",
        sp.Eq(sp.Symbol("Theta_p"), result),
        (
            Step(
                "The sphere's volume and the density of the gradient at 0, logarithms per spin.",
                Relation(per_spin, "=", sp.Rational(1, 2) - sp.log(p) / 2),
                "exact",
                shown=r"\lim_{N \to \infty} \frac{1}{N} \log \frac{2 \pi^{N/2} N^{(N-1)/2}}{\Gamma(N/2)}"
                r" - \frac{\log(2 \pi p)}{2} = \frac{1}{2} - \frac{\log p}{2}",
            ),
            Step(
                "In units of sqrt(p(p-1)) the Hessian at u = -x E_inf has the semicircle of variance 1 about y = 2 x.",
                Relation((law.r_transform(g / scale) / scale).subs(u, -energy), "=", 2 * _x + half.r_transform(g)),
                "exact",
                shown=r"\frac{1}{\sqrt{p (p-1)}} R\left(\frac{g}{\sqrt{p (p-1)}}\right) = 2 x + g",
            ),
            Step(
                "On the support G = (y - i sqrt(4 - y^2))/2, which solves G + 1/G = y.",
                Relation(half.r_transform(stieltjes) + 1 / stieltjes, "=", _y),
                "exact",
                shown=r"G + \frac{1}{G} = y",
                domain=Domain(y=(0, 2)),
            ),
            Step(
                "It has modulus 1, so that its logarithm is imaginary.",
                Relation(stieltjes * conjugate, "=", 1),
                "exact",
                shown=r"|G|^2 = \frac{y^2 + 4 - y^2}{4} = 1",
                domain=Domain(y=(0, 2)),
            ),
            Step(
                "The mean of log|y - x| is the real part of G R - log G - Phi(G) = G^2/2 - log G.",
                Relation((stieltjes**2 + conjugate**2) / 4, "=", inside),
                "exact",
                lambda y: mean_log_distance(y),
                shown=r"\mathbb{E} \log |y - x| = \mathrm{Re} \left(\frac{G^2}{2} - \log G\right)"
                r" = \frac{y^2}{4} - \frac{1}{2}",
                domain=Domain(y=(0, 2)),
            ),
            Step(
                "Volume and gradient, the scale of the determinant, its potential, the density of the energy.",
                Relation(start + inside.subs(_y, 2 * _x) - energy**2 / 2, "=", result),
                "exact",
                shown=r"\frac{1}{2} - \frac{\log p}{2} + \frac{\log(p (p - 1))}{2} + \left(x^2 - \frac{1}{2}\right)"
                r" - \frac{u^2}{2} = \frac{\log(p - 1)}{2} - \frac{p - 2}{p} x^2",
            ),
            Step(
                "In the energy u = -x E_inf it is",
                Relation(result.subs(_x, -u / threshold_limit()), "=", _in_energies()),
                "exact",
                shown=r"\Theta_p(u) = \frac{\log(p - 1)}{2} - \frac{(p - 2) u^2}{4 (p - 1)}",
            ),
            Step(
                "It rises up to u = 0, so that the rate of all points up to u is that of the points at u.",
                Relation(result.diff(_x), "<", 0),
                "exact",
            ),
            Step("From u = 0 on it stays", Relation(result.subs(_x, 0), "=", log / 2), "exact", shown=_TOTAL),
            Step(
                "At p = 2 it is 0: there are 2 N critical points.",
                Relation(result.subs(p, 2), "=", 0),
                "exact",
                shown=r"\Theta_2 = 0",
            ),
            Step(
                "Below the support, at y = r + 1/r, G = r.",
                Relation(half.r_transform(_r) + 1 / _r, "=", 2 * ratio),
                "exact",
                shown=r"G = r, \quad G + \frac{1}{G} = y = 2 t",
                domain=_below,
            ),
            Step(
                "There the mean of log|y - x| is",
                Relation(half.log_potential(_r), "=", outside),
                "exact",
                lambda r: mean_log_distance(r + 1 / r),
                shown=r"\mathbb{E} \log |y - x| = \frac{r^2}{2} - \log r",
                domain=_below,
            ),
            Step(
                "It falls short of y^2/4 - 1/2 by",
                Relation(inside.subs(_y, 2 * ratio) - outside, "=", rate),
                "exact",
                shown=r"I_1 = \frac{1}{4} \left(\frac{1}{r^2} - r^2\right) + \log r",
                domain=_below,
            ),
            Step(
                "In t = |u|/E_inf: here r = t - sqrt(t^2 - 1).",
                Relation(
                    sp.Tuple(ratio * sp.sqrt(ratio**2 - 1), ratio + sp.sqrt(ratio**2 - 1)),
                    "=",
                    sp.Tuple((1 / _r**2 - _r**2) / 4, 1 / _r),
                ),
                "exact",
                shown=r"t \sqrt{t^2 - 1} = \frac{1}{4} \left(\frac{1}{r^2} - r^2\right), \quad"
                r" t + \sqrt{t^2 - 1} = \frac{1}{r}",
                domain=_below,
            ),
            Step(
                "So below -E_inf the rate is, in r,",
                Relation(start + outside - (energy**2 / 2).subs(_x, ratio), "=", below),
                "exact",
                shown=r"\Theta_p = \frac{\log(p - 1)}{2} - \frac{p - 2}{p} t^2 - I_1, \quad"
                r" t = \frac{1}{2} \left(r + \frac{1}{r}\right)",
                domain=_below,
            ),
            Step(
                "and in t it has the same slope",
                Relation(deep.diff(_t).subs(_t, ratio) * ratio.diff(_r), "=", below.diff(_r)),
                "exact",
                shown=r"\frac{d \Theta_p}{d r} = \frac{d \Theta_p}{d t} \frac{d t}{d r}",
                domain=_below,
            ),
            Step(
                "and the same value at -E_inf, where t = r = x = 1: all is continuous there.",
                Relation(sp.Tuple(below.subs(_r, 1), result.subs(_x, 1)), "=", sp.Tuple(*[deep.subs(_t, 1)] * 2)),
                "exact",
                shown=r"\Theta_p(-E_\infty) = \frac{\log(p - 1)}{2} - \frac{p - 2}{p}",
            ),
            Step(
                "which is, in the energy,",
                Relation(deep, "=", _in_energies().subs(u, -_t * threshold_limit()) - closed),
                "exact",
                shown=_DEEP,
                domain=Domain(p=(2, sp.oo), t=(1, sp.oo)).with_integers("p"),
            ),
            Step(
                "It falls with t.",
                Relation(deep.diff(_t), "<", 0),
                "exact",
                shown=r"- \frac{2 (p - 2)}{p} t - 2 \sqrt{t^2 - 1} < 0",
                domain=Domain(p=(2, sp.oo), t=(1, sp.oo)).with_integers("p"),
            ),
        ),
        Domain(p=(2, sp.oo), x=(0, 1), t=(1, sp.oo), u=(-2, 0)).with_integers("p").where(-threshold_limit() <= u),
        parts={
            "in energies": sp.Eq(sp.Symbol("Theta_p"), _in_energies()),
            "below": sp.Eq(sp.Symbol("Theta_p"), deep),
            "total": sp.Eq(sp.Symbol("Theta_p"), log / 2),
        },
        titles={
            "in energies": "the same in the energy",
            "below": "complexity below the threshold",
            "total": "complexity of all energies",
        },
        assumptions=("N tends to infinity at fixed p and u",),
        theorems=(kac_rice(), growth),
        source=_SOURCE,
        shown={
            "result": r"\Theta_p = \frac{\log(p - 1)}{2} - \frac{p - 2}{p} x^2, \quad u = - x E_\infty",
            "in energies": r"\Theta_p(u) = \frac{\log(p - 1)}{2} - \frac{(p - 2) u^2}{4 (p - 1)}"
            r" \quad (-E_\infty \leq u \leq 0)",
            "below": _DEEP,
            "total": _TOTAL,
        },
    )


_TOTAL = r"\Theta_p(u) = \frac{\log(p - 1)}{2} \quad (u \geq 0)"
_DEEP = (
    r"\Theta_p = \frac{\log(p - 1)}{2} - \frac{p - 2}{p} t^2 - \left(t \sqrt{t^2 - 1}"
    r" - \log\left(t + \sqrt{t^2 - 1}\right)\right), \quad u = - t E_\infty"
)


def _in_energies() -> sp.Expr:
    return sp.log(p - 1) / 2 - (p - 2) * u**2 / (4 * (p - 1))
