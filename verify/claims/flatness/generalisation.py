"""Whether sharpness foretells how well a network generalises, and what is left of its order after a rescaling."""

from collections.abc import Iterator

import numpy as np

import numerics
from verify import OPEN, Agrees, Comparison, Equals, Ordering, Rival, Source, Verdict, Workbench, claim
from verify.bibliography import DINH_2017, KESKAR_2017
from verify.claims.flatness.rescaled_measures import SMALL, measures_on_orbits
from verify.claims.flatness.training import (
    SETTING,
    TOGETHER,
    Array,
    both_arrived,
    images,
    largest_eigenvalues,
    samples,
    traces,
    trained,
)
from verify.lectures.flatness import FLAT_GENERALISE

RECIPES = {
    "SGD": "SGD",
    "SAM": "SAM, $\\rho = 0.2$",
    "far SAM": "SAM, $\\rho = 0.5$",
    "ASAM": "ASAM",
    "high rate": "SGD, rate 0.5, batches of 4",
}
RADIUS = 0.5  # of the ball for the sharpness, about a twentieth of the norm of the weights
WAYS = (
    "SGD at learning rates 0.2 (batches of 32) and 0.5 (batches of 4); SAM with $\\rho$ = 0.2 and 0.5; ASAM with "
    "$\\rho$ = 0.5"
)
GAP = "the gap is test loss less training loss, where the latter is the same for all"
STIFFNESS = 100.0  # gamma of the local entropy: noise a quarter as long as the weights
PAIRS = 16  # of draws for it
SPREAD = 1e3  # random rescalings lie between 1/SPREAD and SPREAD, uniform in the logarithm
NETWORKS = 24  # that are rescaled, ...
DRAWS = 48  # ... so many times each
MEASURES = (
    ("largest", "largest eigenvalue"),
    ("trace", "trace"),
    ("sharpness", "sharpness in a ball"),
    ("entropy", "local entropy"),
)


@claim(
    "flatness.predicts-generalisation",
    title="Is the sharper of two networks the one that generalises worse?",
    source=Source(KESKAR_2017, "section 2", printed=FLAT_GENERALISE),
    assumptions=(
        *SETTING,
        WAYS,
        GAP,
        f"$\\gamma = {STIFFNESS:g}$, and the mean in the local entropy is that over {PAIRS} pairs of draws $\\pm z$, "
        "which networks of one start share; the sharpness is what projected ascent finds",
    ),
    expects=OPEN,
)
def predicts_generalisation(bench: Workbench) -> Iterator[Comparison]:
    r"""Among networks that were trained from the same weights in five ways to the same loss (0.05 in the quick profile,
    0.01 in the others), does the gap between test loss and training loss increase with the largest eigenvalue of the
    Hessian, with its trace, with the sharpness in a ball around the weights, and with the local entropy (with the sign
    of a loss)

    $$F(\theta) = -\log E\, e^{-L(\theta + z/\sqrt\gamma)}, \qquad z \sim N(0, 1)?$$

    Does the training loss, which is nearly the same for all of them, increase with each as well? (In the local entropy
    the loss itself is contained.)

    For every start it is the sign of Kendall's $\tau$ over the five networks that counts. The networks differ in the
    way of training only, and nothing has rescaled them; what a rescaling leaves of any such order is tried in
    *flatness.no-prediction-after-rescaling*.
    """
    target = bench.size(quick=0.05, standard=0.01, full=0.01)
    starts = bench.size(quick=20, standard=60, full=120)
    found = {name: _found(bench, name, target, starts) for name in RECIPES}
    kept, dropped = both_arrived(*found.values())
    gaps = np.stack([found[name]["gap"][kept] for name in RECIPES], axis=1)
    figure = bench.figure(
        "gaps",
        title="Largest eigenvalue and the gap between test and training loss",
        x="largest eigenvalue",
        y="gap",
        caption=f"{gaps.size} networks from {len(gaps)} starts, every one at a training loss of {target:g}.",
    )
    for name, label in RECIPES.items():
        figure.points(found[name]["largest"][kept], found[name]["gap"][kept], label)
    losses = np.stack([found[name]["loss"][kept] for name in RECIPES], axis=1)
    for key, label in MEASURES:
        order = np.stack([found[name][key][kept] for name in RECIPES], axis=1).argsort(axis=1)
        for title, values in (("gap", gaps), ("training loss", losses)):
            yield Ordering(
                f"the {title} increases with the {label}",
                trend=np.take_along_axis(values, order, axis=1),
                direction="increasing",
                dropped=dropped,
                decided_from="standard" if key == "trace" else "quick",
            )


