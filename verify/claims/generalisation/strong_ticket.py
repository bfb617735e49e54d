r"""What pruning alone, without training, leaves in a random network, and how near subset sums come to a weight."""

from collections.abc import Iterator
from itertools import combinations
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

import numerics
from verify import Agrees, AtLeast, AtMost, Bounds, Comparison, Ordering, Rival, Source, Verdict, Workbench, claim
from verify.bibliography import PENSIA_2020
from verify.lectures.generalisation import OTHER_RESULTS

if TYPE_CHECKING:
    from torch import Tensor

Array = NDArray[np.float64]

SIZE: Final = 2
"""Inputs, and outputs, of the layer that is looked for."""

BLOCK: Final = 40
"""Hidden units for each of its inputs."""

USED: Final = 12
"""Those of them that may be kept, of each sign of the weight into them."""

COUNTS: Final = (6, 8, 10, 12, 14)
"""Of samples, all of whose subset sums are listed."""

HALVES: Final = (8, 16, 24, 32, 40)
"""Of samples for one weight alone, met in the middle."""

DRAWS: Final = 120

SAMPLED: Final = 50
"""Inputs at random for which the largest error is compared with that over all of them."""

TRIED: Final = 40
"""Draws for which the distances with few samples are also found by trying every subset."""


def pruned_layers(seed: int, draws: int) -> dict[str, Array]:
    r"""Draw layers and random networks, and prune the networks until they are near the layers.

    All weights of the networks, one hidden layer of ReLU units, are uniform on [-1, 1], those w of the layers on
    [-1/2, 1/2]. A unit keeps the edge u from one input x alone; with the edges v behind it, what is left for that input
    is :math:`\sum v\, \mathrm{relu}(u x)`, which is w x if :math:`\sum u v = w` over the units with u > 0, and over
    those with u < 0.

    Args:
        seed: Of the draws.
        draws: How many pairs.

    Returns:
        The largest error of an output for inputs in [-1, 1], one number a pair: "subsets" with any edges v kept,
        "single" with at most one for each weight and sign; "sampled", that with any kept for some random inputs.
    """
    import torch

    generator = torch.Generator().manual_seed(seed)
    width = SIZE * BLOCK
    network = numerics.Mlp((SIZE, width, SIZE), "relu")
    theta = 2 * torch.rand(draws, network.parameters, generator=generator, dtype=torch.float64) - 1
    wanted = (
        torch.rand(draws, SIZE, SIZE, generator=generator, dtype=torch.float64) - 0.5
    )  # to an output, from an input
    (into, _), (out_of, _) = network.unflatten(theta)
    masks = {name: torch.zeros_like(theta) for name in ("subsets", "single")}
    parts = {name: [weight for weight, _ in network.unflatten(mask)] for name, mask in masks.items()}
    for source in range(SIZE):
        block = slice(source * BLOCK, (source + 1) * BLOCK)
        edges = into[:, block, source]
        for sign in (1, -1):
            units = (sign * edges > 0).to(torch.int8).argsort(dim=1, descending=True, stable=True)[:, :USED]
            usable = edges.gather(1, units).mul(sign).clamp(min=0) * sign
            for target in range(SIZE):
                samples = usable * out_of[:, target, block].gather(1, units)
                for name, kept in _chosen(samples, wanted[:, target, source]).items():
                    parts[name][0][:, block, source] = 1
                    parts[name][1][:, target, block].scatter_(1, units, kept.to(theta))
    # The error is linear in every quadrant, so that it is largest at one of these inputs.
    x = torch.cartesian_prod(*[torch.tensor([-1.0, 0.0, 1.0], dtype=torch.float64)] * SIZE)
    anywhere = 2 * torch.rand(SAMPLED, SIZE, generator=generator, dtype=torch.float64) - 1

    def error(mask: torch.Tensor, inputs: torch.Tensor) -> Array:
        exact = torch.einsum("mji,bi->mbj", wanted, inputs)
        return (network.forward(theta * mask, inputs) - exact).abs().amax(dim=(1, 2)).numpy()

    return {name: error(mask, x) for name, mask in masks.items()} | {"sampled": error(masks["subsets"], anywhere)}


def _chosen(samples: "Tensor", wanted: "Tensor") -> "dict[str, Tensor]":
    """Which samples to keep so that their sum is nearest to what is wanted: any of them, or at most one."""
    import torch

    places = torch.arange(samples.shape[1])
    subset = (numerics.subset_sums(samples) - wanted[:, None]).abs().argmin(dim=1)
    alone = torch.cat([samples, torch.zeros_like(samples[:, :1])], dim=1)  # the last stands for none
    nearest = (alone - wanted[:, None]).abs().argmin(dim=1)
    return {"subsets": (subset[:, None] >> places & 1).bool(), "single": nearest[:, None] == places}


