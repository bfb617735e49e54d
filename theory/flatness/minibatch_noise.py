r"""The noise of a minibatch gradient: its covariance is that of the samples, times a factor of the batch size.

Conventions: n samples with gradients g_1, ..., g_n, the loss is their mean. A batch is a set of B different samples,
each such set equally likely (sampling without replacement). The covariance of the samples is with 1/n:

.. math:: C = \frac1n \sum_i (g_i - \bar g)(g_i - \bar g)^T
"""

from collections.abc import Sequence
from functools import cache
from itertools import combinations, product
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from theory.derivation import Derivation, Step
from theory.domain import Domain
from theory.proof import Relation
from theory.real_arrays import positive_integer, real_array

__all__ = ["batch_covariance", "batch_noise_factor", "minibatch_covariance"]

_samples, _batch = sp.symbols("n B", positive=True)
_SIZES = ((2, 1), (3, 2), (4, 2), (4, 3), (5, 2), (5, 5))


@cache
def batch_covariance() -> Derivation:
    r"""Derive the covariance of a minibatch gradient drawn without replacement.

    .. math:: \mathrm{Cov}(g_B) = \frac{n - B}{B (n - 1)}\, C

    Two disjoint batches of one epoch have the covariance -C/(n - 1), so that the noise of a whole epoch cancels.

    Returns:
        A derivation; the value is the factor of C. The parts are "replacement", the factor 1/B with replacement, and
        "epoch", the factor between two disjoint batches.

    Examples:
        >>> batch_covariance().at(n=100, B=10)
        1/11
    """
    factor = (_samples - _batch) / (_batch * (_samples - 1))
    p1, p2, cross = sp.symbols("p q P", real=True)  # sums of two components, and of their product
    one, two = _batch / _samples, _batch * (_batch - 1) / (_samples * (_samples - 1))
    between = _batch**2 / (_samples * (_samples - 1))
    covariance = cross / _samples - p1 * p2 / _samples**2
    moment = (one * cross + two * (p1 * p2 - cross)) / _batch**2
    apart = between * (p1 * p2 - cross) / _batch**2 - p1 * p2 / _samples**2
    return Derivation(
        "The covariance of a minibatch gradient is that of the samples times (n - B)/(B(n - 1))",
        sp.Eq(sp.Symbol("kappa"), factor),
        (
            Step(
                "One given sample is in the batch with the probability B/n, two given ones with B(B - 1)/(n(n - 1)) "
                "(counted, n up to 5).",
                Relation(
                    sp.Tuple(*(sp.Tuple(*_inclusion(n, size)) for n, size in _SIZES)),
                    "=",
                    sp.Tuple(*(sp.Tuple(*(_at(share, n, size) for share in (one, two))) for n, size in _SIZES)),
                ),
                "exact",
                shown=r"P(i \in B) = \frac{B}{n}, \quad P(i, j \in B) = \frac{B (B - 1)}{n (n - 1)} \quad (i \neq j)",
            ),
            Step(
                "For any n and B these are the ratios of binomial numbers.",
                Relation(sp.Tuple(*_binomial_ratios()), "=", sp.Tuple(one, two)),
                "exact",
                shown=r"\binom{n - 1}{B - 1} / \binom{n}{B} = \frac{B}{n}, \quad"
                r" \binom{n - 2}{B - 2} / \binom{n}{B} = \frac{B (B - 1)}{n (n - 1)}",
            ),
            Step(
                "Two components of the mean over a batch, by p and q their sums over all samples and P that of their "
                "product: the mean of the product less the product of means.",
                Relation(moment - p1 * p2 / _samples**2, "=", factor * covariance),
                "exact",
                shown=r"\frac{1}{B^2} \left(\frac{B}{n} P + \frac{B (B - 1)}{n (n - 1)} (p q - P)\right)"
                r" - \frac{p q}{n^2} = \frac{n - B}{B (n - 1)} \left(\frac{P}{n} - \frac{p q}{n^2}\right)",
            ),
            Step(
                "Enumeration of every batch, with free gradients of two components: n = 2, 3, 4, 4, 5, 5 and "
                "B = 1, 2, 2, 3, 2, 5.",
                Relation(
                    sp.Tuple(*(_enumerated(n, size) for n, size in _SIZES)),
                    "=",
                    sp.Tuple(*(_at(factor, n, size) * _sample_covariance(n) for n, size in _SIZES)),
                ),
                "exact",
                shown=r"\binom{n}{B}^{-1} \sum_B (g_B - \bar{g})(g_B - \bar{g})^{T} = \frac{n - B}{B (n - 1)} C",
            ),
            Step(
                "With replacement the B draws are independent: the factor is 1/B (enumerated, n = 2, 3 and B = 2, 2).",
                Relation(
                    sp.Tuple(*(_with_replacement(n, 2) for n in (2, 3))),
                    "=",
                    sp.Tuple(*(_sample_covariance(n) / 2 for n in (2, 3))),
                ),
                "exact",
                shown=r"\mathrm{Cov}(g_B) = \frac{1}{B} C",
            ),
            Step(
                "Without it the noise is smaller by (n - B)/(n - 1), and vanishes for the whole set.",
                Relation(factor / (1 / _batch), "=", (_samples - _batch) / (_samples - 1)),
                "exact",
                shown=r"\frac{n - B}{B (n - 1)} = \frac{1}{B} \cdot \frac{n - B}{n - 1}",
            ),
            Step(
                "Two disjoint batches of one epoch: a pair of samples, one in each, with the probability "
                "B^2/(n(n - 1)).",
                Relation(apart, "=", -covariance / (_samples - 1)),
                "exact",
                shown=r"\mathrm{Cov}(g_B, g_{B'}) = - \frac{1}{n - 1} C \quad (B \cap B' = \emptyset)",
            ),
            Step(
                "Enumerated for n = 4 and two batches of 2.",
                Relation(_disjoint(4, 2), "=", -_sample_covariance(4) / 3),
                "exact",
                shown=r"\mathrm{Cov}(g_B, g_{B'}) = - \frac{1}{3} C \quad (n = 4, \ B = 2)",
            ),
            Step(
                "Over the r = n/B batches of an epoch the noise cancels.",
                Relation(_epoch(factor), "=", 0),
                "exact",
                shown=r"r \frac{n - B}{B (n - 1)} - \frac{r (r - 1)}{n - 1} = 0 \quad (n = r B)",
            ),
            Step(
                "The factor of C itself.",
                Relation(sp.cancel((moment - p1 * p2 / _samples**2) / covariance), "=", factor),
                "exact",
                shown=r"\kappa = \frac{n - B}{B (n - 1)}",
            ),
            Step(
                "That with replacement, from B independent draws of the mean of B.",
                Relation(_batch * (1 / _batch) ** 2, "=", 1 / _batch),
                "exact",
                shown=r"B \cdot \frac{1}{B^2} = \frac{1}{B}",
            ),
            Step(
                "That between batches.",
                Relation(sp.cancel(apart / covariance), "=", -1 / (_samples - 1)),
                "exact",
                shown=r"- \frac{1}{n - 1}",
            ),
        ),
        Domain(n=(1, sp.oo), B=(0, sp.oo)).with_integers("n", "B").where(_batch <= _samples),
        parts={
            "replacement": sp.Eq(sp.Symbol("kappa"), 1 / _batch),
            "epoch": sp.Eq(sp.Symbol("kappa"), -1 / (_samples - 1)),
        },
        titles={
            "replacement": "factor with replacement",
            "epoch": "covariance of two disjoint batches",
        },
        assumptions=("every set of B different samples is equally likely, 1 <= B <= n, n >= 2",),
        source="Sampling without replacement; Edinburgh, Machine Learning Theory, slide SGD and Flat minima",
        shown={
            "result": r"\mathrm{Cov}(g_B) = \kappa \, C, \quad \kappa = \frac{n - B}{B (n - 1)}",
            "replacement": r"\kappa = \frac{1}{B}",
            "epoch": r"\mathrm{Cov}(g_B, g_{B'}) = - \frac{1}{n - 1} C",
        },
    )


