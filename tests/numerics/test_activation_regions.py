"""Regions on a segment and in a polygon: patterns of signs as the oracle, counts of lines and points, and refusals."""

from itertools import combinations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from numerics import Mlp, PolygonRegions, SegmentRegions, polygon_regions, segment_regions

NETWORKS = [
    Mlp((3, 9, 1), "relu", bias=True),
    Mlp((4, 6, 5, 2), "relu", bias=True),
    Mlp((2, 4, 4, 4, 1), "leaky_relu", bias=True),
    Mlp((2, 7, 3, 1), "relu"),
]
SQUARE = torch.tensor([[-2.0, -2], [2, -2], [2, 2], [-2, 2]]).double()
SEEDS = st.integers(0, 2**32)


def _patterns(network: Mlp, theta: Tensor, x: Tensor) -> list[tuple[bool, ...]]:
    """Which hidden units have a positive pre-activation at each input, of one member."""
    trace = network.trace(theta[None], x)
    return [tuple(row) for row in torch.cat([pre[0] > 0 for pre in trace.pre[:-1]], dim=1).tolist()]


def _plane(network: Mlp) -> tuple[Tensor, Tensor]:
    drawn = torch.randn(3, network.widths[0], generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    return drawn[0], drawn[1:]


@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: f"{network.widths}")
@given(seed=SEEDS)
@settings(max_examples=8)
def test_the_regions_of_a_polygon_have_all_patterns_there_each_once(network: Mlp, seed: int) -> None:
    theta = network.init([seed, seed + 1], sigma_w=2**0.5, sigma_b=0.5)
    origin, axes = _plane(network)
    found = polygon_regions(network, theta, SQUARE, origin, axes)
    drawn = 4 * torch.rand(500, 2, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) - 2
    for member, point in enumerate(theta):
        mine = found.members == member
        inside = _patterns(network, point, origin + found.inner_points[mine] @ axes)
        assert len(set(inside)) == len(inside) == int(found.counts[member])
        assert set(_patterns(network, point, origin + drawn @ axes)) <= set(inside)
        torch.testing.assert_close(found.areas[mine].sum(), torch.tensor(16.0).double(), rtol=1e-12, atol=0)


