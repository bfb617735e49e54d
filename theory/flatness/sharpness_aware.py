r"""What sharpness-aware minimisation descends: the loss one step uphill, to first order the loss plus rho times |g|.

Conventions: g is the gradient of L at theta, N = |g| its length, H the Hessian. SAM's step uphill is rho g/N, its
objective L(theta + rho g/N), and its gradient that of L taken there, grad L(theta + rho g/N), without the derivative of
the step itself. In two weights theta = (x, y) along the eigenvectors of H = diag(a, b). The objective is not defined
where g = 0.
"""

from functools import cache
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from theory.derivation import Derivation, Step
from theory.domain import Domain
from theory.proof import Relation
from theory.real_arrays import finite_result, hessian_and_point, positive_number

__all__ = ["sam_cycle", "sam_gradient", "sam_gradient_of_a_quadratic", "sam_objective"]

_radius, _a, _b, _rate = sp.symbols("rho a b eta", positive=True)
_x, _y = sp.symbols("x y", positive=True)
_SOURCE = "Foret, Kleiner, Mobahi and Neyshabur (2021), Sharpness-aware minimization, arXiv:2010.01412"
_SLIDE = "Edinburgh, Machine Learning Theory, slide Algorithms"
_DOMAIN = Domain(rho=(0, sp.oo), a=(0, sp.oo), b=(0, sp.oo), x=(0, sp.oo), y=(0, sp.oo))


