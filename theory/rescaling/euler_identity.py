r"""What invariance under rescaling leaves at one point: the Hessian along the orbit, which is flat where g vanishes.

Conventions: L(t theta_1, theta_2 / t) = L(theta_1, theta_2) for all t > 0, twice differentiable; g_k and H_kl are the
blocks of its gradient and Hessian. For K layers this holds for every pair of layers, for units for the incoming weights
w_j and the outgoing weights v_j of each hidden unit.
"""

from collections.abc import Sequence
from functools import cache
from itertools import pairwise

import sympy as sp

from theory.derivation import Derivation, Step, Theorem
from theory.domain import Domain
from theory.exact_numbers import exact_number, listed
from theory.exact_two_layer import ExactTwoLayer, exact_rank
from theory.proof import Relation
from theory.rescaling.activation_pattern import PatternNetwork
from theory.rescaling.diagonal_maps import Rescaling, checked_sizes, layer_rescaling, unit_rescaling

__all__ = ["orbit_tangents", "singular_hessian"]

_SOURCE = "Derived here; the printed statement is that of a non-degenerate Hessian in a talk on arXiv:1703.04933"
_t = sp.Symbol("t", positive=True)


@cache
def singular_hessian() -> Derivation:
    r"""Derive the Hessian along the orbit of rescalings, and that it is singular at every minimum.

    .. math:: H(\theta) \begin{pmatrix} \theta_1 \\ -\theta_2 \end{pmatrix} = \begin{pmatrix} -g_1 \\ g_2 \end{pmatrix}

    At a critical point other than the origin the right-hand side is 0 and the vector is not: the Hessian is degenerate.
    The origin is an exception: it may be a critical point with an invertible Hessian, but then it is a saddle.

    Returns:
        A derivation; the value is the image, for one weight in each layer. The parts are "balance", what the
        derivative along the orbit says of the gradient, "along", the quadratic form of that direction, and "origin",
        the determinant at the origin of L = (w_1 w_2 - 1)^2.

    Examples:
        >>> singular_hessian().at(g_1=0, g_2=0)
        (0, 0)
    """
    theta1, theta2, g1, g2 = sp.symbols("theta_1 theta_2 g_1 g_2", real=True)
    jet, (x, y), hessian = _jet()
    orbit = {x: (_t - 1) * theta1, y: (1 / _t - 1) * theta2}
    direction = sp.ImmutableMatrix([theta1, -theta2])
    image = sp.Tuple(-g1, g2)
    balance = theta1 * g1 - theta2 * g2
    two, three, wide = PatternNetwork((2, 2, 1), 2), PatternNetwork((1, 2, 1, 1), 2), PatternNetwork((2, 3, 1), 2)
    slopes = [_derivative_at_one(jet.diff(z).subs(orbit, simultaneous=True)) for z in (x, y)]
    u, v, b = sp.symbols("u v B", real=True)
    toy = (u * v - 1) ** 2
    at_origin = sp.ImmutableMatrix(sp.hessian(toy, (u, v)).subs({u: 0, v: 0}))
    fitted = _fitted()
    return Derivation(
        "Along the orbit of rescalings the Hessian is the gradient; at a minimum it is singular",
        sp.Eq(sp.Symbol("H_v"), image),
        (
            Step(
                "The loss does not change along the orbit: the derivative at t = 1, L known to third order.",
                Relation(_derivative_at_one(jet.subs(orbit, simultaneous=True)), "=", balance),
                "exact",
                lambda: (sp.Matrix([g1, g2]).T * direction)[0],
                shown=r"0 = \frac{d}{dt} L(t \theta_1, \theta_2 / t) = \theta_1 \cdot g_1 - \theta_2 \cdot g_2"
                r" \quad (t = 1)",
            ),
            Step(
                "The gradient along the orbit changes by the Hessian,",
                Relation(sp.Tuple(*slopes), "=", sp.Tuple(*(hessian * direction))),
                "exact",
                lambda: sp.Tuple(*(_quotient_at_one(jet.diff(z).subs(orbit, simultaneous=True)) for z in (x, y))),
                shown=r"\frac{d}{dt} \nabla L(t \theta_1, \theta_2 / t) = H (\theta_1, - \theta_2) \quad (t = 1)",
            ),
            Step(
                "and by its transformation: it is (g_1 / t, t g_2).",
                Relation(sp.Tuple(*(_derivative_at_one(z) for z in (g1 / _t, g2 * _t))), "=", image),
                "exact",
                shown=r"\frac{d}{dt} \left(\frac{g_1}{t}, t g_2\right) = (- g_1, g_2) \quad (t = 1)",
            ),
            Step(
                "Both are one derivative. All weights, slopes and targets free, for a network 2-2-1 at two samples:",
                Relation(two.hessian * _signed(two, two.weights, {1: 1, 2: -1}), "=", _pulled(two, {1: -1, 2: 1})),
                "exact",
                lambda: _change_of_gradient(two, layer_rescaling((_t, 1 / _t), two.block_sizes)),
                shown=r"H (\theta_1, - \theta_2) = (- g_1, g_2)",
            ),
            Step(
                "three layers, 1-2-1-1, each pair of them: K - 1 directions,",
                Relation(
                    sp.ImmutableMatrix.hstack(
                        three.hessian * _signed(three, three.weights, {1: 1, 2: -1}),
                        three.hessian * _signed(three, three.weights, {2: 1, 3: -1}),
                    ),
                    "=",
                    sp.ImmutableMatrix.hstack(_pulled(three, {1: -1, 2: 1}), _pulled(three, {2: -1, 3: 1})),
                ),
                "exact",
                lambda: sp.ImmutableMatrix.hstack(
                    *(
                        _change_of_gradient(three, layer_rescaling(alphas, three.block_sizes))
                        for alphas in ((_t, 1 / _t, 1), (1, _t, 1 / _t))
                    )
                ),
                shown=r"H (\theta_1, - \theta_2, 0) = (- g_1, g_2, 0), \quad"
                r" H (0, \theta_2, - \theta_3) = (0, - g_2, g_3)",
            ),
            Step(
                "and each hidden unit of a network 2-3-1 by itself: h directions.",
                Relation(
                    wide.hessian * _tangents(wide),
                    "=",
                    -sp.ImmutableMatrix(_tangents(wide).subs(_gradients(wide), simultaneous=True)),
                ),
                "exact",
                lambda: sp.ImmutableMatrix.hstack(
                    *(
                        _change_of_gradient(wide, unit_rescaling([factors], wide.widths))
                        for factors in ((_t, 1, 1), (1, _t, 1), (1, 1, _t))
                    )
                ),
                shown=r"H (w_j, - v_j) = (- g_{w_j}, g_{v_j}), \quad j = 1, \ldots, h",
            ),
            Step(
                "The quadratic form of that direction: the curvature along the orbit is 0 only with the gradient.",
                Relation((sp.Matrix([-g1, g2]).T * direction)[0], "=", -theta1 * g1 - theta2 * g2),
                "exact",
                shown=r"(\theta_1, - \theta_2)^{T} H (\theta_1, - \theta_2)"
                r" = - \theta_1 \cdot g_1 - \theta_2 \cdot g_2",
            ),
            Step(
                "Exact instances, ReLU networks 2-h-1 with h = 2, 3, 4 that fit their targets: H maps these directions "
                "to 0,",
                Relation(
                    sp.Tuple(*(net.hessian() * orbit_tangents(_flat(net), (2, h, 1)) for h, net in fitted.items())),
                    "=",
                    sp.Tuple(*(sp.ImmutableMatrix(sp.zeros(net.parameters, h)) for h, net in fitted.items())),
                ),
                "exact",
                shown=r"H (w_j, - v_j) = 0, \quad j = 1, \ldots, h",
            ),
            Step(
                "which are independent: at least h eigenvalues are 0.",
                Relation(
                    sp.Tuple(*(sp.Integer(h - 1) for h in fitted)),
                    "<",
                    sp.Tuple(*(sp.Integer(net.parameters - exact_rank(net.hessian())) for net in fitted.values())),
                ),
                "exact",
                shown=r"n - \mathrm{rank} H = "
                + ", ".join(str(net.parameters - exact_rank(net.hessian())) for net in fitted.values())
                + r" \ge h = 2, 3, 4",
            ),
            Step(
                "At the origin the direction itself is 0. There the gradient of L = (w_1 w_2 - 1)^2 vanishes",
                Relation(sp.Tuple(toy.diff(u), toy.diff(v)).subs({u: 0, v: 0}), "=", sp.Tuple(0, 0)),
                "exact",
                shown=r"\nabla (w_1 w_2 - 1)^2 = 0 \quad (w = 0)",
            ),
            Step(
                "and the Hessian is invertible,",
                Relation(at_origin.det(), "=", -4),
                "exact",
                lambda: _product_of_curvatures(toy, (u, v)),
                shown=r"H = \left(\begin{array}{cc} 0 & -2 \\ -2 & 0 \end{array}\right), \quad \det H = -4",
            ),
            Step(
                "but it is no minimum: at the origin the loss is constant along each layer alone, the diagonal blocks "
                "are 0, and what is left takes both signs.",
                Relation(_form(b, u, -v), "=", -_form(b, u, v)),
                "exact",
                shown=r"(u, -v)^{T} H (u, -v) = -2 u^{T} B v = - (u, v)^{T} H (u, v)",
            ),
            Step(
                "The directions of the hidden units of two layers add up to that of the layers.",
                Relation(_tangents(wide) * sp.ones(3, 1), "=", _signed(wide, wide.weights, {1: 1, 2: -1})),
                "exact",
                shown=r"\sum_{j=1}^{h} (w_j, - v_j) = (\theta_1, - \theta_2)",
            ),
        ),
        Domain(t=(0, sp.oo)),
        parts={
            "balance": sp.Eq(sp.Symbol("dL/dt"), balance),
            "along": sp.Eq(sp.Symbol("kappa"), -theta1 * g1 - theta2 * g2),
            "origin": sp.Eq(sp.Symbol("det H"), sp.Integer(-4)),
        },
        titles={
            "balance": "balance of the gradient",
            "along": "curvature along the orbit",
            "origin": "determinant at the origin",
        },
        assumptions=(
            "L does not change under rescaling and is twice differentiable at theta",
            "singular at a critical point: if theta is not the origin, or the point is a minimum",
        ),
        theorems=(_semidefinite(),),
        source=_SOURCE,
        shown={
            "result": r"H(\theta) (\theta_1, - \theta_2) = (- g_1, g_2)",
            "balance": r"\theta_1 \cdot g_1 - \theta_2 \cdot g_2 = 0",
            "along": r"(\theta_1, - \theta_2)^{T} H (\theta_1, - \theta_2) = - \theta_1 \cdot g_1 - \theta_2 \cdot g_2",
            "origin": r"\det H = -4 \quad (L = (w_1 w_2 - 1)^2, \ w = 0)",
        },
    )


