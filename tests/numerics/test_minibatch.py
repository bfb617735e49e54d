"""Stochastic gradient descent: torch's own steps on batches of each member's own, and members that stop alone."""

from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import nn

from numerics import (
    CrossEntropy,
    FunctionalModule,
    Loss,
    Mlp,
    SquaredError,
    TrainingResult,
    digits,
    gradient_descent,
    levenberg_marquardt,
    sgd,
)
from numerics.seeded import generators

NETWORK = Mlp((3, 5, 2), "tanh", bias=True)
EXAMPLES, SEEDS = 10, (4, 5, 6)


def _data(loss: Loss, *, own: bool = True) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(3, EXAMPLES, 3, generator=generator, dtype=torch.float64)
    labels = torch.randint(0, 2, (3, EXAMPLES), generator=generator)
    y = x[..., :2].sin() if isinstance(loss, SquaredError) else labels
    return (x, y) if own else (x[0], y[0])


def _convolution() -> nn.Module:
    pooled = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten())
    return nn.Sequential(pooled, nn.Linear(2, 3)).double()


def _train(loss: Loss, *, own: bool = True, **changes: Any) -> TrainingResult:
    x, y = _data(loss, own=own)
    settings = {"learning_rate": 0.1, "batch_size": 4, "seeds": SEEDS, "steps": 12, **changes}
    return sgd(NETWORK, NETWORK.init(range(3)), x, y, loss, **settings)


@pytest.mark.parametrize("own", [True, False])
@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("loss", [SquaredError(0.5), CrossEntropy()])
def test_every_member_follows_torchs_sgd_on_its_own_permutations(
    loss: Loss, momentum: float, own: bool, device: str
) -> None:
    """Two whole epochs and a half: batches of 4, 4 and 2 out of 10 examples."""
    x, y = (data.to(device) for data in _data(loss, own=own))
    theta = NETWORK.init(range(3)).to(device)
    end = sgd(
        NETWORK,
        theta,
        x,
        y,
        loss,
        learning_rate=0.1,
        batch_size=4,
        seeds=SEEDS,
        steps=8,
        momentum=momentum,
        record_at=range(9),
    )
    for member, generator in enumerate(generators("batches", SEEDS)):
        own_x, own_y = (x[member], y[member]) if own else (x, y)
        point = theta[member].clone().requires_grad_()
        optimiser = torch.optim.SGD([point], lr=0.1, momentum=momentum)
        for step in range(9):
            torch.testing.assert_close(end.trajectory[step, member], point.detach(), rtol=1e-12, atol=1e-14)
            if step % 3 == 0:
                batches = torch.randperm(EXAMPLES, generator=generator).split(4)
            some = batches[step % 3].to(device)
            optimiser.zero_grad()
            loss.value(NETWORK.forward(point[None], own_x[some]), own_y[some]).sum().backward()
            optimiser.step()


@pytest.mark.parametrize("own", [True, False])
def test_a_convolutional_net_follows_torchs_sgd(own: bool, device: str) -> None:
    loss, module = CrossEntropy(), _convolution().to(device)
    view = FunctionalModule(module)
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(2, EXAMPLES, 1, 4, 4, generator=generator, dtype=torch.float64).to(device)
    y = torch.randint(0, 3, (2, EXAMPLES), generator=generator).to(device)
    if not own:
        x, y = x[0], y[0]
    theta = view.theta.repeat(2, 1)
    end = sgd(view, theta, x, y, loss, learning_rate=0.2, batch_size=4, seeds=[1, 2], steps=7, momentum=0.5)
    for member, order in enumerate(generators("batches", [1, 2])):
        trained = _convolution().to(device)
        trained.load_state_dict(module.state_dict())
        optimiser = torch.optim.SGD(trained.parameters(), lr=0.2, momentum=0.5)
        own_x, own_y = (x[member], y[member]) if own else (x, y)
        for step in range(7):
            if step % 3 == 0:
                batches = torch.randperm(EXAMPLES, generator=order).split(4)
            some = batches[step % 3].to(device)
            optimiser.zero_grad()
            nn.functional.cross_entropy(trained(own_x[some]), own_y[some]).backward()
            optimiser.step()
        expected = nn.utils.parameters_to_vector(trained.parameters()).detach()
        torch.testing.assert_close(end.theta[member], expected, rtol=1e-11, atol=1e-13)
        torch.testing.assert_close(end.loss[member], nn.functional.cross_entropy(trained(own_x), own_y).detach())
    assert 0 < float(end.relative_gradient.min()) <= float(end.relative_gradient.max()) <= 1