def batch_noise_factor(samples: int, batch: int) -> sp.Rational:
    """Return the factor (n - B)/(B(n - 1)) exactly.

    Args:
        samples: Number n of samples, at least 2.
        batch: Samples B in a batch, 1 <= B <= n.

    Raises:
        TypeError: If a size is no integer.
        ValueError: If there are fewer than two samples or the batch is larger than their number.

    Examples:
        >>> batch_noise_factor(5, 2)
        3/8
    """
    samples, batch = positive_integer("samples", samples), positive_integer("batch", batch)
    if samples < 2:
        raise ValueError(f"samples must be >= 2, got {samples}.")
    if batch > samples:
        raise ValueError(f"batch must be <= the number of samples, {samples}, got {batch}.")
    return sp.Rational(samples - batch, batch * (samples - 1))


def minibatch_covariance(gradients: Any, batch: int) -> NDArray[np.float64]:
    """Return the covariance of the mean gradient over a random batch, from the gradient of each sample.

    Args:
        gradients: Samples x weights, at least two samples.
        batch: Samples in a batch, drawn without replacement.

    Returns:
        Weights x weights, allocated whole.

    Raises:
        TypeError: If the batch is no integer.
        ValueError: If the table has another shape or is not finite, or the batch does not fit.

    Examples:
        >>> print(minibatch_covariance([[1.0], [2.0], [6.0]], batch=2))
        [[1.16666667]]
    """
    table = real_array("gradients", gradients)
    if table.ndim != 2 or not table.size:
        raise ValueError(f"gradients must be a table of samples x weights, got the shape {table.shape}.")
    factor = float(batch_noise_factor(len(table), batch))
    centred = table - table.mean(axis=0)
    return np.asarray(factor / len(table) * centred.T @ centred)


