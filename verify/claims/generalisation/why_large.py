"""How often training from scratch reaches what a small network can represent, by the width of what is trained."""

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

import numerics
from verify import AtMost, Comparison, Ordering, Rival, Source, Verdict, Workbench, claim
from verify.bibliography import LIVNI_2014
from verify.lectures.generalisation import QUESTION

Array = NDArray[np.float64]

INPUTS: Final = 8
UNITS: Final = 4
"""Of the small network that makes the targets."""

WIDTHS: Final = (UNITS, 2 * UNITS, 4 * UNITS)
EXAMPLES: Final = 64
TARGET: Final = 1e-3
"""Mean squared error, of targets with the mean square 1."""

LEARNING_RATE: Final = 0.02
PATIENCE: Final = 4
"""So many times the steps for the small width: as many products as for the largest one."""


def arrivals(seed: int, teachers: int, runs: int, steps: int, device: str) -> dict[str, Array]:
    """Train networks of several widths on targets that a small one makes, each from random weights.

    Args:
        seed: Of the small networks, the inputs and the starts.
        teachers: How many small networks, each with inputs of its own.
        runs: Starts for each of them and each width.
        steps: Of Adam.
        device: Where.

    Returns:
        One row per small network: "shares", the share of runs that come down to ``TARGET``, "medians" of the losses
        at the end, one column per width each; "patient", the share for the smallest width after ``PATIENCE`` times the
        steps.
    """
    import torch

    seeds = range(seed, seed + teachers)
    small = numerics.Mlp((INPUTS, UNITS, 1), "relu")
    loss = numerics.SquaredError()
    x, _ = numerics.gaussian_memorisation(inputs=INPUTS, outputs=1, samples=EXAMPLES, seeds=seeds, device=device)
    teacher = small.init(seeds, sigma_w=2**0.5, device=device)
    scale = small.forward(teacher, x).square().mean(dim=(1, 2)).sqrt()
    start, middle, _ = small.spans[-1]
    teacher[:, start:middle] /= scale[:, None]
    y = small.forward(teacher, x)
    many_x, many_y = (each.repeat_interleave(runs, dim=0) for each in (x, y))
    starts = range(seed + teachers, seed + teachers * (runs + 1))  # others than those of the small networks
    ends = []
    for width in WIDTHS:
        network = numerics.Mlp((INPUTS, width, 1), "relu")
        theta = network.init(starts, sigma_w=2**0.5, device=device)
        longest = PATIENCE * steps if width == UNITS else steps
        ended = numerics.adam(
            network,
            theta,
            many_x,
            many_y,
            loss,
            learning_rate=LEARNING_RATE,
            steps=longest,
            record_at=(steps, longest),
        )
        reached = [loss.value(network.forward(point, many_x), many_y) for point in ended.trajectory]
        ends.append(reached[0].reshape(teachers, runs))
        if width == UNITS:
            patient = reached[-1].reshape(teachers, runs)
    found_ends = torch.stack(ends, dim=1)
    found = {
        "shares": (found_ends <= TARGET).to(x).mean(-1),
        "patient": (patient <= TARGET).to(x).mean(-1),
        "medians": found_ends.median(-1).values,
    }
    return {name: value.cpu().numpy() for name, value in found.items()}


@claim(
    "generalisation.why-large",
    title="A small network is good enough, but training from scratch reaches the target more often with a larger one",
    source=Source(LIVNI_2014, "on over-specified networks", QUESTION),
    assumptions=(
        f"targets made by a network with {INPUTS} normal inputs and {UNITS} hidden ReLU units, at {EXAMPLES} inputs; "
        "weights of it and of the starts are $N(0, 2/\\text{fan-in})$",
        f"trained: one hidden layer of {', '.join(map(str, WIDTHS))} ReLU units, 1000 steps of Adam at the rate 0.02",
        f"the target is a mean squared error of {TARGET:g}, of targets with the mean square 1",
    ),
    expects={Verdict.SUPPORTED},
    decided_from="standard",
)
def why_large(bench: Workbench) -> Iterator[Comparison]:
    r"""If a small network is good enough, why are we using a large one? Because it has to be found. Targets are made by
    a network of four hidden units, so that such a network has no loss. From random weights a network of just that width
    comes down to a thousandth less often than a wider one, and one of four times the width in most runs: more often
    than the small one with four times the steps, which cost as much.
    """
    teachers = bench.size(quick=4, standard=20, full=20)
    runs = bench.size(quick=2, standard=10, full=50)
    steps = bench.size(quick=20, standard=1000, full=1000)
    batches = bench.size(quick=1, standard=1, full=5)
    items = [
        {"seed": seed, "teachers": teachers, "runs": runs, "steps": steps, "device": bench.device}
        for seed in bench.seeds("teachers", batches)
    ]
    parts = bench.map("teachers", arrivals, items)
    found = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    shares = found["shares"]
    yield Ordering("share of runs that reach the target, by width", trend=shares, direction="increasing")
    yield Ordering(
        "share of runs that reach the target: the small width against four times it",
        lower=shares[:, 0],
        higher=shares[:, -1],
    )
    yield Ordering(
        "share of runs that reach the target: the small width with four times the steps against four times the width",
        lower=found["patient"],
        higher=shares[:, -1],
    )
    yield AtMost(
        "loss at the end with four times the width, median of the runs",
        bound=TARGET,
        replicates=found["medians"][:, -1],
        rival=Rival("ten times that", 10 * TARGET),
    )
    figure = bench.figure(
        "shares",
        title="How often training from scratch arrives",
        x="hidden units",
        y="share of runs that reach the target",
        x_limits=(0, WIDTHS[-1] + 2),
        y_limits=(0, 1.05),
        caption=f"Targets of {len(shares)} networks of {UNITS} hidden units, {runs} starts for each and each width; "
        "bars: two standard errors.",
    )
    errors = 2 * shares.std(axis=0, ddof=1) / len(shares) ** 0.5
    figure.points(WIDTHS, shares.mean(axis=0), "from random weights", errors=errors)
    patient = found["patient"]
    error = 2 * patient.std(ddof=1) / len(patient) ** 0.5
    figure.points([UNITS], [patient.mean()], "with four times the steps", errors=[error])
