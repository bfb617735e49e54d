r"""Branches of critical points as weight decay is lowered, followed as far towards none at all as they go.

Without weight decay the units of a network saturate and most searches run to infinity; with it every critical point is
finite, but displaced. Where the Hessian is regular a critical point theta(d) is a smooth function of weight decay d,

.. math:: H(\theta)\, \frac{d\theta}{dd} = -\theta,

and is followed here from one value to the next in small steps of log d: a tangent step, then Newton's, which have to
halve the gradient each. Newton's method may land on another branch, so a step counts only if the index has not changed
and both ends have nearly one tangent: with t the derivative by log d and h the step, t changes by at most |t|/2 and the
way taken differs from the trapezoid's, h (t + t')/2, by at most h |t|/8. A step that fails is halved.

A branch ends where H is singular, or goes to infinity as d goes to 0, and is reported as lost from there on. Singular
are folds, and the symmetric pitchforks at which units die as weight decay grows: there a point and its mirror image
(a unit's weights with both signs) meet one that is its own image, a network in which that unit is 0 or a copy. All
three are lost there, also the one in the middle, which goes on but with another index.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor

from numerics.arguments import checked_number, checked_sizes, checked_tolerance
from numerics.critical_points.evidence import LOST, SHORT, CriticalPoints, joined, polished
from numerics.critical_points.landscape import Landscape, checked_landscape
from numerics.losses import SquaredError
from numerics.networks import Mlp

_CORRECTIONS = 8
_HALVINGS = 6  # of a stage
_TURN, _BEND = 1 / 2, 1 / 8  # change of the tangent, and distance from the trapezoid rule, over the tangent step


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

    Takes some three factorisations and two eigendecompositions a stage and member, more where a stage is halved, and
    the eigendecompositions of the evidence at each weight decay. Works on groups of members: some five parameters x
    parameters matrices per member, 400 MiB in all or one.

    Args:
        network: The network, with a smooth activation that is not linear.
        theta: Critical points of F at the first weight decay, one row per member, in float64.
        x: Inputs, shared or one set per member.
        y: Targets, shared or one set per member.
        loss: The squared error with its prefactor.
        weight_decays: Positive; at least one.
        stages: Steps in log d from one weight decay to the next, each of which is halved up to six times if it fails.
        tolerance: Relative gradient norm of a critical point, in (0, 1).
        bound: Largest root mean square of its parameters, positive.

    Returns:
        One ensemble per weight decay. A member that is not critical at one of them, or was lost on the way, stays where
        it was last and has not ``converged`` there nor at any later one. All that have are of the index they had first.

    Raises:
        TypeError: If the network is no Mlp or the loss no squared error.
        ValueError: If the activation has kinks or is linear, the pieces do not fit or are not finite, or a number is
            out of range, or a Hessian overflows.

    Examples:
        >>> x, y = torch.ones(1, 1, dtype=torch.float64), torch.full((1, 1), 0.5, dtype=torch.float64)
        >>> network = Mlp((1, 1, 1), "tanh")
        >>> theta = torch.zeros(1, 2, dtype=torch.float64)  # the zero network is a saddle at each
        >>> ends = decay_branches(network, theta, x, y, SquaredError(), weight_decays=(1e-2, 1e-3))
        >>> [(end.converged.tolist(), end.index.tolist()) for end in ends]
        [([True], [1]), ([True], [1])]
    """
    decays = checked_decays("weight_decays", weight_decays)
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


def checked_decays(name: str, decays: object) -> list[float]:
    """Weight decays as a list of floats.

    Raises:
        ValueError: If they are no sequence of positive finite numbers.
    """
    try:
        return [checked_number(name, decay, above=0.0) for decay in decays]  # type: ignore[attr-defined]
    except TypeError:
        raise ValueError(f"{name} must be a sequence of positive numbers, got {decays!r}.") from None


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
            moved, taken, arrived = _advanced(landscape.of(rows), point[rows], here, there, tolerance, _HALVINGS)
            steps[rows] += taken
            rows, moved = rows[arrived], moved[arrived]
            point[rows] = moved
        end = polished(landscape.at(after), point, steps, codes, tolerance=tolerance, bound=bound)
        on_branch = torch.zeros_like(last.converged).index_fill_(0, rows, True)
        ends.append(end.only(on_branch & (end.index == last.index), LOST))
    return ends


def _advanced(
    landscape: Landscape, theta: Tensor, before: float, after: float, tolerance: float, halvings: int
) -> tuple[Tensor, Tensor, Tensor]:
    """One stage: where each member came to, the Hessians it took, and whether it is on its branch there."""
    point, taken, alive = _stepped(landscape, theta, before, after, tolerance)
    failed = (~alive).nonzero().squeeze(1)
    if halvings and len(failed):
        point, alive = point.clone(), alive.clone()
        middle = (before * after) ** 0.5
        rows, here = failed, theta[failed]
        for one, other in ((before, middle), (middle, after)):
            here, more, arrived = _advanced(landscape.of(rows), here, one, other, tolerance, halvings - 1)
            taken[rows] += more
            rows, here = rows[arrived], here[arrived]
            if len(rows) == 0:
                break
        point[rows], alive[rows] = here, True
    return point, taken, alive


def _stepped(
    landscape: Landscape, theta: Tensor, before: float, after: float, tolerance: float
) -> tuple[Tensor, Tensor, Tensor]:
    """A tangent step and Newton's: where they led, the Hessians taken, and whether that is on the same branch."""
    taken = torch.full((len(theta),), 2, dtype=torch.int64, device=theta.device)
    tangent, index = _course(landscape.at(before), theta)
    span = math.log(after / before)
    point = theta + (after - before) / before * tangent
    target = landscape.at(after)
    gradient = target.gradient(point)
    alive = gradient.isfinite().all(1)
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
    alive = alive & (target.relative(point, gradient) <= tolerance)
    rows = alive.nonzero().squeeze(1)
    if len(rows):
        new_tangent, new_index = _course(target.of(rows), point[rows])
        old = tangent[rows]
        length = old.norm(dim=1)
        off = (point[rows] - theta[rows] - span * (old + new_tangent) / 2).norm(dim=1)
        noise = SHORT * theta[rows].norm(dim=1).clamp(min=1)
        turned = ((new_tangent - old).norm(dim=1) - _TURN * length) * abs(span) > noise
        bent = off - _BEND * length * abs(span) > noise
        alive[rows] = (new_index == index[rows]) & ~turned & ~bent
    return point, taken, alive


def _course(landscape: Landscape, theta: Tensor) -> tuple[Tensor, Tensor]:
    """Derivatives of critical points by the logarithm of weight decay, infinite or NaN where H is singular; indices."""
    eigenvalues, vectors = torch.linalg.eigh(landscape.hessian(theta))
    components = (vectors.mT @ theta[..., None]).squeeze(-1) / eigenvalues
    return -landscape.weight_decay * (vectors @ components[..., None]).squeeze(-1), (eigenvalues < 0).sum(1)


def _solved(matrix: Tensor, right: Tensor) -> tuple[Tensor, Tensor]:
    """Solutions of linear systems, and which matrices are regular."""
    solution, info = torch.linalg.solve_ex(matrix, right[..., None])
    return solution.squeeze(-1), (info == 0) & solution.isfinite().all(dim=(1, 2))
