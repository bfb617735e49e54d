"""Networks of quadratic units: the least widths without valleys, and what there is one unit below."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

import theory
from verify import Agrees, Comparison, Identity, Rival, Source, Verdict, Workbench, claim
from verify.bibliography import VENTURI_BANDEIRA_BRUNA_2019
from verify.claims.level_sets.unbroken import unbroken, whole_paths
from verify.lectures.level_sets import OVER_PARAMETERISED

Array = NDArray[np.float64]

PER_PIECE = 4
ROUNDING = 1e-13
NOISE = 0.001
"""What the target is away from a start that computes it nearly, as a share of one drawn at random."""


def rises(seed: int, inputs: int) -> dict[str, Array]:
    """How far losses rise on paths from every kind of start, over max(1, loss at the start).

    "descent": the largest step up with as many units as inputs, on the way to a global minimum; "first" and "left" are
    the losses where that way begins and ends. "path": with one unit more, the largest loss above the larger end. Every
    second start computes nearly the target already, and the path leads from there to the same weights with units
    negated. Beside them stand the rises of straight lines: to the global minimum with units negated, and between the
    ends of the path. "missed", "apart" and "part" tell whether both are paths, see `unbroken`.
    """
    source = np.random.default_rng(seed)
    drawn = source.normal(size=(inputs, inputs))
    steps = np.linspace(0, 1, 33)[:, None]
    found: dict[str, list[float]] = {"descent": [], "descent line": [], "path": [], "path line": []}
    found |= {"left": [], "first": [], "missed": [], "apart": [], "part": []}
    kinds = theory.QUADRATIC_KINDS
    for place, kind in enumerate(kinds):
        target = goal = drawn + drawn.T
        first = theory.degenerate_start(kind, inputs, inputs, seed)
        across = theory.degenerate_start(kind, inputs, inputs + 1, seed + 1)
        other = theory.degenerate_start(kinds[(5 * place + inputs) % len(kinds)], inputs, inputs + 1, seed + 2)
        if place % 2 == 0:
            target = theory.output_matrix(first, inputs) + NOISE * target
            goal = theory.output_matrix(across, inputs) + NOISE * goal
            other = _negated(across, inputs)
        descent = theory.quadratic_descent(first, target, inputs)
        path = theory.quadratic_path(across, other, inputs)
        down, along = descent.sample(PER_PIECE), path.sample(PER_PIECE)
        for way, samples, begin, end in ((descent, down, first, descent.end), (path, along, across, other)):
            for name, value in unbroken(way, samples, begin, end).items():
                found[name].append(value)
        minimum = _negated(descent.end, inputs)
        for name, points, aim in (
            ("descent", down, target),
            ("descent line", (1 - steps) * first + steps * minimum, target),
            ("path", along, goal),
            ("path line", (1 - steps) * across + steps * other, goal),
        ):
            values = _losses(points, aim)
            ends = max(values[0], values[-1])
            rise = np.diff(values).max() if name.startswith("descent") else values.max() - ends
            found[name].append(max(0.0, rise) / max(1.0, ends))
            if name == "descent":
                found["first"].append(values[0] / max(1.0, ends))
                found["left"].append(values[-1] / max(1.0, ends))
    return {name: np.array(values) for name, values in found.items()}


def between_signs(inputs: int) -> Array:
    """The largest loss on the path between global minima of n + 1 units that differ by the sign of one of n, each.

    The target is diag(2, ..., 2, -1), a unit for each entry, and one more is idle at both ends.
    """
    values = np.append(np.full(inputs - 1, 2.0), -1.0)
    weights = np.vstack([np.diag(np.sqrt(abs(values))), np.zeros(inputs)])
    outer = np.append(np.sign(values), 0.0)
    tops = []
    for unit in range(inputs):
        turned = weights.copy()
        turned[unit] *= -1
        start, end = (np.concatenate([each.ravel(), outer]) for each in (weights, turned))
        path = theory.quadratic_path(start, end, inputs)
        tops.append(_losses(path.sample(PER_PIECE), np.diag(values)).max())
    return np.array(tops)


def _negated(parameter: Array, inputs: int) -> Array:
    """The parameter with all weights of units negated, which computes the same."""
    units = len(parameter) // (inputs + 1)
    return np.concatenate([-parameter[: inputs * units], parameter[inputs * units :]])


def _losses(parameters: Array, target: Array) -> Array:
    """E (x'(A - T) x)^2 for standard normal inputs."""
    gaps = np.array([theory.output_matrix(theta, len(target)) for theta in parameters]) - target
    return np.asarray(2 * (gaps**2).sum((1, 2)) + np.trace(gaps, axis1=1, axis2=2) ** 2)


@claim(
    "level-sets.quadratic",
    title="Quadratic units: no valley from the number of inputs on, connected from one more",
    source=Source(VENTURI_BANDEIRA_BRUNA_2019, "on quadratic activations, for more than 2n units", OVER_PARAMETERISED),
    assumptions=(
        "the outputs are $\\sum_j u_j (w_j \\cdot x)^2$ with $p$ units on $n$ inputs; the loss is a convex function of "
        "the matrix $A = \\sum_j u_j w_j w_j^T$, in the measurement and in the levels $E (x^T (A - T) x)^2$ with "
        "inputs of the standard normal law",
    ),
    expects={Verdict.SUPPORTED},
    corrects="level-sets.quadratic-width-as-printed",
)
def quadratic(bench: Workbench) -> Iterator[Comparison]:
    r"""With $p \ge n$ quadratic units a path on which the loss never rises leads from every parameter to a global
    minimum; with $p \ge n + 1$ all sublevel sets are connected. Both paths are constructed, from any start, however
    degenerate. Here $n$ is the number of inputs: more than $2n$ units are enough, but not needed, and the number of
    data does not enter.

    These widths cannot be reduced. For $T = \operatorname{diag}(2, \dots, 2, -1)$ and $p = n - 1$ there is a spurious
    valley, with the levels

    $$\text{global } 2 + \frac{2}{n + 1}, \qquad \text{valley } 8 + \frac{8}{n + 1}, \qquad
    \text{wall } 10 + \frac{2}{n},$$

    and with $p = n$ the global minima lie in several components, with a wall of $2 + 2/(n + 1)$ between them.
    """
    import sympy as sp

    valley = theory.quadratic_valley()
    (n,) = valley.value.free_symbols
    for title, part, level, rival in (
        ("the wall around the valley of n - 1 units", None, 10 + 2 / n, Rival("its floor: no wall", 8 + 8 / (n + 1))),
        (
            "the floor of the valley of n - 1 units",
            "valley",
            8 + 8 / (n + 1),
            Rival("without the squared trace", 0 * n + 8),
        ),
        (
            "the global minimum of n - 1 units",
            "global",
            2 + 2 / (n + 1),
            Rival("without the squared trace", 0 * n + 2),
        ),
    ):
        yield Identity(title, derivation=valley, part=part, claimed=level, rival=rival)
    yield Identity(
        "the wall between global minima of n units",
        derivation=theory.quadratic_minima_at_equal_width(),
        claimed=2 + 2 / (n + 1),
        rival=Rival("zero: connected at p = n too", 0 * n),
    )
    yield Identity(
        "the wall around the valley of one unit fitted to diag(2, -1) in the norm of matrices",
        derivation=theory.one_quadratic_unit(),
        claimed=sp.Integer(5),
        rival=Rival("its floor: no wall", sp.Integer(4)),
    )
    sizes = bench.size(quick=(2, 3), standard=(1, 2, 3, 4, 5), full=(1, 2, 3, 4, 5, 6))
    seen = []
    for inputs in sizes:
        seeds = bench.seeds(f"inputs {inputs}", bench.size(quick=1, standard=4, full=16))
        items = [{"seed": seed, "inputs": inputs} for seed in seeds]
        results = bench.map(f"inputs {inputs}", rises, items)
        found = {name: np.concatenate([result[name] for result in results]) for name in results[0]}
        for name, title in (
            ("descent", f"rise on the way to a global minimum with {inputs} units on {inputs} inputs"),
            ("path", f"loss on the path above the larger end with {inputs + 1} units on {inputs} inputs"),
        ):
            yield Agrees(
                f"{title}, from {len(theory.QUADRATIC_KINDS)} kinds of start, over max(1, loss of the ends)",
                measured=found[name],
                predicted=0,
                tolerance=ROUNDING,
                reason="rounding in sums of products of weights; the worst of six thousand paths rose by 1.7e-14",
                rival=Rival("as on a straight line to an end that computes the same", found[f"{name} line"]),
            )
        yield Agrees(
            f"loss at the end of the way to a global minimum with {inputs} units on {inputs} inputs, relative",
            measured=found["left"],
            predicted=0,
            tolerance=ROUNDING,
            reason="rounding; the loss is a square",
            rival=Rival("as at the start", found["first"]),
        )
        yield Agrees(
            f"largest loss between two global minima that differ by the sign of one unit, a unit idle at both beside "
            f"the {inputs} on {inputs} inputs",
            measured=between_signs(inputs),
            predicted=0,
            tolerance=ROUNDING,
            reason="rounding in sums of products of weights",
            rival=Rival("the wall there is without the idle unit", 2 + 2 / (inputs + 1)),
        )
        seen.append(found)
    yield from whole_paths(seen)
    figure = bench.figure(
        "profile",
        title="From the valley of one unit to the global minimum, and with one unit more",
        x="share of the path",
        y="loss",
        caption="Two inputs, $T = \\operatorname{diag}(2, -1)$. One unit starts in the valley and has to pass the "
        "wall, at the output 0. With a second unit, idle at the start, the constructed path never rises and ends at 0.",
    )
    for label, losses in zip(("one unit, over the wall", "two units, from the same outputs"), profiles(), strict=True):
        figure.line(np.linspace(0, 1, len(losses)), losses, label)
    figure.line([0, 1], [11, 11], "wall, $10 + 2/n$")


def profiles() -> tuple[Array, Array]:
    """Losses along the way of one unit from the valley over the wall, and of two units from the same outputs."""
    target = np.diag([2.0, -1.0])
    depth, height = 1 / 3, 5 / 3  # |w|^2 in the valley, with u = -1, and at the global minimum, with u = 1
    down = [[0.0, np.sqrt(size), -1.0] for size in np.linspace(depth, 0, 17)]
    up = [[np.sqrt(size), 0.0, 1.0] for size in np.linspace(0, height, 48)]
    alone = _losses(np.array([*down, *up]), target)
    (_, weight, sign), idle = down[0], 0.0
    path = theory.quadratic_descent([idle, weight, idle, idle, sign, idle], target, 2)
    return alone, _losses(path.sample(8), target)
