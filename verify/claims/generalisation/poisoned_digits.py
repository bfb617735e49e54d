"""Networks that fit the same images of digits without an error, with and without wrongly labelled ones beside them.

Conventions. 64 inputs, one hidden layer of ReLU units, 10 outputs, no biases; weights start as N(0, 2/fan_in). The mean
cross-entropy over all examples that a network has goes down to ln 2 over the largest number of them: then no example
has a loss of ln 2, its class has a probability above 1/2, and is named rightly.

Near such a fit the second derivatives of the loss become small with the loss itself, whichever fit it is, and a fit of
more examples to the same mean has another loss on some of them. So curvatures are compared where the loss on the shared
images is the same.
"""

from math import log
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

import numerics

if TYPE_CHECKING:
    from torch import Tensor

Array = NDArray[np.float64]

TRAINING: Final = 100
"""Images that all fits of one set share, with their right labels."""

POISON: Final = (0, 25, 50, 100)
"""Other images beside them, with wrong labels."""

HIDDEN: Final = 128
LEARNING_RATE: Final = 0.1
MOMENTUM: Final = 0.9
BATCH: Final = 20
LOSS: Final = log(2) / (TRAINING + max(POISON))

TOGETHER: Final = 25
"""Sets that a worker takes in one batch."""


def poisoned_fits(seed: int, sets: int, steps: int, device: str) -> dict[str, Array]:
    """Train networks from one start on the same images, and more and more wrongly labelled ones.

    For each set ``TRAINING`` images are drawn, and as many for the poison, whose labels are drawn among the nine wrong
    ones; the other images are for testing.

    Args:
        seed: Of the first set; the others have the next ones.
        sets: How many.
        steps: Of SGD at most.
        device: Where.

    Returns:
        One row per set and one column per number of poisoned images: "right", how many of the shared images are named
        rightly, "poison", the share of the poisoned ones that get their wrong label (1 if there is none), "accuracy" on
        images for testing. "loss" on the shared images, "distance" from the start, and of the Hessian of that loss its
        "largest" eigenvalue and its "trace", for a fit without poison that goes on, or stops, where its loss on the
        shared images is that of the fit with the most, and for the latter.
    """
    import torch

    seeds = range(seed, seed + sets)
    images, labels = numerics.digits(device=device)
    network, loss = numerics.Mlp((64, HIDDEN, 10), "relu"), numerics.CrossEntropy()
    start = network.init(seeds, sigma_w=2**0.5, device=device)
    drawn = []
    for own in seeds:
        generator = torch.Generator().manual_seed(own)
        order = torch.randperm(len(images), generator=generator)
        drawn.append((order, torch.randint(1, 10, (max(POISON),), generator=generator)))
    order = torch.stack([each for each, _ in drawn]).to(images.device)
    wrong = torch.stack([each for _, each in drawn]).to(images.device)
    x, truth = images[order], labels[order]
    given, last = truth.clone(), TRAINING + max(POISON)
    given[:, TRAINING:last] = (given[:, TRAINING:last] + wrong) % 10
    columns: dict[str, list[torch.Tensor]] = {name: [] for name in ("right", "poison", "accuracy")}

    def fit(members: slice, examples: int, stop_at: float) -> torch.Tensor:
        return numerics.sgd(
            network,
            start[members],
            x[members, :examples],
            given[members, :examples],
            loss,
            learning_rate=LEARNING_RATE,
            momentum=MOMENTUM,
            batch_size=BATCH,
            seeds=seeds[members],
            steps=steps,
            stop_at=stop_at,
        ).theta

    for poison in POISON:
        here = TRAINING + poison
        theta = fit(slice(None), here, LOSS)
        wanted = torch.cat([given[:, :here], truth[:, here:]], dim=1)
        fits = (network.forward(theta, x).argmax(-1) == wanted).to(x)
        columns["right"].append(fits[:, :TRAINING].sum(1))
        columns["poison"].append(fits[:, TRAINING:here].mean(1).nan_to_num(nan=1.0))
        columns["accuracy"].append(fits[:, last:].mean(1))
    shared, rightly = x[:, :TRAINING], truth[:, :TRAINING]

    def shared_loss(theta: torch.Tensor) -> torch.Tensor:
        return loss.value(network.forward(theta, shared), rightly)

    def largest(theta: torch.Tensor) -> torch.Tensor:
        tops = [
            numerics.eigenpairs(
                numerics.HessianOperator(network, loss, data, theta=own),
                1,
                which="LA",
                tol=1e-3,
                method="estimated",
                generator=torch.Generator().manual_seed(seed),
            ).values
            for own, *data in zip(theta, shared, rightly, strict=True)
        ]
        return torch.cat(tops)

    worst = theta  # with the most poison, the last
    levels = shared_loss(worst).tolist()
    alike = torch.cat([fit(slice(own, own + 1), TRAINING, level) for own, level in enumerate(levels)])
    columns |= {
        "loss": [shared_loss(each) for each in (alike, worst)],
        "distance": [(each - start).norm(dim=1) for each in (alike, worst)],
        "largest": [largest(each) for each in (alike, worst)],
        "trace": [hessian_trace(network, each, shared) for each in (alike, worst)],
    }
    return {name: torch.stack(values, dim=1).cpu().numpy() for name, values in columns.items()}


def hessian_trace(network: "numerics.Mlp", theta: "Tensor", x: "Tensor") -> "Tensor":
    r"""The trace of the Hessian of the mean cross-entropy, of networks with one hidden layer of ReLU units, no biases.

    The outputs are, near a point, linear in every single weight. So only the second derivatives in the outputs count,
    :math:`S = \mathrm{diag}(p) - p p^T` with the probabilities p of the classes, whatever the labels: the derivatives
    of the outputs in the weights behind a unit h are h times unit vectors, and in those before it its weights w to the
    outputs times x where it is active. An example adds :math:`|h|^2 \mathrm{tr} S + |x|^2 \sum w^T S w`.

    Args:
        network: What theta belongs to.
        theta: (members, parameters).
        x: (members, examples, inputs).

    Returns:
        One number per member.
    """
    (into, _), (out_of, _) = network.unflatten(theta)
    hidden = (x @ into.mT).relu()
    p = (hidden @ out_of.mT).softmax(-1)
    bent = p @ out_of.square() - (p @ out_of).square()  # w^T S w
    before = x.square().sum(-1) * bent.where(hidden > 0, 0).sum(-1)
    behind = hidden.square().sum(-1) * (1 - p.square().sum(-1))
    return (before + behind).mean(1)
