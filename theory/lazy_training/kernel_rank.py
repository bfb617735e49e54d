r"""When the kernel of the hidden features is invertible: never below as many units as samples, mostly from there on.

Conventions: F is the m x n matrix of the features rho(z_ki) of m samples and n units, z_ki = <w_k, (x_i, 1)>, and
K = F F' their kernel. The weights have a density. "Fails" means that K is singular.
"""

from fractions import Fraction
from functools import cache
from math import comb

import mpmath
import sympy as sp

from theory.derivation import Derivation, Step, Theorem
from theory.domain import Domain
from theory.proof import Relation

__all__ = ["invertible_kernel", "relu_kernel_failure"]

_HUANG = "Huang, Zhu and Siew (2006), Extreme learning machine: theory and applications, theorem 2.1"
_NGUYEN_HEIN = "Nguyen and Hein (2017), arXiv:1704.08045"
_DIGITS = 40


@cache
def invertible_kernel() -> Derivation:
    r"""Derive when the kernel of n units on m samples is invertible.

    .. math:: \det F F^T = \sum_{|S| = m} (\det F_S)^2

    over all choices of m units, none for n < m. A single choice with a determinant that is not zero does. For the
    logistic unit, whose matrix of m units with one direction and biases of their own is Cauchy's,

    .. math:: F_{ki} = \frac{a_k}{a_k + b_i}, \qquad
              \det F = \prod_k a_k \frac{\prod_{k < l} (a_l - a_k)(b_l - b_k)}{\prod_{kl} (a_k + b_l)} \ne 0,

    with a_k the exponentials of the biases and b_i those of minus the coordinates <v, x_i> of the samples, all
    different. Its derivatives in all biases make the same of softplus units. Where the activation is analytic so is the
    determinant in the weights, and an analytic function that is not zero somewhere is zero almost nowhere. Every
    analytic activation that is no polynomial has a place like that, because of infinitely many powers.

    Returns:
        A derivation; the value is the determinant of K for two samples and three units. Parts: "fewer units", that of
        one unit on two samples; "two units", Cauchy's determinant for two units; "pivot", the entry that elimination
        leaves of Cauchy's matrix of any size.

    Examples:
        >>> invertible_kernel().parts["fewer units"].rhs
        0
        >>> invertible_kernel().at(part="two units", a_1=1, a_2=2, b_1=1, b_2=2)
        1/36

    References:
        Huang, Zhu and Siew (2006), Extreme learning machine: theory and applications, theorem 2.1; Nguyen and Hein
        (2017), arXiv:1704.08045.
    """
    features = sp.Matrix(2, 3, sp.symbols("f_1:7", real=True))
    one = features[:, 0]
    minors = sum(features[:, [i, k]].det() ** 2 for i in range(3) for k in range(i))
    a, b = (sp.symbols(f"{name}_1:4", positive=True) for name in "ab")
    bias, place = sp.symbols("p z", real=True)
    pivot = (a[1] - a[0]) * (b[1] - b[0]) / ((a[1] + b[1]) * (a[1] + b[0]) * (a[0] + b[1]))
    two = _cauchy(a[:2], b[:2]).det(method="berkowitz") * a[0] * a[1]
    closed = a[0] * a[1] * (a[1] - a[0]) * (b[1] - b[0]) / sp.Mul(*(p + q for p in a[:2] for q in b[:2]))
    gaps = sp.symbols("g_1:3", positive=True)
    z = sp.symbols("z_1:4", positive=True)
    powers = sp.Matrix(3, 3, lambda i, k: z[i] ** (2 * k + 1))
    odd = sp.Mul(*z) * (z[1] ** 2 - z[0] ** 2) * (z[2] ** 2 - z[0] ** 2) * (z[2] ** 2 - z[1] ** 2)
    return Derivation(
        "When the kernel of the features is invertible",
        sp.Eq(sp.Symbol("D"), minors),
        (
            Step(
                "The determinant of K is the sum of the squared determinants of as many units as samples (Cauchy and "
                "Binet), here of two samples and three units.",
                Relation((features * features.T).det(), "=", minors),
                "exact",
                shown=r"\det F F^T = \sum_{|S| = m} (\det F_S)^2",
            ),
            Step(
                "With fewer units than samples there is none to sum over. One unit on two samples:",
                Relation((one * one.T).det(), "=", 0),
                "exact",
                shown=r"\det F F^T = 0 \quad \text{for} \quad n < m",
            ),
            Step(
                "Let all units have one direction, on which the samples have different places z, and biases p of their "
                "own. With a = exp p and b = exp(-z) a logistic unit is",
                Relation(
                    (1 / (1 + sp.exp(-(place + bias)))).subs({bias: sp.log(a[0]), place: -sp.log(b[0])}),
                    "=",
                    a[0] / (a[0] + b[0]),
                ),
                "exact",
                shown=r"\frac{1}{1 + e^{-(z + p)}} = \frac{a}{a + b}",
            ),
            Step(
                "and it is the derivative of a softplus unit in its bias, so that of the determinant of softplus units "
                "in all biases is that of logistic ones.",
                Relation(sp.log(1 + sp.exp(place + bias)).diff(bias), "=", 1 - 1 / (1 + sp.exp(place + bias))),
                "exact",
                shown=r"\frac{d}{d p} \log(1 + e^{z + p}) = 1 - \frac{1}{1 + e^{z + p}} = \frac{1}{1 + e^{-(z + p)}}",
            ),
            Step(
                "Elimination takes the matrix of the 1/(a_k + b_i) to one of the same kind, with a factor for each row "
                "and one for each column. So for any number of units no pivot is zero.",
                Relation(
                    1 / (a[1] + b[1]) - (a[0] + b[0]) / ((a[1] + b[0]) * (a[0] + b[1])),
                    "=",
                    pivot,
                ),
                "exact",
                shown=r"\frac{1}{a_k + b_i} - \frac{a_1 + b_1}{(a_k + b_1)(a_1 + b_i)}"
                r" = \frac{a_k - a_1}{a_k + b_1} \cdot \frac{b_i - b_1}{a_1 + b_i} \cdot \frac{1}{a_k + b_i}",
            ),
            Step(
                "For two units that makes",
                Relation(two, "=", closed),
                "exact",
                shown=r"\det F = a_1 a_2 \frac{(a_2 - a_1)(b_2 - b_1)}"
                r"{(a_1 + b_1)(a_1 + b_2)(a_2 + b_1)(a_2 + b_2)}",
            ),
            Step(
                "Where a and b rise all pivots are positive.",
                Relation(0, "<", pivot.subs({a[1]: a[0] + gaps[0], b[1]: b[0] + gaps[1]})),
                "exact",
                shown=r"\frac{(a_k - a_1)(b_i - b_1)}{(a_k + b_i)(a_k + b_1)(a_1 + b_i)} > 0",
            ),
            Step(
                "In general let the weights be s_k times one vector v, on which the places z of the samples are "
                "positive and different: the last entry of (x, 1) makes room for that. Were the features dependent for "
                "all s, the places would be in each of infinitely many powers. For an odd activation with the first "
                "three of them:",
                Relation(powers.det(), "=", odd),
                "exact",
                shown=r"\det (z_i^{2k - 1})_{i, k \le 3} = z_1 z_2 z_3 \prod_{i < k} (z_k^2 - z_i^2)",
            ),
        ),
        Domain(**dict.fromkeys(("a_1", "a_2", "a_3", "b_1", "b_2", "b_3"), (0, sp.oo))),
        parts={
            "fewer units": sp.Eq(sp.Symbol("D"), sp.Integer(0)),
            "two units": sp.Eq(sp.Symbol("D"), closed),
            "pivot": sp.Eq(sp.Symbol("e"), pivot),
        },
        titles={
            "fewer units": "determinant with fewer units than samples",
            "two units": "determinant for two units",
            "pivot": "pivot of the elimination",
        },
        assumptions=(
            "for the last part the activation is analytic and no polynomial, the samples are different, and the "
            "weights have a density",
        ),
        theorems=(
            Theorem(
                "Zeros of analytic functions",
                "the zeros of a real analytic function that is not zero everywhere on a connected open set have "
                "measure zero",
                "Mityagin (2015), arXiv:1512.07276",
            ),
            Theorem(
                "Generalised Vandermonde determinants",
                "the determinant of the powers of different positive numbers with different real exponents is not zero",
                "Gantmacher and Krein (1950), Oscillation matrices and kernels, chapter II",
            ),
        ),
        source=f"{_HUANG}; {_NGUYEN_HEIN}",
        shown={
            "result": r"\det F F^T = \sum_{|S| = 2} (\det F_S)^2",
            "two units": r"\det F = a_1 a_2 \frac{(a_2 - a_1)(b_2 - b_1)}"
            r"{(a_1 + b_1)(a_1 + b_2)(a_2 + b_1)(a_2 + b_2)}",
        },
    )


