r"""The mean energy of the global minima of linear two-layer networks on Gaussian data.

Conventions: outputs W2 W1 X with the m samples in the columns of X; the loss is the sum of squared residuals over 2m,
the energy is epsilon = L/n2 for n2 outputs, phi = 2n/m for an n-n-n network: weights per residual. Capital letters in
the steps are matrices of any size, whose symbols do not commute; G is the Gram matrix X X^T, invertible if X has full
row rank.
"""

from functools import cache

import sympy as sp

from theory.derivation import Derivation, Step, Theorem
from theory.domain import Domain
from theory.exact_two_layer import ExactTwoLayer
from theory.proof import Relation
from theory.symbols import epsilon, m, n, phi

__all__ = ["linear_minimum_energy"]

_SOURCE = "Baldi and Hornik (1989), Neural networks and principal component analysis; least squares"
_x, _xt, _y, _yt, _w, _wt, _gram = sp.symbols("X X^T Y Y^T W W^T G", commutative=False)
_PROJECTOR = _xt * _gram**-1 * _x


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
                Relation(residual, "=", _y * (1 - _PROJECTOR) * _yt),
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
        Domain(phi=(0, 2), n=(0, sp.oo), m=(1, sp.oo)).with_integers("n", "m").where(n < m),
        parts={
            "samples": sp.Eq(epsilon, (1 - n / m) / 2),
            "Beta mean": sp.Eq(sp.Symbol("E(2 epsilon)"), 1 - n / m),
            "Beta variance": sp.Eq(sp.Symbol("Var(2 epsilon)"), n / m * (1 - n / m) / (m * n / 2 + 1)),
        },
        titles={
            "samples": "energy by the number of samples",
            "Beta mean": "mean of the Beta law",
            "Beta variance": "variance of the Beta law",
        },
        assumptions=(
            "targets are independent N(0, 1) and independent of X, which has full row rank n",
            "the hidden layer is not narrower than n, so that W2 W1 takes every value",
            "the Beta law: energies are rescaled by the draw's own mean square of the targets",
        ),
        theorems=(cochran_theorem(),),
        source=_SOURCE,
    )


@cache
def cochran_theorem() -> Theorem:
    """Return Cochran's theorem for the projector on the row space of X, with its hypotheses as steps."""
    inputs = ExactTwoLayer.sample(2, 2, 2, samples=5, seed=21).inputs
    return Theorem(
        "Cochran's theorem",
        "If $P$ is an orthogonal projector of rank $r$, independent of a Gaussian matrix $Y$ with $n$ independent "
        "standard rows, then $|Y (1 - P)|^2$ and $|Y P|^2$ are independent and chi-square with $n (m - r)$ and $n r$ "
        "degrees of freedom; their ratio to the sum follows a Beta law.",
        "Muirhead, Aspects of Multivariate Statistical Theory, chapter 1",
        (
            Step(
                "P = X^T G^-1 X is idempotent, X X^T being G.",
                Relation(_idempotent(_PROJECTOR), "=", _PROJECTOR),
                "exact",
                shown=r"P^2 = X^T G^{-1} G G^{-1} X = P",
            ),
            Step(
                "Its rank is its trace, that of G^-1 G = 1 (an exact instance, n = 2 and m = 5).",
                Relation((inputs.T * (inputs * inputs.T).inv() * inputs).trace(), "=", 2),
                "exact",
                shown=r"\mathrm{tr} P = \mathrm{tr} G^{-1} X X^T = n",
            ),
        ),
    )


def _with_gram(expression: sp.Expr) -> sp.Expr:
    """Call X X^T by its name G."""
    return sp.expand(sp.expand(expression).subs(_x * _xt, _gram))


def _idempotent(projector: sp.Expr) -> sp.Expr:
    return (projector * projector).subs(_x * _xt, _gram)


def _mean_and_variance(weight: sp.Expr, unit: sp.Symbol) -> tuple[sp.Expr, sp.Expr]:
    """Mean and variance of the density proportional to a weight on (0, 1), by integration."""
    mass, first, second = (sp.integrate(unit**k * weight, (unit, 0, 1)) for k in range(3))
    return first / mass, second / mass - (first / mass) ** 2
