r"""Networks that fit the same data: what the loss, the architecture and the inputs do not decide.

Conventions: one input, two hidden ReLU units with the incoming weights 1 and -1, one output,

.. math:: f_c(x) = \mathrm{relu}(x) + c \, \mathrm{relu}(-x),

trained on the sample x = 1 with the target 1 (loss e^2/2). The truth is relu(x), the inputs are uniform on (-1, 1), the
generalisation error is the mean of the squared error. Weights come in the order w_1, w_2, v_1, v_2.
"""

from functools import cache
from typing import Any

import mpmath
import numpy as np
import sympy as sp

from theory.derivation import Derivation, Step
from theory.domain import Domain
from theory.proof import Relation
from theory.real_arrays import positive_number

__all__ = ["interpolating_pair", "outgoing_weight_for_error", "same_function_other_flatness"]

_c = sp.Symbol("c", real=True)
_WEIGHTS = tuple(sp.symbols("w_1 w_2 v_1 v_2", real=True))
_SLIDE = "KTH, Sharp minima can generalize, slide Navigating the parameter space"


@cache
def interpolating_pair() -> Derivation:
    r"""Derive that the same loss, architecture and inputs do not imply the same generalisation error.

    For every c the network f_c fits the sample, with the same Hessian of the training loss; its generalisation error is

    .. math:: E (f_c(x) - \mathrm{relu}(x))^2 = \frac{c^2}{6}.

    What implies the same error is the same function; and the Hessians being equal, no measure of them tells which of
    the minima generalises.

    Returns:
        A derivation; the value is the generalisation error. The part "flatness" is the largest eigenvalue of the
        Hessian of the training loss, the same for all c.

    Examples:
        >>> interpolating_pair().at(c=0), interpolating_pair().at(c=6)
        (0, 6)
    """
    x = sp.Symbol("x", real=True)
    minimum = dict(zip(_WEIGHTS, (1, -1, 1, _c), strict=True))
    trained = _output(sp.Integer(1), active=(1, 0))
    hessian = sp.ImmutableMatrix(sp.hessian((trained - 1) ** 2 / 2, _WEIGHTS).subs(minimum))
    gradient = sp.Matrix([((trained - 1) ** 2 / 2).diff(weight) for weight in _WEIGHTS]).subs(minimum)
    right = _output(x, active=(1, 0)).subs(minimum)
    left = _output(x, active=(0, 1)).subs(minimum)
    error = sp.integrate(sp.expand((right - x) ** 2) / 2, (x, 0, 1)) + sp.integrate(left**2 / 2, (x, -1, 0))
    along = sp.Matrix([1, 0, 1, 0])
    return Derivation(
        "Networks of one architecture that fit the same data, with any generalisation error",
        sp.Eq(sp.Symbol("G"), _c**2 / 6),
        (
            Step(
                "At the sample x = 1 the second unit is silent: the output is 1 and the loss 0, for every c.",
                Relation(trained.subs(minimum), "=", 1),
                "exact",
                shown=r"f_c(1) = 1",
            ),
            Step(
                "The training loss has the gradient 0 there: with the loss 0 it is a global minimum,",
                Relation(gradient, "=", sp.zeros(4, 1)),
                "exact",
                shown=r"\nabla L = 0",
            ),
            Step(
                "with a Hessian that does not know c, because the second unit is silent in a neighbourhood:",
                Relation(hessian, "=", along * along.T),
                "exact",
                shown=r"H = g g^{T}, \quad g = (1, 0, 1, 0)",
            ),
            Step(
                "its largest eigenvalue.",
                Relation(hessian * along, "=", 2 * along),
                "exact",
                shown=r"H g = 2 g",
            ),
            Step(
                "The trace is the same: all other eigenvalues are 0.",
                Relation(hessian.trace(), "=", 2),
                "exact",
                shown=r"\mathrm{tr} H = 2",
            ),
            Step(
                "The generalisation error: none at x > 0, (c x)^2 at x < 0.",
                Relation(error, "=", _c**2 / 6),
                "exact",
                shown=r"\frac{1}{2} \int_{-1}^{0} (c x)^2 \, dx = \frac{c^2}{6}",
            ),
            Step(
                "Two of them, c = 0 and c = 1: the same training loss, Hessian, architecture and inputs, and other "
                "errors.",
                Relation(error.subs(_c, 0), "<", error.subs(_c, 1)),
                "exact",
                shown=r"0 < \frac{1}{6}",
            ),
        ),
        Domain(c=(-sp.oo, sp.oo)),
        parts={"flatness": sp.Eq(sp.Symbol("lambda_1"), sp.Integer(2))},
        titles={
            "flatness": "largest eigenvalue, the same for all",
        },
        assumptions=("the truth is relu(x); inputs are uniform on (-1, 1)",),
        source=_SLIDE,
        shown={"result": r"E (f_c(x) - \mathrm{relu}(x))^2 = \frac{c^2}{6}", "flatness": r"\lambda_1 = 2"},
    )


