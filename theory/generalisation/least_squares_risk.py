r"""The risk of least squares with as many parameters as one likes, by the Stieltjes transform of its spectrum.

Conventions: n examples y = x . beta + noise with p inputs x ~ N(0, 1_p), noise of mean 0 and standard deviation sigma,
|beta| = r, gamma = p/n. Ridge minimises |y - X b|^2/n + lambda |b|^2; ridgeless is its limit as lambda tends to 0, the
least-norm minimiser of the squares. The risk is the mean of |b - beta|^2, what the error on a new example exceeds
sigma^2 by, in the limit of many examples and inputs. The spectrum F of S = X'X/n is Marchenko and Pastur's of ratio
gamma, and h = E 1/(x + lambda) = -G(-lambda) is used as the parameter, because lambda is a rational function of it.
"""

from collections.abc import Callable
from fractions import Fraction
from functools import cache
from typing import Any

import mpmath
import sympy as sp

from theory.derivation import Derivation, Step
from theory.domain import Domain
from theory.free_probability.laws import marchenko_pastur
from theory.proof import Relation

__all__ = ["optimal_ridge_risk", "overparameterised_risk", "ridge_risk", "underparameterised_risk"]

_DIGITS = 40
_SOURCE = "Hastie, Montanari, Rosset and Tibshirani (2022), arXiv:1903.08560"
_ASSUMPTIONS = ("inputs are standard normal; many examples and inputs, with a fixed ratio gamma = p/n",)
_gamma, _h, _r, _sigma = sp.symbols("gamma h r sigma", positive=True)
_inverse, _size = sp.symbols("t e", positive=True)


def _penalty() -> sp.Expr:
    """The lambda at which the transform is h: minus R(-h) - 1/h, from the R-transform of the law."""
    return sp.cancel(-(marchenko_pastur(_gamma).r_transform(-_h) - 1 / _h))


def _risk() -> tuple[sp.Expr, sp.Expr]:
    """Bias and variance: h' is 1/lambda'(h)."""
    penalty = _penalty()
    slope = 1 / penalty.diff(_h)
    bias = -(_r**2) * penalty**2 * slope
    variance = _sigma**2 * _gamma * (_h + penalty * slope)
    return bias, variance


@cache
def ridge_risk() -> Derivation:
    r"""Derive the risk of ridge regression, bias and variance, in terms of h = E 1/(x + lambda).

    .. math:: R = \frac{r^2 (1 - (1 - \gamma) h)^2 + \sigma^2 \gamma h^2}{(1 + \gamma h)^2 - \gamma h^2}, \qquad
              \lambda = \frac1h - \frac1{1 + \gamma h}

    Returns:
        A derivation with the parts "penalty", "bias" and "variance".

    Examples:
        >>> ridge_risk().at(gamma=1, h=1, r=1, sigma=1)
        2/3
        >>> ridge_risk().at(part="penalty", gamma=1, h=1)
        1/2

    References:
        Hastie, Montanari, Rosset and Tibshirani (2022), arXiv:1903.08560, section 6 on ridge regression.
    """
    below = (1 + _gamma * _h) ** 2 - _gamma * _h**2
    bias, variance = _risk()
    short_bias = _r**2 * (1 - (1 - _gamma) * _h) ** 2 / below
    short_variance = _sigma**2 * _gamma * _h**2 / below
    penalty = 1 / _h - 1 / (1 + _gamma * _h)
    return Derivation(
        "The risk of ridge regression",
        sp.Eq(sp.Symbol("R"), short_bias + short_variance),
        (
            Step(
                "With -h for the Stieltjes transform and -lambda for its argument, R(g) + 1/g = z says",
                Relation(_penalty(), "=", penalty),
                "exact",
                lambda gamma, h: _quadrature(gamma, h, 1 / h, lambda x, t: t / (x + t)),
                shown=r"\lambda = \frac{1}{h} - \frac{1}{1 + \gamma h}",
            ),
            Step(
                "b - beta has the mean -lambda (S + lambda)^-1 beta: a bias of r^2 E lambda^2/(x + lambda)^2 = "
                "-r^2 lambda^2 h', with h' = 1/lambda'(h)",
                Relation(bias, "=", short_bias),
                "exact",
                lambda gamma, h, r: _quadrature(gamma, h, r**2, lambda x, t: t**2 / (x + t) ** 2),
                shown=rf"B = {sp.latex(short_bias)}",
            ),
            Step(
                "and the covariance sigma^2 S (S + lambda)^-2/n: a variance of sigma^2 gamma E x/(x + lambda)^2 = "
                "sigma^2 gamma (h + lambda h')",
                Relation(variance, "=", short_variance),
                "exact",
                lambda gamma, h, sigma: _quadrature(gamma, h, sigma**2 * gamma, lambda x, t: x / (x + t) ** 2),
                shown=rf"V = {sp.latex(short_variance)}",
            ),
            Step(
                "Their sum is the risk",
                Relation(bias + variance, "=", short_bias + short_variance),
                "exact",
                shown=r"R = B + V",
            ),
        ),
        _box(),
        parts={
            "penalty": sp.Eq(sp.Symbol("lambda"), penalty),
            "bias": sp.Eq(sp.Symbol("B"), short_bias),
            "variance": sp.Eq(sp.Symbol("V"), short_variance),
        },
        titles={
            "penalty": "penalty at which it is",
            "bias": "part from the bias",
            "variance": "part from the variance",
        },
        assumptions=_ASSUMPTIONS,
        source=f"{_SOURCE}, on ridge regression",
    )


