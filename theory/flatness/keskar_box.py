r"""Sharpness of a quadratic minimum over the box of Keskar et al.: that of its best corner.

Conventions: L(theta + z) = L + z'Hz/2 at a critical point theta. The box is |z_i| <= b_i = epsilon (|theta_i| + 1),
that of Keskar et al. with their matrix A the identity, and

.. math:: S_{box} = \frac{100}{1 + L(\theta)} \max_z (L(\theta + z) - L(\theta))
"""

import math
from functools import cache
from itertools import product
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from theory.derivation import Derivation, Step
from theory.domain import Domain
from theory.proof import Relation
from theory.real_arrays import finite_result, hessian_and_point, nonnegative_number, positive_number

__all__ = ["box_sharpness", "box_sharpness_bounds", "sharpness_in_box"]

_radius = sp.Symbol("epsilon", positive=True)
_loss = sp.Symbol("L", real=True)
_MOST_WEIGHTS = 22
_MOST_CHANGES = 100  # per weight; each is a gain, so that there are few
_KESKAR = "Keskar, Mudigere, Nocedal, Smelyanskiy and Tang (2017), arXiv:1609.04836"


@cache
def box_sharpness() -> Derivation:
    r"""Derive Keskar's sharpness of a quadratic minimum: the best corner of the box.

    .. math:: S_{box} = \frac{100}{1 + L} \max_{s \in \{-1, 1\}^n} \frac12 \sum_{i, j} s_i s_j b_i b_j H_{ij}, \qquad
              b_i = \epsilon (|\theta_i| + 1)

    Returns:
        A derivation; the value is that of two weights, where the maximum is written out. The parts are "mean", the mean
        over all corners for three weights, a lower bound, and "rank one", the value for H = v v', v > 0, in three.

    Examples:
        >>> box_sharpness().at(epsilon="1/10", L=0, theta_1=1, theta_2=4, H_11=2, H_12=-1, H_22=1)
        53/2
    """
    h11, h12, h22, x1, x2 = sp.symbols("H_11 H_12 H_22 theta_1 theta_2", real=True)
    b1, b2, b3 = sp.symbols("b_1 b_2 b_3", positive=True)
    z, slope, level = sp.symbols("z g k", real=True)

    def value(first: sp.Expr, second: sp.Expr) -> sp.Expr:
        return sp.expand((h11 * first**2 + 2 * h12 * first * second + h22 * second**2) / 2)

    def line(place: sp.Expr) -> sp.Expr:
        return h11 * place**2 / 2 + slope * place + level

    half = (b1**2 * h11 + b2**2 * h22) / 2
    best = half + b1 * b2 * sp.Abs(h12)
    widths = {b1: _radius * (sp.Abs(x1) + 1), b2: _radius * (sp.Abs(x2) + 1)}
    sharpness = 100 / (1 + _loss) * best.subs(widths)
    whole = Domain(
        epsilon=(0, sp.oo),
        L=(-1, sp.oo),
        theta_1=(-sp.oo, sp.oo),
        theta_2=(-sp.oo, sp.oo),
        H_11=(-sp.oo, sp.oo),
        H_12=(-sp.oo, sp.oo),
        H_22=(-sp.oo, sp.oo),
    ).where(h11 >= 0, h22 >= 0)
    positive = Domain(b_1=(0, sp.oo), b_2=(0, sp.oo), H_12=(0, sp.oo))
    negative = Domain(b_1=(0, sp.oo), b_2=(0, sp.oo), H_12=(-sp.oo, 0))
    box = sp.Matrix([b1, b2, b3])
    cube = _symmetric()
    corners = [sp.diag(*signs) * box for signs in product((1, -1), repeat=3)]
    values = [sp.expand((corner.T * cube * corner)[0] / 2) for corner in corners]
    mean = sum((b**2 * cube[j, j] for j, b in enumerate((b1, b2, b3))), sp.Integer(0)) / 2
    v = sp.symbols("v_1:4", positive=True)
    single = (b1 * v[0] + b2 * v[1] + b3 * v[2]) ** 2 / 2
    others = [
        (s1 * b1 * v[0] + s2 * b2 * v[1] + s3 * b3 * v[2]) ** 2 / 2
        for s1, s2, s3 in product((1, -1), repeat=3)
        if len({s1, s2, s3}) == 2
    ]
    return Derivation(
        "The sharpness of a quadratic minimum over a box is that of its best corner",
        sp.Eq(sp.Symbol("S"), sharpness),
        (
            Step(
                "Along one weight the loss is a parabola. Its chord over the box lies above it where H_ii >= 0, as at "
                "a minimum: no inner place beats both ends, so that one weight after another moves to an end.",
                Relation(
                    ((b1 + z) * line(b1) + (b1 - z) * line(-b1)) / (2 * b1) - line(z), "=", h11 * (b1**2 - z**2) / 2
                ),
                "exact",
                shown=r"\frac{b + z}{2 b} f(b) + \frac{b - z}{2 b} f(-b) - f(z) = \frac{H_{ii}}{2} (b^2 - z^2)",
            ),
            Step(
                "The corners of two weights; opposite ones are equal, 2^(n - 1) are left.",
                Relation(
                    sp.Tuple(value(b1, b2), value(-b1, -b2), value(b1, -b2), value(-b1, b2)),
                    "=",
                    sp.Tuple(*(2 * [half + b1 * b2 * h12] + 2 * [half - b1 * b2 * h12])),
                ),
                "exact",
                shown=r"\frac{1}{2} \left(b_1^2 H_{11} + b_2^2 H_{22}\right) \pm b_1 b_2 H_{12}",
            ),
            Step(
                "The larger one, for H_12 > 0:",
                Relation(value(b1, b2), "=", best),
                "exact",
                shown=r"\frac{1}{2} \left(b_1^2 H_{11} + b_2^2 H_{22}\right) + b_1 b_2 |H_{12}|",
                domain=positive,
            ),
            Step(
                "it beats the other;",
                Relation(value(b1, -b2), "<", value(b1, b2)),
                "exact",
                shown=r"- b_1 b_2 H_{12} < b_1 b_2 H_{12} \quad (H_{12} > 0)",
                domain=positive,
            ),
            Step(
                "for H_12 < 0:",
                Relation(value(b1, -b2), "=", best),
                "exact",
                shown=r"\frac{1}{2} \left(b_1^2 H_{11} + b_2^2 H_{22}\right) + b_1 b_2 |H_{12}|",
                domain=negative,
            ),
            Step(
                "it beats the other.",
                Relation(value(b1, b2), "<", value(b1, -b2)),
                "exact",
                shown=r"b_1 b_2 H_{12} < - b_1 b_2 H_{12} \quad (H_{12} < 0)",
                domain=negative,
            ),
            Step(
                "With the sizes of Keskar's box, times 100, over 1 + L.",
                Relation(100 * ((_loss + best.subs(widths)) - _loss) / (1 + _loss), "=", sharpness),
                "exact",
                shown=r"S_{box} = \frac{100}{1 + L} \left(\frac{1}{2} \left(b_1^2 H_{11} + b_2^2 H_{22}\right)"
                r" + b_1 b_2 |H_{12}|\right), \quad b_i = \epsilon (|\theta_i| + 1)",
            ),
            Step(
                "The mean over all corners (three weights, eight corners) is a trace: the best one is at least that.",
                Relation(sum(values, sp.Integer(0)) / len(values), "=", mean),
                "exact",
                shown=r"\frac{1}{2^n} \sum_s \frac{1}{2} \sum_{i, j} s_i s_j b_i b_j H_{ij}"
                r" = \frac{1}{2} \sum_i b_i^2 H_{ii}",
            ),
            Step(
                "With rank one, H = v v' and v > 0 (three weights), the corner of equal signs:",
                Relation(values[0].subs(_rank_one(cube, v)), "=", single),
                "exact",
                shown=r"\frac{1}{2} \sum_{i, j} b_i b_j v_i v_j = \frac{1}{2} \left(\sum_i b_i v_i\right)^2",
            ),
            Step(
                "it beats the six others.",
                Relation(sp.Tuple(*others), "<", sp.Tuple(*(single for _ in others))),
                "exact",
                shown=r"\left(\sum_i s_i b_i v_i\right)^2 < \left(\sum_i b_i v_i\right)^2",
            ),
        ),
        whole,
        parts={"mean": sp.Eq(sp.Symbol("Delta L"), mean), "rank one": sp.Eq(sp.Symbol("Delta L"), single)},
        titles={
            "mean": "mean over all corners, a lower bound",
            "rank one": "sharpness at rank one",
        },
        assumptions=(
            "theta is a critical point with H_ii >= 0, as every minimum is",
            "the loss is quadratic in the box",
        ),
        source=f"{_KESKAR}, metric 2.1",
        shown={
            "result": r"S_{box} = \frac{100}{1 + L} \left(\frac{1}{2} \left(b_1^2 H_{11} + b_2^2 H_{22}\right)"
            r" + b_1 b_2 |H_{12}|\right), \quad b_i = \epsilon (|\theta_i| + 1)",
            "mean": r"\frac{1}{2} \sum_i b_i^2 H_{ii}",
            "rank one": r"\frac{1}{2} \left(\sum_i b_i v_i\right)^2",
        },
    )


