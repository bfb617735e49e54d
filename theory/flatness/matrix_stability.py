r"""Linear stability of SGD in several weights: the mean square as a matrix.

Conventions: n samples with losses x'H_i x/2, all minimal at x = 0, H the mean of the H_i. A batch of B different
samples multiplies x by 1 - eta H_B, H_B the mean of its H_i; kappa = (n - B)/(B(n - 1)), and

.. math:: \Sigma = \frac1n \sum_i H_i^2 - H^2.

The second moment X = E x x' goes to E (1 - eta H_B) X (1 - eta H_B); its spectral radius, as a linear map of symmetric
matrices, decides whether mean squares grow.
"""

from collections.abc import Sequence
from functools import cache
from itertools import combinations
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from theory.derivation import Derivation, Step
from theory.domain import Domain
from theory.flatness.minibatch_noise import batch_covariance, batch_noise_factor
from theory.proof import Relation
from theory.real_arrays import finite_result, positive_integer, positive_number, real_array, symmetric_matrix

__all__ = ["mean_square_growth", "mean_square_matrix", "worst_step_growth"]

_rate = sp.Symbol("eta", positive=True)
_samples, _batch = sp.symbols("n B", positive=True)
_MOST_WEIGHTS = 32
_SIZES = ((2, 1), (3, 2), (4, 2))
_SOURCE = "Wu, Ma and E (2018), How SGD selects the global minima in over-parameterized learning"


