r"""What averaging weights gains: SGD with constant noise on a quadratic, its last iterate against its mean.

Conventions: one weight x with the loss a x^2/2, learning rate eta, and noise of variance sigma^2 in the gradient,
independent at every step; p = eta a is the parameter of the derivations:

.. math:: x_{t+1} = q x_t + \eta \sigma \xi_t, \qquad q = 1 - \eta a, \quad |q| < 1

The run has reached its stationary law, of mean 0 and variance v. The average is over T iterates in a row, or over T
iterates that lie c steps apart (the ends of cycles). Expected losses are a/2 times variances, so their ratio is that of
the variances.
"""

import math
from functools import cache
from typing import Any

import mpmath
import sympy as sp

from theory.derivation import Derivation, Step
from theory.domain import Domain
from theory.proof import Relation
from theory.real_arrays import finite_result, nonnegative_number, positive_integer, positive_number, real_vector

__all__ = ["averaged_variance", "averaging_ratio", "stationary_loss", "stationary_variance"]

_product, _curvature, _noise, _steps, _cycle = sp.symbols("p a sigma T c", positive=True)
_rate = _product / _curvature  # so that 0 < eta a < 2 is the box 0 < p < 2
_factor = 1 - _product
_VARIANCE = _rate * _noise**2 / (_curvature * (2 - _product))
_SOURCE = "Izmailov et al. (2018), Averaging weights leads to wider optima and better generalization, arXiv:1803.05407"
_DOMAIN = Domain(p=(0, 2), a=(0, sp.oo), sigma=(0, sp.oo), T=(0, sp.oo), c=(0, sp.oo)).with_integers("T", "c")


@cache
def stationary_variance() -> Derivation:
    r"""Derive the stationary variance of SGD with constant noise on a quadratic.

    .. math:: v = \frac{\eta \sigma^2}{a (2 - \eta a)}, \qquad
              E L = \frac{a v}{2} = \frac{\eta \sigma^2}{2 (2 - \eta a)}

    Returns:
        A derivation in p = eta a < 2; the value is v, the part "loss" the expected loss of an iterate.

    Examples:
        >>> stationary_variance().at(p=1, a=2, sigma=1)
        1/4
    """
    q, power = sp.symbols("q Q", real=True)  # Q stands for q^(2t)
    before = _rate**2 * _noise**2 * (1 - power) / (1 - q**2)
    loss = _rate * _noise**2 / (2 * (2 - _product))
    eta = sp.Symbol("eta", positive=True)
    at_fixed_rate = eta * _noise**2 / (2 * (2 - eta * _curvature))
    return Derivation(
        "The stationary variance of SGD on a quadratic",
        sp.Eq(sp.Symbol("v"), _VARIANCE),
        (
            Step(
                "One step, the noise being independent of x and of variance 1: the variance that repeats itself.",
                Relation(_factor**2 * _VARIANCE + _rate**2 * _noise**2, "=", _VARIANCE),
                "exact",
                lambda: _rate**2 * _noise**2 / (1 - _factor**2),
                shown=r"(1 - \eta a)^2 v + \eta^2 \sigma^2 = v",
            ),
            Step(
                "Started at the minimum, after t steps (Q = q^(2t)): the induction from t to t + 1,",
                Relation(q**2 * before + _rate**2 * _noise**2, "=", before.subs(power, power * q**2)),
                "exact",
                shown=r"q^2 v_t + \eta^2 \sigma^2 = v_{t + 1}, \quad v_t = \eta^2 \sigma^2 \frac{1 - q^{2 t}}{1 - q^2}",
            ),
            Step(
                "from 0 at t = 0,",
                Relation(before.subs(power, 1), "=", 0),
                "exact",
                shown=r"v_0 = 0",
            ),
            Step(
                "to v, because Q tends to 0.",
                Relation(before.subs(power, 0).subs(q, _factor), "=", _VARIANCE),
                "exact",
                shown=r"v_t \to \frac{\eta^2 \sigma^2}{1 - q^2} = \frac{\eta \sigma^2}{a (2 - \eta a)}",
            ),
            Step(
                "The expected loss of an iterate.",
                Relation(_curvature * _VARIANCE / 2, "=", loss),
                "exact",
                shown=r"\frac{a}{2} v = \frac{\eta \sigma^2}{2 (2 - \eta a)}",
            ),
            Step(
                "It grows with the curvature at equal noise: the noise that SGD feels in a sharp minimum costs more.",
                Relation(0, "<", at_fixed_rate.diff(_curvature).subs(_curvature, _product / eta)),
                "exact",
                shown=r"\frac{d}{d a} \frac{\eta \sigma^2}{2 (2 - \eta a)}"
                r" = \frac{\eta^2 \sigma^2}{2 (2 - \eta a)^2} > 0",
                domain=Domain(eta=(0, sp.oo), sigma=(0, sp.oo), p=(0, 2)),
            ),
        ),
        _DOMAIN,
        parts={"loss": sp.Eq(sp.Symbol("E(L)"), loss)},
        titles={
            "loss": "mean loss in equilibrium",
        },
        assumptions=("p = eta a is below 2", "the noise of a step does not depend on the weights"),
        source=_SOURCE,
        shown={
            "result": r"v = \frac{\eta \sigma^2}{a (2 - \eta a)}",
            "loss": r"E L = \frac{\eta \sigma^2}{2 (2 - \eta a)}",
        },
    )


