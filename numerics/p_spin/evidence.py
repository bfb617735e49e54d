"""What is handed back for a critical point of a p-spin Hamiltonian: the point, and how critical it is.

**Convergence** is a statement about the Riemannian gradient at the point handed back, relative to that of a random
point (``SphericalSpinGlass.relative_gradient``), and about nothing else. The index comes as an ``Inertia``, with all
eigenvalues of the Hessian beside it.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from numerics.arguments import checked_tolerance
from numerics.curvature.inertia import Inertia
from numerics.one_line import counted, spanned
from numerics.p_spin.hamiltonian import SphericalSpinGlass

CUT = 1e-8
"""What counts as an unresolved eigenvalue, relative to the largest one, or to that of a typical Hessian if more."""

_WORK = 2**22  # numbers in one array of spins x spins matrices: 32 MiB in float64


@dataclass(frozen=True)
class SphericalCriticalPoints:
    """Points with the evidence of how critical they are, one entry per start.

    Attributes:
        points: On the sphere of radius sqrt(spins).
        energy: Energies per spin.
        relative_gradient: Relative gradient norms.
        converged: Whether they are at most the tolerance. Nothing else counts as converged.
        eigenvalues: Of the Riemannian Hessian, ascending.
        inertia: Their counts, with the absolute cut.
        gap: Size of the eigenvalue nearest to 0, in the unit of the cut: that of the one farthest from it, or
            2 sqrt(p (p-1)) ``coupling_scale`` if that is more, so that rounding of a flat Hamiltonian is no curvature.
        newton_step: Angle of Newton's step from the point, an estimate of how far the exact critical point is; infinite
            where the Hessian is singular.
        moved: Angle between start and point.
        steps: Steps tried, rejected ones included, not those of a descent before.
    """

    points: Float[Tensor, "starts spins"]
    energy: Float[Tensor, " starts"]
    relative_gradient: Float[Tensor, " starts"]
    converged: Bool[Tensor, " starts"]
    eigenvalues: Float[Tensor, "starts spins-1"]
    inertia: Inertia
    gap: Float[Tensor, " starts"]
    newton_step: Float[Tensor, " starts"]
    moved: Float[Tensor, " starts"]
    steps: Int[Tensor, " starts"]

    def __repr__(self) -> str:
        good = self.converged
        found = (
            ""
            if not bool(good.any())
            else (f": energy {spanned(self.energy[good])}, index {spanned(self.inertia.negative[good])}")
        )
        return f"SphericalCriticalPoints({counted(len(good), 'start')}; {int(good.sum())} converged{found})"


def reachable_tolerance(glass: SphericalSpinGlass, tolerance: float | None) -> float:
    """The tolerance, or without one what the precision of the couplings allows: 1e-9 in float64, 1e-5 in float32.

    Raises:
        ValueError: If it does not lie in (0, 1).
    """
    if tolerance is None:
        return 1e-9 if glass.couplings.dtype == torch.float64 else 1e-5
    checked_tolerance(tolerance)
    return tolerance


def with_evidence(
    glass: SphericalSpinGlass, starts: Tensor, points: Tensor, steps: Tensor, tolerance: float
) -> SphericalCriticalPoints:
    """Look at points on the sphere that were reached from some starts.

    Works on groups of points: six arrays of spins x spins matrices, 32 MiB each or one point's.

    Args:
        glass: The Hamiltonian.
        starts: On the sphere.
        points: Where they led.
        steps: In how many steps.
        tolerance: Relative gradient norm at which a point is critical.
    """
    group = max(1, _WORK // glass.spins**2)
    pieces = [_look(glass, points[first : first + group]) for first in range(0, len(points), group)]
    energy, relative, values, newton = (torch.cat(piece) for piece in zip(*pieces, strict=True))
    sizes = values.abs()
    unit = sizes.amax(1).clamp(min=2 * math.sqrt(glass.order * (glass.order - 1)) * glass.coupling_scale)
    cut = unit * max(CUT, glass.spins * torch.finfo(points.dtype).eps)
    chord = (points - starts).norm(dim=1) / (2 * math.sqrt(glass.spins))
    return SphericalCriticalPoints(
        points=points,
        energy=energy,
        relative_gradient=relative,
        converged=relative <= tolerance,
        eigenvalues=values,
        inertia=Inertia.of_eigenvalues(values, cut),
        gap=sizes.amin(1) / unit,
        newton_step=newton,
        moved=2 * chord.clamp(max=1).asin(),
        steps=steps,
    )


def _look(glass: SphericalSpinGlass, points: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Energy, relative gradient, eigenvalues and Newton's step of one group."""
    energy, gradient, hessian = glass.expansion(points)
    values, vectors = torch.linalg.eigh(hessian)
    slope = (gradient[:, None, :] @ glass.tangent_basis(points) @ vectors).squeeze(1)
    newton = (slope / values).norm(dim=1).nan_to_num(nan=math.inf) / math.sqrt(glass.spins)
    return energy, glass.relative_gradient(gradient), values, newton