@cache
def mean_square_matrix() -> Derivation:
    r"""Derive the mean square of SGD in several weights: that no direction grows at a step is a condition on a matrix.

    .. math:: E |x_{t+1}|^2 = x_t^T M x_t, \qquad M = (1 - \eta H)^2 + \eta^2 \kappa \Sigma

    If no eigenvalue of M exceeds 1 no mean square grows, at any step. That is sufficient and not necessary: what
    decides is the spectral radius of X -> E (1 - eta H_B) X (1 - eta H_B), which is at most the largest eigenvalue of
    M. In one weight the two are equal.

    Returns:
        A derivation; the value is M along a common eigenvector with the mean a and the variance s^2 of the curvatures.

    Examples:
        >>> mean_square_matrix().at(a=1, s=1, n=3, B=2, eta=1)
        1/4
    """
    kappa = batch_covariance().value
    mean, spread = sp.symbols("a s", positive=True)
    along = (1 - _rate * mean) ** 2 + _rate**2 * kappa * spread**2
    first, second = sp.symbols("h g", real=True)
    free, pair = _symmetric("X"), [_symmetric("H"), _symmetric("G")]
    moved, mean_square = _adjoint(free, pair), _adjoint(sp.eye(2), pair)
    example = [sp.Rational(11, 10) * sp.ones(2, 2), sp.diag(1, 0)]
    example_matrix = _adjoint(sp.eye(2), example).subs(_rate, 1)
    example = [matrix / _rate for matrix in example]  # at eta = 1
    measure = _measure(example)
    raised = sp.Symbol("P", real=True)
    one, two = _batch / _samples, _batch * (_batch - 1) / (_samples * (_samples - 1))
    total = sp.Symbol("Q", real=True)  # a sum of H_i, in one of its entries squared
    return Derivation(
        "The mean square of SGD in several weights",
        sp.Eq(sp.Symbol("M"), along),
        (
            Step(
                "Enumeration of every batch, with free symmetric matrices of two weights: n = 2, 3, 4 and B = 1, 2, 2.",
                Relation(
                    sp.Tuple(*(_enumerated(n, size) for n, size in _SIZES)),
                    "=",
                    sp.Tuple(*(_predicted(n, size) for n, size in _SIZES)),
                ),
                "exact",
                shown=r"\binom{n}{B}^{-1} \sum_B (1 - \eta H_B)^2 = (1 - \eta H)^2 + \eta^2 \kappa \Sigma",
            ),
            Step(
                "In general, with P the sum of the H_i^2 and Q the square of the sum of the H_i: one sample is in the "
                "batch with the probability B/n, two with B(B - 1)/(n(n - 1)).",
                Relation(
                    (one * raised + two * (total - raised)) / _batch**2,
                    "=",
                    total / _samples**2 + kappa * (raised / _samples - total / _samples**2),
                ),
                "exact",
                shown=r"E H_B^2 = H^2 + \kappa \Sigma",
            ),
            Step(
                "Along a common eigenvector it is the factor of one weight.",
                Relation((1 - _rate * mean) ** 2 + _rate**2 * kappa * ((spread**2 + mean**2) - mean**2), "=", along),
                "exact",
                shown=r"(1 - \eta a)^2 + \eta^2 \kappa s^2",
            ),
            Step(
                "The trace of the new second moment is tr (X M), at most the largest eigenvalue of M times tr X: the "
                "map does not grow faster than that (two samples, B = 1, free symmetric matrices).",
                Relation(moved.trace(), "=", (free * mean_square).trace()),
                "exact",
                shown=r"\mathrm{tr} \, E (1 - \eta H_B) X (1 - \eta H_B) = \mathrm{tr} \, X M",
            ),
            Step(
                "It may grow less: two samples with the Hessians 11/10 (1, 1; 1, 1) and (1, 0; 0, 0), B = 1, eta = 1. "
                "The direction (0, 1) grows at its first step,",
                Relation(1, "<", example_matrix[1, 1]),
                "exact",
                shown=r"1 < M_{22} = \frac{111}{100}",
            ),
            Step(
                "and yet every mean square falls in the end, because it does so at every step in the measure x'Sx,",
                Relation(measure - _adjoint(measure, example), "=", sp.eye(2)),
                "exact",
                shown=r"S - E (1 - \eta H_B) S (1 - \eta H_B) = 1",
            ),
            Step(
                "in which S is positive definite.",
                Relation(sp.Tuple(0, 0), "<", sp.Tuple(measure[0, 0], measure.det())),
                "exact",
                shown=r"S_{11} > 0, \quad \det S > 0",
            ),
            Step(
                "In one weight the two are equal (two samples, B = 1).",
                Relation(
                    ((1 - _rate * first) ** 2 + (1 - _rate * second) ** 2) / 2,
                    "=",
                    (1 - _rate * (first + second) / 2) ** 2 + _rate**2 * ((first - second) / 2) ** 2,
                ),
                "exact",
                shown=r"E (1 - \eta h_B)^2 = (1 - \eta a)^2 + \eta^2 \kappa s^2",
            ),
        ),
        Domain(eta=(0, sp.oo), a=(0, sp.oo), s=(0, sp.oo), n=(1, sp.oo), B=(0, sp.oo))
        .with_integers("n", "B")
        .where(_batch <= _samples),
        assumptions=("every sample has its minimum at x = 0, and batches of different steps are independent",),
        source=_SOURCE,
        shown={"result": r"M = (1 - \eta H)^2 + \eta^2 \kappa \Sigma"},
    )


def worst_step_growth(hessians: Any, batch: int, learning_rate: float) -> float:
    """Return the largest factor by which one step of SGD can multiply a mean square: the largest eigenvalue of M.

    Args:
        hessians: Samples x n x n, symmetric, at least two samples.
        batch: Samples in a batch, drawn without replacement.
        learning_rate: eta > 0.

    Raises:
        TypeError: If a number is none.
        ValueError: If shapes do not fit, something is not finite, or the batch or the learning rate does not fit.

    Examples:
        >>> worst_step_growth([[[1.0]], [[3.0]]], batch=1, learning_rate=0.5)
        0.25
    """
    table, rate, kappa = _read(hessians, batch, learning_rate)
    with np.errstate(over="ignore", invalid="ignore"):
        moved = rate * table
        mean = moved.mean(axis=0)
        step = np.eye(len(mean)) - mean
        matrix = step @ step + kappa * ((moved @ moved).mean(axis=0) - mean @ mean)
    return _largest(matrix, rate)


