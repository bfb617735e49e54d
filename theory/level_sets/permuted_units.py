r"""Exchanging hidden ReLU units of a network that nothing else computes: a component of zero risk for every order.

Conventions: f(x) = sum_j a_j relu(w_j . x), a_j != 0, no two of the w_j on one line through 0; the data have the
targets f(X) and X has a density that is positive everywhere, so that risk zero means: the same function.
"""

from functools import cache

import sympy as sp

from theory.derivation import Derivation, Step
from theory.domain import Domain
from theory.proof import Relation

__all__ = ["permuted_units"]


@cache
def permuted_units() -> Derivation:
    r"""Derive that a function shows its units: its second difference across a hyperplane is that of the unit there.

    .. math:: f(x + t w_1) + f(x - t w_1) - 2 f(x) = t \, a_1 |w_1|^2, \qquad w_1 \cdot x = 0, \quad
              w_j \cdot x \ne 0 \ (j \ne 1), \quad t > 0 \text{ small}

    and 0 if x is on no hyperplane. So the hyperplanes of m units that compute f are those of f, one each. On a path of
    risk zero they move continuously within a finite set: they stay, and no two units change places, though the network
    with two units exchanged has risk zero as well. The set of risk zero has a component for each of the m! orders, at
    least.

    Returns:
        A derivation; the value is the second difference over t, the part "elsewhere" what it is on no hyperplane.

    Examples:
        >>> print(permuted_units().result)
        Eq(D, a_1*w**2)

    References:
        Freeman and Bruna (2017), arXiv:1611.01540, section 2.3.1.
    """
    t, length, room = sp.symbols("t w r", positive=True)
    outer, other = (sp.Symbol(name, real=True) for name in ("a_1", "a_2"))
    slope = sp.Symbol("s", positive=True)
    step = t * length**2  # how far w_1 . x moves
    away = slope * t + room  # w_2 . x where it is active at x and at both neighbours
    kink = outer * (step + 0 - 2 * 0)
    smooth = other * ((away + slope * t) + (away - slope * t) - 2 * away)
    return Derivation(
        "The kinks of a function tell which units compute it",
        sp.Eq(sp.Symbol("D"), outer * length**2),
        (
            Step(
                "At a point of its hyperplane a unit is silent; t w_1 further it has the output t |w_1|^2, and on the "
                "other side none.",
                Relation(kink / t, "=", outer * length**2),
                "exact",
                shown=r"\frac{a_1 \, (t |w_1|^2 + 0 - 2 \cdot 0)}{t} = a_1 |w_1|^2",
            ),
            Step(
                "A unit that is active at x with room r, w_2 . x = s t + r with s = |w_1 . w_2|, is active at both "
                "neighbours, and adds",
                Relation(smooth, "=", 0),
                "exact",
                shown=r"a_2 \, ((w_2 \cdot x + s t) + (w_2 \cdot x - s t) - 2 \, w_2 \cdot x) = 0",
            ),
            Step(
                "as does one that is silent with room: it stays silent.",
                Relation(sp.Tuple(-away + slope * t, -away - slope * t), "<", sp.Tuple(0, 0)),
                "exact",
                shown=r"-(s t + r) \pm s t < 0",
            ),
        ),
        Domain(t=(0, sp.oo), w=(0, sp.oo), r=(0, sp.oo)),
        parts={"elsewhere": sp.Eq(sp.Symbol("D_elsewhere"), sp.Integer(0))},
        titles={
            "elsewhere": "the difference off the hyperplanes",
        },
        assumptions=(
            "a density that is positive everywhere; units on different lines, all outer weights other than 0",
        ),
        source="Freeman and Bruna (2017), arXiv:1611.01540, section 2.3.1",
        shown={"result": r"D = a_1 |w_1|^2", "elsewhere": r"D = 0"},
    )