@cache
def relu_kernel_failure() -> Derivation:
    r"""Derive how often the kernel of n ReLU units on two samples at the angle t is singular.

    .. math:: P = 2^{1 - n} + (n - 1) p^n, \qquad p = \frac{\pi - t}{2 \pi} < \frac{1}{2}

    A unit is on at both samples with the probability p, at neither with p, at one alone with 1/2 - p for each. K is
    singular if all units that are on are so at one and the same sample alone, or if one unit is on at all. For m
    samples a K that is not singular on some m of the units is not singular, so that m units after m units

    .. math:: 2^{-n} \le P(n) \le P(m)^{\lfloor n/m \rfloor},

    and P(m) < 1: thresholds between the samples make the features triangular.

    Returns:
        A derivation; the value is P in n and p. Parts: "both on", p in t; "triangular", the determinant of three units
        with thresholds y_k - g_k on samples at the places y_k of a line.

    Examples:
        >>> relu_kernel_failure().at(n=2, p="1/4")
        9/16

    References:
        Cho and Saul (2009), Kernel methods for deep learning, the kernel of degree 0; Huang, Zhu and Siew (2006),
        Extreme learning machine: theory and applications, theorem 2.1.
    """
    n = sp.Symbol("n", integer=True, positive=True)
    p, t = sp.symbols("p t", positive=True)
    alone = sp.Rational(1, 2) - p
    angle = sp.Symbol("phi", real=True)
    both = (sp.pi - t) / (2 * sp.pi)
    probability = 2 ** (1 - n) + (n - 1) * p**n
    room = sp.symbols("g_1:4", positive=True)
    steps = sp.symbols("h_1:3", positive=True)
    places = (room[0], room[0] + steps[0] + room[1], room[0] + steps[0] + room[1] + steps[1] + room[2])
    thresholds = [place - each for place, each in zip(places, room, strict=True)]
    features = sp.Matrix(3, 3, lambda i, k: sp.Max(0, sp.expand(places[i] - thresholds[k])))
    return Derivation(
        "How often the kernel of ReLU units on two samples is singular",
        sp.Eq(sp.Symbol("P"), sp.expand(probability)),
        (
            Step(
                "A unit is on at both samples, at the angle t, with the probability p of an angle of pi - t,",
                Relation(sp.integrate(1 / (2 * sp.pi), (angle, t - sp.pi / 2, sp.pi / 2)), "=", both),
                "exact",
                shown=r"p = \frac{\pi - t}{2 \pi}",
                domain=Domain(t=(0, sp.pi)),
            ),
            Step(
                "at neither with the same one, by the opposite weights; so at one alone, for each of the two, with",
                Relation((1 - 2 * p) / 2, "=", alone),
                "exact",
                shown=r"\frac{1}{2} (1 - 2 p) = \frac{1}{2} - p",
            ),
            Step(
                "K is singular if no unit is on; if some are, all at the same sample alone; or if one is on at both, "
                "and no other at all. Two that are on at both are independent almost surely. Together:",
                Relation(
                    sp.expand(p**n + 2 * ((p + alone) ** n - p**n) + n * p * p ** (n - 1)),
                    "=",
                    sp.expand(probability),
                ),
                "exact",
                witness=_count_failures,
                shown=r"p^n + 2 (2^{-n} - p^n) + n p \cdot p^{n - 1} = 2^{1 - n} + (n - 1) p^n",
            ),
            Step(
                "One unit always fails,",
                Relation(probability.subs(n, 1), "=", 1),
                "exact",
                shown=r"P(1) = 2^0 + 0 \cdot p = 1",
            ),
            Step(
                "two units do not always.",
                Relation(probability.subs(n, 2), "<", 1),
                "exact",
                shown=r"P(2) = \frac{1}{2} + p^2 < \frac{3}{4}",
            ),
            Step(
                "For m samples let units have one direction and thresholds between the samples. Then the features are "
                "triangular, and so they are nearby: P(m) < 1. For three samples, a gap g_k above each threshold:",
                Relation(features.det(), "=", sp.Mul(*room)),
                "exact",
                shown=r"\det F = g_1 g_2 g_3 > 0",
                domain=Domain(**dict.fromkeys(("g_1", "g_2", "g_3", "h_1", "h_2"), (0, sp.oo))),
            ),
        ),
        Domain(n=(0, sp.oo), p=(0, sp.Rational(1, 2))).with_integers("n"),
        parts={"both on": sp.Eq(sp.Symbol("p"), both), "triangular": sp.Eq(sp.Symbol("D"), sp.Mul(*room))},
        titles={
            "both on": "chance that a unit is on for both",
            "triangular": "determinant of three units on a line",
        },
        assumptions=("the directions of the weights are uniform in the plane of the two samples",),
        source="Cho and Saul (2009), Kernel methods for deep learning, the kernel of degree 0",
        shown={
            "result": r"P = 2^{1 - n} + (n - 1) p^n",
            "both on": r"p = \frac{\pi - t}{2 \pi}",
            "triangular": r"\det F = g_1 g_2 g_3",
        },
    )


def _cauchy(a: tuple[sp.Symbol, ...], b: tuple[sp.Symbol, ...]) -> sp.Matrix:
    return sp.Matrix(len(a), len(b), lambda k, i: 1 / (a[k] + b[i]))


def _count_failures(n: Fraction, p: Fraction) -> mpmath.mpf:
    """The probability of all ways to spread the units over the four sectors that leave the features dependent."""
    units = int(n)
    with mpmath.workdps(_DIGITS):
        on = mpmath.mpf(p.numerator) / p.denominator
        alone = mpmath.mpf(1) / 2 - on
        total = mpmath.mpf(0)
        for both in range(units + 1):
            for first in range(units - both + 1):
                for second in range(units - both - first + 1):
                    directions = min(both, 2) + (first > 0) + (second > 0)
                    if directions < 2:
                        ways = comb(units, both) * comb(units - both, first) * comb(units - both - first, second)
                        off = units - both - first - second
                        total += ways * on ** (both + off) * alone ** (first + second)
        return total
