r"""Which minima gradient descent and SGD can stay at: linear stability on a quadratic.

Conventions: x is the distance from a minimum in one weight, eta the learning rate. Gradient descent on a x^2/2
multiplies x by 1 - eta a. SGD has n samples with losses h_i x^2/2 (all minimal at x = 0, an interpolating minimum), a
the mean of the h_i and s^2 their variance with 1/n; a batch of B different samples multiplies x by 1 - eta h_B, h_B the
mean of its h_i. Batches are drawn anew at every step, each set of B samples equally likely; kappa = (n - B)/(B(n - 1)).
"""

from functools import cache
from itertools import combinations, islice
from typing import Any

import sympy as sp

from theory.derivation import Derivation, Step
from theory.domain import Domain
from theory.exact_numbers import exact_number, listed
from theory.flatness.minibatch_noise import batch_covariance, batch_noise_factor
from theory.proof import Relation

__all__ = [
    "descent_stability",
    "mean_square_stability",
    "mean_square_threshold",
    "second_moment_factor",
]

_rate, _mean, _spread = sp.symbols("eta a s", positive=True)
_samples, _batch = sp.symbols("n B", positive=True)
_SIZES = ((2, 1), (3, 1), (3, 2), (4, 2), (5, 3))
_SOURCE = "Wu, Ma and E (2018), How SGD selects the global minima in over-parameterized learning"


