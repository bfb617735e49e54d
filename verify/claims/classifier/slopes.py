"""What descent can see of a unit: nothing of a step, little of many sigmoids."""

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

import numerics
import theory
from verify import Agrees, Bounds, Comparison, Identity, Ordering, Rival, Source, Verdict, Workbench, claim
from verify.lectures.basics import CHALLENGES

Array = NDArray[np.float64]

INPUTS, HIDDEN, SAMPLES = 3, 6, 40
REACH: Final = 1e-9
"""Of the difference quotients: the change of a weight, to both sides."""

STEPS, RATE = 400, 2.0
CHAINS: Final = (1, 2, 3, 4, 6, 8)
"""Numbers of sigmoids in a chain."""


def descents(seed: int, members: int) -> dict[str, Array]:
    """Descend with units that are steps, by difference quotients, and with sigmoids from the same weights.

    The data are labelled by a network of the same kind with steps, whose last threshold is its median. The step network
    has the 0-1 loss and takes 20 steps; the other has the squared error of its output, a sigmoid, and answers 1 above
    1/2.

    Args:
        seed: The first of the members' seeds.
        members: Pairs of networks, each with data of its own.

    Returns:
        "slopes" of the step network at the start, by member and weight, and "smooth", those of the other by the same
        quotients; shares of errors: "start" of both, "step" and "sigmoid" at the end.
    """
    import torch

    seeds = range(seed, seed + members)
    sizes = (INPUTS, HIDDEN, 1)
    step = numerics.Activation("step", lambda z: (z > 0).to(z.dtype))
    stepped, smooth = (numerics.Mlp(sizes, kind, bias=True) for kind in (step, "sigmoid"))
    start, teacher = stepped.init(range(2 * seed, 2 * seed + 2 * members), sigma_w=2.0, sigma_b=1.0).chunk(2)
    x, _ = numerics.gaussian_memorisation(inputs=INPUTS, outputs=1, samples=SAMPLES, seeds=seeds)

    def answers(network: numerics.Mlp, theta: torch.Tensor) -> torch.Tensor:
        return (network.forward(theta, x) > 0).double()

    scores = stepped.forward(teacher, x)
    y = (scores > scores.median(dim=1, keepdim=True).values).double()

    def zero_one(theta: torch.Tensor) -> torch.Tensor:
        return (answers(stepped, theta) - y).abs().mean((1, 2))

    def squared(theta: torch.Tensor) -> torch.Tensor:
        return (smooth.forward(theta, x).sigmoid() - y).square().mean((1, 2))

    def quotients(loss, theta: torch.Tensor) -> torch.Tensor:  # type: ignore[no-untyped-def]
        moves = REACH * torch.eye(theta.shape[1], dtype=theta.dtype)
        return torch.stack([(loss(theta + move) - loss(theta - move)) / (2 * REACH) for move in moves], dim=1)

    found = {"slopes": quotients(zero_one, start), "smooth": quotients(squared, start), "start": zero_one(start)}
    theta = start
    for _ in range(20):
        theta = theta - RATE * quotients(zero_one, theta)
    found["step"] = zero_one(theta)
    theta = start.clone().requires_grad_()
    for _ in range(STEPS):
        (gradient,) = torch.autograd.grad(squared(theta).sum(), theta)
        theta = (theta - RATE * gradient).detach().requires_grad_()
    found["sigmoid start"] = (answers(smooth, start) - y).abs().mean((1, 2))
    found["sigmoid"] = (answers(smooth, theta.detach()) - y).abs().mean((1, 2))
    return {name: value.numpy() for name, value in found.items()}


def chain_slopes(seed: int, members: int) -> dict[str, Array]:
    """Derivatives of chains of sigmoids with weights 1 and random biases, over the bound.

    Args:
        seed: Of the biases.
        members: Chains of each length; the first has the biases that make every output 1/2.

    Returns:
        "shares", the derivatives at 0 over 4^-K, one row per member and one column per length.
    """
    import torch

    source, columns = torch.Generator().manual_seed(seed), []
    for length in CHAINS:
        network = numerics.Mlp((1,) * (length + 2), "sigmoid", bias=True)
        biases = torch.randn(members, length, generator=source, dtype=torch.float64)
        biases[0] = -0.5
        biases[0, 0] = 0
        theta = torch.ones(members, network.parameters, dtype=torch.float64)
        theta[:, 1:-2:2], theta[:, -1] = biases, 0
        x = torch.zeros(members, 1, 1, dtype=torch.float64, requires_grad=True)
        (slope,) = torch.autograd.grad(network.forward(theta, x).sum(), x)
        columns.append(slope[:, 0, 0] * 4.0**length)
    return {"shares": torch.stack(columns, dim=1).numpy()}


