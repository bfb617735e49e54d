"""Strings of beads between small networks: connected below a level, not only at samples of the string."""

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

import numerics
from verify import Agrees, Bounds, Comparison, Proportion, Rival, Source, Verdict, Workbench, claim
from verify.bibliography import FREEMAN_BRUNA_2017
from verify.lectures.connectivity import SUMMARY

Array = NDArray[np.float64]

TARGETS: Final = {"quadratic": 2, "cubic": 3}
LEVELS: Final = (0.03, 0.01, 0.003)
EVERY: Final = (0.03, 0.01)
"""Levels at which every pair is claimed to be joined; below, a search gives up now and then."""

ALLOWED: Final = 1e-6
"""How far above the level a string may go, relative to it."""

FAR: Final = 0.2
"""How far apart two networks are at least: their squared distance over the sum of their squared lengths."""

EXAMPLES: Final = 33
PAIRS: Final = 8


def strings(seed: int, pairs: int) -> dict[str, Array]:
    """Lay strings between trained networks at every level, and bound the loss on them and on straight lines.

    Returns:
        For each target and level, by name and number, of each pair: by how much the bound on its ``string`` and the
        largest loss found on its ``line`` exceed the level, relative to it, the former infinite where the search gave
        up; ``missed``, how far the ends of the string are from the two networks, in the parameter that differs
        most, and how far these are ``apart``; their squared distance over the sum of their squared lengths, ``far``;
        ``beads``; ``stretch``, the length over the distance of the ends. NaN where an end lies above the level.
    """
    import torch

    network, loss = numerics.Mlp((1, 4, 4, 1), "sigmoid", bias=True), numerics.SquaredError()
    x = torch.linspace(0, 1, EXAMPLES, dtype=torch.float64)[:, None]
    y = torch.stack([x**power for power in TARGETS.values() for _ in range(pairs)])  # one set of targets per pair
    start = network.init(range(seed, seed + 2 * len(y)), sigma_w=2.0, sigma_b=1.0)
    theta = numerics.adam(network, start, x, y.repeat_interleave(2, dim=0), loss, learning_rate=0.03, steps=1500).theta
    line = numerics.connect(network, theta[::2], theta[1::2], x, y, loss, method="line")
    found: dict[str, Array] = {}
    for number, level in enumerate(LEVELS):
        fits = line.ends.amax(dim=1) <= level
        method = numerics.DynamicString(level=level, steps=1000, learning_rate=0.02)
        string = numerics.connect(network, theta[::2][fits], theta[1::2][fits], x, y[fits], loss, method=method)
        two = torch.stack([theta[::2][fits], theta[1::2][fits]], dim=1)
        ceiling = numerics.loss_ceiling(string, level=(1 + ALLOWED) * level, halvings=12).loss
        row = {
            "string": (ceiling / level - 1).clamp(min=0.0),
            "missed": (string.at([0.0, 1.0]) - two).abs().amax(dim=(1, 2)),
            "apart": two.diff(dim=1).abs().amax(dim=(1, 2)),
            "far": two.diff(dim=1).square().sum(dim=(1, 2)) / two.square().sum(dim=(1, 2)),
            "line": (line.peak.loss[fits] / level - 1).clamp(min=0.0),
            "beads": string.bends.double(),
            "stretch": string.length / string.distance,
        }
        for kind, values in row.items():
            whole = np.full(len(y), np.nan)
            whole[fits.numpy()] = values.numpy()
            for name, part in zip(TARGETS, np.split(whole, len(TARGETS)), strict=True):
                found[f"{name} {kind} {number}"] = part
    return found


