"""Gaussian clusters for data: how many eigenvalues of the trained network stand apart from the bulk.

Each cluster is a class of its own, as in the talk, and then clusters cannot be told from classes. So there are also
data where every class is made of several clusters.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

import numerics
from verify import Comparison, Proportion, Rival, Source, Verdict, Workbench, claim
from verify.bibliography import SAGUN_2018
from verify.claims.hessian.networks import NETWORKS, PLACES, TRAINING, Array, outliers, untrained
from verify.lectures.curvature import DATA

HIDDEN = (48, 64)  # with 20 inputs and k outputs 4144 + 65 k parameters
FEATURES, SAMPLES = 20, 500
SPREADS = (1.5, 2.5, 3.5)  # around centres that are 6.3 apart: clusters that are far apart, that touch, that overlap
CLUSTERS = range(2, 11)
MERGED = ((8, 4), (9, 3), (10, 2))  # clusters in fewer classes
LOSS, LATER = 0.3, 0.1  # where spectra are taken
TOGETHER = 4  # networks per item of work
SHOWN = (2, 5, 10)


@claim(
    "hessian.outliers-count-clusters",
    title="The number of outliers counts the classes of the data, less one",
    source=Source(SAGUN_2018, "data dependence: outliers and clusters", printed=DATA),
    assumptions=(
        NETWORKS,
        TRAINING,
        "$k$ Gaussian clusters of random centres in 20 dimensions, about 6.3 apart, each a class of its own, $k$ "
        "outputs; and, at the standard deviation 2.5, 8 clusters in 4 classes, 9 in 3, and 10 in 2",
        "standard deviation around each centre: quick 2.5; standard and full 1.5, 2.5 and 3.5 in equal parts",
        "outliers are those before the largest ratio of neighbours among the first 21 eigenvalues",
    ),
    expects={Verdict.SUPPORTED},
)
def outliers_count_clusters(bench: Workbench) -> Iterator[Comparison]:
    r"""A ReLU network with two hidden layers and 4000 to 5000 parameters that has learnt to tell $k$ Gaussian clusters
    apart, each a class of its own, has $k - 1$ or $k$ outliers, $k = 2, \ldots, 10$. The slide says $k$. It is $k - 1$:
    softmax probabilities sum to one, so that the loss does not change when the same number is added to all $k$ outputs,
    and of every example's outputs only $k - 1$ directions are curved.

    The same argument says that classes count, and not clusters: where each class is made of several clusters, the
    outliers are as many as the classes, less one.

    The detector does not know $k$; a number that did not depend on $k$ would be right for two of the nine values at
    most. Spectra are taken where the loss has come down to 0.3, and in the standard profile once more at 0.1, for
    clusters that lie far apart and for clusters that overlap. As training goes on the outliers move apart, and now and
    then a gap among them is wider than the one behind them.
    """
    later = bench.size(quick=False, standard=True, full=True)
    items = [
        {
            "seed": seed,
            "networks": TOGETHER,
            "clusters": clusters,
            "classes": clusters,
            "spread": spread,
            "device": bench.device,
            "later": later,
        }
        for clusters in CLUSTERS
        for spread in (SPREADS if later else SPREADS[1:2])
        for seed in bench.seeds(f"{clusters} clusters, spread {spread:g}", bench.size(quick=2, standard=2, full=4))
    ]
    results = bench.map("networks", largest_eigenvalues, items)
    k, spreads = (np.repeat([item[name] for item in items], TOGETHER) for name in ("clusters", "spread"))
    for loss in (LOSS, LATER) if later else (LOSS,):
        values = np.concatenate([result[f"values at {loss:g}"] for result in results])
        sure = np.concatenate([result[f"sure at {loss:g}"] for result in results]).astype(bool)
        count, true = outliers(values[sure]), k[sure]
        dropped = int(np.count_nonzero(~sure))
        yield Proportion(
            f"runs with k - 1 or k outliers at the loss {loss:g}",
            successes=int(np.count_nonzero((count == true - 1) | (count == true))),
            trials=len(count),
            within=(0.8, 1.0),
            rival=Rival("a number that does not depend on k", (0.0, 2 / len(CLUSTERS))),
            dropped=dropped,
        )
        yield Proportion(
            f"runs with exactly k - 1 outliers at the loss {loss:g}",
            successes=int(np.count_nonzero(count == true - 1)),
            trials=len(count),
            within=(0.8, 1.0),
            rival=Rival("k in half of the runs or more, as the slide says", (0.0, 0.5)),
            dropped=dropped,
        )
        if loss == LOSS:
            draw_counts(bench, count, true, spreads[sure])
            draw_eigenvalues(bench, values[sure], true)
    yield _clusters_in_fewer_classes(bench)


def _clusters_in_fewer_classes(bench: Workbench) -> Proportion:
    """Count outliers where every class is made of several clusters."""
    items = [
        {
            "seed": seed,
            "networks": TOGETHER,
            "clusters": clusters,
            "classes": classes,
            "spread": SPREADS[1],
            "device": bench.device,
            "later": False,
        }
        for clusters, classes in MERGED
        for seed in bench.seeds(f"{clusters} clusters in {classes} classes", bench.size(quick=3, standard=4, full=8))
    ]
    results = bench.map("clusters in fewer classes", largest_eigenvalues, items)
    values, sure = (
        np.concatenate([result[f"{name} at {LOSS:g}"] for result in results]) for name in ("values", "sure")
    )
    kept = sure.astype(bool)
    classes = np.repeat([item["classes"] for item in items], TOGETHER)[kept]
    count = outliers(values[kept])
    return Proportion(
        "runs with as many outliers as classes or one less, where each class is made of several clusters",
        successes=int(np.count_nonzero((count == classes - 1) | (count == classes))),
        trials=len(count),
        within=(0.7, 1.0),
        rival=Rival("as many as clusters or one less", (0.0, 0.3)),
        dropped=int(np.count_nonzero(~kept)),
    )


def draw_counts(bench: Workbench, count: NDArray[np.int64], true: NDArray[np.int64], spreads: Array) -> None:
    """The number of outliers against the number of clusters: every number that occurred, and both predictions."""
    k = np.array(CLUSTERS)
    shares = [np.mean(np.concatenate([count[true == one] == one - less for one in k])) for less in (1, 0)]
    by_spread = ", ".join(
        f"{np.mean(count[spreads == spread] == true[spreads == spread] - 1):.0%} at the standard deviation {spread:g}"
        for spread in np.unique(spreads)
    )
    seen = sorted({(int(one), int(number)) for one, number in zip(true, count, strict=True)})
    figure = bench.figure(
        "counts",
        title="Outliers against clusters",
        x="clusters of the data, k",
        y="eigenvalues before the largest gap",
        caption=f"Every number that occurred in {len(count)} networks: k - 1 in {shares[0]:.0%} of them, k in "
        f"{shares[1]:.0%}. k - 1 by the clusters' width: {by_spread}.",
    )
    figure.line(k, k, "k").line(k, k - 1, "k - 1")
    figure.points([one for one, _ in seen], [number for _, number in seen], "networks")


def draw_eigenvalues(bench: Workbench, values: Array, true: NDArray[np.int64]) -> None:
    """The largest eigenvalues for a few numbers of clusters, medians over the networks."""
    places = np.arange(1, PLACES + 2)
    figure = bench.figure(
        "largest",
        title="The largest eigenvalues of networks that tell k clusters apart",
        x="place in descending order",
        y="eigenvalue over the largest",
        y_scale="log",
        caption="Medians over the networks. The step down comes behind eigenvalue k - 1.",
    )
    for k in SHOWN:
        relative = np.median(values[true == k] / values[true == k, :1], axis=0)
        figure.points(places, relative, f"{k} clusters")


def largest_eigenvalues(
    seed: int, networks: int, clusters: int, classes: int, spread: float, device: str, later: bool
) -> dict[str, Array]:
    """Train networks on clusters of their own; the largest eigenvalues at one loss or two, and where they are sure.

    The class of a cluster is its number modulo the number of classes.
    """
    x, labels = numerics.gaussian_clusters(
        clusters=clusters,
        features=FEATURES,
        samples=SAMPLES,
        spread=spread,
        seeds=range(seed, seed + networks),
        device=device,
    )
    labels = labels % classes
    current = untrained(HIDDEN, x, labels, classes=classes, seed=seed + networks, networks=networks)
    measured = {}
    for stage, loss in enumerate((LOSS, LATER) if later else (LOSS,), start=2):
        current = current.trained(seed + stage * networks, to=loss)
        values, solved = current.largest(PLACES + 1, seed)
        measured[f"values at {loss:g}"] = values
        measured[f"sure at {loss:g}"] = solved & current.arrived.cpu().numpy()
    return measured
