"""Where ReLU has no derivative: what a program says there, and how near to such places networks come."""

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

import numerics
import theory
from verify import Agrees, Comparison, Identity, Ordering, Proportion, Rival, Source, Verdict, Workbench, claim
from verify.bibliography import KAKADE_LEE_2018
from verify.lectures.local_minima import FUNCTION_SET

Array = NDArray[np.float64]

NEAR: Final = 0.01
"""Of the standard deviation of a unit's pre-activations over the examples."""

UNITS, EXAMPLES, STEPS, RATE = 16, 32, 1000, 0.05
RECORDS: Final = 20
"""Of training, behind the start."""


def slopes_at_the_kink() -> dict[str, Array]:
    """Derivatives of relu(x) - relu(-x) at 0 by automatic differentiation, with ReLU written in three ways.

    Returns:
        "measured", one for each way, and "chosen", what each takes for the derivative of ReLU at 0. The last entry is
        that of this project's own backward pass, in the weight of a network w -> relu(w) - relu(-w).
    """
    import torch

    ways = (torch.relu, lambda z: torch.maximum(z, torch.zeros_like(z)), lambda z: torch.clamp(z, min=0))
    measured: list[float] = []
    chosen: list[float] = []
    for relu in ways:
        for function, found in ((lambda z, f=relu: f(z) - f(-z), measured), (relu, chosen)):
            x = torch.zeros(1, dtype=torch.float64, requires_grad=True)
            found.append(float(torch.autograd.grad(function(x).sum(), x)[0]))
    network = numerics.Mlp((1, 2, 1), "relu")
    theta, one = torch.tensor([[0.0, 0.0, 1.0, -1.0]], dtype=torch.float64), torch.ones(1, 1, dtype=torch.float64)
    gradient = network.pullback(network.trace(theta, one), one[None])[0]
    measured.append(float(gradient[0] - gradient[1]))
    chosen.append(float(network.nonlinearity.slope(0 * one)))
    return {"measured": np.array(measured), "chosen": np.array(chosen)}


def random_starts(seed: int, members: int) -> dict[str, Array]:
    """Random networks with two hidden layers of two units, at one input: which of them have a unit at its kink.

    Args:
        seed: The first of the members' seeds.
        members: Networks of each kind.

    Returns:
        "with" and "without" biases, 1 for each network with a pre-activation that is exactly 0.
    """
    import torch

    found = {}
    for name, bias in (("with", True), ("without", False)):
        network = numerics.Mlp((3, 2, 2, 1), "relu", bias=bias)
        source = torch.Generator().manual_seed(seed)
        theta = torch.randn(members, network.parameters, generator=source, dtype=torch.float64)
        x = torch.randn(members, 1, 3, generator=source, dtype=torch.float64)
        hidden = torch.cat(network.trace(theta, x).pre[:-1], dim=2)
        found[name] = (hidden == 0).any(2)[:, 0].double().numpy()
    return found


