"""The claim on escapes from a sharp well: the landscape, the descent, the outcome."""

from collections.abc import Callable

import numpy as np

import theory
from verify import Finding, Workbench
from verify.claims.flatness.landscapes import TwoWells, ends_of_descent

Tried = Callable[[str], tuple[list[Finding], Workbench]]
WELLS = {"flat": 1.0, "sharp": 9.0, "top": 4.0, "height": 1.0}


def test_the_landscape_is_smooth_and_its_slope_is_its_derivative() -> None:
    wells = TwoWells(**WELLS)
    places = np.linspace(-3, 2, 5001)
    step = 1e-6
    slope = (wells.loss(places + step) - wells.loss(places - step)) / (2 * step)
    np.testing.assert_allclose(wells.slope(places), slope, atol=1e-5)


def test_both_wells_are_equally_deep_below_a_barrier_of_the_height_given() -> None:
    wells = TwoWells(**WELLS)
    np.testing.assert_allclose(wells.loss(np.array([*wells.minima, 0.0])), [0, 0, 1], atol=1e-12)
    np.testing.assert_allclose(wells.slope(np.array([*wells.minima, 0.0])), 0, atol=1e-12)


def test_the_share_of_the_flat_well_tends_to_that_of_little_noise() -> None:
    wells = TwoWells(**WELLS)
    limit = theory.flat_well_share(1.0, 9.0)
    errors = [abs(wells.share(temperature) - limit) for temperature in (0.3, 0.2, 0.1, 0.05)]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 1e-5


def test_without_noise_no_run_leaves_the_sharp_well() -> None:
    found = ends_of_descent(1, **WELLS, rate=0.03, batch=2, spread=0.0, proportional=False, steps=100, runs=20)
    assert not found["flat"].any()
    assert found["share"].shape == (50,)


def test_runs_of_one_seed_are_the_same() -> None:
    options = {"rate": 0.03, "batch": 1, "spread": 2.0, "proportional": True, "steps": 100, "runs": 50}
    first, second = (ends_of_descent(5, **WELLS, **options) for _ in range(2))  # type: ignore[arg-type]
    np.testing.assert_array_equal(first["flat"], second["flat"])
    assert 0 < first["flat"].sum() < 50


def test_it_comes_out_as_expected_at_another_root_seed(tried: Tried) -> None:
    _, bench = tried("flatness.escapes-sharp")
    assert {figure.name for figure in bench.figures.values()} == {"wells", "shares"}
