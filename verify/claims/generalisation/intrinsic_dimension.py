"""In how many random directions a problem can be solved: the toy that can be calculated, and digits."""

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

import numerics
import theory
from verify import (
    Agrees,
    AtMost,
    Comparison,
    Equals,
    Identity,
    Proportion,
    Rival,
    Source,
    Verdict,
    Workbench,
    claim,
)
from verify.bibliography import LI_FARKHOOR_2018
from verify.lectures.generalisation import DIMENSION

Array = NDArray[np.float64]

EQUATIONS: Final = 10
BLOCK: Final = 100
PARAMETERS: Final = EQUATIONS * BLOCK
FEWER: Final = (3, 6, 8, 9)
ENOUGH: Final = 0.1
"""The share of the loss that is left when 90 % of it are removed."""

WIDTHS: Final = (32, 128)
TRAINING: Final = 500
LEVEL: Final = 0.9
"""Of the test accuracy that training all parameters reaches."""

SHARE: Final = 1 / 20
TENTH: Final = 1 / 10


def shares_left(seed: int, draws: int) -> dict[str, Array]:
    """The share of the toy's loss that the best point of a random subspace leaves, from a random start.

    Args:
        seed: Of the draws.
        draws: How many subspaces of each dimension; those of one draw are nested.

    Returns:
        "fewer", one row a draw and one column for each of FEWER; "enough", the same for as many directions as
        equations.
    """
    import torch

    generator = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(draws, *shape, generator=generator, dtype=torch.float64)

    def constrained(points: torch.Tensor) -> torch.Tensor:
        """A times columns of parameters: the sums over blocks."""
        return points.reshape(draws, EQUATIONS, BLOCK, -1).sum(dim=2)

    levels = torch.arange(1, EQUATIONS + 1, dtype=torch.float64)[:, None]
    gap = levels - constrained(normal(PARAMETERS, 1))
    seen = constrained(normal(PARAMETERS, EQUATIONS))
    loss = gap.square().sum(dim=(1, 2))
    left = []
    for dimension in (*FEWER, EQUATIONS):
        directions = seen[:, :, :dimension]
        best = torch.linalg.lstsq(directions, gap).solution
        left.append((directions @ best - gap).square().sum(dim=(1, 2)) / loss)
    return {"fewer": torch.stack(left[:-1], dim=1).numpy(), "enough": left[-1].numpy()}


def digit_dimensions(seed: int, networks: int, width: int, steps: int, first: int, last: int) -> dict[str, Any]:
    """Train networks on digits in random subspaces of more and more dimensions, and with all their parameters.

    Args:
        seed: Of networks, subspaces, and the images that each network is trained on.
        networks: How many.
        width: Hidden units, 0 for a linear model.
        steps: Of Adam, with all images at once.
        first: The smallest dimension.
        last: The largest; between them each is twice the one before.

    Returns:
        "dimension", where the accuracy crosses its level, and "accuracy", one row a network and a column a dimension,
        as shares of "whole", that with all parameters; "tried" and "parameters".
    """
    import torch

    x, labels = numerics.digits()
    seeds = range(seed, seed + networks)
    order = torch.stack([torch.randperm(len(x), generator=torch.Generator().manual_seed(one)) for one in seeds])
    x, labels = x[order], labels[order]
    (seen, new), (known, wanted) = (
        (both[:, :TRAINING].contiguous(), both[:, TRAINING:].contiguous()) for both in (x, labels)
    )
    network = numerics.Mlp((64, width, 10) if width else (64, 10), "relu", bias=True)
    start, loss = network.init(seeds, sigma_w=2**0.5), numerics.CrossEntropy()

    def accuracy(theta: torch.Tensor) -> torch.Tensor:
        return (network.forward(theta, new).argmax(-1) == wanted).to(theta).mean(1)

    whole = accuracy(numerics.adam(network, start, seen, known, loss, learning_rate=0.01, steps=steps).theta)
    tried = [first]
    while tried[-1] < last:
        tried.append(2 * tried[-1])
    reached = []
    for dimension in tried:
        projection = numerics.random_projection("fastfood", network.parameters, dimension, seeds=seeds)
        end = numerics.train_in_subspace(network, start, seen, known, loss, projection, learning_rate=0.3, steps=steps)
        reached.append(accuracy(end.theta))
    scores = torch.stack(reached, dim=1) / whole[:, None]
    crossed = numerics.crossing_dimension(tried, scores, torch.full_like(whole, LEVEL))
    return {
        "dimension": crossed.numpy(),
        "accuracy": scores.numpy(),
        "whole": whole.numpy(),
        "tried": np.array(tried),
        "parameters": network.parameters,
    }


