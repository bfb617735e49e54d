"""Whether sharpness foretells how well a network generalises, and what is left of it after a rescaling."""

from collections.abc import Iterator

import numpy as np

import numerics
from verify import OPEN, Comparison, Equals, Ordering, Rival, Source, Verdict, Workbench, claim
from verify.claims.flatness.training import (
    SETTING,
    TOGETHER,
    Array,
    block_traces,
    both_arrived,
    images,
    largest_eigenvalues,
    samples,
    trained,
)
from verify.lectures.flatness import FLAT_GENERALISE
from verify.sources import DINH_2017, KESKAR_2017

RECIPES = ("SGD", "SAM", "far SAM", "ASAM", "high rate")
RADIUS = 0.5  # of the ball for the sharpness, about a twentieth of the norm of the weights
WAYS = (
    "SGD at learning rates 0.2 (batches of 32) and 0.5 (batches of 4); SAM with $\\rho$ = 0.2 and 0.5; ASAM with "
    "$\\rho$ = 0.5"
)
GAP = "the gap is test loss less training loss, where the latter is the same for all"
SPREAD = 1e3  # random rescalings lie between 1/SPREAD and SPREAD, uniform in the logarithm
MEASURES = (("largest", "largest eigenvalue"), ("trace", "trace"), ("sharpness", "sharpness in a ball"))


@claim(
    "flatness.predicts-generalisation",
    title="Is the sharper of two networks the one that generalises worse?",
    source=Source(KESKAR_2017, "section 2", printed=FLAT_GENERALISE),
    assumptions=(*SETTING, WAYS, GAP),
    expects=OPEN,
)
def predicts_generalisation(bench: Workbench) -> Iterator[Comparison]:
    r"""Among networks that were trained from the same weights in five ways to the same loss, does the gap between test
    loss and training loss increase with the largest eigenvalue of the Hessian, with its trace, and with the sharpness
    in a ball around the weights?

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
    for name in RECIPES:
        figure.points(found[name]["largest"][kept], found[name]["gap"][kept], name)
    for key, label in MEASURES:
        values = np.stack([found[name][key][kept] for name in RECIPES], axis=1)
        yield Ordering(
            f"the gap increases with the {label}",
            trend=np.take_along_axis(gaps, values.argsort(axis=1), axis=1),
            direction="increasing",
            dropped=dropped,
            decided_from="standard" if key == "trace" else "quick",
        )


@claim(
    "flatness.no-prediction-after-rescaling",
    title="After random rescalings hardly anything is left of the order of traces",
    source=Source(DINH_2017, "section 5", printed=FLAT_GENERALISE),
    assumptions=(
        *SETTING,
        "SGD, learning rate 0.2, batches of 32",
        "these networks differ in their start and the order of their images alone, and the largest of their traces is "
        "a tenth to a third above the smallest",
        GAP,
    ),
    expects={Verdict.SUPPORTED},
)
def no_prediction_after_rescaling(bench: Workbench) -> Iterator[Comparison]:
    r"""Rescale each of forty trained networks by a random $T_\alpha$, $\log\alpha$ uniform between $\pm\log 1000$: in
    the mean Kendall's $\tau$ between the traces before and after is nearly zero then (zero in the limit of ever wider
    rescalings). Nor can the trace after tell much of the gap, which no rescaling changes.

    The trace of the rescaled Hessian is $\operatorname{tr} H_{11}/\alpha^2 + \alpha^2 \operatorname{tr} H_{22}$,
    $H_{kk}$ the blocks of the layers.
    """
    target, draws = bench.size(quick=0.05, standard=0.01, full=0.01), 200
    found = _found(bench, "SGD", target, 40)
    kept, dropped = both_arrived(found)
    first, whole = found["first"][kept], found["trace"][kept]
    generator = np.random.default_rng(bench.seeds("rescalings", 1)[0])
    exponents = generator.uniform(-1.0, 1.0, (draws, len(whole)))
    squares = SPREAD ** (2 * exponents)
    after = first / squares + squares * (whole - first)
    yield Equals(
        "Kendall's tau between the traces before and after a rescaling",
        predicted=0.0,
        replicates=kendall(after, whole),
        absolute=0.2,
        rival=Rival("the order stays, as that of a property of the function", 1.0),
        dropped=dropped,
    )


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
    test, _ = numerics.loss_and_gradient(network, end.theta, others, their_labels, loss)
    first, last = block_traces(network, end.theta, x)
    arrived = sure if end.reached is None else sure.to(end.reached) & end.reached
    found = {
        "largest": largest,
        "trace": first + last,
        "first": first,
        "sharpness": sharpness.value,
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
