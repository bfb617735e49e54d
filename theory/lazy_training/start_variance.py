r"""What becomes of the kernel of the hidden features where the hidden weights start with a variance other than one.

Conventions: K = F F' has the entries sum_k rho(z_ki) rho(z_kj), z_ki = <w_k, (x_i, 1)>, not divided by the n units;
all coordinates of w_k are N(0, v), x has d of them. X_i is the length of (x_i, 1). The talk prints v = 1/n.
"""

from functools import cache

import sympy as sp

from theory.derivation import Derivation, Step, Theorem
from theory.domain import Domain
from theory.lazy_training.mean_kernels import lazy_mean_kernels
from theory.proof import Relation

__all__ = ["linearised_features", "relu_kernel_at_variance"]

_BERNER = "Berner, Grohs, Kutyniok and Petersen (2021), arXiv:2105.04026, section 5.2"


@cache
def relu_kernel_at_variance() -> Derivation:
    r"""Derive the kernel of ReLU units at the variance v of their weights: v times that at the variance one.

    .. math:: K(v) = v K(1), \qquad
              E K(v) = v \frac{n X Y}{2 \pi} (\sin t + (\pi - t) \cos t)

    This holds for the matrix itself, weights by weights, and so for its least eigenvalue. At v = 1/n nothing is left of
    the growth with n.

    Returns:
        A derivation; the value is the mean entry at the variance v, the part "printed variance" that at v = 1/n, the
        part "product" the product of two features at weights s times as large.

    Examples:
        >>> print(relu_kernel_at_variance().at(part="printed variance", X=1, Y=1, t=1, digits=8))
        0.31808364

    References:
        Cho and Saul (2009), Kernel methods for deep learning, the kernel of degree 1; Berner, Grohs, Kutyniok and
        Petersen (2021), arXiv:2105.04026, section 5.2.
    """
    n, first, second, t, v, s = sp.symbols("n X Y t v s", positive=True)
    z, w = sp.symbols("z z'", real=True)
    mean = lazy_mean_kernels().value
    one = first * second * (sp.sin(t) + (sp.pi - t) * sp.cos(t)) / (2 * sp.pi)
    units = (sp.Abs(z) + z) * (sp.Abs(w) + w) / 4
    larger = units.subs({z: s * z, w: s * w}, simultaneous=True)
    longer = mean.subs({first: sp.sqrt(v) * first, second: sp.sqrt(v) * second}, simultaneous=True)
    return Derivation(
        "The kernel of ReLU units at another variance of their weights",
        sp.Eq(sp.Symbol("K"), v * n * one),
        (
            Step(
                "Weights s times as large, s > 0, make features s times as large, and products s^2 times:",
                Relation(larger, "=", s**2 * units),
                "exact",
                shown=r"\max(0, s z) \max(0, s z') = s^2 \max(0, z) \max(0, z')",
            ),
            Step(
                "With s^2 = v the whole matrix is v times that of weights with variance one. In its mean entries the "
                "lengths of the inputs take the factor in:",
                Relation(longer, "=", v * n * one),
                "exact",
                witness=lambda: v * mean,
                shown=r"E K(v) = \frac{n}{2 \pi} \sqrt{v} X \sqrt{v} Y (\sin t + (\pi - t) \cos t)",
            ),
            Step(
                "At the variance 1/n there is no n left.",
                Relation(longer.subs(v, 1 / n), "=", one),
                "exact",
                shown=r"E K(1/n) = \frac{X Y}{2 \pi} (\sin t + (\pi - t) \cos t)",
            ),
        ),
        Domain(**dict.fromkeys(("n", "X", "Y", "v", "s"), (0, sp.oo)), t=(0, sp.pi)).with_integers("n"),
        parts={
            "printed variance": sp.Eq(sp.Symbol("K"), one),
            "product": sp.Eq(sp.Symbol("k"), s**2 * units),
        },
        titles={
            "printed variance": "mean at the printed variance",
            "product": "product of two features",
        },
        assumptions=("hidden weights are independent and normal with the variance v",),
        source=f"Cho and Saul (2009), Kernel methods for deep learning; {_BERNER}",
        shown={
            "result": r"E K(v) = v \frac{n X Y}{2 \pi} (\sin t + (\pi - t) \cos t)",
            "printed variance": r"E K(1/n) = \frac{X Y}{2 \pi} (\sin t + (\pi - t) \cos t)",
            "product": r"s^2 \max(0, z) \max(0, z')",
        },
    )


