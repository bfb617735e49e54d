r"""Stochastic gradient descent with small batches, for ensembles; on request in search of flat minima.

Conventions. An epoch goes through a permutation of the examples, batch_size at a time; the last batch of an epoch may
be smaller. Momentum is that of torch.optim.SGD: v <- momentum v + g, theta <- theta - learning_rate v. Every member
draws its permutations from its own seed and from nothing else.

What g is, the rule says: the gradient of one batch; with ``SharpnessAware`` the gradient of that batch at a point
nearby; with ``LocalEntropy`` that of the local entropy over gamma, from a walk over as many batches as it has steps, so
that a learning rate of 1 goes to the mean of the walk. A step of the
first two is one batch, so that pairs of one seed see the same batches; the third goes through the same batches in the
same order, more of them a step. With ``WeightAverage`` what is handed back is the mean of the points on the way. With a
mask, parameters outside it are 0 from the start on, and neither momentum nor noise moves them.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from numerics.arguments import (
    checked_integers,
    checked_mask,
    checked_number,
    checked_sizes,
    checked_steps,
    checked_tolerance,
)
from numerics.functional_module import FunctionalModule, Network
from numerics.losses import Loss, Targets
from numerics.objective import Inputs, check_problem, has_own_targets, slope
from numerics.seeded import checked_seeds, generators
from numerics.training.descent import kept, relative_norm_of_kept
from numerics.training.local_entropy import LocalEntropy, scaled_entropy_gradient
from numerics.training.result import TrainingResult
from numerics.training.sharpness_aware import SharpnessAware, sharpness_aware_gradient
from numerics.training.training_set import Arrivals, TrainingSet
from numerics.training.weight_average import WeightAverage


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
    rule: SharpnessAware | LocalEntropy | None = None,
    average: WeightAverage | None = None,
    record_at: Sequence[int] = (),
    stop_at: float | None = None,
    check_every: int | None = None,
    tolerance: float = 1e-9,
    mask: Bool[Tensor, "members parameters"] | None = None,
) -> TrainingResult:
    """Train every member by stochastic gradient descent on batches of its own.

    A member whose loss over all examples has come down to ``stop_at`` when that is looked at, or that overflowed,
    stands still from then on and costs nothing more. Allocates a handful of copies of the parameters, members x
    batch_size examples with their passes, and the records.

    Each gradient costs the same, so ``gradients`` of the result, not ``steps``, is what a fair comparison of rules
    holds equal.

    Args:
        network: A perceptron or a view of a module.
        theta: Starting parameters, one row per member. Fixes dtype and device.
        x: Inputs, shared or one set per member.
        y: Targets of the loss, shared or one set per member.
        loss: The loss; of a batch it is the mean over the batch.
        learning_rate: Step size, positive.
        batch_size: Examples in a batch, at most as many as there are.
        seeds: One per member, for the order of its examples.
        steps: Steps at most, at least 0.
        momentum: In [0, 1).
        rule: What stands in for the gradient of a batch; None for that gradient itself. With ``LocalEntropy`` the
            learning rate is a share of the way to the mean of the walk, 1 for all of it, whatever gamma is; the walk's
            noise comes from each member's own seed too.
        average: Which points to average; None for the last one. The average is what is looked at, recorded and handed
            back: until it begins, at one of the steps, it is the current point, and no member arrives.
        record_at: Steps, in 0..steps, at which the parameters are kept: 0 is the start, k the point after k steps.
        stop_at: The loss over all examples at which a member has arrived; None to take all steps.
        check_every: After how many steps that loss is looked at, besides the start and the end; if None about an epoch.
        tolerance: Relative gradient norm, over all examples, at which the end counts as converged, in (0, 1).
        mask: Parameters that take part; the others are set to 0 and stay there. None for all. The relative gradient
            then counts those in the mask.

    Returns:
        The end of every member, with the steps that it took and whether it arrived; the trajectory at the recorded
        steps. Loss and relative gradient norm are over all examples. Those recorded after a member's end hold its end.

    Raises:
        TypeError: If a piece of the problem, the rule or the average is of the wrong kind.
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

        Sharpness-aware on theta^2/2: the gradient is theta + rho, two gradients a step.

        >>> end = sgd(
        ...     Mlp((1, 1), "linear"), torch.tensor([[8.0]]), x, y, SquaredError(prefactor=0.5),
        ...     learning_rate=0.5, batch_size=2, seeds=[0], steps=1, rule=SharpnessAware(rho=1.0),
        ... )
        >>> end.theta.item(), end.gradients.item()
        (3.5, 2)
    """
    check_problem(network, theta, x, y, loss)
    own = has_own_targets(y)
    own_inputs = own if isinstance(network, FunctionalModule) else x.ndim == 3
    examples = x.shape[1 if own_inputs else 0]
    learning_rate = checked_number("learning_rate", learning_rate, above=0.0)
    checked_sizes(batch_size=batch_size)
    if batch_size > examples:
        raise ValueError(f"batch_size must be at most {examples}, the number of examples, got {batch_size}.")
    checked_seeds(seeds, len(theta))
    steps = checked_steps(steps)
    momentum = checked_number("momentum", momentum, least=0.0)
    if momentum >= 1:
        raise ValueError(f"momentum must lie in [0, 1), got {momentum}.")
    if not isinstance(rule, SharpnessAware | LocalEntropy | None):
        raise TypeError(f"rule must be a SharpnessAware, a LocalEntropy or None, got {rule!r}.")
    if not isinstance(average, WeightAverage | None):
        raise TypeError(f"average must be a WeightAverage or None, got {average!r}.")
    if average is not None and average.start > steps:
        raise ValueError(f"average must start at one of the {steps} steps, got start {average.start}.")
    moments = checked_integers("record_at", record_at, steps)
    target = None if stop_at is None else checked_number("stop_at", stop_at, least=0.0)
    if check_every is None:
        batches = rule.langevin_steps if isinstance(rule, LocalEntropy) else 1
        check_every = -(-examples // (batch_size * batches))
    checked_sizes(check_every=check_every)
    checked_tolerance(tolerance)
    if mask is not None:
        checked_mask("mask", mask, theta.shape, theta.device)
    data = TrainingSet(network, x, y, loss, own_inputs, own)
    draws = _Draws(
        [_batches(generator, examples, batch_size) for generator in generators("batches", seeds)],
        list(generators("langevin", seeds)) if isinstance(rule, LocalEntropy) else [],
    )
    end, taken, reached, records = _run(
        data,
        kept(mask, theta.clone()),
        draws,
        learning_rate=learning_rate,
        momentum=momentum,
        rule=rule,
        average=average,
        arrivals=None if target is None else Arrivals(data, len(theta), target),
        steps=steps,
        check_every=check_every,
        moments=moments,
        mask=mask,
    )
    value = data.loss_of(torch.arange(len(end), device=end.device), end)
    norms = relative_norm_of_kept(network, end, x, y, loss, mask)
    trajectory = torch.stack(records) if records else end.new_empty(0, *end.shape)
    arrived = None if target is None else reached
    gradients = taken * (1 if rule is None else rule.gradients_per_step)
    return TrainingResult(end, value, norms, norms <= tolerance, taken, trajectory, moments, arrived, gradients)


@dataclass(frozen=True)
class _Draws:
    """What is random, one source a member."""

    batches: list[Iterator[Tensor]]
    noise: list[torch.Generator]

    def batch(self, members: Tensor) -> Tensor:
        """Places of the examples in the next batch of some members."""
        return torch.stack([next(self.batches[member]) for member in members.tolist()]).to(members.device)

    def normal(self, members: Tensor, like: Tensor) -> Tensor:
        """Standard normal numbers, one for each parameter of some members, drawn as all ensembles are."""
        rows = [
            torch.randn(like.shape[1], generator=self.noise[member], dtype=torch.float64) for member in members.tolist()
        ]
        return torch.stack(rows).to(dtype=like.dtype).to(device=like.device)


def _batches(generator: torch.Generator, examples: int, batch_size: int) -> Iterator[Tensor]:
    """Places of the examples of one batch after the other, epoch after epoch."""
    while True:
        yield from torch.split(torch.randperm(examples, generator=generator), batch_size)


def _direction(
    data: TrainingSet,
    draws: _Draws,
    members: Tensor,
    point: Tensor,
    rule: SharpnessAware | LocalEntropy | None,
    mask: Tensor | None,
) -> Tensor:
    """What some members take for the gradient at their points."""

    def on_fresh_batch() -> Callable[[list[Tensor]], list[Tensor]]:
        batch = data.batch(members, draws.batch(members))
        return lambda points: [kept(mask, slope(data.network, points[0], *batch, data.loss)[1])]

    if rule is None:
        return on_fresh_batch()([point])[0]
    if isinstance(rule, SharpnessAware):
        return sharpness_aware_gradient([point], [rule], on_fresh_batch())[0]
    return scaled_entropy_gradient(
        [point], [rule], lambda points: on_fresh_batch()(points), lambda: [kept(mask, draws.normal(members, point))]
    )[0]


def _run(
    data: TrainingSet,
    theta: Tensor,
    draws: _Draws,
    *,
    learning_rate: float,
    momentum: float,
    rule: SharpnessAware | LocalEntropy | None,
    average: WeightAverage | None,
    arrivals: Arrivals | None,
    steps: int,
    check_every: int,
    moments: tuple[int, ...],
    mask: Tensor | None,
) -> tuple[Tensor, Tensor, Tensor, list[Tensor]]:
    """Where every member ends, the steps it took, whether it arrived, and the recorded points."""
    taken = torch.zeros(len(theta), dtype=torch.int64, device=theta.device)
    reached = torch.zeros(len(theta), dtype=torch.bool, device=theta.device)
    members = torch.arange(len(theta), device=theta.device)  # those that still move
    point, velocity = theta.clone(), torch.zeros_like(theta)
    shown = point  # what would be handed back
    records = []
    for step in range(steps + 1):
        if step:
            now = rule.at(step - 1) if isinstance(rule, LocalEntropy) else rule
            own = None if mask is None else mask[members]
            gradient = _direction(data, draws, members, point, now, own)
            velocity = velocity * momentum + gradient if momentum else gradient
            trial = point - learning_rate * velocity
            sound = trial.isfinite().all(1)
            if bool(sound.all()):
                point = trial
            else:
                theta[members] = shown
                members, point, velocity, shown = members[sound], trial[sound], velocity[sound], shown[sound]
            shown = point if average is None else average.updated(shown, point, step)
            taken[members] = step
        looked_at = step % check_every == 0 or step == steps
        if arrivals is not None and len(members) and looked_at and (average is None or average.count(step)):
            arrived = arrivals.among(members, shown)
            if bool(arrived.any()):
                theta[members] = shown
                reached[members[arrived]] = True
                members, point, velocity, shown = (each[~arrived] for each in (members, point, velocity, shown))
        if step in moments:
            theta[members] = shown
            records.append(theta.clone())
        if not len(members):
            records += [theta.clone() for moment in moments if moment > step]
            break
    theta[members] = shown
    return theta, taken, reached, records
