"""Which of the many fits of an over-parameterised linear regression gradient descent, and SGD, end at."""

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

import theory
from verify import Agrees, Comparison, Identity, Ordering, Rival, Source, Verdict, Workbench, claim
from verify.bibliography import ZHANG_2017
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
    title="In linear regression, gradient descent from zero finds the fit of least norm",
    source=Source(ZHANG_2017, "section 5, on linear models", DOUBLE_DESCENT),
    assumptions=(
        "linear regression with the squared error, more inputs than examples, inputs of full row rank",
        "the rate of gradient descent is less than 2 over the largest eigenvalue of $X X^T$",
        f"measured on {EXAMPLES} examples with {INPUTS} standard normal inputs, a true parameter of norm 1 and noise "
        "of standard deviation 1/4; SGD takes one example at a time, drawn at random, with the step "
        "$1/|x_i|^2$",
    ),
    expects={Verdict.SUPPORTED},
)
def implicit_bias(bench: Workbench) -> Iterator[Comparison]:
    r"""In a linear regression with more inputs than examples many parameters fit all examples. Gradient descent from
    zero ends at the fit of least norm, $X^T (X X^T)^{-1} y$, because every step is $X^T$ times something; from another
    start it ends at that plus the part of the start on which no example depends. SGD from zero ends at the same fit.
    For one example $(a, b)$ with the target $y$ and the start $(u, v)$ the squared norm of the end is
    $(y^2 + (a v - b u)^2)/(a^2 + b^2)$.

    The fit from zero has a smaller error on new data than that from a random start of the norm of the truth.
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
