r"""What it costs to remove weights under a quadratic loss, and how many can go.

Conventions: the loss at w + d is L(w) + d' H d/2, w a minimum and H its Hessian, positive definite; to remove a weight
is to set it to 0. Increases are of that quadratic. Shares are of the number of weights.
"""

from fractions import Fraction
from functools import cache

import mpmath
import sympy as sp

from theory.derivation import Derivation, Step
from theory.domain import Domain
from theory.proof import Relation

__all__ = ["increase_by_removal", "pruning_schedule", "removable_share"]

_s = sp.Symbol("s", positive=True)
_two_rounds = sp.expand((1 - _s**2) - (1 - _s) ** 2)


@cache
def increase_by_removal() -> Derivation:
    r"""Derive the least increase of a quadratic as one weight is removed and the others adapt: w_q^2/(2 (H^-1)_qq).

    The value is for two weights of curvatures a and b that are coupled by c, the first of which, w, is removed. Parts:
    ``alone`` is the increase if the others stay, ``move`` how the second weight adapts.

    Returns:
        A derivation.

    Examples:
        >>> increase_by_removal().at(a=2, b=2, c=1, w=1), increase_by_removal().at(a=2, b=2, c=1, w=1, part="alone")
        (3/4, 1)

    References:
        LeCun, Denker and Solla (1990), equation 3, for the others staying; Hassibi and Stork (1993), equations 3 to 5.
    """
    a, b, w = sp.symbols("a b w", positive=True)
    c, x, multiplier = sp.symbols("c x lambda", real=True)
    hessian = sp.Matrix([[a, c], [c, b]])
    inverse = hessian.inv()
    steps_to = sp.Matrix([-w, x])
    increase = sp.expand((steps_to.T * hessian * steps_to)[0] / 2)
    move = sp.solve(sp.diff(increase, x), x)[0]
    least = sp.factor(increase.subs(x, move))
    # stationary points of d'Hd/2 + lambda (d_1 + w)
    d1, d2 = sp.symbols("d_1 d_2", real=True)
    lagrangian = (a * d1**2 + 2 * c * d1 * d2 + b * d2**2) / 2 + multiplier * (d1 + w)
    stationary = sp.solve([sp.diff(lagrangian, each) for each in (d1, d2, multiplier)], [d1, d2, multiplier])
    by_multiplier = sp.factor(lagrangian.subs(stationary))
    return Derivation(
        "What it costs to remove a weight from a quadratic",
        sp.Eq(sp.Symbol("Delta"), least),
        (
            Step(
                "With the first weight at 0 and the second moved by x the loss has risen by",
                Relation(increase, "=", a * w**2 / 2 - c * w * x + b * x**2 / 2),
                "exact",
                shown=r"\frac{a w^2}{2} - c w x + \frac{b x^2}{2}",
            ),
            Step(
                "If the second stays, x = 0, that is",
                Relation(increase.subs(x, 0), "=", a * w**2 / 2),
                "exact",
                shown=r"\frac{a w^2}{2}",
            ),
            Step(
                "It is least where its slope in x is 0, at x =",
                Relation(move, "=", c * w / b),
                "exact",
                witness=lambda: stationary[d2],
                shown=r"\frac{c w}{b}",
            ),
            Step(
                "and there it is",
                Relation(increase.subs(x, c * w / b), "=", least),
                "exact",
                witness=lambda: by_multiplier,
                shown=r"\frac{w^2 (a b - c^2)}{2 b}",
            ),
            Step(
                "which is w^2 over twice the weight's entry in the inverse of the Hessian:",
                Relation(w**2 / (2 * inverse[0, 0]), "=", least),
                "exact",
                shown=r"\frac{w^2}{2 (H^{-1})_{11}}",
            ),
            Step(
                "That is less than without adapting if the two are coupled: with c not 0,",
                Relation(0, "<", (a * w**2 / 2 - least).subs(c**2, sp.Symbol("s", positive=True))),
                "exact",
                shown=r"0 < \frac{a w^2}{2} - \Delta = \frac{c^2 w^2}{2 b}",
            ),
        ),
        Domain(a=(0, sp.oo), b=(0, sp.oo), c=(-sp.oo, sp.oo), w=(0, sp.oo)).where(c**2 < a * b),
        parts={
            "alone": sp.Eq(sp.Symbol("Delta_0"), a * w**2 / 2),
            "move": sp.Eq(sp.Symbol("x"), c * w / b),
        },
        titles={
            "alone": "cost if nothing else moves",
            "move": "how far the other weight moves",
        },
        assumptions=("the Hessian is positive definite",),
        source="LeCun, Denker and Solla (1990), equation 3; Hassibi and Stork (1993), equations 3 to 5",
    )


