r"""Why the mean kernels of a wide ReLU network have no eigenvalue zero, and what happens at opposite inputs.

Conventions: the arc-cosine kernels are those of inputs of length one, twice the mean products of two units, so that
they are 1 at the angle 0. At the angle t, rho = cos t,

.. math:: \kappa_1 = \frac{1}{\pi} (\sin t + (\pi - t) \cos t), \qquad \kappa_0 = \frac{1}{\pi} (\pi - t).

Lengths multiply the order one from both sides, which changes no sign. Two inputs are parallel if they are so up to a
factor of either sign; with a 1 at the end, as in (x, 1), different ones never are.
"""

from collections.abc import Callable
from fractions import Fraction
from functools import cache

import mpmath
import sympy as sp

from theory.derivation import Derivation, Step, Theorem
from theory.domain import Domain
from theory.proof import Relation
from theory.relu_teacher.gaussian_integrals import arc_cosine_kernel

__all__ = ["arc_cosine_series", "opposite_inputs"]

_CHO_SAUL = "Cho and Saul (2009), Kernel methods for deep learning, the kernels of degree 0 and 1"
_DANIELY = "Daniely, Frostig and Singer (2016), arXiv:1602.05897, on dual activations"
_DIGITS = 40
_RING = 256  # points of a circle of radius 1/2, on which the trapezoidal rule errs by 2^-230
_t, _u = sp.symbols("t u", positive=True)
_row = sp.Symbol("l", integer=True, positive=True)
_first = (sp.sin(_t) + (sp.pi - _t) * sp.cos(_t)) / sp.pi
_zeroth = (sp.pi - _t) / sp.pi


