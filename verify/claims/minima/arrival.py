"""Whether gradient descent arrives: three kinds of start from which it provably does not reach a global minimum."""

from collections.abc import Iterator
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

import theory
from verify import Agrees, Comparison, Enclosure, Identity, Proportion, Rival, Source, Verdict, Workbench, claim
from verify.bibliography import VENTURI_BANDEIRA_BRUNA_2019
from verify.lectures.curvature import OPEN_QUESTIONS

Array = NDArray[np.float64]

SMALL = 1e-3
"""A loss below this counts as arrived, a weight below this, in absolute value, as gone."""

STEP, STEPS = 0.1, 200
"""Learning rate over the inverse of a bound of the curvature, and how many steps descent takes."""

EXAMPLES = ((1.0, 0.0), (0.0, 1.0)), (2.0, -1.0)
"""Two examples, of which positive units can fit the first."""


def ends_of_one_unit(seed: int, starts: int, steps: int) -> dict[str, Array]:
    """Descend on (u w^2 + 1)^2 from random starts: 1 where the loss is gone, 0 where the unit is, 2 elsewhere.

    The learning rate is a tenth of the inverse of a bound of the norm of the Hessian at each point.
    """
    source = np.random.default_rng(seed)
    u, w = source.normal(size=(2, starts))
    for _ in range(steps):
        error = u * w**2 + 1
        rate = STEP / (w**4 + 4 * u**2 * w**2 + 2 * np.abs(error) * (np.abs(u) + np.abs(w)))
        u, w = u - rate * error * w**2, w - 2 * rate * error * u * w
    arrived, gone = (u * w**2 + 1) ** 2 < SMALL, (np.abs(w) < SMALL) & (u > 0)
    return {"kind": np.where(arrived, 1.0, np.where(gone, 0.0, 2.0))}


def losses_of_positive_units(seed: int, units: int, starts: int, steps: int) -> dict[str, Array]:
    """Sum of squares at which descent ends, from random positive units on two inputs; the learning rate as above."""
    source = np.random.default_rng([seed, units])
    x, y = (np.array(part) for part in EXAMPLES)
    inner = source.normal(size=(starts, units, 2)) / np.sqrt(units)
    outer = np.sqrt(1 / units + (inner**2).sum(axis=-1) / 2 * source.uniform(1, 2, size=(starts, units)))
    for _ in range(steps):
        before = inner @ x.T
        error = (outer[..., None] * before**2).sum(axis=1) - y
        first = (before**4 + 4 * outer[..., None] ** 2 * before**2).sum(axis=1)
        second = 2 * (np.abs(outer)[..., None] + np.abs(before)).max(axis=1)
        rate = STEP / (first + np.abs(error) * second).sum(axis=1)[:, None]
        slope = error[:, None] * before
        outer, inner = (
            outer - rate * (slope * before).sum(axis=-1),
            inner - 2 * rate[..., None] * outer[..., None] * (slope @ x),
        )
    error = (outer[..., None] * (inner @ x.T) ** 2).sum(axis=1) - y
    return {"loss": (error**2).sum(axis=1)}


