"""What is left of a network after pruning, trained again from its initial weights, from new ones, and on."""

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

import numerics
from verify import Agrees, AtMost, Comparison, Ordering, Rival, Source, Verdict, Workbench, claim
from verify.bibliography import FRANKLE_CARBIN_2019, HAN_2015
from verify.claims.generalisation.pruned_digits import SETTING, TOGETHER, Ensemble, batches, ensemble
from verify.lectures.generalisation import PRUNING_METHODS, TICKETS

if TYPE_CHECKING:
    from torch import Tensor

Array = NDArray[np.float64]

LEFT: Final = 0.05 ** (1 / 5)
"""Share of the weights that a round leaves: five rounds remove 95 %."""

ROUNDS: Final = 7
"""They remove 98.5 %."""

JUDGED: Final = (5, 7)
"""Numbers of rounds after which tickets are judged: 95 % and 98.5 % are gone."""

EARLY: Final = 3
"""And beside the whole network: 83 % are gone."""

TITLES: Final = ("95 %", "98.5 %")


def removed(rounds: int) -> float:
    """The share of the weights that is gone after so many rounds.

    Examples:
        >>> round(removed(5), 9)
        0.95
    """
    return 1 - LEFT**rounds


def in_rounds(
    nets: Ensemble, start: "Tensor", begin: "Callable[[int, Tensor], Tensor] | None" = None
) -> "tuple[Tensor, list[Tensor]]":
    """Prune in five rounds, each training in an order of its own, and train what is left once more.

    Args:
        nets: The networks.
        start: Their weights at the start.
        begin: Weights at which every training after the first begins, given the number of rounds done and where the
            last one ended; None: those at the start.

    Returns:
        The mask after the last round, and where each training ended, one more than there are rounds.
    """
    ends: list[Tensor] = []

    def train(point: "Tensor", mask: "Tensor") -> "Tensor":
        ends.append(nets.trained(point, mask, order=len(ends)))
        return ends[-1]

    restart = None if begin is None else lambda done: begin(done, ends[-1])
    rounds = JUDGED[0]
    found = numerics.iterative_pruning(
        nets.network, start, train, sparsity=removed(rounds), rounds=rounds, restart=restart
    )
    train(start if restart is None else restart(rounds), found.masks[-1])
    return found.masks[-1], ends


def trained_on(done: int, end: "Tensor") -> "Tensor":
    """Weights at which a round begins where the round before ended."""
    return end


def ticket_accuracies(seed: int, networks: int, width: int, steps: int, device: str) -> dict[str, Array]:
    """Find tickets in rounds and in one shot, and train each from its own weights and from new ones.

    Takes what every worker takes.

    Returns:
        Percent of the test images that are right, one row a network: "rounds", of the whole network and of the ticket
        of each round, from their own weights; "redrawn", the last two judged tickets from new weights; "shot" and "shot
        redrawn", the same of tickets found in one shot; "random", with as many weights left at random; "shuffled", the
        first of the judged tickets of rounds from its own weights at other places; "on", as many weights left by rounds
        that train on. One column a round: "moved", by how much a weight that is left differs at most from that at the
        start as the round begins, and "ended" as it ends.
    """
    import torch

    nets = ensemble(seed, networks, width, steps, device)
    start, fresh = nets.start(), nets.start(1)
    order = iter(range(ROUNDS))
    moved: list[Tensor] = []
    ended: list[Tensor] = []

    def train(point: "Tensor", mask: "Tensor") -> "Tensor":
        end = nets.trained(point, mask, order=next(order))
        for distances, place in ((moved, point), (ended, end)):
            distances.append(((place - start) * mask).abs().amax(dim=1))
        return end

    found = numerics.iterative_pruning(
        nets.network,
        start,
        train,
        sparsity=removed(ROUNDS),
        rounds=ROUNDS,
    )
    last = nets.trained(start, found.masks[-1], order=ROUNDS)
    rows = {"rounds": [nets.accuracy(end) for end in (*found.trained, last)]}
    ticket = found.masks[JUDGED[0]]
    rows["shuffled"] = [nets.accuracy(nets.trained(shuffled(nets, start, ticket), ticket, order=JUDGED[0]))]
    rows["on"] = [nets.accuracy(in_rounds(nets, start, trained_on)[1][-1])]
    shots = [numerics.magnitude_mask(nets.network, found.trained[0], sparsity=removed(rounds)) for rounds in JUDGED]
    chance = [
        numerics.random_mask(nets.network, sparsity=removed(rounds), seeds=nets.members, device=device)
        for rounds in JUDGED
    ]
    for name, masks, point in (
        ("redrawn", [found.masks[rounds] for rounds in JUDGED], fresh),
        ("shot", shots, start),
        ("shot redrawn", shots, fresh),
        ("random", chance, start),
    ):
        rows[name] = [
            nets.accuracy(nets.trained(point, mask, order=rounds)) for rounds, mask in zip(JUDGED, masks, strict=True)
        ]
    distances = {
        name: torch.stack(columns, dim=1).cpu().numpy() for name, columns in (("moved", moved), ("ended", ended))
    }
    return {name: np.stack(columns, axis=1) for name, columns in rows.items()} | distances


