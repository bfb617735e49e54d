"""Sharpness-aware minimisation: how flat it ends, at what price, and what a rescaling makes of that."""

from collections.abc import Iterator

import numpy as np

import numerics
from verify import Agrees, Comparison, Ordering, Rival, Source, Verdict, Workbench, claim
from verify.bibliography import CHAUDHARI_2017, DINH_2017, FORET_2021
from verify.claims.flatness.pairs import draw_pairs, first_is_flatter
from verify.claims.flatness.training import (
    DATA,
    NETWORK,
    SETTING,
    TOGETHER,
    Array,
    both_arrived,
    gradients_per_step,
    images,
    largest_eigenvalues,
    measured,
    samples,
    traces,
    trained,
)
from verify.lectures.flatness import ALGORITHMS, REDUNDANT

TRAINING = "learning rate 0.2, batches of 32, no momentum; SAM climbs by $\\rho$ = 0.2"
# of trajectories, in twenties of gradients
MOMENTS = (0, 1, 2, 4, 7, 10, 14, 20, 26, 32, 40, 50, 64, 80, 120, 200, 320, 400)
ALPHA = 0.25  # of the first layer; the second takes 1/ALPHA


@claim(
    "flatness.sam-finds-flatter",
    title="Sharpness-aware minimisation ends at smaller eigenvalues, at the same training loss",
    source=Source(FORET_2021, "section 4.2 and figure 3", printed=ALGORITHMS),
    assumptions=(*SETTING, TRAINING),
    expects={Verdict.SUPPORTED},
)
def sam_finds_flatter(bench: Workbench) -> Iterator[Comparison]:
    r"""Trained to one loss from the same weights on the same batches, sharpness-aware minimisation (SAM) ends where the
    largest eigenvalue and the trace of the Hessian are smaller than where stochastic gradient descent (SGD) ends.

    SAM descends along the gradient at $\theta + \rho\, g/|g|$, $g$ the gradient of the batch at $\theta$: to first
    order in $\rho$ it minimises $L(\theta) + \rho\, |\nabla L(\theta)|$. It takes two gradients a step. The loss is the
    mean cross-entropy, 0.05 in the quick profile and 0.01 in the others. At equal cost the order is another one
    (*flatness.cost-per-step*).
    """
    target = bench.size(quick=0.05, standard=0.01, full=0.01)
    pairs = bench.size(quick=20, standard=40, full=80)
    plain, aware = (measured(bench, name, pairs=pairs, target=target) for name in ("SGD", "SAM"))
    yield from first_is_flatter({"SAM": aware, "SGD": plain}, target=target)
    _draw_pairs(bench, plain, aware, target)
    _draw_trajectories(bench, target)


@claim(
    "flatness.cost-per-step",
    title="After equally many gradients SGD has come farther down than SAM and Entropy-SGD, and has the smallest "
    "largest eigenvalue",
    source=Source(CHAUDHARI_2017, "section 4.2, cost of a step", printed=ALGORITHMS),
    assumptions=(
        NETWORK,
        DATA,
        f"{TRAINING}; Entropy-SGD walks 20 steps at rate 0.2, $\\gamma$ = 0.1, and goes to the mean of the walk",
        "equally many gradients of batches of 32; nobody stops early",
    ),
    expects={Verdict.SUPPORTED},
)
def cost_per_step(bench: Workbench) -> Iterator[Comparison]:
    r"""A step of SGD takes one gradient, one of SAM two, one of Entropy-SGD as many as its walk has steps, here 20.
    After equally many gradients both have come less far down than plain SGD, and their largest eigenvalues are larger.

    So what finds flatter points at equal loss, as SAM does (*flatness.sam-finds-flatter*), need not do so at equal
    cost.
    """
    pairs = bench.size(quick=20, standard=40, full=80)
    gradients = bench.size(quick=1000, standard=4000, full=8000)
    names = ("SGD", "SAM", "Entropy-SGD")
    found = {name: measured(bench, name, pairs=pairs, gradients=gradients) for name in names}
    yield Agrees(
        "gradients that were taken, over steps",
        measured=np.concatenate([found[name]["gradients"] / found[name]["steps"] for name in names]),
        predicted=np.repeat([1.0, 2.0, 20.0], pairs),
        tolerance=0,
        reason="a count",
        rival=Rival("one gradient a step", 1.0),
    )
    plain = found["SGD"]
    for name in names[1:]:
        kept, dropped = both_arrived(plain, found[name])
        for key, label in (("loss", "training loss"), ("largest", "largest eigenvalue")):
            yield Ordering(
                f"{label} after {gradients} gradients: SGD below {name}",
                lower=plain[key][kept],
                higher=found[name][key][kept],
                dropped=dropped,
            )


