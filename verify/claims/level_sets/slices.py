"""Minima of two-dimensional slices of the loss: whether they are minima of the loss itself."""

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

import numerics
from verify import Agrees, AtLeast, Comparison, Proportion, Rival, Source, Verdict, Workbench, claim
from verify.bibliography import BERNER_2022
from verify.lectures.connectivity import FIGURE

if TYPE_CHECKING:
    from torch import Tensor

Array = NDArray[np.float64]

ZOOMS: Final = (8.0, 2.0, 0.5, 0.125)
"""Half the side of a slice, in lengths of the network's own filters."""

POINTS: Final = 25
EXAMPLES: Final = 12
WIDTHS: Final = (2, 8, 8, 8, 1)
TURNS: Final = 150
TRAIL: Final = 5
SPOKES: Final = 12
NEAR: Final = (1e-4, 1e-5, 1e-6)
"""How far from a minimum of a slice a lower point is looked for, relative to the parameters' length."""

LOWER: Final = 1e-10
"""By how much it must be lower; targets have the mean square one."""

RESTS: Final = 1e-3
"""What a minimum of a slice may lack of being one: the fall in the slice over that in all directions."""

GLOBAL: Final = 1e-16
"""A loss below this is one at a global minimum, up to rounding."""


def minima_of_slices(seed: int, nets: int, steps: int) -> dict[str, Array]:
    """Train networks, slice the loss around each, and look in all directions from the local minima of the slice.

    Returns:
        For each network, as many for each zoom: at how many points of the slice beside its centre the search
        ``ended``; how many of them are ``minima`` of the slice; near how many of these a ``lower`` point is; the least
        relative ``gradient`` there, NaN where there are none; the ``loss`` at the centre, and by how much a point near
        the centre is lower, ``fall``. Of the slice with the most minima ``picture``, the losses, and ``spots``, where
        they are in units of half its side.
    """
    import torch

    network, loss = numerics.Mlp(WIDTHS, "relu", bias=True), numerics.SquaredError()
    members = nets * len(ZOOMS)
    seeds = range(seed, seed + members)
    drawn = numerics.Mlp((3, EXAMPLES), "linear").init(seeds, sigma_w=3**0.5).view(members, EXAMPLES, 3)
    x, y = drawn[..., :2].contiguous(), drawn[..., 2:].contiguous()
    theta = network.init(seeds, sigma_w=2**0.5)
    theta = numerics.adam(network, theta, x, y, loss, learning_rate=0.01, steps=steps).theta
    theta = numerics.levenberg_marquardt(network, theta, x, y, loss, max_steps=40).theta
    zoom = torch.tensor(ZOOMS, dtype=theta.dtype).repeat_interleave(nets)
    directions = numerics.random_directions(network, theta, seeds=seeds, count=2, vectors="keep") * zoom[:, None]
    axis = torch.linspace(-1, 1, POINTS, dtype=theta.dtype)
    losses = numerics.loss_slice(network, theta, directions, x, y, loss, steps=axis).losses
    inside = slice(1, POINTS - 1)
    low = torch.ones(members, POINTS - 2, POINTS - 2, dtype=torch.bool)
    for down in range(3):
        for right in range(3):
            if (down, right) != (1, 1):
                beside = losses[:, down : POINTS - 2 + down, right : POINTS - 2 + right]
                low &= losses[:, inside, inside] < beside
    member, first, second = low.nonzero().unbind(dim=1)
    start = torch.stack([axis[inside][first], axis[inside][second]], dim=1)

    def plane(spots: "Tensor", who: "Tensor") -> "Tensor":
        return theta[who] + spots[:, :1] * directions[0, who] + spots[:, 1:] * directions[1, who]

    def height(rows: "Tensor", who: "Tensor") -> "Tensor":
        return loss.value(network.forward(rows, x[who]), y[who])

    # a compass that turns, and a needle along what the last turns came to: kinks leave narrow ways down
    angles = torch.arange(SPOKES, dtype=theta.dtype) * (2 * math.pi / SPOKES)
    spots, best = start, height(plane(start, member), member)
    trail = [start] * TRAIL
    reach = torch.full_like(best, 1 / (POINTS - 1))
    who = member.repeat_interleave(SPOKES + 2)
    for turn in range(TURNS):
        needles = torch.stack([(angles + turn).cos(), (angles + turn).sin()], dim=1)
        onward = spots - trail[turn % TRAIL]
        trail[turn % TRAIL] = spots
        moves = torch.cat([reach[:, None, None] * needles, onward[:, None], onward[:, None] / 4], dim=1)
        tried = spots[:, None] + moves
        heights = height(plane(tried.flatten(0, 1), who), who).view(-1, SPOKES + 2)
        lowest, which = heights.min(dim=1)
        better = lowest < best
        spots = torch.where(better[:, None], tried[torch.arange(len(spots)), which], spots)
        best, reach = torch.where(better, lowest, best), torch.where(better, 1.5 * reach, 0.75 * reach)
    apart = spots.norm(dim=1) > 1 / (POINTS - 1)  # from the centre, which has a basin of its own
    member, spots = member[apart], spots[apart]
    points = torch.cat([plane(spots, member), theta])
    who = torch.cat([member, torch.arange(members)])
    falls = _falls(network, loss, points, x[who], y[who])
    within = _falls_within(network, loss, points[: len(member)], directions[:, member], x[member], y[member])
    gradient = numerics.relative_gradient_norm(network, points, x[who], y[who], loss)[: len(member)]
    ended = torch.bincount(member, minlength=members)
    falls, fall = falls[: len(member)], falls[len(member) :]
    rests = within <= (RESTS * falls).clamp(min=LOWER)
    member, spots, falls, gradient = member[rests], spots[rests], falls[rests], gradient[rests]
    nothing = torch.full((members,), torch.inf, dtype=theta.dtype)
    least = nothing.scatter_reduce(0, member, gradient, "amin")
    lower = (falls > LOWER).to(theta.dtype)
    minima = torch.bincount(member, minlength=members)
    most = int(minima.argmax())
    found = {
        "ended": ended,
        "minima": minima,
        "lower": torch.zeros_like(nothing).index_add(0, member, lower),
        "gradient": torch.where(least.isinf(), torch.nan, least),
        "loss": height(theta, torch.arange(members)),
        "fall": fall,
        "picture": losses[most],
        "spots": spots[member == most],
    }
    return {name: np.asarray(values, dtype=np.float64) for name, values in found.items()}


