"""The residual part of real networks along training, against the scale that the model gives it."""

from collections.abc import Iterator

import numpy as np

import numerics
from verify import OPEN, AtLeast, Comparison, Rival, Slide, Source, Workbench, claim
from verify.bibliography import PENNINGTON_BAHRI_2017
from verify.claims.spectrum.networks import NETWORKS, over_networks, random_networks
from verify.claims.spectrum.spectra import Array
from verify.sources import OXFORD_C65

SHAPE_SLIDE = Slide(OXFORD_C65, "Local shape of loss landscape")
SAMPLES_PER_INPUT = 4  # phi = 2n/m = 1/2
KINDS = {"linear": "linear", "relu": "ReLU", "tanh": "tanh"}
ACTIVE = {"linear": 1.0, "relu": 0.5, "tanh": 1.0}  # a tanh unit is never off


@claim(
    "spectrum.residual-along-training",
    title="The residual part against the square root of the energy, along training",
    source=Source(PENNINGTON_BAHRI_2017, "the decomposition of the Hessian", printed=SHAPE_SLIDE),
    assumptions=("full-batch gradient descent on memorisation data, $\\phi = 1/2$", "squared error"),
    expects=OPEN,
)
def residual_along_training(bench: Workbench) -> Iterator[Comparison]:
    r"""The residual part $H_1$ is as large as the error. At fixed weights that is exact; along training the weights
    move too. The question: does the root mean square eigenvalue of $H_1$ stay at the model's $\sqrt{q\epsilon\phi}$
    ($q = 1$ for linear, $1/2$ for ReLU units), or at the slide's $\sqrt{2\epsilon}$ of a Wigner matrix?

    At the start of training the question makes no sense: there the residuals contain the outputs, which depend on the
    inputs. Towards the end they depend on them too, the other way round: what the network can explain has left the
    residuals. For linear units $H_1$ consists of $E X^T/m$ alone, and the gradient $W_2^T E X^T/m$ vanishes, so that
    $H_1$ does at a critical point with invertible $W_2$, whatever the energy is. ReLU and tanh units come between,
    because they explain a part only of what is linear in the inputs.
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
        caption=f"Medians over {NETWORKS} networks of width {width} after 0 to 3000 steps of gradient descent, joined "
        "in the order of time, from right to left. Straight lines: proportional to the square root of the energy, with "
        "the model's constant for linear and for ReLU units, and with that of a Wigner matrix of variance "
        "$2\\epsilon$. The linear networks' residual part goes on falling at one energy; below 0.01 it is not drawn.",
    )
    grid = np.array([0.3, 1.1])
    for kind, name in KINDS.items():
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
        constant = rms[:, -1] / np.sqrt(energy[:, -1])
        model = (ACTIVE[kind] * 2 / SAMPLES_PER_INPUT) ** 0.5
        yield AtLeast(
            f"{name}: rms(H1) over sqrt(2 epsilon) at the end, as for a Wigner matrix",
            bound=0.8,
            replicates=constant / 2**0.5,
            rival=Rival("what the free compound Poisson law has (tanh: of linear units), or less", model / 2**0.5),
        )
        if kind != "tanh":
            yield AtLeast(
                f"{name}: rms(H1) over sqrt(epsilon) at the end over the model's constant",
                bound=0.8,
                replicates=constant / model,
                rival=Rival("half of it or less", 0.5),
            )
            figure.line(grid, model * grid, f"model, {name} units")
        medians = np.median(rms, axis=0)
        shown = medians > 0.01
        place = np.sqrt(np.median(energy, axis=0))[shown]
        figure.line(place, medians[shown], f"{name} networks in time").points(place, medians[shown], f"{name} networks")
    figure.line(grid, 2**0.5 * grid, "Wigner matrix")


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
