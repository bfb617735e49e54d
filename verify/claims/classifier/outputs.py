"""The outputs of a classifier: softmax as an arg max with a gradient, and what the cross-entropy measures."""

from collections.abc import Iterator
from typing import Final

import numpy as np

import theory
from verify import Comparison, Enclosure, Identity, Rival, Source, Verdict, Workbench, claim
from verify.lectures.basics import CROSS_ENTROPY, SIGMOID, WHY_SOFTMAX

EXAMPLE: Final = (2, 3, 5, 2, 6, 4, 9, 2, 2, 4)
PRINTED: Final = (0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0)
"""The slide's vector and its hard maximum as the slide has it."""

TEMPERATURES: Final = (0.3, 1.0, 3.0)


@claim(
    "classifier.softmax",
    title="Softmax of three outputs is an arg max that can be differentiated",
    source=Source(printed=WHY_SOFTMAX),
    assumptions=("three outputs; the largest leads by $d_2$ and $d_3$, and $b = 1/T$ for the temperature $T$",),
    expects={Verdict.PROVED},
)
def softmax(bench: Workbench) -> Iterator[Comparison]:
    r"""Softmax gives the largest of three outputs the probability

    $$p_1 = \frac{1}{1 + e^{-d_2/T} + e^{-d_3/T}},$$

    which depends on its leads $d_2$ and $d_3$ alone: adding one number to all outputs changes nothing. As the
    temperature falls it tends to 1, as it rises to $1/3$. Two equal largest outputs share, where an arg max would have
    to choose. The Jacobian $(\mathrm{diag}(p) - p p^T)/T$ has the quadratic form

    $$\frac{1}{T} \sum_{i < j} p_i p_j (v_i - v_j)^2:$$

    it is symmetric and positive semidefinite, and zero for equal shifts of all outputs alone.
    """
    import sympy as sp

    derivation = theory.softmax_at_temperature()
    b, second, third = (
        next(letter for letter in derivation.value.free_symbols if letter.name == name) for name in ("b", "d_2", "d_3")
    )
    yield Identity(
        "probability of the largest output",
        derivation=derivation,
        claimed=1 / (1 + sp.exp(-b * second) + sp.exp(-b * third)),
        rival=Rival("the temperature changes nothing", 1 / (1 + sp.exp(-second) + sp.exp(-third))),
    )
    for part, words, claimed, rival in (
        ("cold", "its limit as the temperature falls", sp.Integer(1), Rival("equal shares", sp.Rational(1, 3))),
        ("hot", "its limit as the temperature rises", sp.Rational(1, 3), Rival("hard max", sp.Integer(1))),
        ("tie", "its cold limit if another is as large", sp.Rational(1, 2), Rival("hard max", sp.Integer(1))),
    ):
        yield Identity(words, derivation=derivation, part=part, claimed=claimed, rival=rival)
    form = derivation.parts["form"].rhs
    letters = {letter.name: letter for letter in form.free_symbols}
    units, directions = ([letters[f"{name}_{j}"] for j in (1, 2, 3)] for name in ("e", "v"))
    total = sum(units)
    mean = sum(unit * v for unit, v in zip(units, directions, strict=True))
    square = sum(unit * v**2 for unit, v in zip(units, directions, strict=True))
    diagonal = sum(unit * (total - unit) * v**2 for unit, v in zip(units, directions, strict=True))
    yield Identity(
        "quadratic form of the Jacobian in $e_j = e^{b o_j}$",
        derivation=derivation,
        part="form",
        claimed=letters["b"] * (total * square - mean**2) / total**2,
        rival=Rival("its diagonal alone", letters["b"] * diagonal / total**2),
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
        figure.line(places, raised / raised.sum(), f"T = {temperature:g}")


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
    title="For three classes cross-entropy is the entropy of the targets and a divergence from them",
    source=Source(printed=CROSS_ENTROPY),
    assumptions=(
        "targets are positive with the sum 1, or hard labels with $0 \\log 0 = 0$",
        "three classes, four in the example",
    ),
    expects={Verdict.PROVED},
)
def cross_entropy(bench: Workbench) -> Iterator[Comparison]:
    r"""The cross-entropy of probabilities $q$ of three classes for targets $t$ is

    $$-\sum_j t_j \log q_j = -\sum_j t_j \log t_j + \sum_j t_j \log \frac{t_j}{q_j},$$

    the entropy of the targets, which no output changes, and their divergence from $q$, which is never negative and zero
    for $q = t$ alone. For a hard label it is $-\log q_c$. Its derivative by an output under softmax is $q_j - t_j$. In
    the lecture's example, $(0.1, 0.5, 0.2, 0.2)$ and the second class, it is $\log 2 = 0.693...$ with the natural
    logarithm.
    """
    import sympy as sp

    derivation = theory.cross_entropy_split()
    letters = {letter.name: letter for letter in derivation.value.free_symbols}
    t, q = ([letters[f"{name}_{j}"] for j in (1, 2, 3)] for name in ("t", "q"))
    yield Identity(
        "cross-entropy less the entropy of the targets",
        derivation=derivation,
        claimed=sum(first * (sp.log(first) - sp.log(second)) for first, second in zip(t, q, strict=True)),
        rival=Rival(
            "the divergence the other way round",
            sum(second * (sp.log(second) - sp.log(first)) for first, second in zip(t, q, strict=True)),
        ),
    )
    hard = theory.softmax_cross_entropy_parts()
    (p,) = hard.value.free_symbols
    yield Identity(
        "cross-entropy of a hard label",
        derivation=hard,
        claimed=-sp.log(p),
        rival=Rival("with the other classes, as in the loss of a single yes or no", -sp.log(p) - sp.log(1 - p)),
    )
    gradient = derivation.parts["gradient"].rhs
    letters = {letter.name: letter for letter in gradient.free_symbols}
    share = letters["e_1"] / sum(letters[f"e_{j}"] for j in (1, 2, 3))
    yield Identity(
        "derivative by the first output, in $e_j = e^{o_j}$",
        derivation=derivation,
        part="gradient",
        claimed=share - letters["t_1"],
        rival=Rival("the other sign", letters["t_1"] - share),
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
