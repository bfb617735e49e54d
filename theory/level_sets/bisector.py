r"""Two ReLU units against one on their bisector: the correlation of their outputs, from both sides.

Conventions: w_1 and w_2 are unit vectors at the angle a, 0 < a < pi, and w_m the unit vector in the middle between
them; [v, w] = E relu(v . X) relu(w . X), [w] = [w, w] its square norm, Sigma = E X X' the second moments of the input.
With c = cos(a/2) and s = sin(a/2) an input has the coordinates p along w_m and q along w_1 - w_2, and

.. math:: w_1 \cdot x = c p + s q, \qquad w_2 \cdot x = c p - s q
"""

from dataclasses import dataclass
from functools import cache
from math import factorial
from typing import Any

import flint
import sympy as sp

from theory.ball import Ball
from theory.certified_precision import ball_from_arb
from theory.derivation import Derivation, Step
from theory.domain import Domain
from theory.proof import Relation
from theory.real_arrays import positive_integer

__all__ = ["BisectorGaps", "bisector_correlation", "bisector_gaps", "merging_change"]

_MOST_PIECES = 10**5
_TERMS = 24  # of the power series; at angles up to pi the rest is below 1e-40


@cache
def bisector_correlation() -> Derivation:
    r"""Derive both bounds on the correlation of two ReLU units, for every law of the input, and its value for normal X.

    .. math:: \frac{1 + \cos a}{2} [w_m] - \frac{1 - \cos a}{2} \|\Sigma\| \le [w_1, w_2]
              \le \frac{1 + \cos a}{2} [w_m], \qquad
              f(a) = \frac{\sin a + (\pi - a) \cos a}{2 \pi}

    They hold point by point: (c p)^2 1{p > 0} - relu(w_1 . x) relu(w_2 . x) lies between 0 and s^2 q^2. The published
    lower bound has 2 ||Sigma|| ((1 - cos a)/2 + sin(a)^2) in the place of ||Sigma|| (1 - cos a)/2, and is weaker.

    Returns:
        A derivation; the value is f(a), for standard normal inputs. The parts are the "upper" bound f(a) <=
        (1 + cos a)/4, what it leaves to f, "slack", and the "lower" bound cos(a)/2 that is proved here.

    Examples:
        >>> print(bisector_correlation().at(a=1, digits=8))
        0.31808364

    References:
        Freeman and Bruna (2017), arXiv:1611.01540, proposition 2.3.
    """
    a, t, c, s, p, q, rest = sp.symbols("a t c s p q r", positive=True)
    phi = sp.Symbol("phi", real=True)
    f = (sp.sin(a) + (sp.pi - a) * sp.cos(a)) / (2 * sp.pi)
    upper = (1 + sp.cos(a)) / 4
    slack = (sp.pi * (1 - sp.cos(a)) - 2 * (sp.sin(a) - a * sp.cos(a))) / (4 * sp.pi)
    radial = sp.integrate(t**3 * sp.exp(-(t**2) / 2), (t, 0, sp.oo)) / (2 * sp.pi)
    edge = (sp.pi - a) / 2
    angular = sp.integrate((sp.cos(2 * phi) + sp.cos(a)) / 2, (phi, -edge, edge))
    half_norm = radial * sp.integrate(sp.cos(phi) ** 2, (phi, -sp.pi / 2, sp.pi / 2))
    unit = Domain(c=(0, 1), s=(0, 1), p=(0, sp.oo), q=(0, sp.oo), r=(0, sp.oo))
    return Derivation(
        "The correlation of two ReLU units, and the unit on their bisector",
        sp.Eq(sp.Symbol("f"), f),
        (
            Step(
                "Where both units are active, so is their bisector, and (c p)^2 exceeds the product by",
                Relation((c * p) ** 2 - (c * p + s * q) * (c * p - s * q), "=", s**2 * q**2),
                "exact",
                shown=r"(c p)^2 - (c p + s q)(c p - s q) = s^2 q^2",
                domain=unit,
            ),
            Step(
                "Where the bisector is active and only one unit is, the product is 0 and s|q| = c p + r for some r >= "
                "0: then (c p)^2 is less than (s q)^2. Where p <= 0 at most one is active, and nothing is exceeded.",
                Relation((c * p) ** 2, "<", (c * p + rest) ** 2),
                "exact",
                shown=r"0 < (c p)^2 < (c p + r)^2 = s^2 q^2",
                domain=unit,
            ),
            Step(
                "So the product lies between (c p)^2 1{p > 0} and that less s^2 q^2, for every input; the means give "
                "both bounds for every law, with c^2 and s^2, and E q^2 <= ||Sigma||:",
                Relation(sp.Tuple((1 + (2 * c**2 - 1)) / 2, (1 - (2 * c**2 - 1)) / 2), "=", sp.Tuple(c**2, 1 - c**2)),
                "exact",
                shown=r"\cos a = 2 c^2 - 1: \quad c^2 = \frac{1 + \cos a}{2}, \quad s^2 = \frac{1 - \cos a}{2}",
                domain=Domain(c=(0, 1)),
            ),
            Step(
                "For standard normal inputs, in polar coordinates around w_m, with the product r^2 (cos 2 phi + cos a)/"
                "2 for |phi| < (pi - a)/2,",
                Relation(sp.expand(radial * angular), "=", f),
                "exact",
                shown=r"\int_0^\infty \frac{r^3 e^{-r^2/2}}{2 \pi} \, dr \int_{-(\pi - a)/2}^{(\pi - a)/2}"
                r" \frac{\cos 2\varphi + \cos a}{2} \, d\varphi = \frac{\sin a + (\pi - a) \cos a}{2 \pi}",
            ),
            Step(
                "and the square norm of a unit vector is",
                Relation(half_norm, "=", sp.Rational(1, 2)),
                "exact",
                shown=r"[w_m] = \frac{1}{2}",
            ),
            Step(
                "So the upper bound is (1 + cos a)/4, and exceeds f by",
                Relation(upper - f, "=", slack),
                "exact",
                shown=r"\frac{1 + \cos a}{4} - f(a) = \frac{\pi (1 - \cos a) - 2 (\sin a - a \cos a)}{4 \pi}",
            ),
            Step(
                "which is 0 at a = 0, the same at pi - a as at a,",
                Relation(slack - slack.subs(a, sp.pi - a), "=", 0),
                "exact",
                lambda: slack.subs(a, 0),
                shown=r"g(\pi - a) = g(a), \quad g(0) = 0",
            ),
            Step(
                "and rises up to pi/2:",
                Relation(slack.diff(a), "=", (sp.pi - 2 * a) * sp.sin(a) / (4 * sp.pi)),
                "exact",
                shown=r"g'(a) = \frac{(\pi - 2 a) \sin a}{4 \pi}",
            ),
            Step(
                "The lower bound (1 + cos a)/4 - (1 - cos a)/4 is cos(a)/2, and f exceeds it by a function that is 0 "
                "at a = 0 and rises:",
                Relation((f - sp.cos(a) / 2).diff(a), "=", a * sp.sin(a) / (2 * sp.pi)),
                "exact",
                shown=r"\left(f(a) - \frac{\cos a}{2}\right)' = \frac{a \sin a}{2 \pi}",
            ),
            Step(
                "so that the correlation is more than cos(a) [w_m], as for linear units, however small the angle.",
                Relation((1 + sp.cos(a)) / 4 - (1 - sp.cos(a)) / 4, "=", sp.cos(a) / 2),
                "exact",
                shown=r"\frac{1 + \cos a}{4} - \frac{1 - \cos a}{4} = \frac{\cos a}{2}",
            ),
            Step(
                "The upper bound is f and g together:",
                Relation(f + slack, "=", upper),
                "exact",
                shown=r"f(a) + g(a) = \frac{1 + \cos a}{4}",
            ),
        ),
        Domain(a=(0, sp.pi)),
        parts={
            "upper": sp.Eq(sp.Symbol("upper"), upper),
            "slack": sp.Eq(sp.Symbol("slack"), slack),
            "lower": sp.Eq(sp.Symbol("lower"), sp.cos(a) / 2),
        },
        titles={
            "upper": "upper bound on the correlation",
            "slack": "room under the upper bound",
            "lower": "lower bound by the bisector",
        },
        assumptions=("inputs with finite second moments; standard normal ones for f",),
        source="Freeman and Bruna (2017), arXiv:1611.01540, proposition 2.3",
        shown={
            "result": r"f(a) = \frac{\sin a + (\pi - a) \cos a}{2 \pi}",
            "upper": r"f(a) \leq \frac{1 + \cos a}{4}",
            "slack": r"g(a) = \frac{\pi (1 - \cos a) - 2 (\sin a - a \cos a)}{4 \pi}",
            "lower": r"f(a) \geq \frac{\cos a}{2}",
        },
    )


