"""How many weights are near zero after training, with and without something that makes them small."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

import numerics
from verify import AtLeast, AtMost, Comparison, Equals, Ordering, Proportion, Rival, Source, Verdict, Workbench, claim
from verify.bibliography import HOYER_2004
from verify.claims.generalisation.trained_digits import SETTING, TOGETHER, accuracy, images, trained
from verify.lectures.generalisation import WEIGHTS

if TYPE_CHECKING:
    from torch import Tensor

Array = NDArray[np.float64]

NEAR: Final = 0.1
"""Of the root of the mean square of the layer's weights."""

PENALTIES: Final = {
    "none": (0.0, 0.0),
    "decay": (0.01, 0.0),
    "weak lasso": (0.0, 0.0003),
    "lasso": (0.0, 0.001),
}
"""Weight decay and l1 penalty."""

BALANCE: Final = 0.1
"""Relative: training ends after finitely many steps."""

LEFT: Final = 0.2
"""Share near zero, at most, of the weights of units and inputs that weight decay leaves: less than of all weights."""

AT_START: Final = 0.08
"""Of normal weights 7.97 % are smaller than a tenth of their standard deviation."""


def distributions(seed: int, networks: int, decay: float, lasso: float, steps: int, device: str) -> dict[str, Array]:
    """Train networks and summarise their weights.

    Args:
        seed: Of the starts, of the splits of the images and of what is set to zero at random.
        networks: How many.
        decay: Weight decay.
        lasso: Factor of the l1 penalty.
        steps: Of training.
        device: Where.

    Returns:
        One row per network: "start" and "share", the share of all weights below ``NEAR`` of their layer's rms at the
        start and at the end, "start kurtosis", "kurtosis" and "hoyer" of the weights in units of that rms, "accuracy"
        on new images, "change" and "random", what it changes by when the weights near zero, or as many at random, are
        set to zero; "sizes", the quantiles of the sizes of the weights in those units, one column per percent; "decay
        felt", minus the slope of the cross-entropy along the weights over their square, and "lasso felt", its largest
        slope at a weight that is zero. Of the units and inputs that are left: "left", the share of their weights that
        are near zero, and "left sizes", as "sizes"; "gone", the part of the weights near zero that is not theirs.
    """
    import torch

    network, start, theta = trained(seed, networks, decay, lasso, steps, device)
    seen, (x, labels) = images(seed, networks, device)
    scaled = {"start": _in_units_of_rms(network, start), "end": _in_units_of_rms(network, theta)}
    summary = numerics.weight_summary(scaled["end"], thresholds=(NEAR,))
    reached = accuracy(network, theta, x, labels)
    near = scaled["end"].abs() < NEAR
    places = torch.rand(theta.shape, generator=torch.Generator().manual_seed(seed), dtype=theta.dtype).to(theta)
    at_random = near.gather(1, places.argsort(1))  # as many, anywhere
    without = accuracy(network, theta.masked_fill(near, 0.0), x, labels)
    without_others = accuracy(network, theta.masked_fill(at_random, 0.0), x, labels)
    moved = theta.clone().requires_grad_()
    (slopes,) = torch.autograd.grad(
        numerics.CrossEntropy().value(network.forward(moved, seen[0]), seen[1]).sum(), moved
    )
    levels = torch.linspace(0, 1, 101, dtype=theta.dtype, device=theta.device)
    gone = torch.cat([_whole(weight).flatten(1) for weight, _ in network.unflatten(scaled["end"])], dim=1)
    left_sizes = torch.nanquantile(scaled["end"].abs().masked_fill(gone, torch.nan), levels, dim=1).T
    before = numerics.weight_summary(scaled["start"], thresholds=(NEAR,))
    found = {
        "start": before.below[:, 0],
        "start kurtosis": before.kurtosis,
        "share": summary.below[:, 0],
        "kurtosis": summary.kurtosis,
        "hoyer": summary.hoyer,
        "accuracy": reached,
        "change": without - reached,
        "random": without_others - reached,
        "sizes": torch.quantile(scaled["end"].abs(), levels, dim=1).T,
        "decay felt": -(slopes * theta).sum(1) / theta.square().sum(1),
        "lasso felt": slopes.abs().where(theta == 0, 0).amax(1),
        "left": (near & ~gone).to(theta).sum(1) / (~gone).sum(1),
        "left sizes": left_sizes,
        "gone": (near & gone).to(theta).sum(1) / near.sum(1).clamp(min=1),
    }
    return {name: value.cpu().numpy() for name, value in found.items()}


