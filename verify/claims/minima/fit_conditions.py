"""When a network fits its data at all, and on a manifold: what is proved of it, and two formulas as printed."""

from collections.abc import Iterator
from typing import Final

import theory
from verify import Comparison, Enclosure, Identity, Rival, Source, Verdict, Workbench, claim
from verify.bibliography import COOPER_2021
from verify.lectures.local_minima import GLOBAL_MANIFOLD, SUMMARY

SIZES: Final = ((1, 2, 1, 3), (1, 1, 1, 4), (2, 1, 1, 6), (2, 2, 1, 9), (2, 3, 1, 12))
"""Inputs, hidden units, outputs and data, all with more data than inputs times outputs."""


@claim(
    "minima.fit-exists",
    title="With as many units as data in the last hidden layer every label can be fitted",
    source=Source(COOPER_2021, "on networks whose last hidden layer is wider than the number of data", GLOBAL_MANIFOLD),
    assumptions=(
        "tanh or softplus units, with biases; the inputs are different, and so are the data as they enter the last "
        "hidden layer",
    ),
    expects={Verdict.PROVED},
)
def fit_exists(bench: Workbench) -> Iterator[Comparison]:
    r"""The set of zero loss is not empty if the last hidden layer has at least as many units as there are data. Order
    the data along one direction and put the threshold of each unit between its datum and the one before. The steeper
    the units, the nearer are their values to signs, or to ramps for softplus; the matrix of these has, with gaps $g_i$
    between data and ramps that begin at the datum before,

    $$\det = 2^{N-1} \ \text{(tanh)}, \qquad \det = \prod_i g_i \ \text{(softplus)}.$$

    Neither is zero, so that at some finite steepness the units are independent, and some output weights fit any
    labels. The Jacobian has full rank there, whatever the labels are. With an output bias $N - 1$ tanh units are
    enough: all that is needed is $\tanh(sg/2) > (N - 2)/N$, with the steepness $s$ and the least gap $g$. Linear units
    are not: they have not more independent features than inputs and a constant.
    """
    derivation = theory.interpolating_layer()
    (samples,) = derivation.value.free_symbols
    yield Identity(
        "determinant of the values of $N$ steep tanh units on $N$ data",
        derivation=derivation,
        claimed=2 ** (samples - 1),
        rival=Rival("zero: some labels cannot be fitted", 0 * samples),
    )
    dominance = derivation.parts["dominance"].rhs
    (steepness,) = dominance.free_symbols - {samples}
    yield Identity(
        "by how much the diagonal dominates the differences of rows, at least",
        derivation=derivation,
        part="dominance",
        claimed=2 - samples * (1 - steepness),
        rival=Rival("as if all the other units were saturated", 2 * steepness),
    )


@claim(
    "minima.dimension-as-printed",
    title="Dimension of the set of zero loss, as printed",
    source=Source(COOPER_2021, "the main theorem, in other letters", GLOBAL_MANIFOLD),
    assumptions=(
        "$d = N$ data, networks from $\\mathbb{R}^n$ to $\\mathbb{R}^r$, so that $n$ is the number of inputs",
    ),
    expects={Verdict.REFUTED},
    right="$P - rN$ in $\\mathbb{R}^P$, with $P$ parameters, $N$ data, $r$ outputs.",
    flaw="misprint",
)
def dimension_as_printed(bench: Workbench) -> Iterator[Comparison]:
    r"""As printed: a network from $\mathbb{R}^n$ to $\mathbb{R}^r$ that fits $d$ data does so on a smooth submanifold
    of $\mathbb{R}^d$ of dimension $d - rn$.

    (In the theorem $d$ is the number of parameters and $n$ that of the data; an earlier version of the paper calls them
    $n$ and $d$. For the network 3-6-2 on 5 data the printed formula gives $-1$; it is 28.)
    """
    import sympy as sp

    derivation = theory.zero_loss_dimension()
    symbols = derivation.symbols
    inputs = sp.Symbol("n_0", integer=True, positive=True)
    yield Identity(
        "dimension of the set of zero loss, from the numbers of data, inputs and outputs",
        derivation=derivation,
        claimed=symbols["N"] - symbols["r"] * inputs,
        rival=Rival("parameters less labels", symbols["P"] - symbols["r"] * symbols["N"]),
    )


@claim(
    "minima.more-data-than-sizes-as-printed",
    title="A manifold of fits if data exceed inputs times outputs, as printed",
    source=Source(COOPER_2021, "the assumption of the main theorem", SUMMARY),
    assumptions=(
        "networks with one hidden layer of units $z/(1 + z^2)$ and rational weights, labelled by their own outputs",
    ),
    expects={Verdict.REFUTED},
    right="When the number of parameters exceeds that of data times outputs.",
    flaw="misprint",
)
def more_data_than_sizes_as_printed(bench: Workbench) -> Iterator[Comparison]:
    r"""As printed: when the amount of data exceeds the product of the input and output dimensions, networks with smooth
    non-linear activations that fit their data do so on a smooth manifold of known dimension. So every such fit has
    others arbitrarily near.

    (Data work against it, each takes away as many dimensions as there are outputs. Of the networks tried, all with more
    data than inputs times outputs, those with no more parameters than labels fit at isolated points.)
    """
    kernels = [theory.kernel_at_a_fit(n, h, r, samples=data) for n, h, r, data in SIZES]
    yield Enclosure(
        "whether (1) or not (0) a fit has others near it, by the exact kernel of J: "
        + ", ".join(f"{n}-{h}-{r} on {data}" for n, h, r, data in SIZES),
        values=[int(kernel > 0) for kernel in kernels],
        predicted=[int(data > n * r) for n, _, r, data in SIZES],
        digits=1,
        rival=Rival(
            "where parameters exceed data times outputs", [int(h * (n + 1 + r) > data * r) for n, h, r, data in SIZES]
        ),
    )