@cache
def sam_objective() -> Derivation:
    r"""Derive what SAM minimises, and that the objective with a product in place of a difference cannot see sharpness.

    .. math:: L(\theta) + [L(\theta + \hat\epsilon) - L(\theta)] = L(\theta + \hat\epsilon)
              = L + \rho |g| + \frac{\rho^2}{2} \frac{g^T H g}{|g|^2} + O(\rho^3), \qquad
              \hat\epsilon = \rho \frac{g}{|g|}

    The remainder vanishes on a quadratic.

    Returns:
        A derivation for a quadratic in two weights; the value is L(theta + rho g/|g|) - L(theta) in one weight, a x^2/2
        with x > 0. The parts are "one weight", the objective there, "floor", its limit at the minimum, and "printed",
        the objective with the product, in the losses L_0 at theta and L_1 uphill.

    Examples:
        >>> sam_objective().at(a=2, x=3, rho="1/2")
        13/4
    """
    first, second = sp.symbols("g_1 g_2", real=True)
    e1, e2 = sp.symbols("e_1 e_2", real=True)
    length = sp.sqrt((_a * _x) ** 2 + (_b * _y) ** 2)
    loss = (_a * _x**2 + _b * _y**2) / 2
    uphill = {_x: _x + _radius * _a * _x / length, _y: _y + _radius * _b * _y / length}
    form = (_a**3 * _x**2 + _b**3 * _y**2) / length**2
    line = _a * (_x + _radius) ** 2 / 2
    growth = _rate_of_growth()
    rise = _radius * _a * _x + _radius**2 * _a / 2
    here, there, share = sp.symbols("L_0 L_1 t", positive=True)
    return Derivation(
        "SAM minimises the loss one step uphill",
        sp.Eq(sp.Symbol("Delta L"), rise),
        (
            Step(
                "The loss plus its rise is the loss uphill.",
                Relation(here + (there - here), "=", there),
                "exact",
                shown=r"L(\theta) + \left[L(\theta + \hat{\epsilon}) - L(\theta)\right] = L(\theta + \hat{\epsilon})",
            ),
            Step(
                "To first order the step rho g/|g| is the worst of its length: the identity of Lagrange leaves a "
                "square,",
                Relation(
                    (first**2 + second**2) * (e1**2 + e2**2) - (first * e1 + second * e2) ** 2,
                    "=",
                    (first * e2 - second * e1) ** 2,
                ),
                "exact",
                shown=r"|g|^2 |\epsilon|^2 - (g \cdot \epsilon)^2 = (g_1 \epsilon_2 - g_2 \epsilon_1)^2",
            ),
            Step(
                "and reaches rho |g|.",
                Relation(
                    (first**2 + second**2) * _radius / sp.sqrt(first**2 + second**2),
                    "=",
                    _radius * sp.sqrt(first**2 + second**2),
                ),
                "exact",
                shown=r"g \cdot \hat{\epsilon} = \rho |g|",
            ),
            Step(
                "For any loss, here known to third order, the objective grows with rho at the rate |g|.",
                Relation(growth[0], "=", growth[1]),
                "exact",
                shown=r"\frac{d}{d \rho} L\left(\theta + \rho \frac{g}{|g|}\right) = |g| \quad (\rho = 0)",
            ),
            Step(
                "On a quadratic the second order is all that is left.",
                Relation(loss.subs(uphill, simultaneous=True), "=", loss + _radius * length + _radius**2 * form / 2),
                "exact",
                shown=r"L(\theta + \hat{\epsilon}) = L + \rho |g| + \frac{\rho^2}{2} \frac{g^{T} H g}{|g|^2}",
            ),
            Step(
                "In one weight,",
                Relation(loss.subs(_y, 0).subs(_x, _x + _radius), "=", line),
                "exact",
                lambda: sp.expand(loss.subs(uphill, simultaneous=True).subs(_y, 0)),
                shown=r"L(x + \rho) = \frac{a}{2} (x + \rho)^2 \quad (x > 0)",
                domain=Domain(rho=(0, sp.oo), a=(0, sp.oo), x=(0, sp.oo)),
            ),
            Step(
                "above the loss at x by",
                Relation(line - _a * _x**2 / 2, "=", rise),
                "exact",
                lambda: sp.integrate(_a * (_x + _radius * share) * _radius, (share, 0, 1)),
                shown=r"\Delta L = \rho \, a x + \frac{\rho^2}{2} a",
            ),
            Step(
                "There it is the worst loss within rho, exactly: x + rho t with -1 < t < 1 has less.",
                Relation(_a * (_x + _radius * share) ** 2 / 2, "<", line),
                "exact",
                shown=r"\frac{a}{2} (x + \rho t)^2 < \frac{a}{2} (x + \rho)^2 \quad (|t| < 1)",
                domain=Domain(rho=(0, sp.oo), a=(0, sp.oo), x=(0, sp.oo), t=(-1, 1)),
            ),
            Step(
                "Towards the minimum it does not vanish: it tends to the sharpness of the minimum.",
                Relation(sp.limit(line, _x, 0, "+"), "=", _a * _radius**2 / 2),
                "exact",
                shown=r"\frac{a}{2} (x + \rho)^2 \to \frac{a}{2} \rho^2 \quad (x \to 0)",
            ),
            Step(
                "With the minus lost, L + [L(uphill) L] is a product",
                Relation(here + there * here, "=", here * (1 + there)),
                "exact",
                shown=r"L(\theta) + \left[L(\theta + \hat{\epsilon}) \, L(\theta)\right]"
                r" = L(\theta) \left(1 + L(\theta + \hat{\epsilon})\right)",
            ),
            Step(
                "that is another function,",
                Relation((here * (1 + there)).subs({here: 1, there: 2}), "!=", sp.Integer(2)),
                "exact",
                shown=r"1 \cdot (1 + 2) \neq 2",
            ),
            Step(
                "and 0 at every minimum of loss 0, flat or sharp.",
                Relation(sp.limit((here * (1 + there)).subs({here: _a * _x**2 / 2, there: line}), _x, 0, "+"), "=", 0),
                "exact",
                shown=r"\frac{a x^2}{2} \left(1 + \frac{a}{2} (x + \rho)^2\right) \to 0 \quad (x \to 0)",
            ),
        ),
        _DOMAIN,
        parts={
            "one weight": sp.Eq(sp.Symbol("L"), line),
            "floor": sp.Eq(sp.Symbol("L"), _a * _radius**2 / 2),
            "printed": sp.Eq(sp.Symbol("L"), here * (1 + there)),
        },
        titles={
            "one weight": "objective of one weight",
            "floor": "limit at the minimum",
            "printed": "objective as printed",
        },
        assumptions=("the gradient is not 0", "beyond a quadratic the expansion is to first order in rho"),
        source=f"{_SOURCE}; {_SLIDE}",
        shown={
            "result": r"\Delta L = \rho \, a x + \frac{\rho^2}{2} a",
            "one weight": r"L(x + \rho) = \frac{a}{2} (x + \rho)^2",
            "floor": r"\frac{a}{2} \rho^2",
            "printed": r"L_0 (1 + L_1)",
        },
    )


