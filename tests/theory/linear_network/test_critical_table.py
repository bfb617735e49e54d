"""All critical sets at once in double precision, against the certified ones and against gradients."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from theory.linear_network import critical_points, critical_table

Array = NDArray[np.float64]
SHAPES = [(3, 3, 3), (2, 3, 4), (4, 3, 2), (3, 2, 3), (2, 1, 3), (3, 5, 2), (1, 2, 1)]


def _data(inputs: int, outputs: int, samples: int = 9, seed: int = 0) -> tuple[Array, Array]:
    source = np.random.default_rng(seed)
    return source.standard_normal((samples, inputs)), source.standard_normal((samples, outputs))


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_the_table_says_what_the_certified_sets_say(shape: tuple[int, int, int]) -> None:
    x, y = _data(shape[0], shape[2])
    table, sets = critical_table(x, y, shape[1]), critical_points(x, y, shape[1])
    assert [tuple(np.flatnonzero(row)) for row in table.chosen] == [item.directions for item in sets]
    assert table.index.tolist() == [item.index for item in sets]
    assert table.zero_modes.tolist() == [item.zero_modes for item in sets]
    np.testing.assert_allclose(table.energy, [float(item.energy) for item in sets], rtol=1e-13)
    for row, item in enumerate(sets):
        np.testing.assert_array_equal(table.weights(row), item.weights)


@given(
    sizes=st.tuples(*[st.integers(1, 4)] * 3),
    scale=st.floats(0.1, 10),
    seed=st.integers(0, 2**32 - 1),
)
def test_scaling_the_targets_scales_energies_and_keeps_counts(
    sizes: tuple[int, int, int], scale: float, seed: int
) -> None:
    inputs, hidden, outputs = sizes
    x, y = _data(inputs, outputs, seed=seed)
    one, other = critical_table(x, y, hidden), critical_table(x, scale * y, hidden)
    np.testing.assert_array_equal(one.index, other.index)
    np.testing.assert_array_equal(one.zero_modes, other.zero_modes)
    np.testing.assert_allclose(other.energy, scale**2 * one.energy, rtol=1e-10)
    np.testing.assert_allclose(other.relative_energy, one.relative_energy, rtol=1e-10)
    assert one.relative_energy[-1] == pytest.approx(0.5, rel=1e-12)  # the zero network


def test_inputs_and_outputs_may_be_exchanged() -> None:
    """The transposed problem (whitened inputs) has the same indices and nullities."""
    source = np.random.default_rng(3)
    basis, _ = np.linalg.qr(source.standard_normal((7, 3)))
    targets = source.standard_normal((7, 2))
    cross = basis.T @ targets  # with orthonormal inputs the data are this matrix
    turned, _ = np.linalg.qr(source.standard_normal((7, 2)))
    wide = critical_table(basis, targets, 4)
    tall = critical_table(turned, turned @ cross.T, 4)
    np.testing.assert_allclose(wide.singular_values, tall.singular_values, rtol=1e-12)
    np.testing.assert_array_equal(wide.index, tall.index)
    np.testing.assert_array_equal(wide.zero_modes, tall.zero_modes)


def test_eight_directions_have_256_sets_of_all_energies() -> None:
    x, y = _data(8, 8, samples=32)
    table = critical_table(x, y, 8)
    assert len(table) == 256
    assert (np.diff(table.energy) >= 0).all()
    assert table.alpha[-1] == 0.5
    assert (table.index == 0).sum() == 1
    assert repr(table) == "<CriticalTable of 256 sets, 8-8-8>"
    for row in (0, 17, 255):
        weights = table.weights(row)
        first, second = weights[:64].reshape(8, 8), weights[64:].reshape(8, 8)
        residual = x @ (second @ first).T - y
        assert abs(second.T @ residual.T @ x).max() < 1e-11
        assert abs(residual.T @ x @ first.T).max() < 1e-11
        assert table.energy[row] == pytest.approx((residual**2).sum() / (2 * 32 * 8), rel=1e-12)


def test_sets_that_are_asked_for_keep_their_order() -> None:
    x, y = _data(20, 20, samples=50)
    chosen = np.arange(20) < np.array([[20], [0], [7]])
    table = critical_table(x, y, 20, chosen)
    assert table.index.tolist() == [0, 400, 169]
    np.testing.assert_array_equal(table.chosen, chosen)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_critical_point_is_found_again_from_its_weights_in_any_gauge(shape: tuple[int, int, int]) -> None:
    inputs, hidden, outputs = shape
    table = critical_table(*_data(inputs, outputs, seed=6), hidden)
    gauge = np.random.default_rng(8).standard_normal((hidden, hidden))
    points = []
    for row in range(len(table)):
        first = table.weights(row)[: hidden * inputs].reshape(hidden, inputs)
        second = table.weights(row)[hidden * inputs :].reshape(outputs, hidden)
        points.append(np.concatenate([(gauge @ first).ravel(), (second @ np.linalg.inv(gauge)).ravel()]))
        assert table.row_of(points[-1]) == row
    np.testing.assert_allclose(table.fitted(points), table.chosen, atol=1e-10)


def test_weights_that_are_not_critical_have_no_row() -> None:
    """Neither random ones, nor a point a thousandth off, in whatever gauge, nor numbers that are none."""
    table = critical_table(*_data(3, 3), 3)
    off = table.weights(2) * 1.001
    gauge = np.repeat([1e-4, 1e4], 9)  # W1 small, W2 large
    for weights in (np.random.default_rng(0).standard_normal(18), off, off * gauge, np.full(18, np.nan)):
        with pytest.raises(ValueError, match=r"weights must be a critical point of the linear network, got a gradient"):
            table.row_of(weights)
    noise = 1e-13 * np.random.default_rng(1).standard_normal(18)
    for row in range(len(table)):
        assert table.row_of(table.weights(row) + noise) == row
        assert table.row_of(table.weights(row) * gauge) == row


def test_weights_of_another_shape_or_set_are_refused() -> None:
    table = critical_table(*_data(2, 2), 2, [[True, False]])
    with pytest.raises(ValueError, match=r"weights must have 8 numbers on the last axis, got the shape \(7,\)"):
        table.fitted(np.zeros(7))
    with pytest.raises(ValueError, match=r"weights must be on a set of the table, got directions \[\]"):
        table.row_of(np.zeros(8))


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (([[1], [2]], [[1]], 1), r"x and y must have one row per sample, got 2 and 1 rows"),
        (([1, 2], [[1], [1]], 1), r"x must be a table of samples x features, got the shape \(2,\)"),
        (([["a"]], [[1]], 1), r"x must hold real numbers in equal rows, got 'a'"),
        ((np.eye(2) * 1j, np.diag([1, 2]), 1), r"x must hold real numbers in equal rows, got the type complex128"),
        (([[1]], [[1e160]], 1), r"y must have a mean square from 1e-280 to 1e\+280, got inf"),
        (([[1]], [[1e-163]], 1), r"y must have a mean square from 1e-280 to 1e\+280, got less"),
        (([[1]], [[1e-150]], 1), r"y must have a mean square from 1e-280 to 1e\+280, got 1e-300"),
        (([[1]], [[1]], 10**10), r"hidden must be at most 1000000, got 10000000000"),
        (([[1], [float("inf")]], [[1], [1]], 1), r"x must be finite"),
        (([[1, 1], [2, 2]], [[1], [1]], 1), r"x must have full column rank 2, got rank 1"),
        (
            ([[1, 0], [0, 1]], [[1, 0], [0, 1]], 1),
            r"x and y must have distinct singular values, got two that differ by",
        ),
        (([[1], [1]], [[1], [-1]], 1), r"x and y must have non-zero singular values, got"),
        ((np.eye(17), np.diag(np.arange(1.0, 18)), 1), r"chosen must be given for min\(inputs, outputs\) > 16, got 17"),
        (([[1]], [[1]], 0), r"hidden must be >= 1, got 0"),
        (([[1]], [[1]], 1, [[1]]), r"chosen must hold truth values, sets x 1, got int64 of shape \(1, 1\)"),
        (([[1]], [[1]], 1, [[True, True]]), r"chosen must hold truth values, sets x 1, got bool of shape \(1, 2\)"),
        (
            (np.eye(2), np.diag([1.0, 2]), 1, [[True, True]]),
            r"chosen must hold at most hidden = 1 directions a set, got 2",
        ),
    ],
    ids=str,
)
def test_bad_input_is_refused(arguments: tuple[object, ...], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        critical_table(*arguments)  # type: ignore[arg-type]


def test_rows_are_counted_from_zero() -> None:
    table = critical_table([[1]], [[1]], 1)
    for row in (2, -1):
        with pytest.raises(ValueError, match=rf"row must be from 0 to 1, got {row}"):
            table.weights(row)
    with pytest.raises(TypeError, match=r"row must be an integer, got True"):
        table.weights(True)


def test_the_width_must_be_an_integer() -> None:
    with pytest.raises(TypeError, match=r"hidden must be an integer, got 1\.5"):
        critical_table([[1]], [[1]], 1.5)  # type: ignore[arg-type]
