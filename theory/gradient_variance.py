r"""What residuals of one variance mean for the loss and the gradient of a two-layer network.

Conventions as in `theory.two_layer_hessian`: the loss is L = (1/2m) times the sum of all squared residuals over m
samples and n outputs, the energy is epsilon = L/n, and phi = 2n/m.
"""

from functools import cache

import sympy as sp

from theory.derivation import Derivation, Step
from theory.domain import Domain
from theory.proof import Relation
from theory.symbols import epsilon, m, n, phi, v

__all__ = ["residual_variance"]

_SOURCE = "Pennington and Bahri (2017), Geometry of neural network loss surfaces via random matrix theory"
_mu, _count = sp.symbols("mu M", integer=True, positive=True)
_range = (_mu, 1, _count)


@cache
def residual_variance() -> Derivation:
    r"""Derive that residuals N(0, v) have v = 2 epsilon exactly if epsilon = L/n, and what the gradient's variance is.

    At fixed weights and data, with residuals independent of the Jacobian, the gradient has covariance 2 epsilon/m times
    H0. An entry has variance 2 epsilon/m where the diagonal entry of H0 is 1, as it is on average at weights N(0, 1/n)
    and inputs N(0, 1) for linear units. Each entry vanishes as m grows; the norm does not: there are 2 n^2 entries.

    Returns:
        A derivation; parts "gradient covariance", "gradient variance" and "gradient norm" (|grad L|^2 over the loss).

    Examples:
        >>> residual_variance().value, residual_variance().parts["gradient variance"].rhs
        (2*epsilon, 2*epsilon/m)
    """
    e, t = sp.symbols("e t", real=True)
    c = sp.Symbol("c", positive=True)
    density = sp.exp(-(e**2) / (2 * v)) / sp.sqrt(2 * sp.pi * v)
    second_moment = sp.integrate(e**2 * density, (e, -sp.oo, sp.oo))
    output, sample = sp.symbols("k mu", integer=True, positive=True)
    mean_loss = sp.Sum(sp.Sum(v, (output, 1, n)).doit(), (sample, 1, m)).doit() / (2 * m)
    variance = sp.solve(mean_loss / n - epsilon, v)[0]
    other = sp.solve(mean_loss / c - epsilon, v)[0]
    first, second = (sp.Function(name)(_mu) for name in ("J_i", "J_j"))
    gauss_newton = sp.Sum(first * second, _range) / m
    residuals, rows, columns = (sp.symbols(f"{name}_1:4", real=True) for name in ("e", "a", "b"))
    gradient = [sum(x * y for x, y in zip(residuals, side, strict=True)) / m for side in (rows, columns)]
    product = sp.Poly(gradient[0] * gradient[1], *residuals)
    # E e_a e_b is v if a = b, else 0: independent and centred
    expected = sum(value * v for powers, value in product.terms() if max(powers) == 2)
    return Derivation(
        "Residual variance is twice the energy",
        sp.Eq(v, 2 * epsilon),
        (
            Step(
                "The second moment of a residual.",
                Relation(second_moment, "=", v),
                "exact",
                lambda: sp.exp(v * t**2 / 2).diff(t, 2).subs(t, 0),
                shown=r"\int e^{2} \frac{\exp(-e^{2}/2v)}{\sqrt{2 \pi v}} \, de = v",
            ),
            Step(
                "The mean of the loss over m n residuals.",
                Relation(mean_loss, "=", n * v / 2),
                "exact",
                shown=r"\frac{1}{2 m} \sum_{\mu = 1}^{m} \sum_{k = 1}^{n} v = \frac{n v}{2}",
            ),
            Step(
                "With energy L/n, solve for the variance.",
                Relation(variance, "=", 2 * epsilon),
                "exact",
                shown=r"\frac{1}{n} \cdot \frac{n v}{2} = \epsilon \quad \text{at} \quad v = 2 \epsilon",
            ),
            Step(
                "With energy L/c instead the variance is another one, unless c = n.",
                Relation(other - 2 * epsilon, "=", 2 * epsilon * (c - n) / n),
                "exact",
            ),
            Step(
                "The covariance of two gradient entries: independent residuals, three of them.",
                Relation(expected, "=", v * sum(x * y for x, y in zip(rows, columns, strict=True)) / m**2),
                "exact",
            ),
            Step(
                "For any number of residuals that is 2 epsilon/m times H0.",
                Relation(sp.Sum(2 * epsilon * first * second, _range) / m**2, "=", 2 * epsilon / m * gauss_newton),
                "exact",
            ),
            Step(
                "At weights N(0, 1/n) and inputs N(0, 1) a diagonal entry of H0 has mean 1, a sum of n variances.",
                Relation(2 * epsilon / m * sp.Sum(1 / n, (output, 1, n)).doit(), "=", 2 * epsilon / m),
                "exact",
                shown=r"\frac{2 \epsilon}{m} \sum_{k = 1}^{n} \frac{1}{n} = \frac{2 \epsilon}{m}",
            ),
            Step(
                "All 2 n^2 entries together, over the loss L = n epsilon.",
                Relation(sp.Sum(2 * epsilon / m, (output, 1, 2 * n**2)).doit() / (n * epsilon), "=", 4 * n / m),
                "exact",
                shown=r"\frac{E |\nabla L|^2}{L} = \frac{2 n^2}{n \epsilon} \cdot \frac{2 \epsilon}{m} = \frac{4 n}{m}",
            ),
            Step(
                "With phi = 2n/m the squared norm over the loss is 2 phi at every size.",
                Relation((4 * n / m).subs(m, 2 * n / phi), "=", 2 * phi),
                "exact",
                shown=r"\frac{E |\nabla L|^2}{L} = 2 \phi",
            ),
        ),
        Domain(epsilon=(0, sp.oo), phi=(0, sp.oo), v=(0, sp.oo), m=(0, sp.oo), n=(0, sp.oo)),
        parts={
            "gradient norm": sp.Eq(sp.Symbol("E|grad|^2/L"), 2 * phi),
            "gradient covariance": sp.Eq(sp.Symbol("Cov(g_i, g_j)"), 2 * epsilon / m * gauss_newton),
            "gradient variance": sp.Eq(sp.Symbol("Var(g_i)"), 2 * epsilon / m),
        },
        titles={
            "gradient norm": "squared norm of the gradient",
            "gradient covariance": "covariance of two entries",
            "gradient variance": "variance of an entry",
        },
        assumptions=(
            "residuals are independent, centred and normal with one variance",
            "the gradient: residuals are independent of the weights and of the data",
            "the gradient variance: the diagonal entry of H0 is 1",
        ),
        source=_SOURCE,
    )
