"""The claims on the sharpness of minima, in whole and in random subspaces: measurements, outcome."""

from collections.abc import Callable

import numpy as np

import theory
from verify import Finding, Verdict, Workbench
from verify.claims.flatness import ascent

Tried = Callable[[str], tuple[list[Finding], Workbench]]


def test_the_sharpness_of_a_quadratic_in_a_ball_is_that_of_its_largest_eigenvalue() -> None:
    found = ascent.sharpness_in_balls("quadratics", 4, 3, 0.5, "cpu")
    np.testing.assert_allclose(found["value"], found["eigenvalues"][:, -1] / 8, rtol=1e-6)


def test_the_sharpness_in_a_box_is_within_its_bounds() -> None:
    found = ascent.sharpness_in_boxes(5, 2, 0.1, "cpu")
    for value, hessian, place in zip(found["value"], found["hessians"], found["minima"], strict=True):
        lower, upper = theory.box_sharpness_bounds(hessian, place, 0.1)
        assert lower * (1 - 1e-9) <= value <= upper * (1 + 1e-9)


def test_planes_are_sharper_than_lines_and_no_more_than_twice() -> None:
    found = ascent.sharpness_along_lines(6, 2, 40, 1e-3, "cpu")
    assert (found["plane"] > found["line"]).all()
    assert (found["plane"] < 2 * found["line"]).all()


def test_it_comes_out_as_expected_at_another_root_seed(tried: Tried) -> None:
    _, bench = tried("flatness.epsilon-sharpness")
    (figure,) = bench.figures.values()
    assert len(figure.layers) == 3


def test_random_subspaces_have_an_answer_and_depend_on_coordinates(tried: Tried) -> None:
    findings, bench = tried("flatness.random-subspaces")
    assert [finding.verdict for finding in findings] == [Verdict.PROVED] * 4 + [Verdict.SUPPORTED] * 4
    assert {str(finding.rival_position) for finding in findings} == {"disjoint"}
    (figure,) = bench.figures.values()
    assert len(figure.layers) == 3


def test_curvature_in_subspaces_lies_between_the_bounds_of_the_theory() -> None:
    found = ascent.sharpness_along_lines(6, 2, 40, 1e-3, "cpu")
    weights, dimension = 86, ascent.DIMENSION
    lower = np.maximum(found["trace"], dimension * found["largest"]) / weights
    upper = np.minimum(found["largest"], dimension * found["trace"] / weights)
    assert (found["subspace"] > lower).all()
    assert (found["subspace"] < upper).all()


def test_without_a_rescaling_lines_on_orbits_are_the_same() -> None:
    found = ascent.lines_on_orbits(3, 2, 20, 1e-4, 1.0, "cpu")
    np.testing.assert_allclose(found["after"], found["before"], rtol=1e-9)
    assert found["fitted"].all()
    moved = ascent.lines_on_orbits(3, 2, 20, 1e-4, 0.1, "cpu")
    np.testing.assert_allclose(moved["before"], found["before"], rtol=1e-9)
    assert (moved["after"] > 10 * moved["before"]).all()
