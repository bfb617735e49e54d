"""Networks of quadratic units: the least widths without valleys, and what there is one unit below."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

import theory
from verify import Agrees, Comparison, Identity, Rival, Source, Verdict, Workbench, claim
from verify.lectures.level_sets import OVER_PARAMETERISED
from verify.sources import VENTURI_BANDEIRA_BRUNA_2019

Array = NDArray[np.float64]

KINDS = (
    "random",
    "one sign",
    "idle units",
    "one line",
    "all zero",
    "cancelling",
    "nearly cancelling",
    "scales",
    "nearly one line",
    "dependent",
    "small integers",
    "blind to an input",
    "outer scales",
)
PER_PIECE = 4
ROUNDING = 1e-13
NOISE = 0.001
"""What the target is away from a start that computes it nearly, as a share of one drawn at random."""


ILL_CONDITIONED = "nearly one line"
"""Takes hundreds of turns, whose rounding adds up to some 3e-13 with four inputs or more; tried with fewer."""


def kinds_for(inputs: int) -> tuple[str, ...]:
    """The kinds of start that are tried with so many inputs."""
    return tuple(kind for kind in KINDS if inputs <= 3 or kind != ILL_CONDITIONED)


def starting_point(kind: str, inputs: int, units: int, seed: int) -> Array:
    """A parameter of one of the kinds: weights of the units, then the outer weights."""
    source = np.random.default_rng([seed, inputs, units])
    outer, columns = source.normal(size=units), source.normal(size=(inputs, units))
    half = units // 2
    rest = units - half
    if kind == "one sign":
        outer[:] = 1
    if kind == "idle units":
        outer[::2] = 0
    if kind == "one line":
        columns[:] = columns[:, :1]
    if kind == "all zero":
        columns[:] = 0
    if "cancelling" in kind:
        noise = 1e-9 if kind == "nearly cancelling" else 0.0
        columns[:, half:] = columns[:, :rest] * (1 + noise * source.normal(size=(inputs, rest)))
        outer[half:] = -outer[:rest]
    if kind == "scales":
        columns *= 10.0 ** source.uniform(-8, 0, size=units)
    if kind == "nearly one line":
        columns[:, 1:] = columns[:, :1] + 1e-7 * columns[:, 1:]
    if kind == "dependent":
        columns[:, -1] = columns[:, :-1] @ source.normal(size=units - 1)
    if kind == "small integers":
        columns, outer = np.round(columns), np.sign(outer)
    if kind == "blind to an input":
        columns[0] = 0
    if kind == "outer scales":
        outer *= 10.0 ** source.uniform(-12, 1, size=units)
    return np.concatenate([columns.T.ravel(), outer])


def rises(seed: int, inputs: int) -> dict[str, Array]:
    """How far losses rise on paths from every kind of start, over max(1, loss at the start).

    "descent": the largest step up with as many units as inputs, on the way to a global minimum. "path": with one unit
    more, the largest loss above the larger end. Every second start computes nearly the target already, and the path
    leads from there to the same weights with units negated. Beside them stand the rises of straight lines: to the
    global minimum with units negated, and between the ends of the path.
    """
    source = np.random.default_rng(seed)
    drawn = source.normal(size=(inputs, inputs))
    steps = np.linspace(0, 1, 33)[:, None]
    found: dict[str, list[float]] = {"descent": [], "descent line": [], "path": [], "path line": []}
    kinds = kinds_for(inputs)
    for place, kind in enumerate(kinds):
        target = goal = drawn + drawn.T
        first = starting_point(kind, inputs, inputs, seed)
        across = starting_point(kind, inputs, inputs + 1, seed + 1)
        other = starting_point(kinds[(5 * place + inputs) % len(kinds)], inputs, inputs + 1, seed + 2)
        if place % 2 == 0:
            target = theory.output_matrix(first, inputs) + NOISE * target
            goal = theory.output_matrix(across, inputs) + NOISE * goal
            other = _negated(across, inputs)
        descent = theory.quadratic_descent(first, target, inputs)
        path = theory.quadratic_path(across, other, inputs)
        minimum = _negated(descent.end, inputs)
        for name, points, aim in (
            ("descent", descent.sample(PER_PIECE), target),
            ("descent line", (1 - steps) * first + steps * minimum, target),
            ("path", path.sample(PER_PIECE), goal),
            ("path line", (1 - steps) * across + steps * other, goal),
        ):
            values = _losses(points, aim)
            ends = max(values[0], values[-1])
            rise = np.diff(values).max() if name.startswith("descent") else values.max() - ends
            found[name].append(max(0.0, rise) / max(1.0, ends))
    return {name: np.array(values) for name, values in found.items()}


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
        "starts whose units are within $10^{-7}$ of one line are tried with up to three inputs; with four or more, "
        "rounding in hundreds of turns raises the loss by some $3 \\times 10^{-13}$ now and then",
    ),
    expects={Verdict.SUPPORTED},
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
                f"{title}, from {len(kinds_for(inputs))} kinds of start, over max(1, loss of the ends)",
                measured=found[name],
                predicted=0,
                tolerance=ROUNDING,
                reason="rounding in sums of products of weights; the worst of some thousand paths rose by 8.9e-14",
                rival=Rival("as on a straight line to an end that computes the same", found[f"{name} line"]),
            )
