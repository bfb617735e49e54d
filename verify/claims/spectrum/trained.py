"""The model against real networks: its Wishart matrix, its residual scale and its four assumptions."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

import numerics
from verify import OPEN, AtLeast, AtMost, Comparison, Rival, Slide, Source, Workbench, claim
from verify.claims.spectrum.networks import (
    NETWORKS,
    networks_with_residuals,
    over_networks,
    random_networks,
    trained_networks,
)
from verify.claims.spectrum.spectra import Array
from verify.sources import OXFORD_C65, PENNINGTON_BAHRI_2017

if TYPE_CHECKING:
    import torch

SHAPE_SLIDE = Slide(OXFORD_C65, "Local shape of loss landscape")
MODEL_SLIDE = Slide(OXFORD_C65, "Random matrix model of the Hessian")
JOINT_SLIDE = Slide(OXFORD_C65, "Stieltjes and R Transform for joint spectra")
TRAINED = 80  # for the assumptions, whose medians are asked for to a few tenths
SAMPLES_PER_INPUT = 4  # phi = 2n/m = 1/2
KINDS = {"linear": "linear", "relu": "ReLU", "tanh": "tanh"}
ENERGY = 0.3


@claim(
    "spectrum.residual-along-training",
    title="The residual part against the square root of the energy, along training",
    source=Source(PENNINGTON_BAHRI_2017, "the decomposition of the Hessian", printed=SHAPE_SLIDE),
    assumptions=("full-batch gradient descent on memorisation data, $\\phi = 1/2$", "squared error"),
    expects=OPEN,
)
def residual_along_training(bench: Workbench) -> Iterator[Comparison]:
    r"""The residual part $H_1$ is as large as the error. At fixed weights that is exact; along training the weights
    move too. The question: does the root mean square eigenvalue of $H_1$ stay proportional to $\sqrt\epsilon$, as the
    model with its variance $q\epsilon\phi$ has it ($q = 1$ for linear, $1/2$ for ReLU units)?

    At a critical point of a linear network with invertible weights $H_1$ vanishes whatever the energy is, because the
    gradient $W_2^T E X^T/m$ does and $E X^T/m$ is all that $H_1$ consists of.
    """
    width = bench.size(quick=8, standard=12, full=16)
    records = (0, 3, 10, 30, 100, 300, 1000, 3000)
    figure = bench.figure(
        "along-training",
        title="Residual part along training",
        x="square root of the energy, $\\sqrt\\epsilon$",
        y="root mean square eigenvalue of $H_1$",
        x_scale="log",
        y_scale="log",
        caption=f"Medians over {NETWORKS} networks of width {width} after 0 to 3000 steps of gradient descent, from "
        "right to left. Lines: proportional to the square root of the energy, with the model's constant for linear "
        "and for ReLU units. The linear networks' residual part goes on falling at one energy; below 0.01 it is not "
        "drawn.",
    )
    for kind in KINDS:
        measured = over_networks(
            bench,
            f"{kind} descent",
            scales_along_training,
            width=width,
            samples=SAMPLES_PER_INPUT * width,
            kind=kind,
            records=" ".join(map(str, records)),
        )
        rms, energy = measured["rms"], measured["energy"]
        constant = rms / np.sqrt(energy)
        yield AtLeast(
            f"{KINDS[kind]}: rms(H1)/sqrt(epsilon) at the end over that at the start",
            bound=0.8,
            replicates=constant[:, -1] / constant[:, 0],
            rival=Rival("it loses a third or more", 2 / 3),
        )
        if kind != "tanh":
            active = 1.0 if kind == "linear" else 0.5
            model = (active * 2 / SAMPLES_PER_INPUT) ** 0.5
            yield AtLeast(
                f"{KINDS[kind]}: rms(H1)/sqrt(epsilon) at the end over the model's constant",
                bound=0.8,
                replicates=constant[:, -1] / model,
                rival=Rival("half of it or less", 0.5),
            )
            grid = np.array([0.3, 1.1])
            figure.line(grid, model * grid, f"model, {KINDS[kind]} units")
        shown = np.median(rms, axis=0) > 0.01
        figure.points(
            np.sqrt(np.median(energy, axis=0))[shown], np.median(rms, axis=0)[shown], f"{KINDS[kind]} networks"
        )


def scales_along_training(
    seed: int, networks: int, device: str, width: int, samples: int, kind: str, records: str
) -> dict[str, Array]:
    """Train networks by gradient descent and return the energy and the rms eigenvalue of H1 at the recorded steps."""
    import torch

    start = random_networks(width, samples, kind, seeds=range(seed, seed + networks), device=device)
    steps = [int(step) for step in records.split()]
    result = numerics.gradient_descent(
        start.network,
        start.theta,
        start.x,
        start.y,
        start.loss,
        learning_rate=0.1,
        steps=steps[-1],
        record_at=steps,
    )
    points = [start.at(theta) for theta in result.trajectory]
    rms = [(point.hessian().residual.square().sum(dim=(1, 2)) / start.network.parameters).sqrt() for point in points]
    return {
        "rms": torch.stack(rms, dim=1).cpu().numpy(),
        "energy": torch.stack([point.energy for point in points], dim=1).cpu().numpy(),
    }


@claim(
    "spectrum.assumptions-on-trained-nets",
    title="The model's four assumptions after training",
    source=Source(PENNINGTON_BAHRI_2017, "the assumptions of the model", printed=MODEL_SLIDE),
    assumptions=(
        "linear and tanh networks at critical points (tanh with weight decay 0.001), ReLU networks after 3000 steps "
        "of gradient descent",
        "standard normal inputs and targets, $\\phi = 1/2$",
    ),
    expects=OPEN,
)
def assumptions_on_trained_nets(bench: Workbench) -> Iterator[Comparison]:
    r"""The random-matrix model takes for granted that weights are independent normal variables, that data are
    independent, that residuals are normal and independent of the data, and that $H_0$ and $H_1$ are freely independent.
    After training, is that so? Measured, against their values under the assumption:

    - the excess kurtosis of each layer's weights, and of the residuals: 0;
    - $n\,\mathrm{tr}(W_1 W_1^T W_2^T W_2) / (\mathrm{tr}\,W_1 W_1^T\, \mathrm{tr}\,W_2^T W_2)$: 1 if the layers are
      independent;
    - the share of the residuals' square that lies in the span of the inputs: $n/m$;
    - $\mathrm{tr}(H_0 H_1 H_0 H_1)$ against its value for free matrices,
      $\tau(a^2)\tau(b)^2 + \tau(a)^2\tau(b^2) - \tau(a)^2\tau(b)^2$ with the normalised trace $\tau$.
    """
    width = bench.size(quick=8, standard=12, full=16)
    size = {"width": width, "samples": SAMPLES_PER_INPUT * width}
    figure = bench.figure(
        "departures",
        title="Departures from the model's assumptions on trained networks",
        x="1 weights, 2 layers, 3 residuals, 4 inputs, 5 freeness",
        y="measured over assumed",
        y_scale="log",
        caption=f"Medians and middle halves over {TRAINED} networks of width {width}; 1 means that the assumption "
        "holds. 1: fourth moment of the first layer's weights, over the normal one. 2: overlap of the layers. 3: "
        "fourth moment of the residuals, over the normal one. 4: share of the residuals in the span of the inputs. "
        "5: mixed moment of the two parts of the Hessian. Linear networks have neither: their residuals are "
        "orthogonal to the inputs, and their residual part vanishes.",
    )
    figure.line([0.7, 5.3], [1.0, 1.0], "as assumed")
    for kind, name in KINDS.items():
        measured = over_networks(bench, f"{kind} trained", departures, TRAINED, kind=kind, trained=True, **size)
        arrived = measured["converged"] > 0 if kind != "relu" else np.ones(TRAINED, dtype=bool)
        kept = {key: values[arrived] for key, values in measured.items()}
        yield from _departures_of(kind, name, kept, int((~arrived).sum()))
        _draw_departures(figure, kind, name, kept)
    for kind in ("linear", "relu"):
        measured = over_networks(bench, f"{kind} random", departures, TRAINED, kind=kind, trained=False, **size)
        yield AtMost(
            f"{KINDS[kind]} networks at random weights with ideal residuals: H0 and H1 are free, |ratio - 1|",
            bound=0.2,
            replicates=np.abs(measured["freeness"] - 1),
            rival=Rival("two fifths off or more", 0.4),
        )


def _departures_of(kind: str, name: str, measured: dict[str, Array], dropped: int) -> Iterator[Comparison]:
    """Compare what was measured on trained networks of one kind with the assumptions."""
    yield AtMost(
        f"{name}: weights have normal tails, excess kurtosis of both layers",
        bound=(0.75, 0.75),
        replicates=np.stack([measured["first layer"], measured["second layer"]], axis=1),
        rival=Rival("that of a logistic law or more, 1.2", (1.2, 1.2)),
        dropped=dropped,
    )
    yield AtMost(
        f"{name}: layers are independent, |ratio - 1|",
        bound=0.25,
        replicates=np.abs(measured["overlap"] - 1),
        rival=Rival("half or more", 0.5),
        dropped=dropped,
    )
    yield AtMost(
        f"{name}: residuals have normal tails, excess kurtosis",
        bound=0.75,
        replicates=measured["residuals"],
        rival=Rival("that of a logistic law or more, 1.2", 1.2),
        dropped=dropped,
    )
    yield AtLeast(
        f"{name}: residuals are independent of the inputs, share over n/m",
        bound=0.8,
        replicates=measured["share"],
        rival=Rival("two fifths are missing", 0.6),
        dropped=dropped,
    )
    if kind != "linear":
        yield AtMost(
            f"{name}: H0 and H1 are free, |ratio - 1|",
            bound=0.2,
            replicates=np.abs(measured["freeness"] - 1),
            rival=Rival("two fifths off or more", 0.4),
            dropped=dropped,
        )


def _draw_departures(figure: Any, kind: str, name: str, measured: dict[str, Array]) -> None:
    ratios: list[Array] = [
        1 + measured["first layer"] / 3,
        measured["overlap"],
        1 + measured["residuals"] / 3,
        measured["share"],
        measured["freeness"],
    ]
    shown = ratios if kind != "linear" else ratios[:-2]
    medians = np.array([np.median(values) for values in shown])
    quarters = np.array([np.quantile(values, [0.25, 0.75]) for values in shown]).T
    places = 1 + np.arange(len(shown)) + {"linear": -0.15, "relu": 0.0, "tanh": 0.15}[kind]
    figure.points(places, medians, name, errors=np.stack([medians - quarters[0], quarters[1] - medians]))


def departures(
    seed: int, networks: int, device: str, width: int, samples: int, kind: str, trained: bool
) -> dict[str, Array]:
    """Measure what the assumptions are about, on trained networks or on random ones with ideal residuals."""
    import torch

    seeds: Sequence[int] = range(seed, seed + networks)
    if trained:
        result = trained_networks(width, samples, kind, seeds=seeds, device=device)
        net, converged = result.end, result.converged
    else:
        net = networks_with_residuals(width, samples, kind, epsilon=ENERGY, seeds=seeds, device=device)
        converged = torch.ones(networks, dtype=torch.bool)
    (first, _), (second, _) = net.network.unflatten(net.theta)
    incoming, outgoing = first @ first.mT, second.mT @ second
    residuals = net.residuals
    span = torch.linalg.qr(net.x)[0]
    share = (span.mT @ residuals).square().sum(dim=(1, 2)) / residuals.square().sum(dim=(1, 2))
    parts = net.hessian()
    overlap = width * (incoming * outgoing).sum(dim=(1, 2)) / (_trace(incoming) * _trace(outgoing))
    measured = {
        "first layer": excess_kurtosis(first),
        "second layer": excess_kurtosis(second),
        "overlap": overlap,
        "residuals": excess_kurtosis(residuals),
        "share": share * samples / width,
        "freeness": mixed_moment_over_free(parts.gauss_newton, parts.residual),
        "converged": converged.to(overlap),
    }
    return {name: values.cpu().numpy() for name, values in measured.items()}


def excess_kurtosis(values: "torch.Tensor") -> "torch.Tensor":
    """Return the fourth moment over the square of the second, less 3, of each member's values."""
    flat = values.flatten(1)
    centred = flat - flat.mean(dim=1, keepdim=True)
    return centred.pow(4).mean(dim=1) / centred.square().mean(dim=1).square() - 3


def mixed_moment_over_free(a: "torch.Tensor", b: "torch.Tensor") -> "torch.Tensor":
    """Return tr(abab) over its value for free matrices, one number per pair of symmetric matrices."""
    size = a.shape[-1]
    product = a @ b
    mixed = (product * product.mT).sum(dim=(1, 2)) / size
    mean_a, mean_b = _trace(a) / size, _trace(b) / size
    square_a, square_b = a.square().sum(dim=(1, 2)) / size, b.square().sum(dim=(1, 2)) / size
    return mixed / (square_a * mean_b**2 + mean_a**2 * square_b - mean_a**2 * mean_b**2)


def _trace(matrices: "torch.Tensor") -> "torch.Tensor":
    return matrices.diagonal(dim1=1, dim2=2).sum(dim=1)
