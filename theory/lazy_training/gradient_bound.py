r"""The gradient of a two-layer network from below: what its output weights alone contribute, and what else there is.

Conventions: outputs Phi(x) = sum_k a_k rho(<w_k, (x, 1)>) of n units, no bias at the output, and the risk

.. math:: r = \frac{1}{m} \sum_{i=1}^m e_i^2, \qquad e_i = \Phi(x_i) - y_i

over m samples, *without a half*: gradients are twice, their squared norms four times those of the mean of e^2/2, and
with the sum in place of the mean they would be m and m^2 times as large. K is the m x m matrix with the entries
sum_k rho(z_ki) rho(z_kj), z_ki = <w_k, (x_i, 1)>; it is not divided by n.
"""

from functools import cache
from typing import Any

import sympy as sp

from theory.derivation import Derivation, Step, Theorem
from theory.domain import Domain
from theory.proof import Relation
from theory.symbols import m, n

__all__ = ["lazy_gradient", "shifted_gradient_bound"]

_BERNER = "Berner, Grohs, Kutyniok and Petersen (2021), arXiv:2105.04026, section 5.2"
_i, _k = sp.symbols("i k", integer=True, positive=True)
_t, _a = sp.symbols("t a", real=True)
_error, _rest = sp.Function("e"), sp.Function("q")
_hidden, _before, _input = sp.Function("h"), sp.Function("p"), sp.Function("x")
_slopes = sp.Function("g")


class _Slope(sp.Function):  # type: ignore[misc]
    """The derivative of an activation of which nothing else is known."""


class _Unit(sp.Function):  # type: ignore[misc]
    """An activation of which nothing is known but that it has a derivative."""

    def fdiff(self, argindex: int = 1) -> Any:
        """Return the derivative at the argument."""
        return _Slope(*self.args)