@cache
def sam_gradient() -> Derivation:
    r"""Derive SAM's gradient, what it leaves out, and the cycle that it ends in.

    .. math:: \nabla L(\theta + \hat\epsilon) = g + \rho \frac{H g}{|g|} + O(\rho^2) = \nabla (L + \rho |g|) + O(\rho^2)

    What SAM leaves out, the derivative of the step itself, is of order rho^2: SAM's gradient is to first order that of
    its objective. In one weight it is a(x + rho sign x), and gradient descent along it ends between the places +-x*.

    Returns:
        A derivation for a quadratic; the value is the gradient in one weight, x > 0. The parts are "cycle", x*, and
        "dropped", the first component of what is left out in two weights.

    Examples:
        >>> sam_gradient().at(a=2, x=3, rho="1/2")
        7
    """
    length = sp.sqrt((_a * _x) ** 2 + (_b * _y) ** 2)
    g1, g2 = _a * _x, _b * _y
    loss = (_a * _x**2 + _b * _y**2) / 2
    uphill = {_x: _x + _radius * g1 / length, _y: _y + _radius * g2 / length}
    ascent = sp.Matrix([_a * uphill[_x], _b * uphill[_y]])
    first_order = sp.Matrix([g1 + _radius * _a * g1 / length, g2 + _radius * _b * g2 / length])
    objective = loss.subs(uphill, simultaneous=True)
    whole = sp.Matrix([objective.diff(_x), objective.diff(_y)])
    dropped = _radius**2 * (_b - _a) * g1 * g2 / length**4 * sp.Matrix([-_a * g2, _b * g1])
    place = _rate * _a * _radius / (2 - _rate * _a)
    away = sp.Symbol("d", real=True)
    return Derivation(
        "SAM's gradient is that of its objective to first order",
        sp.Eq(sp.Symbol("G"), _a * (_x + _radius)),
        (
            Step(
                "The gradient of the first-order objective, differentiated.",
                Relation(
                    sp.Matrix([(loss + _radius * length).diff(_x), (loss + _radius * length).diff(_y)]),
                    "=",
                    first_order,
                ),
                "exact",
                shown=r"\nabla \left(L + \rho |g|\right) = g + \rho \frac{H g}{|g|}",
            ),
            Step(
                "The gradient of the loss one step uphill is the same, on a quadratic to every order.",
                Relation(ascent, "=", first_order),
                "exact",
                shown=r"\nabla L(\theta + \hat{\epsilon}) = H (\theta + \hat{\epsilon}) = g + \rho \frac{H g}{|g|}",
            ),
            Step(
                "What SAM leaves out: the gradient of the objective, the step differentiated as well, less SAM's.",
                Relation(whole - ascent, "=", dropped),
                "exact",
                shown=r"\nabla \left[L(\theta + \hat{\epsilon})\right] - \nabla L(\theta + \hat{\epsilon})"
                r" = \rho^2 \, \frac{(b - a) g_1 g_2}{|g|^4} \left(- a g_2, \ b g_1\right)",
            ),
            Step(
                "It is rho^2 H P H g/|g|^2 with P the projector across the gradient.",
                Relation(_projected(g1, g2), "=", dropped),
                "exact",
                shown=r"\frac{\rho^2}{|g|^2} H \left(1 - \frac{g g^{T}}{|g|^2}\right) H g",
            ),
            Step(
                "Its first component.",
                Relation((whole - ascent)[0], "=", dropped[0]),
                "exact",
                shown=r"- \rho^2 \, \frac{(b - a) \, a \, g_1 g_2^2}{|g|^4}",
            ),
            Step(
                "To first order nothing is left out, at any loss: the step has constant length, so that its derivative "
                "is orthogonal to it.",
                Relation(_orthogonal(), "=", sp.zeros(2, 1)),
                "exact",
                shown=r"\left(\frac{\partial}{\partial \theta} \frac{g}{|g|}\right)^{T} g = 0",
            ),
            Step(
                "In one weight,",
                Relation((_a * (_x + _radius) ** 2 / 2).diff(_x), "=", _a * (_x + _radius)),
                "exact",
                lambda: ascent[0].subs(_y, 0),
                shown=r"\frac{d}{d x} \frac{a}{2} (x + \rho)^2 = a (x + \rho) \quad (x > 0)",
                domain=Domain(rho=(0, sp.oo), a=(0, sp.oo), x=(0, sp.oo)),
            ),
            Step(
                "and at x < 0, mirrored.",
                Relation(_a * (-_x - _radius), "=", -_a * (_x + _radius)),
                "exact",
                shown=r"a (x + \rho \, \mathrm{sign} \, x)",
            ),
            Step(
                "Descent along it with the learning rate eta sends x* to -x*,",
                Relation(place - _rate * _a * (place + _radius), "=", -place),
                "exact",
                shown=r"x^* - \eta a (x^* + \rho) = - x^*, \quad x^* = \frac{\eta a \rho}{2 - \eta a}",
            ),
            Step(
                "which is the only such place,",
                Relation(sp.solve(2 * _x - _rate * _a * (_x + _radius), _x)[0], "=", place),
                "exact",
                shown=r"2 x = \eta a (x + \rho) \quad \Leftrightarrow \quad x = \frac{\eta a \rho}{2 - \eta a}",
            ),
            Step(
                "and a change of it shrinks by 1 - eta a at every step: SAM does not settle at the minimum, it ends "
                "between two places across it.",
                Relation((place + away) - _rate * _a * (place + away + _radius) + place, "=", (1 - _rate * _a) * away),
                "exact",
                shown=r"x^* + d \to - x^* + (1 - \eta a) d",
            ),
        ),
        Domain(rho=(0, sp.oo), a=(0, sp.oo), b=(0, sp.oo), x=(0, sp.oo), y=(0, sp.oo), eta=(0, sp.oo)).where(
            _rate * _a < 2
        ),
        parts={"cycle": sp.Eq(sp.Symbol("x_c"), place), "dropped": sp.Eq(sp.Symbol("G_1"), dropped[0])},
        titles={
            "cycle": "fixed point of the cycle",
            "dropped": "term that is dropped",
        },
        assumptions=("the gradient is not 0", "the loss is quadratic; the cycle: 0 < eta a < 2"),
        source=f"{_SOURCE}; the cycle as in Bartlett, Long and Bousquet (2022), arXiv:2210.01513",
        shown={
            "result": r"G = a (x + \rho \, \mathrm{sign} \, x)",
            "cycle": r"x^* = \frac{\eta a \rho}{2 - \eta a}",
            "dropped": r"- \rho^2 \, \frac{(b - a) \, a \, g_1 g_2^2}{|g|^4}",
        },
    )