@cache
def removable_share() -> Derivation:
    r"""Derive what the smallest weights of a quadratic cost together: 1 - exp(-t) (1 + t + t^2/2) of what all do.

    All weights have one curvature and none is coupled, as where the Hessian is a multiple of the identity; their sizes
    have the density exp(-u), the Laplace law that an l1 penalty presumes. Those below the level t are removed. Parts:
    ``share`` is the share of the weights that goes, p = 1 - exp(-t), ``small`` the limit of cost over p^3 for few
    weights: a tenth of them costs a six-thousandth of the whole, where a tenth at random costs a tenth.

    Returns:
        A derivation.

    Examples:
        >>> cost = removable_share()
        >>> print(cost.at(t=sp.log(10), digits=5), cost.at(t=sp.log(10), digits=5, part="share"))
        0.40465 0.90000

    References:
        LeCun, Denker and Solla (1990), section 2.2, with a Hessian that is a multiple of the identity.
    """
    t, u = sp.symbols("t u", positive=True)
    share = 1 - sp.exp(-t)
    cost = 1 - sp.exp(-t) * (1 + t + t**2 / 2)
    size = sp.exp(-u)
    antiderivative = -sp.exp(-u) * (u**2 + 2 * u + 2)  # of u^2 exp(-u)
    return Derivation(
        "What the smallest weights of a quadratic cost together",
        sp.Eq(sp.Symbol("C"), cost),
        (
            Step(
                "Sizes u of the weights have the density exp(-u). Below the level t lies the share p =",
                Relation(sp.integrate(size, (u, 0, t)), "=", share),
                "exact",
                shown=r"\int_0^t e^{-u} du = 1 - e^{-t}",
            ),
            Step(
                "Removing a weight costs in proportion to u^2, all of them in the mean",
                Relation(sp.integrate(u**2 * size, (u, 0, sp.oo)), "=", 2),
                "exact",
                witness=lambda: sp.gamma(3),
                shown=r"\int_0^\infty u^2 e^{-u} du = 2",
            ),
            Step(
                "and those below t the share of that",
                Relation(sp.integrate(u**2 * size, (u, 0, t)) / 2, "=", cost),
                "exact",
                witness=lambda: (antiderivative.subs(u, t) - antiderivative.subs(u, 0)) / 2,
                shown=r"\frac12 \int_0^t u^2 e^{-u} du = 1 - e^{-t} \Bigl(1 + t + \frac{t^2}{2}\Bigr)",
            ),
            Step(
                "It is less than the share of the weights, what as many cost at random:",
                Relation(0, "<", sp.expand((share - cost) * sp.exp(t))),
                "exact",
                shown=r"0 < (p - C) e^t = t + \frac{t^2}{2}",
            ),
            Step(
                "and for few weights it falls with the third power of their share, C/p^3 tending to",
                Relation(sp.limit(cost / share**3, t, 0), "=", sp.Rational(1, 6)),
                "exact",
                witness=lambda: sp.diff(cost, t, 3).subs(t, 0) / 6 / sp.diff(share, t).subs(t, 0) ** 3,
                shown=r"\lim_{t \to 0} \frac{C}{p^3} = \frac16",
            ),
        ),
        Domain(t=(0, sp.oo)),
        parts={"share": sp.Eq(sp.Symbol("p"), share), "small": sp.Eq(sp.Symbol("C_3"), sp.Rational(1, 6))},
        titles={
            "share": "share of the weights that goes",
            "small": "cost over the cube of a small share",
        },
        assumptions=("all curvatures are equal and no weights are coupled",),
        source="LeCun, Denker and Solla (1990), section 2.2",
    )


@cache
def pruning_schedule() -> Derivation:
    r"""Derive which share of what is left a round removes if n such rounds are to remove the share p: 1 - (1-p)^(1/n).

    Part ``left`` is what is left if every round removes p^(1/n) of it instead.

    Returns:
        A derivation.

    Examples:
        >>> pruning_schedule().at(p="3/4", n=2), pruning_schedule().at(p="1/4", n=2, part="left")
        (1/2, 1/4)

    References:
        Frankle and Carbin (2019), arXiv:1803.03635, section 1, on iterative pruning.
    """
    p = sp.Symbol("p", positive=True)
    n = sp.Symbol("n", positive=True, integer=True)
    share = 1 - (1 - p) ** (1 / n)
    left = (1 - p ** (1 / n)) ** n

    def root(p: Fraction, n: Fraction) -> mpmath.mpf:
        """Where (1 - r)^n = 1 - p, by halving."""
        with mpmath.workdps(60):
            low, high = mpmath.mpf(0), mpmath.mpf(1)
            for _ in range(180):
                middle = (low + high) / 2
                remains = (1 - middle) ** int(n)
                low, high = (middle, high) if remains > 1 - mpmath.mpf(p.numerator) / p.denominator else (low, middle)
            return low

    def after_all(p: Fraction, n: Fraction) -> mpmath.mpf:
        """What is left, round by round."""
        with mpmath.workdps(60):
            removed = mpmath.root(mpmath.mpf(p.numerator) / p.denominator, int(n))
            remains = mpmath.mpf(1)
            for _ in range(int(n)):
                remains -= removed * remains
            return remains

    return Derivation(
        "The share that each of n rounds of pruning removes",
        sp.Eq(sp.Symbol("r"), share),
        (
            Step(
                "If every round removes the share r of what is left, (1 - r)^n is left after n rounds. It is 1 - p for "
                "r =",
                Relation(share, "=", 1 - (1 - p) ** (1 / n)),
                "exact",
                witness=root,
                shown=r"1 - (1 - p)^{1/n}",
            ),
            Step(
                "With p^(1/n) in its place what is left is",
                Relation(left, "=", (1 - p ** (1 / n)) ** n),
                "exact",
                witness=after_all,
                shown=r"\bigl(1 - p^{1/n}\bigr)^n",
            ),
            Step(
                "which for more than one round is less: for two, with p = s^2,",
                Relation(0, "<", _two_rounds),
                "exact",
                domain=Domain(s=(0, 1)),
                shown=r"0 < (1 - s^2) - (1 - s)^2 = 2 s (1 - s)",
            ),
        ),
        Domain(p=(0, 1), n=(1, 12)).with_integers("n"),
        parts={"left": sp.Eq(sp.Symbol("q"), left)},
        titles={
            "left": "share left if each round removed the root of p",
        },
        assumptions=("every round removes one share of what the round before left",),
        source="Frankle and Carbin (2019), arXiv:1803.03635, section 1",
    )
