r"""Why descent arrives without going far: a gradient that is never small where the risk is not.

Conventions: r is a risk of least value 0 and mu > 0 a constant such that |grad r|^2 >= mu r wherever descent comes (a
Polyak-Lojasiewicz inequality; with half of the gradient's square the constant is half as large). With the mean of the
squared errors over m samples as the risk, without a half, the output weights of a two-layer network give mu = (4/m)
lambda_min(K); c below is lambda_min(K)/n. Time is that of gradient flow, d theta/dt = -grad r.
"""

from functools import cache

import sympy as sp

from theory.derivation import Derivation, Step
from theory.domain import Domain
from theory.proof import Relation

__all__ = ["lazy_descent_steps", "lazy_flow"]

_BERNER = "Berner, Grohs, Kutyniok and Petersen (2021), arXiv:2105.04026, section 5.2"
_KARIMI = "Karimi, Nutini and Schmidt (2016), arXiv:1608.04636, theorem 1"
_mu, _start, _risk, _extra = sp.symbols("mu r_0 r p", positive=True)


@cache
def lazy_flow() -> Derivation:
    r"""Derive how fast gradient flow arrives where |grad r|^2 >= mu r, and how far it goes.

    .. math:: r(t) \le r_0 e^{-\mu t}, \qquad \int_0^\infty |\dot \theta| \, dt \le 2 \sqrt{r_0 / \mu}

    With mu = 4 c n/m, as for n units whose lambda_min(K) is c n, the length is at most (m r_0/(c n))^(1/2): all
    parameters together move by at most n^(-1/2) times a constant. They start at a length that grows like n^(1/2) if
    hidden weights have variance 1, so that relative to it they move by at most n^(-1) times a constant.

    Returns:
        A derivation; the value bounds the length of the path. Parts: "risk", "rate" (mu of n units), "absolute", "size"
        (the mean squared length at the start) and "relative" (the squared length of the path over that). All but
        "rate" and "size" are upper bounds.

    Examples:
        >>> print(lazy_flow().result)
        length <= 2*sqrt(r_0)/sqrt(mu)
        >>> lazy_flow().parts["absolute"].rhs
        sqrt(m)*sqrt(r_0)/(sqrt(c)*sqrt(n))

    References:
        Berner, Grohs, Kutyniok and Petersen (2021), arXiv:2105.04026, section 5.2; Karimi, Nutini and Schmidt (2016),
        arXiv:1608.04636.
    """
    t, m, n, c, d = sp.symbols("t m n c d", positive=True)
    way = sp.Function("r")(t)
    squared = _mu * _risk + _extra
    bound = 2 * sp.sqrt(_start) / sp.sqrt(_mu)
    absolute = sp.sqrt(m) * sp.sqrt(_start) / (sp.sqrt(c) * sp.sqrt(n))
    size = n * (d + 1) + 1
    relative = m * _start / (c * n * size)
    decay = _start * sp.exp(-_mu * t)
    return Derivation(
        "Gradient flow under a Polyak-Lojasiewicz inequality",
        sp.Le(sp.Symbol("length"), bound),
        (
            Step(
                "Let |grad r|^2 = mu r + p, p >= 0. The flow lowers r by the square of the gradient, so that the "
                "derivative of r exp(mu t) is not positive:",
                Relation(
                    sp.expand((way * sp.exp(_mu * t)).diff(t).subs(way.diff(t), -_mu * way - _extra)),
                    "=",
                    -_extra * sp.exp(_mu * t),
                ),
                "exact",
                shown=r"\frac{d}{dt} \bigl( r e^{\mu t} \bigr) = (\mu r - |\nabla r|^2) e^{\mu t} = -p \, e^{\mu t}"
                r" \le 0",
            ),
            Step(
                "So the risk is at most the solution of r' = -mu r from the same start:",
                Relation(decay.diff(t) / -_mu, "=", decay),
                "exact",
                shown=r"r(t) \le r_0 e^{-\mu t}",
            ),
            Step(
                "The root of the risk falls by half of the squared gradient over the root,",
                Relation(sp.sqrt(way).diff(t).subs(way.diff(t), -squared), "=", -squared / (2 * sp.sqrt(way))),
                "exact",
                shown=r"\frac{d}{dt} \sqrt r = - \frac{|\nabla r|^2}{2 \sqrt r}",
            ),
            Step(
                "and the gradient is longer than the root of mu r, if p > 0:",
                Relation(sp.sqrt(_mu) * sp.sqrt(_risk), "<", sp.sqrt(squared)),
                "exact",
                shown=r"\sqrt{\mu r} < |\nabla r| = \sqrt{\mu r + p}, \quad"
                r" \frac{d}{dt} \sqrt r \le - \frac{\sqrt \mu}{2} |\nabla r|",
            ),
            Step(
                "The length of the path is the integral of the gradient's length: at most what makes the root of the "
                "risk fall from its start to 0.",
                Relation(sp.solve(sp.Symbol("s") * sp.sqrt(_mu) / 2 - sp.sqrt(_start), sp.Symbol("s"))[0], "=", bound),
                "exact",
                shown=r"\frac{\sqrt \mu}{2} s \le \sqrt{r_0} \quad \Rightarrow \quad s \le 2 \sqrt{r_0/\mu}",
            ),
            Step(
                "The output weights of n units with lambda_min(K) = c n give",
                Relation(4 / m * (c * n), "=", 4 * c * n / m),
                "exact",
                shown=r"\mu = \frac{4}{m} \lambda_{\min}(K) = \frac{4 c n}{m}",
            ),
            Step(
                "and all parameters together move by at most",
                Relation(bound.subs(_mu, 4 * c * n / m), "=", absolute),
                "exact",
                shown=r"2 \sqrt{r_0/\mu} = \sqrt{\frac{m r_0}{c n}}",
            ),
            Step(
                "Hidden weights of variance 1 on d inputs and a bias, output weights of variance 1/n: the squared "
                "length at the start is on average",
                Relation(n * (d + 1) * 1 + n * (1 / n), "=", size),
                "exact",
                shown=r"E |\theta_0|^2 = n (d + 1) + n \cdot \frac{1}{n} = n (d + 1) + 1",
            ),
            Step(
                "Over it the squared length of the path is",
                Relation(absolute**2 / size, "=", relative),
                "exact",
                shown=r"\frac{m r_0}{c n} \cdot \frac{1}{n (d + 1) + 1} = O(n^{-2})",
            ),
            Step(
                "of the order 1/n^2:",
                Relation(sp.limit(relative * n**2, n, sp.oo), "=", m * _start / (c * (d + 1))),
                "exact",
                shown=r"\lim_{n \to \infty} n^2 \frac{m r_0}{c n (n (d + 1) + 1)} = \frac{m r_0}{c (d + 1)}",
            ),
        ),
        Domain(**dict.fromkeys(("mu", "r_0", "r", "p", "t", "m", "n", "c", "d"), (0, sp.oo))).with_integers(
            "m", "n", "d"
        ),
        parts={
            "risk": sp.Le(sp.Symbol("r_t"), decay),
            "rate": sp.Eq(_mu, 4 * c * n / m),
            "absolute": sp.Le(sp.Symbol("length_n"), absolute),
            "size": sp.Eq(sp.Symbol("size"), size),
            "relative": sp.Le(sp.Symbol("ratio"), relative),
        },
        titles={
            "risk": "bound on the risk",
            "rate": "rate with n units",
            "absolute": "bound on the length of the path",
            "size": "mean squared length at the start",
            "relative": "bound on the length over that",
        },
        assumptions=("the inequality with mu > 0 holds wherever the flow comes",),
        source=f"{_BERNER}; {_KARIMI}",
        shown={
            "result": r"\int_0^\infty |\dot \theta| \, dt \le 2 \sqrt{r_0/\mu}",
            "risk": r"r(t) \le r_0 e^{-\mu t}",
            "rate": r"\mu = \frac{4 c n}{m}",
            "absolute": r"\int_0^\infty |\dot \theta| \, dt \le \sqrt{\frac{m r_0}{c n}}",
            "size": r"E |\theta_0|^2 = n (d + 1) + 1",
            "relative": r"\frac{1}{E |\theta_0|^2} \Bigl( \int_0^\infty |\dot \theta| \, dt \Bigr)^2"
            r" \le \frac{m r_0}{c n (n (d + 1) + 1)}",
        },
    )


