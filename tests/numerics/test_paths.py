"""Paths between networks: their ends, the losses on them, their barriers and lengths, whatever the method."""

import math

import matplotlib
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from numerics import (
    BezierCurve,
    CrossEntropy,
    DynamicString,
    ElasticBand,
    FunctionalModule,
    Mlp,
    Path,
    PolygonalChain,
    SquaredError,
    StraightLine,
    connect,
    gaussian_clusters,
    levenberg_marquardt,
    loss_and_gradient,
    loss_ceiling,
)
from numerics.paths.connection import Method
from numerics.paths.elastic_band import at_shares, band_tangents
from numerics.paths.path import arc_knots

matplotlib.use("Agg")

SHORT: list[Method] = [
    StraightLine(),
    BezierCurve(steps=5),
    BezierCurve(steps=3, bends=2, draws=3, examples=4),
    PolygonalChain(steps=5, bends=3),
    ElasticBand(cycles=3, steps=4),
    ElasticBand(cycles=2, steps=3, examples=4),
    DynamicString(level=100.0),
    DynamicString(rounds=3, steps=20),
]


def _normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def _problem() -> tuple[Mlp, Tensor, Tensor, Tensor, Tensor]:
    network = Mlp((3, 5, 2), "tanh", bias=True)
    theta = network.init(range(6), sigma_b=0.5)
    return network, theta[:3], theta[3:], _normal(12, 3), _normal(12, 2, seed=1)


def _double_well(height: float = 1.0) -> tuple[Mlp, Tensor, Tensor]:
    """One input 1 with target 1 through w_1 w_2: along w_1 = w_2 = w the loss is height (w^2 - 1)^2."""
    one = torch.ones(1, 1, dtype=torch.float64)
    return Mlp((1, 1, 1), "linear"), one, height**0.5 * one


@pytest.mark.parametrize("method", SHORT, ids=repr)
def test_every_path_begins_and_ends_at_the_given_networks_bit_by_bit(method: Method) -> None:
    network, begin, end, x, y = _problem()
    begin[0, 0], end[0, 0] = -0.0, -0.0
    before = begin.clone(), end.clone()
    path = connect(network, begin, end, x, y, SquaredError(), method=method, seeds=[0, 1, 2])
    for place, given_end in ((0.0, before[0]), (1.0, before[1])):
        found = path.at(place)
        assert torch.equal(found, given_end)
        assert torch.equal(found.signbit(), given_end.signbit())
    assert torch.equal(begin, before[0])
    assert torch.equal(end, before[1])
    expected = torch.stack([loss_and_gradient(network, one, x, y, SquaredError())[0] for one in before], dim=1)
    torch.testing.assert_close(path.ends, expected, rtol=1e-13, atol=0.0)
    assert bool((path.barrier >= 0).all())
    assert bool((path.length >= path.distance * (1 - 1e-12)).all())


def test_the_loss_of_a_line_is_that_of_its_points(device: str) -> None:
    network, begin, end, x, y = (one if isinstance(one, Mlp) else one.to(device) for one in _problem())
    path = connect(network, begin, end, x, y, SquaredError())
    grid = torch.tensor([0.0, 0.2, 0.75, 1.0], dtype=torch.float64, device=device)
    found = path.losses(grid)
    for number, t in enumerate(grid.tolist()):
        value, _ = loss_and_gradient(network, (1 - t) * begin + t * end, x, y, SquaredError())
        torch.testing.assert_close(found[:, number], value, rtol=1e-12, atol=0.0)
        torch.testing.assert_close(path.losses(t), value, rtol=1e-12, atol=0.0)
    torch.testing.assert_close(path.losses(5), path.losses([0.0, 0.25, 0.5, 0.75, 1.0]), rtol=1e-13, atol=0.0)
    own = torch.stack([grid, grid.flip(0), grid])
    assert torch.equal(path.losses(own)[0], found[0])
    assert torch.equal(path.losses(own)[1], found[1].flip(0))


