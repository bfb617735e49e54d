"""Descent where the gradient is never small: how fast it arrives, how far it goes, and gradients of minibatches."""

from collections.abc import Iterator
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

import numerics
import theory
from verify import Agrees, Bounds, Comparison, Identity, Rival, Source, Verdict, Workbench, claim
from verify.bibliography import KARIMI_2016, ROBBINS_MONRO_1951
from verify.lectures.lazy_training import CONCLUSION, STOCHASTIC

Array = NDArray[np.float64]

UNITS, SAMPLES, INPUTS = 128, 5, 4
SHARE = 0.25
"""The learning rate times L."""


def descents(seed: int, members: int, steps: int) -> dict[str, Array]:
    """Gradient descent of wide tanh networks, with what the bounds say of it.

    L is the largest eigenvalue of the Gauss-Newton matrix of the risk at the start, doubled; mu is the least quotient
    of the squared gradient and the risk on the way. Targets put the errors along the direction that is learnt most
    slowly.

    Args:
        seed: Of weights and inputs.
        members: Networks, each with its own data.
        steps: Of descent.

    Returns:
        "risk", over the risk at the start, one row per member and one column per step; "bound" and "twice", the factor
        per step to the same powers, and that for mu doubled; "length" of the way, over its bound.
    """
    import torch

    source = torch.Generator().manual_seed(seed)
    network = numerics.Mlp((INPUTS + 1, UNITS, 1), "tanh", bias=False)
    hidden = torch.randn(members, UNITS * (INPUTS + 1), generator=source, dtype=torch.float64)
    outer = torch.randn(members, UNITS, generator=source, dtype=torch.float64) / UNITS**0.5
    theta = torch.cat([hidden, outer], dim=1)
    x = torch.randn(members, SAMPLES, INPUTS + 1, generator=source, dtype=torch.float64)
    x[:, :, -1] = 1
    trace = network.trace(theta, x)
    unit = torch.eye(SAMPLES, dtype=x.dtype)[:, None, :, None]
    rows = torch.stack([network.pullback(trace, one.expand(members, -1, -1)) for one in unit], dim=1)
    values, vectors = torch.linalg.eigh(rows @ rows.mT)
    y = trace.outputs - vectors[:, :, :1]
    smooth = 2 * 2 * values[:, -1] / SAMPLES
    rate = SHARE / smooth
    risks, slopes, length = [], [], torch.zeros(members, dtype=x.dtype)
    for _ in range(steps):
        risk, gradient = numerics.loss_and_gradient(network, theta, x, y, numerics.SquaredError())
        risks.append(risk)
        slopes.append(gradient.square().sum(1))
        length = length + rate * slopes[-1].sqrt()
        theta = theta - rate[:, None] * gradient
    risk, slope = torch.stack(risks, dim=1), torch.stack(slopes, dim=1)
    mu = (slope / risk).amin(dim=1)
    left = 1 - SHARE / 2
    powers = torch.arange(steps, dtype=x.dtype)
    bound, twice = ((1 - times * rate * left * mu)[:, None] ** powers for times in (1, 2))
    return {
        "risk": (risk / risk[:, :1]).numpy(),
        "bound": bound.numpy(),
        "twice": twice.numpy(),
        "length": (length * left / 2 * (mu / risk[:, 0]).sqrt()).numpy(),
    }


