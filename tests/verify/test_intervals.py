"""Inclusion is exact; confidence intervals miss the truth no more often than they say."""

import math
import sys
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from verify.comparison import Cell
from verify.intervals import (
    Interval,
    clopper_pearson,
    jackknife,
    mean_error,
    median_error,
    median_interval,
    median_ranks,
    student_interval,
)
from verify.verdict import Evidence

numbers = st.one_of(
    st.integers(-50, 50), st.fractions(-5, 5, max_denominator=64), st.floats(allow_nan=False), st.just(math.inf)
)


@st.composite
def intervals(draw: st.DrawFn) -> Interval:
    lower, upper = sorted((draw(numbers), draw(numbers)))
    if lower == upper:
        return Interval(lower, upper)
    return Interval(lower, upper, draw(st.booleans()), draw(st.booleans()))


@given(intervals(), intervals(), numbers)
def test_inclusion_carries_points_along(small: Interval, large: Interval, point: Fraction) -> None:
    if small.is_inside(large) and small.contains(point):
        assert large.contains(point)


@given(intervals(), intervals(), numbers)
def test_disjoint_intervals_share_no_point(left: Interval, right: Interval, point: Fraction) -> None:
    assert left.is_disjoint(right) == right.is_disjoint(left)
    if left.is_disjoint(right):
        assert not (left.contains(point) and right.contains(point))


@given(intervals(), intervals(), intervals())
def test_inclusion_is_an_order(first: Interval, second: Interval, third: Interval) -> None:
    assert first.is_inside(first)
    if first.is_inside(second) and second.is_inside(third):
        assert first.is_inside(third)
    if first.is_inside(second) and second.is_inside(first):
        assert (first.lower, first.upper) == (second.lower, second.upper)


@given(intervals(), intervals())
def test_an_interval_is_never_both_inside_and_disjoint(left: Interval, right: Interval) -> None:
    assert not (left.is_inside(right) and left.is_disjoint(right))


@given(st.fractions(-5, 5, max_denominator=99), st.fractions(Fraction(1, 99), 5, max_denominator=99))
def test_a_band_holds_its_ends_and_nothing_beyond(centre: Fraction, margin: Fraction) -> None:
    band = Interval.around(centre, margin)
    tiny = Fraction(1, 10**40)
    assert band.contains(centre - margin)
    assert band.contains(centre + margin)
    assert not band.contains(centre + margin + tiny)
    assert not band.contains(centre - margin - tiny)


def test_a_double_is_the_binary_number_that_it_holds() -> None:
    assert not Interval(0, Fraction(1, 10)).contains(0.1)
    assert Interval(0, 0.1).contains(Fraction(1, 10))


@given(intervals(), st.integers(1, 100))
def test_stretching_keeps_the_open_ends_and_scales_exactly(interval: Interval, factor: int) -> None:
    wide = interval.stretched(factor)
    assert wide.lower_open == interval.lower_open
    if math.isfinite(interval.upper):
        assert wide.upper == Fraction(interval.upper) * factor


def test_a_band_around_infinity_is_infinite() -> None:
    assert Interval.around(0, math.inf) == Interval(-math.inf, math.inf)


def test_ends_in_the_wrong_order_are_refused() -> None:
    with pytest.raises(ValueError, match="lower must not lie above upper, got lower = 1, upper = 0"):
        Interval(1, 0)
    with pytest.raises(ValueError, match="lower must not lie above upper"):
        Interval(1, 1, lower_open=True)


def test_ends_that_are_no_numbers_are_refused() -> None:
    with pytest.raises(ValueError, match="the ends of an interval must be numbers, got nan"):
        Interval(math.nan, 0)


