"""Bulk and outliers: the detector on spectra of known gap, and what the networks hand it."""

from typing import Any

import numpy as np
import pytest
import torch

import numerics
from verify import Proportion, Rival, Verdict, discover
from verify.claims.hessian import bulk, clusters, networks, width


def _spectrum(outliers: int, gap: float, step: float = 1.03, size: int = 60) -> networks.Array:
    """Neighbours at one ratio, with one larger ratio behind the outliers."""
    ratios = np.full(size - 1, step)
    ratios[outliers - 1] = gap
    return np.asarray(1 / np.cumprod(np.concatenate([[1.0], ratios])))


def _ensemble(count: int = 2) -> networks.Classifiers:
    x, labels = numerics.digits(samples=100)
    return networks.untrained((6, 5), x, labels, classes=10, seed=3, networks=count)


def test_the_caption_counts_one_networks_eigenvalues_and_they_add_up() -> None:
    after = np.stack([np.r_[5.0, np.zeros(first), -np.ones(9 - first)] for first in (2, 6, 6)])
    words = bulk.end_in_words(after, np.full((3, 2), 0.01))
    assert "it has 7 negative, 2 unresolved and 1 positive eigenvalues" in words
    assert "Medians over 3 networks: 3 negative and 1 positive" in words


def test_the_two_claims_on_width_refer_to_each_other_and_name_the_loss() -> None:
    claims = {claim.id.removeprefix("hessian."): claim for claim in discover()}
    bulk_grows, layer = claims["width-grows-the-bulk"], claims["one-wider-layer-top-eigenvalue"]
    assert layer.id in bulk_grows.statement
    assert bulk_grows.id in layer.statement
    for claim in (bulk_grows, layer):
        assert "cross-entropy" in claim.statement
        assert "squared error" in claim.statement
    assert layer.title.endswith("?")


@pytest.mark.parametrize("scale", [1e-8, 1.0, 1e8])
@pytest.mark.parametrize("outliers", range(1, networks.PLACES + 1))
def test_the_detector_finds_the_largest_ratio_at_every_place_and_in_every_unit(outliers: int, scale: float) -> None:
    assert networks.outliers(scale * _spectrum(outliers, gap=1.1)) == outliers


def test_the_detector_looks_no_further_than_twenty_places_and_stands_the_end_of_the_positive_ones() -> None:
    assert networks.outliers(_spectrum(21, gap=100.0)) <= networks.PLACES
    few = np.concatenate([[4.0, 3.0, 2.0], np.zeros(10), -np.ones(20)])
    assert networks.outliers(few) == 3
    assert np.isfinite(networks.gap_ratios(few)).all()


def test_the_detector_reads_one_spectrum_a_row() -> None:
    rows = np.stack([_spectrum(outliers, gap=1.5) for outliers in (2, 9, 5)])
    assert networks.outliers(rows).tolist() == [2, 9, 5]
    assert networks.gap_ratios(rows).shape == (3, networks.PLACES)


def test_mass_near_zero_counts_both_signs_against_the_radius() -> None:
    spectrum = np.array([2.0, 1.0, 1.9e-3, 0.0, -1.9e-3, -2.1e-3, -3.0])
    assert float(networks.mass_near_zero(spectrum)) == 3 / 7 + 1 / 7  # the radius is 3, not 2
    assert networks.mass_near_zero(np.stack([spectrum, np.ones(7)])).tolist() == [4 / 7, 0.0]


def test_training_ends_at_the_loss_that_was_asked_for() -> None:
    start = _ensemble()
    end = start.trained(7, to=1.0)
    loss = numerics.CrossEntropy().value(end.network.forward(end.theta, end.x), end.labels)
    assert end.arrived.all()
    assert float(loss.max()) <= 1.0
    assert (end.relative_gradient > 0).all()
    again = _ensemble().trained(7, to=1.0)
    assert torch.equal(end.theta, again.theta)
    assert not torch.equal(end.theta, _ensemble().trained(8, to=1.0).theta)