@claim(
    "minima.gradient-does-not-always-arrive",
    title="Starts from which gradient descent does not reach a global minimum",
    source=Source(VENTURI_BANDEIRA_BRUNA_2019, "on quadratic units", OPEN_QUESTIONS),
    assumptions=(
        "a minimiser is meant to be global: at the origin of a product descent is not even at a local one, in the "
        "other two cases it is",
        "proofs are for gradient flow; descent is measured with steps a small part of the inverse curvature",
        "one quadratic unit on one input has the loss $(u w^2 + 1)^2$ and weights that start as independent standard "
        "normal numbers; more of them have a sum of squares over two examples; that of the ReLU units is "
        "$F = \\frac{1}{2} E(\\dots)^2$ on the population",
    ),
    expects={Verdict.SUPPORTED},
)
def gradient_does_not_always_arrive(bench: Workbench) -> Iterator[Comparison]:
    r"""Does the gradient always find a minimiser? No. A product of $K \ge 2$ weights that all start at zero stays
    there: the gradient is zero, though the loss falls along some directions.

    Quadratic units $\sum_j u_j (w_j \cdot x)^2$ conserve $2 u_j^2 - |w_j|^2$ under gradient flow. If this and $u_j$ are
    positive at the start, for all $j$, they stay so, at any width: outputs never become negative, and an example with
    the target $-y$ costs at least $y^2$ for ever, although from as many units as inputs on a path on which the loss
    never rises leads from there to a global minimum. Descent ends on a plateau of local minima. For one unit on one
    input the share of random starts that do not arrive is

    $$\frac{1}{\pi} \arctan \sqrt 2 \approx 0.304.$$

    And ReLU networks have strict local minima that are not global and attract all starts nearby: six units that
    learn from six orthonormal ones have one of loss above $0.02$, in a box on which the loss is strictly convex.
    """
    import sympy as sp

    y = sp.Symbol("y", positive=True)
    yield Identity(
        "entries of the gradient of a product at weights of zero",
        derivation=theory.product_saddle(),
        part="gradient",
        claimed=sp.Integer(0),
        rival=Rival("that of a single weight, which points to the target", -y),
    )
    derivation = theory.positive_units_floor()
    yield Identity(
        "what positive quadratic units cost for ever on an example with the target -y",
        derivation=derivation,
        claimed=y**2,
        rival=Rival("nothing: descent arrives", sp.Integer(0)),
    )
    yield Identity(
        "share of starts from which one quadratic unit does not arrive",
        derivation=derivation,
        part="share",
        claimed=sp.atan(sp.sqrt(2)) / sp.pi,
        rival=Rival("none: descent arrives", sp.Integer(0)),
    )
    share = float(np.arctan(np.sqrt(2)) / np.pi)
    starts = bench.size(quick=20_000, standard=200_000, full=1_000_000)
    margin = bench.size(quick=0.025, standard=0.008, full=0.008)  # twice what the sample and its interval spread
    (seed,) = bench.seeds("one unit", 1)
    (found,) = bench.map("one unit", ends_of_one_unit, [{"seed": seed, "starts": starts, "steps": STEPS}])
    yield Proportion(
        "descents of one quadratic unit that end with the unit gone and the loss not",
        successes=int((found["kind"] == 0).sum()),
        trials=starts,
        within=(share - margin, share + margin),
        dropped=int((found["kind"] == 2).sum()),
        rival=Rival("none: descent arrives", 0),
    )
    for units in (2, 16):
        (seed,) = bench.seeds(f"{units} units", 1)
        case = {"seed": seed, "units": units, "starts": 20, "steps": 700}
        (found,) = bench.map(f"{units} units", losses_of_positive_units, [case])
        yield Agrees(
            f"loss at which {units} positive quadratic units on two inputs end, with the targets 2 and -1",
            measured=found["loss"],
            predicted=1,
            tolerance=1e-3,
            reason="descent is stopped where it changes by less",
            rival=Rival("zero: descent arrives", 0),
        )
    minimum = theory.certify_spurious_minimum(6)
    yield Enclosure(
        "loss and least eigenvalue of the Hessian at a local minimum of six ReLU units",
        values=[minimum.loss, minimum.least_eigenvalue],
        within=(Fraction(1, 500), None),
        rival=Rival("a loss of zero: descent arrives", [0]),
    )
    yield Enclosure(
        "half-width of a box around it on which the loss is strictly convex",
        values=[minimum.unique_within],
        within=(Fraction(1, 10**6), None),
        rival=Rival("none: nothing is attracted", [0]),
    )
    figure = bench.figure(
        "one-unit",
        title="Gradient flow of one quadratic unit on one input, target $-1$",
        x="outer weight u",
        y="inner weight w",
        caption="Each curve keeps $2u^2 - w^2$. Starts to the right of the line $w = \\sqrt 2\\, u$ end at $w = 0$, at "
        "a loss of 1; the others on the curve of loss 0. The picture for $w < 0$ is the mirror image.",
        x_limits=(-2, 2),
        y_limits=(0, 2),
    )
    inner = np.linspace(0.7, 2, 40)
    figure.line(-1 / inner**2, inner, "loss 0")
    figure.line([0, np.sqrt(2)], [0, 2], "$2u^2 = w^2$")
    for start in ((1.0, 1.2), (1.6, 2.0), (0.8, 1.4), (-1.5, 0.3)):
        figure.line(*_orbit(*start), f"from u = {start[0]}, w = {start[1]}")


def _orbit(u: float, w: float) -> tuple[list[float], list[float]]:
    """A gradient flow on (u w^2 + 1)^2, every fifth of the steps of descent."""
    way = [(u, w)]
    for _ in range(STEPS):
        error = u * w**2 + 1
        rate = STEP / (w**4 + 4 * u**2 * w**2 + 2 * abs(error) * (abs(u) + abs(w)))
        u, w = u - rate * error * w**2, w - 2 * rate * error * u * w
        way.append((u, w))
    return [place[0] for place in way[::5]], [place[1] for place in way[::5]]
