"""Which of the many fits of an over-parameterised model gradient descent, and SGD, end at."""

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

import theory
from verify import Agrees, AtLeast, AtMost, Comparison, Identity, Ordering, Rival, Source, Verdict, Workbench, claim
from verify.bibliography import WU_ZHU_E_2017, ZHANG_2017
from verify.claims.generalisation.poisoned_digits import BATCH, HIDDEN, LOSS, POISON, TOGETHER, TRAINING, poisoned_fits
from verify.lectures.generalisation import DOUBLE_DESCENT

Array = NDArray[np.float64]

EXAMPLES: Final = 16
INPUTS: Final = 96
NOISE: Final = 0.25
STEPS: Final = 200
"""Of gradient descent."""

SINGLE_STEPS: Final = 1000
"""Of SGD with one example at a time."""

TOLERANCE: Final = 1e-6
"""Of a coordinate of the end; the largest one is about 0.3."""


def ends(seed: int, draws: int) -> dict[str, Array]:
    """Descend on the squared error of linear regressions with more inputs than examples, from zero and from elsewhere.

    Inputs are standard normal, the true parameter and the other start have independent random directions and norm 1.
    Gradient descent takes the step 1 over the largest eigenvalue, SGD 1 over the squared norm of the one example that
    it draws.

    Args:
        seed: Of the draws.
        draws: How many regressions.

    Returns:
        One row per regression: "descent" and "sgd", the ends from zero, "elsewhere", the end from the other start,
        "least", the interpolator of least norm, by the pseudo-inverse, "kept", the part of the other start that no
        example depends on, and "truth".
    """
    import torch

    generator = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(draws, *shape, generator=generator, dtype=torch.float64)

    x = normal(EXAMPLES, INPUTS)
    truth, start = normal(INPUTS, 2).unbind(dim=2)
    truth, start = (each[:, :, None] / each.norm(dim=1)[:, None, None] for each in (truth, start))
    y = x @ truth + NOISE * normal(EXAMPLES, 1)
    inverse = torch.linalg.pinv(x)
    rate = 1 / torch.linalg.matrix_norm(x, 2).square()[:, None, None]
    both = torch.cat([torch.zeros_like(start), start], dim=2)
    for _ in range(STEPS):
        both = both + rate * (x.mT @ (y - x @ both))
    single = torch.zeros(draws, INPUTS, dtype=torch.float64)
    squares, every = x.square().sum(dim=2), torch.arange(draws)
    order = torch.randint(EXAMPLES, (SINGLE_STEPS, draws), generator=generator)
    for chosen in order:
        row = x[every, chosen]
        error = y[every, chosen, 0] - (row * single).sum(dim=1)
        single = single + (error / squares[every, chosen])[:, None] * row
    found = {
        "descent": both[:, :, 0],
        "sgd": single,
        "elsewhere": both[:, :, 1],
        "least": (inverse @ y)[:, :, 0],
        "kept": (start - inverse @ (x @ start))[:, :, 0],
        "truth": truth[:, :, 0],
    }
    return {name: value.numpy() for name, value in found.items()}


