r"""A valley of two ReLU units, by data on two subspaces, and its barrier in closed form.

Conventions: n >= 3 inputs x = (x', x_n); with probability 1/2 x_n = 0 and x' has the law N(0, 1), with probability 1/2
x' = 0 and x_n has it. Targets a (relu(x_1) + relu(x_2)) - b relu(x_n), b > a > 0; networks of two ReLU units without
biases, outer weights u; the risk is the mean of the squared error, without a half. K(theta) is the mean of
relu(v . x) relu(w . x) for unit vectors at the angle theta: (sin theta + (pi - theta) cos theta)/(2 pi).
"""

from functools import cache

import sympy as sp

from theory.derivation import Derivation, Step
from theory.domain import Domain
from theory.proof import Relation

__all__ = ["two_sided_valley"]

_theta = sp.Symbol("theta", real=True)


@cache
def two_sided_valley() -> Derivation:
    r"""Derive the spurious valley of two ReLU units on data on two sides, and what it takes to leave it.

    .. math:: \text{valley } \frac{b^2}{4}, \qquad \text{below it } \frac{a^2}{4}, \qquad
              \text{wall } \frac{b^2}{4} + a^2 c_2, \quad
              c_2 = \frac{1}{2} \left(1 + \frac{1}{\pi} - \frac{(1 + 3 \pi/4)^2}{\pi^2}\right)

    In the valley the units fit x', with positive outer weights. To fit x_n an outer weight must become negative; when
    the first one vanishes, one unit is left for the two directions of x'. No path stays below the wall; the one that
    turns both units to the bisector of e_1 and e_2 attains it.

    Returns:
        A derivation; the value is the wall, the parts are the "valley", the level "below" and the constant "c_2".

    Examples:
        >>> print(two_sided_valley().at(a=2, b=3, digits=6))
        2.60405

    References:
        Venturi, Bandeira and Bruna (2019), arXiv:1802.06384, for such data; the kernel is that of Cho and Saul (2009).
    """
    a, b, length, gap, t = sp.symbols("a b r delta t", positive=True)
    c_2 = (1 + 1 / sp.pi - (1 + 3 * sp.pi / 4) ** 2 / sp.pi**2) / 2
    wall = b**2 / 4 + a**2 * c_2
    half_line = sp.integrate(t**2 * sp.exp(-(t**2) / 2) / sp.sqrt(2 * sp.pi), (t, 0, sp.oo))
    overlap = _kernel(_theta) + _kernel(sp.pi / 2 - _theta)
    best = 2 * _kernel(sp.pi / 4)
    target = 1 + 2 * _kernel(sp.pi / 2)  # the mean of (relu(x_1) + relu(x_2))^2
    risk = length**2 / 2 - 2 * length * best + target
    quadrant = Domain(theta=(0, sp.pi / 2))
    sine, cosine = sp.sin(_theta), sp.cos(_theta)
    up, right, number, share = sp.symbols("S C P x", positive=True)
    return Derivation(
        "A valley of two ReLU units on data on two sides",
        sp.Eq(sp.Symbol("wall"), wall),
        (
            Step(
                "A ReLU of a unit vector has the second moment",
                Relation(half_line, "=", sp.Rational(1, 2)),
                "exact",
                shown=r"\int_0^{\infty} t^2 \frac{e^{-t^2/2}}{\sqrt{2 \pi}} \, dt = \frac{1}{2}",
            ),
            Step(
                "In the valley both units fit x', by e_1, e_2 and u = a, and x_n is not fitted:",
                Relation(b**2 * half_line / 2, "=", b**2 / 4),
                "exact",
                shown=r"\frac{1}{2} b^2 \cdot \frac{1}{2} = \frac{b^2}{4}",
            ),
            Step(
                "With one of them on x_n instead, u = -b, a direction of x' is not fitted:",
                Relation(a**2 * half_line / 2, "=", a**2 / 4),
                "exact",
                shown=r"\frac{1}{2} a^2 \cdot \frac{1}{2} = \frac{a^2}{4}",
            ),
            Step(
                "which is lower, b = a + delta.",
                Relation(a**2 / 4, "<", (a + gap) ** 2 / 4),
                "exact",
                shown=r"\frac{a^2}{4} < \frac{b^2}{4}",
            ),
            Step(
                "As long as all u >= 0 the outputs at x_n are >= 0, and that side alone has a risk of at least b^2/4. "
                "When the first u vanishes on the way to a negative one, one unit of length r is left for x'. Its "
                "overlap with the targets is K(theta_1) + K(theta_2). K falls,",
                Relation(_kernel(_theta).diff(_theta), "=", -(sp.pi - _theta) * sine / (2 * sp.pi)),
                "exact",
                shown=r"K' = -\frac{(\pi - \theta) \sin \theta}{2 \pi}",
                domain=quadrant,
            ),
            Step(
                "so that the unit is best in the plane of e_1 and e_2, between them, theta_2 = pi/2 - theta_1. There "
                "the overlap is concave: its second derivative is",
                Relation(
                    overlap.diff(_theta, 2),
                    "=",
                    -((sp.pi / 2 - 1 + _theta) * sine + (sp.pi - 1 - _theta) * cosine) / (2 * sp.pi),
                ),
                "exact",
                shown=r"-\frac{1}{2 \pi} \left(\left(\frac{\pi}{2} - 1 + \theta\right) \sin \theta"
                r" + (\pi - 1 - \theta) \cos \theta\right)",
                domain=quadrant,
            ),
            Step(
                "negative for all sines S > 0 and cosines C > 0 with theta = x P/2, 0 < x < 1, whatever number between "
                "3 and 4 pi = P is.",
                Relation(
                    -((number / 2 - 1 + share * number / 2) * up + (number - 1 - share * number / 2) * right), "<", 0
                ),
                "exact",
                shown=r"-\left(\frac{P}{2} - 1 + x \frac{P}{2}\right) S - \left(P - 1 - x \frac{P}{2}\right) C < 0",
                domain=Domain(P=(3, 4), x=(0, 1), S=(0, sp.oo), C=(0, sp.oo)),
            ),
            Step(
                "Its slope vanishes at pi/4, the maximum,",
                Relation(overlap.diff(_theta).subs(_theta, sp.pi / 4), "=", 0),
                "exact",
                shown=r"\left[\frac{d}{d \theta} \left(K(\theta) + K\left(\frac{\pi}{2} - \theta\right)\right)\right]"
                r"_{\theta = \pi/4} = 0",
            ),
            Step(
                "where it is",
                Relation(best, "=", sp.sqrt(2) * (1 + 3 * sp.pi / 4) / (2 * sp.pi)),
                "exact",
                shown=r"2 K\left(\frac{\pi}{4}\right) = \frac{\sqrt 2}{2 \pi} \left(1 + \frac{3 \pi}{4}\right)",
            ),
            Step(
                "The best length is twice that; half of the least risk there is",
                Relation(sp.expand(risk.subs(length, 2 * best)) / 2, "=", c_2),
                "exact",
                lambda: (target - 2 * best**2) / 2,
                shown=r"c_2 = \frac{1}{2} \left(1 + \frac{1}{\pi} - \frac{(1 + 3 \pi/4)^2}{\pi^2}\right)",
            ),
            Step(
                "with the slope 0 in the length:",
                Relation(risk.diff(length).subs(length, 2 * best), "=", 0),
                "exact",
                shown=r"\frac{d}{d r} \left(\frac{r^2}{2} - 2 r \cdot 2 K + 1 + \frac{1}{\pi}\right) = 0",
            ),
            Step(
                "Both sides together:",
                Relation(b**2 * half_line / 2 + a**2 * (target - 2 * best**2) / 2, "=", wall),
                "exact",
                shown=r"\frac{b^2}{4} + a^2 c_2",
            ),
        ),
        Domain(a=(0, sp.oo), b=(0, sp.oo), delta=(0, sp.oo)),
        parts={
            "valley": sp.Eq(sp.Symbol("valley"), b**2 / 4),
            "below": sp.Eq(sp.Symbol("L_below"), a**2 / 4),
            "c_2": sp.Eq(sp.Symbol("c_2"), c_2),
        },
        titles={
            "valley": "loss of the valley",
            "below": "loss of the lower valley",
            "c_2": "constant of the bound",
        },
        assumptions=("population risk on the two sides, each with probability 1/2; b > a > 0; no biases",),
        source="Venturi, Bandeira and Bruna (2019), arXiv:1802.06384",
        shown={
            "result": r"\mathrm{wall} = \frac{b^2}{4} + a^2 c_2",
            "valley": r"\frac{b^2}{4}",
            "below": r"\frac{a^2}{4}",
            "c_2": r"c_2 = \frac{1}{2} \left(1 + \frac{1}{\pi} - \frac{(1 + 3 \pi/4)^2}{\pi^2}\right)",
        },
    )


def _kernel(theta: sp.Expr) -> sp.Expr:
    return (sp.sin(theta) + (sp.pi - theta) * sp.cos(theta)) / (2 * sp.pi)
