"""Volumes of unions of boxes: exact where they are disjoint, in standard errors where they overlap."""

import itertools
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from numerics import (
    CrossEntropy,
    FunctionalModule,
    LevelShare,
    Mlp,
    SquaredError,
    disjoint_volume,
    loss_and_gradient,
    rescaling_factors,
    share_below,
    union_volume,
)


def _generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _boxes(count: int, axes: int, seed: int) -> tuple[Tensor, Tensor]:
    generator = _generator(seed)
    lower = torch.rand(count, axes, generator=generator, dtype=torch.float64)
    return lower, lower + 0.1 + torch.rand(count, axes, generator=generator, dtype=torch.float64)


def _by_cells(lower: Tensor, upper: Tensor) -> float:
    """The volume of a union, cell by cell of the grid that all corners span."""
    edges = [torch.cat([lower[:, axis], upper[:, axis]]).sort().values for axis in range(lower.shape[1])]
    total = 0.0
    for cell in itertools.product(*(range(len(edge) - 1) for edge in edges)):
        start = torch.stack([edge[place] for edge, place in zip(edges, cell, strict=True)])
        stop = torch.stack([edge[place + 1] for edge, place in zip(edges, cell, strict=True)])
        if bool(((lower <= (start + stop) / 2) & ((start + stop) / 2 <= upper)).all(dim=1).any()):
            total += float((stop - start).prod())
    return total


@pytest.mark.parametrize(("count", "axes"), [(1, 1), (3, 2), (6, 2), (4, 3)])
def test_the_estimate_is_within_its_standard_error_of_the_volume(count: int, axes: int, device: str) -> None:
    for seed in range(3):
        lower, upper = _boxes(count, axes, seed)
        estimate = union_volume(lower.to(device), upper.to(device), samples=20_000, generator=_generator(seed))
        assert abs(estimate.value - _by_cells(lower, upper)) <= 4.5 * estimate.error + 1e-12
        assert estimate.error <= estimate.total / 2 / math.sqrt(20_000)
        assert estimate.value <= estimate.total


def test_the_standard_error_is_the_spread_of_the_estimates() -> None:
    lower, upper = _boxes(5, 2, 7)
    found = [union_volume(lower, upper, samples=500, generator=_generator(seed)) for seed in range(200)]
    values = torch.tensor([one.value for one in found])
    claimed = torch.tensor([one.error for one in found]).mean()
    assert 0.8 < float(values.std() / claimed) < 1.2  # four standard errors of a standard deviation of 200
    assert abs(float(values.mean()) - _by_cells(lower, upper)) < 4 * float(values.std()) / math.sqrt(200)


def test_boxes_in_one_another_have_the_volume_of_the_largest() -> None:
    size = torch.tensor([[1.0], [2.0], [4.0]], dtype=torch.float64).expand(3, 3)
    estimate = union_volume(-size, size, samples=10_000, generator=_generator())
    assert abs(estimate.value - 512) < 4 * estimate.error
    assert estimate.total == 512 + 64 + 8
    assert 0 < estimate.overlapping < 1


@given(
    theta=st.tuples(*[st.floats(0.5, 3)] * 4), signs=st.tuples(*[st.sampled_from((-1, 1))] * 4), r=st.floats(0.01, 0.4)
)
def test_images_of_a_box_under_rescalings_are_disjoint_and_their_volume_grows_linearly(
    theta: tuple[float, ...], signs: tuple[int, ...], r: float
) -> None:
    """n1 = n2 = 2: all T_(a^k)(B) have the volume (2r)^4, and a = 2 (|theta_1| + r)/(|theta_1| - r) parts them."""
    point = torch.tensor(theta, dtype=torch.float64) * torch.tensor(signs)
    largest = float(point[:2].abs().max())
    alpha = 2 * (largest + r) / (largest - r)
    powers = alpha ** torch.arange(8, dtype=torch.float64)
    factors = rescaling_factors(Mlp((2, 1, 2), "relu"), torch.stack([powers, 1 / powers], dim=1))
    lower, upper = factors * (point - r), factors * (point + r)
    estimate = union_volume(lower, upper, samples=2000, generator=_generator())
    for count in range(1, 9):
        assert disjoint_volume(lower[:count], upper[:count]) == pytest.approx(count * (2 * r) ** 4, rel=1e-10)
    assert estimate.value == pytest.approx(8 * (2 * r) ** 4, rel=1e-10)
    assert estimate.error == estimate.overlapping == 0.0


