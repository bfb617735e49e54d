r"""The complexity of critical points of a fixed index, from the large deviations of the least eigenvalues.

Conventions: those of `theory.spin_glass.arguments`; t = |u|/E_inf > 1 below -E_inf. lambda_k = mu_k/sqrt(N) are
eigenvalues of the Gaussian orthogonal ensemble with spectrum [-sqrt 2, sqrt 2]; the energy u belongs to
lambda = u sqrt(p/(2(p-1))), which is -sqrt(2) t.
"""

from fractions import Fraction
from functools import cache

import mpmath
import sympy as sp

from theory.ball import Ball
from theory.derivation import Derivation, Step, Theorem
from theory.domain import Domain
from theory.free_probability.laws import semicircle
from theory.proof import Relation
from theory.spin_glass.arguments import index, p, threshold_limit, u
from theory.spin_glass.mean_number import mean_number_by_index
from theory.spin_glass.quadratures import mean_log_distance, rate_by_quadrature

__all__ = ["complexity_by_index", "rate_in_ratio", "theta_in_ratio"]

_SOURCE = "Auffinger, Ben Arous and Cerny (2013), arXiv:1003.1129, section 2 and appendix A"
_size = sp.Symbol("N", positive=True)
_t, _lam = sp.symbols("t lambda", positive=True)


def rate_in_ratio(t: sp.Expr) -> sp.Expr:
    """Return I_1 = t sqrt(t^2 - 1) - log(t + sqrt(t^2 - 1)), t = |u|/E_inf > 1."""
    root = sp.sqrt(t**2 - 1)
    return t * root - sp.log(t + root)


def theta_in_ratio(t: sp.Expr, k: sp.Expr) -> sp.Expr:
    """Return Theta_(k,p) at u = -t E_inf, t > 1."""
    return sp.log(p - 1) / 2 - (p - 2) * t**2 / p - (k + 1) * rate_in_ratio(t)


