"""What more hidden units do to the landscape: valleys, barriers, walls and hits of spurious minima, in one table."""

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

import numerics
import theory
from verify import Comparison, Ordering, Source, Verdict, Workbench, claim
from verify.bibliography import SAFRAN_SHAMIR_2018
from verify.claims.level_sets.gaps import gaps
from verify.claims.minima.relu_teacher import ends_of_descents
from verify.lectures.connectivity import SUMMARY

Array = NDArray[np.float64]

UNITS: Final = (1, 2, 3)
"""Units on three examples."""

DIGITS: Final = (4, 8, 16)
"""Units of classifiers of digits."""

TEACHER: Final = 8
LEAST_DRAWS: Final = 15
"""Draws from which on a measure is drawn."""

LARGEST: Final = 9
"""Coordinates of inputs and targets of the tiny data sets are whole numbers up to that size."""


def valleys(seed: int, sets: int, examples: int, most: int) -> dict[str, Array]:
    """Count the strict spurious valleys of ReLU networks with 1, ..., ``most`` units and biases on tiny data sets.

    Inputs are different whole numbers, targets whole numbers, drawn until one unit has a valley.

    Returns:
        ``valleys``, one row a data set, and ``least``, the global minimum over the sum of squared targets.
    """
    source = np.random.default_rng(seed)
    counts: list[list[int]] = []
    least: list[list[float]] = []
    while len(counts) < sets:
        x = source.choice(np.arange(-LARGEST, LARGEST + 1), size=examples, replace=False).tolist()
        y = source.integers(-LARGEST, LARGEST + 1, size=examples).tolist()
        first = theory.merge_tree(x, y, 1, bias=True)
        if first.valleys:
            trees = [first, *(theory.merge_tree(x, y, units, bias=True) for units in range(2, most + 1))]
            counts.append([len(tree.valleys) for tree in trees])
            least.append([float(tree.least_loss) / sum(value**2 for value in y) for tree in trees])
    return {"valleys": np.array(counts, dtype=np.float64), "least": np.array(least)}


def line_barriers(seed: int, pairs: int, width: int, samples: int) -> dict[str, Array]:
    """The barriers on straight lines between trained classifiers of digits with so many tanh units."""
    found = numerics.sample_digit_barriers(
        hidden=(width,),
        seed=seed,
        pairs=pairs,
        methods=("line",),
        samples=samples,
        training_steps=100,
        training_rate=0.05,
    )
    return {"barrier": np.asarray(found["line.barrier"])}