@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: f"{network.widths}")
@given(seed=SEEDS)
@settings(max_examples=8)
def test_the_regions_of_a_segment_have_all_patterns_there_each_once(network: Mlp, seed: int) -> None:
    theta = network.init([seed, seed + 1], sigma_w=2**0.5, sigma_b=0.5)
    origin, axes = _plane(network)
    found = segment_regions(network, theta, origin - 2 * axes[0], origin + 2 * axes[0])
    drawn = torch.rand(500, 1, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    for member, point in enumerate(theta):
        places = found.places[member]
        middles = ((places[1:] + places[:-1]) / 2)[places.diff() > 1e-12]
        inside = _patterns(network, point, origin + (4 * middles[:, None] - 2) * axes[0])
        assert len(set(inside)) == len(inside) == int(found.counts[member])
        assert set(_patterns(network, point, origin + (4 * drawn - 2) * axes[0])) <= set(inside)


@given(seed=SEEDS)
@settings(max_examples=20)
def test_between_vertices_of_a_segment_the_network_is_their_interpolation(seed: int) -> None:
    network = NETWORKS[1]
    theta = network.init([seed], sigma_w=2**0.5, sigma_b=0.5)
    start, end = _plane(network)[1]
    found = segment_regions(network, theta, start, end)
    shares = torch.rand(50, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    right = torch.searchsorted(found.places[0], shares)
    first, last = found.places[0, right - 1], found.places[0, right]
    inner = ((shares - first) / (last - first))[:, None]
    between = torch.lerp(found.outputs[0, right - 1], found.outputs[0, right], inner)
    outputs = network.forward(theta, start + shares[:, None] * (end - start))[0]
    torch.testing.assert_close(between, outputs, rtol=1e-11, atol=1e-12)


@given(seed=SEEDS, units=st.integers(1, 9) | st.just(30))
@settings(max_examples=20)
def test_one_layer_has_one_region_and_one_more_per_line_and_per_crossing_in_the_square(seed: int, units: int) -> None:
    network = Mlp((2, units, 1), "relu", bias=True)
    theta = network.init([seed], sigma_b=0.7)
    ((weight, bias), _) = network.unflatten(theta)
    lines, shifts = weight[0], bias[0]  # type: ignore[index]
    met = sum(int(side.min() < 0 < side.max()) for side in (SQUARE @ lines.T + shifts).T)
    crossings = 0
    for pair in combinations(range(units), 2):
        place = torch.linalg.solve(lines[list(pair)], -shifts[list(pair)])
        crossings += int(place.abs().max() < 2)
    found = polygon_regions(network, theta, SQUARE, torch.zeros(2).double(), torch.eye(2).double())
    assert int(found.counts) == 1 + met + crossings


def test_a_network_of_the_ensemble_has_the_regions_that_it_has_alone() -> None:
    network = NETWORKS[2]
    theta = network.init(range(5), sigma_w=2**0.5, sigma_b=0.5)
    origin, axes = _plane(network)
    together = polygon_regions(network, theta, SQUARE, origin, axes)
    segments = segment_regions(network, theta, origin, axes[0])
    for member in range(5):
        alone = polygon_regions(network, theta[[member]], SQUARE, origin, axes)
        assert int(alone.counts) == int(together.counts[member])
        one = segment_regions(network, theta[[member]], origin, axes[0])
        torch.testing.assert_close(one.places[0], segments.places[member, : one.places.shape[1]], rtol=0, atol=0)
    assert together.members.tolist() == sorted(together.members.tolist())
    ends = axes[:1].repeat(5, 1)
    assert torch.equal(segment_regions(network, theta, origin, ends).places, segments.places)


def test_units_that_change_at_one_place_or_never_make_no_regions_of_no_size() -> None:
    """Without biases all lines of a layer meet at the origin, and later layers are 0 there too."""
    network = Mlp((2, 5, 4, 1), "relu")
    theta = network.init(range(6), sigma_w=2**0.5)
    found = polygon_regions(network, theta, SQUARE, torch.zeros(2).double(), torch.eye(2).double())
    angles = torch.arange(5000).double() * (2 * torch.pi / 5000) + 1e-4
    circle = torch.stack([angles.cos(), angles.sin()], dim=1)
    for member, point in enumerate(theta):
        assert int(found.counts[member]) == len(set(_patterns(network, point, circle)))
    twice = Mlp((1, 2, 1), "relu", bias=True)
    theta = torch.tensor([[1.0, -2.0, -0.5, 1.0, 1.0, 1.0, 0.0]]).double()
    one = torch.ones(1).double()
    assert segment_regions(twice, theta, 0 * one, one).counts.tolist() == [2]
    assert segment_regions(twice, 0 * theta, 0 * one, one).counts.tolist() == [1]


def test_sign_changes_of_the_output_count_strict_signs_alone() -> None:
    outputs = torch.tensor(
        [[[-1.0], [0.0], [0.0], [-2.0], [0.0], [3.0], [0.0]], [[0.0], [1.0], [-1.0], [1.0], [0.0], [-1.0], [-1.0]]]
    )
    found = SegmentRegions(torch.linspace(0, 1, 7).repeat(2, 1), outputs)
    assert found.sign_changes.tolist() == [[1], [3]]


def test_single_precision_finds_the_same_regions(device: str) -> None:
    network = NETWORKS[0]
    theta = network.init(range(4), sigma_b=0.5)
    origin, axes = _plane(network)
    exact = polygon_regions(network, theta, SQUARE, origin, axes)
    rounded = polygon_regions(network, *(part.float().to(device) for part in (theta, SQUARE, origin, axes)))
    assert rounded.counts.tolist() == exact.counts.tolist()
    segment = segment_regions(network, *(part.float().to(device) for part in (theta, origin, axes[1])))
    assert segment.places.device.type == device
    assert segment.counts.tolist() == segment_regions(network, theta, origin, axes[1]).counts.tolist()


def test_they_print_how_many_there_are() -> None:
    places = torch.tensor([[0.0, 0.5, 1.0], [0.0, 1.0, 1.0]])
    assert repr(SegmentRegions(places, places[:, :, None])) == "SegmentRegions(2 members, 1 to 2 regions)"
    one = PolygonRegions(torch.tensor([0]), torch.zeros(1, 3, 2), torch.tensor([1, 0]))
    assert repr(one) == "PolygonRegions(2 members, 1 regions)"


def test_an_area_far_from_the_origin_keeps_its_digits() -> None:
    far = PolygonRegions(torch.tensor([0]), SQUARE[None] + 1e9, torch.tensor([1]))
    assert far.areas.tolist() == [16.0]


@pytest.mark.usefixtures("unchecked")
def test_what_does_not_fit_is_refused() -> None:
    network = NETWORKS[0]
    theta = network.init([0, 1])
    point, axes, origin = torch.ones(3).double(), torch.eye(2, 3).double(), torch.zeros(3).double()
    with pytest.raises(TypeError, match="network must be an Mlp, got NoneType"):
        segment_regions(None, theta, point, -point)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"theta must have one member or more, got the shape \(0, "):
        segment_regions(network, theta[:0], point, -point)
    with pytest.raises(ValueError, match="network must have relu or leaky_relu units, got tanh"):
        segment_regions(Mlp((3, 9, 1), "tanh", bias=True), theta, point, -point)
    with pytest.raises(ValueError, match="network must have relu or leaky_relu units, got linear"):
        polygon_regions(Mlp((3, 9, 1), "linear", bias=True), theta, SQUARE, origin, axes)
    with pytest.raises(ValueError, match=r"end must have shape \(3,\) or \(2, 3\), got \(4,\)"):
        segment_regions(network, theta, point, torch.ones(4).double())
    with pytest.raises(ValueError, match=r"start must have theta's dtype and device, torch\.float64 on cpu, got"):
        segment_regions(network, theta, point.float(), point)
    with pytest.raises(ValueError, match="start must be finite"):
        segment_regions(network, theta, point / 0, point)
    with pytest.raises(ValueError, match=r"axes must have shape \(2, 3\), got \(3, 3\)"):
        polygon_regions(network, theta, SQUARE, origin, torch.eye(3).double())
    with pytest.raises(
        ValueError, match=r"corners must have shape \(corners, 2\) with at least 3 of them, got \(2, 2\)"
    ):
        polygon_regions(network, theta, SQUARE[:2], origin, axes)
    star = torch.tensor([[torch.pi * 0.8 * k] for k in range(5)]).double()
    three_on_a_line = torch.cat([SQUARE, SQUARE[[3, 0]].mean(0, keepdim=True)])
    crossed = (SQUARE[[0, 2, 1, 3]], torch.cat([star.cos(), star.sin()], dim=1))
    for wrong in (*crossed, SQUARE[[0, 1, 1, 2]], three_on_a_line, 1e200 * SQUARE, 1e-200 * SQUARE):
        with pytest.raises(ValueError, match=r"strictly convex polygon, in order, with an area that torch\.float64"):
            polygon_regions(network, theta, wrong, origin, axes)
