r"""Eigenvalues of a product of positive semidefinite matrices, from those of its factors.

Conventions: A and B are symmetric, positive semidefinite, n x n; eigenvalues descend. Those of A B are real and not
negative: they are those of G'AG for B = G G'. In terms of counts, N_A(a) the number of eigenvalues of A that are at
least a, Horn's inequality lambda_(i+j-n)(AB) >= lambda_i(A) lambda_j(B) says that
N_AB(a b) >= N_A(a) + N_B(b) - n for all a, b > 0; rational matrices and thresholds are counted exactly.
"""

import random
from functools import cache
from typing import Any

import sympy as sp

from theory.derivation import Derivation, Step, Theorem
from theory.domain import Domain
from theory.exact_numbers import exact_number
from theory.proof import Relation
from theory.rescaling.block_matrix import characteristic_counts, exact_eigenvalue_count, symmetric_matrix

__all__ = ["horn_inequality", "horn_surplus"]

_SIZES = (2, 3, 3, 4, 4, 5)


def horn_surplus(first: Any, second: Any, a: object, b: object) -> int:
    r"""Return :math:`N_{AB}(a b) - (N_A(a) + N_B(b) - n)`, by how much Horn's inequality is more than kept, exactly.

    Args:
        first: A, positive semidefinite with rational entries, n x n, or a sequence of rows.
        second: B, of the same kind and size.
        a: A rational number > 0.
        b: A rational number > 0.

    Returns:
        A number that is never negative.

    Raises:
        ValueError: If a matrix is malformed or not positive semidefinite, the sizes differ, or a number is not
            positive and rational.
        TypeError: If an entry or a number is none.

    Examples:
        >>> horn_surplus([[2, 1], [1, 2]], [[4, 0], [0, 1]], 3, 4)
        0
        >>> horn_surplus([[2, 1], [1, 2]], [[4, 0], [0, 4]], 3, 1)
        1
    """
    one, other = symmetric_matrix(first, "first"), symmetric_matrix(second, "second")
    if one.rows != other.rows:
        raise ValueError(f"both matrices must have one size, got {one.rows} and {other.rows}.")
    for name, matrix in (("first", one), ("second", other)):
        if exact_eigenvalue_count(matrix).below:
            raise ValueError(f"{name} must be positive semidefinite, got a negative eigenvalue.")
    levels = []
    for name, value in (("a", a), ("b", b)):
        level = exact_number(name, value)
        if not (level.is_Rational and level > 0):
            raise ValueError(f"{name} must be a positive rational number, got {level}.")
        levels.append(level)
    product = characteristic_counts(one * other, levels[0] * levels[1])
    kept = _at_least(one, levels[0]) + _at_least(other, levels[1]) - one.rows
    return int(product.at + product.above - kept)