@pytest.mark.parametrize("chunk", [1, 4, None])
def test_pairs_with_data_of_their_own_keep_them_whatever_the_chunk(chunk: int | None) -> None:
    for network in (Mlp((3, 2), "linear"), FunctionalModule(nn.Linear(3, 2, bias=False).double())):
        begin, end, x, y = _normal(4, 6), _normal(4, 6, seed=1), _normal(4, 5, 3), torch.arange(20).reshape(4, 5) % 2
        method = BezierCurve(steps=4, examples=3)
        path = connect(network, begin, end, x, y, CrossEntropy(), method=method, seeds=range(4), chunk=chunk)
        for pair in range(4):
            one = slice(pair, pair + 1)
            alone = connect(network, begin[one], end[one], x[one], y[one], CrossEntropy(), method=method, seeds=[pair])
            torch.testing.assert_close(path.points[one], alone.points, rtol=1e-11, atol=1e-13)
            torch.testing.assert_close(path.losses(7)[one], alone.losses(7), rtol=1e-11, atol=0.0)


@settings(max_examples=10)
@given(height=st.floats(0.1, 10.0), lower=st.floats(-1.4, -0.6), upper=st.floats(0.6, 1.4))
def test_the_barrier_of_a_double_well_is_the_height_of_its_hill(height: float, lower: float, upper: float) -> None:
    """Along the chord the loss is height (w^2 - 1)^2, whose maximum between the wells is at 0."""
    network, x, y = _double_well()
    begin, end = (torch.full((1, 2), w, dtype=torch.float64) for w in (lower, upper))
    path = connect(network, begin, end, x, y, SquaredError(prefactor=height))
    ends = [height * (w * w - 1) ** 2 for w in (lower, upper)]
    assert math.isclose(float(path.peak.loss), height, rel_tol=1e-9)
    assert math.isclose(float(path.barrier), height - max(ends), rel_tol=1e-8)
    assert math.isclose(lower + (upper - lower) * float(path.peak.place), 0.0, abs_tol=1e-4)
    assert math.isclose(float(path.length), math.sqrt(2) * (upper - lower), rel_tol=1e-12)


def test_a_path_that_never_rises_has_no_barrier() -> None:
    network, x, y = _double_well()
    theta = torch.tensor([[0.2, 0.2], [1.0, 1.0]], dtype=torch.float64)
    path = connect(network, theta[:1], theta[1:], x, y, SquaredError())
    assert path.barrier.tolist() == [0.0]
    assert path.peak.place.tolist() == [0.0]
    same = connect(network, theta, theta, x, y, SquaredError())
    assert same.barrier.tolist() == same.length.tolist() == [0.0, 0.0]


def test_golden_section_finds_a_maximum_between_grid_points() -> None:
    """A needle at a place that no grid point hits: relu units make a hat of width 1/50 around t = 0.6043."""
    network = Mlp((1, 3, 1), "relu", bias=True)
    x, y = torch.zeros(1, 1, dtype=torch.float64), torch.zeros(1, 1, dtype=torch.float64)
    ends = torch.zeros(2, network.parameters, dtype=torch.float64)
    biases, weights = slice(3, 6), slice(6, 9)
    ends[:, weights] = torch.tensor([1.0, -2.0, 1.0])
    for t in (0, 1):
        ends[t, biases] = (t - 0.6043) + torch.tensor([0.01, 0.0, -0.01])
    path = connect(network, ends[:1], ends[1:], x, y, SquaredError())
    assert math.isclose(float(path.peak.place), 0.6043, abs_tol=2e-6)
    assert math.isclose(float(path.peak.loss), 1e-4, rel_tol=1e-3)
    assert float(path.peak.losses.max()) < 0.5e-4
    assert float(path.peak.losses.max()) <= float(path.peak.loss) <= 1e-4 * (1 + 1e-9)