@cache
def underparameterised_risk() -> Derivation:
    r"""Derive the risk of least squares with fewer parameters than examples, sigma^2 gamma/(1 - gamma).

    Returns:
        A derivation.

    Examples:
        >>> underparameterised_risk().at(gamma="1/2", sigma="1/2")
        1/4

    References:
        Hastie, Montanari, Rosset and Tibshirani (2022), arXiv:1903.08560, theorem 1.
    """
    bias, variance = _risk()
    total = sp.cancel(bias + variance)
    below = _sigma**2 * _gamma / (1 - _gamma)
    return Derivation(
        "The risk of least squares with fewer parameters than examples",
        sp.Eq(sp.Symbol("R"), below),
        (
            Step(
                "With h = E 1/(x + lambda) over the eigenvalues x of X'X/n: for gamma < 1 none is 0, and lambda = 0 at",
                Relation(_penalty().subs(_h, 1 / (1 - _gamma)), "=", 0),
                "exact",
                shown=r"\lambda = 0 \text{ at } h = \frac{1}{1 - \gamma}",
            ),
            Step(
                "There the bias vanishes, and the risk is",
                Relation(total.subs(_h, 1 / (1 - _gamma)), "=", below),
                "exact",
                lambda gamma, sigma: _mean_inverse(gamma, sigma**2 * gamma),
                shown=rf"R = {sp.latex(below)}",
            ),
        ),
        Domain(gamma=(0, 1), r=(0, sp.oo), sigma=(0, sp.oo)),
        assumptions=_ASSUMPTIONS,
        source=f"{_SOURCE}, theorem 1",
    )