@claim(
    "flatness.winner-by-rescaling",
    title="A rescaling makes the flatter of two networks the sharper one",
    source=Source(DINH_2017, "theorem 4, on trained networks", printed=REDUNDANT),
    assumptions=(*SETTING, TRAINING, "no biases, so that layers can be rescaled one by one"),
    expects={Verdict.SUPPORTED},
)
def winner_by_rescaling(bench: Workbench) -> Iterator[Comparison]:
    r"""SAM ends flatter than SGD, but $T_\alpha(\theta_1, \theta_2) = (\alpha\theta_1, \theta_2/\alpha)$ with
    $\alpha = 1/4$ gives a network with the same outputs whose largest eigenvalue and trace are larger than SGD's. (The
    same to the last digit, and the error measured 0: powers of two rescale floating-point numbers without rounding.)
    All are compared at one training loss, the mean cross-entropy, 0.05 in the quick profile and 0.01 in the others.

    So what SAM finds flatter is a point of parameter space. Whether the *function* is one that should be called flatter
    no eigenvalue of the Hessian itself can say. Measures that count each weight in units of its own size are another
    matter (*rescaling.same-function*).
    """
    target = bench.size(quick=0.05, standard=0.01, full=0.01)
    together, count = TOGETHER, bench.size(quick=1, standard=2, full=4)
    items = [
        {"seed": seed, "networks": together, "samples": samples(bench), "target": target, "device": bench.device}
        for seed in bench.seeds("networks", count)
    ]
    results = bench.map("rescaled", rescaled_winners, items)
    found = {key: np.concatenate([result[key] for result in results]) for key in results[0]}
    kept, dropped = both_arrived(found)
    yield Ordering(
        "largest eigenvalue: SAM below SGD",
        lower=found["SAM largest"][kept],
        higher=found["SGD largest"][kept],
        dropped=dropped,
    )
    for key, label in (("largest", "largest eigenvalue"), ("trace", "trace")):
        yield Ordering(
            f"{label}: SGD below SAM rescaled",
            lower=found[f"SGD {key}"][kept],
            higher=found[f"rescaled {key}"][kept],
            dropped=dropped,
        )
    yield Agrees(
        "change of the outputs by the rescaling, over the largest output",
        measured=found["change"][kept],
        predicted=0.0,
        tolerance=1e-10,
        reason="rounding, of which a power of two leaves none",
        rival=Rival("as far as from SAM to SGD", found["distance"][kept]),
        dropped=dropped,
    )