@cache
def descent_stability() -> Derivation:
    r"""Derive that gradient descent stays near a minimum if and only if no curvature exceeds 2/eta.

    .. math:: |1 - \eta \lambda| \le 1 \quad \Leftrightarrow \quad 0 \le \lambda \le \frac2\eta

    Returns:
        A derivation; the value is the largest stable curvature 2/eta. The part "rescaled" is the largest stable
        learning rate along an orbit of rescalings of one function, which has no lower bound but 0.

    Examples:
        >>> descent_stability().at(eta=0.1)
        20
    """
    curvature = sp.Symbol("lambda", positive=True)
    excess, alpha = sp.symbols("c alpha", positive=True)
    first, second, x, y = sp.symbols("u v x y", positive=True)
    loss = (x * y - 1) ** 2 / 2
    orbit = sp.hessian(loss, (x, y)).subs({x: alpha, y: 1 / alpha})
    largest = alpha**2 + 1 / alpha**2
    matrix = sp.ImmutableMatrix([[first + second, first - second], [first - second, first + second]]) / 2
    return Derivation(
        "Gradient descent is stable where no curvature exceeds twice the inverse learning rate",
        sp.Eq(sp.Symbol("lambda_max"), 2 / _rate),
        (
            Step(
                "One step along an eigenvector: the gradient of the quadratic is lambda x.",
                Relation(x - _rate * (curvature * x**2 / 2).diff(x), "=", (1 - _rate * curvature) * x),
                "exact",
                shown=r"x - \eta \lambda x = (1 - \eta \lambda) x",
            ),
            Step(
                "Eigenvectors do not mix (two weights): the map is 1 - eta H, with the eigenvalues 1 - eta lambda.",
                Relation(
                    (sp.eye(2) - _rate * matrix) * sp.Matrix([[1, 1], [1, -1]]),
                    "=",
                    sp.Matrix([[1, 1], [1, -1]]) * sp.diag(1 - _rate * first, 1 - _rate * second),
                ),
                "exact",
                shown=r"(1 - \eta H) v_i = (1 - \eta \lambda_i) v_i",
            ),
            Step(
                "The square of the factor less 1 has the sign of eta lambda - 2.",
                Relation(sp.expand((1 - _rate * curvature) ** 2 - 1), "=", _rate * curvature * (_rate * curvature - 2)),
                "exact",
                shown=r"(1 - \eta \lambda)^2 - 1 = \eta \lambda (\eta \lambda - 2)",
            ),
            Step(
                "It vanishes at the threshold.",
                Relation(sp.solve(_rate * curvature - 2, curvature)[0], "=", 2 / _rate),
                "exact",
                shown=r"\eta \lambda = 2 \quad \Leftrightarrow \quad \lambda = \frac{2}{\eta}",
            ),
            Step(
                "Above it, at lambda = (2 + c)/eta, the distance grows by 1 + c at every step;",
                Relation((1 - _rate * (2 + excess) / _rate) ** 2, "=", (1 + excess) ** 2),
                "exact",
                shown=r"\left(1 - (2 + c)\right)^2 = (1 + c)^2 > 1",
            ),
            Step(
                "on it, x turns its sign and keeps its size.",
                Relation((1 - _rate * curvature).subs(curvature, 2 / _rate), "=", -1),
                "exact",
                shown=r"1 - \eta \frac{2}{\eta} = -1",
            ),
            Step(
                "A rescaling leaves the function and moves the threshold: along (alpha, 1/alpha), all minima of "
                "(u v - 1)^2/2, the non-zero eigenvalue is",
                Relation(orbit.trace(), "=", largest),
                "exact",
                lambda: (orbit * sp.Matrix([1 / alpha, alpha]))[0] * alpha,
                shown=r"\lambda_1 = \alpha^2 + \alpha^{-2}",
            ),
            Step(
                "the other being 0,",
                Relation(orbit.det(), "=", 0),
                "exact",
                shown=r"\lambda_2 = 0",
            ),
            Step(
                "so that the largest stable learning rate is 1 at alpha = 1 and falls to 0 at both ends.",
                Relation(2 / orbit.trace(), "=", 2 * alpha**2 / (1 + alpha**4)),
                "exact",
                shown=r"\eta_{\max} = \frac{2}{\alpha^2 + \alpha^{-2}} \le 1",
            ),
        ),
        Domain(eta=(0, sp.oo), **{"lambda": (0, sp.oo)}, c=(0, sp.oo), alpha=(0, sp.oo)),
        parts={"rescaled": sp.Eq(sp.Symbol("eta_max"), 2 * alpha**2 / (1 + alpha**4))},
        titles={
            "rescaled": "largest rate along the orbit",
        },
        assumptions=("the loss is quadratic near the minimum, with a positive semidefinite Hessian",),
        source=f"{_SOURCE}; Edinburgh, Machine Learning Theory, slide SGD and Flat minima",
        shown={
            "result": r"\lambda_{\max} \le \frac{2}{\eta}",
            "rescaled": r"\eta_{\max} = \frac{2 \alpha^2}{1 + \alpha^4}",
        },
    )


