import numpy as np
import pytest

import theory
from verify.spectrum.bulk_fit import FITS_WITHIN, WINDOW, bulk_and_outliers
from verify.spectrum.record import BulkFit
from verify.spectrum.summary import outlier_sentence
from verify.spectrum.weighted import EXACT, WeightedSpectrum

SIZE = 400


def wigner(seed: int, size: int = SIZE) -> np.ndarray:
    draw = np.random.default_rng(seed).normal(size=(size, size))
    return (draw + draw.T) / (2 * size) ** 0.5


def wishart(seed: int, ratio: float, size: int = SIZE) -> np.ndarray:
    columns = round(size / ratio)
    draw = np.random.default_rng(seed).normal(size=(size, columns)) / columns**0.5
    return draw @ draw.T


def fitted(eigenvalues: np.ndarray, top: int = 20) -> BulkFit:
    values = np.sort(eigenvalues)
    radius = float(np.abs(values).max())
    return bulk_and_outliers(
        WeightedSpectrum.of_eigenvalues(values),
        size=values.size,
        largest=values[::-1][:top],
        smallest=values[:top],
        zero=values.size * 2e-16 * radius,
    )[0]


def verdicts(fit: BulkFit) -> dict[str, str | None]:
    return {law.name: law.verdict for law in fit.laws}


@pytest.mark.parametrize("unit", [1.0, 1e-9, 1e6])
def test_each_law_fits_its_own_matrices_in_any_unit_and_the_simplest_comes_first(unit: float) -> None:
    semicircle = fitted(unit * np.linalg.eigvalsh(wigner(0)))
    assert semicircle.best is not None
    assert semicircle.best.name == "semicircle"
    assert semicircle.best.verdict == "fits"
    assert semicircle.best.parameters["variance"] == pytest.approx(unit**2, rel=0.05)

    wishart_fit = fitted(unit * np.linalg.eigvalsh(wishart(1, 0.5)))
    assert wishart_fit.best is not None
    assert wishart_fit.best.name == "Marchenko-Pastur"
    assert wishart_fit.best.parameters == pytest.approx({"ratio": 0.5, "scale": unit}, rel=0.05)
    assert verdicts(wishart_fit)["semicircle"] == "does not fit"

    both = fitted(unit * np.linalg.eigvalsh(wishart(3, 0.5) + 0.3 * wigner(2)))
    assert both.best is not None
    assert both.best.name == "Marchenko-Pastur + semicircle"
    assert both.best.verdict == "fits"
    assert both.best.parameters == pytest.approx({"ratio": 0.5, "scale": unit, "variance": 0.09 * unit**2}, rel=0.25)


def test_a_fitted_law_has_the_edges_of_the_bulk() -> None:
    for eigenvalues in (np.linalg.eigvalsh(wigner(4)), np.linalg.eigvalsh(wishart(5, 0.3) + 0.2 * wigner(6))):
        fit = fitted(eigenvalues)
        width = fit.edges[1] - fit.edges[0]
        for law in fit.laws:
            if law.edges is not None:
                assert law.edges == pytest.approx(fit.edges, abs=1e-6 * width)


def test_planted_outliers_are_counted_on_both_sides_and_leave_the_bulk_as_it_was() -> None:
    eigenvalues = np.linalg.eigvalsh(wigner(7))
    plain, spiked = fitted(eigenvalues), fitted(np.concatenate([eigenvalues, [4.0, 5.0, 9.0, -6.0]]))
    assert (plain.outliers_above, plain.outliers_below) == (0, 0)
    assert (spiked.outliers_above, spiked.outliers_below) == (3, 1)
    assert spiked.edges == plain.edges
    assert spiked.count == pytest.approx(SIZE)


def test_a_geometric_tail_has_no_outliers_and_no_law() -> None:
    fit = fitted(0.97 ** np.arange(400))
    assert fit.outliers_above == 0
    assert {verdict for verdict in verdicts(fit).values() if verdict} == {"does not fit"}


def test_dead_directions_are_put_aside_and_not_fitted() -> None:
    eigenvalues = np.concatenate([np.linalg.eigvalsh(wishart(8, 0.5)), np.zeros(100)])
    fit = fitted(eigenvalues)
    assert fit.at_zero == 100
    assert fit.count == pytest.approx(SIZE)
    assert verdicts(fit)["Marchenko-Pastur"] == "fits"


@pytest.mark.parametrize("rank", [3, 15])
def test_above_a_spectrum_of_zeros_all_are_outliers(rank: int) -> None:
    fit = fitted(np.concatenate([np.linspace(1, 2, rank), np.zeros(200)]))
    assert (fit.outliers_above, fit.at_zero, fit.gap_above) == (rank, 200, np.inf)
    assert fit.reason == "nothing is left beside the outliers and zero"