@claim(
    "classifier.step-has-no-gradient",
    title="Threshold units are flat around almost all weights, and each sigmoid leaves at most a quarter of a slope",
    source=Source(printed=CHALLENGES),
    assumptions=(
        "one threshold unit on finitely many samples, none of them 0 or on its boundary",
        "chains of one sigmoid a layer, with weights of size 1 where the bound is $4^{-K}$",
        f"measured on networks of {HIDDEN} units with {INPUTS} inputs and {SAMPLES} samples, which a threshold network "
        "of that size has labelled; sigmoids have the squared error, and gradient descent",
    ),
    expects={Verdict.SUPPORTED},
)
def step_has_no_gradient(bench: Workbench) -> Iterator[Comparison]:
    r"""A threshold unit answers whether $w \cdot x > 0$. No change of its weights shorter than $|w \cdot x|/|x|$ alters
    its answer on $x$, and one of this length can put $x$ on the boundary. So around all weights that have no sample on
    the boundary, all but finitely many hyperplanes of them, the number of errors on finitely many samples is constant,
    and its gradient is zero.

    A sigmoid has a slope, $s (1 - s)$ in terms of its output, of at most $1/4$. The derivative of a chain of $K$ of
    them is the product of the weights and of these slopes, with weights of size 1 at most $4^{-K}$: just that where
    biases make every output $1/2$. An active ReLU has the slope 1.

    So descent on the 0-1 loss of threshold units stays where it is, while sigmoids with the same weights learn the same
    data.
    """
    import sympy as sp

    margin = theory.threshold_margin()
    letters = {letter.name: letter for letter in margin.value.free_symbols}
    m, size = letters["m"], letters["X"]
    yield Identity(
        "change of the weights up to which the answer stays",
        derivation=margin,
        claimed=m / size,
        rival=Rival("the margin itself, whatever the length of the sample", m),
    )
    yield Identity(
        "derivative of the answer off the boundary",
        derivation=margin,
        part="slope",
        claimed=sp.Integer(0),
        rival=Rival("that of a ReLU", sp.Integer(1)),
    )
    chain = theory.sigmoid_chain_slope()
    (count,) = chain.value.free_symbols
    yield Identity(
        "greatest slope of a sigmoid",
        derivation=chain,
        part="slope",
        claimed=sp.Rational(1, 4),
        rival=Rival("that of a ReLU", sp.Integer(1)),
    )
    three = chain.parts["three"].rhs
    letters = {letter.name: letter for letter in three.free_symbols}
    weights = sp.Mul(*(letters[f"w_{k}"] for k in (1, 2, 3)))
    outputs = [letters[f"s_{k}"] for k in (1, 2, 3)]
    yield Identity(
        "derivative of a chain of three sigmoids",
        derivation=chain,
        part="three",
        claimed=weights * sp.Mul(*(s - s**2 for s in outputs)),
        rival=Rival("the slope of the last one alone", weights * (outputs[2] - outputs[2] ** 2)),
    )
    yield Identity(
        "bound of the derivative of a chain of K sigmoids",
        derivation=chain,
        claimed=sp.Rational(1, 4) ** count,
        rival=Rival("one factor for the whole chain", sp.Rational(1, 4)),
    )
    (seed,) = bench.seeds("descents", 1)
    case = {"seed": seed % 2**32, "members": bench.size(quick=24, standard=100, full=400)}
    (found,) = bench.map("descents", descents, [case])
    yield Agrees(
        "difference quotients of the 0-1 loss of threshold networks at random weights",
        measured=found["slopes"],
        predicted=0,
        tolerance=0,
        reason="no sample is so near to a boundary",
        rival=Rival("those of sigmoids and the squared error, at the same weights", found["smooth"]),
    )
    yield Agrees(
        "share of errors of threshold networks after 20 steps along these quotients",
        measured=found["step"],
        predicted=found["start"],
        tolerance=0,
        reason="a count",
        rival=Rival("that of sigmoids after training", found["sigmoid"]),
    )
    yield Ordering(
        "share of errors of sigmoids, after training and at the start",
        lower=found["sigmoid"],
        higher=found["sigmoid start"],
    )
    (seed,) = bench.seeds("chains", 1)
    case = {"seed": seed % 2**32, "members": bench.size(quick=50, standard=400, full=4000)}
    (chains,) = bench.map("chains", chain_slopes, [case])
    yield Bounds(
        f"derivatives of chains of {', '.join(map(str, CHAINS))} sigmoids with weights 1, over the bound",
        smaller=chains["shares"],
        larger=1,
        tolerance=1e-9,
        reason="rounding",
        rival=Rival("a factor of 1/5 for each sigmoid", 0.8 ** np.array(CHAINS) * np.ones_like(chains["shares"])),
    )
    figure = bench.figure(
        "chains",
        title="Derivatives of chains of sigmoids with weights 1",
        x="sigmoids in the chain",
        y="derivative",
        y_scale="log",
        caption="Points: the median of random biases; error bars: from the least to the largest of them.",
    )
    lengths = np.array(CHAINS, dtype=float)
    slopes = chains["shares"][1:] * 4.0**-lengths
    middle = np.median(slopes, axis=0)
    figure.line(lengths, 4.0**-lengths, "bound")
    figure.points(lengths, middle, "random biases", errors=[middle - slopes.min(0), slopes.max(0) - middle])