def _whole(weight: "Tensor") -> "Tensor":
    """Which weights, in units of their layer's rms, are of a unit or an input all of whose weights are near zero.

    All is the root mean square of what comes into a unit from one layer, or of what an input or a unit gives to one.
    """
    import torch

    rows, columns = (weight.square().mean(axis, keepdim=True).sqrt() < NEAR for axis in (2, 1))
    return torch.logical_or(rows, columns)


def _in_units_of_rms(network: "numerics.Mlp", theta: "Tensor") -> "Tensor":
    """The weights, each divided by the rms of its layer, in the flat layout of a network without biases."""
    import torch

    layers = numerics.layer_weight_summaries(network, theta)
    pieces = [
        weight.flatten(1) / law.rms[:, None] for (weight, _), law in zip(network.unflatten(theta), layers, strict=True)
    ]
    return torch.cat(pieces, dim=1)


@claim(
    "generalisation.weights-concentrate",
    title="After training most weights are near zero with an l1 penalty, whole units with weight decay, few without",
    source=Source(HOYER_2004, "section 3, for the measure of sparsity", WEIGHTS),
    assumptions=(
        *SETTING,
        "near zero is a size below a tenth of the root of the mean square of the layer's weights; a unit or pixel is "
        "gone from a layer where the root of the mean square of its weights there is near zero",
        "weight decay is $0.01\\,|\\theta|^2/2$, the l1 penalty $0.001\\,|\\theta|_1$ or $0.0003\\,|\\theta|_1$, on "
        "top of the mean cross-entropy; 400 steps of the accelerated proximal gradient of rate 0.1 and momentum 0.9",
    ),
    expects={Verdict.SUPPORTED},
    decided_from="standard",
)
def weights_concentrate(bench: Workbench) -> Iterator[Comparison]:
    r"""Are most weights of a trained network close to zero? That depends on what was minimised. Weights start normal,
    and 8 % of them are smaller than a tenth of their root mean square. Training on the cross-entropy alone leaves
    about as many there. It is the tails that grow: in most networks the kurtosis of the weights is larger than at the
    start. With weight decay those near zero become more than a quarter. With an l1 penalty, which makes weights exactly
    zero, they are more than half and more than with weight decay, and more of them the stronger it is.

    Weight decay does not pick out single weights, though: most of those near zero are all weights of units and pixels
    that are gone. Among the weights of the others fewer than a fifth are near zero with weight decay, but more than
    half with the l1 penalty of 0.001.

    The penalties can be read off the loss where training ends: its slope along the weights is, but for the sign, 0.01
    of their square with weight decay. An l1 penalty holds a weight at zero against a slope of the loss up to its
    factor, and the largest slope there is, in the median network, between three quarters of it and one and a half of
    it.

    Setting to zero all weights that are near it changes the accuracy on new images by less than a point in most
    networks, with each penalty; as many weights at random make more of a difference.
    """
    steps = bench.size(quick=5, standard=400, full=1000)
    networks, batches = bench.size(quick=2, standard=TOGETHER, full=TOGETHER), bench.size(quick=1, standard=4, full=10)
    seeds = bench.seeds("networks", batches)
    found = {}
    for name, (decay, lasso) in PENALTIES.items():
        fixed = {"networks": networks, "decay": decay, "lasso": lasso, "steps": steps, "device": bench.device}
        parts = bench.map(name, distributions, [{"seed": seed, **fixed} for seed in seeds])
        found[name] = {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
    yield Equals(
        "minus the slope of the loss along the weights, over their square, with weight decay",
        predicted=PENALTIES["decay"][0],
        replicates=found["decay"]["decay felt"],
        relative=BALANCE,
        rival=Rival("twice the penalty", 2 * PENALTIES["decay"][0]),
    )
    felt = np.stack([found[name]["lasso felt"] / PENALTIES[name][1] for name in ("lasso", "weak lasso")], axis=1)
    largest = "largest slope of the loss at a weight that is zero, over the strong and the weak l1 penalty's factor"
    yield AtMost(largest, bound=[1.5, 1.5], replicates=felt, rival=Rival("as of twice the penalty", [2, 2]))
    yield AtLeast(
        f"{largest}, again", bound=[0.75, 0.75], replicates=felt, rival=Rival("as of half the penalty", [0.5, 0.5])
    )
    start = Rival("as at the start", AT_START)
    most = Rival("most of them, whatever is minimised", 0.5)
    yield AtMost(
        "share of weights near zero, without a penalty", bound=0.12, replicates=found["none"]["share"], rival=most
    )
    yield Ordering(
        "kurtosis of the weights, without a penalty: at the start against the end",
        lower=found["none"]["start kurtosis"],
        higher=found["none"]["kurtosis"],
    )
    yield AtLeast(
        "share of weights near zero, with weight decay", bound=0.25, replicates=found["decay"]["share"], rival=start
    )
    yield AtLeast(
        "share of weights near zero, with an l1 penalty", bound=0.5, replicates=found["lasso"]["share"], rival=start
    )
    decayed, single = found["decay"], found["lasso"]
    yield AtLeast(
        "part of the weights near zero that belongs to units and pixels that are gone, with weight decay",
        bound=0.5,
        replicates=decayed["gone"],
        rival=Rival("a quarter", 0.25),
    )
    yield AtMost(
        "share of weights near zero among those of the units and pixels that are left, with weight decay",
        bound=LEFT,
        replicates=decayed["left"],
        rival=Rival("twice as many, as where single weights vanish", 2 * LEFT),
    )
    yield AtLeast(
        "share of weights near zero among those of the units and pixels that are left, with an l1 penalty",
        bound=0.5,
        replicates=single["left"],
        rival=Rival("as with weight decay, at most", LEFT),
    )
    for measure in ("share", "hoyer"):
        words = {"share": "share of weights near zero", "hoyer": "sparsity by Hoyer's measure"}[measure]
        for lower, higher, which in (
            ("none", "decay", "no penalty against weight decay"),
            ("decay", "lasso", "weight decay against an l1 penalty"),
            ("weak lasso", "lasso", "a weak l1 penalty against a strong one"),
        ):
            yield Ordering(f"{words}: {which}", lower=found[lower][measure], higher=found[higher][measure])
    for name, words in (("decay", "weight decay"), ("lasso", "an l1 penalty")):
        changes = np.abs(found[name]["change"])
        yield Proportion(
            f"networks whose accuracy changes by less than a point when weights near zero become zero, with {words}",
            successes=int((changes < 0.01).sum()),
            trials=len(changes),
            within=(0.5, 1),
            rival=Rival("hardly any, as with random weights", (0, 0.25)),
        )
        yield Ordering(
            f"change of the accuracy, with {words}: weights near zero set to zero against as many at random",
            lower=changes,
            higher=np.abs(found[name]["random"]),
        )
    _draw(bench, found)


def _draw(bench: Workbench, found: dict[str, dict[str, Array]]) -> None:
    from scipy.special import erf

    accuracies = ", ".join(f"{part['accuracy'].mean():.1%}" for part in found.values())
    figure = bench.figure(
        "sizes",
        title="How many weights are how small",
        x="size over the root mean square of the layer",
        y="share of weights that are smaller",
        x_limits=(0, 2),
        y_limits=(0, 1),
        caption=f"Medians over {len(found['none']['share'])} networks; near zero is left of 0.1. Their accuracies on "
        f"new images are {accuracies}, in the order of the penalties in the key. Weight decay takes whole units and "
        "pixels; of the weights of those that are left few are near zero.",
    )
    labels = {"none": "no penalty", "decay": "weight decay", "weak lasso": "weak l1", "lasso": "l1"}
    for name, part in found.items():
        figure.line(np.median(part["sizes"], axis=0), np.linspace(0, 1, 101), labels[name])
    left = np.median(found["decay"]["left sizes"], axis=0)
    figure.line(left, np.linspace(0, 1, 101), "weight decay, units and pixels left")
    sizes = np.linspace(0, 2, 21)
    figure.points(sizes, erf(sizes / 2**0.5), "at the start: normal")
