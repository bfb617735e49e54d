r"""Any minimum with a Hessian other than 0 is equivalent to one whose Hessian is as large as you like.

Conventions: two layers, T_alpha (theta_1, theta_2) = (alpha theta_1, theta_2 / alpha), so that H becomes D H D with
1/alpha on the n_1 weights of layer 1 and alpha on the n_2 of layer 2. The spectral norm of a positive semidefinite H is
its largest eigenvalue, which is at least every diagonal entry. No equivalence of norms is needed.
"""

from collections.abc import Sequence
from functools import cache
from math import isqrt
from typing import Any

import sympy as sp

from theory.derivation import Derivation, Step, Theorem
from theory.domain import Domain
from theory.exact_numbers import as_fraction, exact_number
from theory.proof import Relation
from theory.rescaling.block_matrix import block_matrix, blocks
from theory.rescaling.diagonal_maps import layer_rescaling

__all__ = ["rescaling_for_spectral_norm", "spectral_norm_growth"]

_SOURCE = "Dinh, Pascanu, Bengio and Bengio (2017), arXiv:1703.04933, on Hessian-based measures; by a diagonal entry"
_alpha, _gamma, _bound = sp.symbols("alpha gamma M", positive=True)


def rescaling_for_spectral_norm(hessian: Any, M: object, block_sizes: Sequence[int]) -> tuple[sp.Rational, ...]:
    r"""Return factors of the layers after which the Hessian provably has a spectral norm and a largest eigenvalue > M.

    Let gamma be the largest diagonal entry, in the block of layer k. With an integer m, m^2 > M / gamma, layer k is
    multiplied by 1/m: the entry becomes gamma m^2 > M. The product of the factors is made one by the layer with the
    fewest weights among the others. For a positive semidefinite Hessian the trace exceeds M as well.

    Args:
        hessian: A symmetric matrix of exact rational numbers, n x n, or a sequence of rows.
        M: The bound, a positive rational number.
        block_sizes: The numbers of weights of two or more layers, with the sum n.

    Returns:
        One factor for each layer, as `layer_rescaling` takes them; for two layers (alpha, 1/alpha).

    Raises:
        ValueError: If there are fewer than two layers, M is not positive and rational, the matrix is malformed or has
            no positive diagonal entry (a positive semidefinite one that is not 0 has one).
        TypeError: If an entry or M is not a number.

    Examples:
        >>> rescaling_for_spectral_norm([[2, 1], [1, 1]], 100, (1, 1))
        (1/8, 8)
        >>> rescaling_for_spectral_norm([[0, 0], [0, 1]], 100, (1, 1))
        (11, 1/11)
    """
    matrix, sizes = block_matrix(hessian, block_sizes)
    bound = exact_number("M", M)
    if not (bound.is_Rational and bound > 0):
        raise ValueError(f"M must be a positive rational number, got {bound}.")
    if len(sizes) < 2:
        raise ValueError(f"block_sizes must hold at least two layers, got {sizes}.")
    place = max(range(matrix.rows), key=lambda i: matrix[i, i])
    entry = matrix[place, place]
    if entry <= 0:
        raise ValueError(f"hessian must have a positive diagonal entry, got at most {entry}.")
    quotient = as_fraction(bound / entry)
    m = isqrt(quotient.numerator // quotient.denominator) + 1
    layer = next(k for k, block in enumerate(blocks(sizes)) if place in block)
    other = min((k for k in range(len(sizes)) if k != layer), key=lambda k: sizes[k])
    factors = [sp.Integer(1)] * len(sizes)
    factors[layer], factors[other] = sp.Rational(1, m), sp.Integer(m)
    return tuple(factors)


@cache
def spectral_norm_growth() -> Derivation:
    r"""Derive that rescaling makes the largest eigenvalue exceed any M, in which direction, and how fast it grows.

    .. math:: \lambda_{\max}(D H D) \ge \frac{\gamma}{\alpha^2} > M \quad \Leftarrow \quad
              \alpha < \sqrt{\gamma / M}

    for a diagonal entry gamma > 0 of the block of layer 1; of layer 2 it is gamma alpha^2, and alpha > sqrt(M/gamma).

    Returns:
        A derivation; the value is the lower bound with the entry in layer 1. The parts are "layer 2", the bound with
        the entry there, "slope", that of log(lambda_max) by log(alpha) for a Hessian of rank one with the diagonal
        blocks a and b, and "wrong block", the largest eigenvalue for H = diag(0, 1), which falls with alpha.

    Examples:
        >>> growth = spectral_norm_growth()
        >>> growth.at(gamma=4, alpha="1/10")
        400
        >>> slope = growth.parts["slope"].rhs
        >>> alpha, = (s for s in slope.free_symbols if s.name == "alpha")
        >>> sp.limit(slope, alpha, 0), sp.limit(slope, alpha, sp.oo)
        (-2, 2)
    """
    i, size = sp.symbols("i n", integer=True, positive=True)
    a, b = sp.symbols("a b", positive=True)
    share = sp.Symbol("c", positive=True)
    everywhere = (i, 1, size)
    count = sp.Sum(1, everywhere)  # n, unevaluated
    eigenvalue, coordinate = sp.Function("lambda", real=True), sp.Function("c", real=True)(i)
    entry = sp.Function("h", real=True)(i)
    hessian, moved = _three_by_three()
    h11, h12, h22, h33 = (hessian[place] for place in ((0, 0), (0, 1), (1, 1), (2, 2)))
    vector = sp.Matrix([sp.sqrt(a) / _alpha, sp.sqrt(b) * _alpha])
    largest = a / _alpha**2 + b * _alpha**2
    slope = 2 * (b * _alpha**4 - a) / (b * _alpha**4 + a)
    zeros = sp.zeros(3, 3)
    return Derivation(
        "Rescaling makes the spectral norm of the Hessian as large as you like",
        sp.Eq(sp.Symbol("lambda_1"), _gamma / _alpha**2),
        (
            Step(
                "The largest eigenvalue is at least u'Hu for every unit vector u: no term of the sum is negative.",
                Relation(
                    eigenvalue(1) * sp.Sum(coordinate**2, everywhere)
                    - sp.Sum(eigenvalue(i) * coordinate**2, everywhere),
                    "=",
                    sp.Sum((eigenvalue(1) - eigenvalue(i)) * coordinate**2, everywhere),
                ),
                "exact",
                shown=r"\lambda_1 - u^{T} H u = \sum_{i=1}^{n} (\lambda_1 - \lambda_i) c_i^2 \ge 0, \quad"
                r" \sum_i c_i^2 = 1",
            ),
            Step(
                "With u along an axis that is a diagonal entry. A positive semidefinite H that is not 0 has a positive "
                "trace, and n times its largest diagonal entry gamma is at least that.",
                Relation(
                    _gamma * count - sp.Sum(entry, everywhere),
                    "=",
                    sp.Sum(_gamma - entry, everywhere),
                ),
                "exact",
                shown=r"n \gamma - \mathrm{tr} H = \sum_{i=1}^{n} (\gamma - h_{ii}) \ge 0",
            ),
            Step(
                "Diagonal entries after rescaling, two weights in layer 1 and one in layer 2:",
                Relation(sp.Tuple(*moved.diagonal()), "=", sp.Tuple(h11 / _alpha**2, h22 / _alpha**2, h33 * _alpha**2)),
                "exact",
                lambda: sp.Tuple(*layer_rescaling((_alpha, 1 / _alpha), (2, 1)).hessian(hessian).diagonal()),
                shown=r"\frac{h_{11}}{\alpha^2}, \quad \frac{h_{22}}{\alpha^2}, \quad \alpha^2 h_{33}",
            ),
            Step(
                "An entry gamma of layer 1 exceeds M where alpha is below sqrt(gamma/M), c times it with c < 1;",
                Relation(_bound, "<", (_gamma / _alpha**2).subs(_alpha, share * sp.sqrt(_gamma / _bound))),
                "exact",
                shown=r"\frac{\gamma}{\alpha^2} = \frac{M}{c^2} > M, \quad \alpha = c \sqrt{\frac{\gamma}{M}},"
                r" \quad 0 < c < 1",
                domain=Domain(c=(0, 1), gamma=(0, sp.oo), M=(0, sp.oo)),
            ),
            Step(
                "so the bound for layer 1 is",
                Relation((vector[0] ** 2).subs(a, _gamma), "=", _gamma / _alpha**2),
                "exact",
                lambda: moved[0, 0].subs(h11, _gamma),
                shown=r"\lambda_1(D H D) \ge \frac{\gamma}{\alpha^2}",
            ),
            Step(
                "and for layer 2, where alpha has to go the other way:",
                Relation((vector[1] ** 2).subs(b, _gamma), "=", _gamma * _alpha**2),
                "exact",
                lambda: moved[2, 2].subs(h33, _gamma),
                shown=r"\lambda_1(D H D) \ge \gamma \alpha^2 > M, \quad \alpha > \sqrt{\frac{M}{\gamma}}",
            ),
            Step(
                "The direction matters: H = diag(0, 1) has the positive eigenvalue 1, and a small alpha makes it less.",
                Relation(_largest_of_wrong_block(), "=", _alpha**2),
                "exact",
                lambda: sp.Matrix([[0, 0], [0, _alpha**2]]).trace(),
                shown=r"H = \mathrm{diag}(0, 1): \quad \lambda_1(D H D) = \alpha^2",
            ),
            Step(
                "With Frobenius' norm the same takes a factor 1/sqrt(n): n lambda_1^2 is at least the sum of squares.",
                Relation(
                    count * eigenvalue(1) ** 2 - sp.Sum(eigenvalue(i) ** 2, everywhere),
                    "=",
                    sp.Sum(eigenvalue(1) ** 2 - eigenvalue(i) ** 2, everywhere),
                ),
                "exact",
                shown=r"n \lambda_1^2 - |H|_F^2 = \sum_{i=1}^{n} (\lambda_1^2 - \lambda_i^2) \ge 0",
            ),
            Step(
                "How fast: alpha^2 D H D tends to the block of layer 1 alone, for alpha to 0,",
                Relation(
                    sp.ImmutableMatrix(sp.expand(_alpha**2 * moved)).subs(_alpha, 0),
                    "=",
                    sp.ImmutableMatrix(zeros + sp.diag(sp.Matrix([[h11, h12], [h12, h22]]), 0)),
                ),
                "exact",
                lambda: _entries_over_scales(hessian).applyfunc(lambda x: sp.limit(x * _alpha**2, _alpha, 0)),
                shown=r"\lim_{\alpha \to 0} \alpha^2 D H D = \mathrm{diag}(H_{11}, 0): \quad"
                r" \lambda_1(D H D) \sim \frac{\lambda_1(H_{11})}{\alpha^2}",
            ),
            Step(
                "and alpha^-2 D H D to that of layer 2, for alpha to infinity.",
                Relation(
                    sp.ImmutableMatrix(sp.expand(moved.subs(_alpha, 1 / _alpha) * _alpha**2)).subs(_alpha, 0),
                    "=",
                    sp.ImmutableMatrix(sp.diag(0, 0, h33)),
                ),
                "exact",
                lambda: _entries_over_scales(hessian).applyfunc(lambda x: sp.limit(x / _alpha**2, _alpha, sp.oo)),
                shown=r"\lim_{\alpha \to \infty} \alpha^{-2} D H D = \mathrm{diag}(0, H_{22}): \quad"
                r" \lambda_1(D H D) \sim \alpha^2 \lambda_1(H_{22})",
            ),
            Step(
                "Exactly for rank one: (sqrt(a)/alpha, alpha sqrt(b)) is an eigenvector of its own product.",
                Relation(sp.ImmutableMatrix(vector * vector.T * vector), "=", sp.ImmutableMatrix(largest * vector)),
                "exact",
                shown=r"H = v v^{T}, \ v = (\sqrt{a}, \sqrt{b}): \quad"
                r" \lambda_1(D H D) = \frac{a}{\alpha^2} + b \alpha^2",
            ),
            Step(
                "The slope on logarithmic axes runs from -2 to 2 and nowhere stays at -1.",
                Relation(_alpha * sp.log(largest).diff(_alpha), "=", slope),
                "exact",
                shown=r"\frac{d \log \lambda_1}{d \log \alpha} = 2 \, \frac{b \alpha^4 - a}{b \alpha^4 + a}",
            ),
            Step(
                "Its limits.",
                Relation(sp.Tuple(sp.limit(slope, _alpha, 0), sp.limit(slope, _alpha, sp.oo)), "=", sp.Tuple(-2, 2)),
                "exact",
                lambda: sp.Tuple(*(2 * (b * x - a * y) / (b * x + a * y) for x, y in ((0, 1), (1, 0)))),
                shown=r"-2 \quad (\alpha \to 0), \qquad 2 \quad (\alpha \to \infty)",
            ),
        ),
        Domain(alpha=(0, sp.oo), gamma=(0, sp.oo), M=(0, sp.oo), a=(0, sp.oo), b=(0, sp.oo)),
        parts={
            "layer 2": sp.Eq(sp.Symbol("lambda_1"), _gamma * _alpha**2),
            "slope": sp.Eq(sp.Symbol("slope"), slope),
            "wrong block": sp.Eq(sp.Symbol("lambda_1"), _alpha**2),
        },
        titles={
            "layer 2": "bound with the entry in layer 2",
            "slope": "slope by the logarithm of the factor",
            "wrong block": "largest eigenvalue where it falls",
        },
        assumptions=("H is the Hessian at a minimum, positive semidefinite and not 0",),
        theorems=(_spectral_theorem(hessian, moved),),
        source=_SOURCE,
        shown={
            "result": r"\lambda_1(D H D) \ge \frac{\gamma}{\alpha^2}",
            "layer 2": r"\lambda_1(D H D) \ge \gamma \alpha^2",
            "slope": r"\frac{d \log \lambda_1}{d \log \alpha} = 2 \, \frac{b \alpha^4 - a}{b \alpha^4 + a}",
            "wrong block": r"\lambda_1(D H D) = \alpha^2 \quad (H = \mathrm{diag}(0, 1))",
        },
    )


def _three_by_three() -> tuple[sp.ImmutableMatrix, sp.ImmutableMatrix]:
    """A symmetric matrix with free entries, and D H D with D = diag(1/alpha, 1/alpha, alpha) by multiplication."""
    names = [["11", "12", "13"], ["12", "22", "23"], ["13", "23", "33"]]
    hessian = sp.ImmutableMatrix([[sp.Symbol(f"h_{name}", real=True) for name in row] for row in names])
    scale = sp.diag(1 / _alpha, 1 / _alpha, _alpha)
    return hessian, sp.ImmutableMatrix(scale * hessian * scale)


def _largest_of_wrong_block() -> sp.Expr:
    """The only eigenvalue other than 0 of diag(0, 1) rescaled."""
    moved = layer_rescaling((_alpha, 1 / _alpha), (1, 1)).hessian([[0, 0], [0, 1]])
    return sum((value for value in moved.eigenvals() if value != 0), sp.Integer(0))


def _spectral_theorem(hessian: sp.ImmutableMatrix, moved: sp.ImmutableMatrix) -> Theorem:
    return Theorem(
        "the spectral theorem",
        "A real symmetric matrix has an orthonormal basis of eigenvectors; $u^T H u = \\sum_i \\lambda_i c_i^2$ in the "
        "coordinates of $u$ along it, and the trace is the sum of the eigenvalues.",
        "Horn and Johnson, Matrix Analysis, theorem 4.1.5",
        (
            Step(
                "The rescaled Hessian is symmetric, as H is.",
                Relation(moved.T, "=", sp.ImmutableMatrix(_entries_over_scales(hessian))),
                "exact",
                shown=r"(D H D)^{T} = D H D",
            ),
        ),
    )


def _entries_over_scales(hessian: sp.ImmutableMatrix) -> sp.ImmutableMatrix:
    return layer_rescaling((_alpha, 1 / _alpha), (2, 1)).hessian(hessian)