@claim(
    "generalisation.intrinsic-dimension",
    title="Problems are solved in far fewer random directions than there are parameters",
    source=Source(LI_FARKHOOR_2018, "section 2, figures 1 and 2", DIMENSION),
    assumptions=(
        f"the toy: {PARAMETERS} parameters in {EQUATIONS} blocks, block $i$ shall sum to $i$, squared error; a start "
        "that is no solution, random directions with a density; for the shares that are left, independent normal "
        "entries of one variance",
        f"digits: {TRAINING} of 1797 handwritten digits for training, drawn for each network, the others for testing; "
        "the 1797 are one sample, and the level is that of draws from it",
        f"one hidden layer of {WIDTHS[0]} or {WIDTHS[1]} ReLU units, or none; Adam with all images at once in the "
        "coordinates of a random subspace through the start, by Fastfood",
        "the intrinsic dimension of digits is where the accuracy on other images reaches nine tenths of what training "
        "all parameters reaches, by straight lines in the logarithm of the dimension",
    ),
    expects={Verdict.SUPPORTED},
)
def intrinsic_dimension(bench: Workbench) -> Iterator[Comparison]:
    r"""One may search $\theta_0 + P z$ with random $P$ and few coordinates $z$. The least number of them with which a
    problem is solved is its intrinsic dimension.

    In the toy, $m$ equations on blocks of $D$ parameters, the solutions have the dimension $D - m$, and the intrinsic
    dimension is exactly $m$: almost every $P$ with $m$ columns leaves a solution, and almost none with fewer. With
    $d < m$ columns of independent normal entries of one variance the best $z$ leaves on average the share $1 - d/m$ of
    the loss. If it is enough to remove nine tenths of the loss, then for $m = 10$ already 9 such directions do, on
    average and in most draws, and 8 in the smaller part of them.

    For digits nine tenths of the accuracy take less than a twentieth as many directions as a network of 128 units has
    parameters, 9610. The share is as small as that because there are so many parameters: it takes at most twice as many
    directions as with 32 units, and as a linear model with 650 parameters does.
    """
    from sympy import symbols

    m, d, parameters = symbols("m d D", integer=True, positive=True)
    derivation = theory.intrinsic_dimension()
    yield Identity(
        "dimension of the solutions of the toy",
        derivation=derivation,
        part="manifold",
        claimed=parameters - m,
        rival=Rival("that of all parameters", parameters),
    )
    yield Identity(
        "intrinsic dimension of the toy",
        derivation=derivation,
        claimed=m,
        rival=Rival("that of its solutions", parameters - m),
    )
    yield Identity(
        "mean share of the loss left in d directions",
        derivation=derivation,
        part="left",
        claimed=1 - d / m,
        rival=Rival("each direction alike, parameters or not", 1 - d / parameters),
    )
    draws = bench.size(quick=1000, standard=2000, full=4000)
    items = [{"seed": seed, "draws": draws} for seed in bench.seeds("toy", 1)]
    (left,) = bench.map("toy", shares_left, items)
    predicted = [float(derivation.at(part="left", m=EQUATIONS, d=dimension)) for dimension in FEWER]
    yield Equals(
        "share of the toy's loss left in 3, 6, 8 and 9 directions",
        predicted=predicted,
        replicates=left["fewer"],
        absolute=0.08,
        rival=Rival("each direction alike", [1 - dimension / PARAMETERS for dimension in FEWER]),
    )
    yield Agrees(
        "share of the toy's loss left in 10 directions",
        measured=left["enough"],
        predicted=0,
        tolerance=1e-9,
        reason="rounding in the least squares of a random matrix of ten rows",
        rival=Rival("what nine directions leave", left["fewer"][:, -1]),
    )
    for dimension, within, name, rival in (
        (9, (0.5, 0.8), "in no more than half of the draws", (0, 0.45)),
        (8, (0.2, 0.5), "in most draws", (0.55, 1)),
    ):
        column = left["fewer"][:, FEWER.index(dimension)]
        yield Proportion(
            f"{dimension} directions remove 90 % of the toy's loss",
            successes=int(np.count_nonzero(column <= ENOUGH)),
            trials=draws,
            within=within,
            rival=Rival(name, rival),
        )
    sizes = {
        "networks": bench.size(quick=2, standard=5, full=5),
        "steps": bench.size(quick=3, standard=150, full=300),
        "first": bench.size(quick=4, standard=60, full=60),
        "last": bench.size(quick=8, standard=480, full=480),
    }
    batches = bench.size(quick=1, standard=4, full=8)
    found = {}
    for width in (0, *WIDTHS):
        purpose = f"digits {width}" if width else "digits linear"
        items = [{"seed": seed, "width": width, **sizes} for seed in bench.seeds(purpose, batches)]
        found[width] = bench.map(purpose, digit_dimensions, items)
    linear, narrow, wide = (
        np.concatenate([np.minimum(part["dimension"], part["parameters"]) for part in parts])
        for parts in found.values()
    )
    fewest, few, many = (parts[0]["parameters"] for parts in found.values())
    yield AtMost(
        f"intrinsic dimension of digits over the parameters of a network with {WIDTHS[1]} units",
        bound=SHARE,
        replicates=wide / many,
        rival=Rival("a tenth", TENTH),
        decided_from="standard",
    )
    for name, other, parameters in ((f"with {WIDTHS[0]} units", narrow, few), ("of a linear model", linear, fewest)):
        yield AtMost(
            f"intrinsic dimension of digits with {WIDTHS[1]} units over that {name}",
            bound=2,
            replicates=wide / other,
            rival=Rival("in proportion to the parameters", many / parameters),
            decided_from="standard",
        )
    _draw_toy(bench, left)
    if bench.profile != "quick":
        _draw_digits(bench, found)


