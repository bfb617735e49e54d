"""The loss of many parameter vectors at once: points of a slice, samples of a region, restarts of a search.

Conventions. A *row* is one parameter vector. It stands for a member of an ensemble, whose data it takes where members
have data of their own; where they share data its member does not matter.
"""

from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from numerics.arguments import checked_sizes
from numerics.curvature.memory_limits import halving
from numerics.functional_module import FunctionalModule, Network
from numerics.losses import Loss, Targets
from numerics.networks import Mlp
from numerics.objective import Inputs, check_problem, has_own_targets, slope

_WORK = 2**23  # numbers that rows of one chunk need, roughly: 64 MiB in float64


class LossOfRows:
    """A training problem that is evaluated at rows, some of them at a time.

    Args:
        network: A perceptron or a view of a module.
        theta: Parameters of the members, one row each; they fix shapes, dtype and device.
        x: Inputs, shared or one set per member.
        y: Targets of the loss, shared or one set per member.
        loss: The loss.
        chunk: Rows at a time; chosen for about 64 MiB if None. Halved where memory runs out.

    Raises:
        TypeError: If a piece of the problem is of the wrong kind.
        ValueError: If the problem's pieces do not fit or are not finite, or the chunk is not positive.

    Examples:
        >>> from numerics.losses import SquaredError
        >>> x, y = torch.ones(4, 1), torch.zeros(4, 1)
        >>> problem = LossOfRows(Mlp((1, 1), "linear"), torch.tensor([[3.0]]), x, y, SquaredError())
        >>> problem.values(torch.tensor([[1.0], [2.0], [3.0]]))
        tensor([1., 4., 9.])
    """

    def __init__(
        self,
        network: Network,
        theta: Float[Tensor, "members parameters"],
        x: Inputs,
        y: Targets,
        loss: Loss,
        *,
        chunk: int | None = None,
    ) -> None:
        check_problem(network, theta, x, y, loss)
        self.network, self.x, self.y, self.loss = network, x, y, loss
        self.own_y = has_own_targets(y)
        self.own_x = self.own_y if isinstance(network, FunctionalModule) else x.ndim == 3
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

        def value(some: Tensor, x: Tensor, y: Tensor) -> tuple[Tensor, ...]:
            if isinstance(self.network, FunctionalModule):
                return (self.loss.value(self.network.forward(some, x, shared=not self.own_y), y),)
            return (self.loss.value(self.network.forward(some, x), y),)

        return self._in_chunks(value, rows, members)[0].nan_to_num(torch.inf, torch.inf, -torch.inf)

    @torch.no_grad()
    def slopes(
        self, rows: Float[Tensor, "rows parameters"], members: Int[Tensor, " rows"] | None = None
    ) -> tuple[Float[Tensor, " rows"], Float[Tensor, "rows parameters"]]:
        """Loss and gradient of every row; infinite losses and gradients without a number where they overflow.

        Args:
            rows: Parameter vectors.
            members: Whose data each row takes; may be None where data are shared.
        """

        def both(some: Tensor, x: Tensor, y: Tensor) -> tuple[Tensor, ...]:
            return slope(self.network, some, x, y, self.loss)

        value, gradient = self._in_chunks(both, rows, members)
        return value.nan_to_num(torch.inf, torch.inf, -torch.inf), gradient

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