@cache
def lazy_gradient() -> Derivation:
    r"""Derive the squared gradient of the risk, split into the part of the output weights and the rest.

    .. math:: |\nabla r|^2 = \frac{4}{m^2} e^T (K + K_1) e
              \ge \frac{4}{m^2} e^T K e \ge \frac{4}{m} \lambda_{\min}(K) \, r, \qquad
              e^T K_1 e = \sum_k a_k^2 \Bigl| \sum_i e_i \rho'(z_{ki}) (x_i, 1) \Bigr|^2

    The first inequality drops the part of the hidden weights, K_1, and nothing else: for the output weights alone it is
    an equality. For a ReLU it holds wherever no z_ki is 0.

    Returns:
        A derivation; the value is the part of the output weights, as a double sum. Parts: "hidden weight", what the
        bound drops of one weight of a unit with output weight a; "least eigenvalue", the bound in lambda_min(K) and r.

    Examples:
        >>> lazy_gradient().parts["least eigenvalue"].rhs
        4*lambda*r/m
        >>> lazy_gradient().evidence
        'exact'

    References:
        Berner, Grohs, Kutyniok and Petersen (2021), arXiv:2105.04026, section 5.2.
    """
    risk, least = sp.symbols("r lambda", positive=True)
    samples, units = (_i, 1, m), (_k, 1, n)
    by_outer = sp.Sum((_t * _hidden(_i) + _rest(_i)) ** 2, samples) / m
    by_hidden = sp.Sum((_a * _Unit(_t * _input(_i) + _before(_i)) + _rest(_i)) ** 2, samples) / m
    hidden = _hidden(_k, _i)
    output_part = 4 / m**2 * sp.Sum(sp.Sum(_error(_i) * hidden, samples) ** 2, units)
    hidden_part = 4 * _a**2 / m**2 * sp.Sum(_error(_i) * _slopes(_i) * _input(_i), samples) ** 2
    errors = sp.Matrix(sp.symbols("e_1:4", real=True))
    features = sp.Matrix(3, 2, sp.symbols("h_1:7", real=True))
    kernel = sp.Matrix(3, 3, lambda i, j: sum(features[i, k] * features[j, k] for k in range(2)))
    bound = 4 * least * risk / m
    squared, form = _small_network()
    return Derivation(
        "The gradient of a two-layer network from below",
        sp.Eq(sp.Symbol("G_2"), output_part),
        (
            Step(
                "Let t be one output weight, h_i = rho(z_i) its unit and q_i all else in the error: e_i = t h_i + q_i. "
                "Then",
                Relation(by_outer.diff(_t), "=", 2 / m * sp.Sum(_hidden(_i) * (_t * _hidden(_i) + _rest(_i)), samples)),
                "exact",
                shown=r"\frac{\partial r}{\partial t} = \frac{2}{m} \sum_{i=1}^m e_i h_i",
            ),
            Step(
                "The squares of these, summed over the units k:",
                Relation(
                    sp.Sum((2 / m * sp.Sum(_error(_i) * hidden, samples)) ** 2, units),
                    "=",
                    output_part,
                ),
                "exact",
                shown=r"|\nabla_a r|^2 = \frac{4}{m^2} \sum_{k=1}^n \Bigl( \sum_{i=1}^m e_i h_{ki} \Bigr)^2",
            ),
            Step(
                "The double sum is a quadratic form in the errors, term by term in one unit and two samples; written "
                "out for two units and three samples:",
                Relation(
                    sum((features[:, k].dot(errors)) ** 2 for k in range(2)), "=", (errors.T * kernel * errors)[0]
                ),
                "exact",
                shown=r"\sum_k \Bigl( \sum_i e_i h_{ki} \Bigr)^2 = e^T K e, \quad K_{ij} = \sum_k h_{ki} h_{kj}",
            ),
            Step(
                "Let t now be one hidden weight of a unit with output weight a, x_i its input, p_i all else in z_i. "
                "For every differentiable rho",
                Relation(
                    by_hidden.diff(_t),
                    "=",
                    2
                    / m
                    * sp.Sum(
                        (_a * _Unit(_t * _input(_i) + _before(_i)) + _rest(_i))
                        * (_a * _Slope(_t * _input(_i) + _before(_i)) * _input(_i)),
                        samples,
                    ),
                ),
                "exact",
                shown=r"\frac{\partial r}{\partial t} = \frac{2}{m} \sum_{i=1}^m e_i \, a \, \rho'(z_i) x_i",
            ),
            Step(
                "The square of this is what the bound drops of one hidden weight, with g = rho'(z):",
                Relation((2 * _a / m * sp.Sum(_error(_i) * _slopes(_i) * _input(_i), samples)) ** 2, "=", hidden_part),
                "exact",
                shown=r"\Bigl( \frac{\partial r}{\partial t} \Bigr)^2 ="
                r" \frac{4 a^2}{m^2} \Bigl( \sum_{i=1}^m e_i g_i x_i \Bigr)^2 \ge 0",
            ),
            Step(
                "Both together are a quadratic form in the errors; a whole network of two units on two samples of one "
                "input, differentiated by all six weights:",
                Relation(squared, "=", form),
                "exact",
                shown=r"|\nabla r|^2 = \frac{4}{m^2} e^T (K + K_1) e, \quad"
                r" (K_1)_{ij} = \sum_k a_k^2 g_{ki} g_{kj} (\langle x_i, x_j \rangle + 1)",
            ),
            Step(
                "The quadratic form of K is at least its least eigenvalue times the squared length of e, which is m r:",
                Relation(4 / m**2 * least * (m * risk), "=", bound),
                "exact",
                shown=r"\frac{4}{m^2} \lambda_{\min}(K) |e|^2 = \frac{4}{m} \lambda_{\min}(K) \, r",
            ),
        ),
        Domain(**dict.fromkeys(("m", "n", "lambda", "r"), (0, sp.oo))).with_integers("m", "n"),
        parts={
            "hidden weight": sp.Eq(sp.Symbol("G_1"), hidden_part),
            "least eigenvalue": sp.Eq(sp.Symbol("bound"), bound),
        },
        titles={
            "hidden weight": "part of one hidden weight",
            "least eigenvalue": "bound by the least eigenvalue",
        },
        assumptions=("the risk is the mean of the squared errors, without a half",),
        theorems=(
            Theorem(
                "Rayleigh's principle",
                r"a symmetric matrix satisfies $e^T K e \ge \lambda_{\min}(K) |e|^2$",
                "Horn and Johnson (2013), Matrix Analysis, theorem 4.2.2",
            ),
        ),
        source=_BERNER,
        shown={
            "result": r"|\nabla_a r|^2 = \frac{4}{m^2} e^T K e",
            "hidden weight": r"\Bigl( \frac{\partial r}{\partial t} \Bigr)^2 ="
            r" \frac{4 a^2}{m^2} \Bigl( \sum_i e_i g_i x_i \Bigr)^2",
            "least eigenvalue": r"|\nabla r|^2 \ge \frac{4}{m} \lambda_{\min}(K) \, r",
        },
    )