def _draw_toy(bench: Workbench, left: Any) -> None:
    figure = bench.figure(
        "toy",
        title="Share of the toy's loss that a search in random directions leaves",
        x="directions $d$",
        y="share of the loss",
        caption=f"Means over {len(left['enough'])} draws, whose standard errors are smaller than the points, and "
        "quartiles. From ten directions on nothing is left.",
    )
    figure.line([0, EQUATIONS, 12], [1, 0, 0], "$1 - d/10$, derived")
    columns = np.column_stack([left["fewer"], left["enough"]])
    low, high = np.quantile(columns, [0.25, 0.75], axis=0)
    figure.points((*FEWER, EQUATIONS), columns.mean(axis=0), "measured, mean")
    figure.band((*FEWER, EQUATIONS), low, high, "measured, quartiles")


def _draw_digits(bench: Workbench, found: Any) -> None:
    figure = bench.figure(
        "digits",
        title="Accuracy on digits when a random subspace is trained",
        x="dimension of the subspace",
        y="accuracy over that with all parameters",
        x_scale="log",
        caption="Means over networks; bars: standard deviations. Fifteen times the parameters change little.",
    )
    for width, results in found.items():
        scores = np.concatenate([result["accuracy"] for result in results])
        label = f"{width or 'no hidden'} units, {int(results[0]['parameters'])} parameters"
        figure.points(results[0]["tried"], scores.mean(axis=0), label, errors=scores.std(axis=0))
    tried = next(iter(found.values()))[0]["tried"]
    figure.line([tried[0], tried[-1]], [LEVEL, LEVEL], "90 %")