def distances(seed: int, draws: int, largest: int, deepest: int) -> dict[str, Array]:
    """Draw samples, and find how near subset sums of the first ones come.

    Args:
        seed: Of the draws.
        draws: How many sets of samples.
        largest: Numbers of samples up to this one are tried for all weights.
        deepest: And up to this one for one weight.

    Returns:
        One row per draw: "all", the largest distance of a weight in [-1/2, 1/2] to the nearest subset sum, "single",
        that to the nearest single sample or zero, one column per number of ``COUNTS``; "one", the distance of a weight
        drawn uniformly, one column per number of ``HALVES``; "weights", and "samples", the first few.
    """
    import torch

    generator = torch.Generator().manual_seed(seed)
    samples = 2 * torch.rand(draws, max(largest, deepest), generator=generator, dtype=torch.float64) - 1
    weights = torch.rand(draws, generator=generator, dtype=torch.float64) - 0.5
    whole = {"lower": -0.5, "upper": 0.5}
    counts = [count for count in COUNTS if count <= largest]
    zero = torch.zeros(draws, 1, dtype=torch.float64)
    found = {
        "all": [numerics.covering_radius(numerics.subset_sums(samples[:, :n]), **whole) for n in counts],
        "single": [numerics.covering_radius(torch.cat([zero, samples[:, :n]], dim=1), **whole) for n in counts],
        "one": [numerics.nearest_subset_sum(samples[:, :n], weights) for n in HALVES if n <= deepest],
    }
    table = {name: torch.stack(columns, dim=1).numpy() for name, columns in found.items()}
    return table | {"samples": samples[:, : HALVES[0]].numpy(), "weights": weights.numpy()}


def tried_one_by_one(samples: Array, weight: float) -> tuple[float, float]:
    """The distances of one draw by trying everything: every subset, with every place that may be farthest.

    Args:
        samples: Those of the draw, few.
        weight: The weight of the draw.

    Returns:
        The largest distance of a weight in [-1/2, 1/2] to the nearest sum, with all but the last two samples, and that
        of the weight of the draw, with all of them. The farthest place is an end or halfway between two sums.
    """
    few, many = (
        np.array([sum(chosen) for size in range(count + 1) for chosen in combinations(samples[:count].tolist(), size)])
        for count in (len(samples) - 2, len(samples))
    )
    places = np.concatenate([[-0.5, 0.5], ((few[:, None] + few) / 2).ravel()])
    places = places[np.abs(places) <= 0.5]
    return float(np.abs(places[:, None] - few).min(axis=1).max()), float(np.abs(many - weight).min())


