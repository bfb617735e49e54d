"""Quadratic units: paths at the least widths, from every kind of degenerate start."""

import numpy as np
import pytest

from theory.level_sets import (
    QUADRATIC_KINDS,
    degenerate_start,
    output_matrix,
    quadratic_descent,
    quadratic_path,
)
from theory.level_sets.quadratic_frames import QuadraticUnits, to_frame
from theory.level_sets.quadratic_tracking import assign


def _loss(theta: np.ndarray, target: np.ndarray) -> float:
    """E (x'(A - T) x)^2 for standard normal inputs."""
    gap = output_matrix(theta, len(target)) - target
    return float(2 * (gap**2).sum() + np.trace(gap) ** 2)


def _targets(inputs: int) -> list[np.ndarray]:
    drawn = np.random.default_rng(inputs).normal(size=(inputs, inputs))
    signs = np.diag(np.where(np.arange(inputs) % 2, -1.0, 2.0))
    return [drawn + drawn.T, signs, -np.ones((inputs, inputs))]


@pytest.mark.parametrize("kind", QUADRATIC_KINDS)
@pytest.mark.parametrize(("inputs", "units"), [(1, 1), (2, 2), (3, 3), (3, 5), (4, 4)])
def test_a_path_descends_from_everywhere_at_width_n(kind: str, inputs: int, units: int) -> None:
    start = degenerate_start(kind, inputs, units, seed=1)
    for target in _targets(inputs):
        path = quadratic_descent(start, target, inputs)
        sample = path.sample(4)
        assert np.array_equal(sample[0], start)
        losses = np.array([_loss(theta, target) for theta in sample])
        assert np.diff(losses).max(initial=0.0) <= 1e-13 * max(1.0, losses[0])
        np.testing.assert_allclose(output_matrix(path.end, inputs), target, atol=1e-13)


@pytest.mark.parametrize("place", range(len(QUADRATIC_KINDS)))
@pytest.mark.parametrize("inputs", [1, 2, 3, 4])
def test_a_path_connects_everything_at_width_n_plus_one(place: int, inputs: int) -> None:
    start = degenerate_start(QUADRATIC_KINDS[place], inputs, inputs + 1, seed=2)
    end = degenerate_start(QUADRATIC_KINDS[(5 * place + inputs) % len(QUADRATIC_KINDS)], inputs, inputs + 1, seed=3)
    sample = quadratic_path(start, end, inputs).sample(4)
    assert np.array_equal(sample[0], start)
    assert np.array_equal(sample[-1], end)
    for target in _targets(inputs):
        losses = [_loss(theta, target) for theta in sample]
        assert max(losses) - max(losses[0], losses[-1]) <= 1e-13 * max(1.0, losses[0], losses[-1])


@pytest.mark.parametrize(
    "scales", [(1e-100, 1e-100, 1e-100, 1e-100), (1e60, 1e60, 1, 1), (1, 1, 1e-100, 1e200), (1e-105, 1, 1e90, 1e90)]
)
@pytest.mark.parametrize("kind", ["random", "cancelling but for rounding", "outer scales"])
def test_no_scale_of_the_weights_takes_the_paths_off(kind: str, scales: tuple[float, ...]) -> None:
    """Outer weights and columns of both ends are multiplied by large or small numbers."""
    inputs = 2
    start, end = (
        degenerate_start(kind, inputs, 3, seed) * np.repeat(factors, [6, 3])
        for seed, factors in ((7, (scales[1], scales[0])), (8, (scales[3], scales[2])))
    )
    target = scales[2] * scales[3] * scales[3] * _targets(inputs)[0]
    size = max(
        float(((theta[:6].reshape(3, 2) * abs(theta[6:, None]) ** 0.5) ** 2).sum()) for theta in (start, end)
    )  # an upper bound of both matrices, and the scale of rounding
    sample = quadratic_path(start, end, inputs).sample(3)
    assert np.array_equal(sample[[0, -1]], [start, end])
    first, last = output_matrix(start, inputs) / size, output_matrix(end, inputs) / size
    squares = [float(((output_matrix(theta, inputs) / size - last) ** 2).sum()) for theta in sample]
    assert max(squares) <= ((first - last) ** 2).sum() + 1e-13
    path = quadratic_descent(start, target, inputs)
    unit = max(size, float(abs(target).max()))
    losses = [float((((output_matrix(theta, inputs) - target) / unit) ** 2).sum()) for theta in path.sample(3)]
    assert np.diff(losses).max() <= 1e-13
    assert losses[-1] <= 1e-26


@pytest.mark.parametrize("kinds", [("random", "random"), ("cancelling", "one line"), ("nearly one line", "idle units")])
def test_the_path_is_continuous(kinds: tuple[str, str]) -> None:
    """Pieces join, and within each the largest step falls when it is cut in 64."""
    path = quadratic_path(degenerate_start(kinds[0], 3, 4, 5), degenerate_start(kinds[1], 3, 4, 6), 3)
    for before, after in zip(path.pieces[:-1], path.pieces[1:], strict=True):
        np.testing.assert_allclose(before(1.0), after(0.0), atol=1e-12)
    for piece in path.pieces:
        steps = abs(np.diff([piece(k / 32) for k in range(33)], axis=0)).max(axis=1)
        widest = int(steps.argmax())
        inner = abs(np.diff([piece((widest + k / 64) / 32) for k in range(65)], axis=0)).max()
        assert inner <= steps[widest] / 3 + 1e-6  # a root of an eigenvalue that starts at 0 falls by 1/8


