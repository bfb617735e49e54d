"""The outputs of a classifier: softmax as an arg max with a gradient, and what the cross-entropy measures."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import numpy as np

import theory
from verify import Comparison, Enclosure, Identity, Rival, Source, Verdict, Workbench, claim
from verify.lectures.basics import CROSS_ENTROPY, SIGMOID, WHY_SOFTMAX

if TYPE_CHECKING:
    import sympy as sp

EXAMPLE: Final = (2, 3, 5, 2, 6, 4, 9, 2, 2, 4)
PRINTED: Final = (0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0)
"""The slide's vector and its hard maximum as the slide has it."""

TEMPERATURES: Final = (0.3, 1.0, 3.0)


def _letter(expression: "sp.Expr", name: str) -> "sp.Symbol":
    return next(letter for letter in expression.free_symbols if letter.name == name)


@claim(
    "classifier.softmax",
    title="Softmax of any number of outputs is an arg max that can be differentiated",
    source=Source(printed=WHY_SOFTMAX),
    assumptions=(
        "$k$ outputs; the largest leads the others by $d_2, \\ldots, d_k$, and $b = 1/T$ for the temperature $T$",
    ),
    expects={Verdict.PROVED},
)
def softmax(bench: Workbench) -> Iterator[Comparison]:
    r"""Softmax gives the largest of $k$ outputs the probability

    $$p_1 = \frac{1}{1 + e^{-d_2/T} + \cdots + e^{-d_k/T}},$$

    which depends on its leads $d_j$ alone: adding one number to all outputs changes nothing. As the temperature falls
    it tends to 1: where all leads are $d$ or more, the other outputs have less than $(k - 1) e^{-d/T}$ together. As it
    rises, $p_1$ tends to $1/k$. If $m$ outputs are largest, they share alike, where an arg max would have to choose.

    In the same way $T \log \sum_j e^{o_j/T}$ is a maximum that can be differentiated: it exceeds the largest output by
    at most $T \log k$.

    The Jacobian $(\mathrm{diag}(p) - p p^T)/T$ has the quadratic form

    $$\frac{1}{T} \sum_{i < j} p_i p_j (v_i - v_j)^2 = \frac{1}{T} \Bigl(\sum_j p_j v_j^2 - \Bigl(\sum_j p_j v_j\Bigr)^2
    \Bigr):$$

    it is symmetric and positive semidefinite, and its kernel are the equal shifts of all outputs.
    """
    import sympy as sp

    derivation = theory.softmax_at_temperature()
    b, k = (_letter(derivation.value, name) for name in ("b", "k"))
    i, j = sp.symbols("i j", integer=True, positive=True)
    lead = sp.Function("d", positive=True)
    yield Identity(
        "probability of the largest output",
        derivation=derivation,
        claimed=1 / (1 + sp.Sum(sp.exp(-b * lead(j)), (j, 2, k))),
        rival=Rival("the temperature changes nothing", 1 / (1 + sp.Sum(sp.exp(-lead(j)), (j, 2, k)))),
    )
    least, ties = (_letter(derivation.parts[part].rhs, name) for part, name in (("others", "d"), ("tie", "m")))
    for part, words, claimed, rival in (
        (
            "others",
            "bound on the probability of all others, for leads of $d$ or more",
            (k - 1) * sp.exp(-b * least),
            Rival("that of one other output", sp.exp(-b * least)),
        ),
        (
            "cold",
            "probability of the largest output as the temperature falls",
            sp.Integer(1),
            Rival("equal shares", 1 / k),
        ),
        ("hot", "probability of the largest output as the temperature rises", 1 / k, Rival("hard max", sp.Integer(1))),
        (
            "tie",
            "probability of each of $m$ largest outputs as the temperature falls",
            1 / ties,
            Rival("hard max", sp.Integer(1)),
        ),
        (
            "log-sum-exp",
            r"bound on how far $T \log \sum_j e^{o_j/T}$ exceeds the largest output",
            sp.log(k) / b,
            Rival("the logarithm of the number of the others", sp.log(k - 1) / b),
        ),
    ):
        yield Identity(words, derivation=derivation, part=part, claimed=claimed, rival=rival)
    unit, v = sp.Function("e", positive=True), sp.Function("v", real=True)

    def over_outputs(summand: sp.Expr) -> sp.Expr:
        return sp.Sum(summand, (i, 1, k))

    total, mean, square = (over_outputs(unit(i) * v(i) ** power) for power in (0, 1, 2))
    yield Identity(
        "quadratic form of the Jacobian in $e_j = e^{b o_j}$",
        derivation=derivation,
        part="form",
        claimed=b * (total * square - mean**2) / total**2,
        rival=Rival("its diagonal alone", b * over_outputs(unit(i) * (total - unit(i)) * v(i) ** 2) / total**2),
    )
    figure = bench.figure(
        "temperatures",
        title="Softmax of the lecture's ten outputs",
        x="output, 1 to 10",
        y="its probability",
        caption=f"Outputs {', '.join(map(str, EXAMPLE))}. The colder, the closer to the indicator of the largest.",
    )
    places = np.arange(1, len(EXAMPLE) + 1)
    for temperature in TEMPERATURES:
        raised = np.exp((np.array(EXAMPLE) - max(EXAMPLE)) / temperature)
        figure.points(places, raised / raised.sum(), f"T = {temperature:g}")


