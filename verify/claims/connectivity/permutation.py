"""The order of hidden units, their signs and scales: planted at random and found again."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

import numerics
from verify import Agrees, Comparison, Rival, Source, Verdict, Workbench, claim
from verify.bibliography import AINSWORTH_2023
from verify.lectures.level_sets import PATHS

if TYPE_CHECKING:
    from torch import Tensor

Array = NDArray[np.float64]

WIDTHS: Final = {"one hidden layer": (6, 16, 3), "three hidden layers": (6, 10, 12, 10, 3)}
NOISE: Final = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
"""What is added to the second network, relative to the root mean square of its parameters."""

EXAMPLES: Final = 40
SWEEPS: Final = 60


def planted(seed: int, nets: int, depth: str, activation: str) -> dict[str, Array]:
    """Reorder the units of networks at random and find the order again.

    Signs are planted, too, for tanh, and scales for ReLU. Before units are matched by weights, networks of ReLU units
    are balanced: scaled such that every unit takes in as much as it gives out.

    Returns:
        For each network: units out of place as it is ``given`` and after matching by ``weights`` and by
        ``activations``; the largest difference of a parameter before, ``apart``, and after the former, ``left``; and
        for each noise, by its number, the share of units that are found, ``noise 0`` and so on.
    """
    import torch

    from numerics.paths.hidden_units import hidden_layers

    network = numerics.Mlp(WIDTHS[depth], activation, bias=True)
    seeds = range(seed, seed + nets)
    theta = network.init(seeds, sigma_w=1.4, sigma_b=0.5)
    layers = hidden_layers(network)
    source = torch.Generator().manual_seed(seed)
    orders, moved = [], theta
    for layer in layers:
        order = torch.stack([torch.randperm(layer.units, generator=source) for _ in range(nets)])
        signs = torch.randint(2, (nets, layer.units), generator=source).to(theta) * 2 - 1
        moved = layer.reordered(moved, order, signs if activation == "tanh" else torch.ones_like(signs))
        orders.append(order)
    scaled = moved
    if activation == "relu":
        scales = [torch.rand(nets, layer.units, generator=source, dtype=theta.dtype) * 4 - 2 for layer in layers]
        scaled = moved * numerics.unit_rescaling_factors(network, [10**scale for scale in scales])
        theta, scaled = _balanced(network, theta), _balanced(network, scaled)

    def misplaced(found: "tuple[Tensor, ...]") -> "Tensor":
        """Units that the order found, after the planted one, does not bring back to their places."""
        pairs = zip(orders, found, strict=True)
        wrong = [(one.gather(1, two) != torch.arange(one.shape[1])).sum(dim=1) for one, two in pairs]
        return torch.stack(wrong).sum(dim=0)

    x = torch.randn(EXAMPLES, network.widths[0], generator=source, dtype=theta.dtype)
    weights = numerics.match_units(network, theta, scaled)
    activations = numerics.match_units(network, theta, scaled, by="activations", x=x)
    units = sum(layer.units for layer in layers)
    found = {
        "given": misplaced(tuple(torch.arange(layer.units).expand(nets, -1) for layer in layers)),
        "weights": misplaced(weights.orders),
        "activations": misplaced(activations.orders),
        "apart": (scaled - theta).abs().amax(dim=1),
        "left": (weights.theta - theta).abs().amax(dim=1),
    }
    size = theta.norm(dim=1, keepdim=True) / network.parameters**0.5
    for number, noise in enumerate(NOISE):
        added = noise * size * torch.randn(theta.shape, generator=source, dtype=theta.dtype)
        found[f"noise {number}"] = 1 - misplaced(numerics.match_units(network, theta, scaled + added).orders) / units
    return {name: np.asarray(values, dtype=np.float64) for name, values in found.items()}


def _balanced(network: "numerics.Mlp", theta: "Tensor") -> "Tensor":
    """The same functions with units that take in as much as they give out, layer after layer until it is so for all."""
    import torch

    from numerics.paths.hidden_units import hidden_layers

    layers = hidden_layers(network)
    for _ in range(SWEEPS if len(layers) > 1 else 1):
        for number, layer in enumerate(layers):
            scales = [torch.ones(len(theta), each.units, dtype=theta.dtype) for each in layers]
            scales[number] = (layer.outgoing(theta).norm(dim=2) / layer.incoming(theta).norm(dim=2)).sqrt()
            theta = theta * numerics.unit_rescaling_factors(network, scales)
    return theta


@claim(
    "connectivity.permutation-recovery",
    title="The planted order of hidden units is found again",
    source=Source(AINSWORTH_2023, "sections 3.1 and 3.2, algorithm 1", PATHS),
    assumptions=(
        "perceptrons with biases and weights of a normal law, so that no two units are alike; units are matched one "
        "layer at a time by linear assignments, by weights from two starts, of which the better end is kept: units as "
        "they are, and in the order that matching forward through the layers finds",
        "with ReLU units both networks are first scaled such that every unit takes in as much as it gives out, in the "
        "Euclidean norm",
    ),
    expects={Verdict.SUPPORTED},
)
def permutation_recovery(bench: Workbench) -> Iterator[Comparison]:
    r"""Exchanging the hidden units of a network, or changing the signs of tanh units, or multiplying what ReLU units
    take in and dividing what they give out, leads to other parameters and the same function: every minimum has copies
    at its own level. If a network is a copy of another one, matching units finds which of them corresponds to which
    and brings its parameters back: so it was for every network tried, 6 of each kind in the quick profile, 40 in the
    standard one, 400 in the full one.

    It has to be so but for rounding. Match one layer after the other, from the inputs on, by what the units take in:
    when the layers before are in order, the inner products of corresponding rows add up to at most the rows' squared
    lengths, by the inequality of Cauchy and Schwarz, and to these in the planted order alone if no two rows are alike,
    even up to a sign. For all parameters at once the inequality says only that this order is the best one: matching by
    weights that begins with the units as they are may stop at another, where there are several layers.
    """
    nets = bench.size(quick=6, standard=40, full=400)
    cases = [(depth, activation) for depth in WIDTHS for activation in ("tanh", "relu")]
    found: dict[tuple[str, str], dict[str, Array]] = {}
    for depth, activation in cases:
        (seed,) = bench.seeds(f"{depth} of {activation}", 1)
        items = [{"seed": seed >> 2, "nets": nets, "depth": depth, "activation": activation}]
        (found[depth, activation],) = bench.map(f"{depth} of {activation}", planted, items)
    for depth, activation in cases:
        result = found[depth, activation]
        with_what = "orders and signs" if activation == "tanh" else "orders and scales"
        for by in ("weights", "activations"):
            yield Agrees(
                f"units out of place after matching by {by}, {with_what} of {activation} units, {depth}",
                measured=result[by],
                predicted=0,
                tolerance=0,
                reason="a count",
                rival=Rival("as given", result["given"]),
            )
        yield Agrees(
            f"largest difference of a parameter after matching, {with_what} of {activation} units, {depth}",
            measured=result["left"],
            predicted=0,
            tolerance=0 if activation == "tanh" else 1e-9,
            reason="not one parameter is rounded" if activation == "tanh" else "rounding, and what balancing leaves",
            rival=Rival("as given", result["apart"]),
        )
    figure = bench.figure(
        "noise",
        title="How much noise the order survives",
        x="noise on the copy, relative to its parameters",
        y="share of units found",
        caption=f"Means of {nets} networks, and their standard errors. At random one unit in each layer would be in "
        "its place.",
        x_scale="log",
    )
    for depth, activation in cases:
        shares = np.stack([found[depth, activation][f"noise {number}"] for number in range(len(NOISE))])
        errors = shares.std(axis=1) / nets**0.5
        figure.points(NOISE, shares.mean(axis=1), f"{activation}, {depth}", errors=errors)
