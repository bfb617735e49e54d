r"""How far single trajectories of SGD outlive the threshold of their mean square.

Conventions as in `theory.flatness.linear_stability`: a batch multiplies the distance x from an interpolating minimum by
1 - eta h_B, independently at every step. A trajectory shrinks, almost surely, if the mean of log |1 - eta h_B| over all
batches is negative: if the product of |1 - eta h_B| over all batches is less than 1.
"""

import math
from functools import cache
from itertools import combinations
from math import comb
from typing import Any

import mpmath
import numpy as np
import sympy as sp
from numpy.typing import NDArray

from theory.derivation import Derivation, Step, Theorem
from theory.domain import Domain
from theory.exact_numbers import exact_number, listed
from theory.flatness.linear_stability import curvature_moments
from theory.proof import Relation
from theory.real_arrays import finite_result

__all__ = ["almost_sure_stability", "almost_sure_threshold"]

_rate, _mean, _spread = sp.symbols("eta a s", positive=True)
_MOST_BATCHES = 200_000


@cache
def almost_sure_stability() -> Derivation:
    r"""Derive that single trajectories of SGD outlive the mean-square threshold, and by how much for two samples.

    A trajectory shrinks if the mean of log |1 - eta h_B| is negative, that is if the product of |1 - eta h_B| over all
    batches is less than 1. By the inequality of the means that product is less than 1 wherever the mean square is 1.
    For two samples, B = 1 and s^2 < a^2/2 the thresholds are

    .. math:: \eta^* = \frac{2a}{a^2 + s^2} < \eta^{**} = \frac{2a}{a^2 - s^2}

    Returns:
        A derivation in a and t = s^2/a^2 < 1/2; the value is the threshold of two samples, the part "ratio" how far it
        exceeds that of the mean square.

    Examples:
        >>> almost_sure_stability().at(a=1, t="1/4")
        8/3
    """
    first, second = _mean - _spread, _mean + _spread
    mean_square = 2 * _mean / (_mean**2 + _spread**2)
    later = 2 * _mean / (_mean**2 - _spread**2)
    product = sp.expand((1 - _rate * first) * (1 - _rate * second))
    share = sp.Symbol("t", positive=True)  # s^2/a^2, below 1/2
    small = {_spread: _mean * sp.sqrt(share)}
    narrow = Domain(a=(0, sp.oo), t=(0, sp.Rational(1, 2)))
    value, ratio = 2 / (_mean * (1 - share)), (1 + share) / (1 - share)
    unit = sp.Symbol("r", positive=True)  # eta as a share of the threshold
    inside = Domain(a=(0, sp.oo), t=(0, sp.Rational(1, 2)), r=(0, 1))
    return Derivation(
        "Single trajectories of SGD outlive the threshold of the mean square",
        sp.Eq(sp.Symbol("eta_s"), value),
        (
            Step(
                "After t steps x is a product of t independent factors; two samples drawn once each multiply x by",
                Relation(product, "=", 1 - 2 * _mean * _rate + (_mean**2 - _spread**2) * _rate**2),
                "exact",
                shown=r"(1 - \eta h_1)(1 - \eta h_2) = 1 - 2 a \eta + (a^2 - s^2) \eta^2",
            ),
            Step(
                "The product is 1 again at the learning rate",
                Relation(sp.solve(sp.expand((product - 1) / _rate), _rate)[0], "=", later),
                "exact",
                lambda: 1 / first + 1 / second,
                shown=r"\eta^{**} = \frac{2 a}{a^2 - s^2} = \frac{1}{h_1} + \frac{1}{h_2}",
            ),
            Step(
                "Below it the product is less than 1,",
                Relation(product.subs(_rate, unit * later).subs(small), "<", 1),
                "exact",
                shown=r"(1 - \eta h_1)(1 - \eta h_2) < 1 \quad (\eta < \eta^{**})",
                domain=inside,
            ),
            Step(
                "and more than -1, if the variance is below half of the square of the mean: the trajectory shrinks.",
                Relation(-1, "<", product.subs(_rate, unit * later).subs(small)),
                "exact",
                shown=r"(1 - \eta h_1)(1 - \eta h_2) > -1 \quad (s^2 < a^2/2)",
                domain=inside,
            ),
            Step(
                "The mean square grows from the learning rate at which",
                Relation(((1 - _rate * first) ** 2 + (1 - _rate * second) ** 2).subs(_rate, mean_square) / 2, "=", 1),
                "exact",
                shown=r"\frac{1}{2} \sum_i (1 - \eta^* h_i)^2 = 1, \quad \eta^* = \frac{2 a}{a^2 + s^2}",
            ),
            Step(
                "which comes first.",
                Relation(mean_square.subs(small), "<", later.subs(small)),
                "exact",
                shown=r"\frac{2 a}{a^2 + s^2} < \frac{2 a}{a^2 - s^2}",
                domain=narrow,
            ),
            Step(
                "In t = s^2/a^2 it is",
                Relation(later.subs(small), "=", value),
                "exact",
                shown=r"\eta^{**} = \frac{2}{a (1 - t)}, \quad t = \frac{s^2}{a^2}",
            ),
            Step(
                "and the ratio of the two",
                Relation((later / mean_square).subs(small), "=", ratio),
                "exact",
                shown=r"\frac{\eta^{**}}{\eta^*} = \frac{a^2 + s^2}{a^2 - s^2} = \frac{1 + t}{1 - t}",
            ),
            Step(
                "At the threshold of the mean square two samples already give a product below 1 in size:",
                Relation(
                    product.subs(_rate, mean_square).subs(small) ** 2,
                    "<",
                    1,
                ),
                "exact",
                shown=r"(1 - \eta^* h_1)^2 (1 - \eta^* h_2)^2 < 1",
                domain=narrow,
            ),
            Step(
                "At a larger variance the product falls below -1 first, from eta_1 on: there trajectories grow, "
                "and may shrink again beyond.",
                Relation(
                    product.subs(_rate, (_mean - sp.sqrt(2 * _spread**2 - _mean**2)) / (_mean**2 - _spread**2)),
                    "=",
                    -1,
                ),
                "exact",
                shown=r"(1 - \eta_1 h_1)(1 - \eta_1 h_2) = -1, \quad"
                r" \eta_1 = \frac{a - \sqrt{2 s^2 - a^2}}{a^2 - s^2} \quad (s^2 > a^2/2)",
            ),
        ),
        narrow,
        parts={"ratio": sp.Eq(sp.Symbol("rho"), ratio)},
        titles={
            "ratio": "how far it exceeds that of the mean square",
        },
        assumptions=(
            "every sample has its minimum at x = 0, and batches of different steps are independent",
            "the value: two samples, B = 1, s^2 < a^2/2",
        ),
        theorems=(_law_of_large_numbers(), _means()),
        source="Products of independent factors; Wu, Ma and E (2018), for the mean square",
        shown={
            "result": r"\eta^{**} = \frac{2}{a (1 - t)} > \eta^* = \frac{2}{a (1 + t)}, \quad t = \frac{s^2}{a^2}",
            "ratio": r"\frac{\eta^{**}}{\eta^*} = \frac{1 + t}{1 - t}",
        },
    )


