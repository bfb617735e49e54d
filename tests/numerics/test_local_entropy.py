"""The gradient of the local entropy: the walk in closed form on quadratics, by quadrature on a double well."""

import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from numerics import CrossEntropy, EntropySGD, FunctionalModule, LocalEntropy, Mlp, SquaredError, sgd
from numerics.seeded import generators
from numerics.training.local_entropy import scaled_entropy_gradient

SEEDS = (4, 5, 6)


def _normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def _estimate(rule: LocalEntropy, slope: Any, x: torch.Tensor, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)

    def draw() -> list[torch.Tensor]:
        return [torch.randn(x.shape, generator=generator, dtype=x.dtype)]

    return rule.gamma * scaled_entropy_gradient([x], [rule], lambda point: [slope(point[0])], draw)[0]


@settings(deadline=None)
@given(
    curvature=st.floats(-0.5, 4),
    gamma=st.floats(0.6, 3),
    rate=st.floats(0.01, 0.2),
    weight=st.floats(0.1, 1),
    steps=st.integers(1, 30),
    x=st.floats(-3, 3),
)
def test_without_noise_the_walk_on_a_parabola_is_a_geometric_series(
    curvature: float, gamma: float, rate: float, weight: float, steps: int, x: float
) -> None:
    """x'_k = m + q^k (x - m), m = gamma x/(lambda + gamma), q = 1 - h (lambda + gamma); averaged with weights."""
    rule = LocalEntropy(gamma=gamma, langevin_steps=steps, langevin_rate=rate, noise=0.0, weight=weight)
    estimate = _estimate(rule, lambda point: curvature * point, torch.tensor([[x]], dtype=torch.float64))
    m, q = gamma * x / (curvature + gamma), 1 - rate * (curvature + gamma)
    walk = [m + q**step * (x - m) for step in range(steps + 1)]
    shares = [(1 - weight) ** steps] + [weight * (1 - weight) ** (steps - step) for step in range(1, steps + 1)]
    mean = sum(share * place for share, place in zip(shares, walk, strict=True))
    assert estimate.item() == pytest.approx(gamma * (x - mean), rel=1e-9, abs=1e-10)


def test_long_walks_cap_every_curvature_at_gamma() -> None:
    """The gradient is gamma H (H + gamma)^(-1) x, curvature by curvature lambda gamma/(lambda + gamma)."""
    root, x = _normal(6, 6), _normal(3, 6, seed=1)
    hessian = root @ root.T
    rule = LocalEntropy(gamma=0.7, langevin_steps=3000, langevin_rate=0.05, noise=0.0)
    capped = torch.linalg.solve(hessian + 0.7 * torch.eye(6, dtype=torch.float64), 0.7 * hessian)
    torch.testing.assert_close(_estimate(rule, lambda point: point @ hessian, x), x @ capped.T, rtol=1e-9, atol=1e-9)
    values = torch.linalg.eigvalsh(hessian)
    torch.testing.assert_close(torch.linalg.eigvalsh((capped + capped.T) / 2), values * 0.7 / (values + 0.7))
    assert float(values[-1]) > 5 > 0.7 > float(torch.linalg.eigvalsh((capped + capped.T) / 2)[-1])


def test_noise_leaves_the_mean_alone_and_spreads_the_walk_as_langevin_says() -> None:
    """Stationary variance of the walk h noise^2/(1 - q^2); with weight 1 the mean is the last point."""
    curvature, gamma, rate, noise, members = 1.5, 0.5, 0.2, 0.8, 4000
    rule = LocalEntropy(gamma=gamma, langevin_steps=60, langevin_rate=rate, noise=noise, weight=1.0)
    x = torch.full((members, 1), 2.0, dtype=torch.float64)
    ends = x - _estimate(rule, lambda point: curvature * point, x) / gamma
    variance = rate * noise**2 / (1 - (1 - rate * (curvature + gamma)) ** 2)
    assert abs(float(ends.mean()) - gamma * 2.0 / (curvature + gamma)) < 4 * math.sqrt(variance / members)
    assert abs(float(ends.var()) - variance) < 4 * variance * math.sqrt(2 / members)


