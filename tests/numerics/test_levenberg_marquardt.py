"""Levenberg-Marquardt: known minima, both forms of the step, and honesty where there is nothing to converge to."""

import itertools

import pytest
import torch

from numerics import (
    CrossEntropy,
    Mlp,
    SquaredError,
    dense_hessian,
    gaussian_memorisation,
    inertia,
    levenberg_marquardt,
    loss_and_gradient,
    output_jacobian,
    relative_gradient_norm,
)
from numerics.training.levenberg_marquardt import _minimise, _Problem

HALF = SquaredError(prefactor=0.5)


def _problem(
    n: int, m: int, members: int, *, device: str = "cpu", dtype: torch.dtype = torch.float64
) -> tuple[torch.Tensor, torch.Tensor]:
    seeds = range(1000, 1000 + members)
    return gaussian_memorisation(inputs=n, outputs=n, samples=m, seeds=seeds, device=device, dtype=dtype)


@pytest.mark.parametrize(("n", "m"), [(4, 8), (4, 40), (6, 9), (8, 32), (16, 40)])
def test_linear_networks_reach_the_residual_of_the_projection(n: int, m: int, device: str) -> None:
    """The least energy L/n of an n-n-n linear network is tr(Y (1 - P_X) Y')/(2 m n), examples in columns."""
    network = Mlp((n, n, n), "linear")
    x, y = _problem(n, m, 6 if n < 16 else 2, device=device)
    end = levenberg_marquardt(network, network.init(range(len(x)), device=device), x, y, HALF)
    basis = torch.linalg.qr(x).Q
    left_over = y - basis @ (basis.mT @ y)
    energy = left_over.square().sum(dim=(1, 2)) / (2 * m * n)
    assert end.converged.all()
    torch.testing.assert_close(end.loss / n, energy, rtol=1e-12, atol=0.0)


@pytest.mark.parametrize("name", ["linear", "tanh", "softplus"])
def test_fewer_examples_than_inputs_are_fitted_exactly(name: str) -> None:
    """At most half as many residuals as parameters: the step in residual space drives the loss to rounding."""
    network = Mlp((6, 6, 6), name)
    x, y = _problem(6, 6, 10)
    end = levenberg_marquardt(network, network.init(range(10)), x, y, HALF)
    assert end.converged.all()
    assert (end.loss < 1e-13).all()


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.usefixtures("unchecked")
def test_tanh_networks_with_weight_decay_end_in_true_minima(bias: bool, device: str) -> None:
    network = Mlp((5, 5, 5), "tanh", bias=bias)
    x, y = _problem(5, 20, 12, device=device)
    end = levenberg_marquardt(network, network.init(range(12), device=device), x, y, HALF, weight_decay=1e-3)
    assert end.converged.all()
    gradient = loss_and_gradient(network, end.theta, x, y, HALF)[1] + 1e-3 * end.theta
    assert (gradient.norm(dim=1) < 1e-7).all()
    hessian = dense_hessian(network, end.theta, x, y, HALF).total
    hessian.diagonal(dim1=1, dim2=2).add_(1e-3)
    assert inertia(hessian, tolerance=1e-12).negative.tolist() == [0] * 12


def test_the_last_steps_are_newtons() -> None:
    """Residuals stay large here, so Gauss-Newton alone would converge linearly; a tighter goal costs a few steps."""
    network = Mlp((5, 5, 5), "tanh")
    x, y = _problem(5, 40, 10)
    theta = network.init(range(10))
    loose, tight = (
        levenberg_marquardt(network, theta, x, y, HALF, weight_decay=1e-2, tolerance=tolerance)
        for tolerance in (1e-5, 1e-12)
    )
    assert loose.converged.all()
    assert tight.converged.all()
    assert ((tight.steps - loose.steps) <= 4).all()


def test_both_forms_take_the_same_step() -> None:
    """Where the residual part is 0, (s J'J + mu)^(-1) g = s J' (s J J' + mu)^(-1) r."""
    network = Mlp((5, 3), "linear", bias=True)
    x, y = _problem(5, 4, 3)
    y, theta, mu = y[..., :3], network.init([1, 2, 3]), torch.tensor([0.1, 1.0, 7.0], dtype=torch.float64)
    steps = []
    for in_residuals in (False, True):
        problem = _Problem(network, x, y, HALF, 0.0, in_residuals)
        step, solved = problem.step(problem.model(theta), problem.objective(theta)[1], mu)
        assert solved.all()
        steps.append(step)
    torch.testing.assert_close(*steps, rtol=1e-11, atol=1e-14)


