"""What half-spaces can tell apart: cells and unions of them, labelings of one unit, sign changes of a few."""

from collections.abc import Iterator
from fractions import Fraction
from itertools import product
from typing import Final

import numpy as np
from numpy.typing import NDArray

import numerics
import theory
from verify import Agrees, Bounds, Comparison, Enclosure, Identity, Rival, Source, Verdict, Workbench, claim
from verify.bibliography import COVER_1965, ZASLAVSKY_1975
from verify.lectures.basics import PERCEPTRONS

SIZES: Final = ((4, 1), (3, 2), (8, 2), (4, 3), (6, 3), (5, 4))
"""Pairs of hyperplanes and dimensions, with more hyperplanes than dimensions."""

POINTS: Final = ((6, 2), (4, 3), (6, 3), (8, 3), (6, 4), (8, 4))
"""Pairs of points and dimensions; with a threshold, the dimension counts it."""

LARGEST: Final = 99  # of the entries, which are integers

UNIONS: Final = ((3, 2), (3, 3))
"""Pairs of hyperplanes and dimensions for which every union of cells is tried."""

FEW: Final = tuple(range(1, 13))
"""Numbers of ReLU units on a line."""


def _rows(
    bench: Workbench, purpose: str, sizes: tuple[tuple[int, int], ...], last: bool
) -> list[list[tuple[int, ...]]]:
    """Draw integer rows in general position, with the hyperplane at infinity if `last`; others are drawn again."""
    found = []
    for seed, (count, dimension) in zip(bench.seeds(purpose, len(sizes)), sizes, strict=True):
        source = np.random.default_rng(seed)
        infinity = [(0,) * dimension + (1,)] if last else []
        rows: list[tuple[int, ...]] = []
        while not rows or not theory.in_general_position([*rows, *infinity]):
            drawn = source.integers(-LARGEST, LARGEST + 1, size=(count, dimension + last))
            rows = [tuple(int(entry) for entry in row) for row in drawn]
        found.append(rows)
    return found


def _unions(bench: Workbench) -> Iterator[Comparison]:
    """Half spaces, a unit for one cell, all unions of the cells of a few lines, and the exclusive or."""
    segment, picker = theory.unit_on_a_segment(), theory.cell_picker()
    s, u, v = (segment.symbols[name] for name in "suv")
    m = picker.symbols["m"]
    yield Identity(
        "pre-activation of a unit on a segment from u to v",
        derivation=segment,
        claimed=u + s * (v - u),
        rival=Rival("that at the start", u),
    )
    yield Identity(
        "pre-activation of the unit for a cell where m units answer otherwise",
        derivation=picker,
        claimed=(1 - 2 * m) / 2,
        rival=Rival("with the threshold P, by which it is on nowhere", -m),
    )
    drawn = _rows(bench, "unions", UNIONS, last=True)
    realised = []
    for rows in drawn:
        cells = theory.arrangement_cells(rows)
        right = 0
        for chosen in product((0, 1), repeat=len(cells)):
            network = theory.cell_network(rows, [cell for cell, one in zip(cells, chosen, strict=True) if one])
            right += tuple(theory.threshold_answer(network, point) for point in cells.values()) == chosen
        realised.append(right)
    numbers = [theory.most_cells(*case) for case in UNIONS]
    yield Enclosure(
        f"unions of cells that three layers answer 1 in, for (N, d) = {', '.join(map(str, UNIONS))}",
        values=realised,
        predicted=[2**number for number in numbers],
        digits=1,
        rival=Rival(
            "as one unit can at most",
            [theory.most_labelings(number, d + 1) for number, (_, d) in zip(numbers, UNIONS, strict=True)],
        ),
    )
    either = theory.cell_network([(2, 0, -1), (0, 2, -1)], [(1, -1), (-1, 1)])
    yield Enclosure(
        "answers of two cells at the corners of a square",
        values=[theory.threshold_answer(either, corner) for corner in product((0, 1), repeat=2)],
        predicted=[0, 1, 1, 0],
        digits=1,
        rival=Rival("the inclusive or, which one unit has", [0, 1, 1, 1]),
    )


