"""Spectra against laws: the distance is right, sampled matrices meet their law, and a neighbouring law is refuted."""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import theory
from verify.comparison import LEVEL, Comparison, Rival
from verify.intervals import median_ranks
from verify.rules import SameLaw
from verify.rules.samples import more_draws
from verify.rules.transport import (
    LawTable,
    distance_between,
    distances_to_law,
    law_table,
    put_on_atoms,
    standard_deviation,
)
from verify.verdict import Position, Verdict

SIZES = (40, 80, 160)


@dataclass(frozen=True)
class Uniform:
    """The uniform law on an interval, perhaps with an atom at its left: all that the distance needs of a law."""

    lower: float = 0.0
    upper: float = 1.0
    atom: float = 0.0

    def support(self) -> tuple[tuple[float, float], ...]:
        bulk = ((self.lower, self.upper),)
        return ((self.lower - 1, self.lower - 1), *bulk) if self.atom else bulk

    def atoms(self) -> tuple[tuple[float, float], ...]:
        return ((self.lower - 1, self.atom),) if self.atom else ()

    def cdf(self, x: Any) -> Any:
        inside = np.clip((np.asarray(x) - self.lower) / (self.upper - self.lower), 0, 1)
        return np.where(np.asarray(x) >= self.lower - 1, self.atom + (1 - self.atom) * inside, 0.0)

    def free_cumulant(self, order: int) -> float:
        return (self.upper - self.lower) ** 2 / 12


def wigner(size: int, draws: int, sigma: float = 1.0, seed: int = 0) -> np.ndarray:
    square = np.random.default_rng([seed, size]).normal(size=(draws, size, size))
    return np.linalg.eigvalsh(sigma * (square + square.transpose(0, 2, 1)) / math.sqrt(2 * size))


def wishart(size: int, draws: int, ratio: float, seed: int = 0) -> np.ndarray:
    columns = round(size / ratio)
    factor = np.random.default_rng([seed, size]).normal(size=(draws, size, columns)) / math.sqrt(columns)
    return np.linalg.eigvalsh(factor @ factor.transpose(0, 2, 1))


SEMICIRCLE = theory.semicircle(1)
WIDER = theory.semicircle(Fraction(6, 5))
MARCHENKO_PASTUR = theory.marchenko_pastur(2)
DRAWS = 40  # with 20, the interval of the slope is the whole range of the draws
WIGNER = {size: wigner(size, DRAWS) for size in SIZES}


def same_law(law: Any = SEMICIRCLE, rival: Any = WIDER, within: float = 0.03, **changes: Any) -> Comparison:
    fixed = {"spectra": WIGNER, "rival": Rival("another law", rival)}
    return SameLaw("spectra", law=law, within=within, **fixed | changes)


def brute_force(row: np.ndarray, law: Any, steps: int = 400_000) -> float:
    """Sum the distance of the distribution functions over a fine grid."""
    ends = [end for interval in law.support() for end in interval]
    x = np.linspace(min(*ends, row.min()) - 0.1, max(*ends, row.max()) + 0.1, steps)
    empirical = np.searchsorted(np.sort(row), x, side="right") / len(row)
    return float(np.abs(empirical - law.cdf(x)).mean() * (x[-1] - x[0]))


@pytest.mark.parametrize("law", [Uniform(), Uniform(atom=0.25), SEMICIRCLE, MARCHENKO_PASTUR], ids=str)
def test_the_distance_is_the_integral_of_the_distance_of_the_distribution_functions(law: Any) -> None:
    row = np.random.default_rng(1).normal(0.3, 1.2, size=(1, 57))
    assert distances_to_law(row, law)[0] == pytest.approx(brute_force(row[0], law), rel=1e-4)


def test_the_distance_of_one_point_to_a_uniform_law_is_known() -> None:
    places = np.array([[0.0], [0.5], [2.0]])
    assert distances_to_law(places, Uniform()) == pytest.approx([0.5, 0.25, 1.5], abs=1e-7)


