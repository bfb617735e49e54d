"""The activation regions of ReLU networks on a segment and on a polygon, found one by one.

Conventions. The pattern of an input is which hidden units of all layers have a positive pre-activation. A region is a
largest open piece of a segment, or of a polygon in a plane, on which the pattern stays. With a pattern the network is
affine and later units are cut by lines, so that regions are convex and no two have one pattern. Regions where the
network has one slope are the same or larger, as units may be shut off later on.

**Method.** Between neighbouring vertices all pre-activations of a layer are affine. So they are known from their values
at the vertices, a new vertex is where a unit changes its sign, and all its values are interpolated. No system of
equations is solved, and nothing is sampled: a region is missed only if it is thinner than rounding. A pre-activation
counts as zero up to 256 machine precisions of the member's largest one of that unit.

All members, and all pieces of a layer, are cut in one batch, on the device of the parameters.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from numerics.arguments import checked_finite, checked_tensors
from numerics.networks import Layer, Mlp, affine
from numerics.polygon_cuts import Polygons, rounding, without_rounding


@dataclass(frozen=True)
class SegmentRegions:
    """The regions on a segment, member by member.

    Attributes:
        places: The vertices from 0, the start, to 1, the end, ascending; rows are filled up with 1.
        outputs: The network there. Between two vertices it is affine, so that this is all of it.
    """

    places: Float[Tensor, "members vertices"]
    outputs: Float[Tensor, "members vertices outputs"]

    @property
    def counts(self) -> Int[Tensor, " members"]:
        """The number of regions."""
        return (self.places.diff(dim=1) > rounding(self.places)).sum(1)

    @property
    def sign_changes(self) -> Int[Tensor, "members outputs"]:
        """How often each output goes from one strict sign to the other along the segment."""
        signs = self.outputs.sign()
        latest = signs[:, 0]
        changes = torch.zeros_like(latest)
        for sign in signs[:, 1:].unbind(1):
            changes = changes + (sign * latest < 0)
            latest = torch.where(sign == 0, latest, sign)
        return changes.long()

    def __repr__(self) -> str:
        counts = self.counts
        return f"SegmentRegions({len(counts)} members, {int(counts.min())} to {int(counts.max())} regions)"


@dataclass(frozen=True)
class PolygonRegions:
    """The regions in a polygon, each of them a convex polygon with the member that it belongs to.

    Attributes:
        members: Of which network each region is, ascending.
        corners: Its corners in the coordinates of the plane, in order; rows are filled up with the last one.
        counts: How many regions each member has.
    """

    members: Int[Tensor, " regions"]
    corners: Float[Tensor, "regions corners 2"]
    counts: Int[Tensor, " members"]

    @property
    def inner_points(self) -> Float[Tensor, "regions 2"]:
        """One point inside each region."""
        return self.corners.mean(1)

    @property
    def areas(self) -> Float[Tensor, " regions"]:
        """The area of each region, in the coordinates of the plane."""
        x, y = (self.corners - self.corners[:, :1]).unbind(2)  # far from the origin little would be left
        return (x * y.roll(-1, 1) - y * x.roll(-1, 1)).sum(1).abs() / 2

    def __repr__(self) -> str:
        return f"PolygonRegions({len(self.counts)} members, {len(self.members)} regions)"


def segment_regions(
    network: Mlp,
    theta: Float[Tensor, "members parameters"],
    start: Float[Tensor, " inputs"] | Float[Tensor, "members inputs"],
    end: Float[Tensor, " inputs"] | Float[Tensor, "members inputs"],
) -> SegmentRegions:
    """Find the activation regions that a segment between two inputs meets.

    Allocates members x (vertices of the member that has most) x (units of the widest layer) numbers, a few times.

    Args:
        network: With ReLU or leaky ReLU units.
        theta: Parameters, one row per member.
        start: One end of the segment, shared or one per member.
        end: The other end.

    Returns:
        The vertices and the outputs there; see `SegmentRegions`.

    Raises:
        TypeError: If the network is no Mlp, or an array no tensor.
        ValueError: If there is no member or the activation has no kink at 0 or bends elsewhere, or an array
            does not fit or is not finite.

    Examples:
        >>> tent = Mlp((1, 2, 1), "relu", bias=True)  # 2 relu(x) - 4 relu(x - 1/2)
        >>> theta = torch.tensor([[1.0, 1.0, 0.0, -0.5, 2.0, -4.0, 0.0]])
        >>> found = segment_regions(tent, theta, torch.zeros(1), torch.ones(1))
        >>> found.counts, found.places, found.outputs[0, :, 0]
        (tensor([2]), tensor([[0.0000, 0.5000, 1.0000]]), tensor([0., 1., 0.]))

    References:
        Raghu et al. (2017), arXiv:1606.05336, section 2.2, on transitions along a line; Hanin and Rolnick (2019),
        arXiv:1901.09021.
    """
    layers = _checked_layers(network, theta)
    ends = []
    for name, point in (("start", start), ("end", end)):
        checked_tensors(**{name: point})
        if point.shape not in ((network.widths[0],), (len(theta), network.widths[0])):
            raise ValueError(
                f"{name} must have shape ({network.widths[0]},) or ({len(theta)}, {network.widths[0]}), "
                f"got {tuple(point.shape)}."
            )
        _check_fit(name, point, theta)
        ends.append(point.expand(len(theta), -1))
    values = torch.stack(ends, dim=1)
    places = theta.new_tensor([0.0, 1.0]).repeat(len(theta), 1)
    for weight, bias in layers[:-1]:
        places, pre = _cut_segments(places, _cleaned(affine(values, weight, bias)))
        values = network.nonlinearity(pre)
    return SegmentRegions(places, affine(values, *layers[-1]))


def polygon_regions(
    network: Mlp,
    theta: Float[Tensor, "members parameters"],
    corners: Float[Tensor, "corners 2"],
    origin: Float[Tensor, " inputs"],
    axes: Float[Tensor, "2 inputs"],
) -> PolygonRegions:
    """Find the activation regions that a convex polygon in a plane of inputs meets.

    Allocates twice as many points as there are regions, with the values of the units of the widest layer, a few times,
    as if every member had as many regions as the one that has most.

    Args:
        network: With ReLU or leaky ReLU units.
        theta: Parameters, one row per member.
        corners: The polygon (u, v), strictly convex, its corners in order.
        origin: The input at (0, 0).
        axes: The input at (u, v) is origin + u axes[0] + v axes[1].

    Returns:
        One polygon per region; see `PolygonRegions`.

    Raises:
        TypeError: If the network is no Mlp, or an array no tensor.
        ValueError: If there is no member or the activation has no kink at 0 or bends elsewhere, the polygon
            is not strictly convex or its area over- or underflows, or an array does not fit or is not finite.

    Examples:
        >>> cross = Mlp((2, 2, 1), "relu")  # units that change on the axes
        >>> theta = torch.tensor([[1.0, 0.0, 0.0, 1.0, 1.0, 1.0]])
        >>> square = torch.tensor([[-1.0, -1.0], [1.0, -1.0], [1.0, 2.0], [-1.0, 2.0]])
        >>> found = polygon_regions(cross, theta, square, torch.zeros(2), torch.eye(2))
        >>> found.counts, found.areas.sort().values
        (tensor([4]), tensor([1., 1., 2., 2.]))

    References:
        Montufar, Pascanu, Cho and Bengio (2014), arXiv:1402.1869; Buck (1943) and Zaslavsky (1975) for one layer; for
        random networks Hanin and Rolnick (2019), arXiv:1906.00904.
    """
    layers = _checked_layers(network, theta)
    inputs = network.widths[0]
    for name, array, shape in (("origin", origin, (inputs,)), ("axes", axes, (2, inputs))):
        checked_tensors(**{name: array})
        if array.shape != shape:
            raise ValueError(f"{name} must have shape {shape}, got {tuple(array.shape)}.")
        _check_fit(name, array, theta)
    checked_tensors(corners=corners)
    if corners.ndim != 2 or corners.shape[1] != 2 or len(corners) < 3:
        raise ValueError(f"corners must have shape (corners, 2) with at least 3 of them, got {tuple(corners.shape)}.")
    _check_fit("corners", corners, theta)
    _check_convex(corners)
    count = len(theta)
    polygons = Polygons(corners, count)
    values = origin + polygons.places @ axes
    for layer, (weight, bias) in enumerate(layers[:-1]):
        if layer:
            values = network.nonlinearity(values)
        values = polygons.cut(polygons.of_members(values, weight, bias))
    return PolygonRegions(*polygons.table(), torch.bincount(polygons.members, minlength=count))


def _cut_segments(places: Tensor, pre: Tensor) -> tuple[Tensor, Tensor]:
    """Put a vertex wherever a unit changes its sign between two neighbours; values there by interpolation."""
    left, right = pre[:, :-1], pre[:, 1:]
    member, gap, unit = torch.nonzero(left.sign() * right.sign() < 0, as_tuple=True)
    first, last = left[member, gap, unit], right[member, gap, unit]
    share = first / (first - last)
    new_places = torch.lerp(places[member, gap], places[member, gap + 1], share)
    new_pre = torch.lerp(left[member, gap], right[member, gap], share[:, None])
    new_pre[torch.arange(len(unit), device=pre.device), unit] = 0
    found = torch.bincount(member, minlength=len(places))
    most = int(found.max())
    column = torch.arange(len(member), device=pre.device) - (found.cumsum(0) - found)[member]
    more_places = places[:, -1:].repeat(1, most)
    more_pre = pre[:, -1:].repeat(1, most, 1)
    more_places[member, column] = new_places
    more_pre[member, column] = new_pre
    joined, order = torch.cat([places, more_places], dim=1).sort(dim=1, stable=True)
    return joined, torch.cat([pre, more_pre], dim=1).take_along_dim(order[:, :, None], dim=1)


def _cleaned(pre: Tensor) -> Tensor:
    """Put 0 for what is rounding of the member's largest value of that unit."""
    return without_rounding(pre, pre.abs().amax(dim=1, keepdim=True) * rounding(pre))


