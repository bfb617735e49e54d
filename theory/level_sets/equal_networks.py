r"""Two parameters of one function, their midpoint of another one, and the way between them at loss 0.

Conventions: Phi(x) = theta_1 relu(theta_3 x + theta_5) + theta_2 relu(theta_4 x + theta_6); the risk is the mean of the
squared errors on the samples (x, y) = (-1, 0), (1, 1), without a half.
"""

import itertools
from fractions import Fraction
from functools import cache

import sympy as sp

from theory.derivation import Derivation, Step
from theory.domain import Domain
from theory.proof import Relation

__all__ = ["equal_networks_midpoint", "zero_loss_polyline"]

_START, _END = (1, -1, 1, 1, 1, 0), (-1, 1, 1, 1, 0, 1)
_HALF = Fraction(1, 2)


def zero_loss_polyline() -> tuple[tuple[Fraction, ...], ...]:
    """Return the six corners of a polyline of risk 0 from one parameter to the other.

    Along each segment either one unit with outer weight 0 moves its bias, or the outer weights move with the first
    layer fixed: so the outputs at the samples are affine in the time, and 1 and 0 at both ends.

    Examples:
        >>> [tuple(str(entry) for entry in corner) for corner in zero_loss_polyline()][1]
        ('1/2', '0', '1', '1', '1', '0')
    """
    corners = (
        _START,
        (_HALF, 0, 1, 1, 1, 0),
        (_HALF, 0, 1, 1, 1, 1),
        (0, _HALF, 1, 1, 1, 1),
        (0, _HALF, 1, 1, 0, 1),
        _END,
    )
    return tuple(tuple(Fraction(entry) for entry in corner) for corner in corners)


@cache
def equal_networks_midpoint() -> Derivation:
    r"""Derive that the risk is not convex in the parameters, though a path of risk 0 joins the two minimisers.

    The parameters (1, -1, 1, 1, 1, 0) and (-1, 1, 1, 1, 0, 1) are the function relu(x + 1) - relu(x), of risk 0; their
    midpoint is the function 0, of risk 1/2. So the example shows that the risk is not convex, not that its sublevel
    sets are disconnected.

    Returns:
        A derivation; the value is the risk at the midpoint, the part "on the polyline" that of `zero_loss_polyline`.

    Examples:
        >>> equal_networks_midpoint().value
        1/2

    References:
        Berner, Grohs, Kutyniok and Petersen (2021), arXiv:2105.04026, example 1.20.
    """
    t = sp.Symbol("t", positive=True)
    corners = zero_loss_polyline()
    middle = tuple(Fraction(a + b, 2) for a, b in zip(_START, _END, strict=True))
    places = (Fraction(-3), Fraction(-1, 2), Fraction(1, 3), Fraction(4))  # one on each linear piece of the two
    outputs = [_along(first, second, t) for first, second in itertools.pairwise(corners)]
    return Derivation(
        "Two parameters of one network function and their midpoint",
        sp.Eq(sp.Symbol("R"), sp.Rational(1, 2)),
        (
            Step(
                "The two functions agree on every piece (they are linear in between -1 and 0, and beyond).",
                Relation(
                    sp.Tuple(*(_exact(_output(_START, x)) for x in places)),
                    "=",
                    sp.Tuple(*(_exact(_output(_END, x)) for x in places)),
                ),
                "exact",
                shown=r"\mathrm{relu}(x + 1) - \mathrm{relu}(x)",
            ),
            Step(
                "Both fit the samples:",
                Relation(sp.Tuple(_exact(_risk(_START)), _exact(_risk(_END))), "=", sp.Tuple(0, 0)),
                "exact",
                shown=r"R(\theta) = R(\bar \theta) = 0",
            ),
            Step(
                "The midpoint is (0, 0, 1, 1, 1/2, 1/2), with outputs 0:",
                Relation(sp.Tuple(*(_exact(_output(middle, x)) for x in places)), "=", sp.Tuple(0, 0, 0, 0)),
                "exact",
                shown=r"\Phi = 0",
            ),
            Step(
                "and its risk is",
                Relation(_exact(_risk(middle)), "=", sp.Rational(1, 2)),
                "exact",
                shown=r"\frac{0 + 1}{2}",
            ),
            Step(
                "more than the mean of the ends: the risk is not convex.",
                Relation(0, "<", _exact(_risk(middle))),
                "exact",
                shown=r"0 < \frac{1}{2}",
            ),
            Step(
                "On each of the five segments of the polyline, 0 < t < 1, no unit changes between on and off at a "
                "sample, and the outputs are 0 at x = -1 and 1 at x = 1.",
                Relation(sp.Tuple(*(value for pair in outputs for value in pair)), "=", sp.Tuple(*[0, 1] * 5)),
                "exact",
                shown=r"\Phi(-1) = 0, \quad \Phi(1) = 1",
                domain=Domain(t=(0, 1)),
            ),
            Step(
                "So the risk on it is",
                Relation(sum((a**2 + (b - 1) ** 2 for a, b in outputs), sp.Integer(0)), "=", 0),
                "exact",
                shown=r"R = 0",
                domain=Domain(t=(0, 1)),
            ),
        ),
        Domain(t=(0, 1)),
        parts={"on the polyline": sp.Eq(sp.Symbol("R_path"), sp.Integer(0))},
        titles={
            "on the polyline": "risk on the polyline",
        },
        source="Berner, Grohs, Kutyniok and Petersen (2021), arXiv:2105.04026, example 1.20; polyline derived here",
        shown={"result": r"R = \frac{1}{2}", "on the polyline": r"R = 0"},
    )


def _output(theta: tuple[Fraction | int, ...], x: Fraction) -> Fraction:
    units = [max(theta[2 + unit] * x + theta[4 + unit], Fraction(0)) for unit in (0, 1)]
    return theta[0] * units[0] + theta[1] * units[1]


def _risk(theta: tuple[Fraction | int, ...]) -> Fraction:
    return (_output(theta, Fraction(-1)) ** 2 + (_output(theta, Fraction(1)) - 1) ** 2) / 2


def _along(first: tuple[Fraction, ...], second: tuple[Fraction, ...], t: sp.Symbol) -> tuple[sp.Expr, sp.Expr]:
    """The outputs at the two samples along a segment, with the units on that are on in its middle.

    A pre-activation is affine in t; here none changes its sign between the ends of a segment.
    """
    theta = [_exact(a) + t * _exact(b - a) for a, b in zip(first, second, strict=True)]
    values = []
    for x in (-1, 1):
        total = sp.Integer(0)
        for unit in (0, 1):
            ends = [corner[2 + unit] * x + corner[4 + unit] for corner in (first, second)]
            if min(ends) >= 0:
                total += theta[unit] * (theta[2 + unit] * x + theta[4 + unit])
            elif max(ends) > 0:
                raise ValueError(f"a unit must not change its sign on a segment, got pre-activations {ends}.")
        values.append(sp.expand(total))
    return values[0], values[1]


def _exact(value: Fraction | int) -> sp.Rational:
    return sp.Rational(*Fraction(value).as_integer_ratio())