@claim(
    "level-sets.strings",
    title="Pairs of small trained networks are joined below low levels, by strings of beads",
    source=Source(FREEMAN_BRUNA_2017, "section 3, dynamic string sampling; section 4, polynomial regressions", SUMMARY),
    assumptions=(
        f"networks of widths 1-4-4-1 with sigmoid units and biases learn $x^2$ or $x^3$ on {EXAMPLES} equally spaced "
        "points of $[0, 1]$; the loss is the mean squared error; both ends of a pair are trained by 1500 steps of Adam "
        "from independent starts, and a pair counts at a level if both lie below it, as nearly all do",
        "beads are put in where the loss on a piece is largest at 50 points; that the loss stays below the level "
        "between these points too is then shown by intervals and bisection, up to the rounding of the operations, some "
        "$10^{-13}$ of the loss",
        "levels are those named; nothing is said of lower ones, and a search that gives up shows nothing: at the "
        "lowest level some 1 in 300 do so",
    ),
    expects={Verdict.SUPPORTED},
)
def strings_of_beads(bench: Workbench) -> Iterator[Comparison]:
    r"""For pairs of independently trained networks a polygon of a few straight pieces joins the two on which the loss
    stays below the level $L_0$, for every pair at $L_0 = 0.03$ and $0.01$: the two lie in one component of
    $\{L \le L_0\}$. (A constant has a loss of $0.09$ or $0.08$.) They are far apart, and straight lines between them go
    above these levels. In samples large enough to tell, from the standard profile on, it is more than three of four
    pairs at $0.003$ as well.
    """
    batches = bench.size(quick=1, standard=4, full=16)
    pairs = bench.size(quick=4, standard=PAIRS, full=PAIRS)
    items = [{"seed": seed >> 2, "pairs": pairs} for seed in bench.seeds("networks", batches)]
    results = bench.map("strings", strings, items)
    found = {key: np.concatenate([result[key] for result in results]) for key in results[0]}
    for name in TARGETS:
        for number, level in enumerate(EVERY):
            string, line = (found[f"{name} {kind} {number}"] for kind in ("string", "line"))
            fits = np.isfinite(line)
            yield Agrees(
                f"bound on the loss of a string above the level {level}, relative to it, {name} target",
                measured=string[fits],
                predicted=0,
                tolerance=ALLOWED,
                reason="what is allowed above the level",
                rival=Rival("as on the straight line", line[fits]),
            )
    missed, apart, far = (
        np.concatenate([found[f"{name} {kind} {number}"] for name in TARGETS for number in range(len(LEVELS))])
        for kind in ("missed", "apart", "far")
    )
    fits = np.isfinite(apart)
    yield Agrees(
        "distance of the ends of a string from the two networks, in any parameter",
        measured=missed[fits],
        predicted=0,
        tolerance=0,
        reason="ends are kept bit for bit",
        rival=Rival("the string comes back to where it begins", apart[fits]),
    )
    yield Bounds(
        "squared distance of the two networks, over the sum of their squared lengths: 1 at a right angle",
        smaller=np.full(int(fits.sum()), FAR),
        larger=far[fits],
        tolerance=0.01,
        reason="how far is far is a matter of choice",
        rival=Rival("one network twice", 0.0),
    )
    lowest = np.concatenate([found[f"{name} string {len(LEVELS) - 1}"] for name in TARGETS])
    fits = np.isfinite(lowest)
    yield Proportion(
        f"pairs joined below the level {LEVELS[-1]}, both targets",
        successes=int((lowest[fits] <= ALLOWED).sum()),
        trials=int(fits.sum()),
        within=(0.75, 1),
        rival=Rival("half of them", (0, 0.5)),
        decided_from="standard",
    )
    for kind, title, y, caption in (
        ("beads", "Beads of a string", "beads", "A string without beads is the straight line."),
        (
            "stretch",
            "What a string adds to the distance of its ends",
            "percent longer than the straight line",
            "How long a string gets is what the search makes of it, not the least that is possible.",
        ),
    ):
        figure = bench.figure(
            "strings" if kind == "beads" else "lengths",
            title=title,
            x="level of the mean squared error",
            y=y,
            caption=f"Means of {batches * pairs} pairs, and their standard errors. {caption}",
            x_scale="log",
        )
        for name in TARGETS:
            rows = np.stack([found[f"{name} {kind} {number}"] for number in range(len(LEVELS))])
            rows = 100 * (rows - 1) if kind == "stretch" else rows
            errors = np.nanstd(rows, axis=1) / np.sqrt(np.isfinite(rows).sum(axis=1))
            figure.points(LEVELS, np.nanmean(rows, axis=1), f"{name} target", errors=errors)
