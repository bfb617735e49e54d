"""Convexity, the set of functions, saddles and stalls: the claims at another seed, and what their workers measure."""

from collections.abc import Callable

import numpy as np
import pytest

from verify import Finding, Workbench
from verify.claims.minima import arrival, slow_saddles

Trial = Callable[[str], tuple[list[Finding], Workbench]]

CLAIMS = (
    "level-sets.convexity-classes",
    "level-sets.example-midpoint",
    "level-sets.positive-definite-as-printed",
    "level-sets.positive-semidefinite-as-printed",
    "level-sets.not-closed",
    "level-sets.not-convex",
    "level-sets.not-a-quotient",
    "minima.gradient-does-not-always-arrive",
    "minima.np-hard",
    "minima.slow-saddles",
)


@pytest.mark.parametrize("name", CLAIMS)
def test_every_claim_comes_out_as_expected_at_another_seed(name: str, tried: Trial) -> None:
    findings, _ = tried(name)
    assert findings


def test_the_time_to_leave_scales_with_the_target() -> None:
    found = slow_saddles.escape_times(7, 3, 4)
    times = found["alike"][:, -1] * found["targets"]
    np.testing.assert_allclose(times, 1 / slow_saddles.SIZES[-1], rtol=1e-3)
    assert found["spread"].shape == (4, len(slow_saddles.SIZES))
    assert found["spread"].std(axis=0).min() > 0


def test_descent_of_one_unit_goes_where_the_flow_goes() -> None:
    kinds = arrival.ends_of_one_unit(5, 300, arrival.STEPS)["kind"]
    source = np.random.default_rng(5)
    u, w = source.normal(size=(2, 300))
    margin = 2 * u**2 - w**2
    stalls = (u > 0) & (margin > 0)
    clear = np.abs(margin) > 0.3  # steps that are not small blur the border
    assert (kinds[clear] == np.where(stalls, 0, 1)[clear]).mean() > 0.98


def test_positive_units_fit_what_is_positive_and_nothing_else() -> None:
    losses = arrival.losses_of_positive_units(3, 4, 5, 500)["loss"]
    np.testing.assert_allclose(losses, 1, atol=1e-3)
    assert losses.min() >= 1 - 1e-12