def test_the_fall_along_the_last_layer_is_the_derivative_by_its_scale() -> None:
    end = _ensemble().trained(7, to=1.0)
    last, step = end.network.layers["2.weight"].start, 1e-5
    logs = []
    for scale in (1 - step, 1 + step):
        theta = end.theta.clone()
        theta[:, last:] *= scale
        logs.append(numerics.CrossEntropy().value(end.network.forward(theta, end.x), end.labels).log())
    slope = (logs[1] - logs[0]) / (2 * step)
    np.testing.assert_allclose(end.fall_along_last_layer(), -slope.numpy(), rtol=1e-7)


def test_the_loss_falls_along_the_last_layer_where_every_example_is_classified_right() -> None:
    start = _ensemble()
    favourite = start.network.forward(start.theta, start.x).argmax(dim=-1)
    right = networks.Classifiers(
        start.network, start.theta, start.x.expand(2, -1, -1), favourite, start.arrived, start.loss, start.loss
    )
    assert (right.fall_along_last_layer() > 0).all()


def test_largest_eigenvalues_are_the_head_of_the_whole_spectrum() -> None:
    end = _ensemble().trained(7, to=1.0)
    spectra = end.spectra()
    assert (np.diff(spectra, axis=1) <= 0).all()
    values, sure = end.largest(12, seed=5)
    assert sure.all()
    assert np.abs(values - spectra[:, :12]).max() <= networks.ACCURACY * spectra[:, 0].max()


def test_networks_with_data_of_their_own_are_told_apart() -> None:
    x, labels = numerics.gaussian_clusters(clusters=3, features=4, samples=60, spread=0.5, seeds=[0, 1])
    pair = networks.untrained((6, 5), x, labels, classes=3, seed=3, networks=2)
    alone = networks.Classifiers(
        pair.network, pair.theta[1:], x[1:], labels[1:], pair.arrived[1:], pair.relative_gradient[1:], pair.loss[1:]
    )
    np.testing.assert_allclose(pair.spectra()[1:], alone.spectra(), rtol=0, atol=1e-12)


def test_three_clusters_have_two_outliers_and_the_number_of_a_rival_would_be_refuted() -> None:
    counts, truth = [], []
    for k in (3, 6):
        measured = clusters.largest_eigenvalues(
            seed=5, networks=4, clusters=k, classes=k, spread=2.5, device="cpu", later=False
        )
        assert measured["sure at 0.3"].all()
        counts += networks.outliers(measured["values at 0.3"]).tolist()
        truth += [k] * 4
    assert counts == [k - 1 for k in truth]
    always_nine = sum(9 in (k - 1, k) for k in clusters.CLUSTERS for _ in range(8))
    rival = Rival("a number that does not depend on k", (0.0, 2 / 9))
    finding = Proportion("nine, whatever k is", successes=always_nine, trials=72, within=(0.8, 1.0), rival=rival)
    assert finding.decide().verdict is Verdict.REFUTED


def test_before_training_there_is_no_gap_behind_the_ninth_eigenvalue() -> None:
    measured = bulk.spectra_before_and_after(seed=5, networks=2, device="cpu", first=10, second=8, samples=300)
    assert measured["arrived"].all()
    before, after = (networks.gap_ratios(measured[name])[:, 8] for name in ("before", "after"))
    assert (after > before).all()
    assert (measured["depth later"] > 0).all()
    least = measured["after"][:, -1] / measured["after"][:, 0]
    assert (least < 0).all()


def test_the_share_near_zero_is_exact_for_few_parameters_and_within_two_points_for_many() -> None:
    settings: dict[str, Any] = {"seed": 5, "networks": 1, "device": "cpu", "images": "digits", "count": 21, "probes": 4}
    x, labels = numerics.digits(samples=width.SAMPLES)
    for units, size, error in ((10, 870, 1e-12), (16, 1482, 0.02)):
        measured = width.largest_eigenvalues(width=units, **settings)
        start = networks.untrained((units, units), x, labels, classes=10, seed=5, networks=1)
        exact = networks.mass_near_zero(start.trained(6, to=width.LOSS).spectra())
        assert measured["parameters"] == size
        assert np.abs(measured["share"] - exact).max() <= error


def test_a_geometric_mean_of_ratios_does_not_prefer_a_side() -> None:
    ratios = np.array([[2.0, 0.5, 1.0], [4.0, 4.0, 4.0]])
    np.testing.assert_allclose(width.geometric(ratios), [1.0, 4.0], rtol=1e-14)
