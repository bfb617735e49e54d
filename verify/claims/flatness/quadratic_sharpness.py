"""Sharpness as the largest rise of the loss nearby: over a ball, and over a box."""

from collections.abc import Iterator

import numpy as np

import theory
from verify import Agrees, Comparison, Identity, Rival, Source, Verdict, Workbench, claim
from verify.bibliography import KESKAR_2017
from verify.claims.flatness.ascent import sharpness_in_balls, sharpness_in_boxes
from verify.claims.flatness.minima import TRAINED
from verify.lectures.flatness import SHARPNESS

RADIUS = 1e-3
RADII = np.geomspace(1e-3, 1, 10)


@claim(
    "flatness.epsilon-sharpness",
    title="Sharpness of a minimum in a ball and in a box",
    source=Source(KESKAR_2017, "metric 2.1, for the box", SHARPNESS),
    assumptions=(
        "$\\theta$ is a minimum, and the loss is quadratic in the region",
        f"for the measurements, quadratics of 8 weights, and networks: {TRAINED}",
    ),
    expects={Verdict.SUPPORTED},
)
def epsilon_sharpness(bench: Workbench) -> Iterator[Comparison]:
    r"""The sharpness of a minimum $\theta$ is the largest rise of the loss nearby, over $1 + L(\theta)$. With the ball
    $|\theta' - \theta| \le \epsilon$, as in the lecture and in Dinh, Pascanu, Bengio and Bengio (2017), that is

    $$S = \frac{\epsilon^2 \lambda_{\max}}{2 (1 + L)}$$

    on a quadratic: the largest eigenvalue under another name. Keskar, Mudigere, Nocedal, Smelyanskiy and Tang (2017),
    who brought it up, have a box in the place of the ball, $|\theta'_i - \theta_i| \le b_i = \epsilon (|\theta_i| +
    1)$, and percent:

    $$S_{\text{box}} = \frac{100}{1 + L} \max_{s_i = \pm 1} \frac12 \sum_{ij} s_i s_j b_i b_j H_{ij}.$$

    The two are not the same number. That one takes the best of $2^n$ corners to find, and it grows with the size of
    the weights.
    """
    import sympy as sp

    epsilon, largest = sp.symbols("epsilon lambda_1", positive=True)
    loss, h11, h12, h22, x1, x2 = sp.symbols("L H_11 H_12 H_22 theta_1 theta_2", real=True)
    yield Identity(
        "sharpness of a quadratic in a ball",
        derivation=theory.ball_sharpness(),
        claimed=epsilon**2 * largest / (2 * (1 + loss)),
        rival=Rival("without the half", epsilon**2 * largest / (1 + loss)),
    )
    first, second = epsilon * (sp.Abs(x1) + 1), epsilon * (sp.Abs(x2) + 1)
    corners = first**2 * h11 + second**2 * h22
    yield Identity(
        "sharpness of a quadratic in a box, two weights",
        derivation=theory.box_sharpness(),
        claimed=50 * (corners + 2 * first * second * sp.Abs(h12)) / (1 + loss),
        rival=Rival("the mean over the corners", 50 * corners / (1 + loss)),
    )
    members = bench.size(quick=8, standard=24, full=64)
    for kind, words, tolerance, reason in (
        ("quadratics", "quadratics of 8 weights", 1e-5, "the ascent ends at a relative tolerance of a millionth"),
        ("networks", "trained networks", 0.01, "the loss has a cubic term, of relative size $\\epsilon$"),
    ):
        item = {"kind": kind, "seed": bench.seeds(kind, 1)[0], "members": members, "radius": RADIUS}
        (found,) = bench.map(f"balls {kind}", sharpness_in_balls, [item | {"device": bench.device}])
        top = found["eigenvalues"][:, -1]
        yield Agrees(
            f"sharpness in a ball, found by ascent, over the formula: {words}",
            measured=found["value"] / (RADIUS**2 * top / 2 / (1 + found["loss"])),
            predicted=1,
            tolerance=tolerance,
            reason=reason,
            rival=Rival("the largest curvature along an axis", found["diagonal"].max(axis=1) / top),
        )
    item = {"seed": bench.seeds("boxes", 1)[0], "members": members, "size": RADIUS, "device": bench.device}
    (boxes,) = bench.map("boxes", sharpness_in_boxes, [item])
    pairs = list(zip(boxes["hessians"], boxes["minima"], strict=True))
    exact = np.array([theory.sharpness_in_box(hessian, place, RADIUS) for hessian, place in pairs])
    widths = RADIUS * (np.abs(boxes["minima"]) + 1)
    mean = 50 * (widths**2 * np.diagonal(boxes["hessians"], axis1=1, axis2=2)).sum(axis=1)
    yield Agrees(
        "sharpness in a box, found by ascent, over the best of all 256 corners: quadratics of 8 weights",
        measured=boxes["value"] / exact,
        predicted=1,
        tolerance=1e-6,
        reason="the ascent ends at corners, up to rounding",
        rival=Rival("the mean over the corners", mean / exact),
    )
    _draw(bench)


def _draw(bench: Workbench) -> None:
    """Draw sharpness against the radius for one network, with the formulas."""
    seed = bench.seeds("networks", 1)[0]
    items = [
        {"kind": "networks", "seed": seed, "members": 1, "radius": float(radius), "device": bench.device}
        for radius in RADII
    ]
    found = bench.map("radii", sharpness_in_balls, items)
    eigenvalues = found[0]["eigenvalues"][0]
    weights = len(eigenvalues)
    figure = bench.figure(
        "radius",
        title="Sharpness against the radius, a trained network",
        x="radius $\\epsilon$",
        y="sharpness",
        x_scale="log",
        y_scale="log",
        caption=f"By ascent in the ball, for a network of {weights} weights. In small balls sharpness is the largest "
        "eigenvalue and nothing else; a random line through the minimum rises far less.",
    )
    figure.line(RADII, RADII**2 * eigenvalues[-1] / 2, "$\\epsilon^2 \\lambda_{\\max}/2$")
    along = RADII**2 * eigenvalues.sum() / (2 * weights)
    figure.line(RADII, along, "$\\epsilon^2 \\operatorname{tr} H/(2n)$, random line")
    figure.points(RADII, [float(each["value"][0]) for each in found], "largest rise in the ball")
