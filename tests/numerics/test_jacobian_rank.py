"""The rank of parameters -> function, against exact counts and symmetries that are known."""

import pytest
import torch

from numerics import Mlp, functional_rank


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


def test_members_may_have_inputs_of_their_own_and_few_inputs_bound_the_rank() -> None:
    network = Mlp((2, 3, 1), "relu", bias=True)
    theta = network.init([4, 5], sigma_b=1.0)
    own = torch.stack([inputs(2), inputs(2) + 0.1])
    assert functional_rank(network, theta, own).rank.tolist() == [10, 10]
    assert (functional_rank(network, theta, own[:, :5]).rank <= 5).all()


def test_a_bad_tolerance_is_refused() -> None:
    network = Mlp((2, 3, 1))
    with pytest.raises(ValueError, match=r"tolerance must lie in \(0, 1\), got 0.0"):
        functional_rank(network, network.init([4]), inputs(2), tolerance=0.0)
