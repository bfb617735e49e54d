r"""When a linear two-layer network fits its targets exactly.

Conventions: outputs W2 W1 X with the m samples in the columns of X; the loss is the sum of squared residuals over 2m,
the energy is epsilon = L/n2 for n2 outputs, phi = 2n/m for an n-n-n network: weights per residual. Capital letters in
the steps are matrices of any size, whose symbols do not commute; G is the Gram matrix X X^T, invertible if X has full
row rank.
"""

from functools import cache

import sympy as sp

from theory.derivation import Derivation, Step
from theory.domain import Domain
from theory.exact_two_layer import ExactTwoLayer, exact_rank
from theory.proof import Relation
from theory.symbols import m, n, phi

__all__ = ["interpolation_threshold"]

_x, _xt, _y, _w, _gram, _right = sp.symbols("X X^T Y W G C", commutative=False)


@cache
def interpolation_threshold() -> Derivation:
    r"""Derive that a linear n-n-n network fits generic targets exactly if m <= n, that is phi = 2n/m >= 2.

    Targets are fitted if and only if Y (1 - P) = 0, P the projector on the row space of X; 1 - P has rank m - n for
    m > n and vanishes at m = n. Not from phi = 1 on, where there are as many weights as residuals: half the weights are
    gauge.

    Returns:
        A derivation whose value is the threshold in phi.

    Examples:
        >>> interpolation_threshold().value
        2
    """
    fitted = _y * _right**-1 * _xt  # C = X^T X, invertible if the columns of X are independent
    projector = _xt * _gram**-1 * _x
    rest = _y * (1 - projector)
    sizes = ((2, 3), (2, 4), (3, 4), (3, 6))
    few, many = (ExactTwoLayer.sample(2, 2, 2, samples=samples, seed=5) for samples in (2, 4))
    return Derivation(
        "A linear network interpolates from phi = 2 on",
        sp.Eq(phi, 2),
        (
            Step(
                "For m <= n generic inputs are independent, C = X^T X is invertible and W = Y C^-1 X^T fits: W X = Y.",
                Relation((fitted * _x).expand().subs(_xt * _x, _right), "=", _y),
                "exact",
                shown="Y C^{-1} X^T X = Y",
            ),
            Step(
                "For m > n let P = X^T G^-1 X, G = X X^T. If W X = Y, then Y (1 - P) = W X (1 - P) = 0:",
                Relation(sp.expand((_w * _x) * (1 - projector)).subs(_x * _xt, _gram), "=", 0),
                "exact",
                shown="W X (1 - P) = W X - W G G^{-1} X = 0",
            ),
            Step(
                "conversely W = Y X^T G^-1 leaves Y - W X = Y (1 - P), so that W X = Y is solved iff Y (1 - P) = 0.",
                Relation(_y - _y * _xt * _gram**-1 * _x, "=", rest),
                "exact",
                shown="Y - Y X^T G^{-1} X = Y (1 - P)",
            ),
            Step(
                "1 - P is idempotent, so its rank is its trace, m - tr G^-1 G = m - n.",
                Relation(sp.expand((1 - projector) * (1 - projector)).subs(_x * _xt, _gram), "=", 1 - projector),
                "exact",
                shown=r"(1 - P)^2 = 1 - P, \quad \mathrm{tr}(1 - P) = m - n",
            ),
            Step(
                "Exact instances (n, m = 2, 3; 2, 4; 3, 4; 3, 6). So for m > n fitted targets are a proper subspace.",
                Relation(
                    sp.Tuple(*(_rank_outside(*size) for size in sizes)),
                    "=",
                    sp.Tuple(*((m - n).subs({n: width, m: samples}) for width, samples in sizes)),
                ),
                "exact",
                shown=r"\mathrm{rank}(1 - P) = m - n",
            ),
            Step(
                "In phi = 2n/m the last m that fits is",
                Relation((2 * n / m).subs(m, n), "=", 2),
                "exact",
                shown=r"\phi = \frac{2 n}{n} = 2",
            ),
            Step(
                "Exact instances, n = 2: least squares leaves nothing at m = 2",
                Relation(_least_loss(few), "=", 0),
                "exact",
                shown=r"\min_{W} |Y - W X|^2 = 0 \quad (m = 2)",
            ),
            Step("and something at m = 4.", Relation(0, "<", _least_loss(many)), "exact"),
        ),
        Domain(),
        assumptions=(
            "any min(m, n) of the inputs are independent; targets are generic: outside a proper subspace, a null set",
            "the hidden layer is not narrower than n, so that W = W2 W1 takes every value",
        ),
    )


def _rank_outside(width: int, samples: int) -> sp.Integer:
    """The rank of 1 - P for inputs of full row rank, by elimination."""
    x = ExactTwoLayer.sample(width, 1, 1, samples=samples, seed=13).inputs
    return sp.Integer(exact_rank(sp.eye(samples) - x.T * (x * x.T).inv() * x))


def _least_loss(net: ExactTwoLayer) -> sp.Expr:
    """The sum of squared residuals of least squares, by the exact projection of the targets."""
    outside = sp.Matrix.hstack(*net.inputs.nullspace()) if net.inputs.nullspace() else None
    if outside is None:
        return sp.Integer(0)
    beyond = net.targets * outside
    return (beyond * (outside.T * outside).inv() * beyond.T).trace()
