r"""What the cross-entropy measures, and what it asks of the outputs.

Conventions: any number k of classes, targets t_j of sum 1, probabilities q_j, natural logarithms; in terms of outputs,
q_j = e_j/sum_i e_i with e_j = e^(o_j). Where one output is looked at, the exponentials of all others are one number R.
"""

from fractions import Fraction
from functools import cache
from typing import Any

import sympy as sp

from theory.classifier.softmax_jacobian import everywhere, exponential, is_spelled_out
from theory.derivation import Derivation, Step, Theorem
from theory.domain import Domain
from theory.proof import Relation

__all__ = ["ONE_OUTPUT", "cross_entropy_split", "slope_of_four"]

ONE_OUTPUT = Domain(e=(0, sp.oo), R=(0, sp.oo), t=(0, 1))
"""The exponential of an output, the sum of those of all others, and its target."""

_j = sp.Symbol("j", integer=True, positive=True)
_targets, _probabilities = sp.Function("t", positive=True), sp.Function("q", positive=True)
_total, _units, _rest, _target = sp.symbols("A e R t", positive=True)
_constant = sp.Symbol("C", real=True)


@cache
def cross_entropy_split() -> Derivation:
    r"""Derive that cross-entropy is entropy plus divergence, its gradient by an output, and a worked example.

    .. math:: -\sum_j t_j \log q_j = -\sum_j t_j \log t_j + \sum_j t_j \log \frac{t_j}{q_j}, \qquad
        \frac{\partial \ell}{\partial o_j} = q_j - t_j

    Returns:
        A derivation; the value is the excess over the entropy of the targets, in t(j) and q(j), for any number k of
        classes. Parts: "gradient" is the derivative by one output in e = e^(o_j), the sum R of the exponentials of the
        others and its target t, "example" the loss of (.1, .5, .2, .2) for the second class.

    Examples:
        >>> cross_entropy_split().at(part="example")
        log(2)
        >>> cross_entropy_split().at(part="gradient", e=1, R=3, t="1/2")
        -1/4
    """
    t, q, raised = _targets(_j), _probabilities(_j), exponential(_j)
    divergence = everywhere(t * (sp.log(t) - sp.log(q)))
    loss = sp.log(_units + _rest) - _target * sp.log(_units) - _constant
    gradient = _units / (_units + _rest) - _target
    probabilities = [sp.Rational(1, 10), sp.Rational(1, 2), sp.Rational(1, 5), sp.Rational(1, 5)]
    label = [0, 1, 0, 0]
    return Derivation(
        "What the cross-entropy measures",
        sp.Eq(sp.Symbol("KL"), divergence),
        (
            Step(
                "Less the entropy of the targets, the cross-entropy is their divergence from the probabilities.",
                Relation(-everywhere(t * sp.log(q)) + everywhere(t * sp.log(t)), "=", divergence),
                "exact",
                lambda claimed, k: is_spelled_out(claimed, _excess, k),
                shown=r"- \sum_j t_j \log q_j + \sum_j t_j \log t_j = \sum_j t_j \log \frac{t_j}{q_j}",
            ),
            Step(
                "The normalisation A of softmax comes off once for each target, and these add up to 1:",
                Relation(
                    -everywhere(t * (sp.log(raised) - sp.log(_total))),
                    "=",
                    sp.log(_total) * everywhere(t) - everywhere(t * sp.log(raised)),
                ),
                "exact",
                lambda claimed, A, k: is_spelled_out(claimed, lambda numbers: _loss(A, numbers), k),
                shown=r"- \sum_j t_j \log \frac{e_j}{A} = \log A - \sum_j t_j o_j, \quad A = \sum_j e_j",
                domain=Domain(A=(0, sp.oo), k=(1, sp.oo)).with_integers("k"),
            ),
            Step(
                "One output is in A and in its own term. So the derivative by it is",
                Relation(_units * loss.diff(_units), "=", gradient),
                "exact",
                lambda e, R, t: slope_of_four(e, R, t),
                shown=r"\frac{\partial \ell}{\partial o_j} = q_j - t_j",
                domain=ONE_OUTPUT,
            ),
            Step(
                "With the second of four classes and (.1, .5, .2, .2):",
                Relation(-sp.Add(*(t * sp.log(q) for t, q in zip(label, probabilities, strict=True))), "=", sp.log(2)),
                "exact",
                lambda: sp.integrate(1 / sp.Symbol("z"), (sp.Symbol("z"), sp.Rational(1, 2), 1)),
                shown=r"- \log \frac{1}{2} = \log 2",
            ),
        ),
        Domain(k=(1, sp.oo), t=(0, 1)).with_integers("k"),
        parts={
            "gradient": sp.Eq(sp.Symbol("g"), gradient),
            "example": sp.Eq(sp.Symbol("l"), sp.log(2)),
        },
        titles={
            "gradient": "derivative by an output",
            "example": "loss of the lecture's example",
        },
        assumptions=("targets sum to 1, and 0 log 0 is 0",),
        theorems=(_gibbs(),),
        source="Edinburgh, Machine Learning Theory, slides Cross entropy loss",
        shown={
            "result": r"\ell - H(t) = \sum_j t_j \log \frac{t_j}{q_j}",
            "gradient": r"\frac{\partial \ell}{\partial o_j} = q_j - t_j",
            "example": r"\ell = \log 2",
        },
    )