@claim(
    "generalisation.implicit-bias",
    title="Of many perfect fits descent finds that of least norm in linear regression, and a good one on digits",
    source=Source(ZHANG_2017, "section 5, on linear models", DOUBLE_DESCENT),
    assumptions=(
        "linear regression with the squared error, more inputs than examples, inputs of full row rank",
        "gradient descent on half of the squared error, with steps along $X^T (y - X b)$, at a rate less than 2 over "
        "the largest eigenvalue of $X X^T$",
        f"measured on {EXAMPLES} examples with {INPUTS} standard normal inputs, a true parameter of norm 1 and noise "
        "of standard deviation 1/4; SGD takes one example at a time, drawn at random, with the step "
        "$1/|x_i|^2$",
        f"digits of 8 by 8 pixels: {TRAINING} images that all fits share, and beside them others with wrong labels, as "
        f"{WU_ZHU_E_2017}, arXiv:{WU_ZHU_E_2017.arxiv}, did; {HIDDEN} hidden ReLU units, SGD with batches of {BATCH} "
        f"at the rate 0.1 with momentum 0.9, from the same start to the mean cross-entropy {LOSS:.4f} over what each "
        "has",
        "each set of fits has a start and images of its own, drawn from the same 1797 digits, which are one sample",
        "distances and curvatures are compared where the loss on the shared images is the same: the fits without wrong "
        "labels go on to it, since fitting wrong labels as well takes it lower, and with the loss goes the curvature",
    ),
    expects={Verdict.SUPPORTED},
)
def implicit_bias(bench: Workbench) -> Iterator[Comparison]:
    r"""In a linear regression with more inputs than examples many parameters fit all examples. Gradient descent from
    zero ends at the fit of least norm, $X^T (X X^T)^{-1} y$, because every step is $X^T$ times something; from another
    start it ends at that plus the part of the start on which no example depends. SGD from zero ends at the same fit.
    For one example $(a, b)$ with the target $y$ and the start $(u, v)$ the squared norm of the end is
    $(y^2 + (a v - b u)^2)/(a^2 + b^2)$.

    In most regressions the fit from zero has a smaller error on new data than that from a random start of the norm of
    the truth.

    A network with many more weights than examples fits images of digits without an error, and SGD comes to such fits
    that name most new images rightly. Not every fit does: those that SGD finds where it has to fit wrongly labelled
    images as well are as perfect on the same training images and much worse on new ones, the more so the more of
    those there were. They lie farther from the start. Where the loss on the shared images is the same, it is more
    curved around them in total: the trace of its Hessian is larger, at the median by a fifth and more. It is not in the
    sharpest direction: in most sets the largest eigenvalue grows by less than the trace, and it is even smaller
    than around the good fits. Wu, Zhu and E report that bad fits have the larger Hessian; whether these have depends on
    how it is measured.
    """
    from sympy import symbols

    a, b, u, v = symbols("a b u v", real=True)
    y = symbols("y", positive=True)
    yield Identity(
        "squared norm of the end, one example with two inputs",
        derivation=theory.least_norm_descent(),
        claimed=(y**2 + (a * v - b * u) ** 2) / (a**2 + b**2),
        rival=Rival("the least one from every start", y**2 / (a**2 + b**2)),
    )
    draws = bench.size(quick=60, standard=400, full=2000)
    (seed,) = bench.seeds("regressions", 1)
    (found,) = bench.map("regressions", ends, [{"seed": seed, "draws": draws}])
    least, kept, truth = found["least"], found["kept"], found["truth"]
    reason = "what is left of the residual after the last step"
    for name, label in (("descent", "gradient descent"), ("sgd", "SGD")):
        yield Agrees(
            f"where {label} from zero ends",
            measured=found[name],
            predicted=least,
            tolerance=TOLERANCE,
            reason=reason,
            rival=Rival("another fit: the least one plus what the other start keeps", least + kept),
        )
    yield Agrees(
        "where gradient descent from another start ends",
        measured=found["elsewhere"],
        predicted=least + kept,
        tolerance=TOLERANCE,
        reason=reason,
        rival=Rival("at the fit of least norm as well", least),
    )
    yield Ordering(
        "error on new data, from zero against from the other start",
        lower=np.linalg.norm(found["sgd"] - truth, axis=1),
        higher=np.linalg.norm(found["elsewhere"] - truth, axis=1),
    )
    yield from fits_of_digits(bench)


