"""What deleting the smallest weights of a trained network changes, against a bound by norms and against chance."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

import numerics
import theory
from verify import (
    Agrees,
    AtLeast,
    AtMost,
    Bounds,
    Comparison,
    Identity,
    Ordering,
    Proportion,
    Rival,
    Source,
    Verdict,
    Workbench,
    claim,
)
from verify.bibliography import NEYSHABUR_2018
from verify.claims.generalisation.trained_digits import SETTING, TOGETHER, accuracy, images, trained
from verify.lectures.generalisation import WEIGHTS

if TYPE_CHECKING:
    from torch import Tensor

Array = NDArray[np.float64]

LASSO: Final = 1e-3
SHARES: Final = tuple(round(0.05 * step, 2) for step in range(19))
TRIED_SHARES: Final = (0.1, 0.3, 0.5)
"""Deleted where the bound is tried."""

POINT: Final = 0.01
IMAGES: Final = 100
"""Of those for testing, on which the bound is tried."""


ALIKE: Final = (8, 8, 8, 8)
"""Widths of the networks in which every unit loses equally many of equal edges."""


def equal_losses(seed: int, networks: int, device: str) -> dict[str, Array]:
    """Delete equally many edges at both ends of every unit, in ReLU networks with equal positive weights in each layer.

    Args:
        seed: Of the weights, of how many edges go, of which, and of the inputs.
        networks: How many.
        device: Where.

    Returns:
        One number per network: "change", how far the output moves, "bound" by norms, "exchanged" the other one and
        "carried" by what the deleted edges carry, and what two of these would be with wrong norms: "whole" with those
        of the whole layers below, "loads" without those of the layers above.
    """
    import torch

    source = np.random.default_rng(seed)
    network, width = numerics.Mlp(ALIKE, "relu"), ALIKE[0]
    sizes = np.exp(source.uniform(-1, 1, (networks, len(ALIKE) - 1)))
    lost = source.integers(1, width, (networks, len(ALIKE) - 1))
    ring = (np.arange(width)[:, None] - np.arange(width)) % width  # each number once in every row and column
    masks = [(ring < count)[source.permutation(width)][:, source.permutation(width)] for row in lost for count in row]
    theta = torch.tensor(np.repeat(sizes / width, width**2, axis=1), device=device)
    deleted = torch.tensor(np.stack(masks).reshape(networks, -1), device=device)
    x = torch.tensor(np.exp(source.uniform(-1, 1, (networks, 1, 1))) * np.ones((1, 1, width)), device=device)
    left = theta.masked_fill(deleted, 0.0)
    moved = network.forward(theta, x) - network.forward(left, x)
    (below,) = torch.linalg.vector_norm(x, dim=-1).T
    found = {
        "change": torch.linalg.vector_norm(moved, dim=-1)[:, 0],
        "bound": numerics.deletion_bound(network, theta, deleted, x)[:, 0],
        "exchanged": _exchanged(network, theta, left) * below,
        "carried": numerics.carried_deletion_bound(network, theta, deleted, x)[:, 0],
        "whole": _norms(network, theta).prod(0)
        * (_norms(network, theta - left) / _norms(network, theta)).sum(0)
        * below,
        "loads": _carried_alone(network, theta, left, x)[:, 0],
    }
    return {name: value.cpu().numpy() for name, value in found.items()}


def deletions(seed: int, networks: int, lasso: float, steps: int, device: str) -> dict[str, Array]:
    """Train networks, delete edges by size and at random, and look at outputs and accuracy.

    Args:
        seed: Of the starts, of the splits of the images and of what is deleted at random.
        networks: How many.
        lasso: Factor of the l1 penalty.
        steps: Of training.
        device: Where.

    Returns:
        One row per network: "change", "bound", "smaller", that or the one with what is left in the place of the whole
        layers, and "carried" at every image for each share tried, by size and at random, and "alone" and "loads", the
        bounds without the norms of the other layers, where that is less; "smallest" and "random", the accuracy for each
        of ``SHARES``.
    """
    import torch

    network, _, theta = trained(seed, networks, 0.0, lasso, steps, device)
    _, (x, labels) = images(seed, networks, device)
    generator = torch.Generator().manual_seed(seed)
    places = torch.rand(theta.shape, generator=generator, dtype=theta.dtype).to(theta)
    ways = {"smallest": theta, "random": places}
    found = {}
    for way, scores in ways.items():
        kept = [theta.masked_fill(numerics.smallest_edges(network, scores, share), 0.0) for share in SHARES]
        found[way] = torch.stack([accuracy(network, left, x, labels) for left in kept], dim=1)
    few = x[:, :IMAGES]
    before, lengths = network.forward(theta, few), torch.linalg.vector_norm(few, dim=-1)
    rows = []
    for share in TRIED_SHARES:
        for scores in ways.values():
            deleted = numerics.smallest_edges(network, scores, share)
            left = theta.masked_fill(deleted, 0.0)
            change = torch.linalg.vector_norm(before - network.forward(left, few), dim=-1)
            bound = numerics.deletion_bound(network, theta, deleted, few)
            smaller = torch.minimum(_exchanged(network, theta, left)[:, None] * lengths, bound)
            alone = torch.minimum(_norms(network, theta - left).sum(0)[:, None] * lengths, smaller)
            carried = numerics.carried_deletion_bound(network, theta, deleted, few)
            loads = torch.minimum(_carried_alone(network, theta, left, few), carried)
            rows.append(torch.stack([change, bound, smaller, alone, carried, loads]))
    names = ("change", "bound", "smaller", "alone", "carried", "loads")
    found |= dict(zip(names, torch.stack(rows, dim=2).unbind(), strict=True))  # members, ways, images
    return {name: value.cpu().numpy() for name, value in found.items()}


def _norms(network: "numerics.Mlp", theta: "Tensor") -> "Tensor":
    """The spectral norm of each layer, one column per member."""
    import torch

    return torch.stack([torch.linalg.matrix_norm(weight, 2) for weight, _ in network.unflatten(theta)])


def _exchanged(network: "numerics.Mlp", theta: "Tensor", left: "Tensor") -> "Tensor":
    """The bound by norms at inputs of length 1, with what is left above and the whole layers below, one per member."""
    import torch

    whole, kept, deleted = (_norms(network, weights) for weights in (theta, left, theta - left))
    change, reach = torch.zeros_like(whole[0]), torch.ones_like(whole[0])
    for size, part, gone in zip(whole, kept, deleted, strict=True):
        change, reach = part * change + gone * reach, size * reach
    return change


def _carried_alone(network: "numerics.Mlp", theta: "Tensor", left: "Tensor", x: "Tensor") -> "Tensor":
    """What the deleted edges of all layers carry, lengths added up."""
    import torch

    trace = network.trace(left, x)
    pairs = zip(trace.inputs, network.unflatten(theta - left), strict=True)
    return torch.stack([torch.linalg.vector_norm(units @ weight.mT, dim=-1) for units, (weight, _) in pairs]).sum(0)


def removable(accuracies: Array) -> Array:
    """The largest of ``SHARES`` up to which no deletion costs a point of accuracy, one per network.

    Args:
        accuracies: One row per network, one column per share, the first for none.
    """
    good = accuracies > accuracies[:, :1] - POINT
    last: Array = np.array(SHARES)[np.logical_and.accumulate(good, axis=1).sum(axis=1) - 1]
    return last


@claim(
    "generalisation.small-weights-small-effect",
    title="Deleting edges changes outputs by at most a product of norms: more small ones can go than random ones",
    source=Source(NEYSHABUR_2018, "lemma 2, for small perturbations", WEIGHTS),
    assumptions=(
        "no biases; an activation with slopes of size at most 1 that keeps 0, as ReLU and tanh",
        *SETTING,
        "edges are deleted in every layer by the same share, without training again",
    ),
    expects={Verdict.SUPPORTED},
)
def small_weights_small_effect(bench: Workbench) -> Iterator[Comparison]:
    r"""Edges without weight conduct nothing, those of almost zero weight have little effect: how little? Let $W_l$ be
    the layers, $V_l$ what is left of them, and $|\cdot|$ the largest singular value. Deleting the edges moves the
    output at an input of length $X$ by at most

    $$X \sum_l |W_L| \cdots |W_{l+1}|\; |W_l - V_l|\; |V_{l-1}| \cdots |V_1|.$$

    It holds with $W$ and $V$ exchanged, too, so that the smaller of both is a bound. With all norms $|W_l|$ and $|V_l|$
    at most $s$, and at most $k$ edges of size at most $t$ deleted in each of $L$ layers, this is at most $L s^{L - 1} t
    \sqrt k X$. The norms of the other layers are needed: without them it fails.

    No factor below 1 can be put before either for all networks: with equal positive weights in each layer, of which
    every unit loses equally many at both ends, and equal inputs, the output moves by just so much. In classifiers of
    digits trained without a penalty, though, the median of the first is at least ten times that of the change. What the
    deleted edges of a layer carry, $c_l = |(W_l - V_l) h_{l-1}|$ where $h$ are the units after the
    deletion, says more: the output moves by at most

    $$\sum_l |W_L| \cdots |W_{l+1}|\; c_l,$$

    which is never larger than the first, is attained in the same networks, and has a median of at most six times that
    of the change in these classifiers.

    In most classifiers of digits a tenth of the edges, the smallest, can be deleted at less than a point of accuracy,
    after training with an l1 penalty two fifths; of random edges fewer can.
    """
    from sympy import sqrt

    bound = theory.deletion_bound_of_norms()
    letters = bound.symbols
    layers, size, edge, count, length = (letters[name] for name in ("L", "s", "t", "k", "X"))
    yield Identity(
        "bound with L layers of norm s, k edges of size t deleted in each",
        derivation=bound,
        claimed=layers * size ** (layers - 1) * edge * sqrt(count) * length,
        rival=Rival("one layer's", size ** (layers - 1) * edge * sqrt(count) * length),
    )
    three = {letter.name: letter for letter in bound.parts["three"].rhs.free_symbols}
    w_2, w_3, v_1, v_2, d_1, d_2, d_3 = (three[name] for name in ("w_2", "w_3", "v_1", "v_2", "d_1", "d_2", "d_3"))
    yield Identity(
        "bound for three layers",
        derivation=bound,
        part="three",
        claimed=three["X"] * (w_3 * (w_2 * d_1 + d_2 * v_1) + d_3 * v_2 * v_1),
        rival=Rival("the norms of what is deleted alone", three["X"] * (d_1 + d_2 + d_3)),
    )
    other = {letter.name: letter for letter in bound.parts["exchanged"].rhs.free_symbols}
    w_1, v_3 = other["w_1"], other["v_3"]
    yield Identity(
        "bound for three layers, the layers and what is left of them exchanged",
        derivation=bound,
        part="exchanged",
        claimed=other["X"] * (v_3 * (v_2 * d_1 + d_2 * w_1) + d_3 * w_2 * w_1),
        rival=Rival("what is left on both sides", other["X"] * (v_3 * (v_2 * d_1 + d_2 * v_1) + d_3 * v_2 * v_1)),
    )
    carried = {letter.name: letter for letter in bound.parts["carried"].rhs.free_symbols}
    c_1, c_2, c_3 = (carried[name] for name in ("c_1", "c_2", "c_3"))
    yield Identity(
        "bound for three layers by what the deleted edges carry",
        derivation=bound,
        part="carried",
        claimed=carried["w_3"] * (carried["w_2"] * c_1 + c_2) + c_3,
        rival=Rival("what is carried alone", c_1 + c_2 + c_3),
    )
    (seed,) = bench.seeds("equal losses", 1)
    (alike,) = bench.map("alike", equal_losses, [{"seed": seed, "networks": 200, "device": bench.device}])
    for name, words, wrong, rival in (
        ("bound", "the norms of the layers", "whole", "the norms of whole layers below the deleted edges, too"),
        ("exchanged", "the norms, exchanged", "whole", "the norms of whole layers on both sides"),
        ("carried", "what the deleted edges carry", "loads", "what is carried alone"),
    ):
        yield Agrees(
            f"change over the bound by {words}, where every unit loses equally many of equal edges",
            measured=alike["change"] / alike[name],
            predicted=np.ones(len(alike["change"])),
            tolerance=1e-10,
            reason="rounding",
            rival=Rival(rival, alike[wrong] / alike[name]),
        )
    batches = bench.size(quick=1, standard=4, full=10)
    steps = bench.size(quick=5, standard=400, full=1000)
    networks = bench.size(quick=2, standard=TOGETHER, full=TOGETHER)
    results = {}
    for name, lasso in (("plain", 0.0), ("lasso", LASSO)):
        fixed = {"networks": networks, "lasso": lasso, "steps": steps, "device": bench.device}
        items = [{"seed": seed, **fixed} for seed in bench.seeds("networks", batches)]
        parts = bench.map(name, deletions, items)
        results[name] = {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
    plain, lasso_result = results["plain"], results["lasso"]
    yield Bounds(
        "change of the output against the smaller bound by norms; a tenth to half of the edges deleted, by size and at "
        "random",
        smaller=np.stack([plain["change"], lasso_result["change"]]),
        larger=np.stack([plain["smaller"], lasso_result["smaller"]]),
        tolerance=1e-9,
        reason="rounding",
        rival=Rival("without the norms of the other layers", np.stack([plain["alone"], lasso_result["alone"]])),
        decided_from="standard",
    )
    yield Bounds(
        "change of the output against the bound by what the deleted edges carry, in the same networks",
        smaller=np.stack([plain["change"], lasso_result["change"]]),
        larger=np.stack([plain["carried"], lasso_result["carried"]]),
        tolerance=1e-9,
        reason="rounding",
        rival=Rival("what is carried alone", np.stack([plain["loads"], lasso_result["loads"]])),
        decided_from="standard",
    )
    looseness, left_over = (
        np.median(plain[name], axis=(1, 2)) / np.median(plain["change"], axis=(1, 2)) for name in ("bound", "carried")
    )
    yield AtLeast(
        "median of the bound over the median of the change, without a penalty",
        bound=10.0,
        replicates=looseness,
        rival=Rival("sharp to a factor of two", 2.0),
        decided_from="standard",
    )
    yield AtMost(
        "median of the bound by what is carried over the median of the change, without a penalty",
        bound=6.0,
        replicates=left_over,
        rival=Rival("as loose as the bound by norms", 10.0),
        decided_from="standard",
    )
    for name, title, least in (("plain", "without a penalty", 0.1), ("lasso", "after an l1 penalty", 0.4)):
        by_size, by_chance = (removable(results[name][way]) for way in ("smallest", "random"))
        yield Proportion(
            f"networks that lose less than a point with {100 * least:.0f} % of the edges, the smallest, {title}",
            successes=int((by_size >= least).sum()),
            trials=len(by_size),
            within=(0.5, 1),
            rival=Rival("hardly any, as with random edges", (0, 0.25)),
            decided_from="standard",
        )
        yield Ordering(
            f"share that can be deleted at less than a point, {title}: at random against by size",
            lower=by_chance,
            higher=by_size,
            decided_from="standard",
        )
    figure = bench.figure(
        "accuracy",
        title="Accuracy after deleting edges",
        x="share of the edges deleted",
        y="accuracy on new images",
        y_limits=(0, 1),
        caption=f"Means over {len(plain['smallest'])} networks; bars: two standard errors. Nothing is trained again. "
        f"Without a penalty the bound by norms is {np.median(looseness):.0f} times the change of the output at the "
        f"median, that by what the deleted edges carry {np.median(left_over):.0f} times.",
    )
    for label, values in (
        ("smallest first, trained with an l1 penalty", lasso_result["smallest"]),
        ("smallest first, trained without", plain["smallest"]),
        ("at random, trained without", plain["random"]),
    ):
        errors = 2 * values.std(axis=0, ddof=1) / len(values) ** 0.5
        figure.points(SHARES, values.mean(axis=0), label, errors=errors)
