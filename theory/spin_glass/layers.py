r"""The layers of the spherical p-spin: which indices occur at which energy, and how the thresholds close up.

Conventions: those of `theory.spin_glass.arguments`; t = |u|/E_inf > 1, t_k = E_k/E_inf, and c > 0 is the complexity of
every fixed index at -E_inf.
"""

from fractions import Fraction
from functools import cache

import mpmath
import sympy as sp

from theory.derivation import Derivation, Step, Theorem
from theory.domain import Domain
from theory.proof import Relation
from theory.spin_glass.arguments import index, p
from theory.spin_glass.fixed_index import rate_in_ratio, theta_in_ratio

__all__ = ["threshold_spacing"]

_SOURCE = "Auffinger, Ben Arous and Cerny (2013), arXiv:1003.1129, section 2; the rate is derived here"
_t, _c, _a = sp.symbols("t c a", positive=True)
_LARGE = 10**60


@cache
def threshold_spacing() -> Derivation:
    r"""Derive that E_0 > E_1 > ... fall to E_inf, how fast, and that below -E_k only indices less than k occur.

    .. math:: 0 < \frac{E_k}{E_\infty} - 1 < \frac12 \Bigl(\frac{3 c}{2 (k + 1)}\Bigr)^{2/3}, \qquad
              c = \tfrac12 \log(p-1) - \tfrac{p-2}{p} > 0 \quad (p > 2)

    and the bound is the leading term as k grows.

    Returns:
        A derivation; the value is the bound on E_k/E_inf - 1, not that number itself, in integers p > 2 and k >= 0.
        Part "depth" is c. The thresholds themselves, to any number of digits, are those of `threshold_energy`.

    Examples:
        >>> print(threshold_spacing().at(p=3, k=1000, digits=6))
        0.000366442
    """
    theta, rate = theta_in_ratio(_t, index), rate_in_ratio(_t)
    depth = sp.log(p - 1) / 2 - (p - 2) / p
    power = sp.Rational(2, 3)
    bound = (3 * _c / (2 * (index + 1))) ** power / 2
    result = bound.subs(_c, depth)
    lower = 4 * sp.sqrt(2) / 3 * (_t - 1) ** sp.Rational(3, 2)
    cost = sp.series(sp.sinh(2 * _a) / 2 - _a, _a, 0, 5).removeO()
    height = sp.series(sp.cosh(_a) - 1, _a, 0, 4).removeO()
    cube = _c / ((index + 1) * cost.coeff(_a, 3))

    def leading_term(p: Fraction, k: Fraction) -> mpmath.mpf:
        """The spacing at the index 10^60, scaled to the index k by the power -2/3."""
        with mpmath.workdps(160):
            order = mpmath.mpf(p.numerator) / p.denominator
            inner = mpmath.log(order - 1) / 2 - (order - 2) / order

            def excess(a: mpmath.mpf) -> mpmath.mpf:
                rate = mpmath.sinh(2 * a) / 2 - a
                return inner - (order - 2) / order * mpmath.sinh(a) ** 2 - _LARGE * rate

            low, high = mpmath.mpf(0), mpmath.mpf(1)
            for _ in range(280):
                middle = (low + high) / 2
                low, high = (middle, high) if excess(middle) > 0 else (low, middle)
            scale = _LARGE / (mpmath.mpf(k.numerator) / k.denominator + 1)
            return 2 * mpmath.sinh(low / 2) ** 2 * scale ** (mpmath.mpf(2) / 3)

    markov = Theorem(
        "Markov's inequality",
        "The probability that a whole number is not 0 is at most its mean: where $\\Theta_{k,p}(u) < 0$ there are no "
        "critical points of index $k$ below $N u$, but with probability $\\exp(-O(N))$; of index $j > k$ neither, for "
        "their exact mean number has $\\mu_j \\geq \\mu_k$ in place of $\\mu_k$.",
        "elementary",
    )
    return Derivation(
        "The thresholds of the spherical p-spin fall to E_inf",
        sp.Eq(sp.Symbol("bound"), result),
        (
            Step(
                "At -E_inf every fixed index has one complexity, c.",
                Relation(theta.subs(_t, 1), "=", depth),
                "exact",
                shown=r"\Theta_{k,p}(-E_\infty) = c = \frac{\log(p - 1)}{2} - \frac{p - 2}{p}",
            ),
            Step(
                "c is 0 at p = 2",
                Relation(depth.subs(p, 2), "=", 0),
                "exact",
                shown=r"c = 0 \quad (p = 2)",
            ),
            Step(
                "and rises with p",
                Relation(depth.diff(p), "=", (p - 2) ** 2 / (2 * p**2 * (p - 1))),
                "exact",
            ),
            Step("so that it is positive.", Relation(0, "<", depth.diff(p)), "exact", shown=r"0 < \frac{d c}{d p}"),
            Step(
                "Below -E_inf the complexity falls, at a slope that does not vanish: it has one zero t_k > 1.",
                Relation(theta.diff(_t), "<", -2 * (p - 2) / p),
                "exact",
                shown=r"\frac{d \Theta_{k,p}}{d t} < - \frac{2 (p - 2)}{p}",
            ),
            Step(
                "That of the next index is less by I_1 > 0 (I_1 rises from 0), so that t_(k+1) < t_k.",
                Relation(theta - theta_in_ratio(_t, index + 1), "=", rate),
                "exact",
                shown=r"\Theta_{k,p} - \Theta_{k+1,p} = I_1",
            ),
            Step("I_1 rises.", Relation(0, "<", rate.diff(_t)), "exact", shown=r"0 < 2 \sqrt{t^2 - 1}"),
            Step("It starts from 0.", Relation(rate.subs(_t, 1), "=", 0), "exact", shown=r"I_1 = 0 \quad (t = 1)"),
            Step(
                "It rises faster than its leading term: sqrt(t + 1) > sqrt(2).",
                Relation(lower.diff(_t) ** 2, "<", rate.diff(_t) ** 2),
                "exact",
                shown=r"\left(\frac{d}{d t} \frac{4 \sqrt{2}}{3} (t - 1)^{3/2}\right)^2 = 8 (t - 1)"
                r" < 4 (t^2 - 1) = \left(\frac{d I_1}{d t}\right)^2",
            ),
            Step(
                "The zero therefore lies below that of c - (k+1) (4 sqrt(2)/3) (t-1)^(3/2)",
                Relation((index + 1) * lower.subs(_t, 1 + bound), "=", _c),
                "exact",
                shown=r"c = (k + 1) \frac{4 \sqrt{2}}{3} (t - 1)^{3/2} \quad \text{at} \quad"
                r" t - 1 = \frac{1}{2} \left(\frac{3 c}{2 (k + 1)}\right)^{2/3}",
                domain=Domain(c=(0, sp.oo), k=(-1, sp.oo)).with_integers("k"),
            ),
            Step(
                "and tends to it as k grows: for t = cosh a, in I_1 = sinh(2a)/2 - a the coefficients of a to a^3 are",
                Relation(sp.Tuple(*(cost.coeff(_a, k) for k in (1, 2, 3))), "=", sp.Tuple(0, 0, sp.Rational(2, 3))),
                "exact",
                shown=r"I_1 = \frac{2}{3} a^3 + O(a^5)",
            ),
            Step(
                "and those of a, a^2 in t - 1 = cosh a - 1 are",
                Relation(sp.Tuple(*(height.coeff(_a, k) for k in (1, 2))), "=", sp.Tuple(0, sp.Rational(1, 2))),
                "exact",
                shown=r"t - 1 = \frac{a^2}{2} + O(a^4)",
            ),
            Step(
                "so that c = (k + 1) (2/3) a^3 + O(a^2) has a^3 = 3c/(2(k+1)) to leading order, and a^2/2 is",
                Relation(sp.cbrt(cube) ** 2 * height.coeff(_a, 2), "=", bound),
                "exact",
                shown=r"t_k - 1 \sim \frac{a^2}{2} \sim \frac{1}{2} \left(\frac{3 c}{2 (k + 1)}\right)^{2/3}",
                domain=Domain(c=(0, sp.oo), k=(-1, sp.oo)).with_integers("k"),
            ),
            Step(
                "The bound, which is the leading term, in p and k.",
                Relation((3 * depth / (2 * (index + 1))) ** power / 2, "=", result),
                "exact",
                leading_term,
                shown=_RESULT,
            ),
        ),
        Domain(p=(2, sp.oo), k=(-1, sp.oo), t=(1, sp.oo)).with_integers("p", "k"),
        parts={"depth": sp.Eq(sp.Symbol("c"), depth)},
        titles={
            "depth": "depth below the first threshold",
        },
        assumptions=("the complexity functions of a fixed index",),
        theorems=(markov,),
        source=_SOURCE,
        shown={"result": _RESULT},
    )


_RESULT = (
    r"\frac{E_k}{E_\infty} - 1 < \frac{1}{2} \left(\frac{3 c}{2 (k + 1)}\right)^{2/3}, \quad"
    r" c = \frac{\log(p - 1)}{2} - \frac{p - 2}{p}"
)
