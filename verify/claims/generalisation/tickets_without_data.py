"""Masks chosen before any training, by scores that need no data or one batch, against trained and random ones."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

import numerics
from verify import AtMost, Comparison, Ordering, Rival, Source, Verdict, Workbench, claim
from verify.bibliography import TANAKA_2020
from verify.claims.generalisation.pruned_digits import SETTING, TOGETHER, Ensemble, batches, ensemble
from verify.lectures.generalisation import OTHER_RESULTS

if TYPE_CHECKING:
    from torch import Tensor

Array = NDArray[np.float64]

SPARSITY: Final = 0.95
BATCH: Final = 100
"""Images for SNIP and GraSP."""

BEFORE: Final = ("SynFlow", "SNIP", "GraSP")
SHUFFLED: Final = tuple(f"{name} shuffled" for name in BEFORE)
NAMES: Final = (*BEFORE, "trained magnitude", "initial magnitude", "random", *SHUFFLED, "GraSP at T = 1")


def _scored(nets: Ensemble, start: "Tensor", name: str, batch: int = 0, temperature: float = 200.0) -> "Tensor":
    """The mask of SNIP's or GraSP's largest scores on one of the batches."""
    chosen = slice(batch * BATCH, (batch + 1) * BATCH)
    problem = nets.network, start, nets.train[0][:, chosen], nets.train[1][:, chosen], numerics.CrossEntropy()
    if name == "SNIP":
        scores = numerics.snip_scores(*problem)
    else:
        scores = numerics.grasp_scores(*problem, temperature=temperature)
    return numerics.mask_of_largest(nets.network, scores, sparsity=SPARSITY)


def masked_accuracies(seed: int, networks: int, width: int, steps: int, device: str) -> dict[str, Array]:
    """Choose masks before training in several ways, and train each network with each from the same start.

    Takes what every worker takes.

    Returns:
        "accuracy", percent of the test images that are right, one row a network and one column a mask, and "shared",
        the shares of the removable weights kept by SNIP and by GraSP on one batch that they keep on another, too.
    """
    import torch

    nets = ensemble(seed, networks, width, steps, device)
    network, start = nets.network, nets.start()
    masks = {
        "SynFlow": numerics.synflow_mask(network, start, sparsity=SPARSITY),
        "SNIP": _scored(nets, start, "SNIP"),
        "GraSP": _scored(nets, start, "GraSP"),
        "trained magnitude": numerics.magnitude_mask(network, nets.trained(start, order=1), sparsity=SPARSITY),
        "initial magnitude": numerics.magnitude_mask(network, start, sparsity=SPARSITY),
        "random": numerics.random_mask(network, sparsity=SPARSITY, seeds=nets.members, device=device),
        "GraSP at T = 1": _scored(nets, start, "GraSP", temperature=1.0),
    }
    masks |= {f"{name} shuffled": numerics.shuffled_mask(network, masks[name], seeds=nets.members) for name in BEFORE}
    removable = ~torch.stack(list(masks.values())).all(dim=0)  # biases are in every mask
    shared = []
    for name in ("SNIP", "GraSP"):
        both = masks[name] & _scored(nets, start, name, batch=1)
        shared.append((both & removable).sum(dim=1) / (masks[name] & removable).sum(dim=1))
    accuracy = [nets.accuracy(nets.trained(start, masks[name], order=2)) for name in NAMES]
    return {
        "accuracy": np.stack(accuracy, axis=1),
        "shared": torch.stack(shared, dim=1).double().cpu().numpy(),
    }


@claim(
    "generalisation.tickets-without-data",
    title="Masks chosen before training: better than random ones, worse than those of a trained network",
    source=Source(TANAKA_2020, "sections 6 and 7", OTHER_RESULTS),
    assumptions=(
        *SETTING,
        "95 % of the weights are removed before training, those of least score in the whole network, and the others "
        "are trained once from where they started; magnitudes of a trained network are those after one training",
        "SynFlow removes in 100 rounds and sees no data; SNIP and GraSP remove at once and see 100 images and their "
        "labels; GraSP with its authors' temperature of 200; what it does at 1 is drawn and not compared",
        "shuffled: as many weights are left in every layer as the score leaves, at random places; in convolutional "
        "networks Frankle, Dziugaite, Roy and Carbin (2021), arXiv:2009.08576, find shuffled masks as good or "
        "better",
    ),
    expects={Verdict.SUPPORTED},
    decided_from="standard",
)
def tickets_without_data(bench: Workbench) -> Iterator[Comparison]:
    """Most networks pruned by SynFlow, SNIP or GraSP before any training are better on new images than with as many
    weights removed at random anywhere, and worse than with those removed that are small after training. With what
    the score leaves shuffled within the layers most are worse, too: in these small perceptrons, of which little is
    left, it matters which weights of a layer are kept. Of the three only SynFlow needs no data: what SNIP and GraSP
    keep depends on the batch that they see.
    """
    networks = bench.size(quick=2, standard=36, full=96)
    fixed = {
        "width": bench.size(quick=8, standard=100, full=200),
        "steps": bench.size(quick=4, standard=200, full=600),
        "device": bench.device,
    }
    items = [item | fixed for item in batches(bench.seeds("networks", -(-networks // TOGETHER)), networks)]
    results = bench.map("networks", masked_accuracies, items)
    accuracy = np.concatenate([result["accuracy"] for result in results])
    column = dict(zip(NAMES, accuracy.T, strict=True))
    for name in BEFORE:
        yield Ordering(f"accuracy, random against {name}", lower=column["random"], higher=column[name])
        yield Ordering(
            f"accuracy, {name} against magnitudes after training",
            lower=column[name],
            higher=column["trained magnitude"],
        )
        yield Ordering(
            f"accuracy, {name} shuffled within the layers against {name}",
            lower=column[f"{name} shuffled"],
            higher=column[name],
        )
    yield AtMost(
        "share of what SNIP and GraSP keep on one batch that they keep on another",
        bound=[0.9, 0.9],
        replicates=np.concatenate([result["shared"] for result in results]),
        rival=Rival("all: the data do not matter", [1.0, 1.0]),
    )
    figure = bench.figure(
        "accuracy",
        title="Accuracy with 95 % of the weights removed",
        x="",
        y="percent of test images right",
        x_categories=NAMES,
        y_limits=(0, 100),
        caption=f"Means over {networks} networks, each trained from its initial weights; bars: two standard errors. "
        "Shuffled: as many weights in every layer, at random places.",
    )
    means, errors = accuracy.mean(axis=0), 2 * accuracy.std(axis=0, ddof=1) / networks**0.5
    before, others = range(len(BEFORE)), range(len(BEFORE), len(NAMES))
    for label, places in (("scores before training", before), ("for comparison", others)):
        chosen = list(places)
        figure.points([NAMES[place] for place in chosen], means[chosen], label, errors=errors[chosen])
