r"""The origin of a product of K weights: a saddle, flatter with every layer, and how fast gradient flow leaves it.

Conventions: the network is the product w_1 ... w_K, a linear one of width one, and the loss is half the square,
L = (w_1 ... w_K - y)^2/2 with y > 0; without the half all times are half as long. Gradient flow is dw/dt = -grad L. It
starts with all weights equal to delta > 0, and T is the time until the product reaches y/2.

In the steps p stands for w^K: everything is then a rational function, for every K at once.
"""

import itertools
from functools import cache

import sympy as sp

from theory.derivation import Derivation, Step
from theory.domain import Domain
from theory.proof import Relation

__all__ = ["deep_escape_time", "product_saddle", "two_layer_escape_time"]

_SOURCE = "Saxe, McClelland and Ganguli (2014), arXiv:1312.6120, who derive such times"
_y, _delta, _w, _p = sp.symbols("y delta w p", positive=True)
_LAYERS = sp.Symbol("K", integer=True, positive=True)


@cache
def product_saddle() -> Derivation:
    r"""Derive that at the origin of a product of K weights all derivatives of the loss below order K vanish.

    .. math:: L(s v) - L(0) = -y V s^K + \frac{1}{2} V^2 s^{2K}, \qquad V = v_1 \cdots v_K

    So the gradient vanishes for K >= 2 and the Hessian for K >= 3, and yet the origin is no minimum: the loss falls
    along every v with V > 0.

    Returns:
        A derivation; the value is the difference above. The part "first" is the mixed derivative of order
        K, -y, and "gradient" any entry of the gradient at 0.

    Examples:
        >>> product_saddle().at(K=3, V=1, y=2, s="1/10")
        -3999/2000000

    References:
        Kawaguchi (2016), arXiv:1605.07110, on saddles of deep linear networks whose Hessian has no negative eigenvalue.
    """
    s, volume = sp.symbols("s V", positive=True)
    vanishing, first = [], []
    for layers in (2, 3, 4):
        weights = sp.symbols(f"w_1:{layers + 1}", real=True)
        loss = sp.expand((sp.Mul(*weights) - _y) ** 2 / 2)
        origin = dict.fromkeys(weights, 0)
        for order in range(1, layers):
            chosen = itertools.combinations_with_replacement(weights, order)
            vanishing += [loss.diff(*each).subs(origin) for each in chosen]
        first.append(loss.diff(*weights).subs(origin))
    change = -_y * volume * s**_LAYERS + volume**2 * s ** (2 * _LAYERS) / 2
    return Derivation(
        "The origin of a product of K weights",
        sp.Eq(sp.Symbol("Delta"), change),
        (
            Step(
                f"For K = 2, 3 and 4 all {len(vanishing)} partial derivatives of orders 1 to K - 1 vanish at 0;",
                Relation(sp.Tuple(*vanishing), "=", sp.Tuple(*[0] * len(vanishing))),
                "exact",
                shown=r"\partial^k L(0) = 0, \quad 1 \le k < K",
            ),
            Step(
                "the derivative by every weight once does not.",
                Relation(sp.Tuple(*first), "=", sp.Tuple(-_y, -_y, -_y)),
                "exact",
                shown=r"\frac{\partial^K L}{\partial w_1 \cdots \partial w_K}(0) = -y",
            ),
            Step(
                "The first of them, for two layers, is an entry of the Hessian;",
                Relation(first[0], "=", -_y),
                "exact",
                lambda: sp.hessian((_w * _p - _y) ** 2 / 2, (_w, _p)).subs({_w: 0, _p: 0})[0, 1],
                shown=r"H_{12} = -y, \quad K = 2",
            ),
            Step(
                "For every K >= 2 the product R of the other weights is 0 at the origin, and the derivative by w",
                Relation(((_w * _p - _y) ** 2 / 2).diff(_w).subs(_p, 0), "=", 0),
                "exact",
                shown=r"\frac{\partial}{\partial w} \frac{(w R - y)^2}{2} = R (w R - y) = 0, \quad R = 0",
            ),
            Step(
                "On a ray from 0 the product is homogeneous of degree K, for every K: no power of s below the K-th.",
                Relation(sp.expand((s**_LAYERS * volume - _y) ** 2 / 2) - _y**2 / 2, "=", change),
                "exact",
                shown=r"L(s v) - L(0) = -y V s^K + \frac{1}{2} V^2 s^{2 K}",
            ),
            Step(
                "This is negative as long as the product p = V s^K is below 2 y: the origin is no minimum.",
                Relation(((2 * _y * s / (1 + s) - _y) ** 2 - _y**2) / 2, "<", 0),
                "exact",
                shown=r"L(s v) < L(0), \quad 0 < V s^K < 2 y",
            ),
        ),
        Domain(K=(1, sp.oo), s=(0, sp.oo), V=(0, sp.oo), y=(0, sp.oo)).with_integers("K"),
        parts={"first": sp.Eq(sp.Symbol("d_K"), -_y), "gradient": sp.Eq(sp.Symbol("d_1"), sp.Integer(0))},
        titles={
            "first": "first derivative that is not zero",
            "gradient": "gradient at the origin",
        },
        source="Kawaguchi (2016), arXiv:1605.07110, on saddles of deep linear networks",
        shown={
            "result": r"L(s v) - L(0) = -y V s^K + \frac{1}{2} V^2 s^{2 K}",
            "first": r"\partial_1 \cdots \partial_K L(0) = -y",
            "gradient": r"\nabla L(0) = 0",
        },
    )


