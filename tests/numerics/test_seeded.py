"""Seeds: independent between purposes, all their bits counted, and nothing but integers."""

import itertools
from collections.abc import Callable, Sequence

import numpy as np
import pytest
import torch

from numerics import Mlp, gaussian_memorisation, sample_residual_blocks, sample_wigner, sample_wishart
from numerics.seeded import checked_seeds, generators

Draw = Callable[[Sequence[int]], torch.Tensor]

DRAWS: dict[str, Draw] = {
    "wigner": lambda seeds: sample_wigner(12, seeds=seeds),
    "wishart": lambda seeds: sample_wishart(12, ratio=0.5, seeds=seeds),
    "residual": lambda seeds: sample_residual_blocks(12, samples=12, epsilon=0.5, active="linear", seeds=seeds),
    "weights": lambda seeds: Mlp((12, 12)).init(seeds),
    "inputs": lambda seeds: gaussian_memorisation(inputs=12, outputs=12, samples=12, seeds=seeds)[0],
    "targets": lambda seeds: gaussian_memorisation(inputs=12, outputs=12, samples=12, seeds=seeds)[1],
}


@pytest.mark.parametrize(("first", "second"), [*itertools.combinations(DRAWS, 2)])
def test_equal_seeds_for_different_purposes_are_uncorrelated(first: str, second: str) -> None:
    """Entry by entry over 2000 members: no correlation is beyond 6 of its standard errors 2000^(-1/2)."""
    seeds = range(2000)
    a, b = (DRAWS[name](seeds).flatten(1) for name in (first, second))
    a, b = ((each - each.mean(0)) / each.std(0) for each in (a, b))
    assert float((a.T @ b / len(seeds)).abs().max()) < 6 * len(seeds) ** -0.5


@pytest.mark.parametrize("name", DRAWS)
def test_all_bits_of_a_seed_count(name: str) -> None:
    seeds = [5, 5 + 2**31, 5 + 2**32, 5 + 2**33, 5 + 2**62, 5 + 2**63]
    draws = DRAWS[name](seeds)
    for one, other in itertools.combinations(draws, 2):
        assert float((one - other).abs().max()) > 0.1


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("name", DRAWS)
def test_equal_seeds_give_equal_members_and_a_seed_may_come_from_numpy_or_torch(name: str) -> None:
    twice = DRAWS[name]([4, 4])
    assert torch.equal(twice[0], twice[1])
    for seeds in (np.array([4, 4]), torch.tensor([4, 4]), (np.int32(4), np.uint64(4))):
        assert torch.equal(DRAWS[name](seeds), twice)  # type: ignore[arg-type]


def test_the_stream_of_a_seed_stays_as_it_is() -> None:
    """A record of one run is reproduced by the next version only if this number stays."""
    draw = torch.rand(1, generator=next(generators("wigner", [123])), dtype=torch.float64)
    assert draw.item() == 0.8227187443489907


def test_the_hash_spreads_seeds_over_all_its_bits() -> None:
    starts = {one.initial_seed() for one in generators("network", range(10_000))}
    assert len(starts) > 9_990
    assert max(starts) > 0.99 * 2**32


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("name", DRAWS)
def test_seeds_that_are_no_integers_are_refused(name: str) -> None:
    for seed in (0.5, 1.0, True, "1", None, 1j, float("nan"), -1, 2**64, np.float64(1), np.bool_(True), [1]):
        with pytest.raises(ValueError, match=r"seeds must hold one integer in \[0, 2\*\*64\) per member, got "):
            DRAWS[name]([seed])  # type: ignore[list-item]
    for seeds in (3, None, iter([1])):
        with pytest.raises(ValueError, match=r"seeds must be a sequence of one integer in \[0, 2\*\*64\) per member"):
            DRAWS[name](seeds)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="seeds must hold one integer per member, got none"):
        DRAWS[name]([])
    assert checked_seeds(range(3)) == (0, 1, 2)
