r"""Which interpolator gradient descent on least squares ends at, when there are many.

Conventions: n examples in the rows of X, p > n inputs, X of full row rank, so that K = X X^T is invertible; the loss is
|y - X b|^2/2, the rate eta is below 2 over the largest eigenvalue of K. Capital letters in the steps, y, b and c are
matrices and columns of any size, whose symbols do not commute.
"""

from functools import cache

import sympy as sp

from theory.derivation import Derivation, Step
from theory.domain import Domain
from theory.proof import Relation

__all__ = ["least_norm_descent"]

_x, _xt, _y, _yt, _b, _c, _d, _gram = sp.symbols("X X^T y y^T b c d K", commutative=False)


@cache
def least_norm_descent() -> Derivation:
    r"""Derive where gradient descent ends: from zero at the interpolator of least norm, X^T K^-1 y.

    From another start it ends at that plus the part of the start on which no example depends. The value is the squared
    norm of the end for one example (a, b) . theta = y from the start (u, v).

    Returns:
        A derivation.

    Examples:
        >>> least_norm_descent().at(a=3, b=4, y=10, u=0, v=0)
        4
        >>> least_norm_descent().at(a=3, b=4, y=10, u=4, v=-3)
        29

    References:
        Zhang, Bengio, Hardt, Recht and Vinyals (2017), arXiv:1611.03530, section 5; Hastie, Montanari, Rosset and
        Tibshirani (2022), arXiv:1903.08560, proposition 1.
    """
    eta, y, q = sp.symbols("eta y q", positive=True)
    a, b, u, v = sp.symbols("a b u v", real=True)
    least = _xt * _gram**-1 * _y
    iterate = _b + eta * _xt * (_y - _x * _b)
    square = a**2 + b**2
    gap = (y - a * u - b * v) / square
    end = (u + a * gap, v + b * gap)
    length = (y**2 + (a * v - b * u) ** 2) / square
    return Derivation(
        "Gradient descent ends at the interpolator of least norm",
        sp.Eq(sp.Symbol("L"), length),
        (
            Step(
                "A step of gradient descent from b = X^T c is X^T times something again: from zero it stays so.",
                Relation(
                    sp.expand(iterate.subs(_b, _xt * _c)),
                    "=",
                    sp.expand(_xt * (_c + eta * (_y - _x * _xt * _c))),
                ),
                "exact",
                shown=r"X^T c + \eta X^T (y - X X^T c) = X^T (c + \eta (y - K c))",
            ),
            Step(
                "A step multiplies the residual by 1 - eta K",
                Relation(
                    sp.expand(_y - _x * iterate).subs(_x * _xt, _gram),
                    "=",
                    sp.expand((1 - eta * _gram) * (_y - _x * _b)),
                ),
                "exact",
                shown=r"y - X b' = (1 - \eta K) (y - X b)",
            ),
            Step(
                "whose eigenvalues 1 - eta k, 0 < eta k < 2, lie between -1 and 1: with eta k = 2/(1 + q), q > 0,",
                Relation((1 - 2 / (1 + q)) ** 2, "<", 1),
                "exact",
                shown=r"(1 - \eta k)^2 < 1",
            ),
            Step(
                "so that it tends to 0. The end b = X^T c has K c = y, and",
                Relation((_x * least).subs(_x * _xt, _gram), "=", _y),
                "exact",
                shown=r"b = X^T K^{-1} y, \quad X b = y",
            ),
            Step(
                "Any other interpolator is b + d with X d = 0, and is orthogonal to d: b . d =",
                Relation((_yt * _gram**-1 * _x * _d).subs(_x * _d, 0), "=", 0),
                "exact",
                shown=r"b \cdot d = y^T K^{-1} X d = 0",
            ),
            Step(
                "Its squared norm is |b|^2 + |d|^2; for one example with two inputs d is a multiple v of (-b, a):",
                Relation(
                    sp.expand((a * y / square - b * v) ** 2 + (b * y / square + a * v) ** 2),
                    "=",
                    y**2 / square + square * v**2,
                ),
                "exact",
                shown=r"\frac{y^2}{a^2 + b^2} + (a^2 + b^2) v^2",
            ),
            Step(
                "From another start the steps still are X^T times something, so that its part with X d = 0 stays: for "
                "one example the end from (u, v) fits,",
                Relation(a * end[0] + b * end[1], "=", y),
                "exact",
            ),
            Step(
                "keeps that part,",
                Relation(a * end[1] - b * end[0], "=", a * v - b * u),
                "exact",
            ),
            Step(
                "and has the squared norm",
                Relation(end[0] ** 2 + end[1] ** 2, "=", length),
                "exact",
                shown=r"\frac{y^2 + (a v - b u)^2}{a^2 + b^2}",
            ),
        ),
        Domain(a=(0, sp.oo), b=(0, sp.oo), y=(0, sp.oo), q=(0, sp.oo)),
        assumptions=(
            "X has full row rank",
            "descent on half of the squared error, at a rate less than 2 over the largest eigenvalue of X X^T",
        ),
        source="Zhang, Bengio, Hardt, Recht and Vinyals (2017), arXiv:1611.03530, section 5; Hastie, Montanari, Rosset "
        "and Tibshirani (2022), arXiv:1903.08560, proposition 1",
        shown={"result": r"|\theta|^2 = \frac{y^2 + (a v - b u)^2}{a^2 + b^2}"},
    )