@claim(
    "connectivity.width-helps",
    title="What more hidden units improve, and what they do not improve at first",
    source=Source(SAFRAN_SHAMIR_2018, "section 4, on more units than the teacher has", SUMMARY),
    assumptions=(
        "valleys: ReLU networks with biases on three or five examples with scalar inputs and targets, whole numbers up "
        "to 9, on which one unit has a spurious valley; the sum of squares; components are counted exactly, in the "
        "space of all parameters, so that exchanged units count as different",
        "barriers: the straight line between independently trained classifiers of digits, a sampled maximum; walls: "
        "the excess of the path that merges close ReLU units, on two inputs, an upper bound on what the best path "
        "needs; hits: descents of $n$ ReLU units that learn from 8 orthonormal ones, counted where a spurious minimum "
        "is proved at their end",
        "three widths for each: a trend is the sign of Kendall's $\\tau$ over them in one draw",
    ),
    expects={Verdict.SUPPORTED},
)
def width_helps(bench: Workbench) -> Iterator[Comparison]:
    r"""With more hidden units four things improve: the exact number of spurious valleys on three examples, from one
    unit to three, where none are left; the barrier on the straight line between trained networks; the wall that
    merging close units has to pass; and the number of descents that end at a spurious minimum, from $n = k$ to
    $n = k + 2$ units where $k = 8$ are needed.

    It is not so for every width: on most sets of five examples two units have more spurious valleys than one, even if
    those that differ by the order of units are counted once.

    Barriers, hits and five examples are decided from the standard profile on; the quick one decides three examples and
    the wall.
    """
    sets = bench.size(quick=16, standard=40, full=200)
    tiny = bench.size(quick=4, standard=160, full=400)
    (seed,) = bench.seeds("three examples", 1)
    (three,) = bench.map("three examples", valleys, [{"seed": seed, "sets": sets, "examples": 3, "most": UNITS[-1]}])
    yield Ordering(
        "number of spurious valleys on three examples, from one unit to three",
        trend=three["valleys"],
        direction="decreasing",
    )
    (seed,) = bench.seeds("five examples", 1)
    (five,) = bench.map("five examples", valleys, [{"seed": seed, "sets": tiny, "examples": 5, "most": 2}])
    yield Ordering(
        "number of spurious valleys on five examples, of one unit against half of those of two",
        lower=five["valleys"][:, 0],
        higher=five["valleys"][:, 1] / 2,
        decided_from="standard",
    )
    pairs, samples = bench.size(quick=(2, 40), standard=(24, 200), full=(60, 600))
    items = [
        {"seed": seed >> 2, "pairs": pairs, "width": width, "samples": samples}
        for width, seed in zip(DIGITS, bench.seeds("digits", len(DIGITS)), strict=True)
    ]
    barrier = np.stack([result["barrier"] for result in bench.map("digits", line_barriers, items)], axis=1)
    yield Ordering(
        f"barrier of straight lines, from {DIGITS[0]} units to {DIGITS[-1]}",
        trend=barrier,
        direction="decreasing",
        decided_from="standard",
    )
    draws = bench.size(quick=16, standard=24, full=60)
    merged = bench.size(quick=(8, 32, 64), standard=(8, 32, 128), full=(8, 64, 512))
    setting = {"inputs": 2, "widths": " ".join(map(str, merged)), "samples": 6 * merged[-1], "pairs": 1, "steps": 0}
    merging = [{"seed": seed, **setting} for seed in bench.seeds("merging", draws)]
    wall = np.stack([result["excess"] for result in bench.map("merging", gaps, merging)])
    yield Ordering(
        f"wall of the merging path, from {merged[0]} units to {merged[-1]}", trend=wall, direction="decreasing"
    )
    batches = bench.size(quick=1, standard=24, full=96)
    descents = bench.size(quick=(1, 1, 1), standard=(40, 4, 4), full=(40, 20, 20))
    units = [TEACHER + more for more in range(len(descents))]
    shares, lost = [], 0
    for count, starts in zip(units, descents, strict=True):
        items = [
            {"seed": seed, "starts": starts, "units": count, "teachers": TEACHER}
            for seed in bench.seeds(f"descents of {count}", batches)
        ]
        kinds = np.array([result["kind"] for result in bench.map(f"descents of {count}", ends_of_descents, items)])
        shares.append((kinds == 1).mean(axis=1))
        lost = max(lost, int((kinds == 2).any(axis=1).sum()))
    hits = np.stack(shares, axis=1)
    yield Ordering(
        f"share of descents that end at certified spurious minima, from {units[0]} units to {units[-1]}",
        trend=hits,
        direction="decreasing",
        dropped=lost,
        decided_from="standard",
    )
    measures = (
        ("spurious valleys, three examples", f"{_listed(UNITS)} on three examples", three["valleys"]),
        ("wall of the merging path", f"{_listed(merged)} merged", wall),
        ("barrier of straight lines", f"{_listed(DIGITS)} on digits", barrier),
        ("share of spurious minima", f"{_listed(units)} for a teacher of {TEACHER}", hits),
    )
    shown = [each for each in measures if len(each[2]) >= LEAST_DRAWS]
    missing = "" if len(shown) == len(measures) else f" The other {len(measures) - len(shown)} take a larger profile."
    figure = bench.figure(
        "table",
        title="Measures of the landscape at three widths, over their value at the least",
        x="number of hidden units",
        y="mean, over that at the least width",
        caption=f"Units: {'; '.join(each[1] for each in shown)}. Bars: standard errors.{missing}",
        x_categories=("least", "more", "most"),
    )
    for label, _, rows in shown:
        first = rows[:, 0].mean() or 1.0
        figure.points([0, 1, 2], rows.mean(axis=0) / first, label, errors=rows.std(axis=0) / len(rows) ** 0.5 / first)


def _listed(widths: Sequence[int]) -> str:
    return ", ".join(map(str, widths))
