"""What half-spaces can tell apart: how many cells hyperplanes make, and how many labelings one unit has."""

from collections.abc import Iterator
from fractions import Fraction
from typing import Final

import numpy as np

import theory
from verify import Comparison, Enclosure, Identity, Rival, Source, Verdict, Workbench, claim
from verify.bibliography import COVER_1965, ZASLAVSKY_1975
from verify.lectures.basics import PERCEPTRONS

SIZES: Final = ((4, 1), (3, 2), (8, 2), (4, 3), (6, 3), (5, 4))
"""Pairs of hyperplanes and dimensions, with more hyperplanes than dimensions."""

POINTS: Final = ((6, 2), (4, 3), (6, 3), (8, 3), (6, 4), (8, 4))
"""Pairs of points and dimensions; with a threshold, the dimension counts it."""

LARGEST: Final = 99  # of the entries, which are integers


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


@claim(
    "classifier.regions",
    title="Hyperplanes in general position cut space into a sum of binomials of cells",
    source=Source(ZASLAVSKY_1975, "on simple arrangements", PERCEPTRONS),
    assumptions=(
        "general position: every $d$ of the normals are independent, and no $d + 1$ of the hyperplanes share a point",
        "counted for hyperplanes with random integers up to 99, up to eight of them in up to four dimensions",
    ),
    expects={Verdict.CERTIFIED},
)
def regions(bench: Workbench) -> Iterator[Comparison]:
    r"""Each unit has a hyperplane on which it changes. $N$ of them in general position cut $\mathbb{R}^d$ into

    $$\sum_{i \le d} \binom{N}{i}$$

    cells, in each of which all units answer alike. That is of the order of $N^d/d!$, a power of the number of units,
    and not $2^N$, all patterns of their answers, unless there are no more units than dimensions. Cells are counted in
    integers, without one missing. More than $d$ hyperplanes that share a point make fewer.
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


@claim(
    "classifier.capacity",
    title="One unit gives half of all labelings of twice as many points as it has weights",
    source=Source(COVER_1965, "theorem 1, the function-counting theorem", PERCEPTRONS),
    assumptions=(
        "general position: every $d$ of the points are independent; a threshold counts as one of $d$ weights",
        "counted for points with random integers up to 99, up to eight of them in up to four dimensions",
    ),
    expects={Verdict.CERTIFIED},
)
def capacity(bench: Workbench) -> Iterator[Comparison]:
    r"""Of the $2^N$ ways to label $N$ points in general position, a threshold unit with $d$ weights gives

    $$2 \sum_{i < d} \binom{N - 1}{i}:$$

    all of them for $N \le d$, exactly half for $N = 2d$. The corners of a square, with a threshold, are four points in
    general position for $d = 3$. A unit gives 14 of their 16 labelings; the exclusive or and its complement are the
    other two. A labeling is a cell of weights in the arrangement of the hyperplanes $w \cdot x_k = 0$; cells are
    counted in integers, without one missing.
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
