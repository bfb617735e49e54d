r"""Where gradient descent of quadratic units stops although a path leads on: plateaus, at every width.

Conventions: outputs x'A x, A = sum_j u_j w_j w_j' with p units, n >= 2 inputs with law N(0, 1); the loss is
L = E (x'(A - T) x)^2 = 2 |A - T|^2 + (tr (A - T))^2 without a half, T = diag(2, ..., 2, -1). Gradient flow is the limit
of gradient descent at small steps: every weight moves with minus its derivative of the loss.
"""

from functools import cache

import sympy as sp

from theory.conserved_difference import conserved_difference_steps
from theory.derivation import Derivation, Step
from theory.domain import Domain
from theory.level_sets.quadratic_valleys import gaussian_loss_step
from theory.proof import Relation

__all__ = ["plateau_of_quadratic_units"]

_n = sp.Symbol("n", positive=True)
_c, _t = sp.symbols("c t", positive=True)
_TARGET = sp.diag(2, -1)


@cache
def plateau_of_quadratic_units() -> Derivation:
    r"""Derive the level at which gradient flow stops when all outer weights are positive and large enough.

    .. math:: L_{\mathrm{plateau}} = 2 + \frac{2}{n + 1}, \qquad L_{\min} = 0

    Where 2 u_j^2 > |w_j|^2 and u_j > 0 for all units at the start, no u_j ever reaches 0, so that A stays positive
    semidefinite and L above the least loss of such matrices. That is attained at points where some w_j = 0: there the
    loss does not depend on u_j > 0, so they are local minima that are not strict, at every width p >= n - 1. From
    p >= n on the loss is not least there, and a path that never rises leads on (`theory.quadratic_descent`): u_j
    becomes negative while w_j = 0, then w_j grows.

    Returns:
        A derivation; the value is the level, for any n >= 2.

    Examples:
        >>> plateau_of_quadratic_units().at(n=2)
        8/3
    """
    level = 2 + 2 / (_n + 1)
    shift, trace = -1 / (_n + 1), 2 / (_n + 1)
    return Derivation(
        "Plateaus on which gradient descent of quadratic units stops",
        sp.Eq(sp.Symbol("L_plateau"), level),
        (
            gaussian_loss_step(),
            *conserved_difference_steps(),
            Step(
                "With c = 2 u_j^2 - |w_j|^2 > 0 at the start u_j^2 stays away from 0, so that u_j keeps its sign.",
                Relation(0, "<", (_c + _t) / 2),
                "exact",
                shown=r"u_j^2 = \frac{c + |w_j|^2}{2} > 0",
                domain=Domain(c=(0, sp.oo), t=(0, sp.oo)),
            ),
            Step(
                "If that sign is + for all units, A stays positive semidefinite (two units, n = 2):",
                Relation(_form(), "=", _weighted_squares()),
                "exact",
                shown=r"x^{T} A x = \sum_j u_j (w_j \cdot x)^2 \geq 0",
            ),
            Step(
                "Let A* = diag(2 + c, ..., 2 + c, 0), c = -1/(n + 1); the trace of A* - T is 1 + (n - 1) c.",
                Relation(1 + (_n - 1) * shift, "=", trace),
                "exact",
                shown=r"\mathrm{tr} (A^* - T) = \frac{2}{n + 1}",
            ),
            Step(
                "Its loss:",
                Relation(2 * ((_n - 1) * shift**2 + 1) + trace**2, "=", level),
                "exact",
                shown=r"L(A^*) = 2 + \frac{2}{n + 1}",
            ),
            Step(
                "The derivative by A there, G = 4 (A* - T) + 2 tr (A* - T), is diagonal, with n - 1 zeros",
                Relation(4 * shift + 2 * trace, "=", 0),
                "exact",
                shown=r"4 c + 2\,\mathrm{tr}(A^* - T) = 0",
            ),
            Step(
                "and one positive entry.",
                Relation(4 + 2 * trace, "=", 4 * (_n + 2) / (_n + 1)),
                "exact",
                shown=r"G_{n n} = 4 \frac{n + 2}{n + 1}",
            ),
            Step(
                "So no positive semidefinite A, for which A_nn >= 0, has a lower loss (n = 2 written out).",
                _expansion(),
                "exact",
                shown=r"L(A) = L(A^*) + G_{n n} A_{n n} + 2 |A - A^*|^2 + (\mathrm{tr} (A - A^*))^2",
            ),
            Step(
                "Two units, u = (5/3, t), w = (e_1, 0), at n = 2: loss and gradient are the same for all t > 0, and "
                "near by A is positive semidefinite: a local minimum that is not strict.",
                Relation(_on_the_plateau(), "=", sp.Tuple(sp.Rational(8, 3), *[0] * 6)),
                "exact",
                shown=r"L = \frac{8}{3}, \quad \nabla L = 0",
                domain=Domain(t=(0, sp.oo)),
            ),
            Step(
                "The way on: t to -1 with w_2 = 0, then A straight to T, by w_2 growing along e_2:",
                Relation(_way_on(), "=", (1 - _t) ** 2 * sp.Rational(8, 3)),
                "exact",
                shown=r"L((1 - t) A^* + t\,T) = (1 - t)^2 L(A^*)",
                domain=Domain(t=(0, 1)),
            ),
            Step("The plateau is above the least loss, 0 for p >= n.", Relation(0, "<", level), "exact"),
        ),
        Domain(n=(1, sp.oo)),
        assumptions=(
            "n >= 2 inputs with law N(0, 1); T = diag(2, ..., 2, -1)",
            "gradient flow; all u_j > 0 and 2 u_j^2 > |w_j|^2 at the start",
        ),
        source="Venturi, Bandeira and Bruna (2019), arXiv:1802.06384, on spurious valleys, which exclude no plateaus; "
        "Du, Hu and Lee (2018), arXiv:1806.00900, on what gradient flow conserves",
        shown={"result": r"L_{\mathrm{plateau}} = 2 + \frac{2}{n + 1}"},
    )