@cache
def overparameterised_risk() -> Derivation:
    r"""Derive the risk of the least-norm fit with more parameters than examples, and its minimum.

    .. math:: r^2 \Bigl(1 - \frac1\gamma\Bigr) + \frac{\sigma^2}{\gamma - 1}

    Returns:
        A derivation. For r > sigma the parts "place" and "least" are where the risk is least, and what it is there.

    Examples:
        >>> overparameterised_risk().at(gamma=2, r=1, sigma="1/2")
        3/4
        >>> overparameterised_risk().at(part="place", r=1, sigma="1/2")
        2

    References:
        Hastie, Montanari, Rosset and Tibshirani (2022), arXiv:1903.08560, theorem 1 and section 3.
    """
    bias, variance = _risk()
    total = sp.cancel(bias + variance)
    positive = {"r": (0, sp.oo), "sigma": (0, sp.oo)}
    many = Domain(gamma=(1, sp.oo), **positive)
    above = _r**2 * (1 - 1 / _gamma) + _sigma**2 / (_gamma - 1)
    place, least = _r / (_r - _sigma), 2 * _r * _sigma - _sigma**2
    strong = Domain(sigma=(0, sp.oo), d=(0, sp.oo))
    extra = sp.Symbol("d", positive=True)  # r = sigma + d, so that a box holds all r > sigma
    inside, outside = (1 + _inverse * place) / (1 + _inverse), place * (1 + _inverse)
    slope = above.diff(_gamma)
    return Derivation(
        "The risk of least squares with more parameters than examples",
        sp.Eq(sp.Symbol("R"), above),
        (
            Step(
                "For gamma > 1 a share of 1 - 1/gamma of the eigenvalues is 0, and with lambda = 0 h is infinite, t = "
                "1/h = 0:",
                Relation(sp.cancel(_penalty().subs(_h, 1 / _inverse)).subs(_inverse, 0), "=", 0),
                "exact",
                shown=r"\lambda \to 0 \text{ as } h \to \infty",
            ),
            Step(
                "There the risk is",
                Relation(sp.cancel(total.subs(_h, 1 / _inverse)).subs(_inverse, 0), "=", above),
                "exact",
                # the eigenvalues of X'X/n that are not 0 are gamma times those of XX'/p, whose ratio is 1/gamma
                lambda gamma, r, sigma: _mean_inverse(1 / gamma, sigma**2 / gamma, r**2 * (1 - 1 / gamma)),
            ),
            Step(
                "For r > sigma, r = sigma + d, its slope vanishes at gamma = r/(r - sigma)",
                Relation(_with_strong_signal(slope.subs(_gamma, place), extra), "=", 0),
                "exact",
                shown=r"R'\Bigl(\frac{r}{r - \sigma}\Bigr) = 0",
                domain=strong,
            ),
            Step(
                "and this place is",
                Relation(sp.solve(_r * (_gamma - 1) - _sigma * _gamma, _gamma)[0], "=", place),
                "exact",
                shown=r"\gamma = \frac{r}{r - \sigma} = \frac{\sqrt{\mathrm{SNR}}}{\sqrt{\mathrm{SNR}} - 1}, \quad "
                r"\mathrm{SNR} = r^2/\sigma^2",
                domain=strong,
            ),
            Step(
                "The slope is negative below it",
                Relation(_with_strong_signal(slope.subs(_gamma, inside), extra), "<", 0),
                "exact",
                shown=r"R'(\gamma) < 0, \quad 1 < \gamma < \frac{r}{r - \sigma}",
                domain=Domain(sigma=(0, sp.oo), d=(0, sp.oo), t=(0, sp.oo)),
            ),
            Step(
                "and positive above it",
                Relation(0, "<", _with_strong_signal(slope.subs(_gamma, outside), extra)),
                "exact",
                shown=r"R'(\gamma) > 0, \quad \gamma > \frac{r}{r - \sigma}",
                domain=Domain(sigma=(0, sp.oo), d=(0, sp.oo), t=(0, sp.oo)),
            ),
            Step("The least risk there is", Relation(above.subs(_gamma, place), "=", least), "exact"),
            Step(
                "which is less than r^2, the risk of learning nothing",
                Relation(0, "<", sp.expand(_with_strong_signal(_r**2 - least, extra))),
                "exact",
                shown=r"r^2 - (2 r \sigma - \sigma^2) = (r - \sigma)^2 > 0",
                domain=strong,
            ),
        ),
        many,
        parts={
            "place": sp.Eq(_gamma, place),
            "least": sp.Eq(sp.Symbol("R"), least),
        },
        titles={
            "place": "place of the least risk",
            "least": "the least risk",
        },
        assumptions=_ASSUMPTIONS,
        source=f"{_SOURCE}, theorem 1 and section 3",
    )


