"""How many dimensions the functions of a network have around a generic one, against its number of parameters."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

import numerics
import theory
from verify import Agrees, Bounds, Comparison, Identity, Proportion, Rival, Source, Verdict, Workbench, claim
from verify.bibliography import GRIGSBY_2022
from verify.claims.generalisation.affine_pieces import activation_patterns, rank_everywhere
from verify.lectures.generalisation import DIMENSION

Array = NDArray[np.float64]

SHALLOW: Final[tuple[tuple[int, ...], ...]] = ((3, 8, 2), (5, 12, 3))
DEEP: Final = (3, 6, 4, 1)
SAMPLES: Final = 400
SPREAD: Final = 3.0
"""Standard deviation of the inputs, so that every unit switches among them."""

TOLERANCE: Final = 1e-10
"""Below this share of the largest a singular value counts as 0."""


def ranks(seed: int, networks: int, widths: str, activation: str) -> dict[str, Array]:
    """The ranks of the Jacobians of random networks at common random inputs.

    Args:
        seed: Of networks and inputs.
        networks: How many.
        widths: Units of every layer, joined by hyphens.
        activation: Of the hidden units.

    Returns:
        "rank", one a network; "values", the singular values of the first one over the largest.
    """
    sizes = tuple(int(width) for width in widths.split("-"))
    network = numerics.Mlp(sizes, activation, bias=True)
    found = _sampled(network, _drawn(network, seed, networks), seed)
    return {"rank": found.rank.numpy().astype(np.float64), "values": found.values[0].numpy()}


def deep_ranks(seed: int, networks: int) -> dict[str, Array]:
    """The ranks of the Jacobians of random networks with two hidden layers over the whole input space.

    Args:
        seed: Of networks and inputs.
        networks: How many.

    Returns:
        One number a network: "rank", over all regions on which it is affine; "sampled", at common random inputs;
        "switching", 1 if every unit of the second hidden layer is on somewhere and off elsewhere, otherwise 0.
    """
    network = numerics.Mlp(DEEP, "relu", bias=True)
    theta = _drawn(network, seed, networks)
    rows = []
    for member in theta.split(1):
        first, second, last = (
            (weight[0].numpy(), bias[0].numpy()) for weight, bias in network.unflatten(member) if bias is not None
        )
        layers = (first, second, last)
        patterns = activation_patterns(layers)
        rank, _, _ = rank_everywhere(layers, patterns, tolerance=TOLERANCE)
        _, on = patterns
        rows.append((rank, (on.any(axis=0) & ~on.all(axis=0)).all()))
    rank, switching = np.array(rows, dtype=np.float64).T
    sampled = _sampled(network, theta, seed).rank.numpy().astype(np.float64)
    return {"rank": rank, "sampled": sampled, "switching": switching}


def _drawn(network: "numerics.Mlp", seed: int, networks: int) -> Any:
    return network.init(range(seed, seed + networks), sigma_w=2.0, sigma_b=0.5)


def _sampled(network: "numerics.Mlp", theta: Any, seed: int) -> "numerics.FunctionalRank":
    import torch

    generator = torch.Generator().manual_seed(seed)
    x = SPREAD * torch.randn(SAMPLES, network.widths[0], generator=generator, dtype=torch.float64)
    return numerics.functional_rank(network, theta, x, tolerance=TOLERANCE)


@claim(
    "generalisation.functional-dimension",
    title="A ReLU network has fewer dimensions than parameters: one less for every hidden unit",
    source=Source(GRIGSBY_2022, "on the upper bound; Fukumizu (1996) for tanh", DIMENSION),
    assumptions=(
        "biases in all layers, linear outputs; generic parameters: no unit is dead, constant or equal to another one, "
        "and functions are compared all over the input space",
        "measured with one hidden layer: the ranks of Jacobians of random networks at 400 normal inputs of standard "
        "deviation 3, where a singular value below $10^{-10}$ of the largest counts as 0",
        "measured with two, weights $N(0, 4/\\text{fan-in})$, biases $N(0, 1/4)$: the same on every region on which "
        "the network is affine, all of which are found at their corners",
    ),
    expects={Verdict.SUPPORTED},
)
def functional_dimension(bench: Workbench) -> Iterator[Comparison]:
    r"""The functions of a network near one of them have as many dimensions as the derivatives by its $P$ parameters
    that are linearly independent. For one hidden layer of $h$ tanh units with $n$ inputs and $k$ outputs these are all
    of them, $P = h(n + 1) + k(h + 1)$. For ReLU units they are $P - h$: the incoming weights of a unit can be
    multiplied by a factor and the outgoing ones divided by it.

    In deeper ReLU networks the number of hidden units is what at least is lost. Over the whole input space some random
    networks lose no more. Others do, among them all in which a unit of the second hidden layer never switches. A rank
    at sampled inputs is only a lower bound: 400 of them miss dimensions of some networks 3-6-4-1 and of others none.
    """
    from sympy import symbols

    n, h, k = symbols("n h k", integer=True, positive=True)
    relu, tanh = h * (n + k) + k, h * (n + 1) + k * (h + 1)
    derivation = theory.functional_dimension()
    yield Identity(
        "one hidden layer of ReLU units", derivation=derivation, claimed=relu, rival=Rival("all parameters", tanh)
    )
    yield Identity(
        "one hidden layer of tanh units",
        derivation=derivation,
        part="tanh",
        claimed=tanh,
        rival=Rival("one less a unit, as for ReLU", relu),
    )
    networks = bench.size(quick=10, standard=40, full=100)

    def measured(widths: tuple[int, ...], activation: str, count: int) -> dict[str, Array]:
        name = "-".join(map(str, widths))
        purpose = f"{activation} {name}"
        items = [
            {"seed": seed, "networks": count, "widths": name, "activation": activation}
            for seed in bench.seeds(purpose, 1)
        ]
        (found,) = bench.map(purpose, ranks, items)
        return found

    found = {
        (activation, widths): measured(widths, activation, networks)
        for widths in SHALLOW
        for activation in ("relu", "tanh")
    }
    for activation, name, part, other in (("relu", "ReLU", None, "tanh"), ("tanh", "tanh", "tanh", None)):
        counts = [[float(derivation.at(part=which, n=a, h=b, k=c)) for a, b, c in SHALLOW] for which in (part, other)]
        predicted, rival = (np.repeat(np.array(row)[:, None], networks, axis=1) for row in counts)
        yield Agrees(
            f"ranks of random {name} networks 3-8-2 and 5-12-3",
            measured=np.stack([found[activation, widths]["rank"] for widths in SHALLOW]),
            predicted=predicted,
            tolerance=0,
            reason="counts",
            rival=Rival("all parameters" if activation == "relu" else "one less a unit", rival),
        )
    count = bench.size(quick=120, standard=400, full=1000)
    (deep,) = bench.map("deep", deep_ranks, [{"seed": seed, "networks": count} for seed in bench.seeds("deep", 1)])
    parameters = sum((fan_in + 1) * fan_out for fan_in, fan_out in pairwise(DEEP))
    bound = np.full(count, float(parameters - sum(DEEP[1:-1])))
    yield Bounds(
        "ranks of random ReLU networks 3-6-4-1 on all regions: at most the parameters less the hidden units, and less "
        "than that where a unit of the second layer never switches",
        smaller=deep["rank"],
        larger=bound - (1 - deep["switching"]),
        tolerance=0,
        reason="counts",
        rival=Rival("less than that in every network", bound - 1),
    )
    yield Proportion(
        "random ReLU networks 3-6-4-1 that lose more than one dimension a hidden unit",
        successes=int(np.count_nonzero(deep["rank"] < bound)),
        trials=count,
        within=(0.05, 0.9),
        rival=Rival("none: every network reaches the bound", 0),
    )
    yield Proportion(
        "random ReLU networks 3-6-4-1 with a lower rank at 400 inputs",
        successes=int(np.count_nonzero(deep["sampled"] < deep["rank"])),
        trials=count,
        within=(0.05, 0.95),
        rival=Rival("none: so many inputs are enough", 0),
    )
    _draw(bench, found)


def _draw(bench: Workbench, found: dict[tuple[str, tuple[int, ...]], dict[str, Array]]) -> None:
    figure = bench.figure(
        "values",
        title="Singular values of the Jacobian, parameters to functions",
        x="singular values, in order of size",
        y="singular value over the largest",
        y_scale="log",
        caption="One network 5-12-3 of each kind, 111 parameters. With ReLU units 12 are 0 up to rounding.",
    )
    for activation, name in (("relu", "ReLU"), ("tanh", "tanh")):
        values = np.maximum(found[activation, SHALLOW[1]]["values"], 1e-18)
        figure.points(np.arange(1, len(values) + 1), values, name)