@claim(
    "classifier.regions",
    title="Hyperplanes in general position cut space into a sum of binomials of cells",
    source=Source(ZASLAVSKY_1975, "on simple arrangements, counted by Buck (1943) before", PERCEPTRONS),
    assumptions=(
        "general position: every $d$ of the normals are independent, and no $d + 1$ of the hyperplanes share a point",
        "counted for hyperplanes with random integers up to 99, up to eight of them in up to four dimensions",
        "unions of cells: all those of three random lines, and of three random planes in space; an answer is tried at "
        "a point inside of each cell",
    ),
    expects={Verdict.CERTIFIED},
)
def regions(bench: Workbench) -> Iterator[Comparison]:
    r"""Each unit has a hyperplane on which it changes. $N$ of them in general position cut $\mathbb{R}^d$ into

    $$\sum_{i \le d} \binom{N}{i}$$

    cells, in each of which all units answer alike. That is of the order of $N^d/d!$, a power of the number of units,
    and not $2^N$, all patterns of their answers, unless there are no more units than dimensions. Cells are counted in
    integers, without one missing. More than $d$ hyperplanes that share a point make fewer.

    Three layers of threshold units can answer 1 in any union of the cells and 0 in the others: $N$ units for the
    hyperplanes, one for each cell of the union, which is on where all of the $N$ answer as they do in that cell, and
    one that is on where any of these is. One unit alone has one hyperplane, and few of these unions. Two cells so
    chosen make the exclusive or, 1 at two opposite corners of a square and 0 at the others.
    """
    drawn = _rows(bench, "hyperplanes", SIZES, last=True)
    sizes = ", ".join(f"({count}, {dimension})" for count, dimension in SIZES)
    counted = [theory.cell_count(rows) for rows in drawn]
    formula = [theory.most_cells(count, dimension) for count, dimension in SIZES]
    yield Enclosure(
        f"number of cells for (N, d) = {sizes}",
        values=counted,
        predicted=formula,
        digits=1,
        rival=Rival("every pattern of answers", [2**count for count, _ in SIZES]),
    )
    through = [theory.cell_count([(*row[:-1], 0) for row in rows]) for rows in drawn]
    yield Enclosure(
        "cells that are lost if the same hyperplanes are moved to one point",
        values=[first - second for first, second in zip(counted, through, strict=True)],
        within=(1, None),
        rival=Rival("none, as if general position did not matter", [0] * len(SIZES)),
    )
    derivation = theory.cells_in_space()
    (count,) = derivation.value.free_symbols
    yield Identity(
        "number of cells of N planes in space",
        derivation=derivation,
        claimed=(count**3 + 5 * count) / 6 + 1,
        rival=Rival("every pattern of answers", 2**count),
    )
    yield from _unions(bench)
    figure = bench.figure(
        "cells",
        title="Cells of N hyperplanes",
        x="hyperplanes N",
        y="cells",
        y_scale="log",
        caption="Lines: the sum of binomials. Points: counted one by one.",
    )
    numbers = np.arange(1, 11)
    for dimension in (1, 2, 3, 4):
        figure.line(numbers, [theory.most_cells(int(n), dimension) for n in numbers], f"d = {dimension}")
    figure.points([count for count, _ in SIZES], counted, "counted")
    figure.line(numbers, 2.0**numbers, "every pattern")


def changes_on_a_line(seed: int, draws: int) -> dict[str, NDArray[np.float64]]:
    """Count the sign changes of networks of ReLU units with one input, in floating point.

    Args:
        seed: Of the random networks.
        draws: Random networks of each number of units.

    Returns:
        "zigzag", one number for each of ``FEW``, and "random", one row of draws for each, on [-100, 100].
    """
    import torch

    source = torch.Generator().manual_seed(seed)
    end = torch.full((1,), 100.0, dtype=torch.float64)
    zigzag, random = [], []
    for count in FEW:
        units, shift = theory.zigzag_units(count)
        outer, inner, biases = zip(*units, strict=True)
        network = numerics.Mlp((1, count, 1), "relu", bias=True)
        first = torch.tensor([[*map(float, (*inner, *biases, *outer, shift))]], dtype=torch.float64)
        rest = torch.randn(draws, network.parameters, generator=source, dtype=torch.float64)
        found = numerics.segment_regions(network, torch.cat([first, rest]), -end, end).sign_changes[:, 0]
        zigzag.append(float(found[0]))
        random.append(found[1:].double().numpy())
    return {"zigzag": np.array(zigzag), "random": np.stack(random)}


