"""Descent and flow on squared errors: exact where networks are linear, and lazy where they are wide."""

import math

import pytest
import torch
from torch import Tensor, nn

from numerics import (
    CrossEntropy,
    FunctionalModule,
    Mlp,
    SquaredError,
    WideTraining,
    gradient_descent,
    wide_descent,
    wide_flow,
)

HALF = SquaredError(prefactor=0.5)


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def wide(units: int, members: int = 2, activation: str = "tanh") -> tuple[Mlp, Tensor, Tensor, Tensor]:
    """Hidden weights of variance 1, output weights of variance 1/units, four examples of three features."""
    network, theta = Mlp((3, units, 1), activation), drawn(members, 4 * units)
    theta[:, 3 * units :] /= units**0.5
    return network, theta, drawn(4, 3, seed=1), drawn(4, 1, seed=2)


def test_the_flow_of_a_linear_network_is_the_exponential_of_its_hessian(device: str) -> None:
    network, x, y, theta = Mlp((3, 1), "linear"), drawn(4, 3), drawn(4, 1, seed=1), drawn(2, 3, seed=2)
    way = wide_flow(network, theta.to(device), x.to(device), y.to(device), HALF, times=(0.5, 2.0, 9.0), tolerance=1e-9)
    hessian = x.T @ x / 4
    best = torch.linalg.solve(hessian, x.T @ y / 4)[:, 0]
    most = float(torch.linalg.eigvalsh(hessian)[-1])
    torch.testing.assert_close(way.curvature.cpu(), torch.full((2, 2), most, dtype=torch.float64))
    for record, time in enumerate((0.0, 0.5, 2.0, 9.0)):
        place = best + (theta - best) @ torch.matrix_exp(-hessian * time / most)
        torch.testing.assert_close(way.distance[record].cpu(), (place - theta).norm(dim=1), rtol=1e-7, atol=1e-12)
        expected = (x @ place.T - y).square().mean(0) / 2
        torch.testing.assert_close(way.loss[record].cpu(), expected, rtol=1e-7, atol=1e-12)
    torch.testing.assert_close(way.theta.cpu(), place, rtol=1e-7, atol=1e-8)


@pytest.mark.usefixtures("unchecked")
def test_a_smaller_tolerance_agrees_and_small_steps_of_descent_tend_to_the_flow() -> None:
    network, theta, x, y = wide(20)
    fine, coarse = (wide_flow(network, theta, x, y, HALF, times=(3.0, 6.0), tolerance=t) for t in (1e-9, 1e-5))
    torch.testing.assert_close(coarse.theta, fine.theta, rtol=1e-4, atol=1e-5)
    gaps = []
    for edge in (0.08, 0.04):
        steps = wide_descent(network, theta, x, y, HALF, edge=edge, steps=round(6 / edge))
        gaps.append((steps.theta - fine.theta).norm())
    assert gaps[0] / gaps[1] == pytest.approx(2, abs=0.15)  # first order


def test_descent_takes_the_steps_of_gradient_descent_with_the_rate_that_it_names() -> None:
    network, theta, x, y = wide(20, members=1)
    way = wide_descent(network, theta, x, y, HALF, edge=1.5, steps=7, record_at=(2,))
    assert way.learning_rate is not None
    rate = float(way.learning_rate[0])
    assert rate * float(way.curvature[0, 0]) == pytest.approx(1.5, rel=1e-12)
    end = gradient_descent(network, theta, x, y, HALF, learning_rate=rate, steps=7)
    torch.testing.assert_close(way.theta, end.theta, rtol=1e-12, atol=1e-13)
    torch.testing.assert_close(way.times[:, 0], torch.tensor([0, 2, 7]).double() * rate)
    torch.testing.assert_close(way.distance[-1], (way.theta - theta).norm(dim=1))
    assert (way.edge[0] == way.learning_rate * way.curvature[0]).all()


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("prefactor", [0.5, 1.0])
def test_descent_beyond_the_edge_grows_and_just_below_it_does_not(prefactor: float) -> None:
    """L is the curvature: a linear network shows it, whatever the prefactor."""
    x, y, theta, loss = drawn(5, 2), torch.zeros(5, 1).double(), drawn(1, 2, seed=3), SquaredError(prefactor)
    network = Mlp((2, 1), "linear")
    way = wide_descent(network, theta, x, y, loss, edge=1.98, steps=50)
    assert float(way.loss[-1]) < float(way.loss[0])
    rate = float(way.curvature[0, 0]) / 2.02
    end = gradient_descent(network, theta, x, y, loss, learning_rate=1 / rate, steps=300)
    assert float(end.loss) > float(way.loss[0])


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("own", [True, False])
def test_a_module_flows_as_the_perceptron_that_it_is(own: bool) -> None:
    network, theta, x, y = wide(6)
    view = FunctionalModule(nn.Sequential(nn.Linear(3, 6, bias=False), nn.Tanh(), nn.Linear(6, 1, bias=False)).double())
    if own:
        x, y = (torch.stack([data, data.flip(0)]) for data in (x, y))
    ways = [wide_flow(one, theta, x, y, HALF, times=(1.0, 2.0)) for one in (network, view)]
    torch.testing.assert_close(ways[0].theta, ways[1].theta, rtol=1e-9, atol=1e-10)