@pytest.mark.parametrize("loss", [SquaredError(0.5), CrossEntropy()])
def test_batches_of_all_examples_are_gradient_descent(loss: Loss) -> None:
    x, y = _data(loss)
    end = _train(loss, batch_size=EXAMPLES, steps=20)
    whole = gradient_descent(NETWORK, NETWORK.init(range(3)), x, y, loss, learning_rate=0.1, steps=20)
    torch.testing.assert_close(end.theta, whole.theta, rtol=1e-12, atol=1e-14)
    torch.testing.assert_close(end.loss, whole.loss, rtol=1e-12, atol=0.0)
    torch.testing.assert_close(end.relative_gradient, whole.relative_gradient, rtol=1e-9, atol=0.0)


def test_a_member_depends_on_its_own_seed_alone() -> None:
    loss = SquaredError(0.5)
    x, y = _data(loss, own=False)
    start = NETWORK.init([0, 0, 0])
    settings: dict[str, Any] = {"learning_rate": 0.1, "batch_size": 3, "steps": 9}
    many = sgd(NETWORK, start, x, y, loss, seeds=[7, 8, 7], **settings).theta
    one = sgd(NETWORK, start[:1], x, y, loss, seeds=[8], **settings).theta
    torch.testing.assert_close(many[1:2], one, rtol=1e-13, atol=1e-15)
    torch.testing.assert_close(many[0], many[2], rtol=1e-13, atol=1e-15)
    assert not torch.allclose(many[0], many[1])


def test_members_that_have_arrived_stand_still_and_say_when() -> None:
    loss = SquaredError(0.5)
    free = _train(loss, steps=60, record_at=range(61))
    x, y = _data(loss)
    losses = torch.stack([loss.value(NETWORK.forward(theta, x), y) for theta in free.trajectory])
    target = float(losses[40, 0])
    end = _train(loss, steps=60, record_at=(0, 20, 60), stop_at=target, check_every=5)
    checked = losses[::5] <= target
    for member in range(3):
        arrived = bool(checked[:, member].any())
        step = 5 * int(checked[:, member].int().argmax()) if arrived else 60
        assert end.reached is not None
        assert (bool(end.reached[member]), int(end.steps[member])) == (arrived, step)
        torch.testing.assert_close(end.theta[member], free.trajectory[step, member], rtol=1e-12, atol=1e-14)
        torch.testing.assert_close(end.trajectory[2, member], end.theta[member], rtol=0, atol=0)
        torch.testing.assert_close(end.trajectory[1, member], free.trajectory[min(step, 20), member])
    assert 0 < int(end.steps.min()) < 60


def test_members_arrive_where_the_loss_over_all_examples_says_so_though_few_are_looked_at() -> None:
    """Every step is looked at: the hardest examples exclude a member only where the loss over all does."""
    x, labels = digits(samples=90)
    network, loss, seeds = Mlp((64, 6, 10), "relu", bias=True), CrossEntropy(), range(4)
    settings: dict[str, Any] = {"learning_rate": 0.3, "batch_size": 9, "seeds": seeds}
    free = sgd(network, network.init(seeds), x, labels, loss, steps=80, record_at=range(81), **settings)
    losses = torch.stack([loss.value(network.forward(theta, x), labels) for theta in free.trajectory])
    target = float(losses[60:].median())
    for several in (1, 7):
        end = sgd(
            network, network.init(seeds), x, labels, loss, steps=80, stop_at=target, check_every=several, **settings
        )
        looked_at = losses[::several] <= target
        first = several * looked_at.int().argmax(dim=0)
        assert torch.equal(end.steps, torch.where(looked_at.any(0), first, 80))