def test_a_smaller_ratio_makes_the_images_overlap() -> None:
    """With a = 1.1, below (|theta_k| + r)/(|theta_k| - r) along every axis, neighbours share a part."""
    point, r = torch.tensor([1.0, 0.3, 1.0, 0.5], dtype=torch.float64), 0.1
    powers = 1.1 ** torch.arange(4, dtype=torch.float64)
    factors = rescaling_factors(Mlp((2, 1, 2), "relu"), torch.stack([powers, 1 / powers], dim=1))
    lower, upper = factors * (point - r), factors * (point + r)
    with pytest.raises(ValueError, match="disjoint boxes, but boxes 0 and 1 overlap"):
        disjoint_volume(lower, upper)
    estimate = union_volume(lower, upper, samples=20_000, generator=_generator())
    assert estimate.value + 10 * estimate.error < 4 * (2 * r) ** 4
    assert abs(estimate.value - _by_cells(lower, upper)) < 4 * estimate.error


@pytest.mark.parametrize("axes", [4, 40, 1500])
def test_a_volume_does_not_depend_on_the_order_of_long_and_short_axes(axes: int) -> None:
    """Sides of 2^550 and 2^-550 in equal number: volume one, though half of their product is no number of float64."""
    half = torch.full((axes // 2,), 2.0**550, dtype=torch.float64)
    for sides in (torch.cat([half, 1 / half]), torch.cat([1 / half, half]), torch.stack([half, 1 / half], 1).flatten()):
        lower = torch.stack([torch.zeros_like(sides), 2 * sides])
        upper = lower + torch.stack([sides, torch.cat([3 * sides[:1], sides[1:]])])
        assert disjoint_volume(lower, upper) == 1.0 + 3.0
        estimate = union_volume(lower, upper, samples=50, generator=_generator())
        assert (estimate.value, estimate.error, estimate.total) == (4.0, 0.0, 4.0)


def test_a_box_too_small_for_a_number_beside_a_large_one_counts_as_nothing() -> None:
    lower = torch.zeros(2, 3, dtype=torch.float64)
    lower[1] = 5.0
    upper = lower + torch.tensor([[1e-200] * 3, [2.0] * 3], dtype=torch.float64)
    upper[1] = 7.0
    assert disjoint_volume(lower, upper) == 8.0


def _flat_valley() -> tuple[Mlp, Tensor, Tensor, Tensor, float]:
    """A ReLU net with two parameters a layer that fits its data, and the boxes of a rescaled neighbourhood."""
    network = Mlp((2, 1, 2), "relu")
    theta = torch.tensor([[1.0, 0.5, 0.7, -1.2]], dtype=torch.float64)
    x = torch.randn(20, 2, generator=_generator(3), dtype=torch.float64)
    y = network.forward(theta, x)[0]
    r = 0.05
    powers = (2 * (1 + r) / (1 - r)) ** torch.arange(10, dtype=torch.float64)
    factors = rescaling_factors(network, torch.stack([powers, 1 / powers], dim=1))
    return network, x, y, torch.stack([factors * (theta - r), factors * (theta + r)]), r


def test_every_image_has_the_share_of_the_first_box() -> None:
    network, x, y, (lower, upper), _ = _flat_valley()

    def share(some: slice, level: float) -> LevelShare:
        return share_below(
            network, lower[some], upper[some], x, y, SquaredError(), level=level, samples=4000, generator=_generator(1)
        )

    whole = share(slice(None), 0.2)
    assert whole.below == whole.samples == 4000
    assert (whole.share, whole.error) == (1.0, 0.0)
    assert whole.highest < 0.2
    assert whole.by_box[:, 1].sum() == 4000
    assert torch.equal(whole.by_box[:, 0], whole.by_box[:, 1])
    first, last, all_of_them = (share(some, 0.002) for some in (slice(1), slice(9, 10), slice(None)))
    assert 0.05 < first.share < 0.95
    for other in (last, all_of_them):
        assert abs(first.share - other.share) < 4 * math.hypot(first.error, other.error)


def test_the_share_is_that_of_volume_and_not_of_points_where_boxes_overlap() -> None:
    """theta in [-1, 1] twice and in [-1, 3]: of the union [-1, 3] a quarter has theta^2 < 1/4, of the points more."""
    lower, upper = torch.tensor([[-1.0], [-1.0], [-1.0]]).double(), torch.tensor([[1.0], [1.0], [3.0]]).double()
    x, y = torch.ones(1, 1).double(), torch.zeros(1, 1).double()
    found = [
        share_below(
            Mlp((1, 1), "linear"),
            lower,
            upper,
            x,
            y,
            SquaredError(),
            level=0.25,
            samples=500,
            generator=_generator(seed),
        )
        for seed in range(200)
    ]
    shares = torch.tensor([one.share for one in found])
    assert abs(float(shares.mean()) - 0.25) < 4 * float(shares.std()) / math.sqrt(200)
    assert 0.8 < float(shares.std()) / (sum(one.error for one in found) / 200) < 1.2
    assert min(one.below / one.samples for one in found) > 0.3


def test_modules_and_labels_are_taken_too() -> None:
    module = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.ReLU(), torch.nn.Linear(3, 2)).double()
    view = FunctionalModule(module)
    x, y = torch.randn(6, 2, generator=_generator(), dtype=torch.float64), torch.tensor([0, 1, 0, 1, 1, 0])
    value, _ = loss_and_gradient(view, view.theta, x, y, CrossEntropy())
    found, same = (
        share_below(
            network,
            view.theta - 1e-9,
            view.theta + 1e-9,
            x,
            y,
            loss,
            level=float(value) + 1e-6,
            samples=10,
            generator=_generator(),
            chunk=3,
        )
        for network, loss in ((view, CrossEntropy()), (module, torch.nn.CrossEntropyLoss()))
    )
    assert same.below == found.below
    assert found.below == 10
    assert found.highest == pytest.approx(float(value), abs=1e-7)


@pytest.mark.usefixtures("unchecked")
class TestBadInput:
    def test_corners(self) -> None:
        zero, one = torch.zeros(2, 2), torch.ones(2, 2)
        generator = _generator()
        for call in (disjoint_volume, lambda a, b: union_volume(a, b, samples=5, generator=generator)):
            with pytest.raises(TypeError, match="lower must be a torch tensor, got list"):
                call([[0.0]], one)
            with pytest.raises(ValueError, match=r"one shape \(boxes, axes\), got \(2, 2\) and \(1, 2\)"):
                call(zero, one[:1])
            with pytest.raises(ValueError, match=r"one shape \(boxes, axes\), got \(0, 2\)"):
                call(zero[:0], one[:0])
            with pytest.raises(ValueError, match=r"one dtype and device, got torch.float32 on cpu and torch.float64"):
                call(zero, one.double())
            with pytest.raises(ValueError, match="upper must be finite, got NaN or infinity"):
                call(zero, one * float("nan"))
            with pytest.raises(ValueError, match="upper must lie above lower along every axis, but box 1 is empty"):
                call(zero, torch.tensor([[1.0, 1.0], [1.0, 0.0]]))
            for size in (1e300, 1e-300):
                with pytest.raises(ValueError, match=r"boxes whose volume float64 can hold, got one of e\^-?1\d\d\d"):
                    call(zero.double(), one.double() * size)

    def test_samples_and_generator(self) -> None:
        zero, one = torch.zeros(2, 2), torch.ones(2, 2)
        with pytest.raises(ValueError, match="samples must be an integer >= 1, got 0"):
            union_volume(zero, one, samples=0, generator=_generator())
        with pytest.raises(ValueError, match="samples must be at least 2, for a standard error, got 1"):
            union_volume(zero, one, samples=1, generator=_generator())
        with pytest.raises(TypeError, match=r"generator must be a torch.Generator, got int"):
            union_volume(zero, one, samples=5, generator=0)  # type: ignore[arg-type]

        class Elsewhere(torch.Generator):
            device = torch.device("cuda")  # type: ignore[assignment]

        with pytest.raises(ValueError, match="generator must be on the CPU, got one on cuda"):
            union_volume(zero, one, samples=5, generator=Elsewhere())

    def test_losses(self) -> None:
        network, x, y, (lower, upper), _ = _flat_valley()
        with pytest.raises(ValueError, match="level must be a finite number > 0, got nan"):
            share_below(network, lower, upper, x, y, SquaredError(), level=math.nan, samples=5, generator=_generator())
        with pytest.raises(ValueError, match="x and y must be shared by all points, but have a members axis"):
            share_below(
                network,
                lower,
                upper,
                x.expand(10, -1, -1),
                y,
                SquaredError(),
                level=1.0,
                samples=5,
                generator=_generator(),
            )
        with pytest.raises(ValueError, match="theta must have shape"):
            share_below(
                network, lower[:, :3], upper[:, :3], x, y, SquaredError(), level=1.0, samples=5, generator=_generator()
            )
