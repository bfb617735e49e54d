"""Regions of ReLU networks: as the formula for hyperplanes counts them in one layer, and what depth adds."""

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

import numerics
import theory
from verify import Agrees, AtLeast, AtMost, Comparison, Enclosure, Identity, Rival, Source, Verdict, Workbench, claim
from verify.bibliography import HANIN_ROLNICK_2019, MONTUFAR_2014
from verify.lectures.basics import OVERFITTING

Array = NDArray[np.float64]

INPUTS: Final = 5
SLICES: Final = ((4, 1), (9, 1), (3, 2), (6, 2), (9, 2))
"""Numbers of units, and dimensions of the data."""

FOLDS: Final = ((2, 1), (2, 3), (2, 8), (3, 4), (4, 3))
"""Numbers of units in a layer, and of layers."""

DEPTHS: Final = (2, 4, 8)
UNITS: Final = 16
GROUP: Final = 10
"""Random networks whose mean is one replicate."""


def counted_slices(seed: int) -> dict[str, Array]:
    """Count the regions of one layer of ReLU units with five inputs on whole lines and planes of inputs.

    Weights, biases and the slice are random integers, the hyperplanes of the slice in general position; the segment or
    square is so large that it holds all the points where they meet.

    Args:
        seed: Of the integers.

    Returns:
        "counted", one number for each of ``SLICES``.
    """
    import torch

    source, counts = np.random.default_rng(seed), []
    for units, dimension in SLICES:
        meeting = None
        while meeting is None:
            rows = source.integers(-9, 10, size=(units, INPUTS + 1))
            origin, *axes = source.integers(-2, 3, size=(1 + dimension, INPUTS)).tolist()
            cut = theory.sliced_hyperplanes(rows.tolist(), origin, axes)
            if theory.in_general_position([*cut, (0,) * dimension + (1,)]):
                meeting = _meeting_points(np.array(cut, dtype=float))
        size = 2 * float(np.abs(meeting).max()) + 1
        network = numerics.Mlp((INPUTS, units, 1), "relu", bias=True)
        flat = [*rows[:, :-1].ravel(), *rows[:, -1], *([0] * (units + 1))]
        theta, start, along = (torch.tensor(numbers, dtype=torch.float64) for numbers in ([flat], origin, axes))
        if dimension == 1:
            found = numerics.segment_regions(network, theta, start - size * along[0], start + size * along[0]).counts
        else:
            square = size * torch.tensor([[-1, -1], [1, -1], [1, 1], [-1, 1]], dtype=torch.float64)
            found = numerics.polygon_regions(network, theta, square, start, along).counts
        counts.append(int(found))
    return {"counted": np.array(counts, dtype=float)}


def random_depths(seed: int, members: int) -> dict[str, Array]:
    """Count the regions that random ReLU networks of several depths have between two random inputs.

    Weights keep the size of the signal, biases have the standard deviation 0.3.

    Args:
        seed: The first of the members' seeds.
        members: Networks of each depth, each with its own segment.

    Returns:
        "regions", one row per network and one column per depth.
    """
    columns = []
    for depth in DEPTHS:
        network = numerics.Mlp((INPUTS, *([UNITS] * depth), 1), "relu", bias=True)
        seeds = range(seed, seed + members)
        ends, _ = numerics.gaussian_memorisation(inputs=INPUTS, outputs=1, samples=2, seeds=seeds)
        theta = network.init(seeds, sigma_w=2**0.5, sigma_b=0.3)
        columns.append(numerics.segment_regions(network, theta, ends[:, 0], ends[:, 1]).counts)
    return {"regions": np.stack([column.double().numpy() for column in columns], axis=1)}


def folded_counts() -> dict[str, Array]:
    """Count the regions of folding networks in (0, 1) in floating point.

    Returns:
        "counted", one number for each of ``FOLDS``.
    """
    import torch

    zero, one, counts = torch.zeros(1, dtype=torch.float64), torch.ones(1, dtype=torch.float64), []
    for folds, depth in FOLDS:
        layers = theory.folding_network(folds, depth)
        network = numerics.Mlp((1, *([folds] * depth), 1), "relu", bias=True)
        flat = [
            float(row[-1] if last else a)
            for layer in layers
            for last in (0, 1)
            for row in layer
            for a in (row[:1] if last else row[:-1])
        ]
        theta = torch.tensor([flat], dtype=torch.float64)
        counts.append(int(numerics.segment_regions(network, theta, zero, one).counts))
    return {"counted": np.array(counts, dtype=float)}


