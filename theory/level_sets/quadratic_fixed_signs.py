r"""Quadratic units with fixed output weights: second-order points are global if there are enough of both signs.

Conventions: outputs sum_j v_j (w_j . x)^2 with v fixed, d inputs; L is the sum of squared errors over N examples of any
labels, without a half or a mean. r_k are the errors and R = sum_k r_k x_k x_k', a d x d matrix. A *second-order point*
has gradient 0 and a positive semidefinite Hessian.
"""

from functools import cache

import sympy as sp

from theory.derivation import Derivation, Step
from theory.domain import Domain
from theory.proof import Relation

__all__ = ["fixed_output_signs"]

_HALF = sp.Rational(1, 2)
_EXAMPLES = (((1, 0), 1), ((0, 1), 1), ((_HALF, _HALF), 0))
_ROOT = sp.sqrt(sp.Rational(2, 3))


@cache
def fixed_output_signs() -> Derivation:
    r"""Derive a second-order point that is not global for one positive output weight, and how a second one frees it.

    **The theorem**, which the first steps show: with at least d positive and d negative v_j every second-order point is
    a global minimum, for any data. If the w_j of d positive units are independent, the gradient 4 v_j R w_j = 0 says
    R = 0. If they are dependent, there are a_j, not all 0, with sum_j v_j a_j w_j = 0 over those units, and in the
    direction a_j z the second derivative is 4 (sum_j v_j a_j^2) z'R z: so R is positive semidefinite. By the negative
    units R is 0 or negative semidefinite. So R = 0, where the loss, which is convex in A = sum_j v_j w_j w_j', is least
    among all symmetric matrices.

    With d = 2 and one positive unit it is false, however many negative ones there are: for the examples (e_1, 1),
    (e_2, 1) and ((1/2, 1/2), 0) the point w = (s, s), s^2 = 2/3, the negative units at 0, is of second order and has
    the loss 2/3, and not 0 as w = (1, -1). A second positive unit at 0 has a negative curvature there.

    Returns:
        A derivation; the value is the loss of that point, the part "escape" the curvature of a second positive unit.

    Examples:
        >>> fixed_output_signs().value, fixed_output_signs().parts["escape"].rhs
        (2/3, -8/3)
    """
    level, escape = sp.Rational(2, 3), -sp.Rational(8, 3)
    z = sp.symbols("z_1:7", real=True)
    bad = (_ROOT, _ROOT, 0, 0, 0, 0)
    gradient, curvature = _at(bad, (1, -1, -1), z)
    freed = _at((_ROOT, _ROOT, 0, 0), (1, 1), (0, 0, 1, -1))[1]
    return Derivation(
        "Fixed output weights: enough of both signs",
        sp.Eq(sp.Symbol("L_stuck"), level),
        (
            Step(
                "The gradient by the weights of a unit (d = 2, one example):",
                _gradient(),
                "exact",
                shown=r"\frac{\partial L}{\partial w_j} = 4 v_j R w_j, \quad R = \sum_k r_k x_k x_k^{T}",
            ),
            Step(
                "If it is 0 for d units with independent w_j, R is 0 (d = 2):",
                _cancelled(),
                "exact",
                shown=r"R W = 0 \Rightarrow (\det W) R = R W \,\mathrm{adj} W = 0",
            ),
            Step(
                "The second derivative when the w_j of two units move by t a_j z:",
                _second_derivative(),
                "exact",
                shown=r"4 \sum_j v_j a_j^2 \; z^{T} R z + 8 \sum_k \left(z \cdot x_k \; x_k \cdot \sum_j v_j a_j w_j"
                r"\right)^2",
            ),
            Step(
                "If the w_j are dependent, a_j with sum v_j a_j w_j = 0 leave the first term, whose sign is that of "
                "v_j z'R z: by d units of each sign R is 0. The loss is convex in A, with the derivative R: (d = 2)",
                _convex(),
                "exact",
                shown=r"(x^{T} (A + B) x - y)^2 = r^2 + 2 r \, x^{T} B x + (x^{T} B x)^2",
            ),
            Step(
                "One positive unit at (s, s), s^2 = 2/3, two negative ones at 0: loss and gradient",
                Relation(
                    sp.Tuple(_loss(bad, (1, -1, -1)), *gradient),
                    "=",
                    sp.Tuple(level, *[0] * 6),
                ),
                "exact",
                shown=r"L = \frac{2}{3}, \quad \nabla L = 0",
            ),
            Step(
                "The second derivative in a direction z: a sum of squares.",
                Relation(sp.expand(curvature), "=", sp.expand(_sum_of_squares(z))),
                "exact",
                shown=r"4 (z_1 + z_2)^2 + 2 (z_1 - z_2)^2 + \frac{2}{3} (z_3 - z_4)^2 + \frac{2}{3} (z_5 - z_6)^2",
            ),
            Step(
                "The global minimum, w = (1, -1):",
                Relation(_loss((1, -1, 0, 0, 0, 0), (1, -1, -1)), "=", 0),
                "exact",
                shown=r"L = 0",
            ),
            Step("is below.", Relation(0, "<", level), "exact", shown=r"0 < \frac{2}{3}"),
            Step(
                "With a second positive unit at 0 the point has the second derivative, in that unit's direction "
                "(1, -1),",
                Relation(freed, "=", escape),
                "exact",
                shown=r"4 z^{T} R z = -\frac{8}{3}",
            ),
        ),
        Domain(),
        parts={"escape": sp.Eq(sp.Symbol("curvature"), escape)},
        titles={
            "escape": "curvature of a second positive unit",
        },
        assumptions=("the output weights are fixed; any examples",),
        source="Soltanolkotabi, Javanmard and Lee (2019), arXiv:1707.04926, theorem 2.1",
        shown={"result": r"L = \frac{2}{3}", "escape": r"-\frac{8}{3}"},
    )


