"""The loss of many parameter vectors at once: points of a slice, samples of a region, restarts of a search.

Conventions. A *row* is one parameter vector. It stands for a member of an ensemble, whose data it takes where members
have data of their own; where they share data its member does not matter.

A loss of this floor has derivatives by hand, and all rows are one batched computation. Any other function (outputs,
targets) -> scalar is differentiated by torch, row by row, on data that members share; it is verified to be a mean over
examples, as that of ``HessianOperator`` is.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from numerics.arguments import checked_finite, checked_sizes
from numerics.curvature.assembly import dense_hessian
from numerics.curvature.hessian_operator import HessianOperator
from numerics.curvature.memory_limits import halving
from numerics.curvature.training_problem import LossFunction, TrainingProblem, differentiable_twice, own_randomness
from numerics.curvature.verification import verified
from numerics.functional_module import FunctionalModule, Network
from numerics.losses import Loss
from numerics.networks import Mlp
from numerics.objective import check_problem, has_own_targets, slope

_WORK = 2**23  # numbers that rows of one chunk need, roughly: 64 MiB in float64
_VERIFIED = 2**10  # examples at a time in which a loss of one's own is verified


def view_and_point(
    network: nn.Module | Network, theta: Float[Tensor, "members parameters"] | None
) -> tuple[Network, Float[Tensor, "members parameters"]]:
    """A network, or a view of a module, and where its members are: a module's own parameters if nothing else is said.

    Raises:
        TypeError: If it is neither a network nor a module, or theta no tensor.
        ValueError: If theta does not fit, is missing where the network has none of its own, or the module cannot be
            viewed.

    Examples:
        >>> network, theta = view_and_point(nn.Linear(2, 1), None)
        >>> network, theta.shape
        (FunctionalModule(Linear, 3 parameters), torch.Size([1, 3]))
    """
    network = FunctionalModule(network) if isinstance(network, nn.Module) else network
    if not isinstance(network, Mlp | FunctionalModule):
        raise TypeError(f"network must be an Mlp, a FunctionalModule or a module, got {type(network).__name__}.")
    if theta is None:
        if isinstance(network, Mlp):
            raise ValueError("theta must be given with an Mlp, which has no parameters of its own.")
        theta = network.theta
    network.unflatten(theta)
    return network, theta


class LossOfRows:
    """A training problem that is evaluated at rows, some of them at a time.

    Args:
        network: A perceptron, a module or a view of one.
        theta: Parameters of the members, one row each; they fix shapes, dtype and device. A module's own if None.
        x: Inputs, shared or one set per member.
        y: Targets of the loss, shared or one set per member.
        loss: One of this floor's losses, or any function (outputs, targets) -> scalar that is a mean over examples; the
            data are shared then.
        chunk: Rows at a time; chosen for about 64 MiB if None. Halved where memory runs out.

    Raises:
        TypeError: If a piece of the problem is of the wrong kind.
        ValueError: If the problem's pieces do not fit or are not finite, a loss of one's own is no mean over examples,
            or the chunk is not positive.

    Examples:
        >>> from numerics.losses import SquaredError
        >>> x, y = torch.ones(4, 1), torch.zeros(4, 1)
        >>> problem = LossOfRows(Mlp((1, 1), "linear"), torch.tensor([[3.0]]), x, y, SquaredError())
        >>> problem.values(torch.tensor([[1.0], [2.0], [3.0]]))
        tensor([1., 4., 9.])
    """

    def __init__(
        self,
        network: nn.Module | Network,
        theta: Float[Tensor, "members parameters"] | None,
        x: Tensor,
        y: Tensor,
        loss: LossFunction,
        *,
        chunk: int | None = None,
    ) -> None:
        network, theta = view_and_point(network, theta)
        self.network, self.theta = network, theta.detach()
        self.own_x = self.own_y = False
        self._source: _ByHand | _ByTorch
        if isinstance(loss, Loss):
            check_problem(network, theta, x, y, loss)
            self.own_y = has_own_targets(y)
            self.own_x = self.own_y if isinstance(network, FunctionalModule) else x.ndim == 3
            self._source = _ByHand(network, loss, self.own_y)
        else:
            self._source, (x, y) = _by_torch(network, theta, x, y, loss)
        self.x, self.y, self.loss = x, y, loss
        if chunk is None:
            examples = x.shape[1 if self.own_x else 0]
            inputs = x[0, 0 if self.own_x else ...].numel()
            units = 3 * sum(network.widths) if isinstance(network, Mlp) else 32 * inputs
            chunk = max(1, _WORK // (2 * network.parameters + examples * units))
        checked_sizes(chunk=chunk)
        self.chunk = int(chunk)

    @torch.no_grad()
    def values(
        self, rows: Float[Tensor, "rows parameters"], members: Int[Tensor, " rows"] | None = None
    ) -> Float[Tensor, " rows"]:
        """The loss of every row, infinite where it overflows.

        Args:
            rows: Parameter vectors.
            members: Whose data each row takes; may be None where data are shared.
        """
        return self._in_chunks(self._source.values, rows, members)[0].nan_to_num(torch.inf, torch.inf, -torch.inf)

    @torch.no_grad()
    def slopes(
        self, rows: Float[Tensor, "rows parameters"], members: Int[Tensor, " rows"] | None = None
    ) -> tuple[Float[Tensor, " rows"], Float[Tensor, "rows parameters"]]:
        """Loss and gradient of every row; infinite losses and gradients without a number where they overflow.

        Args:
            rows: Parameter vectors.
            members: Whose data each row takes; may be None where data are shared.
        """
        value, gradient = self._in_chunks(self._source.slopes, rows, members)
        return value.nan_to_num(torch.inf, torch.inf, -torch.inf), gradient

    @torch.no_grad()
    def slopes_on(self, rows: Float[Tensor, "rows parameters"], x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Loss and gradient of every row on examples of its own, all rows at once.

        Args:
            rows: Parameter vectors.
            x: Inputs, one set a row.
            y: Targets, one set a row.
        """
        value, gradient = self._source.slopes_on(rows, x, y)
        return value, gradient

    def hessians(self) -> Float[Tensor, "members parameters parameters"]:
        """The Hessian of every member, which allocates twice as much at least."""
        return self._source.hessians(self.theta, self.x, self.y)

    def _in_chunks(
        self, function: Callable[[Tensor, Tensor, Tensor], tuple[Tensor, ...]], rows: Tensor, members: Tensor | None
    ) -> tuple[Tensor, ...]:
        def work(chunk: int) -> tuple[Tensor, ...]:
            pieces = []
            for start in range(0, len(rows), chunk):
                some = slice(start, start + chunk)
                x = self.x[members[some]] if self.own_x and members is not None else self.x
                y = self.y[members[some]] if self.own_y and members is not None else self.y
                pieces.append(function(rows[some], x, y))
            return tuple(torch.cat(piece) for piece in zip(*pieces, strict=True))

        self.chunk, found = halving(work, self.chunk, rows.device)
        return found


