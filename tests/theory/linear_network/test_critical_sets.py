"""Every critical set of a linear network against dense Hessians, at two points of each."""

from collections.abc import Iterator
from fractions import Fraction
from itertools import combinations

import numpy as np
import pytest
import sympy as sp
import torch
from numpy.typing import NDArray

from theory.linear_network import CriticalSet, critical_points

Array = NDArray[np.float64]
SHAPES = [(3, 3, 3), (2, 3, 4), (4, 3, 2), (3, 2, 3), (2, 1, 3), (3, 5, 2), (1, 2, 1)]


def _data(inputs: int, outputs: int, seed: int = 0) -> tuple[Array, Array]:
    source = np.random.default_rng(seed)
    return source.standard_normal((9, inputs)), source.standard_normal((9, outputs))


def _points(x: Array, y: Array, hidden: int) -> Iterator[tuple[tuple[int, ...], Array, Array]]:
    """One critical point (W1, W2) per set of directions: least squares projected on left singular vectors."""
    samples = len(x)
    gram = x.T @ x / samples
    values, vectors = np.linalg.eigh(gram)
    root = vectors @ np.diag(values**-0.5) @ vectors.T
    left, singular, right = np.linalg.svd(y.T @ x / samples @ root, full_matrices=False)
    for rank in range(min(hidden, len(singular)) + 1):
        for chosen in combinations(range(len(singular)), rank):
            kept = list(chosen)
            first = np.zeros((hidden, x.shape[1]))
            second = np.zeros((y.shape[1], hidden))
            first[:rank] = np.diag(singular[kept]) @ right[kept] @ root
            second[:, :rank] = left[:, kept]
            yield chosen, first, second


def _hessian(x: Array, y: Array, first: Array, second: Array) -> Array:
    """The dense Hessian by its blocks: Kronecker products for the Gauss-Newton part, residuals across layers."""
    samples, (hidden, inputs), outputs = len(x), first.shape, len(second)
    residual = x @ (second @ first).T - y
    units = x @ first.T
    by_first = np.einsum("oh,si->sohi", second, x).reshape(samples * outputs, hidden * inputs)
    by_second = np.einsum("op,sh->soph", np.eye(outputs), units).reshape(samples * outputs, outputs * hidden)
    jacobian = np.hstack([by_first, by_second])
    hessian = jacobian.T @ jacobian / samples
    mixed = np.einsum("so,si,hk->hiok", residual, x, np.eye(hidden)) / samples
    block = mixed.reshape(hidden * inputs, outputs * hidden)
    hessian[: hidden * inputs, hidden * inputs :] += block
    hessian[hidden * inputs :, : hidden * inputs] += block.T
    return hessian


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_every_critical_set_has_the_predicted_energy_index_and_nullity(shape: tuple[int, int, int]) -> None:
    inputs, hidden, outputs = shape
    x, y = _data(inputs, outputs)
    predicted: dict[tuple[int, ...], CriticalSet] = {item.directions: item for item in critical_points(x, y, hidden)}
    points = list(_points(x, y, hidden))
    assert predicted.keys() == {chosen for chosen, _, _ in points}
    for chosen, first, second in points:
        residual = x @ (second @ first).T - y
        gradient = np.concatenate([(second.T @ residual.T @ x).ravel(), (residual.T @ x @ first.T).ravel()])
        assert abs(gradient).max() < 1e-12
        eigenvalues = np.linalg.eigvalsh(_hessian(x, y, first, second))
        record = predicted[chosen]
        assert (eigenvalues < -1e-9).sum() == record.index
        assert (abs(eigenvalues) <= 1e-9).sum() == record.zero_modes
        assert float(record.energy) == pytest.approx((residual**2).sum() / (2 * len(x) * outputs), rel=1e-12)


def test_minima_come_first_and_only_they_have_index_zero() -> None:
    x, y = _data(3, 3, seed=1)
    for hidden in (1, 2, 3, 5):
        sets = critical_points(x, y, hidden)
        assert [item.minimum for item in sets] == [True] + [False] * (len(sets) - 1)
        assert all((item.index == 0) == item.minimum for item in sets)
        assert sets[-1].directions == ()


def test_energies_are_certified_to_the_digits_asked_for() -> None:
    x, y = [[1, 0], [0, 1], [1, 1]], [[2, 0], [0, 1], [2, 1]]
    for digits in (10, 40):
        sets = critical_points(x, y, 2, digits=digits)
        assert all(item.energy.radius <= Fraction(1, 10**digits) for item in sets)
        assert sets[0].energy.contains(0)  # y is a linear function of x
        assert sets[-1].energy.contains(Fraction(5, 6))


