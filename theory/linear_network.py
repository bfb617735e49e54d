r"""The linear two-layer network, solved: energies of its minima, when it interpolates, all its critical points.

Conventions: outputs W2 W1 X with the m samples in the columns of X (in `critical_points` they are rows, as data come);
the loss is the sum of squared residuals over 2m, the energy is epsilon = L/n2 for n2 outputs, phi = 2n/m for an n-n-n
network: weights per residual. Capital letters in the steps are matrices of any size, whose symbols do not commute; G is
the Gram matrix X X^T, invertible if X has full row rank.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations
from typing import Any

import flint
import numpy as np
import sympy as sp

from theory.ball import Ball
from theory.balls_of_expressions import ball_from_arb
from theory.derivation import Derivation, Step, Theorem
from theory.domain import Domain
from theory.exact_numbers import exact_number
from theory.exact_two_layer import ExactTwoLayer, exact_rank
from theory.proof import Relation
from theory.symbols import epsilon, m, n, phi

__all__ = ["CriticalSet", "critical_points", "interpolation_threshold", "linear_minimum_energy"]

_SOURCE = "Baldi and Hornik (1989), Neural networks and principal component analysis; least squares"
_MAX_DIRECTIONS = 16
_x, _xt, _y, _yt, _w, _wt, _gram, _right = sp.symbols("X X^T Y Y^T W W^T G C", commutative=False)


@cache
def linear_minimum_energy() -> Derivation:
    r"""Derive the mean energy of the global minima of linear n-n-n networks on Gaussian data.

    .. math:: \mathbb E\, \epsilon_{\min} = \frac12 \Bigl(1 - \frac nm\Bigr) = \frac12 \Bigl(1 - \frac\phi2\Bigr),
              \qquad \frac{\epsilon_{\min}}{|Y|^2/(mn)} \cdot 2
              \sim \mathrm{Beta}\Bigl(\frac{n(m-n)}2, \frac{n^2}2\Bigr)

    Exact at every n and m > n. Energies rescaled by the draw's own mean square of the targets follow the Beta law.

    Returns:
        A derivation on 0 < phi < 2; parts "samples", "Beta mean" and "Beta variance".

    Examples:
        >>> linear_minimum_energy().at(phi="1/2")
        3/8
    """
    a, b, e = sp.symbols("a b e", positive=True)
    best = _y * _xt * _gram**-1
    residual = _y * _yt - best * _x * _yt
    projector = _xt * _gram**-1 * _x
    loss = (_y - _w * _x) * (_yt - _xt * _wt)
    square = (_w - best) * _gram * (_wt - _gram**-1 * _x * _yt)
    second_moment = sp.integrate(e**2 * sp.exp(-(e**2) / 2) / sp.sqrt(2 * sp.pi), (e, -sp.oo, sp.oo))
    energy = sp.Sum(sp.Sum(second_moment, (sp.Symbol("j"), 1, m - n)).doit(), (sp.Symbol("k"), 1, n)).doit() / (
        2 * m * n
    )
    shapes = {a: n * (m - n) / 2, b: n**2 / 2}
    # moments of Beta(a, b): ratios of Beta functions, the Gamma functions taken back by their recursion
    moments = [
        sp.expand_func(sp.gamma(a + k)) / sp.gamma(a) * sp.gamma(a + b) / sp.expand_func(sp.gamma(a + b + k))
        for k in (1, 2)
    ]
    mean, variance = moments[0].subs(shapes), (moments[1] - moments[0] ** 2).subs(shapes)
    net = ExactTwoLayer.sample(2, 2, 2, samples=5, seed=21)
    least_squares = net.targets * net.inputs.T * (net.inputs * net.inputs.T).inv()
    minimum = ExactTwoLayer(sp.ImmutableMatrix(least_squares), sp.ImmutableMatrix(sp.eye(2)), net.inputs, net.targets)
    unit = sp.Symbol("x", positive=True)
    weight = unit * (1 - unit)  # n = 2, m = 4: Beta(2, 2)
    cochran = Theorem(
        "Cochran's theorem",
        "If $P$ is an orthogonal projector of rank $r$, independent of a Gaussian matrix $Y$ with $n$ independent "
        "standard rows, then $|Y (1 - P)|^2$ and $|Y P|^2$ are independent and chi-square with $n (m - r)$ and $n r$ "
        "degrees of freedom; their ratio to the sum follows a Beta law.",
        "Muirhead, Aspects of Multivariate Statistical Theory, chapter 1",
        (
            Step(
                "P = X^T G^-1 X is idempotent, X X^T being G.",
                Relation(_idempotent(projector), "=", projector),
                "exact",
                shown=r"P^2 = X^T G^{-1} G G^{-1} X = P",
            ),
            Step(
                "Its rank is its trace, that of G^-1 G = 1 (an exact instance, n = 2 and m = 5).",
                Relation((net.inputs.T * (net.inputs * net.inputs.T).inv() * net.inputs).trace(), "=", 2),
                "exact",
                shown=r"\mathrm{tr} P = \mathrm{tr} G^{-1} X X^T = n",
            ),
        ),
    )
    return Derivation(
        "The mean energy of the minima of linear networks",
        sp.Eq(epsilon, (1 - phi / 2) / 2),
        (
            Step(
                "Complete the square: the least loss over all W = W2 W1 is that of least squares.",
                Relation(_with_gram(loss), "=", _with_gram(residual + square)),
                "exact",
                shown=r"(Y - W X)(Y - W X)^T = Y (1 - P) Y^T + (W - W_0) G (W - W_0)^T, \quad W_0 = Y X^T G^{-1}",
            ),
            Step(
                "It is the part of Y outside the row space of X: Y (1 - P) Y^T.",
                Relation(residual, "=", _y * (1 - projector) * _yt),
                "exact",
            ),
            Step(
                "An exact instance: the gradient of a 2-2-2 network vanishes at the least-squares solution.",
                Relation(minimum.residuals() * net.inputs.T, "=", sp.zeros(2)),
                "exact",
                shown=r"(Y X^T G^{-1} X - Y) X^T = 0",
            ),
            Step(
                "A target has second moment 1.",
                Relation(second_moment, "=", 1),
                "exact",
                shown=r"\int y^2 \frac{\exp(-y^2/2)}{\sqrt{2 \pi}} dy = 1",
            ),
            Step(
                "So n (m - n) squares of mean 1, divided by 2mn.",
                Relation(energy, "=", (1 - n / m) / 2),
                "exact",
                lambda: (a / (a + b)).subs(shapes) / 2,
            ),
            Step(
                "In the number of weights per residual, phi = 2n/m.",
                Relation(((1 - n / m) / 2).subs(m, 2 * n / phi), "=", (1 - phi / 2) / 2),
                "exact",
                shown=r"\frac{1}{2}\left(1 - \frac{n}{m}\right) = \frac{1}{2}\left(1 - \frac{\phi}{2}\right)",
            ),
            Step("The mean of Beta(n(m-n)/2, n^2/2).", Relation(mean, "=", 1 - n / m), "exact"),
            Step(
                "Its variance.",
                Relation(variance, "=", n / m * (1 - n / m) / (m * n / 2 + 1)),
                "exact",
            ),
            Step(
                "An exact instance, n = 2 and m = 4: mean and variance by integration.",
                Relation(
                    sp.Tuple(mean, variance).subs({n: 2, m: 4}),
                    "=",
                    sp.Tuple(*_mean_and_variance(weight, unit)),
                ),
                "exact",
                shown=r"E u = \frac{1}{2}, \quad \mathrm{Var} u = \frac{1}{20} \quad"
                r" \text{for the density} \quad 6 u (1 - u)",
            ),
            Step("The energy is positive as long as phi < 2.", Relation(0, "<", (1 - phi / 2) / 2), "exact"),
        ),
        Domain(phi=(0, 2)),
        parts={
            "samples": sp.Eq(epsilon, (1 - n / m) / 2),
            "Beta mean": sp.Eq(sp.Symbol("E(2 epsilon)"), 1 - n / m),
            "Beta variance": sp.Eq(sp.Symbol("Var(2 epsilon)"), n / m * (1 - n / m) / (m * n / 2 + 1)),
        },
        assumptions=(
            "targets are independent N(0, 1) and independent of X, which has full row rank n",
            "the hidden layer is not narrower than n, so that W2 W1 takes every value",
            "the Beta law: energies are rescaled by the draw's own mean square of the targets",
        ),
        theorems=(cochran,),
        source=_SOURCE,
    )


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
        source="linear algebra, derived here",
    )


@dataclass(frozen=True)
class CriticalSet:
    """All critical points of a linear two-layer network that fit the same principal directions of the data.

    Args:
        directions: Which, counted from 0 in the order of decreasing singular value.
        energy: L/n2 there, as a certified ball.
        index: The number of negative eigenvalues of the Hessian.
        zero_modes: The number of zero eigenvalues, which is the dimension of the set.
        minimum: Whether these are the global minima; all others are saddles.
    """

    directions: tuple[int, ...]
    energy: Ball
    index: int
    zero_modes: int
    minimum: bool


def critical_points(x: Any, y: Any, hidden: int, *, digits: int = 20) -> tuple[CriticalSet, ...]:
    r"""Return every set of critical points of a linear network with one hidden layer, least energy first.

    With s_i the singular values of (1/m) Y X' Sxx^(-1/2), Sxx = XX'/m, and p = min(n0, n2), the critical sets are the
    sets I of at most min(n1, p) directions, and

    .. math:: \epsilon_I = \frac{\operatorname{tr} YY'/m - \sum_{i \in I} s_i^2}{2 n_2}, \quad
              \mathrm{index}_I = (n_1 - r)(p - r) + \#\{i \in I, j \notin I: s_j > s_i\}, \quad
              \mathrm{nullity}_I = n_1^2 - (n_1 - r)^2 + (n_1 - r) |n_0 - n_2|, \quad r = |I|.

    Args:
        x: Inputs, samples x n0; numbers as `exact_number` reads them, an array as the binary numbers it holds.
        y: Targets, samples x n2.
        hidden: The width n1 of the hidden layer, at least 1.
        digits: Digits of the energies.

    Returns:
        One record per set of directions: 2^p of them if the hidden layer is as wide as p.

    Raises:
        ValueError: If shapes do not fit, a number is not finite, the inputs have not full column rank, p exceeds 16, or
            two singular values are equal or one is zero (then the critical sets are larger families).

    Examples:
        >>> sets = critical_points([[1, 0], [0, 1], [1, 1]], [[2, 0], [0, 1], [2, 1]], hidden=2)
        >>> [(critical.directions, critical.index, critical.zero_modes) for critical in sets]
        [((0, 1), 0, 4), ((0,), 1, 3), ((1,), 2, 3), ((), 4, 0)]

    References:
        Baldi and Hornik (1989); the counts for rectangular shapes are checked against dense Hessians in tests.
    """
    if isinstance(hidden, bool) or not isinstance(hidden, int) or hidden < 1:
        raise ValueError(f"hidden must be an integer >= 1, got {hidden!r}.")
    if digits < 1:
        raise ValueError(f"digits must be >= 1, got {digits}.")
    inputs, targets = _rational_rows("x", x), _rational_rows("y", y)
    if len(inputs) != len(targets):
        raise ValueError(f"x and y must have one row per sample, got {len(inputs)} and {len(targets)} rows.")
    samples, n0, n2 = len(inputs), len(inputs[0]), len(targets[0])
    directions = min(n0, n2)
    if directions > _MAX_DIRECTIONS:
        raise ValueError(f"min(inputs, outputs) must be <= {_MAX_DIRECTIONS}, got {directions}: there are 2^p sets.")
    columns, wanted = flint.fmpq_mat(inputs), flint.fmpq_mat(targets)
    gram = columns.transpose() * columns
    if gram.rank() < n0:
        raise ValueError(f"x must have full column rank {n0}, got rank {gram.rank()}.")
    cross = columns.transpose() * wanted
    explained = cross.transpose() * gram.inv() * cross / samples
    total = sum((wanted[row, column] ** 2 for row in range(samples) for column in range(n2)), flint.fmpq(0)) / samples
    outer = flint.ctx.prec
    try:
        flint.ctx.prec = int(3.33 * digits) + 64
        squares = _leading_eigenvalues(explained, directions)
        sets = []
        for rank in range(min(hidden, directions) + 1):
            for chosen in combinations(range(directions), rank):
                left = [j for j in range(directions) if j not in chosen]
                energy = (flint.arb(total) - sum((squares[i] for i in chosen), flint.arb(0))) / (2 * n2)
                order = sum(1 for i in chosen for j in left if j < i)
                sets.append(
                    CriticalSet(
                        chosen,
                        ball_from_arb(energy, digits),
                        (hidden - rank) * (directions - rank) + order,
                        hidden**2 - (hidden - rank) ** 2 + (hidden - rank) * abs(n0 - n2),
                        chosen == tuple(range(min(hidden, directions))),
                    )
                )
    finally:
        flint.ctx.prec = outer
    return tuple(sorted(sets, key=lambda critical: critical.energy.midpoint))


def _leading_eigenvalues(matrix: flint.fmpq_mat, count: int) -> list[flint.arb]:
    """The largest eigenvalues of a rational symmetric matrix: the isolated roots of its characteristic polynomial."""
    roots: Any = matrix.charpoly().complex_roots()  # all real, the matrix being symmetric
    values = sorted(
        ((root.real, multiplicity) for root, multiplicity in roots), key=lambda pair: float(pair[0].mid()), reverse=True
    )
    leading = values[:count]
    if any(multiplicity > 1 for _, multiplicity in leading) or len(leading) < count:
        raise ValueError("x and y must have distinct singular values, got two that are equal.")
    if any(not (value > 0) for value, _ in leading):
        raise ValueError("x and y must have non-zero singular values, got one that is zero.")
    return [value for value, _ in leading]


def _rational_rows(name: str, rows: Any) -> list[list[flint.fmpq]]:
    table: Sequence[Sequence[object]] = (
        [list(row) for row in np.asarray(rows, dtype=object)] if np.ndim(rows) == 2 else []
    )
    if not table or not table[0]:
        raise ValueError(f"{name} must be a table of samples x features, got the shape {np.shape(rows)}.")
    binary = isinstance(rows, np.ndarray) and rows.dtype.kind == "f"
    result = []
    for row in table:
        exact = [exact_number(name, np.float64(entry) if binary else entry) for entry in row]  # type: ignore[arg-type]
        if not all(entry.is_Rational for entry in exact):
            raise ValueError(f"{name} must hold rational numbers, got {row}.")
        result.append([flint.fmpq(int(entry.p), int(entry.q)) for entry in exact])
    return result


def _with_gram(expression: sp.Expr) -> sp.Expr:
    """Call X X^T by its name G."""
    return sp.expand(sp.expand(expression).subs(_x * _xt, _gram))


def _idempotent(projector: sp.Expr) -> sp.Expr:
    return (projector * projector).subs(_x * _xt, _gram)


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


def _mean_and_variance(weight: sp.Expr, unit: sp.Symbol) -> tuple[sp.Expr, sp.Expr]:
    """Mean and variance of the density proportional to a weight on (0, 1), by integration."""
    mass, first, second = (sp.integrate(unit**k * weight, (unit, 0, 1)) for k in range(3))
    return first / mass, second / mass - (first / mass) ** 2
