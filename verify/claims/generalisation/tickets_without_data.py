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
        "accuracy", percent of the test images that are right, and "on paths", the shares of kept weights that are on a
        path from a pixel to an output, one row a network and one column a mask; "shared", the shares of the removable
        weights kept by SNIP and by GraSP on one batch that they keep on another, too.
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
        "on paths": torch.stack([shares_on_paths(network, masks[name]) for name in NAMES], dim=1).cpu().numpy(),
        "shared": torch.stack(shared, dim=1).double().cpu().numpy(),
    }


def shares_on_paths(network: "numerics.Mlp", mask: "Tensor") -> "Tensor":
    """The share of the weights of each mask that lie on a path of kept weights from an input to an output.

    The others conduct nothing of the inputs, whatever their values: a unit that they come from sees no input, or one
    that they lead to is not seen by any output.

    Args:
        network: Without regard to its biases.
        mask: (members, parameters).
    """
    import torch

    kept = [weight for weight, _ in network.unflatten(mask.to(torch.float64))]  # (members, units, inputs)
    seeing, seen = [torch.ones_like(kept[0][:, :1]).mT], [torch.ones_like(kept[-1][:, :, :1])]
    for first, last in zip(kept[:-1], kept[:0:-1], strict=True):
        seeing.append((first @ seeing[-1] > 0).to(first))  # units that an input leads to
        seen.append((last.mT @ seen[-1] > 0).to(last))  # units that lead to an output
    on_path = [weight * to * of.mT for weight, to, of in zip(kept, reversed(seen), seeing, strict=True)]
    counts, whole = (torch.cat([each.flatten(1) for each in every], dim=1).sum(1) for every in (on_path, kept))
    return counts / whole


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
    weights removed at random anywhere, and worse than with those removed that are small after training. Random masks
    are easily beaten, though: of the few weights that they leave many lie on no path from a pixel to an output. The
    comparison that counts is with what the score leaves shuffled within the layers, as many weights in each and, in
    most networks, more of them on such paths. With that most are worse than with the score, too: in these small
    perceptrons, of which little is left, it matters which weights of a layer are kept. Of the three only SynFlow needs
    no data: what SNIP and GraSP keep depends on the batch that they see.
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
    on_paths = dict(zip(NAMES, np.concatenate([result["on paths"] for result in results]).T, strict=True))
    for name in SHUFFLED:
        yield Ordering(
            f"share of the kept weights that are on a path from a pixel to an output, random against {name}",
            lower=on_paths["random"],
            higher=on_paths[name],
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
        "Shuffled: as many weights in every layer, at random places. On a path from a pixel to an output are, of the "
        f"weights that random masks keep, {on_paths['random'].mean():.0%}, and of those that shuffled ones keep, "
        f"{', '.join(f'{on_paths[name].mean():.0%}' for name in SHUFFLED)}.",
    )
    means, errors = accuracy.mean(axis=0), 2 * accuracy.std(axis=0, ddof=1) / networks**0.5
    before, others = range(len(BEFORE)), range(len(BEFORE), len(NAMES))
    for label, places in (("scores before training", before), ("for comparison", others)):
        chosen = list(places)
        figure.points([NAMES[place] for place in chosen], means[chosen], label, errors=errors[chosen])
