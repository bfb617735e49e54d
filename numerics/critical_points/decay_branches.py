r"""Branches of critical points as weight decay is lowered, followed as far towards none at all as they go.

Without weight decay the units of a network saturate and most searches run to infinity; with it every critical point is
finite, but displaced. Where the Hessian is regular a critical point theta(d) is a smooth function of weight decay d,

.. math:: H(\theta)\, \frac{d\theta}{dd} = -\theta,

and is followed here from one value to the next in small steps of log d: a tangent step, then Newton's, which have to
halve the gradient each. A branch ends in a fold, where H is singular, or goes to infinity as d goes to 0: it is
followed as long as Newton's steps contract, and reported as lost from there on.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor

from numerics.arguments import checked_number, checked_sizes, checked_tolerance
from numerics.critical_points.evidence import LOST, CriticalPoints, joined, polished
from numerics.critical_points.landscape import Landscape, checked_landscape
from numerics.losses import SquaredError
from numerics.networks import Mlp

_CORRECTIONS = 8


def decay_branches(
    network: Mlp,
    theta: Float[Tensor, "members parameters"],
    x: Float[Tensor, "*members batch inputs"],
    y: Float[Tensor, "*members batch outputs"],
    loss: SquaredError,
    *,
    weight_decays: Sequence[float],
    stages: int = 16,
    tolerance: float = 1e-9,
    bound: float = 10.0,
) -> tuple[CriticalPoints, ...]:
    """Follow critical points found at the first weight decay to all the others, in the order given.

    Takes at most nine factorisations a stage and member, and the eigendecompositions of the evidence at each weight
    decay. Works on groups of members: some five parameters x parameters matrices per member, 400 MiB in all or one.

    Args:
        network: The network, with a smooth activation that is not linear.
        theta: Critical points of F at the first weight decay, one row per member, in float64.
        x: Inputs, shared or one set per member.
        y: Targets, shared or one set per member.
        loss: The squared error with its prefactor.
        weight_decays: Positive; at least one.
        stages: Steps in log d from one weight decay to the next.
        tolerance: Relative gradient norm of a critical point, in (0, 1).
        bound: Largest root mean square of its parameters, positive.

    Returns:
        One ensemble per weight decay. A member that is not critical at one of them, or was lost on the way, stays where
        it was last and has not ``converged`` there nor at any later one.

    Raises:
        TypeError: If the network is no Mlp or the loss no squared error.
        ValueError: If the activation has kinks or is linear, the pieces do not fit or are not finite, or a number is
            out of range.

    Examples:
        >>> x, y = torch.ones(1, 1, dtype=torch.float64), torch.full((1, 1), 0.5, dtype=torch.float64)
        >>> network = Mlp((1, 1, 1), "tanh")
        >>> theta = torch.zeros(1, 2, dtype=torch.float64)  # the zero network is a saddle at each
        >>> ends = decay_branches(network, theta, x, y, SquaredError(), weight_decays=(1e-2, 1e-3))
        >>> [(end.converged.tolist(), end.index.tolist()) for end in ends]
        [([True], [1]), ([True], [1])]
    """
    decays = [checked_number("weight_decays", decay, above=0.0) for decay in weight_decays]
    if not decays:
        raise ValueError("weight_decays must hold at least the one at which theta is critical, got none.")
    landscape = checked_landscape(network, theta, x, y, loss, decays[0])
    if landscape.has_symmetry:
        raise ValueError("network must be nonlinear: critical points of a linear one come in families, not branches.")
    checked_tolerance(tolerance)
    checked_sizes(stages=stages)
    bound = checked_number("bound", bound, above=0.0)
    with torch.no_grad():
        groups = [
            _branches(landscape.of(some), theta[some], decays, stages, tolerance, bound)
            for some in landscape.groups(len(theta))
        ]
    return tuple(joined(list(pieces)) for pieces in zip(*groups, strict=True))


def _branches(
    landscape: Landscape, theta: Tensor, decays: list[float], stages: int, tolerance: float, bound: float
) -> list[CriticalPoints]:
    """Follow one group of members."""
    codes = torch.full((len(theta),), LOST, device=theta.device)
    ends = [polished(landscape, theta, torch.zeros_like(codes), codes, tolerance=tolerance, bound=bound)]
    for before, after in pairwise(decays):
        last = ends[-1]
        point, steps = last.theta.clone(), torch.zeros_like(codes)
        rows = last.converged.nonzero().squeeze(1)
        for stage in range(stages):
            if len(rows) == 0:
                break
            here, there = (before * (after / before) ** ((stage + more) / stages) for more in (0, 1))
            moved, taken, arrived = _advanced(landscape.of(rows), point[rows], here, there, tolerance)
            steps[rows] += taken
            rows, moved = rows[arrived], moved[arrived]
            point[rows] = moved
        end = polished(landscape.at(after), point, steps, codes, tolerance=tolerance, bound=bound)
        on_branch = torch.zeros_like(last.converged).index_fill_(0, rows, True)
        ends.append(end.only(on_branch, LOST))
    return ends


def _advanced(
    landscape: Landscape, theta: Tensor, before: float, after: float, tolerance: float
) -> tuple[Tensor, Tensor, Tensor]:
    """One stage: where each member came to, the factorisations it took, and whether it is critical there."""
    taken = torch.ones(len(theta), dtype=torch.int64, device=theta.device)
    tangent, regular = _solved(landscape.at(before).hessian(theta), theta)
    point = theta - (after - before) * tangent
    target = landscape.at(after)
    gradient = target.gradient(point)
    alive = regular & gradient.isfinite().all(1)
    for _ in range(_CORRECTIONS):
        rows = (alive & (target.relative(point, gradient) > tolerance)).nonzero().squeeze(1)
        if len(rows) == 0:
            break
        some = target.of(rows)
        step, regular = _solved(some.hessian(point[rows]), gradient[rows])
        trial = point[rows] - step
        new = some.gradient(trial)
        contracts = regular & (new.norm(dim=1) < gradient[rows].norm(dim=1) / 2)
        alive[rows] = contracts
        point[rows[contracts]], gradient[rows[contracts]] = trial[contracts], new[contracts]
        taken[rows] += 1
    return point, taken, alive & (target.relative(point, gradient) <= tolerance)


def _solved(matrix: Tensor, right: Tensor) -> tuple[Tensor, Tensor]:
    """Solutions of linear systems, and which matrices are regular."""
    solution, info = torch.linalg.solve_ex(matrix, right[..., None])
    return solution.squeeze(-1), (info == 0) & solution.isfinite().all(dim=(1, 2))
