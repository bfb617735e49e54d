r"""Sharpness of a quadratic minimum over a random subspace: how much of the largest curvature it still sees.

Conventions: H is positive semidefinite, n x n, with the largest eigenvalue lambda_1 and the trace t. Q is n x k with
orthonormal columns, uniform among these (Haar). The mean over Q of the sharpness over the ball of radius epsilon in the
subspace is epsilon^2/(2(1 + L)) times

.. math:: E_k = E \lambda_{\max}(Q^T H Q)
"""

from functools import cache
from itertools import permutations, product
from typing import Any

import numpy as np
import sympy as sp

from theory.derivation import Derivation, Step, Theorem
from theory.domain import Domain
from theory.proof import Relation
from theory.real_arrays import positive_integer, symmetric_matrix

__all__ = ["subspace_curvature", "subspace_curvature_range"]

_n, _k, _trace, _largest = sp.symbols("n k t lambda_1", positive=True)
_NEGATIVE = 1e-9
_DOMAIN = Domain(n=(0, sp.oo), k=(0, sp.oo), t=(0, sp.oo), lambda_1=(0, sp.oo)).with_integers("n", "k").where(_k <= _n)


@cache
def subspace_curvature() -> Derivation:
    r"""Derive what a random subspace sees of the curvature: between the mean of all curvatures and the largest one.

    .. math:: \max\Bigl(\frac{t}{n}, \frac{k}{n} \lambda_1\Bigr) \le E_k \le \min\Bigl(\lambda_1, \frac{k}{n} t\Bigr),
              \qquad E_1 = \frac{t}{n}, \quad E_n = \lambda_1

    The bounds meet for k = 1, for k = n and where H has rank one; E_k grows with k.

    Returns:
        A derivation; the value is E_1. The parts are "lower" and "upper", k lambda_1/n and k t/n, and "orbit", E_1
        along a rescaling by alpha of one layer of two with the traces t_1 and t_2: it is not invariant either.

    Examples:
        >>> subspace_curvature().at(t=12, n=4)
        3
    """
    alpha, bound, first, second = sp.symbols("alpha M t_1 t_2", positive=True)
    matrix = _symmetric()
    u = sp.Matrix(sp.symbols("u_1:4", real=True))
    rotation = _rotation()
    frame = rotation[:, :2]
    gram = frame.T[:, :1]  # Q'v for v the first axis
    along = frame * gram
    weight = sp.Symbol("w", positive=True)
    moment = _beta_mean(sp.Rational(1, 2), (_n - 1) / 2)
    share = _beta_mean(_k / 2, (_n - _k) / 2)
    orbit = (first / alpha**2 + second * alpha**2) / _n
    c1, c2, c3 = sp.symbols("c_1 c_2 c_3", real=True)
    l2, l3 = sp.symbols("l_2 l_3", nonnegative=True)
    return Derivation(
        "A random subspace sees between the mean and the largest of the curvatures",
        sp.Eq(sp.Symbol("E_1"), _trace / _n),
        (
            Step(
                "One direction u, averaged over signs and permutations of its components (three weights), as the "
                "uniform law is: only the trace is left.",
                Relation(_averaged(matrix, u), "=", matrix.trace() * (u.T * u)[0] / 3),
                "exact",
                shown=r"E u_i u_j = \frac{1}{n} \delta_{ij} \quad \Rightarrow \quad E u^{T} H u ="
                r" \frac{1}{n} \mathrm{tr} H",
            ),
            Step(
                "For any n: the squares of the n components have equal means and the sum 1.",
                Relation(_trace * sp.solve(_n * weight - 1, weight)[0], "=", _trace / _n),
                "exact",
                lambda: _trace * moment,  # the square of a component has the law Beta(1/2, (n - 1)/2)
                shown=r"E_1 = \frac{1}{n} \mathrm{tr} H",
            ),
            Step(
                "A fixed unit vector v and the k columns of Q: the mean squares add up.",
                Relation(sp.Sum(1 / _n, (sp.Symbol("j", integer=True), 1, _k)).doit(), "=", _k / _n),
                "exact",
                lambda: share,  # |Q'v|^2 has the law Beta(k/2, (n - k)/2)
                shown=r"E |Q^{T} v|^2 = \sum_{j=1}^{k} \frac{1}{n} = \frac{k}{n}",
            ),
            Step(
                "From below: the unit vector y along Q Q'v, for every rotation of space and k = 2, has (v y)^2 = "
                "|Q'v|^2,",
                Relation(along[0] ** 2 / (along.T * along)[0], "=", (gram.T * gram)[0]),
                "exact",
                shown=r"(v \cdot y)^2 = |Q^{T} v|^2, \quad y = \frac{Q Q^{T} v}{|Q^{T} v|}",
            ),
            Step(
                "and a positive semidefinite H has along y at least its part of lambda_1, with v = v_1:",
                Relation(_largest * c1**2 + l2 * c2**2 + l3 * c3**2 - _largest * c1**2, "=", l2 * c2**2 + l3 * c3**2),
                "exact",
                shown=r"y^{T} H y - \lambda_1 (v_1 \cdot y)^2 = \sum_{i > 1} \lambda_i c_i^2 \ge 0",
            ),
            Step(
                "so that the mean is at least",
                Relation(_largest * share, "=", _k * _largest / _n),
                "exact",
                shown=r"E_k \ge \lambda_1 E |Q^{T} v_1|^2 = \frac{k}{n} \lambda_1",
            ),
            Step(
                "From above: the largest eigenvalue of Q'HQ is at most the trace, whose mean is that of k directions.",
                Relation(sp.Sum(_trace / _n, (sp.Symbol("j", integer=True), 1, _k)).doit(), "=", _k * _trace / _n),
                "exact",
                lambda: _trace * share,
                shown=r"E_k \le E \mathrm{tr} \, Q^{T} H Q = \frac{k}{n} \mathrm{tr} H",
            ),
            Step(
                "It is also at least the mean of the k eigenvalues, which is t/n for every k.",
                Relation(_k * _trace / _n / _k, "=", _trace / _n),
                "exact",
                shown=r"E_k \ge \frac{1}{k} E \mathrm{tr} \, Q^{T} H Q = \frac{1}{n} \mathrm{tr} H",
            ),
            Step(
                "The bounds meet for k = 1, for k = n (the lower one with lambda_1) and for rank one, t = lambda_1.",
                Relation(
                    sp.Tuple(
                        (_k * _trace / _n).subs(_k, 1),
                        (_k * _largest / _n).subs(_k, _n),
                        (_k * _trace / _n - _k * _largest / _n).subs(_trace, _largest),
                    ),
                    "=",
                    sp.Tuple(_trace / _n, _largest, 0),
                ),
                "exact",
                shown=r"E_1 = \frac{1}{n} \mathrm{tr} H, \quad E_n = \lambda_1, \quad"
                r" E_k = \frac{k}{n} \lambda_1 \ (\mathrm{rank} \, H = 1)",
            ),
            Step(
                "Along a rescaling of two layers the trace is not constant, and E_1 with it,",
                Relation(_moved_trace(first, second, alpha) / _n, "=", orbit),
                "exact",
                shown=r"\frac{1}{n} \mathrm{tr} \, D H D"
                r" = \frac{1}{n} \left(\frac{t_1}{\alpha^2} + t_2 \alpha^2\right)",
            ),
            Step(
                "nor is any E_k: all are at least E_1, which exceeds every M at a small alpha.",
                Relation(bound, "<", orbit.subs(alpha, sp.sqrt(first / (2 * bound * _n)))),
                "exact",
                shown=r"M < E_1 \quad \left(\alpha^2 = \frac{t_1}{2 M n}\right)",
                domain=Domain(M=(0, sp.oo), n=(0, sp.oo), t_1=(0, sp.oo), t_2=(0, sp.oo)).with_integers("n"),
            ),
        ),
        _DOMAIN,
        parts={
            "lower": sp.Eq(sp.Symbol("E_k"), _k * _largest / _n),
            "upper": sp.Eq(sp.Symbol("E_k"), _k * _trace / _n),
            "orbit": sp.Eq(sp.Symbol("E_1"), orbit),
        },
        titles={
            "lower": "lower bound on the mean",
            "upper": "upper bound on the mean",
            "orbit": "mean along the orbit",
        },
        assumptions=(
            "H is positive semidefinite and the loss is quadratic in the ball",
            "the subspace is uniform (Haar), and does not know H",
        ),
        theorems=(_interlacing(matrix, rotation),),
        source="KTH, Sharp minima can generalize, slide Open questions; derived here",
        shown={
            "result": r"E_1 = \frac{1}{n} \mathrm{tr} H",
            "lower": r"E_k \ge \frac{k}{n} \lambda_1",
            "upper": r"E_k \le \frac{k}{n} \mathrm{tr} H",
            "orbit": r"E_1 = \frac{1}{n} \left(\frac{t_1}{\alpha^2} + t_2 \alpha^2\right)",
        },
    )


