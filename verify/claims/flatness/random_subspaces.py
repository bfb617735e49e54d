"""Sharpness in random subspaces: what it sees of the curvature, and that it depends on coordinates as well."""

from collections.abc import Iterator
from typing import Final

import numpy as np

import theory
from verify import Bounds, Comparison, Equals, Identity, Rival, Source, Verdict, Workbench, claim
from verify.bibliography import KESKAR_2017
from verify.claims.flatness.ascent import (
    DIMENSION,
    ORBIT_SAMPLES,
    ORBIT_WIDTHS,
    lines_on_orbits,
    sharpness_along_lines,
)
from verify.claims.flatness.minima import TRAINED
from verify.lectures.curvature import OPEN_QUESTIONS

RADIUS: Final = 1e-3
ALPHA: Final = 0.1
WEIGHTS: Final = 86  # of the networks of tanh units


@claim(
    "flatness.random-subspaces",
    title="Sharpness in random subspaces sees the mean curvature first, and depends on coordinates too",
    source=Source(KESKAR_2017, "metric 2.1, with a random basis", OPEN_QUESTIONS),
    assumptions=(
        "$\\theta$ is a minimum with a positive semidefinite Hessian, and the loss is quadratic in the region",
        "random subspaces are uniform and do not know $H$",
        TRAINED,
        f"for the rescaling, layers {ORBIT_WIDTHS.replace(' ', '-')} of ReLU units without biases that fit the outputs "
        f"of a teacher of their own shape on {ORBIT_SAMPLES} samples",
        f"sharpness is what ascent finds in the ball of radius {RADIUS:g}, {RADIUS / 10:g} for the rescaling",
    ),
    expects={Verdict.SUPPORTED},
)
def random_subspaces(bench: Workbench) -> Iterator[Comparison]:
    r"""Is sharpness well defined if it is averaged over random subspaces of $k$ of the $n$ dimensions, rather than over
    all of them? On a quadratic the mean is $\epsilon^2/(2(1 + L))$ times a number $E_k$ with

    $$\max\left(\frac1n \operatorname{tr} H,\ \frac kn \lambda_{\max}\right) \le E_k \le
      \min\left(\lambda_{\max},\ \frac kn \operatorname{tr} H\right), \qquad E_1 = \frac1n \operatorname{tr} H .$$

    So there is an answer: along random lines it is the mean curvature, far below $\lambda_{\max}$ in a large network,
    and with the dimension it grows to $\lambda_{\max}$. It is no way out of the dependence on coordinates, however. A
    rescaling of two layers by $\alpha$, which changes no output, turns $E_1 = (t_1 + t_2)/n$ into

    $$E_1 = \frac1n \left(\frac{t_1}{\alpha^2} + t_2 \alpha^2\right),$$

    as large as you like.
    """
    import sympy as sp

    derivation = theory.subspace_curvature()
    t, n, k, largest, alpha, t_1, t_2 = sp.symbols("t n k lambda_1 alpha t_1 t_2", positive=True)
    yield Identity(
        "mean curvature along a random line",
        derivation=derivation,
        claimed=t / n,
        rival=Rival("the trace itself", t),
    )
    yield Identity(
        "lower bound of the mean largest curvature in k dimensions",
        derivation=derivation,
        part="lower",
        claimed=k * largest / n,
        rival=Rival("the largest curvature of all", largest),
    )
    yield Identity(
        "upper bound of the mean largest curvature in k dimensions",
        derivation=derivation,
        part="upper",
        claimed=k * t / n,
        rival=Rival("that along a line", t / n),
    )
    yield Identity(
        "mean curvature along a random line after a rescaling of two layers",
        derivation=derivation,
        part="orbit",
        claimed=(t_1 / alpha**2 + t_2 * alpha**2) / n,
        rival=Rival("that before it", (t_1 + t_2) / n),
    )
    networks = bench.size(quick=24, standard=40, full=80)
    item = {"seed": bench.seeds("lines", 1)[0], "members": networks, "lines": 100, "radius": RADIUS}
    (lines,) = bench.map("lines", sharpness_along_lines, [item | {"device": bench.device}])
    share = lines["largest"] / lines["trace"]
    yield Equals(
        "mean sharpness along random lines, over $\\epsilon^2 \\operatorname{tr} H/(2n)$: trained networks",
        predicted=1,
        replicates=lines["line"],
        absolute=0.15,
        rival=Rival("that of the ball, least against it", float(WEIGHTS * share.min())),
    )
    yield Bounds(
        "mean sharpness in random planes, over $\\epsilon^2 \\operatorname{tr} H/(2n)$: at most twice that of lines",
        smaller=lines["plane"],
        larger=2,
        tolerance=0.02,
        reason="means over 100 planes",
        rival=Rival("no more than along a line", 1),
    )
    mean, unit = lines["subspace"] * WEIGHTS, lines["largest"]
    yield Bounds(
        f"{DIMENSION}, against the mean largest curvature in {DIMENSION} of {WEIGHTS} dimensions, over "
        "$\\lambda_{\\max}/n$",
        smaller=np.full(networks, float(DIMENSION)),
        larger=mean / unit,
        tolerance=0.02,
        reason="means over 100 subspaces",
        rival=Rival("that along a line", np.minimum(lines["trace"], mean) / unit),
    )
    item = {"seed": bench.seeds("orbits", 1)[0], "members": networks, "lines": 200, "radius": RADIUS / 10}
    (orbits,) = bench.map("orbits", lines_on_orbits, [item | {"alpha": ALPHA, "device": bench.device}])
    fitted = orbits["fitted"].astype(bool)
    dropped = int((~fitted).sum())
    traces = {"before": orbits["first"] + orbits["last"]}
    traces["after"] = orbits["first"] / ALPHA**2 + orbits["last"] * ALPHA**2
    growth = (traces["after"] / traces["before"])[fitted]
    yield Equals(
        "mean sharpness along random lines after a rescaling by 1/10, over that of the formula: ReLU networks",
        predicted=1,
        replicates=(orbits["after"] / traces["after"])[fitted],
        absolute=0.15,
        rival=Rival("as before the rescaling, least against it", float((1 / growth).max())),
        dropped=dropped,
    )
    figure = bench.figure(
        "orbit",
        title="Mean sharpness along random lines, before and after a rescaling",
        x="mean curvature from the traces of the layers",
        y="mean sharpness over $\\epsilon^2/2$",
        x_scale="log",
        y_scale="log",
        caption="Each network appears twice, as trained and with its first layer divided and its second multiplied by "
        "ten. Its outputs are the same.",
    )
    parameters = sum(before * after for before, after in ((5, 4), (4, 3)))
    for name, label in (("before", "as trained"), ("after", "rescaled")):
        figure.points(traces[name][fitted] / parameters, orbits[name][fitted] / parameters, label)
    ends = np.array([traces["before"].min(), traces["after"].max()]) / parameters
    figure.line(ends, ends, "equal")
