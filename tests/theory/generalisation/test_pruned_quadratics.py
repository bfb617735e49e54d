"""What removing weights costs at second order: against dense algebra, samples and counting."""

import math

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

import theory

sizes = st.floats(0.2, 3)


@settings(max_examples=15)
@given(a=sizes, b=sizes, share=st.floats(-0.9, 0.9), w=sizes)
def test_the_least_increase_is_that_of_the_best_place_of_the_other_weight(
    a: float, b: float, share: float, w: float
) -> None:
    c = share * math.sqrt(a * b)
    derivation = theory.increase_by_removal()
    places = np.linspace(-20, 20, 400_001)
    increases = a * w**2 / 2 - c * w * places + b * places**2 / 2
    assert float(derivation.at(a=a, b=b, c=c, w=w)) == pytest.approx(increases.min(), rel=1e-5)
    assert float(derivation.at(a=a, b=b, c=c, w=w, part="move")) == pytest.approx(places[increases.argmin()], abs=1e-4)
    assert float(derivation.at(a=a, b=b, c=c, w=w, part="alone")) == pytest.approx(a * w**2 / 2, rel=1e-12)


def test_uncoupled_weights_need_not_adapt() -> None:
    derivation = theory.increase_by_removal()
    assert derivation.at(a=3, b=2, c=0, w=5) == derivation.at(a=3, b=2, c=0, w=5, part="alone") == sp.Rational(75, 2)


def test_a_hessian_that_is_not_positive_definite_is_refused() -> None:
    with pytest.raises(ValueError, match=r"the parameters must lie in the domain .* got a = 1, b = 1, c = 2, w = 1"):
        theory.increase_by_removal().at(a=1, b=1, c=2, w=1)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_the_smallest_weights_of_a_sample_cost_that_share(share: float) -> None:
    sample = np.sort(np.random.default_rng(0).exponential(size=400_000))
    cost = np.cumsum(sample**2)
    derivation = theory.removable_share()
    level = -math.log(1 - share)
    assert float(derivation.at(t=level, part="share")) == pytest.approx(share, rel=1e-12)
    assert float(derivation.at(t=level)) == pytest.approx(cost[int(share * len(sample)) - 1] / cost[-1], rel=0.03)


def test_few_weights_cost_the_third_power_of_their_share() -> None:
    derivation = theory.removable_share()
    share = derivation.at(t="1/1000", part="share", digits=30)
    cost = derivation.at(t="1/1000", digits=30)
    assert float(cost.midpoint) / float(share.midpoint) ** 3 == pytest.approx(1 / 6, rel=2e-3)


@pytest.mark.parametrize("rounds", [2, 5])
def test_so_many_rounds_of_the_derived_share_leave_what_shall_be_left(rounds: int) -> None:
    derivation = theory.pruning_schedule()
    share = float(derivation.at(p="4/5", n=rounds))
    assert (1 - share) ** rounds == pytest.approx(0.2, rel=1e-12)
    assert float(derivation.at(p="4/5", n=rounds, part="left")) == pytest.approx((1 - 0.8 ** (1 / rounds)) ** rounds)


def test_all_three_are_exact() -> None:
    for derivation in (theory.increase_by_removal(), theory.removable_share(), theory.pruning_schedule()):
        assert derivation.passed
        assert derivation.evidence == "exact"
