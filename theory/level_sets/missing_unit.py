r"""What one ReLU unit too few costs, at any width: a lower bound, and with it a wall around a valley at any width.

Conventions: x ~ N(0, I); c_p is the least value of F = (1/2) E (sum_i r_i relu(u_i . x) - sum_j relu(e_j . x))^2 over
p - 1 unit vectors u_i and numbers r_i, of either sign, with p orthonormal e_j. theta is the angle between two unit
vectors, c its cosine. The risk of the two sides is that of `theory.level_sets.two_sided_valley`.
"""

from fractions import Fraction
from functools import cache
from math import comb

import mpmath
import sympy as sp

from theory.derivation import Derivation, Step, Theorem
from theory.domain import Domain
from theory.proof import Relation

__all__ = ["missing_unit_bound"]

_theta, _c = sp.Symbol("theta", real=True), sp.Symbol("c", real=True)
_m = sp.Symbol("m", integer=True, positive=True)


@cache
def missing_unit_bound() -> Derivation:
    r"""Derive that p - 1 ReLU units miss the sum of p orthonormal ones by a loss that no width makes small.

    .. math:: c_p \ge \frac{1}{8} \left(1 - \frac{2}{\pi}\right) \approx .0454

    in any dimension and for outer weights of any sign. The even part of the residual is a sum of |u.x|; its part of
    degree 2k is a tensor of order 2k, read as a matrix: rank p - 1 or less against a projection of rank p, at least 1
    apart, in each degree. Nor does c_p grow with p: to the best p - 1 units add e_(p + 1).

    On data on two sides, y = a (relu(x_1) + ... + relu(x_p)) - b relu(x_n), the network of p units that fits the first
    side lies in a valley of risk b^2/4. All risks below need a negative outer weight; when the first one vanishes on
    the way there, p - 1 units with positive ones are left for the first side. So at every width p, in n > p dimensions,
    there is a valley whose wall is higher than its floor by a^2 (1 - 2/pi)/8 or more.

    Returns:
        A derivation; the value is the bound on c_p. The parts are the "valley" and a lower bound of the "wall".

    Examples:
        >>> print(missing_unit_bound().value.evalf(6))
        0.0454225
        >>> print(missing_unit_bound().at(part="wall", a=2, b=3, digits=6))
        2.43169

    References:
        Venturi, Bandeira and Bruna (2019), arXiv:1802.06384, for such data; Safran and Shamir (2018),
        arXiv:1712.08968, for F.
    """
    a, b, t = sp.symbols("a b t", positive=True)
    sine, cosine = sp.sin(_theta), sp.cos(_theta)
    absolute = 2 / sp.pi * (sine + (sp.pi / 2 - _theta) * cosine)
    slope = 2 / sp.pi * (sp.pi / 2 - _theta)
    bound = (1 - 2 / sp.pi) / 8
    half_line = sp.integrate(t**2 * sp.exp(-(t**2) / 2) / sp.sqrt(2 * sp.pi), (t, 0, sp.oo))
    mean = 2 * sp.integrate(t * sp.exp(-(t**2) / 2) / sp.sqrt(2 * sp.pi), (t, 0, sp.oo))
    series = 1 / sp.sqrt(1 - _c)
    following, f, target, more = sp.symbols("q f T g")
    ratio = sp.solve(2 * (_m + 1) * following - 2 * _m - 1, following)[0]
    angles = Domain(theta=(0, sp.pi))
    return Derivation(
        "What one ReLU unit too few costs",
        sp.Eq(sp.Symbol("c_least"), bound),
        (
            Step(
                "A ReLU is half the sum of a linear function and an absolute value (here at t > 0 and at -t),",
                Relation(sp.Tuple((t + sp.Abs(t)) / 2, (-t + sp.Abs(-t)) / 2), "=", sp.Tuple(t, 0)),
                "exact",
                shown=r"\mathrm{relu}(z) = \frac{1}{2} (z + |z|)",
                domain=Domain(t=(0, sp.oo)),
            ),
            Step(
                "so that the residual has an odd part and an even one, orthogonal to each other, and F is at least 1/8 "
                "of the mean square of the sum of r_i |u_i.x| less that of |e_j.x|. For two unit vectors:",
                Relation(2 * (_kernel(_theta) + _kernel(sp.pi - _theta)), "=", absolute),
                "exact",
                witness=_mean_of_absolute_values,
                shown=r"E |u \cdot x| |v \cdot x| = \frac{2}{\pi} \left(\sin \theta"
                r" + \left(\frac{\pi}{2} - \theta\right) \cos \theta\right)",
                domain=angles,
            ),
            Step(
                "As a function of the cosine it has the first derivative",
                Relation(-absolute.diff(_theta) / sine, "=", slope),
                "exact",
                shown=r"\frac{d}{dc} = -\frac{1}{\sin \theta} \frac{d}{d \theta}: \quad"
                r" \frac{2}{\pi} \left(\frac{\pi}{2} - \theta\right)",
                domain=angles,
            ),
            Step(
                "which is 0 at c = 0, and the second derivative",
                Relation(-slope.diff(_theta) / sine, "=", 2 / (sp.pi * sine)),
                "exact",
                shown=r"\frac{2}{\pi \sin \theta} = \frac{2}{\pi \sqrt{1 - c^2}}",
                domain=angles,
            ),
            Step(
                "The inverse root of 1 - c solves",
                Relation(2 * (1 - _c) * series.diff(_c), "=", series),
                "exact",
                shown=r"2 (1 - c) \, y' = y, \quad y = (1 - c)^{-1/2}",
                domain=Domain(c=(0, 1)),
            ),
            Step(
                "and has a power series from 1 on, each coefficient being that before it times",
                Relation(ratio, "=", (2 * _m + 1) / (2 * (_m + 1))),
                "exact",
                witness=lambda m: Fraction(comb(2 * int(m) + 2, int(m) + 1), 4 * comb(2 * int(m), int(m))),
                shown=r"\frac{2 m + 1}{2 (m + 1)}",
                domain=Domain(m=(0, sp.oo)).with_integers("m"),
            ),
            Step(
                "All are positive, and so are the coefficients A_k of the even powers of c, integrated twice from "
                "that series in c^2:",
                Relation(0, "<", (2 * _m + 1) / (2 * (_m + 1))),
                "exact",
                shown=r"E |u \cdot x| |v \cdot x| = \sum_{k \ge 0} A_k \, (u \cdot v)^{2k}, \quad A_k > 0",
                domain=Domain(m=(0, sp.oo)).with_integers("m"),
            ),
            Step(
                "Those with k >= 1 add up to the value at c = 1 less that at c = 0: the variance of |z|.",
                Relation(absolute.subs(_theta, 0) - absolute.subs(_theta, sp.pi / 2), "=", 1 - 2 / sp.pi),
                "exact",
                witness=lambda: 2 * half_line - mean**2,
                shown=r"\sum_{k \ge 1} A_k = 1 - \frac{2}{\pi}",
            ),
            Step(
                "F is at least an eighth of the sum of A_k times the squared norm of T_k, the sum of r_i u_i^(2k) less "
                "that of e_j^(2k), where powers are tensors. Each squared norm is at least 1, so that F is at least",
                Relation(sp.Rational(1, 2) * sp.Rational(1, 2) ** 2 * (2 * half_line - mean**2), "=", bound),
                "exact",
                shown=r"F \ge \frac{1}{8} \sum_{k \ge 1} A_k |T_k|^2"
                r" \ge \frac{1}{8} \left(1 - \frac{2}{\pi}\right)",
            ),
            Step(
                "Nor does c_p grow with p: let f be the best p - 1 units and T the sum of p targets. One unit more on "
                "one target e more leaves the residual as it is.",
                Relation((f + more) - (target + more), "=", f - target),
                "exact",
                shown=r"(f + \mathrm{relu}(e \cdot x)) - (T + \mathrm{relu}(e \cdot x)) = f - T, \quad"
                r" c_{p + 1} \le c_p",
            ),
            Step(
                "On the two sides, while all outer weights are >= 0, the outputs at x_n are >= 0, and that side alone "
                "has a risk of at least",
                Relation(b**2 * half_line / 2, "=", b**2 / 4),
                "exact",
                shown=r"\frac{1}{2} b^2 \cdot \frac{1}{2} = \frac{b^2}{4}",
            ),
            Step(
                "the valley's floor. Where the first outer weight vanishes on the way to a negative one, the first "
                "side adds a^2 c_p:",
                Relation(b**2 * half_line / 2 + a**2 * (2 * half_line - mean**2) / 8, "=", b**2 / 4 + a**2 * bound),
                "exact",
                shown=r"\frac{b^2}{4} + a^2 c_p \ge \frac{b^2}{4} + \frac{a^2}{8} \left(1 - \frac{2}{\pi}\right)",
            ),
        ),
        Domain(a=(0, sp.oo), b=(0, sp.oo)),
        parts={
            "valley": sp.Eq(sp.Symbol("valley"), b**2 / 4),
            "wall": sp.Eq(sp.Symbol("wall_least"), b**2 / 4 + a**2 * bound),
        },
        titles={
            "valley": "loss of the valley",
            "wall": "bound on the wall",
        },
        assumptions=("population risk, inputs of the standard normal law; no biases; on the two sides b > a > 0",),
        theorems=(_rank_theorem(),),
        source="Venturi, Bandeira and Bruna (2019), arXiv:1802.06384; Safran and Shamir (2018), arXiv:1712.08968",
        shown={
            "result": r"c_p \ge \frac{1}{8} \left(1 - \frac{2}{\pi}\right)",
            "valley": r"\frac{b^2}{4}",
            "wall": r"\mathrm{wall} \ge \frac{b^2}{4} + \frac{a^2}{8} \left(1 - \frac{2}{\pi}\right)",
        },
    )


