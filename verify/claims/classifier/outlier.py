"""Probability curves of a small and of a large network where one point lies among those of the other class."""

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

import numerics
from verify import AtLeast, Comparison, Ordering, Rival, Source, Verdict, Workbench, claim
from verify.lectures.basics import OUTLIER_CURVES

Array = NDArray[np.float64]

EACH: Final = 12
"""Points of each class, beside the outlier."""

SPREAD: Final = 0.35
"""Standard deviation of each class around its centre, -1 or 1."""

SMALL: Final = 2
LARGE: Final = 64
LEARNING_RATE: Final = 0.02
GRID: Final = 181
"""Places from -3 to 3 at which curves are drawn and losses on new points are integrated."""


def curves(
    seed: int, networks: int, hidden: int, moments: str, device: str, *, without: bool = False
) -> dict[str, Array]:
    """Train networks on two classes on a line and one outlier, and follow their probability curves.

    Args:
        seed: Of the points and the starts.
        networks: How many, each with points of its own.
        hidden: Hidden units.
        moments: Steps at which is looked, ascending, between spaces; the last one is the end.
        device: Where.
        without: Whether the outlier is kept from them: a control with the same other points and the same starts.

    Returns:
        One row per network, one column per moment: "outlier", the cross-entropy there, "rest", the mean over the other
        points, "new", that on new points of the two classes, without outliers, "errors", the share of these that are
        classified wrongly, and "curve", the probability of the right-hand class on the grid; "places", the grid.
    """
    import torch

    seeds = range(seed, seed + networks)
    noise, _ = numerics.gaussian_memorisation(inputs=1, outputs=1, samples=2 * EACH, seeds=seeds, device=device)
    sides = torch.arange(2 * EACH, device=noise.device) % 2
    outlier = noise.new_full((networks, 1, 1), -1.0)
    x = torch.cat([(2 * sides - 1)[:, None] + SPREAD * noise, outlier], dim=1)
    labels = torch.cat([sides, sides.new_ones(1)]).expand(networks, -1)
    network = numerics.Mlp((1, hidden, 2), "tanh", bias=True)
    trained = slice(-1) if without else slice(None)
    steps = [int(step) for step in moments.split()]
    ended = numerics.adam(
        network,
        network.init(seeds, sigma_w=2.0, sigma_b=1.0, device=device),
        x[:, trained],
        labels[:, trained],
        numerics.CrossEntropy(),
        learning_rate=LEARNING_RATE,
        steps=steps[-1],
        record_at=steps,
    )
    places = torch.linspace(-3, 3, GRID, dtype=x.dtype, device=x.device)
    shares = torch.stack([(-((places - side) ** 2) / (2 * SPREAD**2)).exp() for side in (-1.0, 1.0)])
    shares = shares / shares.sum(dim=1, keepdim=True) / 2
    rows = []
    for theta in ended.trajectory:
        logs = network.forward(theta, x).log_softmax(-1)
        losses = -logs.gather(-1, labels[..., None])[..., 0]
        there = network.forward(theta, places[:, None]).log_softmax(-1)
        named = there.argmax(-1)
        rows.append(
            {
                "outlier": losses[:, -1],
                "rest": losses[:, :-1].mean(1),
                "new": -(there[..., 0] @ shares[0] + there[..., 1] @ shares[1]),
                "errors": (named == 1).to(x) @ shares[0] + (named == 0).to(x) @ shares[1],
                "curve": there[..., 1].exp(),
            }
        )
    found = {name: torch.stack([row[name] for row in rows], dim=1).cpu().numpy() for name in rows[0]}
    return found | {"places": places.cpu().numpy()}