def test_a_long_grid_is_laid_out_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    network, begin, end, x, y = _problem()
    path = connect(network, begin, end, x, y, SquaredError(), method=PolygonalChain(steps=2), seeds=[0, 1, 2])
    losses, slopes = path.losses(20), path.slopes(torch.linspace(0, 1, 20))
    monkeypatch.setattr("numerics.paths.path._POINTS", 3 * network.parameters * 7)
    torch.testing.assert_close(path.losses(20), losses, rtol=1e-13, atol=0.0)
    torch.testing.assert_close(path.slopes(torch.linspace(0, 1, 20)), slopes, rtol=1e-12, atol=1e-14)


def test_the_slack_bounds_what_lies_between_grid_points_of_a_smooth_loss() -> None:
    network, begin, end, x, y = _problem()
    path = connect(network, 3 * begin, 3 * end, x, y, SquaredError())
    fine = path.losses(5001).amax(dim=1)
    assert bool((fine <= path.peak.loss + path.slack).all())
    assert bool((fine <= path.peak.loss * (1 + 1e-9)).all())
    assert bool((path.slack < 0.05 * path.peak.loss).all())


@pytest.mark.parametrize("method", [StraightLine(), BezierCurve(steps=5), PolygonalChain(steps=5, bends=2)], ids=repr)
def test_slopes_are_the_derivatives_of_the_losses(method: Method) -> None:
    network, begin, end, x, y = _problem()
    path = connect(network, begin, end, x, y, SquaredError(), method=method, seeds=range(3))
    places = torch.tensor([0.1, 0.5, 0.8], dtype=torch.float64)
    step = 1e-6
    difference = (path.losses(places + step) - path.losses(places - step)) / (2 * step)
    torch.testing.assert_close(path.slopes(places), difference, rtol=1e-6, atol=1e-7)
    assert torch.equal(path.slopes(0.1), path.slopes([0.1])[:, 0])


def test_the_length_of_a_curve_is_the_limit_of_its_polygons() -> None:
    network, begin, end, x, y = _problem()
    path = connect(
        network, begin, end, x, y, SquaredError(), method=BezierCurve(steps=40, learning_rate=0.1), seeds=[0, 1, 2]
    )
    dense = path.at(torch.linspace(0, 1, 4001, dtype=torch.float64)).diff(dim=1).norm(dim=2).sum(dim=1)
    torch.testing.assert_close(path.length, dense, rtol=1e-6, atol=0.0)
    assert bool((path.length > path.distance).all())
    assert path.bends.tolist() == [1, 1, 1]


def test_the_length_of_a_parabola_is_known() -> None:
    """Control points (0, 0), (1/2, 0), (1, 1): the curve (t, t^2), of length sqrt(5)/2 + asinh(2)/4."""
    network, x, y = _double_well()
    path = connect(network, torch.zeros(1, 2).double(), torch.ones(1, 2).double(), x, y, SquaredError())
    points = torch.tensor([[[0.0, 0.0], [0.5, 0.0], [1.0, 1.0]]], dtype=torch.float64)
    parabola = Path(path.problem, points, None, "bezier")
    assert math.isclose(float(parabola.length), math.sqrt(5) / 2 + math.asinh(2) / 4, rel_tol=1e-13)
    torch.testing.assert_close(parabola.at(0.3), torch.tensor([[0.3, 0.09]], dtype=torch.float64))


@pytest.fixture(scope="module")
def clusters() -> tuple[Mlp, Tensor, Tensor, Tensor, Tensor]:
    """Pairs of networks that were trained from different starts, with a barrier between them."""
    network, pairs = Mlp((2, 12, 3), "tanh", bias=True), 3
    x, labels = gaussian_clusters(clusters=6, features=2, samples=24, spread=0.15, seeds=[4])
    y = nn.functional.one_hot(labels[0] % 3, 3).double()
    ends = levenberg_marquardt(network, network.init(range(2 * pairs)), x[0], y, SquaredError(), max_steps=60).theta
    return network, ends[:pairs], ends[pairs:], x[0], y