@pytest.mark.parametrize(("above", "below"), [(3, 8), (20, 6), (1, 1)])
def test_an_end_of_which_too_few_are_known_is_not_searched_and_no_law_is_laid_across_it(above: int, below: int) -> None:
    eigenvalues = np.linalg.eigvalsh(wigner(13))
    fit, counts = bulk_and_outliers(
        noisy(eigenvalues, 8, 0.1), size=SIZE, largest=eigenvalues[::-1][:above], smallest=eigenvalues[:below], zero=0.0
    )
    unsearched = [f"{n} eigenvalue{'s' * (n > 1)} known, 7 or more are needed" if n < 7 else "" for n in (above, below)]
    assert [fit.unsearched_above, fit.unsearched_below] == unsearched
    assert fit.laws == ()
    assert fit.reason.endswith(f"end was not searched for outliers: {unsearched[0] or unsearched[1]}")
    assert counts is not None
    assert counts.expected == ()
    for side, why in zip(("above", "below"), unsearched, strict=True):
        assert (f"{side} the bulk not searched: {why}" in outlier_sentence(fit)) == bool(why)
        assert (f"none {side} the bulk" in outlier_sentence(fit)) == (not why)


def test_below_a_bulk_that_has_nothing_negative_there_is_nothing_to_search() -> None:
    eigenvalues = np.linalg.eigvalsh(wishart(14, 0.5))
    fit = bulk_and_outliers(
        noisy(eigenvalues, 8, 0.1), size=SIZE, largest=eigenvalues[::-1][:20], smallest=eigenvalues[:2], zero=1e-12
    )[0]
    assert (fit.unsearched_above, fit.unsearched_below, fit.gap_below) == ("", "", None)
    assert fit.laws


def test_a_clear_gap_is_not_overruled_by_a_chance_one_behind_it() -> None:
    """Two outliers, then a bulk of equal spacings that has one gap of 7 of them."""
    bulk = np.arange(60.0)
    bulk[-5:] += 6.0
    fit = fitted(np.concatenate([bulk, [400.0, 401.0]]))
    assert (fit.outliers_above, fit.gap_above) == (2, 400 - 65)
    chance = fitted(bulk)
    assert (chance.outliers_above, chance.gap_above) == (5, 7.0)  # alone it is the widest
    near = fitted(np.concatenate([bulk, [65 + 60.0, 65 + 61.0]]))
    assert (near.outliers_above, near.gap_above) == (7, 7.0)  # more than a tenth of 60


def test_chance_alone_makes_an_outlier_in_few_random_matrices() -> None:
    """The rates that the documentation states, over 400 matrices of size 300 each: here over 60."""
    for draw in (lambda seed: wigner(seed, 300), lambda seed: wishart(seed, 0.5, 300)):
        found = [fitted(np.linalg.eigvalsh(draw(seed)), WINDOW) for seed in range(60)]
        assert sum(fit.outliers_above + fit.outliers_below > 0 for fit in found) <= 9  # a rate of 0.04, 4 errors


def test_a_flat_or_small_bulk_is_said_to_be_one() -> None:
    assert fitted(np.ones(50)).reason == "the bulk is a single place"
    assert fitted(np.zeros(50)).reason == "nothing is left beside the outliers and zero"
    small = fitted(np.linspace(1, 2, 12))
    assert small.reason.startswith("the bulk has 12 eigenvalues")
    assert small.best is None


def test_the_distance_is_the_one_between_quantiles() -> None:
    """A second route: with equal weights W1 is the mean distance of sorted eigenvalues and the law's quantiles.

    The two differ where the cdfs cross between points of the grid, by a quarter of a percent here.
    """
    eigenvalues = np.linalg.eigvalsh(wigner(9))
    law = next(law for law in fitted(eigenvalues).laws if law.name == "semicircle")
    places = np.linspace(*law.edges, 200001)
    shifted = theory.semicircle(law.parameters["variance"]) + theory.point_mass(law.parameters["centre"])
    ranks = (np.arange(40 * SIZE) + 0.5) / (40 * SIZE)
    quantiles = np.interp(ranks, shifted.cdf(places), places)
    expected = np.abs(np.repeat(eigenvalues, 40) - quantiles).mean() / eigenvalues.std()
    assert law.distance is not None
    assert law.distance.value == pytest.approx(expected, rel=5e-3)
    assert law.distance.error == 0


def noisy(eigenvalues: np.ndarray, probes: int, spread: float) -> WeightedSpectrum:
    """An estimate as a few probes give it: weights that scatter around the right ones."""
    draw = np.random.default_rng(0)
    weights = draw.uniform(1 - spread, 1 + spread, size=(probes, eigenvalues.size))
    weights /= weights.sum(axis=1, keepdims=True) * probes
    groups = np.repeat(np.arange(probes), eigenvalues.size)
    return WeightedSpectrum(np.tile(eigenvalues, probes), weights.ravel(), groups)


