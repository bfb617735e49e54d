"""The two kernels of a wide ReLU network on average: one grows with the number of units, the other does not."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

import numerics
import theory
from verify import Comparison, Equals, Identity, Rival, Source, Verdict, Workbench, claim
from verify.bibliography import CHO_SAUL_2009
from verify.lectures.lazy_training import KERNEL

Array = NDArray[np.float64]

ANGLE = 1.0
UNITS = 2048


def kernel_entries(seed: int, replicates: int) -> dict[str, Array]:
    """Entries of both kernels at two inputs of length 1, from gradients of the output by backpropagation.

    Args:
        seed: Of the weights.
        replicates: Networks.

    Returns:
        "features", the product of the two gradients in the output weights, over n, and "hidden", that in the hidden
        weights.
    """
    import torch

    source = torch.Generator().manual_seed(seed)
    network = numerics.Mlp((2, UNITS, 1), "relu", bias=False)
    theta = torch.randn(replicates, network.parameters, generator=source, dtype=torch.float64)
    theta[:, 2 * UNITS :] /= UNITS**0.5
    gradients = []
    for angle in (0.0, ANGLE):
        trace = network.trace(theta, torch.tensor([[np.cos(angle), np.sin(angle)]], dtype=theta.dtype))
        gradients.append(network.pullback(trace, torch.ones_like(trace.outputs)))
    product = gradients[0] * gradients[1]
    return {
        "features": product[:, 2 * UNITS :].mean(1).numpy(),
        "hidden": product[:, : 2 * UNITS].sum(1).numpy(),
    }


@claim(
    "lazy.mean-kernels",
    title="One kernel of a wide network grows with its width, the other does not",
    source=Source(CHO_SAUL_2009, "the kernels of degree 0 and 1", KERNEL),
    assumptions=(
        "the network is $\\sum_k a_k \\max(0, \\langle w_k, x \\rangle)$ with $n$ units and no factor before the sum, "
        "where $x$ stands for $(x, 1)$; weights are independent and normal, hidden ones of variance 1, output ones of "
        "variance $1/n$; $K$ and $K_1$ are not divided by $n$",
    ),
    expects={Verdict.SUPPORTED},
)
def mean_kernels(bench: Workbench) -> Iterator[Comparison]:
    r"""Let $x$ and $y$ have the lengths $X$ and $Y$ and the angle $t$. The kernel of the output weights and that of the
    hidden weights have there the mean entries

    $$E K = \frac{n X Y}{2 \pi} (\sin t + (\pi - t) \cos t), \qquad E K_1 = \frac{X Y}{2 \pi} (\pi - t) \cos t:$$

    $n$ times the arc-cosine kernel of order one, and that of order zero times $\langle x, y \rangle$. A bound on the
    gradient that drops $K_1$ loses less and less, compared with $K$, as networks get wider.
    """
    import sympy as sp

    n, first, second, t = sp.symbols("n X Y t", positive=True)
    derivation = theory.lazy_mean_kernels()
    order_one = first * second * (sp.sin(t) + (sp.pi - t) * sp.cos(t)) / (2 * sp.pi)
    order_zero = first * second * sp.cos(t) * (sp.pi - t) / (2 * sp.pi)
    yield Identity(
        "mean entry of $K$",
        derivation=derivation,
        claimed=n * order_one,
        rival=Rival("the same at every width", order_one),
    )
    yield Identity(
        "mean entry of $K_1$",
        derivation=derivation,
        part="hidden weights",
        claimed=order_zero,
        rival=Rival("growing with the width", n * order_zero),
    )
    (seed,) = bench.seeds("networks", 1)
    (found,) = bench.map("networks", kernel_entries, [{"seed": seed, "replicates": 40}])
    lengths = (np.sin(ANGLE) / (2 * np.pi), (np.pi - ANGLE) * np.cos(ANGLE) / (2 * np.pi))
    one, zero = float(sum(lengths)), float(lengths[1])
    yield Equals(
        "entry of $K$ over $n$ at the angle 1",
        predicted=one,
        replicates=found["features"],
        relative=0.15,
        rival=Rival("the order-zero kernel times the product of the inputs", zero),
    )
    yield Equals(
        "entry of $K_1$ at the angle 1",
        predicted=zero,
        replicates=found["hidden"],
        relative=0.2,
        rival=Rival("the order-one kernel", one),
    )