def mean_square_growth(hessians: Any, batch: int, learning_rate: float) -> float:
    """Return the factor by which mean squares of SGD grow at each step in the end: a spectral radius.

    Args:
        hessians: Samples x n x n, symmetric, at least two samples, n <= 32.
        batch: Samples in a batch, drawn without replacement.
        learning_rate: eta > 0.

    Returns:
        The spectral radius of X -> E (1 - eta H_B) X (1 - eta H_B); the matrix of that map, n^2 x n^2, is allocated.

    Raises:
        TypeError: If a number is none.
        ValueError: If shapes do not fit, something is not finite, n > 32, or the batch or the learning rate does not
            fit.

    Examples:
        >>> mean_square_growth([[[1.0]], [[3.0]]], batch=1, learning_rate=0.5)
        0.25
    """
    table, rate, kappa = _read(hessians, batch, learning_rate)
    size = table.shape[1]
    if size > _MOST_WEIGHTS:
        raise ValueError(f"hessians must be of at most {_MOST_WEIGHTS} weights, got {size}.")
    with np.errstate(over="ignore", invalid="ignore"):
        moved = rate * table
        mean = moved.mean(axis=0)
        step = np.eye(size) - mean
        noise = np.mean([np.kron(part, part) for part in moved - mean], axis=0)
        matrix = np.kron(step, step) + kappa * noise
    return _largest(matrix, rate)


def _read(hessians: Any, batch: int, learning_rate: float) -> tuple[NDArray[np.float64], float, float]:
    table = real_array("hessians", hessians)
    if table.ndim != 3 or len(table) < 2:
        raise ValueError(f"hessians must be samples x n x n, of at least two samples, got the shape {table.shape}.")
    table = np.array([symmetric_matrix("hessians", part) for part in table])
    kappa = float(batch_noise_factor(len(table), positive_integer("batch", batch)))
    return table, positive_number("learning_rate", learning_rate), kappa


def _largest(matrix: NDArray[np.float64], rate: float) -> float:
    """The largest eigenvalue of a map of mean squares, if double precision holds it."""
    finite_result("the square of learning_rate times hessians", float(abs(matrix).max()), learning_rate=rate)
    return float(np.linalg.eigvalsh(matrix)[-1])


def _symmetric(name: str) -> sp.ImmutableMatrix:
    a, b, c = sp.symbols(f"{name}_11 {name}_12 {name}_22", real=True)
    return sp.ImmutableMatrix([[a, b], [b, c]])


def _adjoint(matrix: Any, hessians: Sequence[Any]) -> sp.ImmutableMatrix:
    """The mean of (1 - eta H_i) X (1 - eta H_i) over some Hessians."""
    steps = [sp.eye(2) - _rate * hessian for hessian in hessians]
    total = sum((step * matrix * step for step in steps), sp.zeros(2, 2))
    return sp.ImmutableMatrix((total / len(steps)).applyfunc(sp.expand))


def _batches(samples: int, batch: int) -> list[Any]:
    matrices = [_symmetric(f"H{i}") for i in range(1, samples + 1)]
    return [sum(chosen, sp.zeros(2, 2)) / batch for chosen in combinations(matrices, batch)]


def _enumerated(samples: int, batch: int) -> sp.ImmutableMatrix:
    return _adjoint(sp.eye(2), _batches(samples, batch))


def _predicted(samples: int, batch: int) -> sp.ImmutableMatrix:
    matrices = [_symmetric(f"H{i}") for i in range(1, samples + 1)]
    mean = sum(matrices, sp.zeros(2, 2)) / samples
    spread = sum((matrix**2 for matrix in matrices), sp.zeros(2, 2)) / samples - mean**2
    step = sp.eye(2) - _rate * mean
    kappa = sp.Rational(samples - batch, batch * (samples - 1))
    return sp.ImmutableMatrix(step * step + _rate**2 * kappa * spread)


def _measure(hessians: Sequence[Any]) -> sp.ImmutableMatrix:
    """The S with S - E (1 - eta H) S (1 - eta H) = 1."""
    unknown = _symmetric("S")
    rest = (unknown - _adjoint(unknown, hessians) - sp.eye(2)).applyfunc(sp.expand)
    solved = sp.solve(list(rest), list({*unknown}), dict=True)[0]
    return sp.ImmutableMatrix(unknown.subs(solved))
