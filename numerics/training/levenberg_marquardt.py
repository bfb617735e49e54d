r"""Levenberg-Marquardt for ensembles: least squares to a true critical point, or an honest "not converged".

Every member minimises L(theta) = prefactor x mean of |o - y|^2 + (weight_decay/2) |theta|^2 by damped steps (B + mu)
p = -grad L, where mu follows the ratio of the actual to the predicted decrease, separately in every member. Two forms
of the step:

- *normal equations*, parameters x parameters: B is the whole Hessian H0 + H1 where it is positive definite with mu
  added, so that the last steps are Newton's and converge quadratically even where residuals stay large; elsewhere the
  Gauss-Newton part H0.
- *residual space*, when there are at most half as many residuals as parameters (and no weight decay): B is the
  Gauss-Newton part s J'J and p = -s J' (s J J' + mu)^(-1) r, a system of the size of the residuals. There the
  residuals can go to zero, and with them H1.

**Convergence** is a statement about the relative gradient norm (``numerics.objective``) at the point handed back, and
about nothing else. The end point is a critical point; that it is a minimum is for ``inertia`` to say, and that no
loss is lower is not claimed. A bounded tanh unit can saturate, its gradient decaying along a ray to infinity: with
weight decay every minimum is finite. For ReLU the gradient is that of the linear piece on which a member is:
convergence means a critical point *inside* a piece. A member whose minimum lies on a kink has no vanishing gradient
to find, stalls there, and is reported as not converged.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from numerics.arguments import checked_number, checked_sizes, checked_tolerance
from numerics.curvature.assembly import assemble, output_jacobian
from numerics.losses import SquaredError
from numerics.networks import Mlp
from numerics.objective import check_problem, jacobian_norm, pull_scale, quotient, slope
from numerics.training.result import TrainingResult

_WORK = 2**23  # numbers in one matrix per member: 64 MiB in float64
_PATIENCE, _PROGRESS = 50, 1e-6  # stalled: in 50 steps no relative decrease of 1e-6 and no gradient halved


def levenberg_marquardt(
    network: Mlp,
    theta: Float[Tensor, "members parameters"],
    x: Float[Tensor, "*members batch inputs"],
    y: Float[Tensor, "*members batch outputs"],
    loss: SquaredError,
    *,
    tolerance: float = 1e-9,
    max_steps: int = 500,
    weight_decay: float = 0.0,
) -> TrainingResult:
    """Minimise a mean squared error in every member of an ensemble.

    A member leaves the batch when it has converged or stalled (50 steps that neither lower the loss by a millionth
    nor halve the gradient), so late steps cost what the stragglers cost. The loss (with weight decay) never rises by
    more than rounding, and no parameter is ever NaN or infinite.

    Members are worked on in groups: about six parameters x parameters matrices per member, 600 MiB in all or one
    member.

    Args:
        network: The network.
        theta: Starting parameters, one row per member. Fixes dtype and device.
        x: Inputs, shared or one set per member.
        y: Targets, shared or one set per member.
        loss: The squared error with its prefactor.
        tolerance: Relative gradient norm at which a member has converged, in (0, 1); float32 cannot reach 1e-9.
        max_steps: Steps tried, rejected ones included.
        weight_decay: Factor of ``|theta|**2/2`` in what is minimised, at least 0. Not part of the ``loss`` handed back.

    Returns:
        The end of every member; ``converged`` exactly where the relative gradient norm is at most the tolerance.

    Raises:
        TypeError: If the loss is not a squared error, or the network no Mlp.
        ValueError: If the problem's pieces do not fit or are not finite, or a number is out of range.

    Examples:
        >>> x = torch.tensor([[1.0], [2.0]], dtype=torch.float64)
        >>> network = Mlp((1, 1), "linear", bias=True)
        >>> end = levenberg_marquardt(network, network.init([0, 1]), x, 3 * x - 1, SquaredError())
        >>> end.converged, end.theta.round(decimals=6)
        (tensor([True, True]), tensor([[ 3., -1.],
                [ 3., -1.]], dtype=torch.float64))
    """
    if not isinstance(loss, SquaredError):
        raise TypeError(f"loss must be a SquaredError, got {type(loss).__name__}.")
    if not isinstance(network, Mlp):
        raise TypeError(f"network must be an Mlp, got {type(network).__name__}.")
    check_problem(network, theta, x, y, loss)
    checked_sizes(max_steps=max_steps)
    checked_tolerance(tolerance)
    weight_decay = checked_number("weight_decay", weight_decay, least=0.0)
    members, parameters = theta.shape
    residuals = x.shape[-2] * network.widths[-1]
    in_residuals = 2 * residuals <= parameters and weight_decay == 0
    group = max(1, _WORK // (residuals * parameters if in_residuals else parameters**2))
    ends = []
    for start in range(0, members, group):
        some = slice(start, start + group)
        problem = _Problem(
            network, x[some] if x.ndim == 3 else x, y[some] if y.ndim == 3 else y, loss, weight_decay, in_residuals
        )
        ends.append(_minimise(problem, theta[some], tolerance, max_steps))
    finals, losses, norms, steps = (torch.cat(pieces) for pieces in zip(*ends, strict=True))
    empty = theta.new_empty(0, members, parameters)
    return TrainingResult(finals, losses, norms, norms <= tolerance, steps, empty)


@dataclass
class _Problem:
    """The members still at work, with their data."""

    network: Mlp
    x: Tensor
    y: Tensor
    loss: SquaredError
    weight_decay: float
    in_residuals: bool

    def of(self, rows: Tensor) -> "_Problem":
        """The same for some of the members."""
        x = self.x[rows] if self.x.ndim == 3 else self.x
        y = self.y[rows] if self.y.ndim == 3 else self.y
        return _Problem(self.network, x, y, self.loss, self.weight_decay, self.in_residuals)

    def objective(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        """What is minimised, and its gradient."""
        value, gradient = slope(self.network, theta, self.x, self.y, self.loss)
        return value + self.weight_decay / 2 * theta.square().sum(1), gradient + self.weight_decay * theta

    def relative(self, theta: Tensor, gradient: Tensor) -> Tensor:
        """Relative gradient norm of what is minimised."""
        trace = self.network.trace(theta, self.x)
        scale = jacobian_norm(self.network, trace) * pull_scale(
            self.loss.gradient(trace.outputs, self.y), self.loss, self.y
        )
        return quotient(gradient.norm(dim=1), scale)

    def model(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        """The matrices of the step: (H0, H1) with weight decay in H0, or (sqrt(s) J, sqrt(s) r) in residual space."""
        if not self.in_residuals:
            parts = assemble(self.network, theta, self.x, self.y, self.loss)
            parts.gauss_newton.diagonal(dim1=1, dim2=2).add_(self.weight_decay)
            return parts.gauss_newton, parts.residual
        root = math.sqrt(2 * self.loss.prefactor / self.x.shape[-2])
        jacobian = output_jacobian(self.network, theta, self.x).flatten(1, 2)
        residual = (self.network.forward(theta, self.x) - self.y).flatten(1)
        return jacobian * root, residual * root

    def step(self, model: tuple[Tensor, Tensor], gradient: Tensor, mu: Tensor) -> tuple[Tensor, Tensor]:
        """The damped step, and where it could be computed."""
        if self.in_residuals:
            jacobian, residual = model
            gram = jacobian @ jacobian.mT
            gram.diagonal(dim1=1, dim2=2).add_(mu[:, None])
            factor, info = torch.linalg.cholesky_ex(gram)
            dual = torch.cholesky_solve(residual[..., None], factor)
            return -(jacobian.mT @ dual).squeeze(-1), info == 0
        gauss_newton, residual = model
        whole = gauss_newton + residual
        whole.diagonal(dim1=1, dim2=2).add_(mu[:, None])
        factor, info = torch.linalg.cholesky_ex(whole)
        bad = info.nonzero().squeeze(1)
        if len(bad):
            part = gauss_newton[bad]
            part.diagonal(dim1=1, dim2=2).add_(mu[bad, None])
            factor[bad], info[bad] = torch.linalg.cholesky_ex(part)
        return -torch.cholesky_solve(gradient[..., None], factor).squeeze(-1), info == 0


@torch.no_grad()
def _minimise(
    problem: _Problem, start: Tensor, tolerance: float, max_steps: int
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Final parameters, losses without decay, relative gradient norms and steps of one group of members."""
    everyone = problem
    eps = torch.finfo(start.dtype).eps
    final = start.clone()
    steps = torch.zeros(len(start), dtype=torch.int64, device=start.device)
    rows = torch.arange(len(start), device=start.device)
    theta = start
    value, gradient = problem.objective(theta)
    model = problem.model(theta)
    size = _size(problem, model)
    mu, growth = 1e-2 * size, torch.full_like(size, 2.0)
    working = ~(problem.relative(theta, gradient) <= tolerance) & value.isfinite() & (size > 0)
    mark_value, mark_norm = value, gradient.norm(dim=1)
    for step in range(1, max_steps + 1):
        if not bool(working.all()):
            keep = working.nonzero().squeeze(1)
            problem, model = problem.of(keep), (model[0][keep], model[1][keep])
            rows, theta, value, gradient, size, mu, growth, mark_value, mark_norm = (
                each[keep] for each in (rows, theta, value, gradient, size, mu, growth, mark_value, mark_norm)
            )
        if len(rows) == 0:
            break
        steps[rows] += 1
        move, solved = problem.step(model, gradient, mu)
        trial = theta + move
        new_value, new_gradient = problem.objective(trial)
        # (B + mu) p = -g, so the model predicts a decrease of (mu |p|^2 - g.p)/2
        predicted = (mu * move.square().sum(1) - (gradient * move).sum(1)) / 2
        gain = (value - new_value) / predicted
        finite = solved & trial.isfinite().all(1) & new_value.isfinite() & new_gradient.isfinite().all(1)
        noise = 64 * eps * value.abs()
        smaller = new_gradient.norm(dim=1) < gradient.norm(dim=1)
        unseen = (predicted <= 16 * noise) & (new_value - value <= noise) & smaller
        taken = finite & (((predicted > 0) & (gain > 1e-4)) | unseen)
        gain = torch.where(unseen, torch.ones_like(gain), gain)

        shrink = (1 - (2 * gain - 1) ** 3).clamp(0.1, 2.0)
        mu = torch.where(taken, mu * shrink, mu * growth)
        growth = torch.where(taken, torch.full_like(growth, 2.0), growth * 2)
        better = taken.nonzero().squeeze(1)
        working = torch.ones_like(taken)
        if len(better):
            chosen = problem.of(better)
            theta = torch.where(taken[:, None], trial, theta)
            value = torch.where(taken, new_value, value)
            gradient = torch.where(taken[:, None], new_gradient, gradient)
            fresh = chosen.model(theta[better])
            model[0][better], model[1][better] = fresh
            size[better] = _size(problem, fresh)
            working[better] = chosen.relative(theta[better], gradient[better]) > tolerance
            final[rows] = theta
        mu = torch.maximum(mu, 1e-12 * size)
        working &= (size > 0) & (mu < size / eps)
        if step % _PATIENCE == 0:
            norm = gradient.norm(dim=1)
            working &= (value < mark_value * (1 - _PROGRESS)) | (norm < mark_norm / 2)
            mark_value, mark_norm = value, norm
    outputs = everyone.network.forward(final, everyone.x)
    norms = everyone.relative(final, everyone.objective(final)[1])
    losses = everyone.loss.value(outputs, everyone.y).nan_to_num(nan=torch.inf, posinf=torch.inf)
    return final, losses, norms, steps


def _size(problem: _Problem, model: tuple[Tensor, Tensor]) -> Tensor:
    """The largest diagonal entry of the Gauss-Newton part, the scale of the damping."""
    if problem.in_residuals:
        return model[0].square().sum(1).amax(1)
    return model[0].diagonal(dim1=1, dim2=2).amax(1)