def distances(seed: int, members: int, steps: int) -> dict[str, Array]:
    """Train ReLU networks on random targets, and on smooth ones, and measure how far examples are from kinks.

    A distance is the size of a pre-activation over the standard deviation of that unit's over the examples.

    Args:
        seed: The first of the members' seeds.
        members: Networks, each with its own data.
        steps: Of gradient descent.

    Returns:
        "start", "end" and "smooth", the end for smooth targets: distances by member and pair of example and unit;
        "through end" and "through smooth", the share of pairs near a kink by member and record of training; "crossed",
        the share of pairs that change sides between the records of training on random targets.
    """
    import torch

    seeds = range(seed, seed + members)
    network = numerics.Mlp((2, UNITS, 1), "relu", bias=True)
    theta = network.init(seeds, sigma_w=2**0.5, sigma_b=1.0)
    x, noise = numerics.gaussian_memorisation(inputs=2, outputs=1, samples=EXAMPLES, seeds=seeds)
    smooth = (2 * x[:, :, :1]).sin() + x[:, :, 1:].square() / 2
    found: dict[str, Array] = {}
    for name, y in (("end", noise), ("smooth", smooth)):
        run = numerics.gradient_descent(
            network,
            theta,
            x,
            y,
            numerics.SquaredError(),
            learning_rate=RATE,
            steps=steps,
            record_at=range(0, steps + 1, steps // RECORDS),
        )
        pre = torch.stack([network.trace(point, x).pre[0] for point in run.trajectory])
        away = (pre.abs() / pre.std(dim=2, keepdim=True)).flatten(2)
        found |= {name: away[-1].numpy(), "start": away[0].numpy()}
        found[f"through {name}"] = (away < NEAR).double().mean(2).T.numpy()
        if name == "end":
            found["crossed"] = (pre[1:] * pre[:-1] < 0).any(0).double().mean((1, 2)).numpy()
    return found


@claim(
    "classifier.relu-kinks",
    title="At a kink of ReLU programs may return no derivative, and training brings networks near to kinks",
    source=Source(KAKADE_LEE_2018, "section 1, on the chain rule at 0", FUNCTION_SET),
    assumptions=(
        "$\\mathrm{relu}(x) = \\max(x, 0)$, and a program puts the slope $s$ in the place of its derivative at 0",
        "random weights and biases are independent and normal",
        f"near means within {NEAR:g} standard deviations, over the examples, of the unit's pre-activations; trained "
        f"are networks of {UNITS} units on {EXAMPLES} examples with two inputs and random targets, by {STEPS} steps of "
        "gradient descent",
    ),
    expects={Verdict.SUPPORTED},
)
def relu_kinks(bench: Workbench) -> Iterator[Comparison]:
    r"""The function $\mathrm{relu}(x) - \mathrm{relu}(-x)$ is $x$, with the derivative 1. The chain rule makes $2s$ of
    it at 0, if ReLU has the slope $s$ there: 0 for the usual $s = 0$, which is no derivative and no subgradient. One
    choice is right, $s = 1/2$, but $\mathrm{relu}(\mathrm{relu}(x)) = \mathrm{relu}(x)$ asks for $s^2 = s$: none is
    right for both.

    A random start with biases almost surely has no unit at its kink. One without biases has, wherever a whole layer is
    off, which a layer of $n$ units is, for one input, at $2^{-n}$ of all starts. Training does not stay away from
    kinks: examples change sides, and where examples pull against each other, as with random targets, more of them end
    near a kink than start there. With smooth targets the share grows less (drawn).
    """
    import sympy as sp

    rule = theory.kink_chain_rule()
    s, n = rule.symbols["s"], rule.parts["shut"].rhs.free_symbols.pop()
    half = sp.Rational(1, 2)
    rows = (
        ("what the chain rule makes of the derivative at 0", None, 2 * s, "the derivative", sp.Integer(1)),
        ("the derivative at 0", "derivative", sp.Integer(1), "what $s = 0$ gives", sp.Integer(0)),
        ("$s^2 - s$ for the choice that is right", "twice", -(half**2), "no difference", sp.Integer(0)),
        ("share of starts without biases with a layer off", "shut", half**n, "none", sp.Integer(0)),
    )
    for title, part, claimed, name, other in rows:
        yield Identity(title, derivation=rule, part=part, claimed=claimed, rival=Rival(name, other))
    (slopes,) = bench.map("slopes", slopes_at_the_kink, [{}])
    yield Agrees(
        "derivative at 0 by programs that take 0, 1/2, 1 and 0 for ReLU's",
        measured=slopes["measured"],
        predicted=[0, 1, 2, 0],
        tolerance=0,
        reason="sums of 0, 1/2 and 1",
        rival=Rival("the derivative", 1),
    )
    (seed,) = bench.seeds("starts", 1)
    members = bench.size(quick=4000, standard=40_000, full=400_000)
    (starts,) = bench.map("starts", random_starts, [{"seed": seed, "members": members}])
    yield Proportion(
        "random starts with biases that have a unit at its kink",
        successes=int(starts["with"].sum()),
        trials=members,
        within=(0, 0.01),
        rival=Rival("as many as without biases", 0.25),
    )
    yield Proportion(
        "random starts without biases, with two units a layer, that have a unit at its kink",
        successes=int(starts["without"].sum()),
        trials=members,
        within=(0.2, 0.3),
        rival=Rival("none", 0),
    )
    (seed,) = bench.seeds("training", 1)
    case = {"seed": seed % 2**32, "members": bench.size(quick=30, standard=100, full=400), "steps": STEPS}
    (found,) = bench.map("training", distances, [case])
    yield Proportion(
        "networks of which an example changes sides of a kink in training",
        successes=int((found["crossed"] > 0).sum()),
        trials=case["members"],
        within=(0.5, 1),
        rival=Rival("none", 0),
    )
    yield Ordering(
        "share of pairs of example and unit near a kink, at the start and after training",
        lower=(found["start"] < NEAR).mean(1),
        higher=(found["end"] < NEAR).mean(1),
    )
    yield Ordering(
        "distance of the nearest example from a kink, after training and at the start",
        lower=found["end"].min(1),
        higher=found["start"].min(1),
    )
    figure = bench.figure(
        "near-kinks",
        title="How many pairs of example and unit are near a kink",
        x="distance, over the standard deviation of the unit",
        y="share of pairs within it",
        x_scale="log",
        y_scale="log",
        caption="Random starts have no place that they prefer: the share is proportional to the distance. Error bars: "
        "two standard errors over networks.",
    )
    near = np.geomspace(1e-3, 0.3, 11)
    for name, label in (("start", "start"), ("smooth", "trained on smooth targets"), ("end", "on random targets")):
        shares = (found[name][:, :, None] < near).mean(1)
        figure.points(near, shares.mean(0), label, errors=2 * shares.std(0) / len(shares) ** 0.5)
    figure = bench.figure(
        "through-training",
        title=f"Pairs within {NEAR:g} standard deviations of a kink through training",
        x="steps of training",
        y="share of pairs",
        caption="Error bars: two standard errors over networks.",
        y_limits=(0, 0.04),
    )
    steps = np.linspace(0, STEPS, RECORDS + 1)[::2]
    for name, label in (("end", "random targets"), ("smooth", "smooth targets")):
        shares = found[f"through {name}"][:, ::2]
        figure.points(steps, shares.mean(0), label, errors=2 * shares.std(0) / len(shares) ** 0.5)
