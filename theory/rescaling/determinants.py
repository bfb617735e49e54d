r"""Determinants and Gaussian integrals in any number of dimensions: named theorems, with instances of sizes 2, 3 and 4.

Conventions: instances have all entries free and are checked exactly; the second route to a determinant is Leibniz's sum
over permutations. D is diagonal with positive entries, M symmetric.
"""

from functools import cache
from itertools import permutations

import sympy as sp
from sympy.combinatorics import Permutation

from theory.derivation import Step, Theorem
from theory.proof import Relation

SIZES = (2, 3, 4)
_HORN_JOHNSON = "Horn and Johnson, Matrix Analysis"

__all__ = ["SIZES", "gaussian_integral", "product_of_determinants", "rank_one_determinant", "squared_length"]


def product_of_determinants() -> Theorem:
    """State that the determinant of a product is that of determinants, for D M D."""
    return Theorem(
        "the multiplicativity of the determinant",
        "$\\det(A B) = \\det A \\det B$ for square matrices of any size, so that $\\det(D M D) = (\\det D)^2 \\det M$.",
        f"{_HORN_JOHNSON}, section 0.3",
        (
            Step(
                "D M D for a diagonal D and a symmetric M, sizes 2, 3 and 4, all entries free.",
                Relation(sp.Tuple(*_sandwiched()), "=", sp.Tuple(*_split())),
                "exact",
                lambda: sp.Tuple(*(_leibniz(_scale(n) * _symmetric(n) * _scale(n)) for n in SIZES)),
                shown=r"\det(D M D) = (\det D)^2 \det M \quad (n = 2, 3, 4)",
            ),
        ),
    )


def gaussian_integral() -> Theorem:
    """State the integral of exp(-x'Mx/2) over all x."""
    h, p = sp.Symbol("h", nonnegative=True), sp.Symbol("p", positive=True)
    return Theorem(
        "the Gaussian integral in n dimensions",
        "$\\int e^{-x^T M x / 2} d x = (2 \\pi)^{n/2} (\\det M)^{-1/2}$ for a positive definite $M$: after completing "
        "one square after another it is a product of integrals on the line, one for each pivot.",
        f"{_HORN_JOHNSON}, section 7.2, for the pivots",
        (
            Step(
                "M = H + P is positive definite: for x'Px = p > 0 its form exceeds x'Hx = h, which is not negative.",
                Relation(h, "<", h + p),
                "exact",
                shown=r"x^{T} M x = x^{T} H x + x^{T} P x > x^{T} H x \ge 0 \quad (x \neq 0)",
            ),
            Step(
                "The pivots of M multiply to its determinant, sizes 2, 3 and 4, all entries free.",
                Relation(sp.Tuple(*(_pivots(n) for n in SIZES)), "=", sp.Tuple(*(_symmetric(n).det() for n in SIZES))),
                "exact",
                lambda: sp.Tuple(*(_leibniz(_symmetric(n)) for n in SIZES)),
                shown=r"\prod_{k=1}^{n} d_k = \det M \quad (n = 2, 3, 4)",
            ),
        ),
    )


def rank_one_determinant(shift: sp.Symbol) -> Theorem:
    """State the determinant of c + 2 t t', for c = |t|^2 + b."""
    return Theorem(
        "the determinant of a change of rank one",
        "$\\det(c 1 + 2 t t^T) = c^{n - 1} (c + 2 |t|^2)$ in $n$ dimensions: $t$ is stretched by $c + 2 |t|^2$, all "
        "that is orthogonal to it by $c$.",
        f"{_HORN_JOHNSON}, section 0.8.5",
        (
            Step(
                "The Jacobian of t (|t|^2 + b) itself, differentiated: sizes 2, 3 and 4.",
                Relation(
                    sp.Tuple(*(_radial_jacobian(n, shift).det() for n in SIZES)),
                    "=",
                    sp.Tuple(*(_stretched(n, shift) for n in SIZES)),
                ),
                "exact",
                lambda: sp.Tuple(*(_leibniz(_radial_jacobian(n, shift)) for n in SIZES)),
                shown=r"\det D g = (|t|^2 + b)^{n - 1} (3 |t|^2 + b) \quad (n = 2, 3, 4)",
            ),
        ),
    )


def squared_length(size: int) -> sp.Expr:
    """Return |t|^2 for as many free coordinates."""
    return sp.Add(*(x**2 for x in _coordinates(size)))


@cache
def _symmetric(size: int) -> sp.ImmutableMatrix:
    return sp.ImmutableMatrix(size, size, lambda i, j: sp.Symbol(f"m_{min(i, j) + 1}{max(i, j) + 1}", positive=True))


@cache
def _scale(size: int) -> sp.ImmutableMatrix:
    return sp.ImmutableMatrix(sp.diag(*sp.symbols(f"d_1:{size + 1}", positive=True)))


def _sandwiched() -> list[sp.Expr]:
    return [(_scale(n) * _symmetric(n) * _scale(n)).det(method="berkowitz") for n in SIZES]


def _split() -> list[sp.Expr]:
    return [_scale(n).det() ** 2 * _symmetric(n).det(method="berkowitz") for n in SIZES]


def _pivots(size: int) -> sp.Expr:
    """The product of the pivots of a free symmetric matrix, by eliminating one row after another."""
    rows, product = sp.Matrix(_symmetric(size)), sp.Integer(1)
    while rows.rows:
        pivot = rows[0, 0]
        product *= pivot
        rest = rows[1:, 1:] - rows[1:, 0] * rows[0, 1:] / pivot
        rows = rest.applyfunc(sp.cancel)
    return product


def _coordinates(size: int) -> tuple[sp.Symbol, ...]:
    return tuple(sp.symbols(f"x_1:{size + 1}", real=True))


def _radial_jacobian(size: int, shift: sp.Symbol) -> sp.ImmutableMatrix:
    x = sp.Matrix(_coordinates(size))
    return sp.ImmutableMatrix((x * (squared_length(size) + shift)).jacobian(_coordinates(size)))


def _stretched(size: int, shift: sp.Symbol) -> sp.Expr:
    square = squared_length(size)
    return (square + shift) ** (size - 1) * (3 * square + shift)


def _leibniz(matrix: sp.ImmutableMatrix) -> sp.Expr:
    """The determinant as a sum over permutations."""
    orders = (list(order) for order in permutations(range(matrix.rows)))
    return sp.Add(*(Permutation(o).signature() * sp.Mul(*(matrix[i, j] for i, j in enumerate(o))) for o in orders))
