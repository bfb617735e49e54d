r"""Why rescaled networks compute the same function: units that are homogeneous of degree one.

Conventions: s(c z) = c s(z) for all c > 0 and all z. A hidden unit has the pre-activation z = w . x and the outgoing
weight v. With signs spelt out p = s(1) and -q = s(-1), so that ReLU is p = 1, q = 0, the absolute value p = 1, q = -1,
a leaky ReLU p = 1, q > 0 and a linear unit p = q.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

import sympy as sp

from theory.derivation import Derivation, Step
from theory.domain import Domain
from theory.exact_numbers import exact_number
from theory.proof import Relation

__all__ = ["homogeneity_defect", "observational_equivalence"]

_SOURCE = "Dinh, Pascanu, Bengio and Bengio (2017), arXiv:1703.04933, on properties of rectified networks"
_p, _q, _y = sp.symbols("p q z", real=True)
_c, _a, _gap = sp.symbols("c alpha d", positive=True)
_w = sp.Symbol("w", real=True)
_ALL = {"p": (-sp.oo, sp.oo), "q": (-sp.oo, sp.oo), "c": (0, sp.oo), "alpha": (0, sp.oo)}
_ABOVE, _BELOW = Domain(z=(0, sp.oo), **_ALL), Domain(z=(-sp.oo, 0), **_ALL)


def homogeneity_defect(activation: Callable[[sp.Expr], Any], factor: object, place: object) -> sp.Expr:
    r"""Return :math:`s(c z) - c \, s(z)`, which is 0 for all c > 0 and z if rescaling changes no output.

    Args:
        activation: A function of one sympy number, such as ``sp.tanh``.
        factor: The number c > 0.
        place: The number z.

    Returns:
        An exact sympy number.

    Raises:
        ValueError: If the factor is not positive.
        TypeError: If one of them is not a number.

    Examples:
        >>> homogeneity_defect(lambda z: sp.Max(z, 0), 3, "-1/2"), homogeneity_defect(sp.Abs, 3, -2)
        (0, 0)
        >>> homogeneity_defect(sp.tanh, 2, 1)
        -2*tanh(1) + tanh(2)
    """
    c, z = exact_number("factor", factor), exact_number("place", place)
    if not c > 0:
        raise ValueError(f"factor must be positive, got {c}.")
    return sp.sympify(activation(c * z)) - c * sp.sympify(activation(z))


@cache
def observational_equivalence() -> Derivation:
    r"""Derive that rescaling layers or units changes no output, for every activation homogeneous of degree one.

    .. math:: \sum_j \frac{v_j}{c_j} \, s(c_j z_j) = \sum_j v_j \, s(z_j), \qquad c_j > 0

    The only such activations are s(z) = p z above 0 and q z below. Factors below 0 do not do.

    Returns:
        A derivation; the value is the output of a two-layer network with h hidden units, before and after. The parts
        are "activation", s in terms of p and q, and "pre-activation", that of a unit of layer k + 1 with a bias, times
        the product of alpha_1, ..., alpha_(k+1).

    Examples:
        >>> observational_equivalence().evidence
        'exact'
    """
    h, m = sp.symbols("h m", integer=True, positive=True)
    j = sp.Symbol("j", integer=True, positive=True)
    out, before = (sp.Function(name, real=True)(j) for name in ("v", "z"))
    factor = sp.Function("c", positive=True)(j)
    weight, hidden = (sp.Function(name, real=True)(j) for name in ("w", "h"))
    bias = sp.Symbol("b", real=True)
    units, inside = (j, 1, h), (j, 1, m)
    output = sp.Sum(out * _unit(before), units)
    pre = _a * _c * (sp.Sum(weight * hidden, inside) + bias)
    return Derivation(
        "Rescaled networks of homogeneous units compute the same function",
        sp.Eq(sp.Symbol("y"), output),
        (
            Step(
                "A function of degree one is fixed by its values p at 1 and -q at -1: above 0 it is z s(1),",
                Relation(_unit(_y), "=", _p * _y),
                "exact",
                lambda z, p, q: _as_maximum(z, p, q),
                shown=r"s(z) = \frac{p + q}{2} z + \frac{p - q}{2} |z| = p z \quad (z > 0)",
                domain=_ABOVE,
            ),
            Step(
                "and below 0 it is -z s(-1).",
                Relation(_unit(_y), "=", _q * _y),
                "exact",
                lambda z, p, q: _as_maximum(z, p, q),
                shown=r"s(z) = \frac{p + q}{2} z + \frac{p - q}{2} |z| = q z \quad (z < 0)",
                domain=_BELOW,
            ),
            Step(
                "Every such function has degree one, above 0,",
                Relation(_unit(_c * _y), "=", _c * _p * _y),
                "exact",
                lambda c, z, p, q: _as_maximum(c * z, p, q),
                shown=r"s(c z) = c p z = c \, s(z) \quad (c > 0, \ z > 0)",
                domain=_ABOVE,
            ),
            Step(
                "below 0",
                Relation(_unit(_c * _y), "=", _c * _q * _y),
                "exact",
                lambda c, z, p, q: _as_maximum(c * z, p, q),
                shown=r"s(c z) = c q z = c \, s(z) \quad (c > 0, \ z < 0)",
                domain=_BELOW,
            ),
            Step(
                "and at 0.",
                Relation(_unit(_y).subs(_y, 0), "=", 0),
                "exact",
                lambda: _as_maximum(0, _p, _q),
                shown=r"s(c \cdot 0) = 0 = c \, s(0)",
            ),
            Step(
                "So have the maximum of two inputs, x and x - d, and with it maxima over windows (means are linear).",
                Relation(_larger(_c * _w, _c * (_w - _gap)), "=", _c * _w),
                "exact",
                lambda c, w, d: c * max(w, w - d),
                shown=r"\max(c x, c (x - d)) = c x = c \max(x, x - d) \quad (c, d > 0)",
                domain=Domain(c=(0, sp.oo), w=(-sp.oo, sp.oo), d=(0, sp.oo)),
            ),
            Step(
                "A factor below 0 does not do: ReLU at z = 1 with c = -1.",
                Relation(sp.Max(sp.Integer(-1), 0), "!=", -sp.Max(sp.Integer(1), 0)),
                "exact",
                shown=r"s(-1) = 0 \neq -1 = - s(1)",
            ),
            Step(
                "Nor does every activation: the hyperbolic tangent at z = 1 with c = 2.",
                Relation(sp.tanh(2), "!=", 2 * sp.tanh(1)),
                "exact",
                shown=r"\tanh 2 \neq 2 \tanh 1",
            ),
            Step(
                "Two layers, h hidden units, each with its own c_j > 0: every term stays, and with it every output.",
                Relation(sp.Sum(out / factor * _unit(factor * before), units), "=", output),
                "exact",
                shown=r"\sum_{j=1}^{h} \frac{v_j}{c_j} s(c_j z_j) = \sum_{j=1}^{h} v_j s(z_j)",
            ),
            Step(
                "Any number of layers: if the units of layer k are c = alpha_1 ... alpha_k times what they were, those "
                "of the next have alpha c times their pre-activation, biases included if these are multiplied by "
                "alpha c,",
                Relation(sp.Sum(_a * weight * _c * hidden, inside) + _a * _c * bias, "=", pre),
                "exact",
                shown=r"\sum_j \alpha w_j \, c h_j + \alpha c \, b = \alpha c \left(\sum_j w_j h_j + b\right)",
            ),
            Step(
                "and after the last one the product of all alphas, which is 1. Exact instance: a ReLU network 2-3-2-1 "
                "at three inputs, all alphas free.",
                Relation(_instance(_a, _c), "=", _plain_instance()),
                "exact",
                _plain_instance,
                shown=r"y(\alpha_1 \theta_1, \alpha_2 \theta_2, \alpha_3 \theta_3) = y(\theta_1, \theta_2, \theta_3)"
                r" = " + ", ".join(str(value) for value in _plain_instance()),
            ),
        ),
        Domain(**_ALL),
        parts={
            "activation": sp.Eq(sp.Symbol("s"), _unit(_y)),
            "pre-activation": sp.Eq(sp.Symbol("z"), pre),
        },
        titles={
            "activation": "homogeneous activations",
            "pre-activation": "pre-activation after rescaling",
        },
        assumptions=(
            "every c_j and every alpha_k is positive, and the product of the alphas is one",
            "s is homogeneous of degree one for positive factors",
        ),
        source=_SOURCE,
        shown={
            "result": r"y = \sum_{j=1}^{h} \frac{v_j}{c_j} s(c_j z_j) = \sum_{j=1}^{h} v_j s(z_j)",
            "activation": r"s(z) = \frac{p + q}{2} z + \frac{p - q}{2} |z|",
            "pre-activation": r"z_{k+1} = \alpha_1 \cdots \alpha_{k+1} \left(\sum_j w_j h_j + b\right)",
        },
    )


def _larger(first: sp.Expr, second: sp.Expr) -> sp.Expr:
    return (first + second + sp.Abs(sp.expand(first - second))) / 2


def _unit(z: sp.Expr) -> sp.Expr:
    return (_p + _q) / 2 * z + (_p - _q) / 2 * sp.Abs(z)


def _as_maximum(z: Any, p: Any, q: Any) -> Any:
    """The same function by comparing numbers."""
    return p * max(z, 0) + q * min(z, 0)


_LAYERS = (((2, -1), (1, 3), (-1, 1)), ((1, 2, -1), (-2, 1, 1)), ((3, -5),))
_INPUTS = ((1, 2), (-3, 1), (2, -5))


def _instance(first: sp.Symbol, second: sp.Symbol) -> sp.Tuple:
    """The outputs of a small ReLU network with layers multiplied by a, c and 1/(a c), absolute values for maxima."""
    outputs = []
    for sample in _INPUTS:
        values = [sp.Integer(x) for x in sample]
        for rows, factor in zip(_LAYERS, (first, second, 1 / (first * second)), strict=True):
            sums = [
                sp.expand(sum((factor * w * v for w, v in zip(row, values, strict=True)), sp.Integer(0)))
                for row in rows
            ]
            values = sums if rows is _LAYERS[-1] else [sp.expand((z + sp.Abs(z)) / 2) for z in sums]
        outputs.append(values[0])
    return sp.Tuple(*outputs)


def _plain_instance() -> sp.Tuple:
    """The outputs of the same network as it is, by comparing integers."""
    outputs = []
    for sample in _INPUTS:
        values = list(sample)
        for rows in _LAYERS:
            sums = [sum(w * v for w, v in zip(row, values, strict=True)) for row in rows]
            values = sums if rows is _LAYERS[-1] else [max(z, 0) for z in sums]
        outputs.append(values[0])
    return sp.Tuple(*outputs)