def orbit_tangents(theta: Sequence[object], widths: Sequence[int]) -> sp.ImmutableMatrix:
    r"""Return the tangents of the orbit of rescalings of hidden units, one column for each of them.

    The column of a unit holds its incoming weights, its outgoing weights with the sign changed, and zeros. At a
    critical point the Hessian maps each of them to 0.

    Args:
        theta: The weights, exact numbers or symbols, layer by layer, each row by row, outputs x inputs, no biases.
        widths: Numbers of inputs, of units in each hidden layer, of outputs, at least 1 each.

    Returns:
        A matrix of as many rows as weights; its columns are independent unless a unit has only weights 0 on one side.

    Raises:
        ValueError: If there is no hidden layer, a width is less than 1 or theta has another number of weights.
        TypeError: If a weight is not a number or a width no integer.

    Examples:
        >>> orbit_tangents([1, 2, 3, 4], (1, 2, 1)).T
        Matrix([
        [1, 0, -3,  0],
        [0, 2,  0, -4]])
    """
    sizes = checked_sizes(widths, "widths")
    if len(sizes) < 3:
        raise ValueError(f"widths must hold inputs, hidden layers and outputs, got {sizes}.")
    count = sum(a * b for a, b in pairwise(sizes))
    entries = listed("theta", theta)
    if len(entries) != count:
        raise ValueError(f"theta must have {count} weights for the widths {sizes}, got {len(entries)}.")
    weights = [
        x if isinstance(x, sp.Expr) and x.free_symbols else exact_number("a weight of theta", x) for x in entries
    ]
    columns = []
    for layer in range(1, len(sizes) - 1):
        into, after = sizes[layer - 1], sizes[layer + 1]
        start = sum(a * b for a, b in pairwise(sizes[:layer]))
        following = start + into * sizes[layer]
        for unit in range(sizes[layer]):
            column = [sp.Integer(0)] * count
            for place in range(start + unit * into, start + (unit + 1) * into):
                column[place] = weights[place]
            for row in range(after):
                column[following + row * sizes[layer] + unit] = -weights[following + row * sizes[layer] + unit]
            columns.append(column)
    return sp.ImmutableMatrix(columns).T