@cache
def arc_cosine_series() -> Derivation:
    r"""Derive that all even powers of the cosine enter the kernel of order one with positive weights, and what follows.

    .. math:: \kappa_1 = \frac{1}{\pi} + \frac{\rho}{2} + \sum_{j=0}^\infty a_j \rho^{2j + 2}, \qquad
              a_j = \frac{\Gamma(j + 1/2)}{2 \pi^{3/2} (2j + 1) \Gamma(j + 2)} > 0

    The matrix of the powers rho^k of the cosines of m inputs has the least eigenvalue 1 - (m - 1) r^k at least, r the
    largest |rho| of two of them, which is positive for large k if no two are parallel; no other power takes away from
    it. In the same way the kernel of order zero is 1/2 and positive multiples of the odd powers.

    Returns:
        A derivation; the value is a_j. Parts: "order zero", the weight of rho^(2j + 1) in the kernel of order zero;
        "least eigenvalue", the bound from the power 2j + 2 alone for the kernel of order one, with s = r^(2j + 2), and
        "least eigenvalue of order zero", with s = r^(2j + 1); "sine", the squared sine of the angle of (x, 1) and
        (y, 1) in one dimension, times their squared lengths.

    Examples:
        >>> arc_cosine_series().at(j=0)
        1/(2*pi)
        >>> arc_cosine_series().at(part="least eigenvalue", j=0, m=3, s="1/4")
        1/(4*pi)

    References:
        Cho and Saul (2009), Kernel methods for deep learning; Daniely, Frostig and Singer (2016), arXiv:1602.05897.
    """
    j = sp.Symbol("j", integer=True, nonnegative=True)
    q, m, s = sp.symbols("q m s", positive=True)
    x, y = sp.symbols("x y", real=True)
    first, second, product = sp.symbols("p_1 p_2 c", real=True)
    root = 1 / sp.sqrt(1 - q)
    order_one = sp.gamma(j + sp.Rational(1, 2)) / (2 * sp.pi ** sp.Rational(3, 2) * (2 * j + 1) * sp.gamma(j + 2))
    order_zero = sp.gamma(j + sp.Rational(1, 2)) / (sp.pi ** sp.Rational(3, 2) * (2 * j + 1) * sp.gamma(j + 1))
    bounds = {order: order * (1 - (m - 1) * s) for order in (order_one, order_zero)}
    mean = arc_cosine_kernel()
    lengths = {symbol: 1 for symbol in mean.value.free_symbols if symbol.name in "wv"}
    here = {symbol: _t for symbol in mean.value.free_symbols if symbol.name == "t"}
    return Derivation(
        "The powers of the cosine in the arc-cosine kernels",
        sp.Eq(sp.Symbol("a_j"), order_one),
        (
            Step(
                "With the mean product of two units the kernel of order one is twice that of inputs of length 1.",
                Relation(2 * mean.value.subs(lengths).subs(here), "=", _first),
                "exact",
                shown=r"\kappa_1 = 2 E \max(0, \langle w, x \rangle) \max(0, \langle w, y \rangle)",
            ),
            Step(
                "Its derivative by the cosine is the kernel of order zero, twice the probability that both are on,",
                Relation(-_first.diff(_t) / sp.sin(_t), "=", _zeroth),
                "exact",
                witness=lambda: 2 * mean.parts["mixed outside"].rhs.subs(here),
                shown=r"\frac{d \kappa_1}{d \rho} = - \frac{1}{\sin t} \frac{d \kappa_1}{d t} = \kappa_0",
            ),
            Step(
                "whose derivative is again one of the sine alone:",
                Relation(-_zeroth.diff(_t) / sp.sin(_t), "=", 1 / (sp.pi * sp.sin(_t))),
                "exact",
                shown=r"\frac{d \kappa_0}{d \rho} = \frac{1}{\pi \sin t} = \frac{1}{\pi \sqrt{1 - \rho^2}}",
            ),
            Step(
                "As a function of q = rho^2 the root satisfies",
                Relation((1 - q) * root.diff(q), "=", root / 2),
                "exact",
                shown=r"(1 - q) \frac{d}{d q} \frac{1}{\sqrt{1 - q}} = \frac{1}{2} \frac{1}{\sqrt{1 - q}}",
            ),
            Step(
                "so that its coefficients b_j begin with 1 and have the quotients (j + 1/2)/(j + 1), as has",
                Relation(_next_over_this(), "=", (_u + sp.Rational(1, 2)) / (_u + 1)),
                "exact",
                shown=r"b_j = \frac{\Gamma(j + 1/2)}{\sqrt{\pi} \, \Gamma(j + 1)}, \quad"
                r" \frac{b_{j+1}}{b_j} = \frac{j + 1/2}{j + 1}",
            ),
            Step(
                "Integrated once, by 1/(2j + 1), this is the weight of an odd power in the kernel of order zero. It is "
                "a square: twice that of the mean of a step times the Hermite polynomial, over (2j + 1)!.",
                Relation(_squared_hermite(2 * j, 2 * j + 1), "=", order_zero),
                "exact",
                witness=_coefficient(lambda cosine: (mpmath.pi - mpmath.acos(cosine)) / mpmath.pi, 1),
                shown=r"\frac{b_j}{\pi (2j + 1)} = \frac{2}{(2j + 1)!} \Bigl( \frac{He_{2j}(0)}{\sqrt{2 \pi}} \Bigr)^2",
            ),
            Step(
                "Integrated once more it is that of an even power in the kernel of order one, a square again, because "
                "two integrations by parts take a ReLU to a point at 0:",
                Relation(_squared_hermite(2 * j, 2 * j + 2), "=", order_one),
                "exact",
                witness=_coefficient(_order_one, 2),
                shown=r"a_j = \frac{b_j}{\pi (2j + 1)(2j + 2)} ="
                r" \frac{2}{(2j + 2)!} \Bigl( \frac{He_{2j}(0)}{\sqrt{2 \pi}} \Bigr)^2",
            ),
            *(
                Step(
                    title,
                    Relation(order * (1 - sp.Sum(s, (_row, 1, m - 1)).doit()), "=", order * (1 - (m - 1) * s)),
                    "exact",
                    shown=shown,
                )
                for title, order, shown in (
                    (
                        "The power k = 2j + 2 of the cosines has ones on its diagonal, and m - 1 entries of at most "
                        "s = r^k beside each, for the largest |rho| = r of two inputs. By Gershgorin's theorem it adds "
                        "to the least eigenvalue of the kernel of order one at least",
                        order_one,
                        r"a_j \bigl( 1 - \sum_{l \ne i} |\rho_{il}|^k \bigr) \ge"
                        r" a_j \bigl( 1 - \sum_{l \ne i} s \bigr) = a_j (1 - (m - 1) s)",
                    ),
                    (
                        "and the power k = 2j + 1 to that of order zero, with its own weight, at least",
                        order_zero,
                        r"\frac{b_j}{\pi (2j + 1)} \bigl( 1 - \sum_{l \ne i} s \bigr) ="
                        r" \frac{b_j}{\pi (2j + 1)} (1 - (m - 1) s)",
                    ),
                )
            ),
            Step(
                "If no two inputs are parallel, r < 1, and s = 1/((m - 1)(1 + q)) for some large power and some q > 0:",
                Relation(0, "<", (1 - (m - 1) * s).subs(s, 1 / ((m - 1) * (1 + q)))),
                "exact",
                shown=r"1 - (m - 1) s = \frac{q}{1 + q} > 0",
                domain=Domain(m=(1, sp.oo), q=(0, sp.oo)).with_integers("m"),
            ),
            Step(
                "A 1 at the end keeps different inputs from being parallel. With p_1 and p_2 for the squared lengths "
                "of x and y and c for their product, the squared sine of the angle of (x, 1) and (y, 1), times their "
                "squared lengths, exceeds |x - y|^2 by what Cauchy's inequality says is not negative:",
                Relation(
                    (first + 1) * (second + 1) - (product + 1) ** 2,
                    "=",
                    (first + second - 2 * product) + (first * second - product**2),
                ),
                "exact",
                shown=r"|(x, 1)|^2 |(y, 1)|^2 - \langle (x, 1), (y, 1) \rangle^2"
                r" = |x - y|^2 + |x|^2 |y|^2 - \langle x, y \rangle^2 \ge |x - y|^2",
            ),
            Step(
                "In one dimension there is nothing to exceed it by:",
                Relation((x**2 + 1) * (y**2 + 1) - (x * y + 1) ** 2, "=", (x - y) ** 2),
                "exact",
                shown=r"|(x, 1)|^2 |(y, 1)|^2 - \langle (x, 1), (y, 1) \rangle^2 = (x - y)^2",
            ),
        ),
        Domain(j=(-1, sp.oo), m=(1, sp.oo), s=(0, 1), t=(0, sp.pi), q=(0, 1)).with_integers("j", "m"),
        parts={
            "order zero": sp.Eq(sp.Symbol("a"), order_zero),
            "least eigenvalue": sp.Eq(sp.Symbol("bound"), bounds[order_one]),
            "least eigenvalue of order zero": sp.Eq(sp.Symbol("bound"), bounds[order_zero]),
            "sine": sp.Eq(sp.Symbol("S"), (x - y) ** 2),
        },
        titles={
            "order zero": "weights in the kernel of order zero",
            "least eigenvalue": "bound on the least eigenvalue by one power",
            "least eigenvalue of order zero": "the same for the kernel of order zero",
            "sine": "sine of the angle in one dimension",
        },
        assumptions=("the m inputs have the length 1, and no two of them are parallel",),
        theorems=(
            Theorem(
                "Mehler's formula",
                r"for standard normal $z$, $z'$ of covariance $\rho$ and a square integrable $f$,"
                r" $E f(z) f(z') = \sum_k \frac{1}{k!} (E f(z) He_k(z))^2 \rho^k$",
                _DANIELY,
            ),
            Theorem(
                "Gershgorin's theorem",
                r"no eigenvalue of a symmetric matrix is below $\min_i (A_{ii} - \sum_{l \ne i} |A_{il}|)$",
                "Horn and Johnson (2013), Matrix Analysis, theorem 6.1.1",
            ),
            Theorem(
                "Weyl's inequality",
                r"symmetric matrices satisfy $\lambda_{\min}(A + B) \ge \lambda_{\min}(A) + \lambda_{\min}(B)$",
                "Horn and Johnson (2013), Matrix Analysis, theorem 4.3.1",
            ),
            Theorem(
                "Schur's product theorem",
                "the matrix of the powers of the entries of a positive semidefinite matrix is positive semidefinite",
                "Horn and Johnson (2013), Matrix Analysis, theorem 7.5.3",
            ),
        ),
        source=f"{_CHO_SAUL}; {_DANIELY}",
        shown={
            "result": r"a_j = \frac{\Gamma(j + 1/2)}{2 \pi^{3/2} (2j + 1) \Gamma(j + 2)}",
            "order zero": r"\frac{\Gamma(j + 1/2)}{\pi^{3/2} (2j + 1) \Gamma(j + 1)}",
            "least eigenvalue": r"a_j (1 - (m - 1) s), \quad s = r^{2j + 2}",
            "least eigenvalue of order zero": r"\frac{\Gamma(j + 1/2)}{\pi^{3/2} (2j + 1) \Gamma(j + 1)}"
            r" (1 - (m - 1) s), \quad s = r^{2j + 1}",
        },
    )