def sharpness_in_box(hessian: Any, weights: Any, epsilon: float, *, loss: float = 0.0) -> float:
    """Return Keskar's sharpness of a quadratic critical point, exactly: the best of all corners.

    Args:
        hessian: Symmetric, n x n, n <= 22, without negative entries on its diagonal.
        weights: The critical point, n numbers.
        epsilon: Half-width of the box per weight of size 0, > 0.
        loss: The loss there, >= 0.

    Returns:
        A float; 2^(n - 1) corners are tried, 2^11 of them at a time.

    Raises:
        TypeError: If a number is none.
        ValueError: If shapes do not fit, something or the sharpness is not finite, a diagonal entry is negative, or
            n > 22.

    Examples:
        >>> sharpness_in_box([[2.0, -1.0], [-1.0, 1.0]], [1.0, 4.0], epsilon=1.0)
        2650.0
    """
    form, scale = _box_form(hessian, weights, epsilon, loss)
    size = len(form)
    if size > _MOST_WEIGHTS:
        raise ValueError(
            f"weights must be at most {_MOST_WEIGHTS}, because every corner is tried, got {size}; "
            "box_sharpness_bounds takes any number."
        )
    tail = min(size - 1, 11)
    signs = np.array(list(product((1.0, -1.0), repeat=tail))).reshape(2**tail, tail)
    best = 0.0
    for start in product((1.0, -1.0), repeat=size - 1 - tail):
        corners = np.hstack([np.ones((len(signs), 1)), np.tile(start, (len(signs), 1)), signs])
        best = max(best, float(((corners @ form) * corners).sum(axis=1).max()))
    return finite_result("the sharpness", scale * best if best else 0.0, epsilon=epsilon)


