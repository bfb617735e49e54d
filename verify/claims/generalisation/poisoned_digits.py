"""Networks that fit the same images of digits without an error, with and without wrongly labelled ones beside them.

Conventions. 64 inputs, one hidden layer of ReLU units, 10 outputs, no biases; weights start as N(0, 2/fan_in). The mean
cross-entropy over all examples that a network has goes down to ln 2 over the largest number of them: then no example
has a loss of ln 2, its class has a probability above 1/2, and is named rightly.
"""

from math import log
from typing import Final

import numpy as np
from numpy.typing import NDArray

import numerics

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
        images for testing, "distance" from the start; "sharpness", the largest eigenvalue of the Hessian of the loss on
        the shared images, for no poison and the most.
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
    columns: dict[str, list[torch.Tensor]] = {
        name: [] for name in ("right", "poison", "accuracy", "distance", "sharpness")
    }
    for poison in POISON:
        here = TRAINING + poison
        theta = numerics.sgd(
            network,
            start,
            x[:, :here],
            given[:, :here],
            loss,
            learning_rate=LEARNING_RATE,
            momentum=MOMENTUM,
            batch_size=BATCH,
            seeds=seeds,
            steps=steps,
            stop_at=LOSS,
        ).theta
        wanted = torch.cat([given[:, :here], truth[:, here:]], dim=1)
        fits = (network.forward(theta, x).argmax(-1) == wanted).to(x)
        columns["right"].append(fits[:, :TRAINING].sum(1))
        columns["poison"].append(fits[:, TRAINING:here].mean(1).nan_to_num(nan=1.0))
        columns["accuracy"].append(fits[:, last:].mean(1))
        columns["distance"].append((theta - start).norm(dim=1))
        if poison in (POISON[0], POISON[-1]):
            shared = zip(theta, x[:, :TRAINING], truth[:, :TRAINING], strict=True)
            tops = [
                numerics.eigenpairs(
                    numerics.HessianOperator(network, loss, data, theta=own),
                    1,
                    which="LA",
                    tol=1e-3,
                    method="estimated",
                    generator=torch.Generator().manual_seed(seed),
                ).values
                for own, *data in shared
            ]
            columns["sharpness"].append(torch.cat(tops))
    return {name: torch.stack(values, dim=1).cpu().numpy() for name, values in columns.items()}
