"""Pruning and lottery tickets: what the workers measure, on networks small enough to be looked at."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

import numerics
from verify import Finding, Verdict, Workbench
from verify.claims.generalisation import layer_collapse, lottery_tickets, pruned_quadratics, pruning
from verify.claims.generalisation.pruned_digits import IMAGES, ensemble

Trial = Callable[[str], tuple[list[Finding], Workbench]]


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
        ("generalisation.lottery-ticket", 8),
        ("generalisation.pruning", 8),
        ("generalisation.pruning-nine-tenths", 1),
        ("generalisation.pruning-sometimes-better", 4),
        ("generalisation.start-over-as-printed", 1),
        ("generalisation.tickets-without-data", 10),
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


def test_the_early_ticket_is_that_of_all_the_rounds() -> None:
    sizes = {"networks": 1, "width": 8, "steps": 20, "device": "cpu"}
    found = lottery_tickets.ticket_accuracies(3, **sizes)["rounds"]  # type: ignore[arg-type]
    early = lottery_tickets.early_accuracies(3, **sizes)  # type: ignore[arg-type]
    assert (early["whole"], early["ticket"]) == (found[:, 0], found[:, lottery_tickets.EARLY])


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


def test_a_pixel_that_is_always_dark_costs_nothing() -> None:
    found = pruned_quadratics.removals()
    dark = (numerics.digits()[0] == 0).all(0).numpy()
    assert dark.sum() == 3
    np.testing.assert_allclose(found["refitted"][dark], 0, atol=1e-12)
    assert (found["refitted"][~dark] > 0).all()
