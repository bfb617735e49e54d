"""Paths through trained ReLU networks, and what the reduction to a spin glass assumes about them.

Conventions. Networks have two hidden layers and no biases. A path goes from a pixel through one unit of each hidden
layer to an output; on an input it is active if both units are. With H layers of weights and Psi paths a network is
reduced to one of Lambda = Psi^(1/H) distinct weights, rounded up.
"""

import functools
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numerics

if TYPE_CHECKING:
    import torch

CLASSES = 10
LOSS = 0.1
LEARNING_RATE, BATCH_SIZE, MOST_STEPS = 0.1, 50, 4000
GROUPS = 10


def trained_networks(seed: int, *, networks: int, hidden: int, samples: int, device: str) -> Mapping[str, Any]:
    """Train networks on digits and measure every assumption, one number per network.

    Allocates (paths between hidden layers)^2 + samples x paths numbers, one network at a time. All claims ask for the
    same networks, so that a process trains them once.
    """
    return dict(_studied(seed, networks, hidden, samples, device))


@functools.lru_cache(maxsize=64)
def _studied(seed: int, networks: int, hidden: int, samples: int, device: str) -> Mapping[str, Any]:
    import torch

    x, labels = numerics.digits(samples=samples, device=device)
    network = numerics.Mlp((x.shape[1], hidden, hidden, CLASSES), "relu", bias=False)
    seeds = range(seed, seed + networks)
    start = network.init(seeds, sigma_w=2**0.5, device=device)
    end = numerics.sgd(
        network,
        start,
        x,
        labels,
        numerics.CrossEntropy(),
        learning_rate=LEARNING_RATE,
        batch_size=BATCH_SIZE,
        seeds=seeds,
        steps=MOST_STEPS,
        stop_at=LOSS,
        check_every=20,
    )
    count = distinct_weights(network)
    classes = network.forward(end.theta, x).argmax(-1)
    kept = {
        name: (network.forward(few, x).argmax(-1) == classes).double().mean(1)
        for name, few in (
            ("nearest", with_evenly_spaced_weights(end.theta, count)),
            ("equally often", with_equally_used_weights(end.theta, count)),
        )
    }
    rows: dict[str, list[torch.Tensor]] = {"between paths": [], "with inputs": []}
    for member in range(networks):
        active = path_activations(network, end.theta[member : member + 1], x)
        rows["between paths"].append(correlation_between_paths(active, hidden))
        rows["with inputs"].append(correlation_with_inputs(active, x))
    return {
        **{name: torch.stack(values) for name, values in rows.items()},
        "arrived": end.loss <= LOSS,
        **kept,
        "unevenness": unevenness_of_layers(network, end.theta),
        "growth": end.theta.square().sum(1) / start.square().sum(1),
    }


def distinct_weights(network: "numerics.Mlp") -> int:
    """Return Lambda, the number of distinct weights to which the paper reduces a network.

    Examples:
        >>> distinct_weights(numerics.Mlp((64, 16, 16, 10), "relu", bias=False))
        55
    """
    root: float = math.prod(network.widths) ** (1 / (len(network.widths) - 1))
    return math.ceil(root - 1e-9)


def with_evenly_spaced_weights(theta: "torch.Tensor", count: int) -> "torch.Tensor":
    """Replace each weight of a member by the nearest of so many evenly spaced values, from the least to the greatest.

    Examples:
        >>> import torch
        >>> with_evenly_spaced_weights(torch.tensor([[4.0, 0.0, 1.0, 2.9]]), 3).tolist()
        [[4.0, 0.0, 0.0, 2.0]]
    """
    low, high = theta.amin(1, keepdim=True), theta.amax(1, keepdim=True)
    step = (high - low) / (count - 1)
    return low + ((theta - low) / step).round() * step


def with_equally_used_weights(theta: "torch.Tensor", count: int) -> "torch.Tensor":
    """Replace the weights of each member by so many values, each used equally often: means of groups in order.

    Examples:
        >>> import torch
        >>> with_equally_used_weights(torch.tensor([[4.0, 1.0, 2.0, 3.0]]), 2).tolist()
        [[3.5, 1.5, 1.5, 3.5]]
    """
    import torch

    order = theta.argsort(dim=1)
    size = theta.shape[1]
    group = (torch.arange(size, device=theta.device) * count) // size
    sums = torch.zeros(len(theta), count, dtype=theta.dtype, device=theta.device)
    sums.index_add_(1, group, theta.gather(1, order))
    means = sums / torch.bincount(group, minlength=count)
    return torch.empty_like(theta).scatter_(1, order, means[:, group])


def path_activations(network: "numerics.Mlp", theta: "torch.Tensor", x: "torch.Tensor") -> "torch.Tensor":
    """Whether the pair of hidden units of a path is active, for one member: (samples, hidden * hidden) of 0 and 1."""
    (first, _), (second, _), _ = network.unflatten(theta)
    one = x @ first[0].T
    two = one.relu() @ second[0].T
    return ((one > 0)[:, :, None] & (two > 0)[:, None, :]).to(x.dtype).flatten(1)


def correlation_between_paths(active: "torch.Tensor", hidden: int) -> "torch.Tensor":
    """The root mean square correlation of the activations of two paths without a common unit.

    What independent samples would show by chance, 1/(samples - 1), is taken off the mean square. Paths that are always
    or never active have no correlation and are left out.
    """
    import torch

    unit, varies = _standardised(active)
    places = torch.arange(active.shape[1], device=active.device)[varies]
    one, two = places // hidden, places % hidden
    apart = (one[:, None] != one) & (two[:, None] != two)
    return _root_mean_square((unit.T @ unit)[apart], len(active))


def correlation_with_inputs(active: "torch.Tensor", x: "torch.Tensor") -> "torch.Tensor":
    """The root mean square correlation of the activation of a path and the pixel where it starts, less chance."""
    return _root_mean_square(_standardised(active)[0].T @ _standardised(x)[0], len(active))


def unevenness_of_layers(network: "numerics.Mlp", theta: "torch.Tensor") -> "torch.Tensor":
    """How far the layer where it is farthest is from using ten groups of weights equally often.

    The weights of all layers together are put into ten groups of one size, in order; the distance is half of the sum
    of the absolute differences to a tenth.
    """
    import torch

    ranks = theta.argsort(dim=1).argsort(dim=1) * GROUPS // theta.shape[1]
    distances = []
    for place in network.layers.values():
        shares = torch.stack([(ranks[:, place] == group).double().mean(1) for group in range(GROUPS)], dim=1)
        distances.append((shares - 1 / GROUPS).abs().sum(1) / 2)
    return torch.stack(distances).amax(0)


def _standardised(columns: "torch.Tensor") -> tuple["torch.Tensor", "torch.Tensor"]:
    """Columns of mean 0 and length 1, without those that do not vary, and which ones vary."""
    centred = columns - columns.mean(0)
    length = centred.norm(dim=0)
    varies = length > 1e-9 * max(1, len(columns)) ** 0.5
    return centred[:, varies] / length[varies], varies


def _root_mean_square(correlations: "torch.Tensor", samples: int) -> "torch.Tensor":
    return (correlations.square().mean() - 1 / (samples - 1)).clamp(min=0).sqrt()
