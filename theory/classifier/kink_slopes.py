r"""What the chain rule gives at a kink of ReLU, whatever slope is put there, and how likely a kink is met.

Conventions: relu(x) = max(x, 0); s is the slope that a program takes for it at 0, such as 0.
"""

from functools import cache

import sympy as sp

from theory.derivation import Derivation, Step
from theory.domain import Domain
from theory.proof import Relation

__all__ = ["kink_chain_rule"]


@cache
def kink_chain_rule() -> Derivation:
    r"""Derive what the chain rule says of relu(x) - relu(-x) = x at 0, if s is put for ReLU's slope there.

    .. math:: s \cdot 1 - s \cdot (-1) = 2 s

    The derivative is 1. That asks for s = 1/2; but relu(relu(x)) = relu(x) asks for s^2 = s, which 1/2 is not.

    Returns:
        A derivation; the value is 2 s. Parts: "derivative", the true one; "twice", what is missing, s^2 - s, at the
        slope 1/2; "shut", the chance that n units without biases are all off at an input, so that all units of a next
        layer without biases are at their kinks.

    Examples:
        >>> rule = kink_chain_rule()
        >>> rule.at(s=0), rule.at(part="derivative"), rule.at(part="twice"), rule.at(part="shut", n=3)
        (0, 1, -1/4, 1/8)

    References:
        Kakade and Lee (2018), arXiv:1809.08530; Bolte and Pauwels (2020), arXiv:2006.02080.
    """
    s, x = sp.symbols("s x", real=True)
    h = sp.Symbol("h", positive=True)
    n = sp.Symbol("n", positive=True, integer=True)
    f, g = sp.Function("f")(x), sp.Function("g")(x)
    half = sp.Rational(1, 2)

    def relu(z: sp.Expr) -> sp.Expr:
        return sp.Max(z, 0)

    chain = (f - g).diff(x).subs({f.diff(x): s * x.diff(x), g.diff(x): s * (-x).diff(x)})
    quotients = [(relu(step) - relu(-step)) / step for step in (h, -h)]
    (needed,) = sp.solve(2 * s - 1, s)
    patterns = [sp.Rational(1, 2**units) for units in range(1, 5)]
    counted = [
        sp.Rational(
            sum(all(pattern >> unit & 1 == 0 for unit in range(units)) for pattern in range(2**units)), 2**units
        )
        for units in range(1, 5)
    ]
    return Derivation(
        "The chain rule at a kink",
        sp.Eq(sp.Symbol("D"), 2 * s),
        (
            Step(
                "relu(x) - relu(-x) is x: its difference quotients at 0, on the right and on the left, are",
                Relation(sp.Tuple(*quotients), "=", sp.Tuple(1, 1)),
                "exact",
                shown=r"\frac{h - 0}{h} = 1, \quad \frac{0 - h}{-h} = 1",
            ),
            Step(
                "and so is its derivative,",
                Relation(sp.limit(x / x, x, 0), "=", sp.Integer(1)),
                "exact",
                shown=r"\lim_{x \to 0} \frac{\mathrm{relu}(x) - \mathrm{relu}(-x)}{x} = 1",
            ),
            Step(
                "while the chain rule multiplies the inner slopes, 1 and -1, by s:",
                Relation(chain, "=", 2 * s),
                "exact",
                shown=r"s \cdot 1 - s \cdot (-1) = 2 s",
            ),
            Step(
                "right for one choice alone.",
                Relation(needed, "=", half),
                "exact",
                shown=r"2 s = 1 \iff s = \frac{1}{2}",
            ),
            Step(
                "But relu(relu(x)) = relu(x), of which the chain rule makes s s and s. Their difference at 1/2 is",
                Relation((s * s - s).subs(s, needed), "=", -(half**2)),
                "exact",
                shown=r"s^2 - s = -\frac{1}{4}",
            ),
            Step(
                "so that no choice is right for both. An input is at a kink w.x + b = 0 of given weights with a bias "
                "that has a density with probability 0. But n units without biases, each off with probability 1/2, are "
                "all off, and what follows without biases is at 0, in one of all patterns: for n up to 4",
                Relation(sp.Tuple(*counted), "=", sp.Tuple(*patterns)),
                "exact",
                shown=r"\frac{1}{2}, \ \frac{1}{4}, \ \frac{1}{8}, \ \frac{1}{16}",
            ),
            Step(
                "and in general",
                Relation(sp.Product(half, (sp.Symbol("j"), 1, n)).doit(), "=", half**n),
                "exact",
                shown=r"\prod_{j = 1}^{n} \frac{1}{2} = 2^{-n}",
            ),
        ),
        Domain(h=(0, sp.oo), n=(0, sp.oo)).with_integers("n"),
        parts={
            "derivative": sp.Eq(sp.Symbol("f'"), sp.Integer(1)),
            "twice": sp.Eq(sp.Symbol("d"), -(half**2)),
            "shut": sp.Eq(sp.Symbol("P"), half**n),
        },
        titles={
            "derivative": "true derivative at the kink",
            "twice": "what is missing at the slope 1/2",
            "shut": "chance that all units are off",
        },
        assumptions=("the weights of a unit have a symmetric law, and those of different units are independent",),
        source="Kakade and Lee (2018), arXiv:1809.08530, and Bolte and Pauwels (2020), arXiv:2006.02080, on what "
        "automatic differentiation computes",
        shown={
            "result": r"D = 2 s",
            "derivative": r"f'(0) = 1",
            "twice": r"s^2 - s = -\frac{1}{4}",
            "shut": r"P = 2^{-n}",
        },
    )