def _at(expression: sp.Expr, samples: int, batch: int) -> sp.Expr:
    return expression.subs({_samples: samples, _batch: batch})


def _gradients(samples: int) -> list[sp.ImmutableMatrix]:
    return [sp.ImmutableMatrix(sp.symbols(f"x_{i} y_{i}", real=True)) for i in range(1, samples + 1)]


def _mean(vectors: Sequence[Any]) -> Any:
    return sum(vectors[1:], vectors[0]) / len(vectors)


def _covariance(pairs: Sequence[tuple[Any, Any]], centre: Any) -> sp.ImmutableMatrix:
    """The mean of the outer products of pairs about a centre."""
    return sp.ImmutableMatrix(_mean([(x - centre) * (y - centre).T for x, y in pairs]).applyfunc(sp.expand))


def _sample_covariance(samples: int) -> sp.ImmutableMatrix:
    gradients = _gradients(samples)
    return _covariance([(x, x) for x in gradients], _mean(gradients))


def _enumerated(samples: int, batch: int) -> sp.ImmutableMatrix:
    gradients = _gradients(samples)
    means = [_mean(chosen) for chosen in combinations(gradients, batch)]
    return _covariance([(x, x) for x in means], _mean(gradients))


def _with_replacement(samples: int, batch: int) -> sp.ImmutableMatrix:
    gradients = _gradients(samples)
    means = [_mean(chosen) for chosen in product(gradients, repeat=batch)]
    return _covariance([(x, x) for x in means], _mean(gradients))


def _disjoint(samples: int, batch: int) -> sp.ImmutableMatrix:
    gradients, places = _gradients(samples), range(samples)
    pairs = [
        (_mean([gradients[i] for i in first]), _mean([gradients[i] for i in second]))
        for first in combinations(places, batch)
        for second in combinations([i for i in places if i not in first], batch)
    ]
    return _covariance(pairs, _mean(gradients))


def _inclusion(samples: int, batch: int) -> tuple[sp.Rational, sp.Rational]:
    """The shares of the batches that hold the first sample, and the first two."""
    batches = list(combinations(range(samples), batch))
    counts = [sum(wanted <= set(chosen) for chosen in batches) for wanted in ({0}, {0, 1})]
    return sp.Rational(counts[0], len(batches)), sp.Rational(counts[1], len(batches))


def _binomial_ratios() -> tuple[sp.Expr, sp.Expr]:
    """Ratios of binomial numbers, by their factorials."""
    every = sp.factorial(_samples) / (sp.factorial(_batch) * sp.factorial(_samples - _batch))
    ratios = []
    for given in (1, 2):
        rest = sp.factorial(_samples - given) / (sp.factorial(_batch - given) * sp.factorial(_samples - _batch))
        ratios.append(sp.combsimp(rest / every))
    return ratios[0], ratios[1]


def _epoch(factor: sp.Expr) -> sp.Expr:
    """The factor of C in the covariance of the sum over the batches of an epoch."""
    count = sp.Symbol("r", positive=True)
    whole = {_samples: count * _batch}
    return (count * factor - count * (count - 1) / (_samples - 1)).subs(whole)