@cache
def complexity_by_index() -> Derivation:
    r"""Derive Theta_(k,p), the growth rate of the mean number of critical points of index k and energy at most N u.

    .. math:: \Theta_{k,p} = \tfrac12 \log(p-1) - \tfrac{p-2}{4(p-1)} u^2 - (k+1) I_1(u) \quad (u \le -E_\infty)

    and (1/2) log(p-1) - (p-2)/p from -E_inf on. From the exact mean number at every N (`mean_number_by_index`): the
    weight of lambda_k, and the cost of drawing k + 1 eigenvalues below it.

    Returns:
        A derivation in p > 2, t = |u|/E_inf > 1 and k > -1; parts "rate" I_1 in t, and "above" from -E_inf on.

    Examples:
        >>> complexity_by_index().parts["above"].rhs
        log(p - 1)/2 - (p - 2)/p
        >>> print(complexity_by_index().at(p=3, t=2, k=0, digits=10))
        -3.133903461
    """
    ensemble = semicircle(sp.Rational(1, 2))
    place = sp.sqrt(2) * _t
    stieltjes = sp.sqrt(2) * (_t - sp.sqrt(_t**2 - 1))
    rate, result = rate_in_ratio(_t), theta_in_ratio(_t, index)
    scaled = -threshold_limit() * _t * sp.sqrt(p / (2 * (p - 1)))
    above = sp.log(p - 1) / 2 - (p - 2) / p
    beyond = Domain(p=(2, sp.oo), t=(1, sp.oo), k=(-1, sp.oo)).with_integers("p", "k")
    constant = mean_number_by_index().value / _size

    def kac_rice_and_quadratures(p: Fraction, t: Fraction, k: Fraction) -> mpmath.mpf:
        """For k = 0 the potential by quadrature in the Kac-Rice formula; each further eigenvalue by quadrature."""
        with mpmath.workdps(50):
            order, ratio, more = (mpmath.mpf(x.numerator) / x.denominator for x in (p, t, k))
            first = mpmath.mpf(1) / 2 + mpmath.log(order - 1) / 2 + mean_log_distance(2 * t)
            one = rate_by_quadrature(t).midpoint
            return first - 2 * (order - 1) / order * ratio**2 - more * mpmath.mpf(one.numerator) / one.denominator

    deviations = Theorem(
        "large deviations of the least eigenvalues (Ben Arous, Dembo, Guionnet; Auffinger, Ben Arous, Cerny)",
        "For each fixed $k$ the $(k+1)$-st least eigenvalue of the Gaussian orthogonal ensemble with spectrum "
        "$[-\\sqrt 2, \\sqrt 2]$ satisfies a large deviation principle of speed $N$ with rate "
        "$(k+1) \\int_{\\sqrt 2}^{|\\lambda|} \\sqrt{s^2 - 2} ds$ below $-\\sqrt 2$, infinite above.",
        "arXiv:1003.1129, theorem A.1",
        (
            Step(
                "The spectrum ends at sqrt(2): there the two real values of G meet.",
                Relation(stieltjes.subs(_t, 1), "=", 2 * sp.sqrt(ensemble.variance)),
                "exact",
                shown=r"G(\sqrt{2}) = \sqrt{2} = 2 \sqrt{v}, \quad v = \frac{1}{2}",
            ),
        ),
    )
    varadhan = Theorem(
        "Varadhan's lemma",
        "If a variable satisfies a large deviation principle with rate $I$, then $(1/N) \\log \\mathbb{E} \\exp(N F)$ "
        "on a set tends to the supremum of $F - I$ there, for continuous $F$ bounded above.",
        "Dembo and Zeitouni, Large Deviations Techniques and Applications, theorem 4.3.1",
        (
            Step(
                "F = -(p - 2) lambda^2/(2p) is bounded above by 0.",
                Relation(-(p - 2) * _lam**2 / (2 * p), "<", 0),
                "exact",
                domain=Domain(**{"p": (2, sp.oo), "lambda": (0, sp.oo)}).with_integers("p"),
            ),
        ),
    )
    return Derivation(
        "The complexity of critical points of index k of the spherical p-spin",
        sp.Eq(sp.Symbol("Theta_k"), result),
        (
            Step(
                "The constant of the mean number, per spin.",
                Relation(sp.limit(constant, _size, sp.oo), "=", sp.log(p - 1) / 2),
                "exact",
                shown=r"\lim_{N \to \infty} \frac{1}{N} \log\left(2 \sqrt{\frac{2}{p}} (p - 1)^{N/2}\right)"
                r" = \frac{\log(p - 1)}{2}",
            ),
            Step(
                "The energy u = -t E_inf belongs to the eigenvalue",
                Relation(scaled, "=", -sp.sqrt(2) * _t),
                "exact",
                shown=r"\lambda = u \sqrt{\frac{p}{2 (p - 1)}} = - \sqrt{2} t",
            ),
            Step(
                "and the weight of the mean number is, per spin,",
                Relation(-(p - 2) * scaled**2 / (2 * p), "=", -(p - 2) * _t**2 / p),
                "exact",
                lambda: (-(p - 2) * u**2 / (4 * (p - 1))).subs(u, -_t * threshold_limit()),
                shown=r"- \frac{p - 2}{2 p} \lambda^2 = - \frac{p - 2}{4 (p - 1)} u^2 = - \frac{p - 2}{p} t^2",
            ),
            Step(
                "Outside the spectrum G = s - sqrt(s^2 - 2) solves G/2 + 1/G = s.",
                Relation(ensemble.r_transform(stieltjes) + 1 / stieltjes, "=", place),
                "exact",
                shown=r"\frac{G}{2} + \frac{1}{G} = s = \sqrt{2} t",
            ),
            Step(
                "An eigenvalue at s has weight exp(-N s^2/2) prod |s - mu|: its cost has the slope s - G.",
                Relation(place - stieltjes, "=", sp.sqrt(place**2 - 2)),
                "exact",
                shown=r"\frac{d}{d s} \left(\frac{s^2}{2} - \mathbb{E} \log |s - \mu|\right) = \sqrt{s^2 - 2}",
            ),
            Step(
                "In t, with s = sqrt(2) t, that is the slope of I_1.",
                Relation(sp.sqrt(2) * sp.sqrt(2 * _t**2 - 2), "=", rate.diff(_t)),
                "exact",
                shown=r"\sqrt{2} \sqrt{2 t^2 - 2} = \frac{d}{d t} \left(t \sqrt{t^2 - 1}"
                r" - \log\left(t + \sqrt{t^2 - 1}\right)\right)",
            ),
            Step(
                "I_1 vanishes at -E_inf, so that it is the closed form",
                Relation(rate - rate.subs(_t, 1), "=", rate),
                "exact",
                _quadrature,
                shown=r"I_1 = \int_1^t 2 \sqrt{s^2 - 1} \, ds = t \sqrt{t^2 - 1} - \log\left(t + \sqrt{t^2 - 1}\right)",
            ),
            Step("I_1 rises.", Relation(0, "<", rate.diff(_t)), "exact", shown=r"0 < 2 \sqrt{t^2 - 1}"),
            Step(
                "Weight and cost together: k + 1 eigenvalues are drawn out.",
                Relation(sp.log(p - 1) / 2 - (p - 2) * scaled**2 / (2 * p) - (index + 1) * rate, "=", result),
                "exact",
                kac_rice_and_quadratures,
                shown=_RESULT,
            ),
            Step(
                "It falls with t, so that the supremum over energies up to u is at u.",
                Relation(result.diff(_t), "<", 0),
                "exact",
                shown=r"- \frac{2 (p - 2)}{p} t - 2 (k + 1) \sqrt{t^2 - 1} < 0",
            ),
            Step(
                "At t = 1 it is continuous, and from there on constant: lambda_k is then at the edge, at no cost.",
                Relation(result.subs(_t, 1), "=", above),
                "exact",
                shown=r"\Theta_{k,p}(u) = \frac{\log(p - 1)}{2} - \frac{p - 2}{p} \quad (u \geq - E_\infty)",
            ),
        ),
        beyond,
        parts={
            "rate": sp.Eq(sp.Symbol("I_1"), rate),
            "above": sp.Eq(sp.Symbol("Theta_k"), above),
        },
        titles={
            "rate": "rate of one more negative eigenvalue",
            "above": "complexity from the threshold on",
        },
        assumptions=("N tends to infinity at fixed p, k and u",),
        theorems=(deviations, varadhan),
        source=_SOURCE,
        shown={
            "result": _RESULT,
            "above": r"\Theta_{k,p} = \frac{\log(p - 1)}{2} - \frac{p - 2}{p} \quad (u \geq - E_\infty)",
        },
    )


_RESULT = r"\Theta_{k,p} = \frac{\log(p - 1)}{2} - \frac{p - 2}{p} t^2 - (k + 1) I_1, \quad u = - t E_\infty"


def _quadrature(t: Fraction) -> Ball:
    return rate_by_quadrature(t)
