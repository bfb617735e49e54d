r"""The local entropy that Entropy-SGD descends, and what it does to the curvatures of a loss.

Conventions: we minimise

.. math:: F(x) = -\log \int e^{-f(y) - \frac\gamma2 |x - y|^2} \, dy,

the negative of the local entropy of Chaudhari et al., who maximise the logarithm itself. f is the loss, gamma > 0 the
scope; no normalisation of the integral is taken off. Means E and variances Var of y are under the density proportional
to the integrand.
"""

from functools import cache
from typing import Any

import mpmath
import sympy as sp

from theory.derivation import Derivation, Step
from theory.domain import Domain
from theory.proof import Relation

__all__ = ["local_entropy_gradient", "local_entropy_of_a_quadratic"]

_curvature, _scope = sp.symbols("lambda gamma", positive=True)
_x, _y = sp.symbols("x y", real=True)
_DIGITS = 50
_SOURCE = "Chaudhari et al. (2016), Entropy-SGD: biasing gradient descent into wide valleys, arXiv:1611.01838"


@cache
def local_entropy_of_a_quadratic() -> Derivation:
    r"""Derive the local entropy of a quadratic loss: its curvatures are capped at gamma.

    .. math:: F(x) = \frac12 x^T \gamma H (H + \gamma)^{-1} x + \frac12 \log\det\frac{H + \gamma}{2\pi}, \qquad
              \lambda \mapsto \frac{\lambda \gamma}{\lambda + \gamma} < \min(\lambda, \gamma)

    Returns:
        A derivation for one eigenvector, f = lambda y^2/2 with lambda > 0; eigenvectors add up. The value is F(x). The
        parts are "curvature", "constant", F at the minimum, and "mean", E y.

    Examples:
        >>> local_entropy_of_a_quadratic().parts["curvature"].rhs
        gamma*lambda/(gamma + lambda)
    """
    total = _curvature + _scope
    capped = _curvature * _scope / total
    mean = _scope * _x / total
    constant = sp.log(total / (2 * sp.pi)) / 2
    width, u = sp.symbols("mu u", positive=True)
    gauss = sp.integrate(sp.exp(-width * u**2 / 2), (u, -sp.oo, sp.oo))
    gap = sp.Symbol("d", positive=True)
    alpha = sp.Symbol("alpha", positive=True)
    first, second = sp.symbols("theta_1 theta_2", positive=True)
    valley = sp.hessian((first * second - 1) ** 2 / 2, (first, second)).subs({first: alpha, second: 1 / alpha})
    plane = _plane()
    volume = sp.expand((valley + _scope * sp.eye(2)).det())
    return Derivation(
        "The local entropy of a quadratic has its curvatures capped",
        sp.Eq(sp.Symbol("F"), capped * _x**2 / 2 + constant),
        (
            Step(
                "Complete the square: the exponent is that of a Gaussian about the mean, and a rest without y.",
                Relation(
                    _curvature * _y**2 / 2 + _scope * (_x - _y) ** 2 / 2,
                    "=",
                    total * (_y - mean) ** 2 / 2 + capped * _x**2 / 2,
                ),
                "exact",
                shown=r"\frac{\lambda}{2} y^2 + \frac{\gamma}{2} (x - y)^2 = \frac{\lambda + \gamma}{2} (y - m)^2"
                r" + \frac{\lambda \gamma}{\lambda + \gamma} \frac{x^2}{2}, \quad"
                r" m = \frac{\gamma x}{\lambda + \gamma}",
            ),
            Step(
                "The Gaussian integral.",
                Relation(gauss, "=", sp.sqrt(2 * sp.pi / width)),
                "exact",
                lambda mu: _gauss_by_quadrature(mu),
                shown=r"\int e^{-\mu u^2/2} \, du = \sqrt{\frac{2 \pi}{\mu}}",
                domain=Domain(mu=(0, sp.oo)),
            ),
            Step(
                "The logarithm of the integral, taken with the opposite sign.",
                Relation(
                    sp.expand_log(-sp.log(gauss.subs(width, total)), force=True),
                    "=",
                    sp.expand_log(constant, force=True),
                ),
                "exact",
                shown=r"- \log \sqrt{\frac{2 \pi}{\lambda + \gamma}} = \frac{1}{2} \log \frac{\lambda + \gamma}{2 \pi}",
            ),
            Step(
                "Both together; the second route is the integral itself, by quadrature.",
                Relation(capped * _x**2 / 2 + constant, "=", capped * _x**2 / 2 + constant),
                "exact",
                lambda **values: _by_quadrature(values),
                shown=r"F(x) = \frac{\lambda \gamma}{\lambda + \gamma} \frac{x^2}{2}"
                r" + \frac{1}{2} \log \frac{\lambda + \gamma}{2 \pi}",
            ),
            Step(
                "Its curvature.",
                Relation((capped * _x**2 / 2 + constant).diff(_x, 2), "=", capped),
                "exact",
                lambda: 1 / (1 / _curvature + 1 / _scope),
                shown=r"F''(x) = \frac{\lambda \gamma}{\lambda + \gamma}"
                r" = \left(\frac{1}{\lambda} + \frac{1}{\gamma}\right)^{-1}",
            ),
            Step("It is below gamma", Relation(capped, "<", _scope), "exact"),
            Step("and below lambda,", Relation(capped, "<", _curvature), "exact"),
            Step(
                "by a part of it that grows with lambda.",
                Relation(_curvature - capped, "=", _curvature**2 / total),
                "exact",
                shown=r"\lambda - \frac{\lambda \gamma}{\lambda + \gamma} = \frac{\lambda^2}{\lambda + \gamma}",
            ),
            Step(
                "The order of the curvatures stays: a flatter minimum is still the flatter one.",
                Relation(capped.diff(_curvature), "=", _scope**2 / total**2),
                "exact",
                shown=r"\frac{d}{d \lambda} \frac{\lambda \gamma}{\lambda + \gamma}"
                r" = \frac{\gamma^2}{(\lambda + \gamma)^2} > 0",
            ),
            Step(
                "The limits: all of the curvature at large gamma, gamma itself at large lambda.",
                Relation(
                    sp.Tuple(sp.limit(capped, _scope, sp.oo), sp.limit(capped, _curvature, sp.oo)),
                    "=",
                    sp.Tuple(_curvature, _scope),
                ),
                "exact",
                shown=r"\frac{\lambda \gamma}{\lambda + \gamma} \to \lambda \quad (\gamma \to \infty), \qquad"
                r" \to \gamma \quad (\lambda \to \infty)",
            ),
            Step(
                "At a saddle, lambda = d - gamma with d > 0, the same holds: curvature is always lost.",
                Relation((gap - _scope) * _scope / gap, "=", gap - _scope - (gap - _scope) ** 2 / gap),
                "exact",
                shown=r"\frac{\lambda \gamma}{\lambda + \gamma} = \lambda - \frac{\lambda^2}{\lambda + \gamma}"
                r" \quad (\lambda > - \gamma)",
            ),
            Step(
                "Eigenvectors do not mix: for two weights and every symmetric H the rest of the square is the form of "
                "gamma H (H + gamma)^-1.",
                Relation(plane[0], "=", plane[1]),
                "exact",
                shown=r"\frac{1}{2} y^{T} H y + \frac{\gamma}{2} |x - y|^2 "
                r" = \frac{1}{2} (y - m)^{T} (H + \gamma) (y - m) + \frac{1}{2} x^{T} \gamma H (H + \gamma)^{-1} x",
            ),
            Step(
                "At the minima of one function, (alpha, 1/alpha) of (u v - 1)^2/2, F is not the same: the determinant "
                "grows towards both ends.",
                Relation(volume, "=", _scope**2 + _scope * (alpha**2 + 1 / alpha**2)),
                "exact",
                lambda: _scope * (_scope + alpha**2 + alpha**-2),
                shown=r"\det (H + \gamma) = \gamma \left(\gamma + \alpha^2 + \alpha^{-2}\right)",
            ),
            Step(
                "F at the minimum.",
                Relation((capped * _x**2 / 2 + constant).subs(_x, 0), "=", constant),
                "exact",
                shown=r"F(0) = \frac{1}{2} \log \frac{\lambda + \gamma}{2 \pi}",
            ),
            Step(
                "The mean of y solves f'(y) = gamma (x - y).",
                Relation(sp.solve(_curvature * _y - _scope * (_x - _y), _y)[0], "=", mean),
                "exact",
                shown=r"E y = m = \frac{\gamma x}{\lambda + \gamma}",
            ),
        ),
        Domain(**{"lambda": (0, sp.oo)}, gamma=(0, sp.oo), x=(-sp.oo, sp.oo), d=(0, sp.oo), alpha=(0, sp.oo)),
        parts={
            "curvature": sp.Eq(sp.Symbol("F''"), capped),
            "constant": sp.Eq(sp.Symbol("F_0"), constant),
            "mean": sp.Eq(sp.Symbol("m"), mean),
        },
        titles={
            "curvature": "curvature of the local entropy",
            "constant": "value at the minimum",
            "mean": "mean place",
        },
        assumptions=("the loss is quadratic, with all curvatures above -gamma, without which the integral diverges",),
        source=_SOURCE,
        shown={
            "result": r"F(x) = \frac{\lambda \gamma}{\lambda + \gamma} \frac{x^2}{2}"
            r" + \frac{1}{2} \log \frac{\lambda + \gamma}{2 \pi}",
            "curvature": r"F'' = \frac{\lambda \gamma}{\lambda + \gamma}",
            "constant": r"F(0) = \frac{1}{2} \log \frac{\lambda + \gamma}{2 \pi}",
            "mean": r"E y = \frac{\gamma x}{\lambda + \gamma}",
        },
    )