def test_converged_means_the_relative_gradient_norm_and_nothing_else() -> None:
    network = Mlp((5, 5, 5), "tanh")
    x, y = _problem(5, 20, 12)
    end = levenberg_marquardt(network, network.init(range(12)), x, y, HALF, max_steps=60)
    norms = relative_gradient_norm(network, end.theta, x, y, HALF)
    torch.testing.assert_close(end.relative_gradient, norms, rtol=1e-10, atol=1e-20)
    assert torch.equal(end.converged, end.relative_gradient <= 1e-9)
    torch.testing.assert_close(end.loss, loss_and_gradient(network, end.theta, x, y, HALF)[0], rtol=1e-13, atol=0.0)


@pytest.mark.parametrize("seed", range(12))
def test_convergence_is_honest_on_problems_of_all_shapes(seed: int) -> None:
    """Automatic differentiation of what is minimised, decay included, finds the relative gradient that is reported."""
    pick = torch.Generator().manual_seed(seed)
    numbers = torch.randint(0, 1000, (8,), generator=pick).tolist()
    widths = tuple(1 + number % 4 for number in numbers[: 2 + numbers[7] % 3])
    network = Mlp(widths, ["tanh", "sine", "quadratic", "relu", "softplus"][seed % 5], bias=seed % 2 == 0)
    samples, decay, loss = 1 + numbers[5] % 9, [0.0, 1e-2][seed % 3 == 0], SquaredError(10.0 ** (seed % 5 - 2))
    x, y = gaussian_memorisation(inputs=widths[0], outputs=widths[-1], samples=samples, seeds=[seed, seed + 1])
    start = network.init([seed, seed + 1], sigma_b=0.5)
    end = levenberg_marquardt(network, start, x, y, loss, weight_decay=decay, max_steps=60)
    assert not (end.loss.isnan() | end.relative_gradient.isnan()).any()

    point = end.theta.clone().requires_grad_()
    outputs = network.forward(point, x)
    objective = loss.prefactor * (outputs - y).square().sum(-1).mean(-1) + decay / 2 * point.square().sum(1)
    (gradient,) = torch.autograd.grad(objective.sum(), point)
    factor = 2 * loss.prefactor / samples
    pulls = [factor * error.flatten(1).norm(dim=1) for error in (outputs.detach() - y, y)]
    jacobian = output_jacobian(network, end.theta, x).flatten(1).norm(dim=1)
    expected = gradient.norm(dim=1) / (jacobian * torch.maximum(*pulls))
    torch.testing.assert_close(end.relative_gradient, expected.nan_to_num(0.0), rtol=1e-3, atol=1e-13)
    assert torch.equal(end.converged, end.relative_gradient <= 1e-9)
    torch.testing.assert_close(end.loss, loss.value(outputs, y).detach(), rtol=1e-12, atol=1e-300)  # without decay
    before = loss_and_gradient(network, start, x, y, loss)[0] + decay / 2 * start.square().sum(1)
    assert (objective.detach() <= before * (1 + 1e-12)).all()