def _rank_theorem() -> Theorem:
    """Each tensor of order 2k is at least 1 from the teacher's, for lack of rank."""
    u, v = (sp.Matrix(sp.symbols(f"{name}_1:3", real=True)) for name in ("u", "v"))
    square_u, square_v = (sp.kronecker_product(vector, vector) for vector in (u, v))
    product = ((square_u * square_u.T) * (square_v * square_v.T)).trace()
    powers = sp.Matrix.hstack(*(sp.kronecker_product(sp.eye(3)[:, j], sp.eye(3)[:, j]) for j in range(3)))
    return Theorem(
        "The theorem of Eckart and Young",
        "A matrix with $p$ singular values 1 has at least the distance 1, in the norm of all entries, from every "
        "matrix of rank below $p$.",
        "Horn and Johnson, Matrix Analysis, section 7.4",
        (
            Step(
                "The power 2k of a product of vectors is the product of their k-fold tensor powers' matrices, of rank "
                "1 (here k = 2 in two dimensions),",
                Relation(sp.expand(product), "=", sp.expand((u.T * v)[0] ** 4)),
                "exact",
                shown=r"(u \cdot v)^{2k} = \left\langle u^{\otimes k} (u^{\otimes k})^{T},"
                r" v^{\otimes k} (v^{\otimes k})^{T} \right\rangle",
            ),
            Step(
                "and powers of orthonormal vectors are orthonormal (here three, k = 2), so that those of p of them add "
                "up to a projection of rank p.",
                Relation(powers.T * powers, "=", sp.eye(3)),
                "exact",
                shown=r"e_i^{\otimes k} \cdot e_j^{\otimes k} = (e_i \cdot e_j)^k = \delta_{ij}",
            ),
        ),
    )


def _kernel(theta: sp.Expr) -> sp.Expr:
    return (sp.sin(theta) + (sp.pi - theta) * sp.cos(theta)) / (2 * sp.pi)


def _mean_of_absolute_values(theta: Fraction) -> mpmath.mpf:
    """By quadrature over the direction of x in the plane of the two vectors; the mean of its squared length is 2."""
    with mpmath.workdps(45):
        angle = mpmath.mpf(theta.numerator) / theta.denominator
        kinks = sorted([0, mpmath.pi / 2, (angle + mpmath.pi / 2) % mpmath.pi, mpmath.pi])
        return 2 * mpmath.quad(lambda a: abs(mpmath.cos(a) * mpmath.cos(a - angle)), kinks) / mpmath.pi
