"""How many directions in parameter space change the function of a network: the numerical rank of its Jacobian.

Conventions: the Jacobian holds all outputs at all inputs (rows) by all parameters (columns), with the columns scaled to
length 1. Its rank bounds from below the functional dimension, and is equal to it with inputs enough in every region of
the input space where the network looks different.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from numerics.arguments import checked_tolerance
from numerics.curvature.assembly import output_jacobian
from numerics.networks import Mlp


@dataclass(frozen=True)
class FunctionalRank:
    """Ranks, and how clear they are.

    Attributes:
        rank: Singular values above the tolerance times the largest.
        gap: The least of these over the largest of the others; infinite where there are no others or they are 0.
        values: All singular values over the largest, descending.
    """

    rank: Int[Tensor, " members"]
    gap: Float[Tensor, " members"]
    values: Float[Tensor, "members singular"]


def functional_rank(
    network: Mlp,
    theta: Float[Tensor, "members parameters"],
    x: Float[Tensor, "batch inputs"] | Float[Tensor, "members batch inputs"],
    *,
    tolerance: float = 1e-10,
) -> FunctionalRank:
    """Count the singular values of the Jacobian of all outputs that are not 0.

    A parameter on which no output depends counts as one more of them that is. Allocates the Jacobian of one member at
    a time, batch x outputs x parameters, and its decomposition.

    Args:
        network: The network.
        theta: Parameters, one row per member.
        x: Inputs, shared or one set per member.
        tolerance: Of a singular value, relative to the largest, in (0, 1).

    Returns:
        One rank per member.

    Raises:
        ValueError: If shapes, dtypes or devices do not fit, or the tolerance is out of range.

    Examples:
        >>> x = torch.linspace(-3, 3, 50, dtype=torch.float64)[:, None]
        >>> ranks = [functional_rank(net, net.init([3], sigma_b=1.0), x).rank for net in (
        ...     Mlp((1, 2, 1), "tanh", bias=True), Mlp((1, 2, 1), "relu", bias=True))]
        >>> ranks
        [tensor([7]), tensor([5])]
    """
    checked_tolerance(tolerance)
    ranks, gaps, spectra = [], [], []
    for member in range(len(theta)):
        own = x[member : member + 1] if x.ndim == 3 else x
        jacobian = output_jacobian(network, theta[member : member + 1], own).flatten(0, 2)
        lengths = jacobian.norm(dim=0)
        values = torch.linalg.svdvals(jacobian / torch.where(lengths > 0, lengths, torch.ones_like(lengths)))
        kept = values > tolerance * values[0]
        smallest = torch.where(kept, values, torch.full_like(values, torch.inf)).amin()
        rest = torch.where(kept, torch.zeros_like(values), values).amax()
        ranks.append(kept.sum())
        gaps.append(smallest / rest)
        spectra.append(values / values[0])
    return FunctionalRank(torch.stack(ranks), torch.stack(gaps), torch.stack(spectra))