def box_sharpness_bounds(hessian: Any, weights: Any, epsilon: float, *, loss: float = 0.0) -> tuple[float, float]:
    """Return a lower and an upper bound of Keskar's sharpness of a quadratic critical point, for any number of weights.

    The lower one is a corner that no single change of sign improves (after at most 100 n changes), found from the signs
    of the first eigenvector of M_ij = b_i b_j H_ij, or the mean over corners if that is more; the upper one is the less
    of the sum of |M_ij| and n times the largest eigenvalue of M.

    Args:
        hessian: Symmetric, n x n, without negative entries on its diagonal.
        weights: The critical point, n numbers.
        epsilon: Half-width of the box per weight of size 0, > 0.
        loss: The loss there, >= 0.

    Raises:
        TypeError: If a number is none.
        ValueError: If shapes do not fit, something or a bound is not finite, or a diagonal entry is negative.

    Examples:
        >>> box_sharpness_bounds([[2.0, -1.0], [-1.0, 1.0]], [1.0, 4.0], epsilon=1.0)
        (2650.0, 2650.0)
    """
    form, scale = _box_form(hessian, weights, epsilon, loss)
    values, vectors = np.linalg.eigh(form)
    corner = np.where(vectors[:, -1] >= 0, 1.0, -1.0)
    for _ in range(_MOST_CHANGES * len(form)):
        gains = -4 * (corner * (form @ corner) - np.diag(form))
        place = int(gains.argmax())
        if gains[place] <= 1e-12 * float(abs(form).sum()):
            break
        corner[place] = -corner[place]
    lower = max(float(corner @ form @ corner), float(np.trace(form)))
    upper = min(float(abs(form).sum()), len(form) * max(float(values[-1]), 0.0))
    least, most = (scale * value if value else 0.0 for value in (lower, max(upper, lower)))
    return finite_result("the lower bound", least, epsilon=epsilon), finite_result("the bound", most, epsilon=epsilon)


def _box_form(hessian: Any, weights: Any, epsilon: float, loss: float) -> tuple[NDArray[np.float64], float]:
    """The matrix b_i b_j H_ij over epsilon^2 and a power of 2, and what a corner's form is multiplied by."""
    matrix, place = hessian_and_point(hessian, weights)
    if (least := float(np.diag(matrix).min())) < 0:
        raise ValueError(f"hessian must have no negative entry on its diagonal, as at a minimum, got {least:g}.")
    widths = abs(place) + 1
    epsilon = positive_number("epsilon", epsilon)
    with np.errstate(over="ignore", invalid="ignore"):
        form = np.outer(widths, widths) * matrix
    largest = finite_result("(|weights| + 1)^2 times hessian", float(abs(form).max()), weights=float(widths.max() - 1))
    unit = 2.0 ** min(math.frexp(largest)[1], 1023)
    return form / unit, 50 * epsilon / (1 + nonnegative_number("loss", loss)) * epsilon * unit


def _symmetric() -> sp.ImmutableMatrix:
    a, b, c, d, e, f = sp.symbols("H_11 H_12 H_13 H_22 H_23 H_33", real=True)
    return sp.ImmutableMatrix([[a, b, c], [b, d, e], [c, e, f]])


def _rank_one(matrix: sp.ImmutableMatrix, v: tuple[sp.Symbol, ...]) -> dict[sp.Expr, sp.Expr]:
    return {matrix[i, j]: v[i] * v[j] for i in range(3) for j in range(i, 3)}