def sam_gradient_of_a_quadratic(hessian: Any, weights: Any, radius: float) -> NDArray[np.float64]:
    """Return SAM's gradient H (x + rho H x/|H x|) at a displacement x from the minimum.

    Args:
        hessian: Symmetric, n x n.
        weights: The displacement x, n numbers with H x != 0.
        radius: rho > 0.

    Raises:
        TypeError: If the radius is no number.
        ValueError: If shapes do not fit, something is not finite, or the gradient is 0, where SAM has no direction.

    Examples:
        >>> print(sam_gradient_of_a_quadratic([[2.0]], [3.0], radius=0.5))
        [7.]
    """
    matrix, place = hessian_and_point(hessian, weights)
    radius = positive_number("radius", radius)
    with np.errstate(over="ignore", invalid="ignore"):
        gradient = matrix @ place
    largest = finite_result("the gradient", float(abs(gradient).max()))
    if largest == 0:
        raise ValueError("weights must have a gradient that is not 0, because SAM's step is along it.")
    with np.errstate(over="ignore", invalid="ignore"):
        along = gradient / largest  # the square of the largest component may overflow
        result = matrix @ (place + radius * (along / float(np.linalg.norm(along))))
    finite_result("SAM's gradient", float(abs(result).max()), radius=radius)
    return np.asarray(result)