def _checked_layers(network: Mlp, theta: Tensor) -> list[Layer]:
    if not isinstance(network, Mlp):
        raise TypeError(f"network must be an Mlp, got {type(network).__name__}.")
    f = network.nonlinearity
    slopes = f.slope(torch.tensor([-1.0, 1.0]))
    if not f.piecewise_linear or slopes[0] == slopes[1]:
        raise ValueError(f"network must have relu or leaky_relu units, got {f.name}.")
    layers = network.unflatten(theta)
    if not len(theta):
        raise ValueError(f"theta must have one member or more, got the shape {tuple(theta.shape)}.")
    checked_finite(theta=theta)
    return layers


def _check_fit(name: str, array: Tensor, theta: Tensor) -> None:
    if array.dtype != theta.dtype or array.device != theta.device:
        raise ValueError(
            f"{name} must have theta's dtype and device, {theta.dtype} on {theta.device}, "
            f"got {array.dtype} on {array.device}."
        )
    checked_finite(**{name: array})


def _check_convex(corners: Tensor) -> None:
    """Refuse corners that do not turn one way all around, once, and polygons whose area is no number."""
    edges = corners.roll(-1, 0) - corners
    following = edges.roll(-1, 0)
    turns = edges[:, 0] * following[:, 1] - edges[:, 1] * following[:, 0]
    inward = edges[:, 0] * following[:, 0] + edges[:, 1] * following[:, 1]
    once = torch.atan2(turns, inward).sum().abs() < 9  # radians, once around is 6.28, twice 12.57
    width, height = corners.amax(0) - corners.amin(0)
    held = torch.isfinite(2 * width * height)  # twice the area, and what is computed on the way to it, is at most so
    if not bool(((turns > 0).all() | (turns < 0).all()) & once & held):
        raise ValueError(
            "corners must be those of a strictly convex polygon, in order, with an area that "
            f"{corners.dtype} can hold, got {corners.tolist()}."
        )