@cache
def mean_square_stability() -> Derivation:
    r"""Derive when the mean square of SGD stays bounded at an interpolating minimum of one weight.

    .. math:: \frac{E x_{t+1}^2}{E x_t^2} = (1 - \eta a)^2 + \eta^2 s^2 \kappa \le 1
              \quad \Leftrightarrow \quad \eta \le \eta^* = \frac{2 a}{a^2 + \kappa s^2}

    Returns:
        A derivation; the value is the threshold. The parts are "factor", that of the second moment, and "spread", the
        largest variance of the curvatures that is stable at a given learning rate.

    Examples:
        >>> mean_square_stability().at(a=1, s=1, n=3, B=2)
        8/5
        >>> mean_square_stability().evidence
        'exact'
    """
    kappa = batch_covariance().value
    factor = (1 - _rate * _mean) ** 2 + _rate**2 * _spread**2 * kappa
    threshold = 2 * _mean / (_mean**2 + _spread**2 * kappa)
    linear, square = _samples * _mean, _samples * (_spread**2 + _mean**2)  # sums of h_i and of h_i^2
    two = _batch * (_batch - 1) / (_samples * (_samples - 1))
    moment = (_batch / _samples * square + two * (linear**2 - square)) / _batch**2
    spread = (2 - _rate * _mean) * _mean / (_rate * kappa)
    more = sp.Symbol("c", positive=True)
    box = Domain(eta=(0, sp.oo), a=(0, sp.oo), s=(0, sp.oo), n=(1, sp.oo), B=(0, sp.oo))
    whole = box.with_integers("n", "B").where(_batch <= _samples)
    return Derivation(
        "The mean square of SGD stays bounded up to the learning rate 2a/(a^2 + kappa s^2)",
        sp.Eq(sp.Symbol("eta_c"), threshold),
        (
            Step(
                "The mean square of h_B: each sample is in a batch with the probability B/n, each pair with "
                "B(B - 1)/(n(n - 1)).",
                Relation(moment, "=", _mean**2 + kappa * _spread**2),
                "exact",
                shown=r"E h_B^2 = a^2 + \kappa s^2, \quad \kappa = \frac{n - B}{B (n - 1)}",
            ),
            Step(
                "So a step multiplies the mean square of x by",
                Relation(1 - 2 * _rate * _mean + _rate**2 * moment, "=", factor),
                "exact",
                shown=r"E (1 - \eta h_B)^2 = (1 - \eta a)^2 + \eta^2 s^2 \frac{n - B}{B (n - 1)}",
            ),
            Step(
                "Enumeration of every batch with free curvatures: n = 2, 3, 3, 4, 5 and B = 1, 1, 2, 2, 3.",
                Relation(
                    sp.Tuple(*(_enumerated(n, size) for n, size in _SIZES)),
                    "=",
                    sp.Tuple(*(_predicted(factor, n, size) for n, size in _SIZES)),
                ),
                "exact",
                shown=r"\binom{n}{B}^{-1} \sum_B (1 - \eta h_B)^2 = (1 - \eta a)^2 + \eta^2 s^2 \kappa",
            ),
            Step(
                "The factor less 1 changes its sign once, at the threshold.",
                Relation(sp.expand(factor - 1), "=", _rate * (_mean**2 + kappa * _spread**2) * (_rate - threshold)),
                "exact",
                shown=r"E (1 - \eta h_B)^2 - 1 = \eta (a^2 + \kappa s^2) (\eta - \eta^*)",
            ),
            Step(
                "The threshold.",
                Relation(sp.solve(sp.expand((factor - 1) / _rate), _rate)[0], "=", threshold),
                "exact",
                lambda: 2 / (_mean + kappa * _spread**2 / _mean),
                shown=r"\eta^* = \frac{2 a}{a^2 + \kappa s^2}",
            ),
            Step(
                "It is below that of gradient descent, if the curvatures differ and B < n.",
                Relation(threshold.subs(_samples, _batch + more), "<", 2 / _mean),
                "exact",
                shown=r"\eta^* < \frac{2}{a} \quad (s > 0, \ B < n)",
                domain=Domain(a=(0, sp.oo), s=(0, sp.oo), B=(1, sp.oo), c=(0, sp.oo)),
            ),
            Step(
                "With the whole set it is that of gradient descent.",
                Relation(threshold.subs(_batch, _samples), "=", 2 / _mean),
                "exact",
                shown=r"\eta^* = \frac{2}{a} \quad (B = n)",
            ),
            Step(
                "Read as a bound on the spread of the curvatures at a given learning rate: small batches need uniform "
                "minima, not only flat ones.",
                Relation(sp.solve(sp.expand(factor - 1), _spread**2)[0], "=", spread),
                "exact",
                shown=r"s^2 \le \frac{a (2 - \eta a)}{\eta \kappa}",
            ),
        ),
        whole,
        parts={"factor": sp.Eq(sp.Symbol("m"), factor), "spread": sp.Eq(sp.Symbol("s2"), spread)},
        titles={
            "factor": "growth of the mean square in a step",
            "spread": "largest spread that is stable",
        },
        assumptions=(
            "every sample has its minimum at x = 0, and batches of different steps are independent",
            "one weight; 1 <= B <= n",
        ),
        source=f"{_SOURCE}, section 3",
        shown={
            "result": r"\eta^* = \frac{2 a}{a^2 + \kappa s^2}, \quad \kappa = \frac{n - B}{B (n - 1)}",
            "factor": r"\frac{E x_{t + 1}^2}{E x_t^2} = (1 - \eta a)^2 + \eta^2 s^2 \kappa",
            "spread": r"s^2 \le \frac{a (2 - \eta a)}{\eta \kappa}",
        },
    )