@cache
def two_layer_escape_time() -> Derivation:
    r"""Derive the time that gradient flow on (w_1 w_2 - y)^2/2 takes from w_1 = w_2 = delta to w_1 w_2 = y/2.

    .. math:: T = \frac{1}{y} \log\frac{1}{\delta} + \frac{1}{2y} \log(y - \delta^2)

    Returns:
        A derivation; the value is T, the part "leading" its first term.

    Examples:
        >>> print(two_layer_escape_time().at(y=1, delta="1/1000", digits=6))
        6.90775

    References:
        Saxe, McClelland and Ganguli (2014), arXiv:1312.6120.
    """
    antiderivative = sp.log(_w) / _y - sp.log(_y - _w**2) / (2 * _y)
    time = -sp.log(_delta) / _y + sp.log(_y - _delta**2) / (2 * _y)
    end = sp.sqrt(_y / 2)
    return Derivation(
        "Time from the saddle of a product of two weights",
        sp.Eq(sp.Symbol("T"), time),
        (
            *_flow(),
            Step(
                "For K = 2 the time spent at each w is",
                Relation(antiderivative.diff(_w), "=", 1 / (_w * (_y - _w**2))),
                "exact",
                shown=r"\frac{dt}{dw} = \frac{1}{w (y - w^2)} = "
                r"\frac{d}{dw} \left(\frac{\log w}{y} - \frac{\log(y - w^2)}{2 y}\right)",
                domain=Domain(y=(0, sp.oo), w=(0, sp.oo)).where(2 * _w**2 < _y),
            ),
            Step(
                "From delta to the square root of y/2, where the logarithms cancel:",
                Relation(sp.expand_log(antiderivative.subs(_w, end) - antiderivative.subs(_w, _delta)), "=", time),
                "exact",
                shown=r"T = \frac{1}{y} \log\frac{1}{\delta} + \frac{1}{2 y} \log(y - \delta^2)",
            ),
            Step(
                "The second term stays bounded as delta tends to 0:",
                Relation((time + sp.log(_delta) / _y).subs(_delta, 0), "=", sp.log(_y) / (2 * _y)),
                "exact",
                shown=r"T - \frac{1}{y} \log\frac{1}{\delta} \to \frac{\log y}{2 y}",
            ),
            Step(
                "so that the first term is",
                Relation(sp.expand_log(sp.log(1 / _delta)) / _y, "=", -sp.log(_delta) / _y),
                "exact",
                shown=r"\frac{1}{y} \log\frac{1}{\delta}",
            ),
        ),
        Domain(y=(0, sp.oo), delta=(0, sp.oo)).where(2 * _delta**2 < _y),
        parts={"leading": sp.Eq(sp.Symbol("T_0"), -sp.log(_delta) / _y)},
        titles={
            "leading": "first term of the time",
        },
        source=_SOURCE,
        shown={
            "result": r"T = \frac{1}{y} \log\frac{1}{\delta} + \frac{1}{2 y} \log(y - \delta^2)",
            "leading": r"T_0 = \frac{1}{y} \log\frac{1}{\delta}",
        },
    )