@claim(
    "classifier.outlier",
    title="One outlier: two tanh units give it up, 64 bend their probability curve for it",
    source=Source(printed=OUTLIER_CURVES),
    assumptions=(
        f"points on a line: {EACH} of each class, normal around $-1$ and $1$ with standard deviation {SPREAD:g}, and "
        "one at $-1$ with the label of the other class; new points have no outliers",
        f"one hidden layer of {SMALL} or {LARGE} tanh units with biases; 1500 steps of Adam on all points at the rate "
        f"{LEARNING_RATE:g}, without a penalty; longer training is not asked about",
        "the small and the large network of a pair have the same points; of the differences the sign is tested, not "
        "the size",
        "what the outlier adds: the difference to a network with the same start and the same other points that is "
        "trained without it",
    ),
    expects={Verdict.SUPPORTED},
    decided_from="standard",
)
def outlier(bench: Workbench) -> Iterator[Comparison]:
    r"""What the cross-entropy costs at an outlier pulls on the probability curve. A curve that is flat across the
    left-hand class does best there with the share of the outlier, 1 of 13, at a cost of $\log 13 = 2.56$: more than
    that of all other points together.

    The small network sacrifices the outlier: in the median it pays more than 2 there, more than half of its training
    loss. The large network bends its curve towards the outlier, so that it pays less there. For that it pays
    elsewhere: on new points, among which there are no outliers, both its cross-entropy and its errors are more than
    those of the small network in most pairs. That is the outlier's doing and not the size's alone: most large
    networks that are trained without it do better at both, and in most pairs it adds more errors for the large network
    than for the small one.
    """
    networks = bench.size(quick=2, standard=200, full=400)
    last = bench.size(quick=30, standard=1500, full=1500)
    moments = str(last)
    (seed,) = bench.seeds("networks", 1)
    found = {}
    for size, hidden in (("small", SMALL), ("large", LARGE)):
        item = {"seed": seed, "networks": networks, "hidden": hidden, "moments": moments, "device": bench.device}
        for name, without in ((size, False), (f"{size} without", True)):
            (found[name],) = bench.map(name, curves, [item | {"without": without}])
    small, small_without, large, large_without = (
        {key: value[:, -1] for key, value in part.items() if key != "places"} for part in found.values()
    )
    yield AtLeast(
        "cross-entropy at the outlier, small network",
        bound=2.0,
        replicates=small["outlier"],
        rival=Rival("that of a toss of a coin, log 2", float(np.log(2))),
    )
    yield AtLeast(
        "share of the training loss that the outlier has, small network",
        bound=0.5,
        replicates=small["outlier"] / (small["outlier"] + 2 * EACH * small["rest"]),
        rival=Rival("its share of the points", 1 / (2 * EACH + 1)),
    )
    yield Ordering(
        "cross-entropy at the outlier: the large network against the small one",
        lower=large["outlier"],
        higher=small["outlier"],
    )
    yield Ordering(
        "cross-entropy on new points: the small network against the large one", lower=small["new"], higher=large["new"]
    )
    yield Ordering(
        "errors on new points: the small network against the large one", lower=small["errors"], higher=large["errors"]
    )
    for key, words in (("new", "cross-entropy"), ("errors", "errors")):
        yield Ordering(
            f"{words} on new points of the large network: trained without the outlier against with it",
            lower=large_without[key],
            higher=large[key],
        )
    yield Ordering(
        "errors on new points that the outlier adds: for the small network against for the large one",
        lower=small["errors"] - small_without["errors"],
        higher=large["errors"] - large_without["errors"],
    )
    figure = bench.figure(
        "curves",
        title="Probability curves of a small and a large network",
        x="input",
        y="probability of the right-hand class",
        y_limits=(-0.05, 1.05),
        caption=f"After {last} steps: medians over {networks} networks, and the middle 80 percent of them. The outlier "
        f"is the point at $(-1, 1)$. The median cross-entropy there is {np.median(small['outlier']):.2f} and "
        f"{np.median(large['outlier']):.2f}, on new points {np.median(small['new']):.3f} and "
        f"{np.median(large['new']):.3f}.",
    )
    for name, hidden in (("small", SMALL), ("large", LARGE)):
        low, middle, high = np.quantile(found[name]["curve"][:, -1], [0.1, 0.5, 0.9], axis=0)
        figure.line(found[name]["places"], middle, f"{hidden} units")
        figure.band(found[name]["places"], low, high, f"{hidden} units, middle 80 percent")
    figure.points([-1.0], [1.0], "outlier")