def _meeting_points(rows: Array) -> Array:
    """Where the points of a line are, or the lines of a plane meet, in general position."""
    if rows.shape[1] == 2:
        return -rows[:, 1] / rows[:, 0]
    first, second = np.triu_indices(len(rows), 1)
    pairs = np.stack([rows[first], rows[second]], axis=1)
    return np.asarray(np.linalg.solve(pairs[:, :, :2], -pairs[:, :, 2:])[:, :, 0], dtype=np.float64)


@claim(
    "classifier.activation-regions",
    title="One layer of ReLU units makes as many regions of a line or plane of inputs as hyperplanes do, and depth can "
    "multiply them",
    source=Source(MONTUFAR_2014, "section 3, on folding", OVERFITTING),
    assumptions=(
        "in a region every hidden unit keeps its sign; it is on a line or a plane of the inputs, or a piece of one",
        "one layer: the hyperplanes of the units are in general position on that line or plane",
        "bound and folding: $L$ layers of $n$ units, on a line",
        f"random networks have {INPUTS} inputs, {UNITS} units a layer, weights of variance 2 over what a unit takes "
        "in, and biases of standard deviation 0.3; the segment is that between two standard normal inputs; for random "
        f"networks {HANIN_ROLNICK_2019}, arXiv:{HANIN_ROLNICK_2019.arxiv}, bound the mean number of regions by a power "
        "of the number of units, whatever the depth",
    ),
    expects={Verdict.SUPPORTED},
)
def activation_regions(bench: Workbench) -> Iterator[Comparison]:
    r"""One layer of $N$ ReLU units changes its pattern on $N$ hyperplanes. On a line or a plane of
    inputs, of dimension $k$, whatever the number of inputs, these make $\sum_{i \le k} \binom{N}{i}$ regions: $N + 1$
    on a line.

    A later layer of $n$ units cuts every region on a line into at most $n + 1$, so that $L$ layers have at most
    $(n + 1)^L$ regions there. Layers that fold the line $n$ times make $n^L$ of them, one layer of as many units
    $n L + 1$. Random networks do not fold: between two random inputs they have less than one region for each unit, with
    two layers or eight, though later layers make some too: for ten units more than three. What an architecture can make
    is far more than what random weights make of it.
    """
    (seed,) = bench.seeds("slices", 1)
    (slices,) = bench.map("slices", counted_slices, [{"seed": seed % 2**32}])
    yield Agrees(
        f"regions of N units with {INPUTS} inputs on all of k dimensions, (N, k) = {', '.join(map(str, SLICES))}",
        measured=slices["counted"],
        predicted=[theory.most_cells(*case) for case in SLICES],
        tolerance=0,
        reason="a count",
        rival=Rival("as many as in the space of the inputs", [theory.most_cells(n, INPUTS) for n, _ in SLICES]),
    )
    bound = theory.line_region_bound()
    n, depth = bound.symbols["n"], bound.symbols["L"]
    rows: tuple[tuple[str, str | None, Any, str, Any], ...] = (
        ("bound of the regions of L layers on a line", None, (1 + n) ** depth, "one factor n + 1", n + 1),
        ("regions of a folding network", "folded", n**depth, "as many as units", n * depth),
        ("most regions of n L units in one layer", "shallow", 1 + n * depth, "those of the layers", (n + 1) ** depth),
    )
    for title, part, claimed, name, other in rows:
        yield Identity(title, derivation=bound, part=part, claimed=claimed, rival=Rival(name, other))
    cases = ", ".join(map(str, FOLDS))
    shallow = Rival("as many as in one layer", [n * depth + 1 for n, depth in FOLDS])
    yield Enclosure(
        f"regions of folding networks, in rational numbers, (n, L) = {cases}",
        values=[len(theory.line_regions(theory.folding_network(*case))[0]) - 1 for case in FOLDS],
        predicted=[n**depth for n, depth in FOLDS],
        digits=1,
        rival=shallow,
    )
    (folded,) = bench.map("folded", folded_counts, [{}])
    yield Agrees(
        f"and of the same in floating point, (n, L) = {cases}",
        measured=folded["counted"],
        predicted=[n**depth for n, depth in FOLDS],
        tolerance=0,
        reason="a count",
        rival=shallow,
    )
    (seed,) = bench.seeds("random networks", 1)
    members = GROUP * bench.size(quick=30, standard=100, full=400)
    (drawn,) = bench.map("random networks", random_depths, [{"seed": seed % 2**32, "members": members}])
    units = UNITS * np.array(DEPTHS)
    means = (drawn["regions"].reshape(-1, GROUP, len(DEPTHS)).mean(1) - 1) / units
    yield AtMost(
        f"regions, less one, over the number of units, of random networks with {', '.join(map(str, DEPTHS))} layers",
        bound=[1] * len(DEPTHS),
        replicates=means,
        rival=Rival("as many as folding makes", [float(UNITS) ** d / (UNITS * d) for d in DEPTHS]),
    )
    yield AtLeast(
        "the same, from below",
        bound=[0.3] * len(DEPTHS),
        replicates=means,
        rival=Rival("one for two units of the first layer, and none by later ones", [0.5 / d for d in DEPTHS]),
    )
    figure = bench.figure(
        "depth",
        title=f"Regions on a line of networks with {UNITS} units a layer",
        x="hidden layers",
        y="regions",
        y_scale="log",
        caption="Error bars: from the least to the largest number among random networks.",
    )
    depths = np.arange(1, max(DEPTHS) + 1)
    figure.line(depths, float(UNITS + 1) ** depths, "bound")
    figure.line(depths, float(UNITS) ** depths, "folding")
    figure.line(depths, UNITS * depths + 1.0, "as many units in one layer, at most")
    regions = drawn["regions"]
    middle = regions.mean(0)
    figure.points(DEPTHS, middle, "random", errors=[middle - regions.min(0), regions.max(0) - middle])
    _draw_plane(bench)


