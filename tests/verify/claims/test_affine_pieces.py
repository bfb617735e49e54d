"""The regions of a ReLU network with two hidden layers, against samples, linear programs and other ranks."""

import numpy as np
import pytest
import torch
from scipy.optimize import linprog

import numerics
from verify.claims.generalisation import affine_pieces, functional_dimension
from verify.claims.generalisation.affine_pieces import Layers, activation_patterns, rank_everywhere

WIDTHS = (2, 4, 3, 1)


def drawn(seed: int) -> tuple[numerics.Mlp, torch.Tensor, Layers]:
    network = numerics.Mlp(WIDTHS, "relu", bias=True)
    theta = network.init([seed], sigma_w=2.0, sigma_b=0.5)
    first, second, last = (
        (weight[0].numpy(), bias[0].numpy()) for weight, bias in network.unflatten(theta) if bias is not None
    )
    return network, theta, (first, second, last)


@pytest.mark.parametrize("seed", range(2))
def test_every_pattern_that_inputs_show_is_found_and_every_one_found_has_inputs(seed: int) -> None:
    _, _, layers = drawn(seed)
    (first, shift), (second, bias), _ = layers
    x = np.random.default_rng(seed).normal(size=(4000, 2)) * 10 ** np.linspace(-2, 3, 4000)[:, None]
    before = x @ first.T + shift
    deeper = np.maximum(before, 0) @ second.T + bias
    seen = {tuple(row) for row in np.hstack([before > 0, deeper > 0]).tolist()}
    found = np.hstack(activation_patterns(layers))
    assert len({tuple(row) for row in found.tolist()}) == len(found)
    assert seen <= {tuple(row) for row in found.tolist()}
    for row in found:
        on, sign = row[:4], np.where(row, 1, -1)
        planes = np.vstack([first, (second * on) @ first])
        shifts = np.concatenate([shift, (second * on) @ shift + bias])
        normals, offsets = sign[:, None] * planes, sign * shifts
        # the largest slack with which some x has these signs, at most 1
        program = linprog(
            [0, 0, -1], np.column_stack([-normals, np.ones(7)]), offsets, bounds=[(None, None), (None, None), (None, 1)]
        )
        assert -program.fun > 1e-9


@pytest.mark.parametrize("seed", range(4))
def test_the_rank_on_all_regions_is_that_of_many_inputs_in_each_of_them(seed: int) -> None:
    network, theta, layers = drawn(seed)
    rank, kept, left = rank_everywhere(layers, activation_patterns(layers), tolerance=1e-10)
    assert kept > 1e-6
    assert left < 1e-14
    generator = torch.Generator().manual_seed(seed)
    scales = 10 ** torch.linspace(-2, 3, 6000, dtype=torch.float64)[:, None]
    x = scales * torch.randn(6000, 2, generator=generator, dtype=torch.float64)
    assert numerics.functional_rank(network, theta, x, tolerance=1e-10).rank.tolist() == [rank]


def test_derivatives_are_those_of_the_network_where_its_pattern_is_that_of_the_point() -> None:
    network, theta, layers = drawn(5)
    (first, shift), (second, bias), _ = layers
    points = np.vstack([np.zeros(2), np.eye(2)])
    before = points @ first.T + shift
    patterns = (before > 0, np.maximum(before, 0) @ second.T + bias > 0)
    rows = affine_pieces._derivatives(layers, *patterns).reshape(3, 3, -1)
    trace = network.trace(theta.expand(3, -1), torch.as_tensor(points)[:, None])
    slopes = network.pullback(trace, torch.ones(3, 1, 1, dtype=torch.float64))
    np.testing.assert_allclose(rows[range(3), range(3)], slopes.numpy(), atol=1e-13)


def test_sampled_ranks_are_never_above_those_on_all_regions() -> None:
    found = functional_dimension.deep_ranks(8, networks=12)
    assert (found["sampled"] <= found["rank"]).all()
    assert (found["sampled"] < found["rank"]).any()
    assert (found["rank"] <= 57 - 6 - 4).all()
    assert (found["rank"] < 57 - 6 - 4)[found["switching"] == 0].all()
