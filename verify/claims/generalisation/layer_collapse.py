"""What scores of weights before training are, how they go through a network, and when they empty a layer."""

from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

import numerics
from verify import Agrees, AtMost, Comparison, Ordering, Proportion, Rival, Source, Verdict, Workbench, claim
from verify.bibliography import TANAKA_2020
from verify.claims.generalisation.pruned_digits import TOGETHER, batches
from verify.lectures.generalisation import OTHER_RESULTS

if TYPE_CHECKING:
    from torch import Tensor

Array = NDArray[np.float64]

BATCH: Final = 100
"""Images for SNIP and GraSP."""

FUNNEL: Final = (64, 400, 30, 400, 10)
"""Widths of the networks of which almost all is removed."""

FEWEST: Final = len(FUNNEL) - 1
"""Weights with which every layer can have one."""

WEIGHTS: Final = sum(before * after for before, after in pairwise(FUNNEL))
"""There are 53 600."""

UNITS: Final = (64, 20, 20, 10)
"""Widths at which scores are compared with derivatives."""


def collapses(seed: int, networks: int, rounds: int) -> dict[str, Array]:
    """Remove almost all weights of networks that narrow and widen, by scores before any training.

    Args:
        seed: Of the first network and its batch.
        networks: How many.
        rounds: In which a share of the weights is removed, and the scores of the others are taken anew.

    Returns:
        One entry a network. Where as few weights are left in so many rounds as there are layers: "left", their numbers
        by SynFlow, SNIP and GraSP; "emptied", "emptied by SNIP", "emptied by GraSP", the layers without any. How many
        must be left for no layer to be empty by SNIP, GraSP, the weights at the start, and SynFlow at once, under their
        names. Under "SNIP in rounds", "GraSP in rounds" how many are left in the last of the rounds in which no layer
        is empty, beside "SNIP after as many", "GraSP after as many", the least of the same numbers of weights with
        which none is empty at once.
    """
    import torch

    network = numerics.Mlp(FUNNEL, "relu")
    seeds = range(seed, seed + networks)
    start = network.init(seeds, sigma_w=2**0.5)
    x, labels = _batches(seeds)
    loss = numerics.CrossEntropy()
    mask = numerics.synflow_mask(network, start, sparsity=1 - FEWEST / WEIGHTS, rounds=rounds)
    found, ends = {"emptied": _emptied(network, mask)}, [mask]
    for name, scores in (
        ("SNIP", numerics.snip_scores(network, start, x, labels, loss)),
        ("GraSP", numerics.grasp_scores(network, start, x, labels, loss)),
        ("initial magnitude", start.abs()),
        ("SynFlow at once", numerics.synflow_scores(network, start)),
    ):
        least = scores.new_full((networks,), float("inf"))  # the best score of the layer whose best is worst
        for begin, end, _ in network.spans:
            least = least.minimum(scores[:, begin:end].amax(dim=1))
        found[name] = (scores >= least[:, None]).sum(dim=1).numpy()
    shares = numerics.removed_shares(1 - FEWEST / WEIGHTS, rounds)
    left = np.array([WEIGHTS, *(WEIGHTS - round(share * WEIGHTS) for share in shares)])
    for name, score in (("SNIP", numerics.snip_scores), ("GraSP", numerics.grasp_scores)):
        mask, whole = torch.ones_like(start, dtype=torch.bool), np.zeros(networks, dtype=int)
        for share in shares:
            scores = score(network, start * mask, x, labels, loss)
            mask = numerics.mask_of_largest(network, scores, sparsity=share, within=mask)
            whole += _emptied(network, mask) == 0  # an empty layer stays empty
        found[f"{name} in rounds"] = left[whole]
        found[f"{name} after as many"] = left[(left[:, None] >= found[name]).sum(axis=0) - 1]
        found[f"emptied by {name}"] = _emptied(network, mask)
        ends.append(mask)
    found["left"] = torch.stack(ends, dim=1).sum(dim=2).numpy()
    return found