def test_a_loss_that_may_be_negative_is_looked_at_over_all_examples() -> None:
    @dataclass(frozen=True)
    class SometimesNegative(SquaredError):  # noqa: N818 - not an exception, though SquaredError ends like one
        """Less by 50 on each example with a large target."""

        def value(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
            return super().value(outputs, targets) - 50 * (targets > 3).to(outputs).mean()

    x = torch.tensor([[0.0], [1.0]])
    y = torch.tensor([[2.0], [6.0]])  # 4 and 36 - 50: the first alone is above twice the target, the mean is below it
    end = sgd(
        Mlp((1, 1), "linear"), torch.zeros(1, 1), x, y, SometimesNegative(), learning_rate=0.1, batch_size=2, seeds=[0],
        steps=5, stop_at=1.5,
    )  # fmt: skip
    assert end.steps.tolist() == [0]


def test_the_end_is_looked_at_whatever_the_interval() -> None:
    """Who starts below the loss takes no step; the point after the last step counts though it is no multiple."""
    loss = SquaredError(0.5)
    at_once = _train(loss, stop_at=1e9, record_at=(0, 7))
    assert at_once.reached is not None
    assert (at_once.steps.tolist(), at_once.reached.tolist()) == ([0, 0, 0], [True, True, True])
    assert torch.equal(at_once.trajectory[1], NETWORK.init(range(3)))
    last = _train(loss, steps=12, stop_at=float(_train(loss, steps=12).loss.max()) * (1 + 1e-9), check_every=1000)
    assert last.reached is not None
    assert last.reached.all()
    assert _train(loss).reached is None


def test_by_default_the_loss_is_looked_at_once_an_epoch() -> None:
    end = _train(SquaredError(0.5), steps=300, stop_at=0.02, learning_rate=0.3)
    assert end.reached is not None
    assert end.reached.any()
    assert (end.steps[end.reached] % 3 == 0).all()  # 10 examples in batches of 4


def test_a_member_that_diverges_stops_at_its_last_finite_point_and_leaves_the_others_alone() -> None:
    loss, network = SquaredError(), Mlp((3, 3, 2), "quadratic")
    x = torch.randn(2, 8, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    y = torch.zeros(2, 8, 2, dtype=torch.float64)
    theta = network.init([0, 1]) * torch.tensor([[0.1], [10.0]], dtype=torch.float64)
    settings: dict[str, Any] = {"learning_rate": 0.05, "batch_size": 3, "steps": 40}
    end = sgd(network, theta, x, y, loss, seeds=[0, 1], record_at=(40,), **settings)
    alone = sgd(network, theta[:1], x[:1], y[:1], loss, seeds=[0], **settings)
    assert end.steps[0].item() == 40
    assert end.steps[1].item() < 40
    assert end.theta.isfinite().all()
    assert torch.equal(end.trajectory[0], end.theta)
    assert not (end.loss.isnan() | end.relative_gradient.isnan()).any()
    torch.testing.assert_close(end.theta[:1], alone.theta, rtol=1e-12, atol=1e-15)


def test_no_steps_leave_everything_in_place() -> None:
    end = _train(CrossEntropy(), steps=0)
    assert torch.equal(end.theta, NETWORK.init(range(3)))
    assert (end.steps.tolist(), end.trajectory.shape) == ([0, 0, 0], (0, 3, NETWORK.parameters))


def test_gradients_are_counted_where_a_step_is_made_of_them() -> None:
    loss = SquaredError(0.5)
    x, y = _data(loss)
    end = _train(loss, steps=60, stop_at=0.1, check_every=1)
    assert end.gradients is not None
    assert torch.equal(end.gradients, end.steps)
    whole = gradient_descent(NETWORK, NETWORK.init(range(3)), x, y, loss, learning_rate=0.1, steps=7)
    assert whole.gradients is not None
    assert whole.gradients.tolist() == [7, 7, 7]
    assert levenberg_marquardt(NETWORK, NETWORK.init(range(3)), x, y, loss, max_steps=2).gradients is None


@pytest.mark.usefixtures("unchecked")
def test_numbers_out_of_range_are_refused() -> None:
    loss = SquaredError()
    refused = {
        "learning_rate must be a finite number > 0, got": {"learning_rate": 0.0},
        "batch_size must be an integer >= 1, got 0": {"batch_size": 0},
        "batch_size must be at most 10, the number of examples, got 11": {"batch_size": 11},
        "seeds must hold one integer per member, 3, got 2": {"seeds": [0, 1]},
        "seeds must hold one integer in": {"seeds": [0, 1, -2]},
        "steps must be an integer >= 0, got -1": {"steps": -1},
        r"momentum must lie in \[0, 1\), got 1": {"momentum": 1.0},
        "momentum must be a finite number >= 0, got -0.1": {"momentum": -0.1},
        r"record_at must lie in 0\.\.12, the steps that are taken": {"record_at": [13]},
        "stop_at must be a finite number >= 0, got -1": {"stop_at": -1},
        "check_every must be an integer >= 1, got 0": {"check_every": 0},
        r"tolerance must lie in \(0, 1\), got 2": {"tolerance": 2},
    }
    for message, changes in refused.items():
        with pytest.raises(ValueError, match=message):
            _train(loss, **changes)


def test_where_training_has_led_reads_in_one_line() -> None:
    network, x, y = Mlp((1, 1), "linear"), torch.ones(4, 1), torch.zeros(4, 1)
    options: dict[str, Any] = {"learning_rate": 0.25, "batch_size": 4, "seeds": [0, 1], "steps": 3}
    theta = torch.tensor([[8.0], [1.0]])
    plain = sgd(network, theta, x, y, SquaredError(), **options)
    assert repr(plain) == "TrainingResult(2 members, 3 steps, loss 0.0156 to 1; 0 converged)"
    early = sgd(network, theta, x, y, SquaredError(), stop_at=0.1, check_every=1, **options)
    assert repr(early) == "TrainingResult(2 members, 2 to 3 steps, loss 0.0625 to 1; 1 low enough)"