def almost_sure_threshold(curvatures: Any, batch: int) -> float:
    """Return the least learning rate beyond which trajectories of SGD grow, almost surely.

    That is the first zero of the mean of log |1 - eta h_B| over all batches. Between two neighbouring poles 1/h_B this
    mean is concave, so that a bisection for its maximum and one for its zero find it; up to the first pole it is
    negative. Beyond the threshold there may be further learning rates at which trajectories shrink.

    Args:
        curvatures: One second derivative per sample, at least two, of positive mean.
        batch: Samples in a batch, drawn without replacement; at most 200 000 batches are enumerated.

    Returns:
        A float, right to about 1e-12.

    Raises:
        TypeError: If something is not a number.
        ValueError: If there are fewer than two samples, their mean is not positive, the batch does not fit, there are
            too many batches, or double precision does not hold the threshold.

    Examples:
        >>> round(almost_sure_threshold([1, 2], batch=1), 12)
        1.5
    """
    exact = [exact_number("curvatures", value) for value in listed("curvatures", curvatures)]
    curvature_moments(exact, batch)
    power = int(mpmath.frexp(mpmath.mpmathify(max(abs(value) for value in exact).evalf(20)))[1])
    values = np.array([float(value / sp.Integer(2) ** power) for value in exact])  # the largest is of the order of 1
    if comb(len(values), batch) > _MOST_BATCHES:
        raise ValueError(f"curvatures must have at most {_MOST_BATCHES} batches, got {comb(len(values), batch)}.")
    places = np.array(list(combinations(range(len(values)), batch)))
    means = values[places].mean(axis=1)
    poles = np.unique(1 / means[means > 0])
    for left, right in zip(poles, [*poles[1:], np.inf], strict=True):
        root = _first_zero(means, float(left), float(right))
        if root is not None:
            return _scaled(root, -power)
    raise ArithmeticError("the mean logarithm has no zero, although it grows without bound.")  # pragma: no cover