def _emptied(network: "numerics.Mlp", mask: "Tensor") -> Array:
    """How many layers have no weight."""
    empty: Array = (numerics.kept_shares(network, mask) == 0).sum(dim=1).numpy()
    return empty


def _batches(seeds: range) -> "tuple[Tensor, Tensor]":
    """A batch of images and labels for each seed."""
    import torch

    x, labels = numerics.digits()
    chosen = torch.stack([torch.randperm(len(x), generator=torch.Generator().manual_seed(own)) for own in seeds])
    return x[chosen[:, :BATCH]], labels[chosen[:, :BATCH]]


def scores_and_derivatives(seed: int, networks: int) -> dict[str, Array]:
    """Scores, and torch's derivatives with respect to a factor on every weight, each over its largest in the network.

    Args:
        seed: Of the first network.
        networks: How many.

    Returns:
        Under the name of each score the scores, with " derivative" the derivatives, and with " rival" other scores: the
        same with the weight squared, GraSP without its temperature, and magnitudes for SynFlow.
    """
    import torch

    network = numerics.Mlp(UNITS, "relu")
    seeds = range(seed, seed + networks)
    start = network.init(seeds, sigma_w=2**0.5)
    x, labels = _batches(seeds)
    loss = numerics.CrossEntropy()
    factors = torch.ones_like(start).requires_grad_()

    def derivative(value: "Tensor", point: "Tensor") -> "Tensor":
        return torch.autograd.grad(value.sum(), point, create_graph=True)[0]

    def halved_square(temperature: float) -> "Tensor":
        weights = factors * start
        slope = derivative(loss.value(network.forward(weights, x) / temperature, labels), weights)
        return slope.square().sum() / 2

    paths = torch.ones(networks, UNITS[0], 1, dtype=start.dtype)
    for weight, _ in network.unflatten(factors * start):
        paths = weight.abs() @ paths
    snip = derivative(loss.value(network.forward(factors * start, x), labels), factors).abs()
    problem = network, start, x, labels, loss
    found = {
        "SNIP": numerics.snip_scores(*problem),
        "SNIP derivative": snip,
        "SNIP rival": start.abs() * snip,
        "GraSP": numerics.grasp_scores(*problem),
        "GraSP derivative": derivative(halved_square(200.0), factors),
        "GraSP rival": derivative(halved_square(1.0), factors),
        "SynFlow": numerics.synflow_scores(network, start),
        "SynFlow derivative": derivative(paths, factors),
        "SynFlow rival": start.abs(),
    }
    return {name: (value / value.abs().amax(dim=1, keepdim=True)).detach().numpy() for name, value in found.items()}


def conserved(seed: int, networks: int) -> dict[str, Array]:
    """How scores go through networks of which half of the weights are removed: SynFlow's, and SNIP's.

    Args:
        seed: Of the first network.
        networks: How many.

    Returns:
        "layers", sums of SynFlow's scores over the weights of each layer, over their mean; "SynFlow" and "SNIP", what
        goes into a hidden unit less what comes out of it, over the sum of both, 0 for a unit without either.
    """
    import torch

    network = numerics.Mlp(UNITS, "relu")
    seeds = range(seed, seed + networks)
    start, mask = network.init(seeds, sigma_w=2**0.5), numerics.random_mask(network, sparsity=0.5, seeds=seeds)
    flow = numerics.synflow_scores(network, start, mask)
    snip = numerics.snip_scores(network, start * mask, *_batches(seeds), numerics.CrossEntropy())
    sums = torch.stack([flow[:, begin:end].sum(dim=1) for begin, end, _ in network.spans], dim=1)
    found = {"layers": (sums / sums.mean(dim=1, keepdim=True)).numpy()}
    for name, scores in (("SynFlow", flow), ("SNIP", snip)):
        layers = [weight for weight, _ in network.unflatten(scores)]
        into = torch.cat([weight.sum(dim=2) for weight in layers[:-1]], dim=1)
        out = torch.cat([weight.sum(dim=1) for weight in layers[1:]], dim=1)
        found[name] = torch.where(into + out > 0, (into - out) / (into + out), 0.0).numpy()
    return found