@pytest.mark.usefixtures("unchecked")
def test_a_large_ensemble_is_worked_on_in_groups_of_bounded_size(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def spy(problem: _Problem, start: torch.Tensor, *rest: object) -> tuple[torch.Tensor, ...]:
        seen.append(len(start))
        return _minimise(problem, start, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr("numerics.training.levenberg_marquardt._minimise", spy)
    monkeypatch.setattr("numerics.training.levenberg_marquardt._WORK", 10 * 18**2)
    network = Mlp((3, 3, 3), "tanh")
    x, y = _problem(3, 20, 512)
    levenberg_marquardt(network, network.init(range(512)), x, y, HALF, max_steps=1)
    assert seen == [10] * 51 + [2]


def test_a_member_just_above_the_tolerance_has_not_converged() -> None:
    network = Mlp((3, 3, 3), "tanh")
    x, y = _problem(3, 12, 40)
    end = levenberg_marquardt(network, network.init(range(40)), x, y, HALF, max_steps=4, tolerance=2e-2)
    assert ((end.relative_gradient > 2e-2) & (end.relative_gradient < 2e-1)).any()
    assert torch.equal(end.converged, end.relative_gradient <= 2e-2)


def test_too_few_steps_are_not_convergence() -> None:
    network = Mlp((5, 5, 5), "tanh")
    x, y = _problem(5, 20, 8)
    end = levenberg_marquardt(network, network.init(range(8)), x, y, HALF, max_steps=2)
    assert not end.converged.any()
    assert end.steps.tolist() == [2] * 8


@pytest.mark.usefixtures("unchecked")
def test_minima_on_kinks_are_not_convergence() -> None:
    """ReLU networks that cannot fit their data mostly settle on kinks, where no gradient vanishes."""
    network = Mlp((6, 6, 6), "relu")
    x, y = _problem(6, 24, 8)
    theta = network.init(range(8))
    end = levenberg_marquardt(network, theta, x, y, HALF, max_steps=120)
    assert torch.equal(end.converged, end.relative_gradient <= 1e-9)
    assert int(end.converged.sum()) <= 2
    assert end.theta.isfinite().all()
    assert (end.loss < loss_and_gradient(network, theta, x, y, HALF)[0]).all()


def test_single_precision_says_that_it_did_not_get_there(device: str) -> None:
    network = Mlp((5, 5, 5), "tanh")
    x, y = _problem(5, 20, 6, device=device, dtype=torch.float32)
    theta = network.init(range(6), dtype=torch.float32, device=device)
    tight = levenberg_marquardt(network, theta, x, y, HALF, weight_decay=1e-2)
    loose = levenberg_marquardt(network, theta, x, y, HALF, weight_decay=1e-2, tolerance=1e-5)
    assert not tight.converged.any()
    assert loose.converged.all()
    assert tight.theta.dtype == torch.float32


def test_a_start_without_a_gradient_has_converged_already() -> None:
    network = Mlp((3, 3, 3), "tanh")
    x, y = _problem(3, 5, 2)
    end = levenberg_marquardt(network, torch.zeros(2, 18, dtype=torch.float64), x, y, HALF)
    assert end.converged.tolist() == [True, True]
    assert end.steps.tolist() == [0, 0]


def test_a_start_that_overflows_is_handed_back_without_nan() -> None:
    network = Mlp((3, 3, 3), "linear")
    x, y = _problem(3, 5, 2)
    theta = network.init([0, 1])
    theta[0] = 1e200
    end = levenberg_marquardt(network, theta, x, y, HALF)
    assert end.converged.tolist() == [False, True]
    assert end.loss[0].item() == float("inf")
    assert end.relative_gradient[0].item() == float("inf")
    assert torch.equal(end.theta[0], theta[0])


def test_a_member_ends_where_it_would_alone() -> None:
    network = Mlp((4, 4, 4), "tanh")
    x, y = _problem(4, 12, 6)
    theta = network.init(range(6))
    together = levenberg_marquardt(network, theta, x, y, HALF, weight_decay=1e-2)
    for member in (0, 5):
        row = slice(member, member + 1)
        alone = levenberg_marquardt(network, theta[row], x[member], y[member], HALF, weight_decay=1e-2)
        torch.testing.assert_close(alone.theta, together.theta[row], rtol=1e-6, atol=1e-7)


def test_groups_of_members_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    network = Mlp((4, 4, 4), "tanh")
    x, y = _problem(4, 12, 5)
    theta = network.init(range(5))
    together = levenberg_marquardt(network, theta, x, y, HALF, weight_decay=1e-2)
    monkeypatch.setattr("numerics.training.levenberg_marquardt._WORK", 2 * 32**2)
    apart = levenberg_marquardt(network, theta, x, y, HALF, weight_decay=1e-2)
    torch.testing.assert_close(apart.theta, together.theta, rtol=1e-6, atol=1e-7)
    assert apart.converged.all()


def test_the_loss_never_rises(device: str) -> None:
    network = Mlp((5, 5, 5), "sine")
    x, y = _problem(5, 20, 6, device=device)
    theta = network.init(range(6), device=device)
    losses = [
        levenberg_marquardt(network, theta, x, y, HALF, max_steps=steps).loss for steps in (1, 2, 4, 8, 16, 32, 64)
    ]
    for before, after in itertools.pairwise(losses):
        assert (after <= before * (1 + 1e-13)).all()


@pytest.mark.usefixtures("unchecked")
class TestBadInput:
    network = Mlp((3, 3, 3), "tanh")

    def _call(self, **changes: object) -> None:
        x, y = _problem(3, 5, 2)
        arguments = {"theta": self.network.init([0, 1]), "x": x, "y": y, "loss": HALF, **changes}
        levenberg_marquardt(self.network, **arguments)  # type: ignore[arg-type]

    def test_losses(self) -> None:
        with pytest.raises(TypeError, match="loss must be a SquaredError, got CrossEntropy"):
            self._call(loss=CrossEntropy())

    def test_arrays(self) -> None:
        with pytest.raises(ValueError, match=r"theta must have shape \(members, 18\)"):
            self._call(theta=torch.zeros(18, dtype=torch.float64))
        with pytest.raises(ValueError, match="x must be finite, got NaN or infinity"):
            self._call(x=torch.full((5, 3), float("nan"), dtype=torch.float64))
        with pytest.raises(ValueError, match="targets must have shape"):
            self._call(y=torch.zeros(4, 3, dtype=torch.float64))

    def test_numbers(self) -> None:
        with pytest.raises(ValueError, match="max_steps must be an integer >= 1, got 0"):
            self._call(max_steps=0)
        for tolerance in (0.0, 1.0, -1e-9, float("nan")):
            with pytest.raises(ValueError, match=r"tolerance must lie in \(0, 1\), got"):
                self._call(tolerance=tolerance)
        for decay in (-1.0, float("inf")):
            with pytest.raises(ValueError, match="weight_decay must be a finite number >= 0, got"):
                self._call(weight_decay=decay)
