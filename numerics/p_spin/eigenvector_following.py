r"""Eigenvector following on the sphere: critical points of a p-spin Hamiltonian of a given index.

In the eigenbasis of the Riemannian Hessian the step climbs along the k lowest modes and descends along the others,
+-slope/(|lambda| + mu), so that only critical points of index k attract. With mu = 0 it is Newton's step near one of
them; elsewhere mu keeps it within a trust region, which follows how well the second-order model foretold the gradient
at the other end of the step (carried back along the great circle). The energy, in which climbs and descents cancel,
is not asked.

Where the k-th curvature passes through 0 without a critical point nearby, the k lowest modes change from step to step
and the walk may go round in circles (2 to 4 walks of a hundred): a walk that has not halved its gradient in 50 steps
goes one radian along its softest mode, then two, and so on. From a random start k = 0 is a way down of its own, to
other minima than the gradient flow's.
"""

import math
from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from numerics.arguments import checked_integers, checked_sizes
from numerics.p_spin.evidence import SphericalCriticalPoints, reachable_tolerance, with_evidence
from numerics.p_spin.hamiltonian import SphericalSpinGlass

_WORK = 2**22  # numbers in one array of spins x spins matrices: 32 MiB in float64
_FIRST, _LARGEST = 0.1, 0.5  # radius of the trust region, as an angle
_PATIENCE, _KICK = 50, 1.0  # steps in which a gradient has to be halved; angle of the first step taken if not
_NEAR = 1e-4  # relative gradient below which no such step is taken
_REFINEMENTS, _CLOSE = 30, 64.0  # of the damping; roundings by which the length of a step may miss the radius
_WRONG, _RIGHT = 0.5, 0.2  # error of the foretold gradient above which a step is refused, below which it may grow