@claim(
    "generalisation.layer-collapse",
    title="SynFlow keeps every layer, in rounds and not at once; rounds help SNIP, too, and not GraSP",
    source=Source(TANAKA_2020, "section 3 on layer collapse, theorems 1 to 3", OTHER_RESULTS),
    assumptions=(
        f"ReLU networks without biases of widths {', '.join(map(str, FUNNEL))} and {WEIGHTS} weights, which start as "
        f"$N(0, 2/\\text{{fan-in}})$; at least {FEWEST} must be left for every layer to have one",
        "weights of least score in the whole network are removed before any training: at once, or in 100 rounds, "
        "each of which removes the same share of the weights that are left, by scores taken anew; the sizes of initial "
        "weights never change, so that by them rounds come to the same",
        f"SNIP and GraSP, both published as removing at once, see {BATCH} images of digits and their labels, the same "
        "in every round; GraSP with its authors' temperature of 200",
        f"scores are compared with derivatives in ReLU networks of widths {', '.join(map(str, UNITS))}, over the "
        "largest of a network; sums of them where half of the weights are removed",
    ),
    expects={Verdict.SUPPORTED},
    decided_from="standard",
)
def layer_collapse(bench: Workbench) -> Iterator[Comparison]:
    """SNIP's scores are the sizes of the derivatives of the loss with respect to a factor on each weight; GraSP's the
    derivatives themselves, with their sign, of half of the squared gradient of the loss of outputs over 200; SynFlow's
    those of the sum over all paths of the product of absolute weights. As much of SynFlow's goes into a hidden unit as
    comes out, and all layers have the same sum; of SNIP's not. At once, by any of these scores or the sizes of the
    initial weights, most networks lose a layer before one weight a layer is left, the least that is possible, by SNIP's
    and GraSP's the median network at less than half of the compression that is possible, and by SynFlow's earlier than
    by these. In a hundred rounds SynFlow empties no layer. So it is not the score alone: SNIP, too, goes farther in
    rounds than at once in most networks, to the very end in at least a quarter. Nor is it the rounds alone: GraSP loses
    a layer earlier in rounds than at once in most.
    """
    count = bench.size(quick=8, standard=24, full=96)
    (own,) = bench.seeds("derivatives", 1)
    scores = scores_and_derivatives(own, count)
    for name, of, rival in (
        ("SNIP", "sizes of the derivatives of the loss", "with the weight squared"),
        ("GraSP", "derivatives of half of the squared gradient", "of the loss of the outputs themselves"),
        ("SynFlow", "derivatives of the sum over all paths", "the sizes of the weights"),
    ):
        yield Agrees(
            f"{name}'s scores: {of} by a factor on each weight, over the largest",
            measured=scores[name],
            predicted=scores[f"{name} derivative"],
            tolerance=1e-12,
            reason="rounding in two orders of the sums",
            rival=Rival(rival, scores[f"{name} rival"]),
            decided_from="quick",
        )
    (own,) = bench.seeds("sums", 1)
    sums = conserved(own, count)
    sizes = np.array([before * after for before, after in pairwise(UNITS)])
    yield Agrees(
        "sums of SynFlow scores of the layers, over their mean",
        measured=sums["layers"],
        predicted=np.ones_like(sums["layers"]),
        tolerance=1e-12,
        reason="rounding",
        rival=Rival(
            "in proportion to the number of weights", np.broadcast_to(sizes / sizes.mean(), (count, len(sizes)))
        ),
        decided_from="quick",
    )
    yield Agrees(
        "SynFlow scores into a hidden unit less those out of it, over both",
        measured=sums["SynFlow"],
        predicted=np.zeros_like(sums["SynFlow"]),
        tolerance=1e-12,
        reason="rounding",
        rival=Rival("as SNIP's in the same networks", sums["SNIP"]),
        decided_from="quick",
    )
    networks = bench.size(quick=2, standard=48, full=96)
    fixed = {"rounds": bench.size(quick=4, standard=100, full=100)}
    items = [item | fixed for item in batches(bench.seeds("funnels", -(-networks // TOGETHER)), networks)]
    results = bench.map("funnels", collapses, items)
    found = {name: np.concatenate([result[name] for result in results]) for name in results[0]}
    needed = {name: found[name] for name in ("SNIP", "GraSP", "initial magnitude", "SynFlow at once")}
    yield Agrees(
        "weights that SynFlow, SNIP and GraSP leave in a hundred rounds",
        measured=found["left"],
        predicted=np.full_like(found["left"], FEWEST),
        tolerance=0,
        reason="counts",
        rival=Rival("one more", np.full_like(found["left"], FEWEST + 1)),
        decided_from="quick",
    )
    yield Agrees(
        "layers that SynFlow empties in a hundred rounds, one weight a layer left",
        measured=found["emptied"],
        predicted=np.zeros_like(found["emptied"]),
        tolerance=0,
        reason="counts",
        rival=Rival("as many as GraSP in a hundred rounds", found["emptied by GraSP"]),
    )
    for name, value in needed.items():
        at_once = name if name.endswith("at once") else f"{name} at once"
        yield Ordering(
            f"networks with an empty layer, one weight a layer left: SynFlow in a hundred rounds against {at_once}",
            lower=(found["emptied"] > 0).astype(float),
            higher=(value > FEWEST).astype(float),
        )
    yield AtMost(
        "compression at which SNIP and GraSP at once empty a layer, over the largest possible",
        bound=[0.5, 0.5],
        replicates=np.stack([FEWEST / needed[name] for name in ("SNIP", "GraSP")], axis=1),
        rival=Rival("the largest possible", [1.0, 1.0]),
    )
    for name in ("SNIP", "GraSP"):
        yield Ordering(
            f"weights that must be left for no layer to be empty, {name} at once against SynFlow at once",
            lower=needed[name],
            higher=needed["SynFlow at once"],
        )
    yield Ordering(
        "weights that must be left for no layer to be empty, SNIP in a hundred rounds against at once",
        lower=found["SNIP in rounds"],
        higher=found["SNIP after as many"],
    )
    yield Ordering(
        "weights that must be left for no layer to be empty, GraSP at once against in a hundred rounds",
        lower=found["GraSP after as many"],
        higher=found["GraSP in rounds"],
    )
    yield Proportion(
        "networks in which SNIP in a hundred rounds empties no layer, one weight a layer left",
        successes=int((found["emptied by SNIP"] == 0).sum()),
        trials=networks,
        within=(0.25, 1.0),
        rival=Rival("next to none, as at once", (0.0, 0.1)),
    )
    figure = bench.figure(
        "collapse",
        title="Networks in which no layer is empty",
        x="weights for each one that is left",
        y="share of the networks",
        x_scale="log",
        caption=f"{networks} networks of {WEIGHTS} weights; at the right end one weight a layer is left. What is not "
        "said to be in rounds is removed at once.",
    )
    compressions = np.geomspace(2, WEIGHTS / FEWEST, 60)
    for name, value in (needed | {name: found[name] for name in ("SNIP in rounds", "GraSP in rounds")}).items():
        share = (value[:, None] <= WEIGHTS / compressions * (1 + 1e-9)).mean(axis=0)
        figure.line(compressions, share, name)
    held = float((found["emptied"] == 0).mean())
    figure.points([WEIGHTS / FEWEST], [held], "SynFlow in a hundred rounds")
