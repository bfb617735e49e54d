r"""The rank of the Hessian where a network fits its data exactly, and what one more hidden unit adds.

Conventions: N samples, k outputs, P weights; the loss is the mean over samples of l(o, y), a function of the k outputs
o. The Jacobian J holds the derivatives of all outputs at all samples (N k rows) by the weights (P columns), A the
second derivatives of l by the outputs of one sample, and

.. math:: H = H_0 + H_1, \qquad H_0 = \frac1N \sum_b J_b^T A_b J_b, \qquad
          H_1 = \frac1N \sum_b \sum_j \frac{\partial l_b}{\partial o_j} \nabla^2 o_{bj}

The squared error is l = f |o - y|^2, f > 0 its prefactor; cross-entropy is l = -log p_y with p the softmax of o.
"""

from functools import cache

import sympy as sp

from theory.derivation import Derivation, Step, Theorem
from theory.domain import Domain
from theory.exact_two_layer import ExactTwoLayer, exact_rank
from theory.proof import Relation

__all__ = ["interpolation_rank", "wider_layer"]

_samples, _outputs = sp.symbols("N k", integer=True, positive=True)
_j = sp.Symbol("j", integer=True, positive=True)
_over_outputs = (_j, 1, _outputs)
_SOURCE = "Sagun, Evci, Güney, Dauphin and Bottou (2018), arXiv:1706.04454, for one output; derived here for k"
_HORN_JOHNSON = "Horn and Johnson, Matrix Analysis, section 0.4"

# shapes (inputs, hidden, outputs) and samples of ReLU networks with more weights than residuals
_FITTED = (((3, 4, 1), 6), ((2, 5, 2), 4), ((3, 4, 3), 3))