@pytest.mark.parametrize("kind", QUADRATIC_KINDS)
def test_a_frame_has_orthogonal_columns_and_the_same_outputs(kind: str) -> None:
    units = QuadraticUnits.read("start", degenerate_start(kind, 3, 5, seed=4), 3, 5)
    frame = to_frame(units).now
    size = max(1.0, float((abs(units.outer) * units.columns**2).sum()))
    assert set(frame.outer) <= {1.0, -1.0}
    products = frame.columns.T @ frame.columns
    assert abs(products - np.diag(np.diag(products))).max() <= 1e-14 * size
    np.testing.assert_allclose(frame.matrix, units.matrix, atol=1e-14 * size)
    assert (frame.columns != 0).any(axis=0).sum() <= 3


@pytest.mark.parametrize("inputs", [4, 6])
def test_directions_nearly_on_one_line_take_few_turns(inputs: int) -> None:
    """Hundreds of turns, each with its own rounding, would add up to some 1e-14 of the weights."""
    for seed in range(4):
        units = QuadraticUnits.read(
            "start", degenerate_start("nearly one line", inputs, inputs + 1, seed), inputs, inputs + 1
        )
        walk = to_frame(units)
        assert len(walk.pieces) < 100
        size = float((abs(units.outer) * units.columns**2).sum())
        np.testing.assert_allclose(walk.now.matrix, units.matrix, atol=5e-15 * size)


def test_kinds_of_start_are_what_they_are_called() -> None:
    assert not degenerate_start("all zero", 3, 3, 1)[:9].any()
    assert (degenerate_start("one sign", 3, 3, 1)[9:] == 1).all()
    assert (degenerate_start("idle units", 3, 3, 1)[9:] == 0).tolist() == [True, False, True]
    assert np.linalg.matrix_rank(degenerate_start("one line", 3, 4, 1)[:12].reshape(4, 3)) == 1
    cancelling = degenerate_start("cancelling", 3, 4, 1)
    np.testing.assert_allclose(output_matrix(cancelling, 3), np.zeros((3, 3)), atol=1e-12)
    with pytest.raises(ValueError, match=r"kind must be one of random, .* got 'hopeless'"):
        degenerate_start("hopeless", 2, 2, 0)
    with pytest.raises(ValueError, match="inputs must be >= 1, got 0"):
        degenerate_start("random", 0, 2, 0)
    with pytest.raises(ValueError, match="units must leave at most 10000000 parameters, got 3000000000000"):
        degenerate_start("random", 2, 10**12, 0)
    with pytest.raises(ValueError, match="seed must be >= 0, got -1"):
        degenerate_start("random", 2, 2, -1)
    with pytest.raises(TypeError, match=r"seed must be an integer, got 1\.5"):
        degenerate_start("random", 2, 2, 1.5)  # type: ignore[arg-type]


def test_at_width_n_two_minima_may_have_no_path() -> None:
    """One unit, one input: u w^2 = 2 has the components w > 0 and w < 0, and no path is offered."""
    with pytest.raises(ValueError, match="width must exceed the number 1 of inputs, got 1"):
        quadratic_path([1, 2], [-1, 2], 1)


def test_bad_input_is_refused() -> None:
    with pytest.raises(ValueError, match="inputs must be >= 1, got 0"):
        quadratic_descent([1, 1], [[1]], 0)
    with pytest.raises(TypeError, match="inputs must be an integer, got '1'"):
        quadratic_path([1] * 4, [1] * 4, "1")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="start must have 3 parameters per unit, got 4 parameters"):
        quadratic_descent([1, 1, 1, 1], np.eye(2), 2)
    with pytest.raises(ValueError, match="start must hold real numbers in equal rows"):
        quadratic_path([[1], [1, 2]], [1] * 4, 1)
    with pytest.raises(ValueError, match="width must be at least the number 2 of inputs, got 1"):
        quadratic_descent([1, 1, 1], np.eye(2), 2)
    with pytest.raises(ValueError, match=r"target must be a matrix of shape \(1, 1\), got \(2, 2\)"):
        quadratic_descent([1, 1], np.eye(2), 1)
    with pytest.raises(ValueError, match=r"target must be below 2\^1000, got an entry of 2\^1023"):
        quadratic_descent([1, 1], [[1e308]], 1)
    with pytest.raises(ValueError, match="target must be symmetric"):
        quadratic_descent([1.0] * 6, [[0, 1], [0, 0]], 2)
    with pytest.raises(ValueError, match="end must be a vector of 4 parameters"):
        quadratic_path([1, 2, 1, 1], [1, 2, 1], 1)
    with pytest.raises(ValueError, match=r"end must have an output matrix below 2\^1000, got a larger one"):
        quadratic_path([1] * 4, [1e200] * 4, 1)
    with pytest.raises(ValueError, match=r"parameter must have an output matrix below 2\^1000, got a larger one"):
        output_matrix([1e308] * 4, 1)
    with pytest.raises(ValueError, match=r"width must be at least 2 \+ 1, got 2"):
        assign(to_frame(QuadraticUnits.read("start", [1, 1, 1, 1], 1, 2)), 2, 1)
