"""Masks chosen before any training, by scores that need no data or one batch, against trained and random ones."""

from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

import numerics
from verify import Agrees, AtMost, Comparison, Ordering, Rival, Source, Verdict, Workbench, claim
from verify.bibliography import TANAKA_2020
from verify.claims.generalisation.pruned_digits import SETTING, TOGETHER, Ensemble, batches, ensemble
from verify.lectures.generalisation import OTHER_RESULTS

if TYPE_CHECKING:
    from torch import Tensor

Array = NDArray[np.float64]

SPARSITY: Final = 0.95
BATCH: Final = 100
"""Images for SNIP and GraSP."""

FUNNEL: Final = (64, 400, 30, 400, 10)
"""Widths of the networks of which almost all is removed."""

FEW: Final = 50
"""Weights that are left of 53 600."""

UNITS: Final = (30, 20, 20, 10)
"""Widths at which sums of scores are compared."""

BEFORE: Final = ("SynFlow", "SNIP", "GraSP")
NAMES: Final = (*BEFORE, "trained magnitude", "initial magnitude", "random", "SynFlow shuffled", "GraSP at T = 1")


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

    Args:
        seed: Of the first network.
        networks: How many.
        width: Of the first hidden layer.
        steps: Of one training.
        device: Where to compute.

    Returns:
        "accuracy", percent of the test images that are right, one row a network and one column a mask, and "shared",
        the shares of the removable weights kept by SNIP and by GraSP on one batch that they keep on another, too.
    """
    import torch

    nets = ensemble(seed, networks, width, steps, device)
    network, start = nets.network, nets.start()
    flow = numerics.synflow_mask(network, start, sparsity=SPARSITY)
    masks = {
        "SynFlow": flow,
        "SNIP": _scored(nets, start, "SNIP"),
        "GraSP": _scored(nets, start, "GraSP"),
        "trained magnitude": numerics.magnitude_mask(network, nets.trained(start, order=1), sparsity=SPARSITY),
        "initial magnitude": numerics.magnitude_mask(network, start, sparsity=SPARSITY),
        "random": numerics.random_mask(network, sparsity=SPARSITY, seeds=nets.members, device=device),
        "SynFlow shuffled": numerics.shuffled_mask(network, flow, seeds=nets.members),
        "GraSP at T = 1": _scored(nets, start, "GraSP", temperature=1.0),
    }
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


def emptied_layers(seed: int, networks: int, rounds: int) -> dict[str, Array]:
    """Count the layers of narrowing and widening networks in which SynFlow leaves nothing.

    Args:
        seed: Of the first network.
        networks: How many.
        rounds: Of SynFlow, beside a single one.

    Returns:
        Counts, one a network: "many" rounds and "one".
    """
    network = numerics.Mlp(FUNNEL, "relu")
    start = network.init(range(seed, seed + networks), sigma_w=2**0.5)
    sparsity = 1 - FEW / network.parameters
    counts = {}
    for name, number in (("many", rounds), ("one", 1)):
        mask = numerics.synflow_mask(network, start, sparsity=sparsity, rounds=number)
        counts[name] = (numerics.kept_shares(network, mask) == 0).sum(dim=1).numpy()
    return counts


def layer_sums(seed: int, networks: int) -> Array:
    """Sums of SynFlow scores over the weights of each layer, over their mean, with half of the weights removed."""
    network = numerics.Mlp(UNITS, "relu")
    seeds = range(seed, seed + networks)
    scores = numerics.synflow_scores(
        network, network.init(seeds), numerics.random_mask(network, sparsity=0.5, seeds=seeds)
    )
    sums = np.stack([scores[:, begin:end].sum(dim=1).numpy() for begin, end, _ in network.spans], axis=1)
    relative: Array = sums / sums.mean(axis=1, keepdims=True)
    return relative


@claim(
    "generalisation.tickets-without-data",
    title="Masks chosen before training: better than random ones, worse than those of a trained network",
    source=Source(TANAKA_2020, "theorem 1, and section 6 on layer collapse", OTHER_RESULTS),
    assumptions=(
        *SETTING,
        "95 % of the weights are removed before training, those of least score in the whole network, and the others "
        "are trained once from where they started; magnitudes of a trained network are those after one training",
        "SynFlow removes in 100 rounds and sees no data; SNIP and GraSP remove at once and see 100 images and their "
        "labels; GraSP with its authors' temperature of 200; what it does at 1 is drawn and not compared",
        "shuffled: as many weights are left in every layer as SynFlow leaves, at random places",
        f"layers are counted in ReLU networks of widths {', '.join(map(str, FUNNEL))}, of which {FEW} weights are left",
    ),
    expects={Verdict.SUPPORTED},
    decided_from="standard",
)
def tickets_without_data(bench: Workbench) -> Iterator[Comparison]:
    """Most networks pruned by SynFlow, SNIP or GraSP before any training are better on new images than with as many
    weights removed at random anywhere, and worse than with those removed that are small after training. With what
    SynFlow leaves shuffled within the layers most are worse, too. Only SynFlow needs no data: what SNIP and GraSP keep
    depends on the batch that they see. SynFlow's scores have the same sum in every layer, and in a hundred rounds it
    empties none, where in one round it empties at least one in most networks.
    """
    count = bench.size(quick=8, standard=24, full=96)
    (own,) = bench.seeds("sums", 1)
    sums = layer_sums(own, count)
    sizes = np.array([before * after for before, after in pairwise(UNITS)])
    yield Agrees(
        "sums of SynFlow scores of the layers, over their mean",
        measured=sums,
        predicted=np.ones_like(sums),
        tolerance=1e-12,
        reason="rounding",
        rival=Rival("in proportion to the number of weights", np.broadcast_to(sizes / sizes.mean(), sums.shape)),
        decided_from="quick",
    )
    (funnels,) = bench.seeds("funnels", 1)
    rounds = bench.size(quick=2, standard=100, full=100)
    (emptied,) = bench.map(
        "funnels",
        emptied_layers,
        [{"seed": funnels, "networks": bench.size(quick=1, standard=24, full=96), "rounds": rounds}],
    )
    yield Agrees(
        f"layers that SynFlow empties, {FEW} weights left",
        measured=emptied["many"],
        predicted=np.zeros_like(emptied["many"]),
        tolerance=0,
        reason="counts",
        rival=Rival("one in every network", np.ones_like(emptied["many"])),
    )
    yield Ordering(
        f"layers that SynFlow empties, {FEW} weights left: in a hundred rounds against in one",
        lower=emptied["many"],
        higher=emptied["one"],
    )
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
        "accuracy, SynFlow shuffled within the layers against SynFlow",
        lower=column["SynFlow shuffled"],
        higher=column["SynFlow"],
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
