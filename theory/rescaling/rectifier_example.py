r"""A ReLU network of six weights on three samples, in symbols: where rescalings are tried by differentiating.

Conventions: y = v_1 relu(w_1 x) + v_2 relu(w_2 x) with two inputs; the samples are (1, 0), (0, 1) and (1, 1). Weights
come in the order w_11, w_12, w_21, w_22, v_1, v_2. The pattern of active units is the one at the integer weights
`POINT` and wherever the signs of the three sums w_j x are the same; positive factors of a unit's weights keep it. The
loss is half the sum of squared errors.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

import sympy as sp

__all__ = ["POINT", "SYMBOLS", "layer_factors", "loss_hessian", "minimum_hessian", "outputs", "unit_factors"]

SYMBOLS: tuple[sp.Symbol, ...] = tuple(sp.symbols("w_11 w_12 w_21 w_22 v_1 v_2", real=True))
POINT: tuple[sp.Integer, ...] = tuple(map(sp.Integer, (2, -1, -1, 2, 3, 4)))
_SAMPLES = ((1, 0), (0, 1), (1, 1))
_ACTIVE = ((1, 0), (0, 1), (1, 1))  # by sample: which unit is active
_TARGETS = tuple(sp.symbols("y_1:4", real=True))


def outputs(weights: Sequence[Any]) -> sp.ImmutableMatrix:
    """Return the outputs at the three samples.

    Examples:
        >>> outputs(POINT).T
        Matrix([[6, 8, 7]])
    """
    w11, w12, w21, w22, v1, v2 = weights
    values = []
    for (x1, x2), (first, second) in zip(_SAMPLES, _ACTIVE, strict=True):
        values.append(first * v1 * (w11 * x1 + w12 * x2) + second * v2 * (w21 * x1 + w22 * x2))
    return sp.ImmutableMatrix(values)


def layer_factors(alpha: Any) -> tuple[Any, ...]:
    """Return the factors of the weights when the first layer is multiplied by alpha and the second divided."""
    return unit_factors(alpha, alpha)


def unit_factors(first: Any, second: Any) -> tuple[Any, ...]:
    """Return the factors of the weights when each unit has its own."""
    one = sp.Integer(1)
    return first, first, second, second, one / first, one / second


@cache
def loss_hessian() -> sp.ImmutableMatrix:
    """Return the Hessian of the loss at free weights, for free targets."""
    errors = outputs(SYMBOLS) - sp.ImmutableMatrix(_TARGETS)
    return sp.ImmutableMatrix(sp.hessian(sum((e**2 for e in errors), sp.Integer(0)) / 2, SYMBOLS).applyfunc(sp.expand))


def minimum_hessian(weights: Sequence[Any]) -> sp.ImmutableMatrix:
    """Return the Hessian at weights that fit the targets: that of Gauss and Newton, J'J.

    Examples:
        >>> minimum_hessian(POINT).rank()
        3
    """
    jacobian = outputs(SYMBOLS).jacobian(SYMBOLS).subs(dict(zip(SYMBOLS, weights, strict=True)), simultaneous=True)
    return sp.ImmutableMatrix(jacobian.T * jacobian)