@cache
def same_function_other_flatness() -> Derivation:
    r"""Derive that the same function does not imply the same flatness: a rescaling of one unit, any curvature.

    Dividing w_1 by alpha and multiplying v_1 by alpha leaves f_c, and with it every loss and error, and makes the
    largest eigenvalue of the Hessian alpha^2 + alpha^-2.

    Returns:
        A derivation; the value is that eigenvalue. The part "wanted" is the alpha >= 1 at which it is a given
        m >= 2.

    Examples:
        >>> same_function_other_flatness().at(alpha=10)
        10001/100
    """
    alpha = sp.Symbol("alpha", positive=True)
    wanted = sp.Symbol("m", positive=True)
    x = sp.Symbol("x", real=True)
    here = dict(zip(_WEIGHTS, (1, -1, 1, _c), strict=True))
    there = dict(zip(_WEIGHTS, (1 / alpha, -1, alpha, _c), strict=True))
    sides = [_output(x, active=active) for active in ((1, 0), (0, 1))]
    trained = _output(sp.Integer(1), active=(1, 0))
    hessian = sp.ImmutableMatrix(sp.hessian((trained - 1) ** 2 / 2, _WEIGHTS).subs(there))
    value = alpha**2 + alpha**-2
    along = sp.Matrix([alpha, 0, 1 / alpha, 0])
    roots = (sp.sqrt(wanted + 2), sp.sqrt(wanted - 2))
    scale = (roots[0] + roots[1]) / 2
    return Derivation(
        "One function, and any flatness",
        sp.Eq(sp.Symbol("lambda_1"), value),
        (
            Step(
                "The outputs at x > 0 and at x < 0 are what they were.",
                Relation(
                    sp.Tuple(*(side.subs(there) for side in sides)), "=", sp.Tuple(*(side.subs(here) for side in sides))
                ),
                "exact",
                shown=r"\alpha \, \mathrm{relu}\left(\frac{x}{\alpha}\right) + c \, \mathrm{relu}(-x) = f_c(x)",
            ),
            Step(
                "The Hessian of the training loss,",
                Relation(hessian, "=", along * along.T),
                "exact",
                shown=r"H = g g^{T}, \quad g = \left(\alpha, 0, \alpha^{-1}, 0\right)",
            ),
            Step(
                "and its largest eigenvalue.",
                Relation((along.T * along)[0], "=", value),
                "exact",
                lambda: hessian.trace(),
                shown=r"\lambda_1 = |g|^2 = \alpha^2 + \alpha^{-2}",
            ),
            Step(
                "Every m from 2 on is one of its values.",
                Relation(value.subs(alpha, scale), "=", wanted),
                "exact",
                shown=r"\alpha^2 + \alpha^{-2} = m, \quad"
                r" \alpha = \frac{1}{2} \left(\sqrt{m + 2} + \sqrt{m - 2}\right)",
                domain=Domain(m=(2, sp.oo)),
            ),
            Step(
                "The scale: half the sum of the roots of m + 2 = (alpha + 1/alpha)^2 and m - 2 = (alpha - 1/alpha)^2,",
                Relation(sp.Tuple(scale + 1 / scale, scale - 1 / scale), "=", sp.Tuple(*roots)),
                "exact",
                shown=r"\alpha + \alpha^{-1} = \sqrt{m + 2}, \quad \alpha - \alpha^{-1} = \sqrt{m - 2}",
                domain=Domain(m=(2, sp.oo)),
            ),
            Step(
                "itself.",
                Relation((roots[0] + roots[1]) / 2, "=", scale),
                "exact",
                lambda m: _larger_root(m),
                shown=r"\alpha = \frac{1}{2} \left(\sqrt{m + 2} + \sqrt{m - 2}\right)",
                domain=Domain(m=(2, sp.oo)),
            ),
        ),
        Domain(alpha=(0, sp.oo), c=(-sp.oo, sp.oo), m=(0, sp.oo)).where(wanted >= 2),
        parts={"wanted": sp.Eq(sp.Symbol("alpha"), scale)},
        titles={
            "wanted": "rescaling for a wanted eigenvalue",
        },
        assumptions=("the loss e^2/2 at one sample; the second unit is silent there",),
        source=f"{_SLIDE}; Dinh et al. (2017), arXiv:1703.04933",
        shown={
            "result": r"\lambda_1 = \alpha^2 + \alpha^{-2}",
            "wanted": r"\alpha = \frac{1}{2} \left(\sqrt{m + 2} + \sqrt{m - 2}\right)",
        },
    )


def outgoing_weight_for_error(error: float) -> float:
    """Return a weight c >= 0 for which f_c has a given generalisation error, at training loss 0.

    Args:
        error: The generalisation error wanted, > 0.

    Raises:
        TypeError: If the error is no number.
        ValueError: If it is not positive and finite.

    Examples:
        >>> outgoing_weight_for_error(6.0)
        6.0
    """
    return float(4 * np.sqrt(0.375 * positive_number("error", error)))  # sqrt(6 error), without overflow


def _output(x: sp.Expr, *, active: tuple[int, int]) -> sp.Expr:
    """The output at x where the given units are active."""
    w1, w2, v1, v2 = _WEIGHTS
    return active[0] * v1 * w1 * x + active[1] * v2 * w2 * x


def _larger_root(value: Any) -> Any:
    """The alpha >= 1 with alpha^4 - m alpha^2 + 1 = 0."""
    with mpmath.workdps(50):
        m = mpmath.mpf(value.numerator) / value.denominator
        return mpmath.sqrt((m + mpmath.sqrt(m**2 - 4)) / 2)