@claim(
    "level-sets.slice-minima",
    title="In most slices of the loss, what is a minimum of the slice is none of the loss",
    source=Source(BERNER_2022, "figure 1.5", FIGURE),
    assumptions=(
        f"ReLU networks of four layers, widths {'-'.join(map(str, WIDTHS))} with biases, trained on {EXAMPLES} points "
        "of a normal law; mean squared error; which network, data and scales the figure shows is not known",
        "slices through the trained network along two random directions with filters as long as its own, at four "
        "zooms, each with networks of its own; grid points lower than their eight neighbours are followed down in the "
        "plane by a compass search; what ends at the network itself is left out",
        "a point is a minimum of the slice if on three circles around it, of $10^{-6}$ to $10^{-4}$ of the parameters' "
        f"length and with {2 * SPOKES} points each, the slice is nowhere lower by more than a thousandth of what the "
        "loss falls by in all directions as near; it is asked how often a search ends at one, and only those count",
        "a point is no minimum if within $10^{-4}$ of the parameters' length, in the direction of a gradient or of a "
        "mean of gradients around it, there is a lower one",
    ),
    expects={Verdict.SUPPORTED},
)
def slice_minima(bench: Workbench) -> Iterator[Comparison]:
    r"""A two-dimensional slice of the loss of a ReLU network shows several local minima. In most slices that do, none
    of them is a minimum of the loss, but for the one that the slice was put through: within the slice no point near is
    lower, but in all directions the gradient does not vanish and lower points are near. So a picture of a slice with
    several minima does not show that the loss has them.
    """
    batches = bench.size(quick=1, standard=3, full=12)
    nets, steps = bench.size(quick=(20, 500), standard=(24, 1500), full=(24, 3000))
    items = [{"seed": seed >> 2, "nets": nets, "steps": steps} for seed in bench.seeds("networks", batches)]
    results = bench.map("slices", minima_of_slices, items)
    found = {
        name: np.stack([result[name] for result in results])
        for name in ("ended", "minima", "lower", "gradient", "loss", "fall")
    }
    yield Proportion(
        "searches in a slice that end at a minimum of the slice",
        successes=int(found["minima"].sum()),
        trials=int(found["ended"].sum()),
        within=(0.7, 1),
        rival=Rival("at most half of them", (0, 0.5)),
    )
    some = found["minima"] > 0
    yield Proportion(
        "slices none of whose other minima is a minimum of the loss",
        successes=int((found["lower"] == found["minima"])[some].sum()),
        trials=int(some.sum()),
        within=(0.6, 1),
        rival=Rival("at most half of them", (0, 0.5)),
    )
    yield AtLeast(
        "least relative gradient at a slice's other minima",
        bound=0.01,
        replicates=found["gradient"][some],
        rival=Rival("that of a critical point, up to what a search leaves", 1e-6),
    )
    trained = found["loss"] < GLOBAL
    yield Agrees(
        "lower points near networks of loss zero, sought in the same way",
        measured=found["fall"][trained] > LOWER,
        predicted=0,
        tolerance=0,
        reason="a global minimum has none",
        rival=Rival("one near each, as near the other minima", 1),
    )
    figure = bench.figure(
        "zooms",
        title="Local minima in slices, by zoom",
        x="half the side of the slice, in lengths of the network's filters",
        y="minima per slice beside that in the middle",
        caption=f"Means of {nets * batches} slices, and their standard errors.",
        x_scale="log",
    )
    for name, label in (("minima", "minima of the slice"), ("lower", "of these, with lower points near")):
        counts = found[name].reshape(batches, len(ZOOMS), nets).swapaxes(0, 1).reshape(len(ZOOMS), -1)
        figure.points(ZOOMS, counts.mean(axis=1), label, errors=counts.std(axis=1) / counts.shape[1] ** 0.5)
    shown = max(results, key=lambda result: len(result["spots"]))
    axis = np.linspace(-1, 1, POINTS)
    figure = bench.figure(
        "slice",
        title="The slice with the most minima",
        x="along the first direction, in half sides",
        y="along the second direction",
        caption="Colours: the decimal logarithm of the loss. Marked are minima of the slice beside that in the middle.",
    )
    figure.heat(axis, axis, np.log10(np.maximum(shown["picture"], GLOBAL)).T, "decimal logarithm of the loss")
    figure.points(shown["spots"][:, 0], shown["spots"][:, 1], "minima of the slice")


