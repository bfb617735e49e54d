"""Sharpness-aware steps: the climb by its definition, its symmetries, and ensembles that are optimisers in a row."""

import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from numerics import ASAM, SAM, CrossEntropy, FunctionalModule, Mlp, SharpnessAware, SquaredError, sgd
from numerics.objective import slope
from numerics.seeded import generators
from numerics.training.sharpness_aware import ascended, sharpness_aware_gradient

SEEDS = (4, 5, 6)


def _normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def _batches(examples: int, batch_size: int, seed: int, steps: int) -> list[torch.Tensor]:
    (order,) = generators("batches", [seed])
    epochs = -(-steps // -(-examples // batch_size))
    return [some for _ in range(epochs) for some in torch.randperm(examples, generator=order).split(batch_size)][:steps]


@settings(deadline=None)
@given(
    curvature=st.floats(-5, 5).filter(lambda a: abs(a) > 1e-3),
    place=st.floats(-5, 5).filter(lambda x: abs(x) > 1e-3),
    rho=st.floats(0, 3),
)
def test_on_a_parabola_the_gradient_is_that_at_a_distance_rho_uphill(
    curvature: float, place: float, rho: float
) -> None:
    """a (x + rho sign x) in a valley; on a hilltop, a < 0, uphill is inward."""
    x = torch.tensor([[place]], dtype=torch.float64)
    (slope,) = sharpness_aware_gradient([x], [SharpnessAware(rho=rho)], lambda point: [curvature * point[0]])
    uphill = math.copysign(1, place) * math.copysign(1, curvature)
    assert slope.item() == pytest.approx(curvature * (place + rho * uphill), rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("rule", [SharpnessAware(rho=0.3), SharpnessAware(rho=0.3, adaptive=True, eta=0.1)])
def test_the_climb_is_the_longest_way_up_within_its_ball(rule: SharpnessAware) -> None:
    """|e/s| = rho over all tensors together, member by member, and no other such e has a larger g.e."""
    points, gradients = [_normal(3, 4, 2), _normal(3, 5, seed=1)], [_normal(3, 4, 2, seed=2), _normal(3, 5, seed=3)]
    ends = ascended(points, gradients, [rule, rule])
    climb, point, gradient = (
        torch.cat([each.flatten(1) for each in tensors], dim=1)
        for tensors in ([end - start for end, start in zip(ends, points, strict=True)], points, gradients)
    )
    size = point.abs() + rule.eta if rule.adaptive else torch.ones_like(point)
    torch.testing.assert_close((climb / size).norm(dim=1), torch.full((3,), 0.3, dtype=torch.float64))
    other = _normal(200, *point.shape, seed=4)
    other = other / other.norm(dim=2, keepdim=True) * 0.3 * size
    assert ((gradient * other).sum(2) < (gradient * climb).sum(1)).all()
    torch.testing.assert_close((gradient * climb).sum(1), 0.3 * (gradient * size).norm(dim=1))


def test_each_tensor_climbs_by_its_own_rule_under_one_norm() -> None:
    first, second = _normal(1, 3), _normal(1, 2, seed=1)
    g, h = _normal(1, 3, seed=2), _normal(1, 2, seed=3)
    rules = [SharpnessAware(rho=0.5, adaptive=True, eta=0.2), SharpnessAware(rho=0.1)]
    ends = ascended([first, second], [g, h], rules)
    size = first.abs() + 0.2
    norm = math.hypot(float((size * g).norm()), float(h.norm()))
    torch.testing.assert_close(ends[0], first + 0.5 * size**2 * g / norm)
    torch.testing.assert_close(ends[1], second + 0.1 * h / norm)


@settings(deadline=None, max_examples=15)
@given(seed=st.integers(0, 2**32 - 1), spread=st.floats(0.0, 3.0))
def test_adaptive_climbs_commute_with_rescaling_every_unit_where_eta_is_zero(seed: int, spread: float) -> None:
    """The function at the ascended point is the same for all parametrisations; with the plain climb it is not."""
    network, loss = Mlp((3, 4, 2), "relu"), SquaredError()
    x, y, theta = _normal(6, 3, seed=seed), _normal(6, 2, seed=seed + 1), _normal(1, network.parameters, seed=seed + 2)
    alpha = torch.exp(spread * _normal(4, seed=seed + 3))
    scale = torch.cat([alpha[:, None].expand(4, 3).flatten(), (1 / alpha).expand(2, 4).flatten()])[None]

    def gradient(point: list[torch.Tensor]) -> list[torch.Tensor]:
        return [slope(network, point[0], x, y, loss)[1]]

    adaptive, plain = SharpnessAware(rho=0.5, adaptive=True, eta=0.0), SharpnessAware(rho=0.5)
    here, there = (ascended([w], gradient([w]), [adaptive])[0] for w in (theta, scale * theta))
    torch.testing.assert_close(there, scale * here, rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(network.forward(there, x), network.forward(here, x), rtol=1e-8, atol=1e-11)
    if spread > 1:
        here, there = (ascended([w], gradient([w]), [plain])[0] for w in (theta, scale * theta))
        assert not torch.allclose(network.forward(there, x), network.forward(here, x), rtol=1e-3)


@pytest.mark.parametrize("adaptive", [False, True])
def test_gradients_that_vanish_give_no_climb_and_no_nan(adaptive: bool) -> None:
    rule = SharpnessAware(rho=1.0, adaptive=adaptive)
    point, gradient = _normal(2, 3), torch.tensor([[0.0], [1.0]], dtype=torch.float64).expand(2, 3)
    (end,) = ascended([point], [gradient], [rule])
    assert torch.equal(end[0], point[0])
    assert (end[1] != point[1]).all()
    (end,) = ascended([point], [gradient], [SharpnessAware(rho=0.0, adaptive=adaptive)])
    assert torch.equal(end, point)


@pytest.mark.parametrize("adaptive", [False, True])
@pytest.mark.parametrize(
    ("dtype", "sizes"),
    [
        (torch.float64, (1.0, 5e-324, 1e-200, 1e200, 1e308)),
        (torch.float32, (1.0, 1e-45, 1e-30, 1e20, 3e38)),
        (torch.float16, (1.0, 6e-8, 1e-4, 300.0, 40960.0)),
        (torch.bfloat16, (1.0, 1e-30, 1e20, 3e38)),
    ],
)
def test_the_climb_does_not_depend_on_how_long_the_gradient_is(
    dtype: torch.dtype, sizes: tuple[float, ...], adaptive: bool
) -> None:
    """Squares of these gradients overflow or vanish in their dtype, and in float16 their norm does, too."""
    rule = SharpnessAware(rho=0.5, adaptive=adaptive, eta=0.25)
    weights, biases = torch.tensor([[1.0, -0.5, 0.25, 2.0]]).to(dtype), torch.tensor([[0.5, 0.0]]).to(dtype)
    signs = torch.tensor([[1.0, -1.0, -1.0, 1.0]]).to(dtype)
    ends = [ascended([weights, biases], [size * signs, torch.full_like(biases, size)], [rule, rule]) for size in sizes]
    assert not torch.equal(ends[0][0], weights)
    for end in ends[1:]:
        assert all(torch.equal(one, first) for one, first in zip(end, ends[0], strict=True))
        assert all(one.dtype == dtype for one in end)


def test_an_adaptive_climb_from_huge_weights_is_as_long_as_its_rule_says() -> None:
    """|w|^2 and |w g| are beyond float32; with eta = 0 the climb scales with the weights."""
    rule, point, gradient = (
        SharpnessAware(rho=0.5, adaptive=True, eta=0.0),
        torch.tensor([[3.0, 4.0]]),
        torch.ones(1, 2),
    )
    (near,) = ascended([point], [gradient], [rule])
    (far,) = ascended([point * 2.0**100], [gradient * 2.0**100], [rule])
    assert torch.equal(far, near * 2.0**100)


@pytest.mark.parametrize("wrong", [math.inf, math.nan])
def test_gradients_that_have_overflowed_are_no_step_of_the_base_optimiser(wrong: float) -> None:
    point, gradient = torch.ones(2, 3), torch.ones(2, 3)
    gradient[0, 1] = wrong
    (end,) = ascended([point], [gradient], [SharpnessAware(rho=0.5)])
    assert end[0].isnan().all()
    assert torch.allclose(end[1], 1 + 0.5 / torch.tensor(3.0).sqrt())


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("rule", [SharpnessAware(rho=0.2), SharpnessAware(rho=0.7, adaptive=True, eta=0.05)])
def test_an_ensemble_is_the_optimiser_member_by_member(rule: SharpnessAware, momentum: float) -> None:
    """On the batches of plain descent, both gradients of a step on the same one."""
    network, loss = Mlp((3, 5, 2), "tanh", bias=True), CrossEntropy()
    x, y = _normal(3, 10, 3), torch.randint(0, 2, (3, 10), generator=torch.Generator().manual_seed(1))
    theta = network.init(range(3))
    end = sgd(
        network, theta, x, y, loss, learning_rate=0.1, batch_size=4, seeds=SEEDS, steps=8, momentum=momentum, rule=rule
    )
    for member, seed in enumerate(SEEDS):
        point = theta[member].clone().requires_grad_()
        optimiser = SAM([point], rho=rule.rho, adaptive=rule.adaptive, eta=rule.eta, lr=0.1, momentum=momentum)
        for some in _batches(10, 4, seed, 8):

            def closure(some: torch.Tensor = some, point: torch.Tensor = point, member: int = member) -> torch.Tensor:
                value = loss.value(network.forward(point[None], x[member, some]), y[member, some]).sum()
                value.backward()  # type: ignore[no-untyped-call]
                return value

            optimiser.step(closure)
        torch.testing.assert_close(end.theta[member], point.detach(), rtol=1e-12, atol=1e-14)
    assert end.gradients is not None
    assert (end.steps.tolist(), end.gradients.tolist()) == ([8] * 3, [16] * 3)


def test_a_module_in_an_ensemble_is_the_optimiser_on_the_module() -> None:
    module = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8, 3)).double()
    view = FunctionalModule(module)
    x, y = _normal(10, 1, 4, 4), torch.randint(0, 3, (10,), generator=torch.Generator().manual_seed(1))
    settings: dict[str, Any] = {"learning_rate": 0.2, "batch_size": 4, "steps": 7}
    rule = SharpnessAware(rho=0.5, adaptive=True)
    end = sgd(view, view.theta.repeat(2, 1), x, y, CrossEntropy(), seeds=[1, 2], rule=rule, **settings)
    optimiser = ASAM(module.parameters(), lr=0.2)
    for some in _batches(10, 4, 1, 7):

        def closure(some: torch.Tensor = some) -> torch.Tensor:
            value = nn.functional.cross_entropy(module(x[some]), y[some])
            value.backward()  # type: ignore[no-untyped-call]
            return value

        optimiser.step(closure)
    expected = nn.utils.parameters_to_vector(module.parameters()).detach()
    torch.testing.assert_close(end.theta[0], expected, rtol=1e-11, atol=1e-13)
    assert not torch.allclose(end.theta[1], expected)


def test_no_climb_is_plain_descent_at_twice_the_price() -> None:
    network, loss = Mlp((3, 4, 2), "relu"), SquaredError()
    x, y, theta = _normal(9, 3), _normal(9, 2, seed=1), network.init(range(3))
    settings: dict[str, Any] = {"learning_rate": 0.1, "batch_size": 4, "seeds": SEEDS, "steps": 10}
    plain, aware = (sgd(network, theta, x, y, loss, rule=rule, **settings) for rule in (None, SharpnessAware(rho=0.0)))
    assert torch.equal(plain.theta, aware.theta)
    assert plain.gradients is not None
    assert aware.gradients is not None
    assert torch.equal(plain.gradients, plain.steps)
    assert torch.equal(aware.gradients, 2 * plain.steps)


@pytest.mark.usefixtures("unchecked")
def test_rules_out_of_range_are_refused() -> None:
    for name in ("rho", "eta"):
        for value in (-0.1, math.nan, "1"):
            with pytest.raises(ValueError, match=rf"{name} must be a finite number >= 0, got"):
                SharpnessAware(**{name: value})  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"adaptive must be True or False, got 1"):
        SharpnessAware(adaptive=1)  # type: ignore[arg-type]
    network, x = Mlp((3, 2)), _normal(4, 3)
    settings: dict[str, Any] = {"learning_rate": 0.1, "batch_size": 2, "seeds": [0], "steps": 1}
    with pytest.raises(TypeError, match=r"rule must be a SharpnessAware, a LocalEntropy or None, got 0\.05"):
        sgd(network, network.init([0]), x, x[:, :2], SquaredError(), rule=0.05, **settings)  # type: ignore[arg-type]