@cache
def interpolation_rank() -> Derivation:
    r"""Derive the rank of the Hessian at zero loss: N k with squared error, if J has full rank; less otherwise.

    .. math:: \mathrm{rank}\, H = \mathrm{rank}\, J \le N k

    With cross-entropy, hard labels and k >= 2 outputs no finite weights reach zero loss; the Gauss-Newton part alone
    has rank at most N (k - 1), because shifting all the outputs of a sample together changes nothing.

    Returns:
        A derivation; the value is the rank N k. The part "cross-entropy" is the rank of its Gauss-Newton part.

    Examples:
        >>> interpolation_rank().at(N=20, k=3)
        60
    """
    factor = sp.Symbol("f", positive=True)
    error, weight, value = (sp.Function(name)(_j) for name in ("e", "p", "v"))
    mean = sp.Symbol("m", real=True)
    chosen, others = sp.symbols("q s", positive=True)
    loss = factor * sp.Sum(error**2, _over_outputs)
    pull = sp.Sum((2 * factor * error) ** 2, _over_outputs)
    nets = [_fitted(shape, samples) for shape, samples in _FITTED]
    full = sp.Tuple(*(samples * shape[2] for shape, samples in _FITTED))
    less = sp.Tuple(*(samples * (shape[2] - 1) for shape, samples in _FITTED))
    split, first = _chain_rule()
    return Derivation(
        "At zero loss the rank of the Hessian is that of the Jacobian",
        sp.Eq(sp.Symbol("rank"), _samples * _outputs),
        (
            Step(
                "The second derivative of one sample's loss by two weights, two outputs: first and second derivatives "
                "of the outputs.",
                Relation(_second_derivative(), "=", split),
                "exact",
                shown=r"\partial_a \partial_b l = \sum_{i, j} A_{ij} \, \partial_a o_i \, \partial_b o_j"
                r" + \sum_j \frac{\partial l}{\partial o_j} \, \partial_a \partial_b o_j",
            ),
            Step(
                "Where the derivatives of the loss by the outputs vanish, only the first sum is left.",
                Relation(split.subs(dict.fromkeys(_PULLS, 0)), "=", first),
                "exact",
                shown=r"\frac{\partial l}{\partial o_j} = 0 \quad \Rightarrow \quad H_1 = 0, \ H = H_0",
            ),
            Step(
                "With squared error l = f |e|^2, f its prefactor and e = o - y, their squared length is 4f times the "
                "loss: zero loss is where they vanish.",
                Relation(pull, "=", 4 * factor * loss),
                "exact",
                shown=r"\sum_{j=1}^{k} \left(\frac{\partial l}{\partial o_j}\right)^2"
                r" = \sum_{j=1}^{k} \left(2 f e_j\right)^2 = 4 f \, l",
            ),
            Step(
                "Exact instances, three ReLU networks that fit their targets: the Hessian less its Gauss-Newton part.",
                Relation(sp.Tuple(*(net.hessian() - net.gauss_newton() for net in nets)), "=", _zeros(nets)),
                "exact",
                shown=r"H - \frac{1}{N} J^{T} J = 0",
            ),
            Step(
                "The Jacobian has k rows for each of N samples, so that its rank is at most their number.",
                Relation(
                    sp.Sum(_outputs, (sp.Symbol("b", integer=True), 1, _samples)).doit(), "=", _samples * _outputs
                ),
                "exact",
                shown=r"\mathrm{rank}\, H = \mathrm{rank}\, J \le N k",
            ),
            Step(
                "The same three networks have exactly this rank, fewer than their weights.",
                Relation(sp.Tuple(*(sp.Integer(exact_rank(net.hessian())) for net in nets)), "=", full),
                "exact",
                shown=r"\mathrm{rank}\, H = N k = " + ", ".join(map(str, full)),
            ),
            Step(
                "With cross-entropy and several outputs the derivative by the output of the label is p - 1, negative "
                "at finite weights: H1 stays. Here p = q/(q + s), q the exponential of that output and s the sum of "
                "those of the others.",
                Relation(chosen / (chosen + others) - 1, "<", 0),
                "exact",
                lambda: -others / (chosen + others),
                shown=r"\frac{\partial l}{\partial o_y} = p_y - 1"
                r" = - \frac{\sum_{j \neq y} e^{o_j}}{\sum_j e^{o_j}} < 0",
            ),
            Step(
                "Its second derivatives by the outputs are A = diag(p) - p p' (three outputs)",
                Relation(_softmax_hessian(), "=", _softmax_prediction()),
                "exact",
                shown=r"A_{ij} = \frac{\partial^2 l}{\partial o_i \partial o_j} = p_i \delta_{ij} - p_i p_j",
            ),
            Step(
                "with the quadratic form of a variance, any number of outputs, m the mean of v:",
                Relation(
                    sp.Sum(weight * (value - mean) ** 2, _over_outputs),
                    "=",
                    sp.Sum(weight * value**2, _over_outputs)
                    - 2 * mean * sp.Sum(weight * value, _over_outputs)
                    + mean**2 * sp.Sum(weight, _over_outputs),
                ),
                "exact",
                shown=r"\sum_j p_j (v_j - m)^2 = \sum_j p_j v_j^2 - m^2 = v^{T} A v, \quad m = \sum_j p_j v_j",
            ),
            Step(
                "it vanishes where all v are equal, and nowhere else: one dimension of k is lost at every sample.",
                Relation(
                    sp.Sum(_outputs - 1, (sp.Symbol("b", integer=True), 1, _samples)).doit(),
                    "=",
                    _samples * (_outputs - 1),
                ),
                "exact",
                shown=r"\mathrm{rank}\, A = k - 1, \quad \mathrm{rank}\, \sum_b J_b^{T} A_b J_b \le N (k - 1)",
            ),
            Step(
                "Exact instances: the same networks with rational p.",
                Relation(sp.Tuple(*(sp.Integer(_softmax_rank(net)) for net in nets)), "=", less),
                "exact",
                shown=r"\mathrm{rank}\, \sum_b J_b^{T} A_b J_b = N (k - 1) = " + ", ".join(map(str, less)),
            ),
        ),
        Domain(N=(0, sp.oo), k=(0, sp.oo), f=(0, sp.oo), q=(0, sp.oo), s=(0, sp.oo)),
        parts={
            "cross-entropy": sp.Eq(sp.Symbol("rank"), _samples * (_outputs - 1)),
        },
        titles={
            "cross-entropy": "rank with the cross-entropy",
        },
        assumptions=(
            "the outputs are twice differentiable at the weights: no unit on a kink at a sample",
            "J has full row rank, which needs P >= N k weights; without it the ranks are at most those",
        ),
        theorems=(_rank_of_products(),),
        source=_SOURCE,
        shown={
            "result": r"\mathrm{rank}\, H = N k",
            "cross-entropy": r"\mathrm{rank}\, H_0 = N (k - 1)",
        },
    )