def _jet() -> tuple[sp.Expr, tuple[sp.Symbol, sp.Symbol], sp.ImmutableMatrix]:
    """A function known to third order in the displacements of two weights, one in each layer, and its Hessian."""
    x, y, g1, g2, p, q, r = sp.symbols("x y g_1 g_2 H_11 H_12 H_22", real=True)
    value, *third = sp.symbols("L c_0:4", real=True)
    cubic = sum((c * x ** (3 - power) * y**power for power, c in enumerate(third)), sp.Integer(0))
    jet = value + g1 * x + g2 * y + (p * x**2 + 2 * q * x * y + r * y**2) / 2 + cubic
    return jet, (x, y), sp.ImmutableMatrix([[p, q], [q, r]])


def _derivative_at_one(expression: sp.Expr) -> sp.Expr:
    return sp.expand(expression.diff(_t).subs(_t, 1))


def _quotient_at_one(expression: sp.Expr) -> sp.Expr:
    """The same derivative as the value at 1 of a difference quotient with the factor t - 1 divided out."""
    return sp.cancel((expression - expression.subs(_t, 1)) / (_t - 1)).subs(_t, 1)


def _signed(net: PatternNetwork, entries: Sequence[sp.Expr], signs: dict[int, int]) -> sp.ImmutableMatrix:
    """A column of entries, the block of each layer times its sign, 0 without one."""
    factors = [signs.get(layer, 0) for layer, size in enumerate(net.block_sizes, start=1) for _ in range(size)]
    return sp.ImmutableMatrix([sign * entry for sign, entry in zip(factors, entries, strict=True)])


