"""Paths between networks, copies of networks and slices: what the workers measure, and that it can say no."""

from collections.abc import Callable
from itertools import pairwise

import pytest
import torch

import numerics
from verify import Finding, Proportion, Rival, Verdict, Workbench
from verify.claims.connectivity import learnt_paths, permutation, width
from verify.claims.level_sets import slices

Trial = Callable[[str], tuple[list[Finding], Workbench]]


@pytest.mark.parametrize("name", ["connectivity.permutation-recovery", "level-sets.slice-minima"])
def test_every_claim_comes_out_as_expected_at_another_seed(name: str, tried: Trial) -> None:
    findings, bench = tried(name)
    assert {finding.verdict for finding in findings} == {Verdict.SUPPORTED}
    assert bench.figures


@pytest.mark.parametrize(
    ("name", "deferred"), [("level-sets.strings", 1), ("connectivity.learnt-paths", 6), ("connectivity.width-helps", 3)]
)
def test_what_is_too_small_in_quick_is_deferred_and_drawn_all_the_same(
    name: str, deferred: int, deferred_in_quick: Callable[[str], int]
) -> None:
    assert deferred_in_quick(name) == deferred


def test_a_learnt_curve_that_is_hardly_trained_does_not_keep_to_five_percent() -> None:
    found = learnt_paths.barriers(seed=3, pairs=2, width=8, samples=40, steps=3, plane=False)
    assert bool((found["bezier.barrier"] > learnt_paths.SHARE * found["line.barrier"]).any())
    assert found["line.profile"].shape == (2, learnt_paths.POINTS)


def test_units_are_lost_in_noise_and_found_without() -> None:
    found = permutation.planted(seed=5, nets=4, depth="one hidden layer", activation="relu")
    assert not found["weights"].any()
    assert found["given"].min() > 8
    assert found["noise 0"].mean() > 0.9 > 0.5 > found["noise 5"].mean()


def test_a_balanced_network_computes_the_same_and_its_units_take_in_as_much_as_they_give_out() -> None:
    network = numerics.Mlp((3, 5, 4, 2), "relu", bias=True)
    theta = network.init([0, 1], sigma_b=1.0)
    balanced = permutation._balanced(network, theta)
    x = torch.randn(6, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    torch.testing.assert_close(network.forward(balanced, x), network.forward(theta, x))
    layers = network.unflatten(balanced)
    for (weight, bias), (following, _) in pairwise(layers):
        assert bias is not None
        taken = torch.cat([weight, bias[..., None]], dim=2).norm(dim=2)
        torch.testing.assert_close(taken, following.norm(dim=1))


def test_minima_of_the_loss_itself_are_not_called_saddles() -> None:
    """A linear unit on two examples: the loss is convex, and nothing near its minimum is lower; elsewhere all is."""
    network, loss = numerics.Mlp((2, 1), "linear"), numerics.SquaredError()
    x = torch.eye(2, dtype=torch.float64).expand(2, -1, -1)
    y = torch.tensor([[[1.0], [2.0]], [[1.0], [2.0]]], dtype=torch.float64)
    points = torch.tensor([[1.0, 2.0], [1.5, 2.0]], dtype=torch.float64)
    falls = slices._falls(network, loss, points, x, y)
    assert falls[0] == 0 < slices.LOWER < falls[1]


def test_half_of_the_slices_would_be_refused() -> None:
    rival = Rival("at most half of them", (0, 0.5))
    assert (
        Proportion("s", successes=20, trials=40, within=(0.6, 1), rival=rival).decide().verdict is not Verdict.SUPPORTED
    )


def test_one_unit_has_a_valley_on_every_data_set_and_as_many_units_as_examples_have_none() -> None:
    found = width.valleys(seed=4, sets=3, examples=2, most=3)
    assert (found["valleys"][:, 0] >= 1).all()
    assert not found["valleys"][:, 2].any()
    assert (found["least"][:, 0] > found["least"][:, 1]).all()
    assert not found["least"][:, 1].any()


def test_points_of_a_slice_that_no_search_has_led_to_are_not_called_its_minima(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slices, "TURNS", 0)
    found = slices.minima_of_slices(seed=7, nets=5, steps=60)
    assert found["ended"].any()
    assert not found["minima"].any()
