r"""Projected gradient ascent on the unit ball or the unit cube, many runs at once.

Conventions. Every run is a row u in R^p; the ball is |u| <= 1, the cube max |u_i| <= 1, P the nearest point in it. A
step is

.. math:: u \leftarrow P(u + \tau r),

with r the gradient g less what points out of the region: on the sphere its radial part, on a face of the cube the
component across it. It is taken if the function rises by 1e-4 <r, move> at least, up to rounding, else tau is divided
by four. After a step tau is the one of Barzilai and Borwein (1988) where the function is concave along it and four
times longer where it is not. On the ball this is gradient ascent on the sphere; for a quadratic function plain steps
along g, which are steps of the power method, never get further than it does.

The *residual* of a run is |P(u + g/G) - u| with G the largest gradient norm that the run has met. It lies in [0, 1],
and is 0 exactly at points where no direction rises to first order. Such a point need not be a maximum; and where the
function has kinks, at which maxima like to lie and runs may jam, the residual does not fall to 0. Therefore a run also
ends when its value has *settled*: when in the last 25 steps it has risen by less than 1e-6 of all that it has risen, or
by less than the function's rounding errors.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from numerics.progress import progress

Region = Literal["ball", "cube"]
Function = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]

_LONGEST = 2.0
"""So far, in units of the region, a step may aim: beyond it only its direction counts."""
_WINDOW, _SETTLED = 25, 1e-6
"""Steps in which a value that has not risen by more than this share of its whole rise counts as settled."""


ROUNDING = 8
"""Of so many spacings of its numbers the rounding errors of a function are taken to be."""


@dataclass(frozen=True)
class AscentEnd:
    """Where every run ended, its highest point.

    Attributes:
        point: In the region.
        value: The function there, infinite where it overflowed.
        residual: As the module's heading defines it; 1 where the function or its gradient overflowed.
        converged: Whether the residual is at most the tolerance.
        settled: Whether it has converged or its value no longer rose; False where it was cut off while it still rose.
        evaluations: Of function and gradient, the one at the start included.
        steepest: The largest gradient norm that the run has met, G.
    """

    point: Float[Tensor, "runs axes"]
    value: Float[Tensor, " runs"]
    residual: Float[Tensor, " runs"]
    converged: Bool[Tensor, " runs"]
    settled: Bool[Tensor, " runs"]
    evaluations: Int[Tensor, " runs"]
    steepest: Float[Tensor, " runs"]


@torch.no_grad()
def ascend(
    function: Function,
    start: Float[Tensor, "runs axes"],
    region: Region,
    *,
    base: Float[Tensor, " runs"],
    steps: int,
    tolerance: float,
    what: str,
) -> AscentEnd:
    """Ascend from every start until the residual is at most the tolerance or the value has settled.

    No run ends lower than it started, but for rounding errors. Allocates eight copies of the starts.

    Args:
        function: Takes points and the numbers of their runs; returns values and gradients. Called with fewer runs as
            they come to their ends.
        start: Is projected to the region.
        region: "ball" or "cube".
        base: From where rises are counted, such as the function at the region's centre; its rounding errors count.
        steps: Evaluations at most beside the first one.
        tolerance: Of the residual.
        what: What the progress bar says.

    Examples:
        >>> curvature = torch.tensor([1.0, 3.0], dtype=torch.float64)
        >>> end = ascend(
        ...     lambda u, runs: ((curvature * u**2).sum(1) / 2, curvature * u),
        ...     torch.tensor([[0.6, 0.1]], dtype=torch.float64), "ball", base=torch.zeros(1, dtype=torch.float64),
        ...     steps=50, tolerance=1e-6, what="ascent",
        ... )
        >>> f"{float(end.value):.9f}", bool(end.converged)
        ('1.500000000', True)

    References:
        Birgin, Martinez and Raydan, Nonmonotone spectral projected gradient methods on convex sets, SIAM J. Optim. 10
        (2000) 1196.
    """
    runs = torch.arange(len(start), device=start.device)
    u = _projected(start, region)
    value, gradient = function(u, runs)
    alive = _finite(value, gradient)
    gradient = torch.where(alive[:, None], gradient, torch.zeros_like(gradient))
    scale = gradient.norm(dim=1)
    direction = _inward(u, gradient, region)
    tau = _LONGEST / 2 / _length(direction, region).clamp(min=torch.finfo(u.dtype).tiny)
    residual = torch.where(alive, _residual(u, gradient, scale, region), torch.ones_like(value))
    evaluations = torch.ones_like(runs)
    rounding = ROUNDING * torch.finfo(u.dtype).eps
    active = alive & (residual > tolerance)
    settled, peak, mark = ~alive, value.clone(), value.clone()
    with progress(steps, what) as bar:
        for step in range(1, steps + 1):
            some = runs[active]
            if not len(some):
                break
            here, along, own_tau = u[some], direction[some], tau[some]
            trial = _projected(here + own_tau[:, None] * along, region)
            risen, slope = function(trial, some)
            evaluations[some] += 1
            finite = _finite(risen, slope)
            move = trial - here
            slack = rounding * torch.maximum(value[some].abs(), base[some].abs())
            enough = value[some] + 1e-4 * (along * move).sum(1) - slack
            taken = finite & (risen >= enough) | (risen == torch.inf)
            slope = torch.where(finite[:, None], slope, torch.zeros_like(slope))
            scale[some] = torch.where(taken, torch.maximum(scale[some], slope.norm(dim=1)), scale[some])
            new_along = _inward(trial, slope, region)
            bend = -(move * (new_along - along)).sum(1)
            spectral = torch.where(bend > 0, move.square().sum(1) / bend, 4 * own_tau)
            longest = _LONGEST / _length(new_along, region).clamp(min=torch.finfo(u.dtype).tiny)
            tau[some] = torch.where(taken, torch.minimum(spectral, longest), own_tau / 4)
            u[some] = torch.where(taken[:, None], trial, here)
            value[some] = torch.where(taken, risen, value[some])
            gradient[some] = torch.where(taken[:, None], slope, gradient[some])
            direction[some] = torch.where(taken[:, None], new_along, along)
            left = _residual(u[some], gradient[some], scale[some], region)
            residual[some] = torch.where(value[some].isfinite(), left, torch.ones_like(left))
            stuck = ~taken & (tau[some] * _length(along, region) < rounding)
            settled[some] = stuck | ~value[some].isfinite()
            peak = torch.maximum(peak, value)  # rounding lets the value wander
            if step % _WINDOW == 0:
                settled[some] |= peak[some] - mark[some] <= _SETTLED * (peak[some] - base[some]).abs() + slack
                mark = peak
            active[some] = (left > tolerance) & ~settled[some]
            bar.advance()
    converged = residual <= tolerance
    return AscentEnd(u, value, residual, converged, converged | settled, evaluations, scale)


def _projected(u: Tensor, region: Region) -> Tensor:
    """The nearest point of the region."""
    return u.clamp(-1.0, 1.0) if region == "cube" else u / u.norm(dim=1, keepdim=True).clamp(min=1.0)


def _inward(u: Tensor, gradient: Tensor, region: Region) -> Tensor:
    """The gradient less what points out of the region at its boundary."""
    if region == "cube":
        return torch.where((u.abs() >= 1.0) & (u * gradient > 0), torch.zeros_like(gradient), gradient)
    radial = (u * gradient).sum(1, keepdim=True)
    square = u.square().sum(1, keepdim=True)
    outward = (square >= 1.0 - 16 * torch.finfo(u.dtype).eps) & (radial > 0)
    return torch.where(outward, gradient - radial / square * u, gradient)


def _length(direction: Tensor, region: Region) -> Tensor:
    """In the norm whose unit ball the region is."""
    length: Tensor = direction.abs().amax(1) if region == "cube" else direction.norm(dim=1)
    return length


def _residual(u: Tensor, gradient: Tensor, scale: Tensor, region: Region) -> Tensor:
    unit = scale.clamp(min=torch.finfo(u.dtype).tiny)[:, None]
    left: Tensor = (_projected(u + gradient / unit, region) - u).norm(dim=1)
    return left


def _finite(value: Tensor, gradient: Tensor) -> Tensor:
    return value.isfinite() & gradient.isfinite().all(1)