def subspace_curvature_range(hessian: Any, dimension: int) -> tuple[float, float]:
    """Return bounds of the mean of the largest eigenvalue of Q'HQ over random subspaces of a given dimension.

    They meet, up to rounding, for one dimension, for all of them, and for a Hessian of rank one. Times
    epsilon^2/(2(1 + L)) they bound the mean sharpness over the ball of radius epsilon in such a subspace.

    Args:
        hessian: Symmetric and positive semidefinite (to 1e-9 of its largest eigenvalue), n x n.
        dimension: k, 1 <= k <= n.

    Returns:
        The lower and the upper bound.

    Raises:
        TypeError: If the dimension is no integer.
        ValueError: If the matrix is not symmetric, finite and positive semidefinite, or the dimension exceeds n.

    Examples:
        >>> subspace_curvature_range([[3.0, 0.0], [0.0, 1.0]], dimension=1)
        (2.0, 2.0)
    """
    matrix, dimension = symmetric_matrix("hessian", hessian), positive_integer("dimension", dimension)
    size = len(matrix)
    if dimension > size:
        raise ValueError(f"dimension must be <= the number of weights, {size}, got {dimension}.")
    values = np.linalg.eigvalsh(matrix)
    if values[0] < -_NEGATIVE * max(float(values[-1]), 0.0):
        raise ValueError(f"hessian must be positive semidefinite, got the eigenvalue {values[0]:.6g}.")
    largest, mean = float(values[-1]), float((np.diag(matrix) / size).sum())  # a sum of large entries may overflow
    lower = max(mean, largest * (dimension / size))
    return lower, max(lower, min(largest, dimension * mean))