@torch.no_grad()
def spherical_critical_points(
    glass: SphericalSpinGlass,
    starts: Float[Tensor, "starts spins"],
    *,
    index: int | Sequence[int] | None = None,
    tolerance: float | None = None,
    max_steps: int = 500,
) -> SphericalCriticalPoints:
    """Follow eigenvectors to critical points of given index.

    Works on groups of starts: eight arrays of spins x spins matrices, 32 MiB each or one start's.

    Args:
        glass: The Hamiltonian.
        starts: Where to start.
        index: Negative eigenvalues of the Hessian sought, in 0..spins-1: one for all or one per start. None: that of
            the Hessian at the start.
        tolerance: Relative gradient norm at which a point is critical, in (0, 1); None: 1e-9, in float32 1e-5.
        max_steps: Steps tried, at least 1.

    Returns:
        The points, with their evidence.

    Raises:
        TypeError: If the starts are no tensor.
        ValueError: If the starts do not fit the couplings, or an index or a number is out of range.

    Examples:
        >>> glass = SphericalSpinGlass.draw(order=3, spins=20, seed=1)
        >>> found = spherical_critical_points(glass, glass.random_points(range(3)), index=[4, 6, 8])
        >>> found.converged.tolist(), found.inertia.negative.tolist()
        ([True, True, True], [4, 6, 8])
    """
    points = glass.checked_points(starts)
    wanted = _wanted(glass, index, len(points))
    checked_sizes(max_steps=max_steps)
    tolerance = reachable_tolerance(glass, tolerance)
    group = max(1, _WORK // glass.spins**2)
    pieces = []
    for first in range(0, len(points), group):
        some = slice(first, first + group)
        pieces.append(_follow(glass, points[some], None if wanted is None else wanted[some], tolerance, max_steps))
    ends, steps = (torch.cat(piece) for piece in zip(*pieces, strict=True))
    return with_evidence(glass, points, ends, steps, tolerance)


def _wanted(glass: SphericalSpinGlass, index: int | Sequence[int] | None, starts: int) -> Tensor | None:
    if index is None:
        return None
    numbers = list(index) if isinstance(index, Sequence) else [index] * starts
    if len(numbers) != starts:
        raise ValueError(f"index must be one integer or one per start, {starts}, got {len(numbers)}.")
    try:
        checked_integers("index", numbers, glass.spins - 1)
    except ValueError:
        raise ValueError(f"index must lie in 0..{glass.spins - 1}, the directions there are, got {index!r}.") from None
    return torch.tensor([int(number) for number in numbers], device=glass.couplings.device)


def _follow(
    glass: SphericalSpinGlass, start: Tensor, wanted: Tensor | None, tolerance: float, max_steps: int
) -> tuple[Tensor, Tensor]:
    """The points of least gradient and the steps of one group of starts."""
    final = start.clone()
    steps = torch.zeros(len(start), dtype=torch.int64, device=start.device)
    rows = torch.arange(len(start), device=start.device)
    here = start
    _, gradient, hessian = glass.expansion(start)
    values, vectors = _modes(glass, here, hessian)
    index = (values < 0).sum(1) if wanted is None else wanted
    radius = torch.full_like(here[:, 0], _FIRST)
    least = mark = gradient.norm(dim=1)
    best = least.clone()
    working = glass.relative_gradient(gradient) > tolerance
    for count in range(1, max_steps + 1):
        if not bool(working.all()):
            rows, here, gradient, values, vectors, index, radius, least, mark = (
                one[working] for one in (rows, here, gradient, values, vectors, index, radius, least, mark)
            )
        if len(rows) == 0:
            break
        steps[rows] += 1
        slope = (gradient[:, None, :] @ vectors).squeeze(1)
        climbing = torch.arange(values.shape[1], device=values.device) < index[:, None]
        move = _damped(slope, values, radius * math.sqrt(glass.spins))
        move = torch.where(climbing, move, -move)
        stalled = torch.zeros_like(radius, dtype=torch.bool)
        if count % _PATIENCE == 0:
            stalled = (least > mark / 2) & (glass.relative_gradient(gradient) > _NEAR)
            mark, least = least, gradient.norm(dim=1)
            softest = torch.zeros_like(move).scatter_(1, values.abs().argmin(1, keepdim=True), 1.0)
            kick = _KICK * (count // _PATIENCE) * math.sqrt(glass.spins)
            move = torch.where(stalled[:, None], kick * softest, move)
        direction = (vectors @ move[:, :, None]).squeeze(2)
        predicted = gradient + (vectors @ (values * move)[:, :, None]).squeeze(2)
        trial, transport = _geodesic(glass, here, direction)
        _, new_gradient, hessian = glass.expansion(trial)
        miss = (transport(new_gradient) - predicted).norm(dim=1)
        miss = miss / torch.maximum(gradient.norm(dim=1), predicted.norm(dim=1))
        taken = (miss < _WRONG) | stalled
        at_edge = direction.norm(dim=1) > 0.9 * radius * math.sqrt(glass.spins)
        grown = torch.where((miss < _RIGHT) & at_edge, (2 * radius).clamp(max=_LARGEST), radius)
        radius = torch.where(taken, grown, radius / 2).masked_fill(stalled, _FIRST)
        working = radius > torch.finfo(radius.dtype).eps
        better = taken.nonzero().squeeze(1)
        if len(better):
            here, gradient = (torch.where(taken[:, None], *pair) for pair in ((trial, here), (new_gradient, gradient)))
            length = gradient.norm(dim=1)
            final[rows] = torch.where((length < best[rows])[:, None], here, final[rows])
            best[rows], least = torch.minimum(best[rows], length), torch.minimum(least, length)
            working[better] &= glass.relative_gradient(gradient[better]) > tolerance
            fresh = (taken & working).nonzero().squeeze(1)
            if len(fresh):
                values[fresh], vectors[fresh] = _modes(glass, here[fresh], hessian[fresh])
    return final, steps


def _modes(glass: SphericalSpinGlass, points: Tensor, hessian: Tensor) -> tuple[Tensor, Tensor]:
    """Eigenvalues and, as tangent vectors of R^N, eigenvectors."""
    values, vectors = torch.linalg.eigh(hessian)
    return values, glass.tangent_basis(points) @ vectors


def _damped(slope: Tensor, values: Tensor, radius: Tensor) -> Tensor:
    """slope/(|value| + mu) with the least mu >= 0 that keeps the length within the radius.

    No component may be longer than the radius, which bounds mu from below; from there Newton's method for 1/length,
    which is concave in mu, goes up to the root and never beyond.
    """
    sizes: Tensor = values.abs().clamp(min=torch.finfo(values.dtype).tiny ** 0.5)
    close = _CLOSE * torch.finfo(values.dtype).eps
    damping = (slope.abs() / radius[:, None] - sizes).amax(1).clamp(min=0)
    for _ in range(_REFINEMENTS):
        damped = sizes + damping[:, None]
        move = slope / damped
        length = move.norm(dim=1)
        over = length / radius - 1
        if not bool((over > close).any()):
            break
        fall = (move.square() / damped).sum(1)
        step = over * length.square() / fall
        damping = damping + torch.where(over > 0, step, torch.zeros_like(step))
    shortened: Tensor = move * (radius / length).clamp(max=1)[:, None]
    return shortened


def _geodesic(
    glass: SphericalSpinGlass, points: Tensor, directions: Tensor
) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
    """The ends of great circles, and the transport of tangent vectors back along them."""
    root = math.sqrt(glass.spins)
    length: Tensor = directions.norm(dim=1, keepdim=True)
    ahead, unit, angle = directions / length.clamp(min=torch.finfo(length.dtype).tiny), points / root, length / root
    arriving: Tensor = ahead * angle.cos() - unit * angle.sin()

    def transport(vectors: Tensor) -> Tensor:
        return vectors + (vectors * arriving).sum(1, keepdim=True) * (ahead - arriving)

    return glass.on_sphere(unit * angle.cos() + ahead * angle.sin()), transport
