"""The evidence that a point is critical, without which none is handed back.

A small gradient alone certifies nothing: along a ray to infinity, or in a flat valley, the gradient of a network falls
below any threshold where there is no critical point near. A point counts as critical, ``converged``, if

- its relative gradient norm is at most the tolerance (1e-9 unless told). It is relative to what the gradient could be
  at that point by Cauchy-Schwarz (``numerics.objective``), so neither the unit of the targets nor the prefactor moves
  it;
- its parameters are bounded: their root mean square is at most ``bound``;
- Newton's step from it, by the pseudo-inverse on the eigenvectors that are resolved, is at most 1e-6 max(1, |theta|)
  long. On a ray along which the gradient decays exponentially that step stays of order one;
- no eigenvalue of its Hessian is unresolved, unless the network is linear, whose critical points come in families:
  orbits of all changes of basis in the hidden layers without weight decay, of rotations with it. The others have the
  curvature of the weight decay then. So it has to lie above the cut if eigenvalues are to be unresolved, and a step
  along unresolved eigenvectors counts as Newton's with that curvature.

Eigenvalues are resolved beyond ``CUT`` times the spectral radius or the scale that the data set
(``Landscape.hessian_scale``), whichever is more: where several weights vanish together the whole Hessian may vanish,
and signs relative to its own radius are those of where the search stopped. At points that satisfy the rest, exact zeros
come out below 1e-14 of the radius, and the nearest other eigenvalues were seen from 1e-8 (far out on the orbits of
linear networks) or 1e-6 (tanh) on: how far the next one is from the cut in each point, ``gap`` says.
"""

from dataclasses import dataclass, fields, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from numerics.critical_points.landscape import Landscape
from numerics.curvature.inertia import Inertia
from numerics.one_line import counted, spanned

CUT = 1e-10
"""Eigenvalues up to this part of the spectral radius, or of the data's scale if that is more, are unresolved."""

SHORT = 1e-6
"""Longest Newton step from a critical point, relative to max(1, |theta|)."""

OUTCOMES = (
    "critical point",
    "the steps were used up before the gradient vanished",
    "no step lowered the gradient any further: the point is gradient-flat",
    "the parameters left the bound",
    "the gradient is small, but Newton's step from the point is long",
    "the gradient is small, but the Hessian has eigenvalues that are zero to the cut",
    "the branch of critical points ended on the way, or was lost",
)
"""What the numbers in ``CriticalPoints.outcome`` mean."""

SEARCHING, FLAT, UNBOUNDED = 1, 2, 3  # what a search says of a member whose gradient has not vanished
_FAR, _DEGENERATE, LOST = 4, 5, 6


@dataclass(frozen=True)
class CriticalPoints:
    """Where searches for critical points ended, one entry per member, with the evidence.

    Attributes:
        theta: The points, always finite. Only where ``converged`` is it a critical point.
        converged: Whether everything that the module's heading asks for holds.
        outcome: 0 for a critical point, else why it is none: see ``OUTCOMES`` and ``reasons``.
        loss: Loss at the point, without weight decay.
        gradient_norm: |grad F|, F with weight decay.
        relative_gradient: The same relative to what it could be at that point (``numerics.objective``).
        length: |theta|.
        inertia: Negative, unresolved and positive eigenvalues of the Hessian of F, with the absolute tolerance.
        gap: Distance of the nearest resolved eigenvalue from the tolerance: how much larger it might be chosen.
        flatness: Largest absolute value of an unresolved eigenvalue, 0 if there is none.
        radius: Largest absolute value of an eigenvalue.
        newton_step: Length of Newton's step from the point, by the pseudo-inverse on the resolved eigenvectors; with
            weight decay, unresolved ones enter with its curvature.
        steps: Steps that the search took, those of the polish included; each takes one Hessian.
    """

    theta: Float[Tensor, "members parameters"]
    converged: Bool[Tensor, " members"]
    outcome: Int[Tensor, " members"]
    loss: Float[Tensor, " members"]
    gradient_norm: Float[Tensor, " members"]
    relative_gradient: Float[Tensor, " members"]
    length: Float[Tensor, " members"]
    inertia: Inertia
    gap: Float[Tensor, " members"]
    flatness: Float[Tensor, " members"]
    radius: Float[Tensor, " members"]
    newton_step: Float[Tensor, " members"]
    steps: Int[Tensor, " members"]

    def __repr__(self) -> str:
        good = self.converged
        found = (
            "" if not bool(good.any()) else (f": loss {spanned(self.loss[good])}, index {spanned(self.index[good])}")
        )
        return f"CriticalPoints({counted(len(good), 'member')}; {int(good.sum())} converged{found})"

    @property
    def index(self) -> Int[Tensor, " members"]:
        """Negative eigenvalues of the Hessian."""
        return self.inertia.negative

    @property
    def zero_modes(self) -> Int[Tensor, " members"]:
        """Eigenvalues that are zero to the tolerance."""
        return self.inertia.unresolved

    @property
    def reasons(self) -> tuple[str, ...]:
        """The outcomes in words."""
        return tuple(OUTCOMES[code] for code in self.outcome.tolist())

    def only(self, rows: Bool[Tensor, " members"], code: int) -> "CriticalPoints":
        """The same, where members outside ``rows`` do not count as converged but have the given outcome."""
        outcome = torch.where(rows | (self.outcome > 0), self.outcome, torch.full_like(self.outcome, code))
        return replace(self, converged=outcome == 0, outcome=outcome)

    def record(self) -> dict[str, Tensor]:
        """The evidence as flat arrays, one entry per member, as a store takes them."""
        return {
            "converged": self.converged,
            "outcome": self.outcome,
            "loss": self.loss,
            "gradient_norm": self.gradient_norm,
            "relative_gradient": self.relative_gradient,
            "length": self.length,
            "index": self.inertia.negative,
            "zero_modes": self.inertia.unresolved,
            "positive": self.inertia.positive,
            "tolerance": self.inertia.tolerance,
            "gap": self.gap,
            "flatness": self.flatness,
            "radius": self.radius,
            "newton_step": self.newton_step,
            "steps": self.steps,
        }


