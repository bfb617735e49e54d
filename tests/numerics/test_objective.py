"""The slope of any network: a perceptron and the same perceptron as a torch module have one gradient and one size."""

import pytest
import torch
from torch import nn

from numerics import (
    CrossEntropy,
    FunctionalModule,
    Loss,
    Mlp,
    SquaredError,
    adam,
    gradient_descent,
    levenberg_marquardt,
    loss_and_gradient,
    relative_gradient_norm,
)

NETWORK = Mlp((3, 4, 2), "tanh", bias=True)
VIEW = FunctionalModule(nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)).double())


def _problem(loss: Loss, own: bool, device: str = "cpu") -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(3)
    x = torch.randn(2, 7, 3, generator=generator, dtype=torch.float64)
    y = torch.randint(0, 2, (2, 7), generator=generator) if isinstance(loss, CrossEntropy) else x[..., 1:].cos()
    if not own:
        x, y = x[0], y[0]
    return NETWORK.init([0, 1]).to(device), x.to(device), y.to(device)


@pytest.mark.parametrize("own", [True, False])
@pytest.mark.parametrize("loss", [SquaredError(0.5), CrossEntropy()])
def test_a_module_has_the_slope_of_the_same_perceptron(loss: Loss, own: bool, device: str) -> None:
    theta, x, y = _problem(loss, own, device)
    problem = (theta, x, y, loss)
    for ours, torchs in zip(loss_and_gradient(NETWORK, *problem), loss_and_gradient(VIEW, *problem), strict=True):
        torch.testing.assert_close(ours, torchs, rtol=1e-12, atol=1e-15)
    torch.testing.assert_close(
        relative_gradient_norm(NETWORK, *problem), relative_gradient_norm(VIEW, *problem), rtol=1e-12, atol=0.0
    )


@pytest.mark.parametrize("method", [gradient_descent, adam])
def test_a_module_descends_as_the_same_perceptron(method: object) -> None:
    loss = CrossEntropy()
    theta, x, y = _problem(loss, own=False)
    ours, torchs = (
        method(network, theta, x, y, loss, learning_rate=0.1, steps=15)  # type: ignore[operator]
        for network in (NETWORK, VIEW)
    )
    torch.testing.assert_close(ours.theta, torchs.theta, rtol=1e-10, atol=1e-13)
    torch.testing.assert_close(ours.relative_gradient, torchs.relative_gradient, rtol=1e-10, atol=0.0)


def test_the_relative_gradient_of_images_does_not_depend_on_the_prefactor() -> None:
    module = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(2, 3)).double()
    view = FunctionalModule(module)
    x = torch.randn(5, 1, 4, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    y = torch.tensor([0, 1, 2, 0, 1])
    one, other = (relative_gradient_norm(view, view.theta, x, y, CrossEntropy(factor)) for factor in (1.0, 7.0))
    torch.testing.assert_close(one, other, rtol=1e-13, atol=0.0)
    assert 0 < float(one) <= 1


@pytest.mark.usefixtures("unchecked")
class TestBadInput:
    def test_inputs_that_do_not_fit_the_module(self) -> None:
        theta, x, y = _problem(CrossEntropy(), own=False)
        loss = CrossEntropy()
        with pytest.raises(ValueError, match="x must hold examples that the module takes, got"):
            loss_and_gradient(VIEW, theta, x[:, :2], y, loss)
        with pytest.raises(ValueError, match=r"x must have shape \(2, batch, \.\.\.\), as y has a members axis, got"):
            loss_and_gradient(VIEW, theta, x[None], y.expand(2, -1), loss)
        with pytest.raises(ValueError, match=r"x must have theta's dtype and device, torch.float64 on cpu, got"):
            loss_and_gradient(VIEW, theta, x.float(), y, loss)
        with pytest.raises(ValueError, match=r"targets must be int64 labels of shape \(7,\) or \(2, 7\)"):
            loss_and_gradient(VIEW, theta, x, y[:5], loss)
        with pytest.raises(ValueError, match="theta and x must not be empty"):
            loss_and_gradient(VIEW, theta, x[:0], y, loss)

    def test_outputs_that_are_no_rows(self) -> None:
        _, x, y = _problem(CrossEntropy(), own=False)
        flat = FunctionalModule(nn.Sequential(nn.Linear(3, 1), nn.Flatten(0)).double())
        with pytest.raises(ValueError, match=r"network must give one row of outputs per example, got \(1,\) for one"):
            loss_and_gradient(flat, flat.theta, x, y, CrossEntropy())

    def test_modules_where_a_perceptron_is_needed(self) -> None:
        theta, x, y = _problem(SquaredError(), own=False)
        with pytest.raises(TypeError, match="network must be an Mlp, got FunctionalModule"):
            levenberg_marquardt(VIEW, theta, x, y, SquaredError())  # type: ignore[arg-type]
