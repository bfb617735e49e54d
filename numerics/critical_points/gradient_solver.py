r"""Levenberg-Marquardt on grad F = 0: least squares on the gradient, whatever the index of what is found.

A step is p = -(H^2 + mu)^(-1) H g, Gauss-Newton's on |g|^2/2, whose Jacobian is the Hessian H. One eigendecomposition
gives it for a whole grid of mu, Newton's step by the pseudo-inverse included, and of these the one is taken that
leaves the smallest gradient. |g| falls at every step, so a search ends at a zero of the gradient or in a place where
H g = 0 without one: gradient-flat, the fate of most searches on tanh networks, and reported as that.

The pseudo-inverse lets Newton's step converge quadratically to the *families* of critical points of linear networks,
where eigenvalues are exactly zero along the orbit of GL(n): there is this search at home.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from numerics.arguments import checked_number, checked_sizes, checked_tolerance
from numerics.critical_points.evidence import (
    FLAT,
    SEARCHING,
    UNBOUNDED,
    CriticalPoints,
    joined,
    newton_step,
    polished,
    resolution,
)
from numerics.critical_points.landscape import Landscape, checked_landscape
from numerics.losses import SquaredError
from numerics.networks import Mlp

_GRID = (1e-12, 1e-8, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0)  # mu over the squared spectral radius
_PATIENCE, _PROGRESS = 20, 0.99  # flat: in 20 steps the gradient has not lost a hundredth


def solve_gradient(
    network: Mlp,
    theta: Float[Tensor, "members parameters"],
    x: Float[Tensor, "*members batch inputs"],
    y: Float[Tensor, "*members batch outputs"],
    loss: SquaredError,
    *,
    weight_decay: float = 0.0,
    tolerance: float = 1e-9,
    max_steps: int = 300,
    bound: float = 10.0,
) -> CriticalPoints:
    """Search for a zero of the gradient near the start in every member, by damped least squares.

    Takes one Hessian and one eigendecomposition a step and member. Works on groups of members: some five parameters x
    parameters matrices per member, 400 MiB in all or one member.

    Args:
        network: The network, with a smooth activation; "linear" is one.
        theta: Where the searches start, one row per member, in float64. Fixes the device.
        x: Inputs, shared or one set per member.
        y: Targets, shared or one set per member.
        loss: The squared error with its prefactor.
        weight_decay: Factor of ``|theta|**2/2`` in the function whose critical points are sought, at least 0.
        tolerance: Relative gradient norm of a critical point, in (0, 1).
        max_steps: Steps of each member at most, without the polish.
        bound: Root mean square of the parameters beyond which a search is given up, positive.

    Returns:
        Where every search ended, with the evidence; ``converged`` where it found a critical point.

    Raises:
        TypeError: If the network is no Mlp or the loss no squared error.
        ValueError: If the activation has kinks, the pieces do not fit or are not finite, a number is out of range,
            or a Hessian overflows.

    Examples:
        >>> x = y = torch.eye(2, dtype=torch.float64)
        >>> network = Mlp((2, 1, 2), "linear")
        >>> theta = torch.tensor([[1.0, 0.5, 0.5, 1.0]], dtype=torch.float64)
        >>> found = solve_gradient(network, theta, x, y, SquaredError())
        >>> found.converged, found.zero_modes > 0
        (tensor([True]), tensor([True]))
    """
    landscape = checked_landscape(network, theta, x, y, loss, weight_decay)
    checked_tolerance(tolerance)
    checked_sizes(max_steps=max_steps)
    bound = checked_number("bound", bound, above=0.0)
    with torch.no_grad():
        return joined(
            [
                _solve(landscape.of(some), theta[some], tolerance, max_steps, bound)
                for some in landscape.groups(len(theta))
            ]
        )


def _solve(everyone: Landscape, theta: Tensor, tolerance: float, max_steps: int, bound: float) -> CriticalPoints:
    """Search for one group of members."""
    theta = theta.clone()
    steps = torch.zeros(len(theta), dtype=torch.int64, device=theta.device)
    outcome = torch.full_like(steps, SEARCHING)
    gradient = everyone.gradient(theta)
    mark = gradient.norm(dim=1)
    everybody = torch.arange(len(theta), device=theta.device)
    grid = theta.new_tensor(_GRID)
    for step in range(1, max_steps + 1):
        working = (everyone.relative(theta, gradient) > tolerance) & (outcome == SEARCHING)
        rows = working.nonzero().squeeze(1)
        if len(rows) == 0:
            break
        some, here, slope = everyone.of(rows), theta[rows], gradient[rows]
        eigenvalues, vectors = torch.linalg.eigh(some.hessian(here))
        scale = eigenvalues.abs().amax(1, keepdim=True)
        components = (vectors.mT @ slope[..., None]) * eigenvalues[..., None]
        damped = components / (eigenvalues.square()[..., None] + scale.square()[..., None] * grid)
        newton = newton_step(eigenvalues, vectors, slope, resolution(some, eigenvalues))
        moves = torch.cat([newton[:, None], -(vectors @ damped).mT], dim=1)
        trials = torch.cat([here[:, None], here[:, None] + moves], dim=1)  # members x steps x parameters
        met = some.of(everybody[: len(rows)].repeat_interleave(trials.shape[1])).gradient(trials.flatten(0, 1))
        met = met.reshape(trials.shape)
        least, chosen = met.norm(dim=2).nan_to_num(nan=torch.inf).min(dim=1)
        best, new = trials[everybody[: len(rows)], chosen], met[everybody[: len(rows)], chosen]
        stuck = least >= slope.norm(dim=1)
        theta[rows], gradient[rows] = best, new
        steps[rows] += 1
        if step % _PATIENCE == 0:
            norm = gradient.norm(dim=1)
            stuck = stuck | (norm[rows] > _PROGRESS * mark[rows])
            mark = norm
        lost = best.square().mean(1).sqrt() > bound
        fate = torch.where(lost, torch.full_like(rows, UNBOUNDED), outcome[rows])
        outcome[rows] = torch.where(stuck, torch.full_like(rows, FLAT), fate)
    return polished(everyone, theta, steps, outcome, tolerance=tolerance, bound=bound)