@cache
def wider_layer() -> Derivation:
    r"""Derive what one more unit in a hidden layer adds at zero squared error: zero eigenvalues, one for each weight.

    A layer of n units, each with d incoming weights, a biases (0 or 1) and u outgoing weights, in a network with r
    other weights:

    .. math:: P = r + n (d + a + u), \qquad \mathrm{zeros} = P - N k

    Returns:
        A derivation; the value is the number of zero eigenvalues. The parts are "unit", what one unit adds, and
        "share", the zeros as a fraction of all eigenvalues.

    Examples:
        >>> wider_layer().at(n=20, d=4, a=1, u=2, r=2, N=12, k=2)
        118
    """
    width, incoming, bias, outgoing, rest = sp.symbols("n d a u r", integer=True, nonnegative=True)
    weights = rest + width * (incoming + bias + outgoing)
    zeros = weights - _samples * _outputs
    theta, new_weight, old = sp.symbols("theta v O", real=True)
    output = sp.Function("o")(theta) + new_weight * sp.Function("h")(old)
    nets = [_fitted((3, hidden, 2), 4, seed=5) for hidden in (3, 4, 5, 6)]
    grown = _with_silent_unit(nets[1])
    return Derivation(
        "At zero loss every weight of a new hidden unit adds a zero eigenvalue",
        sp.Eq(sp.Symbol("zeros"), zeros),
        (
            Step(
                "A silent unit, with outgoing weights v = 0, changes no output and no derivative by an old weight: the "
                "rank of J cannot fall.",
                Relation(output.diff(theta).subs(new_weight, 0), "=", sp.Function("o")(theta).diff(theta)),
                "exact",
                shown=r"\frac{\partial}{\partial \theta} \left(o(\theta) + v h\right)"
                r" = \frac{\partial o}{\partial \theta}",
            ),
            Step(
                "An exact instance, a ReLU network 3-4-2 with a silent unit: the Jacobian keeps its rank N k = 8.",
                Relation(sp.Tuple(exact_rank(nets[1].jacobian()), exact_rank(grown.jacobian())), "=", sp.Tuple(8, 8)),
                "exact",
                shown=r"\mathrm{rank}\, J = 8 \to 8",
            ),
            Step(
                "The weights, by their kind.",
                Relation(
                    rest + sp.Sum(incoming, (_j, 1, width)).doit() + width * bias + width * outgoing, "=", weights
                ),
                "exact",
                shown=r"P = r + n d + n a + n u",
            ),
            Step(
                "At full rank N k eigenvalues are positive, by the rank at zero loss; the others are 0.",
                Relation(weights - interpolation_rank().value, "=", zeros),
                "exact",
                shown=r"\mathrm{zeros} = P - \mathrm{rank}\, H = r + n (d + a + u) - N k",
            ),
            Step(
                "One more unit adds as many zeros as it has weights, and no positive eigenvalue.",
                Relation(zeros.subs(width, width + 1) - zeros, "=", incoming + bias + outgoing),
                "exact",
                lambda: weights.diff(width),
                shown=r"\mathrm{zeros}(n + 1) - \mathrm{zeros}(n) = d + a + u",
            ),
            Step(
                "The share of zeros.",
                Relation(zeros / weights, "=", 1 - _samples * _outputs / weights),
                "exact",
                shown=r"\frac{\mathrm{zeros}}{P} = 1 - \frac{N k}{P} \to 1 \quad (n \to \infty)",
            ),
            Step(
                "Exact instances, ReLU networks 3-n-2, n = 3, 4, 5, 6, that fit four samples: the rank stays N k = 8.",
                Relation(
                    sp.Tuple(*(sp.Integer(net.parameters - exact_rank(net.hessian())) for net in nets)),
                    "=",
                    sp.Tuple(*(_at(zeros, net) for net in nets)),
                ),
                "exact",
                shown=r"5 n - \mathrm{rank}\, H = 7, 12, 17, 22",
            ),
        ),
        Domain(n=(0, sp.oo), N=(0, sp.oo), k=(0, sp.oo), d=(0, sp.oo), a=(-1, 2), u=(0, sp.oo), r=(-1, sp.oo)),
        parts={
            "unit": sp.Eq(sp.Symbol("zeros"), incoming + bias + outgoing),
            "share": sp.Eq(sp.Symbol("share"), 1 - _samples * _outputs / weights),
        },
        titles={
            "unit": "what one unit adds",
            "share": "share of zero eigenvalues",
        },
        assumptions=(
            "squared error, zero loss, no unit on a kink at a sample",
            "J has full row rank N k, at the width n and beyond",
        ),
        source=_SOURCE,
        shown={
            "result": r"\mathrm{zeros} = r + n (d + a + u) - N k",
            "unit": r"\mathrm{zeros}(n + 1) - \mathrm{zeros}(n) = d + a + u",
            "share": r"\frac{\mathrm{zeros}}{P} = 1 - \frac{N k}{P}",
        },
    )


