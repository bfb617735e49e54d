"""How many local minima one logistic neuron can have, counted with none missing."""

from collections.abc import Iterator

import numpy as np

import theory
from verify import Comparison, Enclosure, Rival, Source, Verdict, Workbench, claim
from verify.bibliography import AUER_HERBSTER_WARMUTH_1995
from verify.lectures.local_minima import ONE_NEURON

SIZES = ((6, 1), (6, 2), (6, 3), (8, 2), (12, 3))
"""Pairs of examples and inputs."""

LARGE, SMALL = 100, 3
"""Ratios of successive inputs: one at which every example has its own minimum, and one at which few have."""


@claim(
    "minima.logistic-count",
    title="One logistic neuron with exponentially many local minima",
    source=Source(AUER_HERBSTER_WARMUTH_1995, "on the number of local minima", ONE_NEURON),
    assumptions=(
        "the loss is the sum over examples of $(y_j - s(w \\cdot x_j))^2$ with $s(z) = 1/(1 + e^{-z})$, without a bias",
        "the inputs lie on the axes, $\\lfloor n/d \\rfloor$ on each, at $1, 1/100, 1/100^2, \\dots$; all labels are "
        "$3/4$ but for those left over, which lie at the origin",
    ),
    expects={Verdict.CERTIFIED},
)
def logistic_count(bench: Workbench) -> Iterator[Comparison]:
    r"""For $n$ examples with $d$ inputs the square loss of a single logistic neuron can have

    $$\left\lfloor \frac{n}{d} \right\rfloor^d$$

    local minima that are strict: exponentially many in the number of inputs. On each axis the loss is a sum of terms,
    one for each example, that are flat but for a dip at a weight of the order of $1/x_j$; if the inputs on an axis are
    far enough apart, each dip stays a minimum, and those of the axes combine freely. All zeros of the derivative are
    isolated in intervals, none is missing. With inputs that are closer together, each only 3 times the next, dips
    merge and there are fewer.
    """
    found = [theory.logistic_minima(*theory.axis_examples(n, d, ratio=LARGE)) for n, d in SIZES]
    close = [theory.logistic_minima(*theory.axis_examples(n, d, ratio=SMALL)) for n, d in SIZES]
    sizes = ", ".join(f"({n}, {d})" for n, d in SIZES)
    yield Enclosure(
        f"number of local minima for (n, d) = {sizes}",
        values=[minima.count for minima in found],
        predicted=[(n // d) ** d for n, d in SIZES],
        digits=1,
        rival=Rival("one for each example", [n for n, _ in SIZES]),
    )
    yield Enclosure(
        f"number of critical points of all kinds, for (n, d) = {sizes}",
        values=[minima.critical_points for minima in found],
        predicted=[(2 * (n // d) - 1) ** d for n, d in SIZES],
        digits=1,
        rival=Rival("minima alone", [(n // d) ** d for n, d in SIZES]),
    )
    yield Enclosure(
        "minima missing where successive inputs have the ratio 3",
        values=[(n // d) ** d - minima.count for (n, d), minima in zip(SIZES, close, strict=True)],
        within=(1, None),
        rival=Rival("none, as if any ratio would do", [0]),
    )
    figure = bench.figure(
        "one-axis",
        title="Square loss of a logistic neuron along one axis, six examples",
        x="weight w",
        y="loss",
        x_scale="log",
        caption="Inputs 1, 1/r, 1/r², ...; label 3/4. Points: the minima, isolated by intervals.",
    )
    for name, ratio, minima in (("r = 100", LARGE, found[0]), ("r = 3", SMALL, close[0])):
        axis = minima.axes[0]
        weights = np.geomspace(1e-2, 1e12, 600)
        inputs = [float(row[0]) for row in theory.axis_examples(6, 1, ratio=ratio)[0]]
        # outputs by tanh: no overflow at large weights
        losses = sum((0.75 - (1 + np.tanh(weights * place / 2)) / 2) ** 2 for place in inputs)
        figure.line(weights, losses, name)
        figure.points([float(place) for place in axis.minima], [float(loss) for loss in axis.losses], f"minima, {name}")
