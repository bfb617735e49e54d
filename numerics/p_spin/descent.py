r"""Gradient descent on the sphere, which follows the gradient flow ds/dt = -grad H of a p-spin Hamiltonian.

The flow ends in a minimum, but slowly: near the energy -E_inf the smallest curvatures tend to 0 as N^(-2/3). So a
descent stops where Newton's method can take over without a change of minimum; ``spherical_minima`` goes on from there.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from numerics.arguments import checked_number, checked_sizes, checked_tensors
from numerics.one_line import counted, spanned
from numerics.p_spin.hamiltonian import SphericalSpinGlass

FALL = 0.1
"""Factor by which a step of Newton's has to lower the gradient where it can take over from a descent."""

_WORK = 2**22  # numbers in one array of spins x spins matrices: 32 MiB in float64
_CHECK, _NEAR = 50, 0.1  # a descent is tried for its end every so many steps, below that relative gradient


@dataclass(frozen=True)
class SphericalDescent:
    """The end of a gradient descent, one entry per start.

    Attributes:
        points: Where it stopped, on the sphere.
        energy: Energies per spin there.
        relative_gradient: Relative gradient norms there.
        arrived: Whether it is at its level or, where none was given, where Newton's method can take over.
        steps: Steps taken.
    """

    points: Float[Tensor, "starts spins"]
    energy: Float[Tensor, " starts"]
    relative_gradient: Float[Tensor, " starts"]
    arrived: Bool[Tensor, " starts"]
    steps: Int[Tensor, " starts"]

    def __repr__(self) -> str:
        ends = f"energy {spanned(self.energy)}; {int(self.arrived.sum())} arrived"
        return f"SphericalDescent({counted(len(self.steps), 'start')}, {spanned(self.steps)} steps, {ends})"


@torch.no_grad()
def spherical_descent(
    glass: SphericalSpinGlass,
    starts: Float[Tensor, "starts spins"],
    *,
    level: Float[Tensor, " starts"] | float | None = None,
    step: float = 0.5,
    max_steps: int = 20000,
) -> SphericalDescent:
    r"""Follow the gradient flow on the sphere by steps of fixed length in time.

    The minimum reached hardly depends on the step: with 1/10 and 1/2 it was the same from every start tried (3-spin, 56
    starts at N = 50 and 100), with 3/2 another from 5 of a hundred.

    s is moved by -eta grad H and pulled back to the sphere, eta = step/(4 sqrt(p (p-1)) ``coupling_scale``): the unit
    is the inverse of the largest curvature at the lowest energies, 2 p E_inf in the limit; below 2 the energy falls.

    A start leaves the batch at its end. Works on groups of starts: eight arrays of spins x spins matrices at a check of
    the end (every 50 steps, where the relative gradient is below 0.1), 32 MiB each or one start's.

    Args:
        glass: The Hamiltonian.
        starts: Where to start.
        level: Energies per spin at which to stop, one for all or one per start. A descent stops anyway where the
            Hessian is positive definite and a step of Newton's would divide the gradient by ten: in the basin of a
            minimum.
        step: In (0, 2).
        max_steps: At least 1.

    Returns:
        The ends.

    Raises:
        TypeError: If the starts are no tensor.
        ValueError: If the starts do not fit the couplings or a number is out of range.

    Examples:
        >>> glass = SphericalSpinGlass.draw(order=3, spins=20, seed=1)
        >>> end = spherical_descent(glass, glass.random_points([0, 1]), level=-0.8)
        >>> end.arrived, bool((end.energy <= -0.8).all())
        (tensor([True, True]), True)
    """
    points = glass.checked_points(starts).clone()
    levels = _levels(glass, level, points)
    checked_sizes(max_steps=max_steps)
    if not checked_number("step", step, above=0.0) < 2:
        raise ValueError(f"step must lie in (0, 2), in units of the inverse curvature, got {step!r}.")
    eta = step / (4 * math.sqrt(glass.order * (glass.order - 1)) * glass.coupling_scale)
    group = max(1, _WORK // glass.spins**2)
    steps = torch.zeros(len(points), dtype=torch.int64, device=points.device)
    arrived = torch.zeros_like(steps, dtype=torch.bool)
    for first in range(0, len(points), group):
        rows = torch.arange(first, min(first + group, len(points)), device=points.device)
        here = points[rows]
        for count in range(max_steps + 1):
            energy, gradient = glass.slope(here)
            if levels is not None or count % _CHECK == 0:
                there = torch.zeros_like(energy, dtype=torch.bool) if levels is None else energy <= levels[rows]
                ended = _newton_takes_over(glass, here, gradient) if count % _CHECK == 0 else torch.zeros_like(there)
                done = there | ended
                if bool(done.any()):
                    arrived[rows[done]] = (ended if levels is None else there)[done]
                    points[rows[done]] = here[done]
                    left = ~done
                    rows, here, gradient = rows[left], here[left], gradient[left]
            if count == max_steps or len(rows) == 0:
                break
            here = glass.on_sphere(torch.sub(here, gradient, alpha=eta))
            steps[rows] += 1
        points[rows] = here
    energy, gradient = glass.energy_and_gradient(points)
    return SphericalDescent(points, energy, glass.relative_gradient(gradient), arrived, steps)


def _levels(glass: SphericalSpinGlass, level: Tensor | float | None, points: Tensor) -> Tensor | None:
    if level is None:
        return None
    if not isinstance(level, Tensor):
        return torch.full_like(points[:, 0], checked_number("level", level))
    checked_tensors(level=level)
    if level.shape != (len(points),) or not bool(level.isfinite().all()):
        raise ValueError(f"level must be one finite energy per start, shape ({len(points)},), got {level!r}.")
    return level.to(points)


def _newton_takes_over(glass: SphericalSpinGlass, points: Tensor, gradients: Tensor) -> Tensor:
    """Where the Hessian is positive definite and Newton's step lowers the gradient to ``FALL`` of its length.

    The step d leaves a gradient of L d^2/2, L the third derivative, and its fall bounds L d/lambda, the quantity of
    Kantorovich's theorem. A promise of little energy alone would also be made near a fold, where two critical points
    have merged and the flow is slow but goes on.
    """
    found = glass.relative_gradient(gradients) < _NEAR
    near = found.nonzero().squeeze(1)
    if len(near):
        here, gradient = points[near], gradients[near]
        hessian = glass.expansion(here)[2]
        factor, info = torch.linalg.cholesky_ex(hessian)
        basis = glass.tangent_basis(here)
        step = basis @ torch.cholesky_solve(basis.mT @ gradient[:, :, None], factor)
        after = glass.slope(glass.on_sphere(here - step.squeeze(2)))[1]
        found[near] = (info == 0) & (after.norm(dim=1) <= FALL * gradient.norm(dim=1))
    return found
