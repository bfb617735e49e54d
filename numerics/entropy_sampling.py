r"""The local entropy of a point, with the sign of a loss, by sampling: flat surroundings give a low value.

Conventions. The density of the local entropy (Chaudhari et al. 2017, arXiv:1611.01838, equation 4) is a Gaussian around
theta times exp(-L). Less what the Gaussian alone gives, so that a loss that is 0 everywhere has the local entropy 0,

.. math:: F(\theta) = -\log \frac{\int e^{-L(\theta') - \frac\gamma2 |\theta' - \theta|^2}\, d\theta'}
                                 {\int e^{- \frac\gamma2 |\theta' - \theta|^2}\, d\theta'}
                    = -\log \mathbb{E}\, e^{-L(\theta + z/\sqrt\gamma)}, \qquad z \sim N(0, 1).

It lies between the least value of the loss and the mean of the loss under that noise. At a minimum of loss 0 with the
Hessian H of a quadratic it is log det(1 + H/gamma)/2.

The points are draws of the Gaussian and not a walk: independent, so that the estimate has a standard error. It is good
where losses at the draws differ by a few units at most, e^-L being the weight of a draw; the bias of the logarithm is
half the squared error, of one order less than the error. Draws come in pairs, z and -z, which takes away what is odd in
the loss around theta.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from numerics.arguments import checked_number, checked_sizes
from numerics.curvature.training_problem import LossFunction
from numerics.functional_module import Network
from numerics.loss_of_rows import LossOfRows
from numerics.one_line import counted, spanned
from numerics.seeded import checked_seeds, seeded_normal


@dataclass(frozen=True)
class SampledEntropy:
    """An estimated local entropy.

    Attributes:
        value: F of every member, infinite where the losses of all draws overflow.
        error: Standard error of each, from the spread over pairs of draws; infinite there, too.
        loss: The loss of every member itself.
        pairs: Pairs of draws that it took.
    """

    value: Float[Tensor, " members"]
    error: Float[Tensor, " members"]
    loss: Float[Tensor, " members"]
    pairs: int

    def __repr__(self) -> str:
        members = "" if len(self.value) == 1 else f"{counted(len(self.value), 'member')}: "
        drawn = counted(self.pairs, "pair")
        return f"SampledEntropy({members}{spanned(self.value)}; error {spanned(self.error)}; {drawn} of draws)"


def sampled_local_entropy(
    network: nn.Module | Network,
    theta: Float[Tensor, "members parameters"] | None,
    x: Tensor,
    y: Tensor,
    loss: LossFunction,
    *,
    gamma: float,
    seeds: Sequence[int],
    pairs: int = 16,
    chunk: int | None = None,
) -> SampledEntropy:
    """Estimate the local entropy of every member, as the module's heading says.

    Takes 2 pairs + 1 losses per member, and allocates some 4 pairs x parameters beside what losses of one chunk need.

    Args:
        network: A perceptron, a module or a view of one. A module is copied and left as it is.
        theta: Parameters, one row per member. Fixes dtype and device. None for those of a module, one member.
        x: Inputs, shared or one set per member.
        y: Targets of the loss, shared or one set per member.
        loss: One of this floor's losses, or any function (outputs, targets) -> scalar that is a mean over examples,
            such as ``nn.CrossEntropyLoss()``: then inputs and targets are shared, and may have any shape.
        gamma: Stiffness of the spring, positive, in units of curvature: the noise has the variance 1/gamma.
        seeds: One per member; members of one seed get the same noise, which compares them better.
        pairs: Pairs of draws, at least 2.
        chunk: Points at a time; chosen for about 64 MiB if None.

    Raises:
        TypeError: If a piece of the problem is of the wrong kind.
        ValueError: If the problem's pieces do not fit or are not finite, a loss of one's own is no mean over examples,
            or a number is out of range.

    Examples:
        >>> from numerics.losses import SquaredError
        >>> from numerics.networks import Mlp
        >>> x, y = torch.tensor([[1.0]]), torch.zeros(1, 1)  # L = theta^2/2, of curvature 1
        >>> found = sampled_local_entropy(
        ...     Mlp((1, 1), "linear"), torch.zeros(1, 1), x, y, SquaredError(0.5), gamma=3.0, seeds=[0], pairs=2000
        ... )
        >>> abs(float(found.value) - math.log(1 + 1 / 3) / 2) < 4 * float(found.error) < 0.03
        True

        A module and a loss of torch's:

        >>> model, x, y = nn.Linear(2, 1), torch.ones(4, 2), torch.ones(4, 1)
        >>> sampled_local_entropy(model, None, x, y, nn.MSELoss(), gamma=100.0, seeds=[0])
        SampledEntropy(...; error ...; 16 pairs of draws)
    """
    gamma = checked_number("gamma", gamma, above=0.0)
    checked_sizes(pairs=pairs)
    if pairs < 2:
        raise ValueError(f"pairs must be at least 2, for a standard error, got {pairs}.")
    problem = LossOfRows(network, theta, x, y, loss, chunk=chunk)
    theta = problem.theta
    sources = checked_seeds(seeds, len(theta))
    here = problem.values(theta, torch.arange(len(theta), device=theta.device))
    found = []
    for member, seed in enumerate(sources):
        shape = (pairs, theta.shape[1])
        noise = seeded_normal("local entropy", shape, seeds=[seed], dtype=theta.dtype, device=theta.device)[0]
        noise = noise / math.sqrt(gamma)
        who = torch.full((2 * pairs,), member, device=theta.device)
        losses = problem.values(theta[member] + torch.cat([noise, -noise]), who)
        value = math.log(2 * pairs) - torch.logsumexp(-losses, 0)
        weights = (value - losses).exp().reshape(2, pairs).mean(0)  # of each pair, 1 in the mean
        error = weights.std() / math.sqrt(pairs)
        found.append(torch.stack([value, error.nan_to_num(nan=torch.inf)]))
    values, errors = torch.stack(found, dim=1)
    return SampledEntropy(values, errors, here, int(pairs))