def resolution(landscape: Landscape, eigenvalues: Float[Tensor, "members parameters"]) -> Float[Tensor, "members 1"]:
    """Absolute value up to which eigenvalues are unresolved."""
    radius = eigenvalues.abs().amax(1, keepdim=True)
    return CUT * torch.maximum(radius, landscape.hessian_scale[:, None])


def newton_step(
    eigenvalues: Float[Tensor, "members parameters"],
    vectors: Float[Tensor, "members parameters parameters"],
    gradient: Float[Tensor, "members parameters"],
    cut: Float[Tensor, "members 1"],
) -> Float[Tensor, "members parameters"]:
    """Newton's step by the pseudo-inverse: eigenvalues up to the cut count as zero."""
    resolved = eigenvalues.abs() > cut
    inverse = torch.where(resolved, 1 / eigenvalues, torch.zeros_like(eigenvalues))
    components = (vectors.mT @ gradient[..., None]).squeeze(-1)
    return -(vectors @ (inverse * components)[..., None]).squeeze(-1)


def polished(
    landscape: Landscape,
    theta: Float[Tensor, "members parameters"],
    steps: Int[Tensor, " members"],
    outcome: Int[Tensor, " members"],
    *,
    tolerance: float,
    bound: float,
) -> CriticalPoints:
    """Finish a search with Newton steps as long as each halves the gradient, and collect the evidence.

    Members whose relative gradient norm is above the tolerance are left where they are. Takes one eigendecomposition
    a step and member, and one more.

    Args:
        landscape: The problem.
        theta: Where the search ended.
        steps: Steps that it took.
        outcome: What it says of the members whose gradient has not vanished: SEARCHING, FLAT, UNBOUNDED or LOST.
        tolerance: Relative gradient norm of a critical point.
        bound: Largest root mean square of its parameters.

    Returns:
        The points with their evidence.
    """
    theta, steps = theta.clone(), steps.clone()
    gradient = landscape.gradient(theta)
    spectrum, step = theta.new_empty(theta.shape), torch.empty_like(theta)
    drift = theta.new_empty(len(theta))  # length of the gradient along unresolved eigenvectors
    moving = landscape.relative(theta, gradient) <= tolerance
    fresh = torch.arange(len(theta), device=theta.device)
    while len(fresh):
        some = landscape.of(fresh)
        spectrum[fresh], vectors = torch.linalg.eigh(some.hessian(theta[fresh]))
        cut = resolution(some, spectrum[fresh])
        step[fresh] = newton_step(spectrum[fresh], vectors, gradient[fresh], cut)
        components = (vectors.mT @ gradient[fresh][..., None]).squeeze(-1)
        drift[fresh] = components.masked_fill(spectrum[fresh].abs() > cut, 0.0).norm(dim=1)
        trial = theta[fresh] + step[fresh]
        new = some.gradient(trial)
        better = moving[fresh] & (new.norm(dim=1) < gradient[fresh].norm(dim=1) / 2)
        fresh = fresh[better]
        theta[fresh], gradient[fresh] = trial[better], new[better]
        steps[fresh] += 1

    size = spectrum.abs()
    radius = size.amax(1)
    cut = resolution(landscape, spectrum).squeeze(1)
    resolved = size > cut[:, None]
    gap = torch.where(resolved, size - cut[:, None], torch.full_like(size, torch.inf)).amin(1)
    inertia = Inertia.of_eigenvalues(spectrum, cut)

    relative, length, move = landscape.relative(theta, gradient), theta.norm(dim=1), step.norm(dim=1)
    decay = landscape.weight_decay
    excused = (decay > cut if decay else torch.ones_like(cut, dtype=torch.bool)) & landscape.has_symmetry
    if decay:
        move = torch.hypot(move, drift / decay)
    small = relative <= tolerance
    far, flat = move > SHORT * length.clamp(min=1), (inertia.unresolved > 0) & ~excused
    beyond = length > bound * theta.shape[1] ** 0.5
    outcome = torch.where(small, torch.zeros_like(outcome), outcome)
    for code, fails in ((_DEGENERATE, flat), (_FAR, far), (UNBOUNDED, beyond)):
        outcome = torch.where(small & fails, torch.full_like(outcome, code), outcome)
    return CriticalPoints(
        theta=theta,
        converged=outcome == 0,
        outcome=outcome,
        loss=landscape.data_loss(theta),
        gradient_norm=gradient.norm(dim=1),
        relative_gradient=relative,
        length=length,
        inertia=inertia,
        gap=gap,
        flatness=torch.where(resolved, torch.zeros_like(size), size).amax(1),
        radius=radius,
        newton_step=move,
        steps=steps,
    )


def joined(pieces: list[CriticalPoints]) -> CriticalPoints:
    """Groups of members as one ensemble."""
    arrays = {
        field.name: torch.cat([getattr(piece, field.name) for piece in pieces])
        for field in fields(CriticalPoints)
        if field.name != "inertia"
    }
    every = [piece.inertia for piece in pieces]
    inertia = replace(
        every[0],
        negative=torch.cat([one.negative for one in every]),
        unresolved=torch.cat([one.unresolved for one in every]),
        positive=torch.cat([one.positive for one in every]),
        tolerance=torch.cat([one.tolerance for one in every]),
        zero_modes=torch.cat([one.zero_modes for one in every]),
    )
    return CriticalPoints(**arrays, inertia=inertia)
