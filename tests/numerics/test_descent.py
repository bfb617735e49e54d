"""Gradient descent and Adam: torch's own steps, recorded, and members that diverge alone."""

import pytest
import torch

from numerics import CrossEntropy, Loss, Mlp, SquaredError, TrainingResult, adam, gradient_descent


def _problem(loss: Loss, members: int = 3) -> tuple[Mlp, torch.Tensor, torch.Tensor, torch.Tensor]:
    network = Mlp((3, 5, 2), "tanh", bias=True)
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(members, 8, 3, generator=generator, dtype=torch.float64)
    if isinstance(loss, SquaredError):
        return network, network.init(range(members)), x, x[..., :2].sin()
    return network, network.init(range(members)), x, torch.randint(0, 2, (members, 8), generator=generator)


@pytest.mark.parametrize("loss", [SquaredError(0.5), CrossEntropy()])
@pytest.mark.parametrize("method", ["gradient_descent", "adam"])
def test_every_member_follows_torchs_optimiser(loss: Loss, method: str, device: str) -> None:
    network, theta, x, y = _problem(loss)
    theta, x, y = theta.to(device), x.to(device), y.to(device)
    if method == "adam":
        end = adam(network, theta, x, y, loss, learning_rate=0.01, steps=30, record_at=range(31))
    else:
        end = gradient_descent(network, theta, x, y, loss, learning_rate=0.1, steps=30, record_at=range(31))
    for member in range(3):
        point = theta[member].clone().requires_grad_()
        if method == "adam":
            optimiser: torch.optim.Optimizer = torch.optim.Adam([point], lr=0.01)
        else:
            optimiser = torch.optim.SGD([point], lr=0.1)
        for step in range(31):
            torch.testing.assert_close(end.trajectory[step, member], point.detach(), rtol=1e-9, atol=1e-12)
            optimiser.zero_grad()
            loss.value(network.forward(point[None], x[member]), y[member]).sum().backward()
            optimiser.step()


def test_the_trajectory_holds_the_steps_that_were_asked_for() -> None:
    loss = SquaredError()
    network, theta, x, y = _problem(loss)

    def run(steps: int, record_at: tuple[int, ...] = ()) -> TrainingResult:
        return gradient_descent(network, theta, x, y, loss, learning_rate=0.05, steps=steps, record_at=record_at)

    end = run(9, (9, 0, 4, 4))
    assert end.recorded_at == (0, 4, 9)
    assert torch.equal(end.trajectory[0], theta)
    assert torch.equal(end.trajectory[1], run(4).theta)
    assert torch.equal(end.trajectory[2], end.theta)
    assert end.steps.tolist() == [9, 9, 9]
    assert run(0).trajectory.shape == (0, *theta.shape)
    assert torch.equal(run(0).theta, theta)


def test_descent_on_a_quadratic_contracts_by_its_eigenvalues() -> None:
    """L = (1/2)(a theta)^2 on one example: theta_k = (1 - lr a^2)^k theta_0."""
    network, a = Mlp((1, 1), "linear"), 2.0
    x, y = torch.full((1, 1), a, dtype=torch.float64), torch.zeros(1, 1, dtype=torch.float64)
    start = torch.tensor([[3.0]], dtype=torch.float64)
    end = gradient_descent(network, start, x, y, SquaredError(0.5), learning_rate=0.1, steps=50)
    assert end.theta.item() == pytest.approx(3 * (1 - 0.1 * a**2) ** 50, rel=1e-13)
    assert end.converged.tolist() == [end.relative_gradient.item() <= 1e-9]


def test_convergence_is_reported_and_not_assumed() -> None:
    network = Mlp((2, 1), "linear")
    x = torch.randn(6, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    y = torch.ones(6, 1, dtype=torch.float64)
    for steps, expected in ((3, False), (2000, True)):
        end = gradient_descent(network, network.init([0]), x, y, SquaredError(), learning_rate=0.1, steps=steps)
        assert end.converged.tolist() == [expected]


def test_a_member_that_diverges_stops_at_its_last_finite_point_and_leaves_the_others_alone() -> None:
    loss = SquaredError()
    network = Mlp((3, 3, 2), "quadratic")
    x = torch.randn(2, 8, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    y = torch.zeros(2, 8, 2, dtype=torch.float64)
    theta = network.init([0, 1]) * torch.tensor([[0.1], [10.0]], dtype=torch.float64)
    end = gradient_descent(network, theta, x, y, loss, learning_rate=0.05, steps=40)
    alone = gradient_descent(network, theta[:1], x[0], y[0], loss, learning_rate=0.05, steps=40)
    assert end.steps[0].item() == 40
    assert end.steps[1].item() < 40
    assert end.theta.isfinite().all()
    assert not end.loss.isnan().any()
    assert not end.relative_gradient.isnan().any()
    assert not end.converged[1]
    torch.testing.assert_close(end.theta[:1], alone.theta, rtol=1e-12, atol=1e-15)


@pytest.mark.usefixtures("unchecked")
class TestBadInput:
    @pytest.mark.parametrize("method", [gradient_descent, adam])
    def test_numbers(self, method: object) -> None:
        loss = SquaredError()
        network, theta, x, y = _problem(loss)

        def call(**changes: object) -> None:
            method(network, theta, x, y, loss, **{"learning_rate": 0.1, "steps": 2, **changes})  # type: ignore[operator]

        for rate in (0.0, -1.0, float("nan"), float("inf")):
            with pytest.raises(ValueError, match="learning_rate must be a finite number > 0, got"):
                call(learning_rate=rate)
        with pytest.raises(ValueError, match="steps must be an integer >= 0, got -1"):
            call(steps=-1)
        with pytest.raises(ValueError, match=r"record_at must lie in 0\.\.2, the steps that are taken, got \(3,\)"):
            call(record_at=(3,))
        with pytest.raises(ValueError, match=r"tolerance must lie in \(0, 1\), got 2"):
            call(tolerance=2)

    def test_adams_own(self) -> None:
        loss = SquaredError()
        network, theta, x, y = _problem(loss)
        with pytest.raises(ValueError, match=r"betas must be two numbers in \[0, 1\), got \(0.9, 1.0\)"):
            adam(network, theta, x, y, loss, learning_rate=0.1, steps=1, betas=(0.9, 1.0))
        with pytest.raises(ValueError, match="epsilon must be a finite number > 0, got 0"):
            adam(network, theta, x, y, loss, learning_rate=0.1, steps=1, epsilon=0.0)

    def test_arrays(self) -> None:
        loss = SquaredError()
        network, theta, x, y = _problem(loss)
        with pytest.raises(ValueError, match="theta must be finite, got NaN or infinity"):
            gradient_descent(network, theta * float("nan"), x, y, loss, learning_rate=0.1, steps=1)
        with pytest.raises(ValueError, match="x must have shape"):
            adam(network, theta, x[..., :2], y, loss, learning_rate=0.1, steps=1)