def test_at_temperature_one_it_is_the_gradient_of_the_log_of_the_integral() -> None:
    """On a double well, by quadrature; far from the gradient of the loss and from that without noise."""
    gamma, place, members = 2.0, 0.6, 40_000

    def slope(point: torch.Tensor) -> torch.Tensor:
        return 4 * point * (point.square() - 1)

    grid = torch.linspace(-5, 5, 20_001, dtype=torch.float64)
    density = torch.exp(-(grid.square() - 1).square() - gamma / 2 * (grid - place).square())
    exact = gamma * (place - float((grid * density).sum() / density.sum()))
    x = torch.full((members, 1), place, dtype=torch.float64)
    options: dict[str, Any] = {"gamma": gamma, "langevin_steps": 600, "langevin_rate": 0.01, "weight": 1.0}
    slopes = _estimate(LocalEntropy(noise=math.sqrt(2), **options), slope, x)
    error = float(slopes.std()) / math.sqrt(members)
    assert abs(float(slopes.mean()) - exact) < 4 * error
    assert abs(float(slope(x[0])) - exact) > 40 * error
    assert abs(float(_estimate(LocalEntropy(noise=0.0, **options), slope, x[:1])) - exact) > 40 * error


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_an_ensemble_is_the_optimiser_member_by_member(momentum: float) -> None:
    """With scoping and noise, on the batches of plain descent in their order, a fresh one at every evaluation."""
    module = nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 2)).double()
    view, loss = FunctionalModule(module), CrossEntropy()
    x, y = _normal(10, 3), torch.randint(0, 2, (10,), generator=torch.Generator().manual_seed(1))
    theta = view.init(range(3))
    options: dict[str, Any] = {"gamma": 0.5, "scoping": 0.1, "langevin_steps": 5, "noise": 0.3, "weight": 0.4}
    end = sgd(
        view,
        theta,
        x,
        y,
        loss,
        learning_rate=0.4,
        batch_size=4,
        seeds=SEEDS,
        steps=6,
        momentum=momentum,
        rule=LocalEntropy(**options),
    )
    noises, orders = generators("langevin", SEEDS), generators("batches", SEEDS)
    for member, (noise, order) in enumerate(zip(noises, orders, strict=True)):
        nn.utils.vector_to_parameters(theta[member].clone(), module.parameters())
        optimiser = EntropySGD(module.parameters(), generator=noise, lr=0.4, momentum=momentum, **options)
        batches = iter([some for _ in range(10) for some in torch.randperm(10, generator=order).split(4)])

        def closure() -> torch.Tensor:
            some = next(batches)  # noqa: B023
            value = nn.functional.cross_entropy(module(x[some]), y[some])
            value.backward()  # type: ignore[no-untyped-call]
            return value

        for _ in range(6):
            optimiser.step(closure)
        assert next(batches, None) is None  # 6 steps of 5 batches, 10 epochs of 3
        assert optimiser.param_groups[0]["gamma"] == pytest.approx(0.5 * 1.1**6)
        expected = nn.utils.parameters_to_vector(module.parameters()).detach()
        torch.testing.assert_close(end.theta[member], expected, rtol=1e-12, atol=1e-13)
    assert end.gradients is not None
    assert (end.steps.tolist(), end.gradients.tolist()) == ([6] * 3, [30] * 3)


def test_a_member_walks_on_its_own_seed_alone() -> None:
    network = Mlp((3, 4, 2), "relu")
    x, y = _normal(8, 3), _normal(8, 2, seed=1)
    start, settings = network.init([0, 0, 0]), {"learning_rate": 1.0, "batch_size": 4, "steps": 4}
    rule = LocalEntropy(gamma=0.5, langevin_steps=3, noise=0.1)
    many = sgd(network, start, x, y, SquaredError(), seeds=[7, 8, 7], rule=rule, **settings).theta
    one = sgd(network, start[:1], x, y, SquaredError(), seeds=[8], rule=rule, **settings).theta
    torch.testing.assert_close(many[1:2], one, rtol=1e-13, atol=1e-15)
    torch.testing.assert_close(many[0], many[2], rtol=1e-13, atol=1e-15)
    assert not torch.allclose(many[0], many[1])


def test_a_walk_that_diverges_stops_its_member_at_the_last_finite_point() -> None:
    network = Mlp((1, 1), "linear")
    x, y = torch.full((2, 1), 1e6, dtype=torch.float64), torch.zeros(2, 1, dtype=torch.float64)
    rule = LocalEntropy(gamma=1.0, langevin_rate=0.1, langevin_steps=20, noise=0.0)  # of the curvature 2e12 a walk
    settings: dict[str, Any] = {"learning_rate": 1.0, "batch_size": 2, "seeds": [0], "steps": 5}
    end = sgd(network, torch.ones_like(x[:1]), x, y, SquaredError(), rule=rule, **settings)
    assert end.theta.isfinite().all()
    assert end.steps.item() < 5