def batch_means(seed: int, members: int) -> dict[str, Array]:
    """The mean of the gradients of all batches of each size, beside the full gradient.

    Args:
        seed: Of weights and data.
        members: Networks.

    Returns:
        "mean" and "full", by batch size, member and parameter; "sizes", the batch size of each, over the samples.
    """
    import torch

    source = torch.Generator().manual_seed(seed)
    network = numerics.Mlp((INPUTS, 6, 1), "tanh", bias=True)
    theta = torch.randn(members, network.parameters, generator=source, dtype=torch.float64)
    x = torch.randn(SAMPLES, INPUTS, generator=source, dtype=torch.float64)
    y = torch.randn(SAMPLES, 1, generator=source, dtype=torch.float64)
    loss = numerics.SquaredError()
    _, full = numerics.loss_and_gradient(network, theta, x, y, loss)
    means = []
    for size in range(1, SAMPLES + 1):
        batches = [list(batch) for batch in combinations(range(SAMPLES), size)]
        gradients = [numerics.loss_and_gradient(network, theta, x[batch], y[batch], loss)[1] for batch in batches]
        means.append(torch.stack(gradients).mean(0))
    sizes = torch.arange(1, SAMPLES + 1, dtype=x.dtype)[:, None, None] / SAMPLES
    return {
        "mean": torch.stack(means).numpy(),
        "full": full.expand(SAMPLES, -1, -1).numpy(),
        "sizes": sizes.expand(-1, *full.shape).numpy(),
    }


@claim(
    "lazy.polyak-lojasiewicz",
    title="Where the gradient bounds the risk, descent arrives exponentially fast and does not go far",
    source=Source(KARIMI_2016, "theorem 1", CONCLUSION),
    assumptions=(
        "$|\\nabla r|^2 \\ge \\mu r$ with $\\mu > 0$ wherever descent comes, without a half before the gradient's "
        "square; for steps the gradient changes by at most $L$ times the distance",
        "for the orders in $n$ the risk is the mean of squared errors without a half, $\\mu = \\frac{4}{m} c n$ as for "
        "$\\lambda_{\\min}(K) = c n$, and hidden weights start with variance 1, output weights with $1/n$",
        "measured: $L$ is twice the largest eigenvalue of the Gauss-Newton matrix at the start, and $\\mu$ the least "
        "quotient met on the way",
    ),
    expects={Verdict.SUPPORTED},
)
def polyak_lojasiewicz(bench: Workbench) -> Iterator[Comparison]:
    r"""Let $|\nabla r|^2 \ge \mu r$. Gradient flow satisfies

    $$r(t) \le r_0 e^{-\mu t}, \qquad \int_0^\infty |\dot\theta| \, dt \le 2 \sqrt{r_0/\mu},$$

    which for $\mu = \frac{4}{m} c n$ is $\sqrt{m r_0/(c n)}$: the parameters together move by $O(n^{-1/2})$, and since
    $E |\theta_0|^2 = n (d + 1) + 1$, by $O(n^{-1})$ relative to their length at the start, if $r_0$ stays bounded.
    Gradient descent with a learning rate $\eta < 2/L$ satisfies

    $$r_{k+1} \le \Bigl( 1 - \eta \Bigl( 1 - \frac{\eta L}{2} \Bigr) \mu \Bigr) r_k, \qquad
      \sum_k |\theta_{k+1} - \theta_k| \le \frac{2}{1 - \eta L/2} \sqrt{r_0/\mu}.$$

    All of this is about the gradient of the whole risk, not about minibatches.
    """
    import sympy as sp

    mu, start, t, m, n, c, d, eta, smooth = sp.symbols("mu r_0 t m n c d eta L", positive=True)
    flow, descent = theory.lazy_flow(), theory.lazy_descent_steps()
    rows: tuple[tuple[str, Any, str | None, Any, str, Any], ...] = (
        ("risk under the flow", flow, "risk", start * sp.exp(-mu * t), "with twice the rate", -2 * mu * t),
        ("length of the path of the flow", flow, None, 2 * sp.sqrt(start / mu), "half of it", sp.sqrt(start / mu)),
        (
            "length of the path of n units",
            flow,
            "absolute",
            sp.sqrt(m * start / (c * n)),
            "the same at every width",
            sp.sqrt(m * start / c),
        ),
        (
            "squared length of the path over that of the parameters at the start",
            flow,
            "relative",
            m * start / (c * n * (n * (d + 1) + 1)),
            "one order less in n",
            m * start / (c * (n * (d + 1) + 1)),
        ),
        (
            "factor of one step of descent",
            descent,
            None,
            1 - eta * (1 - eta * smooth / 2) * mu,
            "that of the flow, 1 - eta mu, at every rate",
            1 - eta * mu,
        ),
        (
            "length of all steps",
            descent,
            "length",
            2 * sp.sqrt(start / mu) / (1 - eta * smooth / 2),
            "that of the flow",
            2 * sp.sqrt(start / mu),
        ),
        ("learning rate up to which the bound falls", descent, "largest rate", 2 / smooth, "1/L", 1 / smooth),
    )
    for title, derivation, part, claimed, name, other in rows:
        value = start * sp.exp(other) if part == "risk" else other
        yield Identity(title, derivation=derivation, part=part, claimed=claimed, rival=Rival(name, value))
    (seed,) = bench.seeds("descents", 1)
    case = {"seed": seed, "members": bench.size(quick=10, standard=40, full=100), "steps": 400}
    (found,) = bench.map("descents", descents, [case])
    yield Bounds(
        "risk over its bound, step by step, of networks that descend",
        smaller=found["risk"] / found["bound"],
        larger=1,
        tolerance=1e-6,
        reason="rounding",
        rival=Rival("the bound with twice the rate", found["twice"] / found["bound"]),
    )
    yield Bounds(
        "length of their way over its bound",
        smaller=found["length"],
        larger=1,
        tolerance=1e-6,
        reason="rounding",
        rival=Rival("half of the bound", 0.5),
    )
    figure = bench.figure(
        "descent",
        title="Risk of one network that descends, and its bound",
        x="steps of gradient descent",
        y="risk over the risk at the start",
        y_scale="log",
        caption="The bound with the least quotient of the squared gradient and the risk that was met on the way.",
    )
    some = np.arange(0, case["steps"], 20)
    figure.line(some, found["bound"][0, some], "bound")
    figure.line(some, found["twice"][0, some], "bound with twice the rate")
    figure.points(some, found["risk"][0, some], "measured")


