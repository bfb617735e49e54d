"""A sweep of searches for critical points, for the tests: one batch of searches on each draw of the data.

A batch may be told a folder, ``marks``, in which it leaves a mark when it has been computed, named by its seed.
"""

import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

import numerics
from verify import Agrees, Comparison, Reference, Rival, Source, Verdict, Workbench, claim

SOURCE = Source(Reference("tests", "The tests", 2026, "A sweep of critical points"), "section 1")


def items(bench: Workbench) -> list[dict[str, Any]]:
    """List the batches."""
    return [{"width": 2 + number % 2, "seed": seed} for number, seed in enumerate(bench.seeds("data", 6))]


def batch(*, width: int, seed: int, marks: str = "") -> Mapping[str, Any]:
    """Search from four starts on one draw of the data."""
    found = numerics.sample_critical_points(
        widths=(width, width, width),
        samples=4 * width,
        activation="tanh",
        weight_decay=1e-2,
        seed=seed,
        draws=1,
        starts=4,
        max_steps=60,
    )
    if marks:
        (Path(marks) / f"{seed}-{time.monotonic_ns()}-{os.getpid()}").touch()
    return found


@claim("sweep.points", source=SOURCE, expects={Verdict.SUPPORTED})
def found_points_are_critical(bench: Workbench) -> Iterator[Comparison]:
    """Where a search says that it found a critical point, the gradient is zero."""
    results = bench.map("searches", batch, items(bench))
    gradient, energy, index = (
        np.concatenate([result[name][result["converged"]] for result in results])
        for name in ("relative_gradient", "energy", "index")
    )
    bench.figure("points", title="Critical points", x="energy", y="index").points(energy, index, "found")
    yield Agrees(
        "relative gradient norm",
        measured=gradient,
        predicted=0.0,
        tolerance=1e-9,
        reason="the tolerance of the search",
        rival=Rival("gradients as they are anywhere else", 1e-2),
    )
