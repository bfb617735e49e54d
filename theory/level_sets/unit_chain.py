r"""A chain of ReLU units, one to a layer: the same bars as one unit, at any depth.

Conventions: f(x) = a relu(w_L relu(... relu(w_2 relu(v . x + b)))), one unit in each of L hidden layers, biases at most
in the first one and at the output; any loss of the outputs. The bars are those of the components of {L <= lambda}
(see `theory.level_sets.merge_tree`).
"""

from fractions import Fraction
from functools import cache
from itertools import product

import sympy as sp

from theory.derivation import Derivation, Step
from theory.domain import Domain
from theory.proof import Relation

__all__ = ["chain_of_units"]


@cache
def chain_of_units() -> Derivation:
    r"""Derive that a chain of L ReLU units, one in each hidden layer, has the bars of one unit.

    Say the chain of L layers has the outer weight a and the last inner weight w. Its outputs are those of the chain of
    L - 1 layers with the outer weight A = a relu(w). The maps

    .. math:: \Phi(\dots, w, a) = (\dots, a \, \mathrm{relu}(w)), \qquad \Sigma(\dots, a) = (\dots, 1, a)

    are continuous, keep the outputs, and Phi Sigma does nothing. From every parameter of the longer chain a path leads
    to its image under Sigma Phi along which the outputs stay as they are, also where the unit is dead. So at every
    level both maps take components to components, each the inverse of the other: the bars are the same, and by
    induction those of L = 1. Each component has a floor and walls of the same exact levels.

    Returns:
        A derivation; the value is the outer weight A for w > 0, the part "dead" that for w <= 0.

    Examples:
        >>> chain_of_units().value, chain_of_units().parts["dead"].rhs
        (a*w, 0)

    References:
        Venturi, Bandeira and Bruna (2019), arXiv:1802.06384, on spurious valleys, for one hidden layer.
    """
    w, h = sp.symbols("w h", positive=True)
    a = sp.Symbol("a", real=True)
    t = sp.Symbol("t", positive=True)
    between = (1 - t) * w + t
    outer = a * w / between
    return Derivation(
        "A chain of ReLU units has the level sets of one unit",
        sp.Eq(sp.Symbol("A"), a * w),
        (
            Step(
                "The last unit's input is w h, where h >= 0 comes from the ReLU before. For an inner weight w > 0 and "
                "for -w < 0 the unit makes of it",
                Relation(sp.Tuple(sp.Max(w * h, 0), sp.Max(-w * h, 0)), "=", sp.Tuple(w * h, 0)),
                "exact",
                shown=r"\mathrm{relu}(w h) = w h, \qquad \mathrm{relu}(-w h) = 0",
            ),
            Step(
                "so that the outputs are A h with the outer weight of the shorter chain, for w > 0 the product",
                Relation(a * sp.Max(w, 0), "=", a * w),
                "exact",
                shown=r"A = a \, \mathrm{relu}(w) = a w",
            ),
            Step(
                "and else 0: the unit is dead.",
                Relation(a * sp.Max(-w, 0), "=", 0),
                "exact",
                shown=r"A = a \, \mathrm{relu}(-w) = 0",
            ),
            Step(
                "On three inputs, with all signs of a and w, outputs of chains of two layers are those of one unit: "
                "how many differ,",
                Relation(sp.Integer(_different_outputs()), "=", 0),
                "exact",
                shown=r"a \, \mathrm{relu}(w \, \mathrm{relu}(v x)) = A \, \mathrm{relu}(v x)",
            ),
            Step(
                "With w = 1 it is the shorter chain itself, unit for unit.",
                Relation((a * sp.Max(w, 0)).subs(w, 1), "=", a),
                "exact",
                shown=r"\Phi(\Sigma(\dots, a)) = (\dots, a)",
            ),
            Step(
                "Let w > 0. Move it straight to 1 and divide the outer weight so that it starts at a and the product "
                "stays as it is:",
                Relation(outer * between, "=", a * w),
                "exact",
                shown=r"w_t = (1 - t) w + t, \quad a_t = \frac{a w}{w_t}: \quad a_t w_t = a w",
                domain=Domain(t=(0, 1), w=(0, sp.oo)),
            ),
            Step(
                "which is possible, as the inner weight stays positive.",
                Relation(0, "<", between),
                "exact",
                shown=r"0 < (1 - t) w + t",
                domain=Domain(t=(0, 1), w=(0, sp.oo)),
            ),
            Step(
                "In the end it is 1, and the outer weight is A.",
                Relation(sp.Tuple(between.subs(t, 1), outer.subs(t, 1)), "=", sp.Tuple(1, a * w)),
                "exact",
                shown=r"w_1 = 1, \quad a_1 = a w",
            ),
            Step(
                "With an inner weight -w <= 0 the outputs are 0 whatever a is. Move a to 0, and then the inner weight "
                "to 1; the outputs stay 0, and the end is again the image, with A = 0.",
                Relation(sp.Tuple((1 - t) * a * sp.Max(-w * h, 0), 0 * sp.Max((t - (1 - t) * w) * h, 0)), "=", (0, 0)),
                "exact",
                shown=r"(1 - t) a \, \mathrm{relu}(-w h) = 0, \qquad 0 \cdot \mathrm{relu}(w_t h) = 0",
                domain=Domain(t=(0, 1), w=(0, sp.oo), h=(0, sp.oo)),
            ),
        ),
        Domain(w=(0, sp.oo), h=(0, sp.oo)),
        parts={"dead": sp.Eq(sp.Symbol("A_dead"), sp.Integer(0))},
        titles={
            "dead": "outer weight of a dead chain",
        },
        assumptions=("one unit in each hidden layer; biases at most in the first one and at the output",),
        source="Venturi, Bandeira and Bruna (2019), arXiv:1802.06384, on spurious valleys",
        shown={"result": r"A = a w \quad (w > 0)", "dead": r"A = 0 \quad (w \le 0)"},
    )


def _different_outputs() -> int:
    """How many outputs of chains of two layers, with weights of all signs, are not those of one unit."""

    def relu(z: Fraction) -> Fraction:
        return max(z, Fraction(0))

    outer, inner, first, inputs = (
        [Fraction(number) for number in numbers.split()] for numbers in ("-1/2 1", "-3/2 0 1/2", "-1/2 3/2", "-2 0 5")
    )
    return sum(
        a * relu(w * relu(v * x)) != a * relu(w) * relu(v * x) for a, w, v, x in product(outer, inner, first, inputs)
    )