def _pulled(net: PatternNetwork, signs: dict[int, int]) -> sp.ImmutableMatrix:
    return _signed(net, list(net.gradient), signs)


def _change_of_gradient(net: PatternNetwork, orbit: Rescaling) -> sp.ImmutableMatrix:
    """The derivative at t = 1 of the gradient at T_t theta, which is the gradient at theta transformed."""
    return sp.ImmutableMatrix([_derivative_at_one(entry) for entry in orbit.gradient(list(net.gradient))])


def _tangents(net: PatternNetwork) -> sp.ImmutableMatrix:
    return orbit_tangents(net.weights, net.widths)


def _gradients(net: PatternNetwork) -> dict[sp.Symbol, sp.Expr]:
    return dict(zip(net.weights, net.gradient, strict=True))


def _product_of_curvatures(loss: sp.Expr, weights: tuple[sp.Symbol, sp.Symbol]) -> sp.Expr:
    """The product of the second derivatives along the two diagonals, the eigenvectors."""
    s = sp.Symbol("s", real=True)
    along = [loss.subs(dict(zip(weights, (s, sign * s), strict=True))).diff(s, 2).subs(s, 0) / 2 for sign in (1, -1)]
    return along[0] * along[1]


def _form(b: sp.Symbol, u: sp.Expr, v: sp.Expr) -> sp.Expr:
    """The quadratic form of a Hessian with vanishing diagonal blocks, one weight in each."""
    return (sp.Matrix([[u, v]]) * sp.Matrix([[0, b], [b, 0]]) * sp.Matrix([u, v]))[0]


def _flat(net: ExactTwoLayer) -> list[sp.Expr]:
    return [*net.first, *net.second]


@cache
def _fitted() -> dict[int, ExactTwoLayer]:
    """ReLU networks 2-h-1 at three samples, with targets moved onto their outputs, by h."""
    return {
        h: ExactTwoLayer.sample(2, h, 1, samples=3, seed=h, relu=True).with_residuals_times(sp.Integer(0))
        for h in (2, 3, 4)
    }


def _semidefinite() -> Theorem:
    a, b, s, x = sp.symbols("a b s x", real=True)
    return Theorem(
        "a semidefinite matrix with vanishing diagonal blocks is 0",
        "At a minimum the Hessian is positive semidefinite; if its quadratic form changes sign with that of one layer, "
        "it vanishes, and with it the Hessian.",
        "Horn and Johnson, Matrix Analysis, observation 7.1.10",
        (
            Step(
                "A direction along one layer leaves the loss at the origin as it is: outputs are 0 if a layer is 0 "
                "(one unit, slope s, one input x).",
                Relation((b * s * a * x).subs(a, 0) - (b * s * a * x).subs(b, 0), "=", 0),
                "exact",
                shown=r"y(\theta_1, 0) = y(0, \theta_2) = 0",
            ),
        ),
    )