def _falls(
    network: "numerics.Mlp", loss: "numerics.SquaredError", points: "Tensor", x: "Tensor", y: "Tensor"
) -> "Tensor":
    """By how much a point near each is lower: against the gradient, and against a mean of gradients around it.

    At a kink the gradient itself may point up on the other side.
    """
    import torch

    here = loss.value(network.forward(points, x), y)
    size = points.norm(dim=1, keepdim=True)
    fall = torch.zeros_like(here)
    source = torch.Generator().manual_seed(0)
    for near in NEAR:
        slopes = torch.zeros_like(points)
        for around in range(17):
            shift = torch.randn(points.shape[1], generator=source, dtype=points.dtype) if around else torch.zeros(())
            beside = points + near * size * shift / points.shape[1] ** 0.5
            slopes += numerics.loss_and_gradient(network, beside, x, y, loss)[1]
            if around in (0, 16):
                step = near * size * slopes / slopes.norm(dim=1, keepdim=True).clamp(min=1e-300)
                fall = torch.maximum(fall, here - loss.value(network.forward(points - step, x), y))
    return fall


def _falls_within(
    network: "numerics.Mlp",
    loss: "numerics.SquaredError",
    points: "Tensor",
    directions: "Tensor",
    x: "Tensor",
    y: "Tensor",
) -> "Tensor":
    """By how much a point near each and in its slice is lower, on circles as far away as `_falls` looks.

    Their spokes are twice as many as the needles of the search, and between these as well as along them.
    """
    import torch

    here = loss.value(network.forward(points, x), y)
    size = points.norm(dim=1, keepdim=True)
    fall = torch.zeros_like(here)
    for spoke in range(2 * SPOKES):
        angle = math.pi * (spoke + 0.25) / SPOKES
        step = math.cos(angle) * directions[0] + math.sin(angle) * directions[1]
        for near in NEAR:
            beside = points + near * size * step / step.norm(dim=1, keepdim=True)
            fall = torch.maximum(fall, here - loss.value(network.forward(beside, x), y))
    return fall
