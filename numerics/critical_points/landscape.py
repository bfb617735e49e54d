"""The function whose critical points are sought: F(theta) = L(theta) + (weight_decay/2) |theta|^2 of a perceptron.

L is a squared error, so F is analytic wherever the activation is, and gradients and Hessians are exact. Activations
with kinks are refused: there the condition is not grad F = 0, and a search ends on a kink as often as not.

**What weight decay buys.** At a critical point <W_L, dF/dW_L> = 0 for the last layer's weights and biases. With
L = (c/m) sum |o - y|^2 this reads (2c/m) sum o.(o - y) + weight_decay |W_L|^2 = 0, so o.y >= |o|^2 on average and

    L <= L(0) - (c/m) sum |o|^2,    |W_L|^2 <= L(0)/(2 weight_decay):

critical points lie no higher than the zero network, and with weight decay within a ball known beforehand. Without it a
bounded unit can saturate, and the gradient of F decay along a ray to infinity without any critical point.
"""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from numerics.arguments import checked_number
from numerics.curvature.assembly import assemble
from numerics.losses import SquaredError
from numerics.networks import Mlp
from numerics.objective import check_problem, jacobian_norm, pull_scale, quotient, slope

GROUP = 2**23  # numbers in one matrix per member of a group: 64 MiB


@dataclass(frozen=True)
class Landscape:
    """F and its derivatives for an ensemble.

    Attributes:
        network: The network.
        x: Inputs, shared or one set per member.
        y: Targets, shared or one set per member.
        loss: The squared error with its prefactor.
        weight_decay: Factor of ``|theta|**2/2``.
    """

    network: Mlp
    x: Tensor
    y: Tensor
    loss: SquaredError
    weight_decay: float

    @property
    def has_symmetry(self) -> bool:
        """Whether critical points come in families, so that zero eigenvalues are no sign of a failure."""
        return self.network.nonlinearity.name == "linear"

    @property
    def hessian_scale(self) -> Float[Tensor, " members_or_one"]:
        """Size of Hessians set by the data alone, (2c/m) |X|^(2/D) |Y|^(2 - 2/D) with D layers, which vanishes nowhere.

        Where theta is neither small nor large the spectral radius is of this size: of two layers it bounds that of the
        zero network, and in a linear network it changes with the units of X and Y as Hessians at critical points do.
        The column of ones that biases stand for is part of X; where Y is 0 there is |X| in its place.
        """
        depth = len(self.network.widths) - 1
        inputs, targets = _length(self.x), _length(self.y)
        if self.network.bias:
            inputs = torch.hypot(inputs, torch.full_like(inputs, self.x.shape[-2] ** 0.5))
        targets = torch.where(targets > 0, targets, inputs)
        share = 1 / depth
        size = inputs**share * targets ** (1 - share)
        return size * size * (2 * self.loss.prefactor / self.x.shape[-2])

    def of(self, rows: Int[Tensor, " some"] | slice) -> "Landscape":
        """The same for some of the members."""
        x = self.x[rows] if self.x.ndim == 3 else self.x
        y = self.y[rows] if self.y.ndim == 3 else self.y
        return Landscape(self.network, x, y, self.loss, self.weight_decay)

    def at(self, weight_decay: float) -> "Landscape":
        """The same with another weight decay."""
        return replace(self, weight_decay=weight_decay)

    def data_loss(self, theta: Float[Tensor, "members parameters"]) -> Float[Tensor, " members"]:
        """L, without weight decay."""
        return self.loss.value(self.network.forward(theta, self.x), self.y)

    def gradient(self, theta: Float[Tensor, "members parameters"]) -> Float[Tensor, "members parameters"]:
        """Grad F."""
        return slope(self.network, theta, self.x, self.y, self.loss)[1] + self.weight_decay * theta

    def hessian(self, theta: Float[Tensor, "members parameters"]) -> Float[Tensor, "members parameters parameters"]:
        """The Hessian of F.

        Raises:
            ValueError: If it overflows.
        """
        parts = assemble(self.network, theta, self.x, self.y, self.loss)
        total = parts.gauss_newton.add_(parts.residual)
        total.diagonal(dim1=1, dim2=2).add_(self.weight_decay)
        if not bool(total.isfinite().all()):
            raise ValueError("theta, x and y must be small enough for the Hessian to be finite, but it overflows.")
        return total

    def relative(
        self, theta: Float[Tensor, "members parameters"], gradient: Float[Tensor, "members parameters"]
    ) -> Float[Tensor, " members"]:
        """|grad F| / (|J|_F max(|dL/do|, |dL/do at o = 0|)), the relative gradient norm of ``numerics.objective``."""
        trace = self.network.trace(theta, self.x)
        pull = pull_scale(self.loss.gradient(trace.outputs, self.y), self.loss, self.y)
        return quotient(gradient.norm(dim=1), jacobian_norm(self.network, trace) * pull)

    def groups(self, members: int) -> list[slice]:
        """Members that are worked on together, so that one matrix per member fits into 64 MiB."""
        size = max(1, GROUP // self.network.parameters**2)
        return [slice(first, min(first + size, members)) for first in range(0, members, size)]


def checked_landscape(
    network: Mlp,
    theta: Float[Tensor, "members parameters"],
    x: Float[Tensor, "*members batch inputs"],
    y: Float[Tensor, "*members batch outputs"],
    loss: SquaredError,
    weight_decay: float,
) -> Landscape:
    """Put a problem together that has smooth critical points to be found in float64.

    Raises:
        TypeError: If the network is no Mlp or the loss no squared error.
        ValueError: If the activation has kinks, the parameters are not float64, the weight decay is negative, or the
            problem's pieces do not fit or are not finite.
    """
    if not isinstance(network, Mlp):
        raise TypeError(f"network must be an Mlp, got {type(network).__name__}.")
    if not isinstance(loss, SquaredError):
        raise TypeError(f"loss must be a SquaredError, got {type(loss).__name__}.")
    activation = network.nonlinearity
    if activation.piecewise_linear and activation.name != "linear":
        raise ValueError(
            f"network must have a smooth activation, got {activation.name}: at its kinks grad = 0 is no condition."
        )
    check_problem(network, theta, x, y, loss)
    if theta.dtype != torch.float64:
        raise ValueError(f"theta must be float64 to tell critical points from flat ones, got {theta.dtype}.")
    return Landscape(network, x, y, loss, checked_number("weight_decay", weight_decay, least=0.0))


def _length(rows: Tensor) -> Float[Tensor, " members_or_one"]:
    """Euclidean norm of the numbers of each member, whose squares may overflow or vanish."""
    flat = rows.reshape(len(rows) if rows.ndim == 3 else 1, -1)
    largest = flat.abs().amax(1)
    unit = torch.where(largest > 0, largest, torch.ones_like(largest))
    length: Tensor = unit * (flat / unit[:, None]).norm(dim=1) * (largest > 0)
    return length