def _symmetric() -> sp.ImmutableMatrix:
    a, b, c, d, e, f = sp.symbols("H_11 H_12 H_13 H_22 H_23 H_33", real=True)
    return sp.ImmutableMatrix([[a, b, c], [b, d, e], [c, e, f]])


def _rotation() -> sp.ImmutableMatrix:
    """A rotation of space by a quaternion (1, x, y, z): all but the half-turns, which are limits of these."""
    x, y, z = sp.symbols("x y z", real=True)
    cross = sp.Matrix([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return sp.ImmutableMatrix(sp.eye(3) + 2 * (cross + cross**2) / (1 + x**2 + y**2 + z**2))


def _averaged(matrix: sp.ImmutableMatrix, u: sp.Matrix) -> sp.Expr:
    """The mean of u'Hu over all signs and permutations of the components of u."""
    forms = []
    for order in permutations(range(3)):
        for signs in product((1, -1), repeat=3):
            moved = sp.Matrix([sign * u[place] for sign, place in zip(signs, order, strict=True)])
            forms.append(sp.expand((moved.T * matrix * moved)[0]))
    return sum(forms, sp.Integer(0)) / len(forms)


def _beta_mean(a: sp.Expr, b: sp.Expr) -> sp.Expr:
    """The mean of Beta(a, b), as a ratio of Beta functions."""
    ratio = sp.gamma(a + 1) * sp.gamma(a + b) / (sp.gamma(a) * sp.gamma(a + b + 1))
    return sp.gammasimp(ratio)


def _moved_trace(first: sp.Expr, second: sp.Expr, alpha: sp.Expr) -> sp.Expr:
    """The trace of D H D for layers of one weight and of two, D = diag(1/alpha, alpha, alpha)."""
    share, off = sp.symbols("q H_12", real=True)
    scale = sp.diag(1 / alpha, alpha, alpha)
    matrix = sp.Matrix([[first, off, off], [off, second * share, off], [off, off, second * (1 - share)]])
    return sp.expand((scale * matrix * scale).trace())


def _interlacing(matrix: sp.ImmutableMatrix, rotation: sp.ImmutableMatrix) -> Theorem:
    return Theorem(
        "Cauchy's interlacing theorem",
        "The largest eigenvalue of a principal block of a symmetric matrix is at most that of the matrix: with the "
        "first k of k + 1 uniform orthonormal columns, $E_k \\le E_{k + 1} \\le \\lambda_1$.",
        "Horn and Johnson, Matrix Analysis, theorem 4.3.17",
        (
            Step(
                "The form on two columns is a principal block of that on three, for every rotation of space.",
                Relation((rotation.T * matrix * rotation)[:2, :2], "=", rotation[:, :2].T * matrix * rotation[:, :2]),
                "exact",
                shown=r"Q_k^{T} H Q_k = \left(Q_{k + 1}^{T} H Q_{k + 1}\right)_{k \times k}",
            ),
            Step(
                "The columns are orthonormal.",
                Relation(rotation.T * rotation, "=", sp.eye(3)),
                "exact",
                shown=r"Q^{T} Q = 1",
            ),
        ),
    )