def sam_cycle(curvature: float, learning_rate: float, radius: float) -> float:
    """Return x* = eta a rho/(2 - eta a), the size at which SAM on a x^2/2 ends up jumping across the minimum.

    Args:
        curvature: a > 0.
        learning_rate: eta > 0, with eta a < 2.
        radius: rho > 0.

    Raises:
        TypeError: If something is no number.
        ValueError: If a number is not positive, or eta a is not below 2.

    Examples:
        >>> sam_cycle(2.0, 0.5, 0.1)
        0.1
    """
    product = positive_number("curvature", curvature) * positive_number("learning_rate", learning_rate)
    if product >= 2:
        raise ValueError(f"learning_rate * curvature must be < 2, or the iterates grow, got {product:g}.")
    return product * positive_number("radius", radius) / (2 - product)


def _cubic() -> tuple[sp.Expr, sp.Symbol, sp.Symbol]:
    """A loss of two weights known to third order at 0."""
    x, y = sp.symbols("w_1 w_2", real=True)
    terms = [(p, q) for p in range(4) for q in range(4 - p)]
    return sp.Add(*(sp.Symbol(f"f_{p}{q}", real=True) * x**p * y**q for p, q in terms)), x, y


def _rate_of_growth() -> tuple[sp.Expr, sp.Expr]:
    """The derivative at rho = 0 of a loss along its own gradient, and the length of that."""
    loss, x, y = _cubic()
    gradient = [loss.diff(weight).subs({x: 0, y: 0}) for weight in (x, y)]
    length = sp.sqrt(gradient[0] ** 2 + gradient[1] ** 2)
    along = loss.subs({x: _radius * gradient[0] / length, y: _radius * gradient[1] / length})
    return along.diff(_radius).subs(_radius, 0), length


def _orthogonal() -> sp.Matrix:
    """The derivative of g/|g| by the weights, transposed, times g, at 0."""
    loss, x, y = _cubic()
    gradient = sp.Matrix([loss.diff(x), loss.diff(y)])
    length = sp.sqrt(gradient[0] ** 2 + gradient[1] ** 2)
    jacobian = sp.Matrix(2, 2, lambda i, j: (gradient[i] / length).diff((x, y)[j]))
    return (jacobian.T * gradient).subs({x: 0, y: 0})


def _projected(g1: sp.Expr, g2: sp.Expr) -> sp.Matrix:
    """rho^2 H P H g/|g|^2 for H = diag(a, b)."""
    gradient, matrix = sp.Matrix([g1, g2]), sp.diag(_a, _b)
    square = g1**2 + g2**2
    across = sp.eye(2) - gradient * gradient.T / square
    return _radius**2 / square * matrix * across * matrix * gradient