@cache
def horn_inequality() -> Derivation:
    r"""Derive Horn's inequality for a product of two positive semidefinite matrices, and its case for D H D.

    .. math:: \lambda_{i+j-n}(A B) \ge \lambda_i(A) \, \lambda_j(B), \qquad
              \lambda_{i - n_s}(H D^2) \ge \beta^2 \lambda_i(H)

    Returns:
        A derivation; the value is the least index i + j - n. The part "layers" is that index where D^2 has the
        eigenvalue beta^2 on n - n_s weights.

    Examples:
        >>> horn_inequality().at(i=3, j=4, n=5)
        2
    """
    i, j, n, special = sp.symbols("i j n n_s", integer=True, positive=True)
    k = sp.Symbol("k", integer=True, positive=True)
    eigenvalue, coordinate = sp.Function("lambda", real=True)(k), sp.Function("c", real=True)(k)
    a, b = sp.symbols("a b", positive=True)
    everywhere = (k, 1, n)
    index = i + j - n
    form, parts = _forms(a, b)
    surplus = _surplus()
    return Derivation(
        "Horn's inequality: eigenvalues of a product are at least products of eigenvalues",
        sp.Eq(sp.Symbol("index"), index),
        (
            Step(
                "On the span of the eigenvectors with eigenvalues at least a, u'Au is at least a |u|^2: no term of the "
                "difference is negative.",
                Relation(
                    sp.Sum(eigenvalue * coordinate**2, everywhere) - a * sp.Sum(coordinate**2, everywhere),
                    "=",
                    sp.Sum((eigenvalue - a) * coordinate**2, everywhere),
                ),
                "exact",
                shown=r"u^{T} A u - a |u|^2 = \sum_{k=1}^{i} (\lambda_k - a) c_k^2 \ge 0",
            ),
            Step(
                "With B = G G' and u = G y the form of G'AG is at least a b |y|^2 where both parts are not negative "
                "(two dimensions, all entries free).",
                Relation(form, "=", parts),
                "exact",
                shown=r"y^{T} G^{T} A G y - a b |y|^2 = (u^{T} A u - a |u|^2) + a (y^{T} G^{T} G y - b |y|^2)",
            ),
            Step(
                "The y whose image lies in a space of i dimensions fill at least i, those where G'G is at least b fill "
                "j: together at least i + j - n, the dimensions that are left when n - i and n - j are taken off.",
                Relation(n - (n - i) - (n - j), "=", index),
                "exact",
                lambda: sp.Sum(1, (k, n + 1, i + j)).doit(),
                shown=r"n - (n - i) - (n - j) = i + j - n",
            ),
            Step(
                "A B and G'AG have the same eigenvalues (two dimensions): the same characteristic polynomial.",
                Relation(_polynomial(swapped=False), "=", _polynomial(swapped=True)),
                "exact",
                _polynomial_by_invariants,
                shown=r"\det(\lambda - A G G^{T}) = \det(\lambda - G^{T} A G)",
            ),
            Step(
                "For B = D^2 with the eigenvalue beta^2 on all but n_s weights:",
                Relation(index.subs(j, n - special), "=", i - special),
                "exact",
                lambda: sp.Sum(1, (k, special + 1, i)).doit(),
                shown=r"j = n - n_s: \quad \lambda_{i - n_s}(H D^2) \ge \beta^2 \lambda_i(H)",
            ),
            Step(
                "Exact instances, random integer matrices of sizes 2 to 5, some singular, at rational thresholds a and "
                "b: the eigenvalues of A B at least a b, more than sure,",
                Relation(sp.Tuple(*surplus), "=", sp.Tuple(*_surplus(by_congruence=True))),
                "exact",
                lambda: sp.Tuple(*_surplus()),
                shown=r"N_{AB}(a b) - N_A(a) - N_B(b) + n = " + ", ".join(str(value) for value in surplus),
            ),
            Step(
                "are never too few,",
                Relation(sp.Tuple(*([sp.Integer(-1)] * len(surplus))), "<", sp.Tuple(*surplus)),
                "exact",
                shown=r"N_{AB}(a b) \ge N_A(a) + N_B(b) - n",
            ),
            Step(
                "and the bound can be reached: A = diag(3, 1), B = diag(5, 2), n = 2, i = j = 2.",
                Relation(min((sp.diag(3, 1) * sp.diag(5, 2)).diagonal()), "=", 2),
                "exact",
                lambda: min(sp.diag(3, 1).eigenvals()) * min(sp.diag(5, 2).eigenvals()),
                shown=r"\lambda_2(A B) = 2 = 1 \cdot 2 = \lambda_2(A) \, \lambda_2(B)",
            ),
        ),
        Domain(a=(0, sp.oo), b=(0, sp.oo), i=(0, sp.oo), j=(0, sp.oo), n=(0, sp.oo), n_s=(0, sp.oo))
        .with_integers("i", "j", "n", "n_s")
        .where(i <= n, j <= n, i + j > n, special < i),
        parts={"layers": sp.Eq(sp.Symbol("index"), i - special)},
        titles={
            "layers": "the same for rescaled layers",
        },
        assumptions=("A and B are symmetric and positive semidefinite, and i + j > n",),
        theorems=(_minimax(),),
        source="Horn and Johnson, Topics in Matrix Analysis, section 3.3; used in arXiv:1703.04933 for D H D",
        shown={
            "result": r"\lambda_{i+j-n}(A B) \ge \lambda_i(A) \, \lambda_j(B)",
            "layers": r"\lambda_{i - n_s}(H D^2) \ge \beta^2 \lambda_i(H)",
        },
    )