def test_the_distance_of_exact_quantiles_is_a_quarter_of_a_step() -> None:
    count = 100
    row = (np.arange(count) + 0.5)[None] / count
    assert distances_to_law(row, Uniform())[0] == pytest.approx(1 / (4 * count), rel=1e-4)


def test_the_distance_between_laws_follows_a_shift_and_a_dilation() -> None:
    """W1 of a shift is the shift; of a dilation by c it is (c - 1) E|X|, 8/(3 pi) for the unit semicircle."""
    shifted = SEMICIRCLE + theory.point_mass(Fraction(1, 2))
    assert distance_between(SEMICIRCLE, shifted) == pytest.approx(0.5, rel=1e-6)
    assert distance_between(SEMICIRCLE, 3 * SEMICIRCLE) == pytest.approx(2 * 8 / (3 * math.pi), rel=1e-6)
    assert distance_between(Uniform(), Uniform(atom=0.25)) == pytest.approx(0.25 * 1.5, rel=1e-6)
    assert distance_between(SEMICIRCLE, SEMICIRCLE) == 0


@pytest.mark.parametrize(
    "law",
    [SEMICIRCLE, theory.marchenko_pastur(1), MARCHENKO_PASTUR, theory.relu_hessian().at(phi=3, epsilon="1/10")],
    ids=["semicircle", "hard edge", "atom below the bulk", "atom in a gap"],
)
def test_the_table_is_fine_enough(law: Any) -> None:
    """Against a table with sixteen times the knots, at every size of the largest eigenproblems."""
    row = law_table(law).quantile(np.random.default_rng(2).random((1, 1600)))
    fine = LawTable.of(law, steps=65536)
    x = np.linspace(fine.places[0], fine.places[-1], 501)
    assert np.abs(fine.integral(x) - law_table(law).integral(x)).max() < 1e-6 * (x[-1] - x[0])
    assert distances_to_law(row, law)[0] > 1e-4


def test_eigenvalues_are_put_on_an_atom_they_miss_by_rounding() -> None:
    row = np.array([-1e-15, 1e-15, 1e-8, 0.5])
    assert put_on_atoms(row, MARCHENKO_PASTUR).tolist() == [0.0, 0.0, 1e-8, 0.5]


def test_wigner_matrices_meet_the_semicircle_and_refute_a_wider_one() -> None:
    finding = same_law().decide()
    assert finding.verdict is Verdict.SUPPORTED
    assert [cell.claimed is not None for cell in finding.cells] == [True, True, False]
    assert (finding.sample_size, finding.level) == (DRAWS, LEVEL)


def test_wishart_matrices_with_zero_modes_meet_their_law() -> None:
    spectra = {size: wishart(size, DRAWS, ratio=2.0) for size in SIZES}
    finding = same_law(MARCHENKO_PASTUR, theory.marchenko_pastur(Fraction(3, 2)), 0.03, spectra=spectra).decide()
    assert finding.verdict is Verdict.SUPPORTED


def test_law_and_rival_swapped_are_refuted_with_the_rival_standing() -> None:
    finding = same_law(WIDER, SEMICIRCLE).decide()
    assert finding.verdict is Verdict.REFUTED
    assert finding.rival_position is Position.INSIDE


def test_a_scale_off_by_twice_the_margin_is_refuted() -> None:
    """A dilation by 1 + t moves the law by t 8/(3 pi) standard deviations."""
    off = 1 + 2 * 0.03 * 3 * math.pi / 8
    spectra = {size: off * values for size, values in WIGNER.items()}
    assert same_law(spectra=spectra, rival=theory.semicircle(2)).decide().verdict is Verdict.REFUTED


def test_a_distance_that_does_not_fall_with_the_size_is_refuted_even_within_the_margin() -> None:
    spectra = {size: 1.02 * values for size, values in WIGNER.items()}
    spectra[40] = wigner(160, DRAWS, 1.02, seed=3)
    finding = same_law(rival=theory.semicircle(2), within=0.06, spectra=spectra).decide()
    assert finding.cells[0].claim_position is Position.INSIDE
    assert finding.verdict is Verdict.REFUTED