def early_accuracies(seed: int, networks: int, width: int, steps: int, device: str) -> dict[str, Array]:
    """Prune in five rounds, set back and trained on, and look at the whole network and at an early ticket, too.

    Takes what every worker takes.

    Returns:
        Percent of the test images that are right, one number a network: "whole" and the "ticket" of the early rounds;
        "back" and "on", with what the five rounds leave, set back in each of them and trained on; "shuffled", the
        ticket of "back" from its own weights at other places.
    """
    nets = ensemble(seed, networks, width, steps, device)
    start = nets.start()
    ticket, ends = in_rounds(nets, start)
    _, on = in_rounds(nets, start, trained_on)
    moved = nets.trained(shuffled(nets, start, ticket), ticket, order=JUDGED[0])
    named = {"whole": ends[0], "ticket": ends[EARLY], "back": ends[-1], "on": on[-1], "shuffled": moved}
    return {name: nets.accuracy(end) for name, end in named.items()}


def shuffled(nets: Ensemble, start: "Tensor", mask: "Tensor") -> "Tensor":
    """The weights that a mask leaves, each layer's put at random among the places of that layer that are left."""
    import torch

    found = start.clone()
    draws = [torch.rand(start.shape[1], generator=torch.Generator().manual_seed(own)) for own in nets.draws(2)]
    scores = torch.stack(draws).to(start.device)
    for begin, end, _ in nets.network.spans:
        kept = mask[:, begin:end]
        places = (~kept).to(torch.int8).argsort(dim=1, stable=True)  # those that are left come first
        other = (scores[:, begin:end] + 2 * ~kept).argsort(dim=1)
        found[:, begin:end] = found[:, begin:end].scatter(1, other, start[:, begin:end].gather(1, places))
    return found


def restarted_accuracies(seed: int, networks: int, width: int, steps: int, device: str) -> dict[str, Array]:
    """Remove 95 % of the weights in five rounds: set back in each of them, trained on, and from new weights.

    Takes what every worker takes.

    Returns:
        Percent of the test images that are right after one more training: "back", "on" and "new", one number a network.
    """
    nets = ensemble(seed, networks, width, steps, device)
    start = nets.start()
    ways = {"back": None, "on": trained_on, "new": lambda done, end: nets.start(done)}
    return {name: nets.accuracy(in_rounds(nets, start, begin)[1][-1]) for name, begin in ways.items()}


def _sizes(bench: Workbench) -> tuple[int, dict[str, object]]:
    """How many networks, and what is fixed for all of them."""
    fixed = {
        "width": bench.size(quick=8, standard=100, full=200),
        "steps": bench.size(quick=4, standard=200, full=600),
        "device": bench.device,
    }
    return bench.size(quick=2, standard=24, full=96), fixed