def test_arrays_are_the_binary_numbers_they_hold_and_lists_what_was_typed() -> None:
    typed = critical_points([[0.1], [0.2]], [[0.3], [0.4]], 1)[0].energy
    held = critical_points(np.array([[0.1], [0.2]]), np.array([[0.3], [0.4]]), 1)[0].energy
    exact = (Fraction(3, 10) ** 2 + Fraction(4, 10) ** 2 - Fraction(11, 100) ** 2 / Fraction(5, 100)) / 4
    assert typed.contains(exact)
    assert not held.contains(exact)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (([[1], [2]], [[1], [1]], 0), r"hidden must be an integer >= 1, got 0"),
        (([[1], [2]], [[1], [1]], 1.5), r"hidden must be an integer >= 1, got 1\.5"),
        (([[1], [2]], [[1]], 1), r"x and y must have one row per sample, got 2 and 1 rows"),
        (([1, 2], [[1], [1]], 1), r"x must be a table of samples x features, got the shape \(2,\)"),
        (([[1], [float("nan")]], [[1], [1]], 1), r"x must be a finite real number, got nan"),
        (([[1], [sp.sqrt(2)]], [[1], [1]], 1), r"x must hold rational numbers"),
        (([[1, 1], [2, 2]], [[1], [1]], 1), r"x must have full column rank 2, got rank 1"),
        (([[1, 0], [0, 1]], [[1, 0], [0, 1]], 1), r"x and y must have distinct singular values"),
        (([[1], [1]], [[1], [-1]], 1), r"x and y must have non-zero singular values"),
        ((np.eye(17), np.eye(17), 1), r"min\(inputs, outputs\) must be <= 16, got 17"),
    ],
    ids=str,
)
def test_bad_input_is_refused(arguments: tuple[object, object, int], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        critical_points(*arguments)


def test_digits_must_be_positive() -> None:
    with pytest.raises(ValueError, match=r"digits must be an integer from 1 to 10000, got 0"):
        critical_points([[1]], [[1]], 1, digits=0)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_the_point_handed_over_is_on_its_set(shape: tuple[int, int, int]) -> None:
    """Its gradient vanishes, its loss is the energy, and its Hessian has the counts."""
    inputs, hidden, outputs = shape
    x, y = _data(inputs, outputs, seed=2)
    for item in critical_points(x, y, hidden):
        assert item.weights.shape == (hidden * (inputs + outputs),)
        first = item.weights[: hidden * inputs].reshape(hidden, inputs)
        second = item.weights[hidden * inputs :].reshape(outputs, hidden)
        residual = x @ (second @ first).T - y
        gradient = np.concatenate([(second.T @ residual.T @ x).ravel(), (residual.T @ x @ first.T).ravel()])
        assert abs(gradient).max() < 1e-12
        assert float(item.energy) == pytest.approx((residual**2).sum() / (2 * len(x) * outputs), rel=1e-12)
        eigenvalues = np.linalg.eigvalsh(_hessian(x, y, first, second))
        assert ((eigenvalues < -1e-9).sum(), (abs(eigenvalues) <= 1e-9).sum()) == (item.index, item.zero_modes)


def test_sets_are_equal_by_what_they_are_and_hashable() -> None:
    x, y = _data(2, 2)
    first, second = critical_points(x, y, 2), critical_points(x, y, 2)
    assert first == second
    assert len({*first, *second}) == 4
    with pytest.raises(ValueError, match="read-only"):
        first[0].weights[0] = 0.0


@pytest.mark.parametrize("unit", ["1e-139", "1", "1e139"])
def test_the_unit_of_the_targets_moves_neither_order_nor_index(unit: str) -> None:
    """Squares of singular values that no float holds are still in order."""
    x, y = [[1, 0], [0, 1], [1, 1]], [[2, 0], [0, 1], [2, 1]]
    scaled = [[entry * Fraction(unit) for entry in row] for row in y]
    plain, other = critical_points(x, y, 1), critical_points(x, scaled, 1)
    assert [(one.directions, one.index, one.minimum) for one in other] == [
        (one.directions, one.index, one.minimum) for one in plain
    ]
    assert float(other[0].energy.midpoint / Fraction(unit) ** 2) == pytest.approx(float(plain[0].energy), rel=1e-12)


def test_tables_that_hold_no_plain_numbers_are_refused() -> None:
    good = [[1], [1]]
    for bad in (torch.ones(2, 1, requires_grad=True), np.ma.masked_array([[1.0], [1.0]], mask=[[True], [False]])):
        with pytest.raises(ValueError, match=r"x must hold real numbers in equal rows, got"):
            critical_points(bad, good, 1)
    with pytest.raises(ValueError, match=r"y must have a mean square from"):
        critical_points(good, np.array(good) * 1e-163, 1)
    with pytest.raises(ValueError, match=r"digits must be an integer from 1 to 10000, got 1000000"):
        critical_points(good, good, 1, digits=10**6)


def test_a_tensor_is_read_as_the_binary_numbers_it_holds() -> None:
    table = np.array([[0.1], [0.3]])
    assert critical_points(torch.tensor(table), table, 1)[0].energy == critical_points(table, table, 1)[0].energy
