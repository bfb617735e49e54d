"""What descent can see of a unit: nothing of a step, little of many sigmoids."""

from collections.abc import Iterator

import theory
from verify import Comparison, Identity, Rival, Source, Verdict, Workbench, claim
from verify.lectures.basics import CHALLENGES


@claim(
    "classifier.step-has-no-gradient",
    title="Threshold units are flat around almost all weights, and each sigmoid leaves at most a quarter of a slope",
    source=Source(printed=CHALLENGES),
    assumptions=(
        "one threshold unit on finitely many samples, none of them 0 or on its boundary",
        "chains of one sigmoid a layer, with weights of size 1 where the bound is $4^{-K}$",
    ),
    expects={Verdict.PROVED},
)
def step_has_no_gradient(bench: Workbench) -> Iterator[Comparison]:
    r"""A threshold unit answers whether $w \cdot x > 0$. No change of its weights shorter than $|w \cdot x|/|x|$ alters
    its answer on $x$, and one of this length can put $x$ on the boundary. So around all weights that have no sample on
    the boundary, all but finitely many hyperplanes of them, the number of errors on finitely many samples is constant,
    and its gradient is zero.

    A sigmoid has a slope, $s (1 - s)$ in terms of its output, of at most $1/4$. The derivative of a chain of $K$ of
    them is the product of the weights and of these slopes, with weights of size 1 at most $4^{-K}$: just that where
    biases make every output $1/2$. An active ReLU has the slope 1.
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
