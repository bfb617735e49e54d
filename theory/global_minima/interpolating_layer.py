r"""A last hidden layer with as many units as data: its features can be made independent, so that all labels are fitted.

Conventions: one direction is enough, on which the inputs of the layer take the values t_1 < ... < t_N. Unit j puts out
f(s (t - c_j)), with steepness s > 0 and threshold c_j halfway between t_(j-1) and t_j (c_1 below t_1). The matrix Phi
has the features, datum by unit; with Phi of rank N the output weights Phi^-1 Y fit all labels Y.
"""

from functools import cache

import sympy as sp

from theory.derivation import Derivation, Step, Theorem
from theory.domain import Domain
from theory.exact_two_layer import exact_rank
from theory.proof import Relation

__all__ = ["interpolating_layer"]

_SIZES = range(2, 7)


@cache
def interpolating_layer() -> Derivation:
    r"""Derive that N units fit N data with any labels: tanh and softplus units, in a last hidden layer of any network.

    For large steepness tanh units become signs, and softplus units (over s) ramps:

    .. math:: \det \Phi \to 2^{N-1}, \qquad \det \Phi \to \prod_{i=1}^N (t_i - t_{i-1}) > 0,

    so that the set of zero loss is not empty. With an output bias N - 1 tanh units are enough, from the finite
    steepness on at which T = tanh(s g/2), g the least distance of two data, exceeds (N - 2)/N.

    Returns:
        A derivation; the value is the limit of the determinant for tanh, the part "dominance" by how much the rows of
        differences are dominated by their diagonal, at least.

    Examples:
        >>> interpolating_layer().at(N=5)
        16
    """
    samples = sp.Symbol("N", integer=True, positive=True)
    steepness, distance, least, rest = sp.symbols("s z g u", positive=True)
    row = sp.Symbol("i", integer=True)
    tanh_at, share = sp.symbols("T q", positive=True)
    features, labels = sp.symbols("Phi Y", commutative=False)
    dominance = samples * tanh_at - (samples - 2)
    gaps = sp.symbols("g_1:6", positive=True)
    softplus = sp.log(1 + sp.exp(steepness * distance)) / steepness
    return Derivation(
        "As many units in the last hidden layer as data fit any labels",
        sp.Eq(sp.Symbol("det"), 2 ** (samples - 1)),
        (
            Step(
                "Output weights that fit, if the features have rank N.",
                Relation(features * (features**-1 * labels), "=", labels),
                "exact",
                shown=r"\Phi \, (\Phi^{-1} Y) = Y",
            ),
            Step(
                "And then the derivatives of the outputs by the output weights alone have rank r N, so that J has it "
                "too: Phi of signs, N = 2, 3, 4, for r = 1, 2, 3 outputs.",
                Relation(
                    sp.Tuple(
                        *(
                            sp.Integer(exact_rank(sp.kronecker_product(_signs(size), sp.eye(count))))
                            for size in (2, 3, 4)
                            for count in (1, 2, 3)
                        )
                    ),
                    "=",
                    sp.Tuple(*(count * size for size in (2, 3, 4) for count in (1, 2, 3))),
                ),
                "exact",
                shown=r"\mathrm{rank}\, (\Phi \otimes 1_r) = r N",
            ),
            Step(
                "Steep tanh units are signs, on both sides of their thresholds.",
                Relation(
                    sp.Tuple(*(sp.limit(sp.tanh(sign * steepness * distance), steepness, sp.oo) for sign in (1, -1))),
                    "=",
                    sp.Tuple(1, -1),
                ),
                "exact",
                shown=r"\lim_{s \to \infty} \tanh s z = \pm 1, \quad \pm z > 0",
            ),
            Step(
                "Each row of signs less the one before is twice a unit vector, so that the determinant is",
                Relation(sp.Product(2, (row, 2, samples)).doit(), "=", 2 ** (samples - 1)),
                "exact",
                shown=r"\prod_{i=2}^N 2 = 2^{N - 1}",
            ),
            Step(
                "The determinants themselves for 2 to 6 data.",
                Relation(
                    sp.Tuple(*(_signs(size).det() for size in _SIZES)),
                    "=",
                    sp.Tuple(*((2 ** (samples - 1)).subs(samples, size) for size in _SIZES)),
                ),
                "exact",
                shown=r"\det \mathrm{sign}(t_i - c_j) = 2, 4, 8, 16, 32",
            ),
            Step(
                "Steep softplus units, over s, are ramps: at z > 0, at 0 and at - z.",
                Relation(
                    sp.Tuple(
                        *(sp.limit(softplus.subs(distance, sign * distance), steepness, sp.oo) for sign in (1, 0, -1))
                    ),
                    "=",
                    sp.Tuple(distance, 0, 0),
                ),
                "exact",
                shown=r"\lim_{s \to \infty} \frac{1}{s} \log (1 + e^{s z}) = \max(z, 0)",
            ),
            Step(
                "Ramps that begin at the datum before leave a triangular matrix: 2 to 5 data at gaps g_1, g_2, ...",
                Relation(
                    sp.Tuple(*(_ramps(gaps[:size]).det() for size in range(2, 6))),
                    "=",
                    sp.Tuple(*(sp.Mul(*gaps[:size]) for size in range(2, 6))),
                ),
                "exact",
                shown=r"\det \max(t_i - t_{j-1}, 0) = \prod_i g_i > 0",
            ),
            Step(
                "At finite steepness, with the constant of an output bias and the units 2 to N: a difference of two "
                "rows has 2 tanh of s times half its gap on the diagonal, at least 2 T;",
                Relation(
                    sp.tanh(steepness * least / 2) - sp.tanh(-steepness * least / 2),
                    "=",
                    2 * sp.tanh(steepness * least / 2),
                ),
                "exact",
                shown=r"\tanh \frac{s g}{2} - \tanh \left(- \frac{s g}{2}\right) = 2 T",
            ),
            Step(
                "elsewhere both data are on one side of the threshold, at least g/2 away, and the values of tanh, "
                "between T and 1, differ by no more than 1 - T: here T + (1 - T) q and T, 0 < q < 1.",
                Relation(tanh_at + (1 - tanh_at) * share - tanh_at, "<", 1 - tanh_at),
                "exact",
                shown=r"0 \le \tanh(\cdot) - \tanh(\cdot) < 1 - T",
                domain=Domain(T=(0, 1), q=(0, 1)),
            ),
            Step(
                "There are N - 2 of those in a row: the diagonal dominates it by",
                Relation(2 * tanh_at - (samples - 2) * (1 - tanh_at), "=", dominance),
                "exact",
                shown=r"2 T - (N - 2)(1 - T) = N T - (N - 2)",
            ),
            Step(
                "which is positive for T = (N - 2 + 2u/(1 + u))/N, u > 0: all T between (N - 2)/N and 1.",
                Relation(0, "<", sp.cancel(dominance.subs(tanh_at, (samples - 2 + 2 * rest / (1 + rest)) / samples))),
                "exact",
                shown=r"0 < N T - (N - 2) = \frac{2 u}{1 + u}",
            ),
        ),
        Domain(N=(1, sp.oo), T=(0, 1), u=(0, sp.oo), s=(0, sp.oo), g=(0, sp.oo), z=(0, sp.oo)),
        parts={"dominance": sp.Eq(sp.Symbol("least"), dominance)},
        titles={
            "dominance": "dominance of the diagonal, at least",
        },
        assumptions=(
            "the data enter the layer at different points, as for almost all earlier weights they do if the inputs are "
            "different: then their places on almost every direction are different too",
        ),
        theorems=(
            Theorem(
                "Lévy-Desplanques theorem",
                "A matrix with $|a_{ii}| > \\sum_{j \\neq i} |a_{ij}|$ in every row is invertible.",
                "Horn and Johnson, Matrix Analysis, theorem 6.1.10",
            ),
        ),
        source="Cooper (2021), arXiv:1804.10200, on last hidden layers with more units than data",
        shown={"result": r"\det \Phi \to 2^{N - 1}", "dominance": r"2 T - (N - 2)(1 - T) = N T - (N - 2)"},
    )


def _signs(size: int) -> sp.Matrix:
    """Signs of t_i - c_j for data at 1, 2, ... and thresholds halfway before them."""
    return sp.Matrix(size, size, lambda i, j: sp.sign(i - j + sp.Rational(1, 2)))


def _ramps(gaps: tuple[sp.Symbol, ...]) -> sp.Matrix:
    """The positive parts of t_i - t_(j-1) for data with the given gaps, t_0 = 0."""
    return sp.Matrix(len(gaps), len(gaps), lambda i, j: sum(gaps[j : i + 1], sp.Integer(0)))
