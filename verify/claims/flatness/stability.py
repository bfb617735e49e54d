"""Where descent can stay: the largest stable learning rate of gradient descent, and two of them for SGD."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

import theory
from verify import Agrees, Bounds, Comparison, Identity, Proportion, Rival, Source, Verdict, Workbench, claim
from verify.bibliography import WU_MA_E_2018
from verify.claims.flatness.minima import TRAINED
from verify.claims.flatness.thresholds import (
    descent_thresholds,
    mean_square_growths,
    mean_square_thresholds,
    surviving_trajectories,
)
from verify.lectures.flatness import SGD_AND_FLAT_MINIMA

Array = NDArray[np.float64]

SAMPLES = ("1/2", "1", "3")
"""Curvatures of the losses of three samples, for the trajectories."""

STEPS, BETWEEN, BEYOND = 4000, 0.5, 1.2


@claim(
    "flatness.stability-edge",
    title="Learning rates at which descent leaves a minimum",
    source=Source(WU_MA_E_2018, "section 3", SGD_AND_FLAT_MINIMA),
    assumptions=(
        "the loss is quadratic near the minimum; for SGD the minimum is one of the loss of every single sample, and "
        "each step draws its batch anew",
        f"where networks are meant, {TRAINED}",
    ),
    expects={Verdict.SUPPORTED},
)
def stability_edge(bench: Workbench) -> Iterator[Comparison]:
    r"""Sharp minima are unstable. Gradient descent with the learning rate $\eta$ multiplies the distance from a minimum
    along an eigenvector by $1 - \eta \lambda$: it stays if and only if

    $$\lambda_{\max} \le \frac{2}{\eta}.$$

    SGD is choosier: if the losses of the $n$ samples have the mean curvature $a$ and their curvatures the variance
    $s^2$, the mean square of the distance stays bounded, in one weight, only up to

    $$\eta^* = \frac{2a}{a^2 + \kappa s^2}, \qquad \kappa = \frac{n - B}{B (n - 1)}.$$

    So small batches ask for minima that are flat and, besides, equally curved for all samples. In several weights the
    second moment $X$ goes over to the mean of $(1 - \eta H_B) X (1 - \eta H_B)$, and the spectral radius of this map
    decides. It is at most the largest eigenvalue of $M = (1 - \eta H)^2 + \eta^2 \kappa\, (\frac1n \sum_i H_i^2 -
    H^2)$, with $E |x_{t+1}|^2 = x_t^T M x_t$, which is that of a single step. But all this is the mean.

    A single trajectory shrinks as long as the mean of $\log |1 - \eta h_B|$ over batches is negative, $h_B$ their
    curvature. For two samples and $B = 1$ that goes on up to $\eta^{**} = 2a/(a^2 - s^2)$, if $s^2 < a^2/2$. In
    between the mean square grows because of ever fewer, ever larger excursions, while almost every trajectory ends at
    the minimum.
    """
    import sympy as sp

    eta, a, s, n, B, t = sp.symbols("eta a s n B t", positive=True)
    yield Identity(
        "largest curvature that is stable under gradient descent",
        derivation=theory.descent_stability(),
        claimed=2 / eta,
        rival=Rival("1/eta, up to which it does not overshoot", 1 / eta),
    )
    yield Identity(
        "learning rate up to which the mean square of SGD is bounded",
        derivation=theory.mean_square_stability(),
        claimed=2 * a * B * (n - 1) / (a**2 * B * (n - 1) + s**2 * (n - B)),
        rival=Rival("that of gradient descent", 2 / a),
    )
    yield Identity(
        "learning rate up to which trajectories shrink: two samples, batches of one, $t = s^2/a^2$",
        derivation=theory.almost_sure_stability(),
        claimed=2 / (a * (1 - t)),
        rival=Rival("that of the mean square", 2 / (a * (1 + t))),
    )
    yield Identity(
        "mean square after one step in several weights, along a common eigenvector",
        derivation=theory.mean_square_matrix(),
        claimed=(1 - eta * a) ** 2 + eta**2 * s**2 * (n - B) / (B * (n - 1)),
        rival=Rival("that of gradient descent", (1 - eta * a) ** 2),
    )
    members = bench.size(quick=4, standard=12, full=32)
    edges = {}
    for kind, words in (("quadratics", "quadratics of 8 weights"), ("networks", "trained networks")):
        (found,) = bench.map(
            f"descent on {kind}",
            descent_thresholds,
            [{"kind": kind, "seed": bench.seeds(kind, 1)[0], "members": members, "device": bench.device}],
        )
        largest, threshold = found["eigenvalues"][:, -1], found["threshold"]
        edges[words] = largest, threshold
        yield Agrees(
            f"learning rate from which gradient descent leaves the minimum, times half the largest eigenvalue: {words}",
            measured=threshold * largest / 2,
            predicted=1,
            tolerance=0.02,
            reason="the learning rates that were tried are 1.7 percent apart",
            rival=Rival("1/eigenvalue", 0.5),
        )
    for batch in (1, 2):
        (found,) = bench.map(
            f"mean squares in batches of {batch}",
            mean_square_thresholds,
            [{"seed": bench.seeds("curvatures", 1)[0], "cases": 12, "samples": 6, "batch": batch}],
        )
        tables = found["curvatures"]
        exact = [float(theory.mean_square_threshold([f"{h:.2f}" for h in table], batch)) for table in tables]
        yield Agrees(
            f"learning rate at which the mean square neither grows nor shrinks: six samples, batches of {batch}",
            measured=found["threshold"],
            predicted=np.array(exact),
            tolerance=1e-10,
            reason="rounding in a bisection",
            rival=Rival("that of gradient descent", 2 / tables.mean(axis=1)),
        )
    case = {"seed": bench.seeds("matrices", 1)[0], "cases": 12, "samples": 6, "weights": 3, "batch": 2, "steps": 20_000}
    (found,) = bench.map("mean squares of several weights", mean_square_growths, [case])
    pairs = list(zip(found["hessians"], found["rate"], strict=True))
    descent = [(1 - rate * np.linalg.eigvalsh(each.mean(axis=0))) ** 2 for each, rate in pairs]
    yield Agrees(
        "growth of the mean square at each step in the end: three weights, six samples of rank one, batches of two",
        measured=found["growth"],
        predicted=np.array([theory.mean_square_growth(each, 2, float(rate)) for each, rate in pairs]),
        tolerance=1e-6,
        reason="the growth has settled to 1e-13 a step",
        rival=Rival("that of gradient descent", np.array([factors.max() for factors in descent])),
    )
    yield Bounds(
        "growth of the mean square at each step in the end, against the largest eigenvalue of $M$",
        smaller=found["growth"],
        larger=np.array([theory.worst_step_growth(each, 2, float(rate)) for each, rate in pairs]),
        tolerance=1e-6,
        reason="the growth has settled to 1e-13 a step",
        rival=Rival(
            "the largest of gradient descent, without the second part of $M$",
            np.array([factors.max() for factors in descent]),
        ),
    )
    mean_square = float(theory.mean_square_threshold(SAMPLES, 1))
    almost_sure = float(theory.almost_sure_threshold(SAMPLES, 1))
    between = mean_square + BETWEEN * (almost_sure - mean_square)
    trajectories = bench.size(quick=400, standard=2000, full=10_000)
    runs = {}
    for name, rate in (("between", between), ("beyond", BEYOND * almost_sure)):
        item = {
            "seed": bench.seeds(name, 1)[0],
            "curvatures": " ".join(str(float(sp.Rational(h))) for h in SAMPLES),
            "batch": 1,
            "rate": rate,
            "steps": STEPS,
            "trajectories": trajectories,
        }
        (runs[name],) = bench.map(f"trajectories {name}", surviving_trajectories, [item])
    yield Proportion(
        "trajectories that have shrunk, halfway between the two thresholds of SGD",
        successes=int((runs["between"]["end"] < 0).sum()),
        trials=trajectories,
        within=(0.95, 1),
        rival=Rival("at most half, as if they followed the mean square", (0, 0.5)),
    )
    yield Proportion(
        "trajectories that have shrunk, a fifth beyond the second threshold",
        successes=int((runs["beyond"]["end"] < 0).sum()),
        trials=trajectories,
        within=(0, 0.05),
        rival=Rival("at least half, as if there were no second threshold", (0.5, 1)),
    )
    _draw_edge(bench, edges)
    _draw_trajectories(bench, runs, between)


def _draw_edge(bench: Workbench, edges: dict[str, tuple[Array, Array]]) -> None:
    figure = bench.figure(
        "edge",
        title="Largest stable learning rate of gradient descent",
        x="largest eigenvalue of the Hessian",
        y="learning rate",
        x_scale="log",
        y_scale="log",
        caption="Each point is a minimum. Descent starts a millionth away from it; the learning rate is the one from "
        "which it does not come back.",
    )
    ends = np.concatenate([largest for largest, _ in edges.values()])
    places = np.geomspace(ends.min(), ends.max(), 50)
    figure.line(places, 2 / places, "$2/\\lambda_{\\max}$").line(places, 1 / places, "$1/\\lambda_{\\max}$")
    for words, (largest, threshold) in edges.items():
        figure.points(largest, threshold, words)


def _draw_trajectories(bench: Workbench, runs: dict[str, dict[str, Array]], rate: float) -> None:
    figure = bench.figure(
        "trajectories",
        title="Between the two thresholds of SGD",
        x="step",
        y="logarithm of the distance from the minimum",
        caption="Three samples with the curvatures 1/2, 1 and 3, batches of one. The root of the mean square "
        "grows, and yet every trajectory that is drawn shrinks.",
    )
    paths = runs["between"]["paths"]
    steps = np.arange(paths.shape[1]) + 1
    for place, path in enumerate(paths[:4]):
        figure.line(steps, path, f"trajectory {place + 1}")
    growth = np.log(float(theory.second_moment_factor(SAMPLES, 1, f"{rate:.12f}"))) / 2
    figure.line(steps, growth * steps, "root mean square")