@cache
def local_entropy_gradient() -> Derivation:
    r"""Derive the gradient and the curvature of the negative local entropy of any loss.

    .. math:: F'(x) = \gamma (x - E y), \qquad F''(x) = \gamma - \gamma^2 \mathrm{Var}\, y \le \gamma

    Returns:
        A derivation in one weight; the value is the gradient, in m = E y, and the part "curvature" that of any loss, in
        V = Var y.

    Examples:
        >>> local_entropy_gradient().value
        gamma*(-m + x)
    """
    first, second, mean, variance = sp.symbols("m_1 m_2 m V", real=True)
    loss = sp.Function("f")(_y)
    weight = sp.exp(-loss - _scope * (_x - _y) ** 2 / 2)
    logarithm, average, spread = _atoms()
    total = _curvature + _scope
    quadratic = local_entropy_of_a_quadratic()
    return Derivation(
        "The gradient of the negative local entropy is gamma times the way to the mean",
        sp.Eq(sp.Symbol("F'"), _scope * (_x - mean)),
        (
            Step(
                "Under the integral, x stands in the square alone.",
                Relation(weight.diff(_x), "=", -_scope * (_x - _y) * weight),
                "exact",
                shown=r"\frac{\partial}{\partial x} e^{-f(y) - \frac{\gamma}{2} (x - y)^2}"
                r" = - \gamma (x - y) \, e^{-f(y) - \frac{\gamma}{2} (x - y)^2}",
            ),
            Step(
                "Divided by the integral itself that is a mean, and the logarithm has the opposite sign.",
                Relation(-(-_scope * (_x - mean)), "=", _scope * (_x - mean)),
                "exact",
                shown=r"F'(x) = - \frac{Z'}{Z} = \gamma E (x - y) = \gamma (x - E y)",
            ),
            Step(
                "Twice under the integral.",
                Relation(weight.diff(_x, 2), "=", (_scope**2 * (_x - _y) ** 2 - _scope) * weight),
                "exact",
                shown=r"\frac{Z''}{Z} = \gamma^2 E (x - y)^2 - \gamma",
            ),
            Step(
                "The second derivative of - log Z, with m_1 and m_2 the moments of x - y.",
                Relation(
                    (-_scope * first) ** 2 - (_scope**2 * second - _scope),
                    "=",
                    _scope - _scope**2 * (second - first**2),
                ),
                "exact",
                shown=r"F''(x) = \left(\frac{Z'}{Z}\right)^2 - \frac{Z''}{Z} = \gamma - \gamma^2 \mathrm{Var} \, y",
            ),
            Step(
                "A variance is not negative: no loss has a curvature of F above gamma.",
                Relation(_scope - (_scope - _scope**2 * variance), "=", _scope**2 * variance),
                "exact",
                shown=r"\gamma - F''(x) = \gamma^2 \mathrm{Var} \, y \ge 0",
            ),
            Step(
                "The same by differentiating the logarithm of a sum: a loss that lives on three points.",
                Relation(logarithm.diff(_x), "=", _scope * (_x - average)),
                "exact",
                shown=r"\frac{d}{dx} \left(- \log \sum_i p_i e^{-\frac{\gamma}{2} (x - y_i)^2}\right)"
                r" = \gamma (x - E y)",
            ),
            Step(
                "And its curvature.",
                Relation(logarithm.diff(_x, 2), "=", _scope - _scope**2 * spread),
                "exact",
                shown=r"\frac{d^2}{dx^2} \left(- \log \sum_i p_i e^{-\frac{\gamma}{2} (x - y_i)^2}\right)"
                r" = \gamma - \gamma^2 \mathrm{Var} \, y",
            ),
            Step(
                "For a quadratic loss it is the capped curvature times x,",
                Relation(_scope * (_x - quadratic.parts["mean"].rhs), "=", quadratic.parts["curvature"].rhs * _x),
                "exact",
                lambda: quadratic.value.diff(_x),
                shown=r"\gamma \left(x - \frac{\gamma x}{\lambda + \gamma}\right)"
                r" = \frac{\lambda \gamma}{\lambda + \gamma} x",
            ),
            Step(
                "and the variance of y is 1/(lambda + gamma).",
                Relation(_scope - _scope**2 / total, "=", quadratic.parts["curvature"].rhs),
                "exact",
                shown=r"\gamma - \frac{\gamma^2}{\lambda + \gamma} = \frac{\lambda \gamma}{\lambda + \gamma}",
            ),
            Step(
                "The curvature in terms of the variance.",
                Relation(
                    (_scope - _scope**2 * (second - first**2)).subs(second, variance + first**2),
                    "=",
                    _scope - _scope**2 * variance,
                ),
                "exact",
                shown=r"F''(x) = \gamma - \gamma^2 \mathrm{Var} \, y",
            ),
        ),
        Domain(**{"lambda": (0, sp.oo)}, gamma=(0, sp.oo), x=(-sp.oo, sp.oo)),
        parts={"curvature": sp.Eq(sp.Symbol("F''"), _scope - _scope**2 * variance)},
        titles={
            "curvature": "curvature of any loss",
        },
        assumptions=("the integral converges and may be differentiated under its sign",),
        source=f"{_SOURCE}, section 4.1; the paper maximises -F",
        shown={
            "result": r"F'(x) = \gamma (x - E y)",
            "curvature": r"F''(x) = \gamma - \gamma^2 \mathrm{Var} \, y \le \gamma",
        },
    )