@settings(deadline=None)
@given(gamma=st.floats(1e-6, 15), scoping=st.floats(0, 3), rate=st.floats(0.01, 0.1), step=st.integers(0, 10**6))
def test_scoping_ends_where_a_step_of_the_walk_forgets_the_one_before(
    gamma: float, scoping: float, rate: float, step: int
) -> None:
    """Gamma never falls, never leads to a walk that diverges, and grows as it says up to 1/rate."""
    rule = LocalEntropy(gamma=gamma, scoping=scoping, langevin_rate=rate)
    now, later = rule.at(step).gamma, rule.at(step + 1).gamma
    assert gamma <= now <= later <= max(gamma, 1 / rate)
    if later < 1 / rate:
        assert later == pytest.approx(now * (1 + scoping), rel=1e-9)
    walker = torch.tensor([7.0], dtype=torch.float64)
    stiff = LocalEntropy(gamma=1 / rate, langevin_rate=rate)
    end = stiff.walked(walker, torch.zeros_like(walker), torch.ones_like(walker), None)
    assert end.item() == pytest.approx(-rate, abs=1e-13)


def test_scoping_grows_gamma_as_it_says_where_the_growth_alone_is_beyond_a_float() -> None:
    rule = LocalEntropy(gamma=1e-300, scoping=1e155, langevin_rate=1e-20)
    assert rule.at(2).gamma == pytest.approx(1e10, rel=1e-12)
    assert rule.at(3).gamma == pytest.approx(1e20)
    assert LocalEntropy(gamma=1e-300, scoping=1e200).at(3).gamma == 10.0
    assert LocalEntropy(gamma=1e-300, scoping=1e200, langevin_rate=1e-310).at(10**6).gamma == pytest.approx(
        8.2e307, 0.01
    )


@settings(deadline=None)
@given(curvature=st.floats(0, 10), gamma=st.floats(0.01, 8), share=st.floats(0.1, 1.99), x=st.floats(-3, 3))
def test_a_learning_rate_is_a_share_of_the_way_whatever_gamma_is(
    curvature: float, gamma: float, share: float, x: float
) -> None:
    """x is multiplied by 1 - eta lambda/(lambda + gamma), so that any rate below 2 leads down.

    At this rate of the walk its first step ends at the mean; the average follows as 0.25^k, far below rounding.
    """
    rule = LocalEntropy(gamma=gamma, langevin_steps=200, langevin_rate=1 / (curvature + gamma), noise=0.0)
    point = torch.tensor([[x]], dtype=torch.float64)
    (way,) = scaled_entropy_gradient([point], [rule], lambda points: [curvature * points[0]], list)
    end = (point - share * way).item()
    assert end == pytest.approx(x * (1 - share * curvature / (curvature + gamma)), rel=1e-9, abs=1e-9)
    assert abs(end) <= abs(x) * (1 + 1e-9)


@pytest.mark.parametrize(("walk", "every"), [(1, 5), (2, 3), (20, 1)])
@pytest.mark.usefixtures("unchecked")
def test_by_default_the_loss_is_looked_at_once_an_epoch_of_batches(walk: int, every: int) -> None:
    """10 examples in batches of 2: five batches an epoch, of which a step takes as many as its walk is long."""
    network, x = Mlp((3, 2)), _normal(10, 3)
    rule = LocalEntropy(gamma=1.0, langevin_steps=walk, noise=0.0)
    settings: dict[str, Any] = {"learning_rate": 0.5, "batch_size": 2, "seeds": [0], "steps": 600}
    end = sgd(network, network.init([0]), x, 0 * x[:, :2], SquaredError(), stop_at=1e-6, rule=rule, **settings)
    exact = sgd(
        network, network.init([0]), x, 0 * x[:, :2], SquaredError(), stop_at=1e-6, rule=rule, check_every=1, **settings
    )
    assert end.reached is not None
    assert end.reached.all()
    assert end.steps.item() == every * -(-exact.steps.item() // every)


@pytest.mark.usefixtures("unchecked")
def test_numbers_out_of_range_are_refused() -> None:
    refused: dict[str, dict[str, Any]] = {
        "gamma must be a finite number > 0, got 0": {"gamma": 0},
        "scoping must be a finite number >= 0, got -1": {"scoping": -1},
        "langevin_steps must be an integer >= 1, got 0": {"langevin_steps": 0},
        "langevin_rate must be a finite number > 0, got nan": {"langevin_rate": math.nan},
        "noise must be a finite number >= 0, got -0.1": {"noise": -0.1},
        "weight must be a finite number > 0, got 0": {"weight": 0},
        r"weight must lie in \(0, 1\], got 1\.5": {"weight": 1.5},
        r"langevin_rate must be below 2/gamma = 20, or the walk diverges in every valley, got 20\.0": {
            "gamma": 0.1,
            "langevin_rate": 20.0,
        },
    }
    for message, changes in refused.items():
        with pytest.raises(ValueError, match=message):
            LocalEntropy(**{"gamma": 1.0, **changes})