def _loss(weights: tuple[sp.Expr, ...], outer: tuple[int, ...]) -> sp.Expr:
    """The loss on the three examples; weights unit by unit."""
    total = sp.Integer(0)
    for (first, second), label in _EXAMPLES:
        output = sum(
            (v * (weights[2 * j] * first + weights[2 * j + 1] * second) ** 2 for j, v in enumerate(outer)),
            sp.Integer(0),
        )
        total += (output - label) ** 2
    return sp.expand(total)


def _at(point: tuple[sp.Expr, ...], outer: tuple[int, ...], z: tuple[sp.Expr, ...]) -> tuple[list[sp.Expr], sp.Expr]:
    """The gradient and the second derivative in a direction, from the definition."""
    names = sp.symbols(f"w_1:{len(point) + 1}", real=True)
    loss, place, t = _loss(names, outer), dict(zip(names, point, strict=True)), sp.Symbol("t", real=True)
    moved = tuple(value + t * step for value, step in zip(point, z, strict=True))
    return [loss.diff(name).subs(place) for name in names], _loss(moved, outer).diff(t, 2).subs(t, 0)


def _sum_of_squares(z: tuple[sp.Expr, ...]) -> sp.Expr:
    third = sp.Rational(2, 3)
    return 4 * (z[0] + z[1]) ** 2 + 2 * (z[0] - z[1]) ** 2 + third * (z[2] - z[3]) ** 2 + third * (z[4] - z[5]) ** 2


def _one_example() -> tuple[sp.Expr, sp.Matrix, list[sp.Matrix], tuple[sp.Symbol, ...], sp.Symbol]:
    """The error on one example with two units, x, the w_j, the v_j and the label."""
    x = sp.Matrix(sp.symbols("x_1 x_2", real=True))
    columns = [sp.Matrix(sp.symbols(f"w_{unit}1 w_{unit}2", real=True)) for unit in (1, 2)]
    outer, label = sp.symbols("v_1 v_2", real=True), sp.Symbol("y", real=True)
    error = sum((v * (w.dot(x)) ** 2 for v, w in zip(outer, columns, strict=True)), -label)
    return error, x, columns, outer, label


def _gradient() -> Relation:
    error, x, columns, outer, _ = _one_example()
    w = columns[0]
    derived = sp.Matrix([sp.expand((error**2).diff(entry)) for entry in w])
    return Relation(derived, "=", (4 * outer[0] * error * x * x.T * w).applyfunc(sp.expand))


def _cancelled() -> Relation:
    r = sp.Matrix(2, 2, sp.symbols("r_11 r_12 r_12 r_22", real=True))
    w = sp.Matrix(2, 2, sp.symbols("w_11 w_12 w_21 w_22", real=True))
    return Relation((r * w * w.adjugate()).applyfunc(sp.expand), "=", (w.det() * r).applyfunc(sp.expand))


def _second_derivative() -> Relation:
    error, x, columns, outer, _ = _one_example()
    a, z = sp.symbols("a_1 a_2", real=True), sp.Matrix(sp.symbols("z_1 z_2", real=True))
    t = sp.Symbol("t", real=True)
    moved = error.subs(
        {entry: entry + t * a[j] * z[i] for j, w in enumerate(columns) for i, entry in enumerate(w)}, simultaneous=True
    )
    derived = sp.expand((moved**2).diff(t, 2).subs(t, 0))
    combined = sum((v * factor * w for v, factor, w in zip(outer, a, columns, strict=True)), sp.zeros(2, 1))
    weight = sum((v * factor**2 for v, factor in zip(outer, a, strict=True)), sp.Integer(0))
    right = 4 * weight * error * z.dot(x) ** 2 + 8 * (z.dot(x) * combined.dot(x)) ** 2
    return Relation(derived, "=", sp.expand(right))


def _convex() -> Relation:
    x = sp.Matrix(sp.symbols("x_1 x_2", real=True))
    a, b = (sp.Matrix(2, 2, sp.symbols(f"{name}_11 {name}_12 {name}_12 {name}_22", real=True)) for name in "ab")
    y = sp.Symbol("y", real=True)
    error, change = (x.T * a * x)[0] - y, (x.T * b * x)[0]
    return Relation(
        sp.expand(((x.T * (a + b) * x)[0] - y) ** 2), "=", sp.expand(error**2 + 2 * error * change + change**2)
    )