def _excess(numbers: dict[str, list[Any]]) -> Any:
    return sp.Add(*(t * sp.log(t / q) for t, q in zip(numbers["t"], numbers["q"], strict=True)))


def _loss(total: Fraction, numbers: dict[str, list[Any]]) -> Any:
    return -sp.Add(*(t * sp.log(e / sp.Rational(total)) for t, e in zip(numbers["t"], numbers["e"], strict=True)))


def _gibbs() -> Theorem:
    x = sp.Symbol("x", positive=True)
    gap = x - 1 - sp.log(x)
    t, q = _targets(_j), _probabilities(_j)
    return Theorem(
        "Gibbs' inequality",
        "$KL(t \\| q) \\ge 0$, and $0$ only for $q = t$: the cross-entropy is least at $q = t$, where it is the "
        "entropy.",
        "Cover and Thomas, Elements of Information Theory, theorem 2.6.3",
        (
            Step(
                "x - 1 - log x is 0 at x = 1",
                Relation(gap.subs(x, 1), "=", 0),
                "exact",
                shown=r"1 - 1 - \log 1 = 0",
            ),
            Step(
                "falls before",
                Relation(gap.diff(x), "<", 0),
                "exact",
                shown=r"1 - \frac{1}{x} < 0 \quad (x < 1)",
                domain=Domain(x=(0, 1)),
            ),
            Step(
                "and rises after it.",
                Relation(0, "<", gap.diff(x)),
                "exact",
                shown=r"0 < 1 - \frac{1}{x} \quad (x > 1)",
                domain=Domain(x=(1, sp.oo)),
            ),
            Step(
                "So $t \\log(t/q)$ is at least $t (1 - q/t)$, and these add up to nothing",
                Relation(everywhere(t * (1 - q / t)), "=", everywhere(t) - everywhere(q)),
                "exact",
                lambda claimed, k: is_spelled_out(claimed, lambda numbers: sum(numbers["t"]) - sum(numbers["q"]), k),
                shown=r"\sum_j t_j \left(1 - \frac{q_j}{t_j}\right) = \sum_j t_j - \sum_j q_j = 0",
            ),
        ),
    )


def slope_of_four(chosen: Fraction, rest: Fraction, target: Fraction) -> sp.Expr:
    """Differentiate the cross-entropy of four outputs by the first, as a function of the outputs themselves.

    Args:
        chosen: The first's exponential, positive.
        rest: The sum of those of the other three.
        target: Of the first, in [0, 1]; the others share what is left.
    """
    outputs = sp.symbols("o_1:5", real=True)
    total = sp.Add(*(sp.exp(output) for output in outputs))
    targets = [sp.Rational(target)] + 3 * [sp.Rational(1 - target) / 3]
    loss = -sp.Add(*(t * sp.log(sp.exp(o) / total) for t, o in zip(targets, outputs, strict=True)))
    units = [sp.Rational(value) for value in (chosen, rest / 6, rest / 3, rest / 2)]
    there = {output: sp.log(unit) for output, unit in zip(outputs, units, strict=True)}
    return loss.diff(outputs[0]).subs(there)
