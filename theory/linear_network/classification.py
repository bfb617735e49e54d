r"""Which critical points a linear network with one hidden layer has, for generic data.

Conventions: outputs W2 W1 X with the m samples in the columns of X, the loss L is the sum of squared residuals over 2m.
R is the symmetric root of Sxx = XX'/m. With A = W1 R (n1 x n0), B = W2 (n2 x n1) and D = (1/m) Y X' R^-1 (n2 x n0)
the loss is |B A - D|^2/2 and a constant; orthogonal changes of inputs and outputs make D zero off its diagonal, where
it holds the singular values s_1 > ... > s_p > 0, p = min(n0, n2). C = B A is the map that the network computes.
"""

from functools import cache
from typing import Any

import sympy as sp

from theory.derivation import Derivation, Step
from theory.domain import Domain
from theory.linear_network.exact_critical_point import ExactCriticalPoint
from theory.proof import Relation
from theory.symbols import epsilon

__all__ = ["linear_critical_sets"]

_a, _at, _b, _bt, _c, _ct, _d, _dt = sp.symbols("A A^T B B^T C C^T D D^T", commutative=False)
_SOURCE = "Baldi and Hornik (1989), Neural networks and principal component analysis; derived here for any widths"


@cache
def linear_critical_sets() -> Derivation:
    r"""Derive that the critical sets are the sets of at most min(n1, p) singular directions, and their energies.

    .. math:: W_2 W_1 = \sum_{i \in I} s_i u_i v_i^T R^{-1}, \qquad |I| = r \le \min(n_1, p), \qquad
              \epsilon_I = \frac{\operatorname{tr} YY'/m - \sum_{i \in I} s_i^2}{2 n_2}

    Returns:
        A derivation; the value is the dimension of a critical set, n1^2 - (n1 - r)^2 + (n1 - r) k with k = |n0 - n2|.

    Examples:
        >>> linear_critical_sets().at(n1=3, r=1, k=2)
        9
    """
    hidden, rank, extra = sp.symbols("n1 r k", nonnegative=True)
    move_a, move_b, t = sp.Symbol("dA", commutative=False), sp.Symbol("dB", commutative=False), sp.Symbol("t")
    root, loose, loose_t = sp.symbols("R W W^T", commutative=False)
    residual, transposed = _c - _d, _ct - _dt
    obstruction = (
        _c * (_ct * residual) - _d * (transposed * _c) - (residual * _ct) * _c + (_c * transposed) * _d
    ).expand()
    s1, s2, c, s = sp.symbols("s_1 s_2 c s", positive=True)
    wide = sp.Matrix([[s1, 0], [0, s2], [0, 0]])
    entries = sp.Matrix(3, 2, sp.symbols("c_11 c_12 c_21 c_22 c_31 c_32", real=True))
    commuted = (wide * wide.T * entries - entries * wide.T * wide).applyfunc(sp.expand)
    squares = (s1**2, s2**2, sp.Integer(0))
    power, fitted, outputs = sp.symbols("T S n2", positive=True)
    energy = (power - fitted) / (2 * outputs)
    dimension = hidden**2 - (hidden - rank) ** 2 + (hidden - rank) * extra
    points = ExactCriticalPoint.collection()
    return Derivation(
        "The critical sets of a linear network are the subsets of its singular directions",
        sp.Eq(sp.Symbol("dimension"), dimension),
        (
            Step(
                "In A = W1 R the loss over all maps W = W2 W1 is measured by the map itself.",
                Relation(
                    (loose - _d * root**-1) * root * root * (loose_t - root**-1 * _dt),
                    "=",
                    (loose * root - _d) * (root * loose_t - _dt),
                ),
                "exact",
                shown=r"(W - D R^{-1}) S_{xx} (W - D R^{-1})^{T} = (W R - D)(W R - D)^{T}, \quad S_{xx} = R^2",
            ),
            Step(
                "Move A and B: to first order B A - D moves by dB A + B dA. So the gradient is E A' by B and B' E by "
                "A, where E = B A - D.",
                Relation(
                    sp.expand((_b + t * move_b) * (_a + t * move_a)).coeff(t, 1),
                    "=",
                    move_b * _a + _b * move_a,
                ),
                "exact",
                shown=r"\frac{d}{dt} (B + t \, dB)(A + t \, dA) = dB \, A + B \, dA",
            ),
            Step(
                "At a critical point E A' = 0 and B' E = 0, so that E C' and C' E vanish, with their transposes. Then "
                "D D' and D' D are exchanged by C: the difference is a combination of these four.",
                Relation(_d * _dt * _c - _c * _dt * _d, "=", obstruction),
                "exact",
                shown=r"D D^{T} C - C D^{T} D = C (C^{T} E) - D (E^{T} C) - (E C^{T}) C + (C E^{T}) D = 0",
            ),
            Step(
                "Entry by entry, here 3 x 2: a number times each entry of C, not 0 off the diagonal because the "
                "squares of singular values are distinct and at most one of two different places is beyond p.",
                Relation(
                    commuted,
                    "=",
                    sp.Matrix(3, 2, lambda i, j: sp.expand((squares[i] - squares[j]) * entries[i, j])),
                ),
                "exact",
                shown=r"(s_i^2 - s_j^2) \, C_{ij} = 0 \quad \Rightarrow \quad C_{ij} = 0 \quad (i \neq j)",
            ),
            Step(
                "On the diagonal C' E = 0 reads c (c - s) = 0: each direction is fitted or left out, at most n1 are "
                "fitted.",
                Relation(c**2 - s * c, "=", c * (c - s)),
                "exact",
                shown=r"c_i^2 - s_i c_i = c_i (c_i - s_i) = 0",
            ),
            Step(
                "Left out, a direction costs half the square of its singular value: the loss of the set.",
                Relation(_half_square(wide - sp.diag(s1, 0, 0)[:, :2]), "=", (s1**2 + s2**2) / 2 - s1**2 / 2),
                "exact",
                shown=r"L_I = \frac{1}{2} \sum_{i \notin I} s_i^2 + \mathrm{const}"
                r" = \frac{1}{2} \left(\mathrm{tr}\, \frac{Y Y^{T}}{m} - \sum_{i \in I} s_i^2\right)",
            ),
            Step(
                "Divided by the n2 outputs, with T the mean square tr YY'/m of the targets and S the sum of the s_i^2 "
                "that are fitted.",
                Relation((power / 2 - fitted / 2) / outputs, "=", energy),
                "exact",
            ),
            Step(
                "The factors of C: B' E = 0 and E A' = 0 say that the rows of B and the columns of A that belong to "
                "directions left out vanish. B has r rows of n1 entries for I, A r columns with B A = C on I, and the "
                "k further rows of B (or columns of A) are orthogonal to these r columns. Count the free entries.",
                Relation(rank * hidden + (hidden * rank - rank**2) + extra * (hidden - rank), "=", dimension),
                "exact",
                shown=r"r n_1 + (n_1 - r) r + k (n_1 - r) = n_1^2 - (n_1 - r)^2 + (n_1 - r) k",
            ),
            Step(
                f"Exact instances: at {len(points)} points, every subset of {len(ExactCriticalPoint.SHAPES)} shapes, "
                "the gradient is 0",
                Relation(
                    sp.Tuple(*(sum(g**2 for g in point.gradient()) for point in points)),
                    "=",
                    sp.Tuple(*[0] * len(points)),
                ),
                "exact",
                shown=r"B^{T} E = 0, \quad E A^{T} = 0",
            ),
            Step(
                "and the loss, a sum of squared residuals, is the one derived.",
                Relation(
                    sp.Tuple(*(point.loss() for point in points)),
                    "=",
                    sp.Tuple(*(point.predicted_loss() for point in points)),
                ),
                "exact",
                shown=r"\frac{1}{2m} |W_2 W_1 X - Y|^2 = \frac{1}{2}"
                r" \left(\mathrm{tr}\, \frac{Y Y^{T}}{m} - \sum_{i \in I} s_i^2\right)",
            ),
        ),
        Domain(n1=(0, sp.oo), r=(-1, sp.oo), k=(-1, sp.oo), T=(0, sp.oo), S=(0, sp.oo), n2=(0, sp.oo))
        .with_integers("n1", "r", "k", "n2")
        .where(rank <= hidden, fitted <= power),
        parts={"energy": sp.Eq(epsilon, energy)},
        titles={
            "energy": "energy of the set",
        },
        assumptions=(
            "generic data: X has full row rank, the p singular values are distinct and not 0",
            "no biases; without weight decay",
        ),
        source=_SOURCE,
        shown={"result": r"\mathrm{dimension} = n_1^2 - (n_1 - r)^2 + (n_1 - r) k"},
    )


def _half_square(matrix: Any) -> sp.Expr:
    return sp.expand((matrix.T * matrix).trace() / 2)
