"""Regions, kinks and risks of small networks: what the claims measure is what they say."""

from collections.abc import Callable

import numpy as np
import pytest

import theory
from verify import Finding, Workbench
from verify.claims.classifier import half_spaces, kinks, regions, sample_risk, slopes

Trial = Callable[[str], tuple[list[Finding], Workbench]]


def test_slices_have_as_many_regions_as_their_own_dimension_allows() -> None:
    for seed in range(2):
        assert regions.counted_slices(seed)["counted"].tolist() == [theory.most_cells(*case) for case in regions.SLICES]


def test_folding_networks_have_their_regions_in_floating_point_too() -> None:
    assert regions.folded_counts()["counted"].tolist() == [folds**depth for folds, depth in regions.FOLDS]


def test_the_drawing_of_regions_has_every_line_in_one_layer_and_not_the_frame(tried: Trial) -> None:
    first, second = tried("classifier.activation-regions")[1].figures["plane"].layers
    assert (first.label, second.label) == ("first layer", "second layer")
    drawn = []
    for layer in (first, second):
        x0, y0, x1, y1 = (layer.arrays[name] for name in ("x0", "y0", "x1", "y1"))
        assert len(x0) >= 4
        assert all(np.abs(ends).max() <= 2 for ends in (x0, y0, x1, y1))
        middles = np.stack([x0 + x1, y0 + y1], axis=1) / 2
        assert np.abs(middles).max() < 2
        drawn.append((middles, np.stack([x0, y0], axis=1), np.stack([x1, y1], axis=1)))
    (_, start, end), (middles, _, _) = drawn
    along = (end - start) / np.linalg.norm(end - start, axis=1)[:, None]
    away = middles[:, None] - start
    assert np.abs(away[..., 0] * along[:, 1] - away[..., 1] * along[:, 0]).min() > 5e-4


def test_zigzags_reach_the_bound_in_floating_point_and_random_units_stay_below() -> None:
    found = half_spaces.changes_on_a_line(3, 50)
    assert found["zigzag"].tolist() == [theory.most_sign_changes(count) for count in half_spaces.FEW]
    assert (found["random"].max(1) <= found["zigzag"]).all()
    assert found["random"].max() >= 2


def test_three_ways_to_write_relu_have_three_derivatives_of_the_identity() -> None:
    found = kinks.slopes_at_the_kink()
    assert found["chosen"].tolist() == [0, 0.5, 1, 0]
    assert found["measured"].tolist() == (2 * found["chosen"]).tolist()


def test_starts_without_biases_have_a_layer_off_and_starts_with_them_no_unit_at_its_kink() -> None:
    found = kinks.random_starts(2, 500)
    assert found["with"].sum() == 0
    assert 0.15 < found["without"].mean() < 0.35


def test_distances_at_the_start_do_not_depend_on_training() -> None:
    short, shorter = (kinks.distances(7, 3, steps) for steps in (40, 20))
    assert np.array_equal(short["start"], shorter["start"])
    assert not np.array_equal(short["end"], shorter["end"])
    assert short["start"].shape == (3, kinks.EXAMPLES * kinks.UNITS)
    assert short["through end"].shape == (3, kinks.RECORDS + 1)
    assert np.array_equal(short["through end"][:, 0], (short["start"] < kinks.NEAR).mean(1))
    assert np.array_equal(short["through end"][:, -1], (short["end"] < kinks.NEAR).mean(1))


def test_steps_have_no_slope_and_stay_while_sigmoids_learn() -> None:
    found = slopes.descents(5, 4)
    assert not found["slopes"].any()
    assert np.array_equal(found["step"], found["start"])
    assert np.abs(found["smooth"]).max() > 1e-3
    assert (found["sigmoid"] < found["sigmoid start"]).all()


def test_the_first_chain_has_the_greatest_slope_and_no_other_more() -> None:
    shares = slopes.chain_slopes(1, 20)["shares"]
    assert shares[0] == pytest.approx(1, rel=1e-12)
    assert shares[1:].max() < 1


def test_risks_of_least_squares_are_those_of_single_fits() -> None:
    found = sample_risk.least_squares(4, 2)
    assert {name: len(risk) for name, risk in found.items()} == {"fixed": 2, "train": 2, "new": 2}
    assert (found["train"] < found["fixed"]).all()
    assert (found["fixed"] < found["new"]).all()