def _plane() -> tuple[sp.Expr, sp.Expr]:
    """Both sides of the completed square, for two weights and a symmetric H."""
    a, b, c = sp.symbols("a b c", real=True)
    matrix = sp.Matrix([[a, b], [b, c]])
    here, there = sp.Matrix(sp.symbols("x_1 x_2", real=True)), sp.Matrix(sp.symbols("y_1 y_2", real=True))
    total = matrix + _scope * sp.eye(2)
    inverse = total.adjugate() / total.det()
    mean = _scope * inverse * here
    left = (there.T * matrix * there)[0] / 2 + _scope * ((here - there).T * (here - there))[0] / 2
    right = ((there - mean).T * total * (there - mean))[0] / 2 + _scope * (here.T * matrix * inverse * here)[0] / 2
    return left, right


def _atoms() -> tuple[sp.Expr, sp.Expr, sp.Expr]:
    """The negative local entropy of a loss on three points, with the mean and the variance of y."""
    places, weights = sp.symbols("y_1:4", real=True), sp.symbols("p_1:4", positive=True)
    terms = [p * sp.exp(-_scope * (_x - y) ** 2 / 2) for p, y in zip(weights, places, strict=True)]
    total = sp.Add(*terms)
    mean = sp.Add(*(term * y for term, y in zip(terms, places, strict=True))) / total
    square = sp.Add(*(term * y**2 for term, y in zip(terms, places, strict=True))) / total
    return -sp.log(total), mean, square - mean**2


def _by_quadrature(values: Any) -> Any:
    """F at a point, by the integral that defines it."""
    with mpmath.workdps(_DIGITS):
        curvature, scope, x = (_mpf(values[name]) for name in ("lambda", "gamma", "x"))
        middle, width = scope * x / (curvature + scope), 1 / mpmath.sqrt(curvature + scope)
        places = [middle + step * width for step in (-20, -8, -3, 0, 3, 8, 20)]  # beyond, less than 1e-80 of the whole
        return -mpmath.log(mpmath.quad(lambda y: mpmath.exp(-curvature * y**2 / 2 - scope * (x - y) ** 2 / 2), places))


def _gauss_by_quadrature(width: Any) -> Any:
    """The Gaussian integral with the exponent -width u^2/2, over 20 standard deviations to either side."""
    with mpmath.workdps(_DIGITS):
        unit = 1 / mpmath.sqrt(_mpf(width))
        places = [step * unit for step in (0, 3, 8, 20)]
        return 2 * mpmath.quad(lambda u: mpmath.exp(-_mpf(width) * u**2 / 2), places)


def _mpf(value: Any) -> Any:
    return mpmath.mpf(value.numerator) / value.denominator
