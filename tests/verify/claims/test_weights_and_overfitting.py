"""Small weights, overfitting, outliers, widths and random samples: what the workers measure."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import kstest, uniform

import numerics
from numerics.objective import slope
from verify import Claim, Status, Workbench
from verify.claims.classifier import outlier
from verify.claims.generalisation import (
    gap,
    small_weights,
    strong_ticket,
    trained_digits,
    weights_concentrate,
    why_large,
)

LATER = {
    "gap": gap.gap,
    "small weights": small_weights.small_weights_small_effect,
    "weights concentrate": weights_concentrate.weights_concentrate,
    "why large": why_large.why_large,
    "outlier": outlier.outlier,
}


def test_random_samples_hold_at_another_seed_and_every_rival_falls(make_bench: Callable[[str], Workbench]) -> None:
    claim = strong_ticket.strong_ticket
    findings = list(claim.judge(make_bench(claim.id), "quick"))
    assert {str(finding.verdict) for finding in findings} == {"SUPPORTED"}
    assert {str(finding.rival_position) for finding in findings} == {"disjoint"}


@pytest.mark.parametrize("claim", LATER.values(), ids=LATER)
def test_the_toy_of_quick_goes_the_whole_way(claim: Claim, make_bench: Callable[[str], Workbench]) -> None:
    bench = make_bench(claim.id)
    findings = list(claim.judge(bench, "quick"))
    assert claim.conclude(findings).as_expected
    decided = {str(finding.verdict) for finding in findings if finding.status is Status.DECIDED}
    assert decided == ({"PROVED", "SUPPORTED"} if claim.id.endswith("small-effect") else set())
    (figure,) = bench.figures.values()
    assert figure.caption.endswith(".")
    assert len(figure.layers) >= 2


def test_the_largest_share_without_loss_is_the_last_before_the_first_that_costs_a_point() -> None:
    accuracies = np.full((3, len(small_weights.SHARES)), 0.9)
    accuracies[1, 4:] = 0.8
    accuracies[1, 6] = 0.9
    accuracies[2, 1:] = 0.0
    assert small_weights.removable(accuracies).tolist() == [0.9, 0.15, 0.0]


def test_deletions_move_outputs_by_what_is_measured_and_random_ones_cost_more() -> None:
    found = small_weights.deletions(3, networks=2, lasso=0.0, steps=40, device="cpu")
    assert found["change"].shape == (2, 2 * len(small_weights.TRIED_SHARES), small_weights.IMAGES)
    assert (found["change"] <= found["bound"]).all()
    assert (found["change"] <= found["smaller"]).all()
    assert (found["alone"] <= found["smaller"]).all()
    assert (found["smaller"] <= found["bound"]).all()
    assert (found["smaller"] < found["bound"]).any()
    assert (found["change"] <= found["carried"]).all()
    assert (found["carried"] <= found["bound"]).all()
    assert (found["loads"] <= found["carried"]).all()
    np.testing.assert_array_equal(found["smallest"][:, 0], found["random"][:, 0])
    assert (found["random"][:, 6] < found["smallest"][:, 6]).all()
    network, _, theta = trained_digits.trained(3, 2, 0.0, 0.0, 40, "cpu")
    _, (x, _) = trained_digits.images(3, 2, "cpu")
    few = x[:, : small_weights.IMAGES]
    left = theta.masked_fill(numerics.smallest_edges(network, theta, small_weights.TRIED_SHARES[1]), 0.0)
    moved = (network.forward(theta, few) - network.forward(left, few)).norm(dim=-1)
    np.testing.assert_allclose(found["change"][:, 2], moved.numpy(), rtol=1e-10)


def test_where_equal_edges_go_alike_the_output_moves_by_just_the_bounds_and_wrong_norms_show() -> None:
    found = small_weights.equal_losses(1, networks=20, device="cpu")
    for name in ("bound", "exchanged", "carried"):
        np.testing.assert_allclose(found[name], found["change"], rtol=1e-12)
    assert (found["whole"] > 1.01 * found["change"]).any()
    assert (np.abs(found["loads"] / found["change"] - 1) > 0.01).any()


def test_weights_are_in_units_of_their_layer_near_zero_is_a_tenth_of_it_and_penalties_are_read_off_slopes() -> None:
    found = weights_concentrate.distributions(5, networks=2, decay=0.0, lasso=0.01, steps=60, device="cpu")
    network, start, end = trained_digits.trained(5, 2, 0.0, 0.01, 60, "cpu")
    for theta, name in ((start, "start"), (end, "share")):
        layers = numerics.layer_weight_summaries(network, theta)
        sizes = [middle - first for first, middle, _ in network.spans]
        shares = np.stack([layer.below[:, 0].numpy() for layer in layers], axis=1)
        np.testing.assert_allclose(found[name], shares @ sizes / sum(sizes), rtol=1e-12)
    for theta, name in ((start, "start kurtosis"), (end, "kurtosis")):
        scaled = [w.flatten(1) / w.square().mean((1, 2)).sqrt()[:, None] for w, _ in network.unflatten(theta)]
        np.testing.assert_allclose(found[name], torch.cat(scaled, dim=1).pow(4).mean(1), rtol=1e-9)  # of squares 1
    _, slopes = slope(network, end, *trained_digits.images(5, 2, "cpu")[0], numerics.CrossEntropy())
    assert found["lasso felt"].tolist() == pytest.approx(
        [float(row[zero].abs().max()) for row, zero in zip(slopes, end == 0, strict=True)]
    )
    assert found["decay felt"].tolist() == pytest.approx((-(slopes * end).sum(1) / end.square().sum(1)).tolist())
    assert (found["share"] > 2 * found["start"]).all()
    assert np.abs(found["start"] - weights_concentrate.AT_START).max() < 0.02


def test_a_row_or_a_column_of_small_weights_is_gone_as_a_whole_and_what_is_left_is_counted_without_it() -> None:
    weight = torch.ones(1, 3, 4)
    weight[0, 1], weight[0, :, 2], weight[0, 2, 3] = 0.09, 0.09, 0.0
    expected = [[False, False, True, False], [True] * 4, [False, False, True, False]]
    assert weights_concentrate._whole(weight)[0].tolist() == expected


def test_each_network_has_images_of_its_own_and_none_of_them_is_tested() -> None:
    (seen, labels), (new, others) = trained_digits.images(4, 2, "cpu")
    x, y = numerics.digits()
    assert seen.shape == (2, trained_digits.TRAINING, 64)
    assert not torch.equal(seen[0], seen[1])
    for member in range(2):
        together = torch.cat(
            [torch.cat([seen[member], new[member]]), torch.cat([labels[member], others[member]])[:, None]], 1
        )
        whole = torch.cat([x, y[:, None]], 1)
        assert sorted(map(tuple, together.tolist())) == sorted(map(tuple, whole.tolist()))


def test_the_test_loss_is_that_of_right_and_wrong_images_together() -> None:
    found = gap.histories(2, networks=2, last=gap.EARLY + 5, device="cpu")
    assert found["steps"].tolist() == [5, 10, 20, 40, gap.EARLY, gap.EARLY + 5]
    np.testing.assert_allclose(found["right"] + found["wrong"], found["test"], rtol=1e-12)
    assert (found["train"][:, -1] < found["train"][:, 0]).all()
    assert ((found["confidence"] > 0.1) & (found["confidence"] < 1)).all()


def test_networks_are_trained_on_images_of_their_own_that_are_not_tested(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def spy(network: numerics.Mlp, theta: torch.Tensor, x: torch.Tensor, *rest: object, **options: object) -> object:
        seen.append(x)
        return adam(network, theta, x, *rest, **options)  # type: ignore[arg-type]

    adam = numerics.adam
    monkeypatch.setattr(gap.numerics, "adam", spy)
    gap.histories(2, networks=2, last=gap.EARLY + 5, device="cpu")
    assert seen[0].shape == (2, gap.TRAINING, 64)
    assert not torch.equal(seen[0][0], seen[0][1])


def test_a_subset_comes_nearer_than_a_single_sample_and_more_samples_nearer_still() -> None:
    found = strong_ticket.distances(1, draws=5, largest=10, deepest=16)
    assert (np.diff(found["all"], axis=1) <= 0).all()
    assert (np.diff(found["one"], axis=1) <= 0).all()
    assert (found["all"] <= found["single"]).all()
    assert (found["one"][:, :1] <= found["all"][:, 1:2]).all()  # both with 8 samples


def test_samples_and_wanted_weights_are_uniform_on_the_ranges_of_the_claim(monkeypatch: pytest.MonkeyPatch) -> None:
    found = strong_ticket.distances(1, draws=400, largest=6, deepest=8)
    kept = []

    def spy(samples: torch.Tensor, wanted: torch.Tensor) -> dict[str, torch.Tensor]:
        kept.append((samples.numpy(), wanted.numpy()))
        return choose(samples, wanted)

    choose = strong_ticket._chosen
    monkeypatch.setattr(strong_ticket, "_chosen", spy)
    strong_ticket.pruned_layers(2, draws=100)
    products, wanted = zip(*kept[::2], strict=True)  # of one of the outputs that share the edges into the units
    sizes = np.abs(products)
    for values, law in (
        (found["samples"], uniform(-1, 2).cdf),
        (found["weights"], uniform(-0.5, 1).cdf),
        (np.stack(wanted)[::2], uniform(-0.5, 1).cdf),  # once for both signs
        (sizes[sizes > 0], lambda size: size * (1 - np.log(size))),  # a product of two that are uniform on [0, 1]
    ):
        assert kstest(np.ravel(values), law).pvalue > 1e-3


def test_the_error_of_a_pruned_layer_is_what_the_kept_edges_leave_at_the_worst_corner(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    missing: dict[str, list[torch.Tensor]] = {"subsets": [], "single": []}

    def spy(samples: torch.Tensor, wanted: torch.Tensor) -> dict[str, torch.Tensor]:
        chosen = choose(samples, wanted)
        for name, kept in chosen.items():
            missing[name].append((samples * kept).sum(1) - wanted)
        return chosen

    choose = strong_ticket._chosen
    monkeypatch.setattr(strong_ticket, "_chosen", spy)
    found = strong_ticket.pruned_layers(2, draws=20)
    for name, parts in missing.items():
        of_input, of_other = torch.stack(parts).reshape(2, 2, 2, 20)  # by sign, then output
        corners = [
            sign * first + other * second
            for sign, first in ((1, of_input[0]), (-1, of_input[1]))
            for other, second in ((1, of_other[0]), (-1, of_other[1]))
        ]
        edges = [*of_input, *of_other]
        worst = torch.stack([*corners, *edges]).abs().amax(dim=(0, 1))
        np.testing.assert_allclose(found[name], worst.numpy(), rtol=1e-10)


def test_kept_edges_are_the_subset_nearest_to_the_weight_or_the_nearest_edge_alone() -> None:
    samples = torch.tensor([[0.1, 0.25, -0.6], [0.1, 0.25, -0.6]])
    kept = strong_ticket._chosen(samples, torch.tensor([-0.36, 0.02]))
    assert kept["subsets"].tolist() == [[False, True, True], [False, False, False]]
    assert kept["single"].tolist() == [[False, False, True], [False, False, False]]


def test_pruning_alone_leaves_a_layer_nearer_the_more_edges_may_be_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    many = strong_ticket.pruned_layers(2, draws=20)
    monkeypatch.setattr(strong_ticket, "USED", 3)
    few = strong_ticket.pruned_layers(2, draws=20)
    assert np.median(many["subsets"]) < 0.01 < 0.05 < np.median(few["subsets"])
    assert np.median(few["subsets"]) < np.median(few["single"])


def test_of_a_layer_of_which_nothing_is_left_the_largest_row_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = []

    def none(samples: torch.Tensor, wanted: torch.Tensor) -> dict[str, torch.Tensor]:
        rows.append(wanted.abs())
        return dict.fromkeys(("subsets", "single"), torch.zeros_like(samples, dtype=torch.bool))

    monkeypatch.setattr(strong_ticket, "_chosen", none)
    found = strong_ticket.pruned_layers(2, draws=20)
    sums = torch.stack([rows[0] + rows[4], rows[1] + rows[5]]).amax(0)  # by input, then sign, then output
    for name in ("subsets", "single"):
        np.testing.assert_allclose(found[name], sums.numpy(), rtol=1e-12)
    assert (found["sampled"] < found["subsets"]).all()


def test_the_control_has_the_same_start_and_the_same_points_but_for_the_outlier(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    train, seen = numerics.adam, []

    def spy(network: numerics.Mlp, *problem: Any, **options: Any) -> numerics.TrainingResult:
        seen.append(problem[:3])
        return train(network, *problem, **options)

    monkeypatch.setattr(numerics, "adam", spy)
    sizes: dict[str, Any] = {"networks": 2, "hidden": 3, "moments": "40", "device": "cpu"}
    found, control = (outlier.curves(1, **sizes, without=without) for without in (False, True))
    (start, x, labels), (again, points, sides) = seen
    assert torch.equal(again, start)
    assert torch.equal(points, x[:, :-1])
    assert torch.equal(sides, labels[:, :-1])
    assert x[:, -1].unique().tolist() == [-1.0]
    assert labels[:, -1].unique().tolist() == [1]
    assert (control["outlier"] > found["outlier"]).all()


def test_losses_on_new_points_are_means_over_the_two_classes() -> None:
    found = outlier.curves(1, networks=2, hidden=3, moments="1 40", device="cpu")
    generator, curve = np.random.default_rng(0), found["curve"][0, -1]
    draws = generator.normal(size=20_000) * outlier.SPREAD
    right = np.interp(1 + draws, found["places"], curve)
    left = np.interp(-1 + draws, found["places"], curve)
    mean = (-np.log(right).mean() - np.log(1 - left).mean()) / 2
    assert abs(mean - found["new"][0, -1]) < 0.02
    at_outlier = np.interp(-1, found["places"], curve)
    np.testing.assert_allclose(found["outlier"][0, -1], -np.log(at_outlier), rtol=1e-2)