def _sign_changes(bench: Workbench) -> Iterator[Comparison]:
    """What ReLU units on a line can do: the bound, and networks that reach it or stay below."""
    derivation = theory.sign_change_bound()
    (p,) = derivation.value.free_symbols
    yield Identity(
        "pieces, and so most sign changes, of p ReLU units on a line",
        derivation=derivation,
        claimed=1 + p,
        rival=Rival("one a unit", p),
    )
    most = np.array([theory.most_sign_changes(count) for count in FEW], dtype=float)
    yield Enclosure(
        f"sign changes of zigzags of {FEW[0]} to {FEW[-1]} units, in rational numbers",
        values=[theory.sign_changes_on_line(*theory.zigzag_units(count)) for count in FEW],
        predicted=[int(number) for number in most],
        digits=1,
        rival=Rival("one for each unit and one more, for one and two too", [count + 1 for count in FEW]),
    )
    (seed,) = bench.seeds("units on a line", 1)
    case = {"seed": seed % 2**32, "draws": bench.size(quick=200, standard=2000, full=20_000)}
    (found,) = bench.map("units on a line", changes_on_a_line, [case])
    yield Agrees(
        f"sign changes of zigzags of {FEW[0]} to {FEW[-1]} units, in floating point",
        measured=found["zigzag"],
        predicted=most,
        tolerance=0,
        reason="a count",
        rival=Rival("one for each unit", np.array(FEW, dtype=float)),
    )
    yield Bounds(
        "sign changes of random networks, and of zigzags, on a line",
        smaller=np.concatenate([found["random"], found["zigzag"][:, None]], axis=1),
        larger=np.repeat(most[:, None], case["draws"] + 1, axis=1),
        tolerance=0,
        reason="a count",
        rival=Rival("one less", np.repeat(most[:, None] - 1, case["draws"] + 1, axis=1)),
    )


@claim(
    "classifier.capacity",
    title="One unit gives half of all labelings of twice as many points as it has weights",
    source=Source(COVER_1965, "theorem 1, the function-counting theorem", PERCEPTRONS),
    assumptions=(
        "general position: every $d$ of the points are independent; a threshold counts as one of $d$ weights",
        "counted for points with random integers up to 99, up to eight of them in up to four dimensions",
        "$p$ ReLU units on one input, with biases inside and at the output; random ones are standard normal",
    ),
    expects={Verdict.SUPPORTED},
)
def capacity(bench: Workbench) -> Iterator[Comparison]:
    r"""Of the $2^N$ ways to label $N$ points in general position, a threshold unit with $d$ weights gives

    $$2 \sum_{i < d} \binom{N - 1}{i}:$$

    all of them for $N \le d$, exactly half for $N = 2d$. The corners of a square, with a threshold, are four points in
    general position for $d = 3$. A unit gives 14 of their 16 labelings; the exclusive or and its complement are the
    other two. A labeling is a cell of weights in the arrangement of the hyperplanes $w \cdot x_k = 0$; cells are
    counted in integers, without one missing.

    On a line one unit changes its answer once. The output of $p$ ReLU units changes its sign at most $p + 1$ times, at
    most once on each of the pieces between their kinks; from three units on a zigzag has so many changes. One unit has
    at most one change and two have at most two. So no more than $p + 2$ points on a line have all their labelings.
    """
    drawn = _rows(bench, "points", POINTS, last=False)
    counted = [len(theory.unit_labelings(rows)) for rows in drawn]
    sizes = ", ".join(f"({count}, {dimension})" for count, dimension in POINTS)
    yield Enclosure(
        f"number of labelings for (N, d) = {sizes}",
        values=counted,
        predicted=[theory.most_labelings(count, dimension) for count, dimension in POINTS],
        digits=1,
        rival=Rival("all", [2**count for count, _ in POINTS]),
    )
    half = [place for place, (count, dimension) in enumerate(POINTS) if count == 2 * dimension]
    yield Enclosure(
        "share of the labelings of 2d points",
        values=[Fraction(counted[place], 2 ** POINTS[place][0]) for place in half],
        predicted=Fraction(1, 2),
        digits=9,
        rival=Rival("all of them, as up to d points", 1),
    )
    corners = theory.unit_labelings([(0, 0, 1), (0, 1, 1), (1, 0, 1), (1, 1, 1)])
    yield Enclosure(
        "labelings of the corners of a square that are missing, and those of them that are the exclusive or",
        values=[16 - len(corners), sum(labels not in corners for labels in ((-1, 1, 1, -1), (1, -1, -1, 1)))],
        predicted=2,
        digits=1,
        rival=Rival("none", 0),
    )
    yield from _sign_changes(bench)
    figure = bench.figure(
        "labelings",
        title="Labelings that one threshold unit gives",
        x="points over weights, N/d",
        y="share of all labelings",
        caption="Lines: the formula. Points: counted one by one. All pass through one half at N = 2d.",
    )
    for dimension in (2, 3, 4, 16):
        numbers = range(1, 4 * dimension + 1)
        shares = [theory.most_labelings(n, dimension) / 2**n for n in numbers]
        figure.line([n / dimension for n in numbers], shares, f"d = {dimension}")
    shares = [number / 2**count for number, (count, _) in zip(counted, POINTS, strict=True)]
    figure.points([count / dimension for count, dimension in POINTS], shares, "counted")
