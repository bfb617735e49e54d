"""Pruning and lottery tickets: what the workers measure, on networks small enough to be looked at."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch

import numerics
from verify import Finding, Verdict, Workbench, discover
from verify.claims.generalisation import (
    layer_collapse,
    lottery_tickets,
    pruned_quadratics,
    pruning,
    tickets_without_data,
)
from verify.claims.generalisation.pruned_digits import IMAGES, ensemble

Trial = Callable[[str], tuple[list[Finding], Workbench]]

SIZES: dict[str, Any] = {"networks": 2, "width": 20, "steps": 3, "device": "cpu"}
"""Networks of 1580 weights and 40 biases."""

WEIGHTS = 1580


class Training(NamedTuple):
    """What SGD was given, and where it ended."""

    start: torch.Tensor
    mask: torch.Tensor
    left: list[int]
    steps: int
    seeds: range
    end: torch.Tensor


@pytest.fixture
def trainings(monkeypatch: pytest.MonkeyPatch) -> list[Training]:
    """Return the list of all trainings from now on, with the weights that are left in each network."""
    train, seen = numerics.sgd, []

    def spy(network: numerics.Mlp, theta: torch.Tensor, *rest: Any, **options: Any) -> numerics.TrainingResult:
        result = train(network, theta, *rest, **options)
        mask = options["mask"]
        mask = torch.ones_like(theta, dtype=torch.bool) if mask is None else mask
        left = sum(mask[:, begin:end].sum(dim=1) for begin, end, _ in network.spans)
        assert (mask.sum(dim=1) - left == 40).all()  # no bias is removed
        seen.append(Training(theta * mask, mask, left.tolist(), options["steps"], options["seeds"], result.theta))
        return result

    monkeypatch.setattr(numerics, "sgd", spy)
    return seen


@pytest.mark.parametrize(
    ("name", "verdict", "pictures"),
    [
        ("generalisation.pruned-quadratics", Verdict.SUPPORTED, 1),
        ("generalisation.pruning-rate-as-printed", Verdict.REFUTED, 0),
    ],
)
def test_what_needs_no_training_comes_out_as_expected(name: str, verdict: Verdict, pictures: int, tried: Trial) -> None:
    findings, bench = tried(name)
    assert min(finding.verdict for finding in findings) == verdict
    assert len(bench.figures) == pictures


@pytest.mark.parametrize(
    ("name", "deferred"),
    [
        ("generalisation.layer-collapse", 11),
        ("generalisation.lottery-ticket", 9),
        ("generalisation.pruning", 8),
        ("generalisation.pruning-nine-tenths", 1),
        ("generalisation.pruning-sometimes-better", 4),
        ("generalisation.start-over-as-printed", 2),
        ("generalisation.tickets-without-data", 13),
    ],
)
def test_what_is_too_small_in_quick_is_deferred_and_drawn_all_the_same(
    name: str, deferred: int, deferred_in_quick: Callable[[str], int]
) -> None:
    assert deferred_in_quick(name) == deferred


def test_every_network_has_a_split_of_its_own_in_which_each_image_is_once() -> None:
    nets = ensemble(5, networks=2, width=8, steps=1, device="cpu")
    whole = numerics.digits()[0]
    for train, test in zip(nets.train[0], nets.test[0], strict=True):
        assert torch.equal(torch.cat([train, test]).sum(0), whole.sum(0))
    assert not torch.equal(nets.train[0][0], nets.train[0][1])
    alone = ensemble(6, networks=1, width=8, steps=1, device="cpu")
    assert torch.equal(alone.train[0][0], nets.train[0][1])
    assert torch.equal(alone.start(3)[0], nets.start(3)[1])


def test_of_noisy_labels_so_many_are_random_and_those_for_testing_are_right() -> None:
    clean, noisy = (ensemble(0, networks=4, width=8, steps=1, device="cpu", noise=noise) for noise in (0.0, 0.5))
    wrong = (clean.train[1] != noisy.train[1]).double().mean()
    assert 0.4 < float(wrong) < 0.5  # one in ten of the random ones is right by chance
    assert torch.equal(clean.test[1], noisy.test[1])


def test_more_weights_removed_at_once_leave_less_and_a_network_that_has_learnt_is_better_than_chance() -> None:
    found = pruning.pruned_accuracies(3, networks=2, width=16, steps=150, device="cpu", chance=True)
    assert (found["dense"] > 70).all()
    assert (np.diff(found["cut"].mean(axis=0)) < 0).all()
    assert (found["cut"][:, -1] < found["pruned"][:, -1]).all()
    assert found["random"].shape == found["pruned"].shape
    assert (found["loss"][:, 0] < found["loss once"][:, 0]).all()  # the whole network is trained on, too


@pytest.mark.parametrize(
    ("name", "sizes"),
    [
        ("generalisation.layer-collapse", {"rounds": 100}),
        ("generalisation.lottery-ticket", {"width": 100, "steps": 200}),
        ("generalisation.pruning", {"width": 100, "steps": 200}),
        ("generalisation.pruning-nine-tenths", {"width": 100, "steps": 200}),
        ("generalisation.pruning-sometimes-better", {"width": 100, "steps": 200, "noise": 0.5}),
        ("generalisation.start-over-as-printed", {"width": 100, "steps": 200}),
        ("generalisation.tickets-without-data", {"width": 100, "steps": 200}),
    ],
)
def test_where_they_are_decided_networks_have_the_size_and_the_ten_epochs_or_hundred_rounds_of_the_statements(
    name: str, sizes: dict[str, float], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Mapping[str, Any]] = []

    def listed(bench: Workbench, purpose: str, function: object, items: Iterable[Mapping[str, Any]]) -> None:
        asked.extend(items)
        raise InterruptedError(purpose)

    monkeypatch.setattr(Workbench, "map", listed)
    (claim,) = (one for one in discover() if one.id == name)
    with pytest.raises(InterruptedError):
        list(claim.judge(Workbench(name, folder=tmp_path, profile="standard"), "standard"))
    assert len(asked) >= 2
    assert all(sizes.items() <= item.items() for item in asked)


def test_pruned_networks_are_trained_as_long_as_whole_ones_and_as_many_weights_go_at_random(
    trainings: list[Training],
) -> None:
    found = pruning.pruned_accuracies(3, **SIZES, chance=True)
    nets, runs = ensemble(3, **SIZES), iter(trainings)
    first = next(runs)
    ends = dict.fromkeys(("dense", "pruned", "random"), first.end)
    for place, left in enumerate((790, 474, 316, 158)):
        same = []
        for name in ends:
            run = next(runs)
            assert torch.equal(run.start, ends[name] * run.mask)
            assert run.left == [WEIGHTS if name == "dense" else left] * 2
            ends[name] = run.end
            same.append(run.seeds)
            np.testing.assert_array_equal(found[name][:, place], nets.accuracy(run.end))
        assert same == [same[0]] * 3
    assert next(runs, None) is None
    assert {run.steps for run in trainings} == {3}
    assert len({run.seeds for run in trainings}) == 5


def test_tickets_and_what_they_are_held_against_are_as_large_and_trained_as_long(trainings: list[Training]) -> None:
    found = lottery_tickets.ticket_accuracies(3, **SIZES)
    assert {run.steps for run in trainings} == {3}
    nets = ensemble(3, **SIZES)
    left = [round(WEIGHTS * 0.05 ** (gone / 5)) for gone in range(8)]
    own, new = nets.start(), nets.start(1)
    five, seven = lottery_tickets.JUDGED

    def trained_from(begin: torch.Tensor, gone: int) -> list[list[float]]:
        runs = [run for run in trainings if run.left == [left[gone]] * 2 and torch.equal(run.start, begin * run.mask)]
        return [nets.accuracy(run.end).tolist() for run in runs]

    for gone in range(8):
        assert found["rounds"][:, gone].tolist() in trained_from(own, gone)
    for place, gone in enumerate((five, seven)):
        for name, begin in (("redrawn", new), ("shot", own), ("shot redrawn", new), ("random", own)):
            assert found[name][:, place].tolist() in trained_from(begin, gone)
    others = [run for run in trainings if run.left == [left[five]] * 2 and not torch.equal(run.start, own * run.mask)]
    assert found["shuffled"][:, 0].tolist() in [nets.accuracy(run.end).tolist() for run in others]
    early = lottery_tickets.early_accuracies(3, **SIZES)
    np.testing.assert_array_equal(early["whole"], found["rounds"][:, 0])
    np.testing.assert_array_equal(early["ticket"], found["rounds"][:, lottery_tickets.EARLY])
    np.testing.assert_array_equal(early["shuffled"], found["shuffled"][:, 0])
    trainings.clear()
    ways = lottery_tickets.restarted_accuracies(3, **SIZES)
    assert list(ways) == ["back", "on", "new"]
    for place, name in enumerate(ways):
        runs = trainings[(five + 1) * place : (five + 1) * (place + 1)]
        assert [run.left for run in runs] == [[count] * 2 for count in left[: five + 1]]
        begins = {"back": [own] * 6, "on": [own, *(run.end for run in runs)], "new": map(nets.start, range(6))}[name]
        for run, begin in zip(runs, begins, strict=False):
            assert run.steps == 3
            assert torch.equal(run.start, begin * run.mask)
        np.testing.assert_array_equal(ways[name], nets.accuracy(runs[-1].end))
    np.testing.assert_array_equal(early["back"], ways["back"])
    np.testing.assert_array_equal(early["on"], ways["on"])
    np.testing.assert_array_equal(found["on"][:, 0], ways["on"])


def test_every_mask_chosen_before_training_leaves_a_twentieth_and_trains_from_the_start(
    trainings: list[Training],
) -> None:
    tickets_without_data.masked_accuracies(3, **SIZES)
    start = ensemble(3, **SIZES).start()
    assert [run.left for run in trainings] == [
        [left] * 2 for left in (WEIGHTS, *[79] * len(tickets_without_data.NAMES))
    ]
    assert {run.steps for run in trainings} == {3}
    for run in trainings:
        assert torch.equal(run.start, start * run.mask)
    assert len({run.seeds for run in trainings}) == 2  # one order for all that are compared


def test_weights_are_on_paths_if_an_input_leads_to_them_and_they_to_an_output() -> None:
    network = numerics.Mlp((2, 2, 2, 1), "relu", bias=True)
    kept = torch.ones(4, network.parameters)
    (into, _), _, (out_of, _) = network.unflatten(kept)
    out_of[1, 0, 1] = 0  # the second unit of the last layer leads nowhere, nor do the two weights into it
    into[2:] = 0  # no unit sees an input
    into[3, 0, 0] = 1  # but one, which sees one
    shares = tickets_without_data.shares_on_paths(network, kept.bool())
    assert shares.tolist() == pytest.approx([1, 7 / 9, 0, 5 / 7])


def test_tickets_start_with_the_whole_network_and_are_worth_more_than_new_weights() -> None:
    found = lottery_tickets.ticket_accuracies(3, networks=2, width=16, steps=100, device="cpu")
    assert found["rounds"].shape == (2, lottery_tickets.ROUNDS + 1)
    nets = ensemble(3, networks=2, width=16, steps=100, device="cpu")
    np.testing.assert_array_equal(found["rounds"][:, 0], nets.accuracy(nets.trained(nets.start(), order=0)))
    assert found["rounds"][:, lottery_tickets.JUDGED[0]].mean() > found["redrawn"][:, 0].mean()
    assert (found["moved"] == 0).all()
    assert (found["ended"] > 0).all()


def test_shuffled_weights_are_a_layers_own_at_the_places_that_are_left() -> None:
    nets = ensemble(3, networks=2, width=8, steps=1, device="cpu")
    start = nets.start()
    mask = numerics.random_mask(nets.network, sparsity=0.7, seeds=nets.members)
    found = lottery_tickets.shuffled(nets, start, mask)
    for begin, end, _ in nets.network.spans:
        for own, new, kept in zip(start[:, begin:end], found[:, begin:end], mask[:, begin:end], strict=True):
            assert torch.equal(own[kept].sort().values, new[kept].sort().values)
            assert not torch.equal(own[kept], new[kept])
            assert torch.equal(own[~kept].sort().values, new[~kept].sort().values)


def test_mnist_is_split_as_the_digits_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numerics, "mnist_subset", lambda device: numerics.digits(device=device))
    monkeypatch.setitem(IMAGES, "MNIST", 1700)
    nets = ensemble(5, networks=1, width=8, steps=1, device="cpu", data="MNIST")
    assert [len(images[0]) for images in (nets.train[0], nets.test[0])] == [1700, 97]


def test_synaptic_flow_empties_layers_at_once_and_in_twenty_rounds_none() -> None:
    found = layer_collapse.collapses(7, networks=1, rounds=20)
    assert found["emptied"].tolist() == [0]
    assert found["left"].tolist() == [[layer_collapse.FEWEST] * 3]
    for name in ("SNIP", "GraSP"):
        assert found[f"{name} in rounds"] >= layer_collapse.FEWEST
        assert (found[f"{name} in rounds"] == layer_collapse.FEWEST) == (found[f"emptied by {name}"] == 0)
        assert found[name] <= found[f"{name} after as many"] < 2 * found[name]  # each round leaves 62 %
    network = numerics.Mlp(layer_collapse.FUNNEL, "relu")
    start = network.init([7], sigma_w=2**0.5)
    for left, empty in ((int(found["SynFlow at once"][0]), False), (int(found["SynFlow at once"][0]) - 1, True)):
        mask = numerics.synflow_mask(network, start, sparsity=1 - left / layer_collapse.WEIGHTS, rounds=1)
        assert bool((numerics.kept_shares(network, mask) == 0).any()) is empty


def test_snip_and_grasp_see_images_with_the_labels_that_these_have_among_the_digits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen = []
    for name in ("snip_scores", "grasp_scores"):
        scores = getattr(numerics, name)

        def spy(network: numerics.Mlp, *problem: Any, scores: Callable[..., torch.Tensor] = scores) -> torch.Tensor:
            seen.append((network, *problem[:3]))
            return scores(network, *problem)

        monkeypatch.setattr(numerics, name, spy)
    layer_collapse.collapses(7, networks=2, rounds=1)
    layer_collapse.scores_and_derivatives(7, networks=2)
    layer_collapse.conserved(7, networks=2)
    assert len(seen) == 4 + 2 + 1
    images, labels = numerics.digits()
    known = dict(zip(map(tuple, images.tolist()), labels.tolist(), strict=True))
    assert len(known) == len(images)
    _, _, x, given = seen[0]
    batches = [[tuple(image) for image in batch] for batch in x.tolist()]
    assert [len(set(batch)) for batch in batches] == [100, 100]
    assert set(batches[0]) != set(batches[1])
    assert [[known[image] for image in batch] for batch in batches] == given.tolist()
    for network, theta, again, as_well in seen:
        assert torch.equal(again, x)
        assert torch.equal(as_well, given)
        for (begin, end, _), fan_in in zip(network.spans, network.widths, strict=False):
            weights = theta[:, begin:end]
            weights = weights[weights != 0]
            spread = float(weights.std() * fan_in**0.5)
            assert abs(spread / 2**0.5 - 1) < 4 / (2 * len(weights)) ** 0.5


def test_a_pixel_that_is_always_dark_costs_nothing() -> None:
    found = pruned_quadratics.removals()
    dark = (numerics.digits()[0] == 0).all(0).numpy()
    assert dark.sum() == 3
    np.testing.assert_allclose(found["refitted"][dark], 0, atol=1e-12)
    assert (found["refitted"][~dark] > 0).all()
