"""The mean kernels of wide ReLU networks, against quadrature over the direction of the weights."""

import math

import numpy as np
import pytest

import theory


@pytest.mark.parametrize("t", [0.25, 1.0, 2.5])
def test_both_kernels_are_the_means_over_directions(t: float) -> None:
    """In the plane of the inputs the squared length of w has mean 2."""
    derivation = theory.lazy_mean_kernels()
    assert derivation.passed
    assert derivation.evidence == "exact"
    angles = (np.arange(200_000) + 0.5) * 2 * math.pi / 200_000
    at_first, at_second = np.maximum(np.cos(angles), 0), np.maximum(np.cos(angles - t), 0)
    one, zero = 2 * np.mean(at_first * at_second), np.mean((at_first > 0) & (at_second > 0))
    features = derivation.at(n=7, X=2, Y=3, t=str(t), digits=12).midpoint
    hidden = derivation.at(part="hidden weights", X=2, Y=3, t=str(t), digits=12).midpoint
    np.testing.assert_allclose(float(features), 7 * 6 * one, rtol=1e-7)
    np.testing.assert_allclose(float(hidden), 6 * math.cos(t) * zero, rtol=1e-4)
