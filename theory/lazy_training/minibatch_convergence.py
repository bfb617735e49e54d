r"""Why minibatches at a constant rate arrive where all labels can be fitted: their noise is bounded by the risk.

Conventions: the risk r is the mean of the squared errors of m samples, without a half, and its least value is 0. Steps
of the size eta take B different samples, all batches equally likely. Wherever they come |grad r|^2 >= mu r, the
gradient changes by at most L times the distance, and no output has a squared gradient of more than k, which is what the
diagonal of the tangent kernel holds. c = (m - B)/(B (m - 1)) is 1 for single samples and 0 for all of them.
"""

from functools import cache

import sympy as sp

from theory.derivation import Derivation, Step
from theory.domain import Domain
from theory.lazy_training.descent import lazy_descent_steps
from theory.proof import Relation

__all__ = ["minibatch_convergence"]

_LIU = "Liu, Zhu and Belkin (2022), arXiv:2003.00307"
_VASWANI = "Vaswani, Bach and Schmidt (2019), arXiv:1810.07288"


@cache
def minibatch_convergence() -> Derivation:
    r"""Derive the factor by which one step with a minibatch multiplies the risk on average.

    .. math:: E r_{j+1} \le \Bigl( 1 - \eta \Bigl( 1 - \frac{(1 - c) \eta L}{2} \Bigr) \mu + 2 c \eta^2 L k \Bigr) r_j

    With all samples it is that of gradient descent. With fewer it is below 1 for rates that are small enough. Where the
    least risk is not 0 the last term is one of r_j and not of what r_j exceeds it by, and a floor remains.

    Returns:
        A derivation; the value bounds the factor. Parts: "square", the mean squared gradient of a batch by Q, the mean
        squared gradient of a sample, and G, the squared mean; "largest rate", up to which the factor is below 1.

    Examples:
        >>> minibatch_convergence().at(part="largest rate", c=1, mu=1, L=2, k=3)
        1/12
        >>> minibatch_convergence().at(part="largest rate", c=0, mu=1, L=2, k=3)
        1

    References:
        Liu, Zhu and Belkin (2022), arXiv:2003.00307; Vaswani, Bach and Schmidt (2019), arXiv:1810.07288.
    """
    m, B = sp.symbols("m B", integer=True, positive=True)
    i = sp.Symbol("i", integer=True, positive=True)
    eta, mu, smooth, k, risk = sp.symbols("eta mu L k r", positive=True)
    c = sp.Symbol("c", real=True)
    squares, mean = sp.symbols("Q G", positive=True)
    error = sp.Function("e")(i)
    left = (m - B) / (B * (m - 1))
    pairs = (m**2 * mean - m * squares) * B * (B - 1) / (m * (m - 1))
    square = (1 - left) * mean + left * squares
    factor = 1 - eta * (1 - (1 - c) * eta * smooth / 2) * mu + 2 * c * eta**2 * smooth * k
    largest = 2 * mu / (smooth * ((1 - c) * mu + 4 * c * k))
    step = risk - eta * mean + smooth * eta**2 / 2 * ((1 - c) * mean + c * squares)
    descent = lazy_descent_steps()
    names = {symbol: {"eta": eta, "L": smooth, "mu": mu}[symbol.name] for symbol in descent.value.free_symbols}
    return Derivation(
        "One step with a minibatch where all labels can be fitted",
        sp.Le(sp.Symbol("factor"), factor),
        (
            Step(
                "A sample is in a batch with the probability B/m, two of them are with B(B - 1)/(m(m - 1)). With Q for "
                "the mean squared gradient of a sample and G for the squared mean, that of a batch is",
                Relation((m * squares * B / m + pairs) / B**2, "=", square),
                "exact",
                shown=r"E |g_S|^2 = \frac{1}{B^2} \Bigl( B Q + \frac{B (B - 1)}{m (m - 1)} (m^2 G - m Q) \Bigr)"
                r" = (1 - c) G + c Q, \quad c = \frac{m - B}{B (m - 1)}",
            ),
            Step(
                "The gradient of a squared error is 2 e_i times that of the output. So Q is at most 4 k r, and "
                "vanishes with the risk:",
                Relation(sp.Sum((2 * error) ** 2 * k, (i, 1, m)) / m, "=", 4 * k * (sp.Sum(error**2, (i, 1, m)) / m)),
                "exact",
                shown=r"Q = \frac{1}{m} \sum_i 4 e_i^2 |\nabla \Phi(x_i)|^2 \le \frac{4 k}{m} \sum_i e_i^2 = 4 k r",
            ),
            Step(
                "Batches are right on average, so that a step takes the risk on average to at most r - eta G + "
                "eta^2 L/2 times that mean square. With G at least mu r, over r,",
                Relation(sp.expand(step.subs({squares: 4 * k * risk, mean: mu * risk}) / risk), "=", factor),
                "exact",
                shown=r"\frac{E r_{j+1}}{r_j} \le 1 - \eta \Bigl( 1 - \frac{(1 - c) \eta L}{2} \Bigr) \mu"
                r" + 2 c \eta^2 L k",
            ),
            Step(
                "because it falls with G, if eta L < 2:",
                Relation(step.diff(mean), "=", -eta * (1 - (1 - c) * eta * smooth / 2)),
                "exact",
                shown=r"-\eta \Bigl( 1 - \frac{(1 - c) \eta L}{2} \Bigr) < 0",
            ),
            Step(
                "With all samples, c = 0, it is the factor of gradient descent,",
                Relation(factor.subs(c, 0), "=", descent.value.subs(names)),
                "exact",
                shown=r"1 - \eta \Bigl( 1 - \frac{\eta L}{2} \Bigr) \mu",
            ),
            Step(
                "and it is below 1 up to the rate",
                Relation(sp.solve(sp.cancel((1 - factor) / eta), eta)[0], "=", largest),
                "exact",
                shown=r"\eta = \frac{2 \mu}{L ((1 - c) \mu + 4 c k)}",
            ),
        ),
        Domain(**dict.fromkeys(("m", "B", "eta", "mu", "L", "k", "r", "Q", "G"), (0, sp.oo)), c=(-1, 2))
        .with_integers("m", "B")
        .where(m > 1, m >= B, c >= 0, c <= 1, eta * smooth < 2),
        parts={
            "square": sp.Eq(sp.Symbol("S"), square),
            "largest rate": sp.Eq(sp.Symbol("eta_max"), largest),
        },
        titles={
            "square": "mean squared gradient of a batch",
            "largest rate": "rate up to which the risk falls on average",
        },
        assumptions=(
            "wherever the steps come |grad r|^2 >= mu r, the gradient changes by at most L times the distance, and no "
            "output has a squared gradient of more than k",
            "all batches of B different samples are equally likely",
        ),
        source=f"{_LIU}; {_VASWANI}",
        shown={
            "result": r"\frac{E r_{j+1}}{r_j} \le 1 - \eta \Bigl( 1 - \frac{(1 - c) \eta L}{2} \Bigr) \mu"
            r" + 2 c \eta^2 L k",
            "square": r"E |g_S|^2 = (1 - c) G + c Q, \quad c = \frac{m - B}{B (m - 1)}",
            "largest rate": r"\eta < \frac{2 \mu}{L ((1 - c) \mu + 4 c k)}",
        },
    )