@pytest.mark.parametrize(
    "method",
    [
        BezierCurve(steps=300, learning_rate=0.05),
        PolygonalChain(steps=300, learning_rate=0.05, bends=3),
        ElasticBand(cycles=3, steps=60, learning_rate=0.05),
    ],
    ids=lambda method: method.name,
)
@pytest.mark.usefixtures("unchecked")
def test_a_learnt_path_lies_far_below_the_line(
    method: Method, clusters: tuple[Mlp, Tensor, Tensor, Tensor, Tensor]
) -> None:
    line = connect(*clusters, SquaredError())
    path = connect(*clusters, SquaredError(), method=method, seeds=[0, 1, 2])
    assert bool((line.barrier > 0.1).all())
    assert bool((path.barrier < 0.1 * line.barrier).all())


def test_a_string_that_arrives_stays_below_its_level_at_every_sample(
    clusters: tuple[Mlp, Tensor, Tensor, Tensor, Tensor],
) -> None:
    level = 0.25
    path = connect(*clusters, SquaredError(), method=DynamicString(level=level, rounds=5))
    assert path.reached is not None
    assert path.reached.tolist() == [True] * 3
    assert path.knots is not None
    for pair in range(3):
        assert int(path.bends[pair]) >= 1  # there was a barrier, so there are beads
        for start, stop in zip(path.knots[pair][:-1], path.knots[pair][1:], strict=True):
            samples = start + (stop - start) * torch.linspace(0, 1, 52, dtype=torch.float64)
            assert float(path.losses(samples)[pair].max()) <= level * (1 + 1e-6)


def test_a_string_without_steps_enough_says_that_it_did_not_arrive(
    clusters: tuple[Mlp, Tensor, Tensor, Tensor, Tensor],
) -> None:
    line = connect(*clusters, SquaredError())
    level = float(line.ends.max()) * 1.01
    path = connect(*clusters, SquaredError(), method=DynamicString(level=level, rounds=1, steps=1))
    assert path.reached is not None
    assert path.reached.tolist() == [False] * 3
    assert "0 of 3 reached" in repr(path)


@pytest.mark.parametrize("method", SHORT, ids=repr)
def test_equal_seeds_give_equal_paths_and_no_global_state_is_touched(method: Method) -> None:
    before = torch.get_rng_state()
    one, other, third = (
        connect(*_problem(), SquaredError(), method=method, seeds=seeds).points
        for seeds in ([0, 1, 2], [0, 1, 2], [0, 1, 7])
    )
    assert torch.equal(one, other)
    torch.testing.assert_close(third[:2], one[:2], rtol=0.0, atol=1e-9)
    assert torch.equal(torch.get_rng_state(), before)


def test_on_a_convex_loss_the_string_is_the_chord() -> None:
    network, x = Mlp((3, 1), "linear"), _normal(10, 3)
    begin, end = _normal(2, 3, seed=1), _normal(2, 3, seed=2)
    path = connect(network, begin, end, x, torch.zeros(10, 1, dtype=torch.float64), SquaredError(), method="string")
    assert path.points.shape[1] == 2
    assert path.bends.tolist() == [0, 0]
    torch.testing.assert_close(path.length, path.distance)
    assert path.barrier.tolist() == [0.0, 0.0]


def test_pivots_keep_their_shares_of_the_arc_length() -> None:
    points = _normal(2, 5, 3)
    shares = torch.tensor([0.0, 0.1, 0.5, 0.9, 1.0], dtype=torch.float64).expand(2, -1)
    moved = at_shares(points, shares)
    assert torch.equal(moved[:, 0], points[:, 0])
    assert torch.equal(moved[:, -1], points[:, -1])
    straight = torch.lerp(
        points[:, :1], points[:, -1:], torch.tensor([0.0, 0.3, 0.4, 0.7, 1.0])[None, :, None].double()
    )
    expected = torch.lerp(points[:, :1], points[:, -1:], shares[..., None])
    torch.testing.assert_close(at_shares(straight, shares), expected)
    padded = torch.cat([points, points[:, -1:]], dim=1)
    longer = torch.cat([shares, torch.ones(2, 1, dtype=torch.float64)], dim=1)
    assert torch.equal(at_shares(padded, longer)[:, :5], moved)
    assert arc_knots(padded)[:, -2:].tolist() == [[1.0, 1.0]] * 2


