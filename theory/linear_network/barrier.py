r"""The barrier between the two sheets of minimisers of a linear network whose hidden layer is no wider than needed.

Conventions: those of `classification`: the loss is |B A - D|^2/2 and a constant, B is n2 x n1, A is n1 x n0, D is zero
off its diagonal s_1 > ... > s_p > 0; here n1 <= p = min(n0, n2), s = s_n1 is the last singular value that the
minimisers fit and t = s_(n1+1) the first that they do not, t = 0 if n1 = p. The barrier is in units of the loss L; in
energies epsilon = L/n2 divide by n2.
"""

from functools import cache

import sympy as sp

from theory.derivation import Derivation, Step, Theorem
from theory.domain import Domain
from theory.linear_network.exact_critical_point import ExactCriticalPoint
from theory.proof import Relation

__all__ = ["minimiser_barrier"]

_s, _t, _gap, _angle = sp.symbols("s t delta tau", positive=True)
_MIRSKY = "Horn and Johnson, Matrix Analysis, section 7.4.2"
_PASSES = (((2, 1, 2), (1,)), ((3, 2, 3), (0, 2)), ((2, 2, 3), (0,)), ((2, 2, 2), (0,)))  # shapes, directions


@cache
def minimiser_barrier() -> Derivation:
    r"""Derive how far the loss must rise on any path between the two sheets of global minimisers.

    .. math:: \min_{\text{paths}} \max_{\text{path}} L = L_{\min} + \frac{s_{n_1}^2 - s_{n_1 + 1}^2}{2},
              \qquad n_1 \le p, \quad s_{p+1} := 0

    The sheets are told apart by the sign of a determinant; the way over leads through the critical set, of index 1, in
    which the last direction that is fitted is exchanged with the next one.

    Returns:
        A derivation; the value is the barrier in s > t > 0, the part "no further direction" is it for
        t = 0, n1 = p.

    Examples:
        >>> minimiser_barrier().at(s=3, t=1)
        4
    """
    entries = sp.symbols("b_11 b_12 b_21 b_22 g_11 g_12 g_21 g_22", real=True)
    block, gauge = sp.Matrix(2, 2, entries[:4]), sp.Matrix(2, 2, entries[4:])
    barrier = (_s**2 - _t**2) / 2
    # a rational angle: cosine (1 - tau^2)/(1 + tau^2), sine 2 tau/(1 + tau^2)
    cosine, sine = (1 - _angle**2) / (1 + _angle**2), 2 * _angle / (1 + _angle**2)
    first, other = sp.symbols("s_1 x", positive=True)
    diagonal = sp.diag(first**2, _s**2)
    normal, along = sp.Matrix([cosine, sine]), sp.Matrix([-sine, cosine])
    diagonal_root = sp.diag(first, _s)
    map_ = along * sp.Matrix([sp.symbols("c_1 c_2", real=True)])
    width, weight, value = sp.Symbol("n1", positive=True, integer=True), sp.Function("w"), sp.Function("lambda")
    i = sp.Symbol("i", integer=True, positive=True)
    over = (i, 1, width)
    passes = [
        ExactCriticalPoint.sample(*shape, chosen=chosen, seed=seed) for seed, (shape, chosen) in enumerate(_PASSES)
    ]
    eckart_young = Theorem(
        "The Eckart-Young theorem",
        "Among matrices of rank at most $r$ the least squared distance to $M$ is the sum of the squares of its "
        "singular values beyond the first $r$.",
        _MIRSKY,
        (
            Step(
                "The rank of a product of an n2 x n1 and an n1 x n0 matrix is at most n1: its 2 x 2 minors vanish at "
                "n1 = 1.",
                Relation(
                    (sp.Matrix(2, 1, entries[:2]) * sp.Matrix(1, 2, entries[2:4])).det(),
                    "=",
                    0,
                ),
                "exact",
                shown=r"\det (b a^{T}) = 0",
            ),
        ),
    )
    components = Theorem(
        "The components of GL(n, R)",
        "The invertible real matrices have two connected components, told apart by the sign of the determinant.",
        "Warner, Foundations of Differentiable Manifolds and Lie Groups, theorem 3.68",
        (
            Step(
                "Minimisers differ by an invertible change of basis g of the hidden layer, under which the determinant "
                "of the first n1 rows of B is multiplied by that of g (n1 = 2).",
                Relation(sp.expand((block * gauge).det()), "=", sp.expand(block.det() * gauge.det())),
                "exact",
                shown=r"\det (B_1 g) = \det B_1 \det g",
            ),
        ),
    )
    return Derivation(
        "The barrier between the two sheets of minimisers of a linear network",
        sp.Eq(sp.Symbol("barrier"), barrier),
        (
            Step(
                "The minimisers fit the first n1 directions, so their set is one orbit of GL(n1), of dimension n1^2.",
                Relation((width**2 - (width - i) ** 2).subs(i, width), "=", width**2),
                "exact",
                shown=r"\left[n_1^2 - (n_1 - r)^2 + (n_1 - r) k\right]_{r = n_1} = n_1^2",
            ),
            Step(
                "On a path from one sheet to the other the determinant of the first n1 rows of B changes its sign, "
                "and there is a unit vector v in the space of the first n1 outputs with v' B = 0, so v' C = 0. The "
                "loss splits (here 2 x 2, v = (cos, sin)).",
                Relation(
                    _squares(map_ - diagonal_root),
                    "=",
                    _squares(normal.T * diagonal_root)
                    + _squares((sp.eye(2) - normal * normal.T) * (map_ - diagonal_root)),
                ),
                "exact",
                shown=r"|C - D|^2 = |v^{T} D|^2 + |(1 - v v^{T})(C - D)|^2",
            ),
            Step(
                "By Eckart-Young the second part is at least |(1 - vv') D|^2 less the n1 largest eigenvalues of D D' "
                "compressed to the complement of v. Here n1 = 2 with v = (cos, sin): within the first two directions "
                "the compression has one eigenvalue, and the next one is t^2.",
                Relation((along.T * diagonal * along)[0], "=", first**2 + _s**2 - (normal.T * diagonal * normal)[0]),
                "exact",
                shown=r"\mathrm{tr}\, (1 - v v^{T}) \Lambda (1 - v v^{T}) = \mathrm{tr} \Lambda - v^{T} \Lambda v,"
                r" \quad \Lambda = \mathrm{diag}(s_1^2, \ldots, s_{n_1}^2)",
            ),
            Step(
                "For any n1, with w_i = v_i^2, the n1 - 1 eigenvalues of the compression sum up to tr Lambda - v' "
                "Lambda v.",
                Relation(
                    sp.Sum(value(i), over) - sp.Sum(weight(i) * value(i), over),
                    "=",
                    sp.Sum((1 - weight(i)) * value(i), over),
                ),
                "exact",
                shown=r"\sum_i s_i^2 - \sum_i w_i s_i^2 = \sum_i (1 - w_i) s_i^2",
            ),
            Step(
                "So 2 (L - L_min) >= v' Lambda v - t^2 and v' Lambda v >= s^2: an average of squares, none below s^2.",
                Relation(
                    sp.Sum(weight(i) * value(i), over) - _s**2 * sp.Sum(weight(i), over),
                    "=",
                    sp.Sum(weight(i) * (value(i) - _s**2), over),
                ),
                "exact",
                shown=r"\sum_i w_i s_i^2 - s^2 = \sum_i w_i (s_i^2 - s^2) \ge 0",
            ),
            Step(
                "The eigenvalues of the compression are at least s^2 and s^2 is larger than t^2, s = t + delta, so "
                "that the n1 largest are those and t^2.",
                Relation(0, "<", (_t + _gap) ** 2 - _t**2),
                "exact",
            ),
            Step(
                "A path attains it, if there is a further direction: turn the last fitted one towards it, by half a "
                "circle. With the best A the loss rises by (s^2 - t^2) sin^2/2.",
                Relation(_turned(cosine, sine) - _turned(sp.Integer(1), sp.Integer(0)), "=", barrier * sine**2),
                "exact",
                shown=r"\frac{1}{2} |b b^{T} D - D|^2 = L_{\min} + \frac{s^2 - t^2}{2} \sin^2 \theta,"
                r" \quad b = (\cos \theta, \sin \theta)",
            ),
            Step(
                "If there is none (t = 0), shrink the unit through 0 to its negative: with factors x and s x, -1 < x "
                "< 1,",
                Relation((_s - other * _s * other) ** 2 / 2, "=", _s**2 / 2 * (1 - other**2) ** 2),
                "exact",
                shown=r"\frac{1}{2} (s - x \cdot s x)^2 = \frac{s^2}{2} (1 - x^2)^2",
            ),
            Step(
                "whose top, at x = 0, is the same formula.",
                Relation((_s**2 / 2 * (1 - other**2) ** 2).subs(other, 0), "=", _s**2 / 2),
                "exact",
                shown=r"\frac{s^2}{2} = \left[\frac{s^2 - t^2}{2}\right]_{t = 0}",
            ),
            Step(
                "The top of the path is the critical set with direction n1 + 1 in place of n1. Its loss less the "
                "least one:",
                Relation((first**2 - _t**2) / 2 - (first**2 - _s**2) / 2, "=", barrier),
                "exact",
                shown=r"\frac{s_1^2 - t^2}{2} - \frac{s_1^2 - s^2}{2} = \frac{s^2 - t^2}{2}",
            ),
            Step(
                "Exact instances (1 of 2, 2 of 3, and 2 of 2 directions twice): that set has index 1",
                Relation(sp.Tuple(*(point.inertia().below for point in passes)), "=", sp.Tuple(*[1] * len(passes))),
                "exact",
                shown=r"\mathrm{index} = 1",
            ),
            Step(
                "and lies above least squares of rank n1, by residuals, as derived.",
                Relation(
                    sp.Tuple(*(point.loss() - _least(point, seed) for seed, point in enumerate(passes))),
                    "=",
                    sp.Tuple(*(_predicted(point) for point in passes)),
                ),
                "exact",
                shown=r"L - L_{\min} = \frac{s_{n_1}^2 - s_{n_1 + 1}^2}{2}",
            ),
        ),
        Domain(t=(0, sp.oo), delta=(0, sp.oo), s=(0, sp.oo), tau=(0, sp.oo)).where(_t < _s),
        parts={"no further direction": sp.Eq(sp.Symbol("barrier"), _s**2 / 2)},
        titles={
            "no further direction": "barrier without a further direction",
        },
        assumptions=(
            "generic data: X has full row rank, the p singular values are distinct and not 0",
            "n1 <= p; a wider hidden layer has connected minimisers",
            "no biases; without weight decay",
        ),
        theorems=(components, eckart_young),
        source="Baldi and Hornik (1989) for the minimisers; the barrier is derived here",
        shown={"result": r"\mathrm{barrier} = \frac{s_{n_1}^2 - s_{n_1 + 1}^2}{2}"},
    )


def _turned(cosine: sp.Expr, sine: sp.Expr) -> sp.Expr:
    """Half of |b b' D - D|^2 for D = diag(s, t)."""
    target, unit = sp.diag(_s, _t), sp.Matrix([cosine, sine])
    return _squares(unit * unit.T * target - target) / 2


def _squares(matrix: sp.MatrixBase) -> sp.Expr:
    return sum((entry**2 for entry in matrix), sp.Integer(0))


def _least(point: ExactCriticalPoint, seed: int) -> sp.Expr:
    """The least loss on the data of a point, from the residuals of a minimiser."""
    return ExactCriticalPoint.sample(*point.sizes, chosen=tuple(range(point.sizes[1])), seed=seed).loss()


def _predicted(point: ExactCriticalPoint) -> sp.Expr:
    hidden, values = point.sizes[1], (*point.values, 0)
    return sp.Rational(values[hidden - 1] ** 2 - values[hidden] ** 2, 2 * point.network.samples)
