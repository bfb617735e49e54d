"""Minibatches at a constant rate in the lazy regime: they arrive where data can be interpolated, else they stall."""

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

import numerics
import theory
from verify import AtLeast, AtMost, Comparison, Equals, Exponent, Identity, Rival, Source, Verdict, Workbench, claim
from verify.bibliography import LIU_ZHU_BELKIN_2022
from verify.lectures.lazy_training import CONCLUSION

Array = NDArray[np.float64]

UNITS: Final = 64
INPUTS: Final = 10
PLACES: Final = 4
"""Different inputs where each occurs twice; twice as many where they do not."""

BATCH: Final = 4
SHARE: Final = 0.4
"""Learning rate times L where networks arrive or do not."""

SMALL_SHARES: Final = (0.2, 0.1, 0.05)
"""The same where the floor is held against what it is to first order."""

STEPS: Final = 300
"""Steps that are taken to arrive at the larger learning rate, in proportion more at a smaller one."""


def stalled(seed: int, members: int, share: float, steps: int, averaged: int, only_apart: bool) -> dict[str, Array]:
    """Descent of networks with all examples and with minibatches, where data can be interpolated and where not.

    Args:
        seed: Of data, weights and batches.
        members: Networks, each with its own data. Four copies are trained: with batches of examples whose labels are
            1 above and 1 below their mean; with all of these; with batches of examples that have that mean for label;
            and with batches of as many different examples.
        share: Learning rate times L, twice the largest eigenvalue of the tangent kernel at the start over m.
        steps: Until the end is looked at.
        averaged: Further steps, over which the risk is averaged.
        only_apart: Whether to train the first copy alone.

    Returns:
        One entry per member: "apart", "full", "equal" and "different", the excess of each copy over the least risk
        after the steps, over that at the start; "least", the least eigenvalue of the kernel of the features of the
        last copy, over the units; "floor", the mean of the first one's excess over the further steps, over the least
        risk of 1; "pace", the learning rate times the mean of the kernel's diagonal. "ways" has one row per copy and
        one column for each of the steps: the excess of the first member over that at the start.
    """
    import torch

    source = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=source, dtype=torch.float64)

    network = numerics.Mlp((INPUTS + 1, UNITS, 1), "tanh", bias=False)
    examples = 2 * PLACES
    places = normal(members, PLACES, INPUTS + 1)
    twice = places.repeat(1, 2, 1)
    equal = normal(members, PLACES, 1).repeat(1, 2, 1)
    apart = equal + torch.tensor([1.0, -1.0], dtype=twice.dtype).repeat_interleave(PLACES)[:, None]
    start = torch.cat([normal(members, UNITS * (INPUTS + 1)), normal(members, UNITS) / UNITS**0.5], dim=1)
    different, free = normal(members, examples, INPUTS + 1), normal(members, examples, 1)
    twice[:, :, -1] = different[:, :, -1] = 1
    copies = {"apart": (twice, apart, equal), "full": (twice, apart, equal), "equal": (twice, equal, equal)}
    copies["different"] = (different, free, free)
    if only_apart:
        copies = {"apart": copies["apart"]}
    inputs, targets, middle = (torch.cat(parts) for parts in zip(*copies.values(), strict=True))
    count = len(copies)
    theta = start.repeat(count, 1)
    tangent = numerics.tangent_kernel(network, theta, inputs)
    kernel = tangent.matrix()
    rates = (share * examples / (2 * torch.linalg.eigvalsh(kernel)[:, -1]))[:, None]
    least = torch.linalg.eigvalsh(tangent.matrix("1.weight")[-members:])[:, 0]
    risks, total = [], torch.zeros(members, dtype=theta.dtype)
    for step in range(steps + averaged):
        trace = network.trace(theta, inputs)
        excess = (trace.outputs - middle).square().mean(dim=(1, 2))  # labels above and below: the rest of the risk is 1
        if step < steps:
            risks.append(excess)
        else:
            total += excess[:members] / averaged
        order = torch.rand(count * members, examples, 1, generator=source, dtype=theta.dtype).argsort(dim=1)
        weights = (order < BATCH) * (2 / BATCH)
        weights[members : 2 * members] = 2 / examples  # of the copy with all examples
        theta = theta - rates * network.pullback(trace, weights * (trace.outputs - targets))
    shares = torch.stack(risks, dim=1) / risks[0][:, None]
    found = {
        **dict(zip(copies, shares[:, -1].reshape(count, members), strict=True)),
        "floor": total,
        "least": least / UNITS,
        "pace": (rates * kernel.diagonal(dim1=1, dim2=2))[:members].mean(1),
        "ways": shares[::members],
    }
    return {name: values.numpy() for name, values in found.items()}


