r"""Sharpness-aware minimisation, plain and adaptive: the gradient at a nearby point where the loss is higher.

SAM replaces L(w) by max over |e| <= rho of L(w + e), solves the inner problem to first order and descends along the
gradient there, without differentiating through e:

    SAM   e = rho g/|g|,                          g = grad L(w),
    ASAM  e = rho s^2 g/|s g|,                    s = |w| + eta elementwise,

the second being the maximum of g.e over |e/s| <= rho. With eta = 0 the ascended point of ASAM commutes with every
elementwise rescaling that leaves the loss alone, w -> t w, g -> g/t, so it cannot tell one parametrisation of the same
network from another; SAM can. On the quadratic a x^2/2 SAM descends along a (x + rho sign x).

The mathematics is written once, for ensembles (``sgd``) and for optimisers (``SAM``, ``ASAM``): a point is a list of
tensors with a members axis in front, and norms run over everything but the members.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from numerics.arguments import checked_number

Point = list[Float[Tensor, "members ..."]]
Evaluate = Callable[[Point], Point]  # the gradient at a point


@dataclass(frozen=True, kw_only=True)
class SharpnessAware:
    """How far sharpness-aware minimisation climbs before it takes the gradient.

    Args:
        rho: Length of the climb, at least 0; 0 is the plain gradient. Of the climb over |w| + eta where adaptive.
        adaptive: Whether every parameter climbs in proportion to its own size.
        eta: Added to that size, at least 0.

    Attributes:
        gradients_per_step: Gradients that a step takes: two.

    Raises:
        TypeError: If ``adaptive`` is no truth value.
        ValueError: If a number is negative or not finite.

    Examples:
        >>> SharpnessAware(rho=0.1).gradients_per_step
        2

    References:
        Foret et al. (2020), arXiv:2010.01412, Eq. 2 with p = 2, and Algorithm 1. Kwon et al. (2021), arXiv:2102.11600.
    """

    rho: float = 0.05
    adaptive: bool = False
    eta: float = 0.01

    def __post_init__(self) -> None:
        checked_number("rho", self.rho, least=0.0)
        checked_number("eta", self.eta, least=0.0)
        if not isinstance(self.adaptive, bool):
            raise TypeError(f"adaptive must be True or False, got {self.adaptive!r}.")

    @property
    def gradients_per_step(self) -> int:
        """Gradients that a step takes."""
        return 2


def ascended(points: Point, gradients: Point, rules: Sequence[SharpnessAware]) -> Point:
    """Climb from each member's point by rho in the norm of its rule.

    The norm is over all tensors together, each scaled as its own rule says, and computed in float32 at least from
    gradients over the largest of their entries, so that neither large nor small ones are lost in a square. A member
    whose gradient is zero stays where it is; one whose gradient is infinite or no number is NaN afterwards. Allocates
    two copies of the points beside the ascended ones.

    Args:
        points: Where the members are.
        gradients: Their gradients.
        rules: One for each tensor.

    Returns:
        The ascended points, new tensors.

    Examples:
        >>> w, g = torch.tensor([[3.0, 0.5]]), torch.tensor([[3.0, 4.0]])
        >>> ascended([w], [g], [SharpnessAware(rho=0.5)])
        [tensor([[3.3000, 0.9000]])]
        >>> ascended([w], [0 * g], [SharpnessAware()])
        [tensor([[3.0000, 0.5000]])]
    """
    exact = [point.to(torch.promote_types(point.dtype, torch.float32)) for point in points]
    sizes = [point.abs() + rule.eta if rule.adaptive else None for point, rule in zip(exact, rules, strict=True)]
    climbs = _over_largest([gradient.to(point) for gradient, point in zip(gradients, exact, strict=True)])
    climbs = [climb if size is None else climb * size for climb, size in zip(climbs, sizes, strict=True)]
    climbs = _over_largest(climbs)
    norm = torch.linalg.vector_norm(_lengths(climbs, 2.0), dim=0)
    ends = []
    for point, climb, size, rule, start in zip(exact, climbs, sizes, rules, points, strict=True):
        climb = _over(climb, norm) * rule.rho
        ends.append((point + climb if size is None else torch.addcmul(point, climb, size)).to(start.dtype))
    return ends


def _lengths(tensors: Point, order: float) -> Float[Tensor, "tensors members"]:
    """The norm of each member's part of each tensor, 0 of one without entries."""
    rows = [each.reshape(len(each), each[0].numel()) for each in tensors]
    lengths = [
        torch.linalg.vector_norm(each, order, dim=1) if each.shape[1] else each.new_zeros(len(each)) for each in rows
    ]
    return torch.stack([length.to(lengths[0].device) for length in lengths])


def _over_largest(tensors: Point) -> Point:
    """Each member's tensors over the largest size of all their entries."""
    largest = _lengths(tensors, torch.inf).amax(0)
    return [_over(each, largest) for each in tensors]


def _over(tensor: Float[Tensor, "members ..."], length: Float[Tensor, " members"]) -> Float[Tensor, "members ..."]:
    """A tensor over a number for each member, where that is not 0."""
    divisor = torch.where(length == 0, 1, length).to(tensor)
    return tensor / divisor.reshape(-1, *(1,) * (tensor.ndim - 1))


def sharpness_aware_gradient(points: Point, rules: Sequence[SharpnessAware], evaluate: Evaluate) -> Point:
    """The gradient at the ascended points, from two evaluations.

    Args:
        points: Where the members are.
        rules: One for each tensor.
        evaluate: Gives the gradient at a point, both times of the same loss.

    Examples:
        >>> x = torch.tensor([[2.0], [-2.0]])
        >>> sharpness_aware_gradient([x], [SharpnessAware(rho=0.5)], lambda point: [3 * point[0]])
        [tensor([[ 7.5000],
                [-7.5000]])]
    """
    return evaluate(ascended(points, evaluate(points), rules))
