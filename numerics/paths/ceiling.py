r"""An upper bound on the largest loss on a polygon between perceptrons, which no sampling can give.

Conventions. Losses are squared errors; activations are increasing, with a known range of slopes on an interval. A piece
of a segment is theta_c + tau d, |tau| <= r. Every quantity of a forward pass is enclosed on it together with its
derivative by tau, as a centre and a radius: with weights W = W_c +- |d_W| r and inputs h = h_c +- s,

.. math:: W h = W_c h_c \pm \bigl(|W_c|\, s + |d_W|\, r\, (|h_c| + s)\bigr),

the derivative d_W h + W h' likewise. Hence K >= |dL/dtau| on the piece and L <= L(theta_c) + K r there, a bound on the
whole piece and not on samples of it. Pieces whose bound is above the goal are halved, and so the bound comes down to
the largest loss from above while samples come up to it from below. What is left out is the rounding of the operations
themselves, in float64 some 1e-13 of the loss.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from numerics.arguments import checked_number, checked_sizes
from numerics.losses import SquaredError
from numerics.networks import Mlp
from numerics.paths.path import Path
from numerics.progress import progress

_INCREASING = ("linear", "relu", "tanh", "sigmoid")
_NUMBERS = 2**22  # in one chunk's largest array


@dataclass(frozen=True)
class Ceiling:
    """What bounds the loss on each path.

    Attributes:
        loss: A number that the loss exceeds nowhere on the path, infinite where the bound overflows.
        largest: The largest loss that was met, a lower bound on the same.
        settled: Whether the bound came down to the goal before the pieces ran out.
        pieces: Into how many the path was cut.
    """

    loss: Float[Tensor, " pairs"]
    largest: Float[Tensor, " pairs"]
    settled: Bool[Tensor, " pairs"]
    pieces: Int[Tensor, " pairs"]


@torch.no_grad()
def loss_ceiling(
    path: Path, *, level: float | None = None, tolerance: float = 1e-3, halvings: int = 24, most: int = 2**18
) -> Ceiling:
    """Bound the loss on the whole of each path from above, by intervals and bisection.

    Args:
        path: Polygons between perceptrons with squared errors: lines, chains, bands, strings.
        level: The goal for every pair, where the question is whether the loss stays below it; if None, the goal is a
            loss by the tolerance above the largest one that is met.
        tolerance: Relative, used where there is no level.
        halvings: Of a segment at most.
        most: Pieces that are looked at together at most; where there are more, the bounds stay as they are.

    Returns:
        The bounds, valid whether or not they came down to the goal.

    Raises:
        TypeError: If it is no path, the network is no perceptron, or the loss another one.
        ValueError: If the path is curved, the activation is not among linear, relu, tanh and sigmoid, or a number is
            out of range.

    Examples:
        >>> from numerics import connect
        >>> x, y = torch.ones(1, 1, dtype=torch.float64), torch.ones(1, 1, dtype=torch.float64)
        >>> one = torch.ones(1, 2, dtype=torch.float64)
        >>> path = connect(Mlp((1, 1, 1), "linear"), one, -one, x, y, SquaredError())  # (s^2 - 1)^2, s from 1 to -1
        >>> ceiling = loss_ceiling(path, tolerance=1e-6)
        >>> bool(1 <= ceiling.loss <= 1 + 2e-6), float(ceiling.largest)
        (True, 1.0)
    """
    if not isinstance(path, Path):
        raise TypeError(f"path must be a Path, got {type(path).__name__}.")
    network, loss = path.problem.network, path.problem.loss
    if not isinstance(network, Mlp) or not isinstance(loss, SquaredError):
        raise TypeError(
            f"path must connect perceptrons with squared errors, got {type(network).__name__} with "
            f"{type(loss).__name__}."
        )
    if network.nonlinearity.name not in _INCREASING:
        raise ValueError(f"the activation must be one of {', '.join(_INCREASING)}, got {network.nonlinearity.name}.")
    if path.knots is None:
        raise ValueError(f"path must be made of straight pieces, got {path!r}.")
    checked_sizes(halvings=halvings, most=most)
    checked_number("tolerance", tolerance, above=0.0)
    if level is not None:
        checked_number("level", level, above=0.0)
    pairs, segments = len(path.points), path.points.shape[1] - 1
    member = torch.arange(pairs, device=path.points.device).repeat_interleave(segments)
    number = torch.arange(segments, device=path.points.device).repeat(pairs)
    centre = path.points.new_full((len(member),), 0.5)
    radius = 0.5
    largest = path.ends.amax(dim=1)
    settled_at = largest.clone()
    pieces = torch.zeros(pairs, dtype=torch.int64, device=path.points.device)
    with progress(halvings, "halvings of the pieces of a path") as bar:
        for turn in range(halvings + 1):
            values, bounds = _bounds(path, network, loss, member, number, centre, radius)
            largest = largest.scatter_reduce(0, member, values, "amax")
            goal = (1 + tolerance) * largest if level is None else torch.full_like(largest, level)
            above = bounds > goal[member]
            last = turn == halvings or 2 * int(above.sum()) > most
            done = torch.ones_like(above) if last else ~above
            settled_at = settled_at.scatter_reduce(0, member[done], bounds[done], "amax")
            pieces += torch.bincount(member[done], minlength=pairs)
            if bool(done.all()):
                break
            member, number, centre = (some[above].repeat_interleave(2) for some in (member, number, centre))
            radius /= 2
            centre = centre + radius * (2 * (torch.arange(len(centre), device=centre.device) % 2) - 1)
            bar.advance()
    return Ceiling(settled_at, largest, (settled_at <= goal) & settled_at.isfinite(), pieces)


def _bounds(
    path: Path, network: Mlp, loss: SquaredError, member: Tensor, number: Tensor, centre: Tensor, radius: float
) -> tuple[Tensor, Tensor]:
    """The loss at the centre of each piece, and a bound on it over the piece."""
    examples = path.problem.x.shape[-2]
    room = max(1, _NUMBERS // (examples * max(network.widths) + network.parameters))
    values, bounds = [], []
    for some in torch.split(torch.arange(len(member), device=member.device), room):
        who, left = member[some], number[some]
        chord = path.points[who, left + 1] - path.points[who, left]
        theta = path.points[who, left] + centre[some, None] * chord
        x = path.problem.x[who] if path.problem.own_x else path.problem.x.expand(len(some), -1, -1)
        y = path.problem.y[who] if path.problem.own_y else path.problem.y
        value, steepest = _steepest(network, loss, theta, chord, radius, x, y)
        values.append(value)
        bounds.append(value + radius * steepest)
    return torch.cat(values).nan_to_num(torch.inf, torch.inf), torch.cat(bounds).nan_to_num(torch.inf, torch.inf)


def _steepest(
    network: Mlp, loss: SquaredError, theta: Tensor, chord: Tensor, radius: float, x: Tensor, y: Tensor
) -> tuple[Tensor, Tensor]:
    """The loss at theta, and a bound on its derivative along the chord over the piece."""
    zero = torch.zeros_like(x)
    inputs, slopes = (x, zero), (zero, zero)  # h and dh/dtau, centres and radii
    layers = list(zip(network.unflatten(theta), network.unflatten(chord), strict=True))
    for place, ((weight, bias), (turn, shift)) in enumerate(layers):
        spread = radius * turn.abs()
        z = _product(weight, spread, inputs)
        z_slope = _sum(_product(turn, torch.zeros_like(turn), inputs), _product(weight, spread, slopes))
        if bias is not None and shift is not None:
            z = z[0] + bias[:, None], z[1] + radius * shift[:, None].abs()
            z_slope = z_slope[0] + shift[:, None], z_slope[1]
        if place == len(layers) - 1:
            break
        inputs, slopes = _activated(network.nonlinearity.name, z, z_slope)
    error = z[0] - y
    largest = error.abs() + z[1]
    # the centre of an interval is the value at the centre of the piece only before the first activation
    outputs = network.forward(theta, x)
    steepest = 2 * (largest * (z_slope[0].abs() + z_slope[1])).sum(dim=(1, 2)) * (loss.prefactor / y.shape[-2])
    return loss.value(outputs, y), steepest


Enclosed = tuple[Tensor, Tensor]


def _product(weight: Tensor, spread: Tensor, value: Enclosed) -> Enclosed:
    """Enclose (weight +- spread) value, members x batch x outputs."""
    centre, radius = value
    return centre @ weight.mT, radius @ (weight.abs() + spread).mT + centre.abs() @ spread.mT


def _sum(one: Enclosed, other: Enclosed) -> Enclosed:
    return one[0] + other[0], one[1] + other[1]


def _between(low: Tensor, high: Tensor) -> Enclosed:
    return (low + high) / 2, (high - low) / 2


def _times(one: Enclosed, other: Enclosed) -> Enclosed:
    (a, r), (b, s) = one, other
    return a * b, a.abs() * s + r * b.abs() + r * s


def _activated(name: str, z: Enclosed, z_slope: Enclosed) -> tuple[Enclosed, Enclosed]:
    """Enclose f(z) and f'(z) dz/dtau for an increasing f."""
    if name == "linear":
        return z, z_slope
    low, high = z[0] - z[1], z[0] + z[1]
    if name == "relu":
        value = _between(low.relu(), high.relu())
        slope = _between((low > 0).to(low), (high >= 0).to(low))
    else:
        f = torch.tanh if name == "tanh" else torch.sigmoid
        bottom, top = f(low), f(high)
        value = _between(bottom, top)
        at_low, at_high = (1 - bottom**2, 1 - top**2) if name == "tanh" else (bottom * (1 - bottom), top * (1 - top))
        summit = torch.maximum(at_low, at_high)  # both slopes rise up to 0 and fall from there on
        summit = torch.where((low <= 0) & (high >= 0), 1.0 if name == "tanh" else 0.25, summit)
        slope = _between(torch.minimum(at_low, at_high), summit)
    return value, _times(slope, z_slope)