@cache
def opposite_inputs() -> Derivation:
    r"""Derive what the kernels make of inputs and their opposites, where even or odd powers alone decide.

    On opposite weights at opposite inputs, c and -c at u and -u, the form of the kernel of order one is that of the
    inputs themselves,

    .. math:: 2 \Bigl| \sum_i c_i u_i \Bigr|^2,

    because max(0, z) - max(0, -z) = z: it is zero on three such pairs in a plane. On equal weights the form of the
    kernel of order zero is 2 (sum_i c_i)^2, zero from two pairs on, because one of the two units is on.

    Returns:
        A derivation; the value is the form of order one on two pairs at the angle t with the weights a and b, the part
        "order zero" that of order zero on equal weights.

    Examples:
        >>> opposite_inputs().at(a=1, b=-1, t="1/2").evalf(3)
        0.490
        >>> opposite_inputs().at(part="order zero", a=1, b=-1)
        0

    References:
        Cho and Saul (2009), Kernel methods for deep learning, the kernels of degree 0 and 1.
    """
    a, b = sp.symbols("a b", real=True)
    away = sp.pi - _t
    one, zero = ({angle: kernel.subs(_t, angle) for angle in (_t, away)} for kernel in (_first, _zeroth))
    ends = {kernel: (sp.Integer(1), kernel.subs(_t, sp.pi)) for kernel in (_first, _zeroth)}
    odd, even = sp.Matrix([a, -a, b, -b]), sp.Matrix([a, a, b, b])
    form = (odd.T * _two_pairs(*ends[_first], one[_t], one[away]) * odd)[0]
    equal = (even.T * _two_pairs(*ends[_zeroth], zero[_t], zero[away]) * even)[0]
    hexagon = sp.Matrix(
        6, 6, lambda i, k: _first.subs(_t, sp.pi * min(abs(i - k), 6 - abs(i - k)) / 3) if i != k else sp.Integer(1)
    )
    turns = sp.Matrix([(-1) ** i for i in range(6)])
    x, z = sp.symbols("x z", real=True)
    return Derivation(
        "The arc-cosine kernels at opposite inputs",
        sp.Eq(sp.Symbol("Q_1"), 2 * (a**2 + b**2 + 2 * a * b * sp.cos(_t))),
        (
            Step(
                "A ReLU less its mirror image is what enters it.",
                Relation((sp.Abs(z) + z) / 2 - (sp.Abs(-z) - z) / 2, "=", z),
                "exact",
                shown=r"\max(0, z) - \max(0, -z) = z",
            ),
            Step(
                "So the kernel of order one at an angle exceeds that at the opposite one by the cosine,",
                Relation(one[_t] - sp.expand_trig(one[away]), "=", sp.cos(_t)),
                "exact",
                shown=r"\kappa_1(t) - \kappa_1(\pi - t) = \cos t",
            ),
            Step(
                "and its form on opposite weights at opposite inputs, for two pairs at the angle t, is",
                Relation(sp.expand_trig(form), "=", 2 * (a**2 + b**2 + 2 * a * b * sp.cos(_t))),
                "exact",
                witness=_length_of_the_sum,
                shown=r"2 |a u + b v|^2 = 2 (a^2 + b^2 + 2 a b \cos t)",
            ),
            Step(
                "which is zero for dependent inputs only: with b = x a it is, over 2 a^2,",
                Relation(
                    _harmonics(1 + x**2 + 2 * x * sp.cos(_t)), "=", _harmonics((x + sp.cos(_t)) ** 2 + sp.sin(_t) ** 2)
                ),
                "exact",
                shown=r"1 + x^2 + 2 x \cos t = (x + \cos t)^2 + \sin^2 t > 0",
            ),
            Step(
                "Three pairs in a plane are dependent. At the corners of a hexagon the kernel of order one takes the "
                "weights 1, -1, 1, -1, 1, -1 to",
                Relation(hexagon * turns, "=", sp.zeros(6, 1)),
                "exact",
                shown=r"1 - 2 \kappa_1(\pi/3) + 2 \kappa_1(2 \pi/3) - \kappa_1(\pi) = 0",
            ),
            Step(
                "A step and its mirror image add up to 1, so the kernels of order zero at opposite angles do,",
                Relation(zero[_t] + zero[away], "=", 1),
                "exact",
                shown=r"\kappa_0(t) + \kappa_0(\pi - t) = 1",
            ),
            Step(
                "and the form of order zero on equal weights at opposite inputs is, for two pairs at any angle,",
                Relation(equal, "=", 2 * (a + b) ** 2),
                "exact",
                shown=r"2 (a + b)^2",
            ),
        ),
        Domain(a=(-sp.oo, sp.oo), b=(-sp.oo, sp.oo), t=(0, sp.pi)),
        parts={"order zero": sp.Eq(sp.Symbol("Q_0"), 2 * (a + b) ** 2)},
        titles={
            "order zero": "form of order zero",
        },
        assumptions=("the inputs have the length 1; t is the angle between an input of one pair and one of the other",),
        source=_CHO_SAUL,
        shown={"result": r"Q_1 = 2 |a u + b v|^2 = 2 (a^2 + b^2 + 2 a b \cos t)", "order zero": r"Q_0 = 2 (a + b)^2"},
    )


