"""How many directions in parameter space change the function of a network: the numerical rank of its Jacobian.

Conventions: the Jacobian holds all outputs at all inputs (rows) by all parameters (columns), with the columns scaled to
length 1. Its rank bounds from below the functional dimension, and is equal to it with inputs enough in every region of
the input space where the network looks different.

Singular values that are 0 come out as rounding, and those that are not may be small: single precision cannot tell the
two apart. So everything is computed in float64, whatever the dtype of the parameters: a float32 network is one with
the same parameters, which float64 holds exactly.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from numerics.arguments import checked_finite, checked_tolerance
from numerics.curvature.assembly import output_jacobian
from numerics.functional_module import Network, checked_network
from numerics.networks import Mlp
from numerics.objective import Inputs

WORK = 2**21
"""Numbers in the Jacobians of one chunk of members, for each output: 16 MiB in float64."""


@dataclass(frozen=True)
class FunctionalRank:
    """Ranks, and how clear they are.

    Attributes:
        rank: Number of singular values above the tolerance times the largest, one per member.
        gap: The least of these over the largest of the others; infinite where there are no others or they are 0.
        values: All singular values over the largest, descending, in float64; zeros where no output depends on any
            parameter.
    """

    rank: Int[Tensor, " members"]
    gap: Float[Tensor, " members"]
    values: Float[Tensor, "members singular"]


def functional_rank(
    network: Network,
    theta: Float[Tensor, "members parameters"],
    x: Inputs,
    *,
    tolerance: float = 1e-10,
    shared: bool = True,
) -> FunctionalRank:
    """Count the singular values of the Jacobian of all outputs that are not 0.

    A parameter on which no output depends counts as one more of them that is. Members are taken a few at a time, with
    2^21 numbers in their Jacobians for each output, or one by one: batch x outputs x parameters, and its decomposition.

    Args:
        network: A perceptron, or a view of a module with one row of outputs per example.
        theta: Parameters, one row per member, float32 or float64; computed with in float64.
        x: Inputs, shared or one set per member, of the parameters' dtype.
        tolerance: Of a singular value, relative to the largest, in (0, 1).
        shared: For a module, False if x has a members axis in front; the inputs of a perceptron say so themselves.

    Returns:
        One rank per member.

    Raises:
        TypeError: If the network is neither a perceptron nor a view of a module, or an array is no tensor.
        ValueError: If shapes, dtypes or devices do not fit, something is empty or not finite, or the tolerance is out
            of range.

    Examples:
        >>> x = torch.linspace(-3, 3, 50, dtype=torch.float64)[:, None]
        >>> ranks = [functional_rank(net, net.init([3], sigma_b=1.0), x).rank for net in (
        ...     Mlp((1, 2, 1), "tanh", bias=True), Mlp((1, 2, 1), "relu", bias=True))]
        >>> ranks
        [tensor([7]), tensor([5])]
    """
    own = _checked(network, theta, x, tolerance, shared=shared)
    theta, x = theta.double(), x.double() if x.is_floating_point() else x
    ranks, gaps, spectra = [], [], []
    rows = x.shape[int(own)]
    # outputs are not known before the first Jacobian, and are few: they are not counted
    together = max(1, WORK // (rows * theta.shape[1]))
    for first in range(0, len(theta), together):
        members = slice(first, first + together)
        inputs = x[members] if own else x
        jacobian = output_jacobian(network, theta[members], inputs, shared=not own).flatten(1, 2)
        lengths = jacobian.norm(dim=1, keepdim=True)
        values = torch.linalg.svdvals(jacobian / torch.where(lengths > 0, lengths, torch.ones_like(lengths)))
        largest = values[:, :1]
        kept = values > tolerance * largest
        smallest = torch.where(kept, values, torch.full_like(values, torch.inf)).amin(1)
        rest = torch.where(kept, torch.zeros_like(values), values).amax(1)
        ranks.append(kept.sum(1))
        gaps.append(smallest / rest)
        spectra.append(values / torch.where(largest > 0, largest, torch.ones_like(largest)))
    return FunctionalRank(torch.cat(ranks), torch.cat(gaps), torch.cat(spectra))


def _checked(network: Network, theta: Tensor, x: Tensor, tolerance: float, *, shared: bool) -> bool:
    """Whether every member has inputs of its own, of a problem whose pieces fit."""
    checked_network(network)
    checked_tolerance(tolerance)
    network.unflatten(theta)
    if not isinstance(x, Tensor):
        raise TypeError(f"x must be a torch tensor, got {type(x).__name__}.")
    if 0 in theta.shape or 0 in x.shape:
        raise ValueError(f"theta and x must not be empty, got shapes {tuple(theta.shape)} and {tuple(x.shape)}.")
    if isinstance(network, Mlp):
        network.spread(theta, x)
    elif x.device != theta.device or (x.is_floating_point() and x.dtype != theta.dtype):
        raise ValueError(
            f"x must have theta's dtype and device, {theta.dtype} on {theta.device}, got {x.dtype} on {x.device}."
        )
    elif not shared and (x.ndim < 2 or len(x) != len(theta)):
        raise ValueError(f"x must have shape ({len(theta)}, batch, ...), got {tuple(x.shape)}.")
    checked_finite(theta=theta, x=x)
    return x.ndim == 3 if isinstance(network, Mlp) else not shared
