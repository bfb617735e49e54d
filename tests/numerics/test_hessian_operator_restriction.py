"""Operators on the block of a few parameters: of a layer, or of all biases."""

import pytest
import torch
from torch import nn

from numerics import CrossEntropy, HessianOperator, Mlp, dense_hessian

PARTS = ("hessian", "gauss_newton", "residual")


def _normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


NETWORK = Mlp((3, 5, 4, 2), "tanh", bias=True)
THETA, LOSS = NETWORK.init([0], sigma_b=0.4), CrossEntropy(prefactor=1.5)
X, Y = _normal(20, 3, seed=1), torch.arange(20) % 2


@pytest.mark.parametrize("patterns", [("0.*",), ("1.weight",), ("2.bias",), ("*.bias",), ("0.bias", "2.weight")])
@pytest.mark.parametrize("part", PARTS)
def test_a_subset_is_a_block_of_the_whole(part: str, patterns: tuple[str, ...]) -> None:
    network, theta, x, y, loss = NETWORK, THETA, X, Y, LOSS
    module = nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 2)).double()
    named = [pattern.replace("2.", "4.").replace("1.", "2.") for pattern in patterns]
    whole = HessianOperator(network, loss, (x, y), theta=theta, part=part)
    matrix = whole.dense()
    block = whole.restricted(*patterns)
    index = torch.cat([torch.arange(whole.layers[name].start, whole.layers[name].stop) for name in block.layers])
    expected = matrix[index][:, index]
    vectors = _normal(block.size, 2)
    for one in (
        block,
        HessianOperator(network, loss, (x, y), theta=theta, part=part, parameters=patterns),
        HessianOperator(module, loss, (x, y), theta=theta, part=part, parameters=named),
        HessianOperator(module, loss, (x, y), theta=theta, part=part).restricted(*named),
    ):
        assert (one.size, one.part) == (len(index), part)
        torch.testing.assert_close(one @ vectors, expected @ vectors, rtol=0, atol=1e-14)
        torch.testing.assert_close(one.dense(), expected, rtol=0, atol=1e-14)


def test_restricting_twice_is_restricting_once() -> None:
    network, theta, x, y, loss = NETWORK, THETA, X, Y, LOSS
    operator = HessianOperator(network, loss, (x, y), theta=theta)
    twice = operator.restricted("0.*", "1.*").restricted("1.*")
    assert twice.layers == {"1.weight": slice(0, 20), "1.bias": slice(20, 24)}
    assert torch.equal(twice @ torch.ones(24).double(), operator.restricted("1.*") @ torch.ones(24).double())


def test_a_dense_block_of_few_parameters_does_not_need_the_whole_matrix() -> None:
    network, theta, x, y, loss = NETWORK, THETA, X, Y, LOSS
    operator = HessianOperator(network, loss, (x, y), theta=theta, parameters="2.*", memory=2000)
    assert not operator.dense_cost().multiplications  # by rows
    whole = dense_hessian(network, theta, x, y, loss).total[0]
    torch.testing.assert_close(operator.dense(), whole[-10:, -10:], rtol=0, atol=1e-14)
    assert operator.products == 0
