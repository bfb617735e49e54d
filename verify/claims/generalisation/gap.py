"""What the gap between training and test loss is made of while it grows: errors that become more confident."""

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

import numerics
from verify import AtLeast, AtMost, Comparison, Ordering, Rival, Source, Verdict, Workbench, claim
from verify.bibliography import GUO_2017
from verify.lectures.generalisation import GAP

Array = NDArray[np.float64]

TRAINING: Final = 100
HIDDEN: Final = 32
LEARNING_RATE: Final = 0.01
EARLY: Final = 80
"""Steps after which the accuracy on new images has come to where it stays; fixed from a pilot run."""

SHOWN: Final = 20
"""The step from which on the losses are drawn: before it they are so large that the rise would not be seen."""

TOGETHER: Final = 6


def histories(seed: int, networks: int, last: int, device: str) -> dict[str, Array]:
    """Train networks on few images, and follow the losses.

    Args:
        seed: Of the starts and of the choice of the images.
        networks: How many, each on images of its own.
        last: Steps of training, more than ``EARLY``.
        device: Where.

    Returns:
        "steps", those at which is looked. One row per network, one column per such step: "train" and "test", the
        cross-entropy on the images trained on and on the others, "accuracy" on the others, "wrong" and "right", the
        part of the test loss that comes from images that are wrong or right at the last step, and "confidence", the
        mean probability of the class that is named where it is not the right one; "named", that over all images.
    """
    import torch

    images, labels = numerics.digits(device=device)
    orders = [torch.randperm(len(images), generator=torch.Generator().manual_seed(seed + k)) for k in range(networks)]
    order = torch.stack(orders).to(images.device)
    x, y = images[order], labels[order]
    network = numerics.Mlp((64, HIDDEN, 10), "relu")
    start = network.init(range(seed, seed + networks), sigma_w=2**0.5, device=device)
    moments = sorted({EARLY, last, *(step for step in (5, 10, 20, 40, 160, 320, 640) if step < last)})
    end = numerics.adam(
        network,
        start,
        x[:, :TRAINING],
        y[:, :TRAINING],
        numerics.CrossEntropy(),
        learning_rate=LEARNING_RATE,
        steps=last,
        record_at=moments,
    )
    outputs = torch.stack([network.forward(theta, x) for theta in end.trajectory], dim=1)
    logs = outputs.log_softmax(-1)
    losses = -logs.gather(-1, y[:, None, :, None].expand(*logs.shape[:3], 1))[..., 0]
    named = outputs.argmax(-1)
    right = (named == y[:, None])[..., TRAINING:]
    test, finally_right = losses[..., TRAINING:], right[:, -1:]
    sure = logs[..., TRAINING:, :].amax(-1).exp()
    found = {
        "train": losses[..., :TRAINING].mean(-1),
        "test": test.mean(-1),
        "accuracy": right.to(test).mean(-1),
        "right": (test * finally_right).mean(-1),
        "wrong": (test * ~finally_right).mean(-1),
        "named": sure.mean(-1),
        "confidence": (sure * ~right).sum(-1) / (~right).sum(-1).clamp(min=1),
    }
    return {"steps": np.array(moments)} | {name: value.cpu().numpy() for name, value in found.items()}


@claim(
    "generalisation.gap",
    title="The test loss rises again by errors that become more confident, while the accuracy stays",
    source=Source(GUO_2017, "section 3, figure 3", GAP),
    assumptions=(
        f"handwritten digits of 8 by 8 pixels: {TRAINING} drawn for each network to train on, 1697 to test it; "
        "networks are replicates of starts and splits, the 1797 images are one sample",
        f"64 inputs, {HIDDEN} hidden ReLU units, 10 outputs; Adam on all images at the rate 0.01",
        f"early is after {EARLY} steps, late after 1000",
    ),
    expects={Verdict.SUPPORTED},
    decided_from="standard",
)
def gap(bench: Workbench) -> Iterator[Comparison]:
    r"""How does the generalisation gap grow? The training loss keeps falling. The test loss, the mean cross-entropy on
    new images, falls and then rises again: one might expect the accuracy to fall along with it. It does not. Images
    that are classified rightly in the end have less loss than before; the rise comes from those that are wrong, whose
    wrong class is given a higher and higher probability, though a lower one than classes that are named have in all.
    """
    last = bench.size(quick=EARLY + 20, standard=1000, full=4000)
    networks, batches = bench.size(quick=2, standard=TOGETHER, full=TOGETHER), bench.size(quick=1, standard=4, full=20)
    items = [
        {"seed": seed, "networks": networks, "last": last, "device": bench.device}
        for seed in bench.seeds("networks", batches)
    ]
    parts = bench.map("networks", histories, items)
    found = {name: np.concatenate([part[name] for part in parts]) for name in parts[0] if name != "steps"}
    steps = parts[0]["steps"]
    early = int(np.flatnonzero(steps == EARLY)[0])
    change = {name: values[:, -1] - values[:, early] for name, values in found.items()}
    yield Ordering("training loss: late against early", lower=found["train"][:, -1], higher=found["train"][:, early])
    yield Ordering("test loss: early against late", lower=found["test"][:, early], higher=found["test"][:, -1])
    yield AtLeast(
        "test accuracy, late minus early",
        bound=-0.01,
        replicates=change["accuracy"],
        rival=Rival("falls by five points", -0.05),
    )
    yield AtMost(
        "change of the test loss by images that are right in the end, over that by images that are wrong",
        bound=0.0,
        replicates=change["right"] / change["wrong"],
        rival=Rival("as much or more, as if all images became worse", 1.0),
    )
    yield Ordering(
        "mean probability of the class that is named wrongly: early against late",
        lower=found["confidence"][:, early],
        higher=found["confidence"][:, -1],
    )
    yield Ordering(
        "mean probability of the class that is named, late: where it is wrong against all images",
        lower=found["confidence"][:, -1],
        higher=found["named"][:, -1],
    )
    yield Ordering(
        "test loss minus training loss, along training",
        trend=(found["test"] - found["train"])[:, early:],
        direction="increasing",
    )
    figure = bench.figure(
        "losses",
        title="Losses and accuracy along training",
        x="steps of Adam",
        y="mean cross-entropy; share of errors",
        x_scale="log",
        caption=f"Means over {len(found['test'])} networks from step {SHOWN} on; bars: two standard errors. The errors "
        "on new images stay as many while their loss rises.",
    )
    shown = steps >= SHOWN
    for values, label in (
        (found["train"], "training loss"),
        (found["test"], "test loss"),
        (1 - found["accuracy"], "share of errors, test"),
    ):
        mean, errors = values.mean(axis=0), 2 * values.std(axis=0, ddof=1) / len(values) ** 0.5
        figure.points(steps[shown], mean[shown], label, errors=errors[shown])
    top = float(found["test"].mean(axis=0)[shown].max())
    figure.segments([EARLY, last], [0, 0], [EARLY, last], [top, top], "early and late")
