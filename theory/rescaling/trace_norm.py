"""The trace norm of a Hessian is the sum of its eigenvalues only where none is negative.

Conventions: the trace norm is the sum of the absolute values of the eigenvalues, the trace their sum. An eigenvalue is
p - q with p its positive and q its negative part, one of which is 0.
"""

from functools import cache

import sympy as sp

from theory.derivation import Derivation, Step
from theory.domain import Domain
from theory.proof import Relation
from theory.rescaling.block_matrix import exact_eigenvalue_count

__all__ = ["trace_norm_surplus"]


@cache
def trace_norm_surplus() -> Derivation:
    r"""Derive by how much the trace norm exceeds the trace: twice the sum of the negative parts.

    .. math:: \sum_i |\lambda_i| - \sum_i \lambda_i = 2 \sum_i \max(0, -\lambda_i)

    Returns:
        A derivation; the value is that sum over the n eigenvalues, q(i) the negative parts. The part "plane" is the
        trace norm of a symmetric 2 x 2 matrix of negative determinant.

    Examples:
        >>> trace_norm_surplus().evidence
        'exact'
    """
    i, n = sp.symbols("i n", integer=True, positive=True)
    p, q = (sp.Function(name, nonnegative=True)(i) for name in ("p", "q"))
    everywhere = (i, 1, n)
    value = sp.Symbol("y", real=True)
    a, b, c = sp.symbols("a b c", real=True)
    size = sp.sqrt((a - c) ** 2 + 4 * b**2)
    saddle = sp.Matrix([[0, -2], [-2, 0]])
    surplus = 2 * sp.Sum(q, everywhere)
    unknown = sp.Symbol("lambda")
    return Derivation(
        "The trace norm exceeds the trace by twice the sum of the negative parts of the eigenvalues",
        sp.Eq(sp.Symbol("surplus"), surplus),
        (
            Step(
                "A positive eigenvalue is its absolute value,",
                Relation(sp.Abs(value), "=", value),
                "exact",
                lambda y: max(y, -y),
                shown=r"|\lambda| = \lambda = p \quad (\lambda > 0)",
                domain=Domain(y=(0, sp.oo)),
            ),
            Step(
                "a negative one is not.",
                Relation(sp.Abs(value), "=", -value),
                "exact",
                lambda y: max(y, -y),
                shown=r"|\lambda| = - \lambda = q \quad (\lambda < 0)",
                domain=Domain(y=(-sp.oo, 0)),
            ),
            Step(
                "The sum of p + q less that of p - q:",
                Relation(sp.Sum(p + q, everywhere) - sp.Sum(p - q, everywhere), "=", surplus),
                "exact",
                shown=r"\sum_{i=1}^{n} |\lambda_i| - \mathrm{tr} H = 2 \sum_{i=1}^{n} q_i",
            ),
            Step(
                "In the plane the two eigenvalues differ by the root of their discriminant: with one of either sign "
                "that is the trace norm.",
                Relation(
                    size**2, "=", sp.discriminant(sp.Matrix([[a, b], [b, c]]).charpoly(unknown).as_expr(), unknown)
                ),
                "exact",
                lambda: (a + c) ** 2 - 4 * (a * c - b**2),
                shown=r"(\lambda_1 - \lambda_2)^2 = (a - c)^2 + 4 b^2",
            ),
            Step(
                "As a formula:",
                Relation(sp.sqrt((a + c) ** 2 + 4 * (b**2 - a * c)), "=", size),
                "exact",
                shown=r"|\lambda_1| + |\lambda_2| = \sqrt{(a - c)^2 + 4 b^2} \quad (\det H < 0)",
            ),
            Step(
                "An instance, the saddle of (w_1 w_2 - 1)^2 at 0: the trace is 0, the trace norm 4.",
                Relation(
                    sp.Tuple(saddle.trace(), sum(map(sp.Abs, saddle.eigenvals()), sp.Integer(0))), "=", sp.Tuple(0, 4)
                ),
                "exact",
                lambda: sp.Tuple(saddle[0, 0] + saddle[1, 1], size.subs({a: 0, b: -2, c: 0})),
                shown=r"H = \left(\begin{array}{cc} 0 & -2 \\ -2 & 0 \end{array}\right): \quad"
                r" \mathrm{tr} H = 0, \quad |\lambda_1| + |\lambda_2| = 4",
            ),
            Step(
                "It has one eigenvalue of either sign.",
                Relation(_signs(saddle), "=", sp.Tuple(1, 0, 1)),
                "exact",
                shown=r"\lambda = -2, 2",
            ),
        ),
        Domain(),
        parts={"plane": sp.Eq(sp.Symbol("norm"), size)},
        titles={
            "plane": "trace norm of a 2 x 2 matrix",
        },
        assumptions=("H is symmetric",),
        source="Horn and Johnson, Matrix Analysis, section 5.6, for the norm; a talk on arXiv:1703.04933, corrected",
        shown={
            "result": r"\sum_i |\lambda_i| - \mathrm{tr} H = 2 \sum_i q_i",
            "plane": r"|\lambda_1| + |\lambda_2| = \sqrt{(a - c)^2 + 4 b^2}",
        },
    )


def _signs(matrix: sp.Matrix) -> sp.Tuple:
    count = exact_eigenvalue_count(matrix)
    return sp.Tuple(count.below, count.at, count.above)