def _squared_hermite(power: sp.Expr, order: sp.Expr) -> sp.Expr:
    """Twice the square of the Hermite polynomial of an even power at 0, over 2 pi and the factorial of an order."""
    at_zero = sp.gamma(power + 1) / (2 ** (power / 2) * sp.gamma(power / 2 + 1))
    return sp.gammasimp(2 * at_zero**2 / (2 * sp.pi) / sp.gamma(order + 1))


def _next_over_this() -> sp.Expr:
    """The quotient of successive binomial coefficients; gammas are reduced for real arguments only."""
    this = sp.gamma(_u + sp.Rational(1, 2)) / (sp.sqrt(sp.pi) * sp.gamma(_u + 1))
    return sp.gammasimp(sp.expand_func(this.subs(_u, _u + 1)) / this)


def _coefficient(function: Callable[[mpmath.mpc], mpmath.mpc], shift: int) -> Callable[[Fraction], mpmath.mpf]:
    """The coefficient of the power 2j + shift by Cauchy's integral on a circle inside that of convergence."""

    def coefficient(j: Fraction) -> mpmath.mpf:
        power = 2 * int(j) + shift
        with mpmath.workdps(_DIGITS + 20):
            ring = mpmath.unitroots(_RING)
            return sum(function(each / 2) * each ** (-power) for each in ring).real * mpmath.mpf(2) ** power / _RING

    return coefficient


def _order_one(cosine: mpmath.mpc) -> mpmath.mpc:
    return (mpmath.sqrt(1 - cosine**2) + cosine * (mpmath.pi - mpmath.acos(cosine))) / mpmath.pi


def _two_pairs(same: sp.Expr, opposite: sp.Expr, near: sp.Expr, far: sp.Expr) -> sp.Matrix:
    """The kernel of an input, its opposite, another input and its opposite."""
    own, other = sp.Matrix([[same, opposite], [opposite, same]]), sp.Matrix([[near, far], [far, near]])
    return sp.Matrix(sp.BlockMatrix([[own, other], [other, own]]))


def _length_of_the_sum(a: Fraction, b: Fraction, t: Fraction) -> mpmath.mpf:
    """Twice the squared length of a u + b v, from coordinates."""
    with mpmath.workdps(_DIGITS):
        first, second, angle = (mpmath.mpf(value.numerator) / value.denominator for value in (a, b, t))
        along, across = first + second * mpmath.cos(angle), second * mpmath.sin(angle)
        return 2 * (along**2 + across**2)


def _harmonics(expression: sp.Expr) -> sp.Expr:
    return sp.expand(expression.rewrite(sp.exp))
