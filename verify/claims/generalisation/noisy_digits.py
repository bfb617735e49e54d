"""Few digits with some wrong labels, and the errors of networks of many sizes while they are trained on them."""

from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

import numerics

if TYPE_CHECKING:
    from torch import Tensor

Array = NDArray[np.float64]

SAMPLES: Final = 60
"""Examples for training; digits are tested on a thousand others."""

OUTPUTS: Final = 10
FLIPPED: Final = 0.2
"""The share of the labels for training that are wrong."""

CONSTANT: Final = (1 / OUTPUTS) * (1 - 1 / OUTPUTS)
"""The squared error of an output that is 1/10 for every image."""

RATIOS: Final = (0.1, 0.25, 0.35, 0.5, 0.7, 1.0, 1.4, 2.0, 2.8, 4.0)
"""Parameters of a trained network over examples times outputs; at the first there are as many as examples."""

TIMES: Final = (1, 3, 10, 30)
"""Numbers of steps after which networks are judged, over the smallest of them."""


def network_errors(seed: int, draws: int, shortest: int, largest: float) -> dict[str, Array]:
    """Test errors of tanh networks trained on digits with some labels wrong, each on images of its own.

    Args:
        seed: Of the draws.
        draws: How many replicates.
        shortest: The smallest number of steps of Adam, with all images at once; TIMES has the others.
        largest: The largest ratio of parameters to examples times outputs that is trained.

    Returns:
        "errors", "exchanged" and "losses", indexed by replicate, time and ratio: mean squared errors of an output on
        other images, on these if they exchange their labels, and on those for training; "parameters", how many.
    """
    import torch

    x, y, new, truth = noisy_digits(seed, draws)
    steps = [shortest * time for time in TIMES]
    columns: dict[str, list[Tensor]] = {"errors": [], "exchanged": [], "losses": []}
    parameters = []
    for ratio in RATIOS:
        if ratio > largest:
            break
        wanted = ratio * SAMPLES * OUTPUTS
        hidden = max(1, round((wanted - OUTPUTS) / (x.shape[2] + 1 + OUTPUTS)))
        network = numerics.Mlp((x.shape[2], hidden, OUTPUTS), "tanh", bias=True)
        states = numerics.adam(
            network,
            network.init(range(seed, seed + draws)),
            x,
            y,
            numerics.SquaredError(prefactor=1 / OUTPUTS),
            learning_rate=0.01,
            steps=steps[-1],
            record_at=steps,
        ).trajectory
        for name, inputs, targets in (
            ("errors", new, truth),
            ("exchanged", new, truth.roll(1, dims=1)),
            ("losses", x, y),
        ):
            found = [(network.forward(theta, inputs) - targets).square().mean(dim=(1, 2)) for theta in states]
            columns[name].append(torch.stack(found, dim=1))
        parameters.append(network.parameters)
    tables = {name: torch.stack(column, dim=2).numpy() for name, column in columns.items()}
    return {**tables, "parameters": np.array(parameters, dtype=np.float64)}


def noisy_digits(seed: int, draws: int) -> "tuple[Tensor, Tensor, Tensor, Tensor]":
    """Digits of 4 by 4 pixels, centred, with one-hot labels, some wrong for training: inputs, labels, twice."""
    import torch

    pixels, labels = numerics.digits()
    coarse = pixels.reshape(-1, 4, 2, 4, 2).mean(dim=(2, 4)).flatten(1)
    coarse = (coarse - coarse.mean(dim=0)) / coarse.std()
    generator = torch.Generator().manual_seed(seed)
    one_hot = torch.eye(OUTPUTS, dtype=torch.float64)
    rows = []
    for _ in range(draws):
        order = torch.randperm(len(labels), generator=generator)
        chosen, others = order[:SAMPLES], order[SAMPLES : SAMPLES + 1000]
        wrong = torch.rand(SAMPLES, generator=generator, dtype=torch.float64) < FLIPPED
        shift = torch.randint(1, OUTPUTS, (SAMPLES,), generator=generator)
        given = torch.where(wrong, (labels[chosen] + shift) % OUTPUTS, labels[chosen])
        rows.append((coarse[chosen], one_hot[given], coarse[others], one_hot[labels[others]]))
    x, y, new, truth = (torch.stack(column) for column in zip(*rows, strict=True))
    return x, y, new, truth