def test_an_undecided_comparison_says_which_of_its_cells_straddles() -> None:
    on_the_edge = float(np.median(distances_to_law(WIGNER[160], SEMICIRCLE)))
    assert "the distance lies across the margin" in same_law(within=on_the_edge).decide().message
    few = {size: values[:20] for size, values in WIGNER.items() if size > 40}
    message = same_law(spectra=few).decide().message
    assert "the slope lies across -1/2" in message
    assert re.search(r"with \d+ of 20 draws above it; about \d+ draws or a wider range of sizes are needed", message)


def test_the_advice_on_draws_grows_with_the_share_of_draws_on_the_wrong_side() -> None:
    """And as many draws as advised do avoid the edge, in nine samples of ten."""
    needs = [more_draws(beyond, 20, LEVEL / 3) for beyond in range(9)]
    assert needs == sorted(needs, key=lambda need: math.inf if need is None else need)
    assert more_draws(10, 20, LEVEL / 3) is None
    ranks = median_ranks(needs[1], LEVEL / 3)
    assert ranks is not None
    share = 2 / 22
    assert np.mean(np.random.default_rng(0).binomial(needs[1], share, 4000) < ranks[0]) > 0.9


def test_draws_that_are_few_broken_or_dropped_block() -> None:
    few = {size: values[:19] for size, values in WIGNER.items()}
    assert same_law(spectra=few).decide().blocked == "20 replicates are needed, there are 19."
    broken = WIGNER | {80: np.where(WIGNER[80] > 1.9, np.nan, WIGNER[80])}
    assert "values are not finite" in str(same_law(spectra=broken).decide().blocked)
    assert same_law(dropped=3).decide().blocked == "3 of 43 members were dropped, more than 5 %."


def malformed() -> Iterator[tuple[dict[str, Any], str]]:
    yield {"within": 0.0}, r"within must be positive and finite, got 0.0"
    yield {"spectra": {40: WIGNER[40]}}, r"spectra must have at least two positive sizes, got \[40\]"
    yield {"spectra": {40: WIGNER[40], 80: WIGNER[80][:9]}}, r"spectra must have as many draws of each size"
    yield {"spectra": {40: WIGNER[40], 80: WIGNER[80][0]}}, r"the spectra of size 80 must have 2 non-empty axes"
    yield {"within": 0.06}, r"within 0.06 reaches the rival: the laws are 0.08\d* apart, not more than twice"
    yield {"within": 0.2}, r"within 0.2 reaches the rival: the laws are .* apart, not more than twice"


@pytest.mark.parametrize(("changes", "match"), list(malformed()))
def test_malformed_arguments_are_refused(changes: dict[str, Any], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        same_law(**changes)


def test_a_law_without_variance_or_of_less_than_mass_one_is_refused() -> None:
    with pytest.raises(ValueError, match=r"law must have a positive variance, got 0"):
        standard_deviation(theory.point_mass(1))

    class Half(Uniform):
        def cdf(self, x: Any) -> Any:
            return super().cdf(x) / 2

    with pytest.raises(ValueError, match=r"law must have total mass 1, got 0.5 at the end of its support"):
        LawTable.of(Half())


def test_distances_are_counted_in_standard_deviations_of_the_law() -> None:
    """Laws and spectra three times as wide are as far from each other."""
    wide = {size: 3 * values for size, values in WIGNER.items()}
    one, three = same_law().decide(), same_law(3 * SEMICIRCLE, 3 * WIDER, spectra=wide).decide()
    for cell, wider in zip(one.cells, three.cells, strict=True):
        assert wider.region.lower == pytest.approx(float(cell.region.lower), rel=1e-6)
        assert wider.region.upper == pytest.approx(float(cell.region.upper), rel=1e-6)
