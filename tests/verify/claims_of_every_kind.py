"""Claims for the tests: one of every outcome, and one slow enough to be interrupted.

The environment sets the pace (``LOSSPROOF_TEST_PACE``, seconds an item), a folder in which every item leaves a mark
(``LOSSPROOF_TEST_MARKS``), and the number of items after which Ctrl-C is played (``LOSSPROOF_TEST_CTRL_C``). None of
them enters an item, so that the numbers are those of an undisturbed run.
"""

import math
import os
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np

from verify import (
    OPEN,
    Agrees,
    Comparison,
    Enclosure,
    Equals,
    Reference,
    Rival,
    Source,
    Verdict,
    Workbench,
    claim,
)

SOURCE = Source(Reference("tests", "The tests", 2026, "Claims of every kind"), "section 1")


def draw(*, seed: int, size: int) -> dict[str, object]:
    """Return the mean of some normal numbers, with a few things of other types."""
    time.sleep(float(os.environ.get("LOSSPROOF_TEST_PACE", "0")))
    folder = os.environ.get("LOSSPROOF_TEST_MARKS")
    if folder:
        (Path(folder) / f"{time.monotonic_ns()}-{os.getpid()}").touch()
        if len(list(Path(folder).iterdir())) == int(os.environ.get("LOSSPROOF_TEST_CTRL_C", "-1")):
            raise KeyboardInterrupt
    values = np.random.default_rng(seed).standard_normal(size)
    return {"mean": values.mean(), "largest": values[np.argsort(values)[-3:]], "seed": seed, "lost": math.nan}


def from_mean(bench: Workbench, title: str, predicted: float, rival: float) -> Comparison:
    runs = bench.map("draws", draw, [{"seed": seed, "size": 400} for seed in bench.seeds("draws", 24)])
    means = [1 + run["mean"] for run in runs]
    return Equals(title, predicted=predicted, replicates=means, absolute=0.15, rival=Rival("a wrong mean", rival))


@claim("kinds.supported", source=SOURCE, expects={Verdict.SUPPORTED})
def supported(bench: Workbench) -> Iterator[Comparison]:
    """The mean is $1$."""
    yield from_mean(bench, "the mean", 1.0, 2.0)


@claim("kinds.erratum", source=SOURCE, expects={Verdict.REFUTED}, right="The mean is $1$.")
def erratum(bench: Workbench) -> Iterator[Comparison]:
    """The mean is $2$."""
    yield from_mean(bench, "the mean", 2.0, 1.0)


@claim("kinds.certified", source=SOURCE, expects={Verdict.CERTIFIED}, corrects="kinds.erratum")
def certified(bench: Workbench) -> Iterator[Comparison]:
    """A third is $0.333\\ldots$"""
    from theory import Ball

    third = Ball(Fraction(1, 3), Fraction(1, 10**30), 30)
    yield Enclosure("a third", values=[third], predicted=[Fraction(1, 3)], digits=20, rival=Rival("none", [third * 2]))


@claim("kinds.open", source=SOURCE, expects=OPEN)
def undecided(bench: Workbench) -> Iterator[Comparison]:
    """Some numbers agree with others."""
    bench.figure("errors", title="Errors", x="k", y="error").points([1, 2], [0.5, math.inf], "measured")
    yield Agrees(
        "numbers",
        measured=[1.0, 2.05],
        predicted=[1.0, 2.0],
        tolerance=0.01,
        reason="chosen by hand",
        rival=Rival("others", [4.0, 5.0]),
    )


@claim("kinds.surprise", source=SOURCE, expects={Verdict.CERTIFIED})
def surprise(bench: Workbench) -> Iterator[Comparison]:
    """What is measured is certain."""
    yield from_mean(bench, "the mean", 1.0, 2.0)


@claim("kinds.deferred", source=SOURCE, expects={Verdict.SUPPORTED}, decided_from="standard")
def deferred(bench: Workbench) -> Iterator[Comparison]:
    """At the size of the quick profile nothing is decided."""
    yield from_mean(bench, "the mean", 1.0, 2.0)


@claim("kinds.skipped", source=SOURCE, expects={Verdict.SUPPORTED})
def skipped(bench: Workbench) -> Iterator[Comparison]:
    """What needs a package that nobody has."""
    bench.require("a_package_that_nobody_has", extra="data")
    yield from_mean(bench, "the mean", 1.0, 2.0)


@claim("kinds.error", source=SOURCE, expects={Verdict.SUPPORTED})
def error(bench: Workbench) -> Iterator[Comparison]:
    """A check that fails in the middle."""
    yield from_mean(bench, "the mean", 1.0, 2.0)
    raise ZeroDivisionError("the experiment fell off the table")


@claim("kinds.empty", source=SOURCE, expects={Verdict.SUPPORTED})
def empty(bench: Workbench) -> Iterator[Comparison]:
    """A check that compares nothing."""
    yield from ()


@claim("kinds.exit", source=SOURCE, expects={Verdict.SUPPORTED})
def leaves(bench: Workbench) -> Iterator[Comparison]:
    """A check that ends the program, which is no success."""
    raise SystemExit(0)
    yield
