"""Quadratic units with fixed output weights: are all second-order points global, and what too few of one sign do."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

import theory
from verify import Agrees, Bounds, Comparison, Identity, Proportion, Rival, Source, Verdict, Workbench, claim
from verify.bibliography import SOLTANOLKOTABI_2019
from verify.lectures.level_sets import THEORETICAL

Array = NDArray[np.float64]

INPUTS = 3
EXAMPLES = 12
UNITS = 2 * INPUTS
POINTS = (np.array([[1, 0], [0, 1], [0.5, 0.5]]), np.array([1.0, 1.0, 0.0]))
"""Three examples on two inputs which one positive unit cannot always fit, though it could."""
STUCK = 2 / 3
TOLERANCE = 1e-8
BACKTRACKS = 30
POLISHES = 5
FLOOR = 1e-6
"""Curvatures are taken for at least this share of the largest in a step."""


def searched(x: Array, y: Array, outer: Array, weights: Array, steps: int) -> dict[str, Array]:
    """Second-order points of the sum of squared errors, from many starts at once, by Newton steps.

    A step divides the gradient by the moduli of the curvatures, so that saddles repel, and is halved until the loss
    does not rise. In the end, where rounding hides what a step does to the loss, some are kept if the gradient falls.

    Args:
        x: Inputs, shape (examples, inputs).
        y: Labels.
        outer: The fixed output weights, shape (units,).
        weights: Starts, shape (starts, units, inputs).
        steps: The number of steps.

    Returns:
        For every start "loss"; "gradient", its norm over the one at the start; and "curvature", the least eigenvalue
        of the Hessian over the largest modulus.
    """
    first = np.linalg.norm(derivatives(x, y, outer, weights)[1], axis=1)
    for _ in range(steps):
        loss, gradient, hessian = derivatives(x, y, outer, weights)
        step = _newton_step(gradient, hessian).reshape(weights.shape)
        shares, moved = np.ones(len(weights)), np.zeros(len(weights), bool)
        for _ in range(BACKTRACKS):
            trial = weights + shares[:, None, None] * step
            better = ~moved & ((errors(x, y, outer, trial) ** 2).sum(axis=1) <= loss)
            weights = np.where(better[:, None, None], trial, weights)
            moved |= better
            if moved.all():
                break
            shares /= 2
    for _ in range(POLISHES):
        _, gradient, hessian = derivatives(x, y, outer, weights)
        trial = weights + _newton_step(gradient, hessian).reshape(weights.shape)
        after = derivatives(x, y, outer, trial)[1]
        better = np.linalg.norm(after, axis=1) < np.linalg.norm(gradient, axis=1)
        weights = np.where(better[:, None, None], trial, weights)
    loss, gradient, hessian = derivatives(x, y, outer, weights)
    return {"loss": loss, "gradient": np.linalg.norm(gradient, axis=1) / first, "curvature": least_curvature(hessian)}


def least_curvature(hessian: Array) -> Array:
    """The least eigenvalue over the largest modulus of one, matrix by matrix."""
    values = np.linalg.eigvalsh(hessian)
    return np.asarray(values[:, 0] / abs(values).max(axis=1))


def _newton_step(gradient: Array, hessian: Array) -> Array:
    """The gradient over the moduli of the curvatures, turned round."""
    values, vectors = np.linalg.eigh(hessian)
    sizes = np.maximum(abs(values), FLOOR * abs(values).max(axis=1, keepdims=True))
    return np.asarray(-(vectors @ ((gradient[:, None] @ vectors)[:, 0] / sizes)[:, :, None])[:, :, 0])


def errors(x: Array, y: Array, outer: Array, weights: Array) -> Array:
    """Outputs less labels, shape (starts, examples)."""
    return np.asarray(((weights @ x.T) ** 2 * outer[:, None]).sum(axis=1) - y)


def derivatives(x: Array, y: Array, outer: Array, weights: Array) -> tuple[Array, Array, Array]:
    """The sum of squared errors, its gradient and its Hessian, in weights unit by unit."""
    starts, units, inputs = weights.shape
    left = errors(x, y, outer, weights)
    slopes = (2 * outer[:, None] * (weights @ x.T)).transpose(0, 2, 1)[:, :, :, None] * x[:, None, :]
    jacobian = slopes.reshape(starts, len(x), units * inputs)
    hessian = 2 * jacobian.transpose(0, 2, 1) @ jacobian
    residual = (left[:, None, :] * x.T) @ x
    for unit, weight in enumerate(outer):
        block = slice(unit * inputs, (unit + 1) * inputs)
        hessian[:, block, block] += 4 * weight * residual
    return (left**2).sum(axis=1), 2 * (left[:, None, :] @ jacobian)[:, 0], hessian


def random_labels(seed: int, starts: int, steps: int) -> dict[str, Array]:
    """Searches on normal inputs with normal labels: excess over the least loss of any symmetric matrix, and evidence.

    "excess" is with as many positive as negative units; "with one" with one positive unit, from the same starts.
    """
    source = np.random.default_rng(seed)
    x, y = source.normal(size=(EXAMPLES, INPUTS)), source.normal(size=EXAMPLES)
    pairs = np.array([np.outer(row, row)[np.triu_indices(INPUTS)] for row in x])
    least = ((pairs @ np.linalg.lstsq(pairs, y, rcond=None)[0] - y) ** 2).sum()
    sizes, weights = source.uniform(0.5, 1.5, size=UNITS), source.normal(size=(starts, UNITS, INPUTS))
    both = searched(x, y, _signed(sizes, INPUTS), weights, steps)
    one = searched(x, y, _signed(sizes, 1), weights, steps)
    return {
        "excess": both["loss"] - least,
        "gradient": both["gradient"],
        "curvature": both["curvature"],
        "with one": one["loss"] - least,
    }


def three_points(seed: int, starts: int, steps: int, positive: int) -> dict[str, Array]:
    """Searches on the three examples on two inputs, with so many positive units and two negative ones."""
    outer = np.array([1.0] * positive + [-1.0] * 2)
    weights = np.random.default_rng(seed).normal(size=(starts, len(outer), 2))
    return searched(*POINTS, outer, weights, steps)


def _signed(sizes: Array, positive: int) -> Array:
    return sizes * np.where(np.arange(len(sizes)) < positive, 1.0, -1.0)


@claim(
    "level-sets.fixed-output-signs",
    title="With fixed output weights of both signs, second-order points of quadratic units are global",
    source=Source(SOLTANOLKOTABI_2019, "theorem 2.1", THEORETICAL),
    assumptions=(
        "the outputs are $\\sum_j v_j (w_j \\cdot x)^2$ on $d$ inputs with fixed $v_j$, at least $d$ of them positive "
        "and at least $d$ negative; the loss is the sum of squared errors; any examples and labels",
        "a second-order point has gradient 0 and no negative curvature; measured on 12 normal inputs with normal "
        "labels, $d = 3$ and 3 + 3 units, and on three given examples; a point counts as found where the gradient has "
        "fallen to $10^{-8}$ of that at the start",
    ),
    expects={Verdict.SUPPORTED},
)
def fixed_output_signs(bench: Workbench) -> Iterator[Comparison]:
    r"""Let at least $d$ of the fixed output weights be positive and at least $d$ negative, so that there are $2d$ units
    or more. Then every second-order point of the squared error is a global minimum, whatever the labels: the loss is
    the least of all symmetric matrices $A$ in $x^T A x$.

    Both signs are needed in that number. On two inputs, with one positive unit and any number of negative ones, the
    examples $(e_1, 1)$, $(e_2, 1)$, $((\tfrac12, \tfrac12), 0)$ have a second-order point of loss $2/3$, though these
    units can fit all three. A second positive unit has a curvature of $-8/3$ there.
    """
    import sympy as sp

    derivation = theory.fixed_output_signs()
    yield Identity(
        "loss of a second-order point of one positive unit, with two negative ones",
        derivation=derivation,
        claimed=sp.Rational(2, 3),
        rival=Rival("zero: global, with too few units of one sign too", sp.Integer(0)),
    )
    yield Identity(
        "curvature there of a second positive unit at 0, in its direction (1, -1)",
        derivation=derivation,
        part="escape",
        claimed=-sp.Rational(8, 3),
        rival=Rival("none: still a second-order point", sp.Integer(0)),
    )
    escape = np.zeros((1, 4, 2))
    escape[0, 0] = np.sqrt(2 / 3)  # the point, with a second positive unit and two negative ones at 0
    yield Agrees(
        "least curvature there with a second positive unit, over the largest, by the Hessian that judges the searches",
        measured=least_curvature(derivatives(*POINTS, np.array([1.0, 1.0, -1.0, -1.0]), escape)[2]),
        predicted=-1 / 6,
        tolerance=1e-12,
        reason="rounding; the largest curvature is 8, the least -4/3",
        rival=Rival("none: still a second-order point", 0.0),
    )
    steps = 50
    sets, starts = bench.size(quick=12, standard=60, full=400), bench.size(quick=4, standard=20, full=20)
    items = [{"seed": seed, "starts": starts, "steps": steps} for seed in bench.seeds("labels", sets)]
    results = bench.map("labels", random_labels, items)
    found = {name: np.concatenate([result[name] for result in results]) for name in results[0]}
    arrived = found["gradient"] <= TOLERANCE
    missed = int((~arrived).sum())
    yield Bounds(
        "least curvature at the points found on random labels, over the largest, with the sign turned: not above 0",
        smaller=-found["curvature"][arrived],
        larger=0,
        tolerance=TOLERANCE,
        reason="zero modes of the Hessian, up to rounding and to what is left of the gradient",
        rival=Rival("minima are isolated: at least a thousandth of the largest", -1e-3),
        dropped=missed,
    )
    yield Agrees(
        f"loss there above the least of all symmetric matrices, {INPUTS} + {INPUTS} units on {INPUTS} inputs",
        measured=found["excess"][arrived],
        predicted=0,
        tolerance=TOLERANCE,
        reason="squares of what is left of the gradient",
        rival=Rival(f"as with 1 + {UNITS - 1} units on the same data from the same starts", found["with one"][arrived]),
        dropped=missed,
    )
    (seed,) = bench.seeds("three points", 1)
    starts = bench.size(quick=60, standard=500, full=2000)
    ends = {
        positive: bench.map(
            f"three points {positive}",
            three_points,
            [{"seed": seed, "starts": starts, "steps": steps, "positive": positive}],
        )[0]
        for positive in (1, 2)
    }
    yield Agrees(
        "loss of the points found on the three examples, two positive and two negative units",
        measured=ends[2]["loss"],
        predicted=0,
        tolerance=TOLERANCE,
        reason="squares of what is left of the gradient",
        rival=Rival("that of the second-order point of one positive unit", STUCK),
    )
    stuck = abs(ends[1]["loss"] - STUCK) < TOLERANCE
    yield Proportion(
        "share of searches with one positive unit that end at the second-order point of loss 2/3",
        successes=int(stuck.sum()),
        trials=starts,
        within=(0.02, 0.9),
        rival=Rival("none: all ends are global", 0.0),
    )
    figure = bench.figure(
        "excess",
        title="Loss of the points found on random labels, above the least of all symmetric matrices",
        x="end, from the lowest",
        y="excess",
        y_scale="log",
        caption=f"From the same starts, {INPUTS} inputs, {EXAMPLES} examples. Less than $10^{{-14}}$ is drawn there.",
    )
    shown = np.linspace(0, len(found["excess"]) - 1, 120).astype(int) if len(found["excess"]) > 120 else slice(None)
    for label, name in ((f"{INPUTS} + {INPUTS} units", "excess"), (f"1 + {UNITS - 1} units", "with one")):
        values = np.sort(np.maximum(found[name], 1e-14))[shown]
        figure.points(np.linspace(0, 1, len(values)), values, label)