def fits_of_digits(bench: Workbench) -> Iterator[Comparison]:
    """Compare networks that are right on the same images, some of which had wrong labels to fit as well."""
    sets, batches = bench.size(quick=1, standard=TOGETHER, full=TOGETHER), bench.size(quick=1, standard=2, full=8)
    steps = bench.size(quick=10, standard=20000, full=20000)
    items = [
        {"seed": seed, "sets": sets, "steps": steps, "device": bench.device} for seed in bench.seeds("digits", batches)
    ]
    parts = bench.map("digits", poisoned_fits, items)
    found = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    accuracy = found["accuracy"]
    yield Agrees(
        f"how many of the {TRAINING} shared images each fit names rightly",
        measured=found["right"],
        predicted=float(TRAINING),
        tolerance=0,
        reason="a count",
        rival=Rival("one wrong", TRAINING - 1.0),
        decided_from="standard",
    )
    yield Agrees(
        "share of the wrongly labelled images that each fit gives their wrong label",
        measured=found["poison"],
        predicted=1.0,
        tolerance=0,
        reason="a count",
        rival=Rival("that of a guess", 0.1),
        decided_from="standard",
    )
    yield Ordering(
        "accuracy on new images, by the number of wrongly labelled ones",
        trend=accuracy,
        direction="decreasing",
        decided_from="standard",
    )
    yield AtLeast(
        "accuracy on new images, without wrong labels",
        bound=0.5,
        replicates=accuracy[:, 0],
        rival=Rival("that of a guess", 0.1),
        decided_from="standard",
    )
    yield AtLeast(
        "accuracy on new images without wrong labels, minus that with as many wrong as right",
        bound=0.1,
        replicates=accuracy[:, 0] - accuracy[:, -1],
        rival=Rival("none: all fits are alike", 0.0),
        decided_from="standard",
    )
    yield AtMost(
        "relative difference of the losses on the shared images where distances and curvatures are compared",
        bound=0.05,
        replicates=np.abs(found["loss"][:, 0] / found["loss"][:, 1] - 1),
        rival=Rival("a quarter, as where each has the same loss over all that it has", 0.25),
        decided_from="standard",
    )
    yield Ordering(
        "distance from the start, without wrong labels against with as many as right",
        lower=found["distance"][:, 0],
        higher=found["distance"][:, 1],
        decided_from="standard",
    )
    yield AtLeast(
        "trace of the Hessian on the shared images, with as many wrong labels over without, at the same loss",
        bound=1.2,
        replicates=found["trace"][:, 1] / found["trace"][:, 0],
        rival=Rival("as curved in total", 1.0),
        decided_from="standard",
    )
    with_poison = {name: found[name][:, 1] / found[name][:, 0] for name in ("largest", "trace")}
    yield Ordering(
        "with as many wrong labels over without, at the same loss: largest eigenvalue of the Hessian against its trace",
        lower=with_poison["largest"],
        higher=with_poison["trace"],
        decided_from="standard",
    )
    yield Ordering(
        "largest eigenvalue of the Hessian on the shared images, at the same loss: with as many wrong labels against "
        "without",
        lower=found["largest"][:, 1],
        higher=found["largest"][:, 0],
        decided_from="full",
    )
    figure = bench.figure(
        "poison",
        title="Fits that are perfect on the same images",
        x="wrongly labelled images for each rightly labelled one",
        y="accuracy",
        x_limits=(-0.05, 1.05),
        y_limits=(0, 1.05),
        caption=f"Means over {len(accuracy)} sets of {TRAINING} shared images of digits; bars: two standard errors.",
    )
    shares = np.array(POISON) / TRAINING
    for values, label in ((found["right"] / TRAINING, "shared images"), (accuracy, "new images")):
        errors = 2 * values.std(axis=0, ddof=1) / len(values) ** 0.5 if len(values) > 1 else np.zeros(len(shares))
        figure.points(shares, values.mean(axis=0), label, errors=errors)
    figure = bench.figure(
        "curvature",
        title="Curvature around fits with as many wrong labels as right",
        x="largest eigenvalue, over that without",
        y="trace, over that without",
        caption="Of the Hessian on the shared images, where the loss on them is the same; one point per set. Left of "
        f"the upright line: {(with_poison['largest'] < 1).sum()} of {len(accuracy)}.",
    )
    figure.points(with_poison["largest"], with_poison["trace"], "sets")
    figure.line([0, max(1.0, with_poison["largest"].max())], [1, 1], "trace as without")
    figure.line([1, 1], [0, max(1.0, with_poison["trace"].max())], "largest eigenvalue as without")
