r"""Components of sublevel sets by the persistence of a sampled loss on a grid: for two or three parameters.

Conventions. A bar (birth, death) is a component of the sets {L <= lambda} that appears at lambda = birth, at a local
minimum, and at lambda = death joins one that is older, at a saddle; the oldest never does (death infinity). Here the
loss is known at the vertices of a grid alone: two neighbours along an axis are joined at the larger of their losses.

**What a grid can tell.** Births are losses of vertices, too large by what the loss falls between a vertex and the
minimum beside it. A path along edges looks at vertices alone, so that deaths are too small where an edge has its
maximum inside, and too large where the true pass avoids all vertices. If on every edge and in every cell the loss
differs by at most delta from the vertices that stand for it, no bar moves by more than delta, and bars shorter than
2 delta may come and go (Cohen-Steiner, Edelsbrunner and Harer 2007, Stability of persistence diagrams, main theorem).
``error`` is what the grid itself says of delta at the two ends of each bar: the largest difference of the losses of
neighbours there. It is an estimate, halved as the grid is made twice as fine.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from numerics.arguments import checked_finite, checked_number, checked_tensors
from numerics.functional_module import Network
from numerics.loss_of_rows import LossOfRows
from numerics.losses import Loss, Targets
from numerics.objective import Inputs
from numerics.progress import progress

_POINTS = 2**22  # numbers of parameters that are laid out at a time


@dataclass(frozen=True)
class GridBars:
    """Bars of the components of a sampled loss, the lowest birth first.

    Attributes:
        bars: Birth and death; the death of components that never join an older one is infinite.
        error: For each the largest difference between losses of neighbours at the vertices of its birth and death.
        minima: For each the vertex at which it is born, by its number along every axis.
        threshold: Bars whose length is at most this have been left out.
    """

    bars: Float[Tensor, "bars 2"]
    error: Float[Tensor, " bars"]
    minima: tuple[tuple[int, ...], ...]
    threshold: float

    def count(self, level: float) -> int:
        """The components of {L <= level} whose bars have been kept; those that join at the level are one.

        Raises:
            ValueError: If the level is no finite number.

        Examples:
            >>> bars = torch.tensor([[0.0, torch.inf], [1.0, 3.0]], dtype=torch.float64)
            >>> grid = GridBars(bars, error=torch.zeros(2), minima=((0,), (2,)), threshold=0.0)
            >>> [grid.count(level) for level in (-1.0, 0.5, 2.0, 3.0)]
            [0, 1, 2, 1]
        """
        level = checked_number("level", level)
        return int(((self.bars[:, 0] <= level) & (level < self.bars[:, 1])).sum())

    def __repr__(self) -> str:
        shown = ", ".join(f"({birth:.4g}, {death:.4g})" for birth, death in self.bars[:5].tolist())
        more = f", ... {len(self.bars)} in all" if len(self.bars) > 5 else ""
        return f"GridBars({shown}{more})"


def loss_grid(
    network: Network,
    axes: Sequence[Float[Tensor, " _"]],
    x: Inputs,
    y: Targets,
    loss: Loss,
) -> Float[Tensor, "..."]:
    """The loss of a network with few parameters at all points of a grid.

    Lays out some 32 MiB of parameters at a time, beside what their losses need.

    Args:
        network: A perceptron or a view of a module.
        axes: For each parameter, in the order of the flat layout, the values that it takes.
        x: Inputs.
        y: Targets of the loss.
        loss: The loss.

    Returns:
        The losses, with one axis for each parameter; infinite where the loss overflows.

    Raises:
        ValueError: If there is not one axis for each parameter, an axis is no row of finite numbers or has another
            dtype or device than the first, there are too many points, or the pieces of the problem do not fit.

    Examples:
        >>> from numerics import Mlp, SquaredError
        >>> one = torch.ones(1, 1)
        >>> loss_grid(Mlp((1, 1, 1), "linear"), [torch.tensor([-1.0, 1.0])] * 2, one, one, SquaredError())
        tensor([[0., 4.],
                [4., 0.]])
    """
    if len(axes) != network.parameters:
        raise ValueError(f"axes must be one for each of the {network.parameters} parameters, got {len(axes)}.")
    for number, axis in enumerate(axes):
        checked_tensors(**{f"axes[{number}]": axis})
        if axis.ndim != 1 or not len(axis):
            raise ValueError(f"axes[{number}] must be a row of at least one number, got shape {tuple(axis.shape)}.")
        checked_finite(**{f"axes[{number}]": axis})
        if axis.dtype != axes[0].dtype or axis.device != axes[0].device:
            raise ValueError(
                f"axes[{number}] must have the dtype and device of axes[0], {axes[0].dtype} on {axes[0].device}, "
                f"got {axis.dtype} on {axis.device}."
            )
    sizes = [len(axis) for axis in axes]
    if math.prod(sizes) >= 2**40:
        raise ValueError(f"axes must have fewer than 2**40 points in all, got {' x '.join(map(str, sizes))}.")
    problem = LossOfRows(network, torch.stack([axis[0] for axis in axes])[None], x, y, loss)
    losses = axes[0].new_empty(math.prod(sizes))
    room = max(1, _POINTS // network.parameters)
    with progress(len(losses), "points of a grid") as bar:
        for numbers in torch.split(torch.arange(len(losses), device=losses.device), room):
            where = torch.unravel_index(numbers, sizes)
            rows = torch.stack([axis[place] for axis, place in zip(axes, where, strict=True)], dim=1)
            losses[numbers] = problem.values(rows)
            bar.advance(len(numbers))
    return losses.reshape(sizes)


def grid_bars(losses: Float[Tensor, "..."], *, threshold: float = 0.0) -> GridBars:
    """The bars of the components of a loss that is sampled on a grid, by gudhi's cubical complex.

    Of the losses 0, 3, 1, 4 in a row the bars are (0, inf) and (1, 3): ``GridBars((0, inf), (1, 3))``.

    Time and memory grow with the number of vertices: in three dimensions about 15 s and
    1 GiB for a million and a half.

    Args:
        losses: One number for each vertex of a grid with one to four axes. Infinite ones belong to no component.
        threshold: Bars whose length is at most this are left out.

    Returns:
        The bars.

    Raises:
        ImportError: If gudhi is not installed.
        ValueError: If the losses hold NaN or -infinity, have no axis or more than four, or the threshold is negative.

    References:
        Wagner, Chen and Vucini (2012), Efficient computation of persistent homology for cubical data; the GUDHI
        library.
    """
    checked_tensors(losses=losses)
    threshold = checked_number("threshold", threshold, least=0.0)
    if not 1 <= losses.ndim <= 4 or 0 in losses.shape:
        raise ValueError(f"losses must lie on a grid with one to four axes, got shape {tuple(losses.shape)}.")
    if bool(losses.isnan().any()) or bool((losses == -torch.inf).any()):
        raise ValueError("losses must be numbers or +infinity, got NaN or -infinity.")
    try:
        cubical = import_module("gudhi.cubical_complex")
    except ImportError as missing:
        raise ImportError("grid_bars needs gudhi, which the extra `topology` of lossproof installs.") from missing
    values = losses.detach().to(dtype=torch.float64, device="cpu").numpy()
    complex_ = cubical.CubicalComplex(vertices=values)
    complex_.compute_persistence(homology_coeff_field=2, min_persistence=threshold)
    joined, lasting = complex_.vertices_of_persistence_pairs()
    pairs = np.asarray(joined[0] if joined else [], dtype=np.int64).reshape(-1, 2)
    alone = np.asarray(lasting[0] if lasting else [], dtype=np.int64).reshape(-1)
    flat, rough = values.ravel(order="F"), _roughness(values).ravel(order="F")
    births = np.concatenate([flat[alone], flat[pairs[:, 0]]])
    deaths = np.concatenate([np.full(len(alone), np.inf), flat[pairs[:, 1]]])
    error = np.concatenate([rough[alone], np.maximum(rough[pairs[:, 0]], rough[pairs[:, 1]])])
    born = np.stack(np.unravel_index(np.concatenate([alone, pairs[:, 0]]), values.shape, order="F"), axis=1)
    order = np.lexsort((-deaths, births))
    order = order[deaths[order] - births[order] > threshold]
    bars = torch.as_tensor(np.stack([births, deaths], axis=1)[order])
    return GridBars(bars, torch.as_tensor(error[order]), tuple(tuple(map(int, born[one])) for one in order), threshold)


def _roughness(values: np.ndarray) -> np.ndarray:
    """For each vertex the largest difference to a neighbour along an axis."""
    rough = np.zeros_like(values)
    for axis in range(values.ndim):
        with np.errstate(invalid="ignore"):  # between two vertices of infinite loss there is no difference
            step = np.nan_to_num(np.abs(np.diff(values, axis=axis)), nan=0.0, posinf=np.inf)
        lower, upper = [slice(None)] * values.ndim, [slice(None)] * values.ndim
        lower[axis], upper[axis] = slice(None, -1), slice(1, None)
        rough[tuple(lower)] = np.maximum(rough[tuple(lower)], step)
        rough[tuple(upper)] = np.maximum(rough[tuple(upper)], step)
    return rough