def _draw_plane(bench: Workbench) -> None:
    """Draw the regions of a network of two layers in a square."""
    import torch

    (seed,) = bench.seeds("drawing", 1)
    network = numerics.Mlp((2, 6, 6, 1), "relu", bias=True)
    theta = network.init([seed], sigma_w=2**0.5, sigma_b=0.5)
    square = torch.tensor([[-2.0, -2.0], [2.0, -2.0], [2.0, 2.0], [-2.0, 2.0]], dtype=torch.float64)
    plane = torch.zeros(2, dtype=torch.float64), torch.eye(2, dtype=torch.float64)
    first = numerics.Mlp((2, 6, 1), "relu", bias=True)
    (weight, bias), *_ = network.unflatten(theta)
    rest = torch.zeros(1, 7, dtype=torch.float64)
    alone = torch.cat([weight.flatten(1), bias, rest], dim=1) if bias is not None else rest
    figure = bench.figure(
        "plane",
        title="Regions of a random network with two layers of six units",
        x="first input",
        y="second input",
        caption="The lines of the second layer are straight in each region of the first, and bend at its lines.",
        square=True,
    )
    drawn = []
    for net, point in ((first, alone), (network, theta)):
        corners = numerics.polygon_regions(net, point, square, *plane).corners
        start, end = corners.flatten(0, 1), corners.roll(-1, 1).flatten(0, 1)
        ends = (torch.stack([start, end], dim=1) * 1e4).round() / 1e4
        first_is_left = (ends[:, 0] - ends[:, 1]) @ torch.tensor([2.0**20, 1.0], dtype=torch.float64) < 0
        ends = torch.where(first_is_left[:, None, None], ends, ends.flip(1))
        framed = ((ends[:, 0] == ends[:, 1]) & (ends[:, 0].abs() == 2)).any(1)
        drawn.append(ends[(ends[:, 0] != ends[:, 1]).any(1) & ~framed])
    middles = drawn[1].mean(1)
    rows = torch.cat([weight[0], bias.reshape(-1, 1)], dim=1) if bias is not None else weight[0]
    distances = (middles @ rows[:, :2].mT + rows[:, 2]).abs() / rows[:, :2].norm(dim=1)
    drawn[1] = drawn[1][(distances > 1e-3).all(1)]
    for edges, label in zip(drawn, ("first layer", "second layer"), strict=True):
        x_0, y_0, x_1, y_1 = np.unique(edges.flatten(1).numpy(), axis=0).T
        figure.segments(x_0, y_0, x_1, y_1, label)
