r"""How gradient and Hessian change under rescalings of layers.

Conventions: T_alpha multiplies theta_k by alpha_k > 0, the product of the alphas being one; D is diagonal with
1/alpha_k on the n_k weights of layer k. The gradient g is a column, H the Hessian, g_k and H_kl their blocks. L is a
loss that does not change, L(T_alpha theta) = L(theta), and is twice differentiable at theta; then it is so at T_alpha
theta.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

import sympy as sp

from theory.derivation import Derivation, Step, Theorem
from theory.domain import Domain
from theory.exact_two_layer import ExactTwoLayer
from theory.proof import Relation
from theory.rescaling.activation_pattern import PatternNetwork
from theory.rescaling.block_matrix import block_matrix, blocks
from theory.rescaling.diagonal_maps import layer_rescaling, unit_rescaling

__all__ = ["least_trace", "rescaled_hessian"]

_SOURCE = "Dinh, Pascanu, Bengio and Bengio (2017), arXiv:1703.04933, on Hessian-based measures"
_a, _b = sp.symbols("alpha_k alpha_l", positive=True)
_alpha = sp.Symbol("alpha", positive=True)
_u, _w = sp.symbols("u w", real=True)
_EVERYWHERE = Domain(alpha=(0, sp.oo), alpha_k=(0, sp.oo), alpha_l=(0, sp.oo), t_1=(0, sp.oo), t_2=(0, sp.oo))


@cache
def rescaled_hessian() -> Derivation:
    r"""Derive gradient and Hessian at a rescaled point by differentiating L(T_alpha theta) = L(theta) twice.

    .. math:: \nabla L(T_\alpha \theta) = D \, \nabla L(\theta), \qquad
              H(T_\alpha \theta) = D \, H(\theta) \, D, \qquad D = \mathrm{diag}(1/\alpha_k)

    Returns:
        A derivation for any number of layers of any sizes. The value is the entry of a weight of layer k and one of
        layer l; the parts are "gradient", the entry of a weight of layer k, "trace", for two layers with the traces
        t_1, t_2 of the two diagonal blocks, "least trace", the least on the orbit if both are positive, and
        "least trace of K", the same for K layers with the geometric mean m of all t_k.

    Examples:
        >>> rescaled_hessian().at(alpha_k=2, alpha_l="1/2", H_kl=5)
        5
        >>> rescaled_hessian().parts["least trace"].rhs
        2*sqrt(t_1)*sqrt(t_2)
    """
    here, there = _jet("g", "H"), _jet("G", "P")
    moved = there.subs({_u: _a * _u, _w: _b * _w}, simultaneous=True)
    slope, entry = sp.symbols("g_k H_kl", real=True)
    slope_there, entry_there = sp.symbols("G_k P_kl", real=True)
    diagonal, second, hessian, there_h = sp.symbols("D D_beta H P", commutative=False)
    t1, t2 = sp.symbols("t_1 t_2", positive=True)
    k, depth = sp.symbols("k K", integer=True, positive=True)
    layers = (k, 1, depth)
    trace_of, factor = sp.Function("t", real=True)(k), sp.Function("alpha", positive=True)(k)
    log, mean = sp.Function("l", real=True)(k), sp.Symbol("m", positive=True)
    trace, least = t1 / _alpha**2 + _alpha**2 * t2, 2 * sp.sqrt(t1) * sp.sqrt(t2)
    two, three = PatternNetwork((2, 2, 1), 2), PatternNetwork((1, 2, 1, 1), 1)
    by_two = layer_rescaling((_alpha, 1 / _alpha), two.block_sizes)
    by_three = layer_rescaling((_a, _b, 1 / (_a * _b)), three.block_sizes)
    by_unit = unit_rescaling([[_a, _b]], two.widths)
    return Derivation(
        "Rescaling transforms the gradient by D and the Hessian by D on both sides",
        sp.Eq(entry_there, entry / (_a * _b)),
        (
            Step(
                "Differentiate L(T(theta + u)) by a weight of layer k, L known to third order around T theta: the "
                "chain rule.",
                Relation(_at_zero(moved.diff(_u)), "=", _a * slope_there),
                "exact",
                lambda: _difference_quotient(moved, 1),
                shown=r"\frac{\partial}{\partial \theta_k} L(T_{\alpha} \theta)"
                r" = \alpha_k (\partial_k L)(T_{\alpha} \theta)",
            ),
            Step(
                "The other side is L(theta + u), with the derivative g_k: solved for the gradient at T theta.",
                Relation(
                    sp.solve(_at_zero(moved.diff(_u) - here.diff(_u)), slope_there)[0],
                    "=",
                    slope / _a,
                ),
                "exact",
                lambda: slope * layer_rescaling((_a, 1 / _a), (1, 1)).inverse().scales[0],
                shown=r"\alpha_k (\partial_k L)(T_{\alpha} \theta) = \partial_k L(\theta)"
                r" \quad \Rightarrow \quad (\partial_k L)(T_{\alpha} \theta) = \frac{\partial_k L(\theta)}{\alpha_k}",
            ),
            Step(
                "Once more, by a weight of layer l.",
                Relation(_at_zero(moved.diff(_u, _w)), "=", _a * _b * entry_there),
                "exact",
                lambda: _difference_quotient(moved, 2),
                shown=r"\frac{\partial^2}{\partial \theta_k \partial \theta_l} L(T_{\alpha} \theta)"
                r" = \alpha_k \alpha_l (\partial_k \partial_l L)(T_{\alpha} \theta)",
            ),
            Step(
                "Solved for the Hessian at T theta. This is every entry of every block: k and l are any two layers, "
                "or one.",
                Relation(
                    sp.solve(_at_zero(moved.diff(_u, _w) - here.diff(_u, _w)), entry_there)[0],
                    "=",
                    entry / (_a * _b),
                ),
                "exact",
                lambda: layer_rescaling((_a, _b, 1 / (_a * _b)), (1, 1, 1)).hessian(entry * sp.ones(3, 3))[0, 1],
                shown=r"(\partial_k \partial_l L)(T_{\alpha} \theta) = \frac{H_{kl}}{\alpha_k \alpha_l}",
            ),
            Step(
                "In blocks, for any number of layers: with the Jacobian 1/D of T on both sides, D H D solves it.",
                Relation(diagonal * (diagonal**-1 * there_h * diagonal**-1) * diagonal, "=", there_h),
                "exact",
                shown=r"D^{-1} H(T_{\alpha} \theta) D^{-1} = H(\theta) \quad \Leftrightarrow \quad"
                r" H(T_{\alpha} \theta) = D H(\theta) D",
            ),
            Step(
                "One rescaling after another: D of the product is the product of the two, diagonal as they are.",
                Relation(
                    diagonal * (second * hessian * second) * diagonal,
                    "=",
                    (diagonal * second) * hessian * (second * diagonal),
                ),
                "exact",
                shown=r"D_{\alpha} (D_{\beta} H D_{\beta}) D_{\alpha} = D_{\alpha \beta} H D_{\alpha \beta}",
            ),
            Step(
                "K = 2, all weights, slopes and targets free: the Hessian of a network 2-2-1 at two samples, "
                "differentiated first and then rescaled,",
                Relation(
                    two.at_rescaled(two.hessian, by_two),
                    "=",
                    by_two.hessian(two.hessian),
                ),
                "exact",
                lambda: _sandwiched(two.hessian, (1 / _alpha,) * 4 + (_alpha,) * 2),
                shown=r"H(\alpha \theta_1, \theta_2 / \alpha) = D H(\theta_1, \theta_2) D, \quad"
                r" D = \mathrm{diag}\left(\frac{1}{\alpha}, \alpha\right)",
            ),
            Step(
                "and its gradient.",
                Relation(
                    two.at_rescaled(two.gradient, by_two),
                    "=",
                    sp.ImmutableMatrix(by_two.gradient(list(two.gradient))),
                ),
                "exact",
                lambda: sp.ImmutableMatrix(sp.diag(*(1 / _alpha,) * 4, _alpha, _alpha) * two.gradient),
                shown=r"\nabla L(\alpha \theta_1, \theta_2 / \alpha)"
                r" = \left(\frac{g_1}{\alpha}, \alpha g_2\right)",
            ),
            Step(
                "K = 3, in the same way: a network 1-2-1-1.",
                Relation(
                    three.at_rescaled(three.hessian, by_three),
                    "=",
                    by_three.hessian(three.hessian),
                ),
                "exact",
                lambda: _sandwiched(three.hessian, (1 / _a, 1 / _a, 1 / _b, 1 / _b, _a * _b)),
                shown=r"H(\alpha_1 \theta_1, \alpha_2 \theta_2, \alpha_3 \theta_3) = D H(\theta) D, \quad"
                r" \alpha_1 \alpha_2 \alpha_3 = 1",
            ),
            Step(
                "Units one by one, c_1 and c_2 for the two of the network 2-2-1: D has 1/c_j on what enters unit j and "
                "c_j on what leaves it.",
                Relation(two.at_rescaled(two.hessian, by_unit), "=", by_unit.hessian(two.hessian)),
                "exact",
                lambda: _sandwiched(two.hessian, (1 / _a, 1 / _a, 1 / _b, 1 / _b, _a, _b)),
                shown=r"H(c_j w_j, v_j / c_j) = D H D, \quad"
                r" D = \mathrm{diag}\left(\frac{1}{c_1}, \frac{1}{c_2}, c_1, c_2\right)",
            ),
            Step(
                "An exact instance: a ReLU network 2-3-2 at four samples, alpha = 3.",
                Relation(_instance().hessian(), "=", _instance_transformed()),
                "exact",
                lambda: _instance().gauss_newton() + _instance().residual_part(),
                shown=r"H(3 \theta_1, \theta_2 / 3) = D H(\theta_1, \theta_2) D",
            ),
            Step(
                "The trace is a sum over the diagonal blocks, whose traces t_k are divided by alpha_k^2.",
                Relation(
                    sp.Sum((1 / factor) * trace_of * (1 / factor), layers), "=", sp.Sum(trace_of / factor**2, layers)
                ),
                "exact",
                shown=r"\mathrm{tr} D H D = \sum_{k=1}^{K} \frac{t_k}{\alpha_k^2}",
            ),
            Step(
                "For two layers:",
                Relation(_traces(t1, t2)[0], "=", trace),
                "exact",
                lambda: _traces(t1, t2)[1],
                shown=r"\mathrm{tr} = \frac{t_1}{\alpha^2} + \alpha^2 t_2",
            ),
            Step(
                "It has no upper bound, but a least value, by completing the square,",
                Relation(trace - (sp.sqrt(t1) / _alpha - _alpha * sp.sqrt(t2)) ** 2, "=", least),
                "exact",
                lambda: 2 * sp.sqrt(t1 * t2),
                shown=r"\frac{t_1}{\alpha^2} + \alpha^2 t_2 ="
                r" \left(\frac{\sqrt{t_1}}{\alpha} - \alpha \sqrt{t_2}\right)^2 + 2 \sqrt{t_1 t_2}",
            ),
            Step(
                "which is reached where the two terms are equal.",
                Relation(trace.subs(_alpha, (t1 / t2) ** sp.Rational(1, 4)), "=", least),
                "exact",
                shown=r"\alpha^4 = \frac{t_1}{t_2}: \quad \mathrm{tr} = 2 \sqrt{t_1 t_2}",
            ),
            Step(
                "With K layers the terms are equal, to their geometric mean m, where alpha_k^2 = t_k / m.",
                Relation(sp.Sum(trace_of / (trace_of / mean), layers).doit(), "=", depth * mean),
                "exact",
                shown=r"\sum_{k=1}^{K} \frac{t_k}{\alpha_k^2} = K m, \quad m = (t_1 \cdots t_K)^{1/K}",
            ),
        ),
        _EVERYWHERE,
        parts={
            "gradient": sp.Eq(slope_there, slope / _a),
            "trace": sp.Eq(sp.Symbol("tr"), trace),
            "least trace": sp.Eq(sp.Symbol("tr"), least),
            "least trace of K": sp.Eq(sp.Symbol("tr"), depth * mean),
        },
        titles={
            "gradient": "gradient after rescaling",
            "trace": "trace after rescaling",
            "least trace": "least trace of the orbit",
            "least trace of K": "least trace with K layers",
        },
        assumptions=(
            "L(T theta) = L(theta) for every theta and every rescaling",
            "L is twice differentiable at theta: no unit is on its kink there at a sample",
            "the least traces: all diagonal blocks have positive traces",
        ),
        theorems=(_means(trace_of, log, layers),),
        source=_SOURCE,
        shown={
            "result": r"H(T_{\alpha} \theta)_{kl} = \frac{H_{kl}}{\alpha_k \alpha_l}",
            "gradient": r"g(T_{\alpha} \theta)_k = \frac{g_k}{\alpha_k}",
            "trace": r"\mathrm{tr} H(T_{\alpha} \theta) = \frac{t_1}{\alpha^2} + \alpha^2 t_2",
            "least trace": r"\min_{\alpha} \mathrm{tr} H(T_{\alpha} \theta) = 2 \sqrt{t_1 t_2}",
            "least trace of K": r"\min_{\alpha} \mathrm{tr} H(T_{\alpha} \theta) = K (t_1 \cdots t_K)^{1/K}",
        },
    )


def least_trace(hessian: Any, block_sizes: Sequence[int]) -> sp.Expr:
    r"""Return the least trace that the Hessian has on the orbit of rescalings, exactly.

    .. math:: \min_\alpha \mathrm{tr}\, D H D = K (t_1 \cdots t_K)^{1/K}

    for the traces t_k of the K diagonal blocks. It is the same at every point of the orbit.

    Args:
        hessian: A symmetric matrix of exact rational numbers, n x n, or a sequence of rows.
        block_sizes: The numbers of weights of the layers, with the sum n.

    Raises:
        ValueError: If the matrix is not symmetric, the sizes do not fit or a diagonal block has no positive trace.
        TypeError: If an entry is not a number.

    Examples:
        >>> least_trace([[8, 1, 0], [1, 0, 1], [0, 1, 2]], (2, 1))
        8
    """
    matrix, sizes = block_matrix(hessian, block_sizes)
    traces = [sum((matrix[i, i] for i in block), sp.Integer(0)) for block in blocks(sizes)]
    if not all(trace > 0 for trace in traces):
        raise ValueError(f"hessian must have diagonal blocks of positive trace, got the traces {traces}.")
    return len(traces) * sp.root(sp.prod(traces), len(traces))


def _jet(slope: str, entry: str) -> sp.Expr:
    """A function of one weight of layer k and one of layer l, known to third order."""
    first, other = sp.symbols(f"{slope}_k {slope}_l", real=True)
    kk, kl, ll = sp.symbols(f"{entry}_kk {entry}_kl {entry}_ll", real=True)
    value, *third = sp.symbols(f"L {slope}_uuu {slope}_uuw {slope}_uww {slope}_www", real=True)
    cubic = sum((c * _u ** (3 - power) * _w**power for power, c in enumerate(third)), sp.Integer(0))
    return value + first * _u + other * _w + (kk * _u**2 + 2 * kl * _u * _w + ll * _w**2) / 2 + cubic


def _at_zero(expression: sp.Expr) -> sp.Expr:
    return sp.expand(expression).subs({_u: 0, _w: 0})


def _difference_quotient(function: sp.Expr, order: int) -> sp.Expr:
    """The first or the mixed second derivative at 0, as the limit of difference quotients of a polynomial."""
    step = sp.Symbol("h", positive=True)

    def value(u: sp.Expr, w: sp.Expr) -> sp.Expr:
        return function.subs({_u: u, _w: w}, simultaneous=True)

    if order == 1:
        quotient = (value(step, sp.Integer(0)) - value(sp.Integer(0), sp.Integer(0))) / step
    else:
        corners = value(step, step) - value(step, sp.Integer(0)) - value(sp.Integer(0), step)
        quotient = (corners + value(sp.Integer(0), sp.Integer(0))) / step**2
    return sp.expand(quotient).subs(step, 0)


def _sandwiched(hessian: sp.ImmutableMatrix, scales: tuple[sp.Expr, ...]) -> sp.ImmutableMatrix:
    """D H D by multiplying matrices."""
    return sp.ImmutableMatrix(sp.diag(*scales) * hessian * sp.diag(*scales))


def _traces(t1: sp.Symbol, t2: sp.Symbol) -> tuple[sp.Expr, sp.Expr]:
    """The trace of D H D and that of H D^2, for blocks of two weights and one with the traces t_1 and t_2."""
    h, x, y, z = sp.symbols("h x y z", real=True)
    hessian = sp.ImmutableMatrix([[h, x, y], [x, t1 - h, z], [y, z, t2]])
    scale = sp.diag(1 / _alpha, 1 / _alpha, _alpha)
    moved = layer_rescaling((_alpha, 1 / _alpha), (2, 1)).hessian(hessian)
    return sp.expand(moved.trace()), (hessian * scale**2).trace()


def _means(trace_of: sp.Expr, log: sp.Expr, layers: tuple[sp.Expr, int, sp.Expr]) -> Theorem:
    """The inequality of means, with the product of the terms, which the alphas leave as it is."""
    return Theorem(
        "the arithmetic mean is at least the geometric one",
        "$x_1 + \\ldots + x_K \\ge K (x_1 \\cdots x_K)^{1/K}$ for positive $x_k$, with equality where all are equal.",
        "Hardy, Littlewood and Polya, Inequalities, theorem 9",
        (
            Step(
                "The logarithm of the product of t_k / alpha_k^2 differs from that of the t_k by twice the sum of "
                "l_k = log alpha_k, which is 0.",
                Relation(sp.Sum(trace_of - 2 * log, layers), "=", sp.Sum(trace_of, layers) - 2 * sp.Sum(log, layers)),
                "exact",
                shown=r"\sum_{k=1}^{K} (\log t_k - 2 l_k) = \sum_{k=1}^{K} \log t_k, \quad \sum_{k=1}^{K} l_k = 0",
            ),
        ),
    )


def _instance(factor: int = 3) -> ExactTwoLayer:
    """A ReLU network at rational weights, its layers multiplied by a factor and divided by it."""
    net = _plain()
    return ExactTwoLayer(net.first * factor, net.second / factor, net.inputs, net.targets, relu=True)


def _instance_transformed(factor: int = 3) -> sp.ImmutableMatrix:
    net = _plain()
    sizes = (len(net.first), len(net.second))
    return layer_rescaling((factor, sp.Rational(1, factor)), sizes).hessian(net.hessian())


@cache
def _plain() -> ExactTwoLayer:
    return ExactTwoLayer.sample(2, 3, 2, samples=4, seed=3, relu=True)