@cache
def lazy_descent_steps() -> Derivation:
    r"""Derive the same for gradient descent in steps, with the condition on the learning rate.

    Let the gradient change by at most L times the distance, and 0 < eta < 2/L. One step lowers the risk by at least
    eta (1 - eta L/2) |grad r|^2, so that with q = eta (1 - eta L/2) mu

    .. math:: r_{k+1} \le (1 - q) \, r_k, \qquad
              \sum_k |\theta_{k+1} - \theta_k| \le \frac{2}{1 - \eta L/2} \sqrt{r_0 / \mu}

    For eta up to 1/L that is at most twice the bound of the flow; as eta tends to 2/L nothing is left.

    Returns:
        A derivation; the value bounds the factor r_{k+1}/r_k. Parts: "length", the bound on the path; "largest rate",
        the learning rate at which the bound ceases to tell anything; "best factor", the least of these bounds, at 1/L.

    Examples:
        >>> lazy_descent_steps().parts["largest rate"].rhs
        2/L

    References:
        Karimi, Nutini and Schmidt (2016), arXiv:1608.04636, theorem 1.
    """
    eta, smooth, slope, gain = sp.symbols("eta L g u", positive=True)
    s = sp.Symbol("s", real=True)
    share = 1 - eta * smooth / 2
    factor = 1 - eta * share * _mu
    length = 2 * sp.sqrt(_start) / (share * sp.sqrt(_mu))
    best = 1 - _mu / (2 * smooth)
    fall = eta * share * slope**2
    return Derivation(
        "Gradient descent under a Polyak-Lojasiewicz inequality",
        sp.Le(sp.Symbol("factor"), factor),
        (
            Step(
                "Along one step, s from 0 to eta, the slope of the risk is at most -g^2 + s L g^2, with g = |grad r|. "
                "So the risk falls by at least",
                Relation(-sp.integrate(-(slope**2) + s * smooth * slope**2, (s, 0, eta)), "=", fall),
                "exact",
                shown=r"\int_0^\eta (1 - s L) g^2 \, ds = \eta \Bigl( 1 - \frac{\eta L}{2} \Bigr) g^2",
            ),
            Step(
                "With g^2 >= mu r the risk is multiplied by at most",
                Relation((_risk - fall.subs(slope, sp.sqrt(_mu * _risk))) / _risk, "=", factor),
                "exact",
                shown=r"\frac{r_{k+1}}{r_k} \le 1 - \eta \Bigl( 1 - \frac{\eta L}{2} \Bigr) \mu",
            ),
            Step(
                "which is below 1 up to the learning rate",
                Relation(sp.solve(sp.cancel((1 - factor) / (eta * _mu)), eta)[0], "=", 2 / smooth),
                "exact",
                shown=r"\eta = \frac{2}{L}",
            ),
            Step(
                "and least at eta = 1/L,",
                Relation(factor.subs(eta, 1 / smooth), "=", best),
                "exact",
                witness=lambda: factor.subs(eta, sp.solve(factor.diff(eta), eta)[0]),
                shown=r"1 - \frac{\mu}{2 L} \quad \text{at} \quad \eta = \frac{1}{L}",
            ),
            Step(
                "because it is larger elsewhere by",
                Relation(1 - eta * share * _mu - best, "=", _mu * (1 - eta * smooth) ** 2 / (2 * smooth)),
                "exact",
                shown=r"1 - \eta \Bigl( 1 - \frac{\eta L}{2} \Bigr) \mu - \Bigl( 1 - \frac{\mu}{2 L} \Bigr)"
                r" = \frac{\mu (1 - \eta L)^2}{2 L} \ge 0",
            ),
            Step(
                "A concave root lies below its tangent: if the risk falls by u, its root falls by more than",
                Relation(gain / (2 * sp.sqrt(_risk + gain)), "<", sp.sqrt(_risk + gain) - sp.sqrt(_risk)),
                "exact",
                shown=r"\sqrt{r + u} - \sqrt r > \frac{u}{2 \sqrt{r + u}}",
            ),
            Step(
                "In one step that is, by g >= sqrt(mu r), at least its length eta g times",
                Relation(fall / (2 * slope / sp.sqrt(_mu)) / (eta * slope), "=", share * sp.sqrt(_mu) / 2),
                "exact",
                shown=r"\frac{\eta (1 - \eta L/2) g^2}{2 \sqrt r} \ge \frac{\sqrt \mu}{2}"
                r" \Bigl( 1 - \frac{\eta L}{2} \Bigr) \eta g",
            ),
            Step(
                "so that all steps together are at most as long as",
                Relation(sp.sqrt(_start) / (share * sp.sqrt(_mu) / 2), "=", length),
                "exact",
                shown=r"\sum_k |\theta_{k+1} - \theta_k| \le \frac{2}{1 - \eta L/2} \sqrt{r_0/\mu}",
            ),
        ),
        Domain(**dict.fromkeys(("mu", "r_0", "r", "eta", "L", "g", "u"), (0, sp.oo))).where(
            eta * smooth < 2, _mu <= 2 * smooth
        ),
        parts={
            "length": sp.Le(sp.Symbol("length"), length),
            "largest rate": sp.Eq(sp.Symbol("eta_max"), 2 / smooth),
            "best factor": sp.Eq(sp.Symbol("best"), best),
        },
        titles={
            "length": "bound on the length of the path",
            "largest rate": "rate from which the bound is empty",
            "best factor": "bound at the best rate",
        },
        assumptions=(
            "the inequality with mu > 0 holds wherever descent comes, and on the segments between its steps the "
            "gradient changes by at most L times the distance",
        ),
        source=_KARIMI,
        shown={
            "result": r"r_{k+1} \le \Bigl( 1 - \eta \Bigl( 1 - \frac{\eta L}{2} \Bigr) \mu \Bigr) r_k",
            "length": r"\sum_k |\theta_{k+1} - \theta_k| \le \frac{2}{1 - \eta L/2} \sqrt{r_0/\mu}",
            "largest rate": r"\eta < \frac{2}{L}",
            "best factor": r"1 - \frac{\mu}{2 L}",
        },
    )
