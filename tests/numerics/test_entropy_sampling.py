"""The local entropy by sampling: against the formula of quadratics, its bounds, its errors, and what is refused."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from numerics import (
    CrossEntropy,
    FunctionalModule,
    Mlp,
    SampledEntropy,
    SquaredError,
    digits,
    rescaling_factors,
    sampled_local_entropy,
)

LINEAR, HALF = Mlp((3, 1), "linear"), SquaredError(prefactor=0.5)


def _quadratic(seed: int, device: str = "cpu") -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """A minimum of loss 0 of a quadratic in three weights: theta, inputs, targets, Hessian."""
    draw = torch.Generator().manual_seed(seed)
    x = torch.randn(6, 3, generator=draw, dtype=torch.float64)
    theta = torch.randn(1, 3, generator=draw, dtype=torch.float64)
    y = LINEAR.forward(theta, x)[0]
    return theta.to(device), x.to(device), y.to(device), x.mT @ x / len(x)


def _entropy(theta: Tensor, x: Tensor, y: Tensor, **settings: object) -> SampledEntropy:
    options: dict[str, object] = {"gamma": 2.0, "seeds": range(len(theta)), "pairs": 16} | settings
    return sampled_local_entropy(LINEAR, theta, x, y, HALF, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("gamma", [0.5, 2.0, 50.0])
def test_at_the_minimum_of_a_quadratic_it_is_half_the_logarithm_of_a_determinant(gamma: float, device: str) -> None:
    for seed in range(3):
        theta, x, y, hessian = _quadratic(seed, device)
        found = _entropy(theta, x, y, gamma=gamma, pairs=4000)
        exact = float(torch.logdet(torch.eye(3, dtype=torch.float64) + hessian / gamma)) / 2
        assert abs(float(found.value) - exact) <= 4.5 * float(found.error)
        assert float(found.error) < 0.05
        assert float(found.loss) == pytest.approx(0.0, abs=1e-25)


def test_away_from_the_minimum_its_curvatures_are_capped() -> None:
    theta, x, y, hessian = _quadratic(4)
    away = torch.tensor([[0.3, -0.2, 0.1]], dtype=torch.float64)
    gamma, one = 2.0, torch.eye(3, dtype=torch.float64)
    capped = torch.linalg.solve(hessian + gamma * one, gamma * hessian)
    exact = float(torch.logdet(one + hessian / gamma) + (away @ capped @ away.mT)[0, 0]) / 2
    found = _entropy(theta + away, x, y, gamma=gamma, pairs=8000)
    assert abs(float(found.value) - exact) <= 4.5 * float(found.error)


def test_the_standard_error_is_the_spread_of_the_estimates() -> None:
    theta, x, y, _ = _quadratic(5)
    found = _entropy(theta.expand(300, -1), x, y, pairs=40)
    assert float(found.value.std() / found.error.mean()) == pytest.approx(1.0, abs=0.2)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6), st.floats(0.1, 100.0))
def test_it_lies_between_the_least_loss_and_the_mean_loss_under_the_noise(seed: int, gamma: float) -> None:
    theta, x, y, hessian = _quadratic(seed)
    found = _entropy(theta, x, y, gamma=gamma, pairs=50)
    assert float(found.value) >= 0
    assert float(found.value) <= float(hessian.trace()) / 2 / gamma + 5 * float(found.error) + 2 * float(hessian.norm())


def test_a_stiff_spring_leaves_the_loss() -> None:
    theta, x, y, _ = _quadratic(6)
    found = _entropy(theta + 1, x, y, gamma=1e12)
    torch.testing.assert_close(found.value, found.loss, rtol=1e-5, atol=0.0)


def test_members_of_one_seed_get_the_same_noise_and_none_knows_of_the_others() -> None:
    theta, x, y, _ = _quadratic(7)
    three = theta.expand(3, -1)
    found = _entropy(three, x, y, seeds=[5, 5, 6])
    assert float(found.value[0]) == float(found.value[1])
    assert float(found.value[0]) != float(found.value[2])
    torch.testing.assert_close(_entropy(theta, x, y, seeds=[6], chunk=3).value, found.value[2:], rtol=1e-12, atol=0.0)


def test_a_module_with_a_loss_of_torchs_has_the_entropy_of_its_view() -> None:
    module = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2)).double()
    draw = torch.Generator().manual_seed(0)
    x, labels = torch.randn(12, 4, generator=draw, dtype=torch.float64), torch.arange(12) % 2
    view = FunctionalModule(module)
    one = sampled_local_entropy(view, view.theta, x, labels, CrossEntropy(), gamma=10.0, seeds=[3])
    other = sampled_local_entropy(module, None, x, labels, nn.CrossEntropyLoss(), gamma=10.0, seeds=[3])
    torch.testing.assert_close(other.value, one.value, rtol=1e-12, atol=0.0)
    torch.testing.assert_close(other.error, one.error, rtol=1e-9, atol=0.0)


def test_an_entropy_reads_in_one_line() -> None:
    flat = torch.zeros(2, 3, dtype=torch.float64), torch.zeros(2, 3).double(), torch.zeros(2, 1).double()
    assert repr(_entropy(*flat)) == "SampledEntropy(2 members: 0; error 0; 16 pairs of draws)"
    assert repr(_entropy(flat[0][:1], *flat[1:])) == "SampledEntropy(0; error 0; 16 pairs of draws)"


def test_where_all_losses_overflow_so_does_the_value() -> None:
    network = Mlp((1, 1), "linear")
    theta, x = torch.zeros(1, 1, dtype=torch.float64), torch.full((1, 1), 1e200, dtype=torch.float64)
    found = sampled_local_entropy(network, theta, x, torch.zeros(1, 1).double(), HALF, gamma=1.0, seeds=[0])
    assert float(found.value) == float(found.error) == math.inf


def test_rescaling_a_network_of_digits_changes_it_although_it_changes_no_output() -> None:
    x, labels = (each[:100] for each in digits())
    network = Mlp((64, 6, 10), "relu")
    theta = network.init([3], sigma_w=2**0.5)
    moved = theta * rescaling_factors(network, (0.1, 10.0))
    here, there = (
        sampled_local_entropy(network, each, x, labels, CrossEntropy(), gamma=400.0, seeds=[0], pairs=8)
        for each in (theta, moved)
    )
    torch.testing.assert_close(here.loss, there.loss)
    assert float(there.value) > float(here.value) + 4 * float(here.error + there.error)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"gamma": 0.0}, "gamma must"),
        ({"pairs": 0}, "pairs must be"),
        ({"pairs": 1}, "pairs must be at least 2, for a standard error, got 1"),
        ({"seeds": [0, 1]}, "seeds must hold one integer per member, 1, got 2"),
        ({"chunk": 0}, "chunk must"),
    ],
)
def test_what_makes_no_estimate_is_refused(settings: dict[str, object], message: str) -> None:
    theta, x, y, _ = _quadratic(0)
    with pytest.raises(ValueError, match=message):
        _entropy(theta, x, y, **settings)