@claim(
    "lazy.descent-not-sgd",
    title="Lazy training arrives with the full gradient; with minibatches at a constant rate only if data can be "
    "interpolated",
    source=Source(LIU_ZHU_BELKIN_2022, "on stochastic gradient descent", CONCLUSION),
    assumptions=(
        f"networks $\\sum_k a_k \\tanh \\langle w_k, (x, 1) \\rangle$ with {UNITS} units start from independent normal "
        f"weights, $w_k$ of variance 1 and $a_k$ of variance $1/n$; {2 * PLACES} standard normal inputs in {INPUTS} "
        f"dimensions, or {PLACES} and each twice; the risk $r$ is the mean of squared errors, without a half",
        f"batches of {BATCH} of the $m = {2 * PLACES}$ examples, all equally likely, drawn anew for every step; the "
        "learning rate is constant",
    ),
    expects={Verdict.SUPPORTED},
)
def descent_not_sgd(bench: Workbench) -> Iterator[Comparison]:
    r"""The talk takes it that $\lambda_{\min}(K)$ is of the order $n$. Then all labels can be fitted, and its
    conclusion is right of stochastic gradient descent, at a constant rate too: the noise of a batch vanishes with the
    errors (Allen-Zhu, Li and Song 2019; Liu, Zhu and Belkin 2022). That is another argument than the one that it gives,
    which is about the gradient of the whole risk, and holds of the excess over the least risk also where the conclusion
    is wrong of minibatches. With $|\nabla r|^2 \ge \mu r$, a gradient that changes by at most $L$ times the distance
    and $|\nabla \Phi(x_i)|^2 \le k$ wherever the steps come, and $c = \frac{m - B}{B (m - 1)}$,

    $$E r_{j+1} \le \Bigl( 1 - \eta \Bigl( 1 - \frac{(1 - c) \eta L}{2} \Bigr) \mu + 2 c \eta^2 L k \Bigr) r_j,$$

    which falls for all rates $\eta$ that are small enough.

    It is wrong, at a constant rate, where the data cannot be interpolated. Let each input occur with two labels that
    differ by 2; $K$ is singular, and the least risk is $r_* = 1$. Gradient descent comes down to it exponentially fast.
    Steps of the same length with minibatches, whose gradients are right on average, stall above it. To first order in
    the learning rate $\eta$ their floor is, with $\bar k$ the mean of the tangent kernel's diagonal,

    $$\frac{E r - r_*}{r_*} = \eta \, \frac{\bar k}{B} \, \frac{m - B}{m - 1}.$$

    A singular kernel alone does not do it: where equal inputs have equal labels the same steps arrive.
    """
    import sympy as sp

    m, size = sp.symbols("m B", integer=True, positive=True)
    eta, k, mu, smooth = sp.symbols("eta k mu L", positive=True)
    c = sp.Symbol("c", real=True)
    descent = 1 - eta * (1 - eta * smooth / 2) * mu
    derivation = theory.minibatch_floor()
    yield Identity(
        "floor over the least risk, to first order in the learning rate",
        derivation=derivation,
        claimed=eta * k * (m - size) / (size * (m - 1)),
        rival=Rival("examples drawn with repetition", eta * k / size),
    )
    yield Identity(
        "factor of the risk in one step where all labels can be fitted",
        derivation=theory.minibatch_convergence(),
        claimed=descent + c * eta**2 * smooth * (2 * k - mu / 2),
        rival=Rival("that of gradient descent, without noise", descent),
    )
    (seed,) = bench.seeds("networks", 1)
    members = bench.size(quick=20, standard=60, full=200)
    (found,) = bench.map(
        "ends",
        stalled,
        [{"seed": seed, "members": members, "share": SHARE, "steps": STEPS, "averaged": 1, "only_apart": False}],
    )
    members, first, averaged = bench.size(quick=(2, 1, 1), standard=(60, STEPS, 800), full=(200, STEPS, 2000))
    lengths = [(share, round(SHARE / share)) for share in SMALL_SHARES]
    floors = bench.map(
        "floors",
        stalled,
        [
            {
                "seed": seed,
                "members": members,
                "share": share,
                "steps": first * stretch,
                "averaged": averaged * stretch,
                "only_apart": True,
            }
            for share, stretch in lengths
        ],
    )
    small, large = 1e-6, 1e-3
    yield AtMost(
        "all examples, labels that differ: excess risk over that at the start",
        bound=small,
        replicates=found["full"],
        rival=Rival("a floor", large),
    )
    yield AtLeast(
        "minibatches, labels that differ: excess risk over that at the start",
        bound=large,
        replicates=found["apart"],
        rival=Rival("arrives as with all examples", small),
    )
    yield AtMost(
        "minibatches, labels that agree: risk over that at the start",
        bound=small,
        replicates=found["equal"],
        rival=Rival("a floor", large),
    )
    yield AtLeast(
        "different inputs: least eigenvalue of K over the units",
        bound=0.05,
        replicates=found["least"],
        rival=Rival("zero, as where inputs occur twice", small),
    )
    yield AtMost(
        "minibatches, different inputs: risk over that at the start",
        bound=small,
        replicates=found["different"],
        rival=Rival("a floor", large),
    )
    yield Exponent(
        "power of the learning rate in the floor",
        predicted=1,
        x=SMALL_SHARES,
        y=np.stack([result["floor"] for result in floors], axis=1),
        absolute=0.25,
        rival=Rival("the same floor at every rate", 0),
        decided_from="standard",
    )
    given = {"eta": 1, "k": 1, "m": 2 * PLACES, "B": BATCH}
    predicted = float(
        derivation.value.subs({symbol: given[name] for name, symbol in derivation.symbols.items() if name in given})
    )
    yield Equals(
        f"floor over its prediction, at a learning rate of {SMALL_SHARES[-1]:g}/L",
        predicted=1,
        replicates=floors[-1]["floor"] / (floors[-1]["pace"] * predicted),
        relative=0.2,
        rival=Rival("examples drawn with repetition", 1 / (BATCH * predicted)),
        decided_from="standard",
    )
    figure = bench.figure(
        "excess",
        title="Excess risk of one network, with all examples and with minibatches",
        x="steps of descent",
        y="excess risk over that at the start",
        y_scale="log",
        y_limits=(1e-10, 3),
        caption=f"Learning rate {SHARE:g}/L, constant. Minibatches stall where equal inputs have labels that "
        "differ, and only there. Descents: 4 inputs twice, or 8 inputs.",
    )
    some = np.arange(0, STEPS, 6)
    ways = ("batches, labels differ", "all examples, labels differ", "batches, labels agree", "batches, inputs differ")
    for row, words in enumerate(ways):
        figure.line(some, np.maximum(found["ways"][row, some], 1e-12), words)