@dataclass(frozen=True)
class _ByHand:
    """A loss of this floor: all rows at once."""

    network: Network
    loss: Loss
    own: bool  # whether the targets have a members axis

    def values(self, rows: Tensor, x: Tensor, y: Tensor) -> tuple[Tensor, ...]:
        """Losses."""
        if isinstance(self.network, FunctionalModule):
            return (self.loss.value(self.network.forward(rows, x, shared=not self.own), y),)
        return (self.loss.value(self.network.forward(rows, x), y),)

    def slopes(self, rows: Tensor, x: Tensor, y: Tensor) -> tuple[Tensor, ...]:
        """Losses and gradients."""
        return slope(self.network, rows, x, y, self.loss)

    slopes_on = slopes  # one set of examples a row is data of its own for each member

    def hessians(self, theta: Tensor, x: Tensor, y: Tensor) -> Tensor:
        """Hessians of the members."""
        return dense_hessian(self.network, theta, x, y, self.loss).total


@dataclass(frozen=True)
class _ByTorch:
    """A loss of one's own: one row after the other, so that whatever torch differentiates will do."""

    problem: TrainingProblem

    def values(self, rows: Tensor, x: Tensor, y: Tensor) -> tuple[Tensor, ...]:
        """Losses."""
        return self._each(rows, x, y, gradients=False)

    def slopes(self, rows: Tensor, x: Tensor, y: Tensor) -> tuple[Tensor, ...]:
        """Losses and gradients."""
        return self._each(rows, x, y, gradients=True)

    def slopes_on(self, rows: Tensor, x: Tensor, y: Tensor) -> tuple[Tensor, ...]:
        """Losses and gradients, each row on examples of its own."""
        found = [self._each(row[None], *data, gradients=True) for row, *data in zip(rows, x, y, strict=True)]
        return tuple(torch.cat(pieces) for pieces in zip(*found, strict=True))

    def hessians(self, theta: Tensor, x: Tensor, y: Tensor) -> Tensor:
        """Hessians of the members."""
        network, loss = self.problem.network, self.problem.loss
        return torch.stack([HessianOperator(network, loss, (x, y), theta=row).dense() for row in theta])

    @torch.inference_mode(False)  # what is recorded there could not be differentiated
    def _each(self, rows: Tensor, x: Tensor, y: Tensor, *, gradients: bool) -> tuple[Tensor, ...]:
        found = []
        for row in rows:
            with differentiable_twice():
                point = row.clone().requires_grad_(gradients)
                value = self.problem.value(self.problem.outputs(point, x), y)
                slopes = torch.autograd.grad(value, point) if gradients else ()
            found.append((value.detach().to(row.dtype), *slopes))
        return tuple(torch.stack(pieces) for pieces in zip(*found, strict=True))


@torch.inference_mode(False)
def _by_torch(
    network: Network, theta: Tensor, x: Tensor, y: Tensor, loss: LossFunction
) -> tuple[_ByTorch, tuple[Tensor, Tensor]]:
    """A problem with a loss of one's own, found to be what it has to be at the first member, and its data."""
    if not len(theta):
        raise ValueError(f"theta must hold one member at least, got shape {tuple(theta.shape)}.")
    checked_finite(theta=theta)
    problem = TrainingProblem(network, loss, (x, y), theta[0])
    with own_randomness(theta.device):
        (data,) = problem.batches()
        halving(lambda chunk: verified(problem, chunk), min(len(data[0]), _VERIFIED), theta.device)
    return _ByTorch(problem), data
