r"""One layer with independent features, full-rank weights after it: the gradient bounds the loss.

Conventions: N data in the columns of X, F_l = f(W_l F_(l-1)), outputs W_L F_(L-1), residuals E = outputs - Y, loss
L = |E|^2/(2N), no biases (a constant among the features is one). Layer k has features F_k of rank N, the layers after
it are pyramidal, each as wide as the next or wider. Going back, D_L = E and D_l = f'(.) o W_(l+1)' D_(l+1); the
gradient in W_(k+1) is D_(k+1) F_k'/N. s^2 is the least eigenvalue of F_k'F_k. For each of the K = L - k - 1 layers
between, k < l < L, let w^2 be the least eigenvalue of W_(l+1) W_(l+1)' and d^2 the least squared slope; a is the least
d^2 w^2 of them.
"""

import random
from fractions import Fraction
from functools import cache, cached_property
from typing import Any

import sympy as sp

from theory.derivation import Derivation, Step
from theory.domain import Domain
from theory.exact_two_layer import exact_rank
from theory.proof import Relation
from theory.rescaling.block_matrix import exact_eigenvalue_count

__all__ = ["wide_layer_gradient"]

_j = sp.Symbol("j", integer=True, positive=True)
_SOURCE = "Nguyen and Hein (2017), arXiv:1704.08045"


@cache
def wide_layer_gradient() -> Derivation:
    r"""Derive the gradient's lower bound from independent features and full-rank later weights.

    .. math:: |\nabla L|^2 \ge \frac{2 s^2 a^K}{N} \, L

    with s, a, K as in the module's heading. All factors are positive if the features of layer k have rank N, the later
    weights full rank and no slope is zero: then a critical point has loss zero.

    Returns:
        A derivation; the value is the bound.

    Examples:
        >>> wide_layer_gradient().at(L=3, s=2, a=1, K=0, N=4)
        6
    """
    loss, s, layer, samples = sp.symbols("L s a N", positive=True)
    between = sp.Symbol("K", integer=True, nonnegative=True)
    bound = 2 * s**2 * layer**between * loss / samples
    delta, features, transposed, gram, weight = sp.symbols("D F F^T G W", commutative=False)
    weight_t, square = sp.symbols("W^T M", commutative=False)
    first, second, third, x, y = sp.symbols("w_1 w_2 w_3 x y", real=True)
    output = third * sp.tanh(second * sp.tanh(first * x))
    inner = sp.tanh(first * x)
    slope = 1 - sp.tanh(second * inner) ** 2
    index = (_j, 1, sp.Symbol("n", integer=True, positive=True))
    entry, excess = sp.Function("q")(_j), sp.Function("e")(_j)
    instances = [_Deep.sample(seed) for seed in (1, 2)]
    sizes = [instance.squared_sizes() for instance in instances]
    return Derivation(
        "A layer of independent features leaves no critical point but those of zero loss",
        sp.Eq(sp.Symbol("bound"), bound),
        (
            Step(
                "Going back through one layer, one unit each: the derivative of N L by w_2 is D_2 F_1.",
                Relation(((output - y) ** 2 / 2).diff(second), "=", slope * third * (output - y) * inner),
                "exact",
                shown=r"\frac{\partial}{\partial w_2} \frac{(w_3 f(w_2 F_1) - y)^2}{2} = f'(w_2 F_1) \, w_3 E \, F_1",
            ),
            Step(
                "Exact instances, 2-4-3-2 on 3 data with f(z) = z + z^3: the gradient in W_2 by this rule, and by "
                "differentiating the loss.",
                Relation(
                    sp.Matrix.hstack(*(instance.differentiated for instance in instances)),
                    "=",
                    sp.Matrix.hstack(*(instance.gradient() for instance in instances)),
                ),
                "exact",
                shown=r"\frac{\partial L}{\partial W_2} = \frac{1}{N} D_2 F_1^{T}, \quad D_2 = f'(W_2 F_1) \circ "
                r"W_3^{T} E",
            ),
            Step(
                "With features of rank N, G = F'F is invertible and the gradient tells D: it is zero only with D.",
                Relation((delta * transposed * features * gram**-1).subs(transposed * features, gram), "=", delta),
                "exact",
                shown=r"(D F^{T}) F (F^{T} F)^{-1} = D",
            ),
            Step(
                "With weights of full rank, M = W W' invertible, W'D tells D.",
                Relation((square**-1 * weight * weight_t * delta).subs(weight * weight_t, square), "=", delta),
                "exact",
                shown=r"(W W^{T})^{-1} W (W^{T} D) = D",
            ),
            Step(
                "The residuals of the instances from their gradients alone, back through both and the slopes.",
                Relation(
                    sp.Matrix.hstack(*(instance.residual_from_gradient() for instance in instances)),
                    "=",
                    sp.Matrix.hstack(*(instance.residual() for instance in instances)),
                ),
                "exact",
                shown=r"E = (W_3 W_3^{T})^{-1} W_3 \left(\frac{N \, \partial L/\partial W_2 \; F_1 (F_1^{T} F_1)^{-1}}"
                r"{f'(W_2 F_1)}\right)",
            ),
            Step(
                "How much: in the eigenvectors of F'F, with eigenvalues s^2 + e_j, e_j >= 0, the squared size of D F' "
                "is s^2 times that of D and a sum of no negative terms; so too with W'D and w^2, and with slopes and "
                "d^2.",
                Relation(
                    sp.Sum((s**2 + excess) * entry**2, index),
                    "=",
                    s**2 * sp.Sum(entry**2, index) + sp.Sum(excess * entry**2, index),
                ),
                "exact",
                shown=r"|D F^{T}|^2 = \sum_j (s^2 + e_j) q_j^2 \ge s^2 \sum_j q_j^2 = s^2 |D|^2",
            ),
            Step(
                "Each layer between multiplies the bound by its own d^2 w^2, at least a,",
                Relation(sp.expand_power_exp(bound.subs(between, between + 1)), "=", layer * bound),
                "exact",
                shown=r"|D_l|^2 \ge d^2 |W_{l+1}^{T} D_{l+1}|^2 \ge d^2 w^2 |D_{l+1}|^2",
            ),
            Step(
                "and without one it is, with the squared residuals |E|^2 = 2 N L, s^2 |E|^2/N^2:",
                Relation(s**2 * (2 * samples * loss) / samples**2 * layer**between, "=", bound),
                "exact",
                shown=r"|\nabla L|^2 \ge \frac{s^2 |E|^2}{N^2} a^K = \frac{2 s^2 a^K}{N} L",
            ),
            Step(
                "The bound at the instances, K = 1, slopes of at least 1, with rational numbers in the place of s^2 "
                "and w^2 that no eigenvalue is below: it is below the squared gradient.",
                Relation(
                    sp.Tuple(
                        *(
                            bound.subs({s: sp.sqrt(least), layer: other, between: 1, loss: value, samples: 3})
                            for least, other, value, _ in sizes
                        )
                    ),
                    "<",
                    sp.Tuple(*(gradient for *_, gradient in sizes)),
                ),
                "exact",
                shown=r"\frac{2 s^2 w^2}{3} L < \left|\frac{\partial L}{\partial W_2}\right|^2",
            ),
        ),
        Domain(L=(0, sp.oo), s=(0, sp.oo), a=(0, sp.oo), N=(0, sp.oo), K=(-1, sp.oo)),
        assumptions=(
            "the features of layer k have rank N, which needs as many units as data; the later weights have full rank, "
            "and no layer after the next is wider than the one before it; no slope is zero",
        ),
        source=_SOURCE,
        shown={"result": r"|\nabla L|^2 \ge \frac{2 s^2 a^K}{N} L"},
    )


