"""Claims on quadratic units: what the workers measure, and that every claim comes out as expected at another seed."""

from collections.abc import Callable

import numpy as np
import pytest

import theory
from verify import Claim, Status, Workbench
from verify.claims.level_sets import (
    linear,
    quadratic,
    quadratic_layers,
    quadratic_signs,
    quadratic_stalls,
    quadratic_width,
)

MakeBench = Callable[[str], Workbench]

CLAIMS = [
    quadratic_width.quadratic_width_as_printed,
    quadratic_width.quadratic_deep,
    quadratic_stalls.descent_stalls,
    quadratic_signs.fixed_output_signs,
    quadratic_layers.quadratic_deep_strings,
    linear.linear_equality_as_printed,
]


@pytest.mark.parametrize("claim", CLAIMS, ids=str)
def test_every_claim_comes_out_as_expected_at_another_seed(claim: Claim, make_bench: MakeBench) -> None:
    bench = make_bench(claim.id)
    findings = list(claim.judge(bench, "quick"))
    outcome = claim.conclude(findings)
    assert (outcome.verdict, outcome.why_not) == (min(claim.expects), "")
    assert sum(finding.status is not Status.DECIDED for finding in findings) <= 1
    for figure in bench.figures.values():
        assert len(figure.layers) >= 2
        assert figure.caption.endswith(".")


def test_the_picture_shows_a_wall_for_one_unit_and_none_for_two() -> None:
    alone, together = quadratic.profiles()
    assert alone.max() == pytest.approx(11)
    assert alone[0] == pytest.approx(32 / 3)
    assert alone[-1] == pytest.approx(8 / 3)
    assert together[0] == pytest.approx(alone[0])
    assert np.diff(together).max() <= 1e-14
    assert together[-1] < 1e-24


def test_no_detour_undercuts_the_wall_of_a_linear_network_and_one_more_unit_takes_it_away() -> None:
    found = linear.walls(7, 12)
    np.testing.assert_allclose(found["straight"], 1, rtol=1e-12)
    assert found["detour"].min() >= 1 - 1e-12
    assert found["detour"].min() < 1.1
    lines = linear.profiles()
    assert lines["two hidden units"].max() == pytest.approx(1)
    assert lines["three hidden units"].max() < 1e-24


def test_the_derivative_by_the_matrix_is_that_of_the_loss() -> None:
    source = np.random.default_rng(0)
    outer, weights, step = source.normal(size=(3, 4)), source.normal(size=(3, 4, 2)), 1e-6
    loss, by_matrix = quadratic_stalls.loss_and_derivative(outer, weights)
    for member in range(3):
        theta = np.concatenate([weights[member].ravel(), outer[member]])
        gap = theory.output_matrix(theta, 2) - quadratic_stalls.TARGET
        assert loss[member] == pytest.approx(2 * (gap**2).sum() + np.trace(gap) ** 2, rel=1e-13)
    moved = outer.copy()
    moved[:, 1] += step
    slope = (quadratic_stalls.loss_and_derivative(moved, weights)[0] - loss) / step
    unit = weights[:, 1]
    np.testing.assert_allclose(slope, np.einsum("ma,mab,mb->m", unit, by_matrix, unit), rtol=1e-4)


def test_descent_from_large_positive_outer_weights_ends_on_the_plateau_and_from_others_mostly_at_zero() -> None:
    large = quadratic_stalls.descended(1, 20, 6, 600, True)
    np.testing.assert_allclose(large["losses"], 8 / 3, atol=1e-6)
    assert large["plateau"].all()
    assert not large["global"].any()
    usual = quadratic_stalls.descended(1, 20, 6, 600, False)
    assert usual["global"].sum() >= 15
    assert ((usual["losses"] < 1e-6) == (usual["global"] == 1)).all()


def test_gradient_and_hessian_are_those_of_the_sum_of_squared_errors() -> None:
    source, step = np.random.default_rng(5), 1e-5
    x, y, outer = source.normal(size=(7, 3)), source.normal(size=7), source.normal(size=4)
    weights = source.normal(size=(2, 4, 3))
    loss, gradient, hessian = quadratic_signs.derivatives(x, y, outer, weights)
    by_hand = ((np.einsum("j,mjk->mk", outer, np.einsum("mja,ka->mjk", weights, x) ** 2) - y) ** 2).sum(axis=1)
    np.testing.assert_allclose(loss, by_hand, rtol=1e-13)
    for place in range(12):
        moved = weights.reshape(2, 12).copy()
        moved[:, place] += step
        above = quadratic_signs.derivatives(x, y, outer, moved.reshape(2, 4, 3))
        moved[:, place] -= 2 * step
        below = quadratic_signs.derivatives(x, y, outer, moved.reshape(2, 4, 3))
        scale = abs(hessian).max()
        np.testing.assert_allclose((above[0] - below[0]) / (2 * step), gradient[:, place], atol=1e-6 * scale)
        np.testing.assert_allclose((above[1] - below[1]) / (2 * step), hessian[:, place], atol=1e-6 * scale)


def test_searches_on_the_three_examples_end_at_zero_or_where_one_positive_unit_is_stuck() -> None:
    one = quadratic_signs.three_points(2, 30, 50, 1)
    assert {round(float(loss), 6) for loss in one["loss"]} == {0.0, round(quadratic_signs.STUCK, 6)}
    assert one["curvature"].min() > -1e-8
    assert quadratic_signs.three_points(2, 30, 50, 2)["loss"].max() < 1e-12


def test_the_loss_of_two_quadratic_layers_is_on_a_segment_a_polynomial_of_the_degree_that_bounds_it() -> None:
    import torch

    import numerics

    network = numerics.Mlp(quadratic_layers.WIDTHS, "quadratic", bias=False)
    ends = network.init([1, 2])
    x = torch.tensor([[0.6, -0.8], [1.0, 0.0]], dtype=torch.float64)
    y = torch.tensor([[1.0], [-1.0]], dtype=torch.float64)
    line = numerics.connect(network, ends[:1], ends[1:], x, y, numerics.SquaredError())
    times = np.linspace(0, 1, 200)
    losses = line.losses(torch.tensor(times))[0].numpy()
    fits = [
        abs(np.polynomial.Chebyshev.fit(times, losses, degree)(times) - losses).max() / losses.max()
        for degree in (quadratic_layers.DEGREE - 1, quadratic_layers.DEGREE)
    ]
    assert fits[1] < 1e-12 < fits[0]


def test_strings_stay_below_the_level_throughout_and_lines_do_not() -> None:
    found = quadratic_layers.joined(11, 2)
    assert found["string"].shape == (2,)
    assert found["along string"].max() <= found["string"][0] <= quadratic_layers.LEVEL
    assert found["line"].min() > quadratic_layers.LEVEL
    assert found["line"][0] >= found["along line"].max()
