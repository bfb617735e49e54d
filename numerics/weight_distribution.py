r"""How the weights of trained networks are distributed: how many are near zero, and how heavy the tails are.

Conventions. What is near zero is relative to the weights themselves: |w| < t * rms, rms the root of the mean square of
the same weights, so that nothing changes where all of them are multiplied by one number. For comparison: standard
normal weights have the share erf(t/sqrt(2)) below t, 0.0797 for t = 1/10, the kurtosis 3, and in large numbers the
Hoyer sparsity 1 - sqrt(2/pi) = 0.202. Biases are no weights.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from numerics.arguments import checked_finite, checked_number, checked_tensors
from numerics.networks import Mlp


@dataclass(frozen=True)
class WeightDistribution:
    """Summaries of the weights of every member.

    Attributes:
        rms: Root of the mean square.
        thresholds: Multiples of the rms, in the order in which they were given.
        below: Share of the weights of a size below each multiple of the rms, exact zeros included; 1 where all weights
            are 0.
        kurtosis: Mean fourth power over the square of the mean square, without subtracting a mean: 1 for weights of
            one size, 3 for normal ones, n for a single weight that is not 0; NaN where all are 0.
        hoyer: (sqrt(n) - |w|_1/|w|_2)/(sqrt(n) - 1), from 0 for weights of one size to 1 for a single one that is not
            0; NaN where all are 0, or where there is one weight.
    """

    rms: Float[Tensor, " members"]
    thresholds: tuple[float, ...]
    below: Float[Tensor, "members thresholds"]
    kurtosis: Float[Tensor, " members"]
    hoyer: Float[Tensor, " members"]

    def __repr__(self) -> str:
        shares = ", ".join(
            f"{share:.1%} below {threshold:g} rms"
            for threshold, share in zip(self.thresholds, self.below.mean(0).tolist(), strict=True)
        )
        return f"WeightDistribution({len(self.rms)} members; {shares})"


@torch.no_grad()
def weight_summary(
    weights: Float[Tensor, "members weights"], *, thresholds: Sequence[float] = (0.1,)
) -> WeightDistribution:
    """Summarise some weights of every member.

    Allocates a few copies of the weights.

    Args:
        weights: One row per member.
        thresholds: Multiples of the rms, positive; at least one.

    Returns:
        The summaries, on the weights' device.

    Raises:
        TypeError: If the weights are no tensor.
        ValueError: If they are not finite or not (members, weights) with at least one of each, or a threshold is not
            positive, or there is none.

    Examples:
        >>> found = weight_summary(torch.tensor([[0.0, 0.0, 0.0, 2.0], [1.0, -1.0, 1.0, -1.0]]))
        >>> found.below.flatten().tolist(), found.kurtosis.tolist(), found.hoyer.tolist()
        ([0.75, 0.0], [4.0, 1.0], [1.0, 0.0])

    References:
        Hoyer (2004), Non-negative matrix factorization with sparseness constraints, JMLR 5, section 3.
    """
    checked_tensors(weights=weights)
    if weights.ndim != 2 or 0 in weights.shape:
        raise ValueError(f"weights must have shape (members, weights), none of them 0, got {tuple(weights.shape)}.")
    checked_finite(weights=weights)
    if len(thresholds) == 0:
        raise ValueError("thresholds must hold at least one multiple of the rms, got none.")
    multiples = tuple(checked_number("thresholds", threshold, above=0.0) for threshold in thresholds)
    largest = weights.abs().amax(1, keepdim=True)
    some = largest.squeeze(1) > 0
    sizes = weights.abs() / torch.where(largest > 0, largest, 1.0)  # so that no square overflows or vanishes
    square = sizes.square().mean(1)
    root = square.sqrt()
    below = [torch.where(some, (sizes < multiple * root[:, None]).to(sizes).mean(1), 1.0) for multiple in multiples]
    ends = weights.shape[1] ** 0.5
    hoyer = (ends - sizes.sum(1) / (root * ends)) / (ends - 1) if ends > 1 else torch.full_like(root, torch.nan)
    return WeightDistribution(
        rms=root * largest.squeeze(1),
        thresholds=multiples,
        below=torch.stack(below, 1),
        kurtosis=sizes.pow(4).mean(1) / square.square(),
        hoyer=hoyer,
    )


def layer_weight_summaries(
    network: Mlp, theta: Float[Tensor, "members parameters"], *, thresholds: Sequence[float] = (0.1,)
) -> tuple[WeightDistribution, ...]:
    """Summarise the weights of every layer, each against its own rms, without biases.

    Args:
        network: The network.
        theta: Parameters, one row per member.
        thresholds: Multiples of a layer's rms, positive; at least one.

    Returns:
        One summary per layer, from the inputs on.

    Raises:
        TypeError: If the network is no Mlp, or the parameters are no tensor.
        ValueError: As ``weight_summary``, or if ``theta`` does not fit the network.

    Examples:
        >>> network = Mlp((2, 2, 1))
        >>> layers = layer_weight_summaries(network, torch.tensor([[1.0, 0.0, 0.0, 1.0, 3.0, 3.0]]))
        >>> [layer.below.item() for layer in layers], [layer.rms.item() for layer in layers][1]
        ([0.5, 0.0], 3.0)
    """
    if not isinstance(network, Mlp):
        raise TypeError(f"network must be an Mlp, got {type(network).__name__}.")
    return tuple(weight_summary(weight.flatten(1), thresholds=thresholds) for weight, _ in network.unflatten(theta))