@cache
def deep_escape_time() -> Derivation:
    r"""Derive the time that gradient flow takes from the saddle of a product of K >= 3 weights, up to a bounded term.

    .. math:: T = \frac{\delta^{2 - K}}{(K - 2) y} + O(1), \qquad
              -\frac{w^{2 - K}}{(K - 2) y} < O(1) < \frac{w^2}{y^2}, \quad w = (y/2)^{1/K}

    Returns:
        A derivation; the value is the first term, the parts "below" and "above" bound the rest, in w.

    Examples:
        >>> deep_escape_time().at(K=3, y=1, delta="1/1000")
        1000

    References:
        Saxe, McClelland and Ganguli (2014), arXiv:1312.6120.
    """
    t = sp.Symbol("t", positive=True)
    antiderivative = -(_w ** (2 - _LAYERS)) / ((_LAYERS - 2) * _y)
    leading = _delta ** (2 - _LAYERS) / ((_LAYERS - 2) * _y)
    rate = 1 / ((_p / _w) * (_y - _p))
    extra = _w / (_y * (_y - _p))
    below = _y * t / 2  # p, anywhere below y/2
    return Derivation(
        "Time from the saddle of a product of K weights",
        sp.Eq(sp.Symbol("T_0"), leading),
        (
            *_flow(),
            Step(
                "The time spent at each w splits into two terms.",
                Relation(rate, "=", _w / (_p * _y) + extra),
                "exact",
                shown=r"\frac{dt}{dw} = \frac{1}{w^{K - 1} (y - w^K)} = \frac{w^{1 - K}}{y} + \frac{w}{y (y - w^K)}",
                domain=Domain(y=(0, sp.oo), w=(0, sp.oo), p=(0, sp.oo)).where(_p < _y),
            ),
            Step(
                "The first has the antiderivative",
                Relation(sp.powsimp(antiderivative.diff(_w)), "=", _w ** (1 - _LAYERS) / _y),
                "exact",
                shown=r"-\frac{w^{2 - K}}{(K - 2) y}",
            ),
            Step(
                "and contributes, but for what is taken off at the end, a constant,",
                Relation(-antiderivative.subs(_w, _delta), "=", leading),
                "exact",
                shown=r"\int_\delta^\infty \frac{w^{1 - K}}{y} \, dw = \frac{\delta^{2 - K}}{(K - 2) y}",
            ),
            Step(
                "of the size",
                Relation(-antiderivative, "=", _w ** (2 - _LAYERS) / ((_LAYERS - 2) * _y)),
                "exact",
                shown=r"\int_w^\infty \frac{u^{1 - K}}{y} \, du = \frac{w^{2 - K}}{(K - 2) y}",
            ),
            Step(
                "The second term is positive",
                Relation(0, "<", extra.subs(_p, below)),
                "exact",
                shown=r"0 < \frac{w}{y (y - w^K)}",
                domain=Domain(y=(0, sp.oo), w=(0, sp.oo), t=(0, 1)),
            ),
            Step(
                "and bounded where the product is below y/2:",
                Relation(extra.subs(_p, below), "<", 2 * _w / _y**2),
                "exact",
                shown=r"\frac{w}{y (y - w^K)} < \frac{2 w}{y^2}",
                domain=Domain(y=(0, sp.oo), w=(0, sp.oo), t=(0, 1)),
            ),
            Step(
                "its share of the time is less than",
                Relation(sp.integrate(2 * _w / _y**2, (_w, 0, _w)), "=", _w**2 / _y**2),
                "exact",
                shown=r"\int_0^w \frac{2 u}{y^2} \, du = \frac{w^2}{y^2}",
            ),
            Step(
                "Neither depends on delta, while the first term grows beyond all bounds as delta falls:",
                Relation(leading.diff(_delta), "<", 0),
                "exact",
                shown=r"\frac{d}{d \delta} \delta^{2 - K} < 0",
            ),
        ),
        Domain(K=(2, sp.oo), y=(0, sp.oo), delta=(0, sp.oo), w=(0, sp.oo)).with_integers("K"),
        parts={
            "below": sp.Eq(sp.Symbol("c_below"), _w ** (2 - _LAYERS) / ((_LAYERS - 2) * _y)),
            "above": sp.Eq(sp.Symbol("c_above"), _w**2 / _y**2),
        },
        titles={
            "below": "lower bound on the time",
            "above": "upper bound on the time",
        },
        source=_SOURCE,
        shown={
            "result": r"T_0 = \frac{\delta^{2 - K}}{(K - 2) y}",
            "below": r"T > T_0 - \frac{w^{2 - K}}{(K - 2) y}, \quad w = (y/2)^{1/K}",
            "above": r"T < T_0 + \frac{w^2}{y^2}",
        },
    )


def _flow() -> tuple[Step, ...]:
    """Equal weights stay equal, and how fast they grow."""
    first, second, rest = sp.symbols("w_1 w_2 R", positive=True)
    loss = (first * second * rest - _y) ** 2 / 2
    return (
        Step(
            "With R the product of the other weights: the squares of any two weights change alike,",
            Relation(first * loss.diff(first) - second * loss.diff(second), "=", 0),
            "exact",
            shown=r"w_1 \frac{\partial L}{\partial w_1} = w_2 \frac{\partial L}{\partial w_2}",
        ),
        Step(
            "so that equal weights stay equal, to a common w with the K-th power p:",
            Relation(-loss.diff(first).subs({second: 1, rest: _p / _w}).subs(first, _w), "=", (_p / _w) * (_y - _p)),
            "exact",
            shown=r"\dot w = w^{K - 1} (y - w^K)",
        ),
    )
