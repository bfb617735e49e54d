"""Subset sums and how near they come, against listing them one by one."""

import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from numerics import covering_radius, nearest_subset_sum, subset_sums

rows = st.lists(st.integers(-50, 50), min_size=0, max_size=7)


@settings(max_examples=30)
@given(numbers=rows)
def test_every_subset_has_its_sum(numbers: list[int]) -> None:
    found = subset_sums(torch.tensor([numbers], dtype=torch.float64).reshape(1, -1))
    subsets = itertools.chain.from_iterable(itertools.combinations(numbers, k) for k in range(len(numbers) + 1))
    assert sorted(found[0].tolist()) == sorted(float(sum(subset)) for subset in subsets)


@settings(max_examples=30)
@given(numbers=st.lists(st.integers(-50, 50), min_size=1, max_size=9), target=st.integers(-200, 200))
def test_meeting_in_the_middle_finds_the_nearest_of_all_sums(numbers: list[int], target: int) -> None:
    table = torch.tensor([numbers, numbers], dtype=torch.float64)
    targets = torch.tensor([target, target + 0.25], dtype=torch.float64)
    listed = (subset_sums(table) - targets[:, None]).abs().amin(1)
    assert torch.equal(nearest_subset_sum(table, targets), listed)


@settings(max_examples=30)
@given(points=st.lists(st.integers(-30, 30), min_size=1, max_size=8))
def test_no_place_of_a_fine_grid_is_farther_than_the_covering_radius_and_some_is_as_far(points: list[int]) -> None:
    places = torch.arange(-20, 21, dtype=torch.float64) / 2  # of half integers, where a middle of integers lies
    table = torch.tensor([points], dtype=torch.float64)
    distances = (places[:, None] - table).abs().amin(1)
    assert covering_radius(table, lower=-10.0, upper=10.0).item() == distances.max().item()


def test_a_set_of_samples_does_not_depend_on_those_beside_it(device: str) -> None:
    table = torch.rand(4, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64).to(device)
    targets = table.sum(1) / 3
    together = nearest_subset_sum(table, targets)
    for member in range(4):
        assert torch.equal(
            nearest_subset_sum(table[member : member + 1], targets[member : member + 1])[0], together[member]
        )


def test_powers_of_two_cover_an_interval_as_well_as_so_many_sums_can() -> None:
    table = 2.0 ** -torch.arange(1, 11, dtype=torch.float64)[None] * 1024 / 1023
    assert covering_radius(subset_sums(table), lower=0.0, upper=1.0).item() == pytest.approx(1 / 2046, rel=1e-12)


@pytest.mark.usefixtures("unchecked")
def test_what_does_not_fit_is_refused() -> None:
    one = torch.ones(1, 3)
    with pytest.raises(ValueError, match=r"numbers must have one row per member, at least one, got shape \(3,\)"):
        subset_sums(torch.ones(3))
    with pytest.raises(ValueError, match=r"numbers must be at most 24 a member, of which all sums fit, got 25"):
        subset_sums(torch.ones(1, 25))
    with pytest.raises(ValueError, match=r"numbers must be at most 48 a member, got 49"):
        nearest_subset_sum(torch.ones(1, 49), torch.ones(1))
    with pytest.raises(ValueError, match=r"targets must be one per member, 1, .* got shape \(2,\)"):
        nearest_subset_sum(one, torch.ones(2))
    with pytest.raises(ValueError, match=r"numbers must be finite"):
        subset_sums(torch.tensor([[math.inf]]))
    with pytest.raises(ValueError, match=r"points must be at least one a member, got none"):
        covering_radius(torch.ones(1, 0), lower=0.0, upper=1.0)
    with pytest.raises(ValueError, match=r"upper must lie above lower, 1, got 1"):
        covering_radius(one, lower=1.0, upper=1.0)
