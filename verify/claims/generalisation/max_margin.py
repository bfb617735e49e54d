"""Where descent on the logistic loss points to when all examples can be classified rightly, and how slowly it turns."""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Final

import numpy as np
from numpy.typing import NDArray

import theory
from verify import Agrees, AtMost, Comparison, Enclosure, Exponent, Identity, Rival, Source, Verdict, Workbench, claim
from verify.bibliography import SOUDRY_2018
from verify.lectures.generalisation import DOUBLE_DESCENT

Array = NDArray[np.float64]

EXAMPLES: Final = 20
INPUTS: Final = 4
GAP: Final = 0.5
"""What is added to every example along the direction that separates them, so that some margin is there."""

GRAIN: Final = 2**20
"""Coordinates are multiples of one over this, so that they are exact. On a coarse grid more examples than there are
dimensions happen to share the least product, and their slopes are no longer settled by the multipliers."""

BEGIN: Final = 1e-6
"""A time up to which the flow moves on a straight line, to twice as many digits."""

LOG_TIMES: Final = (2.0, 4.0, 8.0, 16.0, 1e2, 1e3, 1e4, 1e5, 1e6)
WINDOW: Final = 3
"""So many of the last of them, for the exponent: an example whose product with v is 1 + s, s small, counts as a support
vector until log t is some 1/s, and before that there is no power law."""

FAR: Final = 1e-3
"""Tolerance of what differs from its limit by a few units over log t, at log t = 1e6."""


def separable_examples(seed: int, sets: int) -> Array:
    """Draw examples, multiplied by their labels, that a direction through 0 separates.

    Args:
        seed: Of all draws.
        sets: How many sets of examples.

    Returns:
        (sets, examples, inputs), multiples of 1/2^20.
    """
    random = np.random.default_rng(seed)
    truth = random.normal(size=(sets, 1, INPUTS))
    truth /= np.linalg.norm(truth, axis=2, keepdims=True)
    x = random.normal(size=(sets, EXAMPLES, INPUTS))
    labelled = x * np.sign((x * truth).sum(axis=2, keepdims=True)) + GAP * truth
    return np.asarray(np.round(labelled * GRAIN) / GRAIN)


def flow(examples: Array, log_times: Array) -> Array:
    """Follow the negative gradient of the sum of log(1 + exp(-z . w)) from 0, in the variable log t.

    In log t the equation is dw = sum z t/(1 + exp(z . w)): its right-hand side stays bounded and becomes constant, so
    that times such as exp(1e6) can be reached, by SciPy's solver for stiff equations with relative errors of 3e-12.

    Args:
        examples: The z, one row each.
        log_times: Increasing, where the point is wanted.

    Returns:
        (times, inputs).
    """
    from scipy.integrate import solve_ivp

    def slopes(log_time: float, w: Array) -> tuple[Array, Array]:
        products = examples @ w
        return products, np.exp(log_time - np.logaddexp(0, products))

    def jacobian(log_time: float, w: Array) -> Array:
        products, slope = slopes(log_time, w)
        return np.asarray(-(examples.T * slope * np.exp(-np.logaddexp(0, -products))) @ examples)

    solved = solve_ivp(
        lambda log_time, w: slopes(log_time, w)[1] @ examples,
        (np.log(BEGIN), log_times[-1]),
        BEGIN * examples.sum(axis=0) / 2,
        method="LSODA",
        jac=jacobian,
        t_eval=log_times,
        rtol=3e-12,
        atol=1e-11,
    )
    return np.asarray(solved.y.T)


def flows(seed: int, sets: int, steps: int) -> dict[str, Array]:
    """Follow gradient flow to the times of ``LOG_TIMES``, and gradient descent for some steps beside it.

    The rate is 1 over a bound of the loss's curvature, a quarter of the largest eigenvalue of sum z z^T.

    Args:
        seed: Of the examples.
        sets: How many sets of examples.
        steps: Of gradient descent.

    Returns:
        One row per set: "flow" (times, inputs), "descent", the end of gradient descent, "beside", where the flow is at
        the same time, and "clock", log t there.
    """
    examples = separable_examples(seed, sets)
    transposed = np.ascontiguousarray(examples.swapaxes(1, 2))
    rate = 4 / np.linalg.norm(examples, 2, axis=(1, 2))[:, None, None] ** 2
    w = np.zeros((sets, INPUTS, 1))
    for _ in range(steps):
        w += rate * (transposed @ (1 / (1 + np.exp(examples @ w))))
    clock = np.log(steps * rate[:, 0, 0])
    paths, beside = [], []
    for own, time in zip(examples, clock, strict=True):
        moments = np.sort([*LOG_TIMES, time])
        path = flow(own, moments)
        here = int(np.flatnonzero(moments == time)[0])
        beside.append(path[here])
        paths.append(np.delete(path, here, axis=0))
    return {"flow": np.stack(paths), "descent": w[:, :, 0], "beside": np.stack(beside), "clock": clock}