def _scaled(root: float, power: int) -> float:
    try:
        threshold = math.ldexp(root, power)
    except OverflowError:
        threshold = math.inf
    if threshold == 0:
        raise ValueError("curvatures must leave a threshold > 0 in double precision, got 0.")
    return finite_result("the threshold", threshold)


def _first_zero(means: NDArray[np.float64], left: float, right: float) -> float | None:
    """The first zero of the mean logarithm between two poles, or None if it stays negative."""
    if not left * (1 + 1e-14) < right:
        return None
    if np.isfinite(right):
        low, high = left, right
        for _ in range(200):  # the slope falls from +oo to -oo
            middle = (low + high) / 2
            if _slope(means, middle) > 0:
                low = middle
            else:
                high = middle
        top = (low + high) / 2
    else:
        top = 2 * left
        while _log(means, top) <= 0:
            top *= 2
    if not _log(means, top) > 0:
        return None
    low, high = left, top
    for _ in range(200):
        middle = (low + high) / 2
        if _log(means, middle) < 0:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _log(means: NDArray[np.float64], rate: float) -> float:
    with np.errstate(divide="ignore"):
        return float(np.log(abs(1 - rate * means)).mean())


def _slope(means: NDArray[np.float64], rate: float) -> float:
    with np.errstate(divide="ignore", invalid="ignore"):
        return float((means / (rate * means - 1)).mean())


def _law_of_large_numbers() -> Theorem:
    first, second = sp.symbols("f_1 f_2", positive=True)
    return Theorem(
        "the law of large numbers",
        "The mean of the logarithms of independent factors $|1 - \\eta h_B|$ tends to its expectation, almost surely: "
        "the trajectory shrinks if that is negative and grows if it is positive.",
        "Kallenberg, Foundations of Modern Probability, theorem 4.23",
        (
            Step(
                "The logarithm of a product of factors is the sum of their logarithms.",
                Relation(sp.expand_log(sp.log(first * second)), "=", sp.log(first) + sp.log(second)),
                "exact",
                shown=r"\log |x_t| = \log |x_0| + \sum_{r=1}^{t} \log |1 - \eta h_{B_r}|",
            ),
        ),
    )


def _means() -> Theorem:
    x, y = sp.symbols("x y", positive=True)
    return Theorem(
        "the inequality of the arithmetic and the geometric mean",
        "The geometric mean of positive numbers is at most their arithmetic mean, and less unless they are equal: "
        "where the mean of $(1 - \\eta h_B)^2$ is 1, their product is at most 1.",
        "Hardy, Littlewood and Pólya, Inequalities, theorem 9",
        (
            Step(
                "For two numbers the difference is a square.",
                Relation((x + y) / 2 - sp.sqrt(x * y), "=", (sp.sqrt(x) - sp.sqrt(y)) ** 2 / 2),
                "exact",
                shown=r"\frac{x + y}{2} - \sqrt{x y} = \frac{1}{2} \left(\sqrt{x} - \sqrt{y}\right)^2",
            ),
        ),
    )