def test_a_tangent_points_to_the_neighbour_of_higher_loss() -> None:
    """At a slope one direction, at a summit a mean of both that leans to the higher neighbour, always of norm 1."""
    corner = torch.tensor([[[0.0, 0.0], [1.0, 0.0], [1.0, 1.0]]], dtype=torch.float64)
    for losses, expected in (
        ([0.0, 1.0, 2.0], [0.0, 1.0]),
        ([2.0, 1.0, 0.0], [1.0, 0.0]),
        ([0.0, 1.0, 0.0], [math.sqrt(0.5), math.sqrt(0.5)]),
        ([0.0, 4.0, 1.0], [3 / 5, 4 / 5]),
    ):
        found = band_tangents(corner, torch.tensor([losses], dtype=torch.float64))[0, 0]
        torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.float64))
    assert band_tangents(corner[:, [0, 0, 0]], torch.zeros(1, 3, dtype=torch.float64)).tolist() == [[[0.0, 0.0]]]


def test_a_band_puts_pivots_where_the_loss_stands_out() -> None:
    """Between the pivots of a coarse band a double well has a hill that none of them sees."""
    network, x, y = _double_well()
    theta = torch.tensor([[-1.0, -1.0], [1.0, 1.0]], dtype=torch.float64)
    coarse, fine = (
        connect(network, theta[:1], theta[1:], x, y, SquaredError(), method=ElasticBand(pivots=2, cycles=n, steps=5))
        for n in (1, 3)
    )
    assert coarse.points.shape[1] == 4
    assert fine.points.shape[1] > 4
    assert float(fine.barrier) <= float(coarse.barrier)


@pytest.mark.parametrize("mode", [True, False])
def test_batch_norms_take_the_statistics_of_the_data_everywhere_on_a_path(mode: bool) -> None:
    module = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Tanh(), nn.Linear(4, 2)).double().train(mode)
    x, y = 2 + _normal(20, 3), _normal(20, 2, seed=1)
    state = {name: value.clone() for name, value in module.state_dict().items()}
    size = sum(parameter.numel() for parameter in module.parameters())
    begin, end = _normal(2, size), _normal(2, size, seed=1)
    path = connect(module, begin, end, x, y, SquaredError())
    found = path.losses([0.0, 0.4])
    assert module.training is mode
    assert all(torch.equal(value, state[name]) for name, value in module.state_dict().items())
    for pair in range(2):
        for number, t in enumerate((0.0, 0.4)):
            nn.utils.vector_to_parameters(torch.lerp(begin[pair], end[pair], t), module.parameters())
            with torch.no_grad():
                expected = SquaredError().value(module.train()(x)[None], y)
            torch.testing.assert_close(found[pair, number], expected[0], rtol=1e-12, atol=0.0)


def test_a_view_in_evaluation_mode_gives_what_its_module_gives() -> None:
    module = nn.Sequential(
        nn.Unflatten(1, (1, 4, 4)), nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2, affine=False), nn.ReLU(), nn.Flatten()
    ).double()
    x, y = _normal(9, 16), _normal(9, 8, seed=1)
    begin, end = _normal(2, 20), _normal(2, 20, seed=1)
    one, other = (
        connect(each, begin, end, x, y, SquaredError(), method=BezierCurve(steps=3), seeds=[0, 1])
        for each in (module, FunctionalModule(module.eval()))
    )
    assert torch.equal(one.points, other.points)
    assert torch.equal(one.losses(5), other.losses(5))
    nn.utils.vector_to_parameters(begin[0], module.parameters())
    expected = SquaredError().value(module.train()(x)[None].detach(), y)
    torch.testing.assert_close(one.ends[:1, 0], expected, rtol=1e-12, atol=0.0)