@claim(
    "flatness.no-prediction-after-rescaling",
    title="After random rescalings nothing is left of the order of largest eigenvalues, traces and sharpnesses",
    source=Source(DINH_2017, "section 5", printed=FLAT_GENERALISE),
    assumptions=(
        SMALL,
        "$\\alpha$ is drawn anew for every network, and the sharpness is what projected ascent finds in the ball of "
        "radius 1/2",
    ),
    expects={Verdict.SUPPORTED},
)
def no_prediction_after_rescaling(bench: Workbench) -> Iterator[Comparison]:
    r"""Rescale each of 24 trained networks by a random $T_\alpha$, $\log\alpha$ uniform between $\pm\log 1000$: it
    computes what it did before. In the mean Kendall's $\tau$ between the largest eigenvalues of the Hessian before and
    after is nearly zero then, and so it is for traces and for sharpnesses (zero in the limit of ever wider rescalings).
    So none of the three can then tell the gap between test and training loss, which no rescaling changes.

    The trace of the rescaled Hessian is $\operatorname{tr} H_{11}/\alpha^2 + \alpha^2 \operatorname{tr} H_{22}$,
    $H_{kk}$ the blocks of the layers: its order is one of the factors, and none of the networks.
    """
    target = bench.size(quick=0.2, standard=0.05, full=0.05)
    item = {
        "seed": bench.seeds("networks", 1)[0],
        "networks": NETWORKS,
        "draws": bench.size(quick=DRAWS, standard=4 * DRAWS, full=8 * DRAWS),
        "spread": SPREAD,
        "target": target,
        "device": bench.device,
    }
    (found,) = bench.map("orbits", measures_on_orbits, [item])
    kept, dropped = both_arrived(found)
    yield Agrees(
        "change of the outputs at test images by the rescalings, over the largest output",
        measured=found["change"][kept],
        predicted=0.0,
        tolerance=1e-10,
        reason="rounding in sums over 16 pixels and 10 units",
        dropped=dropped,
        rival=Rival("as far as from one network to another", found["distance"][kept]),
    )
    for key, label in MEASURES[:3]:
        before, after = found[key][0, kept], found[key][1:, kept]
        yield Equals(
            f"Kendall's tau between the {label} before and after a rescaling",
            predicted=0.0,
            replicates=kendall(after, before),
            absolute=0.25,
            rival=Rival("the order stays, as that of a property of the function", 1.0),
            dropped=dropped,
        )
    gap, rows = found["gap"][kept], found["largest"][:, kept]
    figure = bench.figure(
        "after",
        title="Largest eigenvalues before and after a random rescaling",
        x="as trained",
        y="rescaled",
        y_scale="log",
        caption=f"{len(gap)} networks, each under 12 random rescalings that change no output. Kendall's tau with the "
        f"gap: {kendall(rows[:1], gap)[0]:.2f} as trained, {kendall(rows[1:], gap).mean():.2f} after rescalings, in "
        "the mean.",
    )
    figure.points(np.tile(rows[0], 12), rows[1:13].ravel(), "rescaled").points(rows[0], rows[0], "as trained")


def kendall(rows: Array, values: Array) -> Array:
    """Kendall's tau of every row with the same values, without ties.

    Examples:
        >>> kendall(np.array([[1.0, 2.0, 3.0], [3.0, 2.0, 1.0], [1.0, 3.0, 2.0]]), np.array([5.0, 6.0, 7.0])).round(3)
        array([ 1.   , -1.   ,  0.333])
    """
    above = np.triu_indices(len(values), 1)
    signs = np.sign(rows[:, above[1]] - rows[:, above[0]]) * np.sign(values[above[1]] - values[above[0]])
    return np.asarray(signs.mean(axis=1))


def sharpness_and_gap(
    seed: int, networks: int, name: str, samples: int, target: float, device: str
) -> dict[str, Array]:
    """Train networks and measure how sharp they are and how far the test loss is above the training loss."""
    loss = numerics.CrossEntropy()
    network, end = trained(seed, networks, name, samples, device, target=target)
    (x, labels), (others, their_labels) = images(samples, device)
    largest, sure = largest_eigenvalues(network, end.theta, x, labels, seed)
    sharpness = numerics.epsilon_sharpness(
        network, end.theta, x, labels, loss, epsilon=RADIUS, seeds=range(seed, seed + networks), restarts=2, steps=30
    )
    entropy = numerics.sampled_local_entropy(
        network, end.theta, x, labels, loss, gamma=STIFFNESS, seeds=range(seed, seed + networks), pairs=PAIRS
    )
    test, _ = numerics.loss_and_gradient(network, end.theta, others, their_labels, loss)
    arrived = sure if end.reached is None else sure.to(end.reached) & end.reached
    found = {
        "largest": largest,
        "trace": traces(network, end.theta, x),
        "sharpness": sharpness.value,
        "entropy": entropy.value,
        "loss": end.loss,
        "gap": test - end.loss,
        "arrived": arrived,
    }
    return {key: value.double().cpu().numpy() for key, value in found.items()}


def _found(bench: Workbench, name: str, target: float, starts: int) -> dict[str, Array]:
    """Measures of networks that were trained in one way, with starts that do not depend on the way."""
    items = [
        {
            "seed": seed,
            "networks": TOGETHER,
            "name": name,
            "samples": samples(bench),
            "target": target,
            "device": bench.device,
        }
        for seed in bench.seeds("networks", starts // TOGETHER)
    ]
    results = bench.map(name, sharpness_and_gap, items)
    return {key: np.concatenate([result[key] for result in results]) for key in results[0]}