@cache
def linearised_features() -> Derivation:
    r"""Derive that small weights leave smooth features of more than d + 1 samples all but dependent.

    .. math:: E \lambda_{\min}(K) \le \frac{3}{4} M^2 n v^2 \sum_i X_i^4, \qquad M = \sup |\varrho''|

    which at v = 1/n is of the order 1/n. The constant and the slope of rho make features that are linear in (x, 1): of
    rank d + 1, the constant included. If m > d + 1, some unit vector c makes nothing of them, and of the features what
    is left is the rest of Taylor's formula. Odd activations have no second order, and get

    .. math:: E \lambda_{\min}(K) \le \frac{5}{12} M_3^2 n v^3 \sum_i X_i^6, \qquad M_3 = \sup |\varrho'''|.

    The second order tells (d + 1)(d + 2)/2 samples apart, as many as there are monomials of degree two in (x, 1), and
    no more. Softplus units have no third order, and on more samples than that get

    .. math:: E \lambda_{\min}(K) \le \frac{35}{192} M_4^2 n v^4 \sum_i X_i^8, \qquad M_4 = \sup |\varrho''''|.

    Returns:
        A derivation; the value is the bound with M, n, v and Q, the sum of the X_i^4. Parts: "printed variance", that
        at v = 1/n; "odd" and "odd at the printed variance" those of odd activations, with S, the sum of the X_i^6;
        "many samples" and "many samples at the printed variance" those of activations without a third order, with T,
        the sum of the X_i^8.

    Examples:
        >>> linearised_features().at(part="printed variance", M="1/4", Q=64)
        3/n
        >>> linearised_features().at(part="many samples at the printed variance", M_4="1/8", T=12288)
        35/n**3

    References:
        Berner, Grohs, Kutyniok and Petersen (2021), arXiv:2105.04026, section 5.2.
    """
    n, v, bound, third, fourths, sixths, length = sp.symbols("n v M M_3 Q S X", positive=True)
    fourth, eighths = sp.symbols("M_4 T", positive=True)
    x, z = sp.symbols("x_1:4", real=True), sp.Symbol("z", positive=True)
    constant, slope, weight, bias, s = sp.symbols("r_0 r_1 w b s", real=True)
    blind = (x[1] - x[2], x[2] - x[0], x[0] - x[1])
    linear = sum(c * (constant + slope * (weight * place + bias)) for c, place in zip(blind, x, strict=True))
    density = sp.exp(-(s**2) / 2) / sp.sqrt(2 * sp.pi)
    moments = {
        power: (sp.sqrt(v) * length) ** power * sp.integrate(s**power * density, (s, -sp.oo, sp.oo))
        for power in (4, 6, 8)
    }
    value = sp.Rational(3, 4) * bound**2 * n * v**2 * fourths
    odd = sp.Rational(5, 12) * third**2 * n * v**3 * sixths
    many = sp.Rational(35, 192) * fourth**2 * n * v**4 * eighths
    return Derivation(
        "Small weights make features that are linear in the inputs",
        sp.Eq(sp.Symbol("bound"), value),
        (
            Step(
                "More than d + 1 samples are dependent as (x, 1): some c, of length 1, has sum_i c_i (x_i, 1) = 0. To "
                "it all that is linear in (x, 1) is zero, the constant too. For three samples on a line:",
                Relation(linear, "=", 0),
                "exact",
                shown=r"\sum_i c_i (\varrho(0) + \varrho'(0) \langle w, (x_i, 1) \rangle) = 0",
            ),
            Step(
                "Of a feature there remains what Taylor's formula leaves, with |rho''| <= M at most",
                Relation(sp.integrate(bound * (z - s), (s, 0, z)), "=", bound * z**2 / 2),
                "exact",
                witness=lambda: bound * sp.Integral(s, (s, 0, z)).doit(),
                shown=r"|\varrho(z) - \varrho(0) - \varrho'(0) z| \le \int_0^z M (z - s) \, ds = \frac{M z^2}{2}",
            ),
            Step(
                "With the fourth moment of z, of variance v X^2,",
                Relation(moments[4], "=", 3 * v**2 * length**4),
                "exact",
                witness=lambda: (v * length**2) ** 2 * _moment(4),
                shown=r"E z^4 = 3 v^2 X^4",
            ),
            Step(
                "and Cauchy's inequality, the n units together give",
                Relation(n * bound**2 / 4 * moments[4].subs(length, 1) * fourths, "=", value),
                "exact",
                shown=r"E c^T K c \le n \sum_i \frac{M^2}{4} E z_i^4 = \frac{3}{4} M^2 n v^2 \sum_i X_i^4",
            ),
            Step(
                "At the variance 1/n this falls like 1/n.",
                Relation(value.subs(v, 1 / n), "=", 3 * bound**2 * fourths / (4 * n)),
                "exact",
                shown=r"\frac{3 M^2}{4 n} \sum_i X_i^4",
            ),
            Step(
                "An odd activation has rho(0) = rho''(0) = 0, and there remains at most",
                Relation(sp.integrate(third * (z - s) ** 2 / 2, (s, 0, z)), "=", third * z**3 / 6),
                "exact",
                witness=lambda: third * sp.Integral(s**2 / 2, (s, 0, z)).doit(),
                shown=r"|\varrho(z) - \varrho'(0) z| \le \int_0^z \frac{M_3}{2} (z - s)^2 \, ds = \frac{M_3 z^3}{6}",
            ),
            Step(
                "With the sixth moment",
                Relation(moments[6], "=", 15 * v**3 * length**6),
                "exact",
                witness=lambda: (v * length**2) ** 3 * _moment(6),
                shown=r"E z^6 = 15 v^3 X^6",
            ),
            Step(
                "that makes in the same way",
                Relation(n * third**2 / 36 * moments[6].subs(length, 1) * sixths, "=", odd),
                "exact",
                shown=r"n \sum_i \frac{M_3^2}{36} E z_i^6 = \frac{5}{12} M_3^2 n v^3 \sum_i X_i^6",
            ),
            Step(
                "and at the variance 1/n",
                Relation(odd.subs(v, 1 / n), "=", 5 * third**2 * sixths / (12 * n**2)),
                "exact",
                shown=r"\frac{5 M_3^2}{12 n^2} \sum_i X_i^6",
            ),
            Step(
                "More samples than monomials of degree two in (x, 1) are dependent in these too, and then c takes the "
                "second order to zero as well. For four samples on a line:",
                Relation(_quadratic_on_four_samples(), "=", 0),
                "exact",
                shown=r"\sum_i c_i \langle w, (x_i, 1) \rangle^2 = 0 \quad \text{for} \quad"
                r" m > \frac{(d + 1)(d + 2)}{2}",
            ),
            Step(
                "A softplus unit, log(2 cosh(z/2)) apart from its linear part z/2, has no third order:",
                Relation(sp.log(1 + sp.exp(s)).diff(s, 3).subs(s, 0), "=", 0),
                "exact",
                shown=r"\varrho^{(3)}(0) = 0",
            ),
            Step(
                "so that there remains at most",
                Relation(sp.integrate(fourth * (z - s) ** 3 / 6, (s, 0, z)), "=", fourth * z**4 / 24),
                "exact",
                witness=lambda: fourth * sp.Integral(s**3 / 6, (s, 0, z)).doit(),
                shown=r"\int_0^z \frac{M_4}{6} (z - s)^3 \, ds = \frac{M_4 z^4}{24}",
            ),
            Step(
                "With the eighth moment",
                Relation(moments[8], "=", 105 * v**4 * length**8),
                "exact",
                witness=lambda: (v * length**2) ** 4 * _moment(8),
                shown=r"E z^8 = 105 v^4 X^8",
            ),
            Step(
                "that makes",
                Relation(n * fourth**2 / 576 * moments[8].subs(length, 1) * eighths, "=", many),
                "exact",
                shown=r"n \sum_i \frac{M_4^2}{576} E z_i^8 = \frac{35}{192} M_4^2 n v^4 \sum_i X_i^8",
            ),
            Step(
                "and at the variance 1/n",
                Relation(many.subs(v, 1 / n), "=", 35 * fourth**2 * eighths / (192 * n**3)),
                "exact",
                shown=r"\frac{35 M_4^2}{192 n^3} \sum_i X_i^8",
            ),
        ),
        Domain(
            **dict.fromkeys(("n", "v", "M", "M_3", "M_4", "Q", "S", "T", "X", "z"), (0, sp.oo)),
        ).with_integers("n"),
        parts={
            "printed variance": sp.Eq(sp.Symbol("bound"), 3 * bound**2 * fourths / (4 * n)),
            "odd": sp.Eq(sp.Symbol("bound"), odd),
            "odd at the printed variance": sp.Eq(sp.Symbol("bound"), 5 * third**2 * sixths / (12 * n**2)),
            "many samples": sp.Eq(sp.Symbol("bound"), many),
            "many samples at the printed variance": sp.Eq(sp.Symbol("bound"), 35 * fourth**2 * eighths / (192 * n**3)),
        },
        titles={
            "printed variance": "bound at the printed variance",
            "odd": "bound for odd activations",
            "odd at the printed variance": "bound for odd activations, printed variance",
            "many samples": "bound for more than (d + 1)(d + 2)/2 samples",
            "many samples at the printed variance": "bound for so many samples, printed variance",
        },
        assumptions=(
            "there are more than d + 1 samples; hidden weights are independent and normal with the variance v",
            "rho has a second derivative of at most M, or is odd and has a third one of at most M_3; for the bounds on "
            "more than (d + 1)(d + 2)/2 samples the third one is zero at 0 and the fourth at most M_4",
        ),
        theorems=(
            Theorem(
                "Rayleigh's principle",
                r"a symmetric matrix satisfies $\lambda_{\min}(K) \le c^T K c$ for every unit vector $c$",
                "Horn and Johnson (2013), Matrix Analysis, theorem 4.2.2",
            ),
        ),
        source=_BERNER,
        shown={
            "result": r"E \lambda_{\min}(K) \le \frac{3}{4} M^2 n v^2 Q, \quad Q = \sum_i X_i^4",
            "printed variance": r"\frac{3 M^2 Q}{4 n}",
            "odd": r"\frac{5}{12} M_3^2 n v^3 S, \quad S = \sum_i X_i^6",
            "odd at the printed variance": r"\frac{5 M_3^2 S}{12 n^2}",
            "many samples": r"\frac{35}{192} M_4^2 n v^4 T, \quad T = \sum_i X_i^8",
            "many samples at the printed variance": r"\frac{35 M_4^2 T}{192 n^3}",
        },
    )


def _quadratic_on_four_samples() -> sp.Expr:
    """The second order of a unit at four samples on a line, with weights that are Vandermonde's of the other three."""
    places, (weight, bias) = sp.symbols("x_1:5", real=True), sp.symbols("w b", real=True)
    total = sp.Integer(0)
    for skipped, place in enumerate(places):
        first, second, third = (one for one in places if one != place)
        total += (-1) ** skipped * (second - first) * (third - first) * (third - second) * (weight * place + bias) ** 2
    return total


def _moment(power: int) -> sp.Expr:
    """An even moment of a standard normal number, by Euler's integral."""
    return 2 ** sp.Rational(power, 2) * sp.gamma(sp.Rational(power + 1, 2)) / sp.sqrt(sp.pi)