def second_moment_factor(curvatures: Any, batch: int, learning_rate: object) -> sp.Expr:
    """Return the factor by which one step of SGD multiplies the mean square of x, exactly.

    Args:
        curvatures: One second derivative per sample, at least two, read exactly.
        batch: Samples in a batch, drawn without replacement.
        learning_rate: A positive number, read exactly.

    Raises:
        TypeError: If something is not a number.
        ValueError: If there are fewer than two samples, their mean is not positive, or the batch or the learning
            rate does not fit.

    Examples:
        >>> second_moment_factor([1, 3], batch=1, learning_rate="1/2")
        1/4
    """
    mean, variance, kappa = curvature_moments(curvatures, batch)
    rate = exact_number("learning_rate", learning_rate)
    if not rate > 0:
        raise ValueError(f"learning_rate must be > 0, got {learning_rate}.")
    return (1 - rate * mean) ** 2 + rate**2 * variance * kappa


def mean_square_threshold(curvatures: Any, batch: int) -> sp.Expr:
    """Return the learning rate up to which the mean square of SGD stays bounded, exactly.

    Args:
        curvatures: One second derivative per sample, at least two, of positive mean; read exactly.
        batch: Samples in a batch, drawn without replacement.

    Raises:
        TypeError: If something is not a number.
        ValueError: If there are fewer than two samples, their mean is not positive, or the batch does not fit.

    Examples:
        >>> mean_square_threshold([1, 3], batch=1)
        4/5
    """
    mean, variance, kappa = curvature_moments(curvatures, batch)
    return 2 * mean / (mean**2 + variance * kappa)


def curvature_moments(curvatures: Any, batch: int) -> tuple[sp.Expr, sp.Expr, sp.Expr]:
    """Return the mean, the variance with 1/n, and kappa, exactly; refuse what SGD cannot be run on."""
    values = [exact_number("curvatures", value) for value in listed("curvatures", curvatures)]
    if len(values) < 2:
        raise ValueError(f"curvatures must hold at least two samples, got {len(values)}.")
    kappa = batch_noise_factor(len(values), batch)
    mean = sp.Add(*values) / len(values)
    if not mean > 0:
        raise ValueError(f"curvatures must have a positive mean, got {mean}.")
    return mean, sp.Add(*(value**2 for value in values)) / len(values) - mean**2, kappa


def _symbols(samples: int) -> tuple[sp.Symbol, ...]:
    return tuple(islice(sp.numbered_symbols("h_", real=True, start=1), samples))


def _enumerated(samples: int, batch: int) -> sp.Expr:
    """The mean square of 1 - eta h_B over every batch, with free curvatures."""
    factors = [(1 - _rate * sp.Add(*chosen) / batch) ** 2 for chosen in combinations(_symbols(samples), batch)]
    return sp.expand(sp.Add(*factors) / len(factors))


def _predicted(factor: sp.Expr, samples: int, batch: int) -> sp.Expr:
    """The formula with the mean and the variance of free curvatures."""
    values = _symbols(samples)
    mean = sp.Add(*values) / samples
    variance = sp.Add(*((value - mean) ** 2 for value in values)) / samples
    square = sp.Symbol("V")
    with_variance = sp.expand(factor).subs(_spread**2, square)
    return with_variance.subs({_mean: mean, square: variance, _samples: samples, _batch: batch})