@cache
def optimal_ridge_risk() -> Derivation:
    r"""Derive the penalty with the least risk, lambda = sigma^2 gamma/r^2, and that the risk it leaves has no peak.

    The penalty is the lambda of |y - X b|^2/n + lambda |b|^2; of |y - X b|^2 + kappa |b|^2 the best kappa is n lambda,
    sigma^2 p/r^2. With e = R/r^2 and q = (sigma/r)^2 the least risk is given by

    .. math:: \gamma = \frac{e}{(1 - e)(e + q)},

    which increases from 0 to infinity with e from 0 to 1: there is no peak at p = n. That it increases does not speak
    against large models: every input that is added carries a part of the signal, whose norm r stays, so that gamma
    counts how many there are to be learned.

    Returns:
        A derivation; the value is gamma as a function of e. Parts: "penalty", the best lambda, and "risk", R at a ratio
        gamma, in r and sigma.

    Examples:
        >>> optimal_ridge_risk().at(part="risk", gamma="2/3", r=1, sigma=1), optimal_ridge_risk().at(e="1/2", q=1)
        (1/2, 2/3)

    References:
        Hastie, Montanari, Rosset and Tibshirani (2022), arXiv:1903.08560, section 6 on ridge regression.
    """
    ratio = sp.Symbol("q", positive=True)  # sigma^2/r^2
    bias, variance = _risk()
    penalty = _sigma**2 * _gamma / _r**2
    transform = sp.Function("h")(_inverse)
    general = -(_r**2) * _inverse**2 * transform.diff() + _sigma**2 * _gamma * (transform + _inverse * transform.diff())
    factor = 2 * transform.diff() + _inverse * transform.diff(_inverse, 2)
    # at the best penalty r^2 = sigma^2 gamma/lambda(h)
    best = sp.cancel((bias + variance).subs(_r, _sigma * sp.sqrt(_gamma / _penalty())))
    curve = _size / ((1 - _size) * (_size + ratio))
    solved = sp.solve((_penalty() - ratio * _gamma).subs(_h, _size / (ratio * _gamma)), _gamma)[0]
    rising = (ratio + _size**2) / ((1 - _size) ** 2 * (_size + ratio) ** 2)
    half = (_r**2 * (1 - _gamma) + _sigma**2 * _gamma) / (2 * _gamma)
    risk = sp.sqrt(half**2 + _r**2 * _sigma**2) - half
    return Derivation(
        "The least risk of ridge regression",
        sp.Eq(_gamma, curve),
        (
            Step(
                "With t for lambda, the risk is -r^2 t^2 h' + sigma^2 gamma (h + t h'), and its slope has a factor",
                Relation(
                    general.diff(_inverse).doit(), "=", sp.expand((_sigma**2 * _gamma - _r**2 * _inverse) * factor)
                ),
                "exact",
                shown=r"R'(t) = (\sigma^2 \gamma - r^2 t) (2 h'(t) + t \, h''(t))",
            ),
            Step(
                "The other one is negative for h = E 1/(x + t): for an eigenvalue x > 0 it is",
                Relation(
                    sp.cancel(
                        2 * (1 / (_h + _inverse)).diff(_inverse) + _inverse * (1 / (_h + _inverse)).diff(_inverse, 2)
                    ),
                    "<",
                    0,
                ),
                "exact",
                shown=r"2 h' + t h'' = -E \frac{2 x}{(x + t)^3} < 0",
            ),
            Step(
                "So the risk falls up to one penalty and rises beyond:",
                Relation(sp.solve(_sigma**2 * _gamma - _r**2 * _inverse, _inverse)[0], "=", penalty),
                "exact",
                shown=r"\lambda = \sigma^2 \gamma / r^2",
            ),
            Step(
                "There the risk is sigma^2 gamma h",
                Relation(best, "=", _sigma**2 * _gamma * _h),
                "exact",
                shown=r"R = \sigma^2 \gamma h(\lambda)",
            ),
            Step(
                "or r^2 e with e = q gamma h, q = (sigma/r)^2. So lambda(h) = q gamma is solved by",
                Relation(solved, "=", curve),
                "exact",
                _is_ratio_of_best,
            ),
            Step(
                "which increases with e for e < 1:",
                Relation(sp.diff(curve, _size), "=", rising),
                "exact",
                shown=r"\frac{d\gamma}{de} = \frac{q + e^2}{(1 - e)^2 (e + q)^2} > 0",
            ),
            Step(
                "At a ratio gamma e is the positive root of a quadratic, so that R = r^2 e is",
                Relation(_positive_root(half, -(_r**2) * _sigma**2), "=", risk),
                "exact",
                _is_least_risk,
                shown=r"R = \sqrt{a^2 + r^2 \sigma^2} - a, \quad "
                r"a = \frac{r^2 (1 - \gamma) + \sigma^2 \gamma}{2 \gamma}",
                domain=Domain(gamma=(0, sp.oo), r=(0, sp.oo), sigma=(0, sp.oo)),
            ),
        ),
        Domain(e=(0, 1), q=(0, sp.oo)),
        parts={"penalty": sp.Eq(sp.Symbol("lambda"), penalty), "risk": sp.Eq(sp.Symbol("R"), risk)},
        titles={
            "penalty": "best penalty",
            "risk": "risk at the best penalty",
        },
        assumptions=_ASSUMPTIONS,
        source=f"{_SOURCE}, on ridge regression",
    )


