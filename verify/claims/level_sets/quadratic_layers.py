"""Two layers of quadratic units at the printed widths, counted in inputs: polygons between trained networks."""

import math
from collections.abc import Iterator
from typing import cast

import numpy as np
from numpy.typing import NDArray

from verify import Agrees, Comparison, Rival, Source, Verdict, Workbench, claim
from verify.bibliography import VENTURI_BANDEIRA_BRUNA_2019
from verify.lectures.level_sets import OVER_PARAMETERISED

Array = NDArray[np.float64]

INPUTS = 2
WIDTHS = (INPUTS, 3 * INPUTS**2, 3 * INPUTS**4, 1)
EXAMPLES = 24
LEVEL = 0.01
MARGIN = 1.05
"""The search aims so much lower, to leave room for what a bound is above the largest loss."""
DEGREE = 14
"""Of the loss along a segment: weights are linear, so layers have the degrees 2, 6 and 7, and the square 14."""
NODES = 112
STEPS = 1500
SPARE = 4
DRAWN = 97


def joined(seed: int, pairs: int) -> dict[str, Array]:
    """Bounds on the loss along strings between trained networks, and the largest losses met on straight lines.

    Inputs are equally spaced on half a circle, the target is a random form of degree 4 of mean square 1. Networks that
    do not get below the level are left out; there are some to spare. A polynomial of degree d is on a segment nowhere
    above its largest modulus at m Chebyshev nodes over cos(d pi/(2 m)) (Ehlich and Zeller 1964): "string" is that
    bound, "line" a sampled maximum; "missed" is how far a string's ends are from the two networks, "apart" how far
    these are from one another. "along string" and "along line" are losses along those of the first pair.
    """
    import torch

    import numerics

    angles = torch.arange(EXAMPLES, dtype=torch.float64) * math.pi / EXAMPLES
    x = torch.stack([angles.cos(), angles.sin()], dim=1)
    factors = torch.randn(5, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    y = (x[:, :1] ** torch.arange(5) * x[:, 1:] ** torch.arange(4, -1, -1) * factors).sum(dim=1, keepdim=True)
    y = y / y.square().mean().sqrt()
    network, loss = numerics.Mlp(WIDTHS, "quadratic", bias=False), numerics.SquaredError()
    starts = network.init([seed + place for place in range(2 * pairs + SPARE)])
    trained = numerics.adam(network, starts, x, y, loss, steps=STEPS, learning_rate=0.01).theta
    below = (network.forward(trained, x) - y).square().mean(dim=(1, 2)) <= LEVEL / MARGIN
    first, last = trained[below][: 2 * pairs].chunk(2)
    first = first[: len(last)]
    line = numerics.connect(network, first, last, x, y, loss)
    search = numerics.DynamicString(level=LEVEL / MARGIN, steps=800)
    string = numerics.connect(network, first, last, x, y, loss, method=search)
    knots = cast("torch.Tensor", string.knots)
    nodes = (1 - torch.cos((2 * torch.arange(NODES, dtype=torch.float64) + 1) * math.pi / (2 * NODES))) / 2
    before, after = knots[:, :-1, None], knots[:, 1:, None]
    places = (before + (after - before) * nodes).flatten(start_dim=1)
    bound = string.losses(places).amax(dim=1) / math.cos(DEGREE * math.pi / (2 * NODES))
    two = torch.stack([first, last], dim=1)
    return {
        "string": bound.numpy(),
        "missed": (string.at([0.0, 1.0]) - two).abs().amax(dim=(1, 2)).numpy(),
        "apart": two.diff(dim=1).abs().amax(dim=(1, 2)).numpy(),
        "line": line.peak.loss.numpy(),
        "along string": string.losses(DRAWN)[0].numpy(),
        "along line": line.losses(DRAWN)[0].numpy(),
    }


@claim(
    "level-sets.quadratic-deep-strings",
    title="Two layers of quadratic units at the printed widths: trained networks are joined below a low level",
    source=Source(
        VENTURI_BANDEIRA_BRUNA_2019,
        "on deep networks of polynomial activations, for spurious valleys",
        OVER_PARAMETERISED,
    ),
    assumptions=(
        f"two inputs, layers of {WIDTHS[1]} and {WIDTHS[2]} quadratic units, a linear output, no biases; "
        f"{EXAMPLES} inputs on half a circle, random forms of degree 4 as targets, of mean square 1; the loss is "
        "the mean squared error",
        f"pairs of networks trained below that level by {STEPS} steps of Adam: nothing is said of other networks and "
        "other levels",
    ),
    expects={Verdict.SUPPORTED},
)
def quadratic_deep_strings(bench: Workbench) -> Iterator[Comparison]:
    r"""At the widths $3 N^{2^l}$ of two layers of quadratic units, with $N = 2$ the number of inputs, pairs of trained
    networks are joined by polygons on which the loss stays below $0.01$ throughout, where the straight line between the
    two exceeds it. Along a segment the loss is a polynomial of degree 14, which values at Chebyshev nodes bound.

    With $N$ the number of data, 24, the printed width would be almost a million. A search says nothing about pairs that
    it was not tried on: that the level set is connected is not shown.
    """
    batches, pairs = bench.size(quick=1, standard=10, full=100), bench.size(quick=3, standard=10, full=10)
    items = [{"seed": seed >> 2, "pairs": pairs} for seed in bench.seeds("networks", batches)]
    results = bench.map("networks", joined, items)
    found = {name: np.concatenate([result[name] for result in results]) for name in results[0]}
    yield Agrees(
        f"bound on the loss along the polygon above the level {LEVEL}",
        measured=np.maximum(found["string"] - LEVEL, 0),
        predicted=0,
        tolerance=1e-9,
        reason="rounding; a bound and not a sample",
        rival=Rival("as on the straight line between the two", np.maximum(found["line"] - LEVEL, 0)),
    )
    yield Agrees(
        "distance of the polygon's ends from the two networks, in any parameter",
        measured=found["missed"],
        predicted=0,
        tolerance=0,
        reason="ends are kept bit for bit",
        rival=Rival("the polygon comes back to where it begins", found["apart"]),
    )
    figure = bench.figure(
        "profile",
        title="Loss between two trained networks of two quadratic layers",
        x="share of the path",
        y="mean squared error",
        y_scale="log",
        caption="One pair. The polygon has corners put in and trained where a piece of it exceeded the level.",
    )
    for name in ("line", "string"):
        label = {"line": "straight line", "string": "polygon"}[name]
        figure.line(np.linspace(0, 1, DRAWN), np.maximum(results[0][f"along {name}"], 1e-6), label)
    figure.line([0, 1], [LEVEL, LEVEL], "level")
