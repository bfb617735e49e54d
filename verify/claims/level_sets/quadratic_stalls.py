"""Gradient descent of quadratic units stops on plateaus, though a path that never rises leads on."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

import theory
from verify import Agrees, Comparison, Identity, Proportion, Rival, Source, Verdict, Workbench, claim
from verify.bibliography import VENTURI_BANDEIRA_BRUNA_2019
from verify.claims.level_sets.unbroken import unbroken, whole_paths
from verify.lectures.level_sets import LEVEL_SETS

Array = NDArray[np.float64]

TARGET = np.diag([2.0, -1.0])
PLATEAUS = (8 / 3, 32 / 3)
"""The least losses with all outer weights positive, and with all negative."""
WIDTHS = (2, 3, 4, 5)
TRIED = (2, 4)
TOLERANCE = 1e-6
ROUNDING = 1e-13
PATHS_FROM = 10


def descended(seed: int, count: int, units: int, steps: int, large: bool) -> dict[str, Array]:
    """Gradient descent from random starts on two inputs: parameters at the end, losses, and what kind of end it is.

    Weights are independent standard normal numbers; if ``large``, outer weights are replaced by their moduli plus the
    lengths of the weights of their units. Each step is the gradient over a bound on the curvature. "plateau" marks
    ends at the level of a plateau, with all outer weights of its sign; "global" ends of loss 0.
    """
    source = np.random.default_rng(seed)
    outer, weights = source.normal(size=(count, units)), source.normal(size=(count, units, 2))
    if large:
        outer = abs(outer) + np.linalg.norm(weights, axis=2)
    for _ in range(steps):
        _, by_matrix = loss_and_derivative(outer, weights)
        pulled = weights @ by_matrix
        squares = (weights**2).sum(axis=2)
        bound = 2 * np.linalg.norm(by_matrix, axis=(1, 2)) * (abs(outer).max(axis=1) + np.sqrt(squares.max(axis=1)))
        bound += 6 * (squares * (squares + 4 * outer**2)).sum(axis=1)
        rate = 1 / np.maximum(bound, TOLERANCE)
        moved = weights - (2 * rate[:, None] * outer)[:, :, None] * pulled
        outer, weights = outer - rate[:, None] * (weights * pulled).sum(axis=2), moved
    losses, _ = loss_and_derivative(outer, weights)
    low, high = PLATEAUS
    stalled = (abs(losses - low) < TOLERANCE) & (outer > 0).all(axis=1)
    stalled |= (abs(losses - high) < TOLERANCE) & (outer < 0).all(axis=1)
    return {
        "parameters": np.concatenate([weights.reshape(count, 2 * units), outer], axis=1),
        "losses": losses,
        "plateau": stalled.astype(np.float64),
        "global": (losses < TOLERANCE).astype(np.float64),
    }


def loss_and_derivative(outer: Array, weights: Array) -> tuple[Array, Array]:
    """E (x'(A - T) x)^2 for standard normal inputs, and its derivative by A.

    Args:
        outer: Shape (count, p).
        weights: Shape (count, p, 2).
    """
    gap = np.swapaxes(weights * outer[:, :, None], 1, 2) @ weights - TARGET
    trace = np.trace(gap, axis1=1, axis2=2)
    return 2 * (gap**2).sum(axis=(1, 2)) + trace**2, 4 * gap + 2 * trace[:, None, None] * np.eye(2)


def _losses(parameters: Array) -> Array:
    units = parameters.shape[1] // 3
    return loss_and_derivative(parameters[:, 2 * units :], parameters[:, : 2 * units].reshape(-1, units, 2))[0]


@claim(
    "level-sets.descent-stalls",
    title="Gradient descent of quadratic units may stop on plateaus, from which a path that never rises leads on",
    source=Source(VENTURI_BANDEIRA_BRUNA_2019, "on spurious valleys, which do not exclude plateaus", LEVEL_SETS),
    assumptions=(
        "the outputs are $\\sum_j u_j (w_j \\cdot x)^2$ with $p$ units on $n$ inputs of the standard normal law; the "
        "loss is $E (x^T (A - T) x)^2$ with $T = \\operatorname{diag}(2, \\dots, 2, -1)$",
        "the exact level is that of gradient flow, the limit of small steps; measured is gradient descent on two "
        "inputs, each step the gradient over a bound on the curvature",
    ),
    expects={Verdict.SUPPORTED},
)
def descent_stalls(bench: Workbench) -> Iterator[Comparison]:
    r"""With $p \ge n + 1$ quadratic units all sublevel sets are connected, and yet gradient descent may stop far above
    the global minimum, at every width. If all $u_j > 0$ and $2 u_j^2 > |w_j|^2$ at the start, gradient flow keeps
    $2 u_j^2 - |w_j|^2$ and so the signs of all $u_j$; the loss cannot fall below

    $$2 + \frac{2}{n + 1},$$

    the least of networks with positive $u_j$. Where it stops, units with $w_j = 0$ may change $u_j$ at no cost: a local
    minimum that is neither strict nor global. The constructed path from there never rises and ends at loss 0.

    Of random starts on two inputs fewer stop with four units, less than 4 %, than with two, 5 % to a half. (With four
    units quick runs draw too few of them to tell.)
    """
    derivation = theory.plateau_of_quadratic_units()
    (n,) = derivation.value.free_symbols
    yield Identity(
        "the level at which gradient flow stops with positive outer weights that are large enough",
        derivation=derivation,
        claimed=2 + 2 / (n + 1),
        rival=Rival("zero: no level is disconnected, so descent arrives", 0 * n),
    )
    steps = bench.size(quick=700, standard=2500, full=4000)
    seen = []
    for units in (5, 20):
        (seed,) = bench.seeds(f"large {units}", 1)
        item = {"seed": seed, "count": bench.size(quick=40, standard=200, full=1000), "units": units}
        (found,) = bench.map(f"large {units}", descended, [item | {"steps": steps, "large": True}])
        yield Agrees(
            f"loss at which {units} units stop on two inputs, all $2 u_j^2 > |w_j|^2$ and $u_j > 0$ at the start",
            measured=found["losses"],
            predicted=float(derivation.at(n=2)),
            tolerance=TOLERANCE,
            reason="what is left to descend after so many steps",
            rival=Rival("the global minimum, 0", 0.0),
        )
        ends = found["parameters"][:PATHS_FROM]
        paths = [theory.quadratic_descent(end, TARGET, 2) for end in ends]
        samples = [path.sample(4) for path in paths]
        rises = [_rise(_losses(each)) for each in samples]
        shares = np.linspace(0, 1, 33)[:, None]
        lines = [_rise(_losses((1 - shares) * path.start + shares * _negated(path.end))) for path in paths]
        yield Agrees(
            f"rise on the constructed path from where {units} units stopped, over max(1, loss)",
            measured=rises,
            predicted=0,
            tolerance=ROUNDING,
            reason="rounding in sums of products of weights",
            rival=Rival("as on a straight line to an end that computes the same", lines),
        )
        yield Agrees(
            f"loss at the end of that path from where {units} units stopped",
            measured=_losses(np.array([path.end for path in paths])),
            predicted=0,
            tolerance=ROUNDING,
            reason="rounding",
            rival=Rival("that of the plateau", PLATEAUS[0]),
        )
        walked = [unbroken(path, places, end, path.end) for path, places, end in zip(paths, samples, ends, strict=True)]
        seen.append({name: np.array([each[name] for each in walked]) for name in walked[0]})
    yield from whole_paths(seen)
    trials = bench.size(quick=200, standard=4000, full=20_000)
    stopped: dict[int, int] = {}
    for units in bench.size(quick=TRIED, standard=WIDTHS, full=WIDTHS):
        (seed,) = bench.seeds(f"random {units}", 1)
        item = {"seed": seed, "count": trials, "units": units, "steps": steps, "large": False}
        (found,) = bench.map(f"random {units}", descended, [item])
        stopped[units] = int(found["plateau"].sum())
    yield Proportion(
        "share of random starts from which two units stop on a plateau, on two inputs",
        successes=stopped[TRIED[0]],
        trials=trials,
        within=(0.05, 0.5),
        rival=Rival("none: descent arrives, as there is no spurious valley at p = n", 0.0),
    )
    yield Proportion(
        "share of random starts from which four units stop on a plateau, on two inputs",
        successes=stopped[TRIED[1]],
        trials=trials,
        within=(0.002, 0.04),
        rival=Rival("none: descent arrives, as all sublevel sets are connected", 0.0),
        decided_from="standard",
    )
    figure = bench.figure(
        "share",
        title="Random starts from which gradient descent stops on a plateau, two inputs",
        x="units p",
        y="share of starts",
        y_scale="log",
        caption="Weights are standard normal at the start. From two units on there is no spurious valley, from three "
        "on all sublevel sets are connected. Bars are two standard errors of the count. The line is the chance that "
        "all $u_j > 0$ and $2 u_j^2 > |w_j|^2$, or all $u_j < 0$, at the start: those must stop. Where none stopped, "
        "an upper limit is drawn: 3 over the number of starts, at 95 %.",
    )
    widths = [units for units, count in stopped.items() if count]
    shares_found = np.array([stopped[units] / trials for units in widths])
    errors = 2 * np.sqrt(shares_found * (1 - shares_found) / trials)
    figure.points(widths, shares_found, "measured", errors=np.minimum(errors, 0.9 * shares_found))
    none = [units for units, count in stopped.items() if not count]
    if none:
        figure.points(none, [3 / trials] * len(none), "none stopped: upper limit")
    trapped = (1 - 1 / np.sqrt(3)) / 2  # |w|^2 exceeds 2 u^2 with the chance E exp(-u^2) = 1/sqrt 3
    figure.line(list(stopped), [2 * trapped**units for units in stopped], "chance of a start that must stop")


def _rise(losses: Array) -> float:
    """The largest step up, over max(1, the first loss)."""
    return float(max(0.0, np.diff(losses).max()) / max(1.0, losses[0]))


def _negated(parameter: Array) -> Array:
    """The parameter with the weights of all units negated, which computes the same."""
    units = len(parameter) // 3
    return np.concatenate([-parameter[: 2 * units], parameter[2 * units :]])
