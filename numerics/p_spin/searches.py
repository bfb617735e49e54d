"""From random points to critical points of a p-spin Hamiltonian: the flow's minima, and clouds of saddles."""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from numerics.arguments import checked_number
from numerics.p_spin.descent import spherical_descent
from numerics.p_spin.eigenvector_following import spherical_critical_points
from numerics.p_spin.evidence import SphericalCriticalPoints, reachable_tolerance
from numerics.p_spin.hamiltonian import SphericalSpinGlass
from numerics.seeded import checked_seeds, generators


def spherical_minima(
    glass: SphericalSpinGlass,
    starts: Float[Tensor, "starts spins"],
    *,
    step: float = 0.5,
    max_steps: int = 20000,
    tolerance: float | None = None,
) -> SphericalCriticalPoints:
    """Descend by the gradient flow of ``spherical_descent`` and end by Newton's method.

    Args:
        glass: The Hamiltonian.
        starts: Where to start.
        step: Of the descent, in (0, 2).
        max_steps: Of the descent.
        tolerance: Relative gradient norm at which a point is critical, in (0, 1); None: 1e-9, in float32 1e-5.

    Returns:
        The minima, with their evidence; ``moved`` is the angle from the end of the descent, small where Newton's method
        changed the digits of a minimum and not the minimum.

    Raises:
        TypeError: If the starts are no tensor.
        ValueError: If the starts do not fit the couplings or a number is out of range.

    Examples:
        >>> glass = SphericalSpinGlass.draw(order=3, spins=20, seed=1)
        >>> found = spherical_minima(glass, glass.random_points(range(4)))
        >>> found.converged.tolist(), found.inertia.negative.tolist()
        ([True, True, True, True], [0, 0, 0, 0])
    """
    tolerance = reachable_tolerance(glass, tolerance)
    end = spherical_descent(glass, starts, step=step, max_steps=max_steps)
    return spherical_critical_points(glass, end.points, index=0, tolerance=tolerance)


def sample_spherical_critical_points(
    glass: SphericalSpinGlass,
    *,
    seeds: Sequence[int],
    lowest: float,
    highest: float = 0.0,
    step: float = 0.5,
    tolerance: float | None = None,
) -> SphericalCriticalPoints:
    """A cloud of critical points of many energies, one per seed.

    From a random point the gradient flow descends to a random energy per spin, uniform between the two given ones;
    from there eigenvectors are followed to a critical point of as many negative eigenvalues as the Hessian has there.
    The index is thereby set by the start, and the energy is what is found. Points at which the flow ends above its
    energy are followed from there. Not a uniform sample of the critical points of an energy.

    Args:
        glass: The Hamiltonian.
        seeds: One per point, which depends on its own alone (and, within rounding, on nothing else).
        lowest: Energy per spin.
        highest: Energy per spin, above the lowest.
        step: Of the descent, in (0, 2).
        tolerance: Relative gradient norm at which a point is critical, in (0, 1); None: 1e-9, in float32 1e-5.

    Returns:
        The points, with their evidence.

    Raises:
        ValueError: If there is no seed, one is no integer in [0, 2**64), or a number is out of range.

    Examples:
        >>> glass = SphericalSpinGlass.draw(order=3, spins=20, seed=1)
        >>> cloud = sample_spherical_critical_points(glass, seeds=range(8), lowest=-1.4)
        >>> bool(cloud.converged.all())
        True
    """
    tolerance = reachable_tolerance(glass, tolerance)
    lowest, highest = checked_number("lowest", lowest), checked_number("highest", highest)
    if not lowest < highest:
        raise ValueError(f"lowest must be an energy below highest = {highest}, got {lowest}.")
    if highest - lowest == math.inf:
        raise ValueError(f"lowest must lie at a finite distance from highest = {highest}, got {lowest}.")
    numbers = checked_seeds(seeds)
    draws = generators("spherical levels", numbers)
    uniform = [torch.rand((), generator=one, dtype=torch.float64, device="cpu") for one in draws]
    level = (lowest + (highest - lowest) * torch.stack(uniform)).to(glass.couplings)
    start = spherical_descent(glass, glass.random_points(numbers), level=level, step=step)
    return spherical_critical_points(glass, start.points, tolerance=tolerance)