def rescaled_winners(seed: int, networks: int, samples: int, target: float, device: str) -> dict[str, Array]:
    """Train pairs by SGD and by SAM, rescale the latter, and measure all three."""
    import torch

    (x, labels), (others, _) = images(samples, device)
    network, plain = trained(seed, networks, "SGD", samples, device, target=target)
    _, aware = trained(seed, networks, "SAM", samples, device, target=target)
    moved = aware.theta * numerics.rescaling_factors(network, (ALPHA, 1 / ALPHA)).to(aware.theta)
    arrived = torch.ones(networks, dtype=torch.bool, device=aware.theta.device)
    for end in (plain, aware):
        if end.reached is not None:
            arrived &= end.reached
    found = {}
    for name, theta in (("SGD", plain.theta), ("SAM", aware.theta), ("rescaled", moved)):
        found[f"{name} largest"], sure = largest_eigenvalues(network, theta, x, labels, seed)
        found[f"{name} trace"] = traces(network, theta, x)
        arrived &= sure.to(arrived)
    outputs = {name: network.forward(theta, others) for name, theta in (("SAM", aware.theta), ("moved", moved))}
    size = outputs["SAM"].abs().amax((1, 2))
    found["change"] = (outputs["moved"] - outputs["SAM"]).abs().amax((1, 2)) / size
    found["distance"] = (network.forward(plain.theta, others) - outputs["SAM"]).abs().amax((1, 2)) / size
    return {key: value.double().cpu().numpy() for key, value in (found | {"arrived": arrived}).items()}


def along_training(seed: int, name: str, samples: int, moments: str, device: str) -> dict[str, Array]:
    """The largest eigenvalue and the loss of one network after the given numbers of gradients."""
    each = gradients_per_step(name)
    counts = [int(moment) for moment in moments.split()]
    steps = tuple(count // each for count in counts)
    network, end = trained(seed, 1, name, samples, device, gradients=counts[-1], record_at=steps)
    (x, labels), _ = images(samples, device)
    path = end.trajectory[:, 0]
    largest, _ = largest_eigenvalues(network, path, x, labels, seed)
    loss, _ = numerics.loss_and_gradient(network, path, x, labels, numerics.CrossEntropy())
    return {
        "gradients": np.array(counts, dtype=float),
        "largest": largest.cpu().numpy(),
        "loss": loss.cpu().numpy(),
    }


def _draw_pairs(bench: Workbench, plain: dict[str, Array], aware: dict[str, Array], target: float) -> None:
    """Draw what every pair ended at."""
    figure = bench.figure(
        "pairs",
        title="Where SGD and SAM end",
        x="largest eigenvalue, SGD",
        y="largest eigenvalue, SAM",
        square=True,
        caption=f"{len(plain['largest'])} pairs of networks at a training loss of {target:g}. Gradients in the median: "
        f"SAM {np.median(aware['gradients']):.0f}, SGD {np.median(plain['gradients']):.0f}. Test accuracy: SAM "
        f"{aware['accuracy'].mean():.1%}, SGD {plain['accuracy'].mean():.1%}.",
    )
    draw_pairs(figure, "largest", plain, {"pairs": aware})


def _draw_trajectories(bench: Workbench, target: float) -> None:
    """Draw how the largest eigenvalue goes as the training loss falls."""
    moments = " ".join(str(20 * step) for step in MOMENTS[: bench.size(quick=14, standard=18, full=18)])
    seed = bench.seeds("trajectory", 1)[0]
    names = {"SGD": "SGD", "SAM": "SAM", "plain average": "average of SGD from step 200 on (SWA)"}
    items = [
        {"seed": seed, "name": name, "samples": samples(bench), "moments": moments, "device": bench.device}
        for name in names
    ]
    paths = bench.map("trajectories", along_training, items)
    heights = np.concatenate([found["largest"][found["loss"] > 0.6 * target] for found in paths])
    ends = float(heights.min()) / 1.05, float(heights.max()) * 1.05
    figure = bench.figure(
        "trajectories",
        title="The largest eigenvalue as the training loss falls",
        x="training loss, falling",
        y="largest eigenvalue",
        x_scale="log",
        y_scale="log",
        x_limits=(2.0, 0.7 * target),
        y_limits=ends,
        caption=f"One network, three ways from the same weights through the same batches, up to {moments.split()[-1]} "
        "gradients. The claim compares at equal loss: where lines cross the vertical one. After equally "
        "many gradients SAM is the sharper one, as it has not come down as far then (*flatness.cost-per-step*).",
    )
    for label, found in zip(names.values(), paths, strict=True):
        figure.line(found["loss"], found["largest"], label)
    figure.line([target, target], ends, f"loss {target:g}")
