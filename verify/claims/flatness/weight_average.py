"""Stochastic weight averaging: how flat the average is, and how much of that the learning rate has done alone."""

from collections.abc import Iterator

import numpy as np

from verify import AtLeast, Comparison, Rival, Source, Verdict, Workbench, claim
from verify.bibliography import IZMAILOV_2018
from verify.claims.flatness.pairs import draw_pairs, first_is_flatter
from verify.claims.flatness.training import SETTING, both_arrived, measured
from verify.lectures.flatness import ALGORITHMS


@claim(
    "flatness.swa-finds-flatter",
    title="A stochastic weight average is flatter than descent at a low rate, its trace mostly by its high rate",
    source=Source(IZMAILOV_2018, "section 3 and figure 1", printed=ALGORITHMS),
    assumptions=(
        *SETTING,
        "batches of 4, no momentum; the average begins at step 300, at a learning rate of 0.5; a low rate is 0.1",
        "the average is stopped at the loss that the average itself has",
    ),
    expects={Verdict.SUPPORTED},
)
def swa_finds_flatter(bench: Workbench) -> Iterator[Comparison]:
    r"""The mean of the points that SGD passes at a high learning rate (stochastic weight averaging, SWA) has a smaller
    largest eigenvalue and a smaller trace than the point of equal loss at which SGD at a low rate ends.

    The loss is the mean cross-entropy, 0.02 in the quick profile and 0.01 in the others.

    Averaging changes two things at once, the point and the learning rate that leads there. Against SGD at its *own*
    high rate little is left of the smaller trace: it is the rate that makes it smaller. What averaging alone makes of
    the largest eigenvalue is not tried; the caption has the ratio of this run.
    """
    target = bench.size(quick=0.02, standard=0.01, full=0.01)
    pairs = bench.size(quick=40, standard=40, full=80)
    low, high, mean = (
        measured(bench, name, pairs=pairs, target=target) for name in ("low rate", "high rate", "average")
    )
    yield from first_is_flatter({"average": mean, "low rate": low}, target=target, within=0.05)
    kept, dropped = both_arrived(high, mean)
    yield AtLeast(
        "trace of the average, over that of its own rate without averaging",
        bound=0.86,
        replicates=(mean["trace"] / high["trace"])[kept],
        rival=Rival("smaller by a fifth, as against the low rate", 0.8),
        dropped=dropped,
    )
    figure = bench.figure(
        "traces",
        title="Average, low rate, high rate",
        x="trace, low rate",
        y="trace, rate 0.5, averaged or not",
        square=True,
        caption=f"{len(low['trace'])} networks of each kind, at a training loss of {target:g}. Median steps: "
        f"low rate {np.median(low['steps']):.0f}, high rate {np.median(high['steps']):.0f}, "
        f"average {np.median(mean['steps']):.0f}. Largest eigenvalue of the average over that of the high rate: "
        f"{np.median(mean['largest'] / high['largest']):.2f} in the median.",
    )
    draw_pairs(figure, "trace", low, {"average, rate 0.5": mean, "rate 0.5": high})
