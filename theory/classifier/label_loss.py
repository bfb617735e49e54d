r"""What the cross-entropy measures, and what it asks of the outputs.

Conventions: targets t_j of sum 1, probabilities q_j, natural logarithms, three classes; in terms of outputs,
q_j = e_j/(e_1 + e_2 + e_3) with e_j = e^(o_j).
"""

from functools import cache

import sympy as sp

from theory.derivation import Derivation, Step, Theorem
from theory.domain import Domain
from theory.proof import Relation

__all__ = ["cross_entropy_split"]

_targets = sp.symbols("t_1:4", positive=True)
_q = sp.symbols("q_1:4", positive=True)
_units = sp.symbols("e_1:4", positive=True)


@cache
def cross_entropy_split() -> Derivation:
    r"""Derive that cross-entropy is entropy plus divergence, its gradient by an output, and a worked example.

    .. math:: -\sum_j t_j \log q_j = -\sum_j t_j \log t_j + \sum_j t_j \log \frac{t_j}{q_j}, \qquad
        \frac{\partial \ell}{\partial o_1} = q_1 - t_1

    Returns:
        A derivation; the value is the excess over the entropy of the targets, in t and q. Parts: "gradient" is the
        derivative by the first output in e_j = e^(o_j), "example" the loss of (.1, .5, .2, .2) for the second class.

    Examples:
        >>> cross_entropy_split().at(part="example")
        log(2)
    """
    cross = -sp.Add(*(t * sp.log(q) for t, q in zip(_targets, _q, strict=True)))
    entropy = -sp.Add(*(t * sp.log(t) for t in _targets))
    divergence = sp.Add(*(t * (sp.log(t) - sp.log(q)) for t, q in zip(_targets, _q, strict=True)))
    total = sp.Add(*_units)
    rest = 1 - _targets[0] - _targets[1]
    loss = sp.log(total) - sp.Add(*(t * sp.log(e) for t, e in zip((*_targets[:2], rest), _units, strict=True)))
    by_shares = -sp.Add(*(t * (sp.log(e) - sp.log(total)) for t, e in zip((*_targets[:2], rest), _units, strict=True)))
    first, second = (_units[j] / total - _targets[j] for j in (0, 1))
    probabilities = [sp.Rational(1, 10), sp.Rational(1, 2), sp.Rational(1, 5), sp.Rational(1, 5)]
    label = [0, 1, 0, 0]
    return Derivation(
        "What the cross-entropy measures",
        sp.Eq(sp.Symbol("KL"), divergence),
        (
            Step(
                "Less the entropy of the targets, the cross-entropy is their divergence from the probabilities.",
                Relation(cross - entropy, "=", divergence),
                "exact",
                shown=r"- \sum_j t_j \log q_j + \sum_j t_j \log t_j = \sum_j t_j \log \frac{t_j}{q_j}",
            ),
            Step(
                "For targets of sum 1 the normalisation of softmax comes off once:",
                Relation(by_shares, "=", loss),
                "exact",
                shown=r"- \sum_j t_j \log \frac{e_j}{\sum_k e_k} = \log \sum_k e_k - \sum_j t_j \log e_j",
            ),
            Step(
                "so that the derivative by the first output is",
                Relation(_units[0] * loss.diff(_units[0]), "=", first),
                "exact",
                shown=r"\frac{\partial \ell}{\partial o_1} = q_1 - t_1",
            ),
            Step(
                "and likewise for the second.",
                Relation(_units[1] * loss.diff(_units[1]), "=", second),
                "exact",
                shown=r"\frac{\partial \ell}{\partial o_2} = q_2 - t_2",
            ),
            Step(
                "With the second of four classes and (.1, .5, .2, .2):",
                Relation(-sp.Add(*(t * sp.log(q) for t, q in zip(label, probabilities, strict=True))), "=", sp.log(2)),
                "exact",
                lambda: sp.integrate(1 / sp.Symbol("z"), (sp.Symbol("z"), sp.Rational(1, 2), 1)),
                shown=r"- \log \frac{1}{2} = \log 2",
            ),
        ),
        Domain(
            t_1=(0, 1),
            t_2=(0, 1),
            t_3=(0, 1),
            q_1=(0, 1),
            q_2=(0, 1),
            q_3=(0, 1),
            e_1=(0, sp.oo),
            e_2=(0, sp.oo),
            e_3=(0, sp.oo),
        ),
        parts={
            "gradient": sp.Eq(sp.Symbol("g"), first),
            "example": sp.Eq(sp.Symbol("l"), sp.log(2)),
        },
        assumptions=("targets sum to 1, and 0 log 0 is 0", "three classes, four in the example"),
        theorems=(_gibbs(),),
        source="Edinburgh, Machine Learning Theory, slides Cross entropy loss",
        shown={
            "result": r"\ell - H(t) = \sum_j t_j \log \frac{t_j}{q_j}",
            "gradient": r"\frac{\partial \ell}{\partial o_1} = q_1 - t_1",
            "example": r"\ell = \log 2",
        },
    )


def _gibbs() -> Theorem:
    x = sp.Symbol("x", positive=True)
    gap = x - 1 - sp.log(x)
    return Theorem(
        "Gibbs' inequality",
        "$KL(t \\| p) \\ge 0$, and $0$ only for $p = t$: the cross-entropy is least at $p = t$, where it is the "
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
        ),
    )