@claim(
    "generalisation.strong-ticket",
    title="Strong lottery tickets: pruning alone leaves a small layer, and two more samples halve the error",
    source=Source(
        PENSIA_2020,
        "corollary 1, on subset sums of random weights, after corollary 3.3 of Lueker (1998)",
        OTHER_RESULTS,
    ),
    assumptions=(
        f"the network: {SIZE} inputs, {SIZE * BLOCK} hidden ReLU units, {SIZE} outputs, weights uniform on $[-1, 1]$ "
        f"and never trained; the layer: {SIZE} by {SIZE} weights uniform on $[-1/2, 1/2]$, inputs in $[-1, 1]$; edges "
        "are removed by trying subsets; nothing is tried on deeper networks or on data",
        "samples for single weights are independent and uniform on $[-1, 1]$, the weights lie in $[-1/2, 1/2]$",
    ),
    expects={Verdict.SUPPORTED},
)
def strong_ticket(bench: Workbench) -> Iterator[Comparison]:
    r"""A random network large enough contains, without training, a subnetwork near a given small one. Here the small
    one is a single layer: removing edges from a random network with one hidden layer leaves, at the median, that layer
    to within a hundredth, and in most pairs less of an error than where every weight is taken from one edge.

    The step behind: with high probability $n = O(\log 1/\epsilon)$ samples, uniform on $[-1, 1]$, have for every weight
    in $[-1/2, 1/2]$ at once some subset with a sum within $\epsilon$ of it. With $n$ samples there are $2^n$ sums, so
    that $\epsilon \ge 2^{-n - 1}$: fewer samples than $\log_2 1/\epsilon - 1$ never do. Measured, every further sample
    takes half a bit and more off the error, in both halves of the range from 6 to 14 samples for all weights at once,
    and to beyond 20 for one weight. With 14 the sums are, but for a bit, as near to all weights as $2^{14}$ independent
    points would be. If a weight were taken from single samples, as in the first proof, by Malach et al. (2020), $n$
    would grow like $1/\epsilon$, and one bit more would take twice as many samples.
    """
    (own,) = bench.seeds("layers", 1)
    (layers,) = bench.map(
        "layers", pruned_layers, [{"seed": own, "draws": bench.size(quick=400, standard=1000, full=4000)}]
    )
    yield AtMost(
        "largest error of an output of the layer that pruning leaves",
        bound=0.01,
        replicates=layers["subsets"],
        rival=Rival("a tenth or more", 0.1),
    )
    yield Bounds(
        f"error at {SAMPLED} random inputs, against the largest",
        smaller=layers["sampled"],
        larger=layers["subsets"],
        tolerance=1e-12,
        reason="rounding",
        rival=Rival("half of it", layers["subsets"] / 2),
    )
    yield Ordering(
        "largest error of an output: subsets of edges against single edges",
        lower=layers["subsets"],
        higher=layers["single"],
    )
    (seed,) = bench.seeds("samples", 1)
    draws = bench.size(quick=DRAWS, standard=200, full=1000)
    deepest = bench.size(quick=24, standard=32, full=40)
    (found,) = bench.map(
        "samples", distances, [{"seed": seed, "draws": draws, "largest": COUNTS[-1], "deepest": deepest}]
    )
    few = zip(found["samples"][:TRIED], found["weights"], strict=False)
    tried = [(tried_one_by_one(row, weight), tried_one_by_one(row[:-1], weight)) for row, weight in few]
    right, wrong = np.moveaxis(np.array(tried), 1, 0)
    yield Agrees(
        f"distances for all weights, with {COUNTS[0]} samples, and for one, with {HALVES[0]}, by trying every subset",
        measured=np.stack([found["all"][:TRIED, 0], found["one"][:TRIED, 0]], axis=1),
        predicted=right,
        tolerance=1e-12,
        reason="rounding of the sums",
        rival=Rival("of subsets without the last sample", wrong),
    )
    bits, single, one = (-np.log2(found[name]) for name in ("all", "single", "one"))
    counts, deep = np.array(COUNTS), np.array(HALVES)[: one.shape[1]]
    yield Bounds(
        "bits that all subset sums reach, against one more than the samples",
        smaller=bits,
        larger=np.broadcast_to(counts + 1.0, bits.shape),
        tolerance=1e-9,
        reason="rounding of the sums",
        rival=Rival("the logarithm of twice their number, as for single samples", _like(np.log2(2 * counts + 2), bits)),
    )
    for first, last in ((0, 2), (2, 4)):
        yield AtLeast(
            f"bits that a further sample takes off, for all weights, from {COUNTS[first]} to {COUNTS[last]} samples",
            bound=0.5,
            replicates=(bits[:, last] - bits[:, first]) / (counts[last] - counts[first]),
            rival=Rival(
                "n like 1/epsilon", float(np.log2(counts[last] / counts[first]) / (counts[last] - counts[first]))
            ),
        )
    for first, last in ((0, 1), (1, len(deep) - 1)):
        yield AtLeast(
            f"bits that a further sample takes off, for one weight, from {deep[first]} to {deep[last]} samples",
            bound=0.5,
            replicates=(one[:, last] - one[:, first]) / (deep[last] - deep[first]),
            rival=Rival("n like 1/epsilon", float(np.log2(deep[last] / deep[first]) / (deep[last] - deep[first]))),
        )
    yield AtLeast(
        f"bits with {COUNTS[-1]} samples, for all weights, minus those of as many independent points",
        bound=-1.0,
        replicates=bits[:, -1] - bits_of_points(COUNTS[-1]),
        rival=Rival("four times the distance", -2.0),
    )
    yield Ordering(
        f"bits with {COUNTS[-1]} samples: the nearest single sample against the nearest subset sum",
        lower=single[:, -1],
        higher=bits[:, -1],
    )
    _draw(bench, bits, single, one)


def bits_of_points(samples: int) -> float:
    r"""How near 2^n independent points, of the density of the subset sums at 0, come to every place.

    A subset sum has mean 0 and variance n/6, so that the density is about :math:`D = 2^n/\sqrt{2 \pi n/6}`. The largest
    gap between D points at random on an interval of length 1 is about :math:`\ln D/D`, of which half is the distance.

    Examples:
        >>> round(bits_of_points(14), 2)
        10.0
    """
    density = 2.0**samples / np.sqrt(np.pi * samples / 3)
    return float(np.log2(2 * density / np.log(density)))


def _like(row: Array, table: Array) -> Array:
    return np.broadcast_to(row, table.shape)


def _draw(bench: Workbench, bits: Array, single: Array, one: Array) -> None:
    figure = bench.figure(
        "bits",
        title="What random samples can represent",
        x="samples",
        y="bits, $\\log_2 1/\\epsilon$",
        caption=f"Medians over {len(bits)} draws; bars: from the lower to the upper quartile. Above the line nothing "
        "can be: there are not enough subsets.",
    )
    deep = HALVES[: one.shape[1]]
    figure.line([0, deep[-1]], [1, deep[-1] + 1], "$n + 1$ bits, by counting")
    for places, values, label in (
        (COUNTS, bits, "all weights, subset sums"),
        (deep, one, "one weight, subset sums"),
        (COUNTS, single, "all weights, single samples"),
    ):
        low, middle, high = np.quantile(values, [0.25, 0.5, 0.75], axis=0)
        figure.points(places, middle, label, errors=np.stack([middle - low, high - middle]))
