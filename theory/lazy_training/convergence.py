r"""Why a wide network converges: its path is shorter than the way on which the bound on its gradient holds.

Conventions: the risk r is the mean of the squared errors of m samples, without a half; lambda is the least eigenvalue
of the kernel K of the hidden features at the start, not divided by the n units; X^2 is the sum of the squared lengths
of the inputs (x_i, 1); no slope of the activation exceeds 1. Time is that of gradient flow, d theta/dt = -grad r.
"""

from functools import cache

import sympy as sp

from theory.derivation import Derivation, Step, Theorem
from theory.domain import Domain
from theory.lazy_training.descent import lazy_flow
from theory.lazy_training.gradient_bound import lazy_gradient, shifted_gradient_bound
from theory.proof import Relation
from theory.symbols import m

__all__ = ["lazy_convergence"]

_BERNER = "Berner, Grohs, Kutyniok and Petersen (2021), arXiv:2105.04026, section 5.2"
_LIU = "Liu, Zhu and Belkin (2022), arXiv:2003.00307"


@cache
def lazy_convergence() -> Derivation:
    r"""Derive a least eigenvalue at the start from which gradient flow converges, without a look at what it does.

    .. math:: \lambda \ge 4 X \sqrt{m r_0} \quad \Rightarrow \quad r(t) \le r_0 e^{-\lambda t/m}, \qquad
              |\theta(t) - \theta(0)| < 2 \sqrt{\frac{m r_0}{\lambda}} \le \frac{\sqrt \lambda}{2 X}

    Up to the distance R = lambda^(1/2)/(2 X) a quarter of the bound on the gradient is left, and there the path of the
    flow is no longer than 2 (m r_0/lambda)^(1/2). Where that is at most R the flow never comes to the distance R: up to
    the first time at which it did, its path would be shorter. So nothing is assumed of the way. With lambda = c n, and
    r_0 that does not grow with n, it is true of all n that are large enough.

    Returns:
        A derivation; the value bounds the risk at the time t. Parts: "enough", the least lambda; "radius", the distance
        up to which the bound holds; "length", what bounds the path; "width", the least n for lambda = c n.

    Examples:
        >>> print(lazy_convergence().result)
        r_t <= r_0*exp(-lambda*t/m)
        >>> lazy_convergence().at(part="enough", X=3, m=4, r_0=1)
        24

    References:
        Berner, Grohs, Kutyniok and Petersen (2021), arXiv:2105.04026, section 5.2; Liu, Zhu and Belkin (2022),
        arXiv:2003.00307.
    """
    least, length, risk, start, t, n, c = sp.symbols("lambda X r r_0 t n c", positive=True)
    end, share, away = sp.symbols("s alpha R", positive=True)
    shifted, flow, gradient = shifted_gradient_bound().value, lazy_flow(), lazy_gradient().parts["least eigenvalue"].rhs
    mu, size = _named(flow.value, "mu"), _named(shifted, "s")
    radius = sp.sqrt(least) / (2 * length)
    path = 2 * sp.sqrt(m) * sp.sqrt(start) / sp.sqrt(least)
    enough = 4 * length * sp.sqrt(m) * sp.sqrt(start)
    decay = start * sp.exp(-least * t / m)
    needed = length * sp.sqrt(m) * sp.sqrt(start) / (share * (1 - share))
    return Derivation(
        "Gradient flow of a wide network converges",
        sp.Le(sp.Symbol("r_t"), decay),
        (
            Step(
                "At the distance R the features have changed by E, with |E| <= R X, and of lambda there remains at "
                "least lambda/2 - R^2 X^2: a quarter of it at",
                Relation(sp.solve(shifted.subs(size, away * length) - least / 4, away)[0], "=", radius),
                "exact",
                witness=lambda: sp.solve(sp.sqrt(least) - away * length - sp.sqrt(least / 4), away)[0],
                shown=r"\frac{\lambda}{2} - R^2 X^2 = \frac{\lambda}{4} \quad \text{at} \quad"
                r" R = \frac{\sqrt \lambda}{2 X}",
            ),
            Step(
                "So up to there the squared gradient is at least",
                Relation(gradient.subs(least, shifted.subs(size, radius * length)), "=", least * risk / m),
                "exact",
                witness=lambda: 4 * (sp.sqrt(least) - radius * length) ** 2 * risk / m,
                shown=r"\frac{4}{m} \Bigl( \frac{\lambda}{2} - R^2 X^2 \Bigr) r = \frac{\lambda}{m} r, \quad"
                r" R = \frac{\sqrt \lambda}{2 X}",
            ),
            Step(
                "With mu = lambda/m the path of the flow, as long as it stays there, is at most",
                Relation(flow.value.subs(mu, least / m), "=", path),
                "exact",
                witness=lambda: sp.integrate(sp.sqrt(least * start / m) * sp.exp(-least * t / (2 * m)), (t, 0, sp.oo)),
                shown=r"2 \sqrt{\frac{r_0}{\mu}} = 2 \sqrt{\frac{m r_0}{\lambda}}",
            ),
            Step(
                "and shorter up to every time, because the risk there, s^2, is not 0: no flow comes to rest in a "
                "finite time.",
                Relation(2 * (sp.sqrt(start) - end) * sp.sqrt(m / least), "<", path),
                "exact",
                shown=r"\frac{2}{\sqrt \mu} (\sqrt{r_0} - s) < 2 \sqrt{\frac{m r_0}{\lambda}}",
            ),
            Step(
                "That is no more than R if lambda is at least",
                Relation(sp.solve(radius - path, least)[0], "=", enough),
                "exact",
                witness=lambda: least * path / radius,
                shown=r"2 \sqrt{\frac{m r_0}{\lambda}} \le \frac{\sqrt \lambda}{2 X} \quad"
                r" \Leftrightarrow \quad \lambda \ge 4 X \sqrt{m r_0}",
            ),
            Step(
                "Then the flow is never at the distance R: when it came there first, its path would be shorter than R. "
                "So the bounds hold at all times, and the risk is at most",
                Relation(flow.parts["risk"].rhs.subs(mu, least / m), "=", decay),
                "exact",
                witness=lambda: start * (1 + sp.integrate(-least / m * sp.exp(-least * end / m), (end, 0, t))),
                shown=r"r(t) \le r_0 e^{-\lambda t/m}",
            ),
            Step(
                "Had R been another share alpha of lambda^(1/2)/X, there would remain (1 - alpha)^2 lambda. The path "
                "is at most R for lambda from",
                Relation(
                    sp.sqrt(least)
                    * (2 * sp.sqrt(start) / sp.sqrt(4 * (1 - share) ** 2 * least / m))
                    / (share * sp.sqrt(least) / length)
                    * sp.sqrt(least),
                    "=",
                    needed,
                ),
                "exact",
                shown=r"\frac{X \sqrt{m r_0}}{\alpha (1 - \alpha)}",
            ),
            Step(
                "which is least at one half, because",
                Relation(sp.Rational(1, 4) - share * (1 - share), "=", (share - sp.Rational(1, 2)) ** 2),
                "exact",
                shown=r"\frac{1}{4} - \alpha (1 - \alpha) = \Bigl( \alpha - \frac{1}{2} \Bigr)^2 \ge 0",
            ),
            Step(
                "With lambda = c n that is for so many units:",
                Relation(sp.solve(sp.Eq(c * n, enough), n)[0], "=", enough / c),
                "exact",
                shown=r"n \ge \frac{4 X}{c} \sqrt{m r_0}",
            ),
        ),
        Domain(
            **dict.fromkeys(("lambda", "X", "r", "r_0", "t", "m", "n", "c", "s", "R"), (0, sp.oo)), alpha=(0, 1)
        ).with_integers("m", "n"),
        parts={
            "enough": sp.Eq(sp.Symbol("lambda_0"), enough),
            "radius": sp.Eq(sp.Symbol("R"), radius),
            "length": sp.Le(sp.Symbol("length"), path),
            "width": sp.Eq(sp.Symbol("n_0"), enough / c),
        },
        titles={
            "enough": "least eigenvalue from which it converges",
            "radius": "distance within which the bound on the gradient holds",
            "length": "bound on the length of the path",
            "width": "number of units from which it converges",
        },
        assumptions=(
            "the activation has a derivative, locally Lipschitz and at most 1 in size, and lambda is at least that of "
            "the part 'enough'",
        ),
        theorems=(
            Theorem(
                "Picard and Lindelöf",
                "the flow of a locally Lipschitz gradient is unique, and lasts for ever if it stays in a bounded set",
                "Hartman (2002), Ordinary Differential Equations, theorems II.1.1 and II.3.1",
            ),
            Theorem(
                "Weyl's inequality for singular values",
                r"$\sigma_{\min}(F + E) \ge \sigma_{\min}(F) - |E|$",
                "Horn and Johnson (2013), Matrix Analysis, corollary 7.3.5",
            ),
        ),
        source=f"{_BERNER}; {_LIU}",
        shown={
            "result": r"r(t) \le r_0 e^{-\lambda t/m}",
            "enough": r"\lambda \ge 4 X \sqrt{m r_0}",
            "radius": r"R = \frac{\sqrt \lambda}{2 X}",
            "length": r"\int_0^\infty |\dot \theta| \, dt \le 2 \sqrt{\frac{m r_0}{\lambda}}",
            "width": r"n \ge \frac{4 X}{c} \sqrt{m r_0}",
        },
    )


def _named(expression: sp.Expr, name: str) -> sp.Symbol:
    """The symbol of that name in an expression."""
    return next(symbol for symbol in expression.free_symbols if symbol.name == name)
