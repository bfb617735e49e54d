r"""Stochastic gradient descent with small batches, for ensembles.

Conventions. An epoch goes through a permutation of the examples, batch_size at a time; the last batch of an epoch may
be smaller. A step is one batch. Momentum is that of torch.optim.SGD: v <- momentum v + g, theta <- theta -
learning_rate v. Every member draws its permutations from its own seed and from nothing else.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from numerics.arguments import checked_integers, checked_number, checked_sizes, checked_tolerance, integer
from numerics.functional_module import FunctionalModule, Network
from numerics.losses import Loss, Targets
from numerics.objective import Inputs, check_problem, has_own_targets, relative_gradient_norm, slope
from numerics.seeded import checked_seeds, generators
from numerics.training.result import TrainingResult

_EXAMPLES = 2**12  # times members: what one pass for the full training loss takes at a time


@torch.no_grad()
def sgd(
    network: Network,
    theta: Float[Tensor, "members parameters"],
    x: Inputs,
    y: Targets,
    loss: Loss,
    *,
    learning_rate: float,
    batch_size: int,
    seeds: Sequence[int],
    steps: int,
    momentum: float = 0.0,
    record_at: Sequence[int] = (),
    stop_at: float | None = None,
    check_every: int | None = None,
    tolerance: float = 1e-9,
) -> TrainingResult:
    """Train every member by stochastic gradient descent on batches of its own.

    A member whose loss over all examples has come down to ``stop_at`` when that is looked at, or that overflowed,
    stands still from then on and costs nothing more. Allocates a handful of copies of the parameters, members x
    batch_size examples with their passes, and the records.

    Args:
        network: A perceptron or a view of a module.
        theta: Starting parameters, one row per member. Fixes dtype and device.
        x: Inputs, shared or one set per member.
        y: Targets of the loss, shared or one set per member.
        loss: The loss; of a batch it is the mean over the batch.
        learning_rate: Step size, positive.
        batch_size: Examples in a batch, at most as many as there are.
        seeds: One per member, for the order of its examples.
        steps: Batches at most, at least 0.
        momentum: In [0, 1).
        record_at: Steps, in 0..steps, at which the parameters are kept: 0 is the start, k the point after k batches.
        stop_at: The loss over all examples at which a member has arrived; None to take all steps.
        check_every: After how many steps that loss is looked at, besides the start and the end; one epoch if None.
        tolerance: Relative gradient norm, over all examples, at which the end counts as converged, in (0, 1).

    Returns:
        The end of every member, with the steps that it took and whether it arrived; the trajectory at the recorded
        steps. Loss and relative gradient norm are over all examples. Those recorded after a member's end hold its end.

    Raises:
        TypeError: If a piece of the problem is of the wrong kind.
        ValueError: If the problem's pieces do not fit or are not finite, or a number is out of range.

    Examples:
        >>> from numerics import Mlp, SquaredError
        >>> x, y = torch.ones(4, 1), torch.zeros(4, 1)
        >>> end = sgd(
        ...     Mlp((1, 1), "linear"), torch.tensor([[8.0], [1.0]]), x, y, SquaredError(prefactor=0.5),
        ...     learning_rate=0.5, batch_size=2, seeds=[0, 1], steps=9, stop_at=0.1, check_every=1,
        ... )
        >>> end.steps.tolist(), end.reached.tolist(), end.theta.flatten().tolist()
        ([5, 2], [True, True], [0.25, 0.25])
    """
    check_problem(network, theta, x, y, loss)
    own = has_own_targets(y)
    own_inputs = own if isinstance(network, FunctionalModule) else x.ndim == 3
    examples = x.shape[1 if own_inputs else 0]
    learning_rate = checked_number("learning_rate", learning_rate, above=0.0)
    checked_sizes(batch_size=batch_size)
    if batch_size > examples:
        raise ValueError(f"batch_size must be at most {examples}, the number of examples, got {batch_size}.")
    if len(checked_seeds(seeds)) != len(theta):
        raise ValueError(f"seeds must hold one integer per member, {len(theta)}, got {len(seeds)}.")
    if integer(steps) is None or steps < 0:
        raise ValueError(f"steps must be an integer >= 0, got {steps!r}.")
    momentum = checked_number("momentum", momentum, least=0.0)
    if momentum >= 1:
        raise ValueError(f"momentum must lie in [0, 1), got {momentum}.")
    moments = checked_integers("record_at", record_at, steps)
    target = None if stop_at is None else checked_number("stop_at", stop_at, least=0.0)
    check_every = -(-examples // batch_size) if check_every is None else check_every
    checked_sizes(check_every=check_every)
    checked_tolerance(tolerance)
    data = _Examples(network, x, y, loss, own_inputs, own)
    end, taken, reached, records = _run(
        data,
        theta.clone(),
        [_batches(generator, examples, batch_size) for generator in generators("batches", seeds)],
        learning_rate=learning_rate,
        momentum=momentum,
        target=target,
        steps=steps,
        check_every=check_every,
        moments=moments,
    )
    value = data.loss_of(torch.arange(len(end), device=end.device), end)
    norms = relative_gradient_norm(network, end, x, y, loss)
    trajectory = torch.stack(records) if records else end.new_empty(0, *end.shape)
    arrived = None if target is None else reached
    return TrainingResult(end, value, norms, norms <= tolerance, taken, trajectory, moments, arrived)


@dataclass(frozen=True)
class _Examples:
    """The training set, from which members take batches of their own."""

    network: Network
    x: Tensor
    y: Tensor
    loss: Loss
    own_x: bool  # whether x has a members axis
    own_y: bool

    def batch(self, members: Tensor, chosen: Tensor) -> tuple[Tensor, Tensor]:
        """The chosen examples, (members, batch), of some members."""
        rows = members[:, None]
        x = self.x[rows, chosen] if self.own_x else self.x[chosen]
        return x, self.y[rows, chosen] if self.own_y else self.y[chosen]

    def loss_of(self, members: Tensor, theta: Tensor) -> Tensor:
        """Loss over all examples of some members, infinity where it overflows."""
        examples = self.x.shape[1 if self.own_x else 0]
        total = theta.new_zeros(len(theta))
        for places in torch.split(torch.arange(examples, device=theta.device), max(1, _EXAMPLES // len(theta))):
            x, y = self.batch(members, places.expand(len(theta), -1))
            outputs = (
                self.network.forward(theta, x, shared=False)
                if isinstance(self.network, FunctionalModule)
                else self.network.forward(theta, x)
            )
            total += self.loss.value(outputs, y) * (len(places) / examples)
        return total.nan_to_num(nan=torch.inf, posinf=torch.inf)


def _batches(generator: torch.Generator, examples: int, batch_size: int) -> Iterator[Tensor]:
    """Places of the examples of one batch after the other, epoch after epoch."""
    while True:
        yield from torch.split(torch.randperm(examples, generator=generator), batch_size)


def _run(
    data: _Examples,
    theta: Tensor,
    draws: list[Iterator[Tensor]],
    *,
    learning_rate: float,
    momentum: float,
    target: float | None,
    steps: int,
    check_every: int,
    moments: tuple[int, ...],
) -> tuple[Tensor, Tensor, Tensor, list[Tensor]]:
    """Where every member ends, the steps it took, whether it arrived, and the recorded points."""
    taken = torch.zeros(len(theta), dtype=torch.int64, device=theta.device)
    reached = torch.zeros(len(theta), dtype=torch.bool, device=theta.device)
    members = torch.arange(len(theta), device=theta.device)  # those that still move
    point, velocity = theta.clone(), torch.zeros_like(theta)
    records = []
    for step in range(steps + 1):
        if step:
            chosen = torch.stack([next(draws[member]) for member in members.tolist()]).to(theta.device)
            _, gradient = slope(data.network, point, *data.batch(members, chosen), data.loss)
            velocity = velocity * momentum + gradient if momentum else gradient
            trial = point - learning_rate * velocity
            sound = trial.isfinite().all(1)
            if bool(sound.all()):
                point = trial
            else:
                theta[members] = point
                theta[members[sound]] = trial[sound]
                members, point, velocity = members[sound], trial[sound], velocity[sound]
            taken[members] = step
        if target is not None and len(members) and (step % check_every == 0 or step == steps):
            arrived = data.loss_of(members, point) <= target
            if bool(arrived.any()):
                theta[members] = point
                reached[members[arrived]] = True
                members, point, velocity = members[~arrived], point[~arrived], velocity[~arrived]
        if step in moments:
            theta[members] = point
            records.append(theta.clone())
        if not len(members):
            records += [theta.clone() for moment in moments if moment > step]
            break
    theta[members] = point
    return theta, taken, reached, records
