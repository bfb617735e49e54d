r"""The least width at which all sublevel sets of quadratic units are connected: one unit more than inputs.

Conventions: outputs x'A x, A = sum_j u_j w_j w_j' with p units on n inputs; N examples, whose number does not enter.
"""

from functools import cache

import sympy as sp

from theory.derivation import Derivation, Step
from theory.domain import Domain
from theory.level_sets.quadratic_valleys import quadratic_minima_at_equal_width
from theory.proof import Relation

__all__ = ["connected_quadratic_width"]

_n = sp.Symbol("n", positive=True)


@cache
def connected_quadratic_width() -> Derivation:
    r"""Derive the least number of quadratic units from which on all sublevel sets are connected, whatever the data.

    .. math:: p = n + 1

    The loss is a convex function of the n x n matrix A, for any number N of examples: it is the inputs that count. n
    units can have the eigenvectors of A for weights, and one that is free changes signs and orientations
    (`theory.quadratic_path` is the path). With n units there are data with disconnected global minima
    (`theory.quadratic_minima_at_equal_width`). If N is read as the number of data entries, more than 2 N units are
    enough too, but for any activation whatever: N units make the values of the outputs on the data free, and 2 N are
    enough to connect (`theory.wide_path`).

    Returns:
        A derivation; the value is n + 1, the part "data" the least number of examples that determine A.

    Examples:
        >>> connected_quadratic_width().value, connected_quadratic_width().at(part="data", n=3)
        (n + 1, 6)
    """
    width, data = _n + 1, _n * (_n + 1) / 2
    barrier = quadratic_minima_at_equal_width().value
    u, c, tau = sp.symbols("u c tau", real=True)
    w = sp.Matrix(sp.symbols("w_1 w_2", real=True))
    cosine, sine = (1 - tau**2) / (1 + tau**2), 2 * tau / (1 + tau**2)
    return Derivation(
        "The width from which on quadratic units have connected sublevel sets",
        sp.Eq(sp.Symbol("p"), width),
        (
            Step(
                "The square of each error is convex in A, whatever the example (n = 2): its second derivative in a "
                "direction B is",
                Relation(_bend(), "=", _squared_form()),
                "exact",
                shown=r"\frac{d^2}{d t^2} (x^{T} (A + t B) x - y)^2 = 2 (x^{T} B x)^2 \geq 0",
            ),
            Step(
                "Of n + 1 columns some combination vanishes (n = 2), so that one unit can be freed with A constant.",
                Relation(_cramer(), "=", sp.zeros(2, 1)),
                "exact",
                shown=r"\sum_j (-1)^j \det (w_i)_{i \neq j} \, w_j = 0",
            ),
            Step(
                "A free unit of the same sign lets any other one turn round, which changes the sign of the "
                "determinant of the n columns: (w cos, w sin) for the angles 0 to 180 degrees has a constant",
                Relation(
                    (u * (w * cosine) * (w * cosine).T + u * (w * sine) * (w * sine).T).applyfunc(sp.expand),
                    "=",
                    u * w * w.T,
                ),
                "exact",
                shown=r"u\,(w \cos)(w \cos)^{T} + u\,(w \sin)(w \sin)^{T} = u\,w w^{T}",
            ),
            Step(
                "and, with w = 0, may change its sign: A does not depend on c there.",
                Relation((c * (0 * w) * (0 * w).T + u * w * w.T).diff(c), "=", sp.zeros(2, 2)),
                "exact",
                shown=r"\frac{\partial}{\partial c} (c \cdot 0 \cdot 0^{T} + u\,w w^{T}) = 0",
            ),
            Step(
                "With n units global minima are separated by a wall, for some data.",
                Relation(0, "<", barrier),
                "exact",
                shown=r"0 < 2 + \frac{2}{n + 1}",
            ),
            Step(
                "Already so many examples as A has entries determine A: pairs of inputs, once each.",
                Relation(sp.binomial(_n, 2).expand(func=True) + _n, "=", data),
                "exact",
                shown=r"\binom{n}{2} + n = \frac{n (n + 1)}{2}",
            ),
            Step(
                "For these N the printed width, 2 N + 1, is above the least one.",
                Relation(width, "<", 2 * data + 1),
                "exact",
                shown=r"n + 1 < 2 N + 1, \quad N = \frac{n (n + 1)}{2}",
            ),
        ),
        Domain(n=(1, sp.oo)),
        parts={"data": sp.Eq(sp.Symbol("N"), data)},
        titles={
            "data": "examples that determine the function",
        },
        assumptions=("the loss is a convex function of the outputs on the examples",),
        source="Venturi, Bandeira and Bruna (2019), arXiv:1802.06384, on quadratic activations, for width above 2 n",
        shown={"result": r"p = n + 1", "data": r"N = \frac{n (n + 1)}{2}"},
    )


def _bend() -> sp.Expr:
    x = sp.Matrix(sp.symbols("x_1 x_2", real=True))
    a, b = (sp.Matrix(2, 2, sp.symbols(f"{z}_11 {z}_12 {z}_12 {z}_22", real=True)) for z in "ab")
    t, y = sp.symbols("t y", real=True)
    return sp.expand(((x.T * (a + t * b) * x)[0] - y) ** 2).diff(t, 2)


def _squared_form() -> sp.Expr:
    x, y = sp.symbols("x_1 x_2", real=True)
    b = sp.symbols("b_11 b_12 b_22", real=True)
    return sp.expand(2 * (b[0] * x**2 + 2 * b[1] * x * y + b[2] * y**2) ** 2)


def _cramer() -> sp.Matrix:
    columns = [sp.Matrix(sp.symbols(f"w_{unit}1 w_{unit}2", real=True)) for unit in (1, 2, 3)]
    total = sp.zeros(2, 1)
    for place, column in enumerate(columns):
        others = [other for position, other in enumerate(columns) if position != place]
        total += (-1) ** place * sp.Matrix.hstack(*others).det() * column
    return total.applyfunc(sp.expand)
