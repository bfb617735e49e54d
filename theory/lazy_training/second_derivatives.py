r"""How large the second derivatives of a wide two-layer network are.

Conventions: Phi(x) = sum_k a_k rho(z_k), z_k = <w_k, (x, 1)>, with weights w_k ~ N(0, v) and a_k ~ N(0, 1/n), all
independent. The sum is not divided by the number n of units. The variance v is 1 or, as in the lecture, 1/n. X is the
length of (x, 1), and x_c one of its coordinates (the last is 1). Closed forms are for rho(z) = erf(z), whose
slope is (2/sqrt pi) exp(-z^2); the orders in n are those of every rho with bounded first and second derivatives.
"""

from functools import cache
from typing import Any

import sympy as sp

from theory.derivation import Derivation, Step
from theory.domain import Domain
from theory.proof import Relation

__all__ = ["lazy_second_derivatives"]


@cache
def lazy_second_derivatives() -> Derivation:
    r"""Derive the mean squares of the second derivatives of the output of a wide network.

    Only weights of one unit have any, and of these two output weights have none. For rho = erf, with
    s = v X^2 the variance of z,

    .. math:: E \Bigl( \frac{\partial^2 \Phi}{\partial a_k \partial w_{kc}} \Bigr)^2
                  = \frac{4}{\pi} \frac{x_c^2}{\sqrt{1 + 4 s}}, \qquad
              E \Bigl( \frac{\partial^2 \Phi}{\partial w_{kc} \partial w_{kb}} \Bigr)^2
                  = \frac{1}{n} \cdot \frac{16}{\pi} \frac{s \, x_c^2 x_b^2}{(1 + 4 s)^{3/2}}

    Returns:
        A derivation; the value is the mean square for two hidden weights. Parts: "output and hidden" for one of each,
        "two outputs", and "printed variance", n^2 times the value in the limit of many units at v = 1/n.

    Examples:
        >>> lazy_second_derivatives().parts["two outputs"].rhs
        0

    References:
        Berner, Grohs, Kutyniok and Petersen (2021), arXiv:2105.04026, section 5.2.
    """
    n, s, length = sp.symbols("n s X", positive=True)
    a, b, w, u, x, y, p, z = sp.symbols("a b w u x_c x_b p z", real=True)
    before = w * x + u * y + p
    activation = sp.erf(z)
    unit = a * activation.subs(z, before)
    output = unit + b * sp.erf(p)
    slope, bend = sp.diff(activation, z), sp.diff(activation, z, 2)
    mixed = 4 * x**2 / (sp.pi * sp.sqrt(1 + 4 * s))
    own = 16 * s * x**2 * y**2 / (sp.pi * n * (1 + 4 * s) ** sp.Rational(3, 2))
    printed = 16 * length**2 * x**2 * y**2 / sp.pi
    at_printed = sp.simplify(own.subs(s, length**2 / n) * n**2)

    def mean(power: int) -> Any:
        """The mean of z^power exp(-2 z^2) over N(0, s)."""
        density = sp.exp(-(z**2) / (2 * s)) / sp.sqrt(2 * sp.pi * s)
        value = sp.integrate(z**power * sp.exp(-2 * z**2) * density, (z, -sp.oo, sp.oo))
        return sp.powsimp(sp.simplify(value))

    return Derivation(
        "Second derivatives of a wide two-layer network",
        sp.Eq(sp.Symbol("M_11"), own),
        (
            Step(
                "Output weights occur to the first power: of two of them, the same or not, the second derivative is",
                Relation(sp.Tuple(output.diff(a, 2), output.diff(a, b)), "=", sp.Tuple(0, 0)),
                "exact",
                shown=r"\frac{\partial^2 \Phi}{\partial a_k \partial a_l} = 0",
            ),
            Step(
                "and so it is of weights of two units.",
                Relation(output.diff(w, b), "=", 0),
                "exact",
                shown=r"\frac{\partial^2 \Phi}{\partial w_{kc} \partial a_l} ="
                r" \frac{\partial^2 \Phi}{\partial w_{kc} \partial w_{lb}} = 0, \quad k \neq l",
            ),
            Step(
                "Of the output weight and a hidden weight of one unit:",
                Relation(output.diff(a, w), "=", slope.subs(z, before) * x),
                "exact",
                shown=r"\frac{\partial^2 \Phi}{\partial a_k \partial w_{kc}} = \rho'(z_k) x_c",
            ),
            Step(
                "and of two hidden weights:",
                Relation(output.diff(w, u), "=", a * bend.subs(z, before) * x * y),
                "exact",
                shown=r"\frac{\partial^2 \Phi}{\partial w_{kc} \partial w_{kb}} = a_k \rho''(z_k) x_c x_b",
            ),
            Step(
                "With rho = erf the squares of slope and bend are",
                Relation(
                    sp.Tuple(slope**2, bend**2),
                    "=",
                    sp.Tuple(4 * sp.exp(-2 * z**2) / sp.pi, 16 * z**2 * sp.exp(-2 * z**2) / sp.pi),
                ),
                "exact",
                shown=r"\rho'(z)^2 = \frac{4}{\pi} e^{-2 z^2}, \quad \rho''(z)^2 = \frac{16}{\pi} z^2 e^{-2 z^2}",
            ),
            Step(
                "z is normal with variance s = v X^2. The mean of the first gives",
                Relation(4 * x**2 / sp.pi * mean(0), "=", mixed),
                "exact",
                shown=r"E \rho'(z)^2 x_c^2 = \frac{4}{\pi} \frac{x_c^2}{\sqrt{1 + 4 s}}",
            ),
            Step(
                "and that of the second, with a_k of variance 1/n,",
                Relation(16 * x**2 * y**2 / (sp.pi * n) * mean(2), "=", own),
                "exact",
                shown=r"E a_k^2 \, E \rho''(z)^2 x_c^2 x_b^2 ="
                r" \frac{1}{n} \cdot \frac{16}{\pi} \frac{s \, x_c^2 x_b^2}{(1 + 4 s)^{3/2}}",
            ),
            Step(
                "At v = 1 the first does not change with n and the second is of the order 1/n. At v = 1/n, s = X^2/n "
                "tends to 0: the first tends to its largest value, and the second is of the order 1/n^2,",
                Relation(sp.limit(at_printed, n, sp.oo), "=", printed),
                "exact",
                shown=r"\lim_{n \to \infty} n^2 E \Bigl( \frac{\partial^2 \Phi}{\partial w_{kc} \partial w_{kb}}"
                r" \Bigr)^2 = \frac{16}{\pi} X^2 x_c^2 x_b^2",
            ),
        ),
        Domain(n=(0, sp.oo), s=(0, sp.oo), X=(0, sp.oo)).with_integers("n"),
        parts={
            "output and hidden": sp.Eq(sp.Symbol("M_21"), mixed),
            "two outputs": sp.Eq(sp.Symbol("M_22"), sp.Integer(0)),
            "printed variance": sp.Eq(sp.Symbol("M"), printed),
        },
        titles={
            "output and hidden": "for an output and a hidden weight",
            "two outputs": "for two output weights",
            "printed variance": "limit at the printed variance",
        },
        assumptions=("weights are independent and normal, output weights of variance 1/n; rho is erf",),
        source="Berner, Grohs, Kutyniok and Petersen (2021), arXiv:2105.04026, section 5.2",
        shown={
            "result": r"E \Bigl( \frac{\partial^2 \Phi}{\partial w_{kc} \partial w_{kb}} \Bigr)^2 ="
            r" \frac{1}{n} \cdot \frac{16}{\pi} \frac{s \, x_c^2 x_b^2}{(1 + 4 s)^{3/2}}",
            "output and hidden": r"E \Bigl( \frac{\partial^2 \Phi}{\partial a_k \partial w_{kc}} \Bigr)^2 ="
            r" \frac{4}{\pi} \frac{x_c^2}{\sqrt{1 + 4 s}}",
            "two outputs": r"\frac{\partial^2 \Phi}{\partial a_k \partial a_l} = 0",
            "printed variance": r"\frac{16}{\pi} X^2 x_c^2 x_b^2",
        },
    )