@claim(
    "classifier.hard-max-as-printed",
    title="The indicator of the largest of ten outputs, as printed",
    source=Source(printed=WHY_SOFTMAX),
    assumptions=("places are counted from 1",),
    expects={Verdict.REFUTED},
    right="$[0, 0, 0, 0, 0, 0, 1, 0, 0, 0]$: ten entries, and the 1 at the seventh place, where the 9 stands.",
    flaw="misprint",
)
def hard_max_as_printed(bench: Workbench) -> Iterator[Comparison]:
    r"""As printed: the vector $[2, 3, 5, 2, 6, 4, 9, 2, 2, 4]$ becomes $[0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0]$.

    (That has eleven entries, of which the eighth is 1. The vector has ten, the largest is the seventh.)
    """
    yield Enclosure(
        "entries of the indicator",
        values=[len(EXAMPLE)],
        predicted=len(PRINTED),
        digits=1,
        rival=Rival("one for each output", len(EXAMPLE)),
    )
    yield Enclosure(
        "place of the largest output",
        values=[1 + max(range(len(EXAMPLE)), key=lambda place: EXAMPLE[place])],
        predicted=1 + PRINTED.index(1),
        digits=1,
        rival=Rival("the seventh", 7),
    )


@claim(
    "classifier.cross-entropy",
    title="Cross-entropy is the entropy of the targets and a divergence from them",
    source=Source(printed=CROSS_ENTROPY),
    assumptions=("any number of classes; targets are positive with the sum 1, or hard labels with $0 \\log 0 = 0$",),
    expects={Verdict.PROVED},
)
def cross_entropy(bench: Workbench) -> Iterator[Comparison]:
    r"""The cross-entropy of probabilities $q$ for targets $t$ is

    $$-\sum_j t_j \log q_j = -\sum_j t_j \log t_j + \sum_j t_j \log \frac{t_j}{q_j},$$

    the entropy of the targets, which no output changes, and their divergence from $q$, which is never negative and zero
    for $q = t$ alone. For a hard label it is $-\log q_c$. Its derivative by an output under softmax, at the temperature
    1, is $q_j - t_j$. In the lecture's example, $(0.1, 0.5, 0.2, 0.2)$ and the second class, it is $\log 2 = 0.693...$
    with the natural logarithm.
    """
    import sympy as sp

    derivation = theory.cross_entropy_split()
    j, k = sp.Symbol("j", integer=True, positive=True), _letter(derivation.value, "k")
    t, q = (sp.Function(name, positive=True)(j) for name in ("t", "q"))
    yield Identity(
        "cross-entropy less the entropy of the targets",
        derivation=derivation,
        claimed=sp.Sum(t * (sp.log(t) - sp.log(q)), (j, 1, k)),
        rival=Rival("the divergence the other way round", sp.Sum(q * (sp.log(q) - sp.log(t)), (j, 1, k))),
    )
    hard = theory.softmax_cross_entropy_parts()
    (p,) = hard.value.free_symbols
    yield Identity(
        "cross-entropy of a hard label",
        derivation=hard,
        claimed=-sp.log(p),
        rival=Rival("with the other classes, as in the loss of a single yes or no", -sp.log(p) - sp.log(1 - p)),
    )
    unit, rest, target = (_letter(derivation.parts["gradient"].rhs, name) for name in ("e", "R", "t"))
    yield Identity(
        "derivative by an output, in its $e = e^{o_j}$ and the sum $R$ of all others",
        derivation=derivation,
        part="gradient",
        claimed=unit / (unit + rest) - target,
        rival=Rival(
            "times the slope of a sigmoid, as for the squared error",
            (unit / (unit + rest) - target) * unit * rest / (unit + rest) ** 2,
        ),
    )
    yield Identity(
        "cross-entropy of the example",
        derivation=derivation,
        part="example",
        claimed=sp.log(2),
        rival=Rival("one, as in bits", sp.Integer(1)),
    )


@claim(
    "classifier.sigmoid-as-printed",
    title="The sigmoid, as printed",
    source=Source(printed=SIGMOID),
    assumptions=("a sigmoid gives the first of the two outputs $x$ and 0 its probability under softmax",),
    expects={Verdict.REFUTED},
    right=r"$f(x) = \frac{1}{1 + e^{-x}}$, which increases from 0 to 1.",
    flaw="misprint",
)
def sigmoid_as_printed(bench: Workbench) -> Iterator[Comparison]:
    r"""As printed: the sigmoid is

    $$f(x) = \frac{1}{1 + e^x}.$$

    (That falls from 1 to 0: it is the probability of the other answer.)
    """
    import sympy as sp

    derivation = theory.logistic_unit()
    (x,) = derivation.value.free_symbols
    right, printed = 1 / (1 + sp.exp(-x)), 1 / (1 + sp.exp(x))
    yield Identity("the sigmoid", derivation=derivation, claimed=printed, rival=Rival("with $e^{-x}$", right))
    yield Identity(
        "slope of the sigmoid",
        derivation=derivation,
        part="slope",
        claimed=printed.diff(x),
        rival=Rival("with $e^{-x}$", right.diff(x)),
    )
    yield Identity(
        "limit of the sigmoid as $x$ grows",
        derivation=derivation,
        part="high",
        claimed=sp.limit(printed, x, sp.oo),
        rival=Rival("with $e^{-x}$", sp.Integer(1)),
    )
    figure = bench.figure(
        "sigmoids", title="The sigmoid and its misprint", x="x", y="f(x)", caption="They add up to 1."
    )
    places = np.linspace(-6, 6, 61)
    figure.line(places, 1 / (1 + np.exp(-places)), "1/(1 + exp(-x))")
    figure.line(places, 1 / (1 + np.exp(places)), "1/(1 + exp(x)), as printed")