@pytest.mark.parametrize("size", [15, 16, 20, 23, 40, 101, 300])
@pytest.mark.parametrize("level", [1e-4, 1e-4 / 3, 0.01, 0.3])
def test_median_ranks_are_the_narrowest_that_keep_the_level(size: int, level: float) -> None:
    """Against the binomial law in exact integers."""
    ranks = median_ranks(size, level)
    tails = [Fraction(2 * sum(math.comb(size, k) for k in range(rank)), 2**size) for rank in range(1, size // 2 + 2)]
    allowed = [rank for rank, tail in enumerate(tails, start=1) if tail <= Fraction(level) and rank <= size // 2 + 1]
    if ranks is None:
        assert not allowed
    else:
        assert ranks == (allowed[-1], size + 1 - allowed[-1])


def test_too_few_values_enclose_no_median() -> None:
    lower, upper = median_interval(np.arange(14.0), 1e-4)
    assert (float(lower), float(upper)) == (-math.inf, math.inf)


LAWS: dict[str, tuple[Callable[[np.random.Generator, tuple[int, int]], np.ndarray], float]] = {
    "normal": (lambda random, shape: random.normal(size=shape), 0.0),
    "lognormal": (lambda random, shape: np.exp(random.normal(size=shape)), 1.0),
    "very skewed": (lambda random, shape: np.exp(2 * random.normal(size=shape)), 1.0),
    "exponential": (lambda random, shape: random.exponential(size=shape), math.log(2)),
    "cauchy": (lambda random, shape: random.standard_cauchy(size=shape), 0.0),
}


def within_simulation_error(misses: int, cases: int, level: float) -> bool:
    """At most four standard errors above the level."""
    return misses <= cases * level + 4 * math.sqrt(cases * level * (1 - level))


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("size", [20, 33])
def test_the_median_interval_keeps_its_level_for_every_law(law: str, size: int) -> None:
    draw, median = LAWS[law]
    cases = 100_000
    lower, upper = median_interval(draw(np.random.default_rng(size), (cases, size)), 0.01)
    assert within_simulation_error(int(np.count_nonzero((median < lower) | (median > upper))), cases, 0.01)


def test_students_interval_keeps_its_level_for_normal_data() -> None:
    cases = 100_000
    lower, upper = student_interval(np.random.default_rng(1).normal(3.0, 2.0, size=(cases, 20)), 0.01)
    misses = int(np.count_nonzero((lower > 3) | (upper < 3)))
    assert within_simulation_error(misses, cases, 0.01)
    assert misses > 0.8 * cases * 0.01


def test_students_interval_is_far_from_nominal_for_skewed_data() -> None:
    """Which is why it is offered for means of near-normal replicates only."""
    cases = 20_000
    lower, upper = student_interval(np.exp(np.random.default_rng(2).normal(size=(cases, 20))), 1e-4)
    truth = math.exp(0.5)
    assert np.count_nonzero((lower > truth) | (upper < truth)) > 100 * cases * 1e-4


@pytest.mark.parametrize("probability", [0.02, 0.5, 0.9])
def test_the_interval_of_a_proportion_keeps_its_level(probability: float) -> None:
    cases, trials = 100_000, 60
    counts = np.random.default_rng(3).binomial(trials, probability, size=cases)
    lower, upper = clopper_pearson(counts, trials, 0.01)
    assert within_simulation_error(int(np.count_nonzero((probability < lower) | (probability > upper))), cases, 0.01)


def test_the_interval_of_a_proportion_solves_the_binomial_tails() -> None:
    lower, upper = clopper_pearson(3, 10, 0.02)

    def tail(p: float, counts: range) -> float:
        return sum(math.comb(10, k) * p**k * (1 - p) ** (10 - k) for k in counts)

    assert tail(float(lower), range(3, 11)) == pytest.approx(0.01, rel=1e-10)
    assert tail(float(upper), range(4)) == pytest.approx(0.01, rel=1e-10)


def test_no_success_and_no_failure_reach_the_ends() -> None:
    assert float(clopper_pearson(0, 9, 0.1)[0]) == 0
    assert float(clopper_pearson(9, 9, 0.1)[1]) == 1


def test_the_standard_error_of_the_median_is_right_for_normal_data() -> None:
    draws = np.random.default_rng(4).normal(size=(4000, 101))
    assert float(median_error(draws).mean()) == pytest.approx(float(np.median(draws, axis=-1).std()), rel=0.1)


def test_the_jackknife_of_a_mean_is_the_mean_and_its_error() -> None:
    draws = np.random.default_rng(5).normal(size=30)
    estimate, error = jackknife(draws, np.mean)
    assert estimate == pytest.approx(draws.mean(), rel=1e-12)
    assert error == pytest.approx(float(mean_error(draws)), rel=1e-12)


def test_the_jackknife_takes_the_bias_of_a_variance_away() -> None:
    draws = np.random.default_rng(6).normal(size=30)
    assert jackknife(draws, np.var)[0] == pytest.approx(draws.var(ddof=1), rel=1e-12)


def test_the_jackknife_needs_two_draws() -> None:
    with pytest.raises(ValueError, match="draws must hold at least 2 independent draws, got 1"):
        jackknife([1.0], np.mean)


def test_fractions_beyond_every_float_are_numbers_like_others() -> None:
    huge = Fraction(10) ** 400
    interval = Interval.around(huge, 1)
    assert interval.is_inside(Interval(0, math.inf))
    assert interval.stretched(2).upper == 2 * huge + 2
    assert str(interval) == "[1.00000e+400, 1.00000e+400]"
    record = Cell("x", Evidence.FLOAT, interval, claimed=Interval(0, math.inf)).to_record()
    assert record["region"] == {"lower": sys.float_info.max, "upper": None}


def test_an_open_end_matters_only_where_the_ends_meet() -> None:
    half_open = Interval(0, 1, lower_open=True, upper_open=True)
    assert half_open.is_inside(Interval(0, 1))
    assert half_open.is_inside(half_open)
    assert not Interval(0, 0.5).is_inside(half_open)
    assert not Interval(0.5, 1).is_inside(half_open)
    assert Interval(-1, 0).is_disjoint(half_open)
    assert half_open.is_disjoint(Interval(1, 2))
    assert Interval(0, 1).is_disjoint(Interval(1, 2, lower_open=True))
    assert Interval(0, 1, upper_open=True).is_disjoint(Interval(1, 2))
    assert not Interval(0, 1).is_disjoint(Interval(1, 2))
