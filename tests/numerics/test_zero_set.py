"""Walks on the set of zero loss, and its dimension."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from numerics import FunctionalModule, Mlp, gaussian_memorisation, walk_on_zero_set, zero_set_dimension

NET = Mlp((2, 5, 1), "tanh", bias=True)  # 21 parameters


def _problem(samples: int = 4, members: int = 2) -> tuple[Tensor, Tensor, Tensor]:
    """Networks, inputs, and their outputs as targets."""
    theta = NET.init(range(members), sigma_b=1.0)
    x, _ = gaussian_memorisation(inputs=2, outputs=1, samples=samples, seeds=range(members))
    return theta, x, NET.forward(theta, x)


def test_a_walk_stays_on_the_set_and_gets_there_by_steps() -> None:
    theta, x, y = _problem()
    walk = walk_on_zero_set(NET, theta, x, y, distance=1.0, step=0.1, seeds=[0, 1])
    assert float(walk.losses.max()) < 1e-26
    assert bool((walk.distances[:, -1] >= 1).all())
    gaps = (walk.points[:, 1:] - walk.points[:, :-1]).norm(dim=2)
    assert float(gaps.max()) < 0.15
    torch.testing.assert_close(walk.points[:, 0], theta, rtol=0, atol=1e-12)


def test_a_member_walks_alone_as_it_does_in_company() -> None:
    theta, x, y = _problem()
    both = walk_on_zero_set(NET, theta, x, y, distance=0.3, step=0.1, seeds=[5, 6])
    alone = walk_on_zero_set(NET, theta[1:], x[1:], y[1:], distance=0.3, step=0.1, seeds=[6])
    torch.testing.assert_close(both.points[1, :3], alone.points[0, :3], rtol=0, atol=1e-12)


def test_a_member_is_moved_onto_the_set_however_large_the_targets_of_another_are() -> None:
    network, x = Mlp((1, 1, 1), "linear"), torch.ones(2, 1, 1, dtype=torch.float64)
    theta = torch.tensor([[1.0, 2.0], [1.0, 1e15]], dtype=torch.float64)
    y = torch.tensor([2.5, 1e15], dtype=torch.float64).reshape(2, 1, 1)
    walk = walk_on_zero_set(network, theta, x, y, distance=1.0, step=0.1, seeds=[0, 1])
    assert float(walk.losses[0].max()) < 1e-28
    mate = [torch.cat([one[:1], one[1:] * 1e-9]) for one in (theta, y)]  # the radius has to suit both
    together, _, worst = zero_set_dimension(network, mate[0], x, mate[1], radius=1e-4, seeds=[0, 1])
    alone, _, least = zero_set_dimension(network, theta[:1], x[:1], y[:1], radius=1e-4, seeds=[0])
    assert int(together[0]) == int(alone[0]) == 1
    assert float(worst[0]) == float(least[0]) < 1e-27


def test_on_the_zero_set_of_two_linear_units_the_product_is_kept() -> None:
    x = torch.ones(1, 1, dtype=torch.float64)
    start = torch.tensor([[1.0, 2.0]], dtype=torch.float64)
    walk = walk_on_zero_set(Mlp((1, 1, 1), "linear"), start, x, 2 * x, distance=1.5, step=0.1, seeds=[0])
    torch.testing.assert_close(walk.points.prod(dim=2), torch.full_like(walk.losses, 2.0), rtol=1e-13, atol=0)


def test_where_the_kernel_is_zero_no_step_is_taken() -> None:
    network = Mlp((2, 1), "linear")
    theta, x = torch.ones(1, 2, dtype=torch.float64), torch.eye(2, dtype=torch.float64)
    walk = walk_on_zero_set(network, theta, x, network.forward(theta, x)[0], distance=1.0, step=0.1, seeds=[0])
    assert walk.points.shape[1] == 1


@pytest.mark.parametrize("samples", [1, 4, 7])
def test_the_dimension_is_parameters_less_data(samples: int) -> None:
    theta, x, y = _problem(samples)
    dimension, components, worst = zero_set_dimension(NET, theta, x, y, radius=1e-5, seeds=[0, 1])
    assert dimension.tolist() == [21 - samples] * 2
    assert float(components[:, 21 - samples].max()) < 1e-2 < float(components[:, 20 - samples].min())
    assert float(worst.max()) < 1e-24


@pytest.mark.parametrize("shared", [True, False])
def test_a_module_has_the_set_of_the_perceptron_that_it_is(shared: bool) -> None:
    theta, x, y = _problem()
    if shared:
        x, y = x[0], y[0]  # the second member then is moved onto the set first
    module = nn.Sequential(nn.Linear(2, 5), nn.Tanh(), nn.Linear(5, 1)).double()
    (first, *_), (second, *_) = (
        zero_set_dimension(one, theta, x, y, radius=1e-5, seeds=[0, 1]) for one in (NET, FunctionalModule(module))
    )
    assert first.tolist() == second.tolist() == [17, 17]
    one, other = (
        walk_on_zero_set(each, theta, x, y, distance=0.3, step=0.1, seeds=[0, 1])
        for each in (NET, FunctionalModule(module))
    )
    torch.testing.assert_close(one.points, other.points, rtol=0, atol=1e-9)


def test_a_walk_that_overflows_has_infinite_losses() -> None:
    theta, x = torch.tensor([[1.0, 2.0]], dtype=torch.float64), torch.ones(1, 1, dtype=torch.float64)
    walk = walk_on_zero_set(Mlp((1, 1, 1), "linear"), theta, x, 2 * x, distance=1e300, step=1e200, seeds=[0])
    assert not bool(walk.losses.isnan().any())
    assert float(walk.losses[0, -1]) == torch.inf


def test_a_datum_twice_counts_once() -> None:
    theta, x, y = _problem(4)
    twice = [torch.cat([each, each[:, :1]], dim=1) for each in (x, y)]
    assert zero_set_dimension(NET, theta, *twice, radius=1e-5, seeds=[0, 1])[0].tolist() == [17, 17]


def test_the_zeros_of_a_linear_network_are_those_of_its_product() -> None:
    network = Mlp((2, 3, 1), "linear")
    theta = network.init([0])
    x, _ = gaussian_memorisation(inputs=2, outputs=1, samples=6, seeds=[0])
    targets = network.forward(theta, x)
    assert zero_set_dimension(network, theta, x, targets, radius=1e-5, seeds=[0])[0].tolist() == [9 - 2]


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("function", "changed", "message"),
    [
        (walk_on_zero_set, {"seeds": [1]}, "seeds must hold one integer per member, 2, got 1"),
        (walk_on_zero_set, {"seeds": None}, "seeds must be a sequence of one integer"),
        (walk_on_zero_set, {"distance": 0.0}, "distance must be a finite number > 0, got 0.0"),
        (walk_on_zero_set, {"step": -1.0}, "step must be a finite number > 0, got -1.0"),
        (walk_on_zero_set, {"max_steps": 0}, "max_steps must be an integer >= 1, got 0"),
        (zero_set_dimension, {"seeds": [1]}, "seeds must hold one integer per member, 2, got 1"),
        (zero_set_dimension, {"radius": 0.0}, "radius must be a finite number > 0, got 0.0"),
        (zero_set_dimension, {"radius": 1e-18}, r"radius must be far above rounding, at least .*e-1., got 1e-18"),
    ],
)
def test_bad_arguments_are_refused(function: Any, changed: dict[str, Any], message: str) -> None:
    theta, x, y = _problem()
    given = {"distance": 1.0, "step": 0.1} if function is walk_on_zero_set else {"radius": 1e-5}
    with pytest.raises(ValueError, match=message):
        function(NET, theta, x, y, **(given | {"seeds": [0, 1]} | changed))


def test_points_that_run_away_are_refused() -> None:
    theta, x = torch.tensor([[1.0, 2.0]], dtype=torch.float64), torch.ones(1, 1, dtype=torch.float64)
    with pytest.raises(ValueError, match=r"radius must be so small that points drawn within it find back .*, got 100"):
        zero_set_dimension(Mlp((1, 1, 1), "linear"), theta, x, 2 * x, radius=100.0, seeds=[0])