@cache
def averaged_variance() -> Derivation:
    r"""Derive how much less the average of T iterates loses than the last of them, exactly at finite T.

    .. math:: R_T = \frac{E L(\bar x)}{E L(x_T)} = \frac{T (1 - q^2) - 2 q (1 - q^T)}{T^2 (1 - q)^2}, \qquad
              T R_T \to \frac{2 - \eta a}{\eta a}

    Returns:
        A derivation in p = eta a < 2; the value is R_T. The parts are "limit", the leading term of R_T at large T,
        "variance", that of the variance of the average, sigma^2/(a^2 T), and "cycles", R_T for iterates that lie c
        steps apart.

    Examples:
        >>> averaged_variance().at(p="1/2", T=2)
        3/4
    """
    q, power = sp.symbols("q Q", real=True)  # Q stands for q^T
    pairs = _pairs(q, _steps, power)
    ratio = (_steps * _product * (2 - _product) - 2 * _factor * (1 - _factor**_steps)) / (_steps * _product) ** 2
    limit = (2 - _product) / (_product * _steps)
    variance = _noise**2 / (_curvature**2 * _steps)
    spaced = _pairs(_factor**_cycle, _steps, _factor ** (_cycle * _steps)) / _steps**2
    rest = 2 * q * (1 - power) / (_steps * (1 - q) ** 2)
    few = range(1, 7)
    return Derivation(
        "The mean of T iterates of SGD on a quadratic, against the last",
        sp.Eq(sp.Symbol("R"), ratio),
        (
            Step(
                "Two iterates k steps apart have the covariance v q^k: k steps multiply by q and add noise of mean 0 "
                "(k = 1, 2, 3, by expanding the steps).",
                Relation(sp.Tuple(*(_covariance(k, q) for k in (1, 2, 3))), "=", sp.Tuple(q, q**2, q**3)),
                "exact",
                shown=r"\frac{E x_t x_{t + k}}{v} = q^k",
            ),
            Step(
                "The sum of q^|s - t| over T times T pairs: one more iterate adds 1 and twice a geometric series.",
                Relation(_pairs(q, _steps + 1, q * power) - pairs, "=", 1 + 2 * q * (1 - power) / (1 - q)),
                "exact",
                shown=r"S_{T + 1} - S_T = 1 + 2 \sum_{k=1}^{T} q^k, \quad"
                r" S_T = \frac{T (1 - q^2) - 2 q (1 - q^T)}{(1 - q)^2}",
            ),
            Step(
                "The sum over one iterate.",
                Relation(_pairs(q, sp.Integer(1), q), "=", 1),
                "exact",
                shown=r"S_1 = 1",
            ),
            Step(
                "T = 1, ..., 6, pair by pair.",
                Relation(
                    sp.Tuple(*(sp.Add(*(q ** abs(s - t) for s in range(n) for t in range(n))) for n in few)),
                    "=",
                    sp.Tuple(*(_pairs(q, sp.Integer(n), q**n) for n in few)),
                ),
                "exact",
                shown=r"\sum_{s, t = 1}^{T} q^{|s - t|} = S_T \quad (T \le 6)",
            ),
            Step(
                "T = 4 by the noise alone: what each xi contributes to the sum, and x_1.",
                Relation(_by_noise(4, q), "=", _pairs(q, sp.Integer(4), q**4)),
                "exact",
                shown=r"\frac{1}{v} \mathrm{Var} (x_1 + x_2 + x_3 + x_4) = S_4",
                domain=Domain(q=(-1, 1)),
            ),
            Step(
                "The variance of the mean over v.",
                Relation(_pairs(_factor, _steps, _factor**_steps) / _steps**2, "=", ratio),
                "exact",
                shown=r"R_T = \frac{S_T}{T^2}",
            ),
            Step(
                "T times the ratio: its limit, and a rest that is of order 1/T.",
                Relation(pairs / _steps, "=", (1 + q) / (1 - q) - rest),
                "exact",
                shown=r"T R_T = \frac{1 + q}{1 - q} - \frac{2 q (1 - q^T)}{T (1 - q)^2}",
            ),
            Step(
                "The limit.",
                Relation((1 + _factor) / ((1 - _factor) * _steps), "=", limit),
                "exact",
                shown=r"R_T \sim \frac{2 - \eta a}{\eta a T}",
            ),
            Step(
                "Times v, it does not depend on the learning rate any more.",
                Relation(stationary_variance().value * limit, "=", variance),
                "exact",
                shown=r"\mathrm{Var} \, \bar{x} \sim \frac{\sigma^2}{a^2 T}",
            ),
            Step(
                "It is the variance of the place where the gradient a x is the mean of T noises.",
                Relation((_noise / _curvature) ** 2 / _steps, "=", variance),
                "exact",
                shown=r"a \bar{x} \approx \frac{\sigma}{T} \sum_t \xi_t",
            ),
            Step(
                "Iterates c steps apart have the covariances v q^(c k): q^c takes the place of q.",
                Relation(
                    (_pairs(q, _steps, power) / _steps**2).subs(
                        {q: _factor**_cycle, power: _factor ** (_cycle * _steps)}, simultaneous=True
                    ),
                    "=",
                    spaced,
                ),
                "exact",
                shown=r"R_{T, c} = \frac{T (1 - q^{2 c}) - 2 q^c (1 - q^{c T})}{T^2 (1 - q^c)^2}",
            ),
            Step(
                "c = 2 and T = 3, pair by pair.",
                Relation(
                    sp.Add(*(q ** (2 * abs(s - t)) for s in range(3) for t in range(3))),
                    "=",
                    _pairs(q**2, sp.Integer(3), q**6),
                ),
                "exact",
                shown=r"3 + 4 q^2 + 2 q^4 = S_{3, 2}",
            ),
            Step(
                "Along a flat direction, q = 1, iterates do not differ and averaging gains nothing (T = 2, ..., 6).",
                Relation(
                    sp.Tuple(*(sp.cancel(_pairs(q, sp.Integer(n), q**n)).subs(q, 1) / n**2 for n in few[1:])),
                    "=",
                    sp.Tuple(*(1 for _ in few[1:])),
                ),
                "exact",
                shown=r"R_T = 1 \quad (q \to 1)",
            ),
        ),
        _DOMAIN,
        parts={
            "limit": sp.Eq(sp.Symbol("R"), limit),
            "variance": sp.Eq(sp.Symbol("Var"), variance),
            "cycles": sp.Eq(sp.Symbol("R"), spaced),
        },
        titles={
            "limit": "ratio for long averages",
            "variance": "variance of the mean",
            "cycles": "ratio with one iterate a cycle",
        },
        assumptions=(
            "p = eta a is below 2; the run has forgotten its first weights",
            "the noise of a step does not depend on the weights",
            "on a quadratic the curvature is the same everywhere: this is about the loss, not about flatness",
        ),
        source=_SOURCE,
        shown={
            "result": r"R_T = \frac{T (1 - q^2) - 2 q (1 - q^T)}{T^2 (1 - q)^2}, \quad q = 1 - \eta a",
            "limit": r"R_T \sim \frac{2 - \eta a}{\eta a T}",
            "variance": r"\mathrm{Var} \, \bar{x} \sim \frac{\sigma^2}{a^2 T}",
            "cycles": r"R_{T, c} = \frac{T (1 - q^{2 c}) - 2 q^c (1 - q^{c T})}{T^2 (1 - q^c)^2}",
        },
    )


