"""Which weights of an ensemble of networks are kept: masks by magnitude, by any score, and at random.

Conventions. A mask is a tensor of truth values in the flat layout of the parameters, one row per member: True is kept.
Only weights are ever removed; other parameters are kept, and are not counted: biases, and of a module, whose weights
are the parameters with two or more axes, the scales of a norm too. A layer is one matrix of weights. The sparsity is
the share of all weights that is removed, so that of n weights n - round(sparsity n) are left: in the whole network
where the scope is "global", in every layer where it is "layer". Of equal scores the first in the flat layout is kept.
"""

from collections.abc import Sequence
from typing import Literal, get_args

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from numerics.arguments import checked_device, checked_finite, checked_mask, checked_number, checked_tensors
from numerics.functional_module import Network, checked_network
from numerics.networks import Mlp
from numerics.seeded import checked_seeds, generators

Scope = Literal["global", "layer"]


def mask_of_largest(
    network: Network,
    scores: Float[Tensor, "members parameters"],
    *,
    sparsity: float,
    scope: Scope = "global",
    within: Bool[Tensor, "members parameters"] | None = None,
) -> Bool[Tensor, "members parameters"]:
    """Keep the weights with the largest scores.

    Takes time in proportion to their number: the least score that is kept is found without sorting.

    Args:
        network: A perceptron or a view of a module.
        scores: One number per parameter; those of biases are not looked at.
        sparsity: Share of all weights that is removed, in [0, 1).
        scope: Whether weights compete in the whole network or in their layer.
        within: A mask whose removed weights stay removed; they count towards the sparsity.

    Returns:
        The mask.

    Raises:
        TypeError: If the network is neither a perceptron nor a view of a module, or an array no tensor.
        ValueError: If shapes do not fit, a score is not finite, the sparsity is out of range or removes a whole scope,
            the scope is another word, or ``within`` has fewer weights left than are to be kept.

    Examples:
        >>> mask_of_largest(Mlp((2, 2)), torch.tensor([[3.0, 1.0, 2.0, 4.0]]), sparsity=0.5)
        tensor([[ True, False, False,  True]])
    """
    check_rows(network, scores=scores)
    checked_finite(scores=scores)
    if within is None:
        within = torch.ones_like(scores, dtype=torch.bool)
    checked_mask("within", within, scores.shape, scores.device)
    mask = torch.ones_like(within)
    for places in _scopes(network, scope, scores.device):
        keep = _left(len(places), sparsity, scope)
        least = int(within[:, places].sum(1).min())
        if least < keep:
            raise ValueError(f"within must have {keep} weights left to keep at sparsity {sparsity}, got {least}.")
        mask[:, places] = _largest(scores[:, places].masked_fill(~within[:, places], -torch.inf), keep)
    return mask


def magnitude_mask(
    network: Network,
    theta: Float[Tensor, "members parameters"],
    *,
    sparsity: float,
    scope: Scope = "global",
    within: Bool[Tensor, "members parameters"] | None = None,
) -> Bool[Tensor, "members parameters"]:
    """Keep the weights of largest absolute value.

    Args:
        network: A perceptron or a view of a module.
        theta: Parameters, one row per member.
        sparsity: As in ``mask_of_largest``.
        scope: As in ``mask_of_largest``.
        within: As in ``mask_of_largest``.

    Returns:
        The mask.

    Raises:
        TypeError: As ``mask_of_largest``.
        ValueError: As ``mask_of_largest``.

    Examples:
        >>> theta = torch.tensor([[-3.0, 1.0, 0.2, 0.1]])
        >>> magnitude_mask(Mlp((2, 1, 2)), theta, sparsity=0.5)
        tensor([[ True,  True, False, False]])
        >>> magnitude_mask(Mlp((2, 1, 2)), theta, sparsity=0.5, scope="layer")
        tensor([[ True, False,  True, False]])

        A mask for ``prune_module``, of a module of one's own:

        >>> from numerics import FunctionalModule
        >>> view = FunctionalModule(torch.nn.Linear(3, 2))
        >>> magnitude_mask(view, view.theta, sparsity=0.5)[0].sum()  # three weights and two biases
        tensor(5)

    References:
        Han, Pool, Tran and Dally (2015), arXiv:1506.02626, section 3.
    """
    check_rows(network, theta=theta)
    return mask_of_largest(network, theta.abs(), sparsity=sparsity, scope=scope, within=within)


def random_mask(
    network: Network,
    *,
    sparsity: float,
    seeds: Sequence[int],
    scope: Scope = "global",
    device: torch.device | str = "cpu",
) -> Bool[Tensor, "members parameters"]:
    """Keep weights at random, every set of so many as likely as any other.

    Args:
        network: A perceptron or a view of a module.
        sparsity: As in ``mask_of_largest``.
        seeds: One per member.
        scope: As in ``mask_of_largest``.
        device: Where the mask shall be; draws are made on the CPU.

    Returns:
        The mask.

    Raises:
        TypeError: If the network is neither a perceptron nor a view of a module.
        ValueError: If the sparsity, the scope, a seed or the device is refused.

    Examples:
        >>> random_mask(Mlp((4, 5)), sparsity=0.8, seeds=[0, 1]).sum(1)
        tensor([4, 4])
    """
    where = checked_device(device)
    checked_network(network)
    scores = _random_scores("random mask", network.parameters, seeds)
    return mask_of_largest(network, scores, sparsity=sparsity, scope=scope).to(where)


