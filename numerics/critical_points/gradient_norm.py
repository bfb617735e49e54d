"""Minimising the squared gradient norm and accepting what falls below a threshold: the method under test.

Pennington and Bahri (2017) minimised |grad L|^2 and took every point with |grad L|^2 < 1e-6 for critical. But the
square g.g has minima of its own, and valleys, wherever the gradient lies in the kernel of the Hessian, H g = 0 with g
!= 0: *gradient-flat* points (Frye et al. 2020), which no threshold on |g| tells from critical ones, since gradients
scale with the problem. Here the minimisation is Levenberg-Marquardt's, which goes on as long as |g| falls by a
hundredth in twenty steps, so that what is left above the tolerance is hardly for want of patience.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from numerics.arguments import checked_number
from numerics.critical_points.evidence import CriticalPoints
from numerics.critical_points.gradient_solver import solve_gradient
from numerics.critical_points.landscape import checked_landscape
from numerics.losses import SquaredError
from numerics.networks import Mlp
from numerics.one_line import counted


@dataclass(frozen=True)
class GradientNormMinima:
    """Where minimising the squared gradient norm ended, one entry per member, and what it is worth.

    Attributes:
        points: The ends, with the evidence.
        accepted: Whether |grad F|^2 is below the threshold, so that the method would call the point critical.
        alignment: |H g|/(|H| |g|) with the spectral norm, in [0, 1]: 0 where the gradient lies in the Hessian's kernel.
    """

    points: CriticalPoints
    accepted: Bool[Tensor, " members"]
    alignment: Float[Tensor, " members"]

    def __repr__(self) -> str:
        counts = f"{int(self.accepted.sum())} accepted, of these {int(self.critical.sum())} critical"
        return f"GradientNormMinima({counted(len(self.accepted), 'member')}; {counts}, {int(self.flat.sum())} not)"

    @property
    def critical(self) -> Bool[Tensor, " members"]:
        """Accepted, and by the evidence a critical point."""
        return self.accepted & self.points.converged

    @property
    def flat(self) -> Bool[Tensor, " members"]:
        """Accepted, but no critical point."""
        return self.accepted & ~self.points.converged

    def record(self) -> dict[str, Tensor]:
        """The evidence as flat arrays, one entry per member, as a store takes them."""
        return {**self.points.record(), "accepted": self.accepted, "alignment": self.alignment}


def minimise_gradient_norm(
    network: Mlp,
    theta: Float[Tensor, "members parameters"],
    x: Float[Tensor, "*members batch inputs"],
    y: Float[Tensor, "*members batch outputs"],
    loss: SquaredError,
    *,
    threshold: float = 1e-6,
    weight_decay: float = 0.0,
    tolerance: float = 1e-9,
    max_steps: int = 1000,
    bound: float = 10.0,
) -> GradientNormMinima:
    """Minimise |grad F|^2 in every member and say which ends pass the threshold, and which of those are critical.

    Costs what ``solve_gradient`` costs, and one Hessian.

    Args:
        network: The network, with a smooth activation.
        theta: Where the searches start, one row per member, in float64. Fixes the device.
        x: Inputs, shared or one set per member.
        y: Targets, shared or one set per member.
        loss: The squared error with its prefactor.
        threshold: |grad F|^2 below which the method takes a point for critical, positive.
        weight_decay: Factor of ``|theta|**2/2`` in F, at least 0.
        tolerance: Relative gradient norm of a critical point, in (0, 1).
        max_steps: Steps of each member at most.
        bound: Root mean square of the parameters beyond which a search is given up, positive.

    Returns:
        The ends with both judgements.

    Raises:
        TypeError: If the network is no Mlp or the loss no squared error.
        ValueError: If the activation has kinks, the pieces do not fit or are not finite, a number is out of range,
            or a Hessian overflows.

    Examples:
        >>> x, y = torch.ones(1, 1, dtype=torch.float64), torch.zeros(1, 1, dtype=torch.float64)
        >>> theta = torch.tensor([[1.0, 1.0], [4.0, 0.1]], dtype=torch.float64)
        >>> ends = minimise_gradient_norm(Mlp((1, 1, 1), "tanh"), theta, x, y, SquaredError(), weight_decay=1e-2)
        >>> ends.accepted, ends.critical
        (tensor([True, True]), tensor([True, True]))

    References:
        Pennington and Bahri, ICML 2017; Frye et al. (2020), arXiv:2003.10397.
    """
    threshold = checked_number("threshold", threshold, above=0.0)
    points = solve_gradient(
        network,
        theta,
        x,
        y,
        loss,
        weight_decay=weight_decay,
        tolerance=tolerance,
        max_steps=max_steps,
        bound=bound,
    )
    landscape = checked_landscape(network, theta, x, y, loss, weight_decay)
    images = []
    with torch.no_grad():
        for some in landscape.groups(len(theta)):
            part, here = landscape.of(some), points.theta[some]
            gradient = part.gradient(here)
            images.append((part.hessian(here) @ gradient[..., None]).squeeze(-1).norm(dim=1))
    size = points.radius * points.gradient_norm
    alignment = torch.where(size > 0, torch.cat(images) / size, torch.zeros_like(size))
    return GradientNormMinima(points, points.gradient_norm.square() < threshold, alignment)
