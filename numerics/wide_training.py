r"""Gradient descent and gradient flow on squared errors, watched as lazy training is: how fast, and how far from home.

Conventions. The loss is prefactor x mean over m examples of |e|^2. L is its curvature in the directions that move
outputs, 2 prefactor/m times the largest eigenvalue of the tangent kernel, one number per member. Descent takes steps
of edge/L with L that of the start and an edge in (0, 2): beyond 2 the largest error grows from step to step. The flow
is d theta/dt = -grad loss, and its times are asked for in units of 1/L, so that one grid fits every width: where the
kernel grows in proportion to the width, equal times in these units are times in proportion to 1/width.

The flow is integrated by the Runge-Kutta pair of Dormand and Prince, of orders 5 and 4. The members of a chunk share
the step, in units of 1/L, that keeps the difference of the two orders in every member below the tolerance times how far
the member has come, |theta - theta_0| + |step|. Flow to a minimum contracts, so that errors fade along the stiff
directions; stability keeps steps below about 3/L whatever the tolerance.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor

from numerics.arguments import checked_integers, checked_number, checked_steps, checked_tolerance
from numerics.empirical_kernel import TangentKernel, tangent_kernel
from numerics.functional_module import FunctionalModule, Network
from numerics.losses import SquaredError
from numerics.networks import Mlp
from numerics.objective import Inputs, check_problem, has_own_targets, slope
from numerics.one_line import counted, spanned

WORK = 2**25
"""Numbers that one chunk of members may take: 256 MiB in float64."""

CACHE = 2**20
"""The same for descent on a CPU, where what a step looks at again should still be near: 8 MiB in float64."""

_POINTS = 12  # copies of the parameters that the integrator and one gradient keep
_PASSES = 4  # numbers for each unit and example that one gradient of a perceptron keeps
_STAGES = (
    (1 / 5,),
    (3 / 40, 9 / 40),
    (44 / 45, -56 / 15, 32 / 9),
    (19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729),
    (9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656),
    (35 / 384, 0.0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84),
)
_TINY = 1e-30
_ERROR = (71 / 57600, 0.0, -71 / 16695, 71 / 1920, -17253 / 339200, 22 / 525, -1 / 40)

Targets = Float[Tensor, "batch outputs"] | Float[Tensor, "members batch outputs"]
Slope = Callable[[Tensor], tuple[Tensor, Tensor]]


@dataclass(frozen=True)
class WideTraining:
    """The way from the start to where training ended, one entry per member.

    Attributes:
        start: Parameters at the start.
        theta: Parameters at the end.
        times: Time at each record: of the flow, or the learning rate times the steps. A member that was stopped keeps
            the time at which that was.
        loss: Loss at each record.
        distance: |theta - theta_0| at each record.
        curvature: L at the start and at the end.
        kernels: Tangent kernel at the start and at the end.
        learning_rate: Of descent; None for the flow.
    """

    start: Float[Tensor, "members parameters"]
    theta: Float[Tensor, "members parameters"]
    times: Float[Tensor, "records members"]
    loss: Float[Tensor, "records members"]
    distance: Float[Tensor, "records members"]
    curvature: Float[Tensor, "2 members"]
    kernels: tuple[TangentKernel, TangentKernel]
    learning_rate: Float[Tensor, " members"] | None = None

    @property
    def relative_distance(self) -> Float[Tensor, "records members"]:
        """|theta - theta_0| / |theta_0| at each record."""
        relative: Tensor = self.distance / self.start.norm(dim=1)
        return relative

    @property
    def edge(self) -> Float[Tensor, "2 members"]:
        """Learning rate times L at the start and at the end: below 2 at both, or descent was not stable there.

        Raises:
            ValueError: If there is no learning rate, as of the flow.
        """
        if self.learning_rate is None:
            raise ValueError("learning_rate must be there to speak of an edge, but the flow has none.")
        return self.curvature * self.learning_rate

    def kernel_change(self, *names: str) -> Float[Tensor, " members"]:
        """|K - K_0| / |K_0| in the Frobenius norm, K at the end, of the kernel of some parameters or of all.

        Raises:
            ValueError: If the network has no parameters of that name.
        """
        before, after = (kernel.matrix(*names).flatten(1) for kernel in self.kernels)
        change: Tensor = (after - before).norm(dim=1) / before.norm(dim=1)
        return change

    def time_to(self, share: float) -> Float[Tensor, " members"]:
        """The first time at which the loss is that share of its start; between records its logarithm is a line.

        As exact as the records are close: losses fall by powers of ten in the first few steps, so that a line over many
        of them tells little.

        Args:
            share: In (0, 1).

        Returns:
            The times; NaN for a member that did not come so far.

        Raises:
            ValueError: If the share is out of range.
        """
        goal = self.loss[0] * _checked_share(share)
        below = self.loss <= goal
        after = below.to(torch.int64).argmax(0)[None]  # the first of them
        before = (after - 1).clamp(min=0)
        high, low = (self.loss.gather(0, place)[0].log() for place in (before, after))
        first, second = (self.times.gather(0, place)[0] for place in (before, after))
        time = first + (second - first) * (high - goal.log()) / (high - low)
        return torch.where(below.any(0), time, torch.full_like(time, torch.nan))

    def __repr__(self) -> str:
        ends = f"loss {spanned(self.loss[0])} to {spanned(self.loss[-1])}, moved by {spanned(self.distance[-1])}"
        return f"WideTraining({counted(self.loss.shape[1], 'member')}, {counted(len(self.loss), 'record')}: {ends})"


@torch.no_grad()
def wide_descent(
    network: Network,
    theta: Float[Tensor, "members parameters"],
    x: Inputs,
    y: Targets,
    loss: SquaredError,
    *,
    edge: float,
    steps: int,
    record_at: Sequence[int] | None = None,
) -> WideTraining:
    """Take steps of gradient descent with all examples, each member's of length edge/L.

    L is 2 prefactor/examples times the largest eigenvalue of the tangent kernel at the start, the curvature of the
    Gauss-Newton part alone. Squared errors only: of another loss the kernel does not give the curvature.

    Allocates the result, two kernels included, and 256 MiB, or what one member takes: a dozen times its parameters and,
    of a perceptron, four times its units for each example. On a CPU fewer members are taken at a time, which is faster.

    Args:
        network: A perceptron or a view of a module.
        theta: Starting parameters, one row per member. Fixes dtype and device.
        x: Inputs, shared or one set per member.
        y: Targets, shared or one set per member.
        loss: The squared error with its prefactor.
        edge: Learning rate times L, in (0, 2).
        steps: Number of steps, at least 0.
        record_at: Steps, in 0..steps, that are recorded beside the start and the end; None records every step, a loss,
            a time and a distance per member each.

    Returns:
        The way: losses, times and distances at the records, and the curvature L and the tangent kernel at the start
        and at the end. ``.edge`` says whether the learning rate fits the end too.

    Raises:
        TypeError: If the loss is no squared error, or a piece of the problem of the wrong kind.
        ValueError: If the problem's pieces do not fit or are not finite, no parameter moves an output, a number is
            out of range, or a kernel or a member overflows.

    Examples:
        >>> from numerics import Mlp
        >>> x, y = torch.ones(1, 1), torch.zeros(1, 1)
        >>> way = wide_descent(
        ...     Mlp((1, 1), "linear"), torch.tensor([[8.0]]), x, y, SquaredError(), edge=0.5, steps=2
        ... )
        >>> way.loss.flatten(), way.distance.flatten(), way.edge.flatten()
        (tensor([64., 16.,  4.]), tensor([0., 4., 6.]), tensor([0.5000, 0.5000]))
    """
    _check(network, theta, x, y, loss)
    if not 0 < checked_number("edge", edge) < 2:
        raise ValueError(f"edge must lie in (0, 2), where descent is stable, got {edge!r}.")
    steps = checked_steps(steps)
    moments = {0, steps, *checked_integers("record_at", range(steps + 1) if record_at is None else record_at, steps)}

    def descend(field: Slope, start: Tensor, rate: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        point, times, losses, distances = start, [], [], []
        for step in range(steps + 1):
            value, gradient = field(point)
            if step in moments:
                times.append(step * rate)
                losses.append(value)
                distances.append((point - start).norm(dim=1))
            if step < steps:
                point = point - rate[:, None] * gradient
        return point, torch.stack(times), torch.stack(losses), torch.stack(distances)

    return _watched(network, theta, x, y, loss, descend, edge, descent=True)


@torch.no_grad()
def wide_flow(
    network: Network,
    theta: Float[Tensor, "members parameters"],
    x: Inputs,
    y: Targets,
    loss: SquaredError,
    *,
    times: Sequence[float],
    stop_at: float | None = None,
    tolerance: float = 1e-6,
) -> WideTraining:
    """Follow the gradient flow d theta/dt = -grad loss, of squared errors only, with L as for ``wide_descent``.

    Allocates as ``wide_descent`` does. A time of 1/L takes two gradients or more.

    Args:
        network: A perceptron or a view of a module.
        theta: Starting parameters, one row per member. Fixes dtype and device.
        x: Inputs, shared or one set per member.
        y: Targets, shared or one set per member.
        loss: The squared error with its prefactor.
        times: When to record beside the start, ascending and positive, in units of each member's 1/L; the last one is
            the end.
        stop_at: The share of its loss at the start, in (0, 1), at which a member is stopped, at the first step at or
            below; None to go on to the end.
        tolerance: Error of a step, relative to how far the member has come, in (0, 1).

    Returns:
        The way; its times are those of the flow, in units of 1. For ``time_to`` it takes times on both sides of what is
        asked for, such as powers of 1.2.

    Raises:
        TypeError: If the loss is no squared error, or a piece of the problem of the wrong kind.
        ValueError: If the problem's pieces do not fit or are not finite, no parameter moves an output, a number is
            out of range, or a kernel or a member overflows.

    Examples:
        The loss of one linear unit falls like exp(-2 L t):

        >>> from numerics import Mlp
        >>> x, y, start = (torch.tensor([[value]], dtype=torch.float64) for value in (1.0, 0.0, 8.0))
        >>> wide_flow(Mlp((1, 1), "linear"), start, x, y, SquaredError(), times=(0.5, 1)).loss.flatten()
        tensor([64.0000, 23.5443,  8.6615], dtype=torch.float64)

    References:
        Dormand and Prince (1980), doi:10.1016/0771-050X(80)90013-3, RK5(4)7M.
    """
    _check(network, theta, x, y, loss)
    grid = [checked_number("times", time, above=0.0) for time in times]
    if not grid or any(later <= earlier for earlier, later in pairwise(grid)):
        raise ValueError(f"times must be ascending and at least one, got {tuple(times)!r}.")
    checked_tolerance(tolerance)
    share = None if stop_at is None else _checked_share(stop_at)

    def flow(field: Slope, start: Tensor, rate: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        return _flow(field, start, rate, grid, share, tolerance)

    return _watched(network, theta, x, y, loss, flow, 1.0, descent=False)


def _watched(
    network: Network,
    theta: Tensor,
    x: Tensor,
    y: Tensor,
    loss: SquaredError,
    train: Callable[[Slope, Tensor, Tensor], tuple[Tensor, Tensor, Tensor, Tensor]],
    edge: float,
    *,
    descent: bool,
) -> WideTraining:
    """Train some members at a time, with the kernel before and after."""
    own = has_own_targets(y)
    own_inputs = own if isinstance(network, FunctionalModule) else x.ndim == 3
    batch = x.shape[int(own_inputs)]
    before = tangent_kernel(network, theta, x, shared=not own_inputs)
    curvature = _curvature(before, loss, batch)
    if not bool((curvature > 0).all()):
        raise ValueError("theta must be a point where parameters move outputs, got a tangent kernel of 0.")
    rate = edge / curvature
    pieces = []
    units = sum(network.widths) if isinstance(network, Mlp) else 0
    each = _POINTS * theta.shape[1] + _PASSES * batch * units
    most = CACHE if descent and theta.device.type == "cpu" else WORK
    for some in _chunks(len(theta), max(1, most // each)):

        def field(point: Tensor, some: slice = some) -> tuple[Tensor, Tensor]:
            return slope(network, point, x[some] if own_inputs else x, y[some] if own else y, loss)

        pieces.append(train(field, theta[some], rate[some]))
    ends, times, losses, distances = zip(*pieces, strict=True)
    end = torch.cat(ends)
    if not bool(end.isfinite().all()):
        lost = int((~end.isfinite().all(dim=1)).sum())
        raise ValueError(
            f"edge must leave every member finite, got {edge:g}, with which {lost} of {len(end)} overflow."
        )
    after = tangent_kernel(network, end, x, shared=not own_inputs)
    return WideTraining(
        start=theta.clone(),
        theta=end,
        times=torch.cat(times, dim=1),
        loss=torch.cat(losses, dim=1),
        distance=torch.cat(distances, dim=1),
        curvature=torch.stack([curvature, _curvature(after, loss, batch)]),
        kernels=(before, after),
        learning_rate=rate if descent else None,
    )


def _flow(
    field: Slope, start: Tensor, rate: Tensor, grid: Sequence[float], share: float | None, tolerance: float
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Follow the flow in time over rate from record to record; a member that has arrived stands still."""

    def velocity(point: Tensor) -> tuple[Tensor, Tensor]:
        value, gradient = field(point)
        return value, gradient * -rate[:, None]

    point, now, length = start, 0.0, 0.1
    value, first = velocity(point)
    goal = value * (0.0 if share is None else share)
    alive, clock = value > goal, torch.zeros_like(rate)
    records = [(clock, value, torch.zeros_like(rate))]
    for end in grid:
        while now < end and bool(alive.any()):
            step = min(length, end - now)
            new, new_value, last, error = _dormand_prince(velocity, point, first, step)
            come = (point - start).norm(dim=1) + step * first.norm(dim=1)
            worst = float(torch.where(alive, error / (tolerance * come.clamp(min=_TINY)), 0.0).max())
            better = step * min(5.0, max(0.2, 0.9 * max(worst, _TINY) ** -0.2)) if math.isfinite(worst) else step / 5
            # a kink lets no error get small: there the shortest step is taken as it is
            if not worst <= 1 and step > tolerance:
                length = max(better, tolerance)
                continue
            length = max(better, length) if step < length else better  # a step that was cut says nothing of longer ones
            now = end if step == end - now else now + step
            point, first = torch.where(alive[:, None], new, point), torch.where(alive[:, None], last, first)
            value, clock = torch.where(alive, new_value, value), torch.where(alive, now * rate, clock)
            alive = alive & (value > goal)
        records.append((clock, value, (point - start).norm(dim=1)))
    times, losses, distances = (torch.stack(column) for column in zip(*records, strict=True))
    return point, times, losses, distances


