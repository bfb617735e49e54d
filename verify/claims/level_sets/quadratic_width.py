"""The widths that are printed for quadratic units: in which number they are counted, and what would be enough."""

from collections.abc import Iterator
from typing import Any

import theory
from verify import Comparison, Identity, Rival, Source, Verdict, Workbench, claim
from verify.bibliography import VENTURI_BANDEIRA_BRUNA_2019
from verify.lectures.level_sets import OVER_PARAMETERISED


@claim(
    "level-sets.quadratic-width-as-printed",
    title="One layer of quadratic units needs more than twice as many of them as data, as printed",
    source=Source(VENTURI_BANDEIRA_BRUNA_2019, "on quadratic activations, for more than 2n units", OVER_PARAMETERISED),
    assumptions=(
        "the outputs are $\\sum_j u_j (w_j \\cdot x)^2$ on $n$ inputs; the loss is a convex function of the outputs on "
        "$N$ examples",
        "the printed condition is taken for the least width at which it holds for all data",
    ),
    expects={Verdict.REFUTED},
    right="One layer of $p$ quadratic units on $n$ *inputs* has connected sublevel sets for all data from $p = n + 1$ "
    "on; more than $2n$ are enough, but not needed. With $N$ data entries $2N$ units are enough for any activation.",
    flaw="misprint",
)
def quadratic_width_as_printed(bench: Workbench) -> Iterator[Comparison]:
    r"""As printed: with a single layer of quadratic units the sublevel sets form a single component once their number
    is more than $2N$, where $N$ is the number of data entries. Then twice as many data would ask for twice as many
    units, and the $n (n + 1)/2$ examples that determine the output for all inputs would ask for more than $n (n + 1)$.

    (The source counts inputs. The loss is a convex function of an $n \times n$ matrix, for whatever number of examples;
    from $n + 1$ units on all sublevel sets are connected, and with $n$ units the global minima may have several
    components. Counted in data the condition would be true, and say nothing of quadratic units: with $2N$ units it
    holds for any activation.)
    """
    derivation = theory.connected_quadratic_width()
    (n,) = derivation.value.free_symbols
    examples = derivation.parts["data"].rhs
    yield Identity(
        "the least width, at as many examples as determine the output for all inputs",
        derivation=derivation,
        claimed=2 * examples + 1,
        rival=Rival("one more than inputs", n + 1),
    )
    yield Identity(
        "the least width, in inputs, as the source bounds it",
        derivation=derivation,
        claimed=2 * n + 1,
        rival=Rival("one more than inputs", n + 1),
    )


@claim(
    "level-sets.quadratic-deep",
    title="What layers of quadratic units span: a power of the number of inputs, not of data",
    source=Source(
        VENTURI_BANDEIRA_BRUNA_2019,
        "on deep networks of polynomial activations, as printed for widths",
        OVER_PARAMETERISED,
    ),
    assumptions=("the layers are $h_l = (W_l h_{l-1})^2$, entry by entry, without biases, on $N$ inputs",),
    expects={Verdict.PROVED},
)
def quadratic_deep(bench: Workbench) -> Iterator[Comparison]:
    r"""The units of the $l$-th layer of a network with quadratic activation are homogeneous polynomials of degree $2^l$
    in the $N$ inputs, so that whatever the widths they span at most

    $$\binom{N + 2^l - 1}{2^l} \leq N^{2^l}$$

    dimensions; this is the exact count of such polynomials. The printed width $3 N^{2^l}$ is a multiple of the bound
    where $N$ is the number of inputs, as in the source, and not that of data entries. That this width makes the
    sublevel sets connected is not shown.
    """
    derivation = theory.quadratic_layers_dimension()
    (inputs,) = derivation.value.free_symbols
    for layers, part in ((1, "one layer"), (2, None), (3, "three layers")):
        degree = 2**layers
        yield Identity(
            f"dimension of the polynomials of degree {degree}, those of layer {layers}",
            derivation=derivation,
            part=part,
            claimed=_monomials(inputs, degree),
            rival=Rival("products in another order counted again", inputs**degree),
        )
    yield Identity(
        "the bound for two layers",
        derivation=derivation,
        part="bound",
        claimed=inputs**4,
        rival=Rival("three times as much, the printed width", 3 * inputs**4),
    )


def _monomials(inputs: Any, degree: int) -> Any:
    """The binomial of N + d - 1 over d as a polynomial in N."""
    import sympy as sp

    return sp.expand(sp.rf(inputs, degree).expand(func=True) / sp.factorial(degree))