def shuffled_mask(
    network: Network, mask: Bool[Tensor, "members parameters"], *, seeds: Sequence[int]
) -> Bool[Tensor, "members parameters"]:
    """Keep as many weights of every layer as a mask does, at random places: what is left of it is its layers' sizes.

    Args:
        network: A perceptron or a view of a module.
        mask: The mask whose layers are shuffled, each on its own.
        seeds: One per member.

    Returns:
        The shuffled mask, on the mask's device.

    Raises:
        TypeError: If the network is neither a perceptron nor a view of a module, or the mask no tensor.
        ValueError: If the mask does not fit the network, a seed is refused, or there is not one per member.

    Examples:
        >>> network = Mlp((4, 5, 2))
        >>> mask = random_mask(network, sparsity=0.5, seeds=[0])
        >>> torch.equal(kept_shares(network, shuffled_mask(network, mask, seeds=[1])), kept_shares(network, mask))
        True
    """
    _check_mask(network, mask)
    seeds = checked_seeds(seeds, len(mask))
    draws = _random_scores("shuffled mask", network.parameters, seeds).to(mask.device)
    shuffled = torch.ones_like(mask)
    for places in _scopes(network, "layer", mask.device):
        order = draws[:, places].argsort(dim=1)
        shuffled[:, places] = mask[:, places].gather(1, order)
    return shuffled


def kept_shares(network: Network, mask: Bool[Tensor, "members parameters"]) -> Float[Tensor, "members layers"]:
    """The share of the weights of every layer that a mask keeps; 0 is a layer that has collapsed.

    Layers are in the order of the flat layout.

    Raises:
        TypeError: If the network is neither a perceptron nor a view of a module, or the mask no tensor.
        ValueError: If the mask does not fit the network.

    Examples:
        >>> kept_shares(Mlp((2, 1, 2)), torch.tensor([[True, True, False, True]]))
        tensor([[1.0000, 0.5000]], dtype=torch.float64)
    """
    _check_mask(network, mask)
    layers = _scopes(network, "layer", mask.device)
    return torch.stack([mask[:, places].to(torch.float64).mean(1) for places in layers], dim=1)


def check_rows(network: Network, **rows: Tensor) -> None:
    """Refuse what is no network, and tensors that do not hold one number per parameter of at least one member.

    Raises:
        TypeError: If the network is neither a perceptron nor a view of a module, or one is no tensor.
        ValueError: If a shape does not fit the network.
    """
    checked_network(network)
    checked_tensors(**rows)
    for name, row in rows.items():
        if row.ndim != 2 or row.shape[1] != network.parameters or not len(row):
            raise ValueError(f"{name} must have shape (members, {network.parameters}), got {tuple(row.shape)}.")


def _check_mask(network: Network, mask: Tensor) -> None:
    checked_network(network)
    members = len(mask) if isinstance(mask, Tensor) and mask.ndim else 1
    checked_mask("mask", mask, (max(members, 1), network.parameters))


def _scopes(network: Network, scope: str, device: torch.device) -> list[Tensor]:
    """Places of the weights that compete with each other."""
    if scope not in get_args(Scope):
        raise ValueError(f'scope must be "global" or "layer", got {scope!r}.')
    if isinstance(network, Mlp):
        places = [(start, middle) for start, middle, _ in network.spans]
    else:
        places = [(place.start, place.stop) for place in network.weights.values()]
    if not places:
        raise ValueError("network must have weights, parameters with two or more axes, got none.")
    layers = [torch.arange(start, stop, device=device) for start, stop in places]
    return layers if scope == "layer" else [torch.cat(layers)]


def _largest(scores: Tensor, keep: int) -> Tensor:
    """Where so many of the largest scores of every row stand, of equal ones the first."""
    least = scores.topk(keep, dim=1, sorted=False).values.amin(dim=1, keepdim=True)
    chosen = scores >= least
    if int(chosen.sum(dim=1).max()) == keep:
        return chosen
    above, equal = scores > least, scores == least
    return above | (equal & (equal.cumsum(dim=1) <= keep - above.sum(dim=1, keepdim=True)))


def _left(weights: int, sparsity: float, scope: str) -> int:
    """How many of so many weights are kept."""
    share = checked_number("sparsity", sparsity, least=0.0)
    left = weights - round(share * weights)
    if left < 1:
        where = "the network" if scope == "global" else "every layer"
        raise ValueError(f"sparsity must be below 1 and leave {where} a weight, got {sparsity} of {weights} weights.")
    return left


def _random_scores(purpose: str, parameters: int, seeds: Sequence[int]) -> Tensor:
    draws = [torch.rand(parameters, generator=one, dtype=torch.float64) for one in generators(purpose, seeds)]
    return torch.stack(draws)