@pytest.mark.usefixtures("unchecked")
def test_members_that_are_cut_into_chunks_go_the_same_way(monkeypatch: pytest.MonkeyPatch) -> None:
    network, theta, x, y = wide(8, members=3)
    whole = wide_flow(network, theta, x, y, HALF, times=(1.0, 5.0), tolerance=1e-8)
    descent = wide_descent(network, theta, x, y, HALF, edge=0.5, steps=5)
    for limit in ("WORK", "CACHE"):
        monkeypatch.setattr(f"numerics.wide_training.{limit}", 1)
    apart = wide_flow(network, theta, x, y, HALF, times=(1.0, 5.0), tolerance=1e-8)
    torch.testing.assert_close(whole.theta, apart.theta, rtol=1e-6, atol=1e-7)
    torch.testing.assert_close(whole.times, apart.times)
    again = wide_descent(network, theta, x, y, HALF, edge=0.5, steps=5)
    torch.testing.assert_close(descent.theta, again.theta, rtol=1e-12, atol=1e-13)
    torch.testing.assert_close(descent.loss, again.loss, rtol=1e-12, atol=0)


def test_a_member_that_has_arrived_stands_still_and_its_time_is_kept() -> None:
    network, x, y = Mlp((1, 1), "linear"), torch.ones(1, 1).double(), torch.zeros(1, 1).double()
    theta = torch.tensor([[8.0], [0.0]]).double()
    way = wide_flow(network, theta, x, y, SquaredError(), times=[k / 4 for k in range(1, 40)], stop_at=1e-3)
    assert float(way.loss[-1, 0]) == pytest.approx(64e-3, rel=0.5)
    assert (way.times[-1] < 2).all()
    # the loss is 64 exp(-4 t): L = 2
    assert float(way.time_to(1e-3)[0]) == pytest.approx(math.log(1000) / 4, rel=1e-5)
    assert float(way.time_to(0.1)[0]) == pytest.approx(math.log(10) / 4, rel=1e-5)
    assert float(way.distance[-1, 1]) == 0.0


def test_without_a_choice_every_step_is_recorded_so_that_a_time_is_known_to_a_step() -> None:
    network, theta, x, y = wide(20)
    way = wide_descent(network, theta, x, y, HALF, edge=1.0, steps=40)
    assert way.learning_rate is not None
    assert len(way.loss) == 41
    for share in (0.8, 0.5, 0.1):
        first = (way.loss > share * way.loss[0]).sum(0)  # the loss falls from step to step
        late = first - way.time_to(share) / way.learning_rate
        assert bool(((late >= -1e-9) & (late <= 1)).all())


def test_a_loss_that_did_not_come_down_has_no_time() -> None:
    network, theta, x, y = wide(8)
    way = wide_flow(network, theta, x, y, HALF, times=(0.1,))
    assert way.time_to(1e-6).isnan().all()


def test_relu_networks_flow_across_their_kinks() -> None:
    network, theta, x, y = wide(12, activation="relu")
    way = wide_flow(network, theta, x, y, HALF, times=(1.0, 10.0, 100.0), tolerance=1e-4)
    assert (way.loss.diff(dim=0) < 0).all()


@pytest.mark.usefixtures("unchecked")
def test_wider_networks_move_less_and_their_kernels_far_less() -> None:
    moved, changed = [], []
    for units in (64, 1024):
        network, theta, x, y = wide(units, members=20)
        way = wide_flow(network, theta, x, 4 * y, HALF, times=(10.0, 40.0), stop_at=1e-2)
        moved.append(float(way.distance[-1].median()))
        changed.append(float(way.kernel_change().median()))
        relative = way.distance / way.start.norm(dim=1)
        torch.testing.assert_close(way.relative_distance, relative)
    assert moved[0] / moved[1] == pytest.approx(4, rel=0.5)
    assert changed[0] / changed[1] > 50


def test_a_way_reads_in_one_line() -> None:
    network, theta, x, y = wide(8)
    way: WideTraining = wide_flow(network, theta, x, y, HALF, times=(0.1,))
    assert repr(way).startswith("WideTraining(2 members, 2 records: loss ")


@pytest.mark.usefixtures("unchecked")
def test_what_does_not_fit_is_refused() -> None:
    network, theta, x, y = wide(4)
    with pytest.raises(TypeError, match=r"loss must be a SquaredError, whose curvature the kernel gives, got Cross"):
        wide_flow(network, theta, x, y, CrossEntropy(), times=(1,))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"edge must lie in \(0, 2\), where descent is stable, got 2\.0\."):
        wide_descent(network, theta, x, y, HALF, edge=2.0, steps=1)
    with pytest.raises(ValueError, match=r"steps must be an integer >= 0, got -1\."):
        wide_descent(network, theta, x, y, HALF, edge=1.0, steps=-1)
    for times in ((), (2, 1)):
        with pytest.raises(ValueError, match=r"times must be ascending and at least one, got \("):
            wide_flow(network, theta, x, y, HALF, times=times)
    with pytest.raises(ValueError, match=r"a share of the loss must lie in \(0, 1\), got 1\.5\."):
        wide_flow(network, theta, x, y, HALF, times=(1,), stop_at=1.5)
    with pytest.raises(ValueError, match=r"theta must be a point where parameters move outputs, got a tangent kernel"):
        wide_flow(network, 0 * theta, x, y, HALF, times=(1,))
    with pytest.raises(ValueError, match=r"learning_rate must be there to speak of an edge, but the flow has none\."):
        _ = wide_flow(network, theta, x, y, HALF, times=(1,)).edge
    with pytest.raises(ValueError, match=r"theta and x must give a tangent kernel that torch.float64 can hold"):
        wide_descent(network, theta, 1e300 * x, y, HALF, edge=1.0, steps=1)
    deep, small, one = Mlp((1, 1, 1), "linear"), torch.full((1, 2), 0.1), torch.ones(1, 1)
    with pytest.raises(
        ValueError, match=r"edge must leave every member finite, got 1\.9, with which 1 of 1 overflow\."
    ):
        wide_descent(deep, small, one, 100 * one, HALF, edge=1.9, steps=20)
