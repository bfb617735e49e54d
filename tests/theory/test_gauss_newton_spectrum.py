"""The Gauss-Newton part with many samples: sums of eigenvalues, a classical convolution and no free one."""

import numpy as np

from theory.free_probability.laws import marchenko_pastur
from theory.gauss_newton_spectrum import gauss_newton_limit


def test_the_moments_are_those_of_a_classical_convolution() -> None:
    result = gauss_newton_limit()
    assert result.evidence == "exact"
    assert result.passed
    assert tuple(result.value) == (2, 6, 22, 92, 424, 2108)
    assert tuple(2 * moment for moment in result.parts["whole spectrum"].rhs) == tuple(result.value)


def test_a_free_sum_agrees_to_the_third_moment_only() -> None:
    free = marchenko_pastur(1) + marchenko_pastur(1)
    agree = [free.moment(order) == moment for order, moment in enumerate(gauss_newton_limit().value, 1)]
    assert agree == [True, True, True, False, False, False]


def test_eigenvalues_of_dense_matrices_are_sums_once_samples_abound() -> None:
    """At n = 3 the distance falls with the root of the number of samples."""
    source = np.random.default_rng(1)
    first, second = (source.standard_normal((3, 3)) / 3**0.5 for _ in range(2))
    sums = np.add.outer(np.linalg.eigvalsh(second @ second.T), np.linalg.eigvalsh(first.T @ first))
    expected = np.sort(np.concatenate([np.zeros(9), sums.ravel()]))
    distances = []
    for samples in (10**3, 10**5):
        x = source.standard_normal((3, samples))
        moved = np.hstack([np.kron(second, np.eye(3)), np.kron(np.eye(3), first.T)])  # of (U, V) to F, row by row
        gauss_newton = moved.T @ np.kron(np.eye(3), x @ x.T / samples) @ moved
        distances.append(abs(np.linalg.eigvalsh(gauss_newton) - expected).max())
    assert distances[0] < 1
    assert distances[1] < 0.3 * distances[0]


def test_sums_of_eigenvalues_have_these_moments_at_large_width() -> None:
    source = np.random.default_rng(2)
    first, second = (source.standard_normal((300, 300)) / 300**0.5 for _ in range(2))
    sums = np.add.outer(np.linalg.svd(first)[1] ** 2, np.linalg.svd(second)[1] ** 2)
    for order, moment in enumerate(gauss_newton_limit().value, 1):
        assert abs((sums**order).mean() / float(moment) - 1) < 0.08