def _dormand_prince(
    velocity: Slope, point: Tensor, first: Tensor, step: float
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """One step: the new point, its loss and velocity, and the norm of the difference of the two orders."""
    slopes = [first]
    new, value = point, first
    for weights in _STAGES:
        new = point.clone()
        for weight, one in zip(weights, slopes, strict=True):
            new.add_(one, alpha=step * weight)
        value, last = velocity(new)
        slopes.append(last)
    difference = torch.zeros_like(point)
    for weight, one in zip(_ERROR, slopes, strict=True):
        difference.add_(one, alpha=step * weight)
    return new, value, slopes[-1], difference.norm(dim=1)


def _curvature(kernel: TangentKernel, loss: SquaredError, batch: int) -> Tensor:
    matrix = kernel.matrix()
    if not bool(matrix.isfinite().all()):
        raise ValueError(
            f"theta and x must give a tangent kernel that {matrix.dtype} can hold, got one that overflows."
        )
    largest: Tensor = torch.linalg.eigvalsh(matrix)[:, -1]
    return largest * (2 * loss.prefactor / batch)


def _chunks(members: int, together: int) -> Iterator[slice]:
    return (slice(start, min(start + together, members)) for start in range(0, members, together))


def _check(network: Network, theta: Tensor, x: Tensor, y: Tensor, loss: SquaredError) -> None:
    if not isinstance(loss, SquaredError):
        raise TypeError(f"loss must be a SquaredError, whose curvature the kernel gives, got {loss!r}.")
    check_problem(network, theta, x, y, loss)


def _checked_share(share: float) -> float:
    try:
        checked_tolerance(share)
    except ValueError as error:
        raise ValueError(f"a share of the loss must lie in (0, 1), got {share!r}.") from error
    return float(share)
