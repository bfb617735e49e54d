r"""The two kernels of a wide ReLU network on average: the arc-cosine kernels of order one and zero.

Conventions: Phi(x) = sum_k a_k max(0, <w_k, x>) with n units, w_k ~ N(0, 1) in every coordinate and a_k ~ N(0, 1/n), no
factor before the sum; x stands for (x, 1). X and Y are the lengths of two inputs, t the angle between them, 0 < t < pi.
K is the Gram matrix of the features, K_1 that of the gradients in the hidden weights; neither is divided by n.
"""

from functools import cache

import sympy as sp

from theory.derivation import Derivation, Step
from theory.domain import Domain
from theory.proof import Relation
from theory.relu_teacher.gaussian_integrals import arc_cosine_kernel

__all__ = ["lazy_mean_kernels"]


@cache
def lazy_mean_kernels() -> Derivation:
    r"""Derive the mean entries of both kernels of a wide ReLU network.

    .. math:: E K = n \frac{X Y}{2 \pi} (\sin t + (\pi - t) \cos t), \qquad
              E K_1 = \frac{X Y}{2 \pi} (\pi - t) \cos t

    The first grows like the number of units; the second, which bounds on the gradient drop, does not.

    Returns:
        A derivation; the value is the mean entry of K, the part "hidden weights" that of K_1, the part "both on" the
        probability that a unit is on at both inputs.

    Examples:
        >>> print(lazy_mean_kernels().at(n=100, X=1, Y=1, t=1, digits=8))
        31.808364

    References:
        Cho and Saul (2009), Kernel methods for deep learning, the kernels of degree 0 and 1.
    """
    n, first, second, t = sp.symbols("n X Y t", positive=True)
    angle = sp.Symbol("phi", real=True)
    product = arc_cosine_kernel()
    names = {"w": first, "v": second}
    both = (sp.pi - t) / (2 * sp.pi)
    features = n * first * second * (sp.sin(t) + (sp.pi - t) * sp.cos(t)) / (2 * sp.pi)
    hidden = first * second * sp.cos(t) * (sp.pi - t) / (2 * sp.pi)
    mean = product.value.subs({symbol: names.get(symbol.name, symbol) for symbol in product.value.free_symbols})
    return Derivation(
        "The kernels of a wide ReLU network on average",
        sp.Eq(sp.Symbol("K"), features),
        (
            Step(
                "Weights are normal, and the two inputs play the part of two vectors of weights: one unit gives the "
                "arc-cosine kernel of order one, and n of them",
                Relation(n * mean, "=", features),
                "exact",
                shown=r"E K = n \, E \max(0, \langle w, x \rangle) \max(0, \langle w, y \rangle)"
                r" = \frac{n X Y}{2 \pi} (\sin t + (\pi - t) \cos t)",
            ),
            Step(
                "The direction of w in the plane of the inputs is uniform. The unit is on at both within an angle of "
                "pi - t: the kernel of order zero.",
                Relation(sp.integrate(1 / (2 * sp.pi), (angle, t - sp.pi / 2, sp.pi / 2)), "=", both),
                "exact",
                witness=lambda: product.parts["mixed outside"].rhs,
                shown=r"\int_{t - \pi/2}^{\pi/2} \frac{d \varphi}{2 \pi} = \frac{\pi - t}{2 \pi}",
            ),
            Step(
                "The gradients in the hidden weights of a unit are a x and a y where it is on. With a of variance 1/n "
                "n units give",
                Relation(n * (1 / n) * first * second * sp.cos(t) * both, "=", hidden),
                "exact",
                shown=r"E K_1 = n \cdot \frac{1}{n} \cdot X Y \cos t \cdot \frac{\pi - t}{2 \pi}",
            ),
        ),
        Domain(n=(0, sp.oo), X=(0, sp.oo), Y=(0, sp.oo), t=(0, sp.pi)).with_integers("n"),
        parts={
            "hidden weights": sp.Eq(sp.Symbol("K_1"), hidden),
            "both on": sp.Eq(sp.Symbol("P"), both),
        },
        titles={
            "hidden weights": "mean kernel of the hidden weights",
            "both on": "chance that a unit is on for both",
        },
        assumptions=("weights are independent and normal, hidden ones of variance 1 and output ones of variance 1/n",),
        source="Cho and Saul (2009), Kernel methods for deep learning",
        shown={
            "result": r"E K = \frac{n X Y}{2 \pi} (\sin t + (\pi - t) \cos t)",
            "hidden weights": r"E K_1 = \frac{X Y}{2 \pi} (\pi - t) \cos t",
            "both on": r"P = \frac{\pi - t}{2 \pi}",
        },
    )
