r"""How slowly descent on the logistic loss turns to the separator of largest margin, where it can be solved.

Conventions: examples z_i are inputs multiplied by their labels, -1 or 1, without a bias; the loss is the sum of
log(1 + exp(-z_i . w)), and w follows its negative gradient from 0 for a time t, L = log t. The hard-margin separator
v is the shortest vector with z_i . v >= 1 for all i, the sum of a_i z_i with multipliers a_i >= 0; 1/|v| is the largest
margin. Two orthogonal examples of the lengths b r and b, r > 1, are solved.
"""

from functools import cache

import sympy as sp

from theory.derivation import Derivation, Step
from theory.domain import Domain
from theory.proof import Relation

__all__ = ["max_margin_rate"]

_SOURCE = "Soudry, Hoffer, Nacson, Gunasekar and Srebro (2018), arXiv:1710.10345, theorems 3 to 5"


@cache
def max_margin_rate() -> Derivation:
    r"""Derive how far from the largest margin gradient flow on the logistic loss is, for two orthogonal examples.

    .. math:: \Bigl(1 - |v| \min_i \frac{z_i \cdot w}{|w|}\Bigr) \log t \to \frac{2 \log r}{1 + r^2}

    Returns:
        A derivation; the value is that limit. Parts: "angle", the limit of log t times the tangent of the angle between
        w and the hard-margin separator; "growth", that of the norm of w over log t; "multipliers", the value for any
        two multipliers p > q of support vectors.

    Examples:
        >>> rate = max_margin_rate()
        >>> rate.at(r=2)
        2*log(2)/5
        >>> rate.at(part="angle", r=2), rate.at(part="growth", r=2, b=1)
        (4*log(2)/5, sqrt(5)/2)

    References:
        Soudry, Hoffer, Nacson, Gunasekar and Srebro (2018), arXiv:1710.10345, theorems 3 to 5: separable data, and
        almost all of them where it is about constants.
    """
    b, c, p, q, r, t, u, span, length = sp.symbols("b c p q r t u s L", positive=True)
    rest, h = sp.symbols("k h", positive=True)
    along, least = sp.symbols("d m", real=True)
    way = sp.Function("u")(t)
    time = (sp.exp(u) + u - 1) / c**2
    first, second = length + 2 * (sp.log(b) + sp.log(r)), length + 2 * sp.log(b)
    w = (first / (b * r), second / b)
    v = (1 / (b * r), 1 / b)
    multipliers = (1 / (b * r) ** 2, 1 / b**2)
    square = v[0] ** 2 + v[1] ** 2
    inner, cross = w[0] * v[0] + w[1] * v[1], w[0] * v[1] - w[1] * v[0]
    value = 2 * sp.log(r) / (1 + r**2)
    angle, growth = r * value, sp.sqrt(1 + r**2) / (b * r)
    of_two = sp.log(p) - (p * sp.log(p) + q * sp.log(q)) / (p + q)
    lacking = along / span - least
    return Derivation(
        "The largest margin is approached like 1/log t",
        sp.Eq(sp.Symbol("g"), value),
        (
            Step(
                "An example z of length c alone moves w along z. Of u = z . w the rate is u' = c^2/(1 + e^u), so that "
                "e^u + u grows at the constant rate",
                Relation((sp.exp(way) + way).diff(t).subs(way.diff(t), c**2 / (1 + sp.exp(way))), "=", c**2),
                "exact",
                shown=r"\frac{d}{dt} (e^u + u) = (e^u + 1) u' = c^2",
            ),
            Step(
                "and from u = 0 on e^u + u = 1 + c^2 t. So u has no end, and e^u over t tends to",
                Relation(sp.limit(sp.exp(u) / time, u, sp.oo), "=", c**2),
                "exact",
                lambda: c**2 * sp.limit(1 / (1 + sp.exp(-u)), u, sp.oo),  # the derivatives of both in u
                shown=r"\lim_{t \to \infty} \frac{e^u}{t} = \lim_{u \to \infty} \frac{c^2 e^u}{e^u + u - 1} = c^2",
            ),
            Step(
                "u is L + 2 log c up to what vanishes. Two orthogonal examples z_1 = (b r, 0) and z_2 = (0, b) do not "
                "disturb each other. The vector v = (1/(b r), 1/b) has the products 1 with both,",
                Relation(sp.Tuple(b * r * v[0], b * v[1]), "=", sp.Tuple(1, 1)),
                "exact",
                shown=r"z_1 \cdot v = z_2 \cdot v = 1",
            ),
            Step(
                "and is the sum of a_1 z_1 and a_2 z_2 with positive multipliers:",
                Relation(sp.Tuple(multipliers[0] * b * r, multipliers[1] * b), "=", sp.Tuple(*v)),
                "exact",
                shown=r"v = a_1 z_1 + a_2 z_2, \quad a_1 = \frac{1}{b^2 r^2}, \quad a_2 = \frac{1}{b^2}",
            ),
            Step(
                "The sum of the multipliers is |v|^2, and |w|^2 >= 2 v . w - |v|^2 >= 2 (a_1 + a_2) - |v|^2 for all w "
                "with products of at least 1: none is shorter than v.",
                Relation(2 * sp.Add(*multipliers) - square, "=", square),
                "exact",
                shown=r"2 (a_1 + a_2) - |v|^2 = |v|^2",
            ),
            Step(
                "Up to what vanishes w is ((L + 2 log(b r))/(b r), (L + 2 log b)/b). Its norm over L tends to |v|, one "
                "over the largest margin:",
                Relation(sp.sqrt(sp.limit((w[0] ** 2 + w[1] ** 2) / length**2, length, sp.oo)), "=", growth),
                "exact",
                shown=r"\lim_{L \to \infty} \frac{|w|}{L} = |v| = \frac{\sqrt{1 + r^2}}{b r}",
            ),
            Step(
                "The tangent of the angle between w and v is (w_1 v_2 - w_2 v_1)/(w . v). Times L it tends to",
                Relation(sp.limit(length * cross / inner, length, sp.oo), "=", angle),
                "exact",
                lambda: (2 * sp.log(b * r) * v[0] * v[1] - 2 * sp.log(b) * v[0] * v[1]).expand(log=True) / square,
                shown=r"\lim_{L \to \infty} L \tan \angle(w, v) = \frac{2 r \log r}{1 + r^2}",
            ),
            Step(
                "In general let w = L v + x, s = |v|^2, d = v . x, k = |x|^2 and m the least z_i . x over the support "
                "vectors. Of the largest margin 1 - |v| (L + m)/|w| is missing, whose slope in h = 1/L, at 0, is",
                Relation(
                    sp.diff(1 - sp.sqrt(span) * (1 + least * h) / sp.sqrt(span + 2 * along * h + rest * h**2), h).subs(
                        h, 0
                    ),
                    "=",
                    lacking,
                ),
                "exact",
                lambda: sp.diff((span + 2 * along * h) / (span * (1 + least * h) ** 2), h).subs(h, 0) / 2,
                shown=r"\lim_{L \to \infty} L \left(1 - \frac{|v| (L + m)}{|w|}\right) = \frac{d}{s} - m",
            ),
            Step(
                "The slope e^(-z_i . w) of an example, times t, is e^(-z_i . x): where that is a_i, w moves by the sum "
                "of a_i z_i = v as L grows by 1, as it must. So z_i . x = -log a_i and d is the sum of -a_i log a_i. "
                "Multipliers p > q give",
                Relation(
                    lacking.subs({along: -p * sp.log(p) - q * sp.log(q), span: p + q, least: -sp.log(p)}),
                    "=",
                    of_two,
                ),
                "exact",
                shown=r"\frac{d}{s} - m = \log p - \frac{p \log p + q \log q}{p + q}",
            ),
            Step(
                "and those of the two orthogonal examples",
                Relation(sp.expand_log(of_two.subs({p: multipliers[1], q: multipliers[0]})), "=", value),
                "exact",
                lambda: ((w[0] - length * v[0]) * v[0] + (w[1] - length * v[1]) * v[1]) / square - (second - length),
                shown=r"\log a_2 - \frac{a_1 \log a_1 + a_2 \log a_2}{a_1 + a_2} = \frac{2 \log r}{1 + r^2}",
            ),
        ),
        Domain(**dict.fromkeys(("b", "c", "p", "q", "s", "k"), (0, sp.oo)), r=(1, sp.oo)).where(q < p),
        parts={
            "angle": sp.Eq(sp.Symbol("A"), angle),
            "growth": sp.Eq(sp.Symbol("G"), growth),
            "multipliers": sp.Eq(sp.Symbol("M"), of_two),
        },
        titles={
            "angle": "tangent of the angle",
            "growth": "growth of the norm",
            "multipliers": "missing share of the margin, two multipliers of support vectors",
        },
        assumptions=(
            "two orthogonal examples; the formula in multipliers takes what Soudry et al. prove for almost all "
            "separable data, that w differs from L v by a vector that converges",
        ),
        source=_SOURCE,
        shown={
            "result": r"\left(1 - |v| \min_i \frac{z_i \cdot w}{|w|}\right) \log t \to \frac{2 \log r}{1 + r^2}",
            "angle": r"\log t \, \tan \angle(w, v) \to \frac{2 r \log r}{1 + r^2}",
            "growth": r"\frac{|w|}{\log t} \to \frac{\sqrt{1 + r^2}}{b r}",
            "multipliers": r"\left(1 - |v| \min_i \frac{z_i \cdot w}{|w|}\right) \log t \to "
            r"\log p - \frac{p \log p + q \log q}{p + q}",
        },
    )