def stationary_loss(learning_rate: float, curvatures: Any, noise: float) -> float:
    """Return the expected loss of an iterate of SGD on a quadratic, summed over its eigenvectors.

    Args:
        learning_rate: eta > 0.
        curvatures: One curvature per eigenvector, at least one, each in (0, 2/eta).
        noise: Standard deviation sigma >= 0 of the noise in each component of the gradient.

    Raises:
        TypeError: If something is no number.
        ValueError: If there is no curvature, one is not in (0, 2/eta), a number does not fit, or the loss is not
            finite.

    Examples:
        >>> stationary_loss(0.5, [2.0], noise=1.0)
        0.25
    """
    learning_rate = positive_number("learning_rate", learning_rate)
    noise = nonnegative_number("noise", noise)
    products = (_stable_product(learning_rate, each) for each in real_vector("curvatures", curvatures))
    total = sum(noise * (learning_rate / (2 * (2 - product))) * noise for product in products)
    return finite_result("the loss", total, noise=noise)


def averaging_ratio(learning_rate: float, curvature: float, steps: int, *, every: int = 1) -> float:
    """Return the expected loss of the mean of T iterates over that of the last one, exactly at finite T.

    Args:
        learning_rate: eta > 0.
        curvature: a in (0, 2/eta).
        steps: Number T of iterates in the average.
        every: Steps c between two of them.

    Raises:
        TypeError: If something is no number, or a count no integer.
        ValueError: If eta a is not in (0, 2), or a count is less than 1.

    Examples:
        >>> averaging_ratio(0.5, 1.0, 2)
        0.75
    """
    learning_rate, curvature = positive_number("learning_rate", learning_rate), positive_number("curvature", curvature)
    _stable_product(learning_rate, curvature)
    steps, every = positive_integer("steps", steps), positive_integer("every", every)
    exponent = math.frexp(learning_rate)[1] + math.frexp(curvature)[1]
    with mpmath.workdps(40 + max(0, -exponent)):  # the closed form cancels where eta a T is small
        q = (1 - mpmath.mpf(learning_rate) * curvature) ** every
        return float((steps * (1 - q**2) - 2 * q * (1 - q**steps)) / (steps * (1 - q)) ** 2)