@claim(
    "lazy.minibatch-gradient-is-unbiased",
    title="The gradient of a minibatch is on average the full gradient",
    source=Source(ROBBINS_MONRO_1951, "on steps that are right on average", STOCHASTIC),
    assumptions=(
        "the risk is a mean over $m$ samples, that of a batch the mean over its $B$ different samples; all batches of "
        "$B$ samples are equally likely, and the weights are fixed",
    ),
    expects={Verdict.SUPPORTED},
)
def minibatch_gradient_is_unbiased(bench: Workbench) -> Iterator[Comparison]:
    r"""A sample is in the share $\binom{m - 1}{B - 1} / \binom{m}{B} = B/m$ of all batches of $B$. So the mean of the
    gradients of all batches,

    $$\binom{m}{B}^{-1} \sum_{|S| = B} \frac{1}{B} \sum_{i \in S} g_i = \frac{1}{m} \sum_{i=1}^m g_i,$$

    is the full gradient, for every loss and every batch size. This is a statement about one step: it does not bound the
    noise of the steps, and so does not say that descent by minibatches arrives.
    """
    import sympy as sp

    m, size = sp.symbols("m B", integer=True, positive=True)
    yield Identity(
        "weight of a sample in the mean over all batches",
        derivation=theory.unbiased_minibatch_gradient(),
        claimed=1 / m,
        rival=Rival("larger batches, larger steps: the sum over a batch over m", size / m**2),
    )
    (seed,) = bench.seeds("batches", 1)
    (found,) = bench.map("batches", batch_means, [{"seed": seed, "members": 5}])
    yield Agrees(
        "mean gradient of all batches of every size of a network",
        measured=found["mean"],
        predicted=found["full"],
        tolerance=1e-10,
        reason="rounding",
        rival=Rival("with the sum over a batch divided by all samples", found["full"] * found["sizes"]),
    )