def _box() -> Domain:
    """Ratios, and transforms of positive penalties."""
    positive = (0, sp.oo)
    return Domain(gamma=positive, h=positive, r=positive, sigma=positive).where(1 - (1 - _gamma) * _h > 0)


def _with_strong_signal(expression: sp.Expr, extra: sp.Symbol) -> sp.Expr:
    return sp.factor(expression.subs(_r, _sigma + extra))


def _quadrature(gamma: Fraction, h: Fraction, factor: Fraction, value: Callable[[Any, Any], Any]) -> Any:
    """A multiple of the mean of value(x, lambda) under the Marchenko-Pastur law of ratio gamma, with its atom at 0."""
    with mpmath.workdps(_DIGITS):
        penalty = _number(1 / h - 1 / (1 + gamma * h))
        at_zero = _number(max(1 - 1 / gamma, Fraction(0))) * value(mpmath.mpf(0), penalty)
        return _number(factor) * (_mean(gamma, lambda x: value(x, penalty)) + at_zero)


def _mean_inverse(gamma: Fraction, factor: Fraction, offset: Fraction = Fraction(0)) -> Any:
    """A multiple of the mean of 1/x under the Marchenko-Pastur law of ratio gamma < 1, and an offset."""
    with mpmath.workdps(_DIGITS):
        return _number(offset) + _number(factor) * _mean(gamma, lambda x: 1 / x)


def _is_ratio_of_best(claimed: Any, e: Fraction, q: Fraction) -> bool:
    """Whether at this ratio the mean of lambda/(x + lambda), lambda = q gamma, is e."""
    with mpmath.workdps(_DIGITS):
        gamma = Fraction(str(claimed))
        penalty = _number(q * gamma)
        at_zero = _number(max(1 - 1 / gamma, Fraction(0)))
        mean = _mean(gamma, lambda x: penalty / (x + penalty)) + at_zero
        return bool(abs(mean - _number(e)) < mpmath.mpf(10) ** -12)


def _positive_root(half: sp.Expr, constant: sp.Expr) -> sp.Expr:
    """The larger root of x^2 + 2 half x + constant."""
    x = sp.Symbol("x")
    linear, rest = sp.symbols("b c", real=True)
    return sp.solve(x**2 + 2 * linear * x + rest, x)[1].subs({linear: half, rest: constant})


def _is_least_risk(claimed: Any, gamma: Fraction, r: Fraction, sigma: Fraction) -> bool:
    """Whether sigma^2 gamma E 1/(x + lambda), at the best penalty lambda, is this risk."""
    with mpmath.workdps(_DIGITS):
        penalty = sigma**2 * gamma / r**2
        at_zero = max(1 - 1 / gamma, Fraction(0)) / penalty
        mean = _mean(gamma, lambda x: 1 / (x + _number(penalty))) + _number(at_zero)
        return bool(abs(float(claimed) / float(_number(sigma**2 * gamma) * mean) - 1) < 1e-9)


def _mean(gamma: Fraction, value: Callable[[Any], Any]) -> Any:
    """Integrate over the density at x = 1 + gamma + 2 sqrt(gamma) cos(angle), where it is sin^2/x times 2/pi."""
    centre, half = 1 + _number(gamma), 2 * mpmath.sqrt(_number(gamma))

    def inside(angle: Any) -> Any:
        cosine = mpmath.cos(angle)
        x = centre + half * cosine
        return value(x) * (1 - cosine * cosine) / x

    return 2 * mpmath.quad(inside, mpmath.linspace(0, mpmath.pi, 3)) / mpmath.pi


def _number(value: Fraction) -> Any:
    return mpmath.mpf(value.numerator) / value.denominator