def _stable_product(learning_rate: float, curvature: Any) -> float:
    product = learning_rate * positive_number("curvature", curvature)
    if product >= 2:
        raise ValueError(f"learning_rate * curvature must be < 2, or the iterates grow, got {product:g}.")
    return product


def _pairs(q: sp.Expr, steps: sp.Expr, power: sp.Expr) -> sp.Expr:
    """The sum of q^|s - t| over steps x steps pairs, by its closed form, with the power of q given apart."""
    return (steps * (1 - q**2) - 2 * q * (1 - power)) / (1 - q) ** 2


def _iterates(count: int, q: sp.Expr) -> tuple[list[sp.Expr], list[sp.Symbol]]:
    """x_1, ..., x_count in units of the stationary spread, and the independent variables of variance 1 behind them."""
    letters = list(sp.symbols(f"xi_0:{count}", real=True))
    kick = sp.sqrt(1 - q**2)  # eta sigma over the stationary standard deviation
    iterates = [letters[0]]
    for letter in letters[1:]:
        iterates.append(sp.expand(q * iterates[-1] + kick * letter))
    return iterates, letters


def _covariance(apart: int, q: sp.Expr) -> sp.Expr:
    iterates, letters = _iterates(apart + 1, q)
    return sp.Add(*(iterates[0].coeff(letter) * iterates[-1].coeff(letter) for letter in letters))


def _by_noise(count: int, q: sp.Expr) -> sp.Expr:
    iterates, letters = _iterates(count, q)
    total = sp.expand(sp.Add(*iterates))
    return sp.Add(*(total.coeff(letter) ** 2 for letter in letters))