_PULLS = sp.symbols("g_1 g_2", real=True)
_A11, _A12, _A22 = sp.symbols("A_11 A_12 A_22", real=True)
_BY_A, _BY_B, _MIXED = (sp.symbols(f"{name}_1 {name}_2", real=True) for name in ("p", "q", "r"))


def _chain_rule() -> tuple[sp.Expr, sp.Expr]:
    """The split for two outputs, whole and its first part."""
    matrix = sp.Matrix([[_A11, _A12], [_A12, _A22]])
    first = sp.expand((sp.Matrix([_BY_A]) * matrix * sp.Matrix(_BY_B))[0])
    return first + sum((g * r for g, r in zip(_PULLS, _MIXED, strict=True)), sp.Integer(0)), first


def _second_derivative() -> sp.Expr:
    """The mixed derivative at 0 of a loss known to third order, of outputs known to second order."""
    s, t, cube = sp.symbols("s t C", real=True)
    pure = sp.symbols("x_1 x_2 y_1 y_2", real=True)  # second derivatives by one weight twice
    moves = [
        p * s + q * t + r * s * t + x * s**2 + y * t**2
        for p, q, r, x, y in zip(_BY_A, _BY_B, _MIXED, pure[:2], pure[2:], strict=True)
    ]
    loss = sum((g * move for g, move in zip(_PULLS, moves, strict=True)), sp.Integer(0))
    loss += (_A11 * moves[0] ** 2 + 2 * _A12 * moves[0] * moves[1] + _A22 * moves[1] ** 2) / 2
    loss += cube * moves[0] ** 2 * moves[1]
    return sp.expand(sp.expand(loss).diff(s, t).subs({s: 0, t: 0}))


