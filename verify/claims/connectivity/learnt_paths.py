"""Independently trained classifiers of digits: how high the loss rises on straight, matched and learnt paths."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

import numerics
from verify import Bounds, Comparison, Ordering, Rival, Source, Verdict, Workbench, claim
from verify.bibliography import GARIPOV_2018
from verify.lectures.connectivity import SUMMARY

Array = NDArray[np.float64]

METHODS: Final = {"line": "straight line", "matched-line": "line after matching units", "bezier": "learnt curve"}
SHARE: Final = 0.05
"""Of the straight line's barrier: the most that a learnt curve's may be."""

LEAST_WIDTH: Final = 8
"""Units from which on pairs are compared. With four a curve with one bend is too stiff, and matching may mislead."""

POINTS: Final = 41
LEAST_PAIRS: Final = 20
"""Pairs from which on a spread is drawn."""


def barriers(seed: int, pairs: int, width: int, samples: int, steps: int, plane: bool) -> dict[str, Array]:
    """What the paths between some pairs of networks with one hidden layer of tanh units meet."""
    found = numerics.sample_digit_barriers(
        hidden=(width,),
        seed=seed,
        pairs=pairs,
        methods=tuple(METHODS),
        samples=samples,
        training_steps=min(300, steps),
        training_rate=0.05,
        steps=steps,
        learning_rate=0.05 if steps > 200 else 0.1,
        examples=min(256, samples // 3),
        profile=POINTS,
        plane=plane,
    )
    return {name: np.asarray(values) for name, values in found.items()}


@claim(
    "connectivity.learnt-paths",
    title="Learnt paths between independently trained networks",
    source=Source(GARIPOV_2018, "sections 3 and 4", SUMMARY),
    assumptions=(
        "handwritten digits of 8 by 8 pixels (400 of them in the standard profile, all 1797 in the full one), one "
        "hidden layer of tanh units, mean cross-entropy; the two networks of a pair start at independent weights and "
        "are trained alike, on the same digits",
        "a barrier is the largest loss found on a path, at 101 points and by golden section between them, minus that "
        "of the larger end: a lower bound. What could hide between points is estimated by the steepest slope at them; "
        "it is added to the learnt curve's barrier and not to the straight line's, so that the comparison errs against "
        "the learnt curve",
        "the learnt path is a Bezier curve with one bend, trained to lower the mean loss along it; had no low path "
        "been found, nothing would have been shown",
    ),
    expects={Verdict.SUPPORTED},
    decided_from="standard",
)
def learnt_paths(bench: Workbench) -> Iterator[Comparison]:
    r"""On the straight line between two networks that are trained from independent starts the loss rises high. From 8
    units on it rises less on the line to the second network with its hidden units put in the order of the first, and
    hardly on a curve that is learnt: its barrier is at most 5 % of the straight line's, in every pair. On all three
    paths the barrier falls as the width grows.

    So most of what separates independently trained networks is not a wall: their level sets are connected much further
    down than straight lines show.
    """
    widths = bench.size(quick=(4, 8), standard=(4, 8, 16, 32), full=(4, 8, 16, 32, 64))
    batches = bench.size(quick=1, standard=3, full=6)
    size = bench.size(
        quick={"samples": 40, "steps": 40, "pairs": 3},
        standard={"samples": 400, "steps": 600, "pairs": 8},
        full={"samples": 1797, "steps": 1000, "pairs": 8},
    )
    found: dict[int, dict[str, Array]] = {}
    planes: list[Mapping[str, Any]] = []
    for width in widths:
        items = [
            {"seed": seed >> 2, "width": width, "plane": width == widths[-1] and not place} | size
            for place, seed in enumerate(bench.seeds(f"networks of width {width}", batches))
        ]
        results = bench.map(f"width {width}", barriers, items)
        planes += [result for result in results if "plane.losses" in result]
        shared = [name for name in results[0] if not name.startswith("plane.")]
        found[width] = {name: np.concatenate([result[name] for result in results]) for name in shared}
    for width in widths:
        line, matched, learnt = (found[width][f"{name}.barrier"] for name in METHODS)
        if width >= LEAST_WIDTH:
            yield Bounds(
                f"barrier of the learnt curve with its slack, against 5 % of the straight line's, {width} units",
                smaller=learnt + found[width]["bezier.slack"],
                larger=SHARE * line,
                tolerance=0,
                reason="the straight line's barrier is taken as found, a lower bound",
                rival=Rival("no barrier at all on the learnt curve", 0 * line),
            )
            below = f"barrier of the learnt curve below the matched line's, {width} units"
            yield Ordering(below, lower=learnt, higher=matched)
            below = f"barrier of the matched line below the straight one's, {width} units"
            yield Ordering(below, lower=matched, higher=line)
    for name, label in METHODS.items():
        trend = np.stack([found[width][f"{name}.barrier"] for width in widths], axis=1)
        yield Ordering(
            f"barrier of the {label} as the width grows from {widths[0]} to {widths[-1]}",
            trend=trend,
            direction="decreasing",
        )
    _draw(bench, found, planes[0])


def _draw(bench: Workbench, found: dict[int, dict[str, Array]], plane: Mapping[str, Any]) -> None:
    widths = list(found)
    shown = next(width for width in widths if width >= LEAST_WIDTH)
    pairs = len(found[shown]["line.barrier"])
    many = pairs >= LEAST_PAIRS
    toy = "" if many else " Toy size: curves are hardly trained, and nothing can be said of their order."
    figure = bench.figure(
        "profiles",
        title=f"Loss along paths between networks of {shown} units",
        x="place on the path, from one network to the other",
        y="mean cross-entropy",
        caption=f"Medians of {pairs} pairs{', and between which values nine of ten pairs lie' if many else ''}.{toy}",
        y_scale="log",
    )
    places = np.linspace(0, 1, POINTS)
    for name, label in METHODS.items():
        profiles = found[shown][f"{name}.profile"]
        low, middle, high = np.quantile(profiles, (0.05, 0.5, 0.95), axis=0)
        if many:
            figure.band(places, low, high, f"{label}, spread")
        figure.line(places, middle, label)
    figure = bench.figure(
        "widths",
        title="Barriers of paths, by width",
        x="hidden units",
        y="barrier",
        caption=f"Medians of {pairs} pairs{'; bars from the tenth to the ninetieth percentile' if many else ''}.{toy}",
        x_scale="log",
        y_scale="log",
    )
    for name, label in METHODS.items():
        rows = np.array([np.quantile(found[width][f"{name}.barrier"], (0.1, 0.5, 0.9)) for width in widths])
        floor = np.maximum(rows, 1e-6)  # a curve without a barrier has none to draw
        figure.points(widths, floor[:, 1], label, np.abs(floor[:, [0, 2]] - floor[:, 1:2]).T if many else None)
    along, across, (u, v) = (plane[f"plane.{part}"][0] for part in ("along", "across", "bend"))
    figure = bench.figure(
        "plane",
        title=f"The plane through two networks of {widths[-1]} units and the bend between them",
        x="along the straight line, in distances of the networks",
        y="towards the bend",
        caption=f"Colours: the decimal logarithm of the loss. The curve is learnt; one pair.{toy}",
    )
    figure.heat(along, across, np.log10(plane["plane.losses"][0]), "decimal logarithm of the loss")
    share = np.linspace(0, 1, POINTS)
    curve = 2 * share * (1 - share)
    figure.line(curve * u + share**2, curve * v, "learnt curve")
    figure.points([0.0, 1.0], [0.0, 0.0], "the two networks")
