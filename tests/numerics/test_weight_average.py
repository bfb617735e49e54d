"""Averages over a training run: torch's own for every member, and the variance that theory promises."""

import math
from typing import Any

import pytest
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel

from numerics import CrossEntropy, FunctionalModule, Mlp, SharpnessAware, SquaredError, WeightAverage, sgd
from numerics.seeded import generators

NETWORK = Mlp((3, 4, 2), "tanh")


def _train(**changes: Any) -> Any:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(10, 3, generator=generator, dtype=torch.float64)
    settings = {"learning_rate": 0.3, "batch_size": 4, "seeds": (4, 5, 6), "steps": 20, **changes}
    return sgd(NETWORK, NETWORK.init(range(3)), x, x[:, :2].sin(), SquaredError(0.5), **settings)


@pytest.mark.parametrize(("start", "every"), [(0, 1), (4, 3), (20, 1)])
@pytest.mark.parametrize("rule", [None, SharpnessAware(rho=0.1)])
def test_the_average_is_that_of_the_points_on_the_way(start: int, every: int, rule: SharpnessAware | None) -> None:
    """Which are those of the run without average; before the first of them the current point is shown."""
    points = _train(rule=rule, record_at=range(21)).trajectory
    end = _train(rule=rule, average=WeightAverage(start=start, every=every), record_at=range(21))
    for step in range(21):
        expected = points[start : step + 1 : every].mean(0) if step >= start else points[step]
        torch.testing.assert_close(end.trajectory[step], expected, rtol=1e-12, atol=1e-14)
    assert torch.equal(end.trajectory[20], end.theta)
    assert end.gradients is not None
    assert end.gradients.tolist() == [20 if rule is None else 40] * 3


def test_it_is_torchs_average_of_a_model_member_by_member() -> None:
    module = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)).double()
    view = FunctionalModule(module)
    x = torch.randn(10, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    y = (x[:, 0] > 0).long()
    theta = view.init(range(2))
    settings: dict[str, Any] = {"learning_rate": 0.3, "batch_size": 4, "seeds": [1, 2], "steps": 9, "momentum": 0.5}
    end = sgd(view, theta, x, y, CrossEntropy(), average=WeightAverage(start=3, every=2), **settings)
    for member, order in enumerate(generators("batches", [1, 2])):
        nn.utils.vector_to_parameters(theta[member].clone(), module.parameters())
        optimiser = torch.optim.SGD(module.parameters(), lr=0.3, momentum=0.5)
        model = AveragedModel(module)
        batches = [some for _ in range(3) for some in torch.randperm(10, generator=order).split(4)]
        for step, some in enumerate(batches, start=1):
            optimiser.zero_grad()
            nn.functional.cross_entropy(module(x[some]), y[some]).backward()
            optimiser.step()
            if step >= 3 and (step - 3) % 2 == 0:
                model.update_parameters(module)
        expected = nn.utils.parameters_to_vector(model.module.parameters()).detach()
        torch.testing.assert_close(end.theta[member], expected, rtol=1e-12, atol=1e-14)


def test_on_a_noisy_parabola_the_average_has_the_variance_that_theory_gives_it() -> None:
    """Ratio to the last point's: (2 - h lambda)/(h lambda T) for T points, up to a relative O(1/(h lambda T)).

    One pass over data of their own gives each member independent noise: L = (sqrt(lambda) theta - y)^2/2.
    """
    curvature, rate, members, burn, points = 0.5, 0.4, 300, 40, 250
    y = torch.randn(members, burn + points, 1, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    x, theta = torch.full_like(y, math.sqrt(curvature)), y.new_zeros(members, 1)
    settings: dict[str, Any] = {"learning_rate": rate, "batch_size": 1, "seeds": range(members)}
    average = WeightAverage(start=burn + 1)
    end = sgd(
        Mlp((1, 1), "linear"),
        theta,
        x,
        y,
        SquaredError(0.5),
        steps=burn + points,
        average=average,
        record_at=(burn,),
        **settings,
    )
    error = math.sqrt(2 / members)
    last = float(end.trajectory[0].square().mean()) / (rate / (2 - rate * curvature))  # s^2 = lambda
    assert abs(last - 1) < 4 * error
    decay = 1 - rate * curvature
    correction = 1 - 2 * decay * (1 - decay**points) / (points * (1 - decay) * (1 + decay))
    ratio = float(end.theta.square().mean()) / (rate / (2 - rate * curvature))
    predicted = (2 - rate * curvature) / (rate * curvature * points)
    assert abs(ratio / (predicted * correction) - 1) < 4 * error
    assert abs(correction - 1) < error  # so that the asymptotic law is told from twice itself
    assert abs(ratio / predicted - 1) < 5 * error < 0.5


def test_no_member_arrives_before_its_average_begins_and_then_by_its_average() -> None:
    free = _train(average=WeightAverage(start=7), record_at=range(21))
    x = torch.randn(10, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    losses = torch.stack([SquaredError(0.5).value(NETWORK.forward(t, x), x[:, :2].sin()) for t in free.trajectory])
    assert _train(average=WeightAverage(start=7), stop_at=1e9, check_every=1).steps.tolist() == [7, 7, 7]
    target = float(losses[12, 1]) * (1 + 1e-12)
    end = _train(average=WeightAverage(start=7), stop_at=target, check_every=1)
    for member in range(3):
        below = (losses[7:, member] <= target).nonzero()
        assert int(end.steps[member]) == (7 + int(below[0]) if len(below) else 20)
        torch.testing.assert_close(end.theta[member], free.trajectory[int(end.steps[member]), member])
    assert bool(end.reached[1])


def test_a_member_that_diverges_keeps_the_average_of_its_finite_points_and_leaves_the_others_theirs() -> None:
    network, loss = Mlp((3, 3, 2), "quadratic"), SquaredError()
    x = torch.randn(2, 8, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    y = torch.zeros(2, 8, 2, dtype=torch.float64)
    theta = network.init([0, 1]) * torch.tensor([[0.1], [10.0]], dtype=torch.float64)
    settings: dict[str, Any] = {"learning_rate": 0.05, "batch_size": 3, "steps": 40, "average": WeightAverage()}
    end = sgd(network, theta, x, y, loss, seeds=[0, 1], **settings)
    alone = sgd(network, theta[:1], x[:1], y[:1], loss, seeds=[0], **settings)
    torch.testing.assert_close(end.theta[:1], alone.theta, rtol=1e-12, atol=1e-15)
    last = int(end.steps[1])
    assert 0 <= last < 39
    finite = sgd(network, theta[1:], x[1:], y[1:], loss, seeds=[1], **{**settings, "steps": last})
    torch.testing.assert_close(end.theta[1:], finite.theta, rtol=1e-12, atol=1e-15)


@pytest.mark.usefixtures("unchecked")
def test_numbers_out_of_range_are_refused() -> None:
    for start in (-1, 0.5, None):
        with pytest.raises(ValueError, match="start must be an integer >= 0, got"):
            WeightAverage(start=start)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="every must be an integer >= 1, got 0"):
        WeightAverage(every=0)
    with pytest.raises(ValueError, match="average must start at one of the 20 steps, got start 21"):
        _train(average=WeightAverage(start=21))
    with pytest.raises(TypeError, match="average must be a WeightAverage or None, got 3"):
        _train(average=3)
