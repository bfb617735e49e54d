"""Summaries of weights: their laws, exact values, and what normal weights have."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from numerics import Mlp, layer_weight_summaries, weight_summary


@settings(max_examples=20)
@given(factor=st.floats(1e-3, 1e3), seed=st.integers(0, 2**31))
def test_nothing_but_the_rms_changes_where_all_weights_are_multiplied_by_one_number(factor: float, seed: int) -> None:
    weights = torch.randn(3, 40, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    plain, scaled = (weight_summary(each, thresholds=(0.1, 1.0)) for each in (weights, -factor * weights))
    torch.testing.assert_close(scaled.rms, factor * plain.rms, rtol=1e-12, atol=0.0)
    torch.testing.assert_close(scaled.kurtosis, plain.kurtosis, rtol=1e-12, atol=0.0)
    torch.testing.assert_close(scaled.hoyer, plain.hoyer, rtol=1e-10, atol=1e-12)
    assert torch.equal(scaled.below, plain.below)


def test_normal_weights_have_the_shares_kurtosis_and_sparsity_of_the_normal_law() -> None:
    weights = torch.randn(20, 20_000, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    found = weight_summary(weights, thresholds=(0.1, 1.0))
    exact = torch.tensor([math.erf(threshold / math.sqrt(2)) for threshold in (0.1, 1.0)], dtype=torch.float64)
    for values, truth in (
        (found.below[:, 0], exact[0]),
        (found.below[:, 1], exact[1]),
        (found.kurtosis, 3.0),
        (found.hoyer, 1 - math.sqrt(2 / math.pi)),
    ):
        assert abs(float(values.mean() - truth)) < 4 * float(values.std()) / 20**0.5 + 1e-3


def test_one_weight_among_zeros_is_as_sparse_as_can_be(device: str) -> None:
    weights = torch.zeros(2, 9, dtype=torch.float64, device=device)
    weights[0, 4] = -2.0
    weights[1] = 3.0
    found = weight_summary(weights)
    assert found.below.flatten().tolist() == [pytest.approx(8 / 9), 0.0]
    np.testing.assert_allclose(found.kurtosis.tolist(), [9, 1], rtol=1e-14)
    np.testing.assert_allclose(found.hoyer.tolist(), [1, 0], rtol=1e-14, atol=1e-15)


def test_weights_too_large_or_small_to_be_squared_are_summarised_all_the_same() -> None:
    shape = torch.tensor([[1.0, 2.0, 0.01]], dtype=torch.float64)
    for scale in (1e-300, 1e300):
        found = weight_summary(scale * shape)
        torch.testing.assert_close(found.kurtosis, weight_summary(shape).kurtosis)
        torch.testing.assert_close(found.rms, scale * weight_summary(shape).rms, rtol=1e-12, atol=0.0)


def test_where_all_weights_are_zero_all_are_near_zero_and_there_is_no_shape() -> None:
    found = weight_summary(torch.zeros(1, 4))
    assert found.below.item() == 1.0
    assert found.rms.item() == 0.0
    assert found.kurtosis.isnan().all()
    assert found.hoyer.isnan().all()
    assert weight_summary(torch.ones(1, 1)).hoyer.isnan().all()


def test_layers_are_summarised_apart_and_without_biases() -> None:
    network = Mlp((3, 4, 2), "relu", bias=True)
    theta = network.init([0, 1], sigma_b=100.0)
    layers = layer_weight_summaries(network, theta, thresholds=(0.5,))
    for found, (weight, _) in zip(layers, network.unflatten(theta), strict=True):
        alone = weight_summary(weight.flatten(1), thresholds=(0.5,))
        assert torch.equal(found.below, alone.below)
        assert torch.equal(found.rms, alone.rms)
        assert float(found.rms.max()) < 10
    assert repr(layers[0]).startswith("WeightDistribution(2 members; ")


@pytest.mark.usefixtures("unchecked")
def test_what_is_no_table_of_finite_weights_is_refused() -> None:
    with pytest.raises(ValueError, match=r"weights must have shape \(members, weights\), none of them 0, got \(3,\)"):
        weight_summary(torch.ones(3))
    with pytest.raises(TypeError, match="network must be an Mlp, got Linear"):
        layer_weight_summaries(torch.nn.Linear(2, 1), torch.ones(1, 3))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"weights must be finite"):
        weight_summary(torch.tensor([[1.0, math.nan]]))
    with pytest.raises(ValueError, match=r"thresholds must be .*got -1"):
        weight_summary(torch.ones(1, 3), thresholds=(-1.0,))
    with pytest.raises(ValueError, match=r"thresholds must hold at least one multiple of the rms, got none"):
        weight_summary(torch.ones(1, 3), thresholds=())
    with pytest.raises(TypeError, match=r"weights must be a torch tensor"):
        weight_summary([[1.0]])  # type: ignore[arg-type]
