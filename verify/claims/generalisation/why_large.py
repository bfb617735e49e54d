"""How often training from scratch finds the function of a small network, by the width of what is trained."""

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

import numerics
from verify import AtLeast, Comparison, Ordering, Proportion, Rival, Source, Verdict, Workbench, claim
from verify.bibliography import LIVNI_2014
from verify.lectures.generalisation import QUESTION

Array = NDArray[np.float64]

INPUTS: Final = 8
UNITS: Final = 8
"""Of the small network that makes the targets."""

WIDTHS: Final = (UNITS, 2 * UNITS, 4 * UNITS)
EXAMPLES: Final = 1000
"""For training, three times as many as the widest network has weights; as many others are for testing."""

TARGET: Final = 1e-3
"""Mean squared error, of targets with the mean square 1."""

LEARNING_RATE: Final = 0.02
PATIENCE: Final = 2
"""So many times the steps for the small width: as many products as for twice the width."""

PART: Final = 10
"""Small networks in one batch."""


def arrivals(seed: int, teachers: int, width: int, steps: int, longer: int, device: str) -> dict[str, Array]:
    """Train networks of one width on examples of small ones, each from random weights, and test them on others.

    Args:
        seed: Of the small networks, the inputs and the starts.
        teachers: How many small networks, each with inputs and a start of its own.
        width: Hidden units.
        steps: Of Adam.
        longer: More steps, or as many.
        device: Where.

    Returns:
        Errors on new inputs, one per small network: after so many steps as "early" and as "late".
    """
    x, y, starts = _tasks(seed, teachers, device)
    errors = _errors(width, starts, x, y, sorted({steps, longer}), slice(EXAMPLES, None))
    return {"early": errors[0].cpu().numpy(), "late": errors[-1].cpu().numpy()}


def memorised(seed: int, teachers: int, steps: int, device: str) -> dict[str, Array]:
    """Train the widest network on the same examples with the targets of every task in another order.

    Args:
        seed: As for ``arrivals``.
        teachers: As there.
        steps: As there.
        device: Where.

    Returns:
        "errors" on the examples that it was trained on.
    """
    import torch

    x, y, starts = _tasks(seed, teachers, device)
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(EXAMPLES, generator=generator).to(y.device)
    shuffled = torch.cat([y[:, order], y[:, EXAMPLES:]], dim=1)
    (errors,) = _errors(WIDTHS[-1], starts, x, shuffled, [steps], slice(EXAMPLES))
    return {"errors": errors.cpu().numpy()}


def _tasks(seed: int, teachers: int, device: str) -> tuple[Any, Any, range]:
    """Inputs and targets for training and, behind them, for testing; seeds of the starts, other than the teachers'."""
    import torch

    seeds = range(seed, seed + teachers)
    small = numerics.Mlp((INPUTS, UNITS, 1), "relu")
    x, _ = numerics.gaussian_memorisation(inputs=INPUTS, outputs=1, samples=2 * EXAMPLES, seeds=seeds, device=device)
    teacher = small.init(seeds, sigma_w=2**0.5, device=device)
    scale = small.forward(teacher, x).square().mean(dim=(1, 2)).sqrt()
    start, end, _ = small.spans[-1]
    teacher[:, start:end] /= scale[:, None]
    y = small.forward(teacher, x)
    return x.to(torch.float32), y.to(torch.float32), range(seed + teachers, seed + 2 * teachers)


def _errors(width: int, starts: range, x: Any, y: Any, marks: list[int], judged: slice) -> list[Any]:
    """Errors on some of the examples after so many steps of training on the first ones."""
    import torch

    network, loss = numerics.Mlp((INPUTS, width, 1), "relu"), numerics.SquaredError()
    theta = network.init(starts, sigma_w=2**0.5, dtype=torch.float32, device=x.device)
    seen, known = x[:, :EXAMPLES].contiguous(), y[:, :EXAMPLES].contiguous()
    ended = numerics.adam(
        network, theta, seen, known, loss, learning_rate=LEARNING_RATE, steps=marks[-1], record_at=marks
    )
    return [loss.value(network.forward(point, x[:, judged]), y[:, judged]).double() for point in ended.trajectory]


