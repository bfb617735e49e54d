"""The gradient of a wide two-layer network from below: at a point, along training, and after the features moved."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

import numerics
import theory
from verify import Agrees, Bounds, Comparison, Identity, Rival, Source, Verdict, Workbench, claim
from verify.bibliography import BERNER_2022
from verify.lectures.lazy_training import CONTROL, GRADIENT

if TYPE_CHECKING:
    import torch

Array = NDArray[np.float64]

UNITS, SAMPLES, INPUTS = 256, 6, 5
CHECKPOINTS = (0, 1, 3, 10, 30)
"""Steps of descent after which the gradient is looked at."""

WIDTHS = (64, 256, 1024)
MODEL = (
    "the network is $\\Phi(x) = \\sum_k a_k \\varrho(\\langle w_k, (x, 1) \\rangle)$ with $n$ units, and "
    "$e_i = \\Phi(x_i) - y_i$ are its errors on $m$ samples"
)
RISK = "the risk is $r = \\frac{1}{m} \\sum_i e_i^2$, without a half; $K$ is not divided by $n$"


def gradients(seed: int, activation: str, members: int) -> dict[str, Array]:
    """The gradient by backpropagation beside the quadratic form of the features, at the start and along descent.

    Hidden weights start with variance 1, output weights with 1/n. The targets of half of the members are normal, those
    of the others put the errors along the eigenvector of the least eigenvalue of K.

    Args:
        seed: Of weights, inputs and targets.
        activation: Of the hidden units.
        members: Networks, each with its own data.

    Returns:
        One row per member and one column per checkpoint: "output", the squared gradient of the output weights over
        e'Ke, times m^2; "bound", the bound by the least eigenvalue over the whole squared gradient; "form", the same
        with e'Ke in the place of the eigenvalue; "risk".
    """
    import torch

    source = torch.Generator().manual_seed(seed)
    network = numerics.Mlp((INPUTS + 1, UNITS, 1), activation, bias=False)
    theta, x = _start(source, members, UNITS, SAMPLES)
    hidden = UNITS * (INPUTS + 1)
    features = network.trace(theta, x).inputs[1]
    y = torch.randn(members, SAMPLES, 1, generator=source, dtype=x.dtype)
    values, vectors = torch.linalg.eigh(features @ features.mT)
    worst = torch.arange(members) % 2 == 1
    y[worst] = (network.forward(theta, x) - vectors[:, :, :1])[worst]
    rate = SAMPLES / (8 * values[:, -1:])
    rows: dict[str, list[Array]] = {"output": [], "bound": [], "form": [], "risk": []}
    for step in range(CHECKPOINTS[-1] + 1):
        risk, gradient = numerics.loss_and_gradient(network, theta, x, y, numerics.SquaredError())
        if step in CHECKPOINTS:
            trace = network.trace(theta, x)
            errors, features = (trace.outputs - y)[:, :, 0], trace.inputs[1]
            kernel = features @ features.mT
            form = torch.einsum("mi,mij,mj->m", errors, kernel, errors)
            least = torch.linalg.eigvalsh(kernel)[:, 0]
            whole = gradient.square().sum(1)
            rows["output"].append((gradient[:, hidden:].square().sum(1) / form * SAMPLES**2).numpy())
            rows["bound"].append((4 * least * risk / SAMPLES / whole).numpy())
            rows["form"].append((4 * form / SAMPLES**2 / whole).numpy())
            rows["risk"].append(risk.numpy())
        theta = theta - rate * gradient
    return {name: np.stack(columns, axis=1) for name, columns in rows.items()}


def moved_features(seed: int, units: int, members: int) -> dict[str, Array]:
    """What is left of the least eigenvalue after the hidden weights of ReLU networks have moved by 1 in all.

    Half of the members move at random, half along -w, which shrinks every feature. Errors are the eigenvector of the
    least eigenvalue of K.

    Args:
        seed: Of weights, inputs and moves.
        units: Hidden units.
        members: Networks.

    Returns:
        One number per member: "left", the quadratic form after the move, and "change", the squared norm of the change
        of the features, both over the least eigenvalue; "norm", that norm, and "inputs", the sum of the squared
        lengths of the inputs.
    """
    import torch

    source = torch.Generator().manual_seed(seed)
    theta, x = _start(source, members, units, SAMPLES)
    weights = theta[:, : units * (INPUTS + 1)].reshape(members, units, INPUTS + 1)
    move = torch.randn(weights.shape, generator=source, dtype=x.dtype)
    shrink = torch.arange(members) % 2 == 1
    move[shrink] = -weights[shrink]
    move = move / move.square().sum(dim=(1, 2), keepdim=True).sqrt()
    before, after = ((x @ place.mT).relu() for place in (weights, weights + move))
    values, vectors = torch.linalg.eigh(before @ before.mT)
    left = (after.mT @ vectors[:, :, :1]).square().sum(dim=(1, 2))
    norm = torch.linalg.matrix_norm(after - before, ord=2).square()
    return {
        "left": (left / values[:, 0]).numpy(),
        "change": (norm / values[:, 0]).numpy(),
        "norm": norm.numpy(),
        "inputs": x.square().sum(dim=(1, 2)).numpy(),
    }


@claim(
    "lazy.gradient-bound",
    title="The gradient of a wide network is not small where the risk is not",
    source=Source(BERNER_2022, "section 5.2", GRADIENT),
    assumptions=(
        MODEL,
        RISK,
        "$\\varrho$ is differentiable, or a ReLU whose arguments are none of them 0",
    ),
    expects={Verdict.SUPPORTED},
)
def gradient_bound(bench: Workbench) -> Iterator[Comparison]:
    r"""For every number of units, all weights and all data, with $K_{ij} = \sum_k \varrho(z_{ki}) \varrho(z_{kj})$,
    $z_{ki} = \langle w_k, (x_i, 1) \rangle$,

    $$|\nabla r|^2 = \frac{4}{m^2} e^T (K + K_1) e \ge \frac{4}{m^2} e^T K e \ge \frac{4}{m} \lambda_{\min}(K) \, r.$$

    The form of $K$ is the part of the output weights, and that is an equality. What the first inequality drops is the
    part of the hidden weights,

    $$e^T K_1 e = \sum_k a_k^2 \Bigl| \sum_i e_i \varrho'(z_{ki}) (x_i, 1) \Bigr|^2 \ge 0.$$
    """
    import sympy as sp

    m, n, i, k = sp.symbols("m n i k", integer=True, positive=True)
    risk, least = sp.symbols("r lambda", positive=True)
    double = sp.Sum(sp.Sum(sp.Function("e")(i) * sp.Function("h")(k, i), (i, 1, m)) ** 2, (k, 1, n))
    yield Identity(
        "squared gradient of the output weights",
        derivation=theory.lazy_gradient(),
        claimed=4 * double / m**2,
        rival=Rival("twice as large", 8 * double / m**2),
    )
    yield Identity(
        "bound by the least eigenvalue",
        derivation=theory.lazy_gradient(),
        part="least eigenvalue",
        claimed=4 * least * risk / m,
        rival=Rival("with the sum of squared errors in the place of the risk", 4 * least * risk),
    )
    members = bench.size(quick=10, standard=40, full=100)
    for activation in ("relu", "tanh"):
        (seed,) = bench.seeds(activation, 1)
        (found,) = bench.map(activation, gradients, [{"seed": seed, "activation": activation, "members": members}])
        yield Agrees(
            f"squared gradient of the output weights over $e^T K e$, times $m^2$, at the start and along descent "
            f"({activation})",
            measured=found["output"],
            predicted=4,
            tolerance=1e-6,
            reason="rounding, where the errors are small",
            rival=Rival("8", 8),
        )
        for name, title in (("form", "form of $K$ times $4/m^2$,"), ("bound", "bound by the least eigenvalue")):
            yield Bounds(
                f"{title} over the whole squared gradient ({activation})",
                smaller=found[name],
                larger=1,
                tolerance=1e-6,
                reason="rounding",
                rival=Rival("8 in the place of 4", 0.5),
            )


@claim(
    "lazy.shifted-gradient-bound",
    title="Half of the bound on the gradient survives where the features change by a bounded matrix",
    source=Source(BERNER_2022, "section 5.2", CONTROL),
    assumptions=(
        MODEL,
        "$F$ is the $m \\times n$ matrix of the features $\\varrho(z_{ki})$, $K = F F^T$, and $|E|$ the largest "
        "singular value of $E$",
        "for the last inequality no slope of $\\varrho$ is larger than 1; measured with ReLU units",
    ),
    expects={Verdict.SUPPORTED},
)
def shifted_gradient_bound(bench: Workbench) -> Iterator[Comparison]:
    r"""If the features change from $F$ to $F + E$, then for all errors $e$

    $$|(F + E)^T e|^2 \ge \Bigl( \frac{\lambda_{\min}(K)}{2} - |E|^2 \Bigr) |e|^2.$$

    If the hidden weights move by $R$ in all, $|E|^2 \le R^2 \sum_i |(x_i, 1)|^2$, whatever the number of units is. So
    where $\lambda_{\min}(K)$ is large, a quarter of it is left at the distance $R = \sqrt{\lambda_{\min}(K)} / (2 X)$,
    $X^2 = \sum_i |(x_i, 1)|^2$. The half cannot be left out: $\lambda_{\min}(K) - |E|^2$ is too much.
    """
    import sympy as sp

    least, size = sp.symbols("lambda s", positive=True)
    yield Identity(
        "bound after a change of the features of norm s",
        derivation=theory.shifted_gradient_bound(),
        claimed=least / 2 - size**2,
        rival=Rival("without the half", least - size**2),
    )
    members = bench.size(quick=10, standard=40, full=100)
    cases = [
        {"seed": seed, "units": units, "members": members}
        for units, seed in zip(WIDTHS, bench.seeds("networks", len(WIDTHS)), strict=True)
    ]
    found = bench.map("networks", moved_features, cases)
    left, change, norm, inputs = (
        np.concatenate([each[name] for each in found]) for name in ("left", "change", "norm", "inputs")
    )
    yield Bounds(
        "least eigenvalue, and twice what is left of it with the change added, over it",
        smaller=np.ones_like(left),
        larger=2 * (left + change),
        tolerance=1e-6,
        reason="rounding",
        rival=Rival("without the factor two", left + change),
    )
    yield Bounds(
        "squared norm of the change of the features at the distance 1, over the sum of squared lengths of the inputs",
        smaller=norm / inputs,
        larger=1,
        tolerance=1e-6,
        reason="rounding",
        rival=Rival("smaller by the number of units", np.repeat(1 / np.array(WIDTHS), members)),
    )


def _start(source: "torch.Generator", members: int, units: int, samples: int) -> "tuple[torch.Tensor, torch.Tensor]":
    """Weights with variance 1 in the hidden layer and 1/n at the output, and normal inputs with a 1 at the end."""
    import torch

    hidden = torch.randn(members, units * (INPUTS + 1), generator=source, dtype=torch.float64)
    outer = torch.randn(members, units, generator=source, dtype=torch.float64) / units**0.5
    x = torch.randn(members, samples, INPUTS, generator=source, dtype=torch.float64)
    return torch.cat([hidden, outer], dim=1), torch.cat([x, torch.ones_like(x[:, :, :1])], dim=2)
