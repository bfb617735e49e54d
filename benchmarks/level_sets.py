"""Components of sublevel sets: exact bars of small ReLU networks beside gudhi's cubical complex on a sampled loss.

Run it from the root with one thread, ``OMP_NUM_THREADS=1 python benchmarks/level_sets.py``. The error of the grid is
the bottleneck distance of its bars to the exact ones: half the length of the longest bar that it makes of its own, or
the largest difference of a birth or a death, whichever is worse. Ours is 0, in fractions. The grid's time is that of
the losses and of the bars. It needs gudhi (extra ``topology``) and is skipped with a line that says so where that is
missing.
"""

import importlib.util
import sys
from importlib import import_module
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import torch
from table import by_turns, heading, row
from torch import Tensor

from numerics import grid_bars
from theory import merge_tree

INPUTS, TARGETS = (-2, -1, 0, 1, 3), (2, -1, 1, 0, 2)
POINTS = (41, 61)  # along each axis


def sampled(points: int) -> Tensor:
    """The sum of squared errors of one hidden unit a relu(w x + b) on a grid of (w, b, a)."""
    side = torch.linspace(-3, 3, points, dtype=torch.float64)
    w, b, a = torch.meshgrid(side, side, side, indexing="ij")
    total = torch.zeros_like(w)
    for x, y in zip(INPUTS, TARGETS, strict=True):
        total += (a * (w * x + b).relu() - y).square()
    return total


def one_unit() -> None:
    """One unit with a bias on five inputs: three parameters."""
    runs = {"ours": lambda: merge_tree(INPUTS, TARGETS, 1, bias=True)}
    if importlib.util.find_spec("gudhi") is None:
        print("gudhi is not installed: skipped (extra 'topology')")
    else:
        runs |= {f"gudhi, {n}^3": lambda n=n: grid_bars(sampled(n)) for n in POINTS}
    best, results = by_turns(runs, 2)
    exact = np.array(results.pop("ours").bars, dtype=float)
    for name, found in results.items():
        distance = import_module("gudhi.bottleneck").bottleneck_distance(exact, found.bars.numpy())
        row(
            f"one unit with bias, 5 inputs, {len(exact)} bars",
            best["ours"],
            0.0,
            peer=name,
            theirs=best[name],
            their_error=float(distance),
            target=f"{len(found.bars)} bars on the grid",
        )


def two_units() -> None:
    """Two units with biases on five inputs in the plane: eight parameters, out of any grid's reach."""
    x, y = [[0, 0], [1, 0], [0, 2], [-1, 1], [2, 3]], [1, -1, 2, 0, 1]
    best, results = by_turns({"ours": lambda: merge_tree(x, y, 2, bias=True)}, 2)
    tree, seconds = results["ours"], best["ours"]
    item = f"two units with biases in the plane, 5 inputs, {tree.cells} cells"
    row(item, seconds, 0.0, target="3 s", holds=seconds <= 3)


def main() -> None:
    heading(f"components of sublevel sets, {torch.get_num_threads()} thread(s), best of 2 by turns")
    one_unit()
    two_units()


if __name__ == "__main__":
    main()