@claim(
    "generalisation.why-large",
    title="A small network is good enough, but training from scratch finds it more often with a larger one",
    source=Source(LIVNI_2014, "on over-specified networks", QUESTION),
    assumptions=(
        f"targets made by networks with {INPUTS} normal inputs and {UNITS} hidden ReLU units; weights of them and of "
        "the starts are $N(0, 2/\\text{fan-in})$",
        f"trained: one hidden layer of {', '.join(map(str, WIDTHS))} ReLU units, 2000 steps of Adam at the rate 0.02 "
        f"with {EXAMPLES} examples at once, more than the widest network has weights, {WIDTHS[-1] * (INPUTS + 1)}",
        f"found: on {EXAMPLES} new inputs the mean squared error is at most {TARGET:g}, of targets with the mean "
        "square 1",
    ),
    expects={Verdict.SUPPORTED},
    decided_from="standard",
)
def why_large(bench: Workbench) -> Iterator[Comparison]:
    r"""If a small network is good enough, why are we using a large one? Because it has to be found. Targets are made by
    a network of eight hidden units, so that such a network has no error. From random weights a network of just that
    width comes down to a thousandth on new inputs less often than one of twice the width, even with twice the steps,
    which cost as much; one of four times the width does in most cases.

    This is no memorisation: it is judged on inputs that were not trained on, and with the same targets in another order
    the widest network does not come down on its own examples either.
    """
    teachers = bench.size(quick=2, standard=PART, full=PART)
    steps = bench.size(quick=4, standard=2000, full=2000)
    sizes = {"teachers": teachers, "steps": steps, "device": bench.device}
    found = {}
    for width in WIDTHS:
        widest = width == WIDTHS[-1]
        batches = bench.size(quick=1, standard=4 if widest else 11, full=20 if widest else 40)
        longer = PATIENCE * steps if width == UNITS else steps
        items = [{"seed": seed, **sizes, "width": width, "longer": longer} for seed in bench.seeds("teachers", batches)]
        parts = bench.map("teachers", arrivals, items)
        found[width] = {name: np.concatenate([part[name] for part in parts]) <= TARGET for name in ("early", "late")}
    small, double, wide = (found[width]["early"] for width in WIDTHS)
    patient = found[UNITS]["late"]
    for name, other in (("", small), (" with twice the steps", patient)):
        one = other != double
        yield Ordering(
            f"{WIDTHS[1]} units find the function and {UNITS}{name} do not, among cases where one of both does",
            lower=other[one].astype(np.float64),
            higher=double[one].astype(np.float64),
        )
    yield Proportion(
        f"functions that are found with {WIDTHS[-1]} units",
        successes=int(np.count_nonzero(wide)),
        trials=len(wide),
        within=(0.5, 1),
        rival=Rival("in a quarter of the cases", 0.25),
    )
    items = [{"seed": seed, **sizes} for seed in bench.seeds("teachers", 2)]
    shuffled = bench.map("shuffled", memorised, items)
    errors = np.concatenate([part["errors"] for part in shuffled])
    yield AtLeast(
        f"error of {WIDTHS[-1]} units on their own examples, targets in another order",
        bound=100 * TARGET,
        replicates=errors,
        rival=Rival("memorisation: down to the target", TARGET),
    )
    figure = bench.figure(
        "shares",
        title="How often training from scratch finds the function of a small network",
        x="hidden units",
        y="share of cases with the target reached on new inputs",
        x_limits=(0, WIDTHS[-1] + 4),
        y_limits=(0, 1.05),
        caption=f"Targets of {len(small)} networks of {UNITS} hidden units, for {WIDTHS[-1]} units of {len(wide)}, one "
        "start for each and each width; bars: two standard errors.",
    )

    for name, widths, columns in (
        ("from random weights", WIDTHS, (small, double, wide)),
        ("with twice the steps", (UNITS,), (patient,)),
    ):
        shares = np.array([column.mean() for column in columns])
        errors = np.array([2 * column.std() / len(column) ** 0.5 for column in columns])
        figure.points(widths, shares, name, errors=errors)