@cache
def shifted_gradient_bound() -> Derivation:
    r"""Derive what is left of the bound on the gradient after the features have changed by E.

    .. math:: |(F + E)^T e|^2 \ge \frac{1}{2} |F^T e|^2 - |E^T e|^2
              \ge \Bigl( \frac{\lambda_{\min}(F F^T)}{2} - |E|^2 \Bigr) |e|^2

    F is the m x n matrix of features, F F' = K, and |E| the largest singular value. The half is the price of any E: of
    what is left over, |F'e + 2 E'e|^2/2, nothing need remain. If every unit has a slope of at most 1 and the hidden
    weights move by R in all, then |E|^2 is at most R^2 times the sum of the squared lengths of the inputs (x_i, 1),
    whatever n is.

    Returns:
        A derivation; the value is the bound over |e|^2 in lambda_min(K) and |E| = s, the part "slack" what the first
        inequality gives away.

    Examples:
        >>> shifted_gradient_bound().value
        lambda/2 - s**2

    References:
        Berner, Grohs, Kutyniok and Petersen (2021), arXiv:2105.04026, section 5.2.
    """
    least, size, length = sp.symbols("lambda s X", positive=True)
    before, change = (sp.Function(name)(_k) for name in ("u", "v"))
    units = (_k, 1, n)
    slack = sp.Sum((before + 2 * change) ** 2, units) / 2
    left = sp.Sum((before + change) ** 2, units)
    squared = sp.Symbol("E", positive=True)  # the squared length of e
    input_length, way = sp.Function("x")(_i), sp.Symbol("w", positive=True)
    samples = (_i, 1, m)
    return Derivation(
        "The bound on the gradient after the features have changed",
        sp.Eq(sp.Symbol("bound"), least / 2 - size**2),
        (
            Step(
                "With u = F'e and v = E'e the squared length of the sum exceeds that of u, halved, less that of v, by",
                Relation(left - sp.Sum(before**2, units) / 2 + sp.Sum(change**2, units), "=", slack),
                "exact",
                shown=r"|u + v|^2 - \frac{1}{2} |u|^2 + |v|^2 = \frac{1}{2} |u + 2 v|^2 \ge 0",
            ),
            Step(
                "By the least eigenvalue of K = F F' and the largest singular value s of E what remains is at least",
                Relation((least * squared / 2 - size**2 * squared) / squared, "=", least / 2 - size**2),
                "exact",
                shown=r"\frac{1}{|e|^2} \Bigl( \frac{\lambda_{\min}(K) |e|^2}{2} - s^2 |e|^2 \Bigr)"
                r" = \frac{\lambda_{\min}(K)}{2} - s^2",
            ),
            Step(
                "Let no slope exceed 1. An entry of E is at most w_k, how far the hidden weights of unit k move, times "
                "the length x_i of (x_i, 1), and s^2 is at most the sum of all squared entries. Of one unit they make",
                Relation(sp.Sum((way * input_length) ** 2, samples), "=", way**2 * sp.Sum(input_length**2, samples)),
                "exact",
                shown=r"\sum_i w_k^2 |(x_i, 1)|^2 = w_k^2 X^2, \quad s^2 \le R^2 X^2, \quad"
                r" R^2 = \sum_k w_k^2, \; X^2 = \sum_i |(x_i, 1)|^2",
            ),
            Step(
                "So half of this bound, a quarter of the least eigenvalue, is left at",
                Relation(least / 2 - (sp.sqrt(least) / (2 * length) * length) ** 2, "=", least / 4),
                "exact",
                shown=r"\frac{\lambda_{\min}(K)}{2} - R^2 X^2 = \frac{\lambda_{\min}(K)}{4} \quad \text{at} \quad"
                r" R = \frac{\sqrt{\lambda_{\min}(K)}}{2 X}",
            ),
        ),
        Domain(**dict.fromkeys(("lambda", "s", "X", "E", "w", "m", "n"), (0, sp.oo))).with_integers("m", "n"),
        parts={"slack": sp.Eq(sp.Symbol("slack"), slack)},
        titles={
            "slack": "what the bound leaves out",
        },
        source=_BERNER,
        shown={
            "result": r"|(F + E)^T e|^2 \ge \Bigl( \frac{\lambda_{\min}(K)}{2} - s^2 \Bigr) |e|^2",
            "slack": r"\frac{1}{2} |F^T e + 2 E^T e|^2",
        },
    )


def _small_network() -> tuple[sp.Expr, sp.Expr]:
    """The squared gradient of a network of two units on two samples, and the quadratic form in its errors."""
    outer, weights, biases, inputs, targets = (sp.symbols(f"{name}_1:3", real=True) for name in "awbxy")
    before = [[w * x + b for x in inputs] for w, b in zip(weights, biases, strict=True)]
    errors = sp.Matrix(
        [sum(a * _Unit(row[i]) for a, row in zip(outer, before, strict=True)) - targets[i] for i in range(2)]
    )
    risk = (errors[0] ** 2 + errors[1] ** 2) / 2
    squared = sum(risk.diff(weight) ** 2 for weight in (*outer, *weights, *biases))
    form = sp.Matrix(
        2,
        2,
        lambda i, j: sum(
            _Unit(row[i]) * _Unit(row[j]) + a**2 * _Slope(row[i]) * _Slope(row[j]) * (inputs[i] * inputs[j] + 1)
            for a, row in zip(outer, before, strict=True)
        ),
    )
    return squared, (errors.T * form * errors)[0]