def _softmax_hessian() -> sp.ImmutableMatrix:
    """Second derivatives of the cross-entropy of three outputs, the first one the label."""
    outputs = sp.symbols("o_1:4", real=True)
    loss = sp.log(sum((sp.exp(o) for o in outputs), sp.Integer(0))) - outputs[0]
    return sp.ImmutableMatrix(sp.hessian(loss, outputs))


def _softmax_prediction() -> sp.ImmutableMatrix:
    outputs = sp.symbols("o_1:4", real=True)
    total = sum((sp.exp(o) for o in outputs), sp.Integer(0))
    p = sp.Matrix([sp.exp(o) / total for o in outputs])
    return sp.ImmutableMatrix(sp.diag(*p) - p * p.T)


def _fitted(shape: tuple[int, int, int], samples: int, seed: int = 0) -> ExactTwoLayer:
    """The first ReLU network of a fixed sequence, with targets moved onto its outputs, whose Jacobian has full rank."""
    while True:
        net = ExactTwoLayer.sample(*shape, samples=samples, seed=seed, relu=True).with_residuals_times(sp.Integer(0))
        if exact_rank(net.jacobian()) == samples * shape[2]:
            return net
        seed += 1


def _with_silent_unit(net: ExactTwoLayer) -> ExactTwoLayer:
    """One more hidden unit, which is active somewhere but has outgoing weights 0."""
    incoming = 2 * net.first.row(0) + net.first.row(1)
    first = sp.ImmutableMatrix(sp.Matrix.vstack(net.first, incoming))
    second = sp.ImmutableMatrix(sp.Matrix.hstack(net.second, sp.zeros(net.second.rows, 1)))
    return ExactTwoLayer(first, second, net.inputs, net.targets, relu=True)


def _softmax_rank(net: ExactTwoLayer) -> int:
    """The rank of the sum of J_b' A_b J_b with the numbers p = 1, 2, ... over their sum at every sample."""
    outputs = net.second.rows
    p = sp.Matrix([sp.Rational(j + 1, outputs * (outputs + 1) // 2) for j in range(outputs)])
    curved = sp.diag(*p) - p * p.T
    jacobian = sp.Matrix(net.jacobian())
    blocks = [jacobian[outputs * b : outputs * (b + 1), :] for b in range(net.samples)]
    return exact_rank(sum((block.T * curved * block for block in blocks), sp.zeros(net.parameters, net.parameters)))


def _zeros(nets: list[ExactTwoLayer]) -> sp.Tuple:
    return sp.Tuple(*(sp.ImmutableMatrix(sp.zeros(net.parameters, net.parameters)) for net in nets))


def _at(zeros: sp.Expr, net: ExactTwoLayer) -> sp.Expr:
    """The predicted number of zeros of a two-layer network without biases."""
    sizes = {"n": net.first.rows, "d": net.first.cols, "a": 0, "u": net.second.rows, "r": 0}
    values = {**sizes, "N": net.samples, "k": net.second.rows}
    return zeros.subs({symbol: values[symbol.name] for symbol in zeros.free_symbols})


def _rank_of_products() -> Theorem:
    jacobian = sp.Matrix(2, 3, sp.symbols("J_1:3_1:4", real=True))
    direction = sp.Matrix(sp.symbols("u_1:4", real=True))
    moved = jacobian * direction
    return Theorem(
        "the rank of a product",
        "The rank of $J^T A J$ is at most that of $J$ and that of $A$. For $A$ positive definite it is that of $J$: "
        "$u^T J^T A J u = 0$ only if $J u = 0$.",
        _HORN_JOHNSON,
        (
            Step(
                "With squared error the quadratic form of H0 is a multiple of |Ju|^2 (two residuals, three weights).",
                Relation((direction.T * jacobian.T * jacobian * direction)[0], "=", moved[0] ** 2 + moved[1] ** 2),
                "exact",
                shown=r"u^{T} J^{T} J u = (J u)_1^2 + (J u)_2^2",
            ),
        ),
    )