def dot(first: Sequence[Fraction], second: Sequence[Fraction]) -> Fraction:
    """The inner product of two vectors."""
    return sum((a * b for a, b in zip(first, second, strict=True)), Fraction(0))


def product_of_mean(rows: Sequence[Sequence[Fraction]], squared: Fraction) -> Fraction:
    """The least product with an example of their mean, brought to a squared length: its square, with its sign."""
    mean = [sum(column, Fraction(0)) for column in zip(*rows, strict=True)]
    least = min(dot(row, mean) for row in rows)
    return least * abs(least) * squared / dot(mean, mean)


def unit(vectors: Array) -> Array:
    """Vectors of length 1 along the last axis."""
    return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True))


@claim(
    "generalisation.max-margin-bias",
    title="On separable data descent on the logistic loss turns to the largest margin, but only like 1/log t",
    source=Source(SOUDRY_2018, "theorems 3 to 5", DOUBLE_DESCENT),
    assumptions=(
        "a linear classifier without bias, examples that it can all classify rightly, the sum of the logistic losses; "
        "gradient flow from 0",
        "the limits of the slopes and of the missing share are those of almost all separable data, whose support "
        "vectors are independent and have positive multipliers",
        "the constants are proved for two orthogonal examples of the lengths $br$ and $b$, $r > 1$",
        f"measured on sets of {EXAMPLES} normal inputs in {INPUTS} dimensions, moved by 1/2 along the direction that "
        "labels them; the flow is solved in the variable $\\log t$ up to $\\log t = 10^6$",
        "gradient descent has a fixed rate, 1 over a bound of the curvature; its time is the number of steps times "
        "the rate",
    ),
    expects={Verdict.SUPPORTED},
)
def max_margin_bias(bench: Workbench) -> Iterator[Comparison]:
    r"""Where a linear classifier can be right on all examples $z_i$ (inputs times labels), many directions are, and
    the logistic loss has no minimum. Descent has a direction of its own: $w$ grows like $v \log t$, where $v$ is the
    separator of the hard-margin support vector machine, the shortest vector with $z_i \cdot v \ge 1$ for all $i$, which
    has the largest margin. For almost all data the slopes of the examples' losses, times $t$, become its multipliers
    $a_i$, and it comes there slowly: the share of the largest margin that is missing, times $\log t$, tends to
    $\log \max_i a_i - \sum_i a_i \log a_i/\sum_i a_i$. For two orthogonal examples that is $2 \log r/(1 + r^2)$.
    """
    from sympy import log, symbols

    r = symbols("r", positive=True)
    yield Identity(
        "missing share of the margin times $\\log t$, two orthogonal examples",
        derivation=theory.max_margin_rate(),
        claimed=2 * log(r) / (1 + r**2),
        rival=Rival("the angle's constant", 2 * r * log(r) / (1 + r**2)),
    )
    sets = bench.size(quick=20, standard=60, full=400)
    steps = bench.size(quick=1000, standard=30000, full=300000)
    (seed,) = bench.seeds("examples", 1)
    examples = separable_examples(seed, sets)
    rows = [[[Fraction(number) for number in row] for row in own] for own in examples.tolist()]
    exact = [theory.hard_margin_separator(own) for own in rows]
    yield Enclosure(
        "squared length of the hard-margin separator, against the sum of its multipliers",
        values=[1 / found.squared_margin for found in exact],
        predicted=[sum(found.multipliers) for found in exact],
        digits=30,
        rival=Rival("by the nearest example alone", [1 / min(dot(row, row) for row in own) for own in rows]),
    )
    yield Enclosure(
        "least product of the hard-margin separator with an example",
        values=[min(found.products) for found in exact],
        within=(1, None),
        rival=Rival(
            "that of the mean of the examples at the same length, squared",
            [product_of_mean(own, 1 / found.squared_margin) for own, found in zip(rows, exact, strict=True)],
        ),
    )
    (measured,) = bench.map("examples", flows, [{"seed": seed, "sets": sets, "steps": steps}])
    v = np.array([[float(entry) for entry in found.separator] for found in exact])
    multipliers = np.array([[float(entry) for entry in found.multipliers] for found in exact])
    length = np.linalg.norm(v, axis=1)
    path, times = measured["flow"], np.array(LOG_TIMES)
    mean = examples.sum(axis=1)
    squares = np.stack([np.linalg.lstsq(own, np.ones(EXAMPLES))[0] for own in examples])
    products = np.einsum("kti,kei->kte", path, examples)
    reason = "a few units over $\\log t = 10^6$"
    for other, name in ((mean, "the mean of the examples"), (squares, "the least-squares fit of the labels")):
        yield Agrees(
            f"direction at the end, against {name}",
            measured=unit(path[:, -1]),
            predicted=unit(v),
            tolerance=FAR,
            reason=reason,
            rival=Rival(name, unit(other)),
        )
    yield Agrees(
        "norm at the end over $\\log t$",
        measured=np.linalg.norm(path[:, -1], axis=1) / times[-1],
        predicted=length,
        tolerance=FAR,
        reason=reason,
        rival=Rival("the same for every margin", 1.0),
    )
    yield Agrees(
        "slopes of the examples times $t$, at the end",
        measured=np.exp(times[-1] - np.logaddexp(0, products[:, -1])),
        predicted=multipliers,
        tolerance=FAR,
        reason="what an example adds that is no support vector but nearly one",
        rival=Rival("the same for every example", multipliers.mean(axis=1, keepdims=True).repeat(EXAMPLES, axis=1)),
    )

    def missing(w: Array, own: Array) -> Array:
        """What share of the largest margin is missing in some directions."""
        return np.asarray(1 - own.min(axis=-1) * length / np.linalg.norm(w, axis=-1))

    lacking = np.stack([missing(path[:, k], products[:, k]) for k in range(len(times))], axis=1)
    logs = np.log(np.where(multipliers > 0, multipliers, 1))
    constant = np.log(multipliers.max(axis=1)) - (multipliers * logs).sum(axis=1) / multipliers.sum(axis=1)
    yield Agrees(
        "missing share of the margin times $\\log t$, at the end",
        measured=lacking[:, -1] * times[-1],
        predicted=constant,
        tolerance=0.01,
        reason="terms of the order of $1/\\log t$, with the squares of a few units",
        rival=Rival("none: faster than $1/\\log t$", 0.0),
    )
    yield Exponent(
        "angle to the hard-margin separator, in $\\log t$",
        predicted=-1.0,
        x=times[-WINDOW:].tolist(),
        y=np.linalg.norm(unit(path) - unit(v)[:, None], axis=2)[:, -WINDOW:],
        absolute=0.05,
        rival=Rival("one over the square of $\\log t$", -2.0),
    )
    apart = np.linalg.norm(measured["descent"] - measured["beside"], axis=1)
    along = unit(v) * np.linalg.norm(measured["beside"], axis=1, keepdims=True)
    yield AtMost(
        "distance of gradient descent from the flow, over that of the flow from the largest margin",
        bound=0.25,
        replicates=apart / np.linalg.norm(measured["beside"] - along, axis=1),
        rival=Rival("as far", 1.0),
    )
    figure = bench.figure(
        "margin",
        title="How much of the largest margin is missing",
        x="$\\log t$",
        y="missing share of the margin",
        x_scale="log",
        y_scale="log",
        caption=f"Medians and quartiles of {sets} sets of examples. Gradient descent: {steps} steps. The mean "
        "of the examples and least squares are no descents: they stay.",
    )

    def quartiles(values: Array) -> tuple[Array, Array]:
        low, middle, high = np.quantile(values, (0.25, 0.5, 0.75), axis=0)
        return middle, np.stack([middle - low, high - middle])

    middle, errors = quartiles(lacking)
    figure.points(times, middle, "gradient flow", errors=errors)
    own = missing(measured["descent"], np.einsum("ki,kei->ke", measured["descent"], examples))
    middle, errors = quartiles(own[:, None])
    figure.points([np.median(measured["clock"])], middle, "gradient descent", errors=errors)
    figure.line(times[3:], np.median(constant) / times[3:], "the limit over log t")
    for other, name in ((mean, "mean of the examples"), (squares, "least squares")):
        stays = np.median(missing(other, np.einsum("ki,kei->ke", other, examples)))
        figure.line(times[[0, -1]], [stays, stays], name)