@claim(
    "generalisation.lottery-ticket",
    title="A pruned network trains better from the weights that it had at the start than from new ones",
    source=Source(FRANKLE_CARBIN_2019, "section 2, figures 1 and 3, and section 1 on iterative pruning", TICKETS),
    assumptions=(
        *SETTING,
        "a ticket: the weights left when the smallest of the trained ones in the whole network are removed, set back "
        "to their values at the start; in one shot, or in rounds that leave 55 % of what the round before did, each "
        "training starting from those same values",
        "new weights: drawn from the law of all weights at the start, in the same places, so that their sizes are not "
        "those of the weights that pruning leaves; shuffled: the ticket's own weights, at random among the places that "
        "are left in their layer",
        "trained on: every training begins where the one before ended, with what was removed at 0; weights that were "
        "trained on have been trained in all rounds, those of a ticket in the last training alone",
        "one data set and one architecture; nothing is said of CIFAR-10",
    ),
    expects={Verdict.SUPPORTED},
    decided_from="standard",
)
def lottery_ticket(bench: Workbench) -> Iterator[Comparison]:
    """With 95 % and with 98.5 % of the weights gone, what is left is, in most pairs, more accurate on new images when
    it is trained from the weights that it had at the start than from new ones, in one shot and in rounds. Which weight
    is where matters, not their sizes alone: with 95 % gone in rounds most are worse with their own weights shuffled.
    With 98.5 % gone, most tickets found in rounds are better than those found in one shot. With 83 % gone in three
    rounds, the median ticket is at most two points worse than the whole network trained as long.

    Who only wants to prune need not set anything back: with 95 % gone in rounds, most networks that were trained on
    instead, for as many steps in all, are more accurate than the ticket.
    """
    networks, fixed = _sizes(bench)
    items = [item | fixed for item in batches(bench.seeds("networks", -(-networks // TOGETHER)), networks)]
    results = bench.map("networks", ticket_accuracies, items)
    more = bench.size(quick=2, standard=36, full=96)
    items = [item | fixed for item in batches(bench.seeds("early", -(-more // TOGETHER)), more)]
    others = bench.map("early", early_accuracies, items)
    found = {name: np.concatenate([result[name] for result in results]) for name in results[0]}
    rounds = found["rounds"][:, JUDGED]
    pairs = {
        name: np.concatenate([first, *(result[name] for result in others)])
        for name, first in (
            ("back", rounds[:, 0]),
            ("on", found["on"][:, 0]),
            ("shuffled", found["shuffled"][:, 0]),
        )
    }
    yield Agrees(
        "largest difference of a weight as a round begins from that at the start",
        measured=found["moved"][:, 1:],
        predicted=np.zeros_like(found["moved"][:, 1:]),
        tolerance=0,
        reason="set back by copying",
        rival=Rival("trained on, as the round before ended", found["ended"][:, :-1]),
    )
    for place, share in enumerate(TITLES):
        for how, own, new in (("in rounds", rounds, "redrawn"), ("in one shot", found["shot"], "shot redrawn")):
            yield Ordering(
                f"{share} gone {how}: new weights against those at the start",
                lower=found[new][:, place],
                higher=own[:, place],
            )
    yield Ordering(
        "95 % gone in rounds: own weights shuffled within the layers against those at the start",
        lower=pairs["shuffled"],
        higher=pairs["back"],
    )
    yield Ordering("98.5 % gone: in one shot against in rounds", lower=found["shot"][:, 1], higher=rounds[:, 1])
    lacking = [result["whole"] - result["ticket"] for result in others]
    yield AtMost(
        "points of accuracy that the ticket of three rounds lacks, 83 % gone",
        bound=2.0,
        replicates=np.concatenate([found["rounds"][:, 0] - found["rounds"][:, EARLY], *lacking]),
        rival=Rival("four points or more", 4.0),
    )
    yield Ordering(
        "95 % gone in rounds: set back against trained on",
        lower=pairs["back"],
        higher=pairs["on"],
    )
    _draw(bench, found)


def _draw(bench: Workbench, found: Mapping[str, Array]) -> None:
    networks = len(found["rounds"])
    figure = bench.figure(
        "accuracy",
        title="Tickets trained from their own and from new weights",
        x="percent of the weights left",
        y="percent of test images wrong",
        x_scale="log",
        y_scale="log",
        x_limits=(120, 1.2),
        y_limits=(2, 120),
        caption=f"Means over {networks} networks; bars: two standard errors. Leftmost, and as a line: all weights.",
    )
    left = 100 * LEFT ** np.arange(ROUNDS + 1)
    accuracies = ("rounds", "redrawn", "shot", "shot redrawn", "random")
    wrong = {name: 100 - found[name] for name in accuracies}
    for name, places, label in (
        ("rounds", range(ROUNDS + 1), "in rounds, weights at the start"),
        ("redrawn", JUDGED, "in rounds, new weights"),
        ("shot", JUDGED, "in one shot, weights at the start"),
        ("shot redrawn", JUDGED, "in one shot, new weights"),
        ("random", JUDGED, "left at random, weights at the start"),
    ):
        means, errors = wrong[name].mean(axis=0), 2 * wrong[name].std(axis=0, ddof=1) / networks**0.5
        figure.points(left[list(places)], means, label, errors=np.minimum(errors, 0.9 * means))
    figure.line(left[[0, -1]], [wrong["rounds"][:, 0].mean()] * 2, "the whole network")


@claim(
    "generalisation.start-over-as-printed",
    title="Rounds of pruning may start over from any random weights, as printed",
    source=Source(FRANKLE_CARBIN_2019, "section 1, on iterative pruning", PRUNING_METHODS),
    assumptions=(
        *SETTING,
        "five rounds of training and removing the smallest weights, each leaving 55 % of what the round before did, so "
        "that 95 % are gone; then what is left is trained once more",
        "the slide does not say which random weights are set as the rounds start over; here every training after the "
        "first begins at new ones, with what was removed at 0",
        "the three ways take as many steps in all, on the same images",
    ),
    expects={Verdict.REFUTED},
    right="Not from new random weights, as what was removed was small in a network that started from others. Train on "
    f"from those that the round has trained, as {HAN_2015} do, or, for a ticket, set them back to those at which the "
    "first round began.",
    flaw="overstatement",
    decided_from="standard",
)
def start_over_as_printed(bench: Workbench) -> Iterator[Comparison]:
    """Iterative pruning sets random weights, trains, removes edges with small weights, and starts over, from whatever
    random weights: with new ones in every round the median network that it ends at is as accurate as that of rounds
    which set weights back to those of the first, and as that of rounds which train on.
    """
    networks, fixed = _sizes(bench)
    items = [item | fixed for item in batches(bench.seeds("networks", -(-networks // TOGETHER)), networks)]
    results = bench.map("networks", restarted_accuracies, items)
    found = {name: np.concatenate([result[name] for result in results]) for name in results[0]}
    for name, words in (("back", "setting back to the first weights"), ("on", "training on")):
        yield AtMost(
            f"points of accuracy lost by new weights against {words}, 95 % gone",
            bound=0.0,
            replicates=found[name] - found["new"],
            rival=Rival("a point or more: weights must not be new ones", 1.0),
        )
    figure = bench.figure(
        "accuracy",
        title="Rounds from new weights against two other ways, network by network",
        x="percent of test images right, rounds from new weights",
        y="percent of test images right",
        caption=f"{networks} networks, 95 % of the weights removed in five rounds. On the line both are as good.",
    )
    figure.points(found["new"], found["back"], "set back to the first weights")
    figure.points(found["new"], found["on"], "trained on")
    ends = [min(float(each.min()) for each in found.values()), max(float(each.max()) for each in found.values())]
    figure.line(ends, ends, "as good")