@pytest.mark.parametrize("method", SHORT, ids=repr)
def test_single_precision_stays_single_and_near_to_double(method: Method, device: str) -> None:
    network, *double = _problem()
    single = [each.to(device=device, dtype=torch.float32) for each in double]
    path = connect(network, *single, SquaredError(), method=method, seeds=[0, 1, 2])
    assert path.points.dtype == path.barrier.dtype == path.length.dtype == torch.float32
    assert torch.equal(path.at(1.0), single[1])
    true = connect(network, *double, SquaredError(), method=method, seeds=[0, 1, 2])
    assert path.points.shape == true.points.shape
    torch.testing.assert_close(path.barrier.double().cpu(), true.barrier, rtol=0.05, atol=1e-3)


def test_a_module_without_batch_norm_gives_what_the_perceptron_gives() -> None:
    network, begin, end, x, y = _problem()
    module = nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 2)).double()
    for method in (BezierCurve(steps=5), ElasticBand(cycles=2, steps=3), DynamicString(rounds=2, steps=10)):
        one, other = (
            connect(each, begin, end, x, y, SquaredError(), method=method, seeds=[0, 1, 2])
            for each in (network, module)
        )
        torch.testing.assert_close(other.points, one.points, rtol=1e-10, atol=1e-12)
    assert all(parameter.grad is None for parameter in module.parameters())


def test_a_path_is_kept_as_flat_arrays_and_said_in_one_line() -> None:
    network, begin, end, x, y = _problem()
    path = connect(network, begin, end, x, y, SquaredError(), method=DynamicString(rounds=1, steps=1))
    assert "\n" not in repr(path)
    assert "barrier" not in repr(path)  # nothing is computed for a look
    record = path.record()
    assert set(record) == {
        *("points", "bends", "knots", "ends", "largest_loss", "place", "barrier", "length", "distance", "reached")
    }
    assert "barrier" in repr(path)
    assert (
        "knots"
        not in connect(network, begin, end, x, y, SquaredError(), method=BezierCurve(steps=1), seeds=[0, 1, 2]).record()
    )


def test_a_picture_has_one_curve_for_each_pair() -> None:
    network, begin, end, x, y = _problem()
    path = connect(network, begin, end, x, y, SquaredError())
    axes = path.plot(points=5)
    assert len(axes.lines) == len(begin)
    torch.testing.assert_close(torch.tensor(axes.lines[0].get_ydata()), path.losses(5)[0])
    assert path.plot(axes=axes, points=2) is axes


def test_a_loss_that_overflows_is_an_infinite_barrier_and_no_error() -> None:
    network, x, y = _double_well()
    ends = torch.tensor([[1e100, 1e-100], [1e-100, 1e100]], dtype=torch.float64)
    line = connect(network, ends[:1], ends[1:], x, y, SquaredError())
    assert line.barrier.tolist() == [math.inf]
    assert line.slack.tolist() == [0.0]
    ceiling = loss_ceiling(line)
    assert (ceiling.loss.tolist(), ceiling.settled.tolist()) == ([math.inf], [False])
    assert (
        connect(network, ends[:1], ends[1:], x, y, SquaredError(), method=BezierCurve(steps=2), seeds=[0])
        .points.isfinite()
        .all()
    )