def _loss(gap: sp.Matrix) -> sp.Expr:
    return 2 * sum((entry**2 for entry in gap), sp.Integer(0)) + gap.trace() ** 2


def _form() -> sp.Expr:
    x = sp.Matrix(sp.symbols("x_1 x_2", real=True))
    w = sp.Matrix(2, 2, sp.symbols("w_11 w_12 w_21 w_22", real=True))
    matrix = w * sp.diag(*sp.symbols("u_1:3", real=True)) * w.T
    return sp.expand((x.T * matrix * x)[0])


def _weighted_squares() -> sp.Expr:
    x = sp.symbols("x_1 x_2", real=True)
    w = sp.symbols("w_11 w_12 w_21 w_22", real=True)
    u = sp.symbols("u_1:3", real=True)
    return u[0] * (w[0] * x[0] + w[2] * x[1]) ** 2 + u[1] * (w[1] * x[0] + w[3] * x[1]) ** 2


def _expansion() -> Relation:
    """The loss around A*, for n = 2."""
    a, b, d = sp.symbols("a b d", real=True)
    matrix, best = sp.Matrix([[a, b], [b, d]]), sp.diag(sp.Rational(5, 3), 0)
    right = sp.Rational(8, 3) + sp.Rational(16, 3) * d + _loss(matrix - best)
    return Relation(sp.expand(_loss(matrix - _TARGET)), "=", sp.expand(right))


def _on_the_plateau() -> sp.Tuple:
    """Loss and gradient by all parameters, from the definition."""
    u = sp.symbols("u_1:3", real=True)
    w = sp.Matrix(2, 2, sp.symbols("w_11 w_12 w_21 w_22", real=True))
    loss = _loss(w * sp.diag(*u) * w.T - _TARGET)
    point = {u[0]: sp.Rational(5, 3), u[1]: _t} | dict(zip(w, (1, 0, 0, 0), strict=True))
    return sp.Tuple(*(expression.subs(point) for expression in (loss, *(loss.diff(z) for z in (*u, *w)))))


def _way_on() -> sp.Expr:
    return sp.expand(_loss((1 - _t) * sp.diag(sp.Rational(5, 3), 0) + _t * _TARGET - _TARGET))