def _at_least(matrix: sp.ImmutableMatrix, level: sp.Rational) -> int:
    count = exact_eigenvalue_count(matrix, level)
    return count.at + count.above


def _two_by_two() -> tuple[sp.Matrix, sp.Matrix]:
    """A symmetric A and a G with free entries."""
    p, q, r = sp.symbols("A_11 A_12 A_22", real=True)
    return sp.Matrix([[p, q], [q, r]]), sp.Matrix(2, 2, sp.symbols("G_1:3_1:3", real=True))


def _forms(a: sp.Symbol, b: sp.Symbol) -> tuple[sp.Expr, sp.Expr]:
    """The form of G'AG less a b, and its two parts."""
    matrix, factor = _two_by_two()
    y = sp.Matrix(sp.symbols("y_1 y_2", real=True))
    u = factor * y
    whole = (y.T * factor.T * matrix * factor * y)[0] - a * b * (y.T * y)[0]
    return whole, ((u.T * matrix * u)[0] - a * (u.T * u)[0]) + a * ((y.T * factor.T * factor * y)[0] - b * (y.T * y)[0])


def _polynomial(*, swapped: bool) -> sp.Expr:
    matrix, factor = _two_by_two()
    product = factor.T * matrix * factor if swapped else matrix * factor * factor.T
    return (sp.Symbol("lambda") * sp.eye(2) - product).det()


def _polynomial_by_invariants() -> sp.Expr:
    """The same from the trace of G G'A and the product of determinants."""
    matrix, factor = _two_by_two()
    unknown = sp.Symbol("lambda")
    return unknown**2 - unknown * (factor * factor.T * matrix).trace() + matrix.det() * factor.det() ** 2


@cache
def _instances() -> list[tuple[sp.ImmutableMatrix, sp.ImmutableMatrix, sp.Rational, sp.Rational]]:
    """A, G and thresholds a, b: a third of the mean eigenvalue of A and of G'G."""
    source, found = random.Random(5), []
    for size in _SIZES:
        rank = size - source.randint(0, 1)
        left = sp.Matrix(size, rank, lambda i, j: source.randint(-3, 3))
        factor = sp.ImmutableMatrix(size, size, lambda i, j: source.randint(-3, 3))
        matrix = sp.ImmutableMatrix(left * left.T)
        a, b = (sp.Rational(m.trace(), 3 * size) for m in (matrix, factor.T * factor))
        found.append((matrix, factor, a or sp.Integer(1), b or sp.Integer(1)))
    return found


@cache
def _surplus(*, by_congruence: bool = False) -> list[sp.Integer]:
    """The surplus of each instance, by the characteristic polynomial of A B or by congruence for G'AG."""
    found = []
    for matrix, factor, a, b in _instances():
        other = sp.ImmutableMatrix(factor * factor.T)
        if by_congruence:
            product = sp.ImmutableMatrix(factor.T * matrix * factor)
            surplus = _at_least(product, a * b) - _at_least(matrix, a) - _at_least(other, b) + matrix.rows
        else:
            surplus = horn_surplus(matrix, other, a, b)
        found.append(sp.Integer(surplus))
    return found


def _minimax() -> Theorem:
    matrix, factor = _two_by_two()
    product = factor.T * matrix * factor
    return Theorem(
        "the theorem of Courant and Fischer",
        "If $u^T A u \\ge t |u|^2$ on a space of $m$ dimensions then $\\lambda_m(A) \\ge t$ for a symmetric $A$.",
        "Horn and Johnson, Matrix Analysis, section 4.2",
        (
            Step(
                "G'AG is symmetric.",
                Relation(product.T, "=", factor.T * matrix.T * factor),
                "exact",
                shown=r"(G^{T} A G)^{T} = G^{T} A G",
            ),
        ),
    )