class _Deep:
    """A network 2-4-3-2 on 3 data in rational numbers, f(z) = z + z^3, for the gradient in W_2."""

    def __init__(self, first: Any, second: Any, third: Any, x: Any, y: Any) -> None:
        self.second, self.third, self.y = second, third, y
        self.features = (first * x).applyfunc(_cubic)
        self.samples = x.cols

    @classmethod
    def sample(cls, seed: int) -> "_Deep":
        """The first network of a sequence whose features and output weights have full rank."""
        source = random.Random(seed)

        def draw(rows: int, columns: int) -> sp.Matrix:
            return sp.Matrix(rows, columns, lambda i, j: sp.Rational(source.choice((-2, -1, 1, 2)), 2))

        while True:
            net = cls(draw(4, 2), draw(3, 4), draw(2, 3), draw(2, 3), draw(2, 3))
            if exact_rank(net.features) == 3 and exact_rank(net.third) == 2 and any(net.residual()):
                return net

    def residual(self, second: Any = None) -> Any:
        weights = self.second if second is None else second
        return self.third * (weights * self.features).applyfunc(_cubic) - self.y

    @cached_property
    def differentiated(self) -> Any:
        """The gradient in W_2, by sympy from the loss as a polynomial in one weight at a time."""
        move = sp.Symbol("u")

        def slope(i: int, j: int) -> sp.Expr:
            moved = self.second + move * sp.Matrix(3, 4, lambda row, column: int((row, column) == (i, j)))
            squares = (sp.Poly(entry, move) ** 2 for entry in self.residual(moved))
            return sum(squares, sp.Poly(0, move)).diff().eval(0) / (2 * self.samples)

        return sp.Matrix(3, 4, slope)

    def gradient(self) -> Any:
        """The same by going back."""
        return self._slopes().multiply_elementwise(self.third.T * self.residual()) * self.features.T / self.samples

    def residual_from_gradient(self) -> Any:
        """The residuals, from the derivatives of the loss."""
        delta = self.samples * self.differentiated * self.features * (self.features.T * self.features).inv()
        pulled = delta.multiply_elementwise(self._slopes().applyfunc(lambda entry: 1 / entry))
        return (self.third * self.third.T).inv() * self.third * pulled

    def squared_sizes(self) -> tuple[sp.Rational, sp.Rational, sp.Rational, sp.Rational]:
        """Lower bounds of the eigenvalues of F'F and W_3 W_3', the loss, and the squared size of the gradient."""
        grams = (self.features.T * self.features, self.third * self.third.T)
        loss = sum(entry**2 for entry in self.residual()) / (2 * self.samples)
        return (*map(_below_eigenvalues, grams), loss, sum(entry**2 for entry in self.differentiated))

    def _slopes(self) -> Any:
        return (self.second * self.features).applyfunc(lambda z: 1 + 3 * z**2)


def _cubic(z: Any) -> Any:
    return z + z**3


def _below_eigenvalues(matrix: Any) -> sp.Rational:
    """A positive rational number that no eigenvalue of a positive definite matrix is below."""
    level = sp.Rational(matrix.trace(), 1)
    while exact_eigenvalue_count(matrix, Fraction(int(level.p), int(level.q))).below:
        level /= 2
    return level
