r"""Magnitude pruning in one shot or in rounds, with what is left set back to where it started after each.

Conventions. Round r of n trains, removes the smallest of the trained weights until a share of
s_r = 1 - (1 - s)^(r/n) of all weights is gone, and sets the others back to their values at the start: every round
removes the same share 1 - (1 - s)^(1/n) of what the round before left, and after n rounds s is gone. One round is one
shot. What is handed back is where each round started from and what it trained, so that the ticket is
``theta * masks[-1]``, and nothing has been trained with the last mask yet.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from numerics.arguments import checked_finite, checked_number, checked_sizes
from numerics.functional_module import Network
from numerics.pruning.masks import Scope, check_rows, magnitude_mask

_MOST = 100_000  # rounds

Train = Callable[[Tensor, Tensor], Tensor]  # (start, mask) -> where training with that mask ends
Restart = Callable[[int], Tensor]  # the weights from which round 1, 2, ... of training after the first starts


@dataclass(frozen=True)
class PruningRounds:
    """What each round of pruning left.

    Attributes:
        masks: The mask before the first round, in which all is kept, and after each of n rounds.
        trained: Where the training of each round ended, from which its mask was made.
    """

    masks: Bool[Tensor, "masks members parameters"]
    trained: Float[Tensor, "rounds members parameters"]

    def __repr__(self) -> str:
        rounds, members, _ = self.trained.shape
        return f"PruningRounds({rounds} round{'s' if rounds > 1 else ''} of {members} members)"


def removed_shares(sparsity: float, rounds: int) -> tuple[float, ...]:
    """Sparsities after each of n rounds that remove the same share of what is left: 1 - (1 - sparsity)^(r/n).

    Args:
        sparsity: The share that is removed in the end, in [0, 1).
        rounds: The number of rounds, n.

    Raises:
        ValueError: If the sparsity is not in [0, 1), or the rounds are no integer in 1..100000.

    Examples:
        >>> removed_shares(0.75, 2)
        (0.5, 0.75)
    """
    checked_sizes(rounds=rounds)
    if rounds > _MOST:
        raise ValueError(f"rounds must be at most {_MOST}, got {rounds}.")
    if checked_number("sparsity", sparsity, least=0.0) >= 1:
        raise ValueError(f"sparsity must lie in [0, 1), got {sparsity}.")
    return (*(1 - (1 - sparsity) ** (done / rounds) for done in range(1, rounds)), sparsity)


def iterative_pruning(
    network: Network,
    theta: Float[Tensor, "members parameters"],
    train: Train,
    *,
    sparsity: float,
    rounds: int,
    scope: Scope = "global",
    restart: Restart | None = None,
) -> PruningRounds:
    """Train, remove the smallest weights, set the others back to their initial values; and again.

    Trains ``rounds`` times and holds as many copies of the parameters, and the masks.

    Args:
        network: A perceptron or a view of a module.
        theta: Initial parameters, one row per member, to which every round is set back.
        train: Trains from a start with a mask and hands back the end, such as
            ``lambda start, mask: adam(network, start, x, y, loss, ..., mask=mask).theta``.
        sparsity: Share of all weights that is removed in the end, in [0, 1).
        rounds: The number of rounds; 1 prunes in one shot.
        scope: Whether weights compete in the whole network or in their layer.
        restart: Weights from which round 2, 3, ... starts in the place of the initial ones, given the number of rounds
            done: a control. None sets back.

    Returns:
        The masks and what was trained.

    Raises:
        TypeError: If the network is neither a perceptron nor a view of a module, ``train`` or ``restart`` cannot be
            called, or the parameters are no tensor.
        ValueError: If the parameters, the sparsity, the rounds or the scope is refused, ``train`` or ``restart`` hands
            back another shape, dtype or device or what is not finite, or ``train`` moves a removed weight away from 0.

    Examples:
        >>> theta = torch.tensor([[4.0, 3.0, 2.0, 1.0]])
        >>> from numerics import Mlp
        >>> found = iterative_pruning(Mlp((2, 2)), theta, lambda start, mask: start, sparsity=0.75, rounds=2)
        >>> found.masks[:, 0].int().tolist()
        [[1, 1, 1, 1], [1, 1, 0, 0], [1, 0, 0, 0]]

    References:
        Frankle and Carbin (2019), arXiv:1803.03635, section 1.
    """
    shares = removed_shares(sparsity, rounds)
    check_rows(network, theta=theta)
    checked_finite(theta=theta)
    for name, function in (("train", train), ("restart", restart)):
        if not callable(function) and not (name == "restart" and function is None):
            raise TypeError(f"{name} must be a function, got {type(function).__name__}.")
    masks, trained, start = [torch.ones_like(theta, dtype=torch.bool)], [], theta
    for done, share in enumerate(shares):
        if done and restart is not None:
            start = _like(theta, "restart", restart(done))
        end = _like(theta, "train", train(start * masks[-1], masks[-1]))
        if bool(end[~masks[-1]].any()):
            raise ValueError(
                f"train must leave removed weights at 0, got {int((end[~masks[-1]] != 0).sum())} in round {done + 1} "
                f"that are not: hand its second argument on as the mask."
            )
        trained.append(end)
        masks.append(magnitude_mask(network, end, sparsity=share, scope=scope, within=masks[-1]))
    return PruningRounds(torch.stack(masks), torch.stack(trained))


def _like(theta: Tensor, name: str, point: Tensor) -> Tensor:
    def kind(one: Tensor) -> str:
        return f"shape {tuple(one.shape)}, {one.dtype} on {one.device}"

    if not isinstance(point, Tensor) or kind(point) != kind(theta) or not bool(point.isfinite().all()):
        found = kind(point) if isinstance(point, Tensor) else type(point).__name__
        raise ValueError(f"{name} must hand back finite parameters of {kind(theta)}, got {found}.")
    return point.detach()
