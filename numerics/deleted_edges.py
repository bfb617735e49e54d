r"""What deleting edges of a network can change in its outputs, bounded by norms of the layers.

Conventions. A network of L layers without biases, z_l = W_l h_(l-1), h_l = f(z_l) but for the last; f has slopes of
size at most 1 and f(0) = 0. V_l is W_l with the deleted edges set to 0. Norms of matrices are spectral ones. With one
layer changed after the other,

.. math:: |z_L(W) - z_L(V)| \le \sum_l \Bigl(\prod_{k > l} |W_k|\Bigr) |(W_l - V_l) h'_{l-1}|
          \le |x| \sum_l \Bigl(\prod_{k > l} |W_k|\Bigr) |W_l - V_l| \prod_{k < l} |V_k|

with h' what the network with the V_l has in the place of h. Both are equalities where all vectors stay parallel, as in
networks with equal positive weights of which every unit loses equally many at both ends.
"""

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from numerics.arguments import checked_finite, checked_mask, checked_number
from numerics.networks import Mlp

_CONTRACTIONS = ("linear", "relu", "leaky_relu", "tanh", "sine")


@torch.no_grad()
def smallest_edges(
    network: Mlp, theta: Float[Tensor, "members parameters"], share: float
) -> Bool[Tensor, "members parameters"]:
    """Which parameters are the smallest weights: the given share of each layer's, in every member.

    Args:
        network: The network.
        theta: Parameters, one row per member.
        share: Of each layer's weights, in [0, 1]; their number is rounded.

    Returns:
        Truth values in the shape of ``theta``; no bias is among them.

    Raises:
        TypeError: If the network is no Mlp, or the parameters are no tensor.
        ValueError: If ``theta`` does not fit the network or is not finite, or the share is not in [0, 1].

    Examples:
        >>> smallest_edges(Mlp((2, 1, 2)), torch.tensor([[3.0, -1.0, 0.0, 5.0]]), 0.5).tolist()
        [[False, True, True, False]]
    """
    _check_network(network)
    network.unflatten(theta)
    checked_finite(theta=theta)
    try:
        part = checked_number("share", share)
    except ValueError:
        part = math.nan
    if not 0 <= part <= 1:
        raise ValueError(f"share must lie in [0, 1], got {share!r}.")
    chosen = torch.zeros_like(theta, dtype=torch.bool)
    for start, middle, _ in network.spans:
        order = theta[:, start:middle].abs().argsort(dim=1)
        chosen[:, start:middle].scatter_(1, order[:, : round(part * (middle - start))], value=True)
    return chosen


@torch.no_grad()
def deletion_bound(
    network: Mlp,
    theta: Float[Tensor, "members parameters"],
    deleted: Bool[Tensor, "members parameters"],
    x: Float[Tensor, "batch inputs"] | Float[Tensor, "members batch inputs"],
) -> Float[Tensor, "members batch"]:
    r"""Bound how far deleting edges moves the outputs, by norms of the layers.

    .. math:: |x| \sum_l \Bigl(\prod_{k > l} |W_k|\Bigr) |W_l - V_l| \prod_{k < l} |V_k|

    W_l are the layers, V_l what is left of them, and the norms spectral ones. Of trained networks it may be a hundred
    times what is seen. Allocates two copies of the parameters and their singular value decompositions.

    Args:
        network: A perceptron without biases, whose activation has slopes of size at most 1 and keeps 0: linear, relu,
            leaky_relu, tanh or sine.
        theta: Parameters, one row per member.
        deleted: Truth values in the shape of ``theta``.
        x: Inputs, shared or one set per member.

    Returns:
        One bound per member and example.

    Raises:
        TypeError: If the network is no Mlp, or an array no tensor.
        ValueError: If the network has biases or another activation, or the pieces do not fit or are not finite.

    Examples:
        >>> network, theta = Mlp((1, 1, 1), "relu"), torch.tensor([[2.0, 3.0]])
        >>> deletion_bound(network, theta, torch.tensor([[False, True]]), torch.ones(1, 1)).item()
        6.0
    """
    inputs, layers = _checked(network, theta, deleted, x)
    lengths = torch.linalg.vector_norm(inputs, dim=-1)
    change, reach = torch.zeros_like(theta[:, 0]), torch.ones_like(theta[:, 0])
    for whole, left in layers:
        norms = [torch.linalg.matrix_norm(weight, 2) for weight in (whole, whole - left, left)]
        change = norms[0] * change + norms[1] * reach
        reach = norms[2] * reach
    bound: Tensor = change[:, None] * lengths
    return bound


@torch.no_grad()
def carried_deletion_bound(
    network: Mlp,
    theta: Float[Tensor, "members parameters"],
    deleted: Bool[Tensor, "members parameters"],
    x: Float[Tensor, "batch inputs"] | Float[Tensor, "members batch inputs"],
) -> Float[Tensor, "members batch"]:
    r"""Bound how far deleting edges moves the outputs, by what these edges carry and the norms of the layers above.

    .. math:: \sum_l \Bigl(\prod_{k > l} |W_k|\Bigr) |(W_l - V_l) h'_{l-1}|

    h' is what the network has in each layer after the deletion. Never larger than ``deletion_bound``; exact where only
    edges of the last layer are deleted. Allocates as that does, and the units of one layer.

    Args:
        network: As in ``deletion_bound``.
        theta: As in ``deletion_bound``.
        deleted: As in ``deletion_bound``.
        x: As in ``deletion_bound``.

    Returns:
        One bound per member and example.

    Raises:
        TypeError: As ``deletion_bound``.
        ValueError: As ``deletion_bound``.

    Examples:
        >>> network, theta = Mlp((2, 1), "relu"), torch.tensor([[2.0, 3.0]])
        >>> deleted = torch.tensor([[False, True]])
        >>> carried_deletion_bound(network, theta, deleted, torch.tensor([[4.0, 0.0], [4.0, 1.0]])).tolist()
        [[0.0, 3.0]]
    """
    inputs, layers = _checked(network, theta, deleted, x)
    units = inputs.expand(len(theta), *inputs.shape[-2:])
    change = torch.zeros_like(units[..., 0])
    for whole, left in layers:
        carried = torch.linalg.vector_norm(units @ (whole - left).mT, dim=-1)
        change = torch.linalg.matrix_norm(whole, 2)[:, None] * change + carried
        units = network.nonlinearity(units @ left.mT)
    bound: Tensor = change
    return bound


def _checked(network: Mlp, theta: Tensor, deleted: Tensor, x: Tensor) -> tuple[Tensor, list[tuple[Tensor, Tensor]]]:
    """The inputs of each member, and each layer's weights before and after the deletion."""
    _check_network(network)
    if network.bias:
        raise ValueError("network must have no biases, got one that has.")
    if network.activation not in _CONTRACTIONS:
        raise ValueError(f"activation must be one of {', '.join(_CONTRACTIONS)}, got {network.nonlinearity.name}.")
    layers = network.unflatten(theta)
    checked_mask("deleted", deleted, theta.shape, theta.device)
    inputs = network.spread(theta, x)
    checked_finite(theta=theta, x=x)
    kept = network.unflatten(theta.masked_fill(deleted, 0.0))
    return inputs, [(whole, left) for (whole, _), (left, _) in zip(layers, kept, strict=True)]


def _check_network(network: Mlp) -> None:
    if not isinstance(network, Mlp):
        raise TypeError(f"network must be an Mlp, got {type(network).__name__}.")
