r"""Sharpness of a point: how much higher the loss gets within a small region around it.

Conventions. Two measures, which differ in region and in unit (Dinh, Pascanu, Bengio and Bengio 2017, arXiv:1703.04933,
Definition 2; Keskar, Mudigere, Nocedal, Smelyanskiy and Tang 2017, arXiv:1609.04836, Metric 2.1):

.. math::
    \frac{\max_{|z|_2 \le \epsilon} L(\theta + A z) - L(\theta)}{1 + L(\theta)}
    \qquad\text{and}\qquad
    100\,\frac{\max_{|z_i| \le \epsilon(|(A^+\theta)_i| + 1)} L(\theta + A z) - L(\theta)}{1 + L(\theta)},

with A the identity or, for the sharpness over a subspace, a basis of it; both regions are closed.

**The values are lower bounds.** Ascent finds points of the region where the loss is high; nothing guarantees that there
is no higher one. Each value belongs to a point that is handed back, and the spread over restarts shows whether they
agree. They are lower bounds up to the rounding of the loss, some spacings of its dtype at L: a rise that is not above
that is none that anyone could see, and its value is 0; double precision sees more. Where the loss is quadratic the ball
has an upper bound, too:

.. math:: \frac{\epsilon |A' g| + \epsilon^2 \lambda^+ / 2}{1 + L},

lambda+ the largest eigenvalue of A' H A or 0; at a critical point, g = 0, that is the maximum itself.

**Neither is invariant** under a rescaling theta -> F theta that leaves the function alone (F diagonal, positive). The
*adaptive* ball of Kwon, Kim, Park and Choi (2021, arXiv:2102.11600, Definition 2) is: there A = diag(|theta_i|) moves
every parameter in units of its own size, and F A u = F diag(|theta|) u is the same move of the rescaled parameters.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from numerics.arguments import checked_finite, checked_number, checked_sizes, checked_tensors, checked_tolerance
from numerics.curvature.training_problem import LossFunction
from numerics.functional_module import Network
from numerics.loss_of_rows import LossOfRows
from numerics.one_line import counted, spanned
from numerics.projected_ascent import ROUNDING, Region, ascend
from numerics.seeded import checked_seeds, seeded_normal
from numerics.subspaces import Basis, Subspace


@dataclass(frozen=True)
class Sharpness:
    """How sharp every member is, as far as ascent has found out.

    Attributes:
        value: The largest value over restarts, a lower bound of the sharpness and at least 0, up to ``resolution``.
        theta: A point of the region where the loss is that high; the member itself if no higher one was found.
        loss: The loss of the member.
        highest: The loss at the point, infinite where it overflowed.
        by_restart: The value that each restart reached, 0 where it is not above the resolution.
        residual: Of each restart, how far it is from a stationary point (``numerics.projected_ascent``), in [0, 1].
        converged: Whether that is at most the tolerance. At a kink of the loss it may never be; nor is it said of a
            restart on a slope on which the loss never rose by more than the resolution.
        settled: Whether it has converged or its value no longer rose; False where it was cut off while it still rose.
        evaluations: Gradients that each restart took.
        resolution: Values up to here cannot be told from rounding errors: 8 eps |L|/(1 + L), eps the spacing of theta's
            dtype at one, in the unit of the value. The errors may be larger where outputs cancel within the network.
        quadratic: eps^2 lambda+/(2 (1 + L)), the ball's sharpness at a critical point if the loss were quadratic; None
            for a box, or where no curvature was asked for.
        bound: What the value cannot exceed where the loss is quadratic; None where no curvature was asked for.
    """

    value: Float[Tensor, " members"]
    theta: Float[Tensor, "members parameters"]
    loss: Float[Tensor, " members"]
    highest: Float[Tensor, " members"]
    by_restart: Float[Tensor, "members restarts"]
    residual: Float[Tensor, "members restarts"]
    converged: Bool[Tensor, "members restarts"]
    settled: Bool[Tensor, "members restarts"]
    evaluations: Int[Tensor, "members restarts"]
    resolution: Float[Tensor, " members"]
    quadratic: Float[Tensor, " members"] | None = None
    bound: Float[Tensor, " members"] | None = None

    def __repr__(self) -> str:
        best = self.value[:, None]
        agree = int((self.by_restart >= 0.99 * best).sum())
        said = [
            f"{agree} of {counted(self.by_restart.numel(), 'restart')} within 1 % of the best",
            *(
                f"{name} {spanned(own)}"
                for name, own in (("quadratic", self.quadratic), ("bound", self.bound))
                if own is not None
            ),
        ]
        lost = int(self.unresolved.sum())
        if lost:
            said.append(f"{lost} without a rise above the resolution, {spanned(self.resolution)}")
        rising = int((~self.settled).sum())
        if rising:
            said.append(f"{rising} cut off while still rising")
        members = "" if len(best) == 1 else f"{counted(len(best), 'member')}: "
        return f"Sharpness({members}{spanned(self.value)}; {'; '.join(said)})"

    @property
    def unresolved(self) -> Bool[Tensor, "members restarts"]:
        """Restarts on a slope on which the loss never rose by more than its rounding errors."""
        return (self.by_restart == 0) & ~self.converged & self.settled

    @property
    def spread(self) -> Float[Tensor, " members"]:
        """Largest less smallest value over restarts: 0 if all of them found the same height."""
        return self.by_restart.amax(1) - self.by_restart.amin(1)


def epsilon_sharpness(
    network: nn.Module | Network,
    theta: Float[Tensor, "members parameters"] | None,
    x: Tensor,
    y: Tensor,
    loss: LossFunction,
    *,
    epsilon: float,
    seeds: Sequence[int],
    basis: Basis | None = None,
    adaptive: bool = False,
    restarts: int = 8,
    steps: int = 200,
    tolerance: float = 1e-4,
    lambda_max: Float[Tensor, " members"] | Literal["dense"] | None = None,
    chunk: int | None = None,
) -> Sharpness:
    """The largest (L(theta') - L)/(1 + L) in the ball of radius epsilon, by ascent from several starts.

    All members and restarts are one batched computation. The first restart begins where the gradient points to, the
    others at random points of the sphere; the same seed with more restarts repeats the first ones. Allocates about
    ten copies of members x restarts x parameters (or the basis's dimension) beside what gradients of one chunk need.

    Args:
        network: A perceptron, a module or a view of one. A module is copied and left as it is.
        theta: Parameters, one row per member. Fixes dtype and device. None for those of a module, one member.
        x: Inputs, shared or one set per member.
        y: Targets of the loss, shared or one set per member.
        loss: One of this floor's losses, or any function (outputs, targets) -> scalar that is a mean over examples,
            such as ``nn.CrossEntropyLoss()``: then inputs and targets are shared, and may have any shape.
        epsilon: Radius of the ball, positive.
        seeds: One per member, for the starts.
        basis: A; the identity if None. Its columns, orthonormal or not, span the subspace; shared or one per member.
        adaptive: Whether A = diag(|theta_i|), in place of a basis.
        restarts: Starts per member, at least 1.
        steps: Gradients at most in every restart, besides that at the start.
        tolerance: Residual at which a restart has converged, in (0, 1).
        lambda_max: The largest eigenvalue of A' H A of every member, for ``quadratic`` and ``bound``; "dense" to
            compute it, which takes 2 members x parameters^2 numbers; None to leave them out.
        chunk: Points at a time; chosen for about 64 MiB if None.

    Raises:
        TypeError: If a piece of the problem is of the wrong kind.
        ValueError: If the problem's pieces do not fit or are not finite, a loss of one's own is no mean over examples
            or at most -1, or a number is out of range.

    Examples:
        >>> from numerics.losses import SquaredError
        >>> from numerics.networks import Mlp
        >>> x = torch.tensor([[3.0, 0.0], [0.0, 1.0]], dtype=torch.float64)  # L = (9 a^2 + b^2)/2 at theta = (a, b)
        >>> found = epsilon_sharpness(
        ...     Mlp((2, 1), "linear"), torch.zeros(1, 2).double(), x, torch.zeros(2, 1).double(), SquaredError(),
        ...     epsilon=0.1, seeds=[0], lambda_max="dense",
        ... )
        >>> found
        Sharpness(0.045; 8 of 8 restarts within 1 % of the best; quadratic 0.045; bound 0.045)

        A module and a loss of torch's:

        >>> _ = torch.manual_seed(0)
        >>> model, x, y = nn.Linear(2, 1), torch.ones(4, 2), torch.ones(4, 1)
        >>> epsilon_sharpness(model, None, x, y, nn.MSELoss(), epsilon=0.1, seeds=[0])
        Sharpness(...; 8 of 8 restarts within 1 % of the best)
    """
    epsilon = checked_number("epsilon", epsilon, above=0.0)
    if not (lambda_max is None or isinstance(lambda_max, Tensor) or lambda_max == "dense"):
        raise ValueError(f"lambda_max must be a tensor, 'dense' or None, got {lambda_max!r}.")
    if not isinstance(adaptive, bool):
        raise ValueError(f"adaptive must be True or False, got {adaptive!r}.")
    if adaptive and basis is not None:
        raise ValueError("adaptive must be False where a basis is given, which says itself what a unit is.")
    search = _Search(network, theta, x, y, loss, basis, seeds, chunk)
    search.check_held(epsilon)
    units = search.theta.abs() if adaptive else torch.ones_like(search.subspace.coordinates(search.theta))
    found = search.run("ball", epsilon * units, 1.0, restarts, steps, tolerance)
    if lambda_max is None:
        return found
    if isinstance(lambda_max, Tensor):
        checked_tensors(lambda_max=lambda_max)
        checked_finite(lambda_max=lambda_max)
        if lambda_max.shape != search.loss.shape:
            raise ValueError(
                f"lambda_max must have shape ({len(search.loss)},), one per member, got {tuple(lambda_max.shape)}."
            )
        largest = lambda_max.to(search.theta)
    else:
        largest = search.largest_curvature(units)
    second = (epsilon * largest.clamp(min=0.0).sqrt()).square() / 2 / (1 + found.loss)
    first = epsilon * (units * search.gradient).norm(dim=1) / (1 + found.loss)
    return _with(found, second, first + second)


def box_sharpness(
    network: nn.Module | Network,
    theta: Float[Tensor, "members parameters"] | None,
    x: Tensor,
    y: Tensor,
    loss: LossFunction,
    *,
    epsilon: float,
    seeds: Sequence[int],
    basis: Basis | None = None,
    restarts: int = 8,
    steps: int = 200,
    tolerance: float = 1e-4,
    dense: bool = False,
    chunk: int | None = None,
) -> Sharpness:
    """The largest 100 (L(theta + A z) - L)/(1 + L) in the box |z_i| <= epsilon (|(A+ theta)_i| + 1), by ascent.

    A box has many more local maxima than a ball, already for a quadratic loss: most of its corners may be one. As
    ``epsilon_sharpness`` otherwise; random restarts begin at uniform points of the box, the first one at the corner of
    the gradient's signs.

    Args:
        network: A perceptron, a module or a view of one. A module is copied and left as it is.
        theta: Parameters, one row per member. Fixes dtype and device. None for those of a module, one member.
        x: Inputs, shared or one set per member.
        y: Targets of the loss, shared or one set per member.
        loss: One of this floor's losses, or any function (outputs, targets) -> scalar that is a mean over examples,
            such as ``nn.CrossEntropyLoss()``: then inputs and targets are shared, and may have any shape.
        epsilon: Relative size of the box, positive; 1e-3 and 5e-4 in the paper.
        seeds: One per member, for the starts.
        basis: A, of full column rank; the identity if None. The paper has random ones with 100 columns.
        restarts: Starts per member, at least 1.
        steps: Gradients at most in every restart, besides that at the start.
        tolerance: Residual at which a restart has converged, in (0, 1).
        dense: Whether to compute ``bound`` = 100 (sum_i b_i |(A'g)_i| + p lambda+/2)/(1 + L), with b_i the box's
            half-widths, p their number and lambda+ the largest eigenvalue of diag(b) A' H A diag(b) or 0.
        chunk: Points at a time; chosen for about 64 MiB if None.

    Raises:
        TypeError: If a piece of the problem is of the wrong kind.
        ValueError: If the problem's pieces do not fit or are not finite, a loss of one's own is no mean over examples
            or at most -1, or a number is out of range.

    Examples:
        >>> from numerics.losses import SquaredError
        >>> from numerics.networks import Mlp
        >>> x, y = torch.ones(1, 1).double(), torch.ones(1, 1).double()  # L = (theta - 1)^2 around theta = 1
        >>> found = box_sharpness(
        ...     Mlp((1, 1), "linear"), torch.ones(1, 1).double(), x, y, SquaredError(), epsilon=1e-2, seeds=[0]
        ... )
        >>> round(float(found.value), 9)  # 100 (2 epsilon)^2
        0.04
    """
    epsilon = checked_number("epsilon", epsilon, above=0.0)
    if not isinstance(dense, bool):
        raise ValueError(f"dense must be True or False, got {dense!r}.")
    search = _Search(network, theta, x, y, loss, basis, seeds, chunk)
    search.check_held(epsilon)
    sizes = epsilon * (search.subspace.coordinates(search.theta).abs() + 1)
    found = search.run("cube", sizes, 100.0, restarts, steps, tolerance)
    if not dense:
        return found
    second = sizes.shape[1] * search.largest_curvature(sizes).clamp(min=0.0) / 2
    first = (sizes * search.gradient.abs()).sum(1)
    return _with(found, None, 100 * (first + second) / (1 + found.loss))


class _Search:
    """A problem seen from each member along its subspace."""

    def __init__(
        self,
        network: nn.Module | Network,
        theta: Tensor | None,
        x: Tensor,
        y: Tensor,
        loss: LossFunction,
        basis: Tensor | None,
        seeds: Sequence[int],
        chunk: int | None,
    ) -> None:
        self.problem = LossOfRows(network, theta, x, y, loss, chunk=chunk)
        self.theta = theta = self.problem.theta
        self.seeds = checked_seeds(seeds, len(theta))
        self.subspace = Subspace(theta, basis)
        self.members = torch.arange(len(theta), device=theta.device)
        self.loss, gradient = self.problem.slopes(self.theta, self.members)
        if not bool(self.loss.isfinite().all() & gradient.isfinite().all()):
            raise ValueError(
                "theta, x and y must be small enough for loss and gradient to be finite, but they overflow."
            )
        if bool((self.loss <= -1).any()):
            raise ValueError(
                f"loss must be above -1 at theta, where sharpness is in units of 1 + loss, got "
                f"{float(self.loss.min()):g}."
            )
        self.gradient = self.subspace.pulled(gradient, self.members)

    def check_held(self, epsilon: float) -> None:
        """Refuse an epsilon that overflows or vanishes in theta's dtype."""
        held = float(torch.tensor(epsilon, dtype=self.theta.dtype))
        if held == 0 or held == float("inf"):
            raise ValueError(f"epsilon must be a number that {self.theta.dtype} can hold, got {epsilon:g}.")

    def run(self, region: Region, sizes: Tensor, unit: float, restarts: int, steps: int, tolerance: float) -> Sharpness:
        """Ascend in the region whose half-widths or radius are the sizes."""
        checked_sizes(restarts=restarts, steps=steps)
        checked_tolerance(tolerance)
        members = self.members.repeat_interleave(restarts)

        def function(u: Tensor, runs: Tensor) -> tuple[Tensor, Tensor]:
            who = members[runs]
            value, gradient = self.problem.slopes(self.theta[who] + self.subspace.pushed(sizes[who] * u, who), who)
            return value, self.subspace.pulled(gradient, who) * sizes[who]

        start = self._starts(region, sizes, restarts)
        end = ascend(
            function,
            start.flatten(0, 1),
            region,
            base=self.loss[members],
            steps=steps,
            tolerance=tolerance,
            what="steps of ascent",
        )
        reached = torch.unflatten(end.value, 0, (-1, restarts))
        values = unit * (reached - self.loss[:, None]).clamp(min=0.0) / (1 + self.loss[:, None])
        resolution = unit * ROUNDING * torch.finfo(values.dtype).eps * self.loss.abs() / (1 + self.loss)
        seen = values > resolution[:, None]
        values = torch.where(seen, values, 0.0)
        best = values.argmax(1)
        value = values.gather(1, best[:, None]).squeeze(1)
        top = torch.unflatten(end.point, 0, (-1, restarts))[self.members, best]
        moved = self.theta + self.subspace.pushed(sizes * top, self.members)
        point = torch.where(value[:, None] > 0, moved, self.theta)
        highest = torch.where(value > 0, reached[self.members, best], self.loss)
        residual, converged, settled, evaluations, steepest = (
            torch.unflatten(each, 0, (-1, restarts))
            for each in (end.residual, end.converged, end.settled, end.evaluations, end.steepest)
        )
        converged = converged & (seen | (steepest == 0) | (resolution == 0)[:, None])
        return Sharpness(
            value, point, self.loss, highest, values, residual, converged, settled, evaluations, resolution
        )

    def largest_curvature(self, sizes: Float[Tensor, "members dimension"]) -> Float[Tensor, " members"]:
        """The largest eigenvalue of diag(sizes) A' H A diag(sizes)."""
        hessian = self.problem.hessians()
        if self.subspace.basis is not None:
            hessian = self.subspace.basis.mT @ hessian @ self.subspace.basis
        largest = sizes.amax(1)
        shape = sizes / torch.where(largest > 0, largest, 1)[:, None]  # squares of the sizes may overflow
        values: Tensor = torch.linalg.eigvalsh(shape[:, :, None] * hessian * shape[:, None, :])
        return values[:, -1] * largest * largest

    def _starts(self, region: Region, sizes: Tensor, restarts: int) -> Float[Tensor, "members restarts dimension"]:
        """Where the gradient points to, and random points."""
        normal = [
            seeded_normal(
                f"ascent {restart}", sizes.shape[1:], seeds=self.seeds, dtype=sizes.dtype, device=sizes.device
            )
            for restart in range(restarts)
        ]
        start, steepest = torch.stack(normal, dim=1), self.gradient * sizes
        if region == "cube":
            start = torch.erf(start / 2**0.5)  # uniform in (-1, 1)
            uphill = steepest.sign()
        else:
            start = start / start.norm(dim=2, keepdim=True).clamp(min=torch.finfo(start.dtype).tiny)
            uphill = steepest / steepest.norm(dim=1, keepdim=True).clamp(min=torch.finfo(start.dtype).tiny)
        sloping = (steepest != 0).any(dim=1)
        start[:, 0] = torch.where(sloping[:, None], uphill, start[:, 0])
        return start


def _with(found: Sharpness, quadratic: Tensor | None, bound: Tensor) -> Sharpness:
    return replace(found, quadratic=quadratic, bound=bound)
