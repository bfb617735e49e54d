r"""Slices of the loss along one or two directions in parameter space.

Conventions. A slice of a member theta along directions d_1 (and d_2) is the function (s, t) -> L(theta + s d_1 + t d_2)
on a grid. A *filter* is what one output unit takes in: a row of a linear layer's weight, the kernel of one output
channel of a convolution, entry f of a parameter's first axis. A raw direction is Gaussian; what is then done to it:

- ``"filter"``: each filter gets the norm of the parameters' own, d_f <- d_f / |d_f| |theta_f| (Li, Xu, Taylor, Studer
  and Goldstein 2018, arXiv:1712.09913, section 4);
- ``"layer"``: each parameter tensor as a whole does;
- ``"element"``: each entry is multiplied by that of |theta|;
- ``"none"``: nothing.

**What a rescaling leaves alone.** Let theta' = F theta be another parametrisation of the same function, F diagonal and
positive. The slice of theta' along F d is that of theta along d, since theta' + s F d = F (theta + s d). A direction
that is normalised *after* the rescaling, from the same seed, is F d where F is constant on each piece whose norm is
set: for rescalings by layers "filter", "layer" and "element" give the same slice; for rescalings by units, which
multiply the entries of a filter by different factors, "element" alone does. A plain direction never does.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any, Literal, TypeGuard, get_args

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor, nn

from numerics.arguments import checked_finite, checked_tensors
from numerics.curvature.training_problem import LossFunction
from numerics.functional_module import FunctionalModule, Network
from numerics.loss_of_rows import LossOfRows, view_and_point
from numerics.one_line import counted, spanned
from numerics.progress import progress
from numerics.seeded import checked_seeds, seeded_normal

Normalisation = Literal["filter", "layer", "element", "none"]
Vectors = Literal["zero", "keep", "copy"]
Coordinates = Tensor | NDArray[Any] | Sequence[int | float]

_POINTS = 2**22  # numbers of parameters that are laid out at a time


@dataclass(frozen=True)
class LossSlice:
    """The loss of every member on a grid.

    Attributes:
        steps: Coordinates along each direction.
        losses: One axis for the members and one for each direction; infinite where the loss overflows.
    """

    steps: tuple[Float[Tensor, " _"], ...]
    losses: Float[Tensor, "members ..."]

    def __repr__(self) -> str:
        members = counted(len(self.losses), "member")
        points = " x ".join(str(len(axis)) for axis in self.steps)
        return f"LossSlice({members}, {points} points, losses {spanned(self.losses)})"


def random_directions(
    network: nn.Module | Network,
    theta: Float[Tensor, "members parameters"] | None,
    *,
    seeds: Sequence[int],
    count: int = 1,
    normalisation: Normalisation = "filter",
    vectors: Vectors = "zero",
) -> Float[Tensor, "directions members parameters"]:
    """Draw random directions, normalised by the parameters as the module's heading says.

    A direction before it is normalised depends on the member's seed and its own number alone, not on theta.

    Args:
        network: A perceptron, a module or a view of one.
        theta: Parameters, one row per member. Fixes dtype and device. None for those of a module, one member.
        seeds: One per member.
        count: Number of directions, 1 or 2.
        normalisation: "filter", "layer", "element" or "none".
        vectors: What becomes of parameters with one axis, such as biases and the scales of a norm: "zero" leaves them
            where they are (``ignore="biasbn"`` of the authors' program), "copy" makes the direction equal to them
            (what that program does otherwise), "keep" treats each as one filter.

    Raises:
        TypeError: If the network is none, or theta no tensor.
        ValueError: If theta or the seeds do not fit, theta is not finite or so large that directions of its size are
            not, or an option is unknown.

    Examples:
        >>> from numerics.networks import Mlp
        >>> network, theta = Mlp((2, 2), "linear"), torch.tensor([[3.0, 4.0, 0.0, 0.0]])
        >>> direction = random_directions(network, theta, seeds=[0])[0, 0]
        >>> round(float(direction[:2].norm()), 5), float(direction[2:].norm())
        (5.0, 0.0)

    References:
        Li et al. (2018), arXiv:1712.09913, section 4.
    """
    network, theta = view_and_point(network, theta)
    shapes = _shapes(network, theta)
    checked_finite(theta=theta)
    checked_seeds(seeds, len(theta))
    if count not in (1, 2) or isinstance(count, bool):
        raise ValueError(f"count must be 1 or 2, got {count!r}.")
    if normalisation not in get_args(Normalisation):
        raise ValueError(f"normalisation must be one of {', '.join(get_args(Normalisation))}, got {normalisation!r}.")
    if vectors not in get_args(Vectors):
        raise ValueError(f"vectors must be one of {', '.join(get_args(Vectors))}, got {vectors!r}.")
    drawn = []
    for number in range(int(count)):
        raw = seeded_normal(f"direction {number}", theta.shape[1:], seeds=seeds, dtype=theta.dtype, device=theta.device)
        pieces = []
        for place, shape in shapes:
            piece, own = raw[:, place], theta.detach()[:, place]
            if len(shape) < 2 and vectors == "zero":
                pieces.append(torch.zeros_like(piece))
            elif len(shape) < 2 and vectors == "copy":
                pieces.append(own)
            else:
                pieces.append(_normalised(piece, own, shape, normalisation))
        drawn.append(torch.cat(pieces, dim=1))
    directions = torch.stack(drawn)
    if not bool(directions.isfinite().all()):
        raise ValueError(f"theta must be small enough for directions of its size to be finite in {theta.dtype}.")
    return directions


def loss_slice(
    network: nn.Module | Network,
    theta: Float[Tensor, "members parameters"] | None,
    directions: Float[Tensor, "directions members parameters"],
    x: Tensor,
    y: Tensor,
    loss: LossFunction,
    *,
    steps: Coordinates | Sequence[Coordinates],
    chunk: int | None = None,
) -> LossSlice:
    """Evaluate the loss of every member on a line or in a plane through it.

    Points of the grid are one batched computation, some at a time: 32 MiB of parameters in float64, beside what losses
    of one chunk need.

    Args:
        network: A perceptron, a module or a view of one. A module is copied and left as it is.
        theta: Parameters, one row per member. Fixes dtype and device. None for those of a module, one member.
        directions: One direction or two, each with one row per member.
        x: Inputs, shared or one set per member.
        y: Targets of the loss, shared or one set per member.
        loss: One of this floor's losses, or any function (outputs, targets) -> scalar that is a mean over examples,
            such as ``nn.CrossEntropyLoss()``: then inputs and targets are shared, and may have any shape.
        steps: Coordinates, the same along both directions, or a sequence with those for each direction: numbers or
            tensors with one axis.
        chunk: Points at a time; chosen for about 64 MiB if None.

    Returns:
        The losses, of shape (members, points) or (members, points along the first, along the second direction).

    Raises:
        TypeError: If a piece of the problem is of the wrong kind.
        ValueError: If the problem's pieces, directions or steps do not fit or are not finite, or a loss of one's own is
            no mean over examples.

    Examples:
        >>> from numerics.losses import SquaredError
        >>> from numerics.networks import Mlp
        >>> network, theta = Mlp((1, 1), "linear"), torch.tensor([[1.0]])
        >>> x, y = torch.ones(1, 1), torch.zeros(1, 1)
        >>> loss_slice(network, theta, torch.ones(1, 1, 1), x, y, SquaredError(), steps=[-1.0, 0.0, 1.0]).losses
        tensor([[0., 1., 4.]])

        A module and a loss of torch's:

        >>> model, x, y = nn.Linear(2, 1), torch.ones(4, 2), torch.ones(4, 1)
        >>> direction = random_directions(model, None, seeds=[0])
        >>> loss_slice(model, None, direction, x, y, nn.MSELoss(), steps=[0.0, 0.5])
        LossSlice(1 member, 2 points, losses ...)
    """
    problem = LossOfRows(network, theta, x, y, loss, chunk=chunk)
    theta = problem.theta
    checked_tensors(directions=directions)
    if directions.ndim != 3 or len(directions) not in (1, 2) or directions.shape[1:] != theta.shape:
        raise ValueError(
            f"directions must have shape (1 or 2, {theta.shape[0]}, {theta.shape[1]}), got {tuple(directions.shape)}."
        )
    axes = _checked_steps(steps, len(directions), theta)
    if directions.dtype != theta.dtype or directions.device != theta.device:
        raise ValueError(
            f"directions must have theta's dtype and device, {theta.dtype} on {theta.device}, got {directions.dtype} "
            f"on {directions.device}."
        )
    checked_finite(directions=directions)
    grid = torch.cartesian_prod(*axes).reshape(-1, len(axes))
    members, points = len(theta), len(grid)
    room = max(1, _POINTS // theta.shape[1])
    losses = theta.new_empty(members * points)
    # points lie member by member, so that one chunk needs the data of few
    with progress(members * points, "points of a slice") as bar:
        for start in range(0, members * points, room):
            rows = torch.arange(start, min(start + room, members * points), device=theta.device)
            who, where = rows // points, grid[rows % points]
            at = theta[who]
            for axis, direction in enumerate(directions):
                at = torch.addcmul(at, where[:, axis, None], direction[who])
            losses[rows] = problem.values(at, who)
            bar.advance(len(rows))
    return LossSlice(axes, losses.reshape(members, *(len(axis) for axis in axes)))


def _shapes(network: Network, theta: Tensor) -> list[tuple[slice, tuple[int, ...]]]:
    """Where each parameter tensor lies in the flat layout, and its shape."""
    if isinstance(network, FunctionalModule):
        named = network.unflatten(theta)
        return [(place, tuple(named[name].shape[1:])) for name, place in network.layers.items()]
    shapes: list[tuple[slice, tuple[int, ...]]] = []
    for (start, middle, end), fan_in, units in zip(network.spans, network.widths[:-1], network.widths[1:], strict=True):
        shapes.append((slice(start, middle), (units, fan_in)))
        if network.bias:
            shapes.append((slice(middle, end), (units,)))
    return shapes


def _normalised(
    piece: Float[Tensor, "members size"],
    own: Float[Tensor, "members size"],
    shape: tuple[int, ...],
    normalisation: Normalisation,
) -> Float[Tensor, "members size"]:
    """The direction of one parameter tensor, by norms in float64, infinite where theta's dtype cannot hold it."""
    if normalisation == "none" or not piece.shape[1]:
        return piece
    if normalisation == "element":
        return piece * own.abs()
    filters = shape[0] if normalisation == "filter" and len(shape) > 1 else 1
    drawn, sizes = (each.double().reshape(len(own), filters, -1) for each in (piece, own))
    # a direction of norm 0 has probability 0, and stays what it is
    unit = drawn / drawn.norm(dim=2, keepdim=True).clamp(min=torch.finfo(torch.float64).tiny)
    largest = sizes.abs().amax(dim=2, keepdim=True)  # squares of what is over it neither overflow nor vanish
    norm = (sizes / torch.where(largest > 0, largest, 1)).norm(dim=2, keepdim=True)
    scaled: Tensor = unit * norm * largest
    return scaled.flatten(1).to(piece.dtype)


def _checked_steps(steps: object, directions: int, theta: Tensor) -> tuple[Tensor, ...]:
    """One row of coordinates per direction, in theta's dtype."""
    if isinstance(steps, Tensor) or _numbers(steps):
        axes: list[object] = [steps] * directions
    elif isinstance(steps, list | tuple) and len(steps) == directions:
        axes = list(steps)
    else:
        raise ValueError(
            f"steps must be a row of coordinates, or one for each direction, of which there are {directions}, got "
            f"{steps!r}."
        )
    found = []
    for given in axes:
        axis = torch.tensor(given, dtype=theta.dtype, device=theta.device) if _numbers(given) else given
        if not isinstance(axis, Tensor):
            raise TypeError(f"steps must be numbers or torch tensors, got {type(axis).__name__}.")
        checked_tensors(steps=axis)
        if axis.ndim != 1 or not len(axis):
            raise ValueError(f"steps must have one axis and at least one coordinate, got shape {tuple(axis.shape)}.")
        checked_finite(steps=axis)
        found.append(axis.to(theta))
    return tuple(found)


def _numbers(steps: object) -> TypeGuard[Sequence[float]]:
    """Whether these are plain numbers in a row."""
    if isinstance(steps, np.ndarray):
        return steps.ndim == 1 and steps.dtype.kind in "fiu"
    return isinstance(steps, list | tuple) and all(
        isinstance(each, Real) and not isinstance(each, bool) for each in steps
    )