def test_what_does_not_fit_is_refused(unchecked: None) -> None:
    network, begin, end, x, y = _problem()
    loss = SquaredError()
    with pytest.raises(ValueError, match=r"theta_b must have theta_a's shape, .* got \(2, 32\)"):
        connect(network, begin, end[:2], x, y, loss)
    with pytest.raises(ValueError, match=r"theta_b must have shape \(pairs, 32\), got \(3, 31\)"):
        connect(network, begin, end[:, 1:], x, y, loss)
    with pytest.raises(ValueError, match=r"theta_a must have shape \(pairs, 32\), got \(32,\)"):
        connect(network, begin[0], end[0], x, y, loss)
    with pytest.raises(TypeError, match=r"theta_a must hold rows of parameters, got the module Linear: its row is"):
        connect(nn.Linear(3, 2), nn.Linear(3, 2), nn.Linear(3, 2), x, y, loss)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="theta_b must be a torch tensor, got list"):
        connect(network, begin, [end], x, y, loss)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="theta_b must be finite, got NaN or infinity"):
        connect(network, begin, end / 0, x, y, loss)
    with pytest.raises(ValueError, match=r"method must be one of line, matched-line, .* got 'spline'"):
        connect(network, begin, end, x, y, loss, method="spline")
    for wrong in (StraightLine, 3):
        with pytest.raises(TypeError, match="method must be a name or a record such as StraightLine"):
            connect(network, begin, end, x, y, loss, method=wrong)  # type: ignore[arg-type]
    for name in ("bezier", "polygon"):
        with pytest.raises(ValueError, match=f"seeds must hold one integer per pair, as {name} draws places, got None"):
            connect(network, begin, end, x, y, loss, method=name)
    with pytest.raises(ValueError, match="seeds must hold one integer per pair, as the band draws examples, got None"):
        connect(network, begin, end, x, y, loss, method=ElasticBand(examples=2))
    with pytest.raises(ValueError, match="seeds must hold one integer per pair, 3, got 1"):
        connect(network, begin, end, x, y, loss, method="bezier", seeds=[1])
    with pytest.raises(TypeError, match=r"network must be an Mlp, a FunctionalModule or a torch.nn.Module, got int"):
        connect(3, begin, end, x, y, loss)  # type: ignore[arg-type]
    with pytest.raises(
        ValueError, match=r"level must be at least the loss of every end, got 1e-09 for ends of loss up to"
    ):
        connect(network, begin, end, x, y, loss, method=DynamicString(level=1e-9))


def test_a_module_that_cannot_be_copied_is_refused(unchecked: None) -> None:
    module = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2)).double()
    module.anything = (one for one in ())  # type: ignore[assignment]
    with pytest.raises(ValueError, match=r"network must be a module that copy.deepcopy can copy, but it says"):
        connect(module, _normal(1, 34), _normal(1, 34), _normal(5, 3), _normal(5, 2), SquaredError())


def test_places_outside_the_path_are_refused(unchecked: None) -> None:
    network, begin, end, x, y = _problem()
    path = connect(network, begin, end, x, y, SquaredError())
    with pytest.raises(ValueError, match=r"t must lie in \[0, 1\], got -0.1"):
        path.at(-0.1)
    with pytest.raises(ValueError, match=r"t must lie in \[0, 1\], got 1.5"):
        path.losses([0.5, 1.5])
    with pytest.raises(ValueError, match="t must be finite"):
        path.slopes(math.nan)
    with pytest.raises(ValueError, match=r"t must have shape \(points,\) or \(3, points\), got \(2, 4\)"):
        path.at(torch.zeros(2, 4))
    with pytest.raises(ValueError, match=r"t must be a number in \[0, 1\] or some of them, got 'half'"):
        path.at("half")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="points must be an integer >= 2, got 1"):
        path.plot(points=1)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: BezierCurve(steps=0), "steps must be an integer >= 1, got 0"),
        (lambda: BezierCurve(examples=0), "examples must be an integer >= 1, got 0"),
        (lambda: BezierCurve(bends=10**9), "bends must be at most 100, got 1000000000"),
        (lambda: PolygonalChain(learning_rate=0.0), "learning_rate must be a finite number > 0, got 0"),
        (lambda: ElasticBand(pivots=0), "pivots must be an integer >= 1, got 0"),
        (lambda: ElasticBand(examples=0), "examples must be an integer >= 1, got 0"),
        (lambda: ElasticBand(threshold=1.0), r"threshold must lie in \(0, 1\), got 1.0"),
        (lambda: DynamicString(level=0.0), "level must be a finite number > 0, got 0.0"),
        (lambda: DynamicString(share=1.0), r"share must lie in \(0, 1\), got 1.0"),
    ],
)
def test_numbers_of_a_method_that_are_out_of_range_are_refused(make: object, message: str) -> None:
    assert callable(make)
    with pytest.raises(ValueError, match=message):
        make()
