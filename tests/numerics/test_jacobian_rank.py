"""The rank of parameters -> function, against exact counts and symmetries that are known."""

import pytest
import torch
from torch import nn

from numerics import FunctionalModule, Mlp, functional_rank


def inputs(features: int, batch: int = 300) -> torch.Tensor:
    return 3 * torch.randn(batch, features, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def test_a_linear_network_of_two_layers_has_the_rank_of_its_product_matrices() -> None:
    """Rank-h matrices n -> k are a manifold of dimension h (n + k - h)."""
    network = Mlp((4, 2, 3), "linear")
    found = functional_rank(network, network.init([1, 2]), inputs(4))
    assert found.rank.tolist() == [10, 10]
    assert (found.gap > 1e8).all()


def test_a_dead_unit_and_a_repeated_one_lower_the_rank() -> None:
    network = Mlp((2, 3, 1), "tanh", bias=True)
    theta = network.init([4], sigma_w=2.0, sigma_b=1.0).repeat(3, 1)
    theta[1, network.layers["1.weight"].start] = 0.0  # outgoing weight: the unit's own two weights and bias are idle
    theta[2, 2:4], theta[2, 7] = theta[2, :2], theta[2, 6]  # its value and derivatives are those of another
    assert functional_rank(network, theta, inputs(2)).rank.tolist() == [13, 10, 9]


def test_a_function_on_which_no_parameter_has_an_effect_has_rank_zero_and_values_zero() -> None:
    network = Mlp((2, 3, 1), "linear")
    found = functional_rank(network, torch.zeros(1, network.parameters, dtype=torch.float64), inputs(2))
    assert found.rank.tolist() == [0]
    assert not found.values.any()


def test_members_may_have_inputs_of_their_own_and_few_inputs_bound_the_rank() -> None:
    network = Mlp((2, 3, 1), "relu", bias=True)
    theta = network.init([4, 5], sigma_b=1.0)
    own = torch.stack([inputs(2), inputs(2) + 0.1])
    assert functional_rank(network, theta, own).rank.tolist() == [10, 10]
    assert (functional_rank(network, theta, own[:, :5]).rank <= 5).all()


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_single_precision_networks_have_the_rank_of_the_same_numbers_in_double(activation: str) -> None:
    network = Mlp((3, 4, 4, 1), activation, bias=True)
    theta, x = network.init(range(3), sigma_b=1.0).float(), inputs(3).float()
    found, known = functional_rank(network, theta, x), functional_rank(network, theta.double(), x.double())
    assert found.rank.tolist() == known.rank.tolist()
    assert torch.equal(found.values, known.values)
    assert (found.rank < network.parameters).all() == (activation == "relu")


@pytest.mark.parametrize("own", [False, True])
def test_members_that_are_taken_one_by_one_have_the_ranks_that_they_have_together(
    own: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = Mlp((2, 4, 3), "relu", bias=True)
    theta = network.init(range(5), sigma_b=1.0)
    x = torch.randn(*([5] if own else []), 9, 2, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    together = functional_rank(network, theta, x)
    monkeypatch.setattr("numerics.jacobian_rank.WORK", 1)
    apart = functional_rank(network, theta, x)
    assert torch.equal(together.rank, apart.rank)
    torch.testing.assert_close(together.values, apart.values, rtol=1e-12, atol=1e-14)


def test_a_module_as_torch_makes_it_has_the_rank_of_its_perceptron() -> None:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
    view, x = FunctionalModule(module), inputs(2).float()
    assert functional_rank(view, view.theta, x).rank.tolist() == [10]
    theta = view.init([4, 5], sigma_b=1.0)
    own = torch.stack([x, x[:4].repeat(75, 1)])
    ranks = functional_rank(view, theta, own, shared=False).rank
    assert ranks.tolist() == [int(functional_rank(view, theta[k : k + 1], own[k]).rank) for k in range(2)]
    assert ranks[1] <= 4


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"tolerance": 0.0}, ValueError, r"tolerance must lie in \(0, 1\), got 0.0"),
        ({"network": nn.Linear(2, 1)}, TypeError, "network must be an Mlp or a FunctionalModule, got Linear"),
        ({"theta": torch.zeros(0, 9)}, ValueError, r"theta and x must not be empty, got shapes \(0, 9\)"),
        ({"theta": torch.full((1, 9), torch.nan)}, ValueError, "theta must be finite, got NaN or infinity"),
        ({"x": torch.full((5, 2), torch.inf)}, ValueError, "x must be finite, got NaN or infinity"),
        ({"x": [[1.0, 2.0]]}, TypeError, "x must be a torch tensor, got list"),
        ({"x": torch.ones(5, 7, 2)}, ValueError, r"x must have shape \(batch, 2\) or \(1, batch, 2\), got \(5, 7, 2\)"),
        (
            {"network": FunctionalModule(nn.Linear(2, 3)), "x": torch.ones(5, 2).double()},
            ValueError,
            "x must have theta",
        ),
        (
            {"network": FunctionalModule(nn.Linear(2, 3)), "x": torch.ones(5, 7, 2), "shared": False},
            ValueError,
            r"x must have shape \(1, batch, ...\), got \(5, 7, 2\)",
        ),
    ],
)
def test_what_does_not_fit_is_refused(change: dict[str, object], error: type[Exception], message: str) -> None:
    good = {"network": Mlp((2, 3, 1)), "theta": torch.ones(1, 9), "x": torch.ones(5, 2)}
    with pytest.raises(error, match=message):
        functional_rank(**(good | change))  # type: ignore[arg-type]
