"""How many weights of a trained classifier can be removed, and whether fewer are sometimes better."""

from collections.abc import Iterator
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

FEWER: Final = 3
"""So many of the shares are tried where the question is whether fewer are better."""

NOISE: Final = 0.2
"""Share of the training labels that are drawn at random, where labels are noisy."""


def pruned_accuracies(
    seed: int,
    networks: int,
    width: int,
    steps: int,
    device: str,
    shares: int,
    noise: float = 0.0,
    chance: bool = False,
) -> dict[str, Array]:
    """Train, remove the smallest weights and train on, share by share; beside it without removing, and at random.

    Args:
        seed: Of the first network.
        networks: How many.
        width: Of the first hidden layer.
        steps: Of one training.
        device: Where to compute.
        shares: How many of the shares.
        noise: Share of the training labels that are drawn at random.
        chance: Whether weights are removed at random, too.

    Returns:
        Percent of the test images that are right, one row a network and one column a share: "dense" of the whole
        networks trained as long, "pruned", "cut" right after the removal, and "random" with weights removed at random
        if that is asked for; and "left", the largest size of a removed weight after the training, and "dense left",
        that of the whole network at the same places.
    """
    import torch

    nets = ensemble(seed, networks, width, steps, device, noise=noise)
    dense = nets.trained(nets.start(), order=0)
    points = {"dense": dense, "pruned": dense, "random": dense}
    found: dict[str, list[Array]] = {name: [] for name in (*points, "cut", "left", "dense left")}
    mask = torch.ones_like(dense, dtype=torch.bool)
    for place, share in enumerate(SHARES[:shares]):
        mask = numerics.magnitude_mask(nets.network, points["pruned"], sparsity=share, within=mask)
        found["cut"].append(nets.accuracy(points["pruned"] * mask))
        masks = {"dense": None, "pruned": mask}
        if chance:
            masks["random"] = numerics.random_mask(nets.network, sparsity=share, seeds=nets.members, device=device)
        for name, own in masks.items():
            points[name] = nets.trained(points[name], own, order=place + 1)
            found[name].append(nets.accuracy(points[name]))
        for name, point in (("left", points["pruned"]), ("dense left", points["dense"])):
            found[name].append(point.masked_fill(mask, 0.0).abs().amax(dim=1).cpu().numpy())
    return {name: np.stack(rows, axis=1) for name, rows in found.items() if rows}


def _measured(
    bench: Workbench, purpose: str, networks: int, shares: int, *, noise: float = 0.0, chance: bool = False
) -> dict[str, Array]:
    """The accuracies of so many networks, from the workers."""
    fixed = {
        "width": bench.size(quick=8, standard=100, full=200),
        "steps": bench.size(quick=4, standard=200, full=600),
        "device": bench.device,
        "shares": shares,
        "noise": noise,
        "chance": chance,
    }
    items = [item | fixed for item in batches(bench.seeds(purpose, -(-networks // TOGETHER)), networks)]
    results = bench.map(purpose, pruned_accuracies, items)
    return {name: np.concatenate([result[name] for result in results]) for name in results[0]}


@claim(
    "generalisation.pruning",
    title="Four fifths of the weights can be removed for less than a point of accuracy",
    source=Source(HAN_2015, "sections 3 and 4", PRUNING),
    assumptions=(*SETTING, ACCURACY),
    expects={Verdict.SUPPORTED},
    decided_from="standard",
)
def pruning(bench: Workbench) -> Iterator[Comparison]:
    """With 80 % of its weights removed and the others trained on, the median network has at most one point of accuracy
    on new images less than with all of them. With 80 % removed and with 90 %, it is the smallest ones that can go: with
    as many removed at random and the others trained as long, most networks are worse. And the training matters: right
    after the removal most are worse than after it.
    """
    networks = bench.size(quick=2, standard=60, full=120)
    found = _measured(bench, "networks", networks, len(SHARES), chance=True)
    lost = found["dense"] - found["pruned"]
    yield Agrees(
        "largest size of a removed weight, trained on",
        measured=found["left"],
        predicted=np.zeros_like(found["left"]),
        tolerance=0,
        reason="removed weights are zeros",
        rival=Rival("as in the whole network", found["dense left"]),
    )
    yield AtMost(
        "points of accuracy lost with 80 % removed",
        bound=1.0,
        replicates=lost[:, JUDGED[0]],
        rival=Rival("two or more", 2.0),
    )
    for place in JUDGED:
        share = f"{SHARES[place]:.0%}".replace("%", " %")
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
    figure = bench.figure(
        "accuracy",
        title="Accuracy with weights removed",
        x="percent of the weights removed",
        y="percent of test images right",
        y_limits=(80, 100),
        caption=f"Means over {networks} networks; bars: two standard errors. All have been trained as long.",
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
    networks = bench.size(quick=2, standard=24, full=120)
    found = _measured(bench, "networks", networks, len(SHARES))
    yield AtMost(
        "points of accuracy lost with 90 % removed",
        bound=1.0,
        replicates=(found["dense"] - found["pruned"])[:, JUDGED[1]],
        rival=Rival("two or more", 2.0),
    )


@claim(
    "generalisation.pruning-sometimes-better",
    title="Whether networks are sometimes better with fewer weights",
    source=Source(HAN_2015, "section 4", PRUNING),
    assumptions=(
        *SETTING,
        "the smallest weights are removed share by share, with a training from those that are left after each removal; "
        "accuracy is compared with that of the same network trained as long with all its weights",
        "where labels are noisy, a fifth of those for training are drawn at random; those for testing are right",
    ),
    expects=OPEN,
    decided_from="standard",
)
def sometimes_better(bench: Workbench) -> Iterator[Comparison]:
    """Are networks with 50 % or 80 % of their weights removed, and the others trained on, better on new images than
    with all weights? The slide says that they sometimes are. It is asked for right labels, and for labels of which some
    are wrong, where a network with many weights learns the wrong ones by heart.
    """
    networks = bench.size(quick=2, standard=24, full=120)
    noisy = _measured(bench, "noisy labels", networks, FEWER, noise=NOISE)
    right = _measured(bench, "right labels", networks, FEWER)
    for labels, found in (("a fifth of the labels random", noisy), ("all labels right", right)):
        for place in (0, 2):
            yield Ordering(
                f"{labels}: all weights against {SHARES[place]:.0%} removed".replace("%", " %"),
                lower=found["dense"][:, place],
                higher=found["pruned"][:, place],
            )
    figure = bench.figure(
        "gain",
        title="What removing weights adds to the accuracy",
        x="percent of the weights removed",
        y="points gained over all weights",
        caption=f"Means over {networks} networks; bars: two standard errors. Both have been trained as long.",
    )
    percent = 100 * np.array(SHARES[:FEWER])
    for labels, found in (("a fifth of the labels random", noisy), ("all labels right", right)):
        gain = found["pruned"] - found["dense"]
        figure.points(percent, gain.mean(axis=0), labels, errors=2 * gain.std(axis=0, ddof=1) / networks**0.5)
    figure.line(percent[[0, -1]], [0, 0], "no difference")
