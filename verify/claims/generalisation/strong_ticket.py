r"""How near subset sums of random samples come to a weight: what pruning alone, without training, can represent."""

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

import numerics
from verify import AtLeast, Bounds, Comparison, Ordering, Rival, Source, Verdict, Workbench, claim
from verify.bibliography import PENSIA_2020
from verify.lectures.generalisation import OTHER_RESULTS

Array = NDArray[np.float64]

COUNTS: Final = (6, 8, 10, 12, 14)
"""Of samples, all of whose subset sums are listed."""

HALVES: Final = (8, 16, 24, 32, 40)
"""Of samples for one weight alone, met in the middle."""

DRAWS: Final = 120


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
        drawn uniformly, one column per number of ``HALVES``.
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
    return {name: torch.stack(columns, dim=1).numpy() for name, columns in found.items()}


@claim(
    "generalisation.strong-ticket",
    title="A weight is nearly a sum of few random samples: half the error takes two or three more, not twice as many",
    source=Source(PENSIA_2020, "on subset sums of random weights, after Lueker (1998)", OTHER_RESULTS),
    assumptions=(
        "samples are independent and uniform on $[-1, 1]$, weights lie in $[-1/2, 1/2]$",
        "a weight is represented by the sum of a subset, which is what pruning the other samples leaves",
    ),
    expects={Verdict.SUPPORTED},
)
def strong_ticket(bench: Workbench) -> Iterator[Comparison]:
    r"""A random network large enough contains, without training, a subnetwork near any given small one. The step behind
    the best bound: of $n = O(\log 1/\epsilon)$ samples, uniform on $[-1, 1]$, some subset has a sum within $\epsilon$
    of any weight in $[-1/2, 1/2]$. With $n$ samples there are $2^n$ sums, so that $\epsilon \ge 2^{-n - 1}$: fewer
    samples than $\log_2 1/\epsilon - 1$ never do. Measured, every further sample takes two fifths of a bit and more
    off the error, in both halves of the range from 6 to 14 samples for all weights at once, and to beyond 20 for one
    weight. If a weight were taken from single samples, as in the first proof, by Malach et al. (2020), $n$ would
    grow like $1/\epsilon$: a bit would take twice as many.
    """
    (seed,) = bench.seeds("samples", 1)
    draws = bench.size(quick=DRAWS, standard=200, full=1000)
    deepest = bench.size(quick=24, standard=32, full=40)
    (found,) = bench.map(
        "samples", distances, [{"seed": seed, "draws": draws, "largest": COUNTS[-1], "deepest": deepest}]
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
            bound=0.4,
            replicates=(bits[:, last] - bits[:, first]) / (counts[last] - counts[first]),
            rival=Rival(
                "n like 1/epsilon", float(np.log2(counts[last] / counts[first]) / (counts[last] - counts[first]))
            ),
        )
    for first, last in ((0, 1), (1, len(deep) - 1)):
        yield AtLeast(
            f"bits that a further sample takes off, for one weight, from {deep[first]} to {deep[last]} samples",
            bound=0.4,
            replicates=(one[:, last] - one[:, first]) / (deep[last] - deep[first]),
            rival=Rival("n like 1/epsilon", float(np.log2(deep[last] / deep[first]) / (deep[last] - deep[first]))),
        )
    yield Ordering(
        f"bits with {COUNTS[-1]} samples: the nearest single sample against the nearest subset sum",
        lower=single[:, -1],
        higher=bits[:, -1],
    )
    _draw(bench, bits, single, one)


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
