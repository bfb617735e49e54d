"""The empirical risk: what it estimates, and what it no longer estimates once it has been minimised."""

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

import numerics
import theory
from verify import Comparison, Equals, Identity, Ordering, Rival, Source, Verdict, Workbench, claim
from verify.bibliography import HASTIE_2009
from verify.lectures.local_minima import REMINDER

Array = NDArray[np.float64]

SAMPLES: Final = 20
PARAMETERS: Final = 5
GROUP: Final = 100
"""Data sets whose mean is one replicate."""

MARGIN: Final = 0.02
"""A parameter more or less makes 1/20."""


def least_squares(seed: int, groups: int) -> dict[str, Array]:
    """Mean risks of least squares over groups of data sets, with errors of variance 1.

    Args:
        seed: Of the inputs, which are the same for all, and of the errors.
        groups: Of data sets.

    Returns:
        "fixed", the empirical risk at the true parameter, "train", that at its minimiser, "new", the minimiser's mean
        squared error for new labels at the same inputs; one number per group.
    """
    import torch

    source = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=source, dtype=torch.float64)

    x = normal(SAMPLES, PARAMETERS)
    truth = normal(PARAMETERS, 1)
    first, second = (x @ truth + normal(groups * GROUP, SAMPLES, 1) for _ in range(2))
    fitted = torch.linalg.pinv(x) @ first
    risks = {"fixed": first - x @ truth, "train": first - x @ fitted, "new": second - x @ fitted}
    return {
        name: error.square().mean((1, 2)).unflatten(0, (groups, GROUP)).mean(1).numpy() for name, error in risks.items()
    }


def networks(seed: int, members: int) -> dict[str, Array]:
    """Empirical risks of trained networks of eight tanh units, and their risks on samples of their own.

    Args:
        seed: The first of the members' seeds.
        members: Networks, each with its own 40 samples, of targets with errors of variance 1/4.

    Returns:
        "train" and "new", the mean squared error on the 40 samples and on 1000 new ones.
    """
    seeds = range(seed, seed + members)
    x, noise = numerics.gaussian_memorisation(inputs=3, outputs=1, samples=1040, seeds=seeds)
    y = x[:, :, :1].tanh() + x[:, :, 1:2] * x[:, :, 2:] / 2 + noise / 2
    network, loss = numerics.Mlp((3, 8, 1), "tanh", bias=True), numerics.SquaredError()
    start = network.init(seeds)
    end = numerics.gradient_descent(network, start, x[:, :40], y[:, :40], loss, learning_rate=0.1, steps=300).theta
    new = loss.value(network.forward(end, x[:, 40:]), y[:, 40:])
    train = loss.value(network.forward(end, x[:, :40]), y[:, :40])
    return {"train": train.numpy(), "new": new.numpy()}


@claim(
    "classifier.empirical-risk",
    title="The empirical risk is right on average, but not where it is least",
    source=Source(HASTIE_2009, "section 7.4, on the optimism of the training error", REMINDER),
    assumptions=(
        "samples are independent, and the risk is the expectation of the loss of one",
        "least squares has $m > d$ fixed inputs of full rank, errors of variance $\\sigma^2$, and a squared error "
        "without a half; new labels belong to the same inputs",
        "measured for 20 samples and 5 parameters, and for networks of eight tanh units with 40 samples",
    ),
    expects={Verdict.SUPPORTED},
)
def empirical_risk(bench: Workbench) -> Iterator[Comparison]:
    r"""The empirical risk $\hat R(h) = \frac{1}{m} \sum_i L(h, z_i)$ of a hypothesis that was fixed before has the mean
    $R(h)$, whatever the loss. The least empirical risk is nowhere more than that of the best hypothesis, so on average
    it is at most the least risk, and in general less. Of two constant answers to $2n$ tosses of a fair coin, each with
    the risk $1/2$, the better one has on average

    $$\frac12 - \frac{1}{2^{2n + 1}} \binom{2n}{n}.$$

    Least squares with $d$ parameters has $\sigma^2 (1 - d/m)$ at its minimiser, and $\sigma^2 (1 + d/m)$ for new
    labels.
    """
    import sympy as sp

    risks = theory.least_squares_risks()
    d, m, sigma = (risks.symbols[name] for name in ("d", "m", "sigma"))
    (r,) = risks.parts["fixed"].rhs.free_symbols
    coin = theory.coin_minimum()
    n = coin.symbols["n"]
    half = sp.Rational(1, 2)
    rows = (
        ("mean empirical risk of a fixed hypothesis", risks, "fixed", r, "that of one sample, over m", r / m),
        ("at the minimiser of least squares", risks, None, sigma**2 * (m - d) / m, "the risk", sigma**2),
        ("for new labels", risks, "new", sigma**2 * (m + d) / m, "that of the samples", sigma**2 * (m - d) / m),
        (
            "the better of two answers to a coin",
            coin,
            None,
            half * (1 - sp.factorial(2 * n) / sp.factorial(n) ** 2 / 4**n),
            "the risk of either",
            half,
        ),
    )
    for title, derivation, part, claimed, name, other in rows:
        yield Identity(title, derivation=derivation, part=part, claimed=claimed, rival=Rival(name, other))
    (seed,) = bench.seeds("least squares", 1)
    groups = bench.size(quick=1000, standard=1000, full=4000)
    (found,) = bench.map("least squares", least_squares, [{"seed": seed, "groups": groups}])
    train, new = (float(risks.at(part=part, sigma=1, d=PARAMETERS, m=SAMPLES)) for part in (None, "new"))
    yield Equals(
        "mean empirical risk at the truth, at the minimiser, and the minimiser's for new labels",
        predicted=[1, train, new],
        replicates=np.stack([found[name] for name in ("fixed", "train", "new")], axis=1),
        absolute=MARGIN,
        rival=Rival("at the minimiser as for a fixed hypothesis, and the other way round", [train, 1, 1]),
    )
    (seed,) = bench.seeds("networks", 1)
    case = {"seed": seed % 2**32, "members": bench.size(quick=24, standard=100, full=400)}
    (trained,) = bench.map("networks", networks, [case])
    yield Ordering("trained networks, on their samples and on new ones", lower=trained["train"], higher=trained["new"])
    figure = bench.figure(
        "risks",
        title="Least squares: risk on the samples and for new labels",
        x="parameters over samples, d/m",
        y="mean squared error, over the variance of the errors",
        caption=f"Lines: the formulas. Points: {groups * GROUP} data sets of {SAMPLES} samples. Error bars, five "
        "standard errors, are smaller than the points.",
    )
    shares = np.linspace(0, 1, 11)
    figure.line(shares, 1 - shares, "at the minimiser").line(shares, 1 + shares, "for new labels")
    figure.line(shares, np.ones(11), "at a fixed hypothesis")
    means = [found[name].mean() for name in ("fixed", "train", "new")]
    errors = [5 * found[name].std() / groups**0.5 for name in ("fixed", "train", "new")]
    figure.points([PARAMETERS / SAMPLES] * 3, means, "measured", errors=errors)