@cache
def merging_change() -> Derivation:
    r"""Derive how much the output changes when two unit vectors are replaced by their sum, for standard normal inputs.

    .. math:: E |\mathrm{relu}(w_1 \cdot X) + \mathrm{relu}(w_2 \cdot X) - \mathrm{relu}((w_1 + w_2) \cdot X)|
              = \frac{2}{\sqrt{2 \pi}} \left(1 - \cos \frac{a}{2}\right) \le \frac{a^2}{4 \sqrt{2 \pi}}

    Nothing changes where both are active or both are silent; elsewhere the sum of two outputs is larger than the output
    of the sum. So merging costs a bounded residual the second power of the angle, of which m directions in n dimensions
    have pairs with a ~ m^(-1/(n-1)).

    Returns:
        A derivation; the value is the mean change.

    Examples:
        >>> print(merging_change().at(a="1/10", digits=6))
        0.000997148

    References:
        Freeman and Bruna (2017), arXiv:1611.01540, section 2.3.2, on pairs of units with a small angle.
    """
    a, t, p, d = sp.symbols("a t p d", positive=True)
    half = sp.cos(a / 2)
    mean = sp.integrate(t * sp.exp(-(t**2) / 2) / sp.sqrt(2 * sp.pi), (t, 0, sp.oo))
    change = 2 * (1 - half) / sp.sqrt(2 * sp.pi)
    first = sp.Matrix([half, sp.sin(a / 2)])
    second = sp.Matrix([half, -sp.sin(a / 2)])
    total = first + second
    return Derivation(
        "The change of the output when two ReLU units are merged",
        sp.Eq(sp.Symbol("change"), change),
        (
            Step(
                "Where both are active the output of the sum is the sum of the outputs.",
                Relation((p + d) - p - d, "=", 0),
                "exact",
                shown=r"\mathrm{relu}(p + d) = \mathrm{relu}(p) + \mathrm{relu}(d), \quad p, d > 0",
            ),
            Step(
                "Where only one of them is, it is less, so that the change has one sign.",
                Relation(p - d, "<", p),
                "exact",
                shown=r"\mathrm{relu}(p - d) < \mathrm{relu}(p) + \mathrm{relu}(-d)",
            ),
            Step(
                "A unit vector has the mean output",
                Relation(mean, "=", 1 / sp.sqrt(2 * sp.pi)),
                "exact",
                shown=r"\int_0^\infty \frac{t \, e^{-t^2/2}}{\sqrt{2 \pi}} \, dt = \frac{1}{\sqrt{2 \pi}}",
            ),
            Step(
                "and the sum of the two lies on their bisector, of length 2 cos(a/2).",
                Relation(sp.Tuple(*total), "=", sp.Tuple(2 * half, 0)),
                "exact",
                shown=r"w_1 + w_2 = 2 \cos \frac{a}{2} \, w_m",
            ),
            Step(
                "So the mean change is",
                Relation(2 * mean - 2 * half * mean, "=", change),
                "exact",
                shown=r"\frac{2 - 2 \cos(a/2)}{\sqrt{2 \pi}}",
            ),
            Step(
                "It vanishes at a = 0 with its slope, and its second derivative is that of a^2/(4 sqrt(2 pi)) times "
                "cos(a/2), at most 1.",
                Relation(change.diff(a, 2), "=", half * (a**2 / (4 * sp.sqrt(2 * sp.pi))).diff(a, 2)),
                "exact",
                shown=r"\frac{d^2}{da^2} \frac{2 (1 - \cos(a/2))}{\sqrt{2 \pi}} = \frac{\cos(a/2)}{2 \sqrt{2 \pi}}",
            ),
            Step(
                "Value and slope at a = 0:",
                Relation(sp.Tuple(change.subs(a, 0), change.diff(a).subs(a, 0)), "=", sp.Tuple(0, 0)),
                "exact",
                shown=r"0, \ 0",
            ),
        ),
        Domain(a=(0, sp.pi)),
        assumptions=("standard normal inputs; unit vectors with outer weights of one sign, and equal size",),
        source="Freeman and Bruna (2017), arXiv:1611.01540, section 2.3.2",
        shown={"result": r"\mathrm{change} = \frac{2}{\sqrt{2 \pi}} \left(1 - \cos \frac{a}{2}\right)"},
    )