def test_an_estimated_spectrum_gives_the_fit_of_the_exact_one_with_an_error() -> None:
    eigenvalues = np.linalg.eigvalsh(wishart(10, 0.5))
    exact = fitted(eigenvalues).best
    fit, counts = bulk_and_outliers(
        noisy(eigenvalues, 8, 0.5), size=SIZE, largest=eigenvalues[::-1][:20], smallest=eigenvalues[:8], zero=1e-12
    )
    assert exact is not None
    assert exact.distance is not None
    assert counts is not None
    law = fit.best
    assert law is not None
    assert law.distance is not None
    assert (law.name, law.verdict) == (exact.name, "fits")
    assert 0 < law.distance.error < FITS_WITHIN
    assert abs(law.distance.value - exact.distance.value) < 5 * law.distance.error
    assert sum(counts.counts) == pytest.approx(SIZE)
    assert sum(counts.expected) == pytest.approx(SIZE, rel=1e-6)


def test_an_estimated_edge_that_rounding_cannot_tell_from_zero_is_zero() -> None:
    """Or Marchenko-Pastur, which has nothing below zero, would not be tried."""
    eigenvalues = np.concatenate([np.linalg.eigvalsh(wishart(15, 0.5)), np.linspace(-1e-16, 1e-16, 20)])
    eigenvalues.sort()
    fit, _ = bulk_and_outliers(
        noisy(eigenvalues, 8, 0.1),
        size=eigenvalues.size,
        largest=eigenvalues[::-1][:20],
        smallest=eigenvalues[:8],
        zero=1e-13,
    )
    assert fit.edges[0] == 0.0
    assert verdicts(fit)["Marchenko-Pastur"] == "does not fit"


def test_an_edge_of_which_two_estimates_differ_loses_no_eigenvalue() -> None:
    eigenvalues = np.concatenate([np.linalg.eigvalsh(wishart(12, 0.5)), [7.0, 9.0]])
    measured = eigenvalues * (1 + 1e-6 * np.random.default_rng(0).normal(size=eigenvalues.size))
    fit, counts = bulk_and_outliers(
        noisy(measured, 8, 0.0), size=SIZE + 2, largest=eigenvalues[::-1][:20], smallest=eigenvalues[:8], zero=1e-12
    )
    assert counts is not None
    assert fit.outliers_above == 2
    assert fit.count == pytest.approx(SIZE)
    assert sum(counts.counts) == pytest.approx(SIZE)


def test_too_few_probes_leave_the_fit_open() -> None:
    eigenvalues = np.linalg.eigvalsh(wishart(11, 0.5))
    fit, _ = bulk_and_outliers(
        noisy(eigenvalues, 1, 0.1), size=SIZE, largest=eigenvalues[::-1][:20], smallest=eigenvalues[:8], zero=1e-12
    )
    assert verdicts(fit)["Marchenko-Pastur"] == "cannot be told"


@pytest.mark.parametrize("unit", [1e-200, 1e170])
def test_no_law_is_laid_against_a_bulk_whose_squares_leave_the_range_of_floats(unit: float) -> None:
    fit = fitted(unit * np.linalg.eigvalsh(wigner(0)))
    assert fit.laws == ()
    assert "laws are laid against one from 1e-100 to 1e100" in fit.reason


def test_no_extreme_eigenvalue_is_refused() -> None:
    spectrum = WeightedSpectrum.of_eigenvalues([1.0, 2.0])
    with pytest.raises(ValueError, match="largest and smallest must hold at least one eigenvalue each, got none"):
        bulk_and_outliers(spectrum, size=2, largest=[], smallest=[1.0], zero=0.0)


def test_jackknife_errors_of_counts_are_those_of_a_mean() -> None:
    draw = np.random.default_rng(1)
    shares = draw.uniform(0.2, 0.4, size=12)
    nodes = np.concatenate([[5.0], np.tile([0.0, 1.0], 12)])
    weights = np.concatenate([[0.1], 0.9 * np.stack([shares, 1 - shares], 1).ravel() / 12])
    groups = np.concatenate([[EXACT], np.repeat(np.arange(12), 2)])
    counts, errors = WeightedSpectrum(nodes, weights, groups).counts([-0.5, 0.5, 1.5, 6], size=1000)
    standard_error = 900 * shares.std(ddof=1) / 12**0.5
    assert counts == pytest.approx([900 * shares.mean(), 900 * (1 - shares.mean()), 100])
    assert errors == pytest.approx([standard_error, standard_error, 0])


@pytest.mark.parametrize(
    ("nodes", "weights", "groups", "sentence"),
    [
        ([], [], [], "vectors of one length >= 1"),
        ([1.0, 2.0], [1.0], [0], "vectors of one length >= 1"),
        ([np.nan], [1.0], [0], "must be finite"),
        ([1.0], [0.5], [0], "shares of sum 1"),
        ([1.0, 2.0], [1.5, -0.5], [0, 0], "shares of sum 1"),
    ],
)
def test_a_spectrum_that_is_none_is_refused(nodes: list, weights: list, groups: list, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        WeightedSpectrum(nodes, weights, groups)
