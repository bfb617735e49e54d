r"""The examples that members are trained on: batches of their own, the loss over all, and who is down at a target.

Whether the loss over all N examples is at most a target can mostly be told from a few. No example's loss is negative,
so that a member whose hardest examples alone have a loss of more than N times the target has not arrived, whatever the
others have. Which are the hardest is taken from the last look at each; where that has become wrong more examples are
looked at, and never is another member found to have arrived than by the loss over all.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from numerics.functional_module import FunctionalModule, Network
from numerics.losses import CrossEntropy, Loss, SquaredError, Targets
from numerics.objective import Inputs

_EXAMPLES = 2**12  # times members: what one pass for the full training loss takes at a time
_PIECES = 8  # in which the examples are looked at, the hardest first


@dataclass(frozen=True)
class TrainingSet:
    """The training set, from which members take batches of their own.

    Attributes:
        network: The network of all members.
        x: Inputs, shared or one set per member.
        y: Targets of the loss, shared or one set per member.
        loss: The loss.
        own_x: Whether x has a members axis.
        own_y: Whether y has a members axis.
    """

    network: Network
    x: Inputs
    y: Targets
    loss: Loss
    own_x: bool
    own_y: bool

    @property
    def size(self) -> int:
        """Number of examples, of each member."""
        return self.x.shape[1 if self.own_x else 0]

    def batch(self, members: Int[Tensor, " some"], chosen: Int[Tensor, "some batch"]) -> tuple[Inputs, Targets]:
        """The chosen examples of some members."""
        rows = members[:, None]
        x = self.x[rows, chosen] if self.own_x else self.x[chosen]
        return x, self.y[rows, chosen] if self.own_y else self.y[chosen]

    def loss_of(self, members: Int[Tensor, " some"], theta: Float[Tensor, "some parameters"]) -> Float[Tensor, " some"]:
        """Loss over all examples of some members, infinity where it overflows."""
        total = theta.new_zeros(len(theta))
        for places in torch.split(torch.arange(self.size, device=theta.device), max(1, _EXAMPLES // len(theta))):
            x, y = self.batch(members, places.expand(len(theta), -1))
            total += self.loss.value(self._outputs(theta, x), y) * (len(places) / self.size)
        return total.nan_to_num(nan=torch.inf, posinf=torch.inf)

    def losses_of(
        self,
        members: Int[Tensor, " some"],
        theta: Float[Tensor, "some parameters"],
        chosen: Int[Tensor, "some batch"],
    ) -> Float[Tensor, "some batch"]:
        """The loss of each of the chosen examples of some members, in float64; NaN or infinity where it overflows."""
        x, y = self.batch(members, chosen)
        outputs = self._outputs(theta, x).flatten(0, 1)[:, None]  # each is a batch by itself
        return self.loss.value(outputs, y.flatten(0, 1)[:, None]).reshape(chosen.shape).double()

    def _outputs(self, theta: Tensor, x: Tensor) -> Tensor:
        if isinstance(self.network, FunctionalModule):
            return self.network.forward(theta, x, shared=False)
        return self.network.forward(theta, x)


class Arrivals:
    """Tells which members have come down to a loss over all examples, from their hardest ones where these are enough.

    Allocates members x examples numbers, and an eighth of the members' passes through all examples.

    Args:
        examples: The training set.
        members: How many members there are.
        target: The loss at which a member has arrived.
    """

    def __init__(self, examples: TrainingSet, members: int, target: float) -> None:
        self.examples, self.target = examples, target
        # of a loss that is none of this floor's nobody knows whether an example's can be negative
        self.known: Tensor | None = None
        if type(examples.loss) in (SquaredError, CrossEntropy):
            shape, device = (members, examples.size), examples.x.device
            self.known = torch.full(shape, torch.inf, dtype=torch.float64, device=device)

    def among(self, members: Int[Tensor, " some"], theta: Float[Tensor, "some parameters"]) -> Bool[Tensor, " some"]:
        """Which of some members have arrived at their points."""
        arrived = torch.zeros(len(members), dtype=torch.bool, device=theta.device)
        candidates = self._candidates(members, theta)
        if len(candidates):
            arrived[candidates] = self.examples.loss_of(members[candidates], theta[candidates]) <= self.target
        return arrived

    def _candidates(self, members: Tensor, theta: Tensor) -> Tensor:
        """Places of those that no part of their examples excludes."""
        left = torch.arange(len(members), device=theta.device)
        if self.known is None:
            return left
        size = self.examples.size
        limit = self.target * size * (1 + size * torch.finfo(theta.dtype).eps)  # above the rounding of a mean
        total = torch.zeros(len(members), dtype=torch.float64, device=theta.device)
        order = self.known[members].argsort(dim=1, descending=True)
        for places in torch.split(torch.arange(size, device=theta.device), -(-size // _PIECES)):
            chosen = order[left[:, None], places]
            losses = self.examples.losses_of(members[left], theta[left], chosen)
            self.known[members[left, None], chosen] = losses.nan_to_num(nan=torch.inf)
            total[left] += losses.sum(dim=1)
            left = left[~(total[left] > limit)]  # not a number is not more: the loss over all says what that is
            if not len(left):
                break
        return left
