"""The set of functions that ReLU networks of one size compute: not closed, not convex, and with no inverse map."""

from collections.abc import Iterator

import numpy as np

import theory
from verify import Comparison, Identity, Rival, Source, Verdict, Workbench, claim
from verify.bibliography import PETERSEN_RASLAN_VOIGTLAENDER_2021
from verify.lectures.local_minima import FUNCTION_SET

ONE_INPUT = "networks have one input, one hidden layer of ReLU units and a linear output; inputs lie in $[-1, 1]$"


@claim(
    "level-sets.not-closed",
    title="The functions of ReLU networks are not a closed set",
    source=Source(PETERSEN_RASLAN_VOIGTLAENDER_2021, "on closedness in $L^p$", FUNCTION_SET),
    assumptions=(
        ONE_INPUT,
        "distances are those of $L^p([-1, 1])$; the least distance is for $p > 1$ and slopes up to some $M > 1/2$",
    ),
    expects={Verdict.PROVED},
)
def not_closed(bench: Workbench) -> Iterator[Comparison]:
    r"""The networks $f_k(x) = k \left(\max(0, x + \frac1k) - \max(0, x)\right)$ of two units tend to the step function
    $H$, which is 1 for $x > 0$ and 0 below, in every $L^p$:

    $$\|f_k - H\|_p^p = \frac{1}{k (p + 1)}.$$

    The limit is not continuous, so that it is no network of any size. Weights have to grow on the way: a function whose
    slopes are at most $M > 1/2$, such as a network with $\sum_j |a_j w_j| \le M$, satisfies for $p > 1$

    $$\|f - H\|_p^p \ge \frac{2^{-p}}{M (p + 1)}.$$

    (With slopes of less than $1/2$ a function cannot rise from 0 to 1 between the inputs $-1$ and $1$.)
    """
    import sympy as sp

    k, p, slope = sp.symbols("k p M", positive=True)
    yield Identity(
        "distance of the k-th network from the step, to the power p",
        derivation=theory.step_as_limit(),
        claimed=1 / (k * (p + 1)),
        rival=Rival("the same for all k: they stay away from it", 1 / (p + 1)),
    )
    yield Identity(
        "least distance with slopes up to M > 1/2, to the power p",
        derivation=theory.least_step_distance(),
        claimed=2 ** (-p) / (slope * (p + 1)),
        rival=Rival("zero: bounded weights are enough", sp.Integer(0)),
    )
    figure = bench.figure(
        "steps",
        title="Networks of two units that tend to a step",
        x="x",
        y="f(x)",
        caption="The steeper, the larger the weights: k = 2, 5 and 20.",
    )
    for steepness in (2, 5, 20):
        figure.line([-1, -1 / steepness, 0, 1], [0, 0, 1, 1], f"k = {steepness}")


@claim(
    "level-sets.not-convex",
    title="The functions of ReLU networks of one width are not a convex set",
    source=Source(PETERSEN_RASLAN_VOIGTLAENDER_2021, "on convexity", FUNCTION_SET),
    assumptions=(
        ONE_INPUT,
        "each of the two networks has $k$ kinks inside $(-1, 1)$, and all $2k$ are at different places",
    ),
    expects={Verdict.PROVED},
)
def not_convex(bench: Workbench) -> Iterator[Comparison]:
    r"""A network of $k$ units on one input is piecewise linear, with at most $k$ kinks. The midpoint of two of them has
    half the jump of slope of each at the kinks of each. So if each has $k$ kinks among the inputs, all at different
    places, the midpoint has $2k$: it is none of the networks of $k$ units; it takes $2k$.
    """
    import sympy as sp

    k = sp.Symbol("k", integer=True, positive=True)
    yield Identity(
        "kinks of the midpoint",
        derivation=theory.midpoint_kinks(),
        claimed=2 * k,
        rival=Rival("k, as if it were a network of k units", k),
    )


@claim(
    "level-sets.not-a-quotient",
    title="The map from parameters of ReLU networks to functions has no continuous inverse, whatever is identified",
    source=Source(PETERSEN_RASLAN_VOIGTLAENDER_2021, "on inverse stability", FUNCTION_SET),
    assumptions=(
        ONE_INPUT,
        "there are at least three units; functions are compared in the largest difference over the inputs",
    ),
    expects={Verdict.PROVED},
)
def not_a_quotient(bench: Workbench) -> Iterator[Comparison]:
    r"""The hat of height $\frac1k$ on $[0, 2/k^2]$, $k \ge 2$, has sides of slope $k$ and $-k$; three units compute it.
    As $k$ grows it tends to the function 0. But its slope jumps by $k$, $-2k$ and $k$, so that every network that
    computes it, of any width, has

    $$\sum_j (a_j^2 + w_j^2) \ge 8 k.$$

    So whatever parameters are chosen for the hats, no subsequence of them converges. The set of all parameters of hats
    is closed, because near any parameter only finitely many $k$ occur, whereas the set of hats is not: 0 is missing.
    Under a quotient map a set would be closed if all its parameters together are. Functions that are close need not
    have close parameters, even after all parameters of one function have been identified.
    """
    import sympy as sp

    k = sp.Symbol("k", positive=True)
    derivation = theory.hats()
    yield Identity(
        "height of the hat",
        derivation=derivation,
        part="height",
        claimed=1 / k,
        rival=Rival("its slope", k),
    )
    yield Identity(
        "least sum of the squares of its weights",
        derivation=derivation,
        claimed=8 * k,
        rival=Rival("as small as the function: a continuous inverse at 0", 8 / k),
    )
    figure = bench.figure(
        "hats",
        title="Height of the hats and the least sum of squares of their weights",
        x="steepness k",
        y="value",
        x_scale="log",
        y_scale="log",
        caption="The functions tend to 0, and their parameters to infinity.",
    )
    sizes = np.geomspace(2, 1000, 20)
    figure.line(sizes, 1 / sizes, "height 1/k").line(sizes, 8 * sizes, "least sum of squares 8k")
