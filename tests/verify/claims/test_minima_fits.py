"""The set on which a network fits its data: what is claimed of it, and that what is measured can come out otherwise."""

from collections.abc import Callable

import numpy as np
import pytest

import theory
from verify import Finding, Verdict, Workbench
from verify.claims.minima import dimension, wide_layer

Trial = Callable[[str], tuple[list[Finding], Workbench]]


def test_the_dimension_is_proved_certified_and_measured(tried: Trial) -> None:
    findings, bench = tried("minima.dimension")
    assert {finding.verdict for finding in findings} == {Verdict.PROVED, Verdict.CERTIFIED, Verdict.SUPPORTED}
    walk = bench.figures["walk"].layers
    assert walk[0].arrays["y"].max() < dimension.FLOOR < 1e-6 < walk[1].arrays["y"].max()
    spectra = bench.figures["gap"].layers[:-1]
    for layer in spectra:
        places, sizes = layer.arrays["x"], layer.arrays["y"]
        assert sizes[places > 0].max() < 1e-4 * sizes[places <= 0].min()


@pytest.mark.parametrize(
    ("name", "verdict"),
    [
        ("fit-exists", Verdict.PROVED),
        ("wide-layer", Verdict.PROVED),
        ("dimension-as-printed", Verdict.REFUTED),
        ("more-data-than-sizes-as-printed", Verdict.REFUTED),
        ("square-activation-as-printed", Verdict.REFUTED),
    ],
)
def test_what_needs_no_network_is_exact(tried: Trial, name: str, verdict: Verdict) -> None:
    assert {finding.verdict for finding in tried(f"minima.{name}")[0]} == {verdict}


def test_the_bound_is_met_by_the_networks_made_for_it_and_by_no_other(tried: Trial) -> None:
    tried("minima.wide-layer-on-networks")
    kinds = (
        *(wide_layer.equal_singular_values(3, between, "cpu") for between in (0, 1, 2)),
        wide_layer.gradients_and_bounds(3, 20, "8 32 8 2", "cpu"),
    )
    *made, drawn = (
        2
        * found["features"] ** 2
        * found["layers"] ** found["between"]
        * found["loss"]
        / wide_layer.DATA
        / found["squared"]
        for found in kinds
    )
    assert np.concatenate(made) == pytest.approx(1, rel=1e-11)
    assert kinds[1]["layers"] < 0.9
    assert drawn.max() < 0.5


def test_with_as_many_labels_as_parameters_a_fit_is_isolated() -> None:
    assert [theory.kernel_at_a_fit(2, 3, 1, samples=count) for count in (11, 12, 13)] == [1, 0, 0]


def test_two_labels_for_one_input_leave_half_the_square_of_their_difference() -> None:
    found = dimension.exceptional_sets(5, 2, "cpu")
    np.testing.assert_allclose(found["left"], (found["apart"] ** 2).sum(axis=1) / 2, rtol=1e-9)
    assert found["equal"].tolist() == [28, 28]
    assert found["linear"].tolist() == [48, 48]