@dataclass(frozen=True)
class BisectorGaps:
    """How much the two bounds on the correlation f leave to it, in balls whose intervals of angles cover [0, pi].

    Args:
        upper: ((1 + cos a)/4 - f(a))/(a^2 (pi - a)^2), piece by piece.
        lower: (f(a) minus the published lower bound)/a^2.
        sharp: (f(a) - cos(a)/2)/a^3: against the lower bound that is proved here.
    """

    upper: tuple[Ball, ...]
    lower: tuple[Ball, ...]
    sharp: tuple[Ball, ...]


def bisector_gaps(pieces: int = 128) -> BisectorGaps:
    r"""Enclose the gaps of both bounds for standard normal inputs on all of [0, pi], without their zeros at the ends.

    .. math:: 4 \pi g = \pi (1 - \cos a) - 2 (\sin a - a \cos a), \qquad
              \frac{1 - \cos a}{a^2} = \sum_k \frac{(-1)^k a^{2k}}{(2k + 2)!}, \qquad
              \frac{\sin a - a \cos a}{a^3} = \sum_k \frac{(-1)^k (2k + 2) a^{2k}}{(2k + 3)!}

    g(pi - a) = g(a), so that the first gap is taken from the nearer end. The series are summed in balls of whole pieces
    and the rest is bounded by twice the first term left out. All balls exclude 0 already with a few dozen pieces.

    Args:
        pieces: How many intervals of equal length, even, at most 100000.

    Raises:
        TypeError: If ``pieces`` is no integer.
        ValueError: If it is not even, < 2 or too large.

    Examples:
        >>> gaps = bisector_gaps()
        >>> all(ball.lower > 0 for ball in gaps.upper + gaps.lower + gaps.sharp)
        True

    References:
        Freeman and Bruna (2017), arXiv:1611.01540, proposition 2.3, with norm 1 of the second moments.
    """
    pieces = positive_integer("pieces", pieces)
    if pieces % 2 or pieces > _MOST_PIECES:
        raise ValueError(f"pieces must be even and from 2 to {_MOST_PIECES}, got {pieces}.")
    upper, lower, sharp = [], [], []
    with flint.ctx.workprec(128):
        pi = flint.arb.pi()
        for piece in range(pieces):
            a = pi * (flint.arb(piece) / pieces).union(flint.arb(piece + 1) / pieces)
            b = pi * (flint.arb(pieces - piece - 1) / pieces).union(flint.arb(pieces - piece) / pieces)  # pi - a
            near, far = (a, b) if 2 * piece < pieces else (b, a)
            over_square = (pi * _one_minus_cosine(near) - 2 * near * _sine_minus(near)) / (4 * pi)  # g/near^2
            upper.append(over_square / far**2)
            slack_over_square = over_square if near is a else near**2 * over_square / a**2
            lower.append(_one_minus_cosine(a) + 2 * _sine_over(a) ** 2 - slack_over_square)
            sharp.append(_sine_minus(a) / (2 * pi))
        return BisectorGaps(*(tuple(ball_from_arb(value, 15) for value in gaps) for gaps in (upper, lower, sharp)))


def _one_minus_cosine(a: Any) -> Any:
    """(1 - cos a)/a^2."""
    return _series(a, [flint.fmpq(1, factorial(2 * k + 2)) for k in range(_TERMS)])


def _sine_minus(a: Any) -> Any:
    """(sin a - a cos a)/a^3."""
    return _series(a, [flint.fmpq(2 * k + 2, factorial(2 * k + 3)) for k in range(_TERMS)])


def _sine_over(a: Any) -> Any:
    """(sin a)/a."""
    return _series(a, [flint.fmpq(1, factorial(2 * k + 1)) for k in range(_TERMS)])


def _series(a: Any, coefficients: list[Any]) -> Any:
    """The alternating sum of coefficients times powers of a^2, for a up to 4: there the last terms fall by half."""
    square, total = a * a, flint.arb(0)
    for coefficient in reversed(coefficients):
        total = flint.arb(coefficient) - square * total
    rest = 2 * flint.arb(coefficients[-1]) * (square**_TERMS).upper()
    return total + rest.union(-rest)
